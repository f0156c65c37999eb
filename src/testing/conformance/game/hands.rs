//! Which process keeps the books? One at a time of two, until it is killed.
//!
//! Each handle of a ledger that processes share is a process of its own: it remembers its own refusals, and tells the
//! expiries that it found. What both must agree on is what stands in the store.
//!
//! Each has a clock of its own, too, a second to ten minutes apart from the game's. Since one handle is asked at a time, the one clock
//! that all share is set anew whenever hands change. The clock that is ahead leads: the store's time never runs back.

use std::time::Duration;

use super::play::Game;
use crate::testing::conformance::why::Held;
use crate::values::Timestamp;

impl Game {
    /// Plays on a second handle as well, if handles share no more than the store.
    pub(super) fn with_a_second_handle(mut self) -> Held<Self> {
        if self.books.ledger.capabilities().shared && !self.over_a_wire {
            self.there = Some((self.books.another()?, Vec::new()));
        }
        Ok(self)
    }

    /// Takes the other handle, after two commands of a hundred.
    ///
    /// Each handle is a process of its own: it remembers its own refusals, and tells the expiries that it found. An instant
    /// that was told and not written stays with its handle, so the last command here is one that writes.
    pub(super) fn change_hands(&mut self) -> Held {
        if self.there.is_none() || self.random.percent(98) {
            return Ok(());
        }
        self.bury()?;
        if let Some((there, untold)) = &mut self.there {
            std::mem::swap(&mut self.books, there);
            std::mem::swap(&mut self.model.untold, untold);
        }
        self.forget_refused();
        self.look_at_another_clock()
    }

    /// Sets the clock to where the one of the present handle stands.
    fn look_at_another_clock(&mut self) -> Held {
        const SECOND: i64 = 1_000_000_000;
        let apart = self.random.between(SECOND, 600 * SECOND);
        let before = std::mem::replace(&mut self.ahead, apart * self.random.pick(&[-1, 1]));
        let by = Duration::from_nanos(self.ahead.abs_diff(before));
        let now = self.books.now();
        let at = if self.ahead < before { now - by } else { now + by };
        self.books.set(at.max(Timestamp::EPOCH))
    }

    /// Asks for no id again that was refused so far: who remembers it is another process, or gone.
    fn forget_refused(&mut self) {
        let refused = std::mem::take(&mut self.refused);
        self.ids.retain(|given| !refused.contains(&given.id.to_bits()));
    }

    /// Kills the process that keeps the books, after two commands of a hundred, and opens
    /// the books again.
    pub(super) fn crash_by_chance(self) -> Held<Self> {
        let mut random = self.random.clone();
        if random.percent(98) {
            return Ok(Self { random, ..self });
        }
        let books = self.books.crash()?;
        // What the last handle had found and not told is lost with it.
        let mut game = Self { random, books, expired_in_doubt: true, ..self };
        game.forget_refused();
        // So is an instant that it told and had no reason to keep: a machine that comes back shows a later one.
        let told = Timestamp::from_nanos(game.model.now());
        game.books.set(game.books.now().max(told))?;
        game.reserve()?;
        Ok(game)
    }
}
