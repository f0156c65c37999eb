//! What does the journal of the ledger in memory say beside the amounts?

use std::time::Duration;

use token_budget::ImmediateLedger;
use token_budget::ledger::{Ended, EntryKind, MarkAction, MarkScope, Note, OnExpiry, Rank, Release};

use crate::books::{Books, root, scope, signed, team};

#[test]
fn an_expiry_says_how_the_call_ended() {
    let books = Books::new();
    let end = books.now() + Duration::from_secs(10);
    books.reserve_until(books.id(), &team(10), &[6], (end, OnExpiry::Hold)).expect("no error");

    books.at(10);
    assert_eq!(books.balances(&team(10)), [(6, 0)]);

    let last = books.journal(&root()).pop().expect("an entry");
    assert_eq!((last.kind, last.note.ended), (EntryKind::Reconciled(Rank::Expired), Some(Ended::Expired)));
}

#[test]
fn what_a_person_decided_is_signed() {
    let books = Books::new();
    let (root, ada, signature) = (root(), scope("user", "ada"), signed("an audit"));
    let freeze = MarkScope { root: &root, scope: &ada, action: MarkAction::Freeze, signature: &signature };
    ImmediateLedger::mark(&books.ledger, books.now(), freeze).expect("no error");
    let id = books.held(&team(10), &[6]);
    let release = Release { id, root: &root, signature: Some(&signature), note: &Note::default() };
    ImmediateLedger::release(&books.ledger, books.now(), release).expect("no error");

    let entries: Vec<_> =
        books.journal(&root).into_iter().map(|entry| (entry.kind, entry.signature)).collect();
    let expected = [
        (EntryKind::Marked(MarkAction::Freeze), Some(signature.clone())),
        (EntryKind::Reserved, None),
        (EntryKind::Released, Some(signature)),
    ];
    assert_eq!(entries, expected);
}
