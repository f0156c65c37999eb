//! What is posted that no hold announced? Refunds, corrections and imports.
//!
//! A refund is bounded by its charge: a charge remembers what was taken back of each line (`Holds::refunded`), so that two
//! refunds together cannot exceed it. Of a charge of 10, a refund of 7 leaves 3; a second refund of 3 is accepted, one of 4
//! is not. A posting above zero that corrects the charge on the same lines gives that room back.

use super::book::RootBook;
use super::check::fingerprint;
use super::journal::NewEntry;
use super::settle::new_changes;
use crate::Error;
use crate::ledger::rules::{State, check_shape, conflict, ended, left_of, negative};
use crate::ledger::{EntryKind, Outcome, Record, Reply};
use crate::values::Timestamp;

impl RootBook {
    /// Posts the amounts, whatever the ceilings say, and remembers the posting's id.
    pub(super) fn record(&mut self, now: Timestamp, command: &Record<'_>) -> Result<Reply, Error> {
        self.tick(now);
        check_shape(command.claim, command.amounts)?;
        if let Some(place) = self.holds.find(&self.holds.key(command.id)) {
            return self.record_again(place, command);
        }
        self.check_age(command.id)?;
        self.check_refund(command)?;
        self.check_fits(command.claim, command.amounts)?;
        let places = self.make_places(command.claim)?;
        let changes = new_changes(command.claim, &places, command.amounts);
        self.take_refund(command);
        let place =
            self.insert_ended(command.id, State::Recorded, command.claim, command.amounts, &places)?;
        let entry = self.entry(EntryKind::Recorded, command.id, command.note);
        let balances = self.post(&NewEntry { attribution: Some(command.attribution), ..entry }, &changes);
        self.cross(place, command.claim);
        self.holds.remember(place, &mut self.rows);
        Ok(self.reply(Outcome::Applied, balances))
    }

    /// The first outcome again, or a conflict: the id came with another body, or is a hold's.
    fn record_again(&mut self, place: u32, command: &Record<'_>) -> Result<Reply, Error> {
        let hold = self.holds.get(place);
        if hold.state != State::Recorded || hold.fingerprint != fingerprint(command.claim, command.amounts) {
            return Err(conflict(command.id, "came before with another body"));
        }
        let balances = self.balances_of(command.claim, &self.places(command.claim));
        Ok(Reply { repeated: true, ..self.reply(Outcome::Applied, balances) })
    }

    /// A refund names its charge and takes back at most what is left of it.
    ///
    /// Amounts of zero and above need no charge: an import has none. Checked before anything is written, so that a refund which
    /// is too large on its second line takes nothing on its first.
    fn check_refund(&self, command: &Record<'_>) -> Result<(), Error> {
        let Some((line, amount)) =
            command.claim.lines().iter().zip(command.amounts).find(|(_, amount)| **amount < 0)
        else {
            return Ok(());
        };
        let id = command.corrects.ok_or_else(|| negative(&line.account, *amount))?;
        let place = self
            .holds
            .find(&self.holds.key(id))
            .ok_or_else(|| ended(id, "is not remembered, so it cannot be refunded"))?;
        let State::Charged(_) = self.holds.get(place).state else {
            return Err(ended(id, self.holds.get(place).state.text()));
        };
        let lines = self.matching_lines(place, command.claim, id)?;
        for (at, (charged, amount)) in lines.iter().zip(command.amounts).enumerate() {
            let left = left_of(charged.amount, self.holds.refunded(place, at));
            if amount.saturating_neg() > left {
                let text = format!(
                    "a refund of {} exceeds the {left} left of the charge {id}",
                    amount.saturating_neg()
                );
                return Err(Error::invalid("amounts", text));
            }
        }
        Ok(())
    }

    /// Counts the posting among the refunds of the charge that it corrects.
    fn take_refund(&mut self, command: &Record<'_>) {
        let Some(id) = command.corrects else { return };
        let Some(place) = self.holds.find(&self.holds.key(id)) else { return };
        // A correction on other lines, or of what is no charge, leaves what can be refunded as it is.
        let charged = matches!(self.holds.get(place).state, State::Charged(_));
        if !charged || self.matching_lines(place, command.claim, id).is_err() {
            return;
        }
        let refunded =
            self.holds.refunded.entry(place).or_insert_with(|| vec![0; command.amounts.len()].into());
        for (sum, amount) in refunded.iter_mut().zip(command.amounts) {
            *sum = sum.saturating_sub(*amount).max(0);
        }
    }
}
