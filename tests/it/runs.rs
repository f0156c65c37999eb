//! Is a run stopped where its limits say, and does it stay stopped?

use std::time::Duration;

use token_budget::decision::RefusalKind;
use token_budget::ledger::{Attribution, MarkAction};
use token_budget::run::RunLimits;
use token_budget::usage::Unit;
use token_budget::{Budget, Call, RunGuard, Scope, Usage, Usd, Window};

use crate::support::{House, call, nanos, team, usd};

/// One round of so many output tokens; whether it was admitted.
fn round(run: &RunGuard, tokens: u64) -> bool {
    match run.reserve(&call("milli", tokens)).wait().unwrap().or_refusal() {
        Ok(reservation) => {
            let _ = reservation.send().reconcile(Usage::of(0, tokens)).wait().unwrap();
            true
        }
        Err(_) => false,
    }
}

#[test]
fn a_run_may_land_on_each_of_its_limits_and_not_pass_it() {
    let house = House::of([]);
    let dollars = RunGuard::builder("dollars").usd(Usd::dollars(1)).open(&house.enforcer).wait().unwrap();
    assert!(round(&dollars, 1_000) && !round(&dollars, 1));

    let tokens = RunGuard::builder("tokens").tokens(1_500).open(&house.enforcer).wait().unwrap();
    assert!(!round(&tokens, 1_501));
    assert!(round(&tokens, 1_500) && !round(&tokens, 1));

    let rounds = RunGuard::builder("rounds").iterations(2).open(&house.enforcer).wait().unwrap();
    assert!(round(&rounds, 1) && round(&rounds, 0) && !round(&rounds, 0));
    let report = rounds.report().wait().unwrap();
    assert_eq!((report.iterations, report.tokens, report.spent_usd), (2, 1, usd("0.001")));
}

#[test]
fn an_attempt_that_was_not_sent_is_no_round() {
    let house = House::of([]);
    let run = RunGuard::builder("r").iterations(1).open(&house.enforcer).wait().unwrap();
    drop(run.reserve(&call("milli", 1)).wait().unwrap());
    assert!(round(&run, 1));
    assert!(!round(&run, 1));
}

#[test]
fn a_run_ends_exactly_at_its_time_limit_and_calls_in_flight_are_recorded() {
    let house = House::of([]);
    let run =
        RunGuard::builder("r").time_limit(Duration::from_secs(60)).open(&house.enforcer).wait().unwrap();
    house.clock.advance(Duration::from_secs(60) - Duration::from_nanos(1));
    let running = run.reserve(&call("milli", 10)).wait().unwrap().or_refusal().unwrap().send();
    house.clock.advance(Duration::from_nanos(1));

    let decision = run.reserve(&call("milli", 10)).wait().unwrap().or_refusal().unwrap_err();

    let refusal = &decision.refusals()[0];
    assert_eq!((&refusal.unit, &refusal.kind), (&Unit::TimeMs, &RefusalKind::RunLimit));
    assert_eq!((refusal.limit, refusal.spent), (Some(60_000), 60_000));
    assert_eq!(decision.affordable_output_tokens(), None, "no output of any size would fit");
    assert_eq!(running.reconcile(Usage::of(0, 10)).wait().unwrap().cost(), usd("0.01"));
    let report = run.report().wait().unwrap();
    assert_eq!(report.open_for, Duration::from_secs(60));
    assert!(report.over.unwrap().contains("the run ends here"));
}

#[test]
fn a_run_that_is_opened_again_goes_on_with_its_money_rounds_and_time() {
    let house = House::of([]);
    let open = || {
        let builder = RunGuard::builder("r").usd(Usd::dollars(1)).iterations(3);
        builder.time_limit(Duration::from_secs(60)).open(&house.enforcer).wait().unwrap()
    };
    let first = open();
    assert!(round(&first, 400));
    house.clock.advance(Duration::from_secs(45));
    drop(first);
    // Time that it is not open does not count.
    house.clock.advance(Duration::from_secs(3_600 * 24));

    let second = open();
    let report = second.report().wait().unwrap();
    assert_eq!((report.spent_usd, report.iterations), (usd("0.40"), 1));
    assert_eq!(report.open_for, Duration::from_secs(45));
    assert!(!round(&second, 601));
    assert!(round(&second, 600));
    house.clock.advance(Duration::from_secs(15) - Duration::from_nanos(1));
    assert!(round(&second, 0), "one more round, free of charge");
    house.clock.advance(Duration::from_nanos(1));
    let over = second.reserve(&call("milli", 0)).wait().unwrap().or_refusal().unwrap_err();
    assert_eq!(over.refusals()[0].unit, Unit::TimeMs);
}

#[test]
fn a_stopped_run_stays_stopped_with_its_first_reason() {
    let house = House::of([]);
    let open = || RunGuard::builder("r").limits(RunLimits::none()).open(&house.enforcer).wait().unwrap();
    let first = open();
    let running = first.reserve(&call("milli", 10)).wait().unwrap().or_refusal().unwrap().send();
    first.stop(Attribution::new("grace", "it loops")).wait().unwrap();
    first.stop(Attribution::new("ada", "something else")).wait().unwrap();

    let stopped = |run: &RunGuard| {
        let decision = run.reserve(&call("milli", 1)).wait().unwrap().or_refusal().unwrap_err();
        decision.refusals()[0].kind.clone()
    };
    let kind = RefusalKind::Frozen { mark: MarkAction::Stop, by: "grace".into(), reason: "it loops".into() };
    assert_eq!(stopped(&first), kind);
    assert_eq!(first.report().wait().unwrap().over.as_deref(), Some("stopped by grace: it loops"));
    assert_eq!(running.reconcile(Usage::of(0, 10)).wait().unwrap().cost(), usd("0.01"));
    // From a second guard, and from a call that only names the run.
    let second = open();
    assert_eq!(stopped(&second), kind);
    assert!(second.report().wait().unwrap().over.unwrap().contains("it loops"));
    let named = house.refuse(&call("milli", 1).run("r"));
    assert_eq!(named.refusals()[0].kind, kind);
}

#[test]
fn a_second_guard_that_stops_a_stopped_run_reports_the_first_reason() {
    let house = House::of([]);
    let open = || RunGuard::builder("r").limits(RunLimits::none()).open(&house.enforcer).wait().unwrap();
    open().stop(Attribution::new("grace", "it loops")).wait().unwrap();
    let second = open();
    second.stop(Attribution::new("ada", "something else")).wait().unwrap();
    let _ = second.reserve(&call("milli", 1)).wait().unwrap().or_refusal().unwrap_err();
    assert!(second.report().wait().unwrap().over.unwrap().contains("it loops"));
}

#[test]
fn a_closed_run_refuses_what_comes_later() {
    let house = House::of([]);
    let run = RunGuard::builder("r").limits(RunLimits::none()).open(&house.enforcer).wait().unwrap();
    assert!(round(&run, 10));
    let report = run.close().wait().unwrap();
    assert_eq!((report.spent_usd, report.over), (usd("0.01"), None));
    drop(house.refuse(&call("milli", 1).run("r")));
}

#[test]
fn a_team_without_room_does_not_end_the_run() {
    let house = House::of([Budget::usd("search", team(), Usd::dollars(1), Window::day())]);
    let run = RunGuard::builder("r").usd(Usd::dollars(5)).open(&house.enforcer).wait().unwrap();
    assert!(round(&run, 1_000));
    assert!(!round(&run, 1));
    assert_eq!(run.report().wait().unwrap().over, None);
    house.go_to("2026-11-23T00:00:00Z");
    assert!(round(&run, 1_000));
    assert!(!round(&run, 4_000), "what the run itself has no room for ends it");
    assert!(run.report().wait().unwrap().over.unwrap().contains("run/r"));
}

#[test]
fn scopes_that_pay_beside_the_run_are_charged_with_it() {
    let house = House::of([Budget::usd("search", team(), Usd::dollars(10), Window::day())]);
    let run = RunGuard::builder("r")
        .usd(Usd::dollars(1))
        .charging(Call::charging().team("search"))
        .open(&house.enforcer)
        .wait()
        .unwrap();
    let nobody = Call::new("milli").input_tokens(0).output_tokens(500);
    let receipt = run.reserve(&nobody).wait().unwrap().or_refusal().unwrap();
    let receipt = receipt.send().reconcile(Usage::of(0, 500)).wait().unwrap();
    let lines: Vec<_> = receipt.lines().into_iter().map(|line| (line.scope, line.unit, line.spent)).collect();
    let scope = Scope::run("r").unwrap();
    assert!(lines.contains(&(team(), Unit::Usd, nanos("0.50"))), "{lines:?}");
    assert!(lines.contains(&(scope, Unit::Usd, nanos("0.50"))), "{lines:?}");
}

#[test]
fn a_runs_own_dollars_bind_where_the_policy_only_observes_budgets() {
    // An unknown model must not run past a run's dollar limit for want of a price.
    let watched = Budget::usd("search", team(), Usd::dollars(1), Window::day()).observe();
    let house = House::of([watched]);
    let run = RunGuard::builder("r").usd(Usd::dollars(1)).open(&house.enforcer).wait().unwrap();
    let decision = run.reserve(&call("nobody-knows", 10)).wait().unwrap().or_refusal().unwrap_err();
    assert_eq!(decision.refusals()[0].kind, RefusalKind::Unpriced);
}

#[test]
fn two_runs_of_one_id_under_two_organisations_are_two_runs() {
    let house = House::of([]);
    let open = |organization: &str| {
        let builder = RunGuard::builder("r").usd(Usd::dollars(1));
        builder.charging(Call::charging().organization(organization)).open(&house.enforcer).wait().unwrap()
    };
    let (acme, other) = (open("acme"), open("other"));
    assert!(round(&acme, 1_000) && !round(&acme, 1));
    assert!(round(&other, 999));
    acme.stop(Attribution::new("grace", "enough")).wait().unwrap();
    assert_eq!(other.report().wait().unwrap().over, None);
}

#[test]
fn a_run_that_two_guards_have_open_is_open_once() {
    let house = House::of([]);
    let open =
        || RunGuard::builder("r").time_limit(Duration::from_secs(900)).open(&house.enforcer).wait().unwrap();
    let first = open();
    house.clock.advance(Duration::from_secs(200));
    let second = open();
    house.clock.advance(Duration::from_secs(300));
    drop(first);
    house.clock.advance(Duration::from_secs(100));
    assert_eq!(second.report().wait().unwrap().open_for, Duration::from_secs(600));
    drop(second);
    house.clock.advance(Duration::from_secs(3_600));

    let again = open();
    assert_eq!(again.report().wait().unwrap().open_for, Duration::from_secs(600));
    house.clock.advance(Duration::from_secs(300) - Duration::from_nanos(1));
    assert!(again.reserve(&call("milli", 1)).wait().unwrap().is_admitted());
    house.clock.advance(Duration::from_nanos(1));
    assert!(!again.reserve(&call("milli", 1)).wait().unwrap().is_admitted());
}

#[test]
fn a_report_says_what_is_left_of_each_limit() {
    let house = House::of([]);
    let limits =
        RunGuard::builder("r").usd(usd("1.00")).tokens(1_000).iterations(3).tool_calls(2).max_children(1);
    let run = limits.open(&house.enforcer).wait().unwrap();
    let running = run.reserve(&call("milli", 100)).wait().unwrap().or_refusal().unwrap().send();
    run.tools(["grep"]).wait().unwrap().or_refusal().unwrap().start();

    // What is held counts as used: 1.00 - 0.10, 1,000 - 100, 3 - 1, and one tool call of two.
    let left = run.report().wait().unwrap().left;
    assert_eq!((left.usd, left.tokens, left.iterations), (Some(usd("0.90")), Some(900), Some(2)));
    assert_eq!((left.tool_calls, left.children, left.time), (Some(1), Some(1), None));

    // What was granted is in it: 1.00 + 0.50 - 0.04.
    run.grant(usd("0.50"), Attribution::new("ada", "nearly done")).wait().unwrap();
    let _ = running.reconcile(Usage::of(0, 40)).wait().unwrap();
    assert_eq!(
        run.report().wait().unwrap().to_string(),
        "run r: 0.04 of 1.50 USD, 40 of 1000 tokens, 1 of 3 iterations, 1 of 2 tool calls; \
         left: 1.46 USD, 960 tokens, 2 iterations, 1 tool calls; open for 0 s"
    );
}

#[test]
fn a_report_without_limits_tells_what_is_held_and_why_the_run_is_over() {
    let house = House::of([]);
    let run = RunGuard::builder("r").limits(RunLimits::none()).open(&house.enforcer).wait().unwrap();
    let _running = run.reserve(&call("milli", 100)).wait().unwrap().or_refusal().unwrap().send();
    assert_eq!(run.report().wait().unwrap().to_string(), "run r: 0.00 USD; held: 0.10 USD; open for 0 s");
    run.stop(Attribution::new("ada", "it\nloops")).wait().unwrap();
    let shown = run.report().wait().unwrap().to_string();
    assert!(shown.ends_with("; over: stopped by ada: it\\nloops"), "{shown}");
}
