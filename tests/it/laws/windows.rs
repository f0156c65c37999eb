//! In which period does money land, and what does a rolling window still count?

use std::time::Duration;

use token_budget::Timestamp;
use token_budget::ledger::{OnExpiry, Outcome, Rank, Reply};

use crate::books::{Books, claim, day, line, rolling};

fn of_day(number: i64) -> token_budget::Claim {
    claim(vec![line("team/search", day(number), 10)])
}

fn of_minute(number: i64, ceiling: i64) -> token_budget::Claim {
    claim(vec![line("team/search", rolling(number), ceiling)])
}

#[test]
pub(crate) fn a_new_day_begins_empty() {
    let books = Books::new();
    books.charged(&of_day(0), &[10]);

    books.clock.set(Timestamp::from_secs(1_000) - Duration::from_nanos(1));
    let last = books.reserve(books.id(), &of_day(0), &[1]).expect("no error");
    books.at(1_000);
    let first = books.reserve(books.id(), &of_day(1), &[10]).expect("no error");

    assert_eq!((last.outcome, first.outcome), (Outcome::Refused, Outcome::Applied));
}

#[test]
pub(crate) fn a_reserve_outside_its_lines_interval_is_stale_and_changes_nothing() {
    let books = Books::new();
    let id = books.id();
    let stale = |at: Timestamp| {
        books.clock.set(at);
        let reply = books.reserve(id, &of_day(1), &[1]).expect("no error");
        assert_eq!((reply.outcome, reply.now), (Outcome::Stale, at));
        assert_eq!((books.ledger.accounts(), books.ledger.open_holds()), (0, 0));
    };

    stale(Timestamp::from_secs(1_000) - Duration::from_nanos(1));
    books.at(1_000);
    assert_eq!(books.reserve(books.id(), &of_day(1), &[1]).expect("no error").outcome, Outcome::Applied);
    let books = Books::new();
    books.clock.set(Timestamp::from_secs(2_000) - Duration::from_nanos(1));
    assert_eq!(books.reserve(books.id(), &of_day(1), &[1]).expect("no error").outcome, Outcome::Applied);
    books.at(2_000);
    let reply = books.reserve(books.id(), &of_day(1), &[1]).expect("no error");
    assert_eq!((reply.outcome, reply.now), (Outcome::Stale, Timestamp::from_secs(2_000)));
}

#[test]
pub(crate) fn a_stale_id_can_be_asked_again_with_its_line_resolved_anew() {
    let books = Books::new();
    books.at(1_000);
    let id = books.id();
    assert_eq!(books.reserve(id, &of_day(0), &[1]).expect("no error").outcome, Outcome::Stale);

    let reply = books.reserve(id, &of_day(1), &[1]).expect("no error");

    assert_eq!((reply.outcome, reply.repeated), (Outcome::Applied, false));
}

#[test]
pub(crate) fn a_retry_of_yesterdays_reserve_is_answered_not_stale() {
    let books = Books::new();
    let id = books.held(&of_day(0), &[3]);
    books.at(1_000);

    let again = books.reserve(id, &of_day(0), &[3]).expect("no error");

    assert_eq!((again.outcome, again.repeated), (Outcome::Applied, true));
}

#[test]
pub(crate) fn a_charge_lands_in_the_day_of_its_reserve() {
    let books = Books::new();
    let id = books.id();
    let other = books.id();
    books.reserve_until(id, &of_day(0), &[4], (Timestamp::MAX, OnExpiry::Hold)).expect("no error");
    books.reserve_until(other, &of_day(0), &[1], (Timestamp::MAX, OnExpiry::Hold)).expect("no error");
    books.at(1_000);
    books.held(&of_day(1), &[9]);

    let reply = books.reconcile(id, &of_day(0), &[6], Rank::Reported).expect("no error");

    assert_eq!((reply.balances[0].spent, reply.balances[0].reserved), (6, 1));
    assert_eq!(books.balances(&of_day(0)), [(6, 1)]);
    assert_eq!(books.balances(&of_day(1)), [(0, 9)]);
    books.verify();
}

#[test]
pub(crate) fn a_hold_that_outlives_two_days_expires_into_its_own() {
    let books = Books::new();
    let due = Timestamp::from_secs(2_500);
    books.reserve_until(books.id(), &of_day(0), &[4], (due, OnExpiry::Hold)).expect("no error");
    for number in [1, 2] {
        books.at(number * 1_000);
        books.charged(&of_day(number), &[number]);
    }
    books.clock.set(due);

    assert_eq!(books.balances(&of_day(2)), [(2, 0)]);
    assert_eq!(books.ledger.open_holds(), 0);
    books.verify();
}

#[test]
pub(crate) fn reading_a_coming_day_does_not_close_the_present_one() {
    // A report that asked for tomorrow made every call of today stale.
    let books = Books::new();
    books.charged(&of_day(0), &[4]);

    assert_eq!(books.balances(&of_day(1)), [(0, 0)]);

    assert_eq!(books.balances(&of_day(0)), [(4, 0)]);
    assert_eq!(books.reserve(books.id(), &of_day(0), &[1]).expect("no error").outcome, Outcome::Applied);
}

#[test]
pub(crate) fn a_rolling_window_counts_its_sixty_sub_periods_and_the_running_one() {
    let books = Books::new();
    books.charged(&of_minute(0, 10), &[7]);

    // Charged at second 0; a window of 600 s may let go at 600 s, and does by 610 s.
    books.clock.set(Timestamp::from_secs(610) - Duration::from_nanos(1));
    let last = books.reserve(books.id(), &of_minute(60, 10), &[4]).expect("no error");
    books.at(610);
    let first = books.reserve(books.id(), &of_minute(61, 10), &[4]).expect("no error");

    assert_eq!((last.outcome, last.balances[0].spent), (Outcome::Refused, 7));
    assert_eq!((first.outcome, first.balances[0].spent), (Outcome::Applied, 0));
}

#[test]
pub(crate) fn a_rolling_window_never_lets_go_before_its_length() {
    let books = Books::new();
    // The last nanosecond of sub-period 0: 600 s later sub-period 60 still counts it.
    books.clock.set(Timestamp::from_secs(10) - Duration::from_nanos(1));
    books.charged(&of_minute(0, 10), &[7]);

    books.clock.set(Timestamp::from_secs(610) - Duration::from_nanos(1));
    assert_eq!(
        books.reserve(books.id(), &of_minute(60, 10), &[4]).expect("no error").outcome,
        Outcome::Refused
    );
    books.at(610);
    assert_eq!(
        books.reserve(books.id(), &of_minute(61, 10), &[4]).expect("no error").outcome,
        Outcome::Applied
    );
}

/// After how many sub-periods the first line has room, if it is one that refused.
fn frees(reply: &Reply) -> Option<u32> {
    let frees = reply.news.as_deref()?.frees.first()?;
    assert_eq!(frees.line, 0);
    Some(frees.periods)
}

#[test]
pub(crate) fn a_rolling_refusal_says_after_how_many_sub_periods_it_would_fit() {
    let books = Books::new();
    books.charged(&of_minute(0, 10), &[5]);
    books.at(30);
    books.charged(&of_minute(3, 10), &[4]);
    books.at(100);
    let frees_in = |amount| {
        let reply = books.reserve(books.id(), &of_minute(10, 10), &[amount]).expect("no error");
        assert_eq!(reply.outcome, Outcome::Refused);
        frees(&reply)
    };

    // Nine are spent. In sub-period 61, 51 from now, five leave; in 64 the other four.
    assert_eq!(frees_in(2), Some(51));
    assert_eq!(frees_in(6), Some(51));
    assert_eq!(frees_in(7), Some(54));
    assert_eq!(frees_in(10), Some(54));
    assert_eq!(frees_in(11), None, "it never fits");
    books.at(600);
    assert_eq!(
        books.reserve(books.id(), &of_minute(60, 10), &[6]).expect("no error").outcome,
        Outcome::Refused
    );
    books.at(610);
    assert_eq!(
        books.reserve(books.id(), &of_minute(61, 10), &[6]).expect("no error").outcome,
        Outcome::Applied
    );
}

#[test]
pub(crate) fn a_charge_older_than_a_rolling_window_goes_to_the_journal_only() {
    let books = Books::new();
    let id = books.id();
    books.reserve_until(id, &of_minute(0, 10), &[4], (Timestamp::MAX, OnExpiry::Hold)).expect("no error");
    books.at(1_000);
    books.held(&of_minute(100, 10), &[1]);

    books.reconcile(id, &of_minute(0, 10), &[9], Rank::Reported).expect("no error");

    assert_eq!(books.balances(&of_minute(100, 10)), [(0, 1)]);
    let spent: i64 = books
        .journal(&crate::books::root())
        .iter()
        .flat_map(|entry| &entry.lines)
        .map(|line| line.spent)
        .sum();
    assert_eq!(spent, 9);
    books.verify();
}

#[test]
pub(crate) fn a_line_that_did_not_refuse_says_nothing_about_when_it_frees() {
    // A frozen call was told when its line of amount zero would have room.
    let books = Books::new();
    books.charged(&of_minute(0, 10), &[50]);
    let freeze = token_budget::ledger::MarkAction::Freeze;
    books.mark(&crate::books::scope("team", "search"), freeze, "holidays");

    let reply = books.reserve(books.id(), &of_minute(0, 10), &[0]).expect("no error");

    assert_eq!((reply.outcome, frees(&reply)), (Outcome::Refused, None));
}
