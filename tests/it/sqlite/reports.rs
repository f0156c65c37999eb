//! What do people read off the file with plain SQL?

use std::sync::Arc;

use rusqlite::Connection;
use token_budget::ledger::{About, Certainty, Note, OnExpiry, Reconcile, ReservationId, Served};
use token_budget::time::Timestamp;
use token_budget::{BudgetLedger, Scope, Usage, Usd};

use super::support::{Folder, open_at, reserve, wait};
use crate::books::{always, claim, line};

/// A note about a call of that model for that customer.
fn about(model: &str, customer: &str) -> Note {
    let tags = vec![("customer".into(), customer.into()), ("stage".into(), "live".into())];
    let about = About { model: model.into(), tags, price: "own".into(), ..About::default() };
    Note { about: Some(Arc::new(about)), usage: Some(Usage::of(10, 2)), ..Note::default() }
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
    // Two calls on the first of January 1970, and one on the second that was never reconciled and expired.
    for (second, model, customer, used) in
        [(10, "gpt-4o", "acme", 5), (20, "claude", "acme", 7), (86_400, "gpt-4o", "zeta", 0)]
    {
        let ledger = open_at(&path, second);
        let (id, note) = (ReservationId::generate(Timestamp::from_secs(second)), about(model, customer));
        let expiry = (Timestamp::from_secs(second + 60), OnExpiry::Hold);
        reserve(&ledger, (id, &note), (&both, &[9, 9]), expiry).expect("a hold");
        if used > 0 {
            let (claim, certainty) = (&both, Certainty::Reported);
            let command = Reconcile {
                now: None,
                id,
                claim,
                amounts: &[used, used],
                certainty,
                attribution: None,
                note: &note,
            };
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

#[test]
fn facts_tell_each_charge_once_also_where_no_budget_binds_it() {
    let folder = Folder::in_memory();
    let path = folder.file("books.db");
    let ledger = open_at(&path, 10);
    let two = claim(vec![line("team/search", always(), 1_000), line("user/ada", always(), 1_000)]);
    let none = claim(vec![]);
    let served = Served { model: "claude-2".into(), price: "own 2".into(), ..Served::default() };
    for (lines, asked, cost, served) in [
        (&two, about("gpt-4o", "acme"), Some(Usd::from_nanos(7)), None),
        (&none, about("claude", "zeta"), None, Some(Arc::new(served))),
    ] {
        let (id, amounts) = (ReservationId::generate(Timestamp::from_secs(10)), vec![7; lines.lines().len()]);
        let expiry = (Timestamp::from_secs(70), OnExpiry::Hold);
        let scopes = vec![Scope::team("search").expect("a name"), Scope::user("ada").expect("a name")];
        let said = About { scopes, ..About::clone(asked.about.as_deref().expect("a call")) };
        let note = Note { about: Some(Arc::new(said)), ..Note::default() };
        reserve(&ledger, (id, &note), (lines, &amounts), expiry).expect("a hold");
        let note = Note { served, cost, usage: Some(Usage::of(10, 2)), ..note };
        let (certainty, attribution, now) = (Certainty::Reported, None, None);
        let command =
            Reconcile { id, claim: lines, amounts: &amounts, certainty, attribution, note: &note, now };
        wait(ledger.reconcile(command)).expect("a charge");
    }

    let file = Connection::open(&path).expect("a connection");
    let columns = "sequence, day, kind, certainty, scopes, model, served, price, usage, cost";
    let scopes = r#"["team/search","user/ada"]"#;
    let usage = r#"{"input":10,"output":2}"#;
    assert_eq!(
        rows(&file, &format!("SELECT {columns} FROM facts ORDER BY sequence")),
        [
            format!("2 1970-01-01 reconciled reported {scopes} gpt-4o gpt-4o own {usage} 7"),
            format!("4 1970-01-01 reconciled reported {scopes} claude claude-2 own 2 {usage} Null"),
        ]
    );
    let by_customer = "SELECT json_extract(tag.value, '$[1]'), sum(cost), count(*) - count(cost) FROM facts AS fact, \
                       json_each(tags) AS tag WHERE json_extract(tag.value, '$[0]') = 'customer' AND (organization, sequence) IN \
                       (SELECT organization, max(sequence) FROM facts GROUP BY organization, id) GROUP BY 1 ORDER BY 1";
    assert_eq!(rows(&file, by_customer), ["acme 7 0", "zeta Null 1"]);
    ledger.verify().expect("sound books");
}
