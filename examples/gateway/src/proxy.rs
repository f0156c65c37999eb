//! What becomes of a request? This is the whole proxy: ask the gate, send, meter what comes back.

use std::error::Error;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::{CONNECTION, CONTENT_LENGTH, SET_COOKIE, TRANSFER_ENCODING};
use axum::http::{HeaderMap, HeaderName, Response, StatusCode, request::Parts};
use axum::response::{IntoResponse, Json};
use axum::{Router, routing::get};
use futures_util::TryStreamExt;
use http_body_util::{BodyExt, LengthLimitError};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use serde_json::json;
use token_budget::Enforcer;
use token_budget::client::Failure;
use token_budget::enforcer::ForRequests;
use token_budget::http::{
    Denial, Exchange, HeadRuling, Headers, HttpBudget, HttpRefusal, Piece, RequestHead, Ruling, fold_path,
};
use token_budget::stream::{Background, Drain, StreamOptions};
use token_budget::tokens::Trim;
use tokio::time::timeout;

use crate::books;
use crate::keys::Keys;
use crate::log::Line;
use crate::upstream::Upstreams;

/// Within this time a request's body has come.
const BODY_TIME: Duration = Duration::from_secs(60);

/// What of an answer's headers belongs to one connection, or to the account.
const KEPT: [HeaderName; 3] = [CONNECTION, SET_COOKIE, TRANSFER_ENCODING];

/// A reverse proxy that keeps budgets.
pub(crate) struct Gateway {
    gate: HttpBudget,
    pub(crate) keys: Arc<Keys>,
    upstreams: Upstreams,
    client: Client<HttpsConnector<HttpConnector>, Body>,
    logs: bool,
}

impl Gateway {
    pub(crate) fn new(enforcer: Enforcer, keys: Keys, upstreams: Upstreams, drains: bool) -> Self {
        let keys = Arc::new(keys);
        let payers = Arc::clone(&keys);
        let gate = HttpBudget::new(enforcer, move |head| Ok(payers.holder(head)?.charge()))
            .provider_of(|head| Some(Upstreams::provider(head).into()))
            .inject_usage_for(upstreams.openai.host())
            // A rate is free again after a minute and one second at most; until then it is 429 and not 402.
            .waiting_at_most(Duration::from_secs(61))
            .streams(if drains {
                StreamOptions::default().drain(Drain::unheard(OnTokio))
            } else {
                StreamOptions::default()
            });
        let mut tcp = HttpConnector::new();
        tcp.set_nodelay(true);
        tcp.enforce_http(false);
        let tls = HttpsConnectorBuilder::new().with_webpki_roots().https_or_http().enable_http1();
        let client = Client::builder(TokioExecutor::new()).build(tls.wrap_connector(tcp));
        Self { gate, keys, upstreams, client, logs: false }
    }

    /// Leaves old parts of a conversation out where there is no room for the whole.
    pub(crate) fn trimming(mut self, how: Trim) -> Self {
        self.gate = self.gate.trim_to_room(how);
        self
    }

    /// Writes a line for each request.
    pub(crate) fn logging(mut self) -> Self {
        self.logs = true;
        self
    }

    pub(crate) fn line(&self, method: &str, path: &str) -> Line {
        if self.logs { Line::of(method, path) } else { Line::default() }
    }

    pub(crate) fn router(self) -> Router {
        let own = Router::new().route("/health", get("ok\n")).route("/budgets", get(books::answer));
        own.fallback(forward).with_state(Arc::new(self))
    }

    pub(crate) fn enforcer(&self) -> &ForRequests {
        self.gate.enforcer()
    }

    pub(crate) fn denied(&self, head: &RequestHead<'_>, denial: Denial) -> Response<Body> {
        refused(self.gate.denied(head, denial))
    }

    /// Rules on a request, sends it, and meters what comes back.
    async fn answer(&self, asked: Parts, body: Body, line: &mut Line) -> Result<Response<Body>, HttpRefusal> {
        let (method, headers) = (asked.method.as_str(), Fields(&asked.headers));
        // From here on there is one path: what is judged is what is sent.
        let folded = fold_path(asked.uri.path());
        let path = folded.as_deref().unwrap_or("/");
        let upstream = self.upstreams.of(&RequestHead::new(method, "", path, &headers));
        let head = RequestHead::new(method, upstream.host(), path, &headers);
        let denied = |denial| self.gate.denied(&head, denial);
        // Asked here too, since the gate lets pass what costs nothing.
        line.key = Some(self.keys.holder(&head).map_err(denied)?.name.clone());
        folded.as_ref().map_err(|denial| denied(denial.clone()))?;
        if method != "POST"
            && self.gate.wants_body(&RequestHead::new("POST", upstream.host(), path, &headers)).is_some()
        {
            return Err(denied(Denial::method_not_allowed("POST")));
        }
        let (body, exchange) = match self.gate.who_pays(&head) {
            HeadRuling::Refused(refusal) => return Err(refusal),
            HeadRuling::Pass if is_for_all(&head) => {
                (self.read(&head, body, HttpBudget::BODY_BYTES).await?, None)
            }
            HeadRuling::Pass => {
                return Err(denied(Denial::forbidden("what the account keeps is for its owner")));
            }
            HeadRuling::Paid(payer) => {
                let body = self.read(&head, body, payer.body_bytes_max()).await?;
                match self.gate.admit_for(payer, &head, &body).await {
                    Ruling::Refused(refusal) => return Err(refusal),
                    Ruling::Pass => (body, None),
                    Ruling::Admitted(mut admitted) => {
                        line.model = Some(admitted.reservation().model().to_owned());
                        line.left_out =
                            admitted.reservation().trimmed().map(|trimmed| trimmed.messages.len());
                        (admitted.take_body().map_or(body, Bytes::from), Some(admitted.send()))
                    }
                }
            }
        };
        let Ok(request) = upstream.request(&asked, path, body) else {
            exchange.into_iter().for_each(|exchange| exchange.failed(Failure::NotSent));
            return Err(denied(Denial::bad_request("this is no address")));
        };
        Ok(match (self.client.request(request).await, exchange) {
            (Ok(answer), Some(exchange)) => metered(exchange, answer, line),
            (Ok(answer), None) => without_kept(answer).map(Body::new),
            (Err(error), exchange) => {
                let failure = if error.is_connect() { Failure::NotSent } else { Failure::Unknown };
                exchange.into_iter().for_each(|exchange| exchange.failed(failure));
                bad_gateway()
            }
        })
    }

    /// The body, once it is known who pays for it, and in a stated time.
    async fn read(&self, head: &RequestHead<'_>, body: Body, bytes_max: usize) -> Result<Bytes, HttpRefusal> {
        match timeout(BODY_TIME, to_bytes(body, bytes_max)).await {
            Ok(Ok(body)) => Ok(body),
            Ok(Err(error)) if error.source().is_some_and(|cause| cause.is::<LengthLimitError>()) => {
                Err(self.gate.too_large(head))
            }
            _ => Err(self.gate.unreadable(head)),
        }
    }
}

async fn forward(State(gateway): State<Arc<Gateway>>, request: Request) -> Response<Body> {
    let (asked, body) = request.into_parts();
    let mut line = gateway.line(asked.method.as_str(), asked.uri.path());
    let answer = gateway.answer(asked, body, &mut line).await.unwrap_or_else(refused);
    line.status = answer.status().as_u16();
    answer
}

/// Of what costs nothing, what every key may do: read the list of models, and count tokens.
fn is_for_all(head: &RequestHead<'_>) -> bool {
    match head.method() {
        "GET" => head.path() == "/v1/models" || head.path().starts_with("/v1/models/"),
        "POST" => ["/v1/messages/count_tokens", "/v1/responses/input_tokens"].contains(&head.path()),
        _ => false,
    }
}

/// The provider's answer, handed on as fast as the client reads it and charged when it ends or the client leaves.
fn metered(exchange: Exchange, answer: Response<Incoming>, line: &mut Line) -> Response<Body> {
    let (mut parts, body) = without_kept(answer).into_parts();
    // Written when the body has ended.
    let mut line = std::mem::take(line);
    line.status = parts.status.as_u16();
    let answered = exchange.answered(parts.status.as_u16(), &Fields(&parts.headers));
    if answered.is_stream() {
        parts.headers.remove(CONTENT_LENGTH);
    }
    let pieces = answered.meter(body.into_data_stream().map_ok(Chunk));
    let pieces = pieces.on_ended(move |receipt| line.charged(receipt));
    Response::from_parts(parts, Body::from_stream(pieces.map_ok(|Chunk(bytes)| bytes)))
}

fn without_kept(mut answer: Response<Incoming>) -> Response<Incoming> {
    KEPT.iter().for_each(|name| drop(answer.headers_mut().remove(name)));
    answer
}

/// The gate's refusal, which is in the provider's own shape already.
fn refused(refusal: HttpRefusal) -> Response<Body> {
    let status = StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut answer = (status, refusal.body).into_response();
    for (name, value) in refusal.headers {
        if let Ok(value) = value.parse() {
            answer.headers_mut().insert(name, value);
        }
    }
    answer
}

/// Said so that OpenAI's and Anthropic's clients both find their error in it.
fn bad_gateway() -> Response<Body> {
    let error = json!({"type": "api_error", "message": "the provider could not be reached"});
    (StatusCode::BAD_GATEWAY, Json(json!({"type": "error", "error": error}))).into_response()
}

/// Reads on what a client has left; with the feature `tokio`, `TokioBackground` does the same.
#[derive(Debug)]
struct OnTokio;

impl Background for OnTokio {
    fn run(&self, work: Pin<Box<dyn Future<Output = ()> + Send>>, at_most: Duration) {
        drop(tokio::spawn(tokio::time::timeout(at_most, work)));
    }
}

/// Headers as the gate reads them; with the feature `tower` it reads a `HeaderMap` as it stands.
pub(crate) struct Fields<'a>(pub(crate) &'a HeaderMap);

impl Headers for Fields<'_> {
    fn header(&self, name: &str) -> Option<&str> {
        self.0.get(name).and_then(|value| value.to_str().ok())
    }
}

/// A piece of an answer as the gate reads it; with the feature `tower` it reads `Bytes` as they stand.
struct Chunk(Bytes);

impl Piece for Chunk {
    fn bytes(&self) -> &[u8] {
        &self.0
    }

    fn of(bytes: Vec<u8>) -> Self {
        Self(bytes.into())
    }
}
