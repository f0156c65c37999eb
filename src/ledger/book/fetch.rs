//! What does a round read? What its commands name and their pages lack.

use super::desk::{Confirmed, Desk};
use super::job::Job;
use super::page::Lack;
use crate::ledger::store::{Digest, Fault, Rows, Seal, Store, TenantRow, Want};
use crate::values::Tenant;

impl<S: Store> Desk<S> {
    /// Begins a round: reads what the commands name and the pages lack. False where a page was void.
    pub(super) fn fetch_named(
        &mut self,
        tenants: &[Tenant],
        jobs: &[&mut Box<dyn Job<S>>],
    ) -> Result<bool, Fault> {
        let mut wants = Vec::with_capacity(tenants.len());
        for tenant in tenants {
            let mut want = Want::of(tenant.clone());
            jobs.iter().filter(|job| job.tenant() == Some(tenant)).for_each(|job| job.want(&mut want));
            wants.push(want);
        }
        let stands = self.fetch(&mut wants)?;
        let (latest, forgets_at) = (self.latest, self.forgets_at);
        tenants.iter().for_each(|tenant| self.page(tenant).begin(latest, forgets_at));
        Ok(stands)
    }

    /// Reads one more row. False where the page was void.
    pub(super) fn fetch_lack(&mut self, tenant: &Tenant, lack: Lack) -> Result<bool, Fault> {
        let mut want = Want::of(tenant.clone());
        match lack {
            Lack::Id(id) => want.ids.push(id),
            Lack::Account(account) => want.accounts.push((account, i64::MAX)),
            Lack::Number(number, period) => want.numbers.push((number, period)),
            Lack::Scope(scope) => want.scopes.push(scope),
            Lack::Event(sequence) => want.events.push(sequence),
            Lack::Call(digest) => want.calls.push(digest),
        }
        self.fetch(&mut [want])
    }

    /// Reads what the pages lack of these wants. False where a page stood on another version and is void now.
    fn fetch(&mut self, wants: &mut [Want]) -> Result<bool, Fault> {
        for want in &mut *wants {
            let confirmed = self.confirmed.get(&want.tenant).map(|confirmed| confirmed.entries);
            let latest = self.latest;
            let page = self.page(&want.tenant);
            if page.is_read {
                page.leave_out_known(want);
            } else {
                want.link = confirmed.filter(|entries| *entries > 0);
                want.due = Some((latest, 0));
            }
        }
        let rows = self.store.read(wants)?;
        if rows.len() != wants.len() {
            return Err(Fault::damaged(format!("{} answers to {} wants", rows.len(), wants.len())));
        }
        let mut stands = true;
        for (want, rows) in wants.iter().zip(rows) {
            stands &= self.learn(want, rows)?;
        }
        Ok(stands)
    }

    /// Puts what was read on its page. False where the page stood on another version and is void now.
    pub(super) fn learn(&mut self, want: &Want, rows: Rows) -> Result<bool, Fault> {
        let tenant = &want.tenant;
        self.latest = self.latest.max(rows.at);
        self.forgets_at = rows.forgets_at.unwrap_or(self.latest);
        self.page(tenant).hear(&rows.clock_changes);
        let row = match &rows.tenant {
            None => None,
            Some(sealed) => Some(TenantRow::checked(sealed.clone(), tenant)?),
        };
        let page = self.page(tenant);
        let version = row.map(|row| row.version);
        if page.is_read && (page.read_version != version || rows.past_version) {
            page.void();
            return Ok(false);
        }
        if !page.is_read {
            let confirmed = self.confirmed.get(tenant).copied();
            check_confirmed(tenant, confirmed, row.as_ref(), rows.link)?;
            if let Some(row) = row {
                let TenantRow { version, entries, head, .. } = row;
                self.confirmed.insert(tenant.clone(), Confirmed { version, entries, head });
            }
        }
        self.page(tenant).learn(want, row, rows)?;
        Ok(true)
    }
}

/// Refuses books that lack what was confirmed last, or have something else in its place: an older copy, or a foreign one.
fn check_confirmed(
    tenant: &Tenant,
    confirmed: Option<Confirmed>,
    row: Option<&TenantRow>,
    link: Option<Digest>,
) -> Result<(), Fault> {
    let Some(Confirmed { version, entries, head }) = confirmed else { return Ok(()) };
    let stands = row.is_some_and(|row| {
        let is_later = row.version == version || row.version.counter > version.counter;
        let has_entries = if row.entries == entries {
            row.head == head
        } else {
            row.entries > entries && (entries == 0 || link == Some(head))
        };
        is_later && has_entries
    });
    if stands {
        return Ok(());
    }
    Err(Fault::damaged(format!("{tenant:?} no longer has the {entries} entries that were confirmed")))
}
