//! Which calls were sent, and are ended by somebody else than who sent them?

use std::collections::BTreeMap;

use parking_lot::Mutex;

use crate::Error;
use crate::reservation::{InFlight, Known};
use crate::values::{ReservationId, Tenant};

/// The most calls that are kept.
const KEPT_MAX: usize = 10_000;

/// Calls whose end comes from elsewhere, by the ids of their holds, which are in the order of time.
#[derive(Default)]
pub(super) struct Keeping(Mutex<BTreeMap<ReservationId, InFlight>>);

impl Keeping {
    /// Keeps the call; where that is one too many, the oldest goes and is charged what it holds.
    pub(super) fn keep(&self, call: InFlight) -> Result<ReservationId, Error> {
        let id = call.id().ok_or_else(|| Error::invalid("call", "was reconciled or released before"))?;
        // What it lets go wakes others, and a drop asks the ledger: both outside the lock.
        let call = call.kept();
        let mut kept = self.0.lock();
        kept.insert(id, call);
        let oldest = if kept.len() > KEPT_MAX { kept.pop_first() } else { None };
        drop(kept);
        drop(oldest);
        Ok(id)
    }

    /// The call of that id, if it is kept and in those books.
    pub(super) fn known(&self, tenant: &Tenant, id: ReservationId) -> Option<Known> {
        let kept = self.0.lock();
        kept.get(&id).filter(|call| call.tenant() == Some(tenant)).and_then(InFlight::known)
    }

    /// The call was ended by its id.
    pub(super) fn ended(&self, id: ReservationId) {
        let ended = self.0.lock().remove(&id);
        if let Some(call) = ended {
            call.ended();
        }
    }
}
