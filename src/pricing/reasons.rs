//! Which models are known to reason, by the names of their families?
//!
//! What an import writes into its rows where a public table does not say it.
//! Names are those of whole families, so that an unknown member of an unknown
//! family stays unknown, which counts as [`Reasoning::Always`].
//!
//! The two mistakes differ in price. A model that reasons and is listed as `Never` is
//! charged too little when its stream is cut; a model that does not and is listed as
//! `Always` is held for too much until its call ends. So a name stands here as `Never`
//! only where its family is older than reasoning, or its maker says so.

use super::unseen::Reasoning;

use Reasoning::{Always, Never, OnRequest};

/// Words that say it of any model, in the order in which they decide.
const WORDS: [(&str, Reasoning); 10] = [
    ("non-reasoning", Never),
    ("deep-research", Always),
    ("reasoning", Always),
    ("reasoner", Always),
    ("thinking", Always),
    ("qwq", Always),
    ("deepseek-r1", Always),
    ("-r1-", Always),
    ("nemotron", Always),
    ("embed", Never),
];

/// How the names of families begin, maker by maker; of two that fit the first decides, so the longer stands before the
/// shorter.
const FAMILIES: &[(Reasoning, &str)] = &[
    // OpenAI: what came before gpt-5 and is no o-model does not reason; of gpt-5.1, 5.2 and 5.4 the table
    // says that they do not by themselves.
    (Never, "gpt-3.5 gpt-35 gpt-4.5 gpt-4.1 gpt-4o gpt-4 chatgpt-4o babbage davinci"),
    // Anthropic: extended thinking came with 3.7 and is off until asked for; from 5 on it is on by itself.
    (OnRequest, "claude-3-7 claude-3.7"),
    (Never, "claude-3 claude-2 claude-instant claude-v"),
    (OnRequest, "claude-4 claude-haiku-4 claude-sonnet-4 claude-opus-4"),
    // Google: 2.5 thinks unless its budget is set to 0.
    (Never, "gemini-1 gemini-flash-1.5 gemini-2.0-flash"),
    (Always, "gemini-pro-latest"),
    (Never, "gemini-pro gemini-gemma-2 gemma-2 gemma-3 gemma-7b gemma2 gemma3 codegemma"),
    // Meta and what is made of it.
    (Never, "meta-llama- llama code-llama codellama firefunction firellava"),
    // Mistral: Magistral reasons, the newer small and medium models may.
    (
        Never,
        "mistral-7b mistral-tiny mistral-nemo mistral-saba mistral-small-24b mistral-small-3. \
         mistral-small-2402 mistral-small-2503 mistral-large-2 mistral-large@2 mistral-large-3 \
         mistral-large-latest mistral-medium-2312 mistral-medium-2505 mistral-code ministral mixtral \
         open-mistral open-mixtral open-codestral codestral devstral pixtral voxtral",
    ),
    (Always, "magistral"),
    // DeepSeek: V3.1 thinks where its template is told to.
    (Never, "deepseek-chat deepseek-coder deepseek-v2"),
    (OnRequest, "deepseek-v3.1 deepseek-v3p1"),
    (Never, "deepseek-v3-"),
    // Alibaba: Qwen 3 was born thinking, its instruct and coder models were not.
    (
        Never,
        "qwen1 qwen2 qwen-2 qwen-v2 code-qwen qwen3-coder qwen3-next-80b-a3b-instruct \
         qwen3-vl-235b-a22b-instruct qwen3-vl-30b-a3b-instruct qwen3-vl-32b-instruct \
         qwen3-vl-8b-instruct qwen3-235b-a22b-instruct qwen3-30b-a3b-instruct qwen3-4b-instruct",
    ),
    // xAI.
    (Never, "grok-beta grok-vision grok-2"),
    (Always, "grok-3-mini"),
    (Never, "grok-3"),
    // Cohere, AI21, Moonshot, Zhipu, Amazon, Perplexity.
    (
        Never,
        "command-r command-light command-nightly command-a-03 c4ai-aya j2- jamba moonshot-v1 kimi-k2-0 \
         kimi-k2-instruct glm-4- nova-lite nova-micro nova-pro titan- sonar",
    ),
    // Open models of 2023 and 2024.
    (
        Never,
        "nous- hermes-2 openhermes openorca openchat dolphin-2 mythomax zephyr phind dbrx phi-2 phi-3 \
         starcoder stablecode yi- wizardlm-2 goliath midnight-rose mythalion toppy remm-slerp xwin-lm \
         magnum- noromaid airoboros chronos-hermes fimbulvetr pythia palm-2 text-unicorn pplx- \
         inflection-3 l3-lunaris l3-euryale l3.1-euryale hermes-3 lfm-7b lfm-40b lfm-3b minimax-01 \
         sorcererlm llemma dolphin-mixtral eva-llama eva-qwen-2.5 phi-4",
    ),
];

/// What is known of a model by its name alone; none where its family is not known.
pub(super) fn reasoning(model: &str) -> Option<Reasoning> {
    let model = model.to_ascii_lowercase();
    if let Some((_, known)) = WORDS.into_iter().find(|(word, _)| model.contains(word)) {
        return Some(known);
    }
    // `us.anthropic.claude-…`, `accounts/fireworks/models/…`, `ft:gpt-4o…`.
    let starts = model.match_indices(['/', '.', ':']).filter_map(|(at, _)| model.get(at.checked_add(1)?..));
    let names = std::iter::once(model.as_str()).chain(starts);
    let begins = |name: &str, families: &str| families.split(' ').any(|family| name.starts_with(family));
    let known = |name: &str| FAMILIES.iter().find(|(_, families)| begins(name, families));
    names.filter_map(known).map(|(known, _)| *known).next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_family_is_known_whoever_sells_it() {
        for (model, known) in [
            ("gpt-4o-mini", Some(Never)),
            ("azure/eu/gpt-4o-2024-08-06", Some(Never)),
            ("ft:gpt-4o-mini-2024-07-18", Some(Never)),
            ("us.anthropic.claude-3-5-sonnet-20241022-v2:0", Some(Never)),
            ("eu.anthropic.claude-3-7-sonnet-20250219-v1:0", Some(OnRequest)),
            ("anthropic/claude-sonnet-4.5", Some(OnRequest)),
            ("accounts/fireworks/models/llama-v3p1-8b-instruct", Some(Never)),
            ("deepseek-ai/DeepSeek-R1-Distill-Llama-70B", Some(Always)),
            ("grok-4.20-0309-non-reasoning", Some(Never)),
            ("grok-4.20-0309-reasoning", Some(Always)),
            ("claude-opus-5", None),
            ("gpt-5", None),
            ("gemini-2.5-flash", None),
            ("o3", None),
            ("a-model-of-mine", None),
        ] {
            assert_eq!(reasoning(model), known, "{model}");
        }
    }
}
