//! What does this ledger tell and show, and when does it say that it was?

use std::sync::Arc;

use token_budget::ledger::{
    Account, Attribution, Balance, Entry, FrozenScope, MarkAction, MarkScope, Reply, Tenant,
};
use token_budget::time::Period;
use token_budget::{BudgetLedger, Clock, Error, ErrorKind};

use super::{Overlooking, Oversight, cut};

impl Overlooking {
    /// The reply as this ledger gives it.
    pub(super) fn reply(&self, tenant: &Tenant, mut reply: Reply) -> Reply {
        if self.is(Oversight::TellsExpiriesToWhoeverAsks) {
            let others: Vec<Tenant> =
                self.notes.lock().tenants.iter().filter(|it| *it != tenant).cloned().collect();
            let replies = others.iter().filter_map(|other| self.effects_of(other));
            let expired: Vec<_> =
                replies.flat_map(|reply| reply.effects.unwrap_or_default().expired).collect();
            if !expired.is_empty() {
                reply.effects.get_or_insert_default().expired.extend(expired);
            }
        }
        if let Some(effects) = reply.effects.as_deref_mut() {
            effects.frozen.iter_mut().for_each(|frozen| self.dress(frozen));
            if self.is(Oversight::NamesTheFirstFrozenScope) {
                effects.frozen.truncate(1);
            }
        }
        reply
    }

    /// What another tenant's next answer would tell: reopening what is open changes nothing.
    fn effects_of(&self, tenant: &Tenant) -> Option<Reply> {
        let scope = token_budget::Scope::team("nobody").expect("a name");
        let attribution = &Attribution::new("nobody", "to hear its effects");
        let mark = MarkScope { tenant, scope: &scope, action: MarkAction::Reopen, attribution, now: None };
        self.inner.mark(mark).wait().ok()
    }

    pub(super) fn error(&self, error: Error) -> Error {
        match self.oversight {
            Oversight::DatesErrorsByTheMachine => error.with_ledger_time(self.clock.now()),
            Oversight::SaysNoInstantWithAConflict if error.kind() == ErrorKind::Conflict => {
                Error::new(error.kind(), error.to_string())
            }
            _ => error,
        }
    }

    /// A mark as this ledger shows it.
    pub(super) fn dress(&self, frozen: &mut FrozenScope) {
        match self.oversight {
            Oversight::CutsReasonsOfMarks => frozen.attribution = short(&frozen.attribution),
            Oversight::DatesMarksByTheMachine => {
                let at = self.notes.lock().marked.get(&frozen.scope).copied();
                frozen.since = at.unwrap_or(frozen.since);
            }
            _ => {}
        }
    }

    /// Notes what the machine's clock shows for each entry that is new.
    pub(super) fn note_instants(&self, tenant: &Tenant) {
        let mut notes = self.notes.lock();
        if !notes.tenants.contains(tenant) {
            notes.tenants.push(tenant.clone());
        }
        if !self.is(Oversight::DatesEntriesByTheMachine) {
            return;
        }
        let instants = notes.instants.entry(tenant.name().to_owned()).or_default();
        let written = self.inner.entries(tenant, instants.len() as u64 + 1, usize::MAX).wait();
        let last = written.ok().and_then(|written| written.last().map(|entry| entry.sequence));
        let count = last.map_or(instants.len(), |last| usize::try_from(last).expect("a few entries"));
        instants.resize(count.max(instants.len()), self.clock.now());
    }

    /// An entry as this ledger shows it.
    pub(super) fn entry(&self, tenant: &Tenant, mut entry: Entry) -> Entry {
        match self.oversight {
            Oversight::DatesEntriesByTheMachine => {
                let notes = self.notes.lock();
                let place = usize::try_from(entry.sequence).expect("a few entries").saturating_sub(1);
                let at = notes.instants.get(tenant.name()).and_then(|instants| instants.get(place));
                entry.at = at.copied().unwrap_or(entry.at);
            }
            Oversight::KeepsFourTags => {
                if let Some(about) = &mut entry.note.about {
                    Arc::make_mut(about).tags.truncate(4);
                }
            }
            Oversight::CutsReasonsInTheJournal => entry.attribution = entry.attribution.as_ref().map(short),
            _ => {}
        }
        entry
    }

    /// Balances as this ledger reads them.
    pub(super) fn read(&self, lines: &[(Account, Period)]) -> Result<Vec<Balance>, Error> {
        let asked: Vec<_> = lines.iter().map(|(account, period)| (self.account(account), *period)).collect();
        let first = |account: &Account| asked.iter().position(|(known, _)| known == account).expect("itself");
        let mut lines = asked.clone();
        if self.is(Oversight::ReadsAnAccountInItsFirstPeriod) {
            for (account, period) in &mut lines {
                *period = asked[first(account)].1;
            }
        }
        let mut balances = self.inner.balances(&lines).wait()?;
        if self.is(Oversight::ReadsAnAccountOnce) {
            for (place, balance) in balances.iter_mut().enumerate() {
                if first(&asked[place].0) != place {
                    *balance = Balance::default();
                }
            }
        }
        Ok(balances)
    }

    /// Marks as this ledger takes them.
    pub(super) fn mark_as_it_does(&self, command: MarkScope<'_>) -> Result<Reply, Error> {
        let standing = self.inner.marks(command.tenant, std::slice::from_ref(command.scope)).wait()?;
        let replaces = !standing.is_empty() && command.action != MarkAction::Reopen;
        let action = match self.oversight {
            Oversight::KeepsTheFirstMark if replaces => MarkAction::Freeze,
            Oversight::TakesTheLatestMark if replaces => {
                self.inner.mark(MarkScope { action: MarkAction::Reopen, ..command }).wait()?;
                command.action
            }
            _ => command.action,
        };
        let reply = self.inner.mark(MarkScope { action, ..command }).wait()?;
        if !reply.repeated {
            self.notes.lock().marked.insert(command.scope.clone(), self.clock.now());
        }
        Ok(reply)
    }
}

/// A signature whose reason is cut.
fn short(attribution: &Attribution) -> Attribution {
    Attribution::new(attribution.by.clone(), cut(&attribution.reason, 64))
}
