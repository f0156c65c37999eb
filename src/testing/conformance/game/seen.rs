//! How often did each answer come? A game that never saw a refusal has not tested refusing.

use super::answer::Answer;
use crate::ErrorKind;
use crate::ledger::Outcome;

/// Counts how often each kind of answer was heard. A game in which a kind never came has
/// not tried it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Seen {
    /// Commands that were applied.
    pub applied: u64,
    /// Reserves and resizes that were refused.
    pub refused: u64,
    /// Reserves whose period was over.
    pub stale: u64,
    /// Reconciles of a lower certainty than the charge that stood.
    pub ignored: u64,
    /// Commands that came again.
    pub repeated: u64,
    /// Charges without a hold.
    pub unheld: u64,
    /// Thresholds that were reached.
    pub reached: u64,
    /// Holds that ended by age.
    pub expired: u64,
    /// Ids that came with another body.
    pub conflicts: u64,
    /// Commands that their hold's state did not allow.
    pub states: u64,
    /// Other errors.
    pub invalid: u64,
    /// Rolling lines that refused and said when they have room.
    pub frees_up: u64,
    /// Jumps of the clock, by a second or more, either way.
    pub jumps: u64,
}

impl Seen {
    /// Counts one answer, under each kind that it is.
    pub(super) fn count(&mut self, told: &Result<Answer, ErrorKind>) {
        match told {
            Ok(answer) => {
                match answer.outcome {
                    Outcome::Applied => self.applied += 1,
                    Outcome::Refused => self.refused += 1,
                    Outcome::Stale => self.stale += 1,
                    Outcome::Ignored => self.ignored += 1,
                }
                self.repeated += u64::from(answer.repeated);
                self.unheld += u64::from(answer.unheld);
                self.reached += answer.reached.len() as u64;
                self.expired += answer.expired.len() as u64;
                self.frees_up += answer.frees_up.len() as u64;
            }
            Err(ErrorKind::Conflict) => self.conflicts += 1,
            Err(ErrorKind::State) => self.states += 1,
            Err(_) => self.invalid += 1,
        }
    }

    /// Adds the counts of another game.
    pub(super) fn add(&mut self, other: &Self) {
        self.applied += other.applied;
        self.refused += other.refused;
        self.stale += other.stale;
        self.ignored += other.ignored;
        self.repeated += other.repeated;
        self.unheld += other.unheld;
        self.reached += other.reached;
        self.expired += other.expired;
        self.conflicts += other.conflicts;
        self.states += other.states;
        self.invalid += other.invalid;
        self.frees_up += other.frees_up;
        self.jumps += other.jumps;
    }

    /// Whether every kind of answer came at least once.
    #[must_use]
    pub fn has_all(&self) -> bool {
        let answers = [self.applied, self.refused, self.stale, self.ignored, self.repeated, self.unheld];
        let others = [self.reached, self.expired, self.conflicts, self.states, self.invalid, self.frees_up];
        answers.iter().chain(&others).all(|count| *count > 0)
    }
}
