//! What is known of an open call, and how is it ended?
//!
//! A call ends in one of four ways: released, reconciled, dropped, or by the age of its hold. The first three go through here, and
//! each of them leaves exactly one command: to the ledger if it takes it, else to the outbox. A future that is dropped while the
//! ledger thinks leaves its command there too (`Unconfirmed`), under the same id, so that it may arrive twice and counts once.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use smallvec::SmallVec;

use super::charge::{Actual, Charge};
use super::receipt::Receipt;
use crate::decision::amounts;
use crate::engine::{Core, GrowingPlace, Hidden, Pending, Plan, Priced, is_undelivered, learned_key};
use crate::ledger::{Answer, Certainty, Ended, Note, Reconcile, Release, Reply};
use crate::tokens::{Estimate, OutputSizing, Trimmed};
use crate::values::verdict::Observed;
use crate::values::{Balance, Binding, Excess, Prompt, ReservationId, Timestamp};
use crate::{Error, ErrorKind, Usage, Verdict};

/// What both states of an open call know.
#[derive(Clone)]
pub(super) struct Open {
    pub(super) plan: Arc<Plan>,
    /// Charged under an exemption's own budget.
    pub(super) exempt: bool,
    pub(super) id: ReservationId,
    /// What is held on each line of the binding.
    pub(super) amounts: SmallVec<[i64; 8]>,
    /// The same in tokens and dollars.
    pub(super) priced: Priced,
    /// What stood in the budgets just before.
    pub(super) balances: SmallVec<[Balance; 8]>,
    pub(super) verdict: Verdict,
    pub(super) estimate: Estimate,
    /// The input was estimated from a prompt, so that what it really took teaches something.
    pub(super) from_prompt: bool,
    pub(super) reach: Reach,
    /// The ledger's instant of the reserve: prices are those of then.
    pub(super) now: Timestamp,
    /// The ledger holds room; not where the call went out while it was away.
    pub(super) held: bool,
    /// How it ended, where more is known than its charge says.
    pub(super) ended: Option<Ended>,
    /// When it was sent; when it was reserved until then.
    pub(super) sent_at: Timestamp,
    /// Whoever drops it closes its connection.
    pub(super) is_watched: bool,
    /// What it used was counted here: of nothing seen, nothing is charged.
    pub(super) is_counted: bool,
    /// Tools ran at the provider, and nobody saw what they did.
    pub(super) tools_unseen: bool,
    /// Its place among the streams that grow, given up once it has ended.
    pub(super) place: Option<Arc<GrowingPlace>>,
    /// What was sent, where it may still have to be counted.
    pub(super) prompt: Option<Arc<Prompt>>,
    /// What would have refused it beside the budgets, were it enforced.
    pub(super) observed: Option<Box<Observed>>,
    /// What was left out of its prompt so that it fitted.
    pub(super) trimmed: Option<Box<Trimmed>>,
}

impl fmt::Debug for Open {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        describe(f, "Open", Some(self))
    }
}

/// One line of that one call, and nothing of the books that it is held in.
pub(super) fn describe(f: &mut fmt::Formatter<'_>, state: &str, open: Option<&Open>) -> fmt::Result {
    match open {
        Some(open) => {
            write!(f, "{state}({}, {}: {} USD held)", open.id, open.binding().model, open.priced.usd)
        }
        None => write!(f, "{state}(ended)"),
    }
}

/// What a call may still become, and how long it may take.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Reach {
    /// What it may use above what is held for it.
    pub(crate) excess: Excess,
    /// How many answers were asked for at once.
    pub(crate) choices: u32,
    /// The answer begins with the prompt, which is no output.
    pub(crate) echoes: bool,
    /// Whether the request itself limits its output, so that the provider stops there.
    pub(crate) is_limited: bool,
    /// The request does not name the limit that is held for, and must be sent with it.
    pub(crate) is_written: bool,
    /// The limit that it was sent with is not its own: it was written in, or lowered.
    pub(crate) limit_is_ours: bool,
    /// What may be generated that nobody sees.
    pub(crate) hidden: Hidden,
    /// It is a stream that is held by slices.
    pub(crate) by_slices: bool,
    /// How long its hold lives from when it is made or prolonged.
    pub(crate) life: Duration,
    /// When its hold ends by itself.
    pub(crate) expires_at: Timestamp,
}

/// A charge that is worked out, and not yet in the books.
struct Drawn {
    charge: Charge,
    amounts: SmallVec<[i64; 8]>,
    note: Note,
}

/// Puts a report into the outbox where its delivery is cancelled halfway.
struct Unconfirmed {
    core: Arc<Core>,
    pending: Option<Pending>,
}

impl Drop for Unconfirmed {
    fn drop(&mut self) {
        if let Some(pending) = self.pending.take() {
            self.core.end_without_waiting(pending);
        }
    }
}

impl Open {
    #[inline]
    pub(super) fn binding(&self) -> &Arc<Binding> {
        self.plan.binding(self.exempt)
    }

    /// The output that the call may use, all choices together.
    #[inline]
    pub(super) fn output_tokens(&self) -> u64 {
        self.priced.tokens_output.saturating_add(self.reach.excess.output_tokens)
    }

    /// The same of each choice.
    pub(super) fn limit_each(&self) -> u64 {
        self.output_tokens().checked_div(u64::from(self.reach.choices.max(1))).unwrap_or(0)
    }

    pub(super) fn note(&self, usage: Option<Usage>, ended: Ended) -> Note {
        Note { about: self.plan.note.about.clone(), usage, ended: Some(ended) }
    }

    /// The release, for the outbox.
    pub(super) fn pending_release(&self) -> Pending {
        Pending::Release {
            id: self.id,
            binding: Arc::clone(self.binding()),
            note: self.note(None, Ended::Released),
        }
    }

    /// Usage came and cannot be counted: all that is held is charged, however abandoned calls are.
    pub(super) fn pending_uncountable(&self) -> Pending {
        self.pending_reconcile(
            self.amounts.clone(),
            Certainty::Provisional,
            self.note(None, self.ended.unwrap_or(Ended::Abandoned)),
        )
    }

    pub(super) fn pending_reconcile(
        &self,
        amounts: SmallVec<[i64; 8]>,
        certainty: Certainty,
        note: Note,
    ) -> Pending {
        let held = if self.held { self.expired_amounts() } else { SmallVec::new() };
        Pending::Reconcile {
            id: self.id,
            binding: Arc::clone(self.binding()),
            amounts,
            held,
            certainty,
            note,
            correction: None,
        }
    }

    /// Gives the room back.
    pub(super) fn release(self: Box<Self>) -> Answer<'static, ()> {
        let core = &self.plan.core;
        let note = &self.note(None, Ended::Released);
        let tenant = self.binding().claim.tenant();
        let command = Release { id: self.id, tenant, attribution: None, note, now: None };
        match core.release(core.now(), command) {
            Answer::Now(reply) => Answer::Now(self.released(reply)),
            Answer::Later(reply) => Answer::walk(async move {
                let mut unconfirmed = self.unconfirmed(self.pending_release());
                let reply = reply.await;
                unconfirmed.pending = None;
                self.released(reply)
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
        reply.map(|reply| core.tell_news(self.binding(), reply.effects))
    }

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
            Answer::Now(reply) => Answer::Now(self.conclude(drawn, reply).inspect(Receipt::save_pending)),
            Answer::Later(reply) => Answer::walk(async move {
                let mut unconfirmed = self.unconfirmed(self.pending_of(&drawn));
                let reply = reply.await;
                unconfirmed.pending = None;
                drop(unconfirmed);
                let core = Arc::clone(&self.plan.core);
                let receipt = self.conclude(drawn, reply);
                if !matches!(&receipt, Ok(receipt) if !receipt.is_pending()) {
                    core.save_outbox();
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
        self.conclude(drawn, reply)
    }

    fn unconfirmed(&self, pending: Pending) -> Unconfirmed {
        Unconfirmed { core: Arc::clone(&self.plan.core), pending: Some(pending) }
    }

    fn pending_of(&self, drawn: &Drawn) -> Pending {
        self.pending_reconcile(drawn.amounts.clone(), drawn.charge.certainty, drawn.note.clone())
    }

    /// A report that cannot be priced leaves the call charged as abandoned.
    #[inline]
    fn charge_drawn(&self, report: &Actual) -> Result<Drawn, Error> {
        let drawn = self.charge(report).and_then(|charge| {
            let amounts = amounts(self.binding(), &charge.priced.amount())?;
            let note = self.charge_note(&charge);
            Ok(Drawn { charge, amounts, note })
        });
        if drawn.is_err() {
            self.plan.core.end_without_waiting(self.pending_uncountable());
        }
        drawn
    }

    /// What the journal remembers of the charge.
    #[inline]
    fn charge_note(&self, charge: &Charge) -> Note {
        let by_rank =
            if charge.certainty == Certainty::Reported { Ended::Reported } else { Ended::Estimated };
        let note = self.note(Some(charge.sum()), self.ended.unwrap_or(by_rank));
        match &charge.served {
            // The books name what was served, and the price that it was charged at.
            Some(served) => Note { about: Some(Arc::new(served.about(note.about.as_deref()))), ..note },
            None => note,
        }
    }

    #[inline]
    fn command<'a>(&'a self, drawn: &'a Drawn) -> Reconcile<'a> {
        Reconcile {
            id: self.id,
            claim: &self.binding().claim,
            amounts: &drawn.amounts,
            certainty: drawn.charge.certainty,
            note: &drawn.note,
            now: None,
        }
    }

    /// What the ledger's reply means: a receipt, also where the report could not be delivered.
    #[inline]
    fn conclude(self: Box<Self>, drawn: Drawn, reply: Result<Reply, Error>) -> Result<Receipt, Error> {
        match reply {
            Ok(reply) => Ok(self.receipt(drawn.charge, reply)),
            Err(error) if is_undelivered(&error) => {
                self.plan.core.defer(self.pending_of(&drawn));
                Ok(self.pending_receipt(drawn.charge))
            }
            Err(error) if error.kind() == ErrorKind::Forgotten => {
                self.plan.core.end_without_waiting(self.pending_of(&drawn));
                Ok(self.pending_receipt(drawn.charge))
            }
            Err(error) => {
                // A charge that the account cannot take leaves the hold open: what it held is charged instead.
                if error.kind() == ErrorKind::Overflow {
                    self.plan.core.end_without_waiting(self.pending_uncountable());
                }
                Err(error)
            }
        }
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
            core.tell_news(receipt.call.binding(), effects);
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
        if charge.certainty != Certainty::Reported || charge.served.is_some() {
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
}
