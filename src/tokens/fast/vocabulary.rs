//! How many tokens is one piece of a text?
//!
//! A piece that is a token costs one look into a table of 128-bit keys: fifteen bytes of
//! the token and its length, open addressing, at most half full. `rank` is asked for pairs
//! that mostly are no token, so a bit set of half a megabyte, which stays in a cache,
//! answers most of these first.
//!
//! A piece that is no token is merged: of all neighbouring pairs the one of lowest rank is
//! joined, until no pair is a token. For example, `abc` with the tokens `ab` (rank 5), `bc`
//! (rank 3), `abc` (rank 9): `bc` is joined first, because its rank is lower, then `a` and
//! `bc` to `abc`: one token. Without `abc` two would be left. A pair that was joined is one
//! part from then on, so a token that exists may still not be found: that is why text is
//! merged in this order and not searched for the fewest tokens.
//!
//! The result of a merge is remembered by thread, because words that are no token come
//! again.

use std::cell::RefCell;
use std::collections::HashMap;

use smallvec::SmallVec;
use tiktoken_rs::CoreBPE;
use xxhash_rust::xxh3::xxh3_128;

use super::super::family::Encoding;
use super::long::{self, NONE};

/// The tokens of an encoding by their bytes, with their ranks.
pub(super) struct Vocabulary {
    /// Tokens of up to 15 bytes, by open addressing; zero is a free place.
    keys: Vec<u128>,
    /// The rank of the token at the same place.
    ranks: Vec<u32>,
    /// Ranks of the tokens of two bytes, by both bytes: every merge begins with them.
    pairs: Vec<u32>,
    /// A bit for every token of up to 15 bytes at one place of its hash, so that most of
    /// what is no token is known in half a megabyte.
    bits: Vec<u64>,
    /// The few tokens of more than 15 bytes.
    long: HashMap<Box<[u8]>, u32, foldhash::fast::RandomState>,
}

/// Up to this length all pairs are looked at for each merge; beyond, a heap is faster. A
/// piece of 128 bytes also counts at most 128 tokens, which a byte of the memo holds.
const MERGED_BYTES_MAX: usize = 128;
/// Bytes that fit a key beside their number.
const KEY_BYTES: usize = 15;

impl Vocabulary {
    /// Reads the tokens out of the tokenizer: the first number without a token ends them.
    pub(super) fn load(tokenizer: &CoreBPE) -> Self {
        let tokens: Vec<Vec<u8>> = (0..NONE).map_while(|rank| tokenizer.decode_bytes(&[rank]).ok()).collect();
        let places = tokens.len().saturating_mul(2).next_power_of_two();
        let mut vocabulary = Self {
            keys: vec![0; places],
            ranks: vec![NONE; places],
            pairs: vec![NONE; 1 << 16],
            bits: vec![0; BIT_WORDS],
            long: HashMap::default(),
        };
        for (rank, token) in (0_u32..).zip(&tokens) {
            vocabulary.insert(token, rank);
        }
        vocabulary
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.keys.iter().filter(|key| **key != 0).count().saturating_add(self.long.len())
    }

    /// Adds a token.
    fn insert(&mut self, token: &[u8], rank: u32) {
        let Some(key) = key(token) else {
            self.long.insert(token.into(), rank);
            return;
        };
        let (word, bit) = bit(mixed(key));
        if let Some(word) = self.bits.get_mut(word) {
            *word |= bit;
        }
        if let [first, second] = token
            && let Some(pair) = self.pairs.get_mut(pair(*first, *second))
        {
            *pair = rank;
        }
        let mut place = self.place(mixed(key));
        // At most half of the places are taken, so that a free one is found.
        while self.keys.get(place).is_some_and(|taken| *taken != 0) {
            place = self.after(place);
        }
        if let (Some(free), Some(slot)) = (self.keys.get_mut(place), self.ranks.get_mut(place)) {
            (*free, *slot) = (key, rank);
        }
    }

    /// The first place that is looked at for a hash.
    #[inline]
    fn place(&self, hash: u64) -> usize {
        index(hash) & self.keys.len().wrapping_sub(1)
    }

    /// The place that is looked at next.
    #[inline]
    fn after(&self, place: usize) -> usize {
        place.wrapping_add(1) & self.keys.len().wrapping_sub(1)
    }

    /// Whether a piece is a token, as most pieces are: one look at one place.
    #[inline]
    fn contains(&self, piece: &[u8]) -> bool {
        // Every byte is a token.
        let Some(key) = key(piece).filter(|_| piece.len() > 1) else {
            return piece.len() == 1 || self.long.contains_key(piece);
        };
        let mut place = self.place(mixed(key));
        loop {
            match self.keys.get(place) {
                Some(found) if *found == key => return true,
                Some(0) | None => return false,
                Some(_) => place = self.after(place),
            }
        }
    }

    /// The rank of the token of exactly those bytes; [`NONE`] if there is none.
    #[inline]
    fn rank(&self, bytes: &[u8]) -> u32 {
        match key(bytes) {
            Some(key) => self.rank_of(key),
            None => self.long.get(bytes).copied().unwrap_or(NONE),
        }
    }

    /// The same by a key. The bits answer first: a pair that is tried is seldom a token.
    #[inline]
    fn rank_of(&self, key: u128) -> u32 {
        let hash = mixed(key);
        let (word, bit) = bit(hash);
        if self.bits.get(word).is_none_or(|word| word & bit == 0) {
            return NONE;
        }
        let mut place = self.place(hash);
        loop {
            match self.keys.get(place) {
                Some(found) if *found == key => return self.ranks.get(place).copied().unwrap_or(NONE),
                Some(0) | None => return NONE,
                Some(_) => place = self.after(place),
            }
        }
    }

    /// The tokens of a piece: one, merged, or remembered.
    #[inline]
    pub(super) fn tokens(&self, encoding: Encoding, piece: &[u8]) -> u64 {
        if self.contains(piece) {
            return 1;
        }
        if piece.len() > MERGED_BYTES_MAX {
            return long::merged(piece.len(), |from, to| self.joined(piece, from, to));
        }
        u64::from(remembered(encoding, piece, || self.merged(piece)))
    }

    /// Merges the pair of lowest rank until no pair is a token, and counts what is left.
    ///
    /// At most [`MERGED_BYTES_MAX`] bytes, so the count fits a byte. Of equal ranks
    /// `min_by_key` takes the first, as the tokenizer does.
    fn merged(&self, piece: &[u8]) -> u8 {
        let pairs = piece.iter().zip(piece.iter().skip(1));
        let ranks =
            pairs.map(|(first, second)| self.pairs.get(pair(*first, *second)).copied().unwrap_or(NONE));
        let mut parts: SmallVec<[Part; 48]> =
            ranks.chain([NONE]).enumerate().map(|(from, rank)| Part { from, rank }).collect();
        loop {
            let lowest = parts.iter().enumerate().min_by_key(|(_, part)| part.rank);
            let Some((place, _)) = lowest.filter(|(_, part)| part.rank != NONE) else { break };
            let next = place.saturating_add(1);
            parts.remove(next);
            self.rank_again(piece, &mut parts, place);
            if let Some(before) = place.checked_sub(1) {
                self.rank_again(piece, &mut parts, before);
            }
        }
        u8::try_from(parts.len()).unwrap_or(u8::MAX)
    }

    /// Finds the rank of a part joined with the next.
    fn rank_again(&self, piece: &[u8], parts: &mut [Part], place: usize) {
        let end = |place: usize| parts.get(place).map_or(piece.len(), |part| part.from);
        let has_next = place.saturating_add(1) < parts.len();
        let (from, to) = (end(place), end(place.saturating_add(2)));
        let rank = if has_next { self.joined(piece, from, to) } else { NONE };
        if let Some(part) = parts.get_mut(place) {
            part.rank = rank;
        }
    }

    /// The rank of a stretch of a piece.
    #[inline]
    fn joined(&self, piece: &[u8], from: usize, to: usize) -> u32 {
        piece.get(from..to).map_or(NONE, |bytes| self.rank(bytes))
    }
}

/// Words of 64 bits: 22 bits of the hash choose one of four million bits, for 200,000
/// tokens.
const BIT_WORDS: usize = 1 << 16;

/// The bit of a hash, by other parts of the hash than its place.
#[inline]
fn bit(hash: u64) -> (usize, u64) {
    (index(hash >> 38) & BIT_WORDS.wrapping_sub(1), 1 << ((hash >> 32) & 63))
}

/// The index of two bytes.
#[inline]
fn pair(first: u8, second: u8) -> usize {
    usize::from(first) << 8 | usize::from(second)
}

/// A part of a piece, and the rank that it has together with the next.
#[derive(Clone, Copy)]
struct Part {
    from: usize,
    rank: u32,
}

/// Up to 15 bytes with their number behind them; `None` for more. The number tells `a` from
/// `a\0`.
#[inline]
fn key(bytes: &[u8]) -> Option<u128> {
    let mut packed = [0_u8; 16];
    packed.get_mut(..bytes.len()).filter(|_| bytes.len() <= KEY_BYTES)?.copy_from_slice(bytes);
    let length = u128::try_from(bytes.len()).unwrap_or(0);
    Some(u128::from_le_bytes(packed) | (length << 120))
}

/// A hash of a key: both halves multiplied, and both halves of the product folded into one
/// number. The constants keep a zero half from making the product zero.
#[inline]
fn mixed(key: u128) -> u64 {
    let [low, high] = halves(key);
    let product =
        u128::from(low ^ 0x9e37_79b9_7f4a_7c15).wrapping_mul(u128::from(high ^ 0xbf58_476d_1ce4_e5b9));
    let [low, high] = halves(product);
    low ^ high
}

/// The low and the high half.
#[inline]
fn halves(number: u128) -> [u64; 2] {
    let bytes = number.to_le_bytes();
    let (low, high) = bytes.split_at(8);
    [low, high].map(|half| half.try_into().map_or(0, u64::from_le_bytes))
}

/// The low 32 bits as an index, on machines of any width.
#[inline]
fn index(number: u64) -> usize {
    usize::try_from(number & u64::from(u32::MAX)).unwrap_or(0)
}

/// Pieces that this thread merged lately: half a megabyte for each encoding.
struct Memo {
    keys: Vec<u128>,
    counts: Vec<u8>,
}

impl Memo {
    const fn new() -> Self {
        Self { keys: Vec::new(), counts: Vec::new() }
    }
}

/// Places of the memo: each piece has one place, and the next piece that comes to it takes
/// it.
const PLACES: usize = 1 << 15;

thread_local! {
    static MEMOS: [RefCell<Memo>; 2] = const { [const { RefCell::new(Memo::new()) }; 2] };
}

/// The tokens of a piece that is no token itself: known, or merged now.
///
/// A piece of up to 15 bytes is known by these bytes, a longer one by 120 bits of its hash.
fn remembered(encoding: Encoding, piece: &[u8], merge: impl Fn() -> u8) -> u8 {
    // The mark of a hash is a number of bytes that no short piece has.
    let key = key(piece).unwrap_or_else(|| xxh3_128(piece) | (0xff << 120));
    let place = index(mixed(key)) & PLACES.wrapping_sub(1);
    let ask = |memos: &[RefCell<Memo>; 2]| {
        let [o200k, cl100k] = memos;
        let memo = if encoding == Encoding::O200k { o200k } else { cl100k };
        let mut memo = memo.try_borrow_mut().ok()?;
        if memo.keys.is_empty() {
            *memo = Memo { keys: vec![0; PLACES], counts: vec![0; PLACES] };
        }
        if memo.keys.get(place) == Some(&key) {
            return memo.counts.get(place).copied();
        }
        let count = merge();
        let Memo { keys, counts } = &mut *memo;
        if let (Some(known), Some(slot)) = (keys.get_mut(place), counts.get_mut(place)) {
            (*known, *slot) = (key, count);
        }
        Some(count)
    };
    // A thread that ends has no memo any more.
    MEMOS.try_with(ask).ok().flatten().unwrap_or_else(merge)
}
