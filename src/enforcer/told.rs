//! Which crossings did observers hear, and which did a crash keep from them?

use std::collections::VecDeque;

use parking_lot::Mutex;

use super::Core;
use crate::ledger::{Crossed, PendingEvent};
use crate::verdict::period_text;
use crate::{Account, Error, Event, TierAction, Window};

/// How many events are read from the ledger at a time.
const PAGE: usize = 100;

/// More than this are not remembered as told: the oldest may be told again.
const TOLD_MAX: usize = 1_000;

/// What this process told its observers and the ledger does not know yet to be told.
#[derive(Debug, Default)]
pub(crate) struct Told(Mutex<VecDeque<(Account, i64, u8)>>);

impl Told {
    pub(super) fn note(&self, crossed: &Crossed) {
        let mut told = self.0.lock();
        if told.len() >= TOLD_MAX {
            told.pop_front();
        }
        told.push_back(key(crossed));
    }

    /// Whether it was told here; it is not remembered any longer.
    fn strike(&self, crossed: &Crossed) -> bool {
        let (key, mut told) = (key(crossed), self.0.lock());
        let place = told.iter().position(|told| *told == key);
        place.is_some_and(|place| told.remove(place).is_some())
    }
}

fn key(crossed: &Crossed) -> (Account, i64, u8) {
    (crossed.account.clone(), crossed.period, crossed.tier)
}

impl Core {
    /// Tells observers what nobody is known to have told, and confirms it.
    pub(crate) async fn tell_pending(&self) -> Result<usize, Error> {
        let mut told: usize = 0;
        // Where nobody listens, nobody was told.
        while !self.observers.is_empty() {
            let events = self.ledger.pending_events(PAGE).await?;
            for PendingEvent { crossed, .. } in &events {
                if !self.told.strike(crossed) {
                    self.tell(&self.crossing(crossed));
                    told = told.saturating_add(1);
                }
            }
            self.ledger.delivered(&events).await?;
            if events.len() < PAGE {
                break;
            }
        }
        Ok(told)
    }

    /// A crossing in people's words, as the policy of now has them: the call's own is gone.
    fn crossing(&self, crossed: &Crossed) -> Event {
        let account = &crossed.account;
        let policy = self.policy.load();
        let budget = policy.budgets().iter().find(|budget| {
            budget.id() == account.budget() && budget.window().to_string() == account.book().window
        });
        let tiers = budget.map_or(&[][..], |budget| budget.tiers.as_slice());
        let window = account.book().window.parse::<Window>();
        Event::Crossed {
            budget: account.budget().into(),
            scope: account.scope().clone(),
            window: window.map_or_else(
                |_| account.book().window.to_string(),
                |window| period_text(&window, crossed.period),
            ),
            action: tiers.get(usize::from(crossed.tier)).map_or(TierAction::Block, |tier| tier.action),
            at: crossed.at,
            spent: crossed.spent,
            unit: account.unit().clone(),
        }
    }
}
