//! Where is money kept? Tenants, accounts, balances, and the ids of holds.
//!
//! An account is where a budget counts one scope's money: budget, scope, unit and window,
//! inside one tenant. A budget "each user: $5 a day" has one account for each user. A
//! balance is what an account holds in one period. An id names one hold.
//!
//! Accounts are cloned, hashed and compared on every call. So a name is kept behind an
//! `Arc` with its hash, equal names usually share one allocation, and a ledger in this
//! process may leave a hint in the name about where it keeps the row. A hint is only a
//! guess: whoever follows it compares the name that it finds there.

use std::cell::Cell;
use std::fmt;
use std::hash::{BuildHasher, Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

use crate::values::fnv::fnv128;
use crate::values::{ShortText, Timestamp, Unit};
use crate::{Error, Scope};

/// The books that a call belongs to: its organisation's, else the ledger's default.
///
/// No command spans two tenants, so the same user under two organisations has
/// two accounts.
#[derive(Clone)]
pub struct Tenant(Arc<Named<ShortText>>);

/// One line of the books: a budget's count for one scope under one tenant.
///
/// Clones share one allocation. Two accounts are equal when tenant, budget,
/// scope, unit and window are.
#[derive(Clone)]
pub struct Account(Arc<Named<AccountName>>);

/// A name with its hash, and a cached index that the memory ledger uses to find its row.
struct Named<T> {
    name: T,
    hash: u64,
    /// A ledger's own note; zero says nothing. Whoever follows the hint checks the name that it leads to.
    hint: AtomicU64,
}

#[derive(PartialEq, Eq, Hash)]
struct AccountName {
    key: Arc<BudgetKey>,
    scope: Scope,
}

/// What all accounts of one budget share.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BudgetKey {
    /// Whose books these are.
    pub tenant: Tenant,
    /// The budget's id.
    pub budget: ShortText,
    /// What it counts.
    pub unit: Unit,
    /// Its window, as text.
    pub window: ShortText,
}

impl<T: Hash> Named<T> {
    fn new(name: T) -> Self {
        // One fixed seed in a process: equal names must hash alike wherever they were made.
        let hash = seed().hash_one(&name);
        Self { name, hash, hint: AtomicU64::new(0) }
    }
}

/// One seed in a process, so that equal names hash alike wherever they were made; another
/// in the next process, so that nobody can prepare names that collide.
fn seed() -> &'static foldhash::quality::RandomState {
    static SEED: std::sync::LazyLock<foldhash::quality::RandomState> =
        std::sync::LazyLock::new(Default::default);
    &SEED
}

impl Tenant {
    /// The books of that organisation.
    #[must_use]
    pub fn organization(scope: &Scope) -> Self {
        Self(Arc::new(Named::new(scope.name().into())))
    }

    /// The ledger's default books, for calls without an organisation.
    #[must_use]
    pub fn unnamed() -> Self {
        // No organisation has an empty name, so this one cannot be mistaken.
        Self(Arc::new(Named::new(ShortText::default())))
    }

    /// The books of the organisation with that name; with an empty one, the default books.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) where no scope can bear that name.
    pub fn named(name: &str) -> Result<Self, Error> {
        if name.is_empty() {
            return Ok(Self::unnamed());
        }
        Ok(Self::organization(&Scope::organization(name)?))
    }

    /// The organisation's name; empty for the default books.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    pub(crate) fn hash(&self) -> u64 {
        self.0.hash
    }

    #[inline]
    pub(crate) fn hint(&self) -> &AtomicU64 {
        &self.0.hint
    }
}

impl Account {
    /// The account of that budget for that scope.
    #[must_use]
    pub fn new(key: Arc<BudgetKey>, scope: Scope) -> Self {
        Self(Arc::new(Named::new(AccountName { key, scope })))
    }

    /// The key that it shares with the accounts of the same budget.
    #[must_use]
    pub fn key(&self) -> &Arc<BudgetKey> {
        &self.0.name.key
    }

    /// Whose books it belongs to.
    #[must_use]
    pub fn tenant(&self) -> &Tenant {
        &self.key().tenant
    }

    /// The budget's id.
    #[must_use]
    pub fn budget(&self) -> &str {
        &self.key().budget
    }

    /// The scope it counts for.
    #[must_use]
    pub fn scope(&self) -> &Scope {
        &self.0.name.scope
    }

    /// What it counts.
    #[must_use]
    pub fn unit(&self) -> &Unit {
        &self.0.name.key.unit
    }

    #[inline]
    pub(crate) fn hash(&self) -> u64 {
        self.0.hash
    }

    #[inline]
    pub(crate) fn hint(&self) -> u64 {
        self.0.hint.load(Ordering::Relaxed)
    }

    pub(crate) fn set_hint(&self, hint: u64) {
        self.0.hint.store(hint, Ordering::Relaxed);
    }

    /// Whether both name the same account. Usually this compares two addresses.
    #[inline]
    pub(crate) fn same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || (self.0.hash == other.0.hash && self.0.name == other.0.name)
    }
}

impl PartialEq for Account {
    fn eq(&self, other: &Self) -> bool {
        self.same(other)
    }
}

impl Eq for Account {}

impl Hash for Account {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.0.hash);
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} ({}, {})", self.scope(), self.budget(), self.unit(), self.key().window)
    }
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {self}", self.tenant())
    }
}

impl PartialEq for Tenant {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0.name == other.0.name
    }
}

impl Eq for Tenant {}

impl Hash for Tenant {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.0.hash);
    }
}

impl fmt::Debug for Tenant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.name.is_empty() { f.write_str("(default)") } else { f.write_str(&self.0.name) }
    }
}

/// What an account holds in one period: what was spent, and what is held for calls that
/// run.
///
/// Figures are in the account's unit, dollars in nano-dollars. `spent` is money that is
/// gone; `reserved` is room that comes back as far as a call does not use it. A limit is
/// compared with both together, a threshold event with `spent` alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Balance {
    /// What ended calls have used.
    pub spent: i64,
    /// What is held for calls in flight.
    pub reserved: i64,
}

impl Balance {
    /// Spent and reserved together: what counts against a limit.
    #[inline]
    #[must_use]
    pub fn used(&self) -> i64 {
        self.spent.saturating_add(self.reserved)
    }
}

/// Names one hold or posting: 128 bits that sort by time, made by whoever sends the command.
///
/// The upper 48 bits are milliseconds of the ledger's clock, the rest is a random prefix
/// for each thread and a counter: making one costs no system call. Make the id *before*
/// you send anything, and send the same id again if no answer came; the ledger then
/// executes the command once.
///
/// As text an id is 32 hexadecimal digits.
///
/// # Example: an id bears its time, and two never meet
/// ```
/// use token_budget::ledger::ReservationId;
/// use token_budget::time::Timestamp;
///
/// let at = Timestamp::from_secs(1_764_000_000);
/// let (first, second) = (ReservationId::generate(at), ReservationId::generate(at));
/// assert!(first != second && first.time() == at);
/// assert_eq!(first.to_string().parse::<ReservationId>()?, first);
/// # Ok::<(), token_budget::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReservationId(u128);

thread_local! {
    static NEXT: Cell<u128> = Cell::new(thread_prefix());
}

/// The 80 bits below the time.
const LOW_BITS: u128 = (1 << 80) - 1;

/// Set in the id of an imported row. As a part of a time it would mean the year 6429.
const IMPORTED: u128 = 1 << 127;

/// Forty random bits above a counter of forty.
fn thread_prefix() -> u128 {
    static THREADS: AtomicU64 = AtomicU64::new(0);
    let thread = THREADS.fetch_add(1, Ordering::Relaxed);
    // Each `RandomState` of the standard library has keys of its own.
    let random = std::collections::hash_map::RandomState::new().hash_one(thread);
    u128::from(random).wrapping_shl(40) & LOW_BITS
}

impl ReservationId {
    /// A new id that bears `now`, and that no thread of any process has made before, as
    /// far as 40 random bits tell.
    #[inline]
    #[must_use]
    pub fn generate(now: Timestamp) -> Self {
        let low = NEXT
            .try_with(|next| {
                let low = next.get();
                next.set(low.wrapping_add(1) & LOW_BITS);
                low
            })
            // The thread is being torn down: a prefix of its own serves one more id.
            .unwrap_or_else(|_| thread_prefix());
        let millis = u128::try_from(now.as_millis().max(0)).unwrap_or(0);
        Self(millis.wrapping_shl(80) | low)
    }

    /// The id with these bits; the highest is set only in the id of an [imported](Self::imported) row.
    #[must_use]
    pub const fn from_bits(bits: u128) -> Self {
        Self(bits)
    }

    /// The id of an imported row: the same source and row make the same id, on every machine and for ever.
    ///
    /// For spend that did not pass the wrapper, as a provider's bill tells it or the log of another program. `row` is the row's own id
    /// there. Posted under this id ([`Record::used_at`](crate::ledger::Record::used_at)), a file that is imported twice changes nothing
    /// the second time, as long as its rows go to the same organisation: on the same lines a row is answered as a repeat, on others (a
    /// budget was added, or the row's date moved it to another day) as a `Conflict`, which the importer passes over.
    ///
    /// The id bears no time, and no hold can have it. It is the FNV-1a hash of both names in 127 bits below a bit that is set, so two rows
    /// do not meet by chance; somebody who chooses the ids of rows could make two that do.
    ///
    /// # Example: a row is known again, and another source has other rows
    /// ```
    /// use token_budget::ledger::ReservationId;
    ///
    /// let row = ReservationId::imported("openai-bill", "2026-11-30/4711");
    /// assert_eq!(row, ReservationId::imported("openai-bill", "2026-11-30/4711"));
    /// assert_ne!(row, ReservationId::imported("azure-bill", "2026-11-30/4711"));
    /// assert!(row.is_imported());
    /// ```
    #[must_use]
    pub fn imported(source: &str, row: &str) -> Self {
        // With its length first, so that no two pairs are one text.
        let length = (source.len() as u64).to_le_bytes();
        Self(fnv128(length.into_iter().chain(source.bytes()).chain(row.bytes())) | IMPORTED)
    }

    /// Whether it is the id of an imported row ([`imported`](Self::imported)).
    #[inline]
    #[must_use]
    pub const fn is_imported(self) -> bool {
        self.0 & IMPORTED != 0
    }

    /// All 128 bits.
    #[must_use]
    pub const fn to_bits(self) -> u128 {
        self.0
    }

    /// The instant that the id bears, to the millisecond; the first of all for an [imported](Self::imported) row, which bears none.
    #[inline]
    #[must_use]
    pub fn time(self) -> Timestamp {
        if self.is_imported() {
            return Timestamp::MIN;
        }
        let millis = i64::try_from(self.0.wrapping_shr(80)).unwrap_or(i64::MAX);
        Timestamp::from_nanos(millis.saturating_mul(1_000_000))
    }
}

impl fmt::Display for ReservationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for ReservationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::str::FromStr for ReservationId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let hexadecimal = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        match u128::from_str_radix(text, 16) {
            Ok(bits) if hexadecimal => Ok(Self(bits)),
            _ => Err(Error::invalid("reservation id", format!("{text:?} is not 32 hexadecimal digits"))),
        }
    }
}

impl Serialize for ReservationId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ReservationId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_differ_and_sort_by_their_time() {
        let early = ReservationId::generate(Timestamp::from_secs(10));
        let late = ReservationId::generate(Timestamp::from_secs(11));
        assert!(early < late);
        assert_ne!(late, ReservationId::generate(Timestamp::from_secs(11)));
        assert_eq!(late.time(), Timestamp::from_secs(11));
        assert_eq!(late.to_string().parse::<ReservationId>().expect("round trip"), late);
    }

    #[test]
    fn an_imported_id_is_the_same_on_every_machine_and_no_two_pairs_share_one() {
        let id = ReservationId::imported("bill", "4711");
        assert_eq!(id.to_string(), "f6dd668727c36f43848fed759129555b");
        assert_eq!((id.is_imported(), id.time()), (true, Timestamp::MIN));
        assert_ne!(ReservationId::imported("bill4", "711"), id);
        assert_ne!(ReservationId::imported("", "bill4711"), id);
        assert!(!ReservationId::generate(Timestamp::MAX).is_imported());
    }

    #[test]
    fn accounts_are_equal_by_name_wherever_they_were_made() {
        let book = |tenant: &Tenant| {
            Arc::new(BudgetKey {
                tenant: tenant.clone(),
                budget: "b".into(),
                unit: Unit::Usd,
                window: "day".into(),
            })
        };
        let acme = Tenant::organization(&Scope::organization("acme").expect("name"));
        let user = Scope::user("ada").expect("name");
        assert_eq!(Account::new(book(&acme), user.clone()), Account::new(book(&acme), user.clone()));
        assert_ne!(Account::new(book(&acme), user.clone()), Account::new(book(&Tenant::unnamed()), user));
    }
}
