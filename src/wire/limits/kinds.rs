//! What does a rate limit count, and within which time?

use std::time::Duration;

use serde::Serialize;

use crate::values::{ShortText, Timestamp};

/// One limit: so many of something within a window.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RateLimit {
    /// What the headers call the limit: `requests`, `tokens-month`; empty if they give no
    /// name.
    pub name: ShortText,
    /// What is counted.
    pub kind: RateLimitKind,
    /// Within which time it is counted.
    pub window: RateWindow,
    /// How many fit into the window.
    pub limit: Option<u64>,
    /// How many were left after this call.
    pub remaining: Option<u64>,
    /// When the limit is full again. Some providers mean the first room, most mean all of it.
    pub resets_at: Option<Timestamp>,
}

/// What a rate limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RateLimitKind {
    /// Calls; also a limit whose headers do not say what it counts.
    Requests,
    /// Tokens of input and output.
    Tokens,
    /// Tokens of input.
    InputTokens,
    /// Tokens of output.
    OutputTokens,
    /// Images sent.
    InputImages,
    /// Something else; see the limit's name.
    Other,
}

/// The window of a rate limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RateWindow {
    /// The headers do not say; most often it is a minute.
    Unknown,
    /// That many seconds: 60 is a minute, 86,400 a day.
    Seconds(u32),
    /// A month, of which no header says when it begins.
    Month,
}

impl RateLimit {
    /// Whether nothing was left after this call.
    #[must_use]
    pub fn is_exhausted(&self) -> bool {
        self.remaining == Some(0)
    }

    /// Whether nothing is known of the limit but its name.
    pub(super) fn is_unknown(&self) -> bool {
        self.limit.is_none() && self.remaining.is_none() && self.resets_at.is_none()
    }

    /// Whether what is missing has been refilled so long before that many seconds that
    /// milliseconds must be meant.
    ///
    /// Azure writes `500` for half a second after one of 120 requests a minute, and on
    /// other resources `12` for twelve seconds after one of five. One of 120 is refilled
    /// after half a second, and 500 is far beyond; one of five after 12 seconds, and 12 is
    /// not.
    pub(super) fn refills_before(&self, seconds: u64) -> bool {
        let (RateWindow::Seconds(period), Some(limit), Some(left)) =
            (self.window, self.limit, self.remaining)
        else {
            return false;
        };
        let used = u128::from(limit.saturating_sub(left));
        let refilled = u128::from(period).saturating_mul(used).checked_div(u128::from(limit));
        refilled.is_some_and(|refilled| u128::from(seconds) > refilled.saturating_add(1))
    }
}

impl RateWindow {
    /// The longest that the window can last; `None` if it is not known.
    pub(super) fn longest(self) -> Option<Duration> {
        const DAY: u64 = 86_400;
        match self {
            Self::Unknown => None,
            Self::Seconds(seconds) => Some(Duration::from_secs(seconds.into())),
            Self::Month => Some(Duration::from_secs(DAY.saturating_mul(31))),
        }
    }
}
