//! Is a stream that is left charged what its text is, however small the pieces are in which it came?

use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use futures_core::Stream;
use token_budget::enforcer::EnforcerBuilder;
use token_budget::stream::{StreamOptions, StreamSeen};
use token_budget::tokens::TiktokenEstimator;
use token_budget::{Budget, Call, Enforcer, MeteredStream, Policy, Scope, TokenEstimator, Usd, Window};

use crate::http_support::{End, Pieces};

/// Counted exactly, and it does not reason.
const MODEL: &str = "gpt-4o";

/// What is charged of that text, which came in pieces of so many signs before its reader left.
fn charged(builder: EnforcerBuilder, text: &str, signs: usize) -> u64 {
    let budget = Budget::usd("day", Scope::team("search").unwrap(), Usd::dollars(1_000), Window::day());
    let enforcer = builder.policy(Policy::new([budget]).unwrap()).build();
    let call = Call::new(MODEL).team("search").input_tokens(9).output_tokens(16_000);
    let in_flight = enforcer.reserve(&call).wait().unwrap().or_refusal().unwrap().send();
    let all: Vec<char> = text.chars().collect();
    let pieces: Vec<String> = all.chunks(signs).map(|piece| piece.iter().collect()).collect();
    let count = pieces.len();
    let reader = |piece: &Vec<u8>, seen: &mut StreamSeen| seen.text(std::str::from_utf8(piece).unwrap());
    let (tell, heard) = std::sync::mpsc::channel();
    let mut stream =
        MeteredStream::new(in_flight, Pieces::of(pieces).then(End::Waits), reader, StreamOptions::default())
            .on_outcome(move |outcome| {
                tell.send(outcome.receipt.unwrap().unwrap().usage().output().unwrap()).unwrap();
            });
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..count {
        assert!(matches!(Pin::new(&mut stream).poll_next(&mut context), Poll::Ready(Some(Ok(_)))));
    }
    drop(stream);
    heard.recv().unwrap()
}

/// Code with its lines set in, a table, and prose.
fn texts() -> [String; 3] {
    [
        "            if found {\n                return Some(place);\n            }\n".repeat(40),
        "| name            |      size |\n|-----------------|-----------|\n| a               |        10 |\n"
            .repeat(30),
        "The committee met on Tuesday and agreed that the bridge should be repaired. ".repeat(40),
    ]
}

/// Each piece was counted by itself where the estimator counts: a blank was a token, and a word as many as its pieces.
#[test]
fn a_text_in_small_pieces_is_charged_by_its_sum() {
    for text in texts() {
        let count = TiktokenEstimator::new().count_text(MODEL, &text).tokens;
        for signs in [1, 3, 7, 40] {
            let counting = Enforcer::builder().estimator(TiktokenEstimator::new());
            assert_eq!(charged(counting, &text, signs), count, "{signs} signs a piece");
            assert_eq!(charged(Enforcer::builder(), &text, signs), count, "{signs} signs a piece");
        }
    }
}
