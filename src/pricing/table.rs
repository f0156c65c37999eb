//! Which price does a model have at an instant?

use std::fmt;
use std::sync::Arc;

use hashbrown::{HashMap, HashSet};

use super::factor::PriceFactor;
use super::import::Import;
use super::index::{Clauses, Index};
use super::kept::Model;
use super::layer::{Span, overlaid};
use super::matching::canonical_provider;
use super::model::ModelPrice;
use super::names::{ANY_PROVIDER, ByName, Name, NameRef, check_name, shown};
use super::row::PriceRow;
use super::source::PriceSource;
use crate::Error;
use crate::values::{ShortText, Timestamp};

/// Rows in one layer, four times the largest public table; as many aliases.
const ROWS_MAX: usize = 20_000;
/// Rows of one model in one layer: several price changes a month for years.
const VERSIONS_MAX: usize = 100;

/// Finds the price of a model at an instant: bundled prices, and layers of one's own above them.
///
/// Each layer replaces only the fields its rows name. A model that is not found
/// is unknown: its price is never zero, and never that of a model with a
/// similar name. Cloning shares the table; changing it makes a new one.
///
/// # Example: a dollar buys 25 times as many tokens on the small model
/// ```
/// use token_budget::call::Conditions;
/// use token_budget::time::Timestamp;
/// use token_budget::{PricingTable, Usage, Usd};
///
/// let table = PricingTable::bundled();
/// let now: Timestamp = "2026-11-22T12:00:00Z".parse()?;
/// let usage = Usage::of(0, 1_000_000);
/// let cost = |model: &str| -> Result<Usd, token_budget::Error> {
///     let price = table.find(Some("openai"), model, now).expect("a bundled model");
///     Ok(price.cost(&usage, &Conditions::new())?.total())
/// };
/// assert_eq!(cost("gpt-4o-2024-08-06")?, Usd::dollars(10));
/// assert_eq!(cost("gpt-4.1-nano")?, Usd::cents(40));
/// assert!(table.find(Some("openai"), "gpt-4o-audio-preview", now).is_none()); // not gpt-4o
/// assert!(table.find(Some("groq"), "gpt-4o", now).is_none()); // not at OpenAI's price
/// let azure = table.find(Some("azure"), "eu/GPT-5-2", now).expect("a row of Azure's own");
/// assert_eq!((azure.provider(), azure.model()), ("azure", "eu/gpt-5.2"));
/// # Ok::<(), token_budget::Error>(())
/// ```
#[derive(Clone, Default)]
pub struct PricingTable(Arc<Index>);

impl PricingTable {
    /// A table that knows no model.
    #[must_use]
    pub fn empty() -> Self {
        Self::default()
    }

    /// This table under a layer of own rows.
    ///
    /// Layers lie in the order in which they are added.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid), naming the row (from 1), its model and the field:
    /// a rate that is negative, too large or cannot be kept exactly, input or
    /// output missing without a lower row, two rows for one model at one time,
    /// more than 20,000 rows.
    pub fn with_rows(&self, rows: impl IntoIterator<Item = PriceRow>) -> Result<Self, Error> {
        self.with_rows_from(PriceSource::new("own rows"), rows)
    }

    /// This table under a layer of rows from that source.
    ///
    /// A charge remembers the source, so an operator who names the contract can explain an old charge after the table has moved on.
    ///
    /// # Example: a charge says which contract it was priced by
    /// ```
    /// use token_budget::call::{Conditions, ServiceTier};
    /// use token_budget::pricing::{PriceRow, PriceSource, Rates};
    /// use token_budget::time::Timestamp;
    /// use token_budget::usage::Meter;
    /// use token_budget::PricingTable;
    ///
    /// let negotiated = Rates::new().with(Meter::Input, 2.into());
    /// let row = PriceRow::new("openai", "gpt-4o").with_rates(ServiceTier::Standard, negotiated);
    /// let table = PricingTable::bundled().with_rows_from(PriceSource::new("contract 2026/17"), [row])?;
    /// let price = table.find(Some("openai"), "gpt-4o", Timestamp::EPOCH).expect("a bundled model");
    /// assert_eq!(price.source().name(), "contract 2026/17");
    /// assert_eq!(price.quote(1_000_000, 1_000_000, &Conditions::new())?, "12.00".parse()?); // 2.00, and 10.00 as listed
    /// # Ok::<(), token_budget::Error>(())
    /// ```
    ///
    /// # Errors
    /// Like [`with_rows`](Self::with_rows).
    pub fn with_rows_from(
        &self,
        source: PriceSource,
        rows: impl IntoIterator<Item = PriceRow>,
    ) -> Result<Self, Error> {
        let source = Arc::new(source);
        let mut models = self.0.models.clone();
        let mut index: ByName =
            models.iter().enumerate().map(|(at, model)| (model.name.clone(), at)).collect();
        let mut given: HashMap<usize, Vec<Span>, foldhash::fast::RandomState> = HashMap::default();
        for (row, number) in rows.into_iter().zip(1_usize..) {
            if number > ROWS_MAX {
                return Err(Error::invalid("price rows", format!("more than {ROWS_MAX} in one layer")));
            }
            let place = format!("price row {number} ({:?}/{:?})", shown(&row.provider), shown(&row.model));
            add(&mut models, &mut index, &mut given, &source, row).map_err(|error| error.within(&place))?;
        }
        Ok(Self::from_parts(models, self.0.aliases.clone(), self.0.clauses.clone()))
    }

    /// This table under everything that a public table says, in whole or not at all.
    ///
    /// Its rows replace those of the same models entirely; models that it does
    /// not name stay. [`Import`] reads it, and [`Import::report`] tells what of
    /// it was not understood.
    ///
    /// # Errors
    /// Like [`with_rows`](Self::with_rows).
    pub fn with_import(&self, source: PriceSource, import: &Import) -> Result<Self, Error> {
        let table = self.with_rows_from(source, import.rows().iter().cloned())?;
        let exactly = |name: &Name| {
            let name = NameRef { provider: canonical_provider(&name.provider), model: &name.model };
            table.0.names.get(&name).copied()
        };
        let mut taken: HashSet<Name, foldhash::fast::RandomState> = HashSet::default();
        let mut fresh = Vec::new();
        for (alias, model) in import.aliases() {
            let name = Name { provider: canonical_provider(&model.provider).into(), model: alias.clone() };
            if let Some(at) = exactly(model)
                && taken.insert(name)
            {
                fresh.push((alias.clone(), at));
            }
        }
        let models = table.0.models.clone();
        let mut aliases = table.0.aliases.clone();
        aliases.retain(|(alias, at)| {
            let provider = models.get(*at).map_or(ANY_PROVIDER, |model| model.name.provider.as_str());
            !taken.contains(&NameRef { provider, model: alias })
        });
        aliases.extend(fresh);
        let mut clauses = table.0.clauses.clone();
        for (provider, said) in import.clauses() {
            let known = said.iter().filter_map(|(clause, model)| Some((clause.clone(), exactly(model)?)));
            clauses.insert(canonical_provider(provider).into(), known.collect());
        }
        Ok(Self::from_parts(models, aliases, clauses))
    }

    /// This table with the prices that it has now multiplied by a factor.
    ///
    /// Layers and factors lie in the order in which they are added: a row laid over
    /// the result afterwards stands as it is written, and another factor multiplies once more.
    /// See [`PriceFactor`] for what is multiplied, and when.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid), naming the field, for a factor that is not above zero,
    /// above 1,000 or finer than nine decimals, an end that does not lie after its beginning, and a
    /// provider or models of which the table has no row; naming the model, where a product is too large.
    pub fn with_factor(&self, factor: &PriceFactor) -> Result<Self, Error> {
        factor.check()?;
        let mut models = self.0.models.clone();
        let selected = |model: &&mut Model| factor.selects(&model.name.provider, &model.name.model);
        let mut found = false;
        for model in models.iter_mut().filter(selected) {
            found = true;
            let place = format!("price factor ({:?}/{:?})", model.name.provider, model.name.model);
            model.set_versions(factor.applied(model.versions()).map_err(|error| error.within(&place))?);
        }
        if !found {
            return Err(factor.selects_nothing());
        }
        Ok(Self::from_parts(models, self.0.aliases.clone(), self.0.clauses.clone()))
    }

    /// This table with another name for a model that it knows.
    ///
    /// The model is written with or without its provider (`openai/gpt-4o`), and
    /// the alias is good for that provider alone. A row of the same name, should
    /// one be added later, goes first.
    ///
    /// Deployments are what aliases are for: Azure bills a deployment by its model, and only the operator knows which that is.
    ///
    /// # Example: a deployment's name has the price of its model, at that seller alone
    /// ```
    /// use token_budget::time::Timestamp;
    /// use token_budget::PricingTable;
    ///
    /// let table = PricingTable::bundled().with_alias("our-assistant", "openai/gpt-4o")?;
    /// let price = table.find(None, "our-assistant", Timestamp::EPOCH).expect("an alias");
    /// assert_eq!((price.provider(), price.model()), ("openai", "gpt-4o"));
    /// assert!(table.find(Some("anthropic"), "our-assistant", Timestamp::EPOCH).is_none());
    /// assert!(table.with_alias("our-assistant", "openai/gpt-4.1").is_err()); // said once already
    /// # Ok::<(), token_budget::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) where the model is unknown, the alias is already a
    /// row or an alias of that provider, or cannot be a name.
    pub fn with_alias(&self, alias: &str, model: &str) -> Result<Self, Error> {
        check_name("alias", alias)?;
        let target = self.0.resolve(None, model).ok_or_else(|| {
            let nearest = self.nearest(None, model);
            let nearest =
                if nearest.is_empty() { String::new() } else { format!("; nearest: {}", nearest.join(", ")) };
            Error::invalid("alias", format!("{alias:?} stands for {model:?}, which is unknown{nearest}"))
        })?;
        let provider = self.0.models.get(target).map_or(ANY_PROVIDER, |model| model.name.provider.as_str());
        if self.0.names.contains_key(&NameRef { provider, model: alias }) {
            return Err(Error::invalid("alias", format!("{alias:?} is already a name at {provider}")));
        }
        if self.0.aliases.len() >= ROWS_MAX {
            return Err(Error::invalid("alias", format!("more than {ROWS_MAX} in one table")));
        }
        let mut aliases = self.0.aliases.clone();
        aliases.push((alias.into(), target));
        Ok(Self::from_parts(self.0.models.clone(), aliases, self.0.clauses.clone()))
    }

    /// The price of a model at an instant; `None` is unknown, not free.
    ///
    /// Tried in turn: the name itself, an alias, the clauses by which an
    /// imported publication names the provider's models, the name without its
    /// date or `-latest`, another spelling of it, and all of these without a
    /// provider in front (`openai/gpt-4o`, `models/gemini-2.5-pro`), which goes
    /// first where no provider was asked for.
    ///
    /// Another spelling differs in letter case, in a dot for a dash between
    /// numbers (`gpt-5-2`), in a date, or in what a seller puts around a name:
    /// Bedrock's `-v1:0`, profiles and ARNs, Azure's regions, Vertex AI's
    /// resource names, `[1m]`. It never drops a word, never crosses sellers,
    /// and never takes the price of another place: where rows of different
    /// prices could be meant, none is, and [`nearest`](Self::nearest) names
    /// them. `docs/PROVIDERS.md` has the table of spellings. A model that is known but has no price at that
    /// instant is not replaced by another. Who keeps the answer asks it how long
    /// it holds: [`ModelPrice::holds_until`].
    ///
    /// With a provider only its own rows answer (`gemini` is `google`). Without
    /// one, where several sell the same name, the one that entered the table
    /// first does: OpenAI, Anthropic, Google and the other bundled ones, then
    /// one's own in their order; resellers (Azure, Bedrock, Vertex AI,
    /// `OpenRouter`) come after everybody else.
    #[must_use]
    #[inline]
    pub fn find(&self, provider: Option<&str>, model: &str, at: Timestamp) -> Option<&Arc<ModelPrice>> {
        let model = self.0.models.get(self.0.resolve(provider, model)?)?;
        model.versions().iter().find(|version| version.price.is_in_force(at)).map(|version| version.at(at))
    }

    /// The rows that were most likely meant by a name that [`find`](Self::find) does not know, nearest first.
    ///
    /// At most three, as a refusal shows them: with their seller, and what a
    /// million tokens cost where the row says it. They are of the provider that
    /// was asked for, else of others, marked as such; none is ever taken in the
    /// place of the name. The move is a row for the name, or an
    /// [alias](Self::with_alias).
    ///
    /// # Example: another seller's row is a hint, not a price
    /// ```
    /// use token_budget::time::Timestamp;
    /// use token_budget::PricingTable;
    ///
    /// let table = PricingTable::bundled();
    /// assert!(table.find(Some("openai"), "gpt-4o-maxi", Timestamp::EPOCH).is_none());
    /// let nearest = table.nearest(Some("openai"), "gpt-4o-maxi");
    /// assert_eq!(nearest[0], "openai/gpt-4o-mini ($0.15 in, $0.6 out a million tokens)");
    /// let nearest = table.nearest(Some("acme"), "gpt-4o-mini");
    /// assert!(nearest[0].ends_with("a million tokens; another seller)"));
    /// ```
    #[must_use]
    pub fn nearest(&self, provider: Option<&str>, model: &str) -> Vec<String> {
        let (theirs, others) = self.0.nearest(provider, model);
        let shown = |rows: Vec<usize>, remark: &str| -> Vec<String> {
            rows.into_iter().filter_map(|row| Some(self.0.models.get(row)?.shown(remark))).collect()
        };
        if theirs.is_empty() { shown(others, "; another seller") } else { shown(theirs, "") }
    }

    /// Every price in the table: models in the order of the table, versions by date.
    ///
    /// Of a version with prices by the time of the week it is the one outside all windows.
    pub fn prices(&self) -> impl Iterator<Item = &Arc<ModelPrice>> {
        self.0.models.iter().flat_map(Model::versions).map(|version| &version.price)
    }

    pub(super) fn from_parts(models: Vec<Model>, aliases: Vec<(ShortText, usize)>, clauses: Clauses) -> Self {
        Self(Arc::new(Index::of(models, aliases, clauses)))
    }

    /// Provider and name of the row that a name means, in force or not.
    pub(super) fn row_of(&self, provider: Option<&str>, model: &str) -> Option<(&str, &str)> {
        let Name { provider, model } = &self.0.models.get(self.0.resolve(provider, model)?)?.name;
        Some((provider, model))
    }

    /// Whether that name is an alias of some row.
    pub(super) fn has_alias(&self, name: &str) -> bool {
        self.0.aliases.iter().any(|(alias, _)| alias == name)
    }

    /// Whether a publication's own clause names the provider's model so.
    #[cfg(test)]
    pub(super) fn has_clause_for(&self, provider: &str, model: &str) -> bool {
        self.0.meant(provider, model).is_some()
    }

    /// The first instant after `now` at which any price of the table begins.
    pub(crate) fn next_start(&self, now: Timestamp) -> Timestamp {
        let starts = self.0.models.iter().flat_map(Model::starts).filter(|from| *from > now);
        starts.min().unwrap_or(Timestamp::MAX)
    }
}

impl fmt::Debug for PricingTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PricingTable")
            .field("models", &self.0.models.len())
            .field("aliases", &self.0.aliases.len())
            .finish()
    }
}

fn add(
    models: &mut Vec<Model>,
    index: &mut ByName,
    given: &mut HashMap<usize, Vec<Span>, foldhash::fast::RandomState>,
    source: &Arc<PriceSource>,
    mut row: PriceRow,
) -> Result<(), Error> {
    check_name("provider", &row.provider)?;
    check_name("model", &row.model)?;
    row.provider = canonical_provider(&row.provider).into();
    let span = Span::of(&row);
    if span.is_empty() {
        return Err(Error::invalid("until", "does not lie after from"));
    }
    let name = Name { provider: row.provider.clone(), model: row.model.clone() };
    let at = *index.entry(name.clone()).or_insert_with(|| {
        models.push(Model::new(name, Vec::new()));
        models.len().saturating_sub(1)
    });
    let spans = given.entry(at).or_default();
    if spans.iter().any(|other| other.and(span).is_some()) {
        return Err(Error::invalid("model", "has two rows for the same time in one layer"));
    }
    if spans.len() >= VERSIONS_MAX {
        return Err(Error::invalid("model", format!("has more than {VERSIONS_MAX} rows in one layer")));
    }
    spans.push(span);
    if let Some(model) = models.get_mut(at) {
        model.set_versions(overlaid(model.versions(), &row, source)?);
    }
    Ok(())
}
