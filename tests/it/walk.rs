//! What becomes of a call, from its reserve to its receipt?

use std::time::Duration;

use token_budget::enforcer::{Actual, OnAbandon};
use token_budget::ledger::{Certainty, EntryKind, Note, Reconcile, Tenant};
use token_budget::usage::Unit;
use token_budget::{Budget, BudgetLedger, Call, Event, Policy, Usage, Usd, Verdict, Window};

use crate::support::{House, at, call, nanos, ready, team, usd};

fn ten_dollars() -> Policy {
    Policy::new([Budget::usd("search", team(), Usd::dollars(10), Window::month())]).unwrap()
}

#[test]
fn a_call_is_held_then_sent_then_charged_what_it_used() {
    let house = House::new(ten_dollars());

    let reservation = house.admit(&call("milli", 4_000));
    assert_eq!((reservation.verdict(), reservation.quoted()), (Verdict::Allow, usd("4")));
    assert_eq!(house.dollars(&call("milli", 0)), (Usd::ZERO, usd("4")));

    let in_flight = reservation.send();
    assert_eq!(house.dollars(&call("milli", 0)), (Usd::ZERO, usd("4")));

    let receipt = in_flight.reconcile(Usage::of(0, 2_500)).wait().unwrap();
    assert_eq!(house.dollars(&call("milli", 0)), (usd("2.50"), Usd::ZERO));
    assert_eq!((receipt.cost(), receipt.overrun(), receipt.overrun_tokens()), (usd("2.50"), Usd::ZERO, 0));
    assert!(receipt.is_reported() && !receipt.is_pending() && !receipt.is_unheld());
    let line = &receipt.lines()[0];
    assert_eq!((line.charged, line.spent, line.above_limit), (nanos("2.50"), nanos("2.50"), 0));
}

#[test]
fn a_dropped_reservation_gives_its_room_back() {
    let house = House::new(ten_dollars());
    drop(house.admit(&call("milli", 10_000)));
    assert_eq!(house.dollars(&call("milli", 0)), (Usd::ZERO, Usd::ZERO));
    ready(house.admit(&call("milli", 10_000)).release()).unwrap();
    drop(house.admit(&call("milli", 10_000)));
}

#[test]
fn a_dropped_call_in_flight_is_charged_its_hold_until_a_report_replaces_that() {
    let house = House::new(ten_dollars());
    let asked = call("milli", 4_000);
    let in_flight = house.admit(&asked).send();
    let id = in_flight.id().unwrap();

    drop(in_flight);
    assert_eq!(house.dollars(&asked), (usd("4"), Usd::ZERO));

    let binding = house.enforcer.policy().bind(&asked, house.enforcer.now()).unwrap();
    let report = |tokens: i64, certainty| {
        let note = Note::default();
        let command = Reconcile {
            now: None,
            id,
            claim: &binding.claim,
            amounts: &[tokens * 1_000_000],
            certainty,
            attribution: None,
            note: &note,
        };
        BudgetLedger::reconcile(&house.ledger, command).wait()
    };
    report(1_500, Certainty::Reported).unwrap();
    assert_eq!(house.dollars(&asked), (usd("1.50"), Usd::ZERO));
    // What is less sure changes nothing any more.
    report(3_000, Certainty::Estimated).unwrap();
    assert_eq!(house.dollars(&asked), (usd("1.50"), Usd::ZERO));
    let kinds: Vec<_> = journal(&house).into_iter().map(|entry| entry.0).collect();
    let expected = [
        EntryKind::Reserved,
        EntryKind::Reconciled(Certainty::Provisional),
        EntryKind::Reconciled(Certainty::Reported),
    ];
    assert_eq!(kinds, expected);
}

fn journal(house: &House) -> Vec<(EntryKind, i64)> {
    let entries = ready(house.ledger.entries(&Tenant::unnamed(), 1, 1_000)).unwrap();
    entries.iter().map(|entry| (entry.kind, entry.lines.iter().map(|line| line.spent).sum())).collect()
}

#[test]
fn an_abandoned_call_is_charged_as_the_operator_chose() {
    // 1,000 tokens in and 4,000 out at a tenth of a cent: $5 held, $1 of it input.
    let expected = [
        (OnAbandon::Hold, usd("5"), 1),
        (OnAbandon::InputFloor, usd("1"), 1),
        (OnAbandon::Release, Usd::ZERO, 0),
    ];
    for (abandoned, charged, requests) in expected {
        let dollars = Budget::usd("search", team(), Usd::dollars(10), Window::month());
        let counted = Budget::count("requests", team(), Unit::Requests, 10, Window::day());
        let policy = Policy::new([dollars, counted]).unwrap();
        let asked = call("pair", 4_000).input_tokens(1_000);

        let dropped = House::with(policy.clone(), |builder| builder.on_abandon(abandoned));
        drop(dropped.admit(&asked).send());
        assert_eq!(dropped.balances(&asked), [(requests, 0), (charged.nanos(), 0)], "{abandoned:?}");

        // The same where the process forgets it and its hold ends by age.
        let expired = House::with(policy, |builder| builder.on_abandon(abandoned));
        std::mem::forget(expired.admit(&asked).send());
        expired.clock.advance(Duration::from_secs(300));
        assert_eq!(expired.balances(&asked), [(requests, 0), (charged.nanos(), 0)], "{abandoned:?}");
    }
}

#[test]
fn a_hold_ends_exactly_five_minutes_past_the_calls_own_timeout() {
    let house = House::new(ten_dollars());
    let asked = call("milli", 4_000).timeout(Duration::from_secs(60));
    std::mem::forget(house.admit(&asked).send());

    house.clock.advance(Duration::from_secs(360) - Duration::from_nanos(1));
    assert_eq!(house.dollars(&asked), (Usd::ZERO, usd("4")));
    house.clock.advance(Duration::from_nanos(1));
    assert_eq!(house.dollars(&asked), (usd("4"), Usd::ZERO));
}

#[test]
fn a_report_after_the_hold_expired_replaces_what_the_expiry_charged() {
    let house = House::new(ten_dollars());
    let asked = call("milli", 4_000);
    let in_flight = house.admit(&asked).send();
    let id = in_flight.id().unwrap();
    house.clock.advance(Duration::from_secs(300));
    drop(house.admit(&call("milli", 1)));
    let due = at("2026-11-22T12:05:00Z");
    assert_eq!(house.ears.take(), [Event::Expired { id, due, usd: usd("4") }]);

    let receipt = in_flight.reconcile(Usage::of(0, 9_000)).wait().unwrap();

    assert_eq!((receipt.cost(), receipt.overrun()), (usd("9"), usd("5")));
    assert_eq!(house.dollars(&asked), (usd("9"), Usd::ZERO));
    assert_eq!(house.ears.count(|event| matches!(event, Event::Overrun { .. })), 1);
}

#[test]
fn a_charge_lands_in_the_window_of_its_reserve() {
    let house = House::new(ten_dollars());
    let asked = call("milli", 4_000);
    house.go_to("2026-11-30T23:59:59.999999999Z");
    let november = house.enforcer.policy().bind(&asked, house.enforcer.now()).unwrap();
    let in_flight = house.admit(&asked).send();
    house.go_to("2026-12-01T00:00:00Z");

    let _ = in_flight.reconcile(Usage::of(0, 3_000)).wait().unwrap();

    assert_eq!(house.dollars(&asked), (Usd::ZERO, Usd::ZERO), "December is empty");
    let entries = ready(house.ledger.entries(&Tenant::unnamed(), 1, 10)).unwrap();
    let line = &entries[1].lines[0];
    assert_eq!((line.period, line.spent), (november.terms[0].period.number, nanos("3")));
}

#[test]
fn usage_above_hold_and_limit_is_recorded_in_full() {
    let house = House::new(ten_dollars());
    let in_flight = house.admit(&call("milli", 4_000)).send();
    let id = in_flight.id().unwrap();

    let receipt = in_flight.reconcile(Usage::of(0, 12_500)).wait().unwrap();

    assert_eq!((receipt.overrun(), receipt.overrun_tokens()), (usd("8.50"), 8_500));
    assert_eq!(receipt.lines()[0].above_limit, nanos("2.50"));
    let heard = house.ears.take();
    let overrun = Event::Overrun { id, usd: usd("8.50"), tokens: 8_500 };
    assert!(heard.contains(&overrun), "{heard:?}");
    let decision = ready(house.enforcer.check(&call("milli", 1))).unwrap();
    assert_eq!(decision.budgets()[0].remaining, Some(nanos("-2.50")));
}

#[test]
fn without_a_requested_output_16384_tokens_are_held_and_never_more_than_the_model_can() {
    let house = House::new(crate::support::open_purse());
    let held = |call: Call| house.admit(&call).output_tokens();
    let open = Call::new("milli").team("search");
    assert_eq!(held(open.clone()), 16_384);
    assert_eq!(held(open.clone().choices(3)), 3 * 16_384);
    assert_eq!(held(open.with_model("short")), 500);
    assert_eq!([held(call("short", 499)), held(call("short", 501))], [499, 500]);
    // A token budget and its books see the same.
    let other = crate::support::open_purse().with_output_tokens_default(100);
    assert_eq!(House::new(other).admit(&Call::new("milli").team("search")).output_tokens(), 100);
}

#[test]
fn a_model_that_was_served_instead_sets_the_price_and_is_flagged() {
    let house = House::new(ten_dollars());
    // 100 tokens of the medium model cost 0.50, of the small one 0.10.
    let in_flight = house.admit(&call("medium", 100)).send();
    let report = Actual { usage: Usage::of(0, 100), model: Some("small".into()), ..Actual::default() };

    let receipt = in_flight.reconcile(report).wait().unwrap();

    assert_eq!((receipt.cost(), receipt.other_model()), (usd("0.10"), Some("small")));
    assert_eq!(house.dollars(&call("milli", 0)), (usd("0.10"), Usd::ZERO));
    let entries = ready(house.ledger.entries(&Tenant::unnamed(), 1, 1_000)).unwrap();
    let asked = entries.iter().filter_map(|entry| Some(entry.note.about.as_ref()?.model.as_str()));
    assert_eq!(asked.collect::<Vec<_>>(), ["medium", "medium"]);
    let served = entries.iter().map(|entry| entry.note.served.as_ref().map(|served| served.model.as_str()));
    assert_eq!(served.collect::<Vec<_>>(), [None, Some("small")]); // held for, and charged for
}

#[test]
fn an_unknown_model_that_was_served_is_charged_as_the_reserved_one() {
    let house = House::new(ten_dollars());
    let in_flight = house.admit(&call("medium", 100)).send();
    let report = Actual { usage: Usage::of(0, 100), model: Some("nobody-knows".into()), ..Actual::default() };

    let receipt = in_flight.reconcile(report).wait().unwrap();

    assert_eq!((receipt.cost(), receipt.other_model()), (usd("0.50"), Some("nobody-knows")));
    assert!(!receipt.is_reported(), "the price of another model is an estimate");
}

#[test]
fn a_cost_that_the_provider_reports_goes_before_the_tables_and_both_are_kept() {
    let house = House::new(ten_dollars());
    let reconcile = |cost: &str| {
        let in_flight = house.admit(&call("milli", 1_000)).send();
        let report = Actual { usage: Usage::of(0, 1_000), cost: Some(usd(cost)), ..Actual::default() };
        in_flight.reconcile(report).wait().unwrap()
    };
    let receipt = reconcile("0.70");
    assert_eq!(receipt.cost(), usd("0.70"));
    assert_eq!(receipt.cost_by_table().unwrap().total(), usd("1"));
    // Zero money on a model that costs is unknown, and so is less than zero.
    for cost in ["0", "-3"] {
        let receipt = reconcile(cost);
        assert_eq!(receipt.cost(), usd("1"));
        assert!(!receipt.is_reported(), "a cost of {cost} is no report");
    }
}

#[test]
fn usage_that_is_missing_or_nothing_is_charged_as_held_and_marked() {
    // 1,000 in and 2,000 out of the paired price: $1 and $2.
    let cases = [
        (Usage::new(), "3"),
        (Usage::of(0, 0), "3"),
        (Usage::new().with_input(400), "2.40"),
        (Usage::new().with_output(500), "1.50"),
        (Usage::new().with_output(0), "1"),
    ];
    for (usage, charged) in cases {
        let house = House::new(ten_dollars());
        let in_flight = house.admit(&call("pair", 2_000).input_tokens(1_000)).send();
        let receipt = in_flight.reconcile(usage).wait().unwrap();
        assert_eq!(receipt.cost(), usd(charged), "{usage:?}");
        assert_eq!(receipt.certainty(), Certainty::Estimated, "{usage:?}");
    }
}

#[test]
fn contradicting_usage_is_clamped_and_marked() {
    let house = House::new(ten_dollars());
    let in_flight = house.admit(&call("pair", 2_000).input_tokens(1_000)).send();
    let receipt = in_flight.reconcile(Usage::of(1_000, 100).with_reasoning(900)).wait().unwrap();
    assert_eq!((receipt.cost(), receipt.certainty()), (usd("1.10"), Certainty::Estimated));
}

#[test]
fn a_tool_whose_fee_is_unknown_marks_the_charge_as_estimated() {
    let house = House::new(ten_dollars());
    let in_flight = house.admit(&call("milli", 1_000)).send();
    let receipt =
        in_flight.reconcile(Usage::of(0, 500).with(token_budget::usage::Meter::WebSearch, 2)).wait().unwrap();
    assert_eq!((receipt.cost(), receipt.certainty()), (usd("0.50"), Certainty::Estimated));
}

#[test]
fn a_threshold_is_told_once_however_many_threads_reach_it() {
    use token_budget::Tiers;
    let month = Budget::usd("search", team(), Usd::dollars(100), Window::month())
        .tiers(Tiers::soft_hard(50, 200).unwrap());
    let house = House::of([month]);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..100 {
                    // 800 times ten cents: 80 dollars, past 50 on the 500th.
                    let _ =
                        house.admit(&call("milli", 100)).send().reconcile(Usage::of(0, 100)).wait().unwrap();
                }
            });
        }
    });
    let reached = house.ears.take();
    assert_eq!(reached.len(), 1, "{reached:?}");
    assert!(
        matches!(&reached[0], Event::Reached { at, spent, window, .. }
            if *at == nanos("50") && *spent == nanos("50") && window == "month 2026-11"),
        "{reached:?}"
    );
    assert_eq!(house.dollars(&call("milli", 0)), (usd("80"), Usd::ZERO));
}

#[test]
fn a_threshold_that_was_reached_is_not_told_again_before_the_next_window() {
    use token_budget::Tiers;
    let month = Budget::usd("search", team(), Usd::dollars(100), Window::month())
        .tiers(Tiers::soft_hard(50, 200).unwrap());
    let house = House::of([month]);
    let crossings = || house.ears.count(|event| matches!(event, Event::Reached { .. }));
    let _ = house.spend(&call("milli", 0), 50_000);
    let _ = house.spend(&call("milli", 0), 50_000);
    assert_eq!(crossings(), 1);
    house.go_to("2026-12-01T00:00:00Z");
    let _ = house.spend(&call("milli", 0), 49_999);
    assert_eq!(crossings(), 1);
    let _ = house.spend(&call("milli", 0), 1);
    assert_eq!(crossings(), 2);
}

#[test]
fn every_jump_of_the_clock_is_reported_once() {
    let house = House::new(ten_dollars());
    let jumps = |instant: &str| {
        house.go_to(instant);
        drop(house.admit(&call("milli", 1)));
        drop(house.admit(&call("milli", 1)));
        house.ears.take()
    };
    assert_eq!(jumps("2026-11-22T12:00:10Z"), []);
    let back = Duration::from_secs(5);
    assert_eq!(jumps("2026-11-22T12:00:05Z"), [Event::ClockJumped { forwards: false, by: back }]);
    assert_eq!(jumps("2026-11-22T12:00:20Z"), []);
    assert_eq!(
        jumps("2026-11-22T12:00:15Z"),
        [Event::ClockJumped { forwards: false, by: back }],
        "a second jump is told again"
    );
    // Less than a second is no jump.
    assert_eq!(jumps("2026-11-22T12:00:20Z"), []);
    assert_eq!(jumps("2026-11-22T12:00:19.5Z"), []);
}

#[test]
fn prices_that_are_swapped_do_not_reprice_what_was_charged() {
    let house = House::new(ten_dollars());
    let asked = call("milli", 1_000);
    let _ = house.admit(&asked).send().reconcile(Usage::of(0, 1_000)).wait().unwrap();
    let running = house.admit(&asked).send();
    let row = token_budget::pricing::PriceRow::list_from_json(
        r#"[{"provider": "own", "model": "milli", "standard": {"output": "2000"}}]"#,
    );
    house.enforcer.set_prices(house.enforcer.prices().with_rows(row.unwrap()).unwrap());

    assert_eq!(house.dollars(&asked), (usd("1"), usd("1")));
    assert_eq!(house.admit(&asked).quoted(), usd("2"));
    // The running call is charged by the price that its hold was quoted with.
    assert_eq!(running.reconcile(Usage::of(0, 1_000)).wait().unwrap().cost(), usd("1"));
    assert_eq!(house.dollars(&asked), (usd("2"), Usd::ZERO));
}

#[test]
fn usage_that_cannot_be_counted_leaves_nothing_held() {
    // 2^63 tokens of a free model: no dollars, but more than an account can hold.
    let tokens = Budget::count("tokens", team(), Unit::Tokens, 1_000_000, Window::month());
    let house = House::of([tokens]);
    let in_flight = house.admit(&call("free", 1_000)).send();

    let error = in_flight.reconcile(Usage::of(0, 1 << 63)).wait().unwrap_err();

    assert_eq!(error.kind(), token_budget::ErrorKind::Overflow);
    assert_eq!(
        house.balances(&call("free", 0)),
        [(1_000, 0)],
        "charged what it held, like an abandoned call"
    );
}
