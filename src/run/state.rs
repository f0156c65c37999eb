//! How does a run outlive a ledger that does not?
//!
//! A saved state is the run's figures, line by line, and its mark. Restoring is one hold of all figures that is charged at once,
//! under a ceiling of one on a line `RESTORED`: of two who restore at once one is refused, so nothing counts twice. The mark goes
//! first, because a run whose figures are there is known, and nobody would stop it again.
//!
//! The policy's budgets have books of their own, which are not in the state. They are named in it: a run that was saved under a
//! limit of $5 for its team and is put under one of $50 goes on under rules that nobody chose for it, so that is an error.
//!
//! With durable books none of this is needed: open the run by its id.

use super::figures::{LineBalances, own_lines};
use super::guard::RunGuard;
use super::limits::{BELOW, GRANTED, ITERATIONS, LimitView, TIME, TOKENS, USD, line, milliseconds};
use super::opened::Opened;
use super::post::{amounts, bind_own, hold_briefly, under};
use super::saved::{RunState, StateLine};
use super::tools;
use super::written_names::WrittenNames;
use super::written_words::{self, OPENED, is_written, scope_text};
use crate::ledger::{Answer, Certainty, FrozenScope, Note, OnExpiry, Reconcile};
use crate::policy::is_run_line;
use crate::values::{Account, Binding, ShortText, Terms, Unit};
use crate::{Enforcer, Error, ErrorKind, Scope};

/// Whether a state was put on the books before.
const RESTORED: &str = "run restored";

impl RunState {
    /// Puts it on the books of a ledger that does not know the run; says whether it did.
    pub(super) async fn restore(&self, enforcer: &Enforcer, run: &Opened) -> Result<bool, Error> {
        self.check(run.scope())?;
        let scope = run.scope();
        if enforcer.undelivered() > 0 {
            // What an attempt that broke off gives back must not be taken for figures.
            enforcer.flush().await?;
        }
        let counted = self.lines.iter().filter(|saved| !is_written(&saved.line));
        let tools: Vec<ShortText> = counted.filter_map(tool).collect();
        let figures = LineBalances::read(enforcer, run, std::slice::from_ref(scope), &tools).await?;
        let core = enforcer.core();
        let marks = core.ledger.marks(&run.tenant, std::slice::from_ref(scope)).await?;
        // A mark like the saved one may be what an attempt that broke off has left.
        let is_ours = |mark: &FrozenScope| self.mark == Some((mark.action, mark.attribution.clone()));
        if figures.knows_more_than_its_birth(scope) || !marks.iter().all(is_ours) {
            return Ok(false);
        }
        self.check_policy(enforcer, run)?;
        // The mark goes first: once the figures are there, the run is known, and nobody would stop it again.
        if let Some((action, attribution)) = &self.mark {
            enforcer.mark(run.charge.organization_name(), scope, *action, attribution).await?;
        }
        run.live.note(|facts| facts.tools.extend(tools));
        let limited: Vec<ShortText> =
            self.lines.iter().filter(|saved| is_written(&saved.line)).filter_map(tool).collect();
        WrittenNames::of(&limited).write(enforcer, run).await?;
        let binding = self.bind(enforcer, run).await?;
        // Two who restore the same run at once meet on this line, and one is refused.
        let claim = under(&binding, &[], |line| match line.account.budget() {
            RESTORED | OPENED => 1,
            _ => i64::MAX,
        })?;
        let asked =
            amounts(&claim, |account| if account.budget() == RESTORED { 1 } else { self.figure(account) });
        let (_, held) = hold_briefly(core, &claim, &asked, OnExpiry::Nothing).await?;
        let Some(held) = held else { return Ok(false) };
        let (claim, amounts, certainty) = (&claim.claim, &asked, Certainty::Reported);
        let (id, note) = (held.id(), &Note::default());
        let command = Reconcile { id, claim, amounts, certainty, attribution: None, note, now: None };
        // Whatever thresholds this crosses were told when they were first reached.
        core.reconcile(core.now(), command).await?;
        held.keep();
        Ok(true)
    }

    /// The lines on which its figures are put, with the one that tells a run that was restored.
    async fn bind(&self, enforcer: &Enforcer, run: &Opened) -> Result<Binding, Error> {
        let scope = run.scope();
        // Its limits are named, so that thresholds which had fired do not fire again.
        let granted = self.lines.iter().find(|saved| saved.line == GRANTED).map_or(0, |saved| saved.figure);
        let mut lines =
            run.limits.lines(scope, granted, LimitView { is_final: true, ..LimitView::default() });
        // What it was opened with stands already where the ledger knows that much of it.
        let opened = vec![line(OPENED, scope, Unit::Requests, None)];
        let opened = LineBalances::read_lines(enforcer, run, opened).await?;
        let was_opened = opened.get(scope, OPENED, &Unit::Requests).used() > 0;
        let is_new = |saved: &&StateLine| {
            let is_limited = [USD, TOKENS, ITERATIONS].contains(&saved.line.as_str());
            let stands = was_opened && is_written(&saved.line);
            !is_limited && !stands
        };
        let others = self.lines.iter().filter(is_new);
        lines.extend(others.map(|saved| line(&saved.line, scope, saved.unit.clone(), None)));
        lines.push(line(RESTORED, scope, Unit::Requests, None));
        bind_own(enforcer, &run.call_for([scope.clone()]), lines)
    }

    fn check(&self, scope: &Scope) -> Result<(), Error> {
        let problem = if self.run != scope.name() {
            Some("is of another run")
        } else if self.lines.iter().any(|line| line.figure < 0 || !is_run_line(&line.line)) {
            Some("has a line that no run has")
        } else {
            None
        };
        problem.map_or(Ok(()), |problem| Err(Error::invalid("run state", problem)))
    }

    /// Refuses to go on under other budgets than those that the run was saved under.
    fn check_policy(&self, enforcer: &Enforcer, run: &Opened) -> Result<(), Error> {
        let here = policy_lines(enforcer, run)?;
        let lost = self.policy.iter().find(|line| !here.contains(line));
        let new = here.iter().find(|line| !self.policy.contains(line));
        let (line, problem) = match (lost, new) {
            (None, None) => return Ok(()),
            (Some(lost), _) => (lost, "it was saved under a budget that does not bind it here"),
            (None, Some(new)) => (new, "it was saved without a budget that binds it here"),
        };
        let text = format!(
            "{}: {problem}: {line}; resume it under the policy and with the payers that it was saved with, or open it anew",
            scope_text(run.scope())
        );
        Err(Error::new(ErrorKind::Conflict, text))
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
            let figures =
                LineBalances::read(&self.enforcer, run, std::slice::from_ref(scope), &tools).await?;
            let open = self.enforcer.now().since(self.since);
            let given = self.held_for_parts().await?;
            let mut lines: Vec<StateLine> = Vec::new();
            let written: Vec<_> = written_words::lines()
                .into_iter()
                .chain(tools.iter().map(written_words::tool_line))
                .collect();
            let of_opening = written.iter().map(|(id, unit)| line(id, scope, unit.clone(), None)).collect();
            let opened = LineBalances::read_lines(&self.enforcer, run, of_opening).await?;
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
            let mark = run.live.mark().map(|mark| (mark.action, mark.attribution));
            let attached = self.attached.lock().clone();
            let policy = policy_lines(&self.enforcer, run)?;
            Ok(RunState { run: self.id().into(), lines, mark, policy, attached })
        })
    }

    /// What stands on this run's lines for parts of runs below: those have books of their own.
    async fn held_for_parts(&self) -> Result<Vec<(Unit, i64)>, Error> {
        let below = ShortText::of(format_args!("{}/", self.id()));
        let carves = self.run.top().look(|facts| facts.carves.clone());
        let mut held = Vec::new();
        for carve in carves.iter().filter(|carve| carve.child.name().starts_with(below.as_str())) {
            held.push((carve.unit.clone(), carve.still_held(self.enforcer.core()).await?));
        }
        Ok(held)
    }
}

/// The policy's budgets that bind the run and whom it charges, whatever calls they select, without what an exemption adds.
fn policy_lines(enforcer: &Enforcer, run: &Opened) -> Result<Vec<ShortText>, Error> {
    let payers = run.charged(run.charge.clone());
    let terms = enforcer.policy().bind_payers(&payers, &[], enforcer.now())?;
    let text = |bound: &Terms| {
        let unit = bound.account.unit();
        let limit = bound.limit.map(|limit| unit.show(limit.saturating_sub(bound.raised)));
        let limit = limit.unwrap_or_else(|| "no limit".into());
        let observes = if bound.observe { ", observed" } else { "" };
        ShortText::of(format_args!("{}: {limit}{observes}", bound.account))
    };
    Ok(terms.iter().map(text).collect())
}

fn tool(line: &StateLine) -> Option<ShortText> {
    match &line.unit {
        Unit::Tool(name) => Some(name.clone()),
        _ => None,
    }
}
