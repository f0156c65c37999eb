//! When does a hold end by itself, and what is it charged?

use std::time::Duration;

use token_budget::ledger::{MarkAction, OnExpiry, Outcome, Rank, Reply};
use token_budget::{ReservationId, Timestamp};

use crate::books::{Books, always, claim, day, line, scope, team};

const TEN_SECONDS: Timestamp = Timestamp::from_secs(10);

#[test]
pub(crate) fn a_hold_lives_to_the_last_nanosecond_before_its_expiry() {
    let books = Books::new();
    books.reserve_until(books.id(), &team(10), &[10], (TEN_SECONDS, OnExpiry::Nothing)).expect("no error");

    books.clock.set(TEN_SECONDS - Duration::from_nanos(1));
    let before = books.reserve(books.id(), &team(10), &[10]).expect("no error");
    books.clock.set(TEN_SECONDS);
    let at = books.reserve(books.id(), &team(10), &[10]).expect("no error");

    assert_eq!((before.outcome, at.outcome), (Outcome::Refused, Outcome::Applied));
    assert_eq!(at.balances[0].used(), 0, "what is due is ended before the lines are looked at");
}

#[test]
pub(crate) fn an_expired_hold_is_charged_as_it_was_told() {
    let charges =
        [(OnExpiry::Nothing, [0, 0]), (OnExpiry::Hold, [6, 5]), (OnExpiry::Amounts(&[1, 9]), [1, 9])];
    for (on_expiry, charge) in charges {
        let books = Books::new();
        let two = claim(vec![line("team/search", always(), 10), line("user/ada", always(), 10)]);
        let id = books.id();
        books.reserve_until(id, &two, &[6, 5], (TEN_SECONDS, on_expiry)).expect("no error");
        books.clock.set(TEN_SECONDS);

        let reply = books.reserve(books.id(), &two, &[0, 0]).expect("no error");

        let expired = reply.news.expect("an expiry is news").expired;
        let charged: Vec<i64> = expired[0].charged.iter().map(|(_, amount)| *amount).collect();
        assert_eq!((expired.len(), expired[0].id, expired[0].due), (1, id, TEN_SECONDS));
        assert_eq!(charged, charge);
        assert_eq!(books.balances(&two), [(charge[0], 0), (charge[1], 0)]);
        books.verify();
    }
}

#[test]
pub(crate) fn holds_end_oldest_first_and_by_id_where_they_are_due_together() {
    let books = Books::new();
    let mut ids = Vec::new();
    // Twelve holds due at 12, 11, … 1 seconds, and two more at 5.
    for seconds in (1..=12).rev().chain([5, 5]) {
        let id = books.id();
        let due = Timestamp::from_secs(seconds);
        books.reserve_until(id, &team(100), &[1], (due, OnExpiry::Hold)).expect("no error");
        ids.push((due, id));
    }
    books.at(12);

    let reply = books.reserve(books.id(), &team(100), &[0]).expect("no error");

    ids.sort();
    let ended: Vec<_> = reply.news.expect("news").expired.iter().map(|hold| (hold.due, hold.id)).collect();
    assert_eq!(ended, ids);
    assert_eq!(books.balances(&team(100)), [(14, 0)]);
}

#[test]
pub(crate) fn an_expiry_charge_follows_what_the_hold_holds_at_that_moment() {
    let books = Books::new();
    let id = books.id();
    books.reserve_until(id, &team(10), &[6], (TEN_SECONDS, OnExpiry::Hold)).expect("no error");
    books.resize(id, &team(10), &[8], None).expect("no error");

    books.clock.set(TEN_SECONDS);

    assert_eq!(books.balances(&team(10)), [(8, 0)]);
}

#[test]
pub(crate) fn results_are_the_same_whether_or_not_other_commands_ran_in_between() {
    let run = |sweeps: bool| {
        let books = Books::new();
        let lines =
            |number| claim(vec![line("team/search", day(number), 20), line("user/ada", always(), 20)]);
        for (due, on_expiry) in
            [(300, OnExpiry::Hold), (900, OnExpiry::Amounts(&[1, 2])), (1_500, OnExpiry::Nothing)]
        {
            let expiry = (Timestamp::from_secs(due), on_expiry);
            books.reserve_until(books.id(), &lines(0), &[4, 4], expiry).expect("no error");
        }
        for seconds in (0..=1_600).step_by(100) {
            books.at(seconds);
            if sweeps {
                books.balances(&lines(seconds / 1_000));
                books.release(books.id()).expect("no error");
            }
        }
        let reply = books.reserve(books.id(), &lines(1), &[15, 15]).expect("no error");
        (reply.outcome, reply.balances, books.balances(&lines(1)))
    };

    // Spent for ever: 4 held, 2 as told, nothing: 6. Of day 1: nothing.
    let (outcome, balances, after) = run(false);
    assert_eq!(outcome, Outcome::Refused);
    assert_eq!((balances[0].spent, balances[1].spent, balances[1].reserved), (0, 6, 0));
    assert_eq!(run(true), (outcome, balances, after));
}

#[test]
pub(crate) fn a_hold_that_was_ended_does_not_expire() {
    let books = Books::new();
    let id = books.id();
    books.reserve_until(id, &team(10), &[6], (TEN_SECONDS, OnExpiry::Hold)).expect("no error");
    books.reconcile(id, &team(10), &[1], Rank::Reported).expect("no error");
    books.at(20);

    let reply = books.reserve(books.id(), &team(10), &[0]).expect("no error");

    assert_eq!(reply.news, None);
    assert_eq!(books.balances(&team(10)), [(1, 0)]);
}

#[test]
pub(crate) fn time_never_runs_backwards() {
    let books = Books::new();
    books.at(50);
    let expiry = (Timestamp::from_secs(40), OnExpiry::Nothing);
    let first = books.reserve(books.id(), &team(10), &[1]).expect("no error");
    books.at(20);

    let second = books.reserve_until(books.id(), &team(10), &[1], expiry).expect("no error");
    let third = books.reserve(books.id(), &team(10), &[1]).expect("no error");

    assert_eq!(
        (first.now, second.now, third.now),
        (Timestamp::from_secs(50), Timestamp::from_secs(50), Timestamp::from_secs(50))
    );
    // At second 50 a hold until second 40 is due, whatever the clock shows.
    assert_eq!(third.news.expect("news").expired.len(), 1);
}

/// The ids that this reply says ended by age.
fn told(reply: &Reply) -> Vec<ReservationId> {
    let news = reply.news.as_deref();
    news.map(|news| news.expired.iter().map(|it| it.id).collect()).unwrap_or_default()
}

#[test]
pub(crate) fn an_expiry_found_by_a_command_that_fails_is_told_by_the_next_reply() {
    // The failed command was the only one to see it, and it was never told.
    let books = Books::new();
    let id = books.id();
    books.reserve_until(id, &team(10), &[4], (TEN_SECONDS, OnExpiry::Hold)).expect("no error");
    books.clock.set(TEN_SECONDS);

    books.resize(books.id(), &team(10), &[1], None).expect_err("nobody held that");
    let next = books.reserve(books.id(), &team(10), &[1]).expect("no error");
    let after = books.reserve(books.id(), &team(10), &[1]).expect("no error");

    assert_eq!((told(&next), told(&after)), (vec![id], vec![]));
}

#[test]
pub(crate) fn an_expiry_found_by_reading_is_told_by_the_next_reply() {
    let books = Books::new();
    let id = books.id();
    books.reserve_until(id, &team(10), &[4], (TEN_SECONDS, OnExpiry::Hold)).expect("no error");
    books.clock.set(TEN_SECONDS);

    assert_eq!(books.balances(&team(10)), [(4, 0)]);
    let next = books.mark(&scope("user", "ada"), MarkAction::Reopen, "just in case");

    assert_eq!(told(&next), [id]);
}
