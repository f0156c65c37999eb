//! The books over a store: exact, shared by all who use the store, and as lasting as it is.
//!
//! A [`Book`] is the ledger that every backend shares. One thread in each process asks the [`Store`], with as many commands in one
//! write as are waiting. It keeps what it has read as long as the store's version stands, decides each command by the one law
//! of this crate, chains the journal, seals rows, ends holds by age, and answers after the write is there.
//!
//! # The path of a command
//!
//! | step | file | what happens |
//! |---|---|---|
//! | ask | `contract` | the command is copied, says which rows it names, and is queued; its caller waits, or leaves |
//! | gather | `writer` | what else is waiting joins the batch |
//! | read | `fetch`, `learn` | rows that the commands name and their tenants' pages lack; a page on another version is void |
//! | expire | `due` | what is due ends first |
//! | decide | [`law`](super::law) over `look` | each command in order; one that lacks a row reads it and is tried again |
//! | write | `write`, `page` | what changed, if its version and its time still stand; else all is decided anew |
//! | answer | `writer` | every caller of the batch hears its own answer |

mod contract;
mod desk;
mod due;
mod fetch;
mod job;
mod learn;
mod look;
mod page;
mod read;
mod refusals;
mod sheet;
mod shelf;
mod write;
mod writer;

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};

use self::desk::Desk;
use self::job::{Job, question};
use self::writer::{Crowd, Writer};
#[cfg(feature = "sqlite")]
use super::store::Fault;
use super::store::Store;
use super::{Answer, Capabilities, Hold};
use crate::values::Tenant;
use crate::{Error, ErrorKind};

/// Keeps the books in a store, by the law of this crate.
///
/// Clones share one thread, which alone asks the store. The thread ends by itself soon after the last clone; dropping waits for
/// nothing, since what was answered is written. Because a write takes its time, every command is answered
/// [`Later`](Answer::Later): await it under any runtime, or wait for it without one.
///
/// `B` is what a backend lets every handle carry beside the thread, such as the place of its file.
///
/// # Example: two processes, one store, and a limit that is granted once
#[cfg_attr(feature = "testing", doc = "```")]
#[cfg_attr(not(feature = "testing"), doc = "```ignore")]
/// use token_budget::ledger::store::Book;
/// use token_budget::testing::ScriptedStore;
/// use token_budget::{Budget, Call, Enforcer, Policy, Scope, Usd, Window};
///
/// let budget = Budget::usd("search", Scope::team("search")?, Usd::dollars(4), Window::lifetime());
/// let policy = Policy::new([budget])?;
/// let store = ScriptedStore::default(); // its clones share rows, as connections to one database do
/// let process = || -> Result<_, token_budget::Error> {
///     Ok(Enforcer::builder().policy(policy.clone()).ledger(Book::new(store.clone(), 256)?).build())
/// };
/// let (here, there) = (process()?, process()?);
///
/// let call = Call::new("gpt-4o").team("search").input_tokens(1_000_000).output_tokens(0); // $2.50
/// let held = here.reserve(&call).wait()?.or_refusal()?;
/// assert!(there.reserve(&call).wait()?.or_refusal().is_err()); // 2.50 + 2.50 > 4
/// held.release().wait()?;
/// assert!(there.reserve(&call).wait()?.or_refusal().is_ok());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Book<S: Store, B = ()> {
    inner: Arc<Inner<S>>,
    beside: B,
}

/// What every handle of a book may carry.
pub trait Beside: Clone + fmt::Debug + Send + Sync + 'static {}

impl<B: Clone + fmt::Debug + Send + Sync + 'static> Beside for B {}

/// What clones share. Dropping the last one closes the queue, and so ends the thread.
struct Inner<S: Store> {
    /// The way to the thread.
    queue: Sender<Box<dyn Job<S>>>,
    capabilities: Capabilities,
}

impl<S: Store, B: Clone> Clone for Book<S, B> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner), beside: self.beside.clone() }
    }
}

impl<S: Store, B: fmt::Debug> fmt::Debug for Book<S, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Book({:?})", self.beside)
    }
}

impl<S: Store> Book<S> {
    /// The books in that store, at most so many commands in one write.
    ///
    /// # Errors
    /// `LedgerUnavailable` if no thread can be started.
    pub fn new(store: S, batch_max: usize) -> Result<Self, Error> {
        Self::carrying(store, batch_max, ())
    }
}

impl<S: Store, B: Beside> Book<S, B> {
    /// The same, whose handles carry something.
    pub(crate) fn carrying(store: S, batch_max: usize, beside: B) -> Result<Self, Error> {
        let (queue, jobs) = channel();
        let capabilities = store.describe();
        let writer = Writer {
            desk: Desk::new(store),
            queue: jobs,
            waiting: VecDeque::new(),
            poison: None,
            batch_max: batch_max.max(1),
            crowd: Crowd::default(),
        };
        let thread = std::thread::Builder::new().name("token-budget-ledger".into());
        thread.spawn(move || writer.run()).map_err(|error| {
            Error::new(ErrorKind::LedgerUnavailable, "the ledger's thread could not be started")
                .with_source(error)
        })?;
        Ok(Self { inner: Arc::new(Inner { queue, capabilities }), beside })
    }

    /// Lists the open holds of one tenant, oldest first: calls that run, and those whose process died.
    ///
    /// A hold ends by itself at its `expires_at`. Who knows what the call really cost ends it before, on its own id, so
    /// that a report which comes late replaces that figure if it is surer and never adds to it:
    /// [`Enforcer::held`](crate::Enforcer::held) by usage or amount, or the contract's
    /// [`reconcile`](crate::BudgetLedger::reconcile) and [`release`](crate::BudgetLedger::release), signed, on the
    /// [claim](Hold::claim) of the hold.
    ///
    /// # Errors
    /// As the commands of [`BudgetLedger`](crate::BudgetLedger).
    pub fn open_holds(&self, tenant: &Tenant, limit: usize) -> Answer<'static, Vec<Hold>> {
        let tenant = tenant.clone();
        let (job, answer) =
            question(Some(tenant.clone()), move |store| read::open_holds(store, &tenant, limit));
        self.send(job, answer)
    }

    /// What every handle carries.
    #[cfg(feature = "sqlite")]
    pub(crate) fn carried(&self) -> &B {
        &self.beside
    }

    /// Asks the store itself, between two batches.
    #[cfg(feature = "sqlite")]
    pub(crate) fn ask<T: Send + 'static>(
        &self,
        ask: impl FnMut(&mut S) -> Result<T, Fault> + Send + 'static,
    ) -> Answer<'static, T> {
        let (job, answer) = question(None, ask);
        self.send(job, answer)
    }

    fn send<T: 'static>(&self, job: Box<dyn Job<S>>, answer: Answer<'static, T>) -> Answer<'static, T> {
        if self.inner.queue.send(job).is_err() {
            let text = "the ledger's thread has ended; open the ledger again";
            return Answer::Now(Err(Error::new(ErrorKind::LedgerUnavailable, text)));
        }
        answer
    }
}
