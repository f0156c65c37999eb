//! What does the model answer, and which part of it does a retry hear?
//!
//! The model's answer holds every part of a reply that a ledger must get right, in plain
//! types: names are small numbers, balances are pairs. Two parts are compared less
//! strictly, because the contract leaves them open: balances beside `Stale`, and balances
//! of a second release.

use crate::ledger::{Certainty, MarkAction, Outcome};

/// An account by the name of its scope.
pub(super) type Name = u8;

/// A threshold that fired: on which account, in which period, of which tier, at which figure, and what was spent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fired {
    pub(super) account: Name,
    pub(super) period: i64,
    pub(super) tier: u8,
    pub(super) at: i64,
    pub(super) spent: i64,
}

/// One answer, as the model gives it and as a ledger's reply is translated into it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    /// Applied, refused, stale or ignored.
    pub(super) outcome: Outcome,
    /// The ledger's instant.
    pub(super) now: i64,
    /// Whether the command had been answered before.
    pub(super) repeated: bool,
    /// Whether the charge had no hold.
    pub(super) unheld: bool,
    /// The certainty of the charge that was replaced.
    pub(super) replaced: Option<Certainty>,
    /// Spent and reserved.
    pub(super) balances: Vec<(i64, i64)>,
    /// Which rolling lines refused, and after how many sub-periods each has room.
    pub(super) frees_up: Vec<(usize, u32)>,
    /// The frozen scopes that refused, each with its mark.
    pub(super) frozen: Vec<(Name, MarkAction)>,
    /// Each threshold that fired.
    pub(super) reached: Vec<Fired>,
    /// Holds that ended by age and were told with this answer.
    pub(super) expired: Vec<u128>,
}

impl Answer {
    /// Whether this is what a retry hears after the first answer was lost: the same
    /// outcome, with present balances and no news.
    pub(super) fn is_retold(&self, first: &Self) -> bool {
        (self.outcome, self.unheld) == (first.outcome, first.unheld)
    }

    /// Whether a ledger may answer so if the model answers `self`.
    ///
    /// The balances beside `Stale` say nothing, because nothing was judged. A second
    /// release may leave them out.
    pub(super) fn is_met_by(&self, told: &Self, command: &str) -> bool {
        let is_silent = told.balances.is_empty() && self.repeated && command.starts_with("release");
        if is_silent || self.outcome == Outcome::Stale {
            return *self == Self { balances: self.balances.clone(), ..told.clone() };
        }
        self == told
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(outcome: Outcome, repeated: bool, balances: &[(i64, i64)]) -> Answer {
        Answer {
            outcome,
            now: 0,
            repeated,
            unheld: false,
            replaced: None,
            balances: balances.to_vec(),
            frees_up: Vec::new(),
            frozen: Vec::new(),
            reached: Vec::new(),
            expired: Vec::new(),
        }
    }

    #[test]
    fn a_second_release_may_tell_present_balances_or_none_and_no_others() {
        let expected = answer(Outcome::Applied, true, &[(3, 0)]);
        for (balances, is_met) in [(&[][..], true), (&[(3, 0)], true), (&[(0, 3)], false)] {
            let told = answer(Outcome::Applied, true, balances);
            assert_eq!(expected.is_met_by(&told, "release 7"), is_met, "{balances:?}");
        }
        assert!(!expected.is_met_by(&answer(Outcome::Applied, true, &[]), "reserve 7"));
        assert!(!expected.is_met_by(&answer(Outcome::Applied, false, &[]), "release 7"));
    }

    #[test]
    fn the_balances_beside_stale_say_nothing() {
        let expected = answer(Outcome::Stale, false, &[]);
        assert!(expected.is_met_by(&answer(Outcome::Stale, false, &[(1, 2)]), "reserve 7"));
        assert!(!expected.is_met_by(&answer(Outcome::Refused, false, &[]), "reserve 7"));
    }
}
