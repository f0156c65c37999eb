//! A provider on a socket of this machine: what does it answer?

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Full, combinators::BoxBody};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};

use crate::http_support::chat_events;

/// A provider that answers chats, closes connections under `/reset`,
/// says under `/echo` what it was sent, and lists its models.
#[derive(Debug)]
pub(crate) struct Server {
    port: u16,
    task: JoinHandle<()>,
}

impl Server {
    /// Seven tokens in and thirteen out.
    pub(crate) const USAGE: &str =
        r#"{"model":"pair","usage":{"prompt_tokens":7,"completion_tokens":13,"total_tokens":20}}"#;

    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let task = tokio::spawn(async move {
            // Connections end with their server.
            let mut connections = JoinSet::new();
            while let Ok((socket, _)) = listener.accept().await {
                connections.spawn(async move {
                    let connection =
                        http1::Builder::new().serve_connection(TokioIo::new(socket), service_fn(answer));
                    // A client that hangs up is no failure here.
                    drop(connection.await);
                });
            }
        });
        Self { port, task }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    pub(crate) fn stream() -> String {
        chat_events(&["one ", "two "], Some((7, 2))).concat()
    }

    /// Stops listening, and waits until it has.
    pub(crate) async fn stop(self) {
        self.task.abort();
        assert!(self.task.await.is_err(), "it runs until it is stopped");
    }
}

type Answer = Response<BoxBody<Bytes, Infallible>>;

async fn answer(request: Request<Incoming>) -> Result<Answer, &'static str> {
    let path = request.uri().path().to_owned();
    let body = request.into_body().collect().await.map_err(|_| "the request broke off")?.to_bytes();
    if path.starts_with("/reset") {
        return Err("closes the connection");
    }
    if path.starts_with("/echo") {
        let body = Full::new(body).boxed();
        return Ok(Response::builder()
            .header("content-type", "application/json")
            .body(body)
            .expect("a response"));
    }
    let asks_for_stream = body.windows(13).any(|window| window == b"\"stream\":true");
    if !asks_for_stream {
        let body = Full::new(Bytes::from_static(Server::USAGE.as_bytes())).boxed();
        return Ok(Response::builder()
            .header("content-type", "application/json")
            .body(body)
            .expect("a response"));
    }
    let events = chat_events(&["one ", "two "], Some((7, 2)));
    let body = Events(events.into_iter().collect()).boxed();
    Ok(Response::builder().header("content-type", "text/event-stream").body(body).expect("a response"))
}

/// Events, each in a frame of its own.
struct Events(std::collections::VecDeque<String>);

impl Body for Events {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.pop_front().map(|event| Ok(Frame::data(event.into()))))
    }
}
