//! What is the answer to be made of beside text?

use super::draft::Media;
use super::name::Name;
use crate::tokens::document::Node;

/// The kinds of content that the request names for its answer; `None` if it says nothing of them.
///
/// OpenAI and OpenRouter name them in `modalities`, Google in `responseModalities` among its settings or, for
/// interactions, beside them. Of two lists all counts.
pub(super) fn of(body: Node<'_>) -> Option<Media> {
    let settings = body.children().filter(|field| Name::of(field).as_str() == "generationconfig");
    let fields = body.children().chain(settings.flat_map(|settings| settings.children()));
    let lists = fields.filter(|field| {
        matches!(Name::of(field).as_str(), "modalities" | "responsemodalities" | "outputmodalities")
    });
    lists.filter(|list| !list.is_empty()).fold(None, |known: Option<Media>, list| {
        let mut media = known.unwrap_or_default();
        for word in std::iter::once(list).chain(list.children()).filter_map(|word| word.text()) {
            let says = |name: &str| word.eq_ignore_ascii_case(name);
            media.sound |= says("audio");
            media.picture |= says("image");
            media.film |= says("video");
        }
        Some(media)
    })
}
