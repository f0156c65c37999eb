//! Does the ledger in a file keep every law, directly and over a faulty wire?
//!
//! `TOKEN_BUDGET_SQLITE_COMMANDS` makes the long run against the reference model as long as one likes.

use std::sync::Arc;

use token_budget::ledger::{SqliteLedger, SqliteOptions};
use token_budget::testing::conformance::{Differential, Factory, Offers, OverFaultyWire, Setup, Store};
use token_budget::{BudgetLedger, Error};

use super::support::{Folder, count};
use crate::support::setting;

/// Ledgers in files of their own, each handle with a connection and a thread.
#[derive(Clone, Copy, Debug)]
struct Files;

impl Factory for Files {
    fn name(&self) -> String {
        "SQLite".into()
    }

    fn make(&self, setup: &Setup) -> Result<Box<dyn Store>, Error> {
        Ok(Box::new(File { folder: Folder::in_memory(), setup: setup.clone() }))
    }

    fn offers(&self) -> Offers {
        Offers { past_periods: true, ..Offers::default() }
    }
}

/// One file, and the clock of all its handles.
struct File {
    folder: Folder,
    setup: Setup,
}

impl File {
    fn handle(&self) -> Result<SqliteLedger, Error> {
        let (path, clock) = (self.folder.file("books.db"), self.setup.clock.clone());
        SqliteLedger::with_options(path, clock, SqliteOptions::default())
    }
}

impl Store for File {
    fn open(&self) -> Result<Arc<dyn BudgetLedger>, Error> {
        Ok(Arc::new(self.handle()?))
    }

    fn verify(&self) -> Result<(), Error> {
        self.handle()?.verify()
    }

    fn open_holds(&self) -> Option<usize> {
        Some(count(&self.folder.file("books.db"), "holds WHERE state = 'held'"))
    }
}

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
    let played = Differential::of(&Files).commands(commands).run();
    let played = played.unwrap_or_else(|difference| panic!("{difference}"));
    println!("{} commands, seed {}: {:?}", played.commands, played.seed, played.seen);
    assert!(played.commands < 50_000 || played.seen.has_all(), "something never happened: {:?}", played.seen);
}
