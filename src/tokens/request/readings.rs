//! Which advisors may the answering model ask, and may the provider read the input again to make it shorter?

use crate::values::ShortText;

use super::figures::whole_text;
use super::language::Language;
use super::name::Name;
use super::settings::unreadable;
use super::uses::{calls_at_most, each_tool, fewer, heeds_uses, of_kind, uses_at_most};
use crate::Error;
use crate::tokens::document::{Kind, Node};
use crate::values::call::fee::Reading;

/// Whatever may be read once more for what the body asks.
///
/// # Errors
/// More of them than any request has: each is priced by itself.
pub(super) fn of(body: Node<'_>, language: &'static Language) -> Result<Vec<Reading>, Error> {
    let mut readings = Vec::new();
    let calls = calls_at_most(body, language);
    for field in body.children() {
        match Name::of(&field).as_str() {
            "tools" => tools(&mut readings, field, "type", calls),
            "plugins" => tools(&mut readings, field, "id", calls),
            "toolconfig" => {
                field.get("tools").into_iter().for_each(|list| tools(&mut readings, list, "type", calls));
            }
            "contextmanagement" => compacted(&mut readings, field),
            _ => {}
        }
        if readings.len() > MOST {
            let name = field.key();
            return Err(unreadable(format!(
                "{name}: lets more than {MOST} models read it, which are the most that can"
            )));
        }
    }
    Ok(readings)
}

/// As many as may answer in place of another.
const MOST: usize = 64;

fn tools(readings: &mut Vec<Reading>, list: Node<'_>, kind: &str, calls: Option<u64>) {
    each_tool(list, &mut |item| tool(readings, item, kind, calls));
}

/// A tool of the provider's own that names a model: Anthropic's advisor. A tool with a fee of its own is billed by that,
/// and a function of the caller's calls nobody.
fn tool(readings: &mut Vec<Reading>, item: Node<'_>, kind: &str, calls: Option<u64>) {
    let kinds = item.children().filter(|field| field.is_named(kind));
    let mut kinds = kinds.filter_map(|kind| kind.text());
    let is_own = |kind: &str| !matches!(kind, "function" | "custom") && of_kind(kind, item).is_none();
    if !kinds.any(|kind| is_own(&kind)) {
        return;
    }
    let is_heeded = kind == "id" || heeds_uses(item, kind);
    let own = |place| uses_at_most(place).filter(|_| is_heeded);
    // OpenRouter's tools have their settings inside.
    let inside = item.children().filter(|field| field.is_named("parameters") && field.is_object());
    for place in std::iter::once(item).chain(inside) {
        let models = place.children().filter(|field| field.is_named("model") && !field.is_empty());
        for model in models.map(named) {
            if readings.len() > MOST {
                return;
            }
            let uses = fewer(own(place), calls);
            let long = place.children().filter(|field| field.is_named("max_tokens"));
            let long = long.filter_map(|limit| whole_text(limit.raw())).max();
            let mut advice = Reading::advice(model, uses);
            advice.output_tokens = long.unwrap_or(advice.output_tokens);
            advice.caches = place.get("caching").is_some_and(|caching| !caching.is_null());
            readings.push(advice);
        }
    }
}

/// A model's name; what is no name is no model that has a price.
fn named(model: Node<'_>) -> ShortText {
    model.text().map_or_else(|| model.raw().chars().take(80).collect(), ShortText::from)
}

/// What a summary of a long conversation is held for: Anthropic's own example has 3,500 tokens.
const SUMMARY_TOKENS: u64 = 4_096;
/// From so many input tokens on Anthropic summarises, unless it is told otherwise.
const COMPACTS_FROM: u64 = 150_000;

/// A conversation that is summarised on the way once it is long is read whole for that, and then for the answer.
fn compacted(readings: &mut Vec<Reading>, field: Node<'_>) {
    let from = edits(field).filter(|edit| is_kind(edit, "compact")).map(|edit| {
        let said = edit.get("trigger").and_then(|trigger| trigger.get("value"));
        let said = said.or_else(|| edit.get("compact_threshold")).and_then(|from| whole_text(from.raw()));
        // OpenAI does not say when it does, unless it is told.
        let unsaid = if is_kind(&edit, "compact_") { COMPACTS_FROM } else { 0 };
        said.unwrap_or(unsaid)
    });
    readings.extend(from.min().map(|from| Reading {
        model: None,
        uses: Some(1),
        output_tokens: SUMMARY_TOKENS,
        from_input_tokens: from,
        caches: false,
    }));
}

/// Whether Anthropic is to summarise the conversation once it is long.
pub(super) fn compacts(field: Node<'_>) -> bool {
    edits(field).any(|edit| is_kind(&edit, "compact_"))
}

fn edits(field: Node<'_>) -> impl Iterator<Item = Node<'_>> {
    let edits = if field.kind() == Kind::Array { Some(field) } else { field.get("edits") };
    edits.into_iter().flat_map(|edits| edits.children())
}

fn is_kind(edit: &Node<'_>, start: &str) -> bool {
    edit.get("type").and_then(|kind| kind.text()).is_some_and(|kind| kind.starts_with(start))
}
