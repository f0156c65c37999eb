//! Is there room? The slow path of a reserve, which knows every case: it looks at all lines, and then changes all or none.
//!
//! Looking moves nothing on: a row is judged as if it had rolled to the line's period, and rolls when the room is taken. A refusal
//! remembers the id for a minute and makes no row. A stale reserve is not remembered: the caller resolves the call anew, and
//! may ask under the same id.

use super::book::{Balances, Changes, NewEntry, Places, TenantBook};
use super::call::ExpiryCharge;
use super::journal::ToldKind;
use super::known::{Known, NewCall, fingerprint};
use super::row::{Change, ChangedLine};
use super::rows::NO_ROW;
use crate::Error;
use crate::ledger::rules::{REMEMBERS_REFUSAL, State, check_expiry, conflict, ended, has_room, negative};
use crate::ledger::{EntryKind, FreesUp, OnExpiry, Outcome, Reply, Reserve};
use crate::values::{Claim, ClaimLine, Timestamp};

impl TenantBook {
    /// Answers a reserve of an id that is not known.
    pub(super) fn admit(&mut self, command: &Reserve<'_>) -> Result<Reply, Error> {
        self.check_age(command.id)?;
        check_expiry(command)?;
        let (mut places, mut balances, mut changes) = (Places::new(), Balances::new(), Changes::new());
        let mut refused = self.is_frozen(command.claim);
        for (line, amount) in command.claim.lines.iter().zip(command.amounts) {
            if *amount < 0 {
                return Err(negative(&line.account, *amount));
            }
            let Some(row) = self.present_row(line) else {
                return Ok(self.reply(Outcome::Stale, Balances::new()));
            };
            let (period, change) = (line.period.number, Change { spent: 0, reserved: *amount });
            let balance = self.rows.balance(row, period);
            refused |= !has_room(line, &balance, *amount)?;
            places.push(row);
            balances.push(balance);
            changes.push(ChangedLine { row, period, change });
        }
        if refused {
            return self.refuse(command, &places, balances);
        }
        self.check_fit(&changes, command.claim)?;
        if places.contains(&NO_ROW) {
            places = self.open_rows(command.claim)?;
            changes.iter_mut().zip(&places).for_each(|(line, row)| line.row = *row);
        } else {
            let lines = command.claim.lines.iter().zip(&places);
            lines.for_each(|(line, row)| self.rows.advance(*row, &line.period));
        }
        self.hold(command, &places, &changes)?;
        self.report_frozen(command.claim);
        Ok(self.reply(Outcome::Applied, balances))
    }

    /// The row of that line; [`NO_ROW`] where it has none, and `None` where the period is not the running one.
    fn present_row(&self, line: &ClaimLine) -> Option<u32> {
        if self.now < line.period.from || self.now >= line.period.until {
            return None;
        }
        let row = self.rows.find(&line.account);
        if row == NO_ROW {
            return Some(row);
        }
        (self.rows.get(row).period <= line.period.number).then_some(row)
    }

    /// Takes the room that was found.
    fn hold(&mut self, command: &Reserve<'_>, places: &Places, changes: &Changes) -> Result<(), Error> {
        let Reserve { id, claim, amounts, note, .. } = *command;
        let state = State::Held;
        let place = self.keep(&NewCall { id, state, claim, amounts, places, about: note.about.as_ref() })?;
        self.hint(claim, places);
        let record = self.calls.get_mut(place);
        record.on_expiry = match command.on_expiry {
            OnExpiry::Nothing => ExpiryCharge::Nothing,
            OnExpiry::Hold => ExpiryCharge::Hold,
            OnExpiry::Amounts(amounts) => {
                record.aside().on_expiry = Some(amounts.into());
                ExpiryCharge::Amounts
            }
        };
        self.schedule(place, command.expires_at);
        if note.is_open() {
            for line in changes {
                self.rows.apply(line);
            }
            self.tell(place, ToldKind::Reserved);
        } else {
            self.write(&NewEntry { kind: EntryKind::Reserved, id, note, attribution: None }, changes);
        }
        self.cross(id, claim, places);
        Ok(())
    }

    /// Answers a reserve that finds no room, and remembers that for a minute.
    fn refuse(&mut self, command: &Reserve<'_>, places: &Places, balances: Balances) -> Result<Reply, Error> {
        self.name_frozen(command.claim);
        let lines = command.claim.lines.iter().zip(command.amounts).zip(&balances).zip(places);
        for (at, (((line, amount), balance), row)) in lines.enumerate() {
            let is_full = *amount > 0 && balance.used().saturating_add(*amount) > line.ceiling;
            if is_full && let Some(periods) = self.rows.frees_in(*row, line, *amount) {
                self.effects().frees_up.push(FreesUp { line: at, periods });
            }
        }
        // A threshold may have been lowered below what is spent.
        self.cross(command.id, command.claim, places);
        let place = self.keep_empty(command.id, State::Refused)?;
        self.calls.get_mut(place).fingerprint = fingerprint(command.claim, command.amounts);
        self.remember_refusal(place, self.now + REMEMBERS_REFUSAL);
        Ok(self.reply(Outcome::Refused, balances))
    }

    /// Remembers a refusal until then. Those that make way for it go.
    pub(super) fn remember_refusal(&mut self, place: u32, until: Timestamp) {
        for oldest in self.calls.remember_refusal(place, self.now, until).into_iter().flatten() {
            self.forget(oldest);
        }
    }

    /// The first outcome again, with present balances.
    pub(super) fn reserve_again(&mut self, known: &Known, command: &Reserve<'_>) -> Result<Reply, Error> {
        let outcome = match known.state {
            State::Tombstone => return Err(ended(command.id, "was released before it arrived")),
            State::Recorded => return Err(conflict(command.id, "the id belongs to a posting")),
            _ if known.unheld => return Err(ended(command.id, "was charged before its reserve arrived")),
            _ if known.fingerprint != fingerprint(command.claim, command.amounts) => {
                let first = known.amounts();
                return Err(conflict(command.id, &format!("came before with another body (now {first:?})")));
            }
            State::Refused => Outcome::Refused,
            State::Held | State::Charged(_) | State::Released => Outcome::Applied,
        };
        let balances = self.balances_of(command.claim, &self.places(command.claim));
        Ok(Reply { repeated: true, ..self.reply(outcome, balances) })
    }

    /// Whether a mark stands on a scope whose mark refuses.
    pub(super) fn is_frozen(&self, claim: &Claim) -> bool {
        !self.admits_any(claim) && claim.scopes().iter().any(|scope| self.is_marked(scope))
    }

    /// Says which scopes are frozen of those that only observe.
    fn report_frozen(&mut self, claim: &Claim) {
        let frozen: Vec<_> = claim.scopes_observed().iter().filter_map(|scope| self.mark_on(scope)).collect();
        if !frozen.is_empty() {
            self.effects().frozen = frozen;
        }
    }

    /// Says which scopes are frozen.
    pub(super) fn name_frozen(&mut self, claim: &Claim) {
        if self.is_frozen(claim) {
            let frozen = claim.scopes_all().filter_map(|scope| self.mark_on(scope)).collect();
            self.effects().frozen = frozen;
        }
    }
}
