//! With what do the ledger's tests speak? A ledger on a hand-moved clock, and short names for commands.

use std::sync::Arc;
use std::time::Duration;

use token_budget::call::ScopeKind;
use token_budget::ledger::{
    Account, Attribution, BudgetKey, Certainty, Claim, ClaimLine, MemoryOptions, Note, OnExpiry, Reconcile,
    Record, Release, Reply, ReservationId, Reserve, Resize, Tenant, Threshold,
};
use token_budget::time::{ManualClock, Period, Timestamp};
use token_budget::usage::Unit;
use token_budget::{BudgetLedger, Clock, Error, MemoryLedger, Scope};

/// A ledger whose clock begins at the epoch and moves when told to.
pub(crate) struct Books {
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) ledger: MemoryLedger,
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
        let ledger = MemoryLedger::with_options(clock.clone(), options);
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
        BudgetLedger::reserve(
            &self.ledger,
            Reserve { now: None, id, claim, amounts, expires_at, on_expiry, note },
        )
        .wait()
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
        self.reconcile(id, claim, amounts, Certainty::Reported).expect("no error");
        id
    }

    pub(crate) fn reconcile(
        &self,
        id: ReservationId,
        claim: &Claim,
        amounts: &[i64],
        certainty: Certainty,
    ) -> Result<Reply, Error> {
        let note = &Note::default();
        BudgetLedger::reconcile(
            &self.ledger,
            Reconcile { now: None, id, claim, amounts, certainty, attribution: None, note },
        )
        .wait()
    }

    pub(crate) fn release(&self, id: ReservationId) -> Result<Reply, Error> {
        let (tenant, note) = (&tenant(), &Note::default());
        BudgetLedger::release(&self.ledger, Release { now: None, id, tenant, attribution: None, note }).wait()
    }

    pub(crate) fn resize(
        &self,
        id: ReservationId,
        claim: &Claim,
        amounts: &[i64],
        expires_at: Option<Timestamp>,
    ) -> Result<Reply, Error> {
        BudgetLedger::resize(&self.ledger, Resize { now: None, id, claim, amounts, expires_at }).wait()
    }

    pub(crate) fn record(
        &self,
        id: ReservationId,
        claim: &Claim,
        amounts: &[i64],
        corrects: Option<ReservationId>,
    ) -> Result<Reply, Error> {
        let (attribution, note) = (&signed("an audit"), &Note::default());
        let command = Record { now: None, id, used_at: None, claim, amounts, corrects, attribution, note };
        BudgetLedger::record(&self.ledger, command).wait()
    }

    /// Spent and reserved of each line.
    pub(crate) fn balances(&self, claim: &Claim) -> Vec<(i64, i64)> {
        let lines: Vec<_> = claim.lines().iter().map(|line| (line.account.clone(), line.period)).collect();
        let balances = BudgetLedger::balances(&self.ledger, &lines).wait().expect("reading does not fail");
        balances.iter().map(|balance| (balance.spent, balance.reserved)).collect()
    }

    /// The numbers and kinds of the journal entries kept.
    pub(crate) fn journal(&self, tenant: &Tenant) -> Vec<token_budget::ledger::Entry> {
        ready(BudgetLedger::entries(&self.ledger, tenant, 0, usize::MAX)).expect("reading does not fail")
    }

    pub(crate) fn verify(&self) {
        self.ledger.verify().expect("the journal accounts for every balance");
    }
}

/// What a future of the in-memory ledger answers; it never waits.
pub(crate) fn ready<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match future.as_mut().poll(&mut context) {
        std::task::Poll::Ready(value) => value,
        std::task::Poll::Pending => panic!("the in-memory ledger answers at once"),
    }
}

pub(crate) fn signed(reason: &str) -> Attribution {
    Attribution::new("ops", reason)
}

/// The books of most tests.
pub(crate) fn tenant() -> Tenant {
    tenant_of("acme")
}

pub(crate) fn tenant_of(name: &str) -> Tenant {
    Tenant::organization(&Scope::organization(name).expect("a plain name"))
}

/// `team/search`, `user/ada`.
pub(crate) fn scope(kind: &str, name: &str) -> Scope {
    Scope::new(kind.parse::<ScopeKind>().expect("a kind"), name).expect("a plain name")
}

/// The account of the scope with that text, in a budget of the same name.
pub(crate) fn account(text: &str) -> Account {
    account_in(&tenant(), text)
}

pub(crate) fn account_in(tenant: &Tenant, text: &str) -> Account {
    let (kind, name) = text.split_once('/').expect("kind/name");
    let book =
        BudgetKey { tenant: tenant.clone(), budget: kind.into(), unit: Unit::Usd, window: "day".into() };
    Account::new(Arc::new(book), scope(kind, name))
}

/// Day `number` of a thousand seconds: day 0 begins at the epoch.
pub(crate) fn day(number: i64) -> Period {
    let from = Timestamp::from_secs(number * DAY_SECONDS);
    Period { number, from, until: Timestamp::from_secs((number + 1) * DAY_SECONDS), span: 1 }
}

/// The one period of a budget without a window.
pub(crate) fn always() -> Period {
    Period { number: 0, from: Timestamp::MIN, until: Timestamp::MAX, span: 1 }
}

pub(crate) fn line(text: &str, period: Period, ceiling: i64) -> ClaimLine {
    ClaimLine { account: account(text), period, ceiling, thresholds: [].into_iter().collect() }
}

/// The same line with thresholds, as (threshold, tier).
pub(crate) fn with_thresholds(line: ClaimLine, thresholds: &[(i64, u8)]) -> ClaimLine {
    let thresholds = thresholds.iter().map(|(at, tier)| Threshold { at: *at, tier: *tier }).collect();
    ClaimLine { thresholds, ..line }
}

/// A claim over these lines, naming their scopes.
pub(crate) fn claim(lines: Vec<ClaimLine>) -> Claim {
    claim_in(&tenant(), lines)
}

pub(crate) fn claim_in(tenant: &Tenant, lines: Vec<ClaimLine>) -> Claim {
    let scopes: Vec<Scope> = lines.iter().map(|line| line.account.scope().clone()).collect();
    Claim::new(tenant.clone(), &scopes, lines).expect("a sound claim")
}

/// One line of `team/search` without a window.
pub(crate) fn team(ceiling: i64) -> Claim {
    claim(vec![line("team/search", always(), ceiling)])
}
