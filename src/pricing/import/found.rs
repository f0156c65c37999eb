//! What does a reader of a public table find?
//!
//! Readers write into a [`Found`] and know nothing of each other; the table takes a
//! `Found` in whole or not at all. What a reader does not understand goes to the
//! report, field by field, and never into a row as a guess.

use std::fmt;

use crate::values::ShortText;

use super::report::ImportReport;
use crate::pricing::clause::Clause;
use crate::pricing::names::Name;
use crate::pricing::row::PriceRow;
use crate::{Error, ErrorKind};

/// Everything that a public table says, as rows and as names for them.
#[derive(Clone, Debug, Default)]
pub(super) struct Found {
    pub(super) rows: Vec<PriceRow>,
    pub(super) aliases: Vec<(ShortText, Name)>,
    /// By provider, conditions on a name, in the order in which they are asked.
    pub(super) clauses: Vec<(ShortText, Vec<(Clause, Name)>)>,
    pub(super) report: ImportReport,
}

/// A table that is refused whole.
pub(super) fn unreadable(problem: impl Into<String>) -> Error {
    Error::new(ErrorKind::Unreadable, format!("price table: {}", problem.into()))
}

/// The same, naming the entry.
pub(super) fn wrong(entry: &str, problem: impl fmt::Display) -> Error {
    unreadable(format!("{:?}: {problem}", entry.chars().take(120).collect::<String>()))
}
