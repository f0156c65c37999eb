//! What does the model answer, and which part of it does a retry hear?

use super::model::Name;
use crate::ledger::{Outcome, Rank};

/// What the model answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) outcome: Outcome,
    pub(super) repeated: bool,
    pub(super) unheld: bool,
    pub(super) replaced: Option<Rank>,
    /// Spent and reserved.
    pub(super) balances: Vec<(i64, i64)>,
    /// Which rolling lines refused, and after how many sub-periods each has room.
    pub(super) frees: Vec<(usize, u32)>,
    /// The frozen scopes that refused.
    pub(super) frozen: Vec<Name>,
    /// Account, period and spent of each level that fired.
    pub(super) crossed: Vec<(Name, i64, i64)>,
    pub(super) expired: Vec<u128>,
}

impl Answer {
    /// Whether this is what a retry hears where the first answer was lost: present balances, and no news.
    pub(super) fn is_retold(&self, first: &Self) -> bool {
        (self.outcome, self.unheld) == (first.outcome, first.unheld)
    }

    /// The same answer, silent about what ended by age.
    pub(super) fn without_expiries(self) -> Self {
        Self { expired: Vec::new(), ..self }
    }
}
