//! How do OpenAI's chat completions look?
//!
//! A stream says its usage only if the request asks for it
//! (`stream_options.include_usage`), in one frame after the choices and before `[DONE]`.
//! Without it a client must count by itself. With several choices each token comes once
//! for each choice, and all of them are billed.

use serde_json::{Value, json};

use super::frames::{CREATED, Frames};
use crate::Usage;
use crate::testing::answer::{Answer, Tool};
use crate::testing::request::Dialect;

const ID: &str = "chatcmpl-scripted";

/// The whole body.
pub(super) fn body(answer: &Answer<'_>) -> Value {
    let finish = answer.finish.word(Dialect::Chat);
    let text: String = answer.pieces.concat();
    let content = if text.is_empty() && !answer.tools.is_empty() { Value::Null } else { json!(text) };
    let mut message = json!({"role": "assistant", "content": content, "refusal": null, "annotations": []});
    if !answer.tools.is_empty() {
        let calls = answer.tools.iter().enumerate().map(|(index, tool)| {
            let function = json!({"name": tool.name, "arguments": tool.pieces.concat()});
            json!({"id": call_id(index), "type": "function", "function": function})
        });
        set(&mut message, "tool_calls", calls.collect());
    }
    let choices = (0..answer.choices)
        .map(|index| json!({"index": index, "message": message, "logprobs": null, "finish_reason": finish}));
    let mut body = json!({
        "id": ID,
        "object": "chat.completion",
        "created": CREATED,
        "model": answer.model,
        "choices": choices.collect::<Vec<_>>(),
        "service_tier": answer.tier,
        "system_fingerprint": "fp_scripted",
    });
    if let Some(told) = &answer.told {
        set(&mut body, "usage", usage(told));
    }
    body
}

/// The stream: a role, one frame a token, the reason, the usage where it was asked for, `[DONE]`.
pub(super) fn stream(answer: &Answer<'_>, include_usage: bool, frames: &mut Frames) {
    let chunk = |choices: Value| {
        let mut chunk = json!({
            "id": ID,
            "object": "chat.completion.chunk",
            "created": CREATED,
            "model": answer.model,
            "service_tier": answer.tier,
            "system_fingerprint": "fp_scripted",
            "choices": choices,
        });
        if include_usage {
            set(&mut chunk, "usage", Value::Null);
        }
        chunk
    };
    let delta = |index: u32, delta: Value| {
        chunk(json!([{"index": index, "delta": delta, "logprobs": null, "finish_reason": null}]))
    };
    for index in 0..answer.choices {
        frames.push(None, &delta(index, json!({"role": "assistant", "content": "", "refusal": null})));
    }
    for piece in answer.pieces {
        for index in 0..answer.choices {
            frames.token(None, &delta(index, json!({"content": piece})));
        }
    }
    for (place, tool) in answer.tools.iter().enumerate() {
        for index in 0..answer.choices {
            tool_frames(place, tool, |call| delta(index, json!({"tool_calls": [call]})), frames);
        }
    }
    frames.ends_here();
    let reason = answer.finish.word(Dialect::Chat);
    for index in 0..answer.choices {
        let last = json!([{"index": index, "delta": {}, "logprobs": null, "finish_reason": reason}]);
        frames.push(None, &chunk(last));
    }
    if let Some(told) = answer.told.as_ref().filter(|_| include_usage) {
        let mut last = chunk(json!([]));
        set(&mut last, "usage", usage(told));
        frames.usage(None, &last, true);
    }
    frames.raw("[DONE]");
}

/// A tool's call comes as its name first, then its arguments in pieces.
fn tool_frames(place: usize, tool: &Tool<'_>, delta: impl Fn(Value) -> Value, frames: &mut Frames) {
    let function = json!({"name": tool.name, "arguments": ""});
    let begin = json!({"index": place, "id": call_id(place), "type": "function", "function": function});
    frames.token(None, &delta(begin));
    for piece in tool.pieces {
        frames.token(None, &delta(json!({"index": place, "function": {"arguments": piece}})));
    }
}

/// The usage in this API's terms: cached tokens inside the prompt, reasoning inside the
/// completion.
fn usage(told: &Usage) -> Value {
    let input = told.input().unwrap_or(0);
    let output = told.output().unwrap_or(0);
    let mut details = json!({"cached_tokens": told.cached_input().unwrap_or(0), "audio_tokens": 0});
    let written = told.cache_write_5m().unwrap_or(0).saturating_add(told.cache_write_1h().unwrap_or(0));
    if written > 0 {
        set(&mut details, "cache_write_tokens", json!(written));
    }
    json!({
        "prompt_tokens": input,
        "completion_tokens": output,
        "total_tokens": input.saturating_add(output),
        "prompt_tokens_details": details,
        "completion_tokens_details": {
            "reasoning_tokens": told.reasoning().unwrap_or(0),
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    })
}

fn call_id(place: usize) -> String {
    format!("call_{}", place.saturating_add(1))
}

/// Sets a field of an object.
fn set(object: &mut Value, field: &str, value: Value) {
    if let Some(object) = object.as_object_mut() {
        object.insert(field.to_owned(), value);
    }
}
