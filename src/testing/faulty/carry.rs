//! What happens to one command on its way, and to what was under way before it?
//!
//! A command is a letter. Before it sets out its fate is drawn; other letters may arrive
//! before it, and a copy of it may stay under way and arrive much later, when its sender
//! has long gone on. That is how networks fail: not by an error at once, but by an answer
//! that never comes for a command that was executed.
//!
//! | fate | the sender hears | the ledger gets |
//! | --- | --- | --- |
//! | arrives | the answer | the command once |
//! | lost | no answer | nothing |
//! | answer lost | no answer | the command once |
//! | late | no answer | the command, later |
//! | repeated | the first answer | the command twice, at once |
//! | echoed | the answer | the command, and a copy later |
//!
//! The `odds` say how often; a lock is held only to draw, never while anything waits.

use std::sync::atomic::Ordering;

use super::letter::Letter;
use super::odds::Fate;
use super::{Chance, FaultyLedger};
use crate::ledger::{Answer, BudgetLedger, Reply};
use crate::testing::conformance::Fault;
use crate::testing::dice::Dice;
use crate::{Error, ErrorKind};

/// How many letters of a hundred arrive at each chance. A letter has two chances with
/// each command, so it arrives after about two commands: late enough to meet the end of
/// its own hold.
const ARRIVALS: u64 = 30;

impl FaultyLedger {
    /// Carries a command, and does to it what was drawn. The order of the steps keeps the
    /// three promises that [`FaultyLedger`] states.
    pub(super) async fn carry(&self, letter: Letter) -> Result<Reply, Error> {
        let send = || letter.deliver(&*self.0.ledger);
        let fate = self.set_out();
        // What this one may not overtake arrives first, and by chance something else.
        self.deliver(|earlier| earlier.comes_before(&letter)).await;
        self.deliver_by_chance().await;
        self.delay().await;
        let answer = match fate {
            Fate::Lost => return lost(),
            Fate::Late => {
                self.0.chance.lock().under_way.push(letter);
                return lost();
            }
            Fate::Repeated => {
                let first = send().await;
                if letter.may_come_twice(&first) {
                    self.drop_answer(&send().await);
                }
                first
            }
            _ => send().await,
        };
        self.delay().await;
        if !letter.may_follow(&answer) {
            // Copies that an earlier attempt left behind come with this answer, or not at all.
            self.deliver(|earlier| earlier.is_like(&letter)).await;
        } else if fate == Fate::Echoed {
            self.0.chance.lock().under_way.push(letter);
        }
        self.deliver_by_chance().await;
        if fate == Fate::AnswerLost {
            self.drop_answer(&answer);
            return lost();
        }
        answer
    }

    /// Carries a read: it may be lost and delayed, and changes nothing.
    pub(super) async fn look<T: Send + 'static>(
        &self,
        read: impl Fn(&dyn BudgetLedger) -> Answer<'static, T> + Send,
    ) -> Result<T, Error> {
        let fate = self.set_out();
        self.deliver_by_chance().await;
        self.delay().await;
        match fate {
            Fate::Lost | Fate::Late => lost(),
            Fate::AnswerLost => read(&*self.0.ledger).await.and_then(|_| lost()),
            _ => read(&*self.0.ledger).await,
        }
    }

    /// Counts a command, and draws what happens to it.
    pub(super) fn set_out(&self) -> Fate {
        let number = self.0.sent.fetch_add(1, Ordering::SeqCst);
        let mut chance = self.0.chance.lock();
        let Chance { odds, dice, planned, .. } = &mut *chance;
        match planned {
            Some((at, Fault::Before)) if *at == number => Fate::Lost,
            Some((at, Fault::After)) if *at == number => Fate::AnswerLost,
            _ => odds.draw(dice),
        }
    }

    /// Lets some of the letters under way arrive now.
    pub(super) async fn deliver_by_chance(&self) {
        let mut dice = Dice::new(self.0.chance.lock().dice.next());
        self.deliver(|_| dice.percent(ARRIVALS)).await;
    }

    /// Delivers the letters under way that are chosen; nobody waits for their answers.
    pub(super) async fn deliver(&self, mut chosen: impl FnMut(&Letter) -> bool + Send) {
        let arriving: Vec<Letter> = {
            let mut chance = self.0.chance.lock();
            let (arriving, later) =
                std::mem::take(&mut chance.under_way).into_iter().partition(|it| chosen(it));
            chance.under_way = later;
            arriving
        };
        for letter in arriving {
            self.drop_answer(&letter.deliver(&*self.0.ledger).await);
        }
    }

    /// Counts an answer that nobody hears, if it tells something new: a first outcome, or
    /// effects: expiries and thresholds.
    pub(super) fn drop_answer(&self, answer: &Result<Reply, Error>) {
        let is_new = answer.as_ref().is_ok_and(|reply| !reply.repeated || reply.effects.is_some());
        self.0.unheard.fetch_add(u64::from(is_new), Ordering::SeqCst);
    }

    /// Waits one to three times, if chance says so.
    pub(super) async fn delay(&self) {
        let times = {
            let mut chance = self.0.chance.lock();
            let delayed = u64::from(chance.odds.delayed);
            if chance.dice.percent(delayed) { chance.dice.size(1, 3) } else { 0 }
        };
        for _ in 0..times {
            (self.0.delay)().await;
        }
    }
}

/// What a sender hears that got no answer: retryable, since nobody knows whether the
/// command was executed.
fn lost<T>() -> Result<T, Error> {
    Err(Error::new(ErrorKind::LedgerUnavailable, "no answer in time: send again with the same id"))
}
