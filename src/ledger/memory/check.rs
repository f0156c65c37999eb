//! Is a command the one that came before?

use super::holds::fold;
use crate::{Claim, Line};

/// A hash of what a command asks for, by which its repeat is told from another body.
///
/// It guards against mistakes, not attacks: one other body in four thousand million passes for the first.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fingerprint(u64);

impl Fingerprint {
    pub(super) const EMPTY: Self = Self(0x9e37_79b9_7f4a_7c15);

    /// The same with one line more.
    #[inline]
    pub(super) fn with(self, line: &Line, amount: i64) -> Self {
        // The digits of pi keep a small amount in a small period from multiplying to nothing.
        let asked =
            fold(amount as u64 ^ 0x243f_6a88_85a3_08d3, line.period.number as u64 ^ 0x1319_8a2e_0370_7344);
        Self(fold(self.0 ^ line.account.hash(), asked))
    }

    #[inline]
    pub(super) fn finish(self) -> u32 {
        (self.0 >> 32) as u32 ^ self.0 as u32
    }
}

pub(super) fn fingerprint(claim: &Claim, amounts: &[i64]) -> u32 {
    let lines = claim.lines().iter().zip(amounts);
    lines.fold(Fingerprint::EMPTY, |sum, (line, amount)| sum.with(line, *amount)).finish()
}
