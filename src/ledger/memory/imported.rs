//! Which imported rows are remembered, and until when?
//!
//! A row waits apart from what ended, by the instant until which it is remembered: neither the number of rows nor the age of ids makes one
//! go. With each new row up to two old ones go, and some more each time that a command looks round. A tenant keeps its books as long as
//! it has a row.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::values::Timestamp;

/// Places of rows, each once, those first that go first.
#[derive(Debug, Default)]
pub(super) struct Imported(BinaryHeap<Reverse<(Timestamp, u32)>>);

impl Imported {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn push(&mut self, place: u32, until: Timestamp) {
        self.0.push(Reverse((until, place)));
    }

    /// A row whose time was over by that instant, taken out.
    pub(super) fn next_over(&mut self, now: Timestamp) -> Option<u32> {
        let Reverse((until, place)) = *self.0.peek()?;
        if until > now {
            return None;
        }
        self.0.pop();
        Some(place)
    }
}
