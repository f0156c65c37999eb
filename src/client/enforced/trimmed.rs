//! How is a request that has no room held with a shorter prompt?
//!
//! The refusal says how much input would fit, the client shortens its request to that, and the request is held anew: the ledger
//! decides, and may refuse again, because others have taken room in between. The refusal then says why trimming did not help.

use super::{BudgetEnforcedClient, Gate};
use crate::client::{CallError, LlmClient};
use crate::tokens::Trimmed;
use crate::values::verdict::Untrimmed;
use crate::{Admission, Call, Decision, Reservation};

impl<C: LlmClient> BudgetEnforcedClient<C> {
    /// Room for one model's call without old parts of its conversation; the refusal is told where that did not help.
    pub(super) async fn hold_trimmed(
        &self,
        gate: Gate<'_>,
        charge: &Call,
        call: &Call,
        request: &mut C::Request,
        refused: &mut Box<Decision>,
        trimmed: &mut Option<Trimmed>,
    ) -> Result<Option<Reservation>, CallError<C::Error>> {
        let untrimmed = {
            let Some(room) = self.enforcer.whole().room(self.fitting, call, refused)? else {
                return Ok(None);
            };
            match room.outcome(self.client.trim(request, &room.target())) {
                Ok(left_out) => {
                    let after = left_out.after;
                    *trimmed = Some(left_out);
                    let described = self.enforcer.whole().of_dearest(self.describe(request, charge))?;
                    let sized = room.with_output(described.clone(), after)?;
                    match self.hold_fitting(gate, described, Some(sized), request).await? {
                        Admission::Admitted(reservation) => return Ok(Some(reservation)),
                        Admission::Refused(_) => Untrimmed::Overtaken { tokens: after.tokens },
                    }
                }
                Err(untrimmed) => untrimmed,
            }
        };
        refused.untrimmed = Some(Box::new(untrimmed));
        Ok(None)
    }
}
