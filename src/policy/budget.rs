//! What may be spent, by whom, on what, and in which window?

use super::Tiers;
use super::filter::Filter;
use super::guardrail::{Around, Guardrail};
use crate::pricing::Asked;
use crate::values::{Caps, ScopeKind, ShortText, TierAction, Unit, name};
use crate::{Call, Error, Scope, Usd, Window};

/// A limit on what a scope, or each scope of a kind, may spend in a window.
///
/// A budget's `id` is the name of its books. Whoever changes the limit, the tiers or the guardrail keeps the id, and what was
/// spent stays spent; a new id begins with nothing spent. So do not put the figure into the id: `search-500` would tell
/// people wrong after the first raise.
///
/// All budgets that bind a call must have room, and are held together or not at all. A budget without models, providers and
/// tags binds every call of its scope; one that names a model no call can bear is an error of [`Policy::new`](super::Policy::new),
/// not a limit that nobody meets.
///
/// # Example: a team's month with a daily guardrail
/// ```
/// use token_budget::{Budget, Policy, Scope, Tiers, Usd, Window};
///
/// let team = Budget::usd("search-month", Scope::team("search")?, Usd::dollars(500), Window::month())
///     .tiers(Tiers::hybrid())
///     .guardrail(Usd::dollars(75), Window::day());
/// let users = Budget::each_usd("users", token_budget::call::ScopeKind::User, Usd::dollars(5), Window::day());
/// Policy::new([team, users])?;
///
/// let negative = Budget::usd("wrong", Scope::team("search")?, Usd::from_nanos(-1), Window::month());
/// assert_eq!(Policy::new([negative]).unwrap_err().to_string(), "budget wrong: limit: -0.000000001 is below zero");
/// # Ok::<(), token_budget::Error>(())
/// ```
///
/// # Example: each user has a budget of one's own
/// ```
/// use token_budget::call::ScopeKind;
/// use token_budget::time::Timestamp;
/// use token_budget::{Budget, Call, Policy, Usd, Window};
///
/// let policy = Policy::new([Budget::each_usd("users", ScopeKind::User, Usd::dollars(5), Window::day())])?;
/// let account = |user: &str| -> Result<String, token_budget::Error> {
///     let binding = policy.bind(&Call::new("gpt-4o").user(user), Timestamp::EPOCH)?;
///     Ok(binding.terms[0].account.to_string())
/// };
/// assert_eq!(account("ada")?, "user/ada: users (USD, day)");
/// assert_eq!(account("grace")?, "user/grace: users (USD, day)"); // what Ada spends is not Grace's
/// # Ok::<(), token_budget::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Budget {
    pub(crate) id: ShortText,
    pub(crate) selector: Selector,
    pub(crate) unit: Unit,
    pub(crate) limit: Option<i64>,
    pub(crate) window: Window,
    pub(crate) tiers: Tiers,
    pub(crate) guardrail: Option<Guardrail>,
    pub(crate) filter: Filter,
    pub(crate) caps: Caps,
    pub(crate) observe: bool,
    pub(crate) restart: bool,
    pub(crate) metadata: Vec<(ShortText, ShortText)>,
    pub(crate) channels: Vec<ShortText>,
    /// What only a run's own lines know.
    pub(crate) of_run: OfRun,
}

/// What only a run's own lines know.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct OfRun {
    /// The part of the limit that is kept back for the final call.
    pub(crate) kept_back: i64,
    /// Somebody limited the run's calls, or named it as one without limits: they do not pass unbound.
    pub(crate) binds_calls: bool,
    /// The figure from which on stronger models are refused, and the next model to try.
    pub(crate) degrade: Option<(i64, ShortText)>,
}

/// Whom a budget binds.
///
/// A scope with a budget of its own and a template for its kind is bound by both: a template cannot be escaped by naming
/// somebody. To give one user more than the others, raise that user by an [`Exemption`](super::Exemption) without an end,
/// or give the group a budget instead of a template.
///
/// # Example: the template and the one budget both bind
/// ```
/// use token_budget::call::ScopeKind;
/// use token_budget::policy::Selector;
/// use token_budget::time::Timestamp;
/// use token_budget::{Budget, Call, Policy, Scope, Usd, Window};
///
/// let all = Budget::each_usd("users", ScopeKind::User, Usd::dollars(5), Window::day());
/// let ada = Budget::usd("ada", Scope::user("ada")?, Usd::dollars(3), Window::day());
/// assert_eq!(all.selector(), &Selector::Each(ScopeKind::User));
///
/// let policy = Policy::new([all, ada])?;
/// let binding = policy.bind(&Call::new("gpt-4o").user("ada"), Timestamp::EPOCH)?;
/// let mut ceilings: Vec<_> = binding.terms.iter().map(|terms| terms.ceiling).collect();
/// ceilings.sort();
/// assert_eq!(ceilings, [3_000_000_000, 5_000_000_000]); // nano-dollars: three dollars are the most
/// # Ok::<(), token_budget::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Selector {
    /// That one scope.
    Scope(Scope),
    /// Each scope of that kind, with a budget of its own from its first call on.
    Each(ScopeKind),
}

/// Whether a budget of that id is one of a run's own lines: `run`, `run tokens`, and so on.
pub(crate) fn is_run_line(id: &str) -> bool {
    id.strip_prefix("run").is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
}

/// What an exemption's own budget is called before its id.
pub(crate) const EXEMPTION_PREFIX: &str = "exemption ";

/// Under which id calls are counted that no budget binds.
pub(super) const UNBOUND: &str = "unbound";

impl Budget {
    /// A limit of that scope, counted in any unit; dollars are counted in nano-dollars.
    ///
    /// `None` is no limit: books are kept, nothing is refused.
    pub fn new(
        id: impl Into<ShortText>,
        selector: Selector,
        unit: Unit,
        limit: Option<i64>,
        window: Window,
    ) -> Self {
        Self {
            id: id.into(),
            selector,
            unit,
            limit,
            window,
            tiers: Tiers::plain(),
            guardrail: None,
            filter: Filter::default(),
            caps: Caps::default(),
            observe: false,
            restart: false,
            metadata: Vec::new(),
            channels: Vec::new(),
            of_run: OfRun::default(),
        }
    }

    /// A dollar limit of one scope.
    pub fn usd(id: impl Into<ShortText>, scope: Scope, limit: Usd, window: Window) -> Self {
        Self::new(id, Selector::Scope(scope), Unit::Usd, Some(limit.nanos()), window)
    }

    /// A dollar limit of each scope of a kind: "each user".
    pub fn each_usd(id: impl Into<ShortText>, kind: ScopeKind, limit: Usd, window: Window) -> Self {
        Self::new(id, Selector::Each(kind), Unit::Usd, Some(limit.nanos()), window)
    }

    /// A limit of one scope on a count: tokens, requests.
    pub fn count(id: impl Into<ShortText>, scope: Scope, unit: Unit, limit: u64, window: Window) -> Self {
        // A limit beyond 63 bits cannot be reached either.
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        Self::new(id, Selector::Scope(scope), unit, Some(limit), window)
    }

    /// A limit of each scope of a kind on a count.
    pub fn each_count(
        id: impl Into<ShortText>,
        kind: ScopeKind,
        unit: Unit,
        limit: u64,
        window: Window,
    ) -> Self {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        Self::new(id, Selector::Each(kind), unit, Some(limit), window)
    }

    /// Acts at these shares of the limit.
    #[must_use]
    pub fn tiers(mut self, tiers: Tiers) -> Self {
        self.tiers = tiers;
        self
    }

    /// Lets no shorter window, a day inside a month, spend more than `limit`.
    ///
    /// A month's budget alone may be gone on its first day. A guardrail bounds what a runaway loop can spend before somebody
    /// wakes up, and it is no second budget: it has no tiers, may be landed on, and an exemption raises it with its budget.
    ///
    /// One that could never refuse first, because the budget itself stops below it, is an error of
    /// [`Policy::new`](super::Policy::new).
    ///
    /// # Example: a day may take $75 of a month's $500
    /// ```
    /// use token_budget::time::Timestamp;
    /// use token_budget::{Budget, Call, Policy, Scope, Usd, Window};
    ///
    /// let month = || Ok::<_, token_budget::Error>(Budget::usd("search", Scope::team("search")?, Usd::dollars(500), Window::month()));
    /// let policy = Policy::new([month()?.guardrail(Usd::dollars(75), Window::day())])?;
    /// let binding = policy.bind(&Call::new("m").team("search"), Timestamp::EPOCH)?;
    /// let lines: Vec<_> = binding.terms.iter().map(|terms| (terms.window.to_string(), terms.ceiling)).collect();
    /// assert_eq!(lines, [("day".into(), 75_000_000_000), ("month".into(), 500_000_000_000)]); // nano-dollars
    ///
    /// // The month stops at $500 first, so that a day of $500 is no limit.
    /// let idle = Policy::new([month()?.guardrail(Usd::dollars(500), Window::day())]).unwrap_err();
    /// assert!(idle.to_string().starts_with("budget search: guardrail: never binds"), "{idle}");
    /// # Ok::<(), token_budget::Error>(())
    /// ```
    #[must_use]
    pub fn guardrail(mut self, limit: Usd, window: Window) -> Self {
        self.guardrail = Some(Guardrail { limit: limit.nanos(), window });
        self
    }

    /// Selects only calls of that model; given again, of any of them.
    ///
    /// An enforcer compares it with the name that a call writes and with the row whose price the call has, so that no
    /// spelling passes by the budget: `gpt-4o` also selects `openai/gpt-4o`, `GPT-4o`, `gpt-4o-2024-08-06` and an
    /// alias of it. A date (`gpt-4o-2024-08-06`) selects that version alone, and an alias the calls that write it.
    /// `gpt-4o-mini` is another model, and so is a name that a seller alone gives (Bedrock's `anthropic.claude-…`):
    /// write it beside the other. There are no patterns: one budget without models selects all.
    #[must_use]
    pub fn model(mut self, model: impl Into<ShortText>) -> Self {
        self.filter.models.push(model.into());
        self
    }

    /// Selects only calls to that provider; given again, to any of them.
    ///
    /// For an enforcer, a call that names no provider goes to the one whose price it has.
    #[must_use]
    pub fn provider(mut self, provider: impl Into<ShortText>) -> Self {
        self.filter.providers.push(provider.into());
        self
    }

    /// Selects only calls that bear that tag; given again, all of them.
    #[must_use]
    pub fn tag(mut self, key: impl Into<ShortText>, value: impl Into<ShortText>) -> Self {
        self.filter.tags.push((key.into(), value.into()));
        self
    }

    /// Caps what a single call of this scope may take.
    #[must_use]
    pub fn per_call(mut self, caps: Caps) -> Self {
        self.caps = caps;
        self
    }

    /// Keeps the same books and refuses nothing; decisions say what enforcement would have done.
    #[must_use]
    pub fn observe(mut self) -> Self {
        self.observe = true;
        self
    }

    /// Lets a swap change this budget's unit, window or kind of scope, which begins new books.
    #[must_use]
    pub fn restart(mut self) -> Self {
        self.restart = true;
        self
    }

    /// Remembers something for people: a cost centre, a lead.
    #[must_use]
    pub fn metadata(mut self, key: impl Into<ShortText>, value: impl Into<ShortText>) -> Self {
        self.metadata.push((key.into(), value.into()));
        self
    }

    /// Names a channel that its events should go to: `slack`, `email`.
    #[must_use]
    pub fn channel(mut self, channel: impl Into<ShortText>) -> Self {
        self.channels.push(channel.into());
        self
    }

    /// The budget's id, under which its books are kept.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Whom it binds.
    #[must_use]
    pub fn selector(&self) -> &Selector {
        &self.selector
    }

    /// What it counts.
    #[must_use]
    pub fn unit(&self) -> &Unit {
        &self.unit
    }

    /// Its limit in its unit, before raises.
    #[must_use]
    pub fn limit(&self) -> Option<i64> {
        self.limit
    }

    /// Its window.
    #[must_use]
    pub fn window(&self) -> &Window {
        &self.window
    }

    /// What it remembers for people.
    #[must_use]
    pub fn metadata_entries(&self) -> &[(ShortText, ShortText)] {
        &self.metadata
    }

    /// The channels that its events should go to.
    #[must_use]
    pub fn channels(&self) -> &[ShortText] {
        &self.channels
    }

    /// Whether it is a line of that run, and the run only observes.
    pub(crate) fn is_observed_run(&self, scope: &Scope) -> bool {
        self.observe
            && is_run_line(&self.id)
            && matches!(&self.selector, Selector::Scope(own) if own == scope)
    }

    /// Whether the id belongs to lines that no policy names: a run's own, and those of exemptions and of unbound calls.
    pub(crate) fn has_reserved_id(&self) -> bool {
        is_run_line(&self.id) || self.id.starts_with(EXEMPTION_PREFIX) || self.id == UNBOUND
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        // An id that cannot be used is not repeated: it may be made to look like something else.
        if let Some(problem) = name::problem_of_id(&self.id) {
            return Err(Error::invalid("budget: id", problem));
        }
        let wrong = |error: Error| error.within(&format!("budget {}", self.id));
        self.filter.check().map_err(wrong)?;
        let limits =
            [("limit", self.limit), ("guardrail", self.guardrail.as_ref().map(|guardrail| guardrail.limit))];
        for (field, limit) in limits {
            if let Some(limit) = limit.filter(|limit| *limit < 0) {
                return Err(wrong(Error::invalid(
                    field,
                    format!("{} is below zero", self.unit.figure(limit)),
                )));
            }
        }
        if let Some(limit) = self.limit {
            self.tiers.thresholds(limit).map_err(wrong)?;
        } else if !self.tiers.is_plain() {
            return Err(wrong(Error::invalid(
                "tiers",
                "have nothing to be a share of: the budget has no limit",
            )));
        }
        if self.caps.usd.is_some_and(Usd::is_negative) {
            return Err(wrong(Error::invalid("per_call.usd", "is below zero")));
        }
        let Self { unit, limit, tiers, window, .. } = self;
        let around = Around { unit, limit: *limit, tiers, window };
        self.guardrail.as_ref().map_or(Ok(()), |guardrail| guardrail.check(&around)).map_err(wrong)
    }

    /// Whether the call's model, provider and tags are among those this budget selects.
    pub(crate) fn selects(&self, call: &Call, asked: Asked<'_>) -> bool {
        self.filter.selects(call, asked)
    }

    pub(crate) fn has_degrade(&self) -> bool {
        self.tiers.as_slice().iter().any(|tier| tier.action == TierAction::Degrade)
    }
}

impl Selector {
    pub(crate) fn kind(&self) -> &ScopeKind {
        match self {
            Self::Scope(scope) => scope.kind(),
            Self::Each(kind) => kind,
        }
    }
}

impl From<Scope> for Selector {
    fn from(scope: Scope) -> Self {
        Self::Scope(scope)
    }
}
