//! What time is it at a ledger whose clock cannot be read here?
//!
//! Worked example: a reply says 12:00:07 when this machine's monotonic clock shows 40 s. At 43 s it is 12:00:10 there, whatever
//! anybody has made of this machine's own date meanwhile.

use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
use std::time::Duration;

use crate::Clock;
use crate::values::Timestamp;

/// Counts on from the last instant that a ledger has told. It never runs back, unless the ledger itself was set back.
#[derive(Debug)]
pub(crate) struct LedgerTime {
    /// How far the ledger's time is ahead of what is counted here, in nanoseconds; [`UNHEARD`] before it has told.
    ahead: AtomicI64,
    /// The latest instant that was given out.
    latest: AtomicI64,
}

const UNHEARD: i64 = i64::MIN;

/// A ledger that is further back than this was set back, and is followed.
const SET_BACK: Duration = Duration::from_secs(86_400);

impl LedgerTime {
    pub(crate) fn new() -> Self {
        Self { ahead: AtomicI64::new(UNHEARD), latest: AtomicI64::new(i64::MIN) }
    }

    /// The ledger's instant, as far as it is known. Before a ledger has told, this machine's.
    pub(crate) fn now(&self, clock: &dyn Clock) -> Timestamp {
        let ahead = self.ahead.load(Relaxed);
        if ahead == UNHEARD {
            return clock.now();
        }
        let now = Timestamp::from_nanos(counted(clock).saturating_add(ahead));
        let latest = Timestamp::from_nanos(self.latest.fetch_max(now.as_nanos(), Relaxed));
        if latest.since(now) > SET_BACK {
            self.latest.store(now.as_nanos(), Relaxed);
            return now;
        }
        now.max(latest)
    }

    /// The ledger has told its instant just now.
    pub(crate) fn heard(&self, clock: &dyn Clock, told: Timestamp) {
        self.ahead.store(told.as_nanos().saturating_sub(counted(clock)), Relaxed);
    }
}

/// What is counted here in nanoseconds: what nobody can set, where the clock has it.
fn counted(clock: &dyn Clock) -> i64 {
    match clock.monotonic() {
        Some(ran) => i64::try_from(ran.as_nanos()).unwrap_or(i64::MAX),
        None => clock.now().as_nanos(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::ManualClock;

    #[test]
    fn time_is_counted_on_from_what_the_ledger_told_whatever_becomes_of_the_date_here() {
        let clock = ManualClock::at(Timestamp::from_secs(1_000));
        let time = LedgerTime::new();
        assert_eq!(time.now(&clock), Timestamp::from_secs(1_000));
        time.heard(&clock, Timestamp::from_secs(5_000));
        clock.advance(Duration::from_secs(3));
        assert_eq!(time.now(&clock), Timestamp::from_secs(5_003));
        for date in [0, 2_000_000_000] {
            clock.step(Timestamp::from_secs(date));
            clock.advance(Duration::from_secs(1));
        }
        assert_eq!(time.now(&clock), Timestamp::from_secs(5_005));
        // A reply that was long on its way lets nothing run back.
        time.heard(&clock, Timestamp::from_secs(5_001));
        assert_eq!(time.now(&clock), Timestamp::from_secs(5_005));
        // A ledger that was years ahead and was set right is followed.
        time.heard(&clock, Timestamp::from_secs(100_000_000));
        assert_eq!(time.now(&clock), Timestamp::from_secs(100_000_000));
        time.heard(&clock, Timestamp::from_secs(5_006));
        assert_eq!(time.now(&clock), Timestamp::from_secs(5_006));
    }
}
