//! What nobody meant to let through does not pass, and what somebody named does.

use token_budget::call::{Message, Prompt, ScopeKind};
use token_budget::decision::{RefusalKind, TierAction};
use token_budget::policy::{Caps, Exemption, OnUnknownModel, Tier, Unbound};
use token_budget::run::RunLimits;
use token_budget::usage::Unit;
use token_budget::{Budget, Call, Enforcer, Event, Policy, RunGuard, Scope, Tiers, Usd, Verdict, Window};

use crate::support::{House, at, call, open_purse, team, usd};

fn day() -> Budget {
    Budget::usd("search", team(), Usd::dollars(10), Window::day())
}

fn typo() -> Call {
    Call::new("milli").team("serach").input_tokens(0).output_tokens(10)
}

#[test]
fn a_call_none_of_whose_scopes_has_a_budget_is_refused_with_its_scopes_and_both_cures() {
    // A typo in a team's name spent without any limit.
    let house = House::of([day()]);
    let decision = house.refuse(&typo().user("ada"));
    let [refusal] = &decision.refusals()[..] else { panic!("one reason") };
    let RefusalKind::Unbound { scopes, policy_is_empty: false, nearest: None } = &refusal.kind else {
        panic!("{refusal:?}")
    };
    assert_eq!(scopes.iter().map(Scope::to_string).collect::<Vec<_>>(), ["team/serach", "user/ada"]);
    assert_eq!(
        refusal.to_string(),
        "no budget binds the call: team/serach, user/ada have none; give one of them a budget, or let such calls \
         pass by name: unbound = \"allow\" in the policy"
    );
    assert_eq!((decision.verdict(), decision.retry_at()), (Verdict::Block, None));
    assert_eq!(house.ears.count(|event| matches!(event, Event::Refused { .. })), 1);

    // Both cures are cures.
    let house = House::of([
        day(),
        Budget::usd("other", Scope::team("serach").unwrap(), Usd::dollars(1), Window::day()),
    ]);
    drop(house.admit(&typo()));
    let house = House::new(Policy::new([day()]).unwrap().unbound(Unbound::Allow));
    drop(house.admit(&typo()));
    assert_eq!(house.ears.count(|event| matches!(event, Event::Unbound { choice: Unbound::Allow, .. })), 1);
}

#[test]
fn a_call_that_names_nobody_is_told_to_name_who_pays() {
    let house = House::of([day()]);
    let refused = house.refuse(&Call::new("milli").input_tokens(0).output_tokens(10)).to_string();
    assert!(refused.contains("it names nobody who pays; name a team, a user, a key"), "{refused}");
}

#[test]
fn a_scope_with_a_budget_for_another_model_provider_or_tag_is_bound() {
    let bound = [
        day().model("other"),
        day().provider("elsewhere"),
        day().tag("env", "prod"),
        Budget::each_usd("teams", ScopeKind::Team, Usd::dollars(1), Window::day()).model("other"),
        Budget::new("books", team().into(), Unit::Usd, None, Window::day()),
    ];
    for budget in bound {
        let house = House::of([budget]);
        drop(house.admit(&call("milli", 10)));
        assert_eq!(house.ears.count(|event| matches!(event, Event::Unbound { .. })), 0);
    }
}

#[test]
fn an_enforcer_without_a_policy_refuses_and_says_what_to_give_it() {
    let enforcer = Enforcer::builder().build();
    let call = Call::new("gpt-4o").team("search").input_tokens(10).output_tokens(10);
    let refused = enforcer.reserve(&call).wait().unwrap().or_refusal().unwrap_err().to_string();
    assert!(refused.contains("give the enforcer a policy with budgets"), "{refused}");
    assert!(refused.contains(".unbound(Unbound::Allow) on the builder"), "{refused}");
    let open = Enforcer::builder().unbound(Unbound::Allow).build();
    assert!(open.reserve(&call).wait().unwrap().is_admitted());
    // A policy that is swapped in brings its own word.
    open.set_policy(Policy::new([]).unwrap()).unwrap();
    assert!(!open.reserve(&call).wait().unwrap().is_admitted());
}

#[test]
fn a_policy_swapped_for_an_empty_one_admits_nothing() {
    let house = House::of([day()]);
    drop(house.admit(&call("milli", 10)));
    house.enforcer.set_policy(Policy::new([]).unwrap()).unwrap();
    let decision = house.refuse(&call("milli", 10));
    assert!(matches!(decision.refusals()[0].kind, RefusalKind::Unbound { policy_is_empty: true, .. }));
}

#[test]
fn a_cap_on_single_calls_alone_is_no_budget() {
    let caps = Caps { usd: Some(Usd::cents(1)), ..Caps::default() };
    let house = House::new(Policy::new([]).unwrap().with_caps(caps));
    let _ = house.refuse(&call("milli", 1));
}

#[test]
fn what_is_counted_is_in_books_without_a_limit() {
    let house = House::new(Policy::new([day()]).unwrap().unbound(Unbound::Count));
    let spent = house.admit(&typo()).send().reconcile(token_budget::Usage::of(3, 7)).wait().unwrap();
    let lines: Vec<_> =
        spent.lines().into_iter().map(|line| (line.budget.to_string(), line.charged)).collect();
    // Ten output tokens are held, seven charged, at a thousandth of a dollar each.
    assert_eq!(lines[0], ("unbound".into(), spent.cost().nanos()));
    assert_eq!([&lines[1], &lines[2]], [&("unbound".into(), 10), &("unbound".into(), 1)]);
    assert_eq!(house.ears.count(|event| matches!(event, Event::Unbound { choice: Unbound::Count, .. })), 1);
    // Its id is nobody else's.
    let taken = Budget::usd("unbound", team(), Usd::dollars(1), Window::day());
    assert!(Policy::new([taken]).is_err());
}

#[test]
fn where_all_observes_no_budget_needs_to_exist() {
    let house = House::new(Policy::new([]).unwrap().observing());
    drop(house.admit(&call("milli", 10)));
    assert_eq!(house.ears.count(|event| matches!(event, Event::Unbound { choice: Unbound::Count, .. })), 1);
    // So is it where all budgets do; one that enforces makes a policy that does.
    let house = House::of([day().observe()]);
    drop(house.admit(&typo()));
    let enforced = Budget::usd("other", Scope::team("other").unwrap(), Usd::dollars(1), Window::day());
    let house = House::of([day().observe(), enforced]);
    let _ = house.refuse(&typo());
    // An empty policy is not one where all observe.
    let _ = House::of([]).refuse(&call("milli", 10));
}

#[test]
fn an_exemption_for_the_use_case_is_a_budget_of_its_own() {
    let launch = Exemption::new("launch", Scope::team("serach").unwrap(), Unit::Usd, Usd::dollars(1).nanos())
        .for_use_case("launch")
        .between(at("2026-11-01T00:00:00Z"), at("2026-12-01T00:00:00Z"))
        .requested_by("ada")
        .because("launch day");
    let house = House::new(Policy::new([day()]).unwrap().with_exemption(launch).unwrap());
    drop(house.admit(&typo().use_case("launch")));
    let _ = house.refuse(&typo());
}

#[test]
fn an_input_that_was_never_said_is_refused_where_a_limit_counts_it() {
    // It was taken for an empty one, and held for its output alone.
    let unsaid = || Call::new("pair").team("search").output_tokens(10);
    let counts = [
        day(),
        Budget::count("tokens", team(), Unit::Tokens, 1_000_000, Window::day()),
        Budget::count("in", team(), Unit::TokensInput, 1_000_000, Window::day()),
        Budget::count("requests", team(), Unit::Requests, 10, Window::day())
            .per_call(Caps { tokens_input: Some(1_000), ..Caps::default() }),
    ];
    for budget in counts {
        let house = House::of([budget]);
        let decision = house.refuse(&unsaid());
        assert_eq!(decision.refusals()[0].kind, RefusalKind::InputNotSaid);
        assert!(decision.to_string().contains("input_tokens(0) is said"), "{decision}");
        drop(house.admit(&unsaid().input_tokens(0)));
        drop(house.admit(&unsaid().prompt(Prompt::default())));
        drop(house.admit(&unsaid().message(Message::user("hi"))));
    }
    let asks_not = [
        Budget::count("requests", team(), Unit::Requests, 10, Window::day()),
        Budget::count("out", team(), Unit::TokensOutput, 1_000, Window::day()),
        Budget::new("books", team().into(), Unit::Usd, None, Window::day()),
        day().observe(),
    ];
    for budget in asks_not {
        drop(House::of([budget]).admit(&unsaid()));
    }
    drop(House::new(open_purse()).admit(&unsaid()));
}

#[test]
fn where_the_input_costs_nothing_dollars_need_not_know_it() {
    let house = House::of([day()]);
    drop(house.admit(&Call::new("free").team("search").output_tokens(10)));
    drop(house.admit(&Call::new("milli").team("search").output_tokens(10)));
    let _ = house.refuse(&Call::new("pair").team("search").output_tokens(10));
}

#[test]
fn a_call_that_is_only_counted_because_it_has_no_price_needs_no_input_for_dollars() {
    let policy = Policy::new([day()]).unwrap().with_unknown_model(OnUnknownModel::CountOnly);
    drop(House::new(policy).admit(&Call::new("nobody-knows").team("search").output_tokens(10)));
}

#[test]
fn advice_refuses_what_a_reserve_would() {
    let house = House::of([day()]);
    let advice = crate::support::ready(house.enforcer.check(&typo())).unwrap();
    assert!(advice.is_advice() && !advice.is_allowed());
    let unsaid = Call::new("pair").team("search");
    assert!(!crate::support::ready(house.enforcer.check(&unsaid)).unwrap().is_allowed());
}

#[test]
fn a_file_says_what_becomes_of_unbound_calls() {
    let read = |text: &str| Policy::from_json(text);
    let budgets = r#""budgets": [{"id": "s", "scope": "team/search", "limit": "1", "window": "day"}]"#;
    let word = |text: String| read(&text).map(|policy| policy.unbound_calls());
    assert_eq!(word(format!("{{{budgets}}}")).unwrap(), Unbound::Refuse);
    assert_eq!(word(format!(r#"{{"unbound": "allow", {budgets}}}"#)).unwrap(), Unbound::Allow);
    assert_eq!(word(format!(r#"{{"policy": {{"unbound": "count"}}, {budgets}}}"#)).unwrap(), Unbound::Count);
    assert_eq!(word(format!(r#"{{"policy": {{"observe": true}}, {budgets}}}"#)).unwrap(), Unbound::Count);
    for lone in [
        r#"{"team_alias": "search", "max_budget": 8, "unbound": "allow"}"#,
        r#"{"key_alias": "ci", "monthly_limit": 8, "unbound": "allow"}"#,
        r#"{"keys": [{"name": "ci", "monthly_limit": 8}], "unbound": "allow"}"#,
        r#"{"teams": [{"name": "search", "max_budget": 8}], "policy": {"unbound": "allow"}}"#,
    ] {
        assert_eq!(read(lone).unwrap().unbound_calls(), Unbound::Allow, "{lone}");
    }
    let error = word(format!(r#"{{"unbound": "alow", {budgets}}}"#)).unwrap_err().to_string();
    assert_eq!(error, r#"unbound: "alow" is none of refuse, count and allow"#);
    let twice = format!(r#"{{"unbound": "allow", "policy": {{"unbound": "allow"}}, {budgets}}}"#);
    assert!(word(twice).unwrap_err().to_string().starts_with("unbound: stands twice"));
}

#[test]
fn a_run_without_any_limit_is_refused_unless_that_is_named() {
    let house = House::of([day()]);
    let error = RunGuard::builder("r").open(&house.enforcer).wait().unwrap_err().to_string();
    assert!(error.contains("run r: has no limit") && error.contains("RunLimits::none()"), "{error}");
    let run = RunGuard::builder("r").limits(RunLimits::none()).open(&house.enforcer).wait().unwrap();
    assert_eq!(house.ears.count(|event| matches!(event, Event::Unlimited { .. })), 1);
    drop(run.reserve(&call("milli", 10)).wait().unwrap().or_refusal().unwrap());
}

#[test]
fn a_runs_own_limits_bind_its_calls_where_nothing_else_does() {
    let house = House::of([]);
    let run = RunGuard::builder("r").usd(usd("0.015")).open(&house.enforcer).wait().unwrap();
    drop(run.reserve(&call("milli", 10)).wait().unwrap().or_refusal().unwrap());
    // A leash on tools is none on dollars.
    let tools = RunGuard::builder("t").tool_calls(3).open(&house.enforcer).wait().unwrap();
    let refused = tools.reserve(&call("milli", 10)).wait().unwrap().or_refusal().unwrap_err();
    assert!(matches!(refused.refusals()[0].kind, RefusalKind::Unbound { .. }));
}

#[test]
fn tiers_that_name_no_stop_keep_that_of_the_limit() {
    // Who added a warning at 80 % took the limit away without a word.
    let warned = |tiers| day().tiers(tiers);
    let tier = |percent: u32, action| Tier { percent: percent.into(), action };
    let eighty = Tiers::new([tier(80, TierAction::Warn)]).unwrap();
    let house = House::of([warned(eighty.clone())]);
    let reservation = house.admit(&call("milli", 10_000)); // lands on the limit
    assert_eq!(reservation.verdict(), Verdict::Warn);
    let _ = house.refuse(&call("milli", 1));
    let _ = reservation.send().reconcile(token_budget::Usage::of(0, 10_000)).wait().unwrap();
    let reached =
        |action| house.ears.count(|event| matches!(event, Event::Reached { action: a, .. } if *a == action));
    assert_eq!([reached(TierAction::Warn), reached(TierAction::Block)], [1, 1]);

    for named in [Tiers::warnings_only(), Tiers::warnings([tier(80, TierAction::Warn)]).unwrap()] {
        let house = House::of([warned(named)]);
        drop(house.admit(&call("milli", 1_000_000)));
    }
    assert!(Tiers::warnings([tier(80, TierAction::Block)]).is_err());
    assert!(Tiers::warnings([]).is_err());
    // A threshold beyond the limit does not move the stop, and one that blocks does.
    let beyond = Tiers::new([tier(80, TierAction::Warn), tier(150, TierAction::Critical)]).unwrap();
    let _ = House::of([warned(beyond)]).refuse(&call("milli", 10_001));
    drop(House::of([warned(Tiers::soft_hard(80, 120).unwrap())]).admit(&call("milli", 11_999)));
}

#[test]
fn a_file_keeps_the_stop_and_has_a_word_for_none() {
    let ceiling = |tiers: &str| {
        let text = format!(
            r#"{{"budgets": [{{"id": "s", "scope": "team/search", "limit": "1", "window": "day", "tiers": {tiers}}}]}}"#
        );
        Policy::from_json(&text).map(|policy| {
            policy.bind(&call("milli", 1), at("2026-11-22T12:00:00Z")).unwrap().terms[0].ceiling
        })
    };
    let warns = r#"[{"percent": 80, "action": "warn"}]"#;
    assert_eq!(ceiling(warns).unwrap(), 1_000_000_000);
    assert_eq!(ceiling(r#""warnings_only""#).unwrap(), i64::MAX);
    assert_eq!(ceiling(&format!(r#"{{"warnings_only": {warns}}}"#)).unwrap(), i64::MAX);
    let blocks = r#"{"warnings_only": [{"percent": 80, "action": "block"}]}"#;
    assert!(
        ceiling(blocks).unwrap_err().to_string().contains("budget s: tiers: warnings_only: are to warn only")
    );
}

#[test]
fn a_guardrail_that_can_never_bind_is_an_error_that_names_budget_and_field() {
    let month = |limit, tiers| {
        let month = Budget::usd("search", team(), Usd::dollars(500), Window::month()).tiers(tiers);
        Policy::new([month.guardrail(Usd::dollars(limit), Window::day())]).map(|_| ())
    };
    assert!(month(499, Tiers::plain()).is_ok());
    let error = month(500, Tiers::plain()).unwrap_err().to_string();
    assert!(
        error.starts_with(
            "budget search: guardrail: never binds: the budget stops at 500.00 USD in a window of month"
        ),
        "{error}"
    );
    // A budget that stops at 120 % has a day of up to 600 dollars.
    assert!(month(599, Tiers::hybrid()).is_ok());
    assert!(month(600, Tiers::hybrid()).is_err());
    // Where the budget itself never stops, the guardrail is the only one that does.
    assert!(month(5_000, Tiers::warnings_only()).is_ok());
    let books = Budget::new("books", team().into(), Unit::Usd, None, Window::month());
    assert!(Policy::new([books.guardrail(Usd::dollars(9), Window::day())]).is_ok());
}

// Who charged a user where teams have budgets was told to make a budget, and not whom to name.
#[test]
fn a_refusal_names_the_nearest_kind_of_scope_that_has_a_budget() {
    let told = |budgets: Vec<Budget>, call: Call| {
        let decision = House::of(budgets).refuse(&call);
        let [refusal] = &decision.refusals()[..] else { panic!("one reason") };
        let RefusalKind::Unbound { nearest, .. } = &refusal.kind else { panic!("{refusal:?}") };
        (nearest.clone(), refusal.to_string())
    };
    let each = |kind: ScopeKind| Budget::each_usd("each", kind, Usd::dollars(1), Window::day());
    let asks = || Call::new("milli").input_tokens(0).output_tokens(1);
    let custom = |kind: &str| Scope::new(kind.parse().unwrap(), "a").unwrap();

    let (kind, text) = told(vec![day()], asks().user("ada"));
    assert_eq!(kind, Some(ScopeKind::Team));
    assert_eq!(
        text,
        "no budget binds the call: user/ada has none; give it one, charge the call to one of kind team, which has a \
         budget, or let such calls pass by name: unbound = \"allow\" in the policy"
    );
    let two = || {
        vec![day(), Budget::each_usd("tenants", "tenant".parse().unwrap(), Usd::dollars(1), Window::day())]
    };
    // Spelt alike goes before the scope above.
    assert_eq!(told(two(), asks().scope(custom("tenent"))).0, Some("tenant".parse().unwrap()));
    assert_eq!(told(two(), asks().user("ada")).0, Some(ScopeKind::Team));
    assert_eq!(told(vec![each(ScopeKind::Agent)], asks().user("ada")).0, Some(ScopeKind::Agent));
    // A name of a kind that has budgets is not known: that kind was meant.
    assert_eq!(told(vec![day()], typo()).0, None);
}
