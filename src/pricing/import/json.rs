//! How is JSON read with its numbers as written and no key twice?
//!
//! `serde_json::Value` would turn `2.5e-06` into a float and keep the last of two
//! equal keys. A price may do neither, so a value is kept as its text until somebody
//! asks what is in it, one level at a time. A document is checked first as a whole:
//! its depth, before anything recurses into it, and its keys, at every depth.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use rust_decimal::Decimal;
use serde::de::{self, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::found::unreadable;
use crate::Error;
use crate::pricing::decimal;

/// How deep objects and lists may stand in one another; the deepest real one is six.
const DEPTH_MAX: usize = 32;

/// One value, one level deep: what is inside is read when it is asked for.
#[derive(Clone, Debug)]
pub(super) enum Json<'a> {
    Null,
    Bool,
    /// Digits as they stand.
    Number(&'a str),
    Text(String),
    List(Vec<&'a RawValue>),
    Map(Map<'a>),
}

/// The fields of an object, in their order.
pub(super) type Map<'a> = Vec<(String, &'a RawValue)>;

impl<'a> Json<'a> {
    /// Reads a whole document, whose depth is checked first.
    pub(super) fn parse(text: &'a str) -> Result<Self, Error> {
        check_depth(text)?;
        let wrong = |error: serde_json::Error| unreadable(error.to_string()).with_source(error);
        let Unambiguous = serde_json::from_str(text).map_err(wrong)?;
        Self::of(serde_json::from_str(text).map_err(wrong)?)
    }

    /// Reads one level of a value.
    pub(super) fn of(raw: &'a RawValue) -> Result<Self, Error> {
        let text = raw.get();
        let wrong = |error: serde_json::Error| unreadable(error.to_string()).with_source(error);
        Ok(match text.as_bytes().first() {
            Some(b'{') => Self::Map(serde_json::from_str::<Fields<'_>>(text).map_err(wrong)?.0),
            Some(b'[') => Self::List(serde_json::from_str(text).map_err(wrong)?),
            Some(b'"') => Self::Text(serde_json::from_str(text).map_err(wrong)?),
            Some(b't' | b'f') => Self::Bool,
            Some(b'n') => Self::Null,
            _ => Self::Number(text),
        })
    }

    /// A figure that is a JSON number, times ten to the `shift`; what is wrong otherwise.
    pub(super) fn figure(&self, shift: i32) -> Result<Decimal, String> {
        let Self::Number(text) = self else { return Err(format!("{} is no number", self.shown())) };
        let value = decimal::literal(text, shift).ok_or_else(|| format!("{text} cannot be kept exactly"))?;
        if value.is_sign_negative() && !value.is_zero() {
            return Err(format!("{text} is negative"));
        }
        Ok(value)
    }

    /// A whole number that may be written with a point: `256000.0`.
    pub(super) fn count(&self) -> Option<u64> {
        let Self::Number(text) = self else { return None };
        u64::try_from(decimal::literal(text, 0).filter(Decimal::is_integer)?).ok()
    }

    pub(super) fn text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    fn shown(&self) -> String {
        match self {
            Self::Null => "null".to_owned(),
            Self::Bool => "true or false".to_owned(),
            Self::Number(text) => text.chars().take(40).collect(),
            Self::Text(text) => format!("{:?}", text.chars().take(40).collect::<String>()),
            Self::List(_) => "a list".to_owned(),
            Self::Map(_) => "an object".to_owned(),
        }
    }
}

/// The field of that name, read; none where it is missing or null.
pub(super) fn get<'a>(map: &Map<'a>, name: &str) -> Result<Option<Json<'a>>, Error> {
    match map.iter().find(|(key, _)| key == name).map(|(_, raw)| Json::of(raw)).transpose()? {
        Some(Json::Null) | None => Ok(None),
        some => Ok(some),
    }
}

/// The text of that name, where it is one.
pub(super) fn text(map: &Map<'_>, name: &str) -> Result<Option<String>, Error> {
    Ok(get(map, name)?.and_then(|json| if let Json::Text(text) = json { Some(text) } else { None }))
}

/// The whole number of that name, where it is one.
pub(super) fn count(map: &Map<'_>, name: &str) -> Result<Option<u64>, Error> {
    Ok(get(map, name)?.and_then(|json| json.count()))
}

fn check_depth(text: &str) -> Result<(), Error> {
    let (mut depth, mut quoted, mut escaped) = (0_usize, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'{' | b'[' if !quoted => depth = depth.saturating_add(1),
            b'}' | b']' if !quoted => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > DEPTH_MAX {
            return Err(unreadable(format!("is nested more than {DEPTH_MAX} deep")));
        }
    }
    Ok(())
}

/// An object's fields with their values as they stand.
struct Fields<'a>(Map<'a>);

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(FieldsVisitor)
    }
}

struct FieldsVisitor;

impl<'de> Visitor<'de> for FieldsVisitor {
    type Value = Fields<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields<'de>, A::Error> {
        let mut fields = Vec::new();
        while let Some(key) = map.next_key::<String>()? {
            fields.push((key, map.next_value::<&'de RawValue>()?));
        }
        Ok(Fields(fields))
    }
}

/// A document in which no object has a key twice, at any depth.
struct Unambiguous;

impl<'de> Deserialize<'de> for Unambiguous {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(UnambiguousVisitor)
    }
}

struct UnambiguousVisitor;

impl<'de> Visitor<'de> for UnambiguousVisitor {
    type Value = Unambiguous;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Unambiguous, A::Error> {
        let mut seen = HashSet::new();
        while let Some(key) = map.next_key::<Cow<'de, str>>()? {
            let shown: String = key.chars().take(80).collect();
            if !seen.insert(key) {
                return Err(de::Error::custom(format_args!("{shown:?} is given twice")));
            }
            let Unambiguous = map.next_value()?;
        }
        Ok(Unambiguous)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Unambiguous, A::Error> {
        while let Some(Unambiguous) = seq.next_element()? {}
        Ok(Unambiguous)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Unambiguous, E> {
        Ok(Unambiguous)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Unambiguous, E> {
        Ok(Unambiguous)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Unambiguous, E> {
        Ok(Unambiguous)
    }

    // Only its being a number counts here: figures are read from their digits.
    fn visit_f64<E>(self, _: f64) -> Result<Unambiguous, E> {
        Ok(Unambiguous)
    }

    fn visit_str<E>(self, _: &str) -> Result<Unambiguous, E> {
        Ok(Unambiguous)
    }

    fn visit_unit<E>(self) -> Result<Unambiguous, E> {
        Ok(Unambiguous)
    }
}
