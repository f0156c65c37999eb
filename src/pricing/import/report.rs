//! What of a public table was taken, and what was not?

use std::fmt;

use crate::values::ShortText;

/// What an import took, left out and did not understand: nothing is dropped silently.
///
/// Two things are told apart. An entry that is *skipped* made no row, so its model is unknown. A field that is *not
/// understood* bears on the cost of a model that does have a row, so that row may be too cheap: read these before a table
/// goes into use.
///
/// # Example: one entry without a provider, one field that prices credits
/// ```
/// use token_budget::pricing::Import;
///
/// let import = Import::litellm(
///     br#"{"acme/a": {"litellm_provider": "acme", "input_cost_per_token": 1e-06,
///          "output_cost_per_token": 2e-06, "output_cost_per_credit": 0.5},
///          "b": {"input_cost_per_token": 1e-06}}"#,
/// )?;
/// let report = import.report();
/// assert_eq!(report.to_string(), "1 rows of 1 models, 1 entries left out, 1 fields not understood");
/// assert_eq!(report.skipped().next().unwrap().reason, "names no provider");
/// assert!(report.has_gaps("acme/a") && !report.has_gaps("b"));
/// # Ok::<(), token_budget::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImportReport {
    pub(super) models: usize,
    pub(super) rows: usize,
    pub(super) skipped: Vec<Skipped>,
    pub(super) not_understood: Vec<NotUnderstood>,
}

/// An entry that made no row, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Skipped {
    /// The entry, as the table names it.
    pub entry: ShortText,
    /// Why it was left out.
    pub reason: ShortText,
}

/// A field that bears on the cost and was not understood, so that the row does not contain it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NotUnderstood {
    /// The entry, as the table names it.
    pub entry: ShortText,
    /// The field, with the place inside the entry.
    pub field: ShortText,
}

impl ImportReport {
    /// How many models have a row.
    #[must_use]
    pub fn models(&self) -> usize {
        self.models
    }

    /// How many rows there are: a model has one for each of its dates.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Entries without a row, in the order of the table.
    pub fn skipped(&self) -> impl ExactSizeIterator<Item = &Skipped> {
        self.skipped.iter()
    }

    /// Every field that bears on the cost and was not understood, in the order of the table.
    pub fn not_understood(&self) -> impl ExactSizeIterator<Item = &NotUnderstood> {
        self.not_understood.iter()
    }

    /// Whether a field of that entry was not understood.
    #[must_use]
    pub fn has_gaps(&self, entry: &str) -> bool {
        self.not_understood.iter().rev().any(|gap| gap.entry == entry)
    }

    pub(super) fn skip(&mut self, entry: &str, reason: &str) {
        self.skipped.push(Skipped { entry: entry.into(), reason: reason.into() });
    }

    pub(super) fn miss(&mut self, entry: &str, field: impl Into<ShortText>) {
        self.not_understood.push(NotUnderstood { entry: entry.into(), field: field.into() });
    }
}

impl fmt::Display for ImportReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (skipped, gaps) = (self.skipped.len(), self.not_understood.len());
        let Self { models, rows, .. } = self;
        write!(f, "{rows} rows of {models} models, {skipped} entries left out, {gaps} fields not understood")
    }
}
