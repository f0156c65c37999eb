//! What is known of an open call, and how is it ended?

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use smallvec::SmallVec;

use super::charge::{Actual, Charge};
use super::receipt::Receipt;
use crate::decision::amounts;
use crate::engine::{Core, GrowingPlace, Hidden, Pending, Plan, Priced, is_undelivered, learned_key};
use crate::ledger::{Certainty, Ended, Note, Reconcile, Release, Reply};
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
    pub(super) amounts: SmallVec<[i64; 8]>,
    pub(super) priced: Priced,
    /// What stood in the budgets just before.
    pub(super) balances: SmallVec<[Balance; 8]>,
    pub(super) verdict: Verdict,
    pub(super) estimate: Estimate,
    /// The input was estimated from a prompt, so that what it really took teaches something.
    pub(super) from_prompt: bool,
    pub(super) reach: Reach,
    pub(super) now: Timestamp,
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

/// Puts a report into the outbox where its delivery is cancelled halfway.
struct Unconfirmed<'a> {
    core: &'a Core,
    pending: Option<Pending>,
}

impl Drop for Unconfirmed<'_> {
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

    pub(super) async fn release(self: Box<Self>) -> Result<(), Error> {
        let core = Arc::clone(&self.plan.core);
        let mut unconfirmed = Unconfirmed { core: &core, pending: Some(self.pending_release()) };
        let note = self.note(None, Ended::Released);
        let command =
            Release { id: self.id, tenant: self.binding().claim.tenant(), attribution: None, note: &note };
        let reply = core.send_release(core.now(), command).await;
        if matches!(&reply, Err(error) if is_undelivered(error)) {
            drop(unconfirmed);
            core.save_outbox();
        } else {
            unconfirmed.pending = None;
        }
        reply.map(|reply| core.tell_news(self.binding(), reply.effects))
    }

    /// Charges the call, on a ledger that may need to be waited for.
    pub(super) async fn settle(self: Box<Self>, report: Actual) -> Result<Receipt, Error> {
        if self.plan.core.ledger.immediate().is_some() {
            return self.settle_at_once(&report);
        }
        let core = Arc::clone(&self.plan.core);
        let settled = self.settle_waiting(&core, &report).await;
        if !matches!(&settled, Ok(receipt) if !receipt.is_pending()) {
            core.save_outbox();
        }
        settled
    }

    async fn settle_waiting(self: Box<Self>, core: &Core, report: &Actual) -> Result<Receipt, Error> {
        let now = core.now();
        let (charge, charged) = self.charge_or_abandon(report)?;
        let note = self.charge_note(&charge);
        // Until the ledger confirms, a cancelled future still charges the call.
        let pending = Some(self.pending_reconcile(charged.clone(), charge.certainty, note.clone()));
        let mut unconfirmed = Unconfirmed { core, pending };
        let reply = core.send_reconcile(now, self.reconcile(&charge, &charged, &note)).await;
        unconfirmed.pending = None;
        drop(unconfirmed);
        self.conclude(charge, charged, &note, reply)
    }

    /// The same without waiting: nothing can be cancelled halfway. Dropped streams end here, so this writes no file.
    #[inline]
    pub(super) fn settle_at_once(self: Box<Self>, report: &Actual) -> Result<Receipt, Error> {
        let core = &*self.plan.core;
        let now = core.now();
        let (charge, charged) = self.charge_or_abandon(report)?;
        let note = self.charge_note(&charge);
        let reply = match core.ledger.immediate() {
            Some(ledger) => ledger.reconcile(now, self.reconcile(&charge, &charged, &note)),
            None => Err(Error::new(ErrorKind::LedgerUnavailable, "the ledger needs to be waited for")),
        };
        self.conclude(charge, charged, &note, reply)
    }

    /// A report that cannot be priced leaves the call charged as abandoned.
    #[inline]
    pub(super) fn charge_or_abandon(&self, report: &Actual) -> Result<(Charge, SmallVec<[i64; 8]>), Error> {
        let charge = self.charge(report);
        let charged = charge.and_then(|charge| {
            let charged = amounts(self.binding(), &charge.priced.amount())?;
            Ok((charge, charged))
        });
        if charged.is_err() {
            self.plan.core.end_without_waiting(self.pending_uncountable());
        }
        charged
    }

    #[inline]
    pub(super) fn charge_note(&self, charge: &Charge) -> Note {
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
    pub(super) fn reconcile<'a>(
        &'a self,
        charge: &Charge,
        charged: &'a [i64],
        note: &'a Note,
    ) -> Reconcile<'a> {
        Reconcile {
            id: self.id,
            claim: &self.binding().claim,
            amounts: charged,
            certainty: charge.certainty,
            note,
        }
    }

    /// What the ledger's reply means: a receipt, also where the report could not be delivered.
    #[inline]
    pub(super) fn conclude(
        self: Box<Self>,
        charge: Charge,
        charged: SmallVec<[i64; 8]>,
        note: &Note,
        reply: Result<Reply, Error>,
    ) -> Result<Receipt, Error> {
        match reply {
            Ok(reply) => Ok(self.receipt(charge, reply)),
            Err(error) if is_undelivered(&error) => {
                self.plan.core.defer(self.pending_reconcile(charged, charge.certainty, note.clone()));
                Ok(self.pending_receipt(charge))
            }
            Err(error) if error.kind() == ErrorKind::Forgotten => {
                let pending = self.pending_reconcile(charged, charge.certainty, note.clone());
                self.plan.core.end_without_waiting(pending);
                Ok(self.pending_receipt(charge))
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

    pub(super) fn pending_receipt(mut self: Box<Self>, charge: Charge) -> Receipt {
        self.place = None;
        self.teach(&charge);
        self.balances.clear();
        Receipt { call: self, charge, pending: true, unheld: false }
    }
}
