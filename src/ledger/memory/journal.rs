//! What changed lately? A ring of entries; the oldest are folded into totals.

use std::collections::VecDeque;

use smallvec::SmallVec;

use super::rows::Change;
use crate::ledger::{EntryKind, Note, Signature};
use crate::{ReservationId, Timestamp};

/// An entry as it is kept: its lines stand in a queue of their own.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) at: Timestamp,
    pub(super) id: ReservationId,
    pub(super) kind: EntryKind,
    lines: u8,
    pub(super) note: Note,
    pub(super) signature: Option<Box<Signature>>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct KeptLine {
    pub(super) row: u32,
    pub(super) period: i64,
    pub(super) change: Change,
}

/// The newest entries of one root, numbered without gaps.
#[derive(Debug)]
pub(super) struct Journal {
    kept: VecDeque<Kept>,
    lines: VecDeque<KeptLine>,
    /// The number of the oldest entry kept.
    first: u64,
    most: usize,
}

/// What is written into the journal.
#[derive(Debug)]
pub(super) struct NewEntry<'a> {
    pub(super) at: Timestamp,
    pub(super) id: ReservationId,
    pub(super) kind: EntryKind,
    pub(super) note: &'a Note,
    pub(super) signature: Option<&'a Signature>,
}

impl Journal {
    pub(super) fn new(most: usize) -> Self {
        Self { kept: VecDeque::new(), lines: VecDeque::new(), first: 1, most }
    }

    /// Adds an entry; the caller counts each line as a reference to its row.
    #[inline]
    pub(super) fn push(&mut self, entry: &NewEntry<'_>, lines: &[KeptLine]) {
        self.lines.extend(lines);
        self.kept.push_back(Kept {
            at: entry.at,
            id: entry.id,
            kind: entry.kind,
            // A claim has at most 255 lines.
            lines: lines.len() as u8,
            note: entry.note.clone(),
            signature: entry.signature.map(|signature| Box::new(signature.clone())),
        });
    }

    /// Takes out the oldest entry's lines where more entries are kept than stated.
    #[inline]
    pub(super) fn fold(&mut self) -> Option<SmallVec<[KeptLine; 8]>> {
        if self.kept.len() <= self.most {
            return None;
        }
        let oldest = self.kept.pop_front()?;
        self.first = self.first.saturating_add(1);
        let lines = usize::from(oldest.lines).min(self.lines.len());
        Some(self.lines.drain(..lines).collect())
    }

    /// The entries kept, oldest first, with their numbers and lines.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, &Kept, impl Iterator<Item = &KeptLine>)> {
        let mut start = 0_usize;
        let mut sequence = self.first;
        self.kept.iter().map(move |kept| {
            let lines = self.lines.iter().skip(start).take(usize::from(kept.lines));
            let numbered = sequence;
            start = start.saturating_add(usize::from(kept.lines));
            sequence = sequence.saturating_add(1);
            (numbered, kept, lines)
        })
    }
}
