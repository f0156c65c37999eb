//! How does a run outlive a ledger that does not?
//!
//! A saved state is the run's figures, line by line, and its mark. Restoring is one hold of all figures that is charged at once,
//! under a ceiling of one on a line `RESTORED`: of two who restore at once one is refused, so nothing counts twice. The mark goes
//! first, because a run whose figures are there is known, and nobody would stop it again.
//!
//! With durable books none of this is needed: open the run by its id.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::figures::{Figures, own_lines};
use super::limits::{BELOW, GIVEN, GRANTED, ITERATIONS, KNOWN, TIME, TOKENS, USD, View, line};
use super::opened::Opened;
use super::post::{self, HoldTerms, amounts, bind, under};
use super::written::{self, OPENED, is_written};
use super::written_names::WrittenNames;
use super::{RunGuard, tools};
use crate::ledger::{Answer, Attribution, Certainty, FrozenScope, MarkAction, Note, Reconcile};
use crate::policy::is_run_line;
use crate::values::{Account, ReservationId, ShortText, Unit};
use crate::{Enforcer, Error, Scope};

/// The form in which states are written.
const VERSION: u32 = 1;

/// Whether a state was put on the books before.
const RESTORED: &str = "run restored";

/// What a run's books say, to be put on the books of another ledger.
///
/// It serves only where the ledger is gone with its process. Calls in flight
/// are saved as if they were charged what they hold, because they were sent
/// and nobody will hear of them. Parts held for runs below are not saved: each
/// run below saves itself, and is given its part again when it is opened.
///
/// # Example: a run goes on in another process
/// ```
/// use token_budget::run::RunState;
/// use token_budget::{Call, Enforcer, RunGuard, Usage, Usd};
///
/// let (before, after) = (Enforcer::builder().build(), Enforcer::builder().build());
/// let builder = || RunGuard::builder("run-42").usd(Usd::dollars(1));
/// let run = builder().open(&before).wait()?;
/// let call = Call::new("gpt-4o").input_tokens(0).output_tokens(10_000); // ten cents
/// run.reserve(&call).wait()?.or_refusal()?.send().reconcile(Usage::of(0, 10_000)).wait()?;
/// let saved = serde_json::to_string(&run.save().wait()?)?;
///
/// let state: RunState = serde_json::from_str(&saved)?;
/// let run = builder().resume(state.clone()).open(&after).wait()?;
/// assert_eq!(run.report().wait()?.spent_usd, Usd::cents(10));
/// // The ledger knows it by now, and knows better: nothing counts twice.
/// let again = builder().resume(state).open(&after).wait()?;
/// assert!(run.was_restored() && !again.was_restored());
/// assert_eq!(again.report().wait()?.spent_usd, Usd::cents(10));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunState {
    version: u32,
    run: ShortText,
    /// What each of its lines counts.
    lines: Vec<StateLine>,
    /// How it was stopped, closed or frozen.
    mark: Option<(MarkAction, Attribution)>,
    pub(super) attached: BTreeMap<ShortText, Value>,
}

/// One line of the books.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StateLine {
    line: ShortText,
    unit: Unit,
    figure: i64,
}

impl RunState {
    /// The id of the run that was saved.
    #[must_use]
    pub fn run(&self) -> &str {
        &self.run
    }

    /// Puts it on the books of a ledger that does not know the run; says whether it did.
    pub(super) async fn restore(&self, enforcer: &Enforcer, run: &Opened) -> Result<bool, Error> {
        self.check(run.scope())?;
        let scope = run.scope();
        if enforcer.undelivered() > 0 {
            // What an attempt that broke off gives back must not be taken for figures.
            enforcer.flush().await?;
        }
        let tools: Vec<ShortText> =
            self.lines.iter().filter(|saved| !is_written(&saved.line)).filter_map(tool).collect();
        let figures = Figures::read(enforcer, run, std::slice::from_ref(scope), &tools).await?;
        let core = enforcer.core();
        let marks = core.ledger.marks(&run.tenant, std::slice::from_ref(scope)).await?;
        // A mark like the saved one may be what an attempt that broke off has left.
        let is_ours = |mark: &FrozenScope| self.mark == Some((mark.action, mark.attribution.clone()));
        if figures.knows_more_than_its_birth(scope) || !marks.iter().all(is_ours) {
            return Ok(false);
        }
        // The mark goes first: once the figures are there, the run is known, and nobody would stop it again.
        if let Some((action, attribution)) = &self.mark {
            enforcer.mark(run.charge.organization_name(), scope, *action, attribution).await?;
        }
        run.level.note(|state| state.tools.extend(tools));
        // Its limits are named, so that levels which had fired do not fire again.
        let granted = self.lines.iter().find(|saved| saved.line == GRANTED).map_or(0, |saved| saved.figure);
        let mut lines = run.limits.lines(scope, granted, View { is_final: true, ..View::default() });
        let known = [USD, TOKENS, ITERATIONS];
        // What it was opened with stands already where the ledger knows that much of it.
        let birth = vec![line(OPENED, scope, Unit::Requests, None)];
        let birth = Figures::read_lines(enforcer, run, std::slice::from_ref(scope), birth).await?;
        let was_opened = birth.get(scope, OPENED, &Unit::Requests).used() > 0;
        let others = self.lines.iter().filter(|saved| !known.contains(&saved.line.as_str()));
        let others = others.filter(|saved| !(was_opened && is_written(&saved.line)));
        let limited: Vec<ShortText> =
            self.lines.iter().filter(|saved| is_written(&saved.line)).filter_map(tool).collect();
        WrittenNames::of(&limited).write(enforcer, run).await?;
        lines.extend(others.map(|saved| line(&saved.line, scope, saved.unit.clone(), None)));
        lines.push(line(RESTORED, scope, Unit::Requests, None));
        let call = run.call_for([scope.clone()]);
        let binding = bind(enforcer, &call, lines, |bound| is_run_line(bound.account.budget()))?;
        // Two who restore the same run at once meet on this line, and one is refused.
        let once = |account: &Account| match account.budget() {
            RESTORED | OPENED => 1,
            _ => i64::MAX,
        };
        let claim = under(&binding, &[], once)?;
        let asked =
            amounts(&claim, |account| if account.budget() == RESTORED { 1 } else { self.figure(account) });
        let now = core.now();
        let terms = HoldTerms { expires_at: now + core.hold_grace, charged: false };
        let (_, held) = post::hold(core, ReservationId::generate(now), &claim, &asked, terms).await?;
        let Some(held) = held else { return Ok(false) };
        let note = &Note::default();
        let command = Reconcile {
            id: held.id(),
            claim: &claim.claim,
            amounts: &asked,
            certainty: Certainty::Reported,
            note,
            now: None,
        };
        // Whatever levels this crosses were told when they were first reached.
        core.reconcile(now, command).await?;
        held.keep();
        Ok(true)
    }

    fn check(&self, scope: &Scope) -> Result<(), Error> {
        let problem = if self.version != VERSION {
            Some("is of an unknown version")
        } else if self.run != scope.name() {
            Some("is of another run")
        } else if self.lines.iter().any(|line| line.figure < 0 || !is_run_line(&line.line)) {
            Some("has a line that no run has")
        } else {
            None
        };
        problem.map_or(Ok(()), |problem| Err(Error::invalid("run state", problem)))
    }

    fn figure(&self, account: &Account) -> i64 {
        let is_it = |line: &&StateLine| line.line == account.budget() && line.unit == *account.unit();
        self.lines.iter().find(is_it).map_or(0, |line| line.figure)
    }
}

impl RunGuard {
    /// Writes down what the books say of the run, for a ledger that does not outlive the process.
    ///
    /// # Errors
    /// `LedgerUnavailable` when the ledger cannot be reached.
    pub fn save(&self) -> Answer<'_, RunState> {
        Answer::walk(async move {
            self.seat().catch_up().await?;
            let (run, scope) = (&*self.run, self.scope());
            let tools = tools::named(run);
            let figures = Figures::read(&self.enforcer, run, std::slice::from_ref(scope), &tools).await?;
            let open = self.enforcer.now().since(self.since);
            let given = self.held_for_parts().await?;
            let mut lines: Vec<StateLine> = Vec::new();
            let written: Vec<_> =
                written::lines().into_iter().chain(tools.iter().map(written::tool_line)).collect();
            let of_opening = written.iter().map(|(id, unit)| line(id, scope, unit.clone(), None)).collect();
            let opened =
                Figures::read_lines(&self.enforcer, run, std::slice::from_ref(scope), of_opening).await?;
            for (id, unit) in own_lines(&tools).into_iter().chain(written) {
                let from = if is_written(id) { &opened } else { &figures };
                let balance = from.get(scope, id, &unit);
                let parts =
                    given.iter().filter(|(carved, _)| *carved == unit && matches!(id, USD | TOKENS | BELOW));
                let parts = parts.fold(0_i64, |sum, (_, part)| sum.saturating_add(*part));
                let open = if id == TIME { milliseconds(open) } else { 0 };
                let figure = balance.used().saturating_sub(parts).saturating_add(open).max(0);
                if figure > 0 {
                    lines.push(StateLine { line: id.into(), unit, figure });
                }
            }
            let mark = run.level.mark().map(|mark| (mark.action, mark.attribution));
            let attached = self.attached.lock().clone();
            Ok(RunState { version: VERSION, run: self.id().into(), lines, mark, attached })
        })
    }

    /// What stands on this run's lines for parts of runs below: those have books of their own.
    async fn held_for_parts(&self) -> Result<Vec<(Unit, i64)>, Error> {
        let below = ShortText::of(format_args!("{}/", self.id()));
        let carves = self.run.top().look(|state| state.carves.clone());
        let mut held = Vec::new();
        for carve in carves.iter().filter(|carve| carve.child.name().starts_with(below.as_str())) {
            held.push((carve.unit.clone(), carve.still_held(&self.enforcer).await?));
        }
        Ok(held)
    }
}

fn tool(line: &StateLine) -> Option<ShortText> {
    match &line.unit {
        Unit::Tool(name) => Some(name.clone()),
        _ => None,
    }
}

fn milliseconds(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}

impl Figures {
    /// Whether anything but its birth below a parent was ever counted for the run.
    fn knows_more_than_its_birth(&self, scope: &Scope) -> bool {
        self.knows(scope, |id| !matches!(id, KNOWN | GIVEN))
    }
}
