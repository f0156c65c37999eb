//! What does a stream need to know of the call that it answers?
//!
//! How much is held, where the provider stops by itself, and when the hold must be prolonged: after half of its life, so that one
//! attempt may fail and the next still comes in time. A hold of five minutes is prolonged after two and a half.

use std::sync::Arc;
use std::time::Duration;

use super::InFlight;
use super::open::Open;
use crate::Usd;
use crate::engine::Plan;
use crate::ledger::Ended;
use crate::tokens::EstimateKind;
use crate::values::Timestamp;

/// How far a call under way has come, and how far it may.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Progress {
    /// Input tokens held for.
    pub(crate) input: u64,
    /// Output tokens held for, all choices together.
    pub(crate) output: u64,
    /// Where the provider stops by itself: the request's own limit, or the model's.
    pub(crate) output_most: u64,
    pub(crate) choices: u32,
    /// When the hold should be prolonged: after half of its life.
    pub(crate) prolong_at: Timestamp,
}

impl InFlight {
    pub(crate) fn reached(&self) -> Progress {
        let Some(open) = &self.open else { return Progress::default() };
        let choices = open.reach.choices.max(1);
        let model_max = open.plan.price.as_ref().and_then(|price| price.output_tokens_max());
        let output_most = if open.reach.is_limited {
            open.output_tokens()
        } else {
            model_max.map_or(u64::MAX, |max| max.saturating_mul(u64::from(choices)))
        };
        Progress {
            input: open.priced.tokens_input,
            output: open.priced.tokens_output,
            output_most,
            choices,
            prolong_at: open.prolong_at(),
        }
    }

    /// Gives the room back without waiting: the provider is known not to bill this call.
    pub(crate) fn release_dropped(mut self) {
        if let Some(open) = self.open.take() {
            open.end_dropped(open.pending_release());
        }
    }

    /// Whether the enforcer's estimator counts this model's text, rather than bounding or guessing it.
    pub(crate) fn counts_text(&self) -> bool {
        self.count_text("a word").is_some()
    }

    /// How many tokens a text has by the model's own vocabulary, where that is known.
    pub(crate) fn count_text(&self, text: &str) -> Option<u64> {
        let plan = &self.open.as_ref()?.plan;
        let estimate = plan.core.estimator.count_text(&plan.call.model, text);
        (estimate.kind == EstimateKind::Count).then_some(estimate.tokens)
    }

    pub(crate) fn plan(&self) -> Option<Arc<Plan>> {
        self.open.as_ref().map(|open| Arc::clone(&open.plan))
    }

    pub(crate) fn is_past(&self, at: Timestamp) -> bool {
        self.open.as_ref().is_some_and(|open| open.plan.core.now() >= at)
    }

    /// When a command that failed is worth another try: after an eighth of a hold's life.
    pub(crate) fn in_a_while(&self) -> Timestamp {
        let next = |open: &Open| open.plan.core.now() + open.reach.life.checked_div(8).unwrap_or_default();
        self.open.as_deref().map_or(Timestamp::MAX, next)
    }

    /// The same call once more, for who must charge it while the other is away. One of both is to be
    /// [forgotten](Self::forget), or to report what replaces the other's charge.
    pub(crate) fn twin(&self) -> Self {
        Self { open: self.open.clone() }
    }

    /// Ends nothing: the call is ended elsewhere.
    pub(crate) fn forget(mut self) {
        self.open = None;
    }

    /// Notes how the call ended, for the journal.
    pub(crate) fn note_end(&mut self, ended: Ended) {
        if let Some(open) = &mut self.open {
            open.ended = Some(ended);
        }
    }

    /// Notes that its usage was counted here, so that nothing seen is nothing used.
    pub(crate) fn note_counted(&mut self) {
        if let Some(open) = &mut self.open {
            open.is_counted = true;
        }
    }

    /// Lets the more that was asked for out without the ledger, where the policy admits that in an outage.
    pub(crate) fn passes_outage(&self, before: Usd) -> bool {
        self.open.as_ref().is_some_and(|open| {
            let more = open.priced.usd.checked_sub(before).unwrap_or(Usd::ZERO);
            open.binding().observes_only || open.plan.core.outage.admits(more)
        })
    }

    pub(crate) fn quoted(&self) -> Usd {
        self.open.as_ref().map_or(Usd::ZERO, |open| open.priced.usd)
    }
}

/// A hold that lives shorter than that is not prolonged: it would have to be all the time.
const PROLONGED_FROM: Duration = Duration::from_secs(1);

impl Open {
    fn prolong_at(&self) -> Timestamp {
        let life = self.reach.life;
        if life < PROLONGED_FROM {
            return Timestamp::MAX;
        }
        self.reach.expires_at - life.checked_div(2).unwrap_or_default()
    }
}
