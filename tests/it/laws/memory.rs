//! What does the ledger in memory remember, and does it find an account whoever made it?

use std::time::Duration;

use token_budget::ledger::{
    Certainty, Claim, ClaimLine, MarkAction, MarkScope, MemoryOptions, OnExpiry, Outcome, ReservationId,
    Tenant,
};
use token_budget::time::{Period, Timestamp};
use token_budget::{BudgetLedger, ErrorKind};

use crate::books::{
    Books, HOUR, account_in, always, claim, claim_in, day, line, scope, signed, team, tenant, tenant_of,
};

#[test]
fn the_stated_number_of_ended_ids_is_remembered() {
    let books = Books::with(MemoryOptions { ended_max: 3, ..MemoryOptions::default() });
    let ids: Vec<_> = (0..4).map(|_| books.charged(&team(100), &[1])).collect();

    let repeats = ids[1..].iter().map(|id| books.reconcile(*id, &team(100), &[1], Certainty::Reported));
    assert!(repeats.into_iter().all(|reply| reply.expect("no error").repeated));
    assert_eq!(books.balances(&team(100)), [(4, 0)]);
    books.verify();
}

#[test]
fn an_id_forgotten_by_number_is_never_executed_again_nor_is_an_older_one() {
    // It was taken for a new one: one of four calls was charged twice.
    let books = Books::with(MemoryOptions { ended_max: 3, ..MemoryOptions::default() });
    let never_sent = books.id();
    let ids: Vec<_> = (0..4).map(|_| books.charged(&team(100), &[1])).collect();

    let answers = [
        books.reconcile(ids[0], &team(100), &[1], Certainty::Reported),
        books.reserve(ids[0], &team(100), &[0]),
        books.release(ids[0]),
        books.record(ids[0], &team(100), &[1], None),
        books.reserve(never_sent, &team(100), &[1]),
    ];

    for answer in answers {
        assert_eq!(answer.expect_err("too old").kind(), ErrorKind::Forgotten);
    }
    assert_eq!(books.balances(&team(100)), [(4, 0)]);
    books.held(&team(100), &[1]);
}

#[test]
fn an_id_is_compared_with_the_newest_forgotten_to_the_last_of_its_128_bits() {
    let books = Books::with(MemoryOptions { ended_max: 0, ..MemoryOptions::default() });
    let bits = (1_u128 << 80) | 0xffff_ffff_ffff_ffff;
    let charge =
        |bits| books.reconcile(ReservationId::from_bits(bits), &team(100), &[1], Certainty::Reported);
    books.at(1);
    charge(bits).expect("the first of all");

    assert_eq!(charge(bits).expect_err("the same").kind(), ErrorKind::Forgotten);
    assert_eq!(charge(bits - 1).expect_err("one before it").kind(), ErrorKind::Forgotten);
    charge(bits + 1).expect("one after it, whose lower half is zero");
    assert_eq!(books.balances(&team(100)), [(2, 0)]);
}

#[test]
fn an_id_that_is_ahead_of_time_does_not_make_all_others_too_old() {
    let books = Books::with(MemoryOptions { ended_max: 3, ..MemoryOptions::default() });
    let tomorrow = ReservationId::generate(books.now() + Duration::from_secs(86_400));
    books.reserve(tomorrow, &team(100), &[1]).expect("no error");
    books.reconcile(tomorrow, &team(100), &[1], Certainty::Reported).expect("held");

    // Many more than are remembered.
    for _ in 0..10 {
        books.charged(&team(100), &[1]);
    }

    let again = books.reconcile(tomorrow, &team(100), &[1], Certainty::Reported).expect("still known");
    assert!(again.repeated);
    books.clock.advance(Duration::from_secs(86_400) + HOUR);
    for _ in 0..2 {
        books.charged(&team(100), &[1]);
    }
    let after =
        books.reconcile(tomorrow, &team(100), &[1], Certainty::Reported).expect_err("its time is over");
    assert_eq!(after.kind(), ErrorKind::Forgotten);
    books.verify();
}

#[test]
fn no_more_ids_ahead_of_time_are_remembered_than_others() {
    let books = Books::with(MemoryOptions { ended_max: 3, ..MemoryOptions::default() });
    for _ in 0..7 {
        let tomorrow = ReservationId::generate(books.now() + Duration::from_secs(86_400));
        books.reconcile(tomorrow, &team(100), &[1], Certainty::Reported).expect("new");
    }

    // Three are remembered as the last that ended, and three wait for their time: the first is forgotten.
    let error = books.reserve(books.id(), &team(100), &[1]).expect_err("older than one that was forgotten");

    assert_eq!(error.kind(), ErrorKind::Forgotten);
    books.verify();
}

#[test]
fn a_refusal_is_remembered_for_a_minute_and_judged_anew_afterwards() {
    let books = Books::new();
    let holder = books.held(&team(10), &[10]);
    let id = books.id();
    books.reserve(id, &team(10), &[1]).expect("no error");
    books.release(holder).expect("no error");

    books.clock.advance(Duration::from_secs(60) - Duration::from_nanos(1));
    let within = books.reserve(id, &team(10), &[1]).expect("no error");
    books.clock.advance(Duration::from_nanos(1));
    let after = books.reserve(id, &team(10), &[1]).expect("no error");

    assert_eq!((within.outcome, within.repeated), (Outcome::Refused, true));
    assert_eq!((after.outcome, after.repeated), (Outcome::Applied, false));
    books.verify();
}

#[test]
fn the_stated_number_of_refusals_is_remembered_apart_from_what_ended() {
    let options = MemoryOptions { refusals_max: 2, ended_max: 1, ..MemoryOptions::default() };
    let books = Books::with(options);
    let charged = books.charged(&team(10), &[10]);
    let refused: Vec<_> = (0..3).map(|_| books.id()).collect();
    for id in &refused {
        books.reserve(*id, &team(10), &[1]).expect("no error");
    }

    let again = |id: &ReservationId| books.reserve(*id, &team(10), &[1]).expect("no error").repeated;

    assert!(books.reconcile(charged, &team(10), &[10], Certainty::Reported).expect("remembered").repeated);
    assert_eq!((again(&refused[2]), again(&refused[1]), again(&refused[0])), (true, true, false));
}

#[test]
fn whoever_was_only_refused_released_or_read_has_no_books() {
    let books = Books::new();
    let (refused, released) = (books.id(), books.id());

    books.reserve(refused, &team(10), &[11]).expect("no error");
    books.release(released).expect("a tombstone");
    assert_eq!(books.balances(&team(10)), [(0, 0)]);
    assert_eq!(books.journal(&tenant()), []);
    books.record(books.id(), &team(10), &[-1], None).expect_err("a refund of nothing");

    assert_eq!(books.ledger.tenants(), 0);
    // What was answered stands all the same: while there are no books, and once there are.
    for _ in 0..2 {
        let again = books.reserve(refused, &team(10), &[11]).expect("no error");
        assert_eq!((again.outcome, again.repeated), (Outcome::Refused, true));
        let late = books.reserve(released, &team(10), &[1]).expect_err("it was released");
        assert_eq!(late.kind(), ErrorKind::State);
        books.held(&team(10), &[1]);
    }
    assert_eq!(books.ledger.tenants(), 1);
    assert_eq!(books.reserve(refused, &team(10), &[11]).expect("no error").balances[0].reserved, 2);
}

#[test]
fn one_id_of_two_tenants_without_books_is_two_ids() {
    let books = Books::new();
    let zeta = tenant_of("zeta");
    let theirs = claim_in(&zeta, vec![line_of(&zeta, 10)]);
    let id = books.id();
    books.reserve(id, &team(10), &[11]).expect("no error");

    let reply = books.reserve(id, &theirs, &[12]).expect("another tenant's");

    assert_eq!((reply.outcome, reply.repeated), (Outcome::Refused, false));
}

#[test]
fn a_tenant_that_nobody_asks_for_is_let_go_once_its_windows_are_over() {
    let books = Books::new();
    for number in 0..100 {
        let tenant = tenant_of(&format!("tenant-{number}"));
        let claim = claim_in(&tenant, vec![ClaimLine { period: day(0), ..line_of(&tenant, 10) }]);
        books.charged(&claim, &[1]);
    }
    books.at(1_000);
    books.clock.advance(HOUR);
    for number in 100..130 {
        let tenant = tenant_of(&format!("tenant-{number}"));
        books.charged(&claim_in(&tenant, vec![line_of(&tenant, 10)]), &[1]);
    }

    // Each that came looked at four others: thirty are enough to find the hundred.
    assert_eq!(books.ledger.tenants(), 30);
    let back = tenant_of("tenant-7");
    let claim = claim_in(&back, vec![line_of(&back, 10)]);
    assert_eq!(books.balances(&claim), [(0, 0)]);
    books.charged(&claim, &[2]);
    assert_eq!(books.balances(&claim), [(2, 0)]);
    books.verify();
}

#[test]
fn a_tenant_with_an_open_hold_a_freeze_or_a_window_that_runs_is_kept() {
    let books = Books::new();
    let of = |name: &str| {
        let tenant = tenant_of(name);
        claim_in(&tenant, vec![ClaimLine { period: day(0), ..line_of(&tenant, 10) }])
    };
    let (open, lasting) = (of("open"), tenant_of("lasting"));
    books.reserve_until(books.id(), &open, &[3], (Timestamp::MAX, OnExpiry::Nothing)).expect("no error");
    books.charged(&claim_in(&lasting, vec![line_of(&lasting, 10)]), &[4]);
    let frozen = tenant_of("frozen");
    let search = scope("team", "search");
    let (attribution, action) = (&signed("an audit"), MarkAction::Freeze);
    let mark = MarkScope { now: None, tenant: &frozen, scope: &search, action, attribution };
    books.ledger.mark(mark).wait().expect("no error");

    books.at(10_000);
    for number in 0..10 {
        books.charged(&of_day_ten(&format!("tenant-{number}")), &[1]);
    }

    assert_eq!(books.ledger.tenants(), 13);
    assert_eq!(books.ledger.open_holds(), 1);
    assert_eq!(books.ledger.marks(&frozen, &[search]).wait().expect("no error").len(), 1);
}

fn of_day_ten(name: &str) -> Claim {
    let tenant = tenant_of(name);
    claim_in(&tenant, vec![ClaimLine { period: day(10), ..line_of(&tenant, 10) }])
}

/// `team/search` of that tenant, without a window.
fn line_of(tenant: &Tenant, ceiling: i64) -> ClaimLine {
    let account = account_in(tenant, "team/search");
    ClaimLine { account, period: always(), ceiling, thresholds: Default::default() }
}

#[test]
fn charges_not_yet_reported_are_remembered_apart_from_the_others() {
    let options = MemoryOptions { ended_max: 1, unreported_max: 2, ..MemoryOptions::default() };
    let books = Books::with(options);
    let provisional = books.held(&team(100), &[5]);
    books.reconcile(provisional, &team(100), &[5], Certainty::Provisional).expect("no error");
    for _ in 0..10 {
        books.charged(&team(100), &[1]);
    }

    let reply = books.reconcile(provisional, &team(100), &[7], Certainty::Reported).expect("no error");

    assert!(!reply.unheld);
    assert_eq!(books.balances(&team(100)), [(17, 0)]);
}

#[test]
fn a_ledger_that_remembers_nothing_still_keeps_its_balances() {
    let options =
        MemoryOptions { ended_max: 0, unreported_max: 0, journal_entries_max: 0, ..MemoryOptions::default() };
    let books = Books::with(options);
    let open = books.held(&team(100), &[5]);
    for certainty in [Certainty::Estimated, Certainty::Reported] {
        let id = books.held(&team(100), &[2]);
        books.reconcile(id, &team(100), &[3], certainty).expect("no error");
        let released = books.held(&team(100), &[2]);
        books.release(released).expect("no error");
        books.reconcile(books.id(), &team(100), &[4], certainty).expect("no error");
    }

    assert_eq!(books.balances(&team(100)), [(14, 5)]);
    assert_eq!(books.reserve(open, &team(100), &[6]).expect_err("still known").kind(), ErrorKind::Conflict);
    books.verify();
}

#[test]
fn what_was_refunded_of_a_forgotten_charge_is_not_taken_off_a_new_one() {
    let books = Books::with(MemoryOptions { ended_max: 1, ..MemoryOptions::default() });
    let old = books.charged(&team(100), &[5]);
    // The refund is remembered in place of the charge, whose own place is free from now on.
    books.record(books.id(), &team(100), &[-3], Some(old)).expect("2 are left of it");
    let new = books.charged(&team(100), &[5]);

    books.record(books.id(), &team(100), &[-5], Some(new)).expect("nothing of it was refunded");

    assert_eq!(books.balances(&team(100)), [(2, 0)]);
}

#[test]
fn an_account_idle_past_its_window_costs_no_memory() {
    let options = MemoryOptions { ended_max: 0, journal_entries_max: 0, ..MemoryOptions::default() };
    let books = Books::with(options);
    for user in 0..100 {
        books.charged(&claim(vec![line(&format!("user/{user}"), day(0), 10)]), &[1]);
    }
    // Day 0 ended at 1,000 s, and a report of it may come for an hour.
    books.at(4_600);
    for user in 100..150 {
        books.charged(&claim(vec![line(&format!("user/{user}"), day(4), 10)]), &[1]);
    }

    // Each new account looks at four others: fifty are enough to find the hundred of day 0.
    assert_eq!(books.ledger.accounts(), 50);
    books.verify();
}

#[test]
fn an_idle_account_is_kept_for_as_long_as_its_rolling_window_counts_it() {
    let options = MemoryOptions { ended_max: 0, journal_entries_max: 0, ..MemoryOptions::default() };
    let books = Books::with(options);
    // Sub-periods of a second: what is spent in the first counts up to and with the sixtieth after it.
    let second = |number| {
        let (from, until) = (Timestamp::from_secs(number), Timestamp::from_secs(number + 1));
        claim(vec![line("user/0", Period { number, from, until, span: 61 }, 10)])
    };
    books.charged(&second(0), &[9]);
    for user in 1..10 {
        books.at(user * 6);
        books.charged(&claim(vec![line(&format!("user/{user}"), day(0), 10)]), &[1]);
    }

    books.at(60);
    let counted = books.reserve(books.id(), &second(60), &[2]).expect("no error");
    books.at(61);
    let aged_out = books.reserve(books.id(), &second(61), &[2]).expect("no error");

    assert_eq!((counted.outcome, aged_out.outcome), (Outcome::Refused, Outcome::Applied));
}

#[test]
fn an_account_is_kept_for_as_long_as_a_remembered_charge_names_it() {
    let books = Books::with(MemoryOptions { journal_entries_max: 0, ..MemoryOptions::default() });
    let (posted, held) = (books.id(), claim(vec![line("user/0", day(0), 10)]));
    books.reconcile(posted, &held, &[4], Certainty::Estimated).expect("never seen: posted as it is");
    let reserved = books.held(&claim(vec![line("user/1", day(0), 10)]), &[5]);
    books
        .reconcile(reserved, &claim(vec![line("user/1", day(0), 10)]), &[5], Certainty::Estimated)
        .expect("held");
    books.at(1_000);
    for user in 2..10 {
        books.charged(&claim(vec![line(&format!("user/{user}"), day(1), 10)]), &[1]);
    }

    // The reports come a day late.
    let one =
        books.reconcile(posted, &held, &[3], Certainty::Reported).expect("on the line that was charged");
    let two = books.reconcile(reserved, &claim(vec![line("user/1", day(0), 10)]), &[6], Certainty::Reported);

    assert_eq!(
        (one.replaced, two.expect("likewise").replaced),
        (Some(Certainty::Estimated), Some(Certainty::Estimated))
    );
    assert_eq!(books.ledger.accounts(), 10);
    books.verify();
}

#[test]
fn one_account_can_be_used_with_two_ledgers() {
    let (here, there) = (Books::new(), Books::new());
    let (first, second) = (line("team/search", always(), 10), line("user/ada", always(), 10));
    // There the user's row comes first, so that a place remembered here names another account there.
    there.held(&claim(vec![second.clone()]), &[1]);
    let both = claim(vec![first, second]);

    for _ in 0..2 {
        here.held(&both, &[1, 2]);
        there.held(&both, &[3, 4]);
    }

    assert_eq!(here.balances(&both), [(0, 2), (0, 4)]);
    assert_eq!(there.balances(&both), [(0, 6), (0, 9)]);
}

#[test]
fn accounts_made_twice_are_one_account() {
    let books = Books::new();
    books.held(&team(10), &[6]);

    // `team` makes its account anew each time.
    assert_eq!(books.reserve(books.id(), &team(10), &[5]).expect("no error").outcome, Outcome::Refused);
    assert_eq!(books.ledger.accounts(), 1);
}

#[test]
fn an_account_whose_row_was_let_go_begins_anew() {
    let options = MemoryOptions { ended_max: 0, journal_entries_max: 0, ..MemoryOptions::default() };
    let books = Books::with(options);
    let idle = claim(vec![line("user/0", day(0), 10)]);
    books.charged(&idle, &[9]);
    books.clock.advance(HOUR + Duration::from_secs(400));
    for user in 1..10 {
        books.charged(&claim(vec![line(&format!("user/{user}"), day(4), 10)]), &[1]);
    }

    // The old claim's account still remembers a place, which is another's by now.
    let today = claim(vec![ClaimLine { period: day(4), ..idle.lines()[0].clone() }]);
    let reply = books.reserve(books.id(), &today, &[10]).expect("no error");

    assert_eq!((reply.outcome, reply.balances[0].used()), (Outcome::Applied, 0));
    books.verify();
}

#[test]
fn the_journal_keeps_the_newest_and_its_sum_still_fits_the_balances() {
    let books = Books::with(MemoryOptions { journal_entries_max: 5, ..MemoryOptions::default() });
    let two = claim(vec![line("team/search", always(), 1_000), line("user/ada", always(), 1_000)]);
    for _ in 0..10 {
        books.charged(&two, &[3, 4]);
        books.verify();
    }

    let numbers: Vec<u64> = books.journal(&tenant()).iter().map(|entry| entry.sequence).collect();
    // Ten holds and ten charges: entries 16 to 20 are left.
    assert_eq!(numbers, [16, 17, 18, 19, 20]);
    assert_eq!(books.balances(&two), [(30, 0), (40, 0)]);
}
