//! How much money? Exact dollars, without a float anywhere.
//!
//! Money is a 64-bit integer of nano-dollars. Prices per million tokens have a few
//! decimals ($0.0375), so a single token costs a fraction of a nano-dollar more or less
//! often; charges are computed with exact decimals and rounded *up once*, to the next
//! nano-dollar, and the same integer then goes on every budget.
//!
//! Worked example: 3 cached tokens at $0.0375 a million are $0.0000001125, which is 112.5
//! nano-dollars. The charge is 113. Rounding each token by itself would give 38 × 3 =
//! 114, and rounding down would let a large bill grow in fractions that nobody counts.
//!
//! Rejected: floating point (0.1 + 0.2 is not 0.3, and a sum depends on the order of its
//! parts), cents (a call costs fractions of a cent), and an arbitrary-precision decimal
//! in the ledger (a balance is compared millions of times an hour, and must be one
//! machine word).

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
/// `Usd` holds ±$9.2 billion. Arithmetic is checked. Text, display and serde are exact,
/// and serde writes a string, so that no reader turns it into a float. A sum may be
/// negative (what remains of an overrun budget); limits and amounts may not, and say so
/// where they are built.
///
/// Three constructors, three units: [`Usd::dollars`] takes whole dollars, [`Usd::cents`]
/// whole cents, [`Usd::from_nanos`] nano-dollars. Anything with a fraction is parsed from
/// text: `"0.0125".parse()`. Text has no sign of the currency and no separators, so
/// `"$5"` and `"1,000"` are errors that say how to write it.
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

    /// That many nano-dollars: the ledger's own unit. Five dollars are 5,000,000,000 of
    /// them.
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

    /// This sum in nano-dollars.
    #[must_use]
    pub const fn nanos(self) -> i64 {
        self.0
    }

    /// Whether this is less than zero, as what remains of an overrun budget is.
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
    /// This is the only rounding that a charge goes through. Round a whole charge, never
    /// its parts.
    ///
    /// # Errors
    /// [`ErrorKind::Overflow`](crate::ErrorKind::Overflow) beyond ±$9.2 billion.
    ///
    /// # Example: three cached tokens at $0.0375 a million
    /// ```
    /// use rust_decimal::Decimal;
    /// use token_budget::Usd;
    ///
    /// let dollars = Decimal::new(3 * 375, 10); // 3 × 0.0375 ÷ 1,000,000 = 0.0000001125
    /// assert_eq!(Usd::from_decimal_rounded_up(dollars)?.nanos(), 113); // 112.5, rounded up
    /// # Ok::<(), token_budget::Error>(())
    /// ```
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

    /// This sum, taken `times` times.
    ///
    /// # Errors
    /// [`ErrorKind::Overflow`](crate::ErrorKind::Overflow) beyond ±$9.2 billion.
    pub fn checked_mul(self, times: i64) -> Result<Self, Error> {
        self.0.checked_mul(times).map(Self).ok_or_else(|| Error::overflow("dollars"))
    }
}

impl FromStr for Usd {
    type Err = Error;

    /// Reads plain decimal text: digits, an optional minus and point, at most nine
    /// decimals that are not zero.
    ///
    /// Nothing is rounded here: `0.0000000001` is an error, because it cannot be kept
    /// exactly. `0.5000000000000` is fine.
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
        // `12.5` becomes `12` and `5`, padded to nine digits: `12500000000` nano-dollars,
        // without any arithmetic.
        let nanos = format!("{whole}{fraction:0<9}");
        nanos
            .parse::<i64>()
            .ok()
            .and_then(|nanos| nanos.checked_mul(sign))
            .map(Self)
            .ok_or_else(|| wrong("is more than 9.2 billion dollars"))
    }
}

/// How to write an amount that bears a sign or a word of its currency; empty if that is
/// not what is wrong.
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
    /// Writes two decimals, and more if two would hide something: `10.00`, `0.0125`.
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
