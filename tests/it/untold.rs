//! What is charged where nobody says what was used beside the text of an answer?

use serde_json::{Value, json};
use token_budget::http::{HttpBudget, RequestHead, Ruling};
use token_budget::pricing::PriceRow;
use token_budget::{Budget, Call, Enforcer, Policy, PricingTable, Usage, Usd, Window};

use crate::http_support::{EVENTS, End, Pieces, read_some};
use crate::support::{ready, team, usd};

const ROWS: &str = r#"[
    {"provider": "own", "model": "plain", "reasoning": "never", "standard": {"input": "1", "output": "1"}},
    {"provider": "own", "model": "dear", "reasoning": "never", "standard": {"input": "10", "output": "10"}},
    {"provider": "anthropic", "model": "claude-x", "reasoning": "never", "standard": {"input": "1", "output": "1"}},
    {"provider": "anthropic", "model": "dear", "reasoning": "never", "standard": {"input": "10", "output": "10"}}
]"#;

fn enforcer() -> Enforcer {
    let rows = [ROWS, MORE_THAN_TEXT].map(|rows| PriceRow::list_from_json(rows).unwrap()).concat();
    let table = PricingTable::empty().with_rows(rows).unwrap();
    let policy = Policy::new([Budget::usd("search", team(), usd("1000"), Window::day())]).unwrap();
    Enforcer::builder().policy(policy).prices(table).build()
}

fn spent(enforcer: &Enforcer) -> Usd {
    let call = Call::new("plain").provider("own").team("search").input_tokens(0).output_tokens(0);
    Usd::from_nanos(ready(enforcer.check(&call)).unwrap().budgets()[0].spent)
}

/// Where a request goes, and what it asks.
struct Asked<'a> {
    host: &'a str,
    path: &'a str,
    body: Value,
}

/// How its answer comes.
enum Answer {
    Whole(Value),
    /// Events, read to their end.
    Events(Vec<Value>),
    /// Events, left after the last.
    Left(Vec<Value>),
}

/// What the request was held for, and what it was charged.
fn exchanged(asked: &Asked<'_>, answer: Answer) -> (Usd, Usd) {
    let enforcer = enforcer();
    let gate = HttpBudget::new(enforcer.clone(), |_| Ok(Call::charging().team("search")));
    let head = RequestHead::new("POST", asked.host, asked.path, &[("", ""); 0]);
    let admitted = match ready(gate.admit(&head, asked.body.to_string().as_bytes())) {
        Ruling::Admitted(admitted) => admitted,
        other => panic!("{other:?}"),
    };
    let held = admitted.reservation().quoted();
    let sent = admitted.send();
    let events =
        |events: Vec<Value>| -> Vec<_> { events.iter().map(|event| format!("data: {event}\n\n")).collect() };
    match answer {
        Answer::Whole(body) => {
            let json = [("content-type", "application/json")];
            read_some(sent.answered(200, &json), Pieces::of(&[body.to_string()]), 5);
        }
        Answer::Events(all) => {
            let pieces = events(all);
            read_some(sent.answered(200, &EVENTS), Pieces::of(&pieces), pieces.len() + 5);
        }
        Answer::Left(all) => {
            let pieces = events(all);
            read_some(sent.answered(200, &EVENTS), Pieces::of(&pieces).then(End::Waits), pieces.len());
        }
    }
    (held, spent(&enforcer))
}

fn claude(more: Value) -> Asked<'static> {
    let mut body = json!({"model": "claude-x", "max_tokens": 1000, "messages": [{"role": "user", "content": "hi ".repeat(1000)}]});
    for (key, value) in more.as_object().unwrap() {
        body[key] = value.clone();
    }
    Asked { host: "api.anthropic.com", path: "/v1/messages", body }
}

fn advised(uses: u64, stream: bool) -> Asked<'static> {
    let tool = json!({"type": "advisor_20260301", "name": "advisor", "model": "dear", "max_uses": uses});
    claude(json!({"tools": [tool], "stream": stream}))
}

fn compacted() -> Asked<'static> {
    let edit = json!({"type": "compact_20260112", "trigger": {"type": "input_tokens", "value": 1000}});
    claude(json!({"context_management": {"edits": [edit]}}))
}

fn started() -> Value {
    json!({"type": "message_start", "message": {"id": "m", "model": "claude-x", "usage": {"input_tokens": 1003, "output_tokens": 1}}})
}

/// A call whose provider may ask a dearer model twice.
fn consulting() -> Call {
    let call = Call::new("plain").provider("own").team("search");
    call.input_tokens(1000).output_tokens(100).may_consult("dear", 2)
}

#[test]
fn advice_that_nobody_tells_of_is_charged_as_it_was_held() {
    // Two times (1,000 × $10 + 2,048 × $10) a million were held and given back where the report said nothing.
    let enforcer = enforcer();
    let call = consulting();
    let held = || enforcer.reserve(&call).wait().unwrap().or_refusal().unwrap();
    assert_eq!(held().quoted(), usd("0.06206"));

    let receipt = ready(held().send().reconcile(Usage::new())).unwrap();
    assert_eq!((receipt.cost(), receipt.is_reported()), (usd("0.06206"), false));

    let told = ready(held().send().reconcile(Usage::of(1000, 100))).unwrap();
    assert_eq!((told.cost(), told.is_reported()), (usd("0.0011"), true));
}

#[test]
fn advice_counts_in_tokens_as_it_does_in_dollars_where_nobody_tells_of_it() {
    use token_budget::policy::Selector;
    use token_budget::usage::Unit;
    let table = PricingTable::empty().with_rows(PriceRow::list_from_json(ROWS).unwrap()).unwrap();
    let tokens = Budget::new("search", Selector::Scope(team()), Unit::Tokens, Some(1_000_000), Window::day());
    let enforcer = Enforcer::builder().policy(Policy::new([tokens]).unwrap()).prices(table).build();
    let call = consulting();
    let reservation = enforcer.reserve(&call).wait().unwrap().or_refusal().unwrap();

    let receipt = ready(reservation.send().reconcile(Usage::new())).unwrap();

    assert_eq!(receipt.lines()[0].charged, 7_196); // 1,100 of its own, and 2 × (1,000 + 2,048)
}

#[test]
fn a_whole_answer_without_usage_pays_for_the_advice_and_compaction_it_may_have_had() {
    let answer = || json!({"id": "m", "type": "message", "model": "claude-x", "content": [{"type": "text", "text": "short answer"}]});
    let (bare, _) = exchanged(&claude(json!({})), Answer::Whole(answer()));
    for asked in [advised(2, false), compacted()] {
        let (held, charged) = exchanged(&asked, Answer::Whole(answer()));
        assert!(
            bare < held && charged >= held.checked_sub(bare).unwrap() && charged <= held,
            "{charged} of {held}"
        );
    }
    // Advice that may not be asked for is none.
    let (_, charged) = exchanged(&advised(0, false), Answer::Whole(answer()));
    assert!(charged <= bare, "{charged}");
    // What is told of is charged as it is told: 1,003 tokens in and four out.
    let mut told = answer();
    told["usage"] = json!({"input_tokens": 1003, "output_tokens": 4});
    assert_eq!(exchanged(&advised(2, false), Answer::Whole(told)).1, usd("0.001007"));
}

#[test]
fn a_stream_pays_for_the_advice_it_may_have_had_where_it_was_left_or_says_nothing_of_its_usage() {
    let used = json!({"type": "content_block_start", "index": 0, "content_block": {"type": "server_tool_use", "name": "advisor"}});
    let ended =
        |usage: Value| json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": usage});
    let stop = json!({"type": "message_stop"});
    let untold = json!({"type": "message_start", "message": {"id": "m", "model": "claude-x"}});
    let (bare, _) = exchanged(&claude(json!({"stream": true})), Answer::Left(vec![started()]));
    let advice = |held: Usd| held.checked_sub(bare).unwrap();

    let (held, left) = exchanged(&advised(2, true), Answer::Left(vec![started(), used]));
    assert!(left >= advice(held) && left <= held, "{left} of {held}");
    let silent =
        vec![untold, json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}}), stop.clone()];
    let (held, silent) = exchanged(&advised(2, true), Answer::Events(silent));
    assert!(silent >= advice(held) && silent <= held, "{silent} of {held}");

    let whole = vec![started(), ended(json!({"input_tokens": 1003, "output_tokens": 4})), stop];
    assert_eq!(exchanged(&advised(2, true), Answer::Events(whole)).1, usd("0.001007"));
}

const MORE_THAN_TEXT: &str = r#"[
    {"provider": "own", "model": "speaks", "reasoning": "never", "standard": {"input": "1", "output": "10", "output_audio": "8000"}},
    {"provider": "google", "model": "gemini-9-flash-image", "reasoning": "never", "output_tokens_max": 8192,
        "standard": {"input": "1", "output": "2.5", "output_image": "30"}}
]"#;

fn more_than_text(host: &'static str, path: &'static str, body: Value) -> Asked<'static> {
    Asked { host, path, body }
}

fn spoken(stream: bool) -> Asked<'static> {
    let body = json!({"model": "speaks", "max_tokens": 1000, "stream": stream, "modalities": ["text", "audio"],
        "audio": {"voice": "alloy", "format": "pcm16"}, "messages": [{"role": "user", "content": "hi"}]});
    more_than_text("proxy.example.com", "/v1/chat/completions", body)
}

/// A picture, asked for or not.
fn drawn(asked: Option<&str>) -> Asked<'static> {
    let mut body =
        json!({"contents": [{"parts": [{"text": "draw"}]}], "generationConfig": {"maxOutputTokens": 2000}});
    if let Some(asked) = asked {
        body["generationConfig"]["responseModalities"] = json!(asked.split(' ').collect::<Vec<_>>());
    }
    let path = "/v1beta/models/gemini-9-flash-image:generateContent";
    more_than_text("generativelanguage.googleapis.com", path, body)
}

#[test]
fn sound_without_usage_is_no_cheaper_than_it_was_held_whatever_its_transcript_says() {
    // 1,000 tokens at $8,000 a million were held; eleven bytes of transcript were charged as text.
    let sound = json!({"id": "a", "data": "AAAA".repeat(500), "transcript": "hello there"});
    let chunk = json!({"id": "c", "object": "chat.completion.chunk", "model": "speaks", "choices": [{"index": 0, "delta": {"audio": sound}}]});
    let stop = json!({"id": "c", "object": "chat.completion.chunk", "model": "speaks", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]});
    let whole = json!({"id": "c", "object": "chat.completion", "model": "speaks", "choices": [{"index": 0, "finish_reason": "stop",
        "message": {"role": "assistant", "content": null, "audio": sound}}]});
    for answer in [Answer::Left(vec![chunk.clone(); 20]), Answer::Events(vec![chunk, stop])] {
        let (held, charged) = exchanged(&spoken(true), answer);
        assert!(charged >= usd("8") && charged <= held, "{charged} of {held}");
    }
    let (held, charged) = exchanged(&spoken(false), Answer::Whole(whole.clone()));
    assert!(charged >= usd("8") && charged <= held, "{charged} of {held}");

    // What is reported is charged as reported: 20 tokens of sound and ten of text.
    let mut told = whole;
    told["usage"] = json!({"prompt_tokens": 10, "completion_tokens": 30, "total_tokens": 40, "completion_tokens_details": {"audio_tokens": 20, "text_tokens": 10}});
    assert_eq!(exchanged(&spoken(false), Answer::Whole(told)).1, usd("0.16011"));
}

#[test]
fn a_picture_without_usage_is_charged_as_it_was_held_whether_or_not_it_was_asked_for() {
    // 2,000 tokens at $30 a million; a line of text beside the picture once bounded them, at $2.50.
    let picture = json!({"inlineData": {"mimeType": "image/png", "data": "AAAA".repeat(5000)}});
    let answer = |parts: Value| json!({"candidates": [{"content": {"role": "model", "parts": parts}, "finishReason": "STOP"}]});
    for asked in [None, Some("IMAGE"), Some("TEXT IMAGE")] {
        for parts in [json!([picture]), json!([picture, {"text": "Here it is."}])] {
            let (held, charged) = exchanged(&drawn(asked), Answer::Whole(answer(parts)));
            assert!(charged >= usd("0.06") && charged <= held, "{asked:?}: {charged} of {held}");
        }
    }
    // Who asks for text alone gets no picture, and text is bounded by its bytes.
    let (_, text) = exchanged(&drawn(Some("TEXT")), Answer::Whole(answer(json!([{"text": "I cannot."}]))));
    assert!(text < usd("0.0001"), "{text}");

    let mut told = answer(json!([picture]));
    told["usageMetadata"] = json!({"promptTokenCount": 10, "candidatesTokenCount": 1290, "totalTokenCount": 1300,
        "candidatesTokensDetails": [{"modality": "IMAGE", "tokenCount": 1290}]});
    assert_eq!(exchanged(&drawn(None), Answer::Whole(told.clone())).1, usd("0.03871"));

    // Five tokens are no picture: as held. Of text alone they are what they are.
    told["usageMetadata"] = json!({"promptTokenCount": 10, "candidatesTokenCount": 5, "totalTokenCount": 15});
    let (held, charged) = exchanged(&drawn(None), Answer::Whole(told.clone()));
    assert!(charged >= usd("0.06") && charged <= held, "{charged} of {held}");
    told["candidates"][0]["content"]["parts"] = json!([{"text": "I cannot."}]);
    assert_eq!(exchanged(&drawn(None), Answer::Whole(told)).1, usd("0.0000225"));
}
