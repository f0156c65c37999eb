//! Does the ledger answer like a model that is too plain to be wrong?
//!
//! Random commands over few accounts, so that they collide: the seed is
//! printed on failure and set by `TOKEN_BUDGET_SEED`, the number of commands
//! by `TOKEN_BUDGET_COMMANDS`. A million commands run where the build is
//! optimized; an unoptimized one would take a minute, and runs a fifth of it.

mod game;
mod model;
pub(crate) mod random;

use self::game::Game;
use self::random::Random;

/// Each game begins with empty books: the model looks at all it knows for every command.
const COMMANDS_IN_A_GAME: u64 = 400;

pub(crate) fn setting(name: &str, otherwise: u64) -> u64 {
    match std::env::var(name) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name}={text} is not a number")),
        Err(_) => otherwise,
    }
}

#[test]
fn the_ledger_answers_every_command_like_the_model() {
    play(setting("TOKEN_BUDGET_COMMANDS", if cfg!(debug_assertions) { 200_000 } else { 1_000_000 }));
}

/// Plays so many commands on the ledger and on the model.
pub(crate) fn play(commands: u64) {
    let seed = setting("TOKEN_BUDGET_SEED", 0x746f_6b65_6e73);
    let mut seen = game::Seen::default();

    for number in 0..commands.div_ceil(COMMANDS_IN_A_GAME) {
        let mut game = Game::new(Random::new(seed.wrapping_add(number)));
        let played = (0..COMMANDS_IN_A_GAME).try_for_each(|_| game.play()).and_then(|()| game.finish());
        if let Err(difference) = played {
            // The first game of this seed fails in the same way, alone.
            let seed = seed.wrapping_add(number);
            panic!("TOKEN_BUDGET_SEED={seed} TOKEN_BUDGET_COMMANDS={COMMANDS_IN_A_GAME}: {difference}");
        }
        seen.add(game.seen());
    }

    println!("{commands} commands, seed {seed}: {seen:?}");
    if commands >= 100_000 {
        seen.check_that_all_happened();
    }
}
