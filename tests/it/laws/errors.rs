//! What do the errors of the ledger in memory say?

use token_budget::ErrorKind;
use token_budget::ledger::{Certainty, OnExpiry};

use crate::books::{Books, always, claim, line, team, tenant_of};

#[test]
fn an_amount_below_zero_is_an_error_that_names_the_field() {
    let books = Books::new();
    let two = claim(vec![line("team/search", always(), 10), line("user/ada", always(), 10)]);

    let reserved = books.reserve(books.id(), &two, &[1, -1]).expect_err("below zero");
    let reported = books.reconcile(books.id(), &two, &[1, -1], Certainty::Reported);
    let expiring = (books.now(), OnExpiry::Amounts(&[1, -1]));
    let expiry = books.reserve_until(books.id(), &two, &[1, 1], expiring).expect_err("below zero");

    for error in [reserved, reported.expect_err("below zero"), expiry] {
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(error.to_string().contains("amounts: -1 for user/ada"), "{error}");
    }
    assert_eq!(books.ledger.accounts(), 0);
}

#[test]
fn a_conflict_shows_the_first_body() {
    let books = Books::new();
    let id = books.held(&team(10), &[6]);
    let other_account = claim(vec![line("team/ads", always(), 10)]);

    let amount = books.reserve(id, &team(10), &[5]).expect_err("another amount");
    let account = books.reserve(id, &other_account, &[6]).expect_err("another account");
    let charge = books.reconcile(id, &other_account, &[6], Certainty::Reported).expect_err("another account");

    for error in [&amount, &account, &charge] {
        assert_eq!(error.kind(), ErrorKind::Conflict);
    }
    assert!(amount.to_string().contains("[6]"), "shows the first: {amount}");
    assert_eq!(books.balances(&team(10)), [(0, 6)]);
    assert_eq!(books.ledger.accounts(), 1);
}

#[test]
fn other_commands_on_an_ended_or_unknown_hold_name_its_state() {
    let books = Books::new();
    let (released, refused) = (books.held(&team(10), &[1]), books.id());
    books.release(released).expect("no error");
    books.reserve(refused, &team(10), &[11]).expect("no error");
    let charged = books.charged(&team(10), &[1]);

    let texts = [
        (books.resize(released, &team(10), &[2], None), "was released"),
        (books.resize(charged, &team(10), &[2], None), "reported"),
        (books.resize(refused, &team(10), &[2], None), "was refused"),
        (books.resize(books.id(), &team(10), &[2], None), "not known"),
        (books.release(refused), "was refused"),
    ];

    for (answer, text) in texts {
        let error = answer.expect_err(text);
        assert_eq!(error.kind(), ErrorKind::State);
        assert!(error.to_string().contains(text), "{error}");
    }
    assert_eq!(books.balances(&team(10)), [(1, 0)]);
}

#[test]
fn a_release_of_a_reported_charge_says_so() {
    let books = Books::new();
    let id = books.charged(&team(10), &[6]);

    let error = books.release(id).expect_err("it was reported");

    assert_eq!(error.kind(), ErrorKind::State);
    assert!(error.to_string().contains("reported"), "names the state: {error}");
    assert_eq!(books.balances(&team(10)), [(6, 0)]);
}

#[test]
fn a_line_of_another_tenant_cannot_be_claimed() {
    let stranger = line("team/search", always(), 10);
    let error =
        token_budget::ledger::Claim::new(tenant_of("zeta"), &[], vec![stranger]).expect_err("other books");
    assert_eq!(error.kind(), ErrorKind::Invalid);
}

#[test]
fn a_report_on_fewer_or_more_lines_than_are_held_changes_nothing() {
    let lines = |count| claim((0..count).map(|at| line(&format!("user/{at}"), always(), 10)).collect());
    // A place holds four lines: on both sides of one full place, and of two.
    for (held, reported) in [(5, 4), (4, 5), (9, 8), (8, 9), (3, 2)] {
        let books = Books::new();
        let id = books.held(&lines(held), &vec![6; held]);

        let error = books.reconcile(id, &lines(reported), &vec![5; reported], Certainty::Reported);

        assert_eq!(error.expect_err("other lines").kind(), ErrorKind::Conflict, "{held}, {reported}");
        assert_eq!(books.balances(&lines(held)), vec![(0, 6); held]);
    }
}
