//! What did a command bring to light, and who is told?
//!
//! A ledger says each effect once, in the reply to whichever command found it. A durable ledger also remembers each
//! crossed threshold until somebody confirms that it was told (`Core::tell_pending`), because the process may die
//! between the reply and the observer. So observers hear of a threshold at least once, and mostly once: `told` knows what
//! this process has said already.

use super::core::Core;
use crate::ledger::{ClockChange, Effects, Expired, PendingEvent, Reached};
use crate::values::verdict::period_text;
use crate::values::{Binding, TierAction, Unit};
use crate::{Error, Event, Usd, Window};

/// How many events are read from the ledger at a time.
const PAGE: usize = 100;

impl Core {
    /// Tells observers what a command brought to light. Where nobody listens nothing is said, and a durable ledger keeps it for
    /// whoever listens later.
    #[inline]
    pub(crate) fn tell_effects(&self, binding: &Binding, effects: Option<Box<Effects>>) {
        if let Some(effects) = effects.filter(|_| !self.observers.is_empty()) {
            self.tell_all(Some(binding), &effects);
        }
    }

    /// Tells observers what came to light while a command without lines was obeyed.
    pub(crate) fn tell_effects_without_lines(&self, effects: Option<Box<Effects>>) {
        if let Some(effects) = effects.filter(|_| !self.observers.is_empty()) {
            self.tell_all(None, &effects);
        }
    }

    /// Tells of a hold that ended by age, with the dollars that it was charged.
    fn tell_expiry(&self, expired: &Expired) {
        let dollars = expired.charged.iter().find(|(account, _)| account.unit() == &Unit::Usd);
        let usd = dollars.map_or(Usd::ZERO, |(_, nanos)| Usd::from_nanos(*nanos));
        self.tell(&Event::Expired { id: expired.id, due: expired.due, usd });
    }

    /// One event for each: a call without anything to tell never comes here.
    #[cold]
    fn tell_all(&self, binding: Option<&Binding>, effects: &Effects) {
        effects.clock.iter().for_each(|change| self.tell(&of_clock(*change)));
        effects.expired.iter().for_each(|expired| self.tell_expiry(expired));
        for reached in &effects.reached {
            self.tell(&self.reached(binding, reached));
            if self.ledger.capabilities().durable {
                self.told.note(reached);
            }
        }
    }
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
                    self.tell(&self.reached(None, reached));
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

    /// A threshold that was reached, in people's words: the ledger knows only the tier's number.
    ///
    /// In the words of the call whose command found it, where it was found on that call's lines; else
    /// as the policy of now has them.
    fn reached(&self, found_by: Option<&Binding>, reached: &Reached) -> Event {
        let account = &reached.account;
        let lines = found_by.map_or(&[][..], |binding| &binding.terms);
        let bound = lines.iter().find(|bound| bound.account == *account);
        let window = match bound {
            Some(bound) => Some(bound.window.clone()),
            None => account.key().window.parse::<Window>().ok(),
        };
        let tier = bound.and_then(|bound| bound.tiers.get(usize::from(reached.tier)));
        Event::Reached {
            budget: account.budget().into(),
            scope: account.scope().clone(),
            // The period that was charged: a late report or an expiry may belong to one before the call's own.
            window: window.map_or_else(
                || account.key().window.to_string(),
                |window| period_text(&window, reached.period),
            ),
            action: tier.map_or_else(|| self.action_by_policy(reached), |(action, _)| *action),
            at: reached.at,
            spent: reached.spent,
            unit: account.unit().clone(),
        }
    }

    /// What the policy does at that threshold; where it does not say, as for runs and exemptions, the threshold is the limit.
    fn action_by_policy(&self, reached: &Reached) -> TierAction {
        let book = reached.account.key();
        let policy = self.policy();
        let mut budgets = policy.budgets().iter();
        let budget = budgets.find(|one| one.id() == book.budget && one.window().to_string() == book.window);
        let tiers = budget.map_or(&[][..], |budget| budget.tiers.as_slice());
        tiers.get(usize::from(reached.tier)).map_or(TierAction::Block, |tier| tier.action)
    }
}

/// What a ledger says of its clock, as observers hear it.
fn of_clock(change: ClockChange) -> Event {
    match change {
        ClockChange::Jumped { forwards, by } => Event::ClockJumped { forwards, by },
        ClockChange::Stands { behind } => Event::ClockStands { behind },
    }
}
