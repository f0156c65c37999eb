//! What does each line of a log say?

use std::collections::BTreeMap;
use std::error::Error;

use serde_json::{Value, json};
use token_budget::TokenEstimator;
use token_budget::call::Prompt;
use token_budget::tokens::{FamilyEstimator, RequestShape};
use token_budget::wire::extract;

/// A request, and the input tokens that its provider counted.
pub(crate) struct Record {
    pub(crate) line: usize,
    /// Requests of one file are left out together.
    pub(crate) file: String,
    pub(crate) model: String,
    pub(crate) prompt: Prompt,
    pub(crate) reported: u64,
}

/// Everything that can be judged, and why the rest cannot.
pub(crate) struct Records {
    pub(crate) list: Vec<Record>,
    /// Requests that no figure counts, by why.
    pub(crate) left_out: BTreeMap<&'static str, usize>,
}

impl Records {
    /// Reads a line at a time; blank lines are passed by.
    ///
    /// # Errors
    /// The first line that cannot be read, with its number and field.
    pub(crate) fn read(text: &str) -> Result<Self, Box<dyn Error>> {
        let mut records = Self { list: Vec::new(), left_out: BTreeMap::new() };
        for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let number = number + 1;
            let read = Record::read(number, line);
            records.add(read.map_err(|problem| format!("line {number}: {problem}"))?);
        }
        Ok(records)
    }

    fn add(&mut self, record: Record) {
        let needs_maximum =
            || FamilyEstimator::new().count(&record.model, &record.prompt).needs_model_maximum();
        let why = if record.reported == 0 {
            Some("the provider counted nothing")
        } else if needs_maximum() {
            Some("a part cannot be counted: held at the model's maximum")
        } else {
            None
        };
        match why {
            Some(why) => *self.left_out.entry(why).or_default() += 1,
            None => self.list.push(record),
        }
    }
}

impl Record {
    fn read(line: usize, text: &str) -> Result<Self, String> {
        let value: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let request = value.get("request").ok_or("field `request` is missing")?;
        let shape = RequestShape::read(request).map_err(|error| format!("field `request`: {error}"))?;
        let named = value.get("model").and_then(Value::as_str).or(shape.model.as_deref());
        let model = named.ok_or("field `model` is missing, and the request names none")?.to_owned();
        let reported = reported(&value)?;
        Ok(Self { line, file: file(&value["source"], line), model, prompt: shape.prompt, reported })
    }
}

/// From where a request comes: `source` as text, its project and path, or the line by itself.
fn file(source: &Value, line: usize) -> String {
    match (source.as_str(), source["path"].as_str()) {
        (Some(source), _) => source.to_owned(),
        (None, Some(path)) => format!("{} {path}", source["project"].as_str().unwrap_or_default()),
        (None, None) => format!("line {line}"),
    }
}

/// The input tokens that the provider counted, cache reads and writes included.
fn reported(value: &Value) -> Result<u64, String> {
    if let Some(total) = value.get("input_total").filter(|total| !total.is_null()) {
        return total.as_u64().ok_or_else(|| "field `input_total` is no whole number of tokens".to_owned());
    }
    let (field, body) = match (value.get("response"), value.get("usage")) {
        (Some(response), _) => ("response", response.clone()),
        (None, Some(usage)) => ("usage", body_of(usage)),
        (None, None) => {
            return Err("none of the fields `input_total`, `usage`, `response` is there".to_owned());
        }
    };
    let report = extract(value["provider"].as_str(), body.to_string().as_bytes(), []);
    let report = report.map_err(|error| format!("field `{field}`: {error}"))?;
    let input = report.usage().and_then(|usage| usage.input());
    input.ok_or_else(|| format!("field `{field}` says no input tokens"))
}

/// A usage object in the place where its API has it: the reader looks nowhere else.
fn body_of(usage: &Value) -> Value {
    if usage.get("promptTokenCount").is_some() {
        json!({"candidates": [], "usageMetadata": usage})
    } else if usage.get("input_tokens").is_some() && usage.get("input_tokens_details").is_none() {
        json!({"type": "message", "role": "assistant", "content": [], "usage": usage})
    } else if usage.get("input_tokens").is_some() {
        json!({"object": "response", "status": "completed", "output": [], "usage": usage})
    } else if usage.get("inputTokens").is_some() {
        json!({"output": {"message": {"role": "assistant", "content": []}}, "usage": usage})
    } else {
        json!({"object": "chat.completion", "choices": [], "usage": usage})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &Value) -> Result<Records, String> {
        Records::read(&line.to_string()).map_err(|error| error.to_string())
    }

    fn asked(rest: Value) -> Value {
        let mut line =
            json!({"model": "gpt-4o", "request": {"messages": [{"role": "user", "content": "hi"}]}});
        line.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        line
    }

    #[test]
    fn the_count_is_read_from_any_of_three_fields() {
        let chat = json!({"prompt_tokens": 8, "completion_tokens": 1, "total_tokens": 9});
        let claude = json!({"input_tokens": 3, "cache_read_input_tokens": 5, "output_tokens": 1});
        let gemini = json!({"promptTokenCount": 8, "candidatesTokenCount": 1, "totalTokenCount": 9});
        let bedrock = json!({"inputTokens": 8, "outputTokens": 1, "totalTokens": 9});
        for rest in [
            json!({"input_total": 8}),
            json!({"usage": chat}),
            json!({"usage": claude}),
            json!({"usage": gemini}),
            json!({"usage": bedrock}),
            json!({"response": {"object": "chat.completion", "choices": [], "usage": chat}}),
        ] {
            assert_eq!(read(&asked(rest.clone())).unwrap().list[0].reported, 8, "{rest}");
        }
    }

    #[test]
    fn a_bad_line_names_its_number_and_field() {
        for (line, says) in [
            (asked(json!({})), "line 1: none of the fields `input_total`, `usage`, `response`"),
            (asked(json!({"input_total": "8"})), "line 1: field `input_total`"),
            (asked(json!({"usage": {"cost": 1}})), "line 1: field `usage`"),
            (json!({"model": "gpt-4o", "input_total": 8}), "line 1: field `request`"),
            (json!({"request": {"messages": []}, "input_total": 8}), "line 1: field `model`"),
        ] {
            let problem = read(&line).err().unwrap();
            assert!(problem.starts_with(says), "{problem}");
        }
    }

    #[test]
    fn a_request_without_a_source_is_a_file_of_its_own() {
        assert_eq!(file(&Value::Null, 7), "line 7");
        assert_eq!(file(&json!("conversation 3"), 7), "conversation 3");
        assert_eq!(file(&json!({"project": "p", "path": "a.yaml"}), 7), "p a.yaml");
    }

    #[test]
    fn what_cannot_be_judged_is_counted() {
        let records = read(&asked(json!({"input_total": 0}))).unwrap();
        assert_eq!((records.list.len(), records.left_out["the provider counted nothing"]), (0, 1));
    }
}
