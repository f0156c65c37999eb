//! Does a call cost what public tables say, and does a price that is kept end when another begins?

use std::path::PathBuf;

use token_budget::call::ServiceTier;
use token_budget::decision::RefusalKind;
use token_budget::ledger::Tenant;
use token_budget::pricing::{Import, PriceFactor, PriceRow, PriceSource, Rates, TimeRates};
use token_budget::wire::extract;
use token_budget::{Budget, BudgetLedger, Call, Policy, PricingTable, Usage, Usd, Window};

use crate::support::{House, at, call, ready, team, usd};

// The tool's own code, so that what it says is what is tested.
#[allow(dead_code, reason = "its main is not called")]
#[path = "../../examples/check_prices.rs"]
mod check_prices;

/// A file of the data directory; `None` where there is none.
fn data(file: &str) -> Option<String> {
    let Some(directory) = std::env::var_os("TOKEN_BUDGET_DATA") else {
        println!("skipped: TOKEN_BUDGET_DATA is not set");
        return None;
    };
    Some(PathBuf::from(directory).join("pricing").join(file).display().to_string())
}

fn every_cost_is_exact(table: &str, golden: &str, costs: usize) {
    let Some((table, golden)) = data(table).zip(data(golden)) else { return };
    let checked = check_prices::check(&table, &golden).unwrap();
    assert!(checked.disagreements.is_empty(), "{:#?}", checked.disagreements);
    assert_eq!(checked.all, costs);
}

#[test]
fn every_golden_cost_of_litellm_is_exact() {
    every_cost_is_exact("litellm-1.109.1.model_prices.json.gz", "golden-litellm-1.109.1.jsonl.gz", 2_473);
}

#[test]
fn every_golden_cost_of_genai_prices_is_exact() {
    every_cost_is_exact("genai-prices-0.2.3.providers.json.gz", "golden-genai-prices-0.2.3.jsonl.gz", 1_236);
}

#[test]
fn every_real_table_is_taken_in_and_every_entry_accounted_for() {
    // Entries as counted in the files themselves, and how many of them carry a price that is understood.
    for (file, entries, models) in [
        ("litellm-1.75.3.model_prices.json.gz", 1_298, 1_190),
        ("litellm-1.109.1.model_prices.json.gz", 4_553, 4_395),
        ("genai-prices-2026-08-21.v2.data.json.gz", 1_466, 1_466),
        ("genai-prices-0.2.3.providers.json.gz", 2_330, 2_330),
    ] {
        let Some(path) = data(file) else { return };
        let import = Import::read(&std::fs::read(path).unwrap()).unwrap();
        let report = import.report();
        println!("{file}: {report}");
        assert_eq!(report.models() + report.skipped().len(), entries, "{file}");
        assert_eq!(report.models(), models, "{file}");
        let table = PricingTable::empty().with_import(PriceSource::new(file), &import).unwrap();
        assert_eq!(table.prices().count(), report.rows(), "{file}");
    }
}

/// A model at 4 USD a million output tokens, and at 1 between 16:30 and 00:30 UTC.
fn by_the_hour() -> PricingTable {
    let night = TimeRates::daily(["16:30-00:30"], Rates::per_million("1", "1").unwrap());
    let row = PriceRow::new("acme", "sleepy")
        .with_rates(ServiceTier::Standard, Rates::per_million("4", "4").unwrap())
        .with_times(night);
    PricingTable::empty().with_rows([row]).unwrap()
}

fn monthly() -> Policy {
    Policy::new([Budget::usd("search", team(), Usd::dollars(100), Window::month())]).unwrap()
}

#[test]
fn a_price_that_is_kept_ends_at_the_edge_of_its_hours() {
    let house = House::with(monthly(), |builder| builder.prices(by_the_hour()));
    let million = call("sleepy", 1_000_000);
    let quoted = |time: &str| {
        house.go_to(time);
        house.admit(&million).quoted()
    };
    // Each is asked twice and more, so that the second answer comes from what was kept.
    for _ in 0..3 {
        assert_eq!(quoted("2026-11-02T16:29:59.999999999Z"), usd("4"));
    }
    for _ in 0..3 {
        assert_eq!(quoted("2026-11-02T16:30:00Z"), usd("1"));
    }
    assert_eq!(quoted("2026-11-03T00:29:59.999999999Z"), usd("1"));
    assert_eq!(quoted("2026-11-03T00:30:00Z"), usd("4"));
}

#[test]
fn a_charge_is_made_at_the_price_of_its_reserve() {
    let house = House::with(monthly(), |builder| builder.prices(by_the_hour()));
    house.go_to("2026-11-02T16:29:00Z");
    let sent = house.admit(&call("sleepy", 1_000_000)).send();
    house.go_to("2026-11-02T16:31:00Z");
    let receipt = sent.reconcile(Usage::of(0, 1_000_000)).wait().unwrap();
    assert_eq!(receipt.cost(), usd("4"));
    assert_eq!(receipt.cost_by_table().unwrap().total(), usd("4"));
}

#[test]
fn a_prepared_charge_set_sees_the_edge_too() {
    let house = House::with(monthly(), |builder| builder.prices(by_the_hour()));
    house.go_to("2026-11-02T16:29:59Z");
    let prepared = house.enforcer.prepare(&call("sleepy", 0)).unwrap();
    let quoted = || prepared.reserve(0, 1_000_000).wait().unwrap().or_refusal().unwrap().quoted();
    assert_eq!(quoted(), usd("4"));
    house.go_to("2026-11-02T16:30:00Z");
    assert_eq!(quoted(), usd("1"));
}

/// Four dollars a million, and from December on 15 percent less.
fn discounted() -> PricingTable {
    let row = PriceRow::new("acme", "steady");
    let row = row.with_rates(ServiceTier::Standard, Rates::per_million("4", "4").unwrap());
    let contract = PriceFactor::new("0.85".parse().unwrap()).named("contract 2026/17");
    let table = PricingTable::empty().with_rows([row]).unwrap();
    table.with_factor(&contract.with_from(at("2026-12-01T00:00:00Z"))).unwrap()
}

#[test]
fn a_discount_begins_for_quotes_charges_and_kept_plans_and_each_charge_remembers_it() {
    let policy = Policy::new([Budget::usd("search", team(), Usd::dollars(100), Window::lifetime())]).unwrap();
    let house = House::with(policy, |builder| builder.prices(discounted()));
    let million = call("steady", 1_000_000);
    house.go_to("2026-11-30T23:59:59.999999999Z");
    let prepared = house.enforcer.prepare(&call("steady", 0)).unwrap();
    let quoted = || prepared.reserve(0, 1_000_000).wait().unwrap().or_refusal().unwrap().quoted();
    // Each is asked twice and more, so that the second answer comes from what was kept.
    for _ in 0..3 {
        assert_eq!((house.admit(&million).quoted(), quoted()), (usd("4"), usd("4")));
        assert_eq!(house.enforcer.quote(&million).unwrap(), Some(usd("4")));
    }
    let sent = house.admit(&million).send();
    house.go_to("2026-12-01T00:00:00Z");
    for _ in 0..3 {
        assert_eq!((house.admit(&million).quoted(), quoted()), (usd("3.4"), usd("3.4")));
        assert_eq!(house.enforcer.quote(&million).unwrap(), Some(usd("3.4")));
    }
    // A call of November is charged at November's price, and December's at its own.
    assert_eq!(sent.reconcile(Usage::of(0, 1_000_000)).wait().unwrap().cost(), usd("4"));
    let receipt = house.admit(&million).send().reconcile(Usage::of(500_000, 1_000_000)).wait().unwrap();
    assert_eq!(receipt.cost(), usd("5.1")); // 1.5 million × 4 × 0.85
    let entries = ready(house.ledger.entries(&Tenant::unnamed(), 0, 1_000)).unwrap();
    let named = entries.iter().filter_map(|entry| entry.note.about.as_ref());
    let mut versions: Vec<_> = named.map(|about| about.price.to_string()).collect();
    versions.sort();
    versions.dedup();
    assert_eq!(versions, ["own rows  ", "own rows × 0.85 (contract 2026/17)"]);
}

#[test]
fn a_cost_that_the_seller_reports_is_charged_as_it_stands() {
    let row = PriceRow::new("openrouter", "m");
    let row = row.with_rates(ServiceTier::Standard, Rates::per_million("1", "1").unwrap());
    let premium = PriceFactor::new("1.10".parse().unwrap());
    let table = PricingTable::empty().with_rows([row]).unwrap().with_factor(&premium).unwrap();
    let house = House::with(monthly(), |builder| builder.prices(table));
    let charged = |usage: &str| {
        let body = format!(r#"{{"id": "a", "model": "m", "usage": {usage}}}"#);
        let sent = house.admit(&call("m", 1_000_000).provider("openrouter")).send();
        sent.reconcile(extract(Some("openrouter"), body.as_bytes(), []).unwrap()).wait().unwrap().cost()
    };
    assert_eq!(charged(r#"{"prompt_tokens": 0, "completion_tokens": 1000000, "cost": 1.05}"#), usd("1.05"));
    assert_eq!(charged(r#"{"prompt_tokens": 0, "completion_tokens": 1000000}"#), usd("1.10"));
}

#[test]
fn a_model_that_a_table_lists_without_a_price_is_refused_as_unpriced() {
    let text =
        r#"[{"id": "acme", "models": [{"id": "mystery", "match": {"equals": "mystery"}, "prices": {}}]}]"#;
    let import = Import::read(text.as_bytes()).unwrap();
    let table = PricingTable::empty().with_import(PriceSource::new("fixture"), &import).unwrap();
    assert!(table.find(Some("acme"), "mystery", at("2026-11-02T00:00:00Z")).is_some());
    let house = House::with(monthly(), |builder| builder.prices(table));
    let decision = house.refuse(&Call::new("mystery").team("search").output_tokens(10));
    assert_eq!(decision.refusals()[0].kind, RefusalKind::Unpriced);
}
