//! What may the answer to asking for room be?

use crate::{Decision, Reservation};

/// What became of asking for room.
///
/// A refusal is an answer, so it is no [`Error`](crate::Error): the ledger worked, and said no. Whoever prefers `?` calls
/// [`or_refusal`](Self::or_refusal), whose error is the [`Decision`].
///
/// # Example: one request a day
/// ```
/// use token_budget::usage::Unit;
/// use token_budget::{Admission, Budget, Call, Enforcer, Policy, Scope, Usage, Window};
///
/// let one = Budget::count("search", Scope::team("search")?, Unit::Requests, 1, Window::day());
/// let enforcer = Enforcer::builder().policy(Policy::new([one])?).build();
/// let call = Call::new("gpt-4o").team("search").input_tokens(10).output_tokens(10);
///
/// match enforcer.reserve(&call).wait()? {
///     Admission::Admitted(reservation) => drop(reservation.send().reconcile(Usage::of(10, 7)).wait()?),
///     Admission::Refused(decision) => panic!("{decision}"),
/// }
/// let refused = enforcer.reserve(&call).wait()?.or_refusal().unwrap_err();
/// let line = &refused.refusals()[0];
/// assert_eq!((line.spent, line.requested, line.limit), (1, 1, Some(1)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use = "dropping an admission gives the room back"]
pub enum Admission {
    /// Room is held: send the call.
    Admitted(Reservation),
    /// At least one budget refuses: do not send it.
    Refused(Box<Decision>),
}

impl Admission {
    /// Whether room is held.
    #[must_use]
    pub fn is_admitted(&self) -> bool {
        matches!(self, Self::Admitted(_))
    }

    /// The reservation, or the refusal as an error.
    ///
    /// # Errors
    /// The decision, where a budget refuses.
    pub fn or_refusal(self) -> Result<Reservation, Box<Decision>> {
        match self {
            Self::Admitted(reservation) => Ok(reservation),
            Self::Refused(decision) => Err(decision),
        }
    }
}

impl std::error::Error for Decision {}
