//! What do a request's messages say, in whatever dialect?
//!
//! Every field of a message, an item or a part is read, is on the list of what no model reads, or counts as
//! its JSON. What is on the list counts as well where it is longer than a label may be.

use super::class::{Class, is_read};
use super::draft::PromptDraft;
use super::label::{label, named};
use super::members::Use;
use super::name::Name;
use super::stored::{self, LABEL_BYTES};
use super::{calls, media, tools};
use crate::tokens::document::{Kind, Node};

/// Adds a conversation: a text, one message, or a list of either.
pub(super) fn turns(draft: &mut PromptDraft, value: Node<'_>) {
    match value.kind() {
        Kind::Array if value.has_bare() => tokens(draft, value),
        Kind::Array if value.is_cut() => alone(draft, value),
        Kind::Array => value.children().for_each(|item| turn(draft, item)),
        Kind::Bare if value.is_null() => {}
        _ => turn(draft, value),
    }
}

/// An input that is already tokens; what stands among them counts as well.
fn tokens(draft: &mut PromptDraft, list: Node<'_>) {
    let numbers = list.raw().bytes().filter(|byte| *byte == b',').count().saturating_add(1);
    draft.begin("user", false);
    draft.text(&" a".repeat(numbers));
    draft.end(true);
    list.children().for_each(|item| turn(draft, item));
}

/// Adds one item of a conversation.
fn turn(draft: &mut PromptDraft, value: Node<'_>) {
    if value.is_object() {
        return message(draft, value);
    }
    if value.kind() == Kind::Array && value.has_bare() {
        return tokens(draft, value);
    }
    alone(draft, value);
}

/// Something without a message around it.
fn alone(draft: &mut PromptDraft, value: Node<'_>) {
    draft.begin("user", false);
    draft.value(value);
    draft.end(true);
}

/// Adds a message: who speaks, and what stands in it.
fn message(draft: &mut PromptDraft, value: Node<'_>) {
    let kind = value.get("type").and_then(|kind| kind.word());
    let is_message = || {
        value
            .children()
            .any(|field| matches!(Name::of(&field).as_str(), "role" | "content" | "parts" | "message"))
    };
    // What names neither who speaks nor what it is gets no frame from any provider.
    draft.begin(role(value, kind), kind.is_some() || is_message());
    let is_named = stored::read(draft, value, kind);
    match kind {
        _ if is_named => {}
        Some("message") => fields(draft, value, Class::Plain),
        None if is_message() => fields(draft, value, Class::Plain),
        _ => part(draft, value),
    }
    draft.end(true);
}

/// Who speaks. An item without a role is the tool's or the assistant's by its kind.
fn role<'d>(value: Node<'d>, kind: Option<&str>) -> &'d str {
    if let Some(role) = value.get("role").and_then(|role| role.word()) {
        return role;
    }
    match kind {
        Some(kind) if kind.ends_with("_output") => "tool",
        Some(kind) if kind.ends_with("_call") || kind == "reasoning" => "assistant",
        _ => "user",
    }
}

impl PromptDraft {
    /// Adds whatever a field holds to the message; tools that are announced there to the tools.
    pub(super) fn value(&mut self, value: Node<'_>) {
        match value.kind() {
            Kind::Text => self.text(&value.text().unwrap_or_default()),
            _ if value.is_cut() => self.opaque(),
            Kind::Array if value.has_bare() => self.json(value.json()),
            Kind::Array => value.children().for_each(|item| self.value(item)),
            Kind::Object => part(self, value),
            Kind::Bare if value.is_null() => {}
            Kind::Bare => self.text(value.raw()),
        }
    }
}

/// Adds an object by what it says that it is, or, if it says nothing, by the names of its
/// fields.
fn part(draft: &mut PromptDraft, value: Node<'_>) {
    let kind = value.get("type").filter(|kind| kind.kind() == Kind::Text);
    if let Some(kind) = kind {
        return match Class::of(&kind.text().unwrap_or_default()) {
            Some(class) => fields(draft, value, class),
            None => unknown(draft, value),
        };
    }
    let name = |field: &Node<'_>| Use::of(Name::of(field).as_str());
    let is_mark = || value.get("cachePoint").is_some() || value.get("cache_point").is_some();
    if !value.children().any(|field| !matches!(name(&field), Use::Label | Use::Unknown)) && !is_mark() {
        return unknown(draft, value);
    }
    fields(draft, value, Class::Plain);
}

/// A part of which nobody knows what it is: what is written there, and the file that it names.
fn unknown(draft: &mut PromptDraft, value: Node<'_>) {
    if stored::names_file(value) {
        draft.opaque();
    }
    draft.json(value.json());
}

/// Reads every field of an object.
pub(super) fn fields(draft: &mut PromptDraft, value: Node<'_>, class: Class) {
    match class {
        Class::Call => calls::item(draft, value),
        Class::Image => draft.image(media::image_of(value)),
        Class::File => media::document(draft, value, true),
        Class::Plain | Class::Thought => {}
    }
    let thinks =
        class == Class::Thought || value.get("thought").and_then(|thought| thought.switch()) == Some(true);
    for field in value.children().filter(|field| !field.is_empty()) {
        let name = Name::of(&field);
        let name = name.as_str();
        if is_read(class, name) {
            media::beside(draft, class, field);
            continue;
        }
        match Use::of(name) {
            Use::Words | Use::Json
                if thinks && matches!(name, "text" | "content" | "summary" | "encryptedcontent") =>
            {
                thoughts(draft, field);
            }
            Use::Thoughts => thoughts(draft, field),
            Use::Unknown if thinks && name == "data" => thoughts(draft, field),
            Use::Words if name == "source" && field.is_object() => draft.json(field.member_json()),
            Use::Words => draft.value(field),
            Use::Json => draft.json(field.json()),
            Use::Image => media::images(draft, field, value),
            Use::File => media::document(draft, field, false),
            Use::Inline => media::inline(draft, field, value),
            Use::Calls => calls::list(draft, field),
            Use::Call => calls::named(draft, field),
            Use::Response => response(draft, field),
            Use::Tools => tools::announced(draft, field),
            Use::Name if draft.role() == "tool" => named(draft, field),
            Use::Name => draft.value(field),
            Use::Label if matches!(name, "toolcallid" | "callid" | "tooluseid") => named(draft, field),
            Use::Label => label(draft, field),
            // What was thought unseen is kept in it, and read again.
            Use::Seal if !thinks => draft.json(field.member_json()),
            Use::Seal if field.raw().len() > LABEL_BYTES => thoughts(draft, field),
            Use::Seal => {}
            Use::Unknown => draft.json(field.member_json()),
        }
    }
}

/// What the model thought before, as far as it is sent back.
fn thoughts(draft: &mut PromptDraft, value: Node<'_>) {
    if let Some(text) = value.text() {
        return draft.reasoning(&text);
    }
    let mut text = String::new();
    strings(value, &mut text);
    draft.reasoning(&text);
}

/// All text inside a value, without its syntax.
fn strings(value: Node<'_>, out: &mut String) {
    match value.kind() {
        Kind::Text => out.push_str(&value.text().unwrap_or_default()),
        _ if value.is_cut() || value.has_bare() => out.push_str(value.raw()),
        Kind::Array => value.children().for_each(|item| strings(item, out)),
        Kind::Object => {
            for field in value.children() {
                match Use::of(Name::of(&field).as_str()) {
                    Use::Seal | Use::Label if field.raw().len() <= LABEL_BYTES => {}
                    Use::Unknown => {
                        let is_data = field.is_named("data");
                        out.push_str(&if is_data {
                            field.text().unwrap_or_default().into_owned()
                        } else {
                            field.member_json()
                        });
                    }
                    _ => strings(field, out),
                }
            }
        }
        Kind::Bare => out.push_str(value.raw()),
    }
}

/// What a function answered; files may stand beside it.
fn response(draft: &mut PromptDraft, value: Node<'_>) {
    let Some(answer) = value.get("response") else { return draft.json(value.json()) };
    draft.json(answer.json());
    for field in value.children().filter(|field| !field.is_empty()) {
        match Name::of(&field).as_str() {
            "response" => {}
            "parts" => draft.value(field),
            "id" | "name" | "willcontinue" | "scheduling" => label(draft, field),
            _ => draft.json(field.member_json()),
        }
    }
}
