//! How many heap bytes does an account, and an open hold, take?

use std::time::Duration;

use token_budget::call::ScopeKind;
use token_budget::ledger::{Note, OnExpiry, ReservationId, Reserve, Tenant};
use token_budget::{BudgetLedger, Call, Enforcer, MemoryLedger, Policy, Usage, Usd, Window};

use crate::cases::{books, claim};
use crate::timing::Run;

/// Prints bytes for each account and each open hold, everything counted that stays allocated.
pub fn report(run: &Run) {
    let count = if run.is_test() { 1_000 } else { 1_000_000 };
    println!("heap bytes, {count} of each");
    let per = |bytes: i64| bytes as f64 / count as f64;
    println!(
        "  {:<52} {:>9.0}",
        "account, calendar window (aim ≤ 300)",
        per(accounts(count, Window::month()))
    );
    let rolling = accounts(count / 10, Window::rolling_minute()) * 10;
    println!("  {:<52} {:>9.0}", "account, rolling window (aim ≤ 1,700)", per(rolling));
    println!("  {:<52} {:>9.0}\n", "open hold of 4 lines (aim ≤ 256)", per(holds(count)));
}

/// Everything that stays after each of so many users made one call: row, name, index.
fn accounts(count: usize, window: Window) -> i64 {
    let budget = token_budget::Budget::each_usd("users", ScopeKind::User, Usd::MAX, window);
    let enforcer = Enforcer::builder().policy(Policy::new([budget]).unwrap()).build();
    // What is remembered of ended calls, and plans kept for calls seen lately, is bounded: fill it first.
    for user in 0..70_000 {
        make_call(&enforcer, &format!("warm-{user}"));
    }
    let measured = allocation_counter::measure(|| {
        for user in 0..count {
            make_call(&enforcer, &format!("user-{user}"));
        }
    });
    measured.bytes_current
}

fn make_call(enforcer: &Enforcer, user: &str) {
    let call = Call::new("gpt-4o").user(user).input_tokens(10).output_tokens(10);
    let reservation = enforcer.reserve(&call).wait().unwrap().or_refusal().unwrap();
    drop(reservation.send().reconcile(Usage::of(10, 10)).wait().unwrap());
}

fn holds(count: usize) -> i64 {
    let ledger = MemoryLedger::new();
    let tenant = Tenant::unnamed();
    let claim = claim(&tenant, &books(&tenant, 4), 0, i64::MAX);
    let note = Note::default();
    let hold = |_| {
        let now = ledger.now().unwrap();
        let id = ReservationId::generate(now);
        let expires_at = now + Duration::from_secs(3_000);
        let reserve = Reserve {
            now: Some(now),
            id,
            claim: &claim,
            amounts: &[1; 4],
            expires_at,
            on_expiry: OnExpiry::Hold,
            note: &note,
        };
        ledger.reserve(reserve).wait().unwrap();
    };
    // The journal is bounded: fill it first.
    (0..10_000).for_each(hold);
    allocation_counter::measure(|| (0..count).for_each(hold)).bytes_current
}
