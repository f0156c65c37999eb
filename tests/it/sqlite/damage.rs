//! Is a changed bit found? `TOKEN_BUDGET_FLIPS` makes the test as long as one likes.

use std::path::Path;

use rusqlite::Connection;
use token_budget::ledger::{MarkAction, MarkScope, Note, OnExpiry, Release, ReservationId, SqliteLedger};
use token_budget::time::Timestamp;
use token_budget::{BudgetLedger, ErrorKind};

use super::support::{Folder, balance, charge, hold, open_at, reserve, wait};
use crate::books::{always, claim, line, scope, signed, team, tenant, with_thresholds};
use crate::support::{Dice, setting};

/// Books with some of everything: open and ended holds, tombstones, marks, thresholds.
pub(super) fn write_books(path: &Path) -> SqliteLedger {
    let ledger = open_at(path, 1_000);
    let two = claim(vec![
        with_thresholds(line("team/search", always(), 1_000), &[(10, 0), (100, 1)]),
        line("user/ada", always(), 1_000),
    ]);
    for number in 0..20 {
        let (id, _) = hold(&ledger, &two, &[number, number + 1], 9_999);
        if number % 3 != 0 {
            charge(&ledger, id, &two, &[number, number]);
        }
    }
    let (id, note) = (ReservationId::generate(Timestamp::from_secs(1_000)), &Note::default());
    let bury = Release { now: None, id, tenant: &tenant(), attribution: None, note };
    wait(ledger.release(bury)).expect("a tombstone");
    let (tenant, search) = (&tenant(), &scope("team", "ads"));
    let mark = MarkScope {
        now: None,
        tenant,
        scope: search,
        action: MarkAction::Freeze,
        attribution: &signed("holidays"),
    };
    wait(ledger.mark(mark)).expect("a mark");
    let events = wait(ledger.pending_events(1)).expect("a threshold was reached");
    wait(ledger.delivered(&events)).expect("it was told");
    ledger
}

/// Every value of every table, in order.
fn contents(file: &Connection) -> Vec<String> {
    let tables = [
        "tenants",
        "accounts",
        "balances",
        "calls",
        "holds",
        "hold_lines",
        "frozen",
        "journal",
        "journal_lines",
        "events",
    ];
    let mut all = Vec::new();
    for table in tables {
        let mut read = file.prepare(&format!("SELECT * FROM {table} ORDER BY 1, 2, 3")).expect("a table");
        let columns = read.column_count();
        let rows = read.query_map([], |row| {
            let values = (0..columns).map(|at| row.get_ref(at).map(|value| format!("{value:?}")));
            values.collect::<Result<Vec<_>, _>>()
        });
        all.extend(rows.expect("rows").map(|row| format!("{table} {}", row.expect("a row").join(", "))));
    }
    all
}

#[test]
fn a_flipped_bit_is_found_or_harmless() {
    let flips = setting("TOKEN_BUDGET_FLIPS", 120);
    let mut dice = Dice::new("flips");
    let folder = Folder::in_memory();
    let path = folder.file("books.db");
    let ledger = write_books(&path);
    ledger.verify().expect("sound books");
    let file = Connection::open(&path).expect("a second connection");
    // The log goes into the file, so that the file is all there is.
    file.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).expect("a checkpoint");
    let (image, expected) = (std::fs::read(&path).expect("the file"), contents(&file));
    let (mut found, mut harmless) = (0, 0);

    for flip in 0..flips {
        let path = folder.file(&format!("flip{flip}.db"));
        let place = usize::try_from(dice.below(image.len() as u64)).expect("small");
        let bit = dice.below(8);
        let mut flipped = image.clone();
        flipped[place] ^= 1 << bit;
        std::fs::write(&path, flipped).expect("an image");

        match SqliteLedger::open(&path).and_then(|ledger| ledger.verify()) {
            Err(_) => found += 1,
            Ok(()) => {
                let file = Connection::open(&path).expect("a connection");
                assert_eq!(contents(&file), expected, "bit {bit} of byte {place} was not found");
                harmless += 1;
            }
        }
    }

    println!("{flips} flipped bits: {found} found, {harmless} harmless");
    assert!(flips < 100 || (found > 0 && harmless > 0), "the image is not what it should be");
}

#[test]
fn each_sort_of_row_that_somebody_changed_is_named() {
    let changes = [
        ("UPDATE balances SET spent = spent + 1 WHERE period = 0 AND account = 1", "team/search"),
        ("UPDATE balances SET fired = 0", "team/search"),
        ("UPDATE balances SET reserved = reserved + 1 WHERE account = 2", "user/ada"),
        ("DELETE FROM balances WHERE account = 2", "user/ada"),
        ("DROP TRIGGER journal_keeps_lines; UPDATE journal_lines SET spent = 0 WHERE sequence = 4", "schema"),
        ("UPDATE holds SET expires_at = 1 WHERE state = 'held'", "seal"),
        ("UPDATE holds SET ended_at = 7 WHERE state = 'tombstone'", "seal"),
        ("UPDATE holds SET body = zeroblob(16) WHERE state <> 'held'", "seal"),
        ("UPDATE hold_lines SET refunded = 1", "seal"),
        ("UPDATE hold_lines SET line = 7 WHERE line = 1", "a line of reservation"),
        ("UPDATE accounts SET live = 3", "account"),
        ("UPDATE accounts SET scope = 'team/other' WHERE account = 1", "team/other"),
        ("UPDATE tenants SET time = 0", "seal"),
        ("DELETE FROM frozen", "the mark on"),
        ("UPDATE frozen SET reason = 'none'", "team/ads"),
        ("UPDATE events SET delivered_at = 7 WHERE delivered_at IS NULL", "event"),
        ("DELETE FROM events", "event"),
    ];
    for (change, named) in changes {
        let folder = Folder::in_memory();
        let path = folder.file("books.db");
        let ledger = write_books(&path);
        ledger.verify().expect("sound books");

        Connection::open(&path).expect("a connection").execute_batch(change).expect("it can be changed");

        let error = ledger.verify().expect_err(change);
        assert_eq!(error.kind(), ErrorKind::Damaged, "{change}: {error}");
        assert!(error.to_string().contains(named), "{change}: {error}");
    }
}

/// The text that makes that part of the schema.
fn schema(file: &Connection, name: &str) -> String {
    let sql = "SELECT sql FROM sqlite_schema WHERE name = ?";
    file.query_row(sql, [name], |row| row.get(0)).expect("a trigger")
}

#[test]
fn a_line_of_the_journal_that_has_another_number_is_found() {
    let folder = Folder::in_memory();
    let path = folder.file("books.db");
    let ledger = write_books(&path);
    let file = Connection::open(&path).expect("a connection");
    let again = schema(&file, "journal_keeps_lines");
    file.execute_batch(&format!(
        "DROP TRIGGER journal_keeps_lines;
         UPDATE journal_lines SET line = 7 WHERE sequence = 1 AND line = 1; {again}"
    ))
    .expect("the order of the lines is what it was");

    let error = ledger.verify().expect_err("a line is missing");

    assert!(error.to_string().contains("a line of entry 1"), "{error}");
}

#[test]
fn books_that_come_back_with_less_than_was_acknowledged_admit_nothing() {
    let tables = "frozen, events, journal_lines, journal, hold_lines, holds, balances, accounts, tenants";
    let empty: String = tables.split(", ").map(|table| format!("DELETE FROM {table};")).collect();
    let restore: String =
        tables.rsplit(", ").map(|table| format!("INSERT INTO {table} SELECT * FROM old.{table};")).collect();
    for (what, restored, others) in
        [("empty", false, 0), ("an older copy", true, 0), ("an older copy that others wrote on", true, 1)]
    {
        let folder = Folder::in_memory();
        let (path, copy) = (folder.file("books.db"), folder.file("old.db"));
        let ledger = open_at(&path, 0);
        hold(&ledger, &team(100), &[1], 9_999);
        let file = Connection::open(&path).expect("a connection");
        file.execute("VACUUM INTO ?", [copy.to_str().expect("plain")]).expect("a copy");
        hold(&ledger, &team(100), &[2], 9_999);
        file.execute("ATTACH ? AS old", [copy.to_str().expect("plain")]).expect("the copy");
        let restore = if restored { restore.as_str() } else { "" };
        file.execute_batch(&format!(
            "PRAGMA foreign_keys = OFF; BEGIN;
             DROP TRIGGER journal_keeps_all_entries; DROP TRIGGER journal_keeps_all_lines;
             {empty} {restore} COMMIT"
        ))
        .expect("somebody restores what was saved");
        for _ in 0..others {
            hold(&open_at(&path, 0), &team(100), &[3], 9_999);
        }

        let (id, note) = (ReservationId::generate(Timestamp::EPOCH), Note::default());
        let expiry = (Timestamp::MAX, OnExpiry::Hold);
        let error = reserve(&ledger, (id, &note), (&team(100), &[4]), expiry).expect_err(what);

        assert_eq!(error.kind(), ErrorKind::Damaged, "{what}: {error}");
        assert!(error.to_string().contains("were confirmed"), "{what}: {error}");
    }
}

#[test]
fn a_journal_that_lost_its_newest_entry_is_found() {
    let folder = Folder::in_memory();
    let path = folder.file("books.db");
    let ledger = write_books(&path);
    let (trigger, lines) = ("journal_keeps_all_entries", "journal_keeps_all_lines");
    let file = Connection::open(&path).expect("a connection");
    let again = format!("{}; {};", schema(&file, trigger), schema(&file, lines));
    file.execute_batch(&format!(
        "DROP TRIGGER {trigger}; DROP TRIGGER {lines};
         DELETE FROM journal WHERE sequence = (SELECT max(sequence) FROM journal); {again}"
    ))
    .expect("the last entry, a mark, has no lines");

    let error = ledger.verify().expect_err("an entry is missing");

    assert!(error.to_string().contains("ends with entry"), "{error}");
}

#[test]
fn balances_are_made_anew_from_the_journal() {
    let folder = Folder::in_memory();
    let path = folder.file("books.db");
    let ledger = write_books(&path);
    let before = balance(&ledger, &team(1_000));
    assert_eq!(ledger.compare().expect("a comparison"), []);
    let file = Connection::open(&path).expect("a connection");
    file.execute_batch("UPDATE balances SET spent = spent + 7 WHERE account = 1").expect("a meddler");

    let differ = ledger.compare().expect("a comparison");
    assert_eq!((differ.len(), differ[0].account.scope().to_string().as_str()), (1, "team/search"));
    assert_eq!(differ[0].kept.spent - differ[0].journal.spent, 7);
    wait(ledger.rebuild()).expect("new balances");

    assert_eq!(balance(&ledger, &team(1_000)), before);
    ledger.verify().expect("sound books");
}

#[test]
fn the_journal_cannot_be_changed_by_plain_sql() {
    let folder = Folder::in_memory();
    let path = folder.file("books.db");
    let _ledger = write_books(&path);
    let file = Connection::open(&path).expect("a connection");

    for change in ["UPDATE journal SET at = 0", "DELETE FROM journal_lines", "DELETE FROM journal"] {
        let error = file.execute_batch(change).expect_err("append-only");
        assert!(error.to_string().contains("append-only"), "{error}");
    }
}
