//! What does a row name for each tier of service, and from which length of the input on?
//!
//! A row and each of its bands name rates by tier in the same way, so both hold a
//! [`TierRates`]. A tier that is not named has no rates here; what such a tier costs
//! is decided when the row is compiled, because the answer depends on the bands.
//!
//! Some publications state a tier as a multiple of the standard price. [`Factored`]
//! lists the four tiers for which a row may say so. The other tiers have no factor
//! field in the format, and a file that names one is refused.

use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer, Serialize};

use super::keyed::{Key, Keyed, read_beside};
use super::rates::Rates;
use crate::Error;
use crate::values::ServiceTier;

/// Rates by tier.
pub(super) type TierRates = Keyed<ServiceTier, Rates>;

/// Multiples of the standard rates by tier.
pub(super) type TierFactors = Keyed<Factored, Decimal>;

/// What a tier has for which nothing is named.
static NONE: Rates = Rates::NONE;

impl Key for ServiceTier {
    const EXPECTED: &'static str = "rates by tier";
    const ALL: &'static [Self] = &Self::ALL;

    fn name(self) -> &'static str {
        self.name()
    }
}

impl TierRates {
    pub(super) fn of(&self, tier: ServiceTier) -> &Rates {
        self.get(tier).unwrap_or(&NONE)
    }

    /// Changes the rates of a tier, named so far or not.
    pub(super) fn change(&mut self, tier: ServiceTier, change: impl FnOnce(&mut Rates)) {
        let mut rates = self.of(tier).clone();
        change(&mut rates);
        self.set(tier, Some(rates));
    }
}

/// A tier that may be told as a multiple of the standard one; the others have rates of their own or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Factored(pub(super) ServiceTier);

impl Key for Factored {
    const EXPECTED: &'static str = "factors by tier";
    const ALL: &'static [Self] = &[
        Self(ServiceTier::Batch),
        Self(ServiceTier::Flex),
        Self(ServiceTier::Priority),
        Self(ServiceTier::Fast),
    ];

    fn name(self) -> &'static str {
        match self.0 {
            ServiceTier::Batch => "batch_factor",
            ServiceTier::Flex => "flex_factor",
            ServiceTier::Priority => "priority_factor",
            _ => "fast_factor",
        }
    }
}

/// Rates for requests whose whole input reaches a number of tokens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Band {
    #[serde(flatten)]
    edge: Edge,
    #[serde(flatten)]
    pub(super) rates: TierRates,
}

/// Where a band begins: behind a number of tokens, or with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Edge {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    above_input_tokens: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    from_input_tokens: Option<u64>,
}

impl Band {
    pub(super) fn above(input_tokens: u64, rates: TierRates) -> Self {
        Self { edge: Edge { above_input_tokens: Some(input_tokens), from_input_tokens: None }, rates }
    }

    pub(super) fn from(input_tokens: u64, rates: TierRates) -> Self {
        Self { edge: Edge { above_input_tokens: None, from_input_tokens: Some(input_tokens) }, rates }
    }

    /// The same length with other rates.
    pub(super) fn with_rates(&self, rates: TierRates) -> Self {
        Self { edge: self.edge, rates }
    }

    /// The smallest input that lies in it.
    pub(super) fn first(&self) -> Result<u64, Error> {
        match (self.edge.above_input_tokens, self.edge.from_input_tokens) {
            (Some(above), None) => {
                above.checked_add(1).ok_or_else(|| Error::invalid("bands.above_input_tokens", "is too large"))
            }
            (None, Some(from)) if from > 0 => Ok(from),
            _ => Err(Error::invalid("bands", "need either above_input_tokens or from_input_tokens above 0")),
        }
    }
}

impl<'de> Deserialize<'de> for Band {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read_beside(deserializer, "a band").map(|(edge, rates)| Self { edge, rates })
    }
}
