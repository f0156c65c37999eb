//! How is a decimal read from text without losing a digit?

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

/// Reads an optional decimal written as text, for serde.
pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Decimal>, D::Error> {
    let text = Cow::<'de, str>::deserialize(deserializer)?;
    parse("factor", &text).map(Some).map_err(de::Error::custom)
}

/// Writes an optional decimal as text, for serde.
#[expect(clippy::ref_option, reason = "serde passes the field by reference")]
pub(super) fn serialize<S: Serializer>(value: &Option<Decimal>, serializer: S) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => serializer.collect_str(value),
        None => serializer.serialize_none(),
    }
}
