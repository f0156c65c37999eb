//! What does a ledger leave out? One command of each kind, asked before the laws and the games.
//!
//! A ledger need not offer everything: a store for calendar budgets has no rolling
//! windows, one for a single process no marks. It answers
//! [`Unsupported`](ErrorKind::Unsupported), and is judged on the rest: a law that is only
//! about what is left out is not tried, a law that is about more asks
//! [`Ground::offers`] before that part, and a game deals no such command.
//!
//! Six commands on books of their own tell, one for each kind that ledgers leave out. Any
//! answer but `Unsupported` is an offer; whether it is right is for the laws to say.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::Factory;
use super::books::{Books, Ground};
use super::claims::{always, claim, line, rolling, scope, team, with_thresholds};
use super::need::{LeftOut, Need};
use super::why::Held;
use crate::ledger::{Certainty, MarkAction, Reply};
use crate::values::ReservationId;
use crate::{Error, ErrorKind};

/// Asks the ledgers of that factory, its offers and their capabilities.
pub(super) fn left_out(factory: &dyn Factory) -> Held<LeftOut> {
    let books = Books::make(&Ground::new(factory, 0))?;
    let (offers, can) = (factory.offers(), books.ledger.capabilities());
    let stated = [
        (Need::Time, offers.time),
        (Need::Faults, offers.faults),
        (Need::Durable, can.durable),
        (Need::Journal, can.journal_entries.is_none_or(|kept| kept >= 100)),
    ];
    let lacks = stated.into_iter().filter(|(_, is_offered)| !is_offered);
    let mut left_out = lacks.fold(LeftOut::default(), |left_out, (need, _)| left_out.without(need));
    let asked = OnProbation::new(&books);
    for (need, command) in COMMANDS {
        // A ledger that panics offers it, and its laws will say what that is worth.
        let answer = catch_unwind(AssertUnwindSafe(|| command(&asked)));
        if let Ok(Err(error)) = answer
            && error.kind() == ErrorKind::Unsupported
        {
            left_out = left_out.with(*need, &error);
        }
    }
    Ok(left_out)
}

/// Books in which one id is held and another is charged.
struct OnProbation<'a> {
    books: &'a Books,
    held: ReservationId,
    charged: ReservationId,
}

/// A command that tells whether the ledger offers its kind.
type Command = fn(&OnProbation<'_>) -> Result<Reply, Error>;

/// One command of each kind that ledgers leave out.
const COMMANDS: &[(Need, Command)] = &[
    (Need::Rolling, |on| {
        let seconds = on.books.now().as_nanos().div_euclid(1_000_000_000);
        let rolls = claim(vec![line("team/rolls", rolling(seconds.div_euclid(10)), 10)]);
        on.books.reserve(on.books.id(), &rolls, &[1])
    }),
    (Need::Thresholds, |on| {
        let watched = with_thresholds(line("team/watched", always(), 10), &[(5, 0)]);
        on.books.reserve(on.books.id(), &claim(vec![watched]), &[1])
    }),
    (Need::Resizing, |on| on.books.resize(on.held, &team(10), &[2], None)),
    (Need::Marks, |on| on.books.mark(&scope("user", "ada"), MarkAction::Reopen, "nothing is frozen yet")),
    (Need::Postings, |on| on.books.record(on.books.id(), &team(10), &[1], None)),
    (Need::Refunds, |on| on.books.record(on.books.id(), &team(10), &[-1], Some(on.charged))),
];

impl<'a> OnProbation<'a> {
    fn new(books: &'a Books) -> Self {
        let (held, charged) = (books.id(), books.id());
        // If these fail, the laws of admission say so.
        let _ = catch_unwind(AssertUnwindSafe(|| {
            let _ = books.reserve(held, &team(10), &[1]);
            let _ = books.reconcile(charged, &team(10), &[1], Certainty::Reported);
        }));
        Self { books, held, charged }
    }
}
