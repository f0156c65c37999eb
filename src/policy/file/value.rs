//! How is the value of one field read?

use std::collections::HashSet;

use compact_str::CompactString;
use rust_decimal::Decimal;
use serde::Deserialize;

use super::tree::{Node, shown, wrong};
use crate::values::{ScopeKind, Timestamp, Unit, name};
use crate::{Error, Scope, Usd, Window};

/// Text that says something.
pub(super) fn text(node: &Node) -> Result<&str, Error> {
    match node {
        Node::Text(text) if text.is_empty() => Err(wrong("is empty")),
        Node::Text(text) => Ok(text),
        other => Err(other.is_not("text")),
    }
}

pub(super) fn name(node: &Node) -> Result<CompactString, Error> {
    text(node).map(CompactString::from)
}

/// Text that names an entry, fit for a log.
pub(super) fn id(node: &Node) -> Result<CompactString, Error> {
    let id = text(node)?;
    if let Some(problem) = name::problem_of_id(id) {
        return Err(wrong(problem));
    }
    Ok(id.into())
}

/// Checks a name that calls are to bear: with a blank at its edge it would be another.
pub(super) fn plain_name(name: &str) -> Result<(), Error> {
    match name {
        "" => Err(wrong("is empty")),
        _ if name.trim() != name => Err(wrong("begins or ends with a blank")),
        _ => Ok(()),
    }
}

/// A list of texts, each of which stands once.
pub(super) fn names(node: &Node) -> Result<Vec<CompactString>, Error> {
    let mut seen = HashSet::new();
    let mut names = Vec::new();
    for (node, number) in node.list()?.iter().zip(1_u32..) {
        let name = name(node).map_err(|error| error.within(&number.to_string()))?;
        if !seen.insert(name.clone()) {
            return Err(wrong(format!("{name:?} stands twice")));
        }
        names.push(name);
    }
    Ok(names)
}

/// The names of channels. An address such as a webhook's is a secret, and budgets are shown to people.
pub(super) fn channels(node: &Node) -> Result<Vec<CompactString>, Error> {
    for (node, number) in node.list()?.iter().zip(1_u32..) {
        if matches!(node, Node::Text(text) if text.contains("://")) {
            let problem = "is an address; name the channel here and keep its address out of this file";
            return Err(wrong(problem).within(&number.to_string()));
        }
    }
    names(node)
}

/// A table of texts.
pub(super) fn tags(node: &Node) -> Result<Vec<(CompactString, CompactString)>, Error> {
    let entries = node.table()?.iter();
    let tag = |(key, node): &(String, Node)| match name(node) {
        Ok(value) => Ok((key.into(), value)),
        Err(error) => Err(error.within(&shown(key))),
    };
    entries.map(tag).collect()
}

/// A table of anything short, which is kept as text. Errors never show what it says.
pub(super) fn metadata(node: &Node) -> Result<Vec<(CompactString, CompactString)>, Error> {
    let entry = |(key, node): &(String, Node)| {
        let value = match node {
            Node::Text(text) | Node::Number(text) | Node::Float(text) => text.into(),
            Node::Flag(flag) => CompactString::from(if *flag { "true" } else { "false" }),
            other => return Err(other.is_not("text, a number, true or false").within(&shown(key))),
        };
        Ok((key.into(), value))
    };
    node.table()?.iter().map(entry).collect()
}

/// A number of things, zero or more.
pub(super) fn whole(node: &Node) -> Result<u64, Error> {
    let text = literal(node)?;
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(wrong(format!("{text:?} is not a plain whole number")));
    }
    text.parse().map_err(|_| wrong(format!("{text:?} does not fit into 64 bits")))
}

/// Dollars, zero or more.
pub(super) fn money(node: &Node) -> Result<Usd, Error> {
    let text = literal(node)?;
    match text.parse::<Usd>() {
        Ok(money) if money.is_negative() => Err(wrong(format!("{text} is below zero"))),
        Ok(money) => Ok(money),
        Err(error) => Err(without("dollars: ", &error)),
    }
}

/// A figure in that unit as budgets keep it: dollars in nano-dollars.
pub(super) fn figure(node: &Node, unit: &Unit) -> Result<i64, Error> {
    match unit {
        Unit::Usd => money(node).map(Usd::nanos),
        _ => i64::try_from(whole(node)?).map_err(|_| wrong("does not fit into 63 bits")),
    }
}

/// A figure, or in so many words none.
pub(super) fn limit(node: &Node, unit: &Unit) -> Result<Option<i64>, Error> {
    match node {
        Node::Text(text) if text == "none" => Ok(None),
        Node::Null => Err(wrong("is null; for no limit, write \"none\"")),
        figure_node => figure(figure_node, unit).map(Some),
    }
}

/// Percent, above zero.
pub(super) fn percent(node: &Node) -> Result<Decimal, Error> {
    let text = literal(node)?;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let plain = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !plain(whole) || !plain(fraction) {
        return Err(wrong(format!("{text:?} is not a plain decimal number")));
    }
    match Decimal::from_str_exact(text) {
        Ok(percent) if percent.is_zero() => Err(wrong("is not above zero")),
        Ok(percent) => Ok(percent),
        Err(_) => Err(wrong(format!("{text:?} cannot be kept exactly"))),
    }
}

/// A number as it is written, quoted or not.
fn literal(node: &Node) -> Result<&str, Error> {
    match node {
        Node::Number(text) | Node::Text(text) => Ok(text),
        Node::Float(text) => {
            Err(wrong(format!("{text} is a TOML float, which is not exact; quote it: \"{text}\"")))
        }
        other => Err(other.is_not("a number")),
    }
}

pub(super) fn unit(node: &Node) -> Result<Unit, Error> {
    text(node)?.parse().map_err(|error| without("unit: ", &error))
}

/// A level of a kind that is known, so that `taem/search` is not a level of its own.
pub(super) fn scope(node: &Node, custom: &[ScopeKind]) -> Result<Scope, Error> {
    let scope: Scope = text(node)?.parse().map_err(|error| without("scope: ", &error))?;
    known(scope.kind(), custom)?;
    Ok(scope)
}

pub(super) fn kind(node: &Node, custom: &[ScopeKind]) -> Result<ScopeKind, Error> {
    let kind = text(node)?.parse().map_err(|error| without("scope kind: ", &error))?;
    known(&kind, custom)?;
    Ok(kind)
}

/// The kinds of scope that a file may name besides the built-in ones.
pub(super) fn kinds(node: &Node) -> Result<Vec<ScopeKind>, Error> {
    names(node)?.iter().map(|name| name.parse().map_err(|error| without("scope kind: ", &error))).collect()
}

fn known(kind: &ScopeKind, custom: &[ScopeKind]) -> Result<(), Error> {
    if matches!(kind, ScopeKind::Custom(_)) && !custom.contains(kind) {
        return Err(wrong(format!(
            "{:?} is no kind of scope; name kinds of your own in policy.kinds",
            kind.as_str()
        )));
    }
    Ok(())
}

pub(super) fn instant(node: &Node) -> Result<Timestamp, Error> {
    text(node)?.parse().map_err(|error| without("instant: ", &error))
}

/// A window as a line or as a table, just as [`Window`] reads both.
pub(super) fn window(node: &Node) -> Result<Window, Error> {
    if !matches!(node, Node::Table(_)) {
        return text(node)?.parse().map_err(|error| without("window: ", &error));
    }
    let word = |(key, node): &(String, Node)| {
        let value = match node {
            Node::Number(_) => whole(node).map(serde_json::Value::from),
            other => text(other).map(serde_json::Value::from),
        };
        value.map(|value| (key.clone(), value)).map_err(|error| error.within(&shown(key)))
    };
    let words = node.table()?.iter().map(word).collect::<Result<serde_json::Map<_, _>, Error>>()?;
    Window::deserialize(serde_json::Value::Object(words)).map_err(|error| without("window: ", &error))
}

/// The same problem without the general name of what was read: the field's own name is coming.
pub(super) fn without(name: &str, error: &impl ToString) -> Error {
    let text = error.to_string();
    wrong(text.strip_prefix(name).unwrap_or(&text))
}
