//! The one door to the ledger: what is sent, and what time it is there.
//!
//! Each command goes out here, with the instant that was just read of the ledger's own clock, where it has one. An
//! answer is matched on [`Answer::Now`] by whoever sends a plain call, in one place each; walks of several trips await.
//!
//! Time is the ledger's, so that processes whose clocks differ see one month begin. A ledger in this process is asked. Of
//! another, each reply tells the offset: it answered 12:00:07 where this machine has 12:00:05, so two seconds are
//! added from now on. Such an estimate resolves plans, and is never sent as the ledger's own instant.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::core::Core;
use crate::ledger::{Answer, MarkScope, Reconcile, Record, Release, Reply, Reserve, Resize};
use crate::values::Timestamp;
use crate::{Error, Event};

/// How far a clock may lag behind the ledger before it is worth an event.
const CLOCK_JUMP: Duration = Duration::from_secs(1);

impl Core {
    /// The ledger's instant: asked where it can be read here, otherwise this clock with the offset last seen.
    #[inline]
    pub(crate) fn now(&self) -> Timestamp {
        self.ledger.now().unwrap_or_else(|| {
            let offset = self.clock_offset.load(Ordering::Relaxed);
            Timestamp::from_nanos(self.clock.now().as_nanos().saturating_add(offset))
        })
    }

    /// What a command carries: an instant that was estimated here is none of the ledger's.
    #[inline]
    fn handed(&self, now: Timestamp) -> Option<Timestamp> {
        self.has_clock.then_some(now)
    }

    #[inline]
    pub(crate) fn reserve(&self, now: Timestamp, mut command: Reserve<'_>) -> Answer<'static, Reply> {
        command.now = self.handed(now);
        self.ledger.reserve(command)
    }

    #[inline]
    pub(crate) fn reconcile(&self, now: Timestamp, mut command: Reconcile<'_>) -> Answer<'static, Reply> {
        command.now = self.handed(now);
        self.ledger.reconcile(command)
    }

    pub(crate) fn release(&self, now: Timestamp, mut command: Release<'_>) -> Answer<'static, Reply> {
        command.now = self.handed(now);
        self.ledger.release(command)
    }

    pub(crate) fn resize(&self, now: Timestamp, mut command: Resize<'_>) -> Answer<'static, Reply> {
        command.now = self.handed(now);
        self.ledger.resize(command)
    }

    pub(crate) fn record(&self, now: Timestamp, mut command: Record<'_>) -> Answer<'static, Reply> {
        command.now = self.handed(now);
        self.ledger.record(command)
    }

    pub(crate) fn mark(&self, mut command: MarkScope<'_>) -> Answer<'static, Reply> {
        command.now = self.ledger.now();
        self.ledger.mark(command)
    }

    /// A reserve was answered: the ledger is there, and said what time it is.
    #[inline]
    pub(crate) fn heard(&self, asked: Timestamp, reply: &Result<Reply, Error>) {
        if let Ok(reply) = reply {
            self.outage.over();
            self.keep_time(asked, reply.now);
        }
    }

    /// Notes how far the ledger's clock is ahead, and reports a clock that jumped back.
    #[inline]
    fn keep_time(&self, asked: Timestamp, answered: Timestamp) {
        if asked == answered {
            // The clock has caught up: another jump is news again.
            if self.clock_behind.load(Ordering::Relaxed) {
                self.clock_behind.store(false, Ordering::Relaxed);
            }
            return;
        }
        if !self.has_clock {
            let here = self.clock.now().as_nanos();
            self.clock_offset.store(answered.as_nanos().saturating_sub(here), Ordering::Relaxed);
            return;
        }
        let back = answered.since(asked);
        let behind = back >= CLOCK_JUMP;
        if behind != self.clock_behind.load(Ordering::Relaxed) {
            self.clock_behind.store(behind, Ordering::Relaxed);
            if behind {
                self.tell(&Event::ClockJumped { back });
            }
        }
    }
}
