//! What does a body ask for, and how is it changed so that it asks for no more than is held?
//!
//! The body is read once, without a copy, into a document that remembers where each
//! member stands. So a limit or an option is written into the client's own text at the
//! right place, and everything else stays as the client wrote it, down to the last blank.
//!
//! A body that a server might read otherwise is refused. `{"max_tokens": 5, "max_tokens":
//! 50000}` is valid JSON; one parser takes the first value and another the last. Held by
//! the one and sent to the other, the call could cost ten thousand times its hold.

use std::borrow::Cow;

use smallvec::SmallVec;

use super::dialect::Dialect;
use super::route::Route;
use super::want::Want;
use crate::tokens::document::Document;
use crate::tokens::document::edit::{Edits, Object};
use crate::tokens::{Language, RequestShape, language, request_document, request_text};
use crate::values::{Input, Region, ShortText};
use crate::{Call, Error, ErrorKind};

/// A body that was read.
#[derive(Debug)]
pub(super) struct Asked<'a> {
    pub(super) body: &'a str,
    document: Document<'a>,
    /// The words that its API reads for the size of its answers.
    pub(super) language: &'static Language,
    pub(super) streams: bool,
}

impl<'a> Asked<'a> {
    /// Reads a body, and completes the call that says who pays by what the body asks for.
    pub(super) fn read(route: &Route, body: &'a [u8], charge: Call) -> Result<(Self, Call), Error> {
        let body = request_text(body)?;
        let document = request_document(body)?;
        let named = document.root().get("model").and_then(|model| model.text().map(ShortText::from));
        let language = route.language(named.as_deref().unwrap_or_default(), &charge.model);
        let shape = RequestShape::of_document(language, &document)?;
        let object = Object::of(&document);
        if let Some(name) = ambiguous(&object, language) {
            // Held by the one and sent with the other, it could cost anything.
            let name: String = name.chars().take(80).collect();
            return Err(unreadable(&format!("{name:?} can be read in two ways")));
        }
        let by_body = match route.dialect {
            // The only language in which an answer is streamed unless said otherwise.
            Dialect::Ollama => object.text_of("stream") != Some("false"),
            _ => shape.stream,
        };
        let streams = route.streams || by_body;
        let call = complete(route, shape, charge);
        if call.model.is_empty() {
            return Err(unreadable("names no model"));
        }
        Ok((Self { body, document, language, streams }, call))
    }

    /// The body, as an object whose fields can be changed.
    pub(super) fn object(&self) -> Object<'_> {
        Object::of(&self.document)
    }

    /// Asks for usage in the stream's last frame; `false` if the client has asked for it
    /// itself, so that the frame is not hidden from it.
    pub(super) fn ask_for_usage(&self, edits: &mut Edits) -> bool {
        const ASKED: &str = "{\"include_usage\":true}";
        let body = self.object();
        match (body.object("stream_options"), body.place_of("stream_options")) {
            (Some(options), _) => match (options.text_of("include_usage"), options.place_of("include_usage"))
            {
                (Some("true"), _) => return false,
                (_, Some(place)) => edits.replace(place, "true"),
                (_, None) => edits.add(&options, "include_usage", "true"),
            },
            (None, Some(place)) => edits.replace(place, ASKED),
            (None, None) => edits.add(&body, "stream_options", ASKED),
        }
        true
    }

    /// The body to send in place of the client's; `None` if it is to be sent as it came.
    pub(super) fn edited(&self, edits: Edits) -> Option<Vec<u8>> {
        (!edits.is_empty()).then(|| edits.apply(self.body).into_bytes())
    }
}

/// A name of which a server may see another value than was read here: the name stands in
/// an object twice, or in another case that some servers take for the same, or it has a
/// number written as text.
fn ambiguous(body: &Object<'_>, language: &'static Language) -> Option<String> {
    let nested: Vec<_> = language.nested.iter().filter(|name| body.place_of(name).is_some()).collect();
    if let [_, second, ..] = nested.as_slice() {
        // Two spellings of one name.
        return Some((**second).to_owned());
    }
    let names =
        READ.iter().chain(&FIELDS).chain(language.nested).chain(language.limits).chain(language.choices);
    let names: SmallVec<[&str; 96]> = names.copied().collect();
    let objects = language::ANY.nested.iter().chain(&["stream_options"]).filter_map(|name| body.object(name));
    std::iter::once(*body).chain(objects).find_map(|object| {
        let numbers = || language.limits.iter().chain(language.choices).copied();
        let number_as_text = numbers().find(|name| object.is_text(name)).map(Cow::Borrowed);
        let name = object.doubled().or_else(|| object.misspelt(&names)).or(number_as_text)?;
        Some(name.into_owned())
    })
}

/// Names that decide how a request is held, at the top or inside.
const READ: [&str; 6] = ["model", "stream", "stream_options", "include_usage", "service_tier", "serviceTier"];

/// Fields of a body that are read by exactly these names: what the model reads, how
/// often, by which models, and for which fees. Another spelling of one of them
/// (`Messages`) is refused, because some servers would accept it.
const FIELDS: [&str; 46] = [
    "messages",
    "message",
    "contents",
    "chat_history",
    "input",
    "inputs",
    "prompt",
    "query",
    "texts",
    "documents",
    "passages",
    "document",
    "images",
    "requests",
    "instances",
    "tools",
    "toolConfig",
    "models",
    "fallbacks",
    "modelId",
    "background",
    "echo",
    "prediction",
    "max_tool_calls",
    "reasoning",
    "reasoning_effort",
    "thinking",
    "additionalModelRequestFields",
    "speed",
    "performanceConfig",
    "inference_geo",
    "modalities",
    "voice",
    "pages",
    "n",
    "num_images",
    "numberOfImages",
    "sampleCount",
    "seconds",
    "duration",
    "max_tokens_per_doc",
    "imageGenerationConfig",
    "textToImageParams",
    "taskType",
    "parameters",
    "search_options",
];

/// The client's mistake, which is answered with 400.
fn unreadable(problem: &str) -> Error {
    Error::new(ErrorKind::Unreadable, format!("request: {problem}"))
}

/// Completes the call: who pays comes from the charge, everything else from the request.
fn complete(route: &Route, shape: RequestShape, charge: Call) -> Call {
    let mut call = charge;
    // A model that the charge names stands, whatever the request says; others that its body lists may still answer.
    if call.model.is_empty() {
        call.model = route.model.clone().or(shape.model.clone()).unwrap_or_default();
    }
    if call.provider.is_none() {
        call.provider.clone_from(&route.provider);
    }
    if route.region != Region::Global {
        call.conditions = call.conditions.with_region(route.region);
    }
    call = shape.terms(call);
    let wanted = shape.output_tokens_wanted();
    call.input = Input::Prompt(shape.prompt);
    call.choices = shape.choices.max(1);
    call.output_terms.is_unsaid = route.want != Want::Vectors && shape.output_tokens_max.is_none();
    call.output_requested = match route.want {
        Want::Vectors => Some(0),
        _ => wanted.or(call.output_requested),
    };
    call
}
