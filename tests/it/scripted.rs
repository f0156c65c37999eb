//! Does the scripted provider say what its clients expect, and bill what it generated?

use std::future::poll_fn;
use std::pin::Pin;
use std::time::Duration;

use futures_core::Stream;
use token_budget::testing::{
    Bill, BilledCall, CallEnd, Reply, ScriptedFault, ScriptedProvider, ScriptedResponse, ScriptedStream,
};
use token_budget::wire::{StreamMeter, UsageReport, extract};
use token_budget::{Usage, Usd};

use crate::support::{block_on, prices, ready, usd};

const CHAT: &str = "/v1/chat/completions";
const MESSAGES: &str = "/v1/messages";
const RESPONSES: &str = "/v1/responses";
const ALL: [&str; 3] = [CHAT, MESSAGES, RESPONSES];

/// A provider at the tests' own prices: a token of `pair` costs a tenth of a cent, in and out.
fn provider() -> ScriptedProvider {
    ScriptedProvider::new().prices(prices())
}

/// A request for a whole body, without a limit.
fn whole() -> String {
    body(r#""messages": []"#)
}

/// A request for a stream that ends with its usage.
fn streamed() -> String {
    body(r#""stream": true, "stream_options": {"include_usage": true}, "messages": []"#)
}

fn body(rest: &str) -> String {
    format!(r#"{{"model": "pair", {rest}}}"#)
}

fn ask(provider: &ScriptedProvider, path: &str, body: &str) -> ScriptedResponse {
    ready(provider.call(path, body.as_bytes())).expect("an answer")
}

fn begin(provider: &ScriptedProvider, path: &str, body: &str) -> ScriptedStream {
    ready(provider.stream(path, body.as_bytes())).expect("a stream")
}

/// The next frame of a stream that does not wait.
fn next(stream: &mut ScriptedStream) -> Option<Result<Vec<u8>, ScriptedFault>> {
    let frame = ready(poll_fn(|context| Pin::new(&mut *stream).poll_next(context)));
    frame.map(|frame| frame.map(|bytes| bytes.to_vec()))
}

fn read(response: &ScriptedResponse) -> UsageReport {
    extract(None, &response.body, response.headers()).expect("a body that can be read")
}

/// What a meter makes of a stream, shown in pieces that fit no frame.
fn metered(bytes: &[u8]) -> UsageReport {
    let mut meter = StreamMeter::new(None);
    bytes.chunks(7).for_each(|piece| meter.push(piece));
    meter.finish()
}

fn counts(report: &UsageReport) -> (Option<u64>, Option<u64>) {
    let usage = report.usage();
    (usage.and_then(|usage| usage.input()), usage.and_then(|usage| usage.output()))
}

fn only_call(bill: &Bill) -> &BilledCall {
    assert_eq!(bill.calls().len(), 1, "{bill:?}");
    &bill.calls()[0]
}

/// What a call was billed: its end, and its dollars.
fn outcome(provider: &ScriptedProvider) -> (CallEnd, Usd) {
    let bill = provider.bill();
    let call = only_call(&bill);
    (call.end, call.usd)
}

#[test]
fn every_shape_says_what_it_bills() {
    for path in ALL {
        for request in [whole(), streamed()] {
            let provider = provider().reply(Reply::tokens(6).input(10).cached_input(4).reasoning(3));

            let response = ask(&provider, path, &request);

            let report = if request == whole() { read(&response) } else { metered(&response.body) };
            let usage = report.usage().expect("usage");
            let expected = Usage::of(10, 9).with_cached_input(4).with_reasoning(3);
            for meter in [usage, only_call(&provider.bill()).usage.unwrap()] {
                assert_eq!((meter.input(), meter.output()), (expected.input(), expected.output()), "{path}");
                assert_eq!((meter.cached_input(), meter.reasoning()), (Some(4), Some(3)), "{path}");
            }
            assert_eq!(
                (report.model.as_deref(), report.finished, report.damaged),
                (Some("pair"), true, false)
            );
            // 10 in and 9 out at a tenth of a cent; no part has a rate of its own.
            assert_eq!(outcome(&provider), (CallEnd::Answered, usd("0.019")), "{path}");
        }
    }
}

#[test]
fn the_text_of_a_stream_is_that_of_the_whole_body() {
    for path in ALL {
        let provider = provider().otherwise(Reply::text("Größe hat ihren Preis.").usage_missing());
        let (whole, stream) = (ask(&provider, path, &whole()), ask(&provider, path, &streamed()));
        // Four words are four tokens; 22 letters, two of which take two bytes.
        assert_eq!(provider.bill().usage().output(), Some(8));
        assert_eq!((read(&whole).text.chars, read(&whole).text.bytes), (22, 24), "{path}");
        assert_eq!((metered(&stream.body).text.chars, metered(&stream.body).text.bytes), (22, 24), "{path}");
    }
}

#[test]
fn an_answer_keeps_to_the_limit_and_says_so() {
    let limits = [
        (CHAT, "max_tokens", "length"),
        (CHAT, "max_completion_tokens", "length"),
        (MESSAGES, "max_tokens", "max_tokens"),
        (RESPONSES, "max_output_tokens", "incomplete"),
    ];
    for (path, field, reason) in limits {
        let provider = provider().otherwise(Reply::tokens(50).reasoning(3).input(0));
        let request = body(&format!(r#""{field}": 8, "messages": []"#));
        let report = read(&ask(&provider, path, &request));
        assert_eq!(counts(&report), (Some(0), Some(8)), "{path}");
        let said = report.finish.as_deref();
        assert!(said == Some(reason) || said == Some("max_output_tokens"), "{path}: {said:?}");
    }
}

#[test]
fn a_limit_that_all_tokens_fit_is_not_reached() {
    let provider = provider().otherwise(Reply::tokens(8));
    let report = read(&ask(&provider, CHAT, &body(r#""max_tokens": 8, "messages": []"#)));
    assert_eq!(report.finish.as_deref(), Some("stop"));
    let report = read(&ask(&provider, CHAT, &body(r#""max_tokens": 7, "messages": []"#)));
    assert_eq!(report.finish.as_deref(), Some("length"));
}

#[test]
fn each_choice_is_generated_and_billed() {
    let provider = provider().otherwise(Reply::tokens(5).reasoning(1).input(2));
    let three = r#""n": 3, "stream_options": {"include_usage": true}, "messages": []"#;
    let whole = read(&ask(&provider, CHAT, &body(three)));
    let stream = metered(&ask(&provider, CHAT, &body(&format!(r#""stream": true, {three}"#))).body);
    assert_eq!((counts(&whole), counts(&stream)), ((Some(2), Some(18)), (Some(2), Some(18))));
    assert_eq!(provider.bill().usd(), usd("0.04")); // twice 2 in and 3 × 6 out
    assert_eq!(provider.bill().calls()[1].output_delivered, 15);
}

#[test]
fn a_tool_call_is_one_token_for_its_name_and_one_for_four_bytes() {
    for path in ALL {
        for request in [whole(), streamed()] {
            // 15 bytes of arguments are four tokens.
            let reply = Reply::text("Let me see.").with_tool_call("look_up", r#"{"city":"Kiel"}"#).input(1);
            let provider = provider().reply(reply);
            let response = ask(&provider, path, &request);
            assert_eq!(provider.bill().usage().output(), Some(3 + 1 + 4), "{path}");
            let text = String::from_utf8(response.body.to_vec()).unwrap();
            assert!(text.contains("look_up"), "{path}: {text}");
            let report = if request == whole() { read(&response) } else { metered(text.as_bytes()) };
            assert_eq!(counts(&report), (Some(1), Some(8)), "{path}");
            if path != RESPONSES {
                let expected = if path == CHAT { "tool_calls" } else { "tool_use" };
                assert_eq!(report.finish.as_deref(), Some(expected));
            }
        }
    }
}

#[test]
fn what_is_written_to_a_cache_is_billed_by_its_lifetime_where_the_shape_knows_it() {
    let reply = Reply::tokens(1).input(100).cache_write_5m(30).cache_write_1h(20);
    let provider = provider().otherwise(reply);
    for (path, expected) in [(MESSAGES, (Some(30), Some(20))), (CHAT, (Some(50), Some(0)))] {
        let report = read(&ask(&provider, path, &whole()));
        let told = report.usage().unwrap();
        assert_eq!(told.input(), Some(100), "{path}");
        assert_eq!((told.cache_write_5m(), told.cache_write_1h().or(Some(0))), expected, "{path}");
        let bill = provider.bill();
        let billed = bill.calls().last().unwrap().usage.unwrap();
        assert_eq!((billed.cache_write_5m(), billed.cache_write_1h()), expected, "{path}");
    }
}

#[test]
fn a_stream_of_chat_completions_says_its_usage_only_where_that_was_asked_for() {
    let provider = provider().otherwise(Reply::tokens(4).reasoning(2).input(3));
    let silent = ask(&provider, CHAT, &body(r#""stream": true, "messages": []"#));
    let report = metered(&silent.body);
    assert_eq!((report.lines.len(), report.finished), (0, true));
    assert!(!String::from_utf8_lossy(&silent.body).contains("usage"));
    // Four tokens can be counted; the two of reasoning cannot.
    assert_eq!(only_call(&provider.bill()).output_unseen, 2);
    let told = ask(&provider, CHAT, &streamed());
    let text = String::from_utf8_lossy(&told.body).into_owned();
    let frames: Vec<_> = text.trim_end().split("\n\n").collect();
    let [.., usage, done] = frames.as_slice() else { panic!("too few frames: {text}") };
    assert!(usage.contains(r#""choices":[]"#) && usage.contains(r#""completion_tokens":6"#), "{usage}");
    assert_eq!(*done, "data: [DONE]");
    assert_eq!(frames.iter().filter(|frame| frame.contains(r#""usage":null"#)).count(), 6); // role, 4, reason
}

#[test]
fn a_stream_of_messages_comes_in_anthropics_order() {
    let response = ask(&provider().reply(Reply::tokens(2).input(9)), MESSAGES, &streamed());
    let text = String::from_utf8(response.body.to_vec()).unwrap();
    let events: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("event: ")).collect();
    assert_eq!(
        events,
        [
            "message_start",
            "content_block_start",
            "ping",
            "content_block_delta",
            "content_block_delta",
            "content_block_stop",
            "message_delta",
            "message_stop"
        ]
    );
}

#[test]
fn the_tier_that_was_asked_for_serves_unless_the_script_says_otherwise() {
    let provider = provider().reply(Reply::tokens(1)).reply(Reply::tokens(1).tier("priority"));
    for expected in ["flex", "priority", "flex"] {
        let response = ask(&provider, CHAT, &body(r#""service_tier": "flex", "messages": []"#));
        assert_eq!(read(&response).service_tier.as_deref(), Some(expected));
    }
}

#[test]
fn the_model_that_served_is_told_and_billed() {
    // `large` costs two cents a token of output, and nothing in.
    let provider = provider().reply(Reply::tokens(3).served_by("large"));
    let report = read(&ask(&provider, MESSAGES, &whole()));
    assert_eq!(report.model.as_deref(), Some("large"));
    assert_eq!((provider.bill().usd(), only_call(&provider.bill()).model.as_str()), (usd("0.06"), "large"));
}

#[test]
fn a_bill_is_rounded_up_once_for_each_call() {
    // At 2.5 and 10 nano-dollars … gpt-4o costs 2,500 and 10,000 nano-dollars a token, cached input 1,250.
    let provider = ScriptedProvider::new().otherwise(Reply::tokens(1).input(3).cached_input(1));
    for _ in 0..2 {
        ask(&provider, CHAT, r#"{"model": "gpt-4.1-nano", "messages": []}"#);
    }
    // Two uncached at 100 nano-dollars, one cached at 25, one out at 400: 625 each.
    assert_eq!(provider.bill().usd().nanos(), 2 * 625);
}

#[test]
fn an_error_bears_its_providers_shape_and_bills_nothing() {
    let kinds = [
        (429, "rate_limit_error", "requests"),
        (400, "invalid_request_error", "invalid_request_error"),
        (500, "api_error", "server_error"),
        (503, "overloaded_error", "server_error"),
        (529, "overloaded_error", "server_error"),
    ];
    for (status, anthropic, openai) in kinds {
        for (path, kind) in [(CHAT, openai), (MESSAGES, anthropic), (RESPONSES, openai)] {
            let provider = provider().otherwise(Reply::status(status));
            for request in [whole(), streamed()] {
                let response = ask(&provider, path, &request);
                assert_eq!(
                    (response.status, response.header("content-type")),
                    (status, Some("application/json"))
                );
                let error = read(&response).error;
                assert!(error.is_some(), "{path} {status}");
                assert!(String::from_utf8_lossy(&response.body).contains(kind), "{path} {status}: {error:?}");
            }
            let bill = provider.bill();
            assert_eq!((bill.usd(), bill.requests(), bill.ended()), (Usd::ZERO, 0, 2));
            assert_eq!(bill.calls()[0].end, CallEnd::Failed(status));
        }
    }
}

#[test]
fn a_refusal_says_when_to_come_again_in_whole_seconds() {
    let provider = provider().reply(Reply::status(429).retry_after(Duration::from_millis(1_200)));
    assert_eq!(ask(&provider, CHAT, &whole()).header("retry-after"), Some("2"));
}

#[test]
fn what_may_be_billed_is_where_the_script_says_so() {
    // Ten tokens in, at a tenth of a cent.
    let billed = |status| Reply::status(status).input(10).billed();
    for (status, expected) in
        [(500, "0.01"), (529, "0.01"), (408, "0.01"), (499, "0.01"), (400, "0"), (429, "0")]
    {
        let provider = provider().reply(billed(status));
        ask(&provider, CHAT, &whole());
        assert_eq!(outcome(&provider), (CallEnd::Failed(status), usd(expected)), "{status}");
    }
    let provider = provider().reply(Reply::tokens(5).unbilled());
    ask(&provider, CHAT, &whole());
    assert_eq!(outcome(&provider), (CallEnd::Answered, Usd::ZERO));
}

#[test]
fn usage_may_be_missing_zero_or_wrong_and_is_billed_all_the_same() {
    let says = [
        (Reply::tokens(5).input(10).usage_missing(), (None, None)),
        (Reply::tokens(5).input(10).usage_zero(), (Some(0), Some(0))),
        (Reply::tokens(5).input(10).usage_wrong(Usage::of(7, 3)), (Some(7), Some(3))),
    ];
    for path in ALL {
        for (reply, expected) in &says {
            for request in [whole(), streamed()] {
                let provider = provider().reply(reply.clone());
                let response = ask(&provider, path, &request);
                let report = if request == whole() { read(&response) } else { metered(&response.body) };
                assert_eq!(counts(&report), *expected, "{path}");
                assert_eq!(outcome(&provider), (CallEnd::Answered, usd("0.015")), "{path}");
                let bill = provider.bill();
                // Three input and two output tokens fewer were told than billed.
                let unseen = if expected.0 == Some(7) { (3, 2, usd("0.005")) } else { (0, 0, Usd::ZERO) };
                assert_eq!((bill.input_unseen(), bill.output_unseen(), bill.usd_unseen()), unseen, "{path}");
            }
        }
    }
}

#[test]
fn a_malformed_body_cannot_be_read_and_is_billed() {
    for path in ALL {
        let provider = provider().otherwise(Reply::tokens(5).input(10).malformed());
        let response = ask(&provider, path, &whole());
        assert!(serde_json::from_slice::<serde_json::Value>(&response.body).is_err());
        let stream = metered(&ask(&provider, path, &streamed()).body);
        assert!(stream.damaged, "{path}");
        assert_eq!(counts(&stream), (Some(10), Some(5)), "the last frame still says its usage");
        assert_eq!(provider.bill().usd(), usd("0.03"));
    }
}

#[test]
fn an_answer_may_end_without_its_last_frame() {
    for path in ALL {
        let provider = provider().otherwise(Reply::tokens(5).input(10).without_final_frame());
        let response = ask(&provider, path, &whole());
        assert!(serde_json::from_slice::<serde_json::Value>(&response.body).is_err());
        let stream = metered(&ask(&provider, path, &streamed()).body);
        assert_eq!((stream.finished, stream.text.bytes > 0), (false, true), "{path}");
        assert_eq!(provider.bill().usd(), usd("0.03"));
    }
}

#[test]
fn a_reset_comes_after_exactly_so_many_bytes() {
    for path in ALL {
        let request = streamed();
        let length = ask(&provider().reply(Reply::tokens(5)), path, &request).body.len();
        for bytes in [0, 1, 100, length - 1] {
            let provider = provider().reply(Reply::tokens(5).reset_after(bytes));
            let mut stream = begin(&provider, path, &request);
            let mut received = 0;
            let fault = block_on(async {
                loop {
                    match poll_fn(|context| Pin::new(&mut stream).poll_next(context)).await {
                        Some(Ok(piece)) => received += piece.len(),
                        other => break other,
                    }
                }
            });
            assert_eq!((fault, received), (Some(Err(ScriptedFault::Reset)), bytes), "{path}");
            assert_eq!(next(&mut stream), None);
            assert_eq!(only_call(&provider.bill()).end, CallEnd::Reset);
        }
        let provider = provider().reply(Reply::tokens(5).reset_after(length));
        assert_eq!(ask(&provider, path, &request).body.len(), length, "nothing is left to break");
    }
}

#[test]
fn a_reset_stream_bills_what_was_generated_until_then() {
    // Find where the third token's frame begins.
    let request = body(r#""stream": true, "messages": []"#);
    let mut stream = begin(&provider().reply(Reply::tokens(5)), CHAT, &request);
    let three: usize = (0..3).map(|_| next(&mut stream).unwrap().unwrap().len()).sum(); // role, two tokens
    for (bytes, billed, unseen) in [(three, 2, 0), (three + 1, 3, 1)] {
        let provider = provider().reply(Reply::tokens(5).input(10).reset_after(bytes));
        let fault = block_on(provider.call(CHAT, request.as_bytes()));
        assert_eq!(fault, Err(ScriptedFault::Reset));
        let bill = provider.bill();
        let call = only_call(&bill);
        assert_eq!(call.usage.and_then(|usage| usage.output()), Some(billed));
        assert_eq!((call.output_delivered, call.output_unseen), (2, unseen));
        assert_eq!(bill.usd().nanos(), (10 + i64::try_from(billed).unwrap()) * 1_000_000);
    }
}

#[test]
fn a_whole_body_that_is_reset_was_generated_whole() {
    let provider = provider().reply(Reply::tokens(5).input(10).reset_after(20));
    assert_eq!(block_on(provider.call(CHAT, whole().as_bytes())), Err(ScriptedFault::Reset));
    assert_eq!(outcome(&provider), (CallEnd::Reset, usd("0.015")));
    assert_eq!(provider.bill().output_unseen(), 0, "it is charged as it was held");
}

#[test]
fn a_stream_hung_up_on_bills_as_far_as_it_was_generated() {
    for (ahead, billed) in [(0, 2), (2, 4), (100, 5)] {
        let provider = provider().ahead(ahead).reply(Reply::tokens(5).input(10));
        let mut stream = begin(&provider, CHAT, &streamed());
        for _ in 0..3 {
            next(&mut stream).expect("a frame").expect("no fault"); // the role, two tokens
        }
        assert_eq!(provider.open(), 1);
        drop(stream);
        assert_eq!(provider.open(), 0);
        assert_eq!(outcome(&provider), (CallEnd::HungUp, Usd::from_nanos((10 + billed) * 1_000_000)));
        let bill = provider.bill();
        assert_eq!(bill.usd_unseen().nanos(), (billed - 2) * 1_000_000);
    }
}

#[test]
fn a_stream_dropped_after_its_usage_hides_nothing() {
    let provider = provider().ahead(9).reply(Reply::tokens(1).reasoning(4).input(1));
    let mut stream = begin(&provider, CHAT, &streamed());
    for _ in 0..4 {
        next(&mut stream).expect("a frame").expect("no fault"); // role, token, reason, usage
    }
    drop(stream);
    assert_eq!(outcome(&provider), (CallEnd::HungUp, usd("0.006")));
    assert_eq!(provider.bill().output_unseen(), 0);
}

#[test]
fn reasoning_is_generated_before_the_first_token_that_is_shown() {
    let provider = provider().otherwise(Reply::tokens(3).reasoning(4).input(1));
    for (frames, billed) in [(1, 0), (2, 5)] {
        let mut stream = begin(&provider, CHAT, &streamed());
        for _ in 0..frames {
            next(&mut stream).expect("a frame").expect("no fault");
        }
        drop(stream);
        let bill = provider.bill();
        assert_eq!(bill.calls().last().unwrap().usage.unwrap().output(), Some(billed));
    }
}

#[test]
fn a_whole_answer_that_nobody_waited_for_was_generated_all_the_same() {
    let provider = provider().otherwise(Reply::tokens(5).input(10).latency(Duration::from_secs(60)));
    block_on(async {
        tokio::time::pause();
        let waited =
            tokio::time::timeout(Duration::from_secs(1), provider.call(CHAT, whole().as_bytes())).await;
        assert!(waited.is_err(), "the client gave up first");
    });
    assert_eq!(outcome(&provider), (CallEnd::HungUp, usd("0.015")));
}

#[test]
fn latency_and_pauses_pass_by_tokios_clock() {
    let slow = Reply::tokens(2).latency(Duration::from_secs(3)).pause(Duration::from_secs(1));
    let provider = provider().reply(slow);
    let took = block_on(async {
        tokio::time::pause();
        let begun = tokio::time::Instant::now();
        provider.call(CHAT, body(r#""stream": true, "messages": []"#).as_bytes()).await.expect("an answer");
        begun.elapsed()
    });
    // Role, two tokens, reason, [DONE]: four pauses between five frames.
    assert_eq!(took.as_secs(), 3 + 4);
}

#[test]
fn a_script_that_waits_outside_a_runtime_says_so() {
    let provider = provider().otherwise(Reply::tokens(2).latency(Duration::from_secs(3)));
    assert_eq!(ready(provider.call(CHAT, whole().as_bytes())), Err(ScriptedFault::NoRuntime));
    assert_eq!((provider.bill().usd(), provider.open()), (Usd::ZERO, 0));
}

#[test]
fn what_generates_nothing_is_no_request() {
    let provider = provider().reply(Reply::tokens(1));
    let count = ask(&provider, "/v1/messages/count_tokens", &body(r#""messages": ["0123456789abcdef"]"#));
    assert_eq!(&*count.body, br#"{"input_tokens":2}"#); // 20 bytes of JSON
    let models = ask(&provider, "/v1/models?limit=20", "");
    assert!(String::from_utf8_lossy(&models.body).contains(r#""id":"pair""#));
    assert_eq!(ask(&provider, "/v1/elsewhere", "").status, 404);
    assert_eq!(ask(&provider, CHAT, "{").status, 400);
    assert_eq!(ask(&provider, CHAT, r#"{"model": "unheard-of", "messages": []}"#).status, 404);
    assert_eq!(provider.bill().ended(), 0);
}

#[test]
fn a_request_is_counted_by_its_json_where_the_script_does_not() {
    let provider = provider();
    let report = read(&ask(&provider, CHAT, &body(r#""messages": ["0123456789abcdef"], "tools": []"#)));
    assert_eq!(counts(&report), (Some((20 + 2) / 8), Some(16)));
}

#[test]
fn the_bill_can_be_split_by_user() {
    let provider = provider().otherwise(Reply::tokens(1).input(1));
    ask(&provider, CHAT, &body(r#""user": "ada", "messages": []"#));
    ask(&provider, MESSAGES, &body(r#""metadata": {"user_id": "bob"}, "messages": []"#));
    ask(&provider, CHAT, &whole());
    let bill = provider.bill();
    let users: Vec<_> = bill.calls().iter().map(|call| call.user.as_deref()).collect();
    assert_eq!(users, [Some("ada"), Some("bob"), None]);
    assert_eq!(bill.only(|call| call.user.as_deref() == Some("bob")).usd(), usd("0.002"));
}

#[test]
fn a_bill_of_totals_has_the_same_sums() {
    let provider = provider().totals_only().otherwise(Reply::tokens(2).input(1));
    ask(&provider, CHAT, &whole());
    ask(&provider, CHAT, &whole());
    let bill = provider.bill();
    assert_eq!((bill.calls().len(), bill.requests(), bill.usd()), (0, 2, usd("0.006")));
}

#[test]
fn a_repeated_reply_is_made_anew_for_another_kind_of_request() {
    let provider = provider().otherwise(Reply::tokens(9));
    let requests = [
        body(r#""max_tokens": 2, "messages": []"#),
        body(r#""max_tokens": 3, "messages": []"#),
        body(r#""max_tokens": 3, "n": 2, "messages": []"#),
        body(r#""max_tokens": 3, "n": 2, "messages": ["0123456789abcdef"]"#),
        body(r#""max_tokens": 3, "n": 2, "messages": ["0123456789abcdef"]"#),
    ];
    let seen: Vec<_> = requests.iter().map(|request| counts(&read(&ask(&provider, CHAT, request)))).collect();
    let expected =
        [(1, 2), (1, 3), (1, 6), (2, 6), (2, 6)].map(|(input, output)| (Some(input), Some(output)));
    assert_eq!(seen, expected);
}

#[test]
fn chance_draws_every_kind_of_reply_and_the_same_for_the_same_seed() {
    let draws: Vec<_> = (1..=3_000).map(|number| Reply::random(7, number)).collect();
    assert_eq!(draws, (1..=3_000).map(|number| Reply::random(7, number)).collect::<Vec<_>>());
    type Kind = (&'static str, fn(&str) -> bool);
    let kinds: [Kind; 13] = [
        ("plain", |text| {
            text.contains("Truth") && text.contains("Nowhere") && text.contains("refusal: None")
        }),
        ("tool", |text| text.contains("look_up")),
        ("reasoning", |text| !text.contains("reasoning: 0,")),
        ("cached", |text| text.contains("cached_input: 6")),
        ("latency", |text| !text.contains("latency: 0ns")),
        ("pause", |text| text.contains("pause: 1ms")),
        ("rate limit", |text| text.contains("status: 429, retry_after: Some(1s)")),
        ("billed failure", |text| text.contains("status: 500") && text.contains("bills: Some(true)")),
        ("overload", |text| text.contains("status: 529")),
        ("reset", |text| text.contains("ResetAfter")),
        ("silence", |text| text.contains("says: Nothing")),
        ("malformed", |text| text.contains("Malformed")),
        ("without end", |text| text.contains("WithoutEnd")),
    ];
    for (kind, is_it) in kinds {
        let count = draws.iter().filter(|draw| is_it(&format!("{draw:?}"))).count();
        assert!(count >= 10, "only {count} of 3,000 are {kind}");
    }
}

#[cfg(feature = "tiktoken")]
#[test]
fn a_plain_text_is_as_many_tokens_for_openais_vocabulary_as_it_bills() {
    use token_budget::TokenEstimator;
    use token_budget::call::{Message, Prompt};
    use token_budget::tokens::TiktokenEstimator;
    let count = |text: &str| {
        let prompt = Prompt { messages: vec![Message::user(text)], tools: vec![] };
        TiktokenEstimator::default().count("gpt-4o", &prompt).tokens
    };
    let provider = ScriptedProvider::new().reply(Reply::tokens(100));
    let response = ask(&provider, CHAT, r#"{"model": "gpt-4o", "messages": []}"#);
    let body: serde_json::Value = serde_json::from_slice(&response.body).unwrap();
    let text = body["choices"][0]["message"]["content"].as_str().unwrap();
    assert_eq!(count(text) - count(""), 100);
}
