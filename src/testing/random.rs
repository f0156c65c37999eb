//! Which reply does chance draw?
//!
//! Faults are far more frequent than in production: 26 replies of 100 go wrong, so that a
//! few hundred calls meet every fault. Each request has a generator of its own, made from
//! seed and number: what request 7 gets does not depend on what requests 1 to 6 asked.

use std::time::Duration;

use super::dice::Dice;
use super::reply::Reply;
use crate::Usage;

impl Reply {
    /// The reply that a [random provider](super::ScriptedProvider::random) of that seed gives to its request of that number.
    ///
    /// | of 100 | what |
    /// | --- | --- |
    /// | 58 | a text of 1 to 200 tokens, without a fault |
    /// | 6 | a call of a tool after a short text |
    /// | 4 | a text after up to 100 tokens of reasoning |
    /// | 2 | an input of which half is read from a cache |
    /// | 2, 2 | a latency of 1 to 5 ms; a pause of 1 ms between frames |
    /// | 4, 2, 1, 2 | 429 with `Retry-After`, 400, 503, 529 |
    /// | 2, 1 | 500; 500 that is billed all the same |
    /// | 4 | a reset after 0 to 2,000 bytes of the body |
    /// | 3, 2, 1 | usage that is missing, zero, or wrong |
    /// | 2, 2 | a malformed body, a body without its end |
    pub fn random(seed: u64, number: u64) -> Self {
        let mut dice = Dice::new(seed ^ number.wrapping_mul(0xd6e8_feb8_6659_fd93));
        let text = Self::tokens(dice.size(1, 200));
        match dice.size(0, 99) {
            0..58 => text,
            58..64 => {
                Self::tokens(dice.size(0, 20)).with_tool_call("look_up", r#"{"place": "Kiel", "days": 3}"#)
            }
            64..68 => text.reasoning(dice.below(101)),
            68..70 => text.input(12).cached_input(6),
            70..72 => text.latency(Duration::from_millis(dice.below(5).saturating_add(1))),
            72..74 => text.pause(Duration::from_millis(1)),
            74..78 => Self::status(429).retry_after(Duration::from_secs(1)),
            78..80 => Self::status(400),
            80 => Self::status(503),
            81..83 => Self::status(529),
            83..85 => Self::status(500),
            85 => Self { refusal: Self::status(500).refusal, ..text }.billed(),
            86..90 => text.reset_after(dice.size(0, 2_000)),
            90..93 => text.usage_missing(),
            93..95 => text.usage_zero(),
            95 => text.usage_wrong(Usage::of(7, 3)),
            96..98 => text.malformed(),
            _ => text.without_final_frame(),
        }
    }
}
