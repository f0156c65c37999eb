//! Who asks the store? One thread, for as many commands with one write as are waiting.
//!
//! A write costs the same for one command as for two hundred. So the thread takes what is waiting, decides all of it, and writes once.
//! Callers that were just answered tend to ask again at once; the thread therefore waits some microseconds for a crowd of the
//! same size before it begins.
//!
//! Worked example: eight threads on a disk with 1 ms syncs. One sync each is 1,000 commands a second in all. Eight in a batch are
//! 8,000.
//!
//! What can go wrong, and what callers hear:
//!
//! | the store says | callers hear | afterwards |
//! |---|---|---|
//! | [`Fault::Busy`] | nothing, as long as they wait | it is asked again |
//! | [`Fault::Unavailable`] | `LedgerUnavailable` | goes on; what was read is forgotten |
//! | [`Fault::Unknown`] | nothing | it is read, and the commands are decided anew |
//! | [`Fault::Lost`] | `LedgerUnavailable` or `Damaged` | answers nothing until opened again |

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use super::desk::Desk;
use super::job::{Job, again};
use crate::ledger::store::{Fault, Store};
use crate::{Error, ErrorKind};

/// The thread of a book.
pub(super) struct Writer<S> {
    /// The store, and everything read of it.
    pub(super) desk: Desk<S>,
    /// What callers ask for; closed when the last handle is gone.
    pub(super) queue: Receiver<Box<dyn Job<S>>>,
    /// What was asked for and finds no room in the batch.
    pub(super) waiting: VecDeque<Box<dyn Job<S>>>,
    /// Why nothing may be acknowledged any more, if that is so.
    pub(super) poison: Option<Error>,
    /// How many commands may be in one batch.
    pub(super) batch_max: usize,
    /// How large a batch to wait for.
    pub(super) crowd: Crowd,
}

/// How many commands may come together, judged by those before.
#[derive(Debug, Default)]
pub(super) struct Crowd {
    /// How many batches there have been.
    batches: u64,
    /// How many the last batch answered: they may be about to ask again.
    answered: usize,
}

/// How often the thread lets others run while it waits for the rest of a crowd: some fifty microseconds, a
/// fraction of what a disk takes for one sync.
const YIELDS_MAX: usize = 200;

/// How long no command comes before the store may do what is due.
const REST_EVERY: Duration = Duration::from_secs(60);

/// One batch of so many waits for more commands than the last one had, so that two crowds
/// that take turns become one.
const LOOK_ROUND_EVERY: u64 = 64;

impl Crowd {
    /// How many commands to wait for, if so many are here.
    fn expected(&mut self, here: usize) -> usize {
        self.batches = self.batches.wrapping_add(1);
        if self.batches.is_multiple_of(LOOK_ROUND_EVERY) {
            return here.saturating_add(self.answered);
        }
        here.max(self.answered)
    }
}

impl<S: Store> Writer<S> {
    /// Works until nobody can ask any more.
    pub(super) fn run(mut self) {
        while let Some(first) = self.waiting.pop_front().or_else(|| self.next()) {
            let mut jobs = vec![first];
            self.gather(&mut jobs);
            let failure = match &self.poison {
                Some(poison) => Some(again(poison)),
                None => self.work(&mut jobs).err().map(|fault| self.failure(fault)),
            };
            self.crowd.answered = jobs.len();
            jobs.into_iter().for_each(|job| job.answer(failure.as_ref()));
        }
    }

    /// The next command; `None` once nobody can ask any more.
    fn next(&mut self) -> Option<Box<dyn Job<S>>> {
        loop {
            match self.queue.recv_timeout(REST_EVERY) {
                Ok(job) => return Some(job),
                Err(RecvTimeoutError::Timeout) => self.desk.store.rest(),
                Err(RecvTimeoutError::Disconnected) => return None,
            }
        }
    }

    /// Waits a moment for those who were just answered, so that one write serves them all.
    fn gather(&mut self, jobs: &mut Vec<Box<dyn Job<S>>>) {
        self.take_waiting(jobs);
        let expected = self.crowd.expected(jobs.len()).min(self.batch_max);
        for _ in 0..YIELDS_MAX {
            if jobs.len() >= expected {
                break;
            }
            std::thread::yield_now();
            self.take_waiting(jobs);
        }
    }

    /// Adds what has come in the meantime, and lets go of those who no longer wait, whether there is room for them or not.
    fn take_waiting(&mut self, jobs: &mut Vec<Box<dyn Job<S>>>) {
        self.waiting.extend(self.queue.try_iter());
        self.waiting.retain(|job| !job.is_abandoned());
        jobs.retain(|job| !job.is_abandoned());
        let room = self.batch_max.saturating_sub(jobs.len()).min(self.waiting.len());
        jobs.extend(self.waiting.drain(..room));
    }

    /// Does all that is waiting. A busy store is waited for as long as anybody waits for the answer: callers that gave up leave the
    /// queue, so that a store which is busy for hours fills no memory.
    fn work(&mut self, jobs: &mut Vec<Box<dyn Job<S>>>) -> Result<(), Fault> {
        self.take_waiting(jobs);
        while !jobs.is_empty() {
            match self.desk.round(jobs).and_then(|()| self.desk.ask(jobs)) {
                Err(Fault::Busy) => self.take_waiting(jobs),
                done => return done,
            }
        }
        Ok(())
    }

    /// What is told to those whose batch failed. Whether there will be another batch is decided here.
    fn failure(&mut self, fault: Fault) -> Error {
        let Fault::Lost(error) = fault else { return fault.into_error() };
        let text = format!("{error}; nothing is acknowledged until the ledger is opened again");
        self.poison = Some(Error::new(ErrorKind::LedgerUnavailable, text.clone()));
        Error::new(error.kind(), text)
    }
}
