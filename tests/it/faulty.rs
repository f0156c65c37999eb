//! What does a faulty wire do to commands, and what does a client that sends again make of it?

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use token_budget::ledger::{
    Certainty, MarkAction, MarkScope, OnExpiry, Outcome, Reconcile, Release, ReservationId, Reserve, Resize,
};
use token_budget::testing::conformance::Fault;
use token_budget::testing::{FaultyLedger, Odds, Retrying};
use token_budget::time::Timestamp;
use token_budget::usage::Unit;
use token_budget::{Budget, BudgetLedger, Enforcer, ErrorKind, MemoryLedger, Policy, Usage, Window};

use crate::books::{always, line, scope, signed, team, tenant};
use crate::support::{Dice, block_on, call, prices, ready};

/// A reserve of one unit of ten, until for ever.
async fn reserve(ledger: &impl BudgetLedger, id: ReservationId) -> Result<Outcome, ErrorKind> {
    let (claim, note) = (team(10), Default::default());
    let (expires_at, on_expiry) = (Timestamp::MAX, OnExpiry::Nothing);
    let command = Reserve { now: None, id, claim: &claim, amounts: &[1], expires_at, on_expiry, note: &note };
    ledger.reserve(command).await.map(|reply| reply.outcome).map_err(|error| error.kind())
}

async fn release(ledger: &impl BudgetLedger, id: ReservationId) -> Result<Outcome, ErrorKind> {
    let command = Release { now: None, id, tenant: &tenant(), attribution: None, note: &Default::default() };
    ledger.release(command).await.map(|reply| reply.outcome).map_err(|error| error.kind())
}

fn wire(odds: Odds) -> (MemoryLedger, FaultyLedger) {
    let books = MemoryLedger::new();
    (books.clone(), FaultyLedger::new(Arc::new(books), 7).with_odds(odds))
}

fn id() -> ReservationId {
    ReservationId::generate(token_budget::Clock::now(&token_budget::time::SystemClock))
}

#[test]
fn a_lost_command_changes_nothing_and_a_lost_answer_everything() {
    let (books, wire) = wire(Odds::AWAY);
    assert_eq!(ready(reserve(&wire, id())), Err(ErrorKind::LedgerUnavailable));
    assert_eq!((books.open_holds(), wire.unheard()), (0, 0));

    wire.set_odds(Odds::DEAF);
    assert_eq!(ready(reserve(&wire, id())), Err(ErrorKind::LedgerUnavailable));
    assert_eq!((books.open_holds(), wire.unheard()), (1, 1));
}

#[test]
fn a_repeated_command_holds_once() {
    let (books, wire) = wire(Odds { repeated: 100, ..Odds::ALL_WELL });
    assert_eq!(ready(reserve(&wire, id())), Ok(Outcome::Applied));
    assert_eq!((books.open_holds(), wire.sent()), (1, 1));
}

#[test]
fn a_reserve_that_comes_late_holds_when_it_comes() {
    let (books, wire) = wire(Odds { late: 100, ..Odds::ALL_WELL });
    assert_eq!(ready(reserve(&wire, id())), Err(ErrorKind::LedgerUnavailable));
    assert_eq!(books.open_holds(), 0);

    ready(wire.arrive());

    assert_eq!((books.open_holds(), wire.unheard()), (1, 1));
}

#[test]
fn a_reserve_that_comes_after_its_release_finds_a_tombstone() {
    // The client gave up on a reserve, and took it back before it arrived.
    let dice = &mut Dice::new("faulty: tombstone");
    for _ in 0..100 {
        let books = MemoryLedger::new();
        let late = Odds { late: 100, ..Odds::ALL_WELL };
        let wire = FaultyLedger::new(Arc::new(books.clone()), dice.next()).with_odds(late);
        let id = id();
        ready(reserve(&wire, id)).unwrap_err();
        wire.set_odds(Odds::ALL_WELL);

        // Before or after the late reserve, as chance has it.
        ready(release(&wire, id)).unwrap();
        ready(wire.arrive());

        assert_eq!(books.open_holds(), 0);
    }
}

/// Resizes to that amount, until for ever.
async fn resize(ledger: &impl BudgetLedger, id: ReservationId, amount: i64) -> Result<Outcome, ErrorKind> {
    let claim = team(10);
    let command = Resize { now: None, id, claim: &claim, amounts: &[amount], expires_at: None };
    ledger.resize(command).await.map(|reply| reply.outcome).map_err(|error| error.kind())
}

/// Charges two units, as they were counted.
async fn report(ledger: &impl BudgetLedger, id: ReservationId) -> Result<Outcome, ErrorKind> {
    let (claim, note) = (team(10), Default::default());
    let command = Reconcile {
        now: None,
        id,
        claim: &claim,
        amounts: &[2],
        certainty: Certainty::Estimated,
        attribution: None,
        note: &note,
    };
    ledger.reconcile(command).await.map(|reply| reply.outcome).map_err(|error| error.kind())
}

async fn mark(ledger: &impl BudgetLedger, action: MarkAction) {
    let (tenant, scope, attribution) = (tenant(), scope("team", "search"), signed("a whim"));
    let command = MarkScope { now: None, tenant: &tenant, scope: &scope, action, attribution: &attribution };
    let _ = ledger.mark(command).await;
}

/// Spent and reserved of the team.
fn stands(books: &MemoryLedger) -> (i64, i64) {
    let line = (line("team/search", always(), 0).account, always());
    let balances = ready(BudgetLedger::balances(books, &[line])).unwrap();
    (balances[0].spent, balances[0].reserved)
}

#[test]
fn a_late_resize_or_mark_is_not_overtaken_by_the_next() {
    for seed in 0..50 {
        let books = MemoryLedger::new();
        let wire = FaultyLedger::new(Arc::new(books.clone()), seed).with_odds(Odds::ALL_WELL);
        let id = id();
        ready(reserve(&wire, id)).unwrap();

        wire.set_odds(Odds { late: 100, ..Odds::ALL_WELL });
        ready(resize(&wire, id, 5)).unwrap_err();
        ready(mark(&wire, MarkAction::Freeze));
        wire.set_odds(Odds::ALL_WELL);
        ready(mark(&wire, MarkAction::Reopen));
        ready(resize(&wire, id, 3)).unwrap();
        ready(wire.arrive());

        assert_eq!(stands(&books), (0, 3), "seed {seed}");
        assert_eq!(ready(BudgetLedger::marks(&books, &tenant(), &[scope("team", "search")])).unwrap(), []);
    }
}

#[test]
fn a_late_release_is_not_overtaken_by_a_report_nor_the_other_way_round() {
    for seed in 0..50 {
        let books = MemoryLedger::new();
        let wire = FaultyLedger::new(Arc::new(books.clone()), seed).with_odds(Odds::ALL_WELL);
        let (released_first, charged_first) = (id(), id());
        ready(reserve(&wire, released_first)).unwrap();
        ready(reserve(&wire, charged_first)).unwrap();

        wire.set_odds(Odds { late: 100, ..Odds::ALL_WELL });
        ready(release(&wire, released_first)).unwrap_err();
        ready(report(&wire, charged_first)).unwrap_err();
        wire.set_odds(Odds::ALL_WELL);
        ready(report(&wire, released_first)).unwrap();
        ready(release(&wire, charged_first)).unwrap();
        ready(wire.arrive());

        // The first was charged after its release, the second withdrawn after its charge.
        assert_eq!(stands(&books), (2, 0), "seed {seed}");
    }
}

#[test]
fn no_copy_of_growth_comes_after_it_was_refused() {
    for seed in 0..50 {
        let books = MemoryLedger::new();
        let wire = FaultyLedger::new(Arc::new(books.clone()), seed).with_odds(Odds::ALL_WELL);
        let (id, other) = (id(), id());
        ready(reserve(&wire, id)).unwrap();
        ready(reserve(&wire, other)).unwrap();
        wire.set_odds(Odds { echoed: 100, ..Odds::ALL_WELL });

        assert_eq!(ready(resize(&wire, id, 10)), Ok(Outcome::Refused));
        ready(release(&wire, other)).unwrap();
        ready(wire.arrive());

        assert_eq!(stands(&books), (0, 1), "seed {seed}");
    }
}

#[test]
fn a_planned_fault_meets_the_command_it_was_planned_for() {
    let (books, wire) = wire(Odds::ALL_WELL);
    wire.fail_at(1, Fault::After);
    let outcomes: Vec<_> = (0..3).map(|_| ready(reserve(&wire, id())).is_ok()).collect();
    assert_eq!((outcomes, books.open_holds()), (vec![true, false, true], 3));
}

#[test]
fn the_same_seed_does_the_same() {
    let run = |seed| {
        let wire = FaultyLedger::new(Arc::new(MemoryLedger::new()), seed);
        (0..200).map(|_| block_on(reserve(&wire, id())).is_ok()).collect::<Vec<bool>>()
    };
    assert_eq!(run(7), run(7));
    assert_ne!(run(7), run(8));
}

#[test]
fn delays_and_pauses_wait_where_they_are_told() {
    let waits = Arc::new(AtomicU64::new(0));
    let count = |waits: &Arc<AtomicU64>| {
        let waits = Arc::clone(waits);
        move || {
            waits.fetch_add(1, Ordering::SeqCst);
            std::future::ready(())
        }
    };
    let (_, wire) = wire(Odds { delayed: 100, ..Odds::ALL_WELL });
    ready(reserve(&wire.delayed_by(count(&waits)), id())).unwrap();
    assert!(waits.swap(0, Ordering::SeqCst) >= 2, "once on the way there, once on the way back");

    let (_, away) = self::wire(Odds::AWAY);
    let pause = count(&waits);
    let client = Retrying::new(away.clone()).attempts(5).pausing(move |_| pause());
    assert_eq!(ready(reserve(&client, id())), Err(ErrorKind::LedgerUnavailable));
    assert_eq!((waits.load(Ordering::SeqCst), away.sent()), (4, 5), "no pause after the last attempt");
}

#[test]
fn an_answer_that_is_no_failure_of_the_way_is_not_asked_for_again() {
    let (_, wire) = wire(Odds::ALL_WELL);
    let client = Retrying::new(wire.clone());
    let id = id();
    ready(release(&client, id)).unwrap();
    assert_eq!(ready(reserve(&client, id)), Err(ErrorKind::State));
    assert_eq!(wire.sent(), 2);
}

#[test]
fn a_thousand_calls_over_a_bad_wire_are_charged_once_each() {
    let (books, wire) = wire(Odds::BAD_DAY);
    let scope = crate::support::team();
    let budget = Budget::count("calls", scope, Unit::Requests, 1_000_000, Window::lifetime());
    let builder = Enforcer::builder().policy(Policy::new([budget]).unwrap()).prices(prices());
    let enforcer = builder.ledger(Retrying::new(wire.clone())).build();
    for _ in 0..1_000 {
        let reservation = block_on(enforcer.reserve(&call("milli", 1))).unwrap().or_refusal().unwrap();
        block_on(reservation.send().reconcile(Usage::of(0, 1))).unwrap();
    }
    assert_eq!(block_on(enforcer.flush()).unwrap(), 0);
    ready(wire.arrive());

    let decision = block_on(enforcer.check(&call("milli", 1))).unwrap();
    assert_eq!((decision.budgets()[0].spent, decision.budgets()[0].reserved), (1_000, 0));
    assert!(wire.sent() > 2_200 && wire.unheard() > 50, "{wire:?}");
    assert_eq!(books.open_holds(), 0);
}
