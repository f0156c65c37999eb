//! What stands at a place of a file, before it is known what it should be?

use std::collections::HashSet;
use std::fmt;

use serde::de::{Error as _, MapAccess, SeqAccess, Unexpected, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::problem::{At, unreadable, wrong};
use crate::Error;
use crate::policy::POLICY_ENTRIES_MAX;

/// How deep lists and tables may lie in one another; the format itself needs five levels.
pub const DEPTH_MAX: usize = 16;

/// The longest name, text or number in a file.
pub const TEXT_BYTES_MAX: usize = 4_096;

/// A number of TOML is carried through JSON as a table with one of these fields, because JSON has no `1_000`.
pub(super) const TOML_INTEGER: &str = "$toml::integer";
/// A float of TOML: other readers of the same file would round it.
pub(super) const TOML_FLOAT: &str = "$toml::float";

/// A value of a file, as a piece of JSON that is right by its grammar.
///
/// It is looked at one level at a time. A number stays the text that was written, so no digit is lost; a field that
/// stands twice is still there twice, so that it can be refused.
#[derive(Clone, Copy, Debug)]
pub(super) struct Node<'a>(pub(super) &'a str);

/// The fields of a table in the order of the file.
pub(super) type Table<'a> = Vec<(String, Node<'a>)>;

/// One level of a value.
pub(super) enum View<'a> {
    Null,
    Flag(bool),
    Number(String),
    Float(String),
    Text(String),
    List(Vec<Node<'a>>),
    Table(Table<'a>),
}

impl<'a> Node<'a> {
    /// The whole of a text, checked for its grammar and its sizes.
    pub(super) fn document(text: &'a str) -> Result<Self, Error> {
        // This pass looks at all of the text, so its errors name a line and column of it.
        let raw: &RawValue = serde_json::from_str(text)
            .map_err(|error| unreadable(format!("not JSON: {error}")).with_source(error))?;
        let document = Self(raw.get());
        document.check_sizes(0)?;
        Ok(document)
    }

    /// Reads what serde knows how to read.
    pub(super) fn read<T: Deserialize<'a>>(self) -> Result<T, Error> {
        T::deserialize(self)
    }

    pub(super) fn view(self) -> Result<View<'a>, Error> {
        Ok(match self.0.bytes().next() {
            Some(b'n') => View::Null,
            Some(b't') => View::Flag(true),
            Some(b'f') => View::Flag(false),
            Some(b'"') => View::Text(part(self.0)?),
            Some(b'[') => View::List(self.parts()?.map(|(_, node)| node).collect()),
            Some(b'{') => self.table_or_number()?,
            _ => View::Number(self.0.to_owned()),
        })
    }

    fn parts(self) -> Result<impl Iterator<Item = (String, Self)>, Error> {
        let Parts(parts) = part(self.0)?;
        if parts.len() > POLICY_ENTRIES_MAX {
            return Err(unreadable(format!("more than {POLICY_ENTRIES_MAX} entries")));
        }
        Ok(parts.into_iter().map(|(name, raw)| (name, Self(raw.get()))))
    }

    fn table_or_number(self) -> Result<View<'a>, Error> {
        let entries: Table<'a> = self.parts()?.collect();
        match entries.as_slice() {
            [(name, literal)] if name == TOML_INTEGER => part(literal.0).map(View::Number),
            [(name, literal)] if name == TOML_FLOAT => part(literal.0).map(View::Float),
            _ => Ok(View::Table(entries)),
        }
    }

    /// Every text, list and table, however deep, is within the stated sizes.
    fn check_sizes(self, depth: usize) -> Result<(), Error> {
        let deeper = || match depth.checked_add(1).filter(|deeper| *deeper <= DEPTH_MAX) {
            Some(deeper) => Ok(deeper),
            None => Err(unreadable(format!("nested more than {DEPTH_MAX} levels deep"))),
        };
        match self.view()? {
            View::Text(text) | View::Number(text) | View::Float(text) => check_length(&text),
            View::List(nodes) => {
                let inside = deeper()?;
                nodes.into_iter().try_for_each(|node| node.check_sizes(inside))
            }
            View::Table(entries) => {
                let inside = deeper()?;
                entries.into_iter().try_for_each(|(name, node)| {
                    check_length(&name)?;
                    node.check_sizes(inside).at(&name)
                })
            }
            View::Null | View::Flag(_) => Ok(()),
        }
    }

    /// The fields of a table, each of which stands once.
    pub(super) fn table(self) -> Result<Table<'a>, Error> {
        let View::Table(entries) = self.view()? else { return Err(self.is_not("a table")) };
        let mut seen = HashSet::with_capacity(entries.len());
        match entries.iter().find(|(name, _)| !seen.insert(name.as_str())) {
            Some((name, _)) => Err(wrong("stands twice")).at(name),
            None => Ok(entries),
        }
    }

    /// The same without the fields of null, where that says that a field is not set.
    pub(super) fn table_of_set(self) -> Result<Table<'a>, Error> {
        Ok(self.table()?.into_iter().filter(|(_, node)| !node.is_null()).collect())
    }

    pub(super) fn is_null(self) -> bool {
        self.0 == "null"
    }

    /// A number as it is written, quoted or not.
    pub(super) fn literal(self) -> Result<String, Error> {
        match self.view()? {
            View::Number(text) | View::Text(text) => Ok(text),
            View::Float(text) => {
                Err(wrong(format!("{text} is a TOML float, which is not exact; quote it: \"{text}\"")))
            }
            _ => Err(self.is_not("a number")),
        }
    }

    /// The error for a value of another sort.
    pub(super) fn is_not(self, expected: &str) -> Error {
        let found = match self.view() {
            Ok(View::Null) => Unexpected::Unit,
            Ok(View::Flag(flag)) => Unexpected::Bool(flag),
            Ok(View::Number(_) | View::Float(_)) => Unexpected::Float(0.0),
            Ok(View::Text(_)) => Unexpected::Str(""),
            Ok(View::List(_)) => Unexpected::Seq,
            Ok(View::Table(_)) => Unexpected::Map,
            Err(error) => return error,
        };
        Error::invalid_type(found, &expected)
    }
}

fn check_length(text: &str) -> Result<(), Error> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(unreadable(format!("a text or number has more than {TEXT_BYTES_MAX} bytes")));
    }
    Ok(())
}

/// The grammar has been checked, so what fails here is a text such as half a surrogate pair.
fn part<'a, T: Deserialize<'a>>(json: &'a str) -> Result<T, Error> {
    serde_json::from_str(json).map_err(|error| unreadable("not readable as text").with_source(error))
}

/// The parts of a list or a table, these with their names, up to one more than is allowed.
struct Parts<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Parts<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Self(Vec::new()))
    }
}

impl<'de> Parts<'de> {
    /// One more than is allowed is enough to be refused; a hostile file shall not fill the memory.
    fn keep(&mut self, name: String, part: &'de RawValue) {
        if self.0.len() <= POLICY_ENTRIES_MAX {
            self.0.push((name, part));
        }
    }
}

impl<'de> Visitor<'de> for Parts<'de> {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list or a table")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<Self, A::Error> {
        while let Some(part) = list.next_element()? {
            self.keep(String::new(), part);
        }
        Ok(self)
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut table: A) -> Result<Self, A::Error> {
        while let Some((name, part)) = table.next_entry()? {
            self.keep(name, part);
        }
        Ok(self)
    }
}
