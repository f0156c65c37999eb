//! How is a ledger of one's own written? A small one, and the table of the laws it keeps.
//!
//! `docs/LEDGER.md` builds it in front of its reader. One map and one lock: honest
//! about what it leaves out (rolling windows, levels, refunds, frozen scopes),
//! and right about everything else. Run it with
//! `cargo run --example custom_ledger --features testing`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use token_budget::ledger::{
    Account, Answer, Attribution, Balance, Capabilities, Certainty, Claim, ClaimLine, Effects, Ended, Entry,
    EntryKind, EntryLine, Expired, FrozenScope, MarkScope, Note, OnExpiry, Outcome, PendingEvent, Reconcile,
    Record, Release, Reply, ReservationId, Reserve, Resize, Tenant,
};
use token_budget::testing::conformance::{self, Maker, Offers, Standing};
use token_budget::time::{Period, Timestamp};
use token_budget::{BudgetLedger, Clock, Error, ErrorKind, Scope};

/// Books in one map, under one lock.
#[derive(Debug)]
struct OneMap {
    clock: Arc<dyn Clock>,
    books: Mutex<Books>,
}

/// What the lock guards: balances by account and period, what is known of each id, and the journal.
#[derive(Debug)]
struct Books {
    now: Timestamp,
    balances: BTreeMap<(String, i64), Balance>,
    known: BTreeMap<Key, Known>,
    journal: BTreeMap<String, Vec<Entry>>,
    /// Expiries that no reply has told yet, by root.
    untold: BTreeMap<String, Vec<Expired>>,
}

/// An id, in the books of a root.
type Key = (String, ReservationId);

/// All that is remembered of an id.
#[derive(Clone, Debug)]
struct Known {
    stage: Stage,
    lines: Vec<ClaimLine>,
    /// What its first command asked for: a repeat must ask for the same.
    asked: Vec<i64>,
    /// What it holds, or what it is charged.
    amounts: Vec<i64>,
    expires_at: Timestamp,
    /// What it is charged if it expires; none is what it holds then.
    on_expiry: Option<Vec<i64>>,
    unheld: bool,
}

/// How far an id has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Held,
    Charged(Certainty),
    Released,
    Refused,
    Tombstone,
}

impl OneMap {
    fn new(clock: Arc<dyn Clock>) -> Self {
        let books = Books {
            now: Timestamp::MIN,
            balances: BTreeMap::new(),
            known: BTreeMap::new(),
            journal: BTreeMap::new(),
            untold: BTreeMap::new(),
        };
        Self { clock, books: Mutex::new(books) }
    }

    /// Works on the books of now, in which nothing is due.
    fn obey<T>(&self, work: impl FnOnce(&mut Books) -> Result<T, Error>) -> Answer<'static, T> {
        let mut books = self.books.lock();
        let on_time = books.end_what_is_due(self.clock.now());
        Answer::Now(on_time.and_then(|()| work(&mut books)))
    }
}

impl Books {
    /// Lets time run, forwards only, and ends holds by age: oldest first, ties by id.
    fn end_what_is_due(&mut self, now: Timestamp) -> Result<(), Error> {
        self.now = self.now.max(now);
        let is_due = |known: &Known| known.stage == Stage::Held && known.expires_at <= self.now;
        let due = self.known.iter().filter(|(_, known)| is_due(known));
        let mut due: Vec<_> = due.map(|(key, known)| (known.expires_at, key.1, key.clone())).collect();
        due.sort();
        let note = Note { ended: Some(Ended::Expired), ..Note::default() };
        for (due, id, key) in due {
            let Some(known) = self.known.get(&key).cloned() else { continue };
            let charge = known.on_expiry.clone().unwrap_or_else(|| known.amounts.clone());
            let accounts = known.lines.iter().map(|line| line.account.clone());
            let charged = accounts.zip(charge.iter().copied()).collect();
            self.end(&key, &known, (Stage::Charged(Certainty::Expired), charge), (&note, None))?;
            self.untold.entry(key.0).or_default().push(Expired { id, due, charged });
        }
        Ok(())
    }

    fn reserve(&mut self, command: &Reserve<'_>) -> Result<Reply, Error> {
        let Reserve { id, claim, amounts, expires_at, on_expiry, note, .. } = *command;
        check(claim, amounts)?;
        let on_expiry = match on_expiry {
            OnExpiry::Nothing => Some(vec![0; amounts.len()]),
            OnExpiry::Hold => None,
            OnExpiry::Amounts(charge) => check(claim, charge).map(|()| Some(charge.to_vec()))?,
        };
        let key = (name(claim.tenant()), id);
        let before = self.balances_of(claim.lines());
        if let Some(known) = self.known.get(&key) {
            let first = known.first_outcome(id, claim, amounts)?;
            return Ok(Reply { repeated: true, ..self.reply(&key.0, first, before) });
        }
        if claim.lines().iter().any(|line| !line.period.contains(self.now)) {
            return Ok(self.reply(&key.0, Outcome::Stale, Vec::new()));
        }
        let fits = all_fit(claim.lines(), &before, amounts)?;
        let (lines, amounts) = (claim.lines().to_vec(), amounts.to_vec());
        let stage = if fits { Stage::Held } else { Stage::Refused };
        let asked = amounts.clone();
        let known = Known { stage, lines, asked, amounts, expires_at, on_expiry, unheld: false };
        if fits {
            let changes = known.amounts.iter().map(|amount| (0, *amount)).collect();
            self.post(&key, &known.lines, changes, (EntryKind::Reserved, note, None))?;
        }
        self.known.insert(key.clone(), known);
        let outcome = if fits { Outcome::Applied } else { Outcome::Refused };
        Ok(self.reply(&key.0, outcome, before))
    }

    fn reconcile(&mut self, command: &Reconcile<'_>) -> Result<Reply, Error> {
        let Reconcile { id, claim, amounts, certainty, note, .. } = *command;
        check(claim, amounts)?;
        let key = (name(claim.tenant()), id);
        let known = self.known.get(&key).cloned();
        let held = known.filter(|known| !matches!(known.stage, Stage::Refused | Stage::Tombstone));
        let Some(known) = held else { return self.charge_unheld(&key, command) };
        if !known.is_about(claim) {
            return Err(conflict(id, &known));
        }
        let stands = if let Stage::Charged(certainty) = known.stage { Some(certainty) } else { None };
        let (outcome, repeated) = match stands {
            Some(stands) if certainty == stands && known.amounts != amounts => {
                return Err(conflict(id, &known));
            }
            Some(stands) if certainty == stands => (Outcome::Applied, true),
            Some(stands) if certainty < stands => (Outcome::Ignored, false),
            _ => {
                self.end(&key, &known, (Stage::Charged(certainty), amounts.to_vec()), (note, None))?;
                (Outcome::Applied, false)
            }
        };
        let replaced = stands.filter(|stands| *stands < certainty);
        let after = self.balances_of(claim.lines());
        Ok(Reply { repeated, replaced, unheld: known.unheld, ..self.reply(&key.0, outcome, after) })
    }

    /// Records usage in full, although nothing was held for it.
    fn charge_unheld(&mut self, key: &Key, command: &Reconcile<'_>) -> Result<Reply, Error> {
        let (lines, amounts) = (command.claim.lines().to_vec(), command.amounts.to_vec());
        let changes = amounts.iter().map(|amount| (*amount, 0)).collect();
        self.post(key, &lines, changes, (EntryKind::Unheld(command.certainty), command.note, None))?;
        let (stage, asked, expires_at) = (Stage::Charged(command.certainty), amounts.clone(), Timestamp::MAX);
        let known = Known { stage, lines, asked, amounts, expires_at, on_expiry: None, unheld: true };
        self.known.insert(key.clone(), known);
        let after = self.balances_of(command.claim.lines());
        Ok(Reply { unheld: true, ..self.reply(&key.0, Outcome::Applied, after) })
    }

    fn release(&mut self, command: &Release<'_>) -> Result<Reply, Error> {
        let key = (name(command.tenant), command.id);
        let Some(known) = self.known.get(&key).cloned() else {
            // A delayed reserve must not come alive.
            self.known.insert(key.clone(), Known::tombstone());
            return Ok(self.reply(&key.0, Outcome::Applied, Vec::new()));
        };
        match known.stage {
            Stage::Held
            | Stage::Charged(Certainty::Expired | Certainty::Provisional | Certainty::Estimated) => {
                let nothing = vec![0; known.amounts.len()];
                self.end(&key, &known, (Stage::Released, nothing), (command.note, command.attribution))?;
                let after = self.balances_of(&known.lines);
                Ok(self.reply(&key.0, Outcome::Applied, after))
            }
            Stage::Released | Stage::Tombstone => {
                let after = self.balances_of(&known.lines);
                Ok(Reply { repeated: true, ..self.reply(&key.0, Outcome::Applied, after) })
            }
            Stage::Charged(Certainty::Reported) => {
                Err(state(command.id, "is charged what the provider reported"))
            }
            Stage::Refused => Err(state(command.id, "was refused")),
        }
    }

    fn resize(&mut self, command: &Resize<'_>) -> Result<Reply, Error> {
        let Resize { id, claim, amounts, expires_at, .. } = *command;
        check(claim, amounts)?;
        let key = (name(claim.tenant()), id);
        let held = self.known.get(&key).filter(|known| known.stage == Stage::Held).cloned();
        let known = held.ok_or_else(|| state(id, "is not held"))?;
        if !known.is_about(claim) {
            return Err(conflict(id, &known));
        }
        let before = self.balances_of(claim.lines());
        let growth: Vec<i64> =
            amounts.iter().zip(&known.amounts).map(|(new, old)| new.saturating_sub(*old)).collect();
        if !all_fit(claim.lines(), &before, &growth)? {
            return Ok(self.reply(&key.0, Outcome::Refused, before));
        }
        if growth.iter().any(|growth| *growth != 0) {
            let changes = growth.iter().map(|growth| (0, *growth)).collect();
            self.post(&key, &known.lines, changes, (EntryKind::Resized, &Note::default(), None))?;
        }
        let expires_at = expires_at.unwrap_or(known.expires_at);
        self.known.insert(key.clone(), Known { amounts: amounts.to_vec(), expires_at, ..known });
        Ok(self.reply(&key.0, Outcome::Applied, before))
    }

    /// Replaces what an id holds or is charged by these amounts, in this stage.
    fn end(
        &mut self,
        key: &Key,
        known: &Known,
        (stage, amounts): (Stage, Vec<i64>),
        (note, attribution): (&Note, Option<&Attribution>),
    ) -> Result<(), Error> {
        let change = |(new, old): (&i64, &i64)| match known.stage {
            Stage::Held => (*new, old.saturating_neg()),
            _ => (new.saturating_sub(*old), 0),
        };
        let changes = amounts.iter().zip(&known.amounts).map(change).collect();
        let kind = match stage {
            Stage::Charged(certainty) => EntryKind::Reconciled(certainty),
            _ => EntryKind::Released,
        };
        self.post(key, &known.lines, changes, (kind, note, attribution))?;
        self.known.insert(key.clone(), Known { stage, amounts, ..known.clone() });
        Ok(())
    }

    /// Changes every line and writes one entry, or changes nothing: new balances are all worked out first.
    fn post(
        &mut self,
        key: &Key,
        lines: &[ClaimLine],
        changes: Vec<(i64, i64)>,
        (kind, note, attribution): (EntryKind, &Note, Option<&Attribution>),
    ) -> Result<(), Error> {
        let mut new = Vec::new();
        for ((line, (spent, reserved)), old) in lines.iter().zip(&changes).zip(self.balances_of(lines)) {
            let sums = (old.spent.checked_add(*spent), old.reserved.checked_add(*reserved));
            let (Some(spent), Some(reserved)) = sums else { return Err(overflow(line)) };
            spent.checked_add(reserved).ok_or_else(|| overflow(line))?;
            new.push((cell(&line.account, &line.period), Balance { spent, reserved }));
        }
        self.balances.extend(new);
        let journal = self.journal.entry(key.0.clone()).or_default();
        let lines = lines.iter().zip(changes).map(|(line, (spent, reserved))| EntryLine {
            account: line.account.clone(),
            period: line.period.number,
            spent,
            reserved,
        });
        journal.push(Entry {
            sequence: (journal.len() as u64).saturating_add(1),
            at: self.now,
            id: key.1,
            kind,
            lines: lines.collect(),
            note: note.clone(),
            attribution: attribution.cloned(),
        });
        Ok(())
    }

    fn balances_of(&self, lines: &[ClaimLine]) -> Vec<Balance> {
        lines.iter().map(|line| self.balance(&line.account, &line.period)).collect()
    }

    fn balance(&self, account: &Account, period: &Period) -> Balance {
        self.balances.get(&cell(account, period)).copied().unwrap_or_default()
    }

    /// An answer, with the expiries that nobody heard of yet.
    fn reply(&mut self, tenant: &str, outcome: Outcome, balances: Vec<Balance>) -> Reply {
        let expired = self.untold.remove(tenant);
        let effects = expired.map(|expired| Box::new(Effects { expired, ..Effects::default() }));
        let (repeated, unheld, replaced, now) = (false, false, None, self.now);
        Reply { outcome, repeated, unheld, replaced, now, balances: balances.into_iter().collect(), effects }
    }
}

impl Known {
    fn tombstone() -> Self {
        let (lines, asked, amounts) = (Vec::new(), Vec::new(), Vec::new());
        let stage = Stage::Tombstone;
        Self { stage, lines, asked, amounts, expires_at: Timestamp::MAX, on_expiry: None, unheld: false }
    }

    /// What the first reserve of this id was answered, if this one is the same.
    fn first_outcome(&self, id: ReservationId, claim: &Claim, amounts: &[i64]) -> Result<Outcome, Error> {
        match self.stage {
            Stage::Tombstone => Err(state(id, "was released before it arrived")),
            _ if self.unheld => Err(state(id, "was charged before it arrived")),
            _ if !self.is_about(claim) || self.asked != amounts => Err(conflict(id, self)),
            Stage::Refused => Ok(Outcome::Refused),
            _ => Ok(Outcome::Applied),
        }
    }

    /// Whether a claim names the same accounts and periods; ceilings may have moved.
    fn is_about(&self, claim: &Claim) -> bool {
        let named = claim.lines().iter().map(|line| (&line.account, line.period));
        self.lines.iter().map(|line| (&line.account, line.period)).eq(named)
    }
}

/// The one inequality, on every line. A line that does not grow always fits.
fn all_fit(lines: &[ClaimLine], balances: &[Balance], amounts: &[i64]) -> Result<bool, Error> {
    let mut fits = true;
    for ((line, balance), amount) in lines.iter().zip(balances).zip(amounts) {
        let used = balance.used().checked_add(*amount);
        if used.is_none() && line.ceiling == i64::MAX {
            return Err(overflow(line));
        }
        fits &= *amount <= 0 || used.is_some_and(|used| used <= line.ceiling);
    }
    Ok(fits)
}

/// Refuses what cannot be: amounts that do not fit the lines or are below zero; and what is not offered.
fn check(claim: &Claim, amounts: &[i64]) -> Result<(), Error> {
    if claim.lines().iter().any(|line| line.period.span > 1) {
        return Err(not_offered("rolling windows"));
    }
    if claim.lines().iter().any(|line| !line.thresholds.is_empty()) {
        return Err(not_offered("levels"));
    }
    if claim.lines().len() != amounts.len() || amounts.iter().any(|amount| *amount < 0) {
        return Err(Error::invalid("amounts", format!("{amounts:?} for {} lines", claim.lines().len())));
    }
    Ok(())
}

fn name(tenant: &Tenant) -> String {
    tenant.name().to_owned()
}

/// Where the map keeps an account's period. The root is part of the name: two roots are separate books.
fn cell(account: &Account, period: &Period) -> (String, i64) {
    (format!("{account:?}"), period.number)
}

fn not_offered(what: &str) -> Error {
    Error::new(ErrorKind::Unsupported, format!("{what} are not offered"))
}

fn overflow(line: &ClaimLine) -> Error {
    Error::overflow(&line.account.to_string())
}

fn state(id: ReservationId, what: &str) -> Error {
    Error::new(ErrorKind::State, format!("reservation {id} {what}"))
}

fn conflict(id: ReservationId, known: &Known) -> Error {
    let text = format!("reservation {id} came before with {:?}; the first stands", known.asked);
    Error::new(ErrorKind::Conflict, text)
}

impl BudgetLedger for OneMap {
    fn now(&self) -> Option<Timestamp> {
        Some(self.clock.now())
    }

    fn reserve(&self, command: Reserve<'_>) -> Answer<'static, Reply> {
        self.obey(|books| books.reserve(&command))
    }

    fn reconcile(&self, command: Reconcile<'_>) -> Answer<'static, Reply> {
        self.obey(|books| books.reconcile(&command))
    }

    fn release(&self, command: Release<'_>) -> Answer<'static, Reply> {
        self.obey(|books| books.release(&command))
    }

    fn resize(&self, command: Resize<'_>) -> Answer<'static, Reply> {
        self.obey(|books| books.resize(&command))
    }

    fn record(&self, _: Record<'_>) -> Answer<'static, Reply> {
        Answer::Now(Err(not_offered("postings")))
    }

    fn mark(&self, _: MarkScope<'_>) -> Answer<'static, Reply> {
        Answer::Now(Err(not_offered("marks")))
    }

    fn marks(&self, _: &Tenant, _: &[Scope]) -> Answer<'static, Vec<FrozenScope>> {
        Answer::Now(Ok(Vec::new()))
    }

    fn balances(&self, lines: &[(Account, Period)]) -> Answer<'static, Vec<Balance>> {
        self.obey(|books| Ok(lines.iter().map(|(account, period)| books.balance(account, period)).collect()))
    }

    fn entries(&self, tenant: &Tenant, from: u64, limit: usize) -> Answer<'static, Vec<Entry>> {
        let books = self.books.lock();
        let journal = books.journal.get(tenant.name()).into_iter().flatten();
        Answer::Now(Ok(journal.filter(|entry| entry.sequence >= from).take(limit).cloned().collect()))
    }

    /// None: what a crash kept from being told is lost with the books.
    fn pending_events(&self, _limit: usize) -> Answer<'static, Vec<PendingEvent>> {
        Answer::Now(Ok(Vec::new()))
    }

    fn delivered(&self, _events: &[PendingEvent]) -> Answer<'static, ()> {
        Answer::Now(Ok(()))
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            durable: false,
            shared: false,
            remembers: Duration::MAX,
            ends_at_once: true,
            journal_entries: None,
        }
    }
}

fn main() {
    let offers = Offers { past_periods: true, ..Offers::default() };
    let report = conformance::run(&Maker::new("one map", |clock| OneMap::new(clock)).offering(offers));
    println!("{report}");
    let left_out = |standing: &Standing| matches!(standing, Standing::NotOffered(_));
    let not_offered = report.standings().filter(|(_, _, standing)| left_out(standing)).count();
    println!("{} laws held, {not_offered} not offered, {} broken", report.held(), report.broken().count());
    report.assert_holds();
}
