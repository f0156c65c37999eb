//! Which form must an answer have, as far as the model is shown it?

use super::draft::PromptDraft;
use super::label::label_aside;
use super::name::Name;
use crate::tokens::document::{Kind, Node};
use crate::values::Part;

/// The form of an answer: a schema by itself, or inside whatever an API puts around it.
pub(super) fn format(draft: &mut PromptDraft, value: Node<'_>) {
    if !value.is_object() {
        // `"json"`, and whatever else is said in a word.
        return label_aside(draft, value);
    }
    let name = |field: &Node<'_>| Name::of(field).as_str().to_owned();
    let is_around = |field: &Node<'_>| {
        matches!(name(field).as_str(), "schema" | "jsonschema" | "jsonobject" | "structure" | "textformat")
    };
    if value.children().any(|field| is_around(&field)) {
        return around(draft, value);
    }
    let is_named =
        |field: &Node<'_>| matches!(name(field).as_str(), "type" | "name" | "strict" | "description");
    let kind = value.get("type").and_then(|kind| kind.word());
    let is_word = matches!(kind, Some("text" | "json_object" | "json_schema" | "grammar" | "json"));
    if value.children().all(|field| is_named(&field)) && (is_word || kind.is_none()) {
        return value.children().for_each(|field| label_aside(draft, field));
    }
    schema(draft, value);
}

/// The schema inside an API's envelope. OpenAI shows its description in front of it.
fn around(draft: &mut PromptDraft, value: Node<'_>) {
    // Its name and whether it is strict are not shown to the model.
    let described = value.get("description").and_then(|text| text.text()).unwrap_or_default();
    for field in value.children().filter(|field| !field.is_empty()) {
        match Name::of(&field).as_str() {
            "schema" => {
                let inner = field.text().map_or_else(|| field.json(), Into::into);
                let shown = if described.is_empty() { inner } else { format!("{described}\n{inner}") };
                draft.aside(Part::Schema(shown.into()));
            }
            "jsonschema" | "jsonobject" | "structure" | "textformat" => format(draft, field),
            "description" if value.get("schema").is_some() && field.kind() == Kind::Text => {}
            "type" | "name" | "strict" => label_aside(draft, field),
            _ => draft.aside(Part::Text(field.member_json().into())),
        }
    }
}

/// A schema that stands alone.
pub(super) fn schema(draft: &mut PromptDraft, value: Node<'_>) {
    if value.is_empty() {
        return;
    }
    let shown = value.text().map_or_else(|| value.json(), Into::into);
    draft.aside(Part::Schema(shown.into()));
}
