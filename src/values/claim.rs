//! What does a ledger apply together or not at all?
//!
//! A claim is the set of lines that one command touches. The ledger applies all of them
//! or none. It checks one inequality for each line, and knows nothing of months, tiers or
//! models; those were resolved into `period`, `ceiling` and thresholds before.
//!
//! Worked example: a call needs $6. Its team has a ceiling of $10 with $3 spent and $0
//! reserved; its user has a ceiling of $8 with $1 spent and $2 reserved. The team's line
//! fits (3 + 0 + 6 <= 10), the user's does not (1 + 2 + 6 > 8). So nothing is held, also
//! not on the team.

use smallvec::SmallVec;

use crate::values::{Account, Period, Tenant};
use crate::{Error, Scope};

/// The lines that one command touches, all of one root, with every scope of the call.
///
/// Scopes are named even where no budget binds them, so that freezing one
/// stops the call.
#[derive(Clone, Debug)]
pub struct Claim {
    tenant: Tenant,
    scopes: SmallVec<[Scope; 4]>,
    /// Those whose freeze is reported and refuses nothing.
    observed: Vec<Scope>,
    lines: Vec<ClaimLine>,
}

/// One account to be held or charged, with the one inequality that guards it.
///
/// The ledger checks `spent + reserved`, summed over `period.span` consecutive
/// periods, plus the amount, against the ceiling.
#[derive(Clone, Debug)]
pub struct ClaimLine {
    /// Where it is counted.
    pub account: Account,
    /// The period it lands in, and the interval for which that was resolved.
    pub period: Period,
    /// The most that may be spent and reserved; `i64::MAX` is no limit.
    pub ceiling: i64,
    /// Levels of spent money that are worth an event, lowest first.
    pub thresholds: SmallVec<[Threshold; 4]>,
}

/// A level that fires once in a period when spent money first reaches it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Threshold {
    /// Fires when spent is at least this.
    pub at: i64,
    /// Which tier of the budget it is, 0 to 31: the same tier fires once, even where its level moved.
    pub tier: u8,
}

/// The most lines that one claim may carry.
pub(crate) const CLAIM_LINES_MAX: usize = 255;

impl Claim {
    /// A claim over these lines.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) where a line belongs to another root, an account
    /// stands twice, a tier is above 31, or there are more than 255 lines.
    pub fn new(tenant: Tenant, scopes: &[Scope], lines: Vec<ClaimLine>) -> Result<Self, Error> {
        if lines.len() > CLAIM_LINES_MAX {
            return Err(Error::invalid("claim", format!("{} budgets bind one call, 255 can", lines.len())));
        }
        for (place, line) in lines.iter().enumerate() {
            if line.account.tenant() != &tenant {
                return Err(Error::invalid("claim", format!("{} belongs to other books", line.account)));
            }
            if lines.iter().take(place).any(|earlier| earlier.account == line.account) {
                return Err(Error::invalid("claim", format!("{} stands twice", line.account)));
            }
            if line.thresholds.iter().any(|threshold| threshold.tier > 31)
                || !line.thresholds.is_sorted_by_key(|threshold| threshold.at)
            {
                return Err(Error::invalid(
                    "claim",
                    format!("{} has thresholds that do not rise", line.account),
                ));
            }
        }
        Ok(Self { tenant, scopes: scopes.iter().cloned().collect(), observed: Vec::new(), lines })
    }

    /// Whose books are touched.
    #[must_use]
    pub fn tenant(&self) -> &Tenant {
        &self.tenant
    }

    /// The scopes of the call whose freeze refuses it: all, but those that only observe.
    #[must_use]
    pub fn scopes(&self) -> &[Scope] {
        &self.scopes
    }

    /// The other scopes of the call: a ledger names those of them that are frozen in its reply, and holds all the same.
    #[must_use]
    pub fn scopes_observed(&self) -> &[Scope] {
        &self.observed
    }

    /// Every scope of the call.
    pub(crate) fn scopes_all(&self) -> impl Iterator<Item = &Scope> {
        self.scopes.iter().chain(&self.observed)
    }

    /// The same claim, whose scopes of that kind refuse nothing where they are frozen.
    #[must_use]
    pub(crate) fn observing(mut self, observes: impl Fn(&Scope) -> bool) -> Self {
        let (observed, stopping) = self.scopes.into_iter().partition::<Vec<_>, _>(observes);
        (self.scopes, self.observed) = (stopping.into(), observed);
        self
    }

    /// The same scopes over other lines.
    pub(crate) fn over(&self, lines: Vec<ClaimLine>) -> Result<Self, Error> {
        let observed = self.observed.clone();
        Ok(Self { observed, ..Self::new(self.tenant.clone(), &self.scopes, lines)? })
    }

    /// The lines, in charge-set order and inside a scope shorter windows first.
    #[must_use]
    pub fn lines(&self) -> &[ClaimLine] {
        &self.lines
    }
}
