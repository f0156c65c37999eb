//! What is an answer charged, and what does the client see of it?

use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use futures_core::Stream;
use token_budget::client::Failure;
use token_budget::enforcer::OnAbandon;
use token_budget::http::{Answered, Exchange};
use token_budget::stream::{OnCeiling, StreamOptions};
use token_budget::{Budget, Policy, Window};

use crate::http_support::{
    CHAT, EVENTS, End, JSON, MESSAGES, Pieces, admitted, books, chat_events, gate, house, json, read,
    read_some, usage_event,
};
use crate::support::{House, team, usd};

const USAGE: &str = r#"{"model":"pair","choices":[{"message":{"content":"hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":7,"completion_tokens":13,"total_tokens":20}}"#;

/// A call that holds 100 tokens of output, and 128 of input, which is what any prompt of an unknown family is framed by.
fn asked(house: &House) -> Exchange {
    admitted(&gate(house), CHAT, r#"{"model":"milli","max_tokens":100,"messages":[]}"#).send()
}

/// The same, streamed: ten tokens of output are held at first.
fn streamed(house: &House) -> Answered {
    let ask = r#"{"model":"milli","max_tokens":100,"stream":true,"messages":[]}"#;
    admitted(&gate(house), CHAT, ask).send().answered(200, &EVENTS)
}

#[test]
fn a_whole_answer_is_unchanged_and_charged_by_its_own_figures() {
    let length = USAGE.len().to_string();
    let told = vec![("content-type", "application/json"), ("content-length", length.as_str())];
    for headers in [told, JSON.to_vec()] {
        for pieces in [vec![USAGE], vec![&USAGE[..40], &USAGE[40..41], &USAGE[41..]]] {
            let house = house("1");
            let heard = read(asked(&house).answered(200, &headers), Pieces::of(&pieces));
            assert!(heard.ended);
            assert_eq!(
                heard.pieces,
                pieces.iter().map(|piece| piece.as_bytes().to_vec()).collect::<Vec<_>>()
            );
            // 7 tokens in and 13 out at a tenth of a cent each: the provider says that `pair` has answered.
            assert_eq!(books(&house), ("0.02".to_owned(), "0.00".to_owned()));
        }
    }
}

#[test]
fn the_books_are_right_when_the_last_byte_is_handed_on() {
    let house = house("1");
    let length = USAGE.len().to_string();
    let headers = [("content-type", "application/json"), ("content-length", length.as_str())];
    let mut answer = asked(&house).answered(200, &headers).meter(Pieces::of([USAGE]).then(End::Waits));
    let mut context = Context::from_waker(Waker::noop());
    assert!(matches!(Pin::new(&mut answer).poll_next(&mut context), Poll::Ready(Some(Ok(_)))));
    assert_eq!(
        books(&house),
        ("0.02".to_owned(), "0.00".to_owned()),
        "a server asks no further than the length"
    );
}

#[test]
fn how_an_answer_ends_decides_what_is_charged() {
    const FREE: &str = "0.00";
    /// A hundred tokens of output at a tenth of a cent; input is free.
    const HELD: &str = "0.10";
    const USED: &str = "0.02";
    let error = r#"{"error":{"type":"invalid_request_error","message":"no"}}"#;
    let table = [
        (200, USAGE, End::Ends, USED),
        (200, r#"{"choices":[]}"#, End::Ends, HELD),
        (200, "<html>", End::Ends, HELD),
        (200, error, End::Ends, HELD),
        (200, &USAGE[..60], End::Resets, HELD),
        (400, error, End::Ends, FREE),
        (401, "", End::Ends, FREE),
        (404, "not found", End::Ends, FREE),
        (429, error, End::Ends, FREE),
        (429, error, End::Resets, FREE),
        (429, error, End::Waits, FREE),
        (408, error, End::Ends, HELD),
        (499, error, End::Ends, HELD),
        (500, error, End::Ends, HELD),
        (503, "", End::Ends, HELD),
        (529, error, End::Ends, HELD),
        (302, "", End::Ends, HELD),
        // Usage that came is charged, whatever the status.
        (400, USAGE, End::Ends, USED),
        (500, USAGE, End::Ends, USED),
        (500, USAGE, End::Resets, USED),
        // The client hangs up with the whole of it in hand, and before that.
        (200, USAGE, End::Waits, USED),
        (200, &USAGE[..60], End::Waits, HELD),
    ];
    for (status, body, end, spent) in table {
        let house = house("1");
        read(asked(&house).answered(status, &JSON), Pieces::of([body]).then(end));
        assert_eq!(books(&house), (spent.to_owned(), "0.00".to_owned()), "{status} {body} {end:?}");
    }
}

#[test]
fn a_request_without_an_answer_is_charged_unless_it_was_never_sent() {
    for (failure, spent) in
        [(Failure::NotSent, "0.00"), (Failure::NotBilled, "0.00"), (Failure::Unknown, "0.10")]
    {
        let house = house("1");
        asked(&house).failed(failure);
        assert_eq!(books(&house), (spent.to_owned(), "0.00".to_owned()), "{failure:?}");
    }
    let house = house("1");
    drop(asked(&house));
    assert_eq!(books(&house).0, "0.10", "the client hung up before the head came");
    drop(admitted(&gate(&house), CHAT, r#"{"model":"milli","max_tokens":100,"messages":[]}"#));
    assert_eq!(books(&house), ("0.10".to_owned(), "0.00".to_owned()), "what is not sent is given back");
}

#[test]
fn an_answer_that_cannot_be_read_is_charged_all_that_it_may_have_cost() {
    let packed = [("content-type", "application/json"), ("content-encoding", "gzip")];
    let house = house("1");
    read(asked(&house).answered(200, &packed), Pieces::of([USAGE]));
    assert_eq!(books(&house).0, "0.10");

    // Of a stream a slice is held, and the whole may have been used.
    let house = crate::http_support::house("1");
    let ask = r#"{"model":"milli","max_tokens":100,"stream":true,"messages":[]}"#;
    let packed = [("content-type", "text/event-stream"), ("content-encoding", "br")];
    let answered = admitted(&gate(&house), CHAT, ask).send().answered(200, &packed);
    assert!(!answered.is_stream());
    let heard = read(answered, Pieces::of(["\u{1}\u{2}"]));
    assert_eq!((heard.text().as_str(), books(&house).0.as_str()), ("\u{1}\u{2}", "0.10"));

    // Larger than what is kept of it.
    let house = crate::http_support::house("1");
    let small = gate(&house).largest_body(100);
    let exchange = admitted(&small, CHAT, r#"{"model":"milli","max_tokens":100,"messages":[]}"#).send();
    assert_eq!(read(exchange.answered(200, &JSON), Pieces::of([USAGE])).text(), USAGE);
    assert_eq!(books(&house).0, "0.10");
}

#[test]
fn a_whole_answer_that_cannot_be_read_is_no_abandoned_call() {
    let packed = [("content-type", "application/json"), ("content-encoding", "gzip")];
    for abandoned in [OnAbandon::Hold, OnAbandon::InputFloor, OnAbandon::Release] {
        let policy = Policy::new([Budget::usd("search", team(), usd("1"), Window::day())]).unwrap();
        let paid = |headers: &Vec<(&str, &str)>, path: &str, ask: &str| {
            let house = House::with(policy.clone(), |builder| builder.on_abandon(abandoned));
            let exchange = admitted(&gate(&house), path, ask).send();
            assert!(read(exchange.answered(200, headers), Pieces::of(["ID3..", "...."])).ended);
            books(&house)
        };
        let sound = vec![("content-type", "audio/mpeg")];
        // The model writes at most 500 tokens, and speech has no other limit.
        let spoken = paid(&sound, "/v1/audio/speech", r#"{"model":"short","input":"say it"}"#);
        assert_eq!(spoken, ("0.50".to_owned(), "0.00".to_owned()), "{abandoned:?}");
        let ask = r#"{"model":"milli","max_tokens":100,"messages":[]}"#;
        assert_eq!(
            paid(&packed.to_vec(), CHAT, ask),
            ("0.10".to_owned(), "0.00".to_owned()),
            "{abandoned:?}"
        );
    }
}

/// A body that bears no question after its end, as many streams of `futures` do.
struct AskedOnce(std::vec::IntoIter<&'static str>, bool);

impl Stream for AskedOnce {
    type Item = std::io::Result<Vec<u8>>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        assert!(!self.1, "asked after its end");
        let piece = self.0.next();
        self.1 = piece.is_none();
        Poll::Ready(piece.map(|piece| Ok(piece.as_bytes().to_vec())))
    }
}

#[test]
fn a_body_is_not_asked_again_after_its_end() {
    let length = USAGE.len().to_string();
    let told = vec![("content-type", "application/json"), ("content-length", length.as_str())];
    for headers in [told, JSON.to_vec(), EVENTS.to_vec()] {
        let house = house("1");
        let body = AskedOnce(vec![USAGE].into_iter(), false);
        let mut answer = asked(&house).answered(200, &headers).meter(body);
        let mut context = Context::from_waker(Waker::noop());
        assert!(matches!(Pin::new(&mut answer).poll_next(&mut context), Poll::Ready(Some(Ok(_)))));
        for _ in 0..3 {
            assert!(matches!(Pin::new(&mut answer).poll_next(&mut context), Poll::Ready(None)));
        }
    }
}

#[test]
fn blanks_before_a_stream_do_not_hold_it_up() {
    let line = "{\"message\":{\"content\":\"a\"}}\n";
    let ask = r#"{"model":"milli","options":{"num_predict":100}}"#;
    for (kind, blanks) in [("application/x-ndjson", "\n"), ("application/stream+json", " \r\n\t")] {
        let first = format!("{blanks}{line}");
        for pieces in [vec![first.as_str(), line], vec![blanks, line, line]] {
            let house = house("1");
            let answered =
                admitted(&gate(&house), "/api/chat", ask).send().answered(200, &[("content-type", kind)]);
            let heard = read(answered, Pieces::of(&pieces).then(End::Waits));
            assert_eq!(heard.text(), pieces.concat(), "{kind}: every line as it comes");
        }
    }
}

#[test]
fn bedrock_counts_in_headers_where_its_body_says_nothing() {
    // Nobody knows its maker's words, so the 7,000 tokens of its context are held.
    let house = house("8");
    let exchange =
        admitted(&gate(&house), "/model/pair/invoke", r#"{"prompt":"hi","max_tokens":100}"#).send();
    let headers = [("X-Amzn-Bedrock-Input-Token-Count", "26"), ("x-amzn-bedrock-output-token-count", "42")];
    read(exchange.answered(200, &headers), Pieces::of([r#"{"completions":[]}"#]));
    assert_eq!(books(&house), ("0.068".to_owned(), "0.00".to_owned()));
}

#[test]
fn a_stream_is_handed_on_as_it_comes_and_charged_by_its_last_figures() {
    let house = house("1");
    let events = chat_events(&["one ", "two "], Some((7, 2)));
    let heard = read(streamed(&house), Pieces::of(&events));
    assert_eq!(heard.text(), events.concat());
    assert_eq!(heard.pieces.len(), events.len(), "piece by piece");
    // 7 tokens in and 2 out, of `pair`.
    assert_eq!(books(&house), ("0.009".to_owned(), "0.00".to_owned()));
}

#[test]
fn a_stream_without_usage_is_charged_by_its_text() {
    let house = house("1");
    let events = chat_events(&["four"], None);
    read(streamed(&house), Pieces::of(&events));
    // At `pair`, which served: the 128 tokens of input that were held for, and four bytes, a token each at most.
    assert_eq!(books(&house), ("0.132".to_owned(), "0.00".to_owned()));
}

#[test]
fn a_client_that_hangs_up_pays_its_input_and_what_it_saw() {
    let house = house("1");
    let events = chat_events(&["one ", "two "], Some((7, 2)));
    read_some(streamed(&house), Pieces::of(&events), 1);
    // At `pair`, which served: the 128 tokens of input that were held for, and four bytes.
    assert_eq!(books(&house), ("0.132".to_owned(), "0.00".to_owned()));
}

#[test]
fn a_stream_that_resets_hands_the_error_on_and_is_charged() {
    let house = house("1");
    let events = chat_events(&["one ", "two "], None);
    let heard = read(streamed(&house), Pieces::of(&events[..2]).then(End::Resets));
    assert!(heard.failed);
    assert_eq!(heard.text(), events[..2].concat());
    // The same input, and eight bytes.
    assert_eq!(books(&house), ("0.136".to_owned(), "0.00".to_owned()));
}

/// What a client is told by a stream of that API, cut off where its budget ends.
fn cut_off(path: &str, ask: &str, headers: &[(&str, &str)], event: &[u8]) -> (Vec<u8>, String) {
    // Forty tokens are paid for; every event brings ten bytes.
    let house = house("0.04");
    let exchange = admitted(&gate(&house), path, ask).send();
    let answered = exchange.answered(200, &headers.to_vec());
    assert!(answered.is_stream(), "{path}");
    let heard = read(answered, Pieces::of(std::iter::repeat_n(event, 50)));
    assert!(heard.ended && !heard.failed, "{path}");
    let bytes = heard.bytes();
    let whole = bytes.windows(event.len()).filter(|window| *window == event).count();
    assert!((4..=6).contains(&whole), "{path}: {whole} events came through");
    (bytes[whole * event.len()..].to_vec(), books(&house).1)
}

#[test]
fn a_stream_that_outgrows_its_budget_ends_with_an_error_in_its_own_shape() {
    let ask = r#"{"model":"milli","max_tokens":1000,"stream":true,"messages":[]}"#;
    let event = b"data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"0123456789\"}}]}\n\n";
    let (end, reserved) = cut_off(CHAT, ask, &EVENTS, event);
    let end = String::from_utf8(end).unwrap();
    let error = json(end.strip_prefix("data: ").unwrap().trim().as_bytes());
    assert!(end.ends_with("\n\n"));
    assert_eq!((&error["error"]["code"], reserved.as_str()), (&"budget_exceeded".into(), "0.00"));
    assert_eq!(error["budget"]["verdict"], "block");

    let event = b"event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"delta\":\"0123456789\"}\n\n";
    let (end, _) = cut_off("/v1/responses", ask, &EVENTS, event);
    let end = String::from_utf8(end).unwrap();
    let error = json(end.strip_prefix("event: error\ndata: ").unwrap().trim().as_bytes());
    assert_eq!((&error["type"], &error["code"]), (&"error".into(), &"budget_exceeded".into()));

    let event = b"event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"0123456789\"}}\n\n";
    let (end, _) = cut_off(MESSAGES, ask, &EVENTS, event);
    let end = String::from_utf8(end).unwrap();
    let error = json(end.strip_prefix("event: error\ndata: ").unwrap().trim().as_bytes());
    assert_eq!((&error["type"], &error["error"]["type"]), (&"error".into(), &"billing_error".into()));

    let event = b"{\"message\":{\"role\":\"assistant\",\"content\":\"0123456789\"},\"done\":false}\n";
    let (end, _) = cut_off("/api/chat", ask, &[("content-type", "application/x-ndjson")], event);
    assert!(end.ends_with(b"}\n") && json(&end)["error"].is_string());

    let sse = b"data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"0123456789\"}]}}]}\r\n\r\n";
    let gemini = "/v1beta/models/milli:streamGenerateContent";
    let ask = r#"{"generationConfig":{"maxOutputTokens":1000}}"#;
    let (end, _) = cut_off(gemini, ask, &EVENTS, sse);
    assert_eq!(
        json(end.strip_prefix(b"data: ").unwrap().trim_ascii())["error"]["status"],
        "RESOURCE_EXHAUSTED"
    );
}

#[test]
fn a_list_that_is_cut_off_is_a_list_to_its_end() {
    let house = house("0.04");
    let gemini = "/v1beta/models/milli:streamGenerateContent";
    let exchange = admitted(&gate(&house), gemini, r#"{"generationConfig":{"maxOutputTokens":1000}}"#).send();
    let item = r#"{"candidates":[{"content":{"parts":[{"text":"0123456789"}]}}]}"#;
    let list = format!("[{}]", vec![item; 50].join("\n,\n"));
    let heard = read(exchange.answered(200, &JSON), Pieces::of(list.as_bytes().chunks(17)));
    let list = json(&heard.bytes());
    let last = list.as_array().unwrap().last().unwrap();
    assert_eq!(last["error"]["code"], 402, "the error is its last item");
}

/// An AWS frame without checksums, which no reader here looks at.
fn frame(payload: &str) -> Vec<u8> {
    let total = u32::try_from(payload.len() + 16).unwrap();
    let mut frame = total.to_be_bytes().to_vec();
    frame.extend_from_slice(&[0; 8]);
    frame.extend_from_slice(payload.as_bytes());
    frame.extend_from_slice(&[0; 4]);
    frame
}

#[test]
fn an_aws_stream_ends_with_an_exception_frame_whose_checksums_hold() {
    let house = house("0.04");
    let ask = r#"{"messages":[],"inferenceConfig":{"maxTokens":1000}}"#;
    let exchange = admitted(&gate(&house), "/model/milli/converse-stream", ask).send();
    let event = frame(r#"{"contentBlockIndex":0,"delta":{"text":"0123456789"}}"#);
    let all = std::iter::repeat_n(event.clone(), 50).collect::<Vec<_>>().concat();
    let kind = [("content-type", "application/vnd.amazon.eventstream")];
    let heard = read(exchange.answered(200, &kind), Pieces::of(all.chunks(31)));
    let bytes = heard.bytes();
    let whole = bytes.chunks_exact(event.len()).take_while(|chunk| **chunk == event[..]).count();
    let last = &bytes[whole * event.len()..];
    let number = |at: usize| u32::from_be_bytes(last[at..at + 4].try_into().unwrap());
    assert_eq!(number(0) as usize, last.len(), "one frame, and whole");
    assert_eq!(number(8), crc32(&last[..8]));
    assert_eq!(number(last.len() - 4), crc32(&last[..last.len() - 4]));
    let text = String::from_utf8_lossy(last);
    assert!(text.contains(":exception-type") && text.contains("ServiceQuotaExceededException"), "{text}");
}

/// The checksum of AWS frames, bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |mut crc, byte| {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0xedb8_8320 & (0_u32.wrapping_sub(crc & 1)));
        }
        crc
    })
}

#[test]
fn a_stream_may_be_let_finish_over_its_ceiling() {
    let house = house("0.04");
    let gate = gate(&house).streams(StreamOptions::slices(10).on_ceiling(OnCeiling::Finish));
    let ask = r#"{"model":"milli","max_tokens":1000,"stream":true,"messages":[]}"#;
    let events = chat_events(&["0123456789"; 10], Some((10, 100)));
    let heard = read(admitted(&gate, CHAT, ask).send().answered(200, &EVENTS), Pieces::of(&events));
    assert_eq!(heard.text(), events.concat());
    assert_eq!(books(&house), ("0.11".to_owned(), "0.00".to_owned()), "the overrun is in the books");
}

#[test]
fn the_usage_frame_is_hidden_however_the_stream_is_cut() {
    let ask = r#"{"model":"milli","max_tokens":100,"stream":true,"messages":[]}"#;
    for ends in ["\n", "\r\n"] {
        let events = chat_events(&["h\u{e9}, \\\"usage\\\":{} ", "two"], Some((7, 2)));
        let sent = events.concat().replace('\n', ends).into_bytes();
        let shown = events.iter().filter(|event| **event != usage_event((7, 2)));
        let shown = shown.cloned().collect::<String>().replace('\n', ends).into_bytes();
        assert_ne!(sent, shown);
        let cuts = (0..=sent.len()).map(|at| vec![&sent[..at], &sent[at..]]);
        let bytes = [1, 2, 3, 7].map(|size| sent.chunks(size).collect::<Vec<_>>());
        for pieces in cuts.chain(bytes) {
            let house = house("1");
            let gate = gate(&house).inject_usage_for(crate::http_support::HOST);
            let heard = read(admitted(&gate, CHAT, ask).send().answered(200, &EVENTS), Pieces::of(&pieces));
            assert_eq!(String::from_utf8(heard.bytes()).unwrap(), String::from_utf8(shown.clone()).unwrap());
            assert_eq!(
                books(&house),
                ("0.009".to_owned(), "0.00".to_owned()),
                "charged by the frame all the same"
            );
        }
    }
}

#[test]
fn what_only_looks_like_the_usage_frame_is_handed_on() {
    let house = house("1");
    let gate = gate(&house).inject_usage_for(crate::http_support::HOST);
    let ask = |members: &str| format!(r#"{{"model":"milli","max_tokens":100,"stream":true{members}}}"#);
    let like = [
        // Azure's first chunk has no choices, and no usage.
        "data: {\"choices\":[],\"prompt_filter_results\":[{}],\"usage\":null}\n\n",
        // Some send usage beside the last choice.
        "data: {\"choices\":[{\"index\":0,\"delta\":{}}],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":1,\"total_tokens\":2}}\n\n",
        ": a comment, \"usage\":{}\n\n",
        "data: {\"error\":{\"message\":\"x\"},\"usage\":{}}\n\n",
        "data: [DONE]\n\n",
    ];
    let heard = read(admitted(&gate, CHAT, &ask("")).send().answered(200, &EVENTS), Pieces::of(like));
    assert_eq!(heard.text(), like.concat());

    // Who asked for it gets it.
    let options = r#","stream_options":{"include_usage":true}"#;
    let events = chat_events(&["one"], Some((7, 1)));
    let heard = read(admitted(&gate, CHAT, &ask(options)).send().answered(200, &EVENTS), Pieces::of(&events));
    assert_eq!(heard.text(), events.concat());
}

#[test]
fn a_stream_that_ends_in_the_middle_of_an_event_is_handed_on_to_its_last_byte() {
    let house = house("1");
    let heard = read(streamed(&house), Pieces::of(["data: {\"choices\":[]}\n\ndata: {\"cho", "ices\""]));
    assert_eq!(heard.text(), "data: {\"choices\":[]}\n\ndata: {\"choices\"");
    assert_eq!(heard.pieces.len(), 2, "whole events at once, the rest at the end");
}
