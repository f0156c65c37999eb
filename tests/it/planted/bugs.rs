//! Which mistakes do backends make? Ledgers that are right but for one of them.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;
use token_budget::ledger::{
    Account, Balance, Capabilities, Certainty, Claim, ClaimLine, Entry, Frozen, ImmediateLedger, MarkScope,
    Outcome, PendingEvent, Reconcile, Record, Release, Reply, ReservationId, Reserve, Resize, Tenant,
    Threshold,
};
use token_budget::time::{ManualClock, Period, Timestamp};
use token_budget::{BudgetLedger, Clock, Error, MemoryLedger, Scope};

/// A mistake, named after what the ledger does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bug {
    ChecksOutsideTheLock,
    LocksInTheOrderOfTheClaim,
    ChargesTheWindowOfTheReconcile,
    CountsAScopeAsOftenAsItIsNamed,
    KeepsTheFloorBesideTheActual,
    CountsMoneyInFloatingPoint,
    ExpiresANanosecondLate,
    AsksForARefusedIdAnew,
    IgnoresTombstones,
    ExpiresOnlyWhenSwept,
    RefusesAtTheCeiling,
    FiresOnlyAboveTheLevel,
    ForgetsToRelease,
    FreezesWhatObserves,
}

/// A ledger in memory with one mistake around it.
#[derive(Debug)]
pub(super) struct Planted {
    inner: MemoryLedger,
    clock: Arc<ManualClock>,
    bug: Bug,
    notes: Mutex<Notes>,
}

/// What the mistakes remember.
#[derive(Debug, Default)]
struct Notes {
    locks: HashMap<String, Arc<Mutex<()>>>,
    charged: HashMap<ReservationId, (Certainty, Vec<i64>)>,
    aliases: HashMap<ReservationId, ReservationId>,
    seen: HashSet<ReservationId>,
    /// Holds that nobody has swept yet, with their end.
    unswept: Vec<(Timestamp, ReservationId, Claim, Vec<i64>)>,
    commands: u64,
}

/// The sweeper comes once in so many commands.
const SWEEP_EVERY: u64 = 16;

impl Planted {
    pub(super) fn new(bug: Bug, clock: Arc<ManualClock>) -> Self {
        let inner = MemoryLedger::with_clock(clock.clone());
        Self { inner, clock, bug, notes: Mutex::default() }
    }

    /// The claim as this ledger reads it.
    fn read(&self, claim: &Claim) -> Claim {
        match self.bug {
            Bug::RefusesAtTheCeiling => changed(claim, |line| {
                let at_most = if line.ceiling == i64::MAX { i64::MAX } else { line.ceiling - 1 };
                ClaimLine { ceiling: at_most, ..line }
            }),
            Bug::FiresOnlyAboveTheLevel => changed(claim, |line| {
                let thresholds = line
                    .thresholds
                    .iter()
                    .map(|threshold| Threshold { at: threshold.at.saturating_add(1), ..*threshold })
                    .collect();
                ClaimLine { thresholds, ..line }
            }),
            Bug::FreezesWhatObserves => {
                let scopes: Vec<Scope> =
                    claim.scopes().iter().chain(claim.scopes_observed()).cloned().collect();
                Claim::new(claim.tenant().clone(), &scopes, claim.lines().to_vec())
                    .expect("the same accounts")
            }
            _ => claim.clone(),
        }
    }

    /// The amounts as this ledger counts them.
    fn count(&self, claim: &Claim, amounts: &[i64]) -> Vec<i64> {
        match self.bug {
            Bug::CountsMoneyInFloatingPoint => {
                amounts.iter().map(|amount| through_dollars(*amount)).collect()
            }
            Bug::CountsAScopeAsOftenAsItIsNamed if amounts.len() == claim.lines().len() => {
                let times =
                    |line: &ClaimLine| claim.scopes().iter().filter(|it| *it == line.account.scope()).count();
                let times = claim.lines().iter().map(|line| i64::try_from(times(line).max(1)).unwrap());
                amounts.iter().zip(times).map(|(amount, times)| amount.saturating_mul(times)).collect()
            }
            _ => amounts.to_vec(),
        }
    }

    /// The id under which this ledger keeps it.
    fn alias(&self, id: ReservationId) -> ReservationId {
        self.notes.lock().aliases.get(&id).copied().unwrap_or(id)
    }

    /// Ends what is due, if the sweeper's turn has come.
    async fn sweep(&self) {
        let due: Vec<_> = {
            let mut notes = self.notes.lock();
            notes.commands += 1;
            if !notes.commands.is_multiple_of(SWEEP_EVERY) {
                return;
            }
            let now = self.clock.now();
            let (due, later) =
                std::mem::take(&mut notes.unswept).into_iter().partition(|(end, ..)| *end <= now);
            notes.unswept = later;
            due
        };
        for (end, id, claim, amounts) in due {
            let command = Resize { id, claim: &claim, amounts: &amounts, expires_at: Some(end) };
            let _ = BudgetLedger::resize(&self.inner, command).await;
        }
    }

    /// Looks whether all lines fit, lets others run, and then holds without looking.
    async fn check_then_hold(&self, command: Reserve<'_>) -> Result<Reply, Error> {
        let lines: Vec<_> = command.claim.lines().iter().map(|it| (it.account.clone(), it.period)).collect();
        let balances = BudgetLedger::balances(&self.inner, &lines).await?;
        let fits = command.claim.lines().iter().zip(&balances).zip(command.amounts).all(
            |((line, balance), amount)| {
                *amount == 0 || balance.used().checked_add(*amount).is_some_and(|used| used <= line.ceiling)
            },
        );
        thread::yield_now();
        if !fits {
            return BudgetLedger::reserve(&self.inner, command).await;
        }
        let unlimited = changed(command.claim, |line| ClaimLine { ceiling: i64::MAX, ..line });
        BudgetLedger::reserve(&self.inner, Reserve { claim: &unlimited, ..command }).await
    }

    /// Takes a lock for each account, in the order in which the claim names them.
    fn hold_under_locks(&self, command: Reserve<'_>) -> Result<Reply, Error> {
        let locks: Vec<Arc<Mutex<()>>> = {
            let mut notes = self.notes.lock();
            let names = command.claim.lines().iter().map(|line| format!("{:?}", line.account));
            names.map(|name| Arc::clone(notes.locks.entry(name).or_default())).collect()
        };
        let mut held = Vec::new();
        for lock in &locks {
            held.push(lock.lock());
            thread::yield_now();
        }
        ImmediateLedger::reserve(&self.inner, self.clock.now(), command)
    }

    /// Charges the running day, whatever day was held.
    async fn charge_today(&self, command: Reconcile<'_>) -> Result<Reply, Error> {
        let today = self.clock.now().as_nanos().div_euclid(1_000_000_000_000);
        let claim = changed(command.claim, |line| {
            let is_day = line.period.span == 1 && line.period.until != Timestamp::MAX;
            ClaimLine { period: if is_day { crate::books::day(today) } else { line.period }, ..line }
        });
        let is_other_day =
            claim.lines().iter().zip(command.claim.lines()).any(|(new, old)| new.period != old.period);
        if !is_other_day {
            return BudgetLedger::reconcile(&self.inner, command).await;
        }
        let release =
            Release { id: command.id, tenant: claim.tenant(), attribution: None, note: command.note };
        BudgetLedger::release(&self.inner, release).await?;
        BudgetLedger::reconcile(&self.inner, Reconcile { claim: &claim, id: self.fresh(), ..command }).await
    }

    /// Adds what was charged before to what is reported now.
    fn with_floor(&self, command: &Reconcile<'_>) -> Vec<i64> {
        let mut notes = self.notes.lock();
        let mut amounts = command.amounts.to_vec();
        if let Some((certainty, floor)) = notes.charged.get(&command.id)
            && *certainty < command.certainty
        {
            amounts.iter_mut().zip(floor).for_each(|(amount, floor)| *amount += floor);
        }
        notes.charged.insert(command.id, (command.certainty, amounts.clone()));
        amounts
    }

    fn fresh(&self) -> ReservationId {
        ReservationId::generate(self.clock.now())
    }
}

fn changed(claim: &Claim, change: impl Fn(ClaimLine) -> ClaimLine) -> Claim {
    let lines = claim.lines().iter().cloned().map(change).collect();
    Claim::new(claim.tenant().clone(), claim.scopes(), lines).expect("the same accounts")
}

#[expect(clippy::float_arithmetic, reason = "this is the mistake")]
#[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "this is the mistake")]
fn through_dollars(nanos: i64) -> i64 {
    let dollars = nanos as f64 / 1e9;
    (dollars * 1e9).round() as i64
}

#[async_trait]
impl BudgetLedger for Planted {
    async fn reserve(&self, command: Reserve<'_>) -> Result<Reply, Error> {
        self.sweep().await;
        let claim = self.read(command.claim);
        let amounts = self.count(&claim, command.amounts);
        let id = self.alias(command.id);
        let command = Reserve { id, claim: &claim, amounts: &amounts, ..command };
        self.notes.lock().seen.insert(id);
        match self.bug {
            Bug::ChecksOutsideTheLock => self.check_then_hold(command).await,
            Bug::LocksInTheOrderOfTheClaim => self.hold_under_locks(command),
            Bug::ExpiresANanosecondLate => {
                let expires_at = command.expires_at + Duration::from_nanos(1);
                BudgetLedger::reserve(&self.inner, Reserve { expires_at, ..command }).await
            }
            Bug::ExpiresOnlyWhenSwept => {
                let unswept = (command.expires_at, id, claim.clone(), amounts.clone());
                self.notes.lock().unswept.push(unswept);
                let expires_at = Timestamp::MAX;
                BudgetLedger::reserve(&self.inner, Reserve { expires_at, ..command }).await
            }
            Bug::AsksForARefusedIdAnew => {
                let reply = BudgetLedger::reserve(&self.inner, command).await?;
                if reply.outcome == Outcome::Refused {
                    let fresh = self.fresh();
                    self.notes.lock().aliases.insert(id, fresh);
                }
                Ok(reply)
            }
            _ => BudgetLedger::reserve(&self.inner, command).await,
        }
    }

    async fn reconcile(&self, command: Reconcile<'_>) -> Result<Reply, Error> {
        self.sweep().await;
        let claim = self.read(command.claim);
        let mut amounts = self.count(&claim, command.amounts);
        let id = self.alias(command.id);
        self.notes.lock().seen.insert(id);
        if self.bug == Bug::KeepsTheFloorBesideTheActual {
            amounts = self.with_floor(&command);
        }
        let command = Reconcile { id, claim: &claim, amounts: &amounts, ..command };
        match self.bug {
            Bug::ChargesTheWindowOfTheReconcile => self.charge_today(command).await,
            _ => BudgetLedger::reconcile(&self.inner, command).await,
        }
    }

    async fn release(&self, command: Release<'_>) -> Result<Reply, Error> {
        self.sweep().await;
        let id = self.alias(command.id);
        let is_unseen = !self.notes.lock().seen.contains(&id);
        let is_dropped = match self.bug {
            Bug::IgnoresTombstones => is_unseen,
            Bug::ForgetsToRelease => true,
            _ => false,
        };
        // A release of something else answers as if it had been done.
        let id = if is_dropped { self.fresh() } else { id };
        BudgetLedger::release(&self.inner, Release { id, ..command }).await
    }

    async fn resize(&self, command: Resize<'_>) -> Result<Reply, Error> {
        self.sweep().await;
        let claim = self.read(command.claim);
        let amounts = self.count(&claim, command.amounts);
        let id = self.alias(command.id);
        BudgetLedger::resize(&self.inner, Resize { id, claim: &claim, amounts: &amounts, ..command }).await
    }

    async fn record(&self, command: Record<'_>) -> Result<Reply, Error> {
        self.sweep().await;
        let claim = self.read(command.claim);
        self.notes.lock().seen.insert(command.id);
        BudgetLedger::record(&self.inner, Record { claim: &claim, ..command }).await
    }

    async fn mark(&self, command: MarkScope<'_>) -> Result<Reply, Error> {
        BudgetLedger::mark(&self.inner, command).await
    }

    async fn marks(&self, tenant: &Tenant, scopes: &[Scope]) -> Result<Vec<Frozen>, Error> {
        BudgetLedger::marks(&self.inner, tenant, scopes).await
    }

    async fn balances(&self, lines: &[(Account, Period)]) -> Result<Vec<Balance>, Error> {
        BudgetLedger::balances(&self.inner, lines).await
    }

    async fn entries(&self, tenant: &Tenant, from: u64, limit: usize) -> Result<Vec<Entry>, Error> {
        self.inner.entries(tenant, from, limit).await
    }

    async fn pending_events(&self, limit: usize) -> Result<Vec<PendingEvent>, Error> {
        self.inner.pending_events(limit).await
    }

    async fn delivered(&self, events: &[PendingEvent]) -> Result<(), Error> {
        self.inner.delivered(events).await
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    fn immediate(&self) -> Option<&dyn ImmediateLedger> {
        None
    }
}
