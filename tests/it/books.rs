//! With what do the ledger's tests speak? A ledger on a hand-moved clock, and short names for commands.

use std::sync::Arc;
use std::time::Duration;

use token_budget::ledger::{
    Frozen, MarkAction, MarkScope, MemoryOptions, Note, OnExpiry, Rank, Reconcile, Record, Release, Reply,
    Reserve, Resize, Signature,
};
use token_budget::{
    Account, Book, Claim, Clock, Error, Line, ManualClock, Mark, Period, ReservationId, Root, Scope,
    ScopeKind, Timestamp, Unit,
};

use crate::backend::Backend;

/// A ledger whose clock begins at the epoch and moves when told to.
pub(crate) struct Books {
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) ledger: Backend,
}

/// An hour on, so that ids of before are too old.
pub(crate) const HOUR: Duration = Duration::from_secs(3_600);

/// A day of these tests lasts a thousand seconds.
const DAY_SECONDS: i64 = 1_000;

impl Books {
    pub(crate) fn new() -> Self {
        Self::with(MemoryOptions::default())
    }

    pub(crate) fn with(options: MemoryOptions) -> Self {
        let clock = Arc::new(ManualClock::default());
        let ledger = Backend::new(clock.clone(), options);
        Self { clock, ledger }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) fn at(&self, seconds: i64) {
        self.clock.set(Timestamp::from_secs(seconds));
    }

    pub(crate) fn id(&self) -> ReservationId {
        ReservationId::generate(self.now())
    }

    /// Reserves for 100 seconds; expiry charges nothing.
    pub(crate) fn reserve(&self, id: ReservationId, claim: &Claim, amounts: &[i64]) -> Result<Reply, Error> {
        self.reserve_until(id, claim, amounts, (self.now() + Duration::from_secs(100), OnExpiry::Nothing))
    }

    pub(crate) fn reserve_until(
        &self,
        id: ReservationId,
        claim: &Claim,
        amounts: &[i64],
        expiry: (Timestamp, OnExpiry<'_>),
    ) -> Result<Reply, Error> {
        let (expires_at, on_expiry) = expiry;
        let note = &Note::default();
        let command = Reserve { id, claim, amounts, expires_at, on_expiry, note };
        wait(self.ledger.keeper().reserve(command))
    }

    /// A new hold that is expected to fit.
    pub(crate) fn held(&self, claim: &Claim, amounts: &[i64]) -> ReservationId {
        let id = self.id();
        let reply = self.reserve(id, claim, amounts).expect("no error");
        assert_eq!(reply.outcome, token_budget::ledger::Outcome::Applied, "{reply:?}");
        id
    }

    /// A new charge, as reported by a provider.
    pub(crate) fn charged(&self, claim: &Claim, amounts: &[i64]) -> ReservationId {
        let id = self.held(claim, &vec![0; amounts.len()]);
        self.reconcile(id, claim, amounts, Rank::Reported).expect("no error");
        id
    }

    pub(crate) fn reconcile(
        &self,
        id: ReservationId,
        claim: &Claim,
        amounts: &[i64],
        rank: Rank,
    ) -> Result<Reply, Error> {
        let note = &Note::default();
        wait(self.ledger.keeper().reconcile(Reconcile { id, claim, amounts, rank, note }))
    }

    pub(crate) fn release(&self, id: ReservationId) -> Result<Reply, Error> {
        let (root, note) = (&root(), &Note::default());
        wait(self.ledger.keeper().release(Release { id, root, signature: None, note }))
    }

    pub(crate) fn resize(
        &self,
        id: ReservationId,
        claim: &Claim,
        amounts: &[i64],
        expires_at: Option<Timestamp>,
    ) -> Result<Reply, Error> {
        wait(self.ledger.keeper().resize(Resize { id, claim, amounts, expires_at }))
    }

    pub(crate) fn record(
        &self,
        id: ReservationId,
        claim: &Claim,
        amounts: &[i64],
        corrects: Option<ReservationId>,
    ) -> Result<Reply, Error> {
        let (signature, note) = (&signed("an audit"), &Note::default());
        let command = Record { id, claim, amounts, corrects, signature, note };
        wait(self.ledger.keeper().record(command))
    }

    pub(crate) fn mark(&self, scope: &Scope, action: MarkAction, reason: &str) -> Reply {
        let (root, signature) = (&root(), &signed(reason));
        let command = MarkScope { root, scope, action, signature };
        wait(self.ledger.keeper().mark(command)).expect("marks do not fail")
    }

    /// The marks that stand on these scopes.
    pub(crate) fn marks(&self, scopes: &[Scope]) -> Vec<Frozen> {
        wait(self.ledger.keeper().marks(&root(), scopes)).expect("marks do not fail")
    }

    /// Spent and reserved of each line.
    pub(crate) fn balances(&self, claim: &Claim) -> Vec<(i64, i64)> {
        let lines: Vec<_> = claim.lines().iter().map(|line| (line.account.clone(), line.period)).collect();
        let balances = wait(self.ledger.keeper().balances(&lines)).expect("reading does not fail");
        balances.iter().map(|balance| (balance.spent, balance.reserved)).collect()
    }

    /// The numbers and kinds of the journal entries kept.
    pub(crate) fn journal(&self, root: &Root) -> Vec<token_budget::ledger::Entry> {
        self.entries(root, 0, usize::MAX)
    }

    /// So many entries from that number on.
    pub(crate) fn entries(&self, root: &Root, from: u64, limit: usize) -> Vec<token_budget::ledger::Entry> {
        wait(self.ledger.keeper().entries(root, from, limit)).expect("reading does not fail")
    }

    pub(crate) fn verify(&self) {
        self.ledger.verify().expect("the journal accounts for every balance");
    }
}

/// Runs a future to its end on this thread, which sleeps while there is nothing to do.
pub(crate) fn wait<T>(future: impl Future<Output = T>) -> T {
    struct Unpark(std::thread::Thread);
    impl std::task::Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Arc::new(Unpark(std::thread::current())).into();
    let mut context = std::task::Context::from_waker(&waker);
    let mut future = std::pin::pin!(future);
    loop {
        match future.as_mut().poll(&mut context) {
            std::task::Poll::Ready(value) => return value,
            std::task::Poll::Pending => std::thread::park(),
        }
    }
}

pub(crate) fn signed(reason: &str) -> Signature {
    Signature::new("ops", reason)
}

/// The books of most tests.
pub(crate) fn root() -> Root {
    root_of("acme")
}

pub(crate) fn root_of(name: &str) -> Root {
    Root::organization(&Scope::organization(name).expect("a plain name"))
}

/// `team/search`, `user/ada`.
pub(crate) fn scope(kind: &str, name: &str) -> Scope {
    Scope::new(kind.parse::<ScopeKind>().expect("a kind"), name).expect("a plain name")
}

/// The account of the scope with that text, in a budget of the same name.
pub(crate) fn account(text: &str) -> Account {
    account_in(&root(), text)
}

pub(crate) fn account_in(root: &Root, text: &str) -> Account {
    let (kind, name) = text.split_once('/').expect("kind/name");
    let book = Book { root: root.clone(), budget: kind.into(), unit: Unit::Usd, window: "day".into() };
    Account::new(Arc::new(book), scope(kind, name))
}

/// Day `number` of a thousand seconds: day 0 begins at the epoch.
pub(crate) fn day(number: i64) -> Period {
    let from = Timestamp::from_secs(number * DAY_SECONDS);
    Period { number, from, until: Timestamp::from_secs((number + 1) * DAY_SECONDS), span: 1 }
}

/// Sub-period `number` of ten seconds, of a window that rolls over sixty of them.
pub(crate) fn rolling(number: i64) -> Period {
    let from = Timestamp::from_secs(number * 10);
    Period { number, from, until: Timestamp::from_secs((number + 1) * 10), span: 61 }
}

/// The one period of a budget without a window.
pub(crate) fn always() -> Period {
    Period { number: 0, from: Timestamp::MIN, until: Timestamp::MAX, span: 1 }
}

pub(crate) fn line(text: &str, period: Period, ceiling: i64) -> Line {
    Line { account: account(text), period, ceiling, marks: [].into_iter().collect() }
}

/// The same line with levels, as (level, tier).
pub(crate) fn with_marks(line: Line, marks: &[(i64, u8)]) -> Line {
    let marks = marks.iter().map(|(at, tier)| Mark { at: *at, tier: *tier }).collect();
    Line { marks, ..line }
}

/// A claim over these lines, naming their scopes.
pub(crate) fn claim(lines: Vec<Line>) -> Claim {
    claim_in(&root(), lines)
}

pub(crate) fn claim_in(root: &Root, lines: Vec<Line>) -> Claim {
    let scopes: Vec<Scope> = lines.iter().map(|line| line.account.scope().clone()).collect();
    Claim::new(root.clone(), &scopes, lines).expect("a sound claim")
}

/// One line of `team/search` without a window.
pub(crate) fn team(ceiling: i64) -> Claim {
    claim(vec![line("team/search", always(), ceiling)])
}
