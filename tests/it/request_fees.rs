//! Is a request held for the fees, the second readings and the other models that a switch in it asks for?

use serde_json::{Value, json};
use token_budget::pricing::PriceRow;
use token_budget::tokens::RequestShape;
use token_budget::usage::Unit;
use token_budget::{Budget, Call, Decision, Enforcer, Policy, PricingTable, Usd, Window};

use crate::support::{team, usd};

const ROWS: &str = r#"[
    {"provider": "own", "model": "plain", "standard": {"input": "1", "output": "1"}},
    {"provider": "own", "model": "dear", "context_tokens": 100000, "standard": {"input": "10", "output": "10"}},
    {"provider": "own", "model": "searching", "standard": {"input": "0", "output": "0.000001", "web_search": "0.01",
        "code_execution": "0.03"},
        "search_context": {"low": "0.005", "medium": "0.01", "high": "0.03"}},
    {"provider": "own", "model": "sonar-pro", "standard": {"input": "0", "output": "0.000001", "web_search": "0.01"},
        "search_context": {"low": "0.006", "medium": "0.01", "high": "0.014"}},
    {"provider": "own", "model": "sonar-deep-research", "standard": {"input": "0", "output": "0.000001",
        "citation": "2", "web_search": "0.005"}},
    {"provider": "own", "model": "ocr", "complete": true, "standard": {"page": "0.002", "annotated_page": "0.003"}},
    {"provider": "google", "model": "gemini-2.5-flash", "standard": {"input": "0", "output": "0.000001",
        "web_search": "0.035", "maps_search": "0.025"}},
    {"provider": "vertex_ai", "model": "gemini-3-flash", "standard": {"input": "0", "output": "0.000001",
        "web_search": "0.014", "maps_search": "0.025"}},
    {"provider": "anthropic", "model": "claude-opus-4-6", "context_tokens": 1000000,
        "standard": {"input": "5", "output": "25"},
        "bands": [{"above_input_tokens": 200000, "standard": {"input": "10", "output": "50"}}]}
]"#;

fn enforcer(uses: u64) -> Enforcer {
    let table = PricingTable::empty().with_rows(PriceRow::list_from_json(ROWS).unwrap()).unwrap();
    let policy = Policy::new([Budget::usd("search", team(), Usd::dollars(1_000), Window::day())]).unwrap();
    Enforcer::builder().policy(policy.with_fee_uses_assumed(uses)).prices(table).build()
}

fn call(body: &str, input: u64, output: u64) -> Call {
    let shape = RequestShape::parse(body.as_bytes()).unwrap();
    shape.describe(Call::charging().team("search")).input_tokens(input).output_tokens(output)
}

/// What is held beside the tokens of a request that reads and writes nothing.
fn fees(body: &Value) -> Usd {
    fees_of(&body.to_string(), 10)
}

fn fees_of(body: &str, uses: u64) -> Usd {
    let held = enforcer(uses).reserve(&call(body, 0, 0)).wait().unwrap();
    held.or_refusal().unwrap().quoted()
}

fn held(body: &Value, input: u64, output: u64) -> Usd {
    let held = enforcer(10).reserve(&call(&body.to_string(), input, output)).wait().unwrap();
    held.or_refusal().unwrap().quoted()
}

fn refused(body: &Value) -> Box<Decision> {
    enforcer(10).reserve(&call(&body.to_string(), 1_000, 10)).wait().unwrap().or_refusal().unwrap_err()
}

/// The advice was held at nothing, whatever it costs.
#[test]
fn a_model_that_a_tool_calls_is_held_at_its_own_price() {
    let with = |tool: Value| json!({"model": "plain", "messages": [], "tools": [tool]});
    let advisor = |more: Value| {
        let mut tool = json!({"type": "advisor_20260301", "name": "advisor", "model": "dear"});
        more.as_object().unwrap().iter().for_each(|(name, value)| tool[name] = value.clone());
        with(tool)
    };
    // 1,000 × $1 for the request itself; each advice reads it, and writes 2,048 tokens: 3,048 × $10 a million.
    for (more, uses) in [(json!({"max_uses": 2}), 2), (json!({}), 10), (json!({"max_uses": null}), 10)] {
        let held = held(&advisor(more), 1_000, 0);
        assert_eq!(held.nanos(), 1_000_000 + uses * 30_480_000, "{uses}");
    }
    // It says itself how long an advice may be.
    let long = advisor(json!({"max_uses": 1, "max_tokens": 9_000}));
    assert_eq!(held(&long, 1_000, 0), usd("0.101"));
    // Nothing reads more than it takes: 102,048 × $10.
    assert_eq!(held(&advisor(json!({"max_uses": 1})), 900_000, 0), usd("1.92048"));
    assert_eq!(held(&advisor(json!({"max_uses": 0})), 1_000, 0), usd("0.001"));
    let vendors = json!({"type": "openrouter:advisor", "parameters": {"model": "dear", "max_uses": 1}});
    assert_eq!(held(&with(vendors), 1_000, 0), usd("0.03148"));
    let unknown =
        refused(&with(json!({"type": "advisor_20260301", "name": "advisor", "model": "nobody-knows"})));
    let text = unknown.to_string();
    assert!(text.contains("no price") && text.contains("nobody-knows"), "{text}");
    // A program that reads the refusal is told the same: the call's own model has a price.
    let told = serde_json::to_value(&*unknown).unwrap();
    assert_eq!((&told["model"], &told["model_without_price"]), (&json!("plain"), &json!("nobody-knows")));
    let own = serde_json::to_value(&*refused(&json!({"model": "who", "messages": []}))).unwrap();
    assert_eq!(own["model_without_price"], "who");
    // A function of the caller's calls nobody, whatever its words are.
    for own in [
        json!({"type": "function", "function": {"name": "look", "parameters": {"properties": {"model": {}}}}}),
        json!({"name": "look", "model": "nobody-knows", "input_schema": {}}),
        json!({"type": "custom", "name": "look", "model": "nobody-knows"}),
    ] {
        assert_eq!(held(&with(own), 1_000, 0), usd("0.001"));
    }
}

#[test]
fn advice_is_held_for_as_often_as_the_policy_says() {
    let body = r#"{"model": "plain", "messages": [],
        "tools": [{"type": "advisor_20260301", "name": "advisor", "model": "dear"}]}"#;
    assert_eq!(fees_of(body, 3), usd("0.06144")); // 3 × 2,048 × $10
}

/// What another model reads counts in budgets of tokens as well, and leaves less room for the answer.
#[test]
fn advice_takes_room_in_every_budget_and_a_refusal_names_it() {
    let call = Call::new("plain").team("search").input_tokens(1_000).output_tokens(10).may_consult("dear", 2);
    let table = PricingTable::empty().with_rows(PriceRow::list_from_json(ROWS).unwrap()).unwrap();
    let within = |budget: Budget| {
        let policy = Policy::new([budget]).unwrap();
        let enforcer = Enforcer::builder().policy(policy).prices(table.clone()).build();
        enforcer.reserve(&call).wait().unwrap().or_refusal()
    };
    // 1,000 + 2 × 1,000 tokens in, 10 + 2 × 2,048 out.
    for (unit, needed) in [(Unit::TokensInput, 3_000), (Unit::TokensOutput, 4_106), (Unit::Tokens, 7_106)] {
        let of = |limit| Budget::count("tokens", team(), unit.clone(), limit, Window::day());
        assert!(within(of(needed)).is_ok(), "{unit:?}");
        assert!(within(of(needed - 1)).is_err(), "{unit:?}");
    }
    // $0.001 for the input, 2 × $0.03048 for the advice: the last $0.00002 buy 20 tokens of output.
    let of = |limit: &str| Budget::usd("dollars", team(), usd(limit), Window::day());
    assert!(within(of("0.06197")).is_ok());
    let refused = within(of("0.061965")).unwrap_err();
    assert_eq!(refused.affordable_output_tokens(), Some(5));
    let text = refused.to_string();
    assert!(text.contains("the call is held for 2 × dear, which reads the input: 0.06096 USD"), "{text}");
}

#[test]
fn a_switch_that_lets_a_model_search_is_held_for_its_searches() {
    let with = |field: &str, value: Value| {
        let mut body = json!({"model": "searching", "messages": []});
        body[field] = value;
        fees(&body)
    };
    for (field, value, searches) in [
        ("search_parameters", json!({}), 20),
        ("search_parameters", json!({"mode": "off"}), 0),
        ("search_parameters", json!({"max_search_results": 3}), 3),
        ("search_parameters", json!({"max_search_results": "30"}), 30),
        ("enable_search", json!(true), 1),
        ("enable_search", json!(false), 0),
        ("enableSearch", json!(true), 1),
        ("parameters", json!({"enable_search": true}), 1),
        ("web_search_options", json!({}), 1),
    ] {
        assert_eq!(with(field, value.clone()).nanos(), searches * 10_000_000, "{field} {value}");
    }
    // Who searches by itself as often as it likes is held for ten.
    let agent =
        json!({"model": "searching", "enable_search": true, "search_options": {"search_strategy": "agent"}});
    assert_eq!(fees(&agent), usd("0.1"));
}

/// The size of a search was not read: the largest was held at two thirds of its fee.
#[test]
fn a_search_is_held_at_the_fee_of_its_size() {
    let body =
        |size: &str| json!({"model": "searching", "web_search_options": {"search_context_size": size}});
    assert_eq!(fees(&body("high")), usd("0.03"));
    assert_eq!(fees(&body("medium")), usd("0.01"));
    assert_eq!(fees(&body("low")), usd("0.005"));
    let tool = json!({"type": "web_search", "search_context_size": "high"});
    assert_eq!(fees(&json!({"model": "searching", "max_tool_calls": 2, "tools": [tool]})), usd("0.06"));
    assert_eq!(fees(&json!({"model": "sonar-pro", "messages": []})), usd("0.01"));
    let high = json!({"model": "sonar-pro", "web_search_options": {"search_context_size": "high"}});
    assert_eq!(fees(&high), usd("0.014"));
    // Perplexity's search in several steps costs up to three times as much.
    let pro = json!({"model": "sonar-pro", "web_search_options": {"search_type": "pro"}});
    assert_eq!(fees(&pro), usd("0.03"));
}

#[test]
fn sources_that_are_billed_by_the_token_are_held_for() {
    // Ten searches at half a cent, and ten times 10,000 tokens of sources at $2 a million.
    assert_eq!(fees(&json!({"model": "sonar-deep-research", "messages": []})), usd("0.25"));
}

/// A sandbox of sixty-four gigabytes was held as one of a single gigabyte.
#[test]
fn a_sandbox_is_held_by_its_size_and_so_is_a_shell_of_the_providers() {
    let with = |tool: Value| fees(&json!({"model": "searching", "input": "hi", "tools": [tool]}));
    for (memory, held) in [("1g", "0.03"), ("4g", "0.12"), ("16g", "0.48"), ("64g", "1.92"), ("65g", "1.92")]
    {
        let container = json!({"type": "auto", "memory_limit": memory});
        assert_eq!(with(json!({"type": "code_interpreter", "container": container})), usd(held), "{memory}");
        let environment = json!({"type": "container_auto", "memory_limit": memory});
        assert_eq!(with(json!({"type": "shell", "environment": environment})), usd(held), "{memory}");
    }
    assert_eq!(with(json!({"type": "code_interpreter", "container": {"type": "auto"}})), usd("0.03"));
    assert_eq!(with(json!({"type": "shell", "environment": {"type": "container_auto"}})), usd("0.03"));
    assert_eq!(with(json!({"type": "shell", "environment": {"type": "local"}})), Usd::ZERO);
    assert_eq!(with(json!({"type": "shell"})), Usd::ZERO);
}

/// Where a model has no price but that of a page, a book of nobody knows how many is held for one.
#[test]
fn a_document_is_held_for_the_pages_that_it_names() {
    let document = json!({"document_url": "https://example.com/book.pdf"});
    let book = json!({"model": "ocr", "document": document});
    assert_eq!(fees(&book), usd("0.002"));
    let annotated =
        json!({"model": "ocr", "document": document, "document_annotation_format": {"type": "text"}});
    assert_eq!(fees(&annotated), usd("0.005"));
    let named = json!({"model": "ocr", "document": document, "pages": [0, 1, 2]});
    assert_eq!(fees(&named), usd("0.006"));
    assert_eq!(fees(&json!({"model": "ocr", "document": {"image_url": "u"}})), usd("0.002"));
    let held = enforcer(10).reserve(&call(&book.to_string(), 0, 0)).wait().unwrap().or_refusal().unwrap();
    assert_eq!(held.decision().fees()[0].to_string(), "1 × page, assumed: 0.002 USD");
}

/// Ten were held for what is billed once an answer.
#[test]
fn google_bills_one_search_an_answer_before_gemini_3() {
    let with =
        |model: &str, tool: &str| fees(&json!({"model": model, "contents": [], "tools": [{tool: {}}]}));
    assert_eq!(with("gemini-2.5-flash", "google_search"), usd("0.035"));
    assert_eq!(with("gemini-2.5-flash", "googleMaps"), usd("0.025"));
    assert_eq!(with("gemini-3-flash", "google_search"), usd("0.14"));
    let body = json!({"model": "gemini-2.5-flash", "contents": [], "tools": [{"google_search": {}}]});
    let held = enforcer(10).reserve(&call(&body.to_string(), 0, 0)).wait().unwrap().or_refusal().unwrap();
    assert!(!held.decision().fees()[0].assumed);
}

/// A conversation that is shortened on the way is read whole once more, and was held for once.
#[test]
fn an_input_that_may_be_compacted_is_held_twice_where_the_request_asks_for_it() {
    let with =
        |edits: Value| json!({"model": "claude-opus-4-6", "messages": [], "context_management": edits});
    let compact = |trigger: Value| with(json!({"edits": [{"type": "compact_20260112", "trigger": trigger}]}));
    let sixty = json!({"type": "input_tokens", "value": 60_000});
    // Each reading at the rates of its own length: 2 × 150,000 × $5, and a summary of 4,096 × $25 a million.
    assert_eq!(held(&compact(sixty.clone()), 150_000, 0), usd("1.6024"));
    assert_eq!(held(&compact(Value::Null), 150_000, 0), usd("1.6024"));
    // What is shorter is not compacted.
    assert_eq!(held(&compact(sixty), 59_999, 0), usd("0.299995"));
    assert_eq!(held(&compact(Value::Null), 149_999, 0), usd("0.749995"));
    let cleared = with(json!({"edits": [{"type": "clear_tool_uses_20250919"}]}));
    assert_eq!(held(&cleared, 150_000, 0), usd("0.75"));
    // The same at OpenAI.
    let responses = json!({"model": "claude-opus-4-6", "input": [],
        "context_management": [{"type": "compaction", "compact_threshold": 100_000}]});
    assert_eq!(held(&responses, 100_000, 0), usd("1.1024"));
    assert_eq!(held(&responses, 99_999, 0), usd("0.499995"));
}

/// The last of two words was read here, and the first may be read there.
#[test]
fn of_two_members_of_one_name_in_a_tool_nothing_is_overlooked() {
    let with =
        |tool: &str| fees_of(&format!(r#"{{"model": "searching", "input": "hi", "tools": [{tool}]}}"#), 10);
    for tool in [
        r#"{"type": "web_search", "type": "function", "name": "look"}"#,
        r#"{"type": "function", "type": "web_search", "name": "look"}"#,
        r#"{"type": "web_search_20250305", "max_uses": 20, "max_uses": null, "max_uses": 1}"#,
        r#"{"type": "function", "typ\u0065": "web_search"}"#,
    ] {
        assert!(with(tool) >= usd("0.1"), "{tool}");
    }
    // The reading of what is found, and each description, is in the estimate, whichever the provider takes.
    let tokens = |tool: &str| {
        let body = format!(r#"{{"model": "gpt-4o", "input": "hi", "tools": [{tool}]}}"#);
        let prompt = RequestShape::parse(body.as_bytes()).unwrap().prompt;
        use token_budget::TokenEstimator;
        token_budget::tokens::FamilyEstimator::new().bound("gpt-4o", &prompt).tokens
    };
    let long = "a long description of many words ".repeat(100);
    let table = [
        r#"{"type": "web_search", "type": "function", "name": "look", "parameters": {}}"#.to_owned(),
        format!(
            r#"{{"type": "function", "name": "look", "description": "{long}", "description": "", "parameters": {{}}}}"#
        ),
        format!(r#"{{"type": "function", "name": "{long}", "name": "look", "parameters": {{}}}}"#),
        format!(
            r#"{{"function": {{"name": "look", "description": "{long}"}}, "function": {{"name": "look"}}}}"#
        ),
    ];
    for tool in table {
        assert!(tokens(&tool) > 500, "{tool:.120}");
    }
}
