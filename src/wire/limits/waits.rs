//! How long is a wait that a provider writes down in one of its many ways?
//!
//! | written | means |
//! |---|---|
//! | `12`, `0.5` | seconds |
//! | `1764000000` | an instant, in Unix seconds |
//! | `1764000000000` | an instant, in Unix milliseconds |
//! | `6ms`, `1m13.588s`, `6h0m0s` | a duration |
//! | `2026-11-22T12:00:34Z` | an instant |
//! | `Sun, 22 Nov 2026 12:00:34 GMT` | an instant, in any form that HTTP has had |
//!
//! Numbers are read as decimals, never as floats, and with their signs refused: a wait that
//! ended before the response came is no wait.

use std::time::Duration;

use chrono::{DateTime, NaiveDateTime};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use crate::values::Timestamp;

/// A wait of more than a year is a slip or a trap, and is not read.
const WAIT_MAX: Duration = Duration::from_secs(366 * 86_400);

/// No form is longer; the longest is an HTTP date with its weekday written out.
const BYTES_MAX: usize = 40;

/// Some time from now, or an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wait {
    For(Duration),
    Until(Timestamp),
}

impl Wait {
    /// The instant at which it ends; `None` if that is more than a year away.
    pub(super) fn after(self, received_at: Timestamp) -> Option<Timestamp> {
        let end = match self {
            Self::For(span) => received_at + span,
            Self::Until(instant) => instant,
        };
        (end.since(received_at) <= WAIT_MAX).then_some(end)
    }
}

/// A bare number, a duration (`1m13.5s`), an RFC 3339 time or an HTTP date.
pub(super) fn read(text: &str) -> Option<Wait> {
    if text.len() > BYTES_MAX {
        return None;
    }
    bare(text)
        .or_else(|| duration(text).map(Wait::For))
        .or_else(|| text.parse().ok().map(Wait::Until))
        .or_else(|| http_date(text).map(Wait::Until))
}

/// A number of milliseconds, with decimals or without.
pub(super) fn read_millis(text: &str) -> Option<Wait> {
    span(plain(text)?, 1_000_000).map(Wait::For)
}

/// A number without a unit: a wait in seconds below three years, above that Unix seconds or milliseconds.
fn bare(text: &str) -> Option<Wait> {
    const SECONDS_BELOW: i64 = 100_000_000;
    const UNIX_SECONDS_BELOW: i64 = 100_000_000_000;
    let number = plain(text)?;
    let instant = |nanos| span(number, nanos).map(|since| Wait::Until(Timestamp::EPOCH + since));
    if number < Decimal::from(SECONDS_BELOW) {
        span(number, 1_000_000_000).map(Wait::For)
    } else if number < Decimal::from(UNIX_SECONDS_BELOW) {
        instant(1_000_000_000)
    } else {
        instant(1_000_000)
    }
}

/// Numbers with units, as Go and Google write them: `6ms`, `6h0m0s`, `34.07s`.
fn duration(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut sum = Duration::ZERO;
    while !rest.is_empty() {
        let (number, after) = rest.split_at(rest.find(|c: char| !(c.is_ascii_digit() || c == '.'))?);
        let (unit, after) =
            after.split_at(after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len()));
        sum = sum.checked_add(span(plain(number)?, unit_nanos(unit)?)?)?;
        rest = after;
    }
    (!text.is_empty()).then_some(sum)
}

/// The nanoseconds of a unit.
fn unit_nanos(unit: &str) -> Option<i64> {
    Some(match unit {
        "ns" => 1,
        "us" | "µs" | "μs" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        "d" => 86_400_000_000_000,
        _ => return None,
    })
}

/// Digits with at most one point, and nothing else: no sign, no exponent.
fn plain(text: &str) -> Option<Decimal> {
    let is_plain = text.starts_with(|c: char| c.is_ascii_digit())
        && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    if is_plain { text.parse().ok() } else { None }
}

/// That many times so many nanoseconds, parts of a nanosecond cut off.
fn span(number: Decimal, nanos: i64) -> Option<Duration> {
    number.checked_mul(Decimal::from(nanos))?.trunc().to_u64().map(Duration::from_nanos)
}

/// The three forms that HTTP has had: `Sun, 06 Nov 1994 08:49:37 GMT` and its forerunners.
fn http_date(text: &str) -> Option<Timestamp> {
    if let Ok(instant) = DateTime::parse_from_rfc2822(text) {
        return Some(instant.to_utc().into());
    }
    ["%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"]
        .iter()
        .find_map(|form| NaiveDateTime::parse_from_str(text, form).ok())
        .map(|instant| instant.and_utc().into())
}
