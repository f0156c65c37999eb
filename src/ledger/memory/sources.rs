//! Which rows of sources outside are remembered, and until when?
//!
//! They wait apart from what ended, by the instant until which they are remembered: neither their number nor the age of ids makes one
//! go. With each that comes two go whose time is over, so they are never more than were told in 400 days.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::values::Timestamp;

/// Places of rows, those first that go first.
#[derive(Debug, Default)]
pub(super) struct Sources(BinaryHeap<Reverse<(Timestamp, u32)>>);

impl Sources {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn push(&mut self, place: u32, until: Timestamp) {
        self.0.push(Reverse((until, place)));
    }

    /// A row whose time is over, taken out.
    pub(super) fn next_over(&mut self, now: Timestamp) -> Option<u32> {
        let Reverse((until, place)) = *self.0.peek()?;
        if until > now {
            return None;
        }
        self.0.pop();
        Some(place)
    }
}
