//! Is there room? Reserving takes it on all lines, or on none.
//!
//! The order of the questions is the contract's: is the id known (then the first outcome
//! is answered again)? is it too old? has each line's period begun and not ended? has
//! each line room? is a scope frozen? Only after the last one is anything changed, so a
//! command that is refused leaves accounts and balances as they were.
//!
//! Balances are those just *before* the command, as the contract asks: "spent 4, reserved
//! 3, and you wanted 4 of 10".

use super::account::check_name;
use super::books::{Balances, Books, Changes};
use super::fault::Fault;
use super::holds::{self, ExpiryCharge, Hold, HoldLine, HoldLines};
use super::post::Told;
use super::seal::body_of;
use super::sheet::Change;
use super::tenants::RootRow;
use crate::ledger::rules::{State, check_shape, check_signs, conflict, ended, has_room, negative};
use crate::ledger::{EntryKind, FreesUp, OnExpiry, Outcome, Reply, Reserve};
use crate::values::{Balance, Claim, Period};
use crate::{Error, Scope};

impl Books {
    /// Holds the amounts on all lines, or on none.
    pub(super) fn reserve(&mut self, command: &Reserve<'_>) -> Result<Reply, Fault> {
        self.within(command.claim.tenant(), |books, row| books.reserve_in(row, command))
    }

    /// The questions, in their order.
    fn reserve_in(&mut self, row: &mut RootRow, command: &Reserve<'_>) -> Result<Reply, Fault> {
        check_shape(command.claim, command.amounts)?;
        if let Some(hold) = holds::find(&self.file, row.number, command.id)? {
            return self.reserve_again(row, &hold, command);
        }
        self.check_age(row, command.id)?;
        check_expiry(command)?;
        let mut balances = Balances::new();
        let outcome = self.look(row, command, &mut balances)?;
        match outcome {
            Outcome::Applied if !self.is_frozen(row, command.claim)? => {
                self.report_frozen(row, command.claim)?;
                self.hold(row, command, balances)
            }
            Outcome::Applied | Outcome::Refused => self.refuse(row, command, balances),
            _ => Ok(self.reply(row, Outcome::Stale, Balances::new())),
        }
    }

    /// Reads every line's balance and judges it. No balance is changed; accounts may move
    /// on to the running period.
    fn look(
        &mut self,
        row: &mut RootRow,
        command: &Reserve<'_>,
        balances: &mut Balances,
    ) -> Result<Outcome, Fault> {
        let mut outcome = Outcome::Applied;
        for (line, amount) in command.claim.lines().iter().zip(command.amounts) {
            if *amount < 0 {
                return Err(negative(&line.account, *amount).into());
            }
            if row.time < line.period.from || row.time >= line.period.until {
                return Ok(Outcome::Stale);
            }
            let balance = match self.sheet.find(&self.file, row.number, &line.account)? {
                None => {
                    check_name(&line.account)?;
                    Balance::default()
                }
                Some(account) => {
                    self.advance(row, account, &line.period)?;
                    if self.sheet.is_past(&self.file, account, line.period.number)? {
                        return Ok(Outcome::Stale);
                    }
                    self.sheet.balance(&self.file, account, line.period.number)?
                }
            };
            if !has_room(line, &balance, *amount)? {
                outcome = Outcome::Refused;
            }
            balances.push(balance);
        }
        Ok(outcome)
    }

    /// Moves an account on to a newer period, and writes the time with it: another
    /// process whose clock is behind must not find its own period over while it still
    /// counts in it.
    pub(super) fn advance(&mut self, row: &mut RootRow, account: i64, period: &Period) -> Result<(), Fault> {
        if self.sheet.advance(&self.file, account, period)? {
            row.touch();
        }
        Ok(())
    }

    /// Takes the room that was found.
    fn hold(&mut self, row: &mut RootRow, command: &Reserve<'_>, balances: Balances) -> Result<Reply, Fault> {
        let mut lines = HoldLines::new();
        let mut changes = Changes::new();
        for (at, (line, amount)) in command.claim.lines().iter().zip(command.amounts).enumerate() {
            let account = self.sheet.find_or_make(&self.file, row.number, line)?;
            let (period, amount) = (line.period.number, *amount);
            let on_expiry = match command.on_expiry {
                OnExpiry::Amounts(amounts) => amounts.get(at).copied(),
                _ => None,
            };
            lines.push(HoldLine { account, period, amount, refunded: 0, on_expiry });
            changes.push(Change { account, period, spent: 0, reserved: amount });
        }
        let body = body_of(command.claim, command.amounts);
        let mut hold = Hold::new(command.id, State::Held, body, lines);
        hold.expires_at = command.expires_at;
        hold.on_expiry = match command.on_expiry {
            OnExpiry::Nothing => ExpiryCharge::Nothing,
            OnExpiry::Hold => ExpiryCharge::Hold,
            OnExpiry::Amounts(_) => ExpiryCharge::Amounts,
        };
        let call = self.calls.number(&self.file, command.note.about.as_ref())?;
        hold.call = call.map(|(number, _)| number);
        holds::insert(&self.file, row.number, &hold)?;
        row.schedule(command.expires_at);
        self.post(row, &Told::new(EntryKind::Reserved, command.id, command.note), &changes)?;
        self.cross(row, command.id, command.claim)?;
        Ok(self.reply(row, Outcome::Applied, balances))
    }

    /// Remembers a refusal, and explains it.
    fn refuse(
        &mut self,
        row: &mut RootRow,
        command: &Reserve<'_>,
        balances: Balances,
    ) -> Result<Reply, Fault> {
        self.name_frozen(row, command.claim)?;
        self.name_frees(row, command, &balances)?;
        let body = body_of(command.claim, command.amounts);
        let mut hold = Hold::new(command.id, State::Refused, body, HoldLines::new());
        hold.ended_at = Some(row.time);
        holds::insert(&self.file, row.number, &hold)?;
        row.touch();
        // A level may have been lowered below what is spent.
        self.cross(row, command.id, command.claim)?;
        Ok(self.reply(row, Outcome::Refused, balances))
    }

    /// States for each rolling line without room when it will have some.
    fn name_frees(&mut self, row: &RootRow, command: &Reserve<'_>, balances: &Balances) -> Result<(), Fault> {
        let lines = command.claim.lines().iter().zip(command.amounts).zip(balances);
        for (at, ((line, amount), balance)) in lines.enumerate() {
            let full = *amount > 0 && balance.used().saturating_add(*amount) > line.ceiling;
            if !full || line.period.span <= 1 {
                continue;
            }
            let Some(account) = self.sheet.find(&self.file, row.number, &line.account)? else { continue };
            if let Some(periods) = self.sheet.frees_in(&self.file, account, (*amount, line.ceiling))? {
                self.effects(row).frees_up.push(FreesUp { line: at, periods });
            }
        }
        Ok(())
    }

    /// Whether a scope refuses, one that is not only observed.
    pub(super) fn is_frozen(&mut self, row: &RootRow, claim: &Claim) -> Result<bool, Fault> {
        Ok(!self.frozen_of(row, claim.scopes().iter())?.is_empty())
    }

    /// Says which scopes are frozen of those that only observe.
    fn report_frozen(&mut self, row: &RootRow, claim: &Claim) -> Result<(), Fault> {
        self.name_among(row, claim.scopes_observed().iter())
    }

    /// Says which scopes are frozen.
    pub(super) fn name_frozen(&mut self, row: &RootRow, claim: &Claim) -> Result<(), Fault> {
        self.name_among(row, claim.scopes_all())
    }

    fn name_among<'a>(
        &mut self,
        row: &RootRow,
        scopes: impl Iterator<Item = &'a Scope>,
    ) -> Result<(), Fault> {
        let frozen = self.frozen_of(row, scopes)?;
        if !frozen.is_empty() {
            self.effects(row).frozen = frozen;
        }
        Ok(())
    }

    /// The marks that stand on these scopes. Most tenants have none at all, and are not
    /// asked.
    fn frozen_of<'a>(
        &mut self,
        row: &RootRow,
        scopes: impl Iterator<Item = &'a Scope>,
    ) -> Result<Vec<crate::ledger::FrozenScope>, Fault> {
        if !row.any_frozen {
            return Ok(Vec::new());
        }
        let mut frozen = Vec::new();
        for scope in scopes {
            frozen.extend(self.read_frozen(row, scope)?);
        }
        Ok(frozen)
    }

    /// Answers the first outcome again, with present balances.
    fn reserve_again(
        &mut self,
        row: &mut RootRow,
        hold: &Hold,
        command: &Reserve<'_>,
    ) -> Result<Reply, Fault> {
        let outcome = match hold.state {
            State::Tombstone => return Err(ended(command.id, "was released before it arrived").into()),
            State::Recorded => return Err(conflict(command.id, "the id belongs to a posting").into()),
            _ if hold.unheld => {
                return Err(ended(command.id, "was charged before its reserve arrived").into());
            }
            _ if hold.body != body_of(command.claim, command.amounts) => {
                let first: Vec<i64> = hold.lines.iter().map(|line| line.amount).collect();
                let text = format!("came before with another body (now {first:?})");
                return Err(conflict(command.id, &text).into());
            }
            State::Refused => Outcome::Refused,
            State::Held | State::Charged(_) | State::Released => Outcome::Applied,
        };
        let balances = self.balances_of(row, command.claim)?;
        Ok(Reply { repeated: true, ..self.reply(row, outcome, balances) })
    }
}

/// What a hold is to be charged by age must stand beside its lines, as its amounts do.
fn check_expiry(command: &Reserve<'_>) -> Result<(), Error> {
    let OnExpiry::Amounts(amounts) = command.on_expiry else { return Ok(()) };
    check_shape(command.claim, amounts)?;
    check_signs(command.claim, amounts)
}
