//! What do a request's messages say, in whatever dialect?

use std::sync::Arc;

use serde_json::{Map, Value};

use super::{DEPTH_MAX, json, media};
use crate::message::{Message, Part, Prompt};

/// Adds a conversation: a text, one message, or a list of either.
pub(super) fn turns(prompt: &mut Prompt, value: &Value) {
    match value {
        Value::Array(items) if items.iter().all(Value::is_number) && !items.is_empty() => {
            // An embedding's input that is already tokens.
            let text: Arc<str> = " a".repeat(items.len()).into();
            prompt.messages.push(Message::user(text));
        }
        Value::Array(items) => items.iter().for_each(|item| turn(prompt, item)),
        Value::Null => {}
        one => turn(prompt, one),
    }
}

fn turn(prompt: &mut Prompt, value: &Value) {
    let Value::Object(fields) = value else {
        let mut message = Message { role: "user".into(), parts: Vec::new() };
        read(&mut message, &mut prompt.tools, value, 0);
        prompt.messages.push(message);
        return;
    };
    let mut message = Message { role: role(fields).into(), parts: Vec::new() };
    let is_message = ["role", "content", "parts", "message"].iter().any(|field| fields.contains_key(*field))
        && fields.get("type").and_then(Value::as_str).is_none_or(|kind| kind == "message");
    if !is_message {
        // An item of the responses API, or a part without a message around it.
        read(&mut message, &mut prompt.tools, value, 0);
        prompt.messages.push(message);
        return;
    }
    for field in ["content", "parts", "message"] {
        if let Some(content) = fields.get(field) {
            read(&mut message, &mut prompt.tools, content, 0);
        }
    }
    if message.role == "assistant" {
        message.parts = message.parts.into_iter().flat_map(apart).collect();
    }
    for field in ["reasoning_content", "reasoning", "thinking"] {
        if let Some(Value::String(text)) = fields.get(field) {
            message.parts.push(Part::Reasoning(text.as_str().into()));
        }
    }
    if let Some(Value::String(plan)) = fields.get("tool_plan") {
        message.parts.push(text(plan));
    }
    if let Some(Value::Array(calls)) = fields.get("tool_calls") {
        message.parts.extend(calls.iter().filter_map(call));
    }
    message.parts.extend(fields.get("function_call").and_then(call));
    if let Some(Value::Array(images)) = fields.get("images") {
        message.parts.extend(images.iter().map(media::image));
    }
    if let Some(Value::String(name)) = fields.get("name").filter(|_| message.role != "tool") {
        message.parts.push(text(name));
    }
    prompt.messages.push(message);
}

/// An answer that begins with its thoughts, apart from what was said.
fn apart(part: Part) -> Vec<Part> {
    let Part::Text(text) = &part else { return vec![part] };
    let end = text.find("</think>").filter(|_| text.starts_with("<think>"));
    // The tags stay with the thoughts: whoever reads these reads those.
    match end.and_then(|end| text.split_at_checked(end.saturating_add("</think>".len()))) {
        Some((thoughts, "")) => vec![Part::Reasoning(thoughts.into())],
        Some((thoughts, said)) => vec![Part::Reasoning(thoughts.into()), Part::Text(said.into())],
        None => vec![part],
    }
}

fn role(fields: &Map<String, Value>) -> &str {
    if let Some(role) = fields.get("role").and_then(Value::as_str) {
        return role;
    }
    match fields.get("type").and_then(Value::as_str) {
        Some(kind) if kind.ends_with("_output") => "tool",
        Some(kind) if kind.ends_with("_call") || kind == "reasoning" => "assistant",
        _ => "user",
    }
}

/// Adds whatever a content field holds to a message; tools that are announced there to the tools.
pub(super) fn read(message: &mut Message, tools: &mut Vec<Arc<str>>, value: &Value, depth: usize) {
    if depth > DEPTH_MAX {
        message.parts.push(Part::Opaque);
        return;
    }
    match value {
        Value::Null => {}
        Value::String(string) => message.parts.push(text(string)),
        Value::Array(items) => {
            items.iter().for_each(|item| read(message, tools, item, depth.saturating_add(1)));
        }
        Value::Object(fields) => part(message, tools, value, fields, depth.saturating_add(1)),
        Value::Bool(_) | Value::Number(_) => message.parts.push(Part::Text(json(value))),
    }
}

/// Fields that hold another part, whatever else stands beside them.
const NESTED: [&str; 6] = ["toolResult", "content", "output", "parts", "citationsContent", "tool_references"];

fn part(
    message: &mut Message,
    tools: &mut Vec<Arc<str>>,
    value: &Value,
    fields: &Map<String, Value>,
    depth: usize,
) {
    let kind = fields.get("type").and_then(Value::as_str).unwrap_or_default();
    if let Some(part) =
        media::part(kind, fields).or_else(|| thought(kind, fields)).or_else(|| called(kind, fields))
    {
        message.parts.push(part);
    } else if let Some(Value::Array(announced)) = fields.get("tools") {
        tools.extend(announced.iter().map(super::tools::announced));
    } else if let Some(guarded) = fields.get("guardContent") {
        // A guarded text is shown with what it is.
        message.parts.push(Part::Text(json(guarded)));
    } else if let Some(answer) = fields.get("functionResponse").or(fields.get("function_response")) {
        message.parts.push(Part::Text(json(answer.get("response").unwrap_or(answer))));
    } else if let Some(string) = fields.get("text").and_then(Value::as_str) {
        message.parts.push(text(string));
    } else if let Some(nested) = NESTED.iter().find_map(|field| fields.get(*field)) {
        read(message, tools, nested, depth);
    } else if let Some(inner) = fields.get("json") {
        message.parts.push(Part::Text(json(inner)));
    } else if let Some(nested) = fields.get("text").filter(|text| text.is_object()) {
        read(message, tools, nested, depth);
    } else if !["cachePoint", "cache_point"].iter().any(|field| fields.contains_key(*field)) {
        message.parts.push(Part::Text(json(value)));
    }
}

/// What the model thought before, as far as it is sent back.
fn thought(kind: &str, fields: &Map<String, Value>) -> Option<Part> {
    let reasoning = |value: &Value| Part::Reasoning(strings(value, 0).into());
    match kind {
        "thinking" => fields.get("thinking").map(reasoning),
        "redacted_thinking" => fields.get("data").map(reasoning),
        "reasoning" | "reasoning_text" | "summary_text" => {
            let mut open = ["content", "summary", "text"].iter().filter_map(|field| fields.get(*field));
            let open = open.find(|value| value.as_array().is_none_or(|items| !items.is_empty()));
            Some(open.or(fields.get("encrypted_content")).map_or(Part::Reasoning("".into()), reasoning))
        }
        _ if fields.get("thought").and_then(Value::as_bool) == Some(true) => {
            fields.get("text").map(reasoning)
        }
        _ => fields.get("reasoningContent").map(reasoning),
    }
}

/// A tool call among the parts of a message.
fn called(kind: &str, fields: &Map<String, Value>) -> Option<Part> {
    match kind {
        "tool_use" | "server_tool_use" | "mcp_tool_use" => Some(named(fields, "input")),
        "function_call" | "mcp_call" => Some(named(fields, "arguments")),
        "custom_tool_call" => Some(named(fields, "input")),
        "function" => call_of(fields.get("function")?),
        _ if kind.ends_with("_call") => {
            let arguments = ["arguments", "action", "input"].iter().find_map(|field| fields.get(*field));
            Some(Part::Call { name: kind.into(), arguments: arguments.map_or("".into(), arguments_of) })
        }
        _ => {
            let (call, arguments) =
                [("toolUse", "input"), ("functionCall", "args"), ("function_call", "args")]
                    .iter()
                    .find_map(|(field, arguments)| Some((fields.get(*field)?, arguments)))?;
            Some(named(call.as_object()?, arguments))
        }
    }
}

/// One entry of `tool_calls`: with the function inside, or bare.
fn call(value: &Value) -> Option<Part> {
    call_of(value.get("function").unwrap_or(value))
}

fn call_of(function: &Value) -> Option<Part> {
    function.as_object().map(|fields| {
        named(fields, if fields.contains_key("arguments") { "arguments" } else { "parameters" })
    })
}

fn named(fields: &Map<String, Value>, arguments: &str) -> Part {
    let name = fields.get("name").and_then(Value::as_str).unwrap_or_default();
    Part::Call { name: name.into(), arguments: fields.get(arguments).map_or("".into(), arguments_of) }
}

fn arguments_of(value: &Value) -> Arc<str> {
    value.as_str().map_or_else(|| json(value), Into::into)
}

/// All text inside a value, without its syntax.
fn strings(value: &Value, depth: usize) -> String {
    if depth > DEPTH_MAX {
        return String::new();
    }
    let deeper = depth.saturating_add(1);
    match value {
        Value::String(string) => string.clone(),
        Value::Array(items) => items.iter().map(|item| strings(item, deeper)).collect(),
        Value::Object(fields) => {
            let text = fields.iter().filter(|(field, _)| *field != "type" && *field != "signature");
            text.map(|(_, value)| strings(value, deeper)).collect()
        }
        _ => String::new(),
    }
}

fn text(string: &str) -> Part {
    Part::Text(string.into())
}
