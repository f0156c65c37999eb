//! What did the replay show?

use std::error::Error;
use std::io::Write;
use std::time::Duration;

use serde_json::{Value, json};
use token_budget::ledger::Account;
use token_budget::time::Period;
use token_budget::usage::Unit;
use token_budget::{Enforcer, Usd};

use crate::arguments::Arguments;
use crate::audit::{LineName, LineTally};
use crate::policy::BOOKS;
use crate::simulate::Tally;
use crate::trace::Trace;

/// The whole outcome.
#[derive(Debug)]
pub(crate) struct Report {
    requests: usize,
    skipped: usize,
    took: Duration,
    tally: Tally,
    /// From the ledger's books, over everything.
    spent: Usd,
    reserved: Usd,
    budgets: Vec<BudgetReport>,
}

/// One budget in one of its windows, over all levels that it binds.
#[derive(Debug)]
struct BudgetReport {
    name: LineName,
    seen: LineTally,
    /// From the ledger's books, in the last window of each account.
    spent: i64,
    reserved: i64,
}

impl Report {
    /// Reads the books and sets them beside what was seen.
    pub(crate) fn new(
        trace: &Trace,
        enforcer: &Enforcer,
        mut tally: Tally,
        took: Duration,
    ) -> Result<Self, Box<dyn Error>> {
        let mut budgets = Vec::new();
        for (name, seen) in std::mem::take(&mut tally.lines) {
            let (spent, reserved) = books(enforcer, &seen)?;
            budgets.push(BudgetReport { name, seen, spent, reserved });
        }
        budgets.sort_by(|one, other| one.name.cmp(&other.name));
        let own = budgets.iter().position(|budget| budget.name.budget == BOOKS);
        let own = own.map(|place| budgets.remove(place)).ok_or("the replay's own books are missing")?;
        Ok(Self {
            requests: trace.requests.len(),
            skipped: trace.skipped,
            took,
            spent: Usd::from_nanos(own.spent),
            reserved: Usd::from_nanos(own.reserved),
            tally,
            budgets,
        })
    }

    /// Whether the books say what was billed, nothing is left held, and no excess is unexplained.
    pub(crate) fn is_right(&self) -> bool {
        self.spent == self.tally.billed
            && self.reserved == Usd::ZERO
            && self.budgets.iter().all(|budget| budget.seen.unexplained == 0)
    }

    /// Prints it for people, and as JSON where that was asked for.
    pub(crate) fn print(
        &self,
        arguments: &Arguments,
        output_tokens_max: u64,
        out: &mut impl Write,
    ) -> Result<(), Box<dyn Error>> {
        let tally = &self.tally;
        let title =
            arguments.trace.as_ref().map_or("a made-up day".into(), |path| path.display().to_string());
        writeln!(
            out,
            "{title}: {} requests, {}, at most {output_tokens_max} tokens out each",
            self.requests, arguments.model
        )?;
        if self.skipped > 0 {
            writeln!(out, "{} rows without a token were passed over", self.skipped)?;
        }
        writeln!(
            out,
            "admitted {}, of them warned {}; refused {}",
            tally.admitted, tally.warned, tally.refused
        )?;
        writeln!(out, "up to {} calls in flight, {} workers\n", tally.in_flight_max, arguments.threads)?;
        self.print_budgets(out)?;
        writeln!(out, "\nspent    ${} in the books, ${} still held", self.spent, self.reserved)?;
        writeln!(out, "billed   ${} by the provider", tally.billed)?;
        writeln!(out, "overrun  ${} used above what was held", tally.overrun)?;
        writeln!(out, "speed    {} calls a second", self.calls_per_second())?;
        writeln!(out, "{}", if self.is_right() { "The books are right." } else { "THE BOOKS ARE WRONG." })?;
        if arguments.json {
            writeln!(out, "{}", self.json())?;
        }
        Ok(())
    }

    fn print_budgets(&self, out: &mut impl Write) -> Result<(), std::io::Error> {
        writeln!(
            out,
            "{:<12} {:<8} {:>14} {:>14} {:>10} {:>9} {:>12} {:>12}",
            "budget", "window", "limit", "spent", "reserved", "refused", "excess", "of it overrun"
        )?;
        for BudgetReport { name, seen, spent, reserved } in &self.budgets {
            let limit = seen.limit.map_or("none".into(), |limit| seen.unit.show(limit));
            writeln!(
                out,
                "{:<12} {:<8} {limit:>14} {:>14} {:>10} {:>9} {:>12} {:>12}",
                name.budget,
                name.window,
                seen.unit.figure(*spent),
                seen.unit.figure(*reserved),
                seen.refused,
                seen.unit.figure(seen.excess),
                seen.unit.figure(seen.excess_overrun),
            )?;
        }
        writeln!(
            out,
            "spent and reserved: in the last window, all levels together; a limit is each level's own"
        )?;
        Ok(())
    }

    fn json(&self) -> Value {
        let tally = &self.tally;
        let dollars = |of: fn(&LineTally) -> i64| {
            let dollars = self.budgets.iter().filter(|budget| budget.seen.unit == Unit::Usd);
            Usd::from_nanos(dollars.map(|budget| of(&budget.seen)).max().unwrap_or(0))
        };
        json!({
            "requests": self.requests,
            "skipped": self.skipped,
            "admitted": tally.admitted,
            "refused": tally.refused,
            "warned": tally.warned,
            "spent_usd": self.spent,
            "reserved_usd": self.reserved,
            "billed_usd": tally.billed,
            "max_excess_usd": dollars(|line| line.excess),
            "max_excess_beyond_overrun_usd": dollars(|line| line.unexplained),
            "overrun_usd": tally.overrun,
            "in_flight_max": tally.in_flight_max,
            "calls_per_s": self.calls_per_second(),
            "budgets": self.budgets.iter().map(BudgetReport::json).collect::<Vec<_>>(),
        })
    }

    fn calls_per_second(&self) -> u128 {
        let requests = u128::try_from(self.requests).unwrap_or(0);
        requests.saturating_mul(1_000_000_000).checked_div(self.took.as_nanos()).unwrap_or(0)
    }
}

impl BudgetReport {
    /// Dollars as decimal text, counts as numbers.
    fn json(&self) -> Value {
        let unit = &self.seen.unit;
        let figure = |figure: i64| match unit {
            Unit::Usd => json!(Usd::from_nanos(figure)),
            _ => json!(figure),
        };
        json!({
            "budget": self.name.budget,
            "window": self.name.window,
            "unit": unit,
            "accounts": self.seen.accounts.len(),
            "limit": self.seen.limit.map(figure),
            "spent": figure(self.spent),
            "reserved": figure(self.reserved),
            "refused": self.seen.refused,
            "max_excess": figure(self.seen.excess),
            "max_excess_beyond_overrun": figure(self.seen.unexplained),
            "overrun": figure(self.seen.overrun),
        })
    }
}

/// What the ledger says was spent and is held, in the last window of each account.
fn books(enforcer: &Enforcer, seen: &LineTally) -> Result<(i64, i64), Box<dyn Error>> {
    let lines: Vec<(Account, Period)> =
        seen.accounts.iter().map(|(account, period)| (account.clone(), *period)).collect();
    let balances = enforcer.ledger().balances(&lines).wait()?;
    Ok(balances.iter().fold((0_i64, 0_i64), |(spent, reserved), balance| {
        (spent.saturating_add(balance.spent), reserved.saturating_add(balance.reserved))
    }))
}
