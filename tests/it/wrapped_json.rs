//! Is a client that speaks JSON, streams, retries or falls back enforced like any other?

use std::future::{Ready, poll_fn, ready as at_once};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll};

use futures_core::Stream;
use parking_lot::Mutex;
use serde_json::{Value, json};
use token_budget::call::ServiceTier;
use token_budget::client::{AfterFailure, CallError, FailedAttempt, Failure, JsonClient, StreamingClient};
use token_budget::enforcer::Actual;
use token_budget::ledger::Certainty;
use token_budget::pricing::{PriceRow, Rates};
use token_budget::stream::{StreamError, StreamOptions, StreamSeen};
use token_budget::usage::Unit;
use token_budget::{
    Budget, BudgetEnforcedClient, Call, Enforcer, ErrorKind, LlmClient, Policy, PricingTable, RunGuard,
    Usage, Usd, Window,
};

use crate::http_support::{CHAT, JSON, Pieces, admitted, gate, read};
use crate::support::{House, block_on, call, nanos, ready, team, usd};

/// What was posted, for the test to look at.
type Posted = Arc<Mutex<Vec<Value>>>;

fn answer(model: &str, output: u64) -> Vec<u8> {
    let usage = json!({"prompt_tokens": 0, "completion_tokens": output, "total_tokens": output});
    json!({"model": model, "choices": [{"finish_reason": "stop"}], "usage": usage}).to_string().into_bytes()
}

fn body(model: &str, output: u64) -> Value {
    json!({"model": model, "max_tokens": output, "messages": []})
}

/// Ten dollars a day for the team.
fn ten_dollars() -> House {
    House::of([Budget::usd("day", team(), Usd::dollars(10), Window::day())])
}

fn charge() -> Call {
    Call::charging().team("search")
}

#[test]
fn an_async_closure_is_a_client() {
    let house = ten_dollars();
    let post = async |body: Value| {
        let model = body["model"].as_str().unwrap_or_default().to_owned();
        Ok::<_, std::io::Error>(answer(&model, 300))
    };
    let client = BudgetEnforcedClient::new(post, house.enforcer.clone(), charge());

    let answered = block_on(client.call(body("milli", 500))).expect("an answer");

    assert_eq!(answered.receipt.expect("a receipt").cost(), usd("0.3"));
    assert_eq!(house.dollars(&call("milli", 1)), (usd("0.3"), Usd::ZERO));
}

#[test]
fn a_body_that_is_no_request_is_an_error_and_nothing_is_sent() {
    let house = ten_dollars();
    let post = |_: Value| -> Ready<Result<Vec<u8>, ()>> { panic!("nothing is sent") };
    let client = BudgetEnforcedClient::new(post, house.enforcer.clone(), charge());

    for (body, problem) in [(json!([1]), "is not a JSON object"), (json!({}), "model: the name is empty")] {
        let Err(CallError::Ledger(error)) = block_on(client.call(body)) else { panic!("an error") };
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(error.to_string().contains(problem), "{error}");
    }
}

/// What a provider answers that is no success: a client's error that carries all of it.
#[derive(Debug)]
struct Answered(u16, String);

/// What the books hold of that answer to the same request, by a JSON client and by the gate.
fn charged_by_both(status: u16, body: &str) -> [Usd; 2] {
    let ask = json!({"model": "pair", "max_tokens": 100, "messages": [{"role": "user", "content": "hello"}]});
    let by_client = {
        let house = ten_dollars();
        let post = |_: Value| at_once(Err::<Vec<u8>, _>(Answered(status, body.to_owned())));
        let json = JsonClient::new("own", post)
            .failing(|_: &Answered| Failure::NotSent)
            .reading_errors(|error: &Answered| Some((error.0, error.1.as_bytes())));
        let client = BudgetEnforcedClient::new(json, house.enforcer.clone(), charge());
        let failed = block_on(client.call(ask.clone()));
        assert!(matches!(failed, Err(CallError::Client(Answered(same, _))) if same == status), "{failed:?}");
        house.dollars(&call("pair", 1))
    };
    let by_gate = {
        let house = ten_dollars();
        let gate = gate(&house).provider_of(|_| Some("own".into()));
        let held = admitted(&gate, CHAT, &ask.to_string());
        assert!(read(held.send().answered(status, &JSON), Pieces::of([body])).ended);
        house.dollars(&call("pair", 1))
    };
    assert_eq!((by_client.1, by_gate.1), (Usd::ZERO, Usd::ZERO), "nothing is held any more");
    [by_client.0, by_gate.0]
}

// Azure bills the input of a prompt that its filter refused; a JSON client saw the status alone and gave all back.
#[test]
fn an_error_that_is_billed_costs_by_a_json_client_what_it_costs_at_the_gate() {
    let filtered = r#"{"error":{"code":"content_filter","message":"no","status":400}}"#;
    let used =
        r#"{"error":{"code":"broken"},"usage":{"prompt_tokens":7,"completion_tokens":5,"total_tokens":12}}"#;
    let plain = r#"{"error":{"code":"invalid_request_error","message":"no"}}"#;

    let [filtered_by_client, filtered_by_gate] = charged_by_both(400, filtered);
    let [held_by_client, held_by_gate] = charged_by_both(503, plain);
    assert_eq!((filtered_by_client, held_by_client), (filtered_by_gate, held_by_gate));
    // What was held is the input and a hundred tokens of output at a tenth of a cent.
    assert!(filtered_by_client > Usd::ZERO);
    assert_eq!(filtered_by_client.nanos() + nanos("0.1"), held_by_client.nanos());
    // Usage that came is charged whatever the status: twelve tokens.
    assert_eq!(charged_by_both(500, used), [usd("0.012"); 2]);
    assert_eq!(charged_by_both(400, plain), [Usd::ZERO; 2]);
    assert_eq!(charged_by_both(429, "no JSON"), [Usd::ZERO; 2]);
}

#[test]
fn the_body_of_an_error_is_read_once() {
    // Its class and its usage were each read from it.
    let looks = Arc::new(AtomicU32::new(0));
    let (house, seen) = (ten_dollars(), Arc::clone(&looks));
    let post = |_: Value| at_once(Err::<Vec<u8>, _>(Answered(503, "{}".to_owned())));
    let json = JsonClient::new("own", post).reading_errors(move |error: &Answered| {
        seen.fetch_add(1, Ordering::Relaxed);
        Some((error.0, error.1.as_bytes()))
    });
    let client = BudgetEnforcedClient::new(json, house.enforcer.clone(), charge());
    let ask = json!({"model": "pair", "max_tokens": 100, "messages": [{"role": "user", "content": "hello"}]});
    assert!(block_on(client.call(ask)).is_err());
    assert_eq!(looks.load(Ordering::Relaxed), 1);
}

// xAI bills five cents for a request that it refuses by its guidelines; all that was held went back.
#[test]
fn a_request_that_violates_the_guidelines_of_xai_costs_its_fee_by_a_client_and_at_the_gate() {
    let refused = [
        // As its chat answers, and as its Responses may.
        r#"{"code":"The caller does not have permission to execute the specified operation","error":"Content violates usage guidelines. Team: t, API key ID: k, Model: grok-4-0709, Failed check: SAFETY_CHECK_TYPE_BIO"}"#,
        r#"{"error":{"message":"Failed check: SAFETY_CHECK_TYPE_CSAM","type":"invalid_request_error"}}"#,
    ];
    for (status, body) in refused.into_iter().flat_map(|body| [(403, body), (400, body)]) {
        assert_eq!(charged_by_both(status, body), [usd("0.05"); 2], "{status} {body}");
    }
    for other in [
        r#"{"error":"Incorrect API key provided: SAFETY"}"#,
        r#"{"error":{"code":"Content violates usage guidelines","message":"no"}}"#,
        r#"{"error":{"message":"no","param":"Content violates usage guidelines"}}"#,
    ] {
        assert_eq!(charged_by_both(403, other), [Usd::ZERO; 2], "{other}");
    }
    // Usage that came with it is what it costs: the request was generated for.
    let used = r#"{"error":"Content violates usage guidelines.","usage":{"prompt_tokens":7,"completion_tokens":5,"total_tokens":12}}"#;
    assert_eq!(charged_by_both(403, used), [usd("0.012"); 2]);
}

// Any client may say that a refused prompt is billed: the closure's, a client of one's own, a stream's.
#[test]
fn a_client_of_ones_own_says_that_a_refused_prompt_is_billed() {
    let body = br#"{"error":{"code":"content_filter"}}"#;
    assert_eq!(Failure::of_answer(400, body), Failure::InputBilled);
    assert_eq!(Failure::of_answer(400, b"{}"), Failure::NotBilled);
    assert_eq!(Failure::of_answer(504, b""), Failure::Unknown);
    let house = ten_dollars();
    let call = Call::new("pair").team("search").input_tokens(30).output_tokens(50);
    let failed = block_on(house.enforcer.guard_classified(
        &call,
        |_| at_once(Err::<((), Actual), ()>(())),
        |()| Failure::InputBilled,
    ));
    assert!(matches!(failed, Err(CallError::Client(()))));
    assert_eq!(house.dollars(&call), (usd("0.03"), Usd::ZERO), "thirty tokens of input");
}

#[test]
fn a_json_client_tells_its_failures_apart() {
    let house = ten_dollars();
    let post = |body: Value| at_once(Err::<Vec<u8>, u64>(body["status"].as_u64().unwrap_or(0)));
    let failing = |status: &u64| match status {
        0 => Failure::NotSent,
        status => Failure::of_status(u16::try_from(*status).unwrap_or(0)),
    };
    let json = JsonClient::new("own", post).failing(failing);
    let client = BudgetEnforcedClient::new(json, house.enforcer.clone(), charge());
    let mut spent = 0;

    for (status, charged) in [(0, "0"), (429, "0"), (400, "0"), (408, "0.5"), (500, "0.5"), (503, "0.5")] {
        let mut body = body("milli", 500);
        body["status"] = status.into();
        let Err(CallError::Client(error)) = block_on(client.call(body)) else { panic!("an error") };
        assert_eq!(error, status, "the client's own error");
        spent += nanos(charged);
        assert_eq!(house.dollars(&call("milli", 1)), (Usd::from_nanos(spent), Usd::ZERO), "{status}");
    }
}

#[test]
fn a_limit_is_sent_in_the_providers_own_words() {
    let house = House::of([Budget::usd("day", team(), usd("0.1"), Window::day())]);
    let posted = Posted::default();
    let sees = Arc::clone(&posted);
    let post = move |body: Value| {
        sees.lock().push(body);
        at_once(Ok::<_, ()>(answer("milli", 10)))
    };
    let client = BudgetEnforcedClient::new(JsonClient::new("own", post), house.enforcer.clone(), charge())
        .fit_to_room(50);

    block_on(client.call(body("milli", 500))).expect("an answer");

    assert_eq!(posted.lock()[0]["max_tokens"], 100, "what a hundred thousandths of a dollar buy");
}

/// Bytes as they come from a socket.
struct Body(std::vec::IntoIter<&'static str>);

impl Stream for Body {
    type Item = Result<&'static str, &'static str>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(self.0.next().map(|bytes| if bytes == "reset" { Err("reset") } else { Ok(bytes) }))
    }
}

const STREAM: [&str; 4] = [
    "data: {\"model\":\"milli\",\"choices\":[{\"delta\":{\"content\":\"hello \"}}]}\n\n",
    "data: {\"choices\":[{\"delta\":{\"content\":\"world\"},\"finish_reason\":\"stop\"}]}\n\n",
    "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":0,\"completion_tokens\":2,\"total_tokens\":2}}\n\n",
    "data: [DONE]\n\n",
];

#[test]
fn a_stream_is_asked_for_its_usage_where_its_provider_must_be_asked() {
    for (provider, asked) in [("openai", json!({"include_usage": true})), ("own", Value::Null)] {
        let rates = Rates::per_million("0", "1000").expect("rates");
        let row = PriceRow::new(provider, "milli").with_rates(ServiceTier::Standard, rates);
        let prices = PricingTable::empty().with_rows([row]).expect("prices");
        let posted = Posted::default();
        let sees = Arc::clone(&posted);
        let open = move |body: Value| {
            sees.lock().push(body);
            at_once(Ok::<_, &str>(Body(STREAM.to_vec().into_iter())))
        };
        let post = |_: Value| at_once(Err::<&str, &str>("not called"));
        let json = JsonClient::new(provider, post).streaming(open);
        let client = BudgetEnforcedClient::new(
            json,
            Enforcer::builder().policy(crate::support::open_purse()).prices(prices).build(),
            charge(),
        );

        drop(block_on(client.stream(body("milli", 500))).expect("a stream"));

        let sent = posted.lock()[0].clone();
        assert_eq!((&sent["stream"], &sent["stream_options"]), (&Value::Bool(true), &asked));
    }
}

#[test]
fn a_streaming_client_is_stopped_charged_and_told_its_own_error() {
    let house = ten_dollars();
    let client = |script: Vec<&'static str>| {
        let open = move |_: Value| at_once(Ok::<_, &str>(Body(script.clone().into_iter())));
        let post = |_: Value| at_once(Err::<&str, &str>("not called"));
        let json = JsonClient::new("own", post).streaming(open);
        let streams = StreamOptions::slices(100);
        BudgetEnforcedClient::new(json, house.enforcer.clone(), charge()).streams(streams)
    };
    let all = |script: Vec<&'static str>| {
        let mut stream = block_on(client(script).stream(body("milli", 500))).expect("a stream");
        let mut last = None;
        while let Some(bytes) = ready(poll_fn(|context| Pin::new(&mut stream).poll_next(context))) {
            last = bytes.err();
        }
        last
    };

    assert!(all(STREAM.to_vec()).is_none());
    assert_eq!(house.dollars(&call("milli", 1)), (usd("0.002"), Usd::ZERO));

    let error = all(vec![STREAM[0], "reset"]);
    assert!(matches!(error, Some(StreamError::Client("reset"))), "{error:?}");
    assert_eq!(house.dollars(&call("milli", 1)), (usd("0.008"), Usd::ZERO), "what was seen of it");
}

#[test]
fn a_stream_that_does_not_open_is_charged_by_how_it_failed() {
    let house = ten_dollars();
    let open = |_: Value| at_once(Err::<Body, &str>("connection refused"));
    let post = |_: Value| at_once(Err::<&str, &str>("not called"));
    let json = JsonClient::new("own", post).streaming(open).failing(|_: &&str| Failure::NotSent);
    let client = BudgetEnforcedClient::new(json, house.enforcer.clone(), charge());

    let Err(CallError::Client(error)) = block_on(client.stream(body("milli", 500))) else {
        panic!("an error")
    };

    assert_eq!(error, "connection refused");
    assert_eq!(house.dollars(&call("milli", 1)), (Usd::ZERO, Usd::ZERO));
}

#[test]
fn each_attempt_is_reserved_and_charged_by_itself() {
    let house = ten_dollars();
    let attempts = Arc::new(Mutex::new(0));
    let counts = Arc::clone(&attempts);
    let post = move |body: Value| {
        *counts.lock() += 1;
        let model = body["model"].as_str().unwrap_or_default().to_owned();
        // The large model times out; the small one answers.
        at_once(if model == "small" { Ok(answer("small", 100)) } else { Err("timeout") })
    };
    let client = BudgetEnforcedClient::new(post, house.enforcer.clone(), charge());

    let answered = block_on(client.call_retrying(body("medium", 100), |failed: FailedAttempt<'_, &str>| {
        at_once(if failed.attempt < 3 { AfterFailure::Again } else { AfterFailure::With("small".into()) })
    }));

    assert_eq!(answered.expect("an answer").receipt.expect("a receipt").cost(), usd("0.1"));
    assert_eq!(*attempts.lock(), 4);
    // Three time-outs of 100 × $0.005 that may be billed, and the answer.
    assert_eq!(house.dollars(&call("milli", 1)), (usd("1.6"), Usd::ZERO));
}

#[test]
fn a_refusal_ends_the_retries() {
    let house = House::of([Budget::usd("day", team(), usd("0.7"), Window::day())]);
    let post = |_: Value| at_once(Err::<Vec<u8>, &str>("timeout"));
    let client = BudgetEnforcedClient::new(post, house.enforcer.clone(), charge());

    let outcome = block_on(client.call_retrying(body("medium", 100), |_| at_once(AfterFailure::Again)));

    assert!(matches!(outcome, Err(CallError::Refused(_))));
    assert_eq!(house.dollars(&call("milli", 1)), (usd("0.5"), Usd::ZERO), "one attempt was made");
}

#[test]
fn a_call_without_room_goes_to_the_strongest_model_that_has_some() {
    // 100 output tokens cost $2 on large, $0.50 on medium, $0.10 on small.
    for (limit, served) in
        [("3", Some("large")), ("1", Some("medium")), ("0.2", Some("small")), ("0.05", None)]
    {
        let house = House::of([Budget::usd("day", team(), usd(limit), Window::day())]);
        let posted = Posted::default();
        let sees = Arc::clone(&posted);
        let post = move |body: Value| {
            let model = body["model"].as_str().unwrap_or_default().to_owned();
            sees.lock().push(body);
            at_once(Ok::<_, ()>(answer(&model, 100)))
        };
        let client =
            BudgetEnforcedClient::new(post, house.enforcer.clone(), charge()).fallbacks(["medium", "small"]);

        let outcome = block_on(client.call(body("large", 100)));

        match served {
            Some(model) => {
                assert_eq!(posted.lock()[0]["model"], model, "{limit}");
                assert!(outcome.is_ok());
            }
            None => {
                let Err(CallError::Refused(first)) = outcome else { panic!("a refusal") };
                assert_eq!(first.model(), "large", "the first refusal is the answer");
            }
        }
    }
}

#[test]
fn the_policys_ladder_is_walked_where_that_was_asked_for() {
    let budget = Budget::usd("day", team(), usd("1"), Window::day());
    let policy = Policy::new([budget]).expect("a policy").with_ladder(["large", "medium", "small"]);
    let house = House::new(policy);
    let post = |body: Value| {
        let model = body["model"].as_str().unwrap_or_default().to_owned();
        at_once(Ok::<_, ()>(answer(&model, 100)))
    };
    let stays = BudgetEnforcedClient::new(post, house.enforcer.clone(), charge());

    assert!(matches!(block_on(stays.call(body("large", 100))), Err(CallError::Refused(_))));
    let walks = stays.clone().degrade();
    let receipt = block_on(walks.call(body("large", 100))).expect("an answer").receipt.expect("a receipt");

    assert_eq!(receipt.cost(), usd("0.5"));
}

/// The rung below was asked of the dearest model that the body lists, for ever, since that never changed.
#[test]
fn a_ladder_ends_where_the_body_lists_models_of_its_own() {
    let budget = Budget::usd("day", team(), usd("1"), Window::day());
    let policy = Policy::new([budget]).expect("a policy").with_ladder(["large", "medium", "small"]);
    let house = House::new(policy);
    let asked = Arc::new(Mutex::new(0));
    let kept = Arc::clone(&asked);
    let post = move |_: Value| {
        *kept.lock() += 1;
        at_once(Ok::<_, ()>(answer("large", 100)))
    };
    let client = BudgetEnforcedClient::new(post, house.enforcer.clone(), charge()).degrade();
    for first in ["large", "medium", "small"] {
        let mut body = body(first, 100);
        body["models"] = json!(["large", "small"]);
        // A hundred tokens of `large` are two dollars, whichever is asked first.
        assert!(matches!(block_on(client.call(body)), Err(CallError::Refused(_))), "{first}");
    }
    assert_eq!(*asked.lock(), 0);
}

/// A client of one's own may take a model and send another all the same.
#[test]
fn a_ladder_ends_where_a_client_goes_on_naming_one_model() {
    struct Stubborn;
    impl LlmClient for Stubborn {
        type Request = ();
        type Response = ();
        type Error = ();

        fn describe(&self, (): &(), call: Call) -> Call {
            call.with_model("large").input_tokens(0).output_tokens(100)
        }

        async fn call(&self, (): ()) -> Result<(), ()> {
            Ok(())
        }

        fn actual(&self, (): &()) -> Actual {
            Actual::default()
        }

        fn set_model(&self, (): &mut (), _: &str) -> bool {
            true
        }
    }
    let budget = Budget::usd("day", team(), usd("1"), Window::day());
    let policy = Policy::new([budget]).expect("a policy").with_ladder(["large", "medium", "small"]);
    let client = BudgetEnforcedClient::new(Stubborn, House::new(policy).enforcer.clone(), charge()).degrade();
    assert!(matches!(block_on(client.call(())), Err(CallError::Refused(_))));
    assert_eq!(ready(client.rungs(&())).expect("advice").len(), 3);
}

#[test]
fn every_rung_says_what_it_costs_and_whether_it_fits() {
    let house = House::of([Budget::usd("day", team(), usd("1"), Window::day())]);
    let post = |_: Value| at_once(Ok::<Vec<u8>, ()>(Vec::new()));
    let client =
        BudgetEnforcedClient::new(post, house.enforcer.clone(), charge()).fallbacks(["medium", "small"]);

    let rungs = ready(client.rungs(&body("large", 100))).expect("advice");

    let rungs: Vec<_> =
        rungs.iter().map(|rung| (rung.model.as_str(), rung.quote, rung.decision.is_allowed())).collect();
    let expected = [("large", "2", false), ("medium", "0.5", true), ("small", "0.1", true)];
    assert_eq!(rungs, expected.map(|(model, quote, fits)| (model, Some(usd(quote)), fits)));
}

#[test]
fn a_client_may_be_called_as_a_round_of_a_run() {
    let house = ten_dollars();
    let run = RunGuard::builder("run-1").iterations(1).open(&house.enforcer).wait().expect("a run");
    let post = |_: Value| at_once(Ok::<_, ()>(answer("milli", 10)));
    let client = BudgetEnforcedClient::new(post, house.enforcer.clone(), charge());

    block_on(client.call_in(&run, body("milli", 100))).expect("the first round");
    let second = block_on(client.call_in(&run, body("milli", 100)));

    let Err(CallError::Refused(decision)) = second else { panic!("a refusal") };
    assert_eq!(decision.refusals()[0].unit, Unit::Iterations);
}

/// A typed client whose errors may say what was used.
struct Typed;

#[derive(Debug)]
struct Overloaded {
    output: Option<u64>,
}

impl LlmClient for Typed {
    type Request = Option<u64>;
    type Response = ();
    type Error = Overloaded;

    fn describe(&self, _: &Option<u64>, call: Call) -> Call {
        call.with_model("milli").input_tokens(0).output_tokens(500)
    }

    async fn call(&self, output: Option<u64>) -> Result<(), Overloaded> {
        Err(Overloaded { output })
    }

    fn actual(&self, (): &()) -> Actual {
        Actual::default()
    }

    fn failure(&self, _: &Overloaded) -> Failure {
        Failure::NotBilled
    }

    fn actual_of_failure(&self, error: &Overloaded) -> Option<Actual> {
        error.output.map(|output| Usage::of(0, output).into())
    }
}

impl StreamingClient for Typed {
    type Item = u64;
    type Stream = Pin<Box<dyn Stream<Item = Result<u64, Overloaded>> + Send>>;

    async fn stream(&self, output: Option<u64>) -> Result<Self::Stream, Overloaded> {
        Err(Overloaded { output })
    }

    fn reader(&self) -> impl token_budget::stream::StreamReader<u64> + 'static {
        |output: &u64, seen: &mut StreamSeen| seen.usage(Usage::of(0, *output))
    }
}

#[test]
fn usage_that_came_with_an_error_is_charged_whatever_the_error() {
    let house = ten_dollars();
    let client = BudgetEnforcedClient::new(Typed, house.enforcer.clone(), charge());

    assert!(block_on(client.call(None)).is_err());
    assert_eq!(house.dollars(&call("milli", 1)), (Usd::ZERO, Usd::ZERO), "not billed");
    assert!(block_on(client.call(Some(7))).is_err());
    assert_eq!(house.dollars(&call("milli", 1)), (usd("0.007"), Usd::ZERO));
    assert!(block_on(client.stream(Some(5))).is_err());
    assert_eq!(house.dollars(&call("milli", 1)), (usd("0.012"), Usd::ZERO));
    let last = ready(token_budget::BudgetLedger::entries(
        &house.ledger,
        &token_budget::ledger::Tenant::unnamed(),
        1,
        100,
    ));
    let last = last.expect("entries").pop().expect("an entry");
    assert_eq!(last.kind, token_budget::ledger::EntryKind::Reconciled(Certainty::Reported));
}
