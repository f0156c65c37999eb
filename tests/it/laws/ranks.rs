//! Which charge stands? A hold ends once, and a surer figure replaces a less sure one.

use std::time::Duration;

use token_budget::ErrorKind;
use token_budget::ledger::Rank::{Estimated, Expired, Provisional, Reported};
use token_budget::ledger::{OnExpiry, Outcome};

use crate::books::{Books, always, claim, line, team};

#[test]
pub(crate) fn a_reconcile_replaces_the_hold_by_what_was_used() {
    let books = Books::new();
    let id = books.held(&team(10), &[6]);

    let reply = books.reconcile(id, &team(10), &[4], Reported).expect("no error");

    assert_eq!((reply.outcome, reply.repeated, reply.unheld), (Outcome::Applied, false, false));
    assert_eq!((reply.balances[0].spent, reply.balances[0].reserved), (4, 0), "balances are those after it");
    assert_eq!(books.ledger.open_holds(), 0);
}

#[test]
pub(crate) fn usage_above_the_hold_and_above_the_limit_is_recorded_in_full() {
    let books = Books::new();
    let id = books.held(&team(10), &[6]);

    let reply = books.reconcile(id, &team(10), &[400], Reported).expect("no error");

    assert_eq!(reply.outcome, Outcome::Applied);
    assert_eq!(books.balances(&team(10)), [(400, 0)]);
}

#[test]
pub(crate) fn a_reply_names_the_rank_that_was_replaced_and_none_for_a_live_hold() {
    let books = Books::new();
    let id = books.held(&team(100), &[9]);
    let mut replaced = Vec::new();
    for rank in [Expired, Estimated, Reported, Reported] {
        replaced.push(books.reconcile(id, &team(100), &[9], rank).expect("no error").replaced);
    }

    // The last is a repeat: it replaces nothing.
    assert_eq!(replaced, [None, Some(Expired), Some(Estimated), None]);
}

#[test]
pub(crate) fn a_higher_rank_replaces_a_charge_in_full() {
    let books = Books::new();
    let id = books.held(&team(100), &[9]);
    // Each figure replaces the one before it: nothing is added up.
    for (rank, amount) in [(Expired, 9), (Provisional, 8), (Estimated, 20), (Reported, 3)] {
        let reply = books.reconcile(id, &team(100), &[amount], rank).expect("no error");
        assert_eq!((reply.outcome, reply.repeated), (Outcome::Applied, false));
        assert_eq!(books.balances(&team(100)), [(amount, 0)]);
    }
    books.verify();
}

#[test]
pub(crate) fn a_lower_rank_is_ignored() {
    let ranks = [Expired, Provisional, Estimated, Reported];
    for (place, stands) in ranks.iter().enumerate() {
        for lower in &ranks[..place] {
            let books = Books::new();
            let id = books.held(&team(10), &[6]);
            books.reconcile(id, &team(10), &[5], *stands).expect("no error");

            let reply = books.reconcile(id, &team(10), &[7], *lower).expect("no error");

            assert_eq!(reply.outcome, Outcome::Ignored, "{lower:?} after {stands:?}");
            assert_eq!(books.balances(&team(10)), [(5, 0)]);
        }
    }
}

#[test]
pub(crate) fn the_same_report_again_is_repeated_and_another_of_its_rank_is_a_conflict() {
    for rank in [Expired, Provisional, Estimated, Reported] {
        let books = Books::new();
        let id = books.held(&team(10), &[6]);
        books.reconcile(id, &team(10), &[5], rank).expect("no error");
        let entries = books.journal(&crate::books::root()).len();

        let same = books.reconcile(id, &team(10), &[5], rank).expect("no error");
        let other = books.reconcile(id, &team(10), &[4], rank).expect_err("other figures");

        assert_eq!((same.outcome, same.repeated), (Outcome::Applied, true));
        assert_eq!(other.kind(), ErrorKind::Conflict);
        assert_eq!(books.balances(&team(10)), [(5, 0)]);
        assert_eq!(books.journal(&crate::books::root()).len(), entries, "a repeat makes no row");
    }
}

#[test]
pub(crate) fn a_report_after_the_expiry_replaces_the_expiry_charge() {
    let books = Books::new();
    let id = books.id();
    let expiry = (books.now() + Duration::from_secs(10), OnExpiry::Hold);
    books.reserve_until(id, &team(10), &[6], expiry).expect("no error");
    books.clock.advance(Duration::from_secs(10));
    assert_eq!(books.balances(&team(10)), [(6, 0)]);

    books.reconcile(id, &team(10), &[2], Reported).expect("no error");

    assert_eq!(books.balances(&team(10)), [(2, 0)]);
}

#[test]
pub(crate) fn usage_of_an_id_never_seen_is_recorded_once_and_its_late_reserve_fails() {
    let books = Books::new();
    let id = books.id();

    let first = books.reconcile(id, &team(10), &[400], Reported).expect("no error");
    let again = books.reconcile(id, &team(10), &[400], Reported).expect("no error");
    let reserve = books.reserve(id, &team(10), &[6]).expect_err("it was charged");

    assert_eq!((first.outcome, first.repeated, first.unheld), (Outcome::Applied, false, true));
    assert_eq!((again.outcome, again.repeated, again.unheld), (Outcome::Applied, true, true));
    assert_eq!(reserve.kind(), ErrorKind::State);
    assert_eq!(books.balances(&team(10)), [(400, 0)]);
    assert_eq!(books.ledger.open_holds(), 0);
}

#[test]
pub(crate) fn usage_of_a_refused_id_is_recorded_in_full() {
    let books = Books::new();
    let id = books.id();
    books.reserve(id, &team(10), &[11]).expect("no error");

    let reply = books.reconcile(id, &team(10), &[11], Reported).expect("no error");

    assert_eq!((reply.outcome, reply.unheld), (Outcome::Applied, true));
    assert_eq!(books.balances(&team(10)), [(11, 0)]);
}

#[test]
pub(crate) fn a_release_gives_the_hold_back_on_every_line() {
    let books = Books::new();
    let two = claim(vec![line("team/search", always(), 10), line("user/ada", always(), 10)]);
    let id = books.held(&two, &[6, 5]);

    let first = books.release(id).expect("no error");
    let again = books.release(id).expect("no error");

    assert_eq!((first.outcome, first.repeated, again.repeated), (Outcome::Applied, false, true));
    assert_eq!(books.balances(&two), [(0, 0), (0, 0)]);
}

#[test]
pub(crate) fn a_release_withdraws_a_charge_that_nobody_reported() {
    for rank in [Expired, Provisional, Estimated] {
        let books = Books::new();
        let id = books.held(&team(10), &[6]);
        books.reconcile(id, &team(10), &[6], rank).expect("no error");

        let reply = books.release(id).expect("no error");

        assert_eq!((reply.outcome, reply.repeated), (Outcome::Applied, false));
        assert_eq!(books.balances(&team(10)), [(0, 0)]);
    }
}

#[test]
pub(crate) fn a_release_cannot_withdraw_what_the_provider_reported() {
    let books = Books::new();
    let id = books.charged(&team(10), &[6]);

    let error = books.release(id).expect_err("it was reported");

    assert_eq!(error.kind(), ErrorKind::State);
    assert!(error.to_string().contains("reported"), "names the state: {error}");
    assert_eq!(books.balances(&team(10)), [(6, 0)]);
}

#[test]
pub(crate) fn usage_after_a_release_is_recorded_in_full() {
    let books = Books::new();
    let id = books.held(&team(10), &[6]);
    books.release(id).expect("no error");

    books.reconcile(id, &team(10), &[4], Reported).expect("no error");

    assert_eq!(books.balances(&team(10)), [(4, 0)]);
}

#[test]
pub(crate) fn other_commands_on_an_ended_or_unknown_hold_name_its_state() {
    let books = Books::new();
    let (released, refused) = (books.held(&team(10), &[1]), books.id());
    books.release(released).expect("no error");
    books.reserve(refused, &team(10), &[11]).expect("no error");
    let charged = books.charged(&team(10), &[1]);

    let texts = [
        (books.resize(released, &team(10), &[2], None), "was released"),
        (books.resize(charged, &team(10), &[2], None), "reported"),
        (books.resize(refused, &team(10), &[2], None), "was refused"),
        (books.resize(books.id(), &team(10), &[2], None), "not known"),
        (books.release(refused), "was refused"),
    ];

    for (answer, text) in texts {
        let error = answer.expect_err(text);
        assert_eq!(error.kind(), ErrorKind::State);
        assert!(error.to_string().contains(text), "{error}");
    }
    assert_eq!(books.balances(&team(10)), [(1, 0)]);
}
