//! What do people read off the file with plain SQL?

use std::sync::Arc;

use rusqlite::Connection;
use token_budget::ledger::{About, Certainty, Note, OnExpiry, Reconcile, ReservationId};
use token_budget::time::Timestamp;
use token_budget::{BudgetLedger, Usage};

use super::support::{Folder, open_at, reserve, wait};
use crate::books::{always, claim, line};

/// A note about a call of that model for that customer.
fn about(model: &str, customer: &str) -> Note {
    let tags = vec![("customer".into(), customer.into()), ("stage".into(), "live".into())];
    let about = About { model: model.into(), tags, price: "own".into(), ..About::default() };
    Note { about: Some(Arc::new(about)), usage: Some(Usage::of(10, 2)), ended: None }
}

/// The rows of a query, values joined by spaces.
fn rows(file: &Connection, sql: &str) -> Vec<String> {
    let mut read = file.prepare(sql).expect("sound SQL");
    let columns = read.column_count();
    let rows = read.query_map([], |row| {
        let value = |at| {
            Ok(match row.get_ref(at)? {
                rusqlite::types::ValueRef::Integer(number) => number.to_string(),
                rusqlite::types::ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
                other => format!("{other:?}"),
            })
        };
        (0..columns).map(value).collect::<Result<Vec<String>, _>>()
    });
    rows.expect("rows").map(|row| row.expect("a row").join(" ")).collect()
}

#[test]
fn spend_is_told_by_scope_day_model_and_tag() {
    let folder = Folder::in_memory();
    let path = folder.file("books.db");
    let both = claim(vec![line("team/search", always(), 1_000), line("user/ada", always(), 1_000)]);
    // Two calls on the first of January 1970, and one on the second that was never settled and expired.
    for (second, model, customer, used) in
        [(10, "gpt-4o", "acme", 5), (20, "claude", "acme", 7), (86_400, "gpt-4o", "zeta", 0)]
    {
        let ledger = open_at(&path, second);
        let (id, note) = (ReservationId::generate(Timestamp::from_secs(second)), about(model, customer));
        let expiry = (Timestamp::from_secs(second + 60), OnExpiry::Hold);
        reserve(&ledger, (id, &note), (&both, &[9, 9]), expiry).expect("a hold");
        if used > 0 {
            let (claim, certainty) = (&both, Certainty::Reported);
            let command = Reconcile { now: None, id, claim, amounts: &[used, used], certainty, note: &note };
            wait(ledger.reconcile(command)).expect("a charge");
        }
    }
    let ledger = open_at(&path, 100_000);
    wait(ledger.balances(&[(both.lines()[0].account.clone(), always())])).expect("what is due ends");

    let file = Connection::open(&path).expect("a connection");
    let of_team = |view: &str, columns: &str| {
        rows(&file, &format!("SELECT {columns} FROM {view} WHERE scope = 'team/search' ORDER BY 1, 2"))
    };

    assert_eq!(rows(&file, "SELECT scope, spent FROM spend_by_scope"), ["team/search 21", "user/ada 21"]);
    assert_eq!(of_team("spend_by_day", "day, spent"), ["1970-01-01 12", "1970-01-02 9"]);
    assert_eq!(of_team("spend_by_model", "model, spent"), ["claude 7", "gpt-4o 14"]);
    assert_eq!(
        of_team("spend_by_tag", "tag, value, spent"),
        ["customer acme 12", "customer zeta 9", "stage live 21"]
    );
    assert_eq!(
        of_team("charges", "day, model, certainty, spent"),
        ["1970-01-01 claude reported 7", "1970-01-01 gpt-4o reported 5", "1970-01-02 gpt-4o expired 9"]
    );
    let entry = &wait(ledger.entries(&crate::books::tenant(), 2, 1)).expect("an entry")[0];
    assert_eq!(entry.note, about("gpt-4o", "acme"), "what a command noted is read back whole");
}
