//! How long is an id remembered, and what does it answer afterwards?
//!
//! A ledger must not confuse an id that it forgot with a new one: executing an old
//! reserve a second time would charge the same call twice. A ledger therefore states how
//! long it remembers an ended id
//! ([`Capabilities::remembers`](crate::ledger::Capabilities::remembers)), and after that
//! answers [`Forgotten`](ErrorKind::Forgotten) for every id older than the newest that it
//! forgot.

use super::*;
use crate::testing::conformance::need::Need;

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
/// time a report and a reserve of old ids must each be answered as repeats.
pub(crate) fn an_ended_id_is_remembered_for_as_long_as_is_said(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    let said = books.remembers().min(YEARS);
    if said.is_zero() {
        return Ok(()); // it promises a number only
    }
    let (charged, released) = (books.charged(&team(100), &[6])?, books.held(&team(100), &[5])?);
    books.release(released)?;

    books.advance(said - Duration::from_nanos(1))?;
    for _ in 0..100 {
        books.charged(&team(i64::MAX), &[0])?;
    }

    let report = books.reconcile(charged, &team(100), &[6], Certainty::Reported)?;
    let again = books.reserve(released, &team(100), &[5])?;
    equal!((report.repeated, again.repeated, again.outcome), (true, true, Outcome::Applied));
    equal!(books.balances(&team(100))?, [(6, 0)]);
    Ok(())
}

/// Catches a ledger that executes an id again because it no longer knows it. Ten years
/// later the old commands may be repeats, `Forgotten` or a state error, and a refused one
/// may be refused again, but no balance may move.
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
        books.reserve(refused, &team(10), &[11]),
        books.reserve(buried, &team(100), &[1]),
    ];

    for answer in answers {
        match answer {
            Ok(reply) => {
                holds!(reply.repeated || reply.outcome == Outcome::Refused, "an old id is new: {reply:?}")
            }
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

/// Catches a ledger that refuses ids from a clock somewhat in front of its own, and one that takes an id of next year,
/// after which everything of today would seem too old.
pub(crate) fn an_id_may_be_made_a_day_ahead_of_the_ledgers_time_and_no_more(ground: &Ground<'_>) -> Held {
    const DAY: Duration = Duration::from_secs(86_400);
    let books = ground.books()?;
    books.charged(&team(1_000), &[0])?;
    // A ledger on a clock of its own may be a little before or behind this one.
    let slack = if ground.offers(Need::Time) { Duration::ZERO } else { Duration::from_secs(600) };
    let ahead = |span: Duration| ReservationId::generate(books.now() + span);

    for span in [Duration::from_millis(1), Duration::from_secs(1), Duration::from_secs(3_600), DAY - slack] {
        let held = books.reserve(ahead(span), &team(1_000), &[1])?;
        let charged = books.reconcile(ahead(span), &team(1_000), &[1], Certainty::Reported)?;
        let buried = books.release(ahead(span))?;
        equal!(
            (held.outcome, charged.outcome, buried.outcome),
            (Outcome::Applied, Outcome::Applied, Outcome::Applied)
        );
    }
    equal!(books.balances(&team(1_000))?, [(4, 4)]);

    for span in [DAY + slack + Duration::from_millis(1), DAY * 2, YEARS] {
        let id = ahead(span);
        let mut errors = vec![
            books.reserve(id, &team(1_000), &[1]).fails("made for a day to come")?,
            books.reconcile(id, &team(1_000), &[1], Certainty::Reported).fails("made for a day to come")?,
            books.release(id).fails("made for a day to come")?,
        ];
        if ground.offers(Need::Postings) {
            errors.push(books.record(id, &team(1_000), &[1], None).fails("made for a day to come")?);
        }
        for error in errors {
            equal!(error.kind(), ErrorKind::Invalid);
        }
    }
    equal!(books.balances(&team(1_000))?, [(4, 4)]);
    books.open_is(4)?;
    Ok(())
}

/// Catches an age that is counted from the machine's clock: it was set back by days, and ids of the ledger's own time are
/// neither too new nor too old.
pub(crate) fn ids_are_as_old_as_the_ledgers_time_says(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    let now = Timestamp::from_secs(400 * 86_400);
    books.set(now)?;
    books.charged(&team(10), &[1])?;
    books.at(20)?;

    let reply = books.reserve(ReservationId::generate(now), &team(10), &[1])?;

    equal!((reply.outcome, reply.now), (Outcome::Applied, now));
    Ok(())
}
