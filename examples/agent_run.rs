//! Keeps an agent on a leash: dollars, rounds and output of one run, inside its team's month.
//!
//! The leash is worth $10, fifty rounds, and 4,000 output tokens a round; the
//! team has $200 a month. Then:
//!
//! 1. a loop at $0.45 a round is stopped before its 23rd call, at $9.90;
//! 2. a loop at $0.01 a round is stopped after 50 rounds, at $0.50;
//! 3. a run is continued by another process under the same id, figures and all;
//! 4. a person stops a run and says why, and every later call is told.
//!
//! An agent's framework asks [`RunGuard`] before each call and ends the run
//! when the answer is no. Nothing else is needed: the limits bind together
//! with every other budget of the call, all or none.
//!
//! ```text
//! cargo run --example agent_run
//! ```

use std::error::Error;

use token_budget::ledger::Signature;
use token_budget::{
    Budget, Call, Decision, Enforcer, Policy, RunGuard, RunReport, Scope, Usage, Usd, Window,
};

fn main() -> Result<(), Box<dyn Error>> {
    let month = Budget::usd("agents", Scope::team("agents")?, Usd::dollars(200), Window::month());
    let enforcer = Enforcer::builder().policy(Policy::new([month])?).build();

    a_dear_loop_ends_at_its_dollars(&enforcer)?;
    a_cheap_loop_ends_at_its_rounds(&enforcer)?;
    a_run_is_continued_under_its_id(&enforcer)?;
    a_person_stops_a_run(&enforcer)
}

/// Every run of this team has the same leash.
fn open(enforcer: &Enforcer, id: &str) -> Result<RunGuard, token_budget::Error> {
    RunGuard::builder(id)
        .charging(Call::charging().team("agents"))
        .usd(Usd::dollars(10))
        .iterations(50)
        .output_tokens_per_iteration(4_000)
        .open_now(enforcer)
}

/// Calls the model again and again, as an agent does that never finds what it looks for.
///
/// It asks for exactly what it uses. The refusal that ends it comes before the call, not after the bill.
fn loop_until_refused(
    run: &RunGuard,
    call: &Call,
    usage: Usage,
) -> Result<Box<Decision>, token_budget::Error> {
    loop {
        match run.reserve_now(call)?.or_refusal() {
            Ok(reservation) => drop(reservation.send().reconcile_now(usage)?),
            Err(decision) => return Ok(decision),
        }
    }
}

/// 10,000 tokens in at $15 and 4,000 out at $75 a million are $0.15 and $0.30; 22 rounds are $9.90.
fn a_dear_loop_ends_at_its_dollars(enforcer: &Enforcer) -> Result<(), Box<dyn Error>> {
    let run = open(enforcer, "dear")?;
    // It asks for 6,000 tokens. The leash gives 4,000, and the hold covers no more.
    let call = Call::new("claude-opus-4-1").input_tokens(10_000).output_tokens(6_000);
    assert_eq!(run.reserve_now(&call)?.or_refusal()?.output_tokens(), 4_000);

    let refused = loop_until_refused(&run, &call, Usage::of(10_000, 4_000))?;
    let report = run.report_now()?;
    show("1. A dear loop", &report);
    assert_eq!((report.iterations, report.spent_usd), (22, "9.90".parse()?));
    assert!(refused.to_string().contains("9.90 of 10.00 USD used, call needs 0.45"), "{refused}");
    Ok(())
}

/// 1,000 tokens out at $10 a million are a cent. Money is left; the rounds are not.
fn a_cheap_loop_ends_at_its_rounds(enforcer: &Enforcer) -> Result<(), Box<dyn Error>> {
    let run = open(enforcer, "cheap")?;
    let call = Call::new("gpt-4o").input_tokens(0).output_tokens(1_000);
    let _refused = loop_until_refused(&run, &call, Usage::of(0, 1_000))?;
    let report = run.report_now()?;
    show("2. A cheap loop", &report);
    assert_eq!((report.iterations, report.spent_usd), (50, "0.50".parse()?));
    Ok(())
}

/// A run is its id and its books: the process that began it may be gone.
fn a_run_is_continued_under_its_id(enforcer: &Enforcer) -> Result<(), Box<dyn Error>> {
    let call = Call::new("gpt-4o").input_tokens(0).output_tokens(1_000);
    let first = open(enforcer, "continued")?;
    for _ in 0..30 {
        let _receipt = first.reserve_now(&call)?.or_refusal()?.send().reconcile_now(Usage::of(0, 1_000))?;
    }
    drop(first);

    let second = open(enforcer, "continued")?;
    let _refused = loop_until_refused(&second, &call, Usage::of(0, 1_000))?;
    let report = second.report_now()?;
    show("3. Thirty rounds, then continued", &report);
    assert_eq!(report.iterations, 50); // twenty more, not fifty more
    Ok(())
}

/// A stop refuses what comes later. A call in flight is recorded all the same: it was sent.
fn a_person_stops_a_run(enforcer: &Enforcer) -> Result<(), Box<dyn Error>> {
    let run = open(enforcer, "stopped")?;
    let call = Call::new("gpt-4o").input_tokens(0).output_tokens(1_000);
    let in_flight = run.reserve_now(&call)?.or_refusal()?.send();

    run.stop_now(Signature::new("ada", "it edits the wrong repository"))?;
    let Err(refused) = run.reserve_now(&call)?.or_refusal() else {
        return Err("a stopped run goes on".into());
    };
    let _receipt = in_flight.reconcile_now(Usage::of(0, 1_000))?;

    let report = run.report_now()?;
    show("4. A stopped run", &report);
    println!("   the next call hears: {refused}");
    assert_eq!(report.spent_usd, Usd::cents(1));
    Ok(())
}

fn show(title: &str, report: &RunReport) {
    println!("{title}: {} rounds, {} tokens, ${}", report.iterations, report.tokens, report.spent_usd);
    println!("   over: {}", report.over.as_deref().unwrap_or("no, it may go on"));
}
