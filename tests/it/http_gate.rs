//! Which requests are let out, with which body, and what are the others told?

use std::time::Duration;

use token_budget::http::{Denial, Headers, HttpBudget, OnUnknownPath, RequestHead, Ruling};
use token_budget::ledger::Attribution;
use token_budget::policy::{Caps, Unbound};
use token_budget::usage::Unit;
use token_budget::{Budget, Call, Enforcer, Policy, PricingTable, Window};

use crate::http_support::{
    CHAT, HOST, MESSAGES, admitted, books, gate, header, house, json, post, refused, rule,
};
use crate::support::{FarLedger, House, Link, block_on, call, ready, team, usd};

const ASK: &str = r#"{"model":"milli","max_tokens":100,"messages":[]}"#;

fn word(ruling: &Ruling) -> &'static str {
    match ruling {
        Ruling::Pass => "pass",
        Ruling::Refused(_) => "refused",
        Ruling::Admitted(_) => "admitted",
    }
}

#[test]
fn what_is_billed_is_held_for_what_is_free_passes_and_what_nobody_knows_is_refused() {
    // Enough for the 16,384 tokens that are held where an API reads no limit of that name.
    let house = house("20");
    let gate = gate(&house).provider_of(|_| Some("own".into()));
    let table = [
        ("POST", CHAT, "admitted"),
        ("POST", "/openai/deployments/milli/chat/completions", "admitted"),
        ("POST", "/v1/completions", "admitted"),
        ("POST", "/v1/responses", "admitted"),
        ("POST", "/v1/embeddings", "admitted"),
        ("POST", "/v1/images/generations", "admitted"),
        ("POST", MESSAGES, "admitted"),
        ("POST", "/v1beta/models/milli:generateContent", "admitted"),
        ("POST", "/v1beta/models/milli:streamGenerateContent?alt=sse", "admitted"),
        ("POST", "/v1/projects/p/locations/l/publishers/anthropic/models/milli:rawPredict", "admitted"),
        ("POST", "/model/milli/converse", "admitted"),
        ("POST", "/model/pair/invoke-with-response-stream", "admitted"),
        ("POST", "/v2/chat", "admitted"),
        ("POST", "/v2/rerank", "admitted"),
        ("POST", "/api/chat", "admitted"),
        // Other spellings of the same paths.
        ("post", "//v1/./chat//completions/", "admitted"),
        ("POST", "/v1/files/../chat/%63ompletions", "admitted"),
        ("POST", "/V1/Chat/Completions", "admitted"),
        ("GET", CHAT, "pass"),
        ("GET", "/v1/models", "pass"),
        ("DELETE", "/v1/files/f", "pass"),
        ("POST", "/v1/files", "pass"),
        ("POST", "/v1/messages/count_tokens", "pass"),
        ("POST", "/v1/responses/input_tokens", "pass"),
        ("POST", "/v1beta/models/milli:countTokens", "pass"),
        ("POST", "/model/milli/count-tokens", "pass"),
        ("POST", "/v1/responses/r/cancel", "pass"),
        ("POST", "/v1/threads/t/messages", "pass"),
        // Billed, and by nothing that one request says.
        ("POST", "/v1/batches", "refused"),
        ("POST", "/v1/messages/batches", "refused"),
        ("POST", "/v1/audio/transcriptions", "refused"),
        ("POST", "/v1/threads/t/runs", "refused"),
        ("POST", "/", "refused"),
        ("PUT", CHAT, "refused"),
        // What passes must be written as it is read: the gate does not send it.
        ("GET", "/v1/models/../files/file-abc/content", "refused"),
        ("GET", "/v1/models/%2e%2e/responses/resp_1", "refused"),
        ("GET", "/v1/models/../../organization/admin_api_keys", "refused"),
        ("GET", "//v1//models", "pass"),
        ("GET", "/v1/models/meta-llama%2FLlama-3", "pass"),
        // What servers read in different ways.
        ("POST", "/v1/models/..%2fchat/completions", "refused"),
        ("POST", "/v1/x%2Fchat%2Fcompletions", "refused"),
        ("POST", "/v1/%2563hat/completions", "refused"),
        ("POST", "/v1/chat;v=1/completions", "refused"),
        ("POST", "/v1\\chat\\completions", "refused"),
    ];
    for (method, path, expected) in table {
        let head = RequestHead::new(method, HOST, path, &[("", ""); 0]);
        let ruling = ready(gate.admit(&head, ASK.as_bytes()));
        assert_eq!(word(&ruling), expected, "{method} {path}");
        assert!(gate.wants_body(&head).is_some() || expected != "admitted", "{method} {path}");
    }
    assert_eq!(books(&house), ("0.00".to_owned(), "0.00".to_owned()), "nothing was sent, so nothing is kept");
}

#[test]
fn a_socket_and_an_unknown_path_are_passed_only_where_the_operator_says_so() {
    let house = house("1");
    let upgrade = [("Upgrade", "websocket")];
    let socket = RequestHead::new("GET", HOST, "/v1/realtime", &upgrade);
    let refusal = refused(ready(gate(&house).admit(&socket, &[])));
    assert_eq!(
        (refusal.status, json(&refusal.body)["error"]["code"].as_str()),
        (403, Some("unmetered_path"))
    );
    let lenient = gate(&house).on_unknown_path(OnUnknownPath::Pass);
    assert_eq!(word(&ready(lenient.admit(&socket, &[]))), "pass");
    assert_eq!(word(&rule(&lenient, "/v1/batches", "{}")), "pass");
}

/// A header that is there and is no text.
struct NoText;

impl Headers for NoText {
    fn header(&self, _name: &str) -> Option<&str> {
        None
    }

    fn has_header(&self, name: &str) -> bool {
        name.eq_ignore_ascii_case("upgrade")
    }
}

#[test]
fn a_socket_is_known_also_where_its_header_is_no_text() {
    let house = house("1");
    let socket = RequestHead::new("GET", HOST, "/v1/realtime", &NoText);
    assert_eq!(refused(ready(gate(&house).admit(&socket, &[]))).status, 403);
    #[cfg(feature = "tower")]
    {
        let mut headers = http::HeaderMap::new();
        headers.insert("upgrade", http::HeaderValue::from_bytes(b"websocket\xff").unwrap());
        let socket = RequestHead::new("GET", HOST, "/v1/realtime", &headers);
        assert_eq!(refused(ready(gate(&house).admit(&socket, &[]))).status, 403);
    }
    let list: &[(String, String)] = &[("Upgrade".to_owned(), "websocket".to_owned())];
    let socket = RequestHead::new("GET", HOST, "/v1/realtime", &list);
    assert_eq!(refused(ready(gate(&house).admit(&socket, &[]))).status, 403);
}

#[test]
fn a_hold_outlives_the_time_that_its_client_waits() {
    let house = house("1");
    let gate = gate(&house);
    let held = |timeout: Option<Duration>| {
        let head = post(HOST, CHAT).with_timeout(timeout);
        let Ruling::Admitted(held) = ready(gate.admit(&head, ASK.as_bytes())) else { panic!("not admitted") };
        held.send()
    };
    // Ten minutes from noon, and five.
    let (patient, hasty) = (held(Some(Duration::from_secs(600))), held(None));
    house.go_to("2026-11-22T12:14:59Z");
    assert_eq!(books(&house), ("0.10".to_owned(), "0.10".to_owned()), "one has expired, and one is held");
    house.go_to("2026-11-22T12:15:00Z");
    assert_eq!(books(&house), ("0.20".to_owned(), "0.00".to_owned()));
    drop((patient, hasty));
}

#[test]
fn the_path_names_the_model_whatever_the_body_says() {
    let house = house("1000");
    let gate = gate(&house);
    let cheap = r#"{"model":"small","max_tokens":10,"generationConfig":{"maxOutputTokens":10},
        "inferenceConfig":{"maxTokens":10},"messages":[]}"#;
    for path in [
        "/v1beta/models/large:generateContent",
        "/model/large/converse",
        "/openai/deployments/large/completions",
        "/openai/deployments/large/chat/completions",
        "/engines/large/completions",
        "/v1/engines/large/chat/completions",
    ] {
        // Ten tokens at two cents.
        let held = admitted(&gate, path, cheap);
        assert_eq!(
            (held.reservation().model(), held.reservation().quoted()),
            ("large", usd("0.2")),
            "{path}"
        );
    }
}

#[test]
fn a_provider_is_known_by_its_host_and_asked_for_its_own_prices() {
    let enforcer = Enforcer::builder().policy(crate::support::open_purse()).build();
    let gate = HttpBudget::new(enforcer, |_| Ok(Call::charging()));
    let ask = |host: &str, model: &str| {
        let body = format!(r#"{{"model":"{model}","max_tokens":10,"messages":[]}}"#);
        word(&ready(gate.admit(&post(host, CHAT), body.as_bytes())))
    };
    assert_eq!(ask("api.openai.com", "gpt-4o"), "admitted");
    assert_eq!(ask("api.openai.com:443", "gpt-4o"), "admitted");
    assert_eq!(ask("api.anthropic.com", "gpt-4o"), "refused", "Anthropic has no price for it");
    assert_eq!(ask(HOST, "gpt-4o"), "admitted", "behind a proxy the name alone finds the price");
}

#[test]
fn a_body_that_cannot_be_read_is_never_passed() {
    let house = house("1");
    let gate = gate(&house).largest_body(64);
    let table = [
        ("", 400),
        ("[]", 400),
        ("{\"model\":", 400),
        (r#"{"messages":[]}"#, 400),
        (r#"{"model":"milli","model":"large"}"#, 400),
        (r#"{"model":"milli","\u006dodel":"large"}"#, 400),
        (r#"{"model":"milli","options":{"num_predict":1,"num_predict":2}}"#, 400),
        (r#"{"model":"milli","messages":["a body of more than sixty-four bytes"]}"#, 413),
    ];
    for (body, status) in table {
        let refusal = refused(rule(&gate, CHAT, body));
        assert_eq!(refusal.status, status, "{body}");
        assert_eq!(json(&refusal.body)["error"]["type"], "invalid_request_error", "{body}");
        assert!(
            !String::from_utf8_lossy(&refusal.body).contains("sixty-four bytes\""),
            "no prompt is told back"
        );
    }
}

#[test]
fn a_refusal_speaks_the_language_of_its_provider() {
    let house = house("0.05");
    let gate = gate(&house);
    let ask = r#"{"model":"milli","max_tokens":100,"messages":[],"inferenceConfig":{"maxTokens":100}}"#;
    let at = |path: &str| refused(rule(&gate, path, ask));

    let open_ai = at(CHAT);
    let body = json(&open_ai.body);
    assert_eq!((open_ai.status, header(&open_ai, "x-should-retry")), (402, Some("false")));
    assert_eq!(
        (&body["error"]["type"], &body["error"]["code"]),
        (&"insufficient_quota".into(), &"budget_exceeded".into())
    );
    assert!(body["error"]["message"].as_str().unwrap().contains("call needs 0.10"), "{body}");
    assert_eq!(
        (&body["budget"]["verdict"], &body["budget"]["affordable_output_tokens"]),
        (&"block".into(), &50.into())
    );

    let anthropic = json(&at(MESSAGES).body);
    assert_eq!((&anthropic["type"], &anthropic["error"]["type"]), (&"error".into(), &"billing_error".into()));

    let gemini = json(&at("/v1beta/models/milli:generateContent").body);
    assert_eq!(
        (&gemini["error"]["code"], &gemini["error"]["status"]),
        (&402.into(), &"RESOURCE_EXHAUSTED".into())
    );
    assert_eq!(gemini["error"]["details"][0]["reason"], "budget_exceeded");

    let bedrock = at("/model/milli/converse");
    assert_eq!(header(&bedrock, "x-amzn-errortype"), Some("ServiceQuotaExceededException"));
    assert!(json(&bedrock.body)["message"].is_string());

    assert!(json(&at("/v2/chat").body)["message"].is_string());
    let ollama = r#"{"model":"milli","stream":false,"options":{"num_predict":100}}"#;
    assert!(json(&refused(rule(&gate, "/api/chat", ollama)).body)["error"].is_string());
}

#[test]
fn waiting_is_advised_where_it_helps_within_a_minute() {
    // Sunday noon: the day's budget is back in twelve hours, the minute's within the minute, a call in flight soon.
    let budgets = [
        Budget::usd("day", team(), usd("0.15"), Window::day()),
        Budget::usd("minute", team(), usd("0.14"), Window::minute()),
    ];
    let house = House::of(budgets);
    let gate = gate(&house);
    let first = admitted(&gate, CHAT, ASK);
    let busy = refused(rule(&gate, CHAT, ASK));
    assert_eq!((busy.status, header(&busy, "retry-after")), (429, Some("1")), "in flight");
    assert_eq!(header(&busy, "x-should-retry"), None);
    drop(first);

    house.go_to("2026-11-22T12:00:17.500Z");
    house.spend(&call("milli", 0), 45);
    let minute = refused(rule(&gate, CHAT, ASK));
    // 42.5 seconds are left of the minute.
    assert_eq!((minute.status, header(&minute, "retry-after")), (429, Some("43")));
    assert_eq!(json(&minute.body)["error"]["type"], "rate_limit_exceeded");
    let patient = gate.clone().waiting_at_most(std::time::Duration::from_secs(42));
    assert_eq!(refused(rule(&patient, CHAT, ASK)).status, 402);

    house.spend(&call("milli", 0), 45);
    assert_eq!(refused(rule(&gate, CHAT, ASK)).status, 402, "the day is used up until midnight");
}

#[test]
fn what_waiting_cannot_mend_is_answered_with_402() {
    let house = house("0.05");
    let reason = Attribution::new("ops", "an incident");
    ready(house.enforcer.freeze(None, &team(), reason)).unwrap();
    let frozen = refused(rule(&gate(&house), CHAT, r#"{"model":"milli","max_tokens":1,"messages":[]}"#));
    assert_eq!(frozen.status, 402);
    assert_eq!(json(&frozen.body)["budget"]["refusals"][0]["reason"], "an incident");
}

// A model that nobody sells was answered as if money were missing, and nobody was told what was meant.
#[test]
fn a_model_without_a_price_is_not_found_and_the_nearest_is_named() {
    let house = house("0.05");
    let gate = gate(&house).provider_of(|_| Some("acme".into()));
    let asked = r#"{"model":"mili","max_tokens":1,"messages":[]}"#;
    let refusal = refused(rule(&gate, CHAT, asked));
    let body = json(&refusal.body);
    assert_eq!((refusal.status, &body["error"]["code"]), (404, &"model_not_found".into()));
    let text = body["error"]["message"].as_str().unwrap();
    assert!(text.contains("no price at acme; nearest: own/milli ($"), "{text}");
    assert!(text.ends_with("add a price row or an alias, or name a fallback price in the policy"), "{text}");
    let refusal = refused(rule(&gate, MESSAGES, asked));
    assert_eq!((refusal.status, &json(&refusal.body)["error"]["type"]), (404, &"not_found_error".into()));
}

// `"limit":5000000000,"unit":"usd"` was read as five billion dollars.
#[test]
fn money_in_a_refusal_is_dollars_and_counts_are_numbers() {
    let house = house("0.05");
    let refusal = refused(rule(&gate(&house), CHAT, ASK));
    let body = json(&refusal.body);
    for said in [&body["budget"]["budgets"][0], &body["budget"]["refusals"][0]] {
        assert_eq!((&said["unit"], &said["limit"]), (&"usd".into(), &"0.05".into()), "{said}");
        assert_eq!((&said["spent"], &said["requested"]), (&"0.00".into(), &"0.10".into()), "{said}");
    }
    let count = Budget::count("n", team(), Unit::Requests, 1, Window::day());
    let house = House::new(Policy::new([count]).unwrap());
    let held = rule(&gate(&house), CHAT, ASK);
    let body = json(&refused(rule(&gate(&house), CHAT, ASK)).body);
    assert_eq!(
        (&body["budget"]["refusals"][0]["limit"], &body["budget"]["refusals"][0]["reserved"]),
        (&1.into(), &1.into())
    );
    drop(held);
}

#[test]
fn a_ledger_that_is_away_is_no_refusal_of_a_budget() {
    let ledger = FarLedger::new(token_budget::MemoryLedger::new());
    ledger.set(Link::Away);
    let enforcer = Enforcer::builder().prices(crate::support::prices()).ledger(ledger).build();
    let gate = HttpBudget::new(enforcer, |_| Ok(Call::charging().team("search")));
    let refusal = refused(block_on(gate.admit(&post(HOST, CHAT), ASK.as_bytes())));
    assert_eq!((refusal.status, header(&refusal, "x-should-retry")), (503, None));
    let body = json(&refusal.body);
    assert_eq!(
        (&body["error"]["type"], &body["error"]["code"]),
        (&"server_error".into(), &"ledger_unavailable".into())
    );
    assert!(!body.to_string().contains("the store is away"), "what the store says of itself is not told");
}

#[test]
fn who_is_not_known_to_pay_is_turned_away_before_the_body_is_read() {
    let house = house("1");
    let gate = HttpBudget::new(house.enforcer.clone(), |head| match head.api_key() {
        Some("k1") => Ok(Call::charging().team("search")),
        Some(_) => Err(Denial::forbidden("this key is closed")),
        None => Err(Denial::unauthorized("no key")),
    });
    let ask = |headers: &Vec<(&str, &str)>, body: &str| {
        let ruling = ready(gate.admit(&RequestHead::new("POST", HOST, MESSAGES, headers), body.as_bytes()));
        match ruling {
            Ruling::Refused(refusal) => (refusal.status, json(&refusal.body)["error"]["type"].to_string()),
            _ => (200, String::new()),
        }
    };
    assert_eq!(ask(&vec![("Authorization", "Bearer k1")], ASK).0, 200);
    assert_eq!(ask(&vec![("X-Api-Key", "k1")], ASK).0, 200);
    assert_eq!(ask(&vec![("x-goog-api-key", "k2")], "nonsense"), (403, "\"permission_error\"".to_owned()));
    assert_eq!(ask(&vec![], "nonsense"), (401, "\"authentication_error\"".to_owned()));
    let hostile = HttpBudget::new(house.enforcer.clone(), |_| Ok(Call::charging().team("a\nb")));
    assert_eq!(refused(rule(&hostile, CHAT, ASK)).status, 400, "a name that no scope can have");
}

#[test]
fn a_body_is_sent_as_it_came_unless_it_asks_for_more_than_is_held() {
    let capped = Budget::usd("search", team(), usd("1"), Window::day())
        .per_call(Caps { tokens_output: Some(60), ..Caps::default() });
    let house = House::new(Policy::new([capped]).unwrap());
    let gate = gate(&house);
    let below = r#"{"model":"milli","max_tokens":60,"messages":[]}"#;
    assert_eq!(admitted(&gate, CHAT, below).take_body(), None);
    let sent = |path: &str, body: &str| {
        String::from_utf8(admitted(&gate, path, body).take_body().expect("another body")).unwrap()
    };
    assert_eq!(
        sent(CHAT, "{ \"temperature\":1.50,\"max_tokens\" : 100, \"model\":\"milli\",\"x\":1e-7}"),
        "{ \"temperature\":1.50,\"max_tokens\" : 60, \"model\":\"milli\",\"x\":1e-7}"
    );
    assert_eq!(
        sent("/v1beta/models/milli:generateContent", r#"{"generationConfig":{"maxOutputTokens":61}}"#),
        r#"{"generationConfig":{"maxOutputTokens":60}}"#
    );
}

#[test]
fn a_clamping_gate_writes_the_limit_where_each_api_looks_for_it() {
    let house = house("1");
    let gate = gate(&house).clamp_output();
    let short = |path: &str, body: &str| {
        String::from_utf8(admitted(&gate, path, body).take_body().expect("another body")).unwrap()
    };
    // The model writes at most 500 tokens.
    let table = [
        (CHAT, r#"{"model":"short"}"#, r#"{"model":"short","max_tokens":500}"#),
        ("/v1/completions", r#"{"model":"short"}"#, r#"{"model":"short","max_tokens":500}"#),
        ("/v1/responses", r#"{"model":"short"}"#, r#"{"model":"short","max_output_tokens":500}"#),
        (MESSAGES, r#"{"model":"short","max_tokens":501}"#, r#"{"model":"short","max_tokens":500}"#),
        (CHAT, r#"{"model":"short","max_tokens":null}"#, r#"{"model":"short","max_tokens":500}"#),
        ("/v1beta/models/short:generateContent", "{}", r#"{"generationConfig":{"maxOutputTokens":500}}"#),
        (
            "/v1beta/models/short:generateContent",
            r#"{"generationConfig":{"topK":1}}"#,
            r#"{"generationConfig":{"topK":1,"maxOutputTokens":500}}"#,
        ),
        (
            "/model/short/converse",
            r#"{"messages":[]}"#,
            r#"{"messages":[],"inferenceConfig":{"maxTokens":500}}"#,
        ),
        ("/api/chat", r#"{"model":"short"}"#, r#"{"model":"short","options":{"num_predict":500}}"#),
        (
            "/api/chat",
            r#"{"model":"short","options":{"num_predict":-1}}"#,
            r#"{"model":"short","options":{"num_predict":500}}"#,
        ),
    ];
    for (path, body, expected) in table {
        assert_eq!(short(path, body), expected, "{path} {body}");
    }
    assert_eq!(admitted(&gate, "/v1/embeddings", r#"{"model":"milli","input":"x"}"#).take_body(), None);
    let unlimited = refused(rule(&gate, "/model/short/invoke", r#"{"prompt":"x"}"#));
    assert_eq!(
        (unlimited.status, json(&unlimited.body)["code"].as_str()),
        (400, Some("output_not_limitable"))
    );
}

#[test]
fn openai_is_asked_by_the_name_that_its_reasoning_models_take() {
    let enforcer = Enforcer::builder().policy(crate::support::open_purse()).build();
    let gate = HttpBudget::new(enforcer, |_| Ok(Call::charging())).clamp_output();
    let body = br#"{"model":"gpt-4o-mini","messages":[]}"#;
    let Ruling::Admitted(mut held) = ready(gate.admit(&post("api.openai.com", CHAT), body)) else {
        panic!("not admitted")
    };
    let sent = json(&held.take_body().expect("another body"));
    assert_eq!(sent["max_completion_tokens"], held.reservation().output_tokens());
}

#[test]
fn an_answer_is_fitted_to_the_room_there_is_but_not_below_the_minimum() {
    let house = house("0.05");
    let ask = r#"{"model":"milli","max_tokens":100,"messages":[]}"#;
    let mut fitted = admitted(&gate(&house).fit_to_room(50), CHAT, ask);
    assert_eq!(fitted.take_body().unwrap(), br#"{"model":"milli","max_tokens":50,"messages":[]}"#);
    assert_eq!(fitted.reservation().quoted(), usd("0.05"));
    drop(fitted);
    assert_eq!(refused(rule(&gate(&house).fit_to_room(51), CHAT, ask)).status, 402);
}

#[test]
fn usage_is_asked_for_at_hosts_that_are_known_to_take_it_and_nothing_else_is_touched() {
    let house = house("1");
    let gate = gate(&house).inject_usage_for(HOST);
    let sent = |path: &str, body: &str| {
        admitted(&gate, path, body).take_body().map(|body| String::from_utf8(body).unwrap())
    };
    let asked = |members: &str| format!(r#"{{"model":"milli","max_tokens":9,"stream":true{members}}}"#);
    let table = [
        ("", Some(r#","stream_options":{"include_usage":true}"#)),
        (r#","stream_options":null"#, Some(r#","stream_options":{"include_usage":true}"#)),
        (r#","stream_options":{}"#, Some(r#","stream_options":{"include_usage":true}"#)),
        (r#","stream_options":{"a":1.0}"#, Some(r#","stream_options":{"a":1.0,"include_usage":true}"#)),
        (r#","stream_options":{"include_usage":false}"#, Some(r#","stream_options":{"include_usage":true}"#)),
        (r#","stream_options":{"include_usage":true}"#, None),
    ];
    for (members, expected) in table {
        assert_eq!(sent(CHAT, &asked(members)), expected.map(asked), "{members}");
        assert_eq!(sent("/v1/completions", &asked(members)), expected.map(asked), "{members}");
    }
    let response = r#"{"model":"milli","max_output_tokens":9,"stream":true}"#;
    assert_eq!(sent("/v1/responses", response), None, "it reports usage by itself");
    assert_eq!(sent(MESSAGES, &asked("")), None);
    assert_eq!(sent(CHAT, r#"{"model":"milli","max_tokens":9,"stream":false}"#), None);
    let elsewhere = ready(gate.admit(&post("other.test", CHAT), asked("").as_bytes()));
    let Ruling::Admitted(mut elsewhere) = elsewhere else { panic!("not admitted") };
    assert_eq!(elsewhere.take_body(), None, "some hosts refuse what they do not know");
}

#[test]
fn a_stream_holds_its_input_and_a_slice() {
    let house = house("1");
    let ask = r#"{"model":"milli","max_tokens":100,"stream":true,"messages":[]}"#;
    let held = admitted(&gate(&house), CHAT, ask);
    // Ten tokens at a tenth of a cent.
    assert_eq!((held.reservation().quoted(), held.reservation().output_tokens()), (usd("0.01"), 100));
    let ollama = admitted(&gate(&house), "/api/chat", r#"{"model":"milli","options":{"num_predict":100}}"#);
    assert_eq!(ollama.reservation().quoted(), usd("0.01"), "Ollama streams unless told not to");
}

#[test]
fn a_denial_of_the_applications_own_is_said_in_the_language_of_the_path_that_was_asked() {
    let house = house("1");
    let gate = gate(&house);
    let denied = |path| gate.denied(&post(HOST, path), Denial::unauthorized("this key is not known"));

    let (open_ai, anthropic) = (denied("/v1/files"), denied("/v1/messages/count_tokens"));

    assert_eq!((open_ai.status, anthropic.status), (401, 401));
    assert_eq!(header(&open_ai, "x-should-retry"), Some("false"));
    assert_eq!(json(&open_ai.body)["error"]["code"], "denied");
    assert_eq!(json(&anthropic.body)["type"], "error");
    assert_eq!(json(&anthropic.body)["error"]["message"], "this key is not known");
}

/// No input is held above the model's largest, and a header makes that five times as large.
#[test]
fn a_larger_context_that_a_header_asks_for_is_held() {
    let house = House::with(Policy::new([]).expect("a policy").unbound(Unbound::Allow), |builder| {
        builder.prices(PricingTable::bundled())
    });
    let gate = HttpBudget::new(house.enforcer.clone(), |_| Ok(Call::charging().team("search")));
    let text = "word ".repeat(100_000);
    let body = format!(
        r#"{{"model":"claude-sonnet-4-5","max_tokens":10,"messages":[{{"role":"user","content":"{text}"}}]}}"#
    );
    let held = |headers: &[(&str, &str)]| {
        let head = RequestHead::new("POST", "api.anthropic.com", MESSAGES, &headers);
        match ready(gate.admit(&head, body.as_bytes())) {
            Ruling::Admitted(admitted) => admitted.reservation().estimate().tokens,
            _ => panic!("nothing limits it"),
        }
    };

    assert_eq!(held(&[]), 200_000);
    assert!(held(&[("anthropic-beta", "context-1m-2025-08-07")]) >= 500_000);
}
