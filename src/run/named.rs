//! Which run does a call belong to that names one, and whose limits bind it there?
//!
//! A run is its id and its books: a call that carries its scope is held to its
//! limits, whichever way it goes out. Where a guard is open in this process its
//! limits are at hand; elsewhere they are read from the books.
//!
//! A name says who is above: `trip/book/pay` lies below `trip/book` and `trip`. So a call that names
//! the lowest is held to all of them. Of the runs that a call names or implies, the lowest that was ever
//! opened is its run; a call that names two families is an error, because its usage would belong to neither.

use std::sync::Arc;

use super::admit::Seat;
use super::builder::Builder;
use super::child::{Child, ChildAdmission};
use super::figures::LineBalances;
use super::guard::RunGuard;
use super::late::LateCalls;
use super::limits::{LimitView, line};
use super::opened::{LiveRun, Opened, RunFacts};
use super::written_words::OPENED;
use crate::enforcer::{InRun, Prepared, Runs};
use crate::engine::{AfterCall, Own};
use crate::values::{ScopeKind, ShortText, Tenant, Unit};
use crate::{Admission, Call, Enforcer, Error, ErrorKind, Scope};

/// A run that a call names: open here, or opened for this call.
enum NamedRun {
    /// A guard of it is open here.
    Open(Arc<Opened>),
    /// Opened from its books for this call alone: no time passes for it.
    Reopened(Box<RunGuard>),
}

impl NamedRun {
    fn run(&self) -> &Arc<Opened> {
        match self {
            Self::Open(run) => run,
            Self::Reopened(guard) => &guard.run,
        }
    }
}

/// Whoever keeps runs, as an enforcer knows them.
#[derive(Debug)]
pub(crate) struct NamedRuns;

impl Runs for NamedRuns {
    fn reserve<'a>(&self, enforcer: &'a Enforcer, call: &'a Call) -> InRun<'a, Admission> {
        Box::pin(async move {
            let Some(named) = find(enforcer, call).await? else { return Ok(None) };
            Seat { enforcer, run: named.run() }.admit_as_it_is(call).await.map(Some)
        })
    }

    fn prepared<'a>(&self, enforcer: &'a Enforcer, call: &'a Call) -> InRun<'a, Arc<Prepared>> {
        Box::pin(async move {
            let Some(named) = find(enforcer, call).await? else { return Ok(None) };
            let seat = Seat { enforcer, run: named.run() };
            seat.prepared_for(&seat.charged(call)?, false).map(Some)
        })
    }

    fn lines(&self, enforcer: &Enforcer, call: &Call) -> Result<Own, Error> {
        let tenant = tenant_of(call)?;
        let run = names(call).iter().find_map(|scope| open_here(enforcer, &tenant, scope));
        Ok(run.map_or_else(Own::none, |run| LateCalls::bring(&run, LimitView::default())))
    }

    fn ended<'a>(&self, enforcer: &'a Enforcer, payers: &'a Call) -> InRun<'a, ()> {
        Box::pin(async move {
            let Some(named) = find(enforcer, payers).await? else { return Ok(None) };
            match LateCalls::of(named.run()) {
                Some(late) => late.ended(enforcer.core()).await.map(Some),
                None => Ok(None),
            }
        })
    }
}

/// The run that the call belongs to: the lowest that it names, or that lies above one that it names.
///
/// A call that names `trip/book/pay`, of which only `trip` was ever opened, belongs to `trip`. Those without a guard here are
/// looked up in one reading. A call that names no run at all never comes here.
async fn find(enforcer: &Enforcer, call: &Call) -> Result<Option<NamedRun>, Error> {
    call.check()?;
    let tenant = tenant_of(call)?;
    let names = names(call);
    let open: Vec<Arc<Opened>> =
        names.iter().filter_map(|scope| open_here(enforcer, &tenant, scope)).collect();
    let is_open = |scope: &&Scope| open.iter().any(|run| run.scope() == *scope);
    let closed: Vec<Scope> = names.iter().filter(|scope| !is_open(scope)).cloned().collect();
    let known = known(enforcer, call, &closed).await?;
    let lowest = names.iter().find(|scope| is_open(scope) || known.contains(scope));
    let Some(lowest) = lowest else { return Ok(None) };
    let named = match open.iter().find(|run| run.scope() == lowest) {
        Some(run) => NamedRun::Open(Arc::clone(run)),
        None => {
            let builder = Builder::new(lowest.name().into(), ()).charging(without_runs(call));
            NamedRun::Reopened(Box::new(builder.open_by_id(enforcer, true).await?))
        }
    };
    let is_of_family = |scope: &Scope| named.run().chain().any(|run| run.scope() == scope);
    let stranger = open.iter().map(|run| run.scope()).chain(&known).find(|scope| !is_of_family(scope));
    match stranger {
        Some(stranger) => {
            let problem =
                format!("names {lowest} and {stranger}, and a call is of one run; name one of them");
            Err(Error::invalid("call", problem))
        }
        None => Ok(Some(named)),
    }
}

/// The runs that the call names and all that may lie above them, the longest name first.
fn names(call: &Call) -> Vec<Scope> {
    let runs = call.scopes().iter().filter(|scope| scope.kind() == &ScopeKind::Run);
    let mut names: Vec<Scope> =
        runs.flat_map(|scope| std::iter::once(scope.clone()).chain(scope.runs_above())).collect();
    names.sort_by(|one, other| other.name().len().cmp(&one.name().len()).then_with(|| one.cmp(other)));
    names.dedup();
    names
}

/// The run, if a guard of it is open in this process.
fn open_here(enforcer: &Enforcer, tenant: &Tenant, scope: &Scope) -> Option<Arc<Opened>> {
    enforcer.core().board.find::<LiveRun>(tenant, scope)?.look(RunFacts::opened)
}

/// Those of the runs that the ledger knows as opened.
async fn known(enforcer: &Enforcer, call: &Call, runs: &[Scope]) -> Result<Vec<Scope>, Error> {
    if runs.is_empty() {
        return Ok(Vec::new());
    }
    let lines = runs.iter().map(|scope| line(OPENED, scope, Unit::Requests, None)).collect();
    let figures = LineBalances::of(enforcer.core(), call, lines).await?;
    let is_opened = |run: &&Scope| figures.get(run, OPENED, &Unit::Requests).used() > 0;
    Ok(runs.iter().filter(is_opened).cloned().collect())
}

/// Whose books the call's runs are in.
fn tenant_of(call: &Call) -> Result<Tenant, Error> {
    match call.organization_name() {
        Some(name) => Ok(Tenant::organization(&Scope::new(ScopeKind::Organization, name)?)),
        None => Ok(Tenant::unnamed()),
    }
}

/// Whom the call charges beside its runs.
fn without_runs(call: &Call) -> Call {
    let others = call.scopes().iter().filter(|scope| scope.kind() != &ScopeKind::Run).cloned();
    others.fold(Call::charging(), Call::scope)
}

impl Builder {
    /// The run above the one of that name, where one was ever opened; those in between are begun.
    pub(super) async fn run_above(
        &self,
        enforcer: &Enforcer,
        scope: &Scope,
        is_passing: bool,
    ) -> Result<Option<RunGuard>, Error> {
        let above: Vec<Scope> = scope.runs_above().collect();
        let tenant = tenant_of(&self.charge)?;
        let known = known(enforcer, &self.charge, &above).await?;
        let Some(top) = above.iter().rev().find(|scope| known.contains(scope)) else { return Ok(None) };
        let mut guard = match open_here(enforcer, &tenant, top) {
            Some(run) => RunGuard::beside(enforcer, run),
            None => {
                let builder = Builder::new(top.name().into(), ()).charging(without_runs(&self.charge));
                builder.open_top(enforcer, top.clone(), is_passing).await?
            }
        };
        for between in above.iter().rev().skip_while(|scope| *scope != top).skip(1) {
            guard = match open_here(enforcer, &tenant, between) {
                Some(run) => {
                    let mut next = RunGuard::beside(enforcer, run);
                    next.above = Some(Box::new(guard));
                    next
                }
                None => {
                    let builder = Builder::new(between.name().into(), ());
                    builder.open_below(guard, is_passing).await?
                }
            };
        }
        Ok(Some(guard))
    }

    /// Opens this run below that one, as its parent would.
    pub(super) async fn open_below(self, parent: RunGuard, is_passing: bool) -> Result<RunGuard, Error> {
        let id = self.id.clone();
        let name: ShortText = id.rsplit('/').next().unwrap_or_default().into();
        let Self { charge, limits, names_all, observes, rungs, on_limit, saved, .. } = self;
        let place = Child { parent: &parent, part: None, percent: None };
        let child = Builder { id: name, charge, limits, names_all, observes, rungs, on_limit, saved, place };
        match child.open_here(is_passing).await? {
            ChildAdmission::Opened(mut guard) => {
                guard.above = Some(Box::new(parent));
                Ok(guard)
            }
            ChildAdmission::Refused(decision) => {
                Err(Error::new(ErrorKind::State, format!("run {id}: a run above refuses it: {decision}")))
            }
        }
    }
}
