//! Do runs below others stay inside what those have, and do all levels see what was spent?

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use token_budget::decision::{Refusal, RefusalKind};
use token_budget::ledger::{Attribution, MarkAction};
use token_budget::run::{ChildAdmission, KeptBack, RunLimits, RunPart, RunReport};
use token_budget::usage::Unit;
use token_budget::{Budget, Call, Decision, Enforcer, RunGuard, Scope, Usage, Usd, Window};

use crate::support::{Dice, FarLedger, House, at, block_on, call, nanos, prices, ready, team, usd};

/// A tenth of a cent for each token, as everywhere in these tests.
fn spend(run: &RunGuard, tokens: u64) -> bool {
    match run.reserve(&call("milli", tokens)).wait().unwrap().or_refusal() {
        Ok(reservation) => {
            let _ = reservation.send().reconcile(Usage::of(0, tokens)).wait().unwrap();
            true
        }
        Err(_) => false,
    }
}

fn refuse(run: &RunGuard, tokens: u64) -> Box<Decision> {
    run.reserve(&call("milli", tokens)).wait().unwrap().or_refusal().unwrap_err()
}

fn opened(admission: ChildAdmission) -> RunGuard {
    admission.or_refusal().unwrap()
}

fn carved(parent: &RunGuard, name: &'static str, part: &str) -> RunGuard {
    opened(parent.child(name).carve(RunPart::Usd(usd(part))).open().wait().unwrap())
}

fn report(run: &RunGuard) -> RunReport {
    run.report().wait().unwrap()
}

/// Dollars spent and held, as text.
fn money(run: &RunGuard) -> (String, String) {
    let report = report(run);
    (report.spent_usd.to_string(), report.reserved_usd.to_string())
}

fn pair(spent: &str, reserved: &str) -> (String, String) {
    (spent.to_owned(), reserved.to_owned())
}

#[test]
fn a_run_that_shares_is_bound_by_every_run_above_at_once() {
    let house = House::of([]);
    let top = RunGuard::builder("top").usd(usd("1.00")).iterations(4).open(&house.enforcer).wait().unwrap();
    let middle = opened(top.child("middle").usd(usd("0.60")).open().wait().unwrap());
    let bottom = opened(middle.child("bottom").open().wait().unwrap());

    assert_eq!(bottom.id(), "top/middle/bottom");
    assert!(!spend(&bottom, 601) && spend(&bottom, 600));
    let refused = refuse(&bottom, 1);
    assert_eq!(refused.refusals()[0].scope, Some(Scope::run("top/middle").unwrap()));
    // The middle is used up; the top has 40 cents of its own left.
    assert!(spend(&top, 400) && !spend(&top, 1));

    assert_eq!(money(&top), pair("1.00", "0.00"));
    assert_eq!(money(&middle), pair("0.60", "0.00"));
    assert_eq!((report(&top).direct.usd, report(&middle).direct.usd), (usd("0.40"), Usd::ZERO));
    assert_eq!((report(&top).iterations, report(&top).direct.iterations), (2, 1));
    assert_eq!(report(&bottom).direct.usd, usd("0.60"));
    // All of them hear that they cannot go on.
    assert!(report(&bottom).over.unwrap().contains("run/top/middle"));
}

#[test]
fn what_is_carved_is_held_at_once_and_given_back_but_for_what_was_spent() {
    let house = House::of([]);
    let top = RunGuard::builder("top").usd(usd("1.00")).open(&house.enforcer).wait().unwrap();
    let child = carved(&top, "child", "0.70");
    assert_eq!(money(&top), pair("0.00", "0.70"));
    assert!(!spend(&top, 301) && spend(&top, 300));

    assert!(!spend(&child, 701) && spend(&child, 200));
    assert_eq!(money(&top), pair("0.30", "0.70"));
    assert_eq!(money(&child), pair("0.20", "0.00"));
    assert_eq!(report(&top).iterations, 2, "what is not carved is shared");
    child.close().wait().unwrap();

    assert_eq!(money(&top), pair("0.50", "0.00"));
    assert_eq!((report(&top).direct.usd, report(&top).direct.iterations), (usd("0.30"), 1));
    assert!(spend(&top, 500) && !spend(&top, 1));
    assert_eq!(house.ledger.open_holds(), 0);
}

#[test]
fn a_part_that_does_not_fit_is_refused_with_the_line_and_leaves_nothing() {
    let house = House::of([]);
    let top = RunGuard::builder("top").usd(usd("1.00")).open(&house.enforcer).wait().unwrap();
    let first = carved(&top, "first", "0.60");
    let ask =
        |part: &str| top.child("second").carve(RunPart::Usd(usd(part))).open().wait().unwrap().or_refusal();

    let refused = ask("0.400000001").unwrap_err();
    assert_eq!(refused.refusals()[0].scope, Some(Scope::run("top").unwrap()));
    let child = Scope::run("top/first").unwrap();
    assert_eq!(refused.refusals()[0].kind, RefusalKind::HeldForChild { child }, "{refused}");
    assert_eq!(report(&top).children, 1, "a run that was refused is no child");
    assert_eq!(house.ledger.open_holds(), 1);

    let second = ask("0.40").unwrap();
    assert!(spend(&second, 400) && spend(&first, 600) && !spend(&top, 1));
    assert!(top.child("third").carve(RunPart::Usd(Usd::ZERO)).open().wait().is_err());
    assert!(top.child("a/b").open().wait().is_err());
}

#[test]
fn calls_in_flight_when_a_carved_run_ends_keep_theirs_and_are_posted_when_they_end() {
    let house = House::of([]);
    let top = RunGuard::builder("top").usd(usd("1.00")).open(&house.enforcer).wait().unwrap();
    let child = carved(&top, "child", "0.50");
    assert!(spend(&child, 100));
    let running = child.reserve(&call("milli", 200)).wait().unwrap().or_refusal().unwrap().send();
    child.close().wait().unwrap();

    assert_eq!(money(&top), pair("0.10", "0.20"));
    assert!(!spend(&top, 701) && spend(&top, 700));
    // It costs more than it held, and all of it is posted above.
    let _ = running.reconcile(Usage::of(0, 250)).wait().unwrap();
    assert_eq!(money(&top), pair("1.05", "0.00"));
    assert_eq!(report(&top).direct.usd, usd("0.70"));
    assert!(!spend(&top, 1));
    assert_eq!(house.ledger.open_holds(), 0);
}

#[test]
fn a_late_report_below_an_ended_run_changes_what_was_posted_above() {
    for (late, spent) in [(100, "0.10"), (800, "0.80")] {
        let house = House::of([]);
        let top = RunGuard::builder("top").usd(usd("5.00")).open(&house.enforcer).wait().unwrap();
        let child = carved(&top, "child", "1.00");
        let running = child.reserve(&call("milli", 500)).wait().unwrap().or_refusal().unwrap().send();
        child.close().wait().unwrap();
        assert_eq!(money(&top), pair("0.00", "0.50"));
        // Its hold ends by age and is charged in full; the report comes late.
        house.clock.advance(Duration::from_secs(300));
        assert_eq!(money(&top), pair("0.50", "0.00"));
        let _ = running.reconcile(Usage::of(0, late)).wait().unwrap();
        assert_eq!(money(&top), pair(spent, "0.00"));
        assert_eq!(report(&top).direct.usd, Usd::ZERO);
    }
}

#[test]
fn parts_of_parts_add_up_in_every_run() {
    let house = House::of([]);
    let top = RunGuard::builder("top").usd(usd("1.00")).open(&house.enforcer).wait().unwrap();
    let middle = carved(&top, "middle", "0.60");
    let shared = opened(middle.child("shared").open().wait().unwrap());
    let bottom = carved(&shared, "bottom", "0.50");

    // The part of a part is held on the run that shares and on the one that has the first part.
    assert_eq!(money(&middle), pair("0.00", "0.50"));
    assert_eq!(money(&top), pair("0.00", "0.60"));
    assert!(spend(&bottom, 500) && !spend(&bottom, 1));
    assert!(spend(&shared, 100) && !spend(&shared, 1) && !spend(&middle, 1));
    bottom.close().wait().unwrap();
    assert_eq!(money(&shared), pair("0.60", "0.00"));
    assert_eq!(report(&shared).direct.usd, usd("0.10"));
    middle.close().wait().unwrap();
    assert_eq!(money(&top), pair("0.60", "0.00"));
}

#[test]
fn closing_a_run_ends_the_parts_of_all_below() {
    let house = House::of([]);
    let top = RunGuard::builder("top").usd(usd("1.00")).open(&house.enforcer).wait().unwrap();
    let middle = opened(top.child("middle").open().wait().unwrap());
    let bottom = carved(&middle, "bottom", "0.50");
    assert!(spend(&bottom, 100));

    middle.close().wait().unwrap();

    assert_eq!(money(&top), pair("0.10", "0.00"));
    let refused = refuse(&bottom, 1).to_string();
    assert_eq!(
        refused,
        "block milli; run/top/middle was closed by its guard: its work is done; begin another run, or reopen this one"
    );
    assert!(report(&bottom).over.unwrap().contains("run/top/middle was closed"));
}

#[test]
fn tokens_may_be_carved_while_dollars_stay_shared() {
    let house = House::of([]);
    let top = RunGuard::builder("top").tokens(1_000).usd(usd("0.50")).open(&house.enforcer).wait().unwrap();
    let child = opened(top.child("child").carve(RunPart::Tokens(600)).open().wait().unwrap());
    assert!(!spend(&top, 401) && !spend(&child, 601));
    assert!(spend(&child, 300));
    assert_eq!((report(&top).tokens, report(&top).spent_usd), (0, usd("0.30")));
    assert!(!spend(&child, 201), "the dollars above bind");
    child.close().wait().unwrap();
    assert_eq!((report(&top).tokens, report(&top).direct.tokens), (300, 0));
}

#[test]
fn a_share_is_of_what_the_parent_has_left_and_stays_what_it_was() {
    let house = House::of([]);
    let kept_back = KeptBack { usd: usd("0.20"), ..KeptBack::default() };
    let top =
        RunGuard::builder("top").usd(usd("1.20")).keep_back(kept_back).open(&house.enforcer).wait().unwrap();
    assert!(spend(&top, 200));
    // 80 cents are left beside what is kept back; a quarter of them are 20.
    let child = opened(top.child("limited").usd_percent(25).open().wait().unwrap());
    assert!(!spend(&child, 201) && spend(&child, 200));
    drop(child);
    let again = opened(top.child("limited").usd_percent(25).open().wait().unwrap());
    assert!(!spend(&again, 1), "it was opened before, with another share of less");
    // 60 cents are left; half of them are 30.
    let part = opened(top.child("carved").carve(RunPart::Percent(50)).open().wait().unwrap());
    assert_eq!(money(&top), pair("0.40", "0.30"));
    assert!(!spend(&part, 301) && spend(&part, 300));
    let free = RunGuard::builder("free").limits(RunLimits::none()).open(&house.enforcer).wait().unwrap();
    assert!(free.child("c").usd_percent(50).open().wait().is_err(), "there is nothing to be a share of");
    assert!(top.child("c").usd_percent(101).open().wait().is_err());
}

#[test]
fn depth_and_children_are_limits_like_others() {
    let house = House::of([]);
    let top = RunGuard::builder("top").max_depth(2).max_children(2).open(&house.enforcer).wait().unwrap();
    let first = opened(top.child("first").open().wait().unwrap());
    let below = opened(first.child("below").open().wait().unwrap());

    let deep = below.child("too-deep").open().wait().unwrap().or_refusal().unwrap_err();
    assert_eq!((&deep.refusals()[0].unit, &deep.refusals()[0].kind), (&Unit::Depth, &RefusalKind::RunLimit));
    assert_eq!(deep.refusals()[0].scope, Some(Scope::run("top").unwrap()));

    let second = opened(top.child("second").open().wait().unwrap());
    let many = top.child("third").open().wait().unwrap().or_refusal().unwrap_err();
    assert_eq!((&many.refusals()[0].unit, many.refusals()[0].limit), (&Unit::Children, Some(2)));
    assert_eq!(
        many.to_string(),
        "block run/top/third; budget run/top lifetime: 2 of 2 sub-runs used, call needs 1; \
         the run may begin no more of them"
    );
    // One that is opened again is no other child.
    drop(second);
    drop(opened(top.child("second").open().wait().unwrap()));
    assert_eq!(report(&top).children, 2);
}

#[test]
fn a_run_below_ends_no_later_than_its_parent() {
    let house = House::of([]);
    let top =
        RunGuard::builder("top").time_limit(Duration::from_secs(60)).open(&house.enforcer).wait().unwrap();
    let child = opened(top.child("child").time_limit(Duration::from_secs(600)).open().wait().unwrap());
    let early = opened(top.child("early").time_limit(Duration::from_secs(10)).open().wait().unwrap());
    house.clock.advance(Duration::from_secs(10));
    assert!(spend(&child, 1) && !spend(&early, 1));
    house.clock.advance(Duration::from_secs(50) - Duration::from_nanos(1));
    assert!(spend(&child, 1));
    house.clock.advance(Duration::from_nanos(1));
    let refused = refuse(&child, 1);
    assert_eq!(refused.refusals()[0].scope, Some(Scope::run("top").unwrap()));
    assert!(top.child("late").open().wait().unwrap().or_refusal().is_err());
}

#[test]
fn a_part_is_held_until_the_deadline_and_what_was_spent_replaces_it_afterwards() {
    let house = House::of([]);
    let deadline = at("2026-11-22T13:00:00Z");
    let top =
        RunGuard::builder("top").usd(usd("1.00")).deadline(deadline).open(&house.enforcer).wait().unwrap();
    let child = carved(&top, "child", "0.40");
    assert!(spend(&child, 100));
    house.go_to("2026-11-22T12:59:59.999999999Z");
    assert_eq!(money(&top), pair("0.00", "0.40"));
    house.go_to("2026-11-22T13:00:00Z");
    // Nobody said how it ended: all of it is charged, until somebody does.
    assert_eq!(money(&top), pair("0.40", "0.00"));
    child.close().wait().unwrap();
    assert_eq!(money(&top), pair("0.10", "0.00"));
}

#[test]
fn a_part_ends_with_a_deadline_of_its_own_and_none_begins_after_it() {
    let house = House::of([]);
    let top = RunGuard::builder("top").usd(usd("1.00")).open(&house.enforcer).wait().unwrap();
    let open = |name: &'static str| {
        let child = top.child(name).deadline(at("2026-11-22T13:00:00Z")).carve(RunPart::Usd(usd("0.40")));
        child.open().wait().unwrap().or_refusal()
    };
    let child = open("child").unwrap();
    house.go_to("2026-11-22T13:00:00Z");
    assert_eq!(money(&top), pair("0.40", "0.00"));
    child.close().wait().unwrap();
    assert_eq!(money(&top), pair("0.00", "0.00"));
    let late = open("late").unwrap_err();
    assert_eq!(late.refusals()[0].kind, RefusalKind::Deadline { at: at("2026-11-22T13:00:00Z") });
    assert_eq!((money(&top), report(&top).children), (pair("0.00", "0.00"), 1));
}

#[test]
fn whoever_pays_beside_the_runs_sees_a_carved_charge_when_it_is_made_and_no_part() {
    let house = House::of([Budget::usd("search", team(), usd("0.50"), Window::day())]);
    let charge = Call::charging().organization("acme").team("search");
    let top =
        RunGuard::builder("top").usd(usd("5.00")).charging(charge).open(&house.enforcer).wait().unwrap();
    let child = carved(&top, "child", "2.00");
    let payers = call("milli", 0).organization("acme");
    assert_eq!(house.dollars(&payers), (Usd::ZERO, Usd::ZERO));
    assert!(spend(&child, 300));
    assert_eq!(house.dollars(&payers), (usd("0.30"), Usd::ZERO));
    // The team's day refuses before the part is used up.
    assert!(!spend(&child, 201));
    child.close().wait().unwrap();
    assert_eq!(house.dollars(&payers), (usd("0.30"), Usd::ZERO));
    assert_eq!(money(&top), pair("0.30", "0.00"));
}

#[test]
fn a_stop_reaches_every_run_below_carved_or_not() {
    let house = House::of([]);
    let top = RunGuard::builder("top").usd(usd("1.00")).open(&house.enforcer).wait().unwrap();
    let shared = opened(top.child("shared").open().wait().unwrap());
    let part = carved(&top, "part", "0.50");
    let below = opened(part.child("below").open().wait().unwrap());
    let running = part.reserve(&call("milli", 100)).wait().unwrap().or_refusal().unwrap().send();

    top.stop(Attribution::new("grace", "it loops")).wait().unwrap();

    let kind = RefusalKind::Frozen { mark: MarkAction::Stop, by: "grace".into(), reason: "it loops".into() };
    for run in [&shared, &part, &below] {
        assert_eq!(refuse(run, 1).refusals()[0].kind, kind, "{}", run.id());
        assert!(report(run).over.unwrap().contains("run/top was stopped by grace: it loops"));
    }
    // Money for a call in flight is recorded, and posted above.
    let _ = running.reconcile(Usage::of(0, 100)).wait().unwrap();
    part.close().wait().unwrap();
    assert_eq!(money(&top), pair("0.10", "0.00"));
}

#[test]
fn a_carved_run_is_continued_by_its_id_from_another_process() {
    let house = House::of([]);
    // Another enforcer over the same ledger knows nothing of what this one did.
    let elsewhere =
        Enforcer::builder().prices(prices()).ledger(house.ledger.clone()).clock(house.clock.clone()).build();
    let open = |enforcer: &Enforcer| RunGuard::builder("top").usd(usd("1.00")).open(enforcer).wait().unwrap();
    let top = open(&house.enforcer);
    let child = carved(&top, "child", "0.50");
    assert!(spend(&child, 200));
    drop((child, top));

    let top = open(&elsewhere);
    assert_eq!(money(&top), pair("0.00", "0.50"));
    // It has its part, whatever it is opened with this time.
    let child = opened(top.child("child").open().wait().unwrap());
    assert!(!spend(&child, 301) && spend(&child, 300));
    assert_eq!(report(&top).children, 1);
    child.close().wait().unwrap();
    assert_eq!(money(&top), pair("0.50", "0.00"));
    assert!(
        top.child("child")
            .open()
            .wait()
            .unwrap()
            .or_refusal()
            .unwrap()
            .report()
            .wait()
            .unwrap()
            .over
            .is_some()
    );
    assert_eq!(money(&top), pair("0.50", "0.00"));
}

#[test]
fn opening_below_may_be_cancelled_at_any_point_and_leaks_nothing() {
    let house = House::of([]);
    let far = FarLedger::new(house.ledger.clone());
    let enforcer = Enforcer::builder().prices(prices()).ledger(far).clock(house.clock.clone()).build();
    let top = block_on(RunGuard::builder("top").usd(usd("1.00")).max_children(1).open(&enforcer)).unwrap();
    let (mut opened, mut nothing) = (0, 0);
    for polls in 0..60 {
        let mut future = Box::pin(top.child("child").carve(RunPart::Usd(usd("0.50"))).open());
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        let mut done = false;
        for _ in 0..polls {
            if let std::task::Poll::Ready(child) = future.as_mut().poll(&mut context) {
                drop(child.unwrap().or_refusal().unwrap());
                done = true;
                break;
            }
        }
        drop(future);
        block_on(enforcer.flush()).unwrap();
        opened += u32::from(done);
        // Everything or nothing: it is counted and has its part, or neither.
        let children = block_on(top.report()).unwrap().children;
        assert_eq!(house.ledger.open_holds() as u64, children, "after {polls} polls");
        assert!(children == 1 || opened == 0 && children == 0, "after {polls} polls");
        nothing += u32::from(children == 0);
    }
    assert!(nothing > 0, "some were cancelled before anything stood");
    assert!(opened > 0, "some openings came to their end");
}

#[test]
fn children_in_parallel_spend_no_more_than_their_parents_have() {
    let house = House::of([]);
    let top = RunGuard::builder("top").usd(usd("1.00")).open(&house.enforcer).wait().unwrap();
    let bill = AtomicI64::new(0);
    std::thread::scope(|scope| {
        for number in 0..8_u64 {
            let (top, bill) = (&top, &bill);
            scope.spawn(move || {
                let builder = top.child(format!("c{number}"));
                // Half of them share; the others carve 20 cents each, of which not all fit.
                let builder =
                    if number % 2 == 0 { builder } else { builder.carve(RunPart::Usd(usd("0.20"))) };
                let Ok(child) = builder.open().wait().unwrap().or_refusal() else { return };
                for _ in 0..40 {
                    if spend(&child, 7) {
                        bill.fetch_add(nanos("0.007"), Ordering::SeqCst);
                    }
                }
                child.close().wait().unwrap();
            });
        }
    });
    let report = report(&top);
    assert_eq!((report.spent_usd.nanos(), report.reserved_usd), (bill.into_inner(), Usd::ZERO));
    assert!(report.spent_usd <= usd("1.00") && report.direct.usd == Usd::ZERO);
    assert_eq!(house.ledger.open_holds(), 0);
}

#[test]
fn a_child_that_many_threads_open_at_once_is_one_child_with_one_part() {
    let house = House::of([]);
    let top = RunGuard::builder("top").usd(usd("1.00")).max_children(1).open(&house.enforcer).wait().unwrap();
    let opened = Arc::new(AtomicI64::new(0));
    std::thread::scope(|scope| {
        for _ in 0..8 {
            let (top, opened) = (&top, Arc::clone(&opened));
            scope.spawn(move || {
                let open = || top.child("child").carve(RunPart::Usd(usd("0.60"))).open().wait().unwrap();
                // Whoever comes while another is at it is asked to come again.
                while let Err(decision) = open().or_refusal() {
                    assert!(decision.refusals().iter().any(is_in_flight), "{decision}");
                    std::thread::yield_now();
                }
                opened.fetch_add(1, Ordering::SeqCst);
            });
        }
    });
    assert_eq!(opened.load(Ordering::SeqCst), 8);
    assert_eq!((report(&top).children, report(&top).reserved_usd), (1, usd("0.60")));
}

fn is_in_flight(refusal: &Refusal) -> bool {
    refusal.kind == RefusalKind::InFlight
}

#[test]
fn a_child_that_somebody_else_begins_in_vain_is_counted_or_does_not_stand() {
    let mut stood = 0;
    for polls in 0..60 {
        let house = House::of([]);
        let far = FarLedger::new(house.ledger.clone());
        let enforcer = Enforcer::builder().prices(prices()).ledger(far).clock(house.clock.clone()).build();
        let open = RunGuard::builder("top").usd(usd("1.00")).max_children(1).open(&enforcer);
        let top = block_on(open).unwrap();
        // Five dollars are refused in the end, or it is cancelled before: both give its count back.
        let mut in_vain = Box::pin(top.child("x").carve(RunPart::Usd(usd("5.00"))).open());
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        let done = (0..polls).any(|_| in_vain.as_mut().poll(&mut context).is_ready());
        let x = block_on(top.child("x").open()).unwrap().or_refusal();
        drop(in_vain);
        block_on(enforcer.flush()).unwrap();
        let y = block_on(top.child("y").open()).unwrap().or_refusal();

        assert_eq!(u32::from(x.is_ok()) + u32::from(y.is_ok()), 1, "after {polls} polls, done: {done}");
        assert_eq!(block_on(top.report()).unwrap().children, 1, "after {polls} polls");
        stood += u32::from(x.is_ok());
    }
    assert!((1..60).contains(&stood), "{stood} of 60 stood");
}

#[test]
fn a_part_is_given_back_also_where_its_last_call_ends_in_another_process() {
    let house = House::of([]);
    let elsewhere =
        Enforcer::builder().prices(prices()).ledger(house.ledger.clone()).clock(house.clock.clone()).build();
    let open = |enforcer: &Enforcer| {
        let top = RunGuard::builder("top").usd(usd("10.00")).open(enforcer).wait().unwrap();
        let child = carved(&top, "child", "4.00");
        (top, child)
    };
    let (top_here, child_here) = open(&house.enforcer);
    let (top, child) = open(&elsewhere);
    let in_flight = child.reserve(&call("milli", 1_000)).wait().unwrap().or_refusal().unwrap().send();
    child_here.close().wait().unwrap();
    drop(top_here); // its process ends
    in_flight.reconcile(Usage::of(0, 600)).wait().unwrap();
    drop(child);

    // The one who closed it is gone, and the other was never told: the dollar of the call stayed held.
    assert_eq!(money(&top), pair("0.60", "0.00"));
    assert!(spend(&top, 9_400));
}

/// The outer part was looked at first, while the inner one still stood, and not again.
#[test]
fn a_part_inside_a_part_is_replaced_in_one_look_once_its_last_call_has_ended() {
    let house = House::of([]);
    let top = RunGuard::builder("top").usd(usd("10.00")).open(&house.enforcer).wait().unwrap();
    let outer = carved(&top, "outer", "4.00");
    let inner = carved(&outer, "inner", "2.00");
    let in_flight = inner.reserve(&call("milli", 1_000)).wait().unwrap().or_refusal().unwrap().send();
    outer.close().wait().unwrap();
    inner.close().wait().unwrap();
    in_flight.reconcile(Usage::of(0, 600)).wait().unwrap();

    assert_eq!(money(&top), pair("0.60", "0.00"));
    assert_eq!(house.ledger.open_holds(), 0);
}

/// One run of a random family, with what its own calls used.
struct Member {
    guard: Option<RunGuard>,
    parent: Option<usize>,
    used: i64,
}

#[test]
fn in_a_random_family_the_books_are_the_sum_of_what_calls_used_in_every_run() {
    let mut dice = Dice::new("runs: family");
    for round in 0..30 {
        let house = House::of([]);
        let top = RunGuard::builder("top").usd(Usd::dollars(20)).open(&house.enforcer).wait().unwrap();
        let mut family = vec![Member { guard: Some(top), parent: None, used: 0 }];
        let mut in_flight = Vec::new();
        for _ in 0..120 {
            let at = usize::try_from(dice.below(family.len() as u64)).unwrap();
            let Some(guard) = &family[at].guard else { continue };
            match dice.below(10) {
                0 | 1 if family.len() < 12 => {
                    let builder = guard.child(format!("c{}", family.len()));
                    let builder = match dice.below(3) {
                        0 => builder,
                        1 => builder
                            .carve(RunPart::Usd(Usd::cents(u32::try_from(dice.below(300) + 1).unwrap()))),
                        _ => builder.carve(RunPart::Percent(u32::try_from(dice.below(60) + 1).unwrap())),
                    };
                    // A share of nothing is no part; a run that is over begins none.
                    if let Ok(Ok(child)) = builder.open().wait().map(ChildAdmission::or_refusal) {
                        family.push(Member { guard: Some(child), parent: Some(at), used: 0 });
                    }
                }
                2 if at > 0 => drop(family[at].guard.take().unwrap().close().wait().unwrap()),
                3 => house.clock.advance(Duration::from_millis(dice.below(1_000))),
                4 | 5 if !in_flight.is_empty() => {
                    let place = usize::try_from(dice.below(in_flight.len() as u64)).unwrap();
                    let (owner, call): (usize, token_budget::InFlight) = in_flight.swap_remove(place);
                    let used = dice.below(120);
                    let receipt = call.reconcile(Usage::of(0, used)).wait().unwrap();
                    family[owner].used += receipt.cost().nanos();
                }
                6 => drop(guard.reserve(&call("milli", dice.below(100))).wait().unwrap()),
                _ => {
                    let asked = call("milli", 1 + dice.below(100));
                    if let Ok(reservation) = guard.reserve(&asked).wait().unwrap().or_refusal() {
                        in_flight.push((at, reservation.send()));
                    }
                }
            }
        }
        for (owner, call) in in_flight {
            family[owner].used += call.reconcile(Usage::of(0, 50)).wait().unwrap().cost().nanos();
        }
        // Those below are closed before those above.
        for member in family.iter_mut().skip(1).rev() {
            member.guard.take().into_iter().for_each(|guard| drop(guard.close().wait().unwrap()));
        }
        check_family(&house, &family, round);
    }
}

/// Opens every run again and holds its books to the sum of what calls used in it and below.
fn check_family(house: &House, family: &[Member], round: u32) {
    let top = family[0].guard.as_ref().unwrap();
    let report = report(top);
    let all: i64 = family.iter().map(|member| member.used).sum();
    assert_eq!((report.spent_usd.nanos(), report.reserved_usd), (all, Usd::ZERO), "round {round}");
    assert_eq!(report.direct.usd.nanos(), family[0].used, "round {round}");
    assert_eq!(house.ledger.open_holds(), 0, "round {round}");
    let mut below: Vec<i64> = family.iter().map(|member| member.used).collect();
    for at in (1..family.len()).rev() {
        below[family[at].parent.unwrap()] += below[at];
    }
    let mut names = vec!["top".to_owned()];
    for (at, member) in family.iter().enumerate().skip(1) {
        names.push(format!("{}/c{at}", names[member.parent.unwrap()]));
        let again = RunGuard::builder(names[at].clone()).open(&house.enforcer).wait().unwrap();
        let figures = again.report().wait().unwrap();
        assert_eq!(figures.spent_usd.nanos(), below[at], "round {round}, {}", names[at]);
        assert_eq!(figures.direct.usd.nanos(), member.used, "round {round}, {}", names[at]);
        assert_eq!(figures.reserved_usd, Usd::ZERO, "round {round}, {}", names[at]);
    }
}

#[test]
fn a_parent_that_waits_for_a_childs_part_hears_that_and_not_of_calls_in_flight() {
    // It was told to ask again soon, and would have asked until the child was closed.
    let house = House::of([]);
    let top = RunGuard::builder("top").usd(usd("1.00")).open(&house.enforcer).wait().unwrap();
    let child = carved(&top, "child", "0.60");
    let refused = top.reserve(&call("milli", 500)).wait().unwrap().or_refusal().unwrap_err();
    let held = RefusalKind::HeldForChild { child: Scope::run("top/child").unwrap() };
    assert_eq!(refused.refusals()[0].kind, held);
    assert_eq!(refused.retry_at(), None, "nobody knows when a run is closed");
    assert_eq!(
        refused.refusals()[0].to_string(),
        "budget run/top lifetime: 0.00 of 1.00 USD used, 0.60 held, call needs 0.50; a part is set aside for \
         run/top/child, fits once that run is closed"
    );
    assert_eq!(serde_json::to_value(&refused.refusals()[0]).unwrap()["kind"], "held_for_child");
    let advice =
        ready(house.enforcer.check(&top.call().with_model("milli").input_tokens(0).output_tokens(500)));
    assert_eq!(advice.unwrap().refusals()[0].kind, held);

    // What is in flight may end at any moment, and would suffice.
    let open = top.reserve(&call("milli", 300)).wait().unwrap().or_refusal().unwrap().send();
    let refused = top.reserve(&call("milli", 200)).wait().unwrap().or_refusal().unwrap_err();
    assert!(is_in_flight(&refused.refusals()[0]), "{refused}");
    drop(open.reconcile(Usage::of(0, 0)).wait().unwrap());
    child.close().wait().unwrap();
    assert!(top.reserve(&call("milli", 500)).wait().unwrap().is_admitted());
}
