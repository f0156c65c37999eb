//! How is a request that has no room sent with a shorter prompt?
//!
//! Trimming is the last resort before a refusal, and opt-in. The refusal has shown how
//! much room there is; the prompt is shortened until it fits there, and the call is
//! reserved anew with a new id. Between the two somebody else may have taken the room:
//! then the answer is the second refusal, which says so ([`Untrimmed::Overtaken`]).

use super::dialect::Dialect;
use super::gate::{HttpBudget, Ruling};
use super::head::RequestHead;
use super::hold::{Held, NoRoom};
use super::refusal::HttpRefusal;
use super::route::Route;
use super::want::Want;
use crate::tokens::RequestShape;
use crate::values::verdict::Untrimmed;
use crate::{Call, Error, ErrorKind};

impl HttpBudget {
    /// Trims the body to the room that its refusal saw, and asks once more. If that did
    /// not help, the refusal says why.
    pub(super) async fn hold_trimmed(
        &self,
        head: &RequestHead<'_>,
        route: &Route,
        charge: Call,
        body: &[u8],
        refused: NoRoom,
    ) -> Result<Ruling, HttpRefusal> {
        let failed = |error| HttpRefusal::failed(route.dialect, &error);
        let NoRoom { call, mut decision } = refused;
        let untrimmed = {
            let room = self.enforcer.whole().room(self.fitting, &call, &decision).map_err(failed)?;
            let Some(room) = room else { return Err(self.no_room(route, &decision)) };
            let mut shorter = Vec::new();
            let outcome = may_be_trimmed(route, &call).and_then(|()| {
                shorter.extend_from_slice(body);
                RequestShape::trim(&mut shorter, &room.target())
            });
            match room.outcome(outcome) {
                Ok(trimmed) => {
                    let after = trimmed.after.tokens;
                    match self.hold_body(head, route, charge, &shorter, Some((&room, trimmed))).await? {
                        Held::Ruled(ruling) => return Ok(ruling),
                        Held::Refused(again) => {
                            decision = again.decision;
                            Untrimmed::Overtaken { tokens: after }
                        }
                    }
                }
                Err(untrimmed) => untrimmed,
            }
        };
        decision.untrimmed = Some(Box::new(untrimmed));
        Err(self.no_room(route, &decision))
    }
}

/// Whether this body may be changed at all. A signed body must arrive as it was signed,
/// and only a conversation has turns to leave out.
fn may_be_trimmed(route: &Route, call: &Call) -> Result<(), Error> {
    let no = |why: &str| Err(Error::new(ErrorKind::Unsupported, why));
    if call.output_terms.is_sealed {
        return no("its body is signed");
    }
    match (route.want, route.dialect) {
        (Want::Generation, Dialect::Bedrock) => no("a body of Bedrock's Invoke is never changed"),
        (Want::Chat | Want::Response | Want::Generation, _) => Ok(()),
        _ => no("it is no conversation"),
    }
}
