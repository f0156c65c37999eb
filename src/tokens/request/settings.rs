//! What does a request ask for beside what the model reads?

use serde_json::Value;

use super::figures::whole_text;
use super::language::{ANY, Language};
use super::looks::{closeness, detail};
use super::name::Name;
use super::{conditions, inputs};
use crate::tokens::document::Node;
use crate::values::{Detail, ShortText};
use crate::{Error, ErrorKind};

/// The model that the body names.
pub(super) fn model(body: Node<'_>) -> Option<ShortText> {
    ["model", "modelId", "model_id"].iter().find_map(|field| body.get(field)).and_then(|name| word(name))
}

fn word(value: Node<'_>) -> Option<ShortText> {
    value.text().map(ShortText::from)
}

/// Other models that may answer in place of the one that is named: OpenRouter's list, and that of LiteLLM's proxy,
/// whose entries may be requests of their own. A list that is no list of fallbacks is refused, not cut, and so is an
/// entry that asks for more answers, longer ones, or anything else that has a price: none of that is held for it.
pub(super) fn models(body: Node<'_>) -> Result<Vec<ShortText>, Error> {
    /// The most that OpenRouter takes is three.
    const MOST: usize = 64;
    let mut models = Vec::new();
    for list in body.children().filter(|field| field.is_named("models") || field.is_named("fallbacks")) {
        for key in list.children().filter(Node::is_object).flat_map(|entry| entry.children()) {
            if !key.is_null() && !OF_A_FALLBACK.contains(&key.key().as_ref()) {
                let (name, key): (_, String) = (list.key(), key.key().chars().take(80).collect());
                return Err(unreadable(format!(
                    "{name}: {key:?} of an entry cannot be held for: say it of the whole request"
                )));
            }
        }
        models.extend(list.children().filter_map(|entry| word(entry).or_else(|| word(entry.get("model")?))));
        if models.len() > MOST {
            let (name, count) = (list.key(), models.len());
            return Err(unreadable(format!(
                "{name}: names {count}, and {MOST} are the most that may answer"
            )));
        }
    }
    Ok(models)
}

/// What an entry may say of a fallback without making it dearer than its model is; its messages count as text.
const OF_A_FALLBACK: [&str; 20] = [
    "api_base",
    "api_key",
    "api_version",
    "base_url",
    "custom_llm_provider",
    "frequency_penalty",
    "messages",
    "metadata",
    "model",
    "organization",
    "presence_penalty",
    "prompt",
    "seed",
    "stop",
    "system",
    "temperature",
    "timeout",
    "top_k",
    "top_p",
    "user",
];

/// The tier that is asked for; of two words the dearer, as nobody knows which one the provider reads.
pub(super) fn service_tier(body: Node<'_>) -> Option<ShortText> {
    let named = ["service_tier", "serviceTier"].iter().filter_map(|field| body.get(field));
    let words = named.filter_map(|named| word(named).or_else(|| word(named.get("type")?)));
    words.reduce(dearer)
}

/// How fast the model is to run; of two words the dearer.
pub(super) fn speed(body: Node<'_>) -> Option<ShortText> {
    let latency = |field: &str| word(body.get(field)?.get("latency")?);
    let words = [text(body, &["speed"]), latency("performanceConfig"), latency("performance_config")];
    words.into_iter().flatten().reduce(dearer)
}

/// The dearer of two words for a tier.
fn dearer(one: ShortText, other: ShortText) -> ShortText {
    if conditions::rank(&other) > conditions::rank(&one) { other } else { one }
}

pub(super) fn text(body: Node<'_>, names: &[&str]) -> Option<ShortText> {
    names.iter().find_map(|field| body.get(field)).and_then(word)
}

/// The largest limit in that language; `None` if there is none, or one that bounds nothing.
pub(super) fn output_tokens_max(body: Node<'_>, language: &'static Language) -> Option<u64> {
    // Which of two fields a provider reads is its own affair: the larger is held.
    let limits = settings(body, language, language.limits);
    limits.map(|limit| whole_text(limit.raw()).filter(|tokens| *tokens > 0)).try_fold(
        None,
        |largest, limit| {
            let limit = limit?;
            Some(largest.max(Some(limit)))
        },
    )?
}

/// The largest of what is wanted in words that the language does not read.
pub(super) fn output_tokens_wished(body: Node<'_>, language: &'static Language) -> Option<u64> {
    let wishes = settings(body, language, language.wishes);
    wishes.filter_map(|wish| whole_text(wish.raw())).filter(|tokens| *tokens > 0).max()
}

/// How many answers are asked for: the largest number under any name, for each prompt of a
/// list.
pub(super) fn choices(body: Node<'_>, language: &'static Language) -> u32 {
    // Converse hands these to the model as they are.
    let extra = body.get("additionalModelRequestFields").into_iter();
    let extra = extra.flat_map(|extra| ANY.choices.iter().filter_map(move |name| extra.get(name)));
    let asked = settings(body, language, language.choices).chain(extra);
    let asked = asked.filter_map(|n| whole_text(n.raw())).max().unwrap_or(1);
    let each = u32::try_from(asked).unwrap_or(u32::MAX).max(1);
    // Each prompt of a list is answered.
    each.saturating_mul(body.get("prompt").map_or(1, inputs::items))
}

/// What stands under those names wherever the language looks.
fn settings<'d>(
    body: Node<'d>,
    language: &'static Language,
    fields: &'static [&'static str],
) -> impl Iterator<Item = Node<'d>> {
    let places = language.places(body, move |name| body.get(name).filter(Node::is_object));
    places
        .flat_map(move |place| fields.iter().filter_map(move |field| place.get(field)))
        .filter(|value| !value.is_null())
}

/// The same of a value that was parsed before.
pub(super) fn whole(value: &Value) -> Option<u64> {
    value.as_number().and_then(|number| whole_text(&number.to_string()))
}

/// Whether the answer is made though nobody listens.
pub(super) fn background(body: Node<'_>) -> bool {
    body.get("background").is_some_and(|asked| !asked.is_null() && asked.switch() != Some(false))
}

/// Whether thinking is switched on by name: with a budget, an effort, or a flag.
pub(super) fn shows_thinking(body: Node<'_>) -> bool {
    let extra = |field: &str| body.get("additionalModelRequestFields")?.get(field);
    let thinking = body.get("thinking").or_else(|| extra("thinking")).or_else(|| extra("reasoning_config"));
    let is_enabled = thinking.and_then(|thinking| thinking.get("type")?.word()) == Some("enabled");
    let has_budget = body.get("output_config").is_some_and(|config| config.get("task_budget").is_some());
    is_enabled
        || has_budget
        || body.get("reasoning").is_some_and(|reasoning| {
            reasoning.get("enabled").and_then(|enabled| enabled.switch()) != Some(false)
                && ["effort", "max_tokens", "enabled"].iter().any(|field| reasoning.get(field).is_some())
        })
}

/// Whether all images are to be looked at in their own size: Alibaba's word, in both of its APIs.
pub(super) fn looks_closest(body: Node<'_>) -> bool {
    let places = [Some(body), body.get("parameters")];
    let words = places.into_iter().flatten().filter_map(|place| place.get("vl_high_resolution_images"));
    words.into_iter().any(|word| !word.is_null() && word.switch() != Some(false))
}

/// How closely Google's models look at PDFs and films, if the settings say so.
pub(super) fn looks(body: Node<'_>) -> Option<Detail> {
    let settings = body.children().filter(|field| Name::of(field).as_str() == "generationconfig");
    std::iter::once(body).chain(settings).filter_map(detail).max_by_key(|detail| closeness(*detail))
}

/// Whether several drafts read the prompt: 1,549 tokens were billed for 18.
pub(super) fn drafts(body: Node<'_>) -> bool {
    body.get("reasoning").and_then(|reasoning| reasoning.get("mode")?.word()) == Some("pro")
}

/// Whether reasoning is switched on or off by name. Of two words that disagree the one that switches it on counts,
/// and a word that the API does not know switches nothing off.
pub(super) fn reasoning(body: Node<'_>, language: &'static Language) -> Option<bool> {
    let google = ["generationConfig", "generation_config"].iter().find_map(|field| body.get(field));
    let google =
        google.and_then(|config| config.get("thinkingConfig").or_else(|| config.get("thinking_config")));
    let inside = |outer: &str, field: &str| body.get(outer)?.get(field);
    let extra = |field: &str| inside("additionalModelRequestFields", field);
    let google = |fields: [&str; 2]| fields.iter().find_map(|field| google?.get(field));
    let words = [
        ("reasoning_effort", body.get("reasoning_effort")),
        ("reasoning", inside("reasoning", "effort")),
        ("reasoning", inside("reasoning", "enabled")),
        ("reasoning", inside("reasoning", "max_tokens")),
        ("thinking", inside("thinking", "type")),
        ("additional", extra("thinking").and_then(|thinking| thinking.get("type"))),
        ("additional", extra("reasoning_config").and_then(|config| config.get("type"))),
        ("additional", extra("reasoning_effort")),
        ("google", google(["thinkingBudget", "thinking_budget"])),
        ("google", google(["thinkingLevel", "thinking_level"])),
        ("template", body.get("enable_thinking")),
        ("template", inside("chat_template_kwargs", "enable_thinking")),
        ("think", body.get("think")),
    ];
    let said = words.into_iter().filter_map(|(word, value)| {
        let value = value.filter(|value| !value.is_null())?;
        let is_off = value.switch() == Some(false)
            || value.raw() == "0"
            || matches!(value.word(), Some("none" | "disabled" | "off"));
        (!is_off || language.thinking.is_empty() || language.thinking.contains(&word)).then_some(!is_off)
    });
    said.reduce(|one, other| one || other)
}

pub(super) fn unreadable(problem: String) -> Error {
    Error::new(ErrorKind::Unreadable, format!("request: {problem}"))
}
