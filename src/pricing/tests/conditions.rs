//! Is a request priced by the conditions under which it ran?

use super::*;

fn at(text: &str) -> Timestamp {
    text.parse().expect("an instant")
}

fn priced(price: &ModelPrice, usage: Usage, conditions: Conditions) -> Usd {
    price.cost(&usage, &conditions).expect("priced").total()
}

fn one(meter: Meter, rate: &str) -> Rates {
    Rates::new().with(meter, rate.parse().expect("a rate"))
}

#[test]
fn a_band_begins_above_its_edge_or_at_it_as_the_row_says() {
    // 1 USD a million up to 100 tokens, 2 from 101 on, 3 from 200 on.
    let row =
        own("m", "1", "0").with_long_context(100, rates("2", "0")).with_input_from(200, rates("3", "0"));
    let price = price_of(row);
    for (input, nanos) in [(100, 100_000), (101, 202_000), (199, 398_000), (200, 600_000), (999, 2_997_000)] {
        assert_eq!(total(&price, Usage::of(input, 0)).nanos(), nanos, "{input}");
    }
    assert_eq!(price.input_edges().collect::<Vec<_>>(), [101, 200]);
}

#[test]
fn a_band_falls_back_to_the_ordinary_rates_and_not_to_another_band() {
    let row = own("m", "1", "10")
        .with_long_context(100, rates("2", "20"))
        .with_long_context(200, one(Meter::Input, "3"));
    assert_eq!(total(&price_of(row), Usage::of(300, 100)).nanos(), 900_000 + 1_000_000); // 300 × 3 + 100 × 10
}

#[test]
fn bands_that_do_not_rise_or_have_no_edge_are_refused() {
    let read = |bands: &str| {
        let standard = r#""standard":{"input":"1","output":"1"}"#;
        let text = format!(r#"[{{"provider":"acme","model":"m",{standard},"bands":[{bands}]}}]"#);
        PriceRow::list_from_json(&text).and_then(|rows| PricingTable::empty().with_rows(rows)).map(drop)
    };
    read(r#"{"above_input_tokens":9},{"from_input_tokens":11}"#).expect("rising");
    for bands in [
        r#"{"above_input_tokens":10},{"from_input_tokens":11}"#,
        r#"{"above_input_tokens":20},{"above_input_tokens":10}"#,
        r#"{"above_input_tokens":10,"from_input_tokens":11}"#,
        r#"{"from_input_tokens":0}"#,
        r#"{"above_input_tokens":18446744073709551615}"#,
        r"{}",
    ] {
        assert!(read(bands).unwrap_err().to_string().contains("bands"), "{bands}");
    }
}

#[test]
fn a_hold_covers_a_shorter_input_that_is_dearer() {
    // gpt-5.4 under priority: 5 a million up to 272,000 tokens and no rate above, where it is the
    // standard one of 5 as well; with output 30 below and 22.50 above.
    let price = bundled("gpt-5.4");
    let priority = Conditions::new().with_tier(ServiceTier::Priority);
    let cost = |input| priced(&price, Usage::of(input, 1_000_000), priority);
    assert_eq!((cost(272_000), cost(272_001)), (usd("31.36"), usd("23.860005")));
    assert_eq!(price.quote(272_001, 1_000_000, &priority).expect("fits"), usd("31.36"));
    assert_eq!(price.output_tokens_affordable(usd("31.36"), 272_001, &priority), 1_000_000);
}

#[test]
fn a_region_multiplies_tokens_and_leaves_fees() {
    let row = own("m", "10", "0")
        .with_rates(ServiceTier::Standard, rates("10", "0").with(Meter::WebSearch, "0.5".parse().unwrap()))
        .with_region_factor(Region::Us, "1.1".parse().unwrap());
    let price = price_of(row);
    let usage = Usage::of(1_000_000, 0).with(Meter::WebSearch, 1);
    let cost = |region| priced(&price, usage, Conditions::new().with_region(region));
    assert_eq!(
        (cost(Region::Global), cost(Region::Us), cost(Region::Eu)),
        (usd("10.5"), usd("11.5"), usd("10.5"))
    );
    let us = Conditions::new().with_region(Region::Us);
    assert_eq!(price.quote(1_000_000, 0, &us).expect("fits"), usd("11"));
}

#[test]
fn fast_is_its_own_factor_or_the_price_of_priority() {
    let fast = Conditions::new().with_tier(ServiceTier::Fast);
    let million = Usage::of(1_000_000, 0);
    let factor = own("m", "5", "5").with_factor(ServiceTier::Fast, 2.into());
    assert_eq!(priced(&price_of(factor.clone()), million, fast), Usd::dollars(10));
    let in_us = factor.with_region_factor(Region::Us, "1.1".parse().unwrap());
    assert_eq!(priced(&price_of(in_us), million, fast.with_region(Region::Us)), Usd::dollars(11));
    let priority = own("m", "5", "5").with_rates(ServiceTier::Priority, rates("8", "8"));
    assert_eq!(priced(&price_of(priority), million, fast), Usd::dollars(8));
    assert_eq!(priced(&price_of(own("m", "5", "5")), million, fast), Usd::dollars(5));
}

#[test]
fn a_price_by_the_hour_holds_inside_its_window_and_no_longer() {
    let off_peak = TimeRates::daily(["16:30-00:30"], rates("1", "2"));
    let row = own("m", "4", "8")
        .with_rates(ServiceTier::Batch, rates("2", "4"))
        .with_long_context(100, rates("9", "9"))
        .with_times(off_peak);
    let table = PricingTable::empty().with_rows([row]).expect("good row");
    let million = |time: &str, conditions: Conditions| {
        let price = table.find(Some("acme"), "m", at(time)).expect("in force");
        priced(price, Usage::of(1_000_000, 0), conditions)
    };
    let plain = Conditions::new();
    assert_eq!(million("2026-11-02T16:29:59.999999999Z", plain), Usd::dollars(9));
    // It replaces what the length and the tier would have made of it.
    assert_eq!(million("2026-11-02T16:30:00Z", plain), Usd::dollars(1));
    assert_eq!(million("2026-11-03T00:29:59Z", plain.with_tier(ServiceTier::Batch)), Usd::dollars(1));
    assert_eq!(million("2026-11-03T00:30:00Z", plain), Usd::dollars(9));
    let price = table.find(Some("acme"), "m", at("2026-11-02T12:00:00Z")).expect("in force");
    assert_eq!(price.holds_until(at("2026-11-02T12:00:00Z")), at("2026-11-02T16:30:00Z"));
    assert_eq!(price.valid_until(), Timestamp::MAX);
    let night = table.find(Some("acme"), "m", at("2026-11-02T20:00:00Z")).expect("in force");
    assert_eq!(night.holds_until(at("2026-11-02T20:00:00Z")), at("2026-11-03T00:30:00Z"));
}

#[test]
fn the_end_of_a_version_comes_before_a_later_edge_of_the_day() {
    let row = own("m", "4", "8").with_times(TimeRates::daily(["16:30-00:30"], rates("1", "2")));
    let until = at("2026-11-02T13:00:00Z");
    let table = PricingTable::empty().with_rows([row.with_until(until)]).expect("good row");
    let price = table.find(None, "m", at("2026-11-02T12:00:00Z")).expect("in force");
    assert_eq!(price.holds_until(at("2026-11-02T12:00:00Z")), until);
    assert!(table.find(None, "m", until).is_none());
}

#[test]
fn the_fee_of_a_request_is_charged_once_and_held() {
    let with_fee = rates("1", "1").with(Meter::Request, "0.005".parse().unwrap());
    let price = price_of(own("m", "1", "1").with_rates(ServiceTier::Standard, with_fee));
    assert_eq!(total(&price, Usage::of(1_000, 0)), usd("0.006"));
    assert_eq!(total(&price, Usage::of(1_000, 0).with(Meter::Request, 3)), usd("0.016"));
    let conditions = Conditions::new();
    assert_eq!(price.quote(1_000, 0, &conditions).expect("fits"), usd("0.006"));
    assert_eq!(price.output_tokens_affordable(usd("0.007"), 1_000, &conditions), 1_000);
    assert_eq!(price.output_tokens_affordable(usd("0.0059"), 1_000, &conditions), 0);
}

#[test]
fn a_search_costs_what_its_size_costs() {
    let text = r#"[{"provider":"acme","model":"m","standard":{"input":"0","output":"0","web_search":"0.008"},
        "search_context":{"low":"0.005","high":"0.012"}}]"#;
    let table = PriceRow::list_from_json(text).and_then(|rows| PricingTable::empty().with_rows(rows));
    let price = find(&table.expect("good row"), "m");
    let cost = |size| {
        let conditions = Conditions::new().with_search_context(size);
        priced(&price, Usage::of(0, 0).with(Meter::WebSearch, 2), conditions)
    };
    assert_eq!(cost(SearchContext::Low), usd("0.01"));
    assert_eq!(cost(SearchContext::Medium), usd("0.016"));
    assert_eq!(cost(SearchContext::High), usd("0.024"));
}

#[test]
fn sound_is_priced_as_sound_wherever_it_stands() {
    let all = rates("1", "10")
        .with(Meter::CachedInput, "0.5".parse().unwrap())
        .with(Meter::InputAudio, 8.into())
        .with(Meter::CachedAudio, 2.into())
        .with(Meter::OutputAudio, 20.into());
    let price = price_of(own("m", "1", "1").with_rates(ServiceTier::Standard, all));
    let usage = Usage::of(1_000, 100)
        .with_cached_input(400)
        .with(Meter::CachedAudio, 100)
        .with(Meter::InputAudio, 300)
        .with(Meter::OutputAudio, 60);
    // 400 text, 300 cached text, 100 cached sound, 200 sound; 40 text and 60 sound out:
    // 400 × 1 + 300 × 0.5 + 100 × 2 + 200 × 8 + 40 × 10 + 60 × 20 = 3,950 millionths
    let cost = price.cost(&usage, &Conditions::new()).expect("priced");
    assert_eq!(cost.total(), usd("0.00395"));
    let lines: Vec<_> = cost.lines().map(|line| (line.meter, line.quantity)).collect();
    let expected = [
        (Meter::Input, 400),
        (Meter::CachedInput, 300),
        (Meter::Output, 40),
        (Meter::InputAudio, 200),
        (Meter::CachedAudio, 100),
        (Meter::OutputAudio, 60),
    ];
    assert_eq!(lines, expected);
    let sound = Conditions::new().with_modality(Modality::Audio);
    assert_eq!(price.quote(1_000, 100, &Conditions::new()).expect("fits"), usd("0.002"));
    assert_eq!(price.quote(1_000, 100, &sound).expect("fits"), usd("0.01")); // 1,000 × 8 + 100 × 20
}

#[test]
fn cached_sound_without_a_rate_is_cached_input_or_else_sound() {
    let usage = Usage::of(1_000_000, 0)
        .with_cached_input(1_000_000)
        .with(Meter::CachedAudio, 1_000_000)
        .with(Meter::InputAudio, 1_000_000);
    let sound = rates("1", "1").with(Meter::InputAudio, 8.into());
    let row = |rates| own("m", "1", "1").with_rates(ServiceTier::Standard, rates);
    assert_eq!(total(&price_of(row(sound.clone())), usage), Usd::dollars(8));
    let cached = sound.with(Meter::CachedInput, "0.5".parse().unwrap());
    assert_eq!(total(&price_of(row(cached)), usage), usd("0.5"));
}

#[test]
fn an_hour_of_sound_is_exact_and_a_minimum_is_billed() {
    let hours = rates("0", "0").with(Meter::AudioInMs, "0.111".parse().unwrap());
    let price = price_of(
        own("m", "0", "0").with_rates(ServiceTier::Standard, hours).with_minimum(Meter::AudioInMs, 10_000),
    );
    let cost = |ms| total(&price, Usage::of(0, 0).with(Meter::AudioInMs, ms));
    assert_eq!(cost(3_600_000), usd("0.111"));
    assert_eq!(cost(10_800_000), usd("0.333"));
    assert_eq!(cost(10_000), usd("0.000308334")); // 0.000308333…
    assert_eq!(cost(1), usd("0.000308334"));
    assert_eq!(cost(0), Usd::ZERO);
}

#[test]
fn what_has_no_rate_is_told() {
    let price = price_of(own("m", "1", "1"));
    for meter in [Meter::Page, Meter::Citation, Meter::AudioInMs, Meter::CharacterOut] {
        let usage = Usage::of(1, 1).with(meter, 1);
        assert!(!price.cost(&usage, &Conditions::new()).expect("priced").is_complete(), "{meter}");
    }
    assert!(price.cost(&Usage::of(1, 1).with(Meter::Page, 0), &Conditions::new()).unwrap().is_complete());
}

#[test]
fn an_allowance_is_told_and_lowers_nothing() {
    let searched = rates("0", "0").with(Meter::WebSearch, "0.01".parse().unwrap());
    let row = own("m", "0", "0")
        .with_rates(ServiceTier::Standard, searched)
        .with_allowance(Allowance::new(Meter::WebSearch, 1_500, "day").shared_by("flash"));
    let price = price_of(row);
    assert_eq!(total(&price, Usage::of(0, 0).with(Meter::WebSearch, 1)), Usd::cents(1));
    assert_eq!(price.allowances()[0].to_string(), "1500 web_search free each day, shared by flash");
}

#[test]
fn a_complete_row_lets_nothing_of_a_lower_one_through() {
    let lower = own("m", "1", "1")
        .with_rates(ServiceTier::Batch, rates("0.1", "0.1"))
        .with_long_context(100, rates("9", "9"))
        .with_region_factor(Region::Us, 2.into());
    let table = PricingTable::empty().with_rows([lower]).expect("good row");
    let upper = own("m", "3", "3").completely();
    let price = find(&table.with_rows([upper]).expect("good row"), "m");
    let batch = Conditions::new().with_tier(ServiceTier::Batch).with_region(Region::Us);
    assert_eq!(priced(&price, Usage::of(1_000_000, 0), batch), Usd::dollars(3));
}

#[test]
fn every_condition_survives_json() {
    let row = own("m", "1", "1")
        .with_rates(ServiceTier::Ultrafast, rates("5", "5"))
        .with_factor(ServiceTier::Fast, 2.into())
        .with_long_context(100, rates("9", "9"))
        .with_input_from(900, rates("10", "10"))
        .with_times(TimeRates::daily(["01:00-02:00"], rates("0", "0")).on_weekdays([6, 7], "Asia/Shanghai"))
        .with_region_factor(Region::Other, "1.1".parse().unwrap())
        .with_minimum(Meter::AudioInMs, 10_000)
        .with_allowance(Allowance::new(Meter::WebSearch, 5, "month"))
        .completely();
    let json = serde_json::to_string(&[&row]).expect("writable");
    assert_eq!(PriceRow::list_from_json(&json).expect("readable"), [row]);
}
