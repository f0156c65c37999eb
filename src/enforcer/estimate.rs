//! What goes into a call: given, bounded without counting, or counted?
//!
//! A bound costs nothing and a count a thousand decisions of the ledger, so the bound comes first, and `counted` is asked only
//! where the answer could differ. Neither is above the most that the model reads: a prompt of a million bytes for a model of
//! 128,000 tokens is held at 128,000.

use crate::Error;
use crate::engine::{Ask, Plan};
use crate::tokens::{Estimate, EstimateKind};
use crate::values::{Input, Prompt};

/// The tokens that go in: given, or bounded without counting; none where nobody said, which counts nothing.
#[inline]
pub(super) fn estimate(plan: &Plan, ask: &Ask<'_>) -> Result<Estimate, Error> {
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

/// The exact count of a prompt, where it says more than the bound did.
pub(super) fn counted(plan: &Plan, ask: &Ask<'_>, bound: Estimate) -> Result<Option<Estimate>, Error> {
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
