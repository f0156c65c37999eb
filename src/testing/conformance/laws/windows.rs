//! In which period does money land, and what does a rolling window still count?
//!
//! A period is a number with an interval, and the ledger does not interpret it. A
//! calendar line counts its own period. A rolling line of span 61 counts the running
//! sub-period and the 60 before it. A day of these laws lasts 1,000 s, a sub-period 10 s.
//!
//! Worked example: 7 are charged at second 0, in sub-period 0. Sub-period 60 (600 s to
//! 610 s) still counts sub-periods 0 to 60, so the 7 still count at 609.999 s. At 610 s
//! sub-period 61 counts 1 to 61, and the 7 have left. A rolling window of 600 s therefore
//! counts a charge for 600 s to 610 s: never shorter than stated, longer by less than one
//! sub-period.

use super::*;
use crate::ledger::MarkAction;
use crate::values::ClaimLine;

/// `team/search` with room for 10 on that day.
fn of_day(number: i64) -> Claim {
    claim(vec![line("team/search", day(number), 10)])
}

/// `team/search` over a window of 600 s that rolls in steps of 10 s, asked in that
/// sub-period.
fn of_minute(number: i64, ceiling: i64) -> Claim {
    claim(vec![line("team/search", rolling(number), ceiling)])
}

/// Catches a reset that depends on a job, and an interval that is closed at the wrong
/// end.
pub(crate) fn a_new_day_begins_empty(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    books.charged(&of_day(0), &[10])?;

    books.set(Timestamp::from_secs(1_000) - Duration::from_nanos(1))?;
    let last = books.reserve(books.id(), &of_day(0), &[1])?;
    books.at(1_000)?;
    let first = books.reserve(books.id(), &of_day(1), &[10])?;

    equal!((last.outcome, first.outcome), (Outcome::Refused, Outcome::Applied));
    Ok(())
}

/// Catches a cached balance that survives midnight: the account value is the very one
/// that was used yesterday.
pub(crate) fn an_account_that_is_used_again_begins_the_next_day_empty(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    let today = line("user/ada", day(0), 10);
    // The very account of yesterday, which may remember where its balance is kept.
    let tomorrow = claim(vec![ClaimLine { period: day(1), ..today.clone() }]);
    books.charged(&claim(vec![today]), &[9])?;

    books.at(1_000)?;
    let reply = books.reserve(books.id(), &tomorrow, &[10])?;

    equal!(reply.outcome, Outcome::Applied);
    told!(books; sums(&reply), vec![(0, 0)]);
    Ok(())
}

/// Catches a ledger that charges a period which is over, or one that has not begun.
/// `Stale` tells the caller to resolve the window again; nothing of the command is
/// remembered.
pub(crate) fn a_reserve_outside_its_lines_interval_is_stale_and_changes_nothing(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    let id = books.id();
    let stale = |at: Timestamp| -> Held {
        books.set(at)?;
        let reply = books.reserve(id, &of_day(1), &[1])?;
        equal!((reply.outcome, reply.now), (Outcome::Stale, at));
        books.open_is(0)?;
        equal!(books.journal()?.len(), 0);
        Ok(())
    };

    stale(Timestamp::from_secs(1_000) - Duration::from_nanos(1))?;
    books.at(1_000)?;
    equal!(books.reserve(books.id(), &of_day(1), &[1])?.outcome, Outcome::Applied);
    let books = ground.books()?;
    books.set(Timestamp::from_secs(2_000) - Duration::from_nanos(1))?;
    equal!(books.reserve(books.id(), &of_day(1), &[1])?.outcome, Outcome::Applied);
    books.at(2_000)?;
    let reply = books.reserve(books.id(), &of_day(1), &[1])?;
    equal!((reply.outcome, reply.now), (Outcome::Stale, Timestamp::from_secs(2_000)));
    Ok(())
}

/// Catches a ledger that judges the fresh lines first: a refusal would be remembered, and
/// the caller could not ask again with the same id.
pub(crate) fn one_stale_line_makes_the_whole_reserve_stale(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    books.at(1_000)?;
    let of = |run| claim(vec![line("team/search", always(), 10), line("run/1", day(run), 10)]);

    for other_day in [0, 2] {
        // Also where another line has no room: a refusal would be remembered.
        let fits = books.reserve(books.id(), &of(other_day), &[4, 4])?;
        let too_much = books.reserve(books.id(), &of(other_day), &[11, 4])?;
        equal!((fits.outcome, too_much.outcome), (Outcome::Stale, Outcome::Stale));
    }

    equal!(books.balances(&of(1))?, [(0, 0), (0, 0)]);
    books.open_is(0)?;
    Ok(())
}

/// Catches a stale command that is remembered: the second attempt would be a conflict,
/// because its period is another.
pub(crate) fn a_stale_id_can_be_asked_again_with_its_line_resolved_anew(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    books.at(1_000)?;
    let id = books.id();
    equal!(books.reserve(id, &of_day(0), &[1])?.outcome, Outcome::Stale);

    let reply = books.reserve(id, &of_day(1), &[1])?;

    equal!(reply.outcome, Outcome::Applied);
    told!(books; reply.repeated, false);
    Ok(())
}

/// Catches a ledger that looks at the interval before it looks at the id: the caller
/// would believe that nothing is held.
pub(crate) fn a_retry_of_yesterdays_reserve_is_answered_not_stale(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    let id = books.held(&of_day(0), &[3])?;
    books.at(1_000)?;

    let again = books.reserve(id, &of_day(0), &[3])?;

    equal!((again.outcome, again.repeated), (Outcome::Applied, true));
    Ok(())
}

/// Catches a charge on the day of its reconcile: calls around midnight would eat the new
/// day's budget.
pub(crate) fn a_charge_lands_in_the_day_of_its_reserve(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    let id = books.id();
    let other = books.id();
    books.reserve_until(id, &of_day(0), &[4], (Timestamp::MAX, OnExpiry::Hold))?;
    books.reserve_until(other, &of_day(0), &[1], (Timestamp::MAX, OnExpiry::Hold))?;
    books.at(1_000)?;
    books.held(&of_day(1), &[9])?;

    let reply = books.reconcile(id, &of_day(0), &[6], Certainty::Reported)?;

    equal!(sums(&reply), [(6, 1)]);
    equal!(books.balances(&of_day(0))?, [(6, 1)]);
    equal!(books.balances(&of_day(1))?, [(0, 9)]);
    Ok(())
}

/// Catches a ledger that charges an expiry to the newest period of the account.
pub(crate) fn a_hold_that_outlives_two_days_expires_into_its_own(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    let due = Timestamp::from_secs(2_500);
    books.reserve_until(books.id(), &of_day(0), &[4], (due, OnExpiry::Hold))?;
    for number in [1, 2] {
        books.at(number * 1_000)?;
        books.charged(&of_day(number), &[number])?;
    }
    books.set(due)?;

    equal!(books.balances(&of_day(2))?, [(2, 0)]);
    books.open_is(0)?;
    Ok(())
}

/// Catches a read that moves the account on to the period it asks for.
pub(crate) fn reading_a_coming_day_does_not_close_the_present_one(ground: &Ground<'_>) -> Held {
    // A report that asked for tomorrow made every call of today stale.
    let books = ground.books()?;
    books.charged(&of_day(0), &[4])?;

    equal!(books.balances(&of_day(1))?, [(0, 0)]);

    equal!(books.balances(&of_day(0))?, [(4, 0)]);
    equal!(books.reserve(books.id(), &of_day(0), &[1])?.outcome, Outcome::Applied);
    Ok(())
}

/// Catches a span of 60: the window would let go up to ten seconds early.
pub(crate) fn a_rolling_window_counts_its_sixty_sub_periods_and_the_running_one(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    books.charged(&of_minute(0, 10), &[7])?;

    // Charged at second 0; a window of 600 s may let go at 600 s, and does by 610 s.
    books.set(Timestamp::from_secs(610) - Duration::from_nanos(1))?;
    let last = books.reserve(books.id(), &of_minute(60, 10), &[4])?;
    books.at(610)?;
    let first = books.reserve(books.id(), &of_minute(61, 10), &[4])?;

    equal!((last.outcome, sums(&last)), (Outcome::Refused, vec![(7, 0)]));
    equal!(first.outcome, Outcome::Applied);
    told!(books; sums(&first), [(0, 0)]);
    Ok(())
}

/// Catches the same at the worst instant: charged in the last nanosecond of a sub-period,
/// and still counted 600 s later.
pub(crate) fn a_rolling_window_never_lets_go_before_its_length(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    // The last nanosecond of sub-period 0: 600 s later sub-period 60 still counts it.
    books.set(Timestamp::from_secs(10) - Duration::from_nanos(1))?;
    books.charged(&of_minute(0, 10), &[7])?;

    books.set(Timestamp::from_secs(610) - Duration::from_nanos(1))?;
    equal!(books.reserve(books.id(), &of_minute(60, 10), &[4])?.outcome, Outcome::Refused);
    books.at(610)?;
    equal!(books.reserve(books.id(), &of_minute(61, 10), &[4])?.outcome, Outcome::Applied);
    Ok(())
}

/// After how many sub-periods the first line has room, if it is one that refused.
fn frees_up(reply: &Reply) -> Option<u32> {
    let frees_up = reply.effects.as_deref()?.frees_up.iter().find(|frees_up| frees_up.line == 0)?;
    Some(frees_up.periods)
}

/// Catches a wrong "try again in": the figure is the first sub-period in which *enough*
/// has aged out, not in which something has.
pub(crate) fn a_rolling_refusal_says_after_how_many_sub_periods_it_would_fit(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    books.charged(&of_minute(0, 10), &[5])?;
    books.at(30)?;
    books.charged(&of_minute(3, 10), &[4])?;
    books.at(100)?;
    let frees_in = |amount| -> Held<Option<u32>> {
        let reply = books.reserve(books.id(), &of_minute(10, 10), &[amount])?;
        equal!(reply.outcome, Outcome::Refused);
        Ok(frees_up(&reply))
    };

    // Nine are spent. In sub-period 61, 51 from now, five leave; in 64 the other four.
    told!(books; frees_in(2)?, Some(51));
    told!(books; frees_in(6)?, Some(51));
    told!(books; frees_in(7)?, Some(54));
    told!(books; frees_in(10)?, Some(54));
    told!(books; frees_in(11)?, None); // it never fits
    books.at(600)?;
    equal!(books.reserve(books.id(), &of_minute(60, 10), &[6])?.outcome, Outcome::Refused);
    books.at(610)?;
    equal!(books.reserve(books.id(), &of_minute(61, 10), &[6])?.outcome, Outcome::Applied);
    Ok(())
}

/// Catches a late charge that is counted in the newest sub-period, and one that is lost:
/// the journal has 9, the window has none of it.
pub(crate) fn a_charge_older_than_a_rolling_window_goes_to_the_journal_only(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    let id = books.id();
    books.reserve_until(id, &of_minute(0, 10), &[4], (Timestamp::MAX, OnExpiry::Hold))?;
    books.at(1_000)?;
    books.held(&of_minute(100, 10), &[1])?;

    books.reconcile(id, &of_minute(0, 10), &[9], Certainty::Reported)?;

    equal!(books.balances(&of_minute(100, 10))?, [(0, 1)]);
    let spent: i64 = books.journal()?.iter().flat_map(|entry| &entry.lines).map(|line| line.spent).sum();
    equal!(spent, 9);
    Ok(())
}

/// Catches "try again in 51 sub-periods" on a call that a freeze refused.
pub(crate) fn a_line_that_did_not_refuse_says_nothing_about_when_it_frees(ground: &Ground<'_>) -> Held {
    // A frozen call was told when its line of amount zero would have room.
    let books = ground.books()?;
    books.charged(&of_minute(0, 10), &[50])?;
    books.mark(&scope("team", "search"), MarkAction::Freeze, "holidays")?;

    let reply = books.reserve(books.id(), &of_minute(0, 10), &[0])?;

    equal!((reply.outcome, frees_up(&reply)), (Outcome::Refused, None));
    Ok(())
}
