//! What is one id known for? Whoever did not make a hold sees it by its id, and ends it on the lines that it shows.

use super::*;
use crate::ledger::{Hold, Note, Reconcile, State};

/// Catches a ledger that shows what was first asked for, or that shows one tenant's hold to
/// another: 6 were held, 4 are charged.
pub(crate) fn an_id_is_shown_as_it_stands_to_its_tenant_alone(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    let id = books.id();
    let expires_at = books.now() + Duration::from_secs(100);
    equal!(books.hold(&tenant(), id)?, None);
    books.reserve_until(id, &two(10, 10), &[6, 1], (expires_at, OnExpiry::Hold))?;

    let held = shown(&books, id)?;
    books.reconcile(id, &two(10, 10), &[4, 1], Certainty::Estimated)?;
    let charged = shown(&books, id)?;

    equal!((held.id, held.state, held.expires_at), (id, State::Held, Some(expires_at)));
    equal!(held.lines.iter().map(|line| line.amount).collect::<Vec<_>>(), [6, 1]);
    equal!((charged.state, charged.expires_at), (State::Charged(Certainty::Estimated), None));
    equal!(
        charged.lines.iter().map(|line| (line.amount, line.refunded)).collect::<Vec<_>>(),
        [(4, 0), (1, 0)]
    );
    let lines = two(10, 10);
    for (shown, line) in charged.lines.iter().zip(lines.lines()) {
        equal!((&shown.account, shown.period), (&line.account, line.period.number));
    }
    equal!(books.hold(&tenant_of("globex"), id)?, None);
    Ok(())
}

/// Catches a ledger that shows a hold as live whose time is over, because no command came since.
pub(crate) fn an_id_past_its_time_is_shown_as_expired(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    let id = books.id();
    books.reserve_until(id, &team(10), &[6], (books.now() + Duration::from_secs(10), OnExpiry::Hold))?;

    books.advance(Duration::from_secs(10))?;
    let expired = shown(&books, id)?;

    equal!((expired.state, expired.expires_at), (State::Charged(Certainty::Expired), None));
    Ok(())
}

/// Catches an end by hand that stands beside the call's own report, so that both are charged: 6
/// were held, somebody who counts says 4, and the process reports 5 after all.
pub(crate) fn a_late_report_replaces_what_was_charged_by_hand(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    let id = books.held(&team(10), &[6])?;
    let (by_hand, note) = (signed("the process died"), Note::default());

    let shown = shown(&books, id)?;
    let claim = &shown.claim(&tenant())?;
    let (amounts, certainty, attribution) = (&[4], Certainty::Estimated, Some(&by_hand));
    books.reconcile_as(Reconcile { id, claim, amounts, certainty, attribution, note: &note, now: None })?;
    equal!(books.balances(&team(10))?, [(4, 0)]);
    books.reconcile(id, &team(10), &[5], Certainty::Reported)?;

    equal!(books.balances(&team(10))?, [(5, 0)]);
    Ok(())
}

/// What is known of an id that was seen.
fn shown(books: &Books, id: ReservationId) -> Held<Hold> {
    books.hold(&tenant(), id)?.ok_or_else(|| Why::new(format!("nothing is shown of {id}, which was held")))
}
