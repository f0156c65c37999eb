//! Where does what waits in the outbox survive the process?
//!
//! A file of lines that only grows: one when a command begins to wait, one when it was delivered. What waits is what the first
//! kind of line names and the second does not.
//!
//! ```text
//! {"version":1,"number":4,"waits":{…}}   command 4 waits
//! {"version":1,"number":5,"waits":{…}}   command 5 waits
//! {"version":1,"number":4,"waits":null}  command 4 was delivered: 5 is left
//! ```
//!
//! A process may die in the middle of a line. So a line counts once its end is there: opening cuts a last line without
//! one. `length` says up to where the file is whole, and each write first cuts off what an earlier one left half written.
//! When the last command is struck the file is emptied, so it does not grow for ever.
//!
//! A strike that fails is no harm: the command is sent again by whoever opens the file, under its id, and the ledger
//! recognises it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use parking_lot::{Mutex, MutexGuard};
use serde::{Deserialize, Serialize};

use super::letter::{Letter, damaged};
use super::pending::Pending;
use crate::values::private;
use crate::{Error, ErrorKind};

/// A file in which commands wait that the ledger could not be told: reports of what was used, and releases.
///
/// While a ledger is away an enforcer keeps them in memory and sends them before its next
/// command. With this file they outlive the process: whoever opens it next sends them, under the ids they
/// had, so that what did arrive is not charged twice. A report is written when its delivery fails, and where the
/// ledger's books are damaged: it waits until they are repaired.
/// What is dropped meanwhile (a [`Drop`] does no I/O) is written by the next command, or by
/// [`Enforcer::flush`](crate::Enforcer::flush).
///
/// One process has the file at a time. It outlives `kill -9`, and is not synced: what a
/// loss of power takes is charged by the age of its hold, as it would be without the file.
/// It holds amounts, accounts and tags, and no text of a prompt. On Unix its owner alone may read it: a file that
/// others could read is closed to them, unless its group may write it, too.
///
/// # Example: a process dies while the ledger is away, and the next one reports
/// ```
/// # #[cfg(feature = "testing")] {
/// use std::sync::Arc;
///
/// use token_budget::enforcer::OutboxFile;
/// use token_budget::testing::{FaultyLedger, Odds};
/// use token_budget::{Budget, BudgetLedger, Call, Enforcer, MemoryLedger, Policy, Scope, Usage, Usd, Window};
///
/// # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
/// # runtime.block_on(async {
/// # let path = std::env::temp_dir().join(format!("token-budget-outbox-{}", std::process::id()));
/// let books: Arc<dyn BudgetLedger> = Arc::new(MemoryLedger::new()); // far away, and not ours
/// let wire = FaultyLedger::new(Arc::clone(&books), 7).with_odds(Odds::ALL_WELL);
/// let policy = Policy::new([Budget::usd("search", Scope::team("search")?, Usd::dollars(5), Window::day())])?;
/// let call = Call::new("gpt-4o").team("search").input_tokens(1_000_000).output_tokens(0); // $2.50
///
/// let enforcer = Enforcer::builder().policy(policy.clone()).ledger(wire.clone());
/// let enforcer = enforcer.outbox_file(OutboxFile::open(&path)?).build();
/// let sent = enforcer.reserve(&call).await?.or_refusal()?.send();
/// wire.set_odds(Odds::AWAY);
/// assert!(sent.reconcile(Usage::of(400_000, 0)).await?.is_pending()); // $1.00
/// drop(enforcer); // … the process ends, and another begins …
///
/// let enforcer = Enforcer::builder().policy(policy).shared_ledger(books);
/// let enforcer = enforcer.outbox_file(OutboxFile::open(&path)?).build();
/// assert_eq!(enforcer.undelivered(), 1);
/// enforcer.flush().await?;
/// assert_eq!(enforcer.check(&call).await?.budgets()[0].spent, 1_000_000_000); // nano-dollars
/// # drop(enforcer);
/// # std::fs::remove_file(&path)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct OutboxFile {
    path: PathBuf,
    pages: Mutex<Pages>,
    /// What an earlier process left.
    left: BTreeMap<u64, Pending>,
}

/// The file itself, and what stands in it.
pub(super) struct Pages {
    path: PathBuf,
    pub(super) file: File,
    /// Up to here it is whole.
    length: u64,
    /// The number of the command that is written next.
    next: u64,
    /// The numbers of what waits in it.
    open: BTreeSet<u64>,
    /// Numbers of commands that do not stand in it as they are now: their write failed.
    unwritten: BTreeSet<u64>,
    /// Numbers of what was delivered and still stands in it as waiting: their strike failed.
    unstruck: Vec<u64>,
}

/// One line of the file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    version: u32,
    number: u64,
    /// The command that waits; nothing once it was delivered.
    waits: Option<Letter>,
}

/// What every version of a line says.
#[derive(Deserialize)]
struct Dated {
    version: u32,
}

const VERSION: u32 = 1;

impl OutboxFile {
    /// Opens that file, and makes it where there is none.
    ///
    /// A last line that its writer did not finish is dropped: it was never counted as written.
    ///
    /// # Errors
    /// `Invalid` where it is no file; `LedgerUnavailable` where it cannot be read or written, or another process has it; `Damaged`, with the
    /// line, where it holds anything else than commands of this version: nothing is read, and nothing lost.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref().to_path_buf();
        let mut file = private::open(&path).map_err(|error| unusable(&path, "cannot be opened", error))?;
        // A device may be read for ever.
        let is_file = file.metadata().is_ok_and(|facts| facts.is_file());
        if !is_file {
            return Err(Error::invalid("outbox", format!("{} is no file", path.display())));
        }
        file.try_lock().map_err(|error| unusable(&path, "is in use by another process", error))?;
        let mut text = Vec::new();
        file.read_to_end(&mut text).map_err(|error| unusable(&path, "cannot be read", error))?;
        let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last.saturating_add(1));
        text.truncate(whole);
        let left = read(&text).map_err(|error| error.within(&path.to_string_lossy()))?;
        let next = left.last_key_value().map_or(0, |(number, _)| number.saturating_add(1));
        let open = left.keys().copied().collect();
        let length = u64::try_from(whole).unwrap_or(u64::MAX);
        let (unwritten, unstruck) = (BTreeSet::new(), Vec::new());
        let mut pages = Pages { path: path.clone(), file, length, next, open, unwritten, unstruck };
        pages.cut_back()?;
        Ok(Self { path, pages: Mutex::new(pages), left })
    }

    pub(super) fn take_left(&mut self) -> BTreeMap<u64, Pending> {
        std::mem::take(&mut self.left)
    }

    pub(super) fn pages(&self) -> MutexGuard<'_, Pages> {
        self.pages.lock()
    }
}

impl fmt::Debug for OutboxFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OutboxFile").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Pages {
    /// A number that no command bore in this file.
    pub(super) fn number(&mut self) -> u64 {
        let number = self.next;
        self.next = self.next.saturating_add(1);
        number
    }

    /// Whether that command does not stand here as it is now, because writing it failed.
    pub(super) fn lacks(&self, number: u64) -> bool {
        self.unwritten.contains(&number)
    }

    /// Writes all of these commands, or none; one that stands there already is replaced.
    pub(super) fn write(&mut self, waiting: &[(u64, Pending)]) -> Result<(), Error> {
        let rows = waiting.iter().map(|(number, pending)| Row {
            version: VERSION,
            number: *number,
            waits: Some(Letter::of(pending)),
        });
        let written = self.append(&rows.collect::<Vec<_>>());
        for (number, _) in waiting {
            if written.is_ok() {
                self.open.insert(*number);
                self.unwritten.remove(number);
            } else {
                self.unwritten.insert(*number);
            }
        }
        written
    }

    /// Writes that this command was delivered; with the last of them the file is emptied.
    pub(super) fn strike(&mut self, number: u64) -> Result<(), Error> {
        self.unwritten.remove(&number);
        if !self.open.remove(&number) {
            return Ok(());
        }
        if self.open.is_empty() {
            self.unstruck.clear();
            self.length = 0;
            return self.cut_back();
        }
        // Together with those whose strike failed before, so that they are not sent again for ever.
        self.unstruck.push(number);
        let struck = |number: &u64| Row { version: VERSION, number: *number, waits: None };
        self.append(&self.unstruck.iter().map(struck).collect::<Vec<_>>())?;
        self.unstruck.clear();
        Ok(())
    }

    /// Writes whole lines at the end of what is whole.
    fn append(&mut self, rows: &[Row]) -> Result<(), Error> {
        let mut text = Vec::new();
        for row in rows {
            serde_json::to_writer(&mut text, row)
                .map_err(|error| unusable(&self.path, "cannot take a command", error))?;
            text.push(b'\n');
        }
        // Whatever an earlier write left behind goes first.
        self.cut_back()?;
        self.file.write_all(&text).map_err(|error| unusable(&self.path, "cannot be written", error))?;
        self.length = self.length.saturating_add(u64::try_from(text.len()).unwrap_or(u64::MAX));
        Ok(())
    }

    /// Takes away what is not whole, and stands at the end.
    fn cut_back(&mut self) -> Result<(), Error> {
        let cut = self.file.set_len(self.length).and_then(|()| self.file.seek(SeekFrom::Start(self.length)));
        cut.map(drop).map_err(|error| unusable(&self.path, "cannot be written", error))
    }
}

/// What waits, by its number.
pub(super) fn read(text: &[u8]) -> Result<BTreeMap<u64, Pending>, Error> {
    let mut left = BTreeMap::new();
    for (place, line) in text.split_inclusive(|byte| *byte == b'\n').enumerate() {
        let at = |error: Error| error.within(&format!("line {}", place.saturating_add(1)));
        // Said first: another version may have other fields.
        let Dated { version } = serde_json::from_slice(line).map_err(|error| at(damaged(&error)))?;
        if version != VERSION {
            return Err(at(damaged(&format!("version {version} is not known here"))));
        }
        let row: Row = serde_json::from_slice(line).map_err(|error| at(damaged(&error)))?;
        match row.waits {
            Some(letter) => left.insert(row.number, letter.open().map_err(at)?),
            None => left.remove(&row.number),
        };
    }
    Ok(left)
}

fn unusable(path: &Path, problem: &str, error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    let error = error.into();
    let text = format!("the outbox {} {problem}: {error}", path.display());
    Error::new(ErrorKind::LedgerUnavailable, text).with_source(error)
}
