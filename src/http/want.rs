//! What does a request want?
//!
//! A want is the least that the gate must know of a path: does it cost anything, which
//! API's rules does its body follow, and does it generate text that a limit can cut?

use super::unmetered::Unmetered;

/// What a request wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Want {
    /// Text, by OpenAI's chat completions or Bedrock's Converse.
    Chat,
    /// Text, by OpenAI's completions or Anthropic's.
    Completion,
    /// Text, by OpenAI's responses.
    Response,
    /// A conversation made shorter, by OpenAI's responses; the API takes no output limit for it.
    Compaction,
    /// Text, an image or sound, by another API.
    Generation,
    /// Vectors or ranks: nothing is generated.
    Vectors,
    /// Nothing that is billed: a list, a file, a count of tokens.
    Nothing,
    /// Something whose cost no answer will tell.
    Unmetered(Unmetered),
    /// One thing as it is written, and another if an encoded slash is taken for a slash.
    Ambiguous,
}

impl Want {
    /// Whether the request is held for and metered.
    pub(super) fn is_billed(self) -> bool {
        !matches!(self, Self::Nothing | Self::Unmetered(_) | Self::Ambiguous)
    }
}
