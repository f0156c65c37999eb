//! Do a run and its calls hear what people decide about it?

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use parking_lot::Mutex;
use token_budget::decision::RefusalKind;
use token_budget::ledger::{Attribution, EntryKind, MarkAction, Tenant};
use token_budget::run::{OnLimit, PauseAnswer, Paused, RunLimits, RunPart, StopSignal, Turn};
use token_budget::{Budget, BudgetLedger, Enforcer, Event, Observer, RunGuard, Scope, Usage, Usd, Window};

use crate::support::{FarLedger, House, at, block_on, call, prices, ready, team, usd};

fn signed(by: &str, reason: &str) -> Attribution {
    Attribution::new(by, reason)
}

/// Another process: it shares the ledger and nothing else.
fn elsewhere(house: &House) -> Enforcer {
    Enforcer::builder().prices(prices()).ledger(house.ledger.clone()).clock(house.clock.clone()).build()
}

fn spend(run: &RunGuard, tokens: u64) -> bool {
    match run.reserve(&call("milli", tokens)).wait().unwrap().or_refusal() {
        Ok(reservation) => {
            let _ = reservation.send().reconcile(Usage::of(0, tokens)).wait().unwrap();
            true
        }
        Err(_) => false,
    }
}

fn asking(enforcer: &Enforcer) -> RunGuard {
    RunGuard::builder("r").usd(usd("1.00")).on_limit(OnLimit::Ask).open(enforcer).wait().unwrap()
}

fn paused(run: &RunGuard, tokens: u64) -> Paused {
    match run.turn(&call("milli", tokens)).wait().unwrap() {
        Turn::Ask(paused) => paused,
        other => panic!("{other:?}"),
    }
}

/// Counts how often it was woken.
#[derive(Default)]
struct Bell(AtomicU64);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Bell {
    fn rung(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }
}

#[test]
fn a_run_that_asks_names_what_is_missing_and_goes_on_when_it_is_granted() {
    let house = House::of([]);
    let run = asking(&house.enforcer);
    assert!(spend(&run, 900));
    let paused = paused(&run, 250);
    assert_eq!((paused.run(), paused.missing()), ("r", usd("0.15")));
    assert_eq!(run.report().wait().unwrap().over, None, "it waits, and is not over");

    let bell = Arc::new(Bell::default());
    let waker = Waker::from(Arc::clone(&bell));
    let mut context = Context::from_waker(&waker);
    let mut answer = pin!(paused.answer());
    assert!(answer.as_mut().poll(&mut context).is_pending());
    run.grant(usd("0.149999999"), signed("ada", "a little")).wait().unwrap();
    assert_eq!(bell.rung(), 1);
    assert_eq!(answer.as_mut().poll(&mut context), Poll::Ready(PauseAnswer::Granted(usd("0.149999999"))));
    assert!(!spend(&run, 250), "a nano-dollar is missing");
    run.grant(Usd::from_nanos(1), signed("ada", "the rest")).wait().unwrap();
    assert!(spend(&run, 250) && !spend(&run, 1));
    let report = run.report().wait().unwrap();
    assert_eq!((report.granted_usd, report.spent_usd), (usd("0.15"), usd("1.15")));
}

/// Grants three cents whenever a call is refused, while it knows the run.
#[derive(Clone, Debug, Default)]
struct Generous(Arc<Mutex<Option<Arc<RunGuard>>>>);

impl Observer for Generous {
    fn observe(&self, event: &Event) {
        let run = self.0.lock().clone().filter(|_| matches!(event, Event::Refused { .. }));
        if let Some(run) = run {
            run.grant(usd("0.03"), signed("bot", "a little more")).wait().unwrap();
        }
    }
}

#[test]
fn a_grant_made_between_the_refusal_and_the_wait_is_heard() {
    let generous = Generous::default();
    let enforcer = Enforcer::builder().prices(prices()).observer(generous.clone()).build();
    let run = RunGuard::builder("r").usd(usd("0.10")).on_limit(OnLimit::Ask).open(&enforcer).wait().unwrap();
    let run = Arc::new(run);
    *generous.0.lock() = Some(Arc::clone(&run));
    let paused = paused(&run, 150);
    *generous.0.lock() = None;

    // Refused at 10 and at 13 cents; the second grant came before anybody waited.
    let mut context = Context::from_waker(Waker::noop());
    let answer = pin!(paused.answer()).poll(&mut context);
    assert_eq!(answer, Poll::Ready(PauseAnswer::Granted(usd("0.06"))));
    assert!(spend(&run, 150));
}

#[test]
fn all_who_wait_for_one_answer_are_woken() {
    let house = House::of([]);
    let run = asking(&house.enforcer);
    let paused = paused(&run, 1_500);
    let bells = [Arc::new(Bell::default()), Arc::new(Bell::default())];
    let mut waiting: Vec<_> = bells.iter().map(|_| Box::pin(paused.answer())).collect();
    for (answer, bell) in waiting.iter_mut().zip(&bells) {
        let waker = Waker::from(Arc::clone(bell));
        assert!(answer.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    }
    run.grant(usd("0.50"), signed("ada", "go on")).wait().unwrap();
    // One place for all of them had kept the last waker alone.
    assert_eq!(bells.map(|bell| bell.rung()), [1, 1]);
}

#[test]
fn a_grant_is_signed_in_the_journal_told_and_found_by_every_guard() {
    let house = House::of([]);
    let run = RunGuard::builder("r").usd(usd("1.00")).open(&house.enforcer).wait().unwrap();
    let second = elsewhere(&house);
    let other = RunGuard::builder("r").usd(usd("1.00")).open(&second).wait().unwrap();
    assert!(!spend(&other, 1_500));
    run.grant(usd("0.50"), signed("ada", "nearly done")).wait().unwrap();

    // The other process was short before; its next call finds the grant.
    assert!(spend(&other, 1_500));
    assert_eq!(other.report().wait().unwrap().granted_usd, usd("0.50"));
    let journal = ready(house.ledger.entries(&Tenant::unnamed(), 0, 100)).unwrap();
    let posted = journal.iter().find(|entry| entry.kind == EntryKind::Recorded).unwrap();
    assert_eq!(posted.attribution, Some(signed("ada", "nearly done")));
    let told = |event: &Event| matches!(event, Event::Granted { usd: raise, by, .. } if *raise == usd("0.50") && by == "ada");
    assert_eq!(house.ears.count(told), 1);
    // Whoever opens it later finds it as well.
    let later = RunGuard::builder("r").usd(usd("1.00")).open(elsewhere(&house)).wait().unwrap();
    assert!(!spend(&later, 1));
    assert_eq!(later.report().wait().unwrap().granted_usd, usd("0.50"));
}

#[test]
fn what_cannot_be_granted_is_an_error() {
    let house = House::of([]);
    let run = asking(&house.enforcer);
    let open = RunGuard::builder("open").limits(RunLimits::none()).open(&house.enforcer).wait().unwrap();
    let child = run.child("c").carve(RunPart::Usd(usd("0.10"))).open().wait().unwrap().or_refusal().unwrap();
    for (run, raise) in
        [(&run, Usd::ZERO), (&run, Usd::from_nanos(-1)), (&open, usd("1")), (&child, usd("1"))]
    {
        assert!(run.grant(raise, signed("ada", "why not")).wait().is_err(), "{} {raise}", run.id());
    }
}

#[test]
fn a_stop_answers_a_run_that_waits() {
    let house = House::of([]);
    let top = RunGuard::builder("top").limits(RunLimits::none()).open(&house.enforcer).wait().unwrap();
    let child = top.child("c").usd(usd("1.00")).on_limit(OnLimit::Ask);
    let child = child.open().wait().unwrap().or_refusal().unwrap();
    let paused = paused(&child, 1_001);
    top.stop(signed("grace", "enough")).wait().unwrap();
    let PauseAnswer::Stopped(mark) = ready(paused.answer()) else { panic!("it was stopped") };
    assert_eq!((mark.scope, mark.attribution), (Scope::run("top").unwrap(), signed("grace", "enough")));
    let turn = child.turn(&call("milli", 1)).wait().unwrap();
    let Turn::Over(report) = turn else { panic!("{turn:?}") };
    assert_eq!(report.over.unwrap(), "run/top was stopped by grace: enough");
}

#[test]
fn a_turn_tells_a_run_that_is_over_from_somebody_elses_empty_budget() {
    let house = House::of([Budget::usd("search", team(), usd("0.50"), Window::day())]);
    let run = RunGuard::builder("r").usd(usd("1.00")).open(&house.enforcer).wait().unwrap();
    assert!(matches!(run.turn(&call("milli", 501)).wait().unwrap(), Turn::Refused(_)));
    let Turn::Go(held) = run.turn(&call("milli", 500)).wait().unwrap() else { panic!("it fits") };
    drop(held);
    run.attach("task", "find the bug");
    let Turn::Over(report) = run.turn(&call("milli", 1_001)).wait().unwrap() else { panic!("it is over") };
    assert!(report.over.unwrap().contains("0.00 of 1.00 USD used, call needs 1.001"));
    assert_eq!(report.attached["task"], "find the bug");
    assert!(report.counting.contains("sent and not released"));
}

#[test]
fn a_run_asks_only_for_what_a_grant_would_mend() {
    let house = House::of([Budget::usd("search", team(), usd("0.50"), Window::day())]);
    let run = asking(&house.enforcer);
    // The team refuses, too; and what is in flight may yet come back.
    assert!(!matches!(run.turn(&call("milli", 1_001)).wait().unwrap(), Turn::Ask(_)));
    let house = House::of([]);
    let run = asking(&house.enforcer);
    let held = run.reserve(&call("milli", 900)).wait().unwrap().or_refusal().unwrap();
    assert!(matches!(run.turn(&call("milli", 200)).wait().unwrap(), Turn::Refused(_)));
    drop(held);
}

#[test]
fn running_calls_hear_of_a_stop_of_their_run_or_of_one_above() {
    let house = House::of([]);
    let top = RunGuard::builder("top").limits(RunLimits::none()).open(&house.enforcer).wait().unwrap();
    let child = top.child("c").open().wait().unwrap().or_refusal().unwrap();
    let other = RunGuard::builder("other").limits(RunLimits::none()).open(&house.enforcer).wait().unwrap();
    let (signal, unrelated) = (child.stopped(), other.stopped());
    let copy = signal.clone();
    let bells = [Arc::new(Bell::default()), Arc::new(Bell::default()), Arc::new(Bell::default())];
    let poll = |signal: &mut StopSignal, bell: &Arc<Bell>| {
        let waker = Waker::from(Arc::clone(bell));
        pin!(signal).poll(&mut Context::from_waker(&waker))
    };
    let mut signals = [signal, copy, unrelated];
    for (signal, bell) in signals.iter_mut().zip(&bells) {
        assert!(poll(signal, bell).is_pending());
    }
    // A freeze is for a while and cancels nothing; the guard may be gone.
    house.enforcer.freeze(None, &Scope::run("top").unwrap(), signed("ops", "a pause")).wait().unwrap();
    house.enforcer.reopen(None, &Scope::run("top").unwrap(), signed("ops", "go on")).wait().unwrap();
    for (signal, bell) in signals.iter_mut().zip(&bells) {
        assert!(poll(signal, bell).is_pending());
    }
    drop(child);
    let before = [bells[0].rung(), bells[1].rung(), bells[2].rung()];
    top.stop(signed("grace", "it loops")).wait().unwrap();

    assert_eq!([bells[0].rung() - before[0], bells[1].rung() - before[1]], [1, 1]);
    assert_eq!(bells[2].rung(), before[2]);
    for (signal, bell) in signals.iter_mut().take(2).zip(&bells) {
        let Poll::Ready(mark) = poll(signal, bell) else { panic!("it was stopped") };
        assert_eq!((mark.action, mark.attribution.reason.as_str()), (MarkAction::Stop, "it loops"));
    }
    assert_eq!(other.stopped().reason(), None);
}

#[test]
fn a_stop_made_elsewhere_is_heard_with_the_next_refusal_and_told_by_every_report() {
    let house = House::of([]);
    let run = RunGuard::builder("r").limits(RunLimits::none()).open(&house.enforcer).wait().unwrap();
    let signal = run.stopped();
    let other = RunGuard::builder("r").limits(RunLimits::none()).open(elsewhere(&house)).wait().unwrap();
    other.stop(signed("grace", "it loops")).wait().unwrap();
    assert_eq!(signal.reason(), None, "nobody here has heard of it yet");
    assert!(!spend(&run, 1));
    assert_eq!(signal.reason().unwrap().attribution.by, "grace");
    // A guard that was refused nothing reads it in the ledger.
    let third = RunGuard::builder("r").limits(RunLimits::none()).open(elsewhere(&house)).wait().unwrap();
    assert_eq!(third.report().wait().unwrap().over.as_deref(), Some("stopped by grace: it loops"));
    assert_eq!(third.stopped().reason().unwrap().attribution.by, "grace");
}

#[test]
fn a_second_guard_here_hears_of_a_stop_at_once() {
    let house = House::of([]);
    let (first, second) = (asking(&house.enforcer), asking(&house.enforcer));
    let signal = second.stopped();
    first.stop(signed("grace", "it loops")).wait().unwrap();
    assert_eq!(signal.reason().unwrap().attribution.reason, "it loops");
    drop((first, second));
    // A second stop wakes whoever listens, and leaves the first reason.
    let third = RunGuard::builder("t").limits(RunLimits::none()).open(&house.enforcer).wait().unwrap();
    let signal = third.stopped();
    third.stop(signed("ada", "one")).wait().unwrap();
    third.stop(signed("bob", "two")).wait().unwrap();
    assert_eq!(signal.reason().unwrap().attribution.by, "ada");
}

#[test]
fn a_report_tells_limits_that_another_process_has_used_up() {
    let house = House::of([]);
    let open = |enforcer: &Enforcer| {
        RunGuard::builder("r").usd(usd("1.00")).iterations(3).open(enforcer).wait().unwrap()
    };
    let (here, there) = (open(&house.enforcer), open(&elsewhere(&house)));
    assert!(spend(&there, 999));
    assert_eq!(here.report().wait().unwrap().over, None);
    assert!(spend(&there, 1));
    let over = here.report().wait().unwrap().over.unwrap();
    assert_eq!(over, "budget run/r lifetime: 1.00 of 1.00 USD used");
    here.grant(usd("0.50"), signed("ada", "go on")).wait().unwrap();
    assert_eq!(here.report().wait().unwrap().over, None);
    assert!(spend(&there, 0));
    let over = here.report().wait().unwrap().over.unwrap();
    assert_eq!(over, "budget run/r lifetime: 3 of 3 iterations used");
}

#[test]
fn a_deadline_refuses_from_its_instant_on_and_never_a_report_of_usage() {
    let house = House::of([]);
    let limited = RunGuard::builder("r").deadline(at("2026-11-22T13:00:00Z"));
    let limited = limited.time_limit(Duration::from_secs(7_200));
    let run = limited.clone().open(&house.enforcer).wait().unwrap();
    house.go_to("2026-11-22T12:59:59.999999999Z");
    let running = run.reserve(&call("milli", 10)).wait().unwrap().or_refusal().unwrap().send();
    house.go_to("2026-11-22T13:00:00Z");
    let refused = run.reserve(&call("milli", 1)).wait().unwrap().or_refusal().unwrap_err();
    assert_eq!(refused.refusals()[0].kind, RefusalKind::Deadline { at: at("2026-11-22T13:00:00Z") });
    assert_eq!(refused.to_string(), "block milli; run/r had until 2026-11-22T13:00:00Z; the run ends here");
    assert_eq!(running.reconcile(Usage::of(0, 10)).wait().unwrap().cost(), usd("0.01"));
    let report = run.report().wait().unwrap();
    assert_eq!(report.ends_at, Some(at("2026-11-22T13:00:00Z")));
    assert!(report.over.unwrap().contains("had until"));
    // Time that it is closed brings it no nearer to its limit, but to its deadline.
    drop(run);
    let again = limited.open(&house.enforcer).wait().unwrap();
    assert!(!spend(&again, 1));
}

#[test]
fn every_attempt_that_is_sent_is_a_round_and_a_released_one_is_none() {
    let house = House::of([]);
    let run = RunGuard::builder("r").iterations(3).open(&house.enforcer).wait().unwrap();
    let send =
        || run.reserve(&call("milli", 10)).wait().unwrap().or_refusal().map(token_budget::Reservation::send);
    drop(run.reserve(&call("milli", 10)).wait().unwrap()); // never sent
    ready(send().unwrap().release()).unwrap(); // sent, and refused by the provider
    drop(send().unwrap()); // sent, and failed nobody knows how
    assert_eq!(run.report().wait().unwrap().iterations, 1);
    let _ = send().unwrap().reconcile(Usage::of(0, 10)).wait().unwrap(); // its retry
    let last = send().unwrap();
    assert!(send().is_err(), "the third is in flight");
    ready(last.release()).unwrap();
    assert!(send().is_ok());
    assert_eq!(run.report().wait().unwrap().iterations, 3);
}

#[test]
fn threads_on_one_run_never_pass_its_limits_and_the_books_equal_the_bill() {
    let house = House::of([]);
    let run = RunGuard::builder("r").usd(usd("1.00")).iterations(70).open(&house.enforcer).wait().unwrap();
    let (sent, bill) = (AtomicU64::new(0), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for thread in 0..8_u64 {
            let (run, sent, bill) = (&run, &sent, &bill);
            scope.spawn(move || {
                for round in 0..30 {
                    let tokens = 10 + (thread + round) % 10;
                    if let Ok(held) = run.reserve(&call("milli", tokens)).wait().unwrap().or_refusal() {
                        if round % 3 == 0 {
                            continue; // never sent
                        }
                        let used = tokens - round % 5;
                        let _ = held.send().reconcile(Usage::of(0, used)).wait().unwrap();
                        sent.fetch_add(1, Ordering::SeqCst);
                        bill.fetch_add(used, Ordering::SeqCst);
                    }
                }
            });
        }
    });
    let report = run.report().wait().unwrap();
    assert_eq!((report.iterations, report.tokens), (sent.into_inner(), bill.into_inner()));
    assert!(report.iterations <= 70 && report.spent_usd <= usd("1.00") && report.reserved_usd == Usd::ZERO);
    assert_eq!(house.ledger.open_holds(), 0);
}

#[test]
fn a_far_ledger_serves_runs_as_well() {
    let house = House::of([]);
    let far = FarLedger::new(house.ledger.clone());
    let enforcer = Enforcer::builder().prices(prices()).ledger(far).clock(house.clock.clone()).build();
    block_on(async {
        let run = RunGuard::builder("r").usd(usd("1.00")).open(&enforcer).await.unwrap();
        let child =
            run.child("c").carve(RunPart::Usd(usd("0.50"))).open().await.unwrap().or_refusal().unwrap();
        let held = child.reserve(&call("milli", 100)).await.unwrap().or_refusal().unwrap();
        let _ = held.send().reconcile(Usage::of(0, 100)).await.unwrap();
        child.close().await.unwrap();
        run.grant(usd("0.10"), signed("ada", "more")).await.unwrap();
        let report = run.report().await.unwrap();
        assert_eq!((report.spent_usd, report.reserved_usd), (usd("0.10"), Usd::ZERO));
        let signal = run.stopped();
        run.stop(signed("ada", "done")).await.unwrap();
        assert_eq!(signal.await.attribution.reason, "done");
        assert!(run.reserve(&call("milli", 1)).await.unwrap().or_refusal().is_err());
        drop(run);
        assert_eq!(enforcer.flush().await.unwrap(), 0);
    });
    assert_eq!(house.ledger.open_holds(), 0);
    assert!(
        RunGuard::builder("r").limits(RunLimits::none()).open(&enforcer).wait().is_err(),
        "it must be waited for"
    );
}
