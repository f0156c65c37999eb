//! How is a call held that may take several trips?
//!
//! What waits in the outbox is sent first; a price may be missing; an exemption has a budget of its own, which is tried before the
//! scope's lines; a prompt may have to be counted; a plan may turn out stale. Each trip is an `Attempt` as that of the plain call.
//!
//! # Counting lazily, and why that is exact
//! Counting a prompt costs a thousand decisions of the ledger; bounding it by its bytes costs nothing. The verdict only gets
//! stricter as the input grows, so the count's verdict lies between that of no input and that of the bound. If those two agree,
//! the count cannot change anything and is not made.
//!
//! Worked example, 1,500 tokens of room, no output. A prompt is bounded by 4,000 tokens and has 1,000.
//! * The bound is refused, and no input would be allowed: they differ, so the prompt is counted, and 1,000 fit (`recount`).
//! * With 5,000 of room and a warning from 3,500 on, the bound is admitted with a warning. No input would be allowed without
//!   one, so the prompt is counted, the hold shrinks to 1,000, and the verdict is `Allow` (`shrink_to_count`).
//! * With 10,000 of room, the bound is allowed: nothing is counted, and the hold stays at 4,000 until the provider reports.

use std::sync::Arc;

use super::advise::refuse_unasked;
use super::attempt::{Admission, Attempt, draft, hold, unheld};
use super::estimate::{counted, estimate};
use crate::decision::{judge, over_cap};
use crate::engine::{Ask, Plan, Quoted};
use crate::ledger::{Outcome, Resize};
use crate::reservation::Reservation;
use crate::tokens::{Estimate, EstimateKind};
use crate::values::{Input, Refusal, Timestamp};
use crate::{Decision, Error, ErrorKind, Event, Verdict};

/// How often a plan may turn out stale before the clocks are called unusable.
const STALE_MAX: usize = 100;

/// Estimate, quote, reserve, explain: the way of every call that `plain` leaves.
///
/// What waits in the outbox is sent first, because it may give back the very room that this call needs. If that fails, the
/// ledger is away, and is not asked a second time. A plan that turns out stale is resolved anew at the ledger's instant; a
/// hundred stale plans in a row mean that the clocks cannot be used.
pub(crate) async fn walk(plan: Arc<Plan>, ask: &Ask<'_>, now: Timestamp) -> Result<Admission, Error> {
    if plan.core.outbox.len() > 0 {
        // Asking a ledger that is away all the same would leave one more command waiting for each refused call.
        if let Err(error) = plan.core.flush().await {
            return reserve_unasked(&plan, ask, now, error);
        }
    }
    if plan.price.is_none() && !plan.call.is_fixed() {
        plan.core.tell(&Event::Unpriced { model: plan.call.model.clone() });
    }
    let mut plan = plan;
    let mut now = now;
    for _ in 0..STALE_MAX {
        let estimate = estimate(&plan, ask)?;
        match attempt(&plan, ask, estimate, now).await? {
            Attempt::Answered(Admission::Admitted(reservation)) => {
                let admission = shrink_to_count(reservation, ask, estimate).await?;
                return observed(&plan, ask, estimate, admission);
            }
            Attempt::Answered(Admission::Refused(decision)) => {
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
    let reservation = unheld(draft(plan, false, quoted, now)?);
    let reservation = match ask.input {
        Input::Prompt(_) => reservation.estimated(estimate),
        _ => reservation,
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
        return refused(plan, quoted, cap, now).await;
    }
    if plan.exempt.is_some() {
        match hold(plan, true, quoted, now).await? {
            // The exemption's own budget is used up: the scope's own lines are next.
            Attempt::Answered(Admission::Refused(_)) => {}
            held_or_stale => return Ok(held_or_stale),
        }
    }
    if plan.binding.refuses_unbound() {
        return refused(plan, quoted, None, now).await;
    }
    hold(plan, false, quoted, now).await
}

async fn refused(
    plan: &Plan,
    quoted: &Quoted<'_>,
    cap: Option<Refusal>,
    now: Timestamp,
) -> Result<Attempt, Error> {
    Ok(Attempt::Answered(Admission::Refused(refuse_unasked(plan, quoted, cap, now).await?)))
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
        Attempt::Answered(Admission::Admitted(reservation)) => {
            Ok(Admission::Admitted(reservation.estimated(count)))
        }
        Attempt::Answered(refused) => Ok(refused),
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
    let requested = plan.amounts(&refused.binding, without_input)?;
    Ok(judge(&refused.binding, &refused.balances, &requested) >= Verdict::Degrade)
}

/// After an admission by a bound: count where the bound made the verdict, and shrink the hold.
async fn shrink_to_count(
    reservation: Reservation,
    ask: &Ask<'_>,
    bound: Estimate,
) -> Result<Admission, Error> {
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
    let without_input = plan.amounts(reservation.binding(), plan.price(0, output, ask.choices)?)?;
    if judge(reservation.binding(), reservation.balances(), &without_input) == reservation.verdict() {
        return Ok(Admission::Admitted(reservation));
    }
    let Some(count) = counted(&plan, ask, bound)? else { return Ok(Admission::Admitted(reservation)) };
    let priced = plan.price(count.tokens, output, ask.choices)?;
    let smaller = plan.amounts(reservation.binding(), priced)?;
    let claim = &reservation.binding().claim;
    let command = Resize { id: reservation.id(), claim, amounts: &smaller, expires_at: None, now: None };
    match plan.core.resize(plan.core.now(), command).await {
        Ok(reply) => {
            plan.core.tell_effects(reservation.binding(), reply.effects);
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
