//! How do reported figures become one usage, with every billed token in it once?
//!
//! Totals decide: where the provider's own sum shows that reasoning or cached
//! tokens are beside a figure and not inside it, they are added. Rules for each
//! provider are in `docs/PROVIDERS.md`.

use super::fields::{Field, Figures};
use crate::{Meter, Usage};

/// The usage that figures mean, and whether they had to be cut to fit each other.
pub(super) fn usage(figures: &Figures) -> (Usage, bool) {
    if let Some(billed) = billed_units(figures) {
        return (billed, false);
    }
    let (input, cached, written) = input(figures);
    let (output, reasoning) = output(figures, input);
    let mut usage = Usage::new();
    for (meter, count) in [
        (Meter::Input, input),
        (Meter::Output, output),
        (Meter::CachedInput, cached),
        (Meter::Reasoning, reasoning),
    ] {
        usage = count.map_or(usage, |count| usage.with(meter, count));
    }
    usage = with_writes(usage, figures, written);
    for (field, meter) in PARTS {
        usage = figures.get(field).map_or(usage, |count| usage.with(meter, count));
    }
    usage.clamped()
}

/// Figures that mean the same before and after.
const PARTS: [(Field, Meter); 17] = [
    (Field::InputAudio, Meter::InputAudio),
    (Field::InputImage, Meter::InputImage),
    (Field::InputVideo, Meter::InputVideo),
    (Field::CachedAudio, Meter::CachedAudio),
    (Field::CachedImage, Meter::CachedImage),
    (Field::CachedVideo, Meter::CachedVideo),
    (Field::OutputAudio, Meter::OutputAudio),
    (Field::OutputImage, Meter::OutputImage),
    (Field::OutputVideo, Meter::OutputVideo),
    (Field::Citation, Meter::Citation),
    (Field::WebSearch, Meter::WebSearch),
    (Field::WebFetch, Meter::WebFetch),
    (Field::FileSearch, Meter::FileSearch),
    (Field::CodeExecution, Meter::CodeExecution),
    (Field::ImageGeneration, Meter::ImageGeneration),
    (Field::Page, Meter::Page),
    (Field::AudioMs, Meter::AudioInMs),
];

/// Cohere charges `billed_units`; the tokens beside them are what its model saw.
fn billed_units(figures: &Figures) -> Option<Usage> {
    let units = [Field::BilledInput, Field::BilledOutput, Field::SearchUnit].map(|field| figures.get(field));
    if units.iter().all(Option::is_none) {
        return None;
    }
    let [input, output, searches] = units;
    let usage = Usage::of(input.unwrap_or(0), output.unwrap_or(0));
    Some(searches.map_or(usage, |searches| usage.with(Meter::SearchUnit, searches)))
}

/// All input with its cached and its written part.
fn input(figures: &Figures) -> (Option<u64>, Option<u64>, Option<u64>) {
    let read = figures.get(Field::CacheRead);
    let typed = sum_of(figures.get(Field::Written5m), figures.get(Field::Written1h));
    let written = figures.get(Field::CacheWritten).or(typed);
    if let Some(prompt) = figures.get(Field::PromptTokens) {
        let cached = figures.get(Field::CachedInside).or(read);
        return (Some(prompt), cached, figures.get(Field::WrittenInside).or(written));
    }
    let own = figures.get(Field::Input).or_else(|| figures.get(Field::Counted));
    let Some(own) = own.or_else(|| only_total(figures)) else {
        return (sum_of(read, written), read, written);
    };
    let own = own.saturating_add(figures.or_zero(Field::ToolPrompt));
    if let Some(cached) = figures.get(Field::CachedInside) {
        return (Some(own), Some(cached), figures.get(Field::WrittenInside));
    }
    let beside = sum_of(read, written).unwrap_or(0);
    let whole = own.saturating_add(beside);
    let is_inside = figures.get(Field::Total).is_some_and(|total| {
        let output = figures.or_zero(Field::Output);
        beside > 0 && own.saturating_add(output) == total && beside <= own
    });
    let written = written.or(figures.get(Field::WrittenInside));
    (Some(if is_inside { own } else { whole }), read, written)
}

/// Voyage and others that generate nothing report one figure.
fn only_total(figures: &Figures) -> Option<u64> {
    figures.get(Field::Output).is_none().then(|| figures.get(Field::Total)).flatten()
}

/// All output with its reasoning.
fn output(figures: &Figures, input: Option<u64>) -> (Option<u64>, Option<u64>) {
    let thoughts = figures.get(Field::Thoughts);
    let apart = figures.get(Field::ReasoningApart);
    let reasoning = figures.get(Field::Reasoning).or(thoughts).or(apart);
    let total = figures.get(Field::Total);
    let Some(own) = sum_of(figures.get(Field::Output), thoughts) else {
        // Without a total, nothing but the input was counted: a count, an embedding.
        let rest = total.zip(input).map(|(total, input)| total.saturating_sub(input));
        return (rest.or(has_no_output(figures).then_some(0)), reasoning);
    };
    let counted = input.unwrap_or(0).saturating_add(own);
    match total {
        Some(total) if total > counted && input.is_some() => {
            // The surplus is output that is billed and not itemised: reasoning.
            let surplus = total.saturating_sub(counted);
            let known = reasoning.unwrap_or(0);
            let hidden = if known >= surplus { known } else { known.saturating_add(surplus) };
            (Some(own.saturating_add(surplus)), Some(hidden))
        }
        // More reasoning than output is beside it: Perplexity's deep research.
        _ if apart.is_some_and(|apart| apart > own && reasoning == Some(apart)) => {
            (sum_of(Some(own), apart), reasoning)
        }
        _ => (Some(own), reasoning),
    }
}

/// Whether the figures are of a kind that never comes with output.
fn has_no_output(figures: &Figures) -> bool {
    let seconds = figures.get(Field::AudioMs).or(figures.get(Field::Page)).is_some();
    figures.get(Field::Counted).is_some() || seconds || figures.get(Field::PromptTokens).is_none()
}

/// Writes that are not typed are at the default lifetime; a typed split may be older than its sum.
fn with_writes(usage: Usage, figures: &Figures, written: Option<u64>) -> Usage {
    let Some(written) = written else { return usage };
    let hour = figures.get(Field::Written1h).map(|hour| hour.min(written));
    let usage = usage.with_cache_write_5m(written.saturating_sub(hour.unwrap_or(0)));
    hour.map_or(usage, |hour| usage.with_cache_write_1h(hour))
}

fn sum_of(one: Option<u64>, other: Option<u64>) -> Option<u64> {
    match (one, other) {
        (None, None) => None,
        (one, other) => Some(one.unwrap_or(0).saturating_add(other.unwrap_or(0))),
    }
}
