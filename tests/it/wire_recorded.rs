//! Does what is read out of recorded responses agree with what they mean? Needs
//! `$TOKEN_BUDGET_DATA/recorded`, and is skipped without it.

use std::path::Path;

use token_budget::time::Timestamp;
use token_budget::wire::{RateLimit, RateLimitState};

#[path = "../../examples/check_recorded/compare.rs"]
mod compare;
#[path = "../../examples/check_recorded/recorded.rs"]
mod recorded;

use recorded::Cuts;

/// Entries that do not agree, each with the field; why is told in `docs/PROVIDERS.md`.
const KNOWN: [(&str, &str); 26] = [
    ("dev-0204", "output"),
    ("dev-0239", "usage"),
    ("dev-0344", "web_search"),
    ("dev-0346", "web_search"),
    ("dev-0352", "web_search"),
    ("dev-0385", "web_search"),
    ("dev-0456", "input"),
    ("dev-0456", "output"),
    ("dev-0456", "audio_in_ms"),
    ("dev-0558", "web_search"),
    ("dev-0564", "code_execution"),
    ("dev-0591", "usage"),
    ("dev-0705", "usage"),
    ("dev-0605", "web_search"),
    ("dev-0612", "text_chars"),
    ("dev-0728", "response output_audio"),
    ("dev-0729", "response output_audio"),
    ("dev-0730", "response output_audio"),
    ("dev-0731", "response output_audio"),
    ("dev-0738", "response output_audio"),
    ("dev-0740", "responses"),
    ("dev-0743", "response output_audio"),
    ("dev-0746", "responses"),
    ("dev-0747", "responses"),
    ("dev-0748", "responses"),
    ("dev-0749", "responses"),
];

#[test]
fn every_recorded_response_agrees_but_those_that_are_explained() {
    let Ok(data) = std::env::var("TOKEN_BUDGET_DATA") else {
        println!("skipped: TOKEN_BUDGET_DATA is not set");
        return;
    };
    let folder = Path::new(&data).join("recorded");
    let entries = recorded::index(&folder).unwrap();
    let seed = 20_261_122;
    println!("{} entries, seed {seed}", entries.len());
    let (mut cuts, mut surprises, mut seen) = (Cuts::new(seed), Vec::new(), Vec::new());
    for entry in &entries {
        let body = entry.body(&folder).unwrap();
        for found in compare::check(entry, &body, &mut cuts) {
            match KNOWN.iter().find(|(id, field)| *id == entry.id && *field == found.field) {
                Some(known) => seen.push(*known),
                None => surprises.push(format!(
                    "{} {} {}: expected {}, got {}",
                    entry.id,
                    entry.label(),
                    found.field,
                    found.expected,
                    found.got
                )),
            }
        }
    }
    assert!(entries.len() > 700);
    assert!(surprises.is_empty(), "{}", surprises.join("\n"));
    let mended: Vec<_> = KNOWN.iter().filter(|known| !seen.contains(known)).collect();
    assert!(mended.is_empty(), "these agree by now: {mended:?}");
}

#[test]
fn every_recorded_rate_limit_is_read() {
    let Ok(data) = std::env::var("TOKEN_BUDGET_DATA") else {
        println!("skipped: TOKEN_BUDGET_DATA is not set");
        return;
    };
    let mut figures = 0;
    for entry in recorded::index(&Path::new(&data).join("recorded")).unwrap() {
        let headers = || entry.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let state = RateLimitState::from_headers(headers(), Timestamp::from_secs(1_750_000_000));
        assert!(state.unreadable.is_empty(), "{}: {:?}", entry.id, state.unreadable);
        let is_figure = |name: &str| {
            let words = ["limit", "remaining", "reset"];
            name.contains("ratelimit-") && name.split('-').skip(2).any(|word| words.contains(&word))
        };
        let given = headers().filter(|(name, _)| is_figure(name)).count();
        let one = |is_some: bool| usize::from(is_some);
        let of = |limit: &RateLimit| {
            one(limit.limit.is_some()) + one(limit.remaining.is_some()) + one(limit.resets_at.is_some())
        };
        assert_eq!(state.limits.iter().map(of).sum::<usize>(), given, "{}: {state:?}", entry.id);
        assert_eq!(state.retry_at.is_some(), entry.headers.contains_key("retry-after"), "{}", entry.id);
        figures += given;
    }
    assert!(figures > 300, "only {figures} figures");
}

#[test]
fn every_known_disagreement_is_explained_to_people() {
    let page = include_str!("../../docs/PROVIDERS.md");
    let silent: Vec<_> = KNOWN.iter().filter(|(id, _)| !page.contains(id)).collect();
    assert!(silent.is_empty(), "docs/PROVIDERS.md says nothing of {silent:?}");
}
