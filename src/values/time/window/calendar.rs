//! Which calendar window contains an instant, and when does it open?
//!
//! Two steps, each the inverse of the other: which window does a clock with this reading
//! show ([`Calendar::number_shown`]), and what does the clock show when window *n* opens
//! ([`Calendar::opening_reading`])? Both are plain arithmetic on the local date. The zone
//! comes in only between them: what does the local clock show at this instant, and when
//! does it show a given reading for the first time ([`LocalClock`])?
//!
//! Windows cannot overlap or leave a gap, because window *n* ends where window *n* + 1
//! opens, by definition, and openings are the *first* instant of a reading.
//!
//! Worked example, a gap: a day in São Paulo on 4 November 2018. At midnight the clock
//! jumped from 00:00 to 01:00, so 00:00 was never shown. The first instant that shows
//! 00:00 *or more* is 01:00 local, 03:00 UTC, and there the day opens. It has 23 hours.
//!
//! Worked example, a repetition: on 18 February 2018 the same clock was set back at
//! midnight, from 00:00 to 23:00 of the 17th. At 02:30 UTC it shows 23:30 of the 17th.
//! The 17th goes on until 00:00 is shown for the first time, at 03:00 UTC; the day has 25
//! hours, and no window opens twice.

use chrono::{DateTime, Datelike, FixedOffset, NaiveDate, NaiveTime, Timelike, Weekday};
use chrono_tz::Tz;

use crate::values::Timestamp;

use super::local::{LocalClock, offset_in};
use super::period::Period;

const DAY_SECONDS: i64 = 86_400;
/// 1970-01-05, four days after the epoch: the first Monday opens week 0.
const MONDAY: i64 = 4;

/// The units of a calendar, shortest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Unit {
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Quarter,
    Year,
}

impl Unit {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Quarter => "quarter",
            Self::Year => "year",
        }
    }

    /// How long one round of the unit's hand takes; longer units follow the date.
    const fn round(self) -> Option<i64> {
        match self {
            Self::Minute => Some(60),
            Self::Hour => Some(3600),
            _ => None,
        }
    }

    const fn months(self) -> i64 {
        match self {
            Self::Quarter => 3,
            Self::Year => 12,
            _ => 1,
        }
    }
}

/// A unit, the zone whose clock counts it, and what opens a window of it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Calendar {
    pub(super) unit: Unit,
    pub(super) zone: Tz,
    pub(super) month: u32,
    pub(super) day: u32,
    pub(super) weekday: Weekday,
    pub(super) time: NaiveTime,
}

impl Calendar {
    pub(super) const fn new(unit: Unit) -> Self {
        Self { unit, zone: Tz::UTC, month: 1, day: 1, weekday: Weekday::Mon, time: NaiveTime::MIN }
    }

    /// The window around that instant.
    ///
    /// The reading says which window the clock *shows*. After a clock was set back, it
    /// may show the window before one that has opened already; the loop then steps on to
    /// the one that is open.
    pub(super) fn period(&self, at: Timestamp) -> Period {
        let second = at.as_nanos().div_euclid(1_000_000_000);
        let mut number = self.number_shown(self.clock().reading(second));
        let mut until = self.opens(number.saturating_add(1));
        // A clock that is set back shows the window before; the one it had opened goes on.
        while until <= second {
            number = number.saturating_add(1);
            until = self.opens(number.saturating_add(1));
        }
        let from = Timestamp::from_secs(self.opens(number));
        Period { number, from, until: Timestamp::from_secs(until), span: 1 }
    }

    /// What people call that window: `2026-11`, `2026-W47`, `week from 2026-11-22`.
    pub(super) fn label(&self, number: i64) -> String {
        let label = match self.unit.round() {
            Some(_) => self.label_of_time(number),
            None => self.opening_date(number).map(|date| self.label_of_date(date)),
        };
        label.unwrap_or_else(|| format!("{} {number}", self.unit.name()))
    }

    fn label_of_date(&self, date: NaiveDate) -> String {
        match (self.unit, self.month, self.day, self.weekday) {
            (Unit::Week, _, _, Weekday::Mon) => date.format("%G-W%V").to_string(),
            (Unit::Month, _, 1, _) => date.format("%Y-%m").to_string(),
            (Unit::Quarter, 1, 1, _) => date.format("%Y-Q%q").to_string(),
            (Unit::Year, 1, 1, _) => date.format("%Y").to_string(),
            (Unit::Week | Unit::Month | Unit::Quarter | Unit::Year, ..) => {
                format!("{} from {}", self.unit.name(), date.format("%Y-%m-%d"))
            }
            (Unit::Minute | Unit::Hour | Unit::Day, ..) => date.format("%Y-%m-%d").to_string(),
        }
    }

    fn label_of_time(&self, number: i64) -> Option<String> {
        let opens = self.opens(number);
        let offset = i32::try_from(offset_in(self.zone, opens)).ok().and_then(FixedOffset::east_opt)?;
        let local = DateTime::from_timestamp(opens, 0)?.with_timezone(&offset);
        let pattern = if self.unit == Unit::Hour { "%Y-%m-%dT%H" } else { "%Y-%m-%dT%H:%M" };
        // The offset tells the two hours apart that a clock shows when it is set back.
        let zone = if self.zone == Tz::UTC { "" } else { "%:z" };
        Some(local.format(&format!("{pattern}{zone}")).to_string())
    }

    fn clock(&self) -> LocalClock {
        LocalClock { zone: self.zone, round: self.unit.round() }
    }

    /// The second at which that window opens.
    fn opens(&self, number: i64) -> i64 {
        self.clock().first_showing(self.opening_reading(number))
    }

    /// What the clock shows when that window opens.
    fn opening_reading(&self, number: i64) -> i64 {
        if let Some(round) = self.unit.round() {
            return number.saturating_mul(round);
        }
        let time = i64::from(self.time.num_seconds_from_midnight());
        match self.opening_date(number) {
            Some(date) => i64::from(date.to_epoch_days()).saturating_mul(DAY_SECONDS).saturating_add(time),
            // Beyond chrono's calendar, and a thousand times beyond any timestamp.
            None if number < 0 => i64::MIN,
            None => i64::MAX,
        }
    }

    /// The date on which that window opens; `None` only far beyond any timestamp.
    fn opening_date(&self, number: i64) -> Option<NaiveDate> {
        match self.unit {
            Unit::Minute | Unit::Hour => None,
            Unit::Day => date_of(number),
            Unit::Week => date_of(number.checked_mul(7)?.checked_add(self.first_week())?),
            Unit::Month | Unit::Quarter | Unit::Year => {
                let month = number.checked_mul(self.unit.months())?.checked_add(self.first_month())?;
                let year = i32::try_from(month.div_euclid(12)).ok()?;
                let month0 = u32::try_from(month.rem_euclid(12)).ok()?;
                let first = NaiveDate::from_ymd_opt(year, month0.checked_add(1)?, 1)?;
                first.with_day(self.opening_day(first))
            }
        }
    }

    /// The window that a clock with this reading is in: the inverse of `opening_reading`.
    fn number_shown(&self, reading: i64) -> i64 {
        if let Some(round) = self.unit.round() {
            return reading.checked_div_euclid(round).unwrap_or(0);
        }
        let time = i64::from(self.time.num_seconds_from_midnight());
        let day = reading.saturating_sub(time).div_euclid(DAY_SECONDS);
        match self.unit {
            Unit::Week => day.saturating_sub(self.first_week()).div_euclid(7),
            Unit::Month | Unit::Quarter | Unit::Year => {
                let month = date_of(day).map_or(0, |date| self.month_shown(date));
                let months = month.saturating_sub(self.first_month());
                months.checked_div_euclid(self.unit.months()).unwrap_or(0)
            }
            Unit::Minute | Unit::Hour | Unit::Day => day,
        }
    }

    /// Months since year zero; before its opening day a month still counts as the one before.
    fn month_shown(&self, date: NaiveDate) -> i64 {
        let month = i64::from(date.year()).saturating_mul(12).saturating_add(i64::from(date.month0()));
        month.saturating_sub(i64::from(date.day() < self.opening_day(date)))
    }

    /// The opening day of the date's month: its last day if it lacks the one asked for.
    fn opening_day(&self, date: NaiveDate) -> u32 {
        self.day.min(u32::from(date.num_days_in_month()))
    }

    /// The day since the epoch on which week 0 opens.
    fn first_week(&self) -> i64 {
        i64::from(self.weekday.num_days_from_monday()).saturating_add(MONDAY)
    }

    /// The month since year zero in which quarter 0 or year 0 opens; 0 for months themselves.
    fn first_month(&self) -> i64 {
        i64::from(self.month).saturating_sub(1)
    }
}

fn date_of(day: i64) -> Option<NaiveDate> {
    i32::try_from(day).ok().and_then(NaiveDate::from_epoch_days)
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "a test may panic where its sums overflow")]
mod tests {
    use proptest::prelude::*;

    use super::super::Window;
    use super::*;

    fn window(text: &str) -> Window {
        text.parse().expect("test window")
    }

    fn instant(text: &str) -> Timestamp {
        text.parse().expect("test instant")
    }

    /// Asserts that the window around `from` is [from, until), to the nanosecond on both sides.
    #[track_caller]
    fn assert_window(text: &str, from: &str, until: &str) -> Period {
        let window = window(text);
        let period = window.period(instant(from));
        assert_eq!((period.from, period.until), (instant(from), instant(until)), "{text}");
        assert_eq!(window.period(before(period.until)), period, "{text}: its last nanosecond");
        assert!(window.period(period.until).number > period.number, "{text}: the first instant after it");
        assert!(window.period(before(period.from)).number < period.number, "{text}: the last one before it");
        period
    }

    fn before(at: Timestamp) -> Timestamp {
        Timestamp::from_nanos(at.as_nanos() - 1)
    }

    #[test]
    fn every_unit_opens_where_the_calendar_says() {
        assert_window("minute", "2026-11-22T14:05:00Z", "2026-11-22T14:06:00Z");
        assert_window("hour", "2026-11-22T14:00:00Z", "2026-11-22T15:00:00Z");
        assert_window("day", "2026-11-22T00:00:00Z", "2026-11-23T00:00:00Z");
        // 22 November 2026 is a Sunday.
        assert_window("week", "2026-11-16T00:00:00Z", "2026-11-23T00:00:00Z");
        assert_window("month", "2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z");
        assert_window("quarter", "2026-10-01T00:00:00Z", "2027-01-01T00:00:00Z");
        assert_window("year", "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z");
    }

    #[test]
    fn windows_before_the_epoch_open_like_later_ones() {
        assert_window("day", "1969-12-31T00:00:00Z", "1970-01-01T00:00:00Z");
        assert_window("week", "1969-12-29T00:00:00Z", "1970-01-05T00:00:00Z");
        assert_window("month", "1969-12-01T00:00:00Z", "1970-01-01T00:00:00Z");
        assert_window("year", "1899-01-01T00:00:00Z", "1900-01-01T00:00:00Z");
    }

    #[test]
    fn openings_move_the_edges() {
        assert_window("day hour=6", "2026-11-22T06:00:00Z", "2026-11-23T06:00:00Z");
        assert_window("week weekday=sunday hour=6", "2026-11-22T06:00:00Z", "2026-11-29T06:00:00Z");
        assert_window("month day=15 minute=30", "2026-12-15T00:30:00Z", "2027-01-15T00:30:00Z");
        assert_window("quarter month=2", "2026-11-01T00:00:00Z", "2027-02-01T00:00:00Z");
        assert_window("quarter month=12 day=10", "2026-12-10T00:00:00Z", "2027-03-10T00:00:00Z");
        assert_window("year month=4 day=6", "2026-04-06T00:00:00Z", "2027-04-06T00:00:00Z");
    }

    #[test]
    fn a_month_that_lacks_the_opening_day_opens_on_its_last() {
        assert_window("month day=31", "2026-01-31T00:00:00Z", "2026-02-28T00:00:00Z");
        assert_window("month day=31", "2026-02-28T00:00:00Z", "2026-03-31T00:00:00Z");
        assert_window("month day=31", "2026-03-31T00:00:00Z", "2026-04-30T00:00:00Z");
        assert_window("month day=30", "2028-01-30T00:00:00Z", "2028-02-29T00:00:00Z");
        assert_window("month day=29", "2028-02-29T00:00:00Z", "2028-03-29T00:00:00Z");
        assert_window("year month=2 day=29", "2027-02-28T00:00:00Z", "2028-02-29T00:00:00Z");
        // 1900 was no leap year.
        assert_window("month day=29", "1900-02-28T00:00:00Z", "1900-03-29T00:00:00Z");
    }

    #[test]
    fn a_day_on_which_the_clock_is_moved_has_23_or_25_hours() {
        assert_window("day@America/New_York", "2026-03-08T05:00:00Z", "2026-03-09T04:00:00Z");
        assert_window("day@America/New_York", "2026-11-01T04:00:00Z", "2026-11-02T05:00:00Z");
        assert_window("day@Australia/Lord_Howe", "2026-04-04T13:00:00Z", "2026-04-05T13:30:00Z");
        assert_window("month@Europe/Berlin", "2026-02-28T23:00:00Z", "2026-03-31T22:00:00Z");
    }

    #[test]
    fn a_skipped_midnight_opens_the_day_at_the_first_instant_after_the_gap() {
        assert_window("day@America/Sao_Paulo", "2018-11-04T03:00:00Z", "2018-11-05T02:00:00Z");
        assert_window("day@Asia/Beirut", "2022-03-26T22:00:00Z", "2022-03-27T21:00:00Z");
        assert_window("day@Africa/Cairo", "2023-04-27T22:00:00Z", "2023-04-28T21:00:00Z");
    }

    #[test]
    fn a_clock_set_back_at_midnight_does_not_open_the_day_before_again() {
        // At midnight of the 18th the clock in Sao Paulo shows eleven in the evening.
        assert_window("day@America/Sao_Paulo", "2018-02-17T02:00:00Z", "2018-02-18T03:00:00Z");
        // In Havana one o'clock becomes midnight, which has been before: the first one counts.
        assert_window("day@America/Havana", "2026-11-01T04:00:00Z", "2026-11-02T05:00:00Z");
        // Goose Bay was set back at 00:01, so its first midnight lasted a minute and still counts.
        assert_window("day@America/Goose_Bay", "1987-10-25T03:00:00Z", "1987-10-26T04:00:00Z");
    }

    #[test]
    fn an_opening_inside_a_gap_waits_for_its_end_and_one_that_comes_twice_counts_once() {
        let daily = "day@America/New_York hour=2 minute=30";
        assert_window(daily, "2026-03-07T07:30:00Z", "2026-03-08T07:00:00Z");
        assert_window(daily, "2026-03-08T07:00:00Z", "2026-03-09T06:30:00Z");
        let daily = "day@America/New_York hour=1 minute=30";
        assert_window(daily, "2026-11-01T05:30:00Z", "2026-11-02T06:30:00Z");
    }

    #[test]
    fn a_day_that_never_was_leaves_its_number_out() {
        let last = assert_window("day@Pacific/Apia", "2011-12-29T10:00:00Z", "2011-12-30T10:00:00Z");
        let next = assert_window("day@Pacific/Apia", "2011-12-30T10:00:00Z", "2011-12-31T10:00:00Z");
        let days = window("day@Pacific/Apia");
        assert_eq!(next.number, last.number + 2);
        assert_eq!(days.label(last.number), "2011-12-29");
        assert_eq!(days.label(next.number), "2011-12-31");
        assert_window("month@Pacific/Apia day=30", "2011-12-30T10:00:00Z", "2012-01-29T10:00:00Z");
    }

    #[test]
    fn an_hour_that_the_clock_shows_twice_is_two_windows_and_a_skipped_one_is_none() {
        let first = assert_window("hour@Europe/Berlin", "2026-10-25T00:00:00Z", "2026-10-25T01:00:00Z");
        let second = assert_window("hour@Europe/Berlin", "2026-10-25T01:00:00Z", "2026-10-25T02:00:00Z");
        let hours = window("hour@Europe/Berlin");
        assert_eq!(second.number, first.number + 1);
        assert_eq!(hours.label(first.number), "2026-10-25T02+02:00");
        assert_eq!(hours.label(second.number), "2026-10-25T02+01:00");

        let before = assert_window("hour@Europe/Berlin", "2026-03-29T00:00:00Z", "2026-03-29T01:00:00Z");
        let after = assert_window("hour@Europe/Berlin", "2026-03-29T01:00:00Z", "2026-03-29T02:00:00Z");
        assert_eq!(after.number, before.number + 1);
        assert_eq!(hours.label(before.number), "2026-03-29T01+01:00");
        assert_eq!(hours.label(after.number), "2026-03-29T03+02:00");
    }

    #[test]
    fn hours_follow_zones_that_are_off_by_half_an_hour() {
        assert_window("hour@Asia/Kolkata", "2026-11-22T13:30:00Z", "2026-11-22T14:30:00Z");
        assert_window("minute@Asia/Kolkata", "2026-11-22T13:30:00Z", "2026-11-22T13:31:00Z");
        // Set back from 02:00 to 01:30: half an hour more before it is two again.
        let hour = "hour@Australia/Lord_Howe";
        assert_window(hour, "2026-04-04T14:00:00Z", "2026-04-04T15:00:00Z");
        assert_window(hour, "2026-04-04T15:00:00Z", "2026-04-04T15:30:00Z");
        assert_window(hour, "2026-04-04T15:30:00Z", "2026-04-04T16:30:00Z");
        // Set forward from 02:00 to 02:30: the hour goes on until three.
        assert_window(hour, "2026-10-03T14:30:00Z", "2026-10-03T16:00:00Z");
        assert_window(hour, "2026-10-03T16:00:00Z", "2026-10-03T17:00:00Z");
    }

    #[test]
    fn a_label_says_what_people_call_the_window() {
        let label = |text: &str, at: &str| {
            let window = window(text);
            window.label(window.period(instant(at)).number)
        };
        let at = "2026-11-22T14:05:09Z";
        assert_eq!(label("minute", at), "2026-11-22T14:05");
        assert_eq!(label("minute@Asia/Kolkata", at), "2026-11-22T19:35+05:30");
        assert_eq!(label("hour", at), "2026-11-22T14");
        assert_eq!(label("day hour=15", at), "2026-11-21");
        assert_eq!(label("week", at), "2026-W47");
        assert_eq!(label("week", "2027-01-01T00:00:00Z"), "2026-W53");
        assert_eq!(label("week weekday=sunday", at), "week from 2026-11-22");
        assert_eq!(label("month", at), "2026-11");
        assert_eq!(label("month day=23", at), "month from 2026-10-23");
        assert_eq!(label("quarter", at), "2026-Q4");
        assert_eq!(label("quarter month=2", at), "quarter from 2026-11-01");
        assert_eq!(label("year", at), "2026");
        assert_eq!(label("year month=4", at), "year from 2026-04-01");
    }

    #[test]
    fn a_number_that_no_instant_has_is_labelled_all_the_same() {
        for unit in ["minute", "hour@Europe/Berlin", "day", "week", "month", "quarter", "year"] {
            for number in [i64::MIN, i64::MAX] {
                assert!(!window(unit).label(number).is_empty(), "{unit} {number}");
            }
        }
        assert_eq!(window("month").label(i64::MAX), "month 9223372036854775807");
    }

    fn any_calendar() -> impl Strategy<Value = Window> {
        let unit = proptest::sample::select(vec![
            "minute",
            "hour",
            "day",
            "day hour=2 minute=30",
            "week",
            "week weekday=sunday hour=23",
            "month",
            "month day=31",
            "quarter month=2 day=30",
            "year",
            "year month=4 hour=1",
        ]);
        let zone = proptest::sample::select(chrono_tz::TZ_VARIANTS.as_slice());
        (unit, zone).prop_map(|(unit, zone)| window(unit).in_tz(zone).expect("a calendar window"))
    }

    fn any_instant() -> impl Strategy<Value = Timestamp> {
        let second = -4_000_000_000_i64..5_000_000_000;
        prop_oneof![
            8 => second.prop_map(Timestamp::from_secs),
            2 => any::<i64>().prop_map(Timestamp::from_nanos),
            1 => Just(Timestamp::MIN),
            1 => Just(Timestamp::MAX),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, cases: 2_000, ..Default::default() })]

        #[test]
        fn windows_of_every_zone_lie_end_to_end_and_their_numbers_rise(
            window in any_calendar(),
            at in any_instant(),
        ) {
            let period = window.period(at);
            prop_assert!(period.contains(at));
            prop_assert_eq!(window.period(period.from), period);
            prop_assert_eq!(window.period(before(period.until)), period);
            if period.until < Timestamp::MAX {
                let next = window.period(period.until);
                prop_assert_eq!(next.from, period.until);
                // A zone that crossed the date line has lost one day, and no more.
                prop_assert!((1..=2).contains(&(next.number - period.number)));
            }
            if period.from > Timestamp::MIN {
                prop_assert_eq!(window.period(before(period.from)).until, period.from);
            }
        }

        #[test]
        fn windows_in_utc_are_numbered_without_gaps(at in any_instant()) {
            for unit in ["minute", "hour", "day", "week", "month", "quarter", "year"] {
                let window = window(unit);
                let period = window.period(at);
                if period.until < Timestamp::MAX {
                    prop_assert_eq!(window.period(period.until).number, period.number + 1);
                }
            }
        }

        #[test]
        fn a_window_written_down_is_read_back(window in any_calendar()) {
            prop_assert_eq!(window.to_string().parse::<Window>().expect("its own text"), window);
        }
    }
}
