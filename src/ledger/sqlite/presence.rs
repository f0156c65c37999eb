//! Does another process have these books open, and what time is it there?
//!
//! A process that opens books cannot tell a file that rested for a month from a clock that is a month ahead. Whoever else has the
//! books open knows: its own monotonic clock bears its time out. So everybody holds a shared lock on a file beside the books, named as
//! they are with `-open` behind it, and now and then sets that file's date to the ledger's time. Whoever comes and finds it locked
//! begins with that date ([`LedgerClock::begin`]); whoever is alone believes the machine's clock.
//!
//! The file holds no bytes. Where it cannot be made or dated, as in a folder that cannot be written, everybody is alone.

use std::ffi::OsString;
use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use crate::ledger::LedgerClock;
use crate::values::Timestamp;

/// The date is set no more often than this.
const BEAT_EVERY: Duration = Duration::from_secs(60);

/// A process that has the books open, as others see it.
#[derive(Debug)]
pub(super) struct Presence {
    file: Option<File>,
    /// When the date was last looked at.
    shown: Timestamp,
}

impl Presence {
    /// Shows that these books are open here. Where others have them open, the clock begins with their time.
    pub(super) fn enter(books: &Path, clock: &LedgerClock) -> Self {
        let mut path = OsString::from(books);
        path.push("-open");
        let mut presence = Self { file: None, shown: Timestamp::MIN };
        if let Some(file) = open(Path::new(&path)) {
            let is_alone = !matches!(file.try_lock(), Err(TryLockError::WouldBlock));
            if is_alone {
                // Whoever comes meanwhile waits below until the date is set. It may be set back: nobody else goes by it.
                set_date(&file, clock.now());
            }
            let is_shown = file.lock_shared().is_ok();
            if !is_alone && let Some(time) = date_of(&file).filter(|_| is_shown) {
                clock.begin(time);
            }
            presence.file = Some(file).filter(|_| is_shown);
        }
        presence.show(clock);
        presence
    }

    /// Shows what time it is here, now and then; and hears what others show, as long as this clock is doubted.
    pub(super) fn show(&mut self, clock: &LedgerClock) -> Timestamp {
        let now = clock.now();
        if clock.is_doubted() {
            if let Some(time) = self.file.as_ref().and_then(date_of) {
                clock.hear(time);
            }
            return clock.now();
        }
        if self.shown == Timestamp::MIN || now >= self.shown + BEAT_EVERY {
            self.shown = now;
            // Never set back: somebody else is further.
            if let Some(file) = self.file.as_ref().filter(|file| date_of(file).is_none_or(|date| date < now))
            {
                set_date(file, now);
            }
        }
        now
    }
}

fn open(path: &Path) -> Option<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    options.open(path).ok()
}

/// Sets the date of that file. Where that fails, others are judged by an older one, or by none.
fn set_date(file: &File, time: Timestamp) {
    let nanos = u64::try_from(time.as_nanos()).unwrap_or(0);
    if let Some(date) = UNIX_EPOCH.checked_add(Duration::from_nanos(nanos)) {
        let _ = file.set_modified(date);
    }
}

/// The date of that file.
fn date_of(file: &File) -> Option<Timestamp> {
    let since = file.metadata().ok()?.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    Some(Timestamp::EPOCH + since)
}
