//! Are tools called as often as their limits say, and counted as often as they were called?

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use token_budget::decision::RefusalKind;
use token_budget::ledger::Attribution;
use token_budget::run::{RunLimits, ToolRefusal, ToolReservation};
use token_budget::usage::Unit;
use token_budget::{Budget, Call, Enforcer, RunGuard, Scope, Window};

use crate::support::{FarLedger, House, block_on, prices};

fn admit(run: &RunGuard, batch: &[&'static str]) -> ToolReservation {
    run.tools(batch.iter().copied()).wait().unwrap().or_refusal().unwrap()
}

fn refuse(run: &RunGuard, batch: &[&'static str]) -> Box<ToolRefusal> {
    run.tools(batch.iter().copied()).wait().unwrap().or_refusal().unwrap_err()
}

#[test]
fn a_batch_may_land_on_each_limit_and_not_pass_it() {
    let house = House::of([]);
    let run = RunGuard::builder("r").tool("search", 2).tool_calls(3).open(&house.enforcer).wait().unwrap();

    admit(&run, &["search", "search"]).start();
    let refused = refuse(&run, &["fetch", "search"]);
    admit(&run, &["fetch"]).start();
    let total = refuse(&run, &["fetch"]);

    let by_name = &refused.decision.refusals()[..];
    assert!(by_name.iter().any(|refusal| refusal.unit == Unit::Tool("search".into())), "{refused}");
    assert_eq!(refused.fits, ["fetch"]);
    assert_eq!(total.decision.refusals()[0].unit, Unit::ToolCalls);
    assert_eq!(total.decision.refusals()[0].kind, RefusalKind::RunLimit);
    let text = total.to_string();
    assert_eq!(
        text,
        "block tool calls; budget run/r lifetime: 3 of 3 tool calls used, call needs 1; \
         the run may make no more of them"
    );
    let report = run.report().wait().unwrap();
    assert_eq!((report.subtree.tool_calls, report.tools["search"], report.tools["fetch"]), (3, 2, 1));
    assert_eq!(report.over, None, "a run without tools may still speak");
}

#[test]
fn a_batch_that_does_not_fit_as_a_whole_takes_nothing_and_says_what_fits_in_order() {
    let house = House::of([]);
    let run = RunGuard::builder("r").tool("search", 2).tool("fetch", 1).tool_calls(4);
    let run = run.open(&house.enforcer).wait().unwrap();

    let refused = refuse(&run, &["search", "fetch", "search", "fetch", "search", "plan", "plan"]);

    // Two searches, one fetch; then the total of four leaves room for one plan.
    assert_eq!(refused.fits, ["search", "fetch", "search", "plan"]);
    assert_eq!(run.report().wait().unwrap().subtree.tool_calls, 0);
    let taken = run.tools(refused.fits.clone()).wait().unwrap().or_refusal().unwrap();
    assert_eq!(taken.batch(), refused.fits);
    taken.start();
    assert_eq!(run.report().wait().unwrap().subtree.tool_calls, 4);
}

#[test]
fn calls_that_were_never_started_are_given_back_and_started_ones_stand() {
    let house = House::of([]);
    let run = RunGuard::builder("r").tool_calls(1).open(&house.enforcer).wait().unwrap();

    let held = admit(&run, &["search"]);
    drop(refuse(&run, &["search"]));
    drop(held);
    let held = admit(&run, &["search"]);
    // Started late, after its hold has ended by age: it ran all the same.
    house.clock.advance(Duration::from_secs(3_600) - Duration::from_nanos(1));
    held.start();

    drop(refuse(&run, &["search"]));
    assert_eq!(run.report().wait().unwrap().tools["search"], 1);
    assert_eq!(house.ledger.open_holds(), 0);
}

#[test]
fn calls_that_wait_for_a_person_keep_their_room_however_long_it_takes() {
    let house = House::of([]);
    let run = RunGuard::builder("r").tool("pay", 1).open(&house.enforcer).wait().unwrap();

    // The hold ended by its age, a second payment was let in, and both were started.
    let waiting = admit(&run, &["pay"]);
    house.clock.advance(Duration::from_secs(301));
    drop(refuse(&run, &["pay"]));
    drop(waiting);
    let waiting = admit(&run, &["pay"]);
    house.clock.advance(Duration::from_secs(301));
    waiting.start();

    drop(refuse(&run, &["pay"]));
    assert_eq!(run.report().wait().unwrap().tools["pay"], 1);
    assert_eq!(house.ledger.open_holds(), 0);
}

#[test]
fn one_batch_is_one_command_to_admit_and_one_to_count() {
    let house = House::of([]);
    let far = FarLedger::new(house.ledger.clone());
    let enforcer =
        Enforcer::builder().prices(prices()).ledger(far.clone()).clock(house.clock.clone()).build();
    let run = block_on(RunGuard::builder("r").tool("search", 100).open(&enforcer)).unwrap();
    let before = far.commands();

    let held = block_on(run.tools(["search", "fetch", "search", "plan"])).unwrap().or_refusal().unwrap();
    let admitted = far.commands();
    held.start();
    block_on(enforcer.flush()).unwrap();

    assert_eq!((admitted - before, far.commands() - admitted), (1, 1));
    assert_eq!(block_on(run.report()).unwrap().tools["search"], 2);
}

#[test]
fn a_batch_that_is_cancelled_on_its_way_leaves_nothing() {
    let house = House::of([]);
    let far = FarLedger::new(house.ledger.clone());
    let enforcer = Enforcer::builder().ledger(far).clock(house.clock.clone()).build();
    let run = block_on(RunGuard::builder("r").limits(RunLimits::none()).open(&enforcer)).unwrap();
    for polls in 0..4 {
        let mut future = Box::pin(run.tools(["search"]));
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        for _ in 0..polls {
            if future.as_mut().poll(&mut context).is_ready() {
                break;
            }
        }
        drop(future);
        block_on(enforcer.flush()).unwrap();
        assert_eq!(house.ledger.open_holds(), 0, "after {polls} polls");
    }
    assert_eq!(block_on(run.report()).unwrap().subtree.tool_calls, 0);
}

#[test]
fn a_run_above_counts_the_calls_below_also_where_dollars_are_carved() {
    let house = House::of([]);
    let run = RunGuard::builder("r").usd(token_budget::Usd::dollars(1)).tool("search", 2);
    let run = run.open(&house.enforcer).wait().unwrap();
    let part = token_budget::run::RunPart::Usd(token_budget::Usd::cents(10));
    let shared = run.child("shared").open().wait().unwrap().or_refusal().unwrap();
    let carved = run.child("carved").carve(part).open().wait().unwrap().or_refusal().unwrap();

    admit(&shared, &["search"]).start();
    admit(&carved, &["search"]).start();
    let refused = refuse(&shared, &["search"]);

    assert_eq!(refused.decision.refusals()[0].scope, Some(Scope::run("r").unwrap()));
    let report = run.report().wait().unwrap();
    assert_eq!((report.subtree.tool_calls, report.direct.tool_calls), (2, 0));
    assert_eq!(report.tools["search"], 2);
}

#[test]
fn a_stopped_run_and_a_run_out_of_time_call_no_tools() {
    let house = House::of([]);
    let run =
        RunGuard::builder("r").time_limit(Duration::from_secs(60)).open(&house.enforcer).wait().unwrap();
    house.clock.advance(Duration::from_secs(60));
    let late = refuse(&run, &["search"]);
    assert_eq!((late.decision.refusals()[0].unit.clone(), late.fits.len()), (Unit::TimeMs, 0));

    let run = RunGuard::builder("s").limits(RunLimits::none()).open(&house.enforcer).wait().unwrap();
    run.stop(Attribution::new("grace", "it loops")).wait().unwrap();
    let stopped = refuse(&run, &["search"]);
    assert!(stopped.to_string().contains("it loops"), "{stopped}");
    assert!(stopped.fits.is_empty());
}

#[test]
fn a_policy_may_count_the_tool_calls_of_an_agent_over_all_its_runs() {
    let agent = Scope::agent("scout").unwrap();
    let house = House::of([Budget::count("tools", agent, Unit::Tool("search".into()), 2, Window::day())]);
    let open = |id: &str| {
        let builder =
            RunGuard::builder(id).limits(RunLimits::none()).charging(Call::charging().agent("scout"));
        builder.open(&house.enforcer).wait().unwrap()
    };
    let (first, second) = (open("a"), open("b"));
    admit(&first, &["search"]).start();
    admit(&second, &["search", "fetch"]).start();
    assert_eq!(refuse(&second, &["search", "fetch"]).fits, ["fetch"]);
    house.go_to("2026-11-23T00:00:00Z");
    admit(&second, &["search"]).start();
}

#[test]
fn a_name_that_cannot_be_used_is_an_error_and_names_without_end_fill_no_books() {
    let house = House::of([]);
    let run = RunGuard::builder("r").limits(RunLimits::none()).open(&house.enforcer).wait().unwrap();
    assert!(run.tools([""]).wait().is_err() && run.tools(["a\nb"]).wait().is_err());
    for number in 0..1_000 {
        run.tools([format!("tool-{number}")]).wait().unwrap().or_refusal().unwrap().start();
    }
    let report = run.report().wait().unwrap();
    assert_eq!((report.subtree.tool_calls, report.tools.len()), (1_000, 64));
    assert!(house.ledger.accounts() < 100, "{}", house.ledger.accounts());
}

#[test]
fn threads_that_ask_at_once_never_pass_a_tools_limit() {
    let house = House::of([]);
    let run =
        RunGuard::builder("r").tool("search", 100).tool_calls(150).open(&house.enforcer).wait().unwrap();
    let (searches, fetches, refused) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..50 {
                    match run.tools(["search", "fetch"]).wait().unwrap().or_refusal() {
                        Ok(held) => {
                            held.start();
                            searches.fetch_add(1, Ordering::SeqCst);
                            fetches.fetch_add(1, Ordering::SeqCst);
                        }
                        Err(_) => drop(refused.fetch_add(1, Ordering::SeqCst)),
                    }
                }
            });
        }
    });
    // 150 calls in all are 75 batches of two, well below a hundred searches.
    assert_eq!((searches.into_inner(), fetches.into_inner(), refused.into_inner()), (75, 75, 325));
    assert_eq!(run.report().wait().unwrap().subtree.tool_calls, 150);
    assert_eq!(house.ledger.open_holds(), 0);
}
