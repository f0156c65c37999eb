//! What do the books say of a run?
//!
//! All lines of a run are read in one trip, and asked for by scope, name and unit afterwards. A line that was never counted
//! is zero, so nobody has to know which lines exist.

use super::limits::{
    BELOW, CHILDREN, GIVEN, GRANTED, ITERATIONS, KNOWN, TIME, TOKENS, TOOL, TOOLS, USD, line,
};
use super::opened::Opened;
use super::post::{bind, read};
use crate::policy::{Budget, is_run_line};
use crate::values::{Account, Balance, ShortText, Unit};
use crate::{Enforcer, Error, Scope};

/// Balances of runs' own lines, as they stood at one reading.
#[derive(Debug)]
pub(super) struct Figures(Vec<(Account, Balance)>);

impl Figures {
    /// Reads everything that is kept of these runs, and the calls of these tools.
    pub(super) async fn read(
        enforcer: &Enforcer,
        opened: &Opened,
        scopes: &[Scope],
        tools: &[ShortText],
    ) -> Result<Self, Error> {
        let lines = scopes.iter().flat_map(|scope| lines(scope, tools)).collect();
        Self::read_lines(enforcer, opened, scopes, lines).await
    }

    /// Reads these lines of these runs.
    pub(super) async fn read_lines(
        enforcer: &Enforcer,
        opened: &Opened,
        scopes: &[Scope],
        lines: Vec<Budget>,
    ) -> Result<Self, Error> {
        let call = opened.call_for(scopes.iter().cloned());
        let binding = bind(enforcer, &call, lines, |bound| is_run_line(bound.account.budget()))?;
        let balances = read(enforcer.core(), &binding.bound).await?;
        let accounts = binding.bound.into_iter().map(|bound| bound.account);
        Ok(Self(accounts.zip(balances).collect()))
    }

    /// The balance of one line; zero where it was never counted.
    pub(super) fn get(&self, scope: &Scope, id: &str, unit: &Unit) -> Balance {
        let is_it =
            |account: &Account| account.scope() == scope && account.budget() == id && account.unit() == unit;
        let found = self.0.iter().find(|(account, _)| is_it(account));
        found.map(|(_, balance)| *balance).unwrap_or_default()
    }

    /// Whether anything was ever counted for the run on lines that matter.
    pub(super) fn knows(&self, scope: &Scope, matters: impl Fn(&str) -> bool) -> bool {
        let mut its =
            self.0.iter().filter(|(account, _)| account.scope() == scope && matters(account.budget()));
        its.any(|(_, balance)| *balance != Balance::default())
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
