//! How are connections taken, so that a client that says nothing holds none for long?

use std::future::Future;
use std::io;
use std::pin::pin;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;

/// Within this time a request's headers have come, or its connection is closed; an idle one is closed as well.
const HEADERS: Duration = Duration::from_secs(30);

/// The most that is kept of a request's headers, in bytes.
const HEADER_BYTES_MAX: usize = 64 << 10;

/// Answers until `stopped`, and then until every answer that has begun has ended.
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    stopped: impl Future<Output = ()>,
) -> io::Result<()> {
    let (connections, mut stopped) = (GracefulShutdown::new(), pin!(stopped));
    loop {
        let stream = tokio::select! {
            () = &mut stopped => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(_) => {
                    // Out of descriptors, mostly: others may end meanwhile.
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
        };
        // Frames that come together are handed on at once, and not after the client's acknowledgement.
        drop(stream.set_nodelay(true));
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new()).header_read_timeout(HEADERS).max_buf_size(HEADER_BYTES_MAX);
        let service = TowerToHyperService::new(router.clone());
        let connection = connections.watch(http.serve_connection(TokioIo::new(stream), service));
        tokio::spawn(async move { drop(connection.await) });
    }
    connections.shutdown().await;
    Ok(())
}
