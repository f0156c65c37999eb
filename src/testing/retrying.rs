//! How does a client speak to a store far away? It sends again with the same id until it is answered.
//!
//! A client that gave up waiting does not know whether its command was executed. It must
//! not guess: sending again with a new id may charge twice, not sending may lose a
//! charge. Sending the *same* command with the same id is always safe, because the ledger
//! executes an id once. This small wrapper is that rule, and the model for a client of a
//! remote store.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use super::faulty::{Letter, Yield};
use crate::Scope;
use crate::ledger::{
    Answer, BudgetLedger, Capabilities, Entry, FrozenScope, MarkScope, PendingEvent, Reconcile, Record,
    Release, Reply, Reserve, Resize,
};
use crate::values::{Account, Balance, Period, Tenant, Timestamp};

/// Sends each command, word for word, until it is answered or enough attempts have
/// failed.
///
/// Only an error that [`is_retryable`](crate::Error::is_retryable) is followed by another
/// attempt: the answer was lost, or the store was away. The command bears its id, so the
/// ledger executes it once and gives the first outcome again, with present balances.
///
/// Two commands bear no id. A resize sets what it says, and a mark has been made or not.
/// Both may be sent again as long as one caller at a time commands a hold or a scope, and
/// the wire keeps the orders that [`FaultyLedger`](super::FaultyLedger) states.
///
/// The caller waits through all attempts: ten at most and no pause between them, unless
/// you say otherwise.
///
/// # Example: three attempts, and then the failure is the caller's
/// ```
/// use std::sync::Arc;
/// use token_budget::ledger::Tenant;
/// use token_budget::testing::{FaultyLedger, Odds, Retrying};
/// use token_budget::{BudgetLedger, MemoryLedger};
///
/// # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
/// # runtime.block_on(async {
/// let away = FaultyLedger::new(Arc::new(MemoryLedger::new()), 7).with_odds(Odds::AWAY);
/// let client = Retrying::new(away.clone()).attempts(3);
///
/// let error = client.marks(&Tenant::unnamed(), &[]).await.unwrap_err();
/// assert!(error.is_retryable());
/// assert_eq!(away.sent(), 3);
/// # });
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone)]
pub struct Retrying<L> {
    ledger: Arc<L>,
    attempts: u32,
    pause: Arc<dyn Fn(u32) -> Pause + Send + Sync>,
}

/// What is waited for between two attempts.
type Pause = Pin<Box<dyn Future<Output = ()> + Send>>;

impl<L: BudgetLedger> Retrying<L> {
    /// Makes ten attempts at most, which follow one another at once.
    #[must_use]
    pub fn new(ledger: L) -> Self {
        Self { ledger: Arc::new(ledger), attempts: 10, pause: Arc::new(|_| Box::pin(Yield(false))) }
    }

    /// Makes so many attempts at most; at least one.
    #[must_use]
    pub fn attempts(mut self, attempts: u32) -> Self {
        self.attempts = attempts.max(1);
        self
    }

    /// Waits for that future between two attempts; the closure is told how many attempts
    /// have failed, so that the pauses can grow.
    #[must_use]
    pub fn pausing<P>(mut self, pause: impl Fn(u32) -> P + Send + Sync + 'static) -> Self
    where
        P: Future<Output = ()> + Send + 'static,
    {
        self.pause = Arc::new(move |failed| Box::pin(pause(failed)));
        self
    }

    /// The ledger that the commands go to.
    pub fn ledger(&self) -> &L {
        &self.ledger
    }

    fn until_answered<T: Send + 'static>(
        &self,
        send: impl Fn(&dyn BudgetLedger) -> Answer<'static, T> + Send + 'static,
    ) -> Answer<'static, T> {
        let (ledger, attempts, pause) = (Arc::clone(&self.ledger), self.attempts, Arc::clone(&self.pause));
        Answer::begun(async move {
            for failed in 1..attempts {
                match send(&*ledger).await {
                    Err(error) if error.is_retryable() => pause(failed).await,
                    answer => return answer,
                }
            }
            send(&*ledger).await
        })
    }

    fn send(&self, letter: Letter) -> Answer<'static, Reply> {
        self.until_answered(move |ledger| letter.deliver(ledger))
    }
}

impl<L: BudgetLedger> BudgetLedger for Retrying<L> {
    /// None: who may have to send again must wait.
    fn now(&self) -> Option<Timestamp> {
        None
    }

    fn reserve(&self, command: Reserve<'_>) -> Answer<'static, Reply> {
        self.send(command.into())
    }

    fn reconcile(&self, command: Reconcile<'_>) -> Answer<'static, Reply> {
        self.send(command.into())
    }

    fn release(&self, command: Release<'_>) -> Answer<'static, Reply> {
        self.send(command.into())
    }

    fn resize(&self, command: Resize<'_>) -> Answer<'static, Reply> {
        self.send(command.into())
    }

    fn record(&self, command: Record<'_>) -> Answer<'static, Reply> {
        self.send(command.into())
    }

    fn mark(&self, command: MarkScope<'_>) -> Answer<'static, Reply> {
        self.send(command.into())
    }

    fn marks(&self, tenant: &Tenant, scopes: &[Scope]) -> Answer<'static, Vec<FrozenScope>> {
        let (tenant, scopes) = (tenant.clone(), scopes.to_vec());
        self.until_answered(move |ledger| ledger.marks(&tenant, &scopes))
    }

    fn balances(&self, lines: &[(Account, Period)]) -> Answer<'static, Vec<Balance>> {
        let lines = lines.to_vec();
        self.until_answered(move |ledger| ledger.balances(&lines))
    }

    fn entries(&self, tenant: &Tenant, from: u64, limit: usize) -> Answer<'static, Vec<Entry>> {
        let tenant = tenant.clone();
        self.until_answered(move |ledger| ledger.entries(&tenant, from, limit))
    }

    fn pending_events(&self, limit: usize) -> Answer<'static, Vec<PendingEvent>> {
        self.until_answered(move |ledger| ledger.pending_events(limit))
    }

    fn delivered(&self, events: &[PendingEvent]) -> Answer<'static, ()> {
        let events = events.to_vec();
        self.until_answered(move |ledger| ledger.delivered(&events))
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { ends_at_once: false, ..self.ledger.capabilities() }
    }
}

impl<L: fmt::Debug> fmt::Debug for Retrying<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Retrying").field("ledger", &self.ledger).field("attempts", &self.attempts).finish()
    }
}
