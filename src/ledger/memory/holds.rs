//! Which ids are known, what does each hold, and which is due next?
//!
//! One slab has a place for each known id, open or ended. Three ways lead to a place:
//!
//! * the **index** finds it by id;
//! * the **heap** finds the open hold that is due first (`heap`);
//! * two **queues** and the tombstones find the ended id that is forgotten next.
//!
//! An open hold is in the heap and in no queue. An ended id is in exactly one queue and not in the heap. That is why
//! the number of open holds is the heap's length.
//!
//! # Forgetting
//! A queue has a stated length; what is pushed beyond it drops the oldest. With `ended: 2`, the ids a, b and c end
//! in this order: with c, a is forgotten. A late repeat of a's report then looks like a new id's and is charged as
//! `unheld`, which is why [`MemoryOptions`](crate::ledger::MemoryOptions) asks for room for all retries on their way.
//! Charges without a provider's report wait in a longer queue of their own: their report is still expected.
//!
//! # Long claims
//! A place holds four lines. A claim of ten takes three places, linked by `more`: ten lines are 4 + 4 + 2. Only the
//! first of them is named, is in the heap, and has a state.

mod heap;
#[cfg(test)]
mod tests;

use std::collections::hash_map::RandomState;
use std::collections::{HashMap, VecDeque};
use std::hash::BuildHasher;

use hashbrown::HashTable;
use smallvec::SmallVec;

use super::chunks::Chunks;
use super::row::HoldLine;
use super::rows::Rows;
use crate::ledger::Certainty;
use crate::ledger::rules::State;
use crate::values::{ReservationId, Timestamp};

const NONE: u32 = u32::MAX;

/// What a hold is charged when it ends by age; the amounts of its own are kept apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ExpiryCharge {
    Nothing,
    Hold,
    Amounts,
}

pub(super) type HoldLines = SmallVec<[HoldLine; 8]>;

/// Lines that one place holds.
pub(super) const INLINE: usize = 4;

/// A known id: 96 bytes with up to four lines, and as many again for each further four.
#[derive(Debug)]
pub(super) struct Hold {
    /// The id's upper and lower half: 128-bit integers would align the hold to 16 bytes.
    id: [u64; 2],
    /// While it lives what it holds, afterwards what it was charged; `len` of them count.
    pub(super) lines: [HoldLine; INLINE],
    /// A hash of the body, by which a repeat is told from a conflict.
    pub(super) fingerprint: u32,
    /// The place that holds the further lines.
    pub(super) more: u32,
    /// Where the expiry heap keeps this hold.
    heap_place: u32,
    len: u8,
    pub(super) state: State,
    pub(super) on_expiry: ExpiryCharge,
    /// Charged or posted, and never held.
    pub(super) unheld: bool,
}

impl Hold {
    pub(super) fn id(&self) -> ReservationId {
        ReservationId::from_bits(u128::from(self.id[0]) << 64 | u128::from(self.id[1]))
    }

    #[inline]
    pub(super) fn lines(&self) -> &[HoldLine] {
        self.lines.get(..usize::from(self.len)).unwrap_or_default()
    }
}

/// An id as the index looks it up, hashed once for all steps of a command.
#[derive(Clone, Copy, Debug)]
pub(super) struct Key {
    words: [u64; 2],
    hash: u64,
}

/// An open hold in the heap, with its end beside it so that comparing fetches no hold.
#[derive(Clone, Copy, Debug)]
struct Due {
    at: Timestamp,
    place: u32,
}

/// How many ended ids are remembered, by what became of them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Memory {
    /// Finally reported, refused or released.
    pub(super) ended: usize,
    /// Charged, but not yet by the provider's own report.
    pub(super) unreported: usize,
}

/// All known ids of one root.
#[derive(Debug)]
pub(super) struct Holds {
    holds: Chunks<Hold>,
    /// Places by id. It keeps no id of its own: the place has it.
    index: HashTable<u32>,
    /// What ids are hashed with: nobody can choose ids that collide.
    seed: [u64; 2],
    /// A heap of four children a node: the hold that is due first stands first.
    heap: Vec<Due>,
    /// Finally reported, refused, released, recorded or superseded; the oldest first.
    ended: VecDeque<u32>,
    /// Charged, and not yet finally reported when they were put here; the oldest first.
    unreported: VecDeque<u32>,
    /// Each with the instant until which it stands.
    tombstones: VecDeque<Due>,
    /// Expiry charges other than nothing and all.
    pub(super) expiry_amounts: HashMap<u32, Box<[i64]>>,
    /// What was given back of charges, by line.
    pub(super) refunded: HashMap<u32, Box<[i64]>>,
    memory: Memory,
}

impl Holds {
    pub(super) fn new(memory: Memory) -> Self {
        Self {
            holds: Chunks::default(),
            index: HashTable::new(),
            // Each `RandomState` of the standard library has keys of its own.
            seed: [0, 1].map(|word| RandomState::new().hash_one(word)),
            heap: Vec::new(),
            ended: VecDeque::new(),
            unreported: VecDeque::new(),
            tombstones: VecDeque::new(),
            expiry_amounts: HashMap::new(),
            refunded: HashMap::new(),
            memory,
        }
    }

    /// The id, as all steps of a command look it up.
    #[inline]
    pub(super) fn key(&self, id: ReservationId) -> Key {
        let bits = id.to_bits();
        self.key_of([(bits >> 64) as u64, bits as u64])
    }

    /// One multiplication mixes both halves with what nobody knows.
    #[inline]
    fn key_of(&self, words: [u64; 2]) -> Key {
        Key { words, hash: fold(words[0] ^ self.seed[0], words[1] ^ self.seed[1]) }
    }

    /// The place of a known id.
    #[inline]
    pub(super) fn find(&self, key: &Key) -> Option<u32> {
        self.index.find(key.hash, |place| self.holds.get(*place).id == key.words).copied()
    }

    #[inline]
    pub(super) fn get(&self, place: u32) -> &Hold {
        self.holds.get(place)
    }

    #[inline]
    pub(super) fn get_mut(&mut self, place: u32) -> &mut Hold {
        self.holds.get_mut(place)
    }

    /// Takes places for a hold of so many lines, which no id finds yet.
    ///
    /// `None` where memory for four thousand million is exhausted.
    #[inline]
    pub(super) fn draft(&mut self, lines: usize) -> Option<u32> {
        if lines <= INLINE {
            return self.holds.take(|| EMPTY).inspect(|place| self.blank(*place, lines, NONE));
        }
        self.draft_chain(lines)
    }

    /// Places are taken last to first, each pointing at the next.
    fn draft_chain(&mut self, lines: usize) -> Option<u32> {
        let mut more = NONE;
        let mut left = lines;
        while left > 0 {
            let here = match left % INLINE {
                0 => INLINE,
                rest => rest,
            };
            let place = self.holds.take(|| EMPTY)?;
            self.blank(place, here, more);
            more = place;
            left = left.saturating_sub(here);
        }
        Some(more)
    }

    #[inline]
    fn blank(&mut self, place: u32, lines: usize, more: u32) {
        let hold = self.holds.get_mut(place);
        // At most four.
        hold.len = lines as u8;
        hold.more = more;
    }

    /// Lets the draft be found by that id from now on.
    #[inline]
    pub(super) fn name(&mut self, place: u32, key: &Key, state: State) {
        let hold = self.holds.get_mut(place);
        hold.id = key.words;
        hold.state = state;
        hold.on_expiry = ExpiryCharge::Nothing;
        hold.unheld = false;
        let Self { holds, index, seed, .. } = self;
        index.insert_unique(key.hash, place, |place| {
            let id = holds.get(*place).id;
            fold(id[0] ^ seed[0], id[1] ^ seed[1])
        });
    }

    /// Lets go of the draft's lines: a refusal holds nothing.
    pub(super) fn empty(&mut self, place: u32) {
        let hold = self.holds.get_mut(place);
        hold.len = 0;
        let more = std::mem::replace(&mut hold.more, NONE);
        self.discard(more);
    }

    /// Lets go of a draft, or of a hold that no id finds any more.
    #[inline]
    pub(super) fn discard(&mut self, place: u32) {
        let mut next = place;
        while next != NONE {
            let more = self.holds.get(next).more;
            self.holds.free(next);
            next = more;
        }
    }

    /// The hold at that place, if it is one: the end of a chain is not.
    #[inline]
    pub(super) fn part(&self, place: u32) -> Option<&Hold> {
        (place != NONE).then(|| self.holds.get(place))
    }

    /// The lines of a hold, copied out.
    #[inline]
    pub(super) fn lines(&self, place: u32) -> HoldLines {
        let mut lines = HoldLines::new();
        let mut place = place;
        while place != NONE {
            let hold = self.holds.get(place);
            lines.extend_from_slice(hold.lines());
            place = hold.more;
        }
        lines
    }

    /// Writes new amounts over those of the hold's lines.
    #[inline]
    pub(super) fn set_amounts(&mut self, place: u32, amounts: &[i64]) {
        let mut place = place;
        let mut amounts = amounts.iter();
        while place != NONE {
            let hold = self.holds.get_mut(place);
            for (line, amount) in hold.lines.iter_mut().take(usize::from(hold.len)).zip(&mut amounts) {
                line.amount = *amount;
            }
            place = hold.more;
        }
    }

    /// What was given back of that line's charge.
    pub(super) fn refunded(&self, place: u32, line: usize) -> i64 {
        let refunded = self.refunded.get(&place).and_then(|lines| lines.get(line));
        refunded.copied().unwrap_or(0)
    }

    /// Keeps an ended hold in memory; lets go of what ended longest ago where that is more than stated.
    #[inline]
    pub(super) fn remember(&mut self, place: u32, rows: &mut Rows) {
        let (queue, most) = match self.holds.get(place).state {
            State::Charged(certainty) if certainty < Certainty::Reported => {
                (&mut self.unreported, self.memory.unreported)
            }
            _ => (&mut self.ended, self.memory.ended),
        };
        queue.push_back(place);
        if queue.len() > most
            && let Some(oldest) = queue.pop_front()
        {
            self.forget(oldest, rows);
        }
    }

    /// Keeps a released id that was never seen, until that instant.
    pub(super) fn remember_tombstone(&mut self, place: u32, until: Timestamp) {
        self.tombstones.push_back(Due { at: until, place });
    }

    /// Lets go of tombstones that have stood their time: at the very end of it an id is not yet too old.
    pub(super) fn forget_tombstones(&mut self, now: Timestamp, rows: &mut Rows) {
        while let Some(oldest) = self.tombstones.front().copied().filter(|oldest| oldest.at < now) {
            self.tombstones.pop_front();
            self.forget(oldest.place, rows);
        }
    }

    /// Lets a refused or buried id be charged after all: its old place stays in its queue, unnamed.
    ///
    /// Taking it out of the queue would be a search. When its turn comes, `forget` finds that the index names
    /// another place for the id, and frees the old place alone.
    pub(super) fn supersede(&mut self, key: &Key) {
        if let Ok(entry) = self.index.find_entry(key.hash, |place| self.holds.get(*place).id == key.words) {
            entry.remove();
        }
    }

    /// Drops an ended id: from the index, from the rows' counts, and from the slab.
    #[inline]
    fn forget(&mut self, place: u32, rows: &mut Rows) {
        let key = self.key_of(self.holds.get(place).id);
        // A superseded id is found at its newer place only.
        if let Ok(entry) = self.index.find_entry(key.hash, |other| *other == place) {
            entry.remove();
        }
        if !self.refunded.is_empty() {
            self.refunded.remove(&place);
        }
        let mut next = place;
        while next != NONE {
            let hold = self.holds.get(next);
            for line in hold.lines() {
                rows.let_go(line.row);
            }
            next = hold.more;
        }
        self.discard(place);
    }

    /// All holds that are open, and all ids that are remembered.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &Hold)> {
        self.index.iter().map(|place| (*place, self.holds.get(*place)))
    }

    /// How many holds are open.
    pub(super) fn open(&self) -> usize {
        self.heap.len()
    }
}

/// What a place holds before its first use.
const EMPTY: Hold = Hold {
    id: [0; 2],
    lines: [HoldLine { row: 0, period: 0, amount: 0 }; INLINE],
    fingerprint: 0,
    more: NONE,
    heap_place: NONE,
    len: 0,
    state: State::Refused,
    on_expiry: ExpiryCharge::Nothing,
    unheld: false,
};

/// Both halves of a product, one laid over the other: every bit of each factor reaches the result.
#[inline]
pub(super) fn fold(left: u64, right: u64) -> u64 {
    let product = u128::from(left).wrapping_mul(u128::from(right));
    (product >> 64) as u64 ^ product as u64
}
