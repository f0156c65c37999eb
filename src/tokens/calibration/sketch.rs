//! How much of their margin did the last calls use?
//!
//! A sketch is a ring of the last 256 shares. An answer sorts nothing: it selects the one
//! share at a rank, and the rank is what order statistics ask for. If calls are
//! exchangeable, the next call is equally likely to take each of the `n + 1` places among
//! `n` calls, so it lies above the `r` largest in `r` of `n + 1` cases.
//!
//! For example, 49 calls and one in 50: rank 1, the largest share. 99 calls: rank 1 is
//! claimed of one in 100, and for one in 50 rank 2 does, so that one outlier among 99 no
//! longer counts. With 48 calls the rank is 0, and there is no answer.

use serde::{Deserialize, Serialize};

use crate::Error;
use crate::tokens::estimate::Estimate;

/// The shares of their margin that the last calls used, in the order in which they came.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Sketch {
    /// Thousandths of the margin, at most [`SHARES_MAX`] of them.
    shares: Vec<u32>,
    /// Where the next share goes once all places are taken: over the oldest.
    next: usize,
    /// Calls since the beginning; the ring forgets, this number does not.
    observed: u64,
    /// Calls that took more than the bound that was issued for them.
    under: u64,
}

/// Calls that are remembered: five times what a claim of one in fifty needs, and a
/// kilobyte.
const SHARES_MAX: usize = 256;
/// One call in so many may lie above the bound: 98 of 100 are claimed, as for the figures
/// that are built in.
pub(super) const ONE_IN: usize = 50;
/// The same for the calls of all makers together, which are less alike.
pub(super) const ONE_IN_ALL: usize = 100;
/// A twentieth of the margin, added for what was not seen yet.
const UNSEEN: u32 = 50;
/// Three twentieths, added if the margin proved too small.
const UNSEEN_ABOVE: u32 = 150;

impl Sketch {
    pub(super) fn observed(&self) -> u64 {
        self.observed
    }

    pub(super) fn under(&self) -> u64 {
        self.under
    }

    /// Remembers the share of one call, in place of the oldest if the ring is full.
    pub(super) fn learn(&mut self, estimate: &Estimate, reported: u64) {
        self.observed = self.observed.saturating_add(1);
        if reported > estimate.tokens {
            self.under = self.under.saturating_add(1);
        }
        let share = share(estimate, reported);
        if self.shares.len() < SHARES_MAX {
            self.shares.push(share);
        } else if let Some(oldest) = self.shares.get_mut(self.next) {
            *oldest = share;
        }
        self.next = self.next.saturating_add(1).checked_rem(SHARES_MAX).unwrap_or(0);
    }

    /// A bound within the measured margin, with its confidence in millionths; `None` if
    /// there are fewer calls than the claim needs.
    pub(super) fn narrowed(&self, estimate: &Estimate, one_in: usize) -> Option<(u64, u32)> {
        let rank = self.shares.len().saturating_add(1).checked_div(one_in)?;
        let share = self.largest(rank.checked_sub(1)?)?.saturating_add(UNSEEN).min(WHOLE);
        Some((within(estimate, share), confidence(self.shares.len(), rank)))
    }

    /// A bound above the measured margin; `None` if no second call was above it, because
    /// one is an outlier and no law.
    pub(super) fn widened(&self, estimate: &Estimate) -> Option<u64> {
        let second = self.largest(1).filter(|share| *share > WHOLE)?;
        Some(within(estimate, second.saturating_add(UNSEEN_ABOVE)))
    }

    /// What the largest share asks for, within the measured margin: the least that a pool
    /// may answer.
    pub(super) fn least(&self, estimate: &Estimate) -> u64 {
        self.largest(0).map_or(0, |share| within(estimate, share.saturating_add(UNSEEN).min(WHOLE)))
    }

    /// The share at a place, counted from 0, if the largest comes first.
    fn largest(&self, place: usize) -> Option<u32> {
        // Selecting changes the order, and the ring needs its own: a kilobyte is copied.
        let mut shares = self.shares.clone();
        if place >= shares.len() {
            return None;
        }
        Some(*shares.select_nth_unstable_by(place, |a, b| b.cmp(a)).1)
    }

    /// Refuses a sketch from a file that no series of calls can make.
    pub(super) fn check(&self) -> Result<(), Error> {
        let fits = self.shares.len() <= SHARES_MAX && self.next < SHARES_MAX && self.under <= self.observed;
        if fits { Ok(()) } else { Err(Error::invalid("calibration", "holds a sketch that cannot be")) }
    }
}

/// The largest share: four margins. A call far beyond, with stored context or another's
/// prompt, is an outlier and not a law.
const SHARE_MAX: u32 = 4_000;
/// The whole margin, in thousandths.
const WHOLE: u32 = 1_000;

/// What lies between the expected tokens and the uncalibrated bound; at least one, so that
/// a share can be taken of it.
fn margin(estimate: &Estimate) -> u64 {
    estimate.uncalibrated.saturating_sub(estimate.expected).max(1)
}

/// The share of the margin that a call used, rounded up: zero for a call that took less
/// than expected.
fn share(estimate: &Estimate, reported: u64) -> u32 {
    let used = reported.saturating_sub(estimate.expected).saturating_mul(u64::from(WHOLE));
    u32::try_from(used.div_ceil(margin(estimate))).unwrap_or(SHARE_MAX).min(SHARE_MAX)
}

/// The bound that holds that share of the margin, rounded up.
fn within(estimate: &Estimate, share: u32) -> u64 {
    let held = margin(estimate).saturating_mul(u64::from(share)).div_ceil(u64::from(WHOLE));
    estimate.expected.saturating_add(held)
}

/// In how many of a million calls the next of `count` exchangeable calls is not above the
/// `rank` largest: `count + 1 - rank` of `count + 1`.
fn confidence(count: usize, rank: usize) -> u32 {
    let all = u64::try_from(count.saturating_add(1)).unwrap_or(u64::MAX);
    let kept = all.saturating_sub(u64::try_from(rank).unwrap_or(u64::MAX));
    let ppm = kept.saturating_mul(1_000_000).checked_div(all).unwrap_or(0);
    u32::try_from(ppm).unwrap_or(0)
}
