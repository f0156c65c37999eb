//! How far from what was expected do calls really come out?

mod sketch;

use std::collections::BTreeMap;
use std::fmt;

use compact_str::{CompactString, ToCompactString};
use parking_lot::Mutex;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::estimate::{Estimate, EstimateKind};
use super::profile::Profile;
use crate::Error;
use sketch::Sketch;

/// Learns from reconciled calls how large the bound has to be, for each model with and without tools.
///
/// An estimate holds a margin above what is expected. For each of the last 128 calls it
/// remembers what share of that margin the call used: none where it took what was
/// expected, all where it took the bound. The margin becomes the largest share seen, and
/// 15 % more; a share above all of it widens the bound only once it was seen twice.
/// Where a model has fewer than 12 calls its family's shares decide together with its
/// own; where the family has fewer than 12 too, the measured margin stands.
/// `confidence_ppm` is what order statistics say: of `n` shares the largest is
/// exceeded by the next one in one of `n + 1` calls, if calls stay as they are.
///
/// It holds at most 1,024 models, a kilobyte for each, and then learns only for
/// families. It is serialisable, and shared by threads behind an `Arc`. A guess
/// (files, images, the provider's own tools) is neither learned from nor changed.
///
/// # Example: twenty calls tighten the bound
/// ```
/// use std::sync::Arc;
/// use token_budget::{Calibration, FamilyEstimator, Message, Prompt, TokenEstimator};
///
/// let calibration = Arc::new(Calibration::new());
/// let estimator = FamilyEstimator::new().calibrated(Arc::clone(&calibration));
/// let message = Message::user("Tell me about the tallest mountain. ".repeat(20));
/// let prompt = Prompt { messages: vec![message], tools: vec![] };
///
/// let before = estimator.count("claude-opus-4-5", &prompt);
/// for _ in 0..20 {
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

/// Shares by model and by family, with and without tools.
#[derive(Clone, Debug, Default)]
struct Learned {
    models: BTreeMap<(CompactString, bool), Sketch>,
    families: BTreeMap<(CompactString, bool), Sketch>,
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

/// Models that are learned apart.
const MODELS_MAX: usize = 1_024;
/// Bytes of a model's name that tell it from others.
const NAME_BYTES_MAX: usize = 128;
/// Fewer calls of a model are judged with their family's.
const SAMPLES_MIN: usize = 12;
/// The version of what is serialised.
const VERSION: u32 = 1;

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
        let family = Profile::of(model).name;
        let learned = self.learned.lock();
        let none = Sketch::default();
        let own = learned.models.get(&key(model, estimate.has_tools)).unwrap_or(&none);
        let shared = learned.families.get(&key(family, estimate.has_tools)).unwrap_or(&none);
        let (tokens, confidence_ppm) = if own.len() >= SAMPLES_MIN {
            own.bound(&estimate)
        } else if shared.len() >= SAMPLES_MIN {
            let (tokens, confidence_ppm) = shared.bound(&estimate);
            // The model's own calls are among the family's: what they need is the least.
            (tokens.max(own.largest(&estimate).min(estimate.uncalibrated)), confidence_ppm)
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
        let family = Profile::of(model).name;
        let mut learned = self.learned.lock();
        let has_room = learned.models.len() < MODELS_MAX;
        let model = key(model, estimate.has_tools);
        if has_room || learned.models.contains_key(&model) {
            learned.models.entry(model).or_default().learn(estimate, reported);
        }
        learned.families.entry(key(family, estimate.has_tools)).or_default().learn(estimate, reported);
    }

    /// How the bounds fared that were issued, over everything observed.
    #[must_use]
    pub fn report(&self) -> CalibrationReport {
        let learned = self.learned.lock();
        let families = learned.families.values();
        let (observed, under) = families.fold((0_u64, 0_u64), |(observed, under), sketch| {
            (observed.saturating_add(sketch.observed()), under.saturating_add(sketch.under()))
        });
        CalibrationReport { observed, under, models: learned.models.len() }
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

/// What is written down, and read again.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Saved {
    version: u32,
    models: Vec<SavedSketch>,
    families: Vec<SavedSketch>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SavedSketch {
    name: CompactString,
    has_tools: bool,
    sketch: Sketch,
}

impl Serialize for Calibration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let saved = |sketches: &BTreeMap<(CompactString, bool), Sketch>| {
            let each = |((name, has_tools), sketch): (&(CompactString, bool), &Sketch)| SavedSketch {
                name: name.clone(),
                has_tools: *has_tools,
                sketch: sketch.clone(),
            };
            sketches.iter().map(each).collect()
        };
        let learned = self.learned.lock().clone();
        Saved { version: VERSION, models: saved(&learned.models), families: saved(&learned.families) }
            .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Calibration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::restored(Saved::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

impl Calibration {
    fn restored(saved: Saved) -> Result<Self, Error> {
        if saved.version != VERSION {
            let text = format!("was written as version {}, this reads version {VERSION}", saved.version);
            return Err(Error::invalid("calibration", text));
        }
        let most = saved.models.len().max(saved.families.len());
        if most > MODELS_MAX {
            return Err(Error::invalid(
                "calibration",
                format!("holds {most} models, at most {MODELS_MAX} can be"),
            ));
        }
        let sketches = |saved: Vec<SavedSketch>| -> Result<BTreeMap<_, _>, Error> {
            let each = |saved: SavedSketch| {
                saved.sketch.check()?;
                Ok((key(&saved.name, saved.has_tools), saved.sketch))
            };
            saved.into_iter().map(each).collect()
        };
        let learned = Learned { models: sketches(saved.models)?, families: sketches(saved.families)? };
        Ok(Self { learned: Mutex::new(learned) })
    }
}

#[cfg(test)]
mod tests;
