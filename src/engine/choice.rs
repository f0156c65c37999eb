//! What may an operator choose of calls whose end nobody saw, and of a ledger that is away?

use crate::Usd;

/// What a call is charged that was sent and then abandoned: nobody said how it ended.
///
/// A call made in the background goes on unheard, and is charged what it holds whatever is chosen here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OnAbandon {
    /// What it may have used, at most what it holds.
    ///
    /// - Where nobody watched (the process died, the hold ended by age, an [`InFlight`](crate::InFlight) was
    ///   dropped that nobody said is [`watched`](crate::InFlight::watched)): all that it holds.
    /// - A stream that was metered: its input and the output seen, with what its model may have reasoned unseen.
    /// - Any other call whose connection closed: its input, and what its model may have generated since it was sent.
    ///
    /// How much that is, is said by [`ModelPrice::unseen`](crate::pricing::ModelPrice::unseen).
    #[default]
    Hold,
    /// Its input, one request and the output seen: for providers known to stop generating at once.
    InputFloor,
    /// Nothing: for providers known not to bill what was cut off.
    Release,
}

/// What happens to a call while the ledger cannot be reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnOutage {
    /// It fails with `LedgerUnavailable`.
    #[default]
    FailClosed,
    /// It is made without a hold, up to so many dollars in this process in one outage; usage is recorded later.
    FailOpen {
        /// Dollars quoted in one outage.
        at_most: Usd,
    },
}
