//! On which lines do the limits stand that a run was first opened with, and what are they called?
//!
//! Each limit has a line of its own in the run's books, named by its kind and its unit. Here are their names, and the words by
//! which an opening with other limits is told which limit differs, what it was, and what was asked for.

use crate::Scope;
use crate::values::{ShortText, Timestamp, Unit};

/// That the run was opened: once, whoever does it.
pub(super) const OPENED: &str = "run opened";
/// A limit, by its unit.
pub(super) const LIMIT: &str = "run limit";
/// The deadline, in milliseconds since 1970.
pub(super) const UNTIL: &str = "run limit until";
/// What is kept back for the final call.
pub(super) const KEPT: &str = "run limit kept";
/// How many tools have a limit of their own, and each of them.
pub(super) const TOOLS: &str = "run limit tools";
pub(super) const TOOL: &str = "run limit tool";
/// What a run below is given of its parent: a part for itself, a share as its limit.
pub(super) const PART: &str = "run limit part";
pub(super) const SHARE: &str = "run limit share";
/// That its limits refuse nothing.
pub(super) const OBSERVES: &str = "run limit observes";
/// Under which key the names of those tools stand, and in how many figures.
pub(super) const KEY: &str = "run limit names";
pub(super) const PIECES: &str = "run limit names in";

/// Every line on which a limit may stand, but for those of single tools.
pub(super) fn lines() -> Vec<(&'static str, Unit)> {
    let limits = [
        Unit::Usd,
        Unit::Tokens,
        Unit::Iterations,
        Unit::TokensOutput,
        Unit::TimeMs,
        Unit::ToolCalls,
        Unit::Children,
        Unit::Depth,
    ];
    let rest = [
        (OPENED, Unit::Requests),
        (UNTIL, Unit::TimeMs),
        (KEPT, Unit::Usd),
        (KEPT, Unit::Tokens),
        (KEPT, Unit::Iterations),
        (TOOLS, Unit::Requests),
        (KEY, Unit::Requests),
        (PIECES, Unit::Requests),
        (PART, Unit::Usd),
        (PART, Unit::Tokens),
        (PART, Unit::Requests),
        (SHARE, Unit::Requests),
        (OBSERVES, Unit::Requests),
    ];
    limits.into_iter().map(|unit| (LIMIT, unit)).chain(rest).collect()
}

/// The line of a single tool's limit.
pub(super) fn tool_line(name: &ShortText) -> (&'static str, Unit) {
    (TOOL, Unit::Tool(name.clone()))
}

/// Whether the line says how a run was first opened.
pub(super) fn is_written(id: &str) -> bool {
    id == OPENED || id == LIMIT || id.strip_prefix(LIMIT).is_some_and(|rest| rest.starts_with(' '))
}

/// The run, at the head of a message.
pub(super) fn scope_text(scope: &Scope) -> String {
    format!("run {}", scope.name())
}

/// What the limit is called.
pub(super) fn label(id: &str, unit: &Unit) -> String {
    match (id, unit) {
        (UNTIL, _) => "deadline".into(),
        (KEPT, _) => format!("kept back, {unit}"),
        (TOOLS, _) => "tools limited by name".into(),
        (TOOL, Unit::Tool(name)) => format!("tool {name}"),
        (PART, _) => "carved part".into(),
        (SHARE, _) => "share of its parent".into(),
        (OBSERVES, _) => "enforcement".into(),
        (_, Unit::TimeMs) => "time limit".into(),
        (_, Unit::TokensOutput) => "output tokens per iteration".into(),
        _ => unit.to_string(),
    }
}

/// The limit as people write it, from the figure that is one more than it.
pub(super) fn shown(id: &str, unit: &Unit, figure: i64) -> String {
    if id == OBSERVES {
        return if figure > 0 { "limits that only observe" } else { "limits that refuse" }.into();
    }
    let Some(limit) = figure.checked_sub(1).filter(|limit| *limit >= 0) else { return "none".into() };
    match (id, unit) {
        (UNTIL, _) => from_millis(limit).to_string(),
        (TOOLS, _) => limit.to_string(),
        (SHARE, _) | (PART, Unit::Requests) => format!("{limit} %"),
        _ => unit.show(limit),
    }
}

/// The instant so long after 1970.
pub(super) fn from_millis(milliseconds: i64) -> Timestamp {
    Timestamp::from_nanos(milliseconds.saturating_mul(1_000_000))
}
