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
//! Where to read on: `guard` is the handle, `opened` what it knows of its run. `builder` and `child` open runs, `written` keeps the
//! limits they were opened with, `reach` says how deep they may lie, `admit` holds their calls, `named` finds the run of a call made
//! by hand, `part` gives parts (`carve` is one) and `replace` takes them back, `learn` hears what others did and `late` of calls that
//! end after their run, `pause` waits for a person, `tools` counts tools, `report` tells, `live` wakes people in this process.
//! `state` saves a run and puts it on other books, in the form of `saved`.

mod admit;
mod builder;
mod carve;
mod child;
mod end;
mod figures;
mod guard;
mod late;
mod learn;
mod limits;
mod live;
mod named;
mod opened;
mod part;
mod pause;
mod post;
mod reach;
mod refuse;
mod replace;
mod report;
mod saved;
mod shown;
mod signal;
mod state;
mod tools;
mod written;
mod written_names;
mod written_words;

use serde_json::Value;

pub use self::builder::Builder;
pub use self::child::{Child, ChildAdmission, ChildBuilder};
pub use self::guard::RunGuard;
pub use self::limits::{KeptBack, OnLimit, RunLimits};
pub(crate) use self::named::NamedRuns;
pub use self::part::RunPart;
pub use self::pause::{PauseAnswer, Paused, Turn};
pub use self::report::{ChildFigures, RunFigures, RunLeft, RunReport};
pub use self::saved::RunState;
pub use self::signal::StopSignal;
pub use self::tools::{ToolAdmission, ToolRefusal, ToolReservation};
use crate::ledger::{Answer, Attribution, MarkAction};
use crate::values::ShortText;
use crate::{Admission, Call};

impl RunGuard {
    /// Begins a guard for the run of that id.
    pub fn builder(id: impl Into<ShortText>) -> Builder {
        Builder::new(id.into(), ())
    }

    /// Holds room for a call of the run: in its own limits, in those of every run above it, and in every
    /// budget that binds the call.
    ///
    /// The scopes named by [`charging`](Builder::charging) pay beside those that the call names. Where the run has a
    /// ladder, the strongest of its models that fits is held: send [`Reservation::model`](crate::Reservation::model).
    /// The next call begins at its own model again, and so is back with the strong one as soon as there is room.
    ///
    /// # Errors
    /// As [`Enforcer::reserve`](crate::Enforcer::reserve).
    pub fn reserve<'a>(&'a self, call: &'a Call) -> Answer<'a, Admission> {
        Answer::walk(async move { self.seat().admit(call, false).await })
    }

    /// Holds room for the run's last word, which may use what was [kept back](Builder::keep_back).
    ///
    /// The caller says which call is the last; should it fail, its retry is one, too. Only this run's own part
    /// opens: what a run above keeps back stays with that run. [`RunLimits`] has an example.
    ///
    /// # Errors
    /// As [`Enforcer::reserve`](crate::Enforcer::reserve).
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
    /// nothing; the first reason stays. Any process that reaches the ledger may stop a run: it opens the run by its
    /// id, without limits, and needs no part in it.
    ///
    /// # Errors
    /// `LedgerUnavailable` when the ledger cannot be reached.
    ///
    /// # Example: an operator stops a run of another process
    /// ```
    /// use token_budget::ledger::Attribution;
    /// use token_budget::{Call, Enforcer, MemoryLedger, RunGuard, Usd};
    ///
    /// let books = MemoryLedger::new(); // one file or one server, for processes that share nothing else
    /// let agents = Enforcer::builder().ledger(books.clone()).build();
    /// let run = RunGuard::builder("run-42").usd(Usd::dollars(1)).open(&agents).wait()?;
    /// let call = Call::new("gpt-4o").input_tokens(100).output_tokens(100);
    /// assert!(run.reserve(&call).wait()?.is_admitted());
    ///
    /// let operators = Enforcer::builder().ledger(books).build();
    /// let same = RunGuard::builder("run-42").open(&operators).wait()?; // names no limits: those that stand
    /// same.stop(Attribution::new("ada", "it loops")).wait()?;
    ///
    /// let refused = run.reserve(&call).wait()?.or_refusal().unwrap_err();
    /// assert!(refused.to_string().contains("run/run-42 was stopped by ada: it loops"), "{refused}");
    /// assert!(run.stopped().reason().is_some(), "heard with the refusal");
    /// # Ok::<(), token_budget::Error>(())
    /// ```
    pub fn stop(&self, attribution: Attribution) -> Answer<'_, ()> {
        Answer::walk(async move { self.mark(MarkAction::Stop, &attribution).await })
    }

    /// What running calls may wait for: it resolves when this run or one above it is stopped.
    pub fn stopped(&self) -> StopSignal {
        StopSignal::of(self.run.live_chain())
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
            self.mark(MarkAction::Close, &Attribution::new("its guard", "its work is done")).await?;
            self.seat().end_carves();
            self.seat().replace_ended().await?;
            Ok(report)
        })
    }
}
