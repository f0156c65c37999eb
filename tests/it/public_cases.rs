//! Are the cases after public bug reports charged as they should be? Needs `$TOKEN_BUDGET_DATA/cases/public`,
//! and says so where it is not there.

use std::fs;
use std::path::{Path, PathBuf};

use rust_decimal::Decimal;
use token_budget::call::{Conditions, ServiceTier};
use token_budget::ledger::Certainty;
use token_budget::usage::Meter;
use token_budget::wire::{StreamMeter, UsageReport, extract};
use token_budget::{Budget, Call, Enforcer, Policy, PricingTable, Receipt, Scope, Usd, Window};

use crate::support::{at, usd};

/// The folder of the cases, where there is one.
fn folder() -> Option<PathBuf> {
    let data = std::env::var_os("TOKEN_BUDGET_DATA")?;
    let folder = Path::new(&data).join("cases/public");
    folder.join("cases.json").is_file().then_some(folder)
}

#[test]
fn every_public_case_on_usage_is_charged_as_it_should_be() {
    let Some(folder) = folder() else {
        println!("skipped: TOKEN_BUDGET_DATA names no folder with cases/public");
        return;
    };
    let cases: serde_json::Value =
        serde_json::from_slice(&fs::read(folder.join("cases.json")).unwrap()).unwrap();
    let mut asked = 0;
    for case in cases["cases"].as_array().unwrap() {
        let body = || fs::read(folder.join(case["file"].as_str().unwrap())).unwrap();
        let expected = |name: &str| case["expect"][name].clone();
        let money = || usd(expected("usd").as_str().unwrap());
        match case["id"].as_str().unwrap() {
            "a1" | "f1" | "f3" => {
                let report = extract(None, &body(), []).unwrap();
                assert_eq!(priced(&report), money(), "{case}");
                figures(&report, case);
            }
            "a2" => {
                let mut meter = StreamMeter::new(None);
                meter.push(&body());
                let report = meter.finish();
                assert_eq!(priced(&report), money(), "{case}");
                figures(&report, case);
            }
            "c1" => {
                let receipt = charged(None, "gpt-5", 38_829, 1_000, &body());
                assert_eq!(
                    (receipt.cost(), receipt.certainty()),
                    (usd("0.04863625"), Certainty::Estimated),
                    "{case}"
                );
            }
            "d1" => {
                let receipt = charged(Some("openrouter"), "claude-sonnet-4-5", 9_171, 1_000, &body());
                assert_eq!(receipt.cost(), usd("0.0360795"), "{case}");
            }
            "e1" | "e2" => {
                let report = extract(None, &body(), []).unwrap();
                let answers = u64::try_from(report.lines.len()).unwrap();
                assert_eq!(Some(answers), expected("answers").as_u64(), "{case}");
                assert_eq!(priced(&report), money(), "{case}");
                assert!(report.lines.iter().all(|line| line.id.is_some()), "{report:?}");
            }
            "g1" => a_fast_answer_without_a_price_is_charged_as_held(&body(), case),
            "h1" => {
                let report = extract(None, &body(), []).unwrap();
                assert_eq!(report.usage().unwrap().count(Meter::WebSearch), Some(2), "{case}");
                let receipt = charged(None, "gpt-5-mini", 1_000, 1_000, &body());
                // 1,000 × $0.25 and 1,000 × $2 a million, as held, and two searches at a cent.
                assert_eq!(
                    (receipt.cost(), receipt.certainty()),
                    (usd("0.02225"), Certainty::Estimated),
                    "{case}"
                );
            }
            // Other areas have tests of their own.
            _ => continue,
        }
        asked += 1;
    }
    assert!(asked >= 10, "{asked} cases were asked");
}

/// `claude-opus-4-6` answered faster than its price row knows.
fn a_fast_answer_without_a_price_is_charged_as_held(body: &[u8], case: &serde_json::Value) {
    let report = extract(None, body, []).unwrap();
    assert_eq!(report.tier(), Some(ServiceTier::Fast), "{case}");
    let price = PricingTable::bundled();
    let price = price.find(None, "claude-opus-4-6", at("2026-11-22T12:00:00Z")).unwrap();
    let fast = Conditions::new().with_tier(ServiceTier::Fast);
    assert!(!price.cost(&report.usage().unwrap(), &fast).unwrap().is_complete(), "{case}");
    let receipt = charged(None, "claude-opus-4-6", 3_000, 100, body);
    assert_eq!(receipt.certainty(), Certainty::Estimated, "{case}");
}

/// The figures that a case names beside its sum.
fn figures(report: &UsageReport, case: &serde_json::Value) {
    let usage = report.usage().unwrap();
    for (name, meter) in [
        ("input", Meter::Input),
        ("cached_input", Meter::CachedInput),
        ("output", Meter::Output),
        ("web_search", Meter::WebSearch),
        ("maps_search", Meter::MapsSearch),
    ] {
        if let Some(count) = case["expect"][name].as_u64() {
            assert_eq!(usage.count(meter), Some(count), "{name} of {case}");
        }
    }
}

/// Each line at the price of its own model, by the bundled table.
fn priced(report: &UsageReport) -> Usd {
    let table = PricingTable::bundled();
    let sum = report.lines.iter().map(|line| {
        let model = line.model.as_deref().or(report.model.as_deref()).unwrap();
        let price = table.find(None, model, at("2026-11-22T12:00:00Z")).expect(model);
        let cost = price.cost(&line.usage, &Conditions::new()).unwrap();
        assert!(cost.is_complete(), "{line:?}");
        Decimal::new(cost.total().nanos(), 9)
    });
    Usd::from_decimal_rounded_up(sum.sum()).unwrap()
}

/// What a call is charged that was answered so.
fn charged(provider: Option<&str>, model: &str, input: u64, output: u64, body: &[u8]) -> Receipt {
    let scope = Scope::team("search").unwrap();
    let policy = Policy::new([Budget::usd("search", scope, Usd::dollars(100), Window::day())]).unwrap();
    let enforcer = Enforcer::builder().policy(policy).build();
    let call = Call::new(model).team("search").input_tokens(input).output_tokens(output);
    let in_flight = enforcer.reserve(&call).wait().unwrap().or_refusal().unwrap().send();
    in_flight.reconcile(extract(provider, body, []).unwrap()).wait().unwrap()
}
