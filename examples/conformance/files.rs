//! How does a ledger in a file lend itself to the laws? Each has a file of its own; a crash opens it again.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use rusqlite::Connection;
use token_budget::ledger::sqlite::{SqliteLedger, SqliteOptions};
use token_budget::testing::conformance::{Factory, Offers, Setup, Store};
use token_budget::{BudgetLedger, Error, ErrorKind};

/// Ledgers in files of their own; each handle has a connection and a thread.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Files;

impl Factory for Files {
    fn name(&self) -> String {
        "SQLite".into()
    }

    fn make(&self, setup: &Setup) -> Result<Box<dyn Store>, Error> {
        Ok(Box::new(File { reader: Mutex::new(None), folder: Folder::new()?, setup: setup.clone() }))
    }

    fn offers(&self) -> Offers {
        Offers { past_periods: true, ..Offers::default() }
    }
}

/// One file, and the clock of all its handles.
struct File {
    /// A connection of our own, made when it is first needed.
    reader: Mutex<Option<Connection>>,
    folder: Folder,
    setup: Setup,
}

impl File {
    fn path(&self) -> PathBuf {
        self.folder.0.join("books.db")
    }

    fn handle(&self) -> Result<SqliteLedger, Error> {
        SqliteLedger::with_options(self.path(), self.setup.clock.clone(), SqliteOptions::default())
    }
}

impl Store for File {
    fn open(&self) -> Result<Arc<dyn BudgetLedger>, Error> {
        Ok(Arc::new(self.handle()?))
    }

    fn verify(&self) -> Result<(), Error> {
        self.handle()?.verify()
    }

    /// Asked of the file itself, by plain SQL.
    fn open_holds(&self) -> Option<usize> {
        let mut reader = self.reader.lock();
        if reader.is_none() {
            *reader = Connection::open(self.path()).ok();
        }
        let mut count =
            reader.as_ref()?.prepare_cached("SELECT count(*) FROM holds WHERE state = 'held'").ok()?;
        count.query_row([], |row| row.get::<_, i64>(0)).ok()?.try_into().ok()
    }
}

/// A folder that is removed in the end.
struct Folder(PathBuf);

impl Folder {
    /// In memory where the system has such a place: laws ask what is answered, not how fast a disk is.
    fn new() -> Result<Self, Error> {
        static FOLDERS: AtomicU64 = AtomicU64::new(0);
        let number = FOLDERS.fetch_add(1, Ordering::Relaxed);
        let shared = Path::new("/dev/shm");
        let parent = if shared.is_dir() { shared.to_path_buf() } else { std::env::temp_dir() };
        let folder = parent.join(format!("token-budget-laws-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&folder).map_err(|error| {
            Error::new(ErrorKind::LedgerUnavailable, "no folder can be made").with_source(error)
        })?;
        Ok(Self(folder))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
