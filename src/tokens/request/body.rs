//! Which field of a body says what?
//!
//! Every field of a body has a place here, counts as text, or counts as its JSON. The settings that no model
//! reads are named in `unread` and in the lists beside each object of settings.

use smallvec::SmallVec;

use super::draft::Draft;
use super::name::Name;
use super::unread::{is_long_setting, is_setting};
use super::{content, schema, tools};
use crate::message::Part;
use crate::tokens::document::{Kind, Node};

/// The request itself where it is wrapped, as for counting tokens on Bedrock, and nothing stands beside it.
pub(super) fn unwrapped(body: Node<'_>) -> Node<'_> {
    let is_wrapper = body.children().all(|field| field.is_named("input") || field.is_named("modelId"));
    let inside = |name: &str| body.get("input")?.get(name).filter(Node::is_object);
    is_wrapper.then(|| inside("converse").or_else(|| inside("invokeModel"))).flatten().unwrap_or(body)
}

/// Reads everything that the model is shown.
pub(super) fn read(draft: &mut Draft, body: Node<'_>) {
    let mut shown: SmallVec<[(u8, Node<'_>); 8]> = SmallVec::new();
    for field in body.children() {
        if let Some(rank) = rank(Name::of(&field).as_str()).filter(|_| shown.len() < SHOWN_MAX) {
            shown.push((rank, field));
        }
    }
    let last = shown.last().map(|(_, field)| field.place().start);
    // In the order of a conversation, whatever the order of a body.
    shown.sort_by_key(|(rank, _)| *rank);
    for (rank, field) in shown {
        match rank {
            ..TURNS => {
                draft.begin("system", true);
                content::read(draft, field);
                draft.end(false);
            }
            PROMPT if field.is_object() => stored_prompt(draft, field),
            _ => content::turns(draft, field),
        }
    }
    for field in body.children() {
        // One that was shown, or one too many of them.
        let is_shown =
            rank(Name::of(&field).as_str()).is_some() && last.is_some_and(|last| field.place().start <= last);
        if !is_shown {
            aside(draft, field);
        }
    }
}

/// More of such fields stand in no body that a provider takes.
const SHOWN_MAX: usize = 32;

/// The first rank of a conversation; what comes before is the system's.
const TURNS: u8 = 5;
const PROMPT: u8 = 11;

/// Where a field stands that the model reads as messages.
fn rank(name: &str) -> Option<u8> {
    const SHOWN: [&str; 13] = [
        "system",
        "instructions",
        "systeminstruction",
        "preamble",
        "developer",
        "context",
        "chathistory",
        "messages",
        "contents",
        "input",
        "inputs",
        "prompt",
        "message",
    ];
    SHOWN.iter().zip(0..).find(|(shown, _)| **shown == name).map(|(_, rank)| rank)
}

/// A prompt that the provider keeps, by its id; its variables are sent.
fn stored_prompt(draft: &mut Draft, prompt: Node<'_>) {
    if prompt.get("id").is_some() {
        draft.opaque();
    }
    draft.aside(Part::Text(prompt.json().into()));
}

fn aside(draft: &mut Draft, field: Node<'_>) {
    if field.is_null() {
        return;
    }
    let name = Name::of(&field);
    match name.as_str() {
        "tools" | "functions" => tools::list(draft, field),
        "toolconfig" => inside(draft, field, |draft, field, name| match name {
            "tools" => tools::list(draft, field),
            "functioncallingconfig"
            | "retrievalconfig"
            | "toolchoice"
            | "includeserversidetoolinvocations" => {
                setting(draft, field);
            }
            _ => unknown(draft, field),
        }),
        "websearchoptions" | "searchparameters" | "mcpservers" | "plugins" | "websearch" | "enablesearch"
        | "connectors" => tools::switched(draft, field),
        "responseformat" | "format" | "outputformat" => schema::format(draft, field),
        "text" if field.is_object() => inside(draft, field, output),
        "outputconfig" => inside(draft, field, output),
        "generationconfig" => inside(draft, field, generation),
        "images" | "image" => images(draft, field),
        "suffix" | "inputtext" | "query" | "systemprompt" | "template" | "text"
            if field.kind() == Kind::Text =>
        {
            draft.aside(Part::Text(field.text().unwrap_or_default().as_ref().into()));
        }
        "thinking"
        | "reasoning"
        | "inferenceconfig"
        | "options"
        | "streamoptions"
        | "additionalmodelrequestfields"
        | "chattemplatekwargs" => inside(draft, field, of_settings),
        // What the provider keeps is read again, and cannot be counted here.
        "previousresponseid" | "conversation" | "cachedcontent" | "preset" | "agentid" | "threadid" => {
            draft.opaque();
        }
        "container" => {
            if field.kind() == Kind::Text || !field.is_empty() {
                draft.opaque();
            }
        }
        // A model with stored settings, or nothing but those: `@preset/brief`.
        "model" if field.word().is_some_and(|model| model.contains("@preset/")) => draft.opaque(),
        name if is_long_setting(name) => {}
        name if is_setting(name) => setting(draft, field),
        _ => unknown(draft, field),
    }
}

/// Goes through an object of settings; something else in its place counts as what it is.
fn inside(draft: &mut Draft, object: Node<'_>, each: impl Fn(&mut Draft, Node<'_>, &str)) {
    if !object.is_object() || object.is_cut() {
        return unknown(draft, object);
    }
    for field in object.children().filter(|field| !field.is_empty()) {
        each(draft, field, Name::of(&field).as_str());
    }
}

/// `text` and `output_config`: how an answer is to look.
fn output(draft: &mut Draft, field: Node<'_>, name: &str) {
    match name {
        "format" | "textformat" => schema::format(draft, field),
        "effort" | "taskbudget" | "verbosity" => setting(draft, field),
        _ => unknown(draft, field),
    }
}

/// Google's settings.
fn generation(draft: &mut Draft, field: Node<'_>, name: &str) {
    match name {
        "responseschema" | "responsejsonschema" => schema::schema(draft, field),
        "responseformat" => schema::format(draft, field),
        "stopsequences"
        | "responsemimetype"
        | "responsemodalities"
        | "speechconfig"
        | "thinkingconfig"
        | "imageconfig"
        | "mediaresolution"
        | "routingconfig"
        | "modelconfig"
        | "modelselectionconfig" => {
            setting(draft, field);
        }
        _ if field.kind() == Kind::Bare => {}
        _ => unknown(draft, field),
    }
}

/// Settings among which no model reads what is a number or a switch.
fn of_settings(draft: &mut Draft, field: Node<'_>, name: &str) {
    match name {
        "type" | "effort" | "summary" | "generatesummary" | "display" | "context" | "mode" | "stop"
        | "stopsequences" | "thinking" | "reasoningconfig" | "reasoningeffort" | "inferenceconfig"
        | "outputconfig" | "anthropicbeta" | "keepalive" => setting(draft, field),
        _ if field.kind() == Kind::Bare => {}
        _ => unknown(draft, field),
    }
}

fn images(draft: &mut Draft, field: Node<'_>) {
    draft.begin("user", false);
    super::media::images(draft, field, field);
    draft.end_beside();
}

fn unknown(draft: &mut Draft, field: Node<'_>) {
    if !field.is_empty() {
        draft.aside(Part::Text(field.member_json().into()));
    }
}

/// A setting that no model reads; what is longer than a setting is counts as text.
fn setting(draft: &mut Draft, field: Node<'_>) {
    if field.raw().len() > SETTING_BYTES {
        unknown(draft, field);
    }
}

const SETTING_BYTES: usize = 1_024;
