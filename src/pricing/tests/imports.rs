//! Is a public table read as it means, and a damaged one not at all?

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;

/// A table of invented models in LiteLLM's form, with one of each condition.
const LITELLM: &str = r#"{
  "sample_spec": {"litellm_provider": "one of many", "input_cost_per_token": 0.0},
  "acme/long": {"litellm_provider": "acme", "mode": "chat", "max_input_tokens": 1000000, "max_output_tokens": 8192.0,
    "input_cost_per_token": 1e-06, "output_cost_per_token": 5.0000000000000004e-08,
    "cache_creation_input_token_cost": 1.25e-6, "cache_creation_input_token_cost_above_1hr": 2E-6,
    "input_cost_per_token_above_200k_tokens": 2e-06, "input_cost_per_token_batches": 5e-07,
    "input_cost_per_token_above_200k_tokens_batches": 1e-06, "output_cost_per_pixel": 1e-9,
    "output_cost_per_token_above_100k_tokens": 9e-06, "supports_vision": true, "metadata": {"a": [1, 2]}},
  "xai/edge": {"litellm_provider": "xai", "input_cost_per_token": 1e-06, "output_cost_per_token": 1e-06,
    "input_cost_per_token_above_200k_tokens": 2e-06},
  "acme/ranges": {"litellm_provider": "acme", "tiered_pricing": [
    {"range": [0, 32000.0], "input_cost_per_token": 1e-06, "output_cost_per_token": 5e-06, "cache_read_input_token_cost": 1e-07},
    {"range": [32000.0, 128000.0], "input_cost_per_token": 2e-06, "output_cost_per_token": 6e-06}]},
  "acme/night": {"litellm_provider": "acme", "input_cost_per_token": 4e-06, "output_cost_per_token": 4e-06,
    "cache_read_input_token_cost": 1e-06, "off_peak_pricing": {"input_cost_per_token": 1e-06, "weekday_timezone": "Asia/Shanghai",
      "windows": [{"hours_utc": ["10:00-00:00"], "weekdays": [1, 2, 3, 4, 5]}, {"hours_utc": "00:00-00:00", "weekdays": ["sat", "sunday"]}]}},
  "acme/extras": {"litellm_provider": "acme", "input_cost_per_token": 1e-06, "output_cost_per_token": 1e-06,
    "output_cost_per_token_priority": 3e-06, "output_cost_per_reasoning_token": 2e-06,
    "provider_specific_entry": {"us": 1.1, "fast": 2.0, "moon": 3}, "regional_processing_uplift_multiplier_eu": 1.2,
    "search_context_cost_per_query": {"search_context_size_low": 0.005, "search_context_size_medium": 0.008, "search_context_size_high": 0.012},
    "search_free_requests": {"count": 1500, "period": "day", "shared_group": "flash"}},
  "acme/nothing": {"litellm_provider": "acme", "mode": "chat"},
  "rules": {"description": "no provider"}
}"#;

/// Two invented providers in genai-prices' form.
const GENAI: &str = r#"[
  {"id": "acme", "models": [
    {"id": "acme-2", "match": {"or": [{"equals": "Acme-2"}, {"and": [{"starts_with": "acme-2-"}, {"regex": "^(?!.*-tts)"}]}]},
     "prices": [
       {"prices": {"input_mtok": 1, "output_mtok": {"base": "2", "tiers": [{"start": 200000, "price": 3.0}]}}},
       {"constraint": {"start_date": "2026-10-19"}, "prices": {"input_mtok": "1.5", "output_mtok": "2.5"}},
       {"constraint": {"start_time": "01:00:00+00:00", "end_time": "04:00:00Z"}, "prices": {"input_mtok": "0.5", "output_mtok": "1"}}]},
    {"id": "acme-3", "match": {"contains": "acme-3"}, "prices": {"input_mtok": "0.029999999999999998", "output_mtok": 4, "requests_kcount": 5},
     "price_variants": [
       {"when": {"processing": "batch"}, "constraint": {"start_date": "2026-10-14"}, "prices": {"input_mtok": "0.015"}},
       {"when": {"service_tier": "default"}, "prices": {}},
       {"when": {"route": "moon"}, "prices": {"input_mtok": "9"}}]},
    {"id": "acme-free", "match": {"equals": "acme-free"}, "prices": {}},
    {"id": "acme-odd", "match": {"equals": "acme-odd"}, "prices": {"moon_dust_kg": 1}}]},
  {"id": "acme-host", "fallback_model_providers": ["acme"], "models": []}]"#;

fn imported(text: &str) -> (PricingTable, Import) {
    let import = Import::read(text.as_bytes()).expect("a table");
    let table = PricingTable::empty().with_import(PriceSource::new("fixture"), &import).expect("good rows");
    (table, import)
}

fn exact(table: &PricingTable, model: &str, at: &str, usage: Usage, conditions: Conditions) -> String {
    let price = table.find(None, model, at.parse().expect("an instant")).expect("a known model");
    price.cost(&usage, &conditions).expect("priced").exact().to_string()
}

const NOON: &str = "2026-11-17T12:00:00Z";

#[test]
fn every_cost_field_of_litellm_is_priced_or_listed() {
    let (_, import) = imported(LITELLM);
    let gaps: Vec<_> =
        import.report().not_understood().map(|gap| format!("{} {}", gap.entry, gap.field)).collect();
    let expected = [
        "acme/long output_cost_per_pixel",
        "acme/long output_cost_per_token_above_100k_tokens", // the input has no rate there
        "acme/extras provider_specific_entry.moon",
    ];
    assert_eq!(gaps, expected);
    let skipped: Vec<_> = import.report().skipped().map(|skipped| skipped.entry.as_str()).collect();
    assert_eq!(skipped, ["sample_spec", "acme/nothing", "rules"]);
    assert_eq!(
        import.report().to_string(),
        "5 rows of 5 models, 3 entries left out, 3 fields not understood"
    );
}

#[test]
fn a_threshold_of_litellm_is_a_cliff_and_at_xai_it_is_part_of_it() {
    let (table, _) = imported(LITELLM);
    let cost = |model, input| exact(&table, model, NOON, Usage::of(input, 0), Conditions::new());
    assert_eq!(cost("long", 200_000), "0.2");
    assert_eq!(cost("long", 200_001), "0.400002");
    assert_eq!(cost("xai/edge", 199_999), "0.199999");
    assert_eq!(cost("xai/edge", 200_000), "0.4");
    let batch = Conditions::new().with_tier(ServiceTier::Batch);
    assert_eq!(exact(&table, "long", NOON, Usage::of(200_001, 0), batch), "0.200001");
    // Every digit of the figure is kept: 3 × 5.0000000000000004e-08.
    assert_eq!(exact(&table, "long", NOON, Usage::of(0, 3), batch), "0.000000150000000000000012");
}

#[test]
fn a_range_of_litellm_contains_its_end_and_the_last_one_has_none() {
    let (table, _) = imported(LITELLM);
    let cost = |usage| exact(&table, "acme/ranges", NOON, usage, Conditions::new());
    assert_eq!(cost(Usage::of(32_000, 0)), "0.032");
    assert_eq!(cost(Usage::of(32_001, 0)), "0.064002");
    assert_eq!(cost(Usage::of(999_999, 0)), "1.999998");
    // The second range names no cached rate: it is that range's input, not the first one's cached rate.
    assert_eq!(cost(Usage::of(40_000, 0).with_cached_input(40_000)), "0.08");
    assert_eq!(cost(Usage::of(10_000, 0).with_cached_input(10_000)), "0.001");
}

#[test]
fn off_peak_hours_of_litellm_are_utc_and_its_weekdays_are_local() {
    let (table, _) = imported(LITELLM);
    let cost = |time| exact(&table, "night", time, Usage::of(1_000_000, 0), Conditions::new());
    assert_eq!(cost("2026-11-17T09:59:59Z"), "4");
    assert_eq!(cost("2026-11-17T10:00:00Z"), "1");
    assert_eq!(cost("2026-11-17T23:59:59Z"), "1");
    assert_eq!(cost("2026-11-18T00:00:00Z"), "4");
    // Saturday in Shanghai is from Friday 16:00 to Saturday 16:00 in UTC, and Monday from Sunday 16:00.
    assert_eq!(cost("2026-11-21T09:00:00Z"), "1");
    assert_eq!(cost("2026-11-22T09:00:00Z"), "1");
    assert_eq!(cost("2026-11-23T00:00:00Z"), "4");
    let cached = Usage::of(1_000_000, 0).with_cached_input(1_000_000);
    assert_eq!(exact(&table, "night", "2026-11-17T10:00:00Z", cached, Conditions::new()), "1");
}

#[test]
fn multipliers_searches_and_allowances_of_litellm_are_kept() {
    let (table, _) = imported(LITELLM);
    let plain = Conditions::new();
    let cost = |conditions| exact(&table, "extras", NOON, Usage::of(1_000_000, 0), conditions);
    assert_eq!(cost(plain.with_region(Region::Us)), "1.1");
    assert_eq!(cost(plain.with_region(Region::Eu)), "1.2");
    assert_eq!(cost(plain.with_region(Region::Us).with_tier(ServiceTier::Fast)), "2.2");
    let search = Usage::of(0, 0).with(Meter::WebSearch, 1);
    assert_eq!(exact(&table, "extras", NOON, search, plain), "0.008");
    assert_eq!(
        exact(&table, "extras", NOON, search, plain.with_search_context(SearchContext::High)),
        "0.012"
    );
    assert_eq!(find(&table, "extras").allowances()[0].count, 1_500);
    // Priority names an output rate, so it is that of reasoning too; standard has one for reasoning.
    let reasoned = Usage::of(0, 1_000_000).with_reasoning(1_000_000);
    assert_eq!(exact(&table, "extras", NOON, reasoned, plain), "2");
    assert_eq!(exact(&table, "extras", NOON, reasoned, plain.with_tier(ServiceTier::Priority)), "3");
}

#[test]
fn dates_times_and_tiers_of_genai_prices_are_kept() {
    let (table, _) = imported(GENAI);
    let cost = |time: &str, usage| exact(&table, "acme/acme-2", time, usage, Conditions::new());
    let million = Usage::of(1_000_000, 0);
    assert_eq!(cost("2026-10-18T23:59:59.999999999Z", million), "1");
    assert_eq!(cost("2026-10-19T00:00:00Z", million), "1.5");
    assert_eq!(cost("2026-10-19T01:00:00Z", million), "0.5");
    assert_eq!(cost("2026-10-19T03:59:59Z", million), "0.5");
    assert_eq!(cost("2026-10-19T04:00:00Z", million), "1.5");
    assert_eq!(cost("2025-01-01T04:00:00Z", Usage::of(200_000, 1_000_000)), "2.2");
    assert_eq!(cost("2025-01-01T04:00:00Z", Usage::of(200_001, 1_000_000)), "3.200001");
}

#[test]
fn a_name_of_genai_prices_is_matched_as_its_clauses_say() {
    let (table, _) = imported(GENAI);
    let named = |model: &str| table.find(Some("acme"), model, NOW).map(|price| price.model().to_owned());
    for name in ["acme-2", "ACME-2", "acme-2-20260101", "acme/acme-2-mini"] {
        assert_eq!(named(name).as_deref(), Some("acme-2"), "{name}");
    }
    assert_eq!(named("my-acme-3-turbo").as_deref(), Some("acme-3"));
    assert_eq!(named("acme-2-tts"), None);
    assert_eq!(named("acme-4"), None);
    // The other provider sells what the first does, but at prices nobody knows.
    assert!(table.find(Some("acme-host"), "acme-2", NOW).is_none());
}

#[test]
fn variants_fees_and_free_models_of_genai_prices_are_kept() {
    let (table, import) = imported(GENAI);
    let batch = Conditions::new().with_tier(ServiceTier::Batch);
    let cost = |time: &str, conditions| exact(&table, "acme-3", time, Usage::of(1_000_000, 0), conditions);
    assert_eq!(cost(NOON, Conditions::new()), "0.034999999999999998"); // with 5 a thousand requests
    assert_eq!(cost(NOON, batch), "0.02");
    assert_eq!(cost("2026-10-13T23:59:59Z", batch), "0.034999999999999998");
    let free = find(&table, "acme-free");
    assert!(!free.is_priced() && find(&table, "acme-3").is_priced());
    assert!(!free.cost(&Usage::of(1, 1), &Conditions::new()).expect("priced").is_complete());
    let gaps: Vec<_> =
        import.report().not_understood().map(|gap| format!("{} {}", gap.entry, gap.field)).collect();
    let expected = [
        "acme/acme-3 price_variants[2]",
        "acme/acme-free prices, of which there are none",
        "acme/acme-odd prices.moon_dust_kg",
        "acme-host fallback_model_providers",
    ];
    assert_eq!(gaps, expected);
}

#[test]
fn a_newer_table_replaces_a_model_entirely_and_keeps_the_others() {
    let (older, _) = imported(LITELLM);
    let newer = r#"{"acme/long": {"litellm_provider": "acme", "input_cost_per_token": 7e-06, "output_cost_per_token": 7e-06}}"#;
    let import = Import::read(newer.as_bytes()).expect("a table");
    let table = older.with_import(PriceSource::new("newer"), &import).expect("good rows");
    let batch = Conditions::new().with_tier(ServiceTier::Batch);
    assert_eq!(exact(&table, "long", NOON, Usage::of(1_000_000, 0), batch), "7");
    assert_eq!(exact(&table, "acme/long", NOON, Usage::of(1_000_000, 0), batch), "7");
    assert_eq!(exact(&table, "xai/edge", NOON, Usage::of(1_000_000, 0), batch), "2");
    assert_eq!(exact(&older, "long", NOON, Usage::of(1_000_000, 0), batch), "1"); // as it was
}

#[test]
fn a_short_name_is_nobody_elses_whole_key() {
    let text = r#"{"acme/acme/m": {"litellm_provider": "acme", "input_cost_per_token": 1e-06, "output_cost_per_token": 0},
      "acme/m": {"litellm_provider": "acme", "input_cost_per_token": 2e-06, "output_cost_per_token": 0},
      "m": {"litellm_provider": "acme", "input_cost_per_token": 3e-06, "output_cost_per_token": 0}}"#;
    let (table, _) = imported(text);
    for (key, dollars) in [("acme/acme/m", "1"), ("acme/m", "2"), ("m", "3")] {
        let price = table.find(Some("acme"), key, NOW).expect("known");
        let cost = price.cost(&Usage::of(1_000_000, 0), &Conditions::new()).expect("priced");
        assert_eq!(cost.exact().to_string(), dollars, "{key}");
    }
}

#[test]
fn one_seller_is_found_under_each_of_its_names() {
    let text = r#"{"claude": {"litellm_provider": "bedrock_converse", "input_cost_per_token": 1e-06, "output_cost_per_token": 0},
      "gemini-9": {"litellm_provider": "vertex_ai-language-models", "input_cost_per_token": 1e-06, "output_cost_per_token": 0}}"#;
    let (table, _) = imported(text);
    for (provider, model) in [("bedrock", "claude"), ("aws.bedrock", "claude"), ("vertex_ai", "gemini-9")] {
        assert!(table.find(Some(provider), model, NOW).is_some(), "{provider}");
    }
    for (provider, model) in [("anthropic", "claude"), ("google", "gemini-9")] {
        assert!(table.find(Some(provider), model, NOW).is_none(), "{provider}");
    }
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).expect("packs");
    encoder.finish().expect("packs")
}

#[test]
fn a_packed_table_is_the_same_table() {
    let (plain, packed) = (Import::read(LITELLM.as_bytes()), Import::read(&packed(LITELLM.as_bytes())));
    assert_eq!(plain.expect("read").rows(), packed.expect("read").rows());
}

#[test]
fn a_damaged_table_is_refused_whole() {
    let bomb = packed(&vec![b' '; 33 << 20]);
    assert!(bomb.len() < 40_000);
    let mut cut = packed(LITELLM.as_bytes());
    cut.truncate(cut.len() / 2);
    let mut flipped = packed(LITELLM.as_bytes());
    let middle = flipped.len() / 2;
    flipped[middle] ^= 0x55;
    let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    for bytes in [
        &b""[..],
        b" ",
        b"7",
        b"\"x\"",
        b"{",
        b"[1",
        b"{}x",
        b"\xff\xfe",
        &bomb,
        &cut,
        &flipped,
        deep.as_bytes(),
    ] {
        let error = Import::read(bytes).expect_err("damaged");
        assert_eq!(error.kind(), ErrorKind::Unreadable);
    }
    assert!(Import::read(&vec![b' '; (32 << 20) + 1]).is_err());
    assert!(Import::litellm(GENAI.as_bytes()).is_err() && Import::genai_prices(LITELLM.as_bytes()).is_err());
}

#[test]
fn a_price_that_is_no_number_names_its_entry_and_field() {
    for figure in [
        "\"1e-6\"",
        "-1e-6",
        "true",
        "[]",
        "{}",
        "123456789012345678901234567890",
        "1e-36",
        "1e400",
        "0.000000000000000000000000000000000001",
    ] {
        let text =
            format!(r#"{{"acme/m": {{"litellm_provider": "acme", "input_cost_per_token": {figure}}}}}"#);
        let error = Import::read(text.as_bytes()).expect_err(figure).to_string();
        assert!(
            error.contains("acme/m") && error.contains("input_cost_per_token") || error.contains("number"),
            "{error}"
        );
        let text = format!(
            r#"[{{"id": "acme", "models": [{{"id": "m", "match": {{"equals": "m"}}, "prices": {{"input_mtok": {figure}}}}}]}}]"#
        );
        if figure != "\"1e-6\"" && figure != "1e-36" && figure != "{}" {
            assert!(Import::read(text.as_bytes()).is_err(), "{figure}");
        }
    }
    for text in ["NaN", "Infinity", "01", "+1", ".5", "1_000"] {
        let text = format!(r#"{{"acme/m": {{"litellm_provider": "acme", "input_cost_per_token": {text}}}}}"#);
        assert!(Import::read(text.as_bytes()).is_err(), "{text}");
    }
    // Dearer than anything real: read, and refused by the table, which stays as it was.
    let dear =
        r#"{"acme/m": {"litellm_provider": "acme", "input_cost_per_token": 2, "output_cost_per_token": 0}}"#;
    let import = Import::read(dear.as_bytes()).expect("a number");
    let error = PricingTable::empty().with_import(PriceSource::new("x"), &import).expect_err("too dear");
    assert!(error.to_string().contains("taken for an error"), "{error}");
}

#[test]
fn a_table_that_says_one_thing_twice_is_refused() {
    for text in [
        r#"{"a": {"litellm_provider": "x"}, "a": {"litellm_provider": "x"}}"#,
        r#"{"a": {"litellm_provider": "x", "input_cost_per_token": 1, "input_cost_per_token": 2}}"#,
        r#"{"a": {"litellm_provider": "x", "metadata": {"b": 1, "b": 2}}}"#,
        r#"{"a": {"litellm_provider": "x", "\u0062": 1, "b": 2}}"#,
    ] {
        let error = Import::read(text.as_bytes()).expect_err(text).to_string();
        assert!(error.contains("twice"), "{error}");
    }
    let many: Vec<_> = (0..18_001).map(|number| format!(r#""m{number}": {{}}"#)).collect();
    assert!(Import::read(format!("{{{}}}", many.join(",")).as_bytes()).is_err());
}
