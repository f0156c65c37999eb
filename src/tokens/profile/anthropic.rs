//! How do Anthropic's models frame a prompt?
//!
//! Anthropic publishes how many tokens its text about tools takes ("Tool use", November 2026 and earlier: 346 for
//! Claude 4 and 3.7, 264 and 159 for Claude 3 Haiku and Sonnet, 530 for Claude 3 Opus). What is billed from 4.5 on is
//! more than that page says, so the measured figures stand.

use super::structure::{OTHER, Profile};
use crate::tokens::picture::Pictures;

/// 4.5 and 4.6: a few hundredths more tokens than `o200k` on prose, a fifth on some.
pub(super) const CLAUDE_4_5: Profile = Profile {
    name: "claude-4.5",
    maker: "anthropic",
    parent: Some("claude-4"),
    is_guess: false,
    message: 4,
    system: 0,
    answer_first: 10,
    capital_ppm: 150_000,
    pictures: Pictures::Area { long: 1_568, most: 1_600 },
    ..OTHER
};

/// 4.7 and later read a new vocabulary: "approximately 30 percent more tokens" (Anthropic, "Token counting", 2026).
pub(super) const CLAUDE_4_7: Profile = Profile {
    name: "claude-4.7",
    parent: Some("claude-4.5"),
    text_ppm: 1_365_000,
    pictures: Pictures::Area { long: 2_576, most: 5_000 },
    ..CLAUDE_4_5
};
/// 4, 4.1 and 3.7: told apart from 4.5 because their text about tools is shorter.
pub(super) const CLAUDE_4: Profile = Profile { name: "claude-4", parent: Some("claude-4.5"), ..CLAUDE_4_5 };
/// Claude 3.5.
pub(super) const CLAUDE_3_5: Profile = Profile { name: "claude-3.5", parent: Some("claude-4"), ..CLAUDE_4_5 };
/// Claude 3, and everything older.
pub(super) const CLAUDE_3: Profile = Profile { name: "claude-3", parent: Some("claude-3.5"), ..CLAUDE_4_5 };

/// The profile of a model whose name says Claude. A name without a number is taken for the
/// newest, whose vocabulary is the dearest.
pub(super) fn of(name: &str) -> Profile {
    const FOUR: [&str; 7] =
        ["claude-3-7", "claude-3.7", "sonnet-4-2", "opus-4-2", "opus-4-1", "sonnet-4-0", "opus-4-0"];
    let has = |parts: &[&str]| parts.iter().any(|part| name.contains(part));
    let ends = ["sonnet-4", "opus-4"].iter().any(|end| name.ends_with(end));
    if has(&["-4-5", "-4.5", "-4-6", "-4.6"]) {
        CLAUDE_4_5
    } else if has(&["claude-3-5", "claude-3.5"]) {
        CLAUDE_3_5
    } else if ends || has(&FOUR) || has(&["sonnet-4@", "opus-4@", "opus-4.1"]) {
        CLAUDE_4
    } else if has(&["claude-3", "claude-2", "claude-v2", "claude-instant"]) {
        CLAUDE_3
    } else {
        CLAUDE_4_7
    }
}
