//! What does the answer to an admitted request become?

use std::error::Error as StdError;
use std::fmt;
use std::io;

use super::aligned::Aligned;
use super::answer::{Closing, MeteredAnswer};
use super::dialect::Dialect;
use super::head::Headers;
use super::piece::Piece;
use super::route::Want;
use crate::{Failure, InFlight, Reservation, StreamOptions};

use futures_core::Stream;

/// A request that may go out: room is held, and dropping it gives the room back.
#[must_use = "dropping an admitted request gives its room back"]
pub struct Admitted {
    pub(super) reservation: Reservation,
    pub(super) body: Option<Vec<u8>>,
    pub(super) terms: Terms,
}

impl fmt::Debug for Admitted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Admitted({:?})", self.reservation)
    }
}

/// What was agreed on before sending, and is needed afterwards.
#[derive(Debug)]
pub(super) struct Terms {
    pub(super) dialect: Dialect,
    pub(super) want: Want,
    pub(super) provider: Option<String>,
    pub(super) streams: bool,
    pub(super) hides_usage: bool,
    pub(super) options: StreamOptions,
    pub(super) answer_bytes_max: usize,
}

impl Admitted {
    /// The body to send in place of the client's, once; `None` where it is to be sent as it came.
    ///
    /// Send it with its own `content-length`, and with `accept-encoding: identity`: an answer that
    /// is compressed cannot be read, and is charged all that it may have cost.
    #[must_use = "where there is one, the client's own body asks for something else than is held"]
    pub fn take_body(&mut self) -> Option<Vec<u8>> {
        self.body.take()
    }

    /// What is held, and at what price.
    pub fn reservation(&self) -> &Reservation {
        &self.reservation
    }

    /// Marks the request as sent: from here on a drop charges what is held.
    pub fn send(self) -> Exchange {
        Exchange { in_flight: self.reservation.send(), terms: self.terms }
    }
}

/// A request that is on its way: dropping it charges what it holds.
#[must_use = "dropping an exchange charges all that it holds"]
pub struct Exchange {
    in_flight: InFlight,
    terms: Terms,
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Exchange({:?})", self.in_flight)
    }
}

impl Exchange {
    /// The request brought no answer: one that was never sent, or is known not to be billed, gives its room
    /// back; any other is charged what it holds.
    pub fn failed(self, failure: Failure) {
        match failure {
            Failure::NotSent | Failure::NotBilled => self.in_flight.release_now(),
            Failure::Unknown => drop(self.in_flight),
        }
    }

    /// The head of the answer has come.
    pub fn answered(self, status: u16, headers: &dyn Headers) -> Answered {
        let Self { in_flight, terms } = self;
        let kind = headers.header("content-type").unwrap_or_default().to_ascii_lowercase();
        let encoding = headers.header("content-encoding").unwrap_or("identity");
        let is_plain = encoding.trim().is_empty() || encoding.trim().eq_ignore_ascii_case("identity");
        let is_whole_json = kind.starts_with("application/json") && terms.dialect != Dialect::Gemini;
        let has_form_of_stream = ["text/event-stream", "eventstream", "ndjson", "jsonl", "stream+json"]
            .iter()
            .any(|word| kind.contains(word));
        let succeeded = (200..300).contains(&status);
        let streams = succeeded && is_plain && (has_form_of_stream || (terms.streams && !is_whole_json));
        let closing = Closing {
            status,
            provider: terms.provider.clone(),
            counts: COUNTS
                .iter()
                .filter_map(|name| Some((*name, headers.header(name)?.to_owned())))
                .collect(),
            length: headers.header("content-length").and_then(|length| length.trim().parse().ok()),
            is_readable: is_plain
                && !["audio/", "image/", "video/"].iter().any(|media| kind.starts_with(media)),
            bytes_max: terms.answer_bytes_max,
            holds_a_slice: terms.streams,
        };
        Answered { in_flight, terms, streams, closing }
    }
}

/// Headers in which Bedrock counts for models whose bodies say nothing.
const COUNTS: [&str; 4] = [
    "x-amzn-bedrock-input-token-count",
    "x-amzn-bedrock-output-token-count",
    "x-amzn-bedrock-cache-read-input-token-count",
    "x-amzn-bedrock-cache-write-input-token-count",
];

/// An answer whose body is still to come: dropping it charges what it holds.
#[must_use = "dropping an answer charges all that its call holds"]
pub struct Answered {
    in_flight: InFlight,
    terms: Terms,
    streams: bool,
    closing: Closing,
}

impl fmt::Debug for Answered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Answered({:?})", self.in_flight)
    }
}

impl Answered {
    /// Whether the body is metered as a stream. It may then end otherwise than the provider said, so
    /// send it without its `content-length`.
    #[must_use]
    pub fn is_stream(&self) -> bool {
        self.streams
    }

    /// Meters the body as it flows by.
    pub fn meter<S, T, E>(self, body: S) -> MeteredAnswer<S, T>
    where
        S: Stream<Item = Result<T, E>> + Send + 'static,
        T: Piece,
    {
        if !self.streams {
            return MeteredAnswer::whole(self.in_flight, body, self.closing);
        }
        let aligned = Aligned::new(self.terms.hides_usage);
        MeteredAnswer::stream(self.in_flight, body, aligned, self.terms)
    }
}

/// Whether a client's error proves that nothing was sent: a connection refused, somewhere in its causes.
///
/// Everything else may have been billed. A client that knows more says so itself: `hyper-util`'s error and
/// `reqwest`'s have `is_connect`.
///
/// ```
/// use std::io;
/// use token_budget::Failure;
/// use token_budget::http::failure_of;
///
/// assert_eq!(failure_of(&io::Error::from(io::ErrorKind::ConnectionRefused)), Failure::NotSent);
/// assert_eq!(failure_of(&io::Error::from(io::ErrorKind::ConnectionReset)), Failure::Unknown);
/// ```
#[must_use]
pub fn failure_of(error: &(dyn StdError + 'static)) -> Failure {
    let mut cause = Some(error);
    while let Some(error) = cause {
        // Only a connect is refused; a reset may come after the provider has read everything.
        let kind = error.downcast_ref::<io::Error>().map(io::Error::kind);
        if kind == Some(io::ErrorKind::ConnectionRefused) {
            return Failure::NotSent;
        }
        cause = error.source();
    }
    Failure::Unknown
}
