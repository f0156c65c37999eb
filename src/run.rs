//! How much may one run of an agent spend, and may it go on?
//!
//! A run is lines of its own scope in the same books as every budget, for its whole life: dollars, tokens, iterations, tools,
//! runs below it, time. So one trip to the ledger decides the run's limits together with the policy's, and whatever must
//! outlive the process (what was granted, which limits stand, which parts were given) is a figure there too.
//!
//! ```text
//! trip               usd 10.00        a guard: RunGuard::builder("trip")
//!   trip/search      carved 4.00      a part of its own: 4.00 are held on trip
//!   trip/book        shares           held on trip with every call
//!     trip/book/pay  shares           held on trip/book and on trip
//! ```
//!
//! Where to read on: `builder` and `child` open runs, `written` keeps the limits they were opened with, `admit` holds their
//! calls, `named` finds the run of a call made by hand, `carve` and `settle` give parts and take them back, `pause` waits for a
//! person, `tools` counts tools, `report` tells, `level` is what wakes people in this process.

mod admit;
mod builder;
mod carve;
mod child;
mod figures;
mod learn;
mod level;
mod limits;
mod named;
mod opened;
mod part;
mod pause;
mod post;
mod refuse;
mod report;
mod settle;
mod signal;
mod state;
mod tools;
mod written;
mod written_names;
mod written_shown;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;
use serde_json::Value;
use smallvec::SmallVec;

use self::admit::Seat;
pub use self::builder::Builder;
pub use self::child::{Below, ChildAdmission, ChildBuilder};
use self::level::State;
pub use self::limits::{KeptBack, OnLimit, RunLimits};
use self::limits::{TIME, line};
pub(crate) use self::named::NamedRuns;
use self::opened::Opened;
pub use self::part::RunPart;
pub use self::pause::{PauseAnswer, Paused, Turn};
pub use self::report::{ChildFigures, RunFigures, RunReport};
pub use self::signal::StopSignal;
pub use self::state::RunState;
pub use self::tools::{ToolAdmission, ToolRefusal, ToolReservation};
use crate::engine::Pending;
use crate::ledger::{Answer, Attribution, Certainty, MarkAction, Note};
use crate::policy::is_run_line;
use crate::values::{ReservationId, ShortText, Timestamp, Unit};
use crate::{Admission, Call, Enforcer, Error, Scope};

/// A leash for one run of an agent: dollars, tokens, rounds, tools, and time.
///
/// A run is its id and its books. Opening the same id again on the same
/// ledger continues it: what was spent and granted, the rounds made, the tools
/// called, the time used, parts given to runs below it, and a stop all stand.
///
/// A guard ends nothing when it is dropped: the run's time stops counting here, and its books stay. [`close`](Self::close)
/// ends a run in good order, [`stop`](Self::stop) ends it with a reason, [`turn`](Self::turn) asks whether it may go on.
///
/// # What counts
/// Every attempt that is sent is one iteration: a retry that is sent is
/// another, and so is one that failed in an unknown way. An attempt that was
/// released counts nothing, whether it was never sent or the provider refused
/// it. A tool call counts once it is started, also when it fails. Calls of
/// runs [below](Self::child) count for the run as well; a report tells both.
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
    enforcer: Enforcer,
    run: Arc<Opened>,
    /// When the first of the guards opened it that have been open here since.
    since: Timestamp,
    /// What the caller wants to see in the report.
    attached: Mutex<BTreeMap<ShortText, Value>>,
    was_restored: bool,
    /// The run above, where this one was opened by its id alone: it is open as long as this.
    above: Option<Box<Self>>,
    /// Opened for one call that names the run: no time passes for it.
    is_passing: bool,
}

impl fmt::Debug for RunGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RunGuard({})", self.scope())
    }
}

impl RunGuard {
    /// Begins a guard for the run of that id.
    pub fn builder(id: impl Into<ShortText>) -> Builder {
        Builder::new(id.into(), ())
    }

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

    /// Whether a [saved state](Builder::resume) was put on the books when this guard opened the run.
    #[must_use]
    pub fn was_restored(&self) -> bool {
        self.was_restored
    }

    /// Holds room for a call of the run: in its own limits, in those of every run above it, and in every
    /// budget that binds the call.
    ///
    /// The levels named by [`charging`](Builder::charging) pay beside those that the call names. Where
    /// the run has a ladder, the strongest of its models that fits is held: send
    /// [`Reservation::model`](crate::Reservation::model). Each call begins at its own model again, so that it
    /// is back with the strong one as soon as there is room.
    ///
    /// # Errors
    /// As [`Enforcer::reserve`].
    pub fn reserve<'a>(&'a self, call: &'a Call) -> Answer<'a, Admission> {
        Answer::walk(async move { self.seat().admit(call, false).await })
    }

    /// Holds room for the run's last word, which may use what was [kept back](Builder::keep_back).
    ///
    /// The caller says which call is the last; should it fail, its retry is one, too. Only this run's own part
    /// opens: what a run above keeps back stays with that run.
    ///
    /// # Errors
    /// As [`Enforcer::reserve`].
    pub fn reserve_final<'a>(&'a self, call: &'a Call) -> Answer<'a, Admission> {
        Answer::walk(async move { self.seat().admit(call, true).await })
    }

    /// A call of this run, for whoever makes calls without asking the guard: a closure, a client, an HTTP gate.
    ///
    /// It names the run, those above it and whom they charge. As long as a guard of the run is open in this process,
    /// every call that names the run is held to its limits, whichever way it goes; where none is, the limits are
    /// read from the books.
    ///
    /// # Example: two rounds over HTTP
    /// ```
    /// use token_budget::http::{HttpBudget, RequestHead, Ruling};
    /// use token_budget::{Enforcer, RunGuard};
    ///
    /// let enforcer = Enforcer::builder().build();
    /// let run = RunGuard::builder("run-42").iterations(2).open(&enforcer).wait()?;
    /// let of_run = run.call();
    /// let gate = HttpBudget::new(enforcer, move |_| Ok(of_run.clone()));
    ///
    /// let body = br#"{"model": "gpt-4o", "max_tokens": 10, "messages": []}"#;
    /// let head = RequestHead::new("POST", "api.openai.com", "/v1/chat/completions", &[("accept", "*/*")]);
    /// # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    /// # runtime.block_on(async {
    /// for round in 0..3 {
    ///     let ruling = gate.admit(&head, body).await;
    ///     assert_eq!(matches!(&ruling, Ruling::Admitted(_)), round < 2);
    ///     if let Ruling::Admitted(admitted) = ruling {
    ///         drop(admitted.send()); // sent, and nobody waited for the answer
    ///     }
    /// }
    /// # });
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn call(&self) -> Call {
        self.run.charged(self.run.charge.clone().with_model(""))
    }

    /// Stops the run: every later call that carries it, also from a run below, is refused with this reason.
    ///
    /// Calls in flight are recorded, and hear of it through [`stopped`](Self::stopped). A second stop changes
    /// nothing; the first reason stays.
    ///
    /// # Errors
    /// `LedgerUnavailable` when the ledger cannot be reached.
    pub fn stop(&self, attribution: Attribution) -> Answer<'_, ()> {
        Answer::walk(async move { self.mark(MarkAction::Stop, &attribution).await })
    }

    /// What running calls may wait for: it resolves when this run or one above it is stopped.
    pub fn stopped(&self) -> StopSignal {
        StopSignal::of(self.run.levels())
    }

    /// Attaches something for the report: a task's name, a link, the last message.
    ///
    /// It is kept by this guard and in a [saved state](Self::save), not in the books.
    pub fn attach(&self, name: impl Into<ShortText>, value: impl Into<Value>) {
        self.attached.lock().insert(name.into(), value.into());
    }

    /// Ends the run in good order: calls that come later, also from runs below, are refused.
    ///
    /// Parts that were given to runs below are replaced by what those spent; if this run has a part of its own,
    /// so is that. Calls in flight keep theirs until they end.
    ///
    /// # Errors
    /// `LedgerUnavailable` when the ledger cannot be reached.
    pub fn close(self) -> Answer<'static, RunReport> {
        Answer::walk(async move {
            let report = self.report().await?;
            self.mark(MarkAction::Close, &Attribution::new("run", "the run was closed")).await?;
            self.seat().end_carves();
            self.seat().settle_ended().await?;
            Ok(report)
        })
    }
}

impl RunGuard {
    /// The run and the enforcer, as whoever asks for room needs both.
    fn seat(&self) -> Seat<'_> {
        Seat { enforcer: &self.enforcer, run: &self.run }
    }

    fn scope(&self) -> &Scope {
        self.run.scope()
    }

    /// Marks the run's scope, in the books of its organisation.
    async fn mark(&self, action: MarkAction, attribution: &Attribution) -> Result<(), Error> {
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
        let Some(since) = self.run.level.note(State::leave) else { return };
        // The time it was open is posted like any usage, so that the next opening finds it.
        let now = self.enforcer.now();
        let open = i64::try_from(now.since(since).as_millis()).unwrap_or(i64::MAX);
        let call = self.run.call_for([self.scope().clone()]);
        let lines = vec![line(TIME, self.scope(), Unit::TimeMs, None)];
        let bound = post::bind(&self.enforcer, &call, lines, |bound| is_run_line(bound.account.budget()));
        let Ok(binding) = bound else { return };
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
