//! May these tools be called?
//!
//! A model asks for several tools at once. Either all of them may run, or none does and the refusal says which would fit, taken in
//! order: of `[search, fetch, search, search]` with two searches allowed, `[search, fetch, search]`.
//!
//! Their hold differs from a call's in what its age means: a batch may wait for a person for an hour, and its room must not be
//! given away. So expiry charges it, and dropping it later withdraws that charge.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use super::guard::RunGuard;
use super::limits::{BELOW, TOOL, TOOLS, check_tool, line, signed};
use super::opened::Opened;
use super::post::{Amounts, OwnHold, amounts, bind, hold_briefly};
use super::refuse::{observed, refusal, unasked};
use crate::ledger::{Answer, Note, OnExpiry, Outcome};
use crate::values::{Account, Balance, Binding, ShortText, Unit};
use crate::{Amount, Decision, Error, ErrorKind};

/// How many tools of a run are counted by name, beside those with a limit of their own.
const NAMES_MAX: usize = 64;

/// How often lines may turn out stale before the clocks are called unusable.
const STALE_MAX: usize = 100;

/// What became of asking for a batch of tool calls.
#[derive(Debug)]
#[must_use = "dropping an admission gives the calls back"]
pub enum ToolAdmission {
    /// All of them are held.
    Admitted(ToolReservation),
    /// At least one limit refuses; nothing is held.
    Refused(Box<ToolRefusal>),
}

/// A batch of tool calls that may run. Dropping it gives them back.
///
/// It may wait for a person: its room stays taken. Past the age at which holds
/// end, five minutes unless set otherwise, the calls are counted until it is
/// dropped, and for good where its process is gone: they may have run.
#[must_use = "dropping it gives the calls back"]
pub struct ToolReservation {
    held: OwnHold,
    amounts: Amounts,
    batch: Vec<ShortText>,
}

impl fmt::Debug for ToolReservation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ToolReservation({} calls)", self.batch.len())
    }
}

/// Why a batch of tool calls may not run as a whole.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct ToolRefusal {
    /// The whole answer, with the lines that refuse.
    pub decision: Box<Decision>,
    /// Which of the batch would fit, in its order: a second reserve for these takes what fits.
    pub fits: Vec<ShortText>,
}

impl ToolAdmission {
    /// The reservation, or the refusal as an error.
    ///
    /// # Errors
    /// The refusal, where a limit refuses.
    pub fn or_refusal(self) -> Result<ToolReservation, Box<ToolRefusal>> {
        match self {
            Self::Admitted(reservation) => Ok(reservation),
            Self::Refused(refusal) => Err(refusal),
        }
    }
}

impl ToolReservation {
    /// The calls that may run.
    #[must_use]
    pub fn batch(&self) -> &[ShortText] {
        &self.batch
    }

    /// Counts the calls: from here on they stand, also where they fail.
    pub fn start(self) {
        self.held.charge(self.amounts, Note::default());
    }
}

impl fmt::Display for ToolRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.decision)?;
        if self.fits.is_empty() { Ok(()) } else { write!(f, "; would fit: {}", self.fits.join(", ")) }
    }
}

impl std::error::Error for ToolRefusal {}

impl RunGuard {
    /// Holds a batch of tool calls before they run: all of them, or none, in one command to the ledger.
    ///
    /// They count in the run's limits for each tool and for all together, in those of every run above, also of
    /// one that gave this run a part of its own, and in the policy's budgets that count tool calls. Names come
    /// from models, so that only the first 64 without a limit are counted by name; all count in the total.
    ///
    /// # Errors
    /// `Invalid` for a name that cannot be used, `LedgerUnavailable` when the ledger cannot be reached.
    /// A batch without room is an answer, not an error: see [`ToolRefusal`].
    ///
    /// # Example: a batch as a whole, or what fits
    /// ```
    /// use token_budget::{Enforcer, RunGuard};
    ///
    /// let enforcer = Enforcer::builder().build();
    /// let run = RunGuard::builder("run-42").tool("search", 2).open(&enforcer).wait()?;
    ///
    /// let refused = run.tools(["search", "fetch", "search", "search"]).wait()?.or_refusal().unwrap_err();
    /// assert_eq!(refused.fits, ["search", "fetch", "search"]);
    /// assert!(refused.to_string().contains("0 of 2 calls of search used, call needs 3"), "{refused}");
    ///
    /// run.tools(refused.fits).wait()?.or_refusal()?.start();
    /// assert_eq!(run.report().wait()?.tools["search"], 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn tools<N: Into<ShortText>>(&self, batch: impl IntoIterator<Item = N>) -> Answer<'_, ToolAdmission> {
        let batch: Vec<ShortText> = batch.into_iter().map(Into::into).collect();
        Answer::walk(self.hold_tools(batch))
    }

    async fn hold_tools(&self, batch: Vec<ShortText>) -> Result<ToolAdmission, Error> {
        batch.iter().try_for_each(|name| check_tool(name))?;
        let core = self.enforcer.core();
        let asked = Amount { tool_calls: counts(&batch), ..Amount::default() };
        for _ in 0..STALE_MAX {
            let binding = Arc::new(self.tool_lines(&asked)?);
            let now = core.now();
            if let Some(late) = self.seat().out_of_time(now) {
                let decision = unasked(core, &binding, late, now);
                return Ok(ToolAdmission::Refused(Box::new(ToolRefusal { decision, fits: Vec::new() })));
            }
            let calls = |account: &Account| asked.of(account.unit()).unwrap_or(i64::MAX);
            let amounts = amounts(&binding, calls);
            // However long a person thinks, nobody else gets the room: with age the calls are counted, and a
            // drop withdraws that.
            match hold_briefly(core, &binding, &amounts, OnExpiry::Hold).await? {
                (reply, Some(held)) => {
                    observed(core, held.id(), &binding, &amounts, &reply);
                    core.tell_effects(&binding, reply.effects);
                    return Ok(ToolAdmission::Admitted(ToolReservation { held, amounts, batch }));
                }
                (reply, None) if reply.outcome == Outcome::Stale => {}
                (reply, None) => {
                    let mut fits = fitting(&binding, &reply.balances, batch);
                    let decision = refusal(core, &binding, amounts, reply);
                    if !decision.frozen.is_empty() {
                        self.seat().learn_marks().await?;
                        fits.clear();
                    }
                    return Ok(ToolAdmission::Refused(Box::new(ToolRefusal { decision, fits })));
                }
            }
        }
        Err(Error::new(ErrorKind::LedgerUnavailable, "the ledger's clock runs outside every window"))
    }

    /// The lines of the run, of those above, and of the policy that count any of these calls.
    fn tool_lines(&self, asked: &Amount) -> Result<Binding, Error> {
        let mut lines = Vec::new();
        for (place, run) in self.run.chain().enumerate() {
            lines.push(run.line(TOOLS, Unit::ToolCalls, run.limits.tool_calls.map(signed)));
            if place > 0 {
                lines.push(line(BELOW, run.scope(), Unit::ToolCalls, None));
            }
            for (name, _) in &asked.tool_calls {
                let limit = run.limits.tools.get(name).copied().map(signed);
                let counted = limit.is_some() || run.live.note(|facts| is_counted(&mut facts.tools, name));
                let named = counted.then(|| run.line(TOOL, Unit::Tool(name.clone()), limit));
                lines.extend(named);
            }
        }
        let call = self.run.charged(self.run.charge.clone());
        let counts_calls = |unit: &Unit| match unit {
            Unit::ToolCalls => true,
            Unit::Tool(name) => asked.tool_calls.iter().any(|(asked, _)| asked == name),
            _ => false,
        };
        let mut binding = bind(&self.enforcer, &call, lines, |bound| counts_calls(bound.account.unit()))?;
        binding.model = "tool calls".into();
        Ok(binding)
    }
}

/// Whether that tool is counted by name: the first of them are, so that a model cannot invent names without end.
fn is_counted(names: &mut BTreeSet<ShortText>, name: &ShortText) -> bool {
    names.contains(name) || (names.len() < NAMES_MAX && names.insert(name.clone()))
}

/// How often each tool is called, by name.
fn counts(batch: &[ShortText]) -> Vec<(ShortText, u64)> {
    let mut counts: BTreeMap<&ShortText, u64> = BTreeMap::new();
    for name in batch {
        let count = counts.entry(name).or_default();
        *count = count.saturating_add(1);
    }
    counts.into_iter().map(|(name, count)| (name.clone(), count)).collect()
}

/// The calls that fit one after the other, each in all of its lines.
fn fitting(binding: &Binding, balances: &[Balance], batch: Vec<ShortText>) -> Vec<ShortText> {
    let lines = binding.claim.lines().iter().zip(balances);
    let mut rooms: Vec<(&Unit, i64)> = lines
        .map(|(line, balance)| (line.account.unit(), line.ceiling.saturating_sub(balance.used())))
        .collect();
    let mut fits = Vec::new();
    for name in batch {
        let is_its = |unit: &Unit| match unit {
            Unit::Tool(tool) => *tool == name,
            _ => true,
        };
        let mut its = rooms.iter_mut().filter(|(unit, _)| is_its(unit));
        if its.all(|(_, room)| *room >= 1) {
            let its = rooms.iter_mut().filter(|(unit, _)| is_its(unit));
            its.for_each(|(_, room)| *room = room.saturating_sub(1));
            fits.push(name);
        }
    }
    fits
}

/// The lines of tools that a report wants: those with a limit, and those that were called.
pub(super) fn named(run: &Opened) -> Vec<ShortText> {
    let mut names: Vec<ShortText> = run.limits.tools.keys().cloned().collect();
    run.live.look(|facts| names.extend(facts.tools.iter().cloned()));
    names.sort_unstable();
    names.dedup();
    names
}
