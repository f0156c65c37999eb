//! Which charge stands? A hold ends once, and a surer figure replaces a less sure one.
//!
//! How sure a charge is, from the least to the most: expired < provisional < estimated <
//! reported. A later figure of a higher certainty replaces the charge in full, a lower one is
//! ignored, an equal one must be the same. A reconcile never refuses, because the money
//! is spent.

use super::*;
use crate::ledger::Certainty::{Estimated, Expired, Provisional, Reported};
use crate::testing::conformance::need::Need;

/// Catches a hold that is left beside its charge: 6 were held, 4 are spent, nothing is
/// reserved.
pub(crate) fn a_reconcile_replaces_the_hold_by_what_was_used(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    let id = books.held(&team(10), &[6])?;

    let reply = books.reconcile(id, &team(10), &[4], Reported)?;

    equal!((reply.outcome, reply.unheld), (Outcome::Applied, false));
    told!(books; reply.repeated, false);
    equal!(sums(&reply), [(4, 0)]); // those after it
    books.open_is(0)?;
    Ok(())
}

/// Catches a charge that is cut at the hold or at the ceiling: 400 of 10 is what the
/// provider bills.
pub(crate) fn usage_above_the_hold_and_above_the_limit_is_recorded_in_full(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    let id = books.held(&team(10), &[6])?;

    let reply = books.reconcile(id, &team(10), &[400], Reported)?;

    equal!(reply.outcome, Outcome::Applied);
    equal!(books.balances(&team(10))?, [(400, 0)]);
    Ok(())
}

/// Catches a receipt that cannot say what it corrects.
pub(crate) fn a_reply_names_the_certainty_that_was_replaced_and_none_for_a_live_hold(
    ground: &Ground<'_>,
) -> Held {
    let books = ground.books()?;
    let id = books.held(&team(100), &[9])?;
    let mut replaced = Vec::new();
    for certainty in [Expired, Estimated, Reported, Reported] {
        replaced.push(books.reconcile(id, &team(100), &[9], certainty)?.replaced);
    }

    // The last is a repeat: it replaces nothing.
    told!(books; replaced, [None, Some(Expired), Some(Estimated), None]);
    Ok(())
}

/// Catches figures that are added up, or a maximum that is kept: 9, 8, 20 and then 3 end
/// at 3.
pub(crate) fn a_higher_certainty_replaces_a_charge_in_full(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    let id = books.held(&team(100), &[9])?;
    // Each figure replaces the one before it: nothing is added up.
    for (certainty, amount) in [(Expired, 9), (Provisional, 8), (Estimated, 20), (Reported, 3)] {
        let reply = books.reconcile(id, &team(100), &[amount], certainty)?;
        equal!(reply.outcome, Outcome::Applied);
        told!(books; reply.repeated, false);
        equal!(books.balances(&team(100))?, [(amount, 0)]);
    }
    Ok(())
}

/// Catches an estimate that arrives late and overwrites what the provider reported; all
/// six pairs are tried.
pub(crate) fn a_lower_certainty_is_ignored(ground: &Ground<'_>) -> Held {
    let certainties = [Expired, Provisional, Estimated, Reported];
    for stands in certainties {
        for lower in certainties.into_iter().filter(|certainty| *certainty < stands) {
            let books = ground.books()?;
            let id = books.held(&team(10), &[6])?;
            books.reconcile(id, &team(10), &[5], stands)?;

            let reply = books.reconcile(id, &team(10), &[7], lower)?;

            holds!(reply.outcome == Outcome::Ignored, "{lower:?} after {stands:?} is {:?}", reply.outcome);
            equal!(books.balances(&team(10))?, [(5, 0)]);
        }
    }
    Ok(())
}

/// Catches two readers of one answer that disagree: whoever comes second must hear of it,
/// and the journal must not grow.
pub(crate) fn the_same_report_again_is_repeated_and_another_of_its_certainty_is_a_conflict(
    ground: &Ground<'_>,
) -> Held {
    for certainty in [Expired, Provisional, Estimated, Reported] {
        let books = ground.books()?;
        let id = books.held(&team(10), &[6])?;
        books.reconcile(id, &team(10), &[5], certainty)?;
        let entries = books.journal()?.len();

        let same = books.reconcile(id, &team(10), &[5], certainty)?;
        let other = books.reconcile(id, &team(10), &[4], certainty).fails("other figures")?;

        equal!((same.outcome, same.repeated), (Outcome::Applied, true));
        equal!(other.kind(), ErrorKind::Conflict);
        equal!(books.balances(&team(10))?, [(5, 0)]);
        equal!(books.journal()?.len(), entries);
    }
    Ok(())
}

/// Catches a hold that can no longer be reconciled once it has expired: slow answers are
/// the dear ones.
pub(crate) fn a_report_after_the_expiry_replaces_the_expiry_charge(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    let id = books.id();
    let expiry = (books.now() + Duration::from_secs(10), OnExpiry::Hold);
    books.reserve_until(id, &team(10), &[6], expiry)?;
    books.advance(Duration::from_secs(10))?;
    equal!(books.balances(&team(10))?, [(6, 0)]);

    books.reconcile(id, &team(10), &[2], Reported)?;

    equal!(books.balances(&team(10))?, [(2, 0)]);
    Ok(())
}

/// Catches a ledger that refuses usage without a hold, and one that lets the late reserve
/// hold on top of the charge.
pub(crate) fn usage_of_an_id_never_seen_is_recorded_once_and_its_late_reserve_fails(
    ground: &Ground<'_>,
) -> Held {
    let books = ground.books()?;
    let id = books.id();

    let first = books.reconcile(id, &team(10), &[400], Reported)?;
    let again = books.reconcile(id, &team(10), &[400], Reported)?;
    let reserve = books.reserve(id, &team(10), &[6]).fails("it was charged")?;

    equal!((first.outcome, first.unheld), (Outcome::Applied, true));
    told!(books; first.repeated, false);
    equal!((again.outcome, again.repeated, again.unheld), (Outcome::Applied, true, true));
    equal!(reserve.kind(), ErrorKind::State);
    equal!(books.balances(&team(10))?, [(400, 0)]);
    books.open_is(0)?;
    Ok(())
}

/// Catches a ledger that drops the usage of a call that was sent although it was refused.
pub(crate) fn usage_of_a_refused_id_is_recorded_in_full(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    let id = books.id();
    books.reserve(id, &team(10), &[11])?;

    let reply = books.reconcile(id, &team(10), &[11], Reported)?;

    equal!((reply.outcome, reply.unheld), (Outcome::Applied, true));
    equal!(books.balances(&team(10))?, [(11, 0)]);
    Ok(())
}

/// Catches a release that forgets all lines but the first: a leak that shows only as a
/// budget that slowly fills.
pub(crate) fn a_release_gives_the_hold_back_on_every_line(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    let two = two(10, 10);
    let id = books.held(&two, &[6, 5])?;

    let first = books.release(id)?;
    let again = books.release(id)?;

    equal!((first.outcome, again.repeated), (Outcome::Applied, true));
    told!(books; first.repeated, false);
    equal!(books.balances(&two)?, [(0, 0), (0, 0)]);
    Ok(())
}

/// Catches a ledger in which a guess cannot be taken back: an operator who knows that the
/// call was never sent can withdraw the charge.
pub(crate) fn a_release_withdraws_a_charge_that_nobody_reported(ground: &Ground<'_>) -> Held {
    for certainty in [Expired, Provisional, Estimated] {
        let books = ground.books()?;
        let id = books.held(&team(10), &[6])?;
        books.reconcile(id, &team(10), &[6], certainty)?;

        let reply = books.release(id)?;

        equal!(reply.outcome, Outcome::Applied);
        told!(books; reply.repeated, false);
        equal!(books.balances(&team(10))?, [(0, 0)]);
    }
    Ok(())
}

/// Catches a release that gives back money which the provider will bill.
pub(crate) fn a_release_cannot_withdraw_what_the_provider_reported(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    let id = books.charged(&team(10), &[6])?;

    let error = books.release(id).fails("it was reported")?;

    equal!(error.kind(), ErrorKind::State);
    equal!(books.balances(&team(10))?, [(6, 0)]);
    Ok(())
}

/// Catches a ledger that takes a released hold for a call that was never sent.
pub(crate) fn usage_after_a_release_is_recorded_in_full(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    let id = books.held(&team(10), &[6])?;
    books.release(id)?;

    books.reconcile(id, &team(10), &[4], Reported)?;

    equal!(books.balances(&team(10))?, [(4, 0)]);
    Ok(())
}

/// Catches a guess that undoes a release: an operator gives a sent call back by its id, and later its process drops
/// the handle, which charges the hold provisionally.
pub(crate) fn a_guess_does_not_charge_what_was_given_back(ground: &Ground<'_>) -> Held {
    for guess in [Expired, Provisional] {
        for known in [Estimated, Reported] {
            let books = ground.books()?;
            let id = books.held(&team(10), &[6])?;
            books.release(id)?;

            let reply = books.reconcile(id, &team(10), &[6], guess)?;

            equal!((reply.outcome, reply.repeated), (Outcome::Ignored, false));
            equal!(sums(&reply), [(0, 0)]);
            equal!(books.balances(&team(10))?, [(0, 0)]);
            // Usage that is known was used, whoever released the call.
            books.reconcile(id, &team(10), &[4], known)?;
            equal!(books.balances(&team(10))?, [(4, 0)]);
        }
    }
    Ok(())
}

/// Catches a ledger that answers "applied" to a command that changed nothing.
pub(crate) fn other_commands_on_an_ended_or_unknown_hold_are_errors(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    let (released, refused) = (books.held(&team(10), &[1])?, books.id());
    books.release(released)?;
    books.reserve(refused, &team(10), &[11])?;
    let charged = books.charged(&team(10), &[1])?;

    let mut answers =
        vec![(books.release(refused), "it was refused"), (books.release(charged), "it was reported")];
    if ground.offers(Need::Resizing) {
        answers.extend([
            (books.resize(released, &team(10), &[2], None), "it was released"),
            (books.resize(charged, &team(10), &[2], None), "it was reported"),
            (books.resize(refused, &team(10), &[2], None), "it was refused"),
            (books.resize(books.id(), &team(10), &[2], None), "it is not known"),
        ]);
    }

    for (answer, because) in answers {
        equal!(answer.fails(because)?.kind(), ErrorKind::State);
    }
    equal!(books.balances(&team(10))?, [(1, 0)]);
    Ok(())
}
