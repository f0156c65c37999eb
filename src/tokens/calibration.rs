//! How far from what was expected do calls really come out?

mod saved;
mod sketch;

use std::collections::BTreeMap;
use std::fmt;

use compact_str::{CompactString, ToCompactString};
use parking_lot::Mutex;
use serde::Serialize;

use super::estimate::{Estimate, EstimateKind};
use super::profile::Profile;
use sketch::{ONE_IN, ONE_IN_ALL, Sketch};

/// Learns from reconciled calls how large the bound has to be, for each model with and without tools.
///
/// An estimate holds a margin above what is expected. For each of the last 256 calls it
/// remembers what share of that margin the call used: none where it took what was
/// expected or less, all where it took the bound.
///
/// * **It narrows** to the share that one call in fifty exceeds, and a twentieth of the margin more, and never on fewer
///   calls than that claims: 49 of the model, else of its family, else of its maker's families, else of all models with
///   tools, or of all without. `confidence_ppm` is what order statistics say: of 49 calls the next lies above the
///   largest in one of 50, if calls stay as they are. A pool of all makers' calls needs 99 and claims 99 of 100, since
///   they are less alike. No bound goes below what is expected, whatever a provider reports, and none that others'
///   calls made below what the model's own took.
/// * **It widens** where two calls of the model, or of its family, lay above the measured margin, to the second of them
///   and 15 % more, at most to some four margins. One such call is an outlier and no law.
///
/// It holds at most 1,024 models, a kilobyte for each, and then learns only for
/// families. It is serialisable, and shared by threads behind an `Arc`. A guess
/// (files, images, the provider's own tools, a kind that was never recorded) is neither learned from nor changed.
///
/// # Example: forty-nine calls tighten the bound
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
///     // Each call takes what was expected.
///     estimator.observe("claude-opus-4-5", &before, before.expected);
/// }
/// let after = estimator.count("claude-opus-4-5", &prompt);
/// assert!(after.tokens < before.tokens);
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

type Sketches = BTreeMap<(CompactString, bool), Sketch>;

/// Shares by model, family, maker and over all, with and without tools.
#[derive(Clone, Debug, Default)]
struct Learned {
    models: Sketches,
    families: Sketches,
    makers: Sketches,
    all: Sketches,
}

/// How the bounds fared that were issued.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct CalibrationReport {
    /// Calls whose bound was compared with what was reported.
    pub observed: u64,
    /// Those of them that took more than their bound.
    pub under: u64,
    /// Models learned apart, each with and without tools.
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

/// Models that are learned apart.
const MODELS_MAX: usize = 1_024;
/// Bytes of a model's name that tell it from others.
const NAME_BYTES_MAX: usize = 128;
/// The version of what is serialised. Version 1 knew shares of other margins.
const VERSION: u32 = 2;
/// Under what name all models are pooled.
const ALL: &str = "all";

impl Calibration {
    /// Nothing learned yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The estimate with the bound that was learned; unchanged where nothing was.
    #[must_use]
    pub fn applied(&self, model: &str, estimate: Estimate) -> Estimate {
        if !is_learned_from(&estimate) {
            return estimate;
        }
        let profile = Profile::of(model);
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

    /// Learns what a call took that was estimated so; guesses and calls without tokens are left out.
    pub fn observe(&self, model: &str, estimate: &Estimate, reported: u64) {
        if !is_learned_from(estimate) || reported == 0 {
            return;
        }
        let profile = Profile::of(model);
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

    /// How the bounds fared that were issued, over everything observed.
    #[must_use]
    pub fn report(&self) -> CalibrationReport {
        let learned = self.learned.lock();
        let (observed, under) = learned.all.values().fold((0_u64, 0_u64), |(observed, under), sketch| {
            (observed.saturating_add(sketch.observed()), under.saturating_add(sketch.under()))
        });
        CalibrationReport { observed, under, models: learned.models.len() }
    }

    /// The same for each model that is learned apart, with and without tools, by name.
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
        let each = |((model, has_tools), sketch): (&(CompactString, bool), &Sketch)| ModelCalibration {
            model: model.to_string(),
            has_tools: *has_tools,
            observed: sketch.observed(),
            under: sketch.under(),
        };
        learned.models.iter().map(each).collect()
    }
}

impl CalibrationReport {
    /// Calls that took more than their bound, in a million; `None` before the first call.
    #[must_use]
    pub fn under_ppm(&self) -> Option<u64> {
        self.under.saturating_mul(1_000_000).checked_div(self.observed)
    }
}

fn is_learned_from(estimate: &Estimate) -> bool {
    estimate.kind != EstimateKind::Guess && !estimate.opaque && estimate.expected > 0
}

fn key(name: &str, has_tools: bool) -> (CompactString, bool) {
    let mut end = name.len().min(NAME_BYTES_MAX);
    while !name.is_char_boundary(end) {
        end = end.saturating_sub(1);
    }
    (name.get(..end).unwrap_or_default().to_compact_string(), has_tools)
}

#[cfg(test)]
mod tests;
