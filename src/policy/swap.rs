//! May one policy take the place of another while calls run?

use std::collections::HashMap;

use super::{Budget, Exemption, Policy};
use crate::{Error, Event, Window};

impl Policy {
    /// Checks that this policy may take the place of `old`: books belong to a budget's id.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) where a budget keeps its id but changes its unit, window
    /// or kind of scope without saying `restart`.
    pub fn check_swap(&self, old: &Self) -> Result<(), Error> {
        let before: HashMap<&str, &Budget> =
            old.0.budgets.iter().map(|budget| (budget.id(), &**budget)).collect();
        for budget in &self.0.budgets {
            let Some(known) = before.get(budget.id()).filter(|_| !budget.restart) else { continue };
            let changed = if known.unit != budget.unit {
                "unit"
            } else if known.window != budget.window {
                "window"
            } else if guardrail_window(known) != guardrail_window(budget) && known.guardrail.is_some() {
                "guardrail"
            } else if known.selector.kind() != budget.selector.kind() {
                "scope"
            } else {
                continue;
            };
            let text = "changed, which would begin new books; give the budget a new id, or say restart";
            return Err(Error::invalid(changed, text).within(&format!("budget {}", budget.id)));
        }
        Ok(())
    }

    /// The exemptions that `old` did not have in this form, as events for the audit trail.
    pub(crate) fn exemptions_new_since(&self, old: &Self) -> Vec<Event> {
        let new = self.0.exemptions.iter().filter(|exemption| !old.0.exemptions.contains(exemption));
        new.map(Exemption::granted).collect()
    }
}

fn guardrail_window(budget: &Budget) -> Option<&Window> {
    budget.guardrail.as_ref().map(|guardrail| &guardrail.window)
}
