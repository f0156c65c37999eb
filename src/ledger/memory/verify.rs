//! Do the books add up?
//!
//! Every figure is kept twice: as a balance that commands read, and as its history (what was folded, what records and
//! journal entries tell, what open holds hold). This recomputes the first from the second, in one pass over each. It is for
//! tests, audits and doubts: it takes the tenant's lock for as long as that lasts.

use std::collections::{HashMap, HashSet};

use super::book::TenantBook;
use crate::ledger::rules::State;
use crate::{Error, ErrorKind};

/// What history says of one row.
#[derive(Default)]
struct Told {
    spent: i128,
    held: i128,
    names: u32,
}

impl TenantBook {
    /// Checks every balance against what was folded, records, journal entries and open holds.
    pub(super) fn verify(&self) -> Result<(), Error> {
        let told = self.history()?;
        let nothing = Told::default();
        for (place, row) in self.rows.iter() {
            let told = told.get(&place).unwrap_or(&nothing);
            let account = self.rows.account(place);
            let counted = [row.before, row.spent, row.reserved].into_iter().map(i128::from).sum::<i128>();
            let history = [i128::from(row.folded), told.spent, told.held].into_iter().sum::<i128>();
            if counted != history {
                let text = format!("{account:?}: the journal says {history}, the account {counted}");
                return Err(damaged(text));
            }
            let (counted, holds) = (self.rows.reserved_everywhere(place), told.held);
            // A rolling account stops counting holds that are older than its window.
            if counted != holds && !(row.rolls != 0 && counted < holds) {
                return Err(damaged(format!(
                    "{account:?}: holds say {holds} reserved, the account {counted}"
                )));
            }
            if row.names != told.names {
                let (counted, names) = (row.names, told.names);
                return Err(damaged(format!("{account:?}: named {names} times, the account says {counted}")));
            }
        }
        match self.rows.below_zero() {
            Some(row) => Err(damaged(format!("{:?}: below zero", self.rows.account(row)))),
            None => Ok(()),
        }
    }

    /// What records and journal entries say of each row. Records that the journal names are kept, too.
    fn history(&self) -> Result<HashMap<u32, Told>, Error> {
        let mut told: HashMap<u32, Told> = HashMap::new();
        let mut uses: HashMap<u32, u8> = HashMap::new();
        for (_, entry, own) in self.journal.iter() {
            match own {
                Some(own) => own.lines.iter().for_each(|line| {
                    let row = told.entry(line.row).or_default();
                    row.names = row.names.saturating_add(1);
                    row.spent = row.spent.saturating_add(i128::from(line.change.spent));
                }),
                None => count(uses.entry(entry.record).or_default()),
            }
        }
        for (place, _) in self.calls.iter() {
            count(uses.entry(place).or_default());
        }
        let known: HashSet<u32> = self.calls.iter().map(|(place, _)| place).collect();
        for (place, used) in uses {
            let record = self.calls.get(place);
            if record.uses != used {
                let text = format!("{}: needed {used} times, its record says {}", record.id(), record.uses);
                return Err(damaged(text));
            }
            let is_held = record.state == State::Held;
            if is_held && !known.contains(&place) {
                return Err(damaged(format!("{}: open, and not found", record.id())));
            }
            for (line, charged) in self.lines(place).iter().zip(self.told_charges(place)) {
                let row = told.entry(line.row).or_default();
                row.names = row.names.saturating_add(1);
                row.spent = row.spent.saturating_add(i128::from(charged));
                row.held = row.held.saturating_add(if is_held { i128::from(line.held) } else { 0 });
            }
        }
        Ok(told)
    }
}

fn count(uses: &mut u8) {
    *uses = uses.saturating_add(1);
}

fn damaged(text: String) -> Error {
    Error::new(ErrorKind::Damaged, text)
}
