//! Which thresholds did observers hear of, and which did a crash keep from them?
//!
//! A threshold is told when a reply brings it, and confirmed to a durable ledger minutes later. In between the ledger still lists
//! it as pending. This memory keeps `tell_pending` from telling it a second time.

use std::collections::VecDeque;

use parking_lot::Mutex;

use crate::ledger::Reached;
use crate::values::Account;

/// More than this are not remembered as told: the oldest may be told again.
const TOLD_MAX: usize = 1_000;

/// What this process told its observers and the ledger does not know yet to be told.
#[derive(Debug, Default)]
pub(crate) struct Told(Mutex<VecDeque<(Account, i64, u8)>>);

impl Told {
    /// Notes that it is told here, and forgets the oldest where these are too many.
    pub(super) fn note(&self, reached: &Reached) {
        self.note_new(reached);
        let mut told = self.0.lock();
        let surplus = told.len().saturating_sub(TOLD_MAX);
        told.drain(..surplus);
    }

    /// The same for what is about to be confirmed: it may be one page more. Says whether it was not noted before.
    pub(super) fn note_new(&self, reached: &Reached) -> bool {
        let (key, mut told) = (key(reached), self.0.lock());
        let is_new = !told.contains(&key);
        if is_new {
            told.push_back(key);
        }
        is_new
    }

    /// The ledger knows that it was told: it need not be remembered here.
    pub(super) fn strike(&self, reached: &Reached) {
        let (key, mut told) = (key(reached), self.0.lock());
        if let Some(place) = told.iter().position(|told| *told == key) {
            told.remove(place);
        }
    }
}

fn key(reached: &Reached) -> (Account, i64, u8) {
    (reached.account.clone(), reached.period, reached.tier)
}
