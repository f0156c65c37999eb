//! Is every name priced as itself or not at all?

use super::*;

fn named(provider: Option<&str>, model: &str) -> Option<String> {
    let table = PricingTable::bundled();
    table.find(provider, model, NOW).map(|price| format!("{}/{}", price.provider(), price.model()))
}

#[test]
fn the_bundled_catalog_is_well_formed_and_sourced() {
    let table = PricingTable::bundled();
    assert!(table.prices().count() > 100);
    let price = bundled("gpt-4o");
    assert_eq!(price.source().version(), Some("1.109.1"));
    assert_eq!((price.context_tokens(), price.output_tokens_max()), (Some(128_000), Some(16_384)));
    assert_eq!(bundled("claude-3-5-sonnet-20241022").source().version(), Some("1.75.3"));
    assert_eq!(price.valid_until(), Timestamp::MAX);
    assert!(price.is_in_force(Timestamp::MAX) && price.is_in_force(Timestamp::MIN));
}

#[test]
fn every_bundled_row_is_well_formed() {
    // Each is compiled only when it is first asked for, so that this test asks for all.
    let table = PricingTable::bundled();
    let mut versions = std::collections::BTreeSet::new();
    for price in table.prices() {
        versions.insert(price.source().version().expect("a version"));
        let found = table.find(Some(price.provider()), price.model(), price.valid_from());
        assert_eq!(found.map(|found| found.model()), Some(price.model()));
    }
    assert_eq!(Vec::from_iter(versions), ["0.2.3", "1.109.1", "1.75.3"]);
}

#[test]
fn resellers_answer_with_their_own_rows() {
    for (provider, model, answered) in [
        ("azure", "gpt-5-2", "azure/gpt-5.2"),
        ("azure", "eu/gpt-5-2", "azure/eu/gpt-5.2"),
        ("bedrock", "us.anthropic.claude-opus-4-6-v1:0", "bedrock/us.anthropic.claude-opus-4-6-v1"),
        ("vertex_ai", "claude-opus-4-6@default", "vertex_ai/claude-opus-4-6"),
        ("openrouter", "anthropic/claude-sonnet-4.5", "openrouter/anthropic/claude-sonnet-4.5"),
    ] {
        let named = named(Some(provider), model);
        assert_eq!(named.as_deref(), Some(answered), "{provider} {model}");
    }
    // A maker's name in front means the maker, in any spelling; its resellers are asked for by their own name.
    assert_eq!(named(None, "anthropic/claude-sonnet-4.5").as_deref(), Some("anthropic/claude-sonnet-4-5"));
    assert_eq!(named(None, "gpt-4o").as_deref(), Some("openai/gpt-4o"));
    // Free is what a row says is free.
    assert_eq!(named(Some("openrouter"), "openai/gpt-oss-20b:free"), None);
}

#[test]
fn a_dated_name_without_a_row_is_its_undated_one() {
    for (asked, answered) in [
        ("gpt-4o-2024-08-06", "openai/gpt-4o"),
        ("gpt-4o-mini-2024-07-18", "openai/gpt-4o-mini"),
        ("claude-sonnet-4-5-20250929", "anthropic/claude-sonnet-4-5"),
        ("gemini-3.1-flash-lite-preview-05-06", "google/gemini-3.1-flash-lite-preview"),
        ("gemini-2.5-flash-lite-preview-09-2025", "google/gemini-2.5-flash-lite"),
        ("ft:gpt-4o-2024-08-06:acme::7p4lURel", "openai/ft:gpt-4o-2024-08-06"),
    ] {
        assert_eq!(named(None, asked).as_deref(), Some(answered), "{asked}");
    }
}

#[test]
fn a_dated_name_with_a_row_keeps_it() {
    // The first gpt-4o cost 5 and 15.
    assert_eq!(named(Some("openai"), "gpt-4o-2024-05-13").as_deref(), Some("openai/gpt-4o-2024-05-13"));
    assert_eq!(total(&bundled("gpt-4o-2024-05-13"), Usage::of(1_000_000, 1_000_000)), Usd::dollars(20));
}

#[test]
fn an_unknown_model_has_no_price() {
    for model in [
        "gpt-4o-audio-preview",
        "gpt-4o-audio-preview-2024-12-17",
        "gpt-4o-maxi",
        "gpt-4o-",
        "gpt-4",
        "GPT 4o",
        "4o",
        "",
        "/",
        "/gpt-4o",
        "*/gpt-4o",
        "openai/",
        "openrouter/openai/gpt-4o-maxi",
        "openai/gpt-4o:nitro",
        "anthropic.claude-3-5-sonnet-20241022-v3:0",
        "claude-sonnet-4-5@20250929x",
    ] {
        let expected = (model == "gpt-4").then(|| "openai/gpt-4".to_owned());
        assert_eq!(named(None, model), expected, "{model:?}");
    }
}

#[test]
fn a_provider_never_answers_for_another() {
    assert_eq!(named(Some("openai"), "gpt-4o-mini").as_deref(), Some("openai/gpt-4o-mini"));
    for provider in ["anthropic", "google", "vertex_ai", "bedrock", "groq", "", "*", "*/"] {
        for model in ["gpt-4o-mini", "openai/gpt-4o-mini", "gpt-4o-2024-08-06"] {
            assert_eq!(named(Some(provider), model), None, "{provider:?} {model}");
        }
    }
}

#[test]
fn a_provider_may_stand_in_front_of_the_name() {
    assert_eq!(named(None, "openai/gpt-4o").as_deref(), Some("openai/gpt-4o"));
    assert_eq!(named(Some("openai"), "openai/gpt-4o-2024-08-06").as_deref(), Some("openai/gpt-4o"));
    for (provider, model) in [
        (None, "models/gemini-2.5-pro"),
        (Some("gemini"), "gemini-2.5-pro"),
        (Some("gcp.gemini"), "gemini/gemini-2.5-pro"),
        (Some("google"), "models/gemini-2.5-pro"),
    ] {
        assert_eq!(named(provider, model).as_deref(), Some("google/gemini-2.5-pro"), "{model}");
    }
}

#[test]
fn an_alias_belongs_to_the_provider_of_its_model() {
    let table = PricingTable::bundled().with_alias("house-model", "openai/gpt-4o").expect("known");
    assert_eq!(find(&table, "house-model").model(), "gpt-4o");
    assert_eq!(table.find(Some("openai"), "house-model", NOW).expect("alias").model(), "gpt-4o");
    assert!(table.find(Some("anthropic"), "house-model", NOW).is_none());
    assert_eq!(bundled("claude-opus-4-0").model(), "claude-opus-4-20250514");
}

#[test]
fn an_alias_hides_no_row_and_is_given_once() {
    let table = PricingTable::bundled();
    for (alias, model) in
        [("gpt-4o", "gpt-4o-mini"), ("x", "no-such-model"), ("", "gpt-4o"), ("a\n", "gpt-4o")]
    {
        assert_eq!(table.with_alias(alias, model).unwrap_err().kind(), ErrorKind::Invalid, "{alias:?}");
    }
    let aliased = table.with_alias("x", "gpt-4o").expect("free name");
    assert!(aliased.with_alias("x", "gpt-4o-mini").is_err());
    let row = PriceRow::new("openai", "x").with_rates(ServiceTier::Standard, rates("7", "7"));
    let table = aliased.with_rows([row]).expect("a row");
    assert_eq!(total(&find(&table, "x"), Usage::of(1_000_000, 0)), Usd::dollars(7));
}

#[test]
fn without_a_provider_the_first_row_of_the_table_answers() {
    let rows = [
        own("gpt-4o", "1", "1"),
        PriceRow { provider: "zeta".into(), ..own("m", "2", "2") },
        own("m", "3", "3"),
    ];
    let table = PricingTable::bundled().with_rows(rows).expect("good rows");
    assert_eq!(find(&table, "gpt-4o").provider(), "openai");
    assert_eq!(find(&table, "m").provider(), "zeta");
    assert_eq!(table.find(Some("acme"), "gpt-4o", NOW).expect("own").provider(), "acme");
}

#[test]
fn a_provider_in_front_of_a_name_goes_before_a_seller_of_that_whole_name() {
    let host = PriceRow { provider: "host".into(), ..own("acme/m", "9", "9") };
    let other = PriceRow { provider: "host".into(), ..own("acme/only-here", "9", "9") };
    let table = PricingTable::empty().with_rows([host, other, own("m", "1", "1")]).expect("good rows");
    let seller = |provider, model| table.find(provider, model, NOW).map(|price| price.provider().to_owned());
    assert_eq!(seller(None, "acme/m").as_deref(), Some("acme"));
    assert_eq!(seller(Some("host"), "acme/m").as_deref(), Some("host"));
    assert_eq!(seller(None, "acme/only-here").as_deref(), Some("host"));
    assert_eq!(seller(Some("acme"), "acme/only-here"), None);
}
