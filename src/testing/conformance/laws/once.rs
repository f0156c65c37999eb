//! What happens once, however often it is asked for and however many others came between?
//!
//! What was executed is never executed again: if a ledger has forgotten the id, it says so ([`Forgotten`](ErrorKind::Forgotten)).
//! A refusal was not executed, so it may be forgotten, and is after a minute: then its id is judged as new.

use super::*;
use crate::ledger::{Note, Reconcile, Record, Release};
use crate::testing::conformance::need::Need;

/// More ids than a ledger that counts them remembers, if it remembers 65,536.
const OTHERS: u64 = 70_000;

/// How many commands are under way at once, so that a store that writes batches can write them.
const AT_ONCE: u64 = 500;

/// For so long a refusal is answered again.
const REFUSALS_LAST: Duration = Duration::from_secs(60);

/// Catches a ledger that remembers the last so many ids and takes each older one for new: a call that was charged would
/// be charged again by a late copy of its report.
pub(crate) fn an_id_is_executed_once_however_many_others_came_between(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    let (charged, released) = (books.charged(&two(100, 100), &[6, 1])?, books.held(&team(100), &[5])?);
    let [unheld, posted, buried] = [books.id(), books.id(), books.id()];
    books.release(released)?;
    books.reconcile(unheld, &team(100), &[7], Certainty::Reported)?;
    books.release(buried)?;
    let (row, used_at) = (ReservationId::imported("bill", "4711"), Some(books.now()));
    let (claim, attribution, note, now) = (&team(100), &signed("an import"), &Note::default(), None);
    let imported = Record { id: row, used_at, claim, amounts: &[9], corrects: None, attribution, note, now };
    if ground.offers(Need::Postings) {
        books.record(posted, &team(100), &[8], None)?;
        books.record_as(imported)?;
    }
    let before = books.balances(&two(100, 100))?;

    // Who states a time counts by age, and is held to that by another law: a few thousand are enough to find a number.
    let count = if books.remembers().is_zero() { OTHERS } else { OTHERS / 20 };
    others(&books, count / ground.factory.rounds().max(1))?;

    let mut answers = vec![
        books.reserve(charged, &two(100, 100), &[0, 0]),
        books.reconcile(charged, &two(100, 100), &[6, 1], Certainty::Reported),
        books.reserve(released, &team(100), &[5]),
        books.reconcile(unheld, &team(100), &[7], Certainty::Reported),
        books.reserve(unheld, &team(100), &[7]),
        books.reserve(buried, &team(100), &[1]),
    ];
    if ground.offers(Need::Postings) {
        answers.push(books.record(posted, &team(100), &[8], None));
        // Others make way for what came after them, imported rows do not.
        equal!(books.record_as(imported)?.repeated, true);
    }
    for answer in answers {
        match answer {
            Ok(reply) => holds!(reply.repeated, "an id that was executed is new: {reply:?}"),
            Err(error) => {
                let is_known = matches!(error.kind(), ErrorKind::Forgotten | ErrorKind::State);
                holds!(is_known, "an id that was executed is answered by {error} ({:?})", error.kind());
            }
        }
    }
    equal!(books.balances(&two(100, 100))?, before);
    books.open_is(0)
}

/// Sends so many calls of others: each is charged nothing, posted or given back, and has ended.
fn others(books: &Books, count: u64) -> Held {
    let (claim, note, tenant) =
        (&claim(vec![line("user/other", always(), 100)]), &Note::default(), &tenant());
    let (attribution, certainty, amounts, now) = (None, Certainty::Reported, &[0], None);
    for sent in (0..count).step_by(usize::try_from(AT_ONCE).unwrap_or(1)) {
        let under_way: Vec<_> = (sent..count.min(sent + AT_ONCE))
            .map(|_| Reconcile { id: books.id(), claim, amounts, certainty, attribution, note, now })
            .map(|command| books.ledger.reconcile(command))
            .collect();
        for answer in under_way {
            books.shared.driver.wait(answer)?;
        }
    }
    // Some of the other kinds, so that no queue of its own is left out.
    for _ in 0..50 {
        let id = books.id();
        books.reserve(id, claim, &[0])?;
        books.release_as(Release { id, tenant, attribution, note, now })?;
    }
    Ok(())
}

/// Catches a refusal that is kept for ever, and one whose memory a repeat prolongs: after the minute the id is a new one,
/// with whatever body.
pub(crate) fn after_a_minute_a_refused_id_is_judged_as_new(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    let (holder, [refused, smaller, buried]) =
        (books.held(&team(10), &[10])?, [books.id(), books.id(), books.id()]);
    for id in [refused, smaller, buried] {
        books.reserve(id, &team(10), &[4])?;
    }
    books.release(holder)?;
    books.advance(REFUSALS_LAST - Duration::from_nanos(1))?;
    equal!(books.reserve(refused, &team(10), &[4])?.repeated, true);

    books.advance(Duration::from_nanos(2))?;
    let again = books.reserve(refused, &team(10), &[4])?;
    let other_body = books.reserve(smaller, &team(10), &[3])?;
    let release = books.release(buried)?;

    equal!((again.outcome, other_body.outcome), (Outcome::Applied, Outcome::Applied));
    told!(books; (again.repeated, other_body.repeated, release.repeated), (false, false, false));
    equal!(books.balances(&team(10))?, [(0, 7)]);
    // What was refused and is now buried cannot come alive.
    equal!(books.reserve(buried, &team(10), &[4]).fails("it was released")?.kind(), ErrorKind::State);
    Ok(())
}
