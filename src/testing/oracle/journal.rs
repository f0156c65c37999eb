//! What does the journal add up to?
//!
//! A journal entry holds differences, so the sum of an account's entries is its balance,
//! and the sum over all periods is what it ever cost. The oracle reads the journal of
//! each tenant once, in pages, and keeps one sum for each account and period.
//!
//! Beside the accounts that the test named there are those that it did not think of.
//! `check_rest` looks at all of them: an account that nobody should have touched and that
//! still holds something is a leak too.

use std::collections::HashMap;

use super::report::{DifferenceKind, OracleReport};
use crate::values::{Account, Balance, Period, Tenant};
use crate::{BudgetLedger, Error};

/// Entries that are read at once: few round trips, and little memory.
const PAGE: usize = 1_000;

/// The sums of one tenant's journal.
pub(super) struct Journal {
    /// Whether the journal is kept from its first entry on, without a gap.
    pub(super) is_whole: bool,
    sums: HashMap<(Account, i64), Balance>,
}

impl Journal {
    /// Reads page after page, until a page is not full.
    pub(super) async fn read(
        ledger: &std::sync::Arc<dyn BudgetLedger>,
        tenant: &Tenant,
    ) -> Result<Self, Error> {
        let mut journal = Self { is_whole: true, sums: HashMap::new() };
        let mut next = 1;
        loop {
            let entries = ledger.entries(tenant, next, PAGE).await?;
            for entry in &entries {
                journal.is_whole &= entry.sequence == next;
                next = entry.sequence.saturating_add(1);
                for line in &entry.lines {
                    let sum = journal.sums.entry((line.account.clone(), line.period)).or_default();
                    sum.spent = sum.spent.saturating_add(line.spent);
                    sum.reserved = sum.reserved.saturating_add(line.reserved);
                }
            }
            if entries.len() < PAGE {
                return Ok(journal);
            }
        }
    }

    /// What an account comes to, over all periods.
    pub(super) fn total(&self, account: &Account) -> Balance {
        self.sum(account, |_| true)
    }

    /// What an account comes to, over the periods that count together in this one: one of
    /// a calendar window, 61 of a rolling one.
    pub(super) fn window(&self, account: &Account, period: Period) -> Balance {
        self.sum(account, |number| counts_in(period, number))
    }

    /// Checks every other account of the same tenant, and every other period, for leaks
    /// and for sums below zero.
    pub(super) fn check_rest(
        &self,
        checked: &[(Account, Period)],
        is_running: bool,
        report: &mut OracleReport,
    ) {
        let is_checked = |account: &Account, number: i64| {
            checked.iter().any(|(other, period)| other == account && counts_in(*period, number))
        };
        for ((account, number), Balance { spent, reserved }) in &self.sums {
            if is_checked(account, *number) {
                continue;
            }
            let (spent, reserved) = (*spent, *reserved);
            if spent < 0 || reserved < 0 {
                report.add(Some(account), DifferenceKind::Negative { spent, reserved });
            } else if reserved > 0 && !is_running {
                report.add(Some(account), DifferenceKind::StillReserved { reserved });
            }
        }
    }

    fn sum(&self, account: &Account, counts: impl Fn(i64) -> bool) -> Balance {
        let lines = self.sums.iter().filter(|((other, number), _)| other == account && counts(*number));
        lines.fold(Balance::default(), |sum, (_, line)| Balance {
            spent: sum.spent.saturating_add(line.spent),
            reserved: sum.reserved.saturating_add(line.reserved),
        })
    }
}

/// Whether the period of that number counts in this one.
fn counts_in(period: Period, number: i64) -> bool {
    number > period.number.saturating_sub(i64::from(period.span)) && number <= period.number
}
