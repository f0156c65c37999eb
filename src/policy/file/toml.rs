//! How does TOML become a tree with every number as written?

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::tree::{Node, bound_entries, bounded, deeper, shown, unreadable};
use crate::Error;

pub(super) fn tree(text: &str) -> Result<Node, Error> {
    let document = DeTable::parse(text).map_err(|error| not_toml(text, &error))?;
    table(text, document.get_ref(), deeper(0)?)
}

/// Only what is wrong and where: the parser's own report quotes the line, with whatever stands in it.
fn not_toml(text: &str, error: &toml::de::Error) -> Error {
    let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
    let line = before.split('\n').count();
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count().saturating_add(1);
    unreadable(format!("not TOML: {} at line {line} column {column}", error.message()))
}

fn node(text: &str, value: &Spanned<DeValue<'_>>, depth: usize) -> Result<Node, Error> {
    // The parser drops the underscores of a number, so look at it where it stands.
    let literal = || bounded(text.get(value.span()).unwrap_or_default());
    match value.get_ref() {
        DeValue::String(text) => bounded(text).map(Node::Text),
        DeValue::Integer(_) => literal().map(Node::Number),
        DeValue::Float(_) => literal().map(Node::Float),
        DeValue::Boolean(flag) => Ok(Node::Flag(*flag)),
        DeValue::Datetime(_) => literal().map(Node::Text),
        DeValue::Array(items) => {
            let depth = deeper(depth)?;
            bound_entries(items.len())?;
            items.iter().map(|item| node(text, item, depth)).collect::<Result<_, _>>().map(Node::List)
        }
        DeValue::Table(entries) => table(text, entries, deeper(depth)?),
    }
}

fn table(text: &str, entries: &DeTable<'_>, depth: usize) -> Result<Node, Error> {
    bound_entries(entries.len())?;
    // The parser sorts by name; an error should be about the first wrong field of the file.
    let mut entries: Vec<_> = entries.iter().collect();
    entries.sort_by_key(|(name, _)| name.span().start);
    let entry = |(name, value): (&Spanned<DeString<'_>>, &Spanned<DeValue<'_>>)| {
        let name = bounded(name.get_ref())?;
        let node = node(text, value, depth).map_err(|error| error.within(&shown(&name)))?;
        Ok((name, node))
    };
    entries.into_iter().map(entry).collect::<Result<_, _>>().map(Node::Table)
}
