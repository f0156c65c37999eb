//! Is a factor in every rate, in the version, and nowhere else?

use super::*;
use crate::pricing::PriceFactor;

fn factor(text: &str) -> PriceFactor {
    PriceFactor::new(text.parse().expect("a decimal"))
}

fn table(rows: &str) -> PricingTable {
    PricingTable::empty().with_rows(PriceRow::list_from_json(rows).expect("rows")).expect("a table")
}

fn cost(table: &PricingTable, model: &str, usage: Usage, conditions: &Conditions) -> Usd {
    find(table, model).cost(&usage, conditions).expect("a priced call").total()
}

fn million() -> Usage {
    Usage::of(1_000_000, 1_000_000)
}

/// Two dollars in, ten out; half of it in a batch, thrice above a thousand tokens at night, a tenth more in Europe.
const EVERYTHING: &str = r#"[{"provider": "acme", "model": "m",
    "standard": {"input": "2", "output": "10", "cached_input": "0.2", "web_search": "0.01", "request": "0.004"},
    "batch_factor": "0.5", "priority": {"input": "4", "output": "20"},
    "bands": [{"above_input_tokens": 1000, "standard": {"input": "6"}}],
    "search_context": {"low": "0.02", "medium": "0.03", "high": "0.04"},
    "region_factors": {"eu": "1.1"}}]"#;

#[test]
fn a_factor_is_in_every_rate_of_tokens_and_fees() {
    let plain = Conditions::new();
    let table = table(EVERYTHING).with_factor(&factor("0.85")).expect("a factor");
    let of = |usage: Usage, conditions: &Conditions| cost(&table, "m", usage, conditions);
    let fee = usd("0.0034"); // 0.004 × 0.85 a request
    let beside = |usage: Usage, conditions: &Conditions| of(usage, conditions).nanos() - fee.nanos();
    // A thousand tokens: 2 × 0.85 a million going in, 10 × 0.85 coming out.
    assert_eq!(beside(Usage::of(1_000, 1_000), &plain), usd("0.0102").nanos());
    assert_eq!(beside(Usage::of(1_000, 0).with_cached_input(1_000), &plain), usd("0.00017").nanos());
    assert_eq!(beside(Usage::of(1_001, 0), &plain), usd("0.0051051").nanos()); // 1,001 × 6 × 0.85
    assert_eq!(beside(Usage::of(1_000, 0), &plain.with_tier(ServiceTier::Batch)), usd("0.00085").nanos());
    assert_eq!(beside(Usage::of(1_000, 0), &plain.with_tier(ServiceTier::Priority)), usd("0.0034").nanos());
    assert_eq!(beside(Usage::of(1_000, 0), &plain.with_region(Region::Eu)), usd("0.00187").nanos());
    assert_eq!(beside(Usage::of(0, 0).with(Meter::WebSearch, 1), &plain), usd("0.0255").nanos()); // 0.03 × 0.85
    // What is held is the same product: 1,000 × 2 × 0.85 and 10 × 10 × 0.85 a million, and the request.
    assert_eq!(find(&table, "m").quote(1_000, 10, &plain).expect("fits"), usd("0.005185"));
    assert_eq!(find(&table, "m").rate(Meter::Output, 0, &plain), Some("8.5".parse().unwrap()));
}

#[test]
fn the_fees_of_tools_stay_where_the_contract_leaves_them_alone() {
    let plain = Conditions::new();
    let tokens = table(EVERYTHING).with_factor(&factor("0.85").without_tools()).expect("a factor");
    let searched = Usage::of(1_000, 0).with(Meter::WebSearch, 1);
    // 1,000 × 2 × 0.85 a million, 0.004 × 0.85 for the request, 0.03 for the search.
    assert_eq!(cost(&tokens, "m", searched, &plain), usd("0.0351"));
}

#[test]
fn a_fee_that_no_row_names_has_the_premium_too() {
    // Without a row's fee a search at Anthropic is held at $10 a thousand.
    let rows = r#"[{"provider": "anthropic", "model": "m", "standard": {"input": "1", "output": "1"}}]"#;
    let held = |table: &PricingTable| {
        let asked = [(Meter::WebSearch, Some(2))];
        find(table, "m").fees(&asked, &Conditions::new(), 10).expect("fees").usd()
    };
    assert_eq!(held(&table(rows)), usd("0.02"));
    assert_eq!(held(&table(rows).with_factor(&factor("1.1")).expect("a factor")), usd("0.022"));
    let tokens = factor("1.1").without_tools();
    assert_eq!(held(&table(rows).with_factor(&tokens).expect("a factor")), usd("0.02"));
}

#[test]
fn a_price_by_the_time_of_the_week_is_multiplied_inside_and_outside_its_hours() {
    let row = own("m", "2", "10").with_times(TimeRates::daily(["16:30-00:30"], rates("1", "5")));
    let table =
        PricingTable::empty().with_rows([row]).expect("rows").with_factor(&factor("1.5")).expect("a factor");
    let input = |at: &str| {
        let price = table.find(None, "m", at.parse().expect("an instant")).expect("a price");
        total(price, Usage::of(1_000_000, 0))
    };
    assert_eq!(input("2026-11-22T16:29:59Z"), Usd::dollars(3));
    assert_eq!(input("2026-11-22T16:30:00Z"), usd("1.5"));
}

#[test]
fn a_factor_begins_and_ends_and_the_price_says_until_when_it_holds() {
    let (from, until): (Timestamp, Timestamp) =
        ("2026-12-01T00:00:00Z".parse().unwrap(), "2027-01-01T00:00:00Z".parse().unwrap());
    let december = factor("0.5").with_from(from).with_until(until);
    let table = PricingTable::empty().with_rows([own("m", "2", "10")]).expect("rows");
    let table = table.with_factor(&december).expect("a factor");
    let at = |at: Timestamp| Arc::clone(table.find(None, "m", at).expect("a price"));
    let before = Timestamp::from_nanos(from.as_nanos() - 1);
    let last = Timestamp::from_nanos(until.as_nanos() - 1);
    for (instant, dollars, holds_until) in
        [(before, 12, from), (from, 6, until), (last, 6, until), (until, 12, Timestamp::MAX)]
    {
        assert_eq!(total(&at(instant), million()), Usd::dollars(dollars), "{instant}");
        assert_eq!(at(instant).holds_until(instant), holds_until, "{instant}");
    }
    assert!(at(before).source().factors().is_empty() && at(until).source().factors().is_empty());
    assert_eq!(at(from).source().to_string(), "own rows × 0.5");
}

#[test]
fn a_factor_selects_a_provider_and_models_by_their_beginning() {
    let rows = |models: [&str; 3]| models.map(|model| own(model, "1", "1"));
    let table = PricingTable::empty().with_rows(rows(["gpt-5", "gpt-5-mini", "gpt-4"])).expect("rows");
    let sold = PriceRow::new("google", "gemini").with_rates(ServiceTier::Standard, rates("1", "1"));
    let table = table.with_rows([sold]).expect("rows");
    let input = |factor: &PriceFactor| {
        let table = table.with_factor(factor).expect("a factor");
        ["gpt-5", "gpt-5-mini", "gpt-4", "gemini"]
            .map(|model| total(&find(&table, model), Usage::of(1_000_000, 0)).nanos() / 1_000_000_000)
    };
    assert_eq!(input(&factor("3")), [3, 3, 3, 3]);
    assert_eq!(input(&factor("3").of_provider("acme")), [3, 3, 3, 1]);
    assert_eq!(input(&factor("3").of_provider("gemini")), [1, 1, 1, 3]); // also called google
    assert_eq!(input(&factor("3").of_models("gpt-5")), [3, 3, 1, 1]);
    assert_eq!(input(&factor("3").of_models("gpt-5-")), [1, 3, 1, 1]);
}

#[test]
fn layers_and_factors_lie_in_the_order_in_which_they_are_added() {
    let listed = PricingTable::empty().with_rows([own("m", "2", "10")]).expect("rows");
    let discount = factor("0.85").named("contract 2026/17");
    let negotiated = || {
        [PriceRow::new("acme", "m")
            .with_rates(ServiceTier::Standard, Rates::new().with(Meter::Output, "4".parse().unwrap()))]
    };
    // A row laid over the discount stands as it is written; what it does not name stays discounted: 1.70 + 4.
    let over = listed.with_factor(&discount).unwrap().with_rows(negotiated()).unwrap();
    assert_eq!(cost(&over, "m", million(), &Conditions::new()), usd("5.7"));
    // A row below is discounted with the rest: (2 + 4) × 0.85.
    let below = listed.with_rows(negotiated()).unwrap().with_factor(&discount).unwrap();
    assert_eq!(cost(&below, "m", million(), &Conditions::new()), usd("5.1"));
    // A premium of ten percent on the discounted price: 12 × 0.85 × 1.1.
    let both = listed.with_factor(&discount).unwrap().with_factor(&factor("1.10")).unwrap();
    assert_eq!(cost(&both, "m", million(), &Conditions::new()), usd("11.22"));
    assert_eq!(find(&both, "m").source().to_string(), "own rows × 0.85 (contract 2026/17) × 1.1");
    // The table it was made of is as it was.
    assert_eq!(cost(&listed, "m", million(), &Conditions::new()), usd("12"));
}

#[test]
fn a_product_that_does_not_come_out_even_is_rounded_up_once() {
    // 21 decimals a million are the finest rate; a third of the last one is a whole one, and then no more.
    let third = factor("0.333333333");
    let finest = [own("m", "0.000000000000000000001", "0.000000000000000000003")];
    let table = PricingTable::empty().with_rows(finest).expect("rows").with_factor(&third).expect("a factor");
    let price = find(&table, "m");
    let rate = |meter: Meter| price.rate(meter, 0, &Conditions::new()).map(|rate| rate.to_string());
    assert_eq!(rate(Meter::Input).as_deref(), Some("0.000000000000000000001"));
    assert_eq!(rate(Meter::Output).as_deref(), Some("0.000000000000000000001")); // 0.999999999
    // Where the row's own factors multiply further, products stay whole as well, instead of being refused.
    let halved = [own("m", "0.000000000000000000003", "1").with_batch_factor("0.5".parse().unwrap())];
    assert!(PricingTable::empty().with_rows(halved.clone()).is_err());
    let even = [own("m", "0.000000000000000000006", "1").with_batch_factor("0.5".parse().unwrap())];
    let table =
        PricingTable::empty().with_rows(even).expect("rows").with_factor(&factor("0.5")).expect("a factor");
    let batch = Conditions::new().with_tier(ServiceTier::Batch);
    let rate = find(&table, "m").rate(Meter::Input, 0, &batch).map(|rate| rate.to_string());
    assert_eq!(rate.as_deref(), Some("0.000000000000000000002")); // 6 × 0.5 × 0.5, rounded up
}

#[test]
fn every_bundled_price_takes_a_discount_and_a_premium() {
    let bundled = PricingTable::bundled();
    let (plain, mut seen) = (Conditions::new(), 0);
    for text in ["0.85", "1.10", "0.123456789"] {
        let table = bundled.with_factor(&factor(text)).expect("a factor");
        let ratio: rust_decimal::Decimal = text.parse().unwrap();
        for (before, after) in bundled.prices().zip(table.prices()) {
            assert_eq!((before.model(), before.valid_from()), (after.model(), after.valid_from()));
            for meter in [Meter::Input, Meter::Output, Meter::WebSearch] {
                if let Some(rate) = before.rate(meter, 0, &plain) {
                    let product = after.rate(meter, 0, &plain).expect("a rate");
                    assert_eq!(product, (rate * ratio).normalize(), "{} {meter}", before.model());
                    seen += 1;
                }
            }
        }
    }
    assert!(seen > 1_000, "{seen}");
}

#[test]
fn what_is_free_stays_free_and_what_is_unknown_stays_unknown() {
    let rows = r#"[{"provider": "acme", "model": "f", "free": true}, {"provider": "acme", "model": "u", "unknown": true}]"#;
    let table = table(rows).with_factor(&factor("2")).expect("a factor");
    assert!(find(&table, "f").is_free());
    assert!(!find(&table, "u").quotes(&Conditions::new()));
}

#[test]
fn a_factor_that_cannot_be_meant_names_its_field() {
    let table = PricingTable::empty().with_rows([own("m", "2", "10")]).expect("rows");
    let told = |factor: &PriceFactor| {
        let error = table.with_factor(factor).map(|_| ()).expect_err("refused");
        assert_eq!(error.kind(), ErrorKind::Invalid);
        error.to_string()
    };
    let at = |secs: i64| Timestamp::from_secs(secs);
    for (factor, answer) in [
        (factor("0"), "factor: is zero; a model that costs nothing has a row that is free"),
        (factor("-0.85"), "factor: -0.85 is not between 0 and 1000; 15 percent off is 0.85"),
        (factor("1000.1"), "factor: 1000.1 is not between 0 and 1000; 15 percent off is 0.85"),
        (factor("0.0000000001"), "factor: 0.0000000001 has more than 9 decimals"),
        (factor("1").with_from(at(9)).with_until(at(9)), "until: does not lie after from"),
        (factor("1").of_provider("nobody"), "provider: the table has no row of \"nobody\""),
        (factor("1").of_models("gpt"), "models: the table has no such model that begins with \"gpt\""),
        (factor("1").named(""), "name: is not 1 to 128 bytes without control characters"),
    ] {
        assert_eq!(told(&factor), answer);
    }
    assert!(table.with_factor(&factor("1000")).is_ok() && table.with_factor(&factor("0.000000001")).is_ok());
    // A product above what a rate may be names the model and the rate.
    let dear = PricingTable::empty().with_rows([own("m", "2000", "10")]).expect("rows");
    let told = dear.with_factor(&factor("1000")).map(|_| ()).expect_err("refused").to_string();
    assert!(told.starts_with("price factor (\"acme\"/\"m\"): standard.input: 2000000 is above"), "{told}");
}

#[test]
fn a_factor_is_read_from_json_with_every_digit() {
    let text = r#"{"factor": "0.85", "name": "contract 2026/17", "provider": "openai", "models": "gpt-5",
        "from": "2026-12-01T00:00:00Z", "without_tools": true}"#;
    let read: PriceFactor = serde_json::from_str(text).expect("a factor");
    let from = "2026-12-01T00:00:00Z".parse().unwrap();
    let by_hand = factor("0.85").named("contract 2026/17").of_provider("openai").of_models("gpt-5");
    assert_eq!(read, by_hand.with_from(from).without_tools());
    assert_eq!(serde_json::from_str::<PriceFactor>(&serde_json::to_string(&read).unwrap()).unwrap(), read);
    for (text, part) in [
        (r#"{"factor": 0.85}"#, "expected a string"),
        (r#"{"factor": "85 %"}"#, "factor: \"85 %\" is not a plain decimal number"),
        (r#"{"provider": "openai"}"#, "missing field `factor`"),
        (r#"{"factor": "1", "model": "gpt-5"}"#, "unknown field `model`"),
    ] {
        let told = serde_json::from_str::<PriceFactor>(text).expect_err(text).to_string();
        assert!(told.contains(part), "{told}");
    }
}
