//! Do the bundled figures agree with the publication they were taken from?
//!
//! Needs `TOKEN_BUDGET_DATA`: a directory with `pricing/litellm-1.109.1.model_prices.json.gz`
//! and golden costs computed from it.

use std::collections::HashMap;
use std::io::Read;
use std::path::PathBuf;

use flate2::read::GzDecoder;
use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::*;

type Published = HashMap<String, HashMap<String, Box<RawValue>>>;

fn published(file: &str) -> Option<String> {
    let directory = PathBuf::from(std::env::var_os("TOKEN_BUDGET_DATA")?);
    let bytes = std::fs::read(directory.join("pricing").join(file)).expect("the data directory has the file");
    let mut text = String::new();
    GzDecoder::new(bytes.as_slice()).read_to_string(&mut text).expect("gzip");
    Some(text)
}

/// The bundled price of a LiteLLM key, where its provider's prices are tokens at all hours.
fn bundled_key<'a>(table: &'a PricingTable, provider: &str, key: &str) -> Option<&'a Arc<ModelPrice>> {
    const PROVIDERS: [&str; 11] = [
        "openai",
        "anthropic",
        "gemini",
        "mistral",
        "xai",
        "groq",
        "cohere",
        "together_ai",
        "fireworks_ai",
        "moonshot",
        "zai",
    ];
    PROVIDERS.contains(&provider).then(|| table.find(Some(provider), key, NOW))?
}

fn decimal(raw: &RawValue) -> Decimal {
    let text = raw.get();
    Decimal::from_scientific(text).or_else(|_| Decimal::from_str_exact(text)).expect("a number")
}

#[test]
fn the_bundled_rates_are_the_published_ones() {
    for (version, models_min, figures_min) in [("1.75.3", 100, 250), ("1.109.1", 600, 2_000)] {
        let Some(text) = published(&format!("litellm-{version}.model_prices.json.gz")) else {
            println!("skipped: TOKEN_BUDGET_DATA is not set");
            return;
        };
        let (models, figures) = compared_with(&serde_json::from_str(&text).expect("a table"), version);
        println!("{version}: {figures} figures of {models} models agree");
        assert!(models >= models_min && figures >= figures_min, "only {figures} figures of {models} models");
    }
}

/// Compares every bundled rate of that version; how many models and figures there were.
fn compared_with(rows: &Published, version: &str) -> (usize, usize) {
    let table = PricingTable::bundled();
    let (mut models, mut figures) = (0, 0);
    for (key, row) in rows {
        let text_of = |field: &str| row.get(field).map_or("", |raw| raw.get().trim_matches('"'));
        if !matches!(text_of("mode"), "chat" | "responses") {
            continue;
        }
        let Some(price) = bundled_key(&table, text_of("litellm_provider"), key) else { continue };
        if price.source().version() != Some(version) {
            continue;
        }
        models += 1;
        for (field, raw) in row {
            if let Some((meter, input, tier)) = meaning(field, price.provider()) {
                let rate = price.rate(meter, input, &Conditions::new().with_tier(tier));
                let expected = decimal(raw) * Decimal::from(1_000_000);
                assert_eq!(rate, Some(expected.normalize()), "{key}: {field}");
                figures += 1;
            }
        }
    }
    (models, figures)
}

/// What a published field prices: the meter, an input to which it applies, the tier.
fn meaning(field: &str, provider: &str) -> Option<(Meter, u64, ServiceTier)> {
    let (field, tier) = [
        ("_batches", ServiceTier::Batch),
        ("_flex", ServiceTier::Flex),
        ("_priority", ServiceTier::Priority),
    ]
    .into_iter()
    .find_map(|(suffix, tier)| field.strip_suffix(suffix).map(|field| (field, tier)))
    .unwrap_or((field, ServiceTier::Standard));
    let long = |field: &str| {
        let (name, above) = field.strip_suffix("k_tokens")?.rsplit_once("_above_")?;
        Some((name.to_owned(), above.parse::<u64>().ok()? * 1_000 + 1))
    };
    let (name, input) = long(field).unwrap_or_else(|| (field.to_owned(), 0));
    let meter = match name.as_str() {
        "input_cost_per_token" => Meter::Input,
        "output_cost_per_token" => Meter::Output,
        // Published for the standard tier alone; equal to output throughout.
        "output_cost_per_reasoning_token" => Meter::Reasoning,
        "cache_read_input_token_cost" => Meter::CachedInput,
        "cache_creation_input_token_cost" => Meter::CacheWrite5m,
        "cache_creation_input_token_cost_above_1hr" => Meter::CacheWrite1h,
        "cache_creation_input_token_cost_above_12hr" if provider == "openai" => Meter::CacheWrite1h,
        _ => return None,
    };
    Some((meter, input, tier))
}

#[derive(Deserialize)]
struct Golden {
    key: String,
    provider: String,
    service_tier: Option<String>,
    usage: HashMap<String, u64>,
    total_usd: String,
}

#[test]
fn published_usages_cost_what_was_published() {
    let Some(text) = published("golden-litellm-1.109.1.jsonl.gz") else {
        println!("skipped: TOKEN_BUDGET_DATA is not set");
        return;
    };
    let table = PricingTable::bundled();
    let mut compared = 0;
    for line in text.lines() {
        let golden: Golden = serde_json::from_str(line).expect("a golden line");
        let Some(price) = bundled_key(&table, &golden.provider, &golden.key) else { continue };
        let tier = match golden.service_tier.as_deref() {
            None => ServiceTier::Standard,
            Some(word) => ServiceTier::named(word).expect("a tier of the table"),
        };
        let of = |name: &str| golden.usage.get(name).copied().unwrap_or(0);
        let long_write = of("cache_write_1h") + of("cache_write_12h");
        let usage = Usage::of(of("input_total"), of("output_total"))
            .with_cached_input(of("cache_read"))
            .with_cache_write_1h(long_write)
            .with_cache_write_5m(of("cache_write") - long_write)
            .with_reasoning(of("reasoning"));
        let cost = price.cost(&usage, &Conditions::new().with_tier(tier)).expect("priced").total();
        let exact = Decimal::from_str_exact(&golden.total_usd).expect("a decimal");
        assert_eq!(cost, Usd::from_decimal_rounded_up(exact).expect("fits"), "{line}");
        compared += 1;
    }
    assert!(compared > 100, "only {compared} costs were compared");
}
