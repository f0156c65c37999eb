//! What do genai-prices' data say about each model?
//!
//! As its own calculator reads it: of conditional prices the last one active
//! holds, whole; a variant for a context replaces single prices of it, the first
//! that names one; tiers are cliffs on the whole input.

use std::collections::{BTreeMap, BTreeSet};

use compact_str::CompactString;
use rust_decimal::Decimal;

use super::genai_units::{Tiered, named};
use super::json::{Json, Map, get};
use super::{Import, ImportReport, unreadable};
use crate::Error;
use crate::pricing::band::Band;
use crate::pricing::clause::Clause;
use crate::pricing::names::{Name, check_name};
use crate::pricing::rates::Rates;
use crate::pricing::row::PriceRow;
use crate::pricing::windows::{TimeRates, time_of_day};
use crate::pricing::{families, reasons};
use crate::values::{Meter, Region, SearchContext, ServiceTier, Timestamp};

/// Models that are read; the largest real file has 2,330.
const MODELS_MAX: usize = 10_000;
/// Clauses inside clauses.
const CLAUSE_DEPTH_MAX: usize = 8;
const DAY: i64 = 86_400;

type Prices = BTreeMap<Meter, Tiered>;

pub(super) fn read(providers: &[&serde_json::value::RawValue]) -> Result<Import, Error> {
    let mut import = Import::default();
    let mut count = 0_usize;
    for raw in providers {
        let Json::Map(provider) = Json::of(raw)? else {
            return Err(unreadable("has something else than providers"));
        };
        let Some(id) = text(&provider, "id")? else { return Err(unreadable("has a provider without an id")) };
        check_name("provider", &id).map_err(|error| wrong(&id, error))?;
        if get(&provider, "fallback_model_providers")?.is_some() {
            // Another seller's price is no price of this one.
            import.report.miss(&id, "fallback_model_providers");
        }
        let Some(Json::List(models)) = get(&provider, "models")? else {
            return Err(wrong(&id, "has no list of models"));
        };
        count = count.saturating_add(models.len());
        if count > MODELS_MAX {
            return Err(unreadable(format!("more than {MODELS_MAX} models")));
        }
        let mut said = Vec::new();
        for raw in models {
            let Json::Map(fields) = Json::of(raw)? else {
                return Err(wrong(&id, "has something else than models"));
            };
            said.extend(model(&id, &fields, &mut import)?);
        }
        names(&id, said, &mut import);
    }
    import.report.rows = import.rows.len();
    Ok(import)
}

fn wrong(entry: &str, problem: impl std::fmt::Display) -> Error {
    unreadable(format!("{:?}: {problem}", entry.chars().take(120).collect::<String>()))
}

fn text(map: &Map<'_>, name: &str) -> Result<Option<String>, Error> {
    Ok(get(map, name)?.and_then(|json| json.text().map(str::to_owned)))
}

/// Reads one model into rows; the clause by which it is known.
fn model(provider: &str, fields: &Map<'_>, import: &mut Import) -> Result<Option<(Clause, Name)>, Error> {
    let Some(id) = text(fields, "id")? else { return Err(wrong(provider, "has a model without an id")) };
    let entry = format!("{provider}/{id}");
    check_name("model", &id).map_err(|error| wrong(&entry, error))?;
    let prices = Conditional::list(&entry, fields, &mut import.report)?;
    let variants = Variant::list(&entry, fields, &mut import.report)?;
    let context = get(fields, "context_window")?.and_then(|json| json.count()).filter(|tokens| *tokens > 0);
    let dates = prices.iter().filter_map(|price| price.from);
    let dates: BTreeSet<Timestamp> =
        dates.chain(variants.iter().filter_map(|variant| variant.from)).collect();
    let mut rows = Vec::new();
    let starts = std::iter::once(None).chain(dates.iter().copied().map(Some));
    for (from, until) in starts.zip(dates.iter().copied().map(Some).chain(std::iter::once(None))) {
        let Some((standard, timed)) = in_force(&prices, from) else { continue };
        let mut row = PriceRow::new(provider, id.as_str()).completely();
        (row.from, row.until, row.context_tokens) = (from, until, context);
        row.reasoning = reasons::reasoning(&id);
        row.unseen_tokens_per_second = families::tokens_per_second(provider);
        fill(&mut row, standard, &variants);
        elsewhere(&entry, &mut row, standard, &variants, &mut import.report);
        times(&entry, &mut row, &timed, &mut import.report);
        if !row.charges() {
            row.free = families::is_free(provider, &id, "");
            row.unknown = !row.free;
        }
        if provider == "groq" && id.starts_with("whisper-large-v3") {
            row = row.with_minimum(Meter::AudioInMs, 10_000);
        }
        rows.push(row);
    }
    let silent = prices.iter().all(|price| price.prices.is_empty());
    if silent && import.report.has_gaps(&entry) {
        rows.clear();
    } else if silent {
        // It may be free, or no longer sold: nobody is refused its zero, and nobody is told that it is known.
        import.report.miss(&entry, "prices, of which there are none");
    }
    if rows.is_empty() {
        import.report.skip(&entry, "has no price that is understood");
        return Ok(None);
    }
    import.rows.extend(rows);
    import.report.models = import.report.models.saturating_add(1);
    let name = Name { provider: provider.into(), model: id.as_str().into() };
    let clause = match get(fields, "match")? {
        Some(json) => clause(&json, CLAUSE_DEPTH_MAX)?,
        None => None,
    };
    if clause.is_none() {
        import.report.miss(&entry, "match");
    }
    Ok(clause.map(|clause| (clause, name)))
}

/// Keeps full names apart from clauses; each belongs to the first model that it fits.
fn names(provider: &str, said: Vec<(Clause, Name)>, import: &mut Import) {
    let first = |name: &str| said.iter().find(|(clause, _)| clause.holds(name)).map(|(_, model)| model);
    let mut listed = Vec::new();
    for (clause, model) in &said {
        clause.names(&mut listed);
        let lower = model.model.to_lowercase();
        if let Some(first) = first(&lower) {
            import.aliases.push((lower, first.clone()));
        }
    }
    for name in listed {
        if let Some(model) = first(name) {
            import.aliases.push((name.into(), model.clone()));
        }
    }
    let clauses = said.into_iter().filter(|(clause, _)| !clause.is_list()).collect();
    import.clauses.push((provider.into(), clauses));
}

/// A condition on a name; none where it cannot be understood.
fn clause(json: &Json<'_>, depth: usize) -> Result<Option<Clause>, Error> {
    let Json::Map(map) = json else { return Ok(None) };
    let ([(kind, raw)], Some(below)) = (map.as_slice(), depth.checked_sub(1)) else { return Ok(None) };
    let json = Json::of(raw)?;
    let lower = || json.text().map(|text| CompactString::from(text.to_lowercase()));
    let each = || -> Result<Option<Vec<Clause>>, Error> {
        let Json::List(items) = &json else { return Ok(None) };
        items.iter().map(|raw| clause(&Json::of(raw)?, below)).collect()
    };
    Ok(match kind.as_str() {
        "equals" => lower().map(Clause::Equals),
        "starts_with" => lower().map(Clause::StartsWith),
        "ends_with" => lower().map(Clause::EndsWith),
        "contains" => lower().map(Clause::Contains),
        "regex" => json.text().and_then(Clause::pattern),
        "or" => each()?.map(Clause::Any),
        "and" => each()?.map(Clause::All),
        _ => None,
    })
}

/// A price with the time at which it holds.
#[derive(Debug)]
struct Conditional {
    from: Option<Timestamp>,
    /// First second of the day in UTC and the one after the last.
    daily: Option<(i64, i64)>,
    prices: Prices,
}

impl Conditional {
    fn list(entry: &str, fields: &Map<'_>, report: &mut ImportReport) -> Result<Vec<Self>, Error> {
        let items = match get(fields, "prices")? {
            Some(Json::Map(map)) => {
                let prices = prices(entry, "prices", &map, report)?;
                return Ok(vec![Self { from: None, daily: None, prices }]);
            }
            Some(Json::List(items)) => items,
            _ => return Err(wrong(entry, "has no prices")),
        };
        let mut list = Vec::new();
        for (raw, at) in items.into_iter().zip(0_usize..) {
            let Json::Map(item) = Json::of(raw)? else { return Err(wrong(entry, "prices: is no object")) };
            let place = format!("prices[{at}]");
            let Some(Json::Map(map)) = get(&item, "prices")? else {
                return Err(wrong(entry, format_args!("{place}: has no prices")));
            };
            let (from, daily) = constraint(entry, &place, &item)?;
            list.push(Self { from, daily, prices: prices(entry, &place, &map, report)? });
        }
        Ok(list)
    }
}

/// Prices that replace others in one context.
#[derive(Debug)]
struct Variant {
    from: Option<Timestamp>,
    context: Context,
    prices: Prices,
}

/// What a variant's context means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Context {
    Tier(ServiceTier),
    /// Perplexity's `search_type`: another fee for each search.
    Search(SearchContext),
    /// `OpenRouter`'s `route`, `mistral/eu`: the seller behind it, and where it runs.
    Region(Region),
}

impl Variant {
    fn list(entry: &str, fields: &Map<'_>, report: &mut ImportReport) -> Result<Vec<Self>, Error> {
        let Some(Json::List(items)) = get(fields, "price_variants")? else { return Ok(Vec::new()) };
        let mut list = Vec::new();
        for (raw, at) in items.into_iter().zip(0_usize..) {
            let Json::Map(item) = Json::of(raw)? else {
                return Err(wrong(entry, "price_variants: is no object"));
            };
            let place = format!("price_variants[{at}]");
            let Some(Json::Map(map)) = get(&item, "prices")? else {
                return Err(wrong(entry, format_args!("{place}: has no prices")));
            };
            let (from, daily) = constraint(entry, &place, &item)?;
            let prices = prices(entry, &place, &map, report)?;
            let searches = prices.keys().all(|meter| *meter == Meter::WebSearch);
            match context(&item)? {
                // What differs only when the ordinary tier is asked for by name cannot be told from it.
                _ if prices.is_empty() => {}
                Some(context) if daily.is_none() && (searches || !matches!(context, Context::Search(_))) => {
                    list.push(Self { from, context, prices });
                }
                _ => report.miss(entry, place),
            }
        }
        Ok(list)
    }
}

/// What a variant's context means; none where it cannot be understood.
fn context(variant: &Map<'_>) -> Result<Option<Context>, Error> {
    let Some(Json::Map(when)) = get(variant, "when")? else { return Ok(None) };
    let [(key, raw)] = when.as_slice() else { return Ok(None) };
    let json = Json::of(raw)?;
    let Some(word) = json.text() else { return Ok(None) };
    Ok(match key.as_str() {
        "processing" | "service_tier" | "speed" => {
            ServiceTier::named(word).filter(|tier| *tier != ServiceTier::Standard).map(Context::Tier)
        }
        "search_type" => (word == "fast").then_some(Context::Search(SearchContext::Fast)),
        "route" => match word.rsplit('/').next().map(Region::named) {
            Some(region @ (Region::Us | Region::Eu)) => Some(Context::Region(region)),
            _ => None,
        },
        _ => None,
    })
}

type Times = (Option<Timestamp>, Option<(i64, i64)>);

/// From which date, or at which time of each day.
fn constraint(entry: &str, place: &str, item: &Map<'_>) -> Result<Times, Error> {
    let Some(Json::Map(map)) = get(item, "constraint")? else { return Ok((None, None)) };
    let unknown = || wrong(entry, format_args!("{place}.constraint: is neither a date nor a time of day"));
    match (text(&map, "start_date")?, text(&map, "start_time")?, text(&map, "end_time")?) {
        (Some(date), None, None) => {
            let from = format!("{date}T00:00:00Z").parse::<Timestamp>().map_err(|_| unknown())?;
            Ok((Some(from), None))
        }
        (None, Some(start), Some(end)) => {
            let times = time(&start).zip(time(&end)).ok_or_else(unknown)?;
            Ok((None, Some(times)))
        }
        _ => Err(unknown()),
    }
}

/// A time of day with its offset from UTC, as seconds of the day in UTC.
fn time(text: &str) -> Option<i64> {
    let text = text.strip_suffix('Z').unwrap_or(text);
    let at = text.find(['+', '-']).unwrap_or(text.len());
    let (clock, offset) = text.split_at_checked(at)?;
    let ahead = match offset.split_at_checked(1) {
        Some(("+", offset)) => time_of_day(offset)?,
        Some((_, offset)) => time_of_day(offset)?.checked_neg()?,
        None => 0,
    };
    Some(time_of_day(clock)?.checked_sub(ahead)?.rem_euclid(DAY))
}

fn prices(entry: &str, place: &str, map: &Map<'_>, report: &mut ImportReport) -> Result<Prices, Error> {
    let mut prices = Prices::new();
    for (key, raw) in map {
        let field = format!("{place}.{key}");
        let json = Json::of(raw)?;
        if matches!(json, Json::Null) {
            continue;
        }
        let Some((meter, shift)) = named(key) else {
            report.miss(entry, field);
            continue;
        };
        let price = Tiered::read(&json, shift)?
            .map_err(|problem| wrong(entry, format_args!("{field}: {problem}")))?;
        match prices.get(&meter) {
            Some(other) if *other != price => report.miss(entry, field),
            _ => drop(prices.insert(meter, price)),
        }
    }
    Ok(prices)
}

/// The price from that date on, and those at times of the day above it, the one that goes first the last.
fn in_force(list: &[Conditional], from: Option<Timestamp>) -> Option<(&Prices, Vec<&Conditional>)> {
    let mut timed = Vec::new();
    let mut base = None;
    for price in list.iter().rev() {
        if price.daily.is_some() {
            timed.insert(0, price);
        } else if price.from.is_none_or(|date| from.is_some_and(|from| date <= from)) {
            base = Some(price);
            break;
        }
    }
    base.or(list.first()).map(|base| (&base.prices, timed))
}

/// Writes every price at every length of the input, so that nothing falls back to another length or tier.
fn fill(row: &mut PriceRow, standard: &Prices, variants: &[Variant]) {
    let from = row.from;
    let active = |variant: &&Variant| variant.from.is_none_or(|date| from.is_some_and(|from| date <= from));
    let mut tiers: BTreeMap<ServiceTier, Prices> = BTreeMap::new();
    for variant in variants.iter().filter(active) {
        let Context::Tier(tier) = variant.context else { continue };
        let prices = tiers.entry(tier).or_default();
        for (meter, price) in &variant.prices {
            prices.entry(*meter).or_insert_with(|| price.clone());
        }
    }
    for prices in tiers.values_mut() {
        for (meter, price) in standard {
            prices.entry(*meter).or_insert_with(|| price.clone());
        }
    }
    tiers.insert(ServiceTier::Standard, standard.clone());
    let edges: BTreeSet<u64> = tiers.values().flat_map(Prices::values).flat_map(Tiered::edges).collect();
    for (tier, prices) in &tiers {
        *row.rates_mut(*tier) = rates_at(prices, 0);
    }
    for above in edges {
        let mut band = Band { above_input_tokens: Some(above), ..Band::default() };
        for (tier, prices) in &tiers {
            *band.rates_mut(*tier) = rates_at(prices, above.saturating_add(1));
        }
        row.bands.push(band);
    }
}

/// Writes down what searches of another kind cost, and by how much one region is dearer in everything.
fn elsewhere(
    entry: &str,
    row: &mut PriceRow,
    standard: &Prices,
    variants: &[Variant],
    report: &mut ImportReport,
) {
    let from = row.from;
    let active = |variant: &&Variant| variant.from.is_none_or(|date| from.is_some_and(|from| date <= from));
    for variant in variants.iter().filter(active) {
        match variant.context {
            Context::Tier(_) => {}
            Context::Search(_) => {
                let fee = variant.prices.get(&Meter::WebSearch).map(|price| price.at(0));
                let fees = row.search_context.get_or_insert_default();
                fees.fast = fees.fast.or(fee);
            }
            // The first of several holds, as among tiers.
            Context::Region(region) if row.region_factors.get(region).is_none() => {
                match factor(standard, &variant.prices) {
                    Some(factor) => row.region_factors.set(region, Some(factor)),
                    None => report.miss(entry, "price_variants of a route that has no one factor"),
                }
            }
            Context::Region(_) => {}
        }
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

/// Adds the prices of times of the day, which are whole: what one does not name is part of what it names.
fn times(entry: &str, row: &mut PriceRow, timed: &[&Conditional], report: &mut ImportReport) {
    for price in timed {
        let Some((first, end)) = price.daily.filter(|(first, end)| first != end) else { continue };
        let mut rates = rates_at(&price.prices, 0);
        let lengths = price.prices.values().any(|price| price.edges().next().is_some());
        let tiers = ServiceTier::ALL.into_iter().skip(1).any(|tier| !row.rates(tier).is_empty());
        if lengths || tiers {
            report.miss(entry, "prices by time of day beside others by length or context");
        }
        for (meter, _) in row.standard.iter() {
            let mut whole = Some(meter);
            while let Some(meter) = whole.filter(|whole| rates.get(*whole).is_none()) {
                whole = meter.whole();
            }
            match whole.and_then(|whole| rates.get(whole)) {
                Some(rate) => rates.set(meter, Some(rate)),
                None => report.miss(entry, format!("{meter} at a time of day without it")),
            }
        }
        let hours = format!("{}-{}", clock(first), clock(end));
        row.times.push(TimeRates::daily([hours], rates));
    }
}

fn clock(second: i64) -> String {
    let part = |unit: i64, of: i64| second.checked_div(unit).unwrap_or(0).rem_euclid(of);
    format!("{:02}:{:02}:{:02}", part(3_600, 24), part(60, 60), part(1, 60))
}
