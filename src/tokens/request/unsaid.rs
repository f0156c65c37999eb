//! What does an API make of a request that names no limit, or one that bounds nothing?

use super::language::{COMPLETIONS, Language};
use super::makers;
use crate::values::no_limit::ApiLimit;

/// What stands in a request, beside a limit that bounds it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Said {
    /// It asks for images, sound or vectors.
    pub(crate) media: bool,
    /// It holds a prediction.
    pub(crate) prediction: bool,
    /// A limit of zero.
    pub(crate) zero: bool,
    /// A limit under one of its API's names, whatever it says: below zero, a text, `true`.
    pub(crate) limit: bool,
}

/// What the API makes of a request to any of those models.
pub(crate) fn api_limit<'a>(
    language: &'static Language,
    provider: Option<&str>,
    models: impl IntoIterator<Item = &'a str>,
    said: Said,
) -> ApiLimit {
    match () {
        () if said.media || language.is_media() => ApiLimit::Media,
        () if said.prediction && language.leaves_predictions(provider) => ApiLimit::Unwritable,
        () if said.zero && language.takes_none(provider) => ApiLimit::Stops(0),
        // One that bounds nothing is written anew where it stands. Nobody knows what its API makes of it, so it is
        // held for its default nowhere.
        () if said.limit => by_itself(language),
        () => {
            let limits = models.into_iter().map(|model| unsaid(language, provider, model));
            limits.reduce(weaker).unwrap_or_else(|| by_itself(language))
        }
    }
}

/// What bounds an answer that may be of either model.
fn weaker(one: ApiLimit, other: ApiLimit) -> ApiLimit {
    match (one, other) {
        (ApiLimit::Stops(one), ApiLimit::Stops(other)) => ApiLimit::Stops(one.max(other)),
        (ApiLimit::Unwritable, _) | (_, ApiLimit::Unwritable) => ApiLimit::Unwritable,
        (one, other) if one == other => one,
        _ => ApiLimit::Writable,
    }
}

fn by_itself(language: &'static Language) -> ApiLimit {
    if language.written.is_some() { ApiLimit::Writable } else { ApiLimit::Unwritable }
}

/// What an API makes of a request that names no limit.
fn unsaid(language: &'static Language, provider: Option<&str>, model: &str) -> ApiLimit {
    if std::ptr::eq(language, &raw const COMPLETIONS) {
        // OpenAI documents 16 tokens of each answer; vLLM, which others serve models by, keeps to it.
        let is_of_openai = matches!(provider, Some("openai" | "azure" | "vllm" | "hosted_vllm"));
        let is_their_model = ["gpt-3.5-turbo-instruct", "davinci-002", "babbage-002"].iter().any(|known| {
            model.strip_prefix(known).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
        });
        return if is_of_openai || is_their_model { ApiLimit::Stops(16) } else { ApiLimit::Writable };
    }
    if makers::is_invoked(language) { makers::stops(model) } else { by_itself(language) }
}
