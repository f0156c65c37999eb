//! What does a ledger have to say that only stands in front of another?

use std::fmt::Debug;

use super::faulty::Letter;
use crate::Scope;
use crate::ledger::{
    Answer, BudgetLedger, Capabilities, Entry, FrozenScope, Hold, MarkScope, PendingEvent, Reconcile, Record,
    Release, Reply, Reserve, Resize,
};
use crate::values::{Account, Balance, Period, ReservationId, Tenant, Timestamp};

/// A ledger that passes everything on to one further away, and says how: whatever implements this is a [`BudgetLedger`].
///
/// Commands come as a [`Letter`], reads as a closure; both own what they need, and both may be sent more than once. The instant
/// of the ledger behind it is never at hand, and what ends there must be waited for.
///
/// # Example: a wire that counts what goes over it
/// ```
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicU64, Ordering};
/// use token_budget::ledger::{Answer, Reply};
/// use token_budget::testing::{Letter, Relay};
/// use token_budget::{Budget, BudgetLedger, Call, Enforcer, MemoryLedger, Policy, Scope, Usd, Window};
///
/// #[derive(Debug, Default)]
/// struct Counting(MemoryLedger, Arc<AtomicU64>);
///
/// impl Relay for Counting {
///     fn far(&self) -> &dyn BudgetLedger {
///         &self.0
///     }
///     fn send(&self, letter: Letter) -> Answer<'static, Reply> {
///         self.1.fetch_add(1, Ordering::SeqCst);
///         letter.deliver(&self.0)
///     }
///     fn ask<T: Send + 'static>(
///         &self,
///         read: impl Fn(&dyn BudgetLedger) -> Answer<'static, T> + Send + 'static,
///     ) -> Answer<'static, T> {
///         read(&self.0)
///     }
/// }
///
/// let ledger = Counting::default();
/// let sent = Arc::clone(&ledger.1);
/// let budget = Budget::usd("search", Scope::team("search")?, Usd::dollars(1), Window::day());
/// let enforcer = Enforcer::builder().policy(Policy::new([budget])?).ledger(ledger).build();
///
/// let call = Call::new("gpt-4o").team("search").input_tokens(10).output_tokens(10);
/// drop(enforcer.reserve(&call).wait()?); // reserved, and released
/// enforcer.flush().wait()?;
/// assert_eq!(sent.load(Ordering::SeqCst), 2);
/// # Ok::<(), token_budget::Error>(())
/// ```
pub trait Relay: Debug + Send + Sync + 'static {
    /// The ledger behind it.
    fn far(&self) -> &dyn BudgetLedger;
    /// Passes a command on.
    fn send(&self, letter: Letter) -> Answer<'static, Reply>;
    /// Passes a read on.
    fn ask<T: Send + 'static>(
        &self,
        read: impl Fn(&dyn BudgetLedger) -> Answer<'static, T> + Send + 'static,
    ) -> Answer<'static, T>;
}

impl<R: Relay> BudgetLedger for R {
    /// None: what is further away must be waited for.
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
        self.ask(move |ledger| ledger.marks(&tenant, &scopes))
    }

    fn hold(&self, tenant: &Tenant, id: ReservationId) -> Answer<'static, Option<Hold>> {
        let tenant = tenant.clone();
        self.ask(move |ledger| ledger.hold(&tenant, id))
    }

    fn balances(&self, lines: &[(Account, Period)]) -> Answer<'static, Vec<Balance>> {
        let lines = lines.to_vec();
        self.ask(move |ledger| ledger.balances(&lines))
    }

    fn entries(&self, tenant: &Tenant, from: u64, limit: usize) -> Answer<'static, Vec<Entry>> {
        let tenant = tenant.clone();
        self.ask(move |ledger| ledger.entries(&tenant, from, limit))
    }

    fn pending_events(&self, limit: usize) -> Answer<'static, Vec<PendingEvent>> {
        self.ask(move |ledger| ledger.pending_events(limit))
    }

    fn delivered(&self, events: &[PendingEvent]) -> Answer<'static, ()> {
        let events = events.to_vec();
        self.ask(move |ledger| ledger.delivered(&events))
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { ends_at_once: false, ..self.far().capabilities() }
    }
}
