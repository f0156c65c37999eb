//! How is a request told to ask for less output?
//!
//! A call is admitted for so many output tokens, so its request must not ask for more. Each
//! limit in it that its provider reads is lowered; none is raised. If there is none, one is
//! written in the provider's own words, in the spelling that the body uses. A limit that
//! bounds nothing (-1, a text) is written anew where it stands: a second one beside it
//! might be the one that is not read.

use crate::values::ShortText;
use serde_json::{Map, Value};

use super::language::{self, Language};
use super::settings::whole;
use super::unsaid::{self, Said};
use crate::Call;
use crate::values::no_limit::OutputTerms;

/// Lets a request ask for at most so many output tokens of each answer: every limit in it that its provider
/// reads is lowered, and one is added in the provider's own words if it has none. False if there are none,
/// or if its own thinking must stay below.
pub(crate) fn limit_output(body: &mut Map<String, Value>, provider: Option<&str>, tokens: u64) -> bool {
    let known = Language::of_provider(provider, body);
    let own = known.unwrap_or_else(|| by_shape(body));
    let is_anthropic = [&raw const language::MESSAGES, &raw const language::CONVERSE]
        .iter()
        .any(|strict| std::ptr::eq(own, *strict));
    if is_anthropic && tokens <= thinking(body) {
        return false;
    }
    let language = known.unwrap_or(&language::ANY);
    let mut is_limited = language.at_top && lower(body, language, own, tokens);
    for field in language.nested {
        if let Some(Value::Object(settings)) = body.get_mut(*field) {
            is_limited |= lower(settings, language, own, tokens);
        }
    }
    is_limited || add(body, own, provider, tokens)
}

/// Adds the limit in the words of `own`.
fn add(body: &mut Map<String, Value>, own: &'static Language, provider: Option<&str>, tokens: u64) -> bool {
    let Some((place, field)) = own.written else { return false };
    if predicts(own, provider, body) {
        return false;
    }
    let model = body.get("model").and_then(Value::as_str).unwrap_or_default();
    let field = language::name_for(own, field, provider, model);
    // In the spelling that the body uses.
    let place =
        place.map(|first| own.nested.iter().copied().find(|name| body.contains_key(*name)).unwrap_or(first));
    let settings = match place {
        Some(place) => {
            let settings = body.entry(place).or_insert(Value::Null);
            if settings.is_null() {
                *settings = Value::Object(Map::new());
            }
            settings.as_object_mut()
        }
        None => Some(body),
    };
    let Some(settings) = settings else { return false };
    let spelt = own.limits.iter().copied().find(|name| place.is_some() && settings.contains_key(*name));
    settings.insert(spelt.unwrap_or(field).to_owned(), tokens.into());
    true
}

/// What is known of a call's output beside the limit that its request names, for that provider.
pub(crate) fn output_terms(provider: Option<&str>, body: &Map<String, Value>, call: &Call) -> OutputTerms {
    let known = Language::of_provider(provider, body);
    // Whose words they are is told by the body, which is how a limit is written into it.
    let language = known.unwrap_or_else(|| by_shape(body));
    let read = known.unwrap_or(&language::ANY);
    let places = read.places(body, |name| body.get(name).and_then(Value::as_object));
    let said = Said {
        media: known.is_none() && language::is_media(body),
        prediction: body.get("prediction").is_some_and(|prediction| !prediction.is_null()),
        zero: language.limits.iter().any(|name| body.get(*name).and_then(whole) == Some(0)),
        limit: places
            .flat_map(|place| read.limits.iter().filter_map(|name| place.get(*name)))
            .any(|limit| !limit.is_null()),
    };
    let models = std::iter::once(&call.model).chain(&call.models).map(ShortText::as_str);
    let api = unsaid::api_limit(language, provider, models, said);
    OutputTerms { api, thinking: thinking(body), ..call.output_terms }
}

/// Whether it holds a prediction, beside which no limit may be written in.
fn predicts(language: &'static Language, provider: Option<&str>, body: &Map<String, Value>) -> bool {
    let is_said = body.get("prediction").is_some_and(|prediction| !prediction.is_null());
    is_said && language.leaves_predictions(provider)
}

/// Tokens of thinking that the request asks for.
fn thinking(body: &Map<String, Value>) -> u64 {
    let inside = |path: &[&str]| {
        let (first, rest) = path.split_first()?;
        let value = rest.iter().try_fold(body.get(*first)?, |value, name| value.get(*name))?;
        whole(value)
    };
    language::THINKING.iter().filter_map(|path| inside(path)).max().unwrap_or(0)
}

/// Lowers every limit that stands there. One that bounds nothing is written anew, and is a limit from then on if
/// `own`, the language that the body looks to be in, has it.
fn lower(
    settings: &mut Map<String, Value>,
    language: &'static Language,
    own: &'static Language,
    tokens: u64,
) -> bool {
    let mut found = false;
    for field in language.limits {
        let Some(limit) = settings.get_mut(*field).filter(|limit| !limit.is_null()) else { continue };
        let asked = whole(limit).filter(|asked| *asked > 0);
        found |= asked.is_some() || own.limits.contains(field);
        if asked.is_none_or(|asked| asked > tokens) {
            *limit = tokens.into();
        }
    }
    found
}

/// The language that a body looks to be in, whoever it is sent to.
fn by_shape(body: &Map<String, Value>) -> &'static Language {
    let says = |field: &str| language::says(body, field);
    match () {
        () if says("contents") => &language::GEMINI,
        () if says("inferenceConfig") => &language::CONVERSE,
        () if says("options") || says("keep_alive") => &language::OLLAMA,
        () if says("input") && !says("messages") => &language::RESPONSES,
        () if body.get("prompt").is_some_and(language::is_sent) && !says("messages") => {
            &language::COMPLETIONS
        }
        () => &language::CHAT,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn limited(body: Value, provider: Option<&str>, tokens: u64) -> Value {
        let Value::Object(mut body) = body else { panic!("an object") };
        assert!(limit_output(&mut body, provider, tokens));
        Value::Object(body)
    }

    #[test]
    fn a_limit_is_lowered_where_it_stands_and_never_raised() {
        let body = json!({"max_tokens": 900, "generationConfig": {"maxOutputTokens": 50}});
        let expected = json!({"max_tokens": 100, "generationConfig": {"maxOutputTokens": 50}});
        assert_eq!(limited(body, None, 100), expected);
    }

    #[test]
    fn a_limit_in_the_words_of_another_api_is_left_alone_and_is_none() {
        let body = json!({"messages": [], "num_predict": 900, "options": {"max_tokens": 900}});
        let mut expected = body.clone();
        expected["max_completion_tokens"] = 100.into();
        assert_eq!(limited(body, Some("openai"), 100), expected);
        let body = json!({"messages": [], "max_tokens": 50});
        let expected = json!({"messages": [], "max_tokens": 50, "options": {"num_predict": 100}});
        assert_eq!(limited(body, Some("ollama"), 100), expected);
    }

    #[test]
    fn a_request_without_a_limit_is_given_one_in_its_providers_words() {
        let table = [
            (json!({"messages": []}), Some("openai"), json!({"messages": [], "max_completion_tokens": 7})),
            (json!({"messages": []}), Some("anthropic"), json!({"messages": [], "max_tokens": 7})),
            (json!({"messages": []}), None, json!({"messages": [], "max_tokens": 7})),
            (json!({"input": "hi"}), Some("openai"), json!({"input": "hi", "max_output_tokens": 7})),
            (
                json!({"contents": []}),
                None,
                json!({"contents": [], "generationConfig": {"maxOutputTokens": 7}}),
            ),
            (json!({"messages": []}), Some("ollama"), json!({"messages": [], "options": {"num_predict": 7}})),
            (
                json!({"messages": [], "inferenceConfig": {}}),
                Some("bedrock"),
                json!({"messages": [], "inferenceConfig": {"maxTokens": 7}}),
            ),
        ];
        for (body, provider, expected) in table {
            assert_eq!(limited(body, provider, 7), expected, "{provider:?}");
        }
    }
}
