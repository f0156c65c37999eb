//! Is a request of every dialect read whole?

use proptest::prelude::*;
use serde_json::{Value, json};
use token_budget::TokenEstimator;
use token_budget::call::{Detail, Message, Part, Picture, Prompt};
use token_budget::tokens::{ByteBoundEstimator, FamilyEstimator, RequestShape};

fn read(body: Value) -> RequestShape {
    RequestShape::read(&body).unwrap()
}

fn text(role: &str, text: &str) -> Message {
    Message::text(role, text)
}

#[test]
fn openai_chat_is_read() {
    let shape = read(json!({
        "model": "gpt-4o", "max_tokens": 100, "n": 2, "stream": true, "service_tier": "flex", "temperature": 0.5,
        "messages": [
            {"role": "developer", "content": "Be kind."},
            {"role": "assistant", "content": null, "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "look", "arguments": "{\"at\":1}"}}]},
            {"role": "tool", "tool_call_id": "c1", "content": "seen"}
        ],
        "tools": [{"type": "function", "function": {"name": "look", "parameters": {}}}]
    }));
    assert_eq!((shape.output_tokens_max, shape.choices, shape.stream), (Some(100), 2, true));
    assert_eq!((shape.model.as_deref(), shape.service_tier.as_deref()), (Some("gpt-4o"), Some("flex")));
    let call = Part::Call { name: "look".into(), arguments: "{\"at\":1}".into() };
    let called = Message { role: "assistant".into(), parts: vec![call] };
    assert_eq!(shape.prompt.messages, [text("developer", "Be kind."), called, text("tool", "seen")]);
    assert_eq!(shape.prompt.tools.len(), 1);
}

#[test]
fn openai_responses_are_read() {
    let shape = read(json!({
        "model": "gpt-5", "instructions": "Be brief.", "max_output_tokens": 50,
        "input": [
            {"role": "user", "content": [{"type": "input_text", "text": "hi"}]},
            {"type": "reasoning", "encrypted_content": "c2VjcmV0", "summary": []},
            {"type": "function_call", "name": "look", "arguments": "{}", "call_id": "c"},
            {"type": "function_call_output", "call_id": "c", "output": "seen"}
        ],
        "text": {"format": {"type": "json_schema", "name": "x", "schema": {"type": "object"}}}
    }));
    let parts: Vec<_> = shape.prompt.messages.iter().flat_map(|message| message.parts.clone()).collect();
    let expected = [
        Part::Text("Be brief.".into()),
        Part::Schema("{\"type\":\"object\"}".into()),
        Part::Text("hi".into()),
        Part::Reasoning("c2VjcmV0".into()),
        Part::Call { name: "look".into(), arguments: "{}".into() },
        Part::Text("seen".into()),
    ];
    assert_eq!(parts, expected);
    assert_eq!(shape.prompt.messages.last().unwrap().role, "tool");
}

#[test]
fn anthropic_is_read() {
    let shape = read(json!({
        "model": "claude-sonnet-4-5", "max_tokens": 1024, "system": [{"type": "text", "text": "Be kind."}],
        "thinking": {"type": "enabled", "budget_tokens": 1024},
        "messages": [
            {"role": "user", "content": "hi"},
            {"role": "assistant", "content": [
                {"type": "thinking", "thinking": "hm", "signature": "zzz"},
                {"type": "tool_use", "id": "t", "name": "look", "input": {"at": 1}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "seen"}]}
        ]
    }));
    let parts: Vec<_> = shape.prompt.messages.iter().flat_map(|message| message.parts.clone()).collect();
    let expected = [
        Part::Text("Be kind.".into()),
        Part::Thinking,
        Part::Text("hi".into()),
        Part::Reasoning("hm".into()),
        Part::Call { name: "look".into(), arguments: "{\"at\":1}".into() },
        Part::Text("seen".into()),
    ];
    assert_eq!(parts, expected);
}

#[test]
fn gemini_and_bedrock_are_read() {
    let gemini = read(json!({
        "systemInstruction": {"parts": [{"text": "Be kind."}]},
        "contents": [{"role": "user", "parts": [{"text": "hi"}]},
            {"role": "model", "parts": [{"functionCall": {"name": "look", "args": {"at": 1}}}]}],
        "tools": [{"functionDeclarations": [{"name": "look"}, {"name": "listen"}]}, {"googleSearch": {}}],
        "generationConfig": {"maxOutputTokens": 10, "candidateCount": 3}
    }));
    assert_eq!((gemini.prompt.messages.len(), gemini.prompt.tools.len()), (3, 3));
    assert_eq!((gemini.output_tokens_max, gemini.choices), (Some(10), 3));

    let bedrock = read(json!({
        "system": [{"text": "Be kind."}, {"cachePoint": {"type": "default"}}],
        "messages": [{"role": "user", "content": [{"toolResult": {"toolUseId": "t", "content": [{"json": {"a": 1}}]}}]}],
        "inferenceConfig": {"maxTokens": 300},
        "toolConfig": {"tools": [{"toolSpec": {"name": "look"}}, {"cachePoint": {"type": "default"}}]}
    }));
    let messages = [text("system", "Be kind."), text("user", "{\"a\":1}")];
    assert_eq!(bedrock.prompt.messages, messages);
    assert_eq!((bedrock.prompt.tools.len(), bedrock.output_tokens_max), (1, Some(300)));
}

#[test]
fn others_are_read() {
    let cohere = read(
        json!({"model": "command", "message": "hi", "chat_history": [{"role": "USER", "message": "a"}]}),
    );
    assert_eq!(cohere.prompt.messages, [text("USER", "a"), text("user", "hi")]);
    let ollama =
        read(json!({"model": "llama3", "system": "Be kind.", "prompt": "hi", "options": {"num_predict": 5}}));
    assert_eq!(ollama.prompt.messages, [text("system", "Be kind."), text("user", "hi")]);
    assert_eq!(ollama.output_tokens_max, Some(5));
    let embedding = read(json!({"model": "text-embedding-3-small", "input": ["a", "b"]}));
    assert_eq!(embedding.prompt.messages.len(), 2);
}

#[test]
fn an_image_tells_its_size_and_a_file_is_opaque() {
    // The first 24 bytes of a PNG of 64 by 32 pixels.
    let png = "iVBORw0KGgoAAAANSUhEUgAAAEAAAAAg";
    let content = json!([
        {"type": "image_url", "image_url": {"url": format!("data:image/png;base64,{png}"), "detail": "high"}},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": png}},
        {"inlineData": {"mimeType": "image/png", "data": png}},
        {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
        {"type": "file", "file": {"file_id": "file-1"}},
        {"type": "document", "source": {"type": "text", "data": "plain"}}
    ]);
    let shape = read(json!({"messages": [{"role": "user", "content": content}]}));
    let picture = |detail| Part::Picture(Picture { width: 64, height: 32, detail });
    let expected = [
        picture(Detail::High),
        picture(Detail::Auto),
        picture(Detail::Auto),
        Part::Image,
        Part::Opaque,
        Part::Text("plain".into()),
    ];
    assert_eq!(shape.prompt.messages[0].parts, expected);
}

#[test]
fn what_is_unknown_counts_as_its_json() {
    let shape = read(json!({
        "messages": [{"role": "user", "content": [{"type": "hologram", "shape": "cube"}]}],
        "documents": [{"id": "a", "data": "long"}]
    }));
    let parts = &shape.prompt.messages[0].parts;
    assert_eq!(parts[0], Part::Text(r#"{"shape":"cube","type":"hologram"}"#.into()));
    assert_eq!(parts[1], Part::Text(r#""documents":[{"data":"long","id":"a"}]"#.into()));
}

#[test]
fn what_cannot_be_read_is_an_error_without_its_text() {
    for body in ["", "[]", "{\"secret\": sk-live-42}", "\"sk-live-42\""] {
        let error = RequestShape::parse(body.as_bytes()).unwrap_err().to_string();
        assert!(error.starts_with("request: ") && !error.contains("sk-live"), "{error}");
    }
}

#[test]
fn depth_has_an_end() {
    let mut content = json!("deep");
    for _ in 0..100 {
        content = json!([content]);
    }
    let shape = read(json!({"messages": [{"role": "user", "content": content}]}));
    assert_eq!(shape.prompt.messages[0].parts, [Part::Opaque]);
}

/// Objects whose fields are words that the reader looks for, and others.
fn any_json() -> impl Strategy<Value = Value> {
    const WORDS: [&str; 40] = [
        "messages",
        "contents",
        "input",
        "role",
        "content",
        "parts",
        "type",
        "text",
        "tools",
        "function",
        "name",
        "parameters",
        "arguments",
        "image_url",
        "url",
        "inlineData",
        "data",
        "toolUse",
        "toolResult",
        "thinking",
        "reasoning",
        "system",
        "instructions",
        "response_format",
        "json_schema",
        "schema",
        "tool_calls",
        "output",
        "functionCall",
        "args",
        "image",
        "tool_use",
        "message",
        "assistant",
        "user",
        "n",
        "max_tokens",
        "properties",
        "$ref",
        "anyOf",
    ];
    let word = prop::sample::select(&WORDS[..]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        word.clone().prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 64, 6, move |inner| {
        let field = word.clone().prop_map(str::to_owned);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map(field, inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn no_json_breaks_the_reader_or_an_estimate(body in any_json()) {
        if let Ok(prompt) = Prompt::from_request(&body) {
            let estimator = FamilyEstimator::new();
            for model in ["gpt-4o", "claude-opus-4-8", "gemini-2.5-pro", "llama-4", ""] {
                let estimate = estimator.count(model, &prompt);
                prop_assert!(estimate.tokens >= estimate.expected);
                prop_assert_eq!(estimator.bound(model, &prompt), estimate);
            }
        }
    }

    #[test]
    fn more_text_never_lowers_an_estimate(text in "[ -~\\n我😀]{0,80}", words in "( [a-z]{1,9}){1,9}") {
        let prompt = |text: String| Prompt { messages: vec![Message::user(text)], tools: Vec::new() };
        for model in ["gpt-4o", "claude-opus-4-8", "gemini-2.5-pro", "mistral-large", "no-family"] {
            let estimator = FamilyEstimator::new();
            let less = estimator.count(model, &prompt(text.clone()));
            let more = estimator.count(model, &prompt(format!("{text}{words}")));
            prop_assert!(more.tokens >= less.tokens && more.expected >= less.expected, "{} {}", less, more);
        }
    }
}

#[test]
fn a_request_for_priority_is_priced_as_one() {
    let body = br#"{"model": "gpt-5.4", "service_tier": "priority", "input": "hi", "max_output_tokens": 10}"#;
    let call = token_budget::tokens::RequestShape::parse(body).unwrap().into_call("gpt-5.4").team("search");
    let policy = crate::support::open_purse();
    let enforcer = token_budget::Enforcer::builder().policy(policy).build();
    let plain = token_budget::Call::new("gpt-5.4").team("search").input_tokens(1_000).output_tokens(1_000);
    let quoted =
        |call: &token_budget::Call| enforcer.reserve(call).wait().unwrap().or_refusal().unwrap().quoted();
    assert!(quoted(&call.input_tokens(1_000).output_tokens(1_000)) > quoted(&plain));
}

#[test]
fn a_body_names_its_tier_and_leaves_where_the_charge_runs() {
    let body =
        br#"{"model": "gpt-5.4", "service_tier": "priority", "input": "hi", "max_output_tokens": 1000}"#;
    let in_us = token_budget::call::Conditions::new().with_region(token_budget::call::Region::named("us"));
    let charge = token_budget::Call::charging().team("search").conditions(in_us);
    let call = RequestShape::parse(body).unwrap().describe(charge).input_tokens(0);
    let enforcer = token_budget::Enforcer::builder().unbound(token_budget::policy::Unbound::Allow).build();
    let reservation = enforcer.reserve(&call).wait().unwrap().or_refusal().unwrap();
    assert_eq!(call.scopes(), [token_budget::Scope::team("search").unwrap()]);
    // 1,000 output tokens at $30 a million, and a tenth more in the United States.
    assert_eq!(reservation.quoted(), "0.033".parse().unwrap());
}

#[test]
fn a_body_without_a_model_is_a_call_of_the_charge_s() {
    let shape = || read(json!({"contents": [{"parts": [{"text": "hi"}]}]}));
    assert_eq!(shape().describe(token_budget::Call::new("gemini-2.5-pro")).model(), "gemini-2.5-pro");
    assert!(shape().describe(token_budget::Call::charging()).check().is_err());
}

#[test]
fn the_larger_of_two_limits_is_held_and_what_is_kept_elsewhere_is_not_counted() {
    let shape = |body: &str| token_budget::tokens::RequestShape::parse(body.as_bytes()).unwrap();
    let limits = shape(r#"{"max_completion_tokens": 1, "max_tokens": 100000, "n": 1, "best_of": 20}"#);
    assert_eq!((limits.output_tokens_max, limits.choices), (Some(100_000), 20));
    assert_eq!(shape(r#"{"max_tokens": 4096.0}"#).output_tokens_max, Some(4_096));
    for body in [
        r#"{"input": "hi", "previous_response_id": "resp_1"}"#,
        r#"{"contents": [], "cachedContent": "cachedContents/1"}"#,
        r#"{"input": "hi", "prompt": {"id": "pmpt_1"}}"#,
    ] {
        let estimate = ByteBoundEstimator.bound("gpt-5", &shape(body).prompt);
        assert!(estimate.needs_model_maximum(), "{body}");
    }
}

#[test]
fn a_part_marked_for_a_cache_is_quoted_with_its_writing() {
    let table = [
        (r#"{"messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}]}"#, false),
        (
            r#"{"messages": [{"role": "user", "content": [{"type": "text", "text": "hi", "cache_control": {"type": "ephemeral"}}]}]}"#,
            true,
        ),
        (r#"{"cache_control": {"type": "ephemeral"}, "messages": []}"#, true),
        (r#"{"cache_control": null, "messages": []}"#, false),
        (
            r#"{"messages": [{"role": "user", "content": [{"text": "hi"}, {"cachePoint": {"type": "default"}}]}]}"#,
            true,
        ),
        (r#"{"messages": [{"role": "user", "content": "say cache_control"}]}"#, false),
    ];
    for (body, writes_cache) in table {
        let shape = RequestShape::parse(body.as_bytes()).expect("a body");
        assert_eq!(shape.writes_cache, writes_cache, "{body}");
    }
    // A million tokens in cost $3.75 where they are written to the cache, $3.00 where not.
    let quote = |body: &str| {
        let call = RequestShape::parse(body.as_bytes()).expect("a body").into_call("claude-sonnet-4-5");
        let call = call.input_tokens(1_000_000).output_tokens(0);
        token_budget::Enforcer::builder().build().quote(&call).expect("a call").expect("a price")
    };
    let difference = quote(table[2].0).checked_sub(quote(table[0].0)).expect("more");
    assert!(difference >= "0.75".parse().expect("dollars"), "{difference}");
}

#[test]
fn every_prompt_of_a_list_is_answered() {
    // A hundred prompts in one request were held for as one: thirty-six dollars went under a limit of half a dollar.
    let choices = |body: Value| read(body).choices;
    assert_eq!(choices(json!({"prompt": vec!["x"; 100], "max_tokens": 1_000})), 100);
    assert_eq!(choices(json!({"prompt": ["x", "y"], "n": 3, "best_of": 5})), 10);
    assert_eq!(choices(json!({"prompt": [[1, 2], [3]], "n": 2})), 4);
    assert_eq!(choices(json!({"prompt": [1, 2, 3]})), 1, "one prompt, cut into tokens");
    assert_eq!(choices(json!({"prompt": "x"})), 1);
    assert_eq!(choices(json!({"prompt": ["x", "y"], "n": 4_000_000_000_u64})), u32::MAX);
    assert_eq!(choices(json!({"messages": [{"role": "user", "content": ["a", "b"]}]})), 1);
}

#[test]
fn a_request_says_whether_it_reasons_and_whether_it_goes_on_alone() {
    let reasons = |body: Value| read(body).reasoning;
    assert_eq!(reasons(json!({"messages": []})), None);
    assert_eq!(reasons(json!({"reasoning_effort": "none"})), Some(false));
    assert_eq!(reasons(json!({"reasoning": {"effort": "minimal"}})), Some(true));
    assert_eq!(reasons(json!({"reasoning": {"enabled": false}})), Some(false));
    assert_eq!(reasons(json!({"thinking": {"type": "disabled"}})), Some(false));
    assert_eq!(reasons(json!({"thinking": {"type": "adaptive"}})), Some(true));
    let budget = |tokens: i32| json!({"generationConfig": {"thinkingConfig": {"thinkingBudget": tokens}}});
    assert_eq!((reasons(budget(0)), reasons(budget(-1))), (Some(false), Some(true)));
    assert_eq!(reasons(json!({"think": true, "reasoning_effort": "none"})), Some(true), "the dearer word");
    assert!(read(json!({"input": "hi", "background": true})).background);
    assert!(!read(json!({"input": "hi", "background": false})).background);
}

/// What the byte bound holds of a request to that model.
fn held(model: &str, body: Value) -> token_budget::tokens::Estimate {
    ByteBoundEstimator.bound(model, &read(body).prompt)
}

#[test]
fn an_item_that_is_sent_back_is_read_whole() {
    // Items of the responses API were read for their arguments alone: an output of 19,000 bytes counted as nothing.
    let long = "lorem ipsum ".repeat(200);
    for item in [
        json!({"type": "mcp_call", "name": "x", "server_label": "s", "arguments": "{}", "output": long}),
        json!({"type": "mcp_call", "name": "x", "server_label": "s", "arguments": "{}", "error": long}),
        json!({"type": "mcp_list_tools", "server_label": "s", "tools": [{"name": "x", "description": long}]}),
        json!({"type": "code_interpreter_call", "container_id": "c", "code": "x", "outputs": [{"type": "logs", "logs": long}]}),
        json!({"type": "code_interpreter_call", "container_id": "c", "code": long, "outputs": null}),
        json!({"type": "file_search_call", "queries": ["q"], "results": [{"text": long}]}),
        json!({"type": "web_search_call", "action": {"type": "open_page", "url": long}}),
        json!({"type": "apply_patch_call", "operation": {"type": "create_file", "diff": long}}),
        json!({"type": "custom_tool_call", "name": "n", "input": long}),
        json!({"type": "computer_call", "action": {"type": "type", "text": long}}),
        json!({"type": "local_shell_call", "action": {"type": "exec", "command": [long]}}),
        json!({"type": "shell_call_output", "output": [{"stdout": long, "stderr": ""}]}),
        json!({"type": "reasoning", "summary": [{"type": "summary_text", "text": "a"}], "encrypted_content": long}),
        json!({"type": "message", "role": "assistant", "content": [{"type": "refusal", "refusal": long}]}),
        json!({"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "", "annotations": [{"title": long}]}]}),
        json!({"type": "image_generation_call", "result": "", "revised_prompt": long}),
        json!({"type": "nobody_knows", "what": {"ever": [long]}}),
        json!({"role": "assistant", "reasoning_content": [long]}),
        json!({"role": "assistant", "tool_calls": [{"type": "custom", "custom": {"name": "x", "input": long}}]}),
        json!({"role": "user", "content": [{"type": "text", "text": long, "tools": []}]}),
        json!({"role": "user", "content": [{"type": "text", "text": long, "document": {"type": "text", "data": "x"}}]}),
        json!({"role": "user", "content": [{"type": "text", "text": "x", "document": {"type": "text", "data": long}}]}),
        json!({"role": "user", "content": [{"functionResponse": {"name": "n", "response": {}, "parts": [{"text": long}]}}]}),
    ] {
        let estimate = held("gpt-5", json!({"input": [item]}));
        assert!(estimate.tokens >= 2_400, "{estimate}: {item}");
    }
    let tool = json!({"type": "function", "function": {"name": "x", "description": long, "parameters": {}}, "cachePoint": {}});
    assert!(held("gpt-4o", json!({"messages": [], "tools": [tool]})).tokens >= 2_400);
    let schema = json!({"response_schema": {"enum": [long]}});
    assert!(held("gemini-2.5-pro", json!({"contents": [], "generation_config": schema})).tokens >= 2_400);
}

#[test]
fn what_is_kept_elsewhere_is_taken_at_the_models_largest_input() {
    for body in [
        json!({"input": [{"type": "item_reference", "id": "msg_1"}]}),
        json!({"input": [{"id": "msg_1"}]}),
        json!({"messages": [{"role": "assistant", "audio": {"id": "audio_1"}}]}),
        json!({"input": "hi", "conversation": {"id": "conv_1"}}),
        json!({"messages": [], "preset": "brief"}),
        json!({"messages": [], "model": "openai/gpt-4o@preset/brief"}),
        json!({"messages": [], "container": "cntr_1"}),
        json!({"input": "hi", "tools": [{"type": "file_search", "vector_store_ids": ["vs_1"]}]}),
        json!({"input": "hi", "tools": [{"type": "code_interpreter", "container": "cntr_1"}]}),
        json!({"contents": [{"parts": [{"functionResponse": {"name": "n", "response": {}, "parts": [
            {"fileData": {"mimeType": "application/pdf", "fileUri": "gs://x"}}]}}]}]}),
    ] {
        assert!(held("gpt-5", body.clone()).needs_model_maximum(), "{body}");
    }
    let fresh =
        json!({"input": "hi", "tools": [{"type": "code_interpreter", "container": {"type": "auto"}}]});
    assert!(!held("gpt-5", fresh).needs_model_maximum());
}

#[test]
fn a_dearer_word_is_held_and_a_cheaper_one_is_not_believed() {
    use token_budget::call::{Conditions, Region, ServiceTier};
    use token_budget::usage::Meter;
    let quoted = |body: Value, model: &str| {
        let call = read(body).into_call(model).input_tokens(1_000).output_tokens(1_000);
        token_budget::Enforcer::builder().build().quote(&call).unwrap().unwrap()
    };
    let plain = quoted(json!({"input": "hi"}), "gpt-5.4");
    assert_eq!(quoted(json!({"input": "hi", "service_tier": "batch"}), "gpt-5.4"), plain);
    assert_eq!(
        quoted(json!({"input": "hi", "service_tier": "flex"}), "gpt-5.4"),
        plain,
        "it may be served as standard"
    );
    assert!(
        quoted(json!({"input": "hi", "service_tier": "auto"}), "gpt-5.4") > plain,
        "the account may be set to priority"
    );
    assert!(quoted(json!({"input": "hi", "service_tier": "priority"}), "gpt-5.4") > plain);
    let slow = quoted(json!({"messages": []}), "claude-opus-4-8");
    assert!(quoted(json!({"messages": [], "speed": "fast"}), "claude-opus-4-8") > slow);
    assert!(quoted(json!({"messages": [], "inference_geo": "us"}), "claude-opus-4-8") > slow);
    assert_eq!(quoted(json!({"messages": [], "inference_geo": "global"}), "claude-opus-4-8"), slow);
    // What the caller says stands where the body says less.
    let asked = Conditions::new().with_tier(ServiceTier::Priority).with_region(Region::Eu);
    let call = read(json!({"input": "hi", "service_tier": "flex"}))
        .describe(token_budget::Call::new("gpt-5.4").conditions(asked));
    let enforcer = token_budget::Enforcer::builder().build();
    let priority = enforcer
        .quote(&token_budget::Call::new("gpt-5.4").conditions(asked).input_tokens(9).output_tokens(9))
        .unwrap();
    assert_eq!(enforcer.quote(&call.input_tokens(9).output_tokens(9)).unwrap(), priority);

    let uses = |body: Value| read(body).uses;
    let search = json!({"tools": [{"type": "web_search_20250305", "name": "web_search", "max_uses": 3}]});
    assert_eq!(uses(search), [(Meter::WebSearch, Some(3))]);
    let tools = json!({"max_tool_calls": 2, "tools": [{"type": "web_search"}, {"type": "image_generation"}]});
    assert_eq!(uses(tools), [(Meter::WebSearch, Some(2)), (Meter::ImageGeneration, Some(2))]);
    assert_eq!(
        uses(json!({"tools": [{"googleSearch": {}}, {"googleMaps": {}}]})),
        [(Meter::WebSearch, None), (Meter::MapsSearch, None)]
    );
}

#[test]
fn a_tool_that_the_provider_runs_is_held_for_what_it_reads() {
    let body = || json!({"input": "hi", "tools": [{"type": "web_search"}]});
    let estimate = held("gpt-5", body());
    assert!(
        estimate.tokens > 15_000 && estimate.kind == token_budget::tokens::EstimateKind::Guess,
        "{estimate}"
    );
    let with = |estimator: FamilyEstimator| estimator.count("gpt-5", &read(body()).prompt).tokens;
    assert_eq!(with(FamilyEstimator::new()) - with(FamilyEstimator::new().reading_at_most(5_000)), 10_000);
    // A megabyte of them is still one model's largest input.
    let many = json!({"model": "gpt-4o", "messages": [], "max_tokens": 1, "tools": vec![json!({"type": "web_search"}); 100]});
    let call = RequestShape::read(&many).unwrap().into_call("gpt-4o").team("search");
    let reservation = token_budget::Enforcer::builder()
        .policy(
            token_budget::Policy::new([token_budget::Budget::usd(
                "b",
                token_budget::Scope::team("search").unwrap(),
                token_budget::Usd::dollars(100),
                token_budget::Window::day(),
            )])
            .unwrap(),
        )
        .build()
        .reserve(&call)
        .wait()
        .unwrap()
        .or_refusal()
        .unwrap();
    assert_eq!(reservation.estimate().tokens, 128_000);
}
