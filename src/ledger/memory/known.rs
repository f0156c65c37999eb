//! What became of an id, and how does it end?
//!
//! The slow paths speak of a call in values: [`Known`] is a copy of what its record says, with whole periods and what was
//! refunded. They write back by the methods here, and know nothing of records, queues and uses.

use std::sync::Arc;

use smallvec::SmallVec;

use super::book::{Places, TenantBook};
use super::call::{CallRecord, INLINE, NONE, RecordLine};
use super::index::Found;
use super::row::{Change, ChangedLine};
use crate::Error;
use crate::ledger::About;
use crate::ledger::rules::{State, left_of, other_lines};
use crate::values::claim::with_amount;
use crate::values::{Claim, ReservationId};

/// What is known of an id.
#[derive(Debug)]
pub(super) struct Known {
    /// Which record is its own.
    pub(super) place: u32,
    pub(super) state: State,
    pub(super) unheld: bool,
    pub(super) fingerprint: u32,
    pub(super) lines: KnownLines,
}

pub(super) type KnownLines = SmallVec<[KnownLine; 8]>;
pub(super) type Amounts = SmallVec<[i64; 8]>;

/// What is known of one line of a call.
#[derive(Clone, Copy, Debug)]
pub(super) struct KnownLine {
    pub(super) row: u32,
    pub(super) period: i64,
    /// While it lives what it holds, afterwards what it held.
    pub(super) held: i64,
    /// What it is charged.
    pub(super) charged: i64,
    /// What was given back of that.
    pub(super) refunded: i64,
}

/// A call that is to be kept, with the rows of its lines.
#[derive(Debug)]
pub(super) struct NewCall<'a> {
    pub(super) id: ReservationId,
    pub(super) state: State,
    pub(super) claim: &'a Claim,
    pub(super) amounts: &'a [i64],
    pub(super) places: &'a Places,
    pub(super) about: Option<&'a Arc<About>>,
}

/// A hash of what a command asks for, by which its repeat is told from another body.
///
/// It guards against mistakes, not attacks: one other body in four thousand million passes for the first. It takes lines
/// in the claim's order: the same lines in another order are another body.
pub(super) fn fingerprint(claim: &Claim, amounts: &[i64]) -> u32 {
    amounts.iter().fold(claim.hash, |sum, amount| with_amount(sum, *amount)) as u32
}

impl KnownLine {
    /// A change of this line.
    pub(super) fn changed(&self, change: Change) -> ChangedLine {
        ChangedLine { row: self.row, period: self.period, change }
    }

    /// What is left of the charge after what was given back.
    pub(super) fn left(&self) -> i64 {
        left_of(self.charged, self.refunded)
    }
}

impl Known {
    /// What its lines hold, or were charged.
    pub(super) fn amounts(&self) -> Vec<i64> {
        let is_held = self.state == State::Held;
        self.lines.iter().map(|line| if is_held { line.held } else { line.charged }).collect()
    }

    pub(super) fn places(&self) -> Places {
        self.lines.iter().map(|line| line.row).collect()
    }
}

impl TenantBook {
    /// What is known of that id. A refusal that has had its minute is known no more, nor a tombstone that has had its hour.
    pub(super) fn known(&mut self, id: ReservationId) -> Option<Known> {
        let Found::At(place) = self.calls.find(&self.calls.key(id)) else { return None };
        let record = self.calls.get(place);
        let is_over = match record.state {
            State::Refused => record.expires_at() <= self.now,
            State::Tombstone => record.expires_at() < self.now,
            _ => false,
        };
        if is_over {
            self.calls.unname(place);
            return None;
        }
        let (state, unheld, fingerprint) = (record.state, record.unheld, record.fingerprint);
        Some(Known { place, state, unheld, fingerprint, lines: self.known_lines(place) })
    }

    pub(super) fn known_lines(&self, place: u32) -> KnownLines {
        let aside = self.calls.get(place).aside.as_deref();
        let refunded = aside.and_then(|aside| aside.refunded.as_deref()).unwrap_or_default();
        let lines = self.lines(place).into_iter().enumerate();
        let known = |(at, line): (usize, RecordLine)| KnownLine {
            row: line.row,
            period: self.period_of(&line),
            held: line.held,
            charged: line.charged,
            refunded: refunded.get(at).copied().unwrap_or(0),
        };
        lines.map(known).collect()
    }

    /// The period of a line, of which a record keeps the lower 32 bits.
    ///
    /// It is at most the row's newest, so the distance back is the difference of both lower halves, which wraps rightly.
    /// With a newest period of 2³² + 2 and a line's 1, that distance is 2 − 1 = 1, so the line's period is 2³² + 1.
    fn period_of(&self, line: &RecordLine) -> i64 {
        let newest = self.rows.get(line.row).period;
        newest.saturating_sub(i64::from((newest as u32).wrapping_sub(line.period)))
    }

    /// The lines of a record and of those that it is continued in.
    pub(super) fn lines(&self, place: u32) -> SmallVec<[RecordLine; 8]> {
        let mut left = usize::from(self.calls.get(place).len);
        let mut lines = SmallVec::new();
        let mut part = place;
        while part != NONE {
            let record = self.calls.get(part);
            lines.extend(record.lines.iter().take(left).copied());
            left = left.saturating_sub(INLINE);
            part = record.more;
        }
        lines
    }

    /// Changes each line of a record.
    pub(super) fn change_lines(&mut self, place: u32, mut change: impl FnMut(usize, &mut RecordLine)) {
        let len = usize::from(self.calls.get(place).len);
        let mut part = place;
        for at in 0..len {
            let record = self.calls.get_mut(part);
            if let Some(line) = record.lines.get_mut(at % INLINE) {
                change(at, line);
            }
            if at % INLINE == INLINE.saturating_sub(1) {
                part = record.more;
            }
        }
    }

    /// What the entry of the ring that names this record tells to have been charged, by line.
    pub(super) fn told_charges(&self, place: u32) -> Amounts {
        let record = self.calls.get(place);
        match record.aside.as_deref().and_then(|aside| aside.told.as_deref()) {
            Some(told) => told.iter().copied().collect(),
            None if record.tells => self.lines(place).iter().map(|line| line.charged).collect(),
            None => self.lines(place).iter().map(|_| 0).collect(),
        }
    }

    /// The claim's lines as they are known, if they are the known ones.
    pub(super) fn check_lines(&self, known: &Known, claim: &Claim, id: ReservationId) -> Result<(), Error> {
        let same = known.lines.len() == claim.lines.len()
            && known.lines.iter().zip(&claim.lines).all(|(known, line)| {
                known.period == line.period.number && self.rows.find(&line.account) == known.row
            });
        if same { Ok(()) } else { Err(other_lines(id)) }
    }

    /// Keeps a call whose id is unknown: as a hold of its amounts, else charged with them.
    pub(super) fn keep(&mut self, call: &NewCall<'_>) -> Result<u32, Error> {
        let NewCall { id, state, claim, amounts, places, about } = *call;
        let place = self.calls.draft(claim.lines.len()).ok_or_else(no_place)?;
        let is_held = state == State::Held;
        let record = self.enter(place, id, state);
        record.len = u8::try_from(claim.lines.len()).unwrap_or(u8::MAX);
        record.fingerprint = fingerprint(claim, amounts);
        record.unheld = !is_held;
        record.about = about.cloned();
        let lines = claim.lines.iter().zip(places).zip(amounts);
        let lines: SmallVec<[RecordLine; 8]> = lines
            .map(|((line, row), amount)| RecordLine {
                row: *row,
                period: line.period.number as u32,
                held: if is_held { *amount } else { 0 },
                charged: if is_held { 0 } else { *amount },
            })
            .collect();
        self.change_lines(place, |at, line| *line = lines.get(at).copied().unwrap_or_default());
        for line in &lines {
            self.rows.name(line.row);
        }
        Ok(place)
    }

    /// Keeps an id without lines: it was refused, or released before it was seen.
    pub(super) fn keep_empty(&mut self, id: ReservationId, state: State) -> Result<u32, Error> {
        let place = self.calls.draft(0).ok_or_else(no_place)?;
        self.enter(place, id, state).len = 0;
        Ok(place)
    }

    /// Lets the id find that record. What it found before, a refusal or a tombstone, is found no more.
    fn enter(&mut self, place: u32, id: ReservationId, state: State) -> &mut CallRecord {
        let key = self.calls.key(id);
        let slot = loop {
            match self.calls.find(&key) {
                Found::Free(slot) => break slot,
                Found::At(before) => self.calls.unname(before),
            }
        };
        let record = self.calls.name(place, &key, slot);
        record.state = state;
        record
    }

    /// Notes what the call is charged by now, and keeps what the ring tells of it.
    pub(super) fn set_charges(&mut self, place: u32, charges: &[i64]) {
        let told = self.told_charges(place);
        let record = self.calls.get_mut(place);
        if record.tells && record.aside.as_ref().is_none_or(|aside| aside.told.is_none()) {
            record.aside().told = Some(told.as_slice().into());
        }
        self.change_lines(place, |at, line| line.charged = charges.get(at).copied().unwrap_or(0));
    }

    /// Ends an open hold: charged these amounts, and remembered.
    pub(super) fn end(&mut self, place: u32, state: State, charges: &[i64]) {
        self.change_lines(place, |at, line| line.charged = charges.get(at).copied().unwrap_or(0));
        self.unschedule(place);
        self.calls.get_mut(place).drop_expiry_amounts();
        self.calls.get_mut(place).state = state;
        self.remember(place);
    }
}

/// Four thousand million calls are known.
#[cold]
pub(super) fn no_place() -> Error {
    Error::overflow("holds")
}
