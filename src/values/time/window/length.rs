//! How is a length of time written?

use std::fmt;
use std::time::Duration;

use crate::Error;

/// Units of a duration in nanoseconds, longest first. A duration is written in the
/// longest that fits evenly: `90m`, not `5400s`.
const UNITS: [(&str, i64); 6] = [
    ("d", 86_400_000_000_000),
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("ns", 1),
];
/// Read but not written, so that `1w` and `7d` are one window with one text.
const WEEK: (&str, i64) = ("w", 604_800_000_000_000);

/// Nanoseconds above zero, written as one number and a unit.
pub(super) struct Length(pub(super) i64);

impl fmt::Display for Length {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, nanos) in UNITS {
            if self.0.checked_rem(nanos) == Some(0) {
                return write!(f, "{}{name}", self.0.checked_div(nanos).unwrap_or(0));
            }
        }
        Ok(())
    }
}

/// A whole number and one unit. `90` without a unit is refused, and so is `1h30m`: one
/// spelling for one length.
pub(super) fn duration(field: &str, text: &str) -> Result<Duration, Error> {
    let wrong = |problem: &str| Error::invalid(field, format!("{text:?} {problem}"));
    let unit_at = text.find(|char: char| !char.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at_checked(unit_at).unwrap_or((text, ""));
    if digits.is_empty() {
        return Err(wrong("is not a whole number and a unit, such as 30d"));
    }
    if unit.is_empty() {
        return Err(wrong("lacks a unit: s, m (minutes), h, d or w"));
    }
    let known = UNITS.into_iter().chain([WEEK]).find(|(name, _)| *name == unit);
    let (_, nanos) = known.ok_or_else(|| {
        wrong("is not one whole number and a unit: s, m (minutes), h, d or w, such as 90m or 30d")
    })?;
    let nanos = digits.parse::<i64>().ok().and_then(|count| count.checked_mul(nanos));
    let nanos = nanos.ok_or_else(|| wrong("is more than 292 years; for all time, write lifetime"))?;
    match nanos.unsigned_abs() {
        0 => Err(wrong("must be above zero")),
        nanos => Ok(Duration::from_nanos(nanos)),
    }
}
