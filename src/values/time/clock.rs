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
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::Timestamp;
use super::instant::nanos;

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

    /// How long something has run that nobody sets: only differences count. It bears out what `now` shows, so that a ledger
    /// can tell an hour that passed from a clock that was set an hour ahead.
    ///
    /// It should go on while the machine sleeps. Without one, every step forward of `now` is believed.
    fn monotonic(&self) -> Option<Duration> {
        None
    }
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

    fn monotonic(&self) -> Option<Duration> {
        Some(sleepless())
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
        Some(Timestamp::from_nanos(self.wall.as_nanos().saturating_add(nanos)))
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

/// The system's monotonic clock, and how long the machine has slept, which that clock leaves out on Linux.
///
/// Sleep shows as a step of the wall clock beside the monotonic one. So the time since boot, which counts it, is read at such
/// steps alone.
#[expect(clippy::disallowed_methods, reason = "this is the one place that asks")]
fn sleepless() -> Duration {
    static START: LazyLock<(Instant, Option<Duration>)> = LazyLock::new(|| (Instant::now(), since_boot()));
    static SLEPT_NANOS: AtomicI64 = AtomicI64::new(0);
    /// How far the wall clock was ahead of what this function answers.
    static AHEAD: AtomicI64 = AtomicI64::new(0);
    const STEP_NANOS: u64 = 1_000_000_000;
    let (start, booted) = &*START;
    let ran = start.elapsed();
    let slept = SLEPT_NANOS.load(Ordering::Relaxed);
    let ahead = wall_clock().as_nanos().saturating_sub(nanos(ran)).saturating_sub(slept);
    if ahead.abs_diff(AHEAD.load(Ordering::Relaxed)) > STEP_NANOS {
        AHEAD.store(ahead, Ordering::Relaxed);
        if let (Some(then), Some(now)) = (booted, since_boot()) {
            let slept = nanos(now.saturating_sub(*then).saturating_sub(ran));
            SLEPT_NANOS.fetch_max(slept, Ordering::Relaxed);
        }
    }
    let slept = u64::try_from(SLEPT_NANOS.load(Ordering::Relaxed)).unwrap_or(0);
    ran.saturating_add(Duration::from_nanos(slept))
}

/// How long ago the machine was started, sleep included; `None` where the system does not tell in a file.
fn since_boot() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/uptime").ok()?;
    let (seconds, rest) = text.split_once('.')?;
    let hundredths: u64 = rest.get(..2)?.parse().ok()?;
    Some(
        Duration::from_secs(seconds.parse().ok()?)
            .saturating_add(Duration::from_millis(hundredths.saturating_mul(10))),
    )
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
pub struct ManualClock {
    wall: AtomicI64,
    /// What its monotonic clock shows, in nanoseconds.
    ran: AtomicI64,
}

impl ManualClock {
    /// A clock that shows `instant`.
    #[must_use]
    pub const fn at(instant: Timestamp) -> Self {
        Self { wall: AtomicI64::new(instant.as_nanos()), ran: AtomicI64::new(0) }
    }

    /// Moves the clock to `instant`. Forwards, that much time has passed; backwards, the clock has stepped.
    pub fn set(&self, instant: Timestamp) {
        let before = Timestamp::from_nanos(self.wall.swap(instant.as_nanos(), Ordering::SeqCst));
        self.ran.fetch_add(nanos(instant.since(before)), Ordering::SeqCst);
    }

    /// Moves the clock forwards: that much time passes.
    pub fn advance(&self, span: Duration) {
        self.wall.fetch_add(nanos(span), Ordering::SeqCst);
        self.ran.fetch_add(nanos(span), Ordering::SeqCst);
    }

    /// Sets the clock to `instant` although no time has passed, as somebody does who sets a clock.
    pub fn step(&self, instant: Timestamp) {
        self.wall.store(instant.as_nanos(), Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_nanos(self.wall.load(Ordering::SeqCst))
    }

    fn monotonic(&self) -> Option<Duration> {
        u64::try_from(self.ran.load(Ordering::SeqCst)).ok().map(Duration::from_nanos)
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
