//! What is a client told whose request may not go out?
//!
//! The status decides what a client does next, more than any text. 429 makes official
//! clients wait and try again by themselves, so it is used only if waiting helps within
//! the time that they honour. 402 makes them stop and show the message. 404 for a model
//! without a price says that no money would help.
//!
//! Worked example: a window of a minute has 0.2 s left, and nothing else refuses.
//! `Retry-After` is 1, since waits are rounded up to whole seconds and are never zero. A
//! month that resets in nine days is a 402.

use std::fmt;
use std::time::Duration;

use super::dialect::{Dialect, Problem};
use super::unmetered::Unmetered;
use crate::{Decision, Error, ErrorKind};

/// An answer in place of the provider's, in the provider's own shape.
///
/// The JSON body carries the error where the provider's clients look for it, and the
/// whole decision beside it, under `budget`: who refuses, by which figures, and what
/// would fit. The decision names scopes as the application names them, so charge an API
/// key under its id and never under the key itself.
#[derive(Clone)]
#[non_exhaustive]
pub struct HttpRefusal {
    /// The status; [`HttpBudget`](super::HttpBudget) lists which one means what.
    pub status: u16,
    /// Headers to send, names in lower case, without `content-length`.
    pub headers: Vec<(&'static str, String)>,
    /// The body: JSON text.
    pub body: Vec<u8>,
}

impl fmt::Debug for HttpRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HttpRefusal({}, {} bytes)", self.status, self.body.len())
    }
}

/// Why the application turns a request away, before any budget is asked.
///
/// The message reaches the client as it is: say what is missing, and name no secret.
///
/// # Example: a key that nobody knows
/// ```
/// use token_budget::http::Denial;
///
/// let denial = Denial::unauthorized("this key is not known");
/// assert_eq!(denial.status(), 401);
/// ```
#[derive(Clone, Debug)]
pub struct Denial {
    status: u16,
    message: String,
    /// The only method that the path takes, for the header `Allow`.
    allow: Option<&'static str>,
}

impl Denial {
    /// 401: nobody is known to pay.
    pub fn unauthorized(message: impl Into<String>) -> Self {
        Self { status: 401, message: message.into(), allow: None }
    }

    /// 403: whoever pays may not do this.
    pub fn forbidden(message: impl Into<String>) -> Self {
        Self { status: 403, message: message.into(), allow: None }
    }

    /// 400: the request cannot be understood.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self { status: 400, message: message.into(), allow: None }
    }

    /// 405 with `Allow`: the path takes another method only.
    pub fn method_not_allowed(allow: &'static str) -> Self {
        Self { status: 405, message: format!("this path takes {allow} alone"), allow: Some(allow) }
    }

    /// The HTTP status.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status
    }
}

/// Turns a scope name that cannot be used into a 400: the name came with the request.
impl From<Error> for Denial {
    fn from(error: Error) -> Self {
        Self::bad_request(error.to_string())
    }
}

impl HttpRefusal {
    pub(super) fn of(dialect: Dialect, problem: &Problem<'_>) -> Self {
        let mut headers = vec![("content-type", "application/json".to_owned())];
        if let Some(seconds) = problem.retry_after {
            headers.push(("retry-after", seconds.to_string()));
        }
        if !matches!(problem.status, 429 | 503) {
            // The official clients of OpenAI and Anthropic retry nothing that says so.
            headers.push(("x-should-retry", "false".to_owned()));
        }
        if dialect == Dialect::Bedrock {
            headers.push(("x-amzn-errortype", dialect.kind(problem.status).to_owned()));
        }
        Self { status: problem.status, headers, body: dialect.body(problem).to_string().into_bytes() }
    }

    /// A refusal without a decision behind it.
    pub(super) fn plain(
        dialect: Dialect,
        status: u16,
        code: &'static str,
        message: impl Into<String>,
    ) -> Self {
        Self::of(
            dialect,
            &Problem { status, code, message: message.into(), decision: None, retry_after: None },
        )
    }

    /// The 403, which also names the switch. Refused rather than passed, because a path
    /// that costs money and is in no book is a hole in every budget.
    pub(super) fn unmetered(dialect: Dialect, why: Unmetered) -> Self {
        let text = format!(
            "{}, and nothing was sent (`HttpBudget::on_unknown_path(OnUnknownPath::Pass)` lets such requests out, in no \
             book)",
            why.text()
        );
        Self::plain(dialect, 403, "unmetered_path", text)
    }

    /// The application's own denial, in the provider's shape.
    pub(super) fn denied(dialect: Dialect, denial: Denial) -> Self {
        let mut refusal = Self::plain(dialect, denial.status, "denied", denial.message);
        refusal.headers.extend(denial.allow.map(|allow| ("allow", allow.to_owned())));
        refusal
    }

    /// A request that could not be judged, and was not sent.
    pub(super) fn failed(dialect: Dialect, error: &Error) -> Self {
        Self::of(dialect, &problem_of_error(error, "nothing was sent"))
    }
}

/// A budget without room: 429 if waiting helps soon enough, 402 if only a person can
/// help, 404 if only a price is missing.
pub(super) fn problem_of_refusal(decision: &Decision, retry_within: Duration) -> Problem<'_> {
    if decision.lacks_price_alone() {
        // The client asked for something that is not sold here; no money would help.
        let message = decision.to_string();
        return Problem {
            status: 404,
            code: "model_not_found",
            message,
            decision: Some(decision),
            retry_after: None,
        };
    }
    let wait = decision.retry_at().map(|at| at.since(decision.at())).filter(|wait| *wait <= retry_within);
    let (status, code) = if wait.is_some() { (429, "budget_busy") } else { (402, "budget_exceeded") };
    let retry_after = wait.map(whole_seconds);
    Problem { status, code, message: decision.to_string(), decision: Some(decision), retry_after }
}

/// What broke, and what that meant for the request. What a store says of itself stays
/// here: clients learn only that the ledger is away.
pub(super) fn problem_of_error(error: &Error, consequence: &str) -> Problem<'static> {
    let (status, code, message) = match error.kind() {
        ErrorKind::LedgerUnavailable => {
            // What a store says of itself is the operator's business.
            (503, "ledger_unavailable", format!("the budget ledger cannot be reached; {consequence}"))
        }
        ErrorKind::Invalid | ErrorKind::Unreadable => (400, "unreadable_request", error.to_string()),
        _ => (500, "budget_failed", format!("the budget could not be asked; {consequence}")),
    };
    Problem { status, code, message, decision: None, retry_after: None }
}

/// The wait in whole seconds, rounded up and at least one, so that a client that waits
/// that long has waited long enough.
fn whole_seconds(wait: Duration) -> u64 {
    let part = u64::from(wait.subsec_nanos() > 0);
    wait.as_secs().saturating_add(part).max(1)
}
