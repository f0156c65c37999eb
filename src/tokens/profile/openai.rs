//! How do OpenAI's models frame a prompt?
//!
//! Text is exact, since the vocabularies are public. What is OpenAI's own is the frame (3
//! tokens for a message and 1 for its role), the notation of tools (types in TypeScript),
//! and the way to bill an image, which differs from model to model: that is why most lines
//! of [`of`] only choose pictures.

use super::structure::{Notation, OTHER, Profile};
use crate::tokens::family::Encoding;
use crate::tokens::picture::Pictures;

/// Up to GPT-4.5. Framing: its cookbook, "How to count tokens with tiktoken".
pub(super) const OPENAI: Profile = Profile {
    name: "openai",
    maker: "openai",
    encoding: Encoding::O200k,
    is_exact: true,
    is_guess: false,
    text_ppm: 1_000_000,
    message: 4,
    system: 4,
    notation: Notation::TypeScript,
    capital_ppm: 0,
    pictures: Pictures::Tiles { base: 85, tile: 170 },
    ..OTHER
};

/// GPT-5 and the o-series: two tokens around an answer say in which channel it was given.
pub(super) const REASONING: Profile = Profile {
    name: "openai-reasoning",
    parent: Some("openai"),
    assistant: 2,
    pictures: Pictures::Tiles { base: 70, tile: 140 },
    ..OPENAI
};

/// The first of the o-series has a text of its own in front.
pub(super) const O1_MINI: Profile =
    Profile { name: "o1-mini", parent: Some("openai-reasoning"), ..REASONING };

/// Completions and embeddings: text alone, no frame.
pub(super) const TEXT: Profile =
    Profile { name: "openai-text", encoding: Encoding::Cl100k, message: 0, system: 0, ..OPENAI };

/// The open weights of OpenAI: a text about the date and the channels stands in front ("harmony", August 2025).
pub(super) const OSS: Profile = Profile { name: "gpt-oss", ..OPENAI };

/// An image of OpenAI's smaller models. The guide says 1.62 and 2.46 tokens a patch; 1.2
/// and 1.5 were seen billed for GPT-5's.
const fn patches(hundredths: u64) -> Pictures {
    Pictures::Patches { most: 1_536, hundredths }
}

/// The profile of one of OpenAI's models; `None` for another maker's.
pub(super) fn of(name: &str) -> Option<Profile> {
    if name.contains("gpt-oss") {
        return Some(OSS);
    }
    let name = name.rsplit('/').next().unwrap_or(name);
    let name = name.trim_start_matches("us.").trim_start_matches("openai.").trim_start_matches("openai-");
    let name = name.trim_start_matches("ft:");
    let starts = |prefixes: &[&str]| prefixes.iter().any(|prefix| name.starts_with(prefix));
    let pictured = |profile, pictures| Some(Profile { pictures, ..profile });
    if name.contains("instruct") && starts(&["gpt-3.5"]) || starts(&["text-embedding", "davinci", "babbage"])
    {
        Some(TEXT)
    } else if starts(&["gpt-3.5", "gpt-35"]) || name == "gpt-4" || starts(&["gpt-4-", "gpt-4:"]) {
        Some(Profile { encoding: Encoding::Cl100k, ..OPENAI })
    } else if starts(&["gpt-4o-mini"]) {
        pictured(OPENAI, Pictures::Tiles { base: 2_833, tile: 5_667 })
    } else if starts(&["gpt-4.1-mini"]) {
        pictured(OPENAI, patches(162))
    } else if starts(&["gpt-4.1-nano"]) {
        pictured(OPENAI, patches(246))
    } else if starts(&["gpt-4", "chatgpt-4o"]) {
        Some(OPENAI)
    } else if starts(&["gpt-5-mini"]) {
        pictured(REASONING, patches(162))
    } else if starts(&["gpt-5-nano"]) {
        pictured(REASONING, patches(246))
    } else if starts(&["o1-mini", "o1-preview"]) {
        Some(O1_MINI)
    } else if starts(&["gpt-5.", "gpt-6"]) {
        pictured(REASONING, Pictures::Patches { most: 2_500, hundredths: 120 })
    } else if starts(&["o4-mini", "codex-mini"]) {
        pictured(REASONING, patches(172))
    } else if starts(&["o1", "o3", "o4"]) {
        pictured(REASONING, Pictures::Tiles { base: 75, tile: 150 })
    } else if starts(&["gpt-", "codex", "computer-use"]) {
        Some(REASONING)
    } else {
        None
    }
}
