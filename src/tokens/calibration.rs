//! How far from what was expected do calls really come out?
//!
//! A bound is made for every caller of a family, so it is wide. One application sends
//! prompts of one kind, and its calls stray less. Calibration measures the stray in *shares
//! of the margin*: the margin of an estimate is what lies between `expected` and the
//! uncalibrated bound, and a call that took `expected` used 0 of it, a call that took the
//! bound 1,000 thousandths. Shares of short and long prompts are comparable, so one sketch
//! of the last 256 shares serves all sizes.
//!
//! Two rules keep a learned bound honest. It never goes below `expected`, because a
//! provider that reports too little would otherwise talk the bound down. And it claims no
//! more than the number of calls can show: with 49 calls, the next call lies above the
//! largest of them once in 50.
//!
//! Rejected: a mean with a variance, which assumes a bell curve that token counts do not
//! have, and a bound that is fitted without a limit, which one call with a stored context
//! would ruin.

mod saved;
mod sketch;

use std::collections::BTreeMap;
use std::fmt;

use crate::values::ShortText;
use parking_lot::Mutex;
use serde::Serialize;

use super::estimate::{Estimate, EstimateKind};
use super::profile;
use sketch::{ONE_IN, ONE_IN_ALL, Sketch};

/// Learns from reconciled calls how large the bound has to be, for each model with and
/// without tools.
///
/// An estimate holds a margin above what is expected. For each of the last 256 calls
/// calibration remembers what share of that margin the call used: none if the call took
/// what was expected or less, all if the call took the bound.
///
/// * **It narrows** the bound to the share that one call in fifty exceeds, and a twentieth
///   of the margin more. It needs as many calls as the claim needs: 49 of the model, else
///   of its family, else of its maker's families, else 99 of all models (with tools, or
///   without). A pool of all makers' calls claims 99 of 100, because such calls are less
///   alike. No bound goes below what is expected, whatever a provider reports. No bound
///   that others' calls made goes below what the model's own calls took.
/// * **It widens** the bound if two calls of the model, or of its family, lay above the
///   measured margin: to the second largest of them and 15 % of the margin more, at most to
///   some four margins. One such call is an outlier and no law.
///
/// Calibration holds at most 1,024 models, a kilobyte for each, and then learns only for
/// families. It is shared by threads behind an `Arc`, and written to JSON by serde.
///
/// What one gets wrong: calibration learns input tokens only, and only from calls whose
/// provider reported its usage. A guess (files, images, the provider's own tools, a kind of
/// prompt that was never recorded) is neither learned from nor changed.
///
/// # Example: forty-nine calls tighten the bound, forty-eight do not
/// ```
/// use token_budget::tokens::{Calibration, Estimate};
///
/// let calibration = Calibration::new();
/// // Expected are 1,000 tokens; the bound lies 200 above.
/// let estimate = Estimate::likely(1_000, 1_200, 980_000);
/// for _ in 0..48 {
///     calibration.observe("claude-opus-4-5", &estimate, 1_040); // a fifth of the margin
/// }
/// assert_eq!(calibration.applied("claude-opus-4-5", estimate).tokens, 1_200);
///
/// calibration.observe("claude-opus-4-5", &estimate, 1_040);
/// let narrowed = calibration.applied("claude-opus-4-5", estimate);
/// // The largest share is 20 %; with 5 % for what was not seen yet, 25 % of 200 are held.
/// assert_eq!((narrowed.tokens, narrowed.confidence_ppm), (1_050, 980_000));
///
/// // A sibling without calls of its own is judged by the family; a call with tools is not.
/// assert_eq!(calibration.applied("claude-sonnet-4-5", estimate).tokens, 1_050);
/// ```
///
/// # Example: a second call above the bound widens it
/// ```
/// use token_budget::tokens::{Calibration, Estimate};
///
/// let calibration = Calibration::new();
/// let estimate = Estimate::likely(1_000, 1_200, 980_000);
/// calibration.observe("gpt-4o", &estimate, 1_260); // 130 % of the margin: an outlier, so far
/// assert_eq!(calibration.applied("gpt-4o", estimate).tokens, 1_200);
/// calibration.observe("gpt-4o", &estimate, 1_260);
/// // 130 % and 15 % of 200.
/// assert_eq!(calibration.applied("gpt-4o", estimate).tokens, 1_290);
/// assert_eq!(calibration.report().under_ppm(), Some(1_000_000)); // both were above their bound
/// ```
///
/// # Example: an estimator that learns
/// ```
/// use std::sync::Arc;
/// use token_budget::call::{Message, Prompt};
/// use token_budget::tokens::{Calibration, FamilyEstimator};
/// use token_budget::TokenEstimator;
///
/// let calibration = Arc::new(Calibration::new());
/// let estimator = FamilyEstimator::new().calibrated(Arc::clone(&calibration));
/// let message = Message::user("Tell me about the tallest mountain. ".repeat(20));
/// let prompt = Prompt { messages: vec![message], tools: vec![] };
///
/// let before = estimator.count("claude-opus-4-5", &prompt);
/// for _ in 0..49 {
///     // The enforcer does this. Each call takes what was expected.
///     estimator.observe("claude-opus-4-5", &before, before.expected);
/// }
/// let after = estimator.count("claude-opus-4-5", &prompt);
/// assert!(after.tokens < before.tokens);
/// assert_eq!(after.uncalibrated, before.tokens);
/// assert_eq!(calibration.report().under, 0);
/// ```
#[derive(Default)]
pub struct Calibration {
    learned: Mutex<Learned>,
}

impl fmt::Debug for Calibration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Calibration")
    }
}

/// A name (of a model, a family or a maker) and whether there were tools, with its shares.
type Sketches = BTreeMap<(ShortText, bool), Sketch>;

/// Shares by model, family, maker and over all, each with and without tools.
#[derive(Clone, Debug, Default)]
struct Learned {
    models: Sketches,
    families: Sketches,
    makers: Sketches,
    all: Sketches,
}

/// How the issued bounds fared.
///
/// `observed` and `under` count calls since the calibration was made, or since the start of
/// the one that was restored: they do not forget the oldest calls, as the shares do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct CalibrationReport {
    /// Calls whose bound was compared with the reported input.
    pub observed: u64,
    /// Those of them that took more than their bound.
    pub under: u64,
    /// Models that are learned apart; a model with and without tools counts twice.
    pub models: usize,
}

/// How the bounds of one model fared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ModelCalibration {
    /// The model's name, as it was called.
    pub model: String,
    /// Whether these are its calls with tools.
    pub has_tools: bool,
    /// Calls whose bound was compared with what was reported.
    pub observed: u64,
    /// Those of them that took more than the bound that was issued for them.
    pub under: u64,
}

/// Models that are learned apart. A caller may name a new model with each call, so memory
/// needs an end.
const MODELS_MAX: usize = 1_024;
/// Bytes of a model's name that tell it from others: an ARN of Bedrock's fits.
const NAME_BYTES_MAX: usize = 128;
/// The version of what is serialised. Version 1 knew shares of other margins.
const VERSION: u32 = 2;
/// The name under which all models are pooled.
const ALL: &str = "all";

impl Calibration {
    /// Returns a calibration that has learned nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns the estimate with the bound that was learned, or unchanged if nothing was
    /// learned.
    ///
    /// The first answer of these counts: a bound that the model's calls, or its family's,
    /// proved too small; a narrower one of the model's own calls; one of its family, its
    /// maker, or of all.
    #[must_use]
    pub fn applied(&self, model: &str, estimate: Estimate) -> Estimate {
        if !is_learned_from(&estimate) {
            return estimate;
        }
        let profile = profile::of(model);
        let learned = self.learned.lock();
        let own = learned.models.get(&key(model, estimate.has_tools));
        let family = learned.families.get(&key(profile.name, estimate.has_tools));
        let maker = learned.makers.get(&key(profile.maker, estimate.has_tools));
        let all = learned.all.get(&key(ALL, estimate.has_tools));
        let all = || all.and_then(|all| all.narrowed(&estimate, ONE_IN_ALL));
        let widened = [own, family].into_iter().flatten().find_map(|sketch| sketch.widened(&estimate));
        let narrowed = |sketch: &Sketch| sketch.narrowed(&estimate, ONE_IN);
        let pooled = || [family, maker].into_iter().flatten().find_map(narrowed).or_else(all);
        let (tokens, confidence_ppm) = if let Some(tokens) = widened {
            (tokens, estimate.confidence_ppm)
        } else if let Some(narrowed) = own.and_then(narrowed) {
            narrowed
        } else if let Some((tokens, confidence_ppm)) = pooled() {
            // The model's own calls are among the pool's: what they need is the least.
            (tokens.max(own.map_or(0, |own| own.least(&estimate))), confidence_ppm)
        } else {
            return estimate;
        };
        let Estimate { expected, uncalibrated, has_tools, .. } = estimate;
        Estimate { uncalibrated, has_tools, ..Estimate::likely(expected, tokens, confidence_ppm) }
    }

    /// Learns what a call took whose input was so estimated.
    ///
    /// `reported` counts input tokens. A guess, an estimate with a part that cannot be
    /// counted, and a call of zero tokens teach nothing.
    pub fn observe(&self, model: &str, estimate: &Estimate, reported: u64) {
        if !is_learned_from(estimate) || reported == 0 {
            return;
        }
        let profile = profile::of(model);
        let mut learned = self.learned.lock();
        let Learned { models, families, makers, all } = &mut *learned;
        let model = key(model, estimate.has_tools);
        if models.len() < MODELS_MAX || models.contains_key(&model) {
            models.entry(model).or_default().learn(estimate, reported);
        }
        for (pool, name) in [(families, profile.name), (makers, profile.maker), (all, ALL)] {
            pool.entry(key(name, estimate.has_tools)).or_default().learn(estimate, reported);
        }
    }

    /// Reports how the issued bounds fared, over everything observed.
    #[must_use]
    pub fn report(&self) -> CalibrationReport {
        let learned = self.learned.lock();
        let (observed, under) = learned.all.values().fold((0_u64, 0_u64), |(observed, under), sketch| {
            (observed.saturating_add(sketch.observed()), under.saturating_add(sketch.under()))
        });
        CalibrationReport { observed, under, models: learned.models.len() }
    }

    /// Reports the same for each model that is learned apart, with and without tools, by
    /// name.
    ///
    /// # Example: a model whose bounds are too low shows
    /// ```
    /// use token_budget::tokens::{Calibration, Estimate};
    ///
    /// let calibration = Calibration::new();
    /// calibration.observe("gpt-4o", &Estimate::likely(100, 120, 980_000), 130);
    /// let models = calibration.by_model();
    /// assert_eq!((models[0].model.as_str(), models[0].observed, models[0].under), ("gpt-4o", 1, 1));
    /// ```
    #[must_use]
    pub fn by_model(&self) -> Vec<ModelCalibration> {
        let learned = self.learned.lock();
        let each = |((model, has_tools), sketch): (&(ShortText, bool), &Sketch)| ModelCalibration {
            model: model.to_string(),
            has_tools: *has_tools,
            observed: sketch.observed(),
            under: sketch.under(),
        };
        learned.models.iter().map(each).collect()
    }
}

impl CalibrationReport {
    /// Returns how many of a million calls took more than their bound; `None` before the
    /// first call.
    #[must_use]
    pub fn under_ppm(&self) -> Option<u64> {
        self.under.saturating_mul(1_000_000).checked_div(self.observed)
    }
}

/// A guess has no margin that means anything, and a sum without its uncountable part has a
/// wrong one.
fn is_learned_from(estimate: &Estimate) -> bool {
    estimate.kind != EstimateKind::Guess && !estimate.opaque && estimate.expected > 0
}

/// The key of a name, cut at a character.
fn key(name: &str, has_tools: bool) -> (ShortText, bool) {
    let mut end = name.len().min(NAME_BYTES_MAX);
    while !name.is_char_boundary(end) {
        end = end.saturating_sub(1);
    }
    (name.get(..end).unwrap_or_default().into(), has_tools)
}

#[cfg(test)]
mod tests;
