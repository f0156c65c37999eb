//! What is an instant?

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Serialize, Serializer};

/// An instant: whole nanoseconds since 1970-01-01T00:00:00Z.
///
/// It covers the years 1678 to 2262. Arithmetic saturates at both ends and never panics. An instant is
/// displayed and serialised as RFC 3339 in UTC.
///
/// An interval (a window, a hold, an exemption) contains the instant at which it begins and not the one at
/// which it ends.
///
/// # Example: ninety seconds after noon
/// ```
/// use std::time::Duration;
/// use token_budget::time::Timestamp;
///
/// let noon: Timestamp = "2026-11-22T12:00:00Z".parse()?;
/// assert_eq!((noon + Duration::from_secs(90)).to_string(), "2026-11-22T12:01:30Z");
/// assert_eq!(noon.since(noon + Duration::from_secs(1)), Duration::ZERO); // never negative
/// # Ok::<(), token_budget::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

impl Timestamp {
    /// 1970-01-01T00:00:00Z.
    pub const EPOCH: Self = Self(0);
    /// The first instant that can be represented: "since ever".
    pub const MIN: Self = Self(i64::MIN);
    /// The last instant that can be represented: "for ever".
    pub const MAX: Self = Self(i64::MAX);

    /// The instant that many nanoseconds after (before, if negative) the epoch.
    #[must_use]
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// The instant that many seconds after the epoch.
    #[must_use]
    pub const fn from_secs(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1_000_000_000))
    }

    /// Nanoseconds since the epoch.
    #[must_use]
    pub const fn as_nanos(self) -> i64 {
        self.0
    }

    /// Whole milliseconds since the epoch, rounded down.
    #[must_use]
    pub const fn as_millis(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// How long ago `earlier` was; zero if it lies in the future.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        let nanos = i128::from(self.0).saturating_sub(i128::from(earlier.0));
        u64::try_from(nanos.max(0)).map_or(Duration::MAX, Duration::from_nanos)
    }

    /// This instant as chrono's UTC date and time.
    #[must_use]
    pub fn to_utc(self) -> DateTime<Utc> {
        DateTime::from_timestamp_nanos(self.0)
    }
}

impl std::ops::Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, span: Duration) -> Self {
        Self(self.0.saturating_add(nanos(span)))
    }
}

impl std::ops::Sub<Duration> for Timestamp {
    type Output = Self;

    fn sub(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(nanos(span)))
    }
}

/// A span in nanoseconds, at most what fits.
pub(super) fn nanos(span: Duration) -> i64 {
    i64::try_from(span.as_nanos()).unwrap_or(i64::MAX)
}

impl From<DateTime<Utc>> for Timestamp {
    fn from(instant: DateTime<Utc>) -> Self {
        Self(instant.timestamp_nanos_opt().unwrap_or(if instant.timestamp() < 0 {
            i64::MIN
        } else {
            i64::MAX
        }))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_utc().to_rfc3339_opts(SecondsFormat::AutoSi, true))
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
