//! How much output has been seen?

use std::sync::Arc;

use crate::EstimateKind;
use crate::enforcer::Plan;

/// Output tokens of a stream, by its text and by what its provider said.
pub(super) struct Output {
    /// Whose estimator counts, for which model.
    plan: Option<Arc<Plan>>,
    counted: u64,
    /// Every text so far was counted, none only bounded.
    is_count: bool,
    bytes: u64,
    /// What was seen, as far as it is certain or as it may be held for.
    tokens: u64,
}

/// More bytes than that for each token are seen in no language: who sends them has passed its limit.
const BYTES_PER_TOKEN_MAX: u64 = 8;

impl Output {
    pub(super) fn of(plan: Option<Arc<Plan>>) -> Self {
        Self { plan, counted: 0, is_count: true, bytes: 0, tokens: 0 }
    }

    pub(super) fn tokens(&self) -> u64 {
        self.tokens
    }

    /// Takes note of generated text, where the provider should stop after `most` tokens.
    pub(super) fn saw_text(&mut self, text: &str, most: u64) {
        let Some(plan) = self.plan.as_ref().filter(|_| !text.is_empty()) else { return };
        let estimate = plan.core.estimator.count_text(&plan.call.model, text);
        self.counted = self.counted.saturating_add(estimate.tokens);
        self.is_count &= estimate.kind == EstimateKind::Count;
        self.bytes = self.bytes.saturating_add(u64::try_from(text.len()).unwrap_or(u64::MAX));
        // A bound of the text may lie above what the provider's own limit lets through. A count does
        // not, and neither does so much text: this provider does not keep to the limit.
        let keeps_to_it = !self.is_count && self.bytes <= most.saturating_mul(BYTES_PER_TOKEN_MAX);
        self.saw(if keeps_to_it { self.counted.min(most) } else { self.counted });
    }

    /// Takes note of output that is known as a number.
    pub(super) fn saw(&mut self, tokens: u64) {
        self.tokens = self.tokens.max(tokens);
    }
}
