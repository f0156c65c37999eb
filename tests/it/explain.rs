//! Does a refusal say who refuses, why, what would fit, and when to ask again?

use std::time::Duration;

use token_budget::call::ScopeKind;
use token_budget::decision::{Quote, RefusalKind};
use token_budget::ledger::{Attribution, MarkAction};
use token_budget::policy::{Caps, OnUnknownModel};
use token_budget::usage::Unit;
use token_budget::{Amount, Budget, Call, ErrorKind, Event, Policy, Scope, Usage, Usd, Verdict, Window};

use crate::support::{House, at, call, nanos, ready, team, usd};

#[test]
fn a_refusal_names_every_line_with_its_own_kind() {
    let house = House::of([
        Budget::usd("month", team(), Usd::dollars(100), Window::month()),
        Budget::usd("day", team(), Usd::dollars(10), Window::day()),
        Budget::each_usd("users", ScopeKind::User, Usd::dollars(5), Window::day()),
        Budget::each_count("keys", ScopeKind::ApiKey, Unit::Requests, 100, Window::day()),
    ]);
    let by_ada = |tokens| call("milli", tokens).user("ada").api_key("k");
    let _ = house.spend(&call("milli", 0), 97_000); // month 97 of 100, day 97 of 10
    let held = house.admit(&Call::new("milli").user("ada").input_tokens(0).output_tokens(4_000)); // ada: 4 of 5 held

    let decision = house.refuse(&by_ada(4_500));

    let refusals = decision.refusals();
    let kinds: Vec<_> = refusals.iter().map(|r| (r.budget.as_str(), r.kind.clone())).collect();
    let expected = [
        ("day", RefusalKind::Exhausted { resets_at: Some(at("2026-11-23T00:00:00Z")) }),
        ("month", RefusalKind::Exhausted { resets_at: Some(at("2026-12-01T00:00:00Z")) }),
        ("users", RefusalKind::InFlight),
    ];
    assert_eq!(kinds, expected);
    let user = &refusals[2];
    assert_eq!((user.limit, user.spent, user.reserved), (Some(nanos("5")), 0, nanos("4")));
    assert_eq!(user.requested, nanos("4.50"));
    let text = "budget user/ada day 2026-11-22: 0.00 of 5.00 USD used, 4.00 held for calls in flight, \
                call needs 4.50; fits once calls in flight end, ask again soon";
    assert_eq!(user.to_string(), text);
    // The last of them all decides when to ask again.
    assert_eq!(decision.retry_at(), Some(at("2026-12-01T00:00:00Z")));
    drop(held);

    let never = house.refuse(&by_ada(5_001)).refusals();
    assert_eq!(never[2].kind, RefusalKind::NeverFits);
    assert!(
        never[2].to_string().ends_with("call needs 5.001; can never fit, ask for less or raise the limit")
    );
}

#[test]
fn a_refusal_changes_nothing_and_is_heard() {
    let house = House::of([
        Budget::each_usd("users", ScopeKind::User, Usd::dollars(50), Window::day()),
        Budget::usd("team", team(), Usd::dollars(1), Window::day()),
    ]);
    let decision = house.refuse(&call("milli", 1_001).user("ada"));
    assert_eq!(house.ledger.accounts(), 0);
    let heard = house.ears.take();
    assert!(matches!(&heard[..], [Event::Refused { model, reason, .. }]
        if model == "milli" && *reason == decision.to_string()));
}

#[test]
fn a_call_that_fits_once_others_end_may_ask_again_in_a_second() {
    let house = House::of([Budget::usd("day", team(), Usd::dollars(10), Window::day())]);
    let held = house.admit(&call("milli", 6_000));
    let decision = house.refuse(&call("milli", 6_000));
    assert_eq!(decision.retry_at(), Some(at("2026-11-22T12:00:01Z")));
    drop(held);
    drop(house.admit(&call("milli", 6_000)));
}

#[test]
fn a_frozen_scope_says_by_whom_and_why() {
    let house = House::of([Budget::usd("day", team(), Usd::dollars(10), Window::day())]);
    let agent = Scope::agent("scout").unwrap();
    let running = house.admit(&call("milli", 1_000).agent("scout")).send();
    ready(house.enforcer.freeze(None, &agent, Attribution::new("grace", "it loops"))).unwrap();

    let decision = house.refuse(&call("milli", 1_000).agent("scout"));

    assert_eq!(decision.verdict(), Verdict::Block);
    let kind =
        RefusalKind::Frozen { mark: MarkAction::Freeze, by: "grace".into(), reason: "it loops".into() };
    assert_eq!(decision.refusals()[0].kind, kind);
    let text = "block milli; agent/scout is frozen by grace: it loops; reopen it to go on";
    assert_eq!(decision.to_string(), text);
    assert_eq!(decision.affordable_output_tokens(), None, "no output of any size would fit");
    assert_eq!(decision.retry_at(), None);
    // Others go on, a free call is stopped too, and what runs is recorded.
    drop(house.admit(&call("milli", 1_000)));
    drop(house.refuse(&call("free", 1_000).agent("scout")));
    assert_eq!(running.reconcile(Usage::of(0, 500)).wait().unwrap().cost(), usd("0.50"));
    ready(house.enforcer.reopen(None, &agent, Attribution::new("grace", "fixed"))).unwrap();
    drop(house.admit(&call("milli", 1_000).agent("scout")));
}

#[test]
fn the_affordable_output_fits_exactly_and_one_token_more_does_not() {
    // Dollars leave room for 3,000 after 1,000 of input, tokens for 2,500, requests for one.
    let house = House::of([
        Budget::usd("dollars", team(), Usd::dollars(4), Window::day()),
        Budget::each_count("tokens", ScopeKind::User, Unit::Tokens, 3_500, Window::day()),
        Budget::each_count("requests", ScopeKind::ApiKey, Unit::Requests, 1, Window::day()),
    ]);
    let ask = |output| call("pair", output).input_tokens(1_000).user("ada").api_key("k");
    assert_eq!(house.refuse(&ask(9_000)).affordable_output_tokens(), Some(2_500));
    drop(house.admit(&ask(2_500)));
    assert_eq!(house.refuse(&ask(2_501)).affordable_output_tokens(), Some(2_500));

    // Two choices share it: 1,250 each.
    assert_eq!(house.refuse(&ask(9_000).choices(2)).affordable_output_tokens(), Some(1_250));
    drop(house.admit(&ask(1_250).choices(2)));
    drop(house.refuse(&ask(1_251).choices(2)));

    // Where not even the input fits, nothing does.
    assert_eq!(house.refuse(&ask(1).input_tokens(4_001)).affordable_output_tokens(), Some(0));
    // Where dollars bind, they decide: 0.60 is left after 3.40.
    let _ = house.spend(&call("pair", 0), 3_400);
    assert_eq!(house.refuse(&ask(9_000).input_tokens(100)).affordable_output_tokens(), Some(500));
    drop(house.admit(&ask(500).input_tokens(100)));
    drop(house.refuse(&ask(501).input_tokens(100)));
}

#[test]
fn a_budget_of_output_tokens_leaves_what_it_has_whatever_the_input() {
    let house = House::of([Budget::count("output", team(), Unit::TokensOutput, 300, Window::day())]);
    let ask = |output| call("milli", output).input_tokens(1_000);
    assert_eq!(house.refuse(&ask(301)).affordable_output_tokens(), Some(300));
    drop(house.admit(&ask(300)));
}

#[test]
fn a_budget_of_input_tokens_takes_the_input_or_no_output_at_all() {
    let house = House::of([
        Budget::usd("dollars", team(), Usd::dollars(4), Window::day()),
        Budget::count("input", team(), Unit::TokensInput, 1_000, Window::day()),
    ]);
    let ask = |input, output| call("pair", output).input_tokens(input);
    // A dollar is a thousand tokens: three are left beside an input that just fits.
    assert_eq!(house.refuse(&ask(1_000, 9_000)).affordable_output_tokens(), Some(3_000));
    assert_eq!(house.refuse(&ask(1_001, 9_000)).affordable_output_tokens(), Some(0));
}

#[test]
fn a_budget_of_tool_calls_says_nothing_about_output() {
    let house = House::of([
        Budget::usd("dollars", team(), Usd::dollars(4), Window::day()),
        Budget::count("tools", team(), Unit::ToolCalls, 5, Window::day()),
    ]);
    assert_eq!(house.refuse(&call("milli", 9_000)).affordable_output_tokens(), Some(4_000));
}

#[test]
fn a_quote_of_an_amount_is_for_one_answer() {
    assert_eq!(Quote::of(Amount::request(Usd::dollars(1), 10, 20)).choices, 1);
}

#[test]
fn no_output_fits_where_requests_are_used_up() {
    let house = House::of([
        Budget::usd("dollars", team(), Usd::dollars(4), Window::day()),
        Budget::count("requests", team(), Unit::Requests, 1, Window::day()),
    ]);
    let held = house.admit(&call("milli", 100));
    let decision = house.refuse(&call("milli", 100));
    assert_eq!(decision.affordable_output_tokens(), Some(0));
    assert!(!decision.to_string().contains("would fit"), "{decision}");
    drop(held);
}

#[test]
fn a_rolling_minute_says_when_enough_has_aged_out() {
    let house = House::of([Budget::count("rate", team(), Unit::Tokens, 1_000, Window::rolling_minute())]);
    house.go_to("2026-11-22T12:00:00.5Z");
    let _ = house.spend(&call("milli", 0), 600);
    house.go_to("2026-11-22T12:00:10.5Z");
    let _ = house.spend(&call("milli", 0), 300);

    let decision = house.refuse(&call("milli", 400));

    // 600 were booked in the second from 12:00:00 on. They count up to and with the
    // sixtieth second after it, which ends at 12:01:01.
    assert_eq!(decision.retry_at(), Some(at("2026-11-22T12:01:01Z")));
    house.go_to("2026-11-22T12:01:00.999999999Z");
    drop(house.refuse(&call("milli", 400)));
    house.go_to("2026-11-22T12:01:01Z");
    drop(house.admit(&call("milli", 400)));
    // For 800 the 300 must go, too: ten seconds later.
    assert_eq!(house.refuse(&call("milli", 800)).retry_at(), Some(at("2026-11-22T12:01:11Z")));
}

#[test]
fn an_observed_budget_keeps_books_and_refuses_nothing() {
    let house = House::of([
        Budget::usd("watched", team(), Usd::dollars(1), Window::day()).observe(),
        Budget::usd("enforced", team(), Usd::dollars(10), Window::month()),
    ]);
    let reservation = house.admit(&call("milli", 5_000));
    let decision = reservation.decision();
    assert_eq!((decision.verdict(), decision.would_be()), (Verdict::Warn, Verdict::Block));
    let watched = &decision.budgets()[0];
    assert_eq!(
        (watched.budget.as_str(), watched.observe, watched.verdict),
        ("watched", true, Verdict::Block)
    );
    let _ = reservation.send().reconcile(Usage::of(0, 5_000)).wait().unwrap();
    assert_eq!(house.balances(&call("milli", 0)), [(nanos("5"), 0), (nanos("5"), 0)]);

    // The other one still refuses, and alone is named.
    let decision = house.refuse(&call("milli", 6_000));
    let refusing: Vec<_> = decision.refusals().iter().map(|refusal| refusal.budget.to_string()).collect();
    assert_eq!(refusing, ["enforced"]);
    assert_eq!(decision.affordable_output_tokens(), Some(5_000));
}

#[test]
fn the_caps_of_an_observed_budget_refuse_nothing() {
    let caps = Caps { usd: Some(usd("1")), tokens_output: Some(100), strict: true, ..Caps::default() };
    let watched = Budget::usd("watched", team(), Usd::dollars(1), Window::day()).per_call(caps).observe();
    assert_eq!(House::of([watched.clone()]).admit(&call("milli", 5_000)).output_tokens(), 5_000);
    let whole = Policy::new([]).unwrap().with_caps(caps).observing();
    assert_eq!(House::new(whole).admit(&call("milli", 5_000)).output_tokens(), 5_000);
}

#[test]
fn a_policy_that_observes_passes_what_it_cannot_price() {
    let policy = Policy::new([
        Budget::usd("dollars", team(), Usd::dollars(1), Window::day()),
        Budget::count("tokens", team(), Unit::Tokens, 10, Window::day()),
    ]);
    let house = House::new(policy.unwrap().observing());

    let reservation = house.admit(&call("nobody-knows", 500));
    assert_eq!(reservation.decision().would_be(), Verdict::Block);
    let _ = reservation.send().reconcile(Usage::of(0, 400)).wait().unwrap();

    assert_eq!(house.balances(&call("nobody-knows", 0)), [(0, 0), (400, 0)]);
    assert_eq!(house.ears.count(|event| matches!(event, Event::Unpriced { .. })), 1);
}

#[test]
fn an_unknown_model_is_refused_unless_the_policy_says_otherwise() {
    let policy = Policy::new([
        Budget::usd("dollars", team(), Usd::dollars(1), Window::day()),
        Budget::count("tokens", team(), Unit::Tokens, 1_000, Window::day()),
    ])
    .unwrap();
    let refusing = House::new(policy.clone());
    let decision = refusing.refuse(&call("nobody-knows", 10));
    let kinds: Vec<_> = decision.refusals().into_iter().map(|refusal| refusal.kind).collect();
    assert_eq!(kinds, [RefusalKind::Unpriced]);
    let text = "the model has no price; add a price row or an alias, or name a fallback price in the policy";
    assert_eq!(decision.to_string(), format!("block nobody-knows; {text}"));
    assert_eq!(decision.affordable_output_tokens(), None);
    assert_eq!(ready(refusing.enforcer.check(&call("nobody-knows", 10))).unwrap().verdict(), Verdict::Block);

    let priced = policy.clone().with_unknown_model(OnUnknownModel::PricedAs("milli".into()));
    let priced = House::new(priced);
    assert_eq!(priced.admit(&call("nobody-knows", 10)).quoted(), usd("0.01"));
    drop(priced.refuse(&call("nobody-knows", 1_001)));

    let counted = House::new(policy.with_unknown_model(OnUnknownModel::CountOnly));
    drop(counted.admit(&call("nobody-knows", 1_000)));
    let decision = counted.refuse(&call("nobody-knows", 1_001));
    assert_eq!(decision.refusals()[0].unit, Unit::Tokens);
    assert_eq!(decision.affordable_output_tokens(), Some(1_000));
}

#[test]
fn a_fallback_price_that_is_unknown_too_refuses() {
    let policy = crate::support::open_purse().with_unknown_model(OnUnknownModel::PricedAs("no-such".into()));
    let decision = House::new(policy).refuse(&call("nobody-knows", 10));
    assert_eq!(decision.refusals()[0].kind, RefusalKind::Unpriced);
}

#[test]
fn a_request_above_the_output_cap_is_clamped_or_under_strict_refused() {
    let caps = Caps { tokens_output: Some(100), ..Caps::default() };
    let clamping = House::new(crate::support::open_purse().with_caps(caps));
    let held = |output| clamping.admit(&call("milli", output)).output_tokens();
    assert_eq!([held(99), held(100), held(101)], [99, 100, 100]);
    assert_eq!(clamping.admit(&call("milli", 101).choices(3)).output_tokens(), 300);

    let strict = House::new(crate::support::open_purse().with_caps(Caps { strict: true, ..caps }));
    drop(strict.admit(&call("milli", 100)));
    // Nothing was asked for, so nothing was asked above the cap.
    assert_eq!(strict.admit(&Call::new("milli")).output_tokens(), 100);
    let refusal = &strict.refuse(&call("milli", 101)).refusals()[0];
    assert_eq!((refusal.limit, refusal.requested), (Some(100), 101));
    assert_eq!((&refusal.unit, &refusal.kind), (&Unit::TokensOutput, &RefusalKind::NeverFits));
}

#[test]
fn the_tightest_cap_of_all_binding_budgets_counts() {
    let cap = |tokens, dollars: Option<&str>| Caps {
        tokens_input: Some(tokens),
        usd: dollars.map(usd),
        ..Caps::default()
    };
    let of_team = Budget::usd("team", team(), Usd::dollars(100), Window::day()).per_call(cap(500, None));
    let of_user = Budget::each_usd("users", ScopeKind::User, Usd::dollars(100), Window::day());
    let house = House::of([of_team, of_user.per_call(cap(900, Some("2")))]);
    let ask = |input, output| call("pair", output).input_tokens(input);

    drop(house.admit(&ask(500, 1_500).user("ada"))); // exactly $2
    let dear = house.refuse(&ask(500, 1_501).user("ada"));
    assert_eq!((&dear.refusals()[0].unit, dear.refusals()[0].limit), (&Unit::Usd, Some(nanos("2"))));
    let long = house.refuse(&ask(501, 1).user("ada"));
    assert_eq!(long.refusals()[0].unit, Unit::TokensInput);
    drop(house.admit(&ask(500, 9_000))); // without the user its cap does not bind
    assert_eq!(house.ledger.open_holds(), 0);
}

#[test]
fn what_a_cap_refuses_never_promises_an_output_that_the_cap_refuses_too() {
    let caps = Caps { usd: Some(usd("2")), ..Caps::default() };
    let house = House::of([Budget::usd("team", team(), Usd::dollars(100), Window::day()).per_call(caps)]);
    let decision = house.refuse(&call("milli", 50_000));
    if let Some(tokens) = decision.affordable_output_tokens() {
        drop(house.admit(&call("milli", tokens)));
    }
}

#[test]
fn a_budget_selects_by_model_provider_and_tag() {
    let budget = |id: &str| Budget::count(id, team(), Unit::Requests, 0, Window::day());
    let house = House::of([
        budget("model").model("large").model("medium"),
        budget("provider").provider("other").provider("third"),
        budget("tags").tag("env", "prod").tag("job", "nightly"),
    ]);
    drop(house.admit(&call("milli", 1)));
    let names = |call: &Call| -> Vec<String> {
        house.refuse(call).refusals().iter().map(|refusal| refusal.budget.to_string()).collect()
    };
    assert_eq!(names(&call("large", 1)), ["model"]);
    assert_eq!(names(&call("medium", 1)), ["model"]);
    drop(house.admit(&call("milli", 1).provider("own")));
    drop(house.admit(&call("milli", 1).tag("env", "prod")));
    assert_eq!(names(&call("milli", 1).tag("env", "prod").tag("job", "nightly")), ["tags"]);
}

#[test]
fn a_free_call_passes_a_full_budget() {
    let house = House::of([Budget::usd("team", team(), Usd::dollars(1), Window::day())]);
    let _ = house.spend(&call("milli", 0), 1_001);
    drop(house.admit(&call("free", 1_000_000)));
    drop(house.refuse(&call("milli", 1)));
}

#[test]
fn a_limit_of_zero_allows_nothing_that_costs() {
    let house = House::of([Budget::usd("team", team(), Usd::ZERO, Window::day())]);
    assert_eq!(house.refuse(&call("milli", 1)).refusals()[0].kind, RefusalKind::NeverFits);
    drop(house.admit(&call("free", 1)));
    let without = Budget::new("team", team().into(), Unit::Usd, None, Window::day());
    let unlimited = House::of([without]);
    let _ = unlimited.spend(&call("dollar", 0), 1_000_000);
    drop(unlimited.admit(&call("dollar", 1_000_000)));
    let negative = Budget::usd("team", team(), Usd::from_nanos(-1), Window::day());
    assert_eq!(Policy::new([negative]).unwrap_err().kind(), ErrorKind::Invalid);
}

#[test]
fn a_guardrail_in_dollars_does_not_fit_a_budget_in_tokens() {
    let tokens = Budget::count("tokens", team(), Unit::Tokens, 1_000_000, Window::month());
    let error = Policy::new([tokens.guardrail(Usd::dollars(75), Window::day())]).unwrap_err();
    assert!(error.to_string().contains("budget tokens: guardrail"), "{error}");
}

#[test]
fn a_call_without_room_for_a_long_time_names_the_longest_wait() {
    let hour = Window::rolling(Duration::from_secs(3_600)).unwrap();
    let house = House::of([
        Budget::usd("hour", team(), Usd::dollars(1), hour),
        Budget::usd("ever", team(), Usd::dollars(1), Window::lifetime()),
    ]);
    let _ = house.spend(&call("milli", 0), 1_000);
    let decision = house.refuse(&call("milli", 1));
    assert_eq!(decision.retry_at(), None, "nobody can know when a lifetime has room");
    assert!(
        decision.to_string().contains(
            "budget team/search lifetime: 1.00 of 1.00 USD used, call needs 0.001; raise the limit to go on"
        ),
        "{decision}"
    );
}

// Five cents refused a call of "hello": nobody was told that 16,384 tokens of output were held for it.
#[test]
fn a_refusal_says_what_is_held_for_a_call_that_names_no_limit() {
    let house = House::of([Budget::usd("day", team(), usd("0.05"), Window::day())]);
    let unsaid = Call::new("milli").team("search").input_tokens(0);
    let decision = house.refuse(&unsaid);
    assert_eq!(decision.output_tokens_unsaid(), Some(16_384));
    let text = decision.to_string();
    let said =
        "; the call names no output limit, so that 16384 output tokens are held for it: name a lower one";
    assert!(text.contains(said) && text.ends_with("; an output of 50 tokens would fit"), "{text}");
    assert_eq!(serde_json::to_value(&*decision).unwrap()["output_tokens_unsaid"], 16_384);
    // Advice says it, too; a call that names a limit, and a refusal of another kind, do not.
    assert!(ready(house.enforcer.check(&unsaid)).unwrap().to_string().contains(said));
    let named = house.refuse(&unsaid.clone().output_tokens(100));
    assert!(named.output_tokens_unsaid().is_none() && !named.to_string().contains("names no output limit"));
    let requests = Budget::count("n", team(), Unit::Requests, 0, Window::day());
    assert!(!House::of([requests]).refuse(&unsaid).to_string().contains("names no output limit"));
}
