//! Which files are opened, and what becomes of older ones?

use std::path::Path;
use std::sync::Barrier;
use std::time::Instant;

use rusqlite::Connection;
use token_budget::ledger::{
    Certainty, MarkAction, MarkScope, Note, OnExpiry, Reconcile, ReservationId, SqliteLedger, Tenant,
};
use token_budget::time::Timestamp;
use token_budget::{BudgetLedger, ErrorKind};

use super::support::{Folder, balance, hold, open_at, reserve, wait};
use crate::books::{scope, signed, team, tenant};
use crate::support::setting;

fn sql(path: &Path, text: &str) {
    Connection::open(path).expect("a connection").execute_batch(text).expect("sound SQL");
}

fn number(path: &Path, text: &str) -> i64 {
    Connection::open(path).expect("a connection").query_row(text, [], |row| row.get(0)).expect("a number")
}

/// A file as that version wrote it: for each of two tenants 8 tokens are spent on one day and 3 are held on the next.
pub(super) fn older(path: &Path, version: u8) {
    let books = match version {
        1 => include_str!("../../fixtures/ledger/version_1.sql"),
        _ => include_str!("../../fixtures/ledger/version_3.sql"),
    };
    sql(path, &format!("PRAGMA foreign_keys = OFF; {books}"));
    sql(path, &format!("PRAGMA user_version = {version}; PRAGMA application_id = 0x74627564"));
}

/// Opens an older file at ten in the evening of its last day, an hour before its last holds end.
fn open_older(path: &Path) -> SqliteLedger {
    let at: Timestamp = "2026-12-01T02:00:00Z".parse().expect("an instant");
    open_at(path, at.as_nanos() / 1_000_000_000)
}

#[test]
fn a_new_file_has_the_newest_version_and_says_whose_it_is() {
    let folder = Folder::in_memory();
    let path = folder.file("books.db");
    let _ledger = open_at(&path, 0);

    assert_eq!(number(&path, "PRAGMA user_version"), 4);
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

    assert_eq!(number(&path, "PRAGMA user_version"), 4);
    ledger.verify().expect("sound books");
}

#[test]
fn a_file_of_version_1_keeps_its_books() {
    let folder = Folder::in_memory();
    let path = folder.file("books.db");
    older(&path, 1);

    let ledger = open_older(&path);

    assert_eq!(number(&path, "PRAGMA user_version"), 4);
    assert_eq!(number(&path, "SELECT sum(spent) FROM spend_by_scope WHERE scope = 'team/search'"), 18);
    ledger.verify().expect("sound books");
}

#[test]
fn a_file_of_version_3_keeps_its_books_its_chain_and_its_open_holds() {
    let folder = Folder::in_memory();
    let path = folder.file("books.db");
    older(&path, 3);
    let entries = number(&path, "SELECT count(*) FROM journal");

    let ledger = open_older(&path);
    ledger.verify().expect("sound books");
    let acme = Tenant::named("acme").expect("a name");
    let open = wait(ledger.open_holds(&acme, 9)).expect("open holds");

    assert_eq!(open.len(), 1);
    assert_eq!(open[0].lines.iter().map(|line| line.amount).collect::<Vec<_>>(), [3, 1]);
    assert_eq!(open[0].about.as_ref().expect("a call").provider.as_deref(), Some("openai"));
    let (claim, note) = (open[0].claim(&acme).expect("its lines"), Note::default());
    let used = Reconcile {
        id: open[0].id,
        claim: &claim,
        amounts: &[2, 1],
        certainty: Certainty::Reported,
        attribution: None,
        note: &note,
        now: None,
    };
    assert_eq!(wait(ledger.reconcile(used)).expect("it ends").balances[0].spent, 2);
    assert_eq!(number(&path, "SELECT count(*) FROM holds WHERE state = 'refused'"), 0);
    // Reaching nothing, the charge is one entry more; nothing of the chain was written anew.
    assert_eq!(number(&path, "SELECT count(*) FROM journal"), entries + 1);
    ledger.verify().expect("sound books");
}

#[test]
fn an_older_file_with_a_row_that_somebody_changed_is_not_sealed_anew() {
    let folder = Folder::in_memory();
    for change in [
        "UPDATE holds SET expires_at = 1 WHERE state = 'held'",
        "UPDATE hold_lines SET amount = 1 WHERE amount = 3",
        "UPDATE accounts SET scope = 'team/other' WHERE account = 1",
        "UPDATE tenants SET time = 0",
        "UPDATE events SET delivered_at = NULL",
    ] {
        let path = folder.file("changed.db");
        older(&path, 3);
        sql(&path, change);

        let error = SqliteLedger::open(&path).expect_err(change);

        assert_eq!(error.kind(), ErrorKind::Damaged, "{change}: {error}");
        assert_eq!(number(&path, "PRAGMA user_version"), 3, "{change}");
        std::fs::remove_file(&path).expect("a file");
    }
}

#[test]
fn a_migration_that_fails_leaves_the_old_version() {
    let folder = Folder::in_memory();
    let path = folder.file("books.db");
    older(&path, 1);
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
    sql(&path, "PRAGMA user_version = 5");

    let error = SqliteLedger::open(&path).expect_err("it is newer");

    assert_eq!(error.kind(), ErrorKind::Damaged);
    assert!(error.to_string().contains("version 5") && error.to_string().contains("1 to 4"), "{error}");
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
fn a_folder_is_no_file_and_an_empty_file_is_a_new_ledger() {
    let folder = Folder::in_memory();
    let (inner, empty) = (folder.file("inner"), folder.file("empty.db"));
    std::fs::create_dir(&inner).expect("a folder");
    std::fs::write(&empty, "").expect("a file");

    let of_folder = SqliteLedger::open(&inner).expect_err("a folder");

    assert_eq!(of_folder.kind(), ErrorKind::LedgerUnavailable);
    hold(&open_at(&empty, 0), &team(10), &[5], 3_600);
}

/// The error that a ledger gives whose file was tampered with.
fn refusal(ledger: &SqliteLedger) -> token_budget::Error {
    let (id, note) = (ReservationId::generate(Timestamp::EPOCH), Note::default());
    let expiry = (Timestamp::MAX, OnExpiry::Hold);
    reserve(ledger, (id, &note), (&team(100), &[1]), expiry).expect_err("it would be written to nowhere")
}

#[test]
fn a_file_that_was_deleted_or_replaced_under_way_takes_no_further_command() {
    // SQLite goes on writing to a file without a name, and all of it is gone at the end.
    type Tamper = fn(&Path, &Path);
    let tamper: [(&str, Tamper); 3] = [
        ("the file is deleted", |file, _| std::fs::remove_file(file).expect("deleted")),
        ("the log is deleted", |_, log| std::fs::remove_file(log).expect("deleted")),
        ("an older copy takes its place", |file, _| {
            let copy = file.with_extension("copy");
            std::fs::copy(file, &copy).expect("a copy");
            std::fs::rename(&copy, file).expect("in its place");
        }),
    ];
    for (what, tamper) in tamper {
        let folder = Folder::in_memory();
        let (path, log) = (folder.file("books.db"), folder.file("books.db-wal"));
        let ledger = open_at(&path, 0);
        hold(&ledger, &team(100), &[5], 3_600);

        tamper(&path, &log);
        let first = refusal(&ledger);
        let later = refusal(&ledger);

        for error in [first, later] {
            assert_eq!(error.kind(), ErrorKind::LedgerUnavailable, "{what}: {error}");
            assert!(error.to_string().contains("moved, deleted or replaced"), "{what}: {error}");
        }
        assert_eq!(ledger.verify().expect_err(what).kind(), ErrorKind::LedgerUnavailable, "{what}");
    }
}

#[test]
fn checking_the_books_makes_no_file() {
    let folder = Folder::in_memory();
    let path = folder.file("books.db");
    let ledger = open_at(&path, 0);
    std::fs::remove_file(&path).expect("deleted");

    let (verified, compared) = (ledger.verify(), ledger.compare().map(drop));

    assert_eq!(verified.expect_err("it is gone").kind(), ErrorKind::LedgerUnavailable);
    assert_eq!(compared.expect_err("it is gone").kind(), ErrorKind::LedgerUnavailable);
    assert!(!path.exists(), "an empty file would be opened as a new ledger");
}

#[cfg(unix)]
#[test]
fn a_link_leads_to_the_same_books_even_when_it_is_gone() {
    let folder = Folder::in_memory();
    let (path, link) = (folder.file("books.db"), folder.file("link.db"));
    let ledger = open_at(&path, 0);
    std::os::unix::fs::symlink(&path, &link).expect("a link");
    let linked = open_at(&link, 0);

    hold(&ledger, &team(100), &[5], 3_600);
    hold(&linked, &team(100), &[6], 3_600);
    std::fs::remove_file(&link).expect("deleted");
    hold(&linked, &team(100), &[7], 3_600);

    assert_eq!(balance(&ledger, &team(100)), (0, 18));
    linked.verify().expect("sound books");
}

#[test]
fn threads_that_open_a_new_file_at_once_all_get_the_same_books() {
    const THREADS: usize = 8;
    for _ in 0..20 {
        let folder = Folder::in_memory();
        let path = folder.file("books.db");
        let start = Barrier::new(THREADS);
        std::thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    start.wait();
                    hold(&open_at(&path, 0), &team(100), &[1], 3_600);
                });
            }
        });
        assert_eq!(balance(&open_at(&path, 0), &team(100)), (0, 8));
    }
}

#[test]
fn the_log_is_short_again_after_a_long_read_beside_it() {
    let folder = Folder::in_memory();
    let (path, log) = (folder.file("books.db"), folder.file("books.db-wal"));
    let ledger = open_at(&path, 0);
    // Entries of a megabyte each fill the log quickly.
    let attribution = signed(&"why ".repeat(250_000));
    let freeze_and_open = || {
        for action in [MarkAction::Freeze, MarkAction::Reopen] {
            let (tenant, scope) = (&tenant(), &scope("team", "ads"));
            wait(ledger.mark(MarkScope { now: None, tenant, scope, action, attribution: &attribution }))
                .expect("a mark");
        }
    };
    freeze_and_open();
    let length = || std::fs::metadata(&log).expect("a log").len();
    let reader = Connection::open(&path).expect("a connection");
    reader.execute_batch("BEGIN; SELECT count(*) FROM journal").expect("a long read");
    (0..10).for_each(|_| freeze_and_open());
    let long = length();

    reader.execute_batch("COMMIT").expect("it ends");
    (0..2).for_each(|_| freeze_and_open());

    assert!(long > 20_000_000, "the reader kept the log from being emptied: {long}");
    assert!(length() <= 16 << 20, "{} bytes are left of {long}", length());
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
        wait(token_budget::BudgetLedger::entries(&ledger, &crate::books::tenant(), entries, 9))
            .unwrap()
            .len(),
        1
    );
    // A scan of a million entries takes seconds; opening runs a handful of statements.
    assert!(opened.as_millis() < 1_000, "{opened:?}");
}
