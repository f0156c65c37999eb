//! Is a command the one that came before?
//!
//! A known id keeps 32 bits of a hash over its lines and amounts, in place of the body itself. The hash takes lines
//! in the claim's order: the same lines in another order are another body.

use super::holds::fold;
use crate::values::{Claim, ClaimLine};

/// A hash of what a command asks for, by which its repeat is told from another body.
///
/// It guards against mistakes, not attacks: one other body in four thousand million passes for the first.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fingerprint(u64);

impl Fingerprint {
    pub(super) const EMPTY: Self = Self(0x9e37_79b9_7f4a_7c15);

    /// The same with one line more.
    #[inline]
    pub(super) fn with(self, line: &ClaimLine, amount: i64) -> Self {
        // The digits of pi keep a small amount in a small period from multiplying to nothing.
        let asked =
            fold(amount as u64 ^ 0x243f_6a88_85a3_08d3, line.period.number as u64 ^ 0x1319_8a2e_0370_7344);
        Self(fold(self.0 ^ line.account.hash(), asked))
    }

    /// Its lower half: `fold` has laid the upper half of the product over it.
    #[inline]
    pub(super) fn finish(self) -> u32 {
        self.0 as u32
    }
}

pub(super) fn fingerprint(claim: &Claim, amounts: &[i64]) -> u32 {
    let lines = claim.lines().iter().zip(amounts);
    lines.fold(Fingerprint::EMPTY, |sum, (line, amount)| sum.with(line, *amount)).finish()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::sync::Arc;

    use smallvec::smallvec;

    use super::*;
    use crate::Scope;
    use crate::values::{Account, BudgetKey, Period, Tenant, Timestamp, Unit};

    #[test]
    fn bodies_that_differ_in_an_amount_or_a_period_have_fingerprints_that_differ() {
        let book = BudgetKey {
            tenant: Tenant::unnamed(),
            budget: "b".into(),
            unit: Unit::Usd,
            window: "day".into(),
        };
        let account = Account::new(Arc::new(book), Scope::user("ada").expect("a plain name"));
        let mut seen = HashSet::new();
        for number in 0..8 {
            let period = Period { number, from: Timestamp::MIN, until: Timestamp::MAX, span: 1 };
            let line = ClaimLine { account: account.clone(), period, ceiling: 10, thresholds: smallvec![] };
            for amount in 0..16 {
                seen.insert(Fingerprint::EMPTY.with(&line, amount).finish());
            }
        }
        // Names are hashed with a new seed in each process: two of 128 agree by chance once in 500,000 runs.
        assert_eq!(seen.len(), 128);
    }
}
