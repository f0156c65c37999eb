//! How do the models of the other makers frame a prompt?
//!
//! A profile says only in what it differs from [`OTHER`]. Names are searched from the most
//! special to the most general: `deepseek-r1-distill-llama-70b` is a Llama, because a
//! distilled model reads the vocabulary of the model that was taught, and `llama` stands
//! before `deepseek` in the list.

use super::structure::{OTHER, Profile};
use crate::tokens::picture::Pictures;

/// Vocabularies of 100,000 to 260,000 pieces take about as many tokens of English as OpenAI's.
const EVEN: u32 = 1_000_000;

/// Gemini 2.5: Google counts text alone, and bills nothing of what its own tools find.
pub(super) const GEMINI_2_5: Profile = Profile {
    name: "gemini-2.5",
    maker: "google",
    parent: Some("gemini-3"),
    is_guess: false,
    text_ppm: EVEN,
    message: 0,
    system: 0,
    capital_ppm: 70_000,
    rereads: false,
    pictures: Pictures::Crops,
    ..OTHER
};
/// Gemini 2.0 and 1.
pub(super) const GEMINI_2_0: Profile =
    Profile { name: "gemini-2.0", parent: Some("gemini-2.5"), ..GEMINI_2_5 };
/// Gemini 3, and every later one: images by level of resolution, not by crops.
pub(super) const GEMINI_3: Profile =
    Profile { name: "gemini-3", parent: Some("gemini-2.5"), pictures: Pictures::Levels, ..GEMINI_2_5 };
/// The open weights of Google.
pub(super) const GEMMA: Profile =
    Profile { name: "gemma", maker: "google", is_guess: false, text_ppm: EVEN, message: 4, ..OTHER };

/// Amazon: no framing is billed, but a text about tools is.
pub(super) const NOVA: Profile =
    Profile { name: "nova", maker: "amazon", parent: None, rereads: true, ..GEMINI_2_5 };
/// Amazon's second line of the same name.
pub(super) const NOVA_2: Profile = Profile { name: "nova-2", parent: Some("nova"), ..NOVA };
/// Amazon's older models: one token around each message.
pub(super) const TITAN: Profile = Profile {
    name: "titan",
    maker: "amazon",
    parent: None,
    message: 1,
    system: 1,
    rereads: true,
    ..GEMINI_2_5
};

/// Cohere bills what the caller wrote, not its own prompt.
pub(super) const COHERE: Profile =
    Profile { name: "cohere", maker: "cohere", parent: None, rereads: true, ..GEMINI_2_5 };

/// Llama: Meta's template, before which some hosts put its date and some a text of their own.
pub(super) const LLAMA: Profile =
    Profile { name: "llama", maker: "meta", is_guess: false, text_ppm: EVEN, ..OTHER };
/// Llama 4, whose text about tools was billed at 665 tokens.
pub(super) const LLAMA_4: Profile = Profile { name: "llama-4", parent: Some("llama"), ..LLAMA };

pub(super) const MISTRAL: Profile = Profile {
    name: "mistral",
    maker: "mistral",
    is_guess: false,
    text_ppm: EVEN,
    message: 1,
    system: 1,
    ..OTHER
};
pub(super) const QWEN: Profile =
    Profile { name: "qwen", maker: "qwen", is_guess: false, text_ppm: EVEN, message: 4, ..OTHER };

/// DeepSeek up to R1 and V3, whose template leaves out earlier thoughts.
pub(super) const DEEPSEEK: Profile = Profile {
    name: "deepseek",
    maker: "deepseek",
    is_guess: false,
    text_ppm: EVEN,
    message: 1,
    system: 1,
    ..OTHER
};
/// DeepSeek from V4 on, with a text of its own in front.
pub(super) const DEEPSEEK_V4: Profile =
    Profile { name: "deepseek-v4", parent: Some("deepseek"), message: 3, ..DEEPSEEK };

pub(super) const GLM: Profile =
    Profile { name: "glm", maker: "zai", is_guess: false, text_ppm: EVEN, message: 2, system: 2, ..OTHER };
pub(super) const GLM_5: Profile = Profile { name: "glm-5", parent: Some("glm"), ..GLM };

/// An agent behind a model's name: what it reads on the web is billed as input. 5,003 and 14,100 tokens were seen for
/// nine tokens of text; a search is taken to read as much as [`OwnTool::Search`](crate::OwnTool::Search) does.
pub(super) const AGENT: Profile = Profile { name: "agent", maker: "agent", reading: 15_000, ..OTHER };

/// The profile by a part of the name. A distilled model reads the vocabulary of the one that was taught.
pub(super) fn of(name: &str) -> Option<Profile> {
    /// Parts of names, the most special first: of two that a name has, the one that stands
    /// higher counts.
    const OTHERS: [(&[&str], &Profile); 17] = [
        (&["compound", "deep-research"], &AGENT),
        (&["gemini-1", "gemini-2.0"], &GEMINI_2_0),
        (&["gemini-2"], &GEMINI_2_5),
        (&["gemini"], &GEMINI_3),
        (&["gemma"], &GEMMA),
        (&["nova-2"], &NOVA_2),
        (&["nova-"], &NOVA),
        (&["titan"], &TITAN),
        (&["command", "cohere", "aya-"], &COHERE),
        (&["llama-4", "llama4"], &LLAMA_4),
        (&["llama"], &LLAMA),
        (&["qwen", "qwq"], &QWEN),
        (&["deepseek-v4"], &DEEPSEEK_V4),
        (&["deepseek"], &DEEPSEEK),
        (&["glm-5"], &GLM_5),
        (&["glm"], &GLM),
        (&["mistral", "mixtral", "ministral", "magistral", "codestral", "pixtral", "devstral"], &MISTRAL),
    ];
    let is_in = |parts: &[&str]| parts.iter().any(|part| name.contains(part));
    OTHERS.iter().find(|(parts, _)| is_in(parts)).map(|(_, profile)| **profile)
}
