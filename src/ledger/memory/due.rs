//! Which open hold ends next?
//!
//! Most holds live equally long, so they are due in the order in which they came: a queue has them, and an ended one leaves
//! a gap there that goes when it comes to the front. What is due earlier than the queue's last goes into a heap instead.
//! One hold that lives for a day would send all others there, so a newcomer rather moves what stands last, if that
//! is later: the unusual hold ends up in the heap, and the usual ones in the queue.
//!
//! Worked example: holds are due at 5, 6 and 900 (seconds), then one at 7. The 900 moves to the heap, and the queue is 5, 6, 7.
//!
//! Ties are broken by id, so that what is due ends in one order everywhere.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::call::NONE;
use super::ring::Ring;
use crate::values::Timestamp;

/// All open holds, by when they end.
#[derive(Debug)]
pub(super) struct Dues {
    queue: Ring<Due>,
    /// What ended since is still in it: `live` says how many are not.
    heap: BinaryHeap<Reverse<InHeap>>,
    live: usize,
    /// No hold is due before this, and nobody looks round for what is idle.
    pub(super) next: Timestamp,
    /// When somebody next looks round for what is idle.
    pub(super) look_at: Timestamp,
}

/// A hold in the queue, or a gap.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Due {
    pub(super) at: Timestamp,
    pub(super) place: u32,
}

/// A hold in the heap; its id says whether the place is still its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct InHeap {
    pub(super) at: Timestamp,
    pub(super) id: [u64; 2],
    pub(super) place: u32,
}

impl Dues {
    pub(super) fn new() -> Self {
        let (queue, heap) = (Ring::default(), BinaryHeap::new());
        // The first command looks round, and finds nothing; from then on it is known when it was.
        Self { queue, heap, live: 0, next: Timestamp::MIN, look_at: Timestamp::MIN }
    }

    /// Adds what is due after all others in the queue, and says its count; `None` where it is not.
    #[inline]
    pub(super) fn push(&mut self, due: Due) -> Option<u32> {
        if self.queue.last().is_some_and(|last| last.at >= due.at) {
            return None;
        }
        Some(self.push_last(due))
    }

    /// The same where the caller knows that it is.
    #[inline]
    pub(super) fn push_last(&mut self, due: Due) -> u32 {
        self.next = self.next.min(due.at);
        self.queue.push(due)
    }

    pub(super) fn push_aside(&mut self, due: InHeap) {
        self.next = self.next.min(due.at);
        self.live = self.live.saturating_add(1);
        self.heap.push(Reverse(due));
    }

    /// What stands last in the queue, gaps left out.
    pub(super) fn last(&mut self) -> Option<Due> {
        while self.queue.last().is_some_and(|last| last.place == NONE) {
            self.queue.pop_last();
        }
        self.queue.last()
    }

    /// Takes out what stands last in the queue.
    pub(super) fn pop_last(&mut self) {
        self.queue.pop_last();
    }

    /// Leaves a gap in the queue.
    #[inline]
    pub(super) fn remove(&mut self, count: u32) {
        if let Some(due) = self.queue.slot(count) {
            due.place = NONE;
        }
        if count == self.queue.head() {
            self.close_gaps();
        }
    }

    #[inline]
    fn close_gaps(&mut self) {
        while self.queue.first().is_some_and(|first| first.place == NONE) {
            self.queue.pop();
        }
    }

    /// One hold of the heap has ended; what ended is swept out once it is more than half.
    pub(super) fn remove_aside(&mut self, is_live: impl Fn(&InHeap) -> bool) {
        self.live = self.live.saturating_sub(1);
        if self.heap.len() > self.live.saturating_mul(2).saturating_add(64) {
            self.heap.retain(|due| is_live(&due.0));
        }
    }

    /// What is first in the queue.
    pub(super) fn first(&mut self) -> Option<Due> {
        self.close_gaps();
        self.queue.first()
    }

    /// What is first in the heap and has not ended.
    pub(super) fn first_aside(&mut self, is_live: impl Fn(&InHeap) -> bool) -> Option<InHeap> {
        while self.heap.peek().is_some_and(|due| !is_live(&due.0)) {
            self.heap.pop();
        }
        self.heap.peek().map(|due| due.0)
    }

    /// How many holds are open.
    pub(super) fn open(&self) -> usize {
        let queued = self.queue.iter().filter(|(_, due)| due.place != NONE).count();
        queued.saturating_add(self.live)
    }
}
