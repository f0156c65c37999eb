//! Which row of a table does a name mean?
//!
//! The name itself is one look into a hash map. What is found in any other way
//! is remembered in a fixed number of places, so that a client that keeps to its
//! own spelling pays for it once; what is refused is not remembered.
//!
//! Three indexes answer, each only where the one before it was silent:
//!
//! 1. `names` holds every name and alias as it is written, under its provider and
//!    under *any*. [`ANY_PROVIDER`] answers a call that names no provider;
//!    [`ANY_OTHER`] is asked after it and holds what only a reseller calls so.
//! 2. `loose` holds names by the key that all spellings share.
//! 3. `near` answers no call. It only makes the hint in a refusal.
//!
//! The second and third are made when first asked, because most processes spell
//! their five models as the table does and never need them.
//!
//! Two names never compete by accident. A provider in front of a name means that
//! provider (`anthropic/claude-…` at a table that has both a row of Anthropic and
//! a reseller's row of the whole name), and an alias never hides a row.

use std::sync::{Arc, OnceLock};

use crate::values::ShortText;
use hashbrown::{HashMap, HashSet};

use super::apart::Apart;
use super::clause::Clause;
use super::kept::Model;
use super::loose::Loose;
use super::matching::{canonical_provider, redated, resells, split_provider, undated};
use super::memo::Memo;
use super::names::{ANY_OTHER, ANY_PROVIDER, ByName, NAME_BYTES_MAX, Name, NameRef};
use super::near::{Near, TOLD};

pub(super) type Clauses = HashMap<ShortText, Arc<[(Clause, usize)]>, foldhash::fast::RandomState>;

/// Models, and every way to name them.
#[derive(Default)]
pub(super) struct Index {
    pub(super) models: Vec<Model>,
    pub(super) aliases: Vec<(ShortText, usize)>,
    /// From a provider, or any, and a name to an index of `models`.
    pub(super) names: ByName,
    /// By provider, the clauses by which its publication names models, in its order.
    pub(super) clauses: Clauses,
    /// Every name taken apart, made for the first of the two indexes below.
    apart: OnceLock<Arc<Apart>>,
    /// Every name by its key, made when one is first asked that is not found as it is.
    loose: OnceLock<Loose>,
    /// Every name by its letters, made when one is first refused.
    near: OnceLock<Near>,
    memo: Memo,
}

impl Index {
    pub(super) fn of(models: Vec<Model>, aliases: Vec<(ShortText, usize)>, clauses: Clauses) -> Self {
        let mut names = ByName::with_capacity_and_hasher(models.len().saturating_mul(2), <_>::default());
        let any = |model: &ShortText| Name { provider: ANY_PROVIDER.into(), model: model.clone() };
        for (at, model) in models.iter().enumerate() {
            names.insert(model.name.clone(), at);
            if !resells(&model.name.provider) {
                names.entry(any(&model.name.model)).or_insert(at);
            }
        }
        // Aliases come last, so that no row is hidden by one.
        for (alias, at) in &aliases {
            if let Some(model) = models.get(*at) {
                let name = Name { provider: model.name.provider.clone(), model: alias.clone() };
                names.entry(name).or_insert(*at);
                if !resells(&model.name.provider) {
                    names.entry(any(alias)).or_insert(*at);
                }
            }
        }
        let sellers: HashSet<&str, foldhash::fast::RandomState> =
            models.iter().map(|model| model.name.provider.as_str()).collect();
        // Who names a provider in front means that one, though another sells a model under the whole name.
        let slashed =
            names.iter().filter(|(name, _)| name.provider == ANY_PROVIDER && name.model.contains('/'));
        let mut theirs = Vec::new();
        let mut others = Vec::new();
        for (name, at) in slashed {
            let Some((provider, model)) = split_provider(None, &name.model) else { continue };
            match names.get(&NameRef { provider, model }) {
                Some(at) if provider != ANY_PROVIDER => theirs.push((name.clone(), *at)),
                None if sellers.contains(provider) => others.push((name.model.clone(), *at)),
                _ => {}
            }
        }
        drop(sellers);
        names.extend(theirs);
        for (model, at) in others {
            names.remove(&NameRef { provider: ANY_PROVIDER, model: &model });
            names.insert(Name { provider: ANY_OTHER.into(), model }, at);
        }
        // What only a reseller calls so is looked for last, in the same order.
        let resold = models.iter().enumerate().filter(|(_, model)| resells(&model.name.provider));
        let resold = resold.map(|(at, model)| (&model.name.model, at));
        let aliased = aliases.iter().map(|(alias, at)| (alias, *at));
        for (model, at) in resold.chain(aliased) {
            if models.get(at).is_some_and(|row| resells(&row.name.provider)) {
                names.entry(Name { provider: ANY_OTHER.into(), model: model.clone() }).or_insert(at);
            }
        }
        Self { models, aliases, names, clauses, ..Self::default() }
    }

    /// The row that a name means, if it is one.
    #[inline]
    pub(super) fn resolve(&self, provider: Option<&str>, model: &str) -> Option<usize> {
        let asked = provider.map(canonical_provider);
        if matches!(asked, Some(ANY_PROVIDER | ANY_OTHER)) {
            return None; // keys of the index, not providers that anyone may ask for
        }
        self.named(asked.unwrap_or(ANY_PROVIDER), model).or_else(|| self.otherwise(asked, model))
    }

    /// By any other way than the name itself; what was found so is remembered.
    fn otherwise(&self, asked: Option<&str>, model: &str) -> Option<usize> {
        let name = NameRef { provider: asked.unwrap_or(ANY_PROVIDER), model };
        self.memo.find(&name).or_else(|| {
            let found = match asked {
                Some(provider) => self.sold(provider, model),
                None => self.sold_by_anyone(model),
            };
            found.inspect(|row| self.memo.keep(&name, *row))
        })
    }

    /// The rows nearest to a name that is not found: of the provider asked for, else of others.
    pub(super) fn nearest(&self, provider: Option<&str>, model: &str) -> (Vec<usize>, Vec<usize>) {
        let lowered = provider.and_then(lower);
        let asked = lowered.as_deref().or(provider).map(canonical_provider);
        let model = split_provider(asked, model).map_or(model, |(_, model)| model);
        let near = self.near.get_or_init(|| Near::of(self.apart()));
        let (theirs, mut others) = near.rows(asked, model);
        // Who sells under the name of its maker (`anthropic/claude-…`) has the maker's row as the nearest.
        if theirs.is_empty()
            && let Some(maker) = self.resolve(None, model)
        {
            others.retain(|row| *row != maker);
            others.insert(0, maker);
            others.truncate(TOLD);
        }
        (theirs, others)
    }

    fn sold(&self, provider: &str, model: &str) -> Option<usize> {
        self.any_spelling(provider, model).or_else(|| self.split(Some(provider), model)).or_else(|| {
            let lower = lower(provider)?;
            self.resolve(Some(&lower), model)
        })
    }

    fn sold_by_anyone(&self, model: &str) -> Option<usize> {
        let exactly = |by: &str| self.named(by, model).or_else(|| self.of_date(by, model));
        self.split(None, model).or_else(|| exactly(ANY_PROVIDER)).or_else(|| exactly(ANY_OTHER)).or_else(
            || match model.split_once('/').and_then(|(front, rest)| Some((lower(front)?, rest))) {
                Some((provider, rest)) => self.resolve(None, &format!("{provider}/{rest}")),
                None => self.loosely(ANY_PROVIDER, model),
            },
        )
    }

    /// By the provider in front of the name.
    fn split(&self, asked: Option<&str>, model: &str) -> Option<usize> {
        let (provider, model) = split_provider(asked, model)?;
        (!matches!(provider, ANY_PROVIDER | ANY_OTHER)).then(|| self.any_spelling(provider, model)).flatten()
    }

    fn any_spelling(&self, provider: &str, model: &str) -> Option<usize> {
        self.named(provider, model)
            .or_else(|| self.meant(provider, model))
            .or_else(|| self.of_date(provider, model))
            .or_else(|| self.loosely(provider, model))
    }

    /// The row of that date, however both write it, else the undated one.
    fn of_date(&self, provider: &str, model: &str) -> Option<usize> {
        let dated = redated(model).and_then(|names| names.iter().find_map(|name| self.named(provider, name)));
        dated.or_else(|| undated(model).into_iter().flatten().find_map(|model| self.named(provider, model)))
    }

    #[inline]
    fn named(&self, provider: &str, model: &str) -> Option<usize> {
        self.names.get(&NameRef { provider, model }).copied()
    }

    /// By the clauses of the provider's publication, which know no capitals.
    pub(super) fn meant(&self, provider: &str, model: &str) -> Option<usize> {
        let clauses = self.clauses.get(provider).filter(|_| model.len() <= NAME_BYTES_MAX)?;
        let model = &*model.to_lowercase();
        let by_clause = || clauses.iter().find(|(clause, _)| clause.holds(model)).map(|(_, at)| *at);
        self.names.get(&NameRef { provider, model }).copied().or_else(by_clause)
    }

    /// By what all spellings of a model have in common, with its date and without.
    fn loosely(&self, provider: &str, model: &str) -> Option<usize> {
        let loose = self.loose.get_or_init(|| Loose::of(self.apart()));
        let find = |model: &str| loose.find(provider, model, &self.models);
        find(model).or_else(|| undated(model).into_iter().flatten().find_map(find))
    }

    fn apart(&self) -> Arc<Apart> {
        Arc::clone(self.apart.get_or_init(|| Arc::new(Apart::of(self.every_name()))))
    }

    /// Provider, name and place of every model and alias, those of resellers after their makers'.
    fn every_name(&self) -> impl Iterator<Item = (&str, &str, usize)> {
        let aliases = self.aliases.iter().filter_map(|(alias, at)| {
            self.models.get(*at).map(|model| (model.name.provider.as_str(), alias.as_str(), *at))
        });
        let rows = self.models.iter().enumerate();
        let rows = rows.map(|(at, model)| (model.name.provider.as_str(), model.name.model.as_str(), at));
        let (makers, resold) = (rows.clone(), rows);
        let makers = makers.filter(|(provider, ..)| !resells(provider));
        makers.chain(resold.filter(|(provider, ..)| resells(provider))).chain(aliases)
    }
}

/// The name in lower case, where that is another.
fn lower(name: &str) -> Option<String> {
    name.bytes().any(|byte| byte.is_ascii_uppercase()).then(|| name.to_ascii_lowercase())
}
