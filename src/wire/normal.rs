//! How do reported figures become one usage, with every billed token in it once?
//!
//! In a [`Usage`] the input contains cached and written tokens, and the output contains
//! reasoning. Providers count otherwise, and each in its own way:
//!
//! | reported | usage |
//! |---|---|
//! | OpenAI: `prompt_tokens` 120, of them `cached_tokens` 100 | input 120, cached 100 |
//! | Anthropic: `input_tokens` 25, `cache_read_input_tokens` 100 | input 125, cached 100 |
//! | Gemini: prompt 9, candidates 5, thoughts 20, total 34 | output 25, of it reasoning 20 |
//! | Perplexity: `completion_tokens` 3,000, `reasoning_tokens` 70,000 | output 73,000 |
//!
//! **Totals decide.** If the provider's own sum shows that reasoning or cached tokens are
//! beside a figure and not inside it, they are added; if it shows that they are inside,
//! they are not. A surplus that the total has and no figure names is output that is billed
//! and not itemised. What contradicts itself is cut to fit, and the report says so. Rules
//! for each provider are in `docs/PROVIDERS.md`.

use super::fields::{Field, Figures};
use super::generations::one_generation;
use crate::Usage;
use crate::values::Meter;

/// The usage that figures mean, and whether they had to be cut to fit each other.
pub(super) fn usage(figures: &Figures) -> (Usage, bool) {
    if let Some(billed) = billed_units(figures) {
        return (billed, false);
    }
    let (figures, unsure) = one_generation(figures);
    let figures = &figures;
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
    usage = with_searches(usage, figures);
    let (usage, clamped) = usage.clamped();
    (usage, clamped || unsure || is_short_of_input(figures))
}

/// Whether a stated input of zero cannot be, because the total says that there was more:
/// the input is then worked out of the total.
fn is_short_of_input(figures: &Figures) -> bool {
    let stated = figures.get(Field::PromptTokens).or(figures.get(Field::Input));
    let own = own_output(figures).unwrap_or(0);
    let caches =
        [Field::CacheRead, Field::CacheWritten, Field::Written5m, Field::Written1h, Field::ToolPrompt];
    stated == Some(0)
        && caches.iter().all(|field| figures.or_zero(*field) == 0)
        && !is_timed(figures)
        && figures.get(Field::Total).is_some_and(|total| total > own)
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
    const UNITS: [Field; 5] = [
        Field::BilledInput,
        Field::BilledOutput,
        Field::SearchUnit,
        Field::BilledImageTokens,
        Field::BilledImages,
    ];
    if UNITS.iter().all(|unit| figures.get(*unit).is_none()) {
        return None;
    }
    let pictures = figures.or_zero(Field::BilledImageTokens);
    let input = figures.or_zero(Field::BilledInput).saturating_add(pictures);
    let mut usage = Usage::of(input, figures.or_zero(Field::BilledOutput));
    for (field, meter) in [
        (Field::SearchUnit, Meter::SearchUnit),
        (Field::BilledImageTokens, Meter::InputImage),
        (Field::BilledImages, Meter::ImageIn),
    ] {
        usage = figures.get(field).map_or(usage, |count| usage.with(meter, count));
    }
    Some(usage)
}

/// All input with its cached and its written part.
fn input(figures: &Figures) -> (Option<u64>, Option<u64>, Option<u64>) {
    let read = figures.get(Field::CacheRead);
    let typed = sum_of(figures.get(Field::Written5m), figures.get(Field::Written1h));
    // A typed split may be older than its sum, but no sum is smaller than its parts.
    let written = figures.get(Field::CacheWritten).max(typed);
    let beside = sum_of(read, written).unwrap_or(0);
    let inside = figures.get(Field::CachedInside);
    if is_short_of_input(figures) {
        return (input_by_total(figures), inside.or(read), written);
    }
    if let Some(prompt) = figures.get(Field::PromptTokens) {
        // What connectors brought into the prompt is beside it, as the total shows (Mistral).
        let brought = figures.or_zero(Field::ToolPrompt);
        let prompt =
            if total_says(figures, prompt, brought, true) { prompt.saturating_add(brought) } else { prompt };
        let whole =
            if total_says(figures, prompt, beside, true) { prompt.saturating_add(beside) } else { prompt };
        return (Some(whole), inside.or(read), figures.get(Field::WrittenInside).or(written));
    }
    let own = figures.get(Field::Input).or_else(|| figures.get(Field::Counted));
    let Some(own) = own.or_else(|| input_by_total(figures)) else {
        let nothing = is_timed(figures).then_some(0);
        return (sum_of(read, written).or(nothing), read, written);
    };
    let own = own.saturating_add(figures.or_zero(Field::ToolPrompt));
    if read.is_none() && written.is_none() {
        return (Some(own), inside, figures.get(Field::WrittenInside));
    }
    // Caches in fields of their own are beside the input, unless the total says otherwise.
    let is_inside = beside <= own && total_says(figures, own, beside, false);
    let whole = if is_inside { own } else { own.saturating_add(beside) };
    (Some(whole), read.or(inside), written.or(figures.get(Field::WrittenInside)))
}

/// Whether the total shows that caches are beside the input, or that they are inside it.
fn total_says(figures: &Figures, own: u64, beside: u64, is_beside: bool) -> bool {
    let sum =
        own.saturating_add(figures.or_zero(Field::Output).max(figures.or_zero(Field::CompletionTokens)));
    let sum = if is_beside { sum.saturating_add(beside) } else { sum };
    beside > 0 && figures.get(Field::Total) == Some(sum)
}

/// Voyage and others report one figure; Gemini may leave the input out beside a total.
fn input_by_total(figures: &Figures) -> Option<u64> {
    let output = own_output(figures).unwrap_or(0);
    figures.get(Field::Total).map(|total| total.saturating_sub(output))
}

/// Output as it was reported, thoughts added if they are apart.
fn own_output(figures: &Figures) -> Option<u64> {
    let own = match figures.get(Field::CompletionTokens) {
        Some(completion) if figures.get(Field::PromptTokens).is_some() => Some(completion),
        completion => figures.get(Field::Output).or(completion),
    };
    sum_of(own, figures.get(Field::Thoughts))
}

/// All output with its reasoning.
fn output(figures: &Figures, input: Option<u64>) -> (Option<u64>, Option<u64>) {
    let apart = figures.get(Field::ReasoningApart);
    let reasoning = figures.get(Field::Reasoning).or(figures.get(Field::Thoughts)).or(apart);
    let total = figures.get(Field::Total);
    let Some(own) = own_output(figures) else {
        let rest = total.zip(input).map(|(total, input)| total.saturating_sub(input));
        let never = figures.get(Field::Counted).is_some() || is_timed(figures);
        return (rest.or(never.then_some(0)), reasoning);
    };
    let counted = input.unwrap_or(0).saturating_add(own);
    match total {
        // Sound that is billed by the second is in the total and in no figure beside it.
        Some(total) if total > counted && input.is_some() && !is_timed(figures) => {
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

/// Whether seconds or pages are billed.
fn is_timed(figures: &Figures) -> bool {
    figures.or_zero(Field::AudioMs) > 0 || figures.get(Field::Page).is_some()
}

/// Searches that are billed like others are counted with them.
fn with_searches(mut usage: Usage, figures: &Figures) -> Usage {
    for (field, meter) in [(Field::PostSearch, Meter::WebSearch), (Field::DocumentSearch, Meter::FileSearch)]
    {
        if let Some(more) = figures.get(field).filter(|more| *more > 0) {
            usage = usage.with(meter, usage.count(meter).unwrap_or(0).saturating_add(more));
        }
    }
    usage
}

/// Writes that are not typed are at the default lifetime; a typed split may be older than its sum.
fn with_writes(usage: Usage, figures: &Figures, written: Option<u64>) -> Usage {
    let Some(written) = written else { return usage };
    let hour = figures.get(Field::Written1h).map(|hour| hour.min(written));
    let usage = usage.with_cache_write_5m(written.saturating_sub(hour.unwrap_or(0)));
    hour.map_or(usage, |hour| usage.with_cache_write_1h(hour))
}

/// The sum of what was reported; `None` if neither was.
fn sum_of(one: Option<u64>, other: Option<u64>) -> Option<u64> {
    match (one, other) {
        (None, None) => None,
        (one, other) => Some(one.unwrap_or(0).saturating_add(other.unwrap_or(0))),
    }
}
