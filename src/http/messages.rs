//! What changes on the `http` crate's requests and responses?
//!
//! Layer and middleware both speak the types of the `http` crate, and what must change on
//! these is written here once: the path as it was judged, the length of a changed body,
//! `accept-encoding: identity` so that the answer can be read, and no `content-length` on
//! a stream that may end early.

use std::borrow::Cow;

use ::http::header::{ACCEPT_ENCODING, CONTENT_LENGTH, HOST, HeaderValue, TRANSFER_ENCODING};
use ::http::request::Parts;
use ::http::{HeaderMap, HeaderName, Response, StatusCode, Uri};
use bytes::Bytes;
use http_body::Body;

use super::body::MeteredBody;
use super::exchange::Exchange;
use super::head::{Headers, RequestHead};
use super::path::fold_path;
use super::polls::Polled;
use super::refusal::{Denial, HttpRefusal};

/// What a request says before its body.
pub(super) fn head(parts: &Parts) -> RequestHead<'_> {
    let host = parts.uri.host().or_else(|| parts.headers.header(HOST.as_str())).unwrap_or_default();
    RequestHead::new(parts.method.as_str(), host, parts.uri.path(), &parts.headers)
}

/// Writes the path into the address as it is judged, so that what is judged is what is
/// sent. The query stays.
pub(super) fn fold(uri: &mut Uri) -> Result<(), Denial> {
    let Cow::Owned(mut path) = fold_path(uri.path())? else { return Ok(()) };
    if let Some(query) = uri.query() {
        path.push('?');
        path.push_str(query);
    }
    let mut parts = uri.clone().into_parts();
    let unusable = || Denial::bad_request("the address cannot be read");
    parts.path_and_query = Some(path.try_into().map_err(|_| unusable())?);
    *uri = Uri::from_parts(parts).map_err(|_| unusable())?;
    Ok(())
}

/// Asks for an answer that can be read.
pub(super) fn ask_plainly(headers: &mut HeaderMap) {
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
}

/// States the length of the body, and asks for an answer that can be read.
pub(super) fn prepare(headers: &mut HeaderMap, length: usize) {
    ask_plainly(headers);
    headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    headers.remove(TRANSFER_ENCODING);
}

/// The response with its body metered.
pub(super) fn metered<B>(exchange: Exchange, response: Response<B>) -> Response<MeteredBody<B>>
where
    B: Body<Data = Bytes> + Send + 'static,
{
    let (mut parts, body) = response.into_parts();
    let answered = exchange.answered(parts.status.as_u16(), &parts.headers);
    if answered.is_stream() {
        // It may end earlier or be shorter than the provider said.
        parts.headers.remove(CONTENT_LENGTH);
    }
    Response::from_parts(parts, MeteredBody::metered(answered, body))
}

/// The answer to a poll, whose body ends the call where it shows how that ended.
pub(super) fn polled<B>(polled: Polled, response: Response<B>) -> Response<MeteredBody<B>>
where
    B: Body<Data = Bytes> + Send + 'static,
{
    let (parts, body) = response.into_parts();
    let answered = polled.answered(parts.status.as_u16(), &parts.headers);
    Response::from_parts(parts, MeteredBody::metered(answered, body))
}

/// The refusal as a response.
pub(super) fn refused<B>(refusal: HttpRefusal) -> Response<MeteredBody<B>> {
    let HttpRefusal { status, headers, body } = refusal;
    let mut response = Response::new(MeteredBody::refused(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().insert(HeaderName::from_static(name), value);
        }
    }
    response
}
