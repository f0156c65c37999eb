//! What have others done to the run, and what is left to be done about runs below?
//!
//! Another process may stop a run, grant it dollars, or close a run below it. It tells the books, and nobody here. So the books are
//! read where the answer depends on it: at an opening, a report, a refusal. What is found wakes whoever waits for it.

use super::admit::Seat;
use super::figures::LineBalances;
use super::late::{is_or_is_below, note_marks, replace_all};
use super::limits::{GRANTED, line};
use crate::values::Unit;
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
        self.replace_ended().await?;
        self.learn_grants().await
    }

    /// What was granted to the run and those above it, as far as this process knows.
    pub(super) fn granted(self) -> i64 {
        let granted = self.run.chain().map(|run| run.live.look(|facts| facts.granted));
        granted.fold(0, i64::saturating_add)
    }

    /// Reads what was granted along the chain.
    pub(super) async fn learn_grants(self) -> Result<(), Error> {
        let scopes: Vec<Scope> = self.run.scopes().collect();
        let lines = scopes.iter().map(|scope| line(GRANTED, scope, Unit::Usd, None)).collect();
        let figures = LineBalances::read_lines(self.enforcer, self.run, lines).await?;
        for run in self.run.chain() {
            let granted = figures.get(run.scope(), GRANTED, &Unit::Usd).spent;
            if run.live.look(|facts| facts.granted) != granted {
                run.live.change(|facts| (facts.granted, facts.short) = (granted, None));
            }
        }
        Ok(())
    }

    /// Reads which marks stand on the run and those above it, and which of those with a part were closed.
    pub(super) async fn learn_marks(self) -> Result<(), Error> {
        let top = self.run.top();
        let carves = top.look(|facts| facts.carves.clone());
        let mut scopes: Vec<Scope> = self.run.scopes().collect();
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
        note_marks(&marks, self.run.chain().map(|run| &*run.live), &carves);
        Ok(())
    }

    /// This run is over: so is what it and the runs below it hold for those below.
    pub(super) fn end_carves(self) {
        self.run.carve.iter().for_each(|carve| carve.end());
        self.run.top().look(|facts| {
            let ended = facts.carves.iter().filter(|carve| is_or_is_below(&carve.child, self.scope()));
            ended.for_each(|carve| carve.end());
        });
    }

    /// Replaces the holds of parts whose runs have ended by what those spent.
    pub(super) async fn replace_ended(self) -> Result<(), Error> {
        let ended = self
            .run
            .top()
            .look(|facts| facts.carves.iter().filter(|carve| carve.is_ended()).cloned().collect());
        replace_all(self.enforcer.core(), self.run.top(), ended).await
    }
}
