//! What is held and charged where the provider runs tools of its own, and nobody says what they did?

use token_budget::http::{HttpBudget, RequestHead, Ruling};
use token_budget::{Budget, Call, Enforcer, Policy, Scope, Usd, Window};

use crate::http_support::{EVENTS, End, Pieces, read_some};
use crate::support::{ready, usd};

/// What a streamed call was held for, and what it was charged when its reader left after those events.
fn left(host: &str, path: &str, body: &str, events: &[&str]) -> (Usd, Usd) {
    let key = Scope::api_key("k").unwrap();
    let policy = Policy::new([Budget::usd("k", key, usd("1000"), Window::day())]).unwrap();
    let enforcer = Enforcer::builder().policy(policy).build();
    let gate = HttpBudget::new(enforcer.clone(), |_| Ok(Call::charging().api_key("k")));
    let head = RequestHead::new("POST", host, path, &[("", ""); 0]);
    let admitted = match ready(gate.admit(&head, body.as_bytes())) {
        Ruling::Admitted(admitted) => admitted,
        _ => panic!("not admitted: {body}"),
    };
    let held = admitted.reservation().quoted();
    let pieces: Vec<String> = events.iter().map(|event| format!("data: {event}\n\n")).collect();
    read_some(admitted.send().answered(200, &EVENTS), Pieces::of(&pieces).then(End::Waits), events.len());
    let advice = ready(enforcer.check(&Call::new("gpt-4o").api_key("k").input_tokens(0).output_tokens(0)));
    (held, Usd::from_nanos(advice.unwrap().budgets()[0].spent))
}

fn held(host: &str, path: &str, body: &str) -> Usd {
    left(host, path, body, &[]).0
}

const CLAUDE: &str = "api.anthropic.com";
const OPENAI: &str = "api.openai.com";
const GEMINI: &str = "generativelanguage.googleapis.com";

fn claude(tools: &str) -> String {
    format!(
        r#"{{"model":"claude-sonnet-4-5","max_tokens":1000,"stream":true,{tools}"messages":[{{"role":"user","content":"hi"}}]}}"#
    )
}

const STARTED: &str = r#"{"type":"message_start","message":{"id":"m","model":"claude-sonnet-4-5","usage":{"input_tokens":9,"output_tokens":1}}}"#;

#[test]
fn a_stream_that_is_left_while_the_providers_tools_run_pays_for_what_they_may_use() {
    // Three searches and what they read were held for, $0.08 and more, and given back by whoever left at once.
    let search = r#""tools":[{"type":"web_search_20250305","name":"web_search","max_uses":3}],"#;
    let code = r#""tools":[{"type":"code_execution_20250825","name":"code_execution"}],"#;
    let fetch = r#""tools":[{"type":"web_fetch_20250910","name":"web_fetch","max_uses":2}],"#;
    let bare = held(CLAUDE, "/v1/messages", &claude(""));
    for tools in [search, code, fetch] {
        let (held, charged) = left(CLAUDE, "/v1/messages", &claude(tools), &[STARTED]);
        let tools_alone = held.checked_sub(bare).unwrap();
        assert!(charged >= tools_alone && charged < held, "{tools}: {charged} of {held}");
    }
    let response =
        r#"{"type":"response.created","response":{"id":"r","model":"gpt-4.1","status":"in_progress"}}"#;
    for tool in ["web_search", "image_generation", "code_interpreter", "file_search"] {
        let ask = |tools: &str| {
            format!(r#"{{"model":"gpt-4.1","max_output_tokens":500,"stream":true,{tools}"input":"hi"}}"#)
        };
        let bare = held(OPENAI, "/v1/responses", &ask(""));
        let tools = format!(r#""max_tool_calls":2,"tools":[{{"type":"{tool}"}}],"#);
        let (held, charged) = left(OPENAI, "/v1/responses", &ask(&tools), &[response]);
        assert!(charged >= held.checked_sub(bare).unwrap() && charged < held, "{tool}: {charged} of {held}");
    }
    let ask = r#"{"contents":[{"parts":[{"text":"hi"}]}],"generationConfig":{"maxOutputTokens":500},"tools":[{"google_search":{}}]}"#;
    let path = "/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse";
    let part = r#"{"candidates":[{"content":{"parts":[{"text":"so"}]}}],"usageMetadata":{"promptTokenCount":2,"candidatesTokenCount":1,"totalTokenCount":3}}"#;
    let (held, charged) = left(GEMINI, path, ask, &[part]);
    assert!(charged >= usd("0.035") && charged <= held, "{charged} of {held}");
}

#[test]
fn a_stream_without_such_tools_or_read_to_its_end_is_charged_by_what_was_said() {
    let own = r#""tools":[{"name":"look","description":"looks","input_schema":{"type":"object"}}],"#;
    for tools in ["", own] {
        let (_, charged) = left(CLAUDE, "/v1/messages", &claude(tools), &[STARTED]);
        assert!(charged < usd("0.001"), "{charged}");
    }
    let search = r#""tools":[{"type":"web_search_20250305","name":"web_search","max_uses":3}],"#;
    let ended = r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"input_tokens":9,"output_tokens":1,"server_tool_use":{"web_search_requests":1}}}"#;
    let (_, charged) = left(CLAUDE, "/v1/messages", &claude(search), &[STARTED, ended]);
    assert_eq!(charged, usd("0.010042")); // one search, 9 tokens in at $3 and one out at $15 a million
}

#[test]
fn a_search_that_is_switched_on_is_held_for_no_less_than_one_that_is_not() {
    // Any options of the search once said that there would be one, of a model that makes dozens unasked.
    let ask = |options: &str| {
        format!(
            r#"{{"model":"sonar-deep-research","max_tokens":1000,{options}"messages":[{{"role":"user","content":"hi"}}]}}"#
        )
    };
    let plain = held("api.perplexity.ai", "/chat/completions", &ask(""));
    let high = r#""web_search_options":{"search_context_size":"high"},"#;
    let high = held("api.perplexity.ai", "/chat/completions", &ask(high));
    assert!(high >= plain, "{high} against {plain}");
}

#[test]
fn tools_that_the_conversation_announces_are_held_for_as_those_beside_it() {
    for tool in [r#"{"type":"web_search"}"#, r#"{"type":"code_interpreter","container":{"type":"auto"}}"#] {
        let ask = |tools: &str, item: &str| {
            format!(
                r#"{{"model":"gpt-4.1","max_output_tokens":500,{tools}"input":[{{"role":"user","content":"hi"}}{item}]}}"#
            )
        };
        let beside = held(OPENAI, "/v1/responses", &ask(&format!(r#""tools":[{tool}],"#), ""));
        let bare = held(OPENAI, "/v1/responses", &ask("", ""));
        for kind in ["additional_tools", "tool_search_output"] {
            let item = format!(r#",{{"type":"{kind}","tools":[{tool}]}}"#);
            let announced = held(OPENAI, "/v1/responses", &ask("", &item));
            assert!(bare < beside && announced >= beside, "{tool}: {announced} against {beside}");
        }
        // What a function of the caller's is asked for is no tool.
        let call = r#",{"type":"function_call","call_id":"c","name":"f","arguments":"{\"tools\":[{\"type\":\"web_search\"}]}"}"#;
        assert!(held(OPENAI, "/v1/responses", &ask("", call)) < beside);
    }
}
