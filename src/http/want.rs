//! What does a request want?

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
    /// A conversation made shorter, by OpenAI's responses: it takes no limit.
    Compaction,
    /// Text, an image or sound, by another API.
    Generation,
    /// Vectors or ranks: nothing is generated.
    Vectors,
    /// Nothing that is billed: a list, a file, a count of tokens.
    Nothing,
    /// Nobody here can say what it costs.
    Unmetered(Unmetered),
    /// One thing as it is written, and another where an encoded slash is taken for a slash.
    Ambiguous,
}

impl Want {
    /// Whether it is held for and metered.
    pub(super) fn is_billed(self) -> bool {
        !matches!(self, Self::Nothing | Self::Unmetered(_) | Self::Ambiguous)
    }
}
