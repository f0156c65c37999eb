//! At what price does a request ask to be served?

use super::RequestShape;
use crate::{Conditions, Modality, Region, ServiceTier};

/// What the request asks for, on top of what the caller says: the dearer of both.
///
/// A cheaper word is not believed before the answer says so: no API that answers at once sells `batch`, and what asks
/// for `flex` may be served as standard. `auto` is whatever the account has been set to, at most priority.
pub(super) fn of(shape: &RequestShape, mut conditions: Conditions) -> Conditions {
    let named = |word: &Option<compact_str::CompactString>| word.as_deref().and_then(dearer);
    // A speed of the model's own is dearer than a place in the queue.
    if let Some(tier) = named(&shape.speed).or_else(|| named(&shape.service_tier)) {
        conditions = conditions.with_tier(tier);
    }
    if let Some(place) = shape.region.as_deref().map(Region::named).filter(|place| *place != Region::Global) {
        conditions = conditions.with_region(place);
    }
    if shape.writes_cache {
        conditions = conditions.with_cache_writes();
    }
    let media = shape.media;
    let shown =
        [(media.sound, Modality::Audio), (media.picture, Modality::Image), (media.film, Modality::Video)];
    shown
        .into_iter()
        .filter(|(is_shown, _)| *is_shown)
        .fold(conditions, |conditions, (_, modality)| conditions.with_modality(modality))
}

/// The same with a tier that is named beside the body, where it is dearer.
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

fn price(tier: Option<ServiceTier>) -> u8 {
    match tier {
        None | Some(ServiceTier::Standard | ServiceTier::Batch | ServiceTier::Flex) => 0,
        Some(ServiceTier::Ultrafast) => 3,
        Some(ServiceTier::Fast) => 2,
        Some(_) => 1,
    }
}

/// The tier that a word asks for, where it is dearer than the standard.
fn dearer(word: &str) -> Option<ServiceTier> {
    if word.eq_ignore_ascii_case("auto") {
        return Some(ServiceTier::Priority);
    }
    match ServiceTier::named(word)? {
        ServiceTier::Standard | ServiceTier::Batch | ServiceTier::Flex => None,
        tier => Some(tier),
    }
}
