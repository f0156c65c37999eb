//! What would a reserve say now?
//!
//! Advice reads balances and holds nothing; it is made by the code that decides, so it differs from a reserve by no more than
//! the time between them. A refusal for which no room was asked (a cap, a missing price, a run's time) is made here, too: it is
//! the same look at the balances, and an answer instead of advice.

use std::sync::Arc;

use super::estimate::estimate;
use crate::decision::Judged;
use crate::engine::{Aside, Ask, Plan, Quoted};
use crate::values::{Refusal, ReservationId, Timestamp};
use crate::{Decision, Error, Usd};

/// What would be held for a call, by the bound of its input.
pub(crate) fn quote(plan: &Plan, ask: &Ask<'_>) -> Result<Option<Usd>, Error> {
    if plan.price.is_none() && !plan.call.is_fixed() {
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
    let accounts: Vec<_> = binding.terms.iter().map(|terms| (terms.account.clone(), terms.period)).collect();
    let balances = plan.core.ledger.balances(&accounts).await?;
    let requested = plan.amounts(binding, quoted.held)?;
    let (binding, balances) = (Arc::clone(binding), balances.into());
    let judged = Judged { binding, balances, requested, frees_up: Vec::new(), now };
    let aside = Aside { extra, observed: plan.observed(exempt, quoted), advice: true, ..Aside::default() };
    Ok(plan.explained(judged, quoted, aside))
}
