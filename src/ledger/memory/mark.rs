//! Which scopes admit nothing? Freezing, stopping, closing and reopening.

use super::book::{Balances, NewEntry, TenantBook};
use crate::ledger::rules::mark_counts;
use crate::ledger::{EntryKind, FrozenScope, MarkAction, MarkScope, Note, Outcome, Reply};
use crate::values::{Claim, ReservationId, ScopeKind};
use crate::{Error, ErrorKind, Scope};

impl TenantBook {
    /// Marks a scope, unless a mark stands there that is as strong. A closed run whose books are gone is not reopened.
    pub(super) fn mark(&mut self, command: &MarkScope<'_>) -> Result<Reply, Error> {
        if command.action == MarkAction::Reopen && self.closed.covers(command.scope) {
            let text =
                format!("{} was closed, and its books are kept no more; begin another run", command.scope);
            return Err(Error::new(ErrorKind::State, text));
        }
        let known = self.mark_on(command.scope).map(|frozen| frozen.action);
        let repeated = !mark_counts(known, command.action);
        if !repeated {
            if command.action == MarkAction::Reopen {
                self.marks.remove(command.scope);
            } else {
                let frozen = FrozenScope {
                    scope: command.scope.clone(),
                    action: command.action,
                    since: self.now,
                    attribution: command.attribution.clone(),
                };
                self.marks.insert(command.scope.clone(), frozen);
                if command.action == MarkAction::Close {
                    self.closed.wait(command.scope, self.now);
                }
            }
            let id = ReservationId::generate(self.now);
            let (kind, attribution) = (EntryKind::Marked(command.action), Some(command.attribution));
            self.post(&NewEntry { kind, id, note: &Note::NONE, attribution }, &[]);
        }
        Ok(Reply { repeated, ..self.reply(Outcome::Applied, Balances::new()) })
    }

    /// The mark that stands on that scope.
    pub(super) fn mark_on(&self, scope: &Scope) -> Option<FrozenScope> {
        self.marks.get(scope).cloned().or_else(|| self.closed.mark(scope))
    }

    /// Whether a mark stands on that scope.
    pub(super) fn is_marked(&self, scope: &Scope) -> bool {
        self.marks.contains_key(scope) || self.closed.covers(scope)
    }

    /// Whether it is plain that no mark stands on any scope of the claim.
    #[inline]
    pub(super) fn admits_any(&self, claim: &Claim) -> bool {
        self.marks.is_empty() && (self.closed.is_empty() || names_no_run(claim))
    }
}

#[cold]
fn names_no_run(claim: &Claim) -> bool {
    claim.scopes_all().all(|scope| scope.kind() != &ScopeKind::Run)
}
