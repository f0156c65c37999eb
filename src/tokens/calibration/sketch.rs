//! Which ratios of reported to expected tokens were seen lately?

use serde::{Deserialize, Serialize};

use crate::Error;
use crate::tokens::estimate::Estimate;

/// The last ratios, in the order in which they came.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Sketch {
    /// Millionths.
    ratios: Vec<u32>,
    /// Where the next ratio goes once all places are taken.
    next: usize,
    observed: u64,
    under: u64,
}

/// Ratios that are remembered.
const RATIOS_MAX: usize = 128;
/// A ratio of two small numbers says little: so many tokens are added to both.
const STEADY: u64 = 8;
/// From so many ratios on, one in a hundred may lie above the bound.
const MANY: usize = 100;
/// A hundredth more than was seen.
const UNSEEN_PPM: u64 = 10_000;

impl Sketch {
    pub(super) fn len(&self) -> usize {
        self.ratios.len()
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
        let ratio = ratio(estimate.expected, reported);
        if self.ratios.len() < RATIOS_MAX {
            self.ratios.push(ratio);
        } else if let Some(oldest) = self.ratios.get_mut(self.next) {
            *oldest = ratio;
        }
        self.next = self.next.saturating_add(1).checked_rem(RATIOS_MAX).unwrap_or(0);
    }

    /// The bound that these ratios ask for, and in how many of a million calls it should hold.
    pub(super) fn bound(&self, estimate: &Estimate) -> (u64, u32) {
        let mut ratios = self.ratios.clone();
        ratios.sort_unstable_by(|a, b| b.cmp(a));
        let at = |place: usize| ratios.get(place).copied().unwrap_or(0);
        // The largest, or where there are many the one above which one in a hundred lies.
        let rank = ratios.len().saturating_sub(MANY).saturating_add(50) / MANY;
        let largest = scaled(estimate.expected, at(rank));
        if largest <= estimate.tokens {
            return (largest, confidence(ratios.len(), rank));
        }
        // Above the measured margin only what came twice counts.
        let second = scaled(estimate.expected, at(rank.saturating_add(1)));
        (second.max(estimate.tokens), confidence(ratios.len(), rank.saturating_add(1)))
    }

    /// What the largest ratio asks for.
    pub(super) fn largest(&self, estimate: &Estimate) -> u64 {
        self.ratios.iter().max().map_or(0, |ratio| scaled(estimate.expected, *ratio))
    }

    pub(super) fn check(&self) -> Result<(), Error> {
        let fits = self.ratios.len() <= RATIOS_MAX && self.next < RATIOS_MAX && self.under <= self.observed;
        if fits { Ok(()) } else { Err(Error::invalid("calibration", "holds a sketch that cannot be")) }
    }
}

fn ratio(expected: u64, reported: u64) -> u32 {
    let ratio = reported.saturating_add(STEADY).saturating_mul(1_000_000).div_ceil(expected.saturating_add(STEADY));
    u32::try_from(ratio).unwrap_or(u32::MAX)
}

fn scaled(expected: u64, ratio: u32) -> u64 {
    let ratio = u64::from(ratio).saturating_add(UNSEEN_PPM);
    let scaled = expected.saturating_add(STEADY).saturating_mul(ratio).div_ceil(1_000_000);
    scaled.saturating_sub(STEADY).max(expected)
}

/// The next of `count` exchangeable ratios lies above the one of that rank in `rank + 1` of `count + 1` calls.
fn confidence(count: usize, rank: usize) -> u32 {
    let kept = u64::try_from(count.saturating_sub(rank)).unwrap_or(0);
    let all = u64::try_from(count.saturating_add(1)).unwrap_or(u64::MAX);
    let ppm = kept.saturating_mul(1_000_000).checked_div(all).unwrap_or(0);
    u32::try_from(ppm).unwrap_or(0)
}
