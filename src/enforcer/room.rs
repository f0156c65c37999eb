//! How large may the prompt of a refused call be?
//!
//! A larger input never gets a milder verdict, so the largest that fits is found by halving: an input of up to 100,000 tokens
//! takes 17 looks. Each look is arithmetic over the balances of the refusal; nobody asks the ledger.

use std::sync::Arc;

use super::Enforcer;
use super::estimate::{count_of, within_model};
use super::fitting::Fitting;
use crate::decision::judge;
use crate::engine::{Ask, Plan};
use crate::tokens::{Estimate, Trim, TrimTarget, Trimmed, Trimming};
use crate::values::verdict::Untrimmed;
use crate::values::{Input, RefusalKind};
use crate::{Call, Decision, Error, Verdict};

/// The room that a refusal saw, as far as a shorter prompt is concerned.
///
/// It judges as a reserve does, by the balances of the refusal: what it says is advice, and the next reserve decides.
#[derive(Debug)]
pub(crate) struct Room<'a> {
    plan: Arc<Plan>,
    refused: &'a Decision,
    /// The call, with as little output as it may have.
    least: Call,
    how: Trim,
    /// The largest input that fits with it.
    pub(crate) tokens_input: u64,
}

impl Enforcer {
    /// The room for a shorter prompt; `None` where none was asked for, or a shorter prompt would not help.
    pub(crate) fn room<'a>(
        &self,
        fitting: Fitting,
        call: &Call,
        refused: &'a Decision,
    ) -> Result<Option<Room<'a>>, Error> {
        let (Some(how), Input::Prompt(prompt)) = (fitting.trims, &call.input) else { return Ok(None) };
        if !call.models.is_empty() {
            return self.room(fitting, &*self.of_one_model(call)?, refused);
        }
        if is_refused_whatever_its_size(refused) {
            return Ok(None);
        }
        let plan = self.plan(call, self.core().now())?;
        let least = fitting.shortest(call);
        let mut room = Room { plan, refused, least, how, tokens_input: 0 };
        let whole = room.estimate(prompt).tokens;
        if !room.fits(&room.least, 0)? || room.fits(&room.least, whole)? {
            return Ok(None);
        }
        room.tokens_input = largest(0, whole, |tokens| room.fits(&room.least, tokens))?;
        Ok(Some(room))
    }
}

/// Whether something else refuses than figures: a scope, a model, a run's time. And where all observe nothing is rewritten.
fn is_refused_whatever_its_size(refused: &Decision) -> bool {
    let by_other = refused.extra.as_ref().is_some_and(|extra| extra.kind != RefusalKind::NeverFits);
    by_other
        || !refused.frozen.is_empty()
        || refused.unpriced
        || refused.unsaid
        || refused.binding.refuses_unbound()
        || refused.binding.observes_only
}

impl Room<'_> {
    /// What the prompt is to be trimmed to, measured as a reserve will measure it.
    pub(crate) fn target(&self) -> TrimTarget<'_> {
        let model = &self.plan.call.model;
        TrimTarget::measured(self.tokens_input, self.how, model, |prompt| self.estimate(prompt))
    }

    /// The trimmed call with the output that fits beside its prompt: all that it asks for, or what is left, but not less than
    /// the least.
    pub(crate) fn with_output(&self, call: Call, after: Estimate) -> Result<Call, Error> {
        if self.fits(&call, after.tokens)? {
            return Ok(call);
        }
        let most = self.plan.limited(&Ask::of(&call), &after)?.limit.tokens;
        let least = self.least.output_requested.unwrap_or(0);
        let fits = |output| self.fits(&call.clone().output_tokens(output), after.tokens);
        let output = largest(least, most, fits)?;
        Ok(call.output_tokens(output))
    }

    /// What was left out, or why trimming did not help.
    pub(crate) fn outcome(&self, outcome: Result<Trimming, Error>) -> Result<Trimmed, Untrimmed> {
        let impossible = |why: String| Err(Untrimmed::Impossible { why: why.into() });
        match outcome {
            Ok(Trimming::Shorter(trimmed)) => Ok(trimmed),
            Ok(Trimming::Fits(estimate)) => Err(Untrimmed::Overtaken { tokens: estimate.tokens }),
            Ok(Trimming::NeverFits(least)) if least.needs_model_maximum() => {
                impossible("a part of it that must stay cannot be counted".to_owned())
            }
            Ok(Trimming::NeverFits(least)) => {
                Err(Untrimmed::Least { tokens: least.tokens, fits: self.tokens_input })
            }
            Err(error) => impossible(error.to_string()),
        }
    }

    /// The input that a reserve would hold for a prompt: its bound, or the count where that is less.
    fn estimate(&self, prompt: &crate::values::Prompt) -> Estimate {
        let (plan, ask) = (&self.plan, &Ask::of(&self.least));
        let bound = plan.core.estimator.bound(&plan.call.model, prompt);
        let held = within_model(plan, ask, bound)
            .and_then(|bound| Ok(count_of(plan, ask, prompt, bound)?.unwrap_or(bound)));
        held.unwrap_or(Estimate::opaque())
    }

    /// Whether the call would be admitted with so many input tokens, were the balances still what they were.
    fn fits(&self, call: &Call, tokens_input: u64) -> Result<bool, Error> {
        let (plan, binding) = (&self.plan, &self.refused.binding);
        let quoted = plan.quote(&Ask::of(call), &Estimate::count(tokens_input))?;
        if quoted.over_cap(&binding.caps).is_some() {
            return Ok(false);
        }
        let requested = plan.amounts(binding, quoted.held)?;
        Ok(judge(binding, &self.refused.balances, &requested) < Verdict::Degrade)
    }
}

/// The largest number below `is_too_large` that fits; `fits` is taken to.
fn largest(
    mut fits: u64,
    mut is_too_large: u64,
    holds: impl Fn(u64) -> Result<bool, Error>,
) -> Result<u64, Error> {
    while is_too_large.saturating_sub(fits) > 1 {
        let middle = fits.midpoint(is_too_large);
        match holds(middle)? {
            true => fits = middle,
            false => is_too_large = middle,
        }
    }
    Ok(fits)
}
