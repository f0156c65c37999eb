//! Which commands make a row for an account?

use std::time::Duration;

use token_budget::ErrorKind;
use token_budget::ledger::{Certainty, Outcome};
use token_budget::time::Timestamp;

use crate::books::{Books, always, claim, day, line, team, tenant, with_thresholds};

#[test]
fn a_refusal_makes_no_row_and_no_journal_entry() {
    let books = Books::new();

    let reply = books.reserve(books.id(), &team(10), &[11]).expect("no error");

    assert_eq!(reply.outcome, Outcome::Refused);
    assert_eq!(books.ledger.accounts(), 0);
    assert_eq!(books.ledger.open_holds(), 0);
    assert_eq!(books.journal(&tenant()).len(), 0);
}

#[test]
fn a_reserve_of_a_day_that_is_not_yet_makes_no_row() {
    let books = Books::new();
    books.clock.set(Timestamp::from_secs(1_000) - Duration::from_nanos(1));

    let reply = books.reserve(books.id(), &claim(vec![line("team/search", day(1), 10)]), &[1]);

    assert_eq!(reply.expect("no error").outcome, Outcome::Stale);
    assert_eq!((books.ledger.accounts(), books.ledger.open_holds()), (0, 0));
}

#[test]
fn a_refusal_that_fires_a_lowered_threshold_makes_no_row_for_a_line_never_seen() {
    let books = Books::new();
    books.charged(&claim(vec![line("team/search", day(0), i64::MAX)]), &[40]);
    let lowered = claim(vec![
        with_thresholds(line("team/search", day(0), 30), &[(30, 0)]),
        with_thresholds(line("user/ada", day(0), 30), &[(1, 0)]),
    ]);

    let refused = books.reserve(books.id(), &lowered, &[1, 1]).expect("no error");

    assert_eq!(refused.effects.expect("a threshold").reached.len(), 1);
    assert_eq!(books.ledger.accounts(), 1, "the refusal made no row for ada");
    books.verify();
}

#[test]
fn two_late_lines_of_idle_accounts_are_two_accounts() {
    // Making the second row let go of the first, whose day is long over:
    // both lines were posted to one account.
    let books = Books::new();
    books.clock.advance(Duration::from_secs(100_000));
    let late = claim(vec![line("team/search", day(0), 10), line("user/ada", day(0), 10)]);

    books.reconcile(books.id(), &late, &[3, 5], Certainty::Reported).expect("no error");

    assert_eq!(books.ledger.accounts(), 2);
    assert_eq!(books.balances(&late), [(3, 0), (5, 0)]);
    books.verify();
}

#[test]
fn a_charge_whose_sum_does_not_fit_makes_no_row() {
    // The row of the first line was made before the second was looked at.
    let books = Books::new();
    books.charged(&team(10), &[i64::MAX]);
    let two = claim(vec![line("user/ada", always(), 10), line("team/search", always(), 10)]);

    let charge = books.reconcile(books.id(), &two, &[1, 1], Certainty::Reported).expect_err("2^63");
    let import = books.record(books.id(), &two, &[1, 1], None).expect_err("2^63");

    assert_eq!((charge.kind(), import.kind()), (ErrorKind::Overflow, ErrorKind::Overflow));
    assert_eq!(books.ledger.accounts(), 1);
}
