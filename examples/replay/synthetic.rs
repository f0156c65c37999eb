//! A day that never was: the same one on every machine.

use std::time::Duration;

use crate::trace::{DAY, Request, Trace, later};

const REQUESTS: u64 = 20_000;
const CLIENTS: usize = 8;

/// Twenty thousand calls of eight clients, the first of them the busiest.
pub(crate) fn day() -> Trace {
    let mut dice = SplitMix(2026);
    let mut requests: Vec<Request> = (0..REQUESTS).map(|_| request(&mut dice)).collect();
    requests.sort_by_key(|request| request.at);
    let clients = (0..CLIENTS).map(|number| format!("c{number}")).collect();
    Trace { requests, clients, skipped: 0 }
}

fn request(dice: &mut SplitMix) -> Request {
    // The later of two throws: a day that grows busier towards its evening.
    let second = dice.below(86_400).max(dice.below(86_400));
    let client = dice.below(8).min(dice.below(8));
    let input = dice.below(4_000).saturating_add(50);
    // The least of three throws: many short answers, a few long ones.
    let output = dice.below(2_000).min(dice.below(2_000)).min(dice.below(2_000)).saturating_add(1);
    Request {
        at: later(DAY, Duration::from_secs(second)),
        client: usize::try_from(client).unwrap_or(0),
        input,
        cached: dice.below(input),
        output,
        reasoning: 0,
    }
}

/// Steele, Lea and Flood's SplitMix64: a small generator, good enough for a made-up day.
struct SplitMix(u64);

impl SplitMix {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next().checked_rem(end).unwrap_or(0)
    }
}
