//! How is an open call ended?
//!
//! A call ends in one of four ways: released, reconciled, dropped, or by the age of its hold. A release and a reconcile go through
//! here, a drop through `abandoned`, and each of them leaves exactly one command: to the ledger if it takes it, else to the outbox.
//! A future that is dropped while the ledger thinks leaves its command there too (`Unconfirmed`), under the same id, so that it may
//! arrive twice and counts once.
//!
//! What a report comes to is worked out before anything is sent, because a charge that cannot be priced must still end the call: it is
//! then charged what it held.
//!
//! | The ledger answers a reconcile with | what becomes of the call |
//! |---|---|
//! | its balances | a receipt, and lessons for the estimator |
//! | that it is away, or damaged | the report waits in the outbox, and the receipt says that it is pending |
//! | that it has forgotten the id | the same: the outbox posts the difference, and names the charge that it corrects |
//! | an overflow | the caller's error; the hold is charged as abandoned, so that it does not stay open |
//! | anything else | the caller's error: the hold was ended in another way |

use std::sync::Arc;

use smallvec::SmallVec;

use super::actual::Actual;
use super::charge::Charge;
use super::open::Open;
use super::receipt::Receipt;
use crate::decision::amounts;
use crate::engine::{Core, Own, Pending, Plan, is_undelivered, learned_key};
use crate::ledger::{Answer, Attribution, Certainty, Ended, Note, Reconcile, Release, Reply};
use crate::tokens::OutputSizing;
use crate::{Error, ErrorKind};

/// A charge that is worked out, and not yet in the books.
struct Drawn {
    charge: Charge,
    amounts: SmallVec<[i64; 8]>,
    note: Note,
}

/// Puts a report into the outbox where its delivery is cancelled halfway.
struct Unconfirmed {
    core: Arc<Core>,
    own: Own,
    pending: Option<Pending>,
}

impl Drop for Unconfirmed {
    fn drop(&mut self) {
        if let Some(pending) = self.pending.take() {
            self.core.end_without_waiting(pending);
            self.own.call_dropped(&self.core);
        }
    }
}

impl Open {
    /// Charges the call by what was reported of it.
    ///
    /// On a ledger that answers at once nothing can be cancelled halfway. Elsewhere, until the ledger has confirmed
    /// it, a dropped answer still charges the call: its guard leaves the report in the outbox.
    #[inline]
    pub(super) fn reconcile(self: Box<Self>, report: &Actual) -> Answer<'static, Receipt> {
        let drawn = match self.charge_drawn(report) {
            Ok(drawn) => drawn,
            Err(error) => return Answer::Now(Err(error)),
        };
        let core = &self.plan.core;
        match core.reconcile(core.now(), self.command(&drawn)) {
            Answer::Now(Ok(reply)) => self.told(drawn.charge, reply),
            Answer::Now(Err(error)) => {
                let (core, own) = (Arc::clone(core), self.plan.own.clone());
                let receipt = self.failed(drawn, error).inspect(Receipt::save_pending);
                own.call_dropped(&core);
                Answer::Now(receipt)
            }
            Answer::Later(reply) => Answer::walk(async move {
                let mut unconfirmed = self.unconfirmed(self.pending_of(&drawn));
                let reply = reply.await;
                unconfirmed.pending = None;
                drop(unconfirmed);
                let (core, own) = (Arc::clone(&self.plan.core), self.plan.own.clone());
                let receipt = self.conclude(drawn, reply);
                match &receipt {
                    Ok(receipt) if !receipt.is_pending() => own.call_ended(&core).await,
                    _ => {
                        own.call_dropped(&core);
                        core.save_outbox();
                    }
                }
                receipt
            }),
        }
    }

    /// The same for a `Drop`, which writes no file and waits for nobody.
    pub(super) fn reconcile_dropped(self: Box<Self>, report: &Actual) -> Result<Receipt, Error> {
        let drawn = self.charge_drawn(report)?;
        let core = &self.plan.core;
        let reply = match core.ends_at_once.then(|| core.reconcile(core.now(), self.command(&drawn))) {
            Some(Answer::Now(reply)) => reply,
            _ => Err(Error::new(ErrorKind::LedgerUnavailable, "the ledger needs to be waited for")),
        };
        let (core, own) = (Arc::clone(core), self.plan.own.clone());
        let receipt = self.conclude(drawn, reply);
        own.call_dropped(&core);
        receipt
    }

    /// The receipt of a charge that stands, once whoever brought the call's lines has heard of its end.
    #[inline]
    fn told(self: Box<Self>, charge: Charge, reply: Reply) -> Answer<'static, Receipt> {
        if self.plan.own.after.is_none() {
            return Answer::Now(Ok(self.receipt(charge, reply)));
        }
        let (core, own) = (Arc::clone(&self.plan.core), self.plan.own.clone());
        let receipt = self.receipt(charge, reply);
        Answer::walk(async move {
            own.call_ended(&core).await;
            Ok(receipt)
        })
    }

    /// The same for whoever knows the call by its id, signed where a person says so.
    ///
    /// An error leaves everything as it was, so that the same may be said again. Only a report that comes so late that the ledger has
    /// forgotten the id is posted as any late report, where all of the call is known (`is_whole`).
    pub(super) async fn reconcile_known(
        self: Box<Self>,
        report: &Actual,
        attribution: Option<&Attribution>,
        is_whole: bool,
    ) -> Result<Receipt, Error> {
        let drawn = self.drawn(report)?;
        let core = &self.plan.core;
        match core.reconcile(core.now(), Reconcile { attribution, ..self.command(&drawn) }).await {
            Err(error) if error.kind() == ErrorKind::Forgotten && is_whole => self.failed(drawn, error),
            reply => reply.map(|reply| self.receipt(drawn.charge, reply)),
        }
    }

    fn unconfirmed(&self, pending: Pending) -> Unconfirmed {
        let Plan { core, own, .. } = &*self.plan;
        Unconfirmed { core: Arc::clone(core), own: own.clone(), pending: Some(pending) }
    }

    fn pending_of(&self, drawn: &Drawn) -> Pending {
        self.pending_reconcile(drawn.amounts.clone(), drawn.charge.certainty, drawn.note.clone())
    }

    /// A report that cannot be priced leaves the call charged as abandoned.
    #[inline]
    fn charge_drawn(&self, report: &Actual) -> Result<Drawn, Error> {
        let drawn = self.drawn(report);
        if drawn.is_err() {
            self.end_dropped(self.pending_uncountable());
        }
        drawn
    }

    /// What a report comes to: the charge, its amount on each line, and what the journal is told.
    #[inline]
    fn drawn(&self, report: &Actual) -> Result<Drawn, Error> {
        let charge = self.charge(report)?;
        let amounts = amounts(self.binding(), &charge.amount())?;
        let note = self.charge_note(&charge);
        Ok(Drawn { charge, amounts, note })
    }

    /// What the journal remembers of the charge: usage, cost and end, and what served where that is not what was asked for.
    #[inline]
    fn charge_note(&self, charge: &Charge) -> Note {
        let by_certainty =
            if charge.certainty == Certainty::Reported { Ended::Reported } else { Ended::Estimated };
        Note {
            about: self.plan.note.about.clone(),
            served: charge.served(&self.plan),
            usage: Some(charge.sum()),
            cost: charge.cost,
            ended: Some(self.ended.unwrap_or(by_certainty)),
        }
    }

    #[inline]
    fn command<'a>(&'a self, drawn: &'a Drawn) -> Reconcile<'a> {
        Reconcile {
            id: self.id,
            claim: &self.binding().claim,
            amounts: &drawn.amounts,
            certainty: drawn.charge.certainty,
            attribution: None,
            note: &drawn.note,
            now: None,
        }
    }

    /// What the ledger's reply means: a receipt, also where the report could not be delivered.
    fn conclude(self: Box<Self>, drawn: Drawn, reply: Result<Reply, Error>) -> Result<Receipt, Error> {
        match reply {
            Ok(reply) => Ok(self.receipt(drawn.charge, reply)),
            Err(error) => self.failed(drawn, error),
        }
    }

    /// What a reconcile that failed leaves: a receipt that is pending, or the error. The table at the head of this file.
    #[cold]
    fn failed(self: Box<Self>, drawn: Drawn, error: Error) -> Result<Receipt, Error> {
        let core = &self.plan.core;
        if is_undelivered(&error) {
            core.defer(self.pending_of(&drawn));
            return Ok(self.pending_receipt(drawn.charge));
        }
        if error.kind() == ErrorKind::Forgotten {
            core.end_without_waiting(self.pending_of(&drawn));
            return Ok(self.pending_receipt(drawn.charge));
        }
        // A charge that the account cannot take leaves the hold open: what it held is charged instead.
        if error.kind() == ErrorKind::Overflow {
            core.end_without_waiting(self.pending_uncountable());
        }
        Err(error)
    }

    /// The receipt of a charge that stands, and events for what came to light.
    #[inline]
    pub(super) fn receipt(mut self: Box<Self>, charge: Charge, reply: Reply) -> Receipt {
        self.place = None;
        self.teach(&charge);
        let Reply { balances, effects, unheld, replaced, .. } = reply;
        self.balances = balances;
        let receipt = Receipt { call: self, charge, pending: false, unheld };
        let core = &receipt.call.plan.core;
        if !core.observers.is_empty() {
            core.tell_effects(receipt.call.binding(), effects);
            receipt.tell(replaced);
        }
        receipt
    }

    /// Tells whoever estimated the call what it really took; what was not reported teaches nothing.
    ///
    /// Nor does an answer of another model than was held for. An answer that its own limit cut short is learned as *longer than
    /// any*: how long it would have been, nobody knows.
    #[inline]
    pub(super) fn teach(&self, charge: &Charge) {
        let core = &self.plan.core;
        if charge.certainty != Certainty::Reported || charge.served.is_some() || charge.stated.is_some() {
            return;
        }
        let call = &self.plan.call;
        if let (true, Some(input)) = (self.from_prompt, charge.usage.input()) {
            core.estimator.observe(&call.model, &self.estimate, input);
        }
        if let (OutputSizing::Learned(learned), Some(output)) = (&core.output_sizing, charge.usage.output()) {
            let choices = u64::from(self.reach.choices.max(1));
            let answer = output.div_ceil(choices);
            // An answer that its own limit cut short would have been longer, nobody knows how much.
            let most = self.output_tokens();
            let is_whole = answer < most.checked_div(choices).unwrap_or(most);
            learned.learn(&call.model, Some(&learned_key(call)), if is_whole { answer } else { u64::MAX });
        }
    }

    /// The receipt of a charge that waits in the outbox: its budgets are not known.
    pub(super) fn pending_receipt(mut self: Box<Self>, charge: Charge) -> Receipt {
        self.place = None;
        self.teach(&charge);
        self.balances.clear();
        Receipt { call: self, charge, pending: true, unheld: false }
    }

    /// Gives the room back.
    pub(super) fn release(self: Box<Self>) -> Answer<'static, ()> {
        let core = &self.plan.core;
        let note = &self.note(None, Ended::Released);
        let tenant = self.binding().claim.tenant();
        let command = Release { id: self.id, tenant, attribution: None, note, now: None };
        match core.release(core.now(), command) {
            Answer::Now(reply) if self.plan.own.after.is_none() => Answer::Now(self.released(reply)),
            Answer::Now(reply) => Answer::walk(async move {
                let released = self.released(reply);
                self.plan.own.call_ended(&self.plan.core).await;
                released
            }),
            Answer::Later(reply) => Answer::walk(async move {
                let mut unconfirmed = self.unconfirmed(self.pending_release());
                let reply = reply.await;
                unconfirmed.pending = None;
                let released = self.released(reply);
                self.plan.own.call_ended(&self.plan.core).await;
                released
            }),
        }
    }

    /// What the ledger's answer to a release means: one that it did not take waits.
    fn released(&self, reply: Result<Reply, Error>) -> Result<(), Error> {
        let core = &self.plan.core;
        if matches!(&reply, Err(error) if is_undelivered(error)) {
            core.end_without_waiting(self.pending_release());
            core.save_outbox();
        }
        reply.map(|reply| core.tell_effects(self.binding(), reply.effects))
    }
}
