//! How long does a file remember imported rows? Until the 400th day after that of their usage is over, and no longer.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::Connection;
use token_budget::BudgetLedger;
use token_budget::ledger::{Note, Record, Reply, ReservationId, SqliteLedger, SqliteOptions};
use token_budget::time::{ManualClock, Timestamp};

use super::support::{Folder, balance, charge, closed, count};
use crate::books::{always, claim, line, signed};

const DAY: i64 = 86_400;
/// Imported rows stand behind all ids that bear a time.
const ROWS: &str = "holds WHERE id >= x'80000000000000000000000000000000'";

/// A ledger in that file at that second, which remembers ended ids for so many days.
fn open(path: &Path, second: i64, days: u64) -> (SqliteLedger, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::at(Timestamp::from_secs(second)));
    let options = SqliteOptions {
        remembers: Duration::from_secs(days * DAY.unsigned_abs()),
        ..SqliteOptions::default()
    };
    (SqliteLedger::with_options(path, clock.clone(), options).expect("a ledger"), clock)
}

/// Posts the row of that day.
fn import(ledger: &SqliteLedger, row: &str, day: i64) -> Reply {
    let (claim, attribution, note, now) =
        (&claim(vec![line("team/search", always(), 10)]), &signed("an import"), &Note::default(), None);
    let (id, used_at) = (ReservationId::imported("bill", row), Some(Timestamp::from_secs(day * DAY)));
    let command = Record { id, used_at, claim, amounts: &[3], corrects: None, attribution, note, now };
    ledger.record(command).wait().expect("it is posted")
}

/// A call of that second: its write takes along what may be forgotten.
fn call(ledger: &SqliteLedger, second: i64) {
    let id = ReservationId::generate(Timestamp::from_secs(second));
    charge(ledger, id, &claim(vec![line("team/ads", always(), 10)]), &[0]);
}

#[test]
fn an_imported_row_leaves_the_file_when_its_time_is_over_and_not_a_minute_before() {
    let folder = Folder::in_memory();
    let path = folder.file("books.db");
    let (ledger, clock) = open(&path, 1_000 * DAY, 35);
    import(&ledger, "early", 900);
    import(&ledger, "late", 901);
    // Ids go once a minute at most.
    for (at, left) in [(1_301 * DAY - 60, 2), (1_301 * DAY, 1), (1_302 * DAY, 0)] {
        clock.set(Timestamp::from_secs(at));
        call(&ledger, at);
        assert_eq!(count(&path, ROWS), left, "at second {at}");
    }
    ledger.verify().expect("sound books");
}

#[test]
fn a_file_that_is_opened_with_a_shorter_memory_for_ids_keeps_its_imported_rows() {
    let folder = Folder::in_memory();
    let path = folder.file("books.db");
    let (ledger, _) = open(&path, 1_000 * DAY, 35);
    import(&ledger, "4711", 900);
    drop(ledger);
    closed(&path);

    let (ledger, _) = open(&path, 1_280 * DAY, 1);
    call(&ledger, 1_280 * DAY);
    assert!(import(&ledger, "4711", 900).repeated);
    assert_eq!(balance(&ledger, &claim(vec![line("team/search", always(), 10)])), (3, 0));
}

#[test]
fn the_rows_that_go_are_found_by_an_index() {
    let folder = Folder::in_memory();
    let path = folder.file("books.db");
    drop(open(&path, 0, 35));
    let file = Connection::open(&path).expect("a connection");
    let plan: String = file
        .query_row(
            &format!("EXPLAIN QUERY PLAN SELECT id FROM {ROWS} AND tenant = 1 AND expires_at <= 1 ORDER BY expires_at"),
            [],
            |row| row.get(3),
        )
        .expect("a plan");
    assert!(plan.contains("holds_imported"), "{plan}");
}
