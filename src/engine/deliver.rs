//! How does what waits in the outbox reach the ledger?
//!
//! Oldest first, one at a time, each under the id that it had: a command whose answer was lost is recognised, not
//! charged twice. The first command that the ledger does not take goes back to the front and ends the flush, because
//! the ledger is away. Any other outcome is final. That includes a conflict, or a hold that was ended in another way:
//! the ledger knows better.
//!
//! A report may wait for longer than the ledger remembers ids. By then its hold was charged by age, and the ledger answers
//! `Forgotten`. The report then becomes a posting of the difference: a hold of 60 was charged 60 at expiry, 75 were
//! used, so 15 are posted. If 40 were used, nothing is posted: a difference below zero would be a refund of a charge
//! that nobody remembers.

use std::sync::Arc;

use smallvec::SmallVec;

use super::core::Core;
use super::link::is_misdated;
use super::outbox::{Outbox, Pending, Waiting};
use crate::ledger::{Attribution, Note, Reconcile, Record, Release, dollars, poll_once};
use crate::values::{Claim, ReservationId};
use crate::{Error, ErrorKind, Event, Usd};

/// Puts a command back where its delivery is cancelled halfway.
struct Delivery<'a> {
    outbox: &'a Outbox,
    waiting: Option<Waiting>,
}

impl Drop for Delivery<'_> {
    fn drop(&mut self) {
        if let Some(waiting) = self.waiting.take() {
            self.outbox.push_first(waiting);
        }
    }
}

impl Core {
    /// Ends a call now if the ledger answers at once, else leaves it in the outbox. Never waits.
    pub(crate) fn end_without_waiting(&self, pending: Pending) {
        let mut waiting = Waiting { pending, number: None };
        // Such a ledger answers within the one poll.
        if self.ends_at_once
            && let Some(Ok(())) = poll_once(self.deliver(&mut waiting))
        {
            return;
        }
        self.defer(waiting.pending);
    }

    /// Leaves a command for the next flush, and says so.
    pub(crate) fn defer(&self, pending: Pending) {
        let id = pending.id();
        self.outbox.push(pending);
        self.tell(&Event::Undelivered { id });
    }

    /// Sends what waits, oldest first; stops at the first failure of the ledger, and saves what is left.
    pub(crate) async fn flush(self: &Arc<Self>) -> Result<usize, Error> {
        for _ in 0..self.outbox.len() {
            let Some(waiting) = self.outbox.pop() else { break };
            let mut delivery = Delivery { outbox: &self.outbox, waiting: Some(waiting) };
            let Some(waiting) = &mut delivery.waiting else { break };
            match self.deliver(waiting).await {
                Err(error) if is_undelivered(&error) => {
                    drop(delivery);
                    self.save_outbox();
                    return Err(error);
                }
                // Another outcome is final: the ledger knows better how the call ended.
                _ => {
                    let number = waiting.number;
                    delivery.waiting = None;
                    self.tell_unsaved(self.outbox.strike(number));
                }
            }
        }
        self.tell_waiting().await;
        Ok(self.outbox.len())
    }

    /// Lets what waits survive this process, where a file was given for it.
    pub(crate) fn save_outbox(&self) {
        self.tell_unsaved(self.outbox.save());
    }

    fn tell_unsaved(&self, saved: Result<(), Error>) {
        if let Err(error) = saved {
            self.tell(&Event::OutboxUnsaved { problem: error.to_string().into() });
        }
    }

    /// Sends one command.
    async fn deliver(&self, waiting: &mut Waiting) -> Result<(), Error> {
        let now = self.now();
        match &waiting.pending {
            Pending::Release { id, binding, note } => {
                let command =
                    Release { id: *id, tenant: binding.claim.tenant(), attribution: None, note, now: None };
                let reply = self.release(now, command).await;
                ended_or(reply.map(|reply| self.tell_effects(binding, reply.effects)))
            }
            Pending::Reconcile { id, binding, amounts, certainty, note, .. } => {
                let command = Reconcile {
                    id: *id,
                    claim: &binding.claim,
                    amounts,
                    certainty: *certainty,
                    attribution: None,
                    note,
                    now: None,
                };
                let reply = self.reconcile(now, command).await;
                self.heard(&reply);
                match reply {
                    Err(error) if is_misdated(&error, *id) => self.post_forgotten(waiting).await,
                    reply => ended_or(reply.map(|reply| self.tell_effects(binding, reply.effects))),
                }
            }
        }
    }
}

impl Core {
    /// Posts usage that comes later than the ledger remembers ids, less what its hold was charged by age.
    async fn post_forgotten(&self, waiting: &mut Waiting) -> Result<(), Error> {
        match self.post(waiting).await {
            Err(error) if error.kind() == ErrorKind::Forgotten => {
                // The posting's own id was forgotten, too, and whether it arrived: rather twice than never.
                if let Pending::Reconcile { correction, .. } = &mut waiting.pending {
                    *correction = None;
                }
                self.post(waiting).await
            }
            posted => posted,
        }
    }

    /// Posts what the hold's charge lacks, under an id that is made once and saved before it is used.
    async fn post(&self, waiting: &mut Waiting) -> Result<(), Error> {
        let now = self.now();
        let mut is_new = false;
        if let Pending::Reconcile { correction: correction @ None, .. } = &mut waiting.pending {
            // Made once, so that a lost answer is recognised when it is sent again, by whichever process.
            *correction = Some(ReservationId::generate(now));
            is_new = true;
        }
        // Not sent before it stands in the file: who reads the old line there would post under another id.
        self.outbox.save_again(waiting, is_new)?;
        let Pending::Reconcile { id, binding, amounts, held, note, correction: Some(posting), .. } =
            &waiting.pending
        else {
            return Ok(());
        };
        let note = Note { cost: cost_missing(note, &binding.claim, held), ..note.clone() };
        let held = held.iter().copied().chain(std::iter::repeat(0));
        // What the expiry charged too much cannot be told from a refund, and stays on the safe side.
        let missing = amounts.iter().zip(held).map(|(used, held)| used.saturating_sub(held).max(0));
        let missing: SmallVec<[i64; 8]> = missing.collect();
        let attribution = Attribution::new("token-budget", "usage that came later than its id is remembered");
        let command = Record {
            id: *posting,
            claim: &binding.claim,
            amounts: &missing,
            used_at: None,
            corrects: Some(*id),
            attribution: &attribution,
            note: &note,
            now: None,
        };
        self.record(now, command).await.map(|reply| self.tell_effects(binding, reply.effects))
    }
}

/// What a call cost above what its hold was charged by age: as the ledger counts that, where a line counts dollars.
fn cost_missing(note: &Note, claim: &Claim, held: &[i64]) -> Option<Usd> {
    let charged = dollars(claim.lines().iter().map(|line| &line.account).zip(held.iter().copied()));
    let charged = charged.map_or(0, Usd::nanos);
    note.cost.map(|cost| Usd::from_nanos(cost.nanos().saturating_sub(charged).max(0)))
}

/// Whether the ledger took no notice of a command: it is away, or its books cannot be read. Whoever repairs
/// it finds the command still waiting; another failure is a final answer.
pub(crate) fn is_undelivered(error: &Error) -> bool {
    error.is_retryable() || error.kind() == ErrorKind::Damaged
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
