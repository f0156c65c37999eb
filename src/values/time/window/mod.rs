//! Over which stretch of time does a budget count?
//!
//! A window is a rule, a period is one stretch that the rule makes. No job resets
//! anything: at midnight the rule simply gives another period, whose balance is empty. So
//! a machine that was down at midnight, or a test with a clock of its own, gets the same
//! answer.
//!
//! Rolling windows count in sub-periods, because an exact one would have to remember
//! every charge. Worked example: a rolling hour has 60 sub-periods of a minute. At
//! 14:05:30 the running one is 14:05, and the 60 before it are 13:05 to 14:04, so 61
//! count together: all of the last hour, and up to one minute more. What was spent at
//! 13:05:10 leaves at 14:06:00, 60 minutes and 50 seconds later: never early, and late by
//! less than one sub-period.

mod calendar;
mod length;
mod local;
mod period;
mod text;

use std::fmt;
use std::time::Duration;

use chrono::{NaiveTime, Timelike, Weekday};
use chrono_tz::Tz;

use crate::Error;
use crate::values::Timestamp;
use crate::values::name::did_you_mean;

use calendar::{Calendar, Unit};
use length::Length;
pub use period::Period;

/// A rolling window is made of that many sub-periods: an hour lets go minute by minute,
/// and each account keeps 61 figures.
const SUB_PERIODS: i64 = 60;

/// The stretch of time over which a budget counts.
///
/// There are four kinds:
///
/// - **calendar** windows, minute to year, on the clock of a named zone (UTC
///   unless told). A day opens at midnight, a week on Monday, a month on its
///   first day, quarters and years in January, unless the window says
///   otherwise;
/// - **rolling** windows: the last 30 days, whenever you ask. They are made of
///   60 sub-periods and err towards caution by at most one;
/// - **fixed** windows: one duration laid end to end from an anchor;
/// - the **lifetime** of the budget.
///
/// A window is a pure function from an instant to a [`Period`]; no job ever
/// resets anything. Its periods lie end to end, and each contains the instant
/// at which it opens and not the one at which it ends.
///
/// # When the clock changes
/// Where local time skips the opening, the first instant after the gap opens
/// the window; where it comes twice, the first. Minutes and hours are counted
/// as they pass instead: an hour opens when the zone's clock shows a full one,
/// so the hour that comes twice is two windows and the one that is skipped is
/// none. (Where the clock moves by half an hour, as on Lord Howe, one hour
/// window takes half an hour more or less.)
///
/// # Text
/// A window is written and read as its unit, zone and openings, in one line
/// (serde writes this, too), and equal windows are written alike:
///
/// | Text | Window |
/// |---|---|
/// | `month` (also `monthly`) | a calendar month in UTC |
/// | `month@Europe/Berlin day=15 hour=6` | from the 15th at six in the morning |
/// | `30d` | the last 30 days; not a month. Units: `s`, `m` (minutes), `h`, `d`, `w`; also `ms`, `ns` |
/// | `30d anchor=2026-01-01T00:00:00Z` | 30 days each, one of which opened then |
/// | `lifetime` | all time |
///
/// Serde also reads a table: `{ every = "month", zone = "Europe/Berlin", day =
/// 15, hour = 6 }` (besides `minute`, `weekday` and `month`), `{ rolling =
/// "30d" }`, or `{ fixed = "30d", anchor = "2026-01-01T00:00:00Z" }`.
///
/// # Example: the last instant of November in Berlin
/// ```
/// use token_budget::time::Timestamp;
/// use token_budget::Window;
///
/// let month = Window::month().in_zone("Europe/Berlin")?;
/// assert_eq!(month, "month@Europe/Berlin".parse()?);
///
/// // Berlin is an hour ahead of UTC in winter.
/// let november = month.period("2026-11-30T22:59:59.999999999Z".parse()?);
/// let december = month.period("2026-11-30T23:00:00Z".parse()?);
/// assert_eq!(november.until, december.from);
/// assert_eq!(december.number, november.number + 1);
/// assert_eq!(month.label(november.number), "2026-11");
/// assert_eq!(month.label(december.number), "2026-12");
/// # Ok::<(), token_budget::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Window(Kind);

/// The four rules.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Kind {
    Calendar(Calendar),
    /// Nanoseconds, above zero.
    Rolling(i64),
    /// Nanoseconds, above zero, and an instant at which one of them opens.
    Fixed(i64, Timestamp),
    Lifetime,
}

impl Window {
    /// A minute of the clock, in UTC.
    #[must_use]
    pub const fn minute() -> Self {
        Self::every(Unit::Minute)
    }

    /// An hour of the clock, in UTC.
    #[must_use]
    pub const fn hour() -> Self {
        Self::every(Unit::Hour)
    }

    /// A day from midnight, in UTC.
    #[must_use]
    pub const fn day() -> Self {
        Self::every(Unit::Day)
    }

    /// A week from Monday, in UTC.
    #[must_use]
    pub const fn week() -> Self {
        Self::every(Unit::Week)
    }

    /// A calendar month, in UTC.
    #[must_use]
    pub const fn month() -> Self {
        Self::every(Unit::Month)
    }

    /// Three months from January, April, July or October, in UTC.
    #[must_use]
    pub const fn quarter() -> Self {
        Self::every(Unit::Quarter)
    }

    /// A year from January, in UTC.
    #[must_use]
    pub const fn year() -> Self {
        Self::every(Unit::Year)
    }

    const fn every(unit: Unit) -> Self {
        Self(Kind::Calendar(Calendar::new(unit)))
    }

    /// All time: what is spent counts for as long as the budget lives.
    #[must_use]
    pub const fn lifetime() -> Self {
        Self(Kind::Lifetime)
    }

    /// The last minute, for rates such as tokens per minute.
    #[must_use]
    pub const fn rolling_minute() -> Self {
        Self(Kind::Rolling(60_000_000_000))
    }

    /// The last `length`, whenever you ask.
    ///
    /// What was spent ages out in steps of a sixtieth of the length (rounded up to a
    /// nanosecond), never early and at most one such step late. Use a rolling window for
    /// rates ("tokens per minute") and for limits that nobody should be able to double by
    /// waiting for midnight; use a calendar window if people think in days and months, or
    /// if the provider bills by them.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) for a length of zero
    /// or of more than 292 years.
    pub fn rolling(length: Duration) -> Result<Self, Error> {
        nanos("rolling", length).map(|nanos| Self(Kind::Rolling(nanos)))
    }

    /// Windows of that length laid end to end, one of which opens at `anchor`.
    ///
    /// They reach back before the anchor, too, and ignore every calendar.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) for a length of zero
    /// or of more than 292 years.
    ///
    /// # Example: thirty days are not a month
    /// ```
    /// use std::time::Duration;
    /// use token_budget::time::Timestamp;
    /// use token_budget::Window;
    ///
    /// let anchor = "2026-01-01T00:00:00Z".parse()?;
    /// let window = Window::fixed(Duration::from_secs(30 * 86_400), anchor)?;
    /// let first = window.period(anchor);
    /// assert_eq!(first.until, "2026-01-31T00:00:00Z".parse()?);
    /// assert_eq!(window.label(first.number), "30d from 2026-01-01T00:00:00Z");
    /// # Ok::<(), token_budget::Error>(())
    /// ```
    pub fn fixed(length: Duration, anchor: Timestamp) -> Result<Self, Error> {
        nanos("fixed", length).map(|nanos| Self(Kind::Fixed(nanos, anchor)))
    }

    /// The same calendar window on the clock of that zone of the IANA database.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) for a zone that the
    /// database lacks, or a window that follows no calendar.
    pub fn in_zone(self, name: &str) -> Result<Self, Error> {
        let zone = name.parse().map_err(|_| {
            let hint = zone_hint(name);
            Error::invalid(
                "zone",
                format!("{name:?} is not in the zone database; write one as Europe/Berlin{hint}"),
            )
        })?;
        self.in_tz(zone)
    }

    /// The same calendar window on the clock of that zone.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) for a window that
    /// follows no calendar: rolling, fixed, lifetime.
    pub fn in_tz(self, zone: Tz) -> Result<Self, Error> {
        self.adjust("zone", Unit::Minute, |calendar| calendar.zone = zone)
    }

    /// The same window, opening at that full hour: `opening_at_hour(6)`.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) for an hour above 23,
    /// or a window other than day, week, month, quarter and year.
    pub fn opening_at_hour(self, hour: u32) -> Result<Self, Error> {
        let time = NaiveTime::from_hms_opt(hour, 0, 0);
        self.opening_at(time.ok_or_else(|| Error::invalid("hour", out_of(hour, 0, 23)))?)
    }

    /// The same window, opening at that local time, which is a whole minute.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) for a time with
    /// seconds, or a window other than day, week, month, quarter and year.
    pub fn opening_at(self, time: NaiveTime) -> Result<Self, Error> {
        if time.second() != 0 || time.nanosecond() != 0 {
            return Err(Error::invalid("hour", format!("{time} is not a whole minute")));
        }
        self.adjust("hour", Unit::Day, |calendar| calendar.time = time)
    }

    /// The same week, opening on that weekday.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) for a window other
    /// than a week.
    pub fn opening_on(self, weekday: Weekday) -> Result<Self, Error> {
        match &self.0 {
            Kind::Calendar(calendar) if calendar.unit == Unit::Week => {
                self.adjust("weekday", Unit::Week, |calendar| calendar.weekday = weekday)
            }
            _ => Err(Error::invalid("weekday", format!("does not fit {:?}, only a week", self.to_string()))),
        }
    }

    /// The same window, opening on that day of the month, or on the last day
    /// of a month that lacks it.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) for a day that no
    /// month has, or a window other than month, quarter and year.
    ///
    /// # Example: the 31st of February
    /// ```
    /// use token_budget::time::Timestamp;
    /// use token_budget::Window;
    ///
    /// let month = Window::month().opening_on_day(31)?;
    /// let period = month.period("2026-03-15T12:00:00Z".parse()?);
    /// assert_eq!(period.from, "2026-02-28T00:00:00Z".parse()?);
    /// assert_eq!(period.until, "2026-03-31T00:00:00Z".parse()?);
    /// assert_eq!(month.label(period.number), "month from 2026-02-28");
    /// # Ok::<(), token_budget::Error>(())
    /// ```
    pub fn opening_on_day(self, day: u32) -> Result<Self, Error> {
        if !(1..=31).contains(&day) {
            return Err(Error::invalid("day", out_of(day, 1, 31)));
        }
        self.adjust("day", Unit::Month, |calendar| calendar.day = day)
    }

    /// The same year or quarter, opening in that month: 4 is April.
    ///
    /// Quarters that open in February also open in May, August and November.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) for a number outside
    /// 1 to 12, or a window other than quarter and year.
    pub fn opening_in(self, month: u32) -> Result<Self, Error> {
        if !(1..=12).contains(&month) {
            return Err(Error::invalid("month", out_of(month, 1, 12)));
        }
        self.adjust("month", Unit::Quarter, |calendar| calendar.month = month)
    }

    /// The same window after `change`, which fits calendar units from `shortest` upwards.
    fn adjust(self, field: &str, shortest: Unit, change: impl FnOnce(&mut Calendar)) -> Result<Self, Error> {
        match self.0 {
            Kind::Calendar(mut calendar) if calendar.unit >= shortest => {
                change(&mut calendar);
                Ok(Self(Kind::Calendar(calendar)))
            }
            _ => {
                let (window, shortest) = (self.to_string(), shortest.name());
                let problem =
                    format!("does not fit {window:?}, only calendar windows of a {shortest} or more");
                Err(Error::invalid(field, problem))
            }
        }
    }

    /// The period that contains that instant.
    ///
    /// It answers for every instant; the first and the last period are cut off where
    /// [`Timestamp`] ends. A calendar window in a zone takes some 300 nanoseconds, so
    /// keep the answer until its `until`.
    #[must_use]
    pub fn period(&self, at: Timestamp) -> Period {
        match &self.0 {
            Kind::Calendar(calendar) => calendar.period(at),
            Kind::Rolling(length) => Period { span: 61, ..laid(sub_period(*length), Timestamp::EPOCH, at) },
            Kind::Fixed(length, anchor) => laid(*length, *anchor, at),
            Kind::Lifetime => Period { number: 0, from: Timestamp::MIN, until: Timestamp::MAX, span: 1 },
        }
    }

    /// When the balance that counts at `at` starts again from nothing.
    ///
    /// `None` if it never does: a rolling window lets go bit by bit, a lifetime not at
    /// all.
    #[must_use]
    pub fn resets_at(&self, at: Timestamp) -> Option<Timestamp> {
        match &self.0 {
            Kind::Calendar(_) | Kind::Fixed(..) => Some(self.period(at).until),
            Kind::Rolling(_) | Kind::Lifetime => None,
        }
    }

    /// Whether this is a rolling window.
    #[must_use]
    pub fn is_rolling(&self) -> bool {
        matches!(self.0, Kind::Rolling(_))
    }

    /// The length of a rolling window; absent for every other.
    #[must_use]
    pub fn rolling_length(&self) -> Option<Duration> {
        match self.0 {
            Kind::Rolling(length) => Some(Duration::from_nanos(length.unsigned_abs())),
            _ => None,
        }
    }

    /// What people call the period of that number.
    ///
    /// Days, weeks, months, quarters and years are `2026-11-22`, `2026-W47`,
    /// `2026-11`, `2026-Q4` and `2026`; where they open on a day of their own,
    /// `week from 2026-11-22`. Hours and minutes are `2026-11-22T14` and
    /// `2026-11-22T14:05`, in a named zone with its offset: `2026-11-22T14+01:00`.
    /// The others are `the last 30d`, `30d from 2026-01-01T00:00:00Z` and `lifetime`.
    #[must_use]
    pub fn label(&self, number: i64) -> String {
        match &self.0 {
            Kind::Calendar(calendar) => calendar.label(number),
            Kind::Rolling(length) => format!("the last {}", Length(*length)),
            Kind::Fixed(length, anchor) => {
                format!("{} from {}", Length(*length), opening(*length, *anchor, number))
            }
            Kind::Lifetime => "lifetime".to_owned(),
        }
    }
}

impl fmt::Debug for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Window({self})")
    }
}

fn nanos(field: &str, length: Duration) -> Result<i64, Error> {
    match i64::try_from(length.as_nanos()) {
        Ok(0) => Err(Error::invalid(field, "a duration must be above zero")),
        Ok(nanos) => Ok(nanos),
        Err(_) => Err(Error::invalid(field, "a duration ends at 292 years; for all time, write lifetime")),
    }
}

fn out_of(value: u32, least: u32, most: u32) -> String {
    format!("{value} is not between {least} and {most}")
}

/// A sixtieth of the length, rounded up, so that sixty of them cover at least the window.
fn sub_period(length: i64) -> i64 {
    let sixtieth = length.div_euclid(SUB_PERIODS);
    sixtieth.saturating_add(i64::from(length.rem_euclid(SUB_PERIODS) > 0))
}

/// The period around `at` among those of `length` laid end to end from `anchor`.
///
/// Periods are counted from the first one that opens at the epoch or after it, not from
/// the anchor, so that the number of every instant fits. Worked example with a length of
/// 10 and an anchor at 23: the phase is 23 mod 10 = 3, periods open at …, −7, 3, 13, 23,
/// and number 0 opens at 3. The instant 25 is 25 ÷ 10 = 2, and 25 mod 10 = 5 is not
/// before the phase, so its number is 2; it has passed 5 − 3 = 2, so the period is [23,
/// 33). The instant 22 is 2 by division, but 2 is before the phase 3, so its number is 1:
/// [13, 23).
fn laid(length: i64, anchor: Timestamp, at: Timestamp) -> Period {
    let nanos = at.as_nanos();
    let phase = remainder(anchor.as_nanos(), length);
    let since_epoch = remainder(nanos, length);
    let began_before = since_epoch < phase;
    let number = nanos.checked_div_euclid(length).unwrap_or(0).saturating_sub(i64::from(began_before));
    let passed = since_epoch.saturating_sub(phase).saturating_add(if began_before { length } else { 0 });
    Period {
        number,
        from: Timestamp::from_nanos(nanos.saturating_sub(passed)),
        until: Timestamp::from_nanos(nanos.saturating_add(length.saturating_sub(passed))),
        span: 1,
    }
}

/// When the period of that number opens: the inverse of [`laid`].
fn opening(length: i64, anchor: Timestamp, number: i64) -> Timestamp {
    let phase = remainder(anchor.as_nanos(), length);
    let nanos = i128::from(number).saturating_mul(length.into()).saturating_add(phase.into());
    let end = if nanos < 0 { i64::MIN } else { i64::MAX };
    Timestamp::from_nanos(i64::try_from(nanos).unwrap_or(end))
}

fn remainder(nanos: i64, length: i64) -> i64 {
    nanos.checked_rem_euclid(length).unwrap_or(0)
}

/// Which zone was most likely meant: that of a city (`Berlin`, `new york`), or one spelt alike.
fn zone_hint(name: &str) -> String {
    let zones = || chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name());
    let city = name.trim().replace([' ', '-'], "_");
    let is_its = |zone: &&str| zone.rsplit('/').next().is_some_and(|end| end.eq_ignore_ascii_case(&city));
    let of_city: Vec<&str> = zones().filter(is_its).take(3).collect();
    match of_city.as_slice() {
        [] => did_you_mean(name, zones()),
        found => format!("; did you mean {}?", found.join(" or ")),
    }
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "a test may panic where its sums overflow")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn instant(text: &str) -> Timestamp {
        text.parse().expect("test instant")
    }

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_rolling_window_counts_sixty_sub_periods_and_the_running_one() {
        let hour = Window::rolling(seconds(3600)).expect("an hour");
        let period = hour.period(instant("2026-11-22T14:05:59.999999999Z"));
        assert_eq!(period.from, instant("2026-11-22T14:05:00Z"));
        assert_eq!(period.until, instant("2026-11-22T14:06:00Z"));
        assert_eq!(period.span, 61);
        assert_eq!(hour.period(period.until).number, period.number + 1);
        assert_eq!(hour.label(period.number), "the last 1h");
    }

    #[test]
    fn a_sixtieth_is_rounded_up_to_a_whole_nanosecond() {
        assert_eq!(sub_period(1), 1);
        assert_eq!(sub_period(60), 1);
        assert_eq!(sub_period(61), 2);
        // A second: 16,666,666.67 nanoseconds.
        assert_eq!(sub_period(1_000_000_000), 16_666_667);
        assert_eq!(sub_period(i64::MAX), 153_722_867_280_912_931);
    }

    #[test]
    fn fixed_windows_reach_both_ways_from_their_anchor() {
        let anchor = instant("2026-01-01T09:00:00Z");
        let window = Window::fixed(seconds(7 * 86_400), anchor).expect("a week");
        let first = window.period(anchor);
        let earlier = window.period(Timestamp::from_nanos(anchor.as_nanos() - 1));
        assert_eq!((first.from, first.until), (anchor, instant("2026-01-08T09:00:00Z")));
        assert_eq!((earlier.from, earlier.until), (instant("2025-12-25T09:00:00Z"), anchor));
        assert_eq!(earlier.number + 1, first.number);
        assert_eq!(window.label(earlier.number), "7d from 2025-12-25T09:00:00Z");
        assert_eq!(window.label(first.number), "7d from 2026-01-01T09:00:00Z");
    }

    #[test]
    fn a_lifetime_is_one_period_without_end() {
        for at in [Timestamp::MIN, Timestamp::EPOCH, Timestamp::MAX] {
            let period = Window::lifetime().period(at);
            assert_eq!((period.number, period.span), (0, 1));
            assert!(period.contains(at));
        }
        assert_eq!(Window::lifetime().label(0), "lifetime");
    }

    #[test]
    fn only_windows_that_start_again_have_an_instant_of_reset() {
        let at = instant("2026-11-22T14:05:00Z");
        let days = Window::fixed(seconds(86_400), instant("2026-01-01T06:00:00Z")).expect("a day");
        assert_eq!(Window::month().resets_at(at), Some(instant("2026-12-01T00:00:00Z")));
        assert_eq!(days.resets_at(at), Some(instant("2026-11-23T06:00:00Z")));
        assert_eq!(Window::rolling_minute().resets_at(at), None);
        assert_eq!(Window::lifetime().resets_at(at), None);
        assert!(Window::rolling_minute().is_rolling() && !Window::minute().is_rolling());
        assert_eq!(Window::minute().rolling_length(), None);
    }

    #[test]
    fn a_length_of_zero_or_of_three_centuries_is_refused() {
        let error = |length| Window::rolling(length).expect_err("refused").to_string();
        assert_eq!(error(Duration::ZERO), "rolling: a duration must be above zero");
        assert_eq!(
            error(seconds(300 * 366 * 86_400)),
            "rolling: a duration ends at 292 years; for all time, write lifetime"
        );
        assert!(Window::fixed(Duration::ZERO, Timestamp::EPOCH).is_err());
        assert!(Window::fixed(Duration::MAX, Timestamp::EPOCH).is_err());
    }

    fn any_nanos() -> impl Strategy<Value = i64> {
        prop_oneof![any::<i64>(), -5_i64..5, Just(i64::MIN), Just(i64::MAX)]
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

        #[test]
        fn durations_lie_end_to_end_and_are_numbered_without_gaps(
            length in prop_oneof![1..=i64::MAX, 1_i64..200],
            anchor in any_nanos(),
            at in any_nanos(),
        ) {
            let (anchor, at) = (Timestamp::from_nanos(anchor), Timestamp::from_nanos(at));
            let length = Duration::from_nanos(length.unsigned_abs());
            for window in [Window::rolling(length).expect("fits"), Window::fixed(length, anchor).expect("fits")] {
                let period = window.period(at);
                prop_assert!(period.contains(at));
                prop_assert_eq!(window.period(period.from), period);
                if period.until < Timestamp::MAX {
                    let last = Timestamp::from_nanos(period.until.as_nanos() - 1);
                    prop_assert_eq!(window.period(last), period);
                    let next = window.period(period.until);
                    prop_assert_eq!((next.number, next.from), (period.number + 1, period.until));
                }
                prop_assert_eq!(window.to_string().parse::<Window>().expect("its own text"), window);
            }
        }

        #[test]
        fn a_rolling_window_never_forgets_early_and_at_most_one_sub_period_late(
            length in 1_i64..1_000_000_000_000_000,
            at in -1_000_000_000_000_000_000_i64..1_000_000_000_000_000_000,
        ) {
            let running = Window(Kind::Rolling(length)).period(Timestamp::from_nanos(at));
            let counted_from = running.from.as_nanos() - 60 * sub_period(length);
            prop_assert!(counted_from <= at - length);
            // Sixty roundings of less than a nanosecond each come on top.
            prop_assert!(counted_from > at - length - sub_period(length) - 60);
        }

        #[test]
        fn one_end_of_time_has_a_label_like_any_other(length in 1..=i64::MAX, number in any_nanos()) {
            let window = Window(Kind::Fixed(length, Timestamp::EPOCH));
            prop_assert!(window.label(number).contains(" from "));
        }
    }

    // Whoever wrote the city alone was shown how a zone is spelt, and had to find its own.
    #[test]
    fn a_zone_that_is_named_by_its_city_is_told_in_full() {
        let told = |name: &str| Window::day().in_zone(name).expect_err(name).to_string();
        assert!(told("Berlin").ends_with("; did you mean Europe/Berlin?"), "{}", told("Berlin"));
        assert!(told("new york").ends_with("; did you mean America/New_York?"), "{}", told("new york"));
        assert!(told("Europe/Berln").ends_with("; did you mean Europe/Berlin?"), "{}", told("Europe/Berln"));
        assert!(told("Atlantis").ends_with("write one as Europe/Berlin"), "{}", told("Atlantis"));
    }
}
