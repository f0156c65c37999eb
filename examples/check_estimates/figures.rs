//! What do a number of outcomes come to?

use serde_json::{Value, json};

use super::judge::Outcome;

/// What a number of outcomes come to; shares in thousandths.
#[derive(Clone, Copy)]
pub(crate) struct Figures {
    pub(crate) requests: usize,
    exact: usize,
    error_median: u64,
    error_p95: u64,
    pub(crate) under: usize,
    pub(crate) over_median: u64,
    pub(crate) over_p95: u64,
}

impl Figures {
    pub(crate) fn of<'a>(outcomes: impl Iterator<Item = &'a Outcome>) -> Self {
        let outcomes: Vec<&Outcome> = outcomes.collect();
        let thousandths = |part: u64, whole: u64| part.saturating_mul(1_000) / whole.max(1);
        let error = |outcome: &&Outcome| {
            thousandths(outcome.estimate.expected.abs_diff(outcome.reported), outcome.reported)
        };
        let over = |outcome: &&Outcome| thousandths(outcome.estimate.tokens, outcome.reported);
        let errors: Vec<u64> = outcomes.iter().map(error).collect();
        let overs: Vec<u64> = outcomes.iter().map(over).collect();
        Self {
            requests: outcomes.len(),
            exact: outcomes.iter().filter(|outcome| outcome.estimate.expected == outcome.reported).count(),
            error_median: quantile(&errors, 50),
            error_p95: quantile(&errors, 95),
            under: outcomes.iter().filter(|outcome| outcome.estimate.tokens < outcome.reported).count(),
            over_median: quantile(&overs, 50),
            over_p95: quantile(&overs, 95),
        }
    }

    /// In ten thousandths.
    fn under_share(&self) -> u64 {
        (self.under * 10_000 / self.requests.max(1)) as u64
    }

    pub(crate) fn json(&self) -> Value {
        json!({
            "requests": self.requests, "exact": self.exact,
            "error_median": decimal(self.error_median, 3), "error_p95": decimal(self.error_p95, 3),
            "under": self.under, "under_rate": decimal(self.under_share(), 4),
            "over_reserve_median": decimal(self.over_median, 3), "over_reserve_p95": decimal(self.over_p95, 3),
        })
    }

    /// As a line under [`HEAD`].
    pub(crate) fn text(&self) -> String {
        format!(
            "{:>4} {:>5} {:>7} % {:>7} % {:>5} {:>6} % {:>7} × {:>7} ×",
            self.requests,
            self.exact,
            decimal(self.error_median, 1),
            decimal(self.error_p95, 1),
            self.under,
            decimal(self.under_share(), 2),
            decimal(self.over_median, 3),
            decimal(self.over_p95, 3)
        )
    }

    /// In a few words.
    pub(crate) fn short(&self) -> String {
        format!(
            "under {} ({} %) at {} ×",
            self.under,
            decimal(self.under_share(), 2),
            decimal(self.over_median, 3)
        )
    }
}

pub(crate) const HEAD: &str = "reqs exact   err med   err p95 under     rate  over med  over p95";

/// The smallest number that so many of a hundred do not exceed.
fn quantile(numbers: &[u64], percent: usize) -> u64 {
    let mut numbers = numbers.to_vec();
    numbers.sort_unstable();
    let rank = (numbers.len() * percent).div_ceil(100).max(1);
    numbers.get(rank - 1).copied().unwrap_or(0)
}

/// A whole number as a decimal of so many places.
pub(crate) fn decimal(number: u64, places: usize) -> String {
    let digits = format!("{number:0>width$}", width = places + 1);
    let (whole, rest) = digits.split_at(digits.len() - places);
    format!("{whole}.{rest}")
}
