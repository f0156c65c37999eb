//! Is what a provider may write to a cache held at the rate that it bills, and at no dearer one?

use serde_json::{Value, json};
use token_budget::call::Conditions;
use token_budget::policy::{OnUnknownModel, Unbound};
use token_budget::pricing::PriceRow;
use token_budget::tokens::RequestShape;
use token_budget::{Budget, BudgetEnforcedClient, Call, Enforcer, Policy, PricingTable, Usd, Window};

use crate::http_support::{CHAT, admitted, gate};
use crate::support::{House, block_on, call, team, usd};

/// Four dollars a token that is read; five where it is written to a cache for its default lifetime, ten for longer.
fn table(provider: &str, model: &str) -> PricingTable {
    let row = format!(
        r#"[{{"provider": "{provider}", "model": "{model}", "reasoning": "never", "standard": {{
            "input": "4", "cache_write_5m": "5", "cache_write_1h": "10", "output": "0"}}}}]"#
    );
    PricingTable::empty().with_rows(PriceRow::list_from_json(&row).unwrap()).unwrap()
}

/// At which of the rates, in dollars a million, a request of the model is held.
fn held_at(provider: &str, model: &str, more: &Value) -> i64 {
    let enforcer = Enforcer::builder().prices(table(provider, model)).unbound(Unbound::Allow).build();
    let quote = |body: &Value| {
        let call = RequestShape::read(body).unwrap().into_call(model).input_tokens(1_000_000);
        enforcer.quote(&call.provider(provider)).unwrap().unwrap().nanos()
    };
    let mut body = json!({"max_tokens": 10, "messages": [{"role": "user", "content": "hi"}]});
    for (field, value) in more.as_object().unwrap() {
        body[field] = value.clone();
    }
    quote(&body) / 1_000_000_000
}

/// Five calls at once of a model that its provider caches by itself, on 45 cents.
fn admitted_of_five(conditions: Conditions) -> (usize, Usd) {
    let day = Budget::usd("search", team(), usd("0.45"), Window::day());
    let enforcer = Enforcer::builder().policy(Policy::new([day]).unwrap()).build();
    let call = Call::new("gpt-5.6-luna").team("search").input_tokens(300_000).output_tokens(16);
    let call = call.conditions(conditions);
    let held: Vec<_> =
        (0..5).filter_map(|_| enforcer.reserve(&call).wait().unwrap().or_refusal().ok()).collect();
    let sum = held.iter().fold(Usd::ZERO, |sum, held| sum.checked_add(held.quoted()).unwrap());
    (held.len(), sum)
}

/// All five were held at the rate of a cache for twelve hours, which none had asked for, and one was admitted.
#[test]
fn stated_tokens_are_held_at_the_rate_of_a_cache_only_where_that_is_said() {
    // 300,000 × $0.40 and 16 × $1.80 a million: a fourth would be 0.4801152.
    assert_eq!(admitted_of_five(Conditions::new()), (3, usd("0.3600864")));
    assert_eq!(admitted_of_five(Conditions::new().without_cache_writes()), (3, usd("0.3600864")));
    // 300,000 × $0.50 for what OpenAI writes unasked: a third would be 0.4500864.
    assert_eq!(admitted_of_five(Conditions::new().with_automatic_cache_writes()), (2, usd("0.3000576")));
    // 300,000 × $1.00 where it asks for the long lifetime.
    assert_eq!(admitted_of_five(Conditions::new().with_cache_writes()), (1, usd("0.3000288")));
}

#[test]
fn what_the_caller_says_of_caches_stands_beside_what_a_body_says() {
    let body = |more: Value| {
        let mut body = json!({"max_tokens": 10, "messages": [{"role": "user", "content": "hi"}]});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let enforcer = Enforcer::builder().prices(table("openai", "gpt-5.6")).unbound(Unbound::Allow).build();
    let held = |said: Conditions, more: Value| {
        let call = Call::new("gpt-5.6").provider("openai").conditions(said);
        let call = RequestShape::read(&body(more)).unwrap().describe(call).input_tokens(1_000_000);
        enforcer.quote(&call).unwrap().unwrap().nanos() / 1_000_000_000
    };
    let (plain, long) = (json!({}), json!({"prompt_cache_retention": "24h"}));

    assert_eq!(held(Conditions::new(), plain.clone()), 5);
    assert_eq!(held(Conditions::new().without_cache_writes(), plain.clone()), 4);
    assert_eq!(held(Conditions::new().without_cache_writes(), long.clone()), 10);
    assert_eq!(held(Conditions::new().with_automatic_cache_writes(), long), 10);
    assert_eq!(held(Conditions::new().with_cache_writes(), plain), 10);
}

#[test]
fn a_request_is_held_at_the_rate_of_the_cache_that_it_asks_for() {
    let held = |more: Value| held_at("openai", "gpt-5.6-luna", &more);
    let part = |mark: Value| {
        let mut part = json!({"type": "text", "text": "hi"});
        part.as_object_mut().unwrap().extend(mark.as_object().unwrap().clone());
        json!([{"role": "user", "content": [part]}])
    };
    let explicit = json!({"mode": "explicit", "ttl": "30m"});
    let breakpoint = part(json!({"prompt_cache_breakpoint": {"mode": "explicit"}}));
    for (more, rate) in [
        (json!({}), 5),
        (json!({"prompt_cache_key": "k"}), 5),
        (json!({"prompt_cache_options": null}), 5),
        (json!({"prompt_cache_options": {"mode": "implicit", "ttl": "30m"}}), 5),
        (json!({"prompt_cache_retention": "in_memory"}), 5),
        // Nothing is written where nothing is marked, unless marks may stand where nobody here sees them.
        (json!({"prompt_cache_options": {"mode": "explicit"}}), 4),
        (json!({"prompt_cache_options": explicit, "messages": breakpoint}), 5),
        (json!({"prompt_cache_options": explicit, "previous_response_id": "r"}), 5),
        (json!({"prompt_cache_options": explicit, "prompt": {"id": "p"}}), 5),
        (json!({"prompt_cache_options": explicit, "input": [{"type": "item_reference", "id": "i"}]}), 5),
        (json!({"prompt_cache_options": explicit, "conversation": null}), 4),
        // A longer lifetime.
        (json!({"prompt_cache_options": {"ttl": "12h"}}), 10),
        (json!({"prompt_cache_options": {"mode": "explicit", "ttl": 43200}}), 10),
        (json!({"prompt_cache_retention": "24h"}), 10),
    ] {
        assert_eq!(held(more.clone()), rate, "{more}");
    }
}

#[test]
fn who_writes_by_itself_is_held_for_it_and_who_waits_for_a_mark_is_not() {
    let mark = |mark: Value| json!({"messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}, mark]}]});
    let anthropic = |ttl: Value| mark(json!({"type": "text", "text": "a", "cache_control": ttl}));
    for (provider, model, unmarked) in [
        ("openai", "gpt-5.6", 5),
        ("azure", "gpt-6-luna", 5),
        ("bedrock", "openai.gpt-5.6-sol", 5),
        ("openrouter", "openai/gpt-5.6-luna", 5),
        ("nobody", "unheard-of", 5),
        ("anthropic", "claude-sonnet-4-5", 4),
        ("bedrock", "us.anthropic.claude-opus-4-6-v1", 4),
        ("google", "gemini-3-pro", 4),
        ("dashscope", "qwen3.7-max", 4),
        ("minimax", "MiniMax-M2.5", 4),
    ] {
        let held = |more: &Value| held_at(provider, model, more);
        assert_eq!(held(&json!({})), unmarked, "{provider} {model}");
        assert_eq!(held(&anthropic(Value::Null)), unmarked, "{provider} {model}");
        // Marked, it is written for five minutes; for longer where that is said, in whatever words.
        assert_eq!(held(&anthropic(json!({"type": "ephemeral"}))), 5, "{provider} {model}");
        assert_eq!(held(&anthropic(json!({"type": "ephemeral", "ttl": "5m"}))), 5, "{provider} {model}");
        assert_eq!(held(&anthropic(json!({"type": "ephemeral", "ttl": "1h"}))), 10, "{provider} {model}");
        assert_eq!(held(&anthropic(json!({"type": "ephemeral", "ttl": 3600}))), 10, "{provider} {model}");
        assert_eq!(held(&mark(json!({"cachePoint": {"type": "default"}}))), 5, "{provider} {model}");
        assert_eq!(
            held(&mark(json!({"cachePoint": {"type": "default", "ttl": "1h"}}))),
            10,
            "{provider} {model}"
        );
        let injected = json!({"cache_control_injection_points": [{"location": "message", "role": "system"}]});
        assert_eq!(held(&injected), 5, "{provider} {model}");
    }
}

#[test]
fn what_lies_too_deep_to_be_seen_counts_as_marked_for_long() {
    let deep = (0..40).fold(json!("x"), |inner, _| json!({ "a": inner }));
    let body =
        json!({"messages": [{"role": "user", "content": [{"type": "text", "text": "hi", "extra": deep}]}]});
    assert_eq!(held_at("anthropic", "claude-sonnet-4-5", &body), 10);
}

#[test]
fn the_gate_and_a_client_hold_what_the_shape_says() {
    let plain =
        json!({"model": "gpt-5.6-luna", "max_tokens": 10, "messages": [{"role": "user", "content": "hi"}]});
    let mut off = plain.clone();
    off["prompt_cache_options"] = json!({"mode": "explicit"});
    let mut long = plain.clone();
    long["prompt_cache_retention"] = json!("24h");
    let house = || {
        let day = Budget::usd("day", team(), Usd::dollars(10), Window::day());
        House::with(Policy::new([day]).unwrap(), |builder| builder.prices(table("openai", "gpt-5.6-luna")))
    };
    let by_gate = |body: &Value| {
        let house = house();
        let gate = gate(&house);
        let held = admitted(&gate, CHAT, &body.to_string());
        let reserved = house.dollars(&call("gpt-5.6-luna", 0)).1;
        drop(held);
        reserved.nanos()
    };
    let by_client = |body: &Value| {
        let house = house();
        let seen = parking_lot::Mutex::new(0);
        let post = async |_: Value| {
            *seen.lock() = house.dollars(&call("gpt-5.6-luna", 0)).1.nanos();
            Ok::<_, std::io::Error>(br#"{"usage": {"prompt_tokens": 1, "completion_tokens": 1}}"#.to_vec())
        };
        let client = BudgetEnforcedClient::new(post, house.enforcer.clone(), Call::charging().team("search"));
        drop(block_on(client.call(body.clone())).unwrap());
        drop(client);
        seen.into_inner()
    };
    for held in [&by_gate as &dyn Fn(&Value) -> i64, &by_client] {
        let [plain, off, long] = [&plain, &off, &long].map(held);
        assert!(plain > 0);
        // The same tokens at 5, 4 and 10 dollars a million.
        assert_eq!((off * 5, long), (plain * 4, plain * 2));
    }
}

#[test]
fn an_unknown_model_at_the_price_of_another_is_held_for_what_its_own_provider_may_write() {
    // Claude's provider writes what a request marks alone; of whom the unknown model is, nobody knows. It was held at
    // four dollars, and what its answer said of writes was charged at five.
    let assumed = |model: &str| {
        let policy =
            Policy::new([]).unwrap().with_unknown_model(OnUnknownModel::PricedAs("claude-opus".into()));
        let prices = table("anthropic", "claude-opus");
        let enforcer = Enforcer::builder().policy(policy).prices(prices).unbound(Unbound::Allow).build();
        let automatic = Conditions::new().with_automatic_cache_writes();
        let call = Call::new(model).input_tokens(1_000_000).output_tokens(10).conditions(automatic);
        enforcer.quote(&call).unwrap()
    };
    assert_eq!(assumed("claude-opus"), Some(Usd::dollars(4)));
    assert_eq!(assumed("claude-next"), Some(Usd::dollars(4)));
    assert_eq!(assumed("nobody-knows"), Some(Usd::dollars(5)));
}
