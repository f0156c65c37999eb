//! What was billed to each account, and what does its balance say?
//!
//! One account may be bound by several charge sets, in one unit, in the period that runs
//! now. `Sums` binds each call as the enforcer would, and adds the bills up for each
//! account.
//!
//! Exemptions make it less simple. A call under an exemption is charged to the
//! exemption's account *in place of* the budget's, and afterwards nobody knows which of
//! the calls were exempt. So the two accounts are compared together: what is booked on
//! both, against what was billed for the budget. The exemption's account is checked for
//! leaks, but no bill is held against it alone.

use super::super::bill::Bill;
use super::journal::Journal;
use super::report::{DifferenceKind, OracleReport};
use crate::values::{Account, Balance, Binding, Period, Unit};
use crate::{Call, Enforcer, Error, Usd};

/// Every account that binds the charge sets.
pub(super) struct Sums {
    pub(super) accounts: Vec<Sum>,
}

/// What was billed to one account.
pub(super) struct Sum {
    pub(super) account: Account,
    pub(super) period: Period,
    /// `None` if a bill does not count what the account counts.
    billed: Option<i64>,
    unseen: i64,
    /// The account of an exemption that may have been charged in place of this one.
    instead: Option<Account>,
    /// This is such an account itself, and no bill is meant for it alone.
    is_exemption: bool,
}

impl Sums {
    /// Binds every call twice, without exemptions and with them, and adds its bill to
    /// each account that binds.
    pub(super) fn of(enforcer: &Enforcer, charged: &[(Call, Bill)]) -> Result<Self, Error> {
        let mut sums = Self { accounts: Vec::new() };
        let (policy, prices, now) = (enforcer.policy(), enforcer.prices(), enforcer.now());
        for (call, bill) in charged {
            let binding = policy.bind_with(call, &[], Some(&prices), now)?;
            let exempt = policy.bind_exempt(call, &[], Some(&prices), now)?;
            for terms in &binding.terms {
                let instead = exempt.as_ref().and_then(|exempt| instead_of(&terms.account, &binding, exempt));
                let sum = sums.at(&terms.account, terms.period);
                sum.add(bill);
                sum.instead = instead.or(sum.instead.take());
            }
            let own = exempt.iter().flat_map(|exempt| &exempt.terms);
            for terms in own.filter(|terms| !holds(&binding, &terms.account)) {
                sums.at(&terms.account, terms.period).is_exemption = true;
            }
        }
        Ok(sums)
    }

    /// Whether no account can be held against a bill.
    pub(super) fn is_empty(&self) -> bool {
        self.accounts.iter().all(|sum| sum.billed.is_none())
    }

    /// The accounts that may have been charged in this one's place.
    pub(super) fn instead_of(&self, sum: &Sum) -> impl Iterator<Item = &Sum> {
        let instead = sum.instead.clone();
        self.accounts.iter().filter(move |other| Some(&other.account) == instead.as_ref())
    }

    /// The sum of that account, begun at zero if this is the first bill for it.
    fn at(&mut self, account: &Account, period: Period) -> &mut Sum {
        let at = self.accounts.iter().position(|sum| sum.account == *account).unwrap_or(self.accounts.len());
        if at == self.accounts.len() {
            self.accounts.push(Sum {
                account: account.clone(),
                period,
                billed: None,
                unseen: 0,
                instead: None,
                is_exemption: false,
            });
        }
        #[expect(clippy::indexing_slicing, reason = "it was found there, or pushed just now")]
        &mut self.accounts[at]
    }
}

impl Sum {
    /// What is booked for this account's calls: over all periods if the journal is whole,
    /// because a test may run over midnight; else in the present one.
    pub(super) fn used(&self, balance: Balance, journal: Option<&Journal>) -> i64 {
        match journal.filter(|journal| journal.is_whole) {
            Some(journal) => journal.total(&self.account).used(),
            None => balance.used(),
        }
    }

    /// Compares the bill with what is booked. This is the oracle's inequality.
    pub(super) fn check_bill(&self, booked: i64, allowed: Usd, is_exact: bool, report: &mut OracleReport) {
        let Some(billed) = self.billed.filter(|_| !self.is_exemption) else { return };
        let mut unseen = self.unseen;
        if self.account.unit() == &Unit::Usd {
            unseen = unseen.saturating_add(allowed.nanos());
        }
        if billed > booked.saturating_add(unseen) {
            report.add(Some(&self.account), DifferenceKind::BilledBeyondBooks { billed, booked, unseen });
        } else if is_exact && billed != booked {
            report.add(Some(&self.account), DifferenceKind::NotExact { billed, booked });
        }
    }

    /// Compares a balance with the journal and with zero.
    pub(super) fn check_balance(
        &self,
        balance: Balance,
        journal: Option<&Journal>,
        is_running: bool,
        report: &mut OracleReport,
    ) {
        let mut add = |kind| report.add(Some(&self.account), kind);
        let Balance { spent, reserved } = balance;
        if spent < 0 || reserved < 0 {
            add(DifferenceKind::Negative { spent, reserved });
        }
        if reserved > 0 && !is_running {
            add(DifferenceKind::StillReserved { reserved });
        }
        if let Some(journal) = journal.filter(|journal| journal.is_whole) {
            let journal = journal.window(&self.account, self.period);
            if journal.spent != spent {
                add(DifferenceKind::JournalDisagrees { journal: journal.spent, balance: spent });
            }
        }
    }

    /// Adds a bill, in the unit that this account counts.
    fn add(&mut self, bill: &Bill) {
        let usage = bill.usage();
        let (input, output) = (usage.input().unwrap_or(0), usage.output().unwrap_or(0));
        let (input_unseen, output_unseen) = (bill.input_unseen(), bill.output_unseen());
        let (billed, unseen) = match self.account.unit() {
            Unit::Usd => (bill.usd().nanos(), bill.usd_unseen().nanos()),
            Unit::Tokens => {
                (count(input.saturating_add(output)), count(input_unseen.saturating_add(output_unseen)))
            }
            Unit::TokensInput => (count(input), count(input_unseen)),
            Unit::TokensOutput => (count(output), count(output_unseen)),
            Unit::Requests => (count(bill.requests()), 0),
            // No provider bills rounds, tools or time.
            _ => return,
        };
        self.billed = Some(self.billed.unwrap_or(0).saturating_add(billed));
        self.unseen = self.unseen.saturating_add(unseen);
    }
}

fn count(tokens: u64) -> i64 {
    i64::try_from(tokens).unwrap_or(i64::MAX)
}

/// Whether that account is among those that bind.
fn holds(binding: &Binding, account: &Account) -> bool {
    binding.terms.iter().any(|terms| terms.account == *account)
}

/// The account of an exemption that stands for this one, where one does.
fn instead_of(account: &Account, binding: &Binding, exempt: &Binding) -> Option<Account> {
    if holds(exempt, account) {
        return None;
    }
    let own = exempt.terms.iter().map(|terms| &terms.account);
    let mut own = own.filter(|other| !holds(binding, other) && other.unit() == account.unit());
    own.next().cloned()
}
