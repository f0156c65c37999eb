//! What is lost of a call when its file is damaged or away under way?

use std::path::Path;
use std::sync::Arc;

use rusqlite::Connection;
use token_budget::enforcer::OutboxFile;
use token_budget::ledger::{SqliteLedger, Tenant};
use token_budget::{Budget, BudgetLedger, Enforcer, ErrorKind, Policy, Usage, Usd, Window};

use super::support::{Folder, wait};
use crate::support::{call, nanos, prices, team};

/// A process on that file, with an outbox beside it: ten dollars.
fn process(folder: &Folder) -> (Enforcer, SqliteLedger) {
    let ledger = SqliteLedger::open(folder.file("books.db")).expect("a ledger");
    let budget = Budget::usd("search", team(), Usd::dollars(10), Window::lifetime());
    let enforcer = Enforcer::builder()
        .policy(Policy::new([budget]).expect("a policy"))
        .prices(prices())
        .shared_ledger(Arc::new(ledger.clone()))
        .outbox_file(OutboxFile::open(folder.file("outbox")).expect("an outbox"))
        .build();
    (enforcer, ledger)
}

fn meddle(path: &Path, sql: &str) {
    let changed = Connection::open(path).expect("a connection").execute(sql, []).expect("a meddler");
    assert_eq!(changed, 1);
}

// A damaged row was taken for the ledger's last word, and the report was dropped, in memory and in the file.
#[test]
fn a_report_that_met_a_damaged_row_is_charged_once_the_row_is_repaired() {
    let folder = Folder::in_memory();
    let books = folder.file("books.db");
    let (enforcer, _) = process(&folder);
    let sent = wait(enforcer.reserve(&call("milli", 5_000))).expect("an answer").or_refusal().expect("room");
    let sent = sent.send();
    let held = nanos("5");
    meddle(&books, &format!("UPDATE hold_lines SET amount = {held} - 1 WHERE amount = {held}"));

    let receipt = wait(sent.reconcile(Usage::of(0, 3_000))).expect("the answer is not to be lost for that");
    assert!(receipt.is_pending());
    drop(receipt);
    let error = wait(enforcer.flush()).expect_err("the ledger stands still");
    assert_eq!(error.kind(), ErrorKind::LedgerUnavailable, "{error}");
    drop(enforcer);
    {
        // Whoever opens the books again meets the same row.
        let (enforcer, _) = process(&folder);
        assert_eq!(wait(enforcer.flush()).expect_err("damaged").kind(), ErrorKind::Damaged);
        assert_eq!(enforcer.undelivered(), 1);
    }
    meddle(&books, &format!("UPDATE hold_lines SET amount = {held} WHERE amount = {held} - 1"));

    let (enforcer, ledger) = process(&folder);

    assert_eq!((enforcer.undelivered(), wait(enforcer.flush()).expect("repaired")), (1, 0));
    let check = wait(enforcer.check(&call("milli", 0))).expect("an answer");
    assert_eq!((check.budgets()[0].spent, check.budgets()[0].reserved), (nanos("3"), 0));
    assert_eq!(wait(ledger.entries(&Tenant::unnamed(), 1, 9)).expect("a journal").len(), 2);
    ledger.verify().expect("sound books");
}
