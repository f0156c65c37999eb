//! What is known about a number of tokens?

use std::fmt;

use serde::{Deserialize, Serialize};

/// A number of input tokens, with what is known about it.
///
/// ```
/// use token_budget::tokens::{Estimate, EstimateKind};
///
/// let sum = Estimate::count(120).plus(Estimate::bound(2_048));
/// assert_eq!(sum, Estimate::bound(2_168));
/// assert_eq!(sum.to_string(), "2168 tokens (bound)");
/// assert_eq!(sum.plus(Estimate::guess(1_600)).kind, EstimateKind::Guess);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Estimate {
    /// Input tokens that a reservation holds for.
    pub tokens: u64,
    /// What the real number will most likely be; the same where nothing better is known.
    pub expected: u64,
    /// What would be held had nothing been learned: see [`Calibration`](crate::tokens::Calibration).
    pub uncalibrated: u64,
    /// What is known about `tokens`.
    pub kind: EstimateKind,
    /// In how many of a million calls the real number is not above `tokens`, as
    /// far as was measured: all for a count or a bound, none claimed for a guess.
    pub confidence_ppm: u32,
    /// Whether tools or a schema of the answer were described, or tools called before:
    /// calibration learns those calls apart.
    pub has_tools: bool,
    /// Whether there is a part that cannot be counted, such as a file id:
    /// it adds nothing to `tokens`. See [`needs_model_maximum`](Self::needs_model_maximum).
    pub opaque: bool,
}

/// What is known about an estimate, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum EstimateKind {
    /// The text was counted with the model's own tokenizer. What the provider
    /// puts around it is the family's published allowance, from which we saw
    /// real numbers differ by one token either way.
    Count,
    /// The real number is not above it.
    Bound,
    /// The real number was not above it in the stated part of the calls measured:
    /// see [`Estimate::confidence_ppm`].
    Likely,
    /// The real number may be above it.
    Guess,
}

/// A whole, in millionths.
pub(super) const MILLION: u32 = 1_000_000;

impl Estimate {
    /// That many tokens, counted.
    #[must_use]
    pub const fn count(tokens: u64) -> Self {
        Self::of(tokens, tokens, EstimateKind::Count, MILLION)
    }

    /// Not more than that many tokens.
    #[must_use]
    pub const fn bound(tokens: u64) -> Self {
        Self::of(tokens, tokens, EstimateKind::Bound, MILLION)
    }

    /// Perhaps that many tokens.
    #[must_use]
    pub const fn guess(tokens: u64) -> Self {
        Self::of(tokens, tokens, EstimateKind::Guess, 0)
    }

    /// A part that cannot be counted: no tokens, and a guess.
    #[must_use]
    pub const fn opaque() -> Self {
        Self { opaque: true, ..Self::guess(0) }
    }

    /// Most likely `expected` tokens, and not more than `tokens` in so many of a million calls.
    ///
    /// `tokens` is never below `expected`.
    ///
    /// ```
    /// use token_budget::tokens::Estimate;
    ///
    /// let estimate = Estimate::likely(1_000, 1_150, 980_000);
    /// assert_eq!((estimate.expected, estimate.tokens), (1_000, 1_150));
    /// assert_eq!(estimate.to_string(), "1150 tokens (likely)");
    /// ```
    #[must_use]
    pub const fn likely(expected: u64, tokens: u64, confidence_ppm: u32) -> Self {
        let tokens = if tokens < expected { expected } else { tokens };
        Self::of(expected, tokens, EstimateKind::Likely, confidence_ppm)
    }

    const fn of(expected: u64, tokens: u64, kind: EstimateKind, confidence_ppm: u32) -> Self {
        Self { tokens, expected, uncalibrated: tokens, kind, confidence_ppm, has_tools: false, opaque: false }
    }

    /// Both together: known as well as the less known of the two. Saturates.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            tokens: self.tokens.saturating_add(other.tokens),
            expected: self.expected.saturating_add(other.expected),
            uncalibrated: self.uncalibrated.saturating_add(other.uncalibrated),
            kind: self.kind.max(other.kind),
            confidence_ppm: self.confidence_ppm.min(other.confidence_ppm),
            has_tools: self.has_tools || other.has_tools,
            opaque: self.opaque || other.opaque,
        }
    }

    /// Whether the prompt must be taken at the model's largest input, because
    /// some part of it cannot be counted here.
    ///
    /// ```
    /// use token_budget::call::{Message, Part, Prompt};
    /// use token_budget::tokens::ByteBoundEstimator;
    /// use token_budget::TokenEstimator;
    ///
    /// let message = Message::user("summarise this file").with_part(Part::Opaque);
    /// let prompt = Prompt { messages: vec![message], tools: vec![] };
    /// assert!(ByteBoundEstimator.bound("gpt-4o", &prompt).needs_model_maximum());
    /// ```
    #[must_use]
    pub const fn needs_model_maximum(self) -> bool {
        self.opaque
    }
}

impl fmt::Display for Estimate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} tokens ({}", self.tokens, self.kind)?;
        f.write_str(if self.opaque { ", without parts that cannot be counted)" } else { ")" })
    }
}

impl fmt::Display for EstimateKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Count => "count",
            Self::Bound => "bound",
            Self::Likely => "likely",
            Self::Guess => "guess",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_is_known_as_well_as_its_least_known_part() {
        let sum = Estimate::count(1).plus(Estimate::opaque()).plus(Estimate::bound(2));

        assert_eq!((sum.tokens, sum.kind, sum.opaque), (3, EstimateKind::Guess, true));
        assert_eq!(sum.to_string(), "3 tokens (guess, without parts that cannot be counted)");
    }

    #[test]
    fn a_sum_saturates() {
        assert_eq!(Estimate::bound(u64::MAX).plus(Estimate::count(1)), Estimate::bound(u64::MAX));
    }

    #[test]
    fn a_kind_reads_the_same_in_text_and_json() {
        for kind in [EstimateKind::Count, EstimateKind::Bound, EstimateKind::Likely, EstimateKind::Guess] {
            assert_eq!(serde_json::to_string(&kind).unwrap(), format!("\"{kind}\""));
        }
    }
}
