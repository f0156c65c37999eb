//! How long does a reserve with its reconcile take, beside four checks of governor?

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::arithmetic_side_effects,
    clippy::float_arithmetic,
    clippy::indexing_slicing,
    reason = "a measurement may stop the program, and reads the machine's clock"
)]

use std::num::NonZeroU32;
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use token_budget::ledger::*;
use token_budget::*;

const ROUNDS: u32 = 200_000;

fn claim(root: &Root, n: usize, ceiling: i64) -> Claim {
    let line = |i: usize| {
        let book = Arc::new(Book {
            root: root.clone(),
            budget: format!("b{i}").into(),
            unit: Unit::Usd,
            window: "day".into(),
        });
        let marks = [Mark { at: i64::MAX / 4, tier: 0 }, Mark { at: i64::MAX / 3, tier: 1 }];
        Line {
            account: Account::new(book, Scope::user(format!("u{i}")).unwrap()),
            period: Period { number: 3, from: Timestamp::MIN, until: Timestamp::MAX, span: 1 },
            ceiling,
            marks: marks.into_iter().collect(),
        }
    };
    Claim::new(root.clone(), &[], (0..n).map(line).collect()).unwrap()
}

fn pairs(im: &dyn ImmediateLedger, claim: &Claim, note: &Note) -> f64 {
    let amounts = vec![1000_i64; claim.lines().len()];
    let start = Instant::now();
    for _ in 0..ROUNDS {
        let now = im.now();
        let id = ReservationId::generate(now);
        let expires_at = now + Duration::from_secs(300);
        let on_expiry = OnExpiry::Hold;
        let reserve = Reserve { id, claim, amounts: &amounts, expires_at, on_expiry, note };
        let reply = im.reserve(now, reserve);
        if std::hint::black_box(&reply).as_ref().unwrap().outcome == Outcome::Applied {
            let rank = Rank::Reported;
            let reconcile = Reconcile { id, claim, amounts: &amounts, rank, note };
            let reply = im.reconcile(im.now(), reconcile);
            std::hint::black_box(&reply).as_ref().unwrap();
        }
    }
    start.elapsed().as_nanos() as f64 / f64::from(ROUNDS)
}

fn two(work: impl Fn(usize) -> f64 + Sync) -> f64 {
    let barrier = Barrier::new(2);
    std::thread::scope(|scope| {
        let run = |i| {
            let (barrier, work) = (&barrier, &work);
            scope.spawn(move || {
                barrier.wait();
                work(i)
            })
        };
        let threads = [run(0), run(1)];
        threads.map(|thread| thread.join().unwrap()).iter().sum::<f64>() / 2.0
    })
}

fn main() {
    let about = About { model: "gpt-4o".into(), price: "2026-11-01".into(), ..About::default() };
    let note = || Note { about: Some(Arc::new(about.clone())), ..Note::default() };
    let notes = [note(), note()];
    let roots = ["a", "b"].map(|name| Root::organization(&Scope::organization(name).unwrap()));
    let ledger = MemoryLedger::new();
    let im = ledger.immediate().unwrap();
    let four = [claim(&roots[0], 4, i64::MAX / 2), claim(&roots[1], 4, i64::MAX / 2)];
    let eight = claim(&roots[0], 8, i64::MAX / 2);
    let refused = claim(&roots[0], 4, 999);
    let quota = governor::Quota::per_second(NonZeroU32::new(1_000_000_000).unwrap());
    let limiter: governor::RateLimiter<u64, _, _> = governor::RateLimiter::dashmap(quota);
    let governor = || {
        let start = Instant::now();
        for _ in 0..ROUNDS {
            for key in 0..4_u64 {
                assert!(limiter.check_key(&key).is_ok());
            }
        }
        start.elapsed().as_nanos() as f64 / f64::from(ROUNDS)
    };
    let clock = || {
        let start = Instant::now();
        for _ in 0..ROUNDS {
            std::hint::black_box(im.now());
        }
        start.elapsed().as_nanos() as f64 / f64::from(ROUNDS)
    };
    let pair = |root: usize, thread: usize| pairs(im, &four[root], &notes[thread]);
    type Case<'a> = (&'a str, Box<dyn Fn() -> f64 + 'a>);
    let cases: [Case<'_>; 9] = [
        ("governor x4", Box::new(governor)),
        ("pair, 4 lines", Box::new(|| pair(0, 0))),
        ("pair, 8 lines", Box::new(|| pairs(im, &eight, &notes[0]))),
        ("refusal, 4 lines", Box::new(|| pairs(im, &refused, &notes[0]))),
        ("clock", Box::new(clock)),
        ("two threads, one root", Box::new(|| two(|i| pair(0, i)))),
        ("two threads, two roots", Box::new(|| two(|i| pair(i, i)))),
        ("two threads, arithmetic", Box::new(|| two(|_| arithmetic()))),
        ("one thread, arithmetic", Box::new(arithmetic)),
    ];
    let only = std::env::args().nth(1).filter(|name| !name.starts_with("--"));
    let mut times = vec![Vec::new(); cases.len()];
    let repeats = std::env::args().nth(2).map_or(15, |text| text.parse().unwrap());
    for _ in 0..repeats {
        for ((name, case), times) in cases.iter().zip(&mut times) {
            if only.as_deref().is_none_or(|only| name.contains(only)) {
                times.push(case());
            }
        }
    }
    ledger.verify().unwrap();
    let mut base = 0.0;
    for ((name, _), mut times) in cases.iter().zip(times).filter(|(_, times)| !times.is_empty()) {
        times.sort_by(f64::total_cmp);
        let median = times[times.len() / 2];
        if base == 0.0 {
            base = median;
        }
        println!("{name:26} min {:7.1} median {median:7.1} ratio {:.2}", times[0], median / base);
    }
}

/// Work that shares nothing: how well two threads can scale on this machine.
fn arithmetic() -> f64 {
    let start = Instant::now();
    let mut sum = 0_u64;
    for i in 0..u64::from(ROUNDS) * 60 {
        sum = std::hint::black_box(sum.wrapping_mul(31).wrapping_add(i));
    }
    std::hint::black_box(sum);
    start.elapsed().as_nanos() as f64 / f64::from(ROUNDS)
}
