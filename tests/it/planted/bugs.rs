//! Which mistakes do backends make? Ledgers that are right but for one of them.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use parking_lot::Mutex;
use token_budget::ledger::{
    Account, Answer, Balance, Capabilities, Certainty, Claim, ClaimLine, Entry, FrozenScope, Hold, MarkScope,
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
    FiresOnlyAboveTheThreshold,
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
            Bug::FiresOnlyAboveTheThreshold => changed(claim, |line| {
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
    fn sweep(&self) {
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
            let command = Resize { now: None, id, claim: &claim, amounts: &amounts, expires_at: Some(end) };
            let _ = BudgetLedger::resize(&self.inner, command).wait();
        }
    }

    /// Looks whether all lines fit, lets others run, and then holds without looking.
    fn check_then_hold(&self, command: Reserve<'_>) -> Result<Reply, Error> {
        let lines: Vec<_> = command.claim.lines().iter().map(|it| (it.account.clone(), it.period)).collect();
        let balances = BudgetLedger::balances(&self.inner, &lines).wait()?;
        let fits = command.claim.lines().iter().zip(&balances).zip(command.amounts).all(
            |((line, balance), amount)| {
                *amount == 0 || balance.used().checked_add(*amount).is_some_and(|used| used <= line.ceiling)
            },
        );
        thread::yield_now();
        if !fits {
            return BudgetLedger::reserve(&self.inner, command).wait();
        }
        let unlimited = changed(command.claim, |line| ClaimLine { ceiling: i64::MAX, ..line });
        BudgetLedger::reserve(&self.inner, Reserve { claim: &unlimited, ..command }).wait()
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
        BudgetLedger::reserve(&self.inner, command).wait()
    }

    /// Charges the running day, whatever day was held.
    fn charge_today(&self, command: Reconcile<'_>) -> Result<Reply, Error> {
        let today = self.clock.now().as_nanos().div_euclid(1_000_000_000_000);
        let claim = changed(command.claim, |line| {
            let is_day = line.period.span == 1 && line.period.until != Timestamp::MAX;
            ClaimLine { period: if is_day { crate::books::day(today) } else { line.period }, ..line }
        });
        let is_other_day =
            claim.lines().iter().zip(command.claim.lines()).any(|(new, old)| new.period != old.period);
        if !is_other_day {
            return BudgetLedger::reconcile(&self.inner, command).wait();
        }
        let release = Release {
            now: None,
            id: command.id,
            tenant: claim.tenant(),
            attribution: None,
            note: command.note,
        };
        BudgetLedger::release(&self.inner, release).wait()?;
        BudgetLedger::reconcile(&self.inner, Reconcile { claim: &claim, id: self.fresh(), ..command }).wait()
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

impl BudgetLedger for Planted {
    fn now(&self) -> Option<Timestamp> {
        self.inner.now()
    }

    fn reserve(&self, command: Reserve<'_>) -> Answer<'static, Reply> {
        let answer = || -> Result<Reply, Error> {
            self.sweep();
            let claim = self.read(command.claim);
            let amounts = self.count(&claim, command.amounts);
            let id = self.alias(command.id);
            let command = Reserve { id, claim: &claim, amounts: &amounts, ..command };
            self.notes.lock().seen.insert(id);
            match self.bug {
                Bug::ChecksOutsideTheLock => self.check_then_hold(command),
                Bug::LocksInTheOrderOfTheClaim => self.hold_under_locks(command),
                Bug::ExpiresANanosecondLate => {
                    let expires_at = command.expires_at + Duration::from_nanos(1);
                    BudgetLedger::reserve(&self.inner, Reserve { expires_at, ..command }).wait()
                }
                Bug::ExpiresOnlyWhenSwept => {
                    let unswept = (command.expires_at, id, claim.clone(), amounts.clone());
                    self.notes.lock().unswept.push(unswept);
                    let expires_at = Timestamp::MAX;
                    BudgetLedger::reserve(&self.inner, Reserve { expires_at, ..command }).wait()
                }
                Bug::AsksForARefusedIdAnew => {
                    let reply = BudgetLedger::reserve(&self.inner, command).wait()?;
                    if reply.outcome == Outcome::Refused {
                        let fresh = self.fresh();
                        self.notes.lock().aliases.insert(id, fresh);
                    }
                    Ok(reply)
                }
                _ => BudgetLedger::reserve(&self.inner, command).wait(),
            }
        };
        answer().into()
    }

    fn reconcile(&self, command: Reconcile<'_>) -> Answer<'static, Reply> {
        let answer = || -> Result<Reply, Error> {
            self.sweep();
            let claim = self.read(command.claim);
            let mut amounts = self.count(&claim, command.amounts);
            let id = self.alias(command.id);
            self.notes.lock().seen.insert(id);
            if self.bug == Bug::KeepsTheFloorBesideTheActual {
                amounts = self.with_floor(&command);
            }
            let command = Reconcile { id, claim: &claim, amounts: &amounts, ..command };
            match self.bug {
                Bug::ChargesTheWindowOfTheReconcile => self.charge_today(command),
                _ => BudgetLedger::reconcile(&self.inner, command).wait(),
            }
        };
        answer().into()
    }

    fn release(&self, command: Release<'_>) -> Answer<'static, Reply> {
        let answer = || -> Result<Reply, Error> {
            self.sweep();
            let id = self.alias(command.id);
            let is_unseen = !self.notes.lock().seen.contains(&id);
            let is_dropped = match self.bug {
                Bug::IgnoresTombstones => is_unseen,
                Bug::ForgetsToRelease => true,
                _ => false,
            };
            // A release of something else answers as if it had been done.
            let id = if is_dropped { self.fresh() } else { id };
            BudgetLedger::release(&self.inner, Release { id, ..command }).wait()
        };
        answer().into()
    }

    fn resize(&self, command: Resize<'_>) -> Answer<'static, Reply> {
        let answer = || -> Result<Reply, Error> {
            self.sweep();
            let claim = self.read(command.claim);
            let amounts = self.count(&claim, command.amounts);
            let id = self.alias(command.id);
            BudgetLedger::resize(&self.inner, Resize { id, claim: &claim, amounts: &amounts, ..command })
                .wait()
        };
        answer().into()
    }

    fn record(&self, command: Record<'_>) -> Answer<'static, Reply> {
        let answer = || -> Result<Reply, Error> {
            self.sweep();
            let claim = self.read(command.claim);
            self.notes.lock().seen.insert(command.id);
            BudgetLedger::record(&self.inner, Record { claim: &claim, ..command }).wait()
        };
        answer().into()
    }

    fn mark(&self, command: MarkScope<'_>) -> Answer<'static, Reply> {
        BudgetLedger::mark(&self.inner, command)
    }

    fn marks(&self, tenant: &Tenant, scopes: &[Scope]) -> Answer<'static, Vec<FrozenScope>> {
        BudgetLedger::marks(&self.inner, tenant, scopes)
    }

    fn hold(&self, tenant: &Tenant, id: ReservationId) -> Answer<'static, Option<Hold>> {
        BudgetLedger::hold(&self.inner, tenant, self.alias(id))
    }

    fn balances(&self, lines: &[(Account, Period)]) -> Answer<'static, Vec<Balance>> {
        BudgetLedger::balances(&self.inner, lines)
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
