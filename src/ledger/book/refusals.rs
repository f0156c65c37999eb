//! Which ids did this process refuse lately?
//!
//! A refusal makes no row in a store, so that strangers cannot fill it. A repeat within a minute still gets the first answer, from
//! here; later it is judged as a new id, which is safe: nothing was executed.

use std::collections::{HashMap, VecDeque};

use crate::ledger::rules::REMEMBERS_REFUSAL;
use crate::values::{ReservationId, Timestamp};

/// How many refusals of one tenant are remembered, and how many of all tenants whose page is not kept.
pub(super) const REFUSALS_MAX: usize = 10_000;

/// The refusals of one tenant, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    bodies: HashMap<ReservationId, u128>,
    order: VecDeque<(Timestamp, ReservationId)>,
}

impl Refusals {
    pub(super) fn len(&self) -> usize {
        self.bodies.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bodies.is_empty()
    }

    /// The body under which the id was refused.
    pub(super) fn body(&self, id: ReservationId) -> Option<u128> {
        self.bodies.get(&id).copied()
    }

    /// Remembers a refusal of now.
    pub(super) fn add(&mut self, now: Timestamp, id: ReservationId, body: u128) {
        self.bodies.insert(id, body);
        self.order.push_back((now, id));
        if self.order.len() > REFUSALS_MAX
            && let Some((_, oldest)) = self.order.pop_front()
        {
            self.bodies.remove(&oldest);
        }
    }

    /// Forgets an id: it was held or charged after all, or the round that refused it begins anew.
    pub(super) fn remove(&mut self, id: ReservationId) {
        if self.bodies.remove(&id).is_some() {
            self.order.retain(|(_, other)| *other != id);
        }
    }

    /// Forgets what was refused a minute ago.
    pub(super) fn forget_old(&mut self, now: Timestamp) {
        while let Some((_, oldest)) =
            self.order.front().copied().filter(|(at, _)| *at + REMEMBERS_REFUSAL <= now)
        {
            self.order.pop_front();
            self.bodies.remove(&oldest);
        }
    }
}
