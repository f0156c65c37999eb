//! Which mistakes does nobody look for? What is cut, what is counted, what is dated, and what comes back.
//!
//! As in `bugs`, each is a ledger that is right but for one of them. They were found by asking of each part of the
//! contract: where would a ledger get this wrong, and all its tests pass?

mod ledger;
mod resize;
mod shown;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use token_budget::ledger::{
    Account, Answer, Attribution, BudgetKey, Claim, ClaimLine, Note, OnExpiry, Outcome, Record, Reply,
    ReservationId, Reserve, Tenant,
};
use token_budget::time::{ManualClock, Timestamp};
use token_budget::{BudgetLedger, Clock, Error, ErrorKind, MemoryLedger, Scope};

/// A mistake, named after what the ledger does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Oversight {
    // What is too much.
    BindsTheFirst32Lines,
    ChargesTheFirst32LinesAtExpiry,
    ShowsTheFirst32Lines,
    TellsTheFirst16Tiers,
    KeepsFourThresholds,
    KeepsFourTags,
    CutsReasonsInTheJournal,
    CutsReasonsOfMarks,
    CutsNamesAt64Bytes,
    LooksAtFourScopes,
    // What comes seldom.
    AdmitsEveryThousandthRefusal,
    ForgetsRefusalsAfterASecond,
    WritesRefusalsDown,
    RemembersRefusalsForAnHour,
    ForgetsWhatSixtyThousandFollowed,
    ForgetsImportsAfterAMonth,
    TellsImportsApartByTheirDay,
    ImportsUsageOfAnyAge,
    HoldsUnderTheIdOfAnImport,
    // Resizing.
    GrowsBackUnchecked,
    RefusesToProlongAboveTheCeiling,
    KeepsAnEndThatMovesByLessThanASecond,
    KeepsEndsInMilliseconds,
    OnlyProlongs,
    // Whose news, and what time it is.
    TellsExpiriesToWhoeverAsks,
    DatesEntriesByTheMachine,
    DatesMarksByTheMachine,
    DatesErrorsByTheMachine,
    SaysNoInstantWithAConflict,
    // Ids and bodies.
    RefusesIdsASecondAhead,
    TakesIdsOfAnyDay,
    AgesIdsByTheMachine,
    ForgetsClaimsWithoutLines,
    TakesTheSignatureForPartOfTheBody,
    TakesTheRemarkForPartOfTheBody,
    // Reads and marks.
    ReadsAnAccountOnce,
    ReadsAnAccountInItsFirstPeriod,
    TakesTheLatestMark,
    KeepsTheFirstMark,
    NamesTheFirstFrozenScope,
}

/// A ledger in memory with one mistake around it.
#[derive(Debug)]
pub(super) struct Overlooking {
    inner: MemoryLedger,
    clock: Arc<ManualClock>,
    oversight: Oversight,
    notes: Mutex<Notes>,
}

/// What the mistakes remember.
#[derive(Debug, Default)]
struct Notes {
    aliases: HashMap<ReservationId, ReservationId>,
    /// The most that each id has held, line by line.
    peaks: HashMap<ReservationId, Vec<i64>>,
    ends: HashMap<ReservationId, Timestamp>,
    /// What the first command of each kind said of itself, by id.
    said: HashMap<(&'static str, ReservationId), (Option<Attribution>, Note)>,
    refused_at: HashMap<ReservationId, Timestamp>,
    imported_at: HashMap<ReservationId, Timestamp>,
    refusals: u64,
    /// The number of the first command of each id.
    numbers: HashMap<ReservationId, usize>,
    /// The first refusal of each id.
    refused: HashMap<ReservationId, Reply>,
    tenants: Vec<Tenant>,
    /// What the machine's clock showed as each entry of a tenant was written.
    instants: HashMap<String, Vec<Timestamp>>,
    marked: HashMap<Scope, Timestamp>,
}

impl Overlooking {
    pub(super) fn new(oversight: Oversight, clock: Arc<ManualClock>) -> Self {
        let inner = MemoryLedger::with_clock(clock.clone());
        Self { inner, clock, oversight, notes: Mutex::default() }
    }

    fn is(&self, oversight: Oversight) -> bool {
        self.oversight == oversight
    }

    /// The account under which this ledger keeps it.
    fn account(&self, account: &Account) -> Account {
        if !self.is(Oversight::CutsNamesAt64Bytes) {
            return account.clone();
        }
        let key = account.key();
        let (budget, window) = (cut(&key.budget, 64).into(), cut(&key.window, 64).into());
        let key = BudgetKey { tenant: key.tenant.clone(), budget, unit: key.unit.clone(), window };
        let scope =
            Scope::new(account.scope().kind().clone(), cut(account.scope().name(), 64)).expect("a name");
        Account::new(Arc::new(key), scope)
    }

    /// The claim as this ledger reads it. Of two lines on one account it keeps the first, and parks the other.
    fn claim(&self, claim: &Claim) -> Claim {
        let mut lines: Vec<ClaimLine> = Vec::new();
        for (at, line) in claim.lines().iter().enumerate() {
            let mut line = ClaimLine { account: self.account(&line.account), ..line.clone() };
            if lines.iter().any(|known| known.account == line.account) {
                let parked = Scope::new("parked".parse().expect("a kind"), at.to_string()).expect("a name");
                line.account = Account::new(Arc::clone(line.account.key()), parked);
            }
            match self.oversight {
                Oversight::BindsTheFirst32Lines if at >= 32 => line.ceiling = i64::MAX,
                Oversight::TellsTheFirst16Tiers => line.thresholds.retain(|threshold| threshold.tier < 16),
                Oversight::KeepsFourThresholds => line.thresholds.truncate(4),
                _ => {}
            }
            lines.push(line);
        }
        let seen = if self.is(Oversight::LooksAtFourScopes) { 4 } else { usize::MAX };
        let scopes: Vec<Scope> = claim.scopes().iter().take(seen).cloned().collect();
        Claim::new(claim.tenant().clone(), &scopes, lines).expect("accounts that differ")
    }

    /// The id under which this ledger keeps it.
    fn id(&self, id: ReservationId) -> Result<ReservationId, Error> {
        let now = self.inner.now().expect("a clock");
        let machine = self.clock.now();
        let day = Duration::from_secs(86_400);
        let too_new = match self.oversight {
            Oversight::RefusesIdsASecondAhead => id.time() >= now + Duration::from_secs(1),
            Oversight::AgesIdsByTheMachine => id.time() > machine + day,
            _ => false,
        };
        if too_new {
            return Err(Error::invalid("reservation", "was made in time to come"));
        }
        let known = self.notes.lock().aliases.get(&id).copied();
        match known {
            _ if self.is_long_ago(id) => Ok(self.alias(id)),
            Some(alias) => Ok(alias),
            None if self.is(Oversight::TakesIdsOfAnyDay) && id.time() > machine + day => Ok(self.alias(id)),
            None => Ok(id),
        }
    }

    /// Whether sixty thousand others came since the first command of this id, and this ledger has lost it.
    fn is_long_ago(&self, id: ReservationId) -> bool {
        if !self.is(Oversight::ForgetsWhatSixtyThousandFollowed) {
            return false;
        }
        let mut notes = self.notes.lock();
        let others = notes.numbers.len();
        others > *notes.numbers.entry(id).or_insert(others) + 60_000
    }

    /// Another id for it, from now on.
    fn alias(&self, id: ReservationId) -> ReservationId {
        let alias = ReservationId::generate(self.clock.now());
        self.notes.lock().aliases.insert(id, alias);
        alias
    }

    /// The id and the instant of usage of an imported row, as this ledger reads them.
    fn row(&self, id: ReservationId, used_at: Option<Timestamp>) -> (ReservationId, Option<Timestamp>) {
        const DAY: Duration = Duration::from_secs(86_400);
        let Some(used) = used_at.filter(|_| id.is_imported()) else { return (id, used_at) };
        let (now, text) = (self.clock.now(), id.to_string());
        match self.oversight {
            Oversight::ForgetsImportsAfterAMonth => {
                let first = *self.notes.lock().imported_at.entry(id).or_insert(now);
                let months = now.since(first).as_secs() / (30 * DAY.as_secs());
                (ReservationId::imported(&months.to_string(), &text), used_at)
            }
            Oversight::TellsImportsApartByTheirDay => {
                let day = used.as_millis().div_euclid(86_400_000);
                (ReservationId::imported(&day.to_string(), &text), used_at)
            }
            Oversight::ImportsUsageOfAnyAge => (id, Some(used.max(now - 399 * DAY))),
            _ => (id, used_at),
        }
    }

    /// The id of a claim, of which this ledger may remember nothing.
    fn id_on(&self, id: ReservationId, claim: &Claim) -> Result<ReservationId, Error> {
        match claim.lines().is_empty() && self.is(Oversight::ForgetsClaimsWithoutLines) {
            true => Ok(self.alias(id)),
            false => self.id(id),
        }
    }

    /// Refuses what came before with other words beside the same body.
    fn check_words(
        &self,
        (kind, id): (&'static str, ReservationId),
        attribution: Option<&Attribution>,
        note: &Note,
    ) -> Result<(), Error> {
        let mut notes = self.notes.lock();
        let said = (attribution.cloned(), note.clone());
        let first = notes.said.entry((kind, id)).or_insert_with(|| said.clone());
        let is_other = match self.oversight {
            Oversight::TakesTheSignatureForPartOfTheBody => first.0 != said.0,
            Oversight::TakesTheRemarkForPartOfTheBody => first.1 != said.1,
            _ => false,
        };
        if is_other { Err(Error::new(ErrorKind::Conflict, "came before with other words")) } else { Ok(()) }
    }

    /// A reserve that was refused, as this ledger goes on with it.
    fn refused(&self, command: Reserve<'_>, reply: Reply) -> Result<Reply, Error> {
        let count = {
            let mut notes = self.notes.lock();
            notes.refusals += 1;
            notes.refused_at.entry(command.id).or_insert(self.clock.now());
            notes.refusals
        };
        match self.oversight {
            Oversight::AdmitsEveryThousandthRefusal if count.is_multiple_of(1_000) => {
                let lines =
                    command.claim.lines().iter().map(|line| ClaimLine { ceiling: i64::MAX, ..line.clone() });
                let open =
                    Claim::new(command.claim.tenant().clone(), &[], lines.collect()).expect("the same lines");
                let id = self.alias(command.id);
                self.inner.reserve(Reserve { id, claim: &open, ..command }).wait()
            }
            Oversight::RemembersRefusalsForAnHour if !reply.repeated => {
                self.notes.lock().refused.insert(command.id, reply.clone());
                Ok(reply)
            }
            Oversight::WritesRefusalsDown if !reply.repeated => {
                let (id, amounts) =
                    (ReservationId::generate(self.clock.now()), vec![0; command.amounts.len()]);
                let (claim, attribution) = (command.claim, &Attribution::new("the ledger", "a refusal"));
                let (used_at, corrects, note, now) = (None, None, command.note, None);
                let amounts = &amounts;
                self.inner
                    .record(Record { id, used_at, claim, amounts, corrects, attribution, note, now })
                    .wait()?;
                Ok(reply)
            }
            _ => Ok(reply),
        }
    }

    fn reserve_as_it_does(&self, command: Reserve<'_>) -> Result<Reply, Error> {
        self.check_words(("reserve", command.id), None, command.note)?;
        if let Some(refused) = self.notes.lock().refused.get(&command.id) {
            return Ok(Reply { repeated: true, now: self.clock.now(), ..refused.clone() });
        }
        let claim = self.claim(command.claim);
        let refused_at = self.notes.lock().refused_at.get(&command.id).copied();
        let is_forgotten = refused_at.is_some_and(|at| self.clock.now().since(at) > Duration::from_secs(1));
        let is_row = command.id.is_imported() && self.is(Oversight::HoldsUnderTheIdOfAnImport);
        let id = match is_row || is_forgotten && self.is(Oversight::ForgetsRefusalsAfterASecond) {
            true => self.alias(command.id),
            false => self.id_on(command.id, &claim)?,
        };
        let expires_at = self.end(command.expires_at);
        self.notes.lock().peaks.entry(command.id).or_insert_with(|| command.amounts.to_vec());
        self.notes.lock().ends.entry(command.id).or_insert(expires_at);
        let charges = self.charges(&command);
        let on_expiry = charges.as_deref().map_or(command.on_expiry, OnExpiry::Amounts);
        let asked = Reserve { id, claim: &claim, expires_at, on_expiry, ..command };
        let reply = self.inner.reserve(asked).wait()?;
        match reply.outcome {
            Outcome::Refused => self.refused(Reserve { id: command.id, ..asked }, reply),
            _ => Ok(reply),
        }
    }

    /// What this ledger charges at expiry, where that is not what it was told.
    fn charges(&self, command: &Reserve<'_>) -> Option<Vec<i64>> {
        if !self.is(Oversight::ChargesTheFirst32LinesAtExpiry) || command.amounts.len() <= 32 {
            return None;
        }
        let mut charges = match command.on_expiry {
            OnExpiry::Nothing => vec![0; command.amounts.len()],
            OnExpiry::Hold => command.amounts.to_vec(),
            OnExpiry::Amounts(amounts) => amounts.to_vec(),
        };
        charges.iter_mut().skip(32).for_each(|charge| *charge = 0);
        Some(charges)
    }

    /// The end as this ledger keeps it.
    fn end(&self, end: Timestamp) -> Timestamp {
        match self.oversight {
            Oversight::KeepsEndsInMilliseconds => {
                Timestamp::from_nanos(end.as_millis().saturating_mul(1_000_000))
            }
            _ => end,
        }
    }

    /// The answer as this ledger gives it, once it has noted what its entries are to say.
    fn answered(&self, tenant: &Tenant, reply: Result<Reply, Error>) -> Answer<'static, Reply> {
        self.note_instants(tenant);
        let reply = reply.map(|reply| self.reply(tenant, reply)).map_err(|error| self.error(error));
        Answer::Now(reply)
    }
}

/// The first bytes of a text, to the end of a letter.
fn cut(text: &str, most: usize) -> &str {
    let end = (0..=most.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    &text[..end.unwrap_or(0)]
}
