//! A run is its id and its books: its limits, its parents, and every way by which a call names it.

use std::time::Duration;

use token_budget::client::Permit;
use token_budget::decision::RefusalKind;
use token_budget::enforcer::Actual;
use token_budget::http::{HttpBudget, RequestHead, Ruling};
use token_budget::ledger::Attribution;
use token_budget::policy::Unbound;
use token_budget::run::{KeptBack, RunLimits, RunPart};
use token_budget::usage::Unit;
use token_budget::{Budget, Call, Enforcer, ErrorKind, RunGuard, Usage, Usd, Window};

use crate::support::{FarLedger, House, block_on, call, open_purse, prices, ready, team, usd};

/// One round of so many output tokens, at a tenth of a cent each; whether it was admitted.
fn round(run: &RunGuard, tokens: u64) -> bool {
    spend(run.reserve(&call("milli", tokens)).wait().unwrap(), tokens)
}

fn spend(admission: token_budget::Admission, tokens: u64) -> bool {
    let Ok(reservation) = admission.or_refusal() else { return false };
    reservation.send().reconcile(Usage::of(0, tokens)).wait().unwrap();
    true
}

/// Another process with the same books.
fn elsewhere(house: &House) -> Enforcer {
    let builder = Enforcer::builder().policy(open_purse()).prices(prices());
    builder.ledger(house.ledger.clone()).clock(house.clock.clone()).build()
}

fn dollars(limit: u32) -> token_budget::run::Builder {
    RunGuard::builder("r").usd(Usd::dollars(limit))
}

#[test]
fn opening_a_run_again_with_other_limits_is_refused_wherever_that_is() {
    // A process that opened the run with $100 had the whole of it, though it was begun with one.
    let house = House::of([]);
    let run = dollars(1).iterations(50).open(&house.enforcer).wait().unwrap();
    drop(run);
    for enforcer in [house.enforcer.clone(), elsewhere(&house)] {
        let error = dollars(100).iterations(50).open(&enforcer).wait().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict);
        assert_eq!(
            error.to_string(),
            "run r: USD: it was opened with 1.00 USD, and not with 100.00 USD; open it with the same limits or with \
             none, and raise its dollars by a signed grant"
        );
        assert!(
            dollars(1)
                .open(&enforcer)
                .wait()
                .unwrap_err()
                .to_string()
                .contains("iterations: it was opened with 50")
        );
        assert!(RunGuard::builder("r").limits(RunLimits::none()).open(&enforcer).wait().is_err());
        drop(dollars(1).iterations(50).open(&enforcer).wait().unwrap());
        // Whoever names none continues it as it was.
        let again = RunGuard::builder("r").open(&enforcer).wait().unwrap();
        assert_eq!((again.limits().usd, again.limits().iterations), (Some(Usd::dollars(1)), Some(50)));
        assert!(!round(&again, 1_001));
    }
}

#[test]
fn every_limit_is_held_to() {
    let all = |seconds: u64| {
        RunGuard::builder("r")
            .usd(Usd::dollars(9))
            .tokens(9_000)
            .iterations(9)
            .output_tokens_per_iteration(900)
            .time_limit(Duration::from_secs(seconds))
            .deadline(crate::support::at("2026-12-24T00:00:00Z"))
            .tool_calls(9)
            .tool("search", 3)
            .max_children(3)
            .max_depth(2)
            .keep_back(KeptBack { usd: Usd::cents(5), tokens: 10, iterations: 1 })
    };
    let house = House::of([]);
    drop(all(60).open(&house.enforcer).wait().unwrap());
    drop(all(60).open(&house.enforcer).wait().unwrap());
    let others = [
        ("USD", all(60).usd(Usd::dollars(10))),
        ("tokens", all(60).tokens(9_001)),
        ("output tokens per iteration", all(60).output_tokens_per_iteration(901)),
        ("time limit", all(61)),
        ("deadline", all(60).deadline(crate::support::at("2026-12-25T00:00:00Z"))),
        ("tools limited by name", all(60).tool("fetch", 3)),
        ("tool search", all(60).tool("search", 4)),
        ("kept back", all(60).keep_back(KeptBack::default())),
    ];
    for (name, other) in others {
        let error = other.open(&house.enforcer).wait().unwrap_err().to_string();
        assert!(error.contains(name), "{name}: {error}");
    }
    // Who names none has them all from the books.
    let again = RunGuard::builder("r").open(&house.enforcer).wait().unwrap();
    assert_eq!(again.limits(), all(60).open(&house.enforcer).wait().unwrap().limits());
    assert_eq!(again.limits().tools["search"], 3);
}

#[test]
fn a_limit_of_zero_is_another_than_none() {
    let house = House::of([]);
    drop(RunGuard::builder("r").usd(Usd::ZERO).open(&house.enforcer).wait().unwrap());
    let again = RunGuard::builder("r").open(&house.enforcer).wait().unwrap();
    assert_eq!(again.limits().usd, Some(Usd::ZERO));
    assert!(!round(&again, 1));
    let none = RunGuard::builder("n").limits(RunLimits::none());
    drop(none.clone().open(&house.enforcer).wait().unwrap());
    drop(none.open(&house.enforcer).wait().unwrap());
    assert!(round(&RunGuard::builder("n").open(&house.enforcer).wait().unwrap(), 1));
    assert!(RunGuard::builder("n").usd(Usd::dollars(1)).open(&house.enforcer).wait().is_err());
}

#[test]
fn a_signed_grant_raises_what_an_opening_cannot() {
    let house = House::of([]);
    let run = dollars(1).open(&house.enforcer).wait().unwrap();
    run.grant(Usd::dollars(1), Attribution::new("ada", "it is nearly done")).wait().unwrap();
    let again = dollars(1).open(elsewhere(&house)).wait().unwrap();
    assert!(round(&again, 2_000) && !round(&again, 1));
}

#[test]
fn a_saved_state_brings_its_limits_along() {
    let (before, after) = (House::of([]), House::of([]));
    let run = dollars(1).open(&before.enforcer).wait().unwrap();
    assert!(round(&run, 400));
    let state = run.save().wait().unwrap();
    let error = dollars(5).resume(state.clone()).open(&after.enforcer).wait().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    let run = dollars(1).resume(state.clone()).open(&after.enforcer).wait().unwrap();
    assert!(round(&run, 600) && !round(&run, 1));
    drop(RunGuard::builder("r").resume(state).open(&after.enforcer).wait().unwrap());
}

#[test]
fn a_child_that_was_refused_its_part_may_ask_for_a_smaller_one() {
    let house = House::of([]);
    let run = dollars(1).open(&house.enforcer).wait().unwrap();
    let part = |cents| run.child("c").carve(RunPart::Usd(Usd::cents(cents))).open().wait();
    assert!(part(101).unwrap().or_refusal().is_err());
    drop(part(40).unwrap().or_refusal().unwrap());
    drop(part(40).unwrap().or_refusal().unwrap());
    assert_eq!(part(50).unwrap_err().kind(), ErrorKind::Conflict);
    assert!(run.child("c").usd(Usd::dollars(9)).open().wait().is_err());
    drop(run.child("c").open().wait().unwrap().or_refusal().unwrap());
}

#[test]
fn a_child_opened_by_its_own_id_has_its_parents() {
    // Five dollars were spent below a parent of one, by the child's own id.
    let house = House::of([]);
    let parent = dollars(1).open(&house.enforcer).wait().unwrap();
    drop(parent.child("c").open().wait().unwrap().or_refusal().unwrap());
    for enforcer in [house.enforcer.clone(), elsewhere(&house)] {
        let child = RunGuard::builder("r/c").open(&enforcer).wait().unwrap();
        assert!(!round(&child, 1_001), "more than the parent has");
        assert!(round(&child, 100));
    }
    assert_eq!(parent.report().wait().unwrap().spent_usd, usd("0.20"));
    drop(parent);
    // Nor does one escape that was never begun as a child, at any depth, or whose parent is open nowhere.
    let deep = RunGuard::builder("r/new/deeper").usd(Usd::dollars(5)).open(elsewhere(&house)).wait().unwrap();
    assert!(!round(&deep, 801) && round(&deep, 800) && !round(&deep, 1));
    let parent = RunGuard::builder("r").open(&house.enforcer).wait().unwrap();
    assert_eq!(parent.report().wait().unwrap().spent_usd, Usd::dollars(1));
}

#[test]
fn a_parents_other_limits_reach_a_child_opened_by_its_id() {
    let house = House::of([]);
    drop(dollars(1).max_depth(0).open(&house.enforcer).wait().unwrap());
    let error = RunGuard::builder("r/c").usd(Usd::cents(1)).open(elsewhere(&house)).wait().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::State);
    let stopped = House::of([]);
    let parent = dollars(1).open(&stopped.enforcer).wait().unwrap();
    drop(parent.child("c").open().wait().unwrap().or_refusal().unwrap());
    parent.stop(Attribution::new("ada", "it loops")).wait().unwrap();
    let child = RunGuard::builder("r/c").open(elsewhere(&stopped)).wait().unwrap();
    let refused = child.reserve(&call("milli", 1)).wait().unwrap().or_refusal().unwrap_err();
    assert!(matches!(refused.refusals()[0].kind, RefusalKind::Frozen { .. }));
}

#[test]
fn a_slash_in_a_name_makes_no_parent_that_was_never_opened() {
    let house = House::of([]);
    let run = RunGuard::builder("2026/11/nightly").usd(Usd::dollars(2)).open(&house.enforcer).wait().unwrap();
    assert!(round(&run, 2_000) && !round(&run, 1));
}

const BODY: &[u8] = br#"{"model": "milli", "max_tokens": 10, "messages": []}"#;

/// Asks the gate for a request and sends it; whether it went out.
fn post(gate: &HttpBudget) -> bool {
    let head = RequestHead::new("POST", "llm.internal", "/v1/chat/completions", &[("a", "b")]);
    match block_on(gate.admit(&head, BODY)) {
        Ruling::Admitted(admitted) => {
            drop(admitted.send());
            true
        }
        _ => false,
    }
}

#[test]
fn a_runs_limits_bind_its_calls_over_http() {
    // Five calls passed a guard of two rounds: nothing but the guard itself knew of its limits.
    let house = House::of([]);
    let run = RunGuard::builder("r").iterations(2).open(&house.enforcer).wait().unwrap();
    let of_run = run.call();
    let gate = HttpBudget::new(house.enforcer.clone(), move |_| Ok(of_run.clone()));
    assert_eq!([post(&gate), post(&gate), post(&gate)], [true, true, false]);
    assert_eq!(run.report().wait().unwrap().iterations, 2);
}

#[test]
fn naming_the_run_by_its_scope_is_enough_and_so_are_its_books() {
    let house = House::with(open_purse(), |builder| builder);
    let run = RunGuard::builder("r").iterations(3).open(&house.enforcer).wait().unwrap();
    let named = |enforcer: &Enforcer| {
        HttpBudget::new(enforcer.clone(), |_| Ok(Call::charging().team("search").run("r")))
    };
    assert!(post(&named(&house.enforcer)));
    // Another process, in which nobody has it open.
    assert!(post(&named(&elsewhere(&house))));
    drop(run);
    assert_eq!([post(&named(&house.enforcer)), post(&named(&house.enforcer))], [true, false]);
    // A run that nobody ever opened is a name like any other.
    drop(house.admit(&call("milli", 10).run("unknown")));
}

#[test]
fn the_closure_form_takes_a_call_of_a_run() {
    let house = House::of([]);
    let run = RunGuard::builder("r").usd(usd("0.015")).open(&house.enforcer).wait().unwrap();
    let ask = async |_: Permit| Ok::<_, std::io::Error>(((), Actual::from(Usage::of(0, 10))));
    let call = run.call().with_model("milli").input_tokens(0).output_tokens(10);
    assert!(ready(house.enforcer.guard(&call, ask)).is_ok());
    assert!(ready(house.enforcer.guard(&call, ask)).is_err());
    assert!(!ready(house.enforcer.check(&call)).unwrap().is_allowed());
    assert!(!house.enforcer.prepare(&call).unwrap().reserve(0, 10).wait().unwrap().is_admitted());
}

#[test]
fn a_call_that_names_a_run_below_is_held_above_too() {
    let house = House::of([]);
    let parent = dollars(1).open(&house.enforcer).wait().unwrap();
    let child = parent.child("c").usd(Usd::dollars(9)).open().wait().unwrap().or_refusal().unwrap();
    let big = call("milli", 1_001);
    assert!(!spend(house.enforcer.reserve(&big.clone().run("r/c")).wait().unwrap(), 1_001));
    assert!(!spend(house.enforcer.reserve(&big.clone().run("r/never-begun")).wait().unwrap(), 1_001));
    assert!(spend(house.enforcer.reserve(&call("milli", 100).run("r/c")).wait().unwrap(), 100));
    assert_eq!(parent.report().wait().unwrap().spent_usd, usd("0.10"));
    drop(child);
    // One call is of one run.
    drop(RunGuard::builder("other").iterations(1).open(&house.enforcer).wait().unwrap());
    let both = house.enforcer.reserve(&call("milli", 1).run("r").run("other")).wait().unwrap_err();
    assert!(both.to_string().contains("a call is of one run"), "{both}");
}

#[test]
fn a_runs_time_and_stop_hold_for_calls_that_only_name_it() {
    let house = House::of([]);
    let run = dollars(1).time_limit(Duration::from_secs(60)).open(&house.enforcer).wait().unwrap();
    let call = run.call().with_model("milli").input_tokens(0).output_tokens(1);
    drop(house.admit(&call));
    house.clock.advance(Duration::from_secs(60));
    assert_eq!(house.refuse(&call).refusals()[0].unit, Unit::TimeMs);
    assert!(run.report().wait().unwrap().over.is_some());
    let stopped = RunGuard::builder("s").iterations(9).open(&house.enforcer).wait().unwrap();
    stopped.stop(Attribution::new("ada", "it loops")).wait().unwrap();
    let call = stopped.call().with_model("milli").input_tokens(0).output_tokens(1);
    assert!(matches!(house.refuse(&call).refusals()[0].kind, RefusalKind::Frozen { .. }));
}

#[test]
fn budgets_of_each_run_need_no_guard() {
    let each =
        Budget::each_usd("runs", token_budget::call::ScopeKind::Run, Usd::cents(1), Window::lifetime());
    let house = House::of([each, Budget::usd("search", team(), Usd::dollars(1), Window::day())]);
    drop(house.admit(&call("milli", 10).run("free-standing")));
    let _ = house.refuse(&call("milli", 11).run("free-standing"));
}

#[test]
fn a_ledger_that_needs_to_be_waited_for_keeps_limits_too() {
    let house = House::of([]);
    let far = FarLedger::new(house.ledger.clone());
    let builder = Enforcer::builder().unbound(Unbound::Refuse).prices(prices()).ledger(far);
    let enforcer = builder.clock(house.clock.clone()).build();
    drop(block_on(dollars(1).open(&enforcer)).unwrap());
    assert!(block_on(dollars(2).open(&enforcer)).is_err());
    let admitted = block_on(enforcer.reserve(&call("milli", 1_001).run("r"))).unwrap().is_admitted();
    assert!(!admitted);
}
