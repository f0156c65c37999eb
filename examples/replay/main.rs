//! Replays a day of requests against a policy: what would it have refused, and would it have held?
//!
//! A trace says when calls were made and how many tokens each really used.
//! Here they pass through the very [`Enforcer`] that guards production, on
//! a clock that follows the trace, from several threads, with some three
//! hundred calls in flight at any time. A call's true output is told only when
//! it is reconciled, as in life; before that it is held for a maximum.
//!
//! Afterwards three questions are answered:
//! - which budgets would have refused or warned, and how often;
//! - was any budget ever above its ceiling, and by more than calls that used
//!   more than was held for them explain (it must not be);
//! - do the books say what the provider bills, which is reckoned apart (they must).
//!
//! ```text
//! cargo run --release --example replay -- --trace day.csv.gz --threads 8
//! ```
//!
//! Try a policy before you enforce it: give yours with `--policy`. Every level
//! that it names is charged; where it names several of a kind, clients are
//! dealt out among them. Without one, limits are cut to the trace so that each
//! kind of answer occurs: see `policy.rs`.

#![expect(
    clippy::disallowed_methods,
    reason = "a replay lives on a simulated clock, and measures itself on the machine's"
)]

mod arguments;
mod audit;
mod csv;
mod levels;
mod policy;
mod provider;
mod report;
mod simulate;
mod synthetic;
mod trace;

use std::error::Error;
use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use token_budget::time::ManualClock;
use token_budget::{Enforcer, MemoryLedger, PricingTable};

use arguments::Arguments;
use policy::Cut;
use provider::Provider;
use report::Report;
use trace::Trace;

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("replay: {error}");
            ExitCode::from(2)
        }
    }
}

/// Whether the books were right.
fn run() -> Result<bool, Box<dyn Error>> {
    let Some(arguments) = Arguments::read(std::env::args().skip(1))? else {
        writeln!(std::io::stdout(), "{}", arguments::HELP)?;
        return Ok(true);
    };
    let trace = match &arguments.trace {
        Some(path) => Trace::read(path)?,
        None => synthetic::day(),
    };
    let provider = Provider::new(&PricingTable::bundled(), &arguments.model, &trace)?;
    let output_tokens_max = arguments.output_tokens_max.unwrap_or_else(|| trace.output_tokens_common());
    let policy = match &arguments.policy {
        Some(path) => policy::read(path)?,
        None => policy::cut_to(&Cut::of(&trace, &provider)?)?,
    };
    let policy = policy::with_books(policy)?;

    let clock = Arc::new(ManualClock::at(trace.begins()));
    let ledger = MemoryLedger::with_clock(Arc::clone(&clock) as _);
    let enforcer = Enforcer::builder()
        .policy(policy)
        .ledger(ledger.clone())
        .clock(Arc::clone(&clock) as _)
        .hold_grace(provider::LATENCY_MAX)
        .build();

    let replay = simulate::Replay {
        trace: &trace,
        provider: &provider,
        enforcer: &enforcer,
        clock: &clock,
        model: &arguments.model,
        output_tokens_max,
    };
    let began = Instant::now();
    let tally = replay.run(arguments.threads)?;
    let took = began.elapsed();
    ledger.verify()?;

    let report = Report::new(&trace, &enforcer, tally, took)?;
    report.print(&arguments, output_tokens_max, &mut std::io::stdout().lock())?;
    Ok(report.is_right())
}
