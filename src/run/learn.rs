//! What have others done to the run, and what is left to be done about runs below?
//!
//! Another process may stop a run, grant it dollars, or close a run below it. It tells the books, and nobody here. So the books are
//! read where the answer depends on it: at an opening, a report, a refusal. What is found wakes whoever waits for it.

use std::cmp::Reverse;
use std::sync::Arc;

use smallvec::SmallVec;

use super::admit::Seat;
use super::carve::Carve;
use super::figures::Figures;
use super::limits::{GRANTED, line};
use crate::engine::Watcher;
use crate::ledger::MarkAction;
use crate::values::{ShortText, Unit};
use crate::{Error, Scope};

impl Seat<'_> {
    /// Brings the books, and what is known of them, to the present: sends what waits, then reads marks and grants.
    ///
    /// Parts of runs that have ended are replaced in between, so that a report after it counts them as spent.
    pub(super) async fn catch_up(self) -> Result<(), Error> {
        if self.enforcer.undelivered() > 0 {
            self.enforcer.flush().await?;
        }
        self.learn_marks().await?;
        self.settle_ended().await?;
        self.learn_grants().await
    }

    /// What was granted to the run and those above it, as far as this process knows.
    pub(super) fn granted(self) -> i64 {
        let granted = self.run.chain().map(|run| run.level.look(|state| state.granted));
        granted.fold(0, i64::saturating_add)
    }

    /// Reads what was granted along the chain.
    pub(super) async fn learn_grants(self) -> Result<(), Error> {
        let scopes: Vec<Scope> = self.run.chain().map(|run| run.scope().clone()).collect();
        let lines = scopes.iter().map(|scope| line(GRANTED, scope, Unit::Usd, None)).collect();
        let figures = Figures::read_lines(self.enforcer, self.run, &scopes, lines).await?;
        for run in self.run.chain() {
            let granted = figures.get(run.scope(), GRANTED, &Unit::Usd).spent;
            if run.level.look(|state| state.granted) != granted {
                run.level.change(|state| (state.granted, state.short) = (granted, None));
            }
        }
        Ok(())
    }

    /// Reads which marks stand on the run and those above it, and which of those with a part were closed.
    pub(super) async fn learn_marks(self) -> Result<(), Error> {
        let top = self.run.top();
        let carves = top.look(|state| state.carves.clone());
        let mut scopes: Vec<Scope> = self.run.chain().map(|run| run.scope().clone()).collect();
        for carve in &carves {
            // A part ends with its run, and with every run between that one and the top.
            let name = carve.child.name();
            let slashes =
                name.match_indices('/').map(|(end, _)| end).filter(|end| *end >= top.scope.name().len());
            for id in slashes.chain([name.len()]).filter_map(|end| name.get(..end)) {
                scopes.extend(Scope::run(id).ok().filter(|scope| !scopes.contains(scope)));
            }
        }
        let marks = self.enforcer.core().ledger.marks(&self.run.tenant, &scopes).await?;
        for run in self.run.chain() {
            let mark = marks.iter().find(|mark| &mark.scope == run.scope()).cloned();
            if run.level.mark() != mark {
                run.level.learn(mark);
            }
        }
        for closed in marks.iter().filter(|mark| mark.action == MarkAction::Close) {
            let its = carves.iter().filter(|carve| is_or_is_below(&carve.child, &closed.scope));
            its.for_each(|carve| carve.end());
        }
        Ok(())
    }

    /// This run is over: so is what it and the runs below it hold for those below.
    pub(super) fn end_carves(self) {
        let below = ShortText::of(format_args!("{}/", self.scope().name()));
        self.run.carve.iter().for_each(|carve| carve.end());
        self.run.top().look(|state| {
            let ended = state.carves.iter().filter(|carve| carve.child.name().starts_with(below.as_str()));
            ended.for_each(|carve| carve.end());
        });
    }

    /// Replaces the holds of parts whose runs have ended by what those spent.
    pub(super) async fn settle_ended(self) -> Result<(), Error> {
        let top = self.run.top();
        let mut ended: SmallVec<[Arc<Carve>; 4]> =
            top.look(|state| state.carves.iter().filter(|carve| carve.is_ended()).cloned().collect());
        // A part inside a part is replaced first: until then it counts as in flight above. Its name is the longer.
        ended.sort_by_key(|carve| Reverse(carve.child.name().len()));
        for carve in ended {
            if carve.settle(self.enforcer).await? {
                top.note(|state| state.carves.retain(|known| !Arc::ptr_eq(known, &carve)));
            }
        }
        Ok(())
    }
}

/// Whether the run is that other, or lies below it: `trip/book` below `trip`, and not `tripod`.
fn is_or_is_below(run: &Scope, other: &Scope) -> bool {
    let rest = run.name().strip_prefix(other.name());
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
