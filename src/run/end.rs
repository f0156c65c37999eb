//! When does a run end by itself, and by whose word?

use std::time::Duration;

use super::limits::{RunLimits, TIME, milliseconds};
use crate::Scope;
use crate::values::{Refusal, RefusalKind, Timestamp, Unit};

/// When a run ends by itself, and by whose word.
#[derive(Clone, Debug)]
pub(super) struct End {
    pub(super) at: Timestamp,
    scope: Scope,
    /// The time limit that ends it; an instant that was named otherwise.
    time: Option<Duration>,
}

impl End {
    /// The earliest of a run's own limits and its parent's end.
    pub(super) fn earliest(
        scope: &Scope,
        limits: &RunLimits,
        (now, used): (Timestamp, Duration),
        parent: Option<&End>,
    ) -> Option<Self> {
        let time = limits.time.map(|time| Self {
            at: now + time.saturating_sub(used),
            scope: scope.clone(),
            time: Some(time),
        });
        let named = limits.deadline.map(|at| Self { at, scope: scope.clone(), time: None });
        time.into_iter().chain(named).chain(parent.cloned()).min_by_key(|end| end.at)
    }

    /// The refusal of what comes at or after it.
    pub(super) fn refusal(&self, now: Timestamp) -> Option<Refusal> {
        if now < self.at {
            return None;
        }
        let limit = self.time.map(milliseconds);
        Some(Refusal {
            budget: if limit.is_some() { TIME.into() } else { "run deadline".into() },
            scope: Some(self.scope.clone()),
            window: "lifetime".into(),
            unit: Unit::TimeMs,
            limit,
            ceiling: limit.unwrap_or(i64::MAX),
            spent: limit.unwrap_or(0).saturating_add(milliseconds(now.since(self.at))),
            reserved: 0,
            requested: 1,
            kind: match limit {
                Some(_) => RefusalKind::RunLimit,
                None => RefusalKind::Deadline { at: self.at },
            },
        })
    }
}
