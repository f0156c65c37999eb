//! What does an id seen before answer, and what one that is too old?

use std::time::Duration;

use token_budget::ErrorKind;
use token_budget::ledger::{Outcome, Rank};

use crate::books::{Books, HOUR, always, claim, line, team};

#[test]
pub(crate) fn a_reserve_sent_again_gets_its_first_outcome_and_holds_nothing_more() {
    let books = Books::new();
    let id = books.held(&team(10), &[6]);

    // Another ceiling is no other body: limits move between two attempts.
    let again = books.reserve(id, &team(1), &[6]).expect("no error");

    assert_eq!((again.outcome, again.repeated), (Outcome::Applied, true));
    assert_eq!((again.balances[0].spent, again.balances[0].reserved), (0, 6), "balances are present ones");
    assert_eq!(books.balances(&team(10)), [(0, 6)]);
}

#[test]
pub(crate) fn a_reserve_sent_again_after_its_hold_ended_gets_its_first_outcome() {
    let books = Books::new();
    let reconciled = books.held(&team(10), &[6]);
    books.reconcile(reconciled, &team(10), &[5], Rank::Reported).expect("no error");
    let released = books.held(&team(10), &[3]);
    books.release(released).expect("no error");
    let expired = books.held(&team(10), &[2]);
    books.clock.advance(Duration::from_secs(100));

    for (id, amount) in [(reconciled, 6), (released, 3), (expired, 2)] {
        let again = books.reserve(id, &team(10), &[amount]).expect("no error");
        assert_eq!((again.outcome, again.repeated), (Outcome::Applied, true));
    }
    assert_eq!(books.balances(&team(10)), [(5, 0)]);
}

#[test]
pub(crate) fn a_refused_id_stays_refused_even_when_there_is_room_by_now() {
    let books = Books::new();
    let holder = books.held(&team(10), &[10]);
    let id = books.id();
    books.reserve(id, &team(10), &[1]).expect("no error");
    books.release(holder).expect("no error");

    let again = books.reserve(id, &team(10), &[1]).expect("no error");
    let new = books.reserve(books.id(), &team(10), &[1]).expect("no error");

    assert_eq!((again.outcome, again.repeated), (Outcome::Refused, true));
    assert_eq!((again.balances[0].spent, again.balances[0].reserved), (0, 0), "balances are present ones");
    assert_eq!((new.outcome, new.repeated), (Outcome::Applied, false));
}

#[test]
pub(crate) fn the_same_id_with_another_body_is_a_conflict_that_changes_nothing() {
    let books = Books::new();
    let id = books.held(&team(10), &[6]);
    let other_account = claim(vec![line("team/ads", always(), 10)]);

    let amount = books.reserve(id, &team(10), &[5]).expect_err("another amount");
    let account = books.reserve(id, &other_account, &[6]).expect_err("another account");
    let charge = books.reconcile(id, &other_account, &[6], Rank::Reported).expect_err("another account");

    for error in [&amount, &account, &charge] {
        assert_eq!(error.kind(), ErrorKind::Conflict);
    }
    assert!(amount.to_string().contains("[6]"), "shows the first: {amount}");
    assert_eq!(books.balances(&team(10)), [(0, 6)]);
    assert_eq!(books.ledger.accounts(), 1);
}

#[test]
pub(crate) fn a_refused_id_with_another_body_is_a_conflict() {
    let books = Books::new();
    let id = books.id();
    books.reserve(id, &team(10), &[11]).expect("no error");

    let smaller = books.reserve(id, &team(10), &[1]).expect_err("another amount");

    assert_eq!(smaller.kind(), ErrorKind::Conflict);
    assert_eq!(books.ledger.open_holds(), 0);
}

#[test]
pub(crate) fn a_release_that_overtakes_its_reserve_leaves_a_tombstone() {
    let books = Books::new();
    let id = books.id();

    let release = books.release(id).expect("no error");
    let again = books.release(id).expect("no error");
    let reserve = books.reserve(id, &team(10), &[1]).expect_err("it was released");

    assert_eq!((release.outcome, release.repeated, again.repeated), (Outcome::Applied, false, true));
    assert_eq!(reserve.kind(), ErrorKind::State);
    assert_eq!(books.ledger.open_holds(), 0);
}

#[test]
pub(crate) fn usage_for_a_tombstone_is_recorded_all_the_same() {
    let books = Books::new();
    let id = books.id();
    books.release(id).expect("no error");

    let reply = books.reconcile(id, &team(10), &[7], Rank::Reported).expect("no error");

    assert!(reply.unheld);
    assert_eq!(books.balances(&team(10)), [(7, 0)]);
}

#[test]
pub(crate) fn an_unknown_id_is_too_old_after_an_hour_and_not_before() {
    let books = Books::new();
    let (on_time, late) = (books.id(), books.id());

    books.clock.advance(HOUR);
    let applied = books.reserve(on_time, &team(10), &[1]).expect("an hour old to the nanosecond");
    books.clock.advance(Duration::from_nanos(1));
    let error = books.reserve(late, &team(10), &[1]).expect_err("a nanosecond older");

    assert_eq!(applied.outcome, Outcome::Applied);
    assert_eq!(error.kind(), ErrorKind::Forgotten);
    assert_eq!(
        books.reconcile(late, &team(10), &[1], Rank::Reported).expect_err("too old").kind(),
        ErrorKind::Forgotten
    );
    assert_eq!(books.release(late).expect_err("too old").kind(), ErrorKind::Forgotten);
    assert_eq!(books.balances(&team(10)), [(0, 1)]);
}

#[test]
pub(crate) fn an_open_hold_is_never_too_old() {
    let books = Books::new();
    let id = books.id();
    let for_ever = (token_budget::Timestamp::MAX, token_budget::ledger::OnExpiry::Nothing);
    books.reserve_until(id, &team(10), &[1], for_ever).expect("no error");
    books.clock.advance(HOUR * 1_000);

    let reply = books.reconcile(id, &team(10), &[2], Rank::Reported).expect("no error");

    assert!(!reply.unheld);
    assert_eq!(books.balances(&team(10)), [(2, 0)]);
}

#[test]
pub(crate) fn a_tombstone_lasts_until_its_id_is_too_old() {
    // A tombstone was let go at the very instant at which its id was not yet
    // too old: the delayed reserve came alive.
    let books = Books::new();
    let id = books.id();
    books.release(id).expect("no error");

    books.clock.advance(HOUR);
    books.release(books.id()).expect("burying another lets old tombstones go");
    let at_the_hour = books.reserve(id, &team(10), &[1]).expect_err("it was released");
    books.clock.advance(Duration::from_nanos(1));
    books.release(books.id()).expect("burying another lets old tombstones go");
    let after = books.reserve(id, &team(10), &[1]).expect_err("it is too old");

    assert!(at_the_hour.to_string().contains("released"), "{at_the_hour}");
    // A ledger may remember it for longer than it must.
    assert!(matches!(after.kind(), ErrorKind::Forgotten | ErrorKind::State), "{after}");
}
