//! Is a changed bit found? `TOKEN_BUDGET_FLIPS` makes the test as long as one likes.

use std::path::Path;

use rusqlite::Connection;
use token_budget::ErrorKind;
use token_budget::ledger::{MarkAction, MarkScope, SqliteLedger};

use super::support::{Folder, balance, charge, hold, open_at, wait};
use crate::books::{always, claim, line, root, scope, signed, team, with_marks};
use crate::support::Dice;
use crate::support::setting;
use token_budget::BudgetLedger;

/// Books with some of everything: open and ended holds, refusals, tombstones, marks, levels.
fn write_books(path: &Path) -> SqliteLedger {
    let ledger = open_at(path, 1_000);
    let two = claim(vec![
        with_marks(line("team/search", always(), 1_000), &[(10, 0), (100, 1)]),
        line("user/ada", always(), 1_000),
    ]);
    for number in 0..20 {
        let (id, _) = hold(&ledger, &two, &[number, number + 1], 9_999);
        if number % 3 != 0 {
            charge(&ledger, id, &two, &[number, number]);
        }
    }
    hold(&ledger, &team(1), &[500], 9_999);
    let (root, search) = (&root(), &scope("team", "ads"));
    let mark = MarkScope { root, scope: search, action: MarkAction::Freeze, signature: &signed("holidays") };
    wait(ledger.mark(mark)).expect("a mark");
    let events = wait(ledger.pending_events(1)).expect("a level was reached");
    wait(ledger.delivered(&events)).expect("it was told");
    ledger
}

/// Every value of every table, in order.
fn contents(file: &Connection) -> Vec<String> {
    let tables = [
        "roots",
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
        ("UPDATE holds SET body = zeroblob(16) WHERE state = 'refused'", "seal"),
        ("UPDATE hold_lines SET refunded = 1", "seal"),
        ("UPDATE accounts SET scope = 'team/other' WHERE account = 1", "team/other"),
        ("UPDATE roots SET time = 0", "seal"),
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

#[test]
fn a_journal_that_lost_its_newest_entry_is_found() {
    let folder = Folder::in_memory();
    let path = folder.file("books.db");
    let ledger = write_books(&path);
    let (trigger, lines) = ("journal_keeps_all_entries", "journal_keeps_all_lines");
    let file = Connection::open(&path).expect("a connection");
    let schema = |name: &str| -> String {
        let sql = "SELECT sql FROM sqlite_schema WHERE name = ?";
        file.query_row(sql, [name], |row| row.get(0)).expect("a trigger")
    };
    let again = format!("{}; {};", schema(trigger), schema(lines));
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
