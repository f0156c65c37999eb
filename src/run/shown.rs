//! How does a run's report read, in a line for people?

use std::fmt;

use super::limits::signed;
use super::report::RunReport;
use crate::Usd;
use crate::values::Unit;
use crate::values::one_line::OneLine;

impl fmt::Display for RunReport {
    /// `run run-42: 0.90 of 1.00 USD, 2 of 50 iterations; left: 0.10 USD, 48 iterations; open for 12 s`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { limits, left, granted_usd, .. } = self;
        let usd = limits.usd.map(|limit| limit.nanos().saturating_add(granted_usd.nanos()));
        let count = |figure: Option<u64>| figure.map(signed);
        let figures = [
            (Unit::Usd, self.spent_usd.nanos(), usd, left.usd.map(Usd::nanos)),
            (Unit::Tokens, signed(self.tokens), count(limits.tokens), count(left.tokens)),
            (Unit::Iterations, signed(self.iterations), count(limits.iterations), count(left.iterations)),
            (
                Unit::ToolCalls,
                signed(self.subtree.tool_calls),
                count(limits.tool_calls),
                count(left.tool_calls),
            ),
        ];
        let is_shown = |used: i64, limit: Option<i64>| used > 0 || limit.is_some();
        let used =
            figures.iter().filter(|(unit, used, limit, _)| *unit == Unit::Usd || is_shown(*used, *limit));
        let used = used.map(|(unit, used, limit, _)| match limit {
            Some(limit) => format!("{} of {}", unit.figure(*used), unit.show(*limit)),
            None => unit.show(*used),
        });
        write!(f, "run {}: {}", OneLine(&self.run), used.collect::<Vec<_>>().join(", "))?;
        if self.reserved_usd > Usd::ZERO {
            write!(f, "; held: {}", Unit::Usd.show(self.reserved_usd.nanos()))?;
        }
        let left: Vec<String> =
            figures.iter().filter_map(|(unit, _, _, left)| Some(unit.show((*left)?))).collect();
        if !left.is_empty() {
            write!(f, "; left: {}", left.join(", "))?;
        }
        write!(f, "; open for {} s", self.open_for.as_secs())?;
        match &self.over {
            Some(why) => write!(f, "; over: {}", OneLine(why)),
            None => Ok(()),
        }
    }
}
