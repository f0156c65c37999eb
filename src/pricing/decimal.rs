//! How is a decimal read from text without losing a digit?
//!
//! Own rows are read by [`parse`]: digits, an optional point, nothing else, so that a
//! typing mistake is an error and not a number. Public tables are JSON written by
//! programs, with exponents (`2.5e-06`), so imports are read by [`literal`]: from the
//! digits as they stand in the text, never through a float. As a float `5e-08` is
//! 4.99999999999999977…e-08, and a charge that is promised to the published digit
//! would no longer be one.

use std::borrow::Cow;

use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer, Serializer, de};

use crate::Error;

/// The longest figure that is looked at; a rate needs far fewer digits.
const LENGTH_MAX: usize = 40;

/// Reads digits with an optional point; anything else is an error.
pub(super) fn parse(field: &str, text: &str) -> Result<Decimal, Error> {
    if text.len() > LENGTH_MAX {
        return Err(Error::invalid(field, format!("has more than {LENGTH_MAX} characters")));
    }
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let plain = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !plain(whole) || !plain(fraction) {
        return Err(Error::invalid(field, format!("{text:?} is not a plain decimal number")));
    }
    Decimal::from_str_exact(text)
        .map_err(|_| Error::invalid(field, format!("{text:?} cannot be kept exactly")))
}

/// Reads a number as JSON writes it, exponent and all, times ten to the `shift`.
///
/// Zeros at the end of its digits count as nothing, so `1.10` has one decimal.
pub(super) fn literal(text: &str, shift: i32) -> Option<Decimal> {
    if text.len() > LENGTH_MAX {
        return None;
    }
    let (digits, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (negative, digits) = digits.strip_prefix('-').map_or((false, digits), |digits| (true, digits));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let plain = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !plain(whole) || !plain(fraction) {
        return None;
    }
    let fraction = fraction.trim_end_matches('0');
    let mut mantissa = format!("{whole}{fraction}").parse::<i128>().ok()?;
    let scale = i32::try_from(fraction.len()).ok()?;
    let exponent = exponent.strip_prefix('+').unwrap_or(exponent).parse::<i32>().ok()?;
    let mut scale = scale.checked_sub(exponent)?.checked_sub(shift)?;
    if mantissa == 0 {
        return Some(Decimal::ZERO);
    }
    while scale > 0 && mantissa.checked_rem(10)? == 0 {
        mantissa = mantissa.checked_div(10)?;
        scale = scale.checked_sub(1)?;
    }
    if scale < 0 {
        mantissa = mantissa.checked_mul(10_i128.checked_pow(scale.unsigned_abs())?)?;
        scale = 0;
    }
    let signed = if negative { mantissa.checked_neg()? } else { mantissa };
    Decimal::try_from_i128_with_scale(signed, u32::try_from(scale).ok()?).ok()
}

/// Reads a decimal written as text, for serde.
pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Decimal, D::Error> {
    let text = Cow::<'de, str>::deserialize(deserializer)?;
    parse("factor", &text).map_err(de::Error::custom)
}

/// Writes a decimal as text, for serde.
pub(super) fn serialize<S: Serializer>(value: &Decimal, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_literal_keeps_every_digit_and_its_exponent() {
        let read = |text: &str, shift: i32| literal(text, shift).map(|value| value.to_string());
        assert_eq!(read("5.0000000000000004e-08", 6).as_deref(), Some("0.050000000000000004"));
        assert_eq!(read("2.5e-06", 6).as_deref(), Some("2.5"));
        assert_eq!(read("1E+2", 0).as_deref(), Some("100"));
        assert_eq!(read("0.0", 6).as_deref(), Some("0"));
        assert_eq!(read("0e99", 6).as_deref(), Some("0"));
        assert_eq!(read("100", -3).as_deref(), Some("0.1"));
        assert_eq!(read("-1", 0).as_deref(), Some("-1"));
        for text in ["", "-", "NaN", "1e", "1e-40", "1e99", ".5", "1.5.5", "0x1", "1_0", "e5"] {
            assert_eq!(read(text, 0), None, "{text}");
        }
        assert_eq!(read("123456789012345678901234567890", 0), None);
    }
}
