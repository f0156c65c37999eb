//! How does a command reach the ledger's thread?
//!
//! Commands are copied, so that they can go there and outlive a caller that leaves.

use async_trait::async_trait;

use super::SqliteLedger;
use crate::ledger::{
    BudgetLedger, Capabilities, Entry, Frozen, ImmediateLedger, MarkScope, OnExpiry, PendingEvent, Reconcile,
    Record, Release, Reply, Reserve, Resize,
};
use crate::{Account, Balance, Error, Period, Root, Scope};

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
        let Reconcile { id, rank, .. } = command;
        let (claim, amounts, note) = (command.claim.clone(), command.amounts.to_vec(), command.note.clone());
        self.ask(move |books| {
            books.reconcile(&Reconcile { id, claim: &claim, amounts: &amounts, rank, note: &note })
        })
        .await
    }

    async fn release(&self, command: Release<'_>) -> Result<Reply, Error> {
        let id = command.id;
        let (root, signature, note) =
            (command.root.clone(), command.signature.cloned(), command.note.clone());
        self.ask(move |books| {
            books.release(&Release { id, root: &root, signature: signature.as_ref(), note: &note })
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
        let (signature, note) = (command.signature.clone(), command.note.clone());
        self.ask(move |books| {
            let (claim, amounts, signature, note) = (&claim, amounts.as_slice(), &signature, &note);
            books.record(&Record { id, claim, amounts, corrects, signature, note })
        })
        .await
    }

    async fn mark(&self, command: MarkScope<'_>) -> Result<Reply, Error> {
        let action = command.action;
        let (root, scope, signature) =
            (command.root.clone(), command.scope.clone(), command.signature.clone());
        self.ask(move |books| {
            books.mark(&MarkScope { root: &root, scope: &scope, action, signature: &signature })
        })
        .await
    }

    async fn marks(&self, root: &Root, scopes: &[Scope]) -> Result<Vec<Frozen>, Error> {
        let (root, scopes) = (root.clone(), scopes.to_vec());
        self.ask(move |books| books.marks(&root, &scopes)).await
    }

    async fn balances(&self, lines: &[(Account, Period)]) -> Result<Vec<Balance>, Error> {
        let lines = lines.to_vec();
        self.ask(move |books| books.balances(&lines)).await
    }

    async fn entries(&self, root: &Root, from: u64, limit: usize) -> Result<Vec<Entry>, Error> {
        let root = root.clone();
        self.ask(move |books| books.entries(&root, from, limit)).await
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
