//! What does an id seen before answer, and what one that is too old?

use super::*;

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

pub(crate) fn a_reserve_sent_again_after_its_hold_ended_gets_its_first_outcome(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    let reconciled = books.held(&team(10), &[6])?;
    books.reconcile(reconciled, &team(10), &[5], Rank::Reported)?;
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

pub(crate) fn the_same_id_with_another_body_is_a_conflict_that_changes_nothing(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    let id = books.held(&team(10), &[6])?;
    let other_account = claim(vec![line("team/ads", always(), 10)]);

    let amount = books.reserve(id, &team(10), &[5]).fails("another amount")?;
    let account = books.reserve(id, &other_account, &[6]).fails("another account")?;
    let charge = books.reconcile(id, &other_account, &[6], Rank::Reported).fails("another account")?;

    for error in [&amount, &account, &charge] {
        equal!(error.kind(), ErrorKind::Conflict);
    }
    equal!(books.balances(&team(10))?, [(0, 6)]);
    Ok(())
}

pub(crate) fn a_refused_id_with_another_body_is_a_conflict(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    let id = books.id();
    books.reserve(id, &team(10), &[11])?;

    let smaller = books.reserve(id, &team(10), &[1]).fails("another amount")?;

    equal!(smaller.kind(), ErrorKind::Conflict);
    books.open_is(0)?;
    Ok(())
}

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

pub(crate) fn usage_for_a_tombstone_is_recorded_all_the_same(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    let id = books.id();
    books.release(id)?;

    let reply = books.reconcile(id, &team(10), &[7], Rank::Reported)?;

    equal!(reply.unheld, true);
    equal!(books.balances(&team(10))?, [(7, 0)]);
    Ok(())
}

pub(crate) fn an_open_hold_is_never_too_old(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    let id = books.id();
    let for_ever = (Timestamp::MAX, OnExpiry::Nothing);
    books.reserve_until(id, &team(10), &[1], for_ever)?;
    books.advance(Duration::from_secs(100 * 86_400))?;

    let reply = books.reconcile(id, &team(10), &[2], Rank::Reported)?;

    equal!(reply.unheld, false);
    equal!(books.balances(&team(10))?, [(2, 0)]);
    Ok(())
}
