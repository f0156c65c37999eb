//! Why did trimming the prompt not help a refused call?

use std::fmt;

use crate::values::ShortText;

/// What became of trimming, if the call was refused all the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Untrimmed {
    /// Even what is always kept has `tokens` tokens, and only `fits` would fit.
    Least { tokens: u64, fits: u64 },
    /// Room was there for the trimmed prompt, and was gone when it was asked for.
    Overtaken { tokens: u64 },
    /// The request cannot be trimmed.
    Impossible { why: ShortText },
}

impl Untrimmed {
    /// The tokens of the prompt as far as it was trimmed.
    pub(super) fn tokens(&self) -> Option<u64> {
        match self {
            Self::Least { tokens, .. } | Self::Overtaken { tokens } => Some(*tokens),
            Self::Impossible { .. } => None,
        }
    }
}

impl fmt::Display for Untrimmed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Least { tokens, fits } => write!(
                f,
                "trimmed as far as it may be, the prompt still has {tokens} tokens where {fits} would fit"
            ),
            Self::Overtaken { tokens } => {
                write!(
                    f,
                    "the prompt was trimmed to {tokens} tokens, and other calls were faster; ask again soon"
                )
            }
            Self::Impossible { why } => write!(f, "the prompt was not trimmed: {why}"),
        }
    }
}
