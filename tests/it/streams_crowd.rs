//! Do streams that are admitted beyond the room end each other?

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake};

use futures_core::Stream;
use token_budget::client::CallError;
use token_budget::stream::{StreamError, StreamOptions, WireReader};
use token_budget::testing::{Bill, Reply, ScriptedProvider};
use token_budget::{Budget, Call, Enforcer, Policy, Scope, Usd, Window};

use crate::streams::{Metered, Provider, Sent, metered, open, slice};
use crate::support::{Dice, House, block_on, call, team, usd};

const STREAMS: usize = 200;
/// Whole answers that fit.
const ROOM: usize = 50;

/// How a crowd of streams fared.
#[derive(Debug, Default)]
struct Crowd {
    whole: AtomicUsize,
    cut: AtomicUsize,
    refused: AtomicUsize,
}

/// Two hundred streams at once of so many tokens each, in room for fifty of them; what was billed, and booked.
fn crowd(options: &StreamOptions, tokens: usize) -> (Crowd, Bill, Usd, Usd, Usd) {
    let provider = ScriptedProvider::new().otherwise(Reply::tokens(tokens).input(100));
    let body = format!(
        r#"{{"model": "gpt-4o", "stream": true, "stream_options": {{"include_usage": true}}, "max_tokens": {tokens},
            "messages": [{{"role": "user", "content": "How is the sea?"}}]}}"#
    );
    // $2.50 a million tokens in, $10 a million out.
    let each = i64::try_from(100 * 2_500 + tokens * 10_000).expect("small");
    let limit = Usd::from_nanos(each * 50);
    let budget = Budget::usd("day", Scope::team("search").expect("a name"), limit, Window::lifetime());
    let enforcer = Enforcer::builder().policy(Policy::new([budget]).expect("a policy")).build();
    let call = Call::new("gpt-4o").team("search").input_tokens(100).output_tokens(tokens as u64);
    let crowd = Arc::new(Crowd::default());
    block_on(async {
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..STREAMS {
            let (enforcer, provider, call, body) =
                (enforcer.clone(), provider.clone(), call.clone(), body.clone());
            let (options, crowd) = (options.clone(), Arc::clone(&crowd));
            tasks.spawn(async move {
                let open = |_| async {
                    tokio::task::yield_now().await;
                    provider.stream("/v1/chat/completions", body.as_bytes()).await
                };
                let reader = WireReader::new(Some("openai"));
                let mut stream = match enforcer.guard_stream(&call, options, reader, open).await {
                    Ok(stream) => stream,
                    Err(CallError::Refused(_)) => return crowd.refused.fetch_add(1, Ordering::SeqCst),
                    Err(error) => panic!("{error}"),
                };
                loop {
                    match poll_fn(|context| Pin::new(&mut stream).poll_next(context)).await {
                        Some(Ok(_)) => tokio::task::yield_now().await,
                        Some(Err(StreamError::Refused(_))) => {
                            return crowd.cut.fetch_add(1, Ordering::SeqCst);
                        }
                        Some(Err(error)) => panic!("{error}"),
                        None => return crowd.whole.fetch_add(1, Ordering::SeqCst),
                    }
                }
            });
        }
        while let Some(task) = tasks.join_next().await {
            task.expect("a task that ends");
        }
    });
    let decision = block_on(enforcer.check(&call)).expect("advice");
    let books = &decision.budgets()[0];
    let (spent, reserved) = (Usd::from_nanos(books.spent), Usd::from_nanos(books.reserved));
    let crowd = Arc::try_unwrap(crowd).expect("all tasks have ended");
    (crowd, provider.bill(), spent, reserved, limit)
}

#[test]
fn of_two_hundred_whole_holds_all_that_fit_come_to_their_end() {
    let (crowd, bill, spent, reserved, limit) = crowd(&StreamOptions::default(), 1_000);

    println!("whole: {crowd:?}, billed {}, spent {spent} of {limit}", bill.usd());
    assert_eq!(crowd.whole.into_inner(), ROOM);
    assert_eq!(crowd.cut.into_inner(), 0);
    assert_eq!((bill.usd(), reserved), (spent, Usd::ZERO));
    assert!(spent <= limit);
}

/// Each took what it could get, so that all of them were cut shortly before their ends, and the budget was spent.
#[test]
fn of_two_hundred_streams_by_slices_the_oldest_come_to_their_ends() {
    for tokens in [600, 1_000, 4_000] {
        let (crowd, bill, spent, reserved, limit) = crowd(&StreamOptions::slices(256), tokens);

        println!("by slices, {tokens} tokens: {crowd:?}, billed {}, spent {spent} of {limit}", bill.usd());
        assert!(crowd.whole.load(Ordering::SeqCst) >= 40, "{crowd:?}");
        assert_eq!(reserved, Usd::ZERO);
        assert!(bill.usd() <= spent, "{} billed, {spent} booked", bill.usd());
    }
}

/// Tells whether it was woken.
#[derive(Debug, Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// A stream polled by hand, whose waker counts.
struct Polled {
    stream: Option<Metered>,
    woken: Arc<Woken>,
    heard: usize,
}

impl Polled {
    fn begin(house: &House, call: &Call, options: &StreamOptions, items: usize) -> Self {
        let provider = Provider::sends(vec![Sent::Text("0123456789"); items]);
        let stream = metered(open(house, call, options), provider, options.clone()).0;
        Self { stream: Some(stream), woken: Arc::default(), heard: 0 }
    }

    /// Polls once. `None` where it waits, else whether it is over, and whether it was cut.
    fn poll(&mut self) -> Option<(bool, bool)> {
        let stream = self.stream.as_mut().expect("open");
        let waker = Arc::clone(&self.woken).into();
        match Pin::new(stream).poll_next(&mut Context::from_waker(&waker)) {
            Poll::Pending => None,
            Poll::Ready(Some(Ok(_))) => {
                self.heard += 1;
                Some((false, false))
            }
            Poll::Ready(Some(Err(_))) => Some((true, true)),
            Poll::Ready(None) => Some((true, false)),
        }
    }
}

#[test]
fn a_stream_that_cannot_grow_waits_and_is_woken_by_the_end_of_an_older_one() {
    // Room for 150 tokens; each may use a hundred.
    let house = House::of([Budget::usd("day", team(), usd("0.15"), Window::day())]);
    let (call, options) = (call("milli", 100), slice(20));
    let mut older = Polled::begin(&house, &call, &options, 3);
    let mut younger = Polled::begin(&house, &call, &options, 10);

    while younger.poll().is_some() {}
    let (heard, woken) = (younger.heard, younger.woken.0.load(Ordering::SeqCst));
    assert!(heard < 10, "the older one may still need the rest");
    while !older.poll().expect("the oldest never waits").0 {}

    assert_eq!(older.heard, 3);
    assert!(younger.woken.0.load(Ordering::SeqCst) > woken, "it was told");
    while !younger.poll().expect("room has come back").0 {}
    assert_eq!(younger.heard, 10);
    assert_eq!(house.dollars(&call), (usd("0.13"), Usd::ZERO));
}

#[test]
fn a_stream_that_waits_is_woken_where_the_older_one_is_dropped() {
    let house = House::of([Budget::usd("day", team(), usd("0.15"), Window::day())]);
    let (call, options) = (call("milli", 100), slice(20));
    let older = Polled::begin(&house, &call, &options, 3);
    let mut younger = Polled::begin(&house, &call, &options, 10);
    while younger.poll().is_some() {}
    let woken = younger.woken.0.load(Ordering::SeqCst);

    drop(older);

    assert!(younger.woken.0.load(Ordering::SeqCst) > woken);
    while !younger.poll().expect("room has come back").0 {}
    assert_eq!(younger.heard, 10);
}

#[test]
fn streams_of_other_budgets_do_not_wait_for_each_other() {
    let budget =
        |name: &str| Budget::usd(name, Scope::team(name).expect("a name"), usd("0.15"), Window::day());
    let house = House::of([budget("search"), budget("ads")]);
    let other = Call::new("milli").team("ads").input_tokens(0).output_tokens(100);
    let _older = Polled::begin(&house, &call("milli", 100), &slice(20), 3);

    let mut younger = Polled::begin(&house, &other, &slice(20), 10);

    while !younger.poll().expect("it never waits").0 {}
    assert_eq!(younger.heard, 10);
}

/// Whole calls keep coming, each as soon as the one before it has ended. They are judged by what is held, and
/// not by what a stream may still ask for: that is what slices buy. The stream comes to its end where what
/// they leave free is enough for its growth, and is cut, with all that came charged, where it is not: nobody
/// older is there to give room back, so that it does not wait for those who came later.
#[test]
fn whole_calls_that_keep_coming_take_the_room_that_is_left_and_a_stream_never_waits_for_them() {
    for (limit, comes_to_its_end) in [("0.16", true), ("0.13", false)] {
        let house = House::of([Budget::usd("day", team(), usd(limit), Window::day())]);
        let (call, options) = (call("milli", 100), slice(20));
        let whole = crate::support::call("milli", 50);
        let mut stream = Polled::begin(&house, &call, &options, 10);
        let mut running =
            house.enforcer.reserve(&whole).wait().expect("a ledger").or_refusal().expect("room");
        let mut admitted = 1;
        let cut = loop {
            let (is_over, was_cut) = stream.poll().expect("the oldest never waits");
            if is_over {
                break was_cut;
            }
            // The one before ends unbilled, and the next is there at once.
            drop(running);
            running = house.enforcer.reserve(&whole).wait().expect("a ledger").or_refusal().expect("room");
            admitted += 1;
            let (spent, reserved) = house.dollars(&call);
            assert!(spent.checked_add(reserved).expect("small") <= usd(limit), "{spent} and {reserved}");
        };
        drop(running);

        assert_eq!(cut, !comes_to_its_end, "with {limit}");
        assert_eq!(stream.heard == 10, comes_to_its_end);
        // Ten tokens an item, and all that was heard is charged.
        let charged = Usd::from_nanos(i64::try_from(stream.heard).expect("small") * 10_000_000);
        stream.stream = None;
        assert_eq!(house.dollars(&call), (charged, Usd::ZERO));
        assert!(admitted > 5, "{admitted}");
    }
}

/// Every interleaving of polls, drops and ends that the dice give: nobody is left waiting for nobody.
#[test]
fn however_streams_are_polled_and_dropped_none_waits_for_ever_and_the_oldest_are_never_cut_for_younger_ones()
{
    let mut dice = Dice::new("streams_crowd");
    for round in 0..200 {
        let house = House::of([Budget::usd("day", team(), usd("0.5"), Window::day())]);
        let (call, options) = (call("milli", 100), slice(1 + dice.below(40)));
        let count = 2 + dice.below(12);
        let mut streams = Vec::new();
        for _ in 0..count {
            let wanted = call.clone().streaming(options.slice());
            if house.enforcer.reserve(&wanted).wait().expect("a ledger").is_admitted() {
                let items = usize::try_from(1 + dice.below(10)).expect("small");
                streams.push(Polled::begin(&house, &call, &options, items));
            }
        }
        let (mut idle, mut cut) = (0, 0);
        while streams.iter().any(|polled| polled.stream.is_some()) {
            let at = usize::try_from(dice.below(streams.len() as u64)).expect("small");
            let polled = &mut streams[at];
            if polled.stream.is_none() {
                continue;
            }
            if dice.one_in(60) {
                polled.stream = None;
                continue;
            }
            match polled.poll() {
                None => idle += 1,
                Some((true, was_cut)) => {
                    polled.stream = None;
                    cut += usize::from(was_cut);
                    idle = 0;
                }
                Some(_) => idle = 0,
            }
            assert!(idle < 5_000, "round {round}: everybody waits");
        }
        let (spent, reserved) = house.dollars(&call);
        assert_eq!(reserved, Usd::ZERO, "round {round}");
        // Whoever is cut stands above by less than the one item that did not fit.
        let over = i64::try_from(cut).expect("small") * usd("0.01").nanos();
        assert!(spent.nanos() <= usd("0.5").nanos() + over, "round {round}: {spent}");
    }
}

/// The byte bound took four times what was seen of a stream, and the slice ahead of it came on top.
#[test]
fn streams_of_which_two_in_five_are_left_are_charged_little_more_than_their_bill() {
    let mut dice = Dice::new("streams_left");
    for (model, provider_name, path) in
        [("gpt-4o", "openai", "/v1/chat/completions"), ("claude-sonnet-4-5", "anthropic", "/v1/messages")]
    {
        let provider = ScriptedProvider::new();
        let budget = Budget::usd("day", team(), Usd::dollars(1_000), Window::lifetime());
        let enforcer = Enforcer::builder().policy(Policy::new([budget]).expect("a policy")).build();
        for _ in 0..300 {
            let tokens = usize::try_from(50 + dice.below(400)).expect("small");
            let provider = provider.clone().reply(Reply::tokens(tokens).input(12));
            let body = format!(
                r#"{{"model": "{model}", "stream": true, "stream_options": {{"include_usage": true}},
                    "max_tokens": 1000, "messages": [{{"role": "user", "content": "How is the sea?"}}]}}"#
            );
            let shape = token_budget::tokens::RequestShape::parse(body.as_bytes()).expect("a request");
            let call = shape.describe(Call::charging().team("search"));
            let leaves_after = (dice.below(10) < 4).then(|| dice.below(tokens as u64));
            block_on(async {
                let open = |_| async { provider.stream(path, body.as_bytes()).await };
                let reader = WireReader::new(Some(provider_name));
                let opened = enforcer.guard_stream(&call, StreamOptions::default(), reader, open).await;
                let mut stream = opened.expect("room");
                let mut heard = 0;
                while leaves_after.is_none_or(|after| heard < after) {
                    let item = poll_fn(|context| Pin::new(&mut stream).poll_next(context)).await;
                    if item.is_none() {
                        break;
                    }
                    heard += 1;
                }
            });
        }
        let decision =
            block_on(enforcer.check(&Call::new(model).team("search").input_tokens(0))).expect("advice");
        let (charged, billed) = (decision.budgets()[0].spent, provider.bill().usd().nanos());
        println!("{model}: charged / billed = {:.3}", charged as f64 / billed as f64);
        assert!(billed <= charged, "{model}: {billed} billed, {charged} charged");
        assert!(charged * 10 <= billed * 13, "{model}: {billed} billed, {charged} charged");
    }
}
