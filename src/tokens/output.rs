//! How much output will a call most likely use?
//!
//! The worst case is what a call *may* generate: its limit, 4,096 tokens for an answer of
//! 200. A budget that holds worst cases admits few calls at once. [`LearnedOutput`] holds
//! what calls of the same kind really used instead, by an order statistic over the last 256
//! of them: no assumption about the shape of the distribution, and one number to choose.
//!
//! With `n` calls seen and the quantile `q`, the rank is `ceil(q × (n + 1))`: the one place
//! added stands for the call to come. For 95 %, 18 calls give rank 19, which does not
//! exist, so there is no answer; 19 calls give rank 19, the largest.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::values::ShortText;
use parking_lot::Mutex;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::Error;

/// How much output a reservation holds.
///
/// | | holds | a call may exceed its hold | right for |
/// |---|---|---|---|
/// | [`WorstCase`](Self::WorstCase) | all that the call may generate | never | a limit that must not be crossed |
/// | [`Learned`](Self::Learned) | what most earlier calls used | in the stated share of calls | many calls at once under one budget |
///
/// # Example: the default holds the worst case
/// ```
/// use token_budget::tokens::OutputSizing;
///
/// assert!(matches!(OutputSizing::default(), OutputSizing::WorstCase));
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum OutputSizing {
    /// All that the call may generate: what the request asks for, within what the model and
    /// the caps allow.
    #[default]
    WorstCase,
    /// What so many of a million earlier calls stayed within, never more than the worst
    /// case.
    ///
    /// A call may use more than its hold: the decision says how much more, and what is
    /// above the hold is charged in full when the call is reconciled, above the limit if
    /// need be.
    Learned(Arc<LearnedOutput>),
}

/// Learns from reconciled calls how much output they use, by model and use case.
///
/// Of the last 256 calls of a model for a use case it answers with the output that the
/// stated part of them stayed within: an order statistic, with one place added for the call
/// to come. Until there are enough calls for that (19 for 95 %, 99 for 99 %) it has no
/// answer, and the enforcer holds the worst case. The enforcer learns each organisation's
/// use cases apart.
///
/// What one gets wrong: an answer that its own limit cut short would have been longer. The
/// enforcer therefore learns such an answer as `u64::MAX`; if many answers are cut, the
/// quantile is `u64::MAX`, and the worst case is held again. Whoever calls
/// [`learn`](Self::learn) by hand does the same.
///
/// At most 1,024 pairs of model and use case are learned, two kilobytes each; later ones
/// have no answer.
///
/// # Example: nineteen short answers make the twentieth cheap to hold
/// ```
/// use token_budget::tokens::LearnedOutput;
///
/// let learned = LearnedOutput::new(950_000)?;
/// for answer in 1..=19 {
///     assert_eq!(learned.size("gpt-4o", None), None);
///     learned.learn("gpt-4o", None, answer * 10);
/// }
/// // Rank 95 % of 20, the nineteenth of nineteen.
/// assert_eq!(learned.size("gpt-4o", None), Some(190));
/// # Ok::<(), token_budget::Error>(())
/// ```
///
/// # Example: what was learned outlives the process
/// ```
/// use token_budget::tokens::LearnedOutput;
///
/// let learned = LearnedOutput::new(500_000)?;
/// learned.learn("gpt-4o", Some("chat"), 120);
/// let saved = serde_json::to_string(&learned).expect("JSON");
/// let restored: LearnedOutput = serde_json::from_str(&saved).expect("the same version");
/// // Rank one half of 2: the one call that was seen.
/// assert_eq!(restored.size("gpt-4o", Some("chat")), Some(120));
/// assert_eq!(restored.size("gpt-4o", Some("summary")), None);
/// # Ok::<(), token_budget::Error>(())
/// ```
pub struct LearnedOutput {
    /// What so many of a million calls are to stay within.
    quantile_ppm: u32,
    /// The last outputs by model and use case.
    outputs: Mutex<BTreeMap<OutputKey, Outputs>>,
}

impl fmt::Debug for LearnedOutput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LearnedOutput({} of a million)", self.quantile_ppm)
    }
}

/// A model, and a use case or none.
type OutputKey = (ShortText, ShortText);

/// The last outputs, in tokens, in the order in which they came.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Outputs {
    tokens: Vec<u64>,
    /// Where the next output goes once all places are taken: over the oldest.
    next: usize,
}

/// Outputs that are remembered of each pair: enough for 99.6 %, and two kilobytes.
const OUTPUTS_MAX: usize = 256;
/// Pairs of model and use case: a caller may name a new one with each call, so memory needs
/// an end.
const KEYS_MAX: usize = 1_024;
/// Bytes of a name that tell it from others.
const NAME_BYTES_MAX: usize = 128;
/// The version of what is written down.
const VERSION: u32 = 1;

impl LearnedOutput {
    /// Holds what so many of a million calls stay within.
    ///
    /// # Errors
    /// `ErrorKind::Invalid` below 500,000 or above 996,000: 256 calls cannot tell more.
    pub fn new(quantile_ppm: u32) -> Result<Self, Error> {
        if !(500_000..=996_000).contains(&quantile_ppm) {
            let text = format!("a quantile of {quantile_ppm} millionths is not from 500000 to 996000");
            return Err(Error::invalid("output sizing", text));
        }
        Ok(Self { quantile_ppm, outputs: Mutex::default() })
    }

    /// Returns the output tokens to hold for one answer; `None` until enough calls were
    /// seen.
    #[must_use]
    pub fn size(&self, model: &str, use_case: Option<&str>) -> Option<u64> {
        let outputs = self.outputs.lock();
        let mut tokens = outputs.get(&key(model, use_case))?.tokens.clone();
        drop(outputs);
        tokens.sort_unstable();
        // Of n calls and the one to come, the rank that the quantile needs.
        let calls = u64::try_from(tokens.len()).ok()?.saturating_add(1);
        let rank = calls.saturating_mul(u64::from(self.quantile_ppm)).div_ceil(1_000_000);
        tokens.get(usize::try_from(rank).ok()?.checked_sub(1)?).copied()
    }

    /// Learns what one answer used, in output tokens.
    pub fn learn(&self, model: &str, use_case: Option<&str>, tokens: u64) {
        let key = key(model, use_case);
        let mut outputs = self.outputs.lock();
        if outputs.len() >= KEYS_MAX && !outputs.contains_key(&key) {
            return;
        }
        let outputs = outputs.entry(key).or_default();
        if outputs.tokens.len() < OUTPUTS_MAX {
            outputs.tokens.push(tokens);
        } else if let Some(oldest) = outputs.tokens.get_mut(outputs.next) {
            *oldest = tokens;
        }
        outputs.next = outputs.next.saturating_add(1).checked_rem(OUTPUTS_MAX).unwrap_or(0);
    }
}

/// The key of a pair, its names cut at a character.
fn key(model: &str, use_case: Option<&str>) -> OutputKey {
    let cut = |name: &str| -> ShortText {
        let mut end = name.len().min(NAME_BYTES_MAX);
        while !name.is_char_boundary(end) {
            end = end.saturating_sub(1);
        }
        name.get(..end).unwrap_or_default().into()
    };
    (cut(model), cut(use_case.unwrap_or_default()))
}

/// What is written down.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Saved {
    version: u32,
    quantile_ppm: u32,
    outputs: Vec<(OutputKey, Outputs)>,
}

impl Serialize for LearnedOutput {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let outputs =
            self.outputs.lock().iter().map(|(key, outputs)| (key.clone(), outputs.clone())).collect();
        Saved { version: VERSION, quantile_ppm: self.quantile_ppm, outputs }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for LearnedOutput {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let saved = Saved::deserialize(deserializer)?;
        let fits = |outputs: &Outputs| outputs.tokens.len() <= OUTPUTS_MAX && outputs.next < OUTPUTS_MAX;
        if saved.version != VERSION || saved.outputs.len() > KEYS_MAX {
            let (version, count) = (saved.version, saved.outputs.len());
            let text = format!("output sizing: version {version} with {count} entries cannot be read");
            return Err(serde::de::Error::custom(text));
        }
        if !saved.outputs.iter().all(|(_, outputs)| fits(outputs)) {
            return Err(serde::de::Error::custom("output sizing: an entry cannot be"));
        }
        let learned = Self::new(saved.quantile_ppm).map_err(serde::de::Error::custom)?;
        let each = saved
            .outputs
            .into_iter()
            .map(|((model, use_case), outputs)| (key(&model, Some(&use_case)), outputs));
        *learned.outputs.lock() = each.collect();
        Ok(learned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_needs_enough_calls_and_counts_the_one_to_come() {
        let learned = LearnedOutput::new(900_000).unwrap();
        for tokens in 1..=8 {
            learned.learn("m", Some("chat"), tokens);
        }
        // 90 % of 9 is rank 9, which 8 calls do not have.
        assert_eq!(learned.size("m", Some("chat")), None);
        learned.learn("m", Some("chat"), 9);
        assert_eq!(learned.size("m", Some("chat")), Some(9));
        assert_eq!(learned.size("m", None), None);
        for tokens in 10..=19 {
            learned.learn("m", Some("chat"), tokens);
        }
        // 90 % of 20 is the eighteenth of nineteen.
        assert_eq!(learned.size("m", Some("chat")), Some(18));
    }

    #[test]
    fn old_calls_are_forgotten_and_memory_has_an_end() {
        let learned = LearnedOutput::new(500_000).unwrap();
        for _ in 0..256 {
            learned.learn("m", None, 1_000);
        }
        for _ in 0..256 {
            learned.learn("m", None, 10);
        }
        assert_eq!(learned.size("m", None), Some(10));
        for model in 0..2_000 {
            learned.learn(&format!("m-{model}"), None, 1);
        }
        assert_eq!(learned.outputs.lock().len(), 1_024);
    }

    #[test]
    fn what_was_learned_survives_being_written_down() {
        let learned = LearnedOutput::new(500_000).unwrap();
        learned.learn("m", Some("chat"), u64::MAX);
        let text = serde_json::to_string(&learned).unwrap();
        let restored: LearnedOutput = serde_json::from_str(&text).unwrap();
        assert_eq!(restored.size("m", Some("chat")), Some(u64::MAX));
        assert!(
            serde_json::from_str::<LearnedOutput>(&text.replace("\"version\":1", "\"version\":9")).is_err()
        );
        assert!(LearnedOutput::new(499_999).is_err() && LearnedOutput::new(996_001).is_err());
    }
}
