//! What is true of any books, whatever was done with them?
//!
//! The suite audits all books of a law after the law has returned, so that no law can
//! pass on unsound books. The audit asks for nothing that depends on the law's story:
//!
//! 1. Everything that is still on the wire arrives, and the store's own `verify` finds
//!    nothing.
//! 2. No balance is below zero.
//! 3. The journal is numbered without a gap.
//! 4. For each account and period that any command named: the differences in the journal
//!    add up to the balance.
//!
//! Point 4 leaves out rolling lines, whose balance is a sum over 61 periods, journals
//! that no longer begin at entry 1, and calendar periods that the ledger may have
//! forgotten (all zero).

#![expect(clippy::arithmetic_side_effects, reason = "128 bits hold any sum of a law")]

use super::books::Books;
use super::claims::always;
use super::why::{Held, holds};
use crate::ledger::Entry;
use crate::values::{Account, Balance, Period, Tenant};

impl Books {
    /// The store finds itself sound, nothing is below zero, and the journal, numbered without gaps,
    /// adds up to the balances of all accounts that do not roll, in every period that was named.
    pub(super) fn audit(&self) -> Held {
        self.shared.store.arrive()?;
        self.verify()?;
        let mut named: Vec<_> = self.shared.named.lock().drain().collect();
        named.sort_unstable_by_key(|(_, turn)| *turn);
        let lines: Vec<_> = named.into_iter().map(|(line, _)| line).collect();
        // Reading ends what is due, so the journal is read afterwards.
        let balances = self.balances_of(&lines)?;
        let mut journals: Vec<(Tenant, Vec<Entry>)> = Vec::new();
        for ((account, period), balance) in lines.iter().zip(&balances) {
            let is_sound = balance.spent >= 0 && balance.reserved >= 0;
            holds!(is_sound, "{account} stands below zero: {balance:?}");
            let tenant = account.tenant();
            if !journals.iter().any(|(known, _)| known == tenant) {
                journals.push((tenant.clone(), self.numbered(tenant)?));
            }
            let journal = journals.iter().find(|(known, _)| known == tenant).map(|(_, journal)| journal);
            // A journal that was folded no longer tells all.
            let whole = journal.filter(|journal| journal.first().is_some_and(|first| first.sequence == 1));
            let stands = (i128::from(balance.spent), i128::from(balance.reserved));
            let sums = whole.map_or(stands, |journal| sums_of(journal, account, period));
            let is_forgotten = *balance == Balance::default() && *period != always();
            holds!(
                sums == stands || is_forgotten,
                "the journal of {account} adds up to {sums:?} in period {}, it stands at {stands:?}",
                period.number
            );
        }
        Ok(())
    }

    /// The journal of that tenant, whose numbers have no gap.
    fn numbered(&self, tenant: &Tenant) -> Held<Vec<Entry>> {
        let journal = self.entries(tenant, 0, usize::MAX)?;
        let numbers = journal.iter().map(|entry| entry.sequence);
        let gap = numbers.clone().zip(numbers.skip(1)).find(|(one, next)| one.checked_add(1) != Some(*next));
        holds!(gap.is_none(), "the journal of {tenant:?} has a gap: {gap:?}");
        Ok(journal)
    }
}

/// Spent and reserved of the account in that period, by the journal.
fn sums_of(journal: &[Entry], account: &Account, period: &Period) -> (i128, i128) {
    let lines = journal.iter().flat_map(|entry| &entry.lines);
    let lines = lines.filter(|line| line.account == *account && line.period == period.number);
    lines.fold((0, 0), |(spent, reserved), line| {
        (spent + i128::from(line.spent), reserved + i128::from(line.reserved))
    })
}
