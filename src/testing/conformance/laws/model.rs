//! Does it answer like the reference model? A short game for every run; a long one is [`Differential`]'s.

use super::*;
use crate::testing::conformance::Differential;

/// Five games.
const COMMANDS: u64 = 2_000;

pub(crate) fn every_command_is_answered_like_the_reference_model(ground: &Ground<'_>) -> Held {
    play(ground, 1)
}

pub(crate) fn roots_that_are_used_at_once_answer_like_a_model_each(ground: &Ground<'_>) -> Held {
    play(ground, 4)
}

fn play(ground: &Ground<'_>, threads: usize) -> Held {
    let games = Differential::of(ground.factory).seed(ground.seed).commands(COMMANDS).threads(threads);
    match games.through(ground.door).play() {
        Ok(_) => Ok(()),
        Err((_, why)) if why.is_unsupported => Err(why),
        Err((difference, _)) => Err(Why::new(difference.to_string())),
    }
}
