//! How does a ledger stand before all laws?
//!
//! One row a law, one column a ledger. The table is meant for a README: it shows at one
//! look what a backend keeps, what it does not offer, and what is broken.

use std::fmt;

use super::Factory;
use super::law::{Law, Standing};
use super::list::laws;

/// How one ledger, or several, stand before every law. Its `Display` is a table in
/// Markdown.
///
/// # Example: two ledgers side by side
/// ```
/// use token_budget::testing::conformance::{self, Maker, OverFaultyWire};
/// use token_budget::MemoryLedger;
///
/// let memory = Maker::new("memory", |clock| MemoryLedger::with_clock(clock));
/// let report = conformance::run(&memory).beside(conformance::run(&OverFaultyWire::new(memory).rounds(1)));
/// report.assert_holds();
/// let table = report.to_string();
/// assert!(table.starts_with("| law | memory | memory over a faulty wire |"));
/// assert!(table.contains("| a line of amount zero never refuses even above its ceiling | held | held |"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conformance {
    columns: Vec<Column>,
}

/// One ledger's standings, in the order of the laws.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Column {
    ledger: String,
    standings: Vec<Standing>,
}

/// Tries every law and reports how the ledger stands before each. A broken law does not
/// stop the others.
///
/// With `Maker` over a ledger in memory this takes seconds; a ledger over a network takes
/// as long as its round trips.
#[must_use]
pub fn run(factory: &dyn Factory) -> Conformance {
    Conformance::of(factory)
}

impl Conformance {
    /// Tries every law.
    fn of(factory: &dyn Factory) -> Self {
        let standings = laws().iter().map(|law| law.run(factory)).collect();
        Self { columns: vec![Column { ledger: factory.name(), standings }] }
    }

    /// This report with the columns of another to its right.
    #[must_use]
    pub fn beside(mut self, other: Self) -> Self {
        self.columns.extend(other.columns);
        self
    }

    /// Every law with its standing, ledger by ledger.
    pub fn standings(&self) -> impl Iterator<Item = (&str, &'static Law, &Standing)> {
        self.columns.iter().flat_map(|column| {
            laws()
                .iter()
                .zip(&column.standings)
                .map(|(law, standing)| (column.ledger.as_str(), law, standing))
        })
    }

    /// The laws that are broken, with what was found and expected.
    pub fn broken(&self) -> impl Iterator<Item = (&'static Law, &str)> {
        self.standings().filter_map(|(_, law, standing)| match standing {
            Standing::Broken { reason, .. } => Some((law, reason.as_str())),
            _ => None,
        })
    }

    /// Counts the laws that are held, over all ledgers together. Compare it with
    /// `laws().len()` to see how many were not offered.
    #[must_use]
    pub fn held(&self) -> usize {
        self.standings().filter(|(_, _, standing)| **standing == Standing::Held).count()
    }

    /// What each ledger leaves out, in its own words, and how many laws that took.
    ///
    /// A law is counted once, for the first thing that it needs and the ledger leaves out. The laws that are about more
    /// than that are held to the rest, and are not counted.
    pub fn left_out(&self) -> Vec<(&str, &str, usize)> {
        let mut left_out: Vec<(&str, &str, usize)> = Vec::new();
        for (ledger, _, standing) in self.standings() {
            let Standing::NotOffered(lack) = standing else { continue };
            match left_out.iter_mut().find(|(of, text, _)| (*of, *text) == (ledger, lack)) {
                Some((_, _, laws)) => *laws = laws.saturating_add(1),
                None => left_out.push((ledger, lack, 1)),
            }
        }
        left_out
    }

    /// Asserts that no law is broken.
    ///
    /// # Panics
    /// If any law is broken: the message lists each one with its seed, what was found and what was expected.
    #[expect(clippy::panic, reason = "an assertion, for tests")]
    pub fn assert_holds(&self) {
        let broken: Vec<String> = self.standings().filter_map(told).collect();
        if !broken.is_empty() {
            panic!("{} laws are broken:\n{}", broken.len(), broken.join("\n"));
        }
    }
}

/// A broken law in a few lines.
fn told((ledger, law, standing): (&str, &Law, &Standing)) -> Option<String> {
    match standing {
        Standing::Broken { reason, seed } => {
            Some(format!("{ledger}: {}\n    TOKEN_BUDGET_SEED={seed}\n    {reason}", law.sentence()))
        }
        _ => None,
    }
}

impl fmt::Display for Conformance {
    /// A table in Markdown: a row for each law, a column for each ledger. A second one says what each ledger leaves out,
    /// if any does.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let heads: Vec<&str> = self.columns.iter().map(|column| column.ledger.as_str()).collect();
        writeln!(f, "| law | {} |", heads.join(" | "))?;
        writeln!(f, "| --- |{}", " --- |".repeat(heads.len()))?;
        for (place, law) in laws().iter().enumerate() {
            let cells = self.columns.iter().filter_map(|column| column.standings.get(place)).map(cell);
            writeln!(f, "| {} | {} |", law.sentence(), cells.collect::<Vec<_>>().join(" | "))?;
        }
        let left_out = self.left_out();
        if !left_out.is_empty() {
            writeln!(f, "\n| ledger | leaves out | laws not tried |\n| --- | --- | --- |")?;
        }
        for (ledger, lack, laws) in left_out {
            writeln!(f, "| {ledger} | {} | {laws} |", lack.replace(['\n', '|'], " "))?;
        }
        Ok(())
    }
}

/// A standing in a cell of the table: no line breaks, no bars.
fn cell(standing: &Standing) -> String {
    let text = match standing {
        Standing::Held => "held".to_owned(),
        Standing::NotOffered(lack) => format!("not offered: {lack}"),
        Standing::Broken { reason, seed } => format!("**broken** (seed {seed}): {reason}"),
    };
    text.replace(['\n', '|'], " ")
}
