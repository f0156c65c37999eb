//! How much money? Exact dollars, without a float anywhere.

use std::fmt;
use std::str::FromStr;

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::Error;

/// Nano-dollars in a dollar.
pub(crate) const NANOS_PER_USD: i64 = 1_000_000_000;

/// An exact sum of US dollars, in whole nano-dollars ($0.000000001).
///
/// Holds ±$9.2 billion. Arithmetic is checked; text, display and serde are
/// exact, and serde writes a string so that no reader turns it into a float.
/// A sum may be negative (what remains of an overrun budget); limits and
/// amounts may not, and say so where they are built.
///
/// # Example: ten cents and twenty cents are thirty cents
/// ```
/// use token_budget::Usd;
///
/// let sum = "0.1".parse::<Usd>()?.checked_add("0.2".parse()?)?;
/// assert_eq!(sum, "0.30".parse()?);
/// assert_eq!(sum.to_string(), "0.30");
/// assert_eq!("0.000000001".parse::<Usd>()?.nanos(), 1);
/// # Ok::<(), token_budget::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Usd(i64);

impl Usd {
    /// No money.
    pub const ZERO: Self = Self(0);
    /// The largest sum: about $9.2 billion.
    pub const MAX: Self = Self(i64::MAX);

    /// That many nano-dollars.
    #[must_use]
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// That many whole dollars.
    ///
    /// Every `u32` fits, so this cannot fail: `Usd::dollars(500)`.
    #[must_use]
    pub const fn dollars(dollars: u32) -> Self {
        Self((dollars as i64).saturating_mul(NANOS_PER_USD))
    }

    /// That many whole cents.
    #[must_use]
    pub const fn cents(cents: u32) -> Self {
        Self((cents as i64).saturating_mul(NANOS_PER_USD / 100))
    }

    /// In nano-dollars.
    #[must_use]
    pub const fn nanos(self) -> i64 {
        self.0
    }

    /// Whether this is less than nothing.
    #[must_use]
    pub const fn is_negative(self) -> bool {
        self.0 < 0
    }

    /// The exact decimal number of dollars.
    #[must_use]
    pub fn to_decimal(self) -> Decimal {
        Decimal::new(self.0, 9)
    }

    /// A decimal number of dollars, rounded up to the next nano-dollar.
    ///
    /// This is the one rounding a charge goes through.
    ///
    /// # Errors
    /// [`ErrorKind::Overflow`](crate::ErrorKind::Overflow) beyond ±$9.2 billion.
    pub fn from_decimal_rounded_up(dollars: Decimal) -> Result<Self, Error> {
        dollars
            .checked_mul(Decimal::from(NANOS_PER_USD))
            .and_then(|nanos| nanos.ceil().to_i64())
            .map(Self)
            .ok_or_else(|| Error::overflow("dollars"))
    }

    /// The sum of both.
    ///
    /// # Errors
    /// [`ErrorKind::Overflow`](crate::ErrorKind::Overflow) beyond ±$9.2 billion.
    pub fn checked_add(self, other: Self) -> Result<Self, Error> {
        self.0.checked_add(other.0).map(Self).ok_or_else(|| Error::overflow("dollars"))
    }

    /// The difference of both.
    ///
    /// # Errors
    /// [`ErrorKind::Overflow`](crate::ErrorKind::Overflow) beyond ±$9.2 billion.
    pub fn checked_sub(self, other: Self) -> Result<Self, Error> {
        self.0.checked_sub(other.0).map(Self).ok_or_else(|| Error::overflow("dollars"))
    }

    /// This sum, `times` over.
    ///
    /// # Errors
    /// [`ErrorKind::Overflow`](crate::ErrorKind::Overflow) beyond ±$9.2 billion.
    pub fn checked_mul(self, times: i64) -> Result<Self, Error> {
        self.0.checked_mul(times).map(Self).ok_or_else(|| Error::overflow("dollars"))
    }
}

impl FromStr for Usd {
    type Err = Error;

    /// Reads plain decimal text: digits, an optional sign and point, at most nine decimals.
    fn from_str(text: &str) -> Result<Self, Error> {
        let wrong = |problem: &str| Error::invalid("dollars", format!("{text:?} {problem}"));
        let (sign, digits) = match text.strip_prefix('-') {
            Some(rest) => (-1, rest),
            None => (1, text),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
        let plain = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        if !plain(whole) || !plain(fraction) {
            return Err(wrong(&format!("is not a plain decimal number{}", without_sign(text))));
        }
        let fraction = fraction.trim_end_matches('0');
        if fraction.len() > 9 {
            return Err(wrong("has more than nine decimals and cannot be kept exactly"));
        }
        let nanos = format!("{whole}{fraction:0<9}");
        nanos
            .parse::<i64>()
            .ok()
            .and_then(|nanos| nanos.checked_mul(sign))
            .map(Self)
            .ok_or_else(|| wrong("is more than 9.2 billion dollars"))
    }
}

/// How to write what bears a sign or a word of its currency.
fn without_sign(text: &str) -> String {
    let mut lower = text.to_ascii_lowercase();
    if text.len() > 64 || !["$", "usd", "dollar"].iter().any(|sign| lower.contains(sign)) {
        return String::new();
    }
    for sign in ["us$", "$", "usd", "dollars", "dollar", ",", "_", " "] {
        lower = lower.replace(sign, "");
    }
    match lower.parse::<Usd>() {
        Ok(_) => format!("; write it as {lower}, without a sign of the currency"),
        Err(_) => "; write dollars as 5.00, without a sign of the currency".to_owned(),
    }
}

impl fmt::Display for Usd {
    /// Two decimals, and more where two would hide something: `10.00`, `0.0125`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let magnitude = self.0.unsigned_abs();
        let unit = NANOS_PER_USD.unsigned_abs();
        let (whole, rest) = (magnitude.div_euclid(unit), magnitude.rem_euclid(unit));
        let digits = format!("{rest:09}");
        let significant = digits.trim_end_matches('0');
        let text = format!("{whole}.{significant:0<2}");
        f.pad_integral(self.0 >= 0, "", &text)
    }
}

impl fmt::Debug for Usd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "${self}")
    }
}

impl Serialize for Usd {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Usd {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usd(text: &str) -> Usd {
        text.parse().expect("test dollars")
    }

    #[test]
    fn dollars_survive_text_unchanged() {
        for text in ["0.00", "0.000000001", "500.00", "-3.25", "9223372036.854775807", "0.0125"] {
            assert_eq!(usd(text).to_string(), text);
        }
    }

    #[test]
    fn text_that_is_not_plain_decimal_is_refused() {
        for text in ["", ".", "1.", ".5", "1e3", "1_000", "+1", "--1", "0x1", "1,5", " 1", "NaN", "١"] {
            assert!(text.parse::<Usd>().is_err(), "{text:?} was accepted");
        }
    }

    #[test]
    fn what_cannot_be_kept_exactly_is_refused() {
        assert!("0.0000000001".parse::<Usd>().is_err());
        assert!("9223372036.854775808".parse::<Usd>().is_err());
        assert_eq!(usd("0.5000000000000"), Usd::cents(50));
    }

    #[test]
    fn a_fraction_of_a_nano_dollar_rounds_up_once() {
        let dollars = |text: &str| Decimal::from_str_exact(text).expect("decimal");
        assert_eq!(Usd::from_decimal_rounded_up(dollars("0.0000000010001")).expect("fits").nanos(), 2);
        assert_eq!(Usd::from_decimal_rounded_up(dollars("0.000000001")).expect("fits").nanos(), 1);
        assert!(Usd::from_decimal_rounded_up(dollars("9300000000")).is_err());
    }

    // People write dollars with their sign, and were told only that this is no number.
    #[test]
    fn what_bears_a_sign_of_the_currency_is_told_how_to_be_written() {
        let told = |text: &str| text.parse::<Usd>().expect_err(text).to_string();
        let five = "is not a plain decimal number; write it as 5, without a sign of the currency";
        for text in ["$5", "5 USD", "US$5", "usd 5", "5 dollars"] {
            assert_eq!(told(text), format!("dollars: {text:?} {five}"));
        }
        assert!(told("$1,000.50").contains("; write it as 1000.50,"));
        assert!(told("$five").ends_with("; write dollars as 5.00, without a sign of the currency"));
        assert_eq!(told("1_000"), "dollars: \"1_000\" is not a plain decimal number");
        assert_eq!(told("five"), "dollars: \"five\" is not a plain decimal number");
    }
}
