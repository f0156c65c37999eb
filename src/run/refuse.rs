//! Why not? Refusals of what a run asks for itself: tools, and runs below it.
//!
//! They are decisions like those of calls, made by the same code, without a model, tokens or an output that could be smaller.

use std::sync::Arc;

use smallvec::SmallVec;

use super::post::Amounts;
use crate::decision::{Judged, Quote, explain};
use crate::engine::{Core, frozen_scopes};
use crate::ledger::Reply;
use crate::values::verdict::Observed;
use crate::values::{Binding, Refusal, ReservationId, Timestamp};
use crate::{Decision, Error, Event};

/// What came of asking, where a limit may refuse it.
pub(super) type OrRefusal<T> = Result<Result<T, Box<Decision>>, Error>;

/// What the ledger's refusal means: a decision over the balances that refused, with parts that are set aside named.
pub(super) fn refusal(core: &Core, binding: &Arc<Binding>, asked: Amounts, reply: Reply) -> Box<Decision> {
    let Reply { balances, effects, now, .. } = reply;
    let frozen = frozen_scopes(effects.as_deref());
    core.tell_effects(binding, effects);
    let judged =
        Judged { binding: Arc::clone(binding), balances, requested: asked, frees_up: Vec::new(), now };
    let mut decision = explain(judged, &Quote::default(), frozen, None, false);
    decision.set_aside_by(|account| core.board.set_aside(account));
    told(core, decision)
}

/// Tells of what was held and would have been refused, were it enforced.
pub(super) fn observed(
    core: &Core,
    id: ReservationId,
    binding: &Arc<Binding>,
    asked: &Amounts,
    reply: &Reply,
) {
    if !binding.observes_some {
        return;
    }
    let judged = Judged {
        binding: Arc::clone(binding),
        balances: reply.balances.clone(),
        requested: asked.clone(),
        frees_up: Vec::new(),
        now: reply.now,
    };
    let observed = Observed { frozen: frozen_scopes(reply.effects.as_deref()), ..Observed::default() };
    let decision = explain(judged, &Quote::default(), Vec::new(), None, false);
    core.tell_would_refuse(id, &decision.observing(Some(Box::new(observed))));
}

/// A refusal that the run found by itself, without asking the ledger.
pub(super) fn unasked(
    core: &Core,
    binding: &Arc<Binding>,
    refusal: Refusal,
    now: Timestamp,
) -> Box<Decision> {
    let empty = Binding { terms: Vec::new(), ..Binding::clone(binding) };
    let judged = Judged {
        binding: Arc::new(empty),
        balances: SmallVec::new(),
        requested: SmallVec::new(),
        frees_up: Vec::new(),
        now,
    };
    told(core, explain(judged, &Quote::default(), Vec::new(), Some(refusal), false))
}

/// The refusal, once observers have heard of it.
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
