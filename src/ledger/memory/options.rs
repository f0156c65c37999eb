//! How much does the in-memory ledger remember?

use std::time::Duration;

/// How much a [`MemoryLedger`](crate::MemoryLedger) remembers, for each root.
///
/// # A limit of this ledger
/// Ended ids are forgotten by number. An id that more than `ended_max` others
/// have ended since, and that is not yet `id_age_max` old, is taken for a new
/// one: its reserve would hold again, its report would be charged again as
/// unheld. Let `ended_max` be at least the calls that end while a retry may
/// still be on its way: a thousand a second for ten seconds are 10,000.
///
/// The defaults keep ended ids and journal inside a processor's second cache:
/// a pair of commands costs a third more with eight thousand and two thousand.
#[derive(Clone, Copy, Debug)]
pub struct MemoryOptions {
    /// Ended ids that were finally reported, released or refused: by default 1,024. Older ones are taken for new.
    pub ended_max: usize,
    /// Ended ids that are charged but not yet finally reported: by default 65,536.
    pub unreported_max: usize,
    /// Journal entries before they are folded into totals, at least one: by default 512.
    pub journal_entries_max: usize,
    /// An unknown id older than this is not executed; tombstones last as long: by default an hour.
    pub id_age_max: Duration,
}

impl Default for MemoryOptions {
    fn default() -> Self {
        Self {
            ended_max: 1_024,
            unreported_max: 65_536,
            journal_entries_max: 512,
            id_age_max: Duration::from_secs(3_600),
        }
    }
}
