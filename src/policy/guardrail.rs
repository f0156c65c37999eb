//! Can a guardrail ever bind before the budget that it guards?

use super::Tiers;
use crate::values::{Timestamp, Unit};
use crate::{Error, Window};

/// A shorter window inside a budget's own, with a limit that may be landed on but not passed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Guardrail {
    pub(crate) limit: i64,
    pub(crate) window: Window,
}

/// The budget around a guardrail, as far as it decides which of both can refuse first.
pub(super) struct Around<'a> {
    pub(super) unit: &'a Unit,
    pub(super) limit: Option<i64>,
    pub(super) tiers: &'a Tiers,
    pub(super) window: &'a Window,
}

impl Guardrail {
    /// Refuses one that is never the first to refuse: whoever wrote it believes in a limit that is none.
    pub(super) fn check(&self, budget: &Around<'_>) -> Result<(), Error> {
        let wrong = |problem: String| Err(Error::invalid("guardrail", problem));
        if *budget.unit != Unit::Usd {
            return wrong(format!("is in dollars, the budget counts {}", budget.unit));
        }
        if self.window == *budget.window {
            return wrong("has the budget's own window".to_owned());
        }
        let Some(limit) = budget.limit else { return Ok(()) };
        let stop = budget.tiers.ceiling(limit)?;
        if !never_binds(self, stop, budget.window) {
            return Ok(());
        }
        let (most, stop) = (budget.unit.show(self.limit), budget.unit.show(stop));
        let (inner, outer) = (&self.window, budget.window);
        wrong(format!(
            "never binds: the budget stops at {stop} in a window of {outer}, before {most} can be spent in one of \
             {inner}; lower the guardrail, or leave it out"
        ))
    }
}

/// How many of the budget's periods are looked at: more than any calendar takes to show how it lies in another.
const LOOKS: usize = 48;

/// Whether whatever reaches the guardrail has reached the budget's own stop before.
fn never_binds(guardrail: &Guardrail, stop: i64, window: &Window) -> bool {
    // A stop at zero admits nothing, and then nothing need bind beside it.
    if stop <= 0 || stop == i64::MAX || guardrail.limit < stop {
        return false;
    }
    let Some(periods) = periods_at_most(&guardrail.window, window) else { return false };
    stop.saturating_mul(periods) <= guardrail.limit
}

/// Over how many periods of `outer` one of `inner` reaches at most; `None` where that is not known to be one or two.
fn periods_at_most(inner: &Window, outer: &Window) -> Option<i64> {
    if *outer == Window::lifetime() {
        return Some(1);
    }
    if let Some(length) = outer.rolling_length() {
        // What fits into a rolling window once lies in it whole at its own end.
        return is_never_longer(inner, length).then_some(1);
    }
    let mut lies_inside = inner.rolling_length().is_none();
    let mut at = Timestamp::EPOCH;
    for _ in 0..LOOKS {
        let whole = outer.period(at);
        if !is_never_longer(inner, whole.until.since(whole.from)) {
            return None;
        }
        lies_inside &= inner.period(whole.from).from == whole.from;
        at = whole.until;
    }
    // One that lies across an edge may spend what two periods allow.
    Some(if lies_inside { 1 } else { 2 })
}

fn is_never_longer(window: &Window, than: std::time::Duration) -> bool {
    if let Some(length) = window.rolling_length() {
        return length <= than;
    }
    let mut at = Timestamp::EPOCH;
    (0..LOOKS).all(|_| {
        let period = window.period(at);
        at = period.until;
        period.until.since(period.from) <= than
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn never(limit: i64, inner: &str, outer: &str) -> bool {
        let guardrail = Guardrail { limit, window: inner.parse().expect("a window") };
        never_binds(&guardrail, 100, &outer.parse().expect("a window"))
    }

    #[test]
    fn one_inside_a_period_never_binds_from_the_budgets_own_stop_on() {
        for (inner, outer) in [
            ("day", "month"),
            ("hour", "day"),
            ("day", "week"),
            ("month", "year"),
            ("day", "lifetime"),
            ("1d", "30d"),
        ] {
            assert_eq!(
                [never(99, inner, outer), never(100, inner, outer)],
                [false, true],
                "{inner} in {outer}"
            );
        }
    }

    #[test]
    fn one_across_an_edge_may_spend_what_two_periods_allow() {
        for (inner, outer) in
            [("week", "month"), ("1d", "month"), ("day", "month@Europe/Berlin"), ("7d", "month")]
        {
            assert_eq!(
                [never(199, inner, outer), never(200, inner, outer)],
                [false, true],
                "{inner} in {outer}"
            );
        }
    }

    #[test]
    fn a_longer_one_is_taken_at_its_word() {
        for (inner, outer) in [("month", "day"), ("30d", "1d"), ("lifetime", "day"), ("week", "1d")] {
            assert!(!never(1_000_000, inner, outer), "{inner} over {outer}");
        }
    }
}
