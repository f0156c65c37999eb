//! How is a request told how much it may generate, and which cannot be told?
//!
//! No request is sent that may generate more than its hold covers. A request that names a
//! higher limit, or none, gets the limit of its hold written into the body, in the field
//! that this API has for it. Three kinds of body cannot be told: signed ones, which a
//! change would break; Bedrock's Invoke without a limit, whose models have names of their
//! own for it; and OpenAI's predictions, beside which no limit is accepted. These are
//! held for the model's maximum. If a limit must be sent all the same
//! ([`clamp_output`](super::HttpBudget::clamp_output)), they are refused with 400.
//!
//! Worked example: `{"max_tokens": 100000, …}` under a cap of 4,000 tokens a call is held
//! for 4,000. The figure in the body becomes `4000`, and every other byte stays. A
//! request for 500 is held for 500 and sent as it came.

use crate::values::ShortText;

use super::asked::Asked;
use super::dialect::Dialect;
use super::gate::HttpBudget;
use super::head::RequestHead;
use super::refusal::HttpRefusal;
use super::route::Route;
use super::want::Want;
use crate::tokens::document::edit::{Edits, Object};
use crate::tokens::unsaid::{self, Said};
use crate::tokens::{Language, language, whole_text};
use crate::values::no_limit::{ApiLimit, OutputTerms};
use crate::{Call, Reservation};

impl HttpBudget {
    /// What is known of a request's output beside the limit that it names: whether a
    /// limit can be written, how much it thinks, and what to do without one.
    pub(super) fn output_terms(
        &self,
        head: &RequestHead<'_>,
        asked: &Asked<'_>,
        route: &Route,
        call: &Call,
    ) -> OutputTerms {
        let is_sealed = is_signed(head);
        let api = match asked.api_limit(route, call) {
            ApiLimit::Writable if is_sealed => ApiLimit::Unwritable,
            api => api,
        };
        let terms = call.output_terms;
        let on_no_limit = terms.on_no_limit.or(self.on_no_limit);
        OutputTerms { on_no_limit, api, thinking: asked.thinking(), is_sealed, ..terms }
    }

    /// Writes the limit that is held for, if the request asks for more or may ask for
    /// anything.
    pub(super) fn limit(
        &self,
        edits: &mut Edits,
        asked: &Asked<'_>,
        route: &Route,
        call: &Call,
        reservation: Reservation,
    ) -> Result<Reservation, HttpRefusal> {
        let Some(each) = self.fitting.limit_to_send(call, &reservation) else { return Ok(reservation) };
        let terms = call.output_terms;
        let why = if route.is_anthropic() && each <= terms.thinking {
            format!(": it may think for {} tokens, and its limit must stand above that", terms.thinking)
        } else if terms.is_sealed {
            ": its body is signed".to_owned()
        } else if asked.limit_output(edits, route, call, each) {
            return Ok(reservation.limited_by_us());
        } else {
            String::new()
        };
        let text =
            format!("the output of this request cannot be limited to {each} tokens{why}; nothing was sent");
        Err(HttpRefusal::plain(route.dialect, 400, "output_not_limitable", text))
    }
}

/// Whether the body is signed, as AWS's own clients sign it, or bears a digest. A changed
/// body would be refused by the server.
fn is_signed(head: &RequestHead<'_>) -> bool {
    let starts = |value: &str, known: &str| {
        value.get(..known.len()).is_some_and(|start| start.eq_ignore_ascii_case(known))
    };
    const DIGESTS: [&str; 4] = ["content-digest", "repr-digest", "digest", "content-md5"];
    head.header("authorization").is_some_and(|value| starts(value, "AWS4-"))
        || DIGESTS.into_iter().any(|name| head.has_header(name))
        || head.header("x-amz-content-sha256").is_some_and(|hash| !starts(hash, "UNSIGNED-PAYLOAD"))
}

impl Route {
    /// Whether the request is read by Anthropic's rules, under which a limit must stand above the thinking.
    fn is_anthropic(&self) -> bool {
        matches!(self.dialect, Dialect::Anthropic | Dialect::Bedrock)
    }
}

impl Asked<'_> {
    /// What the API makes of this request if it names no limit.
    fn api_limit(&self, route: &Route, call: &Call) -> ApiLimit {
        let language = self.language;
        let is_zero = |name: &&str| self.object().text_of(name).and_then(whole_text) == Some(0);
        let said = Said {
            media: false,
            prediction: is_said(&self.object(), "prediction"),
            zero: language.limits.iter().any(is_zero),
            limit: self.names_a_limit(language),
        };
        let models = std::iter::once(&call.model).chain(&call.models).map(ShortText::as_str);
        unsaid::api_limit(language, route.provider.as_deref(), models, said)
    }

    /// Whether the body holds a prediction, beside which no limit may be written.
    fn predicts(&self, route: &Route) -> bool {
        self.language.leaves_predictions(route.provider.as_deref()) && is_said(&self.object(), "prediction")
    }

    /// Whether the body names a limit, in any of the places and names that its API reads.
    fn names_a_limit(&self, language: &'static Language) -> bool {
        let body = self.object();
        let mut places = language.places(body, move |name| body.object(name));
        places.any(|object| language.limits.iter().any(|name| is_said(&object, name)))
    }

    /// Tokens of thinking that the request asks for, by Anthropic's name or by Google's.
    fn thinking(&self) -> u64 {
        let inside = |path: &[&str]| {
            let (name, outer) = path.split_last()?;
            let object = outer.iter().try_fold(self.object(), |object, name| object.object(name))?;
            whole_text(object.text_of(name)?)
        };
        language::THINKING.iter().filter_map(|path| inside(path)).max().unwrap_or(0)
    }

    /// Limits the output to so many tokens of each choice; `false` if nobody knows how. A
    /// lower limit of the client's own stays.
    fn limit_output(&self, edits: &mut Edits, route: &Route, call: &Call, each: u64) -> bool {
        if route.want == Want::Vectors {
            return true;
        }
        let language = self.language;
        let mut is_limited = false;
        let body = self.object();
        for object in language.places(body, move |name| body.object(name)) {
            for name in language.limits.iter().filter(|name| is_said(&object, name)) {
                let Some(place) = object.place_of(name) else { continue };
                let fits = self.body.get(place.clone()).and_then(whole_text);
                if fits.is_none_or(|asked| asked == 0 || asked > each) {
                    edits.replace(place, each.to_string());
                }
                is_limited = true;
            }
        }
        is_limited || !self.predicts(route) && self.add_limit(edits, language, call, each)
    }

    /// Adds a limit to a body that names none, under the name and in the spelling that
    /// this API reads.
    fn add_limit(&self, edits: &mut Edits, language: &'static Language, call: &Call, each: u64) -> bool {
        // Models behind Bedrock's Invoke have names of their own for everything.
        let Some((inside, name)) = language.written else { return false };
        let name = language::name_for(language, name, call.provider.as_deref(), &call.model);
        let each = each.to_string();
        let Some(outer) = inside else {
            put(edits, &self.object(), name, &each);
            return true;
        };
        // In the spelling that the body uses.
        let spelt = || language.nested.iter().copied().find(|outer| self.object().place_of(outer).is_some());
        let outer = spelt().unwrap_or(outer);
        let object = self.object().object(outer);
        let named = object
            .as_ref()
            .and_then(|object| language.limits.iter().copied().find(|name| object.place_of(name).is_some()));
        let name = named.unwrap_or(if outer.contains('_') { snake(language, name) } else { name });
        match object {
            Some(object) => put(edits, &object, name, &each),
            None => put(edits, &self.object(), outer, &format!("{{\"{name}\":{each}}}")),
        }
        true
    }
}

/// The same name as it is spelt with underscores, where the language has it so.
fn snake(language: &'static Language, name: &'static str) -> &'static str {
    language.limits.iter().copied().find(|name| name.contains('_')).unwrap_or(name)
}

/// Whether a member stands there and is not `null`, which says nothing.
fn is_said(object: &Object<'_>, name: &str) -> bool {
    object.text_of(name).is_some_and(|text| text != "null")
}

/// Writes a member: in the place of one that says nothing, else behind all others.
fn put(edits: &mut Edits, object: &Object<'_>, name: &str, value: &str) {
    match object.place_of(name) {
        Some(place) => edits.replace(place, value),
        None => edits.add(object, name, value),
    }
}
