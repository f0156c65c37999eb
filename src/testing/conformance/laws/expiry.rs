//! When does a hold end by itself, and what is it charged?
//!
//! Expiry is logical: a hold ends at its instant, whether or not anybody looks. Every
//! command first ends what is due, oldest first, and then looks at its own lines. A
//! sweeper is therefore housekeeping, never a condition for a right answer.

use super::*;
use crate::testing::conformance::need::Need;

const TEN_SECONDS: Timestamp = Timestamp::from_secs(10);

/// Catches an interval that is closed at the wrong end: at 9.999999999 s the hold counts,
/// at 10 s it does not.
pub(crate) fn a_hold_lives_to_the_last_nanosecond_before_its_expiry(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    books.reserve_until(books.id(), &team(10), &[10], (TEN_SECONDS, OnExpiry::Nothing))?;

    books.set(TEN_SECONDS - Duration::from_nanos(1))?;
    let before = books.reserve(books.id(), &team(10), &[10])?;
    books.set(TEN_SECONDS)?;
    let at = books.reserve(books.id(), &team(10), &[10])?;

    equal!((before.outcome, at.outcome), (Outcome::Refused, Outcome::Applied));
    // What is due is ended before the lines are looked at.
    told!(books; sums(&at), [(0, 0)]);
    Ok(())
}

/// Catches a ledger that releases every expired hold, or charges every one in full. The
/// reserve says which: nothing, the hold (6 and 5), or amounts of its own (1 and 9).
pub(crate) fn an_expired_hold_is_charged_as_it_was_told(ground: &Ground<'_>) -> Held {
    let charges =
        [(OnExpiry::Nothing, [0, 0]), (OnExpiry::Hold, [6, 5]), (OnExpiry::Amounts(&[1, 9]), [1, 9])];
    for (on_expiry, charge) in charges {
        let books = ground.books()?;
        let two = two(10, 10);
        let id = books.id();
        books.reserve_until(id, &two, &[6, 5], (TEN_SECONDS, on_expiry))?;
        books.set(TEN_SECONDS)?;

        let reply = books.reserve(books.id(), &two, &[0, 0])?;

        let expired = reply.effects.map(|effects| effects.expired).unwrap_or_default();
        let told: Vec<_> = expired
            .iter()
            .map(|hold| {
                (hold.id, hold.due, hold.charged.iter().map(|(_, amount)| *amount).collect::<Vec<_>>())
            })
            .collect();
        told!(books; told, [(id, TEN_SECONDS, charge.to_vec())]);
        equal!(books.balances(&two)?, charge.map(|amount| (amount, 0)));
    }
    Ok(())
}

/// Catches an order that depends on a hash table. Two ledgers that end the same holds in
/// another order reach a threshold with another call.
pub(crate) fn holds_end_oldest_first_and_by_id_where_they_are_due_together(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    let mut ids = Vec::new();
    let mut fresh: Vec<ReservationId> = (0..14).map(|_| books.id()).collect();
    // Made in the order of their ids the two last would stand right by chance.
    fresh.sort_by_key(|id| std::cmp::Reverse(*id));
    // Twelve holds due at 12, 11, … 1 seconds, and two more at 5.
    for (seconds, id) in (1..=12).rev().chain([5, 5]).zip(fresh) {
        let due = Timestamp::from_secs(seconds);
        books.reserve_until(id, &team(100), &[1], (due, OnExpiry::Hold))?;
        ids.push((due, id));
    }
    books.at(12)?;

    let reply = books.reserve(books.id(), &team(100), &[0])?;

    ids.sort();
    let ids: Vec<_> = ids.into_iter().map(|(_, id)| id).collect();
    told!(books; ended(&reply), ids);
    equal!(books.balances(&team(100))?, [(14, 0)]);
    Ok(())
}

/// Catches a ledger that keeps a copy of the first amounts: a hold of 6 that grew to 8 is
/// charged 8.
pub(crate) fn an_expiry_charge_follows_what_the_hold_holds_at_that_moment(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    let id = books.id();
    books.reserve_until(id, &team(10), &[6], (TEN_SECONDS, OnExpiry::Hold))?;
    books.resize(id, &team(10), &[8], None)?;

    books.set(TEN_SECONDS)?;

    equal!(books.balances(&team(10))?, [(8, 0)]);
    Ok(())
}

/// Catches a sum that saturates, wraps, or panics while nobody is there to be told. One is spent and four are held by
/// somebody else: a charge of the largest amount less 5 just fits beside them, one more does not, and the line is charged the 7
/// that it holds. The second line is charged what was said, either way.
pub(crate) fn an_expiry_charge_that_does_not_fit_is_replaced_by_what_the_line_holds(
    ground: &Ground<'_>,
) -> Held {
    const MOST: i64 = i64::MAX - 5;
    for (said, charged) in [(MOST, MOST), (MOST + 1, 7), (i64::MAX, 7)] {
        let books = ground.books()?;
        books.charged(&two(100, 100), &[1, 1])?;
        books.held(&two(100, 100), &[4, 4])?;
        let expiry = (TEN_SECONDS, OnExpiry::Amounts(&[said, 2]));
        let id = books.id();
        books.reserve_until(id, &two(100, 100), &[7, 7], expiry)?;
        books.set(TEN_SECONDS)?;

        equal!(books.balances(&two(100, 100))?, [(1 + charged, 4), (3, 4)]);
        let reply = books.release(books.id())?;
        let expired = reply.effects.map(|effects| effects.expired).unwrap_or_default();
        let told: Vec<_> = expired.iter().flat_map(|hold| &hold.charged).map(|(_, amount)| *amount).collect();
        told!(books; told, [charged, 2]);
    }
    Ok(())
}

/// Catches expiry that happens only when something sweeps: the same story, with and
/// without commands in between, must end with the same balances.
pub(crate) fn results_are_the_same_whether_or_not_other_commands_ran_in_between(ground: &Ground<'_>) -> Held {
    let run = |sweeps: bool| -> Held<(Outcome, Vec<(i64, i64)>)> {
        let books = ground.books()?;
        let lines =
            |number| claim(vec![line("team/search", day(number), 20), line("user/ada", always(), 20)]);
        for (due, on_expiry) in
            [(300, OnExpiry::Hold), (900, OnExpiry::Amounts(&[1, 2])), (1_500, OnExpiry::Nothing)]
        {
            let expiry = (Timestamp::from_secs(due), on_expiry);
            books.reserve_until(books.id(), &lines(0), &[4, 4], expiry)?;
        }
        for hundreds in 0..=16 {
            books.at(hundreds * 100)?;
            if sweeps {
                books.balances(&lines(i64::from(hundreds >= 10)))?;
                books.release(books.id())?;
            }
        }
        let reply = books.reserve(books.id(), &lines(1), &[15, 15])?;
        equal!(sums(&reply), books.balances(&lines(1))?);
        Ok((reply.outcome, sums(&reply)))
    };

    // Spent for ever: 4 held, 2 as told, nothing: 6. Of day 1: nothing.
    let expected = (Outcome::Refused, vec![(0, 0), (6, 0)]);
    equal!(run(false)?, expected);
    equal!(run(true)?, expected);
    Ok(())
}

/// Catches a timer that outlives its hold: the call reported 1, and nothing may be added
/// at its deadline.
pub(crate) fn a_hold_that_was_ended_does_not_expire(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    let id = books.id();
    books.reserve_until(id, &team(10), &[6], (TEN_SECONDS, OnExpiry::Hold))?;
    books.reconcile(id, &team(10), &[1], Certainty::Reported)?;
    books.at(20)?;

    let reply = books.reserve(books.id(), &team(10), &[0])?;

    equal!(ended(&reply), []);
    equal!(books.balances(&team(10))?, [(1, 0)]);
    Ok(())
}

/// Catches a ledger that takes the clock as it comes. The clock is set back from 50 s to
/// 20 s; the ledger stays at 50 s, so a hold until 40 s is due at once.
pub(crate) fn time_never_runs_backwards(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    books.at(50)?;
    let expiry = (Timestamp::from_secs(40), OnExpiry::Nothing);
    let first = books.reserve(books.id(), &team(10), &[1])?;
    books.at(20)?;

    let second = books.reserve_until(books.id(), &team(10), &[1], expiry)?;
    let third = books.reserve(books.id(), &team(10), &[1])?;

    equal!(
        (first.now, second.now, third.now),
        (Timestamp::from_secs(50), Timestamp::from_secs(50), Timestamp::from_secs(50))
    );
    // At second 50 a hold until second 40 is due, whatever the clock shows.
    told!(books; ended(&third).len(), 1);
    Ok(())
}

/// Catches a reply that bears the machine's clock: callers resolve the next window by
/// this instant, so it must be the one that the command was judged at.
pub(crate) fn every_reply_bears_the_ledgers_instant(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    let of = |number| claim(vec![line("team/search", day(number), 10)]);
    books.at(1_050)?;
    let (released, charged) = (books.held(&of(1), &[1])?, books.held(&of(1), &[1])?);
    // The clock of the machine is set back over midnight: the ledger's time stands still.
    books.at(20)?;

    if ground.offers(Need::Resizing) {
        let resized = books.resize(released, &of(1), &[2], None)?;
        equal!((resized.outcome, resized.now), (Outcome::Applied, Timestamp::from_secs(1_050)));
    }
    let replies = [
        books.reserve(books.id(), &of(1), &[1])?,
        books.reserve(books.id(), &of(1), &[11])?,
        books.reserve(books.id(), &of(0), &[1])?,
        books.release(released)?,
        books.release(released)?,
        books.reconcile(charged, &of(1), &[1], Certainty::Estimated)?,
        books.reconcile(charged, &of(1), &[1], Certainty::Provisional)?,
    ];

    use Outcome::{Applied, Ignored, Refused, Stale};
    let outcomes: Vec<_> = replies.iter().map(|reply| reply.outcome).collect();
    equal!(outcomes, [Applied, Refused, Stale, Applied, Applied, Applied, Ignored]);
    let instants: Vec<_> = replies.iter().map(|reply| reply.now).collect();
    equal!(instants, [Timestamp::from_secs(1_050); 7]);
    Ok(())
}

/// Catches news that is lost with an error.
pub(crate) fn an_expiry_found_by_a_command_that_fails_is_told_by_the_next_reply(ground: &Ground<'_>) -> Held {
    // The failed command was the only one to see it, and it was never told.
    let books = ground.books()?;
    let id = books.id();
    books.reserve_until(id, &team(10), &[4], (TEN_SECONDS, OnExpiry::Hold))?;
    books.set(TEN_SECONDS)?;

    books.reserve(books.id(), &team(10), &[-1]).fails("below zero")?;
    let next = books.reserve(books.id(), &team(10), &[1])?;
    let after = books.reserve(books.id(), &team(10), &[1])?;

    told!(books; (ended(&next), ended(&after)), (vec![id], vec![]));
    Ok(())
}

/// Catches news that is lost because a read has no reply to put it in.
pub(crate) fn an_expiry_found_by_reading_is_told_by_the_next_reply(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    let id = books.id();
    books.reserve_until(id, &team(10), &[4], (TEN_SECONDS, OnExpiry::Hold))?;
    books.set(TEN_SECONDS)?;

    equal!(books.balances(&team(10))?, [(4, 0)]);
    let next = books.release(books.id())?;

    told!(books; ended(&next), [id]);
    Ok(())
}
