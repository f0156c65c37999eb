//! Which crossings did observers hear, and which did a crash keep from them?

use std::collections::VecDeque;

use parking_lot::Mutex;

use super::Core;
use crate::ledger::{PendingEvent, Reached};
use crate::values::verdict::period_text;
use crate::values::{Account, Binding, TierAction};
use crate::{Error, Event, Window};

/// How many events are read from the ledger at a time.
const PAGE: usize = 100;

/// More than this are not remembered as told: the oldest may be told again.
const TOLD_MAX: usize = 1_000;

/// What this process told its observers and the ledger does not know yet to be told.
#[derive(Debug, Default)]
pub(crate) struct Told(Mutex<VecDeque<(Account, i64, u8)>>);

impl Told {
    /// Notes that it is told here, and forgets the oldest where these are too many.
    pub(super) fn note(&self, reached: &Reached) {
        self.note_new(reached);
        let mut told = self.0.lock();
        let surplus = told.len().saturating_sub(TOLD_MAX);
        told.drain(..surplus);
    }

    /// The same for what is about to be confirmed: it may be one page more. Says whether it was not noted before.
    fn note_new(&self, reached: &Reached) -> bool {
        let (key, mut told) = (key(reached), self.0.lock());
        let is_new = !told.contains(&key);
        if is_new {
            told.push_back(key);
        }
        is_new
    }

    /// The ledger knows that it was told: it need not be remembered here.
    fn strike(&self, reached: &Reached) {
        let (key, mut told) = (key(reached), self.0.lock());
        if let Some(place) = told.iter().position(|told| *told == key) {
            told.remove(place);
        }
    }
}

fn key(reached: &Reached) -> (Account, i64, u8) {
    (reached.account.clone(), reached.period, reached.tier)
}

impl Core {
    /// Tells observers what nobody is known to have told, and confirms it.
    pub(crate) async fn tell_pending(&self) -> Result<usize, Error> {
        let mut told: usize = 0;
        // Where nobody listens, nobody was told.
        while !self.observers.is_empty() {
            let events = self.ledger.pending_events(PAGE).await?;
            for PendingEvent { reached, .. } in &events {
                if self.told.note_new(reached) {
                    self.tell(&self.crossing(None, reached));
                    told = told.saturating_add(1);
                }
            }
            // Remembered until that is confirmed, so that a ledger that goes away now has nothing told twice.
            self.ledger.delivered(&events).await?;
            events.iter().for_each(|event| self.told.strike(&event.reached));
            if events.len() < PAGE {
                break;
            }
        }
        Ok(told)
    }

    /// A crossing in people's words: the ledger knows only the tier's number.
    ///
    /// In the words of the call whose command found it, where it was found on that call's lines; else
    /// as the policy of now has them.
    pub(super) fn crossing(&self, found_by: Option<&Binding>, reached: &Reached) -> Event {
        let account = &reached.account;
        let lines = found_by.map_or(&[][..], |binding| &binding.bound);
        let bound = lines.iter().find(|bound| bound.account == *account);
        let window = match bound {
            Some(bound) => Some(bound.window.clone()),
            None => account.book().window.parse::<Window>().ok(),
        };
        let tier = bound.and_then(|bound| bound.tiers.get(usize::from(reached.tier)));
        Event::Reached {
            budget: account.budget().into(),
            scope: account.scope().clone(),
            // The period that was charged: a late report or an expiry may belong to one before the call's own.
            window: window.map_or_else(
                || account.book().window.to_string(),
                |window| period_text(&window, reached.period),
            ),
            action: tier.map_or_else(|| self.action_by_policy(reached), |(action, _)| *action),
            at: reached.at,
            spent: reached.spent,
            unit: account.unit().clone(),
        }
    }

    /// What the policy does at that level; where it does not say, as for runs and exemptions, the level is the limit.
    fn action_by_policy(&self, reached: &Reached) -> TierAction {
        let book = reached.account.book();
        let policy = self.policy.load();
        let mut budgets = policy.budgets().iter();
        let budget = budgets.find(|one| one.id() == book.budget && one.window().to_string() == book.window);
        let tiers = budget.map_or(&[][..], |budget| budget.tiers.as_slice());
        tiers.get(usize::from(reached.tier)).map_or(TierAction::Block, |tier| tier.action)
    }
}
