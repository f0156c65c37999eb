//! Why not? Refusals of what a run asks for itself: tools, and runs below it.

use std::sync::Arc;

use smallvec::SmallVec;

use super::post::Amounts;
use crate::decision::{Judged, Quote, explain};
use crate::enforcer::Core;
use crate::ledger::Reply;
use crate::verdict::FrozenScope;
use crate::{Binding, Decision, Event, Refusal, ReservationId, Timestamp};

/// What the ledger's refusal means.
pub(super) fn refusal(core: &Core, binding: &Arc<Binding>, asked: Amounts, reply: Reply) -> Box<Decision> {
    let Reply { balances, news, now, .. } = reply;
    let note = |frozen: &crate::ledger::Frozen| FrozenScope {
        scope: frozen.scope.clone(),
        by: frozen.signature.by.clone(),
        reason: frozen.signature.reason.clone(),
    };
    let frozen = news.iter().flat_map(|news| &news.frozen).map(note).collect();
    core.tell_news(binding, news);
    let judged = Judged { binding: Arc::clone(binding), balances, requested: asked, frees: Vec::new(), now };
    told(core, explain(judged, &Quote::default(), frozen, None, false))
}

/// A refusal that the run found by itself, without asking the ledger.
pub(super) fn unasked(
    core: &Core,
    binding: &Arc<Binding>,
    refusal: Refusal,
    now: Timestamp,
) -> Box<Decision> {
    let empty = Binding { bound: Vec::new(), ..Binding::clone(binding) };
    let judged = Judged {
        binding: Arc::new(empty),
        balances: SmallVec::new(),
        requested: SmallVec::new(),
        frees: Vec::new(),
        now,
    };
    told(core, explain(judged, &Quote::default(), Vec::new(), Some(refusal), false))
}

fn told(core: &Core, mut decision: Decision) -> Box<Decision> {
    // No output is asked for, so none would fit.
    decision.affordable_output_tokens = None;
    core.tell(&Event::Refused {
        id: ReservationId::generate(decision.at()),
        model: decision.model().into(),
        reason: decision.to_string(),
    });
    Box::new(decision)
}
