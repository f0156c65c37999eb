//! Does the ledger in a file keep the laws of faults, and all others, where any commit may fail?

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::super::failpoint::{FailPoint, Fails};
use super::super::{SqliteLedger, SqliteOptions};
use super::Folder;
use crate::testing::conformance::{self, Factory, Fault, Offers, Setup, Standing, Store};
use crate::{BudgetLedger, Error};

/// Ledgers in files of their own, whose commits can be told to fail.
struct Files;

/// One file, its clock, and what all its handles commit by.
struct File {
    folder: Folder,
    setup: Setup,
    fail: FailPoint,
}

impl Factory for Files {
    fn name(&self) -> String {
        "SQLite with faults".into()
    }

    fn make(&self, setup: &Setup) -> Result<Box<dyn Store>, Error> {
        static FILES: AtomicU64 = AtomicU64::new(0);
        let folder = Folder::new(&format!("law-{}", FILES.fetch_add(1, Ordering::Relaxed)));
        Ok(Box::new(File { folder, setup: setup.clone(), fail: FailPoint::default() }))
    }

    fn offers(&self) -> Offers {
        Offers { faults: true, past_periods: true, ..Offers::default() }
    }
}

impl File {
    fn path(&self) -> PathBuf {
        self.folder.0.join("books.db")
    }

    fn handle(&self) -> Result<SqliteLedger, Error> {
        let (clock, options) = (self.setup.clock.clone(), SqliteOptions::default());
        SqliteLedger::start(&self.path(), clock, options, self.fail.clone())
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
        let file = rusqlite::Connection::open(self.path()).expect("a second connection");
        let count = file.query_row("SELECT count(*) FROM holds WHERE state = 'held'", [], |row| row.get(0));
        Some(usize::try_from(count.unwrap_or(-1_i64)).expect("a count"))
    }

    /// An operation is a commit: by it a batch is on the disk as a whole, or not at all.
    fn fail_at(&self, operation: u64, fault: Fault) {
        let fails = match fault {
            Fault::Before => Fails::Before,
            Fault::After => Fails::After,
        };
        self.fail.set(operation, fails);
    }
}

#[test]
fn every_law_is_held_and_none_is_passed_by() {
    let report = conformance::run(&Files);

    report.assert_holds();
    for (_, law, standing) in report.standings() {
        assert_eq!(*standing, Standing::Held, "{}", law.sentence());
    }
}
