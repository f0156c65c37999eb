//! How long is an id remembered, and what does it answer afterwards?
//!
//! A ledger must not confuse an id that it forgot with a new one: executing an old
//! reserve a second time would charge the same call twice. A ledger therefore states how
//! long it remembers an ended id
//! ([`Capabilities::remembers`](crate::ledger::Capabilities::remembers)), and after that
//! answers [`Forgotten`](ErrorKind::Forgotten) for every id older than the newest that it
//! forgot.

use super::*;

/// Ten years: longer than any ledger here remembers by age.
const YEARS: Duration = Duration::from_secs(10 * 365 * 86_400);

/// Catches a ledger that keeps tombstones by number: 200 others may not push one out
/// before its hour is over. A reserve that was delayed on the network would come alive
/// and hold for ever.
pub(crate) fn a_tombstone_stands_for_an_hour_however_many_follow(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    let buried = books.id();
    books.release(buried)?;
    for _ in 0..200 {
        books.release(books.id())?;
    }

    books.set(Timestamp::from_secs(3_600) - Duration::from_nanos(1))?;
    books.release(books.id())?;

    equal!(books.reserve(buried, &team(10), &[1]).fails("it was released")?.kind(), ErrorKind::State);
    books.open_is(0)?;
    Ok(())
}

/// Catches a ledger that forgets by age alone: after a hundred days the hold still
/// stands, so its usage is not `unheld`.
pub(crate) fn an_open_hold_is_never_too_old(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    let id = books.id();
    let for_ever = (Timestamp::MAX, OnExpiry::Nothing);
    books.reserve_until(id, &team(10), &[1], for_ever)?;
    books.advance(Duration::from_secs(100 * 86_400))?;

    let reply = books.reconcile(id, &team(10), &[2], Certainty::Reported)?;

    equal!(reply.unheld, false);
    equal!(books.balances(&team(10))?, [(2, 0)]);
    Ok(())
}

/// Catches a ledger that promises more than it keeps: one nanosecond before the stated
/// time a report, a reserve and a refusal of old ids must each be answered as repeats.
pub(crate) fn an_ended_id_is_remembered_for_as_long_as_is_said(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    let said = books.remembers().min(YEARS);
    if said.is_zero() {
        return Ok(()); // it promises a number only
    }
    let (charged, released) = (books.charged(&team(100), &[6])?, books.held(&team(100), &[5])?);
    let refused = books.id();
    books.reserve(refused, &team(10), &[11])?;
    books.release(released)?;

    books.advance(said - Duration::from_nanos(1))?;
    for _ in 0..100 {
        books.charged(&team(i64::MAX), &[0])?;
    }

    let report = books.reconcile(charged, &team(100), &[6], Certainty::Reported)?;
    let again = books.reserve(released, &team(100), &[5])?;
    let still = books.reserve(refused, &team(100), &[11])?;
    equal!((report.repeated, again.repeated, still.repeated), (true, true, true));
    equal!((again.outcome, still.outcome), (Outcome::Applied, Outcome::Refused));
    equal!(books.balances(&team(100))?, [(6, 0)]);
    Ok(())
}

/// Catches a ledger that executes an id again because it no longer knows it. Ten years
/// later the old commands may be repeats, `Forgotten` or a state error, but no balance
/// may move.
pub(crate) fn what_was_forgotten_is_too_old_and_never_executed_again(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    let (charged, released) = (books.charged(&team(100), &[6])?, books.held(&team(100), &[5])?);
    let (refused, buried) = (books.id(), books.id());
    books.reserve(refused, &team(10), &[11])?;
    books.release(released)?;
    books.release(buried)?;
    // Ten years later, and others came in between: it may have forgotten, and may not mistake them for new.
    books.advance(YEARS)?;
    for _ in 0..100 {
        books.charged(&team(i64::MAX), &[0])?;
    }

    let answers = [
        books.reconcile(charged, &team(100), &[6], Certainty::Reported),
        books.reserve(released, &team(100), &[5]),
        books.reserve(refused, &team(100), &[11]),
        books.reserve(buried, &team(100), &[1]),
    ];

    for answer in answers {
        match answer {
            Ok(reply) => equal!(reply.repeated, true),
            Err(error) => {
                let is_known = matches!(error.kind(), ErrorKind::Forgotten | ErrorKind::State);
                holds!(is_known, "an old id is answered by {error} ({:?})", error.kind());
            }
        }
    }
    equal!(books.balances(&team(100))?, [(6, 0)]);
    books.open_is(0)?;
    Ok(())
}
