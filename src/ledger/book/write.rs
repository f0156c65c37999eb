//! What is written at the end of a round, and what becomes of it?

use std::time::Duration;

use super::desk::{Bound, Confirmed, Desk};
use super::page::StorePage;
use super::shelf::ROWS_MAX;
use crate::ledger::store::{Changes, Fault, HoldChange, Seal, Store, TenantRow, Version, Write, Wrote};
use crate::values::Tenant;

/// Ids of a tenant are forgotten no more often than this: it costs a search, and a minute more of memory costs nothing.
const FORGET_EVERY: Duration = Duration::from_secs(60);

impl<S: Store> Desk<S> {
    /// Writes what changed on these pages, and says which of them have to be decided anew.
    pub(super) fn write(&mut self, tenants: &[Tenant], bound: Bound) -> Result<Vec<Tenant>, Fault> {
        let mut changed = Vec::new();
        for tenant in tenants {
            let (forgot_at, was_late) = (self.forgot.get(tenant).copied(), self.was_late);
            let page = self.page(tenant);
            if !page.is_clean() {
                let forgets = forgot_at.is_none_or(|forgot_at| page.now >= forgot_at + FORGET_EVERY);
                // What is due already is ended by the next round. Where holds become due faster than writes are made, a write that was
                // late once is not held to them: they only give room back.
                let due = page.due.filter(|due| *due > page.now && bound == Bound::ByDue && !was_late);
                let until = page.until.into_iter().chain(due).min();
                changed.push((tenant, page.read_version, until, page.changes(forgets)));
            }
        }
        let writes: Vec<Write<'_>> = changed
            .iter()
            .map(|(tenant, expected, until, changes)| Write {
                tenant,
                expected: *expected,
                until: *until,
                changes,
            })
            .collect();
        let wrote = self.store.write(&writes)?;
        if wrote.len() != writes.len() {
            return Err(Fault::damaged(format!("{} answers to {} writes", wrote.len(), writes.len())));
        }
        self.was_late |= wrote.contains(&Wrote::Late);
        let mut moved = Vec::new();
        for ((tenant, _, _, changes), wrote) in changed.iter().zip(wrote) {
            match wrote {
                Wrote::Done { more_to_forget } => self.wrote(tenant, changes, more_to_forget),
                Wrote::Moved | Wrote::Late => {
                    self.page(tenant).void();
                    moved.push((*tenant).clone());
                }
            }
        }
        for tenant in tenants {
            let page = self.page(tenant);
            // Of a page on which nothing changed, what it told and refused stands from now on.
            if page.is_clean() {
                page.end();
            }
            page.forget_absent();
            if page.rows() > ROWS_MAX {
                page.void();
            }
        }
        Ok(moved)
    }

    /// Notes that these changes are there: from now on no state of the store may lack their entries.
    fn wrote(&mut self, tenant: &Tenant, changes: &Changes, more_to_forget: bool) {
        let TenantRow { version, entries, head, time, .. } = changes.tenant.row;
        self.confirmed.insert(tenant.clone(), Confirmed { version, entries, head });
        if changes.forget.is_some() && !more_to_forget {
            self.forgot.insert(tenant.clone(), time);
        }
        let page = self.page(tenant);
        page.read_version = Some(version);
        page.written();
    }
}

impl StorePage {
    /// All that is to be written.
    fn changes(&mut self, forgets: bool) -> Changes {
        let forget = forgets.then(|| self.forgets_at - self.remembers);
        self.row.time = self.now;
        self.row.version = Version::after(self.read_version);
        self.row.forgotten = forget.map_or(self.row.forgotten, |forget| self.row.forgotten.max(forget));
        let tenant = &self.tenant;
        let (accounts, balances) = self.sheet.changes();
        let holds = self.changed_holds.iter().filter_map(|id| self.holds.get(id));
        let holds = holds.filter_map(|slot| {
            let hold = slot.hold.clone()?.sealed(tenant);
            Some(HoldChange { hold, before: slot.before.clone() })
        });
        Changes {
            tenant: self.row.sealed(tenant),
            accounts: accounts.into_iter().map(|row| row.sealed(tenant)).collect(),
            balances,
            holds: holds.collect(),
            marks: self.changed_marks.iter().map(|scope| (scope.clone(), self.mark(scope))).collect(),
            calls: self.calls.clone(),
            entries: self.entries.clone(),
            events: self.events.iter().map(|event| event.sealed(tenant)).collect(),
            forget,
            forget_rows: forget.map(|_| self.forgets_at),
        }
    }
}
