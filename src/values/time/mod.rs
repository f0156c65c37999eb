//! Instants, clocks, and the windows in which a budget counts.
//!
//! | type | what it is |
//! | --- | --- |
//! | [`Timestamp`] | an instant, in nanoseconds |
//! | [`Clock`](crate::Clock), [`SystemClock`], [`ManualClock`] | who tells the time: the machine, or a test |
//! | [`Window`](crate::Window) | the rule by which time is cut: a month in Berlin, the last hour |
//! | [`Period`] | one piece that a window cuts, with the number by which a ledger knows it |
//!
//! # Example: one instant, three windows
//! ```
//! use token_budget::Window;
//! use token_budget::time::Timestamp;
//!
//! let at: Timestamp = "2026-11-30T23:30:00Z".parse()?;
//! let month = Window::month();
//! assert_eq!(month.label(month.period(at).number), "2026-11");
//!
//! let berlin = Window::month().in_zone("Europe/Berlin")?;
//! assert_eq!(berlin.label(berlin.period(at).number), "2026-12"); // half past midnight there
//!
//! let hour: Window = "1h".parse()?; // the last hour, whenever you ask
//! assert_eq!(hour.resets_at(at), None);
//! # Ok::<(), token_budget::Error>(())
//! ```

pub(crate) mod clock;
mod instant;
mod reading;
pub(crate) mod window;

pub use clock::{ManualClock, SystemClock};
pub use instant::Timestamp;
pub use window::Period;
