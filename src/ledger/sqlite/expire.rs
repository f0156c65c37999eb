//! Which holds end by age, and what are they charged?

use smallvec::SmallVec;

use super::books::{Books, Changes};
use super::fault::Fault;
use super::holds::{self, Hold};
use super::post::{NO_NOTE, Told};
use super::sheet::Change;
use super::tenants::RootRow;
use crate::ledger::rules::State;
use crate::ledger::{Certainty, Ended, EntryKind, Expired, Note};
use crate::values::Timestamp;

/// Expiries of one root that wait to be told, at most: the journal has all of them, and a process
/// that only reads has nobody to tell.
const EXPIRIES_UNTOLD_MAX: usize = 10_000;

impl Books {
    /// Ends what is due, oldest first.
    pub(super) fn expire_due(&mut self, row: &mut RootRow) -> Result<(), Fault> {
        while row.due <= row.time {
            let next = holds::next_due(&self.file, row.number)?;
            row.due = next.as_ref().map_or(Timestamp::MAX, |hold| hold.expires_at);
            match next.filter(|hold| hold.expires_at <= row.time) {
                Some(hold) => self.expire(row, hold)?,
                None => return Ok(()),
            }
        }
        Ok(())
    }

    fn expire(&mut self, row: &mut RootRow, mut hold: Hold) -> Result<(), Fault> {
        let changes = self.expiry_changes(&hold)?;
        let charges: SmallVec<[i64; 8]> = changes.iter().map(|change| change.spent).collect();
        let before = hold.lines.clone();
        self.end(row, &mut hold, State::Charged(Certainty::Expired), &charges);
        holds::update(&self.file, row.number, &hold, &before)?;
        let note = Note { ended: Some(Ended::Expired), ..NO_NOTE };
        let call = self.calls.of_number(&self.file, hold.call)?;
        let told = Told::new(EntryKind::Reconciled(Certainty::Expired), hold.id, &note);
        self.write_entry(row, &told, call, &changes)?;
        let mut charged = Vec::new();
        for change in &changes {
            self.sheet.apply(&self.file, change)?;
            charged.push((self.sheet.account(&self.file, change.account)?, change.spent));
        }
        let expired = Expired { id: hold.id, due: hold.expires_at, charged };
        let untold = &mut self.effects(row).expired;
        if untold.len() < EXPIRIES_UNTOLD_MAX {
            untold.push(expired);
        }
        Ok(())
    }

    /// What a hold that ends by age changes.
    ///
    /// A charge that does not fit is the hold itself, which always does.
    fn expiry_changes(&mut self, hold: &Hold) -> Result<Changes, Fault> {
        let mut changes = Changes::new();
        for (line, spent) in hold.lines.iter().zip(hold.expiry_charges()) {
            let (account, period) = (line.account, line.period);
            let mut change = Change { account, period, spent, reserved: line.amount.saturating_neg() };
            if !self.sheet.fits(&self.file, &change)? {
                change.spent = line.amount;
            }
            changes.push(change);
        }
        Ok(changes)
    }
}
