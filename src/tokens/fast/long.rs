//! How many tokens is a piece that is too long to be searched again after every merge?
//!
//! Byte-pair merging joins the pair of lowest rank, over and over. Looking at all pairs
//! after every merge costs the square of the piece: 1.6 billion looks for a run of 40,000
//! letters, and anybody may send one. A heap knows the lowest pair at once, so that a merge
//! costs a logarithm.
//!
//! The parts are a linked list over byte places: `next[at]` is where the part behind the
//! one at `at` begins, `before[at]` where the one before it does. `ranks[at]` is the rank
//! of the part at `at` joined with the next one. A merge changes two ranks, its own and
//! that of the part before.
//!
//! The heap is never searched for what a merge made untrue. Each new rank is pushed, and an
//! entry that comes up with another rank than `ranks` has at its place is passed over. That
//! is the invariant: `ranks` is the truth, and every true rank is in the heap.
//!
//! For example, the piece `abc` with the tokens `ab` (rank 5), `bc` (rank 3) and `abc`
//! (rank 9). The heap has (3, at 1) and (5, at 0). `bc` is joined; the part at 0 now pairs
//! to `abc`, and (9, at 0) is pushed. (5, at 0) comes up, but `ranks[0]` is 9: passed over.
//! (9, at 0) joins the rest: one token.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// No token, and no merge.
pub(super) const NONE: u32 = u32::MAX;

/// A piece as the parts that are left of it, linked to their neighbours.
struct Parts<J> {
    /// The rank of the bytes from one place to another.
    joined: J,
    length: usize,
    /// By where a part begins: where the next one begins.
    next: Vec<usize>,
    /// By where a part begins: where the one before it begins; beyond the piece for the
    /// first.
    before: Vec<usize>,
    /// The rank that a part has together with the next; [`NONE`] if they are no token, or
    /// if the part is gone.
    ranks: Vec<u32>,
    /// Every rank that was ever found, the lowest first, of equal ones the first in the
    /// piece. What is not true any more is passed over.
    lowest: BinaryHeap<Reverse<(u32, usize)>>,
}

/// Merges the pair of lowest rank, of several the first, until no pair is a token; counts
/// what is left.
///
/// The tokenizer merges in the same order, so the count is the tokenizer's. Each merge
/// costs the logarithm of the piece.
pub(super) fn merged(length: usize, joined: impl Fn(usize, usize) -> u32) -> u64 {
    let mut parts = Parts {
        joined,
        length,
        next: (1..=length).collect(),
        before: (0..length).map(|at| at.wrapping_sub(1)).collect(),
        ranks: vec![NONE; length],
        lowest: BinaryHeap::with_capacity(length),
    };
    for at in 0..length {
        parts.rank_again(at);
    }
    let mut left = length;
    while let Some(Reverse((rank, at))) = parts.lowest.pop() {
        if parts.ranks.get(at) == Some(&rank) {
            parts.join(at);
            left = left.saturating_sub(1);
        }
    }
    u64::try_from(left).unwrap_or(u64::MAX)
}

impl<J: Fn(usize, usize) -> u32> Parts<J> {
    /// Where the part behind the one at `at` begins.
    fn after(&self, at: usize) -> usize {
        self.next.get(at).copied().unwrap_or(self.length)
    }

    /// Joins the part at `at` with the next, which is gone from then on.
    fn join(&mut self, at: usize) {
        let gone = self.after(at);
        let next = self.after(gone);
        if let Some(place) = self.next.get_mut(at) {
            *place = next;
        }
        if let Some(place) = self.before.get_mut(next) {
            *place = at;
        }
        // A part that is gone has no rank: what the heap still says of it is passed over.
        if let Some(rank) = self.ranks.get_mut(gone) {
            *rank = NONE;
        }
        self.rank_again(at);
        if let Some(before) = self.before.get(at).copied() {
            self.rank_again(before);
        }
    }

    /// Finds the rank of the part at `at` joined with the next, and pushes it.
    fn rank_again(&mut self, at: usize) {
        let next = self.after(at);
        let rank = if next < self.length { (self.joined)(at, self.after(next)) } else { NONE };
        let Some(place) = self.ranks.get_mut(at) else { return };
        *place = rank;
        if rank != NONE {
            self.lowest.push(Reverse((rank, at)));
        }
    }
}
