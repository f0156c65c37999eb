//! Which responses were recorded, and what comes out of their bodies?

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;
use token_budget::wire::{StreamMeter, UsageReport, extract};

/// One object of `index.json`.
#[derive(Debug, Deserialize)]
pub(crate) struct Entry {
    pub(crate) id: String,
    pub(crate) file: String,
    pub(crate) provider: String,
    pub(crate) api: String,
    pub(crate) stream: bool,
    pub(crate) status: u16,
    #[serde(default)]
    pub(crate) headers: BTreeMap<String, String>,
    /// What the response means; its fields are described beside the data.
    pub(crate) expected: Value,
}

/// Every entry of the index in that folder.
pub(crate) fn index(folder: &Path) -> Result<Vec<Entry>, String> {
    let path = folder.join("index.json");
    let text = fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    serde_json::from_slice(&text).map_err(|error| format!("{}: {error}", path.display()))
}

impl Entry {
    /// The recorded bytes.
    pub(crate) fn body(&self, folder: &Path) -> Result<Vec<u8>, String> {
        fs::read(folder.join(&self.file)).map_err(|error| format!("{}: {error}", self.file))
    }

    /// The provider and the form of its answer: `openai/openai-chat stream`.
    pub(crate) fn label(&self) -> String {
        format!("{}/{}{}", self.provider, self.api, if self.stream { " stream" } else { "" })
    }

    /// The whole body read at once; as text, why it could not be read.
    pub(crate) fn extract(&self, body: &[u8]) -> Result<UsageReport, String> {
        let headers = self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        extract(Some(&self.provider), body, headers).map_err(|error| error.to_string())
    }

    /// The body read by somebody who does not know whose it is.
    pub(crate) fn unnamed(&self, body: &[u8]) -> UsageReport {
        let mut meter = StreamMeter::new(None);
        meter.push(body);
        meter.finish()
    }

    /// The body read as a stream, in pieces that end at those places.
    pub(crate) fn meter(&self, body: &[u8], cuts: &[usize]) -> UsageReport {
        let mut meter = StreamMeter::new(Some(&self.provider));
        let mut from = 0;
        for to in cuts.iter().copied().chain([body.len()]) {
            meter.push(body.get(from..to).unwrap_or_default());
            from = to;
        }
        meter.finish()
    }
}

/// Places at which streams are cut, the same for the same seed.
#[derive(Debug)]
pub(crate) struct Cuts(u64);

impl Cuts {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Rising places within `length` bytes, some of them side by side.
    pub(crate) fn of(&mut self, length: usize) -> Vec<usize> {
        let mut places: Vec<usize> =
            (0..=self.below(12)).map(|_| self.below(length.saturating_add(1))).collect();
        places.sort_unstable();
        places
    }

    /// A number below `end`, by splitmix64.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let word = usize::try_from((word ^ (word >> 31)) >> 1).unwrap_or(0);
        word.checked_rem(end).unwrap_or(0)
    }
}
