//! Which books belong to which tenant, and who is kept no books?
//!
//! Books have numbers, and stand in tables that double: they are found by number without a lock, and never moved. A
//! `Tenant` remembers the number of its books as a hint. Whoever follows the hint compares it with what the books say under
//! their lock, so that a `Tenant` which was used with two ledgers, or whose books are gone, finds the right ones.
//!
//! # Visitors
//! A tenant gets books with the first command that leaves something in them: a hold, a charge, a mark. Whoever was only
//! refused, released before it was seen, or read shares the *visitors'* books, which remember refusals and tombstones by id
//! and know no name. So names that somebody makes up fill no memory. A command of a tenant without books that could
//! leave something is tried on empty ones, which are kept if it did; all others are answered by the visitors'.
//!
//! For as long as visitors may be remembered, the books of a tenant that came after them ask there first: an id that was
//! refused stays refused.
//!
//! # Tenants that nobody asks for
//! Whenever books are opened, four others are looked at, in turn, and a few once a second: then one command of each busy tenant leaves
//! the direct way (`direct_from`) and comes by here. They go if nobody asked for as long as ids are executed,
//! nothing is open, no imported row is remembered, and every window is over. Ids of theirs are then too old, so nothing can be executed
//! twice. Their number is given to others. Of those that sleep and may not go yet, rows go that may (`idle`). The time of a sleeping
//! tenant moves on to an hour ago before anything of it goes, so that no command can be judged in a period that was forgotten.
//!
//! Traces of closed runs outlive their tenant's books, and are there when it comes back.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};

use super::MemoryOptions;
use super::book::{NOBODY, TenantBook};
use super::closed::Trace;
use crate::ledger::{LedgerClock, Reserve};
use crate::sync::{AtomicU32, DashMap, Mutex};
use crate::values::{ReservationId, Tenant, Timestamp};

/// All books of one ledger.
pub(super) struct Tenants {
    options: MemoryOptions,
    clock: Arc<LedgerClock>,
    /// Each tenant's number. Asked once for each `Tenant` value, which remembers it in its hint.
    by_name: DashMap<Tenant, u32>,
    tables: [OnceLock<Box<[OnceLock<Padded>]>>; TABLES],
    /// How many numbers were given. The place of a number is filled just after it was given.
    count: AtomicU32,
    /// Numbers whose books are gone.
    free: Mutex<Vec<u32>>,
    /// Where the search for idle tenants goes on.
    hand: AtomicU32,
    /// Closed runs of tenants whose books are gone.
    departed: Mutex<HashMap<Tenant, Box<[Trace]>>>,
    visitors: Padded,
}

/// So many tables, of 64, 128, 256, … places, hold every number of 32 bits.
const TABLES: usize = 26;
/// Places in the first table.
const FIRST_TABLE: usize = 64;

/// How many tenants a look sees at least, and how many at most; between these, a whole round takes a quarter of an hour.
const TENANTS_MIN: u32 = 4;
const TENANTS_MAX: u32 = 64;
const ROUND: u32 = 1_024;

/// A tenant's books on cache lines of their own, so that two tenants never slow each other down.
#[repr(align(128))]
struct Padded(Mutex<TenantBook>);

/// What is asked, as far as that decides whose books answer a tenant that has none.
#[derive(Clone, Copy)]
pub(super) enum Asked<'a> {
    /// For figures, or about calls of which none can be known there.
    Nothing,
    /// About a call that visitors may be remembered by.
    Call(ReservationId),
    /// For room, which leaves a hold if every line has it.
    Room(&'a Reserve<'a>),
    /// To write down a charge of that call, or a mark, which leaves an entry unless it is an error.
    Entry(Option<ReservationId>),
}

impl Asked<'_> {
    fn id(&self) -> Option<ReservationId> {
        match *self {
            Self::Nothing => None,
            Self::Call(id) => Some(id),
            Self::Room(command) => Some(command.id),
            Self::Entry(id) => id,
        }
    }

    /// Whether it leaves something in empty books, so that a tenant without any gets them.
    fn leaves_something(&self) -> bool {
        match self {
            Self::Nothing | Self::Call(_) => false,
            Self::Entry(_) => true,
            Self::Room(command) => {
                let mut lines = command.claim.hot.iter().zip(command.amounts);
                lines.all(|(line, amount)| *amount == 0 || *amount <= line.ceiling)
            }
        }
    }
}

impl Tenants {
    pub(super) fn new(options: MemoryOptions, clock: Arc<LedgerClock>) -> Self {
        Self {
            options,
            by_name: DashMap::new(),
            tables: [const { OnceLock::new() }; TABLES],
            count: AtomicU32::new(0),
            free: Mutex::new(Vec::new()),
            hand: AtomicU32::new(0),
            departed: Mutex::new(HashMap::new()),
            visitors: Padded(Mutex::new(TenantBook::new(Tenant::unnamed(), options, &clock))),
            clock,
        }
    }

    /// How many tenants have books.
    pub(super) fn len(&self) -> usize {
        self.by_name.len()
    }

    /// Adds up what `count` says of every tenant's books.
    pub(super) fn sum(&self, count: impl Fn(&TenantBook) -> usize) -> usize {
        self.all().map(|book| count(&book.0.lock())).fold(0, usize::saturating_add)
    }

    /// Asks every tenant's books until one fails.
    pub(super) fn try_each<E>(&self, ask: impl Fn(&TenantBook) -> Result<(), E>) -> Result<(), E> {
        self.all().chain([&self.visitors]).try_for_each(|book| ask(&book.0.lock()))
    }

    fn all(&self) -> impl Iterator<Item = &Padded> {
        (0..self.count.load(Ordering::Acquire)).filter_map(|number| self.book_at(number))
    }

    /// Works on the books of that tenant, under their lock, once what is due there has ended.
    #[inline]
    pub(super) fn with<T>(
        &self,
        tenant: &Tenant,
        now: Timestamp,
        asked: Asked<'_>,
        mut work: impl FnMut(&mut TenantBook) -> T,
    ) -> T {
        let hint = tenant.hint().load(Ordering::Relaxed);
        if let Some(book) = self.book_at(hint as u32) {
            let mut book = book.0.lock();
            if book.key == hint && book.direct_from <= now {
                book.tick(now);
                return work(&mut book);
            }
        }
        self.with_slowly(tenant, now, asked, &mut work)
    }

    /// The same without a hint that holds, or where visitors may know the id.
    #[cold]
    fn with_slowly<T>(
        &self,
        tenant: &Tenant,
        now: Timestamp,
        asked: Asked<'_>,
        work: &mut dyn FnMut(&mut TenantBook) -> T,
    ) -> T {
        let mut visitors = self.visitors.0.lock();
        visitors.tick(now);
        visitors.calls.salt = tenant.hash();
        visitors.forget_refusals();
        visitors.forget_tombstones();
        let looks_again = self.look_round(&mut visitors, now);
        let Some(number) = self.by_name.get(tenant).map(|number| *number) else {
            if !asked.leaves_something() && !self.departed.lock().contains_key(tenant) {
                return work(&mut visitors);
            }
            self.drop_some_idle(now, TENANTS_MIN);
            return self.open(tenant, asked, &mut visitors, work);
        };
        let guest = asked.id().and_then(|id| visitors.guest(id));
        visitors.let_go(guest);
        drop(visitors);
        if let Some(book) = self.book_at(number) {
            let mut book = book.0.lock();
            if book.key != NOBODY && book.tenant == *tenant {
                tenant.hint().store(book.key, Ordering::Relaxed);
                book.direct_from = if looks_again { Timestamp::MAX } else { book.guests_until };
                book.tick(now);
                book.take_in(guest);
                return work(&mut book);
            }
        }
        // They went just now, or were given to somebody else.
        self.with_slowly(tenant, now, asked, work)
    }

    /// Opens books for a tenant that has none, if the command leaves something there; else visitors' books answer.
    ///
    /// All this happens under the visitors' lock, so that books which are being opened cannot be opened twice.
    fn open<T>(
        &self,
        tenant: &Tenant,
        asked: Asked<'_>,
        visitors: &mut TenantBook,
        work: &mut dyn FnMut(&mut TenantBook) -> T,
    ) -> T {
        let mut book = TenantBook::new(tenant.clone(), self.options, &self.clock);
        book.tick(visitors.now);
        if let Some(traces) = self.departed.lock().get(tenant) {
            book.closed.take_in(traces);
        }
        let guest = asked.id().and_then(|id| visitors.guest(id));
        book.take_in(guest);
        let answer = work(&mut book);
        if book.is_untouched() {
            return work(visitors);
        }
        visitors.let_go(guest);
        self.departed.lock().remove(tenant);
        book.guests_until = visitors.calls.empty_until;
        // Whoever opens books has just looked at tenants, and may have found much: its next command comes by as well.
        book.direct_from = Timestamp::MAX;
        let number = self.free.lock().pop().unwrap_or_else(|| self.count.fetch_add(1, Ordering::AcqRel));
        book.key = u64::from(tenancy()) << 32 | u64::from(number);
        tenant.hint().store(book.key, Ordering::Relaxed);
        let (table, place) = position(number);
        if let Some(cell) = self.tables.get(table) {
            let size = FIRST_TABLE.checked_shl(table as u32).unwrap_or(FIRST_TABLE);
            let table = cell.get_or_init(|| (0..size).map(|_| OnceLock::new()).collect());
            if let Some(cell) = table.get(place) {
                let vacant =
                    || Padded(Mutex::new(TenantBook::new(Tenant::unnamed(), self.options, &self.clock)));
                *cell.get_or_init(vacant).0.lock() = book;
            }
        }
        self.by_name.insert(tenant.clone(), number);
        answer
    }

    /// The books of that number, if they were ever opened.
    #[inline]
    fn book_at(&self, number: u32) -> Option<&Padded> {
        let (table, place) = position(number);
        self.tables.get(table)?.get()?.get(place)?.get()
    }

    /// Looks at a few tenants once a second, and on while much is found: then the next command is to come by as well.
    fn look_round(&self, visitors: &mut TenantBook, now: Timestamp) -> bool {
        // Their own look, with which time passed, says that it is time for this one.
        if visitors.direct_from != Timestamp::MAX {
            return false;
        }
        let share = self.count.load(Ordering::Acquire) / ROUND;
        let found = self.drop_some_idle(now, share.clamp(TENANTS_MIN, TENANTS_MAX));
        if !found {
            visitors.direct_from = Timestamp::MIN;
        }
        found
    }

    /// Looks at so many tenants, and lets those go that nobody asks for; says whether it found anything to let go of. The caller holds
    /// the visitors' lock.
    fn drop_some_idle(&self, now: Timestamp, most: u32) -> bool {
        let (count, now) = (self.count.load(Ordering::Acquire), self.clock.forgets_at(now));
        let mut found = false;
        for _ in 0..most.min(count) {
            let number = self.hand.fetch_add(1, Ordering::Relaxed).checked_rem(count).unwrap_or(0);
            let Some(mut book) = self.book_at(number).and_then(|book| book.0.try_lock()) else { continue };
            if !book.sleeps_on(now) {
                continue;
            }
            found |= book.looks_again();
            if book.is_idle() {
                self.by_name.remove(&book.tenant);
                if !book.closed.is_empty() {
                    self.departed.lock().insert(book.tenant.clone(), book.closed.take());
                }
                *book = TenantBook::new(Tenant::unnamed(), self.options, &self.clock);
                self.free.lock().push(number);
                found = true;
            }
        }
        found
    }
}

impl TenantBook {
    /// Whether nobody asked for as long as ids are executed. If so, its time moves on to that long ago, and a little of what is idle goes.
    fn sleeps_on(&mut self, now: Timestamp) -> bool {
        let before = now - self.options.id_age_max;
        if self.key == NOBODY || self.now > before {
            return false;
        }
        self.now = before;
        self.look_round();
        true
    }

    /// Whether nothing is open, and nothing that is kept can count any more, of a tenant that sleeps.
    fn is_idle(&self) -> bool {
        self.dues.open() == 0
            && self.effects.is_none()
            && self.imported.is_empty()
            && self.calls.has_forgotten_nothing_since(self.now)
            && self.marks.is_empty()
            && self.rows.are_over(self.now, &self.closed)
            && self.calls.iter().all(|(_, record)| record.id().time() < self.now)
    }

    /// Whether nothing was ever changed here: only refused, buried, or read.
    fn is_untouched(&self) -> bool {
        self.journal.is_new() && self.marks.is_empty() && self.closed.is_empty() && self.rows.len() == 0
    }

    /// Lets go of refusals that have had their minute.
    pub(super) fn forget_refusals(&mut self) {
        while let Some(place) = self.calls.next_refusal(self.now) {
            self.forget(place);
        }
    }
}

/// A number that no books of this process had before, as far as four thousand million numbers reach.
fn tenancy() -> u32 {
    // Number zero is never given: a hint of zero says nothing. It outlives a checker's schedules.
    static BOOKS: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(1);
    BOOKS.fetch_add(1, Ordering::Relaxed)
}

/// Which table a number is in, and where: tables hold 64, 128, 256, …
///
/// Numbers 0 to 63 are in table 0, numbers 64 to 191 in table 1; number 192 is the first place of table 2, because
/// 192 + 64 = 256, whose logarithm is two above that of 64.
#[inline]
fn position(number: u32) -> (usize, usize) {
    let shifted = (number as usize).saturating_add(FIRST_TABLE);
    let table = shifted.ilog2().saturating_sub(FIRST_TABLE.ilog2());
    let start = FIRST_TABLE.checked_shl(table).unwrap_or(0);
    (table as usize, shifted.saturating_sub(start))
}
