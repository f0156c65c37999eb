//! How is a connection reset rather than closed?
//!
//! Closing a socket ends it politely (FIN): the client reads an end of file and may take
//! a cut body for a whole one. A crashed provider or a broken proxy resets it (RST), and
//! the client gets an error. Tests of broken streams need the second. A TCP socket that
//! is closed with a linger time of zero sends RST, so the flag sets that just before the
//! close.
//!
//! A reset also throws away what was handed to the socket and has not been sent yet, so a
//! client may get fewer bytes than the bill counts as delivered.
//! [`Oracle::allowing`](super::Oracle::allowing) is there for that.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// A connection that ends by a reset if its flag was set, and in good order otherwise.
pub(super) struct Connection {
    stream: TcpStream,
    resets: Arc<AtomicBool>,
}

impl Connection {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self { stream, resets: Arc::default() }
    }

    /// The flag: set to true, it makes the connection end by a reset.
    pub(super) fn resets(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.resets)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if self.resets.load(Ordering::Acquire) {
            // Without lingering, closing sends a reset; where that cannot be set, the client sees an early end.
            let _ = self.stream.set_zero_linger();
        }
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.resets.load(Ordering::Acquire) {
            // An orderly end would come before the reset.
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
