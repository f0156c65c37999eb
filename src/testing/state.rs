//! What do all clones of a provider share?

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::bill::{Bill, BilledCall};
use super::rendered::Repeated;
use super::reply::Reply;
use crate::{Clock, PricingTable};

/// What the builder methods change. A clone keeps its own settings, and shares only the
/// state.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    /// The table by which calls are billed.
    pub(super) prices: PricingTable,
    /// Which prices are in force, and how long a client waited.
    pub(super) clock: Arc<dyn Clock>,
    /// What is answered after the script is used up.
    pub(super) otherwise: Otherwise,
    /// Tokens generated further than a client that hangs up has read.
    pub(super) ahead: u64,
    /// Whether the bill lists every call, or only sums.
    pub(super) keeps_calls: bool,
}

/// What is answered after the script is used up.
#[derive(Clone, Debug)]
pub(super) enum Otherwise {
    /// The same reply every time.
    Reply(Arc<Repeated>),
    /// A reply drawn from this seed and the request's number.
    Random(u64),
}

/// What all clones share.
#[derive(Debug, Default)]
pub(super) struct ScriptState {
    /// Replies still to be given, in order.
    pub(super) script: Mutex<VecDeque<Reply>>,
    /// How many requests were numbered.
    pub(super) requests: AtomicU64,
    /// Calls that ended.
    pub(super) bill: Mutex<Bill>,
    /// Requests that are being answered.
    pub(super) open: AtomicU64,
    /// Wakes those who wait for the last open request.
    pub(super) ended: Notify,
}

impl ScriptState {
    /// Writes a call that ended on the bill, and wakes whoever waits for the last one.
    pub(super) fn end(&self, call: BilledCall, keep: bool) {
        self.bill.lock().add(call, keep);
        if self.open.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.ended.notify_waiters();
        }
    }
}
