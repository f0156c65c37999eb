//! Streams that once went wrong, each with its story.

use std::future::poll_fn;
use std::pin::Pin;
use std::time::Duration;

use futures_core::Stream;
use token_budget::enforcer::{OnAbandon, OnOutage};
use token_budget::ledger::{Certainty, EntryKind};
use token_budget::stream::{StreamEnd, WireReader};
use token_budget::{Budget, Call, Enforcer, Event, MeteredStream, Observer, Policy, Usd, Window};

use crate::streams::{
    Bytes, Provider, Sent, dollars, far, far_on_a_clock, journal_end, metered, next, open, read_all, slice,
    ten_dollars,
};
use crate::support::{FarLedger, House, Link, block_on, call, prices, ready, team, usd};

/// An answer of so many items of ten bytes.
fn tens(items: usize) -> Vec<Sent> {
    vec![Sent::Text("0123456789"); items]
}

async fn begun(enforcer: &Enforcer, call: &Call, slice: u64) -> token_budget::InFlight {
    let call = call.clone().streaming(slice);
    enforcer.reserve(&call).await.expect("a ledger").or_refusal().expect("room").send()
}

/// A prolonging that failed was let pass as worth nothing, and asked for again at once, for ever.
#[test]
fn a_hold_that_cannot_be_prolonged_is_prolonged_later_and_not_again_and_again() {
    for away in [OnOutage::FailClosed, OnOutage::FailOpen { at_most: Usd::dollars(1) }] {
        let (enforcer, ledger, _, clock) = far_on_a_clock(Usd::dollars(10), away, OnAbandon::Hold);
        block_on(async {
            let in_flight = begun(&enforcer, &call("milli", 5_000), 100).await;
            let (mut stream, _) = metered(in_flight, Provider::sends(tens(3)), slice(100));
            next(&mut stream).await.expect("an item").expect("room");
            ledger.set(Link::Away);
            clock.advance(Duration::from_secs(200)); // more than half of its five minutes
            let before = ledger.commands();

            let item = tokio::time::timeout(Duration::from_secs(20), next(&mut stream)).await;

            item.expect("an end").expect("an item").expect("room");
            assert!(ledger.commands() - before <= 1, "{} commands", ledger.commands() - before);
        });
    }
}

/// Two prolongings that failed were taken for two refusals, and ended a stream that had room.
#[test]
fn an_outage_that_is_over_does_not_cut_a_stream_that_has_room() {
    let (enforcer, ledger, _, clock) =
        far_on_a_clock(Usd::dollars(10), OnOutage::FailClosed, OnAbandon::Hold);
    block_on(async {
        let in_flight = begun(&enforcer, &call("milli", 5_000), 100).await;
        let (mut stream, _) = metered(in_flight, Provider::sends(tens(40)), slice(100));
        next(&mut stream).await.expect("an item").expect("room");
        ledger.set(Link::Away);
        for _ in 0..2 {
            clock.advance(Duration::from_secs(120));
            next(&mut stream).await.expect("an item").expect("room");
        }
        ledger.set(Link::Up);

        let (items, error) = read_all(&mut stream).await;

        assert_eq!((items, error.is_none()), (37, true), "{error:?}");
    });
}

/// The call was away with the command for more room, and its usage had nobody to be told to.
#[test]
fn usage_that_came_is_charged_also_where_more_room_is_being_asked_for() {
    for abandoned in [OnAbandon::Hold, OnAbandon::InputFloor, OnAbandon::Release] {
        let (enforcer, _, inner, _) = far_on_a_clock(Usd::dollars(10), OnOutage::FailClosed, abandoned);
        block_on(async {
            let in_flight = begun(&enforcer, &call("milli", 5_000), 100).await;
            let mut script = tens(8);
            script.push(Sent::Usage(500));
            let provider = Provider::sends(script);
            // The client says that this is all.
            let reader = |item: &Sent, seen: &mut token_budget::stream::StreamSeen| match item {
                Sent::Text(text) => seen.text(text),
                Sent::Usage(output) => {
                    seen.usage(token_budget::Usage::of(0, *output));
                    seen.finished();
                }
                Sent::Pause | Sent::Reset => {}
            };
            let mut stream = MeteredStream::new(in_flight, provider, reader, slice(100));
            for _ in 0..9 {
                next(&mut stream).await.expect("an item").expect("room");
            }

            drop(stream); // as clients do that have seen `[DONE]`
            enforcer.flush().await.expect("delivered");

            assert_eq!(dollars(&enforcer).await, (usd("0.5"), Usd::ZERO), "{abandoned:?}");
        });
        inner.verify().expect("books that add up");
    }
}

/// A call without a hold grew without anybody being asked.
#[test]
fn what_may_pass_in_an_outage_bounds_streams_too() {
    let away = OnOutage::FailOpen { at_most: usd("0.2") };
    let (enforcer, ledger, _) = far(Usd::dollars(10), away);
    ledger.set(Link::Away);
    block_on(async {
        let in_flight = begun(&enforcer, &call("milli", 5_000), 100).await;
        let (mut stream, _) = metered(in_flight, Provider::sends(tens(400)), slice(100));

        let (items, error) = read_all(&mut stream).await;

        assert!(error.is_some());
        // Twenty items of a cent, and the one that did not fit.
        assert!((11..=21).contains(&items), "{items}");
    });
}

/// A bound of text was cut to the request's limit however much came, so that a provider that ignores
/// the limit was metered no more.
#[test]
fn text_far_beyond_the_requests_own_limit_is_metered() {
    let house = House::of([Budget::usd("day", team(), Usd::dollars(1), Window::day())]);
    let call = call("milli", 20);
    let options = slice(20);
    let (mut stream, outcome) = metered(open(&house, &call, &options), Provider::sends(tens(300)), options);

    let (items, error) = ready(read_all(&mut stream));

    assert!(error.is_some(), "a dollar is a thousand tokens");
    assert_eq!(items, 101);
    assert_eq!(outcome.take().end, StreamEnd::Stopped);
    assert_eq!(house.dollars(&call), (usd("1.01"), Usd::ZERO));
}

/// Thoughts that nobody saw were told in the last item, and the whole answer was called cut off.
#[test]
fn an_answer_that_is_whole_is_not_cut_off_by_what_it_cost() {
    let house = House::of([Budget::usd("day", team(), usd("0.1"), Window::day())]);
    let call = call("milli", 5_000);
    let options = slice(20);
    let mut script = tens(3);
    script.push(Sent::Usage(500));
    let (mut stream, outcome) = metered(open(&house, &call, &options), Provider::sends(script), options);

    let (items, error) = ready(read_all(&mut stream));

    assert_eq!((items, error.is_none()), (4, true), "{error:?}");
    assert_eq!(outcome.take().end, StreamEnd::Finished);
    assert_eq!(house.dollars(&call), (usd("0.5"), Usd::ZERO));
}

/// Anthropic's first frame says what went in, and that one token came out.
#[test]
fn usage_of_the_first_frame_is_not_taken_for_the_whole_where_a_stream_is_dropped() {
    let house = ten_dollars();
    let call = call("pair", 5_000);
    let options = slice(100);
    let start = br#"event: message_start
data: {"type":"message_start","message":{"model":"pair","usage":{"input_tokens":40,"output_tokens":1}}}

"#;
    let delta = br#"event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"hello"}}

"#;
    let in_flight = open(&house, &call, &options);
    let bytes = Bytes::of(&[start, delta, delta]);
    let mut stream = MeteredStream::new(in_flight, bytes, WireReader::new(Some("anthropic")), options);
    for _ in 0..2 {
        ready(poll_fn(|context| Pin::new(&mut stream).poll_next(context))).expect("bytes").expect("room");
    }

    drop(stream);

    // Forty tokens went in, as reported; five bytes were seen. A tenth of a cent each.
    assert_eq!(house.dollars(&call), (usd("0.045"), Usd::ZERO));
    assert_eq!(journal_end(&house).0, EntryKind::Reconciled(Certainty::Estimated));
}

/// An observer that panics.
#[derive(Debug)]
struct Panicking;

impl Observer for Panicking {
    fn observe(&self, _: &Event) {
        panic!("an observer's own mistake");
    }
}

/// What cannot be delivered at once is told to observers, from within a drop.
#[test]
fn a_drop_does_not_panic_because_an_observer_does() {
    let enforcer = Enforcer::builder()
        .prices(prices())
        .policy(Policy::new([Budget::usd("day", team(), Usd::dollars(10), Window::day())]).expect("a policy"))
        .ledger(FarLedger::new(token_budget::MemoryLedger::new()))
        .observer(Panicking)
        .build();
    let reservation = block_on(enforcer.reserve(&call("milli", 10))).expect("a ledger").or_refusal();
    let reservation = reservation.expect("room");

    let dropped = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(reservation)));

    assert!(dropped.is_ok());
    assert_eq!(block_on(enforcer.flush()).expect("delivered"), 0);
}
