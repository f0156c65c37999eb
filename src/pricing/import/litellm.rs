//! What does LiteLLM's table say about each model?
//!
//! As its own calculator reads it: a threshold is a cliff for the whole request,
//! above it (at xAI from it on) and only where the input has a rate there; range
//! tiers stand in place of all flat rates; off-peak rates in place of those; a
//! reasoning rate, where there is one, holds at every length.

mod entry;
mod extras;
mod fields;
mod flat;
mod ranges;
mod times;

use std::collections::HashSet;

use self::entry::Entry;
use super::found::{Found, unreadable, wrong};
use super::json::{Json, Map, count, text};
use crate::Error;
use crate::pricing::matching::canonical_provider;
use crate::pricing::names::{Name, check_name};
use crate::pricing::row::PriceRow;
use crate::pricing::unseen::Reasoning;
use crate::pricing::{families, reasons};
use crate::values::{Meter, ShortText};

/// Entries that are read; the largest real table has 4,552.
const ENTRIES_MAX: usize = 18_000;

pub(super) fn read(entries: &Map<'_>) -> Result<Found, Error> {
    if entries.len() > ENTRIES_MAX {
        return Err(unreadable(format!("more than {ENTRIES_MAX} entries")));
    }
    let mut import = Found::default();
    let mut found = Vec::new();
    for (key, raw) in entries {
        let Json::Map(fields) = Json::of(raw)? else {
            return Err(wrong(key, "is no object"));
        };
        let Some(provider) = text(&fields, "litellm_provider")? else {
            import.report.skip(key, "names no provider");
            continue;
        };
        if key == "sample_spec" {
            import.report.skip(key, "explains the table");
            continue;
        }
        check_name("litellm_provider", &provider).map_err(|error| wrong(key, error))?;
        check_name("key", key).map_err(|error| wrong(key, error))?;
        let mode = text(&fields, "mode")?.unwrap_or_default();
        let row = PriceRow::new(provider.as_str(), key.as_str()).completely();
        let (report, fields) = (&mut import.report, &fields);
        let mut entry = Entry { key, provider: &provider, mode, fields, row, report };
        if take(&mut entry)? {
            found.push((key, entry.row, provider));
        }
    }
    name(&mut import, found);
    import.report.rows = import.rows.len();
    import.report.models = import.rows.len();
    Ok(import)
}

/// Reads an entry into its row; false where it has no price that is understood.
fn take(entry: &mut Entry<'_>) -> Result<bool, Error> {
    limits(entry)?;
    unseen(entry);
    flat::read(entry)?;
    ranges::read(entry)?;
    extras::multipliers(entry)?;
    extras::searches(entry)?;
    times::read(entry)?;
    zeros(entry);
    let is_priced = !entry.row.rates.is_empty() || !entry.row.bands.is_empty();
    if !is_priced {
        entry.report.skip(entry.key, "has no price that is understood");
    }
    Ok(is_priced)
}

fn limits(entry: &mut Entry<'_>) -> Result<(), Error> {
    entry.row.context_tokens = count(entry.fields, "max_input_tokens")?.filter(|tokens| *tokens > 0);
    let output = count(entry.fields, "max_output_tokens")?.filter(|tokens| *tokens > 0);
    let is_silent = matches!(entry.mode.as_str(), "embedding" | "rerank" | "moderation");
    entry.row.output_tokens_max = if is_silent { Some(0) } else { output };
    Ok(())
}

/// Whether it reasons by itself, as far as the table says it or the family is known; how fast its seller is.
fn unseen(entry: &mut Entry<'_>) {
    const SILENT: [&str; 8] = [
        "embedding",
        "rerank",
        "moderation",
        "ocr",
        "search",
        "audio_transcription",
        "audio_speech",
        "video_generation",
    ];
    let is = |name: &str, text: &str| {
        let raw = entry.fields.iter().find(|(field, _)| field == name).map(|(_, raw)| raw.get());
        raw == Some(text)
    };
    let known = reasons::reasoning(entry.key);
    entry.row.reasoning = if SILENT.contains(&entry.mode.as_str()) {
        Some(Reasoning::Never)
    } else if is("thinking_always_on", "true") {
        Some(Reasoning::Always)
    } else if is("default_reasoning_effort", "\"none\"") {
        Some(Reasoning::OnRequest)
    } else if is("supports_reasoning", "true") {
        // It can, so a family that does not is another model's.
        known.filter(|known| *known != Reasoning::Never).or(Some(Reasoning::Always))
    } else {
        known
    };
    entry.row.unseen_tokens_per_second = families::tokens_per_second(entry.provider);
}

/// What an entry says that names nothing above zero, or no tokens and something that is not understood.
///
/// There a zero often means that nobody has looked it up.
fn zeros(entry: &mut Entry<'_>) {
    if !entry.row.charges() {
        entry.row.free = families::is_free(entry.provider, entry.key, &entry.mode);
        entry.row.unknown = !entry.row.free;
        return;
    }
    let counts = |meter: Meter| entry.standard().get(meter).is_some_and(|rate| !rate.is_zero());
    let by_token = Meter::ALL.into_iter().any(|meter| meter.counts_tokens() && counts(meter));
    let banded = !entry.row.bands.is_empty();
    entry.row.unknown = !by_token && !banded && entry.report.has_gaps(entry.key);
}

/// Gives each model the shortest name that is its own: without the provider in front where nobody else has that.
fn name(import: &mut Found, found: Vec<(&String, PriceRow, String)>) {
    let bare = |key: &str, provider: &str| -> Option<ShortText> {
        let (prefix, rest) = key.split_once('/')?;
        let same = canonical_provider(prefix) == canonical_provider(provider);
        (same && !rest.is_empty()).then(|| rest.into())
    };
    let mut taken: HashSet<(ShortText, ShortText)> = HashSet::new();
    // A whole key is nobody else's short name: `a/a/model` may stand beside `a/model`.
    for (key, _, provider) in &found {
        taken.insert((canonical_provider(provider).into(), key.as_str().into()));
    }
    for (key, mut row, provider) in found {
        let seller = ShortText::from(canonical_provider(&provider));
        if let Some(short) = bare(key, &provider) {
            let free = taken.insert((seller.clone(), short.clone()));
            row.model = if free { short } else { key.into() };
            let model = Name { provider: seller, model: row.model.clone() };
            import.aliases.push((key.into(), model));
        }
        import.rows.push(row);
    }
}
