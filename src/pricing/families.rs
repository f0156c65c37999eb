//! Which models are known to reason, and which sellers to be fast?
//!
//! What an import writes into its rows where a public table does not say it.
//! Names are those of whole families, so that an unknown member of an unknown
//! family stays unknown, which counts as [`Reasoning::Always`].

use super::matching::canonical_provider;
use super::unseen::Reasoning;
use crate::Meter;

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

/// Tokens a second of sellers known to be faster than 500, and of those who pass calls on to them.
///
/// Twice or so what was published or measured of their fastest model by
/// November 2026 (Cerebras 3,000 for gpt-oss-120b, Groq 1,000 for gpt-oss-20b,
/// `SambaNova` and Fireworks 700 for gpt-oss-120b by Artificial Analysis, Morph 10,500): a
/// guess that errs towards charging too much.
const SPEEDS: [(&str, u32); 10] = [
    ("cerebras", 4_000),
    ("groq", 2_000),
    ("sambanova", 2_000),
    ("fireworks", 1_500),
    ("baseten", 1_500),
    ("inception", 2_000),
    ("morph", 15_000),
    ("openrouter", 4_000),
    ("vercel_ai_gateway", 4_000),
    ("cloudflare", 1_000),
];

/// The speed to state for a seller, where the usual one may be too low.
pub(super) fn tokens_per_second(provider: &str) -> Option<u32> {
    let provider = canonical_provider(provider.strip_prefix("huggingface_").unwrap_or(provider));
    let provider = provider.strip_suffix("-ai").unwrap_or(provider);
    SPEEDS.into_iter().find(|(seller, _)| *seller == provider).map(|(_, speed)| speed)
}

/// Whether a model that a publication lists at nothing is known to cost nothing.
///
/// It runs on one's own machines, its seller lets it go free by its name, or
/// (`OpenAI`'s moderation) its seller says so. A zero anywhere else is taken
/// for a price that nobody has looked up.
pub(super) fn is_free(provider: &str, model: &str, mode: &str) -> bool {
    let own =
        ["ollama", "ollama_chat", "lemonade", "llamafile", "lm_studio", "hosted_vllm", "vllm", "xinference"];
    let own = own.contains(&provider) && !model.ends_with("-cloud");
    let named = provider == "openrouter" && model.ends_with(":free");
    own || named || provider == "searxng" || (provider == "openai" && mode == "moderation")
}

/// How often a model searches the web without being asked to: not, once, or nobody knows how often.
pub(super) fn searches(model: &str) -> u64 {
    let model = model.to_ascii_lowercase();
    if model.contains("deep-research") {
        return 2;
    }
    let once = ["sonar", "search-preview", "search-api", "-online"];
    u64::from(once.into_iter().any(|word| model.contains(word)))
}

/// Whether what is written to a cache without being asked for is billed at the write rate, where a row has one.
///
/// OpenAI's models do so from gpt-5.6 on, at 1.25 times the input rate (its prompt caching guide, November 2026), with
/// every seller that lists the rate. Of unknown ones it is taken for granted. Anthropic's write only what
/// `cache_control` or a `cachePoint` marks; Alibaba's and `MiniMax`'s bill as plain input what they keep by
/// themselves, and Google's bill storage (their caching pages, October 2026).
pub(super) fn caches_by_itself(model: &str) -> bool {
    let model = model.to_ascii_lowercase();
    !["claude", "qwen", "minimax", "gemini"].into_iter().any(|family| model.contains(family))
}

/// Whether a model thinks beside its output limit: Perplexity's research reasons over what it found before it answers,
/// and bills that apart.
pub(crate) fn thinks_beside_limit(model: &str) -> bool {
    model.contains("sonar-deep-research")
}

/// Whether Google bills a search of that model once for each answer that searched: up to Gemini 2.5. From Gemini 3 on
/// it bills every search.
pub(crate) fn is_grounded_once(model: &str) -> bool {
    ["gemini-1", "gemini-2"].iter().any(|old| model.contains(old))
}

/// The same of a model that Google itself sells; others search with engines of their own.
pub(super) fn bills_search_once(provider: &str, model: &str) -> bool {
    matches!(provider, "google" | "vertex_ai") && is_grounded_once(model)
}

/// What a seller asks for one use of its tools, where its rows do not say it: typed in from price lists and memory, and
/// compared with no published file, in millionths of a dollar. Held for, and never charged by it: an answer that counts such a use is not complete.
const TOOL_FEES: [(&str, Meter, u128); 40] = [
    ("openai", Meter::WebSearch, 25_000),
    ("openai", Meter::FileSearch, 2_500),
    ("openai", Meter::CodeExecution, 30_000),
    // An image of the dearest size and quality.
    ("openai", Meter::ImageGeneration, 250_000),
    ("azure", Meter::WebSearch, 35_000),
    ("azure", Meter::FileSearch, 2_500),
    ("azure", Meter::CodeExecution, 33_000),
    ("azure", Meter::ImageGeneration, 250_000),
    ("anthropic", Meter::WebSearch, 10_000),
    ("anthropic", Meter::WebFetch, 0),
    // An hour of a container; the first 1,550 hours of a month are free.
    ("anthropic", Meter::CodeExecution, 50_000),
    ("google", Meter::WebSearch, 35_000),
    ("google", Meter::MapsSearch, 25_000),
    ("google", Meter::WebFetch, 0),
    ("google", Meter::CodeExecution, 0),
    ("google", Meter::FileSearch, 0),
    ("vertex_ai", Meter::WebSearch, 45_000),
    ("vertex_ai", Meter::MapsSearch, 25_000),
    ("vertex_ai", Meter::WebFetch, 0),
    ("vertex_ai", Meter::CodeExecution, 0),
    ("xai", Meter::WebSearch, 10_000),
    ("xai", Meter::CodeExecution, 10_000),
    ("xai", Meter::FileSearch, 10_000),
    ("mistral", Meter::WebSearch, 30_000),
    ("mistral", Meter::CodeExecution, 30_000),
    ("mistral", Meter::ImageGeneration, 100_000),
    ("mistral", Meter::FileSearch, 10_000),
    ("groq", Meter::WebSearch, 8_000),
    ("groq", Meter::WebFetch, 1_000),
    // An hour of it.
    ("groq", Meter::CodeExecution, 180_000),
    ("perplexity", Meter::WebSearch, 14_000),
    ("perplexity", Meter::WebFetch, 500),
    ("openrouter", Meter::WebSearch, 50_000),
    ("openrouter", Meter::WebFetch, 50_000),
    ("moonshot", Meter::WebSearch, 5_000),
    ("zai", Meter::WebSearch, 10_000),
    ("dashscope", Meter::WebSearch, 10_000),
    ("cohere", Meter::WebSearch, 10_000),
    ("bedrock", Meter::WebSearch, 35_000),
    ("bedrock", Meter::CodeExecution, 0),
];

/// The fee of a seller's tool in units of [`ExactUsd`](super::ExactUsd), where its price list is known.
pub(super) fn tool_fee(provider: &str, meter: Meter) -> Option<u128> {
    let listed = TOOL_FEES.into_iter().find(|(seller, tool, _)| *seller == provider && *tool == meter);
    listed.map(|(.., millionths)| millionths.saturating_mul(1_000_000_000_000_000_000_000))
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

    #[test]
    fn who_passes_calls_on_is_as_fast_as_who_serves_them() {
        assert_eq!(tokens_per_second("cerebras"), Some(4_000));
        assert_eq!(tokens_per_second("huggingface_fireworks-ai"), tokens_per_second("fireworks_ai"));
        assert!(tokens_per_second("openrouter") >= tokens_per_second("cerebras"));
        assert_eq!(tokens_per_second("openai"), None);
    }
}
