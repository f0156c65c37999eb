//! What may be spent? Budgets, tiers, exemptions, and which of them bind a call.
//!
//! A [`Policy`] is what an operator says: [`Budget`]s with their [`Tiers`], [`Exemption`]s, and what becomes of calls that no
//! budget or no price fits. Programs build one by hand; operators write it in a [`file`](mod@file).
//!
//! A policy knows no balance. [`Policy::bind`] says which budgets bind a call at an instant and with which figures; the ledger
//! knows what is spent; [`check_budget`](crate::check_budget) puts both together.

mod bind;
mod budget;
mod exemption;
mod filter;
mod guardrail;
mod shelf;
mod swap;
mod tiers;
pub mod file;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

pub use budget::{Budget, Selector};
pub(crate) use budget::{OfRun, is_run_line};
pub use exemption::Exemption;
pub use tiers::{Tier, Tiers};

pub use crate::values::binding::{Caps, Unbound};
pub use crate::values::no_limit::OnNoLimit;

use crate::values::{ScopeKind, ShortText};
use crate::{Error, Scope};
use shelf::Shelves;

/// The output that is held for a call that names none, in tokens.
pub const OUTPUT_TOKENS_DEFAULT: u64 = 16_384;

/// How many uses are held for a fee of which nobody says how often it may be incurred.
pub const FEE_USES_ASSUMED: u64 = 10;

/// The most budgets, and the most exemptions, that a policy may have.
pub const POLICY_ENTRIES_MAX: usize = 10_000;

/// Everything an operator says about spending; swapped as a whole while running.
///
/// A policy never changes: its methods answer another one, and an enforcer takes that in the place of the old
/// ([`Enforcer::set_policy`](crate::Enforcer::set_policy)). So no call is judged by half of an edit. Copies share
/// everything and cost nothing.
///
/// Calls that no budget binds are refused unless the policy [says otherwise](Self::unbound). An empty policy therefore admits
/// nothing, which a new installation meets first.
///
/// # Example: what binds a call
/// ```
/// use token_budget::call::ScopeKind;
/// use token_budget::time::Timestamp;
/// use token_budget::{Budget, Call, Policy, Scope, Usd, Window};
///
/// let policy = Policy::new([
///     Budget::usd("search", Scope::team("search")?, Usd::dollars(500), Window::month()),
///     Budget::each_usd("users", ScopeKind::User, Usd::dollars(5), Window::day()),
/// ])?;
/// let call = Call::new("gpt-4o").team("search").user("ada");
/// let binding = policy.bind(&call, Timestamp::EPOCH)?;
/// let budgets: Vec<_> = binding.terms.iter().map(|terms| terms.account.to_string()).collect();
/// assert_eq!(budgets, ["team/search: search (USD, month)", "user/ada: users (USD, day)"]);
/// # Ok::<(), token_budget::Error>(())
/// ```
#[derive(Clone)]
pub struct Policy(Arc<Inner>);

#[derive(Clone, Default)]
struct Inner {
    budgets: Vec<Arc<Budget>>,
    by_scope: HashMap<Scope, Vec<usize>>,
    by_kind: HashMap<ScopeKind, Vec<usize>>,
    /// The kinds of scope that have a budget, from the organisation down.
    kinds: Vec<ScopeKind>,
    exemptions: Vec<Exemption>,
    ladder: Vec<ShortText>,
    unknown_model: OnUnknownModel,
    unbound: Option<Unbound>,
    /// `None` where nobody said.
    output_tokens_default: Option<u64>,
    /// `None` where nobody said.
    no_limit: Option<OnNoLimit>,
    /// `None` where nobody said.
    fee_uses_assumed: Option<u64>,
    caps: Caps,
    observe: bool,
    shelves: Shelves,
}

/// What happens to a call of a model without a price.
///
/// New models appear before their prices do. Refusing them is the default, because a price that is guessed too low is money
/// that nobody limits.
///
/// # Example: an unknown model pays as a known one
/// ```
/// use token_budget::Policy;
/// use token_budget::policy::OnUnknownModel;
///
/// let strict = Policy::default();
/// assert_eq!(strict.unknown_model(), &OnUnknownModel::Refuse);
/// let lenient = strict.with_unknown_model(OnUnknownModel::PricedAs("gpt-4.1".into()));
/// assert_eq!(lenient.unknown_model(), &OnUnknownModel::PricedAs("gpt-4.1".into()));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnUnknownModel {
    /// It is refused: an unknown price is never zero.
    #[default]
    Refuse,
    /// It is priced as that model.
    PricedAs(ShortText),
    /// Only budgets in tokens and requests bind it; a dollar budget without a price refuses nothing.
    CountOnly,
}

impl Policy {
    /// A policy of these budgets that enforces.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid), naming the budget and the field: a limit below zero,
    /// a guardrail that can never bind, an id twice or one that runs and exemptions use (`run`, `run …`, `exemption …`, `unbound`), more than 10,000 budgets.
    pub fn new(budgets: impl IntoIterator<Item = Budget>) -> Result<Self, Error> {
        let budgets: Vec<_> = budgets.into_iter().map(Arc::new).collect();
        if budgets.len() > POLICY_ENTRIES_MAX {
            return Err(Error::invalid("budgets", format!("{}, a policy may have 10,000", budgets.len())));
        }
        let mut by_scope: HashMap<Scope, Vec<usize>> = HashMap::new();
        let mut by_kind: HashMap<ScopeKind, Vec<usize>> = HashMap::new();
        let mut seen = HashMap::new();
        for (place, budget) in budgets.iter().enumerate() {
            budget.check()?;
            if budget.has_reserved_id() {
                let problem = "is kept for the lines of runs, exemptions and unbound calls; choose another";
                return Err(Error::invalid("id", problem).within(&format!("budget {}", budget.id)));
            }
            if seen.insert(budget.id.clone(), place).is_some() {
                return Err(Error::invalid("id", "stands twice").within(&format!("budget {}", budget.id)));
            }
            match &budget.selector {
                Selector::Scope(scope) => by_scope.entry(scope.clone()).or_default().push(place),
                Selector::Each(kind) => by_kind.entry(kind.clone()).or_default().push(place),
            }
        }
        let mut kinds: Vec<_> = by_scope.keys().map(Scope::kind).chain(by_kind.keys()).cloned().collect();
        kinds.sort_unstable();
        kinds.dedup();
        Ok(Self(Arc::new(Inner { budgets, by_scope, by_kind, kinds, ..Inner::default() })))
    }

    /// The same policy with one more budget; all else stays as it is.
    ///
    /// # Errors
    /// As [`Policy::new`].
    ///
    /// # Example: books for a policy that was read from a file
    /// ```
    /// use token_budget::usage::Unit;
    /// use token_budget::{Budget, Policy, Scope, Window};
    ///
    /// let text = r#"{"budgets": [{"id": "search", "scope": "team/search", "limit": "500", "window": "month"}]}"#;
    /// let acme = Scope::organization("acme")?.into();
    /// let books = Budget::new("books", acme, Unit::Usd, None, Window::lifetime());
    /// let policy = Policy::from_json(text)?.with_budget(books)?;
    /// assert_eq!(policy.budgets().len(), 2);
    /// # Ok::<(), token_budget::Error>(())
    /// ```
    pub fn with_budget(self, budget: Budget) -> Result<Self, Error> {
        let budgets = self.0.budgets.iter().map(|known| (**known).clone()).chain([budget]);
        let longer = Self::new(budgets)?;
        Ok(self.change(|inner| {
            inner.budgets.clone_from(&longer.0.budgets);
            inner.by_scope.clone_from(&longer.0.by_scope);
            inner.by_kind.clone_from(&longer.0.by_kind);
            inner.kinds.clone_from(&longer.0.kinds);
        }))
    }

    /// The same policy with one more exemption; given again under the same id, it still counts once.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid), naming the exemption and the field.
    pub fn with_exemption(self, exemption: Exemption) -> Result<Self, Error> {
        exemption.check()?;
        if self.0.exemptions.len() >= POLICY_ENTRIES_MAX {
            return Err(Error::invalid("exemptions", "a policy may have 10,000"));
        }
        Ok(self.change(|inner| {
            inner.exemptions.retain(|known| known.id != exemption.id);
            inner.exemptions.push(exemption);
        }))
    }

    /// The same policy without that exemption.
    #[must_use]
    pub fn without_exemption(self, id: &str) -> Self {
        self.change(|inner| inner.exemptions.retain(|known| known.id != id))
    }

    /// The same policy with this ladder of models, strongest first, for tiers that degrade.
    #[must_use]
    pub fn with_ladder<M: Into<ShortText>>(self, models: impl IntoIterator<Item = M>) -> Self {
        let mut ladder: Vec<ShortText> = Vec::new();
        for model in models {
            let model = model.into();
            // A model named again would lead back up.
            if !ladder.contains(&model) {
                ladder.push(model);
            }
        }
        self.change(|inner| inner.ladder = ladder)
    }

    /// The same policy with another treatment of models without a price.
    #[must_use]
    pub fn with_unknown_model(self, unknown_model: OnUnknownModel) -> Self {
        self.change(|inner| inner.unknown_model = unknown_model)
    }

    /// The same policy with another treatment of calls none of whose scopes has a budget.
    ///
    /// Unless set they are refused, and where all budgets observe they are counted. Every call that passes this
    /// way is an event ([`Event::Unbound`](crate::Event::Unbound)).
    ///
    /// # Example: a typo is not a free pass, unless that is meant
    /// ```
    /// use token_budget::policy::Unbound;
    /// use token_budget::{Budget, Call, Enforcer, Policy, Scope, Usd, Window};
    ///
    /// let day = Budget::usd("search", Scope::team("search")?, Usd::dollars(1), Window::day());
    /// let policy = Policy::new([day])?;
    /// let typo = Call::new("gpt-4o").team("serach").input_tokens(10).output_tokens(10);
    ///
    /// let strict = Enforcer::builder().policy(policy.clone()).build();
    /// let refused = strict.reserve(&typo).wait()?.or_refusal().unwrap_err();
    /// assert!(refused.to_string().contains("team/serach has none; give it one"), "{refused}");
    ///
    /// let open = Enforcer::builder().policy(policy.unbound(Unbound::Allow)).build();
    /// assert!(open.reserve(&typo).wait()?.is_admitted());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn unbound(self, unbound: Unbound) -> Self {
        self.change(|inner| inner.unbound = Some(unbound))
    }

    /// The same policy, giving calls that name no output limit that one, also where the model reasons unseen.
    ///
    /// It is written into the request where that can be done ([`OnNoLimit`]), and held. Unless set,
    /// it is 16,384 tokens, and 65,536 where the model may reason unseen. A limit that the request names stands.
    #[must_use]
    pub fn with_output_tokens_default(self, tokens: u64) -> Self {
        self.change(|inner| inner.output_tokens_default = Some(tokens))
    }

    /// The same policy, saying what becomes of calls that name no output limit; a limit is written in unless somebody
    /// says otherwise. The word of an enforcer, a gate, a client or a call goes before it.
    #[must_use]
    pub fn with_no_limit(self, choice: OnNoLimit) -> Self {
        self.change(|inner| inner.no_limit = Some(choice))
    }

    /// The same policy, holding that many uses of a fee that a request may incur without a limit; 10 unless
    /// set, at least one.
    ///
    /// A search, a page or an image is billed beside the tokens. Where the request says how many there may
    /// be, so many are held for; see [`Call::may_use`](crate::Call::may_use).
    #[must_use]
    pub fn with_fee_uses_assumed(self, uses: u64) -> Self {
        self.change(|inner| inner.fee_uses_assumed = Some(uses.max(1)))
    }

    /// The same policy with caps on every single call.
    #[must_use]
    pub fn with_caps(self, caps: Caps) -> Self {
        self.change(|inner| inner.caps = caps)
    }

    /// The same policy, keeping its books and refusing nothing.
    #[must_use]
    pub fn observing(self) -> Self {
        self.change(|inner| inner.observe = true)
    }

    /// The budgets, in the order they were given.
    #[must_use]
    pub fn budgets(&self) -> &[Arc<Budget>] {
        &self.0.budgets
    }

    /// The exemptions, live or not.
    #[must_use]
    pub fn exemptions(&self) -> &[Exemption] {
        &self.0.exemptions
    }

    /// What happens to models without a price.
    #[must_use]
    pub fn unknown_model(&self) -> &OnUnknownModel {
        &self.0.unknown_model
    }

    /// What becomes of calls none of whose scopes has a budget.
    #[must_use]
    pub fn unbound_calls(&self) -> Unbound {
        // What observes refuses nothing, and needs no budget to exist.
        let unsaid = if self.observes_only() { Unbound::Count } else { Unbound::Refuse };
        self.0.unbound.unwrap_or(unsaid)
    }

    /// The output of calls that name none, where the model is known not to reason unseen.
    #[must_use]
    pub fn output_tokens_default(&self) -> u64 {
        self.0.output_tokens_default.unwrap_or(OUTPUT_TOKENS_DEFAULT)
    }

    /// The same, where it was set.
    pub(crate) fn output_tokens_said(&self) -> Option<u64> {
        self.0.output_tokens_default
    }

    /// What becomes of calls that name no output limit, where this policy says so.
    #[must_use]
    pub fn no_limit(&self) -> Option<OnNoLimit> {
        self.0.no_limit
    }

    /// How many uses are held for a fee that a request may incur without a limit.
    #[must_use]
    pub fn fee_uses_assumed(&self) -> u64 {
        self.0.fee_uses_assumed.unwrap_or(FEE_USES_ASSUMED)
    }

    /// Whether nothing is enforced: the policy observes, or all its budgets do.
    #[must_use]
    pub fn observes_only(&self) -> bool {
        self.0.observe || (!self.0.budgets.is_empty() && self.0.budgets.iter().all(|budget| budget.observe))
    }

    fn change(self, edit: impl FnOnce(&mut Inner)) -> Self {
        let mut inner = Arc::unwrap_or_clone(self.0);
        edit(&mut inner);
        Self(Arc::new(inner))
    }
}

impl Default for Policy {
    /// No budgets: every call is refused, until somebody says what it may spend or [allows](Policy::unbound) it.
    fn default() -> Self {
        Self(Arc::new(Inner::default()))
    }
}

impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Policy({} budgets, {} exemptions)", self.0.budgets.len(), self.0.exemptions.len())
    }
}
