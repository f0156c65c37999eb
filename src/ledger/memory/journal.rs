//! What changed lately? A ring of entries; the oldest are folded into totals.
//!
//! A journal without an end would fill the memory, and one that simply forgot could not be checked. So an entry that
//! makes way for a newer one is *folded*: what it spent is added to each row's `folded`. At any time
//!
//! ```text
//! row.folded + (what the kept entries spent on the row) == row.total
//! ```
//!
//! Worked example, a journal of three entries. Charges of 5, 7 and 2 fill it: folded 0, kept 5 + 7 + 2, total 14. A charge
//! of 1 takes the place of the first: folded 5, kept 7 + 2 + 1, total 15.
//!
//! Entries and their lines are two rings that turn together: an entry knows how many lines it has, and lines leave in
//! the order in which they came. So entries have one size, and no entry owns a list.

use std::sync::Arc;

use super::row::KeptLine;
use super::rows::Rows;
use crate::ledger::{Attribution, EntryKind, Note};
use crate::values::{ReservationId, Timestamp};

/// An entry as it is kept: its lines stand in a queue of their own, in the same order as the entries.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) at: Timestamp,
    pub(super) id: ReservationId,
    pub(super) kind: EntryKind,
    /// How many of the journal's lines are its own.
    lines: u8,
    pub(super) note: Note,
    pub(super) attribution: Option<Box<Attribution>>,
}

/// The newest entries of one root, numbered without gaps.
#[derive(Debug)]
pub(super) struct Journal {
    /// Grows to `most`, and is written round and round from then on.
    ring: Vec<Kept>,
    /// Where in the ring the oldest entry stands.
    oldest: usize,
    lines: Lines,
    /// Lines that were added since the last entry was written.
    fresh: u8,
    /// The number of the entry that is written next.
    next: u64,
    /// How many entries are kept.
    most: usize,
}

/// What is written into the journal.
#[derive(Debug)]
pub(super) struct NewEntry<'a> {
    pub(super) at: Timestamp,
    pub(super) id: ReservationId,
    pub(super) kind: EntryKind,
    pub(super) note: &'a Note,
    pub(super) attribution: Option<&'a Attribution>,
}

impl Journal {
    /// An empty journal that keeps so many entries, but at least one.
    pub(super) fn new(most: usize) -> Self {
        Self { ring: Vec::new(), oldest: 0, lines: Lines::default(), fresh: 0, next: 1, most: most.max(1) }
    }

    /// The number of the entry that is written next.
    #[inline]
    pub(super) fn next(&self) -> u64 {
        self.next
    }

    /// The number of the oldest entry kept.
    pub(super) fn first(&self) -> u64 {
        self.next.saturating_sub(self.ring.len() as u64)
    }

    /// Adds a line to the entry that is written next.
    #[inline]
    pub(super) fn add(&mut self, line: KeptLine) {
        self.lines.push(line);
        // A claim has at most 255 lines.
        self.fresh = self.fresh.saturating_add(1);
    }

    /// Writes the entry that the lines just added belong to; folds the oldest into the rows' totals.
    #[inline]
    pub(super) fn write(&mut self, entry: &NewEntry<'_>, rows: &mut Rows) {
        let lines = std::mem::take(&mut self.fresh);
        self.next = self.next.saturating_add(1);
        if self.ring.len() < self.most {
            self.ring.push(kept(entry, lines));
            return;
        }
        let Some(slot) = self.ring.get_mut(self.oldest) else { return };
        if matches!(slot.kind, EntryKind::Reserved | EntryKind::Resized) {
            // A hold spends nothing, so there is nothing to fold, and its rows need not be fetched.
            self.lines.skip(slot.lines);
        } else {
            for _ in 0..slot.lines {
                let line = self.lines.pop();
                rows.fold(line.row, line.change.spent);
            }
        }
        slot.overwrite(entry, lines);
        let after = self.oldest.saturating_add(1);
        self.oldest = if after == self.most { 0 } else { after };
    }

    /// The entries kept, oldest first, with their numbers and lines.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, &Kept, impl Iterator<Item = &KeptLine>)> {
        let (newer, older) = self.ring.split_at_checked(self.oldest).unwrap_or_default();
        let mut start = self.lines.head;
        let mut sequence = self.first();
        older.iter().chain(newer).map(move |kept| {
            let lines = self.lines.iter(start, u32::from(kept.lines));
            let numbered = sequence;
            start = start.wrapping_add(u32::from(kept.lines));
            sequence = sequence.saturating_add(1);
            (numbered, kept, lines)
        })
    }
}

/// A queue in a ring that doubles when it is full: two counters that only grow, and a mask.
///
/// With 64 places, head 62 and tail 65, the queue has three lines, at 62, 63 and 65 & 63 − 1 = 0. Counters may wrap at 2³²,
/// since only their difference and their lower bits count.
#[derive(Debug, Default)]
struct Lines {
    ring: Vec<KeptLine>,
    /// Counts what was taken out; wraps.
    head: u32,
    /// Counts what was put in; wraps.
    tail: u32,
}

impl Lines {
    #[inline]
    fn push(&mut self, line: KeptLine) {
        if self.tail.wrapping_sub(self.head) as usize == self.ring.len() {
            self.grow();
        }
        let at = self.at(self.tail);
        if let Some(slot) = self.ring.get_mut(at) {
            *slot = line;
        }
        self.tail = self.tail.wrapping_add(1);
    }

    /// Doubles the ring, with its oldest line first.
    #[cold]
    fn grow(&mut self) {
        let lines: Vec<_> = self.iter(self.head, self.tail.wrapping_sub(self.head)).copied().collect();
        let len = lines.len();
        self.ring = lines;
        self.ring.resize(len.saturating_mul(2).max(64), KeptLine::default());
        (self.head, self.tail) = (0, len as u32);
    }

    /// The oldest line. The caller knows that there is one.
    #[inline]
    fn pop(&mut self) -> KeptLine {
        let line = self.ring.get(self.at(self.head)).copied().unwrap_or_default();
        self.skip(1);
        line
    }

    #[inline]
    fn skip(&mut self, lines: u8) {
        self.head = self.head.wrapping_add(u32::from(lines));
    }

    /// The length is a power of two.
    #[inline]
    fn at(&self, count: u32) -> usize {
        count as usize & self.ring.len().wrapping_sub(1)
    }

    fn iter(&self, start: u32, lines: u32) -> impl Iterator<Item = &KeptLine> {
        (0..lines).filter_map(move |line| self.ring.get(self.at(start.wrapping_add(line))))
    }
}

fn kept(entry: &NewEntry<'_>, lines: u8) -> Kept {
    Kept {
        at: entry.at,
        id: entry.id,
        kind: entry.kind,
        lines,
        note: entry.note.clone(),
        attribution: entry.attribution.cloned().map(Box::new),
    }
}

impl Kept {
    /// Becomes another entry. Field by field, since a whole one would be built elsewhere and copied.
    #[inline]
    fn overwrite(&mut self, entry: &NewEntry<'_>, lines: u8) {
        (self.at, self.id, self.kind, self.lines) = (entry.at, entry.id, entry.kind, lines);
        // Calls of one charge set share what is known about them: most often it stands here already,
        // and its count, which other threads may be changing, is left alone.
        if self.note.about.as_ref().map(Arc::as_ptr) != entry.note.about.as_ref().map(Arc::as_ptr) {
            self.note.about.clone_from(&entry.note.about);
        }
        (self.note.usage, self.note.ended) = (entry.note.usage, entry.note.ended);
        if self.attribution.is_some() || entry.attribution.is_some() {
            self.attribution = entry.attribution.cloned().map(Box::new);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::row::Change;
    use super::*;
    use crate::ledger::About;

    #[test]
    fn the_ring_keeps_the_newest_entries_with_their_own_lines() {
        let mut rows = Rows::default();
        let mut journal = Journal::new(3);
        let note = Note::default();
        for number in 1..=5_u8 {
            // Entry n has n lines; none spends, so that no row need exist.
            for _ in 0..number {
                journal.add(KeptLine { row: 0, period: i64::from(number), change: Change::default() });
            }
            let id = ReservationId::from_bits(u128::from(number));
            let at = Timestamp::EPOCH;
            journal.write(
                &NewEntry { at, id, kind: EntryKind::Reserved, note: &note, attribution: None },
                &mut rows,
            );
        }
        let kept: Vec<_> = journal
            .iter()
            .map(|(number, kept, lines)| {
                (number, kept.id.to_bits(), lines.map(|line| line.period).collect::<Vec<_>>())
            })
            .collect();
        assert_eq!(kept, [(3, 3, vec![3; 3]), (4, 4, vec![4; 4]), (5, 5, vec![5; 5])]);
        assert_eq!((journal.first(), journal.next()), (3, 6));
    }

    #[test]
    fn an_entry_written_over_another_keeps_nothing_of_it() {
        let mut rows = Rows::default();
        let mut journal = Journal::new(1);
        let about = |model: &str| Some(Arc::new(About { model: model.into(), ..About::default() }));
        let (small, large, ops) = (about("small"), about("large"), Attribution::new("ops", "an audit"));
        // Each field comes, stays, changes or goes.
        let said =
            [(&small, None), (&small, Some(&ops)), (&large, Some(&ops)), (&None, None), (&large, None)];
        for (about, attribution) in said {
            let note = Note { about: about.clone(), ..Note::default() };
            let (at, id) = (Timestamp::EPOCH, ReservationId::from_bits(1));
            journal
                .write(&NewEntry { at, id, kind: EntryKind::Recorded, note: &note, attribution }, &mut rows);
            let (_, kept, _) = journal.iter().next().expect("one entry");
            assert_eq!((&kept.note.about, kept.attribution.as_deref()), (about, attribution));
        }
    }
}
