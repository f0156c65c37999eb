//! How long does the durable ledger remember?

use std::time::Duration;

/// How much a [`SqliteLedger`](super::SqliteLedger) remembers and does at once.
#[derive(Clone, Copy, Debug)]
pub struct SqliteOptions {
    /// How long an ended id is remembered; an unknown one that is older is not executed: by default 35 days.
    ///
    /// Set it alike in all processes of one file.
    pub remembers: Duration,
    /// Commands that one write to disk confirms at most, at least one: by default 256.
    pub batch_max: usize,
}

impl Default for SqliteOptions {
    fn default() -> Self {
        Self { remembers: Duration::from_secs(35 * 86_400), batch_max: 256 }
    }
}
