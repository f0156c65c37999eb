//! Do observers hear of a level although the process that found it died?

use std::sync::Arc;

use token_budget::ledger::SqliteLedger;
use token_budget::{Budget, Enforcer, Event, ManualClock, Policy, TierAction, Tiers, Usage, Usd, Window};

use super::support::{Folder, wait};
use crate::support::{Ears, NOON, at, call, nanos, prices, team};

/// A process on that file, with its observer: ten dollars a month, warned at eight.
fn process(path: &std::path::Path) -> (Enforcer, Ears) {
    let clock = Arc::new(ManualClock::at(at(NOON)));
    let ledger = SqliteLedger::with_options(path, clock.clone(), Default::default()).expect("a ledger");
    let month = Budget::usd("search", team(), Usd::dollars(10), Window::month());
    let tiers = Tiers::soft_hard(80, 120).expect("levels that rise");
    let ears = Ears::default();
    let enforcer = Enforcer::builder()
        .policy(Policy::new([month.tiers(tiers)]).expect("a sound policy"))
        .prices(prices())
        .ledger(ledger)
        .clock(clock)
        .observer(ears.clone())
        .build();
    (enforcer, ears)
}

fn spend(enforcer: &Enforcer, dollars: u64) {
    let tokens = dollars * 1_000;
    let sent =
        wait(enforcer.reserve(&call("milli", tokens))).expect("an answer").or_refusal().expect("room").send();
    let _ = wait(sent.reconcile(Usage::of(0, tokens))).expect("an answer");
}

/// What was heard of crossings: budget, window, action, level.
fn crossings(ears: &Ears) -> Vec<(String, String, TierAction, i64)> {
    let heard = ears.take().into_iter().filter_map(|event| match event {
        Event::Crossed { budget, window, action, at, .. } => Some((budget.to_string(), window, action, at)),
        _ => None,
    });
    heard.collect()
}

#[test]
fn a_level_that_a_dead_process_found_is_told_by_the_next_one_once() {
    let folder = Folder::in_memory();
    let path = folder.file("books.db");
    let (enforcer, ears) = process(&path);
    spend(&enforcer, 8);
    let warned = ("search".to_owned(), "month 2026-11".to_owned(), TierAction::Warn, nanos("8"));
    assert_eq!(crossings(&ears).as_slice(), std::slice::from_ref(&warned));
    // It dies before the ledger knows that it told.
    drop(enforcer);

    let (next, ears) = process(&path);
    assert_eq!(wait(next.tell_pending()).expect("an answer"), 1);
    assert_eq!(crossings(&ears), [warned], "in the words in which it was first told");
    assert_eq!(wait(next.tell_pending()).expect("an answer"), 0);
    assert_eq!(crossings(&ears), []);
}

#[test]
fn what_this_process_told_is_confirmed_and_not_told_again() {
    let folder = Folder::in_memory();
    let path = folder.file("books.db");
    let (enforcer, ears) = process(&path);
    spend(&enforcer, 8);

    assert_eq!(wait(enforcer.tell_pending()).expect("an answer"), 0);

    assert_eq!(crossings(&ears).len(), 1);
    assert_eq!(wait(process(&path).0.tell_pending()).expect("an answer"), 0, "the file knows");
}

#[test]
fn where_nobody_listens_nothing_counts_as_told() {
    let folder = Folder::in_memory();
    let path = folder.file("books.db");
    let ledger = SqliteLedger::open(&path).expect("a ledger");
    spend(&process(&path).0, 8);
    let deaf = Enforcer::builder().ledger(ledger).build();

    assert_eq!(wait(deaf.tell_pending()).expect("an answer"), 0);

    assert_eq!(wait(process(&path).0.tell_pending()).expect("an answer"), 1);
}
