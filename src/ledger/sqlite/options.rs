//! How long does the durable ledger remember?

use std::time::Duration;

/// How much a [`SqliteLedger`](super::SqliteLedger) remembers and does at once.
#[derive(Clone, Copy, Debug)]
pub struct SqliteOptions {
    /// How long an ended id is remembered. An unknown id that is older is not executed, and is answered with
    /// `Forgotten`. Default: 35 days, so that a monthly job may repeat last month's commands.
    ///
    /// Set it alike in all processes of one file.
    pub remembers: Duration,
    /// Commands that one sync confirms at most; at least one. Default: 256. A larger batch helps many callers
    /// on a slow disk, and makes each of them wait for the whole batch.
    pub batch_max: usize,
}

impl Default for SqliteOptions {
    fn default() -> Self {
        Self { remembers: Duration::from_secs(35 * 86_400), batch_max: 256 }
    }
}
