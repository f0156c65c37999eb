//! Where on its way does each oversight meet a command?

use token_budget::ledger::{
    Account, Answer, Balance, Capabilities, Entry, FrozenScope, Hold, MarkScope, PendingEvent, Reconcile,
    Record, Release, Reply, ReservationId, Reserve, Resize, Tenant,
};
use token_budget::time::{Period, Timestamp};
use token_budget::{BudgetLedger, Error, Scope};

use super::{Overlooking, Oversight};

impl BudgetLedger for Overlooking {
    fn now(&self) -> Option<Timestamp> {
        self.inner.now()
    }

    fn reserve(&self, command: Reserve<'_>) -> Answer<'static, Reply> {
        self.answered(command.claim.tenant(), self.reserve_as_it_does(command))
    }

    fn reconcile(&self, command: Reconcile<'_>) -> Answer<'static, Reply> {
        let answer = || -> Result<Reply, Error> {
            self.check_words(("reconcile", command.id), command.attribution, command.note)?;
            let claim = self.claim(command.claim);
            let id = self.id_on(command.id, &claim)?;
            self.inner.reconcile(Reconcile { id, claim: &claim, ..command }).wait()
        };
        self.answered(command.claim.tenant(), answer())
    }

    fn release(&self, command: Release<'_>) -> Answer<'static, Reply> {
        let answer = || -> Result<Reply, Error> {
            self.check_words(("release", command.id), command.attribution, command.note)?;
            self.inner.release(Release { id: self.id(command.id)?, ..command }).wait()
        };
        self.answered(command.tenant, answer())
    }

    fn resize(&self, command: Resize<'_>) -> Answer<'static, Reply> {
        self.answered(command.claim.tenant(), self.resize_as_it_does(command))
    }

    fn record(&self, command: Record<'_>) -> Answer<'static, Reply> {
        let answer = || -> Result<Reply, Error> {
            self.check_words(("record", command.id), Some(command.attribution), command.note)?;
            let claim = self.claim(command.claim);
            let id = self.id_on(command.id, &claim)?;
            let (id, used_at) = self.row(id, command.used_at);
            let corrects = command.corrects.map(|id| self.id(id)).transpose()?;
            self.inner.record(Record { id, used_at, claim: &claim, corrects, ..command }).wait()
        };
        self.answered(command.claim.tenant(), answer())
    }

    fn mark(&self, command: MarkScope<'_>) -> Answer<'static, Reply> {
        self.answered(command.tenant, self.mark_as_it_does(command))
    }

    fn marks(&self, tenant: &Tenant, scopes: &[Scope]) -> Answer<'static, Vec<FrozenScope>> {
        let answer = || -> Result<Vec<FrozenScope>, Error> {
            let mut marks = self.inner.marks(tenant, scopes).wait()?;
            marks.iter_mut().for_each(|mark| self.dress(mark));
            Ok(marks)
        };
        answer().into()
    }

    fn hold(&self, tenant: &Tenant, id: ReservationId) -> Answer<'static, Option<Hold>> {
        let answer = || -> Result<Option<Hold>, Error> {
            let mut hold = self.inner.hold(tenant, self.id(id)?).wait()?;
            if let Some(hold) = hold.as_mut().filter(|_| self.is(Oversight::ShowsTheFirst32Lines)) {
                hold.lines.truncate(32);
            }
            Ok(hold)
        };
        answer().into()
    }

    fn balances(&self, lines: &[(Account, Period)]) -> Answer<'static, Vec<Balance>> {
        let balances = self.read(lines);
        // Reading may have ended a hold, with an entry.
        lines.iter().for_each(|(account, _)| self.note_instants(account.tenant()));
        balances.into()
    }

    fn entries(&self, tenant: &Tenant, from: u64, limit: usize) -> Answer<'static, Vec<Entry>> {
        let answer = || -> Result<Vec<Entry>, Error> {
            let entries = self.inner.entries(tenant, from, limit).wait()?;
            Ok(entries.into_iter().map(|entry| self.entry(tenant, entry)).collect())
        };
        answer().into()
    }

    fn pending_events(&self, limit: usize) -> Answer<'static, Vec<PendingEvent>> {
        self.inner.pending_events(limit)
    }

    fn delivered(&self, events: &[PendingEvent]) -> Answer<'static, ()> {
        self.inner.delivered(events)
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }
}
