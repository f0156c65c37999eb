//! What is posted of what a source outside tells, such as a provider's bill?
//!
//! Its rows are told apart by the source and the row's own id there. A ledger remembers them by the day of their usage, for 400 days, and
//! forgets them for no other reason: so a bill that is imported twice changes nothing the second time.

use super::*;
use crate::Error;
use crate::ledger::{Note, Reconcile, Record, Release};

const DAY: Duration = Duration::from_secs(86_400);

/// Catches a bill that is charged twice because the ledger has forgotten its row as it forgets calls: by their number, or by
/// their age.
pub(crate) fn what_a_source_tells_twice_is_posted_once(ground: &Ground<'_>) -> Held {
    let (books, row) = (ground.books()?, ReservationId::of_source("bill", "4711"));
    let used_at = books.now() - 10 * DAY;
    equal!(tell(&books, row, used_at, &team(10), 15)?.outcome, Outcome::Applied);
    super::once::others(&books, 3_500 / ground.factory.rounds().max(1))?;

    // The row's date was set right since: it is the same row.
    for at in [used_at, used_at + DAY] {
        let again = tell(&books, row, at, &team(10), 15)?;
        equal!((again.outcome, again.repeated), (Outcome::Applied, true));
    }
    let other = tell(&books, row, used_at, &team(10), 16).fails("the row came with another amount")?;
    equal!(other.kind(), ErrorKind::Conflict);
    equal!(books.balances(&team(10))?, [(15, 0)]);
    // Another row, and the same one of another source.
    for row in [ReservationId::of_source("bill", "4712"), ReservationId::of_source("log", "4711")] {
        told!(books; tell(&books, row, used_at, &team(10), 1)?.repeated, false);
    }
    equal!(books.balances(&team(10))?, [(17, 0)]);
    Ok(())
}

/// Catches a row that is forgotten while it may still be told, and one that is posted again once it was.
pub(crate) fn what_a_source_tells_is_remembered_for_400_days_after_its_usage(ground: &Ground<'_>) -> Held {
    let (books, rows) = (ground.books()?, ["early", "late"].map(|row| ReservationId::of_source("bill", row)));
    let midnight = Timestamp::from_secs(1_764_547_200); // 2025-12-01
    books.set(midnight + 200 * DAY)?;
    let told = [midnight - DAY, midnight];
    for (row, used_at) in rows.into_iter().zip(told) {
        tell(&books, row, used_at, &team(10), 3)?;
    }
    let last = Duration::from_nanos(1);
    for at in [midnight + 300 * DAY, midnight + 400 * DAY - last] {
        books.set(at)?;
        // Time runs on for calls as well, and what is old of them goes.
        books.charged(&two(100, 100), &[0, 0])?;
        for (row, used_at) in rows.into_iter().zip(told) {
            equal!(tell(&books, row, used_at, &team(10), 3)?.repeated, true);
        }
    }
    books.set(midnight + 400 * DAY)?;
    let [early, late] = rows;
    for row in [early, ReservationId::of_source("bill", "never told")] {
        let error = tell(&books, row, midnight - last, &team(10), 3).fails("over 400 days have passed")?;
        equal!(error.kind(), ErrorKind::Forgotten);
    }
    equal!(tell(&books, late, midnight, &team(10), 3)?.repeated, true);
    equal!(books.balances(&team(10))?, [(6, 0)]);
    Ok(())
}

/// Catches a hold under the id of a row, which would make the row a conflict when it is told.
pub(crate) fn the_id_of_a_sources_row_is_only_posted(ground: &Ground<'_>) -> Held {
    let (books, row, claim) = (ground.books()?, ReservationId::of_source("bill", "4711"), &team(10));
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

/// Posts what a source tells.
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
