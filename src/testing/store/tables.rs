//! Where does the scripted store keep the rows of one tenant?

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::Scope;
use crate::ledger::State;
use crate::ledger::store::{
    AccountRow, BalanceRow, CallRow, Changes, Digest, EntryRow, EventRow, HoldRow, Rows, Sealed, TenantRow,
    Version, Want,
};
use crate::values::{FrozenScope, ReservationId, Timestamp};

/// The rows of one tenant.
#[derive(Clone, Debug, Default)]
pub(super) struct Tables {
    tenant: Option<Sealed<TenantRow>>,
    accounts: BTreeMap<u32, Sealed<AccountRow>>,
    balances: BTreeMap<(u32, i64), BalanceRow>,
    holds: BTreeMap<ReservationId, Sealed<HoldRow>>,
    marks: HashMap<Scope, FrozenScope>,
    calls: HashMap<Digest, CallRow>,
    journal: Vec<EntryRow>,
    events: BTreeMap<u64, Sealed<EventRow>>,
}

impl Tables {
    pub(super) fn version(&self) -> Option<Version> {
        self.tenant.as_ref().map(|tenant| tenant.row.version)
    }

    pub(super) fn len(&self) -> usize {
        [
            self.accounts.len(),
            self.balances.len(),
            self.holds.len(),
            self.marks.len(),
            self.calls.len(),
            self.journal.len(),
            self.events.len(),
        ]
        .into_iter()
        .fold(1, usize::saturating_add)
    }

    pub(super) fn open_holds(&self) -> usize {
        self.open().count()
    }

    pub(super) fn lose_balances(&mut self) {
        self.balances.clear();
    }

    /// Loses the account that was made first, and what stands on it.
    pub(super) fn lose_an_account(&mut self) {
        let lost = self.accounts.pop_first().map(|(number, _)| number);
        self.balances.retain(|(number, _), _| Some(*number) != lost);
    }

    fn open(&self) -> impl Iterator<Item = &Sealed<HoldRow>> {
        self.holds.values().filter(|hold| hold.row.state == State::Held)
    }

    pub(super) fn read(&self, want: &Want) -> Rows {
        let mut rows = Rows {
            tenant: self.tenant.clone(),
            holds: want.ids.iter().filter_map(|id| self.holds.get(id)).cloned().collect(),
            marks: want.scopes.iter().filter_map(|scope| self.marks.get(scope)).cloned().collect(),
            any_marks: !self.marks.is_empty(),
            calls: want.calls.iter().filter_map(|digest| self.calls.get(digest)).cloned().collect(),
            events: want.events.iter().filter_map(|sequence| self.events.get(sequence)).cloned().collect(),
            account_rows: self.accounts.len(),
            link: want.link.and_then(|link| self.entry(link)).map(|entry| entry.link),
            ..Rows::default()
        };
        self.read_due(want, &mut rows);
        self.read_accounts(want, &mut rows);
        rows
    }

    fn read_due(&self, want: &Want, rows: &mut Rows) {
        let mut open: Vec<_> = self.open().collect();
        open.sort_by_key(|hold| (hold.row.expires_at, hold.row.id));
        let (now, most) = want.due.unwrap_or((Timestamp::MIN, 0));
        let due = open.iter().take(most).take_while(|hold| hold.row.expires_at <= now).count();
        rows.next_due = open.get(due).map(|hold| hold.row.expires_at);
        rows.due = open.into_iter().take(due).cloned().collect();
    }

    /// Accounts by name, by number, and by the lines of what was read; with the balances that each window counts.
    fn read_accounts(&self, want: &Want, rows: &mut Rows) {
        let named = want.accounts.iter().filter_map(|(account, period)| {
            let found = self.accounts.values().find(|row| row.row.account == *account)?;
            Some((found.row.number, *period))
        });
        let all: Vec<_> = named.chain(want.numbers.iter().copied()).chain(rows.cells()).collect();
        let mut seen = HashSet::new();
        for (number, period) in all {
            let Some(account) = self.accounts.get(&number) else { continue };
            if seen.insert((number, None)) {
                rows.accounts.push(account.clone());
            }
            for period in account.row.window().chain([period]) {
                if seen.insert((number, Some(period))) {
                    rows.balances.extend(self.balances.get(&(number, period)));
                }
            }
        }
    }

    /// Writes all of it.
    pub(super) fn write(&mut self, changes: &Changes) {
        self.tenant = Some(changes.tenant.clone());
        for account in &changes.accounts {
            self.accounts.insert(account.row.number, account.clone());
        }
        for balance in &changes.balances {
            self.balances.insert((balance.account, balance.period), *balance);
        }
        for change in &changes.holds {
            self.holds.insert(change.hold.row.id, change.hold.clone());
        }
        for (scope, mark) in &changes.marks {
            match mark {
                Some(mark) => self.marks.insert(scope.clone(), mark.clone()),
                None => self.marks.remove(scope),
            };
        }
        for call in &changes.calls {
            self.calls.entry(call.digest).or_insert_with(|| call.clone());
        }
        self.journal.extend_from_slice(&changes.entries);
        for event in &changes.events {
            self.events.insert(event.row.sequence, event.clone());
        }
        if changes.forget.is_some() {
            self.holds.retain(|_, hold| !changes.forgets(&hold.row));
        }
    }

    fn entry(&self, sequence: u64) -> Option<&EntryRow> {
        let place = usize::try_from(sequence.checked_sub(1)?).ok()?;
        self.journal.get(place)
    }

    pub(super) fn journal(&self, from: u64, limit: usize) -> Vec<EntryRow> {
        self.journal.iter().filter(|entry| entry.sequence >= from).take(limit).cloned().collect()
    }

    pub(super) fn pending(&self) -> impl Iterator<Item = EventRow> {
        self.events.values().map(|event| event.row).filter(|event| event.delivered_at.is_none())
    }
}

/// Leaves out the accounts that only lines of holds name, with their balances; whether there were any.
pub(super) fn leave_out_unnamed(want: &Want, rows: &mut Rows) -> bool {
    let before = rows.accounts.len();
    rows.accounts.retain(|row| {
        let by_name = want.accounts.iter().any(|(account, _)| *account == row.row.account);
        by_name || want.numbers.iter().any(|(number, _)| *number == row.row.number)
    });
    let left: HashSet<u32> = rows.accounts.iter().map(|row| row.row.number).collect();
    rows.balances.retain(|balance| left.contains(&balance.account));
    rows.accounts.len() < before
}
