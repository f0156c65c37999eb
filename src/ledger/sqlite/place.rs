//! Is the file still the one that was opened?
//!
//! `SQLite` goes on writing to a file that somebody deleted or replaced, and all of it
//! is gone when the last process closes it. So the ledger looks before it answers.
//!
//! The look compares device and inode of the file *and of its log*: a backup that is copied back over a live ledger
//! replaces one, the other, or both. The look comes after each commit and before its answers, so that nothing is
//! acknowledged that lies in a file without a name.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::fault::StoreError;

/// Where the books lie: the file and its log, as they were when they were opened.
#[derive(Debug)]
pub(super) struct Place {
    path: PathBuf,
    files: [(PathBuf, Identity); 2],
}

/// What tells a file from another that took its name.
type Identity = (u64, u64);

impl Place {
    /// The place of a ledger that is open. The path is made absolute, so that a changed
    /// working directory or link does not matter.
    pub(super) fn of(path: &Path) -> Result<Self, StoreError> {
        let path = fs::canonicalize(path).map_err(|error| moved(path, &error))?;
        let mut log = OsString::from(&path);
        log.push("-wal");
        let file = |path: PathBuf| match identity(&path) {
            Ok(identity) => Ok((path, identity)),
            Err(error) => Err(moved(&path, &error)),
        };
        Ok(Self { files: [file(path.clone())?, file(log.into())?], path })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Fails if one of the files is gone, or is another one by now.
    pub(super) fn check(&self) -> Result<(), StoreError> {
        for (path, opened) in &self.files {
            match identity(path) {
                Ok(found) if found == *opened => {}
                Ok(_) => return Err(moved(path, &"another file has its name")),
                Err(error) => return Err(moved(path, &error)),
            }
        }
        Ok(())
    }
}

fn moved(path: &Path, why: &dyn std::fmt::Display) -> StoreError {
    StoreError::Moved(format!("{}: {why}", path.display()))
}

#[cfg(unix)]
fn identity(path: &Path) -> io::Result<Identity> {
    use std::os::unix::fs::MetadataExt;
    let file = fs::metadata(path)?;
    Ok((file.dev(), file.ino()))
}

/// Elsewhere an open file cannot be deleted, so it is enough that there is one.
#[cfg(not(unix))]
fn identity(path: &Path) -> io::Result<Identity> {
    fs::metadata(path).map(|_| (0, 0))
}
