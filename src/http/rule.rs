//! What becomes of a request of the `http` crate?
//!
//! The same steps for the layer and the middleware, in the order that keeps a stranger's
//! body out of memory: fold the path, ask who pays, read the body up to its limit, hold
//! room, prepare the request.

use std::time::Duration;

use ::http::Request;
use bytes::Bytes;
use http_body::Body;
use http_body_util::{BodyExt, LengthLimitError, Limited};

use super::exchange::Admitted;
use super::gate::{HttpBudget, Ruling};
use super::messages;
use super::payer::HeadRuling;
use super::polls::Polled;
use super::refusal::HttpRefusal;

/// What the caller does with the request: answer it, let it pass, or send it under a
/// hold.
pub(super) enum Ruled<In> {
    Refused(HttpRefusal),
    Passes(Request<In>),
    /// It asks after an answer that is made in the background.
    Polls(Request<In>, Polled),
    Sends(Request<In>, Box<Admitted>),
}

/// Asks the gate who pays, reads the body if somebody does, and asks again.
pub(super) async fn rule<In>(gate: &HttpBudget, request: Request<In>, timeout: Option<Duration>) -> Ruled<In>
where
    In: Body + From<Bytes>,
    In::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let (mut parts, body) = request.into_parts();
    // What is judged is what is sent.
    let folded = messages::fold(&mut parts.uri);
    let head = messages::head(&parts).with_timeout(timeout);
    if let Err(denial) = folded {
        return Ruled::Refused(gate.denied(&head, denial));
    }
    let payer = match gate.who_pays(&head) {
        HeadRuling::Refused(refusal) => return Ruled::Refused(refusal),
        HeadRuling::Pass => {
            let Some(polled) = gate.polled(&head) else {
                return Ruled::Passes(Request::from_parts(parts, body));
            };
            messages::ask_plainly(&mut parts.headers);
            return Ruled::Polls(Request::from_parts(parts, body), polled);
        }
        HeadRuling::Paid(payer) => payer,
    };
    let body = match Limited::new(body, payer.body_bytes_max()).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => return Ruled::Refused(gate.too_large(&head)),
        Err(_) => return Ruled::Refused(gate.unreadable(&head)),
    };
    match gate.admit_for(payer, &head, &body).await {
        Ruling::Refused(refusal) => Ruled::Refused(refusal),
        Ruling::Pass => Ruled::Passes(Request::from_parts(parts, body.into())),
        Ruling::Admitted(mut admitted) => {
            let body = admitted.take_body().map_or(body, Bytes::from);
            messages::prepare(&mut parts.headers, body.len());
            Ruled::Sends(Request::from_parts(parts, body.into()), admitted)
        }
    }
}
