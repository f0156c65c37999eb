//! How is a window written, as a line or as a table?
//!
//! A line and a table are read into the same words, and only then judged, so that both
//! forms have the same rules and the same messages. Writing leaves out what is the
//! default, so equal windows have one text: the text is part of an account's name, and
//! two texts for one window would be two accounts.

use std::fmt;
use std::str::FromStr;

use chrono::{NaiveTime, Timelike, Weekday};
use chrono_tz::Tz;
use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::Error;
use crate::values::Timestamp;

use super::calendar::Calendar;
use super::length::{Length, duration};
use super::{Kind, Window, out_of};

const WEEKDAYS: [(Weekday, &str); 7] = [
    (Weekday::Mon, "monday"),
    (Weekday::Tue, "tuesday"),
    (Weekday::Wed, "wednesday"),
    (Weekday::Thu, "thursday"),
    (Weekday::Fri, "friday"),
    (Weekday::Sat, "saturday"),
    (Weekday::Sun, "sunday"),
];

/// The words of a window before they are judged, from a line or a table.
#[derive(Default)]
struct Words {
    every: Option<String>,
    rolling: Option<String>,
    fixed: Option<String>,
    anchor: Option<Timestamp>,
    zone: Option<String>,
    month: Option<u32>,
    day: Option<u32>,
    weekday: Option<String>,
    hour: Option<u32>,
    minute: Option<u32>,
}

impl Words {
    /// The window that these words mean, or what is wrong with them.
    fn into_window(self) -> Result<Window, Error> {
        let window = match (&self.every, &self.rolling, &self.fixed, self.anchor) {
            (Some(every), None, None, None) => every_unit(every)?,
            (None, Some(length), None, None) => Window::rolling(duration("rolling", length)?)?,
            (None, None, Some(length), Some(anchor)) => Window::fixed(duration("fixed", length)?, anchor)?,
            (None, None, Some(_), None) => {
                return Err(Error::invalid("anchor", "missing: name an instant at which one of them opens"));
            }
            (Some(_), None, None, Some(_)) | (None, Some(_), None, Some(_)) => {
                return Err(Error::invalid("anchor", "only fixed windows have one"));
            }
            _ => return Err(Error::invalid("window", "name exactly one of every, rolling and fixed")),
        };
        self.opened(window)
    }

    /// The window with its zone and its openings.
    fn opened(self, mut window: Window) -> Result<Window, Error> {
        if let Some(zone) = self.zone {
            window = window.in_zone(&zone)?;
        }
        if let Some(month) = self.month {
            window = window.opening_in(month)?;
        }
        if let Some(day) = self.day {
            window = window.opening_on_day(day)?;
        }
        if let Some(name) = self.weekday {
            window = window.opening_on(weekday(&name)?)?;
        }
        match (self.hour, self.minute) {
            (None, None) => Ok(window),
            (hour, minute) => window.opening_at(time(hour.unwrap_or(0), minute.unwrap_or(0))?),
        }
    }

    /// Puts one `key=value` of a line in its place.
    fn put(&mut self, key: &str, value: &str) -> Result<(), Error> {
        match key {
            "anchor" => put(&mut self.anchor, key, value.parse().map_err(|e: Error| e.within(key))?),
            "month" => put(&mut self.month, key, number(key, value)?),
            "day" => put(&mut self.day, key, number(key, value)?),
            "weekday" => put(&mut self.weekday, key, value.to_owned()),
            "hour" => put(&mut self.hour, key, number(key, value)?),
            "minute" => put(&mut self.minute, key, number(key, value)?),
            _ => Err(Error::invalid("window", format!("unknown field {key:?}"))),
        }
    }

    /// Puts the entry of a table that comes next in its place.
    fn put_entry<'de, A: MapAccess<'de>>(&mut self, key: &str, table: &mut A) -> Result<(), A::Error> {
        match key {
            "every" => put_value(&mut self.every, key, table),
            "rolling" => put_value(&mut self.rolling, key, table),
            "fixed" => put_value(&mut self.fixed, key, table),
            "anchor" => put_value(&mut self.anchor, key, table),
            "zone" => put_value(&mut self.zone, key, table),
            "month" => put_value(&mut self.month, key, table),
            "day" => put_value(&mut self.day, key, table),
            "weekday" => put_value(&mut self.weekday, key, table),
            "hour" => put_value(&mut self.hour, key, table),
            "minute" => put_value(&mut self.minute, key, table),
            _ => Err(de::Error::custom(Error::invalid("window", format!("unknown field {key:?}")))),
        }
    }
}

/// Puts a value in its place, once.
fn put<T>(place: &mut Option<T>, key: &str, value: T) -> Result<(), Error> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(Error::invalid(key, "given twice")),
    }
}

fn put_value<'de, T: Deserialize<'de>, A: MapAccess<'de>>(
    place: &mut Option<T>,
    key: &str,
    table: &mut A,
) -> Result<(), A::Error> {
    // Not every format says where a value stood, so say it here.
    let value = table.next_value().map_err(|error| de::Error::custom(format!("{key}: {error}")))?;
    put(place, key, value).map_err(de::Error::custom)
}

fn every_unit(name: &str) -> Result<Window, Error> {
    named(name).ok_or_else(|| {
        let problem = format!(
            "{name:?} is none of minute, hour, day, week, month, quarter, year and lifetime; \
             a duration such as 30d goes under rolling, or under fixed with an anchor"
        );
        Error::invalid("every", problem)
    })
}

/// The calendar window of that name, or the lifetime.
fn named(name: &str) -> Option<Window> {
    match name {
        "minute" => Some(Window::minute()),
        "hour" | "hourly" => Some(Window::hour()),
        "day" | "daily" => Some(Window::day()),
        "week" | "weekly" => Some(Window::week()),
        "month" | "monthly" => Some(Window::month()),
        "quarter" | "quarterly" => Some(Window::quarter()),
        "year" | "yearly" => Some(Window::year()),
        "lifetime" => Some(Window::lifetime()),
        _ => None,
    }
}

fn number(field: &str, text: &str) -> Result<u32, Error> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.parse().ok().filter(|_| plain);
    number.ok_or_else(|| Error::invalid(field, format!("{text:?} is not a plain whole number")))
}

fn weekday(name: &str) -> Result<Weekday, Error> {
    let known = WEEKDAYS.into_iter().find(|(_, known)| *known == name);
    known
        .map(|(weekday, _)| weekday)
        .ok_or_else(|| Error::invalid("weekday", format!("{name:?} is not a weekday; write one as sunday")))
}

fn time(hour: u32, minute: u32) -> Result<NaiveTime, Error> {
    let full = NaiveTime::from_hms_opt(hour, 0, 0);
    let full = full.ok_or_else(|| Error::invalid("hour", out_of(hour, 0, 23)))?;
    full.with_minute(minute).ok_or_else(|| Error::invalid("minute", out_of(minute, 0, 59)))
}

impl FromStr for Window {
    type Err = Error;

    /// Reads the text of a window: `month@Europe/Berlin day=15`, `30d`, `lifetime`.
    fn from_str(text: &str) -> Result<Self, Error> {
        let (head, rest) = text.split_once(' ').map_or((text, None), |(head, rest)| (head, Some(rest)));
        let (head, zone) = head.split_once('@').map_or((head, None), |(head, zone)| (head, Some(zone)));
        let mut words = Words { zone: zone.map(str::to_owned), ..Words::default() };
        for word in rest.into_iter().flat_map(|rest| rest.split(' ')) {
            let entry = word.split_once('=');
            let (key, value) = entry.ok_or_else(|| {
                Error::invalid("window", format!("{word:?} in {text:?} is not an opening such as day=15"))
            })?;
            words.put(key, value)?;
        }
        let place = if named(head).is_some() {
            &mut words.every
        } else if !head.starts_with(|char: char| char.is_ascii_digit()) {
            let problem = format!("{text:?} is neither a unit such as month nor a duration such as 30d");
            return Err(Error::invalid("window", problem));
        } else if words.anchor.is_some() {
            &mut words.fixed
        } else {
            &mut words.rolling
        };
        *place = Some(head.to_owned());
        words.into_window()
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Calendar(calendar) => write_calendar(calendar, f),
            Kind::Rolling(length) => write!(f, "{}", Length(*length)),
            Kind::Fixed(length, anchor) => write!(f, "{} anchor={anchor}", Length(*length)),
            Kind::Lifetime => f.write_str("lifetime"),
        }
    }
}

/// Writes what differs from the plain unit, so that equal windows have one text.
fn write_calendar(calendar: &Calendar, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let plain = Calendar::new(calendar.unit);
    f.write_str(calendar.unit.name())?;
    if calendar.zone != Tz::UTC {
        write!(f, "@{}", calendar.zone.name())?;
    }
    if calendar.month != plain.month {
        write!(f, " month={}", calendar.month)?;
    }
    if calendar.day != plain.day {
        write!(f, " day={}", calendar.day)?;
    }
    if calendar.weekday != plain.weekday {
        let name = WEEKDAYS.into_iter().find(|(weekday, _)| *weekday == calendar.weekday);
        write!(f, " weekday={}", name.map_or("monday", |(_, name)| name))?;
    }
    if calendar.time.hour() != 0 {
        write!(f, " hour={}", calendar.time.hour())?;
    }
    if calendar.time.minute() != 0 {
        write!(f, " minute={}", calendar.time.minute())?;
    }
    Ok(())
}

impl Serialize for Window {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Window {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(LineOrTable)
    }
}

struct LineOrTable;

impl<'de> Visitor<'de> for LineOrTable {
    type Value = Window;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a window such as \"month@Europe/Berlin\", \"30d\" or { every = \"month\", day = 15 }")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Window, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut table: A) -> Result<Window, A::Error> {
        let mut words = Words::default();
        while let Some(key) = table.next_key::<String>()? {
            words.put_entry(&key, &mut table)?;
        }
        words.into_window().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn window(text: &str) -> Window {
        text.parse().expect("test window")
    }

    fn error(text: &str) -> String {
        text.parse::<Window>().expect_err(text).to_string()
    }

    fn table(json: &str) -> Result<Window, String> {
        serde_json::from_str(json).map_err(|error| error.to_string())
    }

    #[test]
    fn a_window_survives_text_unchanged() {
        for text in [
            "minute",
            "hour",
            "day",
            "week",
            "month",
            "quarter",
            "year",
            "lifetime",
            "30d",
            "90m",
            "1500ms",
            "7ns",
            "month@Europe/Berlin",
            "hour@Asia/Kolkata",
            "week weekday=sunday hour=6",
            "year@America/New_York month=4 day=6 hour=2 minute=30",
            "30d anchor=2026-01-01T00:00:00Z",
        ] {
            assert_eq!(window(text).to_string(), text);
            let json = serde_json::to_string(&window(text)).expect("a window as JSON");
            assert_eq!(json, format!("{text:?}"));
            assert_eq!(table(&json), Ok(window(text)));
        }
    }

    #[test]
    fn other_names_of_one_window_are_written_alike() {
        for (other, text) in [
            ("hourly", "hour"),
            ("daily", "day"),
            ("weekly@Europe/Berlin", "week@Europe/Berlin"),
            ("monthly", "month"),
            ("quarterly", "quarter"),
            ("yearly", "year"),
            ("month@UTC", "month"),
            ("month day=1", "month"),
            ("day minute=0 hour=6", "day hour=6"),
            ("60s", "1m"),
            ("24h", "1d"),
            ("2w", "14d"),
        ] {
            assert_eq!(window(other), window(text));
            assert_eq!(window(other).to_string(), text);
        }
    }

    #[test]
    fn a_duration_rolls_and_is_not_a_calendar_window() {
        assert_eq!(window("30d").rolling_length(), Some(Duration::from_secs(2_592_000)));
        assert_eq!(window("90m").rolling_length(), Some(Duration::from_secs(5_400)));
        assert_ne!(window("1d"), window("day"));
        assert_eq!(window("1m"), Window::rolling_minute());
    }

    #[test]
    fn a_table_says_the_same_as_the_text() {
        for (json, text) in [
            (r#"{"every":"month"}"#, "month"),
            (r#"{"every":"monthly","zone":"Europe/Berlin","day":15}"#, "month@Europe/Berlin day=15"),
            (r#"{"every":"week","weekday":"sunday","hour":6}"#, "week weekday=sunday hour=6"),
            (r#"{"every":"year","month":4,"minute":30}"#, "year month=4 minute=30"),
            (r#"{"every":"lifetime"}"#, "lifetime"),
            (r#"{"rolling":"30d"}"#, "30d"),
            (r#"{"fixed":"30d","anchor":"2026-01-01T00:00:00Z"}"#, "30d anchor=2026-01-01T00:00:00Z"),
        ] {
            assert_eq!(table(json), Ok(window(text)), "{json}");
        }
    }

    #[test]
    fn a_text_that_cannot_be_read_names_the_field() {
        for (text, start) in [
            ("", "window: "),
            ("fortnight", "window: "),
            ("Month", "window: "),
            (" month", "window: "),
            ("month ", "window: "),
            ("month day", "window: "),
            ("month colour=3", "window: unknown field \"colour\""),
            ("-5m", "window: "),
            ("d", "window: "),
            ("30", "rolling: \"30\" lacks a unit"),
            ("0d", "rolling: \"0d\" must be above zero"),
            ("1_000s", "rolling: "),
            ("1.5h", "rolling: "),
            ("1h30m", "rolling: "),
            ("5M", "rolling: "),
            ("5 m", "window: "),
            ("5fortnights", "rolling: "),
            ("5日", "rolling: "),
            ("300000d", "rolling: "),
            ("99999999999999999999s", "rolling: "),
            ("30d@Europe/Berlin", "zone: "),
            ("lifetime@UTC", "zone: "),
            ("month@Europe/Berlni", "zone: \"Europe/Berlni\""),
            ("month@", "zone: "),
            ("0d anchor=2026-01-01T00:00:00Z", "fixed: "),
            ("30d anchor=yesterday", "anchor: "),
            ("month anchor=2026-01-01T00:00:00Z", "anchor: "),
            ("month day=0", "day: 0 is not between 1 and 31"),
            ("month day=32", "day: 32 is not between 1 and 31"),
            ("month day=1_5", "day: "),
            ("month day=+5", "day: "),
            ("month day=", "day: "),
            ("month day=5 day=6", "day: given twice"),
            ("year month=13", "month: 13 is not between 1 and 12"),
            ("day hour=24", "hour: 24 is not between 0 and 23"),
            ("day minute=60", "minute: 60 is not between 0 and 59"),
            ("week weekday=someday", "weekday: \"someday\""),
        ] {
            assert!(error(text).starts_with(start), "{text:?} gave {:?}", error(text));
        }
    }

    #[test]
    fn an_opening_that_does_not_fit_the_unit_names_the_field() {
        assert_eq!(error("month weekday=sunday"), "weekday: does not fit \"month\", only a week");
        assert_eq!(
            error("week day=3"),
            "day: does not fit \"week\", only calendar windows of a month or more"
        );
        for (text, field) in [("hour hour=6", "hour: "), ("month month=4", "month: "), ("30d day=3", "day: ")]
        {
            assert!(error(text).starts_with(field), "{text:?} gave {:?}", error(text));
        }
        let half_past = NaiveTime::from_hms_opt(6, 30, 15).expect("a time");
        assert!(Window::day().opening_at(half_past).is_err());
        assert!(Window::day().opening_at_hour(24).is_err());
    }

    #[test]
    fn a_table_that_cannot_be_read_names_the_field() {
        for (json, part) in [
            (r#"{}"#, "window: name exactly one of every, rolling and fixed"),
            (r#"{"every":"month","rolling":"30d"}"#, "window: name exactly one"),
            (r#"{"every":"month","zon":"UTC"}"#, "window: unknown field \"zon\""),
            (r#"{"every":"month","day":1,"day":2}"#, "day: given twice"),
            (r#"{"every":"month","day":"3"}"#, "day: invalid type"),
            (r#"{"every":"month","day":-3}"#, "day: invalid value"),
            (r#"{"every":"month","day":1.5}"#, "day: invalid type"),
            (r#"{"every":"30d"}"#, "every: \"30d\""),
            (r#"{"every":"month","zone":"Mars/Olympus"}"#, "zone: \"Mars/Olympus\""),
            (r#"{"rolling":"month"}"#, "rolling: \"month\""),
            (r#"{"rolling":30}"#, "rolling: invalid type"),
            (r#"{"rolling":"30d","anchor":"2026-01-01T00:00:00Z"}"#, "anchor: only fixed windows"),
            (r#"{"fixed":"30d"}"#, "anchor: missing"),
            (r#"{"fixed":"30d","anchor":"soon"}"#, "anchor: "),
            ("30", "a window such as"),
        ] {
            let error = table(json).expect_err(json);
            assert!(error.contains(part), "{json} gave {error:?}");
        }
    }
}
