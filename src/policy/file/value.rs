//! How is a value written whose digits or words a policy's file minds more than serde does?

use std::collections::HashSet;
use std::str::FromStr;

use rust_decimal::Decimal;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use super::node::{Node, Table, View};
use super::problem::{At, bare, wrong};
use crate::values::{OnNoLimit, ScopeKind, ShortText, Unit, name};
use crate::{Error, Usd};

/// A value that a policy's file writes in a way of its own.
pub(super) trait InFile<'a>: Sized {
    fn of(node: Node<'a>) -> Result<Self, Error>;
}

/// Has serde read a value as [`InFile`] does.
#[derive(Default)]
pub(super) struct Own<T>(pub(super) T);

impl<'de, T: InFile<'de>> Deserialize<'de> for Own<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::of(Node::deserialize(deserializer)?).map(Self).map_err(D::Error::custom)
    }
}

/// Dollars, zero or more.
impl InFile<'_> for Usd {
    fn of(node: Node<'_>) -> Result<Self, Error> {
        let text = node.literal()?;
        match parsed::<Self>(&text)? {
            money if money.is_negative() => Err(wrong(format!("{text} is below zero"))),
            money => Ok(money),
        }
    }
}

/// A count as budgets keep it.
impl InFile<'_> for i64 {
    fn of(node: Node<'_>) -> Result<Self, Error> {
        i64::try_from(whole(&node.literal()?)?).map_err(|_| wrong("does not fit into 63 bits"))
    }
}

/// Percent, above zero.
impl InFile<'_> for Decimal {
    fn of(node: Node<'_>) -> Result<Self, Error> {
        let text = node.literal()?;
        let (whole, fraction) = text.split_once('.').unwrap_or((&text, "0"));
        let plain = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        if !plain(whole) || !plain(fraction) {
            return Err(wrong(format!("{text:?} is not a plain decimal number")));
        }
        match Self::from_str_exact(&text) {
            Ok(percent) if percent.is_zero() => Err(wrong("is not above zero")),
            Ok(percent) => Ok(percent),
            Err(_) => Err(wrong(format!("{text:?} cannot be kept exactly"))),
        }
    }
}

impl InFile<'_> for ScopeKind {
    fn of(node: Node<'_>) -> Result<Self, Error> {
        parsed(&node.read::<String>()?)
    }
}

impl InFile<'_> for OnNoLimit {
    fn of(node: Node<'_>) -> Result<Self, Error> {
        parsed(&node.read::<String>()?)
    }
}

/// A list of names, each of which stands once.
impl InFile<'_> for Vec<ShortText> {
    fn of(node: Node<'_>) -> Result<Self, Error> {
        let names: Self = node.read()?;
        let mut seen = HashSet::new();
        match names.iter().find(|name| !seen.insert(name.as_str())) {
            Some(name) => Err(wrong(format!("{name:?} stands twice"))),
            None => Ok(names),
        }
    }
}

/// Text that names an entry, fit for a log.
pub(super) struct Id(pub(super) ShortText);

impl InFile<'_> for Id {
    fn of(node: Node<'_>) -> Result<Self, Error> {
        let id: ShortText = node.read()?;
        name::problem_of_id(&id).map_or(Ok(Self(id)), |problem| Err(wrong(problem)))
    }
}

/// The kinds of scope that a file may name besides the built-in ones.
impl InFile<'_> for Vec<ScopeKind> {
    fn of(node: Node<'_>) -> Result<Self, Error> {
        Vec::<ShortText>::of(node)?.iter().map(|name| parsed(name)).collect()
    }
}

/// The names of channels. An address such as a webhook's is a secret, and budgets are shown to people.
#[derive(Default)]
pub(super) struct Channels(pub(super) Vec<ShortText>);

impl InFile<'_> for Channels {
    fn of(node: Node<'_>) -> Result<Self, Error> {
        for (node, number) in node.read::<Vec<Node<'_>>>()?.into_iter().zip(1_u32..) {
            if matches!(node.view()?, View::Text(text) if text.contains("://")) {
                let problem = "is an address; name the channel here and keep its address out of this file";
                return Err(wrong(problem)).at(&number.to_string());
            }
        }
        Vec::of(node).map(Self)
    }
}

/// A table of names.
impl InFile<'_> for Vec<(ShortText, ShortText)> {
    fn of(node: Node<'_>) -> Result<Self, Error> {
        let tag = |(key, node): (String, Node<'_>)| Ok((key.as_str().into(), node.read().at(&key)?));
        node.table()?.into_iter().map(tag).collect()
    }
}

/// A table of anything short, which is kept as text. Errors never show what it says.
#[derive(Default)]
pub(super) struct Metadata(pub(super) Vec<(ShortText, ShortText)>);

impl Metadata {
    pub(super) fn of_table(table: Table<'_>) -> Result<Self, Error> {
        let entry = |(key, node): (String, Node<'_>)| match node.view()? {
            View::Text(text) | View::Number(text) | View::Float(text) => Ok((key.into(), text.into())),
            View::Flag(flag) => Ok((key.into(), flag.to_string().into())),
            _ => Err(node.is_not("text, a number, true or false")).at(&key),
        };
        table.into_iter().map(entry).collect::<Result<_, _>>().map(Self)
    }
}

impl InFile<'_> for Metadata {
    fn of(node: Node<'_>) -> Result<Self, Error> {
        node.table().and_then(Self::of_table)
    }
}

/// A number of things, zero or more.
pub(super) fn whole(text: &str) -> Result<u64, Error> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(wrong(format!("{text:?} is not a plain whole number")));
    }
    text.parse().map_err(|_| wrong(format!("{text:?} does not fit into 64 bits")))
}

/// A figure in that unit as budgets keep it: dollars in nano-dollars.
pub(super) fn figure(node: Node<'_>, unit: &Unit) -> Result<i64, Error> {
    if *unit == Unit::Usd { Usd::of(node).map(Usd::nanos) } else { i64::of(node) }
}

/// A figure, or in so many words none.
pub(super) fn limit(node: Node<'_>, unit: &Unit) -> Result<Option<i64>, Error> {
    match node.view()? {
        View::Text(text) if text == "none" => Ok(None),
        View::Null => Err(wrong("is null; for no limit, write \"none\"")),
        _ => figure(node, unit).map(Some),
    }
}

/// Checks a name that calls are to bear: with a blank at its edge it would be another.
pub(super) fn plain_name(name: &str) -> Result<(), Error> {
    match name {
        "" => Err(wrong("is empty")),
        _ if name.trim() != name => Err(wrong("begins or ends with a blank")),
        _ => Ok(()),
    }
}

/// Only kinds of scope that are known, so that `taem/search` is not a scope of its own.
pub(super) fn known(kind: &ScopeKind, custom: &[ScopeKind]) -> Result<(), Error> {
    if matches!(kind, ScopeKind::Custom(_)) && !custom.contains(kind) {
        return Err(wrong(format!(
            "{:?} is no kind of scope; name kinds of your own in policy.kinds",
            kind.as_str()
        )));
    }
    Ok(())
}

/// Reads a word as its type does, and tells what is wrong without the type's own name.
pub(super) fn parsed<T: FromStr<Err = Error>>(text: &str) -> Result<T, Error> {
    text.parse().map_err(bare)
}
