//! Does the ledger in memory keep every law: at both doors, over a faulty wire, on a clock of its own?
//!
//! The long run against the reference model: its number of commands is set by
//! `TOKEN_BUDGET_COMMANDS`, its seed by `TOKEN_BUDGET_SEED`. A million run where the
//! build is optimized; an unoptimized one runs thirty thousand. All are played on the same
//! books, up to a million.

use std::sync::Arc;
use std::time::Duration;

use token_budget::ledger::MemoryOptions;
use token_budget::testing::conformance::{self, Differential, Maker, Offers, OverFaultyWire, Played};
use token_budget::time::{SystemClock, Timestamp};
use token_budget::{Clock, MemoryLedger};

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

/// The clock of a store two seconds behind the machine that asks it; nobody can set it.
#[derive(Debug)]
struct Behind;

impl Clock for Behind {
    fn now(&self) -> Timestamp {
        SystemClock.now() - Duration::from_secs(2)
    }
}

mod on_a_clock_of_its_own {
    use super::*;

    fn on_its_clock() -> Maker<MemoryLedger> {
        let offers = Offers { time: false, ..Offers::default() };
        Maker::new("memory on its own clock", |_| MemoryLedger::with_clock(Arc::new(Behind))).offering(offers)
    }

    token_budget::conformance_tests!(on_its_clock());
}

#[test]
fn a_ledger_that_folds_its_journal_at_once_breaks_no_law() {
    let report = conformance::run(&memory_with_journal(0));
    report.assert_holds();
    assert!(report.held() > 100, "{report}");
}

/// How many commands a long run plays in all.
fn commands() -> u64 {
    setting("TOKEN_BUDGET_COMMANDS", if cfg!(debug_assertions) { 30_000 } else { 1_000_000 })
}

/// That game, so many commands long, and on the same books as long as a million.
fn played(game: Differential<'_>, commands: u64) -> Played {
    let game = game.commands(commands).in_games_of(commands.min(1_000_000));
    game.run().unwrap_or_else(|difference| panic!("{difference}"))
}

fn show(played: &Played) {
    println!("{} commands, seed {}: {:?}", played.commands, played.seed, played.seen);
    assert!(played.commands < 50_000 || played.seen.has_all(), "something never happened: {:?}", played.seen);
}

#[test]
fn a_long_run_of_commands_is_answered_like_the_model_however_short_the_journal() {
    for journal_entries_max in [0, 10, 100_000] {
        let memory = memory_with_journal(journal_entries_max);
        show(&played(Differential::of(&memory), commands() / 3));
    }
}

#[test]
fn a_long_run_on_four_threads_is_answered_like_a_model_for_each() {
    show(&played(Differential::of(&memory()).threads(4), commands() / 10));
}

#[test]
fn a_long_run_over_a_faulty_wire_ends_in_the_model_s_books() {
    show(&played(Differential::of(&OverFaultyWire::new(memory())), commands() / 10));
}
