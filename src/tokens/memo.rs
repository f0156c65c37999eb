//! Has this text been counted before?
//!
//! A conversation grows at its end: each call sends the earlier messages again. So each
//! text is remembered by its hash, and only the newest message is counted. The memo is a
//! cache of fixed size: 16 shards with a lock each, 512 sets in a shard, two entries in a
//! set. A text has one set; the entry that was used last stands first, and a new one takes
//! the place of the second. So half a megabyte is all that the memo ever takes, and a text
//! that is sent with every call stays in it.

use std::fmt;
use std::hash::{BuildHasher, RandomState};

use parking_lot::Mutex;
use xxhash_rust::xxh3::xxh3_128_with_secret;

use super::estimate::{Estimate, EstimateKind};
use super::family::Encoding;

/// Counts of texts by their hash: 16,384 of them in half a megabyte.
///
/// Two texts of one process share a count only if 128 bits of their hashes agree. The hash
/// is keyed at random, so nobody outside can look for such a pair: a text that takes the
/// count of a shorter one would be a hole in the budget. Only hashes are held, no text.
pub(super) struct Memo {
    /// The key of the hash, made anew in each process.
    secret: [u8; SECRET_BYTES],
    shards: Vec<Mutex<Vec<Set>>>,
}

/// A text's place in the memo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key {
    hash: [u64; 2],
    encoding: Encoding,
}

/// Two entries that share a place: the later used comes first, the other goes.
type Set = [Option<Counted>; 2];

/// A text's hash, and what it came to.
#[derive(Clone, Copy)]
struct Counted {
    key: Key,
    tokens: u32,
    is_exact: bool,
}

/// Locks, so that threads seldom wait for each other.
const SHARDS: usize = 16;
/// Sets behind each lock.
const SETS_PER_SHARD: usize = 512;
/// The length of XXH3's own secret; the hash takes none shorter than 136 bytes.
const SECRET_BYTES: usize = 192;

impl Memo {
    /// An empty memo with a secret of its own.
    pub(super) fn new() -> Self {
        let mut secret = [0; SECRET_BYTES];
        for (at, word) in (0_u64..).zip(secret.chunks_exact_mut(8)) {
            // The standard library's only door to the system's randomness.
            word.copy_from_slice(&RandomState::new().hash_one(at).to_le_bytes());
        }
        let shards = (0..SHARDS).map(|_| Mutex::new(vec![[None; 2]; SETS_PER_SHARD])).collect();
        Self { secret, shards }
    }

    /// The place of a text in one encoding.
    pub(super) fn key(&self, encoding: Encoding, text: &str) -> Key {
        let hash = xxh3_128_with_secret(text.as_bytes(), &self.secret).to_le_bytes();
        let (low, high) = hash.split_at(8);
        let word = |half: &[u8]| half.try_into().map_or(0, u64::from_le_bytes);
        Key { hash: [word(low), word(high)], encoding }
    }

    /// The estimate of a text; it moves to the front of its set.
    pub(super) fn get(&self, key: Key) -> Option<Estimate> {
        self.with_set(key, |set| {
            let at = set.iter().position(|entry| entry.is_some_and(|entry| entry.key == key))?;
            // What was used last stands first, and outlives the other.
            set.swap(0, at);
            set.first()?.as_ref().map(Counted::estimate)
        })
    }

    /// Remembers a count or a bound that is the text's own: the same whenever somebody asks
    /// for it.
    ///
    /// A number that does not fit 32 bits is not remembered: no request is that long.
    pub(super) fn put(&self, key: Key, estimate: Estimate) {
        let Ok(tokens) = u32::try_from(estimate.tokens) else { return };
        let entry = Counted { key, tokens, is_exact: estimate.kind == EstimateKind::Count };
        self.with_set(key, |set| {
            let is_known = set.iter().flatten().any(|known| known.key == key);
            if !is_known {
                set.swap(0, 1);
                if let Some(first) = set.first_mut() {
                    *first = Some(entry);
                }
            }
            Some(())
        });
    }

    /// Acts on the set of a key, under its lock.
    fn with_set<T>(&self, key: Key, act: impl FnOnce(&mut Set) -> Option<T>) -> Option<T> {
        let [low, high] = key.hash;
        let mut shard = self.shards.get(slot(low, SHARDS))?.lock();
        act(shard.get_mut(slot(high, SETS_PER_SHARD))?)
    }
}

/// A number below `slots`.
fn slot(hash: u64, slots: usize) -> usize {
    usize::try_from(hash).unwrap_or(usize::MAX).checked_rem(slots).unwrap_or(0)
}

impl Counted {
    fn estimate(&self) -> Estimate {
        let tokens = u64::from(self.tokens);
        if self.is_exact { Estimate::count(tokens) } else { Estimate::bound(tokens) }
    }
}

impl Default for Memo {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Memo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Memo")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn len(memo: &Memo) -> usize {
        memo.shards.iter().map(|shard| shard.lock().iter().flatten().flatten().count()).sum()
    }

    #[test]
    fn a_remembered_text_keeps_its_number_and_kind() {
        let memo = Memo::new();
        let [a, b] = ["a", "b"].map(|text| memo.key(Encoding::O200k, text));

        memo.put(a, Estimate::count(7));
        memo.put(b, Estimate::bound(9));

        assert_eq!(memo.get(a), Some(Estimate::count(7)));
        assert_eq!(memo.get(b), Some(Estimate::bound(9)));
        assert_eq!(memo.get(memo.key(Encoding::Cl100k, "a")), None);
    }

    #[test]
    fn a_full_memo_forgets_instead_of_growing() {
        let memo = Memo::new();

        for number in 0..100_000_u32 {
            memo.put(memo.key(Encoding::O200k, &number.to_string()), Estimate::count(1));
        }

        assert!(len(&memo) <= 16_384);
        assert!(len(&memo) > 16_000);
        assert_eq!(size_of::<Set>() * SHARDS * SETS_PER_SHARD, 16_384 * 32);
    }

    #[test]
    fn of_three_texts_in_one_place_the_longest_unused_goes() {
        let memo = Memo::new();
        let [a, b, c] = [1, 2, 3].map(|low| Key { hash: [low * 16, 0], encoding: Encoding::O200k });

        memo.put(a, Estimate::count(1));
        memo.put(b, Estimate::count(2));
        assert_eq!(memo.get(a), Some(Estimate::count(1)));
        memo.put(c, Estimate::count(3));

        assert_eq!(memo.get(b), None);
        assert_eq!(memo.get(a), Some(Estimate::count(1)));
        assert_eq!(memo.get(c), Some(Estimate::count(3)));
    }
}
