//! What can an operator see of open holds, and end by hand?
//!
//! A process that died leaves holds, which end by themselves. An operator who knows what
//! the call really cost need not wait: the hold is given back and the true amounts are
//! posted, in one transaction, both entries signed.

use super::books::{Books, Changes};
use super::fault::Fault;
use super::holds::{self, Hold};
use super::post::NO_NOTE;
use super::sheet::Change;
use super::tenants::RootRow;
use crate::Error;
use crate::ledger::rules::{State, check_shape, check_signs, ended, left_of};
use crate::ledger::{Attribution, Certainty, Record, Release, Reply};
use crate::values::{Account, Claim, ClaimLine, Period, ReservationId, Tenant, Timestamp};

/// A hold that is open: a call that runs, or one whose process died.
///
/// It ends by itself at `expires_at`; [`SqliteLedger::settle`](super::SqliteLedger::settle) and the
/// contract's `release`, both signed, end it by hand.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OpenHold {
    /// Its id, which bears the time at which it was made.
    pub id: ReservationId,
    /// When it ends by itself.
    pub expires_at: Timestamp,
    /// What it holds: account, period, and how much.
    pub lines: Vec<(Account, i64, i64)>,
}

impl Books {
    pub(super) fn open_holds(&mut self, tenant: &Tenant, limit: usize) -> Result<Vec<OpenHold>, Fault> {
        let read = self.reading(tenant, |books, row| {
            let found = holds::open_of(&books.file, row.number, limit)?;
            found.into_iter().map(|hold| books.shown(hold)).collect()
        })?;
        Ok(read.unwrap_or_default())
    }

    fn shown(&mut self, hold: Hold) -> Result<OpenHold, Fault> {
        let mut lines = Vec::new();
        for line in &hold.lines {
            lines.push((self.sheet.account(&self.file, line.account)?, line.period, line.amount));
        }
        Ok(OpenHold { id: hold.id, expires_at: hold.expires_at, lines })
    }

    /// Gives a hold back and posts what was used instead, both signed; both, or neither.
    pub(super) fn settle(
        &mut self,
        tenant: &Tenant,
        id: ReservationId,
        amounts: &[i64],
        attribution: &Attribution,
    ) -> Result<Reply, Fault> {
        self.within(tenant, |books, row| {
            let hold = holds::find(&books.file, row.number, id)?;
            let hold = hold.ok_or_else(|| ended(id, "is not known here"))?;
            let claim = books.claim_of(row, &hold)?;
            let posting = ReservationId::generate(row.time);
            // Whatever could keep the posting back is asked before anything is given back.
            check_shape(&claim, amounts)?;
            check_signs(&claim, amounts)?;
            books.check_age(row, posting)?;
            books.check_fits(&settled(&hold, amounts)?)?;
            let release = Release { id, tenant, attribution: Some(attribution), note: &NO_NOTE, now: None };
            let released = books.release_in(row, &release)?;
            let record = Record {
                id: posting,
                claim: &claim,
                amounts,
                corrects: None,
                attribution,
                note: &NO_NOTE,
                now: None,
            };
            let recorded = books.record_in(row, &record)?;
            Ok(Reply { effects: released.effects.or(recorded.effects), ..recorded })
        })
    }

    /// A claim on the lines of a hold, without limits, because the money is already
    /// spent.
    fn claim_of(&mut self, row: &RootRow, hold: &Hold) -> Result<Claim, Fault> {
        let mut lines = Vec::new();
        for line in &hold.lines {
            let account = self.sheet.account(&self.file, line.account)?;
            let (from, until) = (Timestamp::MIN, Timestamp::MAX);
            let period = Period { number: line.period, from, until, span: 1 };
            lines.push(ClaimLine {
                account,
                period,
                ceiling: i64::MAX,
                thresholds: [].into_iter().collect(),
            });
        }
        Ok(Claim::new(row.tenant.clone(), &[], lines)?)
    }
}

/// What settling changes in the end; an error where the hold is not to be settled any more.
fn settled(hold: &Hold, amounts: &[i64]) -> Result<Changes, Error> {
    let live = match hold.state {
        State::Held => true,
        State::Charged(certainty) if certainty < Certainty::Reported => false,
        state => return Err(ended(hold.id, state.text())),
    };
    let lines = hold.lines.iter().zip(amounts).map(|(line, amount)| {
        let (account, period) = (line.account, line.period);
        match live {
            true => Change { account, period, spent: *amount, reserved: line.amount.saturating_neg() },
            false => {
                let spent = amount.saturating_sub(left_of(line.amount, line.refunded));
                Change { account, period, spent, reserved: 0 }
            }
        }
    });
    Ok(lines.collect())
}
