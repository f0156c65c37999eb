//! How much may one run of an agent spend, and may it go on?

mod builder;
mod carve;
mod child;
mod figures;
mod level;
mod limits;
mod opened;
mod pause;
mod post;
mod refuse;
mod report;
mod signal;
mod state;
mod tools;

use std::collections::BTreeMap;
use std::sync::Arc;

use compact_str::CompactString;
use parking_lot::Mutex;
use serde_json::Value;
use smallvec::SmallVec;

pub use self::builder::RunGuardBuilder;
pub use self::carve::RunPart;
pub use self::child::{Below, ChildAdmission, ChildBuilder};
pub(crate) use self::level::Levels;
use self::limits::{GRANTED, TIME, View, line};
pub use self::limits::{KeptBack, OnLimit, RunLimits};
use self::opened::Opened;
pub use self::pause::{PauseAnswer, Paused, Turn};
pub use self::report::{ChildFigures, RunFigures, RunReport};
pub use self::signal::StopSignal;
pub use self::state::RunState;
pub use self::tools::{ToolAdmission, ToolRefusal, ToolReservation};
use crate::enforcer::{Pending, at_once};
use crate::ledger::{MarkAction, Note, Rank, Signature};
use crate::policy::is_run_line;
use crate::{
    Admission, Call, Decision, Enforcer, Error, Prepared, Refusal, RefusalKind, ReservationId, Scope,
    Timestamp, Unit,
};

/// A leash for one run of an agent: dollars, tokens, rounds, tools, and time.
///
/// A run is its id and its books. Opening the same id again on the same
/// ledger continues it: what was spent and granted, the rounds made, the tools
/// called, the time used, parts given to runs below it, and a stop all stand.
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
/// let run = RunGuard::builder("run-42").usd(Usd::dollars(1)).iterations(50).open_now(&enforcer)?;
///
/// // Each round costs 45 cents: 45,000 output tokens of gpt-4o.
/// let call = Call::new("gpt-4o").input_tokens(0).output_tokens(15_000).choices(3);
/// let mut rounds = 0;
/// while let Ok(reservation) = run.reserve_now(&call)?.or_refusal() {
///     reservation.send().reconcile_now(Usage::of(0, 45_000))?;
///     rounds += 1;
/// }
/// assert_eq!(rounds, 2);
/// let report = run.report_now()?;
/// assert_eq!(report.spent_usd, Usd::cents(90));
/// assert!(report.over.unwrap().contains("0.90 of 1.00 USD used, call needs 0.45"));
/// # Ok::<(), token_budget::Error>(())
/// ```
#[derive(Debug)]
pub struct RunGuard {
    enforcer: Enforcer,
    run: Arc<Opened>,
    /// When this guard opened it.
    since: Timestamp,
    resolved: Mutex<Resolved>,
    /// What the caller wants to see in the report.
    attached: Mutex<BTreeMap<CompactString, Value>>,
    was_restored: bool,
}

/// Charge sets that the run has used.
#[derive(Debug, Default)]
struct Resolved {
    /// What was granted along the chain when they were resolved.
    granted: i64,
    /// By call, and whether it is the final one.
    prepared: Vec<(Call, bool, Arc<Prepared>)>,
}

/// How many charge sets of one run are kept resolved.
const PREPARED_MAX: usize = 16;

impl RunGuard {
    /// Begins a guard for the run of that id.
    pub fn builder(id: impl Into<CompactString>) -> RunGuardBuilder {
        RunGuardBuilder::new(id.into(), ())
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

    /// Whether a [saved state](RunGuardBuilder::resume) was put on the books when this guard opened the run.
    #[must_use]
    pub fn was_restored(&self) -> bool {
        self.was_restored
    }

    /// Holds room for a call of the run: in its own limits, in those of every run above it, and in every
    /// budget that binds the call.
    ///
    /// The levels named by [`charging`](RunGuardBuilder::charging) pay beside those that the call names. Where
    /// the run has a ladder, the strongest of its models that fits is held: send
    /// [`Reservation::model`](crate::Reservation::model). Each call begins at its own model again, so that it
    /// is back with the strong one as soon as there is room.
    ///
    /// # Errors
    /// As [`Enforcer::reserve`].
    pub async fn reserve(&self, call: &Call) -> Result<Admission, Error> {
        self.admit(call, false).await
    }

    /// The same without a runtime, for ledgers that answer at once.
    ///
    /// # Errors
    /// As [`Enforcer::reserve_now`].
    pub fn reserve_now(&self, call: &Call) -> Result<Admission, Error> {
        at_once(self.reserve(call))?
    }

    /// Holds room for the run's last word, which may use what was [kept back](RunGuardBuilder::keep_back).
    ///
    /// The caller says which call is the last; should it fail, its retry is one, too. Only this run's own part
    /// opens: what a run above keeps back stays with that run.
    ///
    /// # Errors
    /// As [`Enforcer::reserve`].
    pub async fn reserve_final(&self, call: &Call) -> Result<Admission, Error> {
        self.admit(call, true).await
    }

    /// The same without a runtime, for ledgers that answer at once.
    ///
    /// # Errors
    /// As [`Enforcer::reserve_now`].
    pub fn reserve_final_now(&self, call: &Call) -> Result<Admission, Error> {
        at_once(self.reserve_final(call))?
    }

    /// Stops the run: every later call that carries it, also from a run below, is refused with this reason.
    ///
    /// Calls in flight are recorded, and hear of it through [`stopped`](Self::stopped). A second stop changes
    /// nothing; the first reason stays.
    ///
    /// # Errors
    /// `LedgerUnavailable` when the ledger cannot be reached.
    pub async fn stop(&self, signature: Signature) -> Result<(), Error> {
        self.mark(MarkAction::Stop, &signature).await
    }

    /// The same without a runtime, for ledgers that answer at once.
    ///
    /// # Errors
    /// As [`stop`](Self::stop).
    pub fn stop_now(&self, signature: Signature) -> Result<(), Error> {
        at_once(self.stop(signature))?
    }

    /// What running calls may wait for: it resolves when this run or one above it is stopped.
    pub fn stopped(&self) -> StopSignal {
        StopSignal::of(self.run.levels())
    }

    /// Attaches something for the report: a task's name, a link, the last message.
    ///
    /// It is kept by this guard and in a [saved state](Self::save), not in the books.
    pub fn attach(&self, name: impl Into<CompactString>, value: impl Into<Value>) {
        self.attached.lock().insert(name.into(), value.into());
    }

    /// Ends the run in good order: calls that come later, also from runs below, are refused.
    ///
    /// Parts that were given to runs below are replaced by what those spent; if this run has a part of its own,
    /// so is that. Calls in flight keep theirs until they end.
    ///
    /// # Errors
    /// `LedgerUnavailable` when the ledger cannot be reached.
    pub async fn close(self) -> Result<RunReport, Error> {
        let report = self.report().await?;
        self.mark(MarkAction::Close, &Signature::new("run", "the run was closed")).await?;
        self.end_carves();
        self.settle_ended().await?;
        Ok(report)
    }

    /// The same without a runtime, for ledgers that answer at once.
    ///
    /// # Errors
    /// As [`close`](Self::close).
    pub fn close_now(self) -> Result<RunReport, Error> {
        at_once(self.close())?
    }
}

impl RunGuard {
    fn scope(&self) -> &Scope {
        self.run.scope()
    }

    async fn mark(&self, action: MarkAction, signature: &Signature) -> Result<(), Error> {
        let organization = self.run.charge.organization_name();
        self.enforcer.mark(organization, self.scope(), action, signature).await.map(|_| ())
    }

    /// One call on the run's ladder: the strongest model that fits, or why the first does not.
    async fn admit(&self, call: &Call, is_final: bool) -> Result<Admission, Error> {
        let call = &self.charged(call)?;
        self.settle_ended().await?;
        let now = self.enforcer.now();
        if let Some(refusal) = self.out_of_time(now) {
            let decision = self.prepared_for(call, is_final)?.refused_by(refusal, now).await?;
            return self.refused(decision).await;
        }
        let first = match self.attempt(call, is_final).await? {
            Admission::Refused(decision) => decision,
            admitted => return Ok(admitted),
        };
        let mut rung = if first.frozen.is_empty() { self.next_rung(call.model()) } else { None };
        while let Some(model) = rung {
            let weaker = call.clone().with_model(model);
            if let Admission::Admitted(reservation) = self.attempt(&weaker, is_final).await? {
                return Ok(Admission::Admitted(reservation));
            }
            rung = self.next_rung(weaker.model());
        }
        self.refused(first).await
    }

    /// One model; asked again where somebody has granted more in the meantime.
    async fn attempt(&self, call: &Call, is_final: bool) -> Result<Admission, Error> {
        let refused = match self.prepared_for(call, is_final)?.reserve_call(call).await? {
            Admission::Refused(decision) => decision,
            admitted => return Ok(admitted),
        };
        let short_of_usd = |refusal: &Refusal| {
            refusal.unit == Unit::Usd && is_run_line(&refusal.budget) && refusal.kind != RefusalKind::InFlight
        };
        if refused.refusals().iter().any(short_of_usd) && self.learn_grants().await? {
            return self.prepared_for(call, is_final)?.reserve_call(call).await;
        }
        Ok(Admission::Refused(refused))
    }

    /// Remembers which run a refusal ends: its own limits do, a team's empty month does not.
    async fn refused(&self, decision: Box<Decision>) -> Result<Admission, Error> {
        if !decision.frozen.is_empty() {
            self.learn_marks().await?;
        }
        if self.missing(&decision).is_none() {
            let refusals = decision.refusals();
            let ends = |refusal: &&Refusal| {
                matches!(
                    refusal.kind,
                    RefusalKind::RunLimit | RefusalKind::KeptBack | RefusalKind::Deadline { .. }
                )
            };
            for refusal in refusals.iter().filter(ends) {
                let ended = self.run.chain().find(|run| refusal.scope.as_ref() == Some(run.scope()));
                if let Some(run) = ended {
                    run.level.note(|state| state.short = Some(refusal.clone()));
                }
            }
        }
        Ok(Admission::Refused(decision))
    }

    fn out_of_time(&self, now: Timestamp) -> Option<Refusal> {
        self.run.end.as_ref().and_then(|end| end.refusal(now))
    }

    /// The model to try after that one, where the run walks a ladder at all.
    fn next_rung(&self, model: &str) -> Option<CompactString> {
        let rungs = &self.run.rungs;
        if rungs.ladder.is_empty() {
            rungs.degrade_at?;
            return self.enforcer.policy().next_rung(model);
        }
        let place = rungs.ladder.iter().position(|rung| rung == model)?;
        rungs.ladder.get(place.saturating_add(1)).cloned()
    }

    /// The call with everybody who pays for it.
    fn charged(&self, call: &Call) -> Result<Call, Error> {
        // Its limits stand in the books of one organisation, and so must its calls.
        let charge = &self.run.charge;
        if call.organization_name().is_some_and(|name| Some(name) != charge.organization_name()) {
            return Err(Error::invalid(
                "call: organization",
                "is not the one that the run was opened to charge",
            ));
        }
        Ok(self.run.charged(call.clone()))
    }

    fn prepared_for(&self, call: &Call, is_final: bool) -> Result<Arc<Prepared>, Error> {
        let granted = self.granted();
        let mut resolved = self.resolved.lock();
        if resolved.granted != granted {
            *resolved = Resolved { granted, prepared: Vec::new() };
        }
        let known =
            |(known, last, _): &&(Call, bool, Arc<Prepared>)| *last == is_final && known.same_charge(call);
        if let Some((_, _, prepared)) = resolved.prepared.iter().find(known) {
            return Ok(Arc::clone(prepared));
        }
        let next_rung = self.next_rung(call.model());
        let view = View { is_final, next_rung: next_rung.as_ref(), ..View::default() };
        let budgets: Arc<[_]> = self.run.call_lines(view).into_iter().map(Arc::new).collect();
        self.run.chain().flat_map(|run| &run.carve).for_each(|carve| carve.watch(&budgets));
        let prepared = Arc::new(self.enforcer.prepare_with(call, budgets)?);
        if resolved.prepared.len() >= PREPARED_MAX {
            resolved.prepared.remove(0);
        }
        resolved.prepared.push((call.without_input(), is_final, Arc::clone(&prepared)));
        Ok(prepared)
    }

    /// What was granted to the run and those above it, as far as this process knows.
    fn granted(&self) -> i64 {
        let granted = self.run.chain().map(|run| run.level.look(|state| state.granted));
        granted.fold(0, i64::saturating_add)
    }

    /// Reads what was granted along the chain; says whether it is more than was known.
    async fn learn_grants(&self) -> Result<bool, Error> {
        let before = self.granted();
        let scopes: Vec<Scope> = self.run.chain().map(|run| run.scope().clone()).collect();
        let lines = scopes.iter().map(|scope| line(GRANTED, scope, Unit::Usd, None)).collect();
        let figures = figures::Figures::read_lines(&self.enforcer, &self.run, &scopes, lines).await?;
        for run in self.run.chain() {
            let granted = figures.get(run.scope(), GRANTED, &Unit::Usd).spent;
            if run.level.look(|state| state.granted) != granted {
                run.level.change(|state| (state.granted, state.short) = (granted, None));
            }
        }
        Ok(self.granted() > before)
    }

    /// Reads which marks stand on the run and those above it.
    async fn learn_marks(&self) -> Result<(), Error> {
        let scopes: Vec<Scope> = self.run.chain().map(|run| run.scope().clone()).collect();
        let marks = self.enforcer.core().marks(&self.run.root, &scopes).await?;
        for run in self.run.chain() {
            let mark = marks.iter().find(|mark| &mark.scope == run.scope()).cloned();
            if run.level.mark() != mark {
                run.level.learn(mark);
            }
        }
        Ok(())
    }

    /// This run is over: so is what it and the runs below it hold for those below.
    fn end_carves(&self) {
        let below = compact_str::format_compact!("{}/", self.id());
        self.run.carve.iter().for_each(|carve| carve.end());
        self.run.top().look(|state| {
            let ended = state.carves.iter().filter(|carve| carve.child.name().starts_with(below.as_str()));
            ended.for_each(|carve| carve.end());
        });
    }

    /// Replaces the holds of parts whose runs have ended by what those spent.
    async fn settle_ended(&self) -> Result<(), Error> {
        let top = self.run.top();
        let ended: SmallVec<[_; 4]> =
            top.look(|state| state.carves.iter().filter(|carve| carve.is_ended()).cloned().collect());
        for carve in ended {
            if carve.settle(&self.enforcer).await? {
                top.note(|state| state.carves.retain(|known| !Arc::ptr_eq(known, &carve)));
            }
        }
        Ok(())
    }
}

impl Drop for RunGuard {
    fn drop(&mut self) {
        // The time it was open is posted like any usage, so that the next opening finds it.
        let now = self.enforcer.now();
        let open = i64::try_from(now.since(self.since).as_millis()).unwrap_or(i64::MAX);
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
            rank: Rank::Reported,
            note: Note::default(),
        });
    }
}
