//! Which items of a conversation does the provider keep, so that a request only names them?

use super::draft::PromptDraft;
use super::members::Use;
use super::name::Name;
use crate::tokens::document::{Kind, Node};
use crate::values::Part;

/// A longer label is none, and counts as its JSON.
pub(super) const LABEL_BYTES: usize = 256;

/// Adds what the model reads of an item that is named by its id beside what stands in it; whether nothing else is.
pub(super) fn read(draft: &mut PromptDraft, item: Node<'_>, kind: Option<&str>) -> bool {
    if kind == Some("item_reference") {
        draft.opaque();
        return true;
    }
    if item.get("id").is_none_or(|id| id.is_empty()) {
        return false;
    }
    // What a client library sends back of each step, without what was thought or found: a share of a context each.
    let kept_apart: &[&str] = match kind {
        Some("reasoning") => &["encrypted_content", "content"],
        Some("compaction") => &["encrypted_content"],
        Some("file_search_call") => &["results"],
        Some("code_interpreter_call") => &["outputs"],
        Some("web_search_call") => &["action"],
        // Whole without any content.
        Some("mcp_approval_response" | "image_generation_call") => return false,
        _ => {
            if is_reference(item) {
                draft.opaque();
                return true;
            }
            return false;
        }
    };
    if !kept_apart.iter().any(|field| item.get(field).is_some_and(|said| !says_nothing(said))) {
        draft.unseen(Part::STORED_TOKENS);
    }
    false
}

/// Whether an item holds nothing that could be content. A reference need not say that it is one.
fn is_reference(item: Node<'_>) -> bool {
    !item.children().any(|field| match Use::of(Name::of(&field).as_str()) {
        _ if says_nothing(field) => false,
        Use::Label | Use::Name | Use::Seal => field.raw().len() > LABEL_BYTES,
        Use::Unknown => field.kind() != Kind::Bare && !field.is_empty(),
        // Even an empty text says that it is no reference.
        _ => true,
    })
}

/// Null, or a list or an object in which nothing stands.
fn says_nothing(value: Node<'_>) -> bool {
    match value.kind() {
        Kind::Array | Kind::Object => !value.is_cut() && value.children().all(says_nothing),
        Kind::Text => false,
        Kind::Bare => value.is_null(),
    }
}

/// Whether a part of a kind that nobody knows here names a file that is kept elsewhere.
pub(super) fn names_file(part: Node<'_>) -> bool {
    let is_name = |field: &Node<'_>| {
        matches!(Name::of(field).as_str(), "fileid" | "fileids" | "fileuri") && !field.is_empty()
    };
    part.children()
        .any(|field| is_name(&field) || field.is_object() && field.children().any(|inner| is_name(&inner)))
}
