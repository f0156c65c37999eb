//! What has the ledger in memory forgotten, and what does it say to that?

use std::time::Duration;

use token_budget::ErrorKind;
use token_budget::ledger::{Certainty, OnExpiry, Outcome};
use token_budget::time::Timestamp;

use crate::books::{Books, HOUR, claim, day, line, team};

#[test]
fn an_unknown_id_is_too_old_after_an_hour_and_not_before() {
    let books = Books::new();
    let (on_time, late) = (books.id(), books.id());

    books.clock.advance(HOUR);
    let applied = books.reserve(on_time, &team(10), &[1]).expect("an hour old to the nanosecond");
    books.clock.advance(Duration::from_nanos(1));
    let error = books.reserve(late, &team(10), &[1]).expect_err("a nanosecond older");

    assert_eq!(applied.outcome, Outcome::Applied);
    assert_eq!(error.kind(), ErrorKind::Forgotten);
    assert_eq!(
        books.reconcile(late, &team(10), &[1], Certainty::Reported).expect_err("too old").kind(),
        ErrorKind::Forgotten
    );
    assert_eq!(books.release(late).expect_err("too old").kind(), ErrorKind::Forgotten);
    assert_eq!(books.balances(&team(10)), [(0, 1)]);
}

#[test]
fn a_tombstone_lasts_until_its_id_is_too_old() {
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
    assert!(after.to_string().contains("older"), "{after}");
}

#[test]
fn growth_in_a_past_day_whose_balance_is_forgotten_is_refused() {
    // A hold of nothing does not keep its day's balance once the day is over:
    // it grew by an amount that no account counted, and `verify` failed.
    let books = Books::new();
    let of = |number| claim(vec![line("team/search", day(number), 10)]);
    let id = books.id();
    books.reserve_until(id, &of(0), &[0], (Timestamp::MAX, OnExpiry::Hold)).expect("no error");
    books.charged(&of(0), &[9]);
    books.at(1_000);
    books.held(&of(1), &[1]);

    let reply = books.resize(id, &of(0), &[5], None).expect("no error");

    assert_eq!(reply.outcome, Outcome::Refused);
    books.verify();
    books.reconcile(id, &of(0), &[5], Certainty::Reported).expect("what was used is recorded all the same");
    assert_eq!(books.balances(&of(1)), [(0, 1)]);
    books.verify();
}

#[test]
fn reading_a_day_that_is_over_forgets_no_day_before_it() {
    let books = Books::new();
    let of = |number| claim(vec![line("team/search", day(number), 10)]);
    books.charged(&of(0), &[5]);

    // Day 1 lasts to the last nanosecond before 2,000 s.
    books.at(2_000);
    assert_eq!(books.balances(&of(1)), [(0, 0)]);

    assert_eq!(books.balances(&of(0)), [(5, 0)]);
}
