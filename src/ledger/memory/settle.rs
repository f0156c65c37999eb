//! What was really used? Reconciling and releasing, which never refuse.
//!
//! | the id is | a reconcile | a release |
//! |---|---|---|
//! | held | charges it | gives it back |
//! | charged, less surely | replaces the charge | withdraws the charge |
//! | charged as surely | repeats, or is a conflict | withdraws it, unless the provider reported it |
//! | charged more surely | is ignored | the same |
//! | released | charges it | repeats |
//! | refused | charges it, `unheld` | is an error |
//! | a tombstone | charges it, `unheld` | repeats |
//! | unknown and young | charges it, `unheld` | leaves a tombstone |
//! | unknown and old | is `Forgotten` | is `Forgotten` |
//! | a posting's | is a conflict | is an error |
//!
//! Money is never lost, because no row of the first column drops a surer figure; and never counted twice, because
//! each id is charged at most one amount at a time: a replacement posts the difference. A hold of 60 that expired at 60 and
//! is reported at 40 posts −20.
//!
//! Each charge looks before it writes: if a sum does not fit 64 bits, the command fails and nothing has changed.

use smallvec::SmallVec;

use super::admit::no_place;
use super::book::{Balances, KeptLines, Places, RootBook};
use super::check::fingerprint;
use super::holds::{HoldLines, INLINE};
use super::journal::NewEntry;
use super::row::{Change, HoldLine, KeptLine};
use super::rows::NO_ROW;
use crate::Error;
use crate::ledger::rules::{State, check_shape, check_signs, conflict, ended, left_of, other_lines};
use crate::ledger::{Certainty, EntryKind, Outcome, Reconcile, Release, Reply};
use crate::values::{Claim, ReservationId, Timestamp};

impl RootBook {
    /// Answers a reconcile, by what the id is: see the table above.
    #[inline]
    pub(super) fn reconcile(&mut self, now: Timestamp, command: &Reconcile<'_>) -> Result<Reply, Error> {
        self.tick(now);
        check_shape(command.claim, command.amounts)?;
        check_signs(command.claim, command.amounts)?;
        let Some(place) = self.holds.find(&self.holds.key(command.id)) else {
            self.check_age(command.id)?;
            return self.charge_unheld(command);
        };
        match self.holds.get(place).state {
            State::Held => self.charge(place, command),
            State::Charged(certainty) if command.certainty <= certainty => {
                self.charge_again(place, certainty, command)
            }
            State::Charged(_) | State::Released => self.replace(place, command),
            State::Refused | State::Tombstone => self.charge_unheld(command),
            State::Recorded => Err(conflict(command.id, "the id belongs to a posting")),
        }
    }

    /// Charges a live hold: a look that changes nothing, then the change.
    #[inline]
    fn charge(&mut self, place: u32, command: &Reconcile<'_>) -> Result<Reply, Error> {
        self.check_charge(place, command)?;
        let entry = self.journal.next();
        let mut balances = Balances::new();
        let mut reached = false;
        let mut part = place;
        for (lines, amounts) in command.claim.lines().chunks(INLINE).zip(command.amounts.chunks(INLINE)) {
            let hold = self.holds.get_mut(part);
            for ((line, amount), old) in lines.iter().zip(amounts).zip(&mut hold.lines) {
                let change = charge_change(old.amount, *amount);
                let kept = KeptLine { row: old.row, period: line.period.number, change };
                let (balance, reaches) = self.rows.apply_line(kept, line, entry);
                balances.push(balance);
                reached |= reaches;
                self.journal.add(kept);
                old.amount = *amount;
            }
            part = hold.more;
        }
        let kind = EntryKind::Reconciled(command.certainty);
        self.journal.write(&self.entry(kind, command.id, command.note), &mut self.rows);
        if reached {
            self.cross(place, command.claim);
        }
        if self.rows.any_closed() {
            self.close_periods(place, command.claim);
        }
        self.close_hold(place, State::Charged(command.certainty));
        Ok(self.reply(Outcome::Applied, balances))
    }

    /// Replaces a less sure charge, or charges what was given back.
    ///
    /// Refunds stay taken: of a charge of 10 with 3 refunded, 7 count. A surer report of 12 makes 9 count, so +2 is posted.
    fn replace(&mut self, place: u32, command: &Reconcile<'_>) -> Result<Reply, Error> {
        let lines = self.matching_lines(place, command.claim, command.id)?;
        let mut changes = KeptLines::new();
        for (at, (old, amount)) in lines.iter().zip(command.amounts).enumerate() {
            let refunded = self.holds.refunded(place, at);
            let spent = left_of(*amount, refunded).saturating_sub(left_of(old.amount, refunded));
            let kept = self.kept(old, Change { spent, reserved: 0 });
            if !self.rows.fits(kept.row, kept.period, kept.change) {
                return Err(Error::overflow(&self.rows.get(kept.row).account.to_string()));
            }
            changes.push(kept);
        }
        self.holds.set_amounts(place, command.amounts);
        let hold = self.holds.get_mut(place);
        let replaced = match hold.state {
            State::Charged(certainty) => Some(certainty),
            _ => None,
        };
        // It keeps its turn among the remembered: an ended id is in one queue only.
        hold.state = State::Charged(command.certainty);
        let unheld = hold.unheld;
        let kind = match unheld {
            true => EntryKind::Unheld(command.certainty),
            false => EntryKind::Reconciled(command.certainty),
        };
        let balances = self.post(&self.entry(kind, command.id, command.note), &changes);
        self.cross(place, command.claim);
        Ok(Reply { unheld, replaced, ..self.reply(Outcome::Applied, balances) })
    }

    /// Forgets past periods that held nothing but this: only now, since a level may have been reached in them.
    #[cold]
    fn close_periods(&mut self, place: u32, claim: &Claim) {
        for (line, held) in claim.lines().iter().zip(self.holds.lines(place)) {
            self.rows.close(held.row, line.period.number);
        }
    }

    /// Refuses a charge on other lines than were held, and one whose sums do not fit.
    #[inline]
    fn check_charge(&self, place: u32, command: &Reconcile<'_>) -> Result<(), Error> {
        let mut part = place;
        for (lines, amounts) in command.claim.lines().chunks(INLINE).zip(command.amounts.chunks(INLINE)) {
            let hold = self.holds.part(part).ok_or_else(|| other_lines(command.id))?;
            if hold.lines().len() != lines.len() {
                return Err(other_lines(command.id));
            }
            for ((line, amount), old) in lines.iter().zip(amounts).zip(hold.lines()) {
                if !self.rows.is_line(old, line) {
                    return Err(other_lines(command.id));
                }
                let change = charge_change(old.amount, *amount);
                if !self.rows.fits(old.row, line.period.number, change) {
                    return Err(Error::overflow(&line.account.to_string()));
                }
            }
            part = hold.more;
        }
        if self.holds.part(part).is_some_and(|hold| !hold.lines().is_empty()) {
            return Err(other_lines(command.id));
        }
        Ok(())
    }

    /// The same report again is answered again; another of the same rank is a conflict, a lesser one ignored.
    fn charge_again(
        &mut self,
        place: u32,
        certainty: Certainty,
        command: &Reconcile<'_>,
    ) -> Result<Reply, Error> {
        let lines = self.matching_lines(place, command.claim, command.id)?;
        let same = lines.iter().map(|line| line.amount).eq(command.amounts.iter().copied());
        if command.certainty == certainty && !same {
            let first: Vec<i64> = lines.iter().map(|line| line.amount).collect();
            return Err(conflict(command.id, &format!("already reconciled with {first:?}")));
        }
        let places: Places = lines.iter().map(|line| line.row).collect();
        let repeated = command.certainty == certainty;
        let outcome = if repeated { Outcome::Applied } else { Outcome::Ignored };
        let unheld = self.holds.get(place).unheld;
        let balances = self.balances_of(command.claim, &places);
        Ok(Reply { repeated, unheld, ..self.reply(outcome, balances) })
    }

    /// Records usage that no hold stood for: in full, once.
    ///
    /// A process that was down for an hour reports late, or a call went out while the ledger was away. Its usage may belong to a
    /// period that is over: it counts in the account's total, and in that period as long as that is kept.
    fn charge_unheld(&mut self, command: &Reconcile<'_>) -> Result<Reply, Error> {
        self.check_fits(command.claim, command.amounts)?;
        let places = self.make_places(command.claim)?;
        let changes = new_changes(command.claim, &places, command.amounts);
        // A refused or tombstoned id becomes a charged one.
        self.holds.supersede(&self.holds.key(command.id));
        let state = State::Charged(command.certainty);
        let place = self.insert_ended(command.id, state, command.claim, command.amounts, &places)?;
        let kind = EntryKind::Unheld(command.certainty);
        let balances = self.post(&self.entry(kind, command.id, command.note), &changes);
        self.cross(place, command.claim);
        self.holds.remember(place, &mut self.rows);
        Ok(Reply { unheld: true, ..self.reply(Outcome::Applied, balances) })
    }

    /// Looks for sums that do not fit, before any row is made.
    pub(super) fn check_fits(&self, claim: &Claim, amounts: &[i64]) -> Result<(), Error> {
        for (line, amount) in claim.lines().iter().zip(amounts) {
            let place = self.rows.find(self.ledger, &line.account);
            let change = Change { spent: *amount, reserved: 0 };
            if place != NO_ROW && !self.rows.fits(place, line.period.number, change) {
                return Err(Error::overflow(&line.account.to_string()));
            }
        }
        Ok(())
    }

    /// Remembers an id that was never open.
    pub(super) fn insert_ended(
        &mut self,
        id: ReservationId,
        state: State,
        claim: &Claim,
        amounts: &[i64],
        places: &Places,
    ) -> Result<u32, Error> {
        let hold = self.holds.draft(claim.lines().len()).ok_or_else(no_place)?;
        let mut part = hold;
        let lines = claim.lines().chunks(INLINE).zip(places.chunks(INLINE));
        for (lines, places) in lines {
            let slot = self.holds.get_mut(part);
            for ((line, place), held) in lines.iter().zip(places).zip(&mut slot.lines) {
                *held = HoldLine { row: *place, period: line.period.number as u32, amount: 0 };
                self.rows.keep(*place);
            }
            part = slot.more;
        }
        self.holds.set_amounts(hold, amounts);
        let key = self.holds.key(id);
        self.holds.name(hold, &key, state);
        let first = self.holds.get_mut(hold);
        first.fingerprint = fingerprint(claim, amounts);
        first.unheld = true;
        Ok(hold)
    }

    /// Answers a release: gives a hold back, withdraws a charge that nobody reported, or leaves a tombstone.
    pub(super) fn release(&mut self, now: Timestamp, command: &Release<'_>) -> Result<Reply, Error> {
        self.tick(now);
        let Some(place) = self.holds.find(&self.holds.key(command.id)) else {
            self.check_age(command.id)?;
            self.bury(command.id)?;
            return Ok(self.reply(Outcome::Applied, Balances::new()));
        };
        let state = self.holds.get(place).state;
        let withdraw = match state {
            State::Held => false,
            State::Charged(certainty) if certainty < Certainty::Reported => true,
            State::Released | State::Tombstone => {
                return Ok(Reply { repeated: true, ..self.reply(Outcome::Applied, Balances::new()) });
            }
            State::Charged(_) | State::Refused | State::Recorded => {
                return Err(ended(command.id, state.text()));
            }
        };
        let lines = self.holds.lines(place);
        let change = |(at, line): (usize, &HoldLine)| {
            let change = if withdraw {
                let left = left_of(line.amount, self.holds.refunded(place, at));
                Change { spent: left.saturating_neg(), reserved: 0 }
            } else {
                Change { spent: 0, reserved: line.amount.saturating_neg() }
            };
            self.kept(line, change)
        };
        let changes: KeptLines = lines.iter().enumerate().map(change).collect();
        let zeros: SmallVec<[i64; 8]> = lines.iter().map(|_| 0).collect();
        if withdraw {
            self.holds.set_amounts(place, &zeros);
            self.holds.get_mut(place).state = State::Released;
        } else {
            self.end(place, State::Released, &zeros);
        }
        let entry = self.entry(EntryKind::Released, command.id, command.note);
        let balances = self.post(&NewEntry { attribution: command.attribution, ..entry }, &changes);
        Ok(self.reply(Outcome::Applied, balances))
    }

    /// Leaves a tombstone, so that a reserve still on its way cannot come alive.
    ///
    /// A release may overtake its reserve on the wire. The tombstone stands as long as an id may be executed at all; after that
    /// the reserve is `Forgotten` by its age.
    fn bury(&mut self, id: ReservationId) -> Result<(), Error> {
        self.holds.forget_tombstones(self.now, &mut self.rows);
        let place = self.holds.draft(0).ok_or_else(no_place)?;
        let key = self.holds.key(id);
        self.holds.name(place, &key, State::Tombstone);
        self.holds.remember_tombstone(place, self.now + self.options.id_age_max);
        Ok(())
    }

    /// The hold's lines, if they are the claim's.
    #[inline]
    pub(super) fn matching_lines(
        &self,
        place: u32,
        claim: &Claim,
        id: ReservationId,
    ) -> Result<HoldLines, Error> {
        let lines = self.holds.lines(place);
        let same = lines.len() == claim.lines().len()
            && lines.iter().zip(claim.lines()).all(|(held, line)| self.rows.is_line(held, line));
        if same { Ok(lines) } else { Err(other_lines(id)) }
    }
}

/// What a charge or a posting without a hold changes.
pub(super) fn new_changes(claim: &Claim, places: &Places, amounts: &[i64]) -> KeptLines {
    let all = claim.lines().iter().zip(places).zip(amounts);
    all.map(|((line, place), amount)| {
        let change = Change { spent: *amount, reserved: 0 };
        KeptLine { row: *place, period: line.period.number, change }
    })
    .collect()
}

/// How a charge changes a line on which `held` stands.
#[inline]
fn charge_change(held: i64, amount: i64) -> Change {
    Change { spent: amount, reserved: held.saturating_neg() }
}
