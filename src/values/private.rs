//! Who may read a file that holds books? Its owner alone.
//!
//! The journal says who asked which model how much, and what it cost. A file like that
//! should be readable by its owner only, also on a machine where everybody's files are
//! readable by all (umask 022). So a file is *made* with mode 600, and one that an older
//! version made is tightened when it is opened.

use std::fs::{self, File};
use std::io;
use std::path::Path;

/// Makes an empty file of that name that its owner alone may read, where there is none.
///
/// The file gets its name when it is closed already: a process that closes one loses all the locks it has on it, and
/// another thread may have opened the books by then. Where there can be no second name, nothing is made.
#[cfg(all(unix, feature = "sqlite"))]
pub(crate) fn make(path: &Path) {
    use std::os::unix::fs::OpenOptionsExt;
    use std::sync::atomic::{AtomicU32, Ordering};

    static NUMBER: AtomicU32 = AtomicU32::new(0);
    if fs::symlink_metadata(path).is_ok() {
        return;
    }
    let mut name = path.as_os_str().to_owned();
    name.push(format!("-new-{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed)));
    if fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&name).is_ok() {
        // Whoever was quicker made the same.
        drop(fs::hard_link(&name, path));
        drop(fs::remove_file(&name));
    }
}

/// The mode without others' rights, and without the group's where that may only read; `None` where nothing changes.
///
/// An older version, or a generous umask, made such a file. A group that may write shares the books on purpose, and
/// goes on. Where the file is somebody else's, it stays as it is.
#[cfg(unix)]
fn tightened(mode: u32) -> Option<u32> {
    let shared = if mode & 0o020 == 0 { 0o700 } else { 0o770 };
    (mode & 0o777 & !shared != 0).then_some(mode & 0o7777 & shared)
}

/// [`tightened`], for a file by its name.
#[cfg(all(unix, feature = "sqlite"))]
pub(crate) fn tighten_path(path: &Path) {
    use std::os::unix::fs::PermissionsExt;

    let Ok(facts) = fs::metadata(path) else { return };
    if let Some(mode) = tightened(facts.permissions().mode()).filter(|_| facts.is_file()) {
        drop(fs::set_permissions(path, fs::Permissions::from_mode(mode)));
    }
}

/// Opens a file to read and write, and makes it where there is none; its owner alone may read it.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    let mut options = fs::OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path)?;
    #[cfg(unix)]
    if let Ok(facts) = file.metadata() {
        use std::os::unix::fs::PermissionsExt;

        if let Some(mode) = tightened(facts.permissions().mode()).filter(|_| facts.is_file()) {
            drop(file.set_permissions(fs::Permissions::from_mode(mode)));
        }
    }
    Ok(file)
}

/// Elsewhere who may read a file is said by its folder.
#[cfg(all(not(unix), feature = "sqlite"))]
pub(crate) fn make(_: &Path) {}

/// Elsewhere who may read a file is said by its folder.
#[cfg(all(not(unix), feature = "sqlite"))]
pub(crate) fn tighten_path(_: &Path) {}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_its_owners_unless_a_group_writes_it_too() {
        for (before, after) in [
            (0o100_644, Some(0o600)),
            (0o100_640, Some(0o600)),
            (0o100_666, Some(0o660)),
            (0o100_664, Some(0o660)),
            (0o100_600, None),
            (0o100_660, None),
            (0o100_400, None),
        ] {
            assert_eq!(tightened(before), after, "{before:o}");
        }
    }
}
