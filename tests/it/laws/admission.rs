//! When does a reserve fit, and what does a refusal leave behind?

use token_budget::ErrorKind;
use token_budget::ledger::{OnExpiry, Outcome};

use crate::books::{Books, always, claim, line, team};

#[test]
pub(crate) fn a_reserve_holds_every_line_where_all_have_room() {
    let books = Books::new();
    let claim = claim((0..9).map(|place| line(&format!("team/{place}"), always(), 10 + place)).collect());

    let reply = books.reserve(books.id(), &claim, &[10; 9]).expect("no error");

    assert_eq!(reply.outcome, Outcome::Applied);
    assert!(reply.balances.iter().all(|balance| balance.used() == 0), "balances are those of just before");
    assert_eq!(books.balances(&claim), [(0, 10); 9]);
    assert_eq!(books.ledger.open_holds(), 1);
}

#[test]
pub(crate) fn one_line_without_room_leaves_all_others_untouched() {
    let books = Books::new();
    let lines = |last| {
        let names = (0..9).map(|place| line(&format!("team/{place}"), always(), 10));
        claim(names.chain([line("user/ada", always(), last)]).collect())
    };
    books.held(&lines(10), &[1; 10]);

    // The user's line holds 1 of 5; five more are one too many.
    let reply = books.reserve(books.id(), &lines(5), &[5; 10]).expect("no error");

    assert_eq!(reply.outcome, Outcome::Refused);
    assert_eq!(books.balances(&lines(5)), [(0, 1); 10]);
    assert_eq!(books.ledger.open_holds(), 1);
}

#[test]
pub(crate) fn the_ceiling_itself_is_still_allowed_and_one_more_is_not() {
    let books = Books::new();
    books.charged(&team(10), &[4]);
    books.held(&team(10), &[3]);

    let too_much = books.reserve(books.id(), &team(10), &[4]).expect("no error");
    let exactly = books.reserve(books.id(), &team(10), &[3]).expect("no error");

    assert_eq!((too_much.outcome, exactly.outcome), (Outcome::Refused, Outcome::Applied));
    assert_eq!((too_much.balances[0].spent, too_much.balances[0].reserved), (4, 3));
}

#[test]
pub(crate) fn a_refusal_makes_no_row_and_no_journal_entry() {
    let books = Books::new();

    let reply = books.reserve(books.id(), &team(10), &[11]).expect("no error");

    assert_eq!(reply.outcome, Outcome::Refused);
    assert_eq!(books.ledger.accounts(), 0);
    assert_eq!(books.ledger.open_holds(), 0);
    assert_eq!(books.journal(&crate::books::root()).len(), 0);
}

#[test]
pub(crate) fn a_refusal_answers_with_the_balances_of_all_lines() {
    let books = Books::new();
    let of = |team, user, run| {
        claim(vec![
            line("team/search", always(), team),
            line("user/ada", always(), user),
            line("run/1", always(), run),
        ])
    };
    books.charged(&of(99, 99, 99), &[1, 2, 3]);

    // Team and run refuse; the user's line has room and is shown all the same.
    let reply = books.reserve(books.id(), &of(1, 99, 3), &[1, 1, 1]).expect("no error");

    assert_eq!(reply.outcome, Outcome::Refused);
    let spent: Vec<i64> = reply.balances.iter().map(|balance| balance.spent).collect();
    assert_eq!(spent, [1, 2, 3]);
}

#[test]
pub(crate) fn a_doomed_large_call_does_not_make_a_small_one_fail() {
    let books = Books::new();

    let doomed = books.reserve(books.id(), &team(10), &[1_000]).expect("no error");
    let small = books.reserve(books.id(), &team(10), &[10]).expect("no error");

    assert_eq!((doomed.outcome, small.outcome), (Outcome::Refused, Outcome::Applied));
}

#[test]
pub(crate) fn zero_is_a_limit_that_allows_nothing_that_costs() {
    let books = Books::new();

    let costs = books.reserve(books.id(), &team(0), &[1]).expect("no error");
    let free = books.reserve(books.id(), &team(0), &[0]).expect("no error");

    assert_eq!((costs.outcome, free.outcome), (Outcome::Refused, Outcome::Applied));
}

#[test]
pub(crate) fn a_line_of_amount_zero_never_refuses_even_above_its_ceiling() {
    let books = Books::new();
    books.charged(&team(10), &[50]);

    let reply = books.reserve(books.id(), &team(10), &[0]).expect("no error");

    assert_eq!(reply.outcome, Outcome::Applied);
    assert_eq!(books.balances(&team(10)), [(50, 0)]);
}

#[test]
pub(crate) fn lowering_a_ceiling_below_what_is_spent_refuses_new_calls_only() {
    let books = Books::new();
    let running = books.held(&team(100), &[60]);

    let new = books.reserve(books.id(), &team(50), &[1]).expect("no error");
    let late = books.reconcile(running, &team(50), &[60], token_budget::ledger::Rank::Reported);

    assert_eq!(new.outcome, Outcome::Refused);
    assert_eq!(late.expect("no error").outcome, Outcome::Applied);
    assert_eq!(books.balances(&team(50)), [(60, 0)]);
}

#[test]
pub(crate) fn an_amount_below_zero_is_an_error_that_names_the_field() {
    let books = Books::new();
    let two = claim(vec![line("team/search", always(), 10), line("user/ada", always(), 10)]);

    let reserved = books.reserve(books.id(), &two, &[1, -1]).expect_err("below zero");
    let reported = books.reconcile(books.id(), &two, &[1, -1], token_budget::ledger::Rank::Reported);
    let expiring = (books.now(), OnExpiry::Amounts(&[1, -1]));
    let expiry = books.reserve_until(books.id(), &two, &[1, 1], expiring).expect_err("below zero");

    for error in [reserved, reported.expect_err("below zero"), expiry] {
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(error.to_string().contains("amounts: -1 for user/ada"), "{error}");
    }
    assert_eq!(books.ledger.accounts(), 0);
}

#[test]
pub(crate) fn amounts_that_do_not_stand_beside_the_lines_are_an_error() {
    let books = Books::new();

    let reserved = books.reserve(books.id(), &team(10), &[1, 1]).expect_err("two amounts, one line");
    let expiring = (books.now(), OnExpiry::Amounts(&[]));
    let expiry = books.reserve_until(books.id(), &team(10), &[1], expiring).expect_err("no amount, one line");

    assert_eq!((reserved.kind(), expiry.kind()), (ErrorKind::Invalid, ErrorKind::Invalid));
    assert_eq!(books.ledger.open_holds(), 0);
}

#[test]
pub(crate) fn a_sum_that_does_not_fit_is_an_error_and_changes_nothing() {
    let books = Books::new();
    let unlimited = team(i64::MAX);
    let held = books.held(&unlimited, &[i64::MAX - 1]);

    let reserve = books.reserve(books.id(), &unlimited, &[2]).expect_err("2^63");
    let reconcile = books.reconcile(books.id(), &unlimited, &[2], token_budget::ledger::Rank::Reported);

    assert_eq!(reserve.kind(), ErrorKind::Overflow);
    assert_eq!(reconcile.expect_err("2^63").kind(), ErrorKind::Overflow);
    assert_eq!(books.balances(&unlimited), [(0, i64::MAX - 1)]);
    books.release(held).expect("no error");
    books.verify();
}
