//! How is a length of time written?

use std::fmt;

/// Units of a duration in nanoseconds, longest first. A duration is written in the
/// longest that fits evenly: `90m`, not `5400s`.
pub(super) const UNITS: [(&str, i64); 6] = [
    ("d", 86_400_000_000_000),
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("ns", 1),
];
/// Read but not written, so that `1w` and `7d` are one window with one text.
pub(super) const WEEK: (&str, i64) = ("w", 604_800_000_000_000);

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
