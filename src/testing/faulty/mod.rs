//! What if the way to a ledger is bad? Commands and answers are lost, delayed, repeated, reordered.
//!
//! Every ledger that is not in this process is at the other end of a wire.
//! [`FaultyLedger`] is such a wire on a bad day, and repeatable: the same seed and the
//! same commands meet the same faults. It has two uses. A test of the application asks:
//! do the books still hold if the store is away ([`Odds::AWAY`]) or cannot answer
//! ([`Odds::DEAF`])? A test of a ledger asks: is a command that comes twice, late or out
//! of order executed once?
//!
//! `carry` does to a command what was drawn, `letter` is the copy that arrives late,
//! `odds` says how often.

mod carry;
mod letter;
mod odds;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use parking_lot::Mutex;

pub use self::letter::Letter;
pub use self::odds::Odds;
use super::conformance::Fault;
use super::dice::Dice;
use super::relay::Relay;
use crate::ledger::{Answer, BudgetLedger, Reply};

/// A ledger behind an unreliable wire. What happens to each command is drawn from a seed.
///
/// The wire needs no runtime: a delay yields to the executor, or waits for what
/// [`delayed_by`](FaultyLedger::delayed_by) returns. Clones are the same wire.
///
/// Any command may be lost, come late, or come twice, and any may be overtaken, with
/// three exceptions. The contract promises nothing about these three, so every real wire
/// must keep them as well:
///
/// * A resize and a mark say what is to be, and bear no id. A late copy is not overtaken
///   by another resize of its hold, or another mark of its scope, because it would undo
///   the newer one.
/// * A report and a release of one id keep their order. A late release would withdraw the
///   charge; a late report would charge what was given back.
/// * If nothing was changed and nothing is remembered (an error, `Stale`, growth that was
///   refused), or not for long (a refusal), no copy comes late after the answer, because it
///   might be executed after all.
///
/// A sender keeps all three if it makes sure, before it sends again, that the attempt it
/// gave up has either been executed or never will be: one connection in order, or one
/// that is closed first.
///
/// # Example: a client that sends again with the same id is held once
/// ```
/// use std::sync::Arc;
/// use token_budget::testing::{FaultyLedger, Odds, Retrying};
/// use token_budget::usage::Unit;
/// use token_budget::{Budget, Call, Enforcer, MemoryLedger, Policy, Scope, Usage, Window};
///
/// # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
/// # runtime.block_on(async {
/// let books = MemoryLedger::new();
/// let wire = FaultyLedger::new(Arc::new(books.clone()), 7).with_odds(Odds::BAD_DAY);
/// let budget = Budget::count("key", Scope::api_key("k1")?, Unit::Requests, 100, Window::day());
/// let enforcer =
///     Enforcer::builder().policy(Policy::new([budget])?).ledger(Retrying::new(wire.clone())).build();
///
/// let call = Call::new("gpt-4o").api_key("k1").output_tokens(10);
/// for _ in 0..100 {
///     let reservation = enforcer.reserve(&call).await?.or_refusal()?;
///     reservation.send().reconcile(Usage::of(0, 10)).await?;
/// }
///
/// assert!(wire.sent() > 100, "some were sent again");
/// assert!(enforcer.reserve(&call).await?.or_refusal().is_err(), "and none counted twice or not at all");
/// assert_eq!(books.open_holds(), 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct FaultyLedger(Arc<Wire>);

/// A future that passes time.
type Delay = Pin<Box<dyn Future<Output = ()> + Send>>;
type MakeDelay = Arc<dyn Fn() -> Delay + Send + Sync>;

/// What all clones share.
struct Wire {
    /// The ledger at the other end.
    ledger: Arc<dyn BudgetLedger>,
    /// What is to come.
    chance: Mutex<Chance>,
    /// How a delay passes time.
    delay: MakeDelay,
    /// Commands and reads that set out.
    sent: AtomicU64,
    /// Answers with something new that nobody heard.
    unheard: AtomicU64,
}

/// What is to come. The lock around it is never held while anything waits.
struct Chance {
    /// How often which fault is met.
    odds: Odds,
    /// Where chance is drawn from.
    dice: Dice,
    /// Letters that have not arrived yet, in the order in which they were sent.
    under_way: Vec<Letter>,
    /// Which command fails, and how. Commands are numbered by `sent`, from 0.
    planned: Option<(u64, Fault)>,
}

impl FaultyLedger {
    /// A wire to that ledger with the odds of [`Odds::BAD_DAY`], which draws from that
    /// seed.
    #[must_use]
    pub fn new(ledger: Arc<dyn BudgetLedger>, seed: u64) -> Self {
        Self::fresh(ledger, (Odds::default(), Dice::new(seed)), Arc::new(|| Box::pin(Yield(false))))
    }

    /// The same wire with these odds. All clones get them.
    #[must_use]
    pub fn with_odds(self, odds: Odds) -> Self {
        self.set_odds(odds);
        self
    }

    /// A new wire to the same ledger, on which a delay waits for that future:
    /// `tokio::time::sleep`, for example. Without it a delay only yields.
    #[must_use]
    pub fn delayed_by<D>(self, delay: impl Fn() -> D + Send + Sync + 'static) -> Self
    where
        D: Future<Output = ()> + Send + 'static,
    {
        let Chance { odds, dice, .. } = &*self.0.chance.lock();
        Self::fresh(self.ledger(), (*odds, dice.clone()), Arc::new(move || Box::pin(delay())))
    }

    /// Draws with these odds from now on: a store that goes away in the middle of a test,
    /// and comes back.
    ///
    /// # Example: away, and back
    /// ```
    /// use std::sync::Arc;
    /// use token_budget::testing::{FaultyLedger, Odds};
    /// use token_budget::{BudgetLedger, MemoryLedger};
    ///
    /// # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    /// # runtime.block_on(async {
    /// let wire = FaultyLedger::new(Arc::new(MemoryLedger::new()), 1).with_odds(Odds::AWAY);
    /// assert!(wire.pending_events(10).await.is_err());
    /// wire.set_odds(Odds::ALL_WELL);
    /// assert!(wire.pending_events(10).await.is_ok());
    /// assert_eq!(wire.sent(), 2);
    /// # });
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn set_odds(&self, odds: Odds) {
        self.0.chance.lock().odds = odds;
    }

    /// Lets one command fail, `operation` commands from now; zero is the next one.
    /// [`Fault::Before`] loses the command, [`Fault::After`] its answer.
    pub fn fail_at(&self, operation: u64, fault: Fault) {
        let at = self.sent().saturating_add(operation);
        self.0.chance.lock().planned = Some((at, fault));
    }

    /// How many commands and reads set out, retries included, arrived or not.
    #[must_use]
    pub fn sent(&self) -> u64 {
        self.0.sent.load(Ordering::SeqCst)
    }

    /// Counts the answers that told something new and did not reach the caller. What they
    /// told is told to nobody else.
    #[must_use]
    pub fn unheard(&self) -> u64 {
        self.0.unheard.load(Ordering::SeqCst)
    }

    /// Lets everything that is still under way arrive. Call it before you look at the
    /// books.
    pub async fn arrive(&self) {
        self.deliver(|_| true).await;
    }

    /// The ledger at the other end.
    #[must_use]
    pub fn ledger(&self) -> Arc<dyn BudgetLedger> {
        Arc::clone(&self.0.ledger)
    }

    /// A wire on which nothing has been sent yet.
    fn fresh(ledger: Arc<dyn BudgetLedger>, (odds, dice): (Odds, Dice), delay: MakeDelay) -> Self {
        let chance = Chance { odds, dice, under_way: Vec::new(), planned: None };
        let (sent, unheard) = (AtomicU64::new(0), AtomicU64::new(0));
        Self(Arc::new(Wire { ledger, chance: Mutex::new(chance), delay, sent, unheard }))
    }
}

/// Gives the other tasks one turn.
pub(super) struct Yield(pub(super) bool);

impl Future for Yield {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.0, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

impl Relay for FaultyLedger {
    fn far(&self) -> &dyn BudgetLedger {
        &*self.0.ledger
    }

    fn send(&self, letter: Letter) -> Answer<'static, Reply> {
        let wire = self.clone();
        Answer::begun(async move { wire.carry(letter).await })
    }

    fn ask<T: Send + 'static>(
        &self,
        read: impl Fn(&dyn BudgetLedger) -> Answer<'static, T> + Send + 'static,
    ) -> Answer<'static, T> {
        let wire = self.clone();
        Answer::begun(async move { wire.look(read).await })
    }
}

impl fmt::Debug for FaultyLedger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (odds, under_way) = {
            let chance = self.0.chance.lock();
            (chance.odds, chance.under_way.len())
        };
        f.debug_struct("FaultyLedger")
            .field("odds", &odds)
            .field("under_way", &under_way)
            .field("sent", &self.sent())
            .field("ledger", &self.0.ledger)
            .finish()
    }
}
