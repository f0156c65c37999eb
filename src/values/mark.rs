//! What does somebody do to a scope, and who was it?

use serde::{Deserialize, Serialize};

use crate::Scope;
use crate::values::{ShortText, Timestamp};

/// A scope that admits nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FrozenScope {
    /// Which.
    pub scope: Scope,
    /// By which mark.
    pub action: MarkAction,
    /// Since when.
    pub since: Timestamp,
    /// By whom, and why.
    pub attribution: Attribution,
}

/// What a mark does to a scope.
///
/// Later marks do not simply replace earlier ones. A stop or a close replaces a freeze, because a freeze is for a
/// while. A stop replaces a close. Nothing replaces a stop except a reopen, so that the first stop's reason stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum MarkAction {
    /// Refuse every later reserve that carries it.
    Freeze,
    /// The same, for a run that was stopped; the first stop's reason stays.
    Stop,
    /// Admit again.
    Reopen,
    /// The run ended in good order: refuse what comes later.
    Close,
}

/// Who decided something, and why.
///
/// It goes into the journal, and a refused caller reads it: write the reason for that reader.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Attribution {
    /// Who.
    pub by: ShortText,
    /// Why.
    pub reason: ShortText,
}

impl Attribution {
    /// A decision of `by`, for that reason.
    pub fn new(by: impl Into<ShortText>, reason: impl Into<ShortText>) -> Self {
        Self { by: by.into(), reason: reason.into() }
    }
}
