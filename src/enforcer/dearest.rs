//! Which of the models that may answer is a call held for?
//!
//! A router picks the model after the call was held. So the call is held at the price of the dearest, and for the tokens
//! of whichever takes and writes most: of a model at $1 that writes 8,000 tokens and one at $5 that writes 4,000, the hold is at
//! $5 for 8,000. Whichever answers costs no more. The charge is at the price of the one that did.

use std::sync::Arc;

use super::{Enforcer, advise};
use crate::engine::{Ask, Plan};
use crate::values::call::Span;
use crate::{Call, Error, Usd};

impl Enforcer {
    /// The same call of the dearest of the models that may answer it, which it keeps in its list.
    ///
    /// One that refuses the call for want of a price is dearer than any other: it may be the one that answers. It is
    /// held for the tokens of the one that takes and writes most.
    ///
    /// # Errors
    /// `Invalid` for a call that cannot be used.
    pub(crate) fn of_dearest(&self, call: Call) -> Result<Call, Error> {
        if call.models.is_empty() {
            return Ok(call);
        }
        let (dearest, span) = self.dearest(&call)?;
        Ok(Call { span: Some(span), ..call }.with_model(dearest.model))
    }

    /// Who pays for the call, and the dearest of its models alone, without what is sent; and what all of them take.
    fn dearest(&self, call: &Call) -> Result<(Call, Span), Error> {
        call.check()?;
        let (now, ask) = (self.core().now(), Ask::of(call));
        let mut dearest: Option<((bool, Usd), Call, Span)> = None;
        let (mut input, mut output, mut beside) = (0, 0, 0);
        for model in std::iter::once(&call.model).chain(&call.models) {
            let candidate = Call { span: None, ..call.without_input() }.with_model(model.clone());
            let plan = self.plan(&candidate, now)?;
            let usd = advise::quote(&plan, &ask)?.unwrap_or(Usd::ZERO);
            let certainty = (plan.lacks_price, usd);
            let own = alone(&plan, &ask);
            (input, output) = (own.input.max(input), own.output.max(output));
            beside = own.beside.max(beside);
            if dearest.as_ref().is_none_or(|(known, ..)| certainty > *known) {
                dearest = Some((certainty, candidate, own));
            }
        }
        let all = |own: Span| Span { input, output, beside, ..own };
        Ok(match dearest {
            Some((_, candidate, own)) => (candidate, all(own)),
            None => (call.without_input(), Span::default()),
        })
    }

    /// The call of one model: the dearest of those that may answer it.
    pub(crate) fn of_one_model(&self, call: &Call) -> Result<Box<Call>, Error> {
        let (dearest, span) = self.dearest(call)?;
        Ok(Box::new(Call { models: Vec::new(), model: dearest.model, span: Some(span), ..call.clone() }))
    }
}

/// What one model takes and writes.
fn alone(plan: &Arc<Plan>, ask: &Ask<'_>) -> Span {
    let own_input = plan.largest_inputs(ask).unwrap_or(u64::MAX);
    let input = plan.largest_input(ask).unwrap_or(u64::MAX);
    let output = plan.largest_answer(ask).unwrap_or(u64::MAX);
    let own_output = output.saturating_mul(u64::from(ask.choices.max(1)));
    Span { own_input, own_output, input, output, beside: plan.asked.thought }
}
