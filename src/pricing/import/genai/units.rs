//! What does a price key of genai-prices price, and in which unit?
//!
//! Keys end with their unit. `mtok` and `mchars` are per million, as our rates are;
//! `kpages` and `kcount` are per thousand, and ours are per piece, so those figures are
//! shifted by three decimals, exactly.

use rust_decimal::Decimal;

use crate::Error;
use crate::pricing::decimal;
use crate::pricing::import::json::{Json, get};
use crate::values::Meter;

/// Price keys with their meter, and by which power of ten their unit becomes ours.
const KEYS: [(&str, Meter, i32); 30] = [
    ("input_mtok", Meter::Input, 0),
    ("output_mtok", Meter::Output, 0),
    ("cache_read_mtok", Meter::CachedInput, 0),
    ("cache_write_mtok", Meter::CacheWrite5m, 0),
    ("cache_write_1h_mtok", Meter::CacheWrite1h, 0),
    ("output_reasoning_mtok", Meter::Reasoning, 0),
    ("input_audio_mtok", Meter::InputAudio, 0),
    ("input_image_mtok", Meter::InputImage, 0),
    ("input_video_mtok", Meter::InputVideo, 0),
    ("cache_audio_read_mtok", Meter::CachedAudio, 0),
    ("cache_image_read_mtok", Meter::CachedImage, 0),
    ("cache_video_read_mtok", Meter::CachedVideo, 0),
    ("cache_audio_write_mtok", Meter::CacheWriteAudio, 0),
    ("output_audio_mtok", Meter::OutputAudio, 0),
    ("output_image_mtok", Meter::OutputImage, 0),
    ("output_video_mtok", Meter::OutputVideo, 0),
    ("output_citation_mtok", Meter::Citation, 0),
    ("input_mchars", Meter::CharacterIn, 0),
    ("output_mchars", Meter::CharacterOut, 0),
    ("audio_hours", Meter::AudioInMs, 0),
    ("input_audio_hours", Meter::AudioInMs, 0),
    ("output_audio_hours", Meter::AudioOutMs, 0),
    ("input_document_kpages", Meter::Page, -3),
    ("input_annotated_document_kpages", Meter::AnnotatedPage, -3),
    ("rerank_searches_kcount", Meter::SearchUnit, -3),
    ("web_searches_kcount", Meter::WebSearch, -3),
    ("web_fetches_kcount", Meter::WebFetch, -3),
    ("storage_searches_kcount", Meter::FileSearch, -3),
    ("code_executions_kcount", Meter::CodeExecution, -3),
    ("requests_kcount", Meter::Request, -3),
];

/// The meter of a price key, and the power of ten from its unit to ours.
pub(super) fn named(key: &str) -> Option<(Meter, i32)> {
    KEYS.into_iter().find(|(name, ..)| *name == key).map(|(_, meter, shift)| (meter, shift))
}

/// A price that may depend on the length of the whole input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tiered {
    base: Decimal,
    /// Above how many tokens of input which price holds, rising.
    above: Vec<(u64, Decimal)>,
}

impl Tiered {
    /// Reads a number, decimal text, or a base with tiers; says what is wrong otherwise.
    pub(super) fn read(json: &Json<'_>, shift: i32) -> Result<Result<Self, String>, Error> {
        let Json::Map(map) = json else {
            return Ok(figure(json, shift).map(|base| Self { base, above: Vec::new() }));
        };
        let Some(base) = get(map, "base")? else { return Ok(Err("has no base".to_owned())) };
        let Some(Json::List(items)) = get(map, "tiers")? else { return Ok(Err("has no tiers".to_owned())) };
        let mut above = Vec::new();
        for raw in items {
            let Json::Map(tier) = Json::of(raw)? else {
                return Ok(Err("has a tier that is no object".to_owned()));
            };
            let start = get(&tier, "start")?.and_then(|json| json.count());
            match (start, get(&tier, "price")?.map(|json| figure(&json, shift))) {
                (Some(start), Some(Ok(price))) => above.push((start, price)),
                (_, Some(Err(problem))) => return Ok(Err(problem)),
                _ => return Ok(Err("has a tier without start or price".to_owned())),
            }
        }
        above.sort_by_key(|(start, _)| *start);
        Ok(figure(&base, shift).map(|base| Self { base, above }))
    }

    /// The price of a request whose whole input has that many tokens.
    pub(super) fn at(&self, input: u64) -> Decimal {
        self.above.iter().rev().find(|(start, _)| input > *start).map_or(self.base, |(_, price)| *price)
    }

    /// The price, where it is one for every length.
    pub(super) fn whole(&self) -> Option<Decimal> {
        self.above.is_empty().then_some(self.base)
    }

    pub(super) fn edges(&self) -> impl Iterator<Item = u64> {
        self.above.iter().map(|(start, _)| *start)
    }
}

/// A number as JSON writes it, or the same as text.
fn figure(json: &Json<'_>, shift: i32) -> Result<Decimal, String> {
    let Some(text) = json.text() else { return json.figure(shift) };
    let shown = || text.chars().take(40).collect::<String>();
    match decimal::literal(text, shift) {
        Some(value) if value.is_sign_negative() && !value.is_zero() => {
            Err(format!("{:?} is negative", shown()))
        }
        Some(value) => Ok(value),
        None => Err(format!("{:?} is no number that can be kept exactly", shown())),
    }
}
