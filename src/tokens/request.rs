//! What does a request ask for, read off its JSON body?

mod content;
pub(crate) mod language;
mod limit;
mod media;
mod settings;
mod tools;

use std::sync::Arc;

use compact_str::CompactString;
use serde_json::{Map, Value};

pub(crate) use limit::{limit_output, output_terms};

use language::Language;

use crate::message::{Message, Prompt};
use crate::{Call, Error, ErrorKind, ServiceTier};

/// What a request says about its size and price, read off its JSON body.
///
/// One reader serves the bodies of OpenAI (chat, responses, completions,
/// embeddings), Anthropic, Gemini, Bedrock Converse, Cohere, Mistral, Ollama,
/// and whoever speaks one of those languages: their fields do not contradict
/// each other, so the API need not be told. Where limits in the words of several stand
/// in a body, the largest counts; who knows the API, as the HTTP gate does, heeds its own words alone.
///
/// Nothing that may cost tokens is dropped silently. A part of an unknown kind
/// counts as the text of its JSON, a file that is only named is
/// [`Part::Opaque`](crate::Part::Opaque), and what is nested more than 32 levels deep is too.
/// Settings that a model never reads (`temperature`, `metadata`, …) are left out.
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
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RequestShape {
    /// The model, where the body names it: on Bedrock, Vertex and Gemini the address does.
    pub model: Option<CompactString>,
    /// Everything that the model reads.
    pub prompt: Prompt,
    /// The most output tokens that were asked for, of one answer.
    pub output_tokens_max: Option<u64>,
    /// How many answers were asked for at once, those of every prompt of a list together; one unless said.
    pub choices: u32,
    /// Whether the answer is to be streamed.
    pub stream: bool,
    /// The service tier, as it was named.
    pub service_tier: Option<CompactString>,
    /// Whether it asks for something to be written to a cache, which some providers bill apart.
    pub writes_cache: bool,
    /// Whether the answer is to be made in the background, where it goes on though nobody listens.
    pub background: bool,
    /// Whether reasoning is switched on or off by name; `None` where the body says nothing about it.
    pub reasoning: Option<bool>,
}

/// Deeper parts are not read.
const DEPTH_MAX: usize = 32;
/// A larger body is refused: the largest that a provider takes is 32 MB.
const BYTES_MAX: usize = 32 * 1024 * 1024;

impl RequestShape {
    /// Reads a body as it is sent.
    ///
    /// # Errors
    /// [`ErrorKind::Unreadable`](crate::ErrorKind::Unreadable) where it is not a JSON object, or larger than 32 MiB.
    pub fn parse(body: &[u8]) -> Result<Self, Error> {
        Self::read(&parsed(body)?)
    }

    /// Reads a body that was parsed before.
    ///
    /// # Errors
    /// [`ErrorKind::Unreadable`](crate::ErrorKind::Unreadable) where it is not a JSON object.
    pub fn read(body: &Value) -> Result<Self, Error> {
        Ok(Self::spoken(settings::unwrapped(object(body)?), &language::ANY))
    }

    /// Reads a body as it is sent to an API whose language is known.
    pub(crate) fn parse_in(language: &'static Language, body: &[u8]) -> Result<Self, Error> {
        Ok(Self::spoken(object(&parsed(body)?)?, language))
    }

    /// Reads a body for that provider, whose language is known where it speaks only one.
    pub(crate) fn read_for(provider: Option<&str>, body: &Value) -> Result<Self, Error> {
        match Language::of_provider(provider, object(body)?) {
            Some(language) => Ok(Self::spoken(object(body)?, language)),
            None => Self::read(body),
        }
    }

    fn spoken(body: &Map<String, Value>, language: &'static Language) -> Self {
        Self {
            model: settings::model(body),
            prompt: prompt(body),
            output_tokens_max: settings::output_tokens_max(body, language),
            choices: settings::choices(body, language),
            stream: body.get("stream").and_then(Value::as_bool).unwrap_or(false),
            service_tier: settings::service_tier(body),
            writes_cache: settings::writes_cache(body),
            background: settings::background(body),
            reasoning: settings::reasoning(body),
        }
    }

    /// The same request as a call, without anybody who pays; `model` where the body names none.
    ///
    /// The tier that was asked for prices it, where its word is known, and so does a cache that is to be
    /// written. Add what the body cannot say: [`with_modality`](crate::Conditions::with_modality) for audio.
    ///
    /// ```
    /// use token_budget::RequestShape;
    ///
    /// let body = br#"{"model": "gpt-5.4", "service_tier": "priority", "messages": [{"role": "user", "content": "hi"}]}"#;
    /// let call = RequestShape::parse(body)?.into_call("gpt-5.4").organization("acme");
    /// assert_eq!(call.model(), "gpt-5.4");
    /// # Ok::<(), token_budget::Error>(())
    /// ```
    #[must_use]
    pub fn into_call(self, model: &str) -> Call {
        self.describe(Call::new(model))
    }

    /// Completes `call`, which says who pays, by what the body asks for; its model is taken where the body names none.
    ///
    /// What the call says beside that stays: its tags, its use case, its time-out, and every other condition.
    ///
    /// ```
    /// use token_budget::{Call, RequestShape};
    ///
    /// let charge = Call::charging().team("search").tag("feature", "summary");
    /// let body = br#"{"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}]}"#;
    /// let call = RequestShape::parse(body)?.describe(charge);
    /// assert_eq!((call.model(), call.tag_value("feature")), ("gpt-4o", Some("summary")));
    /// # Ok::<(), token_budget::Error>(())
    /// ```
    #[must_use]
    pub fn describe(self, call: Call) -> Call {
        let mut call = call.prompt(self.prompt).choices(self.choices);
        if let Some(model) = self.model {
            call = call.with_model(model);
        }
        if let Some(tier) = self.service_tier.as_deref().and_then(ServiceTier::named) {
            let conditions = call.conditions.with_tier(tier);
            call = call.conditions(conditions);
        }
        if self.writes_cache {
            let conditions = call.conditions.with_cache_writes();
            call = call.conditions(conditions);
        }
        if self.background {
            call = call.in_background();
        }
        if let Some(thinks) = self.reasoning {
            call = call.reasoning(thinks);
        }
        call.output_terms.is_unsaid = self.output_tokens_max.is_none();
        match self.output_tokens_max {
            Some(tokens) => call.output_tokens(tokens),
            None => call,
        }
    }
}

fn parsed(body: &[u8]) -> Result<Value, Error> {
    if body.len() > BYTES_MAX {
        return Err(unreadable(format!("has {} bytes, {BYTES_MAX} can be read", body.len())));
    }
    // The parser's own message could carry a piece of the prompt.
    serde_json::from_slice(body)
        .map_err(|error| unreadable(format!("is not JSON: line {}, column {}", error.line(), error.column())))
}

fn object(body: &Value) -> Result<&Map<String, Value>, Error> {
    body.as_object().ok_or_else(|| unreadable("is not a JSON object".to_owned()))
}

fn unreadable(problem: String) -> Error {
    Error::new(ErrorKind::Unreadable, format!("request: {problem}"))
}

impl Prompt {
    /// The prompt of a request's JSON body: see [`RequestShape`](crate::tokens::RequestShape).
    ///
    /// # Errors
    /// [`ErrorKind::Unreadable`](crate::ErrorKind::Unreadable) where it is not a JSON object.
    pub fn from_request(body: &Value) -> Result<Self, Error> {
        RequestShape::read(body).map(|shape| shape.prompt)
    }
}

/// Where the system's text stands, by dialect.
const SYSTEM: [&str; 6] =
    ["system", "instructions", "systemInstruction", "system_instruction", "preamble", "developer"];
/// Where the conversation stands, by dialect.
const TURNS: [&str; 8] =
    ["context", "chat_history", "messages", "contents", "input", "inputs", "prompt", "message"];

fn prompt(body: &Map<String, Value>) -> Prompt {
    let mut prompt = Prompt::default();
    for value in SYSTEM.iter().filter_map(|field| body.get(*field)) {
        let mut message = Message { role: "system".into(), parts: Vec::new() };
        content::read(&mut message, &mut prompt.tools, value, 0);
        if !message.parts.is_empty() {
            prompt.messages.push(message);
        }
    }
    for value in TURNS.iter().filter_map(|field| body.get(*field)) {
        content::turns(&mut prompt, value);
    }
    tools::read(&mut prompt, body);
    settings::asides(&mut prompt, body);
    prompt
}

/// The text of a value of unknown meaning, as it would be sent.
fn json(value: &Value) -> Arc<str> {
    value.to_string().into()
}
