//! Is a ledger over a store right, whatever the store does to it?

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use token_budget::ledger::store::Book;
use token_budget::ledger::{
    Account, BudgetKey, Certainty, Claim, ClaimLine, Note, OnExpiry, Outcome, Reconcile, Reply,
    ReservationId, Reserve, State, Tenant, Threshold,
};
use token_budget::testing::conformance::{
    self, Differential, Factory, Fault, Offers, Setup, Standing, Store,
};
use token_budget::testing::{Hazard, Hazards, ScriptedStore};
use token_budget::time::{ManualClock, Period, Timestamp};
use token_budget::usage::Unit;
use token_budget::{BudgetLedger, Clock, Error, ErrorKind, Scope};

use crate::support::setting;

/// Books over stores in memory, where each of these hazards happens.
struct Stores {
    name: &'static str,
    hazards: Hazards,
}

/// One store, shared by all handles.
struct Shared(ScriptedStore);

impl Factory for Stores {
    fn name(&self) -> String {
        self.name.into()
    }

    fn make(&self, setup: &Setup) -> Result<Box<dyn Store>, Error> {
        let store = ScriptedStore::new(setup.clock.clone()).with(self.hazards, setup.seed);
        Ok(Box::new(Shared(store)))
    }

    fn offers(&self) -> Offers {
        Offers { faults: true, past_periods: true, ..Offers::default() }
    }
}

impl Store for Shared {
    /// Each handle is another writer of the same rows.
    fn open(&self) -> Result<Arc<dyn BudgetLedger>, Error> {
        Ok(Arc::new(Book::new(self.0.clone(), 256)?))
    }

    fn open_holds(&self) -> Option<usize> {
        Some(self.0.open_holds())
    }

    fn fail_at(&self, operation: u64, fault: Fault) {
        self.0.fail_at(operation, fault);
    }

    fn unheard(&self) -> u64 {
        self.0.unheard()
    }
}

/// A store that obeys.
fn obedient() -> Stores {
    Stores { name: "a store", hazards: Hazards::none() }
}

mod over_a_store {
    token_budget::conformance_tests!(super::obedient());
}

/// One time in eight each.
const OFTEN: u8 = 12;

/// What a store may do without anybody's noticing: it is busy, has moved, says that it is late, or a write is lost.
fn unnoticed() -> Hazards {
    Hazards::all(OFTEN).with(Hazard::LostAfter, 0)
}

#[test]
fn every_law_is_held_while_a_store_is_busy_moves_comes_late_and_loses_writes() {
    let report = conformance::run(&Stores { name: "a store with hazards", hazards: unnoticed() });

    report.assert_holds();
    for (_, law, standing) in report.standings() {
        assert_eq!(*standing, Standing::Held, "{}", law.sentence());
    }
}

#[test]
fn every_law_is_held_while_answers_of_writes_are_lost() {
    conformance::run(&Stores { name: "a store that loses answers", hazards: Hazards::all(OFTEN) })
        .assert_holds();
}

/// Plays that many commands under those hazards, so many of them on the same books.
fn play(hazards: Hazards, commands: u64, in_a_game: u64) {
    let game = Stores { name: "a store", hazards };
    let played = Differential::of(&game).commands(commands).in_games_of(in_a_game).run();
    let played = played.unwrap_or_else(|difference| panic!("{difference}"));
    println!("{} commands, seed {}: {:?}", played.commands, played.seed, played.seen);
}

#[test]
fn many_short_games_are_answered_like_the_model_whatever_the_store_does() {
    for hazards in [Hazards::none(), unnoticed(), Hazards::all(OFTEN)] {
        play(hazards, if cfg!(debug_assertions) { 5_000 } else { 200_000 }, 400);
    }
}

/// Counters run over, pages grow, and what is old is forgotten: short games see none of it. `TOKEN_BUDGET_STORE_COMMANDS` makes it as
/// long as one likes; beyond a hundred thousand commands the books begin anew.
#[test]
fn a_long_run_on_the_same_books_is_answered_like_the_model_whatever_the_store_does() {
    let commands =
        setting("TOKEN_BUDGET_STORE_COMMANDS", if cfg!(debug_assertions) { 5_000 } else { 100_000 });
    play(unnoticed(), commands, commands.min(100_000));
}

#[test]
fn a_hold_that_comes_without_its_accounts_ends_all_the_same() {
    let (clock, store) = a_store();
    let held = claim("ada", 10);
    reserve(&book(&store), &held, 4, 60).expect("room");
    let store = store.with(Hazards::none().with(Hazard::Sparse, 100), 1);
    clock.set(Timestamp::from_secs(61));
    let ledger = book(&store);

    // A reader that names nobody's account ends what is due.
    ledger.marks(&Tenant::unnamed(), &[]).wait().expect("an answer");

    assert_eq!(store.sparse(), 1);
    let line = &held.lines()[0];
    let balance = ledger.balances(&[(line.account.clone(), line.period)]).wait().expect("a balance")[0];
    assert_eq!((balance.spent, balance.reserved), (4, 0));
}

/// A book on that store.
fn book(store: &ScriptedStore) -> Book<ScriptedStore> {
    Book::new(store.clone(), 256).expect("a thread")
}

/// One line of that user's tokens, for ever.
fn claim(user: &str, ceiling: i64) -> Claim {
    claim_of("", user, ceiling)
}

/// The same in the books of that organisation.
fn claim_of(tenant: &str, user: &str, ceiling: i64) -> Claim {
    let tenant = Tenant::named(tenant).expect("a name");
    let key = BudgetKey {
        tenant: tenant.clone(),
        budget: "users".into(),
        unit: Unit::Tokens,
        window: "ever".into(),
    };
    let scope = Scope::user(user).expect("a name");
    let period = Period { number: 0, from: Timestamp::MIN, until: Timestamp::MAX, span: 1 };
    let thresholds = [Threshold { at: 5, tier: 0 }].into_iter().collect();
    let account = Account::new(Arc::new(key), scope.clone());
    let line = ClaimLine { account, period, ceiling, thresholds };
    Claim::new(tenant, &[scope], vec![line]).expect("a sound claim")
}

fn reserve(ledger: &impl BudgetLedger, claim: &Claim, amount: i64, until: i64) -> Result<Reply, Error> {
    let (id, note) = (ReservationId::generate(Timestamp::EPOCH), Note::default());
    let (amounts, expires_at, on_expiry) = (&[amount], Timestamp::from_secs(until), OnExpiry::Hold);
    ledger.reserve(Reserve { id, claim, amounts, expires_at, on_expiry, note: &note, now: None }).wait()
}

fn a_store() -> (Arc<ManualClock>, ScriptedStore) {
    let clock = Arc::new(ManualClock::at(Timestamp::EPOCH));
    (clock.clone(), ScriptedStore::new(clock))
}

#[test]
fn a_counter_that_was_lost_is_damage_and_never_a_zero() {
    let (_, store) = a_store();
    reserve(&book(&store), &claim("ada", 10), 9, 60).expect("room");
    store.lose_balances();

    let error = reserve(&book(&store), &claim("ada", 10), 9, 60).expect_err("the counter is gone");

    assert_eq!(error.kind(), ErrorKind::Damaged);
    assert!(error.to_string().contains("user/ada"), "{error}");
}

/// Once it was taken for a new account, and its budget granted anew.
#[test]
fn an_account_that_was_lost_is_damage_and_never_a_new_one() {
    for (what, is_same) in [("the same handle", true), ("a new handle", false)] {
        let (_, store) = a_store();
        // What is read stays true while its version stands, so the same handle is one that doubts what it has read.
        let store = store.with(Hazards::none().with(Hazard::Doubted, 100 * u8::from(is_same)), 3);
        let old = book(&store);
        for user in ["ada", "eve"] {
            reserve(&old, &claim(user, 10), 9, 60).expect("room");
        }
        store.lose_accounts();
        let ledger = if is_same { old } else { book(&store) };

        let error = reserve(&ledger, &claim("ada", 10), 9, 60).expect_err("the account is gone");

        assert_eq!(error.kind(), ErrorKind::Damaged, "{what}");
        assert!(error.to_string().contains("1 of the 2 accounts"), "{what}: {error}");
    }
}

#[test]
fn a_refusal_of_strangers_writes_nothing() {
    let (_, store) = a_store();
    let ledger = book(&store);
    reserve(&ledger, &claim("ada", 10), 1, 60).expect("room");
    let (rows, writes) = (store.rows(), store.writes());

    for number in 0..3_000 {
        let reply = reserve(&ledger, &claim(&format!("stranger-{number}"), 10), 11, 60).expect("an answer");
        assert_eq!(reply.outcome, Outcome::Refused);
    }

    assert_eq!((store.rows(), store.writes()), (rows, writes));
}

#[test]
fn what_is_due_ends_a_thousand_at_a_time_and_a_reader_keeps_at_most_ten_thousand_to_tell() {
    let (clock, store) = a_store();
    let ledger = book(&store);
    let held = claim("ada", i64::MAX);
    for _ in 0..10_050 {
        reserve(&ledger, &held, 1, 60).expect("room");
    }
    let writes = store.writes();
    clock.set(Timestamp::from_secs(61));

    // A reader's answer has no room to tell them, so they wait for the next reply.
    ledger.marks(&Tenant::unnamed(), &[]).wait().expect("an answer");
    let reply = reserve(&ledger, &held, 1, 120).expect("room");

    assert_eq!(reply.effects.expect("much came to light").expired.len(), 10_000);
    assert_eq!(store.open_holds(), 1);
    // Ten of a thousand, the last fifty, and the reserve.
    assert_eq!(store.writes() - writes, 12);
    let entries = ledger.entries(&Tenant::unnamed(), 1, usize::MAX).wait().expect("a journal");
    assert_eq!(entries.len(), 20_101 + 1, "each has two, the last has one, and a threshold was reached");
}

#[test]
fn two_writers_of_one_store_grant_a_limit_once() {
    let (_, store) = a_store();
    let granted: i64 = std::thread::scope(|scope| {
        let workers = [1, 2, 3, 4].map(|_| {
            let store = store.clone();
            scope.spawn(move || {
                let ledger = book(&store);
                let grant = |_| reserve(&ledger, &claim("ada", 100), 1, 60).expect("an answer").outcome;
                i64::try_from((0..60).map(grant).filter(|outcome| *outcome == Outcome::Applied).count())
            })
        });
        workers.into_iter().map(|worker| worker.join().expect("no panic").expect("small")).sum()
    });

    assert_eq!(granted, 100);
}

#[test]
fn what_a_lost_answer_wrote_is_charged_once_and_its_threshold_waits_to_be_told() {
    let (_, store) = a_store();
    let ledger = book(&store);
    let (held, note) = (claim("ada", 100), Note::default());
    let id = ReservationId::generate(Timestamp::EPOCH);
    store.fail_at(0, Fault::After);

    let amounts = &[7];
    let used = Reconcile {
        id,
        claim: &held,
        amounts,
        certainty: Certainty::Reported,
        attribution: None,
        note: &note,
        now: None,
    };
    let reply = ledger.reconcile(used).wait().expect("it was read again, and it is there");

    assert!(reply.repeated);
    assert_eq!(reply.balances[0].spent, 7);
    assert_eq!(ledger.pending_events(9).wait().expect("events").len(), 1);
}

/// What the ids of one tenant come to, by what is remembered of each: spent, and held.
fn sums(ledger: &impl BudgetLedger, tenant: &Tenant, ids: &[ReservationId]) -> (i64, i64) {
    ids.iter().fold((0, 0), |(spent, held), id| {
        let Some(known) = ledger.hold(tenant, *id).wait().expect("an answer") else { return (spent, held) };
        let amount: i64 = known.lines.iter().map(|line| line.amount).sum();
        if known.state == State::Held { (spent, held + amount) } else { (spent + amount, held) }
    })
}

/// Sixty calls for three tenants in turn, half of which end by their age.
fn calls(
    ledger: &Book<ScriptedStore>,
    claims: &[Claim; 3],
    clock: &ManualClock,
    worker: usize,
) -> Vec<(usize, ReservationId)> {
    let mut given = Vec::new();
    for number in 0..60_usize {
        let at = (worker + number) % 3;
        let id = ReservationId::generate(clock.now());
        let note = Note::default();
        let expires_at = clock.now() + Duration::from_millis(number as u64 % 7);
        let held = Reserve {
            id,
            claim: &claims[at],
            amounts: &[3],
            expires_at,
            on_expiry: OnExpiry::Hold,
            note: &note,
            now: None,
        };
        let reply = ledger.reserve(held).wait().expect("an answer");
        assert!(!reply.repeated, "no answer was lost, so none is given again");
        clock.advance(Duration::from_millis(1));
        if number % 2 == 0 {
            let used = Reconcile {
                id,
                claim: &claims[at],
                amounts: &[2],
                certainty: Certainty::Reported,
                attribution: None,
                note: &note,
                now: None,
            };
            let reply = ledger.reconcile(used).wait().expect("an answer");
            assert!(!reply.repeated, "no answer was lost, so none is given again");
        }
        given.push((at, id));
    }
    given
}

#[test]
fn several_tenants_in_one_batch_are_each_charged_once_while_others_write_and_holds_end_by_age() {
    let clock = Arc::new(ManualClock::at(Timestamp::EPOCH));
    let store = ScriptedStore::new(clock.clone()).with(unnoticed(), 11);
    let names = ["acme", "beta", "core"];
    let tenants = names.map(|name| Tenant::named(name).expect("a name"));
    let claims = names.map(|name| claim_of(name, "ada", i64::MAX));
    // Two books are two processes; four threads share each, so that batches have commands of all tenants.
    let given: Vec<(usize, ReservationId)> = std::thread::scope(|scope| {
        let books = [book(&store), book(&store)];
        let workers: Vec<_> = (0..8_usize)
            .map(|worker| {
                let (ledger, claims, clock) = (books[worker % 2].clone(), &claims, clock.clone());
                scope.spawn(move || calls(&ledger, claims, &clock, worker))
            })
            .collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("no panic")).collect()
    });

    let ledger = book(&store);
    for (at, tenant) in tenants.iter().enumerate() {
        let ids: Vec<_> = given.iter().filter(|(of, _)| *of == at).map(|(_, id)| *id).collect();
        let line = &claims[at].lines()[0];
        let balance = ledger.balances(&[(line.account.clone(), line.period)]).wait().expect("a balance")[0];
        assert_eq!((balance.spent, balance.reserved), sums(&ledger, tenant, &ids), "{tenant:?}");
        let journal = ledger.entries(tenant, 1, usize::MAX).wait().expect("a journal");
        let written = journal.iter().flat_map(|entry| &entry.lines);
        let written = written.fold((0, 0), |sum, line| (sum.0 + line.spent, sum.1 + line.reserved));
        assert_eq!((balance.spent, balance.reserved), written, "{tenant:?}");
    }
}

/// A clock that goes on by a second whenever somebody looks at it.
#[derive(Debug)]
struct Hurried(AtomicI64);

impl Clock for Hurried {
    fn now(&self) -> Timestamp {
        Timestamp::from_secs(self.0.fetch_add(1, Ordering::Relaxed))
    }
}

#[test]
fn what_an_attempt_did_for_one_tenant_is_forgotten_where_another_has_to_begin_anew() {
    let clock = Arc::new(Hurried(AtomicI64::new(0)));
    let store = ScriptedStore::new(clock).with(Hazards::none().with(Hazard::Doubted, 40), 5);
    let ledger = book(&store);
    let (acme, beta) = (claim_of("acme", "ada", i64::MAX), claim_of("beta", "ada", i64::MAX));
    let held = |claim: &Claim, until: i64| {
        let (id, note) = (ReservationId::generate(Timestamp::EPOCH), Note::default());
        let (amounts, expires_at, on_expiry) = (&[10], Timestamp::from_secs(until), OnExpiry::Hold);
        ledger.reserve(Reserve { id, claim, amounts, expires_at, on_expiry, note: &note, now: None }).wait()
    };
    for number in 0..150 {
        held(&acme, 2_000 + number * 3).expect("room");
        held(&beta, 2_000 + number * 3 + 1).expect("room");
    }
    let lines: Vec<_> =
        [&acme, &beta].map(|claim| (claim.lines()[0].account.clone(), claim.lines()[0].period)).into();

    // Each question ends what is due in both books, in one round; the clock runs on between two attempts at it.
    let mut ended = false;
    for _ in 0..3_000 {
        let balances = ledger.balances(&lines).wait().expect("balances");
        for balance in &balances {
            assert_eq!(balance.spent + balance.reserved, 1_500, "{balances:?}");
        }
        ended = balances.iter().all(|balance| balance.reserved == 0);
    }

    assert!(ended, "every hold is due by then");
}
