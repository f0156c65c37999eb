//! How much does the in-memory ledger remember?

use std::time::Duration;

/// How much a [`MemoryLedger`](crate::MemoryLedger) remembers, for each tenant.
///
/// An id that it no longer remembers is `Forgotten`, and never executed a second time: that is every unknown id that is not
/// newer than the newest that was forgotten, and every one that is older than `id_age_max`. So too small a number charges
/// nothing twice. It refuses calls that took longer to arrive than it takes for so many others to end; an
/// [`Enforcer`](crate::Enforcer) then asks once more under a new id.
///
/// Each remembered id takes about 200 bytes once so many have ended, and none before: 13 MB for a tenant with the default.
#[derive(Clone, Copy, Debug)]
pub struct MemoryOptions {
    /// Ended ids that were finally reported, released or posted: by default 65,536. Imported rows are not among them.
    pub ended_max: usize,
    /// Ended ids that are charged but not yet finally reported: by default 65,536.
    pub unreported_max: usize,
    /// Refused ids, each of which is remembered for a minute at most: by default 4,096. A later repeat is judged as new.
    ///
    /// Tenants that were never admitted share one such number.
    pub refusals_max: usize,
    /// Journal entries before they are folded into totals, at least one: by default 512.
    pub journal_entries_max: usize,
    /// An unknown id older than this is not executed; tombstones last as long: by default an hour.
    pub id_age_max: Duration,
    /// How long the figures of a run are kept after it was closed: by default an hour.
    ///
    /// After that its report shows zeros, it answers that it is closed, and it cannot be reopened; that much takes about 50 bytes.
    /// A run that is below another one is kept as long as that one. A run that was only stopped, or that nobody closed, is kept.
    pub closed_run_age_max: Duration,
}

impl Default for MemoryOptions {
    fn default() -> Self {
        Self {
            ended_max: 65_536,
            unreported_max: 65_536,
            refusals_max: 4_096,
            journal_entries_max: 512,
            id_age_max: Duration::from_secs(3_600),
            closed_run_age_max: Duration::from_secs(3_600),
        }
    }
}
