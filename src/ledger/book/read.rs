//! What do readers see of a store? The journal, open holds, and what waits to be told, with names in place of numbers.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use crate::ledger::rules::State;
use crate::ledger::store::{
    AccountRow, CallRow, Digest, EntryRow, Fault, HoldRow, KnownLine, Seal, Store, Want,
};
use crate::ledger::{About, Entry, EntryLine, Hold, HoldLine, Note, PendingEvent, Reached};
use crate::values::{Account, Tenant, Timestamp};

/// Names of accounts by their number, and what calls are about by their digest.
#[derive(Default)]
struct Names {
    accounts: HashMap<u32, Account>,
    calls: HashMap<Digest, Arc<About>>,
}

impl Names {
    /// Reads the accounts and calls of that tenant.
    fn read<S: Store>(
        store: &mut S,
        tenant: &Tenant,
        numbers: impl IntoIterator<Item = u32>,
        calls: impl IntoIterator<Item = Digest>,
    ) -> Result<Self, Fault> {
        let mut want = Want::of(tenant.clone());
        want.numbers = numbers
            .into_iter()
            .collect::<BTreeSet<_>>()
            .into_iter()
            .map(|number| (number, i64::MAX))
            .collect();
        want.calls = calls.into_iter().collect::<BTreeSet<_>>().into_iter().collect();
        if want.numbers.is_empty() && want.calls.is_empty() {
            return Ok(Self::default());
        }
        let rows = store.read(std::slice::from_ref(&want))?.pop().unwrap_or_default();
        let accounts = rows.accounts.into_iter().map(|sealed| {
            let row = AccountRow::checked(sealed, tenant)?;
            Ok((row.number, row.account))
        });
        let calls = rows.calls.into_iter().map(|CallRow { digest, about }| (digest, about));
        Ok(Self { accounts: accounts.collect::<Result<_, Fault>>()?, calls: calls.collect() })
    }

    fn account(&self, number: u32) -> Result<Account, Fault> {
        let found = self.accounts.get(&number).cloned();
        found.ok_or_else(|| Fault::damaged(format!("account {number} has no row")))
    }

    fn about(&self, call: Digest) -> Result<Arc<About>, Fault> {
        let found = self.calls.get(&call).cloned();
        found.ok_or_else(|| Fault::damaged("what a call is about has no row"))
    }
}

/// Entries of one tenant from that number on, at most so many.
pub(super) fn entries<S: Store>(
    store: &mut S,
    tenant: &Tenant,
    from: u64,
    limit: usize,
) -> Result<Vec<Entry>, Fault> {
    let rows = store.journal(tenant, from, limit)?;
    let numbers = rows.iter().flat_map(|row| row.lines.iter().map(|line| line.account));
    let names = Names::read(store, tenant, numbers, rows.iter().filter_map(|row| row.call))?;
    rows.into_iter().map(|row| entry(row, &names)).collect()
}

fn entry(row: EntryRow, names: &Names) -> Result<Entry, Fault> {
    let about = row.call.map(|call| names.about(call)).transpose()?;
    let note = Note { about, served: row.served, usage: row.usage, cost: row.cost, ended: row.ended };
    let mut lines = Vec::with_capacity(row.lines.len());
    for line in &row.lines {
        let account = names.account(line.account)?;
        lines.push(EntryLine { account, period: line.period, spent: line.spent, reserved: line.reserved });
    }
    let EntryRow { sequence, at, id, kind, attribution, .. } = row;
    Ok(Entry { sequence, at, id, kind, lines, note, attribution })
}

/// The open holds of one tenant, oldest first.
pub(super) fn open_holds<S: Store>(store: &mut S, tenant: &Tenant, limit: usize) -> Result<Vec<Hold>, Fault> {
    let mut want = Want::of(tenant.clone());
    want.due = Some((Timestamp::MAX, usize::MAX));
    let rows = store.read(std::slice::from_ref(&want))?.pop().unwrap_or_default();
    let checked = rows.due.into_iter().map(|sealed| HoldRow::checked(sealed, tenant));
    let mut holds = checked.collect::<Result<Vec<_>, _>>()?;
    holds.sort_by_key(|hold| hold.id);
    holds.truncate(limit);
    let numbers = holds.iter().flat_map(|hold| hold.lines.iter().map(|line| line.account));
    let names = Names::read(store, tenant, numbers, holds.iter().filter_map(|hold| hold.about))?;
    let shown = |hold| shown(hold, |number| names.account(number), |call| names.about(call));
    holds.into_iter().map(shown).collect()
}

/// A hold as readers see it, by those who know names of accounts and what calls are about.
pub(super) fn shown<E>(
    hold: HoldRow,
    account: impl Fn(u32) -> Result<Account, E>,
    about: impl Fn(Digest) -> Result<Arc<About>, E>,
) -> Result<Hold, E> {
    let lines = hold.lines.iter().map(|line| {
        let KnownLine { period, amount, refunded, .. } = *line;
        Ok(HoldLine { account: account(line.account)?, period, amount, refunded })
    });
    let lines = lines.collect::<Result<_, E>>()?;
    let expires_at = (hold.state == State::Held).then_some(hold.expires_at);
    let about = hold.about.map(about).transpose()?;
    Ok(Hold { id: hold.id, state: hold.state, expires_at, lines, about })
}

/// Events of all tenants that nobody has confirmed, the oldest of each first.
pub(super) fn pending<S: Store>(store: &mut S, limit: usize) -> Result<Vec<PendingEvent>, Fault> {
    let mut events = Vec::new();
    for (tenant, row) in store.pending(limit)? {
        let account = Names::read(store, &tenant, [row.account], [])?.account(row.account)?;
        let reached =
            Reached { account, period: row.period, tier: row.tier, at: row.threshold, spent: row.spent };
        events.push(PendingEvent { tenant, sequence: row.sequence, at: row.at, reached });
    }
    Ok(events)
}
