//! How does a command reach the ledger's thread?
//!
//! Commands are copied, so that they can cross to another thread and outlive a caller that leaves. A caller that
//! stops waiting before the work begins has asked nothing; later, all of it is done, and a repeat tells.
//!
//! Copying a command costs next to nothing beside a sync. In return no caller holds a lock or
//! a transaction: a future that is dropped can leave nothing half done.

use super::SqliteLedger;
use crate::Scope;
use crate::ledger::{
    Answer, BudgetLedger, Capabilities, Entry, FrozenScope, MarkScope, OnExpiry, PendingEvent, Reconcile,
    Record, Release, Reply, Reserve, Resize,
};
use crate::values::{Account, Balance, Period, Tenant, Timestamp};

impl BudgetLedger for SqliteLedger {
    /// None: other processes write the file, too, and its thread alone knows how far time has come there.
    fn now(&self) -> Option<Timestamp> {
        None
    }

    fn reserve(&self, command: Reserve<'_>) -> Answer<'static, Reply> {
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
            books.reserve(&Reserve { id, claim, amounts, expires_at, on_expiry, note, now: None })
        })
    }

    fn reconcile(&self, command: Reconcile<'_>) -> Answer<'static, Reply> {
        let Reconcile { id, certainty, .. } = command;
        let (claim, amounts, note) = (command.claim.clone(), command.amounts.to_vec(), command.note.clone());
        self.ask(move |books| {
            books.reconcile(&Reconcile {
                id,
                claim: &claim,
                amounts: &amounts,
                certainty,
                note: &note,
                now: None,
            })
        })
    }

    fn release(&self, command: Release<'_>) -> Answer<'static, Reply> {
        let id = command.id;
        let (tenant, attribution, note) =
            (command.tenant.clone(), command.attribution.cloned(), command.note.clone());
        self.ask(move |books| {
            books.release(&Release {
                id,
                tenant: &tenant,
                attribution: attribution.as_ref(),
                note: &note,
                now: None,
            })
        })
    }

    fn resize(&self, command: Resize<'_>) -> Answer<'static, Reply> {
        let Resize { id, expires_at, .. } = command;
        let (claim, amounts) = (command.claim.clone(), command.amounts.to_vec());
        self.ask(move |books| {
            books.resize(&Resize { id, claim: &claim, amounts: &amounts, expires_at, now: None })
        })
    }

    fn record(&self, command: Record<'_>) -> Answer<'static, Reply> {
        let Record { id, corrects, .. } = command;
        let (claim, amounts) = (command.claim.clone(), command.amounts.to_vec());
        let (attribution, note) = (command.attribution.clone(), command.note.clone());
        self.ask(move |books| {
            let (claim, amounts, attribution, note) = (&claim, amounts.as_slice(), &attribution, &note);
            books.record(&Record { id, claim, amounts, corrects, attribution, note, now: None })
        })
    }

    fn mark(&self, command: MarkScope<'_>) -> Answer<'static, Reply> {
        let action = command.action;
        let (tenant, scope, attribution) =
            (command.tenant.clone(), command.scope.clone(), command.attribution.clone());
        self.ask(move |books| {
            books.mark(&MarkScope {
                tenant: &tenant,
                scope: &scope,
                action,
                attribution: &attribution,
                now: None,
            })
        })
    }

    fn marks(&self, tenant: &Tenant, scopes: &[Scope]) -> Answer<'static, Vec<FrozenScope>> {
        let (tenant, scopes) = (tenant.clone(), scopes.to_vec());
        self.ask(move |books| books.marks(&tenant, &scopes))
    }

    fn balances(&self, lines: &[(Account, Period)]) -> Answer<'static, Vec<Balance>> {
        let lines = lines.to_vec();
        self.ask(move |books| books.balances(&lines))
    }

    fn entries(&self, tenant: &Tenant, from: u64, limit: usize) -> Answer<'static, Vec<Entry>> {
        let tenant = tenant.clone();
        self.ask(move |books| books.entries(&tenant, from, limit))
    }

    fn pending_events(&self, limit: usize) -> Answer<'static, Vec<PendingEvent>> {
        self.ask(move |books| books.pending_events(limit))
    }

    fn delivered(&self, events: &[PendingEvent]) -> Answer<'static, ()> {
        let events = events.to_vec();
        self.ask(move |books| books.delivered(&events))
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            durable: true,
            shared: true,
            remembers: self.0.options.remembers,
            ends_at_once: false,
            journal_entries: None,
        }
    }
}
