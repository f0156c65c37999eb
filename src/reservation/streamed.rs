//! What does a stream need to know of the call that it answers?

use std::sync::Arc;

use super::InFlight;
use crate::enforcer::{Abandoned, Plan};
use crate::ledger::Ended;
use crate::{Timestamp, Usd};

/// How far a call under way has come, and how far it may.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Reached {
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
    pub(crate) fn reached(&self) -> Reached {
        let Some(open) = &self.open else { return Reached::default() };
        let choices = open.reach.choices.max(1);
        let model_max = open.plan.price.as_ref().and_then(|price| price.output_tokens_max());
        let output_most = if open.reach.is_limited {
            open.output_tokens()
        } else {
            model_max.map_or(u64::MAX, |max| max.saturating_mul(u64::from(choices)))
        };
        Reached {
            input: open.priced.tokens_input,
            output: open.priced.tokens_output,
            output_most,
            choices,
            prolong_at: open.reach.expires_at - open.reach.life.checked_div(2).unwrap_or_default(),
        }
    }

    /// Gives the room back without waiting: the provider is known not to bill this call.
    pub(crate) fn release_now(mut self) {
        if let Some(open) = self.open.take() {
            let pending = open.pending_release();
            open.plan.core.end_without_waiting(pending);
        }
    }

    pub(crate) fn plan(&self) -> Option<Arc<Plan>> {
        self.open.as_ref().map(|open| Arc::clone(&open.plan))
    }

    /// What the operator wants charged for a call that nobody saw the end of.
    pub(crate) fn abandoned(&self) -> Abandoned {
        self.open.as_ref().map_or(Abandoned::Hold, |open| open.plan.core.abandoned)
    }

    pub(crate) fn should_be_prolonged(&self, at: Timestamp) -> bool {
        self.open.as_ref().is_some_and(|open| open.plan.core.now() >= at)
    }

    /// Notes how the call ended, for the journal.
    pub(crate) fn note_end(&mut self, ended: Ended) {
        if let Some(open) = &mut self.open {
            open.ended = Some(ended);
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
