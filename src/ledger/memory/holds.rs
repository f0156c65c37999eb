//! Which ids are known, what does each hold, and which is due next?

use std::collections::{HashMap, VecDeque};

use hashbrown::HashTable;
use smallvec::SmallVec;

use super::chunks::Chunks;
use crate::ledger::Rank;
use crate::{ReservationId, Timestamp};

const NONE: u32 = u32::MAX;

/// How far a hold has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Room is held.
    Held,
    /// A charge stands, of that rank.
    Charged(Rank),
    /// Given back, or a charge withdrawn.
    Released,
    /// Refused when it was asked for.
    Refused,
    /// Released before it was ever seen.
    Tombstone,
    /// A posting that no hold announced.
    Recorded,
}

/// What a hold is charged when it ends by age; the amounts of its own are kept apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ExpiryCharge {
    Nothing,
    Hold,
    Amounts,
}

/// One line of a hold: while it lives what it holds, afterwards what it was charged.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct HoldLine {
    pub(super) row: u32,
    /// The lower half of the period; the row's own period tells the upper one.
    pub(super) period: u32,
    pub(super) amount: i64,
}

pub(super) type HoldLines = SmallVec<[HoldLine; 8]>;

const INLINE: usize = 4;

/// A known id: 112 bytes with up to four lines, and as many again for each further four.
#[derive(Debug)]
pub(super) struct Hold {
    id: [u64; 2],
    pub(super) expires_at: Timestamp,
    /// A hash of the body, by which a repeat is told from a conflict.
    pub(super) fingerprint: u64,
    lines: [HoldLine; INLINE],
    /// The place that holds the further lines.
    more: u32,
    /// Where the expiry heap keeps this hold.
    heap_place: u32,
    len: u8,
    pub(super) state: State,
    pub(super) on_expiry: ExpiryCharge,
    pub(super) unheld: bool,
}

impl Hold {
    pub(super) fn id(&self) -> ReservationId {
        ReservationId::from_bits(u128::from(self.id[0]) << 64 | u128::from(self.id[1]))
    }
}

/// What is made of a new id.
#[derive(Debug)]
pub(super) struct NewHold<'a> {
    pub(super) id: ReservationId,
    pub(super) state: State,
    pub(super) fingerprint: u64,
    pub(super) lines: &'a [HoldLine],
    pub(super) unheld: bool,
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
    index: HashTable<u32>,
    hasher: foldhash::fast::RandomState,
    /// A heap of four children a node: the hold that is due first stands first.
    heap: Vec<u32>,
    ended: VecDeque<u32>,
    unreported: VecDeque<u32>,
    tombstones: VecDeque<u32>,
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
            hasher: foldhash::fast::RandomState::default(),
            heap: Vec::new(),
            ended: VecDeque::new(),
            unreported: VecDeque::new(),
            tombstones: VecDeque::new(),
            expiry_amounts: HashMap::new(),
            refunded: HashMap::new(),
            memory,
        }
    }

    #[inline]
    pub(super) fn find(&self, id: ReservationId) -> Option<u32> {
        let words = words(id);
        self.index.find(self.hash(words), |place| self.holds.get(*place).id == words).copied()
    }

    #[inline]
    pub(super) fn get(&self, place: u32) -> &Hold {
        self.holds.get(place)
    }

    #[inline]
    pub(super) fn get_mut(&mut self, place: u32) -> &mut Hold {
        self.holds.get_mut(place)
    }

    /// Remembers a new id. `None` where memory for four thousand million is exhausted.
    #[inline]
    pub(super) fn insert(&mut self, new: &NewHold<'_>) -> Option<u32> {
        let mut more = NONE;
        // Further lines are placed last to first, each place pointing at the next.
        let first = new.lines.get(..INLINE.min(new.lines.len())).unwrap_or_default();
        let rest = new.lines.get(first.len()..).unwrap_or_default();
        for part in rest.chunks(INLINE).rev() {
            more = self.holds.insert(hold(new, part, more))?;
        }
        let place = self.holds.insert(hold(new, first, more))?;
        let hash = self.hash(words(new.id));
        let Self { holds, index, hasher, .. } = self;
        index.insert_unique(hash, place, |place| hash_words(hasher, holds.get(*place).id));
        Some(place)
    }

    /// The lines of a hold, copied out.
    #[inline]
    pub(super) fn lines(&self, place: u32) -> HoldLines {
        let mut lines = HoldLines::new();
        let mut place = place;
        while place != NONE {
            let hold = self.holds.get(place);
            lines.extend_from_slice(hold.lines.get(..usize::from(hold.len)).unwrap_or_default());
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

    fn hash(&self, id: [u64; 2]) -> u64 {
        hash_words(&self.hasher, id)
    }

    /// Lets go of what ended longest ago where more is remembered than stated; says whose lines were let go.
    #[inline]
    pub(super) fn remember(&mut self, place: u32) -> Option<HoldLines> {
        let (queue, most) = match self.holds.get(place).state {
            State::Held => return None,
            State::Tombstone => (&mut self.tombstones, usize::MAX),
            State::Charged(rank) if rank < Rank::Reported => (&mut self.unreported, self.memory.unreported),
            State::Charged(_) | State::Released | State::Refused | State::Recorded => {
                (&mut self.ended, self.memory.ended)
            }
        };
        queue.push_back(place);
        if queue.len() <= most {
            return None;
        }
        let oldest = queue.pop_front()?;
        Some(self.forget(oldest))
    }

    /// Lets go of tombstones that have stood their time.
    pub(super) fn forget_tombstones(&mut self, now: Timestamp) {
        while let Some(oldest) = self.tombstones.front().copied() {
            // An id is not yet too old at this very instant.
            if self.holds.get(oldest).expires_at >= now {
                return;
            }
            self.tombstones.pop_front();
            self.forget(oldest);
        }
    }

    /// Lets a refused or buried id be charged after all: its old place stays in its queue, unnamed.
    pub(super) fn supersede(&mut self, id: ReservationId) {
        let words = words(id);
        if let Ok(entry) = self.index.find_entry(self.hash(words), |place| self.holds.get(*place).id == words)
        {
            entry.remove();
        }
    }

    fn forget(&mut self, place: u32) -> HoldLines {
        let lines = self.lines(place);
        let id = self.holds.get(place).id;
        // A superseded id is found at its newer place only.
        if let Ok(entry) = self.index.find_entry(self.hash(id), |other| *other == place) {
            entry.remove();
        }
        if !self.refunded.is_empty() {
            self.refunded.remove(&place);
        }
        let mut next = place;
        while next != NONE {
            let more = self.holds.get(next).more;
            self.holds.free(next);
            next = more;
        }
        lines
    }

    /// All holds that are open, and all ids that are remembered.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &Hold)> {
        self.index.iter().map(|place| (*place, self.holds.get(*place)))
    }

    pub(super) fn open(&self) -> usize {
        self.heap.len()
    }
}

/// The heap of open holds, by when they end.
impl Holds {
    /// The hold that ends first, and when.
    #[inline]
    pub(super) fn next_due(&self) -> Option<(u32, Timestamp)> {
        self.heap.first().map(|place| (*place, self.holds.get(*place).expires_at))
    }

    /// Lets the hold end by itself at that instant.
    #[inline]
    pub(super) fn schedule(&mut self, place: u32, expires_at: Timestamp) {
        self.holds.get_mut(place).expires_at = expires_at;
        let at = self.heap.len();
        self.heap.push(place);
        self.rise(at, place);
    }

    /// Takes a hold out of the heap: it ended, or its end moves.
    #[inline]
    pub(super) fn unschedule(&mut self, place: u32) {
        let at = self.holds.get(place).heap_place as usize;
        let Some(last) = self.heap.pop() else { return };
        if last != place {
            self.put(at, last);
            self.sink(at, last);
            self.rise(self.holds.get(last).heap_place as usize, last);
        }
    }

    /// Ties are broken by id, so that what is due ends in one order everywhere.
    #[inline]
    fn due(&self, place: u32) -> (Timestamp, [u64; 2]) {
        let hold = self.holds.get(place);
        (hold.expires_at, hold.id)
    }

    fn put(&mut self, at: usize, place: u32) {
        if let Some(slot) = self.heap.get_mut(at) {
            *slot = place;
        }
        self.holds.get_mut(place).heap_place = u32::try_from(at).unwrap_or(NONE);
    }

    fn rise(&mut self, mut at: usize, place: u32) {
        let due = self.due(place);
        while at > 0 {
            let parent_at = at.saturating_sub(1) / 4;
            let Some(parent) = self.heap.get(parent_at).copied().filter(|parent| self.due(*parent) > due)
            else {
                break;
            };
            self.put(at, parent);
            at = parent_at;
        }
        self.put(at, place);
    }

    fn sink(&mut self, mut at: usize, place: u32) {
        let due = self.due(place);
        loop {
            let first = at.saturating_mul(4).saturating_add(1);
            let children = self.heap.iter().copied().enumerate().skip(first).take(4);
            let Some((child_at, child)) = children.min_by_key(|(_, child)| self.due(*child)) else { break };
            if self.due(child) >= due {
                break;
            }
            self.put(at, child);
            at = child_at;
        }
        self.put(at, place);
    }
}

fn hold(new: &NewHold<'_>, part: &[HoldLine], more: u32) -> Hold {
    let mut lines = [HoldLine::default(); INLINE];
    for (slot, line) in lines.iter_mut().zip(part) {
        *slot = *line;
    }
    Hold {
        id: words(new.id),
        expires_at: Timestamp::MAX,
        fingerprint: new.fingerprint,
        lines,
        more,
        heap_place: NONE,
        // At most four.
        len: part.len() as u8,
        state: new.state,
        on_expiry: ExpiryCharge::Nothing,
        unheld: new.unheld,
    }
}

#[inline]
fn words(id: ReservationId) -> [u64; 2] {
    let bits = id.to_bits();
    [(bits >> 64) as u64, bits as u64]
}

#[inline]
fn hash_words(hasher: &foldhash::fast::RandomState, id: [u64; 2]) -> u64 {
    use std::hash::BuildHasher;
    hasher.hash_one((id[0], id[1]))
}
