//! How is an enforcer put together?

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::engine::{OnAbandon, OnOutage, Outbox, OutboxFile};
use crate::pricing::Unseen;
use crate::tokens::OutputSizing;
use crate::values::{OnNoLimit, SystemClock, Unbound};
use crate::{BudgetLedger, Clock, Observer, Policy, PricingTable, TokenEstimator};

/// Puts an [`Enforcer`](crate::Enforcer) together.
///
/// Everything has a default but the policy: bundled prices, books in memory, the machine's clock, prompts bounded by
/// their bytes. The builder does nothing until [`build`](Self::build), and the order of its methods does not matter.
///
/// # Example: a hold that nobody ends is charged with age
/// ```
/// use std::sync::Arc;
/// use std::time::Duration;
///
/// use token_budget::time::ManualClock;
/// use token_budget::{Budget, Call, Enforcer, Policy, Scope, Usd, Window};
///
/// let clock = Arc::new(ManualClock::at("2026-11-22T12:00:00Z".parse()?));
/// let day = Budget::usd("search", Scope::team("search")?, Usd::dollars(1), Window::day());
/// let enforcer = Enforcer::builder()
///     .policy(Policy::new([day])?)
///     .clock(clock.clone())
///     .hold_grace(Duration::from_secs(60))
///     .build();
///
/// let call = Call::new("gpt-4o").team("search").input_tokens(0).output_tokens(10_000); // ten cents
/// let reservation = enforcer.reserve(&call).wait()?.or_refusal()?;
/// std::mem::forget(reservation.send()); // as if the process had died
///
/// clock.advance(Duration::from_secs(59));
/// assert_eq!(enforcer.check(&call).wait()?.budgets()[0].reserved, 100_000_000); // nano-dollars
/// clock.advance(Duration::from_secs(1));
/// let state = &enforcer.check(&call).wait()?.budgets()[0];
/// assert_eq!((state.reserved, state.spent), (0, 100_000_000));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub struct EnforcerBuilder {
    pub(crate) policy: Policy,
    pub(crate) unbound: Option<Unbound>,
    pub(crate) prices: PricingTable,
    pub(crate) ledger: Option<Arc<dyn BudgetLedger>>,
    pub(crate) estimator: Arc<dyn TokenEstimator>,
    pub(crate) output_sizing: OutputSizing,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) observers: Vec<Arc<dyn Observer>>,
    pub(crate) on_abandon: OnAbandon,
    pub(crate) on_no_limit: Option<OnNoLimit>,
    pub(crate) unseen: Option<Unseen>,
    pub(crate) on_outage: OnOutage,
    pub(crate) hold_grace: Duration,
    pub(crate) outbox: Outbox,
}

impl fmt::Debug for EnforcerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EnforcerBuilder({} budgets)", self.policy.budgets().len())
    }
}

impl Default for EnforcerBuilder {
    fn default() -> Self {
        Self {
            policy: Policy::default(),
            unbound: None,
            prices: PricingTable::bundled(),
            ledger: None,
            estimator: crate::tokens::unnamed_estimator(),
            output_sizing: OutputSizing::default(),
            clock: Arc::new(SystemClock),
            observers: Vec::new(),
            on_abandon: OnAbandon::default(),
            on_no_limit: None,
            unseen: None,
            on_outage: OnOutage::default(),
            hold_grace: Duration::from_secs(300),
            outbox: Outbox::default(),
        }
    }
}

impl EnforcerBuilder {
    /// Enforces that policy. Without any every call is refused, unless [`unbound`](Self::unbound) says otherwise.
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// Says what becomes of calls none of whose scopes has a budget; without, they are refused.
    ///
    /// It stands in place of the word of the policy given here, in whichever order; a policy put in its place later
    /// ([`Enforcer::set_policy`](crate::Enforcer::set_policy)) brings its own.
    pub fn unbound(mut self, unbound: Unbound) -> Self {
        self.unbound = Some(unbound);
        self
    }

    /// Prices calls by that table instead of the bundled one.
    pub fn prices(mut self, prices: PricingTable) -> Self {
        self.prices = prices;
        self
    }

    /// Keeps the books in that ledger; without, in memory.
    pub fn ledger(mut self, ledger: impl BudgetLedger) -> Self {
        self.ledger = Some(Arc::new(ledger));
        self
    }

    /// Keeps the books in a ledger that others share.
    pub fn shared_ledger(mut self, ledger: Arc<dyn BudgetLedger>) -> Self {
        self.ledger = Some(ledger);
        self
    }

    /// Estimates tokens with that estimator, instead of bounding prompts by their bytes.
    ///
    /// With the feature `tiktoken`, which is on by default, a prompt to one of OpenAI's models is also counted where its bound was
    /// refused or changes the verdict, so that a call passes which its bytes alone would refuse. The first count in
    /// a process loads a vocabulary (a quarter of a second, 60 MB): a server calls
    /// `TiktokenEstimator::preload` before it serves. Name [`ByteBoundEstimator`](crate::tokens::ByteBoundEstimator) to count nothing in any build.
    pub fn estimator(mut self, estimator: impl TokenEstimator) -> Self {
        self.estimator = Arc::new(estimator);
        self
    }

    /// Holds less output than a call may use, as was learned; without, the worst case.
    ///
    /// Each reconciled call teaches it. A decision says by how much the worst case exceeds what is held.
    pub fn output_sizing(mut self, sizing: OutputSizing) -> Self {
        self.output_sizing = sizing;
        self
    }

    /// Tells the time by that clock, where the ledger has none of its own to ask.
    ///
    /// A ledger in memory that this builder makes runs on it too.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Tells that observer what happens; given again, it too.
    pub fn observer(mut self, observer: impl Observer) -> Self {
        self.observers.push(Arc::new(observer));
        self
    }

    /// Sets what a call is charged that was sent and whose end nobody saw. Default: what it may have used.
    pub fn on_abandon(mut self, choice: OnAbandon) -> Self {
        self.on_abandon = choice;
        self
    }

    /// Says what becomes of calls that name no output limit, whatever the policy says; where neither does, one is
    /// written into their requests.
    ///
    /// Whoever sends a call by hand sends it with the limit of its reservation
    /// ([`output_tokens_each`](crate::Reservation::output_tokens_each)) where
    /// [`must_send_limit`](crate::Reservation::must_send_limit) says so; gates and clients do that by themselves.
    pub fn on_no_limit(mut self, choice: OnNoLimit) -> Self {
        self.on_no_limit = Some(choice);
        self
    }

    /// Takes every model to generate what nobody sees at that speed, whatever its price row says.
    ///
    /// Rows assume 500 tokens a second. For a faster provider say its speed, or [`Unseen::Hold`]: an abandoned call is
    /// then charged all that it holds if it may have reasoned unseen, or if its answer was to come whole.
    pub fn unseen(mut self, unseen: Unseen) -> Self {
        self.unseen = Some(unseen);
        self
    }

    /// Sets what happens to calls while the ledger is unreachable. Default: each call fails.
    pub fn on_outage(mut self, choice: OnOutage) -> Self {
        self.on_outage = choice;
        self
    }

    /// Keeps holds so long past the call's own time-out; five minutes unless set.
    ///
    /// A hold that expires is charged ([`OnAbandon`]), so a grace that is too short charges calls that still run, until their
    /// report replaces that charge. One that is too long keeps the room of a dead process from others.
    pub fn hold_grace(mut self, grace: Duration) -> Self {
        self.hold_grace = grace;
        self
    }

    /// Lets what the ledger could not be told survive the process; see [`OutboxFile`].
    ///
    /// What an earlier process left there is sent first, with the same ids.
    pub fn outbox_file(mut self, file: OutboxFile) -> Self {
        self.outbox = Outbox::surviving(file);
        self
    }
}
