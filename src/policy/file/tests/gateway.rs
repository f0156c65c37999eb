//! Do the limits of keys and teams become the budgets they say?

use std::sync::Arc;

use super::*;

#[test]
fn a_wrapped_key_becomes_a_month_with_a_daily_guardrail() {
    let list = r#"{"api_keys": [{"key": "bot", "monthly_limit_usd": 500, "daily_limit_usd": 50,
        "alert_thresholds": [50, 80, 100], "hard_stop": 120, "channels": ["slack", "email"]}]}"#;
    let alone = r#"{"name": "bot", "monthly_limit": "500", "daily_limit": "50",
        "thresholds": ["50", "80", "100"], "hard_stop_percent": 120, "alert_channels": ["slack", "email"]}"#;
    let by_hand = Budget::usd(
        "api_key/bot monthly_limit",
        Scope::api_key("bot").expect("scope"),
        Usd::dollars(500),
        Window::month(),
    )
    .guardrail(Usd::dollars(50), Window::day())
    .tiers(Tiers::hybrid())
    .channel("slack")
    .channel("email");
    let by_hand = [Arc::new(by_hand)];
    for text in [list, alone] {
        let policy = Policy::from_json(text).expect(text);
        assert_eq!(policy.budgets(), by_hand);
    }
}

#[test]
fn a_team_becomes_thirty_rolling_days_and_a_rolling_minute() {
    let fields = r#""max_budget": 800, "tpm_limit": 1000000, "rpm_limit": 60,
        "metadata": {"cost_center": "CC-42", "lead": "ada", "owner": "grace"}"#;
    let policies = [
        format!(r#"{{"teams": [{{"name": "search", "duration": "30d", {fields}}}]}}"#),
        format!(r#"{{"team_alias": "search", "budget_duration": "30d", {fields}}}"#),
        format!(r#"{{"team_id": "search", "budget_duration": "30d", {fields}}}"#),
    ];
    let scope = || Scope::team("search").expect("scope");
    let minute = Window::rolling_minute;
    let described = |budget: Budget| {
        budget.metadata("cost_center", "CC-42").metadata("lead", "ada").metadata("owner", "grace")
    };
    let by_hand = [
        Budget::usd("team/search max_budget", scope(), Usd::dollars(800), "30d".parse().expect("window")),
        Budget::count("team/search tpm_limit", scope(), Unit::Tokens, 1_000_000, minute()),
        Budget::count("team/search rpm_limit", scope(), Unit::Requests, 60, minute()),
    ]
    .map(described)
    .map(Arc::new);
    for text in policies {
        let policy = Policy::from_json(&text).expect(&text);
        assert_eq!(policy.budgets(), by_hand);
        let call = Call::new("gpt-4o").team("search");
        assert_eq!(policy.bind(&call, crate::values::Timestamp::EPOCH).expect("binds").terms.len(), 3);
    }
}

#[test]
fn a_soft_budget_warns_exactly_there_even_where_it_is_no_whole_percentage() {
    // Two thirds of $300 have no last digit; a percentage rounded up would warn a nano-dollar late.
    let text = r#"{"teams": [{"name": "a", "max_budget": 300, "soft_budget": 200}]}"#;
    let policy = Policy::from_json(text).expect("policy");
    let budget = &policy.budgets()[0];
    assert_eq!(budget.window(), &Window::lifetime());
    assert_eq!(
        thresholds(budget),
        [(TierAction::Warn, 200_000_000_000), (TierAction::Block, 300_000_000_000)]
    );

    let odd = r#"{"teams": [{"name": "a", "max_budget": "9223372036.854775807", "soft_budget": "1234567.000000001"}]}"#;
    let policy = Policy::from_json(odd).expect("policy");
    assert_eq!(thresholds(&policy.budgets()[0])[0], (TierAction::Warn, 1_234_567_000_000_001));
}

#[test]
fn a_key_that_cannot_be_read_is_named() {
    let key = |fields: &str| error(&format!(r#"{{"keys": [{{"name": "bot", {fields}}}]}}"#));
    for (told, answer) in [
        (
            key(r#""alert_thresholds": [50, 50], "hard_stop": 120, "monthly_limit": 1"#),
            "key bot: alert_thresholds: 50 % after 50 % does not rise",
        ),
        (
            key(r#""alert_thresholds": [50, 100], "hard_stop": 100, "monthly_limit": 1"#),
            "key bot: hard_stop: 100 % after 100 % does not rise",
        ),
        (
            key(r#""alert_thresholds": [50, 100], "monthly_limit": 1"#),
            "key bot: hard_stop: is missing: at which percent are calls blocked?",
        ),
        (
            key(r#""alert_thresholds": [50, "8_0"], "monthly_limit": 1"#),
            "key bot: alert_thresholds: 2: \"8_0\" is not a plain decimal number",
        ),
        (key(r#""daily_limit": 50"#), "key bot: daily_limit: stands without monthly_limit or max_budget"),
        (
            key(r#""monthly_limit": 1, "monthly_limit_usd": 1"#),
            "key bot: monthly_limit_usd: says the same as monthly_limit; keep one of them",
        ),
        (
            key(r#""monthly_limit": 1, "max_budget": 1"#),
            "key bot: max_budget: stands beside monthly_limit; keep one of them",
        ),
        (
            key(r#""metadata": {}"#),
            "key bot: has no limit: expected one of monthly_limit, max_budget, tpm_limit, rpm_limit; \
             who has none stands among budgets, with limit = \"none\"",
        ),
    ] {
        assert_eq!(told, answer);
    }
    assert!(key(r#""duration": "30d""#).starts_with("key bot: duration: is how long the key is valid"));
}

#[test]
fn a_team_that_cannot_be_read_is_named() {
    let team = |fields: &str| error(&format!(r#"{{"teams": [{{"team_alias": "a", {fields}}}]}}"#));
    for (told, answer) in [
        (
            team(r#""max_budget": 800, "budget_duration": 30"#),
            "team a: budget_duration: expected a window such as \"month@Europe/Berlin\", \"30d\" or { every = \"month\", \
             day = 15 }, found a number",
        ),
        (
            team(r#""max_budget": 800, "budget_duration": "30""#),
            "team a: budget_duration: rolling: \"30\" lacks a unit: s, m (minutes), h, d or w; the calendar month is 1mo",
        ),
        (
            team(r#""budget_duration": "30d", "tpm_limit": 1"#),
            "team a: budget_duration: stands without max_budget",
        ),
        (
            team(r#""max_budget": 800, "soft_budget": 800"#),
            "team a: soft_budget: 800.00 is not between zero and the limit of 800.00",
        ),
        (
            team(r#""max_budget": 8, "soft_budget": 4, "hard_stop": 120"#),
            "team a: soft_budget: stands beside thresholds; keep one of them",
        ),
        (team(r#""tpm_limit": "1,000,000""#), "team a: tpm_limit: \"1,000,000\" is not a plain whole number"),
        (
            team(r#""max_budget": null"#),
            "team a: has no limit: expected one of monthly_limit, max_budget, tpm_limit, rpm_limit; \
             who has none stands among budgets, with limit = \"none\"",
        ),
        (
            error(r#"{"teams": [{"max_budget": 8}]}"#),
            "team 1: has no name: expected one of name, team_alias, team_id",
        ),
    ] {
        assert_eq!(told, answer);
    }
}

#[test]
fn a_key_itself_is_never_shown() {
    let told = error(r#"{"keys": [{"key": "sk-secret", "monthly_limit": 1}]}"#);
    assert_eq!(
        told,
        "key 1: key: looks like the key itself; write a name, and keep the key out of this file"
    );
}
