//! What does an entry of LiteLLM's table cost by ranges of the input's length?
//!
//! `tiered_pricing` states ranges that contain their end and not their start, in place
//! of all flat rates. Our bands contain their start, so a range (32,000; 128,000] begins
//! at 32,001. Outside all ranges LiteLLM's calculator takes the last one, for an input
//! longer than any range and for a gap between two, and so do these bands.

use std::collections::BTreeSet;

use super::entry::Entry;
use crate::Error;
use crate::pricing::import::json::{Json, Map, get};
use crate::pricing::rates::Rates;
use crate::pricing::tiers::{Band, TierRates};
use crate::values::{Meter, ServiceTier};

/// A range of input tokens, without its start and with its end, and its rates.
type Range = ((u64, u64), Rates);

/// Ranges of the input's length, which price the whole request in place of the flat rates.
pub(super) fn read(entry: &mut Entry<'_>) -> Result<(), Error> {
    let items = match get(entry.fields, "tiered_pricing")? {
        Some(Json::List(items)) => items,
        Some(_) => return Err(entry.wrong("tiered_pricing", "is no list")),
        None => return Ok(()),
    };
    let mut ranges: Vec<Range> = Vec::new();
    for (raw, at) in items.into_iter().zip(0_usize..) {
        let place = format!("tiered_pricing[{at}]");
        let Json::Map(tier) = Json::of(raw)? else {
            return Err(entry.wrong("tiered_pricing", "has something else than objects"));
        };
        match ends(&tier)? {
            Some(ends) => {
                let rates = entry.rates_in(&tier, &place)?;
                ranges.push((ends, filled(entry, rates)));
            }
            None => entry.miss(place),
        }
    }
    if ranges.iter().any(|(_, rates)| rates.get(Meter::Input).is_none()) {
        entry.miss("tiered_pricing without a rate for input");
    } else if !ranges.is_empty() {
        ranges.sort_by_key(|((start, _), _)| *start);
        replace(entry, &ranges);
    }
    Ok(())
}

/// The two ends of a range of input tokens.
fn ends(tier: &Map<'_>) -> Result<Option<(u64, u64)>, Error> {
    let Some(Json::List(ends)) = get(tier, "range")? else { return Ok(None) };
    let ends =
        ends.into_iter().map(|raw| Json::of(raw).map(|json| json.count())).collect::<Result<Vec<_>, _>>()?;
    Ok(match ends.as_slice() {
        [Some(start), Some(end)] if start < end => Some((*start, *end)),
        _ => None,
    })
}

/// A range's rates, with what they do not name taken from themselves and not from another range.
fn filled(entry: &Entry<'_>, mut rates: Rates) -> Rates {
    let input = rates.get(Meter::Input);
    let output = rates.get(Meter::Output).or(entry.standard().get(Meter::Output));
    let write = rates.get(Meter::CacheWrite5m).or(input);
    for (meter, rate) in [
        (Meter::CachedInput, input),
        (Meter::CacheWrite5m, write),
        (Meter::CacheWrite1h, write),
        (Meter::Output, output),
        (Meter::Reasoning, output),
    ] {
        if rates.get(meter).is_none() {
            rates.set(meter, rate);
        }
    }
    rates
}

/// Bands from ranges that contain their end and not their start; outside all of them the last one holds.
fn replace(entry: &mut Entry<'_>, ranges: &[Range]) {
    let at = |tokens: u64| {
        let inside = ranges.iter().find(|((start, end), _)| *start < tokens && tokens <= *end);
        inside.or(ranges.last()).map(|(_, rates)| rates.clone()).unwrap_or_default()
    };
    for tier in ServiceTier::ALL.into_iter().skip(1) {
        if !entry.row.rates(tier).is_empty() {
            entry.miss(format!("tiered_pricing beside rates for {}", tier.name()));
        }
    }
    let edges: BTreeSet<u64> =
        ranges.iter().flat_map(|((start, end), _)| [*start, *end]).filter(|edge| *edge > 0).collect();
    let mut before = at(1);
    entry.row.rates.change(ServiceTier::Standard, |rates| *rates = before.over(rates));
    entry.row.bands.clear();
    for edge in edges {
        let rates = at(edge.saturating_add(1));
        if rates != before {
            before.clone_from(&rates);
            let mut tiers = TierRates::EMPTY;
            tiers.set(ServiceTier::Standard, Some(rates));
            entry.row.bands.push(Band::above(edge, tiers));
        }
    }
}
