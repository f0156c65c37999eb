//! How is a sum of money kept before it is rounded?
//!
//! [`Usd`] counts nano-dollars, which is what ledgers add. A price per token is far
//! finer than that, so the sum of a call needs a type of its own until it is rounded.

use std::fmt;
use std::str::FromStr;

use rust_decimal::Decimal;

use crate::{Error, Usd};

/// Decimals that are kept: public tables write rates per token with up to 24.
const DIGITS: usize = 27;
/// Units in a dollar.
const ONE: u128 = 1_000_000_000_000_000_000_000_000_000;
/// Units in a nano-dollar.
const PER_NANO: u128 = 1_000_000_000_000_000_000;

/// A sum in USD that is not rounded yet: a whole number of 10⁻²⁷ dollars.
///
/// Reaches 340 billion dollars. Shown as plain digits, as many as it needs.
///
/// ```
/// use token_budget::pricing::ExactUsd;
///
/// let exact: ExactUsd = "0.0028136599999999999668".parse()?;
/// assert_eq!(exact.to_string(), "0.0028136599999999999668");
/// assert_eq!(exact.rounded_up()?, "0.00281366".parse()?);
/// # Ok::<(), token_budget::Error>(())
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExactUsd(u128);

impl ExactUsd {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    pub(super) const fn from_units(units: u128) -> Self {
        Self(units)
    }

    /// The sum of both; `None` beyond 340 billion dollars.
    #[must_use]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    /// The next whole nano-dollar, or this one.
    ///
    /// # Errors
    /// [`ErrorKind::Overflow`](crate::ErrorKind::Overflow) beyond $9.2 billion.
    pub fn rounded_up(self) -> Result<Usd, Error> {
        i64::try_from(self.0.div_ceil(PER_NANO))
            .map(Usd::from_nanos)
            .map_err(|_| Error::overflow("cost of the call"))
    }

    /// The same figure as a decimal; `None` where it needs more than 28 digits.
    #[must_use]
    pub fn to_decimal(self) -> Option<Decimal> {
        Decimal::from_str_exact(&self.to_string()).ok().map(|value| value.normalize())
    }
}

impl FromStr for ExactUsd {
    type Err = Error;

    /// Reads digits with an optional point and at most 27 decimals that are not zero.
    fn from_str(text: &str) -> Result<Self, Error> {
        let wrong =
            || Error::invalid("usd", format!("{text:?} is not a plain amount of at most 27 decimals"));
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        let fraction = if digits(fraction) { fraction.trim_end_matches('0') } else { return Err(wrong()) };
        if !digits(whole) || fraction.len() > DIGITS {
            return Err(wrong());
        }
        let padded = format!("{fraction:0<DIGITS$}");
        let units = whole.parse::<u128>().ok().and_then(|whole| whole.checked_mul(ONE));
        let units = units.zip(padded.parse::<u128>().ok()).and_then(|(whole, part)| whole.checked_add(part));
        units.map(Self).ok_or_else(wrong)
    }
}

impl fmt::Display for ExactUsd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, part) = (self.0.checked_div(ONE).unwrap_or(0), self.0.checked_rem(ONE).unwrap_or(0));
        let digits = format!("{part:0>DIGITS$}");
        match digits.trim_end_matches('0') {
            "" => write!(f, "{whole}"),
            digits => write!(f, "{whole}.{digits}"),
        }
    }
}

impl fmt::Debug for ExactUsd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self} USD")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_is_read_and_shown_to_its_last_digit() {
        for (text, shown) in [
            ("0", "0"),
            ("4.9620000", "4.962"),
            ("0.0028136599999999999668", "0.0028136599999999999668"),
            ("0.000000000000000000000000001", "0.000000000000000000000000001"),
            ("340000000000", "340000000000"),
        ] {
            assert_eq!(text.parse::<ExactUsd>().expect(text).to_string(), shown);
        }
        for text in
            ["", ".", "-1", "1e3", "1.", ".5", "1_0", "0.0000000000000000000000000001", "999999999999"]
        {
            assert!(text.parse::<ExactUsd>().is_err(), "{text}");
        }
    }

    #[test]
    fn rounding_goes_up_from_the_smallest_part() {
        let nanos = |text: &str| text.parse::<ExactUsd>().and_then(ExactUsd::rounded_up).map(Usd::nanos).ok();
        assert_eq!(nanos("0.000000001"), Some(1));
        assert_eq!(nanos("0.000000001000000000000000001"), Some(2));
        assert_eq!(nanos("9223372036.854775807"), Some(i64::MAX));
        assert_eq!(nanos("9223372036.854775808"), None);
    }
}
