//! Is what is billed by the search, page, image, second or character ever free by accident?

use std::path::PathBuf;

use token_budget::call::{Conditions, Region, SearchContext, ServiceTier};
use token_budget::decision::{Quote, RefusalKind};
use token_budget::enforcer::Actual;
use token_budget::ledger::{Balance, Certainty};
use token_budget::pricing::{Import, PriceRow, PriceSource, Rates};
use token_budget::time::Timestamp;
use token_budget::tokens::RequestShape;
use token_budget::usage::Meter;
use token_budget::wire::extract;
use token_budget::{Amount, Budget, Call, Enforcer, Policy, PricingTable, Usage, Usd, Window, check_budget};

use crate::support::{team, usd};

/// Cohere's answer to a rerank: no tokens, one search.
const RERANKED: &str = r#"{"id": "1", "results": [{"index": 0, "relevance_score": 0.9}],
    "meta": {"api_version": {"version": "2"}, "billed_units": {"search_units": 1}}}"#;

/// As LiteLLM lists what is not billed by the token: its zeros count as prices there.
const LISTED: &str = r#"{
    "rerank-v3.5": {"litellm_provider": "cohere", "mode": "rerank", "input_cost_per_query": 0.002,
        "input_cost_per_token": 0.0, "output_cost_per_token": 0.0},
    "mistral/ocr": {"litellm_provider": "mistral", "mode": "ocr", "ocr_cost_per_page": 0.004,
        "annotation_cost_per_page": 0.005},
    "whisper-1": {"litellm_provider": "openai", "mode": "audio_transcription",
        "input_cost_per_second": 0.0001, "output_cost_per_second": 0.0001},
    "tts-1": {"litellm_provider": "openai", "mode": "audio_speech", "input_cost_per_character": 1.5e-05},
    "imagen": {"litellm_provider": "gemini", "mode": "image_generation", "output_cost_per_image": 0.04},
    "low/1024-x-1024/gpt-image": {"litellm_provider": "openai", "mode": "image_generation",
        "input_cost_per_image": 0.009},
    "veo": {"litellm_provider": "gemini", "mode": "video_generation", "output_cost_per_second": 0.4},
    "tavily/search": {"litellm_provider": "tavily", "mode": "search", "input_cost_per_query": 0.008},
    "dall-e": {"litellm_provider": "openai", "mode": "image_generation", "input_cost_per_pixel": 1.9e-08,
        "output_cost_per_pixel": 0.0},
    "acme/forgotten": {"litellm_provider": "acme", "mode": "chat", "input_cost_per_token": 0,
        "output_cost_per_token": 0},
    "ollama/llama3": {"litellm_provider": "ollama", "mode": "chat", "input_cost_per_token": 0.0,
        "output_cost_per_token": 0.0},
    "omni-moderation": {"litellm_provider": "openai", "mode": "moderation", "input_cost_per_token": 0.0,
        "output_cost_per_token": 0.0},
    "gpt-chat": {"litellm_provider": "openai", "mode": "chat", "input_cost_per_token": 1e-06,
        "output_cost_per_token": 1e-06, "search_context_cost_per_query": {"search_context_size_low": 0.01,
        "search_context_size_medium": 0.02, "search_context_size_high": 0.03}},
    "acme/chat": {"litellm_provider": "acme", "mode": "chat", "input_cost_per_token": 1e-06,
        "output_cost_per_token": 1e-06},
    "perplexity/sonar": {"litellm_provider": "perplexity", "mode": "chat", "input_cost_per_token": 1e-06,
        "output_cost_per_token": 1e-06, "search_context_cost_per_query": {"search_context_size_low": 0.005,
        "search_context_size_medium": 0.008, "search_context_size_high": 0.012}}
}"#;

fn listed() -> PricingTable {
    let import = Import::litellm(LISTED.as_bytes()).unwrap();
    PricingTable::empty().with_import(PriceSource::new("LiteLLM"), &import).unwrap()
}

fn enforcer(prices: PricingTable, limit: Usd) -> Enforcer {
    let policy = Policy::new([Budget::usd("search", team(), limit, Window::day())]).unwrap();
    Enforcer::builder().policy(policy).prices(prices).build()
}

fn of(model: &str) -> Call {
    Call::new(model).team("search").input_tokens(0).output_tokens(0)
}

#[test]
fn two_hundred_reranks_at_once_do_not_pass_a_cent() {
    // All 200 passed, since the table lists tokens at zero: $0.40 under a limit of $0.01.
    let enforcer = enforcer(listed(), usd("0.01"));
    let call = of("cohere/rerank-v3.5").input_tokens(500);
    let admitted: Vec<_> =
        (0..200).filter_map(|_| enforcer.reserve(&call).wait().unwrap().or_refusal().ok()).collect();
    assert_eq!(admitted.len(), 5); // 0.01 / 0.002
    let mut sum = Usd::ZERO;
    for reservation in admitted {
        assert_eq!(reservation.quoted(), usd("0.002"));
        let report = extract(Some("cohere"), RERANKED.as_bytes(), []).unwrap();
        sum = sum.checked_add(reservation.send().reconcile(report).wait().unwrap().cost()).unwrap();
    }
    assert_eq!(sum, usd("0.01"));
    assert!(!enforcer.reserve(&call).wait().unwrap().is_admitted());
}

#[test]
fn an_answer_that_counts_none_of_what_it_bills_is_charged_for_one() {
    let enforcer = enforcer(listed(), Usd::dollars(99));
    // A page is held with its annotation, since nobody says that there is none.
    for (model, cost) in [
        ("cohere/rerank-v3.5", "0.002"),
        ("mistral/ocr", "0.009"),
        ("whisper-1", "0.006"), // a minute
        ("tts-1", "0.06144"),   // 4,096 characters
        ("gemini/imagen", "0.04"),
        ("openai/low/1024-x-1024/gpt-image", "0.009"),
        ("gemini/veo", "4"), // ten seconds
        ("tavily/search", "0.008"),
    ] {
        let held = enforcer.reserve(&of(model)).wait().unwrap().or_refusal().unwrap();
        assert_eq!(held.quoted(), usd(cost), "{model}");
        for usage in [Usage::of(0, 0), Usage::of(0, 0).with(Meter::SearchUnit, 0)] {
            let held = enforcer.reserve(&of(model)).wait().unwrap().or_refusal().unwrap();
            let receipt = held.send().reconcile(usage).wait().unwrap();
            assert_eq!((receipt.cost(), receipt.certainty()), (usd(cost), Certainty::Estimated), "{model}");
        }
        drop(held);
    }
}

#[test]
fn what_the_request_says_is_held_and_what_the_answer_counts_is_charged() {
    let enforcer = enforcer(listed(), Usd::dollars(99));
    let call = of("mistral/ocr").may_use(Meter::Page, 100);
    let held = enforcer.reserve(&call).wait().unwrap().or_refusal().unwrap();
    assert_eq!(held.quoted(), usd("0.40")); // who says pages says that nothing else is asked for
    assert!(!held.decision().fees()[0].assumed);
    let receipt = held.send().reconcile(Usage::of(0, 0).with(Meter::Page, 42)).wait().unwrap();
    assert_eq!((receipt.cost(), receipt.certainty()), (usd("0.168"), Certainty::Reported));

    let clip = of("gemini/veo").may_use(Meter::VideoOutMs, 8_000);
    assert_eq!(enforcer.quote(&clip).unwrap(), Some(usd("3.2")));
}

/// A hundred images, a book, a shelf to rank and a long text were each held as one.
#[test]
fn a_request_is_held_for_as_many_pieces_as_it_asks_for() {
    let enforcer = enforcer(listed(), Usd::dollars(99));
    let broke = self::enforcer(listed(), Usd::ZERO);
    let shelf = vec!["a short book"; 250];
    let ranked = serde_json::json!({"query": "which?", "documents": shelf}).to_string();
    let long =
        serde_json::json!({"query": "which?", "documents": vec!["word ".repeat(2_000); 100]}).to_string();
    let spoken = serde_json::json!({"input": "ü".repeat(10_000), "voice": "alloy"}).to_string();
    for (model, body, cost) in [
        ("gemini/imagen", r#"{"prompt": "a cat", "n": 10}"#, "0.40"),
        ("gemini/imagen", r#"{"prompt": "a cat", "n": "10"}"#, "0.40"),
        ("gemini/imagen", r#"{"prompt": "a cat", "parameters": {"sampleCount": 4}}"#, "0.16"),
        ("gemini/imagen", r#"{"prompt": "a cat"}"#, "0.04"),
        ("mistral/ocr", r#"{"document": {"document_url": "u"}, "pages": [0, 1, 2]}"#, "0.012"),
        ("mistral/ocr", r#"{"document": {"document_url": "u"}, "pages": "0-4, 7"}"#, "0.024"),
        ("mistral/ocr", r#"{"document": {"image_url": "u"}}"#, "0.004"),
        // Nobody knows how many pages it has, and its model has no price but that of a page: one.
        ("mistral/ocr", r#"{"document": {"document_url": "u"}}"#, "0.004"),
        (
            "mistral/ocr",
            r#"{"document": {"document_url": "u"}, "pages": [1, 2], "bbox_annotation_format": {"type": "text"}}"#,
            "0.018",
        ),
        ("cohere/rerank-v3.5", &ranked, "0.006"),
        // As many pieces as 4,096 tokens may have, if each byte is one.
        ("cohere/rerank-v3.5", &long, "0.018"),
        ("tts-1", &spoken, "0.15"),
        ("gemini/veo", r#"{"prompt": "a cat", "seconds": "8"}"#, "3.2"),
        ("gemini/veo", r#"{"prompt": "a cat", "durationSeconds": 5.5}"#, "2.4"),
    ] {
        let shape = RequestShape::parse(body.as_bytes()).unwrap();
        let call = shape.describe(of(model)).input_tokens(0).output_tokens(0);
        assert_eq!(enforcer.quote(&call).unwrap(), Some(usd(cost)), "{model} {body:.80}");
        assert!(!broke.reserve(&call).wait().unwrap().is_admitted(), "{model} {body:.80}");
    }
}

#[test]
fn a_limit_of_nothing_admits_only_what_is_known_to_be_free() {
    let enforcer = enforcer(listed(), Usd::ZERO);
    for price in listed().prices() {
        let call = Call::new(price.model()).provider(price.provider()).team("search");
        let call = call.input_tokens(10).output_tokens(10);
        let free = ["llama3", "omni-moderation"].contains(&price.model());
        assert_eq!(enforcer.reserve(&call).wait().unwrap().is_admitted(), free, "{}", price.model());
    }
}

#[test]
fn a_zero_that_nobody_looked_up_and_a_price_by_the_pixel_are_no_price() {
    let enforcer = enforcer(listed(), Usd::dollars(9));
    for model in ["acme/forgotten", "openai/dall-e"] {
        let refused = enforcer.reserve(&of(model).output_tokens(9)).wait().unwrap().or_refusal().unwrap_err();
        assert!(refused.to_string().contains("the model has no price"), "{refused}");
    }
    // Whoever knows that it costs nothing says so; whoever knows its price names it.
    let free = PriceRow::new("acme", "forgotten").free();
    let rates = Rates::per_million("1", "2").unwrap();
    let priced = PriceRow::new("openai", "dall-e").with_rates(ServiceTier::Standard, rates);
    let table = listed().with_rows([free, priced]).unwrap();
    let enforcer = self::enforcer(table, Usd::dollars(9));
    for (model, cost) in [("acme/forgotten", "0"), ("openai/dall-e", "0.000018")] {
        assert_eq!(enforcer.quote(&of(model).output_tokens(9)).unwrap(), Some(usd(cost)), "{model}");
    }
}

#[test]
fn a_row_is_not_free_beside_a_price() {
    let row = r#"[{"provider": "a", "model": "m", "free": true, "standard": {"page": "0.01"}}]"#;
    let error = PricingTable::empty().with_rows(PriceRow::list_from_json(row).unwrap()).unwrap_err();
    assert!(error.to_string().contains("free: stands beside a rate above zero"), "{error}");
    let free = r#"[{"provider": "a", "model": "m", "free": true}]"#;
    let table = PricingTable::empty().with_rows(PriceRow::list_from_json(free).unwrap()).unwrap();
    let enforcer = enforcer(table, Usd::ZERO);
    let held = enforcer.reserve(&of("m").input_tokens(9).may_use_unlimited(Meter::WebSearch)).wait().unwrap();
    let receipt = held.or_refusal().unwrap().send().reconcile(Usage::of(9, 9)).wait().unwrap();
    assert_eq!((receipt.cost(), receipt.certainty()), (Usd::ZERO, Certainty::Reported));
}

#[test]
fn a_tool_is_held_for_only_where_the_request_may_use_it() {
    let enforcer = enforcer(listed(), Usd::dollars(9));
    let quote = |call: Call| enforcer.quote(&call.input_tokens(1_000)).unwrap().unwrap();
    assert_eq!(quote(of("gpt-chat")), usd("0.001"));
    assert_eq!(quote(of("gpt-chat").may_use(Meter::WebSearch, 3)), usd("0.061"));
    assert_eq!(quote(of("gpt-chat").may_use(Meter::WebSearch, 0)), usd("0.001"));
    assert_eq!(quote(of("gpt-chat").may_use_unlimited(Meter::WebSearch)), usd("0.201")); // ten
    assert_eq!(quote(of("gpt-chat").may_use_unlimited(Meter::CodeExecution)), usd("0.031")); // one container
    // This one searches unasked.
    assert_eq!(quote(of("sonar")), usd("0.009"));

    let three = Policy::new([Budget::usd("search", team(), Usd::dollars(9), Window::day())]).unwrap();
    let policy = three.with_fee_uses_assumed(3);
    let enforcer = Enforcer::builder().policy(policy).prices(listed()).build();
    let searching = of("gpt-chat").input_tokens(1_000).may_use_unlimited(Meter::WebSearch);
    assert_eq!(enforcer.quote(&searching).unwrap(), Some(usd("0.061")));
    let held = enforcer.reserve(&searching).wait().unwrap().or_refusal().unwrap();
    // It did not search, and says what else it used.
    assert_eq!(held.send().reconcile(Usage::of(1_000, 0)).wait().unwrap().cost(), usd("0.001"));
    // Nobody knows what it used: it may have searched.
    let held = enforcer.reserve(&searching).wait().unwrap().or_refusal().unwrap();
    let receipt = held.send().reconcile(Actual::default()).wait().unwrap();
    assert_eq!((receipt.cost(), receipt.certainty()), (usd("0.061"), Certainty::Estimated));
}

#[test]
fn a_fee_that_nobody_knows_is_named_in_the_refusal_and_can_be_named_in_a_row() {
    let call = of("acme/chat").input_tokens(1_000).may_use_unlimited(Meter::FileSearch);
    let refused =
        enforcer(listed(), Usd::dollars(9)).reserve(&call).wait().unwrap().or_refusal().unwrap_err();
    assert!(refused.to_string().contains("may use file_search, whose fee is not known"), "{refused}");
    // The meter stood where a budget's id stands, and the model seemed to have no price.
    let refusal = &refused.refusals()[0];
    assert_eq!(refusal.kind, RefusalKind::UnpricedFee { meter: "file_search".into() });
    assert_eq!(refusal.budget, "");
    assert_eq!(serde_json::to_value(refusal).unwrap()["kind"], "unpriced_fee");
    let row = r#"[{"provider": "acme", "model": "chat", "standard": {"file_search": "0.002"}}]"#;
    let table = listed().with_rows(PriceRow::list_from_json(row).unwrap()).unwrap();
    assert_eq!(enforcer(table, Usd::dollars(9)).quote(&call).unwrap(), Some(usd("0.021")));
}

#[test]
fn a_refusal_says_for_which_fees_the_call_was_held() {
    let call = of("gpt-chat").input_tokens(1_000).may_use_unlimited(Meter::WebSearch);
    let refused = enforcer(listed(), usd("0.20")).reserve(&call).wait().unwrap().or_refusal().unwrap_err();
    assert!(refused.to_string().contains("10 × web_search, assumed: 0.20 USD"), "{refused}");
    assert_eq!(serde_json::to_value(&*refused).unwrap()["fees"][0]["uses"], 10);
}

/// The essence of all of the above, on everything that is published.
#[test]
fn no_model_of_a_public_table_passes_an_empty_budget_unless_it_is_known_to_be_free() {
    let Some(directory) = std::env::var_os("TOKEN_BUDGET_DATA") else {
        println!("skipped: TOKEN_BUDGET_DATA is not set");
        return;
    };
    for (file, free_at_most) in [
        ("litellm-1.109.1.model_prices.json.gz", 40),
        ("litellm-1.75.3.model_prices.json.gz", 40),
        ("genai-prices-0.2.3.providers.json.gz", 200),
    ] {
        let path = PathBuf::from(&directory).join("pricing").join(file);
        let import = Import::read(&std::fs::read(path).unwrap()).unwrap();
        let table = PricingTable::empty().with_import(PriceSource::new(file), &import).unwrap();
        let enforcer = enforcer(table.clone(), Usd::ZERO);
        let mut free = Vec::new();
        for price in table.prices() {
            let call = Call::new(price.model()).provider(price.provider()).team("search");
            let admission = enforcer.reserve(&call.input_tokens(1).output_tokens(1)).wait().unwrap();
            if admission.is_admitted() {
                free.push(format!("{}/{}", price.provider(), price.model()));
            }
        }
        println!("{file}: {} free", free.len());
        assert!(free.len() <= free_at_most, "{file}: {}", free.len());
        assert!(free.iter().all(|name| {
            [
                "ollama/",
                "lemonade/",
                "searxng/",
                "openrouter/",
                "openai/omni-moderation",
                "openai/text-moderation",
            ]
            .iter()
            .any(|known| name.starts_with(known))
        }));
    }
}

fn tiered(json: &str) -> PricingTable {
    PricingTable::empty().with_rows(PriceRow::list_from_json(json).unwrap()).unwrap()
}

#[test]
fn a_dearer_tier_without_a_rate_is_held_and_charged_at_the_dearest_known_and_is_not_complete() {
    // Fast was charged as standard, $0.0085 as if complete, in a month in which it cost six times as much.
    let table = tiered(
        r#"[{"provider": "a", "model": "m", "standard": {"input": "1", "output": "10"},
             "batch_factor": "0.5", "priority": {"input": "3", "output": "20"}}]"#,
    );
    let enforcer = enforcer(table, Usd::dollars(9));
    let at =
        |tier| of("m").input_tokens(1_000).output_tokens(1_000).conditions(Conditions::new().with_tier(tier));
    for (tier, cost, certainty, without_rate) in [
        (ServiceTier::Standard, "0.011", Certainty::Reported, false),
        (ServiceTier::Batch, "0.0055", Certainty::Reported, false),
        (ServiceTier::Flex, "0.011", Certainty::Reported, false), // cheaper, and without a rate
        (ServiceTier::Priority, "0.023", Certainty::Reported, false),
        (ServiceTier::Fast, "0.023", Certainty::Reported, false), // priority by another name
        (ServiceTier::Ultrafast, "0.023", Certainty::Estimated, true),
    ] {
        let held = enforcer.reserve(&at(tier)).wait().unwrap().or_refusal().unwrap();
        assert_eq!(held.quoted(), usd(cost), "{tier:?}");
        assert_eq!(held.decision().tier_without_rate(), without_rate.then_some(tier));
        let receipt = held.send().reconcile(Usage::of(1_000, 1_000)).wait().unwrap();
        assert_eq!((receipt.cost(), receipt.certainty()), (usd(cost), certainty), "{tier:?}");
    }
    // Asked for as standard and served faster.
    let held = enforcer.reserve(&at(ServiceTier::Standard)).wait().unwrap().or_refusal().unwrap();
    let served = Actual { tier: Some(ServiceTier::Ultrafast), ..Actual::from(Usage::of(1_000, 1_000)) };
    let receipt = held.send().reconcile(served).wait().unwrap();
    assert_eq!((receipt.cost(), receipt.certainty()), (usd("0.023"), Certainty::Estimated));
}

#[test]
fn tokens_that_cost_nothing_are_an_error_unless_the_model_is_known_to_be_free() {
    let policy = Policy::new([Budget::usd("search", team(), Usd::ZERO, Window::day())]).unwrap();
    let decide =
        |quote: &Quote| check_budget(&policy, &of("m"), |_| Balance::default(), quote, Timestamp::EPOCH);
    let nothing = Quote::of(Amount::request(Usd::ZERO, 1_000, 10));
    let error = decide(&nothing).unwrap_err();
    assert!(error.to_string().contains("amount.usd: is zero"), "{error}");
    let table = tiered(r#"[{"provider": "a", "model": "m", "free": true}]"#);
    let price = table.find(None, "m", Timestamp::EPOCH).cloned();
    assert!(decide(&Quote { price, ..nothing }).unwrap().is_allowed());
}

#[test]
fn a_cache_that_was_not_asked_for_is_not_held_for() {
    // One of five calls was admitted: all input was held at the rate of the twelve-hour cache, $0.30 each.
    let enforcer = Enforcer::builder()
        .policy(Policy::new([Budget::usd("search", team(), usd("0.45"), Window::day())]).unwrap());
    let enforcer = enforcer.build();
    let call = Call::new("gpt-5.6-luna").team("search").input_tokens(300_000).output_tokens(16);
    let keeping = call.clone().conditions(Conditions::new().with_cache_writes());
    // 300,000 × $0.40 that are read, $1.00 for what is kept for long; 16 × $1.80 a million.
    assert_eq!(enforcer.quote(&call).unwrap(), Some(usd("0.1200288")));
    assert_eq!(enforcer.quote(&keeping).unwrap(), Some(usd("0.3000288")));
}

#[test]
fn a_fast_search_and_a_route_through_a_region_have_their_own_prices() {
    let import = Import::genai_prices(
        br#"[{"id": "perplexity", "models": [{"id": "p", "match": {"equals": "p"},
            "prices": {"input_mtok": "1", "output_mtok": "2", "web_searches_kcount": "2.5"},
            "price_variants": [{"when": {"search_type": "fast"}, "prices": {"web_searches_kcount": "1"}},
                               {"when": {"search_type": "web"}, "prices": {}}]}]},
            {"id": "openrouter", "models": [{"id": "o", "match": {"equals": "o"},
            "prices": {"input_mtok": "0.7", "cache_read_mtok": "0.07", "output_mtok": "2.1"},
            "price_variants": [{"when": {"route": "mistral/eu"},
                "prices": {"input_mtok": "0.77", "cache_read_mtok": "0.077", "output_mtok": "2.31"}}]}]}]"#,
    )
    .unwrap();
    assert_eq!(import.report().not_understood().count(), 0);
    let table = PricingTable::empty().with_import(PriceSource::new("genai-prices"), &import).unwrap();
    let cost = |model: &str, usage: Usage, conditions: &Conditions| {
        table.find(None, model, Timestamp::EPOCH).unwrap().cost(&usage, conditions).unwrap().total()
    };
    let searched = Usage::of(0, 0).with(Meter::WebSearch, 2);
    let plain = Conditions::new();
    assert_eq!(cost("p", searched, &plain), usd("0.005"));
    assert_eq!(cost("p", searched, &plain.with_search_context(SearchContext::Fast)), usd("0.002"));
    let million = Usage::of(1_000_000, 1_000_000);
    assert_eq!(cost("o", million, &plain), usd("2.8"));
    assert_eq!(cost("o", million, &plain.with_region(Region::Eu)), usd("3.08"));
}

#[test]
fn a_row_over_another_replaces_only_the_fees_it_names_and_sells_for_nobody_else() {
    let overlay = r#"[{"provider": "cohere", "model": "rerank-v3.5", "standard": {"search_unit": "0.001"}}]"#;
    let table = listed().with_rows(PriceRow::list_from_json(overlay).unwrap()).unwrap();
    let quote = |call: Call| enforcer(table.clone(), Usd::dollars(9)).quote(&call).unwrap();
    assert_eq!(quote(of("cohere/rerank-v3.5")), Some(usd("0.001")));
    assert_eq!(quote(of("tts-1")), Some(usd("0.06144")));
    assert_eq!(quote(of("rerank-v3.5").provider("bedrock")), None);
}
