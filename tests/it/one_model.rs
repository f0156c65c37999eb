//! Does no spelling of a model pass by its budget, its provider's or its ladder, and are other models left alone?

use token_budget::decision::{Quote, TierAction};
use token_budget::ledger::Balance;
use token_budget::policy::Tier;
use token_budget::{
    Admission, Amount, Budget, Call, Enforcer, Policy, PricingTable, Tiers, Usd, Window, check_budget,
};

use crate::support::{at, ready, team, usd};

fn call(model: &str) -> Call {
    Call::new(model).team("search").input_tokens(1_000).output_tokens(1_000)
}

/// A team with room for everything, but for what the second budget selects: that may cost nothing.
fn without(closed: Budget, prices: PricingTable) -> Enforcer {
    let open = Budget::usd("open", team(), Usd::dollars(1_000), Window::day());
    Enforcer::builder().policy(Policy::new([open, closed]).expect("a policy")).prices(prices).build()
}

fn closed() -> Budget {
    Budget::usd("closed", team(), Usd::ZERO, Window::day())
}

fn passes(enforcer: &Enforcer, call: &Call) -> bool {
    enforcer.reserve(call).wait().expect("a ledger in memory").is_admitted()
}

#[test]
fn every_spelling_that_has_a_models_price_is_bound_by_its_budget() {
    let prices = PricingTable::bundled().with_alias("house-model", "openai/gpt-4o").expect("known");
    let enforcer = without(closed().model("gpt-4o"), prices);
    // Only the first was bound: whoever wrote another passed the budget at the same price.
    for model in [
        "gpt-4o",
        "openai/gpt-4o",
        "gpt-4o-2024-08-06",
        "openai/gpt-4o-2024-08-06",
        "gpt-4o-latest",
        "house-model",
    ] {
        assert!(!passes(&enforcer, &call(model)), "{model}");
        assert!(!passes(&enforcer, &call(model).provider("openai")), "{model}");
    }
    for model in ["gpt-4o-mini", "openai/gpt-4o-mini", "gpt-4o-mini-2024-07-18", "gpt-4.1", "o3"] {
        assert!(passes(&enforcer, &call(model)), "{model}");
    }
}

#[test]
fn a_budget_written_in_another_spelling_binds_the_model() {
    let enforcer = without(closed().model("openai/gpt-4o"), PricingTable::bundled());
    assert!(!passes(&enforcer, &call("gpt-4o")));
    assert!(!passes(&enforcer, &call("gpt-4o-2024-08-06").provider("openai")));
    assert!(passes(&enforcer, &call("gpt-4o-mini")));
}

#[test]
fn a_dated_version_and_an_alias_have_budgets_of_their_own() {
    let dated = without(closed().model("gpt-4o-2024-08-06"), PricingTable::bundled());
    assert!(!passes(&dated, &call("gpt-4o-2024-08-06")));
    assert!(!passes(&dated, &call("openai/gpt-4o-2024-08-06")));
    assert!(passes(&dated, &call("gpt-4o-2024-11-20")));
    assert!(passes(&dated, &call("gpt-4o")));

    // Two deployments of one model, of which one is closed.
    let prices = PricingTable::bundled().with_alias("dev", "gpt-4o").expect("known");
    let prices = prices.with_alias("prod", "gpt-4o").expect("known");
    let aliased = without(closed().model("dev"), prices);
    assert!(!passes(&aliased, &call("dev")));
    assert!(passes(&aliased, &call("prod")));
    assert!(passes(&aliased, &call("gpt-4o")));
}

#[test]
fn a_call_that_names_no_provider_goes_to_the_one_whose_price_it_has() {
    let enforcer = without(closed().provider("gemini"), PricingTable::bundled());
    // `gemini` and `google` are one seller.
    for google in [
        call("gemini-2.5-flash"),
        call("models/gemini-2.5-flash"),
        call("gemini/gemini-2.5-flash"),
        call("gemini-2.5-flash").provider("google"),
    ] {
        assert!(!passes(&enforcer, &google), "{google:?}");
    }
    assert!(passes(&enforcer, &call("gpt-4o")));
    assert!(passes(&enforcer, &call("gpt-4o").provider("openai")));
}

#[test]
fn another_spelling_of_a_rung_stands_on_the_ladder_where_the_rung_does() {
    // Stops stronger models at half of a cent.
    let half = Tier { percent: 50.into(), action: TierAction::Degrade };
    let full = Tier { percent: 100.into(), action: TierAction::Block };
    let budget = Budget::usd("search", team(), Usd::cents(1), Window::day())
        .tiers(Tiers::new([half, full]).expect("rising"));
    let policy = Policy::new([budget]).expect("a policy").with_ladder(["gpt-4.1", "gpt-4.1-nano"]);
    let enforcer = Enforcer::builder().policy(policy).build();
    for model in ["gpt-4.1", "openai/gpt-4.1", "gpt-4.1-2025-04-14"] {
        // $2 and $8 a million: six tenths of a cent, more than half of the limit and less than all of it.
        let call = Call::new(model).team("search").input_tokens(1_000).output_tokens(500);
        assert_eq!(enforcer.quote(&call).expect("a price"), Some(usd("0.006")));
        let Admission::Refused(decision) = enforcer.reserve(&call).wait().expect("a ledger in memory") else {
            panic!("{model} passed the tier that degrades")
        };
        assert_eq!(decision.next_rung(), Some("gpt-4.1-nano"), "{model}");
        let admission = ready(enforcer.reserve_on_ladder(&call)).expect("a ledger in memory");
        assert!(admission.is_admitted(), "{model}");
    }
}

#[test]
fn without_prices_names_are_compared_as_they_are_spelt() {
    let policy = Policy::new([closed().model("gpt-4o")]).expect("a policy");
    let lines = |model: &str| {
        let quote = Quote::of(Amount::request(Usd::cents(1), 1_000, 1_000));
        let decision =
            check_budget(&policy, &call(model), |_| Balance::default(), &quote, at("2026-11-22T12:00:00Z"));
        decision.expect("a decision").refusals().len()
    };
    assert_eq!(["gpt-4o", "GPT-4o", "openai/gpt-4o", "gpt-4o-2024-08-06"].map(lines), [1; 4]);
    assert_eq!(["gpt-4o-mini", "gpt-4"].map(lines), [0; 2]);
}

#[test]
fn another_spelling_of_a_name_does_not_pass_its_budget() {
    let enforcer = without(closed().model("claude-sonnet-4-5"), PricingTable::bundled());
    for model in [
        "Claude-Sonnet-4-5",
        "claude-sonnet-4.5",
        "anthropic/claude-sonnet-4.5",
        "claude-sonnet-4-5@20250929",
    ] {
        assert!(!passes(&enforcer, &call(model)), "{model}");
    }
    // Sold by others, the name is the same model's.
    for (provider, model) in
        [("vertex_ai", "claude-sonnet-4-5@20250929"), ("openrouter", "anthropic/claude-sonnet-4.5")]
    {
        assert!(!passes(&enforcer, &call(model).provider(provider)), "{provider}");
    }
    assert!(passes(&enforcer, &call("claude-haiku-4.5")));
}
