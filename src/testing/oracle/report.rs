//! Which differences did an oracle find?

use std::fmt;

use crate::values::{Account, Tenant, Unit};

/// What an [`Oracle`](super::Oracle) found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct OracleReport {
    /// How many accounts were looked at.
    pub accounts: usize,
    /// Every difference; none where the books hold.
    pub differences: Vec<Difference>,
    /// Books whose journal no longer begins at its beginning: of these, only the present period was compared.
    pub folded: Vec<Tenant>,
}

/// Something that should not be.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Difference {
    /// Where, where that is one account.
    pub account: Option<Account>,
    /// What.
    pub kind: DifferenceKind,
}

/// What should not be; figures in the account's unit, dollars in nano-dollars.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DifferenceKind {
    /// More was billed than is spent and reserved.
    BilledBeyondBooks {
        /// What the provider billed.
        billed: i64,
        /// What is spent and reserved.
        booked: i64,
        /// What of the bill the client had no way to count, and what was allowed beside it.
        unseen: i64,
    },
    /// More is booked than was billed, where it should be the same.
    NotExact {
        /// What the provider billed.
        billed: i64,
        /// What is spent and reserved.
        booked: i64,
    },
    /// A hold is left.
    StillReserved {
        /// How much of it.
        reserved: i64,
    },
    /// A balance is below zero.
    Negative {
        /// What is spent.
        spent: i64,
        /// What is reserved.
        reserved: i64,
    },
    /// The journal adds up to something else than the balance.
    JournalDisagrees {
        /// What the journal says was spent.
        journal: i64,
        /// What the balance says.
        balance: i64,
    },
    /// Commands wait in the enforcer's outbox and cannot be delivered.
    Undelivered {
        /// How many.
        commands: usize,
    },
    /// No budget binds what was charged, or none that a bill can be held against: nothing was compared.
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
