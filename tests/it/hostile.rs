//! Does input from strangers stay harmless?

use std::collections::HashSet;
use std::time::Duration;

use token_budget::call::{Conditions, Message, Prompt, ScopeKind};
use token_budget::decision::{Quote, TierAction};
use token_budget::ledger::{Attribution, Balance, BudgetLedger, ReservationId, Tenant};
use token_budget::policy::{Caps, Exemption, Tier};
use token_budget::time::Timestamp;
use token_budget::usage::Unit;
use token_budget::{
    Amount, Budget, Call, ErrorKind, InFlight, Policy, RunGuard, Scope, Tiers, Usage, Usd, Window,
    check_budget,
};

use crate::support::{House, at, call, ready, team};

/// Budgets for every kind that the tests charge.
fn for_everyone() -> Policy {
    let kinds = ["organization", "team", "project", "user", "agent", "a", "a_b", "b"];
    let budgets = kinds.map(|kind| {
        let kind: ScopeKind = kind.parse().unwrap();
        Budget::each_usd(format!("each {kind}"), kind, Usd::dollars(1_000), Window::month())
    });
    Policy::new(budgets).unwrap()
}

#[test]
fn two_different_charge_sets_never_share_an_account() {
    let scope = |kind: &str, name: &str| Scope::new(kind.parse().unwrap(), name).unwrap();
    // Names that run together if they are joined by whatever sign.
    let scopes = [
        ("organization", "a"),
        ("organization", "a/b"),
        ("user", "a/b"),
        ("user", "a"),
        ("user", "a:b"),
        ("user", "b"),
        ("user", "b/c"),
        ("team", "a"),
        ("team", "a/b/c"),
        ("team", "each team"),
        ("project", "a|b"),
        ("project", "a%2Fb"),
        ("agent", "a\u{301}"),
        ("agent", "á"),
        ("a", "b/c"),
        ("a_b", "c"),
        ("b", "A"),
        ("b", "a"),
    ];
    let house = House::new(for_everyone());
    // Each organisation has books of its own, so everything is spent in three tenants.
    let mut lines = 0;
    let mut sum = 0;
    for organization in [None, Some("a"), Some("a/b")] {
        for (place, (kind, name)) in scopes.iter().filter(|(kind, _)| *kind != "organization").enumerate() {
            let mut asked = Call::new("milli").scope(scope(kind, name));
            if let Some(organization) = organization {
                asked = asked.organization(organization);
            }
            let tokens = 1 << place;
            let receipt = house.spend(&asked, tokens);
            sum += tokens;
            let own = receipt.lines().into_iter().find(|line| line.scope == scope(kind, name)).unwrap();
            assert_eq!(own.spent, i64::try_from(tokens).unwrap() * 1_000_000, "{kind}/{name} is its own");
            lines += 1;
        }
    }
    // One account for each scope in each tenant, and one for each of the two organisations.
    assert_eq!((lines, house.ledger.accounts()), (48, 50));
    assert_eq!(sum, 3 * 65_535);
}

#[test]
fn texts_of_two_scopes_are_never_equal() {
    let names = ["a", "a/b", "a//b", "/a", "a/", "%2F", "a%", "á", "a\u{301}"];
    let kinds = ["team", "user", "a", "a_b"];
    let mut texts = HashSet::new();
    for kind in kinds {
        for name in names {
            let scope = Scope::new(kind.parse().unwrap(), name).unwrap();
            assert_eq!(scope.to_string().parse::<Scope>().unwrap(), scope);
            assert!(texts.insert(scope.to_string()), "{scope} stands twice");
        }
    }
}

#[test]
fn huge_numbers_are_errors_that_name_the_field_and_hold_nothing() {
    let house = House::of([
        Budget::usd("dollars", team(), Usd::MAX, Window::month()),
        Budget::count("tokens", team(), Unit::Tokens, u64::MAX, Window::month()),
    ]);
    let wrong = [
        (call("milli", u64::MAX).choices(2), "output tokens"),
        (call("milli", u64::MAX).choices(u32::MAX), "output tokens"),
        (call("dollar", u64::MAX), "cost of the call"),
        (call("pair", 1).input_tokens(u64::MAX), "cost of the call"),
        (call("free", u64::MAX), "tokens"),
        (call("free", 1).input_tokens(u64::MAX), "tokens"),
    ];
    for (call, field) in wrong {
        let error = house.enforcer.reserve(&call).wait().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Overflow);
        assert!(error.to_string().starts_with(field), "{error}");
        assert!(ready(house.enforcer.check(&call)).is_err());
    }
    assert_eq!((house.ledger.accounts(), house.ledger.open_holds()), (0, 0));
}

#[test]
fn a_sum_that_does_not_fit_changes_nothing() {
    let house = House::of([Budget::new("all", team().into(), Unit::Usd, None, Window::month())]);
    // Nine billion dollars fit once.
    let _ = house.spend(&call("dollar", 0), 9_000_000_000);
    let error = house.enforcer.reserve(&call("dollar", 9_000_000_000)).wait().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Overflow);
    assert_eq!(house.balances(&call("dollar", 0)), [(9_000_000_000_000_000_000, 0)]);
}

#[test]
fn a_report_whose_charge_does_not_fit_leaves_nothing_held() {
    let house = House::of([Budget::new("all", team().into(), Unit::Usd, None, Window::month())]);
    let _ = house.spend(&call("dollar", 0), 9_000_000_000);
    let in_flight = house.admit(&call("dollar", 1)).send();
    let error = in_flight.reconcile(Usage::of(0, 9_000_000_000)).wait().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Overflow);
    let (spent, reserved) = house.balances(&call("dollar", 0))[0];
    assert_eq!((spent, reserved), (9_000_000_001_000_000_000, 0), "charged what it held");
}

#[test]
fn names_with_control_characters_are_refused_wherever_they_come_from() {
    for name in ["a\nb", "\0", "\u{85}", "a\u{7f}", "\u{1b}[31m", "\t"] {
        assert!(Scope::team(name).is_err(), "{name:?}");
        assert!(Call::new("m").user(name).check().is_err(), "{name:?}");
        assert!(format!("team/{name}").parse::<Scope>().is_err(), "{name:?}");
        let budget = Budget::usd(name, team(), Usd::dollars(1), Window::day());
        let error = Policy::new([budget]).unwrap_err();
        assert!(!error.to_string().contains(name), "an error does not carry it on: {error:?}");
        assert!(RunGuard::builder(name).open(&House::of([]).enforcer).wait().is_err(), "{name:?}");
        let encoded = Scope::encoded(ScopeKind::Team, name).unwrap();
        assert!(!encoded.name().chars().any(char::is_control));
    }
    let error = House::of([]).enforcer.reserve(&Call::new("m").user("a\nb")).wait().unwrap_err();
    assert_eq!(error.to_string(), "call: user: the name contains a control character");
}

// A user called "nimda\u{202e}" was shown as "admin" by every log, and U+2028 began a new line in many.
#[test]
fn names_that_turn_or_break_the_line_are_refused_wherever_they_come_from() {
    let marks = [
        "\u{2028}", "\u{2029}", "\u{202a}", "\u{202e}", "\u{2066}", "\u{2069}", "\u{200e}", "\u{200f}",
        "\u{61c}",
    ];
    for mark in marks {
        let name = format!("a{mark}b");
        assert!(Scope::team(name.as_str()).is_err(), "{mark:?}");
        for call in [
            Call::new("m").user(name.as_str()),
            Call::new(name.as_str()),
            Call::new("m").provider(name.as_str()),
            Call::new("m").tag(name.as_str(), "v"),
            Call::new("m").tag("k", name.as_str()),
            Call::new("m").use_case(name.as_str()),
        ] {
            let error = call.check().map(|_| ()).unwrap_err();
            assert!(!error.to_string().contains(mark), "an error does not carry it on: {error:?}");
        }
        let encoded = Scope::encoded(ScopeKind::User, &name).unwrap();
        assert!(encoded.name().is_ascii(), "{encoded}");
    }
    // What is written in these scripts joins and orders its letters without any such mark.
    for name in ["नमस्ते", "می\u{200c}خواهم", "שלום", "👩\u{200d}💻", "größe"] {
        assert!(Scope::user(name).is_ok() && Call::new(name).check().is_ok(), "{name}");
    }
}

// Two requests each kept ten megabytes of model name in the cache of plans for good.
#[test]
fn a_model_has_at_most_256_bytes() {
    let house = House::of([Budget::usd("search", team(), Usd::dollars(1), Window::month())]);
    assert!(Call::new("m".repeat(256)).check().is_ok());
    let error = house.enforcer.reserve(&call("pair", 1).with_model("m".repeat(257))).wait().unwrap_err();
    assert_eq!(error.to_string(), "call: model: the name is longer than 256 bytes");
    let budget = Budget::usd("search", team(), Usd::dollars(1), Window::month()).model("m".repeat(257));
    assert!(Policy::new([budget]).is_err());
}

#[test]
fn a_custom_kind_that_was_never_read_makes_no_scope() {
    for kind in ["team", "a/b", "A", "", "a\nb"] {
        assert!(Scope::new(ScopeKind::Custom(kind.into()), "x").is_err(), "{kind:?}");
    }
    assert!(Scope::new(ScopeKind::Custom("squad".into()), "x").is_ok());
}

const SECRET: &str = "sk-live-4242 my secret question";

#[test]
fn the_text_of_a_prompt_is_never_told() {
    let house = House::of([Budget::usd("search", team(), Usd::dollars(1), Window::month())]);
    let message = Message::system(SECRET);
    let prompt = Prompt { messages: vec![message], tools: vec![SECRET.into()] };
    let asked = call("pair", 10).prompt(prompt);
    let mut told = format!("{asked:?}");
    let reservation = house.admit(&asked);
    told += &format!("{reservation:?} {:?}", reservation.decision());
    let in_flight: InFlight = reservation.send();
    told += &format!("{in_flight:?}");
    told += &format!("{:?}", in_flight.reconcile(Usage::new()).wait().unwrap());
    told += &format!("{:?}", house.enforcer);
    let refused = house.refuse(&asked.clone().output_tokens(100_000));
    told += &format!("{refused} {refused:?} {}", serde_json::to_string(&refused).unwrap());
    told += &format!("{:?}", house.enforcer.reserve(&asked.clone().user("")).wait().unwrap_err());
    told += &format!("{:?}", house.enforcer.reserve(&asked.output_tokens(u64::MAX)).wait().unwrap_err());
    told += &format!("{:?}", ready(house.ledger.entries(&Tenant::unnamed(), 0, 100)).unwrap());
    told += &format!("{:?} {:?}", house.ears, house.ledger);
    assert!(!told.contains("sk-live") && !told.contains("secret question"), "{told}");
}

#[test]
fn extreme_input_to_public_constructors_is_an_error_or_works() {
    let extremes = [Timestamp::MIN, Timestamp::EPOCH, Timestamp::MAX, Timestamp::from_secs(i64::MAX)];
    let windows = [
        Window::minute(),
        Window::hour().in_zone("Pacific/Apia").unwrap(),
        Window::day().in_zone("America/New_York").unwrap(),
        Window::week(),
        Window::month().opening_on_day(31).unwrap(),
        Window::quarter().opening_in(12).unwrap(),
        Window::year(),
        Window::lifetime(),
        Window::rolling_minute(),
        Window::rolling(Duration::from_nanos(1)).unwrap(),
        Window::rolling(Duration::from_nanos(i64::MAX.unsigned_abs())).unwrap(),
        Window::fixed(Duration::from_nanos(1), Timestamp::MIN).unwrap(),
        Window::fixed(Duration::from_secs(9_000_000_000), Timestamp::MAX).unwrap(),
    ];
    for window in &windows {
        for instant in extremes {
            let period = window.period(instant);
            assert!(period.contains(instant), "{window:?} at {instant}");
            let _ = (window.label(period.number), window.resets_at(instant));
            bind_at_the_edge(window, instant);
        }
        for number in [i64::MIN, -1, 0, i64::MAX] {
            let _ = window.label(number);
        }
    }
    assert!(Window::rolling(Duration::ZERO).is_err() && Window::rolling(Duration::MAX).is_err());
    assert!(Window::month().in_zone("../../etc/passwd").is_err());
    let _ = (ReservationId::generate(Timestamp::MIN), ReservationId::generate(Timestamp::MAX));
    let _ = ReservationId::from_bits(u128::MAX).time();
    let _ = Timestamp::MAX + Duration::MAX;
    let _ = (Timestamp::MIN - Duration::MAX, Timestamp::MAX.since(Timestamp::MIN));
}

/// A policy of the largest figures there are, at the first and last instant there is.
fn bind_at_the_edge(window: &Window, instant: Timestamp) {
    let caps =
        Caps { tokens_input: Some(0), tokens_output: Some(u64::MAX), usd: Some(Usd::MAX), strict: true };
    let budget = Budget::usd("b", team(), Usd::MAX, window.clone()).per_call(caps);
    let policy = Policy::new([budget]).unwrap();
    let balance = Balance { spent: i64::MAX, reserved: i64::MAX };
    for amount in
        [Amount::request(Usd::MAX, 0, 0), Amount::request(Usd::from_nanos(i64::MIN), u64::MAX, u64::MAX)]
    {
        let quote = Quote { choices: u32::MAX, conditions: Conditions::new(), ..Quote::of(amount) };
        for balance in [balance, Balance { spent: i64::MIN, reserved: i64::MIN }] {
            let decision = check_budget(&policy, &call("milli", 1), |_| balance, &quote, instant).unwrap();
            let _ = (decision.to_string(), decision.retry_at(), decision.budgets());
        }
    }
}

#[test]
fn shares_raises_and_limits_that_do_not_fit_are_errors() {
    let tier = |percent: u64, action| Tier { percent: percent.into(), action };
    let tiers = Tiers::new([tier(u64::MAX, TierAction::Block)]).unwrap();
    let budget = Budget::usd("b", team(), Usd::MAX, Window::day()).tiers(tiers);
    assert_eq!(Policy::new([budget]).unwrap_err().kind(), ErrorKind::Overflow);

    let raise = |id: &str| Exemption::new(id, team(), Unit::Usd, i64::MAX).requested_by("a").because("b");
    let budget = Budget::usd("b", team(), Usd::MAX, Window::day());
    let policy = Policy::new([budget]).unwrap().with_exemption(raise("x")).unwrap();
    assert_eq!(policy.bind(&call("m", 1), Timestamp::EPOCH).unwrap_err().kind(), ErrorKind::Overflow);
    assert!(Tiers::new((1..=17).map(|percent| tier(percent, TierAction::Notice))).is_err());
    let ten_thousand = (0..10_001).map(|n| Budget::usd(n.to_string(), team(), Usd::ZERO, Window::day()));
    assert!(Policy::new(ten_thousand).is_err());
}

#[test]
fn a_call_that_too_many_budgets_bind_is_an_error() {
    let budgets = (0..256).map(|n| Budget::usd(n.to_string(), team(), Usd::dollars(1), Window::day()));
    let house = House::of(budgets);
    let error = house.enforcer.reserve(&call("milli", 1)).wait().unwrap_err();
    assert_eq!(error.to_string(), "claim: 256 budgets bind one call, 255 can");
    assert_eq!(house.ledger.accounts(), 0);
}

#[test]
fn a_call_with_a_time_out_without_end_is_held_for_ever_and_released() {
    let house = House::of([Budget::usd("search", team(), Usd::dollars(1), Window::month())]);
    let reservation = house.admit(&call("milli", 10).timeout(Duration::MAX));
    house.clock.set(at("2199-01-01T00:00:00Z"));
    drop(reservation);
    assert_eq!(house.ledger.open_holds(), 0);
    let scope = Scope::team("search").unwrap();
    ready(house.enforcer.freeze(Some("a\nb"), &scope, Attribution::new("", ""))).unwrap_err();
}
