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
use super::relay::Relay;
use crate::ledger::{Answer, BudgetLedger, Reply};

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
}

impl<L: BudgetLedger> Relay for Retrying<L> {
    fn far(&self) -> &dyn BudgetLedger {
        &*self.ledger
    }

    fn send(&self, letter: Letter) -> Answer<'static, Reply> {
        self.ask(move |ledger| letter.deliver(ledger))
    }

    fn ask<T: Send + 'static>(
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
}

impl<L: fmt::Debug> fmt::Debug for Retrying<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Retrying").field("ledger", &self.ledger).field("attempts", &self.attempts).finish()
    }
}
