//! What does the ledger in memory remember, and does it find an account whoever made it?

use std::time::Duration;

use token_budget::ErrorKind;
use token_budget::ledger::{Certainty, MemoryOptions, Outcome};
use token_budget::time::{Period, Timestamp};

use crate::books::{Books, HOUR, always, claim, day, line, team, tenant};

#[test]
fn the_stated_number_of_ended_ids_is_remembered() {
    let books = Books::with(MemoryOptions { ended_max: 3, ..MemoryOptions::default() });
    let ids: Vec<_> = (0..4).map(|_| books.charged(&team(100), &[1])).collect();

    let repeats = ids[1..].iter().map(|id| books.reconcile(*id, &team(100), &[1], Certainty::Reported));
    assert!(repeats.into_iter().all(|reply| reply.expect("no error").repeated));
    assert_eq!(books.balances(&team(100)), [(4, 0)]);
    books.verify();
}

#[test]
fn an_id_forgotten_by_number_is_taken_for_a_new_one() {
    // A limit that the options state: remember as many as may end while a retry is on its way.
    let books = Books::with(MemoryOptions { ended_max: 3, ..MemoryOptions::default() });
    let ids: Vec<_> = (0..4).map(|_| books.charged(&team(100), &[1])).collect();

    let again = books.reconcile(ids[0], &team(100), &[1], Certainty::Reported).expect("no error");

    assert_eq!((again.repeated, again.unheld), (false, true));
    assert_eq!(books.balances(&team(100)), [(5, 0)], "four calls, one of them charged twice");
}

#[test]
fn charges_not_yet_reported_are_remembered_apart_from_the_others() {
    let options = MemoryOptions { ended_max: 1, unreported_max: 2, ..MemoryOptions::default() };
    let books = Books::with(options);
    let provisional = books.held(&team(100), &[5]);
    books.reconcile(provisional, &team(100), &[5], Certainty::Provisional).expect("no error");
    for _ in 0..10 {
        books.charged(&team(100), &[1]);
    }

    let reply = books.reconcile(provisional, &team(100), &[7], Certainty::Reported).expect("no error");

    assert!(!reply.unheld);
    assert_eq!(books.balances(&team(100)), [(17, 0)]);
}

#[test]
fn a_ledger_that_remembers_nothing_still_keeps_its_balances() {
    let options =
        MemoryOptions { ended_max: 0, unreported_max: 0, journal_entries_max: 0, ..MemoryOptions::default() };
    let books = Books::with(options);
    let open = books.held(&team(100), &[5]);
    for certainty in [Certainty::Estimated, Certainty::Reported] {
        let id = books.held(&team(100), &[2]);
        books.reconcile(id, &team(100), &[3], certainty).expect("no error");
        let released = books.held(&team(100), &[2]);
        books.release(released).expect("no error");
        books.reconcile(books.id(), &team(100), &[4], certainty).expect("no error");
    }

    assert_eq!(books.balances(&team(100)), [(14, 5)]);
    assert_eq!(books.reserve(open, &team(100), &[6]).expect_err("still known").kind(), ErrorKind::Conflict);
    books.verify();
}

#[test]
fn what_was_refunded_of_a_forgotten_charge_is_not_taken_off_a_new_one() {
    let books = Books::with(MemoryOptions { ended_max: 1, ..MemoryOptions::default() });
    let old = books.charged(&team(100), &[5]);
    // The refund is remembered in place of the charge, whose own place is free from now on.
    books.record(books.id(), &team(100), &[-3], Some(old)).expect("2 are left of it");
    let new = books.charged(&team(100), &[5]);

    books.record(books.id(), &team(100), &[-5], Some(new)).expect("nothing of it was refunded");

    assert_eq!(books.balances(&team(100)), [(2, 0)]);
}

#[test]
fn an_account_idle_past_its_window_costs_no_memory() {
    let options = MemoryOptions { ended_max: 0, journal_entries_max: 0, ..MemoryOptions::default() };
    let books = Books::with(options);
    for user in 0..100 {
        books.charged(&claim(vec![line(&format!("user/{user}"), day(0), 10)]), &[1]);
    }
    books.at(1_000);
    for user in 100..150 {
        books.charged(&claim(vec![line(&format!("user/{user}"), day(1), 10)]), &[1]);
    }

    // Each new account looks at four others: fifty are enough to find the hundred of day 0.
    assert_eq!(books.ledger.accounts(), 50);
    books.verify();
}

#[test]
fn an_idle_account_is_kept_for_as_long_as_its_rolling_window_counts_it() {
    let options = MemoryOptions { ended_max: 0, journal_entries_max: 0, ..MemoryOptions::default() };
    let books = Books::with(options);
    // Sub-periods of a second: what is spent in the first counts up to and with the sixtieth after it.
    let second = |number| {
        let (from, until) = (Timestamp::from_secs(number), Timestamp::from_secs(number + 1));
        claim(vec![line("user/0", Period { number, from, until, span: 61 }, 10)])
    };
    books.charged(&second(0), &[9]);
    for user in 1..10 {
        books.at(user * 6);
        books.charged(&claim(vec![line(&format!("user/{user}"), day(0), 10)]), &[1]);
    }

    books.at(60);
    let counted = books.reserve(books.id(), &second(60), &[2]).expect("no error");
    books.at(61);
    let aged_out = books.reserve(books.id(), &second(61), &[2]).expect("no error");

    assert_eq!((counted.outcome, aged_out.outcome), (Outcome::Refused, Outcome::Applied));
}

#[test]
fn an_account_is_kept_for_as_long_as_a_remembered_charge_names_it() {
    let books = Books::with(MemoryOptions { journal_entries_max: 0, ..MemoryOptions::default() });
    let (posted, held) = (books.id(), claim(vec![line("user/0", day(0), 10)]));
    books.reconcile(posted, &held, &[4], Certainty::Estimated).expect("never seen: posted as it is");
    let reserved = books.held(&claim(vec![line("user/1", day(0), 10)]), &[5]);
    books
        .reconcile(reserved, &claim(vec![line("user/1", day(0), 10)]), &[5], Certainty::Estimated)
        .expect("held");
    books.at(1_000);
    for user in 2..10 {
        books.charged(&claim(vec![line(&format!("user/{user}"), day(1), 10)]), &[1]);
    }

    // The reports come a day late.
    let one =
        books.reconcile(posted, &held, &[3], Certainty::Reported).expect("on the line that was charged");
    let two = books.reconcile(reserved, &claim(vec![line("user/1", day(0), 10)]), &[6], Certainty::Reported);

    assert_eq!(
        (one.replaced, two.expect("likewise").replaced),
        (Some(Certainty::Estimated), Some(Certainty::Estimated))
    );
    assert_eq!(books.ledger.accounts(), 10);
    books.verify();
}

#[test]
fn one_account_can_be_used_with_two_ledgers() {
    let (here, there) = (Books::new(), Books::new());
    let (first, second) = (line("team/search", always(), 10), line("user/ada", always(), 10));
    // There the user's row comes first, so that a place remembered here names another account there.
    there.held(&claim(vec![second.clone()]), &[1]);
    let both = claim(vec![first, second]);

    for _ in 0..2 {
        here.held(&both, &[1, 2]);
        there.held(&both, &[3, 4]);
    }

    assert_eq!(here.balances(&both), [(0, 2), (0, 4)]);
    assert_eq!(there.balances(&both), [(0, 6), (0, 9)]);
}

#[test]
fn accounts_made_twice_are_one_account() {
    let books = Books::new();
    books.held(&team(10), &[6]);

    // `team` makes its account anew each time.
    assert_eq!(books.reserve(books.id(), &team(10), &[5]).expect("no error").outcome, Outcome::Refused);
    assert_eq!(books.ledger.accounts(), 1);
}

#[test]
fn an_account_whose_row_was_let_go_begins_anew() {
    let options = MemoryOptions { ended_max: 0, journal_entries_max: 0, ..MemoryOptions::default() };
    let books = Books::with(options);
    let idle = claim(vec![line("user/0", day(0), 10)]);
    books.charged(&idle, &[9]);
    books.clock.advance(HOUR + Duration::from_secs(400));
    for user in 1..10 {
        books.charged(&claim(vec![line(&format!("user/{user}"), day(4), 10)]), &[1]);
    }

    // The old claim's account still remembers a place, which is another's by now.
    let today = claim(vec![token_budget::ledger::ClaimLine { period: day(4), ..idle.lines()[0].clone() }]);
    let reply = books.reserve(books.id(), &today, &[10]).expect("no error");

    assert_eq!((reply.outcome, reply.balances[0].used()), (Outcome::Applied, 0));
    books.verify();
}

#[test]
fn the_journal_keeps_the_newest_and_its_sum_still_fits_the_balances() {
    let books = Books::with(MemoryOptions { journal_entries_max: 5, ..MemoryOptions::default() });
    let two = claim(vec![line("team/search", always(), 1_000), line("user/ada", always(), 1_000)]);
    for _ in 0..10 {
        books.charged(&two, &[3, 4]);
        books.verify();
    }

    let numbers: Vec<u64> = books.journal(&tenant()).iter().map(|entry| entry.sequence).collect();
    // Ten holds and ten charges: entries 16 to 20 are left.
    assert_eq!(numbers, [16, 17, 18, 19, 20]);
    assert_eq!(books.balances(&two), [(30, 0), (40, 0)]);
}
