//! Faults that a reader found once, each told by its test.

use std::io;

use token_budget::call::ServiceTier;
use token_budget::client::CallError;
use token_budget::enforcer::Actual;
use token_budget::policy::Caps;
use token_budget::pricing::{PriceRow, Rates};
use token_budget::{
    Budget, BudgetEnforcedClient, Call, Enforcer, ErrorKind, LlmClient, Policy, RunGuard, Scope, Usage, Usd,
    Window,
};

use crate::support::{House, call, ready, team, usd};

fn house(dollars: u32) -> House {
    House::new(Policy::new([Budget::usd("search", team(), Usd::dollars(dollars), Window::month())]).unwrap())
}

/// A client that cannot be told to say less.
struct Chatty;

impl LlmClient for Chatty {
    type Request = u64;
    type Response = u64;
    type Error = io::Error;

    fn describe(&self, request: &u64, charge: Call) -> Call {
        charge.with_model("milli").input_tokens(0).output_tokens(*request)
    }

    async fn call(&self, request: u64) -> io::Result<u64> {
        Ok(request)
    }

    fn actual(&self, response: &u64) -> Actual {
        Usage::of(0, *response).into()
    }
}

#[test]
fn a_client_that_cannot_clamp_is_not_sent_on_a_shortened_hold() {
    // The hold shrank to what was affordable, and the whole request went out on it.
    let house = house(1);
    let client = BudgetEnforcedClient::new(Chatty, house.enforcer.clone(), Call::charging().team("search"));
    let error = ready(client.fit_to_room(1).call(16_000)).unwrap_err();
    let CallError::Ledger(error) = error else { panic!("{error}") };
    assert_eq!(error.kind(), ErrorKind::Unsupported);

    // A cap on single calls shortened it likewise, without anybody asking for clamping.
    let caps = Caps { tokens_output: Some(10), ..Caps::default() };
    let capped = House::new(crate::support::open_purse().with_caps(caps));
    let client = BudgetEnforcedClient::new(Chatty, capped.enforcer.clone(), Call::charging().team("search"));
    assert!(matches!(ready(client.call(11)), Err(CallError::Ledger(_))));
    assert!(ready(client.call(10)).is_ok());
    assert_eq!(house.ledger.open_holds(), 0);
}

#[test]
fn a_run_does_not_spend_its_limit_once_in_each_organisation() {
    // Its lines stood in the books of whatever organisation a call named.
    let house = house(100);
    let run = RunGuard::builder("r").usd(usd("0.02")).open(&house.enforcer).wait().unwrap();
    let error = run.reserve(&call("milli", 10).organization("elsewhere")).wait().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.to_string().contains("organization"), "{error}");
}

#[test]
fn a_whole_that_was_not_reported_is_not_told_by_its_parts() {
    // Output missing beside "no reasoning" was charged as no output at all.
    let house = house(100);
    let in_flight = house.admit(&call("milli", 1_000)).send();
    let receipt = in_flight.reconcile(Usage::new().with_input(0).with_reasoning(0)).wait().unwrap();
    assert_eq!((receipt.cost(), receipt.is_reported()), (usd("1"), false));
}

#[test]
fn a_swap_of_prices_does_not_reprice_a_call_under_way() {
    // A dated name was looked up in the new table, and charged at its price.
    let row = |output: &str| {
        PriceRow::new("own", "milli")
            .with_rates(ServiceTier::Standard, Rates::per_million("0", output).unwrap())
    };
    let house = house(100);
    let in_flight = house.admit(&call("milli", 1_000)).send();
    let dearer = house.enforcer.prices().with_rows([row("9000")]).unwrap();
    house.enforcer.set_prices(dearer);
    let report = Actual { model: Some("milli-2026-01-01".into()), ..Usage::of(0, 1_000).into() };
    let receipt = in_flight.reconcile(report).wait().unwrap();
    assert_eq!((receipt.cost(), receipt.other_model()), (usd("1"), None));
}

#[test]
fn a_prepared_charge_set_serves_no_other_call() {
    let house = house(100);
    let prepared = house.enforcer.prepare(&call("milli", 10)).unwrap();
    assert!(ready(prepared.reserve_call(&call("milli", 20))).unwrap().is_admitted());
    let other = ready(prepared.reserve_call(&call("milli", 20).user("bob"))).unwrap_err();
    assert_eq!(other.kind(), ErrorKind::Invalid);
}

#[test]
fn a_guardrail_keeps_its_window_through_a_swap() {
    let with = |window: Window| {
        let budget = Budget::usd("search", team(), Usd::dollars(500), Window::month());
        Policy::new([budget.guardrail(Usd::dollars(75), window)]).unwrap()
    };
    let house = House::new(with(Window::day()));
    let error = house.enforcer.set_policy(with(Window::day().in_zone("Europe/Berlin").unwrap())).unwrap_err();
    assert!(error.to_string().contains("guardrail"), "{error}");
    assert!(house.enforcer.set_policy(with(Window::day())).is_ok());
}

#[test]
fn a_ladder_that_names_a_model_twice_has_an_end() {
    let broke = Budget::usd("search", Scope::team("search").unwrap(), Usd::ZERO, Window::month());
    let policy = Policy::new([broke]).unwrap().with_ladder(["large", "medium", "large"]);
    let house = House::new(policy);
    assert!(!ready(Enforcer::reserve_on_ladder(&house.enforcer, &call("large", 10))).unwrap().is_admitted());
}
