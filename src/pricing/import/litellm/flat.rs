//! What do the single figures of an entry of LiteLLM's table cost, by tier and by length of the input?
//!
//! Most of an entry is flat: `input_cost_per_token_above_200k_tokens_priority` is one
//! rate of one meter, one tier and one length. Rates are gathered by length first and
//! become bands afterwards, because LiteLLM's calculator takes a threshold only where
//! the input has a standard rate there. A rate at any other threshold is listed as not
//! understood, since their calculator never uses it and ours would.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::entry::Entry;
use super::fields::{CostField, bears_cost};
use crate::Error;
use crate::pricing::import::json::{Json, Map, get};
use crate::pricing::tiers::{Band, TierRates};
use crate::values::{Meter, ServiceTier};

/// Fields that bear on the cost and are read elsewhere.
const ELSEWHERE: [&str; 8] = [
    "tiered_pricing",
    "off_peak_pricing",
    "search_context_cost_per_query",
    "search_free_requests",
    "provider_specific_entry",
    "regional_processing_uplift_multiplier_eu",
    "regional_processing_uplift_multiplier_us",
    "regional_endpoint_uplift_multiplier",
];

/// By threshold in thousands of tokens; none is zero.
type ByLength = BTreeMap<u64, TierRates>;

/// Every field that is one figure.
pub(super) fn read(entry: &mut Entry<'_>) -> Result<(), Error> {
    let mut lengths = ByLength::new();
    let mut given = Vec::new();
    for (name, raw) in entry.fields.iter().filter(|(name, _)| !ELSEWHERE.contains(&name.as_str())) {
        if !bears_cost(name) || raw.get() == "null" {
            continue;
        }
        if name == "web_search_billing_unit" && raw.get() == "\"per_query\"" {
            continue; // as our meter counts them
        }
        // An older name of the rate of cache reads, which their calculator does not read.
        if name == "input_cost_per_token_cache_hit" && is_cached_rate(entry.fields, raw)? {
            continue;
        }
        let Some(field) = CostField::named(name, &entry.mode) else {
            entry.miss(name.as_str());
            continue;
        };
        let rate = field.rate(&Json::of(raw)?).map_err(|problem| entry.wrong(name, problem))?;
        let rates = lengths.entry(field.above_k.unwrap_or(0)).or_default();
        // Of two fields for one meter, as an older name beside a newer, the first stays.
        match rates.of(field.tier).get(field.meter) {
            Some(other) if other != rate => entry.miss(name.as_str()),
            Some(_) => {}
            None => rates.change(field.tier, |rates| rates.set(field.meter, Some(rate))),
        }
        given.push((name, field));
    }
    thresholds(entry, lengths, given);
    images(entry);
    reasoning(entry);
    Ok(())
}

/// Whether that figure is the entry's rate of cache reads once more.
fn is_cached_rate(fields: &Map<'_>, raw: &RawValue) -> Result<bool, Error> {
    let Some(cached) = get(fields, "cache_read_input_token_cost")? else { return Ok(false) };
    Ok(cached.figure(6).ok() == Json::of(raw)?.figure(6).ok())
}

/// Makes bands of the thresholds at which the input has a rate, and lists what is priced at others.
fn thresholds(entry: &mut Entry<'_>, mut lengths: ByLength, given: Vec<(&String, CostField)>) {
    entry.row.rates = lengths.remove(&0).unwrap_or_default();
    lengths.retain(|_, rates| rates.of(ServiceTier::Standard).get(Meter::Input).is_some());
    for (name, field) in given {
        if field.above_k.is_some_and(|k| !lengths.contains_key(&k)) {
            entry.miss(name.as_str());
        }
    }
    let begins = if entry.provider == "xai" { Band::from } else { Band::above };
    entry.row.bands.extend(lengths.into_iter().map(|(k, rates)| begins(k.saturating_mul(1_000), rates)));
}

/// Where nothing else is priced of a maker of images, that is an image made; where output has no rate, its images have.
fn images(entry: &mut Entry<'_>) {
    let makes = matches!(entry.mode.as_str(), "image_generation" | "image_edit");
    entry.row.rates.change(ServiceTier::Standard, |rates| {
        if makes && rates.iter().all(|(meter, _)| meter == Meter::ImageIn) {
            rates.set(Meter::ImageOut, rates.get(Meter::ImageIn));
            rates.set(Meter::ImageIn, None);
        }
        if rates.get(Meter::Output).is_none() {
            rates.set(Meter::Output, rates.get(Meter::OutputImage));
        }
    });
}

/// Writes down what reasoning costs at every length and tier, where it has a rate of its own.
fn reasoning(entry: &mut Entry<'_>) {
    let standard = entry.standard().get(Meter::Reasoning);
    let row = &mut entry.row;
    for (tier, rates) in row.rates.clone().iter() {
        let output = rates.get(Meter::Output);
        let prices_output = tier != ServiceTier::Standard && output.is_some();
        // The tier's own rate; else its output's, whatever that is at each length; else the standard rate.
        let own = rates.get(Meter::Reasoning).or(standard.filter(|_| !prices_output));
        if own.is_some() {
            row.rates.change(tier, |rates| rates.set(Meter::Reasoning, own));
        } else if standard.is_none() {
            continue;
        }
        for band in &mut row.bands {
            let of = |tier| band.rates.of(tier).get(Meter::Output);
            let rate = own.or(of(tier)).or(of(ServiceTier::Standard)).or(output);
            band.rates.change(tier, |rates| rates.set(Meter::Reasoning, rate));
        }
    }
}
