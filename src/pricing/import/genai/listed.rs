//! What does a model cost from one date on, as a row?
//!
//! Every price is written at every length of the input, so that nothing falls back to
//! another length or tier: genai-prices' calculator has no such fallback, and a row of
//! ours would otherwise price a long batch request by the batch rate for short ones.
//!
//! A variant for a region becomes a factor of the region only where one factor explains
//! all of its rates exactly; anything else is listed as not understood.

use std::collections::{BTreeMap, BTreeSet};

use rust_decimal::Decimal;

use super::prices::{Conditional, Context, Prices, Variant};
use super::units::Tiered;
use crate::pricing::import::report::ImportReport;
use crate::pricing::rates::Rates;
use crate::pricing::row::PriceRow;
use crate::pricing::tiers::{Band, TierRates};
use crate::pricing::windows::TimeRates;
use crate::values::{Meter, SearchContext, ServiceTier, Timestamp};

/// Fills a row with what holds from its date on; false where no price does.
pub(super) fn fill(
    row: &mut PriceRow,
    entry: &str,
    prices: &[Conditional],
    variants: &[Variant],
    report: &mut ImportReport,
) -> bool {
    let Some((standard, timed)) = in_force(prices, row.from) else { return false };
    let active: Vec<&Variant> = variants.iter().filter(|variant| variant.from <= row.from).collect();
    by_tier(row, standard, &active);
    for variant in active {
        let is_gap = !elsewhere(row, standard, variant);
        if is_gap {
            report.miss(entry, "price_variants of a route that has no one factor");
        }
    }
    for price in timed {
        at_times(row, entry, price, report);
    }
    true
}

/// The price from that date on, and those at times of the day above it, the one that goes first the last.
///
/// What has no date holds always, and `None` is before every date.
fn in_force(list: &[Conditional], from: Option<Timestamp>) -> Option<(&Prices, Vec<&Conditional>)> {
    let is_base = |price: &&Conditional| price.daily.is_none() && price.from <= from;
    let at = list.iter().rposition(|price| is_base(&price));
    let mut timed: Vec<_> = list.iter().skip(at.map_or(0, |at| at.saturating_add(1))).collect();
    timed.retain(|price| price.daily.is_some());
    let base = at.and_then(|at| list.get(at)).or(list.first())?;
    Some((&base.prices, timed))
}

/// The standard prices, and those of each tier with the standard ones where it names none.
fn by_tier(row: &mut PriceRow, standard: &Prices, variants: &[&Variant]) {
    let mut tiers: BTreeMap<ServiceTier, Prices> = BTreeMap::new();
    let add = |prices: &mut Prices, more: &Prices| {
        for (meter, price) in more {
            prices.entry(*meter).or_insert_with(|| price.clone());
        }
    };
    for variant in variants {
        if let Context::Tier(tier) = variant.context {
            add(tiers.entry(tier).or_default(), &variant.prices);
        }
    }
    tiers.entry(ServiceTier::Standard).or_default();
    tiers.values_mut().for_each(|prices| add(prices, standard));
    let edges: BTreeSet<u64> = tiers.values().flat_map(Prices::values).flat_map(Tiered::edges).collect();
    let at = |input: u64| {
        let mut rates = TierRates::EMPTY;
        tiers.iter().for_each(|(tier, prices)| rates.set(*tier, Some(rates_at(prices, input))));
        rates
    };
    row.rates = at(0);
    row.bands.extend(edges.into_iter().map(|above| Band::above(above, at(above.saturating_add(1)))));
}

/// Writes down what searches of another kind cost, or by how much one region is dearer in everything; false where no
/// one factor says that.
fn elsewhere(row: &mut PriceRow, standard: &Prices, variant: &Variant) -> bool {
    match variant.context {
        Context::Search(_) => {
            let fee = variant.prices.get(&Meter::WebSearch).map(|price| price.at(0));
            let fees = row.search_context.get_or_insert_default();
            fees.set(SearchContext::Fast, fees.get(SearchContext::Fast).copied().or(fee));
            true
        }
        // The first of several holds, as among tiers.
        Context::Region(region) if row.region_factors.get(region).is_none() => {
            row.region_factors.set(region, factor(standard, &variant.prices));
            row.region_factors.get(region).is_some()
        }
        Context::Tier(_) | Context::Region(_) => true,
    }
}

/// By how much one set of prices is dearer than another, where that is the same for every class of tokens.
fn factor(standard: &Prices, other: &Prices) -> Option<Decimal> {
    let mut one = None;
    let both = other.keys().all(|meter| meter.counts_tokens() && standard.contains_key(meter));
    for (meter, base) in standard.iter().filter(|(meter, _)| meter.counts_tokens()) {
        let (base, price) = (base.whole()?, other.get(meter)?.whole()?);
        let factor = price.checked_div(base)?.normalize();
        let exact = factor.checked_mul(base) == Some(price);
        if !exact || *one.get_or_insert(factor) != factor {
            return None;
        }
    }
    one.filter(|_| both)
}

fn rates_at(prices: &Prices, input: u64) -> Rates {
    prices.iter().fold(Rates::new(), |rates, (meter, price)| rates.with(*meter, price.at(input)))
}

/// Adds the prices of a time of the day, which are whole: what they do not name is part of what they name.
fn at_times(row: &mut PriceRow, entry: &str, price: &Conditional, report: &mut ImportReport) {
    let Some((first, end)) = price.daily.filter(|(first, end)| first != end) else { return };
    let mut rates = rates_at(&price.prices, 0);
    let by_length = price.prices.values().any(|price| price.edges().next().is_some());
    if by_length || row.rates.iter().any(|(tier, _)| tier != ServiceTier::Standard) {
        report.miss(entry, "prices by time of day beside others by length or context");
    }
    for (meter, _) in row.rates(ServiceTier::Standard).iter() {
        let mut wholes = std::iter::successors(Some(meter), |part| part.whole());
        match wholes.find_map(|whole| rates.get(whole)) {
            Some(rate) => rates.set(meter, Some(rate)),
            None => report.miss(entry, format!("{meter} at a time of day without it")),
        }
    }
    let hours = format!("{}-{}", clock(first), clock(end));
    row.times.push(TimeRates::daily([hours], rates));
}

fn clock(second: i64) -> String {
    let part = |unit: i64, of: i64| second.checked_div(unit).unwrap_or(0).rem_euclid(of);
    format!("{:02}:{:02}:{:02}", part(3_600, 24), part(60, 60), part(1, 60))
}
