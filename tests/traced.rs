//! One warm request, for `.ci/trace` to follow: what the README's first example does, on the ledger in memory.

use std::hint::black_box;
use std::sync::Arc;

use token_budget::call::ScopeKind;
use token_budget::time::ManualClock;
use token_budget::{Budget, Call, Enforcer, MemoryLedger, Policy, Scope, Tiers, Usage, Usd, Window};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let policy = Policy::new([
        Budget::usd("search", Scope::team("search")?, Usd::dollars(500), Window::month())
            .tiers(Tiers::hybrid())
            .guardrail(Usd::dollars(75), Window::day()),
        Budget::each_usd("users", ScopeKind::User, Usd::dollars(5), Window::day()),
    ])?;
    // The system's clock looks at the wall again each 100 ms, which a traced process sometimes takes: another path, by chance.
    let clock = Arc::new(ManualClock::at("2026-11-22T12:00:00Z".parse()?));
    let ledger = MemoryLedger::with_clock(clock.clone());
    let enforcer = Enforcer::builder().policy(policy).ledger(ledger).clock(clock).build();
    let call = Call::new("gpt-4o").team("search").user("ada").input_tokens(1_200).output_tokens(500);
    for _ in 0..3 {
        request(&enforcer, &call)?;
    }
    traced(&enforcer, &call)
}

/// `.ci/trace` follows from here to the end.
#[inline(never)]
fn traced(enforcer: &Enforcer, call: &Call) -> Result<(), Box<dyn std::error::Error>> {
    request(black_box(enforcer), black_box(call))
}

fn request(enforcer: &Enforcer, call: &Call) -> Result<(), Box<dyn std::error::Error>> {
    let reservation = enforcer.reserve(call).wait()?.or_refusal()?;
    let in_flight = reservation.send();
    let receipt = in_flight.reconcile(Usage::of(1_200, 350)).wait()?;
    assert_eq!(receipt.cost(), Usd::from_nanos(6_500_000));
    Ok(())
}
