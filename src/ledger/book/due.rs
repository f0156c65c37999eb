//! Which holds end by age before a round decides anything?

use super::desk::{Bound, Desk};
use crate::ledger::law;
use crate::ledger::law::Stop;
use crate::ledger::store::{Fault, HoldRow, Store, Want};
use crate::values::Tenant;

/// Holds that are ended by age in one write.
const DUE_MAX: usize = 1_000;

impl<S: Store> Desk<S> {
    /// Ends what is due, the earliest first, and by id among those due at once. False where a page was void.
    pub(super) fn end_due(&mut self, tenant: &Tenant) -> Result<bool, Fault> {
        loop {
            let page = self.page(tenant);
            if !page.is_due() {
                return Ok(true);
            }
            let now = page.now;
            let mut want = Want::of(tenant.clone());
            want.due = Some((now, DUE_MAX));
            let read = self.store.read(std::slice::from_ref(&want))?.pop();
            let rows = read.ok_or_else(|| Fault::damaged("no answer to a want"))?;
            let due = rows.due.clone();
            if !self.learn(&want, rows)? {
                return Ok(false);
            }
            let are_all = due.len() < DUE_MAX;
            for hold in due {
                let hold = self.page(tenant).learn_due(hold)?;
                if !self.expire(tenant, &hold)? {
                    return Ok(false);
                }
            }
            if !are_all {
                let moved = self.write(std::slice::from_ref(tenant), Bound::None)?;
                // A page that has grown too large is void, too.
                if !moved.is_empty() || !self.page(tenant).is_read {
                    return Ok(false);
                }
            }
        }
    }

    /// The same for holds that a command of this round has just made or shortened.
    pub(super) fn end_due_here(&mut self, tenant: &Tenant) -> Result<bool, Fault> {
        if !self.page(tenant).is_due() {
            return Ok(true);
        }
        for hold in self.page(tenant).due_here() {
            if !self.expire(tenant, &hold)? {
                return Ok(false);
            }
        }
        let page = self.page(tenant);
        page.due = page.next_due();
        Ok(true)
    }

    /// Ends one hold by its age. False where its page was void.
    fn expire(&mut self, tenant: &Tenant, hold: &HoldRow) -> Result<bool, Fault> {
        loop {
            match law::expire(self.page(tenant), hold.clone()) {
                Ok(()) => return Ok(true),
                Err(Stop::Missing(lack)) if self.fetch_lack(tenant, lack.clone())? => {}
                Err(Stop::Missing(_)) => return Ok(false),
                Err(Stop::Answer(error)) => return Err(Fault::damaged(error.to_string())),
            }
        }
    }
}
