//! Is a request held for the fees, the second readings and the other models that a switch in it asks for?

use serde_json::{Value, json};
use token_budget::{Budget, Call, Enforcer, Policy, PriceRow, PricingTable, RequestShape, Usd, Window};

use crate::support::{team, usd};

const ROWS: &str = r#"[
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
        "web_search": "0.014", "maps_search": "0.025"}}
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
    let held = enforcer(uses).reserve_now(&call(body, 0, 0)).unwrap();
    held.or_refusal().unwrap().quoted()
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

/// A book was held for its first page.
#[test]
fn a_document_of_nobody_knows_how_many_pages_is_held_for_ten() {
    let document = json!({"document_url": "https://example.com/book.pdf"});
    let book = json!({"model": "ocr", "document": document});
    assert_eq!(fees(&book), usd("0.02"));
    assert_eq!(fees_of(&book.to_string(), 300), usd("0.6"));
    let annotated =
        json!({"model": "ocr", "document": document, "document_annotation_format": {"type": "text"}});
    assert_eq!(fees(&annotated), usd("0.05"));
    assert_eq!(fees(&json!({"model": "ocr", "document": document, "pages": [0]})), usd("0.002"));
    assert_eq!(fees(&json!({"model": "ocr", "document": {"image_url": "u"}})), usd("0.002"));
    let held = enforcer(10).reserve_now(&call(&book.to_string(), 0, 0)).unwrap().or_refusal().unwrap();
    assert_eq!(held.decision().fees()[0].to_string(), "10 × page, assumed: 0.02 USD");
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
    let held = enforcer(10).reserve_now(&call(&body.to_string(), 0, 0)).unwrap().or_refusal().unwrap();
    assert!(!held.decision().fees()[0].assumed);
}

/// The last of two words was read here, and the first may be read there.
#[test]
fn of_two_members_of_one_name_in_a_tool_nothing_is_overlooked() {
    let with =
        |tool: &str| fees_of(&format!(r#"{{"model": "searching", "input": "hi", "tools": [{tool}]}}"#), 10);
    for tool in [
        r#"{"type": "web_search", "type": "function", "name": "look"}"#,
        r#"{"type": "function", "type": "web_search", "name": "look"}"#,
        r#"{"type": "web_search", "max_uses": 20, "max_uses": null, "max_uses": 1}"#,
        r#"{"type": "function", "typ\u0065": "web_search"}"#,
    ] {
        assert!(with(tool) >= usd("0.1"), "{tool}");
    }
    // The reading of what is found, and each description, is in the estimate, whichever the provider takes.
    let tokens = |tool: &str| {
        let body = format!(r#"{{"model": "gpt-4o", "input": "hi", "tools": [{tool}]}}"#);
        let prompt = RequestShape::parse(body.as_bytes()).unwrap().prompt;
        use token_budget::TokenEstimator;
        token_budget::FamilyEstimator::new().bound("gpt-4o", &prompt).tokens
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
