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

use super::carve::{CARVED, Carve, POSTED, Parts};
use super::limits::{TOKENS, USD, line};
use super::post::{self, HoldTerms, amounts, bind, read, reconcile, record, shrink, under, was_beaten};
use crate::ledger::Attribution;
use crate::policy::is_run_line;
use crate::values::{Account, Balance, Binding, ReservationId, Unit};
use crate::{Call, Enforcer, Error, ErrorKind, Scope};

/// How often the books are looked at again where somebody else was faster.
const LOOKS_MAX: usize = 8;

/// How far the replacement has come.
pub(super) struct Look {
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
    pub(super) async fn still_held(&self, enforcer: &Enforcer) -> Result<i64, Error> {
        let look = Look::at(enforcer, &self.binding, &self.child, &self.unit).await?;
        Ok(look.carved.used())
    }

    /// Replaces the hold by what the child has spent; says whether nothing is left to be done.
    ///
    /// Until the last of its calls has reported, what changes below is posted above.
    ///
    /// Calls of the child that are still in flight keep theirs: the hold shrinks to them.
    pub(super) async fn settle(&self, enforcer: &Enforcer) -> Result<bool, Error> {
        for _ in 0..LOOKS_MAX {
            // Asked before the books are read: a report in between is seen by the next look.
            let is_last = !self.is_awaited(enforcer);
            let look = Look::at(enforcer, &self.binding, &self.child, &self.unit).await?;
            match self.settle_by(enforcer, &look, is_last).await {
                // The hold was charged by its age and forgotten since: that charge stands.
                Err(error) if error.kind() == ErrorKind::Forgotten => return Ok(true),
                Err(error) if was_beaten(&error) => {}
                done => return done,
            }
        }
        Ok(false)
    }

    /// One step, by what the books said; says whether nothing is left to be done.
    async fn settle_by(&self, enforcer: &Enforcer, look: &Look, is_last: bool) -> Result<bool, Error> {
        let core = enforcer.core();
        let missing = look.child.spent.saturating_sub(look.posted.spent);
        let in_flight = look.child.reserved;
        let stands = look.numbered.reserved > 0;
        let expired = !stands && look.carved.spent > 0;
        if (stands || expired) && in_flight == 0 {
            let missing = missing.max(0);
            let charged = self.amounts(Parts { above: missing, carved: 0, posted: missing });
            reconcile(core, self.id, &self.binding, &charged).await?;
            return Ok(is_last);
        }
        if expired {
            // All of it is charged by now, which covers what is in flight.
            return Ok(false);
        }
        if missing > 0 {
            self.post(enforcer, missing, look.child.spent).await?;
        } else if missing < 0 && !stands {
            self.refund(enforcer, missing).await?;
        }
        if stands && look.carved.reserved > in_flight {
            let left = self.amounts(Parts { above: in_flight, carved: in_flight, posted: 0 });
            shrink(core, self.id, &self.binding, &left).await?;
        }
        Ok(in_flight == 0 && is_last)
    }

    /// Posts above what the child has spent and nobody above has seen: once, whoever else does the same.
    async fn post(&self, enforcer: &Enforcer, missing: i64, spent: i64) -> Result<(), Error> {
        let core = enforcer.core();
        // No more can be posted than was spent, which decides between two who saw the same.
        let ceiling = |account: &Account| if account.budget() == POSTED { spent } else { i64::MAX };
        let claim = under(&self.binding, &[], ceiling)?;
        let asked = amounts(&claim, |account| match account.budget() {
            CARVED => 0,
            _ => missing,
        });
        let now = core.now();
        let terms = HoldTerms { expires_at: now + core.hold_grace, charged: false };
        match post::hold(core, ReservationId::generate(now), &claim, &asked, terms).await? {
            (_, Some(held)) => {
                reconcile(core, held.id(), &claim, &asked).await?;
                held.keep();
                Ok(())
            }
            (_, None) => Err(Error::new(ErrorKind::Conflict, "somebody else has posted it")),
        }
    }

    /// Takes back above what was withdrawn below. What exceeds the charge stays: it errs towards caution.
    async fn refund(&self, enforcer: &Enforcer, excess: i64) -> Result<(), Error> {
        let claim = under(&self.binding, &[], |_| i64::MAX)?;
        let taken = amounts(&claim, |account| if account.budget() == CARVED { 0 } else { excess });
        let attribution = Attribution::new("run", "a charge below was lowered after the run's end");
        match record(enforcer.core(), &claim, &taken, Some(self.id), &attribution).await {
            Err(error) if error.is_retryable() => Err(error),
            _ => Ok(()),
        }
    }
}

impl Look {
    /// Reads the four lines that say how far it has come.
    pub(super) async fn at(
        enforcer: &Enforcer,
        binding: &Binding,
        child: &Scope,
        unit: &Unit,
    ) -> Result<Self, Error> {
        let own = if unit == &Unit::Usd { USD } else { TOKENS };
        let scopes = binding.claim.scopes().iter().cloned();
        let call = scopes.fold(Call::new("-"), Call::scope);
        let lines = vec![
            line(own, child, unit.clone(), None),
            line(CARVED, child, unit.clone(), None),
            line(CARVED, child, Unit::Requests, None),
            line(POSTED, child, unit.clone(), None),
        ];
        let read_from = bind(enforcer, &call, lines, |bound| is_run_line(bound.account.budget()))?;
        let balances = read(enforcer.core(), &read_from.bound).await?;
        let find = |id: &str, unit: &Unit| {
            let mut both = read_from.bound.iter().zip(&balances);
            let is_it = |account: &Account| {
                account.scope() == child && account.budget() == id && account.unit() == unit
            };
            both.find(|(bound, _)| is_it(&bound.account)).map(|(_, balance)| *balance).unwrap_or_default()
        };
        Ok(Self {
            child: find(own, unit),
            carved: find(CARVED, unit),
            numbered: find(CARVED, &Unit::Requests),
            posted: find(POSTED, unit),
        })
    }
}
