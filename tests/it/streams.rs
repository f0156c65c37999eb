//! Is a stream held for while it flows, stopped at its ceiling, and charged however it ends?

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_core::Stream;
use parking_lot::Mutex;
use token_budget::enforcer::{OnAbandon, OnOutage};
use token_budget::ledger::{Attribution, Certainty, Ended, EntryKind, Tenant};
use token_budget::stream::{
    Background, Drain, OnCeiling, StreamEnd, StreamError, StreamOptions, StreamOutcome, StreamSeen,
    WireReader,
};
use token_budget::time::ManualClock;
use token_budget::usage::Unit;
use token_budget::{
    Budget, BudgetLedger, Call, Enforcer, InFlight, MemoryLedger, MeteredStream, Policy, Usage, Usd, Window,
};

use crate::support::{Dice, FarLedger, House, Link, NOON, at, block_on, call, prices, ready, team, usd};

/// What a provider sends, one thing after the other.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Sent {
    Text(&'static str),
    Usage(u64),
    /// Nothing for now; whoever waits is woken.
    Pause,
    Reset,
}

/// A provider's stream, which counts what was taken of it.
#[derive(Debug)]
pub(crate) struct Provider {
    script: std::vec::IntoIter<Sent>,
    taken: Arc<Mutex<usize>>,
}

impl Provider {
    pub(crate) fn sends(script: impl IntoIterator<Item = Sent>) -> Self {
        Self { script: script.into_iter().collect::<Vec<_>>().into_iter(), taken: Arc::default() }
    }
}

impl Stream for Provider {
    type Item = Result<Sent, &'static str>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        *self.taken.lock() += 1;
        match self.script.next() {
            Some(Sent::Pause) => {
                context.waker().wake_by_ref();
                Poll::Pending
            }
            Some(Sent::Reset) => Poll::Ready(Some(Err("reset"))),
            other => Poll::Ready(other.map(Ok)),
        }
    }
}

/// A client whose items say what they are.
fn read(item: &Sent, seen: &mut StreamSeen) {
    match item {
        Sent::Text(text) => seen.text(text),
        Sent::Usage(output) => seen.usage(Usage::of(0, *output)),
        Sent::Pause | Sent::Reset => {}
    }
}

pub(crate) type Metered = MeteredStream<Provider, Sent>;

/// The outcome of a stream, once somebody told it.
#[derive(Clone, Default)]
pub(crate) struct Outcome(Arc<Mutex<Option<StreamOutcome>>>);

impl Outcome {
    pub(crate) fn take(&self) -> StreamOutcome {
        self.0.lock().take().expect("the stream has ended")
    }
}

pub(crate) fn metered(in_flight: InFlight, provider: Provider, options: StreamOptions) -> (Metered, Outcome) {
    let outcome = Outcome::default();
    let told = outcome.clone();
    let stream = MeteredStream::new(in_flight, provider, read, options);
    (stream.on_outcome(move |outcome| *told.0.lock() = Some(outcome)), outcome)
}

pub(crate) fn slice(tokens: u64) -> StreamOptions {
    StreamOptions::slices(tokens)
}

pub(crate) async fn next(stream: &mut Metered) -> Option<Result<Sent, StreamError<&'static str>>> {
    poll_fn(|context| Pin::new(&mut *stream).poll_next(context)).await
}

/// Reads a stream to its end: its items, and how it failed if it did.
pub(crate) async fn read_all(stream: &mut Metered) -> (usize, Option<StreamError<&'static str>>) {
    let mut items = 0;
    while let Some(item) = next(stream).await {
        match item {
            Ok(_) => items += 1,
            Err(error) => {
                assert!(next(stream).await.is_none(), "a stream ends with its error");
                return (items, Some(error));
            }
        }
    }
    (items, None)
}

/// Ten dollars a day, that is 10,000 output tokens of `milli`, a byte each by the bound.
pub(crate) fn ten_dollars() -> House {
    House::of([Budget::usd("day", team(), Usd::dollars(10), Window::day())])
}

pub(crate) fn open(house: &House, call: &Call, options: &StreamOptions) -> InFlight {
    house.admit(&call.clone().streaming(options.slice())).send()
}

/// How the journal says that the last call ended.
pub(crate) fn journal_end(house: &House) -> (EntryKind, Option<Ended>) {
    let entries = ready(BudgetLedger::entries(&house.ledger, &Tenant::unnamed(), 1, 1_000)).expect("entries");
    let last = entries.iter().rfind(|entry| entry.note.ended.is_some()).expect("an end");
    (last.kind, last.note.ended)
}

#[test]
fn a_stream_holds_a_slice_first_and_stays_a_slice_ahead() {
    let house = ten_dollars();
    let options = slice(100);
    let call = call("milli", 5_000);
    let script = vec![Sent::Text("0123456789"); 20];
    let (mut stream, outcome) = metered(open(&house, &call, &options), Provider::sends(script), options);
    assert_eq!(house.dollars(&call).1, usd("0.1"), "one slice of a hundred tokens");

    for items in 1..=20_u64 {
        ready(next(&mut stream)).expect("an item").expect("room");
        let (_, reserved) = house.dollars(&call);
        let seen = Usd::from_nanos(i64::try_from(items * 10).expect("small") * 1_000_000);
        assert!(reserved >= seen, "what was seen is held: {reserved} for {seen}");
        assert!(
            reserved <= seen.checked_add(usd("0.1")).expect("small"),
            "and one slice at most: {reserved}"
        );
    }

    assert!(ready(next(&mut stream)).is_none());
    assert_eq!(house.dollars(&call), (usd("0.2"), Usd::ZERO));
    assert_eq!(outcome.take().end, StreamEnd::Finished);
}

#[test]
fn the_providers_figure_wins_over_the_text() {
    let house = ten_dollars();
    let call = call("milli", 5_000);
    let script = [Sent::Text("some forty bytes of text, more or less.."), Sent::Usage(9)];
    let options = slice(100);
    let (mut stream, outcome) = metered(open(&house, &call, &options), Provider::sends(script), options);

    assert_eq!(ready(read_all(&mut stream)).0, 2);

    let receipt = outcome.take().receipt.expect("a receipt").expect("charged");
    assert_eq!((receipt.cost(), receipt.certainty()), (usd("0.009"), Certainty::Reported));
    assert_eq!(house.dollars(&call), (usd("0.009"), Usd::ZERO));
    assert_eq!(journal_end(&house), (EntryKind::Reconciled(Certainty::Reported), Some(Ended::Reported)));
}

#[test]
fn a_stream_without_usage_is_charged_from_its_text() {
    let house = ten_dollars();
    let call = call("milli", 5_000);
    let options = slice(100);
    let provider = Provider::sends([Sent::Text("héllo"), Sent::Pause, Sent::Text("!")]);
    let (mut stream, outcome) = metered(open(&house, &call, &options), provider, options);

    assert_eq!(block_on(read_all(&mut stream)).0, 2);

    let receipt = outcome.take().receipt.expect("a receipt").expect("charged");
    assert_eq!((receipt.cost(), receipt.certainty()), (usd("0.007"), Certainty::Estimated)); // seven bytes
}

#[test]
fn an_answer_that_no_longer_fits_ends_with_a_refusal_that_carries_it() {
    let house = House::of([Budget::usd("day", team(), usd("0.095"), Window::day())]);
    let call = call("milli", 5_000);
    let options = slice(20);
    let provider = Provider::sends(vec![Sent::Text("0123456789"); 50]);
    let taken = Arc::clone(&provider.taken);
    let (mut stream, outcome) = metered(open(&house, &call, &options), provider, options);

    let (items, error) = ready(read_all(&mut stream));

    // Ninety tokens fit; the item that did not fit was generated, and is the last one handed on.
    assert_eq!(items, 10);
    assert_eq!(*taken.lock(), 10, "nothing more was asked of the provider");
    let Some(StreamError::Refused(cut_off)) = error else { panic!("a refusal, not {error:?}") };
    assert_eq!(cut_off.text, "0123456789".repeat(10));
    assert_eq!(cut_off.receipt.expect("charged").cost(), usd("0.1"));
    let text = cut_off.decision.to_string();
    assert!(text.contains("budget team/search day 2026-11-22: 0.00 of 0.095 USD used, 0.09 held"), "{text}");
    assert_eq!(outcome.take().end, StreamEnd::Stopped);
    assert_eq!(house.dollars(&call), (usd("0.1"), Usd::ZERO));
    assert_eq!(journal_end(&house).1, Some(Ended::Stopped));
}

#[test]
fn an_answer_may_be_let_finish_and_its_overrun_is_recorded() {
    let house = House::of([Budget::usd("day", team(), usd("0.095"), Window::day())]);
    let call = call("milli", 5_000);
    let options = slice(20).on_ceiling(OnCeiling::Finish);
    let provider = Provider::sends(vec![Sent::Text("0123456789"); 50]);
    let (mut stream, outcome) = metered(open(&house, &call, &options), provider, options);

    let (items, error) = ready(read_all(&mut stream));

    assert_eq!((items, error.is_none()), (50, true));
    let receipt = outcome.take().receipt.expect("a receipt").expect("charged");
    assert_eq!(receipt.cost(), usd("0.5"));
    assert_eq!(receipt.lines()[0].above_limit, usd("0.405").nanos());
}

#[test]
fn room_that_comes_back_in_time_lets_a_stream_go_on() {
    let house = House::of([Budget::usd("day", team(), usd("0.1"), Window::day())]);
    let call = call("milli", 5_000);
    let options = slice(20);
    let other = house.admit(&crate::support::call("milli", 50));
    let provider = Provider::sends(vec![Sent::Text("0123456789"); 9]);
    let (mut stream, _) = metered(open(&house, &call, &options), provider, options);
    for _ in 0..5 {
        ready(next(&mut stream)).expect("an item").expect("fifty tokens fit beside the other fifty");
    }

    drop(other);

    assert!(ready(read_all(&mut stream)).1.is_none());
    assert_eq!(house.dollars(&call), (usd("0.09"), Usd::ZERO));
}

#[test]
fn every_way_to_leave_is_told_apart_and_charged() {
    let some = [Sent::Text("0123456789"), Sent::Pause, Sent::Text("0123456789"), Sent::Reset];
    let leave = |polls: usize| {
        let house = ten_dollars();
        let call = call("milli", 5_000);
        let options = slice(100);
        let (mut stream, outcome) =
            metered(open(&house, &call, &options), Provider::sends(some.clone()), options);
        let mut context = Context::from_waker(std::task::Waker::noop());
        for _ in 0..polls {
            let _ = Pin::new(&mut stream).poll_next(&mut context);
        }
        drop(stream);
        let outcome = outcome.take();
        let (spent, reserved) = house.dollars(&call);
        assert_eq!(reserved, Usd::ZERO, "after {polls} polls");
        (outcome.end, spent, outcome.receipt.is_some(), journal_end(&house).1.expect("an end"))
    };

    // What was seen: ten tokens an item.
    assert_eq!(leave(0), (StreamEnd::Dropped, Usd::ZERO, true, Ended::Abandoned));
    assert_eq!(leave(1), (StreamEnd::Dropped, usd("0.01"), true, Ended::Abandoned));
    assert_eq!(leave(2), (StreamEnd::Cancelled, usd("0.01"), true, Ended::Cancelled));
    assert_eq!(leave(3), (StreamEnd::Dropped, usd("0.02"), true, Ended::Abandoned));
    assert_eq!(leave(4), (StreamEnd::Failed, usd("0.02"), true, Ended::BrokeOff));
}

#[test]
fn what_an_operator_chose_for_abandoned_calls_holds_for_streams() {
    let spent_under = |abandoned| {
        let budget = Budget::usd("day", team(), Usd::dollars(10), Window::day());
        let house =
            House::with(Policy::new([budget]).expect("a policy"), |builder| builder.on_abandon(abandoned));
        let call = call("milli", 5_000);
        let options = slice(100);
        let (mut stream, _) =
            metered(open(&house, &call, &options), Provider::sends([Sent::Text("0123456789")]), options);
        ready(next(&mut stream)).expect("an item").expect("room");
        drop(stream);
        house.dollars(&call)
    };

    assert_eq!(spent_under(OnAbandon::Hold), (usd("0.01"), Usd::ZERO), "the same");
    assert_eq!(spent_under(OnAbandon::InputFloor), (usd("0.01"), Usd::ZERO), "the input, and what was seen");
    assert_eq!(spent_under(OnAbandon::Release), (Usd::ZERO, Usd::ZERO));
}

#[test]
fn usage_seen_before_a_drop_is_charged_as_reported_where_the_answer_was_whole() {
    let house = ten_dollars();
    let call = call("milli", 5_000);
    let options = slice(100);
    let wire: &[&[u8]] = &[
        br#"data: {"choices":[{"delta":{"content":"hi"},"finish_reason":"stop"}]}"#,
        b"\n\n",
        br#"data: {"choices":[],"usage":{"prompt_tokens":0,"completion_tokens":2,"total_tokens":2}}"#,
        b"\n\n",
        b"data: [DONE]\n\n",
    ];
    let in_flight = open(&house, &call, &options);
    let mut stream = MeteredStream::new(in_flight, Bytes::of(wire), WireReader::new(Some("openai")), options);
    for _ in 0..4 {
        ready(poll_fn(|context| Pin::new(&mut stream).poll_next(context))).expect("bytes").expect("room");
    }

    drop(stream); // before `[DONE]`

    assert_eq!(house.dollars(&call), (usd("0.002"), Usd::ZERO));
    assert_eq!(journal_end(&house), (EntryKind::Reconciled(Certainty::Reported), Some(Ended::Reported)));
}

/// Bytes as they come from a socket.
#[derive(Debug)]
pub(crate) struct Bytes(std::vec::IntoIter<Vec<u8>>);

impl Bytes {
    pub(crate) fn of(pieces: &[&[u8]]) -> Self {
        Self(pieces.iter().map(|piece| piece.to_vec()).collect::<Vec<_>>().into_iter())
    }
}

impl Stream for Bytes {
    type Item = Result<Vec<u8>, std::convert::Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(self.0.next().map(Ok))
    }
}

#[test]
fn a_stream_that_nobody_can_read_is_not_free() {
    let house = ten_dollars();
    let call = call("milli", 5_000);
    let options = slice(10);
    let stream = Bytes::of(&[b"\x01binary, as nobody knows it", b" and more of it"]);
    let in_flight = open(&house, &call, &options);
    let mut stream = MeteredStream::new(in_flight, stream, WireReader::new(None), options);

    while let Some(item) = ready(poll_fn(|context| Pin::new(&mut stream).poll_next(context))) {
        item.expect("bytes");
    }

    assert_eq!(house.dollars(&call), (usd("0.042"), Usd::ZERO), "a token for each of 42 bytes");
}

#[test]
fn bytes_pass_unchanged_and_are_asked_for_one_by_one() {
    let house = ten_dollars();
    let call = call("milli", 5_000);
    let options = slice(1_000);
    let pieces: Vec<Vec<u8>> = (0..=255_u8).map(|byte| vec![byte; usize::from(byte % 7)]).collect();
    let pieces: Vec<&[u8]> = pieces.iter().map(Vec::as_slice).collect();
    let in_flight = open(&house, &call, &options);
    let mut stream = MeteredStream::new(in_flight, Bytes::of(&pieces), WireReader::new(None), options);

    for piece in pieces {
        let item = ready(poll_fn(|context| Pin::new(&mut stream).poll_next(context)));
        assert_eq!(item.expect("bytes").expect("room"), piece);
    }
}

#[test]
fn a_requests_own_limit_is_the_most_that_text_is_charged() {
    let house = ten_dollars();
    let call = call("milli", 15); // fifteen tokens were asked for, and twenty bytes come
    let options = slice(10);
    let provider = Provider::sends([Sent::Text("0123456789"), Sent::Text("0123456789")]);
    let (mut stream, _) = metered(open(&house, &call, &options), provider, options);

    assert_eq!(ready(read_all(&mut stream)).0, 2);

    assert_eq!(house.dollars(&call), (usd("0.015"), Usd::ZERO));
}

#[test]
fn a_long_stream_prolongs_its_hold() {
    let house = ten_dollars();
    let call = call("milli", 5_000);
    let options = slice(1_000);
    let provider = Provider::sends(vec![Sent::Text("word "); 10]);
    let (mut stream, _) = metered(open(&house, &call, &options), provider, options);

    for _ in 0..10 {
        house.clock.advance(Duration::from_secs(200)); // of the five minutes that a hold lives
        ready(next(&mut stream)).expect("an item").expect("room");
        assert_eq!(house.dollars(&call), (Usd::ZERO, usd("1")), "it is still held");
    }
    assert!(ready(next(&mut stream)).is_none());
    assert_eq!(house.dollars(&call), (usd("0.05"), Usd::ZERO));
}

#[test]
fn a_lowered_limit_stops_a_stream_under_way_and_a_raised_one_lets_it_go_on() {
    for (limit, items_expected) in [(usd("0.05"), 11), (Usd::dollars(20), 50)] {
        let house = House::of([Budget::usd("day", team(), usd("0.2"), Window::day())]);
        let call = call("milli", 5_000);
        let options = slice(100);
        let provider = Provider::sends(vec![Sent::Text("0123456789"); 50]);
        let (mut stream, _) = metered(open(&house, &call, &options), provider, options);

        let policy = Policy::new([Budget::usd("day", team(), limit, Window::day())]).expect("a policy");
        house.enforcer.set_policy(policy).expect("the same books");

        // What was held when the limit fell stays held: a hundred tokens, and the item above.
        assert_eq!(ready(read_all(&mut stream)).0, items_expected, "{limit}");
    }
}

#[test]
fn a_frozen_scope_stops_its_streams_after_what_they_hold() {
    let house = ten_dollars();
    let call = call("milli", 5_000);
    let options = slice(20);
    let provider = Provider::sends(vec![Sent::Text("0123456789"); 50]);
    let (mut stream, _) = metered(open(&house, &call, &options), provider, options);

    let attribution = Attribution::new("ada", "runs away");
    ready(house.enforcer.freeze(None, &team(), attribution)).expect("frozen");
    let (items, error) = ready(read_all(&mut stream));

    assert_eq!(items, 3);
    assert!(error.expect("a refusal").to_string().contains("team/search is frozen by ada: runs away"));
}

#[test]
fn a_metered_stream_may_be_sent_and_shared_between_threads() {
    fn is_shared<T: Send + Sync>(_: &T) {}
    let house = ten_dollars();
    let options = slice(10);

    let (stream, _) = metered(open(&house, &call("milli", 10), &options), Provider::sends([]), options);

    is_shared(&stream);
}

#[test]
fn choices_are_held_for_together() {
    let house = ten_dollars();
    let call = call("milli", 500).choices(3);
    let options = slice(100);

    let in_flight = open(&house, &call, &options);

    assert_eq!(house.dollars(&call).1, usd("0.3"));
    drop(in_flight);
}

/// Work for nobody, run when the test says so.
#[derive(Clone, Debug, Default)]
struct Later(Arc<Mutex<Vec<Work>>>);

struct Work(Pin<Box<dyn Future<Output = ()> + Send>>, Duration);

impl std::fmt::Debug for Work {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "work for at most {:?}", self.1)
    }
}

impl Background for Later {
    fn run(&self, work: Pin<Box<dyn Future<Output = ()> + Send>>, at_most: Duration) {
        self.0.lock().push(Work(work, at_most));
    }
}

#[test]
fn a_dropped_stream_may_be_drained_for_its_usage() {
    let house = ten_dollars();
    let call = call("milli", 5_000);
    let later = Later::default();
    let drain = Drain::new(later.clone()).at_most(Duration::from_secs(7)).at_once(1);
    let options = slice(100).drain(drain.clone());
    let script = [Sent::Text("a"), Sent::Pause, Sent::Text("b"), Sent::Usage(3)];
    let begin = || metered(open(&house, &call, &options), Provider::sends(script.clone()), options.clone());

    let (mut stream, outcome) = begin();
    ready(next(&mut stream)).expect("an item").expect("room");
    drop(stream);
    assert_eq!(
        (drain.running(), house.dollars(&call)),
        (1, (Usd::ZERO, usd("0.1"))),
        "nothing is decided yet"
    );

    // A second one finds no turn, and is charged as it stands.
    let (mut second, _) = begin();
    ready(next(&mut second)).expect("an item").expect("room");
    drop(second);
    assert_eq!(house.dollars(&call), (usd("0.001"), usd("0.1")));

    let Work(work, at_most) = later.0.lock().pop().expect("one drain");
    assert_eq!(at_most, Duration::from_secs(7));
    block_on(work);
    assert_eq!(drain.running(), 0);
    assert_eq!(outcome.take().end, StreamEnd::Finished);
    assert_eq!(house.dollars(&call), (usd("0.004"), Usd::ZERO));
}

#[test]
fn a_drain_that_runs_out_of_time_is_charged_as_it_stands() {
    let house = ten_dollars();
    let call = call("milli", 5_000);
    let later = Later::default();
    let options = slice(100).drain(Drain::new(later.clone()));
    let (mut stream, outcome) =
        metered(open(&house, &call, &options), Provider::sends([Sent::Text("a"), Sent::Pause]), options);
    ready(next(&mut stream)).expect("an item").expect("room");
    drop(stream);

    later.0.lock().clear();

    assert_eq!(outcome.take().end, StreamEnd::Dropped);
    assert_eq!(house.dollars(&call), (usd("0.001"), Usd::ZERO));
}

/// A house whose ledger must be waited for.
pub(crate) fn far(limit: Usd, away: OnOutage) -> (Enforcer, FarLedger, MemoryLedger) {
    let (enforcer, ledger, inner, _) = far_on_a_clock(limit, away, OnAbandon::Hold);
    (enforcer, ledger, inner)
}

/// The same, with its clock.
pub(crate) fn far_on_a_clock(
    limit: Usd,
    away: OnOutage,
    abandoned: OnAbandon,
) -> (Enforcer, FarLedger, MemoryLedger, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::at(at(NOON)));
    let inner = MemoryLedger::with_clock(clock.clone());
    let ledger = FarLedger::new(inner.clone());
    let budget = Budget::usd("day", team(), limit, Window::day());
    let enforcer = Enforcer::builder()
        .policy(Policy::new([budget]).expect("a policy"))
        .prices(prices())
        .ledger(ledger.clone())
        .clock(clock.clone())
        .on_outage(away)
        .on_abandon(abandoned)
        .build();
    (enforcer, ledger, inner, clock)
}

pub(crate) async fn dollars(enforcer: &Enforcer) -> (Usd, Usd) {
    let decision = enforcer.check(&call("milli", 1)).await.expect("advice");
    let budget = &decision.budgets()[0];
    (Usd::from_nanos(budget.spent), Usd::from_nanos(budget.reserved))
}

#[test]
fn a_ledger_far_away_is_asked_ahead_and_waited_for_only_at_the_brink() {
    let (enforcer, ledger, inner) = far(usd("0.095"), OnOutage::FailClosed);
    block_on(async {
        let options = slice(20);
        let call = call("milli", 5_000).streaming(20);
        let in_flight = enforcer.reserve(&call).await.expect("a ledger").or_refusal().expect("room").send();
        let provider = Provider::sends(vec![Sent::Text("0123456789"); 50]);
        let (mut stream, outcome) = metered(in_flight, provider, options);

        let (items, error) = read_all(&mut stream).await;

        assert_eq!(items, 10);
        assert!(matches!(error, Some(StreamError::Refused(_))), "{error:?}");
        assert_eq!(outcome.take().receipt.expect("a receipt").expect("charged").cost(), usd("0.1"));
        assert_eq!(dollars(&enforcer).await, (usd("0.1"), Usd::ZERO));
        assert!(ledger.commands() < 20, "{} commands for ten items", ledger.commands());
    });
    inner.verify().expect("books that add up");
}

#[test]
fn a_ledger_that_goes_away_ends_a_stream_at_what_it_holds_unless_the_policy_lets_it_pass() {
    let open_door = OnOutage::FailOpen { at_most: Usd::dollars(1) };
    for (away, items_expected) in [(OnOutage::FailClosed, 6), (open_door, 50)] {
        let (enforcer, ledger, inner) = far(Usd::dollars(10), away);
        block_on(async {
            let options = slice(50);
            let call = call("milli", 5_000).streaming(50);
            let in_flight =
                enforcer.reserve(&call).await.expect("a ledger").or_refusal().expect("room").send();
            let provider = Provider::sends(vec![Sent::Text("0123456789"); 50]);
            let (mut stream, _) = metered(in_flight, provider, options);
            ledger.set(Link::Away);

            let (items, error) = read_all(&mut stream).await;

            assert_eq!(items, items_expected, "{away:?}: {error:?}");
            assert_eq!(matches!(error, Some(StreamError::Ledger(_))), away == OnOutage::FailClosed);
            ledger.set(Link::Up);
            enforcer.flush().await.expect("delivered");
            let charged = usd("0.01").nanos() * i64::try_from(items).expect("small");
            let (spent, reserved) = dollars(&enforcer).await;
            assert!(spent.nanos() >= charged, "all of it is charged: {spent}");
            assert_eq!(reserved, Usd::ZERO);
        });
        inner.verify().expect("books that add up");
    }
}

#[test]
fn streams_dropped_at_random_awaits_leave_no_hold_and_lose_no_money() {
    let mut dice = Dice::new("streams_dropped_at_random_awaits");
    for round in 0..2_000 {
        let (enforcer, _, inner) = far(Usd::dollars(10), OnOutage::FailClosed);
        let options = slice(1 + dice.below(60));
        let length = usize::try_from(dice.below(30)).expect("small");
        let mut script = vec![Sent::Text("0123456789"); length];
        let whole = dice.one_in(2);
        if whole {
            script.push(Sent::Usage(10 * length as u64));
        }
        let polls = dice.below(60);
        block_on(async {
            let call = call("milli", 5_000).streaming(options.slice());
            let in_flight =
                enforcer.reserve(&call).await.expect("a ledger").or_refusal().expect("room").send();
            let (mut stream, _) = metered(in_flight, Provider::sends(script), options);
            let mut seen = 0;
            for _ in 0..polls {
                let mut polled = None;
                poll_fn(|context| {
                    polled = Some(Pin::new(&mut stream).poll_next(context));
                    Poll::Ready(())
                })
                .await;
                tokio::task::yield_now().await;
                match polled {
                    Some(Poll::Ready(Some(Ok(Sent::Text(text))))) => seen += text.len() as i64,
                    Some(Poll::Ready(None)) => break,
                    _ => {}
                }
            }
            drop(stream);
            enforcer.flush().await.expect("delivered");
            let (spent, reserved) = dollars(&enforcer).await;
            assert_eq!(reserved, Usd::ZERO, "round {round}");
            assert!(spent.nanos() >= seen * 1_000_000, "round {round}: {spent} for {seen} tokens");
            assert_eq!(enforcer.undelivered(), 0);
        });
        inner.verify().expect("books that add up");
    }
}

#[test]
fn two_hundred_streams_at_once_stay_within_their_budget() {
    let house = House::of([Budget::count("out", team(), Unit::TokensOutput, 10_000, Window::day())]);
    let options = slice(25);
    let call = call("milli", 5_000);
    let mut streams: Vec<_> = (0..200)
        .map(|_| {
            let provider = Provider::sends(vec![Sent::Text("0123456789"); 100]);
            metered(open(&house, &call, &options), provider, options.clone()).0
        })
        .collect();

    let (mut refused, mut whole) = (0, 0);
    let mut context = Context::from_waker(std::task::Waker::noop());
    while !streams.is_empty() {
        streams.retain_mut(|stream| match Pin::new(stream).poll_next(&mut context) {
            // The older ones have their turn first.
            Poll::Pending | Poll::Ready(Some(Ok(_))) => true,
            Poll::Ready(Some(Err(StreamError::Refused(_)))) => {
                refused += 1;
                false
            }
            Poll::Ready(Some(Err(error))) => panic!("{error}"),
            Poll::Ready(None) => {
                whole += 1;
                false
            }
        });
    }

    assert!(whole >= 9 && whole + refused == 200, "{whole} whole of ten that fit");
    let (spent, reserved) = house.balances(&call)[0];
    assert_eq!(reserved, 0);
    // Each stream is over by less than the one item that did not fit.
    assert!((10_000 - 200 * 10..=10_000 + 200 * 10).contains(&spent), "{spent}");
}

#[test]
fn a_drain_of_the_unheard_leaves_alone_what_stops_with_its_connection() {
    let house = ten_dollars();
    let later = Later::default();
    let options = slice(100).drain(Drain::unheard(later.clone()));
    let begin = |call: &Call| {
        let script = [Sent::Text("a"), Sent::Pause, Sent::Text("b"), Sent::Usage(3)];
        metered(open(&house, call, &options), Provider::sends(script), options.clone())
    };

    drop(begin(&call("milli", 50)));
    assert_eq!(later.0.lock().len(), 0, "it would generate on for nobody");
    let (stream, outcome) = begin(&call("milli", 50).in_background());
    drop(stream);

    let Work(work, _) = later.0.lock().pop().expect("it generates on whoever listens");
    block_on(work);
    assert_eq!(outcome.take().end, StreamEnd::Finished);
    assert_eq!(house.dollars(&call("milli", 50)), (usd("0.003"), Usd::ZERO));
}

/// An agent's background answers ran on for a hundred thousand tokens each, charged a slice.
#[test]
fn what_runs_in_the_background_is_held_whole_and_charged_so_where_nobody_heard_its_end() {
    let house = ten_dollars();
    let background = call("milli", 5_000).in_background();
    let options = slice(100);
    let (mut stream, outcome) =
        metered(open(&house, &background, &options), Provider::sends([Sent::Text("queued")]), options);
    assert_eq!(house.dollars(&background).1, usd("5"), "slices bound nothing");
    ready(next(&mut stream)).expect("an item").expect("room");

    drop(stream);

    assert_eq!(outcome.take().end, StreamEnd::Dropped);
    assert_eq!(house.dollars(&background), (usd("5"), Usd::ZERO));
    for abandoned in [OnAbandon::InputFloor, OnAbandon::Release] {
        let budget = Budget::usd("day", team(), Usd::dollars(10), Window::day());
        let house =
            House::with(Policy::new([budget]).expect("a policy"), |builder| builder.on_abandon(abandoned));
        drop(house.admit(&background).send().watched());
        assert_eq!(house.dollars(&background), (usd("5"), Usd::ZERO), "{abandoned:?} is no choice here");
    }
}

/// Fifteen thousand tokens were thought unseen, and a reader that left paid for a slice.
#[test]
fn a_stream_that_may_think_unseen_pays_the_stated_speed_for_its_time_and_at_most_its_hold() {
    use token_budget::pricing::{Reasoning, Unseen};
    let rates = token_budget::pricing::Rates::per_million("0", "1000").expect("rates");
    let row = |model: &str, reasoning| {
        let row = token_budget::pricing::PriceRow::new("own", model).with_reasoning(reasoning);
        row.with_rates(token_budget::call::ServiceTier::Standard, rates.clone())
    };
    let rows = [
        row("thinks", Reasoning::Always).with_unseen(Unseen::TokensPerSecond(100)),
        row("asked", Reasoning::OnRequest).with_unseen(Unseen::TokensPerSecond(100)),
        row("unsaid", Reasoning::Always).with_unseen(Unseen::Hold),
    ];
    let prices = token_budget::PricingTable::empty().with_rows(rows).expect("prices");
    let spent = |call: Call, seconds: u64| {
        let budget = Budget::usd("day", team(), Usd::dollars(100), Window::day());
        let policy = Policy::new([budget]).expect("a policy");
        let house = House::with(policy, |builder| builder.prices(prices.clone()));
        let options = slice(100);
        let script = [Sent::Text("0123456789"), Sent::Pause];
        let (mut stream, _) = metered(open(&house, &call, &options), Provider::sends(script), options);
        ready(next(&mut stream)).expect("an item").expect("room");
        house.clock.advance(Duration::from_secs(seconds));
        drop(stream);
        house.dollars(&call).0
    };

    // Ten seen, and a hundred a second for three seconds and five: a tenth of a cent each.
    assert_eq!(spent(call("thinks", 5_000), 3), usd("0.81"));
    assert_eq!(spent(call("thinks", 5_000).choices(2), 3), usd("1.61"));
    assert_eq!(spent(call("thinks", 700), 3), usd("0.7"), "at most what it holds");
    assert_eq!(spent(call("asked", 5_000), 3), usd("0.01"), "it was not asked to think");
    assert_eq!(spent(call("asked", 5_000).reasoning(true), 3), usd("0.81"));
    assert_eq!(spent(call("unsaid", 5_000), 3), usd("5"));
}
