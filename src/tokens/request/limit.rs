//! How is a request told to ask for less output?

use serde_json::{Map, Value};

use super::settings::{NESTED, OUTPUT_LIMITS, whole};

/// Lets a request ask for at most so many output tokens of each answer: every limit in it is lowered, and one
/// is added in its provider's own words where it has none.
pub(crate) fn limit_output(body: &mut Map<String, Value>, provider: Option<&str>, tokens: u64) {
    let mut is_limited = lower(body, tokens);
    for field in NESTED {
        if let Some(Value::Object(settings)) = body.get_mut(field) {
            is_limited |= lower(settings, tokens);
        }
    }
    if !is_limited {
        let (place, field) = words(body, provider);
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

fn lower(settings: &mut Map<String, Value>, tokens: u64) -> bool {
    let mut found = false;
    for field in OUTPUT_LIMITS {
        // What is no whole number is no limit that its provider would understand.
        let Some(asked) = settings.get(field).and_then(whole) else { continue };
        found = true;
        if asked == 0 || asked > tokens {
            settings.insert(field.to_owned(), tokens.into());
        }
    }
    found
}

/// Where a provider looks for the limit, and under which name.
fn words(body: &Map<String, Value>, provider: Option<&str>) -> (Option<&'static str>, &'static str) {
    let says = |field: &str| body.contains_key(field);
    match provider {
        Some("anthropic") => (None, "max_tokens"),
        Some("ollama") => (Some("options"), "num_predict"),
        _ if says("contents") => (Some("generationConfig"), "maxOutputTokens"),
        _ if says("inferenceConfig") => (Some("inferenceConfig"), "maxTokens"),
        _ if says("input") && !says("messages") => (None, "max_output_tokens"),
        // Models that reason take no other name.
        Some("openai" | "azure") if says("messages") => (None, "max_completion_tokens"),
        _ => (None, "max_tokens"),
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
