//! Is every field read as told, and everything else refused by name?

mod gateway;
mod litellm;
mod strict;
#[cfg(feature = "toml")]
mod toml;

use super::super::{Budget, Exemption, OnUnknownModel, Policy, Selector, Tier, Tiers};
use super::*;
use crate::pricing::Asked;
use crate::values::{Caps, ScopeKind, TierAction, Unit};
use crate::{Call, ErrorKind, Scope, Usd, Window};

fn error(json: &str) -> String {
    Policy::from_json(json).expect_err(json).to_string()
}

/// A budget that is right but for the fields that the test adds or replaces.
fn budget_with(fields: &[(&str, &str)]) -> String {
    let right = [("id", r#""a""#), ("scope", r#""team/a""#), ("limit", r#""500""#), ("window", r#""month""#)];
    let kept = right.iter().filter(|(name, _)| !fields.iter().any(|(field, _)| field == name));
    let written: Vec<_> = kept.chain(fields).map(|(name, value)| format!("{name:?}: {value}")).collect();
    format!(r#"{{"budgets": [{{{}}}]}}"#, written.join(", "))
}

fn read_budget(fields: &[(&str, &str)]) -> Budget {
    let policy = Policy::from_json(&budget_with(fields)).expect("test policy");
    Budget::clone(&policy.budgets()[0])
}

fn percent(text: &str, action: TierAction) -> Tier {
    Tier { percent: text.parse().expect("test percent"), action }
}

fn thresholds(budget: &Budget) -> Vec<(TierAction, i64)> {
    budget.tiers.thresholds(budget.limit.expect("a limit")).expect("fits").to_vec()
}

#[test]
fn a_budget_is_read_with_all_its_fields() {
    let budget = read_budget(&[
        ("id", r#""search""#),
        ("scope", r#""team/search""#),
        ("window", r#"{"every": "month", "zone": "Europe/Berlin", "day": 15}"#),
        ("tiers", r#"{"soft": 80, "hard": "120.5"}"#),
        ("guardrail", r#"{"limit": 75, "window": "day@Europe/Berlin"}"#),
        ("models", r#"["gpt-4o"]"#),
        ("providers", "[]"),
        ("tags", r#"{"env": "prod"}"#),
        ("per_call", r#"{"tokens_input": 8, "tokens_output": 4000, "usd": 0.25, "strict": true}"#),
        ("observe", "true"),
        ("restart", "true"),
        ("metadata", r#"{"cost_center": 42, "lead": "ada", "paid": true}"#),
        ("channels", r#"["slack"]"#),
    ]);

    let window: Window = "month@Europe/Berlin day=15".parse().expect("window");
    let day: Window = "day@Europe/Berlin".parse().expect("window");
    let by_hand =
        Budget::usd("search", Scope::team("search").expect("scope"), Usd::dollars(500), window.clone())
            .tiers(
                Tiers::new([percent("80", TierAction::Warn), percent("120.5", TierAction::Block)])
                    .expect("rise"),
            )
            .guardrail(Usd::dollars(75), day)
            .model("gpt-4o")
            .tag("env", "prod")
            .per_call(Caps {
                tokens_input: Some(8),
                tokens_output: Some(4000),
                usd: Some(Usd::cents(25)),
                strict: true,
            })
            .observe()
            .restart()
            .metadata("cost_center", "42")
            .metadata("lead", "ada")
            .metadata("paid", "true")
            .channel("slack");
    assert_eq!(budget, by_hand);
}

#[test]
fn what_is_left_out_is_dollars_and_plain_and_nothing_else() {
    let budget = read_budget(&[]);
    let plain = Budget::usd("a", Scope::team("a").expect("scope"), Usd::dollars(500), Window::month());
    assert_eq!(budget, plain);
    for (field, answer) in [
        ("id", "budget 1: id: is missing"),
        ("scope", r#"budget a: scope: is missing; write scope = "team/search", or each = "user""#),
        ("limit", "budget a: limit: is missing"),
        ("window", "budget a: window: is missing"),
    ] {
        let without = budget_with(&[(field, "0")]).replace(&format!("{field:?}: 0"), "\"observe\": true");
        assert_eq!(error(&without), answer);
    }
}

#[test]
fn templates_counts_and_budgets_without_a_limit_are_read() {
    let text = r#"{"budgets": [
        {"id": "users", "each": "user", "limit": "5", "window": "day"},
        {"id": "rate", "scope": "team/a", "unit": "tokens", "limit": 1000000, "window": "1m"},
        {"id": "books", "scope": "team/a", "unit": "tool:grep", "limit": "none", "window": "lifetime"}
    ]}"#;
    let policy = Policy::from_json(text).expect("policy");
    let [users, rate, books] = policy.budgets() else { panic!("three budgets") };
    assert_eq!(users.selector(), &Selector::Each(ScopeKind::User));
    assert_eq!(
        (rate.unit(), rate.limit(), rate.window()),
        (&Unit::Tokens, Some(1_000_000), &Window::rolling_minute())
    );
    assert_eq!((books.unit(), books.limit()), (&Unit::Tool("grep".into()), None));
}

#[test]
fn money_is_read_from_its_digits() {
    for (written, nanos) in [
        ("500", 500_000_000_000),
        (r#""500""#, 500_000_000_000),
        ("12.5", 12_500_000_000),
        // Three digits more than a 64-bit float can hold.
        ("9223372036.854775807", i64::MAX),
        ("0.000000001", 1),
        (r#""0.0000000010""#, 1),
        ("0", 0),
    ] {
        assert_eq!(read_budget(&[("limit", written)]).limit(), Some(nanos), "{written}");
    }
}

/// A field, what stands there, and what is said about it.
const UNREADABLE: &[(&str, &str, &str)] = &[
    (
        "windw",
        "1",
        "windw: unknown field, expected one of id, scope, each, unit, limit, window, tiers, guardrail, models, providers, tags, per_call, observe, restart, metadata, channels; did you mean window?",
    ),
    ("limit", r#""1_000""#, r#"limit: "1_000" is not a plain decimal number"#),
    ("limit", "1e3", r#"limit: "1e3" is not a plain decimal number"#),
    ("limit", "-1e-3", r#"limit: "-1e-3" is not a plain decimal number"#),
    ("limit", r#""1,000""#, r#"limit: "1,000" is not a plain decimal number"#),
    ("limit", r#"" 1""#, r#"limit: " 1" is not a plain decimal number"#),
    ("limit", r#""""#, r#"limit: "" is not a plain decimal number"#),
    ("limit", "-5", "limit: -5 is below zero"),
    (
        "limit",
        "123456789012345678901234567890",
        r#"limit: "123456789012345678901234567890" is more than 9.2 billion dollars"#,
    ),
    (
        "limit",
        "0.0000000001",
        "limit: \"0.0000000001\" has more than nine decimals and cannot be kept exactly",
    ),
    ("limit", "null", "limit: is null; for no limit, write \"none\""),
    ("limit", "true", "limit: expected a number, found true or false"),
    ("limit", "[500]", "limit: expected a number, found a list"),
    ("unit", r#""eur""#, "unit: \"eur\" is not a unit that budgets count"),
    ("unit", "7", "unit: expected text, found a number"),
    (
        "scope",
        r#""taem/search""#,
        "scope: \"taem\" is no kind of scope; name kinds of your own in policy.kinds",
    ),
    ("scope", r#""search""#, "scope: \"search\" is not kind/name, like team/search"),
    ("scope", r#""team/""#, "scope: team: the name is empty"),
    ("each", r#""user""#, "each: stands beside scope; keep one of them"),
    ("window", r#""30""#, "window: rolling: \"30\" lacks a unit: s, m (minutes), h, d or w"),
    ("window", r#""0d""#, "window: rolling: \"0d\" must be above zero"),
    (
        "window",
        r#""fortnight""#,
        "window: \"fortnight\" is neither a unit such as month nor a duration such as 30d",
    ),
    (
        "window",
        r#""month@Mars/Base""#,
        "window: zone: \"Mars/Base\" is not in the zone database; write one as Europe/Berlin",
    ),
    ("window", r#"{"every": "month", "dya": 1}"#, "window: unknown field \"dya\""),
    ("window", r#"{"every": "month", "day": 1, "day": 2}"#, "window: day: stands twice"),
    ("window", r#"{"every": "month", "day": "1"}"#, "window: day: expected a whole number, found text"),
    ("window", r#"{"every": "month", "day": 1.5}"#, "window: day: \"1.5\" is not a plain whole number"),
    ("tiers", r#""hybird""#, "tiers: \"hybird\" is none of plain, hybrid, traffic_light and warnings_only"),
    ("tiers", "[]", "tiers: is empty; write \"plain\""),
    (
        "tiers",
        "80",
        "tiers: expected the name of a preset, { soft, hard } or a list of tiers, found a number",
    ),
    ("tiers", r#"{"soft": 80}"#, "tiers: hard: is missing"),
    ("tiers", r#"{"soft": 80, "hard": 80}"#, "tiers: 80 % after 80 % does not rise"),
    ("tiers", r#"{"soft": 0, "hard": 80}"#, "tiers: soft: is not above zero"),
    ("tiers", r#"{"soft": 80, "hard": -1}"#, "tiers: hard: \"-1\" is not a plain decimal number"),
    (
        "tiers",
        r#"[{"percent": 50, "action": "shout"}]"#,
        "tiers: tier 1: action: \"shout\" is none of notice, warn, critical, degrade and block",
    ),
    ("guardrail", r#"{"limit": "75"}"#, "guardrail: window: is missing"),
    (
        "guardrail",
        r#"{"limit": "x", "window": "day"}"#,
        "guardrail: limit: \"x\" is not a plain decimal number",
    ),
    ("guardrail", r#"{"limit": "75", "window": "month"}"#, "guardrail: has the budget's own window"),
    ("models", r#"["a", ""]"#, "models: 2: is empty"),
    ("models", r#"["a", "a"]"#, "models: \"a\" stands twice"),
    ("tags", r#"{"env": 1}"#, "tags: env: expected text, found a number"),
    ("tags", r#"{"env": "a", "env": "b"}"#, "tags: env: stands twice"),
    (
        "per_call",
        r#"{"tokens": 1}"#,
        "per_call: tokens: unknown field, expected one of tokens_input, tokens_output, usd, strict",
    ),
    ("per_call", r#"{"tokens_output": 4e3}"#, "per_call: tokens_output: \"4e3\" is not a plain whole number"),
    (
        "per_call",
        r#"{"tokens_output": 18446744073709551616}"#,
        "per_call: tokens_output: \"18446744073709551616\" does not fit into 64 bits",
    ),
    ("observe", r#""true""#, "observe: expected true or false, found text"),
    (
        "channels",
        r#"["slack", "https://hooks.example/T0/secret"]"#,
        "channels: 2: is an address; name the channel here and keep its address out of this file",
    ),
    (
        "metadata",
        r#"{"lead": ["secret"]}"#,
        "metadata: lead: expected text, a number, true or false, found a list",
    ),
];

#[test]
fn a_field_that_cannot_be_read_is_named_with_its_budget() {
    for (field, value, answer) in UNREADABLE {
        let text = budget_with(&[(field, value)]);
        assert_eq!(error(&text), format!("budget a: {answer}"), "{text}");
    }
}

#[test]
fn counts_are_whole() {
    let limit = |limit: &str| budget_with(&[("unit", r#""tokens""#), ("limit", limit)]);
    assert!(Policy::from_json(&limit("9223372036854775807")).is_ok());
    assert_eq!(error(&limit("9223372036854775808")), "budget a: limit: does not fit into 63 bits");
    assert_eq!(error(&limit("12.5")), "budget a: limit: \"12.5\" is not a plain whole number");
    assert_eq!(error(&limit("-1")), "budget a: limit: \"-1\" is not a plain whole number");
}

#[test]
fn tiers_rise_or_are_refused() {
    let tiers = |second: &str| {
        format!(r#"[{{"percent": "79.99", "action": "notice"}}, {{"percent": {second}, "action": "block"}}]"#)
    };
    let budget = read_budget(&[("tiers", &tiers("80"))]);
    // 79.99 % and 80 % of $500.
    assert_eq!(
        thresholds(&budget),
        [(TierAction::Notice, 399_950_000_000), (TierAction::Block, 400_000_000_000)]
    );
    for (second, shown) in [("79.99", "79.99"), ("79.98", "79.98")] {
        let text = budget_with(&[("tiers", &tiers(second))]);
        assert_eq!(error(&text), format!("budget a: tiers: {shown} % after 79.99 % does not rise"));
    }
    let digits = "0.123456789012345678901234567890";
    let text = budget_with(&[("tiers", &tiers(digits))]);
    assert_eq!(
        error(&text),
        format!("budget a: tiers: tier 2: percent: \"{digits}\" cannot be kept exactly")
    );
}

#[test]
fn presets_are_the_presets() {
    assert_eq!(read_budget(&[("tiers", r#""plain""#)]).tiers, Tiers::plain());
    assert_eq!(read_budget(&[("tiers", r#""hybrid""#)]).tiers, Tiers::hybrid());
    assert_eq!(read_budget(&[("tiers", r#""traffic_light""#)]).tiers, Tiers::traffic_light());
}

#[test]
fn entries_and_fields_stand_once() {
    let entry = r#"{"id": "a", "scope": "team/a", "limit": 1, "window": "day"}"#;
    assert_eq!(error(&format!(r#"{{"budgets": [{entry}, {entry}]}}"#)), "budget a: id: stands twice");
    let twice = r#"{"budgets": [{"id": "a", "scope": "team/a", "limit": 1, "limit": 2, "window": "day"}]}"#;
    assert_eq!(error(twice), "budget a: limit: stands twice");
    assert_eq!(error(r#"{"budgets": [], "budgets": []}"#), "budgets: stands twice");
    assert_eq!(error(r#"{"keys": [], "api_keys": []}"#), "api_keys: says the same as keys; keep one of them");
}

#[test]
fn an_entry_without_a_name_that_can_be_shown_goes_by_its_number() {
    let right = r#"{"id": "a", "scope": "team/a", "limit": 1, "window": "day"}"#;
    for (entry, answer) in [
        ("7", "budget 2: expected a table, found a number"),
        ("{}", "budget 2: id: is missing"),
        (r#"{"id": ""}"#, "budget 2: id: is empty"),
        (r#"{"id": 7}"#, "budget 2: id: expected text, found a number"),
        (r#"{"id": "b\nc"}"#, r"budget b\nc: id: is not 1 to 128 bytes without control characters"),
        (
            r#"{"b\nc": 1}"#,
            r"budget 2: b\nc: unknown field, expected one of id, scope, each, unit, limit, window, tiers, guardrail, models, providers, tags, per_call, observe, restart, metadata, channels",
        ),
    ] {
        assert_eq!(error(&format!(r#"{{"budgets": [{right}, {entry}]}}"#)), answer);
    }
}

#[test]
fn an_empty_file_is_refused_and_an_empty_list_says_so_on_purpose() {
    let refusal = "no budgets, keys or teams: a policy without any says so by an empty list of budgets";
    for empty in ["", " \n", "\u{feff}", "{}", r#"{"policy": {"observe": true}}"#, r#"{"exemptions": []}"#] {
        assert_eq!(error(empty), refusal, "{empty:?}");
    }
    assert!(Policy::from_json(r#"{"budgets": []}"#).expect("on purpose").budgets().is_empty());
    assert_eq!(error("[]"), "expected a table, found a list");
}

#[test]
fn a_byte_order_mark_is_passed_over() {
    assert!(Policy::from_json("\u{feff}{\"budgets\": []}").is_ok());
    assert!(Policy::from_json("\u{feff}\u{feff}{\"budgets\": []}").is_err());
}

#[test]
fn text_that_is_no_json_is_an_error_with_its_place() {
    let cut_off = Policy::from_json("{\"budgets\": [\n{\"id\": ").unwrap_err();
    assert_eq!(cut_off.kind(), ErrorKind::Unreadable);
    assert_eq!(cut_off.to_string(), "not JSON: EOF while parsing a value at line 2 column 7");
    assert_eq!(error(r#"{"budgets": []} x"#), "not JSON: trailing characters at line 1 column 17");
    assert_eq!(error(r#"{"budgets": ["\ud800"]}"#), "budgets: not readable as text");
    for number in ["NaN", "01", "+1", "0x10", "1_000", ".5", "5."] {
        assert!(error(&budget_with(&[("limit", number)])).starts_with("not JSON: "), "{number}");
    }
}

#[test]
fn sizes_are_bounded_on_both_sides() {
    let nested = |depth: usize| format!(r#"{{"budgets": {}{}}}"#, "[".repeat(depth), "]".repeat(depth));
    // The document itself is the first level.
    assert_eq!(error(&nested(15)), "budget 1: expected a table, found a list");
    assert_eq!(error(&nested(16)), "budgets: nested more than 16 levels deep");
    assert_eq!(error(&nested(1_000_000)), "budgets: nested more than 16 levels deep");

    let many = |count: usize| format!(r#"{{"budgets": [{}]}}"#, vec!["1"; count].join(","));
    assert_eq!(error(&many(10_000)), "budget 1: expected a table, found a number");
    assert_eq!(error(&many(10_001)), "budgets: more than 10000 entries");

    let long = |bytes: usize| budget_with(&[("metadata", &format!(r#"{{"a": "{}"}}"#, "x".repeat(bytes)))]);
    assert!(Policy::from_json(&long(4_096)).is_ok());
    assert_eq!(error(&long(4_097)), "budgets: metadata: a: a text or number has more than 4096 bytes");
    assert!(error(&budget_with(&[("limit", &"9".repeat(5_000))])).ends_with("more than 4096 bytes"));

    let padded = |bytes: usize| format!("{}{}", r#"{"budgets": []}"#, " ".repeat(bytes - 15));
    assert!(Policy::from_json(&padded(BYTES_MAX)).is_ok());
    assert_eq!(error(&padded(BYTES_MAX + 1)), "more than 16777216 bytes");
}

#[test]
fn the_policy_as_a_whole_is_read() {
    let text = r#"{"budgets": [{"id": "a", "each": "tenant", "limit": 1, "window": "day"}], "policy": {
        "ladder": ["large", "small"], "unknown_model": {"priced_as": "large"},
        "output_tokens_default": 4096, "no_limit": "hold_most", "fee_uses_assumed": 3, "per_call": {"usd": "5"}, "observe": true, "kinds": ["tenant"]
    }}"#;
    let policy = Policy::from_json(text).expect("policy");
    assert_eq!(policy.next_rung(Asked::of(&Call::new("large"), None)).as_deref(), Some("small"));
    assert_eq!(policy.unknown_model(), &OnUnknownModel::PricedAs("large".into()));
    assert_eq!(policy.output_tokens_default(), 4096);
    assert_eq!(policy.no_limit(), Some(crate::values::OnNoLimit::HoldMost));
    assert_eq!(policy.fee_uses_assumed(), 3);
    assert_eq!(policy.0.caps.usd, Some(Usd::dollars(5)));
    assert!(policy.observes_only());

    let silent = Policy::from_json(r#"{"budgets": []}"#).expect("policy");
    assert_eq!(silent.unknown_model(), &OnUnknownModel::Refuse);
    assert_eq!(silent.output_tokens_default(), 16_384);
    assert_eq!(silent.no_limit(), None);
    assert_eq!(silent.fee_uses_assumed(), 10);
    assert!(!silent.observes_only());
}

#[test]
fn a_word_about_the_whole_policy_that_cannot_be_read_is_named() {
    for (general, answer) in [
        (
            r#"{"laddr": []}"#,
            "laddr: unknown field, expected one of ladder, unknown_model, unbound, output_tokens_default, no_limit, fee_uses_assumed, per_call, observe, kinds; did you mean ladder?",
        ),
        (r#"{"ladder": ["a", "a"]}"#, "ladder: \"a\" stands twice"),
        (
            r#"{"unknown_model": "allow"}"#,
            "unknown_model: \"allow\" is none of refuse, count_only and { priced_as = MODEL }",
        ),
        (r#"{"unknown_model": {}}"#, "unknown_model: priced_as: is missing"),
        (
            r#"{"fee_uses_assumed": 0}"#,
            "fee_uses_assumed: 0: a fee that may be incurred is held for at least once",
        ),
        (r#"{"no_limit": "ignore"}"#, "no_limit: \"ignore\" is none of write_in, hold_most and leave_alone"),
        (r#"{"output_tokens_default": -1}"#, "output_tokens_default: \"-1\" is not a plain whole number"),
        (r#"{"kinds": ["Tenant"]}"#, "kinds: \"Tenant\" is not one to 32 lower-case letters, digits or '_'"),
    ] {
        assert_eq!(error(&format!(r#"{{"budgets": [], "policy": {general}}}"#)), format!("policy: {answer}"));
    }
    assert_eq!(
        error(r#"{"budgets": [], "ladder": []}"#),
        "ladder: unknown field, expected one of policy, exemptions, unbound, budgets, api_keys, keys, teams, users, customers, \
         organizations"
    );
}

/// A policy with one budget and these exemptions.
fn with_exemptions(exemptions: &str) -> String {
    format!(
        r#"{{"budgets": [{{"id": "a", "scope": "team/a", "limit": 500, "window": "month"}}],
            "exemptions": [{exemptions}]}}"#
    )
}

#[test]
fn an_exemption_is_read_with_all_its_fields() {
    let text = with_exemptions(
        r#"{"id": "launch", "scope": "team/a", "unit": "usd", "raise": "200.5", "budgets": ["a"],
            "use_case": "review", "from": "2026-11-22T00:00:00+01:00", "until": "2026-11-23T00:00:00Z",
            "requester": "ada", "approver": "grace", "reason": "launch", "emergency": true}"#,
    );
    let policy = Policy::from_json(&text).expect("policy");
    let instant = |text: &str| text.parse().expect("instant");
    let by_hand =
        Exemption::emergency("launch", Scope::team("a").expect("scope"), Unit::Usd, 200_500_000_000)
            .budget("a")
            .for_use_case("review")
            .between(instant("2026-11-21T23:00:00Z"), instant("2026-11-23T00:00:00Z"))
            .requested_by("ada")
            .approved_by("grace")
            .because("launch");
    assert_eq!(policy.exemptions(), [by_hand]);
}

#[test]
fn an_exemption_that_cannot_be_read_is_named() {
    for (fields, answer) in [
        (
            r#""requester": "ada", "emergency": true"#,
            "approver: is missing: an emergency override names who approved it",
        ),
        (r#""approver": "ada", "raise": 0"#, "raise: is not above zero"),
        (r#""approver": "ada", "raise": "none""#, "raise: \"none\" is not a plain decimal number"),
        (r#""approver": "ada", "until": "tomorrow""#, "until: \"tomorrow\" is not an RFC 3339 date and time"),
        (
            r#""approver": "ada", "from": "2026-11-22T00:00:00Z", "until": "2026-11-22T00:00:00Z""#,
            "until: is not after its beginning",
        ),
        (r#""approver": "ada", "budgets": ["b"]"#, "budgets: \"b\" is no budget of this policy"),
        (r#""approver": "ada", "budgets": []"#, "budgets: is empty; leave it out to raise all of the scope"),
        (
            r#""approver": "ada", "usecase": "x""#,
            "usecase: unknown field, expected one of id, scope, unit, raise, budgets, use_case, from, until, requester, approver, reason, emergency; did you mean use_case?",
        ),
    ] {
        let raise = if fields.contains("raise") { "" } else { r#""raise": 200,"# };
        let text =
            with_exemptions(&format!(r#"{{"id": "x", "scope": "team/a", "reason": "r", {raise} {fields}}}"#));
        assert_eq!(error(&text), format!("exemption x: {answer}"));
    }
    let right = r#"{"id": "x", "scope": "team/a", "raise": 1, "reason": "r", "requester": "ada"}"#;
    assert!(Policy::from_json(&with_exemptions(right)).is_ok());
    assert_eq!(error(&with_exemptions(&format!("{right}, {right}"))), "exemption x: id: stands twice");
}

#[test]
fn the_file_is_named_first() {
    let folder = std::env::temp_dir().join(format!("token-budget-policy-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder for the test");
    let told = |name: &str, bytes: &[u8]| {
        let path = folder.join(name);
        std::fs::write(&path, bytes).expect("a file for the test");
        let told = Policy::from_path(&path).map_err(|error| error.to_string());
        told.map_err(|told| told.replace(&format!("{}/", folder.display()), ""))
    };
    let wrong = budget_with(&[("limit", r#""1_000""#)]);
    assert_eq!(
        told("budgets.json", wrong.as_bytes()).unwrap_err(),
        r#"budgets.json: budget a: limit: "1_000" is not a plain decimal number"#
    );
    assert!(told("right.JSON", budget_with(&[]).as_bytes()).is_ok());
    assert_eq!(told("latin.json", b"\xff").unwrap_err(), "latin.json: is not UTF-8 text");
    assert_eq!(told("a.txt", b"").unwrap_err(), "a.txt: the name ends neither in .json nor in .toml");
    let yaml = "config.yaml: YAML is not read; write the same fields as JSON, in a file that ends in .json";
    assert_eq!(told("config.yaml", b"").unwrap_err(), yaml);
    #[cfg(not(feature = "toml"))]
    assert_eq!(told("a.toml", b"").unwrap_err(), "a.toml: TOML is read with the feature \"toml\"");
    let missing = Policy::from_path(folder.join("missing.json")).unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::Unreadable);
    assert!(std::error::Error::source(&missing).is_some());
    std::fs::remove_dir_all(&folder).expect("the test's own folder");
}
