//! What can an operator see of open holds, and end by hand?

use super::books::{Books, NO_NOTE};
use super::fault::{Fault, StoreError};
use super::holds::{self, Hold};
use super::roots::RootRow;
use crate::ledger::rules::ended;
use crate::ledger::{Record, Release, Reply, Signature};
use crate::{Account, Claim, Line, Period, ReservationId, Root, Timestamp};

/// A hold that is open: a call that runs, or one whose process died.
///
/// It ends by itself at `expires_at`; [`SqliteLedger::settle`](super::SqliteLedger::settle) and the
/// contract's `release`, both signed, end it by hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenHold {
    /// Its id, which bears the time at which it was made.
    pub id: ReservationId,
    /// When it ends by itself.
    pub expires_at: Timestamp,
    /// What it holds: account, period, and how much.
    pub lines: Vec<(Account, i64, i64)>,
}

impl Books {
    pub(super) fn open_holds(&mut self, root: &Root, limit: usize) -> Result<Vec<OpenHold>, Fault> {
        let read = self.reading(root, |books, row| {
            let mut found: Vec<Hold> = Vec::new();
            holds::each(&books.file, Some(row.number), |_, hold| -> Result<(), StoreError> {
                if found.len() < limit {
                    found.push(hold);
                }
                Ok(())
            })?;
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

    /// Gives a hold back and posts what was used instead, both signed.
    pub(super) fn settle(
        &mut self,
        root: &Root,
        id: ReservationId,
        amounts: &[i64],
        signature: &Signature,
    ) -> Result<Reply, Fault> {
        self.within(root, |books, row| {
            let hold = holds::find(&books.file, row.number, id)?;
            let hold = hold.ok_or_else(|| ended(id, "is not known here"))?;
            let claim = books.claim_of(row, &hold)?;
            crate::ledger::rules::check_shape(&claim, amounts)?;
            crate::ledger::rules::check_signs(&claim, amounts)?;
            let release = Release { id, root, signature: Some(signature), note: &NO_NOTE };
            let released = books.release_in(row, &release)?;
            if released.repeated {
                return Err(ended(id, hold.state.text()).into());
            }
            let record = Record {
                id: ReservationId::generate(row.time),
                claim: &claim,
                amounts,
                corrects: None,
                signature,
                note: &NO_NOTE,
            };
            let recorded = books.record_in(row, &record)?;
            Ok(Reply { news: released.news.or(recorded.news), ..recorded })
        })
    }

    /// A claim on the lines of a hold, without limits.
    fn claim_of(&mut self, row: &RootRow, hold: &Hold) -> Result<Claim, Fault> {
        let mut lines = Vec::new();
        for line in &hold.lines {
            let account = self.sheet.account(&self.file, line.account)?;
            let (from, until) = (Timestamp::MIN, Timestamp::MAX);
            let period = Period { number: line.period, from, until, span: 1 };
            lines.push(Line { account, period, ceiling: i64::MAX, marks: [].into_iter().collect() });
        }
        Ok(Claim::new(row.root.clone(), &[], lines)?)
    }
}
