//! Which family is a model of, and what does its provider add to a text?
//!
//! This is the coarse table, for bounds: four families and their allowances. [`Profile`]
//! has the fine one, for expectations: 28 families. A name is read from its front, behind
//! what sellers put there: `us.anthropic.claude-sonnet-4-6` and
//! `anthropic/claude-sonnet-4-6` are one model. A name that is not known is of no family,
//! and nothing is claimed of it: a wrong family would turn a guess into a false bound.
//!
//! [`Profile`]: super::profile::Profile

use super::picture::ORIGINAL_MOST;

/// Models that share a tokenizer and a way of framing. OpenAI's differ in their vocabulary
/// and in what an image takes at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    OpenAi { encoding: Encoding, image: u64 },
    Anthropic,
    Google,
    Other,
}

/// A vocabulary that is public, and that `tiktoken-rs` brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    O200k,
    Cl100k,
}

/// Tokens that a provider adds to what the caller wrote.
#[derive(Clone, Copy, Debug)]
pub(super) struct Allowance {
    /// Once a prompt.
    pub(super) prompt: u64,
    /// For each message, without its role.
    pub(super) message: u64,
    /// Once a prompt that describes tools.
    pub(super) tools: u64,
    /// For each tool, beside the bytes of its description.
    pub(super) tool: u64,
    /// For each earlier tool call with its result.
    pub(super) call: u64,
    /// Where thinking is switched on.
    pub(super) thinking: u64,
    /// For each image.
    pub(super) image: u64,
}

/// In front of a model's own name: regions and vendors on Bedrock, a fine-tune.
const PREFIXES: [&str; 9] = ["us.", "eu.", "apac.", "jp.", "au.", "global.", "anthropic.", "openai.", "ft:"];

/// Names of OpenAI's models that read `o200k`, by their beginnings.
const O200K: [&str; 7] =
    ["gpt-5", "gpt-4o", "gpt-4.1", "gpt-4.5", "chatgpt-4o", "codex-mini", "gpt-realtime"];
/// Models of those that bill an image by patches of 32 pixels and not by tiles.
const PATCHES: [&str; 5] = ["gpt-5", "gpt-4.1-mini", "gpt-4.1-nano", "o4-mini", "codex-mini"];
/// Names of the models that read `cl100k`. `gpt-35` is Azure's spelling.
const CL100K: [&str; 5] = ["gpt-4-", "gpt-3.5", "gpt-35", "text-embedding-3", "text-embedding-ada-002"];

// 85 tokens and 170 for each of at most 8 tiles: 2048 × 768 pixels in high detail.
const OPENAI_IMAGE: u64 = 1_445;
// 1,536 patches at 2.46 tokens, the dearest of the models that bill patches.
const OPENAI_PATCHES_IMAGE: u64 = 3_779;
// The same tiles with 2,833 and 5,667: the small model is charged more per tile.
const GPT_4O_MINI_IMAGE: u64 = 48_169;

impl Family {
    /// The family of a model, under any seller's name for the model.
    pub(super) fn of(model: &str) -> Self {
        let mut name = model.rsplit('/').next().unwrap_or(model);
        while let Some(rest) = PREFIXES.iter().find_map(|prefix| name.strip_prefix(prefix)) {
            name = rest;
        }
        let starts = |prefixes: &[&str]| prefixes.iter().any(|prefix| name.starts_with(prefix));
        if name.starts_with("claude-") {
            Self::Anthropic
        } else if name.starts_with("gemini-") {
            Self::Google
        } else if name.starts_with("gpt-4o-mini") {
            Self::OpenAi { encoding: Encoding::O200k, image: GPT_4O_MINI_IMAGE }
        } else if starts(&PATCHES) {
            Self::OpenAi { encoding: Encoding::O200k, image: OPENAI_PATCHES_IMAGE }
        } else if starts(&O200K) || is_o_series(name) {
            Self::OpenAi { encoding: Encoding::O200k, image: OPENAI_IMAGE }
        } else if name == "gpt-4" || name.starts_with("gpt-4:") || starts(&CL100K) {
            Self::OpenAi { encoding: Encoding::Cl100k, image: OPENAI_IMAGE }
        } else {
            Self::Other
        }
    }

    /// The vocabulary in which text of this family can be counted exactly.
    #[cfg(feature = "tiktoken")]
    pub(super) const fn encoding(self) -> Option<Encoding> {
        match self {
            Self::OpenAi { encoding, .. } => Some(encoding),
            Self::Anthropic | Self::Google | Self::Other => None,
        }
    }

    /// Tokens held for an image that is looked at in its own size.
    pub(super) const fn image_original(self) -> u64 {
        let [openai, google, others] = ORIGINAL_MOST;
        match self {
            Self::OpenAi { .. } => openai,
            Self::Google => google,
            // Anthropic knows no such word, and looks at every image as closely as it does.
            Self::Anthropic => 0,
            Self::Other => others,
        }
    }

    /// The allowances of the family. Their sources are told at
    /// [`ByteBoundEstimator`](super::ByteBoundEstimator).
    pub(super) const fn allowance(self) -> Allowance {
        match self {
            Self::OpenAi { image, .. } => {
                Allowance { prompt: 3, message: 3, tools: 16, tool: 32, call: 16, thinking: 0, image }
            }
            Self::Anthropic => Allowance {
                prompt: 16,
                message: 8,
                tools: 640,
                tool: 64,
                call: 96,
                thinking: 64,
                image: 5_000,
            },
            Self::Google => {
                Allowance { prompt: 8, message: 4, tools: 32, tool: 32, call: 16, thinking: 0, image: 1_120 }
            }
            Self::Other => Allowance {
                prompt: 128,
                message: 16,
                tools: 640,
                tool: 64,
                call: 64,
                thinking: 128,
                image: 1_600,
            },
        }
    }
}

/// Whether a name is one of `o1`, `o3-mini`, `o4-mini-2025-04-16`, and the like.
fn is_o_series(name: &str) -> bool {
    // These two read a text of OpenAI's own: 7 tokens more in a recorded request.
    if name.starts_with("o1-mini") || name.starts_with("o1-preview") {
        return false;
    }
    let mut bytes = name.bytes();
    bytes.next() == Some(b'o')
        && bytes.next().is_some_and(|digit| matches!(digit, b'1'..=b'4'))
        && matches!(bytes.next(), None | Some(b'-' | b':'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_found_under_the_names_that_providers_give_it() {
        let encoding = |model| match Family::of(model) {
            Family::OpenAi { encoding, .. } => Some(encoding),
            _ => None,
        };
        for model in [
            "gpt-4o",
            "openai/gpt-5.4-mini",
            "o3-mini-2025-01-31",
            "ft:gpt-4o:team::id",
            "o1",
            "openai.gpt-5.6-luna",
            "gpt-4.1-nano",
            "chatgpt-4o-latest",
        ] {
            assert_eq!(encoding(model), Some(Encoding::O200k), "{model}");
        }
        for model in ["gpt-4", "gpt-4-0613", "gpt-3.5-turbo", "azure/gpt-35-turbo", "ft:gpt-4:team"] {
            assert_eq!(encoding(model), Some(Encoding::Cl100k), "{model}");
        }
        for model in ["claude-sonnet-4-5", "us.anthropic.claude-sonnet-4-6", "anthropic/claude-4.6-sonnet"] {
            assert_eq!(Family::of(model), Family::Anthropic, "{model}");
        }
        for model in ["gemini-2.5-pro", "google/gemini-2.5-flash", "models/gemini-2.0-flash"] {
            assert_eq!(Family::of(model), Family::Google, "{model}");
        }
    }

    #[test]
    fn an_unknown_model_is_of_no_family() {
        for model in [
            "",
            "/",
            "o",
            "o5",
            "olmo-2",
            "gpt-6",
            "gpt-40",
            "gpt-oss-120b",
            "llama-4",
            "ft:",
            "o1-mini",
            "é",
        ] {
            assert_eq!(Family::of(model), Family::Other, "{model}");
        }
    }
}
