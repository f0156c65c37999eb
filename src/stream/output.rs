//! How much output has been seen?
//!
//! Text comes in pieces, and pieces have no tokens of their own: `"and th"` and `"en"` may be three tokens apart and two together.
//! So while a stream flows its pieces are added up, which errs upwards, and at the end the whole text is counted anew
//! (`recount`). A figure that the provider states is a number, and counts as soon as it is larger.

use std::sync::Arc;

use crate::engine::Plan;
use crate::tokens::{EstimateKind, SeenText, keeps_to_limit};

/// Output tokens of a stream, by its text and by what its provider said.
pub(super) struct Output {
    /// Whose estimator counts, for which model.
    plan: Option<Arc<Plan>>,
    /// The pieces so far, each counted or bounded by itself.
    counted: u64,
    /// Every text so far was counted, none only bounded.
    is_count: bool,
    /// The text by the family of its model, where somebody measured that: less than the byte bound of the same.
    by_family: Option<SeenText>,
    /// Bytes of text so far.
    bytes: u64,
    /// What is known as a number.
    reported: u64,
    /// What was seen, as far as it is certain or as it may be held for.
    tokens: u64,
}

impl Output {
    pub(super) fn of(plan: Option<Arc<Plan>>) -> Self {
        let by_family = plan.as_ref().and_then(|plan| SeenText::of(&plan.call.model));
        Self { plan, counted: 0, is_count: true, by_family, bytes: 0, reported: 0, tokens: 0 }
    }

    /// Output tokens seen.
    pub(super) fn tokens(&self) -> u64 {
        self.tokens
    }

    /// Takes note of generated text, where the provider should stop after `most` tokens.
    pub(super) fn saw_text(&mut self, text: &str, most: u64) {
        let Some(plan) = self.plan.as_ref().filter(|_| !text.is_empty()) else { return };
        if self.is_count || self.by_family.is_none() {
            let estimate = plan.core.estimator.count_text(&plan.call.model, text);
            self.counted = self.counted.saturating_add(estimate.tokens);
            self.is_count &= estimate.kind == EstimateKind::Count;
        }
        if let Some(by_family) = &mut self.by_family {
            by_family.push(text);
        }
        self.bytes = self.bytes.saturating_add(u64::try_from(text.len()).unwrap_or(u64::MAX));
        let text = match &self.by_family {
            Some(by_family) if !self.is_count => by_family.at_most(),
            _ => self.counted,
        };
        self.tokens = self.tokens.max(self.within(text, most));
    }

    /// Whether the text so far was counted as more than twice as many tokens as that. Counted piece by piece it is
    /// more than at once, so that this alone says nothing yet.
    pub(super) fn is_twice(&self, tokens: u64) -> bool {
        self.is_count && self.counted.div_ceil(2) > tokens
    }

    /// Takes note of output that is known as a number.
    pub(super) fn saw(&mut self, tokens: u64) {
        self.reported = self.reported.max(tokens);
        self.tokens = self.tokens.max(tokens);
    }

    /// Counts the text anew as well as it can be, once no more comes; what was held for it meanwhile was more.
    pub(super) fn recount(&mut self, most: u64) {
        let Some(by_family) = self.by_family.as_mut() else { return };
        let text = match by_family.counted() {
            // Pieces that were counted one by one are more tokens than their text: blanks, and words that were cut.
            own if self.is_count => own.map_or(self.counted, |own| own.min(self.counted)),
            own => own.unwrap_or_else(|| by_family.at_most()),
        };
        self.tokens = self.within(text, most).max(self.reported);
    }

    /// A bound of the text may lie above what the provider's own limit lets through. A count does
    /// not, and neither does so much text: this provider does not keep to the limit.
    fn within(&self, text: u64, most: u64) -> u64 {
        let keeps_to_it = !self.is_count && keeps_to_limit(self.bytes, most);
        if keeps_to_it { text.min(most) } else { text }
    }
}
