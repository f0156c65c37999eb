//! How does the law look at a store's page, and change it?

use super::page::{Lack, Slot, StorePage};
use super::sheet::Unknown;
use crate::ledger::law::{Known, Line, Looked, Numbers, Page, Stop, Written};
use crate::ledger::rules::rows::Fired;
use crate::ledger::rules::{State, check_made};
use crate::ledger::store::{Digest, EntryRow, EventRow, HoldRow, body_of};
use crate::ledger::{Effects, MarkAction, MarkScope, Note, Reached, law};
use crate::values::{Account, Balance, Claim, ClaimLine, FrozenScope, ReservationId, Timestamp, Unit};
use crate::{Error, Scope};

fn lacks(number: u32, period: i64) -> impl FnOnce(Unknown) -> Stop<Lack> {
    move |_| Stop::Missing(Lack::Number(number, period))
}

impl Page for StorePage {
    type Missing = Lack;
    type About = Option<Digest>;

    fn now(&self) -> Timestamp {
        self.now
    }

    fn check_age(&self, id: ReservationId) -> Result<(), Error> {
        check_made(id, self.now)?;
        if id.time() < self.row.forgotten || id.time() < self.now - self.remembers {
            return Err(law::forgotten(id, self.remembers));
        }
        Ok(())
    }

    fn body(&self, claim: &Claim, amounts: &[i64]) -> u128 {
        body_of(claim, amounts)
    }

    fn known(&self, id: ReservationId) -> Looked<Option<HoldRow>, Self> {
        let slot = self.holds.get(&id).ok_or(Stop::Missing(Lack::Id(id)))?;
        if slot.hold.is_some() {
            return Ok(slot.hold.clone());
        }
        Ok(self.refusals.body(id).map(|body| Known::refused(id, body, None)))
    }

    fn find(&self, account: &Account) -> Looked<Option<u32>, Self> {
        let found =
            self.sheet.find(account).map_err(|Unknown| Stop::Missing(Lack::Account(account.clone())))?;
        if found.is_none() {
            check_name(account)?;
        }
        Ok(found)
    }

    fn account(&self, number: u32) -> Looked<Account, Self> {
        let row = self.sheet.account(number).map_err(lacks(number, i64::MAX))?;
        Ok(row.account.clone())
    }

    fn newest(&self, number: u32) -> Looked<i64, Self> {
        Ok(self.sheet.account(number).map_err(lacks(number, i64::MAX))?.newest)
    }

    fn balance(&self, number: u32, period: i64) -> Looked<Option<Balance>, Self> {
        self.sheet.balance(number, period).map(Some).map_err(lacks(number, period))
    }

    fn fits(&self, line: &Line) -> Looked<bool, Self> {
        self.sheet.fits(line).map_err(lacks(line.account, line.period))
    }

    fn frees_in(&self, number: u32, line: &ClaimLine, amount: i64) -> Looked<Option<u32>, Self> {
        self.sheet.frees_in(number, line, amount).map_err(lacks(number, line.period.number))
    }

    fn frozen(&self, scope: &Scope) -> Looked<Option<FrozenScope>, Self> {
        if !self.any_marks {
            return Ok(None);
        }
        self.marks.get(scope).cloned().ok_or_else(|| Stop::Missing(Lack::Scope(scope.clone())))
    }

    fn open(&mut self, claim: &Claim) -> Result<Numbers, Error> {
        let mut numbers = Numbers::new();
        for line in claim.lines() {
            let number = match self.sheet.find(&line.account) {
                Ok(Some(number)) => number,
                _ => {
                    let next = self.row.accounts.checked_add(1).ok_or_else(|| Error::overflow("accounts"))?;
                    self.row.accounts = next;
                    self.sheet.make(next, line);
                    next
                }
            };
            self.sheet.advance(number, line.period.number);
            numbers.push(number);
        }
        Ok(numbers)
    }

    fn apply(&mut self, line: &Line) -> Balance {
        self.sheet.apply(line)
    }

    fn fire(&mut self, number: u32, line: &ClaimLine) -> Fired {
        self.sheet.fire(number, line)
    }

    fn about(&mut self, note: &Note) -> Option<Digest> {
        note.about.as_ref().map(|about| self.digest(about))
    }

    fn keep(&mut self, known: HoldRow) {
        if known.state == State::Held {
            self.due = earlier(self.due, known.expires_at);
        }
        self.refusals.remove(known.id);
        let slot = self.holds.entry(known.id).or_insert(Slot { hold: None, before: None, is_changed: false });
        if !std::mem::replace(&mut slot.is_changed, true) {
            self.changed_holds.push(known.id);
        }
        slot.hold = Some(known);
    }

    fn refused(&mut self, id: ReservationId, body: u128) {
        self.refusals.add(self.now, id, body);
        self.refused_now.push(id);
    }

    fn set_mark(&mut self, command: &MarkScope<'_>) {
        let mark = (command.action != MarkAction::Reopen).then(|| FrozenScope {
            scope: command.scope.clone(),
            action: command.action,
            since: self.now,
            attribution: command.attribution.clone(),
        });
        self.any_marks |= mark.is_some();
        self.marks.insert(command.scope.clone(), mark);
        self.changed_marks.push(command.scope.clone());
    }

    fn holds_until(&mut self, until: Timestamp) {
        // The last period of all has no end.
        if until < Timestamp::MAX {
            self.until = earlier(self.until, until);
        }
    }

    fn write(&mut self, entry: Written<'_, Option<Digest>>, lines: &[Line]) {
        let mut row = EntryRow {
            sequence: self.row.entries.saturating_add(1),
            at: self.now,
            id: entry.id,
            kind: entry.kind,
            scope: entry.scope.cloned(),
            call: entry.about.copied().flatten(),
            served: entry.note.served.clone(),
            usage: entry.note.usage,
            cost: entry.note.cost,
            ended: entry.note.ended,
            attribution: entry.attribution.cloned(),
            lines: lines.to_vec(),
            link: [0; 32],
        };
        row.link = row.link_after(&self.row.head);
        (self.row.entries, self.row.head) = (row.sequence, row.link);
        self.entries.push(row);
    }

    fn pending(&mut self, reached: &Reached) {
        let Ok(Some(account)) = self.sheet.find(&reached.account) else { return };
        self.events.push(EventRow {
            sequence: self.row.entries,
            at: self.now,
            account,
            period: reached.period,
            tier: reached.tier,
            threshold: reached.at,
            spent: reached.spent,
            delivered_at: None,
        });
    }

    fn effects(&mut self) -> &mut Effects {
        self.untold.get_or_insert_default()
    }

    fn take_effects(&mut self) -> Option<Box<Effects>> {
        self.untold.take()
    }
}

fn earlier(one: Option<Timestamp>, other: Timestamp) -> Option<Timestamp> {
    Some(one.map_or(other, |one| one.min(other)))
}

/// Refuses an account whose name could not be read back: a store would stop at it for good.
fn check_name(account: &Account) -> Result<(), Error> {
    let unit = account.unit();
    match unit.code().parse::<Unit>() {
        Ok(read) if read == *unit => Ok(()),
        _ => Err(Error::invalid("unit", format!("{:?} of {account} cannot be written", unit.code()))),
    }
}
