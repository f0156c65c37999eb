//! Under which conditions does a call run?
//!
//! The same tokens cost different sums: half in a batch, more in a fast lane, a tenth
//! more in a region. The conditions are what a price depends on beside the counts and the
//! time. They are fixed once for the whole request, and the same conditions price the
//! quote and the charge, so that a call is not held at one price and charged at another
//! for a reason that was known before.

use serde::{Deserialize, Serialize};

/// The processing that a provider sells at a price of its own.
///
/// A model without rates for a cheaper tier bills it at its standard rates, and one
/// without rates for [`Fast`](Self::Fast) bills that as [`Priority`](Self::Priority).
/// What a dearer tier without a rate costs is not known: it is held and charged at the
/// dearest rate known of the model, and such a charge is marked as not complete.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
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
    /// A fast mode of the model itself, for more.
    Fast,
    /// Faster than priority, for more still.
    Ultrafast,
    /// Between flex and priority.
    Balanced,
    /// Answers that are only a decision.
    Decisions,
}

impl ServiceTier {
    /// How many tiers there are.
    pub(crate) const COUNT: usize = 8;

    /// Every tier, standard first.
    pub const ALL: [Self; Self::COUNT] = [
        Self::Standard,
        Self::Batch,
        Self::Flex,
        Self::Priority,
        Self::Fast,
        Self::Ultrafast,
        Self::Balanced,
        Self::Decisions,
    ];

    /// Whether the tier is sold for more than the ordinary price.
    #[must_use]
    pub const fn is_dearer(self) -> bool {
        matches!(self, Self::Priority | Self::Fast | Self::Ultrafast)
    }

    /// The tier's name in price rows: `batch`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Batch => "batch",
            Self::Flex => "flex",
            Self::Priority => "priority",
            Self::Fast => "fast",
            Self::Ultrafast => "ultrafast",
            Self::Balanced => "balanced",
            Self::Decisions => "decisions",
        }
    }

    /// The tier that a provider calls so: in `service_tier`, `trafficType`, `speed`.
    ///
    /// `None` is a word that no price is known for (`PROVISIONED_THROUGHPUT` is paid
    /// otherwise); the caller decides what to do then.
    ///
    /// # Example: three words of providers
    /// ```
    /// use token_budget::call::ServiceTier;
    ///
    /// assert_eq!(ServiceTier::named("default"), Some(ServiceTier::Standard));
    /// assert_eq!(ServiceTier::named("ON_DEMAND_FLEX"), Some(ServiceTier::Flex));
    /// assert_eq!(ServiceTier::named("platinum"), None);
    /// ```
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        const WORDS: [(&str, ServiceTier); 17] = [
            ("standard", ServiceTier::Standard),
            ("default", ServiceTier::Standard),
            ("on_demand", ServiceTier::Standard),
            ("normal", ServiceTier::Standard),
            ("batch", ServiceTier::Batch),
            ("batches", ServiceTier::Batch),
            ("flex", ServiceTier::Flex),
            ("on_demand_flex", ServiceTier::Flex),
            ("priority", ServiceTier::Priority),
            ("on_demand_priority", ServiceTier::Priority),
            ("fast", ServiceTier::Fast),
            // Bedrock's word for less latency.
            ("optimized", ServiceTier::Fast),
            ("ultrafast", ServiceTier::Ultrafast),
            ("balanced", ServiceTier::Balanced),
            ("decisions", ServiceTier::Decisions),
            ("service_tier_flex", ServiceTier::Flex),
            ("service_tier_priority", ServiceTier::Priority),
        ];
        WORDS.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(word)).map(|(_, tier)| tier)
    }
}

/// Where a request is processed, if a provider prices that.
///
/// A model without a factor for a region has one price everywhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Region {
    /// Anywhere: the listed price.
    #[default]
    Global,
    /// Only in the United States.
    Us,
    /// Only in the European Union.
    Eu,
    /// Only in another named region.
    Other,
}

impl Region {
    /// The region that a provider calls so: in `inference_geo`, or as a data residency.
    ///
    /// Any place that is neither global nor one of the two is another one.
    ///
    /// ```
    /// use token_budget::call::Region;
    ///
    /// assert_eq!(Region::named("not_available"), Region::Global);
    /// assert_eq!(Region::named("US"), Region::Us);
    /// assert_eq!(Region::named("asia-east1"), Region::Other);
    /// ```
    #[must_use]
    pub fn named(word: &str) -> Self {
        let is = |name: &str| name.eq_ignore_ascii_case(word);
        if is("") || is("global") || is("not_available") {
            Self::Global
        } else if is("us") {
            Self::Us
        } else if is("eu") {
            Self::Eu
        } else {
            Self::Other
        }
    }
}

/// How much a search of the web puts before the model, if that has a price.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum SearchContext {
    /// The least.
    Low,
    /// What providers take if nothing is asked for.
    #[default]
    Medium,
    /// The most.
    High,
    /// A quicker and simpler search: Perplexity's `search_type` of `fast`.
    Fast,
}

/// A kind of content beside text, counted in tokens that may have a price of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Modality {
    /// Sound.
    Audio,
    /// Images.
    Image,
    /// Video.
    Video,
}

impl Modality {
    const fn bit(self) -> u8 {
        match self {
            Self::Audio => 1,
            Self::Image => 2,
            Self::Video => 4,
        }
    }
}

/// What the price of a whole request depends on, besides its tokens and the time.
///
/// The same conditions must price the quote and the charge. How long the input is belongs
/// to the tokens, and is not repeated here. Conditions that are not stated are the cheap
/// ones, so state what the request asks for: a quote for standard processing does not
/// cover a fast lane.
///
/// # Example: a nightly batch in the European Union
/// ```
/// use token_budget::call::{Conditions, Region, ServiceTier};
///
/// let nightly = Conditions::new().with_tier(ServiceTier::Batch).with_region(Region::Eu);
/// assert_eq!(nightly.tier(), ServiceTier::Batch);
/// assert!(!nightly.cache_writes());
/// ```
///
/// As JSON it says what a charge depends on: tier, region and size of searches. What else may go in or come out is a hint
/// for a quote, and is not written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Conditions {
    tier: ServiceTier,
    region: Region,
    search_context: SearchContext,
    /// Kinds of content that go in beside text.
    #[serde(skip)]
    shown: u8,
    /// Kinds that come out beside text, and whether the request says which.
    #[serde(skip)]
    asked: u8,
    #[serde(skip)]
    cache: CacheWrites,
}

/// What a request lets its provider write to a cache.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum CacheWrites {
    /// Nobody says, because no request was read.
    #[default]
    Unsaid,
    /// Whatever the provider writes by itself, for its default lifetime.
    ByItself,
    /// Nothing: the request switches that off.
    Nothing,
    /// What the request marks, for the default lifetime.
    Marked,
    /// What the request marks, for a longer lifetime, or nobody knows for which.
    ForLong,
}

/// The bit of an answer whose kinds of content are said.
const SAID: u8 = 8;

impl Conditions {
    /// Standard processing of text, anywhere, by a caller that writes no caches.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            tier: ServiceTier::Standard,
            region: Region::Global,
            search_context: SearchContext::Medium,
            shown: 0,
            asked: 0,
            cache: CacheWrites::Unsaid,
        }
    }

    /// With that processing.
    #[must_use]
    pub const fn with_tier(mut self, tier: ServiceTier) -> Self {
        self.tier = tier;
        self
    }

    /// With that place of processing.
    #[must_use]
    pub const fn with_region(mut self, region: Region) -> Self {
        self.region = region;
        self
    }

    /// With that size of searches.
    #[must_use]
    pub const fn with_search_context(mut self, size: SearchContext) -> Self {
        self.search_context = size;
        self
    }

    /// With input or output of that kind, at whose rates a quote then also looks.
    ///
    /// A charge needs no such hint: it prices the tokens that were reported.
    #[must_use]
    pub const fn with_modality(mut self, modality: Modality) -> Self {
        self.asked |= modality.bit();
        self.with_input_modality(modality)
    }

    /// The same of what goes in alone: its answer is no dearer for it.
    #[must_use]
    pub const fn with_input_modality(mut self, modality: Modality) -> Self {
        self.shown |= modality.bit();
        self
    }

    /// With an answer that may have content of that kind, and otherwise text: all output is held at the dearer rate.
    ///
    /// Where nobody says what an answer is made of, a model that sells images by the token is held at their rate.
    #[must_use]
    pub const fn with_output_modality(mut self, modality: Modality) -> Self {
        self.asked |= modality.bit();
        self.with_output_said()
    }

    /// With an answer of text and of what else is named here, and nothing beside it.
    #[must_use]
    pub const fn with_output_said(mut self) -> Self {
        self.asked |= SAID;
        self
    }

    /// With input that may be written to a cache, for whichever lifetime is dearest; a quote then allows for that.
    ///
    /// A charge needs no such hint: it prices the writes that were reported.
    #[must_use]
    pub const fn with_cache_writes(self) -> Self {
        self.with_cache(CacheWrites::ForLong)
    }

    /// With input that the provider may write to a cache by itself, for its default lifetime.
    ///
    /// OpenAI does so from gpt-5.6 on, and bills it at 1.25 times the input rate (its prompt caching guide, November
    /// 2026). A request body that is read says this by itself where it sets nothing else. A [`Call`](crate::Call) with
    /// stated tokens and without this word is held at the input rate, so that its charge may be a quarter of its
    /// input above its hold; other models are held at the same rate with or without it.
    ///
    /// # Example: what is written costs a quarter more than what is read
    /// ```
    /// use token_budget::call::Conditions;
    /// use token_budget::{Call, Enforcer};
    ///
    /// let enforcer = Enforcer::builder().build();
    /// let call = Call::new("gpt-5.6-luna").input_tokens(300_000).output_tokens(16);
    /// // More than 272,000 tokens: $0.40 a million read, $0.50 written, and 16 × $1.80.
    /// assert_eq!(enforcer.quote(&call)?, Some("0.1200288".parse()?));
    /// let call = call.conditions(Conditions::new().with_automatic_cache_writes());
    /// assert_eq!(enforcer.quote(&call)?, Some("0.1500288".parse()?));
    /// # Ok::<(), token_budget::Error>(())
    /// ```
    #[must_use]
    pub const fn with_automatic_cache_writes(self) -> Self {
        self.with_cache(CacheWrites::ByItself)
    }

    /// With a request that keeps its provider from writing to a cache by itself, whatever its body leaves unsaid.
    ///
    /// OpenAI writes nothing where a request says `"prompt_cache_options": {"mode": "explicit"}` and marks nothing
    /// (from gpt-5.6 on). Where it is said and not true, a call may cost more than was held.
    #[must_use]
    pub const fn without_cache_writes(self) -> Self {
        self.with_cache(CacheWrites::Nothing)
    }

    /// What of them a charge depends on: nothing that only a quote allows for.
    #[must_use]
    pub(crate) const fn billed(self) -> Self {
        Self { shown: 0, asked: 0, cache: CacheWrites::Unsaid, ..self }
    }

    #[must_use]
    pub(crate) const fn with_cache(mut self, cache: CacheWrites) -> Self {
        self.cache = cache;
        self
    }

    /// What may be written to a cache.
    #[inline]
    pub(crate) const fn cache(&self) -> CacheWrites {
        self.cache
    }

    /// The processing asked for.
    #[must_use]
    pub const fn tier(&self) -> ServiceTier {
        self.tier
    }

    /// Where it is processed.
    #[must_use]
    pub const fn region(&self) -> Region {
        self.region
    }

    /// How large its searches are.
    #[must_use]
    pub const fn search_context(&self) -> SearchContext {
        self.search_context
    }

    /// Whether content of that kind may come in or go out.
    #[must_use]
    pub const fn has_modality(&self, modality: Modality) -> bool {
        self.has_input(modality) || self.has_output(modality)
    }

    /// Whether content of that kind may come in.
    pub(crate) const fn has_input(&self, modality: Modality) -> bool {
        self.shown & modality.bit() != 0
    }

    /// Whether content of that kind may go out.
    pub(crate) const fn has_output(&self, modality: Modality) -> bool {
        self.asked & modality.bit() != 0
    }

    /// Whether anybody has said what the answer is made of.
    #[inline]
    pub(crate) const fn says_output(&self) -> bool {
        self.asked & SAID != 0
    }

    /// Whether anything but text is named.
    #[inline]
    pub(crate) const fn is_multimodal(&self) -> bool {
        (self.shown | self.asked) & !SAID != 0
    }

    /// Whether the request asks for input to be written to a cache.
    #[must_use]
    pub const fn cache_writes(&self) -> bool {
        matches!(self.cache, CacheWrites::Marked | CacheWrites::ForLong)
    }
}
