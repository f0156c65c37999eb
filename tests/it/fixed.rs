//! Is a call that costs an amount held and charged for that amount, in every unit that a budget counts?

use token_budget::enforcer::Actual;
use token_budget::ledger::Certainty;
use token_budget::usage::Unit;
use token_budget::{Amount, Budget, Call, ErrorKind, Event, Usage, Usd, Window};

use crate::support::{House, team, usd};

fn dollar() -> Budget {
    Budget::usd("dollars", team(), Usd::dollars(1), Window::month())
}

fn count(unit: Unit, limit: u64) -> Budget {
    Budget::count("counted", team(), unit, limit, Window::month())
}

fn job(amount: impl Into<Amount>) -> Call {
    Call::fixed(amount).team("search")
}

#[test]
fn dollars_are_held_as_they_stand_and_the_edge_of_the_limit_is_inside() {
    let house = House::of([dollar()]);

    drop(house.admit(&job(usd("1.00"))));
    let refused = house.refuse(&job(usd("1.000000001")));

    assert_eq!(refused.refusals()[0].requested, 1_000_000_001);
    assert_eq!(refused.affordable_output_tokens(), None, "no output makes it smaller");
    assert_eq!(house.enforcer.quote(&job(usd("0.25"))).expect("a quote"), Some(usd("0.25")));
    assert_eq!(house.ears.count(|event| matches!(event, Event::Unpriced { .. })), 0, "nobody misses a price");
}

#[test]
fn a_budget_of_requests_sees_one_and_a_budget_of_tokens_none() {
    let house = House::of([dollar(), count(Unit::Requests, 1)]);
    let sent = house.admit(&job(usd("0.25"))).send();
    assert_eq!(house.balances(&job(usd("0.25"))), [(0, 250_000_000), (0, 1)]);
    sent.reconcile(Amount::from(usd("0.20"))).wait().expect("a receipt");
    assert_eq!(house.balances(&job(usd("0.25"))), [(200_000_000, 0), (1, 0)]);

    let house = House::of([count(Unit::Tokens, 0)]);
    drop(house.admit(&job(usd("0.25"))));
}

#[test]
fn a_unit_of_ones_own_is_held_and_charged_by_its_name() {
    let house = House::of([count(Unit::Tool("images".into()), 5)]);
    let images = |number| Amount { tool_calls: vec![("images".into(), number)], ..Amount::default() };

    let sent = house.admit(&job(images(4))).send();
    assert_eq!(house.refuse(&job(images(2))).refusals()[0].requested, 2);
    let receipt = sent.reconcile(images(3)).wait().expect("a receipt");

    assert_eq!((receipt.lines()[0].charged, receipt.lines()[0].spent), (3, 3));
    drop(house.admit(&job(images(2))));
    let dropped = house.admit(&job(images(2))).send();
    drop(dropped); // nobody says how many came out: all that were held
    assert_eq!(house.balances(&job(images(1))), [(5, 0)]);
}

#[test]
fn an_amount_without_dollars_is_an_error_where_dollars_are_counted() {
    let house = House::of([dollar()]);
    let images = Amount { tool_calls: vec![("images".into(), 4)], ..Amount::default() };

    for call in [job(images), job(Usd::ZERO)] {
        let error = house.enforcer.reserve(&call).wait().expect_err("no pass");
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(error.to_string().starts_with("call: amount.usd: is zero, and budget dollars"), "{error}");
    }
    let error = house.enforcer.reserve(&job(Usd::from_nanos(-1))).wait().expect_err("no pass");
    assert!(error.to_string().contains("amount.usd"), "{error}");
}

#[test]
fn what_a_report_does_not_say_is_charged_as_it_was_held() {
    let house = House::of([dollar()]);
    let charge = |actual: Actual| {
        let receipt = house.admit(&job(usd("0.20"))).send().reconcile(actual).wait().expect("a receipt");
        (receipt.cost(), receipt.certainty())
    };

    assert_eq!(charge(Usage::of(1_000, 10).into()), (usd("0.20"), Certainty::Estimated));
    let cost = Some(usd("0.15"));
    assert_eq!(charge(Actual { cost, ..Actual::default() }), (usd("0.15"), Certainty::Reported));
    assert_eq!(charge(Amount::from(Usd::ZERO).into()), (Usd::ZERO, Certainty::Reported));
    let guess = Actual { estimated: true, ..Amount::from(usd("0.10")).into() };
    assert_eq!(charge(guess), (usd("0.10"), Certainty::Estimated));
}

#[test]
fn two_amounts_of_one_payer_are_two_holds() {
    let house = House::of([dollar()]);
    // Twice each, so that what was resolved for the one is at hand for the other.
    let held: Vec<_> =
        ["0.1", "0.2", "0.1", "0.2"].map(|amount| house.admit(&job(usd(amount)))).into_iter().collect();

    assert_eq!(
        held.iter().map(|held| held.quoted()).collect::<Vec<_>>(),
        ["0.1", "0.2", "0.1", "0.2"].map(usd)
    );
    assert_eq!(house.dollars(&job(usd("0.1"))).1, usd("0.6"));
}

#[test]
fn an_amount_is_priced_by_nobody_whatever_model_it_names() {
    let house = House::of([dollar()]);

    let receipt = house.admit(&job(usd("0.5")).with_model("dollar")).send();
    let receipt = receipt.reconcile(Amount::from(usd("0.4"))).wait().expect("a receipt");

    assert_eq!((receipt.cost(), receipt.cost_by_table()), (usd("0.4"), None));
    let entries =
        token_budget::BudgetLedger::entries(&house.ledger, &token_budget::ledger::Tenant::unnamed(), 0, 9);
    let about = entries.wait().expect("entries")[0].note.about.clone().expect("a call");
    assert_eq!((&*about.model, &*about.price), ("dollar", "stated"));
}
