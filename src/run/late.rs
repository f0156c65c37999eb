//! Who posts what a call used that ends after its run was closed?
//!
//! The call itself. A call below a part touches nobody above: the part stands there for it. Once the run is closed the part is
//! replaced by what was spent, and what comes later must be posted as well. The guards of the family may be gone by then, and the
//! run may have been closed by another process, so each call below a part looks when it has ended.
//!
//! Worked example: `trip/search` is closed with $1 spent and a call of $0.50 in flight, and every guard is dropped. `trip` has 1.00
//! spent and 0.50 held. The call reports $0.30, reads that `trip/search` was closed, and posts: 1.30 and 0.

use std::cmp::Reverse;
use std::sync::Arc;

use smallvec::SmallVec;

use super::carve::Carve;
use super::limits::LimitView;
use super::opened::{LiveRun, Opened};
use crate::engine::{AfterCall, AfterEnd, Core, Own, Watcher};
use crate::ledger::{FrozenScope, MarkAction};
use crate::values::Tenant;
use crate::{Error, Scope};

/// What a run with a part, or one below it, leaves with its calls, so that each tells when it has ended.
///
/// It is the one look that a call below a part pays for.
pub(super) struct LateCalls {
    tenant: Tenant,
    /// The run, then those above it; the last keeps the parts of the family.
    chain: Vec<Arc<LiveRun>>,
    /// The parts of the run and of those above it.
    carves: Vec<Arc<Carve>>,
}

impl LateCalls {
    /// What the run brings along for its calls: its lines, and a listener where it lies in a part.
    pub(super) fn bring(run: &Opened, view: LimitView<'_>) -> Own {
        let budgets: Arc<[_]> = run.call_lines(view).into_iter().map(Arc::new).collect();
        let late = Self::of(run);
        late.iter().flat_map(|late| &late.carves).for_each(|carve| carve.watch(&budgets));
        Own { budgets, after: late.map(|late| late as Arc<dyn AfterCall>) }
    }

    /// For the calls of that run; nothing where neither it nor a run above it has a part.
    pub(super) fn of(run: &Opened) -> Option<Arc<Self>> {
        let carves: Vec<Arc<Carve>> = run.chain().filter_map(|run| run.carve.clone()).collect();
        let is_in_part = !carves.is_empty();
        is_in_part.then(|| Arc::new(Self { tenant: run.tenant.clone(), chain: run.live_chain(), carves }))
    }
}

impl AfterCall for LateCalls {
    fn ended<'a>(&'a self, core: &'a Arc<Core>) -> AfterEnd<'a> {
        Box::pin(async move {
            if self.carves.iter().any(|carve| !carve.is_ended()) {
                let scopes: Vec<Scope> = self.chain.iter().map(|run| run.scope.clone()).collect();
                let marks = core.ledger.marks(&self.tenant, &scopes).await?;
                note_marks(&marks, self.chain.iter().map(|run| &**run), &self.carves);
            }
            let ended = self.carves.iter().filter(|carve| carve.is_ended()).cloned().collect();
            match self.chain.last() {
                Some(top) => replace_all(core, top, ended).await,
                None => Ok(()),
            }
        })
    }
}

/// Notes which marks stand on these runs, and ends the parts of those that were closed.
pub(super) fn note_marks<'a>(
    marks: &[FrozenScope],
    runs: impl Iterator<Item = &'a LiveRun>,
    carves: &[Arc<Carve>],
) {
    for run in runs {
        let mark = marks.iter().find(|mark| mark.scope == run.scope).cloned();
        if run.mark() != mark {
            run.learn(mark);
        }
    }
    for closed in marks.iter().filter(|mark| mark.action == MarkAction::Close) {
        let its = carves.iter().filter(|carve| is_or_is_below(&carve.child, &closed.scope));
        its.for_each(|carve| carve.end());
    }
}

/// Replaces these holds by what their runs spent, and forgets those of which nothing is left to be done.
pub(super) async fn replace_all(
    core: &Arc<Core>,
    top: &LiveRun,
    mut ended: SmallVec<[Arc<Carve>; 4]>,
) -> Result<(), Error> {
    // A part inside a part is replaced first: until then it counts as in flight above. Its name is the longer.
    ended.sort_by_key(|carve| Reverse(carve.child.name().len()));
    for carve in ended {
        if carve.replace(core).await? {
            top.note(|facts| facts.carves.retain(|known| !Arc::ptr_eq(known, &carve)));
        }
    }
    Ok(())
}

/// Whether the run is that other, or lies below it: `trip/book` below `trip`, and not `tripod`.
pub(super) fn is_or_is_below(run: &Scope, other: &Scope) -> bool {
    let rest = run.name().strip_prefix(other.name());
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
