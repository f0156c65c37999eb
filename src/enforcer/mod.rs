//! The request path: plan, estimate, quote, reserve, explain.
//!
//! 1. **plan**: which budgets the call touches, in which period, and at which price; kept from an earlier call, or resolved;
//! 2. **estimate**: tokens are given, or the prompt is bounded by its bytes;
//! 3. **quote**: the price makes tokens dollars, and the plan makes them amounts of its lines;
//! 4. **reserve**: one trip to the ledger holds room in all of them, or in none;
//! 5. **explain**: the ledger's balances make the verdict, and a refusal in words.
//!
//! What comes of it is an [`Admission`]: a [`Reservation`](crate::Reservation) to send the call with, or a [`Decision`] that
//! says who refuses. [`Prepared`] is the same for a caller that makes many calls of one charge set.

mod advise;
mod attempt;
mod builder;
mod dearest;
mod estimate;
mod fitting;
mod for_requests;
mod held;
mod keeping;
mod long;
mod prepared;
mod remaining;
mod reserve;
mod room;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use parking_lot::RwLockUpgradableReadGuard;

pub use attempt::Admission;
pub use builder::EnforcerBuilder;
pub(crate) use fitting::Fitting;
pub use for_requests::ForRequests;
pub use held::Held;
pub use prepared::Prepared;

pub use crate::engine::{OnAbandon, OnOutage, OutboxFile};
pub use crate::reservation::{Actual, ReceiptLine, Resized};

pub(crate) use room::Room;

use keeping::Keeping;

use crate::engine::{Ask, Core, Ladder, Own, Plan, PlanCache, Walk};
use crate::ledger::{Answer, Attribution, MarkAction, MarkScope, poll_once};
use crate::values::call::Span;
use crate::values::{ScopeKind, Tenant, Timestamp};
use crate::{BudgetLedger, Call, Decision, Error, ErrorKind, Policy, PricingTable, Scope, Usd};

/// Enforces a policy on calls: the handle that an application passes around.
///
/// Clones are cheap and share everything. A call is estimated, quoted and
/// held in every budget that binds it before it is sent, all or none.
///
/// Its methods answer an [`Answer`]: await it, or call `.wait()` where there is no runtime. With books in memory the
/// answer is there when the method returns.
///
/// | To | use |
/// |---|---|
/// | hold room for a call, and be refused if there is none | [`reserve`](Self::reserve) |
/// | try weaker models as well | [`reserve_on_ladder`](Self::reserve_on_ladder) |
/// | make thousands of calls for one key | [`prepare`](Self::prepare) |
/// | ask what a reserve would say, and hold nothing | [`check`](Self::check) |
/// | see a price alone | [`quote`](Self::quote) |
/// | see what is left of each budget | [`remaining`](Self::remaining) |
/// | give request code what it needs and no more | [`for_requests`](Self::for_requests) |
/// | end a call by its id: a webhook, an operator | [`keep`](Self::keep), [`held`](Self::held) |
/// | stop everybody in a scope | [`freeze`](Self::freeze) |
///
/// # Example: the second call does not fit
/// ```
/// use token_budget::{Budget, Call, Enforcer, MemoryLedger, Policy, Scope, Usage, Usd, Window};
///
/// let ten_dollars = Budget::usd("search", Scope::team("search")?, Usd::dollars(10), Window::month());
/// let enforcer = Enforcer::builder().policy(Policy::new([ten_dollars])?).ledger(MemoryLedger::new()).build();
///
/// // 37 choices of 16,000 output tokens of gpt-4o cost $5.92.
/// let call = Call::new("gpt-4o").team("search").input_tokens(0).output_tokens(16_000).choices(37);
/// let first = enforcer.reserve(&call).wait()?.or_refusal()?;
/// let refused = enforcer.reserve(&call).wait()?.or_refusal().unwrap_err();
/// assert!(refused.to_string().contains("5.92 held for calls in flight, call needs 5.92"), "{refused}");
///
/// let receipt = first.send().reconcile(Usage::of(0, 100_000)).wait()?;
/// assert_eq!(receipt.cost(), Usd::dollars(1));
/// assert!(enforcer.reserve(&call).wait()?.is_admitted());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Enforcer(Arc<Handle>);

impl fmt::Debug for Enforcer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Enforcer({} budgets)", self.policy().budgets().len())
    }
}

struct Handle {
    core: Arc<Core>,
    /// What was resolved for calls seen lately; plans refer to the core, so it cannot own them.
    plans: PlanCache,
    /// Who keeps runs: calls that name one go there.
    runs: Arc<dyn Runs>,
    /// Calls that somebody else ends.
    keeping: Arc<Keeping>,
}

/// The answer for a call that names a run; nothing where the run was never opened.
///
/// In a box: an ordinary call does not carry what opening a run would take.
pub(crate) type InRun<'a, T> = Pin<Box<dyn Future<Output = Result<Option<T>, Error>> + Send + 'a>>;

/// Whoever keeps runs.
///
/// A call that names a run is held to the run's limits, whichever way it goes out, also where no guard is open in
/// this process and the limits must be read from the books. Runs are built on the enforcer, so the enforcer cannot
/// name them: it knows this, and [`assemble`](crate::assemble) puts both together.
pub(crate) trait Runs: Send + Sync + 'static {
    /// Holds room in the run's limits, too.
    fn reserve<'a>(&self, enforcer: &'a Enforcer, call: &'a Call) -> InRun<'a, Admission>;
    /// The call's charge set with its run's lines.
    fn prepared<'a>(&self, enforcer: &'a Enforcer, call: &'a Call) -> InRun<'a, Arc<Prepared>>;
    /// The lines of the run, where it is open here, as they are now, with whoever hears of its calls.
    fn lines(&self, enforcer: &Enforcer, call: &Call) -> Result<Own, Error>;
    /// Hears that a call was ended by its id, perhaps one of another process: the books say what is still to be done.
    fn ended<'a>(&self, enforcer: &'a Enforcer, payers: &'a Call) -> InRun<'a, ()>;
}

impl Enforcer {
    /// Begins an enforcer: without more, bundled prices, a ledger in memory, and no budgets, so that it refuses every
    /// call. Give it a [`policy`](EnforcerBuilder::policy), or say by name what becomes of calls that no budget binds
    /// ([`unbound`](EnforcerBuilder::unbound)).
    pub fn builder() -> EnforcerBuilder {
        EnforcerBuilder::default()
    }

    pub(crate) fn of(core: Core, runs: Arc<dyn Runs>) -> Self {
        let (core, plans, keeping) = (Arc::new(core), PlanCache::new(), Arc::default());
        Self(Arc::new(Handle { core, plans, runs, keeping }))
    }

    pub(crate) fn core(&self) -> &Arc<Core> {
        &self.0.core
    }

    fn keeping(&self) -> &Arc<Keeping> {
        &self.0.keeping
    }

    /// Holds room for the call in every budget that binds it, or says who refuses.
    ///
    /// The hold lasts until it is reconciled, released, or five minutes past
    /// the call's own time-out. Dropping the reservation gives the room back.
    ///
    /// A call that names a run ([`RunGuard::call`](crate::RunGuard::call)) is held to that run's limits as well,
    /// on the call's own model.
    ///
    /// # Errors
    /// `LedgerUnavailable` when the ledger cannot be reached, `Invalid` for a call that cannot be used.
    /// A budget without room is an answer, not an error: see [`Admission::Refused`].
    pub fn reserve<'a>(&'a self, call: &'a Call) -> Answer<'a, Admission> {
        if !call.models.is_empty() || call.names_run() {
            return Answer::walk(self.reserve_for_others(call));
        }
        let Handle { core, plans, .. } = &*self.0;
        let now = core.now();
        match plans.find(core, call, now) {
            Ok(plan) => reserve::reserve(plan, Ask::of(call), now),
            Err(error) => Answer::Now(Err(error)),
        }
    }

    /// A call that several models may answer, or that belongs to a run.
    async fn reserve_for_others(&self, call: &Call) -> Result<Admission, Error> {
        if !call.models.is_empty() {
            return self.reserve(&*self.of_one_model(call)?).await;
        }
        if let Some(admission) = self.0.runs.reserve(self, call).await? {
            return Ok(admission);
        }
        let now = self.core().now();
        reserve::reserve(self.plan(call, now)?, Ask::of(call), now).await
    }

    /// Tries the call's model, then each rung of the policy's ladder below it.
    ///
    /// Send [`Reservation::model`](crate::Reservation::model): it may be a weaker one than the call names.
    ///
    /// Each rung is bound, quoted and reserved by itself. Where none fits, the answer is the first refusal.
    ///
    /// # Errors
    /// As [`reserve`](Self::reserve).
    pub fn reserve_on_ladder<'a>(&'a self, call: &'a Call) -> Answer<'a, Admission> {
        Answer::walk(async move {
            let mut walk = Walk::new(self.core(), &Ladder::Policy);
            let mut weaker = None;
            loop {
                let call = weaker.as_ref().unwrap_or(call);
                match self.reserve(call).await? {
                    Admission::Refused(refused) => match walk.below(call, refused, |_| true) {
                        Ok(model) => weaker = Some(call.clone().with_model(model)),
                        Err(first) => return Ok(Admission::Refused(first)),
                    },
                    admitted => return Ok(admitted),
                }
            }
        })
    }

    /// Resolves a charge set once, for a caller that makes many such calls: a key's, a team's.
    ///
    /// Of a call that names a run the limits stand as they are now; where the run may be granted more, or has a
    /// time limit, ask its guard.
    ///
    /// # Errors
    /// `Invalid` for a call that cannot be used; `Unsupported` where the call names a run that is not open here, and the
    /// ledger, which knows its limits, needs to be waited for.
    pub fn prepare(&self, call: &Call) -> Result<Prepared, Error> {
        if !call.models.is_empty() {
            let mut one = self.of_one_model(call)?;
            // Other calls are made of it, of more answers and inputs: what the model is billed for of this one bounds none.
            one.span = one.span.map(|span| Span { own_input: u64::MAX, own_output: u64::MAX, ..span });
            return self.prepare(&one);
        }
        if !call.names_run() {
            return self.prepare_with(call, &Own::none());
        }
        let own = self.0.runs.lines(self, call)?;
        if own.budgets.is_empty()
            && let Some(prepared) = poll_once(self.0.runs.prepared(self, call)).unwrap_or_else(must_wait)?
        {
            return Ok(prepared.again());
        }
        self.prepare_with(call, &own)
    }

    /// The same with what the caller brings beside the policy.
    pub(crate) fn prepare_with(&self, call: &Call, own: &Own) -> Result<Prepared, Error> {
        Prepared::new(Arc::clone(self.core()), call, own)
    }

    /// Advises on a call without holding anything: what a reserve would say now.
    ///
    /// Reads balances and never counts tokens; the answer says that it is advice.
    ///
    /// # Errors
    /// As [`reserve`](Self::reserve).
    pub fn check<'a>(&'a self, call: &'a Call) -> Answer<'a, Decision> {
        Answer::walk(async move {
            if !call.models.is_empty() {
                return self.check(&*self.of_one_model(call)?).await;
            }
            if call.names_run()
                && let Some(prepared) = self.0.runs.prepared(self, call).await?
            {
                return prepared.check(call).await;
            }
            let now = self.core().now();
            let plan = self.plan(call, now)?;
            advise::check(&plan, &Ask::of(call), now).await
        })
    }

    /// What would be held for the call, by the bound of its input; `None` where its model has no price.
    ///
    /// # Errors
    /// `Invalid` for a call that cannot be used.
    pub fn quote(&self, call: &Call) -> Result<Option<Usd>, Error> {
        if !call.models.is_empty() {
            return self.quote(&*self.of_one_model(call)?);
        }
        let plan = self.plan(call, self.core().now())?;
        advise::quote(&plan, &Ask::of(call))
    }

    /// Refuses every later call that carries `scope`, until it is reopened.
    ///
    /// # Errors
    /// `LedgerUnavailable` when the ledger cannot be reached.
    pub fn freeze<'a>(
        &'a self,
        organization: Option<&'a str>,
        scope: &'a Scope,
        attribution: Attribution,
    ) -> Answer<'a, ()> {
        self.mark_as(MarkAction::Freeze, organization, scope, attribution)
    }

    /// Admits calls that carry `scope` again.
    ///
    /// # Errors
    /// `LedgerUnavailable` when the ledger cannot be reached.
    pub fn reopen<'a>(
        &'a self,
        organization: Option<&'a str>,
        scope: &'a Scope,
        attribution: Attribution,
    ) -> Answer<'a, ()> {
        self.mark_as(MarkAction::Reopen, organization, scope, attribution)
    }

    fn mark_as<'a>(
        &'a self,
        action: MarkAction,
        organization: Option<&'a str>,
        scope: &'a Scope,
        attribution: Attribution,
    ) -> Answer<'a, ()> {
        Answer::walk(async move { self.mark(organization, scope, action, &attribution).await.map(|_| ()) })
    }

    pub(crate) async fn mark(
        &self,
        organization: Option<&str>,
        scope: &Scope,
        action: MarkAction,
        attribution: &Attribution,
    ) -> Result<crate::ledger::Reply, Error> {
        let tenant = match organization {
            Some(name) => Tenant::organization(&Scope::new(ScopeKind::Organization, name)?),
            None => Tenant::unnamed(),
        };
        let command = MarkScope { tenant: &tenant, scope, action, attribution, now: None };
        let core = self.core();
        let mut reply = core.mark(command).await?;
        // Holds that were due have ended on the way, and may have reached thresholds; nobody else will hear of it.
        core.tell_effects_without_lines(reply.effects.take());
        if let Some(watcher) = core.board.watcher(&tenant, scope) {
            // The first stop's reason stays, so a repeat must ask which it was.
            watcher.learn(core.ledger.marks(&tenant, std::slice::from_ref(scope)).await?.pop());
        }
        Ok(reply)
    }

    /// Puts another policy in place, atomically: books stay, running calls finish under what they saw.
    ///
    /// # Errors
    /// `Invalid` where a budget keeps its id but would begin new books without saying `restart`.
    pub fn set_policy(&self, policy: Policy) -> Result<(), Error> {
        let core = self.core();
        // One swap at a time, so that none is checked against a policy that is gone; calls read on until it is exchanged.
        let in_force = core.policy.upgradable_read();
        policy.check_swap(&in_force)?;
        let granted = policy.exemptions_new_since(&in_force);
        let gone = std::mem::replace(&mut *RwLockUpgradableReadGuard::upgrade(in_force), Arc::new(policy));
        core.changed();
        drop(gone);
        granted.iter().for_each(|event| core.tell(event));
        Ok(())
    }

    /// Puts other prices in place, atomically; what was charged is never repriced.
    pub fn set_prices(&self, prices: PricingTable) {
        let core = self.core();
        // A large table is let go after the lock, not under it.
        let gone = std::mem::replace(&mut *core.prices.write(), Arc::new(prices));
        core.changed();
        drop(gone);
    }

    /// The policy in force.
    #[must_use]
    pub fn policy(&self) -> Arc<Policy> {
        self.core().policy()
    }

    /// The prices in force.
    #[must_use]
    pub fn prices(&self) -> Arc<PricingTable> {
        self.core().prices()
    }

    /// The ledger that keeps the books.
    #[must_use]
    pub fn ledger(&self) -> &Arc<dyn BudgetLedger> {
        &self.core().ledger
    }

    /// The ledger's present instant, as far as this process knows it.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.core().now()
    }

    /// Sends what waits in the outbox: releases of the unsent, charges of the sent. Says how many still wait.
    ///
    /// # Errors
    /// The first failure of the ledger; what could not be delivered keeps waiting.
    pub fn flush(&self) -> Answer<'_, usize> {
        Answer::walk(async move { self.core().flush().await })
    }

    /// Sends observers every threshold event that was recorded but never confirmed as delivered, for example because a
    /// process crashed.
    ///
    /// For durable ledgers: call it at the start, and every few minutes, so that what was told is
    /// noted there. Observers hear of each threshold at least once, mostly once, and several
    /// processes may each tell theirs. Says how many were told here.
    ///
    /// # Errors
    /// The first failure of the ledger; what could not be confirmed is told again.
    pub fn tell_pending(&self) -> Answer<'_, usize> {
        Answer::walk(async move { self.core().tell_pending().await })
    }

    /// How many commands wait in the outbox.
    #[must_use]
    pub fn undelivered(&self) -> usize {
        self.core().outbox.len()
    }

    /// The call's plan: kept, or resolved now.
    #[inline]
    fn plan(&self, call: &Call, now: Timestamp) -> Result<Arc<Plan>, Error> {
        self.0.plans.find(self.core(), call, now)
    }
}

/// Whose limits a run's books alone know, on a ledger that has to be waited for.
fn must_wait<T>() -> Result<T, Error> {
    let text =
        "the run is not open here, and its limits must be waited for; open it, or reserve call by call";
    Err(Error::new(ErrorKind::Unsupported, text))
}
