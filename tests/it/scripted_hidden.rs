//! What does a scripted provider generate of an answer whose client has gone, and do the books cover it?

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_core::Stream;
use token_budget::stream::{StreamOptions, WireReader};
use token_budget::testing::{BilledCall, CallEnd, Reply, ScriptedFault, ScriptedProvider, ScriptedStream};
use token_budget::time::{ManualClock, Timestamp};
use token_budget::{Budget, Call, Enforcer, Policy, Scope, Usd, Window};

use crate::support::block_on;

const CHAT: &str = "/v1/chat/completions";
const RESPONSES: &str = "/v1/responses";

fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::at(Timestamp::from_secs(1_764_000_000)))
}

fn provider(clock: &Arc<ManualClock>, reply: Reply) -> ScriptedProvider {
    ScriptedProvider::new().clock(Arc::<ManualClock>::clone(clock)).otherwise(reply.input(10))
}

fn begin(provider: &ScriptedProvider, path: &str, body: &str) -> ScriptedStream {
    block_on(provider.stream(path, body.as_bytes())).expect("a stream")
}

fn read(stream: &mut ScriptedStream, frames: usize) {
    for _ in 0..frames {
        block_on(poll_fn(|context| Pin::new(&mut *stream).poll_next(context)))
            .expect("a frame")
            .expect("no fault");
    }
}

/// How it ended, its output, and how much of that was hidden and unseen.
fn last(provider: &ScriptedProvider) -> (CallEnd, u64, u64, u64) {
    let bill = provider.bill();
    let call: &BilledCall = bill.calls().last().expect("a call");
    (
        call.end,
        call.usage.and_then(|usage| usage.output()).unwrap_or(0),
        call.output_hidden,
        call.output_unseen,
    )
}

const STREAM: &str = r#"{"model": "o3", "stream": true, "messages": []}"#;
const WHOLE: &str = r#"{"model": "o3", "messages": []}"#;

#[test]
fn what_is_thought_at_a_stated_speed_is_billed_as_far_as_it_came() {
    let clock = clock();
    let provider = provider(&clock, Reply::tokens(100).reasoning(1_000).hidden_speed(300));
    // Before anything is shown; a part of a token is one; no more than there is to think.
    for (millis, thought) in [(0, 0), (1_000, 300), (1_001, 301), (60_000, 1_000)] {
        let stream = begin(&provider, CHAT, STREAM);
        clock.advance(Duration::from_millis(millis));
        drop(stream);
        assert_eq!(last(&provider), (CallEnd::HungUp, thought, thought, 0), "{millis} ms");
    }
    // What was thought came before the two tokens that were shown.
    let mut stream = begin(&provider, CHAT, STREAM);
    read(&mut stream, 3);
    clock.advance(Duration::from_secs(9));
    drop(stream);
    assert_eq!(last(&provider), (CallEnd::HungUp, 1_002, 1_000, 0));
}

#[test]
fn what_comes_faster_than_the_price_row_states_is_unseen() {
    let clock = clock();
    let provider = provider(&clock, Reply::tokens(1).reasoning(10_000).hidden_speed(800));
    let stream = begin(&provider, CHAT, STREAM);
    clock.advance(Duration::from_secs(2));
    drop(stream);
    // The row of o3 states 500 a second.
    assert_eq!(last(&provider), (CallEnd::HungUp, 1_600, 1_600, 600));
    assert_eq!((provider.bill().output_hidden(), provider.bill().output_unseen()), (1_600, 600));
}

#[test]
fn a_whole_answer_that_is_left_is_billed_as_far_as_it_was_generated() {
    let clock = clock();
    let provider = provider(&clock, Reply::tokens(5_000).hidden_speed(100).latency(Duration::from_secs(60)));
    let waits = clock.clone();
    block_on(async {
        tokio::time::pause();
        let call = provider.call(CHAT, WHOLE.as_bytes());
        let left = tokio::time::timeout(Duration::from_secs(3), call).await;
        assert!(left.is_err(), "the client gave up first");
        waits.advance(Duration::from_secs(3));
    });
    // The client had gone before the provider's clock went on.
    assert_eq!(last(&provider), (CallEnd::HungUp, 0, 0, 0));
    block_on(async {
        tokio::time::pause();
        let mut call = std::pin::pin!(provider.call(CHAT, WHOLE.as_bytes()));
        assert!(tokio::time::timeout(Duration::from_secs(3), &mut call).await.is_err());
        waits.advance(Duration::from_secs(3));
        assert!(tokio::time::timeout(Duration::from_secs(1), &mut call).await.is_err());
    });
    assert_eq!(last(&provider), (CallEnd::HungUp, 300, 300, 0));
}

#[test]
fn an_answer_in_the_background_goes_on_to_its_end() {
    let clock = clock();
    let own = provider(&clock, Reply::tokens(100).in_background());
    let mut stream = begin(&own, CHAT, STREAM);
    read(&mut stream, 3);
    drop(stream);
    assert_eq!(last(&own), (CallEnd::LeftRunning, 100, 98, 0));

    let asked = provider(&clock, Reply::tokens(100));
    let body = r#"{"model": "gpt-4o", "stream": true, "background": true, "input": "hello"}"#;
    drop(begin(&asked, RESPONSES, body));
    assert_eq!(last(&asked), (CallEnd::LeftRunning, 100, 100, 0));
    drop(begin(&asked, RESPONSES, &body.replace("true, \"input\"", "false, \"input\"")));
    assert_eq!(last(&asked), (CallEnd::HungUp, 0, 0, 0));

    let reset = provider(&clock, Reply::tokens(100).in_background().reset_after(400));
    let stream = begin(&reset, CHAT, STREAM);
    assert_eq!(block_on(stream.collect()), Err(ScriptedFault::Reset));
    assert_eq!(last(&reset).0, CallEnd::LeftRunning);
    assert_eq!(last(&reset).1, 100);
    let whole = provider(&clock, Reply::tokens(100).in_background());
    block_on(whole.call(CHAT, WHOLE.as_bytes())).expect("an answer");
    assert_eq!(last(&whole), (CallEnd::Answered, 100, 0, 0));
}

/// What is billed of calls that were left is charged, save what came faster than the row states.
#[test]
fn the_books_cover_what_is_generated_unheard() {
    for (reply, in_background) in [
        (Reply::tokens(50).reasoning(20_000).hidden_speed(400), false),
        (Reply::tokens(50).reasoning(20_000).hidden_speed(5_000), false),
        (Reply::tokens(3_000).in_background(), true),
    ] {
        for (frames, seconds) in [(0, 0), (0, 2), (0, 30), (4, 1)] {
            let clock = clock();
            let provider = provider(&clock, reply.clone());
            let budget = Budget::usd("day", Scope::team("search").unwrap(), Usd::dollars(100), Window::day());
            let builder = Enforcer::builder().policy(Policy::new([budget]).unwrap());
            let enforcer = builder.clock(Arc::<ManualClock>::clone(&clock)).build();
            let call = Call::new("o3").team("search").input_tokens(10).output_tokens(30_000);
            let call = if in_background { call.in_background() } else { call };
            block_on(async {
                let options = StreamOptions::default();
                let open = |_| provider.stream(CHAT, STREAM.as_bytes());
                let reader = WireReader::new(Some("openai"));
                let mut stream = enforcer.guard_stream(&call, options, reader, open).await.expect("admitted");
                for _ in 0..frames {
                    poll_fn(|context| Pin::new(&mut stream).poll_next(context))
                        .await
                        .expect("a frame")
                        .unwrap();
                }
                clock.advance(Duration::from_secs(seconds));
                drop(stream);
                enforcer.flush().await.expect("a ledger");
            });
            let bill = provider.bill();
            let spent = block_on(enforcer.check(&call)).unwrap().budgets()[0].spent;
            let owed = bill.usd().checked_sub(bill.usd_unseen()).unwrap();
            assert!(bill.ended() == 1 && spent > 0, "{bill:?}");
            assert!(Usd::from_nanos(spent) >= owed, "{reply:?} {frames} {seconds}: {spent} for {bill:?}");
        }
    }
}
