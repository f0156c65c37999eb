//! Which tools does a request describe?

use std::sync::Arc;

use serde_json::{Map, Value};

use super::json;
use crate::message::Prompt;

/// A tool that is announced in the conversation, as one that chat completions describe.
pub(super) fn announced(tool: &Value) -> Arc<str> {
    match tool.get("function") {
        Some(_) => json(tool),
        None => format!("{{\"type\":\"function\",\"function\":{tool}}}").into(),
    }
}

/// Adds every tool that the body describes beside its messages.
pub(super) fn read(prompt: &mut Prompt, body: &Map<String, Value>) {
    for field in ["tools", "functions"] {
        list(&mut prompt.tools, body.get(field));
    }
    for field in ["toolConfig", "tool_config"] {
        list(&mut prompt.tools, body.get(field).and_then(|config| config.get("tools")));
    }
    // A tool that is switched on by a field of its own.
    for field in ["web_search_options", "search_parameters", "mcp_servers", "plugins"] {
        let switched = body.get(field).filter(|value| !value.is_null());
        prompt.tools.extend(
            switched
                .map(|value| -> Arc<str> { format!("{{\"type\":\"{field}\",\"options\":{value}}}").into() }),
        );
    }
}

fn list(tools: &mut Vec<Arc<str>>, value: Option<&Value>) {
    let items = match value {
        Some(Value::Array(items)) => items.as_slice(),
        Some(one @ Value::Object(_)) => std::slice::from_ref(one),
        _ => return,
    };
    for item in items {
        let declared =
            ["functionDeclarations", "function_declarations"].iter().find_map(|field| item.get(*field));
        match declared {
            Some(Value::Array(functions)) => tools.extend(functions.iter().map(json)),
            // A mark in a list of tools, not a tool.
            _ if item.get("cachePoint").is_some() => {}
            _ => tools.push(json(item)),
        }
    }
}
