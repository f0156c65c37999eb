//! Under which conditions does a call run?

use serde::{Deserialize, Serialize};

/// The processing a provider sells at a price of its own.
///
/// A model without rates for a tier bills it at its standard rates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ServiceTier {
    /// The ordinary interactive price.
    #[default]
    Standard,
    /// Answered within hours, usually at half the price.
    Batch,
    /// Slower and sometimes unavailable, for less.
    Flex,
    /// Faster, for more.
    Priority,
}

impl ServiceTier {
    /// Its name in price rows: `batch`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Batch => "batch",
            Self::Flex => "flex",
            Self::Priority => "priority",
        }
    }
}

/// What the price of a whole request depends on, besides its tokens.
///
/// The same conditions must price the quote and the charge. How long the
/// input is belongs to the tokens, and is not repeated here.
///
/// ```
/// use token_budget::{Conditions, ServiceTier};
///
/// let nightly = Conditions::new().with_tier(ServiceTier::Batch);
/// assert_eq!(nightly.tier(), ServiceTier::Batch);
/// assert!(!nightly.cache_writes());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Conditions {
    tier: ServiceTier,
    cache_writes: bool,
}

impl Conditions {
    /// Standard processing by a caller that writes no caches.
    #[must_use]
    pub const fn new() -> Self {
        Self { tier: ServiceTier::Standard, cache_writes: false }
    }

    /// With that processing.
    #[must_use]
    pub const fn with_tier(mut self, tier: ServiceTier) -> Self {
        self.tier = tier;
        self
    }

    /// With input that may be written to a cache, which a quote then allows for.
    ///
    /// A charge needs no such hint: it prices the writes that were reported.
    /// Where a provider caches by itself and bills the writing, set it always.
    #[must_use]
    pub const fn with_cache_writes(mut self) -> Self {
        self.cache_writes = true;
        self
    }

    /// The processing asked for.
    #[must_use]
    pub const fn tier(&self) -> ServiceTier {
        self.tier
    }

    /// Whether input may be written to a cache.
    #[must_use]
    pub const fn cache_writes(&self) -> bool {
        self.cache_writes
    }
}
