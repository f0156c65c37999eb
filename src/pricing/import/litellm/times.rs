//! At which times does an entry of LiteLLM's table cost less?
//!
//! One block states the rates and, in itself or in a list of windows, the hours. Rates
//! off peak replace those of every length and tier. A reasoning rate is carried over
//! from the flat ones where the block names none, because the block's output rate would
//! otherwise become the price of reasoning.

use super::entry::Entry;
use crate::Error;
use crate::pricing::import::json::{Json, Map, get, text};
use crate::pricing::windows::TimeRates;
use crate::values::Meter;

/// Off-peak rates: one rule in the block itself, or several in its windows.
pub(super) fn read(entry: &mut Entry<'_>) -> Result<(), Error> {
    let Some(block) = entry.object("off_peak_pricing")? else { return Ok(()) };
    let mut rates = entry.rates_in(&block, "off_peak_pricing")?;
    rates.set(Meter::Reasoning, rates.get(Meter::Reasoning).or(entry.standard().get(Meter::Reasoning)));
    let zone = text(&block, "weekday_timezone")?;
    let mut rules = vec![block.clone()];
    if let Some(Json::List(windows)) = get(&block, "windows")? {
        for raw in windows {
            let Json::Map(rule) = Json::of(raw)? else {
                return Err(entry.wrong("off_peak_pricing.windows", "has something else than objects"));
            };
            rules.push(rule);
        }
    }
    for rule in rules {
        let Some(hours) = texts(&rule, "hours_utc")? else { continue };
        let mut times = TimeRates::daily(hours, rates.clone());
        if let Some(days) = weekdays(&rule)? {
            times = times.on_weekdays(days, zone.as_deref().unwrap_or("UTC"));
        }
        times.windows().map_err(|error| entry.wrong("off_peak_pricing", error))?;
        entry.row.times.push(times);
    }
    if entry.row.times.is_empty() {
        entry.miss("off_peak_pricing without hours");
    }
    Ok(())
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
