//! When two do the same at once, is it done twice?
//!
//! Two processes may do the same at once: two workers report one answer, an outbox and
//! its owner both release, a webhook is delivered twice. Whatever the order, the books
//! count it once.

use std::thread;

use super::together::{THREADS, together};
use super::*;

/// How often each race is run: whether its threads met leaves no trace.
const ROUNDS: usize = 20;

/// Catches growth and reserves that are checked under different locks: together they stop
/// at 20.
pub(crate) fn growth_that_races_with_reserves_stops_at_the_ceiling(ground: &Ground<'_>) -> Held {
    for _ in 0..ROUNDS {
        let books = ground.books()?;

        let ids = (0..THREADS).map(|_| books.held(&team(20), &[1])).collect::<Held<Vec<_>>>()?;

        // Eight hold one each, and ask for 48 more where there is room for twelve.
        let admitted = together(&books, move |thread, books| {
            let id = ids.get(thread).copied().ok_or_else(|| Why::new("a hold for each thread"))?;
            let (claim, mut held, mut reserved) = (team(20), 1, 0);
            for _ in 0..3 {
                let growth = books.resize(id, &claim, &[held + 1], None)?;
                held += i64::from(growth.outcome == Outcome::Applied);
                thread::yield_now();
                let reserve = books.reserve(books.id(), &claim, &[1])?;
                reserved += i64::from(reserve.outcome == Outcome::Applied);
            }
            Ok(held + reserved)
        })?;

        equal!(admitted.iter().sum::<i64>(), 20);

        equal!(books.balances(&team(20))?, [(0, 20)]);
    }
    Ok(())
}

/// Catches "how much is left to refund?" that is read outside the write: eight refunds of
/// 4 against a charge of 6, of which one passes.
pub(crate) fn refunds_that_race_cannot_exceed_their_charge(ground: &Ground<'_>) -> Held {
    for _ in 0..ROUNDS {
        let books = ground.books()?;
        let charge = books.charged(&team(10), &[6])?;
        books.charged(&team(10), &[50])?;

        let posted = together(&books, move |_, books| {
            match books.record(books.id(), &team(10), &[-4], Some(charge)) {
                Err(error) if error.kind() == ErrorKind::Invalid => Ok(0),
                answer => answer.map(|_| 1).map_err(Why::from),
            }
        })?;

        equal!(posted.iter().sum::<usize>(), 1);
        equal!(books.balances(&team(10))?, [(52, 0)]);
    }
    Ok(())
}

/// Catches two inserts of one id.
pub(crate) fn usage_of_an_id_never_seen_is_recorded_once_by_many_threads(ground: &Ground<'_>) -> Held {
    for _ in 0..ROUNDS {
        let books = ground.books()?;
        let id = books.id();

        let first = together(&books, move |_, books| {
            let reply = books.reconcile(id, &two(10, 10), &[7, 1], Certainty::Reported)?;
            equal!((reply.outcome, reply.unheld), (Outcome::Applied, true));
            Ok(usize::from(!reply.repeated))
        })?;

        told!(books; first.iter().sum::<usize>(), 1);
        equal!(books.balances(&two(10, 10))?, [(7, 0), (1, 0)]);
    }
    Ok(())
}

/// Catches an import job that runs on two machines.
pub(crate) fn a_posting_that_many_threads_send_is_posted_once(ground: &Ground<'_>) -> Held {
    for _ in 0..ROUNDS {
        let books = ground.books()?;
        let id = books.id();

        let first = together(&books, move |_, books| {
            Ok(usize::from(!books.record(id, &team(10), &[7], None)?.repeated))
        })?;

        told!(books; first.iter().sum::<usize>(), 1);
        equal!(books.balances(&team(10))?, [(7, 0)]);
    }
    Ok(())
}

/// Catches a sweep that two commands do at once: three holds of 6 are 18, and three
/// replies in all tell of them.
pub(crate) fn a_hold_that_is_due_is_charged_once_whoever_finds_it(ground: &Ground<'_>) -> Held {
    for _ in 0..ROUNDS {
        let books = ground.books()?;
        let due = (Timestamp::from_secs(10), OnExpiry::Hold);
        for _ in 0..3 {
            books.reserve_until(books.id(), &team(100), &[6], due)?;
        }
        books.at(10)?;

        let told =
            together(&books, move |_, books| Ok(ended(&books.reserve(books.id(), &team(100), &[0])?).len()))?;

        told!(books; told.iter().sum::<usize>(), 3);
        equal!(books.balances(&team(100))?, [(18, 0)]);
    }
    Ok(())
}

/// Catches a tombstone that is written without looking whether the reserve has just come
/// in.
pub(crate) fn a_reserve_and_its_release_that_race_leave_no_hold(ground: &Ground<'_>) -> Held {
    for _ in 0..ROUNDS {
        let books = ground.books()?;
        let id = books.id();

        together(&books, move |thread, books| {
            if thread % 2 == 0 {
                books.release(id)?;
                return Ok(());
            }
            // Before the release it holds, after it the id is buried: either way nothing is left.
            match books.reserve(id, &team(10), &[4]) {
                Err(error) if error.kind() == ErrorKind::State => Ok(()),
                answer => answer.map(|_| ()).map_err(Why::from),
            }
        })?;

        equal!(books.balances(&team(10))?, [(0, 0)]);
        books.open_is(0)?;
    }
    Ok(())
}
