//! What does a frozen scope refuse, and what does it still record?
//!
//! A mark on a scope (freeze, stop, close) refuses every new call that carries the scope,
//! whether or not a budget of that scope binds. It refuses growth as well. It never
//! refuses a reconcile, a release or shrinking, because these only tell what has
//! happened. `Reopen` takes the mark away.

use super::*;
use crate::ledger::MarkAction::{Close, Freeze, Reopen, Stop};
use crate::testing::conformance::need::Need;

/// Catches a refusal without its reason: people must read *why* their team was stopped,
/// and by whom.
pub(crate) fn a_frozen_scope_refuses_with_its_reason_until_it_is_reopened(ground: &Ground<'_>) -> Held {
    for action in [Freeze, Stop, Close] {
        let books = ground.books()?;
        let search = scope("team", "search");
        books.mark(&search, action, "the bill looks wrong")?;

        let refused = books.reserve(books.id(), &team(10), &[1])?;
        books.mark(&search, Reopen, "it was right")?;
        let admitted = books.reserve(books.id(), &team(10), &[1])?;

        equal!((refused.outcome, admitted.outcome), (Outcome::Refused, Outcome::Applied));
        let frozen = refused.effects.map(|effects| effects.frozen).unwrap_or_default();
        let told: Vec<_> = frozen.into_iter().map(|it| (it.scope, it.action, it.attribution)).collect();
        told!(books; told, [(search.clone(), action, signed("the bill looks wrong"))]);
    }
    Ok(())
}

/// Catches a ledger that skips lines of amount zero before it looks at marks: free models
/// would go on under a stop.
pub(crate) fn a_frozen_scope_refuses_a_line_of_amount_zero(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    books.mark(&scope("team", "search"), Freeze, "holidays")?;

    let reply = books.reserve(books.id(), &team(10), &[0])?;

    equal!(reply.outcome, Outcome::Refused);
    Ok(())
}

/// Catches a ledger that looks for marks on the lines of a claim only, instead of on all
/// scopes that the call carries.
pub(crate) fn a_frozen_scope_stops_calls_that_no_budget_of_it_binds(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    let run = scope("run", "7");
    books.mark(&run, Stop, "it went in circles")?;
    let lines = vec![line("team/search", always(), 10)];
    let carries = claim_of(&tenant(), &[scope("team", "search"), run.clone()], lines);

    equal!(books.reserve(books.id(), &carries, &[1])?.outcome, Outcome::Refused);
    equal!(books.reserve(books.id(), &team(10), &[1])?.outcome, Outcome::Applied);
    Ok(())
}

/// Catches a ledger that stops at the first mark: whoever reopens that one is refused by
/// the next.
pub(crate) fn all_frozen_scopes_of_a_call_are_named(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    let two = two(10, 10);
    books.mark(&scope("team", "search"), Freeze, "one")?;
    books.mark(&scope("user", "ada"), Freeze, "two")?;

    let reply = books.reserve(books.id(), &two, &[1, 1])?;

    equal!(reply.outcome, Outcome::Refused);
    told!(books; reasons(&reply), ["one", "two"]);
    Ok(())
}

/// Catches a stop that loses money: the call was sent before it, and 5 are billed.
pub(crate) fn calls_in_flight_are_recorded_in_a_stopped_scope(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    let id = books.held(&team(10), &[4])?;
    books.mark(&scope("team", "search"), Stop, "enough")?;

    let reply = books.reconcile(id, &team(10), &[5], Certainty::Reported)?;

    equal!(reply.outcome, Outcome::Applied);
    equal!(books.balances(&team(10))?, [(5, 0)]);
    Ok(())
}

/// Catches a ledger that looks at marks before it looks at the id.
pub(crate) fn a_retry_hears_its_first_outcome_whatever_was_frozen_or_opened_since(
    ground: &Ground<'_>,
) -> Held {
    // The freeze was looked at before the id: a call that was admitted and sent heard that it was not.
    let books = ground.books()?;
    let (held, refused) = (books.held(&team(10), &[4])?, books.id());
    books.mark(&scope("team", "search"), Freeze, "holidays")?;
    books.reserve(refused, &team(10), &[1])?;

    let frozen = books.reserve(held, &team(10), &[4])?;
    books.mark(&scope("team", "search"), Reopen, "they are over")?;
    let opened = books.reserve(refused, &team(10), &[1])?;

    equal!((frozen.outcome, frozen.repeated), (Outcome::Applied, true));
    equal!((opened.outcome, opened.repeated), (Outcome::Refused, true));
    equal!(books.balances(&team(10))?, [(0, 4)]);
    Ok(())
}

/// Catches growth that is checked for room only.
pub(crate) fn a_hold_in_a_frozen_scope_may_shrink_but_not_grow(ground: &Ground<'_>) -> Held {
    // A stopped run went on asking for more room, a slice at a time.
    let books = ground.books()?;
    let id = books.held(&team(10), &[4])?;
    books.mark(&scope("team", "search"), Stop, "enough")?;

    let grown = books.resize(id, &team(10), &[5], None)?;
    let prolonged = books.resize(id, &team(10), &[4], Some(Timestamp::MAX))?;
    let shrunk = books.resize(id, &team(10), &[3], None)?;

    equal!(grown.outcome, Outcome::Refused);
    told!(books; reasons(&grown), ["enough"]);
    equal!((prolonged.outcome, shrunk.outcome), (Outcome::Applied, Outcome::Applied));
    equal!(books.balances(&team(10))?, [(0, 3)]);
    Ok(())
}

/// Catches a stop that overwrites the first one's reason and instant, and a weaker mark
/// (close) that replaces a stop.
pub(crate) fn a_second_stop_changes_nothing(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    let run = scope("team", "search");
    let first = books.mark(&run, Stop, "it went in circles")?;
    books.at(10)?;
    let second = books.mark(&run, Stop, "another reason")?;
    let close = books.mark(&run, Close, "the end")?;

    let refused = books.reserve(books.id(), &team(10), &[1])?;

    equal!((second.repeated, close.repeated), (true, true));
    told!(books; first.repeated, false);
    equal!(refused.outcome, Outcome::Refused);
    let standing = books.marks(&[run])?;
    let standing: Vec<_> =
        standing.iter().map(|mark| (mark.action, mark.attribution.reason.as_str(), mark.since)).collect();
    equal!(standing, [(Stop, "it went in circles", Timestamp::EPOCH)]);
    let kinds: Vec<_> = books.journal()?.iter().map(|entry| entry.kind).collect();
    equal!(kinds, [EntryKind::Marked(Stop)]);
    Ok(())
}

/// Catches marks that pile up, or that are taken for repeats: close is stronger than
/// freeze, and one `Reopen` opens the scope.
pub(crate) fn a_close_after_a_freeze_counts_and_is_opened_by_one_reopen(ground: &Ground<'_>) -> Held {
    // The close was taken for a repeat, and the freeze's reason stood for a run that had ended.
    let books = ground.books()?;
    let run = scope("team", "search");
    books.mark(&run, Freeze, "holidays")?;

    let close = books.mark(&run, Close, "it is done")?;
    let freeze = books.mark(&run, Freeze, "more holidays")?;
    let refused = books.reserve(books.id(), &team(10), &[1])?;
    books.mark(&run, Reopen, "one more thing")?;
    let admitted = books.reserve(books.id(), &team(10), &[1])?;

    equal!(freeze.repeated, true);
    told!(books; close.repeated, false);
    equal!(refused.outcome, Outcome::Refused);
    told!(books; reasons(&refused), ["it is done"]);
    equal!(admitted.outcome, Outcome::Applied);
    Ok(())
}

/// Catches a reader that shows reopened marks, or that answers in another order than it
/// was asked.
pub(crate) fn marks_are_read_as_they_stand_and_an_open_scope_has_none(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    let (run, search, ada) = (scope("run", "7"), scope("team", "search"), scope("user", "ada"));
    books.at(10)?;
    books.mark(&run, Stop, "it went in circles")?;
    books.mark(&search, Freeze, "holidays")?;
    books.mark(&search, Reopen, "they are over")?;
    books.mark(&ada, Close, "she left")?;

    let read = books.marks(&[ada.clone(), search, run.clone()])?;

    let read: Vec<_> = read.iter().map(|mark| (&mark.scope, mark.action, mark.since)).collect();
    let at = Timestamp::from_secs(10);
    equal!(read, [(&ada, Close, at), (&run, Stop, at)]);
    equal!(books.marks(&[scope("run", "8")])?, []);
    Ok(())
}

/// Catches a journal entry for nothing.
pub(crate) fn reopening_what_is_open_changes_nothing(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;

    let reply = books.mark(&scope("team", "search"), Reopen, "just in case")?;

    equal!(reply.repeated, true);
    equal!(books.journal()?.len(), 0);
    Ok(())
}

/// Catches a ledger in which a claim that only observes a scope is refused by it, or in
/// which the observer's exemption holds for others too.
pub(crate) fn a_frozen_scope_that_only_observes_is_named_and_refuses_nothing(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    let (search, ada) = (scope("team", "search"), scope("user", "ada"));
    let watched = two(10, 10).observing(|scope| *scope == search);
    books.mark(&search, Freeze, "holidays")?;
    let id = books.id();

    let held = books.reserve(id, &watched, &[4, 4])?;
    equal!(held.outcome, Outcome::Applied);
    told!(books; reasons(&held), ["holidays"]);
    if ground.offers(Need::Resizing) {
        equal!(books.resize(id, &watched, &[5, 5], None)?.outcome, Outcome::Applied);
    }
    let stands = books.balances(&watched)?;
    equal!(stands, [(0, if ground.offers(Need::Resizing) { 5 } else { 4 }); 2]);
    // The scope beside it enforces.
    books.mark(&ada, Stop, "she left")?;
    let refused = books.reserve(books.id(), &watched, &[1, 1])?;
    equal!(refused.outcome, Outcome::Refused);
    equal!(books.balances(&watched)?, stands);
    // Whoever carries the same scope and enforces is refused by it.
    equal!(books.reserve(books.id(), &team(10), &[1])?.outcome, Outcome::Refused);
    Ok(())
}
