//! What did a call cost, and for what?

use rust_decimal::Decimal;

use super::compile::{RateSet, atto_digits};
use crate::{Error, Meter, Usage, Usd};

/// Atto-dollars in a nano-dollar.
const ATTOS_PER_NANO: u64 = 1_000_000_000;

/// What one call cost: one sum, and on demand the lines it consists of.
///
/// Small and without heap, so that every charge can carry it.
///
/// # Example: cached input is billed once, at its own rate
/// ```
/// use token_budget::{Conditions, Meter, PricingTable, Timestamp, Usage};
///
/// let table = PricingTable::bundled();
/// let price = table.find(Some("openai"), "gpt-4o", Timestamp::EPOCH).expect("a bundled model");
/// let usage = Usage::of(1_000, 100).with_cached_input(800);
/// let cost = price.cost(&usage, &Conditions::new())?;
/// assert_eq!(cost.total(), "0.0025".parse()?); // 200 × 2.50 + 800 × 1.25 + 100 × 10.00 per million
/// let lines: Vec<_> = cost.lines().map(|line| (line.meter, line.quantity)).collect();
/// assert_eq!(lines, [(Meter::Input, 200), (Meter::CachedInput, 800), (Meter::Output, 100)]);
/// # Ok::<(), token_budget::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Cost {
    total: Usd,
    usage: Usage,
    rates: RateSet,
}

/// One meter's share of a [`Cost`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CostLine {
    /// What was counted.
    pub meter: Meter,
    /// How many tokens or requests; a token stands in one line only.
    pub quantity: u64,
    /// USD per million tokens, or per request; `None` where no fee is known.
    pub rate: Option<Decimal>,
    /// The exact amount in USD, before the sum is rounded up; `None` where no fee is known.
    pub amount: Option<Decimal>,
}

impl Cost {
    /// Prices a usage: exact products, one sum, rounded up once.
    pub(super) fn of(usage: &Usage, rates: &RateSet) -> Result<Self, Error> {
        let quantities = Split::of(usage)?.quantities(rates);
        let total = quantities.into_iter().fold(0, |sum: u128, (_, quantity, rate)| {
            // Cannot wrap: rates are capped at 1e18 a token and 1e19 a request, the
            // tokens at 2^65, the requests at 2^34, so the sum stays below 2^126.
            sum.wrapping_add(times(quantity, rate.unwrap_or(0)))
        });
        Ok(Self { total: rounded_up(total)?, usage: *usage, rates: *rates })
    }

    /// The whole charge, rounded up once to the next nano-dollar.
    #[must_use]
    pub fn total(&self) -> Usd {
        self.total
    }

    /// The usage that was priced.
    #[must_use]
    pub fn usage(&self) -> &Usage {
        &self.usage
    }

    /// Whether every line has a price.
    ///
    /// It is false when a server tool ran for which the table knows no fee. The
    /// total is then only a lower bound, and the charge has to be marked as
    /// estimated; tokens always have a price.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        let known =
            |meter: Meter, fee: Option<u64>| self.usage.count(meter).unwrap_or(0) == 0 || fee.is_some();
        known(Meter::WebSearch, self.rates.web_search)
            && known(Meter::WebFetch, self.rates.web_fetch)
            && known(Meter::FileSearch, self.rates.file_search)
            && known(Meter::CodeExecution, self.rates.code_execution)
    }

    /// The lines with anything to count: what, how much, at which rate, the exact amount.
    ///
    /// Their amounts add up to less than a nano-dollar below [`total`](Self::total).
    pub fn lines(&self) -> impl Iterator<Item = CostLine> {
        // The usage was split when it was priced, so it can be split again.
        let quantities = Split::of(&self.usage).map(|split| split.quantities(&self.rates)).ok();
        quantities.into_iter().flatten().filter(|(_, quantity, _)| *quantity > 0).map(
            |(meter, quantity, rate)| CostLine {
                meter,
                quantity,
                rate: rate.and_then(|rate| usd_rate(meter, rate)),
                amount: rate.and_then(|rate| usd(times(quantity, rate))),
            },
        )
    }
}

/// A usage with every token in one place.
struct Split<'a> {
    input_rest: u64,
    output_rest: u64,
    usage: &'a Usage,
}

impl<'a> Split<'a> {
    #[inline]
    fn of(usage: &'a Usage) -> Result<Self, Error> {
        let whole = |field: &str, tokens: Option<u64>| {
            tokens.ok_or_else(|| Error::invalid(field, "was not reported, so the call cannot be priced"))
        };
        let input = whole("usage.input", usage.input())?;
        let output = whole("usage.output", usage.output())?;
        let input_rest = input
            .checked_sub(usage.cached_input().unwrap_or(0))
            .and_then(|rest| rest.checked_sub(usage.cache_write_5m().unwrap_or(0)))
            .and_then(|rest| rest.checked_sub(usage.cache_write_1h().unwrap_or(0)));
        let output_rest = output.checked_sub(usage.reasoning().unwrap_or(0));
        match (input_rest, output_rest) {
            (Some(input_rest), Some(output_rest)) => Ok(Self { input_rest, output_rest, usage }),
            _ => Err(usage.check().err().unwrap_or_else(|| Error::overflow("usage"))),
        }
    }

    /// Each meter with what it counted and its rate in atto-dollars.
    #[inline]
    fn quantities(&self, rates: &RateSet) -> [(Meter, u64, Option<u64>); 10] {
        let usage = self.usage;
        let part = |tokens: Option<u64>| tokens.unwrap_or(0);
        let requests = |meter: Meter| usage.count(meter).unwrap_or(0);
        [
            (Meter::Input, self.input_rest, Some(rates.input)),
            (Meter::CachedInput, part(usage.cached_input()), Some(rates.cached_input)),
            (Meter::CacheWrite5m, part(usage.cache_write_5m()), Some(rates.cache_write_5m)),
            (Meter::CacheWrite1h, part(usage.cache_write_1h()), Some(rates.cache_write_1h)),
            (Meter::Output, self.output_rest, Some(rates.output)),
            (Meter::Reasoning, part(usage.reasoning()), Some(rates.reasoning)),
            (Meter::WebSearch, requests(Meter::WebSearch), rates.web_search),
            (Meter::WebFetch, requests(Meter::WebFetch), rates.web_fetch),
            (Meter::FileSearch, requests(Meter::FileSearch), rates.file_search),
            (Meter::CodeExecution, requests(Meter::CodeExecution), rates.code_execution),
        ]
    }
}

/// Atto-dollars for that many; two 64-bit factors always fit.
#[inline]
pub(super) fn times(quantity: u64, rate: u64) -> u128 {
    u128::from(quantity).wrapping_mul(u128::from(rate))
}

/// Atto-dollars as dollars, rounded up to the next nano-dollar.
#[inline]
pub(super) fn rounded_up(atto: u128) -> Result<Usd, Error> {
    // Below $18 the sum fits into 64 bits, where the division is several times faster.
    let nanos = match u64::try_from(atto) {
        Ok(atto) => u128::from(atto.div_ceil(ATTOS_PER_NANO)),
        Err(_) => atto.div_ceil(u128::from(ATTOS_PER_NANO)),
    };
    i64::try_from(nanos).map(Usd::from_nanos).map_err(|_| Error::overflow("cost of the call"))
}

/// An integer rate as people write it: USD per million tokens, or per request.
pub(super) fn usd_rate(meter: Meter, rate: u64) -> Option<Decimal> {
    decimal(u128::from(rate), atto_digits(meter))
}

fn usd(atto: u128) -> Option<Decimal> {
    decimal(atto, 18)
}

fn decimal(mantissa: u128, digits: u32) -> Option<Decimal> {
    let mantissa = i128::try_from(mantissa).ok()?;
    Decimal::try_from_i128_with_scale(mantissa, digits).ok().map(|value| value.normalize())
}
