//! What this crate is measured doing.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use token_budget::call::{Message, Prompt, ScopeKind};
use token_budget::ledger::{
    Account, BudgetKey, Certainty, Claim, ClaimLine, Note, OnExpiry, Outcome, Reconcile, ReservationId,
    Reserve, Tenant, Threshold,
};
use token_budget::time::{Period, SystemClock, Timestamp};
use token_budget::tokens::ByteBoundEstimator;
use token_budget::usage::Unit;
use token_budget::{
    Budget, BudgetLedger, Call, Clock, Enforcer, MemoryLedger, Policy, PricingTable, Scope, TokenEstimator,
    Usage, Usd, Window,
};

use crate::peers::Random;
use crate::timing::Work;

fn tenant(number: usize) -> Tenant {
    Tenant::organization(&Scope::organization(format!("acme-{number}")).unwrap())
}

fn book(tenant: &Tenant, level: usize) -> Arc<BudgetKey> {
    Arc::new(BudgetKey {
        tenant: tenant.clone(),
        budget: format!("budget-{level}").into(),
        unit: Unit::Usd,
        window: "day".into(),
    })
}

fn line(account: Account, ceiling: i64) -> ClaimLine {
    let period = Period { number: 7, from: Timestamp::MIN, until: Timestamp::MAX, span: 1 };
    // Two tiers ahead, as a budget with warnings has.
    let thresholds = [Threshold { at: i64::MAX / 4, tier: 0 }, Threshold { at: i64::MAX / 3, tier: 1 }];
    ClaimLine { account, period, ceiling, thresholds: thresholds.into_iter().collect() }
}

/// One line for each of `levels` users, the last of them `leaf`.
pub fn claim(tenant: &Tenant, books: &[Arc<BudgetKey>], leaf: usize, ceiling: i64) -> Claim {
    let scope = |level: usize| {
        let name = if level + 1 == books.len() { format!("leaf-{leaf}") } else { format!("level-{level}") };
        Scope::user(name).unwrap()
    };
    let lines = books.iter().enumerate();
    let lines =
        lines.map(|(level, book)| line(Account::new(Arc::clone(book), scope(level)), ceiling)).collect();
    Claim::new(tenant.clone(), &[], lines).unwrap()
}

pub fn books(tenant: &Tenant, levels: usize) -> Vec<Arc<BudgetKey>> {
    (0..levels).map(|level| book(tenant, level)).collect()
}

/// One reserve and its reconcile.
#[inline]
fn pair(ledger: &MemoryLedger, claim: &Claim, amounts: &[i64], note: &Note) {
    let now = ledger.now().unwrap();
    let mut id = ReservationId::generate(now);
    let expires_at = now + Duration::from_secs(300);
    let reserve = Reserve { now: Some(now), id, claim, amounts, expires_at, on_expiry: OnExpiry::Hold, note };
    let mut held = ledger.reserve(reserve).wait();
    if held.is_err() {
        // This thread stood still while another ended 65,536 calls: as an enforcer does, it takes a new id.
        id = ReservationId::generate(ledger.now().unwrap());
        held = ledger.reserve(Reserve { now: None, id, ..reserve }).wait();
    }
    assert!(held.unwrap().outcome == Outcome::Applied);
    let now = ledger.now().unwrap();
    let reconcile = Reconcile {
        now: Some(now),
        id,
        claim,
        amounts,
        certainty: Certainty::Reported,
        attribution: None,
        note,
    };
    black_box(ledger.reconcile(reconcile).wait().unwrap());
}

/// Pairs on one hot path; threads share a tenant, or each has its own.
pub fn ledger_pair(levels: usize, tenants: usize, threads: usize) -> Vec<Work> {
    let ledger = MemoryLedger::new();
    let tenants: Vec<Tenant> = (0..tenants).map(tenant).collect();
    let work = |thread: usize| -> Work {
        let tenant = &tenants[thread % tenants.len()];
        let claim = claim(tenant, &books(tenant, levels), 0, i64::MAX);
        let (ledger, amounts, note) = (ledger.clone(), vec![1_000; levels], Note::default());
        Box::new(move |iterations| (0..iterations).for_each(|_| pair(&ledger, &claim, &amounts, &note)))
    };
    (0..threads).map(work).collect()
}

/// Reserves that the last of the lines refuses.
pub fn ledger_refusal(levels: usize, threads: usize) -> Vec<Work> {
    let ledger = MemoryLedger::new();
    let work = |_| -> Work {
        let tenant = tenant(0);
        let claim = claim(&tenant, &books(&tenant, levels), 0, 999);
        let (ledger, amounts, note) = (ledger.clone(), vec![1_000; levels], Note::default());
        Box::new(move |iterations| {
            for _ in 0..iterations {
                let now = ledger.now().unwrap();
                let id = ReservationId::generate(now);
                let expires_at = now + Duration::from_secs(300);
                let on_expiry = OnExpiry::Hold;
                let reserve = Reserve {
                    now: Some(now),
                    id,
                    claim: &claim,
                    amounts: &amounts,
                    expires_at,
                    on_expiry,
                    note: &note,
                };
                assert!(ledger.reserve(reserve).wait().unwrap().outcome == Outcome::Refused);
            }
        })
    };
    (0..threads).map(work).collect()
}

/// Pairs whose last line is one of so many accounts.
pub fn ledger_random(accounts: usize) -> Vec<Work> {
    let ledger = MemoryLedger::new();
    let tenant = tenant(0);
    let books = books(&tenant, 4);
    let claims: Vec<Claim> = (0..accounts).map(|leaf| claim(&tenant, &books, leaf, i64::MAX)).collect();
    let note = Note::default();
    for claim in &claims {
        pair(&ledger, claim, &[1; 4], &note);
    }
    let mut random = Random(2);
    vec![Box::new(move |iterations| {
        for _ in 0..iterations {
            pair(&ledger, &claims[random.below(claims.len())], &[1_000; 4], &note);
        }
    })]
}

/// What two threads that share nothing can do.
pub fn independent_arithmetic() -> Vec<Work> {
    let work = |seed: u64| -> Work {
        let mut random = Random(seed);
        Box::new(move |iterations| {
            for _ in 0..iterations * 20 {
                black_box(random.below(1_000));
            }
        })
    };
    vec![work(1), work(2)]
}

/// Four scopes, each with a day and a month in dollars.
fn four_scopes(limit: Usd) -> Policy {
    let kinds = [ScopeKind::Organization, ScopeKind::Team, ScopeKind::Project, ScopeKind::User];
    let budgets = kinds.into_iter().flat_map(|kind| {
        let day = Budget::each_usd(format!("{kind} day"), kind.clone(), limit, Window::day());
        [day, Budget::each_usd(format!("{kind} month"), kind, limit, Window::month())]
    });
    Policy::new(budgets).unwrap()
}

fn enforcer(limit: Usd) -> Enforcer {
    Enforcer::builder().policy(four_scopes(limit)).ledger(MemoryLedger::new()).build()
}

fn call(organization: &str, user: &str) -> Call {
    Call::new("gpt-4o").organization(organization).team("search").project("index").user(user)
}

/// A charge set that the caller keeps.
pub fn prepared_path(threads: usize) -> Vec<Work> {
    let enforcer = enforcer(Usd::MAX);
    let work = |_| -> Work {
        let prepared = enforcer.prepare(&call("acme", "ada")).unwrap();
        Box::new(move |iterations| {
            for _ in 0..iterations {
                let reservation = prepared.reserve(1_000, 200).wait().unwrap().or_refusal().unwrap();
                drop(black_box(reservation.send().reconcile(Usage::of(1_000, 150)).wait().unwrap()));
            }
        })
    };
    (0..threads).map(work).collect()
}

/// A call that is named anew each time.
pub fn string_path(threads: usize) -> Vec<Work> {
    let enforcer = enforcer(Usd::MAX);
    let work = |_| -> Work {
        let enforcer = enforcer.clone();
        Box::new(move |iterations| (0..iterations).for_each(|_| from_strings(&enforcer, "ada")))
    };
    (0..threads).map(work).collect()
}

fn from_strings(enforcer: &Enforcer, user: &str) {
    let call = call(black_box("acme"), black_box(user)).input_tokens(1_000).output_tokens(200);
    let reservation = enforcer.reserve(&call).wait().unwrap().or_refusal().unwrap();
    drop(black_box(reservation.send().reconcile(Usage::of(1_000, 150)).wait().unwrap()));
}

/// The same for one of so many users.
pub fn string_path_random(users: usize) -> Vec<Work> {
    let enforcer = enforcer(Usd::MAX);
    let names: Vec<String> = (0..users).map(|user| format!("user-{user}")).collect();
    names.iter().for_each(|name| from_strings(&enforcer, name));
    let mut random = Random(3);
    vec![Box::new(move |iterations| {
        for _ in 0..iterations {
            from_strings(&enforcer, &names[random.below(names.len())]);
        }
    })]
}

/// A call that no budget has room for; the decision is made and not formatted.
pub fn refused_path(threads: usize) -> Vec<Work> {
    let enforcer = enforcer(Usd::from_nanos(1));
    let work = |_| -> Work {
        let prepared = enforcer.prepare(&call("acme", "ada")).unwrap();
        Box::new(move |iterations| {
            for _ in 0..iterations {
                assert!(!black_box(prepared.reserve(1_000, 200).wait().unwrap()).is_admitted());
            }
        })
    };
    (0..threads).map(work).collect()
}

/// Two levels, as the peer has them.
pub fn two_levels() -> Vec<Work> {
    let fleet = Budget::each_usd("fleet", ScopeKind::Organization, Usd::MAX, Window::lifetime());
    let agents = Budget::each_usd("agents", ScopeKind::Agent, Usd::MAX, Window::lifetime());
    let enforcer = Enforcer::builder().policy(Policy::new([fleet, agents]).unwrap()).build();
    let prepared = enforcer.prepare(&Call::new("gpt-4o").organization("acme").agent("coder")).unwrap();
    vec![Box::new(move |iterations| {
        for _ in 0..iterations {
            let reservation = prepared.reserve(1_000, 200).wait().unwrap().or_refusal().unwrap();
            drop(black_box(reservation.send().reconcile(Usage::of(1_000, 150)).wait().unwrap()));
        }
    })]
}

pub fn clock() -> Vec<Work> {
    vec![Box::new(|iterations| {
        for _ in 0..iterations {
            black_box(SystemClock.now());
        }
    })]
}

pub fn cost_by_name() -> Vec<Work> {
    let prices = PricingTable::bundled();
    let now = SystemClock.now();
    let usage =
        Usage::of(10_000, 500).with_cached_input(4_000).with_cache_write_5m(1_000).with_cache_write_1h(500);
    vec![Box::new(move |iterations| {
        for _ in 0..iterations {
            let price = prices.find(None, black_box("claude-sonnet-4-5"), now).unwrap();
            black_box(price.cost(&usage, &Default::default()).unwrap().total());
        }
    })]
}

fn conversation(messages: usize, bytes: usize) -> Prompt {
    let text =
        |number: usize| format!("{number}: the quick brown fox jumps over the lazy dog. ").repeat(bytes / 50);
    Prompt { messages: (0..messages).map(|number| Message::user(text(number))).collect(), tools: Vec::new() }
}

pub fn byte_bound() -> Vec<Work> {
    let prompt = conversation(100, 10_000);
    vec![Box::new(move |iterations| {
        for _ in 0..iterations {
            black_box(ByteBoundEstimator.bound("gpt-4o", black_box(&prompt)));
        }
    })]
}

pub fn estimate_again() -> Vec<Work> {
    let prompt = conversation(100, 1_000);
    let estimator = token_budget::tokens::TiktokenEstimator::new();
    black_box(estimator.count("gpt-4o", &prompt));
    vec![Box::new(move |iterations| {
        // A hundredth of the iterations, weighed as one: hashing 100 KB takes microseconds.
        for _ in 0..iterations.div_ceil(100) {
            for _ in 0..100.min(iterations) {
                black_box(estimator.count("gpt-4o", black_box(&prompt)));
            }
        }
    })]
}
