//! What do a guard, and the runs below it, know of one opened run?
//!
//! `chain` is the run and those above it. Which lines a call is held on follows from it, and from the parts that were given on the
//! way: a part of some unit shields every run above it from that unit.
//!
//! Worked example: `a/b/c`, where b has dollars of its own from a. A call of c is held on dollars of c and b, and on tokens and
//! iterations of c, b and a. Dollars of a are not touched: they hold b's part.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use super::carve::Carve;
use super::end::End;
use super::limits::{self, BELOW, LimitView, OnLimit, RunLimits};
use super::live::Live;
use crate::enforcer::Prepared;
use crate::engine::Watcher;
use crate::ledger::{FrozenScope, MarkAction};
use crate::policy::Budget;
use crate::values::{Account, Refusal, ScopeKind, ShortText, Tenant, Timestamp, Unit};
use crate::{Call, Scope};

/// One opened run, as its guard and the runs below it see it.
pub(super) struct Opened {
    pub(super) live: Arc<LiveRun>,
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

/// Charge sets that a run has used.
#[derive(Default)]
pub(super) struct Resolved {
    /// What was granted along the chain when they were resolved.
    pub(super) granted: i64,
    /// By call, and whether it is the final one.
    pub(super) prepared: Vec<(Call, bool, Arc<Prepared>)>,
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

impl Opened {
    /// The run's scope.
    pub(super) fn scope(&self) -> &Scope {
        &self.live.scope
    }

    /// The run, then those above it, the nearest first.
    pub(super) fn chain(&self) -> impl Iterator<Item = &Opened> {
        std::iter::successors(Some(self), |run| run.parent.as_deref())
    }

    /// The scopes of the run and of those above it, the nearest first.
    pub(super) fn scopes(&self) -> impl Iterator<Item = Scope> {
        self.chain().map(|run| run.scope().clone())
    }

    /// What wakes people of the run and of those above it, the nearest first.
    pub(super) fn live_chain(&self) -> Vec<Arc<LiveRun>> {
        self.chain().map(|run| Arc::clone(&run.live)).collect()
    }

    /// The run at the top, which keeps what concerns the whole family.
    pub(super) fn top(&self) -> &LiveRun {
        self.chain().last().map_or(&self.live, |run| &run.live)
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
    pub(super) fn call_lines(&self, view: LimitView<'_>) -> Vec<Budget> {
        let mut budgets = self.own_lines(view);
        // Only its own final call may use what it keeps back; nobody else's reserve is touched.
        let view = LimitView { is_final: false, ..view };
        for (run, carved) in self.above() {
            let units = [Unit::Usd, Unit::Tokens, Unit::Iterations];
            let below = units.map(|unit| limits::line(BELOW, run.scope(), unit, None));
            let lines = run.own_lines(view).into_iter().chain(below);
            budgets.extend(lines.filter(|budget| !carved.contains(&budget.unit)));
        }
        budgets
    }

    /// The lines of its own limits, what was granted included.
    fn own_lines(&self, view: LimitView<'_>) -> Vec<Budget> {
        let granted = self.live.look(|facts| facts.granted);
        let degrade_at = self.rungs.degrade_at;
        let binds_calls = self.is_unlimited || self.limits.bind_calls();
        let mut lines =
            self.limits.lines(self.scope(), granted, LimitView { degrade_at, binds_calls, ..view });
        lines.iter_mut().for_each(|line| line.observe = self.observes);
        lines
    }

    /// A line of its own, that refuses where the run does.
    pub(super) fn line(&self, id: &str, unit: Unit, limit: Option<i64>) -> Budget {
        let line = limits::line(id, self.scope(), unit, limit);
        if self.observes { line.observe() } else { line }
    }

    /// The lines on which a run below takes its part of that unit: of this run, and of those above that see it taken here.
    ///
    /// Beside each stands the line that tells the part from that run's own.
    pub(super) fn part_lines(&self, unit: &Unit) -> Vec<Budget> {
        let above = self.above().into_iter().filter(|(_, carved)| !carved.contains(unit));
        let payers = std::iter::once(self).chain(above.map(|(run, _)| run));
        let of_one = |run: &Opened| {
            let own = run.own_lines(LimitView::default()).into_iter().filter(|budget| budget.unit == *unit);
            let below = limits::line(BELOW, run.scope(), unit.clone(), None);
            let mut lines: Vec<Budget> = own.chain([below]).collect();
            lines.iter_mut().for_each(|budget| budget.of_run.degrade = None);
            lines
        };
        payers.flat_map(of_one).collect()
    }

    /// Takes its part as everybody in this process knows it.
    pub(super) fn share_part(&mut self) {
        let carve = self.carve.take();
        self.carve = carve.map(|carve| self.top().note(|facts| facts.share(carve)));
    }

    /// The call with everybody who pays for it: whom the run charges, the run, and those above it.
    pub(super) fn charged(&self, call: Call) -> Call {
        let call = self.charge.scopes().iter().cloned().fold(call, Call::scope);
        self.scopes().fold(call, Call::scope)
    }

    /// Nobody but the organisation and these scopes: for the lines of runs alone.
    pub(super) fn call_for(&self, scopes: impl IntoIterator<Item = Scope>) -> Call {
        let organizations = self.charge.scopes().iter();
        let organizations = organizations.filter(|scope| scope.kind() == &ScopeKind::Organization).cloned();
        organizations.chain(scopes).fold(Call::new("-"), Call::scope)
    }

    /// The same for the lines of a run below and of all runs above that one.
    pub(super) fn call_for_child(&self, child: &Scope) -> Call {
        self.call_for(self.scopes().chain([child.clone()]))
    }

    /// The earliest instant that was named for it or for a run above it.
    pub(super) fn deadline(&self) -> Option<Timestamp> {
        self.chain().filter_map(|run| run.limits.deadline).min()
    }
}

/// One run, as far as this process knows it. The books are the ledger's; this is what wakes people.
pub(crate) type LiveRun = Live<RunFacts>;

/// What this process knows of a run without asking the ledger.
#[derive(Default)]
pub(crate) struct RunFacts {
    /// The mark that stands on the run.
    pub(super) mark: Option<FrozenScope>,
    /// Nano-dollars granted on top of its limit.
    pub(super) granted: i64,
    /// The last refusal by a limit of its own, by whichever guard.
    pub(super) short: Option<Refusal>,
    /// The tools that are counted by name.
    pub(super) tools: BTreeSet<ShortText>,
    /// The runs that were opened directly below it.
    pub(super) children: BTreeSet<Scope>,
    /// Parts given to runs below, whose holds are still to be replaced; kept at the topmost run.
    pub(super) carves: Vec<Arc<Carve>>,
    /// What guards that are open know of it: calls that name the run are held to its limits by any of them.
    opened: Vec<Weak<Opened>>,
    /// How many guards are open, and since when the first of them.
    open: Option<(usize, Timestamp)>,
}

impl RunFacts {
    /// Counts a guard that opens; since when the run is open here.
    pub(super) fn enter(&mut self, now: Timestamp) -> Timestamp {
        let (guards, since) = self.open.unwrap_or((0, now));
        self.open = Some((guards.saturating_add(1), since));
        since
    }

    /// Counts a guard that goes; since when the run was open here, if that was the last.
    pub(super) fn leave(&mut self) -> Option<Timestamp> {
        let (guards, since) = self.open.take()?;
        if guards > 1 {
            self.open = Some((guards.saturating_sub(1), since));
            return None;
        }
        Some(since)
    }

    /// Remembers what a guard knows of the run.
    pub(super) fn remember(&mut self, opened: &Arc<Opened>) {
        self.opened.retain(|known| known.strong_count() > 0);
        self.opened.push(Arc::downgrade(opened));
    }

    /// The part as everybody in this process knows it, so that whoever ends it ends it for all; notes one that is new.
    pub(super) fn share(&mut self, carve: Arc<Carve>) -> Arc<Carve> {
        if let Some(known) = self.carves.iter().find(|known| known.id == carve.id) {
            return Arc::clone(known);
        }
        // A child has one part at a time: one of another number was given back by an opening that broke off.
        self.carves.retain(|known| known.child != carve.child);
        self.carves.push(Arc::clone(&carve));
        carve
    }

    /// What a guard that is open knows of the run.
    pub(super) fn opened(&self) -> Option<Arc<Opened>> {
        self.opened.iter().find_map(Weak::upgrade)
    }

    /// How the run ended, if it was stopped or closed. A freeze is for a while and ends nothing.
    pub(super) fn ended(&self) -> Option<FrozenScope> {
        self.mark.clone().filter(|mark| matches!(mark.action, MarkAction::Stop | MarkAction::Close))
    }
}

impl LiveRun {
    /// The mark that is known to stand on it.
    pub(super) fn mark(&self) -> Option<FrozenScope> {
        self.look(|facts| facts.mark.clone())
    }
}

impl Watcher for LiveRun {
    /// Notes which mark stands on the run, and wakes whoever waits for its end.
    fn learn(&self, mark: Option<FrozenScope>) {
        self.change(|facts| facts.mark = mark);
    }

    fn set_aside(&self, account: &Account) -> Vec<(Scope, i64)> {
        let carves = self.look(|facts| facts.carves.clone());
        carves.iter().filter(|carve| carve.is_on(account)).map(|carve| carve.given()).collect()
    }
}
