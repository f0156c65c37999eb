//! What did a call use? Every billed token once.

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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Usage {
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
        self.input = Some(tokens);
        self
    }

    /// With the part of the input that was read from a cache.
    #[must_use]
    pub fn with_cached_input(mut self, tokens: u64) -> Self {
        self.cached_input = Some(tokens);
        self
    }

    /// With the part of the input written to a cache for five minutes, or for the provider's default.
    #[must_use]
    pub fn with_cache_write_5m(mut self, tokens: u64) -> Self {
        self.cache_write_5m = Some(tokens);
        self
    }

    /// With the part of the input written to a cache for an hour.
    #[must_use]
    pub fn with_cache_write_1h(mut self, tokens: u64) -> Self {
        self.cache_write_1h = Some(tokens);
        self
    }

    /// With all output tokens, reasoning included.
    #[must_use]
    pub fn with_output(mut self, tokens: u64) -> Self {
        self.output = Some(tokens);
        self
    }

    /// With the part of the output that was reasoning.
    #[must_use]
    pub fn with_reasoning(mut self, tokens: u64) -> Self {
        self.reasoning = Some(tokens);
        self
    }

    /// With the requests of the provider's own tools.
    #[must_use]
    pub fn with_server_tools(mut self, requests: ServerToolRequests) -> Self {
        self.server_tools = requests;
        self
    }

    /// All input tokens, cache reads and writes included.
    #[must_use]
    pub fn input(&self) -> Option<u64> {
        self.input
    }

    /// The part of the input that was read from a cache.
    #[must_use]
    pub fn cached_input(&self) -> Option<u64> {
        self.cached_input
    }

    /// The part of the input written to a cache for five minutes, or for the provider's default.
    #[must_use]
    pub fn cache_write_5m(&self) -> Option<u64> {
        self.cache_write_5m
    }

    /// The part of the input written to a cache for an hour.
    #[must_use]
    pub fn cache_write_1h(&self) -> Option<u64> {
        self.cache_write_1h
    }

    /// All output tokens, reasoning included.
    #[must_use]
    pub fn output(&self) -> Option<u64> {
        self.output
    }

    /// The part of the output that was reasoning.
    #[must_use]
    pub fn reasoning(&self) -> Option<u64> {
        self.reasoning
    }

    /// The requests of the provider's own tools.
    #[must_use]
    pub fn server_tools(&self) -> &ServerToolRequests {
        &self.server_tools
    }

    /// Input plus output, where both were reported.
    #[must_use]
    pub fn total(&self) -> Option<u64> {
        self.input?.checked_add(self.output?)
    }

    /// Whether both input and output were reported, so that the call can be charged as it was.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.input.is_some() && self.output.is_some()
    }

    /// Checks that no part is larger than its whole.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid), naming the part.
    pub fn check(&self) -> Result<(), Error> {
        let cached = self.cache_parts();
        match self.input {
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
        match (self.output, self.reasoning) {
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
        let before = self;
        if self.input.is_none() && self.cache_parts() > 0 {
            self.input = Some(u64::try_from(self.cache_parts()).unwrap_or(u64::MAX));
        }
        if self.output.is_none() {
            self.output = self.reasoning;
        }
        let mut room = self.input.unwrap_or(0);
        for tokens in
            [&mut self.cached_input, &mut self.cache_write_1h, &mut self.cache_write_5m].into_iter().flatten()
        {
            *tokens = (*tokens).min(room);
            room = room.saturating_sub(*tokens);
        }
        if let (Some(output), Some(part)) = (self.output, self.reasoning.as_mut()) {
            *part = (*part).min(output);
        }
        let changed = before != self;
        (self, changed)
    }

    fn cache_parts(&self) -> u128 {
        [self.cached_input, self.cache_write_5m, self.cache_write_1h]
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
    fn contradictions_are_clamped_and_flagged() {
        let (usage, changed) = Usage::of(10, 5).with_cached_input(8).with_cache_write_5m(8).clamped();
        assert!(changed);
        assert_eq!((usage.cached_input(), usage.cache_write_5m()), (Some(8), Some(2)));
        assert!(usage.check().is_ok());
        assert_eq!(Usage::of(10, 5).clamped(), (Usage::of(10, 5), false));
    }
}
