//! What could not be told to the ledger at once waits here.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use smallvec::SmallVec;

use super::Core;
use crate::ledger::{Note, Rank, Reconcile, Record, Release, Signature};
use crate::{Binding, Error, ErrorKind, Event, ReservationId};

/// A command that ends a call, with everything that its repeat needs.
#[derive(Clone, Debug)]
pub(crate) enum Pending {
    /// Give back what was never sent.
    Release { id: ReservationId, binding: Arc<Binding>, note: Note },
    /// Charge what was sent.
    Reconcile {
        id: ReservationId,
        binding: Arc<Binding>,
        amounts: SmallVec<[i64; 8]>,
        /// What the hold is charged by its age, should the ledger have forgotten it; nothing where none was made.
        held: SmallVec<[i64; 8]>,
        rank: Rank,
        note: Note,
        /// The id of the posting that stands for it, once the ledger was found to have forgotten its own.
        correction: Option<ReservationId>,
    },
}

/// Commands in the order they came; never more than the calls then open.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    waiting: Mutex<VecDeque<Pending>>,
    /// Read on every command, so kept beside the lock.
    count: AtomicUsize,
}

impl Outbox {
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.count.load(Ordering::Acquire)
    }

    pub(crate) fn push(&self, pending: Pending) {
        let mut waiting = self.waiting.lock();
        waiting.push_back(pending);
        self.count.store(waiting.len(), Ordering::Release);
    }

    fn push_first(&self, pending: Pending) {
        let mut waiting = self.waiting.lock();
        waiting.push_front(pending);
        self.count.store(waiting.len(), Ordering::Release);
    }

    fn pop(&self) -> Option<Pending> {
        let mut waiting = self.waiting.lock();
        let first = waiting.pop_front();
        self.count.store(waiting.len(), Ordering::Release);
        first
    }
}

/// Puts a command back where its delivery is cancelled halfway.
struct Delivery<'a> {
    outbox: &'a Outbox,
    pending: Option<Pending>,
}

impl Drop for Delivery<'_> {
    fn drop(&mut self) {
        if let Some(pending) = self.pending.take() {
            self.outbox.push_first(pending);
        }
    }
}

impl Core {
    /// Ends a call now if the ledger answers at once, else leaves it in the outbox. Never waits.
    pub(crate) fn end_without_waiting(&self, mut pending: Pending) {
        if self.ledger.immediate().is_some() {
            // The ledger answers within the one poll.
            if let Ok(Ok(())) = super::at_once(self.deliver(&mut pending)) {
                return;
            }
        }
        self.defer(pending);
    }

    /// Leaves a command for the next flush, and says so.
    pub(crate) fn defer(&self, pending: Pending) {
        let id = pending.id();
        self.outbox.push(pending);
        self.tell(&Event::Undelivered { id });
    }

    /// Sends what waits, oldest first; stops at the first failure of the ledger.
    pub(crate) async fn flush(&self) -> Result<usize, Error> {
        for _ in 0..self.outbox.len() {
            let Some(pending) = self.outbox.pop() else { break };
            let mut delivery = Delivery { outbox: &self.outbox, pending: Some(pending) };
            if let Some(pending) = &mut delivery.pending {
                match self.deliver(pending).await {
                    Err(error) if error.is_retryable() => return Err(error),
                    // Another outcome is final: the ledger knows better how the call ended.
                    _ => delivery.pending = None,
                }
            }
        }
        Ok(self.outbox.len())
    }

    async fn deliver(&self, pending: &mut Pending) -> Result<(), Error> {
        let now = self.now();
        match pending {
            Pending::Release { id, binding, note } => {
                let command = Release { id: *id, root: binding.claim.root(), signature: None, note };
                let reply = self.send_release(now, command).await;
                ended_or(reply.map(|reply| self.tell_news(binding, reply.news)))
            }
            Pending::Reconcile { id, binding, amounts, held, rank, note, correction } => {
                let command = Reconcile { id: *id, claim: &binding.claim, amounts, rank: *rank, note };
                match self.send_reconcile(now, command).await {
                    Err(error) if error.kind() == ErrorKind::Forgotten => {
                        // Made once, so that a lost answer is recognised when it is sent again.
                        let posting = *correction.get_or_insert_with(|| ReservationId::generate(now));
                        self.post_forgotten((*id, posting), binding, amounts, held, note).await
                    }
                    reply => ended_or(reply.map(|reply| self.tell_news(binding, reply.news))),
                }
            }
        }
    }
}

impl Core {
    /// Posts usage that comes later than the ledger remembers ids, less what its hold was charged by age.
    async fn post_forgotten(
        &self,
        (id, posting): (ReservationId, ReservationId),
        binding: &Binding,
        amounts: &[i64],
        held: &[i64],
        note: &Note,
    ) -> Result<(), Error> {
        let held = held.iter().copied().chain(std::iter::repeat(0));
        // What the expiry charged too much cannot be told from a refund, and stays on the safe side.
        let missing = amounts.iter().zip(held).map(|(used, held)| used.saturating_sub(held).max(0));
        let missing: SmallVec<[i64; 8]> = missing.collect();
        let now = self.now();
        let signature = Signature::new("token-budget", "usage that came later than its id is remembered");
        let command = Record {
            id: posting,
            claim: &binding.claim,
            amounts: &missing,
            corrects: Some(id),
            signature: &signature,
            note,
        };
        let reply = match self.ledger.immediate() {
            Some(ledger) => ledger.record(now, command),
            None => self.ledger.record(command).await,
        };
        reply.map(|reply| self.tell_news(binding, reply.news))
    }
}

/// A call that the ledger ended in another way is ended.
fn ended_or(result: Result<(), Error>) -> Result<(), Error> {
    match result {
        Err(error)
            if matches!(error.kind(), ErrorKind::State | ErrorKind::Conflict | ErrorKind::Forgotten) =>
        {
            Ok(())
        }
        other => other,
    }
}

impl Pending {
    fn id(&self) -> ReservationId {
        match self {
            Self::Release { id, .. } | Self::Reconcile { id, .. } => *id,
        }
    }
}
