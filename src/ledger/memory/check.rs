//! Is a command well formed, and is it the one that came before?

use super::holds::fold;
use crate::{Account, Claim, Error, ErrorKind, Line, ReservationId};

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

/// Refuses amounts that do not stand beside the claim's lines.
#[inline]
pub(super) fn check_shape(claim: &Claim, amounts: &[i64]) -> Result<(), Error> {
    let (lines, given) = (claim.lines().len(), amounts.len());
    if lines == given {
        return Ok(());
    }
    Err(Error::invalid("amounts", format!("{given} amounts for {lines} lines")))
}

/// Refuses amounts below zero.
#[inline]
pub(super) fn check_signs(claim: &Claim, amounts: &[i64]) -> Result<(), Error> {
    match claim.lines().iter().zip(amounts).find(|(_, amount)| **amount < 0) {
        Some((line, amount)) => Err(negative(&line.account, *amount)),
        None => Ok(()),
    }
}

#[cold]
pub(super) fn negative(account: &Account, amount: i64) -> Error {
    Error::invalid("amounts", format!("{amount} for {account} is below zero"))
}

pub(super) fn conflict(id: ReservationId, problem: &str) -> Error {
    Error::new(
        ErrorKind::Conflict,
        format!("reservation {id}: {problem}; the first stands, nothing was changed"),
    )
}
