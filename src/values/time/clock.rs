//! What time is it? The only file that asks the machine.
//!
//! Time is an argument everywhere else, so that a test can move it and a replay gives the
//! same answers. Here the machine is asked, once for each command.
//!
//! A system call for each call would be one of the dearest parts of a warm reserve. So
//! each thread reads the wall clock ten times a second, and counts on from there with the
//! processor's counter. The error that this allows is bounded by the tenth of a second; a
//! leap or a correction of the wall clock is followed after that.

use std::cell::Cell;
use std::fmt;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

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

fn nanos(span: Duration) -> i64 {
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

impl std::str::FromStr for Timestamp {
    type Err = crate::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        DateTime::parse_from_rfc3339(text).map(|instant| instant.to_utc().into()).map_err(|_| {
            crate::Error::invalid("instant", format!("{text:?} is not an RFC 3339 date and time"))
        })
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

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

/// Tells the time to ledgers and enforcers.
///
/// Implement it to run budgets on a simulated or an external clock. Most programs use
/// [`SystemClock`], most tests [`ManualClock`]. A clock may jump back: ledgers keep their
/// own time, which never does. Answer fast and without waiting, because every command
/// asks.
///
/// # Example: the second call of a day waits until midnight
/// ```
/// use std::sync::Arc;
/// use std::time::Duration;
/// use token_budget::time::ManualClock;
/// use token_budget::usage::Unit;
/// use token_budget::{Budget, Call, Enforcer, MemoryLedger, Policy, Scope, Window};
///
/// # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
/// # runtime.block_on(async {
/// let clock = Arc::new(ManualClock::at("2026-11-22T18:00:00Z".parse()?));
/// let once = Budget::count("key", Scope::api_key("k1")?, Unit::Requests, 1, Window::day());
/// let ledger = MemoryLedger::with_clock(clock.clone());
/// let enforcer = Enforcer::builder().policy(Policy::new([once])?).ledger(ledger).clock(clock.clone()).build();
///
/// let call = Call::new("gpt-4o").api_key("k1").input_tokens(10).output_tokens(10);
/// let in_flight = enforcer.reserve(&call).await?.or_refusal()?.send();
/// let refused = enforcer.reserve(&call).await?.or_refusal().unwrap_err();
/// assert!(refused.retry_at().is_some());
///
/// clock.advance(Duration::from_secs(6 * 3_600)); // midnight in UTC
/// assert!(enforcer.reserve(&call).await?.is_admitted());
/// # drop(in_flight);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// The present instant.
    fn now(&self) -> Timestamp;
}

/// The machine's own clock.
///
/// Each thread reads the wall clock ten times a second, and counts on from there with the
/// processor's time-stamp counter, which costs a third as much. So a step of the wall
/// clock is followed after a tenth of a second at most, and between two readings the
/// counter may be off by some microseconds. If the processor has no counter that fits,
/// the operating system's monotonic clock takes its place. The first reading in a process
/// compares counter and clock, which takes a few milliseconds, at most two hundred.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[inline]
    fn now(&self) -> Timestamp {
        static COUNTER: LazyLock<quanta::Clock> = LazyLock::new(quanta::Clock::new);
        let counter = &*COUNTER;
        let anchor = ANCHOR.try_with(Cell::get).unwrap_or(Anchor::NONE);
        anchor.at(counter, counter.raw()).unwrap_or_else(|| drop_anchor(counter))
    }
}

thread_local! {
    /// A thread's own, so that two threads never wait for one another's.
    static ANCHOR: Cell<Anchor> = const { Cell::new(Anchor::NONE) };
}

/// What the counter showed at an instant of the wall clock.
#[derive(Clone, Copy, Debug)]
struct Anchor {
    raw: u64,
    wall: Timestamp,
}

impl Anchor {
    /// No counter has come this far, so that the first reading drops an anchor.
    const NONE: Self = Self { raw: u64::MAX, wall: Timestamp::EPOCH };
    const NANOS_MAX: u64 = 100_000_000;

    /// The instant at which the counter shows `raw`; `None` if the anchor is too old, or
    /// the counter ran back.
    #[inline]
    fn at(self, counter: &quanta::Clock, raw: u64) -> Option<Timestamp> {
        if raw < self.raw {
            return None;
        }
        let age = counter.delta_as_nanos(self.raw, raw);
        let nanos = i64::try_from(age).ok().filter(|_| age < Self::NANOS_MAX)?;
        Some(Timestamp(self.wall.0.saturating_add(nanos)))
    }
}

/// Reads the wall clock, and anchors the counter to it. Tries four times to read both
/// within two microseconds; otherwise the wall clock alone answers this once.
#[cold]
fn drop_anchor(counter: &quanta::Clock) -> Timestamp {
    const ATTEMPTS: usize = 4;
    const GAP_NANOS_MAX: u64 = 2_000;
    for _ in 0..ATTEMPTS {
        let raw = counter.raw();
        let wall = wall_clock();
        // A thread that was interrupted between both readings would be wrong for a tenth of a second.
        if counter.delta_as_nanos(raw, counter.raw()) <= GAP_NANOS_MAX {
            let _ = ANCHOR.try_with(|anchor| anchor.set(Anchor { raw, wall }));
            return wall;
        }
    }
    wall_clock()
}

#[expect(clippy::disallowed_methods, reason = "this is the one place that asks")]
fn wall_clock() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::EPOCH + since_epoch
}

/// A clock that moves only when it is told to, for tests and simulations.
///
/// Give the same clock to the ledger and to the enforcer: windows are resolved by the
/// one, and holds end by the other.
///
/// # Example: twenty seconds later
/// ```
/// use std::time::Duration;
/// use token_budget::Clock;
/// use token_budget::time::{ManualClock, Timestamp};
///
/// let clock = ManualClock::at(Timestamp::from_secs(100));
/// clock.advance(Duration::from_secs(20));
/// assert_eq!(clock.now(), Timestamp::from_secs(120));
/// ```
#[derive(Debug, Default)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// A clock that shows `instant`.
    #[must_use]
    pub const fn at(instant: Timestamp) -> Self {
        Self(AtomicI64::new(instant.0))
    }

    /// Moves the clock to `instant`, forwards or backwards.
    pub fn set(&self, instant: Timestamp) {
        self.0.store(instant.0, Ordering::SeqCst);
    }

    /// Moves the clock forwards.
    pub fn advance(&self, span: Duration) {
        self.0.fetch_add(nanos(span), Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counter_keeps_to_the_wall_clock_on_every_thread() {
        // Longer than an anchor holds, so that each thread drops several.
        let until = wall_clock() + Duration::from_millis(250);
        let tolerance = Duration::from_millis(1);
        let keep_reading = || {
            let mut readings = 0_u64;
            loop {
                let before = wall_clock();
                let now = SystemClock.now();
                let after = wall_clock();
                assert!(before - tolerance <= now && now <= after + tolerance, "{before} {now} {after}");
                readings += 1;
                if after > until {
                    return readings;
                }
            }
        };
        let readings = std::thread::scope(|scope| {
            let threads = [scope.spawn(keep_reading), scope.spawn(keep_reading), scope.spawn(keep_reading)];
            threads.map(|thread| thread.join().expect("a thread that read on"))
        });
        assert!(readings.iter().all(|readings| *readings > 3), "{readings:?}");
    }

    #[test]
    fn an_anchor_is_left_when_it_is_old_or_the_counter_ran_back() {
        // A mocked counter counts nanoseconds.
        let (counter, mock) = quanta::Clock::mock();
        mock.increment(1_000_000_000_u64);
        let anchor = Anchor { raw: 1_000_000_000, wall: Timestamp::from_secs(7) };
        let at = |raw: u64| anchor.at(&counter, raw).map(Timestamp::as_nanos);
        assert_eq!(at(1_000_000_000), Some(7_000_000_000));
        assert_eq!(at(1_099_999_999), Some(7_099_999_999));
        assert_eq!(at(1_100_000_000), None);
        assert_eq!(at(999_999_999), None);
        assert!(Anchor::NONE.at(&counter, 1_000_000_000).is_none());
    }
}
