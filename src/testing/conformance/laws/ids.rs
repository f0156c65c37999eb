//! What does an id answer that was seen before?
//!
//! The caller makes the id before it sends anything, and sends the same id again if no
//! answer came. The body of a command is its accounts with their periods, and its
//! amounts. Same id and same body: the first outcome with present balances. Same id and
//! another body: a conflict that changes nothing.

use std::sync::Arc;

use super::*;
use crate::ledger::{About, Note, Reconcile, Record, Release, Reserve};
use crate::testing::conformance::need::Need;

/// Catches a retry that holds twice, and a reply that was stored with the balances of
/// then: a retry must show what stands *now*, which is 6 reserved.
pub(crate) fn a_reserve_sent_again_gets_its_first_outcome_and_holds_nothing_more(
    ground: &Ground<'_>,
) -> Held {
    let books = ground.books()?;
    let id = books.held(&team(10), &[6])?;

    // Another ceiling is no other body: limits move between two attempts.
    let again = books.reserve(id, &team(1), &[6])?;

    equal!((again.outcome, again.repeated), (Outcome::Applied, true));
    equal!(sums(&again), [(0, 6)]); // present ones
    equal!(books.balances(&team(10))?, [(0, 6)]);
    Ok(())
}

/// Catches a ledger that forgets an id as its hold ends: the late copy of a reserve would
/// hold anew for a call that is long over.
pub(crate) fn a_reserve_sent_again_after_its_hold_ended_gets_its_first_outcome(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    let reconciled = books.held(&team(10), &[6])?;
    books.reconcile(reconciled, &team(10), &[5], Certainty::Reported)?;
    let released = books.held(&team(10), &[3])?;
    books.release(released)?;
    let expired = books.held(&team(10), &[2])?;
    books.advance(Duration::from_secs(100))?;

    for (id, amount) in [(reconciled, 6), (released, 3), (expired, 2)] {
        let again = books.reserve(id, &team(10), &[amount])?;
        equal!((again.outcome, again.repeated), (Outcome::Applied, true));
    }
    equal!(books.balances(&team(10))?, [(5, 0)]);
    Ok(())
}

/// Catches a retry that is judged anew. Its caller may already have told the user "no";
/// whoever wants to ask again takes a new id.
pub(crate) fn a_refused_id_stays_refused_even_when_there_is_room_by_now(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    let holder = books.held(&team(10), &[10])?;
    let id = books.id();
    books.reserve(id, &team(10), &[1])?;
    books.release(holder)?;

    let again = books.reserve(id, &team(10), &[1])?;
    let new = books.reserve(books.id(), &team(10), &[1])?;

    equal!((again.outcome, again.repeated), (Outcome::Refused, true));
    equal!(sums(&again), [(0, 0)]); // present ones
    equal!(new.outcome, Outcome::Applied);
    told!(books; new.repeated, false);
    Ok(())
}

/// Catches a ledger that looks at the id alone and answers "applied" to a command that it
/// never executed.
pub(crate) fn the_same_id_with_another_body_is_a_conflict_that_changes_nothing(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    let id = books.held(&team(10), &[6])?;
    let other_account = claim(vec![line("team/ads", always(), 10)]);

    let amount = books.reserve(id, &team(10), &[5]).fails("another amount")?;
    let account = books.reserve(id, &other_account, &[6]).fails("another account")?;
    let charge = books.reconcile(id, &other_account, &[6], Certainty::Reported).fails("another account")?;

    for error in [&amount, &account, &charge] {
        equal!(error.kind(), ErrorKind::Conflict);
    }
    equal!(books.balances(&team(10))?, [(0, 6)]);
    Ok(())
}

/// Catches a ledger that forgets the body of what it refused: a smaller amount under the
/// same id would get through, or hear "refused" for a question that was never judged.
pub(crate) fn a_refused_id_with_another_body_is_a_conflict(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    let id = books.id();
    books.reserve(id, &team(10), &[11])?;

    let smaller = books.reserve(id, &team(10), &[1]).fails("another amount")?;

    equal!(smaller.kind(), ErrorKind::Conflict);
    books.open_is(0)?;
    Ok(())
}

/// Catches a body that holds too much: ceilings, thresholds and deadlines are resolved
/// again at each attempt, and a retry would be a conflict.
pub(crate) fn limits_thresholds_and_deadlines_are_no_part_of_a_body(ground: &Ground<'_>) -> Held {
    // They move between two attempts: a retry that names new ones is the same command.
    let books = ground.books()?;
    let id = books.held(&team(10), &[6])?;
    let lower = line("team/search", always(), 1);
    let watched = ground.offers(Need::Thresholds);
    let moved = claim(vec![if watched { with_thresholds(lower, &[(5, 0)]) } else { lower }]);
    let later = (books.now() + Duration::from_secs(500), OnExpiry::Amounts(&[2]));

    let again = books.reserve_until(id, &moved, &[6], later)?;

    equal!((again.outcome, again.repeated), (Outcome::Applied, true));
    equal!(books.balances(&team(10))?, [(0, 6)]);
    Ok(())
}

/// Catches a retry that overwrites the deadline and the expiry rule of the hold it
/// repeats.
pub(crate) fn a_retry_does_not_prolong_its_hold(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    let id = books.held(&team(10), &[6])?;
    books.reserve_until(id, &team(10), &[6], (Timestamp::MAX, OnExpiry::Hold))?;

    books.at(100)?;

    // Made for a hundred seconds, to be charged nothing.
    equal!(books.balances(&team(10))?, [(0, 0)]);
    Ok(())
}

/// Catches a body without its periods: the retry after midnight would be answered for a
/// hold on yesterday's budget.
pub(crate) fn the_same_id_in_another_period_is_a_conflict(ground: &Ground<'_>) -> Held {
    // The second attempt was resolved after midnight: another account of the first one's money.
    let books = ground.books()?;
    let of = |number| claim(vec![line("team/search", day(number), 10)]);
    books.at(990)?;
    let (held, refused) = (books.held(&of(0), &[3])?, books.id());
    books.reserve(refused, &of(0), &[11])?;
    books.at(1_000)?;

    let again = books.reserve(held, &of(1), &[3]).fails("another day")?;
    let refused = books.reserve(refused, &of(1), &[11]).fails("another day")?;
    let report = books.reconcile(held, &of(1), &[3], Certainty::Reported).fails("another day")?;

    equal!((again.kind(), refused.kind()), (ErrorKind::Conflict, ErrorKind::Conflict));
    equal!(report.kind(), ErrorKind::Conflict);
    equal!(books.balances(&of(1))?, [(0, 0)]);
    Ok(())
}

/// Catches a ledger that charges the lines it is given instead of those that are held: a
/// line left out would stay reserved for ever.
pub(crate) fn a_command_on_fewer_or_more_lines_than_were_held_is_a_conflict(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    let three = claim(vec![
        line("team/search", always(), 10),
        line("user/ada", always(), 10),
        line("run/1", always(), 10),
    ]);
    let id = books.held(&two(10, 10), &[4, 3])?;

    let mut answers = vec![
        books.reserve(id, &team(10), &[4]),
        books.reserve(id, &three, &[4, 3, 0]),
        books.reconcile(id, &team(10), &[4], Certainty::Reported),
        books.reconcile(id, &three, &[4, 3, 0], Certainty::Reported),
    ];
    if ground.offers(Need::Resizing) {
        answers.push(books.resize(id, &team(10), &[5], None));
        answers.push(books.resize(id, &three, &[5, 3, 0], None));
    }

    for answer in answers {
        equal!(answer.fails("two lines were held")?.kind(), ErrorKind::Conflict);
    }
    equal!(books.balances(&three)?, [(0, 4), (0, 3), (0, 0)]);
    books.open_is(1)?;
    Ok(())
}

/// Catches a release of an unknown id that does nothing: the reserve that comes later
/// would hold, and its caller has already gone.
pub(crate) fn a_release_that_overtakes_its_reserve_leaves_a_tombstone(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    let id = books.id();

    let release = books.release(id)?;
    let again = books.release(id)?;
    let reserve = books.reserve(id, &team(10), &[1]).fails("it was released")?;

    equal!((release.outcome, again.repeated), (Outcome::Applied, true));
    told!(books; release.repeated, false);
    equal!(reserve.kind(), ErrorKind::State);
    books.open_is(0)?;
    Ok(())
}

/// Catches a tombstone that swallows money: the call was sent after all and cost 7.
pub(crate) fn usage_for_a_tombstone_is_recorded_all_the_same(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    let id = books.id();
    books.release(id)?;

    let reply = books.reconcile(id, &team(10), &[7], Certainty::Reported)?;

    equal!(reply.unheld, true);
    equal!(books.balances(&team(10))?, [(7, 0)]);
    Ok(())
}

/// Catches a body that holds who signed and what was remarked: a person who presses the button again, or another node
/// that sends the command on, signs otherwise. The first signature and the first remark stand.
pub(crate) fn signatures_and_remarks_are_no_part_of_a_body(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    let (claim, tenant) = (&team(100), &tenant());
    let [id, released, posted] = [books.id(), books.id(), books.id()];
    let expires_at = books.now() + Duration::from_secs(100);
    let remark = |use_case: &str| Note {
        about: Some(Arc::new(About { use_case: Some(use_case.into()), ..About::default() })),
        ..Note::default()
    };
    let mut repeated = Vec::new();
    for who in ["the first", "the second"] {
        let (signature, note) = (signed(who), &remark(who));
        let (attribution, on_expiry, certainty) = (Some(&signature), OnExpiry::Nothing, Certainty::Estimated);
        let (amounts, now) = (&[4], None);
        let mut replies = vec![
            books.reserve_as(Reserve { id, claim, amounts, expires_at, on_expiry, note, now })?,
            books.reconcile_as(Reconcile { id, claim, amounts, certainty, attribution, note, now })?,
            books.reserve_as(Reserve { id: released, claim, amounts, expires_at, on_expiry, note, now })?,
            books.release_as(Release { id: released, tenant, attribution, note, now })?,
        ];
        if ground.offers(Need::Postings) {
            let (id, used_at, corrects, attribution) = (posted, None, None, &signature);
            let posting = Record { id, used_at, claim, amounts, corrects, attribution, note, now };
            replies.push(books.record_as(posting)?);
        }
        repeated.push(replies.iter().map(|reply| (reply.outcome, reply.repeated)).collect::<Vec<_>>());
    }

    let again = repeated.pop().unwrap_or_default();
    equal!(again, vec![(Outcome::Applied, true); again.len()]);
    if ground.offers(Need::Journal) {
        let entries = books.journal()?;
        equal!(entries.len(), again.len());
        for entry in entries {
            equal!(entry.note, remark("the first"));
            holds!(
                entry.attribution.is_none_or(|it| it == signed("the first")),
                "the second signature stands"
            );
        }
    }
    Ok(())
}
