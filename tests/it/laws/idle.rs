//! What goes by itself while others are busy? Idle accounts, tenants that nobody asks for, and closed runs.

use std::time::Duration;

use token_budget::ledger::{
    Certainty, Claim, ClaimLine, FrozenScope, MarkAction, MarkScope, MemoryOptions, Note, Outcome, Record,
    Reply, ReservationId, Tenant,
};
use token_budget::{BudgetLedger, Error, ErrorKind, Scope};

use crate::books::{
    Books, HOUR, account_in, always, claim, claim_in, day, line, scope, signed, tenant, tenant_of,
};

/// Books that remember next to nothing, so that only windows and marks keep what they keep.
fn forgetful() -> Books {
    Books::with(MemoryOptions { ended_max: 0, journal_entries_max: 0, ..MemoryOptions::default() })
}

/// One user who calls so often, on the present day of the clock.
fn busy(books: &Books, calls: usize) {
    let number = books.now().as_millis() / 1_000_000;
    let claim = claim(vec![line("user/busy", day(number), i64::MAX)]);
    for _ in 0..calls {
        books.charged(&claim, &[1]);
    }
}

/// The lines of a run, which last for ever.
fn run(name: &str) -> Claim {
    run_in(&tenant(), name)
}

fn run_in(tenant: &Tenant, name: &str) -> Claim {
    let account = account_in(tenant, &format!("run/{name}"));
    claim_in(
        tenant,
        vec![ClaimLine { account, period: always(), ceiling: 10, thresholds: [].into_iter().collect() }],
    )
}

/// `run/trip/search` names the run `trip/search`.
fn mark_in(books: &Books, tenant: &Tenant, name: &str, action: MarkAction) -> Result<Reply, Error> {
    let (scope, attribution) = (&scope("run", name), &signed("an audit"));
    books.ledger.mark(MarkScope { now: None, tenant, scope, action, attribution }).wait()
}

fn close(books: &Books, name: &str) {
    mark_in(books, &tenant(), name, MarkAction::Close).expect("no error");
}

fn mark_of(books: &Books, tenant: &Tenant, scope: &Scope) -> Option<FrozenScope> {
    books.ledger.marks(tenant, std::slice::from_ref(scope)).wait().expect("no error").pop()
}

#[test]
fn idle_accounts_go_while_one_user_is_busy_and_nobody_new_comes() {
    // They went only as others came: after three days all were still there.
    let books = Books::new();
    let users = 20_000;
    for user in 0..users {
        books.charged(&claim(vec![line(&format!("user/{user}"), day(0), 10)]), &[1]);
    }
    books.clock.advance(Duration::from_secs(3 * 86_400));

    // The charges that are still remembered name their accounts: so many others push them out.
    busy(&books, 65_536 + 600);
    busy(&books, users / 8 + 100);

    assert_eq!(books.ledger.accounts(), 1);
    books.verify();
}

#[test]
fn idle_accounts_go_as_the_seconds_pass_however_seldom_anybody_calls() {
    let books = forgetful();
    for user in 0..300 {
        books.charged(&claim(vec![line(&format!("user/{user}"), day(0), 10)]), &[1]);
    }
    books.clock.advance(Duration::from_secs(3 * 86_400));

    for _ in 0..60 {
        busy(&books, 1);
        books.clock.advance(Duration::from_secs(1));
    }

    assert_eq!(books.ledger.accounts(), 1);
}

#[test]
fn an_idle_account_is_kept_as_long_as_a_late_report_may_name_its_day() {
    let books = forgetful();
    let yesterday = claim(vec![line("user/0", day(0), 10)]);
    books.charged(&yesterday, &[9]);
    books.at(1_000 + 3_599);
    busy(&books, 100);
    assert_eq!(books.ledger.accounts(), 2);

    books.clock.advance(Duration::from_secs(2));
    busy(&books, 100);

    assert_eq!(books.ledger.accounts(), 1);
}

#[test]
fn a_window_that_runs_keeps_its_account_whoever_is_busy() {
    let books = forgetful();
    let lasting = claim(vec![line("user/0", always(), 10)]);
    books.charged(&lasting, &[9]);

    books.clock.advance(Duration::from_secs(30 * 86_400));
    busy(&books, 1_000);

    assert_eq!(books.balances(&lasting), [(9, 0)]);
    assert_eq!(books.reserve(books.id(), &lasting, &[2]).expect("no error").outcome, Outcome::Refused);
}

#[test]
fn idle_tenants_go_while_one_is_busy_and_nobody_new_comes() {
    let books = Books::new();
    for number in 0..500 {
        let tenant = tenant_of(&format!("tenant-{number}"));
        let account = account_in(&tenant, "team/search");
        let line = ClaimLine { account, period: day(0), ceiling: 10, thresholds: [].into_iter().collect() };
        books.charged(&claim_in(&tenant, vec![line]), &[1]);
    }
    books.clock.advance(Duration::from_secs(3 * 86_400));

    busy(&books, 300);

    assert_eq!(books.ledger.tenants(), 1);
    books.verify();
}

#[test]
fn a_tenant_sleeps_400_days_before_its_imported_rows_go() {
    let (books, tenant) = (forgetful(), tenant_of("acme"));
    let claim = &claim_in(&tenant, vec![line("user/0", day(0), 10)]);
    let (id, used_at) = (ReservationId::imported("bill", "4711"), Some(books.now()));
    let (attribution, note, now) = (&signed("an import"), &Note::default(), None);
    let row = Record { id, used_at, claim, amounts: &[5], corrects: None, attribution, note, now };
    assert!(!books.ledger.record(row).wait().expect("posted").repeated);

    books.clock.advance(Duration::from_secs(399 * 86_400));
    busy(&books, 100);
    assert!(books.ledger.record(row).wait().expect("known").repeated);

    books.clock.advance(Duration::from_secs(3 * 86_400));
    busy(&books, 100);
    assert_eq!(books.ledger.tenants(), 1);
    books.verify();
}

#[test]
fn accounts_of_a_tenant_that_sleeps_go_though_a_lasting_one_keeps_it() {
    let books = forgetful();
    let asleep = tenant_of("asleep");
    let account = |name: &str| account_in(&asleep, name);
    let line = |name: &str, period| ClaimLine {
        account: account(name),
        period,
        ceiling: 10,
        thresholds: [].into_iter().collect(),
    };
    for user in 0..100 {
        books.charged(&claim_in(&asleep, vec![line(&format!("user/{user}"), day(0))]), &[1]);
    }
    let lasting = claim_in(&asleep, vec![line("team/search", always())]);
    books.charged(&lasting, &[4]);
    books.clock.advance(Duration::from_secs(3 * 86_400));

    busy(&books, 1_000);

    assert_eq!((books.ledger.tenants(), books.ledger.accounts()), (2, 2));
    assert_eq!(books.balances(&lasting), [(4, 0)]);
}

#[test]
fn a_team_that_was_closed_stays_closed_though_its_tenant_slept() {
    // A tenant whose only mark was an old close went, and the mark with it: the team was open again.
    let books = Books::new();
    let asleep = tenant_of("asleep");
    let search = scope("team", "search");
    let (attribution, action) = (&signed("moved"), MarkAction::Close);
    let mark = MarkScope { now: None, tenant: &asleep, scope: &search, action, attribution };
    books.ledger.mark(mark).wait().expect("no error");
    books.clock.advance(Duration::from_secs(3 * 86_400));

    busy(&books, 1_000);

    assert_eq!(mark_of(&books, &asleep, &search).expect("it stands").attribution, signed("moved"));
}

#[test]
fn of_a_run_that_was_closed_an_hour_ago_only_that_is_left() {
    // Each left a kilobyte for ever.
    let books = forgetful();
    for number in 0..200 {
        books.charged(&run(&format!("run-{number}")), &[7]);
        close(&books, &format!("run-{number}"));
    }
    let closed_at = books.now();
    books.clock.advance(HOUR);
    busy(&books, 200);
    assert_eq!(books.balances(&run("run-7")), [(7, 0)], "at the very end of the hour it is known");

    books.clock.advance(Duration::from_secs(1));
    busy(&books, 200);

    assert_eq!(books.ledger.accounts(), 1);
    let mark = mark_of(&books, &tenant(), &scope("run", "run-7")).expect("it is closed");
    assert_eq!((mark.action, mark.since), (MarkAction::Close, closed_at));
    books.verify();
}

#[test]
fn a_closed_run_whose_books_are_gone_grants_nothing_a_second_time() {
    let books = forgetful();
    books.charged(&run("job"), &[7]);
    close(&books, "job");
    books.clock.advance(HOUR + Duration::from_secs(1));
    busy(&books, 200);

    let again = books.reserve(books.id(), &run("job"), &[1]).expect("no error");
    let below = books.reserve(books.id(), &run("job/part"), &[1]).expect("no error");
    let reopened =
        mark_in(&books, &tenant(), "job", MarkAction::Reopen).expect_err("nobody knows what it spent");
    let closed = mark_in(&books, &tenant(), "job", MarkAction::Close).expect("no error");

    assert_eq!((again.outcome, below.outcome), (Outcome::Refused, Outcome::Refused));
    let frozen = again.effects.expect("the mark").frozen;
    assert_eq!((frozen[0].action, &frozen[0].scope), (MarkAction::Close, &scope("run", "job")));
    assert_eq!((reopened.kind(), closed.repeated), (ErrorKind::State, true));
    assert_eq!(books.reserve(books.id(), &run("jobs"), &[1]).expect("another run").outcome, Outcome::Applied);
}

#[test]
fn what_a_closed_run_used_is_recorded_though_its_books_are_gone() {
    let books = forgetful();
    books.charged(&run("job"), &[7]);
    close(&books, "job");
    books.clock.advance(HOUR + Duration::from_secs(1));
    busy(&books, 200);

    let late = books.reconcile(books.id(), &run("job"), &[3], Certainty::Reported).expect("never refused");

    assert!(late.unheld);
    books.verify();
    busy(&books, 200);
    books.clock.advance(Duration::from_secs(1));
    busy(&books, 200);
    assert_eq!(books.ledger.accounts(), 1, "its row went again");
}

#[test]
fn a_run_that_was_reopened_or_stopped_within_its_hour_is_kept() {
    let books = forgetful();
    for name in ["reopened", "stopped", "left"] {
        books.charged(&run(name), &[7]);
    }
    close(&books, "reopened");
    mark_in(&books, &tenant(), "reopened", MarkAction::Reopen).expect("no error");
    close(&books, "stopped");
    mark_in(&books, &tenant(), "stopped", MarkAction::Stop).expect("no error");
    books.clock.advance(Duration::from_secs(3 * 86_400));

    busy(&books, 1_000);

    for name in ["reopened", "stopped", "left"] {
        assert_eq!(books.balances(&run(name)), [(7, 0)], "{name}");
    }
    assert_eq!(
        mark_of(&books, &tenant(), &scope("run", "stopped")).expect("it stands").attribution,
        signed("an audit")
    );
    mark_in(&books, &tenant(), "stopped", MarkAction::Reopen).expect("its figures are there");
    // Closed again, it waits for an hour of its own.
    close(&books, "reopened");
    books.clock.advance(HOUR);
    busy(&books, 200);
    assert_eq!(books.balances(&run("reopened")), [(7, 0)]);
}

#[test]
fn a_closed_run_below_another_is_kept_as_long_as_that_one() {
    let books = forgetful();
    books.charged(&run("trip"), &[2]);
    books.charged(&run("trip/search"), &[7]);
    close(&books, "trip/search");
    books.clock.advance(3 * HOUR);
    busy(&books, 200);
    // What it spent may still have to be posted above.
    assert_eq!(books.balances(&run("trip/search")), [(7, 0)]);

    close(&books, "trip");
    books.clock.advance(HOUR + Duration::from_secs(1));
    busy(&books, 200);
    books.clock.advance(HOUR + Duration::from_secs(1));
    busy(&books, 200);

    assert_eq!(books.ledger.accounts(), 1);
    for name in ["trip", "trip/search", "trip/never"] {
        assert!(mark_of(&books, &tenant(), &scope("run", name)).is_some(), "{name}");
    }
}

#[test]
fn a_closed_run_with_a_slash_and_nothing_above_it_goes_by_itself() {
    let books = forgetful();
    books.charged(&run("2026/job"), &[7]);
    close(&books, "2026/job");
    books.clock.advance(HOUR + Duration::from_secs(1));

    busy(&books, 200);

    assert_eq!(books.ledger.accounts(), 1);
    assert!(mark_of(&books, &tenant(), &scope("run", "2026/job")).is_some());
    assert!(mark_of(&books, &tenant(), &scope("run", "2026")).is_none());
}

#[test]
fn closed_runs_of_a_tenant_whose_books_are_gone_are_closed_when_it_comes_back() {
    let books = Books::new();
    let asleep = tenant_of("asleep");
    books.charged(&run_in(&asleep, "job"), &[7]);
    mark_in(&books, &asleep, "job", MarkAction::Close).expect("no error");
    books.clock.advance(Duration::from_secs(86_400));
    // What a sleeping tenant leaves goes bit by bit, as the seconds of others pass.
    for _ in 0..10 {
        busy(&books, 100);
        books.clock.advance(Duration::from_secs(1));
    }
    assert_eq!(books.ledger.tenants(), 1);

    let read = mark_of(&books, &asleep, &scope("run", "job"));
    let again = books.reserve(books.id(), &run_in(&asleep, "job"), &[1]).expect("no error");
    let other = books.reserve(books.id(), &run_in(&asleep, "another"), &[1]).expect("no error");

    assert_eq!(read.expect("it is closed").action, MarkAction::Close);
    assert_eq!((again.outcome, other.outcome), (Outcome::Refused, Outcome::Applied));
    books.verify();
}
