//! What can go wrong with the file, and what does the book do about it?
//!
//! Most failures poison the ledger: after a failed sync nobody knows what is on the disk, and an operating system may report the
//! failure only once. Two do not poison: another process holds the lock, and a full disk, which took nothing and said so.

use thiserror::Error;

use crate::ledger::store::Fault;
use crate::{Error, ErrorKind};

/// What the file did not do.
#[derive(Debug, Error)]
pub(super) enum StoreError {
    #[error("the ledger's file: {0}")]
    Sqlite(#[from] rusqlite::Error),
    #[error("the ledger's file is damaged: {0}")]
    Damaged(String),
    #[error("the ledger's file was moved, deleted or replaced: {0}")]
    Moved(String),
    #[error("the ledger's file can only be read; make it and its folder writable")]
    ReadOnly,
    #[error("path: {0}")]
    Path(&'static str),
}

impl From<Fault> for StoreError {
    /// A word that could not be read.
    fn from(fault: Fault) -> Self {
        Self::Damaged(fault.into_error().to_string())
    }
}

/// A row that is not what this ledger wrote.
pub(super) fn damaged(what: impl Into<String>) -> StoreError {
    StoreError::Damaged(what.into())
}

impl StoreError {
    /// The same as callers see it; the private error becomes its source.
    pub(super) fn into_error(self) -> Error {
        Error::new(self.kind(), self.to_string()).with_source(self)
    }

    /// What the book does about it.
    pub(super) fn into_fault(self) -> Fault {
        if self.is_busy() {
            return Fault::Busy;
        }
        let poisons = self.poisons();
        let error = self.into_error();
        if poisons { Fault::Lost(error) } else { Fault::Unavailable(error) }
    }

    /// SQLite's own code, if SQLite failed.
    fn code(&self) -> Option<rusqlite::ErrorCode> {
        match self {
            Self::Sqlite(error) => error.sqlite_error_code(),
            Self::Damaged(_) | Self::Moved(_) | Self::ReadOnly | Self::Path(_) => None,
        }
    }

    /// What programs are told. A constraint that is violated means that rows are not what
    /// this ledger wrote.
    pub(super) fn kind(&self) -> ErrorKind {
        use rusqlite::ErrorCode::{ConstraintViolation, DatabaseCorrupt, NotADatabase, TypeMismatch};
        if matches!(self, Self::Moved(_) | Self::ReadOnly) {
            return ErrorKind::LedgerUnavailable;
        }
        if let Self::Path(_) | Self::Sqlite(rusqlite::Error::NulError(_) | rusqlite::Error::InvalidPath(_)) =
            self
        {
            return ErrorKind::Invalid;
        }
        match self.code() {
            None | Some(DatabaseCorrupt | NotADatabase | ConstraintViolation | TypeMismatch) => {
                ErrorKind::Damaged
            }
            Some(_) => ErrorKind::LedgerUnavailable,
        }
    }

    /// Whether another connection holds the lock, so that waiting helps.
    pub(super) fn is_busy(&self) -> bool {
        use rusqlite::ErrorCode::{DatabaseBusy, DatabaseLocked};
        matches!(self.code(), Some(DatabaseBusy | DatabaseLocked))
    }

    /// Whether nobody can tell any more what is on the disk, so that nothing may be
    /// acknowledged. A full disk does not poison: it took nothing, said so, and may have
    /// room later.
    pub(super) fn poisons(&self) -> bool {
        !self.is_busy() && self.code() != Some(rusqlite::ErrorCode::DiskFull)
    }
}
