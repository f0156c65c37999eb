//! How much of their margin did the last calls use?

use serde::{Deserialize, Serialize};

use crate::Error;
use crate::tokens::estimate::Estimate;

/// The shares of their margin that the last calls used, in the order in which they came.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Sketch {
    /// Thousandths.
    shares: Vec<u32>,
    /// Where the next share goes once all places are taken.
    next: usize,
    observed: u64,
    under: u64,
}

/// Calls that are remembered.
const SHARES_MAX: usize = 128;
/// From so many on, one in a hundred may lie above the bound.
const MANY: usize = 100;
/// Three twentieths of the margin, for what was not seen yet.
const UNSEEN: u32 = 150;

impl Sketch {
    pub(super) fn len(&self) -> usize {
        self.shares.len()
    }

    pub(super) fn observed(&self) -> u64 {
        self.observed
    }

    pub(super) fn under(&self) -> u64 {
        self.under
    }

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

    /// The bound that these calls ask for, and in how many of a million calls it should hold.
    pub(super) fn bound(&self, estimate: &Estimate) -> (u64, u32) {
        let mut shares = self.shares.clone();
        shares.sort_unstable_by(|a, b| b.cmp(a));
        let at = |place: usize| shares.get(place).copied().unwrap_or(0).saturating_add(UNSEEN);
        // The largest, or where there are many the one above which one in a hundred lies.
        let rank = shares.len().saturating_sub(MANY).saturating_add(50) / MANY;
        if at(rank) <= WHOLE {
            return (within(estimate, at(rank)), confidence(shares.len(), rank));
        }
        // Above the measured margin only what came twice counts.
        let second = rank.saturating_add(1);
        (within(estimate, at(second).max(WHOLE)), confidence(shares.len(), second))
    }

    /// What the largest share asks for.
    pub(super) fn largest(&self, estimate: &Estimate) -> u64 {
        self.shares.iter().max().map_or(0, |share| within(estimate, share.saturating_add(UNSEEN)))
    }

    pub(super) fn check(&self) -> Result<(), Error> {
        let fits = self.shares.len() <= SHARES_MAX && self.next < SHARES_MAX && self.under <= self.observed;
        if fits { Ok(()) } else { Err(Error::invalid("calibration", "holds a sketch that cannot be")) }
    }
}

/// Four margins: a call far beyond, with stored context or another's prompt, is an outlier and not a law.
const SHARE_MAX: u32 = 4_000;
/// The whole margin, in thousandths.
const WHOLE: u32 = 1_000;

fn margin(estimate: &Estimate) -> u64 {
    estimate.uncalibrated.saturating_sub(estimate.expected).max(1)
}

fn share(estimate: &Estimate, reported: u64) -> u32 {
    let used = reported.saturating_sub(estimate.expected).saturating_mul(u64::from(WHOLE));
    u32::try_from(used.div_ceil(margin(estimate))).unwrap_or(SHARE_MAX).min(SHARE_MAX)
}

fn within(estimate: &Estimate, share: u32) -> u64 {
    let held = margin(estimate).saturating_mul(u64::from(share)).div_ceil(u64::from(WHOLE));
    estimate.expected.saturating_add(held)
}

/// The next of `count` exchangeable shares lies above the one of that rank in `rank + 1` of `count + 1` calls.
fn confidence(count: usize, rank: usize) -> u32 {
    let kept = u64::try_from(count.saturating_sub(rank)).unwrap_or(0);
    let all = u64::try_from(count.saturating_add(1)).unwrap_or(u64::MAX);
    let ppm = kept.saturating_mul(1_000_000).checked_div(all).unwrap_or(0);
    u32::try_from(ppm).unwrap_or(0)
}
