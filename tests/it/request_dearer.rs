//! Is a request held for what a single word in it makes dearer: other models, other tiers, sounds and images?

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use token_budget::http::{HttpBudget, RequestHead, Ruling};
use token_budget::{
    Budget, BudgetEnforcedClient, Call, CallError, Decision, Enforcer, JsonClient, Policy, PriceRow,
    PricingTable, RequestShape, Usd, Window,
};

use crate::support::{ready, team, usd};

/// A cheap and a dear model, and what has rates for more than text.
const ROWS: &str = r#"[
    {"provider": "own", "model": "cheap", "reasoning": "never",
        "standard": {"input": "1", "output": "1"}},
    {"provider": "own", "model": "dear", "reasoning": "never",
        "standard": {"input": "10", "output": "10"}}
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
    let reservation = enforcer(Usd::dollars(100_000)).reserve_now(&call).unwrap();
    reservation.or_refusal().unwrap().quoted()
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
    enforcer(Usd::dollars(100)).reserve_now(&call).unwrap().or_refusal().unwrap_err()
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
