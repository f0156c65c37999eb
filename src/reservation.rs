//! A call's life after it was admitted: reserved, in flight, settled.

use std::sync::Arc;

use compact_str::CompactString;
use serde::{Serialize, Serializer};
use smallvec::SmallVec;

use crate::decision::{Judged, Quote, amounts, explain};
use crate::enforcer::{Abandoned, Core, Pending, Plan, Priced, at_once};
use crate::ledger::{Ended, Note, Rank, Reconcile, Release, Reply};
use crate::{
    Amount, Balance, Binding, Cost, Decision, Error, Estimate, Event, ModelPrice, ReservationId, Scope,
    Timestamp, Unit, Usage, Usd, Verdict,
};

/// What both states of an open call know.
#[derive(Debug)]
struct Open {
    plan: Arc<Plan>,
    binding: Arc<Binding>,
    id: ReservationId,
    amounts: SmallVec<[i64; 8]>,
    priced: Priced,
}

/// Room that is held for a call not yet sent.
///
/// Dropping it gives the room back. Once the call goes out, turn it into an
/// [`InFlight`]: dropping that never refunds.
#[derive(Debug)]
#[must_use = "dropping a reservation gives its room back"]
pub struct Reservation {
    open: Option<Open>,
    balances: SmallVec<[Balance; 8]>,
    verdict: Verdict,
    estimate: Estimate,
    now: Timestamp,
    held: bool,
}

/// A call that was sent and not yet settled.
///
/// Dropping it charges what it holds, provisionally: the provider bills a
/// call that nobody waited for, too. A later report replaces that charge.
#[derive(Debug)]
#[must_use = "dropping a call in flight charges all that it holds"]
pub struct InFlight {
    open: Option<Open>,
}

/// What is known about how a call ended.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// What it used.
    pub usage: Usage,
    /// The model that the provider says it served, where that is known.
    pub model: Option<CompactString>,
    /// What the provider says it charged, where it is known to report that.
    pub cost: Option<Usd>,
    /// The usage was counted here, not reported.
    pub estimated: bool,
}

impl From<Usage> for Report {
    fn from(usage: Usage) -> Self {
        Self { usage, ..Self::default() }
    }
}

/// What a settled call was charged, and what that did to its budgets.
#[derive(Clone, Debug)]
#[must_use]
pub struct Receipt {
    id: ReservationId,
    binding: Arc<Binding>,
    usage: Usage,
    cost: Usd,
    by_table: Option<Cost>,
    held: Priced,
    rank: Rank,
    balances: SmallVec<[Balance; 8]>,
    charged: SmallVec<[i64; 8]>,
    pending: bool,
    unheld: bool,
    other_model: Option<CompactString>,
}

/// One budget after a call was settled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReceiptLine {
    /// The budget's id.
    pub budget: CompactString,
    /// The level that paid.
    pub scope: Scope,
    /// What the budget counts.
    pub unit: Unit,
    /// What this call was charged here.
    pub charged: i64,
    /// What is spent now, this call included.
    pub spent: i64,
    /// What is held for other calls.
    pub reserved: i64,
    /// How far spent now stands above the limit; zero where it does not.
    pub above_limit: i64,
}

impl Reservation {
    #[expect(
        clippy::too_many_arguments,
        reason = "the whole outcome of one attempt, named at its only caller"
    )]
    pub(crate) fn new(
        plan: &Arc<Plan>,
        binding: &Arc<Binding>,
        id: ReservationId,
        amounts: SmallVec<[i64; 8]>,
        priced: Priced,
        balances: SmallVec<[Balance; 8]>,
        verdict: Verdict,
        now: Timestamp,
    ) -> Self {
        let open = Open { plan: Arc::clone(plan), binding: Arc::clone(binding), id, amounts, priced };
        let estimate = Estimate::count(priced.tokens_input);
        Self { open: Some(open), balances, verdict, estimate, now, held: true }
    }

    /// A call that goes out while the ledger is away: nothing is held, its usage is recorded later.
    pub(crate) fn unheld(
        plan: &Arc<Plan>,
        binding: &Arc<Binding>,
        id: ReservationId,
        amounts: SmallVec<[i64; 8]>,
        priced: Priced,
        now: Timestamp,
    ) -> Self {
        let balances = amounts.iter().map(|_| Balance::default()).collect();
        let mut unheld = Self::new(plan, binding, id, amounts, priced, balances, Verdict::Warn, now);
        unheld.held = false;
        unheld
    }

    pub(crate) fn estimated(mut self, estimate: Estimate) -> Self {
        self.estimate = estimate;
        self
    }

    /// The same call with a smaller hold, after its input was counted.
    pub(crate) fn shrunk(mut self, amounts: SmallVec<[i64; 8]>, priced: Priced, count: Estimate) -> Self {
        if let Some(open) = &mut self.open {
            self.verdict = crate::decision::judge(&open.binding, &self.balances, &amounts);
            (open.amounts, open.priced) = (amounts, priced);
        }
        self.estimate = count;
        self
    }

    #[expect(clippy::expect_used, reason = "only send, release and drop take it, and each ends the value")]
    fn open(&self) -> &Open {
        self.open.as_ref().expect("a reservation is open until it is consumed")
    }

    pub(crate) fn plan(&self) -> &Arc<Plan> {
        &self.open().plan
    }

    pub(crate) fn binding(&self) -> &Arc<Binding> {
        &self.open().binding
    }

    pub(crate) fn balances(&self) -> &[Balance] {
        &self.balances
    }

    /// The hold's id, under which the ledger and the journal know the call.
    #[must_use]
    pub fn id(&self) -> ReservationId {
        self.open().id
    }

    /// Whether a warning level is reached: [`Verdict::Allow`] or [`Verdict::Warn`].
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// Dollars held.
    #[must_use]
    pub fn quoted(&self) -> Usd {
        self.open().priced.usd
    }

    /// The input that is held for, and whether it is a count, a bound or a guess.
    #[must_use]
    pub fn estimate(&self) -> Estimate {
        self.estimate
    }

    /// The output tokens that the hold covers, all choices together: send no larger limit.
    #[must_use]
    pub fn output_tokens(&self) -> u64 {
        self.open().priced.tokens_output
    }

    /// The model that was priced and held.
    #[must_use]
    pub fn model(&self) -> &str {
        &self.open().binding.model
    }

    /// Whether the ledger holds room; it does not where it was away and the policy lets calls pass.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.held
    }

    /// The whole decision behind the admission: every binding budget's state.
    #[must_use]
    pub fn decision(&self) -> Decision {
        let open = self.open();
        let judged = Judged {
            binding: Arc::clone(&open.binding),
            balances: self.balances.clone(),
            requested: open.amounts.clone(),
            frees: Vec::new(),
            now: self.now,
        };
        let quote = Quote { price: open.plan.price.clone(), ..Quote::of(open.priced.amount()) };
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
        self.settle(report.into()).await
    }

    /// The same without a runtime, for ledgers that answer at once.
    ///
    /// # Errors
    /// As [`reconcile`](Self::reconcile), and `Unsupported` where the ledger needs to be waited for: the report
    /// is then in the outbox.
    pub fn reconcile_now(self, report: impl Into<Report>) -> Result<Receipt, Error> {
        at_once(self.settle(report.into()))?
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

    async fn settle(mut self, report: Report) -> Result<Receipt, Error> {
        let Some(open) = self.open.take() else {
            return Err(Error::invalid("call", "was settled before"));
        };
        open.settle(report).await
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        if let Some(open) = self.open.take() {
            let pending = open.pending_abandoned();
            open.plan.core.end_without_waiting(pending);
        }
    }
}

/// A charge worked out of a report.
struct Charge {
    usage: Usage,
    priced: Priced,
    by_table: Option<Cost>,
    rank: Rank,
    other_model: Option<CompactString>,
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
    fn note(&self, usage: Option<Usage>, ended: Ended) -> Note {
        Note { about: Some(Arc::clone(&self.plan.about)), usage, ended: Some(ended) }
    }

    fn pending_release(&self) -> Pending {
        Pending::Release {
            id: self.id,
            binding: Arc::clone(&self.binding),
            note: self.note(None, Ended::Released),
        }
    }

    /// What an abandoned call is charged, by the enforcer's choice.
    fn pending_abandoned(&self) -> Pending {
        let floor = || {
            let priced = self.plan.price(self.priced.tokens_input, 0, 1).ok()?;
            amounts(&self.binding, &priced.amount()).ok()
        };
        let amounts = match self.plan.core.abandoned {
            Abandoned::Release => return self.pending_release(),
            // Where even the floor cannot be priced, all that is held stands.
            Abandoned::InputFloor => floor().unwrap_or_else(|| self.amounts.clone()),
            Abandoned::Hold => self.amounts.clone(),
        };
        let note = self.note(None, Ended::Abandoned);
        Pending::Reconcile {
            id: self.id,
            binding: Arc::clone(&self.binding),
            amounts,
            rank: Rank::Provisional,
            note,
        }
    }

    async fn release(self) -> Result<(), Error> {
        let core = Arc::clone(&self.plan.core);
        let mut unconfirmed = Unconfirmed { core: &core, pending: Some(self.pending_release()) };
        let note = self.note(None, Ended::Released);
        let command = Release { id: self.id, root: self.binding.claim.root(), signature: None, note: &note };
        let reply = core.send_release(core.now(), command).await;
        if !matches!(&reply, Err(error) if error.is_retryable()) {
            unconfirmed.pending = None;
        }
        reply.map(|reply| core.tell_news(&self.binding, reply.news))
    }

    async fn settle(self, report: Report) -> Result<Receipt, Error> {
        let core = &*self.plan.core;
        let now = core.now();
        // Until the ledger confirms, a cancelled future still charges the call.
        let mut unconfirmed = Unconfirmed { core, pending: None };
        let charge = match self.charge(&report, now) {
            Ok(charge) => charge,
            Err(error) => {
                unconfirmed.pending = Some(self.pending_abandoned());
                return Err(error);
            }
        };
        let charged = amounts(&self.binding, &charge.priced.amount())?;
        let ended = if charge.rank == Rank::Reported { Ended::Reported } else { Ended::Estimated };
        let note = self.note(Some(charge.usage), ended);
        let waits = core.ledger.immediate().is_none();
        if waits {
            unconfirmed.pending = Some(self.pending_charge(&charge, &charged, &note));
        }
        let command = Reconcile {
            id: self.id,
            claim: &self.binding.claim,
            amounts: &charged,
            rank: charge.rank,
            note: &note,
        };
        match core.send_reconcile(now, command).await {
            Ok(reply) => {
                unconfirmed.pending = None;
                drop(unconfirmed);
                Ok(self.receipt(charge, charged, reply))
            }
            Err(error) if error.is_retryable() => {
                unconfirmed.pending = None;
                core.outbox.push(self.pending_charge(&charge, &charged, &note));
                core.tell(&Event::Undelivered { id: self.id });
                drop(unconfirmed);
                Ok(self.pending_receipt(charge, charged))
            }
            Err(error) => {
                unconfirmed.pending = None;
                Err(error)
            }
        }
    }

    fn pending_charge(&self, charge: &Charge, amounts: &SmallVec<[i64; 8]>, note: &Note) -> Pending {
        Pending::Reconcile {
            id: self.id,
            binding: Arc::clone(&self.binding),
            amounts: amounts.clone(),
            rank: charge.rank,
            note: note.clone(),
        }
    }

    /// Prices what was used; what was not reported is taken as it was held.
    fn charge(&self, report: &Report, now: Timestamp) -> Result<Charge, Error> {
        let (mut usage, clamped) = report.usage.clamped();
        let mut estimated = report.estimated || clamped;
        // Nothing used of what was held for is a report that is missing, not a call that was free.
        let nothing = usage.total() == Some(0) && self.priced.usd > Usd::ZERO;
        if usage.input().is_none() || nothing {
            usage = usage.with_input(self.priced.tokens_input);
            estimated = true;
        }
        if usage.output().is_none() || nothing {
            usage = usage.with_output(self.priced.tokens_output);
            estimated = true;
        }
        let served = self.served_instead(report, now);
        let price = served.as_ref().and_then(|(_, price)| price.as_deref()).or(self.plan.price.as_deref());
        let by_table = price.map(|price| price.cost(&usage, self.plan.conditions())).transpose()?;
        let other_model = served.map(|(model, _)| model);
        let table = by_table.as_ref().map_or(Usd::ZERO, Cost::total);
        estimated |= by_table.as_ref().is_some_and(|cost| !cost.is_complete());
        // A provider's own zero on a model that costs is no price.
        let reported =
            report.cost.filter(|cost| *cost > Usd::ZERO || (*cost == Usd::ZERO && table == Usd::ZERO));
        let priced = Priced {
            usd: reported.unwrap_or(table),
            tokens_input: usage.input().unwrap_or(0),
            tokens_output: usage.output().unwrap_or(0),
        };
        let rank = if estimated { Rank::Estimated } else { Rank::Reported };
        Ok(Charge { usage, priced, by_table, rank, other_model })
    }

    /// The model that was served in place of the reserved one, and its price if it has one.
    fn served_instead(
        &self,
        report: &Report,
        now: Timestamp,
    ) -> Option<(CompactString, Option<Arc<ModelPrice>>)> {
        let model = report.model.as_ref().filter(|model| **model != self.plan.call.model)?;
        let prices = self.plan.core.prices.load();
        let found = prices.find(self.plan.call.provider.as_deref(), model, now);
        // A dated name of the same row is the same model.
        let same =
            found.zip(self.plan.price.as_ref()).is_some_and(|(found, reserved)| Arc::ptr_eq(found, reserved));
        (!same).then(|| (model.clone(), found.cloned()))
    }

    fn receipt(self, charge: Charge, charged: SmallVec<[i64; 8]>, reply: Reply) -> Receipt {
        let core = &self.plan.core;
        let late = reply.replaced == Some(Rank::Expired);
        let receipt = Receipt {
            id: self.id,
            binding: Arc::clone(&self.binding),
            usage: charge.usage,
            cost: charge.priced.usd,
            by_table: charge.by_table,
            held: self.priced,
            rank: charge.rank,
            balances: reply.balances,
            charged,
            pending: false,
            unheld: reply.unheld,
            other_model: charge.other_model,
        };
        core.tell_news(&self.binding, reply.news);
        if !core.observers.is_empty() {
            if receipt.overrun() > Usd::ZERO || receipt.overrun_tokens() > 0 {
                let (usd, tokens) = (receipt.overrun(), receipt.overrun_tokens());
                core.tell(&Event::Overrun { id: self.id, usd, tokens });
            }
            if late {
                core.tell(&Event::Late { id: self.id });
            }
        }
        receipt
    }

    fn pending_receipt(self, charge: Charge, charged: SmallVec<[i64; 8]>) -> Receipt {
        Receipt {
            id: self.id,
            binding: Arc::clone(&self.binding),
            usage: charge.usage,
            cost: charge.priced.usd,
            by_table: charge.by_table,
            held: self.priced,
            rank: charge.rank,
            balances: SmallVec::new(),
            charged,
            pending: true,
            unheld: false,
            other_model: charge.other_model,
        }
    }
}

impl Priced {
    #[inline]
    pub(crate) fn amount(self) -> Amount {
        Amount::request(self.usd, self.tokens_input, self.tokens_output)
    }
}

impl Receipt {
    /// The hold's id.
    #[must_use]
    pub fn id(&self) -> ReservationId {
        self.id
    }

    /// What the call was charged.
    #[must_use]
    pub fn cost(&self) -> Usd {
        self.cost
    }

    /// What it used; figures that were not reported are those it was held for.
    #[must_use]
    pub fn usage(&self) -> &Usage {
        &self.usage
    }

    /// The price table's own sum with its lines, also where the provider reported another cost.
    #[must_use]
    pub fn cost_by_table(&self) -> Option<&Cost> {
        self.by_table.as_ref()
    }

    /// How sure the charge is.
    #[must_use]
    pub fn rank(&self) -> Rank {
        self.rank
    }

    /// Whether the provider reported everything the charge is made from.
    #[must_use]
    pub fn is_reported(&self) -> bool {
        self.rank == Rank::Reported
    }

    /// Dollars charged above what was held; zero where it was not more.
    #[must_use]
    pub fn overrun(&self) -> Usd {
        Usd::from_nanos(self.cost.nanos().saturating_sub(self.held.usd.nanos()).max(0))
    }

    /// Tokens used above what was held for.
    #[must_use]
    pub fn overrun_tokens(&self) -> u64 {
        let held = self.held.tokens_input.saturating_add(self.held.tokens_output);
        self.usage.total().unwrap_or(0).saturating_sub(held)
    }

    /// The ledger has not confirmed it yet: the report waits in the outbox.
    #[must_use]
    pub fn is_pending(&self) -> bool {
        self.pending
    }

    /// No hold stood for the call; its usage was recorded all the same.
    #[must_use]
    pub fn is_unheld(&self) -> bool {
        self.unheld
    }

    /// The model that the provider served, where it is another than was held for.
    #[must_use]
    pub fn other_model(&self) -> Option<&str> {
        self.other_model.as_deref()
    }

    /// Every budget that was charged, as it stands now; empty while pending.
    #[must_use]
    pub fn lines(&self) -> Vec<ReceiptLine> {
        let lines = self.binding.bound.iter().zip(&self.balances).zip(&self.charged);
        lines
            .map(|((bound, balance), charged)| ReceiptLine {
                budget: bound.account.budget().into(),
                scope: bound.account.scope().clone(),
                unit: bound.account.unit().clone(),
                charged: *charged,
                spent: balance.spent,
                reserved: balance.reserved,
                above_limit: bound.limit.map_or(0, |limit| balance.spent.saturating_sub(limit).max(0)),
            })
            .collect()
    }
}

impl Serialize for Receipt {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;
        let mut fields = serializer.serialize_struct("Receipt", 8)?;
        fields.serialize_field("id", &self.id)?;
        fields.serialize_field("cost_usd", &self.cost)?;
        fields.serialize_field("usage", &self.usage)?;
        fields.serialize_field("rank", &self.rank)?;
        fields.serialize_field("overrun_usd", &self.overrun())?;
        fields.serialize_field("pending", &self.pending)?;
        fields.serialize_field("other_model", &self.other_model)?;
        fields.serialize_field("lines", &self.lines())?;
        fields.end()
    }
}
