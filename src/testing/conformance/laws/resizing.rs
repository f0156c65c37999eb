//! What may change about a live hold?
//!
//! Growth is admitted like a reserve, on all lines or on none, and refused growth leaves
//! amounts and deadline as they were. Shrinking and prolonging never refuse. A stream
//! that is held by slices lives on these rules.

use super::*;

/// Catches growth that is applied line by line: the team's line would grow although the
/// user's has no room.
pub(crate) fn growth_takes_room_on_every_line_or_on_none(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    let two = claim(vec![line("team/search", always(), 10), line("user/ada", always(), 5)]);
    let id = books.held(&two, &[4, 4])?;

    // The team has room for six more, the user for one.
    let refused = books.resize(id, &two, &[10, 6], None)?;
    equal!(refused.outcome, Outcome::Refused);
    equal!(books.balances(&two)?, [(0, 4), (0, 4)]);

    let applied = books.resize(id, &two, &[10, 5], None)?;
    equal!(applied.outcome, Outcome::Applied);
    told!(books; sums(&applied), [(0, 4), (0, 4)]); // those just before
    equal!(books.balances(&two)?, [(0, 10), (0, 5)]);
    Ok(())
}

/// Catches a ledger that writes the new deadline before it has looked for room.
pub(crate) fn refused_growth_does_not_prolong_the_hold(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    let id = books.held(&team(10), &[4])?;

    books.resize(id, &team(10), &[11], Some(Timestamp::MAX))?;
    books.at(100)?;

    // It ended when it was to end at first.
    equal!(books.balances(&team(10))?, [(0, 0)]);
    Ok(())
}

/// Catches a ledger that checks the ceiling for every resize: with 50 spent of 1, going
/// from 8 to 3 only helps.
pub(crate) fn shrinking_never_refuses(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    let id = books.held(&team(10), &[8])?;
    books.charged(&team(10), &[50])?;

    let reply = books.resize(id, &team(1), &[3], None)?;

    equal!(reply.outcome, Outcome::Applied);
    equal!(books.balances(&team(10))?, [(50, 3)]);
    Ok(())
}

/// Catches a queue of deadlines that keeps the first one beside the new one.
pub(crate) fn a_hold_can_be_prolonged_and_cut_short(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    let (prolonged, cut) = (books.held(&team(10), &[4])?, books.held(&team(10), &[3])?);

    books.resize(prolonged, &team(10), &[4], Some(Timestamp::from_secs(500)))?;
    books.resize(cut, &team(10), &[3], Some(Timestamp::from_secs(50)))?;

    books.set(Timestamp::from_secs(50) - Duration::from_nanos(1))?;
    equal!(books.balances(&team(10))?, [(0, 7)]);
    books.at(50)?;
    equal!(books.balances(&team(10))?, [(0, 4)]);
    books.set(Timestamp::from_secs(500) - Duration::from_nanos(1))?;
    equal!(books.balances(&team(10))?, [(0, 4)]);
    books.at(500)?;
    equal!(books.balances(&team(10))?, [(0, 0)]);
    Ok(())
}

/// Catches a ledger that compares a retry with what is held now (7) instead of with what
/// was first asked (4).
pub(crate) fn a_resized_hold_still_answers_its_first_reserve(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    let id = books.held(&team(10), &[4])?;
    books.resize(id, &team(10), &[7], None)?;

    let again = books.reserve(id, &team(10), &[4])?;

    equal!((again.outcome, again.repeated), (Outcome::Applied, true));
    equal!(books.balances(&team(10))?, [(0, 7)]);
    Ok(())
}

/// Catches a resize that holds on accounts which were never asked at the reserve.
pub(crate) fn a_resize_names_the_lines_that_were_held(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    let id = books.held(&team(10), &[4])?;
    let other = claim(vec![line("team/ads", always(), 10)]);

    equal!(books.resize(id, &other, &[4], None).fails("other lines")?.kind(), ErrorKind::Conflict);
    equal!(books.resize(id, &team(10), &[-1], None).fails("below zero")?.kind(), ErrorKind::Invalid);
    equal!(books.balances(&team(10))?, [(0, 4)]);
    Ok(())
}

/// Catches growth that takes today's room: day 0 has one unit left, day 1 has one as
/// well, and only day 0 counts.
pub(crate) fn growth_in_a_past_day_counts_against_that_day(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    let of = |number| claim(vec![line("team/search", day(number), 10)]);
    let id = books.id();
    books.reserve_until(id, &of(0), &[4], (Timestamp::MAX, OnExpiry::Hold))?;
    books.charged(&of(0), &[5])?;
    books.at(1_000)?;
    books.charged(&of(1), &[9])?;

    // Day 0 holds 4 and spent 5 of 10.
    equal!(books.resize(id, &of(0), &[6], None)?.outcome, Outcome::Refused);
    equal!(books.resize(id, &of(0), &[5], None)?.outcome, Outcome::Applied);
    equal!(books.balances(&of(1))?, [(9, 0)]);
    Ok(())
}
