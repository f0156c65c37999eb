//! Who writes the file? One thread, and as many commands with one sync as are waiting.
//!
//! A sync costs milliseconds and is the same for one command as for two hundred. So the
//! thread takes what is waiting, does all of it in one transaction, and syncs once.
//! Callers that were just answered tend to ask again at once; the thread therefore waits
//! some microseconds for a crowd of the same size before it begins.
//!
//! Worked example: eight threads on a disk with 1 ms syncs. One sync each is 1,000
//! commands a second in all. Eight in a batch are 8,000.
//!
//! What can go wrong with a commit, and what callers hear:
//!
//! | the commit | callers hear | afterwards |
//! | --- | --- | --- |
//! | succeeds, the file has its name | their answers | goes on |
//! | fails: busy, disk full | `LedgerUnavailable` | goes on, everything cached is forgotten |
//! | fails otherwise, or the file lost its name | `LedgerUnavailable` or `Damaged` | poisoned: answers nothing until opened again |

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender};

use super::books::Books;
#[cfg(test)]
use super::failpoint::FailPoint;
use super::fault::{Fault, StoreError};
use super::place::Place;
use crate::ledger::{Answer, Answerer};
use crate::{Error, ErrorKind};

/// Work for the ledger's thread, in one transaction with what else is waiting.
pub(super) trait Job: Send {
    /// Does it; the answer waits until the transaction is committed. An error ends the whole batch.
    fn work(&mut self, books: &mut Books) -> Result<(), StoreError>;
    /// Gives the answer, or says why nothing was written.
    fn answer(self: Box<Self>, failure: Option<&str>);
    /// Whether nobody waits for the answer any more.
    fn is_abandoned(&self) -> bool;
}

/// A question, and where its answer goes.
struct Asked<T, W> {
    /// What is to be done, until it has been done.
    work: Option<W>,
    /// The answer, which waits for the commit.
    answer: Option<Result<T, Error>>,
    /// Whether the answer is that the file failed. Such an answer holds whether or not the batch is written.
    failed: bool,
    /// Where the answer goes; unheard if nobody waits any more.
    answerer: Answerer<T>,
}

impl<T, W> Job for Asked<T, W>
where
    T: Send,
    W: FnOnce(&mut Books) -> Result<T, Fault> + Send,
{
    fn work(&mut self, books: &mut Books) -> Result<(), StoreError> {
        let Some(work) = self.work.take() else { return Ok(()) };
        match work(books) {
            Ok(answer) => self.answer = Some(Ok(answer)),
            Err(Fault::Answer(error)) => self.answer = Some(Err(error)),
            Err(Fault::Store(error)) => {
                self.failed = true;
                return Err(error).inspect_err(|error| {
                    self.answer = Some(Err(Error::new(error.kind(), error.to_string())));
                });
            }
        }
        Ok(())
    }

    fn answer(self: Box<Self>, failure: Option<&str>) {
        let answer = match (failure, self.answer) {
            (None, Some(answer)) => answer,
            (Some(_), Some(answer)) if self.failed => answer,
            (failure, _) => Err(unavailable(failure.unwrap_or("it did not get to this command"))),
        };
        // Who does not wait any more has decided what that means.
        self.answerer.answer(answer);
    }

    fn is_abandoned(&self) -> bool {
        self.answerer.is_unheard()
    }
}

/// The ledger cannot say; sending again with the same id is safe.
fn unavailable(why: &str) -> Error {
    Error::new(ErrorKind::LedgerUnavailable, why)
}

/// Asks the ledger's thread.
///
/// A caller that stops waiting before the work begins has asked nothing; later, all of it
/// is done.
pub(super) fn ask<T, W>(queue: &Sender<Box<dyn Job>>, work: W) -> Answer<'static, T>
where
    T: Send + 'static,
    W: FnOnce(&mut Books) -> Result<T, Fault> + Send + 'static,
{
    let (answerer, answer) = Answer::channel();
    let asked = Asked { work: Some(work), answer: None, failed: false, answerer };
    if queue.send(Box::new(asked)).is_err() {
        return Answer::Now(Err(unavailable("the ledger's thread has ended; open the ledger again")));
    }
    answer
}

/// The thread that writes.
#[derive(Debug)]
pub(super) struct Writer {
    /// The connection, and everything cached about it.
    pub(super) books: Books,
    /// The file, to see whether it still has its name.
    pub(super) place: Arc<Place>,
    /// What callers ask for; closed when the last handle is gone.
    pub(super) queue: Receiver<Box<dyn Job>>,
    /// Why nothing may be acknowledged any more, if that is so.
    pub(super) poison: Option<String>,
    /// How large a batch to wait for.
    pub(super) crowd: Crowd,
    #[cfg(test)]
    pub(super) fail: FailPoint,
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

impl Writer {
    /// Writes until nobody can ask any more.
    pub(super) fn run(mut self) {
        while let Ok(first) = self.queue.recv() {
            let mut jobs = vec![first];
            self.gather(&mut jobs);
            let failure = match &self.poison {
                Some(poison) => Some(poison.clone()),
                None => self.write(&mut jobs).err().map(|error| self.failure(&error)),
            };
            self.crowd.answered = jobs.len();
            jobs.into_iter().for_each(|job| job.answer(failure.as_deref()));
        }
    }

    /// Waits a moment for those who were just answered, so that one sync serves them all.
    fn gather(&mut self, jobs: &mut Vec<Box<dyn Job>>) {
        self.take_waiting(jobs);
        let expected = self.crowd.expected(jobs.len()).min(self.books.options.batch_max);
        for _ in 0..YIELDS_MAX {
            if jobs.len() >= expected {
                break;
            }
            std::thread::yield_now();
            self.take_waiting(jobs);
        }
    }

    /// What is told to those whose batch failed. Whether there will be another batch is
    /// decided here.
    fn failure(&mut self, error: &StoreError) -> String {
        if !error.poisons() {
            return error.to_string();
        }
        let poison = format!("{error}; nothing is acknowledged until the ledger is opened again");
        self.poison = Some(poison.clone());
        poison
    }

    /// Does all that is waiting in one transaction. Whatever fails, the transaction is
    /// rolled back and nothing cached survives it.
    fn write(&mut self, jobs: &mut Vec<Box<dyn Job>>) -> Result<(), StoreError> {
        self.take_waiting(jobs);
        if !self.begin(jobs)? {
            return Ok(());
        }
        self.take_waiting(jobs);
        let untold = self.books.untold();
        let written = self.work(jobs).and_then(|()| self.commit());
        match &written {
            Ok(()) => self.books.committed(),
            Err(_) => {
                // A transaction that cannot be rolled back dies with the connection.
                let _ = self.books.file.execute_batch("ROLLBACK");
                self.books.rolled_back(untold);
            }
        }
        written
    }

    /// Adds what has come in the meantime, and lets go of those who no longer wait.
    fn take_waiting(&self, jobs: &mut Vec<Box<dyn Job>>) {
        jobs.retain(|job| !job.is_abandoned());
        let room = self.books.options.batch_max.saturating_sub(jobs.len());
        jobs.extend(self.queue.try_iter().filter(|job| !job.is_abandoned()).take(room));
    }

    /// Waits for the file as long as anybody waits for the answer; returns whether
    /// anybody still does. Callers that gave up leave the queue, so that a file that is
    /// locked for hours fills no memory.
    fn begin(&self, jobs: &mut Vec<Box<dyn Job>>) -> Result<bool, StoreError> {
        while !jobs.is_empty() {
            match self.books.file.prepare_cached("BEGIN IMMEDIATE")?.execute([]).map_err(StoreError::from) {
                Ok(_) => return Ok(true),
                Err(error) if error.is_busy() => self.take_waiting(jobs),
                Err(error) => return Err(error),
            }
        }
        Ok(false)
    }

    /// Works on every command of the batch, then writes the changed rows. An error that
    /// concerns the file ends the batch.
    fn work(&mut self, jobs: &mut [Box<dyn Job>]) -> Result<(), StoreError> {
        let store = |fault| match fault {
            Fault::Store(error) => error,
            Fault::Answer(error) => StoreError::Damaged(error.to_string()),
        };
        self.books.begin().map_err(store)?;
        for job in jobs {
            job.work(&mut self.books)?;
        }
        self.books.write_back().map_err(store)
    }

    /// Commits, and then makes sure that the file still has its name.
    fn commit(&self) -> Result<(), StoreError> {
        #[cfg(test)]
        let fault = self.fail.next_commit();
        #[cfg(test)]
        fault.before()?;
        self.books.file.prepare_cached("COMMIT")?.execute([])?;
        #[cfg(test)]
        fault.after()?;
        // What was written to a file that has lost its name will not be found again.
        self.place.check()
    }
}
