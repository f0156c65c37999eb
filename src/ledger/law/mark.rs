//! Which scopes admit nothing, and why?

use super::{Balances, Looked, Page, Written, reply};
use crate::Scope;
use crate::ledger::rules::mark_counts;
use crate::ledger::{EntryKind, FrozenScope, MarkScope, Outcome, Reply};
use crate::values::{Claim, ReservationId};

/// Freezes, stops, closes or reopens a scope. A mark that changes nothing is a repeat, without an entry.
pub(crate) fn mark<P: Page>(page: &mut P, command: &MarkScope<'_>) -> Looked<Reply, P> {
    let known = page.frozen(command.scope)?.map(|frozen| frozen.action);
    let counts = mark_counts(known, command.action);
    if counts {
        page.set_mark(command);
        let id = ReservationId::generate(page.now());
        let entry = Written::bare(EntryKind::Marked(command.action), id);
        let (attribution, scope) = (Some(command.attribution), Some(command.scope));
        page.write(Written { attribution, scope, ..entry }, &[]);
    }
    Ok(Reply { repeated: !counts, ..reply(page, Outcome::Applied, Balances::new()) })
}

/// The marks that stand on the claim's scopes: those that refuse, and whether any does.
pub(super) struct Marks {
    /// Marks on scopes whose freeze refuses.
    refusing: Vec<FrozenScope>,
    /// Marks on scopes that only observe.
    observed: Vec<FrozenScope>,
}

impl Marks {
    pub(super) fn look<P: Page>(page: &P, claim: &Claim) -> Looked<Self, P> {
        let refusing = look_at(page, claim.scopes())?;
        Ok(Self { refusing, observed: look_at(page, claim.scopes_observed())? })
    }

    /// Whether a scope refuses.
    pub(super) fn refuse(&self) -> bool {
        !self.refusing.is_empty()
    }

    /// Tells of the marks that refuse nothing, beside an admission.
    pub(super) fn tell_observed<P: Page>(self, page: &mut P) {
        if !self.observed.is_empty() {
            page.effects().frozen = self.observed;
        }
    }

    /// Tells of all marks, beside a refusal: those that refuse first.
    pub(super) fn tell<P: Page>(self, page: &mut P) {
        if self.refuse() || !self.observed.is_empty() {
            page.effects().frozen = self.refusing.into_iter().chain(self.observed).collect();
        }
    }
}

fn look_at<P: Page>(page: &P, scopes: &[Scope]) -> Looked<Vec<FrozenScope>, P> {
    let mut marks = Vec::new();
    for scope in scopes {
        marks.extend(page.frozen(scope)?);
    }
    Ok(marks)
}
