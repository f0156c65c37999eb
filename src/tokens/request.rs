//! What does a request ask for, read off its JSON body?
//!
//! The rule of this room: **no field is dropped silently**. Each member of a body has a
//! place ([`body`]), counts as text, or counts as its JSON. A field that no model reads is
//! on a list, and counts all the same if it is longer than a setting may be. So a field
//! that a provider invents tomorrow makes an estimate too high, and never too low.
//!
//! Reading order: [`body`] (which field says what, by the names in [`fields`]), [`content`]
//! (messages and their parts, by the names in [`members`]), [`draft`] (the prompt as it
//! grows), [`settings`] and [`language`] (what is asked for beside the prompt, in the words
//! of which API), [`uses`] and [`switches`] (fees that may be incurred), [`media`],
//! [`files`] and [`pixels`] (what is no text), [`limit`] (how a request is told to ask for
//! less).

mod body;
mod caches;
mod calls;
mod claimed;
mod conditions;
mod class;
mod content;
mod draft;
mod encoded;
mod fields;
mod figures;
mod files;
mod inputs;
mod label;
pub(crate) mod language;
mod limit;
mod looks;
pub(crate) mod makers;
mod media;
mod modalities;
mod members;
mod name;
mod pieces;
mod pixels;
mod readings;
pub(super) mod sandbox;
mod schema;
mod settings;
mod shape;
mod stored;
mod switches;
mod tools;
pub(crate) mod unsaid;
mod uses;
mod words;

use serde_json::Value;

pub(crate) use conditions::with_dearer;
pub(crate) use figures::whole_text;
pub(crate) use limit::{limit_output, output_terms};
pub use shape::RequestShape;

use draft::PromptDraft;
use language::Language;
use settings::unreadable;

use super::document::{Document, Node};
use crate::values::call::conditions::CacheWrites;
use crate::values::{Part, Prompt};
use crate::{Call, Error};

/// A larger body is refused: the largest that any provider takes is 32 MB.
const BYTES_MAX: usize = 32 * 1024 * 1024;

impl RequestShape {
    /// Reads a body as it is sent.
    ///
    /// # Errors
    /// [`ErrorKind::Unreadable`](crate::ErrorKind::Unreadable) if the body is not a JSON
    /// object, is larger than 32 MiB, or names more than 64 models that may answer, or that
    /// may read the prompt beside the one that answers. The message says where: a line and
    /// a column, and never a piece of the prompt.
    pub fn parse(body: &[u8]) -> Result<Self, Error> {
        let document = parsed(text(body)?)?;
        Self::spoken(body::unwrapped(object(&document)?), &language::ANY)
    }

    /// Reads a body that was parsed before, as [`parse`](Self::parse) reads it when it is
    /// written out.
    ///
    /// # Errors
    /// As [`parse`](Self::parse).
    pub fn read(body: &Value) -> Result<Self, Error> {
        Self::parse(written(body).as_bytes())
    }

    /// Reads a body that is sent to an API whose language is known.
    pub(crate) fn of_document(language: &'static Language, document: &Document<'_>) -> Result<Self, Error> {
        Self::spoken(object(document)?, language)
    }

    /// Reads a body for that provider, whose language is known where it speaks only one.
    pub(crate) fn read_for(provider: Option<&str>, body: &Value) -> Result<Self, Error> {
        let language = body.as_object().and_then(|body| Language::of_provider(provider, body));
        match language {
            Some(language) => Self::of_document(language, &parsed(&written(body))?),
            None => Self::read(body),
        }
    }

    /// Reads a body in one language.
    fn spoken(body: Node<'_>, language: &'static Language) -> Result<Self, Error> {
        let mut draft = PromptDraft::new(body.document_bytes());
        draft.looks_closest = settings::looks_closest(body);
        draft.looks = settings::looks(body);
        body::read(&mut draft, body);
        if settings::shows_thinking(body) {
            draft.aside(Part::Thinking);
        }
        if settings::drafts(body) {
            draft.opaque();
        }
        draft.unseen(inputs::queries(body));
        let (media, cache) = (draft.media, caches::of(body));
        let uses = std::mem::take(&mut draft.uses);
        Ok(Self {
            model: settings::model(body),
            prompt: draft.finish(),
            output_tokens_max: settings::output_tokens_max(body, language),
            output_tokens_wished: settings::output_tokens_wished(body, language),
            choices: settings::choices(body, language),
            stream: body.get("stream").and_then(|stream| stream.switch()).unwrap_or(false),
            service_tier: settings::service_tier(body),
            writes_cache: matches!(cache, CacheWrites::Marked | CacheWrites::ForLong),
            cache,
            background: settings::background(body),
            reasoning: settings::reasoning(body, language),
            speed: settings::speed(body),
            region: settings::text(body, &["inference_geo"]),
            models: settings::models(body)?,
            uses: uses::of(body, language, &uses),
            echo: body.get("echo").is_some_and(|echo| echo.switch() == Some(true)),
            inputs: inputs::of(body, language),
            media,
            answer: modalities::of(body),
            search: switches::search_context(body),
            readings: readings::of(body, language)?,
        })
    }

    /// Makes a call of the request, without anybody who pays; `model` if the body names
    /// none.
    ///
    /// What prices the call comes along: the tier, a cache that is to be written, sound
    /// that the request shows, and sound or images of which the answer is to be made.
    ///
    /// ```
    /// use token_budget::tokens::RequestShape;
    ///
    /// let body = br#"{"model": "gpt-5.4", "service_tier": "priority", "messages": [{"role": "user", "content": "hi"}]}"#;
    /// let call = RequestShape::parse(body)?.into_call("gpt-5.4").organization("acme");
    /// assert_eq!(call.model(), "gpt-5.4");
    /// # Ok::<(), token_budget::Error>(())
    /// ```
    #[must_use]
    pub fn into_call(self, model: &str) -> Call {
        self.describe(Call::new(model))
    }

    /// Completes `call`, which says who pays, by what the body asks for. The body's model
    /// goes before the call's.
    ///
    /// What the call says beside that stays: its tags, its use case, its time-out, and
    /// every other condition.
    ///
    /// ```
    /// use token_budget::tokens::RequestShape;
    /// use token_budget::Call;
    ///
    /// let charge = Call::charging().team("search").tag("feature", "summary");
    /// let body = br#"{"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}]}"#;
    /// let call = RequestShape::parse(body)?.describe(charge);
    /// assert_eq!((call.model(), call.tag_value("feature")), ("gpt-4o", Some("summary")));
    /// # Ok::<(), token_budget::Error>(())
    /// ```
    #[must_use]
    pub fn describe(self, call: Call) -> Call {
        let call = self.terms(call);
        let mut call = call.choices(self.choices);
        if let Some(tokens) = self.output_tokens_wanted() {
            call = call.output_tokens(tokens);
        }
        if let Some(model) = self.model {
            call = call.with_model(model);
        }
        call.output_terms.is_unsaid = self.output_tokens_max.is_none();
        call.prompt(self.prompt)
    }

    /// The output that the request asks for, whether its API reads the word or is still to
    /// be told.
    pub(crate) fn output_tokens_wanted(&self) -> Option<u64> {
        self.output_tokens_max.or(self.output_tokens_wished)
    }

    /// What the request says about its price, beside its model and its size.
    pub(crate) fn terms(&self, mut call: Call) -> Call {
        call.conditions = conditions::of(self, call.conditions);
        call.background |= self.background;
        call.echoes |= self.echo;
        call.reasoning = self.reasoning.or(call.reasoning);
        call.inputs = self.inputs;
        call.readings.extend(self.readings.iter().cloned());
        call.models.extend(self.models.iter().cloned());
        if let (true, Some(first)) = (call.model.is_empty(), self.models.first()) {
            call.model.clone_from(first);
        }
        for (meter, count) in &self.uses {
            call = match count {
                Some(count) => call.may_use(*meter, *count),
                None => call.may_use_unlimited(*meter),
            };
        }
        call
    }
}

/// The text of a body that is no larger than can be read.
pub(crate) fn text(body: &[u8]) -> Result<&str, Error> {
    if body.len() > BYTES_MAX {
        return Err(unreadable(format!("has {} bytes, {BYTES_MAX} can be read", body.len())));
    }
    std::str::from_utf8(body)
        .map_err(|error| unreadable(format!("is not UTF-8 at byte {}", error.valid_up_to())))
}

/// The body as text, without the room that was left over as it grew: that may be as much again.
fn written(body: &Value) -> String {
    let mut text = body.to_string();
    text.shrink_to_fit();
    text
}

/// Finds where everything stands in a text. An error tells the place alone: a piece of the
/// text would be a piece of the prompt.
pub(crate) fn parsed(text: &str) -> Result<Document<'_>, Error> {
    if text.len() > BYTES_MAX {
        return Err(unreadable(format!("has {} bytes, {BYTES_MAX} can be read", text.len())));
    }
    Document::parse(text).map_err(|at| {
        let before = text.as_bytes().get(..at).unwrap_or_default();
        let line = before.iter().filter(|byte| **byte == b'\n').count().saturating_add(1);
        let column = before.iter().rev().take_while(|byte| **byte != b'\n').count().saturating_add(1);
        unreadable(format!("is not JSON: line {line}, column {column}"))
    })
}

/// The outermost object, or the error that there is none.
fn object<'d>(document: &'d Document<'_>) -> Result<Node<'d>, Error> {
    let root = document.root();
    root.is_object().then_some(root).ok_or_else(|| unreadable("is not a JSON object".to_owned()))
}

impl Prompt {
    /// The prompt of a request's JSON body: see [`RequestShape`](crate::tokens::RequestShape).
    ///
    /// # Errors
    /// [`ErrorKind::Unreadable`](crate::ErrorKind::Unreadable) where it is not a JSON object.
    pub fn from_request(body: &Value) -> Result<Self, Error> {
        RequestShape::read(body).map(|shape| shape.prompt)
    }
}
