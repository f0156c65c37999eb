//! Keeps an agent on a leash: dollars, rounds, tools, and the agents that it calls for help.
//!
//! The leash is worth $10, fifty rounds, and 4,000 output tokens a round; the
//! team has $200 a month. Then:
//!
//! 1. a loop at $0.45 a round is stopped before its 23rd call, at $9.90;
//! 2. a loop at $0.01 a round is stopped after 50 rounds, at $0.50, also where
//!    another process continues it;
//! 3. an agent searches with tools and a helper, falls back on a weaker model,
//!    is stopped by its limit, says its last word, and reports;
//! 4. a person is asked for more, and another stops a call that is running.
//!
//! An agent's framework asks [`RunGuard`] before each call and ends the run
//! when the answer is no. Nothing else is needed: the limits bind together
//! with every other budget of the call, all or none.
//!
//! ```text
//! cargo run --example agent_run
//! ```

use std::error::Error;

use token_budget::ledger::Attribution;
use token_budget::run::{KeptBack, OnLimit, RunPart, RunReport, Turn};
use token_budget::{Budget, Call, Enforcer, InFlight, Policy, RunGuard, Scope, Usage, Usd, Window};

fn main() -> Result<(), Box<dyn Error>> {
    let month = Budget::usd("agents", Scope::team("agents")?, Usd::dollars(200), Window::month());
    let enforcer = Enforcer::builder().policy(Policy::new([month])?).build();

    a_dear_loop_ends_at_its_dollars(&enforcer)?;
    a_cheap_loop_ends_at_its_rounds_for_good(&enforcer)?;
    an_agent_with_tools_and_a_helper_has_the_last_word(&enforcer)?;
    people_grant_and_stop(&enforcer)
}

/// Every run of this team has the same leash.
fn open(enforcer: &Enforcer, id: &str) -> Result<RunGuard, token_budget::Error> {
    RunGuard::builder(id)
        .charging(Call::charging().team("agents"))
        .usd(Usd::dollars(10))
        .iterations(50)
        .output_tokens_per_iteration(4_000)
        .open(enforcer)
        .wait()
}

/// Calls the model again and again, as an agent does that never finds what it looks for.
///
/// It asks for exactly what it uses. The answer that ends it comes before the call, not after the bill.
fn loop_until_over(run: &RunGuard, call: &Call, usage: Usage) -> Result<RunReport, Box<dyn Error>> {
    loop {
        match run.turn(call).wait()? {
            Turn::Go(reservation) => drop(reservation.send().reconcile(usage).wait()?),
            Turn::Over(report) => return Ok(*report),
            other => return Err(format!("nobody else has a say here: {other:?}").into()),
        }
    }
}

/// 10,000 tokens in at $15 and 4,000 out at $75 a million are $0.15 and $0.30; 22 rounds are $9.90.
fn a_dear_loop_ends_at_its_dollars(enforcer: &Enforcer) -> Result<(), Box<dyn Error>> {
    let run = open(enforcer, "dear")?;
    // It asks for 6,000 tokens. The leash gives 4,000, and the hold covers no more.
    let call = Call::new("claude-opus-4-1").input_tokens(10_000).output_tokens(6_000);
    assert_eq!(run.reserve(&call).wait()?.or_refusal()?.output_tokens(), 4_000);

    let report = loop_until_over(&run, &call, Usage::of(10_000, 4_000))?;
    show("1. A dear loop", &report);
    assert_eq!((report.iterations, report.spent_usd), (22, "9.90".parse()?));
    Ok(())
}

/// 1,000 tokens out at $10 a million are a cent. Money is left; the rounds are not.
fn a_cheap_loop_ends_at_its_rounds_for_good(enforcer: &Enforcer) -> Result<(), Box<dyn Error>> {
    let call = Call::new("gpt-4o").input_tokens(0).output_tokens(1_000);
    let first = open(enforcer, "cheap")?;
    for _ in 0..30 {
        let _receipt =
            first.reserve(&call).wait()?.or_refusal()?.send().reconcile(Usage::of(0, 1_000)).wait()?;
    }
    drop(first); // the process that began it may be gone: a run is its id and its books

    let report = loop_until_over(&open(enforcer, "cheap")?, &call, Usage::of(0, 1_000))?;
    show("2. A cheap loop, begun and continued", &report);
    assert_eq!((report.iterations, report.spent_usd), (50, "0.50".parse()?)); // twenty more, not fifty
    Ok(())
}

/// One dollar for everything, ten cents of it for the last word.
fn an_agent_with_tools_and_a_helper_has_the_last_word(enforcer: &Enforcer) -> Result<(), Box<dyn Error>> {
    let run = RunGuard::builder("research")
        .charging(Call::charging().team("agents"))
        .usd(Usd::dollars(1))
        .keep_back(KeptBack { usd: Usd::cents(10), ..KeptBack::default() })
        .ladder(["gpt-4o", "gpt-4o-mini"])
        .degrade_at(80)
        .tool("search", 3)
        .max_children(1)
        .open(enforcer)
        .wait()?;
    run.attach("task", "who climbed it first?");

    // The model asks for five tools at once. Three searches fit: those are called.
    let wanted = ["search", "fetch", "search", "search", "search"];
    let Err(refused) = run.tools(wanted).wait()?.or_refusal() else { return Err("a search too many".into()) };
    run.tools(refused.fits).wait()?.or_refusal()?.start();

    // A helper gets 40 cents for itself and needs 12 of them.
    let helper = run.child("helper").carve(RunPart::Usd(Usd::cents(40))).open().wait()?.or_refusal()?;
    let call = Call::new("gpt-4o").input_tokens(0).output_tokens(12_000);
    let _receipt =
        helper.reserve(&call).wait()?.or_refusal()?.send().reconcile(Usage::of(0, 12_000)).wait()?;
    helper.close().wait()?;

    // The agent goes on at twelve cents a round; from 80 cents on with the smaller model.
    let mut models = Vec::new();
    while models.len() < 8 {
        let Ok(reservation) = run.reserve(&call).wait()?.or_refusal() else { break };
        models.push(reservation.model().to_owned());
        let _receipt = reservation.send().reconcile(Usage::of(0, 12_000)).wait()?;
    }
    let strong = models.iter().filter(|model| *model == "gpt-4o").count();
    assert_eq!((strong, models.len()), (5, 8));

    // Its limit ends it; what was kept back is enough to say what it found.
    let long = call.clone().output_tokens(16_000).choices(20);
    let Turn::Over(_) = run.turn(&long).wait()? else { return Err("it has no room for that".into()) };
    let last = run.reserve_final(&call).wait()?.or_refusal()?;
    let _receipt = last.send().reconcile(Usage::of(0, 9_000)).wait()?;

    let report = run.close().wait()?;
    show("3. An agent with tools and a helper", &report);
    let helped: Vec<String> =
        report.child_runs.iter().map(|child| format!("{} ${}", child.run, child.subtree.usd)).collect();
    println!("   itself ${}, {}; tools: {:?}", report.direct.usd, helped.join(", "), report.tools);
    assert_eq!((report.children, report.tools.get("search")), (1, Some(&3)));
    Ok(())
}

/// A person raises the limit; another stops the run while a call is on its way.
fn people_grant_and_stop(enforcer: &Enforcer) -> Result<(), Box<dyn Error>> {
    let run = RunGuard::builder("asked").usd(Usd::cents(10)).on_limit(OnLimit::Ask).open(enforcer).wait()?;
    let call = Call::new("gpt-4o").input_tokens(0).output_tokens(15_000);
    let Turn::Ask(paused) = run.turn(&call).wait()? else { return Err("ten cents do not suffice".into()) };
    println!(
        "4. The run waits for {} more dollars; an application awaits `paused.answer()`",
        paused.missing()
    );
    run.grant(paused.missing(), Attribution::new("ada", "it is nearly done")).wait()?;

    let in_flight: InFlight = run.reserve(&call).wait()?.or_refusal()?.send();
    let signal = run.stopped(); // awaited beside the running call, in a select
    run.stop(Attribution::new("grace", "it edits the wrong repository")).wait()?;
    let stop = signal.reason().ok_or("the call has not heard of it")?;
    println!("   the running call hears: {} by {}", stop.attribution.reason, stop.attribution.by);
    // It was sent, so it is recorded all the same.
    let _receipt = in_flight.reconcile(Usage::of(0, 15_000)).wait()?;
    show("   Stopped", &run.report().wait()?);
    Ok(())
}

fn show(title: &str, report: &RunReport) {
    println!("{title}: {report}");
}
