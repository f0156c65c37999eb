//! Which differences did an oracle find?
//!
//! The report is meant to be read in the output of a failed test, so each line names the
//! account, its budget and its window, and gives figures in the account's own unit:
//! dollars as dollars, tokens as tokens.

use std::fmt;

use crate::values::{Account, Tenant, Unit};

/// What an [`Oracle`](super::Oracle) found. Its `Display` is the message of a failed
/// test.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct OracleReport {
    /// How many accounts were compared. Zero means that no budget bound the calls given: see [`DifferenceKind::NoBudget`].
    pub accounts: usize,
    /// Every difference; empty if the books hold.
    pub differences: Vec<Difference>,
    /// Tenants whose journal no longer begins at its beginning: of their accounts only the present period was compared.
    pub folded: Vec<Tenant>,
}

/// One thing that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Difference {
    /// The account, if the difference is about one.
    pub account: Option<Account>,
    /// What is wrong, with figures.
    pub kind: DifferenceKind,
}

/// What is wrong. Figures are in the account's unit, dollars in nano-dollars.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DifferenceKind {
    /// More was billed than is spent and reserved: a charge was lost, or is too low.
    BilledBeyondBooks {
        /// What the provider billed.
        billed: i64,
        /// What is spent and reserved.
        booked: i64,
        /// What the client had no way to count, and what the test allows.
        unseen: i64,
    },
    /// Billed and booked are not the same, and the test asked for [`exactly`](super::Oracle::exactly).
    NotExact {
        /// What the provider billed.
        billed: i64,
        /// What is spent and reserved.
        booked: i64,
    },
    /// A hold is left although everything should have ended: it leaks until it expires.
    StillReserved {
        /// How much is reserved.
        reserved: i64,
    },
    /// A balance is below zero: something was given back twice.
    Negative {
        /// What is spent.
        spent: i64,
        /// What is reserved.
        reserved: i64,
    },
    /// The journal adds up to another figure than the balance.
    JournalDisagrees {
        /// What the journal says was spent.
        journal: i64,
        /// What the balance says.
        balance: i64,
    },
    /// Commands wait in the enforcer's outbox, also after a flush: the ledger does not take them.
    Undelivered {
        /// How many.
        commands: usize,
    },
    /// Nothing was compared: no budget binds the calls, or only budgets in units that no provider bills.
    ///
    /// This is a difference because a test that compares nothing would always pass.
    NoBudget,
    /// The books could not be read.
    Unreadable {
        /// Why.
        reason: String,
    },
    /// The ledger's own check failed.
    Unverified {
        /// What it says.
        reason: String,
    },
}

impl OracleReport {
    /// Whether nothing was found.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.differences.is_empty()
    }

    pub(super) fn add(&mut self, account: Option<&Account>, kind: DifferenceKind) {
        self.differences.push(Difference { account: account.cloned(), kind });
    }
}

impl fmt::Display for OracleReport {
    /// `1 account checked, 1 difference:`, then a line for each.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = |count: usize| if count == 1 { "" } else { "s" };
        write!(f, "{} account{} checked", self.accounts, plural(self.accounts))?;
        if !self.folded.is_empty() {
            f.write_str(" (in the present period only: the journal is not kept from its beginning)")?;
        }
        let count = self.differences.len();
        write!(f, ", {count} difference{}", plural(count))?;
        for (place, difference) in self.differences.iter().enumerate() {
            write!(f, "{}\n  {difference}", if place == 0 { ":" } else { "" })?;
        }
        Ok(())
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(account) = &self.account {
            write!(f, "{account}: ")?;
        }
        let unit = self.account.as_ref().map_or(&Unit::Usd, |account| account.unit());
        let figure = |figure: i64| unit.figure(figure);
        match &self.kind {
            DifferenceKind::BilledBeyondBooks { billed, booked, unseen } => {
                let (booked, unseen) = (figure(*booked), figure(*unseen));
                write!(f, "{} billed, {booked} booked, {unseen} of the rest unseen", unit.show(*billed))
            }
            DifferenceKind::NotExact { billed, booked } => {
                write!(f, "{} billed, {} booked", unit.show(*billed), figure(*booked))
            }
            DifferenceKind::StillReserved { reserved } => {
                write!(f, "{} still reserved", unit.show(*reserved))
            }
            DifferenceKind::Negative { spent, reserved } => {
                write!(f, "below zero: {} spent, {} reserved", unit.show(*spent), figure(*reserved))
            }
            DifferenceKind::JournalDisagrees { journal, balance } => {
                write!(f, "the journal says {} spent, the balance {}", unit.show(*journal), figure(*balance))
            }
            DifferenceKind::Undelivered { commands } => {
                write!(f, "{commands} commands wait in the outbox")
            }
            DifferenceKind::NoBudget => f.write_str("no budget binds the calls that were billed"),
            DifferenceKind::Unreadable { reason } => write!(f, "the books cannot be read: {reason}"),
            DifferenceKind::Unverified { reason } => write!(f, "the ledger's own check failed: {reason}"),
        }
    }
}
