//! How does each family of models tokenize, frame and show a prompt?
//!
//! This is structure: chat templates, notations, vocabularies, what providers publish. What
//! was measured (how many tokens stand in front, how many a list of tools brings, how far
//! all of it strays) is in [`measured`], which a rule made from recordings. The two are
//! kept apart, so that the figures can be made anew without touching what a person wrote.
//!
//! Images are hardly recorded: their figures are those of the providers' guides of November
//! 2026 (OpenAI "Images and vision", Anthropic "Vision", Google "Media resolution").

mod anthropic;
mod measured;
mod openai;
mod others;
mod structure;

pub(super) use measured::MEASURED;
use structure::OTHER;
pub(super) use structure::{Notation, Profile};

/// Every family that is told apart, in the order in which a table lists them.
pub(super) const FAMILIES: [&Profile; 28] = [
    &openai::OPENAI,
    &openai::REASONING,
    &openai::O1_MINI,
    &openai::TEXT,
    &openai::OSS,
    &anthropic::CLAUDE_3,
    &anthropic::CLAUDE_3_5,
    &anthropic::CLAUDE_4,
    &anthropic::CLAUDE_4_5,
    &anthropic::CLAUDE_4_7,
    &others::GEMINI_2_0,
    &others::GEMINI_2_5,
    &others::GEMINI_3,
    &others::GEMMA,
    &others::NOVA,
    &others::NOVA_2,
    &others::TITAN,
    &others::COHERE,
    &others::LLAMA,
    &others::LLAMA_4,
    &others::MISTRAL,
    &others::QWEN,
    &others::DEEPSEEK,
    &others::DEEPSEEK_V4,
    &others::GLM,
    &others::GLM_5,
    &others::AGENT,
    &OTHER,
];

/// The profile of a model, under whatever name a provider gives the model; [`OTHER`] if
/// no family matches.
pub(super) fn of(model: &str) -> Profile {
    let name = model.to_ascii_lowercase();
    if name.contains("claude") {
        return anthropic::of(&name);
    }
    openai::of(&name).or_else(|| others::of(&name)).unwrap_or(OTHER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_has_the_profile_of_its_line_under_every_sellers_name() {
        for (model, family) in [
            ("gpt-4o-mini-2024-07-18", "openai"),
            ("openai/gpt-5-mini", "openai-reasoning"),
            ("openai.gpt-oss-120b-1:0", "gpt-oss"),
            ("o1-mini-2024-09-12", "o1-mini"),
            ("gpt-3.5-turbo-instruct", "openai-text"),
            ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "claude-4.5"),
            ("anthropic/claude-4.6-sonnet-20260217", "claude-4.5"),
            ("claude-sonnet-4@20250514", "claude-4"),
            ("claude-opus-4-8", "claude-4.7"),
            ("google/gemini-2.0-flash-exp:free", "gemini-2.0"),
            ("us.amazon.nova-2-lite-v1:0", "nova-2"),
            ("us.amazon.nova-micro-v1:0", "nova"),
            ("meta-llama/llama-4-scout-17b-16e-instruct", "llama-4"),
            ("us.meta.llama4-maverick-17b-instruct-v1:0", "llama-4"),
            ("deepseek-r1-distill-llama-70b", "llama"),
            ("zai/GLM-5.2", "glm-5"),
            ("some-new-model", "other"),
        ] {
            assert_eq!(of(model).name, family, "{model}");
        }
    }

    #[test]
    fn every_family_has_a_name_of_its_own_and_a_parent_that_is_listed() {
        for (row, profile) in FAMILIES.iter().enumerate() {
            let first = FAMILIES.iter().position(|other| other.name == profile.name);
            assert_eq!(first, Some(row), "{}", profile.name);
            let known = |parent| FAMILIES.iter().any(|other| other.name == parent);
            assert!(profile.parent.is_none_or(known), "{}", profile.name);
        }
    }
}
