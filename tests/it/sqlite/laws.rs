//! Does the ledger in a file keep every law, directly and over a faulty wire?
//!
//! `TOKEN_BUDGET_SQLITE_COMMANDS` makes the long run against the reference model as long as one likes. It is played by
//! two handles on one file, and on the same file up to a hundred thousand commands.

#[path = "../../../examples/conformance/files.rs"]
mod files;

use token_budget::testing::conformance::{Differential, OverFaultyWire};

use self::files::Files;
use crate::support::setting;

mod in_a_file {
    token_budget::conformance_tests!(super::Files);
}

mod over_a_faulty_wire {
    token_budget::conformance_tests!(super::OverFaultyWire::new(super::Files).rounds(2));
}

#[test]
fn a_long_run_of_commands_is_answered_like_the_model() {
    let commands =
        setting("TOKEN_BUDGET_SQLITE_COMMANDS", if cfg!(debug_assertions) { 4_000 } else { 40_000 });
    let played = Differential::of(&Files).commands(commands).in_games_of(commands.min(100_000)).run();
    let played = played.unwrap_or_else(|difference| panic!("{difference}"));
    println!("{} commands, seed {}: {:?}", played.commands, played.seed, played.seen);
    assert!(played.commands < 50_000 || played.seen.has_all(), "something never happened: {:?}", played.seen);
}
