//! What does a row name for inputs of a certain length?

use serde::{Deserialize, Serialize};

use super::rates::Rates;
use crate::Error;
use crate::values::ServiceTier;

/// Rates for requests whose whole input reaches a number of tokens.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Band {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) above_input_tokens: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) from_input_tokens: Option<u64>,
    #[serde(default, skip_serializing_if = "Rates::is_empty")]
    pub(super) standard: Rates,
    #[serde(default, skip_serializing_if = "Rates::is_empty")]
    pub(super) batch: Rates,
    #[serde(default, skip_serializing_if = "Rates::is_empty")]
    pub(super) flex: Rates,
    #[serde(default, skip_serializing_if = "Rates::is_empty")]
    pub(super) priority: Rates,
    #[serde(default, skip_serializing_if = "Rates::is_empty")]
    pub(super) fast: Rates,
    #[serde(default, skip_serializing_if = "Rates::is_empty")]
    pub(super) ultrafast: Rates,
    #[serde(default, skip_serializing_if = "Rates::is_empty")]
    pub(super) balanced: Rates,
    #[serde(default, skip_serializing_if = "Rates::is_empty")]
    pub(super) decisions: Rates,
}

/// The rates of a tier, in whatever names all eight: a row, or a band of it.
macro_rules! rates_of {
    (& $of:ident, $tier:expr) => { rates_of!((&) $of, $tier) };
    (&mut $of:ident, $tier:expr) => { rates_of!((&mut) $of, $tier) };
    (($($borrow:tt)+) $of:ident, $tier:expr) => {
        match $tier {
            ServiceTier::Standard => $($borrow)+ $of.standard,
            ServiceTier::Batch => $($borrow)+ $of.batch,
            ServiceTier::Flex => $($borrow)+ $of.flex,
            ServiceTier::Priority => $($borrow)+ $of.priority,
            ServiceTier::Fast => $($borrow)+ $of.fast,
            ServiceTier::Ultrafast => $($borrow)+ $of.ultrafast,
            ServiceTier::Balanced => $($borrow)+ $of.balanced,
            ServiceTier::Decisions => $($borrow)+ $of.decisions,
        }
    };
}
pub(super) use rates_of;

impl Band {
    /// The smallest input that lies in it.
    pub(super) fn first(&self) -> Result<u64, Error> {
        match (self.above_input_tokens, self.from_input_tokens) {
            (Some(above), None) => {
                above.checked_add(1).ok_or_else(|| Error::invalid("bands.above_input_tokens", "is too large"))
            }
            (None, Some(from)) if from > 0 => Ok(from),
            _ => Err(Error::invalid("bands", "need either above_input_tokens or from_input_tokens above 0")),
        }
    }

    pub(super) fn rates(&self, tier: ServiceTier) -> &Rates {
        rates_of!(&self, tier)
    }

    pub(super) fn rates_mut(&mut self, tier: ServiceTier) -> &mut Rates {
        rates_of!(&mut self, tier)
    }
}
