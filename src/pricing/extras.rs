//! What else does a price say, beside its rates?

use std::fmt;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::keyed::{Key, Keyed};
use crate::values::{Meter, Region, SearchContext, ShortText};

/// Multipliers of all rates of tokens, by where a request is processed.
pub(super) type RegionFactors = Keyed<Region, Decimal>;

impl Key for Region {
    const EXPECTED: &'static str = "factors by region";
    /// Global, which has none, is the listed price.
    const ALL: &'static [Self] = &[Self::Us, Self::Eu, Self::Other];

    fn name(self) -> &'static str {
        match self {
            Self::Global => "global",
            Self::Us => "us",
            Self::Eu => "eu",
            Self::Other => "other",
        }
    }
}

/// Fees of a search of the web by how much it puts before the model, in USD; a fast one has its own, whatever its size.
pub(super) type SearchRates = Keyed<SearchContext, Decimal>;

impl Key for SearchContext {
    const EXPECTED: &'static str = "fees by the size of a search";
    const ALL: &'static [Self] = &[Self::Low, Self::Medium, Self::High, Self::Fast];

    fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Fast => "fast",
        }
    }
}

/// The least that is billed of a meter, once it counts at all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Minimum {
    pub(super) meter: ShortText,
    pub(super) count: u64,
}

/// What a provider lets go free in a period, to all models of a group together.
///
/// Nobody can tell from one call how much of it is used up, so a price only
/// tells it; no charge is lowered by it.
///
/// # Example: a price tells its allowance, and charges the search all the same
/// ```
/// use token_budget::call::{Conditions, ServiceTier};
/// use token_budget::pricing::{Allowance, PriceRow, Rates};
/// use token_budget::time::Timestamp;
/// use token_budget::usage::Meter;
/// use token_budget::{PricingTable, Usage};
///
/// let rates = Rates::per_million("3", "15")?.with(Meter::WebSearch, "0.01".parse().unwrap());
/// let row = PriceRow::new("acme", "m")
///     .with_rates(ServiceTier::Standard, rates)
///     .with_allowance(Allowance::new(Meter::WebSearch, 1_500, "day").shared_by("all small models"));
/// let table = PricingTable::empty().with_rows([row])?;
/// let price = table.find(Some("acme"), "m", Timestamp::EPOCH).expect("an own row");
/// let told = price.allowances()[0].to_string();
/// assert_eq!(told, "1500 web_search free each day, shared by all small models");
/// let cost = price.cost(&Usage::of(0, 0).with(Meter::WebSearch, 3), &Conditions::new())?;
/// assert_eq!(cost.total(), "0.03".parse()?);
/// # Ok::<(), token_budget::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Allowance {
    /// What is free, by the name of its meter: `web_search`.
    pub meter: ShortText,
    /// How much of it.
    pub count: u64,
    /// In which period, as the publication says it: `day`, `month`.
    pub period: ShortText,
    /// The models that share it, where several do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shared_group: Option<ShortText>,
}

impl Allowance {
    /// So many of that meter in that period.
    #[must_use]
    pub fn new(meter: Meter, count: u64, period: impl Into<ShortText>) -> Self {
        Self { meter: meter.name().into(), count, period: period.into(), shared_group: None }
    }

    /// The same, shared by the models of that group.
    #[must_use]
    pub fn shared_by(mut self, group: impl Into<ShortText>) -> Self {
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
