//! Which files are opened, and what becomes of older ones?

use std::path::Path;
use std::time::Instant;

use rusqlite::Connection;
use token_budget::ErrorKind;
use token_budget::ledger::SqliteLedger;

use super::support::{Folder, balance, charge, hold, open_at, wait};
use crate::books::team;
use crate::support::setting;

fn sql(path: &Path, text: &str) {
    Connection::open(path).expect("a connection").execute_batch(text).expect("sound SQL");
}

fn number(path: &Path, text: &str) -> i64 {
    Connection::open(path).expect("a connection").query_row(text, [], |row| row.get(0)).expect("a number")
}

/// A file as version 1 wrote it: the same books, without the views.
fn version_1(path: &Path) {
    let ledger = open_at(path, 0);
    let (id, _) = hold(&ledger, &team(100), &[5], 3_600);
    charge(&ledger, id, &team(100), &[4]);
    hold(&ledger, &team(100), &[7], 3_600);
    let views = ["spend_by_tag", "spend_by_model", "spend_by_day", "spend_by_scope", "charges"];
    views.iter().for_each(|view| sql(path, &format!("DROP VIEW {view}")));
    sql(path, "DROP VIEW recomputed_balances; PRAGMA user_version = 1");
}

#[test]
fn a_new_file_has_the_newest_version_and_says_whose_it_is() {
    let folder = Folder::in_memory();
    let path = folder.file("books.db");
    let _ledger = open_at(&path, 0);

    assert_eq!(number(&path, "PRAGMA user_version"), 2);
    assert_eq!(number(&path, "PRAGMA application_id"), i64::from(u32::from_be_bytes(*b"tbud")));
}

#[test]
fn the_schema_of_version_1_alone_is_brought_up_to_date() {
    let folder = Folder::in_memory();
    let path = folder.file("books.db");
    sql(&path, include_str!("../../../src/ledger/sqlite/schema/1_books.sql"));
    sql(&path, "PRAGMA user_version = 1; PRAGMA application_id = 0x74627564");

    let ledger = open_at(&path, 0);
    hold(&ledger, &team(10), &[5], 3_600);

    assert_eq!(number(&path, "PRAGMA user_version"), 2);
    ledger.verify().expect("sound books");
}

#[test]
fn a_file_of_version_1_keeps_its_books() {
    let folder = Folder::in_memory();
    let path = folder.file("books.db");
    version_1(&path);

    let ledger = open_at(&path, 0);

    assert_eq!(number(&path, "PRAGMA user_version"), 2);
    assert_eq!(balance(&ledger, &team(100)), (4, 7));
    assert_eq!(number(&path, "SELECT spent FROM spend_by_scope"), 4);
    ledger.verify().expect("sound books");
}

#[test]
fn a_migration_that_fails_leaves_the_old_version() {
    let folder = Folder::in_memory();
    let path = folder.file("books.db");
    version_1(&path);
    // Another program's table stands where the last but one view is to come.
    sql(&path, "CREATE TABLE spend_by_model (whatever)");

    let error = SqliteLedger::open(&path).expect_err("the view cannot be made");

    assert!(error.to_string().contains("spend_by_model"), "{error}");
    assert_eq!(number(&path, "PRAGMA user_version"), 1);
    assert_eq!(number(&path, "SELECT count(*) FROM sqlite_schema WHERE type = 'view'"), 0);
}

#[test]
fn a_newer_version_is_refused_with_both_numbers() {
    let folder = Folder::in_memory();
    let path = folder.file("books.db");
    drop(open_at(&path, 0));
    sql(&path, "PRAGMA user_version = 3");

    let error = SqliteLedger::open(&path).expect_err("it is newer");

    assert_eq!(error.kind(), ErrorKind::Damaged);
    assert!(error.to_string().contains("version 3") && error.to_string().contains("1 to 2"), "{error}");
}

#[test]
fn other_files_are_refused_and_left_alone() {
    let folder = Folder::in_memory();
    let (other, text) = (folder.file("other.db"), folder.file("notes.txt"));
    sql(&other, "CREATE TABLE recipes (name)");
    std::fs::write(&text, "dear diary, ".repeat(1_000)).expect("a file");

    let of_another = SqliteLedger::open(&other).expect_err("a database of another program");
    let no_database = SqliteLedger::open(&text).expect_err("no database");
    let nowhere = SqliteLedger::open(folder.file("no/such/folder/books.db")).expect_err("no folder");

    assert_eq!((of_another.kind(), no_database.kind()), (ErrorKind::Damaged, ErrorKind::Damaged));
    assert!(of_another.to_string().contains("another program"), "{of_another}");
    assert_eq!(nowhere.kind(), ErrorKind::LedgerUnavailable);
    assert_eq!(number(&other, "SELECT count(*) FROM sqlite_schema"), 1);
    assert!(std::fs::read_to_string(&text).expect("a file").starts_with("dear diary"));
}

#[test]
#[expect(clippy::disallowed_methods, reason = "how long opening takes is what is measured")]
fn opening_reads_no_entries() {
    let entries = setting("TOKEN_BUDGET_SQLITE_ENTRIES", 2_000);
    let folder = Folder::in_memory();
    let path = folder.file("books.db");
    let first = open_at(&path, 0);
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let pairs = entries / 2;
    runtime.block_on(async {
        let mut tasks = tokio::task::JoinSet::new();
        for task in 0..64 {
            let ledger = first.clone();
            tasks.spawn(async move {
                for _ in 0..pairs / 64 + u64::from(task < pairs % 64) {
                    super::handles::pair(&ledger).await;
                }
            });
        }
        while let Some(done) = tasks.join_next().await {
            done.expect("a task");
        }
    });

    // Beside the first handle: the last one that closes a file copies its log into it, and others wait for that.
    let started = Instant::now();
    let ledger = open_at(&path, 0);
    let opened = started.elapsed();
    let read = balance(&ledger, &team(i64::MAX));

    println!("{entries} entries: opened in {opened:?}, first balance after {:?}", started.elapsed());
    assert_eq!(read, (i64::try_from(pairs).expect("small"), 0));
    assert_eq!(
        wait(token_budget::BudgetLedger::entries(&ledger, &crate::books::root(), entries, 9)).unwrap().len(),
        1
    );
    // A scan of a million entries takes seconds; opening runs a handful of statements.
    assert!(opened.as_millis() < 1_000, "{opened:?}");
}
