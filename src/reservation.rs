//! A call's life after it was admitted: reserved, in flight, settled.

mod charge;
mod receipt;

use std::sync::Arc;

use smallvec::SmallVec;

pub use charge::Report;
pub use receipt::{Receipt, ReceiptLine};

use crate::decision::{Judged, Quote, amounts, explain};
use crate::enforcer::{Abandoned, Core, Pending, Plan, Priced, learned_key};
use crate::ledger::{Ended, Note, Rank, Reconcile, Release, Reply};
use crate::{
    Amount, Balance, Binding, Decision, Error, ErrorKind, Estimate, Excess, OutputSizing, ReservationId,
    Timestamp, Usage, Usd, Verdict,
};
use charge::Charge;

/// What both states of an open call know.
#[derive(Clone, Debug)]
struct Open {
    plan: Arc<Plan>,
    /// Charged under an exemption's own budget.
    exempt: bool,
    id: ReservationId,
    amounts: SmallVec<[i64; 8]>,
    priced: Priced,
    /// What stood in the budgets just before.
    balances: SmallVec<[Balance; 8]>,
    verdict: Verdict,
    estimate: Estimate,
    /// The input was estimated from a prompt, so that what it really took teaches something.
    from_prompt: bool,
    /// What the call may use above what is held for it.
    excess: Excess,
    /// How many answers were asked for at once.
    choices: u32,
    now: Timestamp,
    held: bool,
}

/// Room that is held for a call not yet sent.
///
/// Dropping it gives the room back. Once the call goes out, turn it into an
/// [`InFlight`]: dropping that never refunds.
#[derive(Debug)]
#[must_use = "dropping a reservation gives its room back"]
pub struct Reservation {
    // In a box, which moves at the price of a pointer from here to the receipt.
    open: Option<Box<Open>>,
}

/// A call that was sent and not yet settled.
///
/// Dropping it charges what it holds, provisionally: the provider bills a
/// call that nobody waited for, too. A later report replaces that charge.
#[derive(Debug)]
#[must_use = "dropping a call in flight charges all that it holds"]
pub struct InFlight {
    open: Option<Box<Open>>,
}

impl Reservation {
    #[expect(
        clippy::too_many_arguments,
        reason = "the whole outcome of one attempt, named at its only caller"
    )]
    pub(crate) fn new(
        plan: &Arc<Plan>,
        exempt: bool,
        id: ReservationId,
        amounts: SmallVec<[i64; 8]>,
        priced: Priced,
        balances: SmallVec<[Balance; 8]>,
        verdict: Verdict,
        now: Timestamp,
    ) -> Self {
        let estimate = Estimate::count(priced.tokens_input);
        let plan = Arc::clone(plan);
        let open = Open {
            plan,
            exempt,
            id,
            amounts,
            priced,
            balances,
            verdict,
            estimate,
            from_prompt: false,
            excess: Excess::default(),
            choices: 1,
            now,
            held: true,
        };
        Self { open: Some(Box::new(open)) }
    }

    /// A call that goes out while the ledger is away: nothing is held, its usage is recorded later.
    pub(crate) fn unheld(
        plan: &Arc<Plan>,
        exempt: bool,
        id: ReservationId,
        amounts: SmallVec<[i64; 8]>,
        priced: Priced,
        now: Timestamp,
    ) -> Self {
        let balances = amounts.iter().map(|_| Balance::default()).collect();
        let mut unheld = Self::new(plan, exempt, id, amounts, priced, balances, Verdict::Warn, now);
        unheld.change(|open| open.held = false);
        unheld
    }

    pub(crate) fn estimated(mut self, estimate: Estimate) -> Self {
        self.change(|open| (open.estimate, open.from_prompt) = (estimate, true));
        self
    }

    #[inline]
    pub(crate) fn exceeding(mut self, excess: Excess, choices: u32) -> Self {
        self.change(|open| (open.excess, open.choices) = (excess, choices));
        self
    }

    /// The output of one choice that is held for.
    pub(crate) fn output_held(&self, choices: u32) -> u64 {
        self.open().priced.tokens_output.checked_div(u64::from(choices.max(1))).unwrap_or(0)
    }

    /// The same call with a smaller hold, after its input was counted.
    pub(crate) fn shrunk(mut self, amounts: SmallVec<[i64; 8]>, priced: Priced, count: Estimate) -> Self {
        self.change(|open| {
            open.verdict = crate::decision::judge(open.binding(), &open.balances, &amounts);
            (open.amounts, open.priced, open.estimate) = (amounts, priced, count);
        });
        self
    }

    fn change(&mut self, edit: impl FnOnce(&mut Open)) {
        if let Some(open) = &mut self.open {
            edit(open);
        }
    }

    #[expect(clippy::expect_used, reason = "only send, release and drop take it, and each ends the value")]
    fn open(&self) -> &Open {
        self.open.as_ref().expect("a reservation is open until it is consumed")
    }

    pub(crate) fn plan(&self) -> &Arc<Plan> {
        &self.open().plan
    }

    pub(crate) fn binding(&self) -> &Arc<Binding> {
        self.open().binding()
    }

    pub(crate) fn balances(&self) -> &[Balance] {
        &self.open().balances
    }

    /// The hold's id, under which the ledger and the journal know the call.
    #[must_use]
    pub fn id(&self) -> ReservationId {
        self.open().id
    }

    /// Whether a warning level is reached: [`Verdict::Allow`] or [`Verdict::Warn`].
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        self.open().verdict
    }

    /// Dollars held.
    #[must_use]
    pub fn quoted(&self) -> Usd {
        self.open().priced.usd
    }

    /// The input that is held for, and whether it is a count, a bound or a guess.
    #[must_use]
    pub fn estimate(&self) -> Estimate {
        self.open().estimate
    }

    /// The output tokens that the call may use, all choices together: divided by the choices, the limit to send.
    ///
    /// The hold covers them, but for [`worst_case_excess`](Self::worst_case_excess).
    #[must_use]
    pub fn output_tokens(&self) -> u64 {
        self.open().priced.tokens_output.saturating_add(self.open().excess.output_tokens)
    }

    /// What the call may use above what is held: nothing, unless its output is sized by what was learned.
    #[must_use]
    pub fn worst_case_excess(&self) -> Excess {
        self.open().excess
    }

    /// The model that was priced and held.
    #[must_use]
    pub fn model(&self) -> &str {
        &self.open().binding().model
    }

    /// Whether the ledger holds room; it does not where it was away and the policy lets calls pass.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.open().held
    }

    /// The whole decision behind the admission: every binding budget's state.
    #[must_use]
    pub fn decision(&self) -> Decision {
        let open = self.open();
        let judged = Judged {
            binding: Arc::clone(open.binding()),
            balances: open.balances.clone(),
            requested: open.amounts.clone(),
            frees: Vec::new(),
            now: open.now,
        };
        let price = open.plan.price.clone();
        let quote = Quote { price, excess: open.excess, ..Quote::of(open.priced.amount()) };
        explain(judged, &quote, Vec::new(), None, false)
    }

    /// Marks the call as sent. From here on dropping it charges what it holds.
    pub fn send(mut self) -> InFlight {
        InFlight { open: self.open.take() }
    }

    /// Gives the room back: the call is not made.
    ///
    /// # Errors
    /// `LedgerUnavailable` where the ledger cannot be reached; the release then waits in the outbox.
    pub async fn release(mut self) -> Result<(), Error> {
        match self.open.take() {
            Some(open) => open.release().await,
            None => Ok(()),
        }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if let Some(open) = self.open.take() {
            let pending = open.pending_release();
            open.plan.core.end_without_waiting(pending);
        }
    }
}

impl InFlight {
    /// The hold's id.
    #[must_use]
    pub fn id(&self) -> Option<ReservationId> {
        self.open.as_ref().map(|open| open.id)
    }

    /// Replaces the hold by what was really used.
    ///
    /// Never refuses: usage above the hold or the limit is recorded in full.
    /// Where the ledger cannot be reached the report waits in the outbox, and
    /// the receipt says [`is_pending`](Receipt::is_pending).
    ///
    /// # Errors
    /// `Overflow` where a sum does not fit; `State` or `Conflict` where the hold was ended in another way.
    pub async fn reconcile(self, report: impl Into<Report>) -> Result<Receipt, Error> {
        let mut in_flight = self;
        match in_flight.open.take() {
            Some(open) => open.settle(report.into()).await,
            None => Err(settled_before()),
        }
    }

    /// The same without a runtime. Where the ledger needs to be waited for, the report goes to the outbox.
    ///
    /// # Errors
    /// As [`reconcile`](Self::reconcile).
    pub fn reconcile_now(mut self, report: impl Into<Report>) -> Result<Receipt, Error> {
        match self.open.take() {
            Some(open) => open.settle_at_once(&report.into()),
            None => Err(settled_before()),
        }
    }

    /// Gives the room back: the provider is known not to bill this call.
    ///
    /// # Errors
    /// As [`Reservation::release`].
    pub async fn release(mut self) -> Result<(), Error> {
        match self.open.take() {
            Some(open) => open.release().await,
            None => Ok(()),
        }
    }
}

fn settled_before() -> Error {
    Error::invalid("call", "was settled before")
}

impl Drop for InFlight {
    fn drop(&mut self) {
        if let Some(open) = self.open.take() {
            let pending = open.pending_abandoned();
            open.plan.core.end_without_waiting(pending);
        }
    }
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
    fn binding(&self) -> &Arc<Binding> {
        self.plan.binding(self.exempt)
    }

    fn note(&self, usage: Option<Usage>, ended: Ended) -> Note {
        Note { about: self.plan.note.about.clone(), usage, ended: Some(ended) }
    }

    fn pending_release(&self) -> Pending {
        Pending::Release {
            id: self.id,
            binding: Arc::clone(self.binding()),
            note: self.note(None, Ended::Released),
        }
    }

    /// What an abandoned call is charged, by the enforcer's choice.
    fn pending_abandoned(&self) -> Pending {
        match self.plan.core.abandoned {
            Abandoned::Release => self.pending_release(),
            Abandoned::InputFloor | Abandoned::Hold => self.pending_reconcile(
                self.abandoned_amounts(),
                Rank::Provisional,
                self.note(None, Ended::Abandoned),
            ),
        }
    }

    /// Usage came and cannot be counted: all that is held is charged, however abandoned calls are.
    fn pending_uncountable(&self) -> Pending {
        self.pending_reconcile(self.amounts.clone(), Rank::Provisional, self.note(None, Ended::Abandoned))
    }

    /// What the call is charged if nobody says how it ended: by a drop here, or by its hold's age.
    fn abandoned_amounts(&self) -> SmallVec<[i64; 8]> {
        let floor = || {
            let priced = self.plan.price(self.priced.tokens_input, 0, 1).ok()?;
            amounts(self.binding(), &priced.amount()).ok()
        };
        match self.plan.core.abandoned {
            Abandoned::Release => SmallVec::new(),
            // Where even the floor cannot be priced, all that is held stands.
            Abandoned::InputFloor => floor().unwrap_or_else(|| self.amounts.clone()),
            Abandoned::Hold => self.amounts.clone(),
        }
    }

    fn pending_reconcile(&self, amounts: SmallVec<[i64; 8]>, rank: Rank, note: Note) -> Pending {
        let held = if self.held { self.abandoned_amounts() } else { SmallVec::new() };
        Pending::Reconcile {
            id: self.id,
            binding: Arc::clone(self.binding()),
            amounts,
            held,
            rank,
            note,
            correction: None,
        }
    }

    async fn release(self: Box<Self>) -> Result<(), Error> {
        let core = Arc::clone(&self.plan.core);
        let mut unconfirmed = Unconfirmed { core: &core, pending: Some(self.pending_release()) };
        let note = self.note(None, Ended::Released);
        let command =
            Release { id: self.id, root: self.binding().claim.root(), signature: None, note: &note };
        let reply = core.send_release(core.now(), command).await;
        if !matches!(&reply, Err(error) if error.is_retryable()) {
            unconfirmed.pending = None;
        }
        reply.map(|reply| core.tell_news(self.binding(), reply.news))
    }

    /// Charges the call, on a ledger that may need to be waited for.
    async fn settle(self: Box<Self>, report: Report) -> Result<Receipt, Error> {
        if self.plan.core.ledger.immediate().is_some() {
            return self.settle_at_once(&report);
        }
        let core = Arc::clone(&self.plan.core);
        let now = core.now();
        let (charge, charged) = self.charge_or_abandon(&report)?;
        let note = self.charge_note(&charge);
        // Until the ledger confirms, a cancelled future still charges the call.
        let pending = Some(self.pending_reconcile(charged.clone(), charge.rank, note.clone()));
        let mut unconfirmed = Unconfirmed { core: &core, pending };
        let reply = core.send_reconcile(now, self.reconcile(&charge, &charged, &note)).await;
        unconfirmed.pending = None;
        drop(unconfirmed);
        self.conclude(charge, charged, &note, reply)
    }

    /// The same without waiting: nothing can be cancelled halfway.
    #[inline]
    fn settle_at_once(self: Box<Self>, report: &Report) -> Result<Receipt, Error> {
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
    fn charge_or_abandon(&self, report: &Report) -> Result<(Charge, SmallVec<[i64; 8]>), Error> {
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
    fn charge_note(&self, charge: &Charge) -> Note {
        let ended = if charge.rank == Rank::Reported { Ended::Reported } else { Ended::Estimated };
        let note = self.note(Some(charge.sum()), ended);
        match &charge.served {
            // The books name what was served, and the price that it was charged at.
            Some(served) => Note { about: Some(Arc::new(served.about(note.about.as_deref()))), ..note },
            None => note,
        }
    }

    #[inline]
    fn reconcile<'a>(&'a self, charge: &Charge, charged: &'a [i64], note: &'a Note) -> Reconcile<'a> {
        Reconcile { id: self.id, claim: &self.binding().claim, amounts: charged, rank: charge.rank, note }
    }

    /// What the ledger's reply means: a receipt, also where the report could not be delivered.
    #[inline]
    fn conclude(
        self: Box<Self>,
        charge: Charge,
        charged: SmallVec<[i64; 8]>,
        note: &Note,
        reply: Result<Reply, Error>,
    ) -> Result<Receipt, Error> {
        match reply {
            Ok(reply) => Ok(self.receipt(charge, reply)),
            Err(error) if error.is_retryable() => {
                self.plan.core.defer(self.pending_reconcile(charged, charge.rank, note.clone()));
                Ok(self.pending_receipt(charge))
            }
            Err(error) if error.kind() == ErrorKind::Forgotten => {
                let pending = self.pending_reconcile(charged, charge.rank, note.clone());
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
    fn receipt(mut self: Box<Self>, charge: Charge, reply: Reply) -> Receipt {
        self.teach(&charge);
        let Reply { balances, news, unheld, replaced, .. } = reply;
        self.balances = balances;
        let receipt = Receipt { call: self, charge, pending: false, unheld };
        let core = &receipt.call.plan.core;
        if !core.observers.is_empty() {
            core.tell_news(receipt.call.binding(), news);
            receipt.tell(replaced);
        }
        receipt
    }

    /// Tells whoever estimated the call what it really took; what was not reported teaches nothing.
    #[inline]
    fn teach(&self, charge: &Charge) {
        let core = &self.plan.core;
        if charge.rank != Rank::Reported || charge.served.is_some() {
            return;
        }
        let call = &self.plan.call;
        if let (true, Some(input)) = (self.from_prompt, charge.usage.input()) {
            core.estimator.observe(&call.model, &self.estimate, input);
        }
        if let (OutputSizing::Learned(learned), Some(output)) = (&core.output_sizing, charge.usage.output()) {
            let choices = u64::from(self.choices.max(1));
            let answer = output.div_ceil(choices);
            // An answer that its own limit cut short would have been longer, nobody knows how much.
            let most = self.priced.tokens_output.saturating_add(self.excess.output_tokens);
            let is_whole = answer < most.checked_div(choices).unwrap_or(most);
            learned.learn(&call.model, Some(&learned_key(call)), if is_whole { answer } else { u64::MAX });
        }
    }

    fn pending_receipt(mut self: Box<Self>, charge: Charge) -> Receipt {
        self.teach(&charge);
        self.balances.clear();
        Receipt { call: self, charge, pending: true, unheld: false }
    }
}

impl Priced {
    #[inline]
    pub(crate) fn amount(self) -> Amount {
        Amount::request(self.usd, self.tokens_input, self.tokens_output)
    }
}
