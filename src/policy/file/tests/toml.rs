//! Is TOML read as JSON is?

use super::super::*;

fn toml_error(text: &str) -> String {
    Policy::from_toml(text).expect_err(text).to_string()
}

fn budget_with(line: &str) -> String {
    format!("[[budgets]]\nid = \"a\"\nscope = \"team/a\"\nwindow = \"month\"\n{line}\n")
}

const TOML: &str = r#"
[policy]
ladder = ["large", "small"]
unknown_model = { priced_as = "large" }
kinds = ["tenant"]

[[budgets]]
id = "search"
scope = "tenant/search"
limit = 500
window = { every = "month", zone = "Europe/Berlin", day = 15 }
tiers = [{ percent = 50, action = "notice" }, { percent = "99.5", action = "block" }]
guardrail = { limit = "75.25", window = "day" }
tags = { env = "prod", area = "eu" }
per_call = { tokens_output = 4000, strict = true }
metadata = { lead = "ada", cost_center = 42 }

[[exemptions]]
id = "launch"
scope = "tenant/search"
raise = "200"
from = 2026-11-22T00:00:00Z
until = "2026-11-23T00:00:00Z"
approver = "grace"
reason = "launch"

[[teams]]
team_alias = "growth"
max_budget = 800
budget_duration = "30d"
tpm_limit = 1000000

[[keys]]
name = "bot"
monthly_limit = 500
daily_limit = 50
alert_thresholds = [50, 80, 100]
hard_stop = 120
alert_channels = ["slack", "email"]
"#;

const JSON: &str = r#"{
    "policy": {"ladder": ["large", "small"], "unknown_model": {"priced_as": "large"}, "kinds": ["tenant"]},
    "budgets": [{
        "id": "search", "scope": "tenant/search", "limit": 500,
        "window": {"every": "month", "zone": "Europe/Berlin", "day": 15},
        "tiers": [{"percent": 50, "action": "notice"}, {"percent": 99.5, "action": "block"}],
        "guardrail": {"limit": 75.25, "window": "day"}, "tags": {"env": "prod", "area": "eu"},
        "per_call": {"tokens_output": 4000, "strict": true},
        "metadata": {"lead": "ada", "cost_center": 42}
    }],
    "exemptions": [{
        "id": "launch", "scope": "tenant/search", "raise": 200, "from": "2026-11-22T00:00:00Z",
        "until": "2026-11-23T00:00:00Z", "approver": "grace", "reason": "launch"
    }],
    "teams": [{"team_alias": "growth", "max_budget": 800, "budget_duration": "30d", "tpm_limit": 1000000}],
    "keys": [{
        "name": "bot", "monthly_limit": 500, "daily_limit": 50, "alert_thresholds": [50, 80, 100],
        "hard_stop": 120, "alert_channels": ["slack", "email"]
    }]
}"#;

#[test]
fn both_formats_say_the_same() {
    let (toml, json) = (Policy::from_toml(TOML).expect("TOML"), Policy::from_json(JSON).expect("JSON"));
    assert_eq!(toml.budgets(), json.budgets());
    assert_eq!(toml.budgets().len(), 4);
    assert_eq!(toml.exemptions(), json.exemptions());
    assert_eq!(toml.unknown_model(), json.unknown_model());
    let large = crate::Call::new("large");
    let rung = |policy: &Policy| policy.next_rung(crate::pricing::Asked::of(&large, None));
    assert_eq!(rung(&toml), rung(&json));
}

#[test]
fn a_number_is_plain_or_refused() {
    for (written, answer) in [
        ("1_000", r#""1_000" is not a plain decimal number"#),
        ("0x1F4", r#""0x1F4" is not a plain decimal number"#),
        ("+5", r#""+5" is not a plain decimal number"#),
        ("-5", "-5 is below zero"),
        ("12.5", r#"12.5 is a TOML float, which is not exact; quote it: "12.5""#),
        ("1e3", r#"1e3 is a TOML float, which is not exact; quote it: "1e3""#),
        ("nan", r#"nan is a TOML float, which is not exact; quote it: "nan""#),
        (
            "123456789012345678901234567890",
            r#""123456789012345678901234567890" is more than 9.2 billion dollars"#,
        ),
    ] {
        let text = budget_with(&format!("limit = {written}"));
        assert_eq!(toml_error(&text), format!("budget a: limit: {answer}"));
    }
    assert!(Policy::from_toml(&budget_with("limit = \"12.5\"")).is_ok());
    assert!(Policy::from_toml(&budget_with("limit = 500")).is_ok());
}

#[test]
fn hostile_text_is_an_error_with_its_place() {
    let refusal = "no budgets, keys or teams: a policy without any says so by an empty list of budgets";
    for empty in ["", "\u{feff}", "# nothing\n"] {
        assert_eq!(toml_error(empty), refusal);
    }
    assert!(Policy::from_toml("\u{feff}budgets = []").is_ok());
    assert_eq!(
        toml_error(&budget_with("limit = 1\nlimit = 2")),
        "not TOML: duplicate key at line 6 column 1"
    );
    let first = toml_error(&budget_with("windw = 1\nalso = 2"));
    assert!(first.starts_with("budget a: windw: unknown field"), "{first}");
    // What is wrong is told, and not what stands there.
    let secret = toml_error(&budget_with("metadata = { lead = \"secret }"));
    assert!(secret.starts_with("not TOML: ") && !secret.contains("secret"), "{secret}");
}

#[test]
fn depth_is_bounded() {
    let nested = |depth: usize| format!("budgets = {}{}", "[".repeat(depth), "]".repeat(depth));
    assert_eq!(toml_error(&nested(15)), "budget 1: expected a table, found a list");
    assert_eq!(toml_error(&nested(16)), "budgets: nested more than 16 levels deep");
    assert!(toml_error(&nested(100_000)).starts_with("not TOML: "));
}
