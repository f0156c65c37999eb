//! Is a conversation that finds no room trimmed to what there is, and sent so?

use std::sync::Arc;

use parking_lot::Mutex;
use serde_json::{Value, json};
use token_budget::client::{CallError, JsonClient};
use token_budget::enforcer::Actual;
use token_budget::http::{HttpBudget, RequestHead, Ruling};
use token_budget::policy::Caps;
use token_budget::stream::StreamOptions;
use token_budget::tokens::Trim;
use token_budget::{
    Budget, BudgetEnforcedClient, Call, Event, LlmClient, Policy, RunGuard, Usage, Usd, Window,
};

use crate::http_support::{CHAT, EVENTS, HOST, Pieces, admitted, chat_events, read, refused, rule};
use crate::support::{House, block_on, call, ready, team, usd};
use crate::trim_support::Heads;

/// A house that counts a token for each message: `pair` costs a tenth of a cent a token, in and out.
fn house(dollars: &str) -> House {
    let day = Budget::usd("search", team(), usd(dollars), Window::day());
    House::with(Policy::new([day]).expect("a policy"), |builder| builder.estimator(Heads))
}

fn gate(house: &House) -> HttpBudget {
    HttpBudget::new(house.enforcer.clone(), |_| Ok(Call::charging().team("search")))
}

/// A system's message and five turns of two messages each, but for the last, which is one: ten messages.
fn conversation(output: u64) -> Value {
    let mut messages = vec![json!({"role": "system", "content": "Be brief."})];
    for turn in 0..4 {
        messages.push(json!({"role": "user", "content": format!("question {turn}")}));
        messages.push(json!({"role": "assistant", "content": format!("answer {turn}")}));
    }
    messages.push(json!({"role": "user", "content": "and now?"}));
    json!({"model": "pair", "max_tokens": output, "messages": messages})
}

fn body(output: u64) -> String {
    conversation(output).to_string()
}

fn questions(body: &[u8]) -> Vec<String> {
    let body: Value = serde_json::from_slice(body).expect("JSON");
    let messages = body["messages"].as_array().expect("messages").clone();
    messages.iter().map(|message| message["content"].as_str().expect("text").to_owned()).collect()
}

fn said(ruling: Ruling) -> Value {
    serde_json::from_slice(&refused(ruling).body).expect("JSON")
}

#[test]
fn a_conversation_without_room_is_refused_as_ever_unless_somebody_wants_it_trimmed() {
    // Ten messages and ten tokens of output cost two cents; there is one and a half.
    let house = house("0.015");
    let refusal = said(rule(&gate(&house), CHAT, &body(10)));
    let message = refusal["error"]["message"].as_str().expect("a message");
    assert!(message.contains("call needs 0.02") && !message.contains("trimmed"), "{message}");
    assert!(refusal["budget"]["prompt_tokens_least"].is_null());
    assert_eq!(house.ears.count(|event| matches!(event, Event::Trimmed { .. })), 0);
}

#[test]
fn a_conversation_without_room_is_trimmed_and_what_is_missing_is_named() {
    let house = house("0.015");
    // Beside ten tokens of output there is room for five: six messages of three turns go, four stay.
    let mut sent = admitted(&gate(&house).trim_to_room(Trim::OldestFirst), CHAT, &body(10));
    assert_eq!(
        questions(&sent.take_body().expect("a body")),
        ["Be brief.", "question 3", "answer 3", "and now?"]
    );
    let reservation = sent.reservation();
    assert_eq!((reservation.quoted(), reservation.output_tokens()), (usd("0.014"), 10));
    let trimmed = reservation.trimmed().expect("what was left out");
    assert_eq!((trimmed.messages.len(), trimmed.turns, trimmed.after.tokens), (6, 3, 4));
    let id = reservation.id();
    let told =
        Event::Trimmed { id, model: "pair".into(), messages: 6, turns: 3, tokens_before: 10, tokens: 4 };
    assert_eq!(house.ears.count(|event| *event == told), 1);
}

#[test]
fn a_conversation_that_fits_is_sent_as_it_came() {
    let house = house("0.02");
    let mut sent = admitted(&gate(&house).trim_to_room(Trim::OldestFirst), CHAT, &body(10));
    assert!(sent.take_body().is_none() && sent.reservation().trimmed().is_none());
}

#[test]
fn the_output_is_shortened_before_anything_is_left_out() {
    // Fifteen tokens: ten go in, and five come out, where four are enough.
    let house = house("0.015");
    let gate = gate(&house).fit_to_room(4).trim_to_room(Trim::OldestFirst);
    let mut sent = admitted(&gate, CHAT, &body(10));
    let sent_body = sent.take_body().expect("a body");
    assert_eq!(questions(&sent_body).len(), 10);
    assert_eq!((sent.reservation().output_tokens(), sent.reservation().trimmed()), (5, None));
}

#[test]
fn what_is_left_beside_a_shorter_prompt_is_the_outputs() {
    // Nine tokens: four at least come out, so five may go in, four do, and five come out.
    let house = house("0.009");
    let gate = gate(&house).fit_to_room(4).trim_to_room(Trim::OldestFirst);
    let mut sent = admitted(&gate, CHAT, &body(10));
    let sent_body = sent.take_body().expect("a body");
    assert_eq!(questions(&sent_body).len(), 4);
    assert_eq!(serde_json::from_slice::<Value>(&sent_body).expect("JSON")["max_tokens"], 5);
    assert_eq!((sent.reservation().output_tokens(), sent.reservation().quoted()), (5, usd("0.009")));
}

#[test]
fn a_refusal_says_what_the_least_prompt_needs() {
    // Eleven tokens are room for one beside the output, and the least are two.
    let house = house("0.011");
    let refusal = said(rule(&gate(&house).trim_to_room(Trim::OldestFirst), CHAT, &body(10)));
    let message = refusal["error"]["message"].as_str().expect("a message");
    let told = "trimmed as far as it may be, the prompt still has 2 tokens where 1 would fit";
    assert!(message.contains(told), "{message}");
    assert_eq!(refusal["budget"]["prompt_tokens_least"], 2);
    assert_eq!(house.dollars(&call("milli", 0)), (Usd::ZERO, Usd::ZERO));
}

#[test]
fn where_no_prompt_would_fit_nothing_is_tried() {
    let house = house("0.009");
    let refusal = said(rule(&gate(&house).trim_to_room(Trim::OldestFirst), CHAT, &body(10)));
    assert!(refusal["budget"]["prompt_tokens_least"].is_null(), "ten tokens of output alone are too much");
    assert!(!refusal["error"]["message"].as_str().expect("a message").contains("trimmed"));
}

#[test]
fn a_signed_body_is_never_trimmed() {
    let house = house("0.015");
    let gate = gate(&house).trim_to_room(Trim::OldestFirst);
    for name in ["content-digest", "repr-digest", "digest", "content-md5"] {
        let headers = [(name, "sha-256=:x:")];
        let head = RequestHead::new("POST", HOST, CHAT, &headers);
        let refusal = said(ready(gate.admit(&head, body(10).as_bytes())));
        let message = refusal["error"]["message"].as_str().expect("a message");
        assert!(message.contains("the prompt was not trimmed: its body is signed"), "{name}: {message}");
    }
}

#[test]
fn a_refusal_says_that_a_signed_thought_keeps_the_prompt_long() {
    let house = house("0.015");
    let mut body = conversation(10);
    let thought = json!([{"type": "thinking", "thinking": "", "signature": "s"}]);
    let messages = body["messages"].as_array_mut().expect("messages");
    messages.push(json!({"role": "assistant", "content": thought}));
    let refusal = said(rule(&gate(&house).trim_to_room(Trim::OldestFirst), CHAT, &body.to_string()));
    let message = refusal["error"]["message"].as_str().expect("a message");
    assert!(message.contains("signed for what stands before them"), "{message}");
}

#[test]
fn a_body_of_bedrocks_invoke_is_never_trimmed() {
    // Nobody knows its maker, so 7,000 tokens of output are held for it; there is room for five beside them.
    let house = house("7.005");
    let gate = gate(&house).trim_to_room(Trim::OldestFirst);
    let refusal = said(rule(&gate, "/model/pair/invoke", &body(10)));
    let message = refusal["message"].as_str().expect("a message");
    assert!(message.contains("the prompt was not trimmed: a body of Bedrock's Invoke"), "{message}");
}

#[test]
fn what_only_observes_trims_nothing() {
    let day = Budget::usd("search", team(), usd("0.015"), Window::day()).observe();
    let policy = Policy::new([day]).expect("a policy");
    let house = House::with(policy, |builder| builder.estimator(Heads));
    let gate = gate(&house).fit_to_room(1).trim_to_room(Trim::OldestFirst);
    let mut sent = admitted(&gate, CHAT, &body(10));
    assert!(sent.take_body().is_none() && sent.reservation().trimmed().is_none());
    assert_eq!(house.ears.count(|event| matches!(event, Event::WouldRefuse { .. })), 1);
}

#[test]
fn a_frozen_scope_refuses_a_shorter_prompt_as_well() {
    let house = house("0.015");
    let by = token_budget::ledger::Attribution::new("ann", "spends too much");
    house.enforcer.freeze(None, &team(), by).wait().expect("a mark");
    let refusal = said(rule(&gate(&house).trim_to_room(Trim::OldestFirst), CHAT, &body(10)));
    assert!(!refusal["error"]["message"].as_str().expect("a message").contains("trimmed"));
}

#[test]
fn a_cap_on_input_is_met_by_trimming() {
    let day = Budget::usd("search", team(), usd("1"), Window::day())
        .per_call(Caps { tokens_input: Some(5), ..Caps::default() });
    let house = House::with(Policy::new([day]).expect("a policy"), |builder| builder.estimator(Heads));
    let mut sent = admitted(&gate(&house).trim_to_room(Trim::OldestFirst), CHAT, &body(10));
    assert_eq!(questions(&sent.take_body().expect("a body")).len(), 4);
}

#[test]
fn a_stream_is_trimmed_too_and_metered() {
    let house = house("0.015");
    let gate = gate(&house).streams(StreamOptions::slices(5)).trim_to_room(Trim::OldestFirst);
    let streamed = body(10).replace("\"max_tokens\"", "\"stream\":true,\"max_tokens\"");
    // A slice of five: ten messages would fit beside it, eleven do not.
    let streamed = streamed.replace(
        "{\"content\":\"and now?\"",
        "{\"content\":\"a\",\"role\":\"assistant\"},{\"content\":\"and now?\"",
    );
    let mut sent = admitted(&gate, CHAT, &streamed);
    assert_eq!(sent.reservation().trimmed().map(|trimmed| trimmed.turns), Some(1));
    assert!(sent.take_body().is_some());
    let events = chat_events(&["one", "two"], Some((9, 2)));
    let heard = read(sent.send().answered(200, &EVENTS), Pieces::of(&events));
    assert!(heard.ended && !heard.failed);
    assert_eq!(house.dollars(&call("milli", 0)), (usd("0.011"), Usd::ZERO));
}

/// What was posted, for the test to look at.
type Posted = Arc<Mutex<Vec<Value>>>;

/// A client that posts JSON and remembers it; each answer used a token for each message, and two of output.
fn client(
    house: &House,
    posted: &Posted,
) -> BudgetEnforcedClient<impl LlmClient<Request = Value, Response = Vec<u8>, Error = ()>> {
    let posted = Arc::clone(posted);
    let post = move |body: Value| {
        let input = body["messages"].as_array().map_or(0, Vec::len);
        let usage = json!({"prompt_tokens": input, "completion_tokens": 2, "total_tokens": input + 2});
        let answer = json!({"model": body["model"], "choices": [{"finish_reason": "stop"}], "usage": usage});
        posted.lock().push(body);
        std::future::ready(Ok::<_, ()>(answer.to_string().into_bytes()))
    };
    let json = JsonClient::new("own", post);
    BudgetEnforcedClient::new(json, house.enforcer.clone(), Call::charging().team("search"))
}

#[test]
fn a_client_trims_and_its_receipt_names_what_was_left_out() {
    let house = house("0.015");
    let posted = Posted::default();
    let client = client(&house, &posted);
    let refused = block_on(client.call(conversation(10)));
    assert!(matches!(refused, Err(CallError::Refused(_))), "nobody asked to trim");

    let client = client.trim_to_room(Trim::OldestFirst);
    let receipt = block_on(client.call(conversation(10))).expect("an answer").receipt.expect("a receipt");
    let trimmed = receipt.trimmed().expect("what was left out");
    assert_eq!(
        (trimmed.messages.len(), trimmed.turns, trimmed.before.tokens, trimmed.after.tokens),
        (6, 3, 10, 4)
    );
    assert_eq!(receipt.cost(), usd("0.006"), "four in, two out");
    let shown = serde_json::to_value(&receipt).expect("JSON");
    assert_eq!(shown["trimmed"]["messages"][0], json!({"index": 1, "role": "user"}));
    let posted = posted.lock();
    assert_eq!(posted.len(), 1);
    assert_eq!(
        (posted[0]["messages"].as_array().map(Vec::len), &posted[0]["max_tokens"]),
        (Some(4), &json!(10))
    );
}

#[test]
fn a_client_sends_the_output_that_is_left_beside_a_shorter_prompt() {
    let house = house("0.009");
    let posted = Posted::default();
    let client = client(&house, &posted);
    let client = client.fit_to_room(4).trim_to_room(Trim::OldestFirst);
    let answer = block_on(client.call(conversation(10))).expect("an answer");
    assert!(answer.receipt.expect("a receipt").trimmed().is_some());
    let posted = posted.lock();
    assert_eq!(
        (posted[0]["messages"].as_array().map(Vec::len), &posted[0]["max_tokens"]),
        (Some(4), &json!(5))
    );
}

#[test]
fn the_limits_of_a_run_are_room_as_well() {
    let house = house("1");
    let posted = Posted::default();
    let client = client(&house, &posted);
    let client = client.trim_to_room(Trim::Middle);
    let run = RunGuard::builder("run-1").usd(usd("0.015")).open(&house.enforcer).wait().expect("a run");
    let answer = block_on(client.call_in(&run, conversation(10))).expect("an answer");
    // The first turn and the last stay, and the system's words: four messages, for which there is room.
    assert_eq!(answer.receipt.expect("a receipt").trimmed().map(|trimmed| trimmed.turns), Some(3));
    let posted = posted.lock();
    assert_eq!(
        questions(posted[0].to_string().as_bytes()),
        ["Be brief.", "question 0", "answer 0", "and now?"]
    );
}

#[test]
fn an_agents_only_turn_is_trimmed_to_what_its_run_has_left() {
    // The question and six rounds of two messages, with ten tokens of output: 0.023, and two cents are left.
    let mut messages = vec![json!({"role": "user", "content": "find it"})];
    for at in 0..6 {
        let call = json!({"id": at.to_string(), "type": "function", "function": {"name": "find", "arguments": "{}"}});
        messages.push(json!({"role": "assistant", "content": null, "tool_calls": [call]}));
        messages.push(json!({"role": "tool", "tool_call_id": at.to_string(), "content": "nothing"}));
    }
    let request = json!({"model": "pair", "max_tokens": 10, "messages": messages});
    let house = house("1");
    let posted = Posted::default();
    let client = client(&house, &posted).trim_to_room(Trim::Tools);
    let run = RunGuard::builder("run-1").usd(usd("0.02")).open(&house.enforcer).wait().expect("a run");
    let answer = block_on(client.call_in(&run, request)).expect("an answer");
    // Ten fit, and rounds go whole: nine are sent.
    let receipt = answer.receipt.expect("a receipt");
    let trimmed = receipt.trimmed().expect("what was left out");
    assert_eq!(
        (trimmed.messages.len(), trimmed.turns, trimmed.tools.as_slice()),
        (4, 0, &["find".into()][..])
    );
    assert_eq!(receipt.cost(), usd("0.011"), "nine in, two out");
    let sent = posted.lock()[0]["messages"].as_array().expect("messages").clone();
    assert_eq!(
        (sent.len(), &sent[0]["content"], &sent[2]["tool_call_id"]),
        (9, &json!("find it"), &json!("2"))
    );
}

#[test]
fn a_weaker_model_is_asked_only_where_trimming_did_not_help() {
    // The least are two messages, with ten tokens of output 0.012 of pair.
    let house = house("0.011");
    let posted = Posted::default();
    let client = client(&house, &posted);
    let client = client.trim_to_room(Trim::OldestFirst).fallbacks(["milli"]);
    let answer = block_on(client.call(conversation(10))).expect("an answer");
    assert_eq!(answer.receipt.expect("a receipt").trimmed(), None);
    let posted = posted.lock();
    assert_eq!(
        (&posted[0]["model"], posted[0]["messages"].as_array().map(Vec::len)),
        (&json!("milli"), Some(10))
    );
}

/// A client of somebody's own, which says nothing of trimming.
#[derive(Debug)]
struct Plain;

impl LlmClient for Plain {
    type Request = u64;
    type Response = ();
    type Error = ();

    fn describe(&self, messages: &u64, call: Call) -> Call {
        let prompt = token_budget::call::Prompt {
            messages: (0..*messages).map(|_| token_budget::call::Message::user("hi")).collect(),
            tools: vec![],
        };
        call.with_model("pair").prompt(prompt).output_tokens(10)
    }

    async fn call(&self, _: u64) -> Result<(), ()> {
        panic!("nothing is sent")
    }

    fn actual(&self, (): &()) -> Actual {
        Usage::of(0, 0).into()
    }
}

#[test]
fn a_client_that_cannot_trim_is_refused_and_told_so() {
    let house = house("0.015");
    let client = BudgetEnforcedClient::new(Plain, house.enforcer.clone(), Call::charging().team("search"));
    let refused = block_on(client.trim_to_room(Trim::OldestFirst).call(10)).expect_err("a refusal");
    let CallError::Refused(decision) = refused else { panic!("{refused:?}") };
    assert!(decision.to_string().contains("the client cannot trim its requests"), "{decision}");
}
