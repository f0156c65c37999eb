//! Is a request held for what a single word in it makes dearer: other models, other tiers, sounds and images?

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use token_budget::call::Message;
use token_budget::client::{CallError, JsonClient};
use token_budget::enforcer::Actual;
use token_budget::http::{HttpBudget, RequestHead, Ruling};
use token_budget::policy::{OnNoLimit, Selector};
use token_budget::pricing::PriceRow;
use token_budget::tokens::RequestShape;
use token_budget::usage::Unit;
use token_budget::{
    Budget, BudgetEnforcedClient, Call, Decision, Enforcer, Policy, PricingTable, Usd, Window,
};

use crate::support::{ready, team, usd};

/// A cheap and a dear model, and what has rates for more than text.
const ROWS: &str = r#"[
    {"provider": "own", "model": "cheap", "reasoning": "never",
        "standard": {"input": "1", "output": "1"}},
    {"provider": "own", "model": "dear", "reasoning": "never",
        "standard": {"input": "10", "output": "10"}},
    {"provider": "own", "model": "speaks", "standard":
        {"input": "1", "input_audio": "40", "output": "10", "output_audio": "80"}},
    {"provider": "own", "model": "draws", "standard":
        {"input": "1", "input_image": "40", "output": "10", "output_image": "30"}},
    {"provider": "own", "model": "tiered", "standard": {"input": "1", "output": "1"},
        "priority": {"input": "2", "output": "2"}},
    {"provider": "own", "model": "quick", "standard": {"input": "1", "output": "1"},
        "priority": {"input": "2", "output": "2"}, "fast": {"input": "6", "output": "6"}},
    {"provider": "own", "model": "placed", "standard": {"input": "1", "output": "1"},
        "region_factors": {"us": "1.1", "eu": "1.2", "other": "1.3"}}
]"#;

fn table() -> PricingTable {
    PricingTable::empty().with_rows(PriceRow::list_from_json(ROWS).unwrap()).unwrap()
}

fn enforcer(limit: Usd) -> Enforcer {
    let policy = Policy::new([Budget::usd("search", team(), limit, Window::day())]).unwrap();
    Enforcer::builder().policy(policy).prices(table()).build()
}

fn charge() -> Call {
    Call::charging().team("search").provider("own")
}

/// What is held for a million tokens in and as many out, by what a body says beside them.
fn millions(body: &Value) -> Usd {
    let shape = RequestShape::parse(body.to_string().as_bytes()).unwrap();
    let call = shape.describe(charge()).input_tokens(1_000_000).output_tokens(1_000_000);
    let reservation = enforcer(Usd::dollars(100_000)).reserve(&call).wait().unwrap();
    reservation.or_refusal().unwrap().quoted()
}

/// What the gate holds for a thousand output tokens and little input.
fn at_gate(host: &str, path: &str, headers: &[(&str, &str)], body: &Value) -> Usd {
    let gate = HttpBudget::new(enforcer(Usd::dollars(1_000)), |_| Ok(charge()));
    match ready(gate.admit(&RequestHead::new("POST", host, path, &headers), body.to_string().as_bytes())) {
        Ruling::Admitted(admitted) => admitted.reservation().quoted(),
        other => panic!("not admitted: {other:?}"),
    }
}

fn status(body: &str) -> u16 {
    let gate = HttpBudget::new(enforcer(Usd::dollars(1_000)), |_| Ok(charge()));
    let head = RequestHead::new("POST", "openrouter.ai", "/api/v1/chat/completions", &[("", ""); 0]);
    match ready(gate.admit(&head, body.as_bytes())) {
        Ruling::Refused(refusal) => refusal.status,
        other => panic!("not refused: {other:?}"),
    }
}

fn refused(body: &Value) -> Box<Decision> {
    let shape = RequestShape::parse(body.to_string().as_bytes()).unwrap();
    let call = shape.describe(charge()).input_tokens(1_000).output_tokens(10);
    enforcer(Usd::dollars(100)).reserve(&call).wait().unwrap().or_refusal().unwrap_err()
}

/// Only the gate looked at the list; every other way in held for the model that was named first.
#[test]
fn any_of_the_models_that_a_request_names_may_answer_and_the_dearest_is_held() {
    for body in [
        json!({"model": "cheap", "models": ["cheap", "dear"]}),
        json!({"model": "dear", "models": ["cheap"]}),
        json!({"models": ["cheap", "dear", "cheap"]}),
        json!({"model": "cheap", "fallbacks": ["dear"]}),
        json!({"model": "cheap", "fallbacks": [{"model": "dear", "temperature": 0}]}),
    ] {
        assert_eq!(millions(&body), Usd::dollars(20), "{body}");
    }
    assert_eq!(millions(&json!({"model": "cheap", "models": ["cheap"]})), Usd::dollars(2));
    assert_eq!(millions(&json!({"model": "cheap", "models": []})), Usd::dollars(2));
    let unknown = refused(&json!({"model": "cheap", "models": ["cheap", "nobody-knows"]}));
    assert!(unknown.to_string().contains("no price"), "{unknown}");
}

/// The list was dropped where whoever pays named the model, though the body was sent with it.
#[test]
fn a_model_that_the_charge_names_hides_none_that_the_body_lists() {
    let head = RequestHead::new("POST", "openrouter.ai", "/api/v1/chat/completions", &[("", ""); 0]);
    let held = |body: Value| {
        let gate = HttpBudget::new(enforcer(Usd::dollars(1_000)), |_| Ok(charge().with_model("cheap")));
        match ready(gate.admit(&head, body.to_string().as_bytes())) {
            Ruling::Admitted(admitted) => admitted.reservation().model().to_owned(),
            other => panic!("not admitted: {other:?}"),
        }
    };
    assert_eq!(held(json!({"model": "dear", "max_tokens": 100, "messages": []})), "cheap");
    for list in ["models", "fallbacks"] {
        let body = json!({"model": "cheap", list: ["cheap", "dear"], "max_tokens": 100, "messages": []});
        assert_eq!(held(body), "dear", "{list}");
    }
}

#[test]
fn a_client_of_json_is_held_for_the_dearest_model_and_sends_its_body_as_it_is() {
    let sent = Arc::new(Mutex::new(Vec::new()));
    let ask = |limit: Usd| {
        let kept = Arc::clone(&sent);
        let post = move |body: Value| {
            kept.lock().unwrap().push(body);
            async {
                Ok::<_, String>(json!({"usage": {"prompt_tokens": 9, "completion_tokens": 9}}).to_string())
            }
        };
        let client =
            BudgetEnforcedClient::new(JsonClient::new("own", post), enforcer(limit), charge()).degrade();
        let body =
            json!({"model": "cheap", "models": ["cheap", "dear"], "max_tokens": 100_000, "messages": []});
        (body.clone(), ready(client.call(body)))
    };
    // 100,000 × $10 a million.
    assert!(matches!(ask(usd("0.99")).1, Err(CallError::Refused(_))));
    assert!(sent.lock().unwrap().is_empty());
    let (body, answer) = ask(usd("1.01"));
    assert!(answer.is_ok(), "{answer:?}");
    assert_eq!(*sent.lock().unwrap(), [body]);
}

/// The dearest in money wrote a thousand tokens at most, and took four thousand: a budget of tokens was held for those,
/// whichever model answered.
#[test]
fn of_several_models_money_is_held_for_the_dearest_and_tokens_for_the_largest() {
    let rows = r#"[
        {"provider": "own", "model": "narrow", "reasoning": "never", "context_tokens": 4000, "output_tokens_max": 1000,
            "standard": {"input": "100", "output": "1000"}},
        {"provider": "own", "model": "wide", "reasoning": "never", "context_tokens": 1000000,
            "output_tokens_max": 100000, "standard": {"input": "1", "output": "1"}}
    ]"#;
    let table = PricingTable::empty().with_rows(PriceRow::list_from_json(rows).unwrap()).unwrap();
    let tokens =
        |name: &str, unit| Budget::new(name, Selector::Scope(team()), unit, Some(10_000_000), Window::day());
    let budgets = [
        Budget::usd("usd", team(), Usd::dollars(100), Window::day()),
        tokens("in", Unit::TokensInput),
        tokens("out", Unit::TokensOutput),
    ];
    let enforcer = Enforcer::builder().policy(Policy::new(budgets).unwrap()).prices(table).build();
    let held = |call: &Call| {
        let reservation = enforcer.reserve(call).wait().unwrap().or_refusal().unwrap();
        let of = |name: &str| {
            let lines = reservation.decision().budgets();
            lines.iter().find(|line| line.budget == name).map(|line| line.requested).unwrap()
        };
        (of("in"), of("out"), reservation.quoted())
    };
    let prompt = Message::user("x".repeat(200_000));
    for (first, other) in [("narrow", "wide"), ("wide", "narrow")] {
        let call = charge().with_model(first).or_model(other).message(prompt.clone());
        let (input, output, usd) = held(&call.clone().output_tokens(50_000).choices(2));
        assert!((200_000..300_000).contains(&input), "{input}");
        assert_eq!(output, 100_000);
        // 4,000 × $100 and 2,000 × $1,000 a million: more is no bill of the dearest.
        assert_eq!(usd, "2.4".parse().unwrap());
        let (_, output, _) = held(&call.clone().on_no_limit(OnNoLimit::HoldMost));
        assert_eq!(output, 100_000, "nothing is written, so the larger may write all it can");
        let (_, output, _) = held(&charge().with_model(first).or_model(other).message(Message::user("hi")));
        assert_eq!(output, 1_000, "a limit is written, and all of them are told");
    }
}

/// It was held for the limit and the one answer of the request around it.
#[test]
fn a_fallback_that_asks_for_more_than_its_request_is_refused_by_what_it_asks_for() {
    for (key, value) in [
        ("max_tokens", json!(30_000)),
        ("n", json!(5)),
        ("service_tier", json!("priority")),
        ("tools", json!([{"type": "web_search"}])),
        ("generationConfig", json!({"maxOutputTokens": 30_000})),
        ("Max_Tokens", json!(30_000)),
    ] {
        let body = json!({"model": "cheap", "max_tokens": 5, "messages": [],
            "fallbacks": ["dear", {"model": "dear", key: value}]})
        .to_string();
        let error = RequestShape::parse(body.as_bytes()).unwrap_err().to_string();
        assert!(error.contains("fallbacks") && error.contains(key), "{error}");
        assert_eq!(status(&body), 400, "{key}");
    }
    let honest = json!({"model": "cheap", "max_tokens": 5, "messages": [], "fallbacks": [
        {"model": "dear", "api_key": "k", "temperature": 0, "n": null, "messages": [{"role": "user", "content": "hi"}]}]});
    assert_eq!(RequestShape::parse(honest.to_string().as_bytes()).unwrap().models, ["dear"]);
}

/// What stood behind the sixty-fourth was not looked at.
#[test]
fn a_list_of_models_that_is_too_long_to_be_one_is_refused_by_its_name() {
    let body = |count: usize| {
        let mut models = vec!["cheap"; count];
        models.push("dear");
        json!({"model": "cheap", "models": models, "max_tokens": 5, "messages": []}).to_string()
    };
    let error = RequestShape::parse(body(64).as_bytes()).unwrap_err();
    assert!(error.to_string().contains("models: names 65, and 64 are the most"), "{error}");
    assert_eq!(status(&body(64)), 400);
    assert_eq!(RequestShape::parse(body(63).as_bytes()).unwrap().models.len(), 64);
}

/// Sound and images were held at the rate of text: an eighth and a third of what they cost.
#[test]
fn an_answer_of_sound_or_images_is_held_at_their_rate() {
    let gemini = |model: &str, words: Value| {
        millions(&json!({"model": model, "contents": [], "generationConfig": {"responseModalities": words}}))
    };
    // One dollar for the input, which shows neither.
    assert_eq!(gemini("speaks", json!(["AUDIO"])), Usd::dollars(81));
    assert_eq!(gemini("speaks", json!(["TEXT"])), Usd::dollars(11));
    assert_eq!(gemini("draws", json!(["TEXT", "IMAGE"])), Usd::dollars(31));
    assert_eq!(gemini("draws", json!(["text"])), Usd::dollars(11));
    let body =
        json!({"model": "draws", "contents": [], "generation_config": {"response_modalities": ["Image"]}});
    assert_eq!(millions(&body), Usd::dollars(31));
    for (words, held) in [(json!(["text", "audio"]), 81), (json!(["text"]), 11), (Value::Null, 11)] {
        let body = json!({"model": "speaks", "messages": [], "modalities": words});
        assert_eq!(millions(&body), Usd::dollars(held), "{body}");
    }
    // Whoever sells images by the token makes them unasked; sound is made where it is asked for.
    assert_eq!(millions(&json!({"model": "draws", "contents": []})), Usd::dollars(31));
    assert_eq!(millions(&json!({"model": "speaks", "messages": []})), Usd::dollars(11));
}

/// Sound of which nobody says how much there was is no text.
#[test]
fn sound_that_no_usage_tells_of_is_charged_as_it_was_held() {
    let body = json!({"model": "speaks", "messages": [], "modalities": ["text", "audio"]});
    let shape = RequestShape::parse(body.to_string().as_bytes()).unwrap();
    let call = shape.describe(charge()).input_tokens(1_000).output_tokens(1_000);
    let reservation = enforcer(Usd::dollars(1)).reserve(&call).wait().unwrap().or_refusal().unwrap();
    let held = reservation.quoted();
    let receipt = reservation.send().reconcile(Actual::default()).wait().unwrap();
    assert_eq!((receipt.cost(), held), (usd("0.081"), usd("0.081")));
}

/// An image that is shown made all text of the answer as dear as images.
#[test]
fn what_a_request_shows_does_not_make_its_answer_dearer() {
    let sound = json!({"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}});
    let body = json!({"model": "speaks", "messages": [{"role": "user", "content": [sound]}]});
    assert_eq!(millions(&body), Usd::dollars(50));
}

#[test]
fn every_word_that_asks_for_more_is_held_at_the_dearest_rate_it_may_have() {
    let chat = |model: &str, field: &str, word: Value| {
        let mut body = json!({"model": model, "messages": []});
        body[field] = word;
        millions(&body)
    };
    for word in ["priority", "auto", "scale", "performance", "a-tier-of-next-year"] {
        assert_eq!(chat("tiered", "service_tier", word.into()), Usd::dollars(4), "{word}");
    }
    for word in ["default", "standard", "standard_only", "flex", "on_demand", "reserved", "batch", ""] {
        assert_eq!(chat("tiered", "service_tier", word.into()), Usd::dollars(2), "{word}");
    }
    let fast = [
        ("speed", json!("fast")),
        ("performanceConfig", json!({"latency": "optimized"})),
        ("performance_config", json!({"latency": "optimized"})),
    ];
    for (field, word) in fast {
        assert_eq!(chat("quick", field, word.clone()), Usd::dollars(12), "{field}");
        // Without a rate of its own, at priority's; without that, at the dearest known.
        assert_eq!(chat("tiered", field, word.clone()), Usd::dollars(4), "{field}");
        assert_eq!(chat("cheap", field, word), Usd::dollars(2), "{field}");
    }
    assert_eq!(chat("quick", "performanceConfig", json!({"latency": "standard"})), Usd::dollars(2));
    assert_eq!(chat("quick", "speed", json!("standard")), Usd::dollars(2));
    let decision = refused_for_room(&json!({"model": "cheap", "messages": [], "speed": "fast"}));
    assert!(
        decision.to_string().contains("fast has no rate, so the dearest of the model is held"),
        "{decision}"
    );
}

fn refused_for_room(body: &Value) -> Box<Decision> {
    let shape = RequestShape::parse(body.to_string().as_bytes()).unwrap();
    let call = shape.describe(charge()).input_tokens(1_000_000).output_tokens(1_000);
    enforcer(usd("0.5")).reserve(&call).wait().unwrap().or_refusal().unwrap_err()
}

#[test]
fn a_header_that_asks_bedrock_for_less_latency_is_in_the_hold() {
    let held = |headers: &[(&str, &str)]| {
        let body = json!({"messages": [], "inferenceConfig": {"maxTokens": 1000}});
        at_gate("bedrock-runtime.us-east-1.amazonaws.com", "/model/quick/converse", headers, &body)
    };
    let plain = held(&[]);
    assert_eq!(held(&[("X-Amzn-Bedrock-PerformanceConfig-Latency", "standard")]), plain);
    let fast = held(&[("x-amzn-bedrock-performanceconfig-latency", "optimized")]);
    assert_eq!(fast.nanos(), plain.nanos() * 6);
}

/// Google takes a tenth more in a region, and what says so is the host, or the place in the path.
#[test]
fn a_regional_host_of_vertex_is_held_at_the_price_of_its_region() {
    let held = |host: &str, place: &str| {
        let path =
            format!("/v1/projects/p/locations/{place}/publishers/google/models/placed:generateContent");
        let body = json!({"contents": [], "generationConfig": {"maxOutputTokens": 100_000}});
        at_gate(host, &path, &[], &body).nanos()
    };
    let global = held("aiplatform.googleapis.com", "global");
    for (host, place, tenths) in [
        ("us-east5-aiplatform.googleapis.com", "us-east5", 11),
        ("europe-west1-aiplatform.googleapis.com", "europe-west1", 12),
        ("asia-southeast1-aiplatform.googleapis.com", "asia-southeast1", 13),
        ("aiplatform.us.rep.googleapis.com", "us", 11),
        ("aiplatform.eu.rep.googleapis.com", "eu", 12),
        ("aiplatform.googleapis.com", "us-east5", 11),
    ] {
        assert_eq!(held(host, place) * 10, global * tenths, "{host} {place}");
    }
}
