//! What in a request is no text: images, sounds, files?

use super::claimed;
use super::class::Class;
use super::draft::PromptDraft;
use super::files;
use super::label::label;
use super::looks::detail;
use super::name::Name;
use super::pixels;
use crate::tokens::document::{Kind, Node};
use crate::values::{Detail, Part, Picture};

/// One image, or a list of them, that stands in an object of that detail.
pub(super) fn images(draft: &mut PromptDraft, value: Node<'_>, around: Node<'_>) {
    match value.kind() {
        Kind::Array if value.has_bare() || value.is_cut() => draft.value(value),
        Kind::Array => value.children().for_each(|item| images(draft, item, around)),
        Kind::Object => {
            draft.image(sized(value, detail(around)));
            beside_image(draft, value);
        }
        Kind::Text => draft.image(pixels::image(&value.text().unwrap_or_default())),
        Kind::Bare => draft.image(Part::Image),
    }
}

/// The image that an object is, however it is built.
pub(super) fn image_of(value: Node<'_>) -> Part {
    if claimed::is_other(value) {
        return Part::Opaque;
    }
    let within =
        ["image_url", "source", "image", "data", "url", "result"].iter().find_map(|field| value.get(field));
    match within {
        Some(inner) if inner.is_object() => sized(inner, detail(value)),
        Some(inner) => looked_at(pixels::image(&inner.text().unwrap_or_default()), detail(value)),
        None => looked_at(Part::Image, detail(value)),
    }
}

/// The image inside an object, at most three deep, and how closely it is looked at.
fn sized(value: Node<'_>, around: Option<Detail>) -> Part {
    let mut looked = around;
    let mut at = Some(value);
    // At most `{image: {source: {bytes}}}`.
    for _ in 0..3 {
        let Some(inner) = at.filter(Node::is_object) else { break };
        if claimed::is_other(inner) {
            return Part::Opaque;
        }
        looked = looked.or_else(|| detail(inner));
        at = ["url", "source", "data", "bytes", "base64"].iter().find_map(|field| inner.get(field));
    }
    let data = at.and_then(|data| data.text());
    looked_at(data.map_or(Part::Image, |data| pixels::image(&data)), looked)
}

/// The image, looked at so closely.
fn looked_at(image: Part, detail: Option<Detail>) -> Part {
    match (image, detail) {
        (Part::Picture(picture), Some(detail)) => Part::Picture(Picture { detail, ..picture }),
        // Of no known size; who heeds the word is known by its family.
        (Part::Image, Some(detail @ (Detail::Low | Detail::Original))) => {
            Part::Picture(Picture { width: 0, height: 0, detail })
        }
        (image, _) => image,
    }
}

/// What stands in an image's object and is no image.
fn beside_image(draft: &mut PromptDraft, value: Node<'_>) {
    for field in value.children().filter(|field| !field.is_empty()) {
        match Name::of(&field).as_str() {
            "url" | "data" | "bytes" | "base64" | "uri" | "fileuri" | "fileid" | "s3location" => {}
            "source" if field.is_object() => beside_image(draft, field),
            "type" | "mediatype" | "mimetype" | "format" | "detail" | "mediaresolution" | "source"
            | "displayname" => label(draft, field),
            _ => draft.json(field.member_json()),
        }
    }
}

/// What stands inside a field that was read with its image.
pub(super) fn beside(draft: &mut PromptDraft, class: Class, field: Node<'_>) {
    if class == Class::Image && field.is_object() {
        beside_image(draft, field);
    }
}

/// A document whose text stands in the request is its text; any other is what its bytes tell, else it cannot be
/// counted here.
pub(super) fn document(draft: &mut PromptDraft, value: Node<'_>, is_part: bool) {
    if !value.is_object() {
        return elsewhere(draft, value, is_part);
    }
    let source =
        value.get("source").or_else(|| value.get("document")).filter(Node::is_object).unwrap_or(value);
    let kind = source.get("type").and_then(|kind| kind.word());
    let data = source.get("data").filter(|data| kind == Some("text") || data.is_object());
    let said = data.or_else(|| source.get("text")).or_else(|| source.get("content"));
    let has_more =
        ["bytes", "s3Location", "url", "file_id", "id"].iter().any(|field| source.get(field).is_some());
    if said.is_none() || (has_more && data.is_none()) {
        return elsewhere(draft, value, is_part);
    }
    for field in source.children().filter(|field| !field.is_empty()) {
        match Name::of(&field).as_str() {
            "data" if field.is_object() => draft.json(field.json()),
            "data" | "text" | "content" => draft.value(field),
            "type" | "mediatype" | "format" | "id" => label(draft, field),
            // Read with the part that the document is.
            "title" | "context" | "citations" | "cachecontrol" if field_of_part(value, source) => {}
            _ => draft.json(field.member_json()),
        }
    }
    // A document that is a field: what stands beside its source.
    if !field_of_part(value, source) && value.get("type").is_none() {
        for field in value.children().filter(|field| !field.is_empty()) {
            match field.raw_key() {
                "source" | "document" => {}
                "format" => label(draft, field),
                _ => draft.json(field.member_json()),
            }
        }
    }
}

/// Whether the source is the part itself.
fn field_of_part(value: Node<'_>, source: Node<'_>) -> bool {
    value.at() == source.at()
}

/// A file whose bytes stand in the request, or one that cannot be counted.
fn elsewhere(draft: &mut PromptDraft, value: Node<'_>, is_part: bool) {
    if files::read(draft, value, value, is_part) {
        return;
    }
    let kind = Name::of(&value);
    let word = value.get("type").and_then(|kind| kind.word()).unwrap_or_default();
    let is = |media: &str| word.contains(media) || kind.as_str().contains(media);
    draft.media.sound |= is("audio");
    draft.media.film |= is("video");
    draft.opaque();
}

/// Data of a stated kind: an image, or what cannot be counted.
pub(super) fn inline(draft: &mut PromptDraft, value: Node<'_>, around: Node<'_>) {
    if files::read(draft, value, around, false) {
        return;
    }
    match claimed::of(draft, value) {
        Part::Opaque => draft.opaque(),
        image => {
            draft.image(looked_at(image, detail(around)));
            beside_image(draft, value);
        }
    }
}
