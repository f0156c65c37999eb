//! What may be spent, by whom, on what, and in which window?

use compact_str::CompactString;

use super::Tiers;
use super::guardrail::never_binds;
use crate::pricing::Asked;
use crate::values::{Caps, ScopeKind, TierAction, Unit, name};
use crate::{Call, Error, Scope, Usd, Window};

/// A limit on what a level, or each level of a kind, may spend in a window.
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
#[derive(Clone, Debug, PartialEq)]
pub struct Budget {
    pub(crate) id: CompactString,
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
    pub(crate) metadata: Vec<(CompactString, CompactString)>,
    pub(crate) channels: Vec<CompactString>,
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
    pub(crate) degrade: Option<(i64, CompactString)>,
}

/// Whom a budget binds.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Selector {
    /// That one level.
    Scope(Scope),
    /// Each level of that kind, with a budget of its own from its first call on.
    Each(ScopeKind),
}

/// A shorter window inside a budget's own, with a limit that may be landed on but not passed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Guardrail {
    pub(crate) limit: i64,
    pub(crate) window: Window,
}

/// Which calls a budget selects beside its scope. Empty selects all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Filter {
    pub(crate) models: Vec<CompactString>,
    pub(crate) providers: Vec<CompactString>,
    pub(crate) tags: Vec<(CompactString, CompactString)>,
}

impl Filter {
    /// A name that no call can bear selects nothing, which nobody means.
    fn check(&self) -> Result<(), Error> {
        for (field, names) in [("models", &self.models), ("providers", &self.providers)] {
            names.iter().try_for_each(|text| name::check(field, name::problem_of_model(text)))?;
            if let Some(pattern) = names.iter().find(|text| text.contains('*')) {
                let instead =
                    "is a pattern, which binds no call; name each model or provider, or none for all";
                return Err(Error::invalid(field, format!("{pattern:?} {instead}")));
            }
            if let Some(blank) = names.iter().find(|text| text.is_empty() || text.trim() != text.as_str()) {
                return Err(Error::invalid(
                    field,
                    format!("{blank:?} is empty, or begins or ends with a blank"),
                ));
            }
        }
        let tags = self.tags.iter().flat_map(|(key, value)| [key, value]);
        tags.into_iter().try_for_each(|text| name::check("tags", name::problem_of_tag(text)))
    }
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
    /// A limit of that level, counted in any unit; dollars are counted in nano-dollars.
    ///
    /// `None` is no limit: books are kept, nothing is refused.
    pub fn new(
        id: impl Into<CompactString>,
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

    /// A dollar limit of one level.
    pub fn usd(id: impl Into<CompactString>, scope: Scope, limit: Usd, window: Window) -> Self {
        Self::new(id, Selector::Scope(scope), Unit::Usd, Some(limit.nanos()), window)
    }

    /// A dollar limit of each level of a kind: "each user".
    pub fn each_usd(id: impl Into<CompactString>, kind: ScopeKind, limit: Usd, window: Window) -> Self {
        Self::new(id, Selector::Each(kind), Unit::Usd, Some(limit.nanos()), window)
    }

    /// A limit of one level on a count: tokens, requests.
    pub fn count(id: impl Into<CompactString>, scope: Scope, unit: Unit, limit: u64, window: Window) -> Self {
        // A limit beyond 63 bits cannot be reached either.
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        Self::new(id, Selector::Scope(scope), unit, Some(limit), window)
    }

    /// A limit of each level of a kind on a count.
    pub fn each_count(
        id: impl Into<CompactString>,
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
    /// One that could never refuse first, because the budget itself stops below it, is an error of
    /// [`Policy::new`](super::Policy::new).
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
    pub fn model(mut self, model: impl Into<CompactString>) -> Self {
        self.filter.models.push(model.into());
        self
    }

    /// Selects only calls to that provider; given again, to any of them.
    ///
    /// For an enforcer, a call that names no provider goes to the one whose price it has.
    #[must_use]
    pub fn provider(mut self, provider: impl Into<CompactString>) -> Self {
        self.filter.providers.push(provider.into());
        self
    }

    /// Selects only calls that bear that tag; given again, all of them.
    #[must_use]
    pub fn tag(mut self, key: impl Into<CompactString>, value: impl Into<CompactString>) -> Self {
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
    pub fn metadata(mut self, key: impl Into<CompactString>, value: impl Into<CompactString>) -> Self {
        self.metadata.push((key.into(), value.into()));
        self
    }

    /// Names a channel that its events should go to: `slack`, `email`.
    #[must_use]
    pub fn channel(mut self, channel: impl Into<CompactString>) -> Self {
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
    pub fn metadata_entries(&self) -> &[(CompactString, CompactString)] {
        &self.metadata
    }

    /// The channels that its events should go to.
    #[must_use]
    pub fn channels(&self) -> &[CompactString] {
        &self.channels
    }

    /// Whether the id belongs to lines that no policy names: a run's own, and those of exemptions and of unbound calls.
    /// Whether it is a line of that run, and the run only observes.
    pub(crate) fn is_observed_run(&self, scope: &Scope) -> bool {
        self.observe
            && is_run_line(&self.id)
            && matches!(&self.selector, Selector::Scope(own) if own == scope)
    }

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
            self.tiers.levels(limit).map_err(wrong)?;
        } else if !self.tiers.is_plain() {
            return Err(wrong(Error::invalid(
                "tiers",
                "have nothing to be a share of: the budget has no limit",
            )));
        }
        if self.caps.usd.is_some_and(Usd::is_negative) {
            return Err(wrong(Error::invalid("per_call.usd", "is below zero")));
        }
        match &self.guardrail {
            Some(_) if self.unit != Unit::Usd => Err(wrong(Error::invalid(
                "guardrail",
                format!("is in dollars, the budget counts {}", self.unit),
            ))),
            Some(guardrail) if guardrail.window == self.window => {
                Err(wrong(Error::invalid("guardrail", "has the budget's own window")))
            }
            Some(guardrail) => self.check_guardrail(guardrail).map_err(wrong),
            None => Ok(()),
        }
    }

    /// Refuses a guardrail that is never the first to refuse: whoever wrote it believes in a limit that is none.
    fn check_guardrail(&self, guardrail: &Guardrail) -> Result<(), Error> {
        let Some(limit) = self.limit else { return Ok(()) };
        let stop = self.tiers.ceiling(limit)?;
        if !never_binds(guardrail, stop, &self.window) {
            return Ok(());
        }
        let (most, stop) = (self.unit.show(guardrail.limit), self.unit.show(stop));
        let (inner, outer) = (&guardrail.window, &self.window);
        let problem = format!(
            "never binds: the budget stops at {stop} in a window of {outer}, before {most} can be spent in one of \
             {inner}; lower the guardrail, or leave it out"
        );
        Err(Error::invalid("guardrail", problem))
    }

    /// Whether the call's model, provider and tags are among those this budget selects.
    pub(crate) fn selects(&self, call: &Call, asked: Asked<'_>) -> bool {
        let filter = &self.filter;
        (filter.models.is_empty() || filter.models.iter().any(|model| asked.is_named(model)))
            && (filter.providers.is_empty() || filter.providers.iter().any(|name| asked.is_sold_by(name)))
            && filter.tags.iter().all(|(key, value)| call.tag_value(key) == Some(value))
    }

    pub(crate) fn has_degrade(&self) -> bool {
        self.tiers.as_slice().iter().any(|tier| tier.action == TierAction::Degrade)
    }
}

impl From<Scope> for Selector {
    fn from(scope: Scope) -> Self {
        Self::Scope(scope)
    }
}
