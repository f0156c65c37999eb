//! What may change about a live hold?
//!
//! Only growth is judged: the difference to what is held must fit, as if it were reserved by itself. A hold of 60 under a
//! ceiling of 100 with nothing else used grows to 100 (60 + 40 <= 100), not to 101. Shrinking always succeeds. If one line
//! has no room, no line changes, and the hold lives on as it was.
//!
//! A hold whose period is over can shrink and be prolonged. It grows there only while the period's figures are still
//! known, which a period with an open hold in it always is, unless that hold had shrunk to nothing.

use super::book::{Balances, KeptLines, NO_NOTE, RootBook};
use super::row::{Change, KeptLine};
use crate::Error;
use crate::ledger::rules::{State, check_shape, ended, has_room, negative};
use crate::ledger::{EntryKind, Outcome, Reply, Resize};
use crate::values::{ReservationId, Timestamp};

impl RootBook {
    /// Sets new amounts on all lines of a live hold, or on none, and moves its end if the command says so.
    pub(super) fn resize(&mut self, now: Timestamp, command: &Resize<'_>) -> Result<Reply, Error> {
        self.tick(now);
        check_shape(command.claim, command.amounts)?;
        let place = self.open_hold(command.id)?;
        let lines = self.matching_lines(place, command.claim, command.id)?;
        let mut balances = Balances::new();
        let mut changes = KeptLines::new();
        let frozen = self.is_frozen(command.claim);
        let mut refused = false;
        for ((line, held), amount) in command.claim.lines().iter().zip(&lines).zip(command.amounts) {
            if *amount < 0 {
                return Err(negative(&line.account, *amount));
            }
            let balance = self.rows.balance(held.row, line.period.number);
            let growth = amount.saturating_sub(held.amount);
            let counted = self.rows.counts(held.row, line.period.number);
            refused |= growth > 0 && (frozen || !counted || !has_room(line, &balance, growth)?);
            balances.push(balance);
            let change = Change { spent: 0, reserved: growth };
            changes.push(KeptLine { row: held.row, period: line.period.number, change });
        }
        if refused {
            self.name_frozen(command.claim);
            return Ok(self.reply(Outcome::Refused, balances));
        }
        self.holds.set_amounts(place, command.amounts);
        if let Some(expires_at) = command.expires_at {
            self.holds.unschedule(place);
            self.holds.schedule(place, expires_at);
        }
        if changes.iter().any(|line| line.change != Change::default()) {
            self.write(&self.entry(EntryKind::Resized, command.id, &NO_NOTE), &changes);
        }
        self.cross(place, command.claim);
        self.close(&changes);
        Ok(self.reply(Outcome::Applied, balances))
    }

    /// The place of a live hold, or an error that says what became of it.
    fn open_hold(&self, id: ReservationId) -> Result<u32, Error> {
        let place = self.holds.find(&self.holds.key(id)).ok_or_else(|| ended(id, "is not known here"))?;
        match self.holds.get(place).state {
            State::Held => Ok(place),
            state => Err(ended(id, state.text())),
        }
    }
}
