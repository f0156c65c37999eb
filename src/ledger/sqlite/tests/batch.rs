//! Who shares the fate of a batch? Commands that one transaction takes together, and those that gave up on it.

use std::pin::Pin;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::task::{Context, Waker};
use std::time::Duration;

use super::{Folder, SqliteLedger, entries, new_id, reconcile_later, reserve, team, wait};
use crate::ledger::{Attribution, Certainty, MarkAction, MarkScope, Note, OnExpiry, Reconcile, Reserve};
use crate::values::{Tenant, Timestamp};
use crate::{BudgetLedger, Error, ErrorKind, Scope};

/// Commands that were sent while the ledger's thread was busy, so that one batch takes them all.
type Sent<'a, T> = Vec<Pin<Box<dyn Future<Output = Result<T, Error>> + 'a>>>;

#[test]
fn a_command_that_fails_midway_leaves_the_others_of_its_batch_whole() {
    let folder = Folder::new("midway");
    let ledger = folder.open();
    let (first, second) = (new_id(), new_id());
    let too_much = || async {
        let (id, claim, note) = (new_id(), team(), Note::default());
        let (amounts, certainty) = (&[i64::MAX][..], Certainty::Reported);
        ledger
            .reconcile(Reconcile {
                now: None,
                id,
                claim: &claim,
                amounts,
                certainty,
                attribution: None,
                note: &note,
            })
            .await
    };
    let hold = |id| {
        let ledger = &ledger;
        async move {
            let (claim, note) = (team(), Note::default());
            let (expires_at, on_expiry) = (Timestamp::MAX, OnExpiry::Hold);
            let amounts = &[5][..];
            ledger
                .reserve(Reserve {
                    now: None,
                    id,
                    claim: &claim,
                    amounts,
                    expires_at,
                    on_expiry,
                    note: &note,
                })
                .await
        }
    };

    let answers =
        in_one_batch(&ledger, vec![Box::pin(hold(first)), Box::pin(too_much()), Box::pin(hold(second))]);

    let kinds: Vec<_> =
        answers.into_iter().map(|answer| answer.map_err(|error| error.kind()).err()).collect();
    assert_eq!(kinds, [None, Some(ErrorKind::Overflow), None]);
    assert_eq!(entries(&ledger), 2);
    ledger.verify().expect("sound books");
}

#[test]
fn where_the_file_fails_one_command_nobody_of_its_batch_is_told_that_it_was_done() {
    let folder = Folder::new("batch");
    let ledger = folder.open();
    let held = new_id();
    reserve(&ledger, held).expect("room");
    let file = rusqlite::Connection::open(folder.0.join("books.db")).expect("a meddler");
    file.execute_batch("UPDATE holds SET expires_at = 1").expect("a row that nobody wrote");
    let mark = |name: &'static str| {
        let ledger = &ledger;
        async move {
            let (tenant, scope) = (Tenant::unnamed(), Scope::team(name)?);
            let attribution = Attribution::new("ops", "a test");
            let action = MarkAction::Freeze;
            let mark =
                MarkScope { now: None, tenant: &tenant, scope: &scope, action, attribution: &attribution };
            ledger.mark(mark).await.map(drop)
        }
    };

    let answers = in_one_batch(
        &ledger,
        vec![
            Box::pin(mark("a")),
            Box::pin(async { reconcile_later(&ledger, held).await.map(drop) }),
            Box::pin(mark("b")),
        ],
    );

    let kinds: Vec<_> =
        answers.into_iter().map(|answer| answer.expect_err("nothing stands").kind()).collect();
    assert_eq!(kinds, [ErrorKind::Damaged; 3]);
    let count: i64 = file.query_row("SELECT count(*) FROM journal", [], |row| row.get(0)).expect("a count");
    assert_eq!(count, 1, "the hold's");
}

#[test]
fn whoever_gave_up_on_a_locked_file_is_not_kept_in_memory() {
    let folder = Folder::new("locked");
    let ledger = folder.open();
    let other = rusqlite::Connection::open(folder.0.join("books.db")).expect("another program");
    other.execute_batch("BEGIN IMMEDIATE").expect("it writes, and does not end");
    // The first of all waits for as long as it takes.
    let mut patient: Sent<'_, ()> = vec![Box::pin(ledger.ask(|_| Ok(())))];
    send(&mut patient);
    let (kept, is_dropped) = channel::<()>();

    for _ in 0..1_000 {
        let kept = kept.clone();
        let mut asked: Sent<'_, ()> = vec![Box::pin(ledger.ask(move |_| {
            kept.send(()).expect("nobody does this work");
            Ok(())
        }))];
        send(&mut asked);
    }
    drop(kept);

    // The channel closes when the last of the thousand is dropped; the file is locked all the while.
    let dropped = is_dropped.recv_timeout(Duration::from_secs(60));
    assert_eq!(dropped, Err(RecvTimeoutError::Disconnected));
    other.execute_batch("COMMIT").expect("it ends");
    patient.into_iter().for_each(|patient| wait(patient).expect("an answer, after all"));
}

/// Sends all of these before the ledger's thread comes to any, and waits for their answers.
fn in_one_batch<T>(ledger: &SqliteLedger, mut commands: Sent<'_, T>) -> Vec<Result<T, Error>> {
    let (begun, has_begun) = channel();
    let (go, may_go) = channel();
    let mut gate: Sent<'_, ()> = vec![Box::pin(ledger.ask(move |_| {
        begun.send(()).expect("a test that waits");
        may_go.recv().expect("a test that lets it go");
        Ok(())
    }))];
    send(&mut gate);
    has_begun.recv().expect("the ledger's thread");
    send(&mut commands);
    go.send(()).expect("the ledger's thread");
    gate.into_iter().for_each(|gate| wait(gate).expect("an answer"));
    commands.into_iter().map(wait).collect()
}

/// Polls each once: a command is sent by that, and not answered yet.
fn send<T>(commands: &mut Sent<'_, T>) {
    let mut context = Context::from_waker(Waker::noop());
    commands.iter_mut().for_each(|command| assert!(command.as_mut().poll(&mut context).is_pending()));
}
