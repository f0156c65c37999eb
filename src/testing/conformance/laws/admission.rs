//! When does a reserve fit, and what does a refusal leave behind?
//!
//! The ledger knows one inequality for each line: `spent + reserved + amount <= ceiling`.
//! These laws try both sides of it, and they try that a reserve is one step: either every
//! line is held, or none is touched.

use super::*;
use crate::testing::conformance::need::Need;

/// Catches a ledger that holds only the first lines of a claim, such as those that fit a
/// small array: nine lines, and each must hold 10.
pub(crate) fn a_reserve_holds_every_line_where_all_have_room(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    let claim = claim((0..9).map(|place| line(&format!("team/{place}"), always(), 10 + place)).collect());

    let reply = books.reserve(books.id(), &claim, &[10; 9])?;

    equal!(reply.outcome, Outcome::Applied);
    told!(books; sums(&reply), [(0, 0); 9]);
    equal!(books.balances(&claim)?, [(0, 10); 9]);
    books.open_is(1)?;
    Ok(())
}

/// Catches a ledger that holds line by line and returns at the first refusal: the nine
/// lines before the refusing one would keep their hold, and nobody would ever release it.
pub(crate) fn one_line_without_room_leaves_all_others_untouched(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    let lines = |last| {
        let names = (0..9).map(|place| line(&format!("team/{place}"), always(), 10));
        claim(names.chain([line("user/ada", always(), last)]).collect())
    };
    books.held(&lines(10), &[1; 10])?;

    // The user's line holds 1 of 5; five more are one too many.
    let reply = books.reserve(books.id(), &lines(5), &[5; 10])?;

    equal!(reply.outcome, Outcome::Refused);
    equal!(books.balances(&lines(5))?, [(0, 1); 10]);
    books.open_is(1)?;
    Ok(())
}

/// Catches `<` where `<=` belongs, and a ledger that looks at `spent` alone: with 4 spent
/// and 3 reserved of 10, another 4 is refused and another 3 fits.
pub(crate) fn the_ceiling_itself_is_still_allowed_and_one_more_is_not(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    books.charged(&team(10), &[4])?;
    books.held(&team(10), &[3])?;

    let too_much = books.reserve(books.id(), &team(10), &[4])?;
    let exactly = books.reserve(books.id(), &team(10), &[3])?;

    equal!((too_much.outcome, exactly.outcome), (Outcome::Refused, Outcome::Applied));
    equal!(sums(&too_much), [(4, 3)]);
    Ok(())
}

/// Catches a ledger that journals a refusal. A client that is refused in a loop would
/// fill the journal.
pub(crate) fn a_refusal_makes_no_journal_entry(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;

    let reply = books.reserve(books.id(), &team(10), &[11])?;

    equal!(reply.outcome, Outcome::Refused);
    books.open_is(0)?;
    equal!(books.journal()?.len(), 0);
    Ok(())
}

/// Catches a ledger that stops looking at the first line that refuses. A `Decision` names
/// every budget without room, so a refusal needs all balances, also those of lines that
/// had room.
pub(crate) fn a_refusal_answers_with_the_balances_of_all_lines(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    let of = |team, user, run| {
        claim(vec![
            line("team/search", always(), team),
            line("user/ada", always(), user),
            line("run/1", always(), run),
        ])
    };
    books.charged(&of(99, 99, 99), &[1, 2, 3])?;

    // Team and run refuse; the user's line has room and is shown all the same.
    let reply = books.reserve(books.id(), &of(1, 99, 3), &[1, 1, 1])?;

    equal!(reply.outcome, Outcome::Refused);
    equal!(sums(&reply), [(1, 0), (2, 0), (3, 0)]);
    Ok(())
}

/// Catches a ledger that adds the amount first and checks afterwards: between the two
/// steps a call of 1,000 would take the room that a call of 10 needs.
pub(crate) fn a_doomed_large_call_does_not_make_a_small_one_fail(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;

    let doomed = books.reserve(books.id(), &team(10), &[1_000])?;
    let small = books.reserve(books.id(), &team(10), &[10])?;

    equal!((doomed.outcome, small.outcome), (Outcome::Refused, Outcome::Applied));
    Ok(())
}

/// Catches a ledger that reads a ceiling of zero as "no limit".
pub(crate) fn zero_is_a_limit_that_allows_nothing_that_costs(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;

    let costs = books.reserve(books.id(), &team(0), &[1])?;
    let free = books.reserve(books.id(), &team(0), &[0])?;

    equal!((costs.outcome, free.outcome), (Outcome::Refused, Outcome::Applied));
    Ok(())
}

/// Catches a ledger that refuses a free call because earlier calls overran: 50 spent of
/// 10, and an amount of zero still passes.
pub(crate) fn a_line_of_amount_zero_never_refuses_even_above_its_ceiling(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    books.charged(&team(10), &[50])?;

    let reply = books.reserve(books.id(), &team(10), &[0])?;

    equal!(reply.outcome, Outcome::Applied);
    equal!(books.balances(&team(10))?, [(50, 0)]);
    Ok(())
}

/// Catches a ledger that checks the ceiling again as a call is reconciled. The call was
/// admitted under 100 and has been paid for; a ceiling of 50 refuses the next one only.
pub(crate) fn lowering_a_ceiling_below_what_is_spent_refuses_new_calls_only(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    let running = books.held(&team(100), &[60])?;

    let new = books.reserve(books.id(), &team(50), &[1])?;
    let late = books.reconcile(running, &team(50), &[60], Certainty::Reported)?;

    equal!(new.outcome, Outcome::Refused);
    equal!(late.outcome, Outcome::Applied);
    equal!(books.balances(&team(50))?, [(60, 0)]);
    Ok(())
}

/// Catches a ledger that takes a negative amount: −1 would make room for others. Only a
/// correction may be negative, and it names its charge.
pub(crate) fn an_amount_below_zero_is_an_error(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    let two = two(10, 10);

    let reserved = books.reserve(books.id(), &two, &[1, -1]).fails("below zero")?;
    let reported = books.reconcile(books.id(), &two, &[1, -1], Certainty::Reported);
    let expiring = (books.now(), OnExpiry::Amounts(&[1, -1]));
    let expiry = books.reserve_until(books.id(), &two, &[1, 1], expiring).fails("below zero")?;

    for error in [reserved, reported.fails("below zero")?, expiry] {
        equal!(error.kind(), ErrorKind::Invalid);
    }
    Ok(())
}

/// Catches a ledger that pairs amounts and lines by `zip` and drops what is left over.
pub(crate) fn amounts_that_do_not_stand_beside_the_lines_are_an_error(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;

    let reserved = books.reserve(books.id(), &team(10), &[1, 1]).fails("two amounts, one line")?;
    let expiring = (books.now(), OnExpiry::Amounts(&[]));
    let expiry = books.reserve_until(books.id(), &team(10), &[1], expiring).fails("no amount, one line")?;

    equal!((reserved.kind(), expiry.kind()), (ErrorKind::Invalid, ErrorKind::Invalid));
    books.open_is(0)?;
    Ok(())
}

/// Catches 64-bit sums that wrap: without a ceiling, one below 2^63 plus 2 would become a
/// large negative balance, and the budget would be open for ever.
pub(crate) fn a_sum_that_does_not_fit_is_an_error_and_changes_nothing(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    let unlimited = team(i64::MAX);
    let held = books.held(&unlimited, &[i64::MAX - 1])?;

    let reserve = books.reserve(books.id(), &unlimited, &[2]).fails("2^63")?;
    let reconcile = books.reconcile(books.id(), &unlimited, &[2], Certainty::Reported);

    equal!(reserve.kind(), ErrorKind::Overflow);
    equal!(reconcile.fails("2^63")?.kind(), ErrorKind::Overflow);
    equal!(books.balances(&unlimited)?, [(0, i64::MAX - 1)]);
    books.release(held)?;
    Ok(())
}

/// Catches a ledger that reports an overflow although the line has a ceiling. A sum
/// beyond 64 bits is above any ceiling, so the answer is a refusal.
pub(crate) fn a_sum_that_does_not_fit_is_refused_where_there_is_a_ceiling(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    books.charged(&team(i64::MAX), &[i64::MAX - 1])?;

    // Nothing is wrong with the question: there is no room, and that is the answer.
    let refused = books.reserve(books.id(), &team(10), &[2])?;

    equal!(refused.outcome, Outcome::Refused);
    Ok(())
}

/// Catches a ledger that finds the overflow on the second line after it changed the
/// first.
pub(crate) fn a_sum_that_does_not_fit_on_the_last_line_changes_no_other(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    let lines = claim(vec![line("user/ada", always(), 100), line("team/search", always(), i64::MAX)]);
    let small = books.held(&lines, &[1, 1])?;
    let large = books.held(&team(i64::MAX), &[i64::MAX - 2])?;

    let reserve = books.reserve(books.id(), &lines, &[5, 2]).fails("2^63")?;
    if ground.offers(Need::Resizing) {
        let growth = books.resize(small, &lines, &[5, 3], None).fails("2^63")?;
        equal!(growth.kind(), ErrorKind::Overflow);
    }
    let charge = books.reconcile(small, &lines, &[5, 3], Certainty::Reported).fails("2^63")?;

    for error in [reserve, charge] {
        equal!(error.kind(), ErrorKind::Overflow);
    }
    equal!(books.balances(&lines)?, [(0, 1), (0, i64::MAX - 1)]);
    books.release(large)?;
    books.release(small)?;
    Ok(())
}

/// Catches money in floating point, in the ledger or in its store (Lua numbers, JSON
/// numbers, a `REAL` column).
pub(crate) fn amounts_are_exact_to_the_last_unit(ground: &Ground<'_>) -> Held {
    // Floating point carries 53 bits: of nine million dollars it loses the last nano-dollar.
    let books = ground.books()?;
    let odd = (1_i64 << 53) + 1;

    let id = books.held(&team(odd + 1), &[odd])?;
    let one_more = books.reserve(books.id(), &team(odd + 1), &[1])?;
    let too_much = books.reserve(books.id(), &team(odd + 1), &[1])?;
    books.reconcile(id, &team(odd), &[odd + 2], Certainty::Reported)?;

    equal!((one_more.outcome, too_much.outcome), (Outcome::Applied, Outcome::Refused));
    equal!(books.balances(&team(odd))?, [(odd + 2, 1)]);
    Ok(())
}

/// Catches a ledger that holds once for each scope in the charge set instead of once for
/// each line.
pub(crate) fn a_scope_that_a_claim_names_twice_is_held_once(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    let search = scope("team", "search");
    let lines = vec![line("team/search", always(), 10)];
    let twice = claim_of(&tenant(), &[search.clone(), search], lines);

    let id = books.held(&twice, &[6])?;
    equal!(books.balances(&twice)?, [(0, 6)]);
    books.reconcile(id, &twice, &[6], Certainty::Reported)?;

    equal!(books.balances(&twice)?, [(6, 0)]);
    Ok(())
}
