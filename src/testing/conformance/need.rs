//! What may a ledger leave out, and what does a law need?

use std::sync::Arc;

use crate::Error;

/// What a law needs of a ledger before it can be tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Need {
    /// Its clock can be set: [`Offers::time`](super::Offers::time).
    Time,
    /// It keeps a hundred journal entries or more, so that a law can read all that it caused:
    /// [`Capabilities`](crate::ledger::Capabilities).
    Journal,
    /// Answers survive the process: [`Capabilities`](crate::ledger::Capabilities).
    Durable,
    /// Its operations can be told to fail: [`Offers::faults`](super::Offers::faults).
    Faults,
    /// It reserves on lines whose window rolls: [`Period::span`](crate::time::Period::span) above one.
    Rolling,
    /// It takes lines with thresholds, and tells of those that were reached.
    Thresholds,
    /// A live hold can grow, shrink and be prolonged.
    Resizing,
    /// Scopes can be frozen, stopped, closed and reopened.
    Marks,
    /// What no hold announced can be posted: imports.
    Postings,
    /// A charge can be refunded.
    Refunds,
}

impl Need {
    /// What is said of a ledger without it: `keeps a clock of its own`, `no rolling windows`.
    pub(super) fn lack(self) -> &'static str {
        match self {
            Self::Time => "keeps a clock of its own",
            Self::Journal => "folds its journal early",
            Self::Durable => "does not outlive its process",
            Self::Faults => "cannot be told to fail",
            Self::Rolling => "no rolling windows",
            Self::Thresholds => "no thresholds",
            Self::Resizing => "no resizing",
            Self::Marks => "no marks",
            Self::Postings => "no postings",
            Self::Refunds => "no refunds",
        }
    }
}

/// What a ledger leaves out, with what it said to that.
#[derive(Clone, Debug, Default)]
pub(super) struct LeftOut(Arc<[(Need, String)]>);

impl LeftOut {
    /// The same, with this left out as well, because it is not there.
    pub(super) fn without(&self, need: Need) -> Self {
        self.and(need, need.lack().to_owned())
    }

    /// The same, with this left out as well, because the ledger said so.
    pub(super) fn with(&self, need: Need, error: &Error) -> Self {
        self.and(need, format!("{}: {error}", need.lack()))
    }

    /// What is said of a ledger that leaves this out; `None` if it offers it.
    pub(super) fn text(&self, need: Need) -> Option<&str> {
        self.0.iter().find(|(left_out, _)| *left_out == need).map(|(_, text)| text.as_str())
    }

    fn and(&self, need: Need, text: String) -> Self {
        Self(self.0.iter().cloned().chain([(need, text)]).collect())
    }
}
