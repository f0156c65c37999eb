//! What do genai-prices' data say about each model?
//!
//! As its own calculator reads it: of conditional prices the last one active
//! holds, whole; a variant for a context replaces single prices of it, the first
//! that names one; tiers are cliffs on the whole input.

mod clauses;
mod listed;
mod prices;
mod units;

use std::collections::BTreeSet;

use self::prices::{Conditional, Variant};
use super::found::{Found, unreadable, wrong};
use super::json::{Json, Map, count, get, text};
use crate::Error;
use crate::pricing::clause::Clause;
use crate::pricing::names::{Name, check_name};
use crate::pricing::row::PriceRow;
use crate::pricing::{families, reasons};
use crate::values::{Meter, Timestamp};

/// Models that are read; the largest real file has 2,330.
const MODELS_MAX: usize = 10_000;
pub(super) fn read(providers: &[&serde_json::value::RawValue]) -> Result<Found, Error> {
    let mut import = Found::default();
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
        clauses::keep(&id, said, &mut import);
    }
    import.report.rows = import.rows.len();
    Ok(import)
}

/// Reads one model into rows; the clause by which it is known.
fn model(provider: &str, fields: &Map<'_>, import: &mut Found) -> Result<Option<(Clause, Name)>, Error> {
    let Some(id) = text(fields, "id")? else { return Err(wrong(provider, "has a model without an id")) };
    let entry = format!("{provider}/{id}");
    check_name("model", &id).map_err(|error| wrong(&entry, error))?;
    let prices = Conditional::list(&entry, fields, &mut import.report)?;
    let variants = Variant::list(&entry, fields, &mut import.report)?;
    let context = count(fields, "context_window")?.filter(|tokens| *tokens > 0);
    let dates = prices.iter().filter_map(|price| price.from);
    let dates: BTreeSet<Timestamp> =
        dates.chain(variants.iter().filter_map(|variant| variant.from)).collect();
    let mut rows = Vec::new();
    let starts = std::iter::once(None).chain(dates.iter().copied().map(Some));
    for (from, until) in starts.zip(dates.iter().copied().map(Some).chain(std::iter::once(None))) {
        let mut row = PriceRow::new(provider, id.as_str()).completely();
        (row.from, row.until, row.context_tokens) = (from, until, context);
        row.reasoning = reasons::reasoning(&id);
        row.unseen_tokens_per_second = families::tokens_per_second(provider);
        if !listed::fill(&mut row, &entry, &prices, &variants, &mut import.report) {
            continue;
        }
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
        Some(json) => clauses::read(&json)?,
        None => None,
    };
    if clause.is_none() {
        import.report.miss(&entry, "match");
    }
    Ok(clause.map(|clause| (clause, name)))
}
