//! What is known where a store did not do what it was asked?

use crate::{Error, ErrorKind};

/// Why a store did not do what it was asked.
#[derive(Debug)]
pub enum Fault {
    /// Somebody else has the store for the moment. Nothing was done; asking again helps.
    Busy,
    /// Nothing was done.
    Unavailable(Error),
    /// It may have been done or not: read before anything else.
    Unknown(Error),
    /// The store is not what it was, so that nothing is acknowledged until it was opened again.
    Lost(Error),
}

impl From<serde_json::Error> for Fault {
    /// A row that cannot be read is damage: nothing is decided on a guess of what it said.
    fn from(error: serde_json::Error) -> Self {
        Self::damaged(format!("a row cannot be read: {error}"))
    }
}

impl Fault {
    /// Nothing is acknowledged any more, because a row is not what was written.
    pub fn damaged(what: impl Into<String>) -> Self {
        Self::Lost(Error::new(ErrorKind::Damaged, what))
    }

    /// The failure, as callers see it.
    pub(crate) fn into_error(self) -> Error {
        match self {
            Self::Busy => {
                Error::new(ErrorKind::LedgerUnavailable, "the ledger is busy; send the command again")
            }
            Self::Unavailable(error) | Self::Unknown(error) | Self::Lost(error) => error,
        }
    }
}
