//! Does the journal account for every balance?

use std::time::Duration;

use token_budget::ledger::{Entry, EntryKind, OnExpiry, Rank};

use crate::books::{Books, always, claim_in, line, root, root_of, team};

fn numbers(entries: &[Entry]) -> Vec<u64> {
    entries.iter().map(|entry| entry.sequence).collect()
}

#[test]
pub(crate) fn every_confirmed_change_is_one_entry_numbered_without_gaps() {
    let books = Books::new();
    let id = books.held(&team(10), &[4]);
    books.resize(id, &team(10), &[5], None).expect("no error");
    books.reserve(books.id(), &team(10), &[9]).expect("a refusal makes no entry");
    books.reserve(id, &team(10), &[4]).expect("a repeat makes no entry");
    books.reconcile(id, &team(10), &[3], Rank::Estimated).expect("no error");
    books.reconcile(id, &team(10), &[9], Rank::Provisional).expect("an ignored report makes no entry");
    books.release(id).expect("no error");
    books.record(books.id(), &team(10), &[7], None).expect("no error");

    let entries = books.journal(&root());

    assert_eq!(numbers(&entries), [1, 2, 3, 4, 5]);
    let changes: Vec<_> =
        entries.iter().map(|entry| (entry.kind, entry.lines[0].spent, entry.lines[0].reserved)).collect();
    let expected = [
        (EntryKind::Reserved, 0, 4),
        (EntryKind::Resized, 0, 1),
        (EntryKind::Reconciled(Rank::Estimated), 3, -5),
        (EntryKind::Released, -3, 0),
        (EntryKind::Recorded, 7, 0),
    ];
    assert_eq!(changes, expected);
    assert_eq!(entries[4].signature.as_ref().map(|it| it.reason.as_str()), Some("an audit"));
}

#[test]
pub(crate) fn an_expiry_is_an_entry_of_its_own() {
    let books = Books::new();
    let id = books.id();
    books.reserve_until(id, &team(10), &[4], (books.now(), OnExpiry::Hold)).expect("no error");

    books.balances(&team(10));

    let entries = books.journal(&root());
    assert_eq!((entries[1].id, entries[1].kind), (id, EntryKind::Reconciled(Rank::Expired)));
    assert_eq!((entries[1].lines[0].spent, entries[1].lines[0].reserved), (4, -4));
}

#[test]
pub(crate) fn the_journal_is_read_from_a_number_on() {
    let books = Books::new();
    for _ in 0..3 {
        books.charged(&team(10), &[1]);
    }

    let some = books.entries(&root(), 3, 2);

    assert_eq!(numbers(&some), [3, 4]);
}

#[test]
pub(crate) fn two_roots_are_separate_books() {
    let books = Books::new();
    let (acme, zeta) = (root_of("acme"), root_of("zeta"));
    let of = |root| {
        let account = crate::books::account_in(root, "team/search");
        let line = token_budget::Line { account, ..line("team/search", always(), 10) };
        claim_in(root, vec![line])
    };
    let (one, other) = (of(&acme), of(&zeta));
    let id = books.held(&one, &[10]);

    // The same id, the same team: other books.
    let reply = books.reserve(id, &other, &[9]).expect("no error");
    books.reconcile(id, &other, &[8], Rank::Reported).expect("no error");

    assert!(!reply.repeated);
    assert_eq!((books.balances(&one), books.balances(&other)), (vec![(0, 10)], vec![(8, 0)]));
    assert_eq!(numbers(&books.journal(&acme)), [1]);
    assert_eq!(numbers(&books.journal(&zeta)), [1, 2]);
    books.clock.advance(Duration::from_secs(100));
    books.balances(&one);
    assert_eq!(books.ledger.open_holds(), 0);
    books.verify();
}

#[test]
pub(crate) fn a_line_of_another_root_cannot_be_claimed() {
    let stranger = line("team/search", always(), 10);
    let error = token_budget::Claim::new(root_of("zeta"), &[], vec![stranger]).expect_err("other books");
    assert_eq!(error.kind(), token_budget::ErrorKind::Invalid);
}
