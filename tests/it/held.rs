//! Is a call that is ended by its id charged as it was held, once, and by nobody else?

use std::time::Duration;

use token_budget::call::{Conditions, ServiceTier};
use token_budget::enforcer::Actual;
use token_budget::ledger::{Attribution, Certainty, Note, Record, ReservationId, State};
use token_budget::pricing::{PriceRow, PriceSource, Rates, Reasoning};
use token_budget::usage::Unit;
use token_budget::{
    Amount, Budget, BudgetLedger, Call, Clock, Enforcer, ErrorKind, Event, Policy, PricingTable, Tiers,
    Usage, Usd, Window,
};

use crate::books;
use crate::support::{House, call, prices, team, usd};

fn dollars(limit: u32) -> Budget {
    Budget::usd("search", team(), Usd::dollars(limit), Window::month())
}

/// One token in and one out cost a tenth of a cent each.
fn pair() -> Call {
    Call::new("pair").team("search").input_tokens(100).output_tokens(100)
}

/// A table of that name in which `pair` costs so much a million tokens.
fn named(name: &str, dollars: &str) -> PricingTable {
    let rates = Rates::per_million(dollars, dollars).expect("rates");
    let row = PriceRow::new("own", "pair")
        .with_rates(ServiceTier::Standard, rates)
        .with_reasoning(Reasoning::Never);
    PricingTable::empty().with_rows_from(PriceSource::new(name).with_version("1"), [row]).expect("prices")
}

/// A house whose prices have a name, so that another process knows them again.
fn house(budgets: impl IntoIterator<Item = Budget>) -> House {
    let policy = Policy::new(budgets).expect("a policy");
    House::with(policy, |builder| builder.prices(named("contract 1", "1000")))
}

/// Sends the call and forgets it, as a process does that dies.
fn lost(house: &House, call: &Call) -> ReservationId {
    let sent = house.admit(call).send();
    let id = sent.id().expect("it is open");
    std::mem::forget(sent);
    id
}

/// Another process on the same books, with prices of its own.
fn another(house: &House, prices: PricingTable) -> Enforcer {
    let (policy, ledger, clock) =
        (Policy::clone(&house.enforcer.policy()), house.ledger.clone(), house.clock.clone());
    Enforcer::builder()
        .policy(policy)
        .prices(prices)
        .ledger(ledger)
        .clock(clock)
        .observer(house.ears.clone())
        .build()
}

fn ops(reason: &str) -> Attribution {
    Attribution::new("ops", reason)
}

#[test]
fn a_kept_call_is_charged_by_its_report_though_its_sender_has_gone() {
    let house = House::of([dollars(10)]);
    let id = house.enforcer.keep(house.admit(&pair().in_background()).send()).expect("it is open");
    assert_eq!(house.dollars(&pair()), (Usd::ZERO, usd("0.2")));

    let held = house.enforcer.held(None, id).wait().expect("it is kept");
    // What the report leaves out is taken as it was held: 100 in.
    let receipt = held.reconcile(Usage::new().with_output(7)).wait().expect("a receipt");

    assert_eq!((receipt.cost(), receipt.certainty()), (usd("0.107"), Certainty::Estimated));
    assert_eq!(house.dollars(&pair()), (usd("0.107"), Usd::ZERO));
}

#[test]
fn a_webhook_that_comes_twice_charges_once_and_another_figure_is_a_conflict() {
    let house = house([dollars(10)]);
    let id = house.enforcer.keep(house.admit(&pair()).send()).expect("it is open");
    let tell = |usage| house.enforcer.held(None, id).wait().and_then(|held| held.reconcile(usage).wait());

    let first = tell(Usage::of(100, 7)).expect("a receipt");
    let second = tell(Usage::of(100, 7)).expect("the same receipt");
    let other = tell(Usage::of(100, 8)).expect_err("another figure");

    assert_eq!((first.cost(), second.cost()), (usd("0.107"), usd("0.107")));
    assert_eq!(other.kind(), ErrorKind::Conflict);
    assert_eq!(house.dollars(&pair()), (usd("0.107"), Usd::ZERO));
}

#[test]
fn of_more_than_ten_thousand_kept_calls_the_oldest_is_charged_what_it_holds() {
    let house = House::of([Budget::count("search", team(), Unit::Tokens, 1_000_000, Window::month())]);
    let call = call("milli", 2);
    let ids: Vec<_> =
        (0..10_000).map(|_| house.enforcer.keep(house.admit(&call).send()).expect("it is open")).collect();
    assert_eq!(house.balances(&call), [(0, 20_000)]);

    house.enforcer.keep(house.admit(&call).send()).expect("one more");

    assert_eq!(house.balances(&call), [(2, 20_000)]);
    let oldest = ids.iter().min().expect("some");
    let gone = house.enforcer.held(None, *oldest).wait().expect("the ledger knows it");
    assert_eq!(gone.state(), State::Charged(Certainty::Provisional));
}

#[test]
fn what_is_kept_when_the_enforcer_goes_is_charged_its_hold_even_where_dropped_calls_are_released() {
    let house = House::of([dollars(10)]);
    let builder = Enforcer::builder().policy(Policy::new([dollars(10)]).expect("a policy")).prices(prices());
    let builder = builder.ledger(house.ledger.clone()).clock(house.clock.clone());
    let other = builder.on_abandon(token_budget::enforcer::OnAbandon::Release).build();
    let sent = other.reserve(&pair()).wait().expect("a ledger").or_refusal().expect("room").send();
    other.keep(sent).expect("it is open");

    drop(other);

    assert_eq!(house.dollars(&pair()), (usd("0.2"), Usd::ZERO));
}

/// The guess that a process leaves behind as it ends once charged the hold of a call that an operator had released.
#[test]
fn what_an_operator_gave_back_is_not_charged_by_the_drop_of_the_process_that_kept_it() {
    let house = House::of([dollars(10)]);
    let process = another(&house, prices());
    let sent = process.reserve(&pair()).wait().expect("a ledger").or_refusal().expect("room").send();
    let id = process.keep(sent).expect("it is open");
    assert_eq!(house.dollars(&pair()), (Usd::ZERO, usd("0.2")));

    let held = house.enforcer.held(None, id).wait().expect("the ledger knows it");
    held.signed(ops("the provider cancelled it")).release().wait().expect("given back");
    drop(process);

    assert_eq!(house.dollars(&pair()), (Usd::ZERO, Usd::ZERO));
    let known = house.enforcer.held(None, id).wait().expect("the ledger knows it");
    assert_eq!(known.state(), State::Released);
}

#[test]
fn the_call_of_a_process_that_died_is_charged_at_the_seller_and_in_the_tier_that_it_was_held_at() {
    // Two sellers in one table, of one version: the ledger must say which.
    let row = |seller: &str, dollars: &str, batch: &str| {
        let rates = |rate| Rates::per_million(rate, rate).expect("rates");
        PriceRow::new(seller, "twin")
            .with_rates(ServiceTier::Standard, rates(dollars))
            .with_rates(ServiceTier::Batch, rates(batch))
            .with_reasoning(Reasoning::Never)
    };
    let prices = || {
        let rows = [row("cheap", "1000", "500"), row("dear", "3000", "2000")];
        PricingTable::empty()
            .with_rows_from(PriceSource::new("contract 1").with_version("1"), rows)
            .expect("prices")
    };
    let house =
        House::with(Policy::new([dollars(10)]).expect("a policy"), |builder| builder.prices(prices()));
    let batch = Conditions::new().with_tier(ServiceTier::Batch);
    let call = Call::new("twin")
        .provider("dear")
        .team("search")
        .input_tokens(100)
        .output_tokens(100)
        .conditions(batch);
    let id = lost(&house, &call);
    assert_eq!(house.dollars(&call), (Usd::ZERO, usd("0.4")));

    let held = another(&house, prices()).held(None, id).wait().expect("the ledger knows it");
    assert_eq!((held.model(), held.lines().len(), held.lines()[0].amount), (Some("twin"), 1, 400_000_000));
    let receipt = held.reconcile(Usage::of(100, 10)).wait().expect("a receipt");

    assert_eq!((receipt.cost(), receipt.certainty()), (usd("0.22"), Certainty::Reported));
    assert_eq!((receipt.overrun(), receipt.lines()[0].limit), (Usd::ZERO, Some(10_000_000_000)));
}

#[test]
fn a_price_that_is_not_the_one_of_the_reserve_is_an_error_and_an_amount_is_charged_as_it_stands() {
    let tokens = Budget::count("tokens", team(), Unit::Tokens, 10_000, Window::month());
    let house = house([dollars(10), tokens]);
    let id = lost(&house, &pair());
    let other = another(&house, named("contract 2", "9000"));

    let held = other.held(None, id).wait().expect("known");
    let error = held.reconcile(Usage::of(1, 1)).wait().expect_err("a guess");
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.to_string().starts_with("actual: usage: pair was held at \"contract 1"), "{error}");
    assert_eq!(house.balances(&pair()), [(0, 200_000_000), (0, 200)], "nothing was changed");

    let amount = Amount::request(usd("0.05"), 40, 10);
    let receipt = other.held(None, id).wait().expect("known").reconcile(amount).wait().expect("a receipt");

    assert_eq!((receipt.cost(), receipt.certainty()), (usd("0.05"), Certainty::Reported));
    assert_eq!(house.balances(&pair()), [(50_000_000, 0), (50, 0)]);
}

/// Rows of two tables without a version look alike in the books, whatever they cost.
#[test]
fn a_price_of_a_table_without_version_or_date_is_not_taken_for_that_of_the_reserve() {
    let house = House::of([dollars(10)]);
    let id = lost(&house, &pair());

    let held = another(&house, prices()).held(None, id).wait().expect("known");
    let error = held.reconcile(Usage::of(100, 7)).wait().expect_err("a guess");

    assert!(error.to_string().contains("without version or date"), "{error}");
}

/// A count forgot what was known of the call, and the report after it could not be priced any more.
#[test]
fn a_kept_call_that_was_counted_by_hand_still_takes_its_report() {
    let house = House::of([dollars(10)]);
    let id = house.enforcer.keep(house.admit(&pair()).send()).expect("kept");
    let held = || house.enforcer.held(None, id).wait().expect("known");
    let counted = Actual { estimated: true, ..Actual::from(Usage::of(100, 90)) };

    held().reconcile(counted).wait().expect("a receipt");
    held().reconcile(Usage::of(100, 40)).wait().expect("the report");

    assert_eq!(house.dollars(&pair()), (usd("0.14"), Usd::ZERO));
}

#[test]
fn a_call_is_kept_by_the_enforcer_that_reserved_it() {
    let house = house([dollars(10)]);
    let stranger = another(&house, named("contract 1", "1000"));

    let error = stranger.keep(house.admit(&pair()).send()).expect_err("another's call");

    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.to_string().contains("another enforcer"), "{error}");
}

/// An unsigned release was judged by what stood when the call was found.
#[test]
fn what_was_charged_since_it_was_found_is_not_withdrawn_unsigned() {
    let house = house([dollars(10)]);
    let id = lost(&house, &pair());
    let held = house.enforcer.held(None, id).wait().expect("known");
    house.clock.advance(Duration::from_secs(300));

    let error = held.release().wait().expect_err("it has expired meanwhile");

    assert!(error.to_string().starts_with("attribution:"), "{error}");
    assert_eq!(house.dollars(&pair()), (usd("0.2"), Usd::ZERO));
}

#[test]
fn usage_that_leaves_something_out_is_an_error_where_nobody_knows_how_much_of_it_was_held() {
    let house = house([dollars(10)]);
    let id = lost(&house, &pair());
    let other = another(&house, named("contract 1", "1000"));

    for usage in [Usage::new().with_output(7), Usage::of(0, 7), Usage::new()] {
        let error = other.held(None, id).wait().expect("known").reconcile(usage).wait().expect_err("a guess");
        assert!(error.to_string().contains("state the amount"), "{error}");
    }
    assert_eq!(house.dollars(&pair()), (Usd::ZERO, usd("0.2")));
}

#[test]
fn the_ids_of_one_organisation_end_nothing_in_another() {
    let house = House::of([dollars(10)]);
    let call = pair().organization("acme");
    let kept = house.enforcer.keep(house.admit(&call).send()).expect("it is open");
    let sent = lost(&house, &call);

    for id in [kept, sent] {
        for organization in [None, Some("globex")] {
            let error = house.enforcer.held(organization, id).wait().expect_err("not theirs");
            assert_eq!(error.kind(), ErrorKind::State);
        }
        house.enforcer.held(Some("acme"), id).wait().expect("theirs").release().wait().expect("given back");
    }
    assert_eq!(house.dollars(&call), (Usd::ZERO, Usd::ZERO));
}

#[test]
fn an_imported_row_is_looked_at_by_its_id_and_ended_by_nobody() {
    let house = House::of([dollars(10)]);
    let (id, acme) = (ReservationId::imported("bill", "4711"), books::tenant_of("acme"));
    let claim = &books::claim_in(&acme, vec![books::line("team/search", books::always(), 10)]);
    let (used_at, attribution, note, now) =
        (Some(house.clock.now()), &ops("an import"), &Note::default(), None);
    let row = Record { id, used_at, claim, amounts: &[5], corrects: None, attribution, note, now };
    house.ledger.record(row).wait().expect("posted");

    let held = || house.enforcer.held(Some("acme"), id).wait().expect("it is known");
    assert_eq!((held().state(), held().lines()[0].amount), (State::Recorded, 5));
    assert_eq!(held().release().wait().expect_err("nothing is held").kind(), ErrorKind::State);
}

#[test]
fn a_threshold_that_a_late_end_reaches_is_told() {
    let house = house([dollars(1).tiers(Tiers::soft_hard(80, 100).expect("tiers"))]);
    let id = lost(&house, &pair());

    another(&house, named("contract 1", "1000"))
        .held(None, id)
        .wait()
        .expect("known")
        .reconcile(Usage::of(100, 700))
        .wait()
        .expect("a receipt");

    assert_eq!(house.ears.count(|event| matches!(event, Event::Reached { .. })), 1, "{:?}", house.ears.all());
}

#[test]
fn a_count_by_hand_gives_way_to_the_report_that_comes_after_all() {
    let house = house([dollars(10)]);
    let sent = house.admit(&pair()).send();
    let id = sent.id().expect("it is open");
    let counted = Actual { estimated: true, ..Actual::from(Usage::of(100, 50)) };

    let held = another(&house, named("contract 1", "1000")).held(None, id).wait().expect("known");
    held.signed(ops("counted from the log")).reconcile(counted).wait().expect("a receipt");
    assert_eq!(house.dollars(&pair()), (usd("0.15"), Usd::ZERO));
    sent.reconcile(Usage::of(100, 60)).wait().expect("the process lives after all");

    assert_eq!(house.dollars(&pair()), (usd("0.16"), Usd::ZERO));
    let entries =
        house.ledger.entries(&token_budget::ledger::Tenant::unnamed(), 0, 10).wait().expect("entries");
    let signed: Vec<_> = entries.into_iter().filter_map(|entry| entry.attribution).collect();
    assert_eq!(signed, [ops("counted from the log")]);
}

#[test]
fn a_charge_is_withdrawn_only_by_somebody_and_a_report_only_refunded() {
    let house = house([dollars(10)]);
    let held = |id| house.enforcer.held(None, id).wait().expect("known");
    let expired = lost(&house, &pair());
    house.clock.advance(Duration::from_secs(300));
    assert_eq!(held(expired).state(), State::Charged(Certainty::Expired));

    let error = held(expired).release().wait().expect_err("nobody said so");
    assert!(error.to_string().starts_with("attribution:"), "{error}");
    assert_eq!(
        held(expired).refund(ops("too early")).wait().expect_err("nothing reported").kind(),
        ErrorKind::State
    );
    held(expired).signed(ops("it never left")).release().wait().expect("withdrawn");
    assert_eq!(house.dollars(&pair()), (Usd::ZERO, Usd::ZERO));

    let reported = lost(&house, &pair());
    held(reported).reconcile(Usage::of(100, 100)).wait().expect("a receipt");
    let error = held(reported).signed(ops("sorry")).release().wait().expect_err("it was reported");
    assert_eq!(error.kind(), ErrorKind::State);
    held(reported).refund(ops("credited")).wait().expect("refunded");
    assert_eq!(
        held(reported).refund(ops("again")).wait().expect_err("nothing is left").kind(),
        ErrorKind::State
    );
    assert_eq!(house.dollars(&pair()), (Usd::ZERO, Usd::ZERO));
}
