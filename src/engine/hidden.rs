//! What may a provider generate of a call that nobody sees?
//!
//! A connection is closed, and the provider goes on for a moment; or a model reasons, and shows none of it. Nobody can
//! count that, so it is bounded by time: the speed of the model's price row, for the time since the call was sent and
//! five seconds. Three seconds after sending, 500 tokens a second are at most (3 + 5) × 500 = 4,000 tokens.

use std::time::Duration;

use crate::pricing::Unseen;

/// What a provider may generate of one call that nobody sees.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Hidden {
    /// It goes on though nobody listens, so that it may generate all that it was let.
    pub(crate) in_background: bool,
    /// The model may reason unseen, so that what was seen of its answer says little.
    pub(crate) reasons: bool,
    /// The answer may be sound or images, of which text tells nothing.
    pub(crate) is_more_than_text: bool,
    /// How fast the model generates what nobody sees.
    pub(crate) speed: Unseen,
}

/// How long a provider may take to notice that nobody listens any more, and what lay in between.
const NOTICED_AFTER: Duration = Duration::from_secs(5);

impl Hidden {
    /// Whether what was seen of an answer says little of what it will cost.
    pub(crate) fn bounds_nothing(self) -> bool {
        self.reasons || self.in_background || self.is_more_than_text
    }

    /// Whether it may have reasoned beside the output that was said.
    pub(crate) fn thinks(self) -> bool {
        self.reasons || self.in_background
    }

    /// Output tokens that may have been generated unseen, of so many answers at once, since they were asked for.
    pub(crate) fn tokens(self, choices: u32, since: Duration) -> u64 {
        let Unseen::TokensPerSecond(speed) = self.speed else { return u64::MAX };
        let seconds = since.saturating_add(NOTICED_AFTER);
        let a_second = u128::from(speed).saturating_mul(u128::from(choices.max(1)));
        let tokens = a_second.saturating_mul(seconds.as_nanos()).div_ceil(1_000_000_000);
        u64::try_from(tokens).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stated_speed_counts_for_each_answer_and_five_seconds_longer() {
        let hidden = |speed| Hidden { speed, ..Hidden::default() };
        let slow = hidden(Unseen::TokensPerSecond(500));

        assert_eq!(slow.tokens(1, Duration::ZERO), 2_500);
        assert_eq!(slow.tokens(1, Duration::from_secs(3)), 4_000);
        assert_eq!(slow.tokens(2, Duration::from_nanos(1)), 5_001); // rounded up
        assert_eq!(slow.tokens(1, Duration::MAX), u64::MAX);
        assert_eq!(hidden(Unseen::Hold).tokens(1, Duration::ZERO), u64::MAX);
    }
}
