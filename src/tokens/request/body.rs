//! Which field of a body says what?
//!
//! Every field of a body has a place here, counts as text, or counts as its JSON.
//! [`fields`] names what each is at the top; settings that no model reads inside an object
//! are named beside the object. The conversation is read in the order in which a model is
//! shown it (system text, then turns), since members of a JSON object have no order.
//!
//! [`fields`]: super::fields

use smallvec::SmallVec;

use super::draft::PromptDraft;
use super::fields::{Field, PROMPT};
use super::name::Name;
use super::{content, schema, tools};
use crate::tokens::document::{Kind, Node};
use crate::values::Part;

/// Unwraps a request that stands inside another object, as for counting tokens on Bedrock.
/// If anything else stands beside it, the body is read as it is.
pub(super) fn unwrapped(body: Node<'_>) -> Node<'_> {
    let is_wrapper = body.children().all(|field| field.is_named("input") || field.is_named("modelId"));
    let inside = |name: &str| body.get("input")?.get(name).filter(Node::is_object);
    is_wrapper.then(|| inside("converse").or_else(|| inside("invokeModel"))).flatten().unwrap_or(body)
}

/// Reads everything that the model is shown.
pub(super) fn read(draft: &mut PromptDraft, body: Node<'_>) {
    let mut shown: SmallVec<[(u8, Node<'_>); 8]> = SmallVec::new();
    for member in body.children() {
        match Field::of(Name::of(&member).as_str()) {
            Some(Field::Shown(rank)) if shown.len() < SHOWN_MAX => shown.push((rank, member)),
            field => aside(draft, member, field),
        }
    }
    // In the order of a conversation, whatever the order of a body.
    shown.sort_by_key(|(rank, _)| *rank);
    for (rank, member) in shown {
        match rank {
            ..TURNS => {
                draft.begin("system", true);
                draft.value(member);
                draft.end(false);
            }
            PROMPT if member.is_object() => stored_prompt(draft, member),
            _ => content::turns(draft, member),
        }
    }
}

/// No body that a provider takes has more of such fields; more count as their JSON.
const SHOWN_MAX: usize = 32;

/// The first rank of a conversation; what comes before is the system's.
const TURNS: u8 = 5;

/// A prompt that the provider keeps under an id: it cannot be counted, and its variables
/// are sent.
fn stored_prompt(draft: &mut PromptDraft, prompt: Node<'_>) {
    if prompt.get("id").is_some() {
        draft.opaque();
    }
    draft.aside(Part::Text(prompt.json().into()));
}

/// A field that stands beside the conversation.
fn aside(draft: &mut PromptDraft, member: Node<'_>, field: Option<Field>) {
    if member.is_null() {
        return;
    }
    let Some(field) = field else { return unknown(draft, member) };
    match field {
        Field::Tools => tools::list(draft, member),
        Field::ToolConfig => inside(draft, member, tool_config),
        Field::Switched => tools::switched(draft, member),
        Field::Format => schema::format(draft, member),
        Field::Text if member.is_object() => inside(draft, member, output),
        Field::OutputConfig => inside(draft, member, output),
        Field::Generation => inside(draft, member, generation),
        Field::Images => images(draft, member),
        Field::Text | Field::Words if member.kind() == Kind::Text => {
            draft.aside(Part::Text(member.text().unwrap_or_default().as_ref().into()));
        }
        Field::Settings => inside(draft, member, of_settings),
        Field::Kept => draft.opaque(),
        Field::Container if member.kind() == Kind::Text || !member.is_empty() => draft.opaque(),
        // A model with stored settings, or nothing but those: `@preset/brief`.
        Field::Model if member.word().is_some_and(|model| model.contains("@preset/")) => draft.opaque(),
        Field::Management => managed(draft, member),
        Field::Model | Field::Setting => setting(draft, member),
        Field::Container | Field::LongSetting => {}
        // A conversation too many, or no text where one belongs.
        Field::Shown(_) | Field::Text | Field::Words => unknown(draft, member),
    }
}

/// Tokens that Anthropic puts in front of a conversation that it may summarise: 80 were billed beside the text of the
/// one such request that we saw recorded (Claude Sonnet 4.6, 2026), and twice that is held.
const COMPACTION_TOKENS: u64 = 160;

/// What becomes of a conversation that grows long: a setting, for which Anthropic shows a text of its own.
fn managed(draft: &mut PromptDraft, member: Node<'_>) {
    if super::readings::compacts(member) {
        draft.unseen(COMPACTION_TOKENS);
    }
    setting(draft, member);
}

/// Which tools may be called, and how; Bedrock's describes them as well.
fn tool_config(draft: &mut PromptDraft, field: Node<'_>, name: &str) {
    match name {
        "tools" => tools::list(draft, field),
        "functioncallingconfig" | "retrievalconfig" | "toolchoice" | "includeserversidetoolinvocations" => {
            setting(draft, field);
        }
        _ => unknown(draft, field),
    }
}

/// Goes through an object of settings; something else in its place counts as what it is.
fn inside(draft: &mut PromptDraft, object: Node<'_>, each: impl Fn(&mut PromptDraft, Node<'_>, &str)) {
    if !object.is_object() || object.is_cut() {
        return unknown(draft, object);
    }
    for field in object.children().filter(|field| !field.is_empty()) {
        each(draft, field, Name::of(&field).as_str());
    }
}

/// `text` and `output_config`: how an answer is to look.
fn output(draft: &mut PromptDraft, field: Node<'_>, name: &str) {
    match name {
        "format" | "textformat" => schema::format(draft, field),
        "effort" | "taskbudget" | "verbosity" => setting(draft, field),
        _ => unknown(draft, field),
    }
}

/// Google's settings.
fn generation(draft: &mut PromptDraft, field: Node<'_>, name: &str) {
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
fn of_settings(draft: &mut PromptDraft, field: Node<'_>, name: &str) {
    match name {
        "type" | "effort" | "summary" | "generatesummary" | "display" | "context" | "mode" | "stop"
        | "stopsequences" | "thinking" | "reasoningconfig" | "reasoningeffort" | "inferenceconfig"
        | "outputconfig" | "anthropicbeta" | "keepalive" => setting(draft, field),
        _ if field.kind() == Kind::Bare => {}
        _ => unknown(draft, field),
    }
}

/// Images beside the conversation, as Ollama has them.
fn images(draft: &mut PromptDraft, field: Node<'_>) {
    draft.begin("user", false);
    super::media::images(draft, field, field);
    draft.end_beside();
}

/// A field of which nobody knows what it is: its JSON counts as text.
fn unknown(draft: &mut PromptDraft, field: Node<'_>) {
    if !field.is_empty() {
        draft.aside(Part::Text(field.member_json().into()));
    }
}

/// A setting that no model reads; what is longer than a setting is counts as text.
fn setting(draft: &mut PromptDraft, field: Node<'_>) {
    if field.raw().len() > SETTING_BYTES {
        unknown(draft, field);
    }
}

/// A longer setting is none.
const SETTING_BYTES: usize = 1_024;
