//! What else does a price say, beside its rates?

use std::fmt;

use compact_str::CompactString;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::decimal;
use crate::values::{Meter, Region};

/// Multipliers of all rates of tokens, by where a request is processed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RegionFactors {
    #[serde(default, with = "decimal", skip_serializing_if = "Option::is_none")]
    us: Option<Decimal>,
    #[serde(default, with = "decimal", skip_serializing_if = "Option::is_none")]
    eu: Option<Decimal>,
    #[serde(default, with = "decimal", skip_serializing_if = "Option::is_none")]
    other: Option<Decimal>,
}

impl RegionFactors {
    pub(super) fn is_empty(&self) -> bool {
        self == &Self::default()
    }

    pub(super) fn get(&self, region: Region) -> Option<Decimal> {
        match region {
            Region::Global => None,
            Region::Us => self.us,
            Region::Eu => self.eu,
            Region::Other => self.other,
        }
    }

    pub(super) fn set(&mut self, region: Region, factor: Option<Decimal>) {
        match region {
            Region::Global => {}
            Region::Us => self.us = factor,
            Region::Eu => self.eu = factor,
            Region::Other => self.other = factor,
        }
    }

    pub(super) fn over(&self, lower: &Self) -> Self {
        Self { us: self.us.or(lower.us), eu: self.eu.or(lower.eu), other: self.other.or(lower.other) }
    }
}

/// Fees of a search of the web by how much it puts before the model, in USD.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SearchRates {
    #[serde(default, with = "decimal", skip_serializing_if = "Option::is_none")]
    pub(super) low: Option<Decimal>,
    #[serde(default, with = "decimal", skip_serializing_if = "Option::is_none")]
    pub(super) medium: Option<Decimal>,
    #[serde(default, with = "decimal", skip_serializing_if = "Option::is_none")]
    pub(super) high: Option<Decimal>,
    /// Of a quicker search, whatever its size.
    #[serde(default, with = "decimal", skip_serializing_if = "Option::is_none")]
    pub(super) fast: Option<Decimal>,
}

/// The least that is billed of a meter, once it counts at all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Minimum {
    pub(super) meter: CompactString,
    pub(super) count: u64,
}

/// What a provider lets go free in a period, to all models of a group together.
///
/// Nobody can tell from one call how much of it is used up, so a price only
/// tells it; no charge is lowered by it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Allowance {
    /// What is free, by the name of its meter: `web_search`.
    pub meter: CompactString,
    /// How much of it.
    pub count: u64,
    /// In which period, as the publication says it: `day`, `month`.
    pub period: CompactString,
    /// The models that share it, where several do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shared_group: Option<CompactString>,
}

impl Allowance {
    /// So many of that meter in that period.
    #[must_use]
    pub fn new(meter: Meter, count: u64, period: impl Into<CompactString>) -> Self {
        Self { meter: meter.name().into(), count, period: period.into(), shared_group: None }
    }

    /// The same, shared by the models of that group.
    #[must_use]
    pub fn shared_by(mut self, group: impl Into<CompactString>) -> Self {
        self.shared_group = Some(group.into());
        self
    }
}

impl fmt::Display for Allowance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} free each {}", self.count, self.meter, self.period)?;
        if let Some(group) = &self.shared_group {
            write!(f, ", shared by {group}")?;
        }
        Ok(())
    }
}
