//! Budgets that hold, in three short scenes and a reckoning.
//!
//! 1. An agent goes wild, and is stopped at its run's limit.
//! 2. A team passes 80 % of its month, and somebody is told: once.
//! 3. Two hundred calls at once meet a budget with room for one hundred.
//!
//! Nothing here needs the network: the provider is a few lines at the end of
//! this file. It keeps a bill of its own, from its own prices, and has never
//! heard of budgets. Last of all the books are laid beside that bill; if they
//! differ by a nano-dollar, the example fails.
//!
//! ```text
//! cargo run --example quickstart
//! ```

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use token_budget::ledger::Attribution;
use token_budget::usage::Unit;
use token_budget::{
    Budget, Call, Enforcer, Event, Observer, Policy, RunGuard, Scope, Tiers, Usage, Usd, Window,
};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let enforcer = Enforcer::builder().policy(policy()?).observer(PrintThresholds).build();
    let provider = Arc::new(Provider::default());

    an_agent_goes_wild(&enforcer, &provider)?;
    a_team_is_warned_once(&enforcer, &provider)?;
    two_hundred_calls_at_once(&enforcer, &provider).await?;
    the_books_beside_the_bill(&enforcer, &provider).await?;
    println!("{NEXT}");
    Ok(())
}

/// What to try next.
const NEXT: &str = "
Next:
  cargo run --example wrap_a_client      # put budgets around the client that you have
  cargo run --example agent_run          # a leash for an agent: rounds, tools, time, agents below it
  cargo run --example policy_file        # say in a file what may be spent
  cargo run --manifest-path examples/gateway/Cargo.toml   # clients in any language: a gateway with virtual keys";

/// Who may spend what. In production this is a file that operators edit.
fn policy() -> Result<Policy, Box<dyn Error>> {
    let organization = Scope::organization("acme")?;
    Ok(Policy::new([
        // Warns from 80 % on, and stops at 120 %.
        Budget::usd("search", Scope::team("search")?, Usd::dollars(10), Window::month())
            .tiers(Tiers::soft_hard(80, 120)?),
        // Plain: what would go above the limit is refused; landing on it is allowed.
        Budget::usd("batch", Scope::team("batch")?, Usd::dollars(2), Window::day()),
        // No limit: it keeps the books of the whole organisation and refuses nothing.
        Budget::new("books", organization.into(), Unit::Usd, None, Window::lifetime()),
    ])?)
}

/// Scene 1: an agent that sends its whole history again each round grows dearer each round.
fn an_agent_goes_wild(enforcer: &Enforcer, provider: &Provider) -> Result<(), Box<dyn Error>> {
    println!("1. An agent goes wild");
    let leash = RunGuard::builder("fix-flaky-test")
        .charging(Call::charging().organization("acme").team("agents"))
        .usd(Usd::dollars(1))
        .open(enforcer)
        .wait()?;

    let mut history = 2_000;
    let refused = loop {
        let call = Call::new("gpt-4o").input_tokens(history).output_tokens(1_000);
        match leash.reserve(&call).wait()?.or_refusal() {
            Ok(reservation) => {
                let (input, most) = (history, reservation.output_tokens());
                let in_flight = reservation.send();
                let _receipt = in_flight.reconcile(provider.answer(input, most)).wait()?;
            }
            Err(decision) => break decision,
        }
        history = history.saturating_add(1_500);
    };
    println!("   {refused}");

    leash.stop(Attribution::new("ada", "it never reads the error message")).wait()?;
    let report = leash.report().wait()?;
    println!("   {} rounds, ${} spent of ${}\n", report.iterations, report.spent_usd, Usd::dollars(1));
    Ok(())
}

/// Scene 2: calls of five cents each; the hundred-and-sixtieth lands on $8.00, which is 80 % of $10.
fn a_team_is_warned_once(enforcer: &Enforcer, provider: &Provider) -> Result<(), Box<dyn Error>> {
    println!("2. A team passes 80 % of its month");
    let team = Call::new("gpt-4o").organization("acme").team("search");
    let call = team.input_tokens(4_000).output_tokens(4_000);
    for _ in 0..170 {
        let in_flight = enforcer.reserve(&call).wait()?.or_refusal()?.send();
        let _receipt = in_flight.reconcile(provider.answer(4_000, 4_000)).wait()?;
    }
    println!("   170 calls were made, and the threshold was told once\n");
    Ok(())
}

/// Scene 3: every call holds two cents before it is sent, so a hundred fit into $2.00 and no more.
async fn two_hundred_calls_at_once(
    enforcer: &Enforcer,
    provider: &Arc<Provider>,
) -> Result<(), Box<dyn Error>> {
    println!("3. Two hundred calls at once");
    let call = Call::new("gpt-4o").organization("acme").team("batch").input_tokens(0).output_tokens(2_000);
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..200 {
        let (enforcer, provider, call) = (enforcer.clone(), Arc::clone(provider), call.clone());
        calls.spawn(async move {
            let Ok(reservation) = enforcer.reserve(&call).await?.or_refusal() else { return Ok(false) };
            let in_flight = reservation.send();
            tokio::time::sleep(Duration::from_millis(20)).await; // the model thinks
            let _receipt = in_flight.reconcile(provider.answer(0, 2_000)).await?;
            Ok::<bool, token_budget::Error>(true)
        });
    }
    let mut made = 0_u32;
    while let Some(call) = calls.join_next().await {
        made = made.saturating_add(u32::from(call??));
    }
    println!("   {made} were made, {} were refused before they cost anything", 200_u32.saturating_sub(made));
    println!("   {}\n", enforcer.check(&call).await?);
    Ok(())
}

/// The reckoning: what the ledger wrote down is what the provider charged.
async fn the_books_beside_the_bill(enforcer: &Enforcer, provider: &Provider) -> Result<(), Box<dyn Error>> {
    // A call that names only the organisation is bound by the organisation's budget alone.
    let advice = enforcer.check(&Call::new("gpt-4o").organization("acme").input_tokens(0)).await?;
    let books = advice.budgets().into_iter().find(|state| state.budget == "books");
    let books = books.ok_or("the books are bound to the organisation")?;
    let (spent, reserved) = (Usd::from_nanos(books.spent), Usd::from_nanos(books.reserved));
    let bill = Usd::from_nanos(i64::try_from(provider.bill.load(Ordering::SeqCst))?);

    println!("The books    ${spent} spent, ${reserved} still held");
    println!("The bill     ${bill}");
    if spent != bill || reserved != Usd::ZERO {
        return Err(format!("the books say ${spent} and the bill says ${bill}").into());
    }
    println!("They are equal.");
    Ok(())
}

/// Hears what happens. A real one would write to a chat or a pager.
#[derive(Debug)]
struct PrintThresholds;

impl Observer for PrintThresholds {
    fn observe(&self, event: &Event) {
        if let Event::Reached { budget, window, spent, unit, .. } = event {
            println!("   told once: budget {budget} {window} has reached {}", unit.show(*spent));
        }
    }
}

/// Answers every call at the full length allowed, and bills it.
#[derive(Debug, Default)]
struct Provider {
    /// In nano-dollars.
    bill: AtomicU64,
}

impl Provider {
    /// gpt-4o: $2.50 for a million input tokens, $10.00 for a million output tokens.
    fn answer(&self, input: u64, output: u64) -> Usage {
        let price = input.saturating_mul(2_500).saturating_add(output.saturating_mul(10_000));
        self.bill.fetch_add(price, Ordering::SeqCst);
        Usage::of(input, output)
    }
}
