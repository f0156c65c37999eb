//! What would have been refused, were everything enforced that only observes?

use super::{Ask, Core, Plan, Priced};
use crate::decision::over_cap;
use crate::ledger::Effects;
use crate::reservation::Reservation;
use crate::values::verdict::Observed;
use crate::values::{Input, Refusal, ReservationId};
use crate::{Decision, Event};

impl Plan {
    /// What would refuse this attempt beside the budgets; `None` where nothing observes.
    #[inline]
    pub(super) fn observed(&self, exempt: bool, ask: &Ask<'_>, priced: Priced) -> Option<Box<Observed>> {
        self.binding(exempt).observes_some.then(|| Box::new(self.observe(exempt, ask, priced)))
    }

    #[cold]
    fn observe(&self, exempt: bool, ask: &Ask<'_>, priced: Priced) -> Observed {
        Observed {
            frozen: Vec::new(),
            extra: self.over_observed_cap(exempt, ask, priced),
            unpriced: self.lacks_price,
            unsaid: matches!(ask.input, Input::Unsaid) && self.counts_input(true),
            unbound: self.binding(exempt).unbound_observed,
        }
    }

    /// What a cap would refuse that only observes.
    pub(super) fn over_observed_cap(&self, exempt: bool, ask: &Ask<'_>, priced: Priced) -> Option<Refusal> {
        let caps = &self.binding(exempt).caps_observed;
        over_cap(caps, priced.tokens_input, self.usd_at_most(ask, priced), ask.output)
    }
}

/// The same with the scopes that the ledger found frozen and passed by.
pub(super) fn with_frozen(
    observed: Option<Box<Observed>>,
    effects: Option<&Effects>,
) -> Option<Box<Observed>> {
    let mut observed = observed?;
    observed.frozen = super::frozen_scopes(effects);
    Some(observed)
}

impl Core {
    /// Tells of a call that was let pass and that enforcement would have refused.
    #[inline]
    pub(super) fn tell_observed(&self, reservation: &Reservation) {
        if reservation.binding().observes_some && !self.observers.is_empty() {
            self.tell_would_refuse(reservation.id(), &reservation.decision());
        }
    }

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
