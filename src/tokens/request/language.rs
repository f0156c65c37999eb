//! Under which names, and where, does each API look for how much it is to write?
//!
//! A limit in another API's words is no limit: OpenAI's chat ignores `num_predict`, and a
//! budget that believed it would hold too little. So each API is a [`Language`], a value of
//! this file, and languages are told apart by their address in memory. If nobody knows
//! which is spoken, [`ANY`] reads the words of all, and the largest limit counts.
//!
//! To add an API: a `static` here, and its provider in [`Language::of_provider`] or its path in
//! the routes of the HTTP gate.

use serde_json::{Map, Value};

/// The words of one API for the size of its answers. Words of other APIs are no limit to it.
#[derive(Debug)]
pub(crate) struct Language {
    /// Whether it looks beside the messages, at the top.
    pub(super) at_top: bool,
    /// Objects in which it looks.
    pub(crate) nested: &'static [&'static str],
    /// What an output limit is called.
    pub(crate) limits: &'static [&'static str],
    /// What others call one, and this API does not read: it says what is wanted, and limits nothing.
    pub(super) wishes: &'static [&'static str],
    /// What the number of answers is called.
    pub(crate) choices: &'static [&'static str],
    /// The limit to write if none stands: the object that it belongs into, and its name.
    pub(crate) written: Option<(Option<&'static str>, &'static str)>,
    /// The words by which it switches reasoning off; all if there are none.
    pub(super) thinking: &'static [&'static str],
}

impl Language {
    /// A language whose words all stand at the top, and whose first limit is the one to write.
    pub(super) const fn flat(limits: &'static [&'static str], choices: &'static [&'static str]) -> Self {
        let written = match limits {
            [first, ..] => Some((None, *first)),
            [] => None,
        };
        Self { at_top: true, nested: &[], limits, wishes: &[], choices, written, thinking: &[] }
    }

    /// A language whose words all stand in one object, which may have two names.
    pub(super) const fn inside(
        nested: &'static [&'static str],
        limits: &'static [&'static str],
        choices: &'static [&'static str],
    ) -> Self {
        let written = match (nested, limits) {
            ([object, ..], [first, ..]) => Some((Some(*object), *first)),
            _ => None,
        };
        Self { at_top: false, nested, limits, wishes: &[], choices, written, thinking: &[] }
    }

    /// The same, switching reasoning off by those words alone.
    const fn thinking(mut self, words: &'static [&'static str]) -> Self {
        self.thinking = words;
        self
    }

    /// The same, if those words only say what is wanted.
    const fn wishing(mut self, words: &'static [&'static str]) -> Self {
        self.wishes = words;
        self
    }

    /// The same, if nobody knows how to write a limit in.
    pub(super) const fn unwritten(mut self) -> Self {
        self.written = None;
        self
    }

    /// Whether a limit of zero is one: to read a prompt and write nothing (with `echo`), or to fill a cache, at those
    /// who say so. Elsewhere it is refused, or stands for no limit.
    pub(crate) fn takes_none(&'static self, provider: Option<&str>) -> bool {
        match provider {
            Some("openai" | "azure") => std::ptr::eq(self, &raw const COMPLETIONS),
            Some("anthropic") => std::ptr::eq(self, &raw const MESSAGES),
            _ => false,
        }
    }

    /// Whether nothing may be written into a request that holds a prediction: OpenAI's chat does not take its limit
    /// beside one, and nobody knows whether others do who speak like it.
    pub(crate) fn leaves_predictions(&'static self, provider: Option<&str>) -> bool {
        let is_chat = std::ptr::eq(self, &raw const CHAT) || std::ptr::eq(self, &raw const OLD_CHAT);
        std::ptr::eq(self, &raw const OPENAI_CHAT)
            || is_chat && matches!(provider, None | Some("openai" | "azure" | "azure_ai"))
    }

    /// Whether what it makes is no text, and has no limit.
    pub(crate) fn is_media(&'static self) -> bool {
        std::ptr::eq(self, &raw const MEDIA)
    }

    /// Where it looks: the body itself, and those of its objects that stand in it.
    pub(crate) fn places<'a, T: 'a>(
        &'static self,
        body: T,
        nested: impl Fn(&str) -> Option<T> + 'a,
    ) -> impl Iterator<Item = T> + 'a {
        let inside = self.nested.iter().filter_map(move |name| nested(name));
        self.at_top.then_some(body).into_iter().chain(inside)
    }

    /// The language of a provider whose API is told by the body; `None` if it speaks several, or is not known.
    pub(super) fn of_provider(provider: Option<&str>, body: &Map<String, Value>) -> Option<&'static Self> {
        let says = |field: &str| says(body, field);
        Some(match provider? {
            "anthropic" if says("messages") => &MESSAGES,
            "ollama" => &OLLAMA,
            "cohere" => &COHERE,
            "google" | "gemini" | "vertex_ai" if says("contents") => &GEMINI,
            "openai" | "azure" if is_media(body) => &MEDIA,
            "openai" | "azure" | "xai" | "openrouter" if says("input") => &RESPONSES,
            "openai" | "azure" if body.get("prompt").is_some_and(is_sent) => &COMPLETIONS,
            seller if says("messages") && speaks_chat(seller) => {
                let model = body.get("model").and_then(Value::as_str).unwrap_or_default();
                Self::chat_of(provider, model)
            }
            _ => return None,
        })
    }

    /// The chat of that seller, by the names under which it reads a limit.
    ///
    /// Where a host is not known both names count: a proxy in front of OpenAI refuses a request that has both, so none
    /// can be written in beside the other.
    pub(crate) fn chat_of(provider: Option<&str>, model: &str) -> &'static Self {
        match provider {
            Some("openai" | "azure") => &OPENAI_CHAT,
            // Models of OpenAI's refuse what has both names, here too.
            Some("azure_ai") if is_of_openai(model) => &CHAT,
            Some(seller) if READ_OLD_NAME.contains(&seller) => &OLD_CHAT,
            _ => &CHAT,
        }
    }
}

/// Sellers of chat by OpenAI's form whose references name `max_tokens` alone. DeepSeek ignores the other name.
const READ_OLD_NAME: [&str; 13] = [
    "azure_ai",
    "cohere",
    "dashscope",
    "deepseek",
    "huggingface",
    "mistral",
    "nvidia_nim",
    "ollama",
    "perplexity",
    "sambanova",
    "together",
    "together_ai",
    "zai",
];

/// Whether a body with messages is read by that seller as OpenAI's chat is, and in no other way.
fn speaks_chat(seller: &str) -> bool {
    const READ_BOTH: [&str; 9] =
        ["openai", "azure", "groq", "cerebras", "openrouter", "xai", "fireworks", "fireworks_ai", "moonshot"];
    READ_BOTH.contains(&seller) || READ_OLD_NAME.contains(&seller)
}

/// Whether a body asks OpenAI for vectors, images or speech, and not for text: `input` and `prompt` stand in both.
pub(super) fn is_media(body: &Map<String, Value>) -> bool {
    const FIELDS: [&str; 9] = [
        "voice",
        "encoding_format",
        "dimensions",
        "input_type",
        "documents",
        "query",
        "texts",
        "size",
        "quality",
    ];
    let model = body.get("model").and_then(Value::as_str).unwrap_or_default();
    let is_named = ["embed", "rerank", "moderation", "tts", "image", "dall-e", "whisper", "sora"]
        .iter()
        .any(|word| model.contains(word));
    !says(body, "messages") && (is_named || FIELDS.iter().any(|field| says(body, field)))
}

/// Whether a field stands in a body and says something: a null is the same as none.
pub(super) fn says(body: &Map<String, Value>, field: &str) -> bool {
    body.get(field).is_some_and(|value| !value.is_null())
}

/// Whether a prompt is sent, and not kept at the provider.
pub(super) fn is_sent(prompt: &Value) -> bool {
    !prompt.is_object() && !prompt.is_null()
}

/// Where thinking is given a budget that counts inside the limit: Anthropic's names, alone and inside Converse's,
/// Google's in its spellings, and OpenRouter's.
pub(crate) const THINKING: [&[&str]; 9] = [
    &["thinking", "budget_tokens"],
    &["additionalModelRequestFields", "thinking", "budget_tokens"],
    &["additionalModelRequestFields", "reasoning_config", "budget_tokens"],
    &["thinking", "token_budget"],
    &["generationConfig", "thinkingConfig", "thinkingBudget"],
    &["generationConfig", "thinking_config", "thinking_budget"],
    &["generation_config", "thinkingConfig", "thinkingBudget"],
    &["generation_config", "thinking_config", "thinking_budget"],
    &["reasoning", "max_tokens"],
];

/// What a limit is called for that model: OpenAI's models that reason refuse the old name, also behind an address
/// that nobody knows.
pub(crate) fn name_for(
    language: &'static Language,
    name: &'static str,
    provider: Option<&str>,
    model: &str,
) -> &'static str {
    const NEW: &str = "max_completion_tokens";
    let is_unknown = matches!(provider, None | Some("azure_ai"));
    if is_unknown && std::ptr::eq(language, &raw const CHAT) && takes_new_name_only(model) {
        NEW
    } else {
        name
    }
}

/// Whether OpenAI made the model, by its name.
fn is_of_openai(model: &str) -> bool {
    let name = model.rsplit('/').next().unwrap_or(model);
    takes_new_name_only(model) || ["gpt-", "chatgpt-"].iter().any(|start| name.starts_with(start))
}

/// OpenAI's o-series, and GPT from the fifth on.
fn takes_new_name_only(model: &str) -> bool {
    let name = model.rsplit('/').next().unwrap_or(model);
    let digit_after =
        |prefix: &str| name.strip_prefix(prefix).and_then(|rest| rest.chars().next()?.to_digit(10));
    digit_after("o").is_some() || digit_after("gpt-").is_some_and(|version| version >= 5)
}

/// OpenAI's own chat: models that reason take the new name only.
pub(crate) static OPENAI_CHAT: Language =
    Language::flat(&["max_completion_tokens", "max_tokens"], &["n"]).thinking(&["reasoning_effort"]);
/// The chat of others who speak like OpenAI: most take the old name only.
pub(crate) static CHAT: Language = Language::flat(&["max_tokens", "max_completion_tokens"], &["n"]);
/// The same if the new name is not read: what it asks for is written in under the old one.
pub(crate) static OLD_CHAT: Language =
    Language::flat(&["max_tokens"], &["n"]).wishing(&["max_completion_tokens"]);
/// OpenAI's completions: of `best_of` answers all are billed.
pub(crate) static COMPLETIONS: Language = Language::flat(&["max_tokens"], &["n", "best_of"]);
/// OpenAI's Responses.
pub(crate) static RESPONSES: Language = Language::flat(&["max_output_tokens"], &[]).thinking(&["reasoning"]);
/// OpenAI's compaction of a conversation, which takes the words of a response but no limit.
pub(crate) static COMPACTION: Language = Language::flat(&[], &[]).thinking(&["reasoning"]);
/// Images and speech of OpenAI's, which have no limit.
pub(crate) static MEDIA: Language = Language::flat(&[], &["n"]);
/// Anthropic's Messages.
pub(crate) static MESSAGES: Language = Language::flat(&["max_tokens"], &[]).thinking(&["thinking"]);
/// Anthropic's text completions.
pub(crate) static COMPLETE: Language = Language::flat(&["max_tokens_to_sample"], &[]);
/// Cohere's chat and generation.
pub(crate) static COHERE: Language = Language::flat(&["max_tokens"], &["num_generations"]);
/// Ollama's own API, which looks among its options alone.
pub(crate) static OLLAMA: Language =
    Language::inside(&["options"], &["num_predict"], &[]).thinking(&["think"]);
/// Bedrock's Converse.
pub(crate) static CONVERSE: Language =
    Language::inside(&["inferenceConfig"], &["maxTokens"], &[]).thinking(&["additional"]);
/// Protocol buffers in JSON: every name is taken in both spellings.
pub(crate) static GEMINI: Language = Language::inside(
    &["generationConfig", "generation_config"],
    &["maxOutputTokens", "max_output_tokens"],
    &["candidateCount", "candidate_count"],
)
.thinking(&["google"]);
/// All of them at once, if nobody knows which is spoken.
pub(crate) static ANY: Language = Language {
    at_top: true,
    nested: &["inferenceConfig", "generationConfig", "generation_config", "options", "textGenerationConfig"],
    limits: &[
        "max_completion_tokens",
        "max_output_tokens",
        "max_tokens",
        "maxTokens",
        "maxOutputTokens",
        "max_tokens_to_sample",
        "num_predict",
        "max_new_tokens",
        "max_gen_len",
        "maxTokenCount",
    ],
    wishes: &[],
    choices: &["n", "candidateCount", "candidate_count", "num_generations", "best_of", "numResults"],
    written: None,
    thinking: &[],
};

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::tokens::RequestShape;

    fn limit(provider: Option<&str>, body: Value) -> Option<u64> {
        RequestShape::read_for(provider, &body).expect("an object").output_tokens_max
    }

    #[test]
    fn a_providers_own_words_alone_are_a_limit_to_it() {
        let foreign = json!({"messages": [], "num_predict": 1, "options": {"max_tokens": 2}});
        assert_eq!(limit(Some("openai"), foreign.clone()), None);
        assert_eq!(limit(Some("nobody-knows"), foreign), Some(2), "the larger, where any may be read");
        assert_eq!(limit(Some("ollama"), json!({"messages": [], "max_tokens": 1})), None);
        assert_eq!(limit(Some("ollama"), json!({"options": {"num_predict": 3}})), Some(3));
    }

    #[test]
    fn a_limit_that_bounds_nothing_takes_the_place_of_every_other() {
        let with = |other: Value| limit(None, json!({"max_tokens": 1, "max_completion_tokens": other}));
        assert_eq!((with(json!(-1)), with(json!("16000")), with(json!(null))), (None, None, Some(1)));
    }

    #[test]
    fn answers_beyond_counting_are_the_most_that_can_be_counted() {
        let choices = |n: &str| {
            let body = format!(r#"{{"messages": [], "n": {n}}}"#);
            RequestShape::parse(body.as_bytes()).expect("an object").choices
        };
        assert_eq!((choices("3"), choices("3.0"), choices("0"), choices("-1")), (3, 3, 1, 1));
        assert_eq!(
            (choices("4294967296"), choices("18446744073709551616"), choices("2.5")),
            (u32::MAX, u32::MAX, 3)
        );
    }

    #[test]
    fn a_wrapped_request_is_read_only_where_nothing_stands_beside_it() {
        let inner = json!({"converse": {"inferenceConfig": {"maxTokens": 1}, "messages": []}});
        assert_eq!(limit(Some("bedrock"), json!({"input": inner.clone()})), Some(1));
        assert_eq!(limit(None, json!({"max_tokens": 9, "messages": [], "input": inner})), Some(9));
    }
}
