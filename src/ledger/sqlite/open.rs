//! Is this file a ledger of ours, and of which version?
//!
//! Opening must be safe whatever the path leads to: a new file, a ledger of an older or
//! newer version, somebody else's database, a file that another process is making at this
//! moment. The application id tells ledgers from other files, `user_version` tells
//! versions apart, and every step from one version to the next runs in one transaction.
//!
//! What is asked of SQLite, and why: `journal_mode = WAL`, so that readers do not wait
//! for the writer; `synchronous = FULL` and `fullfsync`, so that a commit is on the disk
//! when it returns; `foreign_keys`, so that a row never names one that is not there;
//! `trusted_schema = OFF` and `cell_size_check`, because the file may come from anywhere.

use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::fault::{StoreError, damaged};
use super::place::Place;
use super::{accounts, path, seals};
use crate::values::private;

/// `tbud` in ASCII: tells a ledger from other programs' files.
pub(super) const APPLICATION_ID: i32 = 0x7462_7564;

/// Each step makes a version out of the one before; a new file runs through all of them.
/// A step that has shipped is never edited.
pub(super) const VERSIONS: [&str; 4] = [
    include_str!("schema/1_books.sql"),
    include_str!("schema/2_views.sql"),
    include_str!("schema/3_conditions.sql"),
    include_str!("schema/4_law.sql"),
];

/// The version after which rows are hashed over the names of tenants, and no more over their numbers in the file.
const SEALED_ANEW: usize = 3;

/// Opens the file, makes it if there is none, and brings an older one up to date.
pub(super) fn open(path: &Path) -> Result<(Connection, Place), StoreError> {
    path::check_name(path)?;
    path::check_log(path)?;
    // Its log and index are made as the file itself is.
    private::make(path);
    let file = connect(path, OpenFlags::SQLITE_OPEN_CREATE)?;
    check_writable(&file)?;
    patiently(|| identity_at_once(&file))?;
    patiently(|| {
        let mode: String = file.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
        if mode == "wal" { Ok(()) } else { Err(damaged(format!("its journal is {mode}, and must be wal"))) }
    })?;
    migrate(&file)?;
    let place = Place::of(path)?;
    for end in ["", "-wal", "-shm"] {
        let mut name = place.path().as_os_str().to_owned();
        name.push(end);
        private::tighten_path(Path::new(&name));
    }
    Ok((file, place))
}

/// Opens a file that [`open`] has made, to read it beside the ledger's thread; makes none.
pub(super) fn beside(place: &Place) -> Result<Connection, StoreError> {
    let file = connect(place.path(), OpenFlags::empty())?;
    place.check()?;
    Ok(file)
}

/// A connection with the settings on which the ledger's promises rest: full syncs,
/// foreign keys, and no trust in what the schema of a stranger's file could run.
fn connect(path: &Path, create: OpenFlags) -> Result<Connection, StoreError> {
    // What the bundled SQLite would read as an address was refused before.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | create;
    let mut file = Connection::open_with_flags(path, flags)?;
    file.busy_handler(Some(wait_a_moment))?;
    file.set_prepared_statement_cache_capacity(64);
    // A prepared statement keeps its plan: without this SQLite compiles it anew whenever a bound value might change the plan.
    file.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    // `fullfsync` is for macOS, where a plain sync does not reach the disk. The limit is what the
    // log keeps of its length once a long read beside it has ended.
    file.execute_batch(
        "PRAGMA synchronous = FULL; PRAGMA fullfsync = ON; PRAGMA foreign_keys = ON;
         PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA cache_size = -16384;
         PRAGMA journal_size_limit = 16777216;",
    )?;
    Ok(file)
}

/// `SQLite` opens a file that may only be read without a word, and refuses the first write.
pub(super) fn check_writable(file: &Connection) -> Result<(), StoreError> {
    if file.is_readonly("main")? { Err(StoreError::ReadOnly) } else { Ok(()) }
}

/// Waits for another process that is writing: mostly less than a millisecond. After 400
/// attempts (some 0.4 s) SQLite reports "busy", and the writer looks whether anybody
/// still waits.
fn wait_a_moment(attempts: i32) -> bool {
    const ATTEMPTS_MAX: i32 = 400;
    std::thread::sleep(Duration::from_micros(if attempts < 20 { 100 } else { 1_000 }));
    attempts < ATTEMPTS_MAX
}

/// Tries again while other processes open the same new file, because SQLite does not wait
/// there by itself: 100 times 10 ms, a second at most.
fn patiently<T>(mut work: impl FnMut() -> Result<T, StoreError>) -> Result<T, StoreError> {
    const ATTEMPTS_MAX: usize = 100;
    for _ in 0..ATTEMPTS_MAX {
        match work() {
            Err(error) if error.is_busy() => std::thread::sleep(Duration::from_millis(10)),
            done => return done,
        }
    }
    work()
}

/// [`check_identity`] inside one read transaction, because another process may be making
/// the file just now.
fn identity_at_once(file: &Connection) -> Result<usize, StoreError> {
    let _instant = file.unchecked_transaction()?;
    check_identity(file)
}

/// The version of a ledger's file; zero if it is new and empty.
fn check_identity(file: &Connection) -> Result<usize, StoreError> {
    let number = |pragma: &str| file.query_row(pragma, [], |row| row.get::<_, i32>(0));
    let (application, version) = (number("PRAGMA application_id")?, number("PRAGMA user_version")?);
    let tables = number("SELECT count(*) FROM sqlite_schema")?;
    if (application, version, tables) == (0, 0, 0) {
        return Ok(0);
    }
    if application != APPLICATION_ID {
        return Err(damaged("it is a database of another program, not a ledger"));
    }
    match usize::try_from(version) {
        Ok(version) if (1..=VERSIONS.len()).contains(&version) => Ok(version),
        _ => Err(damaged(format!(
            "it has version {version}, this program reads versions 1 to {}; use a newer one",
            VERSIONS.len()
        ))),
    }
}

/// Runs the steps that are missing in one transaction: all of them are there afterwards,
/// or none.
fn migrate(file: &Connection) -> Result<(), StoreError> {
    if patiently(|| identity_at_once(file))? == VERSIONS.len() {
        return Ok(());
    }
    patiently(|| Ok(file.execute_batch("BEGIN IMMEDIATE")?))?;
    // Another process may have been quicker.
    let migrated = check_identity(file).and_then(|version| {
        for (before, step) in VERSIONS.iter().enumerate().skip(version) {
            if before == SEALED_ANEW {
                seals::check_old(file)?;
            }
            file.execute_batch(step)?;
            if before == SEALED_ANEW {
                accounts::note_balances(file)?;
                seals::seal_all(file)?;
            }
        }
        file.pragma_update(None, "application_id", APPLICATION_ID)?;
        file.pragma_update(None, "user_version", VERSIONS.len() as i64)?;
        Ok(file.execute_batch("COMMIT")?)
    });
    if migrated.is_err() {
        // The error that counts is the first; what could not be committed is gone when the file is closed.
        let _ = file.execute_batch("ROLLBACK");
    }
    migrated
}
