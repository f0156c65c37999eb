//! Is each of several choices in one stream judged by its own text?

use token_budget::http::{HttpBudget, RequestHead, Ruling};
use token_budget::stream::{StreamOptions, StreamSeen};
use token_budget::tokens::TiktokenEstimator;
use token_budget::{
    Budget, Call, Enforcer, MeteredStream, Policy, Scope, TokenEstimator, Usage, Usd, Window,
};

use crate::http_support::Pieces;
use crate::support::ready;

/// Counted exactly, and it does not reason: $2.50 and $10 a million.
const MODEL: &str = "gpt-4o";

fn enforcer() -> Enforcer {
    let scope = Scope::team("search").unwrap();
    let policy = Policy::new([Budget::usd("search", scope, Usd::dollars(1_000), Window::day())]).unwrap();
    Enforcer::builder().policy(policy).estimator(TiktokenEstimator::new()).build()
}

/// Three answers that come two signs at a time, one after the other.
fn frames(texts: &[String], output: u64) -> Vec<String> {
    let signs: Vec<Vec<char>> = texts.iter().map(|text| text.chars().collect()).collect();
    let longest = signs.iter().map(Vec::len).max().unwrap();
    let mut frames = Vec::new();
    for at in (0..longest).step_by(2) {
        for (index, signs) in signs.iter().enumerate() {
            let piece: String = signs.iter().skip(at).take(2).collect();
            frames.push(format!(
                r#"{{"id":"c","model":"{MODEL}","choices":[{{"delta":{{"content":"{piece}"}},"index":{index}}}]}}"#
            ));
        }
    }
    frames.push(r#"{"id":"c","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#.to_owned());
    frames.push(format!(
        r#"{{"id":"c","choices":[],"usage":{{"prompt_tokens":9,"completion_tokens":{output},"total_tokens":{}}}}}"#,
        output + 9
    ));
    frames.push("[DONE]".to_owned());
    frames.into_iter().map(|frame| format!("data: {frame}\n\n")).collect()
}

fn charged(texts: &[String], reported: u64) -> Option<u64> {
    let gate = HttpBudget::new(enforcer(), |_| Ok(Call::charging().team("search")));
    let headers = [("content-type", "text/event-stream")];
    let head = RequestHead::new("POST", "api.openai.com", "/v1/chat/completions", &headers);
    let request = format!(
        r#"{{"model":"{MODEL}","stream":true,"stream_options":{{"include_usage":true}},"n":{},"max_tokens":4000,
            "messages":[{{"role":"user","content":"say much"}}]}}"#,
        texts.len()
    );
    let Ruling::Admitted(admitted) = ready(gate.admit(&head, request.as_bytes())) else { panic!("refused") };
    let (tell, heard) = std::sync::mpsc::channel();
    let answered = admitted.send().answered(200, &headers);
    let mut body = answered.meter(Pieces::of(frames(texts, reported))).on_ended(move |receipt| {
        tell.send(receipt.and_then(|receipt| receipt.usage().output())).unwrap();
    });
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    while let std::task::Poll::Ready(Some(_)) =
        futures_core::Stream::poll_next(std::pin::Pin::new(&mut body), &mut context)
    {}
    heard.recv().unwrap()
}

fn texts() -> (Vec<String>, u64) {
    let texts: Vec<String> = ["the boat is on the sea ", "every word of it counts ", "nobody asks at night "]
        .map(|text| text.repeat(60))
        .into();
    let words = TiktokenEstimator::new();
    let count = texts.iter().map(|text| words.count_text(MODEL, text).tokens).sum();
    (texts, count)
}

/// Each of the three is told by its index, whatever its place in the choice; together they were believed at a
/// sixty-fourth of their bytes.
#[test]
fn several_choices_with_a_figure_that_cannot_be_are_charged_by_their_count() {
    let (texts, count) = texts();
    assert!(count > 900, "{count}");

    assert_eq!(charged(&texts, count / 4), Some(count));
    assert_eq!(charged(&texts, count.div_ceil(2) - 1), Some(count));
}

#[test]
fn an_honest_figure_of_several_choices_is_believed() {
    let (texts, count) = texts();

    for reported in [count, count.div_ceil(2), count + 3] {
        assert_eq!(charged(&texts, reported), Some(reported));
    }
}

/// A typed client says whose text it is; where it does not, nobody can count it.
#[test]
fn a_typed_client_tells_choices_apart() {
    let (texts, count) = texts();
    for (told, expected) in [(true, count), (false, count / 4)] {
        let call = Call::new(MODEL).team("search").input_tokens(9).output_tokens(4_000).choices(3);
        let in_flight = enforcer().reserve(&call).wait().unwrap().or_refusal().unwrap().send();
        let items: Vec<(u32, String)> = (0..).zip(texts.iter().cloned()).collect();
        let reader = move |(choice, text): &(u32, String), seen: &mut StreamSeen| {
            if told {
                seen.text_of(*choice, text)
            } else {
                seen.text(text)
            }
            seen.usage(Usage::of(9, count / 4));
        };
        let (tell, heard) = std::sync::mpsc::channel();
        let items = Items(items.into_iter());
        let mut stream = MeteredStream::new(in_flight, items, reader, StreamOptions::default()).on_outcome(
            move |outcome| tell.send(outcome.receipt.unwrap().unwrap().usage().output()).unwrap(),
        );
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        while let std::task::Poll::Ready(Some(item)) =
            futures_core::Stream::poll_next(std::pin::Pin::new(&mut stream), &mut context)
        {
            item.unwrap();
        }
        assert_eq!(heard.recv().unwrap(), Some(expected), "told: {told}");
    }
}

struct Items(std::vec::IntoIter<(u32, String)>);

impl futures_core::Stream for Items {
    type Item = Result<(u32, String), std::io::Error>;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        std::task::Poll::Ready(self.0.next().map(Ok))
    }
}
