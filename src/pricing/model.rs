//! What does one model cost, from one instant to another?

use std::sync::Arc;

use compact_str::CompactString;
use rust_decimal::Decimal;

use super::compile::{RateSet, TierSets, compile};
use super::cost::{Cost, rounded_up, times, usd_rate};
use super::row::PriceRow;
use super::source::PriceSource;
use crate::Conditions;
use crate::{Error, Meter, Timestamp, Usage, Usd};

/// Nano-dollars to atto-dollars.
const ATTOS_PER_NANO: u128 = 1_000_000_000;

/// The price of one model in force during `[from, until)`, with every gap filled.
///
/// Comes from [`PricingTable::find`](crate::PricingTable::find), behind an `Arc`
/// that a charge can keep.
///
/// # Example: quote before the call, cost after it
/// ```
/// use token_budget::{Conditions, PricingTable, Timestamp, Usage, Usd};
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
    provider: CompactString,
    model: CompactString,
    from: Timestamp,
    until: Timestamp,
    context_tokens: Option<u64>,
    output_tokens_max: Option<u64>,
    source: Arc<PriceSource>,
    short: TierSets,
    long: Option<(u64, TierSets)>,
}

impl ModelPrice {
    /// Compiles a complete row.
    pub(super) fn compiled(row: &PriceRow, source: &Arc<PriceSource>) -> Result<Self, Error> {
        let (short, long) = compile(row)?;
        Ok(Self {
            provider: row.provider.clone(),
            model: row.model.clone(),
            from: row.from.unwrap_or(Timestamp::MIN),
            until: row.until.unwrap_or(Timestamp::MAX),
            context_tokens: row.context_tokens,
            output_tokens_max: row.output_tokens_max,
            source: Arc::clone(source),
            short,
            long,
        })
    }

    /// What a call cost, exactly, rounded up once to the next nano-dollar.
    ///
    /// The usage must be in the normal form: parts that exceed their whole are
    /// an error here, see [`Usage::clamped`].
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid), naming the field, where input or output was not
    /// reported or the figures contradict each other; [`ErrorKind::Overflow`](crate::ErrorKind::Overflow)
    /// beyond $9.2 billion.
    #[inline]
    pub fn cost(&self, usage: &Usage, conditions: &Conditions) -> Result<Cost, Error> {
        Cost::of(usage, self.rates(usage.input().unwrap_or(0), conditions))
    }

    /// The most that a call with these tokens can cost, however they are classed.
    ///
    /// All input is priced at the dearest of input and cached input (and of
    /// cache writes, if [`Conditions::cache_writes`]), all output at the dearest
    /// of output and reasoning. Fees of server tools are not contained: nobody
    /// knows beforehand how many there will be.
    ///
    /// # Errors
    /// [`ErrorKind::Overflow`](crate::ErrorKind::Overflow) beyond $9.2 billion.
    pub fn quote(
        &self,
        input_tokens: u64,
        output_tokens: u64,
        conditions: &Conditions,
    ) -> Result<Usd, Error> {
        let (input_rate, output_rate) = self.dearest(input_tokens, conditions);
        // Cannot wrap: both rates are at most 1e18, so the sum stays below 2^125.
        rounded_up(times(input_tokens, input_rate).wrapping_add(times(output_tokens, output_rate)))
    }

    /// The largest output whose [`quote`](Self::quote) still fits into `room`.
    ///
    /// Zero where not even the input fits, `u64::MAX` where output is free. The
    /// model's own maximum is not looked at.
    #[must_use]
    pub fn output_tokens_affordable(&self, room: Usd, input_tokens: u64, conditions: &Conditions) -> u64 {
        let (input_rate, output_rate) = self.dearest(input_tokens, conditions);
        // A quote is rounded up to whole nano-dollars, and so is the room: the
        // rounded quote fits exactly if the unrounded one does.
        let room = u128::from(room.nanos().max(0).unsigned_abs()).saturating_mul(ATTOS_PER_NANO);
        let Some(left) = room.checked_sub(times(input_tokens, input_rate)) else { return 0 };
        match left.checked_div(u128::from(output_rate)) {
            Some(tokens) => u64::try_from(tokens).unwrap_or(u64::MAX),
            None => u64::MAX,
        }
    }

    /// The rate in force: USD per million tokens, or per request.
    ///
    /// `None` where no fee of a server tool is known; tokens always have a rate.
    #[must_use]
    pub fn rate(&self, meter: Meter, input_tokens: u64, conditions: &Conditions) -> Option<Decimal> {
        let rates = self.rates(input_tokens, conditions);
        let rate = match meter {
            Meter::Input => Some(rates.input),
            Meter::CachedInput => Some(rates.cached_input),
            Meter::CacheWrite5m => Some(rates.cache_write_5m),
            Meter::CacheWrite1h => Some(rates.cache_write_1h),
            Meter::Output => Some(rates.output),
            Meter::Reasoning => Some(rates.reasoning),
            Meter::WebSearch => rates.web_search,
            Meter::WebFetch => rates.web_fetch,
            Meter::FileSearch => rates.file_search,
            Meter::CodeExecution => rates.code_execution,
            _ => None,
        };
        rate.and_then(|rate| usd_rate(meter, rate))
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
    #[must_use]
    pub fn valid_until(&self) -> Timestamp {
        self.until
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

    /// Above how many input tokens the whole request is billed at other rates.
    #[must_use]
    pub fn long_context_above(&self) -> Option<u64> {
        self.long.as_ref().map(|(above, _)| *above)
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

    #[inline]
    fn rates(&self, input_tokens: u64, conditions: &Conditions) -> &RateSet {
        let sets = match &self.long {
            Some((above, long)) if input_tokens > *above => long,
            _ => &self.short,
        };
        sets.of(conditions.tier())
    }

    fn dearest(&self, input_tokens: u64, conditions: &Conditions) -> (u64, u64) {
        let rates = self.rates(input_tokens, conditions);
        let read = rates.input.max(rates.cached_input);
        let input = if conditions.cache_writes() {
            read.max(rates.cache_write_5m).max(rates.cache_write_1h)
        } else {
            read
        };
        (input, rates.output.max(rates.reasoning))
    }
}
