//! What every clone of an enforcer and every open reservation shares.

use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use arc_swap::ArcSwap;

use super::Swaps;
use super::builder::{OnAbandon, OnOutage};
use super::growing::Growing;
use super::outbox::Outbox;
use super::told::Told;
use crate::ledger::{Effects, Expired, Frozen, ImmediateLedger, Reconcile, Release, Reply, Reserve, Resize};
use crate::pricing::Unseen;
use crate::run::Levels;
use crate::tokens::OutputSizing;
use crate::values::{Binding, OnNoLimit, Tenant, Timestamp, Unit};
use crate::{
    BudgetLedger, Clock, Error, ErrorKind, Event, Observer, Policy, PricingTable, Scope, TokenEstimator, Usd,
};

/// What every clone of an enforcer and every open reservation shares.
pub(crate) struct Core {
    pub(crate) policy: ArcSwap<Policy>,
    pub(crate) prices: ArcSwap<PricingTable>,
    /// Counts swaps of policy or prices; whatever was resolved before is resolved anew.
    pub(crate) epoch: AtomicU64,
    pub(crate) ledger: Arc<dyn BudgetLedger>,
    pub(crate) estimator: Arc<dyn TokenEstimator>,
    pub(crate) output_sizing: OutputSizing,
    pub(crate) clock: Arc<dyn Clock>,
    /// How far the ledger's clock is ahead of this machine's, in nanoseconds.
    pub(crate) clock_offset: AtomicI64,
    pub(crate) clock_behind: AtomicBool,
    pub(crate) observers: Vec<Arc<dyn Observer>>,
    pub(crate) abandoned: OnAbandon,
    pub(crate) on_no_limit: Option<OnNoLimit>,
    /// How fast models generate unseen, whatever their rows say.
    pub(crate) unseen: Option<Unseen>,
    pub(crate) outage: Outage,
    pub(crate) hold_grace: Duration,
    pub(crate) outbox: Outbox,
    pub(crate) told: Told,
    pub(crate) swaps: Swaps,
    /// Open streams that are held by slices.
    pub(crate) growing: Growing,
    /// The runs that have a guard in this process.
    pub(crate) runs: Levels,
}

impl fmt::Debug for Core {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Core")
    }
}

/// How much was let through while the ledger was away.
#[derive(Debug)]
pub(crate) struct Outage {
    away: OnOutage,
    admitted_nanos: AtomicI64,
}

impl Outage {
    pub(crate) fn new(away: OnOutage) -> Self {
        Self { away, admitted_nanos: AtomicI64::new(0) }
    }

    /// Whether a call quoted at that much may be made without the ledger.
    pub(crate) fn admits(&self, usd: Usd) -> bool {
        let OnOutage::FailOpen { at_most } = self.away else { return false };
        let step = |sum: i64| sum.checked_add(usd.nanos()).filter(|sum| *sum <= at_most.nanos());
        self.admitted_nanos.fetch_update(Ordering::AcqRel, Ordering::Acquire, step).is_ok()
    }

    /// The ledger answered: the outage, if there was one, is over.
    #[inline]
    pub(crate) fn over(&self) {
        if self.admitted_nanos.load(Ordering::Relaxed) != 0 {
            self.admitted_nanos.store(0, Ordering::Release);
        }
    }
}

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

    pub(crate) fn changed(&self) {
        self.epoch.fetch_add(1, Ordering::Release);
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

    #[inline]
    pub(crate) fn tell(&self, event: &Event) {
        for observer in &self.observers {
            // Events are told from drops, too, where a panic would end the process. The panic hook has said it.
            let _ = catch_unwind(AssertUnwindSafe(|| observer.observe(event)));
        }
    }

    /// Tells observers what a command brought to light.
    #[inline]
    pub(crate) fn tell_news(&self, binding: &Binding, effects: Option<Box<Effects>>) {
        if let Some(effects) = effects.filter(|_| !self.observers.is_empty()) {
            self.tell_all(Some(binding), &effects);
        }
    }

    /// Tells observers what came to light while a command without lines was obeyed.
    pub(crate) fn tell_news_without_lines(&self, effects: Option<Box<Effects>>) {
        if let Some(effects) = effects.filter(|_| !self.observers.is_empty()) {
            self.tell_all(None, &effects);
        }
    }

    fn tell_expiry(&self, expired: &Expired) {
        let dollars = expired.charged.iter().find(|(account, _)| account.unit() == &Unit::Usd);
        let usd = dollars.map_or(Usd::ZERO, |(_, nanos)| Usd::from_nanos(*nanos));
        self.tell(&Event::Expired { id: expired.id, due: expired.due, usd });
    }

    #[cold]
    fn tell_all(&self, binding: Option<&Binding>, effects: &Effects) {
        effects.expired.iter().for_each(|expired| self.tell_expiry(expired));
        for reached in &effects.reached {
            self.tell(&self.crossing(binding, reached));
            if self.ledger.capabilities().durable {
                self.told.note(reached);
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
