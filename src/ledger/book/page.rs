//! What is known of one tenant in this round, and what is to be written of it?
//!
//! The page of a store is what was read of it. It knows that a row is absent only if a read asked for it; everything else it
//! [lacks](Lack), and the law tries the command again once that was read.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::read::shown;
use super::refusals::Refusals;
use super::sheet::Sheet;
use crate::Scope;
use crate::ledger::clock::Behind;
use crate::ledger::law::{Looked, Page, Stop};
use crate::ledger::rules::State;
use crate::ledger::store::{CallRow, Digest, EntryRow, EventRow, HoldRow, TenantRow, Version, first_link};
use crate::ledger::{About, ClockChange, Effects, Hold};
use crate::values::{Account, Balance, FrozenScope, Period, ReservationId, Tenant, Timestamp};

/// A row that a command needs and nobody has read.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Lack {
    Id(ReservationId),
    Account(Account),
    /// The account of that number, with that period.
    Number(u32, i64),
    Scope(Scope),
    /// The event of that entry.
    Event(u64),
    /// What that call is about.
    Call(Digest),
}

/// An id, as far as it was read or made.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) hold: Option<HoldRow>,
    /// As it was read.
    pub(super) before: Option<HoldRow>,
    pub(super) is_changed: bool,
}

/// What is known of one tenant, and what changed.
#[derive(Debug)]
pub(super) struct StorePage {
    pub(super) tenant: Tenant,
    /// The instant for which the round decides.
    pub(super) now: Timestamp,
    /// As of which instant ids may be forgotten.
    pub(super) forgets_at: Timestamp,
    /// Whether the clock is behind these books, which another process wrote on a clock of its own.
    behind: Behind,
    /// The first instant that was read: how long the clock has gone on since.
    first: Option<Timestamp>,
    /// How long ids are remembered.
    pub(super) remembers: Duration,
    /// As it will be written.
    pub(super) row: TenantRow,
    /// Whether the tenant's own row was read, or found absent.
    pub(super) is_read: bool,
    /// The version on which all of it stands; none where the store has no row of the tenant.
    pub(super) read_version: Option<Version>,
    pub(super) sheet: Sheet,
    pub(super) holds: HashMap<ReservationId, Slot>,
    /// Ids that this round read.
    pub(super) read_holds: Vec<ReservationId>,
    /// Ids that this round changed, each once.
    pub(super) changed_holds: Vec<ReservationId>,
    pub(super) marks: HashMap<Scope, Option<FrozenScope>>,
    /// How many scopes were found to have no mark.
    pub(super) unmarked: usize,
    /// Whether any scope may be marked; most tenants have none, and are not asked.
    pub(super) any_marks: bool,
    pub(super) changed_marks: Vec<Scope>,
    pub(super) calls: Vec<CallRow>,
    pub(super) entries: Vec<EntryRow>,
    pub(super) events: Vec<EventRow>,
    /// Events that were read by their number, or are not there.
    pub(super) known_events: HashMap<u64, Option<EventRow>>,
    /// When the earliest open hold ends, if any is open.
    pub(super) due: Option<Timestamp>,
    /// The same of those that stood in the store at the last look.
    pub(super) stored_due: Option<Timestamp>,
    /// What was decided in this round holds before that instant, if it ever ends.
    pub(super) until: Option<Timestamp>,
    pub(super) refusals: Refusals,
    /// Refusals of this round: they do not count where it has to begin anew.
    pub(super) refused_now: Vec<ReservationId>,
    /// What came to light and was not told yet.
    pub(super) untold: Option<Box<Effects>>,
    /// The same as it was when the round began.
    pub(super) untold_before: Option<Box<Effects>>,
    /// What calls are about, as far as somebody asked.
    pub(super) abouts: HashMap<Digest, Arc<About>>,
    /// The digests of what calls are about, by address: the value keeps its `Arc` alive, so that no other takes the address.
    digests: HashMap<usize, (Arc<About>, Digest)>,
}

/// Accounts and marks of one tenant that are not there, beyond which these are forgotten: strangers' names, most likely.
const ABSENT_MAX: usize = 10_000;

/// Calls beyond which the digests begin anew.
const DIGESTS_MAX: usize = 10_000;

impl StorePage {
    /// The page of a tenant of which nothing was read.
    pub(super) fn new(tenant: Tenant, remembers: Duration) -> Self {
        let head = first_link(&tenant);
        let row = TenantRow {
            version: Default::default(),
            time: Timestamp::MIN,
            entries: 0,
            head,
            accounts: 0,
            forgotten: Timestamp::MIN,
        };
        Self {
            tenant,
            now: Timestamp::MIN,
            forgets_at: Timestamp::MIN,
            behind: Behind::default(),
            first: None,
            remembers,
            row,
            is_read: false,
            read_version: None,
            sheet: Sheet::default(),
            holds: HashMap::new(),
            read_holds: Vec::new(),
            changed_holds: Vec::new(),
            marks: HashMap::new(),
            unmarked: 0,
            any_marks: false,
            changed_marks: Vec::new(),
            calls: Vec::new(),
            entries: Vec::new(),
            events: Vec::new(),
            known_events: HashMap::new(),
            due: None,
            stored_due: None,
            until: None,
            refusals: Refusals::default(),
            refused_now: Vec::new(),
            untold: None,
            untold_before: None,
            abouts: HashMap::new(),
            digests: HashMap::new(),
        }
    }

    /// Whether nothing is to be written.
    pub(super) fn is_clean(&self) -> bool {
        self.entries.is_empty()
            && self.events.is_empty()
            && self.sheet.is_clean()
            && self.changed_holds.is_empty()
    }

    /// Forgets all rows and all that this round did, and keeps what only this process knows.
    pub(super) fn void(&mut self) {
        let new = Self::new(self.tenant.clone(), self.remembers);
        let old = std::mem::replace(self, new);
        (self.now, self.refusals) = (old.now, old.refusals);
        (self.behind, self.first) = (old.behind, old.first);
        old.refused_now.into_iter().for_each(|id| self.refusals.remove(id));
        (self.untold, self.untold_before) = (old.untold_before.clone(), old.untold_before);
    }

    /// Begins a round: what it tells and refuses may have to be taken back.
    pub(super) fn begin(&mut self, now: Timestamp, forgets_at: Timestamp) {
        self.now = self.now.max(now).max(self.row.time);
        self.forgets_at = forgets_at;
        let (mut changes, run) = (Vec::new(), now.since(*self.first.get_or_insert(now)));
        self.behind.judge(self.now.since(now), run, &mut |told| changes.push(told));
        self.hear(&changes);
        self.refusals.forget_old(self.now);
        self.untold_before.clone_from(&self.untold);
        self.until = None;
    }

    /// Notes what is to be told of the clock, even if the round has to begin anew.
    pub(super) fn hear(&mut self, changes: &[ClockChange]) {
        if changes.is_empty() {
            return;
        }
        for untold in [&mut self.untold, &mut self.untold_before] {
            untold.get_or_insert_default().clock.extend_from_slice(changes);
        }
    }

    /// Ends a round: what it told and refused stands. Open holds will be asked for again and stay; what has ended hardly ever is.
    pub(super) fn end(&mut self) {
        self.refused_now.clear();
        self.untold_before.clone_from(&self.untold);
        let (read, changed) = (std::mem::take(&mut self.read_holds), std::mem::take(&mut self.changed_holds));
        for id in read.into_iter().chain(changed) {
            let Some(slot) = self.holds.get_mut(&id) else { continue };
            if slot.hold.as_ref().is_none_or(|hold| hold.state != State::Held) {
                self.holds.remove(&id);
            } else if std::mem::take(&mut slot.is_changed) {
                slot.before.clone_from(&slot.hold);
            }
        }
    }

    /// Notes that all that changed was written.
    pub(super) fn written(&mut self) {
        self.sheet.written();
        self.changed_marks.clear();
        self.calls.clear();
        self.entries.clear();
        self.events.clear();
        self.known_events.clear();
        self.abouts.clear();
        self.end();
    }

    /// Whether a hold is due.
    pub(super) fn is_due(&self) -> bool {
        self.due.is_some_and(|due| due <= self.now)
    }

    /// When the earliest open hold ends, of those in the store and those on this page.
    pub(super) fn next_due(&self) -> Option<Timestamp> {
        let open = self.holds.values().filter_map(|slot| slot.hold.as_ref());
        let open = open.filter(|hold| hold.state == State::Held).map(|hold| hold.expires_at);
        open.chain(self.stored_due).min()
    }

    /// Open holds of this page that are due: the earliest first, and by id among those due at once.
    pub(super) fn due_here(&self) -> Vec<HoldRow> {
        let open = self.holds.values().filter_map(|slot| slot.hold.as_ref());
        let due = open.filter(|hold| hold.state == State::Held && hold.expires_at <= self.now);
        let mut due: Vec<_> = due.cloned().collect();
        due.sort_by_key(|hold| (hold.expires_at, hold.id));
        due
    }

    /// Notes that an event was delivered; one that is not pending stays as it is. The caller only names it.
    pub(super) fn deliver(&mut self, sequence: u64) -> Looked<(), Self> {
        let found = self.known_events.get_mut(&sequence).ok_or(Stop::Missing(Lack::Event(sequence)))?;
        if let Some(event) = found.as_mut().filter(|event| event.delivered_at.is_none()) {
            event.delivered_at = Some(self.now);
            self.events.push(*event);
        }
        Ok(())
    }

    /// The balance of an account as a reader sees it: a coming period is empty, and does not close the present one.
    pub(super) fn read_balance(&self, account: &Account, period: &Period) -> Looked<Balance, Self> {
        let Some(number) = self.find(account)? else { return Ok(Balance::default()) };
        let is_ahead = period.span > 1 && period.from > self.now;
        let period = if is_ahead { self.newest(number)? } else { period.number };
        Ok(self.balance(number, period)?.unwrap_or_default())
    }

    /// What is remembered of an id, as readers see it.
    pub(super) fn read_hold(&self, id: ReservationId) -> Looked<Option<Hold>, Self> {
        let Some(hold) = self.known(id)? else { return Ok(None) };
        let about = |call| self.abouts.get(&call).cloned().ok_or(Stop::Missing(Lack::Call(call)));
        shown(hold, |number| self.account(number), about).map(Some)
    }

    /// The mark that stands on a scope, as far as it is known.
    pub(super) fn mark(&self, scope: &Scope) -> Option<FrozenScope> {
        self.marks.get(scope).cloned().flatten()
    }

    /// How many rows it has, and notes of the size of one.
    pub(super) fn rows(&self) -> usize {
        let of_store = [self.sheet.len(), self.holds.len(), self.marks.len()];
        let beside = [self.refusals.len(), self.digests.len()];
        of_store.into_iter().chain(beside).fold(0, usize::saturating_add)
    }

    /// Forgets which accounts and marks are not there, where these are more than stated. A round is over: nothing waits for them.
    pub(super) fn forget_absent(&mut self) {
        if self.sheet.absent().saturating_add(self.unmarked) > ABSENT_MAX {
            self.sheet.forget_absent();
            self.marks.retain(|_, mark| mark.is_some());
            self.unmarked = 0;
        }
    }

    /// The digest of what a call is about; what is new is written with the round.
    pub(super) fn digest(&mut self, about: &Arc<About>) -> Digest {
        let address = Arc::as_ptr(about) as usize;
        if let Some((_, digest)) = self.digests.get(&address) {
            return *digest;
        }
        if self.digests.len() >= DIGESTS_MAX {
            self.digests.clear();
        }
        let call = CallRow::of(Arc::clone(about));
        let digest = call.digest;
        self.digests.insert(address, (Arc::clone(about), digest));
        self.calls.push(call);
        digest
    }
}
