//! Which open hold is due next?
//!
//! A heap in an array: no hold stands below one that is due later, so the first is due next. The children of place
//! n stand at 4n + 1 to 4n + 4, its parent at (n − 1) / 4. Four children in place of two halve the levels: a thousand
//! holds are six levels (1 + 4 + 16 + 64 + 256 hold 341), where a binary heap has ten.
//!
//! Most holds end long before they are due, somewhere in the middle. So each hold remembers its place in the heap
//! (`heap_place`), `put` keeps that true, and taking a hold out needs no search. Its gap is filled by the last
//! of the heap, which sinks below what is due sooner, or rises, as it may belong on either side.

use super::{Due, Holds, NONE};
use crate::values::Timestamp;

/// The heap of open holds, by when they end.
impl Holds {
    /// The hold that ends first, and when.
    #[inline]
    pub(in crate::ledger::memory) fn next_due(&self) -> Option<(u32, Timestamp)> {
        self.heap.first().map(|due| (due.place, due.at))
    }

    /// Lets the hold end by itself at that instant.
    #[inline]
    pub(in crate::ledger::memory) fn schedule(&mut self, place: u32, at: Timestamp) {
        let due = Due { at, place };
        let end = self.heap.len();
        self.heap.push(due);
        self.rise(end, due);
    }

    /// Takes a hold out of the heap: it ended, or its end moves.
    #[inline]
    pub(in crate::ledger::memory) fn unschedule(&mut self, place: u32) {
        let at = self.holds.get(place).heap_place as usize;
        let Some(last) = self.heap.pop() else { return };
        if last.place != place {
            self.sink(at, last);
        }
    }

    /// Ties are broken by id, so that what is due ends in one order everywhere.
    #[inline]
    fn is_before(&self, left: &Due, right: &Due) -> bool {
        left.at < right.at
            || (left.at == right.at && self.holds.get(left.place).id < self.holds.get(right.place).id)
    }

    /// Writes a hold into a place of the heap, and the place into the hold.
    #[inline]
    fn put(&mut self, at: usize, due: Due) {
        if let Some(slot) = self.heap.get_mut(at) {
            *slot = due;
        }
        self.holds.get_mut(due.place).heap_place = u32::try_from(at).unwrap_or(NONE);
    }

    /// Moves `due` up from `at`, past parents that end later, and puts it where none does.
    #[inline]
    fn rise(&mut self, mut at: usize, due: Due) {
        while at > 0 {
            let parent_at = at.saturating_sub(1) / 4;
            let Some(parent) = self.heap.get(parent_at).copied() else { break };
            if !self.is_before(&due, &parent) {
                break;
            }
            self.put(at, parent);
            at = parent_at;
        }
        self.put(at, due);
    }

    /// Fills the gap at `at` with `due`: children that end sooner move up into it first.
    fn sink(&mut self, mut at: usize, due: Due) {
        while let Some((child_at, child)) =
            self.first_child(at).filter(|child| self.is_before(&child.1, &due))
        {
            self.put(at, child);
            at = child_at;
        }
        // It may end sooner than what stands above the gap.
        self.rise(at, due);
    }

    /// The child of `at` that ends first, and its place.
    fn first_child(&self, at: usize) -> Option<(usize, Due)> {
        let first = at.saturating_mul(4).saturating_add(1);
        let children = self.heap.iter().copied().enumerate().skip(first).take(4);
        children.reduce(|best, child| if self.is_before(&child.1, &best.1) { child } else { best })
    }
}
