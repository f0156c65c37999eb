//! How many pieces of what is not billed by the token does a request ask for?
//!
//! Images, pages, ranked documents, spoken characters, seconds of film. An
//! answer's own limits say nothing of these: what the body says is held.

use super::figures::{add, figure};
use crate::tokens::document::{Kind, Node};
use crate::values::Meter;

/// Of all that a body with messages may ask for, nothing is billed by the piece.
pub(super) fn of(uses: &mut Vec<(Meter, Option<u64>)>, body: Node<'_>) {
    let said = |name: &str| body.get(name).filter(|field| !field.is_null());
    if said("messages").or_else(|| said("contents")).is_some() {
        return;
    }
    let text = |name: &str| body.get(name).filter(|field| field.kind() == Kind::Text);
    if let (Some(text), Some(_)) = (text("input"), said("voice")) {
        let characters = text.text().map_or(0, |text| text.chars().count());
        add(uses, Meter::CharacterIn, u64::try_from(characters).ok());
    }
    if let Some(list) = ["documents", "texts"].iter().find_map(|name| said(name))
        && let (Some(query), Kind::Array) = (text("query"), list.kind())
    {
        add(uses, Meter::SearchUnit, Some(search_units(body, query, list)));
    }
    if let Some(document) = body.get("document").filter(Node::is_object) {
        pages(uses, body, document);
    }
    made(uses, body, Meter::ImageOut, &IMAGES, 1);
    made(uses, body, Meter::VideoOutMs, &SECONDS, 1_000);
    if said("inputImage").is_some() {
        add(uses, Meter::ImageIn, Some(1));
    }
}

/// How many images: OpenAI's word, and those of other sellers.
const IMAGES: [&str; 4] = ["n", "num_images", "numberOfImages", "sampleCount"];
/// How long a film is to be.
const SECONDS: [&str; 4] = ["seconds", "duration", "duration_seconds", "durationSeconds"];

/// Adds the largest figure under one of these names, for what a prompt makes.
fn made(uses: &mut Vec<(Meter, Option<u64>)>, body: Node<'_>, meter: Meter, names: &[&str], each: u64) {
    if !["prompt", "textToImageParams", "taskType"]
        .iter()
        .any(|name| body.get(name).is_some_and(|field| !field.is_null()))
    {
        return;
    }
    let settings = ["imageGenerationConfig", "parameters"].iter().filter_map(|name| body.get(name));
    let places = std::iter::once(body).chain(settings);
    let figures = places.flat_map(|place| names.iter().filter_map(move |name| place.get(name)));
    let largest = figures.filter_map(figure).max().map(|most| most.max(1).saturating_mul(each));
    if largest.is_some() {
        add(uses, meter, largest);
    }
}

/// Cohere's search units: up to a hundred documents each, of which one longer than 500 tokens with its query
/// is billed as several.
fn search_units(body: Node<'_>, query: Node<'_>, documents: Node<'_>) -> u64 {
    const DOCUMENTS: u64 = 100;
    const TOKENS: u64 = 500;
    // A token has a byte at least.
    let bytes = |node: Node<'_>| u64::try_from(node.raw().len()).unwrap_or(u64::MAX);
    let room = TOKENS.saturating_sub(bytes(query).min(TOKENS / 2));
    let most = body.get("max_tokens_per_doc").and_then(figure).unwrap_or(4_096).max(1);
    let pieces = |document| bytes(document).min(most).div_ceil(room).max(1);
    let pieces = documents.children().map(pieces).fold(0, u64::saturating_add);
    // A list that is not read to its end has a document at least for each four bytes that are left.
    let unread = if documents.is_cut() { bytes(documents) } else { 0 };
    pieces.saturating_add(unread).div_ceil(DOCUMENTS).max(1)
}

/// Mistral's OCR: the pages that are listed, the one of an image, else nobody knows how many.
fn pages(uses: &mut Vec<(Meter, Option<u64>)>, body: Node<'_>, document: Node<'_>) {
    let listed = body.get("pages").filter(|pages| !pages.is_null()).and_then(listed);
    // One that is an image and a document is the document.
    let said = |name: &str| document.get(name).is_some_and(|field| !field.is_empty());
    let is_image = said("image_url") && !said("document_url") && !said("file_id") && !said("file");
    let pages = if is_image { Some(1) } else { listed };
    add(uses, Meter::Page, pages);
    let annotates = ["document_annotation_format", "bbox_annotation_format"];
    if annotates.iter().any(|name| body.get(name).is_some_and(|format| !format.is_null())) {
        add(uses, Meter::AnnotatedPage, pages);
    }
}

/// A list of pages, or `"0-4,7"`; one in which nothing stands says nothing.
fn listed(pages: Node<'_>) -> Option<u64> {
    if pages.kind() == Kind::Array {
        let inside = pages.raw().trim_start_matches('[').trim_end_matches(']');
        let count = inside.split(',').filter(|page| !page.trim().is_empty()).count();
        return u64::try_from(count).ok().filter(|count| *count > 0);
    }
    let text = pages.text();
    text.as_deref().unwrap_or(pages.raw()).split(',').try_fold(0_u64, |sum, part| {
        let pages = match part.trim().split_once('-') {
            Some((first, last)) => {
                let first: u64 = first.trim().parse().ok()?;
                last.trim().parse::<u64>().ok()?.checked_sub(first)?.saturating_add(1)
            }
            None => part.trim().parse::<u64>().ok().map(|_| 1)?,
        };
        Some(sum.saturating_add(pages))
    })
}
