//! What is remembered of a refusal, and for how long?
//!
//! A refusal changes nothing, so a ledger need not keep it as it keeps a charge. It is
//! remembered by the process that gave it, for a minute: long enough for a client whose
//! answer was lost. Afterwards the id is judged as new. Nothing durable comes of it, or
//! whoever is refused in a loop would fill the books of everybody.

use super::*;
use crate::testing::conformance::need::Need;

/// For so long a refusal is answered again.
const REMEMBERED: Duration = Duration::from_secs(60);

/// Catches a refusal that is forgotten too soon: just before the minute is over there is room, and the answer is still
/// the first one.
pub(crate) fn a_refusal_is_answered_again_for_a_minute(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    let (holder, refused) = (books.held(&team(10), &[10])?, books.id());
    books.reserve(refused, &team(10), &[1])?;
    books.release(holder)?;

    books.advance(REMEMBERED - Duration::from_nanos(1))?;
    let again = books.reserve(refused, &team(10), &[1])?;

    equal!((again.outcome, again.repeated), (Outcome::Refused, true));
    equal!(books.reserve(refused, &team(10), &[2]).fails("another body")?.kind(), ErrorKind::Conflict);
    if ground.offers(Need::Resizing) {
        equal!(
            books.resize(refused, &team(10), &[1], None).fails("it was refused")?.kind(),
            ErrorKind::State
        );
    }
    equal!(books.release(refused).fails("it was refused")?.kind(), ErrorKind::State);
    Ok(())
}

/// Catches a refusal that is written down: it makes no entry, no account, no hold, and no books for a tenant that had
/// none. What a store has is looked at through everything that shows it.
pub(crate) fn a_refusal_leaves_nothing_that_can_be_seen(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    let stranger = books.another()?.of_tenant(tenant_of("stranger"));
    let theirs = claim_in(&stranger.tenant, vec![line_in(&stranger.tenant, "team/search", always(), 10)]);
    books.charged(&team(10), &[1])?;
    let before = books.journal()?;

    for _ in 0..50 {
        let refused = books.reserve(books.id(), &two(10, 10), &[10, 1])?;
        equal!(refused.outcome, Outcome::Refused);
        equal!(stranger.reserve(stranger.id(), &theirs, &[11])?.outcome, Outcome::Refused);
    }

    equal!(books.journal()?, before);
    equal!(stranger.journal()?, []);
    equal!(books.balances(&two(10, 10))?, [(1, 0), (0, 0)]);
    equal!(stranger.balances(&theirs)?, [(0, 0)]);
    books.open_is(0)?;
    Ok(())
}

/// Catches a ledger that admits now and then what it should refuse: a counter that runs over, a sample, a fast path. A
/// thousand and some hundred times the same question has the same answer, whatever came between.
pub(crate) fn a_refusal_is_the_same_each_time_it_is_asked_for(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    let times = 4_200 / ground.factory.rounds().max(1);
    books.held(&two(10, 10), &[7, 10])?;
    for time in 0..times {
        let full = books.reserve(books.id(), &two(10, 10), &[1, 1])?;
        holds!(full.outcome == Outcome::Refused, "the {time}th refusal is {:?}", full.outcome);
    }
    equal!(books.balances(&two(10, 10))?, [(0, 7), (0, 10)]);
    Ok(())
}

/// Catches a refusal after which something is different: what a doomed growth asked for, and what a frozen scope kept out,
/// leaves as little as a reserve without room.
pub(crate) fn growth_that_is_refused_leaves_no_entry(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    let id = books.held(&team(10), &[4])?;

    for _ in 0..50 {
        equal!(books.resize(id, &team(10), &[11], None)?.outcome, Outcome::Refused);
    }

    equal!(books.journal()?.len(), 1);
    equal!(books.balances(&team(10))?, [(0, 4)]);
    if ground.offers(Need::Marks) {
        books.mark(&scope("team", "search"), crate::ledger::MarkAction::Freeze, "holidays")?;
        equal!(books.reserve(books.id(), &team(100), &[1])?.outcome, Outcome::Refused);
        equal!(books.journal()?.len(), 2);
    }
    Ok(())
}
