//! What does LiteLLM's table say about each model?
//!
//! As its own calculator reads it: a threshold is a cliff for the whole request,
//! above it (at xAI from it on) and only where the input has a rate there; range
//! tiers stand in place of all flat rates; off-peak rates in place of those; a
//! reasoning rate, where there is one, holds at every length.

use std::collections::HashSet;

use compact_str::CompactString;

use super::json::{Json, Map, get};
use super::litellm_entry::Entry;
use super::{Import, unreadable};
use crate::Error;
use crate::pricing::matching::canonical_provider;
use crate::pricing::names::{Name, check_name};
use crate::pricing::row::PriceRow;

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

pub(super) fn wrong(entry: &str, field: &str, problem: impl std::fmt::Display) -> Error {
    let entry: String = entry.chars().take(80).collect();
    let dot = if field.is_empty() { "" } else { ": " };
    unreadable(format!("{entry:?}{dot}{field}: {problem}"))
}
