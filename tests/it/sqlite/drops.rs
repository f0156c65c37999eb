//! Do futures that are dropped at any await leave a hold or an unpaid bill in the file?
//!
//! `TOKEN_BUDGET_DROPS` says how many are.

use std::sync::Arc;

use token_budget::ledger::{SqliteLedger, Tenant};

use super::support::{Folder, wait};
use crate::drops::{drops, drops_wanted};

#[test]
fn over_a_file_no_hold_is_left_and_every_bill_is_paid() {
    let folder = Folder::in_memory();
    let path = folder.file("books.db");
    let ledger = SqliteLedger::open(&path).expect("a ledger");

    let drops = drops(Arc::new(ledger.clone()), drops_wanted());

    println!("a file: {drops:?}");
    assert!(drops.ended > drops.dropped / 20, "some ended, too: {drops:?}");
    assert!(drops.billed > 0 && drops.under_way > drops.dropped / 20, "some were dropped later: {drops:?}");
    assert_eq!(wait(ledger.open_holds(&Tenant::unnamed(), 1)).expect("an answer"), [], "no hold is open");
    ledger.verify().expect("sound books");
}
