//! How do Anthropic's messages look?
//!
//! Two things of this API trip readers of usage up. First, a stream says its usage twice:
//! `message_start` has the input and an output that has only begun (1 here),
//! `message_delta` near the end has the final figures. The last one counts, and adding
//! both charges a token too many. Second, `input_tokens` leaves out what touches the
//! cache: the whole input is `input_tokens + cache_creation_input_tokens +
//! cache_read_input_tokens`. An input of 1,000 of which 800 are read is written as 200
//! and 800.

use serde_json::{Value, json};

use super::frames::Frames;
use crate::Usage;
use crate::testing::answer::{Answer, Tool};
use crate::testing::request::Dialect;

/// The whole body.
pub(super) fn body(answer: &Answer<'_>) -> Value {
    let mut content = Vec::new();
    if !answer.pieces.is_empty() {
        content.push(json!({"type": "text", "text": answer.pieces.concat(), "citations": null}));
    }
    content.extend(answer.tools.iter().enumerate().map(|(place, tool)| {
        // What the limit cut short is no JSON any more; a whole body then has no arguments.
        let input = serde_json::from_str(&tool.pieces.concat()).unwrap_or_else(|_| json!({}));
        json!({"type": "tool_use", "id": tool_id(place), "name": tool.name, "input": input})
    }));
    message(answer, content.into(), json!(answer.finish.word(Dialect::Messages)), answer.told.as_ref())
}

/// The stream: the message without content, blocks one after the other, the reason with the usage, the end.
pub(super) fn stream(answer: &Answer<'_>, frames: &mut Frames) {
    // The first frame already names the input, and an output that only began.
    let begun = answer.told.map(|told| told.with_output(told.output().unwrap_or(0).min(1)));
    let begun = begun.map(|begun| if begun.reasoning().is_some() { begun.with_reasoning(0) } else { begun });
    let message = message(answer, json!([]), Value::Null, begun.as_ref());
    push(frames, "message_start", json!({"message": message}));
    let mut place = 0_usize;
    if !answer.pieces.is_empty() {
        let block = json!({"type": "text", "text": ""});
        push(frames, "content_block_start", json!({"index": place, "content_block": block}));
        push(frames, "ping", json!({}));
        for piece in answer.pieces {
            let delta = json!({"type": "text_delta", "text": piece});
            token(frames, "content_block_delta", json!({"index": place, "delta": delta}));
        }
        push(frames, "content_block_stop", json!({"index": place}));
        place = place.saturating_add(1);
    }
    for (number, tool) in answer.tools.iter().enumerate() {
        tool_block(place, number, tool, frames);
        place = place.saturating_add(1);
    }
    frames.ends_here();
    let mut last = json!({
        "type": "message_delta",
        "delta": {"stop_reason": answer.finish.word(Dialect::Messages), "stop_sequence": null},
    });
    if let (Some(told), Some(last)) = (&answer.told, last.as_object_mut()) {
        last.insert("usage".to_owned(), usage(told, None));
    }
    frames.usage(Some("message_delta"), &last, answer.told.is_some());
    push(frames, "message_stop", json!({}));
}

/// A tool's block: its name first, then its arguments in pieces.
fn tool_block(place: usize, number: usize, tool: &Tool<'_>, frames: &mut Frames) {
    let block = json!({"type": "tool_use", "id": tool_id(number), "name": tool.name, "input": {}});
    token(frames, "content_block_start", json!({"index": place, "content_block": block}));
    for piece in tool.pieces {
        let delta = json!({"type": "input_json_delta", "partial_json": piece});
        token(frames, "content_block_delta", json!({"index": place, "delta": delta}));
    }
    push(frames, "content_block_stop", json!({"index": place}));
}

/// A message object; its usage names the tier, as only this one does.
fn message(answer: &Answer<'_>, content: Value, stop_reason: Value, told: Option<&Usage>) -> Value {
    let mut message = json!({
        "id": "msg_scripted",
        "type": "message",
        "role": "assistant",
        "model": answer.model,
        "content": content,
        "stop_reason": stop_reason,
        "stop_sequence": null,
    });
    if let (Some(told), Some(message)) = (told, message.as_object_mut()) {
        message.insert("usage".to_owned(), usage(told, Some(answer.tier)));
    }
    message
}

/// The usage in this API's terms: the cache beside the input, not in it.
fn usage(told: &Usage, tier: Option<&str>) -> Value {
    let read = told.cached_input().unwrap_or(0);
    let (short, long) = (told.cache_write_5m().unwrap_or(0), told.cache_write_1h().unwrap_or(0));
    let beside = read.saturating_add(short).saturating_add(long);
    let mut usage = json!({
        "input_tokens": told.input().unwrap_or(0).saturating_sub(beside),
        "cache_creation_input_tokens": short.saturating_add(long),
        "cache_read_input_tokens": read,
        "output_tokens": told.output().unwrap_or(0),
    });
    let Some(fields) = usage.as_object_mut() else { return usage };
    if let Some(thinking) = told.reasoning() {
        fields.insert("output_tokens_details".to_owned(), json!({"thinking_tokens": thinking}));
    }
    if let Some(tier) = tier {
        let lifetimes = json!({"ephemeral_5m_input_tokens": short, "ephemeral_1h_input_tokens": long});
        fields.insert("cache_creation".to_owned(), lifetimes);
        fields.insert("service_tier".to_owned(), json!(tier));
    }
    usage
}

/// A frame without a token.
fn push(frames: &mut Frames, event: &str, data: Value) {
    frames.push(Some(event), &typed(event, data));
}

/// A frame that shows one token.
fn token(frames: &mut Frames, event: &str, data: Value) {
    frames.token(Some(event), &typed(event, data));
}

/// The data repeats the event's name.
fn typed(event: &str, mut data: Value) -> Value {
    if let Some(fields) = data.as_object_mut() {
        fields.insert("type".to_owned(), json!(event));
    }
    data
}

fn tool_id(place: usize) -> String {
    format!("toolu_{}", place.saturating_add(1))
}
