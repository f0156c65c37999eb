//! What does a run hold for a run below that has a part of its own?
//!
//! The part is a hold on the parent and on all that share with it. Its lines
//! lie beside three of the child's own: what is carved, the number of the
//! hold, by which another process finds its id; and what of the child's
//! spending was posted above. So the books alone say how far the replacement
//! of the hold has come, and anybody may go on with it.
//!
//! Worked example: `trip` has $10, and gives `trip/search` a part of $4.
//!
//! | | `trip`: spent, reserved | `search`: carved | posted | `search`: own spent |
//! |---|---|---|---|---|
//! | the part is held | 0, 4 | 0, 4 | 0 | 0 |
//! | `search` spends $1 | 0, 4 | 0, 4 | 0 | 1 |
//! | `search` is closed | 1, 0 | 0, 0 | 1 | 1 |
//!
//! Its calls touch its own lines alone, which have a limit of $4, so `trip` cannot be exceeded by them: the hold stands for
//! the most they can take. A run above `trip` that `trip` shares with sees the same hold; one above a part of `trip`'s own in the
//! same unit sees nothing, because that part stands there already (`Opened::part_lines`).
//!
//! # One hold, whoever asks
//! The hold's id is a hash of a number, and the number is an amount on a line of the child's (`CARVED` in requests), whose
//! ceiling is that very number. Two processes that carve for the same child at once bring two numbers: the first fits
//! (n <= n), the second does not (n + m > m), and its process finds the first's part. Any process reads the number, and
//! makes the same id of it.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use super::post::{Amounts, amounts};
use crate::Scope;
use crate::engine::Core;
use crate::policy::Budget;
use crate::values::fnv::fnv128;
use crate::values::{Account, Binding, ReservationId, Tenant, Timestamp, Unit};

/// The line of the child's part: in the part's unit how much, in requests the hold's number.
pub(super) const CARVED: &str = "run carved";
/// The line of what was posted above of the child's spending.
pub(super) const POSTED: &str = "run posted";

/// The hold that stands for a part.
pub(crate) struct Carve {
    pub(super) child: Scope,
    pub(super) unit: Unit,
    /// How much was carved.
    pub(super) part: i64,
    /// The hold's number, from which its id is made.
    number: i64,
    pub(super) id: ReservationId,
    /// The payers' lines, and the child's.
    pub(super) binding: Arc<Binding>,
    /// The child is over: the hold is to be replaced by what it spent.
    ended: AtomicBool,
    /// The lines of calls made below it. Whoever holds them may still report.
    calls: Mutex<Vec<Weak<[Arc<Budget>]>>>,
}

impl fmt::Debug for Carve {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Carve({})", self.child)
    }
}

/// What a hold comes to on each kind of its lines, in the unit that is carved.
#[derive(Clone, Copy, Debug)]
pub(super) struct CarveAmounts {
    /// On the lines of those who pay.
    pub(super) above: i64,
    /// As carved for the child.
    pub(super) carved: i64,
    /// As posted above of what the child has spent.
    pub(super) posted: i64,
}

impl Carve {
    /// The hold of that number, which is made or found again under these lines.
    pub(super) fn new(
        tenant: &Tenant,
        child: &Scope,
        (unit, part): (Unit, i64),
        number: i64,
        binding: Arc<Binding>,
    ) -> Self {
        Self {
            child: child.clone(),
            unit,
            part,
            number,
            id: id_of(number, tenant, child),
            binding,
            ended: AtomicBool::new(false),
            calls: Mutex::default(),
        }
    }

    /// The child is over, so its hold is to be replaced.
    pub(super) fn end(&self) {
        self.ended.store(true, Ordering::Release);
    }

    /// Takes note of calls that are counted in the part.
    pub(super) fn watch(&self, lines: &Arc<[Arc<Budget>]>) {
        let mut calls = self.calls.lock();
        calls.retain(|lines| lines.strong_count() > 0);
        calls.push(Arc::downgrade(lines));
    }

    /// Whether anybody in this process may still report what a call of the child used.
    pub(super) fn is_awaited(&self, core: &Core) -> bool {
        core.outbox.len() > 0 || self.calls.lock().iter().any(|lines| lines.strong_count() > 0)
    }

    pub(super) fn is_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    /// Whether it holds a part of that account. What is left of one that ended is held for its calls in flight.
    pub(super) fn is_on(&self, account: &Account) -> bool {
        let mut lines = self.binding.terms.iter();
        !self.is_ended() && self.unit == *account.unit() && lines.any(|bound| bound.account == *account)
    }

    /// The child, and what it was given.
    pub(super) fn given(&self) -> (Scope, i64) {
        (self.child.clone(), self.part)
    }

    /// What the hold comes to on each of its lines.
    pub(super) fn amounts(&self, parts: CarveAmounts) -> Amounts {
        let CarveAmounts { above, carved, posted } = parts;
        amounts(&self.binding, |account| match account.budget() {
            CARVED if *account.unit() == self.unit => carved,
            CARVED => self.number,
            POSTED => posted,
            _ => above,
        })
    }
}

/// The lower bits of a hold's number tell it from others of the same millisecond.
const NUMBER_BITS: u32 = 20;

/// A number for a hold that is made now, with which none was made before.
pub(super) fn new_number(now: Timestamp) -> i64 {
    let bits = ReservationId::generate(now).to_bits();
    // A thread's random prefix lies above its counter.
    let low = (bits ^ bits.wrapping_shr(40)) & ((1 << NUMBER_BITS) - 1);
    let millis = now.as_millis().max(0).wrapping_shl(NUMBER_BITS);
    millis | i64::try_from(low).unwrap_or(0)
}

/// The id of a child's hold, made again from the number that its books tell.
fn id_of(number: i64, tenant: &Tenant, child: &Scope) -> ReservationId {
    let name = tenant.name().bytes().chain([0]).chain(child.name().bytes());
    let hash = fnv128(name.chain(number.to_be_bytes()));
    let millis = u128::try_from(number.wrapping_shr(NUMBER_BITS)).unwrap_or(0);
    ReservationId::from_bits(millis.wrapping_shl(80) | (hash & ((1 << 80) - 1)))
}
