//! One attempt, held or refused.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use smallvec::SmallVec;

use super::builder::Abandoned;
use super::outbox::Pending;
use super::{Core, Plan, Priced, at_once};
use crate::decision::{Judged, Quote, amounts, explain, judge};
use crate::ledger::{News, Note, OnExpiry, Outcome, Reply, Reserve, Resize};
use crate::policy::Budget;
use crate::reservation::Reservation;
use crate::verdict::FrozenScope;
use crate::{
    Amount, Balance, Binding, Call, Decision, Error, ErrorKind, Estimate, EstimateKind, Event, Input,
    Refusal, RefusalKind, ReservationId, Timestamp, Unit, Verdict,
};

/// What became of asking for room.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "the common case is the large one, and a box would cost it an allocation"
)]
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
    pub(crate) choices: u32,
    pub(crate) timeout: Option<Duration>,
}

impl<'a> Ask<'a> {
    pub(crate) fn of(call: &'a Call) -> Self {
        Self {
            input: &call.input,
            output: call.output_requested,
            choices: call.choices,
            timeout: call.timeout,
        }
    }
}

/// A charge set resolved once: what a caller keeps for each key or run.
///
/// It refreshes itself when a window ends or policy or prices are swapped.
///
/// ```
/// use token_budget::{Budget, Call, Enforcer, Policy, Scope, Unit, Usage, Window};
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
#[derive(Debug)]
pub struct Prepared {
    plan: ArcSwap<Plan>,
}

impl Prepared {
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
        self.reserve_ask(&Ask { input: &input, output: Some(output_tokens), choices: 1, timeout: None }).await
    }

    /// The same without a runtime, for ledgers that answer at once.
    ///
    /// # Errors
    /// As [`Enforcer::reserve_now`](crate::Enforcer::reserve_now).
    pub fn reserve_now(&self, input_tokens: u64, output_tokens: u64) -> Result<Admission, Error> {
        at_once(self.reserve(input_tokens, output_tokens))?
    }

    /// Holds room for another call of the same charge set: its input, output, choices and time-out count.
    ///
    /// # Errors
    /// As [`Enforcer::reserve`](crate::Enforcer::reserve).
    pub async fn reserve_call(&self, call: &Call) -> Result<Admission, Error> {
        self.reserve_ask(&Ask::of(call)).await
    }

    async fn reserve_ask(&self, ask: &Ask<'_>) -> Result<Admission, Error> {
        let plan = self.plan.load_full();
        let now = plan.core.now();
        let plan = if plan.is_current(now) { plan } else { self.refresh(&plan, now)? };
        reserve(plan, ask, now).await
    }

    /// A refusal that the caller found by itself: a run out of time.
    pub(crate) fn refused_by(&self, refusal: Refusal, now: Timestamp) -> Result<Box<Decision>, Error> {
        let plan = self.plan.load_full();
        let ask = Ask { input: &Input::Tokens(0), output: None, choices: 1, timeout: None };
        refuse_unasked(&plan, &ask, Priced::default(), Some(refusal), now)
    }

    #[cold]
    fn refresh(&self, plan: &Plan, now: Timestamp) -> Result<Arc<Plan>, Error> {
        let plan = plan.again(now)?;
        self.plan.store(Arc::clone(&plan));
        Ok(plan)
    }
}

/// How often a plan may turn out stale before the clocks are called unusable.
const STALE_MAX: usize = 3;

/// Estimate, quote, bind, reserve, explain.
pub(crate) async fn reserve(plan: Arc<Plan>, ask: &Ask<'_>, now: Timestamp) -> Result<Admission, Error> {
    if plan.core.outbox.len() > 0 {
        // What waits is sent first, so that this call sees the room it gives back. Where that fails the ledger
        // is away: asking it all the same would leave one more command waiting for each refused call.
        if let Err(error) = plan.core.flush().await
            && plan.core.outage.fails_closed()
        {
            return Err(error);
        }
    }
    let mut plan = plan;
    let mut now = now;
    for _ in 0..STALE_MAX {
        let estimate = estimate(&plan, ask.input)?;
        match attempt(&plan, ask, estimate, now).await? {
            Attempt::Admitted(reservation) => return settle_bound(reservation, ask, estimate).await,
            Attempt::Refused(decision) => return recount(&plan, ask, estimate, decision).await,
            Attempt::Stale(ledger_now) => {
                now = ledger_now;
                plan = plan.again(now)?;
            }
        }
    }
    Err(Error::new(
        ErrorKind::LedgerUnavailable,
        "the ledger's clock runs outside every window that was resolved",
    ))
}

/// What one trip to the ledger brought.
#[expect(
    clippy::large_enum_variant,
    reason = "the common case is the large one, and a box would cost it an allocation"
)]
enum Attempt {
    Admitted(Reservation),
    Refused(Box<Decision>),
    Stale(Timestamp),
}

/// Quotes, and asks the ledger for room under each binding in turn.
async fn attempt(
    plan: &Arc<Plan>,
    ask: &Ask<'_>,
    estimate: Estimate,
    now: Timestamp,
) -> Result<Attempt, Error> {
    let output = plan.output_tokens(ask.output);
    let priced = plan.price(estimate.tokens, output, ask.choices)?;
    if let Some(refusal) = over_cap(plan, ask, estimate, priced) {
        return Ok(Attempt::Refused(refuse_unasked(plan, ask, priced, Some(refusal), now)?));
    }
    if plan.unpriced {
        return Ok(Attempt::Refused(refuse_unasked(plan, ask, priced, None, now)?));
    }
    let mut first: Option<Attempt> = None;
    for binding in plan.exempt.iter().chain([&plan.binding]) {
        match hold(plan, binding, ask, priced, now).await? {
            // Refused where the exemption's own budget is used up: the scope's own lines are next.
            Attempt::Refused(decision) => first = Some(Attempt::Refused(decision)),
            held_or_stale => return Ok(held_or_stale),
        }
    }
    first.ok_or_else(|| Error::new(ErrorKind::Invalid, "call: nothing binds it"))
}

/// One reserve, and what it means.
#[inline]
async fn hold(
    plan: &Arc<Plan>,
    binding: &Arc<Binding>,
    ask: &Ask<'_>,
    priced: Priced,
    now: Timestamp,
) -> Result<Attempt, Error> {
    let core = &*plan.core;
    let amounts = amounts(binding, &amount(priced))?;
    let id = ReservationId::generate(now);
    let note = Note { about: Some(Arc::clone(&plan.about)), usage: None, ended: None };
    let expires_at = now + ask.timeout.unwrap_or_default() + core.hold_grace;
    let floor = floor_amounts(plan, binding, priced)?;
    let on_expiry = match (&floor, core.abandoned) {
        (Some(floor), _) => OnExpiry::Amounts(floor),
        (None, Abandoned::Release) => OnExpiry::Nothing,
        (None, _) => OnExpiry::Hold,
    };
    let command =
        Reserve { id, claim: &binding.claim, amounts: &amounts, expires_at, on_expiry, note: &note };
    // A future dropped while the ledger thinks leaves a release behind, whatever the ledger decided.
    let undo = Undo { core, id, binding, armed: core.ledger.immediate().is_none() };
    let reply = core.send_reserve(now, command).await;
    undo.disarm();
    let reply = match reply {
        Ok(reply) => reply,
        Err(error) if error.is_retryable() => {
            // Nobody knows whether it arrived; this takes it back if it did.
            core.outbox.push(Pending::Release { id, binding: Arc::clone(binding), note });
            if core.outage.admits(priced.usd) {
                let id = ReservationId::generate(now);
                return Ok(Attempt::Admitted(Reservation::unheld(plan, binding, id, amounts, priced, now)));
            }
            return Err(error);
        }
        Err(error) => return Err(error),
    };
    let Reply { outcome, now, balances, news, .. } = reply;
    match outcome {
        Outcome::Applied => {
            let verdict = judge(binding, &balances, &amounts);
            core.tell_news(binding, news);
            let reservation = Reservation::new(plan, binding, id, amounts, priced, balances, verdict, now);
            Ok(Attempt::Admitted(reservation))
        }
        Outcome::Stale => {
            core.tell_news(binding, news);
            Ok(Attempt::Stale(now))
        }
        Outcome::Refused | Outcome::Ignored => {
            let judged = Judged { binding: Arc::clone(binding), balances, requested: amounts, now };
            let decision = refusal(plan, ask, judged, priced, news);
            core.tell_refused(id, &decision);
            Ok(Attempt::Refused(decision))
        }
    }
}

/// Takes a reserve back that was cancelled on its way.
struct Undo<'a> {
    core: &'a Core,
    id: ReservationId,
    binding: &'a Arc<Binding>,
    armed: bool,
}

impl Undo<'_> {
    fn disarm(mut self) {
        self.armed = false;
    }
}

impl Drop for Undo<'_> {
    fn drop(&mut self) {
        if self.armed {
            let binding = Arc::clone(self.binding);
            self.core.outbox.push(Pending::Release { id: self.id, binding, note: Note::default() });
        }
    }
}

/// The tokens that go in: given, or bounded without counting.
#[inline]
fn estimate(plan: &Plan, input: &Input) -> Result<Estimate, Error> {
    match input {
        Input::Tokens(tokens) => Ok(Estimate::count(*tokens)),
        Input::Prompt(prompt) => {
            let bound = plan.core.estimator.bound(&plan.call.model, prompt);
            within_model(plan, bound)
        }
    }
}

/// What cannot be counted is taken at the model's largest input.
fn within_model(plan: &Plan, estimate: Estimate) -> Result<Estimate, Error> {
    if !estimate.needs_model_maximum() {
        return Ok(estimate);
    }
    let largest = plan.price.as_ref().and_then(|price| price.context_tokens());
    let largest = largest.ok_or_else(|| {
        Error::invalid(
            "call: input",
            "has a part that cannot be counted, and the model's largest input is not known",
        )
    })?;
    Ok(Estimate::guess(largest))
}

/// After a refusal of a bound: count, and ask again if that is less.
async fn recount(
    plan: &Arc<Plan>,
    ask: &Ask<'_>,
    bound: Estimate,
    refused: Box<Decision>,
) -> Result<Admission, Error> {
    if refused_whatever_the_input(plan, ask, &refused)? {
        return Ok(Admission::Refused(refused));
    }
    let Some(count) = counted(plan, ask.input, bound)? else { return Ok(Admission::Refused(refused)) };
    let now = plan.core.now();
    match attempt(plan, ask, count, now).await? {
        Attempt::Admitted(reservation) => Ok(Admission::Admitted(reservation.estimated(count))),
        Attempt::Refused(decision) => Ok(Admission::Refused(decision)),
        Attempt::Stale(_) => Ok(Admission::Refused(refused)),
    }
}

/// Whether a call would be refused with no input at all, so that counting it would be in vain.
fn refused_whatever_the_input(plan: &Plan, ask: &Ask<'_>, refused: &Decision) -> Result<bool, Error> {
    if plan.unpriced || !refused.frozen.is_empty() {
        return Ok(true);
    }
    // The lines of an exemption were judged before these, and are not known here.
    if plan.exempt.is_some() {
        return Ok(false);
    }
    let without_input = plan.price(0, plan.output_tokens(ask.output), ask.choices)?;
    if refused.extra.is_some() {
        return Ok(over_cap(plan, ask, Estimate::count(0), without_input).is_some());
    }
    let requested = amounts(&refused.binding, &amount(without_input))?;
    Ok(judge(&refused.binding, &refused.balances, &requested) >= Verdict::Degrade)
}

/// After an admission by a bound: count where the bound made the verdict, and shrink the hold.
async fn settle_bound(reservation: Reservation, ask: &Ask<'_>, bound: Estimate) -> Result<Admission, Error> {
    let reservation = reservation.estimated(bound);
    if bound.kind != EstimateKind::Bound || reservation.verdict() == Verdict::Allow {
        return Ok(Admission::Admitted(reservation));
    }
    let plan = Arc::clone(reservation.plan());
    let output = plan.output_tokens(ask.output);
    let without_input = amounts(reservation.binding(), &amount(plan.price(0, output, ask.choices)?))?;
    if judge(reservation.binding(), reservation.balances(), &without_input) == reservation.verdict() {
        return Ok(Admission::Admitted(reservation));
    }
    let Some(count) = counted(&plan, ask.input, bound)? else { return Ok(Admission::Admitted(reservation)) };
    let priced = plan.price(count.tokens, output, ask.choices)?;
    let smaller = amounts(reservation.binding(), &amount(priced))?;
    let claim = &reservation.binding().claim;
    let command = Resize { id: reservation.id(), claim, amounts: &smaller, expires_at: None };
    let reply = plan.core.send_resize(plan.core.now(), command).await?;
    plan.core.tell_news(reservation.binding(), reply.news);
    Ok(Admission::Admitted(reservation.shrunk(smaller, priced, count)))
}

/// The exact count of a prompt, where it says more than the bound did.
fn counted(plan: &Plan, input: &Input, bound: Estimate) -> Result<Option<Estimate>, Error> {
    let Input::Prompt(prompt) = input else { return Ok(None) };
    if bound.kind != EstimateKind::Bound {
        return Ok(None);
    }
    let count = within_model(plan, plan.core.estimator.count(&plan.call.model, prompt))?;
    Ok((count.tokens < bound.tokens).then_some(count))
}

/// What the caps on a single call refuse.
#[inline]
fn over_cap(plan: &Plan, ask: &Ask<'_>, estimate: Estimate, priced: Priced) -> Option<Refusal> {
    let caps = &plan.binding.caps;
    let signed = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    let (unit, limit, requested) = if let Some(cap) = caps.tokens_input.filter(|cap| estimate.tokens > *cap) {
        (Unit::TokensInput, signed(cap), signed(estimate.tokens))
    } else if let Some(cap) = caps.usd.filter(|cap| priced.usd > *cap) {
        (Unit::Usd, cap.nanos(), priced.usd.nanos())
    } else {
        let cap =
            caps.tokens_output.filter(|cap| caps.strict && ask.output.is_some_and(|output| output > *cap))?;
        (Unit::TokensOutput, signed(cap), signed(ask.output.unwrap_or(0)))
    };
    Some(Refusal {
        budget: "cap on a single call".into(),
        scope: None,
        window: String::new(),
        unit,
        limit: Some(limit),
        ceiling: limit,
        spent: 0,
        reserved: 0,
        requested,
        kind: RefusalKind::NeverFits,
    })
}

/// A refusal that no ledger was asked about: balances are not known and shown as empty.
fn refuse_unasked(
    plan: &Plan,
    ask: &Ask<'_>,
    priced: Priced,
    extra: Option<Refusal>,
    now: Timestamp,
) -> Result<Box<Decision>, Error> {
    let binding = &plan.binding;
    // Zero asks for nothing, so that no budget whose balance was not read is said to refuse.
    let zeros: SmallVec<[i64; 8]> = binding.bound.iter().map(|_| 0).collect();
    let balances = binding.bound.iter().map(|_| Balance::default()).collect();
    let judged = Judged { binding: Arc::clone(binding), balances, requested: zeros, now };
    let decision = Box::new(explain(judged, &quote(plan, ask, priced), Vec::new(), extra, false));
    plan.core.tell_refused(ReservationId::generate(now), &decision);
    Ok(decision)
}

fn refusal(
    plan: &Plan,
    ask: &Ask<'_>,
    judged: Judged,
    priced: Priced,
    news: Option<Box<News>>,
) -> Box<Decision> {
    let frozen = news.as_ref().map(|news| {
        let note = |frozen: &crate::ledger::Frozen| FrozenScope {
            scope: frozen.scope.clone(),
            by: frozen.signature.by.clone(),
            reason: frozen.signature.reason.clone(),
        };
        news.frozen.iter().map(note).collect::<Vec<_>>()
    });
    plan.core.tell_news(&judged.binding, news);
    Box::new(explain(judged, &quote(plan, ask, priced), frozen.unwrap_or_default(), None, false))
}

fn quote(plan: &Plan, ask: &Ask<'_>, priced: Priced) -> Quote {
    Quote {
        amount: amount(priced),
        price: plan.price.clone(),
        unpriced: plan.unpriced,
        conditions: *plan.conditions(),
        choices: ask.choices,
    }
}

#[inline]
fn amount(priced: Priced) -> Amount {
    Amount::request(priced.usd, priced.tokens_input, priced.tokens_output)
}

/// What an abandoned call is charged where that is its input alone.
fn floor_amounts(
    plan: &Plan,
    binding: &Binding,
    priced: Priced,
) -> Result<Option<SmallVec<[i64; 8]>>, Error> {
    if plan.core.abandoned != Abandoned::InputFloor {
        return Ok(None);
    }
    amounts(binding, &amount(plan.price(priced.tokens_input, 0, 1)?)).map(Some)
}

/// Advice on a call: what a reserve would say now, by the bound.
pub(crate) async fn check(plan: &Arc<Plan>, ask: &Ask<'_>, now: Timestamp) -> Result<Decision, Error> {
    let estimate = estimate(plan, ask.input)?;
    let priced = plan.price(estimate.tokens, plan.output_tokens(ask.output), ask.choices)?;
    if let Some(exempt) = &plan.exempt {
        let decision = advise(plan, exempt, ask, estimate, priced, now).await?;
        if decision.is_allowed() {
            return Ok(decision);
        }
    }
    advise(plan, &plan.binding, ask, estimate, priced, now).await
}

/// What one binding's lines would say now.
async fn advise(
    plan: &Plan,
    binding: &Arc<Binding>,
    ask: &Ask<'_>,
    estimate: Estimate,
    priced: Priced,
    now: Timestamp,
) -> Result<Decision, Error> {
    let accounts: Vec<_> = binding.bound.iter().map(|bound| (bound.account.clone(), bound.period)).collect();
    let balances = match plan.core.ledger.immediate() {
        Some(ledger) => ledger.balances(now, &accounts)?,
        None => plan.core.ledger.balances(&accounts).await?,
    };
    let requested = amounts(binding, &amount(priced))?;
    let extra = over_cap(plan, ask, estimate, priced);
    let judged = Judged { binding: Arc::clone(binding), balances: balances.into(), requested, now };
    Ok(explain(judged, &quote(plan, ask, priced), Vec::new(), extra, true))
}

impl Core {
    fn tell_refused(&self, id: ReservationId, decision: &Decision) {
        if !self.observers.is_empty() {
            let reason = decision.to_string();
            self.tell(&Event::Refused { id, model: decision.model().into(), reason });
        }
    }
}
