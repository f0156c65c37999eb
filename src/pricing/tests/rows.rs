//! Do own rows change what they name, when they say, and nothing else?

use super::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_secs(second)
}

fn input_rate(table: &PricingTable, second: i64) -> Option<String> {
    let price = table.find(None, "m", at(second))?;
    price.rate(Meter::Input, 0, &Conditions::new()).map(|rate| rate.to_string())
}

#[test]
fn an_own_row_replaces_only_what_it_names() {
    let json = r#"[{"provider": "openai", "model": "gpt-4o", "standard": {"input": "2"}, "output_tokens_max": 4096}]"#;
    let rows = PriceRow::list_from_json(json).expect("readable");
    let table = PricingTable::bundled().with_rows(rows).expect("good rows");
    let price = find(&table, "gpt-4o");
    let rate =
        |meter, tier| price.rate(meter, 0, &Conditions::new().with_tier(tier)).map(|rate| rate.to_string());
    assert_eq!(rate(Meter::Input, ServiceTier::Standard).as_deref(), Some("2"));
    assert_eq!(rate(Meter::CachedInput, ServiceTier::Standard).as_deref(), Some("1.25"));
    assert_eq!(rate(Meter::Output, ServiceTier::Standard).as_deref(), Some("10"));
    assert_eq!(rate(Meter::Input, ServiceTier::Batch).as_deref(), Some("1.25"));
    assert_eq!((price.context_tokens(), price.output_tokens_max()), (Some(128_000), Some(4096)));
    assert_eq!(price.source().name(), "own rows");
    assert_eq!(bundled("gpt-4o").source().version(), Some("1.109.1")); // the bundled table is as it was
}

#[test]
fn a_named_factor_replaces_the_listed_rates_of_its_tier() {
    let row = PriceRow::new("openai", "gpt-4o").with_batch_factor("0.4".parse().unwrap());
    let price = find(&PricingTable::bundled().with_rows([row]).expect("good row"), "gpt-4o");
    let batch = Conditions::new().with_tier(ServiceTier::Batch);
    assert_eq!(price.quote(1_000_000, 0, &batch).expect("fits"), Usd::dollars(1)); // 2.50 × 0.4
}

#[test]
fn a_version_ends_at_the_instant_the_next_begins() {
    let rows =
        [own("m", "1", "1").with_until(at(100)), own("m", "2", "2").with_from(at(100)).with_until(at(200))];
    let table = PricingTable::empty().with_rows(rows).expect("good rows");
    assert_eq!(input_rate(&table, 99).as_deref(), Some("1"));
    assert_eq!(input_rate(&table, 100).as_deref(), Some("2"));
    assert_eq!(input_rate(&table, 199).as_deref(), Some("2"));
    assert_eq!(input_rate(&table, 200), None);
    assert_eq!(table.find(None, "m", at(99)).expect("in force").valid_until(), at(100));
}

#[test]
fn a_dated_overlay_cuts_the_lower_price_where_it_begins_and_ends() {
    let lower = PricingTable::empty().with_rows([own("m", "1", "5").with_from(at(10))]).expect("good row");
    let sale = PriceRow::new("acme", "m")
        .with_rates(ServiceTier::Standard, Rates::new().with(Meter::Input, "0.5".parse().unwrap()))
        .with_until(at(200));
    let table = lower.with_rows([sale.with_from(at(100))]).expect("good row");
    for (second, rate) in [
        (9, None),
        (10, Some("1")),
        (99, Some("1")),
        (100, Some("0.5")),
        (199, Some("0.5")),
        (200, Some("1")),
    ] {
        assert_eq!(input_rate(&table, second).as_deref(), rate, "at {second}");
    }
    let during = table.find(None, "m", at(150)).expect("in force");
    assert_eq!((during.valid_from(), during.valid_until()), (at(100), at(200)));
    assert_eq!(during.quote(0, 1_000_000, &Conditions::new()).expect("fits"), Usd::dollars(5));
}

#[test]
fn an_overlay_fills_gaps_only_where_it_is_complete() {
    let lower = PricingTable::empty().with_rows([own("m", "1", "5").with_from(at(10))]).expect("good row");
    let complete = lower.with_rows([own("m", "3", "3")]).expect("good row");
    assert_eq!(input_rate(&complete, 9).as_deref(), Some("3"));
    let partial = PriceRow::new("acme", "m")
        .with_rates(ServiceTier::Standard, Rates::new().with(Meter::Input, 3.into()));
    let partial = lower.with_rows([partial]).expect("good row");
    assert_eq!((input_rate(&partial, 9), input_rate(&partial, 10).as_deref()), (None, Some("3")));
}

#[test]
fn a_duplicate_in_one_layer_is_an_error_and_in_the_next_an_overlay() {
    let twice = PricingTable::empty().with_rows([own("a", "1", "1"), own("m", "1", "1"), own("m", "2", "2")]);
    let text = twice.expect_err("a duplicate").to_string();
    assert_eq!(text, r#"price row 3 ("acme"/"m"): model: has two rows for the same time in one layer"#);
    let overlapping = [own("m", "1", "1").with_until(at(101)), own("m", "2", "2").with_from(at(100))];
    assert!(PricingTable::empty().with_rows(overlapping).is_err());
    let synonym =
        [own("m", "1", "1"), own("m", "1", "1")].map(|row| PriceRow { provider: "gemini".into(), ..row });
    assert!(PricingTable::empty().with_rows(synonym).is_err());
    let table = PricingTable::empty()
        .with_rows([own("m", "1", "1")])
        .and_then(|table| table.with_rows([own("m", "2", "2")]));
    assert_eq!(input_rate(&table.expect("two layers"), 0).as_deref(), Some("2"));
}

#[test]
fn a_hostile_figure_is_refused_by_name() {
    for figure in [
        "\"1_000\"",
        "\"-1\"",
        "1.5",
        "2",
        "\"1e3\"",
        "\"\"",
        "\".5\"",
        "\"5.\"",
        "\"NaN\"",
        "null",
        "\"٣\"",
        "\"0.0000000000000000000001\"",
        "\"1000000.1\"",
        "\"123456789012345678901234567890\"",
        "\"0.0000000000000000000000000000000000000000000000001\"",
    ] {
        let json =
            format!(r#"[{{"provider":"acme","model":"m","standard":{{"input":{figure},"output":"1"}}}}]"#);
        let result = PriceRow::list_from_json(&json).and_then(|rows| PricingTable::empty().with_rows(rows));
        let text = result.expect_err(figure).to_string();
        assert!(text.contains("price row 1") && text.contains("input"), "{figure}: {text}");
    }
}

#[test]
fn a_hostile_row_is_refused_whole() {
    let good = r#"{"provider":"acme","model":"m","standard":{"input":"1","output":"1"}}"#;
    assert_eq!(PriceRow::list_from_json(&format!("[{good}]")).expect("readable").len(), 1);
    for row in [
        r#"{"provider":"acme","model":"m","standard":{"input":"1","output":"1"},"surprise":1}"#,
        r#"{"provider":"acme","model":"m","standard":{"input":"1","output":"1","audio":"1"}}"#,
        r#"{"provider":"acme","model":"m","standard":{"input":"1","input":"2","output":"1"}}"#,
        r#"{"provider":"acme","model":"m","standard":{"input":"1"}}"#,
        r#"{"provider":"acme","model":"m"}"#,
        r#"{"provider":"acme","standard":{"input":"1","output":"1"}}"#,
        r#"{"provider":"","model":"m","standard":{"input":"1","output":"1"}}"#,
        r#"{"provider":"acme","model":"m\n","standard":{"input":"1","output":"1"}}"#,
        r#"{"provider":"acme","model":"m","context_tokens":-1,"standard":{"input":"1","output":"1"}}"#,
        r#"{"provider":"acme","model":"m","from":"2026-01-01T00:00:00Z","until":"2026-01-01T00:00:00Z","standard":{"input":"1","output":"1"}}"#,
        r#"{"provider":"acme","model":"m","from":"yesterday","standard":{"input":"1","output":"1"}}"#,
        r#"{"provider":"acme","model":"m","batch_factor":"101","standard":{"input":"1","output":"1"}}"#,
        r#"{"provider":"acme","model":"m","batch_factor":0.5,"standard":{"input":"1","output":"1"}}"#,
        r#"{"provider":"acme","model":"m","batch_factor":"0.333333333","standard":{"input":"0.0000000000001","output":"1"}}"#,
        r#"{"provider":"acme","model":"m","allowances":[{"meter":"moons","count":1,"period":"day"}],"standard":{"input":"1","output":"1"}}"#,
        r#"{"provider":"acme","model":"m","minimums":[{"meter":"moons","count":1}],"standard":{"input":"1","output":"1"}}"#,
        r#"{"provider":"acme","model":"m","region_factors":{"moon":"1"},"standard":{"input":"1","output":"1"}}"#,
        r#"{"provider":"acme","model":"m","region_factors":{"us":1.1},"standard":{"input":"1","output":"1"}}"#,
        r#"{"provider":"acme","model":"m","times":[{"hours":["25:00-26:00"],"rates":{}}],"standard":{"input":"1","output":"1"}}"#,
        r#"{"provider":"acme","model":"m","times":[{"hours":["01:00-02:00"],"zone":"Moon","rates":{}}],"standard":{"input":"1","output":"1"}}"#,
        r#"{"provider":"acme","model":"m","bands":[{"standard":{"input":"1"}}],"standard":{"input":"1","output":"1"}}"#,
        r#"{"provider":"acme","model":"m","standard":{"input":"1","output":"1","web_search":"10.1"}}"#,
        "7",
    ] {
        let json = format!("[{good},{row}]").replace("\"m\"", "\"m2\"").replacen("\"m2\"", "\"m\"", 1);
        let result = PriceRow::list_from_json(&json).and_then(|rows| PricingTable::empty().with_rows(rows));
        let text = result.expect_err(row).to_string();
        assert!(text.contains("price row 2"), "{row}: {text}");
    }
    assert!(PriceRow::list_from_json(&"[".repeat(100_000)).is_err());
}

#[test]
fn a_layer_has_a_stated_size() {
    let endless = (0_u64..).map(|number| own(&format!("m{number}"), "1", "1"));
    assert!(PricingTable::empty().with_rows(endless).expect_err("endless").to_string().contains("20000"));
    let slices = (0_i64..).map(|second| own("m", "1", "1").with_from(at(second)).with_until(at(second + 1)));
    assert!(
        PricingTable::empty()
            .with_rows(slices.take(101))
            .expect_err("sliced")
            .to_string()
            .contains("100 rows")
    );
    let long = own(&"m".repeat(257), "1", "1");
    assert!(PricingTable::empty().with_rows([long]).is_err());
}

#[test]
fn a_row_survives_json_unchanged() {
    let row = own("m", "0.003625", "10")
        .with_long_context(200_000, rates("2", "3"))
        .with_batch_factor("0.5".parse().unwrap())
        .with_from(at(5));
    let json = serde_json::to_string(&[&row]).expect("writable");
    assert_eq!(PriceRow::list_from_json(&json).expect("readable"), [row]);
}
