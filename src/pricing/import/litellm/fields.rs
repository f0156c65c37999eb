//! What does a field of LiteLLM's table price?
//!
//! A name is a meter's, then what limits it, in any order: a lifetime in a
//! cache, a length of the input, a tier. Thirty meters, eight tiers and any threshold
//! make more names than a list could hold, so a name is taken apart. What is left over
//! of a name after its parts makes the field one that is not understood.

use rust_decimal::Decimal;

use crate::pricing::import::json::Json;
use crate::values::{Meter, ServiceTier};

/// One rate that a field gives: for what, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CostField {
    pub(super) meter: Meter,
    pub(super) tier: ServiceTier,
    /// The threshold in thousands of tokens of input.
    pub(super) above_k: Option<u64>,
    unit: Unit,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    /// A token or character, of which we price a million.
    One,
    /// A request, page or image.
    Piece,
    /// A thousand requests.
    Thousand,
    /// A second, of which we price an hour.
    Second,
}

/// Fields that mean the same for every kind of model.
const FIELDS: [(&str, Meter, Unit); 31] = [
    ("input_cost_per_token", Meter::Input, Unit::One),
    ("output_cost_per_token", Meter::Output, Unit::One),
    ("cache_read_input_token_cost", Meter::CachedInput, Unit::One),
    ("cache_creation_input_token_cost", Meter::CacheWrite5m, Unit::One),
    ("output_cost_per_reasoning_token", Meter::Reasoning, Unit::One),
    ("input_cost_per_audio_token", Meter::InputAudio, Unit::One),
    ("input_cost_per_image_token", Meter::InputImage, Unit::One),
    ("input_cost_per_video_token", Meter::InputVideo, Unit::One),
    ("cache_read_input_audio_token_cost", Meter::CachedAudio, Unit::One),
    ("cache_read_input_image_token_cost", Meter::CachedImage, Unit::One),
    ("cache_read_input_video_token_cost", Meter::CachedVideo, Unit::One),
    ("cache_creation_input_audio_token_cost", Meter::CacheWriteAudio, Unit::One),
    ("output_cost_per_audio_token", Meter::OutputAudio, Unit::One),
    ("output_cost_per_image_token", Meter::OutputImage, Unit::One),
    ("output_cost_per_video_token", Meter::OutputVideo, Unit::One),
    ("citation_cost_per_token", Meter::Citation, Unit::One),
    ("input_cost_per_character", Meter::CharacterIn, Unit::One),
    ("output_cost_per_character", Meter::CharacterOut, Unit::One),
    ("input_cost_per_request", Meter::Request, Unit::Piece),
    ("input_cost_per_image", Meter::ImageIn, Unit::Piece),
    ("output_cost_per_image", Meter::ImageOut, Unit::Piece),
    ("ocr_cost_per_page", Meter::Page, Unit::Piece),
    ("annotation_cost_per_page", Meter::AnnotatedPage, Unit::Piece),
    ("google_maps_grounding_cost_per_query", Meter::MapsSearch, Unit::Piece),
    ("code_interpreter_cost_per_session", Meter::CodeExecution, Unit::Piece),
    ("file_search_cost_per_1k_calls", Meter::FileSearch, Unit::Thousand),
    ("input_cost_per_audio_per_second", Meter::AudioInMs, Unit::Second),
    ("input_cost_per_video_per_second", Meter::VideoInMs, Unit::Second),
    ("output_cost_per_audio_per_second", Meter::AudioOutMs, Unit::Second),
    ("output_cost_per_video_per_second", Meter::VideoOutMs, Unit::Second),
    ("output_cost_per_image_generation", Meter::ImageGeneration, Unit::Piece),
];

/// Fields whose meaning lies in the kind of the model.
fn of_mode(name: &str, mode: &str) -> Option<(Meter, Unit)> {
    Some(match (name, mode) {
        ("input_cost_per_second", "audio_transcription") => (Meter::AudioInMs, Unit::Second),
        // Of a transcription it is the sound that was sent, once more.
        ("output_cost_per_second", "audio_transcription") => (Meter::AudioInMs, Unit::Second),
        ("output_cost_per_second", "audio_speech") => (Meter::AudioOutMs, Unit::Second),
        ("output_cost_per_second", "video_generation") => (Meter::VideoOutMs, Unit::Second),
        ("input_cost_per_query", "rerank") => (Meter::SearchUnit, Unit::Piece),
        ("input_cost_per_query", "search") => (Meter::Request, Unit::Piece),
        _ => return None,
    })
}

const TIERS: [(&str, ServiceTier); 7] = [
    ("_batches", ServiceTier::Batch),
    ("_flex", ServiceTier::Flex),
    ("_priority", ServiceTier::Priority),
    ("_ultrafast", ServiceTier::Ultrafast),
    ("_fast", ServiceTier::Fast),
    ("_balanced", ServiceTier::Balanced),
    ("_decisions", ServiceTier::Decisions),
];

impl CostField {
    /// What a field of that name prices, for a model of that kind.
    pub(super) fn named(name: &str, mode: &str) -> Option<Self> {
        if let Some((meter, unit)) = of_mode(name, mode) {
            return Some(Self { meter, tier: ServiceTier::Standard, above_k: None, unit });
        }
        FIELDS.into_iter().find_map(|(base, meter, unit)| {
            let field = Self { meter, tier: ServiceTier::Standard, above_k: None, unit };
            field.limited(name.strip_prefix(base)?)
        })
    }

    /// The figure in our unit: per million, per piece or per hour.
    pub(super) fn rate(self, value: &Json<'_>) -> Result<Decimal, String> {
        match self.unit {
            Unit::One => value.figure(6),
            Unit::Piece => value.figure(0),
            Unit::Thousand => value.figure(-3),
            Unit::Second => {
                let second = value.figure(0)?;
                let hour = second.checked_mul(Decimal::from(3_600));
                hour.map(|hour| hour.normalize()).ok_or_else(|| format!("{second} cannot be kept exactly"))
            }
        }
    }

    /// The field with the limits that the rest of its name says.
    fn limited(self, rest: &str) -> Option<Self> {
        if rest.is_empty() {
            return Some(self);
        }
        if let Some((rest, tier)) =
            TIERS.into_iter().find_map(|(word, tier)| Some((rest.strip_prefix(word)?, tier)))
        {
            let fresh = self.tier == ServiceTier::Standard;
            return if fresh { Self { tier, ..self }.limited(rest) } else { None };
        }
        let above = rest.strip_prefix("_above_")?;
        for lifetime in ["12hr", "1hr"] {
            if let Some(rest) = above.strip_prefix(lifetime) {
                let write = self.meter == Meter::CacheWrite5m;
                return if write { Self { meter: Meter::CacheWrite1h, ..self }.limited(rest) } else { None };
            }
        }
        let (thousands, rest) = above.split_once("k_tokens")?;
        let digits = !thousands.is_empty() && thousands.bytes().all(|byte| byte.is_ascii_digit());
        let above_k = Some(thousands.parse::<u64>().ok().filter(|_| digits && self.above_k.is_none())?);
        Self { above_k, ..self }.limited(rest)
    }
}

/// Whether a field's name says that it bears on the cost.
pub(super) fn bears_cost(name: &str) -> bool {
    ["cost", "pric", "uplift", "multiplier", "free_requests", "billing", "fee_", "_fee", "surcharge"]
        .into_iter()
        .any(|word| name.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_its_meter_its_tier_and_its_threshold() {
        let meaning =
            |name: &str| CostField::named(name, "chat").map(|field| (field.meter, field.tier, field.above_k));
        let standard = ServiceTier::Standard;
        assert_eq!(meaning("input_cost_per_token"), Some((Meter::Input, standard, None)));
        assert_eq!(
            meaning("cache_creation_input_token_cost_above_12hr_above_272k_tokens_ultrafast"),
            Some((Meter::CacheWrite1h, ServiceTier::Ultrafast, Some(272)))
        );
        assert_eq!(
            meaning("input_cost_per_token_priority_above_200k_tokens"),
            Some((Meter::Input, ServiceTier::Priority, Some(200)))
        );
        assert_eq!(
            meaning("input_cost_per_image_token_batches"),
            Some((Meter::InputImage, ServiceTier::Batch, None))
        );
        for unknown in [
            "input_cost_per_token_above_15s_interval",
            "output_cost_per_image_1K",
            "output_cost_per_image_above_1024_and_1024_pixels",
            "input_cost_per_token_flex_priority",
            "input_cost_per_token_above_1hr",
            "input_cost_per_token_above_k_tokens",
            "input_cost_per_second",
            "input_cost_per_token_cache_hit",
            "input_dbu_cost_per_token",
        ] {
            assert_eq!(meaning(unknown), None, "{unknown}");
            assert!(bears_cost(unknown));
        }
    }
}
