//! Does every price say whether its model reasons unseen, and how fast?

use super::*;
use crate::pricing::{Reasoning, Unseen};

fn read(json: &str) -> Result<ModelPrice, Error> {
    let table = PricingTable::bundled().with_rows(PriceRow::list_from_json(json)?)?;
    Ok(find(&table, "gpt-4o").as_ref().clone())
}

#[test]
fn the_bundled_prices_say_what_is_known_of_each_family() {
    for (model, reasoning) in [
        ("gpt-4o", Reasoning::Never),
        ("gpt-4.1-mini", Reasoning::Never),
        ("claude-3-5-haiku-20241022", Reasoning::Never),
        ("text-embedding-3-small", Reasoning::Never),
        ("llama-3.3-70b-versatile", Reasoning::Never),
        ("claude-sonnet-4-5", Reasoning::OnRequest),
        ("gpt-5.1", Reasoning::OnRequest), // its effort is none unless asked for
        ("gpt-5", Reasoning::Always),
        ("o3", Reasoning::Always),
        ("o1-mini", Reasoning::Always), // the older table does not say it
        ("claude-opus-5", Reasoning::Always),
        ("gemini-2.5-pro", Reasoning::Always),
        ("gemini-2.5-flash", Reasoning::Always), // unless its budget is 0
        ("deepseek-reasoner", Reasoning::Always),
        ("magistral-medium-latest", Reasoning::Always),
    ] {
        assert_eq!(bundled(model).reasoning(), reasoning, "{model}");
    }
}

#[test]
fn fast_sellers_state_their_speed_and_no_speed_is_zero() {
    for price in PricingTable::bundled().prices() {
        let fast = ["cerebras", "groq", "sambanova", "fireworks", "openrouter"].contains(&price.provider());
        let Unseen::TokensPerSecond(speed) = price.unseen() else { panic!("{price:?}") };
        assert!(if fast { speed > 1_000 } else { speed == 500 }, "{} {speed}", price.model());
    }
}

#[test]
fn an_import_that_says_nothing_of_an_unknown_model_leaves_it_reasoning() {
    let import = Import::litellm(
        br#"{"acme/new": {"litellm_provider": "acme", "mode": "chat", "input_cost_per_token": 1e-06,
             "output_cost_per_token": 2e-06}}"#,
    );
    let table = PricingTable::empty().with_import(PriceSource::new("test"), &import.expect("readable"));
    assert_eq!(find(&table.expect("good rows"), "new").reasoning(), Reasoning::Always);
    assert_eq!(price_of(own("m", "1", "2")).reasoning(), Reasoning::Always);
}

#[test]
fn a_table_that_says_a_model_can_reason_is_believed_over_its_family() {
    let import = Import::litellm(
        br#"{"gpt-4o-thinker": {"litellm_provider": "acme", "mode": "chat", "input_cost_per_token": 1e-06,
             "output_cost_per_token": 2e-06, "supports_reasoning": true}}"#,
    );
    assert_eq!(import.expect("readable").rows()[0].reasoning, Some(Reasoning::Always));
}

#[test]
fn an_own_row_says_it_in_json_and_replaces_nothing_else() {
    let price = read(
        r#"[{"provider": "openai", "model": "gpt-4o", "reasoning": "on_request", "unseen_tokens_per_second": 3000}]"#,
    );
    let price = price.expect("a good row");
    assert_eq!((price.reasoning(), price.unseen()), (Reasoning::OnRequest, Unseen::TokensPerSecond(3_000)));
    assert_eq!(price.output_tokens_max(), Some(16_384));

    let slow = PriceRow::new("openai", "gpt-4o").with_unseen(Unseen::TokensPerSecond(60));
    let lower = PricingTable::bundled().with_rows([slow]).expect("a good row");
    assert_eq!(find(&lower, "gpt-4o").reasoning(), Reasoning::Never);
    let upper = lower.with_rows([PriceRow::new("openai", "gpt-4o").with_unseen(Unseen::Hold)]);
    assert_eq!(find(&upper.expect("a good row"), "gpt-4o").unseen(), Unseen::Hold); // not both
}

#[test]
fn a_speed_that_says_nothing_is_an_error() {
    for field in [
        r#""unseen_tokens_per_second": 0"#,
        r#""unseen": "hold", "unseen_tokens_per_second": 5"#,
        r#""unseen": "fast""#,
        r#""reasoning": "sometimes""#,
    ] {
        let row = format!(r#"[{{"provider": "openai", "model": "gpt-4o", {field}}}]"#);
        assert!(read(&row).is_err(), "{field}");
    }
}
