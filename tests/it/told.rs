//! Do observers hear of every threshold that is reached, in the words of the window that was charged?

use std::time::Duration;

use token_budget::decision::TierAction;
use token_budget::ledger::Attribution;
use token_budget::{Budget, Event, Policy, Tiers, Usd, Window};

use crate::support::{House, call, team};

/// Ten dollars a month, warned at eight.
fn house() -> House {
    let budget = Budget::usd("search", team(), Usd::dollars(10), Window::month());
    House::new(Policy::new([budget.tiers(Tiers::soft_hard(80, 120).unwrap())]).unwrap())
}

/// The windows and actions of the thresholds that were heard of.
fn reached(house: &House) -> Vec<(String, TierAction)> {
    let heard = house.ears.take().into_iter().filter_map(|event| match event {
        Event::Reached { window, action, .. } => Some((window, action)),
        _ => None,
    });
    heard.collect()
}

#[test]
fn a_threshold_that_an_expiry_reaches_while_its_scope_is_frozen_is_told_with_the_next_call() {
    let house = house();
    let sent = house.admit(&call("milli", 9_000)).send();
    house.clock.advance(Duration::from_secs(301));
    let attribution = || Attribution::new("ada", "too much");

    // The hold is due: nine dollars are charged on the way.
    house.enforcer.freeze(None, &team(), attribution()).wait().unwrap();
    assert_eq!(house.ears.count(|event| matches!(event, Event::Expired { .. })), 1);
    house.enforcer.reopen(None, &team(), attribution()).wait().unwrap();
    drop(house.admit(&call("milli", 1)));
    drop(house.admit(&call("milli", 1)));

    assert_eq!(reached(&house), [("month 2026-11".to_owned(), TierAction::Warn)], "once");
    drop(sent);
}
