//! What do the recipes share? A team with two cents, the provider's address, and how the books are told.
//!
//! Each recipe in `src/bin` puts one real client under a budget, asks until a budget refuses, and prints what
//! became of every call. `cargo test` runs them against a provider on loopback that keeps its own bill.

use token_budget::enforcer::ForRequests;
use token_budget::http::HttpBudget;
use token_budget::{Budget, Call, Enforcer, Error, Policy, Receipt, Scope, Usd, Window};

/// What a recipe ends with.
pub type Outcome = Result<(), Box<dyn std::error::Error>>;

/// The model that every recipe asks: $2.50 for a million input tokens, $10.00 for a million output tokens.
pub const MODEL: &str = "gpt-4o";

/// The output that every recipe asks for: half a cent, held until the call has ended.
pub const OUTPUT_TOKENS: u32 = 500;

/// How often a recipe asks, unless a budget ends it before.
pub const QUESTIONS: usize = 12;

/// An enforcer over the team's two cents, with its books in memory.
///
/// # Errors
/// None that can be met: the policy is a fixed one.
pub fn enforcer() -> Result<Enforcer, Error> {
    let budget = Budget::usd("search", Scope::team("search")?, Usd::cents(2), Window::lifetime());
    Ok(Enforcer::builder().policy(Policy::new([budget])?).build())
}

/// The gate of the recipes that keep budgets on HTTP itself: everything is charged to the team.
///
/// Real hosts are known. On loopback it has to be said that OpenAI's language is spoken there, and that usage
/// may be asked for at the end of streams.
pub fn gate(enforcer: &Enforcer) -> HttpBudget {
    HttpBudget::new(enforcer.clone(), |_| Ok(Call::charging().team("search")))
        .provider_of(|head| (head.host() == "127.0.0.1").then(|| "openai".into()))
        .inject_usage_for("127.0.0.1")
}

/// The provider's address up to its version: the first argument, else `OPENAI_BASE_URL`.
///
/// # Errors
/// `NotPresent` where neither is given.
pub fn base_url() -> Result<String, std::env::VarError> {
    std::env::args().nth(1).map_or_else(|| std::env::var("OPENAI_BASE_URL"), Ok)
}

/// Prints what a call was charged, and what is left.
///
/// # Errors
/// The receipt's own, else as [`Enforcer::check`].
pub async fn tell(enforcer: impl Into<ForRequests>, receipt: Result<Receipt, Error>) -> Result<(), Error> {
    let (enforcer, receipt) = (enforcer.into(), receipt?);
    let (input, output) = (receipt.usage().input().unwrap_or(0), receipt.usage().output().unwrap_or(0));
    println!("charged ${} for {input} tokens in and {output} out", receipt.cost());
    for budget in enforcer.check(&Call::new(MODEL).team("search")).await?.budgets() {
        let left = Usd::from_nanos(budget.remaining.unwrap_or(i64::MAX));
        println!("    {} has ${left} left", budget.scope);
    }
    Ok(())
}

/// Prints the books, as they stand in the end.
///
/// # Errors
/// As [`Enforcer::check`].
pub async fn close(enforcer: impl Into<ForRequests>) -> Outcome {
    let enforcer = enforcer.into();
    for budget in enforcer.check(&Call::new(MODEL).team("search")).await?.budgets() {
        let (spent, reserved) = (Usd::from_nanos(budget.spent), Usd::from_nanos(budget.reserved));
        println!("books of {}: ${spent} spent, ${reserved} reserved", budget.scope);
    }
    Ok(())
}
