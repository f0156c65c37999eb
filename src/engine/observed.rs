//! What would have been refused, were everything enforced that only observes?
//!
//! A budget that observes is judged by the same code as one that enforces, and gives the ledger no ceiling. Figures that are
//! no budget's (a cap, a missing price, a frozen scope) are kept apart in `Observed`, because they would refuse without a
//! line. Once the call is admitted, `Event::WouldRefuse` tells all of it in one sentence.

use super::core::Core;
use super::plan::Plan;
use super::quote::Quoted;
use crate::values::verdict::Observed;
use crate::values::{Input, Refusal, ReservationId};
use crate::{Decision, Event};

impl Plan {
    /// What would refuse this attempt beside the budgets; `None` where nothing observes.
    #[inline]
    pub(crate) fn observed(&self, exempt: bool, quoted: &Quoted<'_>) -> Option<Box<Observed>> {
        self.binding(exempt).observes_some.then(|| Box::new(self.observe(exempt, quoted)))
    }

    #[cold]
    fn observe(&self, exempt: bool, quoted: &Quoted<'_>) -> Observed {
        Observed {
            frozen: Vec::new(),
            extra: self.over_observed_cap(exempt, quoted),
            unpriced: self.lacks_price,
            unsaid: matches!(quoted.ask.input, Input::Unsaid) && self.counts_input(true),
            unbound: self.binding(exempt).unbound_observed,
        }
    }

    /// What a cap would refuse that only observes.
    pub(crate) fn over_observed_cap(&self, exempt: bool, quoted: &Quoted<'_>) -> Option<Refusal> {
        quoted.over_cap(&self.binding(exempt).caps_observed)
    }
}

impl Core {
    /// Tells of a call that was let pass and that enforcement would have refused.
    #[cold]
    pub(crate) fn tell_would_refuse(&self, id: ReservationId, decision: &Decision) {
        let refusals = decision.would_refuse();
        if !refusals.is_empty() {
            self.tell(&Event::WouldRefuse { id, model: decision.model().into(), reason: joined(&refusals) });
        }
    }
}

/// The refusals in a line.
fn joined(refusals: &[Refusal]) -> String {
    let texts: Vec<_> = refusals.iter().map(Refusal::to_string).collect();
    texts.join("; ")
}
