//! What is posted that no hold announced? Refunds, corrections and imports.
//!
//! A posting has no hold and is never refused for want of room: the money is spent. Only
//! a refund is checked, against what is left of the charge that it names, line by line:
//! `left = max(charged − refunded, 0)`.

use super::books::Books;
use super::fault::Fault;
use super::holds::{self, Hold};
use super::post::Told;
use super::seal::body_of;
use super::tenants::RootRow;
use crate::Error;
use crate::ledger::rules::{State, check_shape, conflict, ended, left_of, negative};
use crate::ledger::{EntryKind, Outcome, Record, Reply};

impl Books {
    /// Posts amounts once for each id.
    pub(super) fn record(&mut self, command: &Record<'_>) -> Result<Reply, Fault> {
        self.within(command.claim.tenant(), |books, row| books.record_in(row, command))
    }

    pub(super) fn record_in(&mut self, row: &mut RootRow, command: &Record<'_>) -> Result<Reply, Fault> {
        check_shape(command.claim, command.amounts)?;
        if let Some(known) = holds::find(&self.file, row.number, command.id)? {
            return self.record_again(row, &known, command);
        }
        self.check_age(row, command.id)?;
        let charge = self.corrected(row, command)?;
        check_refund(charge.as_ref(), command)?;
        let changes = self.new_changes(row, command.claim, command.amounts)?;
        if let Some(charge) = charge {
            self.take_refund(row, charge, command)?;
        }
        let what = (State::Recorded, command.claim);
        self.insert_ended(row, command.id, what, command.amounts, &changes)?;
        let told = Told::new(EntryKind::Recorded, command.id, command.note);
        let balances = self.post(row, &Told { attribution: Some(command.attribution), ..told }, &changes)?;
        self.cross(row, command.id, command.claim)?;
        Ok(self.reply(row, Outcome::Applied, balances))
    }

    /// The same posting again is answered again; another body is a conflict.
    fn record_again(
        &mut self,
        row: &mut RootRow,
        known: &Hold,
        command: &Record<'_>,
    ) -> Result<Reply, Fault> {
        if known.state != State::Recorded || known.body != body_of(command.claim, command.amounts) {
            return Err(conflict(command.id, "came before with another body").into());
        }
        let balances = self.balances_of(row, command.claim)?;
        Ok(Reply { repeated: true, ..self.reply(row, Outcome::Applied, balances) })
    }

    /// The charge that is corrected. A refund must name one, on the lines that were
    /// charged. A correction on other lines, or of what is no charge, leaves what can be
    /// refunded as it is.
    fn corrected(&mut self, row: &RootRow, command: &Record<'_>) -> Result<Option<Hold>, Fault> {
        let lines = command.claim.lines().iter().zip(command.amounts);
        let refund = lines.clone().find(|(_, amount)| **amount < 0);
        let Some(id) = command.corrects else {
            return match refund {
                Some((line, amount)) => Err(negative(&line.account, *amount).into()),
                None => Ok(None),
            };
        };
        let charge = holds::find(&self.file, row.number, id)?;
        if refund.is_some() {
            let charge = charge.ok_or_else(|| ended(id, "is not remembered, so it cannot be refunded"))?;
            let State::Charged(_) = charge.state else {
                return Err(ended(id, charge.state.text()).into());
            };
            self.check_lines(row, &charge, command.claim)?;
            return Ok(Some(charge));
        }
        match charge {
            Some(charge)
                if matches!(charge.state, State::Charged(_))
                    && self.are_lines(row, &charge, command.claim)? =>
            {
                Ok(Some(charge))
            }
            _ => Ok(None),
        }
    }

    /// Notes on the charge how much of it has been taken back.
    fn take_refund(&mut self, row: &RootRow, mut charge: Hold, command: &Record<'_>) -> Result<(), Fault> {
        let before = charge.lines.clone();
        for (line, amount) in charge.lines.iter_mut().zip(command.amounts) {
            line.refunded = line.refunded.saturating_sub(*amount).max(0);
        }
        holds::update(&self.file, row.number, &charge, &before)
    }
}

/// A refund takes back at most what is left of its charge.
fn check_refund(charge: Option<&Hold>, command: &Record<'_>) -> Result<(), Error> {
    let Some(charge) = charge else { return Ok(()) };
    for (line, amount) in charge.lines.iter().zip(command.amounts) {
        let (left, back) = (left_of(line.amount, line.refunded), amount.saturating_neg());
        if back > left {
            let text = format!("a refund of {back} exceeds the {left} left of the charge {}", charge.id);
            return Err(Error::invalid("amounts", text));
        }
    }
    Ok(())
}
