//! How far has the hold of a part been replaced by what its run spent?
//!
//! When a run with a part ends, the part is replaced by what the run spent: at once if nothing of it is in flight, else bit by bit.
//!
//! Worked example: a part of $4; the child is closed with $1 spent and a call of $0.50 in flight.
//!
//! | step | hold above | posted above |
//! |---|---|---|
//! | closed | 4.00 | 0 |
//! | the $1 is posted | 4.00 | 1.00 |
//! | the hold shrinks to what is in flight | 0.50 | 1.00 |
//! | the call reports $0.30, and the hold is charged the rest | 0 | 1.30 |
//!
//! Posting goes before shrinking, so there is never less above than the child has taken; for a moment there is more.
//!
//! Anybody may do this, and several may at once. What was posted stands in the child's books (`POSTED`), and a posting is a hold
//! under a ceiling of what was spent: of two who both see $1 missing, the first brings `POSTED` to 1, the second would bring
//! it to 2 > 1 and is refused. It looks again, and finds nothing missing.
//!
//! A charge in place of the hold has no such ceiling. Where a posting of somebody else comes between the look and the charge, too
//! much is posted for a moment. So whoever has charged looks once more, and takes back what is too much.

use std::sync::Arc;

use super::carve::{CARVED, Carve, CarveAmounts, POSTED};
use super::figures::LineBalances;
use super::limits::{TOKENS, USD, line};
use super::post::{amounts, charge_if_it_fits, reconcile, record, shrink, under, was_beaten};
use crate::engine::Core;
use crate::ledger::{Attribution, OnExpiry};
use crate::values::{Balance, Binding, Unit};
use crate::{Call, Error, ErrorKind, Scope};

/// How often the books are looked at again where somebody else was faster.
const LOOKS_MAX: usize = 8;

/// Whether there was anything to do.
enum Step {
    Taken,
    None,
}

/// How far the replacement has come.
pub(super) struct CarveProgress {
    /// What the child itself spent, and has in flight.
    pub(super) child: Balance,
    /// The part: reserved while its hold stands, spent where it was charged by age.
    pub(super) carved: Balance,
    /// The hold's number, likewise.
    pub(super) numbered: Balance,
    /// What was posted above of the child's spending.
    pub(super) posted: Balance,
}

impl Carve {
    /// What stands above for the child by this hold: nothing once it was replaced.
    pub(super) async fn still_held(&self, core: &Core) -> Result<i64, Error> {
        Ok(self.progress(core).await?.carved.used())
    }

    /// Replaces the hold by what the child has spent; says whether nothing is left to be done.
    ///
    /// Until the last of its calls has reported, what changes below is posted above.
    ///
    /// Calls of the child that are still in flight keep theirs: the hold shrinks to them. After each step the books are
    /// looked at once more, until a look finds nothing to do.
    pub(super) async fn replace(&self, core: &Arc<Core>) -> Result<bool, Error> {
        for _ in 0..LOOKS_MAX {
            // Asked before the books are read: a report in between is seen by the next look.
            let is_last = !self.is_awaited(core);
            let progress = self.progress(core).await?;
            match self.go_on(core, &progress).await {
                Ok(Step::Taken) => {}
                Ok(Step::None) => return Ok(is_last && progress.child.reserved == 0),
                // The hold was charged by its age and forgotten since: that charge stands.
                Err(error) if error.kind() == ErrorKind::Forgotten => return Ok(true),
                Err(error) if was_beaten(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(false)
    }

    async fn progress(&self, core: &Core) -> Result<CarveProgress, Error> {
        CarveProgress::read(core, &self.binding, &self.child, &self.unit).await
    }

    /// One step, by what the books said.
    async fn go_on(&self, core: &Arc<Core>, progress: &CarveProgress) -> Result<Step, Error> {
        let missing = progress.child.spent.saturating_sub(progress.posted.spent);
        let in_flight = progress.child.reserved;
        let stands = progress.numbered.reserved > 0;
        let expired = !stands && progress.carved.spent > 0;
        if (stands || expired) && in_flight == 0 {
            let missing = missing.max(0);
            let charged = self.amounts(CarveAmounts { above: missing, carved: 0, posted: missing });
            reconcile(core, self.id, &self.binding, &charged).await?;
            return Ok(Step::Taken);
        }
        if expired {
            // All of it is charged by now, which covers what is in flight.
            return Ok(Step::None);
        }
        if missing > 0 {
            self.post(core, missing, progress.child.spent).await?;
        } else if missing < 0 && !stands && !self.refund(core, missing).await? {
            return Ok(Step::None);
        }
        let shrinks = stands && progress.carved.reserved > in_flight;
        if shrinks {
            let left = self.amounts(CarveAmounts { above: in_flight, carved: in_flight, posted: 0 });
            shrink(core, self.id, &self.binding, &left).await?;
        }
        Ok(if missing > 0 || missing < 0 && !stands || shrinks { Step::Taken } else { Step::None })
    }

    /// Posts above what the child has spent and nobody above has seen: once, whoever else does the same.
    async fn post(&self, core: &Arc<Core>, missing: i64, spent: i64) -> Result<(), Error> {
        // No more can be posted than was spent, which decides between two who saw the same.
        let claim =
            under(&self.binding, &[], |line| if line.account.budget() == POSTED { spent } else { i64::MAX })?;
        let asked = amounts(&claim, |account| if account.budget() == CARVED { 0 } else { missing });
        let is_posted = charge_if_it_fits(core, &claim, &asked, OnExpiry::Nothing).await?;
        if is_posted {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Conflict, "somebody else has posted it"))
    }

    /// Takes back above what was withdrawn below; says whether it could. What exceeds the charge stays: it errs towards caution.
    async fn refund(&self, core: &Core, excess: i64) -> Result<bool, Error> {
        let claim = under(&self.binding, &[], |_| i64::MAX)?;
        let taken = amounts(&claim, |account| if account.budget() == CARVED { 0 } else { excess });
        let attribution = Attribution::new("run", "a charge below was lowered after the run's end");
        match record(core, &claim, &taken, Some(self.id), &attribution).await {
            Err(error) if error.is_retryable() => Err(error),
            taken => Ok(taken.is_ok()),
        }
    }
}

impl CarveProgress {
    /// Reads the four lines that say how far it has come.
    pub(super) async fn read(
        core: &Core,
        binding: &Binding,
        child: &Scope,
        unit: &Unit,
    ) -> Result<Self, Error> {
        let own = if unit == &Unit::Usd { USD } else { TOKENS };
        let call = binding.claim.scopes().iter().cloned().fold(Call::new("-"), Call::scope);
        let lines = [(own, unit), (CARVED, unit), (CARVED, &Unit::Requests), (POSTED, unit)];
        let budgets = lines.map(|(id, unit)| line(id, child, unit.clone(), None)).to_vec();
        let figures = LineBalances::of(core, &call, budgets).await?;
        let [child, carved, numbered, posted] = lines.map(|(id, unit)| figures.get(child, id, unit));
        Ok(Self { child, carved, numbered, posted })
    }
}
