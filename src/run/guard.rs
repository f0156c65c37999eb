//! What keeps a run open in this process?
//!
//! A guard is a handle: the run as it was opened, and the enforcer through which its calls go. What one can ask of it stands in
//! the files of this room. When the last guard of a run is dropped here, the time that it was open is posted.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;
use serde_json::Value;
use smallvec::SmallVec;

use super::admit::Seat;
use super::limits::{RunLimits, TIME, line, milliseconds};
use super::opened::{Opened, RunFacts};
use super::post::bind_own;
use crate::engine::Pending;
use crate::ledger::{Attribution, Certainty, MarkAction, Note};
use crate::values::{ReservationId, ShortText, Timestamp, Unit};
use crate::{Enforcer, Error, Scope};

/// Holds one run of an agent to its limits: dollars, tokens, rounds, tools, time.
///
/// A run is its id and its books. Whoever opens the id again on the same ledger, from any process, continues the run: what was
/// spent and granted, the rounds, the tool calls, the time used, the parts given to runs below it, and a stop all stand.
///
/// Dropping a guard ends nothing: the run's time stops counting in this process, and its books stay. [`turn`](Self::turn) asks
/// whether the run may go on, [`close`](Self::close) ends a run in good order, [`stop`](Self::stop) ends it with a reason.
///
/// # What counts
/// * Each attempt that is sent is one iteration. A retry is another, and so is an attempt that failed in an unknown way.
/// * An attempt that was released is none: it was never sent, or the provider refused it.
/// * A tool call counts once it is started, also when the tool fails.
/// * Calls of runs [below](Self::child) count for this run as well; a report tells both.
///
/// # Example: an agent in a loop is stopped at its limit
/// ```
/// use token_budget::{Call, Enforcer, RunGuard, Usage, Usd};
///
/// let enforcer = Enforcer::builder().build();
/// let run = RunGuard::builder("run-42").usd(Usd::dollars(1)).iterations(50).open(&enforcer).wait()?;
///
/// // Each round costs 45 cents: 45,000 output tokens of gpt-4o.
/// let call = Call::new("gpt-4o").input_tokens(0).output_tokens(15_000).choices(3);
/// let mut rounds = 0;
/// while let Ok(reservation) = run.reserve(&call).wait()?.or_refusal() {
///     reservation.send().reconcile(Usage::of(0, 45_000)).wait()?;
///     rounds += 1;
/// }
/// assert_eq!(rounds, 2);
/// let report = run.report().wait()?;
/// assert_eq!(report.spent_usd, Usd::cents(90));
/// assert!(report.over.unwrap().contains("0.90 of 1.00 USD used, call needs 0.45"));
/// # Ok::<(), token_budget::Error>(())
/// ```
pub struct RunGuard {
    pub(super) enforcer: Enforcer,
    pub(super) run: Arc<Opened>,
    /// When the first of the guards opened it that have been open here since.
    pub(super) since: Timestamp,
    /// What the caller wants to see in the report.
    pub(super) attached: Mutex<BTreeMap<ShortText, Value>>,
    pub(super) was_restored: bool,
    /// The run above, where this one was opened by its id alone: it is open as long as this.
    pub(super) above: Option<Box<Self>>,
    /// Opened for one call that names the run: no time passes for it.
    pub(super) is_passing: bool,
}

impl fmt::Debug for RunGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RunGuard({})", self.scope())
    }
}

impl RunGuard {
    /// The run's id.
    #[must_use]
    pub fn id(&self) -> &str {
        self.scope().name()
    }

    /// Its limits, as this guard was opened with.
    #[must_use]
    pub fn limits(&self) -> &RunLimits {
        &self.run.limits
    }

    /// Whether a [saved state](super::Builder::resume) was put on the books when this guard opened the run.
    #[must_use]
    pub fn was_restored(&self) -> bool {
        self.was_restored
    }

    /// Another guard of a run that is open here.
    pub(super) fn beside(enforcer: &Enforcer, run: Arc<Opened>) -> Self {
        let since = run.live.note(|facts| facts.enter(enforcer.now()));
        run.live.note(|facts| facts.remember(&run));
        Self {
            enforcer: enforcer.clone(),
            run,
            since,
            attached: Mutex::default(),
            was_restored: false,
            above: None,
            is_passing: false,
        }
    }

    /// The run and the enforcer, as whoever asks for room needs both.
    pub(super) fn seat(&self) -> Seat<'_> {
        Seat { enforcer: &self.enforcer, run: &self.run }
    }

    pub(super) fn scope(&self) -> &Scope {
        self.run.scope()
    }

    /// Marks the run's scope, in the books of its organisation.
    pub(super) async fn mark(&self, action: MarkAction, attribution: &Attribution) -> Result<(), Error> {
        let organization = self.run.charge.organization_name();
        self.enforcer.mark(organization, self.scope(), action, attribution).await.map(|_| ())
    }
}

impl Drop for RunGuard {
    fn drop(&mut self) {
        // Time passes once, however many guards of the run are open here.
        if self.is_passing {
            return;
        }
        let Some(since) = self.run.live.note(RunFacts::leave) else { return };
        // The time it was open is posted like any usage, so that the next opening finds it.
        let now = self.enforcer.now();
        let open = milliseconds(now.since(since));
        let lines = vec![line(TIME, self.scope(), Unit::TimeMs, None)];
        let call = self.run.call_for([self.scope().clone()]);
        let Ok(binding) = bind_own(&self.enforcer, &call, lines) else { return };
        self.enforcer.core().end_without_waiting(Pending::Reconcile {
            id: ReservationId::generate(now),
            binding: Arc::new(binding),
            amounts: SmallVec::from_elem(open, 1),
            held: SmallVec::new(),
            correction: None,
            certainty: Certainty::Reported,
            note: Note::default(),
        });
    }
}
