//! Which stream may grow? The open streams of one enforcer, oldest first.
//!
//! Streams that hold by slices are admitted although not all of them can come to their end. If each took room as it
//! came by, all of them could stop half way, and every answer would be paid for and cut. So age decides: a stream
//! grows only into room that no older stream on its lines may still need. The oldest has nobody before it, so there
//! is always one that can finish or is refused outright; nobody waits for one that waits for it.
//!
//! Worked example, one line with a ceiling of 100. A, the older, holds 20 and may take 30 more. B holds 20 and asks for 10
//! more. `ahead_of(B)` is 30, so B is judged by a ceiling of 100 − 30 = 70: 40 held + 10 fit, and B grows. Under a ceiling
//! of 75 B is judged by 45: 50 do not fit, and B waits. When A ends, B has news and asks again.
//!
//! This is order among the streams of one process. The ledger alone decides whether there is room: a stream that is
//! let through here may still be refused there.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::task::Waker;

use parking_lot::Mutex;
use smallvec::SmallVec;

use crate::values::{Binding, ReservationId};

/// The open streams that are held by slices, in the order in which they were reserved: ids are made in it.
///
/// Each may still take the rest of its limit. A stream grows only into room that none of the older ones
/// on its lines may still need, so that those who were first come to their end; it waits while
/// there are some, and is told of everybody on its lines who ends or gives room back.
#[derive(Debug, Default)]
pub(crate) struct Growing {
    streams: Mutex<BTreeMap<ReservationId, Growth>>,
}

/// One open stream.
struct Growth {
    /// Whose lines it is held on.
    binding: Arc<Binding>,
    /// What it may still take of each line beyond what it holds.
    rest: SmallVec<[i64; 8]>,
    /// Its answer is metered, so that what it does not need has been given back.
    has_begun: bool,
    /// Somebody on its lines has ended or given room back since it last asked for some.
    has_news: bool,
    /// Whom to wake if there is news, while it waits.
    waker: Option<Waker>,
}

/// A stream's place among them, given up with its last clone.
pub(crate) struct GrowingPlace {
    growing: Arc<Growing>,
    id: ReservationId,
}

impl Growing {
    /// Notes what a stream may still take; one that may take more than before has given room back.
    pub(crate) fn update(&self, id: ReservationId, rest: SmallVec<[i64; 8]>) {
        let mut streams = self.streams.lock();
        let Some(growth) = streams.get_mut(&id) else { return };
        let gave_back = rest.iter().zip(&growth.rest).any(|(new, old)| new > old);
        growth.rest = rest;
        let binding = Arc::clone(&growth.binding);
        let woken = if gave_back { tell(&mut streams, id, &binding) } else { SmallVec::new() };
        drop(streams);
        woken.into_iter().for_each(Waker::wake);
    }

    /// The answer of that stream is metered from here on, so that nobody waits for what it may give back at its begin.
    pub(crate) fn begin(&self, id: ReservationId) {
        let mut streams = self.streams.lock();
        let Some(growth) = streams.get_mut(&id).filter(|growth| !growth.has_begun) else { return };
        growth.has_begun = true;
        let binding = Arc::clone(&growth.binding);
        let woken = tell(&mut streams, id, &binding);
        drop(streams);
        woken.into_iter().for_each(Waker::wake);
    }

    /// What older streams may still take of each of this one's lines. Asked before room is, so that news
    /// from here on is heard.
    pub(crate) fn ahead_of(&self, id: ReservationId) -> SmallVec<[i64; 8]> {
        let mut streams = self.streams.lock();
        let Some(own) = streams.get_mut(&id) else { return SmallVec::new() };
        own.has_news = false;
        let binding = Arc::clone(&own.binding);
        let mut ahead: SmallVec<[i64; 8]> = binding.terms.iter().map(|_| 0).collect();
        for (_, older) in streams.range(..id).filter(|(_, older)| older.rest.iter().any(|rest| *rest > 0)) {
            for (ahead, bound) in ahead.iter_mut().zip(&binding.terms) {
                let at = older.binding.terms.iter().position(|other| other.account == bound.account);
                let rest = at.and_then(|at| older.rest.get(at)).copied().unwrap_or(0);
                *ahead = ahead.saturating_add(rest.max(0));
            }
        }
        ahead
    }

    /// Whether on each of those lines an older stream is open, or one that has not begun: they may give room back.
    pub(crate) fn may_come_back(&self, id: ReservationId, lines: &[usize]) -> bool {
        let streams = self.streams.lock();
        let Some(own) = streams.get(&id) else { return false };
        lines.iter().all(|line| {
            let Some(bound) = own.binding.terms.get(*line) else { return false };
            let shares = |other: &Growth| other.binding.terms.iter().any(|one| one.account == bound.account);
            streams
                .iter()
                .any(|(other, growth)| *other != id && (*other < id || !growth.has_begun) && shares(growth))
        })
    }

    /// Whether somebody on its lines has ended or given room back since it last asked.
    pub(crate) fn has_news(&self, id: ReservationId) -> bool {
        self.streams.lock().get(&id).is_none_or(|growth| growth.has_news)
    }

    /// Waits for news; false where there is some already.
    pub(crate) fn park(&self, id: ReservationId, waker: &Waker) -> bool {
        match self.streams.lock().get_mut(&id) {
            Some(growth) if !growth.has_news => {
                growth.waker = Some(waker.clone());
                true
            }
            _ => false,
        }
    }

    /// A stream has ended: what it may still have taken is nobody's any more.
    fn leave(&self, id: ReservationId) {
        let mut streams = self.streams.lock();
        let Some(gone) = streams.remove(&id) else { return };
        let woken = tell(&mut streams, id, &gone.binding);
        drop(streams);
        // Whoever is woken may ask at once, so nothing is locked here any more.
        woken.into_iter().for_each(Waker::wake);
    }
}

/// Notes news for everybody who shares a line, and says whom to wake.
fn tell(
    streams: &mut BTreeMap<ReservationId, Growth>,
    from: ReservationId,
    binding: &Binding,
) -> SmallVec<[Waker; 4]> {
    let shares = |other: &Growth| {
        let mut lines = other.binding.terms.iter();
        lines.any(|one| binding.terms.iter().any(|terms| terms.account == one.account))
    };
    let others = streams.iter_mut().filter(|(other, growth)| **other != from && shares(growth));
    others
        .filter_map(|(_, growth)| {
            growth.has_news = true;
            growth.waker.take()
        })
        .collect()
}

impl GrowingPlace {
    /// Takes a place for a stream that may still take so much of each line.
    pub(crate) fn of(
        growing: &Arc<Growing>,
        id: ReservationId,
        binding: &Arc<Binding>,
        rest: SmallVec<[i64; 8]>,
    ) -> Self {
        let binding = Arc::clone(binding);
        let growth = Growth { binding, rest, has_begun: false, has_news: true, waker: None };
        growing.streams.lock().insert(id, growth);
        Self { growing: Arc::clone(growing), id }
    }
}

impl Drop for GrowingPlace {
    fn drop(&mut self) {
        self.growing.leave(self.id);
    }
}

impl fmt::Debug for GrowingPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("GrowingPlace").field(&self.id).finish()
    }
}

impl fmt::Debug for Growth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let waits = self.waker.is_some();
        f.debug_struct("Growth").field("rest", &self.rest).field("waits", &waits).finish_non_exhaustive()
    }
}
