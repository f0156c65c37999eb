//! What does a request say about its size and price?

use super::draft::Media;
use crate::values::call::conditions::CacheWrites;
use crate::values::call::fee::Reading;
use crate::values::{Meter, Prompt, SearchContext, ShortText};

/// What a request says about its size and price, read off its JSON body.
///
/// One reader serves the bodies of OpenAI (chat, responses, completions, embeddings),
/// Anthropic, Gemini, Bedrock Converse, Cohere, Mistral, Ollama, and whoever speaks one of
/// those languages: their fields do not contradict each other, so the caller need not name
/// the API. If limits in the words of several APIs stand in a body, the largest counts. The
/// HTTP gate knows the API, and heeds its words alone.
///
/// Nothing that may cost tokens is dropped silently:
/// - A part of an unknown kind counts as the text of its JSON.
/// - A PDF that stands in the body is read for its pages.
/// - A file that is only named is [`Part::Opaque`](crate::values::Part::Opaque), and so is what is
///   nested more than 32 levels deep.
/// - Settings that a model never reads (`temperature`, `metadata`, …) are left out.
///
/// What one gets wrong: the shape says what the request *asks for*. Whether the provider
/// heeds a limit, and what a request without a limit may generate, depends on the API: see
/// [`OnNoLimit`](crate::values::OnNoLimit).
///
/// # Example: a tool, a schema, and a picture
/// ```
/// use token_budget::tokens::RequestShape;
///
/// let body = br#"{
///     "model": "gpt-4o", "stream": true, "max_completion_tokens": 300, "n": 2,
///     "messages": [
///         {"role": "system", "content": "Be brief."},
///         {"role": "user", "content": [
///             {"type": "text", "text": "What is this?"},
///             {"type": "image_url", "image_url": {"url": "https://example.com/cat.png", "detail": "low"}}
///         ]}
///     ],
///     "tools": [{"type": "function", "function": {"name": "look_closer", "parameters": {"type": "object"}}}]
/// }"#;
/// let shape = RequestShape::parse(body)?;
/// assert_eq!(shape.model.as_deref(), Some("gpt-4o"));
/// assert_eq!((shape.output_tokens_max, shape.choices, shape.stream), (Some(300), 2, true));
/// assert_eq!((shape.prompt.messages.len(), shape.prompt.tools.len()), (2, 1));
/// # Ok::<(), token_budget::Error>(())
/// ```
///
/// # Example: what nobody knows counts as its JSON, and a file id as the whole context
/// ```
/// use token_budget::tokens::{ByteBoundEstimator, Estimate, RequestShape};
/// use token_budget::TokenEstimator;
///
/// let estimate = |part: &str| -> Result<Estimate, token_budget::Error> {
///     let body = format!(r#"{{"messages": [{{"role": "user", "content": [{part}]}}]}}"#);
///     Ok(ByteBoundEstimator.bound("gpt-4o", &RequestShape::parse(body.as_bytes())?.prompt))
/// };
/// // 32 bytes of JSON, 3 + 1 around the message, 3 in front.
/// assert_eq!(estimate(r#"{"type":"hologram","data":"abc"}"#)?, Estimate::bound(39));
/// assert!(estimate(r#"{"type":"file","file":{"file_id":"file-1"}}"#)?.needs_model_maximum());
/// # Ok::<(), token_budget::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RequestShape {
    /// The model, if the body names it: on Bedrock, Vertex and Gemini the address does.
    pub model: Option<ShortText>,
    /// Everything that the model reads.
    pub prompt: Prompt,
    /// The most output tokens of one answer that the request asks for. `None` if it names
    /// no limit, or one that bounds nothing, such as -1.
    pub output_tokens_max: Option<u64>,
    /// The same in a word that the API does not read: a wish, and no limit.
    pub(super) output_tokens_wished: Option<u64>,
    /// How many answers the request asks for at once, those of every prompt of a list
    /// together; one unless the body says more.
    pub choices: u32,
    /// Whether the request asks for a stream.
    pub stream: bool,
    /// The service tier, in the request's own word. Of two words the dearer.
    pub service_tier: Option<ShortText>,
    /// Whether the request asks its provider to write something to a cache, which some
    /// providers bill apart.
    pub writes_cache: bool,
    /// Whether the answer is to be made in the background: it goes on though nobody
    /// listens.
    pub background: bool,
    /// Whether the request switches reasoning on or off by name; `None` if the body says
    /// nothing about it.
    pub reasoning: Option<bool>,
    /// How fast the model is to run, in the request's own word: Anthropic's `speed`, the
    /// `latency` of Bedrock's `performanceConfig`.
    pub speed: Option<ShortText>,
    /// Where the model is to run, in the request's own word: Anthropic's `inference_geo`.
    pub region: Option<ShortText>,
    /// Models that may answer in place of the one that is named: OpenRouter's `models`, LiteLLM's `fallbacks`.
    pub models: Vec<ShortText>,
    /// Fees that the request may incur, and how often at most; `None` if nobody knows how
    /// often.
    pub uses: Vec<(Meter, Option<u64>)>,
    /// Whether the answer begins with the prompt: the `echo` of legacy completions.
    pub echo: bool,
    /// What the request lets its provider write to a cache.
    pub(super) cache: CacheWrites,
    /// How many inputs the model reads each by itself: texts to embed, prompts to complete.
    pub(super) inputs: u32,
    /// What the request shows beside text.
    pub(super) media: Media,
    /// What the answer is to be made of beside text, if the request says so.
    pub(super) answer: Option<Media>,
    /// How much the searches are to put before the model, if the request says so.
    pub(super) search: Option<SearchContext>,
    /// What the provider may read once more, with its own model or another.
    pub(super) readings: Vec<Reading>,
}
