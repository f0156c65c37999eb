//! What does a body ask for, and how is it changed so that it asks for no more than is held?

use super::dialect::Dialect;
use super::edit::{Edits, Object};
use super::route::{Route, Want};
use crate::message::Input;
use crate::tokens::{NESTED, OUTPUT_LIMITS, RequestShape};
use crate::{Call, Error, ErrorKind, ServiceTier};

/// A body that was read.
#[derive(Debug)]
pub(super) struct Asked<'a> {
    body: &'a str,
    object: Object<'a>,
    pub(super) streams: bool,
}

impl<'a> Asked<'a> {
    /// Reads a body, and completes the call that says who pays by what it asks for.
    pub(super) fn read(route: &Route, body: &'a [u8], charge: Call) -> Result<(Self, Call), Error> {
        let shape = RequestShape::parse(body)?;
        let unreadable = |problem: &str| Error::new(ErrorKind::Unreadable, format!("request: {problem}"));
        let body = std::str::from_utf8(body).map_err(|_| unreadable("is not UTF-8"))?;
        let object = Object::of(body).ok_or_else(|| unreadable("is not a JSON object"))?;
        let nested = NESTED.iter().filter_map(|name| object.object(name));
        if let Some(name) =
            std::iter::once(object.clone()).chain(nested).find_map(|at| Some(at.doubled()?.to_owned()))
        {
            // Held by the one and sent with the other, it could cost anything.
            let name: String = name.chars().take(80).collect();
            return Err(unreadable(&format!("{name:?} stands in it twice")));
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
        Ok((Self { body, object, streams }, call))
    }

    /// Limits the output to so many tokens of each choice; false where nobody knows how.
    pub(super) fn limit_output(&self, edits: &mut Edits, route: &Route, each: u64) -> bool {
        let nested = NESTED.iter().filter_map(|name| self.object.object(name));
        let places = std::iter::once(self.object.clone()).chain(nested);
        let mut is_limited = false;
        for object in places {
            for place in OUTPUT_LIMITS.iter().filter_map(|name| object.place_of(name)) {
                let fits = self.body.get(place.clone()).and_then(|text| text.parse::<u64>().ok());
                if fits.is_none_or(|asked| asked > each) {
                    edits.replace(place, each.to_string());
                }
                is_limited = true;
            }
        }
        is_limited || self.add_limit(edits, route, each)
    }

    fn add_limit(&self, edits: &mut Edits, route: &Route, each: u64) -> bool {
        let is_openai = matches!(route.provider.as_deref(), Some("openai" | "azure"));
        let (inside, name) = match (route.dialect, route.want) {
            (_, Want::Vectors) => return true,
            // OpenAI's reasoning models refuse the old name, and most others the new one.
            (Dialect::OpenAi, Want::Chat) if is_openai => (None, "max_completion_tokens"),
            (Dialect::OpenAi, Want::Chat | Want::Completion) => (None, "max_tokens"),
            (Dialect::OpenAi, Want::Response) => (None, "max_output_tokens"),
            (Dialect::Anthropic | Dialect::Cohere, _) => (None, "max_tokens"),
            (Dialect::Gemini, _) => (Some("generationConfig"), "maxOutputTokens"),
            (Dialect::Ollama, _) => (Some("options"), "num_predict"),
            (Dialect::Bedrock, Want::Chat) => (Some("inferenceConfig"), "maxTokens"),
            // Models behind Bedrock's Invoke have names of their own for everything.
            _ => return false,
        };
        let each = each.to_string();
        match inside {
            None => edits.add(&self.object, name, &each),
            Some(outer) => match (self.object.object(outer), self.object.place_of(outer)) {
                (Some(object), _) => edits.add(&object, name, &each),
                (None, Some(place)) => edits.replace(place, format!("{{\"{name}\":{each}}}")),
                (None, None) => edits.add(&self.object, outer, &format!("{{\"{name}\":{each}}}")),
            },
        }
        true
    }

    /// Asks for usage in the stream's last frame; false where the client has asked for it itself.
    pub(super) fn ask_for_usage(&self, edits: &mut Edits) -> bool {
        const ASKED: &str = "{\"include_usage\":true}";
        match (self.object.object("stream_options"), self.object.place_of("stream_options")) {
            (Some(options), _) => match (options.text_of("include_usage"), options.place_of("include_usage"))
            {
                (Some("true"), _) => return false,
                (_, Some(place)) => edits.replace(place, "true"),
                (_, None) => edits.add(&options, "include_usage", "true"),
            },
            (None, Some(place)) => edits.replace(place, ASKED),
            (None, None) => edits.add(&self.object, "stream_options", ASKED),
        }
        true
    }

    /// The body to send in place of the client's; `None` where it is to be sent as it came.
    pub(super) fn edited(&self, edits: Edits) -> Option<Vec<u8>> {
        (!edits.is_empty()).then(|| edits.apply(self.body).into_bytes())
    }
}

/// The call: who pays by the charge, everything else by the request.
fn complete(route: &Route, shape: RequestShape, charge: Call) -> Call {
    let mut call = charge;
    if call.model.is_empty() {
        call.model = route.model.clone().or(shape.model).unwrap_or_default();
    }
    if call.provider.is_none() {
        call.provider.clone_from(&route.provider);
    }
    if let Some(tier) = shape.service_tier.as_deref().and_then(ServiceTier::named) {
        call.conditions = call.conditions.with_tier(tier);
    }
    if shape.writes_cache {
        call.conditions = call.conditions.with_cache_writes();
    }
    call.input = Input::Prompt(shape.prompt);
    call.choices = shape.choices.max(1);
    call.output_requested = match route.want {
        Want::Vectors => Some(0),
        _ => shape.output_tokens_max.or(call.output_requested),
    };
    call
}
