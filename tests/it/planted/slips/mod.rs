//! Which further mistakes does a tired author make? Wrong keys, wrong retries, wrong answers, wrong order.
//!
//! As in `bugs`, each is a ledger that is right but for one of them.

mod ledger;

use std::collections::HashMap;
use std::sync::Arc;
use std::thread;

use parking_lot::Mutex;
use token_budget::call::ScopeKind;
use token_budget::ledger::{
    Account, BudgetKey, Claim, ClaimLine, Effects, FrozenScope, MemoryOptions, Outcome, Reply, ReservationId,
    Reserve, Resize,
};
use token_budget::time::{ManualClock, Period, Timestamp};
use token_budget::usage::Unit;
use token_budget::{BudgetLedger, Clock, Error, ErrorKind, MemoryLedger, Scope};

/// A mistake, named after what the ledger does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slip {
    // Keys.
    CountsEveryUnitOnOneAccount,
    ComparesNamesWithoutTheirCase,
    KeepsTheLast64BitsOfAnId,
    FreezesTheScopeUnderEveryTenant,
    EndsLaterThanItSays,
    // Retries.
    AnswersWithTheBalancesOfThen,
    TakesTheDeadlineForPartOfTheBody,
    TakesAnotherDayForTheSameBody,
    ChargesTheLinesThatAreNamed,
    LooksAtFreezesBeforeTheId,
    BuriesForAMinute,
    ExecutesWhatItForgot,
    RemembersLessThanItSays,
    // Answers and entries.
    AnswersWithTheTimeOfTheMachine,
    LooksAtTheFirstLinesPeriodOnly,
    EndsTiesAsTheyCame,
    CountsLinesForEntries,
    DropsNotes,
    DropsWhoReleased,
    TellsWhoServedForWhoWasAsked,
    TakesAnUnknownCostForZero,
    TellsTheNewestPeriodInEveryEntry,
    TellsAThresholdWithoutItsAccount,
    // Half a command, or one done twice.
    HoldsTheFirstLineOfASumThatDoesNotFit,
    GrowsOutsideTheLock,
    LooksForTheIdOutsideTheLock,
}

/// A ledger in memory with one mistake around it.
#[derive(Debug)]
pub(super) struct Slipping {
    inner: MemoryLedger,
    clock: Arc<ManualClock>,
    slip: Slip,
    notes: Mutex<Notes>,
}

/// What the mistakes remember.
#[derive(Debug, Default)]
struct Notes {
    first: HashMap<ReservationId, First>,
    aliases: HashMap<ReservationId, ReservationId>,
    buried: HashMap<ReservationId, Timestamp>,
    /// What each id holds, or held when it ended.
    held: HashMap<ReservationId, Vec<i64>>,
    /// Ids in the order in which they came.
    order: Vec<ReservationId>,
    frozen: Vec<FrozenScope>,
    /// The newest period in which an account was named.
    newest: HashMap<String, i64>,
}

/// The first reserve of an id.
#[derive(Clone, Debug)]
struct First {
    claim: Claim,
    expires_at: Timestamp,
    reply: Option<Reply>,
}

impl Slipping {
    pub(super) fn new(slip: Slip, clock: Arc<ManualClock>) -> Self {
        // Who is wrong about what was forgotten forgets soon, so that there is something.
        let forgets = matches!(slip, Slip::ExecutesWhatItForgot | Slip::RemembersLessThanItSays);
        let ended_max = if forgets { 50 } else { MemoryOptions::default().ended_max };
        let options = MemoryOptions { ended_max, ..MemoryOptions::default() };
        let inner = MemoryLedger::with_options(clock.clone(), options);
        Self { inner, clock, slip, notes: Mutex::default() }
    }

    /// The account under which this ledger keeps it.
    fn account(&self, account: &Account) -> Account {
        let (book, scope) = (account.key(), account.scope());
        match self.slip {
            Slip::CountsEveryUnitOnOneAccount => {
                Account::new(Arc::new(BudgetKey { unit: Unit::Usd, ..BudgetKey::clone(book) }), scope.clone())
            }
            Slip::ComparesNamesWithoutTheirCase => Account::new(Arc::clone(book), without_case(scope)),
            _ => account.clone(),
        }
    }

    /// The claim as this ledger reads it. Two lines that it mixes up are one, and it keeps the first.
    fn claim(&self, claim: &Claim) -> Claim {
        let mut lines: Vec<ClaimLine> = Vec::new();
        for (at, line) in claim.lines().iter().enumerate() {
            let account = self.account(&line.account);
            let is_known = lines.iter().any(|line| line.account == account);
            // A second line on the same account is parked where it disturbs nobody.
            let account = if is_known { parked(&account, at) } else { account };
            let period = match self.slip {
                Slip::LooksAtTheFirstLinesPeriodOnly if at > 0 => {
                    Period { from: Timestamp::MIN, until: Timestamp::MAX, ..line.period }
                }
                _ => line.period,
            };
            let mut notes = self.notes.lock();
            let newest = notes.newest.entry(format!("{account:?}")).or_insert(period.number);
            *newest = (*newest).max(period.number);
            lines.push(ClaimLine { account, period, ..line.clone() });
        }
        Claim::new(claim.tenant().clone(), claim.scopes(), lines).expect("accounts that differ")
    }

    /// The id under which this ledger keeps it.
    fn id(&self, id: ReservationId) -> ReservationId {
        // And its time, which stands in the first 48.
        if self.slip == Slip::KeepsTheLast64BitsOfAnId {
            return ReservationId::from_bits(id.to_bits() & !(0xffff << 64));
        }
        self.notes.lock().aliases.get(&id).copied().unwrap_or(id)
    }

    fn forget(&self, id: ReservationId) -> ReservationId {
        let fresh = ReservationId::generate(self.clock.now());
        self.notes.lock().aliases.insert(id, fresh);
        fresh
    }

    /// The reply as this ledger gives it.
    fn reply(&self, reply: Result<Reply, Error>) -> Result<Reply, Error> {
        let mut reply = reply?;
        match self.slip {
            Slip::AnswersWithTheTimeOfTheMachine => reply.now = self.clock.now(),
            Slip::EndsTiesAsTheyCame => {
                if let Some(effects) = reply.effects.as_deref_mut() {
                    self.in_order_of_arrival(effects);
                }
            }
            _ => {}
        }
        Ok(reply)
    }

    fn in_order_of_arrival(&self, effects: &mut Effects) {
        let notes = self.notes.lock();
        let came = |id: ReservationId| notes.order.iter().position(|known| *known == id);
        effects.expired.sort_by_key(|hold| (hold.due, came(hold.id)));
    }

    /// The reserve that this ledger answers by itself, wrongly; none where it asks the right one.
    fn misjudged(&self, command: &Reserve<'_>) -> Option<Result<Reply, Error>> {
        let first = self.notes.lock().first.get(&command.id).cloned();
        match self.slip {
            Slip::TakesTheDeadlineForPartOfTheBody => {
                let is_other = first.is_some_and(|first| first.expires_at != command.expires_at);
                is_other.then(|| Err(Error::new(ErrorKind::Conflict, "came before with another deadline")))
            }
            Slip::LooksAtFreezesBeforeTheId => {
                let notes = self.notes.lock();
                let is_frozen = |scope: &Scope| notes.frozen.iter().any(|frozen| frozen.scope == *scope);
                let is_known = notes.first.contains_key(&command.id);
                (is_known && command.claim.scopes().iter().any(is_frozen)).then(|| Ok(self.refusal()))
            }
            Slip::AnswersWithTheBalancesOfThen => first.and_then(|first| first.reply).map(|reply| {
                let (effects, now) = (None, self.clock.now());
                Ok(Reply { repeated: true, effects, now, ..reply })
            }),
            _ => None,
        }
    }

    fn refusal(&self) -> Reply {
        let (repeated, unheld, replaced, effects) = (false, false, None, None);
        let (outcome, now, balances) = (Outcome::Refused, self.clock.now(), Default::default());
        Reply { outcome, repeated, unheld, replaced, now, balances, effects }
    }

    fn reserve_rightly(&self, command: Reserve<'_>) -> Result<Reply, Error> {
        let (expires_at, claim) = (command.expires_at, command.claim.clone());
        let reply = BudgetLedger::reserve(&self.inner, command).wait();
        let mut notes = self.notes.lock();
        notes.order.push(command.id);
        notes.held.entry(command.id).or_insert_with(|| command.amounts.to_vec());
        if let Ok(reply) = &reply
            && reply.outcome != Outcome::Stale
        {
            let first = First { claim, expires_at, reply: Some(reply.clone()) };
            notes.first.entry(command.id).or_insert(first);
        }
        reply
    }

    /// Looks whether it may grow, lets others run, and then grows without looking.
    fn grow(&self, command: Resize<'_>) -> Result<Reply, Error> {
        let lines: Vec<_> = command.claim.lines().iter().map(|it| (it.account.clone(), it.period)).collect();
        let balances = BudgetLedger::balances(&self.inner, &lines).wait()?;
        let held = self.notes.lock().held.get(&command.id).cloned().unwrap_or_default();
        let growth = command.amounts.iter().zip(&held).map(|(new, old)| new - old);
        let room = command.claim.lines().iter().zip(&balances).map(|(line, it)| line.ceiling - it.used());
        let fits = held.len() == lines.len() && growth.zip(room).all(|(growth, room)| growth <= room);
        thread::yield_now();
        if !fits {
            return BudgetLedger::resize(&self.inner, command).wait();
        }
        let lines = command.claim.lines().iter().map(|line| ClaimLine { ceiling: i64::MAX, ..line.clone() });
        let claim = Claim::new(command.claim.tenant().clone(), command.claim.scopes(), lines.collect());
        let claim = claim.expect("the same accounts");
        let reply = BudgetLedger::resize(&self.inner, Resize { claim: &claim, ..command }).wait()?;
        self.notes.lock().held.insert(command.id, command.amounts.to_vec());
        Ok(reply)
    }

    /// Whether the id is new, as this ledger sees it: others may see the same until it is written down.
    fn is_new(&self, id: ReservationId) -> bool {
        let is_new = !self.notes.lock().first.contains_key(&id);
        thread::yield_now();
        is_new
    }

    /// Notes when an id that was never held was released.
    fn bury(&self, id: ReservationId) {
        let mut notes = self.notes.lock();
        if !notes.first.contains_key(&id) {
            notes.buried.insert(id, self.clock.now());
        }
    }

    fn note_frozen(&self, scope: &Scope, standing: Vec<FrozenScope>) {
        let mut notes = self.notes.lock();
        notes.frozen.retain(|frozen| frozen.scope != *scope);
        notes.frozen.extend(standing);
    }

    fn write_down(&self, id: ReservationId, claim: &Claim) {
        let first = First { claim: claim.clone(), expires_at: Timestamp::MAX, reply: None };
        self.notes.lock().first.entry(id).or_insert(first);
    }
}

/// `user/Ada` and `user/ada` alike.
fn without_case(scope: &Scope) -> Scope {
    Scope::new(scope.kind().clone(), scope.name().to_lowercase()).expect("a name")
}

fn parked(account: &Account, at: usize) -> Account {
    let kind: ScopeKind = "parked".parse().expect("a kind");
    Account::new(Arc::clone(account.key()), Scope::new(kind, at.to_string()).expect("a name"))
}
