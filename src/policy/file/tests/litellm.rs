//! Do LiteLLM's shapes become the budgets that they mean, and is nothing passed over that limits?

use super::*;
use crate::values::Timestamp;

/// Each budget as its id, its limit and its window.
fn budgets(json: &str) -> Vec<(String, Option<i64>, String)> {
    let policy = Policy::from_json(json).expect(json);
    let told = |budget: &std::sync::Arc<Budget>| {
        (budget.id().to_owned(), budget.limit(), budget.window().to_string())
    };
    policy.budgets().iter().map(told).collect()
}

fn told(id: &str, limit: i64, window: &str) -> (String, Option<i64>, String) {
    (id.into(), Some(limit), window.into())
}

const USD: i64 = 1_000_000_000;

#[test]
fn one_month_is_the_calendar_month_on_both_sides_of_its_edge() {
    let text = r#"{"team_alias": "t", "max_budget": 100, "budget_duration": "1mo"}"#;
    assert_eq!(budgets(text), [told("team/t max_budget", 100 * USD, "month")]);
    let policy = Policy::from_json(text).expect("policy");
    let call = Call::new("gpt-4o").team("t");
    let period = |at: &str| {
        let at: Timestamp = at.parse().expect("an instant");
        policy.bind(&call, at).expect("binds").terms[0].period
    };
    let november = period("2026-11-30T23:59:59.999999999Z");
    let december = period("2026-12-01T00:00:00Z");
    assert_eq!(november.from, "2026-11-01T00:00:00Z".parse().expect("an instant"));
    assert_eq!((november.until, december.from), (december.from, november.until));
    assert_eq!(december.number, november.number + 1);
}

#[test]
fn durations_are_read_as_the_gateway_writes_them() {
    let window = |duration: &str| {
        budgets(&format!(r#"{{"team_alias": "t", "max_budget": 1, "budget_duration": {duration}}}"#))[0]
            .2
            .clone()
    };
    for (duration, read) in [
        (r#""30s""#, "30s"),
        (r#""30m""#, "30m"),
        (r#""30h""#, "30h"),
        (r#""30d""#, "30d"),
        (r#""1w""#, "7d"),
        (r#""1mo""#, "month"),
        (r#""monthly""#, "month"),
        ("null", "lifetime"),
        (r#""None""#, "lifetime"),
        (r#""""#, "lifetime"),
        (r#"{"every": "month"}"#, "month"),
    ] {
        assert_eq!(window(duration), read, "{duration}");
    }
    assert_eq!(
        error(r#"{"team_alias": "t", "max_budget": 1, "budget_duration": "2mo"}"#),
        "team t: budget_duration: \"2mo\" has no window, nor does LiteLLM reset after it; write 1mo, days such as \
         60d, or a budget with window = \"quarter\""
    );
    assert!(
        error(r#"{"team_alias": "t", "max_budget": 1, "budget_duration": "0d"}"#).contains("budget_duration")
    );
}

#[test]
fn a_team_as_the_gateway_answers_it_is_read_whole() {
    let text = r#"{
        "team_alias": "search", "team_id": "13e83b19", "organization_id": null, "admins": [], "members": [],
        "members_with_roles": [{"role": "admin", "user_id": "u"}], "team_member_permissions": null,
        "metadata": {"lead": "ada", "logging": [{"callback": "langfuse"}], "guardrails": null},
        "tpm_limit": null, "rpm_limit": "60", "max_budget": "100.5", "soft_budget": 80.5,
        "budget_duration": "30d", "models": [], "blocked": false, "spend": 12.25,
        "max_parallel_requests": null, "budget_reset_at": "2026-12-01T00:00:00Z", "created_at": "2026-11-01T00:00:00Z",
        "model_spend": {}, "model_max_budget": {}, "litellm_model_table": null, "budget_limits": null
    }"#;
    assert_eq!(
        budgets(text),
        [told("team/search max_budget", 100_500_000_000, "30d"), told("team/search rpm_limit", 60, "1m"),]
    );
    let policy = Policy::from_json(text).expect("policy");
    let [budget, _] = policy.budgets() else { panic!("two budgets") };
    assert_eq!(
        thresholds(budget),
        [(TierAction::Warn, 80_500_000_000), (TierAction::Block, 100_500_000_000)]
    );
    assert_eq!(budget.metadata_entries(), [("lead".into(), "ada".into())]);
}

#[test]
fn a_budget_of_null_leaves_its_duration_without_meaning() {
    let text =
        r#"{"teams": [{"team_id": "t", "max_budget": null, "budget_duration": "30d", "tpm_limit": 9}]}"#;
    assert_eq!(budgets(text), [told("team/t tpm_limit", 9, "1m")]);
    // Left out it may have been forgotten.
    assert_eq!(
        error(r#"{"teams": [{"team_id": "t", "budget_duration": "30d", "tpm_limit": 9}]}"#),
        "team t: budget_duration: stands without max_budget"
    );
}

#[test]
fn several_windows_of_one_key_bind_together() {
    let text = r#"{"keys": [{"key_alias": "bot", "team_id": "core", "user_id": null, "budget_limits": [
        {"budget_duration": "24h", "max_budget": 10, "reset_at": null},
        {"budget_duration": "1mo", "max_budget": "100"}]}]}"#;
    assert_eq!(
        budgets(text),
        [
            told("api_key/bot budget_limits 1d", 10 * USD, "1d"),
            told("api_key/bot budget_limits month", 100 * USD, "month"),
        ]
    );
    let policy = Policy::from_json(text).expect("policy");
    let call = Call::new("gpt-4o").api_key("bot");
    assert_eq!(policy.bind(&call, Timestamp::EPOCH).expect("binds").terms.len(), 2);
    let key =
        |list: &str| error(&format!(r#"{{"keys": [{{"key_alias": "bot", "budget_limits": {list}}}]}}"#));
    for (list, answer) in [
        (r#"[{"max_budget": 1}]"#, "key bot: budget_limits: 1: budget_duration: is missing"),
        (
            r#"[{"budget_duration": "1d", "max_budget": null}]"#,
            "key bot: budget_limits: 1: max_budget: is missing",
        ),
        (
            r#"[{"budget_duration": "1d", "max_budget": 1}, {"budget_duration": "24h", "max_budget": 2}]"#,
            "key bot: budget_limits: 2: has the window of another one; keep one of them",
        ),
    ] {
        assert_eq!(key(list), answer);
    }
}

#[test]
fn a_model_has_its_own_budget_in_every_shape() {
    let text = r#"{"user_id": "ada@example.com", "model_max_budget": {
        "gpt-4o": {"budget_limit": "0.5", "time_period": "1d"},
        "openai/gpt-4.1": {"max_budget": 2, "budget_duration": "1mo", "tpm_limit": 1000, "rpm_limit": 5},
        "o3": 7, "o1": null}, "model_rpm_limit": {"gpt-4o": 3}}"#;
    assert_eq!(
        budgets(text),
        [
            told("user/ada@example.com model_max_budget gpt-4o", USD / 2, "1d"),
            told("user/ada@example.com model_max_budget openai/gpt-4.1", 2 * USD, "month"),
            told("user/ada@example.com model_max_budget openai/gpt-4.1 tpm_limit", 1_000, "1m"),
            told("user/ada@example.com model_max_budget openai/gpt-4.1 rpm_limit", 5, "1m"),
            told("user/ada@example.com model_max_budget o3", 7 * USD, "lifetime"),
            told("user/ada@example.com model_rpm_limit gpt-4o", 3, "1m"),
        ]
    );
    let policy = Policy::from_json(text).expect("policy");
    let bound = |model: &str| {
        let call = Call::new(model).user("ada@example.com");
        policy.bind(&call, Timestamp::EPOCH).expect("binds").terms.len()
    };
    // Named with its provider, the model is bound without one, too; others are not.
    assert_eq!([bound("gpt-4o"), bound("gpt-4.1"), bound("openai/gpt-4.1"), bound("o3")], [2, 3, 3, 1]);
    assert!(
        policy
            .bind(&Call::new("o1").user("ada@example.com"), Timestamp::EPOCH)
            .is_ok_and(|none| none.terms.is_empty())
    );
}

#[test]
fn users_customers_and_organizations_have_entries_of_their_own() {
    let text = r#"{
        "users": [{"user_id": "u1", "user_alias": "Ada", "max_budget": 1, "teams": ["t"], "user_role": "internal_user"}],
        "customers": [{"user_id": "c1", "max_budget": 2, "budget_duration": "1mo", "blocked": false}],
        "organizations": [{"organization_alias": "acme", "budget_id": "b", "models": [],
            "litellm_budget_table": {"budget_id": "b", "max_budget": 9, "budget_duration": "1mo", "rpm_limit": 4,
                "soft_budget": null, "max_parallel_requests": null, "model_max_budget": {"o3": {"max_budget": 3}}}}]
    }"#;
    assert_eq!(
        budgets(text),
        [
            told("user/u1 max_budget", USD, "lifetime"),
            told("customer/c1 max_budget", 2 * USD, "month"),
            told("organization/acme litellm_budget_table", 9 * USD, "month"),
            told("organization/acme litellm_budget_table rpm_limit", 4, "1m"),
            told("organization/acme model_max_budget o3", 3 * USD, "lifetime"),
        ]
    );
    let kind = ScopeKind::Custom("customer".into());
    let policy = Policy::from_json(text).expect("policy");
    let call = Call::new("gpt-4o").scope(Scope::new(kind, "c1").expect("scope"));
    assert_eq!(policy.bind(&call, Timestamp::EPOCH).expect("binds").terms.len(), 1);
}

#[test]
fn what_limits_and_is_not_kept_is_refused_by_name() {
    let team =
        |fields: &str| error(&format!(r#"{{"teams": [{{"team_alias": "a", "max_budget": 8, {fields}}}]}}"#));
    for (fields, begins) in [
        (r#""max_parallel_requests": 3"#, "team a: max_parallel_requests: limits how many calls run at once"),
        (
            r#""team_member_budget": 3"#,
            "team a: team_member_budget: limits each member of a team; write a budget with each",
        ),
        (
            r#""temp_budget_increase": 3"#,
            "team a: temp_budget_increase: raises a limit for a time; write an exemption",
        ),
        (r#""models": ["gpt-4o"]"#, "team a: models: says which models may be called"),
        (r#""blocked": true"#, "team a: blocked: is blocked in the gateway"),
        (r#""budget_id": "tier-1""#, "team a: budget_id: names limits that stand elsewhere"),
        (r#""metadata": {"model_rpm_limit": {"o3": 1}}"#, "team a: metadata: model_rpm_limit: is a limit"),
        (
            r#""litellm_budget_table": {"max_budget": 1, "max_parallel_requests": 2}"#,
            "team a: litellm_budget_table: max_parallel_requests: limits how many",
        ),
        (
            r#""litellm_budget_table": {"soft_budget": 2}"#,
            "team a: litellm_budget_table: soft_budget: write it beside the entry's own max_budget",
        ),
        (r#""model_max_budget": {"o3": {"rpm": 1}}"#, "team a: model_max_budget: o3: rpm: unknown field"),
        (r#""model_max_budget": {"o3": {}}"#, "team a: model_max_budget: o3: has no limit"),
        (
            r#""model_max_budget": {"o3": {"time_period": "1d"}}"#,
            "team a: model_max_budget: o3: budget_duration: stands",
        ),
        (
            r#""model_tpm_limit": {"o3": "1e3"}"#,
            "team a: model_tpm_limit: o3: \"1e3\" is not a plain whole number",
        ),
        (r#""user_id": "u""#, "team a: user_id: unknown field"),
    ] {
        let told = team(fields);
        assert!(told.starts_with(begins), "{told}\n{begins}");
    }
    for (text, begins) in [
        (r#"{"litellm_settings": {"max_budget": 1}}"#, "litellm_settings: is a gateway's own configuration"),
        (r#"{"budgets": [], "provider_budget_config": {}}"#, "provider_budget_config: is a gateway's own"),
    ] {
        assert!(error(text).starts_with(begins), "{}", error(text));
    }
}

#[test]
fn a_limit_that_no_call_would_meet_is_refused() {
    // Each was read and bound nothing.
    let models = |name: &str| {
        error(&format!(r#"{{"teams": [{{"team_alias": "t", "model_max_budget": {{"{name}": 1}}}}]}}"#))
    };
    assert_eq!(
        models("openai/*"),
        "team t: model_max_budget: openai/*: is a pattern, which binds no call; write a budget with providers, or one \
         for each model"
    );
    assert!(models("*").starts_with("team t: model_max_budget: *: is a pattern"), "{}", models("*"));
    assert!(models("").ends_with("is empty"), "{}", models(""));
    assert!(models(" gpt-4o").ends_with("begins or ends with a blank"), "{}", models(" gpt-4o"));
    assert_eq!(
        error(r#"{"teams": [{"team_alias": "t ", "max_budget": 1}]}"#),
        "team t : team_alias: begins or ends with a blank"
    );
    assert_eq!(
        error(&budget_with(&[("models", r#"["openai/*"]"#)])),
        "budget a: models: \"openai/*\" is a pattern, which binds no call; name each model or provider, or none for all"
    );
    assert!(
        error(&budget_with(&[("providers", r#"["*"]"#)]))
            .starts_with("budget a: providers: \"*\" is a pattern")
    );
    for name in ["", "gpt-4o "] {
        let wrong =
            Policy::new([Budget::usd("a", Scope::team("a").expect("scope"), Usd::dollars(1), Window::day())
                .model(name)]);
        assert!(wrong.is_err(), "{name:?}");
    }
}

#[test]
fn a_limit_inside_what_is_passed_over_is_refused() {
    // A user's teams may be ids, or be written out whole with limits that nothing here would keep.
    let user = |fields: &str| format!(r#"{{"users": [{{"user_id": "u", "max_budget": 8, {fields}}}]}}"#);
    for (fields, begins) in [
        (
            r#""teams": [{"team_alias": "a", "max_budget": 3}]"#,
            "user u: teams: holds \"max_budget\", which is a limit; write it in an entry of its own",
        ),
        (
            r#""members_with_roles": [{"user_id": "v", "max_budget_in_team": 3}]"#,
            "user u: members_with_roles: holds \"max_budget_in_team\"",
        ),
        (r#""config": {"budget_limits": [{"max_budget": 3}]}"#, "user u: config: holds \"budget_limits\""),
    ] {
        let told = error(&user(fields));
        assert!(told.starts_with(begins), "{told}");
    }
    let unset = r#""teams": [{"team_alias": "a", "max_budget": null, "model_max_budget": {}}, "b"]"#;
    assert_eq!(budgets(&user(unset)), [told("user/u max_budget", 8 * USD, "lifetime")]);
}

#[test]
fn an_error_says_what_to_write_instead() {
    let team = |duration: &str| {
        error(&format!(r#"{{"team_alias": "t", "max_budget": 1, "budget_duration": "{duration}"}}"#))
    };
    for duration in ["1month", "1y", "30D", "1M", "30days"] {
        let told = team(duration);
        assert!(told.starts_with(&format!("team t: budget_duration: rolling: \"{duration}\"")), "{told}");
        assert!(told.ends_with("; the calendar month is 1mo"), "{told}");
    }
    assert_eq!(
        error(r#"{"key_alias": "k", "max_budget": 5, "duration": "30d"}"#),
        "key k: duration: is how long the key is valid, which no budget is; leave it out, or write budget_duration"
    );
    // Fields that are passed over are not among those to choose from.
    let unknown = error(r#"{"key_alias": "k", "max_budgett": 5}"#);
    assert!(unknown.contains("litellm_budget_table") && !unknown.contains("rotation_count"), "{unknown}");
    assert!(unknown.ends_with("did you mean max_budget?"), "{unknown}");
}
