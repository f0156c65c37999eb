//! What becomes of a request of the `http` crate?

use std::time::Duration;

use ::http::Request;
use bytes::Bytes;
use http_body::Body;
use http_body_util::{BodyExt, LengthLimitError, Limited};

use super::exchange::Admitted;
use super::gate::{HttpBudget, Ruling};
use super::messages;
use super::refusal::HttpRefusal;

/// What becomes of a request.
pub(super) enum Ruled<In> {
    Refused(HttpRefusal),
    Passes(Request<In>),
    Sends(Request<In>, Box<Admitted>),
}

/// Reads the body as far as it is needed, and asks the gate.
pub(super) async fn rule<In>(gate: &HttpBudget, request: Request<In>, timeout: Option<Duration>) -> Ruled<In>
where
    In: Body + From<Bytes>,
    In::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let (mut parts, body) = request.into_parts();
    let head = messages::head(&parts).with_timeout(timeout);
    let Some(bytes_max) = gate.wants_body(&head) else {
        return match gate.admit(&head, &[]).await {
            Ruling::Refused(refusal) => Ruled::Refused(refusal),
            _ => Ruled::Passes(Request::from_parts(parts, body)),
        };
    };
    let body = match Limited::new(body, bytes_max).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => return Ruled::Refused(gate.too_large(&head)),
        Err(_) => return Ruled::Refused(gate.unreadable(&head)),
    };
    match gate.admit(&head, &body).await {
        Ruling::Refused(refusal) => Ruled::Refused(refusal),
        Ruling::Pass => Ruled::Passes(Request::from_parts(parts, body.into())),
        Ruling::Admitted(mut admitted) => {
            let body = admitted.take_body().map_or(body, Bytes::from);
            messages::prepare(&mut parts.headers, body.len());
            Ruled::Sends(Request::from_parts(parts, body.into()), admitted)
        }
    }
}
