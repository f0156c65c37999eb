//! What waits for the book's thread? Commands on one tenant's page, and questions to the store.
//!
//! Commands are copied, so that they can cross to another thread and outlive a caller that leaves. A caller that stops waiting before the
//! work begins has asked nothing; later, all of it is done, and a repeat tells. No caller holds a lock or a transaction: a future
//! that is dropped can leave nothing half done.

use super::page::{Lack, StorePage};
use crate::ledger::law::{Looked, Stop};
use crate::ledger::store::{Fault, Want};
use crate::ledger::{Answer, Answerer};
use crate::values::Tenant;
use crate::{Error, ErrorKind};

/// Work for the book's thread.
pub(super) trait Job<S>: Send {
    /// Whose page it works on, or whose holds are to have ended before it.
    fn tenant(&self) -> Option<&Tenant>;
    /// Adds the rows that it names.
    fn want(&self, want: &mut Want);
    /// Does it on the page; the answer waits until the round was written. What lacks a row has changed nothing.
    ///
    /// # Errors
    /// The row that it lacks.
    fn work(&mut self, page: &mut StorePage) -> Result<(), Lack>;
    /// Whether it is not done yet.
    fn is_open(&self) -> bool;
    /// Notes that what it changed was written: its answer holds whatever comes.
    fn written(&mut self);
    /// Asks the store what it asks, after the round.
    ///
    /// # Errors
    /// What the store did not do.
    fn ask(&mut self, store: &mut S) -> Result<(), Fault>;
    /// Gives the answer, or says why there is none.
    fn answer(self: Box<Self>, failure: Option<&Error>);
    /// Whether nobody waits for the answer any more.
    fn is_abandoned(&self) -> bool;
}

/// A command on one page, and where its answer goes.
struct Command<T, W> {
    want: Want,
    work: W,
    is_written: bool,
    answer: Option<Result<T, Error>>,
    answerer: Answerer<T>,
}

impl<S, T, W> Job<S> for Command<T, W>
where
    T: Send,
    W: Fn(&mut StorePage) -> Looked<T, StorePage> + Send,
{
    fn tenant(&self) -> Option<&Tenant> {
        Some(&self.want.tenant)
    }

    fn want(&self, want: &mut Want) {
        want.ids.extend_from_slice(&self.want.ids);
        want.accounts.extend_from_slice(&self.want.accounts);
        want.scopes.extend_from_slice(&self.want.scopes);
        want.events.extend_from_slice(&self.want.events);
    }

    fn work(&mut self, page: &mut StorePage) -> Result<(), Lack> {
        self.answer = Some(match (self.work)(page) {
            Ok(answer) => Ok(answer),
            // An error bears the instant for which it was decided, as a reply does.
            Err(Stop::Answer(error)) => Err(error.with_ledger_time(page.now)),
            Err(Stop::Missing(lack)) => return Err(lack),
        });
        Ok(())
    }

    fn is_open(&self) -> bool {
        !self.is_written
    }

    fn written(&mut self) {
        self.is_written = true;
    }

    fn ask(&mut self, _store: &mut S) -> Result<(), Fault> {
        Ok(())
    }

    fn answer(self: Box<Self>, failure: Option<&Error>) {
        give(self.answerer, self.answer, failure.filter(|_| !self.is_written));
    }

    fn is_abandoned(&self) -> bool {
        self.answerer.is_unheard()
    }
}

/// A question to the store, and where its answer goes.
struct Question<T, W> {
    tenant: Option<Tenant>,
    ask: W,
    answer: Option<Result<T, Error>>,
    answerer: Answerer<T>,
}

impl<S, T, W> Job<S> for Question<T, W>
where
    T: Send,
    W: FnMut(&mut S) -> Result<T, Fault> + Send,
{
    fn tenant(&self) -> Option<&Tenant> {
        self.tenant.as_ref()
    }

    fn want(&self, _want: &mut Want) {}

    fn work(&mut self, _page: &mut StorePage) -> Result<(), Lack> {
        Ok(())
    }

    fn is_open(&self) -> bool {
        self.answer.is_none()
    }

    fn written(&mut self) {}

    fn ask(&mut self, store: &mut S) -> Result<(), Fault> {
        self.answer = Some(Ok((self.ask)(store)?));
        Ok(())
    }

    fn answer(self: Box<Self>, failure: Option<&Error>) {
        give(self.answerer, self.answer, failure);
    }

    fn is_abandoned(&self) -> bool {
        self.answerer.is_unheard()
    }
}

/// Gives an answer. Who does not wait any more has decided what that means.
fn give<T>(answerer: Answerer<T>, answer: Option<Result<T, Error>>, failure: Option<&Error>) {
    answerer.answer(match (failure, answer) {
        (Some(failure), _) => Err(again(failure)),
        (None, Some(answer)) => answer,
        (None, None) => {
            Err(Error::new(ErrorKind::LedgerUnavailable, "the ledger did not get to this command"))
        }
    });
}

/// The same error once more, for another caller.
pub(super) fn again(error: &Error) -> Error {
    Error::new(error.kind(), error.to_string())
}

/// A command on the rows that `want` names, and where its answer comes from.
pub(super) fn command<S, T, W>(want: Want, work: W) -> (Box<dyn Job<S>>, Answer<'static, T>)
where
    T: Send + 'static,
    W: Fn(&mut StorePage) -> Looked<T, StorePage> + Send + 'static,
{
    let (answerer, answer) = Answer::channel();
    (Box::new(Command { want, work, is_written: false, answer: None, answerer }), answer)
}

/// A question to the store; what is due of that tenant ends before.
pub(super) fn question<S, T, W>(tenant: Option<Tenant>, ask: W) -> (Box<dyn Job<S>>, Answer<'static, T>)
where
    T: Send + 'static,
    W: FnMut(&mut S) -> Result<T, Fault> + Send + 'static,
{
    let (answerer, answer) = Answer::channel();
    (Box::new(Question { tenant, ask, answer: None, answerer }), answer)
}
