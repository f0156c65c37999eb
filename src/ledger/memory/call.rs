//! What is kept of one call? Its hold, its charge, and what the journal tells of both: one record, three cache lines.
//!
//! A call is reserved and reconciled, and both are told by the journal. All that is known of it stands here once: the room
//! that it holds on each line, what it was charged there, and what was said about it. The journal's ring only names the
//! record. So a pair of commands writes each figure once, and copies none.
//!
//! A record lives as long as somebody needs it: its hold is open, its id is remembered, or the journal's ring names it.
//! [`uses`](CallRecord::uses) counts them. When the last has gone, what it told is folded into its rows.
//!
//! # One word for two
//! A hold has an end to come, and a charge has a cost. No call has both, so they share a word ([`expires_at`](CallRecord::expires_at),
//! [`cost`](CallRecord::cost)): the record has no room for another.
//!
//! # What few calls have
//! A hold that grew, a charge that was replaced or partly refunded, a count beyond four thousand million: what such a call
//! needs besides stands in a box of its own ([`Aside`]).
//!
//! # Long claims
//! A record has four lines. A claim of ten takes three records, linked by `more`: ten lines are 4 + 4 + 2. Only the first of
//! them has a state and an id; its `len` counts the lines of all.

use std::sync::Arc;

use crate::ledger::rules::State;
use crate::ledger::{About, Ended, Note, Reconcile, Served};
use crate::values::{ReservationId, Timestamp};
use crate::{Usage, Usd};

/// No record.
pub(super) const NONE: u32 = u32::MAX;

/// Lines that one record has.
pub(super) const INLINE: usize = 4;

/// What a hold is charged when it ends by age; the amounts of its own are kept aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ExpiryCharge {
    Nothing,
    Hold,
    Amounts,
}

/// One line of a call.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct RecordLine {
    pub(super) row: u32,
    /// The lower half of the period; the row's own period tells the upper one.
    pub(super) period: u32,
    /// What it holds, or held when it ended.
    pub(super) held: i64,
    /// What it is charged by now.
    pub(super) charged: i64,
}

/// All that is kept of one id.
#[derive(Debug)]
#[repr(C, align(64))]
pub(super) struct CallRecord {
    /// The id's upper and lower half.
    pub(super) id: [u64; 2],
    pub(super) lines: [RecordLine; INLINE],
    /// An instant while it is held, refused or a tombstone; what it cost in nano-dollars once it is charged.
    end_or_cost: i64,
    /// What its reserve said about it. Free records keep it: the next call often says the same.
    pub(super) about: Option<Arc<About>>,
    /// What its charge said to have served it, if that was not what was asked for.
    pub(super) served: Option<Arc<Served>>,
    pub(super) aside: Option<Box<Aside>>,
    /// What it used, as far as that fits here.
    pub(super) usage: [u32; Usage::COMMON],
    /// A hash of the body, by which a repeat is told from a conflict.
    pub(super) fingerprint: u32,
    /// The record that has the further lines.
    pub(super) more: u32,
    /// The count of its place in the queue of expiry, or [`NONE`] if it is in the heap.
    pub(super) due: u32,
    /// How many lines there are, those of further records included.
    pub(super) len: u8,
    pub(super) state: State,
    pub(super) on_expiry: ExpiryCharge,
    /// How it ended, as its charge said.
    pub(super) ended: Option<Ended>,
    /// How many entries of the ring name it, and one more while it is open or remembered.
    pub(super) uses: u8,
    /// Its charge is told by an entry of the ring that names it.
    pub(super) tells: bool,
    /// Its charge came with a usage.
    pub(super) is_used: bool,
    /// Its charge came with a cost.
    has_cost: bool,
    /// Charged or posted, and never held.
    pub(super) unheld: bool,
}

/// What few calls have; amounts stand in the order of the lines.
#[derive(Debug, Default)]
pub(super) struct Aside {
    /// What was held at first, where the hold was resized since.
    pub(super) held: Option<Box<[i64]>>,
    /// What was charged as the ring tells, where that was replaced since.
    pub(super) told: Option<Box<[i64]>>,
    /// What was given back of the charge.
    pub(super) refunded: Option<Box<[i64]>>,
    /// What it is charged if it ends by age.
    pub(super) on_expiry: Option<Box<[i64]>>,
    /// A usage that does not fit into the record.
    pub(super) usage: Option<Usage>,
}

impl CallRecord {
    /// What a place holds before its first use.
    pub(super) const BLANK: Self = Self {
        id: [0; 2],
        lines: [RecordLine { row: 0, period: 0, held: 0, charged: 0 }; INLINE],
        end_or_cost: i64::MIN,
        about: None,
        served: None,
        aside: None,
        usage: [0; Usage::COMMON],
        fingerprint: 0,
        more: NONE,
        due: NONE,
        len: 0,
        state: State::Refused,
        on_expiry: ExpiryCharge::Nothing,
        ended: None,
        uses: 0,
        tells: false,
        is_used: false,
        has_cost: false,
        unheld: false,
    };

    pub(super) fn id(&self) -> ReservationId {
        ReservationId::from_bits(u128::from(self.id[0]) << 64 | u128::from(self.id[1]))
    }

    /// When an open hold ends by itself; until when a refusal or a tombstone is remembered. Of a charge it says nothing.
    #[inline]
    pub(super) fn expires_at(&self) -> Timestamp {
        Timestamp::from_nanos(self.end_or_cost)
    }

    #[inline]
    pub(super) fn set_expires_at(&mut self, at: Timestamp) {
        self.end_or_cost = at.as_nanos();
    }

    /// What its charge was said to cost, as the journal tells.
    pub(super) fn cost(&self) -> Option<Usd> {
        (self.tells && self.has_cost).then(|| Usd::from_nanos(self.end_or_cost))
    }

    /// Notes what its charge says of it: the hold has ended.
    #[inline]
    pub(super) fn set_charge(&mut self, note: &Note) {
        (self.tells, self.ended) = (true, note.ended);
        (self.has_cost, self.end_or_cost) = (note.cost.is_some(), note.cost.map_or(0, Usd::nanos));
        self.set_usage(note.usage.as_ref());
        // Nearly no call has it, and no count of another's is touched.
        if note.served.is_some() || self.served.is_some() {
            self.served.clone_from(&note.served);
        }
    }

    /// What a hold would have been charged goes with it.
    #[inline]
    pub(super) fn drop_expiry_amounts(&mut self) {
        if self.on_expiry == ExpiryCharge::Amounts {
            self.aside().on_expiry = None;
        }
    }

    pub(super) fn aside(&mut self) -> &mut Aside {
        self.aside.get_or_insert_default()
    }

    /// Notes what it used. The six common counts stand in the record, unless one is larger than any call is.
    #[inline]
    pub(super) fn set_usage(&mut self, usage: Option<&Usage>) {
        self.is_used = usage.is_some();
        let Some(usage) = usage else { return };
        match usage.packed() {
            Some(counts) => self.usage = counts,
            None => self.aside().usage = Some(*usage),
        }
    }

    pub(super) fn usage(&self) -> Option<Usage> {
        let aside = self.aside.as_ref().and_then(|aside| aside.usage);
        self.is_used.then(|| aside.unwrap_or_else(|| Usage::unpacked(self.usage)))
    }

    /// Whether the record can tell the entry of that charge: nobody signed it, and it is about what its reserve said.
    #[inline]
    pub(super) fn can_tell(&self, command: &Reconcile<'_>) -> bool {
        command.attribution.is_none() && !self.says_else(command.note.about.as_ref())
    }

    /// Whether something else was said than its reserve said, compared by address: calls of one charge set share it.
    #[inline]
    pub(super) fn says_else(&self, about: Option<&Arc<About>>) -> bool {
        self.about.as_ref().map(Arc::as_ptr) != about.map(Arc::as_ptr)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::usage::Meter;

    #[test]
    fn a_record_is_three_cache_lines() {
        assert_eq!((size_of::<CallRecord>(), align_of::<CallRecord>()), (192, 64));
    }

    #[test]
    fn any_usage_is_kept_as_it_was_said() {
        let small = Usage::of(1_200, 350).with_reasoning(0);
        let large = Usage::of(4_294_967_295, 1);
        let mut record = CallRecord::BLANK;
        for usage in [small, large, small.with(Meter::WebSearch, 2), Usage::new()] {
            record.set_usage(Some(&usage));
            assert_eq!(record.usage(), Some(usage));
            assert_eq!(record.aside.take().is_some(), usage != small && usage != Usage::new(), "{usage:?}");
        }
        record.set_usage(None);
        assert_eq!(record.usage(), None);
    }
}
