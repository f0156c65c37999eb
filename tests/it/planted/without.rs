//! What does a ledger look like that leaves something out? Another one, which says `Unsupported` to what it leaves out.

use token_budget::ledger::{
    Account, Answer, Balance, Capabilities, Claim, Entry, FrozenScope, Hold, MarkScope, PendingEvent,
    Reconcile, Record, Release, Reply, ReservationId, Reserve, Resize, Tenant,
};
use token_budget::testing::conformance::Need;
use token_budget::time::{Period, Timestamp};
use token_budget::{BudgetLedger, Error, ErrorKind, Scope};

/// That ledger, without some kinds of commands.
#[derive(Debug)]
pub(super) struct Without<L> {
    inner: L,
    left_out: Vec<Need>,
}

impl<L: BudgetLedger> Without<L> {
    pub(super) fn new(inner: L, left_out: &[Need]) -> Self {
        Self { inner, left_out: left_out.to_vec() }
    }

    /// What it says to a command that needs this; nothing if it offers it.
    fn refusal<T: Send>(&self, need: Need) -> Option<Answer<'static, T>> {
        let text = || format!("{need:?} is not offered");
        self.left_out.contains(&need).then(|| Answer::Now(Err(Error::new(ErrorKind::Unsupported, text()))))
    }

    /// What it says to lines that it does not know how to count.
    fn refused_lines<T: Send>(&self, claim: &Claim) -> Option<Answer<'static, T>> {
        let rolls = claim.lines().iter().any(|line| line.period.span > 1);
        let watched = claim.lines().iter().any(|line| !line.thresholds.is_empty());
        let needs = [(rolls, Need::Rolling), (watched, Need::Thresholds)];
        needs.into_iter().filter(|(asked, _)| *asked).find_map(|(_, need)| self.refusal(need))
    }
}

impl<L: BudgetLedger> BudgetLedger for Without<L> {
    fn now(&self) -> Option<Timestamp> {
        self.inner.now()
    }

    fn reserve(&self, command: Reserve<'_>) -> Answer<'static, Reply> {
        self.refused_lines(command.claim).unwrap_or_else(|| self.inner.reserve(command))
    }

    fn reconcile(&self, command: Reconcile<'_>) -> Answer<'static, Reply> {
        self.refused_lines(command.claim).unwrap_or_else(|| self.inner.reconcile(command))
    }

    fn release(&self, command: Release<'_>) -> Answer<'static, Reply> {
        self.inner.release(command)
    }

    fn resize(&self, command: Resize<'_>) -> Answer<'static, Reply> {
        let refused = self.refusal(Need::Resizing).or_else(|| self.refused_lines(command.claim));
        refused.unwrap_or_else(|| self.inner.resize(command))
    }

    fn record(&self, command: Record<'_>) -> Answer<'static, Reply> {
        let refunds = command.amounts.iter().any(|amount| *amount < 0);
        let refused = if refunds { self.refusal(Need::Refunds) } else { None };
        let refused = refused.or_else(|| self.refusal(Need::Postings));
        let refused = refused.or_else(|| self.refused_lines(command.claim));
        refused.unwrap_or_else(|| self.inner.record(command))
    }

    fn mark(&self, command: MarkScope<'_>) -> Answer<'static, Reply> {
        self.refusal(Need::Marks).unwrap_or_else(|| self.inner.mark(command))
    }

    fn marks(&self, tenant: &Tenant, scopes: &[Scope]) -> Answer<'static, Vec<FrozenScope>> {
        self.refusal(Need::Marks).unwrap_or_else(|| self.inner.marks(tenant, scopes))
    }

    fn hold(&self, tenant: &Tenant, id: ReservationId) -> Answer<'static, Option<Hold>> {
        self.inner.hold(tenant, id)
    }

    fn balances(&self, lines: &[(Account, Period)]) -> Answer<'static, Vec<Balance>> {
        self.inner.balances(lines)
    }

    fn entries(&self, tenant: &Tenant, from: u64, limit: usize) -> Answer<'static, Vec<Entry>> {
        self.inner.entries(tenant, from, limit)
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
