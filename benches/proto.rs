use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, Instant};
use token_budget::ledger::*;
use token_budget::*;
fn main() {
    let root = Root::unnamed();
    let ledger = MemoryLedger::new();
    for n in [4usize, 8] {
        let lines: Vec<Line> = (0..n)
            .map(|i| {
                let book = Arc::new(Book {
                    root: root.clone(),
                    budget: format!("b{i}").into(),
                    unit: Unit::Usd,
                    window: "day".into(),
                });
                Line {
                    account: Account::new(book, Scope::user(format!("u{i}")).unwrap()),
                    period: Period { number: 3, from: Timestamp::MIN, until: Timestamp::MAX, span: 1 },
                    ceiling: i64::MAX / 2,
                    marks: [Mark { at: i64::MAX / 4, tier: 0 }, Mark { at: i64::MAX / 3, tier: 1 }]
                        .into_iter()
                        .collect(),
                }
            })
            .collect();
        let claim = Claim::new(root.clone(), &[], lines).unwrap();
        let amounts = vec![1000i64; n];
        let note = Note::default();
        let im = ledger.immediate().unwrap();
        let lim: governor::RateLimiter<u64, _, _> = governor::RateLimiter::dashmap(
            governor::Quota::per_second(NonZeroU32::new(1_000_000_000).unwrap()),
        );
        for _ in 0..6 {
            let t = Instant::now();
            let k = 1_000_000u32;
            for _ in 0..k {
                let now = im.now();
                let id = ReservationId::generate(now);
                let r = im
                    .reserve(
                        now,
                        Reserve {
                            id,
                            claim: &claim,
                            amounts: &amounts,
                            expires_at: now + Duration::from_secs(300),
                            on_expiry: OnExpiry::Hold,
                            note: &note,
                        },
                    )
                    .unwrap();
                std::hint::black_box(&r);
                let now = im.now();
                let r = im
                    .reconcile(
                        now,
                        Reconcile { id, claim: &claim, amounts: &amounts, rank: Rank::Reported, note: &note },
                    )
                    .unwrap();
                std::hint::black_box(&r);
            }
            let a = t.elapsed() / k;
            let t = Instant::now();
            for _ in 0..k {
                for key in 0..4u64 {
                    assert!(lim.check_key(&key).is_ok());
                }
            }
            let b = t.elapsed() / k;
            let t = Instant::now();
            for _ in 0..k {
                std::hint::black_box(im.now());
            }
            let c = t.elapsed() / k;
            println!(
                "{n} lines pair {a:?} governor4 {b:?} ratio {:.3} clock {c:?}",
                a.as_nanos() as f64 / b.as_nanos() as f64
            );
        }
    }
}
