//! How does JSON become a tree with every number as written?

use std::fmt;

use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::super::POLICY_ENTRIES_MAX;
use super::tree::{Node, bound_entries, bounded, deeper, shown, unreadable};
use crate::Error;

pub(super) fn tree(text: &str) -> Result<Node, Error> {
    // The first pass looks at all of the text, so errors of grammar name a line and column of it.
    let raw: &RawValue = serde_json::from_str(text)
        .map_err(|error| unreadable(format!("not JSON: {error}")).with_source(error))?;
    node(raw, 0)
}

fn node(raw: &RawValue, depth: usize) -> Result<Node, Error> {
    let text = raw.get();
    match text.bytes().next() {
        Some(b'n') => Ok(Node::Null),
        Some(b't') => Ok(Node::Flag(true)),
        Some(b'f') => Ok(Node::Flag(false)),
        Some(b'"') => bounded(&part::<String>(text)?).map(Node::Text),
        Some(b'[') => list(text, deeper(depth)?),
        Some(b'{') => table(text, deeper(depth)?),
        _ => bounded(text).map(Node::Number),
    }
}

fn list(text: &str, depth: usize) -> Result<Node, Error> {
    let List(items) = part(text)?;
    bound_entries(items.len())?;
    items.into_iter().map(|raw| node(raw, depth)).collect::<Result<_, _>>().map(Node::List)
}

fn table(text: &str, depth: usize) -> Result<Node, Error> {
    let Table(entries) = part(text)?;
    bound_entries(entries.len())?;
    let entry = |(name, raw): (String, &RawValue)| {
        let name = bounded(&name)?;
        let node = node(raw, depth).map_err(|error| error.within(&shown(&name)))?;
        Ok((name, node))
    };
    entries.into_iter().map(entry).collect::<Result<_, _>>().map(Node::Table)
}

/// The grammar has been checked, so what fails here is a text such as half a surrogate pair.
fn part<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, Error> {
    serde_json::from_str(text).map_err(|error| unreadable("not readable as text").with_source(error))
}

/// The items of a list, up to one more than is allowed.
struct List<'a>(Vec<&'a RawValue>);

/// The fields of a table with all their repetitions, up to one more than is allowed.
struct Table<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for List<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(Parts).map(Self)
    }
}

impl<'de> Deserialize<'de> for Table<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(NamedParts).map(Self)
    }
}

struct Parts;

impl<'de> Visitor<'de> for Parts {
    type Value = Vec<&'de RawValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut items = Vec::new();
        while items.len() <= POLICY_ENTRIES_MAX {
            let Some(item) = list.next_element()? else { return Ok(items) };
            items.push(item);
        }
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(items)
    }
}

struct NamedParts;

impl<'de> Visitor<'de> for NamedParts {
    type Value = Vec<(String, &'de RawValue)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a table")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut table: A) -> Result<Self::Value, A::Error> {
        let mut entries = Vec::new();
        while entries.len() <= POLICY_ENTRIES_MAX {
            let Some(entry) = table.next_entry()? else { return Ok(entries) };
            entries.push(entry);
        }
        while table.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(entries)
    }
}
