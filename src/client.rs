//! What do budgets need to know of a client that a team already has?

mod closure;
mod enforced;
mod json;

use std::error::Error as StdError;
use std::fmt;
use std::future::Future;

use futures_core::Stream;

pub use closure::Permit;
pub use enforced::{AfterFailure, BudgetEnforcedClient, ClientStream, FailedAttempt, Rung};
pub use json::{ClassifyFailure, JsonClient, ReadError};

use crate::reservation::Actual;
use crate::stream::StreamReader;
use crate::tokens::{TrimTarget, Trimming};
use crate::wire::{UsageReport, extract};
use crate::{Call, Decision, Error, ErrorKind, InFlight, Receipt, Usage, Usd};

/// Tells budgets what a client's requests ask for, and what its responses used.
///
/// Only these two questions have no default. A client that streams answers two more ([`StreamingClient`]). One that
/// speaks JSON needs no `impl` at all: an async closure from a request's body to the response's bytes is a client,
/// and [`JsonClient`] one that knows its provider.
///
/// Let [`describe`](Self::describe) name the output limit that the request is sent with. A call without one is held
/// for the most that its model generates, unless [`clamp`](Self::clamp) can write a limit into the request: a budget
/// with room for a hundred answers then has none for the first.
///
/// # Example: a limit that nobody names costs 162 times as much to hold
/// ```
/// use token_budget::enforcer::Actual;
/// use token_budget::policy::Unbound;
/// use token_budget::{BudgetEnforcedClient, Call, Enforcer, LlmClient, Usage};
///
/// /// A team's own client; a question may say how long its answer is at most.
/// struct Mine;
///
/// impl LlmClient for Mine {
///     type Request = (&'static str, Option<u64>);
///     type Response = String;
///     type Error = std::io::Error;
///
///     fn describe(&self, (question, limit): &Self::Request, call: Call) -> Call {
///         let call = call.with_model("gpt-4o").input_tokens(question.len() as u64);
///         limit.map_or(call.clone(), |limit| call.output_tokens(limit))
///     }
///     async fn call(&self, (question, _): Self::Request) -> std::io::Result<String> {
///         Ok(question.to_uppercase())
///     }
///     fn actual(&self, response: &String) -> Actual {
///         Usage::of(response.len() as u64, 20).into()
///     }
/// }
///
/// let enforcer = Enforcer::builder().unbound(Unbound::Allow).build();
/// let held = |limit| enforcer.quote(&Mine.describe(&("hello", limit), Call::charging()));
/// assert_eq!(held(Some(100))?, Some("0.0010125".parse()?)); // 5 × $2.50 and 100 × $10 a million
/// assert_eq!(held(None)?, Some("0.1638525".parse()?)); // gpt-4o generates up to 16,384 tokens
///
/// # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
/// # runtime.block_on(async {
/// let client = BudgetEnforcedClient::new(Mine, enforcer.clone(), Call::charging());
/// let answer = client.call(("hello", Some(100))).await?;
/// assert_eq!(answer.response, "HELLO");
/// assert_eq!(answer.receipt?.cost(), "0.0002125".parse()?); // 5 × $2.50 and 20 × $10 a million
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait LlmClient: Send + Sync {
    /// What the client is asked.
    type Request: Send;
    /// What it answers.
    type Response: Send;
    /// How it fails; handed to the caller unchanged.
    type Error: Send;

    /// Completes `call`, which says who pays, by what the request asks for: model, input, output limit.
    fn describe(&self, request: &Self::Request, call: Call) -> Call;

    /// Makes the call.
    fn call(
        &self,
        request: Self::Request,
    ) -> impl Future<Output = Result<Self::Response, Self::Error>> + Send;

    /// Reads what the response used. What it does not say stays missing, and is charged as held.
    fn actual(&self, response: &Self::Response) -> Actual;

    /// All text that the response brought, where reading it again is cheap: asked only where the actual use has so few
    /// output tokens for it that they are counted once more.
    fn text(&self, _response: &Self::Response) -> Option<String> {
        None
    }

    /// Says how an attempt failed, which decides whether it is charged.
    fn failure(&self, _error: &Self::Error) -> Failure {
        Failure::Unknown
    }

    /// Reads what an attempt used that failed all the same, where its error says so: that is charged.
    fn actual_of_failure(&self, _error: &Self::Error) -> Option<Actual> {
        None
    }

    /// Says both of an attempt at once, for a client that would otherwise read the error's body twice.
    ///
    /// Both answers must be those of [`failure`](Self::failure) and [`actual_of_failure`](Self::actual_of_failure).
    fn failed(&self, error: &Self::Error) -> (Failure, Option<Actual>) {
        (self.failure(error), self.actual_of_failure(error))
    }

    /// Limits the request's output to so many tokens of each choice, and says whether it could: writes the limit where
    /// the request has none, lowers it where it has a larger one.
    ///
    /// Asked where the request names no limit ([`OnNoLimit`](crate::values::OnNoLimit)) or asks for more than is held. A client
    /// that cannot do it has such requests held for the most that their model generates.
    fn clamp(&self, _request: &mut Self::Request, _output_tokens: u64) -> bool {
        false
    }

    /// Leaves old parts of the request's conversation out until it fits, as
    /// [`RequestShape::trim`](crate::tokens::RequestShape::trim) does with JSON; unchanged unless it answers
    /// [`Trimming::Shorter`]. Asked only where the caller wants it
    /// ([`BudgetEnforcedClient::trim_to_room`]) and the request has no room; it is described again afterwards. The target
    /// measures a prompt as its hold will.
    ///
    /// # Errors
    /// `Unsupported` where the client cannot trim that request: it is refused then, and the refusal says why.
    fn trim(&self, _request: &mut Self::Request, _target: &TrimTarget<'_>) -> Result<Trimming, Error> {
        Err(Error::new(ErrorKind::Unsupported, "the client cannot trim its requests"))
    }

    /// Asks another model, and says whether it could; asked only where the caller wants fallbacks.
    fn set_model(&self, _request: &mut Self::Request, _model: &str) -> bool {
        false
    }
}

/// A client that streams its answers, too.
pub trait StreamingClient: LlmClient {
    /// A piece of an answer.
    type Item: 'static;
    /// The answer, piece by piece.
    type Stream: Stream<Item = Result<Self::Item, Self::Error>> + Send + 'static;

    /// Makes the call; ready once the provider has begun to answer.
    fn stream(
        &self,
        request: Self::Request,
    ) -> impl Future<Output = Result<Self::Stream, Self::Error>> + Send;

    /// What reads the pieces of one answer.
    fn reader(&self) -> impl StreamReader<Self::Item> + 'static;
}

/// How an attempt failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Failure {
    /// It never left this machine: a connection refused, a local check.
    NotSent,
    /// The provider refused it: a 4xx other than 408 and 499.
    NotBilled,
    /// The provider refused the prompt and bills its input all the same, as Azure's content filter does: the input is
    /// charged as it was estimated, and no output.
    InputBilled,
    /// The provider refused the request and bills a fee for that alone, as xAI does where it violates its guidelines:
    /// the fee is charged, and no tokens.
    FeeBilled(Usd),
    /// A time-out, a reset, a 5xx, an unreadable answer: it may be billed, so it is charged what it holds.
    #[default]
    Unknown,
}

impl Failure {
    /// The class of an HTTP status: refused requests are not billed, everything else may be.
    #[must_use]
    pub fn of_status(status: u16) -> Self {
        match status {
            408 | 499 => Self::Unknown,
            400..=499 => Self::NotBilled,
            _ => Self::Unknown,
        }
    }

    /// The class of an answer that is no success, by its status and by what its body says of a filter.
    ///
    /// Usage that such a body may bring is charged whatever its class; [`JsonClient::reading_errors`] reads both.
    ///
    /// ```
    /// use token_budget::client::Failure;
    ///
    /// let filtered = br#"{"error": {"code": "content_filter", "message": "the prompt was filtered"}}"#;
    /// assert_eq!(Failure::of_answer(400, filtered), Failure::InputBilled);
    /// assert_eq!(Failure::of_answer(400, b"{}"), Failure::NotBilled);
    /// // xAI: five cents for a request that it refuses by its guidelines.
    /// let refused = br#"{"error": "Content violates usage guidelines. Failed check: SAFETY_CHECK_TYPE_BIO"}"#;
    /// assert_eq!(Failure::of_answer(403, refused), Failure::FeeBilled("0.05".parse()?));
    /// # Ok::<(), token_budget::Error>(())
    /// ```
    #[must_use]
    pub fn of_answer(status: u16, body: &[u8]) -> Self {
        Self::of_report(status, extract(None, body, []).ok().as_ref())
    }

    /// The same, of a body that was read: one rule for the gate and for every client.
    pub(crate) fn of_report(status: u16, read: Option<&UsageReport>) -> Self {
        match read {
            Some(report) if !report.lines.is_empty() => Self::of_status(status),
            Some(report) if report.violates => Self::FeeBilled(VIOLATION_FEE),
            Some(report) if report.filtered => Self::InputBilled,
            _ => Self::of_status(status),
        }
    }
}

/// What xAI states for a request that it refuses before it generates anything.
const VIOLATION_FEE: Usd = Usd::from_nanos(50_000_000);

/// What a request is charged that was refused and billed: its input, as it was estimated, or a fee. `None` of a
/// failure of any other class.
pub(crate) fn refused_and_billed(failure: Failure, in_flight: &InFlight) -> Option<Actual> {
    match failure {
        Failure::InputBilled => {
            Some(Actual { estimated: true, ..Usage::of(in_flight.reached().input, 0).into() })
        }
        Failure::FeeBilled(fee) => {
            let nothing = Actual::from(Usage::of(0, 0));
            Some(Actual { estimated: true, unbilled: true, cost: Some(fee), ..nothing })
        }
        Failure::NotSent | Failure::NotBilled | Failure::Unknown => None,
    }
}

/// Why an enforced call brought no response.
#[derive(Debug)]
pub enum CallError<E> {
    /// A budget refuses; nothing was sent.
    Refused(Box<Decision>),
    /// Nothing was sent: the ledger failed, or the request cannot be read, or cannot be brought down to its hold.
    Ledger(Error),
    /// The client's own error, unchanged.
    Client(E),
}

impl<E: fmt::Display> fmt::Display for CallError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(decision) => write!(f, "refused: {decision}"),
            Self::Ledger(error) if error.kind().is_of_ledger() => write!(f, "ledger: {error}"),
            // The request, or the call, is what cannot be used.
            Self::Ledger(error) => fmt::Display::fmt(error, f),
            Self::Client(error) => write!(f, "client: {error}"),
        }
    }
}

impl<E: StdError + 'static> StdError for CallError<E> {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Refused(decision) => Some(decision),
            Self::Ledger(error) => Some(error),
            Self::Client(error) => Some(error),
        }
    }
}

impl<E> From<Error> for CallError<E> {
    fn from(error: Error) -> Self {
        Self::Ledger(error)
    }
}

/// A response and what it was charged.
#[non_exhaustive]
pub struct Completed<T> {
    /// What the client answered.
    pub response: T,
    /// What the call was charged. A response is handed over even where charging it failed.
    pub receipt: Result<Receipt, Error>,
}

impl<T> fmt::Debug for Completed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Completed({:?})", self.receipt)
    }
}

/// Reconciles a call by how it ended.
async fn finish<C: LlmClient>(
    client: &C,
    in_flight: InFlight,
    response: Result<C::Response, C::Error>,
) -> Result<Completed<C::Response>, CallError<C::Error>> {
    match response {
        Ok(response) => {
            let mut actual = client.actual(&response);
            if actual.counted.is_none()
                && actual.beside.is_empty()
                && is_little(&actual)
                && in_flight.counts_text()
            {
                actual.counted = client.text(&response).and_then(|text| in_flight.count_text(&text));
            }
            let receipt = in_flight.reconcile(actual).await;
            Ok(Completed { response, receipt })
        }
        Err(error) => {
            let (failure, actual) = client.failed(&error);
            fail(in_flight, failure, actual).await;
            Err(CallError::Client(error))
        }
    }
}

/// Fewer tokens for the text than are written in any language but of long words: worth a count.
fn is_little(actual: &Actual) -> bool {
    actual.usage.output().is_some_and(|output| output < actual.text.bytes_all() / 8)
}

/// Ends a call that failed. What cannot be delivered waits in the outbox; the client's error matters more.
async fn fail(in_flight: InFlight, failure: Failure, actual: Option<Actual>) {
    match (actual.or_else(|| refused_and_billed(failure, &in_flight)), failure) {
        (Some(actual), _) => drop(in_flight.reconcile(actual).await),
        (None, Failure::NotSent | Failure::NotBilled) => drop(in_flight.release().await),
        (None, _) => drop(in_flight),
    }
}
