//! Which holds end by age, and what are they charged?
//!
//! Every command of a tenant first ends what is due there, so that results do not depend
//! on a sweeper. The row remembers before which instant nothing is due, and most commands
//! compare two numbers and go on.
//!
//! Worked example: holds A (due at 10 s, charges its 4) and B (due at 12 s, charges
//! nothing) are open. A reserve at 15 s first writes "A expired, +4 spent, −4 reserved"
//! and "B expired, −3 reserved", then judges its own lines on what is left, and its reply
//! tells of both.

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

/// Expiries of one tenant that wait to be told, at most. The journal has all of them, and
/// a process that only reads has nobody to tell.
const EXPIRIES_UNTOLD_MAX: usize = 10_000;

impl Books {
    /// Ends what is due, the oldest first, and by id if two are due at once.
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

    /// Ends one hold, with an entry of its own.
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

    /// What a hold changes as it ends by age. If the stated charge does not fit into 64
    /// bits, the hold itself is charged, which always fits.
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
