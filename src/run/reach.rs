//! Can a call of a run this deep be held at all?
//!
//! A call is held on all its lines in one command, and a command carries 255. A run has three lines for a call, and each run above
//! it six: three of its own, and three that tell apart what runs below it took. So a run 42 deep binds 3 + 6 × 42 = 255, where the
//! policy has nothing to add. One deeper would open, be counted and written down, and then have every call refused; it is refused
//! when it is begun.
//!
//! A part of a run's own shields the runs above from its unit, and saves two lines of each. A run that stands already is opened
//! all the same, whatever the policy has become: somebody may want to stop or close it.

use std::sync::Arc;

use super::limits::LimitView;
use super::opened::Opened;
use super::part::RunPart;
use super::written_words::scope_text;
use crate::policy::{Budget, Selector};
use crate::values::Unit;
use crate::values::claim::CLAIM_LINES_MAX;
use crate::{Enforcer, Error};

/// Refuses to begin a run whose calls could never be held, by the lines that bind every call of it.
///
/// The part that it asks for is not taken yet. Budgets for one model, and those of whom only the call names, come on top.
pub(super) fn check(enforcer: &Enforcer, run: &Opened, part: Option<RunPart>) -> Result<(), Error> {
    let carved = part.map(|part| match part {
        RunPart::Tokens(_) => Unit::Tokens,
        RunPart::Usd(_) | RunPart::Percent(_) => Unit::Usd,
    });
    let is_shielded = |line: &Budget| {
        let is_own = matches!(&line.selector, Selector::Scope(scope) if scope == run.scope());
        !is_own && carved.as_ref() == Some(&line.unit)
    };
    let lines = run.call_lines(LimitView::default()).into_iter().filter(|line| !is_shielded(line));
    let lines: Vec<Arc<Budget>> = lines.map(Arc::new).collect();
    let call = run.charged(run.charge.clone());
    let bound = enforcer.policy().terms_with(&call, &lines, Some(&enforcer.prices()), enforcer.now())?.len();
    if bound <= CLAIM_LINES_MAX {
        return Ok(());
    }
    let (above, own) = (run.chain().skip(1).count(), lines.len());
    let of_policy = bound.saturating_sub(own);
    let (place, whose, cure) = match above {
        0 => (String::new(), "", "charge fewer that have budgets"),
        _ => (format!("lies {above} runs deep, and "), " and of all runs above it", "begin it higher up"),
    };
    let problem = format!(
        "{place}no call of it could be held: a call would bind {bound} lines, {own} of the run{whose} and {of_policy} of \
         the policy, and can bind {CLAIM_LINES_MAX}; {cure}"
    );
    Err(Error::invalid(&scope_text(run.scope()), problem))
}
