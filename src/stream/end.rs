//! How does a stream end, and what is said of it?

use std::error::Error as StdError;
use std::fmt;

use crate::wire::TextSeen;
use crate::{Decision, Error, Receipt};

/// What happens to a stream whose answer no longer fits.
///
/// `Stop` keeps the budget, and pays for an answer that nobody can use. `Finish` keeps the answer, and may exceed the budget by
/// what was left of it: at most the output limit that its request names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OnCeiling {
    /// It ends with a refusal that carries what came so far.
    #[default]
    Stop,
    /// It goes on to its end, and all of it is charged: the overrun is recorded.
    Finish,
}

/// How a stream came to its end.
///
/// Only `Finished` is a whole answer. The others say who ended it: the provider (`BrokeOff`, `Failed`), a budget (`Stopped`),
/// or its reader (`Dropped`, `Cancelled`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StreamEnd {
    /// With its last frame.
    Finished,
    /// Without its last frame: the connection closed in between.
    BrokeOff,
    /// With an error of the client.
    Failed,
    /// Here, because a budget had no more room.
    Stopped,
    /// Its reader dropped it after an item.
    Dropped,
    /// Its reader was dropped while it waited for the next item: a cancelled task, a time-out.
    Cancelled,
}

/// What became of a stream, told once its charge is known.
#[derive(Debug)]
#[non_exhaustive]
pub struct StreamOutcome {
    /// How it ended.
    pub end: StreamEnd,
    /// What it was charged; `None` where that is charged as an abandoned call, or given back, as the operator chose.
    pub receipt: Option<Result<Receipt, Error>>,
    /// How much text was generated.
    pub text: TextSeen,
}

/// Why a stream brings no further item.
#[derive(Debug)]
pub enum StreamError<E> {
    /// A budget has no more room; what came so far is charged.
    Refused(Box<CutOff>),
    /// The ledger failed while room was asked for; what came so far is charged.
    Ledger(Error),
    /// The client's own error, unchanged.
    Client(E),
}

/// An answer that was ended for want of room.
#[non_exhaustive]
pub struct CutOff {
    /// Who refuses, and why.
    pub decision: Decision,
    /// The answer as far as it came, where it is kept.
    pub text: String,
    /// What it was charged, where the ledger took it.
    pub receipt: Option<Receipt>,
}

impl fmt::Debug for CutOff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CutOff({}, after {} bytes of text)", self.decision, self.text.len())
    }
}

impl fmt::Display for CutOff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the answer was cut off: {}", self.decision)
    }
}

impl<E: fmt::Display> fmt::Display for StreamError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(cut_off) => fmt::Display::fmt(cut_off, f),
            Self::Ledger(error) if error.kind().is_of_ledger() => write!(f, "ledger: {error}"),
            Self::Ledger(error) => fmt::Display::fmt(error, f),
            Self::Client(error) => write!(f, "client: {error}"),
        }
    }
}

impl<E: StdError + 'static> StdError for StreamError<E> {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Refused(cut_off) => Some(&cut_off.decision),
            Self::Ledger(error) => Some(error),
            Self::Client(error) => Some(error),
        }
    }
}
