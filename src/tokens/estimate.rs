//! What is known about a number of tokens?

use std::fmt;

use serde::{Deserialize, Serialize};

/// A number of input tokens, with what is known about it.
///
/// ```
/// use token_budget::{Estimate, EstimateKind};
///
/// let sum = Estimate::count(120).plus(Estimate::bound(2_048));
/// assert_eq!(sum, Estimate::bound(2_168));
/// assert_eq!(sum.to_string(), "2168 tokens (bound)");
/// assert_eq!(sum.plus(Estimate::guess(1_600)).kind, EstimateKind::Guess);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Estimate {
    /// Input tokens.
    pub tokens: u64,
    /// What is known about them.
    pub kind: EstimateKind,
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
    /// The real number may be above it.
    Guess,
}

impl Estimate {
    /// That many tokens, counted.
    #[must_use]
    pub const fn count(tokens: u64) -> Self {
        Self { tokens, kind: EstimateKind::Count, opaque: false }
    }

    /// Not more than that many tokens.
    #[must_use]
    pub const fn bound(tokens: u64) -> Self {
        Self { tokens, kind: EstimateKind::Bound, opaque: false }
    }

    /// Perhaps that many tokens.
    #[must_use]
    pub const fn guess(tokens: u64) -> Self {
        Self { tokens, kind: EstimateKind::Guess, opaque: false }
    }

    /// A part that cannot be counted: no tokens, and a guess.
    #[must_use]
    pub const fn opaque() -> Self {
        Self { tokens: 0, kind: EstimateKind::Guess, opaque: true }
    }

    /// Both together: known as well as the less known of the two. Saturates.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            tokens: self.tokens.saturating_add(other.tokens),
            kind: self.kind.max(other.kind),
            opaque: self.opaque || other.opaque,
        }
    }

    /// Whether the prompt must be taken at the model's largest input, because
    /// some part of it cannot be counted here.
    ///
    /// ```
    /// use token_budget::{ByteBound, Message, Part, Prompt, TokenEstimator};
    ///
    /// let message = Message::user("summarise this file").with_part(Part::Opaque);
    /// let prompt = Prompt { messages: vec![message], tools: vec![] };
    /// assert!(ByteBound.bound("gpt-4o", &prompt).needs_model_maximum());
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
        for kind in [EstimateKind::Count, EstimateKind::Bound, EstimateKind::Guess] {
            assert_eq!(serde_json::to_string(&kind).unwrap(), format!("\"{kind}\""));
        }
    }
}
