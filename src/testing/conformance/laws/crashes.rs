//! What stands after the process was killed? Whatever was acknowledged.
//!
//! A ledger that calls itself durable must keep every acknowledged answer through a
//! killed process. `Books::crash` drops the handle without a farewell
//! ([`Store::crash`](crate::testing::conformance::Store::crash)) and opens another on the
//! same files or server. What was never acknowledged may be there or not; these laws say
//! nothing of it.

use super::*;
use crate::ledger::MarkAction;
use crate::testing::conformance::need::Need;

/// Catches a write that was answered before it was synced: holds, charges, certainties and the
/// journal must read as before, and both calls can still be ended.
pub(crate) fn what_was_acknowledged_stands_after_a_crash(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    let held = books.held(&two(100, 100), &[6, 5])?;
    let charged = books.held(&two(100, 100), &[9, 9])?;
    books.reconcile(charged, &two(100, 100), &[4, 3], Certainty::Estimated)?;
    let before = books.journal()?;

    let books = books.crash()?;

    equal!(books.balances(&two(100, 100))?, [(4, 6), (3, 5)]);
    equal!(books.journal()?, before);
    books.reconcile(charged, &two(100, 100), &[7, 7], Certainty::Reported)?;
    books.release(held)?;
    equal!(books.balances(&two(100, 100))?, [(7, 0), (7, 0)]);
    Ok(())
}

/// Catches a ledger that keeps its replies in memory only: after the restart a retry would be judged anew, and hold or
/// charge a second time. (Refusals are remembered by their process alone.)
pub(crate) fn every_answer_is_given_again_after_a_crash(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    let held = books.held(&team(10), &[6])?;
    let (buried, posted) = (books.id(), books.id());
    books.release(buried)?;
    if ground.offers(Need::Postings) {
        books.record(posted, &team(10), &[2], None)?;
    } else {
        books.reconcile(posted, &team(10), &[2], Certainty::Reported)?;
    }

    let books = books.crash()?;
    books.release(held)?;

    let again = books.reserve(held, &team(10), &[6])?;
    equal!((again.outcome, again.repeated), (Outcome::Applied, true));
    equal!(books.reserve(buried, &team(10), &[1]).fails("it was released")?.kind(), ErrorKind::State);
    let again = match ground.offers(Need::Postings) {
        true => books.record(posted, &team(10), &[2], None)?,
        false => books.reconcile(posted, &team(10), &[2], Certainty::Reported)?,
    };
    equal!(again.repeated, true);
    equal!(books.reserve(held, &team(10), &[7]).fails("another body")?.kind(), ErrorKind::Conflict);
    equal!(books.balances(&team(10))?, [(2, 0)]);
    Ok(())
}

/// Catches a ledger whose expiry rule lives in the process that reserved: holds of 6 that
/// charge nothing, the hold, or 1 come to 0 + 6 + 1 = 7, with nobody there to report.
pub(crate) fn a_hold_of_a_process_that_died_ends_by_its_rule(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    let due = Timestamp::from_secs(10);
    for on_expiry in [OnExpiry::Nothing, OnExpiry::Hold, OnExpiry::Amounts(&[1])] {
        books.reserve_until(books.id(), &team(100), &[6], (due, on_expiry))?;
    }

    let books = books.crash()?;
    books.set(due - Duration::from_nanos(1))?;
    equal!(books.balances(&team(100))?, [(0, 18)]);
    books.set(due)?;

    equal!(books.balances(&team(100))?, [(7, 0)]);
    Ok(())
}

/// Catches a ledger that forgets its latest instant: a machine that comes up with a slow
/// clock would bring expired holds back to life.
pub(crate) fn ledger_time_does_not_run_back_over_a_crash(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    books.at(50)?;
    books.held(&team(10), &[1])?;

    let books = books.crash()?;
    books.at(20)?;

    let reply = books.reserve(books.id(), &team(10), &[1])?;
    equal!(reply.now, Timestamp::from_secs(50));
    Ok(())
}

/// Catches a freeze that is kept in memory: a restart would let the stopped agent run on.
pub(crate) fn a_frozen_scope_stays_frozen_over_a_crash(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    books.mark(&scope("team", "search"), MarkAction::Stop, "it went in circles")?;

    let books = books.crash()?;

    equal!(books.reserve(books.id(), &team(10), &[1])?.outcome, Outcome::Refused);
    let standing = books.marks(&[scope("team", "search")])?;
    equal!(
        standing.iter().map(|mark| mark.attribution.reason.as_str()).collect::<Vec<_>>(),
        ["it went in circles"]
    );
    Ok(())
}

/// Catches a ledger that derives "already alerted" from the balance it has loaded, and so
/// alerts twice for the same threshold.
pub(crate) fn a_threshold_that_fired_does_not_fire_again_after_a_crash(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    let claim = claim(vec![with_thresholds(line("team/search", always(), i64::MAX), &[(50, 0), (80, 1)])]);
    books.charged(&claim, &[60])?;

    let books = books.crash()?;
    books.charged(&claim, &[10])?;
    books.charged(&claim, &[10])?;

    let kinds: Vec<_> = books.journal()?.iter().map(|entry| entry.kind).collect();
    let fired: Vec<_> = kinds.into_iter().filter(|kind| matches!(kind, EntryKind::Reached(_))).collect();
    equal!(fired, [EntryKind::Reached(0), EntryKind::Reached(1)]);
    Ok(())
}
