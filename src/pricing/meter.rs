//! What can carry a price?

use std::fmt;

/// Something a provider counts and bills: a class of tokens, or runs of one of its own tools.
///
/// Token rates are in USD per million tokens, tool rates in USD per request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Meter {
    /// Input tokens that touched no cache.
    Input,
    /// Input tokens read from a cache.
    CachedInput,
    /// Input tokens written to a cache for five minutes, or for the provider's default.
    CacheWrite5m,
    /// Input tokens written to a cache for an hour, or for the longer of two lifetimes.
    CacheWrite1h,
    /// Output tokens that are not reasoning.
    Output,
    /// Output tokens that are reasoning.
    Reasoning,
    /// Searches of the web.
    WebSearch,
    /// Pages fetched.
    WebFetch,
    /// Searches in uploaded files.
    FileSearch,
    /// Sandboxes of a code interpreter.
    CodeExecution,
}

impl Meter {
    /// How many meters there are.
    pub(super) const COUNT: usize = 10;

    /// Every meter, tokens first.
    pub(super) const ALL: [Self; Self::COUNT] = [
        Self::Input,
        Self::CachedInput,
        Self::CacheWrite5m,
        Self::CacheWrite1h,
        Self::Output,
        Self::Reasoning,
        Self::WebSearch,
        Self::WebFetch,
        Self::FileSearch,
        Self::CodeExecution,
    ];

    /// Its name in price rows: `cached_input`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::CachedInput => "cached_input",
            Self::CacheWrite5m => "cache_write_5m",
            Self::CacheWrite1h => "cache_write_1h",
            Self::Output => "output",
            Self::Reasoning => "reasoning",
            Self::WebSearch => "web_search",
            Self::WebFetch => "web_fetch",
            Self::FileSearch => "file_search",
            Self::CodeExecution => "code_execution",
        }
    }

    /// Whether it counts tokens (else requests).
    #[must_use]
    pub const fn counts_tokens(self) -> bool {
        !matches!(self, Self::WebSearch | Self::WebFetch | Self::FileSearch | Self::CodeExecution)
    }

    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|meter| meter.name() == name)
    }

    /// How many decimals turn its rate in USD into atto-dollars for one token or request.
    pub(super) const fn atto_digits(self) -> u32 {
        if self.counts_tokens() { 12 } else { 18 }
    }
}

impl fmt::Display for Meter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
