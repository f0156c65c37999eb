//! How much more does a provider allow, and when may a refused call be sent again?
//!
//! Providers name their limits in dozens of headers, and write a wait in half a dozen ways.
//! One reader takes them all: [`names`] says which figure of which limit a header carries,
//! and [`waits`] reads the time. What cannot be read is listed, not guessed, and a wait of
//! more than a year is not believed.

mod kinds;
mod names;
mod waits;

pub use kinds::{RateLimit, RateLimitKind, RateWindow};

use std::time::Duration;

use serde::Serialize;
use serde_json::Value;
use smallvec::SmallVec;

use crate::values::{ShortText, Timestamp};
use names::{Field, Meaning, Slot};
use waits::Wait;

/// No provider names so many limits; what comes after them is passed over.
const LIMITS_MAX: usize = 32;

/// An error's body is small; a larger one is not looked into.
const BODY_BYTES_MAX: usize = 65_536;

/// What the headers of one response say about the provider's own limits.
///
/// These are the provider's limits, not a budget's: they tell when to slow down, and never
/// what a call cost. All forms that providers use are read: durations (`6ms`, `1m13.588s`),
/// times, and bare numbers, which are seconds, or an instant in Unix seconds or
/// milliseconds if they are too large to be a wait. Only headers about limits are kept.
///
/// What one gets wrong: [`try_again_at`](Self::try_again_at) says when a call *may* be
/// sent, not when it will pass. And limits are counted by the provider for a key or an
/// organisation, so other processes use them too.
///
/// # Example: no request is left, and tokens are of no help
/// ```
/// use token_budget::time::Timestamp;
/// use token_budget::wire::{RateLimitKind, RateLimitState};
///
/// let received: Timestamp = "2026-11-22T12:00:00Z".parse()?;
/// let state = RateLimitState::from_headers(
///     [
///         ("x-ratelimit-limit-requests", "60"),
///         ("x-ratelimit-remaining-requests", "0"),
///         ("x-ratelimit-reset-requests", "1m13.5s"),
///         ("x-ratelimit-remaining-tokens", "149984"),
///         ("x-ratelimit-reset-tokens", "soon"),
///     ],
///     received,
/// );
/// assert_eq!(state.remaining(RateLimitKind::Tokens), Some(149_984));
/// assert_eq!(state.try_again_at(), Some("2026-11-22T12:01:13.5Z".parse()?));
/// assert_eq!(state.unreadable, ["x-ratelimit-reset-tokens"]);
/// # Ok::<(), token_budget::Error>(())
/// ```
///
/// # Example: the provider's own word goes before its figures
/// ```
/// use token_budget::time::Timestamp;
/// use token_budget::wire::RateLimitState;
///
/// let received: Timestamp = "2026-11-22T12:00:00Z".parse()?;
/// let headers = [("x-ratelimit-remaining-requests", "0"), ("x-ratelimit-reset-requests", "60s"), ("retry-after", "2")];
/// let state = RateLimitState::from_headers(headers, received);
/// assert_eq!(state.try_again_at(), Some("2026-11-22T12:00:02Z".parse()?));
///
/// // Something is left, and nobody says to wait.
/// let state = RateLimitState::from_headers([("x-ratelimit-remaining-requests", "1")], received);
/// assert_eq!(state.try_again_at(), None);
/// # Ok::<(), token_budget::Error>(())
/// ```
///
/// # Example: Azure's number is milliseconds if seconds cannot be meant
/// ```
/// use token_budget::time::Timestamp;
/// use token_budget::wire::RateLimitState;
///
/// let received: Timestamp = "2026-11-22T12:00:00Z".parse()?;
/// let state = RateLimitState::from_headers(
///     [
///         ("x-ratelimit-limit-requests", "120"),
///         ("x-ratelimit-remaining-requests", "119"),
///         ("x-ratelimit-renewalperiod-requests", "60"),
///         ("x-ratelimit-reset-requests", "500"),
///     ],
///     received,
/// );
/// // One of 120 a minute is back after half a second, so 500 cannot be seconds.
/// assert_eq!(state.limits[0].resets_at, Some("2026-11-22T12:00:00.5Z".parse()?));
/// # Ok::<(), token_budget::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RateLimitState {
    /// When the response came: waits count from here.
    pub received_at: Timestamp,
    /// One entry for each limit that the headers name, in their order.
    pub limits: Vec<RateLimit>,
    /// When the provider says that the call may be sent again: `retry-after` or `RetryInfo`.
    pub retry_at: Option<Timestamp>,
    /// Names of headers about limits whose values could not be read.
    pub unreadable: Vec<ShortText>,
}

impl RateLimitState {
    /// Reads the headers of a response that came at `received_at`.
    ///
    /// Names may be in any case. Headers that are not about limits are passed over and not
    /// kept. Values that cannot be read are left out, and their headers listed in
    /// [`unreadable`](Self::unreadable).
    #[must_use]
    pub fn from_headers<'h>(
        headers: impl IntoIterator<Item = (&'h str, &'h str)>,
        received_at: Timestamp,
    ) -> Self {
        let mut state = Self { received_at, limits: Vec::new(), retry_at: None, unreadable: Vec::new() };
        let mut bare = SmallVec::<[(usize, u64); 2]>::new();
        for (name, value) in headers {
            if let Some(meaning) = names::read(name)
                && state.take(meaning, value.trim(), &mut bare).is_none()
            {
                state.cannot_read(name);
            }
        }
        for (at, number) in bare {
            if let Some(limit) = state.limits.get_mut(at)
                && limit.refills_before(number)
            {
                limit.resets_at = Some(received_at + Duration::from_millis(number));
            }
        }
        state.limits.retain(|limit| !limit.is_unknown());
        state
    }

    /// Reads also what the body of an error says: Google's `RetryInfo`, and the headers
    /// that OpenRouter puts there.
    ///
    /// A body that is no JSON, or larger than 64 KiB, says nothing.
    ///
    /// # Example: Google says it in the body
    /// ```
    /// use token_budget::time::Timestamp;
    /// use token_budget::wire::RateLimitState;
    ///
    /// let received: Timestamp = "2026-11-22T12:00:00Z".parse()?;
    /// let body = br#"{"error": {"code": 429, "details": [
    ///     {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34.5s"}]}}"#;
    /// let state = RateLimitState::from_headers([], received).with_body(body);
    /// assert_eq!(state.try_again_at(), Some("2026-11-22T12:00:34.5Z".parse()?));
    /// # Ok::<(), token_budget::Error>(())
    /// ```
    #[must_use]
    pub fn with_body(mut self, body: &[u8]) -> Self {
        let body = if body.len() > BODY_BYTES_MAX { &[] } else { body };
        let Ok(body) = serde_json::from_slice::<Value>(body) else { return self };
        let error = body.get("error").or_else(|| body.get(0)?.get("error"));
        let Some(error) = error else { return self };
        let details = error.get("details").and_then(Value::as_array).into_iter().flatten();
        for delay in details.filter_map(|detail| detail.get("retryDelay")) {
            let wait = delay.as_str().and_then(waits::read);
            if wait.and_then(|wait| self.wait_until(wait)).is_none() {
                self.cannot_read("retryDelay");
            }
        }
        let Some(Value::Object(headers)) = error.pointer("/metadata/headers") else { return self };
        let headers = headers.iter().filter_map(|(name, value)| Some((name.as_str(), value.as_str()?)));
        let inside = Self::from_headers(headers, self.received_at);
        self.add(inside)
    }

    /// Returns when the call may be tried again; `None` if nothing says that it has to
    /// wait.
    ///
    /// The provider's own word (`retry-after`) counts before everything else. Without it,
    /// everything that is exhausted must have room again: the latest of its resets, and at
    /// the latest the end of its window. Never before the response came.
    #[must_use]
    pub fn try_again_at(&self) -> Option<Timestamp> {
        let exhausted = self.limits.iter().filter(|limit| limit.is_exhausted());
        let has_room = exhausted
            .filter_map(|limit| limit.resets_at.or_else(|| Some(self.received_at + limit.window.longest()?)));
        Some(self.retry_at.or_else(|| has_room.max())?.max(self.received_at))
    }

    /// Returns the least that is left of `kind` in any window; `None` if nothing was
    /// reported.
    #[must_use]
    pub fn remaining(&self, kind: RateLimitKind) -> Option<u64> {
        self.limits.iter().filter(|limit| limit.kind == kind).filter_map(|limit| limit.remaining).min()
    }

    /// Takes one header; `None` if its value cannot be read.
    fn take(&mut self, meaning: Meaning, value: &str, bare: &mut SmallVec<[(usize, u64); 2]>) -> Option<()> {
        match meaning {
            Meaning::RetryAfter => self.wait_until(waits::read(value)?),
            Meaning::RetryAfterMs => self.wait_until(waits::read_millis(value)?),
            Meaning::Limit(slot, field) => {
                let (number, received_at) = (whole(value), self.received_at);
                let resets_at = || waits::read(value)?.after(received_at);
                let (at, limit) = self.limit(slot)?;
                match field {
                    Field::Limit => limit.limit = Some(number?),
                    Field::Remaining => limit.remaining = Some(number?),
                    Field::Period => limit.window = RateWindow::Seconds(number?.try_into().ok()?),
                    Field::Reset => {
                        limit.resets_at = Some(resets_at()?);
                        bare.retain(|(known, _)| *known != at);
                        bare.extend(number.map(|number| (at, number)));
                    }
                }
                Some(())
            }
        }
    }

    /// The limit of that name, with its place, made if it was not known; `None` if there are too many.
    fn limit(&mut self, slot: Slot) -> Option<(usize, &mut RateLimit)> {
        let known = self.limits.iter().position(|limit| limit.name == slot.name);
        let at = known.unwrap_or(self.limits.len());
        if known.is_none() {
            if at == LIMITS_MAX {
                return None;
            }
            self.limits.push(RateLimit {
                name: slot.name,
                kind: slot.kind,
                window: slot.window,
                limit: None,
                remaining: None,
                resets_at: None,
            });
        }
        Some((at, self.limits.get_mut(at)?))
    }

    /// Of two waits that a response names, the longer one holds: Azure sends `retry-after-ms: 0` beside `retry-after: 1`.
    fn wait_until(&mut self, wait: Wait) -> Option<()> {
        self.retry_at = self.retry_at.max(Some(wait.after(self.received_at)?));
        Some(())
    }

    /// Joins what another part of the same response says.
    fn add(mut self, other: Self) -> Self {
        self.retry_at = self.retry_at.max(other.retry_at);
        let room = LIMITS_MAX.saturating_sub(self.limits.len());
        self.limits.extend(other.limits.into_iter().take(room));
        other.unreadable.iter().for_each(|name| self.cannot_read(name));
        self
    }

    /// Lists a header, once.
    fn cannot_read(&mut self, name: &str) {
        if self.unreadable.len() < LIMITS_MAX && !self.unreadable.iter().any(|known| known == name) {
            self.unreadable.push(name.into());
        }
    }
}

/// Digits and nothing else, not even a plus.
fn whole(text: &str) -> Option<u64> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests;
