//! Why not? Refusals, whether the ledger was asked or not.

use super::admission::Ask;
use super::{Core, Plan, Priced};
use crate::decision::{Judged, Quote, explain};
use crate::ledger::News;
use crate::verdict::FrozenScope;
use crate::{Decision, Estimate, Event, Refusal, RefusalKind, ReservationId, Unit};

/// What the caps on a single call refuse.
#[inline]
pub(super) fn over_cap(plan: &Plan, ask: &Ask<'_>, estimate: Estimate, priced: Priced) -> Option<Refusal> {
    let caps = &plan.binding.caps;
    let signed = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    let (unit, limit, requested) = if let Some(cap) = caps.tokens_input.filter(|cap| estimate.tokens > *cap) {
        (Unit::TokensInput, signed(cap), signed(estimate.tokens))
    } else if let Some(cap) = caps.usd.filter(|cap| priced.usd > *cap) {
        (Unit::Usd, cap.nanos(), priced.usd.nanos())
    } else {
        let cap =
            caps.tokens_output.filter(|cap| caps.strict && ask.output.is_some_and(|output| output > *cap))?;
        (Unit::TokensOutput, signed(cap), signed(ask.output.unwrap_or(0)))
    };
    Some(Refusal {
        budget: "cap on a single call".into(),
        scope: None,
        window: String::new(),
        unit,
        limit: Some(limit),
        ceiling: limit,
        spent: 0,
        reserved: 0,
        requested,
        kind: RefusalKind::NeverFits,
    })
}

pub(super) fn refusal(
    plan: &Plan,
    ask: &Ask<'_>,
    judged: Judged,
    priced: Priced,
    news: Option<Box<News>>,
) -> Box<Decision> {
    let frozen = news.as_ref().map(|news| {
        let note = |frozen: &crate::ledger::Frozen| FrozenScope {
            scope: frozen.scope.clone(),
            by: frozen.signature.by.clone(),
            reason: frozen.signature.reason.clone(),
        };
        news.frozen.iter().map(note).collect::<Vec<_>>()
    });
    plan.core.tell_news(&judged.binding, news);
    Box::new(explain(judged, &quote(plan, ask, priced), frozen.unwrap_or_default(), None, false))
}

pub(super) fn quote(plan: &Plan, ask: &Ask<'_>, priced: Priced) -> Quote {
    Quote {
        amount: priced.amount(),
        price: plan.price.clone(),
        unpriced: plan.unpriced,
        conditions: *plan.conditions(),
        choices: ask.choices,
    }
}

impl Core {
    pub(super) fn tell_refused(&self, id: ReservationId, decision: &Decision) {
        if !self.observers.is_empty() {
            let reason = decision.to_string();
            self.tell(&Event::Refused { id, model: decision.model().into(), reason });
        }
    }
}
