//! What does a caller keep who makes many calls of one charge set?

use std::fmt;
use std::sync::Arc;

use parking_lot::RwLock;

use super::advise::{check, refuse_unasked};
use super::attempt::Admission;
use super::long::walk;
use super::reserve::{plain, reserve};
use crate::engine::{Ask, Core, Own, Plan, Quoted, pays_alike};
use crate::ledger::Answer;
use crate::values::{Input, Refusal, Timestamp};
use crate::{Call, Decision, Error};

/// A charge set resolved once: what a caller keeps for each key or run.
///
/// It refreshes itself when a window ends or policy or prices are swapped. Share it behind an `Arc`: its methods take
/// `&self`, and calls at the same time do not wait for each other here.
///
/// # Example: the third call of the day does not fit
/// ```
/// use token_budget::usage::Unit;
/// use token_budget::{Budget, Call, Enforcer, Policy, Scope, Usage, Window};
///
/// let two = Budget::count("key", Scope::api_key("k1")?, Unit::Requests, 2, Window::day());
/// let enforcer = Enforcer::builder().policy(Policy::new([two])?).build();
/// let key = enforcer.prepare(&Call::new("gpt-4o").api_key("k1"))?;
/// for _ in 0..2 {
///     key.reserve(1_000, 200).wait()?.or_refusal()?.send().reconcile(Usage::of(1_000, 150)).wait()?;
/// }
/// assert!(!key.reserve(1_000, 200).wait()?.is_admitted());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Prepared {
    plan: RwLock<Arc<Plan>>,
}

impl fmt::Debug for Prepared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Prepared({})", self.plan.read().call.model)
    }
}

impl Prepared {
    /// The same charge set, for somebody else to keep.
    pub(crate) fn again(&self) -> Self {
        Self { plan: RwLock::new(Arc::clone(&self.plan.read())) }
    }

    pub(crate) fn new(core: Arc<Core>, call: &Call, own: &Own) -> Result<Self, Error> {
        let now = core.now();
        Ok(Self { plan: RwLock::new(Plan::resolve(&core, call, own, now)?) })
    }

    /// Holds room for so many input tokens and at most so many output tokens.
    ///
    /// # Errors
    /// As [`Enforcer::reserve`](crate::Enforcer::reserve).
    pub fn reserve(&self, input_tokens: u64, output_tokens: u64) -> Answer<'_, Admission> {
        let input = Input::Tokens(input_tokens);
        let (plan, now) = match self.current() {
            Ok(current) => current,
            Err(error) => return Answer::Now(Err(error)),
        };
        match plain(&plan, &Ask::sized(&input, Some(output_tokens)), now) {
            Some(answer) => answer,
            None => Answer::walk(async move {
                let input = Input::Tokens(input_tokens);
                walk(plan, &Ask::sized(&input, Some(output_tokens)), now).await
            }),
        }
    }

    /// Holds room for another call of the same charge set: its input, output, choices and time-out count.
    ///
    /// # Errors
    /// As [`Enforcer::reserve`](crate::Enforcer::reserve).
    pub fn reserve_call<'a>(&'a self, call: &'a Call) -> Answer<'a, Admission> {
        if !pays_alike(&self.plan.read().call, call) {
            let text = "pays or asks for something else than this was prepared for: scopes, model, tags or conditions";
            return Answer::Now(Err(Error::invalid("call", text)));
        }
        match self.current() {
            Ok((plan, now)) => reserve(plan, Ask::of(call), now),
            Err(error) => Answer::Now(Err(error)),
        }
    }

    /// Advises on another call of the same charge set.
    pub(crate) async fn check(&self, call: &Call) -> Result<Decision, Error> {
        let (plan, now) = self.current()?;
        check(&plan, &Ask::of(call), now).await
    }

    /// The plan as of now, resolved anew where something changed.
    #[inline]
    fn current(&self) -> Result<(Arc<Plan>, Timestamp), Error> {
        let plan = Arc::clone(&self.plan.read());
        let now = plan.core.now();
        if plan.is_current(now) { Ok((plan, now)) } else { Ok((self.refresh(&plan, now)?, now)) }
    }

    /// A refusal that the caller found by itself: a run out of time.
    pub(crate) async fn refused_by(&self, refusal: Refusal, now: Timestamp) -> Result<Box<Decision>, Error> {
        let plan = Arc::clone(&self.plan.read());
        let ask = Ask::sized(&Input::Tokens(0), Some(0));
        refuse_unasked(&plan, &Quoted::nothing(ask), Some(refusal), now).await
    }

    #[cold]
    fn refresh(&self, plan: &Plan, now: Timestamp) -> Result<Arc<Plan>, Error> {
        let plan = plan.again(now)?;
        *self.plan.write() = Arc::clone(&plan);
        Ok(plan)
    }
}
