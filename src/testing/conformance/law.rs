//! What is a law, and how does a ledger stand before it?

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use parking_lot::Mutex;

use super::books::{Books, Door, Shared};
use super::why::{Held, Why};
use super::{Factory, Setup};
use crate::Error;
use crate::values::ManualClock;

/// A promise that every ledger keeps, with what it takes to be held to it.
#[derive(Clone, Copy, Debug)]
pub struct Law {
    pub(super) name: &'static str,
    pub(super) subject: &'static str,
    pub(super) needs: &'static [Need],
    pub(super) check: fn(&Ground<'_>) -> Held,
}

/// What a law asks of a ledger before it can be tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Need {
    /// Its clock can be set: [`Offers::time`](super::Offers::time).
    Time,
    /// It keeps a hundred journal entries and more: [`Capabilities`](crate::ledger::Capabilities).
    Journal,
    /// Answers survive the process: [`Capabilities`](crate::ledger::Capabilities).
    Durable,
    /// Its operations can be told to fail: [`Offers::faults`](super::Offers::faults).
    Faults,
}

/// How a ledger stands before a law.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It keeps it, as far as was tried.
    Held,
    /// It does not offer what the law needs: what it lacks, or what it said with
    /// [`Unsupported`](crate::ErrorKind::Unsupported).
    NotOffered(String),
    /// It breaks it.
    Broken {
        /// What was seen, and what should have been.
        reason: String,
        /// With which it breaks again, as `TOKEN_BUDGET_SEED`.
        seed: u64,
    },
}

/// Where a law is tried: a factory, a seed, and a way to speak to the ledger.
#[derive(Clone)]
pub(super) struct Ground<'a> {
    pub(super) factory: &'a dyn Factory,
    pub(super) seed: u64,
    pub(super) door: Door,
    made: Arc<Mutex<Vec<Arc<Shared>>>>,
}

impl Law {
    /// Its name, as the macro's tests bear it: a sentence with `_` between its words.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Its name as a sentence.
    #[must_use]
    pub fn sentence(&self) -> String {
        self.name.replace('_', " ")
    }

    /// What it is about: admission, expiry, ids, …
    #[must_use]
    pub fn subject(&self) -> &'static str {
        self.subject
    }

    /// What it asks of a ledger before it can be tried.
    #[must_use]
    pub fn needs(&self) -> &'static [Need] {
        self.needs
    }

    /// Tries it, at every door the ledger has and as often as the factory asks.
    #[must_use]
    pub fn run(&self, factory: &dyn Factory) -> Standing {
        let first = super::seed();
        let doors = match self.doors(factory) {
            Ok(Ok(doors)) => doors,
            Ok(Err(need)) => return Standing::NotOffered(need.lack().into()),
            Err(error) => return Standing::Broken { reason: format!("no books: {error}"), seed: first },
        };
        for seed in (0..factory.rounds().max(1)).map(|round| first.wrapping_add(round)) {
            for door in &doors {
                match Ground::new(factory, seed, *door).hold(self.check) {
                    Ok(()) => {}
                    Err(why) if why.is_unsupported => return Standing::NotOffered(why.to_string()),
                    Err(why) => return Standing::Broken { reason: why.to_string(), seed },
                }
            }
        }
        Standing::Held
    }

    /// Tries it, as a test does.
    ///
    /// # Panics
    /// Where the ledger breaks it, with what was seen. A law whose needs are
    /// not offered is passed by, and says so on the standard output.
    #[expect(clippy::panic, reason = "an assertion, for tests")]
    pub fn assert_holds(&self, factory: &dyn Factory) {
        match self.run(factory) {
            Standing::Held => {}
            Standing::NotOffered(lack) => println!("{}: not tried; {}: {lack}", self.name, factory.name()),
            Standing::Broken { reason, seed } => {
                panic!(
                    "{} breaks a law: {}\nTOKEN_BUDGET_SEED={seed}\n{reason}",
                    factory.name(),
                    self.sentence()
                )
            }
        }
    }

    /// The ways to speak to these ledgers, or what they do not offer.
    fn doors(&self, factory: &dyn Factory) -> Result<Result<Vec<Door>, Need>, Error> {
        let offers = factory.offers();
        let setup = Setup { clock: Arc::new(ManualClock::default()), seed: 0 };
        let ledger = factory.make(&setup)?.open()?;
        let can = ledger.capabilities();
        let is_met = |need: &&Need| match need {
            Need::Time => offers.time,
            Need::Faults => offers.faults,
            Need::Durable => can.durable,
            Need::Journal => can.journal_entries.is_none_or(|kept| kept >= 100),
        };
        if let Some(need) = self.needs.iter().find(|need| !is_met(need)) {
            return Ok(Err(*need));
        }
        let at_once = ledger.immediate().map(|_| Door::AtOnce);
        Ok(Ok([Door::Waited].into_iter().chain(at_once).collect()))
    }
}

impl Need {
    /// What is said of a ledger without it: `keeps a clock of its own`.
    pub(super) fn lack(self) -> &'static str {
        match self {
            Self::Time => "keeps a clock of its own",
            Self::Journal => "folds its journal early",
            Self::Durable => "does not outlive its process",
            Self::Faults => "cannot be told to fail",
        }
    }
}

impl<'a> Ground<'a> {
    pub(super) fn new(factory: &'a dyn Factory, seed: u64, door: Door) -> Self {
        Self { factory, seed, door, made: Arc::default() }
    }

    /// Empty books.
    pub(super) fn books(&self) -> Held<Books> {
        let books = Books::make(self)?;
        self.made.lock().push(Arc::clone(&books.shared));
        Ok(books)
    }

    /// Runs a law, and looks at all books it used; a ledger that panics breaks it.
    fn hold(&self, check: fn(&Ground<'_>) -> Held) -> Held {
        let tried = catch_unwind(AssertUnwindSafe(|| {
            check(self)?;
            let made = std::mem::take(&mut *self.made.lock());
            made.into_iter().try_for_each(|shared| Books::open(shared, self.door)?.audit())
        }));
        tried.unwrap_or_else(|panic| Err(Why::panicked(&*panic)))
    }
}
