//! What could not be told to the ledger at once waits here, and where it survives the process.
//!
//! Only commands that end a call wait: a release of what was not sent, a charge of what was. A reserve never waits, because
//! the call would be made before anybody had said yes.
//!
//! # What may be lost, and when
//! | What happens | without a file | with an [`OutboxFile`] |
//! |---|---|---|
//! | the ledger is away, and comes back | nothing | nothing |
//! | the process ends while a command waits | the command | nothing: the next process sends it |
//! | the process ends after a `Drop`, before the next command or flush | the command | the command: a `Drop` does no I/O |
//! | the machine loses power | the command | perhaps the command: the file is not synced |
//!
//! A lost command is not lost money: the hold is in the ledger, and ends by its age at what the call may have cost. The one
//! exception is a call that went out without a hold while the ledger was away
//! ([`OnOutage::FailOpen`](super::OnOutage)): with its report, its usage is gone.
//!
//! # Order
//! First in, first out. `flush` takes the front command out while it is being sent; if the sending fails or is cancelled,
//! the command goes back to the front. `count` is read before every command without taking the lock.

mod file;
mod letter;
mod pending;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;

pub use self::file::OutboxFile;
pub(crate) use self::pending::Pending;
use crate::Error;

/// Commands in the order they came; never more than the calls then open.
#[derive(Default)]
pub(crate) struct Outbox {
    waiting: Mutex<VecDeque<Waiting>>,
    /// Read on every command, so kept beside the lock.
    pub(crate) count: AtomicUsize,
    /// Where they survive the process, if anywhere.
    file: Option<OutboxFile>,
}

impl fmt::Debug for Outbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Outbox({} waiting)", self.len())
    }
}

/// A command that waits, and the number it has in the file once it stands there.
#[derive(Clone, Debug)]
pub(super) struct Waiting {
    pub(super) pending: Pending,
    pub(super) number: Option<u64>,
}

impl Outbox {
    /// An outbox that survives in that file, with what an earlier process left there.
    pub(crate) fn surviving(mut file: OutboxFile) -> Self {
        let left = file.take_left();
        let waiting = left.into_iter().map(|(number, pending)| Waiting { pending, number: Some(number) });
        let waiting: VecDeque<Waiting> = waiting.collect();
        let count = AtomicUsize::new(waiting.len());
        Self { waiting: Mutex::new(waiting), count, file: Some(file) }
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.count.load(Ordering::Acquire)
    }

    /// Adds a command. It stands in no file yet: see [`save`](Self::save).
    pub(crate) fn push(&self, pending: Pending) {
        self.change(|waiting| waiting.push_back(Waiting { pending, number: None }));
    }

    /// Puts a command back whose sending failed.
    pub(super) fn push_first(&self, first: Waiting) {
        self.change(|waiting| waiting.push_front(first));
    }

    pub(super) fn pop(&self) -> Option<Waiting> {
        self.change(VecDeque::pop_front)
    }

    /// Changes the queue, and keeps the count beside it true.
    fn change<T>(&self, change: impl FnOnce(&mut VecDeque<Waiting>) -> T) -> T {
        let mut waiting = self.waiting.lock();
        let changed = change(&mut waiting);
        self.count.store(waiting.len(), Ordering::Release);
        changed
    }

    /// Writes what does not stand in the file yet. Not for a `Drop`: this waits for the disk.
    pub(super) fn save(&self) -> Result<(), Error> {
        let Some(file) = &self.file else { return Ok(()) };
        // Held throughout, so that nobody else writes what is being written.
        let mut pages = file.pages();
        let mut fresh = Vec::new();
        for one in self.waiting.lock().iter_mut() {
            if one.number.is_none_or(|number| pages.lacks(number)) {
                fresh.push((*one.number.get_or_insert_with(|| pages.number()), one.pending.clone()));
            }
        }
        if fresh.is_empty() { Ok(()) } else { pages.write(&fresh) }
    }

    /// Writes a command that stands in the file as it is now, where it has changed or that failed before.
    pub(super) fn save_again(&self, waiting: &Waiting, has_changed: bool) -> Result<(), Error> {
        let (Some(file), Some(number)) = (&self.file, waiting.number) else { return Ok(()) };
        let mut pages = file.pages();
        if has_changed || pages.lacks(number) {
            pages.write(&[(number, waiting.pending.clone())])?;
        }
        Ok(())
    }

    /// Strikes a command that was delivered.
    pub(super) fn strike(&self, number: Option<u64>) -> Result<(), Error> {
        match (&self.file, number) {
            (Some(file), Some(number)) => file.pages().strike(number),
            _ => Ok(()),
        }
    }
}
