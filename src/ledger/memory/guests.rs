//! What becomes of an id that visitors' books remember, once its tenant has books of its own?
//!
//! It moves there with what was answered: a refusal stays refused for its minute, and a tombstone stands for its hour.

use super::book::TenantBook;
use super::known::Known;
use crate::ledger::rules::State;
use crate::values::{ReservationId, Timestamp};

/// An id that visitors' books remember, and what of it.
#[derive(Clone, Copy)]
pub(super) struct Guest {
    id: ReservationId,
    /// Its record there.
    place: u32,
    state: State,
    fingerprint: u32,
    until: Timestamp,
}

impl TenantBook {
    /// What is remembered here of that id, which holds nothing.
    pub(super) fn guest(&mut self, id: ReservationId) -> Option<Guest> {
        let Known { place, state, fingerprint, .. } = self.known(id)?;
        Some(Guest { id, place, state, fingerprint, until: self.calls.get(place).expires_at() })
    }

    /// Remembers it here no more.
    pub(super) fn let_go(&mut self, guest: Option<Guest>) {
        if let Some(Guest { place, .. }) = guest {
            self.calls.unname(place);
        }
    }

    /// Remembers it here, where a repeat is answered with these books' balances.
    pub(super) fn take_in(&mut self, guest: Option<Guest>) {
        let Some(Guest { id, state, fingerprint, until, .. }) = guest else { return };
        let Ok(place) = self.keep_empty(id, state) else { return };
        self.calls.get_mut(place).fingerprint = fingerprint;
        if state == State::Tombstone {
            self.calls.remember_tombstone(place, until);
        } else {
            self.remember_refusal(place, until);
        }
    }
}
