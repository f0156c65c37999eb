//! Which arithmetic do the accounts of every ledger share?
//!
//! A calendar account counts each period by itself. A rolling account counts the last `span` sub-periods together; the span is one
//! longer than the window (61 sub-periods for 60), because the running one is not over. So a ledger counts slightly more than a
//! window, and never less.

use smallvec::SmallVec;

use crate::values::{Balance, Threshold};

/// Tiers with the figure at which each was reached.
pub(crate) type Fired = SmallVec<[(u8, i64); 2]>;

/// The thresholds that `spent` has reached and whose tier has not fired; each tier's bit is set in `fired`.
///
/// A tier fires once in a period, even where its threshold was moved: with 80 spent, thresholds at 50 (tier 0) and 80 (tier 1), and
/// tier 0 fired before, tier 1 alone is new.
pub(in crate::ledger) fn fire(fired: &mut u32, spent: i64, thresholds: &[Threshold]) -> Fired {
    let mut new = Fired::new();
    for threshold in thresholds.iter().take_while(|threshold| spent >= threshold.at) {
        // A claim takes tiers 0 to 31.
        let bit = 1_u32.wrapping_shl(u32::from(threshold.tier));
        if *fired & bit == 0 {
            *fired |= bit;
            new.push((threshold.tier, threshold.at));
        }
    }
    new
}

/// Whether an account that moves on between those periods begins a new length of its window, in which tiers fire again.
///
/// A rolling hour has a span of 61 minutes, so its tiers fire again once in each 60.
pub(in crate::ledger) fn begins_anew(span: i64, before: i64, after: i64) -> bool {
    let window = span.saturating_sub(1).max(1);
    before.checked_div_euclid(window) != after.checked_div_euclid(window)
}

/// After how many further sub-periods `amount` fits under the ceiling, if nothing else happens. `leaving` are the sub-periods of the
/// span, the oldest first.
///
/// With sub-periods of 1, 2, 3 and 4, a ceiling of 12 and an amount of 4: now 10 + 4 > 12. After one sub-period the 1 has left:
/// 9 + 4 > 12. After two the 2 has left as well: 7 + 4 <= 12, so the answer is 2.
pub(in crate::ledger) fn frees_in(
    used: i64,
    leaving: impl IntoIterator<Item = Balance>,
    amount: i64,
    ceiling: i64,
) -> Option<u32> {
    let mut used = used;
    leaving.into_iter().zip(1..).find_map(|(balance, step)| {
        used = used.checked_sub(balance.spent)?.checked_sub(balance.reserved)?;
        used.checked_add(amount).is_some_and(|needed| needed <= ceiling).then_some(step)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn used(spent: i64) -> Balance {
        Balance { spent, reserved: 0 }
    }

    #[test]
    fn a_rolling_line_says_when_enough_has_aged_out() {
        let slots = [1, 2, 3, 4].map(used);
        assert_eq!(frees_in(10, slots, 4, 12), Some(2));
        assert_eq!(frees_in(10, slots, 12, 12), Some(4));
        assert_eq!(frees_in(10, slots, 13, 12), None);
    }

    #[test]
    fn each_of_32_tiers_fires_once() {
        let thresholds: Vec<_> = (0..32).map(|tier| Threshold { at: i64::from(tier), tier }).collect();
        let mut fired = 0;
        assert_eq!(fire(&mut fired, 15, &thresholds).len(), 16);
        assert_eq!(fire(&mut fired, 40, &thresholds).as_slice()[0], (16, 16));
        assert_eq!((fired, fire(&mut fired, 40, &thresholds).len()), (u32::MAX, 0));
    }
}
