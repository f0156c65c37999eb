//! What is sent and held for a request that does not say how much it may generate?

use serde_json::{Value, json};
use token_budget::call::ServiceTier;
use token_budget::http::{HttpBudget, RequestHead, Ruling};
use token_budget::policy::{Caps, OnNoLimit, OnUnknownModel};
use token_budget::pricing::{PriceRow, Rates, Reasoning};
use token_budget::usage::Unit;
use token_budget::{Budget, Call, Enforcer, Policy, PricingTable, Usd, Window};

use crate::http_support::{CHAT, MESSAGES, admitted, refused, rule};
use crate::support::{House, ready, team};

/// A model whose input is free, and whose output costs a dollar a million.
fn row(model: &str) -> PriceRow {
    let rates = Rates::per_million("0", "1").expect("rates");
    PriceRow::new("own", model).with_rates(ServiceTier::Standard, rates)
}

fn table() -> PricingTable {
    let rows = [
        row("plain").with_output_tokens_max(60_000).with_reasoning(Reasoning::Never),
        row("thinks").with_output_tokens_max(128_000).with_context_tokens(400_000),
        row("asked").with_output_tokens_max(64_000).with_reasoning(Reasoning::OnRequest),
        row("little").with_output_tokens_max(8_000),
        row("narrow").with_output_tokens_max(4_096).with_context_tokens(4_096),
        row("claude-x").with_output_tokens_max(64_000).with_context_tokens(200_000),
        row("unknown"),
        row("amazon.titan-text-express-v1").with_output_tokens_max(8_000),
        row("gpt-3.5-turbo-instruct").with_output_tokens_max(4_096),
        row("gpt-5").with_output_tokens_max(128_000).with_context_tokens(272_000),
        row("vectors").with_output_tokens_max(0),
    ];
    PricingTable::empty().with_rows(rows).expect("prices")
}

fn policy(dollars: &str) -> Policy {
    let limit: Usd = dollars.parse().expect("dollars");
    Policy::new([Budget::usd("search", team(), limit, Window::day())]).expect("a policy")
}

fn house(policy: Policy) -> House {
    House::with(policy, |builder| builder.prices(table()))
}

fn gate(house: &House) -> HttpBudget {
    HttpBudget::new(house.enforcer.clone(), |_| Ok(Call::charging().team("search")))
}

/// What is sent of a body, and how many output tokens are held for it, of all its answers together.
fn sent(gate: &HttpBudget, path: &str, body: &str) -> (String, u64) {
    let mut admitted = admitted(gate, path, body);
    let held = admitted.reservation().output_tokens();
    (admitted.take_body().map_or_else(|| body.to_owned(), |body| String::from_utf8(body).unwrap()), held)
}

fn held_at(
    gate: &HttpBudget,
    host: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> (Option<String>, u64) {
    // Whose prices are asked is another matter than whose host it is.
    let charge = |_: &RequestHead<'_>| Ok(Call::charging().team("search").provider("own"));
    let gate = HttpBudget::new(gate.enforcer().clone(), charge);
    match ready(gate.admit(&RequestHead::new("POST", host, path, &headers), body.as_bytes())) {
        Ruling::Admitted(mut admitted) => {
            let held = admitted.reservation().output_tokens();
            (admitted.take_body().map(|body| String::from_utf8(body).unwrap()), held)
        }
        other => panic!("not admitted: {other:?}"),
    }
}

#[test]
fn every_api_is_told_in_its_own_words_and_no_other_byte_is_touched() {
    let house = house(policy("1"));
    let gate = gate(&house);
    let gemini = "/v1beta/models/plain:generateContent";
    let table = [
        (CHAT, r#"{"model":"plain","messages":[]}"#, r#"{"model":"plain","messages":[],"max_tokens":16384}"#),
        (CHAT, r#"{ "model":"plain","max_tokens":null }"#, r#"{ "model":"plain","max_tokens":16384 }"#),
        (
            CHAT,
            r#"{"model":"plain","max_completion_tokens":null,"max_tokens":null}"#,
            r#"{"model":"plain","max_completion_tokens":null,"max_tokens":16384}"#,
        ),
        (CHAT, r#"{"model":"plain","max_tokens":-1}"#, r#"{"model":"plain","max_tokens":16384}"#),
        (CHAT, r#"{"model":"gpt-5"}"#, r#"{"model":"gpt-5","max_completion_tokens":65536}"#),
        (
            "/v1/completions",
            r#"{"model":"plain","prompt":"a"}"#,
            r#"{"model":"plain","prompt":"a","max_tokens":16384}"#,
        ),
        (
            "/v1/responses",
            r#"{"model":"plain","input":"hi"}"#,
            r#"{"model":"plain","input":"hi","max_output_tokens":16384}"#,
        ),
        (
            MESSAGES,
            r#"{"model":"plain","messages":[]}"#,
            r#"{"model":"plain","messages":[],"max_tokens":16384}"#,
        ),
        ("/v1/complete", r#"{"model":"plain"}"#, r#"{"model":"plain","max_tokens_to_sample":16384}"#),
        (
            "/v2/chat",
            r#"{"model":"plain","messages":[]}"#,
            r#"{"model":"plain","messages":[],"max_tokens":16384}"#,
        ),
        ("/v1/generate", r#"{"model":"plain"}"#, r#"{"model":"plain","max_tokens":16384}"#),
        ("/api/chat", r#"{"model":"plain"}"#, r#"{"model":"plain","options":{"num_predict":16384}}"#),
        (
            "/api/generate",
            r#"{"model":"plain","options":{"num_predict":-1}}"#,
            r#"{"model":"plain","options":{"num_predict":16384}}"#,
        ),
        (gemini, r#"{"contents":[]}"#, r#"{"contents":[],"generationConfig":{"maxOutputTokens":16384}}"#),
        (
            gemini,
            r#"{"generation_config":{"temperature":1.0}}"#,
            r#"{"generation_config":{"temperature":1.0,"max_output_tokens":16384}}"#,
        ),
        (
            gemini,
            r#"{"generationConfig":{"max_output_tokens":null}}"#,
            r#"{"generationConfig":{"max_output_tokens":16384}}"#,
        ),
        (gemini, r#"{"generation_config":null}"#, r#"{"generation_config":{"max_output_tokens":16384}}"#),
        ("/model/plain/converse", r#"{"inferenceConfig":{}}"#, r#"{"inferenceConfig":{"maxTokens":16384}}"#),
    ];
    for (path, body, expected) in table {
        let held = if body.contains("gpt-5") { 65_536 } else { 16_384 };
        assert_eq!(sent(&gate, path, body), (expected.to_owned(), held), "{path} {body}");
    }
}

#[test]
fn what_limits_itself_is_held_at_that_and_sent_as_it_came() {
    let house = house(policy("10"));
    let gate = gate(&house);
    let table = [
        // OpenAI's completions write 16 tokens of each answer; those of every prompt and choice are billed.
        ("/v1/completions", r#"{"model":"gpt-3.5-turbo-instruct","prompt":["a","b","c"],"n":2}"#, 96),
        ("/v1/completions", r#"{"model":"gpt-3.5-turbo-instruct","prompt":"a","max_tokens":null}"#, 16),
        ("/model/amazon.titan-text-express-v1/invoke", r#"{"inputText":"hi"}"#, 512),
        ("/v1/embeddings", r#"{"model":"vectors","input":"hi"}"#, 0),
        (CHAT, r#"{"model":"plain","max_tokens":9,"n":3}"#, 27),
        (
            "/model/amazon.titan-text-express-v1/invoke",
            r#"{"inputText":"hi","textGenerationConfig":{"maxTokenCount":700}}"#,
            700,
        ),
        // Nobody here knows the words of every maker behind Invoke: its model's maximum is held.
        ("/model/little/invoke", r#"{"messages":[]}"#, 8_000),
    ];
    for (path, body, held) in table {
        assert_eq!(sent(&gate, path, body), (body.to_owned(), held), "{path} {body}");
    }
    let openai =
        held_at(&gate, "api.openai.com", "/v1/completions", &[], r#"{"model":"plain","prompt":"a"}"#);
    assert_eq!(openai, (None, 16));
    // Nothing is to be written here, at those who say so: a prompt is scored, or a cache filled.
    for (host, path, body) in [
        ("api.openai.com", "/v1/completions", r#"{"model":"plain","prompt":"a","echo":true,"max_tokens":0}"#),
        ("api.anthropic.com", MESSAGES, r#"{"model":"plain","max_tokens":0,"messages":[]}"#),
    ] {
        assert_eq!(held_at(&gate, host, path, &[], body), (None, 0), "{path}");
    }
}

#[test]
fn openais_own_chat_is_told_by_the_name_that_its_reasoning_models_take() {
    let house = house(policy("1"));
    let body = r#"{"model":"plain","max_tokens":null}"#;
    let (sent, held) = held_at(&gate(&house), "api.openai.com", CHAT, &[], body);
    let expected = r#"{"model":"plain","max_tokens":null,"max_completion_tokens":16384}"#;
    assert_eq!((sent.as_deref(), held), (Some(expected), 16_384), "both at once are refused");
}

#[test]
fn a_signed_body_is_never_touched_and_is_held_for_the_most_that_its_model_generates() {
    let house = house(policy("1"));
    let gate = gate(&house);
    let host = "bedrock-runtime.us-east-1.amazonaws.com";
    let signed = [(
        "authorization",
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261129/us-east-1/bedrock/aws4_request",
    )];
    let body = r#"{ "messages":[] }"#;
    assert_eq!(held_at(&gate, host, "/model/plain/converse", &signed, body), (None, 60_000));
    // A table's maximum may be too low: what a request says that cannot be lowered is held.
    let asks = r#"{"inferenceConfig":{"maxTokens":70000}}"#;
    assert_eq!(held_at(&gate, host, "/model/plain/converse", &signed, asks), (None, 70_000));
    let digest = [("content-digest", "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:")];
    assert_eq!(held_at(&gate, "llm.test", CHAT, &digest, r#"{"model":"plain"}"#), (None, 60_000));
    // A key in place of a signature leaves the body free.
    let bearer = [("authorization", "Bearer key")];
    let (sent, held) = held_at(&gate, host, "/model/plain/converse", &bearer, body);
    assert_eq!(
        (sent.as_deref(), held),
        (Some(r#"{ "messages":[] ,"inferenceConfig":{"maxTokens":16384}}"#), 16_384)
    );
    // Of a model of which nothing is known no request goes out that cannot be limited, and the refusal says what helps.
    let head = RequestHead::new("POST", host, "/model/unknown/converse", &signed);
    let gate = gate.provider_of(|_| Some("own".into()));
    let refusal = refused(ready(gate.admit(&head, body.as_bytes())));
    let text = String::from_utf8(refusal.body).unwrap();
    assert!(refusal.status == 400 && text.contains("output_tokens_max"), "{text}");
}

#[test]
fn a_model_that_reasons_is_not_cut_at_what_suits_one_that_does_not() {
    let house = house(policy("1"));
    let gate = gate(&house);
    let held = |path: &str, body: &str| sent(&gate, path, body).1;
    assert_eq!(held(CHAT, r#"{"model":"thinks","messages":[]}"#), 65_536, "it may, where nobody says it");
    assert_eq!(held(MESSAGES, r#"{"model":"asked","messages":[]}"#), 16_384);
    let thinking = r#"{"model":"asked","thinking":{"type":"enabled","budget_tokens":20000},"messages":[]}"#;
    assert_eq!(held(MESSAGES, thinking), 64_000, "its own maximum is less than 65,536");
    assert_eq!(held(CHAT, r#"{"model":"little","messages":[]}"#), 8_000);
    assert_eq!(held(CHAT, r#"{"model":"unknown","messages":[]}"#), 16_384, "one that nothing is known of");
}

#[test]
fn a_limit_that_is_written_stands_above_the_thinking_that_was_asked_for() {
    let small = policy("1").with_output_tokens_default(4_000);
    let house_of_little = house(small);
    let body = |budget: u64| {
        format!(
            r#"{{"model":"claude-x","thinking":{{"type":"enabled","budget_tokens":{budget}}},"messages":[]}}"#
        )
    };
    let held = |budget: u64| sent(&gate(&house_of_little), MESSAGES, &body(budget)).1;
    assert_eq!((held(1_024), held(3_999)), (4_000, 4_000));
    assert_eq!((held(4_000), held(32_000), held(63_999)), (8_000, 36_000, 64_000));

    // A cap below it cannot be kept: the provider would answer 400, so it is said here.
    let caps = Caps { tokens_output: Some(10_000), ..Caps::default() };
    let capped = house(policy("1").with_caps(caps));
    let asks =
        r#"{"model":"claude-x","max_tokens":32000,"thinking":{"type":"enabled","budget_tokens":10000}}"#;
    for body in [asks, &body(10_000)] {
        let refusal = refused(rule(&gate(&capped), MESSAGES, body));
        let text = String::from_utf8(refusal.body).unwrap();
        assert!(refusal.status == 400 && text.contains("think for 10000 tokens"), "{text}");
    }
    assert_eq!(sent(&gate(&capped), MESSAGES, &body(9_999)).1, 10_000);
}

#[test]
fn a_small_context_gets_a_limit_that_it_has_room_for_or_none() {
    let house = house(policy("1"));
    let gate = gate(&house);
    let ask = |letters: usize| {
        let body = json!({"model": "narrow", "messages": [{"role": "user", "content": "x".repeat(letters)}]});
        let (sent, held) = sent(&gate, CHAT, &body.to_string());
        let sent: Value = serde_json::from_str(&sent).unwrap();
        (sent["max_tokens"].as_u64(), held)
    };
    let (limit, held) = ask(100);
    let limit = limit.expect("there is room");
    // The prompt is a hundred bytes and some framing: less than 400 tokens in any estimator.
    assert!((3_600..4_000).contains(&limit) && held == limit, "{limit} {held}");
    // Prompts that may fill the context or half of it: the model stops by itself, and all that it can do is held.
    assert_eq!((ask(2_000), ask(4_000), ask(16_000)), ((None, 4_096), (None, 4_096), (None, 4_096)));

    // Where the input was counted the room is known, and is written.
    let counted = Call::new("narrow").team("search").input_tokens(4_000);
    let reservation = house.admit(&counted);
    assert_eq!((reservation.output_tokens_each(), reservation.must_send_limit()), (96, true));
}

#[test]
fn a_large_prompt_neither_breaks_its_request_nor_cuts_its_answer() {
    let house = house(policy("1"));
    let gate = gate(&house);
    let ask = |letters: usize| {
        let body =
            json!({"model": "claude-x", "messages": [{"role": "user", "content": "x".repeat(letters)}]});
        let (sent, held) = sent(&gate, MESSAGES, &body.to_string());
        let sent: Value = serde_json::from_str(&sent).unwrap();
        (sent["max_tokens"].as_u64(), held)
    };
    assert_eq!(ask(100_000), (Some(64_000), 64_000));
    assert_eq!(
        ask(150_000),
        (Some(64_000), 64_000),
        "the bound leaves too little, and half of it leaves enough"
    );
    assert_eq!(ask(600_000), (None, 64_000), "nobody knows whether there is room: the most is held");
}

#[test]
fn what_becomes_of_a_request_without_a_limit_can_be_chosen_by_name() {
    let house = house(policy("1"));
    let body = r#"{"model":"plain","messages":[]}"#;
    let chosen = |choice| sent(&gate(&house).on_no_limit(choice), CHAT, body);
    assert_eq!(chosen(OnNoLimit::HoldMost), (body.to_owned(), 60_000));
    assert_eq!(chosen(OnNoLimit::LeaveAlone), (body.to_owned(), 16_384));
    assert_eq!(chosen(OnNoLimit::WriteIn).1, 16_384);

    let by_enforcer =
        House::with(policy("1"), |builder| builder.prices(table()).on_no_limit(OnNoLimit::HoldMost));
    assert_eq!(sent(&gate(&by_enforcer), CHAT, body), (body.to_owned(), 60_000));
    assert_ne!(sent(&gate(&by_enforcer).on_no_limit(OnNoLimit::WriteIn), CHAT, body).0, body);

    // A smaller figure of the policy's is written in; a cap binds even where the most is held.
    let little = self::house(policy("1").with_output_tokens_default(1_000));
    assert_eq!(
        sent(&gate(&little), CHAT, r#"{"model":"plain"}"#),
        (r#"{"model":"plain","max_tokens":1000}"#.to_owned(), 1_000)
    );
    let caps = Caps { tokens_output: Some(500), ..Caps::default() };
    let capped = self::house(policy("1").with_caps(caps));
    let capped = gate(&capped).on_no_limit(OnNoLimit::HoldMost);
    assert_eq!(
        sent(&capped, CHAT, r#"{"model":"plain"}"#),
        (r#"{"model":"plain","max_tokens":500}"#.to_owned(), 500)
    );
}

#[test]
fn what_only_observes_sends_every_body_as_it_came() {
    let observing = [
        policy("1").observing(),
        Policy::new([Budget::usd("search", team(), Usd::dollars(1), Window::day()).observe()]).unwrap(),
    ];
    for policy in observing {
        let house = house(policy);
        let gate = gate(&house).clamp_output();
        for body in [r#"{"model":"plain"}"#, r#"{"model":"plain","max_tokens":90000}"#] {
            assert_eq!(sent(&gate, CHAT, body).0, body);
        }
        assert!(!house.admit(&Call::new("plain").team("search").input_tokens(9)).must_send_limit());
    }
}

#[test]
fn a_figure_beside_the_request_is_written_into_it() {
    // It was held, and the request went out without it: its answer could cost sixty times as much.
    let house = house(policy("1"));
    let gate =
        HttpBudget::new(house.enforcer.clone(), |_| Ok(Call::charging().team("search").output_tokens(1_000)));
    let (body, held) = sent(&gate, CHAT, r#"{"model":"plain"}"#);
    assert_eq!((body.as_str(), held), (r#"{"model":"plain","max_tokens":1000}"#, 1_000));
    assert_eq!(
        sent(&gate, CHAT, r#"{"model":"plain","max_tokens":2000}"#).1,
        2_000,
        "what it says itself stands"
    );
}

#[test]
fn what_costs_nothing_is_not_told_a_limit_that_its_model_may_not_take() {
    // A server of one's own with a small context refuses a limit beyond it, and nothing is at stake.
    let unpriced = policy("1").with_unknown_model(OnUnknownModel::CountOnly);
    let house = house(unpriced);
    let body = r#"{"model":"llama-of-our-own","messages":[]}"#;
    assert_eq!(sent(&gate(&house), CHAT, body).0, body);
    // Where tokens are counted, something is.
    let counted = Budget::count("tokens", team(), Unit::TokensOutput, 100_000, Window::day());
    let house = self::house(Policy::new([counted]).unwrap().with_unknown_model(OnUnknownModel::CountOnly));
    assert_ne!(sent(&gate(&house), CHAT, body).0, body);
}

#[test]
fn ten_requests_without_a_limit_never_bill_more_than_is_held() {
    // Ten at once spent $3.84 under half a dollar: each was held for 16,384 tokens and could use 128,000.
    let budget = Budget::usd("search", team(), "0.5".parse().unwrap(), Window::day());
    let enforcer = Enforcer::builder().policy(Policy::new([budget]).unwrap()).build();
    let gate = HttpBudget::new(enforcer, |_| Ok(Call::charging().team("search").provider("openai")));
    let mut open = Vec::new();
    let mut bill = Usd::ZERO;
    for _ in 0..10 {
        let Ruling::Admitted(mut admitted) =
            rule(&gate, "/v1/responses", r#"{"model":"gpt-5","input":"hi"}"#)
        else {
            continue;
        };
        let body: Value = serde_json::from_slice(&admitted.take_body().expect("a limit")).unwrap();
        let limit = body["max_output_tokens"].as_i64().expect("a limit");
        // $10 a million.
        bill = bill.checked_add(Usd::from_nanos(limit * 10_000)).unwrap();
        assert!(admitted.reservation().quoted() >= Usd::from_nanos(limit * 10_000));
        open.push(admitted);
    }
    assert!(bill <= "0.5".parse().unwrap(), "{bill}");
}

/// Numbers that look random, and are the same for the same seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }

    fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[usize::try_from(self.below(of.len() as u64)).unwrap()]
    }
}

/// One API: its path, where its limit may stand, what multiplies an answer, and what it writes by itself.
struct Api {
    path: &'static str,
    places: &'static [&'static str],
    choices: &'static [&'static str],
    by_itself: Option<u64>,
}

const APIS: [Api; 10] = [
    Api { path: CHAT, places: &["/max_tokens", "/max_completion_tokens"], choices: &["/n"], by_itself: None },
    Api { path: "/v1/responses", places: &["/max_output_tokens"], choices: &[], by_itself: None },
    Api { path: "/v1/completions", places: &["/max_tokens"], choices: &["/n", "/best_of"], by_itself: None },
    Api { path: MESSAGES, places: &["/max_tokens"], choices: &[], by_itself: None },
    Api { path: "/v1/complete", places: &["/max_tokens_to_sample"], choices: &[], by_itself: None },
    Api { path: "/v2/chat", places: &["/max_tokens"], choices: &[], by_itself: None },
    Api { path: "/api/chat", places: &["/options/num_predict"], choices: &[], by_itself: None },
    Api {
        path: "/v1beta/models/MODEL:generateContent",
        places: &["/generationConfig/maxOutputTokens", "/generationConfig/max_output_tokens"],
        choices: &["/generationConfig/candidateCount"],
        by_itself: None,
    },
    Api {
        path: "/model/MODEL/converse",
        places: &["/inferenceConfig/maxTokens"],
        choices: &[],
        by_itself: None,
    },
    Api {
        path: "/model/amazon.titan-text-express-v1/invoke",
        places: &["/textGenerationConfig/maxTokenCount"],
        choices: &[],
        by_itself: Some(512),
    },
];

impl Api {
    /// A request with or without a limit, of a prompt that is short, long, or a list.
    fn body(&self, dice: &mut Dice, model: &str) -> Value {
        let letters = usize::try_from(dice.one(&[2, 900, 3_000, 5_000, 150_000])).unwrap();
        let mut body =
            json!({"model": model, "messages": [{"role": "user", "content": "x".repeat(letters)}]});
        if self.path == "/v1/completions" && dice.below(2) == 0 {
            body = json!({"model": model, "prompt": ["a", "b", "c"]});
        }
        for place in self.places {
            match dice.below(5) {
                0 => set(&mut body, place, Value::Null),
                1 => set(&mut body, place, json!(100)),
                2 => set(&mut body, place, json!(90_000)),
                _ => {}
            }
        }
        for place in self.choices {
            if dice.below(3) == 0 {
                set(&mut body, place, json!(1 + dice.below(4)));
            }
        }
        body
    }

    /// The limit that the API reads in a body, of each answer.
    fn limit(&self, body: &Value) -> Option<u64> {
        self.places.iter().filter_map(|place| body.pointer(place)?.as_u64()).max()
    }

    /// How many answers it gives to a body: choices, of each prompt.
    fn answers(&self, body: &Value) -> u64 {
        let choices =
            self.choices.iter().filter_map(|place| body.pointer(place)?.as_u64()).max().unwrap_or(1);
        choices * body["prompt"].as_array().map_or(1, |prompts| prompts.len() as u64)
    }
}

/// Puts a value where a pointer says, making the objects on the way.
fn set(body: &mut Value, pointer: &str, value: Value) {
    let mut at = body;
    for name in pointer.trim_start_matches('/').split('/') {
        if at.is_null() {
            *at = json!({});
        }
        at = at.as_object_mut().expect("an object").entry(name).or_insert(Value::Null);
    }
    *at = value;
}

#[test]
fn whatever_is_sent_may_generate_no_more_than_is_held() {
    let seed =
        std::env::var("TOKEN_BUDGET_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(20_261_129);
    println!("seed {seed}");
    let mut dice = Dice(seed);
    let capped = policy("100000").with_caps(Caps { tokens_output: Some(3_000), ..Caps::default() });
    let houses =
        [house(policy("100000")), house(capped), house(policy("100000").with_output_tokens_default(700))];
    let models = [
        ("plain", 60_000),
        ("thinks", 128_000),
        ("asked", 64_000),
        ("little", 8_000),
        ("narrow", 4_096),
        ("claude-x", 64_000),
    ];
    let mut without = 0;
    for _ in 0..1_000 {
        let house = &houses[usize::try_from(dice.below(3)).unwrap()];
        let api = &APIS[usize::try_from(dice.below(APIS.len() as u64)).unwrap()];
        let (model, most) = dice.one(&models);
        let most = if api.path.contains("titan") { 8_000 } else { most };
        let choice = dice.one(&[OnNoLimit::WriteIn, OnNoLimit::HoldMost]);
        let body = api.body(&mut dice, model);
        let path = api.path.replace("MODEL", model);
        let gate = gate(house).on_no_limit(choice);
        let mut admitted = match rule(&gate, &path, &body.to_string()) {
            Ruling::Admitted(admitted) => admitted,
            // Nothing was sent: Invoke cannot be told of a cap.
            Ruling::Refused(refusal) if refusal.status == 400 => continue,
            other => panic!("{path} {other:?}"),
        };
        let held = admitted.reservation().output_tokens();
        let sent =
            admitted.take_body().map_or_else(|| body.clone(), |sent| serde_json::from_slice(&sent).unwrap());
        without += u32::from(api.limit(&sent).is_none());
        let limit = api.limit(&sent).or(api.by_itself).unwrap_or(most);
        let answers = api.answers(&sent);
        assert!(
            limit * answers <= held,
            "{path} {choice:?}: {limit} × {answers} above {held}: {}",
            sent.to_string().chars().filter(|sign| *sign != 'x').collect::<String>()
        );
    }
    assert!(without > 30, "both ways were tried: {without}");
}

// A policy in a file could not say it: every program that read one had to.
#[test]
fn a_policy_says_what_becomes_of_calls_without_a_limit_and_narrower_words_go_first() {
    let file = |word: &str| {
        let text = format!(
            r#"{{"policy": {{"no_limit": "{word}"}},
            "budgets": [{{"id": "search", "scope": "team/search", "limit": "1", "window": "day"}}]}}"#
        );
        Policy::from_json(&text).expect("a policy")
    };
    let call = Call::new("plain").team("search").input_tokens(0);
    let held = |enforcer: &Enforcer, call: &Call| {
        let held = ready(enforcer.reserve(call)).unwrap().or_refusal().unwrap();
        (held.output_tokens_each(), held.must_send_limit())
    };
    let built = |word: &str| Enforcer::builder().prices(table()).policy(file(word));
    // `plain` generates 60,000 tokens at most; 16,384 are written in, and held where nothing is written.
    assert_eq!(held(&built("write_in").build(), &call), (16_384, true));
    assert_eq!(held(&built("hold_most").build(), &call), (60_000, false));
    assert_eq!(held(&built("leave_alone").build(), &call), (16_384, false));
    let stricter = built("leave_alone").on_no_limit(OnNoLimit::HoldMost).build();
    assert_eq!(held(&stricter, &call), (60_000, false), "the builder's word goes before the file's");
    assert_eq!(held(&stricter, &call.clone().on_no_limit(OnNoLimit::WriteIn)), (16_384, true));
    // A policy that is swapped in brings its own word.
    let enforcer = built("write_in").build();
    enforcer.set_policy(file("hold_most")).unwrap();
    assert_eq!(held(&enforcer, &call), (60_000, false));
}

#[test]
fn the_words_for_it_are_read_with_underscores_and_with_hyphens() {
    for word in ["leave_alone", "leave-alone"] {
        assert_eq!(word.parse::<OnNoLimit>().unwrap(), OnNoLimit::LeaveAlone);
    }
    let told = "write".parse::<OnNoLimit>().unwrap_err().to_string();
    assert_eq!(told, "no limit: \"write\" is none of write_in, hold_most and leave_alone");
}
