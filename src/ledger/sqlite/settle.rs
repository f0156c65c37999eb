//! What was really used? Reconciling and releasing, which never refuse.
//!
//! What was used is always recorded in full, above the hold and above the limit, late, or
//! without any hold. The rank decides which figure stands: expired < provisional <
//! estimated < reported. A charge that was partly refunded counts as max(amount −
//! refunded, 0), before and after a replacement.
//!
//! Worked example: 6 are charged provisionally and 4 refunded, so 2 are spent. The report
//! says 9: 9 − 4 = 5 are spent, and the entry is `spent +3`.

use smallvec::SmallVec;

use super::account::check_name;
use super::books::{Balances, Books, Changes};
use super::fault::Fault;
use super::holds::{self, Hold, HoldLine, HoldLines};
use super::post::Told;
use super::seal::body_of;
use super::sheet::Change;
use super::tenants::RootRow;
use crate::Error;
use crate::ledger::rules::{State, check_shape, check_signs, conflict, ended, left_of, other_lines};
use crate::ledger::{Certainty, EntryKind, Outcome, Reconcile, Release, Reply};
use crate::values::{Claim, ReservationId};

impl Books {
    /// Replaces a hold, or a less sure charge, by these amounts.
    pub(super) fn reconcile(&mut self, command: &Reconcile<'_>) -> Result<Reply, Fault> {
        self.within(command.claim.tenant(), |books, row| books.reconcile_in(row, command))
    }

    /// By what is known of the id: recorded unheld, charged, charged again, or a
    /// conflict.
    fn reconcile_in(&mut self, row: &mut RootRow, command: &Reconcile<'_>) -> Result<Reply, Fault> {
        check_shape(command.claim, command.amounts)?;
        check_signs(command.claim, command.amounts)?;
        let Some(hold) = holds::find(&self.file, row.number, command.id)? else {
            self.check_age(row, command.id)?;
            return self.charge_unheld(row, None, command);
        };
        match hold.state {
            State::Charged(certainty) if command.certainty <= certainty => {
                self.charge_again(row, &hold, certainty, command)
            }
            State::Held | State::Charged(_) | State::Released => self.charge(row, hold, command),
            State::Refused | State::Tombstone => self.charge_unheld(row, Some(hold.number), command),
            State::Recorded => Err(conflict(command.id, "the id belongs to a posting").into()),
        }
    }

    /// Charges a live hold, replaces a less sure charge, or charges what was given back.
    fn charge(&mut self, row: &mut RootRow, mut hold: Hold, command: &Reconcile<'_>) -> Result<Reply, Fault> {
        self.check_lines(row, &hold, command.claim)?;
        let replaced = match hold.state {
            State::Charged(certainty) => Some(certainty),
            _ => None,
        };
        let live = hold.state == State::Held;
        let charge = |(line, amount): (&HoldLine, &i64)| {
            let spent = left_of(*amount, line.refunded);
            let (account, period) = (line.account, line.period);
            if live {
                return Change { account, period, spent, reserved: line.amount.saturating_neg() };
            }
            let spent = spent.saturating_sub(left_of(line.amount, line.refunded));
            Change { account, period, spent, reserved: 0 }
        };
        let changes: Changes = hold.lines.iter().zip(command.amounts).map(charge).collect();
        self.check_fits(&changes)?;
        let before = hold.lines.clone();
        self.end(row, &mut hold, State::Charged(command.certainty), command.amounts);
        holds::update(&self.file, row.number, &hold, &before)?;
        let kind = match hold.unheld {
            true => EntryKind::Unheld(command.certainty),
            false => EntryKind::Reconciled(command.certainty),
        };
        let balances = self.post(row, &Told::new(kind, command.id, command.note), &changes)?;
        self.cross(row, command.id, command.claim)?;
        let unheld = hold.unheld;
        Ok(Reply { unheld, replaced, ..self.reply(row, Outcome::Applied, balances) })
    }

    /// The same report again is answered again; another of the same rank is a conflict;
    /// one of a lower rank is ignored.
    fn charge_again(
        &mut self,
        row: &mut RootRow,
        hold: &Hold,
        certainty: Certainty,
        command: &Reconcile<'_>,
    ) -> Result<Reply, Fault> {
        self.check_lines(row, hold, command.claim)?;
        let first = || hold.lines.iter().map(|line| line.amount);
        let repeated = command.certainty == certainty;
        if repeated && !first().eq(command.amounts.iter().copied()) {
            let first: Vec<i64> = first().collect();
            return Err(conflict(command.id, &format!("already reconciled with {first:?}")).into());
        }
        let outcome = if repeated { Outcome::Applied } else { Outcome::Ignored };
        let balances = self.balances_of(row, command.claim)?;
        Ok(Reply { repeated, unheld: hold.unheld, ..self.reply(row, outcome, balances) })
    }

    /// Records usage that no hold stood for: in full, once.
    fn charge_unheld(
        &mut self,
        row: &mut RootRow,
        refused: Option<i64>,
        command: &Reconcile<'_>,
    ) -> Result<Reply, Fault> {
        let changes = self.new_changes(row, command.claim, command.amounts)?;
        if let Some(refused) = refused {
            // A refused or tombstoned id becomes a charged one.
            holds::delete(&self.file, refused)?;
        }
        let state = State::Charged(command.certainty);
        self.insert_ended(row, command.id, (state, command.claim), command.amounts, &changes)?;
        let kind = EntryKind::Unheld(command.certainty);
        let balances = self.post(row, &Told::new(kind, command.id, command.note), &changes)?;
        self.cross(row, command.id, command.claim)?;
        Ok(Reply { unheld: true, ..self.reply(row, Outcome::Applied, balances) })
    }

    /// Gives a hold back, or withdraws a charge that nobody reported.
    pub(super) fn release(&mut self, command: &Release<'_>) -> Result<Reply, Fault> {
        self.within(command.tenant, |books, row| books.release_in(row, command))
    }

    /// By what is known of the id. A release of an unknown id leaves a tombstone.
    pub(super) fn release_in(&mut self, row: &mut RootRow, command: &Release<'_>) -> Result<Reply, Fault> {
        let Some(mut hold) = holds::find(&self.file, row.number, command.id)? else {
            self.check_age(row, command.id)?;
            self.bury(row, command.id)?;
            return Ok(self.reply(row, Outcome::Applied, Balances::new()));
        };
        let withdraws = match hold.state {
            State::Held => false,
            State::Charged(certainty) if certainty < Certainty::Reported => true,
            State::Released | State::Tombstone => {
                let reply = self.reply(row, Outcome::Applied, Balances::new());
                return Ok(Reply { repeated: true, ..reply });
            }
            state @ (State::Charged(_) | State::Refused | State::Recorded) => {
                return Err(ended(command.id, state.text()).into());
            }
        };
        let change = |line: &HoldLine| {
            let (account, period) = (line.account, line.period);
            if withdraws {
                let left = left_of(line.amount, line.refunded);
                return Change { account, period, spent: left.saturating_neg(), reserved: 0 };
            }
            Change { account, period, spent: 0, reserved: line.amount.saturating_neg() }
        };
        let changes: Changes = hold.lines.iter().map(change).collect();
        let before = hold.lines.clone();
        let zeros: SmallVec<[i64; 8]> = before.iter().map(|_| 0).collect();
        self.end(row, &mut hold, State::Released, &zeros);
        holds::update(&self.file, row.number, &hold, &before)?;
        let told = Told::new(EntryKind::Released, command.id, command.note);
        let balances = self.post(row, &Told { attribution: command.attribution, ..told }, &changes)?;
        Ok(self.reply(row, Outcome::Applied, balances))
    }

    /// Leaves a tombstone, so that a reserve still on its way cannot come alive.
    fn bury(&mut self, row: &mut RootRow, id: ReservationId) -> Result<(), Fault> {
        let mut tombstone = Hold::new(id, State::Tombstone, [0; 16], HoldLines::new());
        tombstone.ended_at = Some(row.time);
        holds::insert(&self.file, row.number, &tombstone)?;
        row.touch();
        Ok(())
    }

    /// What posting these amounts changes, with accounts made if there are none. If any
    /// sum does not fit, no account is made.
    pub(super) fn new_changes(
        &mut self,
        row: &RootRow,
        claim: &Claim,
        amounts: &[i64],
    ) -> Result<Changes, Fault> {
        for (line, amount) in claim.lines().iter().zip(amounts) {
            let Some(account) = self.sheet.find(&self.file, row.number, &line.account)? else {
                check_name(&line.account)?;
                continue;
            };
            let period = line.period.number;
            self.check_fits(&[Change { account, period, spent: *amount, reserved: 0 }])?;
        }
        if let Some(line) = claim.lines().iter().find(|line| line.period.from > row.time) {
            let text = format!("the period of {} has not begun", line.account);
            return Err(Error::invalid("claim", text).into());
        }
        let mut changes = Changes::new();
        for (line, amount) in claim.lines().iter().zip(amounts) {
            let account = self.sheet.find_or_make(&self.file, row.number, line)?;
            self.sheet.advance(&self.file, account, &line.period)?;
            changes.push(Change { account, period: line.period.number, spent: *amount, reserved: 0 });
        }
        Ok(changes)
    }

    /// Remembers an id that was never open: a posting, or usage without a hold.
    pub(super) fn insert_ended(
        &mut self,
        row: &RootRow,
        id: ReservationId,
        (state, claim): (State, &Claim),
        amounts: &[i64],
        changes: &[Change],
    ) -> Result<(), Fault> {
        let line = |change: &Change| HoldLine {
            account: change.account,
            period: change.period,
            amount: change.spent,
            ..HoldLine::default()
        };
        let lines = changes.iter().map(line).collect();
        let mut hold = Hold::new(id, state, body_of(claim, amounts), lines);
        hold.ended_at = Some(row.time);
        hold.unheld = true;
        holds::insert(&self.file, row.number, &hold)
    }

    /// Refuses a change whose sum does not fit.
    pub(super) fn check_fits(&mut self, changes: &[Change]) -> Result<(), Fault> {
        for change in changes {
            if !self.sheet.fits(&self.file, change)? {
                let account = self.sheet.account(&self.file, change.account)?;
                return Err(Error::overflow(&account.to_string()).into());
            }
        }
        Ok(())
    }

    /// Refuses a claim on other lines than were held.
    pub(super) fn check_lines(&mut self, row: &RootRow, hold: &Hold, claim: &Claim) -> Result<(), Fault> {
        if self.are_lines(row, hold, claim)? { Ok(()) } else { Err(other_lines(hold.id).into()) }
    }

    /// Whether the claim names the held lines: the same accounts and periods, in the same
    /// order.
    pub(super) fn are_lines(&mut self, row: &RootRow, hold: &Hold, claim: &Claim) -> Result<bool, Fault> {
        if hold.lines.len() != claim.lines().len() {
            return Ok(false);
        }
        for (held, line) in hold.lines.iter().zip(claim.lines()) {
            let account = self.sheet.find(&self.file, row.number, &line.account)?;
            if account != Some(held.account) || held.period != line.period.number {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
