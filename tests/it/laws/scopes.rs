//! What does a frozen scope refuse, and what does it still record?

use token_budget::Claim;
use token_budget::ledger::MarkAction::{Close, Freeze, Reopen, Stop};
use token_budget::ledger::{EntryKind, Outcome, Rank};

use crate::books::{Books, always, claim, line, root, scope, team};

#[test]
pub(crate) fn a_frozen_scope_refuses_with_its_reason_until_it_is_reopened() {
    for action in [Freeze, Stop, Close] {
        let books = Books::new();
        let search = scope("team", "search");
        books.mark(&search, action, "the bill looks wrong");

        let refused = books.reserve(books.id(), &team(10), &[1]).expect("no error");
        books.mark(&search, Reopen, "it was right");
        let admitted = books.reserve(books.id(), &team(10), &[1]).expect("no error");

        let frozen = &refused.news.expect("the reason").frozen[0];
        assert_eq!((refused.outcome, admitted.outcome), (Outcome::Refused, Outcome::Applied));
        assert_eq!((&frozen.scope, frozen.action), (&search, action));
        assert_eq!(
            (frozen.signature.by.as_str(), frozen.signature.reason.as_str()),
            ("ops", "the bill looks wrong")
        );
    }
}

#[test]
pub(crate) fn a_frozen_scope_refuses_a_line_of_amount_zero() {
    let books = Books::new();
    books.mark(&scope("team", "search"), Freeze, "holidays");

    let reply = books.reserve(books.id(), &team(10), &[0]).expect("no error");

    assert_eq!(reply.outcome, Outcome::Refused);
}

#[test]
pub(crate) fn a_frozen_scope_stops_calls_that_no_budget_of_it_binds() {
    let books = Books::new();
    let run = scope("run", "7");
    books.mark(&run, Stop, "it went in circles");
    let lines = vec![line("team/search", always(), 10)];
    let carries = Claim::new(root(), &[scope("team", "search"), run.clone()], lines).expect("a sound claim");

    assert_eq!(books.reserve(books.id(), &carries, &[1]).expect("no error").outcome, Outcome::Refused);
    assert_eq!(books.reserve(books.id(), &team(10), &[1]).expect("no error").outcome, Outcome::Applied);
}

#[test]
pub(crate) fn all_frozen_scopes_of_a_call_are_named() {
    let books = Books::new();
    let two = claim(vec![line("team/search", always(), 10), line("user/ada", always(), 10)]);
    books.mark(&scope("team", "search"), Freeze, "one");
    books.mark(&scope("user", "ada"), Freeze, "two");

    let reply = books.reserve(books.id(), &two, &[1, 1]).expect("no error");

    let reasons: Vec<_> =
        reply.news.expect("reasons").frozen.iter().map(|it| it.signature.reason.to_string()).collect();
    assert_eq!(reasons, ["one", "two"]);
}

#[test]
pub(crate) fn calls_in_flight_are_recorded_in_a_stopped_scope() {
    let books = Books::new();
    let id = books.held(&team(10), &[4]);
    books.mark(&scope("team", "search"), Stop, "enough");

    let reply = books.reconcile(id, &team(10), &[5], Rank::Reported).expect("no error");

    assert_eq!(reply.outcome, Outcome::Applied);
    assert_eq!(books.balances(&team(10)), [(5, 0)]);
}

#[test]
pub(crate) fn a_hold_in_a_frozen_scope_may_shrink_but_not_grow() {
    // A stopped run went on asking for more room, a slice at a time.
    let books = Books::new();
    let id = books.held(&team(10), &[4]);
    books.mark(&scope("team", "search"), Stop, "enough");

    let grown = books.resize(id, &team(10), &[5], None).expect("no error");
    let prolonged = books.resize(id, &team(10), &[4], Some(token_budget::Timestamp::MAX)).expect("no error");
    let shrunk = books.resize(id, &team(10), &[3], None).expect("no error");

    assert_eq!(grown.outcome, Outcome::Refused);
    assert_eq!(grown.news.expect("the reason").frozen[0].signature.reason, "enough");
    assert_eq!((prolonged.outcome, shrunk.outcome), (Outcome::Applied, Outcome::Applied));
    assert_eq!(books.balances(&team(10)), [(0, 3)]);
}

#[test]
pub(crate) fn a_second_stop_changes_nothing() {
    let books = Books::new();
    let run = scope("team", "search");
    let first = books.mark(&run, Stop, "it went in circles");
    books.at(10);
    let second = books.mark(&run, Stop, "another reason");
    let close = books.mark(&run, Close, "the end");

    let refused = books.reserve(books.id(), &team(10), &[1]).expect("no error");

    assert_eq!((first.repeated, second.repeated, close.repeated), (false, true, true));
    let frozen = &refused.news.expect("the reason").frozen[0];
    assert_eq!((frozen.action, frozen.signature.reason.as_str()), (Stop, "it went in circles"));
    assert_eq!(frozen.since, token_budget::Timestamp::EPOCH);
    let kinds: Vec<_> = books.journal(&root()).iter().map(|entry| entry.kind).collect();
    assert_eq!(kinds, [EntryKind::Marked(Stop)]);
}

#[test]
pub(crate) fn a_close_after_a_freeze_counts_and_is_opened_by_one_reopen() {
    // The close was taken for a repeat, and the freeze's reason stood for a run that had ended.
    let books = Books::new();
    let run = scope("team", "search");
    books.mark(&run, Freeze, "holidays");

    let close = books.mark(&run, Close, "it is done");
    let freeze = books.mark(&run, Freeze, "more holidays");
    let refused = books.reserve(books.id(), &team(10), &[1]).expect("no error");
    books.mark(&run, Reopen, "one more thing");
    let admitted = books.reserve(books.id(), &team(10), &[1]).expect("no error");

    assert_eq!((close.repeated, freeze.repeated), (false, true));
    let frozen = &refused.news.expect("the reason").frozen[0];
    assert_eq!((frozen.action, frozen.signature.reason.as_str()), (Close, "it is done"));
    assert_eq!(admitted.outcome, Outcome::Applied);
}

#[test]
pub(crate) fn marks_are_read_as_they_stand_and_an_open_scope_has_none() {
    let books = Books::new();
    let (run, search, ada) = (scope("run", "7"), scope("team", "search"), scope("user", "ada"));
    books.at(10);
    books.mark(&run, Stop, "it went in circles");
    books.mark(&search, Freeze, "holidays");
    books.mark(&search, Reopen, "they are over");
    books.mark(&ada, Close, "she left");

    let read = books.marks(&[ada.clone(), search, run.clone()]);

    let read: Vec<_> = read.iter().map(|mark| (&mark.scope, mark.action, mark.since)).collect();
    let at = token_budget::Timestamp::from_secs(10);
    assert_eq!(read, [(&ada, Close, at), (&run, Stop, at)]);
    assert_eq!(books.marks(&[scope("run", "8")]), []);
}

#[test]
pub(crate) fn reopening_what_is_open_changes_nothing() {
    let books = Books::new();

    let reply = books.mark(&scope("team", "search"), Reopen, "just in case");

    assert!(reply.repeated);
    assert_eq!(books.journal(&root()).len(), 0);
}
