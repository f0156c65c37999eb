//! Does the ledger in memory keep every law, at both doors and over a faulty wire?
//!
//! The long run against the reference model: its number of commands is set by
//! `TOKEN_BUDGET_COMMANDS`, its seed by `TOKEN_BUDGET_SEED`. A million run where the
//! build is optimized; an unoptimized one runs a tenth.

use token_budget::MemoryLedger;
use token_budget::ledger::MemoryOptions;
use token_budget::testing::conformance::{Differential, Maker, OverFaultyWire, Played};

use crate::support::setting;

/// Ledgers in memory that remember as much as they do by default.
fn memory() -> Maker<MemoryLedger> {
    memory_with_journal(MemoryOptions::default().journal_entries_max)
}

fn memory_with_journal(journal_entries_max: usize) -> Maker<MemoryLedger> {
    let options = MemoryOptions { journal_entries_max, ..MemoryOptions::default() };
    Maker::new("memory", move |clock| MemoryLedger::with_options(clock, options))
        .verified_by(MemoryLedger::verify)
        .counting_holds(MemoryLedger::open_holds)
}

mod in_memory {
    token_budget::conformance_tests!(super::memory());
}

mod over_a_faulty_wire {
    token_budget::conformance_tests!(super::OverFaultyWire::new(super::memory()));
}

/// How many commands a long run plays in all.
fn commands() -> u64 {
    setting("TOKEN_BUDGET_COMMANDS", if cfg!(debug_assertions) { 100_000 } else { 1_000_000 })
}

fn show(played: &Played) {
    println!("{} commands, seed {}: {:?}", played.commands, played.seed, played.seen);
    assert!(played.commands < 50_000 || played.seen.has_all(), "something never happened: {:?}", played.seen);
}

#[test]
fn a_long_run_of_commands_is_answered_like_the_model_however_short_the_journal() {
    for journal_entries_max in [0, 10, 100_000] {
        let memory = memory_with_journal(journal_entries_max);
        let played = Differential::of(&memory).commands(commands() / 3).run();
        show(&played.unwrap_or_else(|difference| panic!("{difference}")));
    }
}

#[test]
fn a_long_run_on_four_threads_is_answered_like_a_model_for_each() {
    let played = Differential::of(&memory()).commands(commands() / 10).threads(4).run();
    show(&played.unwrap_or_else(|difference| panic!("{difference}")));
}

#[test]
fn a_long_run_over_a_faulty_wire_ends_in_the_model_s_books() {
    let played = Differential::of(&OverFaultyWire::new(memory())).commands(commands() / 10).run();
    show(&played.unwrap_or_else(|difference| panic!("{difference}")));
}
