//! How few parts must be left out?
//!
//! Measuring costs a pass over the body, so few measurements count. The size of a prompt
//! falls with the number of parts that are left out, so the answer lies between a number
//! that is too small (`above`) and one that suffices (`below`), and each measurement moves
//! one of them. The invariant at every step: without `above.count` parts the prompt does
//! not fit, without `below.count` it does. It ends if they are neighbours: then the last
//! part that is left out is needed.
//!
//! Where to measure next is guessed as if all parts were of one size, and every other time
//! it is the middle. For example, parts of 30, 20 and 40 tokens and 10 that stay, at a
//! limit of 69: all three left out leave 10, which fits. The guess of one part (31 of 90
//! tokens too many, in 3 parts: 2) leaves 50, which fits; one part leaves 70, which does
//! not. So two.

use super::conversation::Span;
use crate::Error;
use crate::tokens::Estimate;

/// What the search brought.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// Without so many parts it fits, and with the last of them it does not.
    Fits { count: usize, after: Estimate },
    /// Without all of them it does not fit.
    Never { least: Estimate },
}

/// A number of parts, with what is sent without them.
#[derive(Clone, Copy)]
struct Measured {
    count: usize,
    tokens: u64,
}

/// Finds the fewest of `parts`, from the first on, without which the prompt fits.
///
/// Every answer was measured, and so was its neighbour. Where to measure next is guessed as if all parts between were of
/// one size, which most often is near, and every other time it is the middle: so a thousand parts of whatever sizes take
/// no more than twenty measurements.
pub(super) fn fewest(
    parts: &[Span],
    before: Estimate,
    limit: u64,
    mut measure: impl FnMut(&[Span]) -> Result<Estimate, Error>,
) -> Result<Found, Error> {
    let mut of = |count: usize| measure(parts.get(..count).unwrap_or_default());
    let fits = |estimate: &Estimate| !estimate.needs_model_maximum() && estimate.tokens <= limit;
    if parts.is_empty() {
        return Ok(Found::Never { least: before });
    }
    let mut after = of(parts.len())?;
    if !fits(&after) {
        return Ok(Found::Never { least: after });
    }
    // What cannot be counted is larger than anything that can.
    let size = |estimate: Estimate| if estimate.needs_model_maximum() { u64::MAX } else { estimate.tokens };
    let mut above = Measured { count: 0, tokens: size(before) };
    let mut below = Measured { count: parts.len(), tokens: after.tokens };
    let mut halves = false;
    while below.count.saturating_sub(above.count) > 1 {
        let count = if halves { middle(above, below) } else { guess(above, below, limit) };
        let estimate = of(count)?;
        if fits(&estimate) {
            (below, after) = (Measured { count, tokens: estimate.tokens }, estimate);
        } else {
            above = Measured { count, tokens: size(estimate) };
        }
        halves = !halves;
    }
    Ok(Found::Fits { count: below.count, after })
}

/// Half-way between the two.
fn middle(above: Measured, below: Measured) -> usize {
    above.count.midpoint(below.count)
}

/// Where the limit lies between the two, if all parts were of one size.
fn guess(above: Measured, below: Measured, limit: u64) -> usize {
    let wanted = u128::from(above.tokens.saturating_sub(limit));
    let span = u128::from(above.tokens.saturating_sub(below.tokens)).max(1);
    let parts = u128::try_from(below.count.saturating_sub(above.count)).unwrap_or(u128::MAX);
    // Rounded up: if all parts are of one size, this is the answer.
    let more = wanted.saturating_mul(parts).div_ceil(span);
    let more = usize::try_from(more).unwrap_or(usize::MAX);
    let first = above.count.saturating_add(1);
    above.count.saturating_add(more).clamp(first, below.count.saturating_sub(1).max(first))
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "a sum that does not fit fails the test, as it should")]
mod tests {
    use super::*;

    /// What is found among parts of these sizes, and how often was measured.
    fn found(sizes: &[u64], kept: u64, limit: u64) -> (Found, usize) {
        let parts: Vec<Span> = (0..sizes.len()).map(|part| part..part + 1).collect();
        let whole = Estimate::count(kept + sizes.iter().sum::<u64>());
        let mut times = 0;
        let measure = |gone: &[Span]| {
            times += 1;
            Ok(Estimate::count(kept + sizes[gone.len()..].iter().sum::<u64>()))
        };
        (fewest(&parts, whole, limit, measure).expect("a measure"), times)
    }

    #[test]
    fn the_last_part_that_is_left_out_is_needed() {
        // 10 stay; 30, 20 and 40 may go.
        let fits = |count, tokens| Found::Fits { count, after: Estimate::count(tokens) };
        assert_eq!(found(&[30, 20, 40], 10, 99).0, fits(1, 70));
        assert_eq!(found(&[30, 20, 40], 10, 70).0, fits(1, 70));
        assert_eq!(found(&[30, 20, 40], 10, 69).0, fits(2, 50));
        assert_eq!(found(&[30, 20, 40], 10, 10).0, fits(3, 10));
        assert_eq!(found(&[30, 20, 40], 10, 9).0, Found::Never { least: Estimate::count(10) });
        assert_eq!(found(&[], 10, 9), (Found::Never { least: Estimate::count(10) }, 0));
    }

    #[test]
    fn parts_of_one_size_are_found_at_the_first_guess_and_wild_ones_in_twice_the_logarithm() {
        let (result, times) = found(&[7; 1_000], 0, 3_500);
        assert_eq!(result, Found::Fits { count: 500, after: Estimate::count(3_500) });
        assert!(times <= 4, "all, the guess, and its neighbours: {times}");

        let wild: Vec<u64> =
            (0..1_000).map(|part| if part % 97 == 0 { 1_000_000 } else { part % 3 }).collect();
        for limit in [0, 1, 500, 999_999, 5_000_000, 10_999_999] {
            let times = found(&wild, 0, limit).1;
            assert!(times <= 20, "{limit}: {times}");
        }
    }

    #[test]
    fn what_cannot_be_counted_does_not_fit() {
        let parts = [0..1, 1..2];
        let measure =
            |gone: &[Span]| Ok(if gone.len() < 2 { Estimate::opaque() } else { Estimate::count(5) });
        let result = fewest(&parts, Estimate::opaque(), 9, measure).expect("a measure");
        assert_eq!(result, Found::Fits { count: 2, after: Estimate::count(5) });
    }
}
