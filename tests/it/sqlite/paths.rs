//! Which paths lead to a ledger, and what is left alone?

use std::path::Path;

use rusqlite::Connection;
use token_budget::ErrorKind;
use token_budget::ledger::SqliteLedger;

use super::support::{Folder, balance, hold, open_at};
use crate::books::team;

#[test]
fn what_sqlite_takes_for_no_file_is_invalid_and_names_the_field() {
    // The bundled SQLite reads addresses whether or not it is asked to, and this one asks for books in memory.
    let shared = "file::memory:?cache=shared";
    for path in ["", ":memory:", "file::memory:", shared, "file:books.db?mode=memory", "a\0b"] {
        let error = SqliteLedger::open(path).expect_err("no name of a file");

        assert_eq!(error.kind(), ErrorKind::Invalid, "{path}: {error}");
        assert!(error.to_string().contains("path: "), "{path}: {error}");
        assert!(path.is_empty() || path.contains('\0') || !Path::new(path).exists(), "{path} was made");
    }
}

#[test]
fn a_file_whose_name_looks_like_an_address_is_a_file_where_its_folder_is_named() {
    let folder = Folder::in_memory();
    let path = folder.file("file:books.db");

    hold(&open_at(&path, 0), &team(10), &[5], 3_600);

    assert_eq!(balance(&open_at(&path, 0), &team(10)), (0, 5));
}

/// A ledger's file and its log, as they lie there while a process has them open; then that process is gone.
fn left_behind(folder: &Folder) -> (Vec<u8>, Vec<u8>) {
    let path = folder.file("lived.db");
    let ledger = open_at(&path, 0);
    hold(&ledger, &team(10), &[9], 3_600);
    let read = |name: &str| std::fs::read(folder.file(name)).expect("a file");
    (read("lived.db"), read("lived.db-wal"))
}

/// A file that was moved without its log once made room for new books: SQLite made an empty file and overwrote the log, in which
/// the newest charges stood and nowhere else.
#[test]
fn a_log_without_its_file_is_damage_and_is_left_alone() {
    let folder = Folder::in_memory();
    let (file, log) = left_behind(&folder);
    for (name, is_empty) in [("missing.db", false), ("empty.db", true)] {
        let (path, beside) = (folder.file(name), folder.file(&format!("{name}-wal")));
        std::fs::write(&beside, &log).expect("a log");
        if is_empty {
            std::fs::write(&path, "").expect("an empty file");
        }

        let error = SqliteLedger::open(&path).expect_err("its file is gone");

        assert_eq!(error.kind(), ErrorKind::Damaged, "{error}");
        for said in [path.to_str().unwrap(), beside.to_str().unwrap(), "put both back together"] {
            assert!(error.to_string().contains(said), "{said}: {error}");
        }
        assert_eq!(path.exists(), is_empty, "nothing was made");
        assert!(!folder.file(&format!("{name}-shm")).exists(), "nothing was made");
        assert_eq!(std::fs::read(&beside).expect("the log"), log);

        // What the error says to do brings everything back.
        std::fs::write(&path, &file).expect("the file");
        assert_eq!(balance(&open_at(&path, 0), &team(10)), (0, 9));
    }
}

#[cfg(unix)]
#[test]
fn a_log_without_its_file_is_found_behind_a_link_that_leads_nowhere() {
    let folder = Folder::in_memory();
    let (_, log) = left_behind(&folder);
    std::fs::write(folder.file("gone.db-wal"), &log).expect("a log");
    std::os::unix::fs::symlink("gone.db", folder.file("link.db")).expect("a link");

    let error = SqliteLedger::open(folder.file("link.db")).expect_err("its file is gone");

    assert_eq!(error.kind(), ErrorKind::Damaged, "{error}");
    assert!(!folder.file("gone.db").exists(), "nothing was made");
    assert_eq!(std::fs::read(folder.file("gone.db-wal")).expect("the log"), log);
}

#[test]
fn an_empty_log_beside_no_file_is_a_new_ledger() {
    let folder = Folder::in_memory();
    let path = folder.file("books.db");
    std::fs::write(folder.file("books.db-wal"), "").expect("an empty log");

    hold(&open_at(&path, 0), &team(10), &[5], 3_600);

    let file = Connection::open(&path).expect("a connection");
    assert_eq!(file.query_row("SELECT count(*) FROM holds", [], |row| row.get::<_, i64>(0)), Ok(1));
}
