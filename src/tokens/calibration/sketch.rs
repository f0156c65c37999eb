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
const SHARES_MAX: usize = 256;
/// One call in so many may lie above the bound: 98 of 100 are claimed.
pub(super) const ONE_IN: usize = 50;
/// The same of calls of all makers together, which are less alike.
pub(super) const ONE_IN_ALL: usize = 100;
/// A twentieth of the margin, for what was not seen yet.
const UNSEEN: u32 = 50;
/// Three twentieths, where the margin proved too small.
const UNSEEN_ABOVE: u32 = 150;

impl Sketch {
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

    /// A bound within the measured margin, with its confidence in millionths; `None` of fewer calls than it claims.
    ///
    /// Of 49 exchangeable calls the next lies above the largest in one of 50.
    pub(super) fn narrowed(&self, estimate: &Estimate, one_in: usize) -> Option<(u64, u32)> {
        let rank = self.shares.len().saturating_add(1).checked_div(one_in)?;
        let share = self.largest(rank.checked_sub(1)?)?.saturating_add(UNSEEN).min(WHOLE);
        Some((within(estimate, share), confidence(self.shares.len(), rank)))
    }

    /// A bound above the measured margin; `None` where no second call was above it: one is an outlier and no law.
    pub(super) fn widened(&self, estimate: &Estimate) -> Option<u64> {
        let second = self.largest(1).filter(|share| *share > WHOLE)?;
        Some(within(estimate, second.saturating_add(UNSEEN_ABOVE)))
    }

    /// What the largest share asks for, within the measured margin.
    pub(super) fn least(&self, estimate: &Estimate) -> u64 {
        self.largest(0).map_or(0, |share| within(estimate, share.saturating_add(UNSEEN).min(WHOLE)))
    }

    /// The share that so many are not below, counted from 0.
    fn largest(&self, place: usize) -> Option<u32> {
        let mut shares = self.shares.clone();
        if place >= shares.len() {
            return None;
        }
        Some(*shares.select_nth_unstable_by(place, |a, b| b.cmp(a)).1)
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

/// Zero for a call that took less than expected: no bound goes below that, whatever a provider says.
fn share(estimate: &Estimate, reported: u64) -> u32 {
    let used = reported.saturating_sub(estimate.expected).saturating_mul(u64::from(WHOLE));
    u32::try_from(used.div_ceil(margin(estimate))).unwrap_or(SHARE_MAX).min(SHARE_MAX)
}

fn within(estimate: &Estimate, share: u32) -> u64 {
    let held = margin(estimate).saturating_mul(u64::from(share)).div_ceil(u64::from(WHOLE));
    estimate.expected.saturating_add(held)
}

/// The next of `count` exchangeable calls lies above the `rank` largest in `rank` of `count + 1` calls.
fn confidence(count: usize, rank: usize) -> u32 {
    let all = u64::try_from(count.saturating_add(1)).unwrap_or(u64::MAX);
    let kept = all.saturating_sub(u64::try_from(rank).unwrap_or(u64::MAX));
    let ppm = kept.saturating_mul(1_000_000).checked_div(all).unwrap_or(0);
    u32::try_from(ppm).unwrap_or(0)
}
