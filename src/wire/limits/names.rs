//! Which limit does a header speak of, and what does it say of it?
//!
//! A name is a prefix of its maker's, a figure that stands first or last, and words for the
//! limit, of which the last may be a window: `x-ratelimit-remaining-tokens-month` is the
//! figure `remaining` of the limit `tokens-month`, which counts tokens within a month.
//! `anthropic-ratelimit-input-tokens-reset` has its figure last.

use crate::values::ShortText;

use super::{RateLimitKind, RateWindow};

/// No header about limits has a longer name.
const NAME_BYTES_MAX: usize = 64;

/// What a header is about.
pub(super) enum Meaning {
    /// A wait in seconds, a duration or an instant.
    RetryAfter,
    /// A wait in milliseconds.
    RetryAfterMs,
    /// One figure of a limit.
    Limit(Slot, Field),
}

/// The limit that a header names.
pub(super) struct Slot {
    pub(super) name: ShortText,
    pub(super) kind: RateLimitKind,
    pub(super) window: RateWindow,
}

/// Which figure of a limit a header carries.
#[derive(Clone, Copy)]
pub(super) enum Field {
    Limit,
    Remaining,
    Reset,
    /// The length of the window in seconds (Azure).
    Period,
}

/// How headers about limits begin, and how such a limit is called beside the others.
///
/// Mistral sent `ratelimitbysize` for tokens before it named them; Together
/// sends `x-tokenlimit`, Cohere `x-trial-endpoint-call` to trial keys.
const FAMILIES: [(&str, &str); 10] = [
    ("anthropic-ratelimit-", ""),
    ("anthropic-priority-", "priority"),
    ("anthropic-fast-", "fast"),
    ("x-ratelimitbysize-", "tokens-by-size"),
    ("ratelimitbysize-", "tokens-by-size"),
    ("x-tokenlimit-", "tokens"),
    ("x-trial-endpoint-", "trial"),
    ("x-ratelimit-", ""),
    ("x-rate-limit-", ""),
    ("ratelimit-", ""),
];

/// What that header is about; `None` if it is not about limits.
pub(super) fn read(header: &str) -> Option<Meaning> {
    if header.len() > NAME_BYTES_MAX || !header.is_ascii() {
        return None;
    }
    let header = header.to_ascii_lowercase();
    match header.as_str() {
        "retry-after" => return Some(Meaning::RetryAfter),
        "retry-after-ms" | "x-ms-retry-after-ms" => return Some(Meaning::RetryAfterMs),
        _ => {}
    }
    let (rest, family) =
        FAMILIES.iter().find_map(|(prefix, family)| Some((header.strip_prefix(prefix)?, *family)))?;
    let (field, words) = field(rest)?;
    let name = match (family, words) {
        (family, "") => family.into(),
        ("", words) => words.into(),
        (family, words) => format!("{family}-{words}").into(),
    };
    let (subject, window) = window(if words.is_empty() { family } else { words });
    let kind = kind(if subject.is_empty() { family } else { subject });
    Some(Meaning::Limit(Slot { name, kind, window }, field))
}

/// The figure, which stands first or last, and the words that are left.
fn field(rest: &str) -> Option<(Field, &str)> {
    let named = |word: &str| match word {
        "limit" => Some(Field::Limit),
        "remaining" => Some(Field::Remaining),
        "reset" => Some(Field::Reset),
        "renewalperiod" => Some(Field::Period),
        _ => None,
    };
    let (first, after) = rest.split_once('-').unwrap_or((rest, ""));
    if let Some(field) = named(first) {
        return Some((field, after));
    }
    let (before, last) = rest.rsplit_once('-')?;
    Some((named(last)?, before))
}

/// The window that the words end with, and the words before it.
fn window(words: &str) -> (&str, RateWindow) {
    const WINDOWS: [(&str, RateWindow); 6] = [
        ("10-second", RateWindow::Seconds(10)),
        ("second", RateWindow::Seconds(1)),
        ("minute", RateWindow::Seconds(60)),
        ("hour", RateWindow::Seconds(3_600)),
        ("day", RateWindow::Seconds(86_400)),
        ("month", RateWindow::Month),
    ];
    let found = WINDOWS.iter().find_map(|(name, window)| Some((words.strip_suffix(name)?, *window)));
    match found {
        Some((subject, window)) if subject.is_empty() || subject.ends_with('-') => {
            (subject.trim_end_matches('-'), window)
        }
        _ => (words, RateWindow::Unknown),
    }
}

/// What the words count; a limit without words counts requests.
fn kind(subject: &str) -> RateLimitKind {
    match subject {
        "" | "requests" | "req" | "call" | "project-requests" => RateLimitKind::Requests,
        "tokens" | "tokens-by-size" | "project-tokens" | "tokens_usage_based" => RateLimitKind::Tokens,
        "input-tokens" | "tokens-prompt" => RateLimitKind::InputTokens,
        "output-tokens" | "tokens-generated" => RateLimitKind::OutputTokens,
        "input-images" | "images" => RateLimitKind::InputImages,
        _ => RateLimitKind::Other,
    }
}
