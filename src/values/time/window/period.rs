//! Which stretch of a window counts now?

use serde::{Deserialize, Serialize};

use crate::values::Timestamp;

/// One window on the time line, as the ledger sees it.
///
/// The ledger does not interpret `number`. It never decreases as time goes on,
/// and no two periods of a window share one. The sub-periods of a rolling
/// window are numbered without gaps, since `span` sums over consecutive
/// numbers. Others may leave a number out: Samoa had no 30 December 2011.
///
/// # Example: the running second of a rolling minute
/// ```
/// use token_budget::time::Timestamp;
/// use token_budget::Window;
///
/// let period = Window::rolling_minute().period("2026-11-22T12:00:07.5Z".parse()?);
/// assert_eq!(period.from, "2026-11-22T12:00:07Z".parse()?);
/// assert_eq!(period.until, "2026-11-22T12:00:08Z".parse()?);
/// assert_eq!(period.span, 61);
/// assert!(period.contains(period.from) && !period.contains(period.until));
/// # Ok::<(), token_budget::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Period {
    /// Names the period among those of its window.
    pub number: i64,
    /// The first instant of the period; of the sub-period if the window rolls.
    pub from: Timestamp,
    /// The first instant after it, or [`Timestamp::MAX`] for the last one of all.
    pub until: Timestamp,
    /// How many consecutive numbers, this one last, count together: 1, or 61 if the window rolls (the running
    /// sub-period and the 60 before it).
    pub span: u32,
}

impl Period {
    /// Whether that instant lies in `[from, until)`.
    ///
    /// The last representable instant belongs to the period that never ends.
    #[must_use]
    pub fn contains(&self, at: Timestamp) -> bool {
        self.from <= at && (at < self.until || self.until == Timestamp::MAX)
    }
}
