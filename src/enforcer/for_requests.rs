//! What may the code of a request do with an enforcer?

use std::fmt;

use super::{Admission, Enforcer, Prepared};
use crate::decision::BudgetState;
use crate::ledger::Answer;
use crate::reservation::InFlight;
use crate::values::{ReservationId, Timestamp};
use crate::{Call, Decision, Error, Usd};

/// The enforcer as the code of a request has it: it holds room and reads what is left, and changes no rule.
///
/// Whoever has an [`Enforcer`] can replace the policy, freeze a scope, refund a charge, and reach the ledger itself. Code that
/// only makes calls needs none of that, and a mistake in it should not be able to. Hand it this handle: clients, the
/// gate for HTTP, and runs are built on it as well as on an enforcer. It shares everything with the enforcer that it came from, and
/// costs a pointer.
///
/// # Example: a handler holds room, and the operator's policy counts
/// ```
/// use token_budget::enforcer::ForRequests;
/// use token_budget::{Budget, Call, Enforcer, Policy, Scope, Usage, Usd, Window};
///
/// fn handler(enforcer: &ForRequests) -> Result<Usd, Box<dyn std::error::Error>> {
///     let call = Call::new("gpt-4o").team("search").input_tokens(1_200).output_tokens(500);
///     let sent = enforcer.reserve(&call).wait()?.or_refusal()?.send();
///     Ok(sent.reconcile(Usage::of(1_200, 350)).wait()?.cost())
/// }
///
/// let day = Budget::usd("search", Scope::team("search")?, Usd::dollars(1), Window::day());
/// let operator = Enforcer::builder().policy(Policy::new([day])?).build();
/// assert_eq!(handler(&operator.for_requests())?, "0.0065".parse()?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// What it cannot do does not compile: another policy,
///
/// ```compile_fail,E0599
/// # use token_budget::{Enforcer, Policy};
/// let handle = Enforcer::builder().build().for_requests();
/// handle.set_policy(Policy::default());
/// ```
///
/// a freeze,
///
/// ```compile_fail,E0599
/// # use token_budget::{Enforcer, Scope, ledger::Attribution};
/// let handle = Enforcer::builder().build().for_requests();
/// handle.freeze(None, &Scope::team("search").unwrap(), Attribution::new("me", "why not"));
/// ```
///
/// the books themselves,
///
/// ```compile_fail,E0599
/// # use token_budget::Enforcer;
/// let handle = Enforcer::builder().build().for_requests();
/// let books = handle.ledger();
/// ```
///
/// and the way back to the operator's enforcer.
///
/// ```compile_fail,E0277
/// # use token_budget::Enforcer;
/// let handle = Enforcer::builder().build().for_requests();
/// let operator: Enforcer = handle.into();
/// ```
#[derive(Clone)]
pub struct ForRequests(Enforcer);

impl fmt::Debug for ForRequests {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ForRequests({:?})", self.0)
    }
}

impl From<Enforcer> for ForRequests {
    fn from(enforcer: Enforcer) -> Self {
        Self(enforcer)
    }
}

impl From<&Enforcer> for ForRequests {
    fn from(enforcer: &Enforcer) -> Self {
        Self(enforcer.clone())
    }
}

impl From<&ForRequests> for ForRequests {
    fn from(handle: &ForRequests) -> Self {
        handle.clone()
    }
}

impl Enforcer {
    /// The handle for the code of requests: it can neither change a rule nor reach the books.
    #[must_use]
    pub fn for_requests(&self) -> ForRequests {
        self.into()
    }
}

impl ForRequests {
    /// The enforcer behind it, for what this crate builds on one.
    pub(crate) fn whole(&self) -> &Enforcer {
        &self.0
    }

    /// Holds room for the call, as [`Enforcer::reserve`] does.
    ///
    /// # Errors
    /// Those of [`Enforcer::reserve`].
    pub fn reserve<'a>(&'a self, call: &'a Call) -> Answer<'a, Admission> {
        self.0.reserve(call)
    }

    /// Holds room for the call, or for the next model that has room, as [`Enforcer::reserve_on_ladder`] does.
    ///
    /// # Errors
    /// Those of [`Enforcer::reserve_on_ladder`].
    pub fn reserve_on_ladder<'a>(&'a self, call: &'a Call) -> Answer<'a, Admission> {
        self.0.reserve_on_ladder(call)
    }

    /// Prepares many calls of one charge set, as [`Enforcer::prepare`] does.
    ///
    /// # Errors
    /// Those of [`Enforcer::prepare`].
    pub fn prepare(&self, call: &Call) -> Result<Prepared, Error> {
        self.0.prepare(call)
    }

    /// Says what a reserve would say now, and holds nothing, as [`Enforcer::check`] does.
    ///
    /// # Errors
    /// Those of [`Enforcer::check`].
    pub fn check<'a>(&'a self, call: &'a Call) -> Answer<'a, Decision> {
        self.0.check(call)
    }

    /// Says what would be held for the call, as [`Enforcer::quote`] does.
    ///
    /// # Errors
    /// Those of [`Enforcer::quote`].
    pub fn quote(&self, call: &Call) -> Result<Option<Usd>, Error> {
        self.0.quote(call)
    }

    /// Says what is left of each budget of these payers, as [`Enforcer::remaining`] does.
    ///
    /// # Errors
    /// Those of [`Enforcer::remaining`].
    pub fn remaining<'a>(&'a self, payers: &'a Call) -> Answer<'a, Vec<BudgetState>> {
        self.0.remaining(payers)
    }

    /// Keeps a sent call, as [`Enforcer::keep`] does; whoever has the operator's enforcer ends it by its id.
    ///
    /// # Errors
    /// Those of [`Enforcer::keep`].
    pub fn keep(&self, call: InFlight) -> Result<ReservationId, Error> {
        self.0.keep(call)
    }

    /// Sends what waits for the ledger, as [`Enforcer::flush`] does.
    ///
    /// # Errors
    /// Those of [`Enforcer::flush`].
    pub fn flush(&self) -> Answer<'_, usize> {
        self.0.flush()
    }

    /// Tells the ledger's instant, as [`Enforcer::now`] does.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.0.now()
    }
}
