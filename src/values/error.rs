//! What can break, as opposed to what can be refused.
//!
//! A budget without room is the everyday answer of this crate, and an `Err` for it would
//! make every caller match on errors to learn it. So a refusal is a
//! [`Decision`](crate::Decision) inside `Ok`, and an [`Error`] always means that
//! something broke or was given wrongly.
//!
//! There is one public error type, opaque, so that a backend can be added or change its
//! insides without breaking anybody. Programs match on [`ErrorKind`]; people read the
//! text, which names the field, the value and the next move; the cause is in `source()`.

use std::error::Error as StdError;
use std::fmt;

use crate::values::Timestamp;
use crate::values::one_line::OneLine;

/// A failure: something broke or was given wrongly.
///
/// A budget without room is not an error but an answer (a [`Decision`](crate::Decision)).
/// Match on [`kind`](Error::kind); the text is for people. Ask
/// [`is_retryable`](Error::is_retryable) before you send a command again, and send it
/// with the same id.
///
/// `Debug` reads as `Display` does, with the causes behind it, so that `unwrap` and a
/// failing `main` print something that a person can read.
///
/// # Example: programs read the kind, people the text
/// ```
/// use token_budget::{ErrorKind, Usd};
///
/// let error = "1_000".parse::<Usd>().unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::Invalid);
/// assert_eq!(error.to_string(), r#"dollars: "1_000" is not a plain decimal number"#);
/// assert!(!error.is_retryable());
/// ```
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    context: String,
    source: Option<Box<dyn StdError + Send + Sync>>,
    ledger_time: Option<Timestamp>,
}

/// Tells a program what went wrong.
///
/// Repeat only what [`Error::is_retryable`] allows, and with the same id: after `LedgerUnavailable` the command may have
/// been executed, and a new id would execute it twice. Later versions have more kinds: a `match` ends in `_`.
///
/// | kind | what to do |
/// | --- | --- |
/// | `Invalid`, `Unreadable` | correct the value or the file that the text names |
/// | `LedgerUnavailable` | send again with the same id; nothing else is retryable |
/// | `Conflict`, `State` | the ledger knows more than the caller: read what stands there |
/// | `Forgotten` | take a new id for a new call; never repeat an old one |
/// | `Damaged` | stop, and verify the ledger |
/// | `Overflow`, `Unsupported` | the figures or the backend do not allow it; repeating does not help |
///
/// # Example: a ledger that comes back is asked again, a conflict is not
/// ```
/// use token_budget::{Error, ErrorKind};
///
/// /// Sends one command until it is answered, at most five times; every try bears the same id.
/// fn send(mut command: impl FnMut() -> Result<&'static str, Error>) -> (u32, Result<&'static str, ErrorKind>) {
///     let mut tries = 0;
///     loop {
///         tries += 1;
///         match command().map_err(|error| error.kind()) {
///             Err(ErrorKind::LedgerUnavailable) if tries < 5 => {} // wait here, in a service
///             answer => return (tries, answer),
///         }
///     }
/// }
///
/// let mut away = 2; // the ledger is away for two tries
/// let flaky = || {
///     if away == 0 { return Ok("held") }
///     away -= 1;
///     Err(Error::new(ErrorKind::LedgerUnavailable, "connection reset"))
/// };
/// assert_eq!(send(flaky), (3, Ok("held")));
/// let used = || Err(Error::new(ErrorKind::Conflict, "the id holds another amount"));
/// assert_eq!(send(used), (1, Err(ErrorKind::Conflict)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A value cannot be used: a limit below zero, a name with control characters.
    Invalid,
    /// A file or a text could not be read as what it should be.
    Unreadable,
    /// A sum or product does not fit: nothing was changed.
    Overflow,
    /// The same id came with another body: the first stands.
    Conflict,
    /// The command does not fit the state of its hold: ended, unknown, or too old to tell.
    State,
    /// The id is older than the ledger remembers, so nobody can tell whether it was used before.
    Forgotten,
    /// The ledger could not be reached, or could not keep what it was told.
    LedgerUnavailable,
    /// A part of the ledger's books is damaged or of an unknown version.
    Damaged,
    /// The ledger does not offer this operation.
    Unsupported,
}

impl ErrorKind {
    /// Whether the ledger failed, and not the command that it was given.
    pub(crate) fn is_of_ledger(self) -> bool {
        matches!(self, Self::LedgerUnavailable | Self::Damaged | Self::Forgotten)
    }
}

impl Error {
    /// A failure of that kind, described for a person.
    #[must_use]
    pub fn new(kind: ErrorKind, context: impl Into<String>) -> Self {
        Self(Box::new(Inner { kind, context: context.into(), source: None, ledger_time: None }))
    }

    /// A value that cannot be used, with the field that carries it.
    #[must_use]
    pub fn invalid(field: &str, problem: impl fmt::Display) -> Self {
        Self::new(ErrorKind::Invalid, format!("{field}: {problem}"))
    }

    /// A sum of `what` that does not fit.
    #[must_use]
    pub fn overflow(what: &str) -> Self {
        Self::new(ErrorKind::Overflow, format!("{what}: the sum does not fit into 64 bits"))
    }

    /// The same failure with its cause attached.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// The same failure, with the place where it happened in front: `"budgets.toml:
    /// budget 3: …"`.
    #[must_use]
    pub fn within(mut self, place: &str) -> Self {
        self.0.context = format!("{place}: {}", self.0.context);
        self
    }

    /// The same failure, with the instant at which a ledger judged the command.
    ///
    /// Who writes a ledger attaches it to every error that answers a command; see [`ledger_time`](Self::ledger_time).
    #[must_use]
    pub fn with_ledger_time(mut self, now: Timestamp) -> Self {
        self.0.ledger_time = Some(now);
        self
    }

    /// What went wrong, for programs.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The ledger's instant, if a ledger answered a command with this failure.
    ///
    /// A reply says it in [`Reply::now`](crate::ledger::Reply::now); so a caller learns what time it is at the ledger
    /// from every answer, also from one that is an error. `None` if no ledger judged anything: it could not be
    /// reached, or the value was found wrong before it got there.
    #[must_use]
    pub fn ledger_time(&self) -> Option<Timestamp> {
        self.0.ledger_time
    }

    /// Whether the same command, sent again with the same id, may succeed. A new id could
    /// execute it twice.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        self.0.kind == ErrorKind::LedgerUnavailable
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // It may quote a text that somebody else wrote.
        fmt::Display::fmt(&OneLine(&self.0.context), f)
    }
}

impl fmt::Debug for Error {
    /// As it is displayed, with the causes that the text does not tell: what `unwrap` and a `main` that fails print.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)?;
        let mut cause = self.source();
        while let Some(error) = cause {
            let text = error.to_string();
            // Most contexts say already what their cause says.
            if !self.0.context.contains(&text) {
                write!(f, ": {}", OneLine(&text))?;
            }
            cause = error.source();
        }
        Ok(())
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}
