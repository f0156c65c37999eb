//! Do the laws hold when real threads race?
//!
//! A race that did not happen proves nothing: admissions count how often the
//! threads took turns and try again where they ran one after the other. Where
//! the order leaves no trace, a hundred rounds start together at a barrier;
//! `tests/shuttle.rs` walks through such orders one by one.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Barrier, Mutex};
use std::thread;

use token_budget::Claim;
use token_budget::ledger::{Outcome, Rank};

use crate::books::{Books, account_in, always, claim, claim_in, line, root_of};

const THREADS: usize = 8;

/// On two cores a round of a few microseconds may well run thread after thread.
const ROUNDS_MAX: usize = 1_000;

/// A claim whose accounts are made anew: threads share names, not allocations.
fn two_lines(ceiling: i64) -> Claim {
    claim(vec![line("team/search", always(), ceiling), line("user/ada", always(), i64::MAX)])
}

/// How often the thread changed from one admission to the next.
fn switches(order: &[usize]) -> usize {
    order.windows(2).filter(|pair| pair[0] != pair[1]).count()
}

/// Runs `work` on all threads at once, each with its number.
fn together(work: impl Fn(usize) + Sync) {
    let barrier = Barrier::new(THREADS);
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let (barrier, work) = (&barrier, &work);
            scope.spawn(move || {
                barrier.wait();
                work(thread);
            });
        }
    });
}

/// Two hundred reserves of one unit on eight threads; says in which order threads were admitted.
fn two_hundred_want_the_room_of_a_hundred() -> Vec<usize> {
    let books = Books::new();
    let order = Mutex::new(Vec::new());
    let refused = AtomicUsize::new(0);

    together(|thread| {
        let claim = two_lines(100);
        for _ in 0..200 / THREADS {
            match books.reserve(books.id(), &claim, &[1, 1]).expect("no error").outcome {
                Outcome::Applied => order.lock().expect("no panic").push(thread),
                _ => _ = refused.fetch_add(1, Ordering::Relaxed),
            }
            thread::yield_now();
        }
    });

    let order = order.into_inner().expect("no panic");
    assert_eq!((order.len(), refused.into_inner()), (100, 100));
    assert_eq!(books.balances(&two_lines(100)), [(0, 100), (0, 100)]);
    books.verify();
    order
}

#[test]
fn two_hundred_parallel_reserves_for_the_room_of_a_hundred_admit_a_hundred() {
    // Thread after thread would be seven switches at most.
    let raced = (0..ROUNDS_MAX).any(|_| switches(&two_hundred_want_the_room_of_a_hundred()) >= THREADS);
    assert!(raced, "the threads never took turns in {ROUNDS_MAX} rounds");
}

#[test]
fn a_doomed_amount_asked_for_again_and_again_refuses_nobody_else() {
    let raced = (0..ROUNDS_MAX).any(|_| {
        let books = Books::new();
        let (stop, doomed, during) = (AtomicBool::new(false), AtomicUsize::new(0), AtomicUsize::new(0));

        together(|thread| {
            let claim = two_lines(1_000);
            if thread == 0 {
                // It is one unit more than all the room there ever is.
                while !stop.load(Ordering::Relaxed) {
                    let reply = books.reserve(books.id(), &claim, &[1_001, 1]).expect("no error");
                    assert_eq!(reply.outcome, Outcome::Refused);
                    doomed.fetch_add(1, Ordering::Relaxed);
                }
                return;
            }
            let before = doomed.load(Ordering::Relaxed);
            for _ in 0..100 {
                // Seven threads hold ten at most: there is always room.
                let id = books.id();
                let reply = books.reserve(id, &claim, &[10, 10]).expect("no error");
                assert_eq!(reply.outcome, Outcome::Applied);
                books.release(id).expect("no error");
                thread::yield_now();
            }
            during.fetch_add(doomed.load(Ordering::Relaxed) - before, Ordering::Relaxed);
            stop.store(true, Ordering::Relaxed);
        });

        assert_eq!(books.balances(&two_lines(1_000)), [(0, 0), (0, 0)]);
        books.verify();
        during.into_inner() > 0
    });
    assert!(raced, "nothing was refused while others were admitted in {ROUNDS_MAX} rounds");
}

#[test]
fn two_roots_do_not_see_each_other() {
    let books = Books::new();
    let of = |name: &str| {
        let root = root_of(name);
        let account = account_in(&root, "team/search");
        claim_in(&root, vec![token_budget::Line { account, ..line("team/search", always(), 100) }])
    };
    let admitted = [AtomicUsize::new(0), AtomicUsize::new(0)];

    together(|thread| {
        let claim = of(["acme", "zeta"][thread % 2]);
        for _ in 0..50 {
            if books.reserve(books.id(), &claim, &[1]).expect("no error").outcome == Outcome::Applied {
                admitted[thread % 2].fetch_add(1, Ordering::Relaxed);
            }
        }
    });

    // Each root was asked for two hundred and has room for a hundred.
    assert_eq!(admitted.map(AtomicUsize::into_inner), [100, 100]);
    assert_eq!((books.balances(&of("acme")), books.balances(&of("zeta"))), (vec![(0, 100)], vec![(0, 100)]));
}

#[test]
fn retries_of_one_reserve_on_many_threads_hold_once() {
    for _ in 0..100 {
        let books = Books::new();
        let id = books.id();
        let first = AtomicUsize::new(0);

        together(|_| {
            let reply = books.reserve(id, &two_lines(100), &[60, 1]).expect("no error");
            assert_eq!(reply.outcome, Outcome::Applied);
            first.fetch_add(usize::from(!reply.repeated), Ordering::Relaxed);
        });

        assert_eq!(first.into_inner(), 1);
        assert_eq!(books.balances(&two_lines(100)), [(0, 60), (0, 1)]);
    }
}

#[test]
fn a_reconcile_and_a_release_that_race_leave_the_report_standing() {
    for _ in 0..100 {
        let books = Books::new();
        let id = books.held(&two_lines(100), &[60, 1]);

        together(|thread| {
            if thread % 2 == 0 {
                books.reconcile(id, &two_lines(100), &[50, 1], Rank::Reported).expect("never refused");
            } else {
                // Before the report it is a release, after it an error: either way the report stands.
                _ = books.release(id);
            }
        });

        assert_eq!(books.balances(&two_lines(100)), [(50, 0), (1, 0)]);
        books.verify();
    }
}

#[test]
fn a_level_fires_once_whatever_the_concurrency() {
    for _ in 0..100 {
        let books = Books::new();
        let fired = AtomicUsize::new(0);

        together(|_| {
            let claim =
                claim(vec![crate::books::with_marks(line("team/search", always(), 1_000), &[(40, 0)])]);
            for _ in 0..10 {
                let id = books.held(&claim, &[1]);
                let reply = books.reconcile(id, &claim, &[1], Rank::Reported).expect("never refused");
                fired.fetch_add(reply.news.map_or(0, |news| news.crossed.len()), Ordering::Relaxed);
            }
        });

        assert_eq!(fired.into_inner(), 1);
        books.verify();
    }
}
