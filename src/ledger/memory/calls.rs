//! Which ids are known, and what is kept of each?
//!
//! The index finds the record of an id that is open or remembered. An ended id waits in one of two queues, and makes way
//! for what ended after it: `ended` for what was finally reported, released or posted, `unreported` for charges whose
//! report is still to come. Refusals wait in a third, for a minute, and tombstones in a fourth, for as long as an unknown
//! id may be executed at all. Imported rows wait elsewhere (`imported`).
//!
//! # Forgetting
//! Whatever is forgotten must not be executed again. So the newest id that the two queues let go of is kept: an unknown id
//! that is not newer is too old. With `ended_max: 2`, the ids a, b and c end in this order: with c, a is forgotten. A late
//! repeat of a's report is then `Forgotten`, and so is any id that was made before a and never came: its caller takes a
//! new one, which is no loss where 65,536 calls have ended since.
//!
//! An id that bears a time to come is not forgotten before that time, as long as fewer than `ended_max` others wait for
//! theirs: else it would make all others too old. A refusal that is forgotten makes nobody too old, since it changed nothing.

use std::collections::VecDeque;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::time::Duration;

use super::MemoryOptions;
use super::call::{CallRecord, INLINE, NONE};
use super::chunks::Chunks;
use super::index::{Found, Index};
use super::ring::Circle;
use crate::ledger::Certainty;
use crate::ledger::rules::State;
use crate::values::claim::fold;
use crate::values::{ReservationId, Timestamp};

/// An id as the index looks it up, hashed once for all steps of a command.
#[derive(Clone, Copy, Debug)]
pub(super) struct Key {
    pub(super) words: [u64; 2],
    hash: u32,
}

/// All known ids of one tenant.
#[derive(Debug)]
pub(super) struct Calls {
    pub(super) records: Chunks<CallRecord>,
    /// Places by id. It keeps no id of its own: the record has it.
    index: Index,
    /// What ids are hashed with: nobody can choose ids that collide.
    seed: [u64; 2],
    /// Tells the ids of one tenant from another's where they share these books; else zero.
    pub(super) salt: u64,
    /// Finally reported, released or posted; the oldest first.
    ended: Circle<u32>,
    /// Charged, and not yet finally reported when they were put here; the oldest first.
    unreported: Circle<u32>,
    /// What has made way there before the time that its id bears.
    ahead: VecDeque<u32>,
    refused: VecDeque<u32>,
    tombstones: VecDeque<u32>,
    /// Until then refusals and tombstones may be remembered.
    pub(super) empty_until: Timestamp,
    /// The next id after the newest that was forgotten: none before it is executed.
    oldest_new: [u64; 2],
    options: MemoryOptions,
}

impl Calls {
    pub(super) fn new(options: MemoryOptions) -> Self {
        Self {
            records: Chunks::default(),
            index: Index::new(),
            // Each `RandomState` of the standard library has keys of its own.
            seed: [0, 1].map(|word| RandomState::new().hash_one(word)),
            salt: 0,
            ended: Circle::new(options.ended_max),
            unreported: Circle::new(options.unreported_max),
            ahead: VecDeque::new(),
            refused: VecDeque::new(),
            tombstones: VecDeque::new(),
            empty_until: Timestamp::MIN,
            oldest_new: [0; 2],
            options,
        }
    }

    /// The id, as all steps of a command look it up.
    #[inline]
    pub(super) fn key(&self, id: ReservationId) -> Key {
        let bits = id.to_bits();
        self.key_of([(bits >> 64) as u64, bits as u64 ^ self.salt])
    }

    /// Ids of one thread differ in their last bits only; folding moves with what nobody knows.
    #[inline]
    fn key_of(&self, words: [u64; 2]) -> Key {
        Key { words, hash: fold(words[0] ^ self.seed[0], words[1] ^ self.seed[1]) as u32 }
    }

    /// The record of a known id, or the slot where it would stand.
    #[inline]
    pub(super) fn find(&self, key: &Key) -> Found {
        self.index.find(key.hash, |place| self.records.get(place).id == key.words)
    }

    #[inline]
    pub(super) fn get(&self, place: u32) -> &CallRecord {
        self.records.get(place)
    }

    #[inline]
    pub(super) fn get_mut(&mut self, place: u32) -> &mut CallRecord {
        self.records.get_mut(place)
    }

    /// Whether an unknown id may be executed at that instant: it is neither too old nor one that may have been forgotten.
    #[inline]
    pub(super) fn is_new(&self, key: &Key, now: Timestamp) -> bool {
        time_of(key.words) >= now - self.options.id_age_max && key.words >= self.oldest_new
    }

    /// Whether no id was forgotten that bears that instant or a later one.
    pub(super) fn has_forgotten_nothing_since(&self, now: Timestamp) -> bool {
        time_of(self.oldest_new) < now
    }

    /// Whether the id bears a time to come.
    #[inline]
    pub(super) fn is_ahead(&self, key: &Key, now: Timestamp) -> bool {
        time_of(key.words) > now
    }

    /// Takes records for so many lines, which no id finds yet; `None` where four thousand million are in use.
    #[inline]
    pub(super) fn draft(&mut self, lines: usize) -> Option<u32> {
        if lines <= INLINE {
            let place = self.records.take(|| CallRecord::BLANK)?;
            self.records.get_mut(place).more = NONE;
            return Some(place);
        }
        self.draft_chain(lines)
    }

    /// Records are taken last to first, each pointing at the next.
    fn draft_chain(&mut self, lines: usize) -> Option<u32> {
        let mut more = NONE;
        for _ in 0..lines.div_ceil(INLINE) {
            let place = self.records.take(|| CallRecord::BLANK)?;
            self.records.get_mut(place).more = more;
            more = place;
        }
        Some(more)
    }

    /// Lets the draft be found by that id from now on: at the slot that `find` has just named.
    #[inline]
    pub(super) fn name(&mut self, place: u32, key: &Key, slot: usize) -> &mut CallRecord {
        self.index.put(slot, key.hash, place);
        let record = self.records.get_mut(place);
        record.id = key.words;
        (record.tells, record.unheld, record.is_used, record.uses) = (false, false, false, 1);
        record
    }

    /// Lets no id find that record any more; its queue still has it.
    pub(super) fn unname(&mut self, place: u32) {
        let key = self.key_of(self.records.get(place).id);
        self.index.remove(key.hash, place);
    }

    /// Gives up the records of a draft, or of a call that nobody needs.
    #[inline]
    pub(super) fn discard(&mut self, place: u32) {
        let mut next = place;
        while next != NONE {
            let more = self.records.get(next).more;
            self.records.free(next);
            next = more;
        }
    }

    /// Puts an ended call into its queue, and says which one is to be forgotten for it.
    #[inline]
    pub(super) fn remember(&mut self, place: u32, now: Timestamp) -> Option<u32> {
        let queue = match self.records.get(place).state {
            State::Charged(Certainty::Reported) | State::Released | State::Recorded => &mut self.ended,
            _ => &mut self.unreported,
        };
        let oldest = queue.push(place)?;
        let id = self.records.get(oldest).id;
        if time_of(id) > now || !self.ahead.is_empty() {
            return self.remember_ahead(oldest, now);
        }
        self.oldest_new = self.oldest_new.max(next_id(id));
        Some(oldest)
    }

    /// The same where ids bear a time to come: at most as many of them wait for it as others are remembered.
    #[cold]
    fn remember_ahead(&mut self, place: u32, now: Timestamp) -> Option<u32> {
        self.ahead.push_back(place);
        let waits = |place: &u32| time_of(self.records.get(*place).id) > now;
        let first = self.ahead.iter().position(|place| !waits(place)).unwrap_or(0);
        if self.ahead.get(first).is_some_and(waits) && self.ahead.len() <= self.options.ended_max {
            return None;
        }
        let oldest = self.ahead.remove(first)?;
        self.oldest_new = self.oldest_new.max(next_id(self.records.get(oldest).id));
        Some(oldest)
    }

    /// Keeps a refusal until that instant, and says which earlier ones make way.
    pub(super) fn remember_refusal(
        &mut self,
        place: u32,
        now: Timestamp,
        until: Timestamp,
    ) -> [Option<u32>; 2] {
        self.refused.push_back(place);
        self.records.get_mut(place).set_expires_at(until);
        self.empty_until = self.empty_until.max(until);
        // Two for one: what has had its minute goes sooner than new ones come.
        [(); 2].map(|()| {
            let oldest = *self.refused.front()?;
            let is_over = self.records.get(oldest).expires_at() <= now;
            if !is_over && self.refused.len() <= self.options.refusals_max {
                return None;
            }
            self.refused.pop_front()
        })
    }

    /// A refusal that has had its minute, taken out.
    pub(super) fn next_refusal(&mut self, now: Timestamp) -> Option<u32> {
        let oldest = *self.refused.front()?;
        if self.records.get(oldest).expires_at() <= now { self.refused.pop_front() } else { None }
    }

    /// Keeps a tombstone to the end of that instant.
    pub(super) fn remember_tombstone(&mut self, place: u32, until: Timestamp) {
        self.tombstones.push_back(place);
        self.records.get_mut(place).set_expires_at(until);
        self.empty_until = self.empty_until.max(until + Duration::from_nanos(1));
    }

    /// A tombstone that has stood its time, taken out: at the very end of it an id is not yet too old.
    pub(super) fn next_tombstone(&mut self, now: Timestamp) -> Option<u32> {
        let oldest = *self.tombstones.front()?;
        if self.records.get(oldest).expires_at() < now { self.tombstones.pop_front() } else { None }
    }

    /// All records that an id finds.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &CallRecord)> {
        self.index.iter().map(|place| (place, self.records.get(place)))
    }
}

#[inline]
fn next_id(id: [u64; 2]) -> [u64; 2] {
    let (low, carry) = id[1].overflowing_add(1);
    [id[0].saturating_add(u64::from(carry)), low]
}

/// The instant that an id bears, to the millisecond: it stands in the upper 48 bits.
#[inline]
fn time_of(words: [u64; 2]) -> Timestamp {
    let millis = (words[0] >> 16) as i64;
    Timestamp::from_nanos(millis.saturating_mul(1_000_000))
}
