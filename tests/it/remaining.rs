//! Does an enforcer show what is left of each budget, and its handle for requests no more than that?

use token_budget::usage::Unit;
use token_budget::{Budget, Call, ErrorKind, RunGuard, Usd, Window};

use crate::support::{House, at, call, team, usd};

#[test]
fn every_budget_of_a_payer_is_shown_whatever_it_selects_and_nothing_is_asked() {
    let house = House::of([
        Budget::usd("large only", team(), Usd::dollars(5), Window::month()).model("large"),
        Budget::count("day", team(), Unit::Requests, 3, Window::day()),
        Budget::usd(
            "others",
            token_budget::Scope::team("growth").expect("a name"),
            Usd::dollars(1),
            Window::day(),
        ),
    ]);
    house.spend(&call("milli", 1), 400);
    let held = house.admit(&call("large", 100));

    let left = house.enforcer.remaining(&Call::charging().team("search")).wait().expect("figures");

    let shown: Vec<_> = left
        .iter()
        .map(|line| (&*line.budget, line.limit, line.spent, line.reserved, line.remaining))
        .collect();
    let dollars = ("large only", Some(5_000_000_000), 0, 2_000_000_000, Some(3_000_000_000));
    assert_eq!(shown, [("day", Some(3), 1, 1, Some(1)), dollars]);
    assert!(left.iter().all(|line| line.requested == 0));
    assert_eq!(left[0].resets_at, Some(at("2026-11-23T00:00:00Z")));
    assert_eq!(left[1].resets_at, Some(at("2026-12-01T00:00:00Z")));
    drop(held);
}

#[test]
fn a_payer_without_a_budget_has_no_line_and_one_that_cannot_be_is_an_error() {
    let house = House::of([Budget::count("day", team(), Unit::Requests, 3, Window::day())]);

    let nobody = house.enforcer.remaining(&Call::charging().user("ada")).wait().expect("figures");
    assert_eq!(nobody, []);
    let error = house.enforcer.remaining(&Call::charging().team("")).wait().expect_err("no name");
    assert_eq!(error.kind(), ErrorKind::Invalid);
}

#[test]
fn a_handle_for_requests_opens_runs_and_reserves_in_the_books_of_its_enforcer() {
    let house = House::of([Budget::usd("dollars", team(), Usd::dollars(1), Window::month())]);
    let handle = house.enforcer.for_requests();

    let run = RunGuard::builder("trip").usd(usd("0.50")).open(&handle).wait().expect("a run");
    let held = run.reserve(&call("milli", 400)).wait().expect("a ledger").or_refusal().expect("room");

    assert_eq!(handle.remaining(&call("milli", 1)).wait().expect("figures")[0].reserved, 400_000_000);
    assert_eq!(house.dollars(&call("milli", 1)), (Usd::ZERO, usd("0.4")));
    drop(held);
}
