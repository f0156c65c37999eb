//! How is one attempt held, on which model, and what is written into its request?
//!
//! A request is held on its own model first: as it is, with a shorter output, with a shorter prompt, as far as each was allowed.
//! Where none of these has room, the next model of the ladder is tried in the same way. What is sent never asks for more than is
//! held.

use super::{BudgetEnforcedClient, Gate};
use crate::client::{CallError, LlmClient};
use crate::engine::Walk;
use crate::values::no_limit::ApiLimit;
use crate::{Admission, Call, Error, ErrorKind, Reservation};

impl<C: LlmClient> BudgetEnforcedClient<C> {
    /// Room for the request: on its own model, or on the strongest rung below it that has some.
    pub(super) async fn admit(
        &self,
        gate: Gate<'_>,
        charge: &Call,
        request: &mut C::Request,
    ) -> Result<Reservation, CallError<C::Error>> {
        let mut walk = Walk::new(self.enforcer.whole().core(), &self.ladder);
        let mut trimmed = None;
        loop {
            let described = self.describe(request, charge);
            // The dearest of its models stays with the request; the ladder goes on below the one that it names.
            let own = described.without_input();
            let call = self.enforcer.whole().of_dearest(described)?;
            let mut refused = match self.hold_fitting(gate, call.clone(), None, request).await? {
                Admission::Admitted(reservation) => return Ok(reservation.with_trimmed(trimmed)),
                Admission::Refused(decision) => decision,
            };
            if trimmed.is_none() {
                let held =
                    self.hold_trimmed(gate, charge, &call, request, &mut refused, &mut trimmed).await?;
                if let Some(reservation) = held {
                    return Ok(reservation.with_trimmed(trimmed));
                }
            }
            let sends = |model: &str| self.client.set_model(request, model);
            let _ = walk.below(&own, refused, sends).map_err(CallError::Refused)?;
        }
    }

    /// Room for one model's call, with its output shortened where that was asked for; for `sized`, where somebody has
    /// found out already what fits.
    async fn hold(&self, gate: Gate<'_>, call: &Call, sized: Option<&Call>) -> Result<Admission, Error> {
        if let Some(sized) = sized {
            return gate.reserve(sized).await;
        }
        let refused = match gate.reserve(call).await? {
            Admission::Refused(decision) => decision,
            admitted => return Ok(admitted),
        };
        match self.fitting.shortened(call, &refused) {
            Some(shorter) => gate.reserve(&shorter).await,
            None => Ok(Admission::Refused(refused)),
        }
    }

    /// What the request asks for, and what becomes of it where it names no limit.
    pub(super) fn describe(&self, request: &C::Request, charge: &Call) -> Call {
        let mut call = self.client.describe(request, charge.clone());
        let chosen = call.output_terms.on_no_limit.or(self.on_no_limit);
        call.output_terms.on_no_limit = chosen;
        call
    }

    /// Room for one model's call, whose request says no more than is held.
    pub(super) async fn hold_fitting(
        &self,
        gate: Gate<'_>,
        mut call: Call,
        mut sized: Option<Call>,
        request: &mut C::Request,
    ) -> Result<Admission, CallError<C::Error>> {
        loop {
            let reservation = match self.hold(gate, &call, sized.as_ref()).await? {
                Admission::Admitted(reservation) => reservation,
                refused => return Ok(refused),
            };
            if let Some(mut fitted) = self.fit(request, &call, reservation)? {
                fitted.remember(call.input);
                return Ok(Admission::Admitted(fitted));
            }
            // Nothing can be written into this request, so it is held for the most that it may generate.
            call.output_terms.api = ApiLimit::Unwritable;
            if let Some(sized) = &mut sized {
                sized.output_terms.api = ApiLimit::Unwritable;
            }
        }
    }

    /// Brings a request down to what is held for it. One that cannot be is not sent; `None` where it names no limit,
    /// and one cannot be written in.
    fn fit(
        &self,
        request: &mut C::Request,
        call: &Call,
        reservation: Reservation,
    ) -> Result<Option<Reservation>, CallError<C::Error>> {
        // Dropping the reservation gives the room back.
        let unsent = |text: String| Err(CallError::Ledger(Error::new(ErrorKind::Unsupported, text)));
        let model = reservation.model();
        if model != call.model() && !self.client.set_model(request, model) {
            return unsent(format!("the client cannot send the request to {model}; nothing was sent"));
        }
        let Some(each) = self.fitting.limit_to_send(call, &reservation) else { return Ok(Some(reservation)) };
        if self.client.clamp(request, each) {
            return Ok(Some(reservation.limited_by_us()));
        }
        if reservation.must_send_limit() && call.output_terms.api != ApiLimit::Unwritable {
            return Ok(None);
        }
        unsent(format!("the client cannot limit the request's output to {each} tokens; nothing was sent"))
    }
}
