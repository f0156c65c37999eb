//! Is a request held for all that its provider may bill of it, however it is written?

use serde_json::{Value, json};
use token_budget::call::{Part, ServiceTier};
use token_budget::http::{HttpBudget, RequestHead, Ruling};
use token_budget::pricing::{PriceRow, Rates};
use token_budget::tokens::{FamilyEstimator, RequestShape};
use token_budget::{Budget, Call, Policy, PricingTable, TokenEstimator, Usd, Window};

use crate::support::{House, ready, team};

fn rates(input: &str, output: &str) -> Rates {
    Rates::per_million(input, output).expect("rates")
}

/// A small context, a model that is dearer with priority, and one whose output ends at 5,000 tokens.
fn house() -> House {
    let rows = [
        PriceRow::new("own", "small")
            .with_rates(ServiceTier::Standard, rates("1", "0"))
            .with_context_tokens(1_000),
        PriceRow::new("own", "tiered")
            .with_rates(ServiceTier::Standard, rates("1", "1"))
            .with_rates(ServiceTier::Priority, rates("2", "2")),
        PriceRow::new("own", "writes")
            .with_rates(ServiceTier::Standard, rates("0", "1"))
            .with_output_tokens_max(60_000),
    ];
    let table = PricingTable::empty().with_rows(rows).expect("prices");
    let policy =
        Policy::new([Budget::usd("search", team(), Usd::dollars(1_000), Window::day())]).expect("a policy");
    House::with(policy, |builder| builder.prices(table))
}

struct Held {
    input: u64,
    output: u64,
    usd: Usd,
    sent: Option<String>,
}

fn held(host: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Held {
    let house = house();
    let gate =
        HttpBudget::new(house.enforcer.clone(), |_| Ok(Call::charging().team("search").provider("own")));
    match ready(gate.admit(&RequestHead::new("POST", host, path, &headers), body.as_bytes())) {
        Ruling::Admitted(mut admitted) => {
            let sent = admitted.take_body().map(|body| String::from_utf8(body).expect("text"));
            let held = admitted.reservation();
            Held {
                input: held.estimate().tokens,
                output: held.output_tokens_each(),
                usd: held.quoted(),
                sent,
            }
        }
        other => panic!("not admitted: {other:?}"),
    }
}

/// Lists of texts were held for the context of a single one.
#[test]
fn each_input_of_a_list_may_fill_the_context_of_its_model() {
    let text = "word ".repeat(800);
    let texts = vec![text.as_str(); 5];
    let tokens = vec![vec![7; 900]; 5];
    let objects: Vec<Value> =
        texts.iter().map(|text| json!({"content": [{"type": "text", "text": text}]})).collect();
    let table = [
        ("/v1/completions", json!({"prompt": texts, "max_tokens": 1})),
        ("/v1/completions", json!({"prompt": tokens, "max_tokens": 1})),
        ("/v1/embeddings", json!({"input": texts})),
        ("/v1/embeddings", json!({"input": tokens})),
        ("/v1/embeddings", json!({"input": objects})),
        ("/api/embed", json!({"input": texts})),
        ("/v2/embed", json!({"texts": texts, "input_type": "search_query"})),
        ("/v2/embed", json!({"inputs": objects})),
        ("/v2/rerank", json!({"query": "which?", "documents": texts})),
        ("/v1beta/models/small:batchEmbedContents", json!({"requests": objects})),
    ];
    for (path, mut body) in table {
        body["model"] = "small".into();
        let input = held("llm.test", path, &[], &body.to_string()).input;
        assert!((4_000..=5_000).contains(&input), "{path}: {input}");
    }
    // A conversation is one input, whatever stands in it.
    let item = json!({"role": "user", "content": text});
    for (path, body) in [
        ("/v1/responses", json!({"input": [item, item, item], "max_output_tokens": 1})),
        ("/v1/chat/completions", json!({"messages": [item, item, item], "max_tokens": 1})),
        ("/v2/chat", json!({"messages": [item], "documents": texts, "max_tokens": 1})),
    ] {
        let mut body = body;
        body["model"] = "small".into();
        assert_eq!(held("llm.test", path, &[], &body.to_string()).input, 1_000, "{path}");
    }
}

/// A null beside the id was enough for a stored item to be held for nothing.
#[test]
fn an_item_that_is_only_named_is_opaque_whatever_says_nothing_beside_it() {
    let is_opaque = |item: Value| {
        let body = json!({"input": [item]}).to_string();
        let prompt = RequestShape::parse(body.as_bytes()).expect("a request").prompt;
        prompt.messages.iter().flat_map(|message| &message.parts).any(|part| matches!(part, Part::Opaque))
    };
    for named in [
        json!({"id": "msg_1"}),
        json!({"id": "msg_1", "type": null}),
        json!({"id": "msg_1", "type": null, "role": null, "content": null}),
        json!({"id": "rs_1", "status": "completed"}),
        json!({"id": "msg_1", "role": "assistant", "phase": "commentary"}),
        json!({"id": "msg_1", "type": "message", "status": "completed"}),
        json!({"id": "msg_1", "index": 1, "extra": false}),
    ] {
        assert!(is_opaque(named.clone()), "{named}");
    }
    for said in [
        json!({"id": "msg_1", "role": "user", "content": "hi"}),
        json!({"id": "msg_1", "role": "user", "content": ""}),
        json!({"id": "msg_1", "role": "model", "parts": [{"text": "hi"}]}),
        json!({"id": "rs_1", "type": "reasoning", "summary": []}),
        json!({"role": "user", "content": null}),
    ] {
        assert!(!is_opaque(said.clone()), "{said}");
    }
}

/// `1e3` was no number here: it was read as the largest, and raised to the most that the model writes.
#[test]
fn a_limit_is_read_however_its_number_is_written_and_never_raised() {
    let of = |limit: &str| held("llm.test", "/v1/chat/completions", &[], &limited(limit));
    fn limited(limit: &str) -> String {
        format!(r#"{{"model":"writes","messages":[],"max_tokens":{limit}}}"#)
    }
    for (limit, output) in [
        ("1e3", 1_000),
        ("1E2", 100),
        ("1E+2", 100),
        ("100.5", 101),
        ("100.0", 100),
        ("12.5e1", 125),
        ("2500e-2", 25),
        ("1e-9", 1),
        ("5e-99999999999999999999", 1),
    ] {
        let held = of(limit);
        assert_eq!((held.output, held.sent), (output, None), "{limit}");
    }
    for limit in ["1e5", "1e400", "1e99999999999999999999", "18446744073709551616", "60000.5"] {
        let held = of(limit);
        assert_eq!((held.output, held.sent), (60_000, Some(limited("60000"))), "{limit}");
    }
}

/// OpenAI refuses `max_completion_tokens` beside a prediction, so every such request without a limit failed.
#[test]
fn a_request_that_predicts_its_answer_is_held_for_the_most_and_left_as_it_is() {
    let body = r#"{"model":"writes","messages":[],"prediction":{"type":"content","content":"a"}}"#;
    let path = "/v1/chat/completions";
    for host in ["api.openai.com", "acme.openai.azure.com", "llm.test"] {
        let held = held(host, path, &[], body);
        assert_eq!(held.output, 60_000, "{host}");
        assert!(held.sent.is_none_or(|sent| !sent.contains("max_")), "{host}");
    }
    let held =
        held("api.openai.com", path, &[], &body.replace("{\"type\":\"content\",\"content\":\"a\"}", "null"));
    assert!(held.sent.is_some_and(|sent| sent.contains("max_completion_tokens")));
}

/// The first word was believed, headers not read, and a dot behind the host made it another one.
#[test]
fn of_all_the_words_for_a_tier_the_dearest_counts() {
    let usd = |headers: &[(&str, &str)], tiers: &str| {
        let body = format!(r#"{{"model":"tiered","messages":[],"max_tokens":1000{tiers}}}"#);
        held("llm.test", "/v1/chat/completions", headers, &body).usd
    };
    let dear = usd(&[], r#","service_tier":"priority""#);
    let plain = usd(&[], "");
    assert!(dear > plain);
    for tiers in [
        r#","service_tier":"default","serviceTier":{"type":"priority"}"#,
        r#","service_tier":null,"serviceTier":{"type":"priority"}"#,
        r#","service_tier":"priority","serviceTier":{"type":"default"}"#,
        r#","service_tier":{},"serviceTier":"priority""#,
    ] {
        assert_eq!(usd(&[], tiers), dear, "{tiers}");
    }
    for name in ["X-Amzn-Bedrock-Service-Tier", "x-vertex-ai-llm-shared-request-type"] {
        assert_eq!(usd(&[(name, " Priority")], r#","service_tier":"default""#), dear, "{name}");
        assert_eq!(usd(&[(name, "flex")], ""), plain, "{name}");
        assert_eq!(usd(&[(name, "flex")], r#","service_tier":"priority""#), dear, "{name}");
    }
    let head = RequestHead::new("POST", "eu.api.openai.com.:443", "/", &[("", ""); 0]);
    assert_eq!(head.host(), "eu.api.openai.com");
}

/// What a model thought and was not shown comes back sealed, and is read as input.
#[test]
fn what_is_sealed_counts_where_it_is_longer_than_a_label() {
    let long = "Kq3v9Zp1".repeat(400);
    let tokens = |message: Value| {
        let body = json!({"model": "claude-sonnet-4-5", "messages": [message]}).to_string();
        let shape = RequestShape::parse(body.as_bytes()).expect("a request");
        FamilyEstimator::new().bound("claude-sonnet-4-5", &shape.prompt).tokens
    };
    let table = [
        json!({"role": "assistant", "content": [{"type": "thinking", "thinking": "hm", "signature": "?"}]}),
        json!({"role": "assistant", "content": [{"type": "text", "text": "hm", "signature": "?"}]}),
        json!({"role": "model", "parts": [{"text": "hm", "thoughtSignature": "?"}]}),
        json!({"role": "model", "parts": [{"text": "hm", "thought": true, "thoughtSignature": "?"}]}),
        json!({"role": "model", "parts": [{"functionCall": {"name": "a", "args": {}}, "thoughtSignature": "?"}]}),
        json!({"role": "assistant", "content": [{"reasoningContent": {"reasoningText": {"text": "r", "signature": "?"}}}]}),
    ];
    for message in table {
        let filled: Value = serde_json::from_str(&message.to_string().replace('?', &long)).expect("JSON");
        assert!(tokens(filled) > tokens(message.clone()).saturating_add(800), "{message}");
    }
    // An answer of a tool was free where its words stood in its name or its id.
    for field in ["name", "tool_call_id"] {
        let mut message = json!({"role": "tool", "tool_call_id": "call_1", "content": "seen"});
        let before = tokens(message.clone());
        message[field] = "a long name of many words ".repeat(5).into();
        assert!(tokens(message) > before.saturating_add(20), "{field}");
    }
}

/// Where nobody says that zero means nothing, it may mean no limit.
#[test]
fn a_limit_of_zero_is_one_only_at_those_who_say_so() {
    let (completions, messages) = ("/v1/completions", "/v1/messages");
    for (host, path, output) in [
        ("api.openai.com", completions, 0),
        ("acme.openai.azure.com", completions, 0),
        ("api.anthropic.com", messages, 0),
        ("llm.test", completions, 60_000),
        ("llm.test", messages, 60_000),
        ("api.together.xyz", completions, 60_000),
        ("api.openai.com", "/v1/chat/completions", 60_000),
    ] {
        let body = r#"{"model":"writes","prompt":"a","max_tokens":0}"#;
        assert_eq!(held(host, path, &[], body).output, output, "{host}{path}");
    }
}
