//! Do the laws hold in whatever order threads are scheduled?
//!
//! A model checker runs each scenario under sixty thousand schedules, random
//! ones and such that need few but unlucky switches (PCT). It prints the
//! schedule that failed, for `shuttle::replay`. Run with
//! `RUSTFLAGS="--cfg shuttle" cargo test --no-default-features --test shuttle`.

#![cfg(shuttle)]
#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may stop where it stands, and its figures are small"
)]

#[path = "it/books.rs"]
#[allow(dead_code, reason = "shared with the other tests, which use all of it")]
mod books;

use std::sync::Arc;

use shuttle::thread;
use token_budget::ledger::{Certainty, Claim, OnExpiry, Outcome, ReservationId};
use token_budget::time::Timestamp;

use self::books::{Books, always, claim, line};

const SCHEDULES: usize = 30_000;

/// How many unlucky switches the second half of the schedules look for.
const SWITCHES: usize = 3;

fn explore(scenario: fn()) {
    shuttle::check_random(scenario, SCHEDULES);
    shuttle::check_pct(scenario, SCHEDULES, SWITCHES);
}

/// Accounts made anew, so that nothing but the ledger is shared.
fn two_lines(ceiling: i64) -> Claim {
    claim(vec![line("team/search", always(), ceiling), line("user/ada", always(), i64::MAX)])
}

type Work = Box<dyn FnOnce(&Books) -> i64 + Send>;

/// Runs every piece of work on a thread of its own; says what each returned.
fn together(books: &Arc<Books>, work: Vec<Work>) -> Vec<i64> {
    let start = |work: Work| {
        let books = Arc::clone(books);
        thread::spawn(move || work(&books))
    };
    let threads: Vec<_> = work.into_iter().map(start).collect();
    threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
}

/// What must be true at every end: what was used is spent, nothing is held, the books add up.
fn oracle(books: &Books, spent: i64) {
    assert_eq!(books.balances(&two_lines(0)), [(spent, 0), (spent, 0)]);
    assert_eq!(books.ledger.open_holds(), 0);
    books.verify();
}

/// One where the reserve was admitted, else zero.
fn admitted(books: &Books, id: ReservationId, claim: &Claim, amount: i64) -> i64 {
    let reply = books.reserve(id, claim, &[amount, amount]).expect("no error");
    if reply.outcome == Outcome::Applied {
        let before = reply.balances[0].used();
        assert!(before + amount <= claim.lines()[0].ceiling, "{before} + {amount} is over the limit");
        1
    } else {
        0
    }
}

#[test]
fn no_order_of_reserves_admits_more_than_there_is_room_for() {
    explore(|| {
        let books = Arc::new(Books::new());
        let asks = || -> Work {
            Box::new(|books| {
                let claim = two_lines(3);
                (0..2).map(|_| admitted(books, books.id(), &claim, 1)).sum()
            })
        };

        // Three threads ask six times; the books of the tenant are opened by whoever comes first.
        let admissions = together(&books, vec![asks(), asks(), asks()]);

        assert_eq!(admissions.iter().sum::<i64>(), 3);
        assert_eq!(books.balances(&two_lines(3)), [(0, 3), (0, 3)]);
        books.at(100);
        oracle(&books, 0);
    });
}

#[test]
fn a_doomed_amount_never_refuses_one_that_fits() {
    explore(|| {
        let books = Arc::new(Books::new());
        let doomed: Work =
            Box::new(|books| (0..3).map(|_| admitted(books, books.id(), &two_lines(4), 5)).sum());
        let fits = || -> Work {
            Box::new(|books| {
                let claim = two_lines(4);
                let id = books.id();
                let one = admitted(books, id, &claim, 2);
                books.reconcile(id, &claim, &[1, 1], Certainty::Reported).expect("never refused");
                one
            })
        };

        assert_eq!(together(&books, vec![doomed, fits(), fits()]), [0, 1, 1]);
        oracle(&books, 2);
    });
}

#[test]
fn a_report_stands_whoever_releases_expires_or_estimates_before_or_after() {
    explore(|| {
        let books = Arc::new(Books::new());
        let claim = two_lines(10);
        let id = books.id();
        let expiry = (Timestamp::from_secs(10), OnExpiry::Hold);
        books.reserve_until(id, &claim, &[6, 6], expiry).expect("no error");
        let reports: Work = Box::new(move |books| {
            books.reconcile(id, &two_lines(10), &[4, 4], Certainty::Reported).expect("never refused");
            0
        });
        let estimates: Work = Box::new(move |books| {
            books.reconcile(id, &two_lines(10), &[5, 5], Certainty::Estimated).expect("never refused");
            0
        });
        let releases: Work = Box::new(move |books| i64::from(books.release(id).is_ok()));
        let waits: Work = Box::new(|books| {
            books.at(10);
            books.balances(&two_lines(10));
            0
        });

        let ended = together(&books, vec![reports, estimates, releases, waits]);

        // A release between estimate and report, or before both, does not matter in the end.
        assert!(ended[2] <= 1);
        oracle(&books, 4);
    });
}

#[test]
fn a_release_and_its_reserve_leave_nothing_held_in_either_order() {
    explore(|| {
        let books = Arc::new(Books::new());
        let id = books.id();
        let reserves: Work = Box::new(move |books| {
            let reply = books.reserve(id, &two_lines(10), &[6, 6]);
            i64::from(reply.is_ok_and(|reply| reply.outcome == Outcome::Applied))
        });
        let releases: Work = Box::new(move |books| {
            books.release(id).expect("a hold or a tombstone");
            0
        });

        together(&books, vec![reserves, releases]);

        oracle(&books, 0);
    });
}

#[test]
fn retries_of_one_call_are_charged_once() {
    explore(|| {
        let books = Arc::new(Books::new());
        let id = books.id();
        let calls = || -> Work {
            Box::new(move |books| {
                let claim = two_lines(10);
                let first = books.reserve(id, &claim, &[6, 6]);
                books.reconcile(id, &claim, &[5, 5], Certainty::Reported).expect("never refused");
                i64::from(!first.expect("held before it is charged").repeated)
            })
        };

        let firsts = together(&books, vec![calls(), calls(), calls()]);

        assert_eq!(firsts.iter().sum::<i64>(), 1);
        oracle(&books, 5);
    });
}

#[test]
fn a_lowered_limit_and_growing_holds_never_pass_the_limit_they_were_given() {
    explore(|| {
        let books = Arc::new(Books::new());
        let of_ceiling = |ceiling: i64| -> Work {
            Box::new(move |books| {
                let claim = two_lines(ceiling);
                let id = books.id();
                if admitted(books, id, &claim, 2) == 0 {
                    return 0;
                }
                let grown = books.resize(id, &claim, &[4, 4], None).expect("a live hold");
                let used = if grown.outcome == Outcome::Applied { 4 } else { 2 };
                if grown.outcome == Outcome::Applied {
                    assert!(grown.balances[0].used() + 2 <= ceiling);
                }
                books.reconcile(id, &claim, &[used, used], Certainty::Reported).expect("never refused");
                used
            })
        };

        // Two calls read the old limit of ten, one the new limit of five.
        let used: i64 = together(&books, vec![of_ceiling(10), of_ceiling(5), of_ceiling(10)]).iter().sum();

        assert!(used <= 10);
        oracle(&books, used);
    });
}

#[test]
fn an_expiring_hold_gives_its_room_to_exactly_one() {
    explore(|| {
        let books = Arc::new(Books::new());
        let expiry = (Timestamp::from_secs(10), OnExpiry::Nothing);
        books.reserve_until(books.id(), &two_lines(6), &[6, 6], expiry).expect("no error");
        let wants = || -> Work {
            Box::new(|books| {
                books.at(10);
                admitted(books, books.id(), &two_lines(6), 6)
            })
        };

        let admissions = together(&books, vec![wants(), wants(), wants()]);

        assert_eq!(admissions.iter().sum::<i64>(), 1);
        books.at(110);
        oracle(&books, 0);
    });
}
