//! How many tokens is a piece that is too long to be searched again after every merge?

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::vocabulary::{NONE, Vocabulary};

/// A piece as the parts that are left of it, linked to their neighbours.
struct Parts<'a> {
    vocabulary: &'a Vocabulary,
    piece: &'a [u8],
    /// By where a part begins: where the next one begins, and the one before.
    next: Vec<usize>,
    before: Vec<usize>,
    /// The rank that a part has together with the next.
    ranks: Vec<u32>,
    /// Every such rank that was ever found; what is not true any more is passed over.
    lowest: BinaryHeap<Reverse<(u32, usize)>>,
}

/// Merges the pair of lowest rank, of several the first, until no pair is a token.
///
/// The order is the tokenizer's own, so the count is too; each merge costs the logarithm of the piece.
pub(super) fn merged(vocabulary: &Vocabulary, piece: &[u8]) -> u64 {
    let length = piece.len();
    let mut parts = Parts {
        vocabulary,
        piece,
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

impl Parts<'_> {
    fn after(&self, at: usize) -> usize {
        self.next.get(at).copied().unwrap_or(self.piece.len())
    }

    /// Takes the next part into the one there.
    fn join(&mut self, at: usize) {
        let gone = self.after(at);
        let next = self.after(gone);
        if let Some(place) = self.next.get_mut(at) {
            *place = next;
        }
        if let Some(place) = self.before.get_mut(next) {
            *place = at;
        }
        if let Some(rank) = self.ranks.get_mut(gone) {
            *rank = NONE;
        }
        self.rank_again(at);
        if let Some(before) = self.before.get(at).copied() {
            self.rank_again(before);
        }
    }

    /// The rank of the part there joined with the next.
    fn rank_again(&mut self, at: usize) {
        let next = self.after(at);
        let rank = if next < self.piece.len() {
            self.vocabulary.joined(self.piece, at, self.after(next))
        } else {
            NONE
        };
        let Some(place) = self.ranks.get_mut(at) else { return };
        *place = rank;
        if rank != NONE {
            self.lowest.push(Reverse((rank, at)));
        }
    }
}
