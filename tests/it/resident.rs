//! How much memory does a process keep of names that nobody needs any more? Read from the system, in processes of their own.
//!
//! `TOKEN_BUDGET_NAMES=1000000` makes them as long as the figures in `docs/PERFORMANCE.md`; each prints what it measured. A release
//! build, as in `.ci/run`, makes a hundred thousand names unless told otherwise, others five thousand.

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use token_budget::call::ScopeKind;
use token_budget::ledger::{Answer, MemoryOptions};
use token_budget::time::ManualClock;
use token_budget::{
    Admission, Budget, BudgetLedger, Call, Enforcer, MemoryLedger, Policy, RunGuard, Usage, Usd, Window,
};

use crate::support::{NOON, at};

/// How much more may be resident after names that should leave nothing: what allocators and tables keep to themselves.
const FLAT: i64 = 20_000_000;

/// How many names each part makes.
fn names() -> usize {
    let stated = std::env::var("TOKEN_BUDGET_NAMES").ok();
    stated.map_or(if cfg!(debug_assertions) { 5_000 } else { 100_000 }, |names| {
        names.parse().expect("a number of names")
    })
}

/// Bytes of this process that are in memory.
fn resident() -> i64 {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("Linux");
    statm.split(' ').nth(1).expect("its second figure").parse::<i64>().expect("pages") * 4_096
}

/// Plays that part in a process of its own, where no other test takes memory.
fn play(part: &str) {
    let binary = std::env::current_exe().expect("this binary");
    let child = Command::new(binary)
        .args(["--exact", "resident::plays_a_part", "--ignored", "--nocapture"])
        .env("TOKEN_BUDGET_PART", part)
        .output()
        .expect("a process");
    let told = String::from_utf8_lossy(&child.stdout);
    told.lines().filter(|line| line.contains("resident:")).for_each(|line| println!("{line}"));
    assert!(child.status.success(), "{part}: {told}{}", String::from_utf8_lossy(&child.stderr));
}

#[test]
#[ignore = "a part of the tests beside it"]
fn plays_a_part() {
    match std::env::var("TOKEN_BUDGET_PART").as_deref() {
        Ok("refused in memory") => names_that_are_refused(MemoryLedger::new(), names()),
        #[cfg(feature = "sqlite")]
        Ok("refused in a file") => {
            let folder = crate::sqlite::support::Folder::in_memory();
            let ledger = token_budget::ledger::SqliteLedger::open(folder.file("books")).expect("a ledger");
            // The thread of a file takes longer to refuse; strangers fill its notes within so many.
            names_that_are_refused(ledger, names());
        }
        Ok("idle users") => idle_users(names()),
        Ok("idle tenants") => idle_tenants(names() / 4),
        Ok("closed runs") => closed_runs(names() / 10),
        _ => {}
    }
}

#[test]
fn a_name_that_was_only_refused_costs_no_memory() {
    play("refused in memory");
}

#[test]
#[cfg(feature = "sqlite")]
fn a_name_that_was_only_refused_costs_no_memory_beside_a_file() {
    play("refused in a file");
}

#[test]
fn users_of_three_days_ago_make_room_for_those_of_today() {
    play("idle users");
}

#[test]
fn tenants_of_three_days_ago_make_room_for_those_of_today() {
    play("idle tenants");
}

#[test]
fn a_run_that_was_closed_an_hour_ago_costs_at_most_a_hundred_bytes() {
    play("closed runs");
}

/// Each user has five cents a day; the busy team has all it wants.
fn policy() -> Policy {
    let users = Budget::each_usd("user", ScopeKind::User, Usd::cents(5), Window::day());
    let team = Budget::each_usd("team", ScopeKind::Team, Usd::MAX, Window::day());
    Policy::new([users, team]).expect("a policy")
}

/// Says how much more is resident than before.
fn grew(what: &str, before: i64) -> i64 {
    let more = resident() - before;
    println!("resident: {what}: {:+} kB beside {} kB", more / 1_000, before / 1_000);
    more
}

fn names_that_are_refused(ledger: impl BudgetLedger, names: usize) {
    let enforcer = Enforcer::builder().policy(policy()).ledger(ledger).build();
    let dear = |model: &str| Call::new(model).input_tokens(0).output_tokens(10_000);
    let all = |calls: &dyn Fn(usize) -> Call, from: usize, to: usize| {
        // Many at once, so that a file reads many in one go.
        for first in (from..to).step_by(256) {
            let calls: Vec<Call> = (first..(first + 256).min(to)).map(calls).collect();
            let answers: Vec<Answer<'_, Admission>> =
                calls.iter().map(|call| enforcer.reserve(call)).collect();
            for answer in answers {
                assert!(!answer.wait().expect("an answer").is_admitted());
            }
        }
    };
    let users = |number: usize| dear("gpt-4o").organization("acme").user(format!("user-{number}"));
    let tenants = |number: usize| dear("gpt-4o").organization(format!("tenant-{number}")).user("ada");
    let models = |number: usize| dear(&format!("model-{number}")).organization("acme").user("ada");
    let kinds: [(&str, &dyn Fn(usize) -> Call); 3] =
        [("users", &users), ("tenants", &tenants), ("models", &models)];
    // What is remembered for a minute, and what a page notes, is full after so many.
    let first = 12_000;
    for (_, calls) in kinds {
        all(calls, 0, first);
    }
    for (name, calls) in kinds {
        let before = resident();
        all(calls, first, first + names);
        let more = grew(&format!("{names} refused {name}"), before);
        assert!(more < FLAT, "{name}: {more} bytes");
    }
}

/// An enforcer in memory, on a clock that moves when told to.
fn in_memory() -> (Arc<ManualClock>, MemoryLedger, Enforcer) {
    let clock = Arc::new(ManualClock::at(at(NOON)));
    let options = MemoryOptions { ended_max: 1_000, ..MemoryOptions::default() };
    let ledger = MemoryLedger::with_options(clock.clone(), options);
    let enforcer = Enforcer::builder().policy(policy()).ledger(ledger.clone()).build();
    (clock, ledger, enforcer)
}

fn charge(enforcer: &Enforcer, call: &Call) {
    let held = enforcer.reserve(call).wait().expect("an answer").or_refusal().expect("room");
    held.send().reconcile(Usage::of(0, 10)).wait().expect("recorded");
}

/// One team that calls so often, ten times a second.
fn busy(clock: &ManualClock, enforcer: &Enforcer, calls: usize) {
    let call = Call::new("gpt-4o").team("search").input_tokens(0).output_tokens(10);
    for number in 0..calls {
        charge(enforcer, &call);
        if number % 10 == 0 {
            clock.advance(Duration::from_secs(1));
        }
    }
}

fn idle_users(users: usize) {
    let (clock, ledger, enforcer) = in_memory();
    let of_day = |day: usize| {
        for user in 0..users {
            let call = Call::new("gpt-4o").user(format!("user-{user}-of-{day}"));
            charge(&enforcer, &call.input_tokens(0).output_tokens(10));
        }
        clock.advance(Duration::from_secs(3 * 86_400));
        // As many calls as are remembered, and one for each eight rows: among those that are remembered the search rests a second.
        busy(&clock, &enforcer, 2_000 + users / 8);
        assert_eq!(ledger.accounts(), 1, "only the team of today is left");
    };
    of_day(0);
    let before = resident();
    of_day(1);
    let more = grew(&format!("{users} users of another day"), before);
    assert!(more < FLAT, "{more} bytes");
}

fn idle_tenants(tenants: usize) {
    let (clock, ledger, enforcer) = in_memory();
    let of_day = |day: usize| {
        let before = resident();
        for tenant in 0..tenants {
            let call = Call::new("gpt-4o").organization(format!("tenant-{tenant}-of-{day}")).user("ada");
            charge(&enforcer, &call.input_tokens(0).output_tokens(10));
        }
        let each = (resident() - before) / i64::try_from(tenants).expect("a small number");
        println!("resident: day {day}: {each} bytes a tenant");
        clock.advance(Duration::from_secs(3 * 86_400));
        busy(&clock, &enforcer, 200 + tenants);
        assert_eq!(ledger.tenants(), 1, "only the team of today is left");
    };
    of_day(0);
    let before = resident();
    of_day(1);
    let more = grew(&format!("{tenants} tenants of another day"), before);
    assert!(more < FLAT, "{more} bytes");
}

fn closed_runs(runs: usize) {
    let (clock, ledger, enforcer) = in_memory();
    let of_hour = |hour: usize| {
        for run in 0..runs {
            let guard =
                RunGuard::builder(format!("run-{run}-of-{hour}")).usd(Usd::dollars(1)).open(&enforcer);
            let guard = guard.wait().expect("a run");
            let call = Call::new("gpt-4o").input_tokens(0).output_tokens(10);
            let held = guard.reserve(&call).wait().expect("an answer").or_refusal().expect("room");
            held.send().reconcile(Usage::of(0, 10)).wait().expect("recorded");
            guard.close().wait().expect("closed");
        }
        clock.advance(Duration::from_secs(3_601));
        busy(&clock, &enforcer, 2_000 + runs * 4);
        assert_eq!(ledger.accounts(), 1, "only the team of today is left");
    };
    of_hour(0);
    let before = resident();
    of_hour(1);
    let more = grew(&format!("{runs} closed runs"), before);
    let each = 100 * i64::try_from(runs).expect("a small number");
    assert!(more < each + 2_000_000, "{more} bytes");
    let again =
        RunGuard::builder("run-7-of-0").usd(Usd::dollars(1)).open(&enforcer).wait().expect("it answers");
    let call = Call::new("gpt-4o").input_tokens(0).output_tokens(10);
    assert!(!again.reserve(&call).wait().expect("an answer").is_admitted(), "it was closed");
}
