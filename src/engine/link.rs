//! The one door to the ledger: what is sent, and what time it is there.
//!
//! Each command goes out here, with the instant that was just read of the ledger's own clock, where it has one. An
//! answer is matched on [`Answer::Now`] by whoever sends a plain call, in one place each; walks of several trips await.
//!
//! Time is the ledger's, so that processes whose clocks differ see one month begin. A ledger in this process is asked. Of
//! another, each reply and each error tells it (`LedgerTime`). What was counted on from there dates ids,
//! ends of holds and plans, and is never sent as the ledger's own instant.

use std::sync::atomic::Ordering;

use super::core::Core;
use crate::ledger::{Answer, MarkScope, Reconcile, Record, Release, Reply, Reserve, Resize, check_ahead};
use crate::values::{ReservationId, Timestamp};
use crate::{Error, ErrorKind};

/// Whether a new id, which bears the ledger's time, may be taken where that one was not: it is too old, or made for a day to come.
/// Nothing was executed under it.
pub(crate) fn is_misdated(error: &Error, id: ReservationId) -> bool {
    let is_ahead = || error.ledger_time().is_some_and(|now| check_ahead(id, now).is_err());
    error.kind() == ErrorKind::Forgotten || (error.kind() == ErrorKind::Invalid && is_ahead())
}

impl Core {
    /// The ledger's instant: asked where it can be read here, otherwise counted on from what a reply said last.
    #[inline]
    pub(crate) fn now(&self) -> Timestamp {
        self.ledger.now().unwrap_or_else(|| self.ledger_time.now(&*self.clock))
    }

    /// Asks for room at `now`. Like every command it carries that instant only where it was read of the ledger's own clock:
    /// one that was estimated here decides nothing there.
    #[inline]
    pub(crate) fn reserve(&self, now: Timestamp, mut command: Reserve<'_>) -> Answer<'static, Reply> {
        command.now = self.has_clock.then_some(now);
        self.ledger.reserve(command)
    }

    /// Replaces a hold by what was used.
    #[inline]
    pub(crate) fn reconcile(&self, now: Timestamp, mut command: Reconcile<'_>) -> Answer<'static, Reply> {
        command.now = self.has_clock.then_some(now);
        self.ledger.reconcile(command)
    }

    pub(crate) fn release(&self, now: Timestamp, mut command: Release<'_>) -> Answer<'static, Reply> {
        command.now = self.has_clock.then_some(now);
        self.ledger.release(command)
    }

    pub(crate) fn resize(&self, now: Timestamp, mut command: Resize<'_>) -> Answer<'static, Reply> {
        command.now = self.has_clock.then_some(now);
        self.ledger.resize(command)
    }

    pub(crate) fn record(&self, now: Timestamp, mut command: Record<'_>) -> Answer<'static, Reply> {
        command.now = self.has_clock.then_some(now);
        self.ledger.record(command)
    }

    pub(crate) fn mark(&self, mut command: MarkScope<'_>) -> Answer<'static, Reply> {
        command.now = self.ledger.now();
        self.ledger.mark(command)
    }

    /// A command was answered: the ledger is there, and said what time it is. A ledger in this process is asked instead.
    #[inline]
    pub(crate) fn heard(&self, reply: &Result<Reply, Error>) {
        if reply.is_ok() && self.outage.admitted_nanos.load(Ordering::Relaxed) != 0 {
            self.outage.over();
        }
        if !self.has_clock {
            self.keep_time(reply);
        }
    }

    /// Notes what time it is there. An error says it as well: an id that was dated by a wrong clock is renewed by the right one.
    fn keep_time(&self, reply: &Result<Reply, Error>) {
        let now = match reply {
            Ok(reply) => Some(reply.now),
            Err(error) => error.ledger_time(),
        };
        if let Some(now) = now {
            self.ledger_time.heard(&*self.clock, now);
        }
    }
}
