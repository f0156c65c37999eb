//! May a ledger be opened under that path?
//!
//! Two questions come before SQLite sees the path. *Is it the name of a file?* SQLite takes an empty path and `:memory:` for books
//! that nobody finds again, and its bundled build reads `file:…` as an address, which can ask for such books as well. *Is its log
//! an orphan?* SQLite makes an empty file beside a log whose file is missing, and overwrites the log: the only copy of what was
//! written last.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use super::fault::{StoreError, damaged};

/// Refuses a path that SQLite would not take for the name of a file.
pub(super) fn check_name(path: &Path) -> Result<(), StoreError> {
    let why = match path.as_os_str().as_encoded_bytes() {
        b"" => "it is empty; name a file",
        b":memory:" => ":memory: would be gone with the process; name a file, or use MemoryLedger",
        name if name.starts_with(b"file:") => "an address is no path; write ./file:… for a file of that name",
        name if name.contains(&0) => "it has a NUL in it, where it would end for the system",
        _ => return Ok(()),
    };
    Err(StoreError::Path(why))
}

/// Refuses a log that has something in it while its file is missing or empty.
///
/// The log is looked at first: whoever makes a new ledger fills its file before the log.
pub(super) fn check_log(path: &Path) -> Result<(), StoreError> {
    let path = followed(path);
    let mut log = OsString::from(&path);
    log.push("-wal");
    let Some(bytes) = length(Path::new(&log)).filter(|bytes| *bytes > 0) else { return Ok(()) };
    let what = match length(&path) {
        None => "missing",
        Some(0) => "empty",
        Some(_) => return Ok(()),
    };
    Err(damaged(format!(
        "{} is {what}, and its log {} has {bytes} bytes that only fit that file; put both back together, or move the log away to \
         begin new books",
        path.display(),
        Path::new(&log).display()
    )))
}

/// The file's length, if there is one.
fn length(path: &Path) -> Option<u64> {
    fs::metadata(path).ok().map(|file| file.len())
}

/// Where links lead, also to a file that is missing: SQLite looks for the log there.
fn followed(path: &Path) -> PathBuf {
    /// As many as Linux follows.
    const LINKS_MAX: usize = 40;
    let mut path = path.to_owned();
    for _ in 0..LINKS_MAX {
        let Ok(target) = fs::read_link(&path) else { break };
        path = path.parent().map_or(target.clone(), |folder| folder.join(target));
    }
    path
}
