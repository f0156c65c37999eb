//! What does a page learn from what was read?
//!
//! What is known already is never overwritten: it may have changed in this round. What was wanted and did not come is not there, and is
//! noted as absent.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::page::{Slot, StorePage};
use super::sheet::Named;
use crate::ledger::store::{
    AccountRow, Digest, EventRow, Fault, HoldRow, Rows, Seal, Sealed, TenantRow, Want,
};
use crate::values::ReservationId;

impl StorePage {
    /// Leaves out of a want what the page knows.
    pub(super) fn leave_out_known(&self, want: &mut Want) {
        want.ids.retain(|id| !self.holds.contains_key(id));
        want.accounts.retain(|(account, period)| match self.sheet.find(account) {
            Ok(Some(number)) => !self.sheet.knows(number, *period),
            Ok(None) => false,
            Err(_) => true,
        });
        want.numbers.retain(|(number, period)| !self.sheet.knows(*number, *period));
        let any_marks = self.any_marks;
        want.scopes.retain(|scope| any_marks && !self.marks.contains_key(scope));
        want.events.retain(|sequence| !self.known_events.contains_key(sequence));
    }

    /// Learns what was read for that want.
    ///
    /// # Errors
    /// `Damaged` where a seal does not fit, or a counter is missing.
    pub(super) fn learn(&mut self, want: &Want, row: Option<TenantRow>, rows: Rows) -> Result<(), Fault> {
        if !self.is_read {
            self.is_read = true;
            self.read_version = row.map(|row| row.version);
            self.any_marks = rows.any_marks;
            self.row = row.unwrap_or(self.row);
        }
        if want.due.is_some() {
            (self.due, self.stored_due) = (rows.next_due, rows.next_due);
        }
        self.learn_accounts(want, row.map_or(0, |row| row.accounts), &rows)?;
        self.learn_holds(want, rows.holds)?;
        for mark in rows.marks {
            self.marks.entry(mark.scope.clone()).or_insert(Some(mark));
        }
        // Where no scope is marked, no mark is asked for.
        for scope in want.scopes.iter().filter(|_| self.any_marks) {
            if let Entry::Vacant(vacant) = self.marks.entry(scope.clone()) {
                vacant.insert(None);
                self.unmarked = self.unmarked.saturating_add(1);
            }
        }
        self.abouts.extend(rows.calls.into_iter().map(|call| (call.digest, call.about)));
        if let Some(digest) = want.calls.iter().find(|digest| !self.abouts.contains_key(*digest)) {
            return Err(Fault::damaged(format!("the call {} has no row", hex(digest))));
        }
        for event in rows.events {
            let sequence = event.row.sequence;
            let event = EventRow::checked(event, &self.tenant)?;
            self.known_events.insert(sequence, Some(event));
        }
        for sequence in &want.events {
            self.known_events.entry(*sequence).or_insert(None);
        }
        Ok(())
    }

    /// Learns accounts and balances; so many accounts were made in the version that was read.
    fn learn_accounts(&mut self, want: &Want, made: u32, rows: &Rows) -> Result<(), Fault> {
        let mut periods: HashMap<u32, HashMap<i64, Named>> = HashMap::new();
        for sealed in &rows.accounts {
            let Sealed { row, .. } = sealed;
            periods.entry(row.number).or_default();
            self.sheet.learn_account(AccountRow::checked(sealed.clone(), &self.tenant)?);
        }
        for balance in &rows.balances {
            self.sheet.learn_balance(*balance);
        }
        // Whoever holds on an account has brought it along; where a store did not, it is read by its number once it is needed.
        for (account, period) in rows.cells() {
            if let Some(periods) = periods.get_mut(&account) {
                periods.insert(period, Named::ByHold);
            }
        }
        for (account, period) in &want.accounts {
            match self.sheet.find(account) {
                Ok(Some(number)) => {
                    periods.entry(number).or_default().entry(*period).or_insert(Named::ByWant);
                }
                _ if usize::try_from(made) != Ok(rows.account_rows) => {
                    let (tenant, rows) = (&self.tenant, rows.account_rows);
                    let text = format!(
                        "{tenant:?} has {rows} of the {made} accounts that were made; {account} may be one that is lost"
                    );
                    return Err(Fault::damaged(text));
                }
                _ => self.sheet.learn_absent(account.clone()),
            }
        }
        for (number, period) in &want.numbers {
            if self.sheet.account(*number).is_err() {
                return Err(Fault::damaged(format!("account {number} has no row")));
            }
            periods.entry(*number).or_default().entry(*period).or_insert(Named::ByWant);
        }
        for (number, periods) in periods {
            self.sheet.complete(number, periods)?;
        }
        Ok(())
    }

    fn learn_holds(&mut self, want: &Want, holds: Vec<Sealed<HoldRow>>) -> Result<(), Fault> {
        for hold in holds {
            let hold = HoldRow::checked(hold, &self.tenant)?;
            self.learn_hold(hold.id, Some(hold));
        }
        for id in &want.ids {
            self.learn_hold(*id, None);
        }
        Ok(())
    }

    fn learn_hold(&mut self, id: ReservationId, hold: Option<HoldRow>) {
        if let Entry::Vacant(vacant) = self.holds.entry(id) {
            vacant.insert(Slot { before: hold.clone(), hold, is_changed: false });
            self.read_holds.push(id);
        }
    }

    /// An open hold that is due, as the page knows it from now on.
    ///
    /// # Errors
    /// `Damaged` where its seal does not fit.
    pub(super) fn learn_due(&mut self, hold: Sealed<HoldRow>) -> Result<HoldRow, Fault> {
        let hold = HoldRow::checked(hold, &self.tenant)?;
        self.learn_hold(hold.id, Some(hold.clone()));
        Ok(hold)
    }
}

/// The first bytes of a digest, by which a person can look it up.
fn hex(digest: &Digest) -> String {
    digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}
