//! Is whatever stands anywhere in a request counted, or is its place on the list of what no model reads?
//!
//! A string of known length is put into every place of valid bodies of each API. `TOKEN_BUDGET_PLACES` makes as
//! many cases as one likes; the seed is printed.

use serde_json::{Value, json};
use token_budget::TokenEstimator;
use token_budget::tokens::{ByteBoundEstimator, EstimateKind, FamilyEstimator, RequestShape};

/// Valid bodies of each API, each with the fields that clients send.
#[expect(clippy::too_many_lines, reason = "bodies are data, and read best side by side")]
fn bodies() -> Vec<(&'static str, Value)> {
    vec![
        (
            "gpt-4o",
            json!({"model": "gpt-4o", "n": 2, "max_tokens": 5, "temperature": 0.5, "user": "ada",
            "stream_options": {"include_usage": true},
            "messages": [
                {"role": "system", "content": "Be kind.", "name": "boss"},
                {"role": "user", "content": [{"type": "text", "text": "hi"},
                    {"type": "image_url", "image_url": {"url": "https://example.com/a.png", "detail": "low"}}]},
                {"role": "assistant", "content": null, "refusal": "no", "reasoning_content": "hm", "tool_calls": [
                    {"id": "c", "type": "function", "function": {"name": "look", "arguments": "{}"}},
                    {"id": "d", "type": "custom", "custom": {"name": "patch", "input": "x"}}]},
                {"role": "tool", "tool_call_id": "c", "content": "seen"}],
            "tools": [{"type": "function", "function": {"name": "look", "description": "looks", "strict": true,
                "parameters": {"type": "object", "properties": {"at": {"type": "string"}}}}}],
            "response_format": {"type": "json_schema", "json_schema": {"name": "x", "description": "y", "strict": true,
                "schema": {"enum": ["a", "b"]}}}}),
        ),
        (
            "gpt-5",
            json!({"model": "gpt-5", "instructions": "Be brief.", "max_output_tokens": 5,
            "reasoning": {"effort": "low", "summary": "auto"},
            "input": [
                {"role": "user", "content": [{"type": "input_text", "text": "hi"}]},
                {"type": "reasoning", "id": "r", "summary": [{"type": "summary_text", "text": "a"}], "encrypted_content": "zzz"},
                {"type": "function_call", "call_id": "c", "name": "look", "arguments": "{}", "status": "completed"},
                {"type": "function_call_output", "call_id": "c", "output": "seen"},
                {"type": "mcp_call", "id": "m", "name": "x", "server_label": "s", "arguments": "{}", "output": "o", "error": "e"},
                {"type": "mcp_list_tools", "id": "l", "server_label": "s", "tools": [{"name": "t", "input_schema": {}}]},
                {"type": "code_interpreter_call", "id": "i", "container_id": "c", "code": "x",
                    "outputs": [{"type": "logs", "logs": "l"}]},
                {"type": "file_search_call", "id": "f", "queries": ["q"], "results": [{"file_id": "f", "text": "t", "filename": "n"}]},
                {"type": "web_search_call", "id": "w", "status": "completed", "action": {"type": "search", "query": "q"}},
                {"type": "apply_patch_call", "call_id": "p", "operation": {"type": "create_file", "path": "x", "diff": "y"}},
                {"type": "custom_tool_call", "call_id": "t", "name": "n", "input": "x"},
                {"type": "local_shell_call", "call_id": "s", "action": {"type": "exec", "command": ["ls"]}},
                {"type": "shell_call_output", "call_id": "s", "output": [{"stdout": "o", "stderr": "e", "outcome": {"type": "exit"}}]},
                {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "t",
                    "annotations": [{"type": "url_citation", "url": "u", "title": "t"}]}, {"type": "refusal", "refusal": "r"}]}],
            "text": {"format": {"type": "json_schema", "name": "x", "schema": {"type": "object"}}, "verbosity": "low"},
            "tools": [{"type": "function", "name": "look", "parameters": {}}, {"type": "web_search", "user_location": {"city": "Rome"}}]}),
        ),
        (
            "gpt-3.5-turbo-instruct",
            json!({"model": "gpt-3.5-turbo-instruct", "prompt": ["a", "b"], "suffix": "c", "max_tokens": 5}),
        ),
        (
            "claude-sonnet-4-5",
            json!({"model": "claude-sonnet-4-5", "max_tokens": 5, "metadata": {"user_id": "ada"},
            "system": [{"type": "text", "text": "Be kind.", "cache_control": {"type": "ephemeral"}}],
            "thinking": {"type": "enabled", "budget_tokens": 3},
            "messages": [
                {"role": "user", "content": [
                    {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "x"},
                        "title": "t", "context": "c", "citations": {"enabled": true}},
                    {"type": "search_result", "source": "s", "title": "t", "content": [{"type": "text", "text": "x"}]}]},
                {"role": "assistant", "content": [
                    {"type": "thinking", "thinking": "hm", "signature": "zzz"},
                    {"type": "redacted_thinking", "data": "zzz"},
                    {"type": "tool_use", "id": "t", "name": "look", "input": {"at": "here"}},
                    {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"query": "q"}},
                    {"type": "web_search_tool_result", "tool_use_id": "s", "content": [
                        {"type": "web_search_result", "title": "t", "url": "u", "encrypted_content": "e", "page_age": "a"}]},
                    {"type": "code_execution_tool_result", "tool_use_id": "1", "content":
                        {"type": "code_execution_result", "stdout": "o", "stderr": "e", "return_code": 0, "content": []}}]},
                {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "is_error": false,
                    "content": [{"type": "text", "text": "seen"}]}]}],
            "tools": [{"name": "look", "description": "d", "input_schema": {"type": "object"}},
                {"type": "web_search_20250305", "name": "web_search", "max_uses": 2}]}),
        ),
        (
            "gemini-2.5-pro",
            json!({
            "system_instruction": {"parts": [{"text": "Be kind."}]},
            "contents": [{"role": "user", "parts": [{"text": "hi"}]},
                {"role": "model", "parts": [{"functionCall": {"name": "look", "args": {"at": "x"}}, "thoughtSignature": "z"},
                    {"text": "t", "thought": true}, {"executableCode": {"language": "PYTHON", "code": "c"}},
                    {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "o"}}]},
                {"role": "user", "parts": [{"functionResponse": {"name": "look", "response": {"a": "b"}}}]}],
            "tools": [{"functionDeclarations": [{"name": "look", "description": "d"}]}, {"googleSearch": {}}],
            "toolConfig": {"functionCallingConfig": {"mode": "AUTO"}},
            "generation_config": {"max_output_tokens": 10, "response_schema": {"type": "OBJECT", "description": "d"}}}),
        ),
        (
            "us.anthropic.claude-sonnet-4-5",
            json!({
            "system": [{"text": "Be kind."}, {"cachePoint": {"type": "default"}}],
            "messages": [
                {"role": "user", "content": [{"text": "hi"}, {"document": {"format": "txt", "name": "n", "source": {"text": "t"}, "context": "c"}},
                    {"guardContent": {"text": {"text": "g", "qualifiers": ["query"]}}}]},
                {"role": "assistant", "content": [{"reasoningContent": {"reasoningText": {"text": "r", "signature": "z"}}},
                    {"toolUse": {"toolUseId": "t", "name": "look", "input": {"a": "b"}}}]},
                {"role": "user", "content": [{"toolResult": {"toolUseId": "t", "status": "success",
                    "content": [{"json": {"a": "b"}}, {"text": "x"}]}}]}],
            "inferenceConfig": {"maxTokens": 300, "stopSequences": ["x"]},
            "outputConfig": {"textFormat": {"type": "json_schema", "structure": {"jsonSchema": {"name": "n", "description": "d", "schema": "{}"}}}},
            "toolConfig": {"tools": [{"toolSpec": {"name": "look", "description": "d", "inputSchema": {"json": {}}}}]}}),
        ),
        (
            "command-a",
            json!({"model": "command-a", "message": "hi", "preamble": "p", "max_tokens": 3,
            "chat_history": [{"role": "USER", "message": "a"}],
            "documents": [{"id": "d", "data": {"text": "t"}}], "connectors": [{"id": "web-search"}]}),
        ),
        (
            "llama3",
            json!({"model": "llama3", "system": "s", "prompt": "hi", "format": {"type": "object", "enum": ["a"]},
            "template": "t", "options": {"num_predict": 5, "stop": ["x"]}}),
        ),
    ]
}

/// Places that no model reads, by the end of their path; `*` is any number of them below.
const UNREAD: [&str; 9] = [
    "metadata*",
    "stop*",
    "stopSequences*",
    "signature",
    "thoughtSignature",
    "image_url.url",
    "image_url",
    "model",
    "stream_options.x",
];

/// Every place of a value: the value there, and whether it is an object or a list that can be added to.
fn places(value: &Value, at: &mut Vec<String>, all: &mut Vec<Vec<String>>) {
    all.push(at.clone());
    let children: Vec<(String, &Value)> = match value {
        Value::Object(fields) => fields.iter().map(|(name, value)| (name.clone(), value)).collect(),
        Value::Array(items) => items.iter().enumerate().map(|(at, item)| (at.to_string(), item)).collect(),
        _ => Vec::new(),
    };
    for (name, child) in children {
        at.push(name);
        places(child, at, all);
        at.pop();
    }
}

fn is_unread(path: &[String]) -> bool {
    let names: Vec<&str> =
        path.iter().map(String::as_str).filter(|name| name.parse::<u32>().is_err()).collect();
    let whole = names.join(".");
    UNREAD.iter().any(|unread| match unread.strip_suffix('*') {
        Some(stem) => names.contains(&stem),
        None => whole.ends_with(unread),
    })
}

/// A string of about so many bytes, of letters, signs and escapes.
fn string(seed: &mut u64, bytes: usize) -> String {
    const LETTERS: [&str; 12] = ["a", "Z", " lorem", "\"", "\\", "\n", "é", "汉", "😀", "7", "{", "\t"];
    let mut text = String::new();
    while text.len() < bytes {
        let letter = usize::try_from(next(seed)).unwrap_or(0) % LETTERS.len();
        text.push_str(LETTERS[letter]);
    }
    text
}

fn next(seed: &mut u64) -> u64 {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    *seed >> 11
}

#[test]
fn whatever_stands_anywhere_in_a_request_is_counted() {
    let cases =
        std::env::var("TOKEN_BUDGET_PLACES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(4_000);
    let mut seed: u64 =
        std::env::var("TOKEN_BUDGET_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(0x5EED_1234);
    println!("seed {seed}, {cases} cases");
    let bodies = bodies();
    let all: Vec<(usize, Vec<Vec<String>>)> = bodies
        .iter()
        .enumerate()
        .map(|(number, (_, body))| {
            let mut all = Vec::new();
            places(body, &mut Vec::new(), &mut all);
            (number, all)
        })
        .collect();
    let mut failures = std::collections::BTreeSet::new();
    for case in 0..cases {
        let (number, places) = &all[case % all.len()];
        let path = &places[usize::try_from(next(&mut seed)).unwrap_or(0) % places.len()];
        let (model, body) = &bodies[*number];
        let mut changed = body.clone();
        let pointer: String = path.iter().map(|name| format!("/{name}")).collect();
        let place = changed.pointer_mut(&pointer).expect("a place of this body");
        // Long enough to be no label, and small enough to hide in what is there.
        let text = string(&mut seed, 3_000);
        let mut path = path.clone();
        match place {
            Value::Object(fields) => {
                let name = ["x", "annotation_2", "Text", "inputs", "note"]
                    [usize::try_from(next(&mut seed)).unwrap_or(0) % 5];
                path.push(name.to_owned());
                fields.insert(name.to_owned(), Value::from(text.as_str()));
            }
            Value::Array(items) => items.push(Value::from(text.as_str())),
            other => *other = Value::from(text.as_str()),
        }
        if is_unread(&path) {
            continue;
        }
        let shape = RequestShape::parse(changed.to_string().as_bytes()).expect("an object");
        let held = ByteBoundEstimator.bound(model, &shape.prompt);
        let family = FamilyEstimator::new().count(model, &shape.prompt);
        let is_held = held.needs_model_maximum() || held.tokens >= text.len() as u64;
        // A family's share is of its own tokens: no text is taken for less than an eighth of a token a byte.
        let is_likely = family.needs_model_maximum() || family.tokens >= 3_000 / 64;
        if !is_held || !is_likely {
            failures.insert(format!("{model} {}: {held}, {family}", path.join(".")));
        }
        assert!(held.kind != EstimateKind::Count);
    }
    assert!(
        failures.is_empty(),
        "{} places:\n{}",
        failures.len(),
        failures.into_iter().collect::<Vec<_>>().join("\n")
    );
}
