//! What may a run take, and as which lines does the ledger see that?
//!
//! Each limit is a budget of the run's scope for its whole life. A line is kept also where there is no limit, because the report
//! wants its figure.
//!
//! # Own, and below
//! A call of a run below is held on the line of every run above that it shares with, and beside each on a second line,
//! `BELOW`, that has no limit. So both sums are at hand: with 90 cents on `trip`'s line and 30 on its `BELOW`, the run and all below
//! it took 90, and the run itself 60. A run without children pays nothing for that.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use crate::policy::{Budget, OfRun};
use crate::values::{Caps, ShortText, Timestamp, Unit, name};
use crate::{Error, Scope, Usd, Window};

/// What a run may take; `None` is no limit.
///
/// Each limit is for the run and everything below it, over its whole life and over all openings. The edge is inside: a run with
/// 50 iterations makes 50.
///
/// # Example: the last call may use what was kept back
/// ```
/// use token_budget::run::{KeptBack, RunLimits};
/// use token_budget::{Call, Enforcer, RunGuard, Usage, Usd};
///
/// let limits = RunLimits {
///     usd: Some(Usd::cents(30)),
///     kept_back: KeptBack { usd: Usd::cents(10), ..KeptBack::default() },
///     ..RunLimits::none()
/// };
/// let enforcer = Enforcer::builder().build();
/// let run = RunGuard::builder("run-42").limits(limits).open(&enforcer).wait()?;
/// let call = Call::new("gpt-4o").input_tokens(0).output_tokens(10_000); // ten cents
///
/// for _ in 0..2 {
///     run.reserve(&call).wait()?.or_refusal()?.send().reconcile(Usage::of(0, 10_000)).wait()?;
/// }
/// assert!(!run.reserve(&call).wait()?.is_admitted()); // 20 + 10 > 30 - 10
/// assert!(run.reserve_final(&call).wait()?.is_admitted()); // 20 + 10 <= 30
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RunLimits {
    /// Dollars, before what was granted.
    pub usd: Option<Usd>,
    /// Input and output tokens together.
    pub tokens: Option<u64>,
    /// Attempts sent.
    pub iterations: Option<u64>,
    /// Output tokens of one attempt.
    pub output_tokens_per_iteration: Option<u64>,
    /// Time that the run is open.
    pub time: Option<Duration>,
    /// The first instant at which nothing is admitted any more.
    pub deadline: Option<Timestamp>,
    /// Calls of all tools together.
    pub tool_calls: Option<u64>,
    /// Calls of single tools, by name.
    pub tools: BTreeMap<ShortText, u64>,
    /// Runs directly below it.
    pub children: Option<u64>,
    /// Levels of runs below it. Without, they end where a call could not be held any more: see
    /// [`RunGuard::child`](crate::RunGuard::child).
    pub depth: Option<u64>,
    /// What only the final call may use.
    pub kept_back: KeptBack,
}

/// The part of a run's limits that only its final call may use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct KeptBack {
    /// Dollars.
    pub usd: Usd,
    /// Input and output tokens together.
    pub tokens: u64,
    /// Attempts.
    pub iterations: u64,
}

/// What a run does where its own dollars do not suffice for a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OnLimit {
    /// It is over.
    #[default]
    End,
    /// It waits until a person grants more or stops it.
    Ask,
}

/// The lines that a run's own calls are counted on: everything below it included.
pub(super) const USD: &str = "run";
pub(super) const TOKENS: &str = "run tokens";
pub(super) const ITERATIONS: &str = "run iterations";
pub(super) const TOOLS: &str = "run tools";
pub(super) const TOOL: &str = "run tool";
pub(super) const CHILDREN: &str = "run children";
pub(super) const TIME: &str = "run time";
/// The part of those that runs below it took: what is left is its own.
pub(super) const BELOW: &str = "run below";
/// Dollars that were granted on top of the limit.
pub(super) const GRANTED: &str = "run granted";
/// The limit that it was given as a share of its parent's room.
pub(super) const GIVEN: &str = "run given";
/// Whether it was begun or restored before.
pub(super) const KNOWN: &str = "run known";

/// How a call looks at the limits of a run: as the final one, or with a weaker model to fall back on.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct LimitView<'a> {
    pub(super) is_final: bool,
    pub(super) next_rung: Option<&'a ShortText>,
    pub(super) degrade_at: Option<u32>,
    /// The run's calls are limited, or named as without limits: they are bound, whatever the policy has.
    pub(super) binds_calls: bool,
}

/// A line of a run: kept for its whole life, also where it has no limit, because the report wants it.
pub(super) fn line(id: &str, scope: &Scope, unit: Unit, limit: Option<i64>) -> Budget {
    Budget::new(id, scope.clone().into(), unit, limit, Window::lifetime())
}

/// The most tools of one run with a limit of their own, so that all its limits are written at once.
const TOOLS_MAX: usize = 128;

/// A count as the ledger keeps it; what does not fit cannot be reached either.
pub(super) fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// A span of time as the ledger keeps it.
pub(super) fn milliseconds(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}

impl RunLimits {
    /// No limit at all, by name: for [`Builder::limits`](super::Builder::limits).
    ///
    /// A run that says nothing is refused, because nobody meant its purse to be open. One that says this is opened,
    /// which is an event ([`Event::Unlimited`](crate::Event::Unlimited)); its figures are kept as for any other.
    ///
    /// ```
    /// use token_budget::run::RunLimits;
    /// use token_budget::{Enforcer, RunGuard};
    /// # use token_budget::{Budget, Policy, Scope, Usd, Window};
    /// # let day = Budget::usd("search", Scope::team("search")?, Usd::dollars(1), Window::day());
    /// # let enforcer = Enforcer::builder().policy(Policy::new([day])?).build();
    ///
    /// let error = RunGuard::builder("run-42").open(&enforcer).wait().unwrap_err();
    /// assert!(error.to_string().contains("no limit"), "{error}");
    /// let run = RunGuard::builder("run-42").limits(RunLimits::none()).open(&enforcer).wait()?;
    /// assert_eq!(run.limits(), &RunLimits::none());
    /// # Ok::<(), token_budget::Error>(())
    /// ```
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Whether anything in them limits a call of the run: more than how many runs may be below it, and its tools.
    pub(super) fn bind_calls(&self) -> bool {
        let Self { usd, tokens, iterations, output_tokens_per_iteration, time, deadline, .. } = self;
        let counts = [tokens, iterations, output_tokens_per_iteration].iter().any(|limit| limit.is_some());
        counts || usd.is_some() || time.is_some() || deadline.is_some()
    }

    /// The lines that a call of the run is held on, with so many nano-dollars granted.
    pub(super) fn lines(&self, scope: &Scope, granted: i64, view: LimitView<'_>) -> Vec<Budget> {
        let caps = Caps { tokens_output: self.output_tokens_per_iteration, ..Caps::default() };
        let kept = &self.kept_back;
        let usd = self.usd.map(|usd| usd.nanos().saturating_add(granted));
        let lines = [
            (USD, Unit::Usd, usd, kept.usd.nanos()),
            (TOKENS, Unit::Tokens, self.tokens.map(signed), signed(kept.tokens)),
            (ITERATIONS, Unit::Iterations, self.iterations.map(signed), signed(kept.iterations)),
        ];
        let of_call = |(id, unit, limit, kept_back): (&str, Unit, Option<i64>, i64)| {
            let mut budget = line(id, scope, unit, limit).per_call(caps);
            let is_budget = id != ITERATIONS;
            budget.of_run = OfRun {
                kept_back: if view.is_final { 0 } else { kept_back },
                binds_calls: view.binds_calls,
                degrade: limit.filter(|_| is_budget).and_then(|limit| view.degrades(limit)),
            };
            budget
        };
        lines.into_iter().map(of_call).collect()
    }

    /// Refuses limits that cannot be meant: more kept back than there is, dollars below zero.
    pub(super) fn check(&self) -> Result<(), Error> {
        let over = |kept: u64, limit: Option<u64>| kept > 0 && limit.is_none_or(|limit| kept > limit);
        let kept = &self.kept_back;
        if kept.usd > Usd::ZERO && self.usd.is_none_or(|limit| kept.usd > limit)
            || over(kept.tokens, self.tokens)
            || over(kept.iterations, self.iterations)
        {
            return Err(Error::invalid("run: kept back", "is more than the limit that it is kept back from"));
        }
        if self.usd.is_some_and(Usd::is_negative) || kept.usd.is_negative() {
            return Err(Error::invalid("run: usd", "is below zero"));
        }
        if self.tools.len() > TOOLS_MAX {
            return Err(Error::invalid(
                "run: tools",
                format!("more than {TOOLS_MAX} with a limit of their own"),
            ));
        }
        self.tools.keys().try_for_each(|name| check_tool(name))
    }
}

impl LimitView<'_> {
    /// From which figure on this model is too strong, and which is next; nothing for the weakest.
    fn degrades(&self, limit: i64) -> Option<(i64, ShortText)> {
        let (percent, next) = self.degrade_at.zip(self.next_rung)?;
        let share = i128::from(limit).saturating_mul(i128::from(percent));
        let whole = share.saturating_add(99).checked_div(100)?;
        Some((i64::try_from(whole).ok()?, next.clone()))
    }
}

/// A tool's name comes from a model: it is as short and as plain as a scope's.
pub(super) fn check_tool(name: &str) -> Result<(), Error> {
    name::check("tool", name::problem_of_id(name))
}
