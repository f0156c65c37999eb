//! What else does an entry of LiteLLM's table say of a price: places, a fast mode, searches?
//!
//! The same figure may stand in two fields, an older and a newer. Two that agree are
//! one; of two that differ the first is taken and the second listed as not understood,
//! since nobody here can know which of them is the price.

use rust_decimal::Decimal;

use super::entry::Entry;
use crate::Error;
use crate::pricing::extras::{Allowance, SearchRates};
use crate::pricing::import::json::{Json, count, get, text};
use crate::pricing::tiers::Factored;
use crate::values::{Meter, Region, SearchContext, ServiceTier, ShortText};

/// Where a request is dearer, and by how much a faster answer is.
pub(super) fn multipliers(entry: &mut Entry<'_>) -> Result<(), Error> {
    let mut regions: Vec<(Region, Decimal, String)> = Vec::new();
    for (name, places) in [
        ("regional_processing_uplift_multiplier_us", &[Region::Us][..]),
        ("regional_processing_uplift_multiplier_eu", &[Region::Eu][..]),
        ("regional_endpoint_uplift_multiplier", &[Region::Us, Region::Eu, Region::Other][..]),
    ] {
        if let Some(json) = get(entry.fields, name)? {
            let factor = json.figure(0).map_err(|problem| entry.wrong(name, problem))?;
            regions.extend(places.iter().map(|region| (*region, factor, name.to_owned())));
        }
    }
    for (name, raw) in &entry.object("provider_specific_entry")?.unwrap_or_default() {
        let place = format!("provider_specific_entry.{name}");
        let json = Json::of(raw)?;
        if !matches!((name.as_str(), &json), ("us" | "eu" | "fast", Json::Number(_))) {
            entry.miss(place);
            continue;
        }
        let factor = json.figure(0).map_err(|problem| entry.wrong(&place, problem))?;
        match name.as_str() {
            "fast" => entry.row.tier_factors.set(Factored(ServiceTier::Fast), Some(factor)),
            region => regions.push((Region::named(region), factor, place)),
        }
    }
    for (region, factor, name) in regions {
        match entry.row.region_factors.get(region) {
            Some(other) if *other != factor => entry.miss(name),
            _ => entry.row.region_factors.set(region, Some(factor)),
        }
    }
    Ok(())
}

/// Fees of a search by its size, and how many are free.
pub(super) fn searches(entry: &mut Entry<'_>) -> Result<(), Error> {
    let name = "search_context_cost_per_query";
    if let Some(sizes) = entry.object(name)? {
        let mut fees = SearchRates::EMPTY;
        for (word, raw) in sizes.iter().filter(|(_, raw)| raw.get() != "null") {
            let size = match word.as_str() {
                "search_context_size_low" => SearchContext::Low,
                "search_context_size_medium" => SearchContext::Medium,
                "search_context_size_high" => SearchContext::High,
                _ => {
                    entry.miss(format!("{name}.{word}"));
                    continue;
                }
            };
            let fee = Json::of(raw)?.figure(0).map_err(|problem| entry.wrong(name, problem))?;
            fees.set(size, Some(fee));
        }
        let dearest = fees.iter().map(|(_, fee)| *fee).max();
        let [low, medium, high] = [SearchContext::Low, SearchContext::Medium, SearchContext::High]
            .map(|size| fees.get(size).copied());
        let one = low == medium && medium == high;
        entry
            .row
            .rates
            .change(ServiceTier::Standard, |rates| rates.set(Meter::WebSearch, medium.or(dearest)));
        entry.row.search_context = (!one).then_some(fees);
    }
    if let Some(free) = entry.object("search_free_requests")? {
        match (count(&free, "count")?, text(&free, "period")?) {
            (Some(count), Some(period)) => {
                let mut allowance = Allowance::new(Meter::WebSearch, count, period);
                allowance.shared_group = text(&free, "shared_group")?.map(ShortText::from);
                entry.row.allowances.push(allowance);
            }
            _ => entry.miss("search_free_requests"),
        }
    }
    Ok(())
}
