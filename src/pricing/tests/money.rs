//! Is a call priced exactly, and a quote never below its cost?

use proptest::prelude::*;

use super::*;

const BATCH: Conditions = Conditions::new().with_tier(ServiceTier::Batch);

#[test]
fn a_million_output_tokens_cost_ten_dollars_large_and_forty_cents_nano() {
    assert_eq!(total(&bundled("gpt-4o"), Usage::of(0, 1_000_000)), Usd::dollars(10));
    assert_eq!(total(&bundled("gpt-4.1-nano"), Usage::of(0, 1_000_000)), Usd::cents(40));
}

#[test]
fn fifty_million_tokens_cost_five_dollars_nano_and_five_hundred_large() {
    assert_eq!(total(&bundled("gpt-4.1-nano"), Usage::of(50_000_000, 0)), Usd::dollars(5));
    assert_eq!(total(&bundled("gpt-4o"), Usage::of(0, 50_000_000)), Usd::dollars(500));
}

#[test]
fn cached_input_and_batch_cost_half_on_gpt_4o() {
    let price = bundled("gpt-4o");
    assert_eq!(total(&price, Usage::of(1_000_000, 0)), usd("2.50"));
    assert_eq!(total(&price, Usage::of(1_000_000, 0).with_cached_input(1_000_000)), usd("1.25"));
    let batch = price.cost(&Usage::of(1_000_000, 1_000_000), &BATCH).expect("priced");
    assert_eq!(batch.total(), usd("6.25"));
}

#[test]
fn a_cost_is_rounded_up_once() {
    // 0.0004 USD per million is 0.4 nano-dollars a token: 0.4 + 0.4 = 0.8 → 1, where
    // rounding each line would give 2.
    let price = price_of(own("m", "0.0004", "0.0004"));
    assert_eq!(total(&price, Usage::of(1, 1)).nanos(), 1);
    assert_eq!(total(&price, Usage::of(1, 2)).nanos(), 2); // 1.2
    assert_eq!(total(&price, Usage::of(3, 2)).nanos(), 2); // 2.0 exactly
    assert_eq!(total(&price, Usage::of(0, 0)).nanos(), 0);
}

#[test]
fn every_class_of_tokens_is_counted_once() {
    let all = rates("1", "10")
        .with(Meter::CachedInput, "0.1".parse().expect("decimal"))
        .with(Meter::CacheWrite5m, "1.25".parse().expect("decimal"))
        .with(Meter::CacheWrite1h, "2".parse().expect("decimal"))
        .with(Meter::Reasoning, "20".parse().expect("decimal"));
    let price = price_of(PriceRow::new("acme", "m").with_rates(ServiceTier::Standard, all));
    let usage = Usage::of(1_000_000, 100_000)
        .with_cached_input(400_000)
        .with_cache_write_5m(200_000)
        .with_cache_write_1h(100_000)
        .with_reasoning(60_000);
    // 300,000 × 1 + 400,000 × 0.1 + 200,000 × 1.25 + 100,000 × 2 + 40,000 × 10 + 60,000 × 20, per million:
    // 0.30 + 0.04 + 0.25 + 0.20 + 0.40 + 1.20
    let cost = price.cost(&usage, &Conditions::new()).expect("priced");
    assert_eq!(cost.total(), usd("2.39"));
    assert_eq!(cost.lines().map(|line| line.quantity).sum::<u64>(), 1_100_000);
    let amounts = cost.lines().filter_map(|line| line.amount);
    assert_eq!(amounts.fold(ExactUsd::ZERO, |sum, part| sum.checked_add(part).expect("fits")), cost.exact());
    assert_eq!(cost.exact().to_decimal(), Some(cost.total().to_decimal()));
}

#[test]
fn a_missing_part_takes_the_rate_of_its_whole_and_zero_is_a_price() {
    let usage =
        Usage::of(4, 2).with_cached_input(1).with_cache_write_5m(1).with_cache_write_1h(1).with_reasoning(1);
    assert_eq!(total(&price_of(own("m", "1000", "2000")), usage).nanos(), 8_000_000);
    let write = rates("1000", "2000").with(Meter::CacheWrite5m, 3_000.into());
    let price = price_of(PriceRow::new("acme", "m").with_rates(ServiceTier::Standard, write));
    assert_eq!(total(&price, usage).nanos(), 12_000_000); // both writes at 3,000
    let free = rates("1000", "2000").with(Meter::CachedInput, 0.into());
    let price = price_of(PriceRow::new("acme", "m").with_rates(ServiceTier::Standard, free));
    assert_eq!(total(&price, usage).nanos(), 7_000_000);
}

#[test]
fn what_was_not_reported_is_an_error_and_not_zero() {
    let price = bundled("gpt-4o");
    for (usage, field) in
        [(Usage::new().with_output(5), "usage.input"), (Usage::new().with_input(5), "usage.output")]
    {
        let error = price.cost(&usage, &Conditions::new()).expect_err("incomplete");
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(error.to_string().starts_with(field), "{error}");
    }
    let contradiction = Usage::of(5, 5).with_cached_input(6);
    assert_eq!(price.cost(&contradiction, &Conditions::new()).unwrap_err().kind(), ErrorKind::Invalid);
}

#[test]
fn the_long_context_price_starts_one_token_above_its_edge() {
    // gemini-2.5-pro: 1.25 and 10 up to 200,000 tokens of input, 2.50 and 15 above.
    let price = bundled("gemini-2.5-pro");
    assert_eq!(total(&price, Usage::of(200_000, 1_000)), usd("0.26")); // 0.25 + 0.01
    assert_eq!(total(&price, Usage::of(200_001, 1_000)), usd("0.5150025")); // 0.5000025 + 0.015
    let conditions = Conditions::new();
    assert_eq!(price.quote(200_000, 1_000, &conditions).expect("fits"), usd("0.26"));
    assert_eq!(price.quote(200_001, 1_000, &conditions).expect("fits"), usd("0.5150025"));
    // Cached tokens count towards the edge.
    let cached = Usage::of(200_001, 0).with_cached_input(200_001);
    assert_eq!(total(&price, cached), usd("0.05000025")); // 0.25 per million
}

#[test]
fn conditions_combine_before_they_fall_back() {
    // gemini-2.5-pro has long + batch (1.25), but flex (0.625) only for short requests.
    let price = bundled("gemini-2.5-pro");
    let cost = |tier: ServiceTier, input: u64| {
        price.cost(&Usage::of(input, 0), &Conditions::new().with_tier(tier)).expect("priced").total()
    };
    assert_eq!(cost(ServiceTier::Batch, 300_000), usd("0.375"));
    assert_eq!(cost(ServiceTier::Flex, 200_000), usd("0.125"));
    assert_eq!(cost(ServiceTier::Flex, 300_000), usd("0.75")); // the standard long price, 2.50
    assert_eq!(cost(ServiceTier::Priority, 300_000), usd("1.35")); // 4.50
}

#[test]
fn a_factor_discounts_every_class_exactly_and_leaves_fees() {
    let fee =
        rates("3", "15").with(Meter::Reasoning, 20.into()).with(Meter::WebSearch, "0.01".parse().unwrap());
    let row = PriceRow::new("acme", "m")
        .with_rates(ServiceTier::Standard, fee)
        .with_long_context(100, rates("6", "22.5"))
        .with_batch_factor("0.5".parse().unwrap());
    let price = price_of(row);
    let usage = Usage::of(100, 100).with_reasoning(10).with(Meter::WebSearch, 2);
    // (100 × 1.5 + 90 × 7.5 + 10 × 10) per million + 2 × 0.01
    assert_eq!(price.cost(&usage, &BATCH).expect("priced").total(), usd("0.020925"));
    // Above 100 tokens output costs 22.5, and so does reasoning, halved: 101 × 3 + 100 × 11.25
    assert_eq!(price.cost(&Usage::of(101, 100).with_reasoning(10), &BATCH).unwrap().total(), usd("0.001428"));
}

#[test]
fn a_tool_without_a_known_fee_is_told_and_not_passed_off_as_free() {
    let unknown =
        price_of(own("m", "1", "1")).cost(&Usage::of(0, 0).with(Meter::WebSearch, 1), &Conditions::new());
    assert!(!unknown.expect("priced").is_complete());
    let claude = bundled("claude-sonnet-4-5");
    let cost = claude.cost(&Usage::of(0, 0).with(Meter::WebSearch, 1), &Conditions::new()).expect("priced");
    assert!(cost.is_complete());
    assert_eq!(cost.total(), Usd::cents(1));
}

#[test]
fn a_caller_that_writes_caches_is_quoted_the_dearest_write() {
    // claude-sonnet-4-5: input 3, write for an hour 6, output 15.
    let price = bundled("claude-sonnet-4-5");
    let plain = Conditions::new();
    assert_eq!(price.quote(100_000, 1_000, &plain).expect("fits"), usd("0.315"));
    assert_eq!(price.quote(100_000, 1_000, &plain.with_cache_writes()).expect("fits"), usd("0.615"));
}

#[test]
fn what_is_affordable_stops_at_the_last_token_that_fits() {
    // gpt-4o: 1,000 input tokens cost 0.0025, one output token 0.00001.
    let (price, conditions) = (bundled("gpt-4o"), Conditions::new());
    assert_eq!(price.output_tokens_affordable(usd("0.0125"), 1_000, &conditions), 1_000);
    assert_eq!(price.output_tokens_affordable(usd("0.012499999"), 1_000, &conditions), 999);
    assert_eq!(price.output_tokens_affordable(usd("0.0025"), 1_000, &conditions), 0);
    assert_eq!(price.output_tokens_affordable(usd("-1"), 0, &conditions), 0);
    let free = price_of(own("m", "1", "0"));
    assert_eq!(free.output_tokens_affordable(Usd::cents(1), 10, &conditions), u64::MAX);
}

#[test]
fn a_cost_that_does_not_fit_is_an_error() {
    let price = price_of(own("m", "1000000", "1000000"));
    let conditions = Conditions::new();
    let overflow = |result: Result<Usd, Error>| result.expect_err("too much").kind() == ErrorKind::Overflow;
    assert!(overflow(price.quote(u64::MAX, u64::MAX, &conditions)));
    assert!(overflow(price.cost(&Usage::of(u64::MAX, u64::MAX), &conditions).map(|cost| cost.total())));
    assert!(overflow(price.quote(9_223_372_037, 0, &conditions)));
    assert_eq!(price.quote(9_223_372_036, 0, &conditions).expect("fits").nanos(), 9_223_372_036_000_000_000);
}

/// A price of the catalog, or one with every condition there is.
fn any_price(which: usize) -> Arc<ModelPrice> {
    let table = PricingTable::bundled();
    let prices: Vec<_> = table.prices().collect();
    match which % 4 {
        0 => Arc::new(price_of(own_with_everything())),
        _ => Arc::clone(prices[which % prices.len()]),
    }
}

fn own_with_everything() -> PriceRow {
    let all = Meter::ALL.into_iter().zip(1_i64..).fold(Rates::new(), |rates, (meter, number)| {
        let cap = if meter.counts_tokens() { number } else { number % 7 };
        rates.with(meter, cap.into())
    });
    own("m", "3", "4")
        .with_rates(ServiceTier::Standard, all)
        .with_rates(ServiceTier::Priority, rates("90", "80"))
        .with_long_context(1_000, rates("7", "60"))
        .with_input_from(200_000, rates("1", "2").with(Meter::InputAudio, 50.into()))
        .with_region_factor(Region::Eu, "1.1".parse().unwrap())
        .with_factor(ServiceTier::Fast, 2.into())
}

fn any_conditions(tier: usize, region: usize) -> Conditions {
    let regions = [Region::Global, Region::Us, Region::Eu, Region::Other];
    let conditions = Conditions::new().with_tier(ServiceTier::ALL[tier % 8]).with_region(regions[region % 4]);
    let conditions = conditions.with_modality(Modality::Audio).with_modality(Modality::Image);
    conditions.with_modality(Modality::Video).with_cache_writes()
}

proptest! {
    #[test]
    fn a_quote_is_never_below_the_cost(
        input in 0_u64..400_000, output in 0_u64..100_000,
        parts in proptest::collection::vec(0_u64..400_000, 16),
        less in (0_u64..400_000, 0_u64..100_000),
        which in 0_usize..4_000, tier in 0_usize..8, region in 0_usize..4,
    ) {
        let (price, conditions) = (any_price(which), any_conditions(tier, region));
        let whole = Usage::of(input.saturating_sub(less.0), output.saturating_sub(less.1));
        let usage = Meter::ALL.into_iter().take(16).zip(parts).fold(whole, |usage, (meter, part)| {
            if meter.whole().is_some() { usage.with(meter, part) } else { usage }
        });
        let cost = price.cost(&usage.clamped().0, &conditions).unwrap();
        prop_assert!(cost.total() <= price.quote(input, output, &conditions).unwrap());
        let lines = cost.lines().filter_map(|line| line.amount);
        let sum = lines.fold(ExactUsd::ZERO, |sum, part| sum.checked_add(part).unwrap());
        prop_assert_eq!(sum, cost.exact());
        prop_assert_eq!(cost.exact().rounded_up().unwrap(), cost.total());
    }

    #[test]
    fn a_quote_never_falls_as_a_call_grows(
        input in 0_u64..400_000, output in 0_u64..100_000, more in (0_u64..300_000, 0_u64..100_000),
        which in 0_usize..4_000, tier in 0_usize..8, region in 0_usize..4,
    ) {
        let (price, conditions) = (any_price(which), any_conditions(tier, region));
        let quote = price.quote(input, output, &conditions).unwrap();
        prop_assert!(quote <= price.quote(input + more.0, output, &conditions).unwrap());
        prop_assert!(quote <= price.quote(input, output + more.1, &conditions).unwrap());
    }

    #[test]
    fn one_token_more_than_affordable_does_not_fit(room in 0_i64..10_000_000_000, input in 0_u64..400_000, which in 0_usize..1_000) {
        let table = PricingTable::bundled();
        let prices: Vec<_> = table.prices().collect();
        let price = prices[which % prices.len()];
        let (room, conditions) = (Usd::from_nanos(room), Conditions::new());
        let tokens = price.output_tokens_affordable(room, input, &conditions);
        // Where output is free no number of tokens is too many.
        let Some(more) = tokens.checked_add(1) else { return Ok(()) };
        prop_assert!(price.quote(input, more, &conditions).unwrap() > room);
        prop_assert!(tokens == 0 || price.quote(input, tokens, &conditions).unwrap() <= room);
    }
}
