//! When does a call go on the bill, and until when is it open?
//!
//! A call is on the bill exactly once: whoever ends it takes its customer out, and nobody is billed a second time.

use std::sync::Arc;

use super::bill::{BilledCall, CallEnd, Customer};
use super::rendered::Gone;
use super::state::{ScriptState, Settings};
use crate::Clock;
use crate::pricing::Unseen;
use crate::values::Timestamp;

/// A call on its provider's books. Dropped before its end, it was hung up on.
pub(super) struct OpenCall {
    /// The bill that the call goes on.
    state: Arc<ScriptState>,
    /// Who is billed; nothing once the call is on the bill.
    customer: Option<Customer>,
    /// Tokens generated further than the client has read.
    ahead: u64,
    /// Whether the bill lists every call.
    keeps_calls: bool,
    /// The clock by which the request came, and the wait is measured.
    clock: Arc<dyn Clock>,
    /// When the request came.
    since: Timestamp,
}

impl OpenCall {
    pub(super) fn new(state: &Arc<ScriptState>, customer: Customer, settings: &Settings) -> Self {
        let Settings { ahead, keeps_calls, ref clock, .. } = *settings;
        let since = clock.now();
        Self {
            state: Arc::clone(state),
            customer: Some(customer),
            ahead,
            keeps_calls,
            clock: Arc::clone(clock),
            since,
        }
    }

    /// How long the client waited, and what else a bill needs to know of one that left.
    pub(super) fn gone(&self) -> Gone {
        let stated = self.customer.as_ref().map_or(Unseen::Hold, |customer| customer.price.unseen());
        Gone { after: self.clock.now().since(self.since), ahead: self.ahead, stated }
    }

    /// The number of the call, of those that its provider answered.
    pub(super) fn number(&self) -> u64 {
        self.customer.as_ref().map_or(0, |customer| customer.number)
    }

    pub(super) fn is_open(&self) -> bool {
        self.customer.is_some()
    }

    pub(super) fn end(&mut self, call: impl FnOnce(Customer) -> BilledCall) {
        if let Some(customer) = self.customer.take() {
            self.state.end(call(customer), self.keeps_calls);
        }
    }

    /// The call was never answered: it is on the bill as nothing.
    pub(super) fn forget(&mut self) {
        self.end(|customer| BilledCall::unbilled(customer, CallEnd::HungUp, 0));
    }
}
