//! Is it said wherever a charge is made at a price that is not the model's own?

use token_budget::decision::RefusalKind;
use token_budget::enforcer::Actual;
use token_budget::ledger::{Certainty, Entry, Tenant};
use token_budget::policy::OnUnknownModel;
use token_budget::pricing::PriceRow;
use token_budget::{Budget, BudgetLedger, Call, Enforcer, Event, Policy, Usage, Usd, Window};

use crate::support::{Ears, House, block_on, call, prices, ready, team, usd};

/// Calls of models without a price are held as `short`: it never reasons, and answers with 500 tokens at most.
fn policy(fallback: &str) -> Policy {
    let dollars = Budget::usd("dollars", team(), Usd::dollars(100), Window::day());
    Policy::new([dollars]).unwrap().with_unknown_model(OnUnknownModel::PricedAs(fallback.into()))
}

/// The prices that a journal names, entry by entry.
fn named(entries: &[Entry]) -> Vec<(String, String)> {
    let abouts = entries.iter().filter_map(|entry| entry.note.about.as_ref());
    abouts.map(|about| (about.model.to_string(), about.price.to_string())).collect()
}

/// One call of an unknown model, charged, and all that is said of it, whatever keeps the books.
fn charge_and_listen(enforcer: &Enforcer, ears: &Ears, entries: impl Fn() -> Vec<Entry>) {
    let reservation = block_on(enforcer.reserve(&call("nobody-knows", 100))).unwrap();
    let reservation = reservation.or_refusal().unwrap();
    let id = reservation.id();
    let event = Event::PricedAs { id, model: "nobody-knows".into(), as_model: "short".into() };
    assert_eq!(ears.count(|heard| *heard == event), 1);
    let receipt = block_on(reservation.send().reconcile(Usage::of(0, 60))).unwrap();
    assert_eq!((receipt.cost(), receipt.certainty()), (usd("0.06"), Certainty::Estimated));
    assert_eq!(receipt.priced_as(), Some("short"));
    assert!(format!("{receipt:?}").ends_with(", priced as short)"), "{receipt:?}");
    assert_eq!(serde_json::to_value(&receipt).unwrap()["priced_as"], "short");
    assert_eq!(ears.count(|heard| matches!(heard, Event::PricedAs { .. })), 1);
    let named = named(&entries());
    assert!(named.len() >= 2, "{named:?}");
    assert!(
        named.iter().all(|(model, price)| model == "nobody-knows" && price.starts_with("assumed as short: ")),
        "{named:?}"
    );
}

#[test]
fn a_charge_at_an_assumed_price_says_so_in_receipt_journal_and_event() {
    let house = House::new(policy("short"));
    let entries = || ready(house.ledger.entries(&Tenant::unnamed(), 0, 100)).unwrap();
    charge_and_listen(&house.enforcer, &house.ears, entries);
}

#[cfg(feature = "sqlite")]
#[test]
fn a_charge_at_an_assumed_price_says_so_in_the_journal_of_a_file() {
    let folder = crate::sqlite::support::Folder::in_memory();
    let ledger = token_budget::ledger::SqliteLedger::open(folder.file("books")).unwrap();
    let ears = Ears::default();
    let enforcer = Enforcer::builder().policy(policy("short")).prices(prices()).ledger(ledger.clone());
    let enforcer = enforcer.observer(ears.clone()).build();
    charge_and_listen(&enforcer, &ears, || block_on(ledger.entries(&Tenant::unnamed(), 0, 100)).unwrap());
}

#[test]
fn a_price_of_its_own_is_assumed_nowhere() {
    let house = House::new(policy("short"));
    let receipt = house.admit(&call("milli", 100)).send().reconcile(Usage::of(0, 60)).wait().unwrap();
    assert_eq!((receipt.priced_as(), receipt.certainty()), (None, Certainty::Reported));
    assert_eq!(house.ears.count(|event| matches!(event, Event::PricedAs { .. })), 0);
    let entries = ready(house.ledger.entries(&Tenant::unnamed(), 0, 100)).unwrap();
    assert!(named(&entries).iter().all(|(_, price)| !price.contains("assumed")));
}

/// A foreign model's maximum cut the answers of an unknown one at 500 tokens, or held no more for longer ones.
#[test]
fn no_more_than_the_rates_is_assumed_of_another_model() {
    let house = House::new(policy("short"));
    assert_eq!(house.admit(&call("short", 900)).output_tokens(), 500);
    assert_eq!(house.admit(&call("nobody-knows", 900)).output_tokens(), 900);
    // Without a limit it is held for what is written in where no maximum is known.
    assert_eq!(
        house.admit(&Call::new("nobody-knows").team("search").input_tokens(0)).output_tokens(),
        16_384
    );
    // Nor how fast it is.
    let slow = PriceRow::list_from_json(
        r#"[{"provider": "own", "model": "slow", "unseen_tokens_per_second": 100, "standard": {"input": "0", "output": "1000"}}]"#,
    );
    let slow = prices().with_rows(slow.unwrap()).unwrap();
    let dropped = |model: &str| {
        let house = House::with(policy("slow"), |builder| builder.prices(slow.clone()));
        drop(house.admit(&call(model, 5_000)).send().watched());
        house.dollars(&call(model, 0)).0
    };
    // Five seconds at 100 tokens, and at the 500 that are taken where nobody knows.
    assert_eq!((dropped("slow"), dropped("nobody-knows")), (usd("0.50"), usd("2.50")));
}

/// What its own row knows of a model is not forgotten because its rates are unknown.
#[test]
fn the_row_of_a_model_without_rates_still_says_how_long_its_answers_are() {
    let house = House::new(policy("milli"));
    let row = PriceRow::list_from_json(
        r#"[{"provider": "own", "model": "unpriced", "unknown": true, "output_tokens_max": 700}]"#,
    );
    house.enforcer.set_prices(prices().with_rows(row.unwrap()).unwrap());
    let held = house.admit(&call("unpriced", 900));
    assert_eq!((held.output_tokens(), held.quoted()), (700, usd("0.70")));
}

/// The fallback was free, and with it whatever nobody had a price for.
#[test]
fn what_is_free_is_no_price_for_another_model() {
    let house = House::new(policy("free"));
    let decision = house.refuse(&call("nobody-knows", 10));
    assert_eq!(decision.refusals()[0].kind, RefusalKind::Unpriced);
    assert!(decision.to_string().contains("known and not free: that of free is not"), "{decision}");
}

#[test]
fn a_refusal_in_dollars_names_the_model_whose_price_is_assumed() {
    let house = House::new(policy("dollar"));
    let decision = house.refuse(&call("nobody-knows", 101));
    assert_eq!(decision.priced_as(), Some("dollar"));
    assert_eq!(serde_json::to_value(&*decision).unwrap()["priced_as"], "dollar");
    assert!(decision.to_string().contains("has no price, and that of dollar is assumed"), "{decision}");
}

/// Another model answered than was held for, and nobody has a price for it.
#[test]
fn an_unknown_model_that_answered_is_told_too() {
    let house = House::new(policy("short"));
    let report = Actual { model: Some("somebody-else".into()), ..Actual::from(Usage::of(0, 60)) };
    let receipt = house.admit(&call("milli", 100)).send().reconcile(report).wait().unwrap();
    assert_eq!((receipt.priced_as(), receipt.other_model()), (Some("milli"), Some("somebody-else")));
    let told = |event: &Event| matches!(event, Event::PricedAs { model, .. } if model == "somebody-else");
    assert_eq!(house.ears.count(told), 1);
    let entries = ready(house.ledger.entries(&Tenant::unnamed(), 0, 100)).unwrap();
    assert!(named(&entries).iter().all(|(model, _)| model == "milli"), "it was asked for");
    let served = entries.last().and_then(|entry| entry.note.served.clone()).unwrap();
    assert_eq!(served.model, "somebody-else");
    assert!(served.price.starts_with("assumed as milli: "), "{served:?}");
}

/// What the provider itself charged is no assumption.
#[test]
fn a_cost_from_the_provider_is_charged_as_it_stands() {
    let house = House::new(policy("short"));
    let report = Actual { cost: Some(usd("0.02")), ..Actual::from(Usage::of(0, 60)) };
    let receipt = house.admit(&call("nobody-knows", 100)).send().reconcile(report).wait().unwrap();
    assert_eq!(
        (receipt.cost(), receipt.priced_as(), receipt.certainty()),
        (usd("0.02"), None, Certainty::Reported)
    );
}
