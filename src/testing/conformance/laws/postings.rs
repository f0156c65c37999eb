//! How are refunds, corrections and imports posted?
//!
//! A posting is a charge without a hold: an import of what was spent elsewhere, or a
//! correction. A refund is a negative posting. It names the charge that it corrects,
//! lands in that charge's period, and all refunds of a charge together take back at most
//! what was charged.

use super::*;
use crate::testing::conformance::need::Need;

/// Catches an import that is added again as the job is run again. 400 on a ceiling of 10
/// is recorded in full: the money is already spent.
pub(crate) fn an_import_is_posted_once(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    let id = books.id();

    let first = books.record(id, &team(10), &[400], None)?;
    let again = books.record(id, &team(10), &[400], None)?;
    let other = books.record(id, &team(10), &[401], None).fails("another body")?;

    equal!((first.outcome, again.repeated), (Outcome::Applied, true));
    told!(books; first.repeated, false);
    equal!(other.kind(), ErrorKind::Conflict);
    equal!(books.balances(&team(10))?, [(400, 0)]);
    Ok(())
}

/// Catches money that is made from nothing: a refund without a charge, for an unknown
/// one, or for a hold that has not been charged.
pub(crate) fn a_refund_names_its_charge(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    books.charged(&team(10), &[6])?;
    let held = books.held(&team(10), &[4])?;

    let unnamed = books.record(books.id(), &team(10), &[-1], None).fails("it names no charge")?;
    let unknown = books.record(books.id(), &team(10), &[-1], Some(books.id())).fails("no such charge")?;
    let open = books.record(books.id(), &team(10), &[-1], Some(held)).fails("a hold is no charge")?;

    equal!(unnamed.kind(), ErrorKind::Invalid);
    equal!((unknown.kind(), open.kind()), (ErrorKind::State, ErrorKind::State));
    equal!(books.balances(&team(10))?, [(6, 4)]);
    Ok(())
}

/// Catches a check of each refund by itself: 4 and 3 of 6 each fit alone. The other 50 on
/// the same account must not cover for them.
pub(crate) fn refunds_cannot_exceed_their_charge_even_together(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    let charge = books.charged(&team(10), &[6])?;
    books.charged(&team(10), &[50])?;

    let too_much = books.record(books.id(), &team(10), &[-7], Some(charge)).fails("7 of 6")?;
    books.record(books.id(), &team(10), &[-4], Some(charge))?;
    let then = books.record(books.id(), &team(10), &[-3], Some(charge)).fails("7 of 6 in two parts")?;
    books.record(books.id(), &team(10), &[-2], Some(charge))?;

    equal!((too_much.kind(), then.kind()), (ErrorKind::Invalid, ErrorKind::Invalid));
    equal!(books.balances(&team(10))?, [(50, 0)]);
    Ok(())
}

/// Catches a retry that refunds twice, and one that is counted twice against what may
/// still be refunded: after 4 of 6 another 2 fit.
pub(crate) fn a_repeated_refund_is_posted_once(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    let charge = books.charged(&team(10), &[6])?;
    let id = books.id();

    books.record(id, &team(10), &[-4], Some(charge))?;
    let again = books.record(id, &team(10), &[-4], Some(charge))?;

    equal!(again.repeated, true);
    equal!(books.balances(&team(10))?, [(2, 0)]);
    books.record(books.id(), &team(10), &[-2], Some(charge))?;
    Ok(())
}

/// Catches a refund that lowers today's balance for yesterday's money: today's budget
/// would grow by 5.
pub(crate) fn a_refund_lands_in_the_day_of_its_charge(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    let of = |number| claim(vec![line("team/search", day(number), 10)]);
    let charge = books.charged(&of(0), &[6])?;
    // A call that runs over midnight keeps day 0 in sight.
    books.reserve_until(books.id(), &of(0), &[1], (Timestamp::MAX, OnExpiry::Hold))?;
    books.at(1_000)?;
    books.charged(&of(1), &[8])?;

    let other_day = books.record(books.id(), &of(1), &[-5], Some(charge)).fails("charged on day 0")?;
    books.record(books.id(), &of(0), &[-5], Some(charge))?;

    equal!(other_day.kind(), ErrorKind::Conflict);
    equal!(books.balances(&of(0))?, [(1, 1)]);
    equal!(books.balances(&of(1))?, [(8, 0)]);
    Ok(())
}

/// Catches a release that takes back the whole charge after a part of it was refunded: 6
/// − 4 − 6 would be −4.
pub(crate) fn withdrawing_a_refunded_charge_gives_back_only_what_is_left_of_it(ground: &Ground<'_>) -> Held {
    // The release took back the whole charge after the refund had taken back
    // a part: the balance fell below zero and the budget grew.
    let books = ground.books()?;
    let id = books.held(&team(10), &[6])?;
    books.reconcile(id, &team(10), &[6], Certainty::Estimated)?;
    books.record(books.id(), &team(10), &[-4], Some(id))?;

    books.release(id)?;

    equal!(books.balances(&team(10))?, [(0, 0)]);
    Ok(())
}

/// Catches a replacement that ignores refunds. Charged is max(figure − refunded, 0): 6 −
/// 4 = 2, then 3 − 4 → 0, then 9 − 4 = 5.
pub(crate) fn a_surer_figure_below_what_was_refunded_leaves_nothing_spent(ground: &Ground<'_>) -> Held {
    // The report replaced 6 by 3 where 4 had been refunded: the balance fell to −1.
    let books = ground.books()?;
    let id = books.held(&team(10), &[6])?;
    books.reconcile(id, &team(10), &[6], Certainty::Provisional)?;
    books.record(books.id(), &team(10), &[-4], Some(id))?;

    books.reconcile(id, &team(10), &[3], Certainty::Estimated)?;
    equal!(books.balances(&team(10))?, [(0, 0)]);
    books.reconcile(id, &team(10), &[9], Certainty::Reported)?;

    // Nine were used, four were refunded.
    equal!(books.balances(&team(10))?, [(5, 0)]);
    let refund = books.record(books.id(), &team(10), &[-6], Some(id)).fails("10 of 9")?;
    equal!(refund.kind(), ErrorKind::Invalid);
    Ok(())
}

/// Catches refunds that are summed over all accounts: a correction on the user's line
/// must not offset a refund on the team's.
pub(crate) fn a_correction_on_other_lines_does_not_make_room_for_a_second_refund(
    ground: &Ground<'_>,
) -> Held {
    // A posting on the user's line was taken for one on the team's.
    let books = ground.books()?;
    let charge = books.charged(&team(10), &[6])?;
    books.charged(&team(10), &[50])?;
    books.record(books.id(), &team(10), &[-6], Some(charge))?;
    let user = claim(vec![line("user/ada", always(), 10)]);
    books.record(books.id(), &user, &[6], Some(charge))?;

    let again = books.record(books.id(), &team(10), &[-6], Some(charge)).fails("12 of 6")?;

    equal!(again.kind(), ErrorKind::Invalid);
    equal!(books.balances(&team(10))?, [(50, 0)]);
    Ok(())
}

/// Catches a cache of rows in which making the second row throws out the first.
pub(crate) fn two_late_lines_of_idle_accounts_are_two_accounts(ground: &Ground<'_>) -> Held {
    // Making the second row let go of the first, whose day is long over:
    // both lines were posted to one account.
    let books = ground.books()?;
    books.advance(Duration::from_secs(100_000))?;
    let late = claim(vec![line("team/search", day(0), 10), line("user/ada", day(0), 10)]);

    books.reconcile(books.id(), &late, &[3, 5], Certainty::Reported)?;

    equal!(books.balances(&late)?, [(3, 0), (5, 0)]);
    Ok(())
}

/// Catches a charge that is written line by line: the user's line must stay at zero as
/// the team's overflows.
pub(crate) fn a_charge_whose_sum_does_not_fit_changes_no_line(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    books.charged(&team(10), &[i64::MAX])?;
    let two = claim(vec![line("user/ada", always(), 10), line("team/search", always(), 10)]);

    let charge = books.reconcile(books.id(), &two, &[1, 1], Certainty::Reported).fails("2^63")?;
    if ground.offers(Need::Postings) {
        let import = books.record(books.id(), &two, &[1, 1], None).fails("2^63")?;
        equal!(import.kind(), ErrorKind::Overflow);
    }

    equal!(charge.kind(), ErrorKind::Overflow);
    equal!(books.balances(&two)?, [(0, 0), (i64::MAX, 0)]);
    Ok(())
}
