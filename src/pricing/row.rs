//! How is a model's price written down?
//!
//! A row is written by people and by imports, merged with other rows, and compiled last. So a row keeps decimals as they
//! were written and leaves gaps as gaps: whether a gap is filled by a lower layer or by the rate of a whole is decided
//! only when all layers are known.

use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use super::extras::{Allowance, Minimum, RegionFactors, SearchRates};
use super::keyed::read_beside;
use super::rates::Rates;
use super::tiers::{Band, Factored, TierFactors, TierRates};
use super::unseen::{Reasoning, Unseen, UnseenWord};
use super::windows::TimeRates;
use crate::values::{Meter, Region, ServiceTier, ShortText, Timestamp};
use crate::{Error, ErrorKind};

/// The longest text of rows that is read: 16 MiB, several times the largest public table.
const TEXT_BYTES_MAX: usize = 16 << 20;

/// The price of one model as written in a table: an own row, or a bundled one.
///
/// Over a lower layer, a row replaces only what it names and only within
/// `[from, until)`. On its own it needs at least standard input and output.
/// It names exactly one model: a dated sibling with a row keeps that row.
///
/// In JSON: `provider`, `model`; optional
/// - `from`, `until` (RFC 3339), `context_tokens`, `output_tokens_max`;
/// - `reasoning`: `never`, `on_request` or `always`, see [`Reasoning`]; and how
///   fast it generates unseen, `unseen_tokens_per_second`, or `unseen`: `hold`,
///   see [`Unseen`];
/// - [`Rates`] under `standard`, `batch`, `flex`, `priority`, `fast`,
///   `ultrafast`, `balanced`, `decisions`, and multipliers `batch_factor`,
///   `flex_factor`, `priority_factor`, `fast_factor` for what a tier's rates do
///   not name;
/// - `bands`, rising: each with `above_input_tokens` (more than that many) or
///   `from_input_tokens` (that many or more) and the same eight sets of rates,
///   for the whole of a request whose whole input lies there;
/// - `times`: rates that replace all others inside windows of the week;
/// - `region_factors`: multipliers of all rates of tokens, `us`, `eu`, `other`;
/// - `search_context`: fees of a search by its size, `low`, `medium`, `high`, or of a `fast` one;
/// - `minimums`: the least that is billed of a meter, once it counts at all;
/// - `allowances`: what is free in a period, told and never deducted;
/// - `complete`: nothing of a lower layer shines through;
/// - `free`: it costs nothing, whatever is counted; beside it no rate above zero may stand, and no lower row shines through;
/// - `unknown`: its figures are no price, so that its model counts as one without: what an import writes for
///   models that a publication lists at nothing and that are not known to be free, and for those priced only by
///   what it does not understand. A row above it that names a rate ends that.
///
/// Anything else is an error.
///
/// # Example: a negotiated output price keeps the listed input price
/// ```
/// use token_budget::call::Conditions;
/// use token_budget::pricing::PriceRow;
/// use token_budget::time::Timestamp;
/// use token_budget::{PricingTable, Usage};
///
/// let rows = PriceRow::list_from_json(
///     r#"[{"provider": "openai", "model": "gpt-4o", "standard": {"output": "8"}}]"#,
/// )?;
/// let table = PricingTable::bundled().with_rows(rows)?;
/// let price = table.find(Some("openai"), "gpt-4o", Timestamp::EPOCH).expect("a bundled model");
/// let cost = price.cost(&Usage::of(1_000_000, 1_000_000), &Conditions::new())?;
/// assert_eq!(cost.total(), "10.50".parse()?); // 2.50 as listed, 8.00 as negotiated
/// # Ok::<(), token_budget::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct PriceRow {
    pub(super) provider: ShortText,
    pub(super) model: ShortText,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) from: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) until: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) context_tokens: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) output_tokens_max: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) reasoning: Option<Reasoning>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) unseen: Option<UnseenWord>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) unseen_tokens_per_second: Option<u32>,
    #[serde(flatten, skip_deserializing)]
    pub(super) rates: TierRates,
    #[serde(flatten, skip_deserializing)]
    pub(super) tier_factors: TierFactors,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) bands: Vec<Band>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) times: Vec<TimeRates>,
    #[serde(default, skip_serializing_if = "RegionFactors::is_empty")]
    pub(super) region_factors: RegionFactors,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) search_context: Option<SearchRates>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) minimums: Vec<Minimum>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) allowances: Vec<Allowance>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) complete: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) free: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) unknown: bool,
    /// By which factors of a table its rates have been multiplied, tools' fees included.
    #[serde(skip)]
    pub(super) factors: Vec<Decimal>,
    /// Whether its rates have been multiplied, so that they may have more decimals than anybody wrote.
    #[serde(skip)]
    pub(super) is_factored: bool,
}

impl PriceRow {
    /// A row for that model, without any figure yet.
    #[must_use]
    pub fn new(provider: impl Into<ShortText>, model: impl Into<ShortText>) -> Self {
        Self { provider: provider.into(), model: model.into(), ..Self::default() }
    }

    /// Reads a JSON array of rows.
    ///
    /// # Errors
    /// [`ErrorKind::Unreadable`] with the row's number (from 1), the field and
    /// the value; also for more than 16 MiB of text.
    pub fn list_from_json(text: &str) -> Result<Vec<Self>, Error> {
        let unreadable = |problem: String| Error::new(ErrorKind::Unreadable, problem);
        if text.len() > TEXT_BYTES_MAX {
            return Err(unreadable(format!("price rows: more than {TEXT_BYTES_MAX} bytes of text")));
        }
        let rows = serde_json::from_str::<Vec<&RawValue>>(text)
            .map_err(|error| unreadable(format!("price rows: {error}")).with_source(error))?;
        rows.into_iter()
            .zip(1_u32..)
            .map(|(row, number)| {
                serde_json::from_str(row.get())
                    .map_err(|error| unreadable(format!("price row {number}: {error}")).with_source(error))
            })
            .collect()
    }

    /// With the rates of one tier, in place of what the row named for it.
    #[must_use]
    pub fn with_rates(mut self, tier: ServiceTier, rates: Rates) -> Self {
        self.rates.set(tier, Some(rates));
        self
    }

    /// With the batch price as a multiple of the standard price: 0.5 is half.
    ///
    /// The factor multiplies what the row does not name for the tier itself: a batch rate for output beside a
    /// factor keeps that rate for output, and the factor holds for the rest. A factor over a lower layer
    /// replaces the lower layer's batch rates, because they would hide the factor.
    ///
    /// # Example: half price, and the rate that is named stands
    /// ```
    /// use token_budget::call::{Conditions, ServiceTier};
    /// use token_budget::pricing::{PriceRow, Rates};
    /// use token_budget::time::Timestamp;
    /// use token_budget::usage::Meter;
    /// use token_budget::PricingTable;
    ///
    /// let row = PriceRow::new("acme", "m")
    ///     .with_rates(ServiceTier::Standard, Rates::per_million("3", "15")?)
    ///     .with_rates(ServiceTier::Batch, Rates::new().with(Meter::Output, 9.into()))
    ///     .with_batch_factor("0.5".parse().unwrap());
    /// let table = PricingTable::empty().with_rows([row])?;
    /// let price = table.find(Some("acme"), "m", Timestamp::EPOCH).expect("an own row");
    /// let batch = Conditions::new().with_tier(ServiceTier::Batch);
    /// assert_eq!(price.quote(1_000_000, 0, &batch)?, "1.50".parse()?); // 3.00 × 0.5
    /// assert_eq!(price.quote(0, 1_000_000, &batch)?, "9.00".parse()?); // as named, not 7.50
    /// # Ok::<(), token_budget::Error>(())
    /// ```
    #[must_use]
    pub fn with_batch_factor(self, factor: Decimal) -> Self {
        self.with_factor(ServiceTier::Batch, factor)
    }

    /// With the flex price as a multiple of the standard price.
    #[must_use]
    pub fn with_flex_factor(self, factor: Decimal) -> Self {
        self.with_factor(ServiceTier::Flex, factor)
    }

    /// With the priority price as a multiple of the standard price.
    #[must_use]
    pub fn with_priority_factor(self, factor: Decimal) -> Self {
        self.with_factor(ServiceTier::Priority, factor)
    }

    /// With the price of a faster answer as a multiple of the standard price.
    #[must_use]
    pub fn with_fast_factor(self, factor: Decimal) -> Self {
        self.with_factor(ServiceTier::Fast, factor)
    }

    /// With standard rates for the whole of a request whose input is longer than that.
    ///
    /// Several such edges may be given; the highest that is passed decides.
    ///
    /// # Example: one token more reprices the whole request
    /// ```
    /// use token_budget::call::{Conditions, ServiceTier};
    /// use token_budget::pricing::{PriceRow, Rates};
    /// use token_budget::time::Timestamp;
    /// use token_budget::PricingTable;
    ///
    /// let row = PriceRow::new("acme", "m")
    ///     .with_rates(ServiceTier::Standard, Rates::per_million("3", "15")?)
    ///     .with_long_context(200_000, Rates::per_million("6", "22.50")?);
    /// let table = PricingTable::empty().with_rows([row])?;
    /// let price = table.find(Some("acme"), "m", Timestamp::EPOCH).expect("an own row");
    /// let conditions = Conditions::new();
    /// assert_eq!(price.quote(200_000, 0, &conditions)?, "0.60".parse()?); // 200,000 × 3.00 per million
    /// assert_eq!(price.quote(200_001, 0, &conditions)?, "1.200006".parse()?); // 200,001 × 6.00
    /// # Ok::<(), token_budget::Error>(())
    /// ```
    #[must_use]
    pub fn with_long_context(self, above_input_tokens: u64, rates: Rates) -> Self {
        self.with_band(Band::above(above_input_tokens, TierRates::EMPTY), rates)
    }

    /// With standard rates for the whole of a request whose input is that long or longer.
    #[must_use]
    pub fn with_input_from(self, input_tokens: u64, rates: Rates) -> Self {
        self.with_band(Band::from(input_tokens, TierRates::EMPTY), rates)
    }

    /// With rates that replace all others inside windows of the week; of two open ones the later decides.
    #[must_use]
    pub fn with_times(mut self, times: TimeRates) -> Self {
        self.times.push(times);
        self
    }

    /// With a multiplier of all rates of tokens for requests processed in that region.
    ///
    /// Fees of tools are not multiplied. A factor for [`Region::Global`] has no effect: global is the listed price.
    ///
    /// # Example: ten percent more in the European Union
    /// ```
    /// use token_budget::call::{Conditions, Region, ServiceTier};
    /// use token_budget::pricing::{PriceRow, Rates};
    /// use token_budget::time::Timestamp;
    /// use token_budget::PricingTable;
    ///
    /// let row = PriceRow::new("acme", "m")
    ///     .with_rates(ServiceTier::Standard, Rates::per_million("3", "15")?)
    ///     .with_region_factor(Region::Eu, "1.1".parse().unwrap());
    /// let table = PricingTable::empty().with_rows([row])?;
    /// let price = table.find(Some("acme"), "m", Timestamp::EPOCH).expect("an own row");
    /// let quote = |region| price.quote(1_000_000, 100_000, &Conditions::new().with_region(region));
    /// assert_eq!(quote(Region::Eu)?, "4.95".parse()?); // (3.00 + 1.50) × 1.1
    /// assert_eq!(quote(Region::Us)?, "4.50".parse()?);
    /// # Ok::<(), token_budget::Error>(())
    /// ```
    #[must_use]
    pub fn with_region_factor(mut self, region: Region, factor: Decimal) -> Self {
        self.region_factors.set(region, Some(factor));
        self
    }

    /// With the least that is billed of a meter, once it counts at all.
    ///
    /// A minimum is for pieces and time. Tokens have none: a quote could not contain it, because nobody knows
    /// beforehand which classes of tokens there will be.
    ///
    /// # Example: three seconds of sound are billed as ten
    /// ```
    /// use token_budget::call::{Conditions, ServiceTier};
    /// use token_budget::pricing::{PriceRow, Rates};
    /// use token_budget::time::Timestamp;
    /// use token_budget::usage::Meter;
    /// use token_budget::{PricingTable, Usage};
    ///
    /// let row = PriceRow::new("acme", "listener")
    ///     .with_rates(ServiceTier::Standard, Rates::per_million("0", "0")?.with(Meter::AudioInMs, "0.36".parse().unwrap()))
    ///     .with_minimum(Meter::AudioInMs, 10_000);
    /// let table = PricingTable::empty().with_rows([row])?;
    /// let price = table.find(Some("acme"), "listener", Timestamp::EPOCH).expect("an own row");
    /// let cost = |ms| Ok(price.cost(&Usage::of(0, 0).with(Meter::AudioInMs, ms), &Conditions::new())?.total());
    /// assert_eq!(cost(3_000)?, "0.001".parse()?); // 10 s of 0.36 an hour
    /// assert_eq!(cost(20_000)?, "0.002".parse()?);
    /// assert_eq!(cost(0)?, "0".parse()?); // nothing was sent
    /// # Ok::<(), token_budget::Error>(())
    /// ```
    #[must_use]
    pub fn with_minimum(mut self, meter: Meter, count: u64) -> Self {
        self.minimums.push(Minimum { meter: meter.name().into(), count });
        self
    }

    /// With what is free in a period; it is told, and never deducted.
    #[must_use]
    pub fn with_allowance(mut self, allowance: Allowance) -> Self {
        self.allowances.push(allowance);
        self
    }

    /// With the most tokens that input and output may have together.
    #[must_use]
    pub fn with_context_tokens(mut self, tokens: u64) -> Self {
        self.context_tokens = Some(tokens);
        self
    }

    /// With the most tokens that an answer may have.
    #[must_use]
    pub fn with_output_tokens_max(mut self, tokens: u64) -> Self {
        self.output_tokens_max = Some(tokens);
        self
    }

    /// With what the model does where a request says nothing about reasoning.
    #[must_use]
    pub fn with_reasoning(mut self, reasoning: Reasoning) -> Self {
        self.reasoning = Some(reasoning);
        self
    }

    /// With how fast the model generates what nobody sees.
    #[must_use]
    pub fn with_unseen(mut self, unseen: Unseen) -> Self {
        (self.unseen, self.unseen_tokens_per_second) = match unseen {
            Unseen::TokensPerSecond(speed) => (None, Some(speed)),
            Unseen::Hold => (Some(UnseenWord::Hold), None),
        };
        self
    }

    /// In force from that instant on.
    #[must_use]
    pub fn with_from(mut self, from: Timestamp) -> Self {
        self.from = Some(from);
        self
    }

    /// In force until just before that instant.
    #[must_use]
    pub fn with_until(mut self, until: Timestamp) -> Self {
        self.until = Some(until);
        self
    }

    /// The same, letting nothing of a lower layer shine through.
    ///
    /// What an import writes: a publication that no longer lists a rate has withdrawn it, and an older table's rate must not
    /// fill the gap.
    #[must_use]
    pub fn completely(mut self) -> Self {
        self.complete = true;
        self
    }

    /// A row that says its model costs nothing, whatever is counted: a model that runs on one's own machines.
    ///
    /// This is not a row of zeros. A zero is the price of one meter, and the next meter that is counted has none; a free row has
    /// a price for all of them. A dollar budget lets a free model pass at its limit.
    ///
    /// # Example: a local model costs nothing, tools included
    /// ```
    /// use token_budget::call::Conditions;
    /// use token_budget::pricing::PriceRow;
    /// use token_budget::time::Timestamp;
    /// use token_budget::usage::Meter;
    /// use token_budget::{PricingTable, Usage, Usd};
    ///
    /// let table = PricingTable::empty().with_rows([PriceRow::new("ollama", "llama3").free()])?;
    /// let price = table.find(Some("ollama"), "llama3", Timestamp::EPOCH).expect("an own row");
    /// assert!(price.is_free());
    /// let cost = price.cost(&Usage::of(1_000_000, 1_000_000).with(Meter::WebSearch, 3), &Conditions::new())?;
    /// assert!(cost.total() == Usd::ZERO && cost.is_complete());
    /// # Ok::<(), token_budget::Error>(())
    /// ```
    #[must_use]
    pub fn free(mut self) -> Self {
        self.free = true;
        self
    }

    /// The provider, as written.
    #[must_use]
    pub fn provider(&self) -> &str {
        &self.provider
    }

    /// The model, as written.
    #[must_use]
    pub fn model(&self) -> &str {
        &self.model
    }

    /// What it names for a tier, whatever the length of the input.
    #[must_use]
    pub fn rates(&self, tier: ServiceTier) -> &Rates {
        self.rates.of(tier)
    }

    /// Whether it names a rate anywhere, be it zero.
    pub(super) fn names_rates(&self) -> bool {
        self.every_rate().next().is_some()
    }

    /// Whether it names a rate above zero anywhere.
    pub(super) fn charges(&self) -> bool {
        self.every_rate().any(|rate| !rate.is_zero())
    }

    fn every_rate(&self) -> impl Iterator<Item = Decimal> {
        let tiers = std::iter::once(&self.rates).chain(self.bands.iter().map(|band| &band.rates));
        let sets = tiers.flat_map(TierRates::iter).map(|(_, rates)| rates);
        let rates = sets.chain(self.times.iter().map(|times| &times.rates)).flat_map(Rates::iter);
        let searches = self.search_context.iter().flat_map(SearchRates::iter);
        rates.map(|(_, rate)| rate).chain(searches.map(|(_, fee)| *fee))
    }

    pub(super) fn factor(&self, tier: ServiceTier) -> Option<Decimal> {
        self.tier_factors.get(Factored(tier)).copied()
    }

    /// Batch, flex, priority and fast can be told so; another tier has rates of its own or none.
    pub(super) fn with_factor(mut self, tier: ServiceTier, factor: Decimal) -> Self {
        self.tier_factors.set(Factored(tier), Some(factor));
        self
    }

    /// The standard rates of the band that begins with the same input, which is made if there is none.
    fn with_band(mut self, band: Band, standard: Rates) -> Self {
        let first = band.first().ok();
        let place = self.bands.iter().position(|other| other.first().ok() == first);
        let at = place.unwrap_or_else(|| {
            self.bands.push(band);
            self.bands.len().saturating_sub(1)
        });
        self.bands
            .get_mut(at)
            .into_iter()
            .for_each(|band| band.rates.set(ServiceTier::Standard, Some(standard.clone())));
        self.bands.sort_by_key(|band| band.first().unwrap_or(0));
        self
    }
}

impl Serialize for PriceRow {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Self::serialize(self, serializer)
    }
}

impl<'de> Deserialize<'de> for PriceRow {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (Fields(row), (rates, tier_factors)) = read_beside(deserializer, "a price row")?;
        Ok(Self { rates, tier_factors, ..row })
    }
}

/// A row without what stands in it by tier.
struct Fields(PriceRow);

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        PriceRow::deserialize(deserializer).map(Self)
    }
}
