//! Does a command by hand do all of what it says, or nothing?

use std::sync::Arc;

use rusqlite::Connection;
use token_budget::ledger::{
    Certainty, EntryKind, Note, Reconcile, Reply, ReservationId, SqliteLedger, SqliteOptions,
};
use token_budget::time::{ManualClock, Timestamp};
use token_budget::{BudgetLedger, Error, ErrorKind};

use super::support::{Folder, balance, charge, count, hold, journal, open_at, wait};
use crate::books::{always, claim, day, line, signed, team, tenant, with_thresholds};

/// Ends a hold as an operator does: on the lines that its id shows, signed.
fn by_hand(ledger: &SqliteLedger, id: ReservationId, amount: i64, why: &str) -> Result<Reply, Error> {
    let hold = wait(ledger.hold(&tenant(), id))?.expect("a known id");
    let (claim, certainty, note) = (&hold.claim(&tenant())?, Certainty::Estimated, Note::default());
    let (amounts, attribution, note) = (&[amount], Some(&signed(why)), &note);
    wait(ledger.reconcile(Reconcile { id, claim, amounts, certainty, attribution, note, now: None }))
}

#[test]
fn a_charge_by_hand_that_does_not_fit_gives_nothing_back() {
    let folder = Folder::in_memory();
    let ledger = open_at(&folder.file("books.db"), 0);
    let (id, _) = hold(&ledger, &team(100), &[60], 3_600);
    let (other, _) = hold(&ledger, &team(100), &[1], 3_600);
    charge(&ledger, other, &team(100), &[1]);

    // One is spent, so that the sum is one too large; the hold must not be given back all the same.
    let error = by_hand(&ledger, id, i64::MAX, "a typing error").expect_err("too large");

    assert_eq!(error.kind(), ErrorKind::Overflow, "{error}");
    assert_eq!(balance(&ledger, &team(100)), (1, 60));
    by_hand(&ledger, id, i64::MAX - 1, "the invoice").expect("it just fits");
    assert_eq!(balance(&ledger, &team(100)), (i64::MAX, 0));
    ledger.verify().expect("sound books");
}

#[test]
fn an_event_is_marked_by_its_name_whatever_else_the_caller_says_of_it() {
    let folder = Folder::in_memory();
    let ledger = open_at(&folder.file("books.db"), 0);
    let marked = claim(vec![with_thresholds(line("team/search", always(), 100), &[(5, 0)])]);
    let (id, _) = hold(&ledger, &marked, &[6], 3_600);
    charge(&ledger, id, &marked, &[6]);
    let mut events = wait(ledger.pending_events(10)).expect("a threshold was reached");
    events[0].reached.spent = 7;

    wait(ledger.delivered(&events)).expect("an answer");

    assert_eq!(wait(ledger.pending_events(10)).expect("an answer"), []);
    ledger.verify().expect("the event is what it was, and told");
}

#[test]
fn open_holds_are_listed_oldest_first_and_no_more_than_asked_for() {
    let folder = Folder::in_memory();
    let ledger = open_at(&folder.file("books.db"), 0);
    let ids: Vec<_> = (1..=3).map(|amount| hold(&ledger, &team(100), &[amount], 3_600 - amount).0).collect();

    let open = wait(ledger.open_holds(&tenant(), 2)).expect("an answer");

    assert_eq!(open.iter().map(|hold| hold.id).collect::<Vec<_>>(), ids[..2]);
}

#[test]
fn balances_are_not_made_anew_from_a_journal_that_is_not_whole() {
    let folder = Folder::in_memory();
    let path = folder.file("books.db");
    let ledger = open_at(&path, 0);
    let (id, _) = hold(&ledger, &team(100), &[6], 3_600);
    charge(&ledger, id, &team(100), &[5]);
    let file = Connection::open(&path).expect("a connection");
    file.execute_batch(
        "DROP TRIGGER journal_keeps_lines; UPDATE journal_lines SET spent = 500 WHERE spent = 5",
    )
    .expect("a meddler");

    let error = wait(ledger.rebuild()).expect_err("the chain is broken");

    assert_eq!(error.kind(), ErrorKind::Damaged);
    assert!(error.to_string().contains("entry 2"), "{error}");
    assert_eq!(balance(&ledger, &team(100)), (5, 0), "nothing was changed, and the ledger goes on");
}

#[test]
fn balances_are_made_anew_while_another_handle_writes() {
    let folder = Folder::in_memory();
    let path = folder.file("books.db");
    let (one, other) = (open_at(&path, 0), open_at(&path, 0));
    std::thread::scope(|scope| {
        let writes = scope.spawn(|| {
            for _ in 0..50 {
                let (id, _) = hold(&other, &team(i64::MAX), &[2], 3_600);
                charge(&other, id, &team(i64::MAX), &[1]);
            }
        });
        while !writes.is_finished() {
            wait(one.rebuild()).expect("new balances");
        }
    });

    assert_eq!((balance(&one, &team(i64::MAX)), balance(&other, &team(i64::MAX))), ((50, 0), (50, 0)));
    one.verify().expect("sound books");
}

#[test]
fn an_id_of_another_file_is_not_known_and_asking_for_it_opens_no_books() {
    let folder = Folder::in_memory();
    let path = folder.file("books.db");
    let ledger = open_at(&path, 0);
    let (known, _) = hold(&open_at(&folder.file("others.db"), 0), &team(100), &[6], 3_600);

    assert_eq!(wait(ledger.hold(&tenant(), known)).expect("an answer"), None);

    assert_eq!(count(&path, "tenants"), 0);
    hold(&ledger, &team(100), &[6], 3_600);
    let kinds: Vec<_> = journal(&ledger).iter().map(|entry| entry.kind).collect();
    assert_eq!(kinds, [EntryKind::Reserved]);
}

#[test]
fn balances_made_anew_of_an_account_of_seventy_days_are_sound() {
    let folder = Folder::in_memory();
    let path = folder.file("books.db");
    let clock = Arc::new(ManualClock::at(Timestamp::EPOCH));
    let ledger =
        SqliteLedger::with_options(&path, clock.clone(), SqliteOptions::default()).expect("a ledger");
    for number in 0..70 {
        // A day of these tests has a thousand seconds.
        clock.set(Timestamp::from_secs(number * 1_000));
        let of_today = claim(vec![line("team/search", day(number), 10)]);
        let (id, _) = hold(&ledger, &of_today, &[5], number * 1_000 + 500);
        charge(&ledger, id, &of_today, &[4]);
    }
    ledger.verify().expect("sound books");

    let rebuilt = wait(ledger.rebuild()).expect("the journal is whole");

    assert_eq!(rebuilt, 70);
    ledger.verify().expect("sound books");
    let today = claim(vec![line("team/search", day(69), 10)]);
    assert_eq!(balance(&ledger, &today), (4, 0));
}
