//! Which commit fails, in tests of what comes after?
//!
//! A crash cannot be tested by waiting for one. The tests cut at every commit instead:
//! *before* it (nothing reached the disk) and *after* it (everything did, and the ledger
//! was told otherwise). After each cut the books are opened anew and must be sound, with
//! each acknowledged answer in them.

use std::sync::Arc;

use parking_lot::Mutex;

use super::fault::StoreError;

/// Lets one commit of a ledger fail as a sync does; shared by all handles that a test opens with it.
#[derive(Clone, Debug, Default)]
pub(super) struct FailPoint(Arc<Mutex<Option<(u64, Fails)>>>);

/// When a commit fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Fails {
    /// It does not.
    #[default]
    Never,
    /// Nothing of it reached the disk.
    Before,
    /// All of it did, and the ledger was told otherwise.
    After,
}

impl FailPoint {
    /// Lets a commit fail, `commits` from now: zero is the next one.
    pub(super) fn set(&self, commits: u64, fails: Fails) {
        *self.0.lock() = Some((commits, fails));
    }

    /// What happens to the commit that is about to be made.
    pub(super) fn next_commit(&self) -> Fails {
        let mut planned = self.0.lock();
        match planned.take() {
            Some((0, fails)) => fails,
            later => {
                *planned = later.map(|(commits, fails)| (commits.saturating_sub(1), fails));
                Fails::Never
            }
        }
    }
}

impl Fails {
    pub(super) fn before(self) -> Result<(), StoreError> {
        self.at(Self::Before)
    }

    pub(super) fn after(self) -> Result<(), StoreError> {
        self.at(Self::After)
    }

    fn at(self, moment: Self) -> Result<(), StoreError> {
        if self != moment {
            return Ok(());
        }
        let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_IOERR_FSYNC);
        Err(rusqlite::Error::SqliteFailure(code, None).into())
    }
}
