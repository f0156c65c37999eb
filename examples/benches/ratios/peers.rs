//! The peers, used as their own documentation shows.

use std::hint::black_box;
use std::num::NonZeroU32;
use std::sync::Arc;

use governor::{Quota, RateLimiter};
use llm_budget::{FleetAllocator, ModelTier};

use crate::timing::Work;

/// A quota that none of these loops can reach: a thousand million a second.
fn quota() -> Quota {
    Quota::per_second(NonZeroU32::new(1_000_000_000).unwrap())
}

/// One check for each of `levels` keys: what four rate limits in a row cost.
pub fn governor_u64(levels: u64, threads: usize) -> Vec<Work> {
    let limiter = Arc::new(RateLimiter::<u64, _, _>::dashmap(quota()));
    let work = || -> Work {
        let limiter = Arc::clone(&limiter);
        Box::new(move |iterations| {
            for _ in 0..iterations {
                for key in 0..levels {
                    assert!(limiter.check_key(black_box(&key)).is_ok());
                }
            }
        })
    };
    (0..threads).map(|_| work()).collect()
}

/// One check of a random key out of so many.
pub fn governor_string(keys: usize) -> Vec<Work> {
    let limiter = RateLimiter::<String, _, _>::dashmap(quota());
    let names: Vec<String> = (0..keys).map(|key| format!("user-{key}")).collect();
    for name in &names {
        assert!(limiter.check_key(name).is_ok());
    }
    let mut random = Random(1);
    vec![Box::new(move |iterations| {
        for _ in 0..iterations {
            let name = &names[random.below(names.len())];
            assert!(limiter.check_key(black_box(name)).is_ok());
        }
    })]
}

/// A priced charge on two levels; it neither reserves nor reconciles.
pub fn llm_budget() -> Vec<Work> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let fleet = Arc::new(FleetAllocator::new(1e9, ModelTier::Premium, 0.0).unwrap());
    fleet.register_agent("coder", 9e8).unwrap();
    vec![Box::new(move |iterations| {
        runtime.block_on(async {
            for _ in 0..iterations {
                let charged =
                    fleet.charge_agent_model(black_box("coder"), "gpt-4o", 1_000, 200, None, None).await;
                assert!(charged.is_ok());
            }
        });
    })]
}

/// A small generator of numbers, the same in every run.
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % bound as u64) as usize
    }
}
