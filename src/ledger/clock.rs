//! What time is it in the books, where the machine's clock may jump?
//!
//! Ids, windows and ends of holds are judged by the ledger's time, so it must neither run back nor believe a clock that is
//! wrong by years. A [`LedgerClock`] reads a [`Clock`], and makes the ledger's time of it:
//!
//! | the machine's clock | the ledger's time | who hears of it |
//! | --- | --- | --- |
//! | goes on | is what the clock shows | |
//! | steps back | stands until the clock has caught up | [`ClockChange::Jumped`], for a second and more |
//! | stays an hour behind for ten minutes | stands | [`ClockChange::Stands`], once |
//! | steps forward by a minute to a day | is what the clock shows | [`ClockChange::Jumped`] |
//! | steps forward by more than a day | goes on by the monotonic clock; after ten minutes it is what the clock shows | [`ClockChange::Jumped`], at once |
//!
//! A step is what the monotonic clock does not bear out ([`Clock::monotonic`]): a process that slept for a week has not stepped.
//! A clock without a monotonic one is believed forwards.
//!
//! Why ten minutes: a clock that a wrong time server set is mostly set right within minutes, and a call is worth more than
//! its date. Who needs the new time at once opens the books anew while no other process has them open.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering::Relaxed};
use std::time::Duration;

use crate::Clock;
use crate::sync::Mutex;
use crate::values::Timestamp;

/// A step back of less is told to nobody: clocks are corrected by milliseconds all the time.
const BACK_MIN: Duration = Duration::from_secs(1);
/// A step forward of less is told to nobody.
const FORWARD_MIN: Duration = Duration::from_secs(60);
/// A step forward of more is not believed at once.
pub(super) const DAY: Duration = Duration::from_secs(86_400);
/// How long a clock has to stand where it is before that counts.
const STOOD: Duration = Duration::from_secs(600);
/// How far behind a clock is wrong and not merely corrected.
const BEHIND: Duration = Duration::from_secs(3_600);
/// How far readings are believed before the monotonic clock is asked again: it costs three times as much as a reading.
const TRUSTED_NANOS: i64 = 50_000_000;

/// What a ledger has to say of its clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClockChange {
    /// The clock stepped.
    Jumped {
        /// Ahead; else back.
        forwards: bool,
        /// How far.
        by: Duration,
    },
    /// The clock has stayed an hour or more behind the ledger's time for ten minutes; the ledger's time stands.
    Stands {
        /// How far behind.
        behind: Duration,
    },
}

/// Judges readings of a clock: pure, so that every edge can be tested.
#[derive(Debug)]
pub(crate) struct Timekeeper {
    /// The ledger's time at the last reading.
    time: Timestamp,
    last: Option<TwoClocks>,
    /// How long readings have gone on in all, by the monotonic clock where there is one.
    run: Duration,
    /// The time of others, by which the first reading is judged.
    others: Option<Timestamp>,
    /// Where the clock stood when it was first seen more than a day ahead, and how far `run` was.
    ahead: Option<(Timestamp, Duration)>,
    /// The last step that was taken: until a day after it, things are forgotten as of the instant before it.
    leapt: Option<Leap>,
    behind: Behind,
}

/// A step of more than a day that was taken.
#[derive(Clone, Copy, Debug)]
struct Leap {
    before: Timestamp,
    calm_until: Timestamp,
}

/// A reading of both clocks.
#[derive(Clone, Copy, Debug)]
struct TwoClocks {
    wall: Timestamp,
    monotonic: Option<Duration>,
}

impl TwoClocks {
    /// How long ago another reading was.
    fn since(self, earlier: Self) -> Duration {
        match (self.monotonic, earlier.monotonic) {
            (Some(now), Some(then)) => now.saturating_sub(then),
            _ => self.wall.since(earlier.wall),
        }
    }
}

impl Default for Timekeeper {
    fn default() -> Self {
        let time = Timestamp::MIN;
        Self {
            time,
            last: None,
            run: Duration::ZERO,
            others: None,
            ahead: None,
            leapt: None,
            behind: Behind::default(),
        }
    }
}

impl Timekeeper {
    /// The ledger's time, now that the clock shows `wall`; what came to light is told to `tell`.
    pub(crate) fn read(
        &mut self,
        wall: Timestamp,
        monotonic: Option<Duration>,
        tell: &mut dyn FnMut(ClockChange),
    ) -> Timestamp {
        let reading = TwoClocks { wall, monotonic };
        let ran = self.last.replace(reading).map(|last| reading.since(last));
        self.run = self.run.saturating_add(ran.unwrap_or_default());
        // The first reading is judged by the time of others alone, if at all.
        let others = self.others.take().filter(|others| ran.is_none() && wall.since(*others) > DAY);
        self.time = match (ran, others) {
            (None, None) => wall,
            (ran, others) => {
                self.time = others.unwrap_or(self.time);
                self.step(wall, ran.unwrap_or_default(), tell)
            }
        };
        self.behind.judge(self.time.since(wall), self.run, tell);
        self.time
    }

    /// Begins with the time of others: the first reading is judged by it.
    fn begin(&mut self, time: Timestamp) {
        self.others = Some(time);
    }

    /// Others show this time: a clock that is at most a day ahead of them is doubted no longer.
    fn hear(&mut self, time: Timestamp) {
        if let Some(last) = self.last.filter(|last| self.ahead.is_some() && last.wall.since(time) <= DAY) {
            self.ahead = None;
            self.time = self.time.max(last.wall);
        }
    }

    /// The ledger's time after another reading.
    fn step(&mut self, wall: Timestamp, ran: Duration, tell: &mut dyn FnMut(ClockChange)) -> Timestamp {
        let borne = self.time + ran;
        let by = wall.since(borne);
        if by <= DAY {
            // A suspicion was told when it came up.
            if self.ahead.take().is_none() && by >= FORWARD_MIN {
                tell(ClockChange::Jumped { forwards: true, by });
            }
            return self.time.max(wall);
        }
        // A clock that steps again while it is doubted has not stood.
        let run = self.run;
        let known =
            self.ahead.filter(|(first, since)| wall.since(*first + run.saturating_sub(*since)) <= DAY);
        if known.is_none() {
            tell(ClockChange::Jumped { forwards: true, by });
        }
        let (first, since) = known.unwrap_or((wall, run));
        if run.saturating_sub(since) < STOOD {
            self.ahead = Some((first, since));
            return borne;
        }
        self.ahead = None;
        // A second step within a day of the first was taken on the word of a clock that was wrong.
        let calm = self.leapt.filter(|leap| self.time < leap.calm_until);
        let before = calm.map_or(borne, |leap| leap.before);
        self.leapt = Some(Leap { before, calm_until: wall + DAY });
        wall
    }
}

/// Whether a clock is behind the ledger's time, and who knows.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Behind {
    is_told: bool,
    /// How far the readings had run when it was first an hour behind.
    since: Option<Duration>,
    stands_is_told: bool,
}

impl Behind {
    /// Notes how far behind the clock is, when readings have gone on for `run`.
    pub(super) fn judge(&mut self, behind: Duration, run: Duration, tell: &mut dyn FnMut(ClockChange)) {
        if behind.is_zero() {
            *self = Self::default();
            return;
        }
        if behind >= BACK_MIN && !self.is_told {
            self.is_told = true;
            tell(ClockChange::Jumped { forwards: false, by: behind });
        }
        if behind < BEHIND {
            self.since = None;
            return;
        }
        let since = *self.since.get_or_insert(run);
        if run.saturating_sub(since) >= STOOD && !self.stands_is_told {
            self.stands_is_told = true;
            tell(ClockChange::Stands { behind });
        }
    }
}

/// The ledger's time, for all threads that ask.
///
/// A store in this process reads its own clock through one, so that `store::Rows::at` never runs back and believes no
/// clock that is years ahead; it hands [`changes`](Self::changes) on with the rows.
pub struct LedgerClock {
    clock: Arc<dyn Clock>,
    /// A reading from here on, and before `until`, is the ledger's time as it stands.
    from: AtomicI64,
    until: AtomicI64,
    has_changes: AtomicBool,
    kept: Mutex<TimeAndChanges>,
}

#[derive(Debug, Default)]
struct TimeAndChanges {
    keeper: Timekeeper,
    changes: Vec<ClockChange>,
}

impl fmt::Debug for LedgerClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LedgerClock({:?})", self.clock)
    }
}

impl LedgerClock {
    /// The ledger's time by that clock.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let (from, until) = (AtomicI64::new(i64::MAX), AtomicI64::new(i64::MIN));
        Self { clock, from, until, has_changes: AtomicBool::new(false), kept: Mutex::default() }
    }

    /// The ledger's instant.
    #[inline]
    #[must_use]
    pub fn now(&self) -> Timestamp {
        let wall = self.clock.now();
        let nanos = wall.as_nanos();
        if nanos >= self.from.load(Relaxed) && nanos < self.until.load(Relaxed) {
            return wall;
        }
        self.judge(wall)
    }

    /// Begins with the time of others who use the same books: this clock is followed as it would be if it had stepped from there.
    pub fn begin(&self, time: Timestamp) {
        self.kept.lock().keeper.begin(time);
    }

    /// Whether this clock is more than a day ahead of what it is believed to be.
    #[must_use]
    pub fn is_doubted(&self) -> bool {
        self.kept.lock().keeper.ahead.is_some()
    }

    /// Others who use the same books show this time: where this clock agrees with them, it is doubted no longer.
    pub fn hear(&self, time: Timestamp) {
        self.kept.lock().keeper.hear(time);
    }

    /// Whether [`changes`](Self::changes) has any.
    #[inline]
    pub(super) fn has_changes(&self) -> bool {
        self.has_changes.load(Relaxed)
    }

    /// What came to light of the clock since the last time that anybody took it.
    #[must_use]
    pub fn changes(&self) -> Vec<ClockChange> {
        if !self.has_changes() {
            return Vec::new();
        }
        let mut kept = self.kept.lock();
        self.has_changes.store(false, Relaxed);
        std::mem::take(&mut kept.changes)
    }

    /// As of which instant things may be forgotten at that one: for a day after a step of more than a day, as of the instant
    /// before it. A clock that was wrong after all has then cost nothing.
    #[must_use]
    pub fn forgets_at(&self, now: Timestamp) -> Timestamp {
        let leapt = self.kept.lock().keeper.leapt;
        leapt.filter(|leap| now < leap.calm_until).map_or(now, |leap| leap.before)
    }

    #[cold]
    fn judge(&self, wall: Timestamp) -> Timestamp {
        let mut kept = self.kept.lock();
        let TimeAndChanges { keeper, changes } = &mut *kept;
        let time = keeper.read(wall, self.clock.monotonic(), &mut |told| changes.push(told));
        self.has_changes.store(!changes.is_empty(), Relaxed);
        if time == wall {
            self.from.store(wall.as_nanos(), Relaxed);
            self.until.store(wall.as_nanos().saturating_add(TRUSTED_NANOS), Relaxed);
        } else if time.since(wall) >= BACK_MIN || wall > time {
            // The clock is not trusted, so each reading is judged.
            self.until.store(i64::MIN, Relaxed);
        }
        time
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::ManualClock;

    const NOON: &str = "2026-11-22T12:00:00Z";
    const MINUTE: Duration = Duration::from_secs(60);

    fn at(text: &str) -> Timestamp {
        text.parse().expect("an instant")
    }

    /// A clock that shows noon, and the ledger's time by it.
    fn noon() -> (Arc<ManualClock>, LedgerClock) {
        let clock = Arc::new(ManualClock::at(at(NOON)));
        let ledger = LedgerClock::new(clock.clone());
        assert_eq!(ledger.now(), at(NOON));
        (clock, ledger)
    }

    #[test]
    fn a_clock_that_goes_on_for_a_month_is_followed_and_nothing_is_told() {
        let (clock, ledger) = noon();
        clock.advance(30 * DAY);
        assert_eq!(ledger.now(), at("2026-12-22T12:00:00Z"));
        assert_eq!(ledger.changes(), []);
    }

    #[test]
    fn after_a_step_back_time_stands_until_the_clock_has_caught_up() {
        let (clock, ledger) = noon();
        clock.step(at("2026-11-22T11:59:00Z"));
        assert_eq!(ledger.now(), at(NOON));
        clock.advance(59 * Duration::from_secs(1));
        assert_eq!(ledger.now(), at(NOON));
        assert_eq!(ledger.changes(), [ClockChange::Jumped { forwards: false, by: MINUTE }]);
        clock.advance(2 * Duration::from_secs(1));
        assert_eq!(ledger.now(), at("2026-11-22T12:00:01Z"));
        // Less than a second is told to nobody.
        clock.step(at("2026-11-22T12:00:00.5Z"));
        assert_eq!((ledger.now(), ledger.changes()), (at("2026-11-22T12:00:01Z"), vec![]));
    }

    #[test]
    fn an_hour_behind_for_ten_minutes_is_told_once() {
        let (clock, ledger) = noon();
        clock.step(at("2026-11-22T10:50:00Z"));
        let mut told = Vec::new();
        for _ in 0..9 {
            let _ = ledger.now();
            clock.advance(MINUTE);
            told.extend(ledger.changes());
        }
        assert_eq!(told, [ClockChange::Jumped { forwards: false, by: 70 * MINUTE }]);
        let _ = ledger.now();
        assert_eq!(ledger.changes(), []); // nine minutes
        clock.advance(MINUTE);
        assert_eq!(ledger.now(), at(NOON));
        assert_eq!(ledger.changes(), [ClockChange::Stands { behind: 60 * MINUTE }]);
        clock.advance(MINUTE);
        assert_eq!((ledger.now(), ledger.changes()), (at(NOON), vec![]));
    }

    #[test]
    fn a_step_of_a_day_is_taken_at_once_and_a_longer_one_after_ten_minutes() {
        let (clock, ledger) = noon();
        clock.step(at("2026-11-23T12:00:00Z"));
        assert_eq!(ledger.now(), at("2026-11-23T12:00:00Z"));
        assert_eq!(ledger.changes(), [ClockChange::Jumped { forwards: true, by: DAY }]);

        clock.step(at("2030-01-01T00:00:00Z"));
        let by = at("2030-01-01T00:00:00Z").since(at("2026-11-23T12:00:00Z"));
        assert_eq!(ledger.now(), at("2026-11-23T12:00:00Z"));
        assert_eq!(ledger.changes(), [ClockChange::Jumped { forwards: true, by }]);
        clock.advance(10 * MINUTE - Duration::from_nanos(1));
        assert_eq!(ledger.now(), at("2026-11-23T12:09:59.999999999Z"));
        clock.advance(Duration::from_nanos(1));
        assert_eq!(ledger.now(), at("2030-01-01T00:10:00Z"));
        assert_eq!(ledger.changes(), []);
    }

    #[test]
    fn a_clock_that_comes_back_from_another_year_has_changed_nothing() {
        let (clock, ledger) = noon();
        clock.step(at("2030-01-01T00:00:00Z"));
        assert_eq!(ledger.now(), at(NOON));
        clock.advance(9 * MINUTE);
        assert_eq!(ledger.now(), at("2026-11-22T12:09:00Z"));
        clock.step(at("2026-11-22T12:09:30Z"));
        assert_eq!(ledger.now(), at("2026-11-22T12:09:30Z"));
        // A second one is told again, and has its own ten minutes.
        clock.step(at("2030-01-01T00:00:00Z"));
        clock.advance(2 * MINUTE);
        assert_eq!(ledger.now(), at("2026-11-22T12:11:30Z"));
        assert_eq!(ledger.changes().len(), 2);
    }

    #[test]
    fn for_a_day_after_a_step_nothing_is_forgotten_that_was_not_before_it() {
        let (clock, ledger) = noon();
        clock.step(at("2030-01-01T00:00:00Z"));
        let _ = ledger.now();
        clock.advance(10 * MINUTE);
        let now = ledger.now();
        assert_eq!(ledger.forgets_at(now), at("2026-11-22T12:10:00Z"));
        assert_eq!(ledger.forgets_at(now + DAY), now + DAY);
    }

    #[test]
    fn a_clock_without_a_monotonic_one_is_believed_forwards() {
        #[derive(Debug)]
        struct Bare(Arc<ManualClock>);
        impl Clock for Bare {
            fn now(&self) -> Timestamp {
                self.0.now()
            }
        }
        let manual = Arc::new(ManualClock::at(at(NOON)));
        let ledger = LedgerClock::new(Arc::new(Bare(manual.clone())));
        let _ = ledger.now();
        manual.step(at("2030-01-01T00:00:00Z"));
        assert_eq!((ledger.now(), ledger.changes()), (at("2030-01-01T00:00:00Z"), vec![]));
    }

    #[test]
    fn a_clock_that_steps_again_while_it_is_doubted_has_not_stood() {
        let (clock, ledger) = noon();
        clock.step(at("2030-01-01T00:00:00Z"));
        let _ = ledger.now();
        clock.advance(9 * MINUTE);
        clock.step(at("2099-01-01T00:00:00Z"));
        let _ = ledger.now();
        clock.advance(9 * MINUTE);
        assert_eq!(ledger.now(), at("2026-11-22T12:18:00Z"));
        assert_eq!(ledger.changes().len(), 2);
    }

    #[test]
    fn after_two_steps_in_a_day_things_are_forgotten_as_of_the_first() {
        let (clock, ledger) = noon();
        for year in ["2030-01-01T00:00:00Z", "2040-01-01T00:00:00Z"] {
            clock.step(at(year));
            let _ = ledger.now();
            clock.advance(10 * MINUTE);
            let _ = ledger.now();
        }
        let now = ledger.now();
        assert_eq!((now, ledger.forgets_at(now)), (at("2040-01-01T00:10:00Z"), at("2026-11-22T12:10:00Z")));
    }

    #[test]
    fn a_doubted_clock_is_believed_once_others_show_its_time() {
        let clock = Arc::new(ManualClock::at(at(NOON)));
        let ledger = LedgerClock::new(clock.clone());
        ledger.begin(at(NOON) - 3 * DAY); // they slept as well, and have not shown the new day yet
        assert_eq!((ledger.now(), ledger.is_doubted()), (at(NOON) - 3 * DAY, true));
        ledger.hear(at(NOON));
        clock.advance(MINUTE);
        assert_eq!((ledger.now(), ledger.is_doubted()), (at(NOON) + MINUTE, false));
    }

    #[test]
    fn whoever_begins_beside_others_is_judged_by_their_time() {
        let mut keeper = Timekeeper::default();
        keeper.begin(at(NOON));
        let mut told = Vec::new();
        let wall = at("2026-12-28T12:00:00Z"); // 36 days ahead
        let time = keeper.read(wall, Some(Duration::ZERO), &mut |changes| told.push(changes));
        assert_eq!((time, told), (at(NOON), vec![ClockChange::Jumped { forwards: true, by: 36 * DAY }]));
    }
}
