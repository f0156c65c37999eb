//! How do OpenAI's responses look?
//!
//! A stream of numbered events: the response begins, each output item begins, grows and
//! ends, and the last event repeats the whole response with its usage. An answer that its
//! limit cut ends with `response.incomplete`, not with an error. The usage is always
//! there; nobody has to ask for it.

use serde_json::{Value, json};

use super::frames::{CREATED, Frames};
use crate::Usage;
use crate::testing::answer::{Answer, Finish, Tool};

/// The whole body.
pub(super) fn body(answer: &Answer<'_>) -> Value {
    response(answer, status(answer), output(answer), answer.told.as_ref())
}

/// The stream: the response begun, its items one after the other, the response as it ended.
pub(super) fn stream(answer: &Answer<'_>, frames: &mut Frames) {
    let mut events = Events { frames, sequence: 0 };
    let begun = response(answer, "in_progress", json!([]), None);
    events.push("response.created", json!({"response": begun}));
    events.push("response.in_progress", json!({"response": begun}));
    let mut place = 0_usize;
    if !answer.pieces.is_empty() {
        events.message(place, answer);
        place = place.saturating_add(1);
    }
    for (number, tool) in answer.tools.iter().enumerate() {
        events.tool(place, number, tool);
        place = place.saturating_add(1);
    }
    events.frames.ends_here();
    let status = status(answer);
    let kind = if status == "completed" { "response.completed" } else { "response.incomplete" };
    let ended = response(answer, status, output(answer), answer.told.as_ref());
    let data = events.numbered(kind, json!({"response": ended}));
    events.frames.usage(Some(kind), &data, answer.told.is_some());
}

/// Frames that are numbered and repeat their name.
struct Events<'a> {
    frames: &'a mut Frames,
    sequence: u64,
}

impl Events<'_> {
    /// An event without a token.
    fn push(&mut self, kind: &str, data: Value) {
        let data = self.numbered(kind, data);
        self.frames.push(Some(kind), &data);
    }

    /// An event that shows one token.
    fn token(&mut self, kind: &str, data: Value) {
        let data = self.numbered(kind, data);
        self.frames.token(Some(kind), &data);
    }

    /// The data with its event's name and number.
    fn numbered(&mut self, kind: &str, mut data: Value) -> Value {
        if let Some(fields) = data.as_object_mut() {
            fields.insert("type".to_owned(), json!(kind));
            fields.insert("sequence_number".to_owned(), json!(self.sequence));
        }
        self.sequence = self.sequence.saturating_add(1);
        data
    }

    /// The text: begun, token by token, and once more whole.
    fn message(&mut self, place: usize, answer: &Answer<'_>) {
        let item = json!({"id": "msg_scripted", "type": "message", "status": "in_progress", "role": "assistant", "content": []});
        self.push("response.output_item.added", json!({"output_index": place, "item": item}));
        let at = |mut data: Value| {
            if let Some(fields) = data.as_object_mut() {
                fields.insert("item_id".to_owned(), json!("msg_scripted"));
                fields.insert("output_index".to_owned(), json!(place));
                fields.insert("content_index".to_owned(), json!(0));
            }
            data
        };
        self.push("response.content_part.added", at(json!({"part": text_part("")})));
        for piece in answer.pieces {
            self.token("response.output_text.delta", at(json!({"delta": piece, "logprobs": []})));
        }
        let text: String = answer.pieces.concat();
        self.push("response.output_text.done", at(json!({"text": text, "logprobs": []})));
        self.push("response.content_part.done", at(json!({"part": text_part(&text)})));
        self.push("response.output_item.done", json!({"output_index": place, "item": message(answer)}));
    }

    /// A function call: its name counts as one token, each piece of its arguments as
    /// another.
    fn tool(&mut self, place: usize, number: usize, tool: &Tool<'_>) {
        let id = item_id(number);
        let begun = call(number, tool, "in_progress", "");
        self.token("response.output_item.added", json!({"output_index": place, "item": begun}));
        let kind = "response.function_call_arguments.delta";
        for piece in tool.pieces {
            self.token(kind, json!({"item_id": id, "output_index": place, "delta": piece}));
        }
        let arguments = tool.pieces.concat();
        let done = json!({"item_id": id, "output_index": place, "name": tool.name, "arguments": arguments});
        self.push("response.function_call_arguments.done", done);
        let ended = call(number, tool, "completed", &arguments);
        self.push("response.output_item.done", json!({"output_index": place, "item": ended}));
    }
}

/// `incomplete` if the limit cut the answer.
fn status(answer: &Answer<'_>) -> &'static str {
    if matches!(answer.finish, Finish::Limit) { "incomplete" } else { "completed" }
}

/// All output items, ended.
fn output(answer: &Answer<'_>) -> Value {
    let text = (!answer.pieces.is_empty()).then(|| message(answer));
    let tools = answer.tools.iter().enumerate();
    let tools = tools.map(|(number, tool)| call(number, tool, "completed", &tool.pieces.concat()));
    text.into_iter().chain(tools).collect()
}

fn message(answer: &Answer<'_>) -> Value {
    json!({
        "id": "msg_scripted",
        "type": "message",
        "status": status(answer),
        "role": "assistant",
        "content": [text_part(&answer.pieces.concat())],
    })
}

fn text_part(text: &str) -> Value {
    json!({"type": "output_text", "text": text, "annotations": [], "logprobs": []})
}

fn call(number: usize, tool: &Tool<'_>, status: &str, arguments: &str) -> Value {
    json!({
        "id": item_id(number),
        "type": "function_call",
        "status": status,
        "call_id": format!("call_{}", number.saturating_add(1)),
        "name": tool.name,
        "arguments": arguments,
    })
}

fn item_id(number: usize) -> String {
    format!("fc_{}", number.saturating_add(1))
}

fn response(answer: &Answer<'_>, status: &str, output: Value, told: Option<&Usage>) -> Value {
    let cut = (status == "incomplete").then(|| json!({"reason": "max_output_tokens"}));
    json!({
        "id": "resp_scripted",
        "object": "response",
        "created_at": CREATED,
        "status": status,
        "error": null,
        "incomplete_details": cut,
        "instructions": null,
        "metadata": {},
        "model": answer.model,
        "output": output,
        "parallel_tool_calls": true,
        "service_tier": answer.tier,
        "temperature": 1.0,
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "usage": told.map(usage),
    })
}

fn usage(told: &Usage) -> Value {
    let input = told.input().unwrap_or(0);
    let output = told.output().unwrap_or(0);
    let written = told.cache_write_5m().unwrap_or(0).saturating_add(told.cache_write_1h().unwrap_or(0));
    let mut details = json!({"cached_tokens": told.cached_input().unwrap_or(0)});
    if let Some(details) = details.as_object_mut().filter(|_| written > 0) {
        details.insert("cache_write_tokens".to_owned(), json!(written));
    }
    json!({
        "input_tokens": input,
        "input_tokens_details": details,
        "output_tokens": output,
        "output_tokens_details": {"reasoning_tokens": told.reasoning().unwrap_or(0)},
        "total_tokens": input.saturating_add(output),
    })
}
