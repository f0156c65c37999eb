//! What can a name or an amount do to the file?

use std::sync::Arc;

use token_budget::ledger::{
    About, Account, Attribution, BudgetKey, Certainty, Claim, ClaimLine, MarkAction, MarkScope, Note,
    OnExpiry, Outcome, Reconcile, Release, ReservationId,
};
use token_budget::time::Timestamp;
use token_budget::usage::Unit;
use token_budget::{BudgetLedger, ErrorKind, Scope};

use super::support::{Folder, balance, charge, hold, journal, open_at, reserve, wait};
use crate::books::{always, claim, line, team, tenant};

fn line_of(budget: &str, unit: Unit, window: &str, scope: &Scope) -> ClaimLine {
    let book = BudgetKey { tenant: tenant(), budget: budget.into(), unit, window: window.into() };
    let account = Account::new(Arc::new(book), scope.clone());
    ClaimLine { account, period: always(), ceiling: 1_000, thresholds: [].into_iter().collect() }
}

#[test]
fn names_that_look_like_sql_or_like_nothing_are_kept_as_they_are() {
    let folder = Folder::in_memory();
    let path = folder.file("books.db");
    let longest = Scope::user("\u{1F9FE}".repeat(32)).expect("128 bytes");
    let quoted = Scope::team("x'; DROP TABLE journal; --/%2F").expect("no control characters");
    let (one, two) = ("a\0b", "a\0c");
    let lines = vec![
        line_of(one, Unit::Usd, "\"day\"", &longest),
        line_of(two, Unit::Usd, "\"day\"", &longest),
        line_of("", Unit::Tool("na\0me:/'".into()), "", &quoted),
    ];
    let claim = Claim::new(tenant(), &[longest.clone(), quoted.clone()], lines).expect("a sound claim");
    let about =
        About { model: "m\0'--".into(), tags: vec![("\0".into(), "\u{7f}\"]".into())], ..About::default() };
    let note = Note { about: Some(Arc::new(about)), ..Note::default() };
    let attribution = Attribution::new("o'ops", "why\0not\n");
    let read = || {
        let ledger = open_at(&path, 1);
        let lines: Vec<_> = claim.lines().iter().map(|line| (line.account.clone(), line.period)).collect();
        let spent: Vec<_> =
            wait(ledger.balances(&lines)).expect("balances").iter().map(|it| it.spent).collect();
        (
            spent,
            wait(ledger.marks(&tenant(), &[quoted.clone(), longest.clone()])).expect("marks"),
            journal(&ledger),
        )
    };

    let id = {
        let ledger = open_at(&path, 1);
        let id = ReservationId::generate(Timestamp::from_secs(1));
        let expiry = (Timestamp::MAX, OnExpiry::Hold);
        reserve(&ledger, (id, &note), (&claim, &[9, 9, 9]), expiry).expect("a hold");
        let command = Reconcile {
            now: None,
            id,
            claim: &claim,
            amounts: &[1, 2, 3],
            certainty: Certainty::Reported,
            attribution: None,
            note: &note,
        };
        wait(ledger.reconcile(command)).expect("a charge");
        let (tenant, action) = (&tenant(), MarkAction::Freeze);
        wait(ledger.mark(MarkScope { now: None, tenant, scope: &quoted, action, attribution: &attribution }))
            .expect("a mark");
        id
    };

    let (spent, marks, entries) = read();
    assert_eq!(spent, [1, 2, 3]);
    assert_eq!((marks.len(), &marks[0].scope, &marks[0].attribution), (1, &quoted, &attribution));
    assert_eq!((entries[1].id, &entries[1].note), (id, &note));
    let accounts: Vec<_> = entries[1].lines.iter().map(|line| line.account.clone()).collect();
    assert_eq!(accounts, claim.lines().iter().map(|line| line.account.clone()).collect::<Vec<_>>());
    open_at(&path, 1).verify().expect("sound books");
}

#[test]
fn a_unit_that_could_not_be_read_back_is_refused_and_stops_nothing() {
    let folder = Folder::in_memory();
    let ledger = open_at(&folder.file("books.db"), 0);
    let scope = Scope::team("search").expect("a name");
    for unit in [Unit::Tool("".into()), Unit::Tool("n".repeat(129).into())] {
        let claim = Claim::new(tenant(), &[], vec![line_of("tools", unit, "day", &scope)]).expect("a claim");
        let (id, note) = (ReservationId::generate(Timestamp::EPOCH), Note::default());

        let expiry = (Timestamp::MAX, OnExpiry::Hold);
        let held = reserve(&ledger, (id, &note), (&claim, &[1]), expiry).expect_err("it cannot be written");
        let command = Reconcile {
            now: None,
            id,
            claim: &claim,
            amounts: &[1],
            certainty: Certainty::Reported,
            attribution: None,
            note: &note,
        };
        let charged = wait(ledger.reconcile(command)).expect_err("it cannot be written");

        assert_eq!((held.kind(), charged.kind()), (ErrorKind::Invalid, ErrorKind::Invalid), "{held}");
    }
    drop(ledger);
    let ledger = open_at(&folder.file("books.db"), 0);
    hold(&ledger, &team(10), &[1], 3_600);
    assert_eq!(journal(&ledger).len(), 1);
    ledger.verify().expect("sound books");
}

#[test]
fn a_claim_of_255_lines_is_held_charged_and_read_back_whole() {
    let folder = Folder::in_memory();
    let path = folder.file("books.db");
    let ledger = open_at(&path, 0);
    let lines = (0..255).map(|number| line(&format!("user/u{number}"), always(), 1_000)).collect();
    let (claim, amounts) = (claim(lines), (0..255).collect::<Vec<i64>>());

    let (id, reply) = hold(&ledger, &claim, &amounts, 3_600);
    assert_eq!((reply.outcome, reply.balances.len()), (Outcome::Applied, 255));
    charge(&ledger, id, &claim, &amounts);

    let entries = journal(&open_at(&path, 0));
    let charged: Vec<i64> = entries[1].lines.iter().map(|line| line.spent).collect();
    assert_eq!(charged, amounts);
    ledger.verify().expect("sound books");
}

#[test]
fn the_largest_amount_is_held_and_given_back_again_and_again() {
    let folder = Folder::in_memory();
    let ledger = open_at(&folder.file("books.db"), 0);
    for _ in 0..3 {
        let (id, reply) = hold(&ledger, &team(i64::MAX), &[i64::MAX], 3_600);
        assert_eq!(reply.outcome, Outcome::Applied);
        let release = Release { now: None, id, tenant: &tenant(), attribution: None, note: &Note::default() };
        wait(ledger.release(release)).expect("an answer");
    }
    let (id, _) = hold(&ledger, &team(i64::MAX), &[i64::MAX], 3_600);
    charge(&ledger, id, &team(i64::MAX), &[i64::MAX]);

    let (id, note) = (ReservationId::generate(Timestamp::EPOCH), Note::default());
    let expiry = (Timestamp::MAX, OnExpiry::Hold);
    let error = reserve(&ledger, (id, &note), (&team(i64::MAX), &[1]), expiry).expect_err("one too many");

    assert_eq!(error.kind(), ErrorKind::Overflow);
    assert_eq!(balance(&ledger, &team(i64::MAX)), (i64::MAX, 0));
    ledger.verify().expect("sound books");
}

#[test]
fn a_hold_whose_expiry_charge_does_not_fit_is_charged_what_it_holds() {
    let folder = Folder::in_memory();
    let path = folder.file("books.db");
    let (id, note) = (ReservationId::generate(Timestamp::EPOCH), Note::default());
    {
        let ledger = open_at(&path, 0);
        let (spent, _) = hold(&ledger, &team(100), &[1], 3_600);
        charge(&ledger, spent, &team(100), &[1]);
        let expiry = (Timestamp::from_secs(10), OnExpiry::Amounts(&[i64::MAX]));
        reserve(&ledger, (id, &note), (&team(100), &[7]), expiry).expect("a hold");
    }

    let ledger = open_at(&path, 10);

    // One and the largest amount are too much for the books.
    assert_eq!(balance(&ledger, &team(100)), (8, 0));
    assert_eq!(journal(&ledger)[3].lines[0].spent, 7);
    ledger.verify().expect("the journal says what the account says");
}
