//! Is a row that is gone told from one that never was? A missing counter is unknown, and never a zero.

use std::path::Path;
use std::sync::Arc;

use rusqlite::Connection;
use token_budget::ledger::{
    About, Certainty, Claim, ClaimLine, Note, OnExpiry, Outcome, Reconcile, Reply, ReservationId,
    SqliteLedger,
};
use token_budget::time::Timestamp;
use token_budget::{BudgetLedger, Error, ErrorKind};

use super::support::{Folder, charge, closed, hold, open_at, reserve, wait};
use crate::books::{account_in, claim, claim_in, day, line, team, tenant, tenant_of, with_thresholds};

/// Changes the file as a shell does that checks no foreign keys.
fn lose(path: &Path, text: &str) {
    let file = Connection::open(path).expect("a connection");
    file.execute_batch(&format!("PRAGMA foreign_keys = OFF; {text}")).expect("sound SQL");
}

/// A hold of one for a minute, by an id of that second.
fn ask(ledger: &SqliteLedger, claim: &Claim, second: i64) -> Result<Reply, Error> {
    let id = ReservationId::generate(Timestamp::from_secs(second));
    let expiry = (Timestamp::from_secs(second + 60), OnExpiry::Nothing);
    reserve(ledger, (id, &Note::default()), (claim, &[1]), expiry)
}

/// Nine of ten dollars are spent by a team, and something by two others, so that there are three accounts.
fn spent(path: &Path) -> SqliteLedger {
    let ledger = open_at(path, 0);
    for (text, amount) in [("team/ads", 1), ("team/search", 9), ("user/ada", 2)] {
        let claim = claim(vec![line(text, day(0), 10)]);
        let (id, _) = hold(&ledger, &claim, &[amount], 60);
        charge(&ledger, id, &claim, &[amount]);
    }
    ledger
}

/// Once a lost account was taken for a new one, and its whole budget was granted anew.
#[test]
fn a_counter_or_an_account_that_was_lost_is_damage_to_whoever_asks_and_never_a_new_budget() {
    let search = "account = (SELECT account FROM accounts WHERE scope = 'team/search')";
    let cases = [
        (format!("DELETE FROM balances WHERE {search}"), "the counter of"),
        ("DELETE FROM balances".to_owned(), "the counter of"),
        ("DELETE FROM accounts WHERE scope = 'team/search'".to_owned(), "2 of the 3 accounts"),
        (
            format!("DELETE FROM balances WHERE {search}; DELETE FROM accounts WHERE {search}"),
            "2 of the 3 accounts",
        ),
        ("DELETE FROM balances; DELETE FROM accounts".to_owned(), "0 of the 3 accounts"),
    ];
    let asked = claim(vec![line("team/search", day(0), 10)]);
    for (loss, said) in &cases {
        for (handle, is_same) in [("the same handle", true), ("a new handle", false)] {
            let folder = Folder::in_memory();
            let path = folder.file("books.db");
            let old = spent(&path);
            lose(&path, loss);
            let ledger = if is_same { old } else { open_at(&path, 0) };

            let reserved = ask(&ledger, &asked, 0).expect_err(loss);
            let named = (asked.lines()[0].account.clone(), asked.lines()[0].period);
            let read = wait(open_at(&path, 0).balances(&[named]));

            assert_eq!(reserved.kind(), ErrorKind::Damaged, "{loss}, {handle}: {reserved}");
            assert!(reserved.to_string().contains(said), "{loss}, {handle}: {reserved}");
            assert_eq!(
                read.expect_err("nor is it shown as zero").kind(),
                ErrorKind::Damaged,
                "{loss}, {handle}"
            );
        }
    }
}

#[test]
fn accounts_that_are_new_are_made_however_many_others_wrote_and_were_refused_in_between() {
    let folder = Folder::in_memory();
    let path = folder.file("books.db");
    let handles = [open_at(&path, 0), open_at(&path, 0)];

    for number in 0..30 {
        for (at, ledger) in handles.iter().enumerate() {
            let stranger = claim(vec![line(&format!("user/stranger-{number}"), day(0), 0)]);
            let new = claim(vec![line(&format!("user/{number}-{at}"), day(0), 10)]);
            assert_eq!(ask(ledger, &stranger, 0).expect("an answer").outcome, Outcome::Refused);
            assert_eq!(ask(ledger, &new, 0).expect("an answer").outcome, Outcome::Applied);
        }
    }

    handles[0].verify().expect("sound books");
}

#[test]
fn books_of_a_tenant_that_were_lost_are_not_begun_anew() {
    let claims = ["acme", "beta", "core"].map(|name| {
        let tenant = tenant_of(name);
        let line =
            ClaimLine { account: account_in(&tenant, "team/search"), ..line("team/search", day(0), 10) };
        claim_in(&tenant, vec![line])
    });
    for (name, lost) in ["acme", "beta", "core"].into_iter().zip(&claims) {
        let folder = Folder::in_memory();
        let path = folder.file("books.db");
        for claim in &claims {
            hold(&open_at(&path, 0), claim, &[9], 60);
        }
        lose(&path, &format!("DELETE FROM tenants WHERE name = '{name}'"));

        let error = ask(&open_at(&path, 0), lost, 0).expect_err("nine of ten are held");

        assert_eq!(error.kind(), ErrorKind::Damaged, "{name}: {error}");
    }
}

/// In a file of version 3 tenants shared one row of numbers, so `acme` has accounts 3 and 4 and none before.
#[test]
fn the_gaps_of_an_older_file_are_no_losses_and_a_loss_beside_them_is_found() {
    let folder = Folder::in_memory();
    let path = folder.file("books.db");
    super::file::older(&path, 3);
    let second = 1_796_090_400;
    let new = |text: &str| claim(vec![line(text, day(second / 1_000), 10)]);

    let ledger = open_at(&path, second);
    for text in ["team/new", "team/newer"] {
        assert_eq!(ask(&ledger, &new(text), second).expect("an answer").outcome, Outcome::Applied);
    }
    lose(&path, "DELETE FROM accounts WHERE account = 3");

    for ledger in [ledger, open_at(&path, second)] {
        let error = ask(&ledger, &new("team/newest"), second).expect_err("an account is lost");
        assert_eq!(error.kind(), ErrorKind::Damaged, "{error}");
        assert!(error.to_string().contains("5 of the 6 accounts"), "{error}");
    }
}

/// An account notes which of its newest 64 periods have a balance. Once an older one that was lost counted from zero as a late
/// report came.
#[test]
fn the_counter_of_a_period_long_past_is_missed_by_the_holds_that_stand_in_it() {
    for (what, lost) in [("nothing is lost", false), ("the counter is lost", true)] {
        let folder = Folder::in_memory();
        let path = folder.file("books.db");
        let first = claim(vec![with_thresholds(line("team/search", day(0), 10), &[(9, 0)])]);
        let (id, _) = hold(&open_at(&path, 0), &first, &[9], 1_000_000);
        closed(&path);
        // A hundred days later.
        let later = 100_000;
        let present = claim(vec![line("team/search", day(100), 10)]);
        ask(&open_at(&path, later), &present, later).expect("room");
        if lost {
            lose(&path, "DELETE FROM balances WHERE period = 0");
        }

        let ledger = open_at(&path, later);
        let (claim, amounts, note) = (&first, &[9][..], &Note::default());
        let certainty = Certainty::Reported;
        let used = Reconcile { now: None, id, claim, amounts, certainty, attribution: None, note };
        let reported = wait(ledger.reconcile(used));

        match reported {
            Ok(reply) => assert_eq!((lost, reply.balances[0].spent), (false, 9), "{what}"),
            Err(error) => assert_eq!((lost, error.kind()), (true, ErrorKind::Damaged), "{what}: {error}"),
        }
    }
}

#[test]
fn strangers_that_are_refused_leave_no_row_and_no_byte() {
    const STRANGERS: usize = 1_000;
    let folder = Folder::in_memory();
    let (path, log) = (folder.file("books.db"), folder.file("books.db-wal"));
    let ledger = open_at(&path, 0);
    let _kept = hold(&ledger, &team(10), &[1], 3_600);
    let tables =
        "tenants, accounts, balances, calls, holds, hold_lines, frozen, journal, journal_lines, events";
    let state = || {
        let file = Connection::open(&path).expect("a connection");
        let rows = tables.split(", ").map(|table| {
            let count = format!("SELECT count(*) FROM {table}");
            (table, file.query_row(&count, [], |row| row.get::<_, i64>(0)).expect("a count"))
        });
        let length = |path: &Path| std::fs::metadata(path).expect("a file").len();
        (rows.collect::<Vec<_>>(), length(&path), length(&log))
    };
    let before = state();

    for number in 0..STRANGERS {
        // Each with a tenant, a note and an id of its own; and each once more in the books that there are.
        let about = About { model: format!("model-{number}").into(), ..About::default() };
        let note = Note { about: Some(Arc::new(about)), ..Note::default() };
        let stranger = tenant_of(&format!("stranger-{number}"));
        for tenant in [stranger, tenant()] {
            let asked = claim_in(
                &tenant,
                vec![ClaimLine {
                    account: account_in(&tenant, "user/nobody"),
                    ..line("user/nobody", day(0), 0)
                }],
            );
            let id = ReservationId::generate(Timestamp::EPOCH);
            let expiry = (Timestamp::from_secs(60), OnExpiry::Hold);
            let reply = reserve(&ledger, (id, &note), (&asked, &[1]), expiry).expect("an answer");
            assert_eq!(reply.outcome, Outcome::Refused);
        }
    }

    assert_eq!(state(), before);
}
