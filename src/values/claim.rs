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

use std::sync::atomic::{AtomicU64, Ordering};

use smallvec::SmallVec;

use crate::values::{Account, Period, Tenant, Timestamp};
use crate::{Error, Scope};

/// The lines that one command touches, all of one tenant, with every scope of the call.
///
/// Scopes are named even where no budget binds them, so that freezing one
/// stops the call.
#[derive(Clone, Debug)]
pub struct Claim {
    pub(crate) tenant: Tenant,
    scopes: SmallVec<[Scope; 4]>,
    /// Those whose freeze is reported and refuses nothing.
    observed: Vec<Scope>,
    pub(crate) lines: Vec<ClaimLine>,
    /// What the books in memory read of each line.
    pub(crate) hot: Box<[HotLine]>,
    /// Inside this interval every line's period is the running one: from here,
    from: Timestamp,
    /// to just before here.
    until: Timestamp,
    /// A hash of the lines' accounts and periods, in their order.
    pub(crate) hash: u64,
}

/// What decides a line on the path of a call, in half a cache line.
///
/// The name, the interval and the thresholds stand in the [`ClaimLine`], and are read where this one does not suffice.
#[derive(Debug)]
pub(crate) struct HotLine {
    pub(crate) ceiling: i64,
    /// The number of the period.
    pub(crate) period: i64,
    /// The lowest threshold; the largest number where there is none.
    pub(crate) threshold: i64,
    /// Where the account's row was found last. Whoever follows it compares what stands there with it.
    hint: AtomicU64,
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
    /// Figures of spent money that are worth an event, lowest first.
    pub thresholds: SmallVec<[Threshold; 4]>,
}

/// A figure that fires once in a period when spent money first reaches it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Threshold {
    /// Fires when spent is at least this.
    pub at: i64,
    /// Which tier of the budget it is, 0 to 31: the same tier fires once, even where its threshold moved.
    pub tier: u8,
}

/// The most lines that one claim may carry.
pub(crate) const CLAIM_LINES_MAX: usize = 255;

impl Claim {
    /// A claim over these lines.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) where a line belongs to another tenant, an account
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
        let from = lines.iter().map(|line| line.period.from).fold(Timestamp::MIN, Timestamp::max);
        let until = lines.iter().map(|line| line.period.until).fold(Timestamp::MAX, Timestamp::min);
        let hash = lines.iter().fold(PI[0], |sum, line| {
            fold(fold(sum ^ line.account.hash(), PI[1]) ^ line.period.number as u64, PI[2])
        });
        let hot = lines.iter().map(HotLine::of).collect();
        let scopes = scopes.iter().cloned().collect();
        Ok(Self { tenant, scopes, observed: Vec::new(), lines, hot, from, until, hash })
    }

    /// Whether every line's period is the running one at that instant.
    #[inline]
    pub(crate) fn is_of(&self, now: Timestamp) -> bool {
        self.from <= now && now < self.until
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

impl HotLine {
    fn of(line: &ClaimLine) -> Self {
        Self {
            ceiling: line.ceiling,
            period: line.period.number,
            threshold: line.thresholds.first().map_or(i64::MAX, |lowest| lowest.at),
            hint: AtomicU64::new(line.account.hint()),
        }
    }

    #[inline]
    pub(crate) fn hint(&self) -> u64 {
        self.hint.load(Ordering::Relaxed)
    }

    pub(crate) fn set_hint(&self, hint: u64) {
        self.hint.store(hint, Ordering::Relaxed);
    }
}

impl Clone for HotLine {
    fn clone(&self) -> Self {
        let Self { ceiling, period, threshold, .. } = *self;
        Self { ceiling, period, threshold, hint: AtomicU64::new(self.hint()) }
    }
}

/// The digits of pi: odd multipliers that stand in no relation to any figure.
const PI: [u64; 3] = [0x243f_6a88_85a3_08d3, 0x1319_8a2e_0370_7345, 0xa409_3822_299f_31d1];

/// Both halves of a product, one laid over the other: every bit of each factor reaches the result.
#[inline]
pub(crate) fn fold(left: u64, right: u64) -> u64 {
    let product = u128::from(left).wrapping_mul(u128::from(right));
    (product >> 64) as u64 ^ product as u64
}

/// A hash of lines and amounts, with one amount more.
#[inline]
pub(crate) fn with_amount(sum: u64, amount: i64) -> u64 {
    fold(sum ^ amount as u64, 0x9e37_79b9_7f4a_7c15)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folding_lays_the_upper_half_of_a_product_over_the_lower() {
        // 6 times 2^63 + 1 is 3 times 2^64, and 6: 0b011 over 0b110.
        assert_eq!(fold((1 << 63) + 1, 6), 0b101);
    }

    #[test]
    fn what_is_read_of_a_line_takes_half_a_cache_line() {
        assert_eq!(size_of::<HotLine>(), 32);
    }
}
