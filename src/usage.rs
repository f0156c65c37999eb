//! What did a call use? Every billed token once.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Error;

/// How often the provider ran a tool of its own during a call, by kind.
///
/// A missing count is not zero: it was not reported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct ServerToolRequests {
    /// Searches of the web.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub web_search: Option<u32>,
    /// Pages fetched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub web_fetch: Option<u32>,
    /// Searches in uploaded files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file_search: Option<u32>,
    /// Sandboxes of a code interpreter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code_execution: Option<u32>,
}

/// What one call used, in the one normal form that prices and budgets read.
///
/// Input contains what was read from and written to caches; output contains
/// reasoning. So no token stands in two places that are added up. A count
/// that was not reported is `None`, which is not zero.
///
/// # Example: reasoning is a part of the output
/// ```
/// use token_budget::Usage;
///
/// let usage = Usage::new().with_input(1_200).with_cached_input(1_000).with_output(300).with_reasoning(250);
/// assert_eq!(usage.total(), Some(1_500));
/// assert_eq!(usage.cache_write_5m(), None); // not reported
/// usage.check()?;
/// assert!(usage.with_reasoning(301).check().is_err());
/// # Ok::<(), token_budget::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "Written", into = "Written")]
pub struct Usage {
    input: Count,
    cached_input: Count,
    cache_write_5m: Count,
    cache_write_1h: Count,
    output: Count,
    reasoning: Count,
    /// Web searches, pages fetched, file searches, code sandboxes.
    server_tools: [SmallCount; 4],
}

/// A count that may be missing, in one word: calls copy their usage into the journal.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Count(u64);

/// The same for the few requests of server tools.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct SmallCount(u32);

impl Count {
    const MISSING: Self = Self(u64::MAX);

    /// A count of 2^64 − 1, which nobody can reach, is kept as one less.
    const fn of(count: u64) -> Self {
        Self(if count == u64::MAX { count.saturating_sub(1) } else { count })
    }

    const fn get(self) -> Option<u64> {
        if self.0 == u64::MAX { None } else { Some(self.0) }
    }

    fn or_missing(count: Option<u64>) -> Self {
        count.map_or(Self::MISSING, Self::of)
    }
}

impl SmallCount {
    const MISSING: Self = Self(u32::MAX);

    const fn get(self) -> Option<u32> {
        if self.0 == u32::MAX { None } else { Some(self.0) }
    }

    fn or_missing(count: Option<u32>) -> Self {
        count.map_or(Self::MISSING, |count| Self(count.min(u32::MAX.saturating_sub(1))))
    }
}

impl fmt::Debug for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}

impl fmt::Debug for SmallCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}

/// The form that is written and read.
#[derive(Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Written {
    #[serde(skip_serializing_if = "Option::is_none")]
    input: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cached_input: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_write_5m: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_write_1h: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning: Option<u64>,
    server_tools: ServerToolRequests,
}

impl From<Written> for Usage {
    fn from(written: Written) -> Self {
        Self {
            input: Count::or_missing(written.input),
            cached_input: Count::or_missing(written.cached_input),
            cache_write_5m: Count::or_missing(written.cache_write_5m),
            cache_write_1h: Count::or_missing(written.cache_write_1h),
            output: Count::or_missing(written.output),
            reasoning: Count::or_missing(written.reasoning),
            server_tools: packed(written.server_tools),
        }
    }
}

impl From<Usage> for Written {
    fn from(usage: Usage) -> Self {
        Self {
            input: usage.input(),
            cached_input: usage.cached_input(),
            cache_write_5m: usage.cache_write_5m(),
            cache_write_1h: usage.cache_write_1h(),
            output: usage.output(),
            reasoning: usage.reasoning(),
            server_tools: usage.server_tools(),
        }
    }
}

fn packed(tools: ServerToolRequests) -> [SmallCount; 4] {
    [tools.web_search, tools.web_fetch, tools.file_search, tools.code_execution].map(SmallCount::or_missing)
}

impl Default for Usage {
    fn default() -> Self {
        Written::default().into()
    }
}

impl Usage {
    /// Nothing reported yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// That many input and output tokens: the commonest report.
    #[must_use]
    pub fn of(input: u64, output: u64) -> Self {
        Self::new().with_input(input).with_output(output)
    }

    /// With all input tokens, cache reads and writes included.
    #[must_use]
    pub fn with_input(mut self, tokens: u64) -> Self {
        self.input = Count::of(tokens);
        self
    }

    /// With the part of the input that was read from a cache.
    #[must_use]
    pub fn with_cached_input(mut self, tokens: u64) -> Self {
        self.cached_input = Count::of(tokens);
        self
    }

    /// With the part of the input written to a cache for five minutes, or for the provider's default.
    #[must_use]
    pub fn with_cache_write_5m(mut self, tokens: u64) -> Self {
        self.cache_write_5m = Count::of(tokens);
        self
    }

    /// With the part of the input written to a cache for an hour.
    #[must_use]
    pub fn with_cache_write_1h(mut self, tokens: u64) -> Self {
        self.cache_write_1h = Count::of(tokens);
        self
    }

    /// With all output tokens, reasoning included.
    #[must_use]
    pub fn with_output(mut self, tokens: u64) -> Self {
        self.output = Count::of(tokens);
        self
    }

    /// With the part of the output that was reasoning.
    #[must_use]
    pub fn with_reasoning(mut self, tokens: u64) -> Self {
        self.reasoning = Count::of(tokens);
        self
    }

    /// With the requests of the provider's own tools.
    #[must_use]
    pub fn with_server_tools(mut self, requests: ServerToolRequests) -> Self {
        self.server_tools = packed(requests);
        self
    }

    /// All input tokens, cache reads and writes included.
    #[must_use]
    pub fn input(&self) -> Option<u64> {
        self.input.get()
    }

    /// The part of the input that was read from a cache.
    #[must_use]
    pub fn cached_input(&self) -> Option<u64> {
        self.cached_input.get()
    }

    /// The part of the input written to a cache for five minutes, or for the provider's default.
    #[must_use]
    pub fn cache_write_5m(&self) -> Option<u64> {
        self.cache_write_5m.get()
    }

    /// The part of the input written to a cache for an hour.
    #[must_use]
    pub fn cache_write_1h(&self) -> Option<u64> {
        self.cache_write_1h.get()
    }

    /// All output tokens, reasoning included.
    #[must_use]
    pub fn output(&self) -> Option<u64> {
        self.output.get()
    }

    /// The part of the output that was reasoning.
    #[must_use]
    pub fn reasoning(&self) -> Option<u64> {
        self.reasoning.get()
    }

    /// The requests of the provider's own tools.
    #[must_use]
    pub fn server_tools(&self) -> ServerToolRequests {
        let [web_search, web_fetch, file_search, code_execution] = self.server_tools.map(SmallCount::get);
        ServerToolRequests { web_search, web_fetch, file_search, code_execution }
    }

    /// Input plus output, where both were reported.
    #[must_use]
    pub fn total(&self) -> Option<u64> {
        self.input()?.checked_add(self.output()?)
    }

    /// Whether both input and output were reported, so that the call can be charged as it was.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.input().is_some() && self.output().is_some()
    }

    /// Checks that no part is larger than its whole.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid), naming the part.
    pub fn check(&self) -> Result<(), Error> {
        let cached = self.cache_parts();
        match self.input() {
            Some(input) if cached > u128::from(input) => {
                return Err(Error::invalid(
                    "usage.input",
                    format!("{cached} cached tokens of {input} in all"),
                ));
            }
            None if cached > 0 => {
                return Err(Error::invalid("usage.input", "is missing beside its cached part"));
            }
            _ => {}
        }
        match (self.output(), self.reasoning()) {
            (Some(output), Some(part)) if part > output => {
                Err(Error::invalid("usage.reasoning", format!("{part} tokens of {output} in all")))
            }
            (None, Some(_)) => Err(Error::invalid("usage.output", "is missing beside its reasoning part")),
            _ => Ok(()),
        }
    }

    /// The same usage with parts clamped to their wholes, and whether anything had to be.
    ///
    /// Cache reads are kept before writes, the cheaper five-minute write is cut first.
    #[must_use]
    pub fn clamped(mut self) -> (Self, bool) {
        if self.check().is_ok() {
            return (self, false);
        }
        if self.input().is_none() && self.cache_parts() > 0 {
            self.input = Count::of(u64::try_from(self.cache_parts()).unwrap_or(u64::MAX));
        }
        if self.output().is_none() {
            self.output = self.reasoning;
        }
        let mut room = self.input().unwrap_or(0);
        for part in [&mut self.cached_input, &mut self.cache_write_1h, &mut self.cache_write_5m] {
            if let Some(tokens) = part.get() {
                *part = Count::of(tokens.min(room));
                room = room.saturating_sub(tokens);
            }
        }
        if let (Some(output), Some(part)) = (self.output(), self.reasoning()) {
            self.reasoning = Count::of(part.min(output));
        }
        (self, true)
    }

    fn cache_parts(&self) -> u128 {
        [self.cached_input(), self.cache_write_5m(), self.cache_write_1h()]
            .into_iter()
            .map(|part| u128::from(part.unwrap_or(0)))
            .fold(0, u128::saturating_add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_may_fill_their_whole_but_not_exceed_it() {
        let usage = Usage::of(10, 5).with_cached_input(4).with_cache_write_5m(3).with_cache_write_1h(3);
        assert!(usage.check().is_ok());
        assert!(usage.with_cached_input(5).check().is_err());
        assert!(usage.with_reasoning(5).check().is_ok());
        assert!(usage.with_reasoning(6).check().is_err());
    }

    #[test]
    fn usage_survives_json_and_keeps_what_is_missing() {
        let usage = Usage::of(10, 0).with_cached_input(4);
        let text = serde_json::to_string(&usage).expect("json");
        assert_eq!(text, r#"{"input":10,"cached_input":4,"output":0,"server_tools":{}}"#);
        assert_eq!(serde_json::from_str::<Usage>(&text).expect("usage"), usage);
        assert!(serde_json::from_str::<Usage>(r#"{"inputs":1}"#).is_err());
        assert_eq!(std::mem::size_of::<Usage>(), 64);
    }

    #[test]
    fn contradictions_are_clamped_and_flagged() {
        let (usage, changed) = Usage::of(10, 5).with_cached_input(8).with_cache_write_5m(8).clamped();
        assert!(changed);
        assert_eq!((usage.cached_input(), usage.cache_write_5m()), (Some(8), Some(2)));
        assert!(usage.check().is_ok());
        assert_eq!(Usage::of(10, 5).clamped(), (Usage::of(10, 5), false));
    }
}
