//! What changed lately? A ring that names records; what a record cannot tell has an entry of its own.
//!
//! A journal without an end would fill the memory, and one that simply forgot could not be checked. So an entry that
//! makes way for a newer one is *folded* in the end: what was spent is added to each row's `folded`. For what an own entry
//! tells that is when it leaves; for what a record tells it is when the record goes. At any time
//!
//! ```text
//! row.folded + (what records and own entries tell to be spent on the row) == what was ever spent on it
//! ```
//!
//! Worked example, a journal of three entries that all are charges of their own, of 5, 7 and 2: folded 0, told 5 + 7 + 2. A
//! charge of 1 takes the place of the first: folded 5, told 7 + 2 + 1.

use std::collections::VecDeque;

use super::call::NONE;
use super::ring::Circle;
use super::row::ChangedLine;
use crate::ledger::{Attribution, Certainty, EntryKind, Note};
use crate::values::{ReservationId, Timestamp};

/// The newest entries of one tenant, numbered without gaps.
#[derive(Debug)]
pub(super) struct Journal {
    ring: Circle<Told>,
    /// The entries that the ring does not find in records, in its order.
    own: VecDeque<Box<OwnEntry>>,
    /// The number of the entry that is written next.
    next: u64,
}

/// One entry of the ring: sixteen bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Told {
    pub(super) at: Timestamp,
    /// Which record tells the rest.
    pub(super) record: u32,
    pub(super) kind: ToldKind,
}

/// What an entry of the ring is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ToldKind {
    /// The record's hold.
    Reserved,
    /// The record's charge.
    Reconciled(Certainty),
    /// The next of the own entries; it names no record.
    Own,
}

/// An entry that no record can tell.
#[derive(Clone, Debug)]
pub(super) struct OwnEntry {
    pub(super) id: ReservationId,
    pub(super) kind: EntryKind,
    pub(super) lines: Box<[ChangedLine]>,
    pub(super) note: Note,
    pub(super) attribution: Option<Attribution>,
}

impl Journal {
    /// An empty journal that keeps so many entries, but at least one.
    pub(super) fn new(most: usize) -> Self {
        Self { ring: Circle::new(most.max(1)), own: VecDeque::new(), next: 1 }
    }

    /// Whether nothing was ever written.
    pub(super) fn is_new(&self) -> bool {
        self.next == 1
    }

    /// Writes an entry that a record tells; hands back the entry that leaves for it.
    #[inline]
    pub(super) fn write(&mut self, told: Told) -> Option<Told> {
        self.next = self.next.wrapping_add(1);
        self.ring.push(told)
    }

    /// The same for an entry of its own.
    pub(super) fn write_own(&mut self, at: Timestamp, entry: Box<OwnEntry>) -> Option<Told> {
        self.own.push_back(entry);
        self.write(Told { at, record: NONE, kind: ToldKind::Own })
    }

    /// The oldest of the own entries, whose place in the ring was handed back.
    pub(super) fn pop_own(&mut self) -> Option<Box<OwnEntry>> {
        self.own.pop_front()
    }

    /// The entries kept, oldest first, with their numbers; an own entry beside each that is one.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, Told, Option<&OwnEntry>)> {
        let first = self.next.saturating_sub(self.ring.len() as u64);
        let mut own = self.own.iter();
        self.ring.iter().zip(first..).map(move |(told, sequence)| {
            let entry = if told.kind == ToldKind::Own { own.next() } else { None };
            (sequence, told, entry.map(|entry| &**entry))
        })
    }
}
