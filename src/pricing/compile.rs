//! How do written rates become integers, with every gap filled?
//!
//! Conditions combine before they fall back: the rate for a long batch request
//! is looked for in long + batch, then long, then batch, then standard. Only
//! then does a missing part take the rate of its whole. Reasoning is output by
//! another name, so a level that prices output prices reasoning too.

use rust_decimal::Decimal;

use super::rates::Rates;
use super::row::{LongContext, PriceRow};
use crate::ServiceTier;
use crate::{Error, Meter, MeterUnit};

/// The dearest token: one dollar, a thousand times the dearest one listed.
const TOKEN_ATTO_MAX: u64 = 1_000_000_000_000_000_000;
/// The dearest request of a server tool: ten dollars.
const REQUEST_ATTO_MAX: u64 = 10 * TOKEN_ATTO_MAX;
/// The largest multiplier of a tier, and its finest step in decimals.
const FACTOR_MAX: i64 = 100;
const FACTOR_DIGITS: u32 = 9;

/// Atto-dollars ($1e-18) for one token or request, under settled conditions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RateSet {
    pub(super) input: u64,
    pub(super) cached_input: u64,
    pub(super) cache_write_5m: u64,
    pub(super) cache_write_1h: u64,
    pub(super) output: u64,
    pub(super) reasoning: u64,
    pub(super) web_search: Option<u64>,
    pub(super) web_fetch: Option<u64>,
    pub(super) file_search: Option<u64>,
    pub(super) code_execution: Option<u64>,
}

/// A rate set for each tier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TierSets {
    standard: RateSet,
    batch: RateSet,
    flex: RateSet,
    priority: RateSet,
}

impl TierSets {
    pub(super) fn of(&self, tier: ServiceTier) -> &RateSet {
        match tier {
            ServiceTier::Standard => &self.standard,
            ServiceTier::Batch => &self.batch,
            ServiceTier::Flex => &self.flex,
            ServiceTier::Priority => &self.priority,
        }
    }
}

/// The sets for ordinary requests, and those above a threshold of input tokens.
pub(super) type Compiled = (TierSets, Option<(u64, TierSets)>);

/// Fills every gap of a complete row.
pub(super) fn compile(row: &PriceRow) -> Result<Compiled, Error> {
    let factors = [row.batch_factor, row.flex_factor, row.priority_factor];
    let tiers = [&row.standard, &row.batch, &row.flex, &row.priority];
    let short = Band::read("", tiers, factors)?;
    let long = match &row.long_context {
        None => None,
        Some(long) => {
            let above = long
                .above_input_tokens
                .ok_or_else(|| Error::invalid("long_context.above_input_tokens", "is missing"))?;
            let band = Band::read("long_context.", tiers_of(long), factors)?;
            Some((above, band.sets(&[&band, &short])?))
        }
    };
    Ok((short.sets(&[&short])?, long))
}

fn tiers_of(long: &LongContext) -> [&Rates; 4] {
    [&long.standard, &long.batch, &long.flex, &long.priority]
}

/// Rates in atto-dollars, where named.
type Given = [Option<u64>; Meter::COUNT];

fn at(given: &Given, meter: Meter) -> Option<u64> {
    given.get(meter as usize).copied().flatten()
}

/// What a row names for one length of input: by tier, the tier's own rates and
/// the standard ones multiplied by its factor.
struct Band {
    standard: [Given; 2],
    batch: [Given; 2],
    flex: [Given; 2],
    priority: [Given; 2],
}

impl Band {
    fn read(prefix: &str, tiers: [&Rates; 4], factors: [Option<Decimal>; 3]) -> Result<Self, Error> {
        let read = |tier: ServiceTier, rates: &Rates| given(&format!("{prefix}{}", tier.name()), rates);
        let [standard, batch, flex, priority] = tiers;
        let [batch_factor, flex_factor, priority_factor] = factors;
        let base = read(ServiceTier::Standard, standard)?;
        Ok(Self {
            standard: [base, base],
            batch: [read(ServiceTier::Batch, batch)?, scaled("batch_factor", &base, batch_factor)?],
            flex: [read(ServiceTier::Flex, flex)?, scaled("flex_factor", &base, flex_factor)?],
            priority: [
                read(ServiceTier::Priority, priority)?,
                scaled("priority_factor", &base, priority_factor)?,
            ],
        })
    }

    /// The filled sets, looked up in `bands` from the most special one down.
    fn sets(&self, bands: &[&Self]) -> Result<TierSets, Error> {
        let levels = |of: fn(&Self) -> &[Given; 2]| bands.iter().copied().flat_map(of).collect::<Vec<_>>();
        Ok(TierSets {
            standard: filled(&levels(|band| &band.standard))?,
            batch: filled(&levels(|band| &band.batch))?,
            flex: filled(&levels(|band| &band.flex))?,
            priority: filled(&levels(|band| &band.priority))?,
        })
    }
}

fn filled(levels: &[&Given]) -> Result<RateSet, Error> {
    let named = |meter: Meter| levels.iter().find_map(|level| at(level, meter));
    let missing = |field| Error::invalid(field, "is missing, and no lower layer names it");
    let input = named(Meter::Input).ok_or_else(|| missing("standard.input"))?;
    let output = named(Meter::Output).ok_or_else(|| missing("standard.output"))?;
    let reasoning = levels.iter().find_map(|level| at(level, Meter::Reasoning).or(at(level, Meter::Output)));
    let cache_write_5m = named(Meter::CacheWrite5m).unwrap_or(input);
    Ok(RateSet {
        input,
        cached_input: named(Meter::CachedInput).unwrap_or(input),
        cache_write_5m,
        cache_write_1h: named(Meter::CacheWrite1h).unwrap_or(cache_write_5m),
        output,
        reasoning: reasoning.unwrap_or(output),
        web_search: named(Meter::WebSearch),
        web_fetch: named(Meter::WebFetch),
        file_search: named(Meter::FileSearch),
        code_execution: named(Meter::CodeExecution),
    })
}

fn given(place: &str, rates: &Rates) -> Result<Given, Error> {
    let mut given = [None; Meter::COUNT];
    for (slot, meter) in given.iter_mut().zip(Meter::ALL) {
        if let Some(rate) = rates.get(meter) {
            *slot = Some(atto(meter, rate).map_err(|problem| {
                Error::invalid(&format!("{place}.{meter}"), format!("{rate} {problem}"))
            })?);
        }
    }
    Ok(given)
}

/// How many decimals turn a rate in USD into atto-dollars for one token or request.
pub(super) const fn atto_digits(meter: Meter) -> u32 {
    match meter.unit() {
        MeterUnit::Token | MeterUnit::Character => 12,
        MeterUnit::Millisecond => 15,
        MeterUnit::Piece => 18,
    }
}

/// A rate in USD as atto-dollars for one token or request, or what is wrong with it.
fn atto(meter: Meter, rate: Decimal) -> Result<u64, String> {
    let digits = atto_digits(meter);
    let max = if meter.counts_tokens() { TOKEN_ATTO_MAX } else { REQUEST_ATTO_MAX };
    if rate.is_sign_negative() && !rate.is_zero() {
        return Err("is negative".to_owned());
    }
    let rate = rate.normalize();
    let Some(power) = digits.checked_sub(rate.scale()) else {
        return Err(format!("has more than {digits} decimals and cannot be kept exactly"));
    };
    10_u128
        .checked_pow(power)
        .and_then(|unit| unit.checked_mul(rate.mantissa().unsigned_abs()))
        .and_then(|atto| u64::try_from(atto).ok())
        .filter(|atto| *atto <= max)
        .ok_or_else(|| {
            let usd =
                if meter.counts_tokens() { "1000000 USD per million tokens" } else { "10 USD a request" };
            format!("is above {usd}, which is taken for an error")
        })
}

/// The token rates multiplied, exactly; fees of server tools have no discount.
fn scaled(field: &str, base: &Given, factor: Option<Decimal>) -> Result<Given, Error> {
    let Some(factor) = factor.map(|factor| factor.normalize()) else { return Ok(*base) };
    if (factor.is_sign_negative() && !factor.is_zero()) || factor > Decimal::from(FACTOR_MAX) {
        return Err(Error::invalid(field, format!("{factor} is not between 0 and {FACTOR_MAX}")));
    }
    if factor.scale() > FACTOR_DIGITS {
        return Err(Error::invalid(field, format!("{factor} has more than {FACTOR_DIGITS} decimals")));
    }
    let mut scaled = *base;
    for (slot, meter) in scaled.iter_mut().zip(Meter::ALL).filter(|(_, meter)| meter.counts_tokens()) {
        let Some(rate) = *slot else { continue };
        let product = multiplied(rate, factor).ok_or_else(|| {
            Error::invalid(field, format!("{factor} times the {meter} rate cannot be kept exactly"))
        })?;
        *slot = Some(product);
    }
    Ok(scaled)
}

fn multiplied(rate: u64, factor: Decimal) -> Option<u64> {
    let unit = 10_u128.checked_pow(factor.scale())?;
    let product = u128::from(rate).checked_mul(factor.mantissa().unsigned_abs())?;
    let whole = product.checked_div(unit)?;
    let exact = whole.checked_mul(unit)? == product;
    u64::try_from(whole).ok().filter(|whole| exact && *whole <= TOKEN_ATTO_MAX)
}
