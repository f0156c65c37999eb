//! Is a call charged what the provider's own report says, line by line?

use token_budget::call::ServiceTier;
use token_budget::enforcer::Actual;
use token_budget::ledger::Certainty;
use token_budget::pricing::{PriceRow, Rates};
use token_budget::usage::Meter;
use token_budget::wire::{StreamMeter, UsageReport, extract};
use token_budget::{Budget, Policy, PricingTable, Usd, Window};

use crate::support::{House, call, team, usd};

fn hundred_dollars() -> House {
    House::new(Policy::new([Budget::usd("search", team(), Usd::dollars(100), Window::month())]).unwrap())
}

fn read(body: &str) -> UsageReport {
    extract(None, body.as_bytes(), []).unwrap()
}

#[test]
fn another_model_that_advised_is_charged_at_its_own_price() {
    let house = hundred_dollars();
    let in_flight = house.admit(&call("small", 1_000)).send();
    let report = read(
        r#"{"model": "small", "usage": {"input_tokens": 5, "output_tokens": 100, "iterations": [
            {"type": "advisor_message", "model": "large", "input_tokens": 7, "output_tokens": 50},
            {"type": "message", "input_tokens": 5, "output_tokens": 100}]}}"#,
    );

    let receipt = in_flight.reconcile(report).wait().unwrap();

    // 100 × $0.001 for the answer, 50 × $0.02 for the advice.
    assert_eq!((receipt.cost(), receipt.certainty()), (usd("1.10"), Certainty::Reported));
    assert_eq!(receipt.beside().len(), 1);
    assert_eq!(receipt.overrun(), usd("0.10"));
    assert_eq!(house.dollars(&call("small", 0)), (usd("1.10"), Usd::ZERO));
}

#[test]
fn several_lines_are_rounded_up_once() {
    // A tenth of a nano-dollar a token: three lines of one token each are 0.3 nano-dollars.
    let rates = Rates::per_million("0.0001", "0.0001").unwrap();
    let prices = PricingTable::empty()
        .with_rows([PriceRow::new("own", "dust").with_rates(ServiceTier::Standard, rates)])
        .unwrap();
    let policy = Policy::new([Budget::usd("search", team(), Usd::dollars(1), Window::month())]).unwrap();
    let enforcer = token_budget::Enforcer::builder().policy(policy).prices(prices).build();
    let in_flight = enforcer.reserve(&call("dust", 1)).wait().unwrap().or_refusal().unwrap().send();
    let report = read(
        r#"{"usage": {"input_tokens": 0, "output_tokens": 1, "iterations": [
            {"type": "compaction", "input_tokens": 1, "output_tokens": 0},
            {"type": "compaction", "input_tokens": 1, "output_tokens": 0}]}}"#,
    );

    assert_eq!(in_flight.reconcile(report).wait().unwrap().cost(), Usd::from_nanos(1));
}

#[test]
fn a_line_for_an_unknown_model_is_charged_like_the_answer_and_marked() {
    let house = hundred_dollars();
    let in_flight = house.admit(&call("small", 1_000)).send();
    let report = read(
        r#"{"model": "small", "usage": {"input_tokens": 0, "output_tokens": 100, "iterations": [
            {"type": "advisor_message", "model": "nobody-knows", "input_tokens": 0, "output_tokens": 50}]}}"#,
    );

    let receipt = in_flight.reconcile(report).wait().unwrap();
    assert_eq!((receipt.cost(), receipt.certainty()), (usd("0.15"), Certainty::Estimated));
}

#[test]
fn the_tier_that_was_served_sets_the_price() {
    let rates = |output: &str| Rates::per_million("0", output).unwrap();
    let row = PriceRow::new("own", "tiered")
        .with_rates(ServiceTier::Standard, rates("1000"))
        .with_rates(ServiceTier::Priority, rates("2000"));
    let prices = PricingTable::empty().with_rows([row]).unwrap();
    let policy = Policy::new([Budget::usd("search", team(), Usd::dollars(10), Window::month())]).unwrap();
    let enforcer = token_budget::Enforcer::builder().policy(policy).prices(prices).build();
    let charged = |body: &str| {
        let asked = call("tiered", 1_000)
            .conditions(token_budget::call::Conditions::new().with_tier(ServiceTier::Priority));
        let in_flight = enforcer.reserve(&asked).wait().unwrap().or_refusal().unwrap().send();
        in_flight.reconcile(read(body)).wait().unwrap().cost()
    };

    let usage = r#""usage": {"prompt_tokens": 1, "completion_tokens": 500, "total_tokens": 501}"#;
    assert_eq!(charged(&format!(r#"{{"service_tier": "default", {usage}}}"#)), usd("0.50"));
    assert_eq!(charged(&format!(r#"{{"service_tier": "priority", {usage}}}"#)), usd("1"));
    // What is not said, or in a word without a price, is charged as it was asked for.
    assert_eq!(charged(&format!("{{{usage}}}")), usd("1"));
    assert_eq!(charged(&format!(r#"{{"service_tier": "auto", {usage}}}"#)), usd("1"));
}

#[test]
fn a_stream_that_broke_off_is_charged_and_never_free() {
    let house = hundred_dollars();
    let in_flight = house.admit(&call("milli", 1_000)).send();
    let mut meter = StreamMeter::new(None);
    meter.push(b"data: {\"choices\":[{\"delta\":{\"content\":\"partial answer\"}}]}\n\ndata: {\"choi");
    let report = meter.finish();
    // 14 bytes are at most 14 tokens.
    let counted = report.clone().or_estimated(10, report.text.bytes_all());

    let receipt = in_flight.reconcile(counted).wait().unwrap();
    assert_eq!((receipt.cost(), receipt.certainty()), (usd("0.014"), Certainty::Estimated));

    // Nobody counted: charged as it was held.
    let in_flight = house.admit(&call("milli", 1_000)).send();
    let receipt = in_flight.reconcile(report).wait().unwrap();
    assert_eq!((receipt.cost(), receipt.certainty()), (usd("1"), Certainty::Estimated));
}

#[test]
fn usage_from_the_beginning_of_a_stream_is_not_charged_as_the_whole() {
    let house = hundred_dollars();
    let in_flight = house.admit(&call("milli", 1_000)).send();
    let mut meter = StreamMeter::new(None);
    meter.push(b"data: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":25,\"output_tokens\":1}}}\n\n");
    meter.push(b"data: {\"type\":\"content_block_delta\",\"delta\":{\"text\":\"and on\"}}\n\n");

    let receipt = in_flight.reconcile(meter.finish()).wait().unwrap();

    // As held for, until somebody counts or the provider says more.
    assert_eq!((receipt.cost(), receipt.certainty()), (usd("1"), Certainty::Estimated));
    assert_eq!(receipt.usage().input(), Some(25));
}

#[test]
fn a_pass_beside_an_empty_answer_is_charged_alone() {
    let house = hundred_dollars();
    let in_flight = house.admit(&call("milli", 1_000)).send();
    let report = read(
        r#"{"stop_reason": "compaction", "usage": {"input_tokens": 0, "output_tokens": 0, "iterations": [
            {"type": "compaction", "input_tokens": 5, "output_tokens": 50}]}}"#,
    );
    let receipt = in_flight.reconcile(report).wait().unwrap();
    assert_eq!((receipt.cost(), receipt.certainty()), (usd("0.05"), Certainty::Reported));
}

#[test]
fn a_cost_from_a_provider_known_to_report_it_is_charged_in_place_of_the_tables() {
    let house = hundred_dollars();
    let in_flight = house.admit(&call("milli", 1_000)).send();
    let body =
        br#"{"usage": {"prompt_tokens": 1, "completion_tokens": 100, "total_tokens": 101, "cost": 0.0123}}"#;

    let receipt = in_flight.reconcile(extract(Some("openrouter"), body, []).unwrap()).wait().unwrap();
    assert_eq!((receipt.cost(), receipt.certainty()), (usd("0.0123"), Certainty::Reported));
    assert_eq!(receipt.cost_by_table().unwrap().total(), usd("0.10"));

    let in_flight = house.admit(&call("milli", 1_000)).send();
    let receipt = in_flight.reconcile(extract(Some("openai"), body, []).unwrap()).wait().unwrap();
    assert_eq!(receipt.cost(), usd("0.10"));
}

#[test]
fn anthropics_region_and_speed_are_taken_over() {
    let report = Actual::from(read(
        r#"{"usage": {"input_tokens": 1, "output_tokens": 1, "inference_geo": "us", "speed": "fast",
            "service_tier": "standard"}}"#,
    ));
    assert_eq!(report.region, Some(token_budget::call::Region::Us));
    assert_eq!(report.tier, Some(ServiceTier::Fast));
}

/// A row that lists a model with these rates and no others.
fn only(model: &str, rates: &[(Meter, &str)]) -> PriceRow {
    let rates = rates.iter().fold(Rates::new(), |all, (meter, rate)| all.with(*meter, rate.parse().unwrap()));
    PriceRow::new("own", model).with_rates(ServiceTier::Standard, rates).completely()
}

fn penniless(rows: impl IntoIterator<Item = PriceRow>) -> token_budget::Enforcer {
    let policy = Policy::new([Budget::usd("search", team(), Usd::ZERO, Window::month())]).unwrap();
    let prices = PricingTable::empty().with_rows(rows).unwrap();
    token_budget::Enforcer::builder().policy(policy).prices(prices).build()
}

#[test]
fn a_model_billed_by_the_second_is_not_held_at_nothing() {
    // Ten hours of speech once passed an empty budget: its tokens have no rate, and no rate was zero.
    let enforcer = penniless([only("scribe", &[(Meter::AudioInMs, "0.36")])]);
    let refused = enforcer.reserve(&call("scribe", 10)).wait().unwrap().or_refusal().unwrap_err();
    assert!(refused.to_string().contains("60000 × audio_in_ms, assumed: 0.006 USD"), "{refused}");
    let ten_hours = call("scribe", 10).may_use(Meter::AudioInMs, 36_000_000);
    assert_eq!(enforcer.quote(&ten_hours).unwrap(), Some(usd("3.60")));
}

#[test]
fn a_model_without_a_rate_that_was_served_costs_what_was_held_for() {
    let priced = only("priced", &[(Meter::Input, "1000"), (Meter::Output, "1000")]);
    let prices =
        PricingTable::empty().with_rows([priced, only("mystery", &[(Meter::AudioInMs, "1")])]).unwrap();
    let policy = Policy::new([Budget::usd("search", team(), Usd::dollars(9), Window::month())]).unwrap();
    let enforcer = token_budget::Enforcer::builder().policy(policy).prices(prices).build();
    let in_flight = enforcer.reserve(&call("priced", 2_000)).wait().unwrap().or_refusal().unwrap().send();
    let report = read(
        r#"{"model": "mystery", "usage": {"prompt_tokens": 0, "completion_tokens": 2000, "total_tokens": 2000}}"#,
    );

    let receipt = in_flight.reconcile(report).wait().unwrap();
    assert_eq!((receipt.cost(), receipt.certainty()), (usd("2"), Certainty::Estimated));
}

#[test]
fn a_batch_that_says_default_of_itself_is_charged_as_a_batch() {
    let rates = |output: &str| Rates::per_million("0", output).unwrap();
    let row = PriceRow::new("own", "tiered")
        .with_rates(ServiceTier::Standard, rates("1000"))
        .with_rates(ServiceTier::Batch, rates("500"));
    let prices = PricingTable::empty().with_rows([row]).unwrap();
    let policy = Policy::new([Budget::usd("search", team(), Usd::dollars(9), Window::month())]).unwrap();
    let enforcer = token_budget::Enforcer::builder().policy(policy).prices(prices).build();
    let asked =
        call("tiered", 1_000).conditions(token_budget::call::Conditions::new().with_tier(ServiceTier::Batch));
    let in_flight = enforcer.reserve(&asked).wait().unwrap().or_refusal().unwrap().send();
    let report =
        read(r#"{"service_tier": "default", "usage": {"prompt_tokens": 0, "completion_tokens": 1000}}"#);
    assert_eq!(in_flight.reconcile(report).wait().unwrap().cost(), usd("0.50"));
}

#[test]
fn another_seller_of_the_same_name_sets_no_price() {
    let row = |seller: &str, output: &str| {
        PriceRow::new(seller, "twin")
            .with_rates(ServiceTier::Standard, Rates::per_million("0", output).unwrap())
    };
    let prices = PricingTable::empty().with_rows([row("cheap", "500"), row("dear", "1000")]).unwrap();
    let policy = Policy::new([Budget::usd("search", team(), Usd::dollars(9), Window::month())]).unwrap();
    let enforcer = token_budget::Enforcer::builder().policy(policy).prices(prices).build();
    let in_flight = enforcer.reserve(&call("dear/twin", 1_000)).wait().unwrap().or_refusal().unwrap().send();
    let report = read(
        r#"{"model": "twin", "usage": {"prompt_tokens": 0, "completion_tokens": 1000, "total_tokens": 1000}}"#,
    );
    let receipt = in_flight.reconcile(report).wait().unwrap();
    assert_eq!((receipt.cost(), receipt.certainty()), (usd("1"), Certainty::Reported));
}
