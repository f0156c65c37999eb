//! Do the books add up?
//!
//! Every figure is kept twice: as a balance that commands read, and as its history (folded totals, journal entries, open
//! holds). This recomputes the first from the second, in one pass over each. It is for tests, audits and doubts: it takes
//! the tenant's lock for as long as that lasts.

use std::collections::HashMap;

use super::book::RootBook;
use crate::ledger::rules::State;
use crate::{Error, ErrorKind};

impl RootBook {
    /// Checks every balance against the journal, what was folded from it, and the open holds.
    pub(super) fn verify(&self) -> Result<(), Error> {
        let damaged = |text: String| Err(Error::new(ErrorKind::Damaged, text));
        let mut journal: HashMap<u32, i64> = HashMap::new();
        for (_, _, lines) in self.journal.iter() {
            for line in lines {
                let sum = journal.entry(line.row).or_default();
                *sum = sum.saturating_add(line.change.spent);
            }
        }
        let mut held: HashMap<u32, i64> = HashMap::new();
        for (place, hold) in self.holds.iter() {
            if hold.state == State::Held {
                for line in self.holds.lines(place) {
                    let sum = held.entry(line.row).or_default();
                    *sum = sum.saturating_add(line.amount);
                }
            }
        }
        for (place, row) in self.rows.iter() {
            let written = row.folded.saturating_add(journal.get(&place).copied().unwrap_or(0));
            if written != row.total {
                return damaged(format!(
                    "{:?}: the journal says {written}, the account {}",
                    row.account, row.total
                ));
            }
            let holds = held.get(&place).copied().unwrap_or(0);
            let counted = self.rows.reserved_everywhere(place);
            // A rolling account stops counting holds that are older than its window.
            if counted != holds && !(row.is_rolling() && counted < holds) {
                return damaged(format!(
                    "{:?}: holds say {holds} reserved, the account {counted}",
                    row.account
                ));
            }
        }
        match self.rows.below_zero() {
            Some(row) => damaged(format!("{:?}: below zero", row.account)),
            None => Ok(()),
        }
    }
}
