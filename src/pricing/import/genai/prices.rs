//! Which prices does a model list, from when on and in which context?
//!
//! genai-prices has two lists. `prices` are whole: of those active the last one holds,
//! and what it does not name has no price. `price_variants` are partial: in one context
//! they replace single prices and leave the others. A context that is not understood
//! makes its variant one that is not understood, never one that applies always.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::units::{Tiered, named};
use crate::Error;
use crate::pricing::import::found::wrong;
use crate::pricing::import::json::{Json, Map, get, text};
use crate::pricing::import::report::ImportReport;
use crate::pricing::windows::time_of_day;
use crate::values::{Meter, Region, SearchContext, ServiceTier, Timestamp};

const DAY: i64 = 86_400;

pub(super) type Prices = BTreeMap<Meter, Tiered>;

/// A price with the time at which it holds.
pub(super) struct Conditional {
    pub(super) from: Option<Timestamp>,
    /// First second of the day in UTC and the one after the last.
    pub(super) daily: Option<(i64, i64)>,
    pub(super) prices: Prices,
}

impl Conditional {
    pub(super) fn list(entry: &str, fields: &Map<'_>, report: &mut ImportReport) -> Result<Vec<Self>, Error> {
        let items = match get(fields, "prices")? {
            Some(Json::Map(map)) => {
                let prices = prices(entry, "prices", &map, report)?;
                return Ok(vec![Self { from: None, daily: None, prices }]);
            }
            Some(Json::List(items)) => items,
            _ => return Err(wrong(entry, "has no prices")),
        };
        let items = items.into_iter().zip(0_usize..);
        items.map(|(raw, at)| Ok(Self::read(entry, &format!("prices[{at}]"), raw, report)?.1)).collect()
    }

    /// Reads one price of a list, and tells what else stands beside it.
    fn read<'a>(
        entry: &str,
        place: &str,
        raw: &'a RawValue,
        report: &mut ImportReport,
    ) -> Result<(Map<'a>, Self), Error> {
        let Json::Map(item) = Json::of(raw)? else {
            return Err(wrong(entry, format_args!("{place}: is no object")));
        };
        let Some(Json::Map(map)) = get(&item, "prices")? else {
            return Err(wrong(entry, format_args!("{place}: has no prices")));
        };
        let (from, daily) = constraint(entry, place, &item)?;
        let prices = prices(entry, place, &map, report)?;
        Ok((item, Self { from, daily, prices }))
    }
}

/// Prices that replace others in one context.
pub(super) struct Variant {
    pub(super) from: Option<Timestamp>,
    pub(super) context: Context,
    pub(super) prices: Prices,
}

/// What a variant's context means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Context {
    Tier(ServiceTier),
    /// Perplexity's `search_type`: another fee for each search.
    Search(SearchContext),
    /// `OpenRouter`'s `route`, `mistral/eu`: the seller behind it, and where it runs.
    Region(Region),
}

impl Variant {
    pub(super) fn list(entry: &str, fields: &Map<'_>, report: &mut ImportReport) -> Result<Vec<Self>, Error> {
        let Some(Json::List(items)) = get(fields, "price_variants")? else { return Ok(Vec::new()) };
        let mut list = Vec::new();
        for (raw, at) in items.into_iter().zip(0_usize..) {
            let place = format!("price_variants[{at}]");
            let (item, Conditional { from, daily, prices }) = Conditional::read(entry, &place, raw, report)?;
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
