//! How does a scripted provider answer over HTTP?
//!
//! The provider in process shows how budgets count. Behind a port it shows how a real
//! client behaves: connection pools, chunked bodies, resets, time-outs. Each connection
//! is one task; a frame goes out as it is made, and a client that hangs up is noticed by
//! hyper, which drops the body and so ends the call on the bill.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_core::Stream;
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

use super::connection::Connection;
use super::provider::ScriptedProvider;
use super::stream::{ScriptedFault, ScriptedStream};

/// A scripted provider behind a port of this machine. Dropping it stops the server and
/// cuts its open connections.
///
/// A client that hangs up is noticed and billed for what it got;
/// [`ScriptedProvider::all_ended`] waits for that. What was handed to the connection
/// counts as delivered, although it may lie unread in a socket: allow for it with
/// [`Oracle::allowing`](super::Oracle::allowing). A scripted reset resets the connection.
/// The server speaks HTTP/1.1 and keeps connections open.
#[derive(Debug)]
pub struct ScriptedServer {
    address: SocketAddr,
    accepting: JoinHandle<()>,
}

impl ScriptedProvider {
    /// Puts this provider behind a free port of 127.0.0.1, on the tokio runtime that calls it.
    ///
    /// # Errors
    /// The machine's own, where no port can be opened.
    ///
    /// # Example: any client can be pointed at it
    /// ```
    /// use token_budget::testing::{Reply, ScriptedProvider};
    /// use tokio::io::{AsyncReadExt, AsyncWriteExt};
    ///
    /// # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    /// # runtime.block_on(async {
    /// let provider = ScriptedProvider::new().reply(Reply::text("Ahoy!"));
    /// let server = provider.serve().await?;
    /// assert_eq!(server.url(), format!("http://127.0.0.1:{}", server.port()));
    ///
    /// let body = r#"{"model": "gpt-4o", "messages": []}"#;
    /// let request = format!(
    ///     "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
    ///     body.len()
    /// );
    /// let mut connection = tokio::net::TcpStream::connect(("127.0.0.1", server.port())).await?;
    /// connection.write_all(request.as_bytes()).await?;
    /// let mut answer = String::new();
    /// connection.read_to_string(&mut answer).await?;
    /// assert!(answer.contains("Ahoy!"));
    /// assert_eq!(provider.bill().requests(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub async fn serve(&self) -> io::Result<ScriptedServer> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let accepting = tokio::spawn(accept(listener, self.clone()));
        Ok(ScriptedServer { address, accepting })
    }
}

impl ScriptedServer {
    /// Where it listens, without a path: `http://127.0.0.1:49152`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Its port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.address.port()
    }
}

impl Drop for ScriptedServer {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Accepts connections until it is dropped; the connections end with it.
async fn accept(listener: TcpListener, provider: ScriptedProvider) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => drop(connections.spawn(converse(stream, provider.clone()))),
                // The client was gone before it was accepted, or sockets are short for a moment.
                Err(_) => tokio::task::yield_now().await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Answers the requests of one connection, one after the other.
async fn converse(stream: TcpStream, provider: ScriptedProvider) {
    // Frames go out as they are made; where that cannot be had, they go out all the same.
    let _ = stream.set_nodelay(true);
    let connection = Connection::new(stream);
    let resets = connection.resets();
    let service = service_fn(move |request| answer(provider.clone(), request, Arc::clone(&resets)));
    let serving = http1::Builder::new().serve_connection(TokioIo::new(connection), service);
    // A client that hung up and a reset of our own end in an error here; both are on the bill.
    let _ = serving.await;
}

/// Hands a request to the provider, and its answer to hyper.
async fn answer(
    provider: ScriptedProvider,
    request: Request<Incoming>,
    resets: Arc<AtomicBool>,
) -> Result<Response<ScriptedBody>, ScriptedFault> {
    let (head, body) = request.into_parts();
    // A request that breaks off was never made.
    let body = body.collect().await.map_err(|_| ScriptedFault::Reset)?.to_bytes();
    let stream = provider.stream(head.uri.path(), &body).await?;
    let mut response = Response::new(());
    *response.status_mut() = StatusCode::from_u16(stream.status()).unwrap_or(StatusCode::IM_A_TEAPOT);
    for (name, value) in stream.named_headers() {
        if let Ok(value) = value.parse() {
            response.headers_mut().insert(name, value);
        }
    }
    Ok(response.map(|()| ScriptedBody { stream, resets }))
}

/// A stream as a body; its end by a reset makes the connection end by one.
struct ScriptedBody {
    stream: ScriptedStream,
    resets: Arc<AtomicBool>,
}

impl Body for ScriptedBody {
    type Data = Bytes;
    type Error = ScriptedFault;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ScriptedFault>>> {
        Pin::new(&mut self.stream).poll_next(context).map(|item| {
            item.map(|piece| {
                piece.map(Frame::data).inspect_err(|_| self.resets.store(true, Ordering::Release))
            })
        })
    }

    fn is_end_stream(&self) -> bool {
        self.stream.is_over()
    }

    fn size_hint(&self) -> SizeHint {
        self.stream.length().map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}
