//! Where do the figures come from?
//!
//! Invoices are compared months later. By then the table has been replaced twice, so a charge carries the source of its
//! price with it: a publication, its version and day, and each factor that was laid over it.

use std::fmt;

use crate::values::ShortText;
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

/// Who published a price, in which version and when.
///
/// A charge keeps it, so that a past figure can be explained after the table
/// has moved on. A row merged from several layers names the highest one.
///
/// # Example: who, which and when in one line
/// ```
/// use token_budget::pricing::PriceSource;
///
/// let source = PriceSource::new("LiteLLM").with_version("1.109.1").with_date("2026-11-22".parse().unwrap());
/// assert_eq!(source.to_string(), "LiteLLM 1.109.1 of 2026-11-22");
/// assert_eq!(PriceSource::new("contract 2026/17").to_string(), "contract 2026/17");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PriceSource {
    name: ShortText,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    version: Option<ShortText>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    date: Option<NaiveDate>,
    /// By what the figures were multiplied, in that order, in words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    factors: Vec<ShortText>,
}

impl PriceSource {
    /// A source of that name: `"contract 2026/17"`.
    #[must_use]
    pub fn new(name: impl Into<ShortText>) -> Self {
        Self { name: name.into(), version: None, date: None, factors: Vec::new() }
    }

    /// With the version that was read.
    #[must_use]
    pub fn with_version(mut self, version: impl Into<ShortText>) -> Self {
        self.version = Some(version.into());
        self
    }

    /// With the day on which the figures were current.
    #[must_use]
    pub fn with_date(mut self, date: NaiveDate) -> Self {
        self.date = Some(date);
        self
    }

    /// The same figures, multiplied once more.
    pub(super) fn times(mut self, factor: ShortText) -> Self {
        self.factors.push(factor);
        self
    }

    /// By what the published figures were multiplied, in the order in which that was done: `× 0.85 (contract 2026/17)`.
    #[must_use]
    pub fn factors(&self) -> &[ShortText] {
        &self.factors
    }

    /// Who published it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The version that was read.
    #[must_use]
    pub fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }

    /// The day on which the figures were current.
    #[must_use]
    pub fn date(&self) -> Option<NaiveDate> {
        self.date
    }
}

impl fmt::Display for PriceSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        if let Some(version) = &self.version {
            write!(f, " {version}")?;
        }
        if let Some(date) = self.date {
            write!(f, " of {date}")?;
        }
        self.factors.iter().try_for_each(|factor| write!(f, " {factor}"))
    }
}
