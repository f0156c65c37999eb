//! How is a change told: in the journal, to whoever waits for a level, and in the reply?

use super::books::{Balances, Books};
use super::events;
use super::fault::Fault;
use super::journal::{self, NewEntry};
use super::seal::Digest;
use super::sheet::Change;
use super::tenants::RootRow;
use crate::Scope;
use crate::ledger::{Attribution, Effects, EntryKind, Note, Outcome, Reached, Reply};
use crate::values::{Balance, Claim, ReservationId};

/// What the ledger writes about what it did by itself.
pub(super) const NO_NOTE: Note = Note { about: None, usage: None, ended: None };

/// What a command writes about itself into the journal.
#[derive(Clone, Copy, Debug)]
pub(super) struct Told<'a> {
    /// What happened.
    pub(super) kind: EntryKind,
    /// The id of the command.
    pub(super) id: ReservationId,
    /// What the caller said of its call.
    pub(super) note: &'a Note,
    /// Who did it and why, if it was done by hand.
    pub(super) attribution: Option<&'a Attribution>,
    /// The scope that was marked, if it was a mark.
    pub(super) scope: Option<&'a Scope>,
}

impl<'a> Told<'a> {
    /// An entry that nobody signed.
    pub(super) fn new(kind: EntryKind, id: ReservationId, note: &'a Note) -> Self {
        Self { kind, id, note, attribution: None, scope: None }
    }
}

impl Books {
    /// Writes changes into the journal and applies them; returns the balances after them.
    /// The caller has checked that every sum fits.
    pub(super) fn post(
        &mut self,
        row: &mut RootRow,
        told: &Told<'_>,
        changes: &[Change],
    ) -> Result<Balances, Fault> {
        let call = self.calls.number(&self.file, told.note.about.as_ref())?;
        self.write_entry(row, told, call, changes)?;
        changes.iter().map(|change| self.sheet.apply(&self.file, change)).collect()
    }

    /// Writes the next entry, and moves the tenant's head on to it. Returns its number.
    pub(super) fn write_entry(
        &mut self,
        row: &mut RootRow,
        told: &Told<'_>,
        call: Option<(i64, Digest)>,
        changes: &[Change],
    ) -> Result<u64, Fault> {
        let sequence = row.entries.saturating_add(1);
        let entry = NewEntry {
            at: row.time,
            id: told.id,
            kind: told.kind,
            scope: told.scope,
            note: told.note,
            call,
            attribution: told.attribution,
        };
        row.head = journal::write(&self.file, (row.number, sequence), &row.head, &entry, changes)?;
        row.entries = sequence;
        row.changed = true;
        Ok(sequence)
    }

    /// Finds the thresholds that spent money has reached on the lines of that claim, and
    /// writes an entry and a pending event for each.
    pub(super) fn cross(&mut self, row: &mut RootRow, id: ReservationId, claim: &Claim) -> Result<(), Fault> {
        for line in claim.lines().iter().filter(|line| !line.thresholds.is_empty()) {
            // A refusal makes no row, and where there is none nothing is spent.
            let Some(account) = self.sheet.find(&self.file, row.number, &line.account)? else { continue };
            let period = line.period.number;
            for (tier, at) in self.sheet.crossings(&self.file, account, line)? {
                let spent = self.sheet.balance(&self.file, account, period)?.spent;
                let change = Change { account, period, spent: 0, reserved: 0 };
                let told = Told::new(EntryKind::Reached(tier), id, &NO_NOTE);
                let sequence = self.write_entry(row, &told, None, &[change])?;
                events::write(&self.file, (row.number, sequence), (at, spent))?;
                let reached = Reached { account: line.account.clone(), period, tier, at, spent };
                self.effects(row).reached.push(reached);
            }
        }
        Ok(())
    }

    /// The balances of a claim's lines as they stand now.
    pub(super) fn balances_of(&mut self, row: &RootRow, claim: &Claim) -> Result<Balances, Fault> {
        let mut balances = Balances::new();
        for line in claim.lines() {
            balances.push(match self.sheet.find(&self.file, row.number, &line.account)? {
                Some(account) => self.sheet.balance(&self.file, account, line.period.number)?,
                None => Balance::default(),
            });
        }
        Ok(balances)
    }

    /// What the next reply is to tell, for that tenant.
    pub(super) fn effects(&mut self, row: &RootRow) -> &mut Effects {
        self.untold.entry(row.number).or_default()
    }

    /// An answer of this instant, which takes along everything that waits to be told.
    pub(super) fn reply(&mut self, row: &RootRow, outcome: Outcome, balances: Balances) -> Reply {
        let effects = self.untold.remove(&row.number).map(Box::new);
        Reply { outcome, repeated: false, unheld: false, replaced: None, now: row.time, balances, effects }
    }
}
