//! Does every row fit all the others?

use std::collections::{BTreeMap, HashMap};

use rusqlite::Connection;

use super::account;
use super::calls;
use super::events;
use super::fault::{StoreError, damaged};
use super::holds;
use super::journal::{Written, first_link};
use super::mark;
use super::open::{self, VERSIONS};
use super::place::Place;
use super::rebuild;
use super::roots::seal_root;
use super::seal::Digest;
use super::sheet::Change;
use super::text;
use crate::ledger::rules::State;
use crate::ledger::{Frozen, MarkAction};

/// Checks all of the file as it is in one instant, beside whoever writes it.
pub(super) fn verify(place: &Place) -> Result<(), StoreError> {
    let file = open::beside(place)?;
    file.execute_batch("BEGIN")?;
    check_pages(&file)?;
    check_schema(&file)?;
    account::all_accounts(&file)?;
    let digests = check_calls(&file)?;
    check_journal(&file, &digests)?;
    check_balances(&file)?;
    check_holds(&file)?;
    check_events(&file)
}

/// What SQLite itself can tell: broken pages, indexes that miss rows, values of another type.
fn check_pages(file: &Connection) -> Result<(), StoreError> {
    let problem: String = file.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    if problem != "ok" {
        return Err(damaged(problem));
    }
    let mut check = file.prepare("PRAGMA foreign_key_check")?;
    let mut rows = check.query([])?;
    match rows.next()? {
        Some(row) => {
            Err(damaged(format!("a row of {} names a row that is not there", row.get::<_, String>(0)?)))
        }
        None => Ok(()),
    }
}

/// Tables, checks and views must be what this version makes.
fn check_schema(file: &Connection) -> Result<(), StoreError> {
    let model = Connection::open_in_memory()?;
    VERSIONS.iter().try_for_each(|step| model.execute_batch(step))?;
    let read = |file: &Connection| -> Result<Vec<(String, String, Option<String>)>, StoreError> {
        let mut read = file.prepare(
            "SELECT name, tbl_name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_stat%' ORDER BY type, name",
        )?;
        let rows = read.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    };
    let (found, expected) = (read(file)?, read(&model)?);
    match found.iter().find(|row| !expected.contains(row)) {
        Some((name, _, _)) => Err(damaged(format!("the schema of {name} is not this version's"))),
        None if found.len() == expected.len() => Ok(()),
        None => Err(damaged("a part of the schema is missing")),
    }
}

fn check_calls(file: &Connection) -> Result<HashMap<i64, Digest>, StoreError> {
    let mut calls = HashMap::new();
    let mut read =
        file.prepare("SELECT call, digest, model, use_case, price, tags, exemptions FROM calls")?;
    let mut rows = read.query([])?;
    while let Some(row) = rows.next()? {
        let text = |at: usize| row.get::<_, String>(at);
        let (number, digest): (i64, Digest) = (row.get(0)?, row.get(1)?);
        let use_case: Option<String> = row.get(3)?;
        let found = calls::digest_of((&text(2)?, &text(4)?), use_case.as_deref(), (&text(5)?, &text(6)?));
        if found != digest {
            return Err(damaged(format!("call {number}: its hash does not fit")));
        }
        calls.insert(number, digest);
    }
    Ok(calls)
}

/// Scopes that the journal says are frozen, by their text.
type Marks = BTreeMap<String, (String, i64, String, String)>;

/// Walks each root's chain from its first link to its head.
fn check_journal(file: &Connection, calls: &HashMap<i64, Digest>) -> Result<(), StoreError> {
    let mut roots = file.prepare("SELECT root, name, entries, head, time, seal FROM roots ORDER BY root")?;
    let mut rows = roots.query([])?;
    while let Some(row) = rows.next()? {
        let (root, name): (i64, String) = (row.get(0)?, row.get(1)?);
        let (entries, head, time): (i64, Digest, i64) = (row.get(2)?, row.get(3)?, row.get(4)?);
        if seal_root(root, &name, entries.unsigned_abs(), &head, time) != row.get::<_, i64>(5)? {
            return Err(damaged(format!("the books of {name:?}: their seal does not fit")));
        }
        let mut chain = Chain { root, name, sequence: 0, link: [0; 32], marks: Marks::new() };
        chain.walk(file, calls)?;
        if (chain.sequence, chain.link) != (entries, head) {
            return Err(damaged(format!(
                "the journal of {:?} ends with entry {}, its root says {entries}",
                chain.name, chain.sequence
            )));
        }
        chain.check_marks(file)?;
    }
    Ok(())
}

/// How far the walk along one root's journal has come.
struct Chain {
    root: i64,
    name: String,
    sequence: i64,
    link: Digest,
    marks: Marks,
}

impl Chain {
    fn walk(&mut self, file: &Connection, calls: &HashMap<i64, Digest>) -> Result<(), StoreError> {
        self.link = first_link(&self.name);
        let mut read = file.prepare(
            "SELECT sequence, at, id, kind, detail, scope, call, usage, ended, \"by\", reason, link
             FROM journal WHERE root = ? ORDER BY sequence",
        )?;
        let mut lines = file.prepare(
            "SELECT account, period, spent, reserved FROM journal_lines WHERE root = ? AND sequence = ? ORDER BY line",
        )?;
        let mut rows = read.query([self.root])?;
        while let Some(row) = rows.next()? {
            let sequence: i64 = row.get(0)?;
            if sequence != self.sequence.saturating_add(1) {
                return Err(damaged(format!("{:?}: entry {sequence} follows {}", self.name, self.sequence)));
            }
            let changes = lines.query_map([self.root, sequence], |row| {
                let (account, period) = (row.get(0)?, row.get(1)?);
                Ok(Change { account, period, spent: row.get(2)?, reserved: row.get(3)? })
            })?;
            let changes: Vec<Change> = changes.collect::<Result<_, _>>()?;
            self.step(sequence, row, calls, &changes)?;
        }
        Ok(())
    }

    fn step(
        &mut self,
        sequence: i64,
        row: &rusqlite::Row<'_>,
        calls: &HashMap<i64, Digest>,
        changes: &[Change],
    ) -> Result<(), StoreError> {
        let text = |at: usize| row.get::<_, Option<String>>(at);
        let (at, id, kind): (i64, Vec<u8>, String) = (row.get(1)?, row.get(2)?, row.get(3)?);
        let (detail, scope, usage, ended) = (text(4)?, text(5)?, text(7)?, text(8)?);
        let (by, reason) = (text(9)?, text(10)?);
        let call: Option<i64> = row.get(6)?;
        let call = call.and_then(|call| calls.get(&call)).map(Digest::as_slice);
        text::read_kind(&kind, detail.as_deref())?;
        let written = Written {
            at,
            id: &id,
            kind: &kind,
            detail: detail.as_deref(),
            scope: scope.as_deref(),
            call,
            usage: usage.as_deref(),
            ended: ended.as_deref(),
            by: by.as_deref(),
            reason: reason.as_deref(),
        };
        self.link = written.link(&self.link, sequence.unsigned_abs(), changes);
        if self.link != row.get::<_, Digest>(11)? {
            return Err(damaged(format!("{:?}: entry {sequence} does not fit the chain", self.name)));
        }
        self.sequence = sequence;
        if let (Some(scope), Some(action), "marked") = (scope, detail, kind.as_str()) {
            self.marks.remove(&scope);
            if action != text::action(MarkAction::Reopen) {
                let (by, reason) = (by.unwrap_or_default(), reason.unwrap_or_default());
                self.marks.insert(scope, (action, at, by, reason));
            }
        }
        Ok(())
    }

    fn check_marks(&self, file: &Connection) -> Result<(), StoreError> {
        let mut read =
            file.prepare("SELECT scope, action, since, \"by\", reason FROM frozen WHERE root = ?")?;
        let mut rows = read.query([self.root])?;
        let mut found = Marks::new();
        while let Some(row) = rows.next()? {
            let Frozen { scope, action, since, signature } = mark::read_row(row)?;
            let (by, reason) = (signature.by.into(), signature.reason.into());
            found.insert(scope.to_string(), (text::action(action).into(), since.as_nanos(), by, reason));
        }
        if found == self.marks {
            return Ok(());
        }
        let differs = |(scope, mark): &(&String, &_)| self.marks.get(*scope) != Some(*mark);
        let scope = found.iter().find(differs).map(|(scope, _)| scope.as_str());
        let scope = scope.unwrap_or("a scope that is missing");
        Err(damaged(format!("{:?}: the mark on {scope} is not the journal's", self.name)))
    }
}

fn check_balances(file: &Connection) -> Result<(), StoreError> {
    match rebuild::compare_in(file)?.first() {
        Some(first) => Err(damaged(format!(
            "{:?} in period {}: the journal says {:?}, the account {:?}, or levels that fired differ",
            first.account, first.period, first.journal, first.kept
        ))),
        None => Ok(()),
    }
}

/// What open holds hold must be what accounts have reserved, and every known id must bear its seal.
fn check_holds(file: &Connection) -> Result<(), StoreError> {
    let mut held: HashMap<(i64, i64), i64> = HashMap::new();
    holds::each(file, None, |_, hold| {
        for line in hold.lines.iter().filter(|_| hold.state == State::Held) {
            let sum = held.entry((line.account, line.period)).or_default();
            *sum = sum.saturating_add(line.amount);
        }
        Ok(())
    })?;
    let mut read = file.prepare("SELECT account, period, reserved FROM balances")?;
    let mut rows = read.query([])?;
    while let Some(row) = rows.next()? {
        let (account, period, reserved): (i64, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let holds = held.remove(&(account, period)).unwrap_or(0);
        if holds != reserved {
            return Err(damaged(format!(
                "account {account} in period {period}: holds say {holds} reserved, the account {reserved}"
            )));
        }
    }
    held.retain(|_, amount| *amount != 0);
    match held.keys().next() {
        Some((account, period)) => {
            Err(damaged(format!("account {account} has no balance in period {period}, and holds")))
        }
        None => Ok(()),
    }
}

/// Each crossing of the journal has its event, and each event its crossing.
fn check_events(file: &Connection) -> Result<(), StoreError> {
    let mut read = file.prepare(
        "SELECT root, sequence, level, spent, delivered_at, seal, kind FROM journal FULL JOIN events USING (root, sequence)
         WHERE kind = 'crossed' OR level IS NOT NULL",
    )?;
    let mut rows = read.query([])?;
    while let Some(row) = rows.next()? {
        let (root, sequence): (i64, i64) = (row.get(0)?, row.get(1)?);
        let wrong = || damaged(format!("the event of entry {sequence} of root {root} does not fit"));
        let level: i64 = row.get::<_, Option<i64>>(2)?.ok_or_else(wrong)?;
        let (spent, delivered_at, seal): (i64, Option<i64>, i64) = (row.get(3)?, row.get(4)?, row.get(5)?);
        let kind: Option<String> = row.get(6)?;
        if kind.as_deref() != Some("crossed")
            || events::seal((root, sequence), (level, spent), delivered_at) != seal
        {
            return Err(wrong());
        }
    }
    Ok(())
}
