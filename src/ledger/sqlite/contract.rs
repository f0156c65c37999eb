//! How does a command reach the ledger's thread?
//!
//! Commands are copied, so that they can cross to another thread and outlive a caller that leaves. A caller that
//! stops waiting before the work begins has asked nothing; later, all of it is done, and a repeat tells.
//!
//! Copying a command costs next to nothing beside a sync. In return no caller holds a lock or
//! a transaction: a future that is dropped can leave nothing half done.

use async_trait::async_trait;

use super::SqliteLedger;
use crate::ledger::{
    BudgetLedger, Capabilities, Entry, Frozen, ImmediateLedger, MarkScope, OnExpiry, PendingEvent, Reconcile,
    Record, Release, Reply, Reserve, Resize,
};
use crate::values::{Account, Balance, Period, Tenant};
use crate::{Error, Scope};

#[async_trait]
impl BudgetLedger for SqliteLedger {
    async fn reserve(&self, command: Reserve<'_>) -> Result<Reply, Error> {
        let Reserve { id, expires_at, .. } = command;
        let (claim, amounts, note) = (command.claim.clone(), command.amounts.to_vec(), command.note.clone());
        let (holds, charge) = match command.on_expiry {
            OnExpiry::Nothing => (false, None),
            OnExpiry::Hold => (true, None),
            OnExpiry::Amounts(amounts) => (false, Some(amounts.to_vec())),
        };
        self.ask(move |books| {
            let on_expiry = match &charge {
                Some(amounts) => OnExpiry::Amounts(amounts),
                None if holds => OnExpiry::Hold,
                None => OnExpiry::Nothing,
            };
            let (claim, amounts, note) = (&claim, amounts.as_slice(), &note);
            books.reserve(&Reserve { id, claim, amounts, expires_at, on_expiry, note })
        })
        .await
    }

    async fn reconcile(&self, command: Reconcile<'_>) -> Result<Reply, Error> {
        let Reconcile { id, certainty, .. } = command;
        let (claim, amounts, note) = (command.claim.clone(), command.amounts.to_vec(), command.note.clone());
        self.ask(move |books| {
            books.reconcile(&Reconcile { id, claim: &claim, amounts: &amounts, certainty, note: &note })
        })
        .await
    }

    async fn release(&self, command: Release<'_>) -> Result<Reply, Error> {
        let id = command.id;
        let (tenant, attribution, note) =
            (command.tenant.clone(), command.attribution.cloned(), command.note.clone());
        self.ask(move |books| {
            books.release(&Release { id, tenant: &tenant, attribution: attribution.as_ref(), note: &note })
        })
        .await
    }

    async fn resize(&self, command: Resize<'_>) -> Result<Reply, Error> {
        let Resize { id, expires_at, .. } = command;
        let (claim, amounts) = (command.claim.clone(), command.amounts.to_vec());
        self.ask(move |books| books.resize(&Resize { id, claim: &claim, amounts: &amounts, expires_at }))
            .await
    }

    async fn record(&self, command: Record<'_>) -> Result<Reply, Error> {
        let Record { id, corrects, .. } = command;
        let (claim, amounts) = (command.claim.clone(), command.amounts.to_vec());
        let (attribution, note) = (command.attribution.clone(), command.note.clone());
        self.ask(move |books| {
            let (claim, amounts, attribution, note) = (&claim, amounts.as_slice(), &attribution, &note);
            books.record(&Record { id, claim, amounts, corrects, attribution, note })
        })
        .await
    }

    async fn mark(&self, command: MarkScope<'_>) -> Result<Reply, Error> {
        let action = command.action;
        let (tenant, scope, attribution) =
            (command.tenant.clone(), command.scope.clone(), command.attribution.clone());
        self.ask(move |books| {
            books.mark(&MarkScope { tenant: &tenant, scope: &scope, action, attribution: &attribution })
        })
        .await
    }

    async fn marks(&self, tenant: &Tenant, scopes: &[Scope]) -> Result<Vec<Frozen>, Error> {
        let (tenant, scopes) = (tenant.clone(), scopes.to_vec());
        self.ask(move |books| books.marks(&tenant, &scopes)).await
    }

    async fn balances(&self, lines: &[(Account, Period)]) -> Result<Vec<Balance>, Error> {
        let lines = lines.to_vec();
        self.ask(move |books| books.balances(&lines)).await
    }

    async fn entries(&self, tenant: &Tenant, from: u64, limit: usize) -> Result<Vec<Entry>, Error> {
        let tenant = tenant.clone();
        self.ask(move |books| books.entries(&tenant, from, limit)).await
    }

    async fn pending_events(&self, limit: usize) -> Result<Vec<PendingEvent>, Error> {
        self.ask(move |books| books.pending_events(limit)).await
    }

    async fn delivered(&self, events: &[PendingEvent]) -> Result<(), Error> {
        let events = events.to_vec();
        self.ask(move |books| books.delivered(&events)).await
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            durable: true,
            shared: true,
            remembers: self.0.options.remembers,
            journal_entries: None,
        }
    }

    fn immediate(&self) -> Option<&dyn ImmediateLedger> {
        None
    }
}
