//! What do a guard, and the runs below it, know of one opened run?
//!
//! `chain` is the run and those above it. Which lines a call is held on follows from it, and from the parts that were given on the
//! way: a part of some unit shields every run above it from that unit.
//!
//! Worked example: `a/b/c`, where b has dollars of its own from a. A call of c is held on dollars of c and b, and on tokens and
//! iterations of c, b and a. Dollars of a are not touched: they hold b's part.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use super::admit::Resolved;
use super::carve::Carve;
use super::level::Level;
use super::limits::{self, BELOW, OnLimit, RunLimits, View};
use crate::policy::Budget;
use crate::values::{Refusal, RefusalKind, ScopeKind, ShortText, Tenant, Timestamp, Unit};
use crate::{Call, Scope};

/// One opened run, as its guard and the runs below it see it.
pub(super) struct Opened {
    pub(super) level: Arc<Level>,
    pub(super) tenant: Tenant,
    pub(super) limits: RunLimits,
    /// It was opened without limits by name.
    pub(super) is_unlimited: bool,
    /// It refuses nothing for its own sake.
    pub(super) observes: bool,
    /// Whom its calls charge beside the runs.
    pub(super) charge: Call,
    pub(super) parent: Option<Arc<Opened>>,
    /// The part of its parent that it was given; without, it shares all.
    pub(super) carve: Option<Arc<Carve>>,
    pub(super) rungs: Rungs,
    pub(super) on_limit: OnLimit,
    /// When it ends by itself: never later than its parent.
    pub(super) end: Option<End>,
    /// When it would end, were it not to observe.
    pub(super) end_observed: Option<End>,
    /// Charge sets that its calls have used.
    pub(super) resolved: Mutex<Resolved>,
}

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Opened({})", self.scope())
    }
}

/// Which models a run falls back on, and from which share of its budget.
#[derive(Clone, Debug, Default)]
pub(super) struct Rungs {
    pub(super) degrade_at: Option<u32>,
    /// Strongest first; the policy's where it is empty.
    pub(super) ladder: Vec<ShortText>,
}

/// When a run ends by itself, and by whose word.
#[derive(Clone, Debug)]
pub(super) struct End {
    pub(super) at: Timestamp,
    scope: Scope,
    /// The time limit that ends it; an instant that was named otherwise.
    time: Option<Duration>,
}

impl Opened {
    /// The run's scope.
    pub(super) fn scope(&self) -> &Scope {
        &self.level.scope
    }

    /// The run, then those above it, the nearest first.
    pub(super) fn chain(&self) -> impl Iterator<Item = &Opened> {
        std::iter::successors(Some(self), |run| run.parent.as_deref())
    }

    /// What wakes people of the run and of those above it, the nearest first.
    pub(super) fn levels(&self) -> Vec<Arc<Level>> {
        self.chain().map(|run| Arc::clone(&run.level)).collect()
    }

    /// The run at the top, which keeps what concerns the whole family.
    pub(super) fn top(&self) -> &Level {
        self.chain().last().map_or(&self.level, |run| &run.level)
    }

    /// The runs above, each with the units that some run on the way has a part of its own of.
    pub(super) fn above(&self) -> Vec<(&Opened, Vec<Unit>)> {
        let mut carved = Vec::new();
        let mut above = Vec::new();
        for run in self.chain() {
            if let Some(parent) = &run.parent {
                carved.extend(run.carve.iter().map(|carve| carve.unit.clone()));
                above.push((&**parent, carved.clone()));
            }
        }
        above
    }

    /// The lines that its calls are held on: its own, and of those above all that is shared with them.
    pub(super) fn call_lines(&self, view: View<'_>) -> Vec<Budget> {
        let mut budgets = self.own_lines(view);
        // Only its own final call may use what it keeps back; nobody else's reserve is touched.
        let view = View { is_final: false, ..view };
        for (run, carved) in self.above() {
            let units = [Unit::Usd, Unit::Tokens, Unit::Iterations];
            let below = units.map(|unit| limits::line(BELOW, run.scope(), unit, None));
            let lines = run.own_lines(view).into_iter().chain(below);
            budgets.extend(lines.filter(|budget| !carved.contains(&budget.unit)));
        }
        budgets
    }

    /// The lines of its own limits, what was granted included.
    fn own_lines(&self, view: View<'_>) -> Vec<Budget> {
        let granted = self.level.look(|state| state.granted);
        let degrade_at = self.rungs.degrade_at;
        let binds_calls = self.is_unlimited || self.limits.bind_calls();
        let mut lines = self.limits.lines(self.scope(), granted, View { degrade_at, binds_calls, ..view });
        lines.iter_mut().for_each(|line| line.observe = self.observes);
        lines
    }

    /// A line of its own, that refuses where the run does.
    pub(super) fn line(&self, id: &str, unit: Unit, limit: Option<i64>) -> Budget {
        let line = limits::line(id, self.scope(), unit, limit);
        if self.observes { line.observe() } else { line }
    }

    /// The line on which runs below take their part, and the one that tells it from the run's own.
    pub(super) fn part_lines(&self, unit: &Unit) -> Vec<Budget> {
        let own = self.own_lines(View::default()).into_iter().map(|mut budget| {
            budget.of_run.degrade = None;
            budget
        });
        let below = limits::line(BELOW, self.scope(), unit.clone(), None);
        own.filter(|budget| budget.unit == *unit).chain([below]).collect()
    }

    /// The runs from this one up that see a part of that unit taken here.
    pub(super) fn payers(&self, unit: &Unit) -> Vec<&Opened> {
        let above = self.above().into_iter().filter(|(_, carved)| !carved.contains(unit));
        std::iter::once(self).chain(above.map(|(run, _)| run)).collect()
    }

    /// The call with everybody who pays for it: whom the run charges, the run, and those above it.
    pub(super) fn charged(&self, call: Call) -> Call {
        let call = self.charge.scopes().iter().cloned().fold(call, Call::scope);
        self.chain().map(|run| run.scope().clone()).fold(call, Call::scope)
    }

    /// Nobody but the organisation and these levels: for the lines of runs alone.
    pub(super) fn call_for(&self, scopes: impl IntoIterator<Item = Scope>) -> Call {
        let organizations = self.charge.scopes().iter();
        let organizations = organizations.filter(|scope| scope.kind() == &ScopeKind::Organization).cloned();
        organizations.chain(scopes).fold(Call::new("-"), Call::scope)
    }

    /// The earliest instant that was named for it or for a run above it.
    pub(super) fn deadline(&self) -> Option<Timestamp> {
        self.chain().filter_map(|run| run.limits.deadline).min()
    }
}

impl End {
    /// The earliest of a run's own limits and its parent's end.
    pub(super) fn earliest(
        scope: &Scope,
        limits: &RunLimits,
        (now, used): (Timestamp, Duration),
        parent: Option<&End>,
    ) -> Option<Self> {
        let time = limits.time.map(|time| Self {
            at: now + time.saturating_sub(used),
            scope: scope.clone(),
            time: Some(time),
        });
        let named = limits.deadline.map(|at| Self { at, scope: scope.clone(), time: None });
        time.into_iter().chain(named).chain(parent.cloned()).min_by_key(|end| end.at)
    }

    /// The refusal of what comes at or after it.
    pub(super) fn refusal(&self, now: Timestamp) -> Option<Refusal> {
        if now < self.at {
            return None;
        }
        let milliseconds = |span: Duration| i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
        let limit = self.time.map(milliseconds);
        Some(Refusal {
            budget: if limit.is_some() { limits::TIME.into() } else { "run deadline".into() },
            scope: Some(self.scope.clone()),
            window: "lifetime".into(),
            unit: Unit::TimeMs,
            limit,
            ceiling: limit.unwrap_or(i64::MAX),
            spent: limit.unwrap_or(0).saturating_add(milliseconds(now.since(self.at))),
            reserved: 0,
            requested: 1,
            kind: match limit {
                Some(_) => RefusalKind::RunLimit,
                None => RefusalKind::Deadline { at: self.at },
            },
        })
    }
}
