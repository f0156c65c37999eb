//! Does it answer like the reference model? A short game for every run; a long one is [`Differential`]'s.
//!
//! The laws before this one each try one promise. Random commands try their combinations:
//! a retry of a reserve whose hold expired while its scope was frozen, and a thousand
//! others that nobody would write down.

use super::*;
use crate::testing::conformance::Differential;

/// Five games.
const COMMANDS: u64 = 2_000;

/// Catches whatever no law names. The message shows the command, the ledger's answer, and
/// the model's.
pub(crate) fn every_command_is_answered_like_the_reference_model(ground: &Ground<'_>) -> Held {
    play(ground, 1)
}

/// Catches state that two tenants share: four threads play a tenant each, and every one
/// must answer as if it were alone.
pub(crate) fn tenants_that_are_used_at_once_answer_like_a_model_each(ground: &Ground<'_>) -> Held {
    play(ground, 4)
}

/// Plays so many threads, from the seed of this ground.
fn play(ground: &Ground<'_>, threads: usize) -> Held {
    let games = Differential::of(ground.factory).seed(ground.seed).commands(COMMANDS).threads(threads);
    match games.play() {
        Ok(_) => Ok(()),
        Err((_, why)) if why.is_unsupported => Err(why),
        Err((difference, _)) => Err(Why::new(difference.to_string())),
    }
}
