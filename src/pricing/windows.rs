//! At which times of the week is another price in force?
//!
//! A price by the time of day is a question of zones. A publication may write hours in
//! UTC and weekdays in Shanghai's time, so a window names a zone for each. Zones put
//! their clocks, so an edge is searched for and not computed: from one candidate (an
//! hour, a midnight, a clock that is put) to the next, until the answer changes.
//!
//! Whoever keeps a price asks [`Windows::changes_after`] how long it holds. That answer
//! must never be late, or a plan would go on with the cheaper price.

use std::str::FromStr;

use chrono::{DateTime, Datelike, Offset, TimeZone};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::rates::Rates;
use crate::Error;
use crate::values::{ShortText, Timestamp};

const DAY: i64 = 86_400;
/// Seconds in a week and a day: every window has opened and closed within them.
const HORIZON: i64 = 8 * DAY;
/// Windows in one set of rates; a week of eight a day.
const HOURS_MAX: usize = 56;

/// Rates that replace all others while a window of the week is open.
///
/// They hold for the whole request, whatever its length and tier; what they do
/// not name stays as it was. In JSON: `hours`, a list of `"16:30-00:30"`; and
/// optional `zone` of those hours, `weekdays` (1 is Monday) and the
/// `weekday_zone` in which they are read, both UTC unless named; and `rates`.
///
/// A window begins with its first instant and ends before its last; it may pass
/// midnight, and one that ends where it begins is the whole day.
///
/// Who keeps a price has to ask how long it holds ([`ModelPrice::holds_until`](super::ModelPrice::holds_until)): a plan
/// that was made at noon must not go on into the night.
///
/// # Example: a third of the price from half past four until half past midnight
/// ```
/// use token_budget::call::{Conditions, ServiceTier};
/// use token_budget::pricing::{PriceRow, Rates, TimeRates};
/// use token_budget::time::Timestamp;
/// use token_budget::PricingTable;
///
/// let row = PriceRow::new("acme", "m")
///     .with_rates(ServiceTier::Standard, Rates::per_million("3", "15")?)
///     .with_times(TimeRates::daily(["16:30-00:30"], Rates::per_million("1", "5")?));
/// let table = PricingTable::empty().with_rows([row])?;
/// let noon: Timestamp = "2026-11-02T12:00:00Z".parse()?;
/// let opens: Timestamp = "2026-11-02T16:30:00Z".parse()?;
/// let price = |at| table.find(Some("acme"), "m", at).expect("an own row");
/// assert_eq!(price(noon).quote(1_000_000, 0, &Conditions::new())?, "3.00".parse()?);
/// assert_eq!(price(noon).holds_until(noon), opens);
/// assert_eq!(price(opens).quote(1_000_000, 0, &Conditions::new())?, "1.00".parse()?);
/// assert_eq!(price(opens).holds_until(opens), "2026-11-03T00:30:00Z".parse()?);
/// # Ok::<(), token_budget::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimeRates {
    hours: Vec<ShortText>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    zone: Option<ShortText>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    weekdays: Option<Vec<u8>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    weekday_zone: Option<ShortText>,
    pub(super) rates: Rates,
}

impl TimeRates {
    /// Those rates every day between these hours in UTC: `"16:30-00:30"`.
    #[must_use]
    pub fn daily<T: Into<ShortText>>(hours: impl IntoIterator<Item = T>, rates: Rates) -> Self {
        Self { hours: hours.into_iter().map(Into::into).collect(), rates, ..Self::default() }
    }

    /// The hours read in that zone instead of UTC: `"Asia/Shanghai"`.
    #[must_use]
    pub fn in_zone(mut self, zone: impl Into<ShortText>) -> Self {
        self.zone = Some(zone.into());
        self
    }

    /// Only on these days, 1 for Monday to 7 for Sunday, as they are in that zone.
    #[must_use]
    pub fn on_weekdays(mut self, weekdays: impl Into<Vec<u8>>, zone: impl Into<ShortText>) -> Self {
        self.weekdays = Some(weekdays.into());
        self.weekday_zone = Some(zone.into());
        self
    }

    /// Checks the texts, and makes them ready to be asked.
    pub(super) fn windows(&self) -> Result<Windows, Error> {
        let mut days = 0_u8;
        for day in self.weekdays.iter().flatten() {
            if !(1..=7).contains(day) {
                return Err(Error::invalid("times.weekdays", format!("{day} is not 1 (Monday) to 7")));
            }
            days |= bit_of(u32::from(*day));
        }
        if self.weekdays.as_ref().is_some_and(Vec::is_empty) || self.hours.is_empty() {
            return Err(Error::invalid("times", "name no time at all"));
        }
        if self.hours.len() > HOURS_MAX {
            return Err(Error::invalid("times.hours", format!("more than {HOURS_MAX}")));
        }
        let zone = |name: &Option<ShortText>, field: &str| match name {
            None => Ok(Tz::UTC),
            Some(name) => {
                Tz::from_str(name).map_err(|_| Error::invalid(field, format!("{name:?} is not a zone")))
            }
        };
        Ok(Windows {
            zone: zone(&self.zone, "times.zone")?,
            weekdays: self.weekdays.as_ref().map(|_| days),
            weekday_zone: zone(&self.weekday_zone, "times.weekday_zone")?,
            hours: self.hours.iter().map(|text| hours(text)).collect::<Result<_, _>>()?,
        })
    }
}

/// Windows of the week, ready to be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Windows {
    zone: Tz,
    /// A bit for each day, Monday the first.
    weekdays: Option<u8>,
    weekday_zone: Tz,
    /// Seconds of the day, first and after the last.
    hours: Box<[(i64, i64)]>,
}

impl Windows {
    /// Whether a window is open at that instant.
    pub(super) fn is_open(&self, at: Timestamp) -> bool {
        self.is_open_at(at.as_nanos().div_euclid(1_000_000_000))
    }

    /// The first instant after `at` at which that changes; the end of time where it never does.
    pub(super) fn changes_after(&self, at: Timestamp) -> Timestamp {
        let now = at.as_nanos().div_euclid(1_000_000_000);
        let open = self.is_open_at(now);
        let horizon = now.saturating_add(HORIZON);
        let mut edge = now;
        while edge < horizon {
            edge = self.next_edge(edge);
            if self.is_open_at(edge) != open {
                return Timestamp::from_secs(edge);
            }
        }
        Timestamp::MAX
    }

    fn is_open_at(&self, second: i64) -> bool {
        if let Some(days) = self.weekdays
            && days & weekday_bit(self.weekday_zone, second) == 0
        {
            return false;
        }
        let time = local(self.zone, second).rem_euclid(DAY);
        self.hours.iter().any(|(first, end)| {
            if first < end { *first <= time && time < *end } else { time >= *first || time < *end }
        })
    }

    /// The next second at which something may change: an hour, a midnight, or a clock that is put.
    fn next_edge(&self, second: i64) -> i64 {
        let hours = self.hours.iter().flat_map(|(first, end)| [*first, *end]);
        let edges = hours.map(|time| next_at(self.zone, second, time));
        let midnight = self.weekdays.map(|_| next_at(self.weekday_zone, second, 0));
        edges.chain(midnight).min().unwrap_or(i64::MAX)
    }
}

/// The next second at which a clock in that zone shows that time of day, or is put.
fn next_at(zone: Tz, second: i64, time: i64) -> i64 {
    let shown = local(zone, second).rem_euclid(DAY);
    let wait = match time.saturating_sub(shown).rem_euclid(DAY) {
        0 => DAY,
        wait => wait,
    };
    let mut after = second.saturating_add(wait);
    let before = offset(zone, second);
    if offset(zone, after) == before {
        return after;
    }
    let mut lower = second;
    while after.saturating_sub(lower) > 1 {
        let middle = lower.midpoint(after);
        if offset(zone, middle) == before { lower = middle } else { after = middle }
    }
    after
}

fn weekday_bit(zone: Tz, second: i64) -> u8 {
    DateTime::from_timestamp(second, 0)
        .map_or(0, |utc| bit_of(utc.with_timezone(&zone).weekday().number_from_monday()))
}

fn bit_of(day: u32) -> u8 {
    1_u8.checked_shl(day.saturating_sub(1)).unwrap_or(0)
}

fn local(zone: Tz, second: i64) -> i64 {
    second.saturating_add(offset(zone, second))
}

/// Seconds by which clocks in that zone are ahead of UTC.
fn offset(zone: Tz, second: i64) -> i64 {
    if zone == Tz::UTC {
        return 0;
    }
    DateTime::from_timestamp(second, 0)
        .map_or(0, |utc| zone.offset_from_utc_datetime(&utc.naive_utc()).fix().local_minus_utc().into())
}

/// Reads `16:30-00:30`.
fn hours(text: &str) -> Result<(i64, i64), Error> {
    text.split_once('-')
        .and_then(|(first, end)| Some((time_of_day(first)?, time_of_day(end)?)))
        .ok_or_else(|| Error::invalid("times.hours", format!("{text:?} is not like 16:30-00:30")))
}

/// Reads `16:30` or `16:30:00` as seconds of the day.
pub(super) fn time_of_day(text: &str) -> Option<i64> {
    let mut parts = text.split(':');
    let mut part = |below: i64| {
        let text = parts.next()?;
        let number = (text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit())).then_some(text)?;
        number.parse::<i64>().ok().filter(|number| *number < below)
    };
    let (hour, minute) = (part(24)?, part(60)?);
    let second = if text.len() > 5 { part(60)? } else { 0 };
    let whole = hour.checked_mul(3_600)?.checked_add(minute.checked_mul(60)?)?.checked_add(second);
    whole.filter(|_| text.len() == 5 || text.len() == 8)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("an instant")
    }

    #[test]
    fn a_window_contains_its_first_instant_and_not_its_last() {
        let night = TimeRates::daily(["16:30-00:30"], Rates::new()).windows().expect("good");
        for (time, open) in [
            ("2026-11-02T16:29:59.999999999Z", false),
            ("2026-11-02T16:30:00Z", true),
            ("2026-11-03T00:29:59.999999999Z", true),
            ("2026-11-03T00:30:00Z", false),
        ] {
            assert_eq!(night.is_open(at(time)), open, "{time}");
        }
        assert_eq!(night.changes_after(at("2026-11-02T16:29:59Z")), at("2026-11-02T16:30:00Z"));
        assert_eq!(night.changes_after(at("2026-11-02T16:30:00Z")), at("2026-11-03T00:30:00Z"));
        let always = TimeRates::daily(["00:00-00:00"], Rates::new()).windows().expect("good");
        assert!(always.is_open(at("2026-11-02T00:00:00Z")));
        assert_eq!(always.changes_after(at("2026-11-02T00:00:00Z")), Timestamp::MAX);
    }

    #[test]
    fn weekdays_are_those_of_their_own_zone() {
        // Saturday begins in Shanghai at 16:00 UTC on Friday.
        let weekend = TimeRates::daily(["00:00-00:00"], Rates::new()).on_weekdays([6, 7], "Asia/Shanghai");
        let weekend = weekend.windows().expect("good");
        assert!(!weekend.is_open(at("2026-11-20T15:59:59Z")));
        assert!(weekend.is_open(at("2026-11-20T16:00:00Z")));
        assert_eq!(weekend.changes_after(at("2026-11-20T15:59:59Z")), at("2026-11-20T16:00:00Z"));
        assert_eq!(weekend.changes_after(at("2026-11-20T16:00:00Z")), at("2026-11-22T16:00:00Z"));
    }

    #[test]
    fn a_clock_that_is_put_is_an_edge_where_it_changes_the_price() {
        // Berlin puts 02:00 to 03:00 on 29 March 2026: a window from 02:30 opens with the gap's end at 01:00 UTC.
        let early = TimeRates::daily(["02:30-04:00"], Rates::new()).in_zone("Europe/Berlin");
        let early = early.windows().expect("good");
        assert_eq!(early.changes_after(at("2026-03-29T00:00:00Z")), at("2026-03-29T01:00:00Z"));
        assert_eq!(early.changes_after(at("2026-03-29T01:00:00Z")), at("2026-03-29T02:00:00Z"));
        // On 25 October 03:00 becomes 02:00 at 01:00 UTC: closed at 02:45, open again at 02:00.
        let late = TimeRates::daily(["01:00-02:45"], Rates::new()).in_zone("Europe/Berlin");
        let late = late.windows().expect("good");
        assert_eq!(late.changes_after(at("2026-10-25T00:00:00Z")), at("2026-10-25T00:45:00Z"));
        assert_eq!(late.changes_after(at("2026-10-25T00:45:00Z")), at("2026-10-25T01:00:00Z"));
        assert_eq!(late.changes_after(at("2026-10-25T01:00:00Z")), at("2026-10-25T01:45:00Z"));
    }

    #[test]
    fn every_change_is_found_and_none_invented() {
        let windows = TimeRates::daily(["00:00-01:00", "04:00-06:00", "10:00-00:00"], Rates::new())
            .on_weekdays([1, 2, 3, 4, 5], "Asia/Shanghai");
        let windows = windows.windows().expect("good");
        let start = at("2026-11-16T00:00:00Z").as_nanos() / 1_000_000_000;
        let mut edge = windows.changes_after(Timestamp::from_secs(start));
        for second in (start..start + 14 * DAY).step_by(60) {
            let now = Timestamp::from_secs(second);
            if now == edge {
                assert_ne!(windows.is_open(now), windows.is_open(Timestamp::from_secs(second - 60)));
                edge = windows.changes_after(now);
            }
            assert!(now < edge);
            assert_eq!(windows.is_open(now), windows.is_open(Timestamp::from_secs(second / 60 * 60)));
            assert_eq!(windows.changes_after(now), edge);
        }
    }

    #[test]
    fn a_time_that_cannot_be_read_is_an_error() {
        for hours in
            ["", "1630-0030", "24:00-01:00", "16:60-17:00", "16:30", "16:30-+1:00", "16:30-17:00:00:00"]
        {
            assert!(TimeRates::daily([hours], Rates::new()).windows().is_err(), "{hours}");
        }
        let ok = || TimeRates::daily(["01:00-02:00"], Rates::new());
        assert!(ok().in_zone("Mars/Olympus").windows().is_err());
        assert!(ok().on_weekdays([8], "UTC").windows().is_err());
        assert!(ok().on_weekdays([], "UTC").windows().is_err());
        assert!(TimeRates::daily::<&str>([], Rates::new()).windows().is_err());
    }
}
