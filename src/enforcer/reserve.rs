//! How is one call held for one model: in one trip, or by the long way?
//!
//! The commonest call (tokens given, a price known, nothing waiting in the outbox) goes through `plain`, which makes no future
//! on a ledger that answers at once. Everything else takes `walk`. Both build the same `Draft` and conclude by the same code.
//!
//! # Counting lazily, and why that is exact
//! Counting a prompt costs a thousand decisions of the ledger; bounding it by its bytes costs nothing. The verdict only gets
//! stricter as the input grows, so the count's verdict lies between that of no input and that of the bound. If those two agree,
//! the count cannot change anything and is not made.
//!
//! Worked example, 1,500 tokens of room, no output. A prompt is bounded by 4,000 tokens and has 1,000.
//! * The bound is refused, and no input would be allowed: they differ, so the prompt is counted, and 1,000 fit (`recount`).
//! * With 5,000 of room and a warning from 3,500 on, the bound is admitted with a warning. No input would be allowed without
//!   one, so the prompt is counted, the hold shrinks to 1,000, and the verdict is `Allow` (`settle_bound`).
//! * With 10,000 of room, the bound is allowed: nothing is counted, and the hold stays at 4,000 until the provider reports.

use std::sync::Arc;

use super::admission::Admission;
use super::attempt::{Attempt, Draft, Sent, hold};
use crate::decision::{Judged, amounts, explain, judge, over_cap};
use crate::engine::{Ask, Plan, Quoted, output_unsaid};
use crate::ledger::{Answer, Outcome, Resize};
use crate::reservation::Reservation;
use crate::tokens::{Estimate, EstimateKind};
use crate::values::{Input, Prompt, Refusal, ReservationId, Timestamp};
use crate::{Decision, Error, ErrorKind, Event, Usd, Verdict};

/// How often a plan may turn out stale before the clocks are called unusable.
const STALE_MAX: usize = 100;

/// Holds room for one model: in one go for the commonest call, by the long way for others.
#[inline]
pub(crate) fn reserve<'a>(plan: Arc<Plan>, ask: Ask<'a>, now: Timestamp) -> Answer<'a, Admission> {
    match plain(&plan, &ask, now) {
        Ok(Some(answer)) => answer,
        Ok(None) => Answer::walk(async move { walk(plan, &ask, now).await }),
        Err(error) => Answer::Now(Err(error)),
    }
}

/// The commonest call in one go: tokens are given, a price is known, and one trip decides.
///
/// `None` where the call needs the long way. On a ledger that answers at once this makes no future at all.
#[inline]
pub(crate) fn plain(
    plan: &Arc<Plan>,
    ask: &Ask<'_>,
    now: Timestamp,
) -> Result<Option<Answer<'static, Admission>>, Error> {
    let Input::Tokens(tokens) = *ask.input else { return Ok(None) };
    let is_refused = plan.unpriced || plan.binding.refuses_unbound();
    if plan.exempt.is_some() || plan.price.is_none() || is_refused || plan.core.outbox.len() > 0 {
        return Ok(None);
    }
    let quoted = &plan.quote(ask, &Estimate::count(tokens))?;
    if quoted.over_cap(&plan.binding.caps).is_some() {
        return Ok(None);
    }
    let draft = Draft::new(plan, false, quoted, now)?;
    match draft.send(now) {
        Sent::Answered(reply) => Ok(Some(match draft.conclude(quoted, reply)? {
            Attempt::Stale(now) => {
                Answer::walk(again(Arc::clone(plan), ask.with_input(&Input::Unsaid), tokens, now))
            }
            attempt => admission(attempt).into(),
        })),
        Sent::UnderWay(under_way) => {
            // The caller's input may be gone by the time of the reply; its tokens are all that is asked of it.
            let (plan, quoted) = (Arc::clone(plan), quoted.with_input(&Input::Unsaid));
            Ok(Some(Answer::walk(async move {
                let reply = under_way.reply().await;
                match draft.conclude(&quoted.with_input(&Input::Tokens(tokens)), reply)? {
                    Attempt::Stale(now) => again(plan, quoted.ask, tokens, now).await,
                    attempt => admission(attempt),
                }
            })))
        }
    }
}

/// What one trip came to.
#[inline]
fn admission(attempt: Attempt) -> Result<Admission, Error> {
    match attempt {
        Attempt::Admitted(reservation) => {
            reservation.tell_observed();
            Ok(Admission::Admitted(reservation))
        }
        Attempt::Refused(decision) => Ok(Admission::Refused(decision)),
        Attempt::Stale(_) => Err(never_current()),
    }
}

/// The ledger's instant lies outside a window of the plan: the call is resolved and asked for anew.
async fn again(
    plan: Arc<Plan>,
    ask: Ask<'static>,
    tokens: u64,
    ledger_now: Timestamp,
) -> Result<Admission, Error> {
    walk(plan.again(ledger_now)?, &ask.with_input(&Input::Tokens(tokens)), ledger_now).await
}

/// Estimate, quote, bind, reserve, explain: the way of every call that `plain` leaves.
///
/// What waits in the outbox is sent first, because it may give back the very room that this call needs. If that fails, the
/// ledger is away, and is not asked a second time. A plan that turns out stale is resolved anew at the ledger's instant; a
/// hundred stale plans in a row mean that the clocks cannot be used.
pub(crate) async fn walk(plan: Arc<Plan>, ask: &Ask<'_>, now: Timestamp) -> Result<Admission, Error> {
    if plan.core.outbox.len() > 0 {
        // What waits is sent first, so that this call sees the room it gives back. Where that fails the ledger
        // is away: asking it all the same would leave one more command waiting for each refused call.
        if let Err(error) = plan.core.flush().await {
            return reserve_unasked(&plan, ask, now, error);
        }
    }
    if plan.price.is_none() {
        plan.core.tell(&Event::Unpriced { model: plan.call.model.clone() });
    }
    let mut plan = plan;
    let mut now = now;
    for _ in 0..STALE_MAX {
        let estimate = estimate(&plan, ask)?;
        match attempt(&plan, ask, estimate, now).await? {
            Attempt::Admitted(reservation) => {
                let admission = settle_bound(reservation, ask, estimate).await?;
                return observed(&plan, ask, estimate, admission);
            }
            Attempt::Refused(decision) => {
                let admission = recount(&plan, ask, estimate, decision).await?;
                return observed(&plan, ask, estimate, admission);
            }
            Attempt::Stale(ledger_now) => {
                now = ledger_now;
                plan = plan.again(now)?;
            }
        }
    }
    Err(never_current())
}

#[cold]
fn never_current() -> Error {
    let text = "the ledger's clock runs outside every window that was resolved";
    Error::new(ErrorKind::LedgerUnavailable, text)
}

/// Tells of what was let pass and would have been refused, once its input was counted where that decides.
#[inline]
fn observed(plan: &Plan, ask: &Ask<'_>, bound: Estimate, admission: Admission) -> Result<Admission, Error> {
    match admission {
        Admission::Admitted(reservation) if reservation.binding().observes_some => {
            let reservation = recapped(plan, ask, bound, reservation)?;
            reservation.tell_observed();
            Ok(Admission::Admitted(reservation))
        }
        admission => Ok(admission),
    }
}

/// Where an observed cap refuses a bound of the input, enforcement would have counted.
#[cold]
fn recapped(
    plan: &Plan,
    ask: &Ask<'_>,
    bound: Estimate,
    reservation: Reservation,
) -> Result<Reservation, Error> {
    let exempt = reservation.is_exempt();
    let ask = &plan.limited(ask, &bound)?;
    let output = reservation.output_held(ask.choices);
    if plan.over_observed_cap(exempt, &plan.quote_of(*ask, bound.tokens, output)?).is_none() {
        return Ok(reservation);
    }
    let Some(count) = counted(plan, ask, bound)? else { return Ok(reservation) };
    let extra = plan.over_observed_cap(exempt, &plan.quote_of(*ask, count.tokens, output)?);
    Ok(reservation.recapped(extra))
}

/// The ledger is known to be away: the call goes out unheld where the policy lets it, else it fails.
fn reserve_unasked(
    plan: &Arc<Plan>,
    ask: &Ask<'_>,
    now: Timestamp,
    error: Error,
) -> Result<Admission, Error> {
    let estimate = estimate(plan, ask)?;
    let quoted = &plan.quote(ask, &estimate)?;
    let caps = quoted.over_cap(&plan.binding.caps);
    // Asked last, because it takes of what an outage may cost.
    let passes = || plan.binding.observes_only || plan.core.outage.admits(quoted.held.usd);
    let is_refused = plan.unpriced || caps.is_some() || plan.is_unsaid(ask) || plan.binding.refuses_unbound();
    if !error.is_retryable() || is_refused || !passes() {
        return Err(error);
    }
    let draft = Draft::new(plan, false, quoted, now)?;
    let reservation = match ask.input {
        Input::Prompt(_) => draft.unheld().estimated(estimate),
        _ => draft.unheld(),
    };
    reservation.tell_observed();
    Ok(Admission::Admitted(reservation))
}

/// Quotes, and asks the ledger for room under each binding in turn.
///
/// What refuses whatever the room (a cap, a missing price, an input that nobody said) is found before the ledger is asked, so
/// such a refusal holds nothing and costs one reading of balances. An exemption's own budget comes first, then the
/// scope's own lines.
async fn attempt(
    plan: &Arc<Plan>,
    ask: &Ask<'_>,
    estimate: Estimate,
    now: Timestamp,
) -> Result<Attempt, Error> {
    let quoted = &plan.quote(ask, &estimate)?;
    let cap = quoted.over_cap(&plan.binding.caps);
    if cap.is_some() || plan.unpriced || plan.is_unsaid(ask) {
        return Ok(Attempt::Refused(refuse_unasked(plan, quoted, cap, now).await?));
    }
    if plan.exempt.is_some() {
        match hold(plan, true, quoted, now).await? {
            // The exemption's own budget is used up: the scope's own lines are next.
            Attempt::Refused(_) => {}
            held_or_stale => return Ok(held_or_stale),
        }
    }
    if plan.binding.refuses_unbound() {
        return Ok(Attempt::Refused(refuse_unasked(plan, quoted, None, now).await?));
    }
    hold(plan, false, quoted, now).await
}

/// The tokens that go in: given, or bounded without counting; none where nobody said, which counts nothing.
#[inline]
fn estimate(plan: &Plan, ask: &Ask<'_>) -> Result<Estimate, Error> {
    match ask.input {
        Input::Unsaid => Ok(Estimate::count(0)),
        Input::Tokens(tokens) => Ok(Estimate::count(*tokens)),
        Input::Prompt(prompt) => {
            let bound = plan.core.estimator.bound(&plan.call.model, prompt);
            within_model(plan, ask, bound)
        }
    }
}

/// What cannot be counted is taken at the most that the model reads for this call, and nothing is taken for more.
pub(super) fn within_model(plan: &Plan, ask: &Ask<'_>, estimate: Estimate) -> Result<Estimate, Error> {
    if !estimate.needs_model_maximum() {
        let most = plan.largest_held(ask).unwrap_or(u64::MAX);
        return Ok(Estimate {
            tokens: estimate.tokens.min(most),
            expected: estimate.expected.min(most),
            ..estimate
        });
    }
    // Where nobody knows what another of its models takes, it is taken at what is known of this one.
    let known = plan.largest_held(ask).filter(|largest| *largest != u64::MAX);
    let largest = known.or(plan.largest_inputs(ask)).ok_or_else(|| {
        Error::invalid(
            "call: input",
            "has a part that cannot be counted, and the model's largest input is not known",
        )
    })?;
    Ok(Estimate::guess(largest))
}

/// After a refusal of a bound: count, and ask again if that is less.
///
/// The second asking has an id of its own: under the first, other amounts would be a conflict. Should the plan have turned
/// stale meanwhile, the first refusal stands.
async fn recount(
    plan: &Arc<Plan>,
    ask: &Ask<'_>,
    bound: Estimate,
    refused: Box<Decision>,
) -> Result<Admission, Error> {
    if refused_whatever_the_input(plan, &plan.limited(ask, &bound)?, &refused)? {
        return Ok(Admission::Refused(refused));
    }
    let Some(count) = counted(plan, ask, bound)? else { return Ok(Admission::Refused(refused)) };
    let now = plan.core.now();
    match attempt(plan, ask, count, now).await? {
        Attempt::Admitted(reservation) => Ok(Admission::Admitted(reservation.estimated(count))),
        Attempt::Refused(decision) => Ok(Admission::Refused(decision)),
        Attempt::Stale(_) => Ok(Admission::Refused(refused)),
    }
}

/// Whether a call would be refused with no input at all, so that counting it would be in vain.
fn refused_whatever_the_input(plan: &Plan, ask: &Ask<'_>, refused: &Decision) -> Result<bool, Error> {
    if plan.unpriced || plan.binding.refuses_unbound() || !refused.frozen.is_empty() {
        return Ok(true);
    }
    // The lines of an exemption were judged before these, and are not known here.
    if plan.exempt.is_some() {
        return Ok(false);
    }
    let without_input = plan.price(0, plan.output_held(ask), ask.choices)?;
    if refused.extra.is_some() {
        return Ok(over_cap(&plan.binding.caps, 0, without_input.usd, ask.output).is_some());
    }
    let requested = amounts(&refused.binding, &without_input.amount())?;
    Ok(judge(&refused.binding, &refused.balances, &requested) >= Verdict::Degrade)
}

/// After an admission by a bound: count where the bound made the verdict, and shrink the hold.
async fn settle_bound(reservation: Reservation, ask: &Ask<'_>, bound: Estimate) -> Result<Admission, Error> {
    // Tokens that the caller counted were not estimated.
    let reservation = match ask.input {
        Input::Prompt(_) => reservation.estimated(bound),
        _ => reservation,
    };
    if bound.kind != EstimateKind::Bound || reservation.verdict() == Verdict::Allow {
        return Ok(Admission::Admitted(reservation));
    }
    let plan = Arc::clone(reservation.plan());
    // What was held, whatever was learned since.
    let output = reservation.output_held(ask.choices);
    let without_input = amounts(reservation.binding(), &plan.price(0, output, ask.choices)?.amount())?;
    if judge(reservation.binding(), reservation.balances(), &without_input) == reservation.verdict() {
        return Ok(Admission::Admitted(reservation));
    }
    let Some(count) = counted(&plan, ask, bound)? else { return Ok(Admission::Admitted(reservation)) };
    let priced = plan.price(count.tokens, output, ask.choices)?;
    let smaller = amounts(reservation.binding(), &priced.amount())?;
    let claim = &reservation.binding().claim;
    let command = Resize { id: reservation.id(), claim, amounts: &smaller, expires_at: None, now: None };
    match plan.core.resize(plan.core.now(), command).await {
        Ok(reply) => {
            plan.core.tell_news(reservation.binding(), reply.effects);
            match reply.outcome {
                Outcome::Applied => Ok(Admission::Admitted(reservation.shrunk(smaller, priced, count))),
                _ => Ok(Admission::Admitted(reservation)),
            }
        }
        // The larger hold stands, which only errs towards caution.
        Err(error) if error.is_retryable() => Ok(Admission::Admitted(reservation)),
        Err(error) => Err(error),
    }
}

/// The exact count of a prompt, where it says more than the bound did.
fn counted(plan: &Plan, ask: &Ask<'_>, bound: Estimate) -> Result<Option<Estimate>, Error> {
    let Input::Prompt(prompt) = ask.input else { return Ok(None) };
    count_of(plan, ask, prompt, bound)
}

/// The same of a prompt that stands in the place of the call's own.
pub(super) fn count_of(
    plan: &Plan,
    ask: &Ask<'_>,
    prompt: &Prompt,
    bound: Estimate,
) -> Result<Option<Estimate>, Error> {
    if bound.kind != EstimateKind::Bound {
        return Ok(None);
    }
    let count = plan.core.estimator.count(&plan.call.model, prompt);
    let count = within_model(plan, ask, count)?;
    Ok((count.tokens < bound.tokens).then_some(count))
}

/// What would be held for a call, by the bound of its input.
pub(crate) fn quote(plan: &Plan, ask: &Ask<'_>) -> Result<Option<Usd>, Error> {
    if plan.price.is_none() {
        return Ok(None);
    }
    let estimate = estimate(plan, ask)?;
    plan.quote(ask, &estimate).map(|quoted| Some(quoted.held.usd))
}

/// Advice on a call: what a reserve would say now, by the bound.
pub(crate) async fn check(plan: &Arc<Plan>, ask: &Ask<'_>, now: Timestamp) -> Result<Decision, Error> {
    let estimate = estimate(plan, ask)?;
    let quoted = &plan.quote(ask, &estimate)?;
    let extra = quoted.over_cap(&plan.binding.caps);
    if plan.exempt.is_some() {
        let decision = advise(plan, true, quoted, extra.clone(), now).await?;
        if decision.is_allowed() {
            return Ok(decision);
        }
    }
    advise(plan, false, quoted, extra, now).await
}

/// A refusal for which no room was asked: by a cap, a missing price, a run's time. Budgets are read and named too.
pub(super) async fn refuse_unasked(
    plan: &Plan,
    quoted: &Quoted<'_>,
    extra: Option<Refusal>,
    now: Timestamp,
) -> Result<Box<Decision>, Error> {
    let mut decision = Box::new(advise(plan, false, quoted, extra, now).await?);
    decision.advice = false;
    plan.core.tell_refused(ReservationId::generate(now), &decision);
    Ok(decision)
}

/// What one binding's lines would say now, beside what the caller found. Reads balances, holds nothing.
async fn advise(
    plan: &Plan,
    exempt: bool,
    quoted: &Quoted<'_>,
    extra: Option<Refusal>,
    now: Timestamp,
) -> Result<Decision, Error> {
    let binding = plan.binding(exempt);
    let accounts: Vec<_> = binding.bound.iter().map(|bound| (bound.account.clone(), bound.period)).collect();
    let balances = plan.core.ledger.balances(&accounts).await?;
    let requested = quoted.amounts(binding)?;
    let (binding, balances) = (Arc::clone(binding), balances.into());
    let judged = Judged { binding, balances, requested, frees_up: Vec::new(), now };
    let observed = plan.observed(exempt, quoted);
    let mut decision = explain(judged, &quoted.shown(plan), Vec::new(), extra, true).observing(observed);
    if !decision.is_allowed() {
        decision.set_aside_by(|account| plan.core.board.set_aside(account));
    }
    decision.missing.clone_from(&plan.missing);
    decision.priced_as.clone_from(&plan.priced_as);
    decision.output_tokens_unsaid = output_unsaid(plan, &quoted.ask);
    Ok(decision)
}
