//! Which tools does a request describe?

use super::draft::PromptDraft;
use super::name::Name;
use super::uses;
use crate::tokens::document::{Kind, Node};
use crate::tokens::own_tool::OwnTool;
use crate::tokens::tool_text::own_tool;

/// Tools that are announced in the conversation, as chat completions describe them.
pub(super) fn announced(draft: &mut PromptDraft, value: Node<'_>) {
    if value.kind() != Kind::Array || value.has_bare() || value.is_cut() {
        return draft.json(value.member_json());
    }
    for tool in value.children() {
        stored(draft, tool);
        uses::tool(&mut draft.uses, tool, None);
        let json = tool.json();
        let is_own = own_tool(&json).is_some_and(OwnTool::reads_something);
        let description = match tool.get("function") {
            None if !is_own => format!("{{\"type\":\"function\",\"function\":{json}}}"),
            _ => json,
        };
        draft.tool(description);
    }
}

/// Adds every tool of a list, or the only one.
pub(super) fn list(draft: &mut PromptDraft, value: Node<'_>) {
    match value.kind() {
        Kind::Array if value.has_bare() || value.is_cut() => draft.tool(value.json()),
        Kind::Array => value.children().for_each(|item| tool(draft, item)),
        Kind::Bare if value.is_null() => {}
        _ => tool(draft, value),
    }
}

/// A tool that is switched on by a field of its own.
pub(super) fn switched(draft: &mut PromptDraft, field: Node<'_>) {
    if field.is_null() || field.switch() == Some(false) {
        return;
    }
    stored(draft, field);
    let name = field.key();
    draft.tool(format!("{{\"type\":\"{name}\",\"options\":{}}}", field.json()));
}

/// Adds one item of a list of tools, which with Google is a list of functions.
fn tool(draft: &mut PromptDraft, item: Node<'_>) {
    if !item.is_object() {
        return draft.tool(item.json());
    }
    stored(draft, item);
    let is_plain = |field: &Node<'_>| {
        !matches!(Name::of(field).as_str(), "functiondeclarations" | "cachepoint") || field.is_null()
    };
    if item.children().all(|field| is_plain(&field)) {
        return draft.tool(item.json());
    }
    // A list of functions, or a mark for the cache; whatever stands beside it is a tool as well.
    let mut others = String::new();
    for field in item.children().filter(|field| !field.is_null()) {
        match Name::of(&field).as_str() {
            "functiondeclarations" if field.kind() == Kind::Array && !field.has_bare() && !field.is_cut() => {
                field.children().for_each(|function| draft.tool(function.json()));
            }
            "cachepoint" if field.raw().len() <= MARK_BYTES => {}
            _ => {
                others.push(if others.is_empty() { '{' } else { ',' });
                others.push_str(&field.member_json());
            }
        }
    }
    if !others.is_empty() {
        others.push('}');
        draft.tool(others);
    }
}

/// A mark for a cache is short.
const MARK_BYTES: usize = 128;

/// What a tool looks into is kept elsewhere, and cannot be counted here.
fn stored(draft: &mut PromptDraft, tool: Node<'_>) {
    let is_kept = tool.children().filter(|field| !field.is_empty()).any(|field| {
        match Name::of(&field).as_str() {
            "vectorstoreids" | "fileids" | "filesearch" | "retrieval" | "libraryids" | "collectionids" => {
                true
            }
            // A container by its id, or with files in it.
            "container" | "environment" => {
                field.kind() == Kind::Text
                    || ["id", "container_id", "file_ids", "skills"]
                        .iter()
                        .any(|inner| field.get(inner).is_some_and(|inner| !inner.is_empty()))
            }
            _ => false,
        }
    });
    if is_kept {
        draft.opaque();
    }
}
