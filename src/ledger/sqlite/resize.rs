//! What may change about a live hold?
//!
//! Only growth is judged: it needs room on its line and no frozen scope. All lines are
//! judged before any is changed, and the deadline moves only with the amounts. A change
//! of the deadline alone makes no entry, because no balance moved.

use super::books::{Balances, Books, Changes};
use super::fault::Fault;
use super::holds;
use super::post::{NO_NOTE, Told};
use super::sheet::Change;
use super::tenants::RootRow;
use crate::ledger::rules::{State, check_shape, ended, has_room, negative};
use crate::ledger::{EntryKind, Outcome, Reply, Resize};

impl Books {
    /// Sets what a live hold holds, and its deadline if one is given.
    pub(super) fn resize(&mut self, command: &Resize<'_>) -> Result<Reply, Fault> {
        self.within(command.claim.tenant(), |books, row| books.resize_in(row, command))
    }

    fn resize_in(&mut self, row: &mut RootRow, command: &Resize<'_>) -> Result<Reply, Fault> {
        check_shape(command.claim, command.amounts)?;
        let hold = holds::find(&self.file, row.number, command.id)?;
        let mut hold = hold.ok_or_else(|| ended(command.id, "is not known here"))?;
        if hold.state != State::Held {
            return Err(ended(command.id, hold.state.text()).into());
        }
        self.check_lines(row, &hold, command.claim)?;
        let mut balances = Balances::new();
        let mut changes = Changes::new();
        let frozen = self.is_frozen(row, command.claim)?;
        let mut refused = false;
        for ((line, held), amount) in command.claim.lines().iter().zip(&hold.lines).zip(command.amounts) {
            if *amount < 0 {
                return Err(negative(&line.account, *amount).into());
            }
            let (account, period) = (held.account, held.period);
            let balance = self.sheet.balance(&self.file, account, period)?;
            let growth = amount.saturating_sub(held.amount);
            refused |= growth > 0 && (frozen || !has_room(line, &balance, growth)?);
            balances.push(balance);
            changes.push(Change { account, period, spent: 0, reserved: growth });
        }
        if refused {
            self.name_frozen(row, command.claim)?;
            return Ok(self.reply(row, Outcome::Refused, balances));
        }
        self.check_fits(&changes)?;
        let before = hold.lines.clone();
        hold.set_amounts(command.amounts);
        if let Some(expires_at) = command.expires_at {
            hold.expires_at = expires_at;
            row.schedule(expires_at);
        }
        holds::update(&self.file, row.number, &hold, &before)?;
        row.touch();
        if changes.iter().any(|change| change.reserved != 0) {
            self.post(row, &Told::new(EntryKind::Resized, command.id, &NO_NOTE), &changes)?;
        }
        self.cross(row, command.id, command.claim)?;
        Ok(self.reply(row, Outcome::Applied, balances))
    }
}
