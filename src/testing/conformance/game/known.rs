//! What does the model know of a line and of an id?

use super::answer::Name;
use crate::ledger::Certainty;
use crate::testing::conformance::claims::{always, day, rolling};
use crate::values::Period;

/// A line of a claim, as the model sees it: one account, two thresholds at most, and whether
/// its period is the running one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ModelLine {
    /// The account, by its number.
    pub(super) account: Name,
    /// The period, by its number.
    pub(super) period: i64,
    /// Whether 61 periods count together.
    pub(super) rolls: bool,
    /// Whether the period is the running one.
    pub(super) fresh: bool,
    /// The most that may be spent and reserved.
    pub(super) ceiling: i64,
    /// Figure and tier of each threshold, the lowest first.
    pub(super) thresholds: [Option<(i64, u8)>; 2],
    /// What is asked for, charged or posted.
    pub(super) amount: i64,
}

/// What a hold is charged if it expires.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Charge {
    Nothing,
    Hold,
    Amounts(Vec<i64>),
}

/// Where an id stands. `Tombstone` was released before it was ever seen; `Recorded` is a
/// posting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum IdState {
    /// Open, until that instant.
    Held { expires_at: i64, charge: Charge },
    /// Ended with a charge of that certainty.
    Charged(Certainty),
    /// Given back.
    Released,
    /// Never held: there was no room, at that instant.
    Refused { at: i64 },
    /// Released before it was ever seen.
    Tombstone,
    /// A posting.
    Recorded,
}

/// All that is known of one id: its state, its first body, and what it holds or has
/// charged on each line now.
#[derive(Clone, Debug)]
pub(super) struct KnownId {
    /// Where the id stands.
    pub(super) state: IdState,
    /// Account, period and amount of each line as first given.
    pub(super) body: Vec<(Name, i64, i64)>,
    /// What each line holds, or was charged, now.
    pub(super) amounts: Vec<i64>,
    /// What refunds have taken back, line by line.
    pub(super) refunded: Vec<i64>,
    /// Whether it was charged without a hold.
    pub(super) unheld: bool,
}

impl KnownId {
    /// When it ends by itself, while it is open.
    pub(super) fn ends(&self) -> Option<i64> {
        if let IdState::Held { expires_at, .. } = self.state { Some(expires_at) } else { None }
    }

    /// Account, period, amount and refunds of each line, as it is shown; what was refused or buried has none.
    pub(super) fn shown_lines(&self) -> Vec<(Name, i64, i64, i64)> {
        if matches!(self.state, IdState::Refused { .. } | IdState::Tombstone) {
            return Vec::new();
        }
        let figures = self.body.iter().zip(&self.amounts).zip(&self.refunded);
        figures.map(|(((account, period, _), amount), back)| (*account, *period, *amount, *back)).collect()
    }
}

/// What makes two commands with one id the same: accounts, periods, amounts.
pub(super) fn body(lines: &[ModelLine]) -> Vec<(Name, i64, i64)> {
    lines.iter().map(|line| (line.account, line.period, line.amount)).collect()
}

/// Whether these are the lines that the id was first given with; amounts may differ.
pub(super) fn same_lines(known: &KnownId, lines: &[ModelLine]) -> bool {
    let given = lines.iter().map(|line| (line.account, line.period));
    known.body.iter().map(|(account, period, _)| (*account, *period)).eq(given)
}

/// A sum as the ledger shows it.
pub(super) fn narrow(sum: i128) -> i64 {
    // A game's figures are small.
    i64::try_from(sum).unwrap_or(i64::MAX)
}

/// The period that the ledger is told for this line.
pub(super) fn period_of(line: &ModelLine) -> Period {
    match line.account {
        0..3 => day(line.period),
        3..5 => rolling(line.period),
        _ => always(),
    }
}

/// The lines as a person reads them: account, period, amount, ceiling.
pub(super) fn shown(lines: &[ModelLine]) -> String {
    let one = |line: &ModelLine| {
        let ModelLine { account, period, amount, ceiling, .. } = line;
        let ceiling = if *ceiling == i64::MAX { "any".to_owned() } else { ceiling.to_string() };
        format!("{account}@{period}: {amount} of {ceiling}")
    };
    format!("[{}]", lines.iter().map(one).collect::<Vec<_>>().join(", "))
}
