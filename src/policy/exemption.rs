//! Who may spend more for a while, on whose word?

use serde::{Deserialize, Serialize};

use crate::values::{ShortText, Timestamp, Unit, name};
use crate::{Error, Event, Scope};

/// A temporary raise of a scope's limits, with who asked, who approved, and why.
///
/// An exemption counts from its first instant to just before its last, once, however often it is given; afterwards the old
/// limit is back by itself. What was spent under the raise stays spent: a month that ends its exemption at $600 of $500 admits
/// nothing more until it resets.
///
/// It raises every budget of its scope in its unit, guardrails too, unless it names [budgets](Self::budget). One
/// [for a use case](Self::for_use_case) is another thing: a budget of its own, from which calls of that use case are charged
/// while it has room.
///
/// It must say why, and who asked or approved: whoever reads the journal next year was not in the room.
///
/// # Example: the day of the launch
/// ```
/// use token_budget::policy::Exemption;
/// use token_budget::usage::Unit;
/// use token_budget::{Scope, Usd};
///
/// let launch = Exemption::new("launch", Scope::team("search")?, Unit::Usd, Usd::dollars(200).nanos())
///     .between("2026-11-22T00:00:00Z".parse()?, "2026-11-23T00:00:00Z".parse()?)
///     .requested_by("ada")
///     .approved_by("grace")
///     .because("launch day");
/// assert!(launch.is_live("2026-11-22T00:00:00Z".parse()?));
/// assert!(!launch.is_live("2026-11-23T00:00:00Z".parse()?));
/// # Ok::<(), token_budget::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exemption {
    pub(crate) id: ShortText,
    pub(crate) scope: Scope,
    pub(crate) unit: Unit,
    /// In the unit; dollars in nano-dollars.
    pub(crate) raise: i64,
    #[serde(default)]
    pub(crate) budgets: Vec<ShortText>,
    #[serde(default)]
    pub(crate) use_case: Option<ShortText>,
    #[serde(default)]
    pub(crate) from: Option<Timestamp>,
    #[serde(default)]
    pub(crate) until: Option<Timestamp>,
    #[serde(default)]
    pub(crate) requester: ShortText,
    #[serde(default)]
    pub(crate) approver: ShortText,
    #[serde(default)]
    pub(crate) reason: ShortText,
    #[serde(default)]
    pub(crate) emergency: bool,
}

impl Exemption {
    /// Raises all limits of that scope in that unit; dollars are given in nano-dollars.
    pub fn new(id: impl Into<ShortText>, scope: Scope, unit: Unit, raise: i64) -> Self {
        Self {
            id: id.into(),
            scope,
            unit,
            raise,
            budgets: Vec::new(),
            use_case: None,
            from: None,
            until: None,
            requester: ShortText::default(),
            approver: ShortText::default(),
            reason: ShortText::default(),
            emergency: false,
        }
    }

    /// An emergency override: unblocks a hard stop at once. It must name its approver.
    ///
    /// It decides as any other exemption does. What differs is the paper: nobody approves an emergency by silence.
    ///
    /// # Example: without an approver it is refused
    /// ```
    /// use token_budget::policy::Exemption;
    /// use token_budget::usage::Unit;
    /// use token_budget::{Policy, Scope, Usd};
    ///
    /// let raise = Usd::dollars(50).nanos();
    /// let override_now = Exemption::emergency("incident-7", Scope::team("search")?, Unit::Usd, raise)
    ///     .requested_by("ada")
    ///     .because("the incident is not over");
    /// let refused = Policy::default().with_exemption(override_now.clone()).unwrap_err();
    /// assert!(refused.to_string().contains("names who approved it"), "{refused}");
    /// assert!(Policy::default().with_exemption(override_now.approved_by("grace")).is_ok());
    /// # Ok::<(), token_budget::Error>(())
    /// ```
    pub fn emergency(id: impl Into<ShortText>, scope: Scope, unit: Unit, raise: i64) -> Self {
        Self { emergency: true, ..Self::new(id, scope, unit, raise) }
    }

    /// Raises only that budget; given again, those.
    #[must_use]
    pub fn budget(mut self, id: impl Into<ShortText>) -> Self {
        self.budgets.push(id.into());
        self
    }

    /// Serves only that use case, as a budget of its own.
    #[must_use]
    pub fn for_use_case(mut self, use_case: impl Into<ShortText>) -> Self {
        self.use_case = Some(use_case.into());
        self
    }

    /// Counts from the first instant to just before the second.
    #[must_use]
    pub fn between(mut self, from: Timestamp, until: Timestamp) -> Self {
        (self.from, self.until) = (Some(from), Some(until));
        self
    }

    /// Names who asked for it.
    #[must_use]
    pub fn requested_by(mut self, who: impl Into<ShortText>) -> Self {
        self.requester = who.into();
        self
    }

    /// Names who approved it.
    #[must_use]
    pub fn approved_by(mut self, who: impl Into<ShortText>) -> Self {
        self.approver = who.into();
        self
    }

    /// Says why.
    #[must_use]
    pub fn because(mut self, reason: impl Into<ShortText>) -> Self {
        self.reason = reason.into();
        self
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Whether it counts at that instant.
    #[must_use]
    pub fn is_live(&self, at: Timestamp) -> bool {
        self.from.is_none_or(|from| at >= from) && self.until.is_none_or(|until| at < until)
    }

    /// The next instant after `at` at which it begins or ends.
    pub(crate) fn next_edge(&self, at: Timestamp) -> Timestamp {
        let edges = [self.from, self.until].into_iter().flatten().filter(|edge| *edge > at);
        edges.min().unwrap_or(Timestamp::MAX)
    }

    /// Whether it raises that budget of its scope.
    pub(crate) fn raises(&self, budget: &str, scope: &Scope, unit: &Unit) -> bool {
        self.scope == *scope
            && self.unit == *unit
            && (self.budgets.is_empty() || self.budgets.iter().any(|id| id == budget))
    }

    /// What observers hear when it is granted.
    pub(crate) fn granted(&self) -> Event {
        Event::Exempted {
            exemption: self.id.clone(),
            scope: self.scope.clone(),
            raise: self.raise,
            unit: self.unit.clone(),
            requester: self.requester.clone(),
            approver: self.approver.clone(),
            reason: self.reason.clone(),
            emergency: self.emergency,
            until: self.until,
        }
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        let wrong = |field: &str, problem: &str| {
            Err(Error::invalid(field, problem).within(&format!("exemption {}", self.id)))
        };
        if let Some(problem) = name::problem_of_id(&self.id) {
            return Err(Error::invalid("exemption: id", problem));
        }
        if self.raise <= 0 {
            return wrong("raise", "is not above zero");
        }
        if let Some(problem) = self.use_case.as_deref().and_then(name::problem_of_tag) {
            return wrong("use_case", problem);
        }
        if self.reason.is_empty() {
            return wrong("reason", "is missing");
        }
        if self.requester.is_empty() && self.approver.is_empty() {
            return wrong("requester", "is missing");
        }
        if self.emergency && self.approver.is_empty() {
            return wrong("approver", "is missing: an emergency override names who approved it");
        }
        match (self.from, self.until) {
            (Some(from), Some(until)) if until <= from => wrong("until", "is not after its beginning"),
            _ => Ok(()),
        }
    }
}
