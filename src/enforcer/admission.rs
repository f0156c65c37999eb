//! What is asked for, and what the answer may be.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;

use super::limit::Limit;
use super::reserve::{check, refuse_unasked, reserve, reserve_at_once};
use super::{Core, Plan, Priced, at_once};
use crate::policy::Budget;
use crate::reservation::Reservation;
use crate::values::no_limit::OutputTerms;
use crate::values::{Input, Refusal, Timestamp};
use crate::{Call, Decision, Error};

/// What became of asking for room.
#[derive(Debug)]
#[must_use = "dropping an admission gives the room back"]
pub enum Admission {
    /// Room is held: send the call.
    Admitted(Reservation),
    /// At least one budget refuses: do not send it.
    Refused(Box<Decision>),
}

impl Admission {
    /// Whether room is held.
    #[must_use]
    pub fn is_admitted(&self) -> bool {
        matches!(self, Self::Admitted(_))
    }

    /// The reservation, or the refusal as an error.
    ///
    /// # Errors
    /// The decision, where a budget refuses.
    pub fn or_refusal(self) -> Result<Reservation, Box<Decision>> {
        match self {
            Self::Admitted(reservation) => Ok(reservation),
            Self::Refused(decision) => Err(decision),
        }
    }
}

impl std::error::Error for Decision {}

/// What one attempt asks for, beside who pays.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ask<'a> {
    pub(crate) input: &'a Input,
    pub(crate) output: Option<u64>,
    pub(crate) terms: OutputTerms,
    /// The output of each choice that may be generated; worked out once the input is known.
    pub(crate) limit: Limit,
    /// Output of each choice that a stream is held for at first.
    pub(crate) slice: Option<u64>,
    pub(crate) choices: u32,
    /// Inputs that the model reads each by itself.
    pub(crate) inputs: u32,
    /// Whether the request switches reasoning on or off.
    pub(crate) reasoning: Option<bool>,
    /// Whether the provider goes on though nobody listens.
    pub(crate) in_background: bool,
    /// Whether the answer begins with the prompt.
    pub(crate) echoes: bool,
    pub(crate) timeout: Option<Duration>,
    /// The context that the request asks for, where it is larger than the model's own.
    pub(crate) context_tokens: Option<u64>,
}

impl<'a> Ask<'a> {
    pub(crate) fn of(call: &'a Call) -> Self {
        Self {
            input: &call.input,
            output: call.output_requested,
            terms: call.output_terms,
            reasoning: call.reasoning,
            limit: Limit::default(),
            slice: call.slice,
            choices: call.choices,
            inputs: call.inputs,
            in_background: call.background,
            echoes: call.echoes,
            timeout: call.timeout,
            context_tokens: call.context_tokens,
        }
    }

    /// One answer of so many output tokens at most.
    fn sized(input: &'a Input, output: Option<u64>) -> Self {
        Self {
            input,
            output,
            terms: OutputTerms::default(),
            reasoning: None,
            limit: Limit::default(),
            slice: None,
            choices: 1,
            inputs: 1,
            in_background: false,
            echoes: false,
            timeout: None,
            context_tokens: None,
        }
    }
}

/// A charge set resolved once: what a caller keeps for each key or run.
///
/// It refreshes itself when a window ends or policy or prices are swapped.
///
/// ```
/// use token_budget::usage::Unit;
/// use token_budget::{Budget, Call, Enforcer, Policy, Scope, Usage, Window};
///
/// let two = Budget::count("key", Scope::api_key("k1")?, Unit::Requests, 2, Window::day());
/// let enforcer = Enforcer::builder().policy(Policy::new([two])?).build();
/// let key = enforcer.prepare(&Call::new("gpt-4o").api_key("k1"))?;
/// for _ in 0..2 {
///     key.reserve_now(1_000, 200)?.or_refusal()?.send().reconcile_now(Usage::of(1_000, 150))?;
/// }
/// assert!(!key.reserve_now(1_000, 200)?.is_admitted());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Prepared {
    plan: ArcSwap<Plan>,
}

impl fmt::Debug for Prepared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Prepared({})", self.plan.load().call.model)
    }
}

impl Prepared {
    /// The same charge set, for somebody else to keep.
    pub(crate) fn again(&self) -> Self {
        Self { plan: ArcSwap::new(self.plan.load_full()) }
    }

    pub(crate) fn new(core: Arc<Core>, call: &Call, own: Arc<[Arc<Budget>]>) -> Result<Self, Error> {
        let now = core.now();
        Ok(Self { plan: ArcSwap::new(Plan::resolve(&core, call, &own, now)?) })
    }

    /// Holds room for so many input tokens and at most so many output tokens.
    ///
    /// # Errors
    /// As [`Enforcer::reserve`](crate::Enforcer::reserve).
    pub async fn reserve(&self, input_tokens: u64, output_tokens: u64) -> Result<Admission, Error> {
        let input = Input::Tokens(input_tokens);
        self.reserve_ask(&Ask::sized(&input, Some(output_tokens))).await
    }

    /// The same without a runtime, for ledgers that answer at once.
    ///
    /// # Errors
    /// As [`Enforcer::reserve_now`](crate::Enforcer::reserve_now).
    pub fn reserve_now(&self, input_tokens: u64, output_tokens: u64) -> Result<Admission, Error> {
        let input = Input::Tokens(input_tokens);
        let ask = Ask::sized(&input, Some(output_tokens));
        let (plan, now) = self.current()?;
        match reserve_at_once(&plan, &ask, now)? {
            Some(admission) => Ok(admission),
            None => at_once(reserve(plan, &ask, now))?,
        }
    }

    /// Holds room for another call of the same charge set: its input, output, choices and time-out count.
    ///
    /// # Errors
    /// As [`Enforcer::reserve`](crate::Enforcer::reserve).
    pub async fn reserve_call(&self, call: &Call) -> Result<Admission, Error> {
        if !self.plan.load().call.pays_alike(call) {
            let text = "pays or asks for something else than this was prepared for: scopes, model, tags or conditions";
            return Err(Error::invalid("call", text));
        }
        self.reserve_ask(&Ask::of(call)).await
    }

    /// Advises on another call of the same charge set.
    pub(crate) async fn check(&self, call: &Call) -> Result<Decision, Error> {
        let (plan, now) = self.current()?;
        check(&plan, &Ask::of(call), now).await
    }

    async fn reserve_ask(&self, ask: &Ask<'_>) -> Result<Admission, Error> {
        let (plan, now) = self.current()?;
        reserve(plan, ask, now).await
    }

    /// The plan as of now, resolved anew where something changed.
    #[inline]
    fn current(&self) -> Result<(Arc<Plan>, Timestamp), Error> {
        let plan = self.plan.load_full();
        let now = plan.core.now();
        if plan.is_current(now) { Ok((plan, now)) } else { Ok((self.refresh(&plan, now)?, now)) }
    }

    /// A refusal that the caller found by itself: a run out of time.
    pub(crate) async fn refused_by(&self, refusal: Refusal, now: Timestamp) -> Result<Box<Decision>, Error> {
        let plan = self.plan.load_full();
        let ask = Ask::sized(&Input::Tokens(0), Some(0));
        refuse_unasked(&plan, &ask, Priced::default(), Some(refusal), now).await
    }

    #[cold]
    fn refresh(&self, plan: &Plan, now: Timestamp) -> Result<Arc<Plan>, Error> {
        let plan = plan.again(now)?;
        self.plan.store(Arc::clone(&plan));
        Ok(plan)
    }
}
