//! What does LiteLLM's table say about each model?
//!
//! As its own calculator reads it: a threshold is a cliff for the whole request,
//! above it (at xAI from it on) and only where the input has a rate there; range
//! tiers stand in place of all flat rates; off-peak rates in place of those; a
//! reasoning rate, where there is one, holds at every length.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use compact_str::CompactString;
use rust_decimal::Decimal;

use super::json::{Json, Map, get};
use super::litellm_fields::{CostField, bears_cost};
use super::{Import, ImportReport, unreadable};
use crate::pricing::extras::{Allowance, SearchRates};
use crate::pricing::matching::canonical_provider;
use crate::pricing::names::{Name, check_name};
use crate::pricing::rates::Rates;
use crate::pricing::row::{Band, PriceRow};
use crate::pricing::windows::TimeRates;
use crate::{Error, Meter, Region, ServiceTier};

/// Entries that are read; the largest real table has 4,552.
const ENTRIES_MAX: usize = 18_000;

pub(super) fn read(entries: &Map<'_>) -> Result<Import, Error> {
    if entries.len() > ENTRIES_MAX {
        return Err(unreadable(format!("more than {ENTRIES_MAX} entries")));
    }
    let mut import = Import::default();
    let mut found = Vec::new();
    for (key, raw) in entries {
        let Json::Map(fields) = Json::of(raw)? else {
            return Err(wrong(key, "", "is no object"));
        };
        let Some(provider) =
            get(&fields, "litellm_provider")?.and_then(|json| json.text().map(str::to_owned))
        else {
            import.report.skip(key, "names no provider");
            continue;
        };
        if key == "sample_spec" {
            import.report.skip(key, "explains the table");
            continue;
        }
        check_name("litellm_provider", &provider).map_err(|error| wrong(key, "", error))?;
        check_name("key", key).map_err(|error| wrong(key, "", error))?;
        if let Some(row) = Entry::read(key, &provider, &fields, &mut import.report)? {
            found.push((key, provider, row));
        }
    }
    name(&mut import, found);
    import.report.rows = import.rows.len();
    import.report.models = import.rows.len();
    Ok(import)
}

/// Gives each model the shortest name that is its own: without the provider in front where nobody else has that.
fn name(import: &mut Import, found: Vec<(&String, String, PriceRow)>) {
    let bare = |key: &str, provider: &str| -> Option<CompactString> {
        let (prefix, rest) = key.split_once('/')?;
        let same = canonical_provider(prefix) == canonical_provider(provider);
        (same && !rest.is_empty()).then(|| rest.into())
    };
    let mut taken: HashSet<(CompactString, CompactString)> = HashSet::new();
    // A whole key is nobody else's short name: `a/a/model` may stand beside `a/model`.
    for (key, provider, _) in &found {
        taken.insert((canonical_provider(provider).into(), key.as_str().into()));
    }
    for (key, provider, mut row) in found {
        let seller = CompactString::from(canonical_provider(&provider));
        if let Some(short) = bare(key, &provider) {
            let free = taken.insert((seller.clone(), short.clone()));
            row.model = if free { short } else { key.into() };
            let model = Name { provider: seller, model: row.model.clone() };
            import.aliases.push((key.into(), model));
        }
        import.rows.push(row);
    }
}

fn wrong(entry: &str, field: &str, problem: impl std::fmt::Display) -> Error {
    let entry: String = entry.chars().take(80).collect();
    let dot = if field.is_empty() { "" } else { ": " };
    unreadable(format!("{entry:?}{dot}{field}: {problem}"))
}

/// Rates of one length of input, by tier.
type ByTier = BTreeMap<ServiceTier, Rates>;

/// One entry, taken apart.
struct Entry<'a> {
    key: &'a str,
    mode: String,
    /// By threshold in thousands of tokens; none is zero.
    rates: BTreeMap<u64, ByTier>,
    row: PriceRow,
}

impl<'a> Entry<'a> {
    fn read(
        key: &'a str,
        provider: &str,
        fields: &Map<'_>,
        report: &mut ImportReport,
    ) -> Result<Option<PriceRow>, Error> {
        let mode = get(fields, "mode")?.and_then(|json| json.text().map(str::to_owned)).unwrap_or_default();
        let row = PriceRow::new(provider, key).completely();
        let mut entry = Self { key, mode, rates: BTreeMap::new(), row };
        let given = entry.flat(fields, report)?;
        entry.limits(fields)?;
        entry.thresholds(provider, given, report);
        entry.tiered(fields, report)?;
        entry.multipliers(fields, report)?;
        entry.searches(fields, report)?;
        entry.off_peak(fields, report)?;
        let row = entry.row;
        let none = ServiceTier::ALL.into_iter().all(|tier| row.rates(tier).is_empty());
        if none && row.bands.is_empty() {
            report.skip(key, "has no price that is understood");
            return Ok(None);
        }
        Ok(Some(row))
    }

    /// Every field that is one figure; which names were given.
    fn flat(
        &mut self,
        fields: &Map<'_>,
        report: &mut ImportReport,
    ) -> Result<Vec<(String, CostField)>, Error> {
        const HANDLED: [&str; 8] = [
            "tiered_pricing",
            "off_peak_pricing",
            "search_context_cost_per_query",
            "search_free_requests",
            "provider_specific_entry",
            "regional_processing_uplift_multiplier_eu",
            "regional_processing_uplift_multiplier_us",
            "regional_endpoint_uplift_multiplier",
        ];
        let mut given = Vec::new();
        for (name, raw) in fields.iter().filter(|(name, _)| !HANDLED.contains(&name.as_str())) {
            if !bears_cost(name) || raw.get() == "null" {
                continue;
            }
            if name == "web_search_billing_unit" && raw.get() == "\"per_query\"" {
                continue; // as our meter counts them
            }
            let Some(field) = CostField::named(name, &self.mode) else {
                report.miss(self.key, name.as_str());
                continue;
            };
            let rate = field.rate(&Json::of(raw)?).map_err(|problem| wrong(self.key, name, problem))?;
            let rates =
                self.rates.entry(field.above_k.unwrap_or(0)).or_default().entry(field.tier).or_default();
            // Of two fields for one meter, as an older name beside a newer, the first stays.
            match rates.get(field.meter) {
                Some(other) if other != rate => report.miss(self.key, name.as_str()),
                Some(_) => {}
                None => rates.set(field.meter, Some(rate)),
            }
            given.push((name.clone(), field));
        }
        Ok(given)
    }

    fn limits(&mut self, fields: &Map<'_>) -> Result<(), Error> {
        let count = |name: &str| get(fields, name).map(|json| json.and_then(|json| json.count()));
        self.row.context_tokens = count("max_input_tokens")?.filter(|tokens| *tokens > 0);
        let silent = matches!(self.mode.as_str(), "embedding" | "rerank" | "moderation");
        let output = count("max_output_tokens")?.filter(|tokens| *tokens > 0);
        self.row.output_tokens_max = if silent { Some(0) } else { output };
        Ok(())
    }

    /// Makes bands of the thresholds at which the input has a rate, and lists what is priced at others.
    fn thresholds(&mut self, provider: &str, given: Vec<(String, CostField)>, report: &mut ImportReport) {
        let is_edge = |rates: &ByTier| {
            rates.get(&ServiceTier::Standard).is_some_and(|rates| rates.get(Meter::Input).is_some())
        };
        let edges: BTreeSet<u64> =
            self.rates.iter().filter(|(k, rates)| **k > 0 && is_edge(rates)).map(|(k, _)| *k).collect();
        for (name, field) in given {
            if field.above_k.is_some_and(|k| !edges.contains(&k)) {
                report.miss(self.key, name);
            }
        }
        let base = self.rates.remove(&0).unwrap_or_default();
        for (tier, rates) in &base {
            *self.row.rates_mut(*tier) = rates.clone();
        }
        let images = self.row.standard.get(Meter::OutputImage);
        if self.row.standard.get(Meter::Output).is_none() && images.is_some() {
            self.row.standard.set(Meter::Output, images);
        }
        for (k, rates) in std::mem::take(&mut self.rates) {
            if !edges.contains(&k) {
                continue;
            }
            let tokens = k.saturating_mul(1_000);
            let mut band = Band::default();
            if provider == "xai" {
                band.from_input_tokens = Some(tokens);
            } else {
                band.above_input_tokens = Some(tokens);
            }
            for (tier, rates) in rates {
                *band.rates_mut(tier) = rates;
            }
            self.row.bands.push(band);
        }
        self.reasoning();
    }

    /// Writes down what reasoning costs at every length and tier, where it has a rate of its own.
    fn reasoning(&mut self) {
        let of = |row: &PriceRow, tier: ServiceTier, meter: Meter| row.rates(tier).get(meter);
        let standard = of(&self.row, ServiceTier::Standard, Meter::Reasoning);
        let tiers: Vec<_> =
            ServiceTier::ALL.into_iter().filter(|tier| !self.row.rates(*tier).is_empty()).collect();
        for tier in tiers {
            // The tier's own rate; else its output's, whatever that is at each length; else the standard rate.
            let own = of(&self.row, tier, Meter::Reasoning);
            let priced = tier != ServiceTier::Standard && of(&self.row, tier, Meter::Output).is_some();
            if own.is_none() && (standard.is_none() || priced) {
                let of_tier = of(&self.row, tier, Meter::Output);
                for band in &mut self.row.bands {
                    let output = band.rates(tier).get(Meter::Output).or(band.standard.get(Meter::Output));
                    let output = output.or(of_tier);
                    if standard.is_some() {
                        band.rates_mut(tier).set(Meter::Reasoning, output);
                    }
                }
                continue;
            }
            let rate = own.or(standard);
            self.row.rates_mut(tier).set(Meter::Reasoning, rate);
            for band in &mut self.row.bands {
                band.rates_mut(tier).set(Meter::Reasoning, rate);
            }
        }
    }

    /// Ranges of the input's length, which price the whole request in place of the flat rates.
    fn tiered(&mut self, fields: &Map<'_>, report: &mut ImportReport) -> Result<(), Error> {
        let Some(Json::List(items)) = get(fields, "tiered_pricing")? else { return Ok(()) };
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
            for (name, raw) in tier.iter().filter(|(name, _)| bears_cost(name)) {
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
        if tiers.is_empty() || !priced {
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

    fn multipliers(&mut self, fields: &Map<'_>, report: &mut ImportReport) -> Result<(), Error> {
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
        if let Some(Json::Map(specific)) = get(fields, "provider_specific_entry")? {
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

    fn searches(&mut self, fields: &Map<'_>, report: &mut ImportReport) -> Result<(), Error> {
        let name = "search_context_cost_per_query";
        if let Some(Json::Map(sizes)) = get(fields, name)? {
            let mut fees = SearchRates::default();
            for (size, raw) in &sizes {
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
        if let Some(Json::Map(free)) = get(fields, "search_free_requests")? {
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

    fn off_peak(&mut self, fields: &Map<'_>, report: &mut ImportReport) -> Result<(), Error> {
        let Some(Json::Map(block)) = get(fields, "off_peak_pricing")? else { return Ok(()) };
        let mut rates = Rates::new();
        for (name, raw) in block.iter().filter(|(name, _)| bears_cost(name)) {
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
        Ok(())
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
