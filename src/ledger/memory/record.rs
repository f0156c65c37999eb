//! What is posted that no hold announced? Refunds, corrections and imports.
//!
//! A refund is bounded by its charge: a charge remembers what was taken back of each line (`Aside::refunded`), so that two
//! refunds together cannot exceed it. Of a charge of 10, a refund of 7 leaves 3; a second refund of 3 is accepted, one of 4
//! is not. A posting above zero that corrects the charge on the same lines gives that room back.
//!
//! A row imported from a source outside is remembered for 400 days after the day of its usage, however many ids ended since (`imported`).

use super::book::{NewEntry, TenantBook};
use super::known::{Known, NewCall, fingerprint};
use crate::Error;
use crate::ledger::rules::{State, check_imported, check_shape, conflict, ended, negative};
use crate::ledger::{EntryKind, Outcome, Record, Reply};
use crate::values::Timestamp;

impl TenantBook {
    /// Posts the amounts, whatever the ceilings say, and remembers the posting's id.
    pub(super) fn record(&mut self, command: &Record<'_>) -> Result<Reply, Error> {
        let Record { id, claim, amounts, note, .. } = *command;
        check_shape(claim, amounts)?;
        let until = check_imported(command, self.now)?;
        if let Some(known) = self.known(id) {
            return self.record_again(&known, command, until);
        }
        if until.is_none() {
            self.check_age(id)?;
        }
        let corrected = command.corrects.and_then(|id| self.known(id));
        self.check_refund(command, corrected.as_ref())?;
        let (places, changes) = self.open_for(claim, amounts)?;
        self.take_refund(command, corrected.as_ref());
        let (places, about, state) = (&places, note.about.as_ref(), State::Recorded);
        let place = self.keep(&NewCall { id, state, claim, amounts, places, about })?;
        let attribution = Some(command.attribution);
        let balances = self.post(&NewEntry { kind: EntryKind::Recorded, id, note, attribution }, &changes);
        self.cross(id, claim, places);
        match until {
            None => self.remember(place),
            Some(until) => self.remember_row(place, until),
        }
        Ok(self.reply(Outcome::Applied, balances))
    }

    /// The first outcome again, or a conflict: the id came with another body, or is a hold's. An imported row that comes again with a later
    /// date is remembered by that one.
    fn record_again(
        &mut self,
        known: &Known,
        command: &Record<'_>,
        until: Option<Timestamp>,
    ) -> Result<Reply, Error> {
        let body = fingerprint(command.claim, command.amounts);
        if known.state != State::Recorded || known.fingerprint != body {
            return Err(conflict(command.id, "came before with another body"));
        }
        if let Some(until) = until {
            let record = self.calls.get_mut(known.place);
            record.set_expires_at(until.max(record.expires_at()));
        }
        let balances = self.balances_of(command.claim, &self.places(command.claim));
        Ok(Reply { repeated: true, ..self.reply(Outcome::Applied, balances) })
    }

    /// A refund names its charge and takes back at most what is left of it.
    ///
    /// Amounts of zero and above need no charge: an import has none. Checked before anything is written, so that a refund which
    /// is too large on its second line takes nothing on its first.
    fn check_refund(&self, command: &Record<'_>, corrected: Option<&Known>) -> Result<(), Error> {
        let mut lines = command.claim.lines.iter().zip(command.amounts);
        let Some((line, amount)) = lines.find(|(_, amount)| **amount < 0) else { return Ok(()) };
        let id = command.corrects.ok_or_else(|| negative(&line.account, *amount))?;
        let charge = corrected.ok_or_else(|| ended(id, "is not remembered, so it cannot be refunded"))?;
        let State::Charged(_) = charge.state else { return Err(ended(id, charge.state.text())) };
        self.check_lines(charge, command.claim, id)?;
        for (charged, amount) in charge.lines.iter().zip(command.amounts) {
            let (left, refund) = (charged.left(), amount.saturating_neg());
            if refund > left {
                let text = format!("a refund of {refund} exceeds the {left} left of the charge {id}");
                return Err(Error::invalid("amounts", text));
            }
        }
        Ok(())
    }

    /// Counts the posting among the refunds of the charge that it corrects.
    fn take_refund(&mut self, command: &Record<'_>, corrected: Option<&Known>) {
        // A correction on other lines, or of what is no charge, leaves what can be refunded as it is.
        let charged = corrected.filter(|known| matches!(known.state, State::Charged(_)));
        let Some(charge) = charged.filter(|known| self.check_lines(known, command.claim, command.id).is_ok())
        else {
            return;
        };
        let refunded = charge.lines.iter().zip(command.amounts);
        let refunded = refunded.map(|(line, amount)| line.refunded.saturating_sub(*amount).max(0)).collect();
        self.calls.get_mut(charge.place).aside().refunded = Some(refunded);
    }

    /// Remembers an imported row until that instant.
    fn remember_row(&mut self, place: u32, until: Timestamp) {
        self.forget_rows(2);
        self.calls.get_mut(place).set_expires_at(until);
        self.imported.push(place, until);
    }

    /// Lets go of so many imported rows that have had their time; says how many were looked at.
    pub(super) fn forget_rows(&mut self, most: u32) -> u32 {
        let over = self.clock.forgets_at(self.now).min(self.now);
        for looked in 0..most {
            let Some(place) = self.imported.next_over(over) else { return looked };
            // It may have come again since with a later date.
            let until = self.calls.get(place).expires_at();
            if until > over { self.imported.push(place, until) } else { self.forget(place) }
        }
        most
    }
}
