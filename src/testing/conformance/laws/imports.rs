//! Is a bill that is imported twice posted once?
//!
//! Its rows are told apart by the source and the row's own id there. A ledger remembers a row for 400 days after the day of its usage,
//! and forgets it for no other reason. That it does not make way for other calls, `once` asks.

use super::*;
use crate::Error;
use crate::ledger::{Note, Reconcile, Record, Release};

const DAY: Duration = Duration::from_secs(86_400);

/// Catches a ledger that takes a row for another one because its date was set right, and one that takes rows of two sources for one.
pub(crate) fn an_imported_row_is_posted_once_however_often_it_comes(ground: &Ground<'_>) -> Held {
    let (books, row) = (ground.books()?, ReservationId::imported("bill", "4711"));
    let used_at = books.now() - 10 * DAY;
    equal!(tell(&books, row, used_at, &team(10), 15)?.outcome, Outcome::Applied);
    // The row's date was set right since: it is the same row.
    for at in [used_at, used_at + DAY] {
        let again = tell(&books, row, at, &team(10), 15)?;
        equal!((again.outcome, again.repeated), (Outcome::Applied, true));
    }
    let other = tell(&books, row, used_at, &team(10), 16).fails("the row came with another amount")?;
    equal!(other.kind(), ErrorKind::Conflict);
    equal!(books.balances(&team(10))?, [(15, 0)]);
    // Another row, and the same one of another source.
    for row in [ReservationId::imported("bill", "4712"), ReservationId::imported("log", "4711")] {
        told!(books; tell(&books, row, used_at, &team(10), 1)?.repeated, false);
    }
    equal!(books.balances(&team(10))?, [(17, 0)]);
    Ok(())
}

/// Catches a row that is forgotten while it may still come, and one that is posted again once it was. A row that came again with a later
/// date is remembered by that one.
pub(crate) fn an_imported_row_is_remembered_for_400_days_after_its_usage(ground: &Ground<'_>) -> Held {
    let (books, last) = (ground.books()?, Duration::from_nanos(1));
    let [early, late, moved] = ["early", "late", "moved"].map(|row| ReservationId::imported("bill", row));
    let midnight = Timestamp::from_secs(1_764_547_200); // 2025-12-01
    books.set(midnight + 200 * DAY)?;
    for (row, used_at) in [(early, midnight - DAY), (late, midnight), (moved, midnight - DAY)] {
        tell(&books, row, used_at, &team(10), 3)?;
    }
    for at in [midnight + 300 * DAY, midnight + 400 * DAY - last] {
        books.set(at)?;
        // Time runs on for calls as well, and what is old of them goes.
        books.charged(&two(100, 100), &[0, 0])?;
        for (row, used_at) in [(early, midnight - last), (late, midnight), (moved, midnight)] {
            equal!(tell(&books, row, used_at, &team(10), 3)?.repeated, true);
        }
    }
    books.set(midnight + 400 * DAY)?;
    books.charged(&two(100, 100), &[0, 0])?;
    for row in [early, ReservationId::imported("bill", "never told")] {
        let error = tell(&books, row, midnight - last, &team(10), 3).fails("over 400 days have passed")?;
        equal!(error.kind(), ErrorKind::Forgotten);
    }
    for row in [late, moved] {
        equal!(tell(&books, row, midnight, &team(10), 3)?.repeated, true);
    }
    equal!(books.balances(&team(10))?, [(9, 0)]);
    Ok(())
}

/// Catches a hold under the id of a row, which would make the row a conflict when it comes.
pub(crate) fn the_id_of_an_imported_row_is_only_posted(ground: &Ground<'_>) -> Held {
    let (books, row, claim) = (ground.books()?, ReservationId::imported("bill", "4711"), &team(10));
    let (tenant, note, attribution, now) = (&tenant(), &Note::default(), None, None);
    let certainty = Certainty::Reported;
    let answers = [
        books.reserve(row, claim, &[1]),
        books.reconcile_as(Reconcile { id: row, claim, amounts: &[1], certainty, attribution, note, now }),
        books.release_as(Release { id: row, tenant, attribution, note, now }),
        books.record(row, claim, &[1], None),
        tell(&books, books.id(), books.now(), claim, 1),
        tell(&books, row, books.now() + 2 * DAY, claim, 1),
    ];
    for answer in answers {
        equal!(
            answer.fails("it is the id of a row, or is not, or of a day to come")?.kind(),
            ErrorKind::Invalid
        );
    }
    equal!(books.balances(claim)?, [(0, 0)]);
    told!(books; tell(&books, row, books.now() + DAY / 2, claim, 1)?.repeated, false);
    equal!(books.reserve(row, claim, &[1]).fails("it is a posting's")?.kind(), ErrorKind::Conflict);
    Ok(())
}

/// Posts an imported row.
fn tell(
    books: &Books,
    id: ReservationId,
    used_at: Timestamp,
    claim: &Claim,
    amount: i64,
) -> Result<Reply, Error> {
    let (attribution, note, now) = (&signed("an import"), &Note::default(), None);
    let (used_at, amounts, corrects) = (Some(used_at), &[amount], None);
    books.record_as(Record { id, used_at, claim, amounts, corrects, attribution, note, now })
}
