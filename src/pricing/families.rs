//! Which sellers are known to be fast, what is known to be free, and which tools bring which fee?
//!
//! Everything in this file is knowledge about sellers that no publication states in a
//! field. Each entry errs towards holding too much, names its source where there is
//! one, and is overruled by a row that says otherwise.

use super::matching::canonical_provider;
use crate::values::Meter;

use Meter::{CodeExecution, FileSearch, ImageGeneration, MapsSearch, WebFetch, WebSearch};

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
/// compared with no published file, in millionths of a dollar. Held for, and never charged by it: an answer that counts
/// such a use is not complete.
///
/// Code at Anthropic is an hour of a container (the first 1,550 hours of a month are free), and at Groq an hour; an
/// image at OpenAI and Azure is one of the dearest size and quality.
const TOOL_FEES: [(&str, &[(Meter, u128)]); 15] = [
    (
        "openai",
        &[(WebSearch, 25_000), (FileSearch, 2_500), (CodeExecution, 30_000), (ImageGeneration, 250_000)],
    ),
    (
        "azure",
        &[(WebSearch, 35_000), (FileSearch, 2_500), (CodeExecution, 33_000), (ImageGeneration, 250_000)],
    ),
    ("anthropic", &[(WebSearch, 10_000), (WebFetch, 0), (CodeExecution, 50_000)]),
    (
        "google",
        &[(WebSearch, 35_000), (MapsSearch, 25_000), (WebFetch, 0), (CodeExecution, 0), (FileSearch, 0)],
    ),
    ("vertex_ai", &[(WebSearch, 45_000), (MapsSearch, 25_000), (WebFetch, 0), (CodeExecution, 0)]),
    ("xai", &[(WebSearch, 10_000), (CodeExecution, 10_000), (FileSearch, 10_000)]),
    (
        "mistral",
        &[(WebSearch, 30_000), (CodeExecution, 30_000), (ImageGeneration, 100_000), (FileSearch, 10_000)],
    ),
    ("groq", &[(WebSearch, 8_000), (WebFetch, 1_000), (CodeExecution, 180_000)]),
    ("perplexity", &[(WebSearch, 14_000), (WebFetch, 500)]),
    ("openrouter", &[(WebSearch, 50_000), (WebFetch, 50_000)]),
    ("moonshot", &[(WebSearch, 5_000)]),
    ("zai", &[(WebSearch, 10_000)]),
    ("dashscope", &[(WebSearch, 10_000)]),
    ("cohere", &[(WebSearch, 10_000)]),
    ("bedrock", &[(WebSearch, 35_000), (CodeExecution, 0)]),
];

/// The fee of a seller's tool in units of [`ExactUsd`](super::ExactUsd), where its price list is known.
pub(super) fn tool_fee(provider: &str, meter: Meter) -> Option<u128> {
    let (_, fees) = TOOL_FEES.into_iter().find(|(seller, _)| *seller == provider)?;
    let (_, millionths) = fees.iter().find(|(tool, _)| *tool == meter)?;
    Some(millionths.saturating_mul(1_000_000_000_000_000_000_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_passes_calls_on_is_as_fast_as_who_serves_them() {
        assert_eq!(tokens_per_second("cerebras"), Some(4_000));
        assert_eq!(tokens_per_second("huggingface_fireworks-ai"), tokens_per_second("fireworks_ai"));
        assert!(tokens_per_second("openrouter") >= tokens_per_second("cerebras"));
        assert_eq!(tokens_per_second("openai"), None);
    }
}
