//! Is a request without a limit told one by every client, and does a cut answer say so?

use std::future::{Ready, ready as at_once};
use std::sync::Arc;

use parking_lot::Mutex;
use serde_json::{Value, json};
use token_budget::client::{CallError, JsonClient, Permit};
use token_budget::enforcer::Actual;
use token_budget::policy::{Caps, OnNoLimit};
use token_budget::{
    Budget, BudgetEnforcedClient, Call, ErrorKind, Event, LlmClient, Policy, Receipt, Usage, Usd, Window,
};

use crate::http_support::{CHAT, EVENTS, JSON, Pieces, gate, house, read};
use crate::support::{House, block_on, call, team, usd};

type Posted = Arc<Mutex<Vec<Value>>>;

fn dollars(limit: u32) -> House {
    House::of([Budget::usd("day", team(), Usd::dollars(limit), Window::day())])
}

fn answer(finish: &str) -> Vec<u8> {
    let usage = json!({"prompt_tokens": 1, "completion_tokens": 5, "total_tokens": 6});
    json!({"model": "milli", "choices": [{"finish_reason": finish}], "usage": usage}).to_string().into_bytes()
}

fn charge() -> Call {
    Call::charging().team("search")
}

#[test]
fn a_json_client_is_told_in_the_words_of_its_provider_or_of_its_body() {
    let wants = |provider: Option<&str>, body: Value| {
        // Sixteen thousand tokens of a tenth of a cent.
        let house = dollars(200);
        let posted = Posted::default();
        let sees = Arc::clone(&posted);
        let post = move |body: Value| {
            sees.lock().push(body);
            at_once(Ok::<_, ()>(answer("stop")))
        };
        match provider {
            Some(provider) => {
                let charge = charge().provider("own");
                let client = JsonClient::new(provider, post);
                let client = Priced { client };
                block_on(BudgetEnforcedClient::new(client, house.enforcer.clone(), charge).call(body))
                    .unwrap();
            }
            None => {
                block_on(BudgetEnforcedClient::new(post, house.enforcer.clone(), charge()).call(body))
                    .unwrap();
            }
        }
        posted.lock()[0].clone()
    };
    let table = [
        (Some("openai"), json!({"model": "milli", "messages": []}), "/max_completion_tokens"),
        (Some("openai"), json!({"model": "milli", "input": "hi"}), "/max_output_tokens"),
        (Some("mistral"), json!({"model": "milli", "messages": []}), "/max_tokens"),
        (Some("anthropic"), json!({"model": "milli", "messages": []}), "/max_tokens"),
        (Some("cohere"), json!({"model": "milli", "messages": []}), "/max_tokens"),
        (Some("ollama"), json!({"model": "milli", "messages": []}), "/options/num_predict"),
        (Some("gemini"), json!({"model": "milli", "contents": []}), "/generationConfig/maxOutputTokens"),
        (
            Some("gemini"),
            json!({"model": "milli", "contents": [], "generation_config": {"max_output_tokens": null}}),
            "/generation_config/max_output_tokens",
        ),
        (Some("bedrock"), json!({"modelId": "milli", "inferenceConfig": {}}), "/inferenceConfig/maxTokens"),
        (None, json!({"model": "milli", "messages": []}), "/max_tokens"),
        (None, json!({"model": "milli", "contents": []}), "/generationConfig/maxOutputTokens"),
        (None, json!({"model": "milli", "options": {}}), "/options/num_predict"),
    ];
    for (provider, body, place) in table {
        let sent = wants(provider, body.clone());
        assert_eq!(sent.pointer(place), Some(&json!(16_384)), "{provider:?} {body}");
    }
    for body in [
        json!({"model": "milli", "prompt": ["a", "b"]}),
        json!({"model": "milli", "input": "hi", "encoding_format": "float"}),
        json!({"model": "milli", "prompt": "a cat", "size": "1024x1024"}),
    ] {
        assert_eq!(wants(Some("openai"), body.clone()), body, "limits itself, or has no limit");
    }
}

/// A client whose requests are priced by the house's own table, whatever provider's words they are in.
pub(crate) struct Priced<C> {
    pub(crate) client: C,
}

impl<C: LlmClient<Request = Value>> LlmClient for Priced<C>
where
    C::Response: Send,
    C::Error: Send,
{
    type Request = Value;
    type Response = C::Response;
    type Error = C::Error;

    fn describe(&self, request: &Value, call: Call) -> Call {
        self.client.describe(request, call).provider("own")
    }

    async fn call(&self, request: Value) -> Result<C::Response, C::Error> {
        self.client.call(request).await
    }

    fn actual(&self, response: &C::Response) -> Actual {
        self.client.actual(response)
    }

    fn clamp(&self, request: &mut Value, output_tokens: u64) -> bool {
        self.client.clamp(request, output_tokens)
    }
}

/// A client that cannot write a limit, of a model that is asked for by name.
struct Rigid(&'static str);

impl LlmClient for Rigid {
    type Request = ();
    type Response = ();
    type Error = ();

    fn describe(&self, _: &(), call: Call) -> Call {
        call.with_model(self.0).input_tokens(0)
    }

    fn call(&self, (): ()) -> impl Future<Output = Result<(), ()>> + Send {
        at_once(Ok(()))
    }

    fn actual(&self, (): &()) -> Actual {
        // Nobody knows: it is charged as it was held.
        Actual::default()
    }
}

#[test]
fn a_client_that_cannot_write_a_limit_holds_the_most_or_hears_what_to_do() {
    let house = dollars(200);
    let of = |model| BudgetEnforcedClient::new(Rigid(model), house.enforcer.clone(), charge());

    let answered = block_on(of("short").call(())).expect("there is room");
    assert_eq!(answered.receipt.unwrap().cost(), usd("0.5"), "500 tokens are the most that it generates");

    let Err(CallError::Ledger(error)) = block_on(of("milli").call(())) else {
        panic!("its most is not known")
    };
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.to_string().contains("output_tokens_max"), "{error}");
    assert_eq!(house.dollars(&call("milli", 0)), (usd("0.5"), Usd::ZERO), "nothing is left held");

    let by_name = of("milli").on_no_limit(OnNoLimit::LeaveAlone);
    let answered = block_on(by_name.call(())).expect("there is room");
    assert_eq!(answered.receipt.unwrap().cost(), usd("16.384"), "the policy's figure, as it was");
}

#[test]
fn a_closure_hears_by_its_permit_what_it_must_send() {
    let house = dollars(200);
    let run = |call: Call| {
        let mut permits = Vec::new();
        let work = |permit: Permit| {
            permits.push((permit.output_tokens, permit.must_send_limit));
            let report = Actual { ended_at_limit: true, ..Actual::from(Usage::of(0, 9)) };
            at_once(Ok::<_, ()>(((), report)))
        };
        let receipt: Receipt = block_on(house.enforcer.guard(&call, work)).unwrap().receipt.unwrap();
        (permits[0], receipt.ended_at_limit())
    };
    let unsaid = Call::new("milli").team("search").input_tokens(0);
    assert_eq!(run(unsaid.clone()), ((16_384, true), true));
    assert_eq!(
        run(unsaid.clone().output_tokens(9)),
        ((9, false), false),
        "a limit of its own cuts as it should"
    );
    assert_eq!(run(unsaid.on_no_limit(OnNoLimit::LeaveAlone)), ((16_384, false), false));
}

#[test]
fn an_answer_that_ends_at_a_limit_that_was_written_in_says_so() {
    let house = house("200");
    let gate = gate(&house);
    let ended = |path: &str, body: &str, answer: &str| {
        let admitted = crate::http_support::admitted(&gate, path, body);
        let exchange = admitted.send().answered(200, &JSON);
        let heard = read(exchange, Pieces::of([answer]));
        assert!(heard.ended);
        house.ears.take().iter().any(|event| match event {
            Event::LimitReached { model, output_tokens, .. } => {
                assert_eq!((model.as_str(), *output_tokens), ("milli", 16_384));
                true
            }
            _ => false,
        })
    };
    let chat = |finish: &str| String::from_utf8(answer(finish)).unwrap();
    let unsaid = r#"{"model":"milli","messages":[]}"#;
    assert!(ended(CHAT, unsaid, &chat("length")));
    assert!(!ended(CHAT, unsaid, &chat("stop")));
    assert!(!ended(CHAT, r#"{"model":"milli","max_tokens":5}"#, &chat("length")), "its own limit");
    let response = r#"{"object":"response","status":"incomplete","incomplete_details":{"reason":"max_output_tokens"},
        "model":"milli","usage":{"input_tokens":1,"output_tokens":5,"total_tokens":6}}"#;
    assert!(ended("/v1/responses", r#"{"model":"milli","input":"hi"}"#, response));
    let filtered = response.replace("max_output_tokens", "content_filter");
    assert!(!ended("/v1/responses", r#"{"model":"milli","input":"hi"}"#, &filtered));
    let gemini = r#"{"candidates":[{"finishReason":"MAX_TOKENS"}],
        "usageMetadata":{"promptTokenCount":1,"candidatesTokenCount":5,"totalTokenCount":6}}"#;
    assert!(ended("/v1beta/models/milli:generateContent", r#"{"contents":[]}"#, gemini));
    let claude = r#"{"type":"message","model":"milli","stop_reason":"max_tokens","usage":{"input_tokens":1,"output_tokens":5}}"#;
    assert!(ended("/v1/messages", unsaid, claude));
    let converse =
        r#"{"stopReason":"max_tokens","usage":{"inputTokens":1,"outputTokens":5,"totalTokens":6}}"#;
    assert!(ended("/model/milli/converse", r#"{"messages":[]}"#, converse));
    let ollama =
        r#"{"model":"milli","done":true,"done_reason":"length","prompt_eval_count":1,"eval_count":5}"#;
    assert!(ended("/api/chat", r#"{"model":"milli","stream":false}"#, ollama));
}

#[test]
fn a_stream_that_ends_at_a_limit_that_was_written_in_says_so() {
    let house = house("200");
    let admitted = crate::http_support::admitted(&gate(&house), CHAT, r#"{"model":"milli","stream":true}"#);
    let events = [
        "data: {\"model\":\"milli\",\"choices\":[{\"delta\":{\"content\":\"hello\"},\"finish_reason\":\"length\"}]}\n\n",
        "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2,\"total_tokens\":3}}\n\n",
        "data: [DONE]\n\n",
    ];
    assert!(read(admitted.send().answered(200, &EVENTS), Pieces::of(events)).ended);
    assert_eq!(house.ears.count(|event| matches!(event, Event::LimitReached { .. })), 1);
}

#[test]
fn a_request_lowered_to_a_cap_says_when_the_cap_has_cut_it() {
    let caps = Caps { tokens_output: Some(100), ..Caps::default() };
    let policy = Policy::new([Budget::usd("day", team(), Usd::dollars(9), Window::day())]).unwrap();
    let house = House::new(policy.with_caps(caps));
    let post = |body: Value| -> Ready<Result<Vec<u8>, ()>> {
        assert_eq!(body["max_tokens"], 100);
        at_once(Ok(answer("length")))
    };
    let client = BudgetEnforcedClient::new(post, house.enforcer.clone(), charge());
    let receipt = |body: Value| block_on(client.call(body)).unwrap().receipt.unwrap();
    assert!(receipt(json!({"model": "milli", "max_tokens": 500, "messages": []})).ended_at_limit());
    assert!(receipt(json!({"model": "milli", "messages": []})).ended_at_limit());
    assert!(!receipt(json!({"model": "milli", "max_tokens": 100, "messages": []})).ended_at_limit());
}
