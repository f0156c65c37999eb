//! How are refunds, corrections and imports posted?

use std::time::Duration;

use token_budget::ledger::{OnExpiry, Outcome, Rank};
use token_budget::{ErrorKind, Timestamp};

use crate::books::{Books, always, claim, day, line, team};

#[test]
pub(crate) fn an_import_is_posted_once() {
    let books = Books::new();
    let id = books.id();

    let first = books.record(id, &team(10), &[400], None).expect("no error");
    let again = books.record(id, &team(10), &[400], None).expect("no error");
    let other = books.record(id, &team(10), &[401], None).expect_err("another body");

    assert_eq!((first.outcome, first.repeated, again.repeated), (Outcome::Applied, false, true));
    assert_eq!(other.kind(), ErrorKind::Conflict);
    assert_eq!(books.balances(&team(10)), [(400, 0)]);
}

#[test]
pub(crate) fn a_refund_names_its_charge() {
    let books = Books::new();
    books.charged(&team(10), &[6]);
    let held = books.held(&team(10), &[4]);

    let unnamed = books.record(books.id(), &team(10), &[-1], None).expect_err("it names no charge");
    let unknown = books.record(books.id(), &team(10), &[-1], Some(books.id())).expect_err("no such charge");
    let open = books.record(books.id(), &team(10), &[-1], Some(held)).expect_err("a hold is no charge");

    assert_eq!(unnamed.kind(), ErrorKind::Invalid);
    assert_eq!((unknown.kind(), open.kind()), (ErrorKind::State, ErrorKind::State));
    assert_eq!(books.balances(&team(10)), [(6, 4)]);
}

#[test]
pub(crate) fn refunds_cannot_exceed_their_charge_even_together() {
    let books = Books::new();
    let charge = books.charged(&team(10), &[6]);
    books.charged(&team(10), &[50]);

    let too_much = books.record(books.id(), &team(10), &[-7], Some(charge)).expect_err("7 of 6");
    books.record(books.id(), &team(10), &[-4], Some(charge)).expect("4 of 6");
    let then = books.record(books.id(), &team(10), &[-3], Some(charge)).expect_err("7 of 6 in two parts");
    books.record(books.id(), &team(10), &[-2], Some(charge)).expect("6 of 6");

    assert_eq!((too_much.kind(), then.kind()), (ErrorKind::Invalid, ErrorKind::Invalid));
    assert_eq!(books.balances(&team(10)), [(50, 0)]);
    books.verify();
}

#[test]
pub(crate) fn a_repeated_refund_is_posted_once() {
    let books = Books::new();
    let charge = books.charged(&team(10), &[6]);
    let id = books.id();

    books.record(id, &team(10), &[-4], Some(charge)).expect("no error");
    let again = books.record(id, &team(10), &[-4], Some(charge)).expect("no error");

    assert!(again.repeated);
    assert_eq!(books.balances(&team(10)), [(2, 0)]);
    books.record(books.id(), &team(10), &[-2], Some(charge)).expect("what is left can still be refunded");
}

#[test]
pub(crate) fn a_refund_lands_in_the_day_of_its_charge() {
    let books = Books::new();
    let of = |number| claim(vec![line("team/search", day(number), 10)]);
    let charge = books.charged(&of(0), &[6]);
    // A call that runs over midnight keeps day 0 in sight.
    books.reserve_until(books.id(), &of(0), &[1], (Timestamp::MAX, OnExpiry::Hold)).expect("no error");
    books.at(1_000);
    books.charged(&of(1), &[8]);

    let other_day = books.record(books.id(), &of(1), &[-5], Some(charge)).expect_err("charged on day 0");
    books.record(books.id(), &of(0), &[-5], Some(charge)).expect("no error");

    assert_eq!(other_day.kind(), ErrorKind::Conflict);
    assert_eq!(books.balances(&of(0)), [(1, 1)]);
    assert_eq!(books.balances(&of(1)), [(8, 0)]);
    books.verify();
}

#[test]
pub(crate) fn withdrawing_a_refunded_charge_gives_back_only_what_is_left_of_it() {
    // The release took back the whole charge after the refund had taken back
    // a part: the balance fell below zero and the budget grew.
    let books = Books::new();
    let id = books.held(&team(10), &[6]);
    books.reconcile(id, &team(10), &[6], Rank::Estimated).expect("no error");
    books.record(books.id(), &team(10), &[-4], Some(id)).expect("no error");

    books.release(id).expect("no error");

    assert_eq!(books.balances(&team(10)), [(0, 0)]);
    books.verify();
}

#[test]
pub(crate) fn a_surer_figure_below_what_was_refunded_leaves_nothing_spent() {
    // The report replaced 6 by 3 where 4 had been refunded: the balance fell to −1.
    let books = Books::new();
    let id = books.held(&team(10), &[6]);
    books.reconcile(id, &team(10), &[6], Rank::Provisional).expect("no error");
    books.record(books.id(), &team(10), &[-4], Some(id)).expect("no error");

    books.reconcile(id, &team(10), &[3], Rank::Estimated).expect("no error");
    assert_eq!(books.balances(&team(10)), [(0, 0)]);
    books.reconcile(id, &team(10), &[9], Rank::Reported).expect("no error");

    // Nine were used, four were refunded.
    assert_eq!(books.balances(&team(10)), [(5, 0)]);
    let refund = books.record(books.id(), &team(10), &[-6], Some(id)).expect_err("10 of 9");
    assert_eq!(refund.kind(), ErrorKind::Invalid);
    books.verify();
}

#[test]
pub(crate) fn a_correction_on_other_lines_does_not_make_room_for_a_second_refund() {
    // A posting on the user's line was taken for one on the team's.
    let books = Books::new();
    let charge = books.charged(&team(10), &[6]);
    books.charged(&team(10), &[50]);
    books.record(books.id(), &team(10), &[-6], Some(charge)).expect("no error");
    let user = claim(vec![line("user/ada", always(), 10)]);
    books.record(books.id(), &user, &[6], Some(charge)).expect("no error");

    let again = books.record(books.id(), &team(10), &[-6], Some(charge)).expect_err("12 of 6");

    assert_eq!(again.kind(), ErrorKind::Invalid);
    assert_eq!(books.balances(&team(10)), [(50, 0)]);
}

#[test]
pub(crate) fn two_late_lines_of_idle_accounts_are_two_accounts() {
    // Making the second row let go of the first, whose day is long over:
    // both lines were posted to one account.
    let books = Books::new();
    books.clock.advance(Duration::from_secs(100_000));
    let late = claim(vec![line("team/search", day(0), 10), line("user/ada", day(0), 10)]);

    books.reconcile(books.id(), &late, &[3, 5], Rank::Reported).expect("no error");

    assert_eq!(books.ledger.accounts(), 2);
    assert_eq!(books.balances(&late), [(3, 0), (5, 0)]);
    books.verify();
}

#[test]
pub(crate) fn a_charge_whose_sum_does_not_fit_makes_no_row() {
    // The row of the first line was made before the second was looked at.
    let books = Books::new();
    books.charged(&team(10), &[i64::MAX]);
    let two = claim(vec![line("user/ada", always(), 10), line("team/search", always(), 10)]);

    let charge = books.reconcile(books.id(), &two, &[1, 1], Rank::Reported).expect_err("2^63");
    let import = books.record(books.id(), &two, &[1, 1], None).expect_err("2^63");

    assert_eq!((charge.kind(), import.kind()), (ErrorKind::Overflow, ErrorKind::Overflow));
    assert_eq!(books.ledger.accounts(), 1);
}
