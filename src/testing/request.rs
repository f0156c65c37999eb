//! What does a request ask of a scripted provider?
//!
//! Only the fields that an answer depends on are read; the rest is skipped without a
//! copy. The reader is deliberately not the one of [`wire`](crate::wire): a test whose
//! two sides share a parser cannot find that parser's mistakes.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

/// Bytes of a request's messages and tools, as JSON, that count as one token.
///
/// English text has about four bytes a token. Eight makes the provider's count lower than
/// any estimate, so that a hold for the prompt always covers its bill, and a test need
/// not know the tokenizer.
const BYTES_A_TOKEN: u64 = 8;

/// The API that a client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Dialect {
    /// OpenAI's chat completions.
    Chat,
    /// OpenAI's responses.
    Responses,
    /// Anthropic's messages.
    Messages,
}

/// What a path leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Door {
    /// An answer is generated, and billed.
    Generate(Dialect),
    /// Anthropic's counting of tokens, which is free.
    CountTokens,
    /// The list of models, which is free.
    Models,
}

impl Door {
    /// Finds the door by the end of a path, whatever stands before it: base paths of
    /// gateways pass.
    pub(super) fn of(path: &str) -> Option<Self> {
        let path = path.split('?').next().unwrap_or_default().trim_end_matches('/');
        const DOORS: [(&str, Door); 5] = [
            ("/chat/completions", Door::Generate(Dialect::Chat)),
            ("/responses", Door::Generate(Dialect::Responses)),
            ("/messages", Door::Generate(Dialect::Messages)),
            ("/messages/count_tokens", Door::CountTokens),
            ("/models", Door::Models),
        ];
        DOORS.into_iter().find(|(end, _)| path.ends_with(end)).map(|(_, door)| door)
    }
}

impl Dialect {
    /// The provider whose API this is, as price tables name it.
    pub(super) fn provider(self) -> &'static str {
        match self {
            Self::Chat | Self::Responses => "openai",
            Self::Messages => "anthropic",
        }
    }

    /// The ordinary tier, in the provider's word.
    pub(super) fn tier(self) -> &'static str {
        match self {
            Self::Chat | Self::Responses => "default",
            Self::Messages => "standard",
        }
    }
}

/// The fields of a request that an answer depends on; the rest is skipped.
#[derive(Deserialize)]
pub(super) struct Request<'a> {
    #[serde(borrow)]
    pub(super) model: Cow<'a, str>,
    #[serde(default)]
    pub(super) stream: bool,
    #[serde(default)]
    background: Option<bool>,
    #[serde(borrow, default)]
    pub(super) service_tier: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    user: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    metadata: Option<Metadata<'a>>,
    #[serde(default)]
    n: Option<u32>,
    #[serde(default)]
    max_tokens: Option<u64>,
    #[serde(default)]
    max_completion_tokens: Option<u64>,
    #[serde(default)]
    max_output_tokens: Option<u64>,
    #[serde(default)]
    stream_options: Option<StreamOptions>,
    #[serde(borrow, default)]
    messages: Option<&'a RawValue>,
    #[serde(borrow, default)]
    system: Option<&'a RawValue>,
    #[serde(borrow, default)]
    input: Option<&'a RawValue>,
    #[serde(borrow, default)]
    instructions: Option<&'a RawValue>,
    #[serde(borrow, default)]
    tools: Option<&'a RawValue>,
}

#[derive(Clone, Copy, Default, Deserialize)]
struct StreamOptions {
    #[serde(default)]
    include_usage: bool,
}

#[derive(Deserialize)]
struct Metadata<'a> {
    #[serde(borrow, default)]
    user_id: Option<Cow<'a, str>>,
}

impl<'a> Request<'a> {
    /// Reads a body; the error says what is wrong with it, without any of its text.
    pub(super) fn parse(body: &'a [u8]) -> Result<Self, String> {
        serde_json::from_slice(body).map_err(|error| {
            format!("the body cannot be read: line {}, column {}", error.line(), error.column())
        })
    }

    /// The output limit of one choice. Of several names the newest counts:
    /// `max_completion_tokens`, `max_output_tokens`, `max_tokens`.
    pub(super) fn limit(&self) -> Option<u64> {
        self.max_completion_tokens.or(self.max_output_tokens).or(self.max_tokens)
    }

    /// How many answers are asked for at once; only chat completions know more than one.
    pub(super) fn choices(&self, dialect: Dialect) -> u32 {
        match dialect {
            Dialect::Chat => self.n.unwrap_or(1).max(1),
            _ => 1,
        }
    }

    /// Whether the answer is generated without its client; only OpenAI's responses can
    /// ask for that.
    pub(super) fn in_background(&self, dialect: Dialect) -> bool {
        dialect == Dialect::Responses && self.background == Some(true)
    }

    /// Whether a stream of chat completions ends with its usage.
    pub(super) fn include_usage(&self) -> bool {
        self.stream_options.is_some_and(|options| options.include_usage)
    }

    /// On whose behalf the request was made, where it says so.
    pub(super) fn user(&self) -> Option<&str> {
        let of_metadata = self.metadata.as_ref().and_then(|metadata| metadata.user_id.as_deref());
        self.user.as_deref().or(of_metadata)
    }

    /// The input tokens that are billed if the reply does not state any: bytes divided by
    /// eight, at least one.
    pub(super) fn input_tokens(&self) -> u64 {
        let parts = [self.messages, self.system, self.input, self.instructions, self.tools];
        let bytes =
            parts.into_iter().flatten().fold(0_u64, |sum, part| sum.saturating_add(part.get().len() as u64));
        (bytes / BYTES_A_TOKEN).max(1)
    }
}
