//! How do written rates become integers, with every gap filled?
//!
//! Conditions combine before they fall back: the rate for a long batch request
//! is looked for in long + batch, then long, then batch, then standard; rates of
//! a time of day stand above them all. Only then does a missing part take the
//! rate of its whole. Reasoning is output by another name, so a level that
//! prices output prices reasoning too.
//!
//! All combinations are worked out when a table is built: regions × bands × tiers,
//! at most 4 × 17 × 8 = 544 of them. Most are equal, so equal sets are kept once and
//! `places` says which combination has which set. The alternative, to search the
//! levels for each request, cost more than the multiplications.
//!
//! A dearer tier (priority, fast, ultrafast) for which a row names nothing is not
//! priced at the standard rate, which would be too little. Such a tier takes the
//! dearest rate known of the model, meter by meter, and its sets are marked as not
//! known: a charge by them is never complete.

use std::sync::Arc;

use rust_decimal::Decimal;

use super::rates::Rates;
use super::row::PriceRow;
use super::sets::{RateSet, Shared};
use super::tiers::{Band, TierRates};
use super::units::{Filled, Given, TOKEN_MAX, at, multiplied, units};
use crate::Error;
use crate::values::{Meter, Region, ServiceTier};

/// The largest multiplier of a tier or region, and its finest step in decimals.
const FACTOR_MAX: i64 = 100;
const FACTOR_DIGITS: u32 = 9;
/// Bands of one row; the most that is published is four.
const BANDS_MAX: usize = 16;

/// Regions that may have a factor; global, which has none, stands first.
pub(super) const REGIONS: [Region; 4] = [Region::Global, Region::Us, Region::Eu, Region::Other];

/// Every set of rates of a row, and which conditions each belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Compiled {
    /// The smallest input of each band after the first.
    pub(super) edges: Box<[u64]>,
    /// By region, band and tier: the place of its set. One region alone where none has a factor.
    pub(super) places: Box<[u16]>,
    pub(super) sets: Box<[Arc<RateSet>]>,
}

/// Fills every gap of a row; `times` are rates that replace all others.
pub(super) fn compile(row: &PriceRow, times: Option<&Rates>) -> Result<Compiled, Error> {
    let missing = |field| Error::invalid(field, "is missing, and no lower layer names it");
    if row.free && row.charges() {
        return Err(Error::invalid("free", "stands beside a rate above zero"));
    }
    let whole = row.complete || row.free || row.unknown;
    if !whole && row.rates(ServiceTier::Standard).get(Meter::Input).is_none() {
        return Err(missing("standard.input"));
    }
    if !whole && row.rates(ServiceTier::Standard).get(Meter::Output).is_none() {
        return Err(missing("standard.output"));
    }
    let edges = edges(row)?;
    let shared = Shared::of(row)?;
    let times = times.map(|rates| given("times.rates", rates)).transpose()?;
    let mut bands = vec![band(row, "", &row.rates)?];
    for written in &row.bands {
        bands.push(band(row, "bands.", &written.rates)?);
    }
    let regions = if row.region_factors.is_empty() { 1 } else { REGIONS.len() };
    let mut sets: Vec<Arc<RateSet>> = Vec::new();
    let mut places = Vec::new();
    for region in REGIONS.into_iter().take(regions) {
        let factor = row.region_factors.get(region).copied();
        for at in 0..bands.len() {
            for tier in ServiceTier::ALL {
                let rates = |tier| filled(&levels(&bands, at, priced_as(row, tier), times.as_ref()));
                let mut filled = if row.free {
                    Filled { rates: [Some(0); Meter::COUNT], is_known: true }
                } else if tier.is_dearer() && row.charges() && !names(row, priced_as(row, tier)) {
                    dearest(ServiceTier::ALL.into_iter().map(rates))
                } else {
                    rates(tier)
                };
                scale("region_factors", &mut filled.rates, factor, row.is_factored)?;
                let set = RateSet::of(&filled, &shared);
                places.push(place(&mut sets, set)?);
            }
        }
    }
    Ok(Compiled { edges, places: places.into(), sets: sets.into() })
}

/// The set's place among those that were made, which are few.
fn place(sets: &mut Vec<Arc<RateSet>>, set: RateSet) -> Result<u16, Error> {
    let at = sets.iter().position(|other| **other == set).unwrap_or(sets.len());
    if at == sets.len() {
        sets.push(Arc::new(set));
    }
    u16::try_from(at).map_err(|_| Error::invalid("bands", "make too many sets of rates"))
}

fn edges(row: &PriceRow) -> Result<Box<[u64]>, Error> {
    if row.bands.len() > BANDS_MAX {
        return Err(Error::invalid("bands", format!("more than {BANDS_MAX}")));
    }
    let edges = row.bands.iter().map(Band::first).collect::<Result<Box<[u64]>, _>>()?;
    let rises = edges.iter().zip(edges.iter().skip(1)).all(|(lower, upper)| lower < upper);
    if rises { Ok(edges) } else { Err(Error::invalid("bands", "do not rise")) }
}

/// Fast processing without a rate or factor of its own is priority's.
fn priced_as(row: &PriceRow, tier: ServiceTier) -> ServiceTier {
    if tier == ServiceTier::Fast && !names(row, tier) { ServiceTier::Priority } else { tier }
}

/// Whether a row says anything of that tier.
fn names(row: &PriceRow, tier: ServiceTier) -> bool {
    row.factor(tier).is_some()
        || row.rates.get(tier).is_some()
        || row.bands.iter().any(|band| band.rates.get(tier).is_some())
}

/// The dearest of the rates known, by meter: what a dearer tier without a rate may cost at least.
fn dearest(known: impl Iterator<Item = Filled>) -> Filled {
    let mut most = Filled { rates: [None; Meter::COUNT], is_known: false };
    for filled in known {
        for (most, rate) in most.rates.iter_mut().zip(filled.rates) {
            *most = (*most).max(rate);
        }
    }
    most
}

/// What a row names for one length of input: by tier, the tier's own rates and
/// the standard ones multiplied by its factor.
type BandRates = Vec<[Given; 2]>;

fn band(row: &PriceRow, prefix: &str, rates: &TierRates) -> Result<BandRates, Error> {
    let read = |tier: ServiceTier| given(&format!("{prefix}{}", tier.name()), rates.of(tier));
    let base = read(ServiceTier::Standard)?;
    ServiceTier::ALL
        .into_iter()
        .map(|tier| {
            let mut scaled = base;
            scale(&format!("{}_factor", tier.name()), &mut scaled, row.factor(tier), row.is_factored)?;
            Ok([read(tier)?, scaled])
        })
        .collect()
}

/// What is looked through for a set, the most special first.
fn levels<'a>(
    bands: &'a [BandRates],
    at: usize,
    tier: ServiceTier,
    times: Option<&'a Given>,
) -> Vec<&'a Given> {
    let own = bands.get(at).filter(|_| at > 0);
    let bands = own.into_iter().chain(bands.first());
    let rates = bands.filter_map(|band| band.get(tier as usize)).flatten();
    times.into_iter().chain(rates).collect()
}

fn filled(levels: &[&Given]) -> Filled {
    let named = |meter: Meter| levels.iter().find_map(|level| at(level, meter));
    let mut rates = Meter::ALL.map(named);
    let mut set = |meter: Meter, rate: Option<u128>| {
        if let Some(slot) = rates.get_mut(meter as usize) {
            *slot = rate;
        }
    };
    let input = named(Meter::Input);
    let write = named(Meter::CacheWrite5m).or(input);
    set(Meter::CachedInput, named(Meter::CachedInput).or(input));
    set(Meter::CacheWrite5m, write);
    set(Meter::CacheWrite1h, named(Meter::CacheWrite1h).or(write));
    set(
        Meter::Reasoning,
        levels.iter().find_map(|level| at(level, Meter::Reasoning).or(at(level, Meter::Output))),
    );
    // Where caching has no price, cached sound is sound.
    for (part, whole, content) in [
        (Meter::CachedAudio, Meter::CachedInput, Meter::InputAudio),
        (Meter::CachedImage, Meter::CachedInput, Meter::InputImage),
        (Meter::CachedVideo, Meter::CachedInput, Meter::InputVideo),
        (Meter::CacheWriteAudio, Meter::CacheWrite5m, Meter::InputAudio),
    ] {
        if named(part).is_none() && named(whole).is_none() {
            set(part, named(content));
        }
    }
    Filled { rates, is_known: true }
}

fn given(place: &str, rates: &Rates) -> Result<Given, Error> {
    let mut given = [None; Meter::COUNT];
    for (meter, rate) in rates.iter() {
        if let Some(slot) = given.get_mut(meter as usize) {
            *slot = Some(units(meter, rate).map_err(|problem| {
                Error::invalid(&format!("{place}.{meter}"), format!("{rate} {problem}"))
            })?);
        }
    }
    Ok(given)
}

/// Multiplies the rates of tokens, exactly; fees of tools have no discount.
///
/// A row under a factor of the whole table has rates that nobody wrote, with more decimals: their products are rounded up.
fn scale(field: &str, rates: &mut Given, factor: Option<Decimal>, round_up: bool) -> Result<(), Error> {
    let Some(factor) = factor.map(|factor| factor.normalize()) else { return Ok(()) };
    if (factor.is_sign_negative() && !factor.is_zero()) || factor > Decimal::from(FACTOR_MAX) {
        return Err(Error::invalid(field, format!("{factor} is not between 0 and {FACTOR_MAX}")));
    }
    if factor.scale() > FACTOR_DIGITS {
        return Err(Error::invalid(field, format!("{factor} has more than {FACTOR_DIGITS} decimals")));
    }
    for (slot, meter) in rates.iter_mut().zip(Meter::ALL).filter(|(_, meter)| meter.counts_tokens()) {
        let Some(rate) = *slot else { continue };
        let (product, _) = multiplied(rate, factor)
            .filter(|(product, is_exact)| *product <= TOKEN_MAX && (*is_exact || round_up))
            .ok_or_else(|| {
                Error::invalid(field, format!("{factor} times the {meter} rate cannot be kept exactly"))
            })?;
        *slot = Some(product);
    }
    Ok(())
}
