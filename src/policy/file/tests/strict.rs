//! Is everything refused that serde would take, and are path and sort named?

use super::*;

/// A policy with one budget, and one field beside `budgets`.
fn document_with(field: &str, value: &str) -> String {
    let budgets = budget_with(&[]);
    format!("{}, {field:?}: {value}}}", budgets.strip_suffix('}').expect("a table"))
}

fn team(fields: &str) -> String {
    format!(r#"{{"teams": [{{"team_alias": "t", "max_budget": 8, {fields}}}]}}"#)
}

#[test]
fn a_list_never_stands_for_a_table() {
    // Serde's own formats read a struct from a list of its fields in their order.
    let entry = r#"{"budgets": [["a", "team/a", null, "usd", 1, "day"]]}"#;
    assert_eq!(error(entry), "budget 1: expected a table, found a list");
    for field in ["per_call", "guardrail", "tags", "metadata"] {
        let shown = error(&budget_with(&[(field, "[]")]));
        assert_eq!(shown, format!("budget a: {field}: expected a table, found a list"));
    }
    assert_eq!(
        error(&budget_with(&[("tiers", r#"[[50, "notice"]]"#)])),
        "budget a: tiers: tier 1: expected a table, found a list"
    );
    assert_eq!(error(&document_with("policy", "[]")), "policy: expected a table, found a list");
    assert_eq!(error(r#"{"teams": [["t", 8]]}"#), "team 1: expected a table, found a list");
    assert_eq!(
        error(&team(r#""budget_limits": [["1d", 8]]"#)),
        "team t: budget_limits: 1: expected a table, found a list"
    );
}

#[test]
fn null_is_no_field_that_is_left_out() {
    for (field, expected) in [
        ("id", "text"),
        ("scope", "text"),
        ("each", "text"),
        ("unit", "text"),
        ("guardrail", "a table"),
        ("models", "a list"),
        ("tags", "a table"),
        ("per_call", "a table"),
        ("observe", "true or false"),
        ("metadata", "a table"),
        ("channels", "a list"),
    ] {
        let shown = error(&budget_with(&[(field, "null")]));
        let place = if field == "id" { "budget 1" } else { "budget a" };
        assert_eq!(shown, format!("{place}: {field}: expected {expected}, found null"));
    }
    let inside = error(&budget_with(&[("per_call", r#"{"usd": null}"#)]));
    assert_eq!(inside, "budget a: per_call: usd: expected a number, found null");
    let exemption = r#"{"id": "x", "scope": "team/a", "raise": 1, "use_case": null}"#;
    assert_eq!(error(&with_exemptions(exemption)), "exemption x: use_case: expected text, found null");
    for (field, expected) in [("budgets", "a list"), ("policy", "a table"), ("unbound", "text")] {
        let text = format!(r#"{{"teams": [], {field:?}: null}}"#);
        assert_eq!(error(&text), format!("{field}: expected {expected}, found null"));
    }
}

#[test]
fn a_value_of_another_sort_is_named_and_not_shown() {
    for (found, sort) in [
        (r#""secret""#, "text"),
        ("7", "a number"),
        ("0.5", "a number"),
        ("-1", "a number"),
        ("{}", "a table"),
        ("true", "true or false"),
    ] {
        let shown = error(&budget_with(&[("models", found)]));
        assert_eq!(shown, format!("budget a: models: expected a list, found {sort}"));
        let deep = error(&budget_with(&[("models", &format!(r#"["a", [{found}]]"#))]));
        assert_eq!(deep, "budget a: models: 2: expected text, found a list");
    }
    // A channel's address in the wrong place is a secret all the same.
    let address = error(&budget_with(&[("channels", r#""https://hooks.example/T0/secret""#)]));
    assert_eq!(address, "budget a: channels: expected a list, found text");
    let number = error(&budget_with(&[("id", "1e300")]));
    assert_eq!(number, "budget 1: id: expected text, found a number");
}

#[test]
fn a_word_of_a_few_is_that_word_and_no_table() {
    for (unbound, answer) in [
        (r#""Allow""#, "\"Allow\" is none of refuse, count and allow"),
        (r#"{"allow": null}"#, "expected text, found a table"),
        (r#""""#, "is empty"),
        ("0", "expected text, found a number"),
    ] {
        assert_eq!(error(&document_with("unbound", unbound)), format!("unbound: {answer}"));
        let alone = format!(r#"{{"team_alias": "t", "max_budget": 8, "unbound": {unbound}}}"#);
        assert_eq!(error(&alone), format!("unbound: {answer}"));
    }
    let action = budget_with(&[("tiers", r#"[{"percent": 50, "action": {"notice": null}}]"#)]);
    assert_eq!(error(&action), "budget a: tiers: tier 1: action: expected text, found a table");
    let two = document_with("policy", r#"{"unknown_model": {"priced_as": "a", "refuse": null}}"#);
    assert_eq!(error(&two), "policy: unknown_model: refuse: unknown field, expected one of priced_as");
    let both = budget_with(&[("tiers", r#"{"warnings_only": [], "soft": 80}"#)]);
    assert_eq!(error(&both), "budget a: tiers: warnings_only: unknown field, expected one of soft, hard");
}

#[test]
fn a_field_stands_once_however_deep_it_lies() {
    for (field, value, answer) in [
        ("guardrail", r#"{"limit": 1, "limit": 2, "window": "day"}"#, "guardrail: limit: stands twice"),
        ("per_call", r#"{"usd": 1, "usd": 1}"#, "per_call: usd: stands twice"),
        (
            "tiers",
            r#"[{"percent": 1, "percent": 2, "action": "warn"}]"#,
            "tiers: tier 1: percent: stands twice",
        ),
        ("tiers", r#"{"soft": 1, "hard": 2, "soft": 1}"#, "tiers: soft: stands twice"),
        ("metadata", r#"{"a": 1, "a": 1}"#, "metadata: a: stands twice"),
        ("window", r#"{"every": "month", "zone": "UTC", "zone": "UTC"}"#, "window: zone: stands twice"),
    ] {
        assert_eq!(error(&budget_with(&[(field, value)])), format!("budget a: {answer}"));
    }
    let policy = document_with("policy", r#"{"per_call": {"strict": true, "strict": false}}"#);
    assert_eq!(error(&policy), "policy: per_call: strict: stands twice");
    for (fields, answer) in [
        (r#""model_max_budget": {"o3": 1, "o3": 2}"#, "model_max_budget: o3: stands twice"),
        (
            r#""model_max_budget": {"o3": {"tpm_limit": 1, "tpm_limit": 2}}"#,
            "model_max_budget: o3: tpm_limit: stands twice",
        ),
        (r#""max_budget": null"#, "max_budget: stands twice"),
    ] {
        assert_eq!(error(&team(fields)), format!("team t: {answer}"));
    }
}

#[test]
fn two_names_of_one_field_are_refused_in_either_order() {
    let key = |fields: &str| error(&format!(r#"{{"keys": [{{"name": "bot", {fields}}}]}}"#));
    assert_eq!(
        key(r#""daily_limit": 1, "monthly_limit": 9, "daily_limit_usd": 1"#),
        "key bot: daily_limit_usd: says the same as daily_limit; keep one of them"
    );
    assert_eq!(
        key(r#""daily_limit_usd": 1, "daily_limit": 1"#),
        "key bot: daily_limit: says the same as another of its names; keep one of them"
    );
    assert_eq!(
        error(&team(r#""model_max_budget": {"o3": {"max_budget": 1, "budget_limit": 1}}"#)),
        "team t: model_max_budget: o3: budget_limit: says the same as max_budget; keep one of them"
    );
}

#[test]
fn depth_is_bounded_where_anything_may_stand() {
    // The document, the list and the entry are three of the sixteen levels.
    let inside = |depth: usize| team(&format!(r#""config": {}{}"#, "[".repeat(depth), "]".repeat(depth)));
    assert!(Policy::from_json(&inside(13)).is_ok());
    assert_eq!(error(&inside(14)), "teams: config: nested more than 16 levels deep");
    let tables = team(&format!(r#""config": {}1{}"#, r#"{"a": "#.repeat(14), "}".repeat(14)));
    assert!(error(&tables).ends_with("a: a: nested more than 16 levels deep"), "{}", error(&tables));
}

#[test]
fn a_file_of_two_megabytes_is_read_whole() {
    let entry = |number: usize| {
        let note = "x".repeat(150);
        format!(
            r#"{{"id": "b{number}", "scope": "team/t{number}", "limit": "0.{number:09}", "window": "month", "metadata": {{"note": "{note}"}}}}"#
        )
    };
    let entries: Vec<_> = (0..8_000).map(entry).collect();
    let text = format!(r#"{{"budgets": [{}]}}"#, entries.join(","));
    assert!((2_000_000..BYTES_MAX).contains(&text.len()), "{}", text.len());
    let policy = Policy::from_json(&text).expect("policy");
    let limits: Vec<_> = policy.budgets().iter().map(|budget| budget.limit()).collect();
    assert_eq!(limits, (0..8_000).map(Some).collect::<Vec<_>>());
}

#[test]
fn the_names_that_carry_a_number_of_toml_let_nothing_else_in() {
    let limit = |value: &str| error(&budget_with(&[("limit", value)]));
    assert_eq!(
        limit(r#"{"$toml::integer": "1_000"}"#),
        "budget a: limit: \"1_000\" is not a plain decimal number"
    );
    assert_eq!(limit(r#"{"$toml::integer": "-1"}"#), "budget a: limit: -1 is below zero");
    assert!(limit(r#"{"$toml::float": "0.5"}"#).starts_with("budget a: limit: 0.5 is a TOML float"));
    assert_eq!(
        limit(r#"{"$toml::float": "0.5", "a": 1}"#),
        "budget a: limit: expected a number, found a table"
    );
    assert_eq!(limit(r#"{"$toml::integer": 1}"#), "budgets: limit: not readable as text");
}
