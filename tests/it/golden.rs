//! Do the requirement's own numbers come out, on both sides of each edge?

use token_budget::call::{Conditions, ScopeKind, ServiceTier};
use token_budget::decision::{Quote, RefusalKind, TierAction};
use token_budget::ledger::Balance;
use token_budget::policy::{Caps, Exemption, Tier};
use token_budget::time::Timestamp;
use token_budget::usage::Unit;
use token_budget::{
    Amount, Budget, Call, Event, Policy, PricingTable, RunGuard, Scope, Tiers, Usage, Usd, Verdict, Window,
    check_budget,
};

use crate::support::{House, NOON, at, call, nanos, team, usd};

/// Section 1: $500 a month, $75 a day, soft 80 %, hard 120 %.
///
/// The month is one of UTC and the day one of New York, whose summer time ended
/// on 1 November 2026: that day has 25 hours.
fn section_one() -> Policy {
    let day = Window::day().in_zone("America/New_York").unwrap();
    let month = Budget::usd("search", team(), Usd::dollars(500), Window::month())
        .tiers(Tiers::soft_hard(80, 120).unwrap())
        .guardrail(Usd::dollars(75), day);
    Policy::new([month]).unwrap()
}

/// Month, day, estimate, verdict, and the windows that refuse.
type Row = (&'static str, &'static str, &'static str, Verdict, &'static [&'static str]);

const ROWS: [Row; 8] = [
    ("399.99", "0", "0.009", Verdict::Allow, &[]), // 79.9998 %
    ("399.99", "0", "0.01", Verdict::Warn, &[]),   // exactly 80 %
    ("599.99", "0", "0.009", Verdict::Warn, &[]),  // 119.9998 %
    ("599.99", "0", "0.01", Verdict::Block, &["month 2026-11"]), // exactly 120 %
    ("100", "74", "1.00", Verdict::Allow, &[]),    // lands on the guardrail
    ("100", "74", "1.01", Verdict::Block, &["day 2026-11-01"]),
    ("0", "0", "80", Verdict::Block, &["day 2026-11-01"]),
    ("590", "74", "20", Verdict::Block, &["day 2026-11-01", "month 2026-11"]),
];

/// Noon in UTC on the day that has 25 hours.
const LONG_DAY: &str = "2026-11-01T12:00:00Z";
/// Already November in UTC, still October in New York.
const BEFORE_LONG_DAY: &str = "2026-11-01T01:00:00Z";
/// Midnight in New York comes at 5 in UTC again.
const NEXT_MIDNIGHT: &str = "2026-11-02T05:00:00Z";

/// Tenths of a cent: output tokens of the model `milli`.
fn tokens(dollars: &str) -> u64 {
    u64::try_from(nanos(dollars) / 1_000_000).unwrap()
}

#[test]
fn section_1_holds_for_the_pure_function() {
    let policy = section_one();
    for (month, day, estimate, verdict, windows) in ROWS {
        let balance = |account: &token_budget::ledger::Account| {
            let spent = if account.key().window.starts_with("day") { day } else { month };
            Balance { spent: nanos(spent), ..Balance::default() }
        };
        let quote = Quote::of(Amount::request(usd(estimate), 0, tokens(estimate)));
        let decision = check_budget(&policy, &call("milli", 1), balance, &quote, at(LONG_DAY)).unwrap();
        let refusing: Vec<_> = decision.refusals().into_iter().map(|refusal| refusal.window).collect();
        assert_eq!((decision.verdict(), &refusing[..]), (verdict, &owned(windows)[..]), "{month} {day}");
        assert!(decision.is_advice());
    }
}

#[test]
fn section_1_holds_for_half_the_money_held_for_calls_in_flight() {
    // "both including live holds": the same rows with half of each balance reserved.
    let policy = section_one();
    for (month, day, estimate, verdict, windows) in ROWS {
        let balance = |account: &token_budget::ledger::Account| {
            let used = nanos(if account.key().window.starts_with("day") { day } else { month });
            Balance { spent: used - used / 2, reserved: used / 2 }
        };
        let quote = Quote::of(Amount::request(usd(estimate), 0, tokens(estimate)));
        let decision = check_budget(&policy, &call("milli", 1), balance, &quote, at(LONG_DAY)).unwrap();
        assert_eq!(decision.verdict(), verdict, "{month} {day} {estimate}");
        assert_eq!(decision.refusals().len(), windows.len());
    }
}

#[test]
fn section_1_holds_for_an_enforcer_and_its_ledger() {
    for (month, day, estimate, verdict, windows) in ROWS {
        let house = House::new(section_one());
        let earlier = usd(month).checked_sub(usd(day)).unwrap();
        house.go_to(BEFORE_LONG_DAY);
        let _ = house.spend(&call("milli", 0), tokens(&earlier.to_string()));
        house.go_to(LONG_DAY);
        let _ = house.spend(&call("milli", 0), tokens(day));

        let asked = call("milli", tokens(estimate));
        if windows.is_empty() {
            let reservation = house.admit(&asked);
            assert_eq!((reservation.verdict(), reservation.quoted()), (verdict, usd(estimate)));
            continue;
        }
        let decision = house.refuse(&asked);
        let refusals = decision.refusals();
        let refusing: Vec<_> = refusals.iter().map(|refusal| refusal.window.clone()).collect();
        assert_eq!((decision.verdict(), refusing), (verdict, owned(windows)), "{month} {day} {estimate}");
        for refusal in refusals {
            let expected = match (refusal.window.as_str(), estimate) {
                (_, "80") => RefusalKind::NeverFits,
                ("day 2026-11-01", _) => RefusalKind::Exhausted { resets_at: Some(at(NEXT_MIDNIGHT)) },
                _ => RefusalKind::Exhausted { resets_at: Some(at("2026-12-01T00:00:00Z")) },
            };
            assert_eq!(refusal.kind, expected, "{estimate}");
        }
    }
}

fn owned(windows: &[&str]) -> Vec<String> {
    windows.iter().map(|window| (*window).to_owned()).collect()
}

#[test]
fn a_day_that_is_full_has_room_again_at_the_next_local_midnight() {
    let house = House::new(section_one());
    house.go_to(LONG_DAY);
    let _ = house.spend(&call("milli", 0), tokens("75"));

    house.go_to("2026-11-02T04:59:59.999999999Z");
    assert!(!house.enforcer.reserve(&call("milli", 1)).wait().unwrap().is_admitted());

    house.go_to(NEXT_MIDNIGHT);
    assert!(house.enforcer.reserve(&call("milli", 75_000)).wait().unwrap().is_admitted());
    assert!(!house.enforcer.reserve(&call("milli", 75_001)).wait().unwrap().is_admitted());
}

#[test]
fn a_hybrid_500_dollars_speaks_at_250_400_500_and_stops_at_600() {
    let thresholds = Tiers::hybrid().thresholds(nanos("500")).unwrap();
    let expected = [
        (TierAction::Notice, nanos("250")),
        (TierAction::Warn, nanos("400")),
        (TierAction::Critical, nanos("500")),
        (TierAction::Block, nanos("600")),
    ];
    assert_eq!(thresholds[..], expected);

    let month = Budget::usd("search", team(), Usd::dollars(500), Window::month()).tiers(Tiers::hybrid());
    let house = House::of([month]);
    // One tenth of a cent below each threshold, and then exactly on it.
    for (action, threshold) in expected {
        let below = u64::try_from(threshold / 1_000_000).unwrap() - 1;
        let spent = u64::try_from(house.balances(&call("milli", 0))[0].0 / 1_000_000).unwrap();
        // Usage that nothing was held for is an overrun as well: only crossings are looked at.
        let crossings = || -> Vec<_> {
            let heard = house.ears.take();
            let thresholds = heard.iter().filter_map(|event| match event {
                Event::Reached { action, at, spent, .. } => Some((*action, *at, *spent)),
                _ => None,
            });
            thresholds.collect()
        };
        let _ = house.spend(&call("milli", 0), below - spent);
        assert_eq!(crossings(), [], "nothing just below {action:?}");
        let _ = house.spend(&call("milli", 0), 1);
        assert_eq!(crossings(), [(action, threshold, threshold)]);
    }
}

#[test]
fn a_traffic_light_is_amber_from_80_and_red_at_150_percent() {
    let month =
        Budget::usd("search", team(), Usd::dollars(500), Window::month()).tiers(Tiers::traffic_light());
    let policy = Policy::new([month]).unwrap();
    let verdict = |spent: &str| {
        let balance = Balance { spent: nanos(spent), ..Balance::default() };
        let quote = Quote::of(Amount::request(usd("0.01"), 0, 1));
        check_budget(&policy, &call("milli", 1), |_| balance, &quote, at(NOON)).unwrap().verdict()
    };
    // 80 % is 400, 150 % is 750; each call takes a cent.
    assert_eq!(verdict("399.98"), Verdict::Allow);
    assert_eq!(verdict("399.99"), Verdict::Warn);
    assert_eq!(verdict("749.98"), Verdict::Warn);
    assert_eq!(verdict("749.99"), Verdict::Block);
}

#[test]
fn a_plain_budget_may_be_landed_on_and_not_passed() {
    let house = House::of([Budget::usd("search", team(), Usd::dollars(500), Window::month())]);
    let _ = house.spend(&call("milli", 0), tokens("482.10"));

    // 482.10 + 17.90 is 500 exactly.
    drop(house.admit(&call("milli", tokens("17.90"))));
    let decision = house.refuse(&call("milli", tokens("21.75")));

    let line = "budget team/search month 2026-11: 482.10 of 500.00 USD used, call needs 21.75; \
                resets 2026-12-01T00:00:00Z";
    assert_eq!(decision.refusals()[0].to_string(), line);
    // 17.90 buy 17,900 tokens at a tenth of a cent.
    assert_eq!(decision.to_string(), format!("block milli; {line}; an output of 17900 tokens would fit"));
    assert!(!house.enforcer.reserve(&call("milli", tokens("17.90") + 1)).wait().unwrap().is_admitted());
}

#[test]
fn section_2_a_runaway_agent_loses_at_most_75_dollars_on_its_first_day() {
    let month = Budget::usd("search", team(), Usd::dollars(500), Window::month())
        .tiers(Tiers::soft_hard(80, 120).unwrap())
        .guardrail(Usd::dollars(75), Window::day());
    let house = House::of([month]);
    let mut rounds = 0;
    // $7 a round: ten are 70, the eleventh would be 77.
    while let Ok(reservation) = house.enforcer.reserve(&call("milli", 7_000)).wait().unwrap().or_refusal() {
        let _ = reservation.send().reconcile(Usage::of(0, 7_000)).wait().unwrap();
        rounds += 1;
    }
    assert_eq!(rounds, 10);
    assert_eq!(house.balances(&call("milli", 0)), [(nanos("70"), 0), (nanos("70"), 0)]);
}

#[test]
fn section_2_a_wrapped_key_and_a_team_are_accepted_as_data() {
    let key = Scope::api_key("wrapped").unwrap();
    let wrapped = Budget::usd("key", key, Usd::dollars(500), Window::month())
        .guardrail(Usd::dollars(50), Window::day())
        .tiers(Tiers::hybrid())
        .channel("slack")
        .channel("email");
    let thirty_days = Window::rolling(std::time::Duration::from_secs(30 * 86_400)).unwrap();
    let of_team = Budget::usd("team", team(), Usd::dollars(800), thirty_days)
        .metadata("cost_centre", "4711")
        .metadata("lead", "ada")
        .metadata("owner", "grace");
    let rate = Budget::count("rate", team(), Unit::Tokens, 1_000_000, Window::rolling_minute());
    assert_eq!(wrapped.channels(), ["slack", "email"]);
    assert_eq!(of_team.metadata_entries().len(), 3);
    let policy = Policy::new([wrapped, of_team, rate]).unwrap();

    let binding = policy.bind(&call("milli", 1).api_key("wrapped"), at(NOON)).unwrap();

    let lines: Vec<_> =
        binding.terms.iter().map(|terms| (terms.account.to_string(), terms.ceiling)).collect();
    // In charge-set order, shorter windows first; the key stops below 120 % of 500.
    let expected = [
        ("team/search: rate (tokens, 1m)".to_owned(), 1_000_000),
        ("team/search: team (USD, 30d)".to_owned(), nanos("800")),
        ("api_key/wrapped: key (USD, day)".to_owned(), nanos("50")),
        ("api_key/wrapped: key (USD, month)".to_owned(), nanos("600") - 1),
    ];
    assert_eq!(lines, expected);
}

#[test]
fn section_3_an_agent_that_costs_45_cents_a_round_stops_before_its_23rd() {
    let (rounds, report) = agent(450);
    // 22 × 0.45 = 9.90; the next would reach 10.35.
    assert_eq!((rounds, report.spent_usd), (22, usd("9.90")));
    let over = report.over.unwrap();
    assert!(over.contains("9.90 of 10.00 USD used, call needs 0.45; the run ends here"), "{over}");
}

#[test]
fn section_3_an_agent_that_costs_a_cent_a_round_stops_at_50() {
    let (rounds, report) = agent(10);
    assert_eq!((rounds, report.iterations, report.spent_usd), (50, 50, usd("0.50")));
    let over = report.over.unwrap();
    assert!(over.contains("50 of 50 iterations used, call needs 1; the run ends here"), "{over}");
}

/// An agent with $200 a month, $10 a run, 50 rounds of at most 4,000 output tokens.
fn agent(tokens_each: u64) -> (u32, token_budget::run::RunReport) {
    let agents = Budget::each_usd("agents", ScopeKind::Agent, Usd::dollars(200), Window::month());
    let house = House::of([agents]);
    let run = RunGuard::builder("r1")
        .usd(Usd::dollars(10))
        .iterations(50)
        .output_tokens_per_iteration(4_000)
        .charging(Call::charging().agent("scout"))
        .open(&house.enforcer)
        .wait()
        .unwrap();
    let mut rounds = 0;
    while let Ok(reservation) = run.reserve(&call("milli", tokens_each)).wait().unwrap().or_refusal() {
        let _ = reservation.send().reconcile(Usage::of(0, tokens_each)).wait().unwrap();
        rounds += 1;
    }
    (rounds, run.report().wait().unwrap())
}

#[test]
fn section_3_a_round_is_held_for_4000_output_tokens_at_most() {
    let house = House::of([]);
    let run =
        RunGuard::builder("r1").output_tokens_per_iteration(4_000).open(&house.enforcer).wait().unwrap();
    let held =
        |asked| run.reserve(&call("milli", asked)).wait().unwrap().or_refusal().unwrap().output_tokens();
    assert_eq!([held(3_999), held(4_000), held(4_001)], [3_999, 4_000, 4_000]);
}

#[test]
fn section_4_the_published_prices_come_out() {
    let table = PricingTable::bundled();
    let cost = |model: &str, usage: Usage, conditions: Conditions| {
        let price = table.find(Some("openai"), model, at(NOON)).expect("a bundled model");
        price.cost(&usage, &conditions).unwrap().total()
    };
    let standard = Conditions::new();
    assert_eq!(cost("gpt-4o", Usage::of(0, 1_000_000), standard), usd("10"));
    assert_eq!(cost("gpt-4.1-nano", Usage::of(0, 1_000_000), standard), usd("0.40"));
    assert_eq!(cost("gpt-4.1-nano", Usage::of(50_000_000, 0), standard), usd("5"));
    assert_eq!(cost("gpt-4o", Usage::of(0, 50_000_000), standard), usd("500"));
    // Cached input costs half of 2.50, batch half of everything.
    let cached = Usage::of(1_000_000, 0).with_cached_input(1_000_000);
    assert_eq!(cost("gpt-4o", cached, standard), usd("1.25"));
    let batch = standard.with_tier(ServiceTier::Batch);
    assert_eq!(cost("gpt-4o", Usage::of(1_000_000, 1_000_000), batch), usd("6.25"));
}

#[test]
fn section_9_a_raise_counts_from_its_first_instant_to_just_before_its_last() {
    let raise = Exemption::new("launch", team(), Unit::Usd, nanos("200"))
        .between(at("2026-11-22T00:00:00Z"), at("2026-11-23T00:00:00Z"))
        .requested_by("ada")
        .approved_by("grace")
        .because("launch day");
    let month = Budget::usd("search", team(), Usd::dollars(500), Window::month());
    let house = House::new(Policy::new([month]).unwrap().with_exemption(raise).unwrap());
    house.go_to("2026-11-20T00:00:00Z");
    let _ = house.spend(&call("milli", 0), tokens("500"));
    let admits = |instant: &str, dollars: &str| {
        house.go_to(instant);
        house.enforcer.reserve(&call("milli", tokens(dollars))).wait().unwrap().is_admitted()
    };

    assert!(!admits("2026-11-21T23:59:59.999999999Z", "0.001"));
    assert!(admits("2026-11-22T00:00:00Z", "200"));
    assert!(!admits("2026-11-22T00:00:00Z", "200.001"));
    assert!(admits("2026-11-22T23:59:59.999999999Z", "200"));
    assert!(!admits("2026-11-23T00:00:00Z", "0.001"));
}

#[test]
fn section_9_an_emergency_override_unblocks_a_hard_stop_and_names_its_approver() {
    let month = Budget::usd("search", team(), Usd::dollars(500), Window::month())
        .tiers(Tiers::soft_hard(80, 120).unwrap());
    let policy = Policy::new([month]).unwrap();
    let house = House::new(policy.clone());
    let _ = house.spend(&call("milli", 0), tokens("600"));
    let _ = house.refuse(&call("milli", 1));

    let unsigned = Exemption::emergency("fire", team(), Unit::Usd, nanos("100")).requested_by("ada");
    let error = policy.clone().with_exemption(unsigned.because("outage")).unwrap_err();
    assert!(error.to_string().contains("exemption fire: approver"), "{error}");

    let signed = Exemption::emergency("fire", team(), Unit::Usd, nanos("100"));
    let signed = signed.approved_by("grace").because("outage");
    house.enforcer.set_policy(policy.with_exemption(signed).unwrap()).unwrap();

    // Every threshold is a share of the raised limit: 120 % of 600 is 720, which may not be reached.
    assert!(house.enforcer.reserve(&call("milli", tokens("119.999"))).wait().unwrap().is_admitted());
    assert!(!house.enforcer.reserve(&call("milli", tokens("120"))).wait().unwrap().is_admitted());
}

#[test]
fn section_10_the_routed_model_is_what_is_held_and_charged() {
    // $100 that degrades at 80 %: stronger models stop below $80.
    let tiers = [(80, TierAction::Degrade), (100, TierAction::Block)];
    let tiers = tiers.map(|(percent, action)| Tier { percent: percent.into(), action });
    let month =
        Budget::usd("search", team(), Usd::dollars(100), Window::month()).tiers(Tiers::new(tiers).unwrap());
    let policy = Policy::new([month]).unwrap().with_ladder(["large", "medium", "small"]);
    let house = House::new(policy);
    let on_ladder = |model: &str| {
        let asked = call(model, 100);
        crate::support::ready(house.enforcer.reserve_on_ladder(&asked)).unwrap().or_refusal()
    };

    // 100 tokens cost 2.00, 0.50 and 0.10: 20 : 5 : 1.
    let _ = house.spend(&call("milli", 0), tokens("77.999"));
    assert_eq!(on_ladder("large").unwrap().quoted(), usd("2.00")); // 79.999
    let _ = house.spend(&call("milli", 0), 1);
    let medium = on_ladder("large").unwrap(); // 80.00 is reached by the large one
    assert_eq!((medium.model(), medium.quoted()), ("medium", usd("0.50")));
    drop(medium);
    let _ = house.spend(&call("milli", 0), tokens("1.60")); // 79.60
    let small = on_ladder("large").unwrap();
    assert_eq!((small.model(), small.quoted()), ("small", usd("0.10")));
    let receipt = small.send().reconcile(Usage::of(0, 100)).wait().unwrap();
    assert_eq!((receipt.cost(), receipt.lines()[0].spent), (usd("0.10"), nanos("79.70")));

    // The last rung has nowhere to go down to: it stops at 100 %.
    let _ = house.spend(&call("milli", 0), tokens("20.199")); // 99.899
    drop(on_ladder("small").unwrap()); // 99.999
    let _ = house.spend(&call("milli", 0), 1);
    let refused = on_ladder("large").unwrap_err();
    assert_eq!((refused.model(), refused.verdict()), ("large", Verdict::Block));
    assert_eq!(refused.next_rung(), Some("medium"));
}

#[test]
fn section_10_the_pure_function_judges_one_rung_and_names_the_next() {
    let tiers = [(80, TierAction::Degrade), (100, TierAction::Block)];
    let tiers = tiers.map(|(percent, action)| Tier { percent: percent.into(), action });
    let month =
        Budget::usd("search", team(), Usd::dollars(100), Window::month()).tiers(Tiers::new(tiers).unwrap());
    let policy = Policy::new([month]).unwrap().with_ladder(["large", "small"]);
    let judge = |model: &str, spent: &str| {
        let balance = Balance { spent: nanos(spent), ..Balance::default() };
        let quote = Quote::of(Amount::request(usd("1"), 0, 50));
        let decision = check_budget(&policy, &call(model, 50), |_| balance, &quote, at(NOON)).unwrap();
        (decision.verdict(), decision.next_rung().map(str::to_owned))
    };
    assert_eq!(judge("large", "78.999999999"), (Verdict::Allow, None));
    assert_eq!(judge("large", "79"), (Verdict::Degrade, Some("small".into())));
    assert_eq!(judge("large", "98.999999999"), (Verdict::Degrade, Some("small".into())));
    assert_eq!(judge("large", "99"), (Verdict::Block, Some("small".into())));
    assert_eq!(judge("small", "98.999999999"), (Verdict::Allow, None));
    assert_eq!(judge("small", "99"), (Verdict::Block, None));
    // A model that is not on the ladder is not degraded.
    assert_eq!(judge("milli", "79"), (Verdict::Allow, None));
}

#[test]
fn a_template_gives_each_user_five_dollars() {
    let users = Budget::each_usd("users", ScopeKind::User, Usd::dollars(5), Window::day());
    let house = House::of([users.per_call(Caps::default())]);
    let of = |user: &str, tokens| Call::new("milli").user(user).output_tokens(tokens);
    drop(house.refuse(&of("ada", 5_001)));
    assert_eq!(house.ledger.accounts(), 0, "a refusal makes no row");
    let ada = house.admit(&of("ada", 5_000));
    let grace = house.admit(&of("grace", 5_000));
    drop(house.refuse(&of("ada", 1)));
    drop((ada, grace));
    let _: Timestamp = house.enforcer.now();
}
