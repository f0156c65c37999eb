//! How is what was learned written down, and read again?
//!
//! The JSON carries a version, and [`Deserialize`] reads the version before anything else:
//! a file of another version has other fields, and the reader must say "version", not
//! "unknown field". What is read is checked as strictly as what is learned is bounded: a
//! file with too many models, or with a sketch that no series of calls can make, is refused
//! whole.

use crate::values::ShortText;
use parking_lot::Mutex;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::sketch::Sketch;
use super::{Calibration, Learned, MODELS_MAX, Sketches, VERSION, key};
use crate::Error;

/// What is written down. Each list is in the order of its names, so that equal calibrations
/// write equal files.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Saved {
    version: u32,
    models: Vec<SavedSketch>,
    families: Vec<SavedSketch>,
    makers: Vec<SavedSketch>,
    all: Vec<SavedSketch>,
}

/// One name with its shares.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SavedSketch {
    name: ShortText,
    has_tools: bool,
    sketch: Sketch,
}

impl Serialize for Calibration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let saved = |sketches: &Sketches| {
            let each = |((name, has_tools), sketch): (&(ShortText, bool), &Sketch)| SavedSketch {
                name: name.clone(),
                has_tools: *has_tools,
                sketch: sketch.clone(),
            };
            sketches.iter().map(each).collect()
        };
        let learned = self.learned.lock().clone();
        let Learned { models, families, makers, all } = &learned;
        Saved {
            version: VERSION,
            models: saved(models),
            families: saved(families),
            makers: saved(makers),
            all: saved(all),
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Calibration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // The version first: what another version wrote has other fields.
        let value = serde_json::Value::deserialize(deserializer)?;
        let version = value.get("version").and_then(serde_json::Value::as_u64);
        if version != Some(u64::from(VERSION)) {
            let written = version.map_or_else(|| "none".to_owned(), |version| version.to_string());
            let text =
                format!("was written as version {written}, this reads version {VERSION}: learn it anew");
            return Err(serde::de::Error::custom(Error::invalid("calibration", text)));
        }
        let saved: Saved = serde_json::from_value(value).map_err(serde::de::Error::custom)?;
        Self::restored(saved).map_err(serde::de::Error::custom)
    }
}

impl Calibration {
    /// Checks what was read, and puts it in place.
    fn restored(saved: Saved) -> Result<Self, Error> {
        let pools = [&saved.models, &saved.families, &saved.makers, &saved.all];
        let most = pools.iter().map(|pool| pool.len()).max().unwrap_or(0);
        if most > MODELS_MAX {
            return Err(Error::invalid(
                "calibration",
                format!("holds {most} models, at most {MODELS_MAX} can be"),
            ));
        }
        let sketches = |saved: Vec<SavedSketch>| -> Result<Sketches, Error> {
            let each = |saved: SavedSketch| {
                saved.sketch.check()?;
                Ok((key(&saved.name, saved.has_tools), saved.sketch))
            };
            saved.into_iter().map(each).collect()
        };
        let learned = Learned {
            models: sketches(saved.models)?,
            families: sketches(saved.families)?,
            makers: sketches(saved.makers)?,
            all: sketches(saved.all)?,
        };
        Ok(Self { learned: Mutex::new(learned) })
    }
}
