//! Why not? Refusals, whether the ledger was asked or not.
//!
//! A refusal is made of the very balances that refused, never of a second look: what a caller reads is what was judged.
//!
//! `decision::explain` knows the figures and nothing of this process. What only a plan knows (whose price is missing or assumed, which
//! part of a line a run has set aside for a child, what is held for an output that nobody named) is added in one place,
//! `Plan::explained`, for refusals and for advice alike, so that the two cannot differ in what they say.

use super::ask::Ask;
use super::core::Core;
use super::plan::Plan;
use super::quote::Quoted;
use crate::decision::{Judged, explain};
use crate::ledger::Effects;
use crate::values::no_limit::ApiLimit;
use crate::values::verdict::Observed;
use crate::values::{Binding, FrozenScope, Refusal, ReservationId};
use crate::{Decision, Event};

impl Plan {
    /// The decision over these figures, with what this plan alone knows: who has set room aside, whose price is missing or
    /// assumed, and what is held for an output that nobody said.
    pub(crate) fn explained(&self, judged: Judged, quoted: &Quoted<'_>, aside: Aside) -> Decision {
        let Aside { frozen, extra, observed, advice } = aside;
        let mut decision = explain(judged, &quoted.shown(self), frozen, extra, advice).observing(observed);
        if !decision.is_allowed() {
            decision.set_aside_by(|account| self.core.board.set_aside(account));
        }
        decision.missing.clone_from(&self.missing);
        decision.priced_as.clone_from(&self.priced_as);
        decision.output_tokens_unsaid = output_unsaid(self, &quoted.ask);
        decision
    }
}

/// What decides beside the figures of the budgets.
#[derive(Default)]
pub(crate) struct Aside {
    /// Scopes that the ledger found frozen.
    pub(crate) frozen: Vec<FrozenScope>,
    /// What refuses without a budget: a cap, a run's time.
    pub(crate) extra: Option<Refusal>,
    /// What would refuse beside the budgets, were it enforced.
    pub(crate) observed: Option<Box<Observed>>,
    /// Nobody asked for room.
    pub(crate) advice: bool,
}

/// The output of each choice that is held for a call that names no limit, though it could.
fn output_unsaid(plan: &Plan, ask: &Ask<'_>) -> Option<u64> {
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
