//! When does a zone's clock show a given time for the first time?
//!
//! Readings and instants are whole seconds since 1970-01-01T00:00:00, on the
//! zone's clock and in UTC; every offset in the zone database is whole seconds.
//!
//! The search starts at an instant so early that every clock on Earth still shows less than the reading, and follows
//! the zone's offset from there. If the offset stays the same until the reading is due, that instant is the answer.
//! If it changes before, the change is found by halving, and the search goes on from there.
//!
//! Worked example: when did New York show 02:30 on 8 March 2026, a time that it skipped? The offset before the gap is
//! −5 h, so 02:30 would be 07:30 UTC. At 07:30 UTC the offset is −4 h: it has changed, at 07:00 UTC, where the clock
//! shows 03:00, which is more than 02:30. So the answer is 07:00 UTC, the first instant after the gap.

use chrono::{DateTime, Offset, TimeZone};
use chrono_tz::Tz;

/// No zone was ever 16 hours from UTC: Manila before 1844 comes closest, at 15:56:08.
const OFFSET_MAX: i64 = 16 * 3600;

/// A zone's clock: all of it, or only its hand of that many seconds a round.
///
/// The offset of a single hand is taken modulo its round. The minutes in
/// Berlin run with those in UTC, in Kolkata half an hour apart, and neither
/// notices daylight saving time, which moves the hour hand alone.
#[derive(Clone, Copy)]
pub(super) struct LocalClock {
    pub(super) zone: Tz,
    pub(super) round: Option<i64>,
}

impl LocalClock {
    /// What the clock shows at `instant`.
    pub(super) fn reading(self, instant: i64) -> i64 {
        instant.saturating_add(self.offset(instant))
    }

    /// The first instant at which the clock shows `reading` or more.
    ///
    /// A reading that comes twice counts the first time; one that the clock
    /// skips, at the first instant after the gap. A later reading is thus
    /// never shown earlier, so windows that open at readings cannot overlap.
    pub(super) fn first_showing(self, reading: i64) -> i64 {
        // At this instant every clock on Earth still shows less than the reading.
        let mut instant = reading.saturating_sub(self.round.unwrap_or(OFFSET_MAX));
        // Each turn is one change of the zone's offset; no day has had more than a few.
        for _ in 0..4 {
            let offset = self.offset(instant);
            let shown = reading.saturating_sub(offset);
            if shown <= instant {
                break;
            }
            if self.offset(shown) == offset {
                return shown;
            }
            instant = self.change_between(instant, shown);
        }
        instant
    }

    /// The first instant of the new offset, where `before` and `after` differ in it.
    fn change_between(self, mut before: i64, mut after: i64) -> i64 {
        let offset = self.offset(before);
        while after.saturating_sub(before) > 1 {
            let middle = before.midpoint(after);
            if self.offset(middle) == offset {
                before = middle;
            } else {
                after = middle;
            }
        }
        after
    }

    fn offset(self, instant: i64) -> i64 {
        let offset = offset_in(self.zone, instant);
        self.round.map_or(offset, |round| offset.checked_rem_euclid(round).unwrap_or(0))
    }
}

/// Seconds by which the zone's clock is ahead of UTC.
pub(super) fn offset_in(zone: Tz, instant: i64) -> i64 {
    if zone == Tz::UTC {
        return 0;
    }
    // chrono spans 262,000 years each way, far more than a timestamp.
    DateTime::from_timestamp(instant, 0)
        .map_or(0, |utc| zone.offset_from_utc_datetime(&utc.naive_utc()).fix().local_minus_utc().into())
}
