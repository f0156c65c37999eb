//! What may change about a live hold?
//!
//! Only growth is judged: the difference to what is held must fit, as if it were reserved by itself. A hold of 60 under a
//! ceiling of 100 with nothing else used grows to 100 (60 + 40 <= 100), not to 101. Shrinking always succeeds. If one line
//! has no room, no line changes, and the hold lives on as it was.
//!
//! A hold whose period is over can shrink and be prolonged. It grows there only while the period's figures are still
//! known, which a period with an open hold in it always is, unless that hold had shrunk to nothing.

use super::book::{Balances, Changes, NewEntry, TenantBook};
use super::row::Change;
use crate::Error;
use crate::ledger::rules::{State, check_shape, ended, has_room, negative};
use crate::ledger::{EntryKind, Note, Outcome, Reply, Resize};

impl TenantBook {
    /// Sets new amounts on all lines of a live hold, or on none, and moves its end if the command says so.
    pub(super) fn resize(&mut self, command: &Resize<'_>) -> Result<Reply, Error> {
        check_shape(command.claim, command.amounts)?;
        let known = self.known(command.id).ok_or_else(|| ended(command.id, "is not known here"))?;
        if known.state != State::Held {
            return Err(ended(command.id, known.state.text()));
        }
        self.check_lines(&known, command.claim, command.id)?;
        let (mut balances, mut changes) = (Balances::new(), Changes::new());
        let frozen = self.is_frozen(command.claim);
        let mut refused = false;
        for ((line, held), amount) in command.claim.lines.iter().zip(&known.lines).zip(command.amounts) {
            if *amount < 0 {
                return Err(negative(&line.account, *amount));
            }
            let balance = self.rows.balance(held.row, line.period.number);
            let growth = amount.wrapping_sub(held.held); // neither is below zero
            let counted = self.rows.counts(held.row, line.period.number);
            refused |= growth > 0 && (frozen || !counted || !has_room(line, &balance, growth)?);
            balances.push(balance);
            changes.push(held.changed(Change { spent: 0, reserved: growth }));
        }
        if refused {
            self.name_frozen(command.claim);
            return Ok(self.reply(Outcome::Refused, balances));
        }
        self.check_fit(&changes, command.claim)?;
        if let Some(expires_at) = command.expires_at {
            self.unschedule(known.place);
            self.schedule(known.place, expires_at);
        }
        if changes.iter().any(|line| line.change != Change::default()) {
            self.set_held(known.place, command.amounts);
            let entry =
                NewEntry { kind: EntryKind::Resized, id: command.id, note: &Note::NONE, attribution: None };
            self.write(&entry, &changes);
        }
        self.cross(command.id, command.claim, &known.places());
        self.close(&changes);
        Ok(self.reply(Outcome::Applied, balances))
    }

    /// Notes what is held by now, and keeps what was held at first, which the ring tells.
    fn set_held(&mut self, place: u32, amounts: &[i64]) {
        let first = self.lines(place).iter().map(|line| line.held).collect();
        self.calls.get_mut(place).aside().held.get_or_insert(first);
        self.change_lines(place, |at, line| line.held = amounts.get(at).copied().unwrap_or(0));
    }
}
