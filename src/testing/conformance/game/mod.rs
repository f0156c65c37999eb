//! Does a ledger answer every command like a model that is too plain to be wrong?
//!
//! The laws try what somebody thought of. This game tries what nobody thought of: it
//! draws commands from a seed, sends each one to the ledger and to the model, and
//! compares outcome, balances, thresholds, expiries, marks and errors. The model keeps
//! plain maps by name, sums over everything for each question, and shares no code with
//! any ledger, so the two can only agree by being right, or by the same misunderstanding.
//!
//! | file | its part |
//! | --- | --- |
//! | `deal`, `remark`, `time` | which command comes next, what it says, and when |
//! | `ask` | sends it to both |
//! | `play` | compares |
//! | `hands` | changes handles, kills the process |
//! | `model`, `known`, `ending`, `tally`, `journal` | the model: reserve and resize, how holds end, what the books and the journal say |
//! | `answer` | what is compared |
//! | `seen` | whether the game tried what it should |
//!
//! The laws play short games (400 commands on empty books), because a short game makes a
//! breach short to read. What shows only once in a thousand times, or once something has
//! been forgotten, needs a long one: [`Differential::in_games_of`] plays as many commands as
//! one likes on the same books.

#![expect(clippy::arithmetic_side_effects, reason = "a game's figures are small, and all its own")]

mod answer;
mod ask;
mod deal;
mod ending;
mod hands;
mod journal;
mod known;
mod model;
mod play;
mod remark;
mod seen;
mod tally;
mod time;

use std::fmt;
use std::sync::Arc;
use std::thread;

use self::play::{Game, Table};
pub use self::seen::Seen;
use super::Factory;
use super::books::Ground;
use super::claims::tenant_of;
use super::law::seed;
use super::left_out::left_out;
use super::why::{Held, Why};
use crate::testing::dice::Dice;

/// Plays random commands against a ledger and a reference model, and compares every
/// answer.
///
/// Few accounts, so that commands collide; days that end, windows that roll, clocks that
/// jump by a second or by 400 days, limits and thresholds that move, holds that expire, two
/// handles if processes may share the books, and a process that is killed if the ledger is
/// durable. The ledger must take a clock and must remember ids for an hour. What it leaves
/// out (rolling windows, thresholds, resizing, marks, postings, refunds) is not dealt, and the
/// game goes on with the rest. The suite plays 2,000 commands in each of its two model laws;
/// play more before a release, and play them on the same books
/// ([`in_games_of`](Self::in_games_of)).
///
/// # Example: ten thousand commands from a seed, on four threads
/// ```
/// use token_budget::testing::conformance::{Differential, Maker};
/// use token_budget::MemoryLedger;
///
/// let memory = Maker::new("memory", |clock| MemoryLedger::with_clock(clock));
/// let played = Differential::of(&memory).seed(7).commands(10_000).threads(4).run()?;
/// assert!(played.seen.has_all(), "every kind of answer came: {:?}", played.seen);
/// # Ok::<(), token_budget::testing::conformance::Difference>(())
/// ```
#[derive(Clone, Copy)]
#[must_use = "nothing is played until it is run"]
pub struct Differential<'a> {
    /// Where books come from.
    factory: &'a dyn Factory,
    /// The seed of the first game.
    seed: u64,
    /// How many commands are played in all.
    commands: u64,
    /// On how many threads, each with a tenant of its own.
    threads: usize,
    /// How many commands are played on the same books.
    in_a_game: u64,
}

/// What was played without a difference.
///
/// No difference proves little if the commands were dull: look at [`seen`](Self::seen)
/// too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Played {
    /// How many commands, whole games counted.
    pub commands: u64,
    /// The seed of the first game; each game after it has the next one.
    pub seed: u64,
    /// How often each kind of answer came.
    pub seen: Seen,
}

/// The first answer of the ledger that is not the model's.
///
/// Its `Display` shows the command, both answers and the seed. To debug, play that seed
/// alone: `Differential::of(&factory).seed(seed).commands(1)`, in games as long as before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The seed that shows it in the first game.
    pub seed: u64,
    /// How many commands that game has at most.
    pub commands: u64,
    /// The command, what the ledger said, and what the model says.
    pub reason: String,
}

/// Each game begins with empty books, and is short unless [`Differential::in_games_of`] says otherwise.
const COMMANDS_IN_A_GAME: u64 = 400;

/// How many commands each thread sends before time moves for all of them. Time must stand
/// still while threads play, because a model that is a nanosecond ahead of its ledger
/// answers otherwise.
const COMMANDS_AT_ONCE: u64 = 20;

impl<'a> Differential<'a> {
    /// Ten thousand commands on one thread. The seed is the one that `TOKEN_BUDGET_SEED`
    /// names, else a fixed one.
    pub fn of(factory: &'a dyn Factory) -> Self {
        Self { factory, seed: seed(), commands: 10_000, threads: 1, in_a_game: COMMANDS_IN_A_GAME }
    }

    /// Begins with that seed; each game has the next one.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Plays so many commands in all, rounded up to whole games.
    pub fn commands(mut self, commands: u64) -> Self {
        self.commands = commands;
        self
    }

    /// Plays so many commands on the same books before it begins anew; 400 unless this says otherwise.
    ///
    /// In a long game counters run over, tables grow, and what is old is forgotten. The model forgets as well what the
    /// game does not ask for any more, so a long game costs no more than as many short ones.
    pub fn in_games_of(mut self, commands: u64) -> Self {
        self.in_a_game = commands.max(1);
        self
    }

    /// Plays on so many threads at once, each in the books of a tenant of its own, with a
    /// handle of its own. Differences then show what tenants share.
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = threads.max(1);
        self
    }

    /// Plays until everything is played or an answer differs.
    ///
    /// # Errors
    /// The first difference, with the seed that shows it again; also if the ledger does not take a clock.
    pub fn run(self) -> Result<Played, Difference> {
        self.play().map_err(|(difference, _)| difference)
    }

    /// Plays; a difference says also whether the ledger only lacked something.
    pub(super) fn play(self) -> Result<Played, (Difference, Why)> {
        let difference =
            |seed, why: Why| (Difference { seed, commands: self.in_a_game, reason: why.to_string() }, why);
        if !self.factory.offers().time {
            return Err(difference(
                self.seed,
                Why::new("a game moves the clock, and this ledger keeps its own"),
            ));
        }
        let left_out = left_out(self.factory).map_err(|why| difference(self.seed, why))?;
        let games = self.commands.div_ceil(self.in_a_game);
        let mut seen = Seen::default();
        for number in 0..games {
            let seed = self.seed.wrapping_add(number);
            let ground = Ground::new(self.factory, seed).without(left_out.clone());
            let played = if self.threads == 1 { self.alone(&ground) } else { self.together(&ground) };
            seen.add(&played.map_err(|why| difference(seed, why))?);
        }
        Ok(Played { commands: games * self.in_a_game, seed: self.seed, seen })
    }

    /// What kind of ledger is played with.
    fn table(&self, ground: &Ground<'_>) -> Table {
        let offers = self.factory.offers();
        let (keeps_past, over_a_wire) = (offers.past_periods, offers.faults);
        Table { left_out: ground.left_out().clone(), keeps_past, over_a_wire }
    }

    /// One game on one thread: commands, sometimes a crash, and after each command as
    /// many open holds as the model has.
    fn alone(&self, ground: &Ground<'_>) -> Held<Seen> {
        let books = ground.books()?;
        let durable = books.is_durable();
        let shared = Arc::clone(&books.shared);
        let mut game = Game::new(Dice::new(ground.seed), books, self.table(ground)).with_a_second_handle()?;
        for _ in 0..self.in_a_game {
            game.let_time_pass(true)?;
            game.change_hands()?;
            game.play()?;
            game.open_holds().map_or(Ok(()), |open| shared.open_holds_are(open))?;
            if durable {
                game = game.crash_by_chance()?;
            }
        }
        game.finish()?;
        shared.open_holds_are(0)?;
        Ok(game.seen)
    }

    /// One game on several threads: a tenant and a model for each, one clock for all.
    fn together(&self, ground: &Ground<'_>) -> Held<Seen> {
        let books = ground.books()?;
        let shared = Arc::clone(&books.shared);
        let begin = |thread: usize| -> Held<Game> {
            let books = books.another()?.of_tenant(tenant_of(&format!("thread{thread}")));
            let seed = ground.seed ^ (thread as u64).wrapping_mul(0xd6e8_feb8_6659_fd93);
            Ok(Game::new(Dice::new(seed), books, self.table(ground)))
        };
        let mut games = (0..self.threads).map(begin).collect::<Held<Vec<Game>>>()?;
        let rounds = self.in_a_game.div_ceil(COMMANDS_AT_ONCE * self.threads as u64);
        for _ in 0..rounds {
            games.first_mut().map_or(Ok(()), |game| game.let_time_pass(false))?;
            play_at_once(&mut games)?;
            let open: Option<usize> = games.iter().map(Game::open_holds).sum();
            open.map_or(Ok(()), |open| shared.open_holds_are(open))?;
        }
        let mut seen = Seen::default();
        for game in &mut games {
            game.finish()?;
            seen.add(&game.seen);
        }
        Ok(seen)
    }
}

/// Every game plays on a thread of its own, while the clock stands still.
fn play_at_once(games: &mut [Game]) -> Held {
    let play = |game: &mut Game| (0..COMMANDS_AT_ONCE).try_for_each(|_| game.play());
    let played: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> = games.iter_mut().map(|game| scope.spawn(move || play(game))).collect();
        threads.into_iter().map(thread::ScopedJoinHandle::join).collect()
    });
    for played in played {
        played.map_err(|panic| Why::panicked(&*panic))??;
    }
    Ok(())
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, commands, reason } = self;
        write!(
            f,
            "the ledger does not answer like the model; with the seed {seed}, within {commands} commands:\n{reason}"
        )
    }
}

impl std::error::Error for Difference {}

impl fmt::Debug for Differential<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, commands, threads, .. } = self;
        write!(
            f,
            "Differential {{ {}, seed: {seed}, commands: {commands}, threads: {threads} }}",
            self.factory.name()
        )
    }
}
