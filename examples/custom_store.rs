//! A store of your own, complete: one sorted map from text to text, which stands for any key-value database that can write several
//! keys at once. The ledger over it offers everything. `docs/LEDGER.md` builds it step by step.
//!
//! `cargo run --example custom_store --features store,testing`

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::sync::Arc;

use parking_lot::Mutex;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::to_string as json;
use token_budget::Clock;
use token_budget::ledger::store::{
    Changes, EntryRow, EventRow, Fault, HoldRow, Rows, Sealed, Store, TenantRow, Want, Write, Wrote, hex,
};
use token_budget::ledger::{Capabilities, FrozenScope, State, Tenant};
use token_budget::testing::conformance::{self, OverStore, Standing};

/// All rows of all tenants; clones share them.
#[derive(Clone)]
struct OneMap {
    map: Arc<Mutex<Map>>,
    clock: Arc<dyn Clock>,
}

/// Each key with its row, which is JSON.
type Map = BTreeMap<String, String>;

/// No name contains a tab, so two keys are equal only if all their parts are.
fn key(kind: &str, tenant: &Tenant, name: impl Display) -> String {
    format!("{kind}\t{}\t{name}", tenant.name())
}

/// The name of the row with that number, which sorts like it.
fn nth(sequence: u64) -> String {
    format!("{sequence:020}")
}

/// Open holds stand in the order in which they end, by id among those that end at once.
fn end(tenant: &Tenant, hold: &HoldRow) -> String {
    let nanos = hold.expires_at.as_nanos().abs_diff(i64::MIN); // without a sign, so that it sorts as text
    key("open", tenant, format_args!("{}\t{}", nth(nanos), hold.id))
}

/// The rows of these keys, as far as there are any.
fn get<T: DeserializeOwned>(map: &Map, keys: impl IntoIterator<Item = String>) -> Result<Vec<T>, Fault> {
    keys.into_iter().filter_map(|key| map.get(&key)).map(|text| Ok(serde_json::from_str(text)?)).collect()
}

/// The rows whose keys begin so, from that one on, at most so many.
fn scan<T: DeserializeOwned>(map: &Map, begin: &str, from: &str, most: usize) -> Result<Vec<T>, Fault> {
    let rows = map.range(format!("{begin}{from}")..).take_while(|(key, _)| key.starts_with(begin));
    rows.take(most).map(|(_, text)| Ok(serde_json::from_str(text)?)).collect()
}

fn read(map: &Map, want: &Want) -> Result<Rows, Fault> {
    let tenant = &want.tenant;
    let linked = want.link.map(|sequence| key("entry", tenant, nth(sequence)));
    let events = want.events.iter().map(|sequence| key("event", tenant, nth(*sequence)));
    let mut rows = Rows {
        tenant: get(map, [key("tenant", tenant, "")])?.pop().map(|(_, row): (Tenant, _)| row),
        holds: get(map, want.ids.iter().map(|id| key("hold", tenant, id)))?,
        marks: get(map, want.scopes.iter().map(|scope| key("mark", tenant, scope)))?,
        any_marks: !scan::<FrozenScope>(map, &key("mark", tenant, ""), "", 1)?.is_empty(),
        calls: get(map, want.calls.iter().map(|digest| key("call", tenant, hex(digest))))?,
        events: get(map, events)?.into_iter().map(|(_, event): (Tenant, _)| event).collect(),
        account_rows: scan::<IgnoredAny>(map, &key("account", tenant, ""), "", usize::MAX)?.len(),
        link: get(map, linked)?.pop().map(|entry: EntryRow| entry.link),
        ..Rows::default()
    };
    if let Some((at, most)) = want.due {
        rows.due = scan(map, &key("open", tenant, ""), "", most.saturating_add(1))?;
        let due = rows.due.iter().take(most).take_while(|hold| hold.row.expires_at <= at).count();
        rows.next_due = rows.due.get(due).map(|hold| hold.row.expires_at);
        rows.due.truncate(due);
    }
    read_accounts(map, want, rows)
}

/// Accounts by name, by number, and by the lines of holds; with the balances of their windows and of the periods that are named.
fn read_accounts(map: &Map, want: &Want, mut rows: Rows) -> Result<Rows, Fault> {
    let (tenant, mut cells) = (&want.tenant, BTreeSet::from_iter(want.numbers.iter().copied()));
    for (account, period) in &want.accounts {
        let number = get(map, [key("number", tenant, json(account)?)])?;
        cells.extend(number.into_iter().map(|number: u32| (number, *period)));
    }
    cells.extend(rows.cells());
    let numbers: BTreeSet<u32> = cells.iter().map(|(number, _)| *number).collect();
    rows.accounts = get(map, numbers.iter().map(|number| key("account", tenant, number)))?;
    for Sealed { row, .. } in &rows.accounts {
        cells.extend(row.window().map(|period| (row.number, period)));
    }
    let name = |(number, period)| key("balance", tenant, format_args!("{number}\t{period}"));
    rows.balances = get(map, cells.into_iter().map(name))?;
    Ok(rows)
}

/// Every row that is new or has changed, under its key.
fn rows(tenant: &Tenant, changes: &Changes) -> Result<Vec<(String, String)>, Fault> {
    let mut rows = vec![(key("tenant", tenant, ""), json(&(tenant, &changes.tenant))?)];
    for account in &changes.accounts {
        rows.push((key("account", tenant, account.row.number), json(account)?));
        rows.push((key("number", tenant, json(&account.row.account)?), json(&account.row.number)?));
    }
    for row in &changes.balances {
        rows.push((key("balance", tenant, format_args!("{}\t{}", row.account, row.period)), json(row)?));
    }
    for hold in changes.holds.iter().map(|change| &change.hold) {
        rows.push((key("hold", tenant, hold.row.id), json(hold)?));
        if hold.row.state == State::Held {
            rows.push((end(tenant, &hold.row), json(hold)?));
        }
    }
    for mark in changes.marks.iter().filter_map(|(_, mark)| mark.as_ref()) {
        rows.push((key("mark", tenant, &mark.scope), json(mark)?));
    }
    for call in &changes.calls {
        rows.push((key("call", tenant, hex(&call.digest)), json(call)?));
    }
    for entry in &changes.entries {
        rows.push((key("entry", tenant, nth(entry.sequence)), json(entry)?));
    }
    for event in changes.events.iter().filter(|event| event.row.delivered_at.is_none()) {
        rows.push((key("event", tenant, nth(event.row.sequence)), json(&(tenant, event))?));
    }
    Ok(rows)
}

/// Keys whose rows go: holds where they stood as open before, marks that were taken away, events that were delivered.
fn gone(tenant: &Tenant, changes: &Changes) -> impl Iterator<Item = String> {
    let open = changes.holds.iter().filter_map(|change| change.before.as_ref()).map(|hold| end(tenant, hold));
    let marks = changes.marks.iter().filter(|(_, mark)| mark.is_none());
    let marks = marks.map(|(scope, _)| key("mark", tenant, scope));
    let events = changes.events.iter().filter(|event| event.row.delivered_at.is_some());
    open.chain(marks).chain(events.map(|event| key("event", tenant, nth(event.row.sequence))))
}

fn write(map: &mut Map, clock: &dyn Clock, write: &Write<'_>) -> Result<Wrote, Fault> {
    let (tenant, changes) = (write.tenant, write.changes);
    let found: Option<(Tenant, Sealed<TenantRow>)> = get(map, [key("tenant", tenant, "")])?.pop();
    if let Some(refused) = write.refused(found.map(|(_, found)| found.row.version), clock.now()) {
        return Ok(refused);
    }
    let rows = rows(tenant, changes)?; // whatever can fail comes before the first change
    gone(tenant, changes).for_each(|key| drop(map.remove(&key)));
    map.extend(rows);
    if changes.forget.is_some() {
        let holds: Vec<Sealed<HoldRow>> = scan(map, &key("hold", tenant, ""), "", usize::MAX)?;
        let old = holds.iter().filter(|hold| changes.forgets(&hold.row));
        old.for_each(|hold| drop(map.remove(&key("hold", tenant, hold.row.id))));
    }
    Ok(Wrote::Done { more_to_forget: false })
}

impl Store for OneMap {
    fn read(&mut self, wants: &[Want]) -> Result<Vec<Rows>, Fault> {
        let (map, at) = (self.map.lock(), self.clock.now());
        wants.iter().map(|want| Ok(Rows { at, ..read(&map, want)? })).collect()
    }

    fn write(&mut self, writes: &[Write<'_>]) -> Result<Vec<Wrote>, Fault> {
        let mut map = self.map.lock();
        writes.iter().map(|each| write(&mut map, &*self.clock, each)).collect()
    }

    fn journal(&mut self, tenant: &Tenant, from: u64, limit: usize) -> Result<Vec<EntryRow>, Fault> {
        scan(&self.map.lock(), &key("entry", tenant, ""), &nth(from), limit)
    }

    fn pending(&mut self, limit: usize) -> Result<Vec<(Tenant, EventRow)>, Fault> {
        let events: Vec<(Tenant, Sealed<EventRow>)> = scan(&self.map.lock(), "event\t", "", limit)?;
        Ok(events.into_iter().map(|(tenant, event)| (tenant, event.row)).collect())
    }

    fn tenants(&mut self) -> Result<Vec<Tenant>, Fault> {
        let all: Vec<(Tenant, Sealed<TenantRow>)> = scan(&self.map.lock(), "tenant\t", "", usize::MAX)?;
        Ok(all.into_iter().map(|(tenant, _)| tenant).collect())
    }

    fn describe(&self) -> Capabilities {
        let remembers = std::time::Duration::from_secs(35 * 24 * 60 * 60);
        Capabilities { durable: true, shared: true, remembers, ends_at_once: false, journal_entries: None }
    }
}

fn main() {
    let factory = OverStore::new("one map", |clock| OneMap { map: Arc::default(), clock });
    let report = conformance::run(&factory);
    println!("{report}");
    let left_out = |standing: &Standing| matches!(standing, Standing::NotOffered(_));
    let not_offered = report.standings().filter(|(_, _, standing)| left_out(standing)).count();
    println!("{} laws held, {not_offered} not offered, {} broken", report.held(), report.broken().count());
    report.assert_holds();
    assert_eq!(not_offered, 0, "a ledger over a store offers everything");
}
