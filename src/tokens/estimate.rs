//! What is known about a number of tokens?
//!
//! An estimate is never a bare number. Adding up a prompt means adding numbers of different
//! worth: text that was counted, a schema that was bounded by its bytes, an image that was
//! guessed. [`Estimate::plus`] keeps the worst of all claims, so that a sum never claims
//! more than its weakest part. The invariant of every sum: `expected <= tokens`, and `kind`
//! is the largest kind among the parts.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A number of input tokens, with what is known about the number.
///
/// A reservation holds [`tokens`](Self::tokens). [`expected`](Self::expected) is for people
/// and for plans: it is the most likely bill. Both are input tokens; output is sized by
/// [`OutputSizing`](crate::tokens::OutputSizing).
///
/// What one gets wrong: if [`opaque`](Self::opaque) is set, `tokens` is the sum *without* a
/// part that cannot be counted, and holding `tokens` holds too little. Ask
/// [`needs_model_maximum`](Self::needs_model_maximum) first. The enforcer does.
///
/// # Example: a sum is as well known as its weakest part
/// ```
/// use token_budget::tokens::{Estimate, EstimateKind};
///
/// let sum = Estimate::count(120).plus(Estimate::bound(2_048));
/// assert_eq!(sum, Estimate::bound(2_168));
/// assert_eq!(sum.to_string(), "2168 tokens (bound)");
/// assert_eq!(sum.plus(Estimate::guess(1_600)).kind, EstimateKind::Guess);
/// ```
///
/// # Example: what is held and what is expected differ
/// ```
/// use token_budget::tokens::Estimate;
///
/// // 120 tokens were counted; a tool will most likely add 400, and hardly more than 520.
/// let sum = Estimate::count(120).plus(Estimate::likely(400, 520, 980_000));
/// assert_eq!((sum.expected, sum.tokens), (520, 640));
/// assert_eq!(sum.confidence_ppm, 980_000);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Estimate {
    /// The input tokens that a reservation holds.
    pub tokens: u64,
    /// The input tokens that the provider will most likely bill; the same as `tokens` if
    /// nothing better is known.
    pub expected: u64,
    /// The input tokens that a reservation would hold if nothing had been learned: see
    /// [`Calibration`](crate::tokens::Calibration). Calibration measures its margin from here, so
    /// that a narrower bound does not become the measure of the next one.
    pub uncalibrated: u64,
    /// What is known about `tokens`.
    pub kind: EstimateKind,
    /// In how many of a million calls the real number is not above `tokens`, as far as
    /// calls were measured: a million for a count or a bound, zero for a guess, which
    /// claims nothing.
    pub confidence_ppm: u32,
    /// Whether the request describes tools or a schema of the answer, or contains earlier
    /// tool calls. Calibration learns such calls apart.
    pub has_tools: bool,
    /// Whether a part of the prompt cannot be counted, such as a file id. The part adds
    /// nothing to `tokens`. See [`needs_model_maximum`](Self::needs_model_maximum).
    pub opaque: bool,
}

/// What is known about an estimate, best first.
///
/// The order is the order of `Ord`: a sum takes the largest kind of its parts.
///
/// | kind | who makes it | what is claimed |
/// |---|---|---|
/// | `Count` | `TiktokenEstimator` for text of OpenAI's models | the text is exact, the frame differs by a token |
/// | `Bound` | [`ByteBoundEstimator`](crate::tokens::ByteBoundEstimator), tools | the real number is not above it |
/// | `Likely` | [`FamilyEstimator`](crate::tokens::FamilyEstimator) | not above it in the stated part of the calls |
/// | `Guess` | images, files, tools that the provider runs, unknown models | nothing |
///
/// # Example: the worse kind is the larger one
/// ```
/// use token_budget::tokens::EstimateKind::{Bound, Count, Guess, Likely};
///
/// assert!(Count < Bound && Bound < Likely && Likely < Guess);
/// assert_eq!([Bound, Guess, Count].iter().max(), Some(&Guess));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum EstimateKind {
    /// The estimator counted the text with the model's own tokenizer. What the provider
    /// puts around the text is the family's published allowance: in recorded requests the
    /// bill differed from the count by one token either way.
    Count,
    /// The real number is not above the estimate.
    Bound,
    /// The real number was not above the estimate in the stated part of the calls measured:
    /// see [`Estimate::confidence_ppm`].
    Likely,
    /// The real number may be above the estimate.
    Guess,
}

/// A whole, in millionths: what a count and a bound claim.
pub(super) const MILLION: u32 = 1_000_000;

impl Estimate {
    /// No tokens, counted.
    const COUNTED: Self = Self::of(0, 0, EstimateKind::Count, MILLION);

    /// Returns an estimate of so many tokens that were counted.
    #[must_use]
    pub const fn count(tokens: u64) -> Self {
        Self { tokens, expected: tokens, uncalibrated: tokens, ..Self::COUNTED }
    }

    /// Returns an estimate of not more than so many tokens.
    #[must_use]
    pub const fn bound(tokens: u64) -> Self {
        Self::of(tokens, tokens, EstimateKind::Bound, MILLION)
    }

    /// Returns an estimate of perhaps so many tokens.
    #[must_use]
    pub const fn guess(tokens: u64) -> Self {
        Self::of(tokens, tokens, EstimateKind::Guess, 0)
    }

    /// Returns the estimate of a part that cannot be counted: no tokens, and a guess.
    #[must_use]
    pub const fn opaque() -> Self {
        Self { opaque: true, ..Self::guess(0) }
    }

    /// Returns an estimate of most likely `expected` tokens, and of not more than `tokens`
    /// in so many of a million calls.
    ///
    /// If `tokens` is below `expected`, `expected` is taken for both.
    ///
    /// ```
    /// use token_budget::tokens::Estimate;
    ///
    /// let estimate = Estimate::likely(1_000, 1_150, 980_000);
    /// assert_eq!((estimate.expected, estimate.tokens), (1_000, 1_150));
    /// assert_eq!(estimate.to_string(), "1150 tokens (likely)");
    /// assert_eq!(Estimate::likely(1_000, 900, 980_000).tokens, 1_000);
    /// ```
    #[must_use]
    pub const fn likely(expected: u64, tokens: u64, confidence_ppm: u32) -> Self {
        let tokens = if tokens < expected { expected } else { tokens };
        Self::of(expected, tokens, EstimateKind::Likely, confidence_ppm)
    }

    /// The common form: nothing learned, no tools, nothing that cannot be counted.
    const fn of(expected: u64, tokens: u64, kind: EstimateKind, confidence_ppm: u32) -> Self {
        Self { tokens, expected, uncalibrated: tokens, kind, confidence_ppm, has_tools: false, opaque: false }
    }

    /// Adds another estimate: the sum is known as well as the less known of the two.
    /// Saturates.
    ///
    /// The confidence of the sum is the smaller of both. If one part strays above its
    /// bound, the slack of the other usually covers it.
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

    /// Says whether the prompt must be taken at the model's largest input, because some
    /// part of the prompt cannot be counted here.
    ///
    /// # Example: a file id needs the whole context
    /// ```
    /// use token_budget::call::{Message, Part, Prompt};
    /// use token_budget::tokens::ByteBoundEstimator;
    /// use token_budget::TokenEstimator;
    ///
    /// let message = Message::user("summarise this file").with_part(Part::Opaque);
    /// let prompt = Prompt { messages: vec![message], tools: vec![] };
    /// let estimate = ByteBoundEstimator.bound("gpt-4o", &prompt);
    /// // 19 bytes, 3 + 1 around the message, 3 in front; the file is not in the sum.
    /// assert_eq!(estimate.tokens, 26);
    /// assert!(estimate.needs_model_maximum());
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
