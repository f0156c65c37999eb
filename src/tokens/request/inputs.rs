//! How many separate inputs does a request hold, each of which the model reads by itself?

use super::language::{self, Language};
use crate::tokens::document::{Kind, Node};

/// How many inputs each have a context of their own: prompts, texts to embed, documents to rank. At least one.
///
/// A conversation is one input, however many messages it has.
pub(super) fn of(body: Node<'_>, language: &'static Language) -> u32 {
    let says = |field: &str| body.get(field).is_some_and(|value| !value.is_null());
    let is_conversation = ["messages", "message", "contents", "chat_history"].iter().any(|field| says(field));
    let lists = ["prompt", "texts", "inputs", "requests", "instances"];
    let said = |field: &&str| body.get(field).filter(|list| !list.is_null());
    let mut count = lists.iter().filter_map(said).map(items).fold(0, u32::saturating_add);
    if let Some(input) = body.get("input") {
        count = count.saturating_add(inputs(input, language));
    }
    if !is_conversation && !says("prompt") {
        count = count.saturating_add(body.get("images").filter(|images| !images.is_null()).map_or(0, items));
    }
    if !is_conversation && says("query") {
        count = count.saturating_add(ranked(body));
    }
    count.max(1)
}

/// How many documents are ranked, each beside the query.
fn ranked(body: Node<'_>) -> u32 {
    let documents = ["documents", "passages"].iter().filter_map(|field| body.get(field));
    documents.filter(|list| !list.is_null()).map(items).fold(0, u32::saturating_add)
}

/// Tokens of a query that is read once more for each document after the first: at most its bytes each time.
pub(super) fn queries(body: Node<'_>) -> u64 {
    let bytes = body.get("query").filter(|query| !query.is_null()).map_or(0, |query| query.raw().len());
    let more = u64::from(ranked(body).saturating_sub(1));
    u64::try_from(bytes).unwrap_or(u64::MAX).saturating_mul(more)
}

/// `input` is a list of texts to embed, or one conversation in items.
fn inputs(input: Node<'_>, language: &'static Language) -> u32 {
    if std::ptr::eq(language, &raw const language::RESPONSES) || input.kind() != Kind::Array {
        return 1;
    }
    let is_item = |item: &Node<'_>| ["role", "type", "id"].iter().any(|field| item.get(field).is_some());
    let is_media = std::ptr::eq(language, &raw const language::MEDIA);
    if !is_media && input.children().any(|item| is_item(&item)) { 1 } else { items(input) }
}

/// How many items stand in a list of them: texts, objects, or lists of tokens. A list of numbers is one input, already
/// cut into tokens; numbers among other items are items.
pub(super) fn items(list: Node<'_>) -> u32 {
    if list.kind() != Kind::Array {
        return 1;
    }
    let items = list.children().count();
    let bare = if list.has_bare() && items > 0 {
        list.raw().bytes().filter(|byte| *byte == b',').count()
    } else {
        0
    };
    u32::try_from(items.saturating_add(bare)).unwrap_or(u32::MAX).max(1)
}
