//! What do the tests of the request path share?

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;
use token_budget::call::ServiceTier;
use token_budget::enforcer::EnforcerBuilder;
use token_budget::ledger::{
    Account, Answer, Balance, Capabilities, Entry, FrozenScope, Hold, MarkScope, OnExpiry, PendingEvent,
    Reconcile, Record, Release, Reply, ReservationId, Reserve, Resize, Tenant,
};
use token_budget::pricing::{PriceRow, Rates, Reasoning};
use token_budget::time::{ManualClock, Period, Timestamp};
use token_budget::{
    BudgetLedger, Call, Decision, Enforcer, Error, ErrorKind, Event, MemoryLedger, Observer, Policy,
    PricingTable, Receipt, Reservation, Scope, Usage, Usd,
};

/// Sunday noon, in the last third of a month.
pub(crate) const NOON: &str = "2026-11-22T12:00:00Z";

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().expect("an instant")
}

pub(crate) fn usd(text: &str) -> Usd {
    text.parse().expect("dollars")
}

pub(crate) fn nanos(text: &str) -> i64 {
    usd(text).nanos()
}

/// The team that most tests charge.
pub(crate) fn team() -> Scope {
    Scope::team("search").expect("a name")
}

/// A call of the team that asks for so many output tokens and sends none.
pub(crate) fn call(model: &str, output: u64) -> Call {
    Call::new(model).team("search").input_tokens(0).output_tokens(output)
}

/// Own prices, so that a quote is an exact number of dollars.
///
/// Output costs a tenth of a cent a token for `milli`, a dollar for `dollar`;
/// `pair` costs a tenth of a cent in and out, `free` nothing. The rungs
/// `large`, `medium` and `small` cost 20, 5 and 1 tenths of a cent. None of them reasons unseen.
pub(crate) fn prices() -> PricingTable {
    let row = |model: &str, input: &str, output: &str| {
        let rates = Rates::per_million(input, output).expect("rates");
        let row = PriceRow::new("own", model).with_rates(ServiceTier::Standard, rates);
        row.with_reasoning(Reasoning::Never)
    };
    let rows = [
        row("milli", "0", "1000"),
        row("dollar", "0", "1000000"),
        row("pair", "1000", "1000").with_context_tokens(7_000),
        row("free", "0", "0"),
        row("large", "0", "20000"),
        row("medium", "0", "5000"),
        row("small", "0", "1000"),
        row("short", "0", "1000").with_output_tokens_max(500),
    ];
    PricingTable::empty().with_rows(rows).expect("prices")
}

/// Runs a future that does not wait.
pub(crate) fn ready<F: Future>(future: F) -> F::Output {
    let mut context = Context::from_waker(Waker::noop());
    match pin!(future).poll(&mut context) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("this future waits"),
    }
}

/// A number from the environment, by which a test is made longer.
pub(crate) fn setting(name: &str, otherwise: u64) -> u64 {
    match std::env::var(name) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name}={text} is not a number")),
        Err(_) => otherwise,
    }
}

/// Runs a future to its end on this thread.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(future)
}

/// An observer that remembers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ears(Arc<Mutex<Vec<Event>>>);

impl Observer for Ears {
    fn observe(&self, event: &Event) {
        self.0.lock().push(event.clone());
    }
}

impl Ears {
    /// What was heard since the last time.
    pub(crate) fn take(&self) -> Vec<Event> {
        std::mem::take(&mut *self.0.lock())
    }

    /// All that was heard and not taken.
    pub(crate) fn all(&self) -> Vec<Event> {
        self.0.lock().clone()
    }

    pub(crate) fn count(&self, wanted: impl Fn(&Event) -> bool) -> usize {
        self.0.lock().iter().filter(|event| wanted(event)).count()
    }
}

/// A policy without budgets that lets every call pass, by name.
pub(crate) fn open_purse() -> Policy {
    Policy::default().unbound(token_budget::policy::Unbound::Allow)
}

/// An enforcer over a ledger in memory, on a clock that stands still.
#[derive(Debug)]
pub(crate) struct House {
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) ledger: MemoryLedger,
    pub(crate) ears: Ears,
    pub(crate) enforcer: Enforcer,
}

impl House {
    pub(crate) fn new(policy: Policy) -> Self {
        Self::with(policy, |builder| builder)
    }

    pub(crate) fn with(policy: Policy, change: impl FnOnce(EnforcerBuilder) -> EnforcerBuilder) -> Self {
        // Built in another month, so that a test may begin before noon: a ledger's time begins when it is first asked.
        let clock = Arc::new(ManualClock::at(at("2026-01-01T00:00:00Z")));
        let ledger = MemoryLedger::with_clock(clock.clone());
        let ears = Ears::default();
        let builder = Enforcer::builder()
            .policy(policy)
            .prices(prices())
            .ledger(ledger.clone())
            .clock(clock.clone())
            .observer(ears.clone());
        let enforcer = change(builder).build();
        clock.set(at(NOON));
        Self { clock, ledger, ears, enforcer }
    }

    pub(crate) fn of(budgets: impl IntoIterator<Item = token_budget::Budget>) -> Self {
        Self::new(Policy::new(budgets).expect("a policy"))
    }

    pub(crate) fn go_to(&self, instant: &str) {
        self.clock.set(at(instant));
    }

    /// The reservation; panics with the refusal where there is none.
    pub(crate) fn admit(&self, call: &Call) -> Reservation {
        self.enforcer.reserve(call).wait().expect("a ledger").or_refusal().expect("room")
    }

    /// The refusal; panics where the call is admitted.
    pub(crate) fn refuse(&self, call: &Call) -> Box<Decision> {
        self.enforcer.reserve(call).wait().expect("a ledger").or_refusal().expect_err("a refusal")
    }

    /// Books usage whatever room there is: nothing is asked for, and a reconcile never refuses.
    pub(crate) fn spend(&self, call: &Call, output: u64) -> Receipt {
        let asks_nothing = call.clone().input_tokens(0).output_tokens(0);
        self.admit(&asks_nothing).send().reconcile(Usage::of(0, output)).wait().expect("a receipt")
    }

    /// Spent and reserved of every budget that binds the call, in its order.
    pub(crate) fn balances(&self, call: &Call) -> Vec<(i64, i64)> {
        let decision = ready(self.enforcer.check(call)).expect("advice");
        decision.budgets().iter().map(|budget| (budget.spent, budget.reserved)).collect()
    }

    /// Spent and reserved of the only budget that binds the call, as dollars.
    pub(crate) fn dollars(&self, call: &Call) -> (Usd, Usd) {
        let all = self.balances(call);
        assert_eq!(all.len(), 1, "one budget binds");
        (Usd::from_nanos(all[0].0), Usd::from_nanos(all[0].1))
    }
}

impl Drop for House {
    /// Every scenario ends with books that add up.
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.ledger.verify().expect("the journal and the balances agree");
        }
    }
}

/// How a store far away behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Link {
    /// It answers.
    Up = 0,
    /// Commands do not arrive.
    Away = 1,
    /// Commands arrive, answers are lost.
    Deaf = 2,
    /// It answers that its books are damaged, and does nothing.
    Damaged = 3,
    /// As up, but answers to postings are lost.
    DeafToPostings = 4,
    /// As up, but postings do not arrive.
    LosesPostings = 5,
}

/// A ledger that must be waited for, over one that need not be, with failures to switch on.
#[derive(Clone, Debug)]
pub(crate) struct FarLedger {
    inner: MemoryLedger,
    link: Arc<AtomicU8>,
    commands: Arc<AtomicU64>,
}

impl FarLedger {
    pub(crate) fn new(inner: MemoryLedger) -> Self {
        Self { inner, link: Arc::new(AtomicU8::new(0)), commands: Arc::default() }
    }

    pub(crate) fn set(&self, link: Link) {
        self.link.store(link as u8, Ordering::SeqCst);
    }

    /// How many commands set out, arrived or not.
    pub(crate) fn commands(&self) -> u64 {
        self.commands.load(Ordering::SeqCst)
    }

    /// Lets a command go its way once somebody waits for it.
    fn way<T: Send + 'static>(
        &self,
        work: impl FnOnce(&MemoryLedger) -> Answer<'static, T> + Send + 'static,
    ) -> Answer<'static, T> {
        let far = self.clone();
        Answer::begun(async move {
            let lost = || Err(Error::new(ErrorKind::LedgerUnavailable, "the store is away"));
            far.commands.fetch_add(1, Ordering::SeqCst);
            // Two turns pass before anybody polls it: when the answer is made, and when it is handed on.
            for _ in 0..3 {
                tokio::task::yield_now().await;
            }
            if far.is(Link::Away) {
                return lost();
            }
            if far.is(Link::Damaged) {
                return Err(Error::new(ErrorKind::Damaged, "a row of the books is not what was written"));
            }
            let answer = work(&far.inner).await;
            tokio::task::yield_now().await;
            if far.is(Link::Deaf) { lost() } else { answer }
        })
    }

    fn is(&self, link: Link) -> bool {
        self.link.load(Ordering::SeqCst) == link as u8
    }
}

impl BudgetLedger for FarLedger {
    fn now(&self) -> Option<Timestamp> {
        None
    }

    // A command borrows, and an answer to come does not: what is needed later is copied.
    fn reserve(&self, command: Reserve<'_>) -> Answer<'static, Reply> {
        let Reserve { id, expires_at, .. } = command;
        let (claim, amounts, note) = (command.claim.clone(), command.amounts.to_vec(), command.note.clone());
        let (holds, charge) = match command.on_expiry {
            OnExpiry::Nothing => (false, None),
            OnExpiry::Hold => (true, None),
            OnExpiry::Amounts(amounts) => (false, Some(amounts.to_vec())),
        };
        self.way(move |inner| {
            let on_expiry = match &charge {
                Some(amounts) => OnExpiry::Amounts(amounts),
                None if holds => OnExpiry::Hold,
                None => OnExpiry::Nothing,
            };
            let (claim, amounts, note) = (&claim, &amounts[..], &note);
            inner.reserve(Reserve { id, claim, amounts, expires_at, on_expiry, note, now: None })
        })
    }

    fn reconcile(&self, command: Reconcile<'_>) -> Answer<'static, Reply> {
        let Reconcile { id, certainty, .. } = command;
        let (claim, amounts, note) = (command.claim.clone(), command.amounts.to_vec(), command.note.clone());
        let attribution = command.attribution.cloned();
        self.way(move |inner| {
            let (claim, amounts, attribution, note) = (&claim, &amounts[..], attribution.as_ref(), &note);
            inner.reconcile(Reconcile { id, claim, amounts, certainty, attribution, note, now: None })
        })
    }

    fn release(&self, command: Release<'_>) -> Answer<'static, Reply> {
        let (id, tenant, note) = (command.id, command.tenant.clone(), command.note.clone());
        let attribution = command.attribution.cloned();
        self.way(move |inner| {
            let (tenant, attribution, note) = (&tenant, attribution.as_ref(), &note);
            inner.release(Release { id, tenant, attribution, note, now: None })
        })
    }

    fn resize(&self, command: Resize<'_>) -> Answer<'static, Reply> {
        let Resize { id, expires_at, .. } = command;
        let (claim, amounts) = (command.claim.clone(), command.amounts.to_vec());
        self.way(move |inner| {
            inner.resize(Resize { id, claim: &claim, amounts: &amounts, expires_at, now: None })
        })
    }

    fn record(&self, command: Record<'_>) -> Answer<'static, Reply> {
        let lost = || Err(Error::new(ErrorKind::LedgerUnavailable, "the posting is lost"));
        if self.is(Link::LosesPostings) {
            return Answer::Now(lost());
        }
        let Record { id, used_at, corrects, .. } = command;
        let (claim, amounts, note) = (command.claim.clone(), command.amounts.to_vec(), command.note.clone());
        let attribution = command.attribution.clone();
        let answer = self.way(move |inner| {
            let (claim, amounts, attribution, note) = (&claim, &amounts[..], &attribution, &note);
            inner.record(Record { id, used_at, claim, amounts, corrects, attribution, note, now: None })
        });
        let far = self.clone();
        Answer::begun(async move {
            let answer = answer.await;
            if far.is(Link::DeafToPostings) { lost() } else { answer }
        })
    }

    fn mark(&self, command: MarkScope<'_>) -> Answer<'static, Reply> {
        let action = command.action;
        let (tenant, scope) = (command.tenant.clone(), command.scope.clone());
        let attribution = command.attribution.clone();
        self.way(move |inner| {
            let (tenant, scope, attribution) = (&tenant, &scope, &attribution);
            inner.mark(MarkScope { tenant, scope, action, attribution, now: None })
        })
    }

    fn marks(&self, tenant: &Tenant, scopes: &[Scope]) -> Answer<'static, Vec<FrozenScope>> {
        let (tenant, scopes) = (tenant.clone(), scopes.to_vec());
        self.way(move |inner| inner.marks(&tenant, &scopes))
    }

    fn hold(&self, tenant: &Tenant, id: ReservationId) -> Answer<'static, Option<Hold>> {
        let tenant = tenant.clone();
        self.way(move |inner| inner.hold(&tenant, id))
    }

    fn balances(&self, lines: &[(Account, Period)]) -> Answer<'static, Vec<Balance>> {
        let lines = lines.to_vec();
        self.way(move |inner| inner.balances(&lines))
    }

    fn entries(&self, tenant: &Tenant, from: u64, limit: usize) -> Answer<'static, Vec<Entry>> {
        let tenant = tenant.clone();
        self.way(move |inner| inner.entries(&tenant, from, limit))
    }

    fn pending_events(&self, limit: usize) -> Answer<'static, Vec<PendingEvent>> {
        self.way(move |inner| inner.pending_events(limit))
    }

    fn delivered(&self, events: &[PendingEvent]) -> Answer<'static, ()> {
        let events = events.to_vec();
        self.way(move |inner| inner.delivered(&events))
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { ends_at_once: false, ..self.inner.capabilities() }
    }
}

/// A small generator of random numbers that says its seed.
#[derive(Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    /// Dice for that test; `TOKEN_BUDGET_SEED` in the environment repeats a run.
    pub(crate) fn new(test: &str) -> Self {
        use std::hash::BuildHasher;
        let given = std::env::var("TOKEN_BUDGET_SEED").ok().and_then(|seed| seed.parse().ok());
        let seed = given.unwrap_or_else(|| std::collections::hash_map::RandomState::new().hash_one(test));
        println!("{test}: TOKEN_BUDGET_SEED={seed}");
        Self(seed)
    }

    /// Dice of a seed, for one of many tasks.
    pub(crate) fn of(seed: u64) -> Self {
        Self(seed)
    }

    /// SplitMix64.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From 0 to below `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    pub(crate) fn one_in(&mut self, chance: u64) -> bool {
        self.below(chance) == 0
    }

    pub(crate) fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[usize::try_from(self.below(from.len() as u64)).expect("small")]
    }
}
