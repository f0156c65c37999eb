//! What does a file say, whatever its format?

use std::collections::HashSet;

use super::super::POLICY_ENTRIES_MAX;
use super::{DEPTH_MAX, TEXT_BYTES_MAX};
use crate::values::name::did_you_mean;
use crate::values::one_line::OneLine;
use crate::{Error, ErrorKind};

/// One value of a file. Numbers are kept as they are written, so that no digit is lost.
#[derive(Clone, Debug)]
pub(super) enum Node {
    Null,
    Flag(bool),
    Number(String),
    /// A literal that only TOML has: other readers of the same file would round it.
    #[cfg_attr(not(feature = "toml"), expect(dead_code, reason = "JSON has one sort of number"))]
    Float(String),
    Text(String),
    List(Vec<Node>),
    Table(Vec<Entry>),
}

/// A field as written, in the order of the file; a name may stand twice until it is looked at.
pub(super) type Entry = (String, Node);

impl Node {
    /// The fields of a table, each of which stands once.
    pub(super) fn table(&self) -> Result<&[Entry], Error> {
        let Self::Table(entries) = self else { return Err(self.is_not("a table")) };
        let mut seen = HashSet::with_capacity(entries.len());
        match entries.iter().find(|(name, _)| !seen.insert(name)) {
            Some((name, _)) => Err(wrong("stands twice").within(&shown(name))),
            None => Ok(entries),
        }
    }

    pub(super) fn list(&self) -> Result<&[Self], Error> {
        match self {
            Self::List(nodes) => Ok(nodes),
            _ => Err(self.is_not("a list")),
        }
    }

    /// The error for a value of another sort, which is named and never shown.
    pub(super) fn is_not(&self, expected: &str) -> Error {
        let found = match self {
            Self::Null => "null",
            Self::Flag(_) => "true or false",
            Self::Number(_) | Self::Float(_) => "a number",
            Self::Text(_) => "text",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
        };
        wrong(format!("expected {expected}, found {found}"))
    }
}

/// A table whose every field is known.
pub(super) struct Fields<'a>(&'a [Entry]);

impl<'a> Fields<'a> {
    pub(super) fn of(node: &'a Node, known: &[&str]) -> Result<Self, Error> {
        Self::of_some(node, known, &[])
    }

    /// The same with fields that are passed over, and are not among those that an error names.
    pub(super) fn of_some(node: &'a Node, known: &[&str], passed_over: &[&str]) -> Result<Self, Error> {
        let entries = node.table()?;
        let is_known = |name: &str| known.contains(&name) || passed_over.contains(&name);
        match entries.iter().find(|(name, _)| !is_known(name)) {
            Some((name, _)) => {
                let meant = did_you_mean(name, known.iter().copied());
                let problem = format!("unknown field, expected one of {}{meant}", known.join(", "));
                Err(wrong(problem).within(&shown(name)))
            }
            None => Ok(Self(entries)),
        }
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(field, _)| field == name)
    }

    /// Reads a field that may be left out; what goes wrong is told with its name.
    pub(super) fn find<T>(
        &self,
        name: &str,
        read: impl FnOnce(&'a Node) -> Result<T, Error>,
    ) -> Result<Option<T>, Error> {
        let node = self.0.iter().find(|(field, _)| field == name).map(|(_, node)| node);
        node.map(read).transpose().map_err(|error| error.within(name))
    }

    /// Reads a field that goes by any of these names, one at a time.
    pub(super) fn find_any<T>(
        &self,
        names: &[&str],
        read: impl FnOnce(&'a Node) -> Result<T, Error>,
    ) -> Result<Option<T>, Error> {
        let mut given = names.iter().filter(|name| self.has(name));
        match (given.next(), given.next()) {
            (Some(first), Some(second)) => {
                Err(wrong(format!("says the same as {first}; keep one of them")).within(second))
            }
            (Some(name), None) => self.find(name, read),
            _ => Ok(None),
        }
    }

    /// Reads a field that must be there.
    pub(super) fn get<T>(
        &self,
        name: &str,
        read: impl FnOnce(&'a Node) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.find(name, read)?.ok_or_else(|| wrong("is missing").within(name))
    }

    /// Reads a switch, which is off where it is left out.
    pub(super) fn flag(&self, name: &str) -> Result<bool, Error> {
        let flag = |node: &Node| match node {
            Node::Flag(flag) => Ok(*flag),
            other => Err(other.is_not("true or false")),
        };
        Ok(self.find(name, flag)?.unwrap_or(false))
    }
}

/// A value that cannot be used, before it is known which field carries it.
pub(super) fn wrong(problem: impl Into<String>) -> Error {
    Error::new(ErrorKind::Invalid, problem)
}

/// A text that cannot be read at all.
pub(super) fn unreadable(problem: impl Into<String>) -> Error {
    Error::new(ErrorKind::Unreadable, problem)
}

/// A name of the file's own in a sentence: no line break of it gets into a log.
pub(super) fn shown(name: &str) -> String {
    OneLine(name).to_string()
}

/// Text or a number, short enough to be told in an error.
pub(super) fn bounded(text: &str) -> Result<String, Error> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(unreadable(format!("a text or number has more than {TEXT_BYTES_MAX} bytes")));
    }
    Ok(text.to_owned())
}

/// Refuses a list or table of more entries than a policy may have.
pub(super) fn bound_entries(entries: usize) -> Result<(), Error> {
    if entries > POLICY_ENTRIES_MAX {
        return Err(unreadable(format!("more than {POLICY_ENTRIES_MAX} entries")));
    }
    Ok(())
}

/// The depth of what lies inside a list or table at that depth.
pub(super) fn deeper(depth: usize) -> Result<usize, Error> {
    if depth >= DEPTH_MAX {
        return Err(unreadable(format!("nested more than {DEPTH_MAX} levels deep")));
    }
    Ok(depth.saturating_add(1))
}
