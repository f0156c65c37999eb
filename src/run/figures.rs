//! What do the books say of a run?
//!
//! All lines of a run are read in one trip, and asked for by scope, name and unit afterwards. A line that was never counted
//! is zero, so nobody has to know which lines exist.
//!
//! Nothing is held for a reading, so it needs no claim, which carries 255 lines: a run with 19 runs below it has more. It goes in
//! parts instead. Each run is read whole in one of them, so that its own figures are of one instant; those of another run may be
//! of a moment later.

use std::collections::HashMap;
use std::sync::Arc;

use super::limits::{
    BELOW, CHILDREN, GIVEN, GRANTED, ITERATIONS, KNOWN, TIME, TOKENS, TOOL, TOOLS, USD, line,
};
use super::opened::Opened;
use super::post::read;
use crate::engine::Core;
use crate::policy::{Budget, Selector, is_run_line};
use crate::values::{Account, Balance, ScopeKind, ShortText, Unit};
use crate::{Call, Enforcer, Error, Scope};

/// How many lines are read at once, unless one run alone has more: as many as a claim carries, which every ledger takes.
const LINES_AT_ONCE: usize = 255;

/// Balances of runs' own lines, by run.
#[derive(Debug, Default)]
pub(super) struct LineBalances(HashMap<Scope, Vec<(Account, Balance)>>);

impl LineBalances {
    /// Reads everything that is kept of these runs, and the calls of these tools.
    pub(super) async fn read(
        enforcer: &Enforcer,
        opened: &Opened,
        scopes: &[Scope],
        tools: &[ShortText],
    ) -> Result<Self, Error> {
        let lines = scopes.iter().flat_map(|scope| lines(scope, tools)).collect();
        Self::read_lines(enforcer, opened, lines).await
    }

    /// Reads these lines, of whichever runs, in the books of that run's organisation.
    pub(super) async fn read_lines(
        enforcer: &Enforcer,
        opened: &Opened,
        lines: Vec<Budget>,
    ) -> Result<Self, Error> {
        Self::of(enforcer.core(), &opened.call_for([]), lines).await
    }

    /// Reads these lines in the books of the organisation that the call names. Lines of one run stand together.
    pub(super) async fn of(core: &Core, call: &Call, lines: Vec<Budget>) -> Result<Self, Error> {
        lines.iter().try_for_each(Budget::check)?;
        let lines: Vec<Arc<Budget>> = lines.into_iter().map(Arc::new).collect();
        let mut all = Self::default();
        let mut part = Vec::new();
        for of_run in lines.chunk_by(|one, next| one.selector == next.selector) {
            if part.len().saturating_add(of_run.len()) > LINES_AT_ONCE {
                all.read_part(core, call, &std::mem::take(&mut part)).await?;
            }
            part.extend_from_slice(of_run);
        }
        all.read_part(core, call, &part).await?;
        Ok(all)
    }

    async fn read_part(&mut self, core: &Core, call: &Call, lines: &[Arc<Budget>]) -> Result<(), Error> {
        let organization = call.scopes().iter().filter(|scope| scope.kind() == &ScopeKind::Organization);
        let runs = lines.iter().filter_map(|line| match &line.selector {
            Selector::Scope(run) => Some(run),
            Selector::Each(_) => None,
        });
        let call = organization.chain(runs).cloned().fold(Call::new("-"), Call::scope);
        let mut terms = core.policy().terms_with(&call, lines, Some(&core.prices()), core.now())?;
        terms.retain(|bound| is_run_line(bound.account.budget()));
        let balances = read(core, &terms).await?;
        for (bound, balance) in terms.into_iter().zip(balances) {
            let scope = bound.account.scope().clone();
            self.0.entry(scope).or_default().push((bound.account, balance));
        }
        Ok(())
    }

    /// The balance of one line; zero where it was never counted.
    pub(super) fn get(&self, scope: &Scope, id: &str, unit: &Unit) -> Balance {
        let found = self.of_run(scope).find(|(account, _)| account.budget() == id && account.unit() == unit);
        found.map(|(_, balance)| *balance).unwrap_or_default()
    }

    /// Whether anything but its birth below a parent was ever counted for the run.
    pub(super) fn knows_more_than_its_birth(&self, scope: &Scope) -> bool {
        let its = self.of_run(scope).filter(|(account, _)| !matches!(account.budget(), KNOWN | GIVEN));
        its.map(|(_, balance)| balance).any(|balance| *balance != Balance::default())
    }

    fn of_run(&self, scope: &Scope) -> impl Iterator<Item = &(Account, Balance)> {
        self.0.get(scope).into_iter().flatten()
    }
}

/// Everything that is kept of a run: its own figures, and how it was begun below another.
fn lines(scope: &Scope, tools: &[ShortText]) -> Vec<Budget> {
    let birth = [(GIVEN, Unit::Usd), (KNOWN, Unit::Requests)];
    own_lines(tools).into_iter().chain(birth).map(|(id, unit)| line(id, scope, unit, None)).collect()
}

/// Every line whose figure is a run's own to keep.
pub(super) fn own_lines(tools: &[ShortText]) -> Vec<(&'static str, Unit)> {
    let plain = [
        (USD, Unit::Usd),
        (TOKENS, Unit::Tokens),
        (ITERATIONS, Unit::Iterations),
        (TOOLS, Unit::ToolCalls),
        (CHILDREN, Unit::Children),
        (TIME, Unit::TimeMs),
        (BELOW, Unit::Usd),
        (BELOW, Unit::Tokens),
        (BELOW, Unit::Iterations),
        (BELOW, Unit::ToolCalls),
        (GRANTED, Unit::Usd),
    ];
    plain.into_iter().chain(tools.iter().map(|name| (TOOL, Unit::Tool(name.clone())))).collect()
}
