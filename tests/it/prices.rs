//! Does a call cost what public tables say, and does a price that is kept end when another begins?

use std::path::PathBuf;

use token_budget::pricing::{Import, TimeRates};
use token_budget::{
    Budget, Call, Policy, PriceRow, PriceSource, PricingTable, Rates, RefusalKind, ServiceTier, Usage, Usd,
    Window,
};

use crate::support::{House, at, call, team, usd};

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
    let receipt = sent.reconcile_now(Usage::of(0, 1_000_000)).unwrap();
    assert_eq!(receipt.cost(), usd("4"));
    assert_eq!(receipt.cost_by_table().unwrap().total(), usd("4"));
}

#[test]
fn a_prepared_charge_set_sees_the_edge_too() {
    let house = House::with(monthly(), |builder| builder.prices(by_the_hour()));
    house.go_to("2026-11-02T16:29:59Z");
    let prepared = house.enforcer.prepare(&call("sleepy", 0)).unwrap();
    let quoted = || prepared.reserve_now(0, 1_000_000).unwrap().or_refusal().unwrap().quoted();
    assert_eq!(quoted(), usd("4"));
    house.go_to("2026-11-02T16:30:00Z");
    assert_eq!(quoted(), usd("1"));
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
