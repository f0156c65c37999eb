//! Why not? Refusals, whether the ledger was asked or not.
//!
//! A refusal is made of the very balances that refused, never of a second look: what a caller reads is what was judged.

use super::ask::Ask;
use super::core::Core;
use super::plan::Plan;
use super::quote::Quoted;
use crate::decision::{Judged, explain};
use crate::ledger::Effects;
use crate::values::no_limit::ApiLimit;
use crate::values::verdict::Observed;
use crate::values::{Binding, FrozenScope, ReservationId};
use crate::{Decision, Event};

/// The decision behind a ledger's refusal; observers hear what else came to light.
pub(crate) fn refusal(
    plan: &Plan,
    quoted: &Quoted<'_>,
    judged: Judged,
    effects: Option<Box<Effects>>,
    observed: Option<Box<Observed>>,
) -> Box<Decision> {
    let frozen = frozen_scopes(effects.as_deref());
    plan.core.tell_news(&judged.binding, effects);
    let mut decision = explain(judged, &quoted.shown(plan), frozen, None, false).observing(observed);
    decision.set_aside_by(|account| plan.core.board.set_aside(account));
    decision.missing.clone_from(&plan.missing);
    decision.priced_as.clone_from(&plan.priced_as);
    decision.output_tokens_unsaid = output_unsaid(plan, &quoted.ask);
    Box::new(decision)
}

/// The output of each choice that is held for a call that names no limit, though it could.
pub(crate) fn output_unsaid(plan: &Plan, ask: &Ask<'_>) -> Option<u64> {
    let is_unsaid = ask.output.is_none() || ask.terms.is_unsaid;
    let held = plan.output_held(ask);
    (is_unsaid && held > 0 && ask.terms.api != ApiLimit::Media).then_some(held)
}

/// The frozen scopes that a ledger's reply names.
pub(crate) fn frozen_scopes(effects: Option<&Effects>) -> Vec<FrozenScope> {
    effects.map_or_else(Vec::new, |effects| effects.frozen.clone())
}

impl Core {
    /// Tells of a call that passes though nobody limits it.
    #[cold]
    pub(crate) fn tell_unbound(&self, id: ReservationId, binding: &Binding) {
        let Some(choice) = binding.unbound.filter(|_| !self.observers.is_empty()) else { return };
        let (model, scopes) = (binding.model.clone(), binding.claim.scopes_all().cloned().collect());
        self.tell(&Event::Unbound { id, model, scopes, choice });
    }

    /// Tells of a call that is held at the price of another model.
    #[cold]
    pub(crate) fn tell_priced_as(&self, id: ReservationId, plan: &Plan) {
        let Some(as_model) = plan.priced_as.clone().filter(|_| !self.observers.is_empty()) else { return };
        self.tell(&Event::PricedAs { id, model: plan.call.model.clone(), as_model });
    }

    pub(crate) fn tell_refused(&self, id: ReservationId, decision: &Decision) {
        if !self.observers.is_empty() {
            let reason = decision.to_string();
            self.tell(&Event::Refused { id, model: decision.model().into(), reason });
        }
    }
}
