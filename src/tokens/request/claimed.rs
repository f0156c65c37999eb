//! Is a file the image that it says it is?
//!
//! An image is held at a few thousand tokens at most, a film or a document at whatever its model reads. So a word
//! for an image is believed where nothing beside it says otherwise.

use super::draft::{Media, PromptDraft};
use super::encoded::is_image_kind;
use super::name::Name;
use super::pixels;
use crate::tokens::document::Node;
use crate::values::Part;

/// What a file that stands in a request, or is named there by its address, is by its kind and its bytes.
pub(super) fn of(draft: &mut PromptDraft, value: Node<'_>) -> Part {
    let (said, is_all_images) = kinds(value);
    let mut data = members(value, "data").peekable();
    let mut addresses = members(value, "fileuri").peekable();
    let is_given = data.peek().is_some() || addresses.peek().is_some();
    let mut image = Part::Image;
    let is_image = is_all_images && is_given && {
        let shows = |data: Node<'_>| {
            let text = data.text().unwrap_or_default();
            image = pixels::image(&text);
            pixels::is_image(&text)
        };
        data.all(shows) && addresses.all(|address| address.text().is_some_and(|uri| may_be_image(&uri)))
    };
    if is_image {
        return image;
    }
    draft.media.sound |= said.sound;
    // What only says that it is an image may be a film.
    draft.media.film |= said.film || said.picture;
    Part::Opaque
}

/// Whether an image's object names another kind of file.
pub(super) fn is_other(value: Node<'_>) -> bool {
    let kinds = value.children().filter(|field| matches!(Name::of(field).as_str(), "mimetype" | "mediatype"));
    kinds.filter_map(|kind| kind.text()).any(|kind| kind.contains('/') && !is_image_kind(&kind))
}

/// What an object says that it is, and whether every word for that is one for an image.
fn kinds(value: Node<'_>) -> (Media, bool) {
    let (mut said, mut others) = (Media::default(), false);
    for kind in members(value, "mimetype").map(|kind| kind.text().unwrap_or_default().to_ascii_lowercase()) {
        let is = |start: &str| kind.starts_with(start);
        said.picture |= is("image/");
        said.sound |= is("audio/");
        said.film |= is("video/");
        others |= !is("image/");
    }
    (said, said.picture && !others)
}

fn members<'d>(value: Node<'d>, name: &'static str) -> impl Iterator<Item = Node<'d>> {
    value.children().filter(move |field| Name::of(field).as_str() == name && !field.is_null())
}

/// Whether an image may stand at an address: not a film at YouTube, nor what Google's own store of files keeps under a
/// number, whose kind it has seen by itself.
fn may_be_image(uri: &str) -> bool {
    if uri.starts_with("gs://") {
        return true;
    }
    let Some(rest) = ["https://", "http://"].iter().find_map(|scheme| uri.strip_prefix(scheme)) else {
        return false;
    };
    let end = rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len());
    let (host, path) = rest.split_at_checked(end).unwrap_or((rest, ""));
    let host = host.split(':').next().unwrap_or_default().trim_end_matches('.').to_ascii_lowercase();
    let is_plain = host.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-'));
    let is_at =
        |site: &str| host.strip_suffix(site).is_some_and(|left| left.is_empty() || left.ends_with('.'));
    let plays = ["youtube.com", "youtu.be", "youtube-nocookie.com"].iter().any(|site| is_at(site));
    let is_kept = is_at("googleapis.com") && !is_at("storage.googleapis.com") && path.contains("files/");
    is_plain && !host.is_empty() && !plays && !is_kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_may_be_that_of_an_image_unless_it_is_known_for_something_else() {
        for uri in
            ["gs://bucket/a.png", "https://example.com/a.png", "http://storage.googleapis.com/files/a.png"]
        {
            assert!(may_be_image(uri), "{uri}");
        }
        for uri in [
            "https://www.youtube.com/watch?v=a",
            "https://YouTube.com./watch?v=a",
            "https://youtu.be:443/a",
            "https://www.you%74ube.com/watch?v=a",
            "https://ada@youtu.be/a",
            "https://generativelanguage.googleapis.com/v1beta/files/abc",
            "files/abc",
            "",
        ] {
            assert!(!may_be_image(uri), "{uri}");
        }
    }
}
