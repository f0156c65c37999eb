//! A call's life after it was admitted: reserved, in flight, reconciled.
//!
//! ```text
//! Enforcer::reserve --> Reservation --send()--> InFlight --reconcile(usage)--> Receipt
//!                         |                       |
//!                         | drop, release():      | release(): free
//!                         | free                  | drop: charged what it may have used
//! ```
//!
//! Each step takes the value before it, so a call cannot be sent twice or charged twice; such code does not compile. A value that
//! is dropped ends its call all the same, and the line between free and charged is [`Reservation::send`]: before it nobody can
//! bill the call, after it somebody may.

mod abandoned;
mod believed;
mod charge;
mod growing;
mod open;
mod receipt;
mod resize;
mod streamed;

use std::fmt;
use std::sync::Arc;

use smallvec::SmallVec;

pub use charge::Actual;
pub(crate) use growing::Grown;
pub(crate) use open::Reach;
pub use receipt::{Receipt, ReceiptLine};
pub use resize::Resized;
pub(crate) use streamed::Reached;

use crate::decision::{Judged, Quote, explain};
use crate::engine::{Plan, Priced};
use crate::ledger::Answer;
use crate::tokens::{Dropping, Estimate, Trimmed};
use crate::values::verdict::Observed;
use crate::values::{Balance, Binding, Excess, Refusal, ReservationId, Timestamp};
use crate::{Decision, Error, Event, Usd, Verdict};
use open::Open;

/// Room that is held for a call not yet sent.
///
/// Dropping it gives the room back. Once the call goes out, turn it into an
/// [`InFlight`]: dropping that never refunds. Call [`send`](Self::send) *before* the request leaves, so that a task which is
/// cancelled in between is charged rather than forgotten.
///
/// # Example: what is held, and given back
/// ```
/// use token_budget::{Budget, Call, Enforcer, Policy, Scope, Usd, Verdict, Window};
///
/// let day = Budget::usd("search", Scope::team("search")?, Usd::dollars(1), Window::day());
/// let enforcer = Enforcer::builder().policy(Policy::new([day])?).build();
/// let call = Call::new("gpt-4o").team("search").input_tokens(1_200).output_tokens(500);
///
/// let reservation = enforcer.reserve(&call).wait()?.or_refusal()?;
/// // 1,200 at $2.50 a million and 500 at $10 a million: $0.003 + $0.005.
/// assert_eq!(reservation.quoted(), "0.008".parse()?);
/// assert_eq!((reservation.output_tokens(), reservation.verdict()), (500, Verdict::Allow));
/// let reserved = || enforcer.check(&call).wait().map(|decision| decision.budgets()[0].reserved);
/// assert_eq!(reserved()?, 8_000_000); // nano-dollars
/// drop(reservation);
/// assert_eq!(reserved()?, 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Sent once, it is gone: what cannot be meant does not compile.
///
/// ```compile_fail,E0382
/// # use token_budget::{Call, Enforcer};
/// # let enforcer = Enforcer::builder().build();
/// # let reservation = enforcer.reserve(&Call::new("gpt-4o")).wait().unwrap().or_refusal().unwrap();
/// let sent = reservation.send();
/// let again = reservation.send(); // moved
/// ```
#[must_use = "dropping a reservation gives its room back"]
pub struct Reservation {
    // In a box, which moves at the price of a pointer from here to the receipt.
    open: Option<Box<Open>>,
}

impl fmt::Debug for Reservation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        open::describe(f, "Reservation", self.open.as_deref())
    }
}

/// A call that was sent and not yet reconciled.
///
/// Dropping it charges what it holds, provisionally: the provider bills a
/// call that nobody waited for, too. A later report replaces that charge.
/// Who closes the connection by that says so: see [`watched`](Self::watched).
///
/// # Example: what was never sent is free, what was sent is not
/// ```
/// use token_budget::usage::Unit;
/// use token_budget::{Budget, Call, Enforcer, Policy, Scope, Window};
///
/// let one = Budget::count("search", Scope::team("search")?, Unit::Requests, 1, Window::day());
/// let enforcer = Enforcer::builder().policy(Policy::new([one])?).build();
/// let call = Call::new("gpt-4o").team("search").input_tokens(10).output_tokens(10);
///
/// drop(enforcer.reserve(&call).wait()?.or_refusal()?); // not sent: the day's one request is free again
/// drop(enforcer.reserve(&call).wait()?.or_refusal()?.send()); // sent, and nobody waited for the answer
/// assert!(enforcer.reserve(&call).wait()?.or_refusal().is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// A call is reconciled once:
///
/// ```compile_fail,E0382
/// # use token_budget::{Call, Enforcer, Usage};
/// # let enforcer = Enforcer::builder().build();
/// # let sent = enforcer.reserve(&Call::new("gpt-4o")).wait().unwrap().or_refusal().unwrap().send();
/// let receipt = sent.reconcile(Usage::of(1_200, 350)).wait();
/// let twice = sent.reconcile(Usage::of(1_200, 350)).wait(); // moved
/// ```
#[must_use = "dropping a call in flight charges all that it holds"]
pub struct InFlight {
    open: Option<Box<Open>>,
}

impl fmt::Debug for InFlight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        open::describe(f, "InFlight", self.open.as_deref())
    }
}

impl Reservation {
    #[expect(
        clippy::too_many_arguments,
        reason = "the whole outcome of one attempt, named at its only caller"
    )]
    pub(crate) fn new(
        plan: Arc<Plan>,
        exempt: bool,
        id: ReservationId,
        amounts: SmallVec<[i64; 8]>,
        priced: Priced,
        balances: SmallVec<[Balance; 8]>,
        verdict: Verdict,
        now: Timestamp,
    ) -> Self {
        let estimate = Estimate::count(priced.tokens_input);
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
            reach: Reach::default(),
            now,
            held: true,
            ended: None,
            sent_at: now,
            is_watched: false,
            is_counted: false,
            tools_unseen: false,
            place: None,
            prompt: None,
            observed: None,
            trimmed: None,
        };
        Self { open: Some(Box::new(open)) }
    }

    /// A call that goes out while the ledger is away: nothing is held, its usage is recorded later.
    pub(crate) fn unheld(
        plan: Arc<Plan>,
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
    pub(crate) fn reaching(mut self, reach: Reach) -> Self {
        self.change(|open| {
            open.reach = reach;
            if reach.by_slices {
                open.join_growing();
            }
        });
        self
    }

    /// Notes what would have refused it beside the budgets, were it enforced.
    #[inline]
    pub(crate) fn observing(mut self, observed: Option<Box<Observed>>) -> Self {
        if observed.is_some() {
            self.change(|open| open.observed = observed);
        }
        self
    }

    /// A cap would refuse it after all, or not, now that its input was counted.
    pub(crate) fn recapped(mut self, extra: Option<Refusal>) -> Self {
        self.change(|open| {
            if let Some(observed) = &mut open.observed {
                observed.extra = extra;
            }
        });
        self
    }

    /// Whether it is held in an exemption's own budget.
    pub(crate) fn is_exempt(&self) -> bool {
        self.open().exempt
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
        self.open().output_tokens()
    }

    /// The same of each choice: the limit to send, rounded down.
    #[must_use]
    pub fn output_tokens_each(&self) -> u64 {
        self.open().limit_each()
    }

    /// Whether the request names no limit of its own, so that it must be sent with
    /// [`output_tokens_each`](Self::output_tokens_each): else it may generate more than is held.
    ///
    /// See [`OnNoLimit`](crate::values::OnNoLimit). Gates and clients write it in by themselves.
    #[must_use]
    pub fn must_send_limit(&self) -> bool {
        self.open().reach.is_written
    }

    /// The request is sent with a limit that it did not name: an answer that ends there says so.
    pub(crate) fn limited_by_us(mut self) -> Self {
        self.change(|open| open.reach.limit_is_ours = true);
        self
    }

    /// What was left out of the request's prompt so that it fitted, where its client asked for that.
    #[must_use]
    pub fn trimmed(&self) -> Option<&Trimmed> {
        self.open().trimmed.as_deref()
    }

    /// Notes what was left out of the prompt that is held for, and tells observers.
    pub(crate) fn with_trimmed(self, trimmed: Option<Trimmed>) -> Self {
        let Some(trimmed) = trimmed else { return self };
        let event = Event::Trimmed {
            id: self.id(),
            model: self.model().into(),
            messages: trimmed.messages.len(),
            turns: trimmed.turns,
            tokens_before: trimmed.before.tokens,
            tokens: trimmed.after.tokens,
        };
        self.plan().core.tell(&event);
        self.noting(trimmed)
    }

    /// Tells of a call that was let pass and that enforcement would have refused.
    #[inline]
    pub(crate) fn tell_observed(&self) {
        let core = &self.plan().core;
        if self.binding().observes_some && !core.observers.is_empty() {
            core.tell_would_refuse(self.id(), &self.decision());
        }
    }

    /// Notes what was left out of the prompt.
    fn noting(mut self, trimmed: Trimmed) -> Self {
        self.change(|open| open.trimmed = Some(Box::new(trimmed)));
        self
    }

    /// What the call may use above what is held: nothing, unless its output is sized by what was learned.
    #[must_use]
    pub fn worst_case_excess(&self) -> Excess {
        self.open().reach.excess
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
            frees_up: Vec::new(),
            now: open.now,
        };
        let price = open.plan.price.clone();
        let fees = open.plan.fees.clone();
        let conditions = *open.plan.conditions();
        let excess = open.reach.excess;
        let quote = Quote { price, excess, fees, conditions, ..Quote::of(open.priced.amount()) };
        explain(judged, &quote, Vec::new(), None, false).observing(open.observed.clone())
    }

    /// Marks the call as sent. From here on dropping it charges what it holds.
    pub fn send(mut self) -> InFlight {
        let mut open = self.open.take();
        if let Some(open) = &mut open {
            open.sent_at = open.plan.core.now();
        }
        InFlight { open }
    }

    /// Gives the room back: the call is not made.
    ///
    /// # Errors
    /// `LedgerUnavailable` where the ledger cannot be reached; the release then waits in the outbox.
    pub fn release(mut self) -> Answer<'static, ()> {
        match self.open.take() {
            Some(open) => open.release(),
            None => Answer::Now(Ok(())),
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
    /// Where the ledger cannot be reached, or its books are damaged, the report waits in the outbox, and
    /// the receipt says [`is_pending`](Receipt::is_pending).
    ///
    /// # Errors
    /// `Overflow` where a sum does not fit; `State` or `Conflict` where the hold was ended in another way.
    pub fn reconcile(mut self, report: impl Into<Actual>) -> Answer<'static, Receipt> {
        match self.open.take() {
            Some(open) => open.reconcile(&report.into()),
            None => Answer::Now(Err(ended_before())),
        }
    }

    /// The same for a drop: what could not be delivered is saved by the next command.
    pub(crate) fn reconcile_dropped(mut self, report: impl Into<Actual>) -> Result<Receipt, Error> {
        match self.open.take() {
            Some(open) => open.reconcile_dropped(&report.into()),
            None => Err(ended_before()),
        }
    }

    /// Gives the room back: the provider is known not to bill this call.
    ///
    /// # Errors
    /// As [`Reservation::release`].
    pub fn release(mut self) -> Answer<'static, ()> {
        match self.open.take() {
            Some(open) => open.release(),
            None => Answer::Now(Ok(())),
        }
    }
}

fn ended_before() -> Error {
    Error::invalid("call", "was reconciled or released before")
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let _here = Dropping::here();
        if let Some(open) = self.open.take() {
            let pending = open.pending_abandoned();
            open.plan.core.end_without_waiting(pending);
        }
    }
}
