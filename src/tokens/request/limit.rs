//! How is a request told to ask for less output?

use serde_json::{Map, Value};

use super::language::{self, Language};
use super::settings::whole;

/// Lets a request ask for at most so many output tokens of each answer: every limit in it that its provider
/// reads is lowered, and one is added in the provider's own words where it has none.
pub(crate) fn limit_output(body: &mut Map<String, Value>, provider: Option<&str>, tokens: u64) {
    let known = Language::of_provider(provider, body);
    let language = known.unwrap_or(&language::ANY);
    let mut is_limited = language.at_top && lower(body, language, tokens);
    for field in language.nested {
        if let Some(Value::Object(settings)) = body.get_mut(*field) {
            is_limited |= lower(settings, language, tokens);
        }
    }
    let written = known.unwrap_or_else(|| by_shape(body)).written;
    if let (false, Some((place, field))) = (is_limited, written) {
        let settings = match place {
            Some(place) => {
                let place = body.entry(place).or_insert_with(|| Value::Object(Map::new()));
                place.as_object_mut()
            }
            None => Some(body),
        };
        if let Some(settings) = settings {
            settings.insert(field.to_owned(), tokens.into());
        }
    }
}

fn lower(settings: &mut Map<String, Value>, language: &'static Language, tokens: u64) -> bool {
    let mut found = false;
    for field in language.limits {
        // What is no whole number is no limit that its provider would understand.
        let Some(asked) = settings.get(*field).and_then(whole) else { continue };
        found = true;
        if asked == 0 || asked > tokens {
            settings.insert((*field).to_owned(), tokens.into());
        }
    }
    found
}

/// The language that a body looks to be in, whoever it is sent to.
fn by_shape(body: &Map<String, Value>) -> &'static Language {
    let says = |field: &str| body.contains_key(field);
    match () {
        () if says("contents") => &language::GEMINI,
        () if says("inferenceConfig") => &language::CONVERSE,
        () if says("input") && !says("messages") => &language::RESPONSES,
        () => &language::CHAT,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn limited(body: Value, provider: Option<&str>, tokens: u64) -> Value {
        let Value::Object(mut body) = body else { panic!("an object") };
        limit_output(&mut body, provider, tokens);
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
