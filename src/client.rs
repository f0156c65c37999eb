//! Wraps a client that makes one-shot calls, so that none is made without room.

use std::error::Error as StdError;
use std::fmt;
use std::future::Future;

use crate::{
    Admission, Call, Decision, Enforcer, Error, ErrorKind, InFlight, Receipt, Report, Reservation,
    ReservationId, Verdict,
};

/// A client that a team already has, as far as budgets need to know it.
///
/// Only two questions have no default: what does a request ask for, and what
/// did a response use. See [`BudgetEnforcedClient`] for an example.
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
    fn report(&self, response: &Self::Response) -> Report;

    /// Says how an attempt failed, which decides whether it is charged.
    fn failure(&self, _error: &Self::Error) -> Failure {
        Failure::Unknown
    }

    /// Limits the request's output, and says whether it could; asked only where the caller wants it.
    fn clamp(&self, _request: &mut Self::Request, _output_tokens: u64) -> bool {
        false
    }
}

/// How an attempt failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Failure {
    /// It never left this machine: a connection refused, a local check.
    NotSent,
    /// The provider refused it: a 4xx other than 408 and 499.
    NotBilled,
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
}

/// Why an enforced call brought no response.
#[derive(Debug)]
pub enum CallError<E> {
    /// A budget refuses; nothing was sent.
    Refused(Box<Decision>),
    /// The ledger failed before anything was sent.
    Ledger(Error),
    /// The client's own error, unchanged.
    Client(E),
}

impl<E: fmt::Display> fmt::Display for CallError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(decision) => write!(f, "refused: {decision}"),
            Self::Ledger(error) => write!(f, "ledger: {error}"),
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
#[derive(Debug)]
pub struct Answer<T> {
    /// What the client answered.
    pub response: T,
    /// What the call was charged. A response is handed over even where charging it failed.
    pub receipt: Result<Receipt, Error>,
}

/// What a call in a closure may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Permit {
    /// The hold's id.
    pub id: ReservationId,
    /// Send no larger output limit than this for each choice: it is what the hold covers.
    pub output_tokens: u64,
    /// Whether a warning level is reached.
    pub verdict: Verdict,
}

impl Permit {
    fn of(reservation: &Reservation, choices: u32) -> Self {
        let each = reservation.output_tokens().checked_div(u64::from(choices.max(1))).unwrap_or(0);
        Self { id: reservation.id(), output_tokens: each, verdict: reservation.verdict() }
    }
}

/// A client whose every call is held in all budgets before it is sent and charged after it.
///
/// # Example: wrapping a client in one line
/// ```
/// use token_budget::{Budget, BudgetEnforcedClient, Call, CallError, Enforcer, LlmClient, Policy, Report};
/// use token_budget::{Scope, Usage, Usd, Window};
///
/// struct Mine;
///
/// impl LlmClient for Mine {
///     type Request = String;
///     type Response = String;
///     type Error = std::io::Error;
///
///     fn describe(&self, request: &String, call: Call) -> Call {
///         call.with_model("gpt-4o").input_tokens(request.len() as u64).output_tokens(100)
///     }
///     async fn call(&self, request: String) -> std::io::Result<String> {
///         Ok(request.to_uppercase())
///     }
///     fn report(&self, response: &String) -> Report {
///         Usage::of(response.len() as u64, 20).into()
///     }
/// }
///
/// let budget = Budget::usd("search", Scope::team("search")?, Usd::cents(1), Window::day());
/// let enforcer = Enforcer::builder().policy(Policy::new([budget])?).build();
/// let client = BudgetEnforcedClient::new(Mine, enforcer, Call::charging().team("search"));
///
/// # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
/// # runtime.block_on(async {
/// let answer = client.call("hello".into()).await?;
/// assert_eq!(answer.response, "HELLO");
/// assert_eq!(answer.receipt?.cost(), "0.0002125".parse()?); // 5 × $2.50 and 20 × $10 a million
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct BudgetEnforcedClient<C> {
    client: C,
    enforcer: Enforcer,
    charge: Call,
    clamps: bool,
    fits_from: Option<u64>,
}

impl<C: LlmClient> BudgetEnforcedClient<C> {
    /// Enforces budgets on every call of `client`, charging the levels that `charge` names.
    pub fn new(client: C, enforcer: Enforcer, charge: Call) -> Self {
        Self { client, enforcer, charge, clamps: false, fits_from: None }
    }

    /// Limits every request's output to what its hold covers; one that cannot be limited is not sent.
    #[must_use]
    pub fn clamp_output(mut self) -> Self {
        self.clamps = true;
        self
    }

    /// Where a request has no room, shortens its output to what is affordable, but not below `minimum` tokens.
    #[must_use]
    pub fn fit_to_room(mut self, minimum: u64) -> Self {
        self.clamps = true;
        self.fits_from = Some(minimum.max(1));
        self
    }

    /// The enforcer behind the client.
    pub fn enforcer(&self) -> &Enforcer {
        &self.enforcer
    }

    /// The client itself, past all budgets.
    pub fn inner(&self) -> &C {
        &self.client
    }

    /// Makes the call if every budget has room.
    ///
    /// # Errors
    /// [`CallError::Refused`] where a budget has none, [`CallError::Ledger`] where the ledger fails before
    /// anything is sent, [`CallError::Client`] with the client's own error.
    pub async fn call(&self, request: C::Request) -> Result<Answer<C::Response>, CallError<C::Error>> {
        self.call_as(self.charge.clone(), request).await
    }

    /// The same, charging other levels.
    ///
    /// # Errors
    /// As [`call`](Self::call).
    pub async fn call_as(
        &self,
        charge: Call,
        mut request: C::Request,
    ) -> Result<Answer<C::Response>, CallError<C::Error>> {
        let call = self.client.describe(&request, charge);
        let reservation = self.admit(&call).await?;
        let each = reservation.output_tokens().checked_div(u64::from(call.choices.max(1)));
        let shortened = each.is_some_and(|each| call.output_requested.is_some_and(|asked| asked > each));
        // A cap may have shortened what is held below what was asked for.
        if self.clamps || shortened {
            let each = each.unwrap_or(0);
            let fits = call.output_requested.is_some_and(|asked| asked <= each);
            if !self.client.clamp(&mut request, each) && !fits {
                // Sent as it is, it could cost more than it holds. Dropping the reservation gives the room back.
                let text = format!(
                    "the client cannot limit the request's output to {each} tokens; nothing was sent"
                );
                return Err(CallError::Ledger(Error::new(ErrorKind::Unsupported, text)));
            }
        }
        let in_flight = reservation.send();
        let response = self.client.call(request).await;
        finish(
            in_flight,
            response,
            |response| self.client.report(response),
            |error| self.client.failure(error),
        )
        .await
    }

    /// Room for the call, with its output shortened where that was asked for.
    async fn admit(&self, call: &Call) -> Result<Reservation, CallError<C::Error>> {
        let refused = match self.enforcer.reserve(call).await? {
            Admission::Admitted(reservation) => return Ok(reservation),
            Admission::Refused(decision) => decision,
        };
        let affordable = refused
            .affordable_output_tokens()
            .filter(|tokens| self.fits_from.is_some_and(|least| *tokens >= least));
        let Some(tokens) = affordable else { return Err(CallError::Refused(refused)) };
        match self.enforcer.reserve(&call.clone().output_tokens(tokens)).await? {
            Admission::Admitted(reservation) => Ok(reservation),
            Admission::Refused(decision) => Err(CallError::Refused(decision)),
        }
    }
}

impl Enforcer {
    /// Makes a call in a closure: reserves, runs it, and settles by what it says was used.
    ///
    /// An error of the closure may have been billed, so it is charged what it
    /// held; say otherwise with [`run_classified`](Self::run_classified). A
    /// future dropped before the closure ends is charged likewise.
    ///
    /// # Errors
    /// As [`BudgetEnforcedClient::call`].
    pub async fn run<T, E, F, W>(&self, call: &Call, work: F) -> Result<Answer<T>, CallError<E>>
    where
        F: FnOnce(Permit) -> W,
        W: Future<Output = Result<(T, Report), E>>,
    {
        self.run_classified(call, work, |_| Failure::Unknown).await
    }

    /// The same with the caller's own word on how an error is to be charged.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub async fn run_classified<T, E, F, W>(
        &self,
        call: &Call,
        work: F,
        failure: impl FnOnce(&E) -> Failure,
    ) -> Result<Answer<T>, CallError<E>>
    where
        F: FnOnce(Permit) -> W,
        W: Future<Output = Result<(T, Report), E>>,
    {
        let reservation = self.reserve(call).await?.or_refusal().map_err(CallError::Refused)?;
        let permit = Permit::of(&reservation, call.choices);
        let in_flight = reservation.send();
        let done = work(permit).await;
        let answer = finish(in_flight, done, |(_, report)| report.clone(), failure).await?;
        Ok(Answer { response: answer.response.0, receipt: answer.receipt })
    }
}

/// Settles a call by how it ended.
async fn finish<T, E>(
    in_flight: InFlight,
    response: Result<T, E>,
    report: impl FnOnce(&T) -> Report,
    failure: impl FnOnce(&E) -> Failure,
) -> Result<Answer<T>, CallError<E>> {
    match response {
        Ok(response) => {
            let receipt = in_flight.reconcile(report(&response)).await;
            Ok(Answer { response, receipt })
        }
        Err(error) => {
            match failure(&error) {
                // A release that cannot be delivered waits in the outbox; the client's error matters more.
                Failure::NotSent | Failure::NotBilled => drop(in_flight.release().await),
                Failure::Unknown => drop(in_flight),
            }
            Err(CallError::Client(error))
        }
    }
}
