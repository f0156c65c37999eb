//! What does a row name for inputs of a certain length?

use serde::{Deserialize, Serialize};

use super::rates::Rates;
use crate::{Error, ServiceTier};

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
        match tier {
            ServiceTier::Standard => &self.standard,
            ServiceTier::Batch => &self.batch,
            ServiceTier::Flex => &self.flex,
            ServiceTier::Priority => &self.priority,
            ServiceTier::Fast => &self.fast,
            ServiceTier::Ultrafast => &self.ultrafast,
            ServiceTier::Balanced => &self.balanced,
            ServiceTier::Decisions => &self.decisions,
        }
    }

    pub(super) fn rates_mut(&mut self, tier: ServiceTier) -> &mut Rates {
        match tier {
            ServiceTier::Standard => &mut self.standard,
            ServiceTier::Batch => &mut self.batch,
            ServiceTier::Flex => &mut self.flex,
            ServiceTier::Priority => &mut self.priority,
            ServiceTier::Fast => &mut self.fast,
            ServiceTier::Ultrafast => &mut self.ultrafast,
            ServiceTier::Balanced => &mut self.balanced,
            ServiceTier::Decisions => &mut self.decisions,
        }
    }
}
