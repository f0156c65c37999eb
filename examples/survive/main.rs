//! Kills a process in the middle of its work, and compares the books with what it had been told.
//!
//! A child of this program makes calls on four threads and says each answer of the ledger as it
//! comes. It is killed with `kill -9`, the file is opened again, and everything it
//! had been told must stand there: no charge lost, none invented. What was on its way may stand there or
//! not, whole in either case. Holds of the dead end by their age, charged what they held.
//!
//! ```text
//! cargo run --example survive             # three kills
//! cargo run --example survive -- 200      # so many
//! cargo run --example survive -- spend books.db
//! ```
//!
//! The last form spends one budget of $10, in as many terminals at once as one likes.

use std::error::Error;

#[cfg(feature = "sqlite")]
mod kill;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

#[cfg(feature = "sqlite")]
fn main() -> Outcome<()> {
    kill::run()
}

/// Books in a file need the feature `sqlite`: cargo is asked to build it in and to run this again.
#[cfg(not(feature = "sqlite"))]
fn main() -> Outcome<()> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let mut again = std::process::Command::new(cargo);
    again
        .args(["run", "--quiet", "--example", "survive", "--features", "sqlite", "--"])
        .args(std::env::args().skip(1));
    if again.status()?.success() {
        Ok(())
    } else {
        Err("the example with the feature `sqlite` failed".into())
    }
}
