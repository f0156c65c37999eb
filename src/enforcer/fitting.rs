//! How is a request's output brought down to what is held for it?
//!
//! Three steps, each only where the application asked for it: the request is sent with the limit that is held (`clamps`); a
//! refused request is asked for again with the output that is affordable (`fits_from`); if even the least output does
//! not fit, its prompt is shortened (`trims`). A caller that needs 500 output tokens and could afford 800 sends 800; one that could
//! afford 300 is refused.

use crate::tokens::Trim;
use crate::{Call, Decision, Reservation};

/// What an application lets happen to the output limit of its requests. By default what a cap
/// and [`OnNoLimit`](crate::values::OnNoLimit) demand.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Fitting {
    /// Every request is limited to what its hold covers.
    pub(crate) clamps: bool,
    /// A request without room is shortened to what is affordable, but not below so many tokens.
    pub(crate) fits_from: Option<u64>,
    /// A request that has no room even so has its prompt shortened, in that way.
    pub(crate) trims: Option<Trim>,
}

impl Fitting {
    pub(crate) fn clamping(self) -> Self {
        Self { clamps: true, ..self }
    }

    pub(crate) fn to_room(self, output_tokens_min: u64) -> Self {
        // What is shortened here must be sent shortened.
        Self { fits_from: Some(output_tokens_min.max(1)), ..self.clamping() }
    }

    pub(crate) fn trimming(self, how: Trim) -> Self {
        Self { trims: Some(how), ..self }
    }

    /// The same call with as little output as it may have.
    pub(crate) fn shortest(self, call: &Call) -> Call {
        let Some(least) = self.least(call) else { return call.clone() };
        let asks_less = call.output_requested.is_some_and(|asked| asked <= least);
        if asks_less { call.clone() } else { call.clone().output_tokens(least) }
    }

    /// The least output of each choice to which a request is shortened.
    fn least(self, call: &Call) -> Option<u64> {
        // What its own thinking uses up leaves no answer.
        self.fits_from.map(|least| least.max(call.output_terms.thinking.saturating_add(1)))
    }

    /// The same call with as much output as is affordable, where it may be asked for in place of the refused one.
    pub(crate) fn shortened(self, call: &Call, refused: &Decision) -> Option<Call> {
        let least = self.least(call)?;
        let affordable = refused.affordable_output_tokens().filter(|tokens| *tokens >= least)?;
        Some(call.clone().output_tokens(affordable))
    }

    /// The limit that the request must be sent with, in output tokens of each choice; `None` where it may go as it is.
    pub(crate) fn limit_to_send(self, call: &Call, reservation: &Reservation) -> Option<u64> {
        if reservation.binding().observes_only {
            // What only observes rewrites nothing.
            return None;
        }
        let each = reservation.output_tokens_each();
        // A cap may have shortened what is held below what was asked for: sent as it is, it could cost more.
        let asks_more = call.output_requested.is_some_and(|asked| asked > each);
        let asks_anything = call.output_requested.is_none() || call.output_terms.is_unsaid;
        (asks_more || reservation.must_send_limit() || self.clamps && asks_anything).then_some(each)
    }
}
