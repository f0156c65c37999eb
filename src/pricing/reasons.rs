//! Which models are known to reason, by the names of their families?
//!
//! What an import writes into its rows where a public table does not say it.
//! Names are those of whole families, so that an unknown member of an unknown
//! family stays unknown, which counts as [`Reasoning::Always`].

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

/// How the names of families begin, the longer before the shorter.
const FAMILIES: [(&str, Reasoning); 149] = [
    // OpenAI: what came before gpt-5 and is no o-model does not reason; of gpt-5.1, 5.2 and 5.4 the table
    // says that they do not by themselves.
    ("gpt-3.5", Never),
    ("gpt-35", Never),
    ("gpt-4.5", Never),
    ("gpt-4.1", Never),
    ("gpt-4o", Never),
    ("gpt-4", Never),
    ("chatgpt-4o", Never),
    ("babbage", Never),
    ("davinci", Never),
    // Anthropic: extended thinking came with 3.7 and is off until asked for; from 5 on it is on by itself.
    ("claude-3-7", OnRequest),
    ("claude-3.7", OnRequest),
    ("claude-3", Never),
    ("claude-2", Never),
    ("claude-instant", Never),
    ("claude-v", Never),
    ("claude-4", OnRequest),
    ("claude-haiku-4", OnRequest),
    ("claude-sonnet-4", OnRequest),
    ("claude-opus-4", OnRequest),
    // Google: 2.5 thinks unless its budget is set to 0.
    ("gemini-1", Never),
    ("gemini-flash-1.5", Never),
    ("gemini-2.0-flash", Never),
    ("gemini-pro-latest", Always),
    ("gemini-pro", Never),
    ("gemini-gemma-2", Never),
    ("gemma-2", Never),
    ("gemma-3", Never),
    ("gemma-7b", Never),
    ("gemma2", Never),
    ("gemma3", Never),
    ("codegemma", Never),
    // Meta and what is made of it.
    ("meta-llama-", Never),
    ("llama", Never),
    ("code-llama", Never),
    ("codellama", Never),
    ("firefunction", Never),
    ("firellava", Never),
    // Mistral: Magistral reasons, the newer small and medium models may.
    ("mistral-7b", Never),
    ("mistral-tiny", Never),
    ("mistral-nemo", Never),
    ("mistral-saba", Never),
    ("mistral-small-24b", Never),
    ("mistral-small-3.", Never),
    ("mistral-small-2402", Never),
    ("mistral-small-2503", Never),
    ("mistral-large-2", Never),
    ("mistral-large@2", Never),
    ("mistral-large-3", Never),
    ("mistral-large-latest", Never),
    ("mistral-medium-2312", Never),
    ("mistral-medium-2505", Never),
    ("mistral-code", Never),
    ("ministral", Never),
    ("mixtral", Never),
    ("open-mistral", Never),
    ("open-mixtral", Never),
    ("open-codestral", Never),
    ("codestral", Never),
    ("devstral", Never),
    ("pixtral", Never),
    ("voxtral", Never),
    ("magistral", Always),
    // DeepSeek: V3.1 thinks where its template is told to.
    ("deepseek-chat", Never),
    ("deepseek-coder", Never),
    ("deepseek-v2", Never),
    ("deepseek-v3.1", OnRequest),
    ("deepseek-v3p1", OnRequest),
    ("deepseek-v3-", Never),
    // Alibaba: Qwen 3 was born thinking, its instruct and coder models were not.
    ("qwen1", Never),
    ("qwen2", Never),
    ("qwen-2", Never),
    ("qwen-v2", Never),
    ("code-qwen", Never),
    ("qwen3-coder", Never),
    ("qwen3-next-80b-a3b-instruct", Never),
    ("qwen3-vl-235b-a22b-instruct", Never),
    ("qwen3-vl-30b-a3b-instruct", Never),
    ("qwen3-vl-32b-instruct", Never),
    ("qwen3-vl-8b-instruct", Never),
    ("qwen3-235b-a22b-instruct", Never),
    ("qwen3-30b-a3b-instruct", Never),
    ("qwen3-4b-instruct", Never),
    // xAI.
    ("grok-beta", Never),
    ("grok-vision", Never),
    ("grok-2", Never),
    ("grok-3-mini", Always),
    ("grok-3", Never),
    // Cohere, AI21, Moonshot, Zhipu, Amazon, Perplexity.
    ("command-r", Never),
    ("command-light", Never),
    ("command-nightly", Never),
    ("command-a-03", Never),
    ("c4ai-aya", Never),
    ("j2-", Never),
    ("jamba", Never),
    ("moonshot-v1", Never),
    ("kimi-k2-0", Never),
    ("kimi-k2-instruct", Never),
    ("glm-4-", Never),
    ("nova-lite", Never),
    ("nova-micro", Never),
    ("nova-pro", Never),
    ("titan-", Never),
    ("sonar", Never),
    // Open models of 2023 and 2024.
    ("nous-", Never),
    ("hermes-2", Never),
    ("openhermes", Never),
    ("openorca", Never),
    ("openchat", Never),
    ("dolphin-2", Never),
    ("mythomax", Never),
    ("zephyr", Never),
    ("phind", Never),
    ("dbrx", Never),
    ("phi-2", Never),
    ("phi-3", Never),
    ("starcoder", Never),
    ("stablecode", Never),
    ("yi-", Never),
    ("wizardlm-2", Never),
    ("goliath", Never),
    ("midnight-rose", Never),
    ("mythalion", Never),
    ("toppy", Never),
    ("remm-slerp", Never),
    ("xwin-lm", Never),
    ("magnum-", Never),
    ("noromaid", Never),
    ("airoboros", Never),
    ("chronos-hermes", Never),
    ("fimbulvetr", Never),
    ("pythia", Never),
    ("palm-2", Never),
    ("text-unicorn", Never),
    ("pplx-", Never),
    ("inflection-3", Never),
    ("l3-lunaris", Never),
    ("l3-euryale", Never),
    ("l3.1-euryale", Never),
    ("hermes-3", Never),
    ("lfm-7b", Never),
    ("lfm-40b", Never),
    ("lfm-3b", Never),
    ("minimax-01", Never),
    ("sorcererlm", Never),
    ("llemma", Never),
    ("dolphin-mixtral", Never),
    ("eva-llama", Never),
    ("eva-qwen-2.5", Never),
    ("phi-4", Never),
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
    let known = |name: &str| FAMILIES.into_iter().find(|(family, _)| name.starts_with(family));
    names.filter_map(known).map(|(_, known)| known).next()
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
