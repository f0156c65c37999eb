//! How does TOML become JSON with every number as written?

use serde::{Serialize, Serializer};
use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::node::{TOML_FLOAT, TOML_INTEGER};
use super::problem::unreadable;
use crate::Error;

/// The same document as JSON, its fields in the order of the file: an error is about the first wrong one.
pub(super) fn as_json(text: &str) -> Result<String, Error> {
    let document = DeTable::parse(text).map_err(|error| not_toml(text, &error))?;
    let fields = fields(text, document.get_ref());
    let mut json = Vec::new();
    let written = serde_json::Serializer::new(&mut json).collect_map(fields);
    written.map_err(|error| unreadable("not writable as JSON").with_source(error))?;
    String::from_utf8(json).map_err(|error| unreadable("not writable as JSON").with_source(error))
}

/// Only what is wrong and where: the parser's own report quotes the line, with whatever stands in it.
fn not_toml(text: &str, error: &toml::de::Error) -> Error {
    let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
    let line = before.split('\n').count();
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count().saturating_add(1);
    unreadable(format!("not TOML: {} at line {line} column {column}", error.message()))
}

/// The parser sorts by name; this is the order of the text.
fn fields<'a>(
    text: &'a str,
    table: &'a DeTable<'a>,
) -> impl Iterator<Item = (&'a str, Written<'a>)> + use<'a> {
    let mut fields: Vec<(&Spanned<DeString<'_>>, _)> = table.iter().collect();
    fields.sort_by_key(|(name, _)| name.span().start);
    fields.into_iter().map(|(name, value)| (name.get_ref().as_ref(), Written { text, value }))
}

/// A value, with the text that it stands in: the parser drops the underscores of a number.
struct Written<'a> {
    text: &'a str,
    value: &'a Spanned<DeValue<'a>>,
}

impl Serialize for Written<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let literal = self.text.get(self.value.span()).unwrap_or_default();
        match self.value.get_ref() {
            DeValue::String(text) => serializer.serialize_str(text),
            DeValue::Integer(_) => serializer.collect_map([(TOML_INTEGER, literal)]),
            DeValue::Float(_) => serializer.collect_map([(TOML_FLOAT, literal)]),
            DeValue::Boolean(flag) => serializer.serialize_bool(*flag),
            DeValue::Datetime(_) => serializer.serialize_str(literal),
            DeValue::Array(items) => {
                serializer.collect_seq(items.iter().map(|value| Written { text: self.text, value }))
            }
            DeValue::Table(table) => serializer.collect_map(fields(self.text, table)),
        }
    }
}
