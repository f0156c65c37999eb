//! What does a request ask for beside its messages?

use compact_str::CompactString;
use serde_json::{Map, Value};

use super::language::Language;
use super::{DEPTH_MAX, SYSTEM, TURNS, json, media};
use crate::message::{Message, Part, Prompt};

/// The request itself where it is wrapped, as for counting tokens on Bedrock, and nothing stands beside it.
pub(super) fn unwrapped(body: &Map<String, Value>) -> &Map<String, Value> {
    let is_wrapper = body.keys().all(|field| matches!(field.as_str(), "input" | "modelId"));
    let inside =
        |field: &str| body.get("input").and_then(|input| input.get(field)).and_then(Value::as_object);
    let request = is_wrapper.then(|| inside("converse").or_else(|| inside("invokeModel"))).flatten();
    request.unwrap_or(body)
}

pub(super) fn model(body: &Map<String, Value>) -> Option<CompactString> {
    ["model", "modelId", "model_id"]
        .iter()
        .find_map(|field| body.get(*field))
        .and_then(Value::as_str)
        .map(Into::into)
}

pub(super) fn service_tier(body: &Map<String, Value>) -> Option<CompactString> {
    let named = ["service_tier", "serviceTier"].iter().find_map(|field| body.get(*field))?;
    named.as_str().or_else(|| named.get("type")?.as_str()).map(Into::into)
}

/// Whether something is marked to be kept in a cache: Anthropic's mark, and Bedrock's.
pub(super) fn writes_cache(body: &Map<String, Value>) -> bool {
    has_mark(body, 0)
}

fn has_mark(part: &Map<String, Value>, depth: usize) -> bool {
    const MARKS: [&str; 2] = ["cache_control", "cachePoint"];
    MARKS.iter().any(|mark| part.get(*mark).is_some_and(|mark| !mark.is_null()))
        || part.values().any(|value| is_marked(value, depth.saturating_add(1)))
}

fn is_marked(value: &Value, depth: usize) -> bool {
    match value {
        // What lies deeper is read by nobody here, and counts as marked.
        Value::Object(_) | Value::Array(_) if depth > DEPTH_MAX => true,
        Value::Object(part) => has_mark(part, depth),
        Value::Array(parts) => parts.iter().any(|value| is_marked(value, depth.saturating_add(1))),
        _ => false,
    }
}

/// The largest limit in that language; `None` where there is none, or one that bounds nothing.
pub(super) fn output_tokens_max(body: &Map<String, Value>, language: &'static Language) -> Option<u64> {
    // Which of two fields a provider reads is its own affair: the larger is held.
    let limits = settings(body, language, language.limits);
    limits.map(|limit| whole(limit).filter(|tokens| *tokens > 0)).try_fold(None, |largest, limit| {
        let limit = limit?;
        Some(largest.max(Some(limit)))
    })?
}

pub(super) fn choices(body: &Map<String, Value>, language: &'static Language) -> u32 {
    let asked = settings(body, language, language.choices).filter_map(whole).max().unwrap_or(1);
    let each = u32::try_from(asked).unwrap_or(u32::MAX).max(1);
    each.saturating_mul(prompts(body))
}

/// How many prompts stand in a list of them, each of which is answered: texts, or lists of tokens.
fn prompts(body: &Map<String, Value>) -> u32 {
    let Some(Value::Array(prompts)) = body.get("prompt") else { return 1 };
    // A list of numbers is one prompt, already cut into tokens.
    if prompts.iter().all(Value::is_number) {
        return 1;
    }
    u32::try_from(prompts.len()).unwrap_or(u32::MAX).max(1)
}

/// Whether the answer is made though nobody listens.
pub(super) fn background(body: &Map<String, Value>) -> bool {
    body.get("background").is_some_and(|asked| !matches!(asked, Value::Null | Value::Bool(false)))
}

/// Whether reasoning is switched on or off by name. Of two words that disagree the one that switches it on counts.
pub(super) fn reasoning(body: &Map<String, Value>) -> Option<bool> {
    let inside = |outer: &str, field: &'static str| body.get(outer).and_then(|outer| outer.get(field));
    let google = ["generationConfig", "generation_config"];
    let google = google
        .iter()
        .find_map(|field| body.get(*field))
        .and_then(|config| config.get("thinkingConfig").or_else(|| config.get("thinking_config")));
    let words = [
        body.get("reasoning_effort"),
        inside("reasoning", "effort"),
        inside("reasoning", "enabled"),
        inside("reasoning", "max_tokens"),
        inside("thinking", "type"),
        inside("additionalModelRequestFields", "thinking").and_then(|thinking| thinking.get("type")),
        inside("additionalModelRequestFields", "reasoning_config").and_then(|config| config.get("type")),
        inside("additionalModelRequestFields", "reasoning_effort"),
        google.and_then(|config| config.get("thinkingBudget").or_else(|| config.get("thinking_budget"))),
        google.and_then(|config| config.get("thinkingLevel").or_else(|| config.get("thinking_level"))),
        body.get("enable_thinking"),
        inside("chat_template_kwargs", "enable_thinking"),
        body.get("think"),
    ];
    let off = |word: &Value| match word {
        Value::Bool(on) => !on,
        Value::Number(budget) => budget.as_i64() == Some(0),
        Value::String(word) => matches!(word.as_str(), "none" | "disabled" | "off"),
        _ => false,
    };
    let said = words.into_iter().flatten().filter(|word| !word.is_null()).map(|word| !off(word));
    said.reduce(|one, other| one || other)
}

/// What stands under those names wherever the language looks.
fn settings<'a>(
    body: &'a Map<String, Value>,
    language: &'static Language,
    fields: &'static [&'static str],
) -> impl Iterator<Item = &'a Value> {
    let places = language.places(body, |name| body.get(name)?.as_object());
    places
        .flat_map(move |place| fields.iter().filter_map(|field| place.get(*field)))
        .filter(|value| !value.is_null())
}

/// A whole number that is not negative, also where it is written `4096.0`; what is too large is the largest.
pub(super) fn whole(value: &Value) -> Option<u64> {
    let text = value.as_number()?.to_string();
    let digits = text.find(|sign: char| !sign.is_ascii_digit()).unwrap_or(text.len());
    match text.split_at_checked(digits)? {
        ("", _) => None,
        (whole, "" | ".0") => Some(whole.parse().unwrap_or(u64::MAX)),
        // A fraction, or more digits than are written out.
        _ => Some(u64::MAX),
    }
}

/// Where an answer's schema is asked for, by dialect.
const SCHEMAS: [&[&str]; 12] = [
    &["response_format", "json_schema"],
    &["response_format", "schema"],
    &["response_format", "json_object", "schema"],
    &["text", "format"],
    &["format"],
    &["output_config", "format"],
    &["output_format"],
    &["outputConfig", "textFormat", "structure", "jsonSchema"],
    &["generationConfig", "responseJsonSchema"],
    &["generationConfig", "responseSchema"],
    &["generationConfig", "response_json_schema"],
    &["generationConfig", "response_schema"],
];

/// Adds what the model reads beside messages and tools: schemas, switches, and fields of unknown meaning.
pub(super) fn asides(prompt: &mut Prompt, body: &Map<String, Value>) {
    let mut parts = Vec::new();
    for path in SCHEMAS {
        let mut found = path.first().and_then(|field| body.get(*field));
        for field in path.iter().skip(1) {
            found = found.and_then(|value| value.get(*field));
        }
        if let Some(schema) = found.filter(|value| is_schema(value)) {
            // Its name and whether it is strict are not shown to the model.
            let described = schema.get("description").and_then(Value::as_str).unwrap_or_default();
            let inner = schema.get("schema").unwrap_or(schema);
            let inner = inner.as_str().map_or_else(|| json(inner), Into::into);
            parts.push(Part::Schema(if described.is_empty() {
                inner
            } else {
                format!("{described}\n{inner}").into()
            }));
        }
    }
    if let Some(Value::Array(images)) = body.get("images") {
        parts.extend(images.iter().map(media::image));
    }
    if thinks(body) {
        parts.push(Part::Thinking);
    }
    let mode = body.get("reasoning").and_then(|reasoning| reasoning.get("mode")).and_then(Value::as_str);
    if mode == Some("pro") {
        // The prompt is read by several drafts: 1,549 tokens were billed for 18.
        parts.push(Part::Opaque);
    }
    // What the provider keeps is read again, and cannot be counted here.
    const KEPT: [&str; 4] = ["previous_response_id", "conversation", "cachedContent", "cached_content"];
    let is_kept = |field: &&str| body.get(*field).is_some_and(|value| !value.is_null());
    let is_stored = body.get("prompt").is_some_and(|prompt| prompt.get("id").is_some());
    if is_stored || KEPT.iter().any(is_kept) {
        parts.push(Part::Opaque);
    }
    for field in ["suffix", "inputText", "query", "system_prompt"] {
        parts.extend(body.get(field).and_then(Value::as_str).map(|text| Part::Text(text.into())));
    }
    let unknown =
        body.iter().filter(|(field, value)| !is_known(field) && (value.is_object() || value.is_array()));
    parts.extend(unknown.map(|(_, value)| Part::Text(json(value))));
    if parts.is_empty() {
        return;
    }
    match prompt.messages.first_mut() {
        Some(first) => first.parts.extend(parts),
        None => prompt.messages.push(Message { role: "system".into(), parts }),
    }
}

fn is_schema(value: &Value) -> bool {
    ["schema", "properties", "type", "anyOf", "$ref"].iter().any(|field| value.get(*field).is_some())
        && !matches!(value.get("type").and_then(Value::as_str), Some("text" | "json_object"))
}

/// Whether thinking is switched on by name: with a budget, an effort, or a flag.
fn thinks(body: &Map<String, Value>) -> bool {
    let extra = |field: &str| body.get("additionalModelRequestFields").and_then(|extra| extra.get(field));
    let thinking = body.get("thinking").or_else(|| extra("thinking")).or_else(|| extra("reasoning_config"));
    let enabled =
        thinking.and_then(|thinking| thinking.get("type")).and_then(Value::as_str) == Some("enabled");
    let has_budget = body.get("output_config").is_some_and(|config| config.get("task_budget").is_some());
    enabled
        || has_budget
        || body.get("reasoning").is_some_and(|reasoning| {
            reasoning.get("enabled").and_then(Value::as_bool) != Some(false)
                && ["effort", "max_tokens", "enabled"].iter().any(|field| reasoning.get(*field).is_some())
        })
}

/// Settings that no model reads, and fields that are read elsewhere.
const SETTINGS: [&str; 51] = [
    "model",
    "modelId",
    "tools",
    "functions",
    "toolConfig",
    "tool_config",
    "tool_choice",
    "function_call",
    "response_format",
    "text",
    "format",
    "output_config",
    "output_format",
    "outputConfig",
    "generationConfig",
    "generation_config",
    "inferenceConfig",
    "options",
    "thinking",
    "reasoning",
    "additionalModelRequestFields",
    "stream_options",
    "include",
    "stop",
    "stop_sequences",
    "stopSequences",
    "metadata",
    "logit_bias",
    "safetySettings",
    "safety_settings",
    "guardrailConfig",
    "modelArmorConfig",
    "moderation",
    "cache_control",
    "context_management",
    "web_search_options",
    "search_parameters",
    "search_settings",
    "mcp_servers",
    "plugins",
    "provider",
    "models",
    "transforms",
    "modalities",
    "audio",
    "labels",
    "performanceConfig",
    "serviceTier",
    "requestMetadata",
    "usage",
    "images",
];

fn is_known(field: &str) -> bool {
    SETTINGS.contains(&field) || SYSTEM.contains(&field) || TURNS.contains(&field)
}
