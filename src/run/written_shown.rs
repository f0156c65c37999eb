//! How are the limits shown that a run was first opened with?
//!
//! For the one message that needs it: an opening with other limits is told which limit differs, what it was, and what was asked for.

use super::written::{KEPT, OBSERVES, PART, SHARE, TOOL, TOOLS, UNTIL, from_millis};
use crate::Scope;
use crate::values::Unit;

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
