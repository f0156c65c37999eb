//! What was really used? Reconciling, releasing and posting: commands that never refuse.

use super::admit::{ended, state_text};
use super::book::{KeptLines, Places, RootBook, check_shape, conflict, fingerprint, negative};
use super::holds::{HoldLine, HoldLines, NewHold, State};
use super::journal::{KeptLine, NewEntry};
use super::rows::{Change, NO_ROW};
use crate::ledger::{EntryKind, News, Outcome, Rank, Reconcile, Record, Release, Reply};
use crate::{Claim, Error, ReservationId, Timestamp};

impl RootBook {
    pub(super) fn reconcile(&mut self, now: Timestamp, command: &Reconcile<'_>) -> Result<Reply, Error> {
        let news = self.tick(now);
        check_shape(command.claim, command.amounts)?;
        for (line, amount) in command.claim.lines().iter().zip(command.amounts) {
            if *amount < 0 {
                return Err(negative(&line.account, *amount));
            }
        }
        let Some(place) = self.holds.find(command.id) else {
            self.check_age(command.id)?;
            return self.charge_unheld(command, news);
        };
        match self.holds.get(place).state {
            State::Held => self.charge(place, command, news),
            State::Released => self.charge(place, command, news),
            State::Charged(rank) if command.rank > rank => self.charge(place, command, news),
            State::Charged(rank) => self.charge_again(place, rank, command, news),
            State::Refused | State::Tombstone => self.charge_unheld(command, news),
            State::Recorded => Err(conflict(command.id, "the id belongs to a posting")),
        }
    }

    /// Charges a hold, or replaces a less sure charge.
    #[inline]
    fn charge(
        &mut self,
        place: u32,
        command: &Reconcile<'_>,
        news: Option<Box<News>>,
    ) -> Result<Reply, Error> {
        let lines = self.matching_lines(place, command.claim, command.id)?;
        let held = self.holds.get(place).state == State::Held;
        let unheld = self.holds.get(place).unheld;
        let mut changes = KeptLines::new();
        let mut places = Places::new();
        for ((line, old), amount) in command.claim.lines().iter().zip(&lines).zip(command.amounts) {
            let change = if held {
                Change { spent: *amount, reserved: old.amount.saturating_neg() }
            } else {
                let refunded = self.holds.refunded(place, changes.len());
                let before = left_of(old.amount, refunded);
                Change { spent: left_of(*amount, refunded).saturating_sub(before), reserved: 0 }
            };
            if !self.rows.fits(old.row, line.period.number, change) {
                return Err(Error::overflow(&line.account.to_string()));
            }
            changes.push(KeptLine { row: old.row, period: line.period.number, change });
            places.push(old.row);
        }
        let state = State::Charged(command.rank);
        if held {
            self.end(place, state, command.amounts);
        } else {
            // It keeps its turn among the remembered: an ended id is in one queue only.
            self.holds.set_amounts(place, command.amounts);
            self.holds.get_mut(place).state = state;
        }
        let kind = if unheld { EntryKind::Unheld(command.rank) } else { EntryKind::Reconciled(command.rank) };
        Ok(self.charged(kind, command, &places, &changes, news))
    }

    /// Posts a charge, reports the levels it reached, and answers with the balances after it.
    #[inline]
    fn charged(
        &mut self,
        kind: EntryKind,
        command: &Reconcile<'_>,
        places: &Places,
        changes: &KeptLines,
        mut news: Option<Box<News>>,
    ) -> Reply {
        for line in changes {
            self.rows.apply(line.row, line.period, line.change);
        }
        self.write(
            &NewEntry { at: self.now, id: command.id, kind, note: command.note, signature: None },
            changes,
        );
        self.cross(&mut news, command.id, command.claim, places);
        let balances = self.balances_of(command.claim, places);
        for line in changes {
            self.rows.close(line.row, line.period);
        }
        let unheld = matches!(kind, EntryKind::Unheld(_));
        Reply { unheld, ..self.reply(Outcome::Applied, balances, news) }
    }

    /// The same report again is answered again; another of the same rank is a conflict, a lesser one ignored.
    fn charge_again(
        &self,
        place: u32,
        rank: Rank,
        command: &Reconcile<'_>,
        news: Option<Box<News>>,
    ) -> Result<Reply, Error> {
        let lines = self.matching_lines(place, command.claim, command.id)?;
        let same = lines.iter().map(|line| line.amount).eq(command.amounts.iter().copied());
        if command.rank == rank && !same {
            let first: Vec<i64> = lines.iter().map(|line| line.amount).collect();
            return Err(conflict(command.id, &format!("already reconciled with {first:?}")));
        }
        let places: Places = lines.iter().map(|line| line.row).collect();
        let outcome = if command.rank == rank { Outcome::Applied } else { Outcome::Ignored };
        let balances = self.balances_of(command.claim, &places);
        let unheld = self.holds.get(place).unheld;
        Ok(Reply { repeated: command.rank == rank, unheld, ..self.reply(outcome, balances, news) })
    }

    /// Records usage that no hold stood for: in full, once.
    fn charge_unheld(&mut self, command: &Reconcile<'_>, news: Option<Box<News>>) -> Result<Reply, Error> {
        self.check_fits(command.claim, command.amounts)?;
        let places = self.make_places(command.claim)?;
        let changes = new_changes(command.claim, &places, command.amounts);
        // A refused or tombstoned id becomes a charged one.
        self.holds.supersede(command.id);
        let state = State::Charged(command.rank);
        let place = self.insert_ended(command.id, state, command.claim, command.amounts, &places)?;
        self.remember(place);
        Ok(self.charged(EntryKind::Unheld(command.rank), command, &places, &changes, news))
    }

    /// Looks for sums that do not fit, before any row is made.
    fn check_fits(&self, claim: &Claim, amounts: &[i64]) -> Result<(), Error> {
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
    fn insert_ended(
        &mut self,
        id: ReservationId,
        state: State,
        claim: &Claim,
        amounts: &[i64],
        places: &Places,
    ) -> Result<u32, Error> {
        let all = claim.lines().iter().zip(amounts).zip(places);
        let lines: HoldLines = all
            .map(|((line, amount), place)| HoldLine {
                row: *place,
                period: line.period.number as u32,
                amount: *amount,
            })
            .collect();
        let fingerprint = fingerprint(claim, amounts);
        let new = NewHold { id, state, fingerprint, lines: &lines, unheld: true };
        let place = self.holds.insert(&new).ok_or_else(|| Error::overflow("holds"))?;
        for line in &lines {
            let row = self.rows.get_mut(line.row);
            row.references = row.references.saturating_add(1);
        }
        Ok(place)
    }

    pub(super) fn release(&mut self, now: Timestamp, command: &Release<'_>) -> Result<Reply, Error> {
        let news = self.tick(now);
        let Some(place) = self.holds.find(command.id) else {
            self.check_age(command.id)?;
            self.bury(command.id)?;
            return Ok(self.reply(Outcome::Applied, super::book::Balances::new(), news));
        };
        let state = self.holds.get(place).state;
        let withdraw = match state {
            State::Held => false,
            State::Charged(rank) if rank < Rank::Reported => true,
            State::Released | State::Tombstone => {
                let reply = self.reply(Outcome::Applied, super::book::Balances::new(), news);
                return Ok(Reply { repeated: true, ..reply });
            }
            State::Charged(_) | State::Refused | State::Recorded => {
                return Err(ended(command.id, state_text(state)));
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
        let zeros: Places = lines.iter().map(|_| 0).collect();
        let zeros: smallvec::SmallVec<[i64; 8]> = zeros.iter().map(|zero| i64::from(*zero)).collect();
        if withdraw {
            self.holds.set_amounts(place, &zeros);
            self.holds.get_mut(place).state = State::Released;
        } else {
            self.end(place, State::Released, &zeros);
        }
        for line in &changes {
            self.rows.apply(line.row, line.period, line.change);
        }
        let balances = changes.iter().map(|line| self.rows.balance(line.row, line.period)).collect();
        for line in &changes {
            self.rows.close(line.row, line.period);
        }
        let entry = NewEntry {
            at: self.now,
            id: command.id,
            kind: EntryKind::Released,
            note: command.note,
            signature: command.signature,
        };
        self.write(&entry, &changes);
        Ok(self.reply(Outcome::Applied, balances, news))
    }

    /// Leaves a tombstone, so that a reserve still on its way cannot come alive.
    fn bury(&mut self, id: ReservationId) -> Result<(), Error> {
        self.holds.forget_tombstones(self.now);
        let new = NewHold { id, state: State::Tombstone, fingerprint: 0, lines: &[], unheld: false };
        let place = self.holds.insert(&new).ok_or_else(|| Error::overflow("holds"))?;
        self.holds.get_mut(place).expires_at = self.now + self.options.id_age_max;
        self.remember(place);
        Ok(())
    }

    pub(super) fn record(&mut self, now: Timestamp, command: &Record<'_>) -> Result<Reply, Error> {
        let mut news = self.tick(now);
        check_shape(command.claim, command.amounts)?;
        if let Some(place) = self.holds.find(command.id) {
            return self.record_again(place, command, news);
        }
        self.check_age(command.id)?;
        self.check_refund(command)?;
        self.check_fits(command.claim, command.amounts)?;
        let places = self.make_places(command.claim)?;
        let changes = new_changes(command.claim, &places, command.amounts);
        self.take_refund(command);
        let place =
            self.insert_ended(command.id, State::Recorded, command.claim, command.amounts, &places)?;
        self.remember(place);
        for line in &changes {
            self.rows.apply(line.row, line.period, line.change);
        }
        let entry = NewEntry {
            at: self.now,
            id: command.id,
            kind: EntryKind::Recorded,
            note: command.note,
            signature: Some(command.signature),
        };
        self.write(&entry, &changes);
        self.cross(&mut news, command.id, command.claim, &places);
        let balances = self.balances_of(command.claim, &places);
        Ok(self.reply(Outcome::Applied, balances, news))
    }

    fn record_again(
        &self,
        place: u32,
        command: &Record<'_>,
        news: Option<Box<News>>,
    ) -> Result<Reply, Error> {
        let hold = self.holds.get(place);
        if hold.state != State::Recorded || hold.fingerprint != fingerprint(command.claim, command.amounts) {
            return Err(conflict(command.id, "came before with another body"));
        }
        let balances = self.balances_of(command.claim, &self.places(command.claim));
        Ok(Reply { repeated: true, ..self.reply(Outcome::Applied, balances, news) })
    }

    /// A refund names its charge and takes back at most what is left of it.
    fn check_refund(&self, command: &Record<'_>) -> Result<(), Error> {
        let Some((line, amount)) =
            command.claim.lines().iter().zip(command.amounts).find(|(_, amount)| **amount < 0)
        else {
            return Ok(());
        };
        let id = command.corrects.ok_or_else(|| negative(&line.account, *amount))?;
        let place =
            self.holds.find(id).ok_or_else(|| ended(id, "is not remembered, so it cannot be refunded"))?;
        let State::Charged(_) = self.holds.get(place).state else {
            return Err(ended(id, state_text(self.holds.get(place).state)));
        };
        let lines = self.matching_lines(place, command.claim, id)?;
        for (at, (charged, amount)) in lines.iter().zip(command.amounts).enumerate() {
            let left = left_of(charged.amount, self.holds.refunded(place, at));
            if amount.saturating_neg() > left {
                let text = format!(
                    "a refund of {} exceeds the {left} left of the charge {id}",
                    amount.saturating_neg()
                );
                return Err(Error::invalid("amounts", text));
            }
        }
        Ok(())
    }

    fn take_refund(&mut self, command: &Record<'_>) {
        let Some(id) = command.corrects else { return };
        let Some(place) = self.holds.find(id) else { return };
        // A correction on other lines, or of what is no charge, leaves what can be refunded as it is.
        let charged = matches!(self.holds.get(place).state, State::Charged(_));
        if !charged || self.matching_lines(place, command.claim, id).is_err() {
            return;
        }
        let refunded =
            self.holds.refunded.entry(place).or_insert_with(|| vec![0; command.amounts.len()].into());
        for (sum, amount) in refunded.iter_mut().zip(command.amounts) {
            *sum = sum.saturating_sub(*amount).max(0);
        }
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
            && lines.iter().zip(claim.lines()).all(|(held, line)| {
                held.period == line.period.number as u32
                    && self.rows.get(held.row).account.same(&line.account)
            });
        if same { Ok(lines) } else { Err(conflict(id, "was held on other lines")) }
    }
}

fn new_changes(claim: &Claim, places: &Places, amounts: &[i64]) -> KeptLines {
    let all = claim.lines().iter().zip(places).zip(amounts);
    all.map(|((line, place), amount)| {
        let change = Change { spent: *amount, reserved: 0 };
        KeptLine { row: *place, period: line.period.number, change }
    })
    .collect()
}

/// What is left of a charge after its refunds; a surer figure may be below them.
fn left_of(charged: i64, refunded: i64) -> i64 {
    charged.saturating_sub(refunded).max(0)
}
