//! What do two handles on one file see of each other?

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use rusqlite::Connection;
use token_budget::ledger::{
    Certainty, Claim, ClaimLine, EntryKind, Note, OnExpiry, Outcome, Reconcile, ReservationId, Reserve,
    SqliteLedger, SqliteOptions,
};
use token_budget::time::{ManualClock, Timestamp};
use token_budget::{BudgetLedger, Clock, ErrorKind};

use super::support::{Folder, balance, charge, closed, count, hold, journal, open_at, reserve, wait};
use crate::books::{
    account_in, always, claim, claim_in, day, line, signed, team, tenant, tenant_of, with_thresholds,
};

/// Holds one and charges one.
pub(crate) async fn pair(ledger: &SqliteLedger) {
    let (claim, note, id) = (&team(i64::MAX), &Note::default(), ReservationId::generate(Timestamp::EPOCH));
    let (amounts, expires_at, on_expiry) = (&[1_i64][..], Timestamp::MAX, OnExpiry::Hold);
    ledger
        .reserve(Reserve { now: None, id, claim, amounts, expires_at, on_expiry, note })
        .await
        .expect("a hold");
    let certainty = Certainty::Reported;
    ledger
        .reconcile(Reconcile { now: None, id, claim, amounts, certainty, attribution: None, note })
        .await
        .expect("a charge");
}

#[test]
fn what_one_handle_writes_the_other_counts() {
    let folder = Folder::in_memory();
    let path = folder.file("books.db");
    let (one, other) = (open_at(&path, 0), open_at(&path, 0));

    let (id, _) = hold(&one, &team(10), &[6], 3_600);
    let (_, refused) = hold(&other, &team(10), &[5], 3_600);
    charge(&other, id, &team(10), &[2]);
    let (_, admitted) = hold(&one, &team(10), &[8], 3_600);

    assert_eq!((refused.outcome, admitted.outcome), (Outcome::Refused, Outcome::Applied));
    assert_eq!((refused.balances[0].reserved, admitted.balances[0].spent), (6, 2));
    assert_eq!(balance(&other, &team(10)), (2, 8));
    one.verify().expect("sound books");
}

#[test]
fn a_dead_processs_hold_expires_by_rule() {
    let folder = Folder::in_memory();
    let path = folder.file("books.db");
    let (id, _) = hold(&open_at(&path, 0), &team(10), &[6], 300);

    let survivor = open_at(&path, 300);
    let (_, reply) = hold(&survivor, &team(10), &[4], 900);

    let expired = &reply.effects.expect("an expiry is an effect").expired;
    assert_eq!((expired[0].id, expired[0].charged[0].1), (id, 6));
    assert_eq!(balance(&survivor, &team(10)), (6, 4));
}

#[test]
fn time_does_not_run_backwards_in_another_process() {
    let folder = Folder::in_memory();
    let path = folder.file("books.db");
    hold(&open_at(&path, 500), &team(10), &[1], 900);

    // Its clock is behind by eight minutes; the file knows better.
    let (_, reply) = hold(&open_at(&path, 20), &team(10), &[1], 900);

    assert_eq!(reply.now, Timestamp::from_secs(500));
}

#[test]
fn a_reader_whose_clock_is_ahead_changes_nothing_for_the_others_and_a_writer_takes_them_along() {
    let folder = Folder::in_memory();
    let path = folder.file("books.db");
    let of = |number| claim(vec![line("team/search", day(number), 10)]);
    let (behind, ahead) = (open_at(&path, 999), open_at(&path, 1_001));
    hold(&behind, &of(0), &[1], 9_999);

    // For this process day 1 has begun. It only reads: nothing is written, and day 0 goes on for the others.
    assert_eq!(balance(&ahead, &of(1)), (0, 0));
    let (_, still_today) = hold(&behind, &of(0), &[1], 9_999);
    // It writes, and ledger time never runs backwards for anybody.
    hold(&ahead, &of(1), &[1], 9_999);
    let (_, yesterday) = hold(&behind, &of(0), &[1], 9_999);
    let (_, today) = hold(&behind, &of(1), &[1], 9_999);

    assert_eq!((still_today.outcome, still_today.now), (Outcome::Applied, Timestamp::from_secs(999)));
    assert_eq!((yesterday.outcome, yesterday.now), (Outcome::Stale, Timestamp::from_secs(1_001)));
    assert_eq!(today.outcome, Outcome::Applied);
}

#[test]
fn an_answer_is_remembered_when_the_file_is_opened_again() {
    let folder = Folder::in_memory();
    let path = folder.file("books.db");
    let (id, _) = hold(&open_at(&path, 0), &team(10), &[6], 3_600);
    charge(&open_at(&path, 0), id, &team(10), &[5]);

    let again = charge(&open_at(&path, 0), id, &team(10), &[5]);

    assert!(again.repeated);
    assert_eq!(balance(&open_at(&path, 0), &team(10)), (5, 0));
}

#[test]
fn ended_ids_are_forgotten_after_thirty_five_days_and_open_ones_never() {
    let folder = Folder::in_memory();
    let path = folder.file("books.db");
    let (ended, open) = {
        let ledger = open_at(&path, 0);
        let (ended, _) = hold(&ledger, &team(i64::MAX), &[6], 3_600);
        charge(&ledger, ended, &team(i64::MAX), &[5]);
        (ended, hold(&ledger, &team(i64::MAX), &[7], i64::MAX / 1_000_000_000).0)
    };
    let day = 86_400;
    let known = || {
        let file = Connection::open(&path).expect("a connection");
        file.query_row("SELECT count(*) FROM holds", [], |row| row.get::<_, i64>(0)).expect("a count")
    };
    let touch = |seconds: i64| wait(pair(&open_at(&path, seconds)));

    closed(&path);
    touch(35 * day);
    assert_eq!(known(), 3, "to the last nanosecond of the thirty-fifth day");
    let late = open_at(&path, 35 * day + 1);
    let command = Reconcile {
        now: None,
        id: ended,
        claim: &team(i64::MAX),
        amounts: &[5],
        certainty: Certainty::Reported,
        attribution: None,
        note: &Note::default(),
    };
    assert!(wait(late.reconcile(command)).expect("still known").repeated);
    // Anything that is written lets old ids go.
    charge(&late, open, &team(i64::MAX), &[7]);

    assert_eq!(wait(late.reconcile(command)).expect_err("forgotten").kind(), ErrorKind::Forgotten);
    assert!(charge(&late, open, &team(i64::MAX), &[7]).repeated, "it ended only now");
    late.verify().expect("sound books");
}

#[test]
fn old_ids_of_quiet_books_are_forgotten_beside_busy_ones() {
    let folder = Folder::in_memory();
    let path = folder.file("books.db");
    let clock = Arc::new(ManualClock::at(Timestamp::EPOCH));
    let options = SqliteOptions::default();
    let ledger = SqliteLedger::with_options(&path, clock.clone(), options).expect("a ledger");
    let of = |name: &str| {
        let (tenant, account) = (tenant_of(name), account_in(&tenant_of(name), "team/search"));
        let thresholds = [].into_iter().collect();
        claim_in(&tenant, vec![ClaimLine { account, period: always(), ceiling: i64::MAX, thresholds }])
    };
    let (busy, quiet) = (of("busy"), of("quiet"));
    let use_once = |claim: &Claim| {
        let id = ReservationId::generate(clock.now());
        let (note, expiry) = (&Note::default(), (Timestamp::MAX, OnExpiry::Hold));
        reserve(&ledger, (id, note), (claim, &[1]), expiry).expect("a hold");
        charge(&ledger, id, claim, &[1]);
    };
    [&busy, &quiet].into_iter().for_each(use_once);

    // Five weeks later the busy ones are used a second before the quiet ones.
    clock.set(Timestamp::from_secs(36 * 86_400));
    use_once(&busy);
    clock.set(Timestamp::from_secs(36 * 86_400 + 1));
    use_once(&quiet);

    assert_eq!(count(&path, "holds"), 2, "one new id in each");
    ledger.verify().expect("sound books");
}

#[test]
fn whoever_stops_waiting_for_a_busy_file_has_asked_nothing() {
    let folder = Folder::in_memory();
    let path = folder.file("books.db");
    let ledger = open_at(&path, 0);
    hold(&ledger, &team(10), &[1], 3_600);
    let other = Connection::open(&path).expect("another program");
    other.execute_batch("BEGIN IMMEDIATE").expect("it writes");

    {
        let mut asked = pin!(pair(&ledger));
        let mut context = Context::from_waker(Waker::noop());
        assert_eq!(asked.as_mut().poll(&mut context), Poll::Pending);
    }
    let waiting = std::thread::spawn({
        let ledger = ledger.clone();
        move || wait(pair(&ledger))
    });
    other.execute_batch("COMMIT").expect("it is done");
    waiting.join().expect("contention is waited out");

    let kinds: Vec<_> = journal(&ledger).iter().map(|entry| entry.kind).collect();
    let reconciled = EntryKind::Reconciled(Certainty::Reported);
    assert_eq!(kinds, [EntryKind::Reserved, EntryKind::Reserved, reconciled]);
}

/// A clock that says when the last of its owners let it go.
#[derive(Debug)]
struct Watched(Sender<()>);

impl Clock for Watched {
    fn now(&self) -> Timestamp {
        Timestamp::EPOCH
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        let _ = self.0.send(());
    }
}

#[test]
fn the_thread_ends_with_the_last_clone_even_beside_a_locked_file() {
    let folder = Folder::in_memory();
    let path = folder.file("books.db");
    let (gone, is_gone) = channel();
    let ledger = SqliteLedger::with_options(&path, Arc::new(Watched(gone)), SqliteOptions::default())
        .expect("a ledger");
    let (id, _) = hold(&ledger, &team(10), &[1], 3_600);
    let clone = ledger.clone();
    drop(ledger);
    charge(&clone, id, &team(10), &[1]);
    let other = Connection::open(&path).expect("another program");
    other.execute_batch("BEGIN IMMEDIATE").expect("it writes, and does not end");
    {
        // Somebody asks, and gives up.
        let mut asked = pin!(pair(&clone));
        assert_eq!(asked.as_mut().poll(&mut Context::from_waker(Waker::noop())), Poll::Pending);
    }
    assert!(is_gone.try_recv().is_err(), "a clone is left");

    drop(clone);

    is_gone.recv_timeout(Duration::from_secs(60)).expect("the thread lets its clock go");
}

#[test]
fn a_threshold_waits_for_somebody_who_confirms_to_have_told_it() {
    let folder = Folder::in_memory();
    let path = folder.file("books.db");
    let marked = claim(vec![with_thresholds(line("team/search", always(), 100), &[(5, 3)])]);
    {
        let ledger = open_at(&path, 7);
        let (id, _) = hold(&ledger, &marked, &[6], 3_600);
        charge(&ledger, id, &marked, &[6]);
    }

    let ledger = open_at(&path, 8);
    let events = wait(ledger.pending_events(10)).expect("an answer");
    let again = wait(ledger.pending_events(10)).expect("an answer");
    wait(ledger.delivered(&events)).expect("an answer");

    assert_eq!((events.len(), &again), (1, &events), "told until it is confirmed");
    assert_eq!((events[0].sequence, events[0].at), (3, Timestamp::from_secs(7)));
    let reached = &events[0].reached;
    assert_eq!((reached.tier, reached.at, reached.spent, reached.period), (3, 5, 6, 0));
    assert_eq!(wait(open_at(&path, 8).pending_events(10)).expect("an answer"), []);
    ledger.verify().expect("sound books");
}

/// Once an operator's figure was posted under an id of its own while the hold was given back. When the process that
/// had been thought dead reported after all, 4 and 5 were spent: the call was charged twice.
#[test]
fn a_hold_ended_by_hand_is_charged_once_whatever_its_process_reports_later() {
    let folder = Folder::in_memory();
    let ledger = open_at(&folder.file("books.db"), 0);
    let (id, _) = hold(&ledger, &team(100), &[60], 3_600);
    let (other, _) = hold(&ledger, &team(100), &[1], 3_600);
    let (attribution, note) = (signed("counted: four"), Note::default());

    let open = wait(ledger.open_holds(&tenant(), 10)).expect("an answer");
    let claim = &open[0].claim(&tenant()).expect("its lines");
    let (amounts, certainty) = (&[4], Certainty::Estimated);
    let by_hand =
        Reconcile { id, claim, amounts, certainty, attribution: Some(&attribution), note: &note, now: None };
    wait(ledger.reconcile(by_hand)).expect("never refused");
    assert_eq!(balance(&ledger, &team(100)), (4, 1));
    let late = charge(&ledger, id, &team(100), &[5]);

    assert_eq!(open.iter().map(|hold| hold.id).collect::<Vec<_>>(), [id, other]);
    assert_eq!((open[0].lines[0].amount, open[0].expires_at), (60, Some(Timestamp::from_secs(3_600))));
    assert_eq!((late.replaced, balance(&ledger, &team(100))), (Some(Certainty::Estimated), (5, 1)));
    let signed: Vec<_> = journal(&ledger).into_iter().filter_map(|entry| entry.attribution).collect();
    assert_eq!(signed, [attribution]);
    ledger.verify().expect("sound books");
}
