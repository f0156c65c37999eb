//! How does time pass in a game? Mostly not at all, sometimes to the very instant at which something is due, and at times
//! the clock jumps.
//!
//! A machine's clock may be set by a person, by another machine, or by a battery that failed: by a second or by a year,
//! forwards or back. What holds wherever it jumps: the ledger's time is the latest that it was told, and every answer
//! agrees with the model, whose time is that.

use std::time::Duration;

use super::play::Game;
use crate::testing::conformance::why::Held;
use crate::values::Timestamp;

const SECOND: u64 = 1_000_000_000;

/// The farthest that a clock jumps: 400 days. The nearest is a second.
const JUMP_MAX: u64 = 400 * 86_400 * SECOND;

impl Game {
    /// Moves the clock: half of the time not at all, mostly a few seconds, seldom over the end of a day (1,000 s) or of a
    /// rolling window (610 s). Back only if the clock is this game's alone.
    pub(super) fn let_time_pass(&mut self, alone: bool) -> Held {
        let behind = self.model.now() > self.now();
        if behind && self.random.percent(5) {
            // Somebody puts the clock right.
            let right = self.ledger_time() + Duration::from_nanos(self.random.below(5 * SECOND));
            return self.books.set(right);
        }
        let nanos = match self.random.below(1_000) {
            0..500 => return Ok(()),
            500..800 => self.random.below(5 * SECOND),
            800..920 => SECOND * self.random.below(60),
            920..960 => SECOND * self.random.below(400),
            960..975 => SECOND * self.random.below(2_500),
            975..990 => return self.go_to_an_end(alone),
            990..995 if alone => {
                let back = Duration::from_secs(self.random.below(100));
                return self.set_back(back);
            }
            995.. => return self.jump(alone),
            _ => return Ok(()),
        };
        self.books.advance(Duration::from_nanos(nanos))
    }

    /// Moves the clock to the instant at which some hold ends, or to a nanosecond before or after it.
    fn go_to_an_end(&mut self, alone: bool) -> Held {
        let Some(due) = self.some_due() else { return Ok(()) };
        let at = Timestamp::from_nanos(due + self.random.pick(&[-1, 0, 0, 1]));
        self.books.set(if alone { at } else { at.max(self.books.now()) })
    }

    fn set_back(&mut self, back: Duration) -> Held {
        self.books.set((self.books.now() - back).max(Timestamp::EPOCH))
    }

    /// Jumps by a second, by 400 days, or by something between them: each magnitude is as likely as another.
    fn jump(&mut self, alone: bool) -> Held {
        let most = SECOND << self.random.below(26);
        let by = Duration::from_nanos((SECOND + self.random.below(most)).min(JUMP_MAX));
        self.seen.jumps += 1;
        if alone && self.random.percent(50) { self.set_back(by) } else { self.books.advance(by) }
    }
}
