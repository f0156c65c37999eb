//! What may change about a live hold?

use std::time::Duration;

use token_budget::ledger::{OnExpiry, Outcome, Rank};
use token_budget::{ErrorKind, Timestamp};

use crate::books::{Books, always, claim, day, line, team};

#[test]
pub(crate) fn growth_takes_room_on_every_line_or_on_none() {
    let books = Books::new();
    let two = claim(vec![line("team/search", always(), 10), line("user/ada", always(), 5)]);
    let id = books.held(&two, &[4, 4]);

    // The team has room for six more, the user for one.
    let refused = books.resize(id, &two, &[10, 6], None).expect("no error");
    assert_eq!(refused.outcome, Outcome::Refused);
    assert_eq!(books.balances(&two), [(0, 4), (0, 4)]);

    let applied = books.resize(id, &two, &[10, 5], None).expect("no error");
    assert_eq!(applied.outcome, Outcome::Applied);
    assert_eq!((applied.balances[0].reserved, applied.balances[1].reserved), (4, 4), "just before");
    assert_eq!(books.balances(&two), [(0, 10), (0, 5)]);
}

#[test]
pub(crate) fn refused_growth_does_not_prolong_the_hold() {
    let books = Books::new();
    let id = books.held(&team(10), &[4]);

    books.resize(id, &team(10), &[11], Some(Timestamp::MAX)).expect("no error");
    books.at(100);

    assert_eq!(books.balances(&team(10)), [(0, 0)], "it ended when it was to end at first");
}

#[test]
pub(crate) fn shrinking_never_refuses() {
    let books = Books::new();
    let id = books.held(&team(10), &[8]);
    books.charged(&team(10), &[50]);

    let reply = books.resize(id, &team(1), &[3], None).expect("no error");

    assert_eq!(reply.outcome, Outcome::Applied);
    assert_eq!(books.balances(&team(10)), [(50, 3)]);
}

#[test]
pub(crate) fn a_hold_can_be_prolonged_and_cut_short() {
    let books = Books::new();
    let (prolonged, cut) = (books.held(&team(10), &[4]), books.held(&team(10), &[3]));

    books.resize(prolonged, &team(10), &[4], Some(Timestamp::from_secs(500))).expect("no error");
    books.resize(cut, &team(10), &[3], Some(Timestamp::from_secs(50))).expect("no error");

    books.clock.set(Timestamp::from_secs(50) - Duration::from_nanos(1));
    assert_eq!(books.balances(&team(10)), [(0, 7)]);
    books.at(50);
    assert_eq!(books.balances(&team(10)), [(0, 4)]);
    books.clock.set(Timestamp::from_secs(500) - Duration::from_nanos(1));
    assert_eq!(books.balances(&team(10)), [(0, 4)]);
    books.at(500);
    assert_eq!(books.balances(&team(10)), [(0, 0)]);
}

#[test]
pub(crate) fn a_resized_hold_still_answers_its_first_reserve() {
    let books = Books::new();
    let id = books.held(&team(10), &[4]);
    books.resize(id, &team(10), &[7], None).expect("no error");

    let again = books.reserve(id, &team(10), &[4]).expect("no error");

    assert_eq!((again.outcome, again.repeated), (Outcome::Applied, true));
    assert_eq!(books.balances(&team(10)), [(0, 7)]);
}

#[test]
pub(crate) fn a_resize_names_the_lines_that_were_held() {
    let books = Books::new();
    let id = books.held(&team(10), &[4]);
    let other = claim(vec![line("team/ads", always(), 10)]);

    assert_eq!(books.resize(id, &other, &[4], None).expect_err("other lines").kind(), ErrorKind::Conflict);
    assert_eq!(books.resize(id, &team(10), &[-1], None).expect_err("below zero").kind(), ErrorKind::Invalid);
    assert_eq!(books.balances(&team(10)), [(0, 4)]);
}

#[test]
pub(crate) fn growth_in_a_past_day_counts_against_that_day() {
    let books = Books::new();
    let of = |number| claim(vec![line("team/search", day(number), 10)]);
    let id = books.id();
    books.reserve_until(id, &of(0), &[4], (Timestamp::MAX, OnExpiry::Hold)).expect("no error");
    books.charged(&of(0), &[5]);
    books.at(1_000);
    books.charged(&of(1), &[9]);

    // Day 0 holds 4 and spent 5 of 10.
    assert_eq!(books.resize(id, &of(0), &[6], None).expect("no error").outcome, Outcome::Refused);
    assert_eq!(books.resize(id, &of(0), &[5], None).expect("no error").outcome, Outcome::Applied);
    assert_eq!(books.balances(&of(1)), [(9, 0)]);
    books.verify();
}

#[test]
pub(crate) fn growth_in_a_past_day_whose_balance_is_forgotten_is_refused() {
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
    books.reconcile(id, &of(0), &[5], Rank::Reported).expect("what was used is recorded all the same");
    assert_eq!(books.balances(&of(1)), [(0, 1)]);
    books.verify();
}
