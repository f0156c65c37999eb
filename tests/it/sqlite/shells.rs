//! Do the tools of SQLite find sound books sound, also those of other versions?

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use rusqlite::Connection;
use token_budget::ledger::{About, Note, OnExpiry, ReservationId, SqliteLedger};
use token_budget::time::Timestamp;

use super::damage::write_books;
use super::support::{Folder, open_at, reserve};
use crate::books::team;

/// What stands in the brackets of each `CHECK` of a table.
fn checks(sql: &str) -> Vec<String> {
    let lines = sql.lines().map(|line| line.split("--").next().unwrap_or_default());
    let code = lines.collect::<Vec<_>>().join(" ");
    let bracketed = |rest: &str| {
        let mut depth = 0;
        let inside = |c: &char| {
            depth += i32::from(*c == '(') - i32::from(*c == ')');
            depth > 0
        };
        rest.trim_start().chars().take_while(inside).skip(1).collect::<String>().trim().to_owned()
    };
    code.split("CHECK").skip(1).map(bracketed).collect()
}

/// Whether that word stands in the text.
fn names(text: &str, word: &str) -> bool {
    text.split(|c: char| !c.is_alphanumeric() && c != '_').any(|found| found == word)
}

/// Versions of SQLite differ in what functions make of NULL: `json_valid(NULL)` was once false, so that `PRAGMA integrity_check` of
/// an older shell called sound books damaged. What may be NULL is asked for NULL first.
#[test]
fn no_check_of_the_schema_gives_null_to_a_function() {
    let folder = Folder::in_memory();
    let path = folder.file("books.db");
    let _ledger = open_at(&path, 0);
    let file = Connection::open(&path).expect("a connection");
    let mut read =
        file.prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'table'").expect("sound SQL");
    let tables =
        read.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))).expect("tables");
    let (mut all, mut of_nullable) = (0, 0);

    for table in tables {
        let (table, sql) = table.expect("a table");
        let nullable = "SELECT name FROM pragma_table_info(?) WHERE NOT \"notnull\" AND pk = 0";
        let mut read = file.prepare(nullable).expect("sound SQL");
        let nullable: Vec<String> = read
            .query_map([&table], |row| row.get(0))
            .expect("columns")
            .collect::<Result<_, _>>()
            .expect("names");
        for check in checks(&sql) {
            all += 1;
            for column in nullable.iter().filter(|column| names(&check, column)) {
                of_nullable += 1;
                let is_asked_first = check.starts_with(&format!("{column} IS NULL OR "));
                let is_only_asked = !names(&check.replace(&format!("{column} IS NULL"), ""), column);
                assert!(
                    is_asked_first || is_only_asked,
                    "{table}: CHECK ({check}) of a {column} that may be NULL"
                );
            }
        }
    }

    assert!(
        all >= 25 && of_nullable >= 3,
        "{all} checks, {of_nullable} of what may be NULL: the reader is broken"
    );
}

/// What the shell says to that input; nothing where the machine has none.
fn shell(path: &Path, input: &str) -> Option<String> {
    let mut command = Command::new("sqlite3");
    command.arg("-bail").arg(path).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().ok()?;
    let input = input.to_owned();
    let mut stdin = child.stdin.take().expect("a pipe");
    // Whoever writes all of it before reading waits for a full pipe.
    let writer = std::thread::spawn(move || std::io::Write::write_all(&mut stdin, input.as_bytes()));
    let output = child.wait_with_output().expect("it ends");
    writer.join().expect("no panic").expect("it reads");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).expect("text"))
}

#[test]
fn a_shell_finds_sound_books_sound_and_its_dump_is_read_back_as_the_same_books() {
    let folder = Folder::in_memory();
    let (path, copy) = (folder.file("books.db"), folder.file("copy.db"));
    let ledger = write_books(&path);
    let about = About { model: "gpt-4o".into(), ..About::default() };
    let note = Note { about: Some(Arc::new(about)), ..Note::default() };
    let id = ReservationId::generate(Timestamp::from_secs(1_000));
    let expiry = (Timestamp::from_secs(9_999), OnExpiry::Hold);
    reserve(&ledger, (id, &note), (&team(100), &[1]), expiry).expect("room");
    drop(ledger);
    // `STRICT` tables came with 3.37.
    let version = shell(Path::new(":memory:"), "SELECT sqlite_version();").unwrap_or_default();
    let numbers: Vec<u32> = version.trim_end().split('.').filter_map(|number| number.parse().ok()).collect();
    if numbers.as_slice() < &[3, 37] {
        return println!("skipped: no shell of SQLite 3.37 or later here: {version:?}");
    }
    println!("sqlite3 {version}");

    let checked = shell(&path, "PRAGMA integrity_check; PRAGMA foreign_key_check;").expect("a shell");
    assert_eq!(checked, "ok\n");
    let dump = shell(&path, ".dump").expect("a shell");
    // A dump leaves out whose file it is.
    let whose = "PRAGMA application_id = 0x74627564; PRAGMA user_version = ";
    let version = shell(&path, "PRAGMA user_version;").expect("a shell");
    shell(&copy, &format!("{dump}\n{whose}{version};")).expect("a shell");

    assert_eq!(shell(&copy, "PRAGMA integrity_check;").expect("a shell"), "ok\n");
    let again = SqliteLedger::open(&copy).expect("the same ledger");
    again.verify().expect("sound books");
    let count = |path| super::support::count(path, "journal");
    assert_eq!(count(&copy), count(&path));
}
