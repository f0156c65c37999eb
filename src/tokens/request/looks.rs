//! How closely is an image to be looked at?

use crate::tokens::document::Node;
use crate::values::Detail;

/// How closely an object asks to look; of several words the closest.
pub(super) fn detail(value: Node<'_>) -> Option<Detail> {
    let named = ["detail", "mediaResolution", "media_resolution", "resolution"]
        .iter()
        .filter_map(|field| value.get(field));
    let levels = named.filter_map(|named| if named.is_object() { named.get("level") } else { Some(named) });
    let known = levels.filter(|level| !level.is_null()).map(|level| {
        let word = level.text().unwrap_or_default().to_ascii_lowercase();
        match word.rsplit('_').next() {
            _ if word.ends_with("ultra_high") => Detail::Original,
            Some("original") => Detail::Original,
            Some("low") => Detail::Low,
            Some("high") => Detail::High,
            _ => Detail::Auto,
        }
    });
    known.max_by_key(|detail| closeness(*detail))
}

/// How close a look is, beside others.
pub(super) fn closeness(detail: Detail) -> u8 {
    match detail {
        Detail::Low => 0,
        Detail::Auto => 1,
        Detail::High => 2,
        Detail::Original => 3,
    }
}
