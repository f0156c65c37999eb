//! Was a budget ever above its ceiling, and was that more than overruns explain?
//!
//! The auditor believes only what it is shown: the balances in each decision
//! and on each receipt. It resolves ceilings from the policy by itself.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use token_budget::decision::BudgetState;
use token_budget::enforcer::ReceiptLine;
use token_budget::ledger::Account;
use token_budget::time::{Period, Timestamp};
use token_budget::usage::Unit;
use token_budget::{Amount, Call, Error, Policy, Verdict};

/// What all workers' auditors share.
#[derive(Debug)]
pub(crate) struct Audit<'a> {
    policy: &'a Policy,
    payers: &'a [Call],
    /// What calls used above their holds, for each account and period.
    overruns: Mutex<HashMap<(Account, i64), Arc<AtomicI64>>>,
}

/// One budget that binds a client's calls for the time being.
#[derive(Debug)]
pub(crate) struct Watched {
    line: LineName,
    account: Account,
    period: Period,
    ceiling: i64,
    limit: Option<i64>,
    overruns: Arc<AtomicI64>,
}

/// The budgets of one client, until a window ends.
#[derive(Debug)]
pub(crate) struct Bound {
    watched: Vec<Watched>,
    valid_until: Timestamp,
}

/// A budget and one of its windows: a guardrail is a line of its own.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct LineName {
    pub(crate) budget: String,
    pub(crate) window: String,
}

/// What was seen of one line, over all its scopes and windows.
#[derive(Debug)]
pub(crate) struct LineTally {
    pub(crate) unit: Unit,
    pub(crate) limit: Option<i64>,
    pub(crate) refused: u64,
    /// The most that spent and reserved ever stood above the ceiling.
    pub(crate) excess: i64,
    /// How much of that calls explain which used more than was held for them.
    pub(crate) excess_overrun: i64,
    /// The most that they do not explain: must stay zero.
    pub(crate) unexplained: i64,
    pub(crate) overrun: i64,
    /// The latest period of each account, in which the books are read at the end.
    pub(crate) accounts: HashMap<Account, Period>,
}

/// One worker's eyes.
#[derive(Debug)]
pub(crate) struct Auditor<'a> {
    audit: &'a Audit<'a>,
    bound: Vec<Option<Arc<Bound>>>,
    pub(crate) lines: HashMap<LineName, LineTally>,
}

impl<'a> Audit<'a> {
    pub(crate) fn new(policy: &'a Policy, payers: &'a [Call]) -> Self {
        Self { policy, payers, overruns: Mutex::new(HashMap::new()) }
    }

    pub(crate) fn auditor(&'a self) -> Auditor<'a> {
        Auditor { audit: self, bound: self.payers.iter().map(|_| None).collect(), lines: HashMap::new() }
    }

    fn bind(&self, client: usize, at: Timestamp) -> Result<Bound, Error> {
        let payer = self.payers.get(client).ok_or_else(|| Error::invalid("client", "is not known"))?;
        let binding = self.policy.bind(payer, at)?;
        let mut overruns = self.overruns.lock().unwrap_or_else(PoisonError::into_inner);
        let watched = binding.terms.into_iter().map(|terms| Watched {
            line: LineName { budget: terms.account.budget().into(), window: terms.window.to_string() },
            overruns: {
                // A rolling span covers many periods; what ran over in any of them may still count.
                let period = if terms.period.span == 1 { terms.period.number } else { 0 };
                Arc::clone(overruns.entry((terms.account.clone(), period)).or_default())
            },
            ceiling: if terms.observe { i64::MAX } else { terms.enforced_ceiling() },
            limit: terms.limit,
            period: terms.period,
            account: terms.account,
        });
        Ok(Bound { watched: watched.collect(), valid_until: binding.valid_until })
    }
}

impl Auditor<'_> {
    /// The budgets that bound a client's call at that instant.
    pub(crate) fn bound(&mut self, client: usize, at: Timestamp) -> Result<Arc<Bound>, Error> {
        if let Some(bound) =
            self.bound.get(client).and_then(Option::as_ref).filter(|bound| at < bound.valid_until)
        {
            return Ok(Arc::clone(bound));
        }
        let bound = Arc::new(self.audit.bind(client, at)?);
        for watched in &bound.watched {
            let line = self.lines.entry(watched.line.clone()).or_insert_with(|| LineTally::of(watched));
            line.accounts.insert(watched.account.clone(), watched.period);
        }
        if let Some(place) = self.bound.get_mut(client) {
            *place = Some(Arc::clone(&bound));
        }
        Ok(bound)
    }

    /// Looks at a decision: balances just before the call, and what it asked for.
    pub(crate) fn decided(&mut self, bound: &Bound, budgets: &[BudgetState], admitted: bool) {
        for (watched, state) in bound.watched.iter().zip(budgets) {
            let asked = if admitted { state.requested } else { 0 };
            let used = state.spent.saturating_add(state.reserved).saturating_add(asked);
            self.saw(watched, used);
            if !admitted && state.verdict >= Verdict::Degrade && !state.observe {
                self.line(&watched.line, |line| line.refused = line.refused.saturating_add(1));
            }
        }
    }

    /// Notes what a call used above its holds, before the ledger is told: nobody shall see it unexplained.
    pub(crate) fn will_reconcile(&mut self, bound: &Bound, held: &[i64], used: &Amount) -> Result<(), Error> {
        for (watched, held) in bound.watched.iter().zip(held) {
            let overrun = used.of(watched.account.unit())?.saturating_sub(*held).max(0);
            if overrun > 0 {
                watched.overruns.fetch_add(overrun, Ordering::SeqCst);
                self.line(&watched.line, |line| line.overrun = line.overrun.saturating_add(overrun));
            }
        }
        Ok(())
    }

    /// Looks at a receipt: balances just after the call.
    pub(crate) fn reconciled(&mut self, bound: &Bound, receipt: &[ReceiptLine]) {
        for (watched, line) in bound.watched.iter().zip(receipt) {
            self.saw(watched, line.spent.saturating_add(line.reserved));
        }
    }

    fn saw(&mut self, watched: &Watched, used: i64) {
        let excess = used.saturating_sub(watched.ceiling).max(0);
        if excess == 0 {
            return;
        }
        let explained = watched.overruns.load(Ordering::SeqCst).min(excess);
        self.line(&watched.line, |line| {
            line.unexplained = line.unexplained.max(excess.saturating_sub(explained));
            if excess > line.excess {
                (line.excess, line.excess_overrun) = (excess, explained);
            }
        });
    }

    fn line(&mut self, name: &LineName, note: impl FnOnce(&mut LineTally)) {
        if let Some(line) = self.lines.get_mut(name) {
            note(line);
        }
    }
}

impl LineTally {
    fn of(watched: &Watched) -> Self {
        Self {
            unit: watched.account.unit().clone(),
            limit: watched.limit,
            refused: 0,
            excess: 0,
            excess_overrun: 0,
            unexplained: 0,
            overrun: 0,
            accounts: HashMap::new(),
        }
    }

    /// Adds what another worker saw.
    pub(crate) fn merge(&mut self, other: Self) {
        self.refused = self.refused.saturating_add(other.refused);
        self.overrun = self.overrun.saturating_add(other.overrun);
        self.unexplained = self.unexplained.max(other.unexplained);
        if other.excess > self.excess {
            (self.excess, self.excess_overrun) = (other.excess, other.excess_overrun);
        }
        for (account, period) in other.accounts {
            let latest = self.accounts.entry(account).or_insert(period);
            if period.number > latest.number {
                *latest = period;
            }
        }
    }
}
