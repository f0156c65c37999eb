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

/// Catches growth that is judged by what the hold once held: 8 of 10 shrink to 1, others take the room, and the way back
/// is growth like any other. Otherwise 18 were held of 10.
pub(crate) fn a_hold_that_shrank_grows_back_only_where_there_is_room(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    let id = books.held(&two(10, 10), &[8, 8])?;
    books.resize(id, &two(10, 10), &[1, 1], None)?;
    let other = books.held(&team(10), &[9])?;

    // The user's line has room for all of it, the team's for nothing.
    for amounts in [[8, 8], [8, 1], [2, 1], [2, 8]] {
        let back = books.resize(id, &two(10, 10), &amounts, None)?;
        equal!((amounts, back.outcome), (amounts, Outcome::Refused));
    }
    equal!(books.balances(&two(10, 10))?, [(0, 10), (0, 1)]);
    equal!(books.resize(id, &two(10, 10), &[1, 8], None)?.outcome, Outcome::Applied);

    // Half of the room comes back: so far it may grow, and no further.
    books.resize(other, &team(10), &[4], None)?;
    equal!(books.resize(id, &two(10, 10), &[7, 8], None)?.outcome, Outcome::Refused);
    equal!(books.resize(id, &two(10, 10), &[6, 8], None)?.outcome, Outcome::Applied);
    equal!(books.balances(&two(10, 10))?, [(0, 10), (0, 8)]);
    Ok(())
}

/// Catches a ledger that judges the whole amount, or every line, as soon as a hold is touched: above its ceiling a hold
/// can be prolonged, and it can shrink on one line while the other stays.
pub(crate) fn a_resize_that_grows_on_no_line_never_refuses(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    let id = books.held(&two(10, 10), &[8, 8])?;
    books.charged(&two(i64::MAX, i64::MAX), &[50, 50])?;
    let later = books.now() + Duration::from_secs(500);

    let prolonged = books.resize(id, &two(10, 0), &[8, 8], Some(later))?;
    let shrunk = books.resize(id, &two(0, 10), &[8, 3], None)?;
    let both = books.resize(id, &two(0, 0), &[7, 3], Some(later))?;
    let same = books.resize(id, &two(0, 0), &[7, 3], None)?;

    for reply in [prolonged, shrunk, both, same] {
        equal!(reply.outcome, Outcome::Applied);
    }
    equal!(books.balances(&two(10, 10))?, [(50, 7), (50, 3)]);
    equal!(books.hold(&tenant(), id)?.and_then(|hold| hold.expires_at), Some(later));
    equal!(books.resize(id, &two(10, 10), &[7, 4], None)?.outcome, Outcome::Refused);
    Ok(())
}

/// Catches ends that are kept in steps (of a second, of a millisecond), or that are taken for unchanged where they moved
/// by little: each hold ends at its own nanosecond, and not with its neighbour.
pub(crate) fn an_end_moves_by_as_little_as_a_nanosecond(ground: &Ground<'_>) -> Held {
    const ENDS: [i64; 8] = [
        9_000_000_001,
        9_999_000_000,
        9_999_999_999,
        10_000_000_000,
        10_000_000_001,
        10_000_001_000,
        10_001_000_000,
        10_999_999_999,
    ];
    // The hold beside them ends at 10 s; theirs are moved from 10 s, from 20 s and from 10 s and a nanosecond.
    for from in [10_000_000_000, 20_000_000_000, 10_000_000_001] {
        let books = ground.books()?;
        let beside = books.id();
        books.reserve_until(beside, &team(100), &[1], (Timestamp::from_secs(10), OnExpiry::Nothing))?;
        for end in ENDS {
            let id = books.id();
            books.reserve_until(id, &team(100), &[1], (Timestamp::from_nanos(from), OnExpiry::Nothing))?;
            books.resize(id, &team(100), &[1], Some(Timestamp::from_nanos(end)))?;
            equal!(
                books.hold(&tenant(), id)?.and_then(|hold| hold.expires_at),
                Some(Timestamp::from_nanos(end))
            );
        }

        for end in ENDS {
            for at in [end - 1, end] {
                books.set(Timestamp::from_nanos(at))?;
                let open = ENDS.iter().chain(&[10_000_000_000]).filter(|end| **end > at).count() as i64;
                equal!((at, books.balances(&team(100))?), (at, vec![(0, open)]));
            }
        }
    }
    Ok(())
}

/// Catches an end that is set once: a hold is prolonged and cut short again and again, and only the last word counts.
pub(crate) fn the_last_end_of_a_hold_counts_however_often_it_moved(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    let id = books.held(&team(10), &[4])?;
    for seconds in [300, 30, 31, 29, 500, 29] {
        books.resize(id, &team(10), &[4], Some(Timestamp::from_secs(seconds)))?;
    }
    // Cut short by a resize that shrinks as well, and left alone by one that names no end.
    books.resize(id, &team(10), &[3], Some(Timestamp::from_secs(20)))?;
    books.resize(id, &team(10), &[2], None)?;

    books.set(Timestamp::from_secs(20) - Duration::from_nanos(1))?;
    equal!(books.balances(&team(10))?, [(0, 2)]);
    books.at(20)?;
    equal!(books.balances(&team(10))?, [(0, 0)]);
    Ok(())
}
