//! When does an entry of LiteLLM's table cost something else: by range, region, search and time?

use std::collections::BTreeSet;

use compact_str::CompactString;
use rust_decimal::Decimal;

use super::ImportReport;
use super::json::{Json, Map, get};
use super::litellm::wrong;
use super::litellm_entry::Entry;
use super::litellm_fields::{CostField, bears_cost};
use crate::Error;
use crate::pricing::band::Band;
use crate::pricing::extras::{Allowance, SearchRates};
use crate::pricing::rates::Rates;
use crate::pricing::windows::TimeRates;
use crate::values::{Meter, Region, ServiceTier};

impl Entry<'_> {
    /// Ranges of the input's length, which price the whole request in place of the flat rates.
    pub(super) fn tiered(&mut self, fields: &Map<'_>, report: &mut ImportReport) -> Result<(), Error> {
        let items = match get(fields, "tiered_pricing")? {
            Some(Json::List(items)) => items,
            Some(_) => return Err(wrong(self.key, "tiered_pricing", "is no list")),
            None => return Ok(()),
        };
        let mut tiers = Vec::new();
        for (raw, at) in items.into_iter().zip(0_usize..) {
            let Json::Map(tier) = Json::of(raw)? else {
                return Err(wrong(self.key, "tiered_pricing", "has something else than objects"));
            };
            let Some(range) = range(&tier)? else {
                report.miss(self.key, format!("tiered_pricing[{at}]"));
                continue;
            };
            let mut rates = Rates::new();
            for (name, raw) in tier.iter().filter(|(name, raw)| bears_cost(name) && raw.get() != "null") {
                let place = format!("tiered_pricing[{at}].{name}");
                match CostField::named(name, &self.mode) {
                    Some(field) if field.tier == ServiceTier::Standard && field.above_k.is_none() => {
                        let rate = field.rate(&Json::of(raw)?);
                        rates.set(
                            field.meter,
                            Some(rate.map_err(|problem| wrong(self.key, &place, problem))?),
                        );
                    }
                    _ => report.miss(self.key, place),
                }
            }
            tiers.push((range, self.filled(rates)));
        }
        let priced = tiers.iter().all(|(_, rates)| rates.get(Meter::Input).is_some());
        if tiers.is_empty() {
            return Ok(());
        }
        if !priced {
            report.miss(self.key, "tiered_pricing without a rate for input");
            return Ok(());
        }
        tiers.sort_by_key(|((start, _), _)| *start);
        self.ranges(&tiers, report);
        Ok(())
    }

    /// A range's rates, with what they do not name taken from themselves and not from another range.
    fn filled(&self, mut rates: Rates) -> Rates {
        let input = rates.get(Meter::Input);
        let output = rates.get(Meter::Output).or(self.row.standard.get(Meter::Output));
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
    fn ranges(&mut self, tiers: &[((u64, u64), Rates)], report: &mut ImportReport) {
        let at = |tokens: u64| {
            let inside = tiers.iter().find(|((start, end), _)| *start < tokens && tokens <= *end);
            inside.or(tiers.last()).map(|(_, rates)| rates.clone()).unwrap_or_default()
        };
        for tier in ServiceTier::ALL.into_iter().skip(1) {
            if !self.row.rates(tier).is_empty() {
                report.miss(self.key, format!("tiered_pricing beside rates for {}", tier.name()));
            }
        }
        self.row.bands.clear();
        let edges: BTreeSet<u64> =
            tiers.iter().flat_map(|((start, end), _)| [*start, *end]).filter(|edge| *edge > 0).collect();
        self.row.standard = at(1).over(&self.row.standard);
        let mut before = at(1);
        for edge in edges {
            let rates = at(edge.saturating_add(1));
            if rates != before {
                before.clone_from(&rates);
                self.row.bands.push(Band {
                    above_input_tokens: Some(edge),
                    standard: rates,
                    ..Band::default()
                });
            }
        }
    }

    pub(super) fn multipliers(&mut self, fields: &Map<'_>, report: &mut ImportReport) -> Result<(), Error> {
        let factor =
            |name: &str, json: &Json<'_>| json.figure(0).map_err(|problem| wrong(self.key, name, problem));
        let mut regions: Vec<(Region, Decimal, String)> = Vec::new();
        for (name, places) in [
            ("regional_processing_uplift_multiplier_us", &[Region::Us][..]),
            ("regional_processing_uplift_multiplier_eu", &[Region::Eu][..]),
            ("regional_endpoint_uplift_multiplier", &[Region::Us, Region::Eu, Region::Other][..]),
        ] {
            if let Some(json) = get(fields, name)? {
                let factor = factor(name, &json)?;
                regions.extend(places.iter().map(|region| (*region, factor, name.to_owned())));
            }
        }
        let mut fast = None;
        if let Some(specific) = self.object(fields, "provider_specific_entry")? {
            for (name, raw) in &specific {
                let place = format!("provider_specific_entry.{name}");
                match (name.as_str(), Json::of(raw)?) {
                    ("us", json @ Json::Number(_)) => {
                        regions.push((Region::Us, factor(&place, &json)?, place))
                    }
                    ("eu", json @ Json::Number(_)) => {
                        regions.push((Region::Eu, factor(&place, &json)?, place))
                    }
                    ("fast", json @ Json::Number(_)) => fast = Some(factor(&place, &json)?),
                    _ => report.miss(self.key, place),
                }
            }
        }
        self.row.fast_factor = fast;
        for (region, factor, name) in regions {
            match self.row.region_factors.get(region) {
                Some(other) if other != factor => report.miss(self.key, name),
                _ => self.row.region_factors.set(region, Some(factor)),
            }
        }
        Ok(())
    }

    pub(super) fn searches(&mut self, fields: &Map<'_>, report: &mut ImportReport) -> Result<(), Error> {
        let name = "search_context_cost_per_query";
        if let Some(sizes) = self.object(fields, name)? {
            let mut fees = SearchRates::default();
            for (size, raw) in sizes.iter().filter(|(_, raw)| raw.get() != "null") {
                let slot = match size.as_str() {
                    "search_context_size_low" => &mut fees.low,
                    "search_context_size_medium" => &mut fees.medium,
                    "search_context_size_high" => &mut fees.high,
                    _ => {
                        report.miss(self.key, format!("{name}.{size}"));
                        continue;
                    }
                };
                *slot = Some(Json::of(raw)?.figure(0).map_err(|problem| wrong(self.key, name, problem))?);
            }
            let dearest = [fees.low, fees.medium, fees.high].into_iter().flatten().max();
            let one = fees.low == fees.medium && fees.medium == fees.high;
            self.row.standard.set(Meter::WebSearch, fees.medium.or(dearest));
            self.row.search_context = (!one).then_some(fees);
        }
        if let Some(free) = self.object(fields, "search_free_requests")? {
            let text = |name: &str| {
                get(&free, name).map(|json| json.and_then(|json| json.text().map(str::to_owned)))
            };
            let count = get(&free, "count")?.and_then(|json| json.count());
            match (count, text("period")?) {
                (Some(count), Some(period)) => {
                    let mut allowance = Allowance::new(Meter::WebSearch, count, period);
                    allowance.shared_group = text("shared_group")?.map(CompactString::from);
                    self.row.allowances.push(allowance);
                }
                _ => report.miss(self.key, "search_free_requests"),
            }
        }
        Ok(())
    }

    pub(super) fn off_peak(&mut self, fields: &Map<'_>, report: &mut ImportReport) -> Result<(), Error> {
        let Some(block) = self.object(fields, "off_peak_pricing")? else { return Ok(()) };
        let mut rates = Rates::new();
        for (name, raw) in block.iter().filter(|(name, raw)| bears_cost(name) && raw.get() != "null") {
            let place = format!("off_peak_pricing.{name}");
            match CostField::named(name, &self.mode) {
                Some(field) if field.tier == ServiceTier::Standard && field.above_k.is_none() => {
                    let rate =
                        field.rate(&Json::of(raw)?).map_err(|problem| wrong(self.key, &place, problem))?;
                    rates.set(field.meter, Some(rate));
                }
                _ => report.miss(self.key, place),
            }
        }
        let reasoning = rates.get(Meter::Reasoning).or(self.row.standard.get(Meter::Reasoning));
        rates.set(Meter::Reasoning, reasoning);
        let zone = get(&block, "weekday_timezone")?.and_then(|json| json.text().map(str::to_owned));
        let mut rules = vec![block.clone()];
        if let Some(Json::List(windows)) = get(&block, "windows")? {
            for raw in windows {
                match Json::of(raw)? {
                    Json::Map(rule) => rules.push(rule),
                    _ => {
                        return Err(wrong(
                            self.key,
                            "off_peak_pricing.windows",
                            "has something else than objects",
                        ));
                    }
                }
            }
        }
        for rule in rules {
            let Some(hours) = texts(&rule, "hours_utc")? else { continue };
            let mut times = TimeRates::daily(hours, rates.clone());
            if let Some(days) = weekdays(&rule)? {
                times = times.on_weekdays(days, zone.as_deref().unwrap_or("UTC"));
            }
            times.windows().map_err(|error| wrong(self.key, "off_peak_pricing", error))?;
            self.row.times.push(times);
        }
        if self.row.times.is_empty() {
            report.miss(self.key, "off_peak_pricing without hours");
        }
        Ok(())
    }

    /// A field that is an object, where there is one.
    fn object<'f>(&self, fields: &Map<'f>, name: &str) -> Result<Option<Map<'f>>, Error> {
        match get(fields, name)? {
            Some(Json::Map(map)) => Ok(Some(map)),
            Some(_) => Err(wrong(self.key, name, "is no object")),
            None => Ok(None),
        }
    }
}

/// The two ends of a range of input tokens.
fn range(tier: &Map<'_>) -> Result<Option<(u64, u64)>, Error> {
    let Some(Json::List(ends)) = get(tier, "range")? else { return Ok(None) };
    let ends =
        ends.into_iter().map(|raw| Json::of(raw).map(|json| json.count())).collect::<Result<Vec<_>, _>>()?;
    Ok(match ends.as_slice() {
        [Some(start), Some(end)] if start < end => Some((*start, *end)),
        _ => None,
    })
}

/// One text, or a list of them.
fn texts(map: &Map<'_>, name: &str) -> Result<Option<Vec<String>>, Error> {
    let list = match get(map, name)? {
        Some(Json::Text(text)) => return Ok(Some(vec![text])),
        Some(Json::List(list)) => list,
        _ => return Ok(None),
    };
    list.into_iter().map(|raw| Ok(Json::of(raw)?.text().map(str::to_owned))).collect()
}

/// Days as numbers from Monday, or by their English names; a word that is no day is day 0, which nothing accepts.
fn weekdays(rule: &Map<'_>) -> Result<Option<Vec<u8>>, Error> {
    const NAMES: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    let Some(Json::List(days)) = get(rule, "weekdays")? else { return Ok(None) };
    let day = |raw| {
        let json = Json::of(raw)?;
        let named = json.text().map(|word| word.trim().to_lowercase()).and_then(|word| {
            let at = NAMES.iter().position(|name| word.starts_with(name))?;
            u64::try_from(at).ok()?.checked_add(1)
        });
        Ok(json.count().or(named).and_then(|day| u8::try_from(day).ok()).unwrap_or(0))
    };
    days.into_iter().map(day).collect::<Result<Vec<u8>, Error>>().map(Some)
}
