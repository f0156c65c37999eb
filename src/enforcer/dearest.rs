//! Which of the models that may answer is a call held for?

use super::{Ask, Enforcer, reserve};
use crate::{Call, Error, Usd};

impl Enforcer {
    /// The same call of the dearest of the models that may answer it, which it keeps in its list.
    ///
    /// One that refuses the call for want of a price is dearer than any other: it may be the one that answers.
    ///
    /// # Errors
    /// `Invalid` for a call that cannot be used.
    pub(crate) fn of_dearest(&self, call: Call) -> Result<Call, Error> {
        if call.models.is_empty() {
            return Ok(call);
        }
        let dearest = self.dearest(&call)?;
        Ok(call.with_model(dearest.model))
    }

    /// Who pays for the call, and the dearest of its models alone, without what is sent.
    fn dearest(&self, call: &Call) -> Result<Call, Error> {
        call.check()?;
        let now = self.core().now();
        let mut dearest: Option<((bool, Usd), Call)> = None;
        for model in std::iter::once(&call.model).chain(&call.models) {
            let candidate = call.without_input().with_model(model.clone());
            let plan = self.plan(&candidate, now)?;
            let usd = reserve::quote(&plan, &Ask::of(call))?.unwrap_or(Usd::ZERO);
            let rank = (plan.lacks_price, usd);
            if dearest.as_ref().is_none_or(|(known, _)| rank > *known) {
                dearest = Some((rank, candidate));
            }
        }
        Ok(dearest.map_or_else(|| call.without_input(), |(_, candidate)| candidate))
    }

    /// The call of one model: the dearest of those that may answer it.
    pub(crate) fn of_one_model(&self, call: &Call) -> Result<Box<Call>, Error> {
        let model = self.dearest(call)?.model;
        Ok(Box::new(Call { models: Vec::new(), model, ..call.clone() }))
    }
}
