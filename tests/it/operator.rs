//! What may an operator change while calls run?

use std::sync::atomic::{AtomicBool, Ordering};

use token_budget::call::ScopeKind;
use token_budget::ledger::Tenant;
use token_budget::policy::Exemption;
use token_budget::usage::Unit;
use token_budget::{
    Budget, BudgetLedger, Call, Enforcer, Event, Policy, Scope, Tiers, Usage, Usd, Verdict, Window,
};

use crate::support::{House, at, call, nanos, ready, team, usd};

fn month(dollars: u32) -> Budget {
    Budget::usd("search", team(), Usd::dollars(dollars), Window::month())
}

fn policy(budget: Budget) -> Policy {
    Policy::new([budget]).unwrap()
}

fn raise(id: &str, dollars: &str) -> Exemption {
    Exemption::new(id, team(), Unit::Usd, nanos(dollars)).requested_by("ada").because("launch")
}

fn admits(house: &House, call: &Call) -> bool {
    house.enforcer.reserve(call).wait().unwrap().is_admitted()
}

#[test]
fn an_exemption_given_twice_counts_once_and_two_add_up() {
    let once = policy(month(10)).with_exemption(raise("a", "5")).unwrap();
    let twice = once.with_exemption(raise("a", "5")).unwrap();
    let house = House::new(twice.clone());
    assert!(admits(&house, &call("milli", 15_000)));
    assert!(!admits(&house, &call("milli", 15_001)));

    house.enforcer.set_policy(twice.with_exemption(raise("b", "2")).unwrap()).unwrap();
    assert!(admits(&house, &call("milli", 17_000)));
    assert!(!admits(&house, &call("milli", 17_001)));

    let without = house.enforcer.policy().as_ref().clone().without_exemption("a");
    house.enforcer.set_policy(without).unwrap();
    assert!(admits(&house, &call("milli", 12_000)));
    assert!(!admits(&house, &call("milli", 12_001)));
}

#[test]
fn an_exemption_and_every_call_under_it_are_in_the_audit_trail() {
    let house = House::new(policy(month(10)));
    house.enforcer.set_policy(policy(month(10)).with_exemption(raise("launch-day", "5")).unwrap()).unwrap();
    ready(house.enforcer.reserve(&call("milli", 12_000)).wait().unwrap().or_refusal().unwrap().release())
        .unwrap();

    let granted = house.ears.take().into_iter().find(|event| matches!(event, Event::Exempted { .. }));
    let Some(Event::Exempted { exemption, requester, reason, .. }) = granted else {
        panic!("nobody heard of it")
    };
    assert_eq!((exemption.as_str(), requester.as_str(), reason.as_str()), ("launch-day", "ada", "launch"));
    let entries = ready(BudgetLedger::entries(&house.ledger, &Tenant::unnamed(), 1, 10)).unwrap();
    assert!(!entries.is_empty());
    for entry in entries {
        assert_eq!(entry.note.about.unwrap().exemptions, ["launch-day"]);
    }
}

#[test]
fn an_exemption_raises_only_the_budgets_that_it_names_and_only_its_unit() {
    let budgets = [
        month(10),
        Budget::usd("day", team(), Usd::dollars(10), Window::day()),
        Budget::count("requests", team(), Unit::Requests, 100, Window::day()),
    ];
    let policy = Policy::new(budgets).unwrap().with_exemption(raise("a", "5").budget("search")).unwrap();
    let limits: Vec<_> = policy
        .bind(&call("milli", 1), at(crate::support::NOON))
        .unwrap()
        .terms
        .iter()
        .map(|terms| (terms.account.budget().to_owned(), terms.limit.unwrap(), terms.raised))
        .collect();
    let expected = [
        ("day".to_owned(), nanos("10"), 0),
        ("requests".to_owned(), 100, 0),
        ("search".to_owned(), nanos("15"), nanos("5")),
    ];
    assert_eq!(limits, expected);
}

#[test]
fn every_threshold_is_a_share_of_the_raised_limit() {
    let budget = month(100).tiers(Tiers::soft_hard(80, 120).unwrap());
    let house = House::new(policy(budget).with_exemption(raise("a", "100")).unwrap());
    // 80 % of 200 is 160, 120 % is 240.
    let verdict = |tokens| house.enforcer.reserve(&call("milli", tokens)).wait().unwrap().or_refusal();
    assert_eq!(verdict(159_999).unwrap().verdict(), Verdict::Allow);
    assert_eq!(verdict(160_000).unwrap().verdict(), Verdict::Warn);
    assert_eq!(verdict(239_999).unwrap().verdict(), Verdict::Warn);
    assert_eq!(verdict(240_000).unwrap_err().verdict(), Verdict::Block);
}

#[test]
fn an_exemption_for_a_use_case_is_charged_apart_while_it_fits_and_then_on_the_scopes_lines() {
    let exempt = raise("migration", "3").for_use_case("migration");
    let users = Budget::each_usd("users", ScopeKind::User, Usd::dollars(100), Window::day());
    let policy = Policy::new([month(10), users]).unwrap().with_exemption(exempt).unwrap();
    let house = House::new(policy);
    let plain = call("milli", 2_000).user("ada");
    let matching = plain.clone().use_case("migration");
    let pay = |call: &Call| {
        let receipt = house.admit(call).send().reconcile(Usage::of(0, 2_000)).wait().unwrap();
        receipt.lines().iter().map(|line| line.budget.to_string()).collect::<Vec<_>>()
    };

    // Another use case and none at all pay on the scope's lines.
    assert_eq!(pay(&plain), ["search", "users"]);
    assert_eq!(pay(&plain.clone().use_case("review")), ["search", "users"]);
    // The first $2 of it fit into the $3, the next do not.
    assert_eq!(pay(&matching), ["exemption migration", "users"]);
    assert_eq!(pay(&matching), ["search", "users"]);
    // Exactly the dollar that is left does.
    let one = matching.clone().output_tokens(1_000);
    let receipt = house.admit(&one).send().reconcile(Usage::of(0, 1_000)).wait().unwrap();
    assert_eq!(receipt.lines()[0].spent, nanos("3"));
    assert_eq!(house.balances(&plain), [(nanos("6"), 0), (nanos("9"), 0)]);

    // Where neither fits, the scope's own line is the one that refuses.
    let refused = house.refuse(&matching.output_tokens(4_001));
    assert_eq!(refused.refusals()[0].budget, "search");
}

#[test]
fn advice_knows_of_an_exemption_for_the_use_case() {
    let exempt = raise("migration", "3").for_use_case("migration");
    let house = House::new(policy(month(1)).with_exemption(exempt).unwrap());
    let matching = call("milli", 3_000).use_case("migration");
    assert!(admits(&house, &matching));
    assert!(ready(house.enforcer.check(&matching)).unwrap().is_allowed());
    let above = ready(house.enforcer.check(&matching.output_tokens(3_001))).unwrap();
    assert_eq!(above.refusals()[0].budget, "search");
}

#[test]
fn an_exemption_that_is_incomplete_says_what_is_missing() {
    let plain = || Exemption::new("x", team(), Unit::Usd, 1);
    let between = raise("x", "1").between(at("2026-11-23T00:00:00Z"), at("2026-11-23T00:00:00Z"));
    let wrong = [
        (plain().requested_by("ada"), "exemption x: reason: "),
        (plain().because("launch"), "exemption x: requester: "),
        (raise("x", "0"), "exemption x: raise: "),
        (between, "exemption x: until: "),
        (Exemption::emergency("x", team(), Unit::Usd, 1).because("fire"), "exemption x: "),
        (raise("a\nb", "1"), "id: "),
    ];
    for (exemption, text) in wrong {
        let error = policy(month(1)).with_exemption(exemption).unwrap_err();
        assert!(error.to_string().contains(text), "{error}");
    }
}

#[test]
fn a_limit_below_what_is_spent_lets_running_calls_finish_and_refuses_new_ones() {
    let house = House::new(policy(month(10)));
    let _ = house.spend(&call("milli", 0), 6_000);
    let running = house.admit(&call("milli", 2_000)).send();

    house.enforcer.set_policy(policy(month(5))).unwrap();

    let refusal = &house.refuse(&call("milli", 1)).refusals()[0];
    assert_eq!((refusal.limit, refusal.spent, refusal.reserved), (Some(nanos("5")), nanos("6"), nanos("2")));
    let receipt = running.reconcile(Usage::of(0, 1_500)).wait().unwrap();
    assert_eq!(receipt.cost(), usd("1.50"));
    assert_eq!(house.dollars(&call("milli", 0)), (usd("7.50"), Usd::ZERO));

    house.enforcer.set_policy(policy(month(8))).unwrap();
    assert!(admits(&house, &call("milli", 500)));
    assert!(!admits(&house, &call("milli", 501)));
}

#[test]
fn a_swap_that_would_begin_new_books_is_refused_unless_it_says_so() {
    let house = House::new(policy(month(10)));
    let _ = house.spend(&call("milli", 0), 6_000);
    let others = [
        ("unit", Budget::count("search", team(), Unit::Tokens, 10, Window::month())),
        ("window", Budget::usd("search", team(), Usd::dollars(10), Window::day())),
        ("scope", Budget::each_usd("search", ScopeKind::User, Usd::dollars(10), Window::month())),
    ];
    for (field, other) in others {
        let error = house.enforcer.set_policy(policy(other)).unwrap_err();
        assert!(error.to_string().starts_with(&format!("budget search: {field}: changed")), "{error}");
    }
    assert_eq!(house.dollars(&call("milli", 0)), (usd("6"), Usd::ZERO), "the old policy stands");

    let day = Budget::usd("search", team(), Usd::dollars(10), Window::day()).restart();
    house.enforcer.set_policy(policy(day)).unwrap();
    assert_eq!(house.dollars(&call("milli", 0)), (Usd::ZERO, Usd::ZERO));
    // The month's books are still there for whoever goes back.
    house.enforcer.set_policy(policy(month(10).restart())).unwrap();
    assert_eq!(house.dollars(&call("milli", 0)), (usd("6"), Usd::ZERO));
}

#[test]
fn a_budgets_books_begin_when_it_is_made() {
    let house = House::new(policy(month(10)));
    let _ = house.spend(&call("milli", 0), 6_000);
    let day = Budget::usd("day", team(), Usd::dollars(1), Window::day());
    house.enforcer.set_policy(Policy::new([month(10), day]).unwrap()).unwrap();
    assert_eq!(house.balances(&call("milli", 0)), [(0, 0), (nanos("6"), 0)]);
}

#[test]
fn a_prepared_handle_sees_a_swap_of_policy_and_prices() {
    let house = House::new(policy(month(10)));
    let prepared = house.enforcer.prepare(&call("milli", 0)).unwrap();
    let quoted = |tokens| {
        let admission = prepared.reserve(0, tokens).wait().unwrap();
        admission.or_refusal().map(|reservation| reservation.quoted())
    };
    assert_eq!(quoted(10_000).unwrap(), usd("10"));
    house.enforcer.set_policy(policy(month(5))).unwrap();
    assert!(quoted(5_001).is_err());
    assert_eq!(quoted(5_000).unwrap(), usd("5"));
    let rows = r#"[{"provider": "own", "model": "milli", "standard": {"output": "2000"}}]"#;
    let rows = token_budget::pricing::PriceRow::list_from_json(rows).unwrap();
    house.enforcer.set_prices(house.enforcer.prices().with_rows(rows).unwrap());
    assert!(quoted(2_501).is_err());
    assert_eq!(quoted(2_500).unwrap(), usd("5"));
    // And the end of its window.
    let _ = house.spend(&call("milli", 0), 2_500);
    assert!(quoted(1).is_err());
    house.go_to("2026-12-01T00:00:00Z");
    assert_eq!(quoted(2_500).unwrap(), usd("5"));
}

#[test]
fn a_prepared_handle_sees_both_edges_of_a_raise_and_of_a_price() {
    let raise = raise("a", "5").between(at("2026-11-22T13:00:00Z"), at("2026-11-22T14:00:00Z"));
    let house = House::new(policy(month(10)).with_exemption(raise).unwrap());
    let rows = r#"[{"provider": "own", "model": "milli", "from": "2026-11-22T15:00:00Z",
                    "standard": {"input": "0", "output": "2000"}}]"#;
    let rows = token_budget::pricing::PriceRow::list_from_json(rows).unwrap();
    house.enforcer.set_prices(house.enforcer.prices().with_rows(rows).unwrap());
    let prepared = house.enforcer.prepare(&call("milli", 0)).unwrap();
    let admits = |instant: &str, tokens| {
        house.go_to(instant);
        prepared.reserve(0, tokens).wait().unwrap().is_admitted()
    };
    assert!(!admits("2026-11-22T12:59:59.999999999Z", 10_001));
    assert!(admits("2026-11-22T13:00:00Z", 15_000));
    assert!(!admits("2026-11-22T14:00:00Z", 10_001));
    assert!(admits("2026-11-22T14:59:59.999999999Z", 10_000));
    assert!(!admits("2026-11-22T15:00:00Z", 5_001));
    assert!(admits("2026-11-22T15:00:00Z", 5_000));
}

#[test]
fn a_swap_is_seen_whole_by_every_thread() {
    // Two policies that admit 10 in all, or 5 by each of two lines: never 10 by one and none by the other.
    let two = |limit: u32| {
        let day = Budget::usd("day", team(), Usd::dollars(limit), Window::day());
        Policy::new([Budget::usd("month", team(), Usd::dollars(limit), Window::month()), day]).unwrap()
    };
    let house = House::new(two(10));
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for round in 0..2_000_u32 {
                house.enforcer.set_policy(two(if round % 2 == 0 { 5 } else { 10 })).unwrap();
            }
            done.store(true, Ordering::SeqCst);
        });
        for _ in 0..3 {
            scope.spawn(|| {
                while !done.load(Ordering::SeqCst) {
                    let decision = ready(house.enforcer.check(&call("milli", 1))).unwrap();
                    let limits: Vec<_> = decision.budgets().iter().map(|budget| budget.limit).collect();
                    assert_eq!(limits[0], limits[1], "half of one policy, half of another");
                }
            });
        }
    });
}

#[test]
fn a_call_belongs_to_the_books_of_its_organisation() {
    let users = Budget::each_usd("users", ScopeKind::User, Usd::dollars(5), Window::day());
    let house = House::new(policy(users));
    let of =
        |organization: &str| Call::new("milli").organization(organization).user("ada").output_tokens(5_000);
    let _ = house.admit(&of("acme")).send().reconcile(Usage::of(0, 5_000)).wait().unwrap();
    drop(house.refuse(&of("acme")));
    drop(house.admit(&of("other")));
    drop(house.admit(&Call::new("milli").user("ada").output_tokens(5_000)));
}

#[test]
fn a_budget_cannot_take_the_id_of_a_runs_own_lines_or_of_an_exemption() {
    // It would have made every guarded call fail, or two budgets share one account.
    for id in ["run", "run tokens", "run iterations", "run time", "run tools", "exemption launch"] {
        let runs = Budget::each_usd(id, ScopeKind::Run, Usd::dollars(5), Window::lifetime());
        let error = Policy::new([runs]).unwrap_err();
        assert!(error.to_string().starts_with(&format!("budget {id}: id: ")), "{error}");
    }
    assert!(Policy::new([Budget::each_usd("runs", ScopeKind::Run, Usd::dollars(5), Window::day())]).is_ok());
}

#[test]
fn a_handle_is_cheap_to_clone_and_shares_everything() {
    let house = House::new(policy(month(10)));
    let other: Enforcer = house.enforcer.clone();
    other.set_policy(policy(month(1))).unwrap();
    drop(house.refuse(&call("milli", 1_001)));
    assert_eq!(Scope::team("search").unwrap(), team());
}
