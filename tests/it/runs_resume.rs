//! Does a run go on where it was, on this ledger or on another?

use std::future::Future;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use token_budget::ledger::Attribution;
use token_budget::run::{RunPart, RunState};
use token_budget::{Budget, Call, Enforcer, ErrorKind, Event, Policy, RunGuard, Scope, Usage, Usd, Window};

use crate::runs_kept::Books;
use crate::support::{FarLedger, House, block_on, call, prices, team, usd};

fn spend(run: &RunGuard, tokens: u64) -> bool {
    match run.reserve(&call("milli", tokens)).wait().unwrap().or_refusal() {
        Ok(reservation) => {
            let _ = reservation.send().reconcile(Usage::of(0, tokens)).wait().unwrap();
            true
        }
        Err(_) => false,
    }
}

/// The run with its limits, which every later opening must name alike.
fn limited() -> token_budget::run::Builder {
    let builder = RunGuard::builder("r").usd(usd("1.00")).iterations(10).tool("search", 3);
    builder.time_limit(Duration::from_secs(60))
}

fn open(house: &House, state: Option<RunState>) -> RunGuard {
    let builder = limited();
    let builder = match state {
        Some(state) => builder.resume(state),
        None => builder,
    };
    builder.open(&house.enforcer).wait().unwrap()
}

/// An enforcer that waits for the same ledger.
fn far(house: &House) -> Enforcer {
    let ledger = FarLedger::new(house.ledger.clone());
    Enforcer::builder().prices(prices()).ledger(ledger).clock(house.clock.clone()).build()
}

/// A state that went through text, as it would through a file.
fn through_text(state: &RunState) -> RunState {
    serde_json::from_str(&serde_json::to_string(state).unwrap()).unwrap()
}

#[test]
fn everything_of_a_run_goes_on_when_its_id_is_opened_again() {
    let house = House::of([]);
    let first = open(&house, None);
    assert!(spend(&first, 400));
    first.tools(["search", "search"]).wait().unwrap().or_refusal().unwrap().start();
    first.grant(usd("0.10"), Attribution::new("ada", "more")).wait().unwrap();
    drop(first.child("c").open().wait().unwrap().or_refusal().unwrap());
    house.clock.advance(Duration::from_secs(20));
    drop(first);
    house.clock.advance(Duration::from_secs(3_600));

    let second = open(&house, None);
    let report = second.report().wait().unwrap();
    assert_eq!((report.spent_usd, report.granted_usd, report.iterations), (usd("0.40"), usd("0.10"), 1));
    assert_eq!((report.tools["search"], report.children), (2, 1));
    assert_eq!(report.open_for, Duration::from_secs(20));
    assert_eq!(second.tools(["search", "search"]).wait().unwrap().or_refusal().unwrap_err().fits, ["search"]);
    assert!(!spend(&second, 701) && spend(&second, 700));
}

#[test]
fn a_saved_state_is_put_on_a_ledger_that_does_not_know_the_run() {
    let before = House::of([]);
    let run = open(&before, None);
    assert!(spend(&run, 300));
    run.tools(["search", "fetch"]).wait().unwrap().or_refusal().unwrap().start();
    run.grant(usd("0.25"), Attribution::new("ada", "more")).wait().unwrap();
    run.attach("task", 7);
    let in_flight = run.reserve(&call("milli", 200)).wait().unwrap().or_refusal().unwrap().send();
    before.clock.advance(Duration::from_secs(15));
    let state = run.save().wait().unwrap();
    assert_eq!(state.run(), "r");

    let after = House::of([]);
    let run = open(&after, Some(through_text(&state)));

    assert!(run.was_restored());
    let report = run.report().wait().unwrap();
    // The call in flight is taken for one that cost what it held.
    assert_eq!((report.spent_usd, report.reserved_usd, report.iterations), (usd("0.50"), Usd::ZERO, 2));
    assert_eq!((report.granted_usd, report.tools["search"], report.tools["fetch"]), (usd("0.25"), 1, 1));
    assert_eq!((report.open_for, &report.attached["task"]), (Duration::from_secs(15), &7.into()));
    assert!(!spend(&run, 751) && spend(&run, 750));
    after.clock.advance(Duration::from_secs(45));
    assert!(!spend(&run, 0), "its time has run on");
    drop(in_flight);
}

#[test]
fn a_state_is_passed_over_where_the_ledger_knows_the_run() {
    let house = House::of([]);
    let run = open(&house, None);
    assert!(spend(&run, 300));
    let state = run.save().wait().unwrap();
    drop(run);

    let same = open(&house, Some(state.clone()));
    assert!(!same.was_restored());
    assert_eq!(same.report().wait().unwrap().spent_usd, usd("0.30"));

    // It may know nothing but that it was stopped.
    let stopped = House::of([]);
    let scope = Scope::run("r").unwrap();
    stopped.enforcer.freeze(None, &scope, Attribution::new("ops", "no")).wait().unwrap();
    assert!(!open(&stopped, Some(state.clone())).was_restored());

    // Restored twice at once, it counts once.
    let after = House::of([]);
    let restored: usize = std::thread::scope(|scope| {
        let threads: Vec<_> =
            (0..8).map(|_| scope.spawn(|| open(&after, Some(state.clone())).was_restored())).collect();
        threads.into_iter().map(|thread| usize::from(thread.join().unwrap())).sum()
    });
    assert_eq!(restored, 1);
    assert_eq!(open(&after, None).report().wait().unwrap().spent_usd, usd("0.30"));
}

#[test]
fn a_stop_and_the_levels_that_fired_are_restored() {
    let before = House::of([]);
    let run = open(&before, None);
    assert!(spend(&run, 1_000));
    let reached = |event: &Event| matches!(event, Event::Reached { .. });
    assert_eq!(before.ears.count(reached), 1);
    run.stop(Attribution::new("grace", "it loops")).wait().unwrap();
    let state = run.save().wait().unwrap();

    let after = House::of([]);
    let run = open(&after, Some(state));
    assert_eq!(run.report().wait().unwrap().over.as_deref(), Some("stopped by grace: it loops"));
    assert!(!spend(&run, 0));
    assert_eq!(after.ears.count(reached), 0, "it was told before");
}

#[test]
fn restoring_may_break_off_at_any_point_and_the_next_attempt_restores_figures_and_stop() {
    let before = House::of([]);
    let run = open(&before, None);
    assert!(spend(&run, 100));
    run.stop(Attribution::new("ada", "it loops")).wait().unwrap();
    let state = run.save().wait().unwrap();
    let mut broken_off = 0;
    for polls in 0..60 {
        let after = House::of([]);
        let enforcer = far(&after);
        let builder = || limited().resume(state.clone());
        let mut first = Box::pin(builder().open(&enforcer));
        let mut context = Context::from_waker(Waker::noop());
        let done = (0..polls).any(|_| first.as_mut().poll(&mut context).is_ready());
        drop(first);
        broken_off += u32::from(!done);

        // The stop was put on the books last, and who came again passed the state over for its figures.
        let run = block_on(builder().open(&enforcer)).unwrap();
        let admission = block_on(run.reserve(&call("milli", 100))).unwrap();
        assert!(!admission.is_admitted(), "it was stopped; after {polls} polls");
        let report = block_on(run.report()).unwrap();
        assert_eq!((report.spent_usd, report.reserved_usd), (usd("0.10"), Usd::ZERO), "after {polls} polls");
    }
    assert!((1..60).contains(&broken_off), "{broken_off} of 60 broke off");
}

#[test]
fn of_two_who_restore_at_once_one_does_though_both_found_the_books_empty() {
    let before = House::of([]);
    let run = open(&before, None);
    assert!(spend(&run, 300));
    let state = run.save().wait().unwrap();
    let after = House::of([]);
    let enforcers = [far(&after), far(&after)];
    let mut opening: Vec<_> =
        enforcers.iter().map(|enforcer| Box::pin(limited().resume(state.clone()).open(enforcer))).collect();

    // Every step of one is followed by the same step of the other.
    let mut guards: Vec<Option<RunGuard>> = vec![None, None];
    let mut context = Context::from_waker(Waker::noop());
    while guards.iter().any(Option::is_none) {
        for (guard, opening) in guards.iter_mut().zip(&mut opening) {
            if guard.is_none()
                && let Poll::Ready(opened) = opening.as_mut().poll(&mut context)
            {
                *guard = Some(opened.unwrap());
            }
        }
    }

    let restored = guards.iter().flatten().filter(|guard| guard.was_restored()).count();
    assert_eq!(restored, 1);
    let run = limited().open(&after.enforcer).wait().unwrap();
    let report = run.report().wait().unwrap();
    assert_eq!((report.spent_usd, report.iterations), (usd("0.30"), 1));
}

#[test]
fn a_part_is_saved_by_the_run_that_has_it_and_given_again() {
    let before = House::of([]);
    let top = open(&before, None);
    let child = top.child("c").carve(RunPart::Usd(usd("0.60"))).open().wait().unwrap().or_refusal().unwrap();
    assert!(spend(&top, 100) && spend(&child, 200));
    let (of_top, of_child) = (top.save().wait().unwrap(), child.save().wait().unwrap());

    let after = House::of([]);
    let top = open(&after, Some(of_top));
    assert_eq!(top.report().wait().unwrap().spent_usd, usd("0.10"));
    let child = top.child("c").carve(RunPart::Usd(usd("0.60"))).resume(of_child);
    let child = child.open().wait().unwrap().or_refusal().unwrap();
    assert!(child.was_restored());
    assert_eq!(top.report().wait().unwrap().children, 1, "it was counted before");
    assert_eq!(top.report().wait().unwrap().reserved_usd, usd("0.60"));
    assert!(!spend(&child, 401) && spend(&child, 400));
    child.close().wait().unwrap();
    let report = top.report().wait().unwrap();
    assert_eq!(
        (report.spent_usd, report.direct.usd, report.reserved_usd),
        (usd("0.70"), usd("0.10"), Usd::ZERO)
    );
}

#[test]
fn a_state_that_is_not_this_runs_is_refused_whole() {
    let house = House::of([]);
    let state = open(&house, None).save().wait().unwrap();
    let after = House::of([]);
    let other = RunGuard::builder("other").iterations(1).resume(state.clone()).open(&after.enforcer).wait();
    assert!(other.unwrap_err().to_string().contains("of another run"));
    let text = serde_json::to_string(&state).unwrap();
    let later = serde_json::from_str::<RunState>(&text.replace("\"version\":2", "\"version\":3"));
    assert!(later.unwrap_err().to_string().contains("is of form 3, and this build reads form 2"));
    assert!(
        serde_json::from_str::<RunState>(&text.replace("\"version\"", "\"more\":1,\"version\"")).is_err()
    );
    assert_eq!(after.ledger.accounts(), 0);
}

// Of 666 single bits of such a text 111 loaded when they were turned, 30 of them with another sum.
#[test]
fn a_state_of_which_any_bit_was_turned_does_not_load_as_another() {
    for books in Books::all() {
        let enforcer = books.enforcer();
        let run = block_on(limited().open(&enforcer)).unwrap();
        drop(block_on(run.reserve(&call("milli", 300))).unwrap().or_refusal().unwrap().send());
        block_on(run.tools(["search", "fetch"])).unwrap().or_refusal().unwrap().start();
        run.attach("task", serde_json::json!({"n": 0.1, "big": 1.7976931348623157e308, "text": "a\"b"}));
        block_on(run.stop(Attribution::new("ada", "it loops"))).unwrap();
        let state = block_on(run.save()).unwrap();
        let text = serde_json::to_string(&state).unwrap();
        let read = serde_json::from_str::<RunState>(&text).unwrap();
        assert_eq!(serde_json::to_string(&read).unwrap(), text, "whole, it loads and is saved as it was");

        let mut loaded = 0;
        for bit in 0..text.len() * 8 {
            let mut bytes = text.clone().into_bytes();
            bytes[bit / 8] ^= 1 << (bit % 8);
            if let Ok(other) = serde_json::from_slice::<RunState>(&bytes) {
                assert_eq!(other, read, "bit {bit}: {}", String::from_utf8_lossy(&bytes));
                loaded += 1;
            }
        }
        assert!(
            text.len() > 500 && loaded < 10,
            "{loaded} turned bits of {} bytes changed nothing",
            text.len()
        );
        // Blanks are no part of what it says.
        let spaced = serde_json::to_string_pretty(&state).unwrap();
        assert_eq!(serde_json::from_str::<RunState>(&spaced).unwrap(), read);
    }
}

#[test]
fn a_state_that_was_saved_without_a_checksum_is_refused_and_says_why() {
    let text = r#"{"version":1,"run":"r","lines":[{"line":"run","unit":"usd","figure":5}],"mark":null,"attached":{"task":7}}"#;
    let error = serde_json::from_str::<RunState>(text).unwrap_err().to_string();
    assert!(error.contains("is of form 1, and this build reads form 2; save the run again"), "{error}");
    let state = open(&House::of([]), None).save().wait().unwrap();
    let text = serde_json::to_string(&state).unwrap();
    let (said, _) = text.split_once(",\"checksum\"").unwrap();
    let error = serde_json::from_str::<RunState>(&format!("{said}}}")).unwrap_err().to_string();
    assert!(error.contains("has changed since it was saved: its checksum is \"\""), "{error}");
}

// A run saved under a team's limit of $5 went on without a word under one of $50.
#[test]
fn a_state_is_not_put_under_another_policy_than_it_was_saved_under() {
    for (before, after) in Books::all().into_iter().zip(Books::all()) {
        let under = |books: &Books, budgets: &[Budget]| {
            let policy = Policy::new(budgets.to_vec()).unwrap();
            let builder = Enforcer::builder().policy(policy).prices(prices()).clock(books.clock.clone());
            builder.shared_ledger(books.ledger()).build()
        };
        let day = |limit| Budget::usd("day", team(), usd(limit), Window::day()).model("large");
        let charging = || limited().charging(Call::charging().team("search"));
        let run = block_on(charging().open(under(&before, &[day("5")]))).unwrap();
        drop(block_on(run.reserve(&call("milli", 300))).unwrap().or_refusal().unwrap().send());
        let state = block_on(run.save()).unwrap();

        let month = Budget::usd("month", team(), usd("9"), Window::month());
        let others = [
            (vec![day("50")], "): 5.00 USD; resume it under the policy"),
            (vec![day("5").observe()], "under a budget that does not bind it here: team/search: day"),
            (vec![], "under a budget that does not bind it here: team/search: day"),
            (vec![day("5"), month], "without a budget that binds it here: team/search: month"),
        ];
        for (budgets, said) in others {
            let error = block_on(charging().resume(state.clone()).open(under(&after, &budgets))).unwrap_err();
            assert!(error.kind() == ErrorKind::Conflict && error.to_string().contains(said), "{error}");
        }
        let error = block_on(limited().resume(state.clone()).open(under(&after, &[day("5")]))).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict, "nor for other payers");
        // Nothing of it was put there, so that the right policy finds no run that it knows.
        let same = under(&after, &[day("5")]);
        let run = block_on(charging().resume(state.clone()).open(&same)).unwrap();
        assert!(run.was_restored());
        assert_eq!(block_on(run.report()).unwrap().spent_usd, usd("0.30"));
        // A ledger that knows the run passes the state over, whatever the policy has become.
        let raised = under(&after, &[day("50")]);
        assert!(!block_on(charging().resume(state).open(&raised)).unwrap().was_restored());
    }
}
