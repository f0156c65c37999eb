//! What did a call cost, and for what? And what can it cost at most?
//!
//! There is one rounding. Products of counts and rates are exact integers, their sum
//! is exact, and only the sum is rounded, up, to the next nano-dollar. Rounding each
//! line would overcharge a call of seven lines by up to six nano-dollars, and lines
//! would no longer add up to the total that a ledger has.
//!
//! Up, because a budget may err only towards caution. What that costs is less than a
//! nano-dollar a call: a thousandth of a dollar for a million calls.
//!
//! A [`Cost`] keeps the rates that it was made of and not its lines. Nearly every
//! charge is asked for its total alone, so lines are worked out when somebody asks.

use std::sync::Arc;

use rust_decimal::Decimal;
use smallvec::SmallVec;

use super::exact::ExactUsd;
use super::sets::{COMMON, Dearest, RateSet};
use super::units::{amount, as_rate};
use crate::values::{Meter, SearchContext};
use crate::{Error, Usage, Usd};

/// Atto-dollars in a nano-dollar.
const ATTOS_PER_NANO: u64 = 1_000_000_000;
/// Units of an exact sum in an atto-dollar.
const UNITS_PER_ATTO: u128 = 1_000_000_000;

/// What one call cost: one sum, and on demand the lines it consists of.
///
/// Small and without heap of its own, so that every charge can carry it.
///
/// # Example: cached input is billed once, at its own rate
/// ```
/// use token_budget::call::Conditions;
/// use token_budget::time::Timestamp;
/// use token_budget::usage::Meter;
/// use token_budget::{PricingTable, Usage};
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
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Cost {
    total: Usd,
    usage: Usage,
    rates: Rated,
    search: SearchContext,
}

/// By which rates a call was priced.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Rated {
    /// Atto-dollars for the common meters, by value: nothing else counted.
    Plain([u64; 6]),
    /// Everything the price knows.
    Full(Arc<RateSet>),
}

/// One meter's share of a [`Cost`].
///
/// Cached input is a part of the input, so the line of the input has what is left of it.
///
/// # Example: the lines add up to the exact sum
/// ```
/// use token_budget::call::{Conditions, ServiceTier};
/// use token_budget::pricing::{ExactUsd, PriceRow, Rates};
/// use token_budget::time::Timestamp;
/// use token_budget::usage::Meter;
/// use token_budget::{PricingTable, Usage};
///
/// let rates = Rates::per_million("3", "15")?.with(Meter::CachedInput, "0.30".parse().unwrap());
/// let row = PriceRow::new("acme", "m").with_rates(ServiceTier::Standard, rates);
/// let table = PricingTable::empty().with_rows([row])?;
/// let price = table.find(Some("acme"), "m", Timestamp::EPOCH).expect("an own row");
/// let cost = price.cost(&Usage::of(1_000, 10).with_cached_input(800), &Conditions::new())?;
/// let amounts: Vec<String> = cost.lines().filter_map(|line| Some(line.amount?.to_string())).collect();
/// assert_eq!(amounts, ["0.0006", "0.00024", "0.00015"]); // 200 × 3.00, 800 × 0.30, 10 × 15.00 per million
/// let sum = cost.lines().filter_map(|line| line.amount).try_fold(ExactUsd::ZERO, ExactUsd::checked_add);
/// assert_eq!(sum, Some(cost.exact()));
/// assert_eq!(cost.total(), "0.00099".parse()?);
/// # Ok::<(), token_budget::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CostLine {
    /// What was counted.
    pub meter: Meter,
    /// How many were billed; a token stands in one line only.
    pub quantity: u64,
    /// USD per million, per piece or per hour, as [`Meter::unit`] says; `None` where no rate is known.
    pub rate: Option<Decimal>,
    /// The exact amount, before the sum is rounded up; `None` where no rate is known.
    ///
    /// Only time billed by the hour may not come out even: it is rounded up to 10⁻²⁷ dollars.
    pub amount: Option<ExactUsd>,
}

impl Cost {
    /// Prices a usage: exact products, one sum, rounded up once.
    #[inline]
    pub(super) fn of(usage: &Usage, rates: &Arc<RateSet>, search: SearchContext) -> Result<Self, Error> {
        let Some(quantities) = usage.common().filter(|_| rates.plain) else {
            return Self::in_full(usage, rates, search);
        };
        let total = rounded_up(products(quantities, rates.common))?;
        Ok(Self { total, usage: *usage, rates: Rated::Plain(rates.common), search })
    }

    /// The same by everything that the price knows, and an error where whole and parts do not fit together.
    fn in_full(usage: &Usage, rates: &Arc<RateSet>, search: SearchContext) -> Result<Self, Error> {
        let rates = Rated::Full(Arc::clone(rates));
        let mut cost = Self { total: Usd::ZERO, usage: *usage, rates, search };
        cost.check()?;
        cost.total = cost.sum().ok_or_else(|| Error::overflow("cost of the call"))?.rounded_up()?;
        Ok(cost)
    }

    /// The whole charge, rounded up once to the next nano-dollar.
    #[must_use]
    pub fn total(&self) -> Usd {
        self.total
    }

    /// The whole charge before it was rounded; its lines add up to it exactly.
    #[must_use]
    pub fn exact(&self) -> ExactUsd {
        // It was summed up when the call was priced, so it can be again.
        self.sum().unwrap_or_default()
    }

    /// The usage that was priced.
    #[must_use]
    pub fn usage(&self) -> &Usage {
        &self.usage
    }

    /// Whether every line has a price.
    ///
    /// It is false where something was counted for which the table knows no
    /// rate: a tool's fee, pages, or tokens of a model that lists only others;
    /// and where a dearer tier has no rate, so that the dearest known were taken.
    /// The total is then only a lower bound, and the charge has to be marked as
    /// estimated.
    ///
    /// # Example: two searches that no row prices
    /// ```
    /// use token_budget::call::{Conditions, ServiceTier};
    /// use token_budget::pricing::{PriceRow, Rates};
    /// use token_budget::time::Timestamp;
    /// use token_budget::usage::Meter;
    /// use token_budget::{PricingTable, Usage};
    ///
    /// let row = PriceRow::new("acme", "m").with_rates(ServiceTier::Standard, Rates::per_million("3", "15")?);
    /// let table = PricingTable::empty().with_rows([row])?;
    /// let price = table.find(Some("acme"), "m", Timestamp::EPOCH).expect("an own row");
    /// let usage = Usage::of(1_000, 100).with(Meter::WebSearch, 2);
    /// let cost = price.cost(&usage, &Conditions::new())?;
    /// assert_eq!(cost.total(), "0.0045".parse()?); // 0.003 and 0.0015, and nothing for the searches
    /// assert!(!cost.is_complete());
    /// # Ok::<(), token_budget::Error>(())
    /// ```
    #[must_use]
    pub fn is_complete(&self) -> bool {
        match &self.rates {
            Rated::Plain(_) => true,
            Rated::Full(rates) => rates.is_known && self.is_rated(rates),
        }
    }

    /// Whether every line that is billed has a rate.
    fn is_rated(&self, rates: &RateSet) -> bool {
        // Where something else is billed and no token has a rate, tokens are not what is billed.
        let billed = |line: &CostLine| !line.meter.counts_tokens() && line.amount.is_some();
        let by_token = rates.names_tokens() || !self.lines().any(|line| billed(&line));
        let counts = |line: &CostLine| by_token || !line.meter.counts_tokens();
        self.lines().filter(counts).all(|line| line.amount.is_some())
    }

    /// The lines with anything to count: what, how much, at which rate, the exact amount.
    ///
    /// Their amounts add up to [`exact`](Self::exact), which [`total`](Self::total) rounds up.
    pub fn lines(&self) -> impl Iterator<Item = CostLine> {
        Meter::ALL.into_iter().filter_map(|meter| {
            let quantity = self.quantity(meter).filter(|quantity| *quantity > 0)?;
            let rate = self.rate(meter);
            Some(CostLine {
                meter,
                quantity,
                rate: rate.and_then(|rate| as_rate(meter, rate)),
                amount: rate.and_then(|rate| amount(meter, quantity, rate)).map(ExactUsd::from_units),
            })
        })
    }

    fn sum(&self) -> Option<ExactUsd> {
        Meter::ALL.into_iter().try_fold(ExactUsd::ZERO, |sum, meter| {
            let quantity = self.quantity(meter)?;
            match self.rate(meter) {
                Some(rate) if quantity > 0 => {
                    sum.checked_add(ExactUsd::from_units(amount(meter, quantity, rate)?))
                }
                _ => Some(sum),
            }
        })
    }

    /// Checks that whole and parts fit together.
    fn check(&self) -> Result<(), Error> {
        check_wholes(&self.usage)?;
        if Meter::ALL.into_iter().all(|meter| self.quantity(meter).is_some()) {
            return Ok(());
        }
        Err(self.usage.check().err().unwrap_or_else(|| Error::overflow("usage")))
    }

    fn rate(&self, meter: Meter) -> Option<u128> {
        match &self.rates {
            Rated::Plain(rates) => {
                let at = COMMON.into_iter().position(|common| common == meter)?;
                rates.get(at).map(|atto| u128::from(*atto).saturating_mul(UNITS_PER_ATTO))
            }
            Rated::Full(rates) => rates.rate(meter, self.search),
        }
    }

    /// What is billed of a meter, without what stands in other lines; `None` where the parts exceed it.
    fn quantity(&self, meter: Meter) -> Option<u64> {
        let part = |meter: Meter| self.usage.count(meter).unwrap_or(0);
        let less = |whole: Meter, parts: &[Meter]| {
            parts.iter().try_fold(part(whole), |rest, meter| rest.checked_sub(part(*meter)))
        };
        let counted = match meter {
            Meter::Input => {
                let rest =
                    less(Meter::Input, &[Meter::CachedInput, Meter::CacheWrite5m, Meter::CacheWrite1h])?;
                // Sound that was cached stands among the cached tokens already.
                [Meter::InputAudio, Meter::InputImage, Meter::InputVideo]
                    .into_iter()
                    .try_fold(rest, |rest, meter| rest.checked_sub(self.quantity_counted(meter)?))?
            }
            Meter::CachedInput => less(meter, &[Meter::CachedAudio, Meter::CachedImage, Meter::CachedVideo])?,
            Meter::CacheWrite5m => less(meter, &[Meter::CacheWriteAudio])?,
            Meter::InputAudio | Meter::InputImage | Meter::InputVideo => self.quantity_counted(meter)?,
            Meter::Output => {
                less(meter, &[Meter::Reasoning, Meter::OutputAudio, Meter::OutputImage, Meter::OutputVideo])?
            }
            // Whoever is billed by the request is billed for this one.
            Meter::Request => match &self.rates {
                Rated::Full(rates) if rates.rate(meter, self.search).is_some() => {
                    self.usage.count(meter).unwrap_or(1)
                }
                _ => part(meter),
            },
            _ => part(meter),
        };
        let least = match &self.rates {
            Rated::Full(rates) if counted > 0 => rates.minimum(meter),
            _ => 0,
        };
        Some(counted.max(least))
    }

    /// Sound, images and video that were neither read from nor written to a cache.
    fn quantity_counted(&self, meter: Meter) -> Option<u64> {
        let part = |meter: Meter| self.usage.count(meter).unwrap_or(0);
        let cached = match meter {
            Meter::InputAudio => part(Meter::CachedAudio).checked_add(part(Meter::CacheWriteAudio))?,
            Meter::InputImage => part(Meter::CachedImage),
            _ => part(Meter::CachedVideo),
        };
        // A report may name cached sound alone: it is then no sound beside it.
        Some(part(meter).saturating_sub(cached))
    }
}

/// A call can be priced only where both wholes were reported.
fn check_wholes(usage: &Usage) -> Result<(), Error> {
    for (field, whole) in [("usage.input", usage.input()), ("usage.output", usage.output())] {
        if whole.is_none() {
            return Err(Error::invalid(field, "was not reported, so the call cannot be priced"));
        }
    }
    Ok(())
}

/// A model's rates under known conditions, for each band of input lengths: what nearly all its quotes and charges are made of.
///
/// They depend on no call's size, so whoever makes many calls of one kind keeps them.
#[derive(Clone, Debug)]
pub(crate) struct ResolvedRates(SmallVec<[Band; 2]>);

/// Which lengths a band has, and at which rates.
#[derive(Clone, Copy, Debug)]
pub(super) struct Band {
    pub(super) first: u64,
    pub(super) last: u64,
    pub(super) rates: Dearest,
    /// The rates of the common meters, where they are all there is to a call of no others.
    pub(super) common: Option<[u64; 6]>,
}

impl ResolvedRates {
    pub(super) fn of(bands: impl Iterator<Item = Band>) -> Self {
        Self(bands.collect())
    }

    /// The most that at most these tokens can cost. A shorter input may be dearer, so every band counts that it reaches.
    #[inline]
    pub(crate) fn quote(&self, input: u64, output: u64) -> Result<Usd, Error> {
        let mut most = 0;
        for Band { last, rates, .. } in self.0.iter().take_while(|band| band.first <= input) {
            // Cannot wrap: both rates are at most 1e18 and the fee 1e19, so the sum stays below 2^126.
            let sum = times(input.min(*last), rates.input).wrapping_add(times(output, rates.output));
            most = most.max(sum.wrapping_add(u128::from(rates.request)));
        }
        rounded_up(most)
    }

    /// What the common counts of a usage with so much input cost; `None` where more than their rates has a say.
    #[inline]
    pub(crate) fn charge(&self, input: u64, counts: [u64; 6]) -> Option<Usd> {
        let band = self.0.iter().rev().find(|band| band.first <= input)?;
        rounded_up(products(counts, band.common?)).ok()
    }

    /// The largest output whose quote beside that input still fits into `room`; zero where not even the input does.
    pub(super) fn output_affordable(&self, room: Usd, input: u64) -> u64 {
        // A quote is rounded up to whole nano-dollars, and so is the room: the
        // rounded quote fits exactly if the unrounded one does.
        let room = u128::from(room.nanos().max(0).unsigned_abs()).saturating_mul(ATTOS_PER_NANO.into());
        let fits = |Band { last, rates, .. }: &Band| {
            let fixed = times(input.min(*last), rates.input).wrapping_add(u128::from(rates.request));
            let left = room.checked_sub(fixed)?;
            match left.checked_div(u128::from(rates.output)) {
                Some(tokens) => Some(u64::try_from(tokens).unwrap_or(u64::MAX)),
                None => Some(u64::MAX),
            }
        };
        let reached = self.0.iter().take_while(|band| band.first <= input);
        reached.map(|band| fits(band).unwrap_or(0)).min().unwrap_or(0)
    }
}

/// Atto-dollars for the common counts.
#[inline]
fn products(counts: [u64; 6], rates: [u64; 6]) -> u128 {
    // Cannot wrap: rates are capped at 1e18 a token and the tokens at 2^65, so the sum stays below 2^125.
    counts.into_iter().zip(rates).fold(0, |sum: u128, (count, rate)| sum.wrapping_add(times(count, rate)))
}

/// Atto-dollars for that many; two 64-bit factors always fit.
#[inline]
fn times(quantity: u64, rate: u64) -> u128 {
    u128::from(quantity).wrapping_mul(u128::from(rate))
}

/// Atto-dollars as dollars, rounded up to the next nano-dollar.
#[inline]
fn rounded_up(atto: u128) -> Result<Usd, Error> {
    // Below $18 the sum fits into 64 bits, where the division is several times faster.
    let nanos = match u64::try_from(atto) {
        Ok(atto) => u128::from(atto.div_ceil(ATTOS_PER_NANO)),
        Err(_) => atto.div_ceil(u128::from(ATTOS_PER_NANO)),
    };
    i64::try_from(nanos).map(Usd::from_nanos).map_err(|_| Error::overflow("cost of the call"))
}
