//! Which tools did the model call before?

use std::borrow::Cow;

use super::draft::PromptDraft;
use super::label::label;
use super::name::Name;
use crate::tokens::document::{Kind, Node};

/// A call that is an item or a part of its own: what else stands in it is read by the caller.
pub(super) fn item(draft: &mut PromptDraft, value: Node<'_>) {
    let kind = value.get("type").and_then(|kind| kind.word()).unwrap_or_default();
    let text = |name: &str| value.get(name).and_then(|name| name.text());
    let name = text("name").unwrap_or(Cow::Borrowed(kind));
    let mut all = ["arguments", "action", "input"].iter().filter_map(|field| value.get(field));
    let first = all.next().map_or(Cow::Borrowed(""), arguments);
    draft.call(&name, &first);
    all.for_each(|other| draft.json(other.json()));
}

/// The list of calls in a message.
pub(super) fn list(draft: &mut PromptDraft, value: Node<'_>) {
    if value.kind() != Kind::Array || value.has_bare() || value.is_cut() {
        return draft.value(value);
    }
    for call in value.children() {
        if !call.is_object() {
            draft.value(call);
            continue;
        }
        let inner =
            ["function", "custom"].iter().any(|field| call.get(field).is_some_and(|inner| inner.is_object()));
        if !inner {
            named(draft, call);
            continue;
        }
        for field in call.children().filter(|field| !field.is_empty()) {
            match Name::of(&field).as_str() {
                "function" | "custom" if field.is_object() => named(draft, field),
                "id" | "type" | "index" => label(draft, field),
                _ => draft.json(field.member_json()),
            }
        }
    }
}

/// A name with its arguments, whatever these are called.
pub(super) fn named(draft: &mut PromptDraft, value: Node<'_>) {
    if !value.is_object() || value.is_cut() {
        return draft.value(value);
    }
    let (mut name, mut said) = (Cow::Borrowed(""), Cow::Borrowed(""));
    let mut others = String::new();
    for field in value.children() {
        match Name::of(&field).as_str() {
            "name" if name.is_empty() && field.kind() == Kind::Text => {
                name = field.text().unwrap_or_default()
            }
            "arguments" | "input" | "args" | "parameters" if said.is_empty() => said = arguments(field),
            "id" | "type" | "index" | "tooluseid" | "callid" if field.raw().len() <= 256 => {}
            _ if field.is_empty() => {}
            _ => others.push_str(&field.member_json()),
        }
    }
    draft.call(&name, &said);
    if !others.is_empty() {
        draft.json(others);
    }
}

/// JSON as text, whether it was sent as text or not.
fn arguments(value: Node<'_>) -> Cow<'_, str> {
    value.text().unwrap_or_else(|| Cow::Owned(value.json()))
}
