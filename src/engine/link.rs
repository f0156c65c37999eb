//! The one door to the ledger: what is sent, and what time it is there.

use std::future::Future;
use std::pin::pin;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::core::Core;
use crate::ledger::{Frozen, ImmediateLedger, Reconcile, Release, Reply, Reserve, Resize};
use crate::values::{Tenant, Timestamp};
use crate::{Error, ErrorKind, Event, Scope};

/// How far a clock may lag behind the ledger before it is worth an event.
const CLOCK_JUMP: Duration = Duration::from_secs(1);

impl Core {
    /// The ledger's instant: asked where it answers at once, otherwise this clock with the offset last seen.
    #[inline]
    pub(crate) fn now(&self) -> Timestamp {
        match self.ledger.immediate() {
            Some(ledger) => ledger.now(),
            None => {
                let offset = self.clock_offset.load(Ordering::Relaxed);
                Timestamp::from_nanos(self.clock.now().as_nanos().saturating_add(offset))
            }
        }
    }

    #[inline]
    pub(crate) async fn send_reserve(&self, now: Timestamp, command: Reserve<'_>) -> Result<Reply, Error> {
        match self.ledger.immediate() {
            Some(ledger) => self.reserve_at_once(ledger, now, command),
            None => {
                let reply = self.ledger.reserve(command).await?;
                self.outage.over();
                self.keep_time(now, reply.now);
                Ok(reply)
            }
        }
    }

    #[inline]
    pub(crate) fn reserve_at_once(
        &self,
        ledger: &dyn ImmediateLedger,
        now: Timestamp,
        command: Reserve<'_>,
    ) -> Result<Reply, Error> {
        let reply = ledger.reserve(now, command);
        if let Ok(reply) = &reply {
            self.outage.over();
            self.keep_time(now, reply.now);
        }
        reply
    }

    #[inline]
    pub(crate) async fn send_reconcile(
        &self,
        now: Timestamp,
        command: Reconcile<'_>,
    ) -> Result<Reply, Error> {
        match self.ledger.immediate() {
            Some(ledger) => ledger.reconcile(now, command),
            None => self.ledger.reconcile(command).await,
        }
    }

    pub(crate) async fn send_release(&self, now: Timestamp, command: Release<'_>) -> Result<Reply, Error> {
        match self.ledger.immediate() {
            Some(ledger) => ledger.release(now, command),
            None => self.ledger.release(command).await,
        }
    }

    pub(crate) async fn send_resize(&self, now: Timestamp, command: Resize<'_>) -> Result<Reply, Error> {
        match self.ledger.immediate() {
            Some(ledger) => ledger.resize(now, command),
            None => self.ledger.resize(command).await,
        }
    }

    pub(crate) async fn marks(&self, tenant: &Tenant, scopes: &[Scope]) -> Result<Vec<Frozen>, Error> {
        match self.ledger.immediate() {
            Some(ledger) => ledger.marks(ledger.now(), tenant, scopes),
            None => self.ledger.marks(tenant, scopes).await,
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
        if self.ledger.immediate().is_none() {
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

/// Runs a future that does not wait: its one poll is its whole life.
///
/// # Errors
/// `Unsupported` where it does wait.
#[inline]
pub(crate) fn at_once<F: Future>(future: F) -> Result<F::Output, Error> {
    let mut context = Context::from_waker(Waker::noop());
    match pin!(future).poll(&mut context) {
        Poll::Ready(output) => Ok(output),
        Poll::Pending => Err(Error::new(
            ErrorKind::Unsupported,
            "this ledger cannot answer at once; use the asynchronous form of the command",
        )),
    }
}
