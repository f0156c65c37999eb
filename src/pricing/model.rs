//! What does one model cost, from one instant to another?

use std::sync::Arc;

use rust_decimal::Decimal;

use super::compile::{Compiled, REGIONS, compile};
use super::cost::{Band, Cost, ResolvedRates};
use super::extras::Allowance;
use super::families;
use super::row::PriceRow;
use super::sets::RateSet;
use super::source::PriceSource;
use super::units::as_rate;
use super::unseen::{Reasoning, Unseen, unseen};
use super::windows::Windows;
use crate::values::{Conditions, Meter, Region, ServiceTier, ShortText, Timestamp};
use crate::{Error, Usage, Usd};

/// Prices by the time of the week in one row; the most that is published is three.
const TIMES_MAX: usize = 32;

/// The price of one model in force during `[from, until)`, with every gap filled.
///
/// Comes from [`PricingTable::find`](crate::PricingTable::find), behind an `Arc`
/// that a charge can keep.
///
/// # Example: quote before the call, cost after it
/// ```
/// use token_budget::call::Conditions;
/// use token_budget::time::Timestamp;
/// use token_budget::{PricingTable, Usage, Usd};
///
/// let table = PricingTable::bundled();
/// let price = table.find(Some("openai"), "gpt-4.1-nano", Timestamp::EPOCH).expect("a bundled model");
/// let conditions = Conditions::new();
/// assert_eq!(price.quote(10_000, 2_000, &conditions)?, "0.0018".parse()?);
/// assert_eq!(price.output_tokens_affordable(Usd::cents(1), 10_000, &conditions), 22_500);
/// let cost = price.cost(&Usage::of(10_000, 350), &conditions)?;
/// assert_eq!(cost.total(), "0.00114".parse()?);
/// # Ok::<(), token_budget::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelPrice {
    provider: ShortText,
    model: ShortText,
    from: Timestamp,
    until: Timestamp,
    context_tokens: Option<u64>,
    output_tokens_max: Option<u64>,
    reasoning: Reasoning,
    unseen: Unseen,
    /// The row says that it costs nothing.
    free: bool,
    /// The row says that its figures are no price.
    pub(super) unknown: bool,
    /// It searches the web without being asked to, and maybe often.
    pub(super) searches: bool,
    pub(super) searches_much: bool,
    /// Its provider writes input to a cache without being asked to.
    caches_by_itself: bool,
    source: Arc<PriceSource>,
    /// The windows of the week at whose edges another price of the same version begins or ends.
    windows: Arc<[Windows]>,
    allowances: Arc<[Allowance]>,
    /// By what a tool's fee is multiplied that the row does not name.
    pub(super) factors: Arc<[Decimal]>,
    compiled: Compiled,
}

/// A version's price, and those that replace it while a window of the week is open.
pub(super) type Timed = (Arc<ModelPrice>, Box<[(Windows, Arc<ModelPrice>)]>);

impl ModelPrice {
    /// Compiles a complete row, once for each time that has a price of its own.
    pub(super) fn compiled(row: &PriceRow, source: &Arc<PriceSource>) -> Result<Timed, Error> {
        if row.times.len() > TIMES_MAX {
            return Err(Error::invalid("times", format!("more than {TIMES_MAX}")));
        }
        let windows = row.times.iter().map(super::windows::TimeRates::windows);
        let windows: Arc<[Windows]> = windows.collect::<Result<_, _>>()?;
        let base = Self {
            provider: row.provider.clone(),
            model: row.model.clone(),
            from: row.from.unwrap_or(Timestamp::MIN),
            until: row.until.unwrap_or(Timestamp::MAX),
            context_tokens: row.context_tokens,
            output_tokens_max: row.output_tokens_max,
            reasoning: row.reasoning.unwrap_or_default(),
            unseen: unseen(row.unseen, row.unseen_tokens_per_second)?,
            free: row.free,
            unknown: row.unknown,
            searches: families::searches(&row.model) > 0,
            searches_much: families::searches(&row.model) > 1,
            caches_by_itself: families::caches_by_itself(&row.model),
            source: Arc::clone(source),
            windows: Arc::clone(&windows),
            allowances: row.allowances.as_slice().into(),
            factors: row.factors.as_slice().into(),
            compiled: compile(row, None)?,
        };
        let timed = row.times.iter().zip(windows.iter()).map(|(times, windows)| {
            let compiled = compile(row, Some(&times.rates))?;
            Ok((windows.clone(), Arc::new(Self { compiled, ..base.clone() })))
        });
        let timed = timed.collect::<Result<_, Error>>()?;
        Ok((Arc::new(base), timed))
    }

    /// These rates for a model that has none: all else that is known of it is by its own row, if it has one.
    pub(crate) fn assumed_for(&self, model: &str, row: Option<&Self>) -> Self {
        let searches = families::searches(model);
        Self {
            context_tokens: row.and_then(|row| row.context_tokens),
            output_tokens_max: row.and_then(|row| row.output_tokens_max),
            reasoning: row.map_or(Reasoning::default(), |row| row.reasoning),
            unseen: row.map_or(Unseen::default(), |row| row.unseen),
            searches: self.searches || searches > 0,
            searches_much: self.searches_much || searches > 1,
            // A name that nobody knows may be of a provider that writes caches unasked.
            caches_by_itself: self.caches_by_itself || families::caches_by_itself(model),
            ..self.clone()
        }
    }

    /// What a call cost, exactly, rounded up once to the next nano-dollar.
    ///
    /// The usage must be in the normal form: parts that exceed their whole are
    /// an error here, see [`Usage::clamped`]. A fee for each request is charged
    /// once where the usage does not count them; what is billed of a meter is
    /// never below the minimum that the price names.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid), naming the field, where input or output was not
    /// reported or the figures contradict each other; [`ErrorKind::Overflow`](crate::ErrorKind::Overflow)
    /// beyond $9.2 billion.
    #[inline]
    pub fn cost(&self, usage: &Usage, conditions: &Conditions) -> Result<Cost, Error> {
        let band = self.band(usage.input().unwrap_or(0));
        let set = self.set(band, conditions).ok_or_else(|| Error::overflow("price"))?;
        Cost::of(usage, set, conditions.search_context())
    }

    /// The most that a call with at most these tokens can cost, however they are classed.
    ///
    /// All input is priced at the dearest of input and cached input (and of
    /// cache writes, where [`Conditions::with_cache_writes`] or
    /// [`Conditions::with_automatic_cache_writes`] says so, and of sound, images and
    /// video, where [`Conditions::with_modality`] says so), all output at the
    /// dearest of output and reasoning; the fee of the request is contained. A
    /// shorter input can be dearer where a tier has no rates for long ones, so
    /// it is the most over all lengths up to this one. Fees of tools are not
    /// contained: nobody knows beforehand how many there will be.
    ///
    /// The sum is rounded up once, as a charge is, so a quote is never below the charge of a call that stays within it.
    ///
    /// # Example: a prompt that is written to a cache may cost more than its input
    /// ```
    /// use token_budget::call::{Conditions, ServiceTier};
    /// use token_budget::pricing::{PriceRow, Rates};
    /// use token_budget::time::Timestamp;
    /// use token_budget::usage::Meter;
    /// use token_budget::PricingTable;
    ///
    /// let rates = Rates::per_million("3", "15")?.with(Meter::CacheWrite5m, "3.75".parse().unwrap());
    /// let row = PriceRow::new("acme", "m").with_rates(ServiceTier::Standard, rates);
    /// let table = PricingTable::empty().with_rows([row])?;
    /// let price = table.find(Some("acme"), "m", Timestamp::EPOCH).expect("an own row");
    /// let plain = Conditions::new();
    /// assert_eq!(price.quote(100_000, 1_000, &plain)?, "0.315".parse()?); // 0.300 and 0.015
    /// assert_eq!(price.quote(100_000, 1_000, &plain.with_cache_writes())?, "0.39".parse()?); // 0.375 and 0.015
    /// # Ok::<(), token_budget::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Overflow`](crate::ErrorKind::Overflow) beyond $9.2 billion.
    #[inline]
    pub fn quote(
        &self,
        input_tokens: u64,
        output_tokens: u64,
        conditions: &Conditions,
    ) -> Result<Usd, Error> {
        self.rates_under(conditions).quote(input_tokens, output_tokens)
    }

    /// The largest output whose [`quote`](Self::quote) still fits into `room`.
    ///
    /// Zero where not even the input fits, `u64::MAX` where output is free. The
    /// model's own maximum is not looked at.
    ///
    /// # Example: what is left of ten cents after the input
    /// ```
    /// use token_budget::call::{Conditions, ServiceTier};
    /// use token_budget::pricing::{PriceRow, Rates};
    /// use token_budget::time::Timestamp;
    /// use token_budget::{PricingTable, Usd};
    ///
    /// let row = PriceRow::new("acme", "m").with_rates(ServiceTier::Standard, Rates::per_million("3", "15")?);
    /// let table = PricingTable::empty().with_rows([row])?;
    /// let price = table.find(Some("acme"), "m", Timestamp::EPOCH).expect("an own row");
    /// let affordable = |room| price.output_tokens_affordable(room, 10_000, &Conditions::new());
    /// assert_eq!(affordable(Usd::cents(10)), 4_666); // $0.10 − 10,000 × $3 a million = $0.07, at $15 a million
    /// assert_eq!(affordable(Usd::cents(3)), 0); // the input alone
    /// # Ok::<(), token_budget::Error>(())
    /// ```
    #[must_use]
    pub fn output_tokens_affordable(&self, room: Usd, input_tokens: u64, conditions: &Conditions) -> u64 {
        self.rates_under(conditions).output_affordable(room, input_tokens)
    }

    /// The rate in force: USD per million, per piece or per hour, as [`Meter::unit`] says.
    ///
    /// `None` where none is known, neither for the meter nor for its whole.
    ///
    /// # Example: cached input without a rate takes that of input, and a search has none to take
    /// ```
    /// use token_budget::call::{Conditions, ServiceTier};
    /// use token_budget::pricing::{PriceRow, Rates};
    /// use token_budget::time::Timestamp;
    /// use token_budget::usage::Meter;
    /// use token_budget::PricingTable;
    ///
    /// let row = PriceRow::new("acme", "m").with_rates(ServiceTier::Standard, Rates::per_million("3", "15")?);
    /// let table = PricingTable::empty().with_rows([row])?;
    /// let price = table.find(Some("acme"), "m", Timestamp::EPOCH).expect("an own row");
    /// let rate = |meter| price.rate(meter, 0, &Conditions::new()).map(|rate| rate.to_string());
    /// assert_eq!(rate(Meter::CachedInput).as_deref(), Some("3"));
    /// assert_eq!(rate(Meter::Reasoning).as_deref(), Some("15"));
    /// assert_eq!(rate(Meter::WebSearch), None);
    /// # Ok::<(), token_budget::Error>(())
    /// ```
    #[must_use]
    pub fn rate(&self, meter: Meter, input_tokens: u64, conditions: &Conditions) -> Option<Decimal> {
        let set = self.set(self.band(input_tokens), conditions)?;
        set.rate(meter, conditions.search_context()).and_then(|rate| as_rate(meter, rate))
    }

    /// What an answer may be made of beside text, at the dearest rate: sound, images or video that the request asks
    /// for, or images of a model that draws unasked. `None` where it is text alone.
    pub(crate) fn dearest_kind(&self, input_tokens: u64, conditions: &Conditions) -> Option<Meter> {
        self.set(self.band(input_tokens), conditions)?.dearest_kind(conditions)
    }

    /// Whether the tier has rates of its own, or needs none as it is no dearer than the standard one.
    ///
    /// Where it has not, calls are held and charged at the dearest rates known of the model.
    ///
    /// # Example: a tier that no row prices is charged, and the charge says that it is not complete
    /// ```
    /// use token_budget::call::{Conditions, ServiceTier};
    /// use token_budget::pricing::{PriceRow, Rates};
    /// use token_budget::time::Timestamp;
    /// use token_budget::{PricingTable, Usage};
    ///
    /// let row = PriceRow::new("acme", "m").with_rates(ServiceTier::Standard, Rates::per_million("3", "15")?);
    /// let table = PricingTable::empty().with_rows([row])?;
    /// let price = table.find(Some("acme"), "m", Timestamp::EPOCH).expect("an own row");
    /// let (batch, priority) =
    ///     [ServiceTier::Batch, ServiceTier::Priority].map(|tier| Conditions::new().with_tier(tier)).into();
    /// assert!(price.knows_tier(&batch) && !price.knows_tier(&priority)); // batch is never dearer than standard
    /// let cost = price.cost(&Usage::of(1_000_000, 0), &priority)?;
    /// assert_eq!(cost.total(), "3.00".parse()?);
    /// assert!(!cost.is_complete());
    /// # Ok::<(), token_budget::Error>(())
    /// ```
    #[must_use]
    pub fn knows_tier(&self, conditions: &Conditions) -> bool {
        self.set(0, conditions).is_some_and(|set| set.is_known)
    }

    /// Whether tokens have a rate, so that an answer in tokens can be priced.
    pub(crate) fn is_by_token(&self, conditions: &Conditions) -> bool {
        self.set(0, conditions).is_some_and(|set| set.names_tokens())
    }

    /// Whether it costs nothing, whatever is counted: the row says so of everything that it names.
    #[must_use]
    pub fn is_free(&self) -> bool {
        self.free || (!self.unknown && self.compiled.sets.iter().all(|set| set.is_zero()))
    }

    /// Whether it names any rate at all.
    ///
    /// A publication may list a model without one: what it costs is then
    /// unknown, and an enforcer takes it for a model without a price.
    #[must_use]
    pub fn is_priced(&self) -> bool {
        self.compiled.sets.iter().any(|set| !set.is_empty())
    }

    /// Whether both cost the same at every time and under all conditions, whatever they are called.
    pub(super) fn costs_as(&self, other: &Self) -> bool {
        (self.from, self.until, self.free, self.unknown)
            == (other.from, other.until, other.free, other.unknown)
            && (self.searches, self.searches_much) == (other.searches, other.searches_much)
            && self.windows == other.windows
            && self.allowances == other.allowances
            && self.compiled == other.compiled
    }

    /// Whether any region has a factor of its own.
    pub(super) fn varies_by_region(&self) -> bool {
        let bands = self.compiled.edges.len().saturating_add(1);
        self.compiled.places.len() > bands.saturating_mul(ServiceTier::ALL.len())
    }

    /// The provider, in its canonical name.
    #[must_use]
    pub fn provider(&self) -> &str {
        &self.provider
    }

    /// The model that the row names, which may be shorter than the name asked for.
    #[must_use]
    pub fn model(&self) -> &str {
        &self.model
    }

    /// The first instant at which this price is in force.
    #[must_use]
    pub fn valid_from(&self) -> Timestamp {
        self.from
    }

    /// The first instant at which it no longer is.
    ///
    /// Between the two, times of the day or week may have other prices: who
    /// keeps a price asks [`holds_until`](Self::holds_until).
    #[must_use]
    pub fn valid_until(&self) -> Timestamp {
        self.until
    }

    /// How long the table's answer at `at` stays this price, which is the one in force then.
    ///
    /// The first instant after `at` at which another may be: the end of the
    /// version, or the next edge of a window of the week.
    #[must_use]
    pub fn holds_until(&self, at: Timestamp) -> Timestamp {
        let edges = self.windows.iter().map(|windows| windows.changes_after(at));
        edges.min().unwrap_or(Timestamp::MAX).min(self.until)
    }

    /// The largest input in tokens; for some providers input and output together.
    #[must_use]
    pub fn context_tokens(&self) -> Option<u64> {
        self.context_tokens
    }

    /// The most tokens that an answer may have.
    #[must_use]
    pub fn output_tokens_max(&self) -> Option<u64> {
        self.output_tokens_max
    }

    /// What the model does where a request says nothing about reasoning; always, where no row says it.
    ///
    /// ```
    /// use token_budget::pricing::{Reasoning, Unseen};
    /// use token_budget::time::Timestamp;
    /// use token_budget::PricingTable;
    ///
    /// let table = PricingTable::bundled();
    /// let price = |model| table.find(None, model, Timestamp::EPOCH).expect("a bundled model");
    /// assert_eq!(price("gpt-4o").reasoning(), Reasoning::Never);
    /// assert_eq!(price("claude-sonnet-4-5").reasoning(), Reasoning::OnRequest);
    /// assert_eq!(price("gpt-5").reasoning(), Reasoning::Always);
    /// assert_eq!(price("gpt-5").unseen(), Unseen::TokensPerSecond(500));
    /// ```
    #[must_use]
    pub fn reasoning(&self) -> Reasoning {
        self.reasoning
    }

    /// How fast it generates what nobody sees; 500 tokens a second, where no row says it.
    #[must_use]
    pub fn unseen(&self) -> Unseen {
        self.unseen
    }

    /// From how many input tokens on the whole request is billed at other rates, edge by edge.
    ///
    /// A band *above* 200,000 tokens begins with token 200,001, which is the edge told here.
    pub fn input_edges(&self) -> impl Iterator<Item = u64> {
        self.compiled.edges.iter().copied()
    }

    /// What the provider lets go free in a period; no charge is lowered by it.
    #[must_use]
    pub fn allowances(&self) -> &[Allowance] {
        &self.allowances
    }

    /// Where the figures come from.
    #[must_use]
    pub fn source(&self) -> &PriceSource {
        &self.source
    }

    pub(super) fn shared_source(&self) -> &Arc<PriceSource> {
        &self.source
    }

    /// Whether `at` lies in `[from, until)`; no end is no end.
    #[inline]
    pub(super) fn is_in_force(&self, at: Timestamp) -> bool {
        self.from <= at && (at < self.until || self.until == Timestamp::MAX)
    }

    /// Which band an input of that length lies in.
    #[inline]
    fn band(&self, input_tokens: u64) -> usize {
        self.compiled.edges.iter().take_while(|first| **first <= input_tokens).count()
    }

    /// The rates of every band under these conditions.
    pub(super) fn dearest_sets<'a>(
        &'a self,
        conditions: &'a Conditions,
    ) -> impl Iterator<Item = &'a RateSet> {
        let bands = 0..=self.compiled.edges.len();
        bands.filter_map(|band| self.set(band, conditions)).map(|set| &**set)
    }

    /// The rates of a band under these conditions; there always are some.
    #[inline]
    pub(super) fn set(&self, band: usize, conditions: &Conditions) -> Option<&Arc<RateSet>> {
        let Compiled { edges, places, sets } = &self.compiled;
        let bands = edges.len().saturating_add(1);
        let one_region = places.len() == bands.saturating_mul(ServiceTier::COUNT);
        let region = if one_region { 0 } else { place_of(conditions.region()) };
        let row = region.saturating_mul(bands).saturating_add(band);
        let at = row.saturating_mul(ServiceTier::COUNT).saturating_add(conditions.tier() as usize);
        sets.get(usize::from(*places.get(at)?))
    }

    /// The rates of every band under these conditions.
    pub(crate) fn rates_under(&self, conditions: &Conditions) -> ResolvedRates {
        let edges = &self.compiled.edges;
        let firsts = std::iter::once(0).chain(edges.iter().copied()).enumerate();
        ResolvedRates::of(firsts.filter_map(|(band, first)| {
            let last = edges.get(band).map_or(u64::MAX, |next| next.saturating_sub(1));
            // What is written by itself is billed where the row has a rate for it; a longer lifetime waits to be asked.
            let set = self.set(band, conditions)?;
            let rates = set.dearest(conditions, self.caches_by_itself);
            Some(Band { first, last, rates, common: set.plain.then_some(set.common) })
        }))
    }
}

fn place_of(region: Region) -> usize {
    REGIONS.into_iter().position(|other| other == region).unwrap_or(0)
}
