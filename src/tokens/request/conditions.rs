//! At what price does a request ask to be served?

use super::draft::Media;
use super::shape::RequestShape;
use crate::values::call::conditions::CacheWrites;
use crate::values::{Conditions, Modality, Region, ServiceTier};

/// Prices what the request asks for on top of what the caller says: the dearer of both.
///
/// A cheaper word is not believed before the answer says so. No API that answers at once
/// sells `batch`, and a request for `flex` may be served as standard. `auto` is whatever
/// the account has been set to, at most priority.
pub(super) fn of(shape: &RequestShape, mut conditions: Conditions) -> Conditions {
    let speed = shape.speed.as_deref().and_then(faster);
    // A speed of the model's own is dearer than a place in the queue.
    if let Some(tier) = speed.or_else(|| shape.service_tier.as_deref().and_then(dearer)) {
        conditions = conditions.with_tier(tier);
    }
    if let Some(place) = shape.region.as_deref().map(Region::named).filter(|place| *place != Region::Global) {
        conditions = conditions.with_region(place);
    }
    if let Some(size) = shape.search {
        conditions = conditions.with_search_context(size);
    }
    // What the caller says of all is believed, and so is a field of the shape that was changed since.
    let cache = match (shape.writes_cache, shape.cache) {
        (true, CacheWrites::Unsaid | CacheWrites::ByItself | CacheWrites::Nothing) => CacheWrites::ForLong,
        (false, CacheWrites::Marked | CacheWrites::ForLong) => CacheWrites::ByItself,
        (_, cache) => cache,
    };
    conditions = match (conditions.cache(), cache) {
        (CacheWrites::ForLong, _) | (CacheWrites::Nothing, CacheWrites::ByItself) => conditions,
        _ => conditions.with_cache(cache),
    };
    let conditions = kinds(shape.media).fold(conditions, Conditions::with_input_modality);
    match shape.answer {
        Some(answer) => kinds(answer).fold(conditions.with_output_said(), Conditions::with_output_modality),
        None => conditions,
    }
}

fn kinds(media: Media) -> impl Iterator<Item = Modality> {
    let kinds =
        [(media.sound, Modality::Audio), (media.picture, Modality::Image), (media.film, Modality::Video)];
    kinds.into_iter().filter_map(|(is_there, modality)| is_there.then_some(modality))
}

/// The same with a tier that is named beside the body, if it is dearer.
pub(crate) fn with_dearer(conditions: Conditions, word: &str) -> Conditions {
    match dearer(word) {
        Some(tier) if price(Some(tier)) > price(Some(conditions.tier())) => conditions.with_tier(tier),
        _ => conditions,
    }
}

/// How dear the tier is that a word asks for, beside those of other words.
pub(super) fn rank(word: &str) -> u8 {
    price(dearer(word))
}

/// The order of tiers by what they cost.
fn price(tier: Option<ServiceTier>) -> u8 {
    match tier {
        None | Some(ServiceTier::Standard | ServiceTier::Batch | ServiceTier::Flex) => 0,
        Some(ServiceTier::Ultrafast) => 3,
        Some(ServiceTier::Fast) => 2,
        Some(_) => 1,
    }
}

/// The tier that a word asks for, if it is dearer than the standard. A word that nobody here knows is: OpenAI's
/// `scale`, Groq's `performance`, `auto`.
fn dearer(word: &str) -> Option<ServiceTier> {
    match ServiceTier::named(word) {
        Some(ServiceTier::Standard | ServiceTier::Batch | ServiceTier::Flex) => None,
        Some(tier) => Some(tier),
        None if NO_DEARER.iter().any(|known| known.eq_ignore_ascii_case(word.trim())) => None,
        None => Some(ServiceTier::Priority),
    }
}

/// Words for what is paid otherwise, or is no tier of its own.
const NO_DEARER: [&str; 12] = [
    "",
    "standard_only",
    "service_tier_standard",
    "service_tier_unspecified",
    "reserved",
    "dedicated",
    "shared",
    "provisioned",
    "provisioned_throughput",
    "economy",
    "none",
    "slow",
];

/// The same of a word for the model's own speed.
fn faster(word: &str) -> Option<ServiceTier> {
    let tier = dearer(word)?;
    Some(if ServiceTier::named(word).is_some() { tier } else { ServiceTier::Fast })
}
