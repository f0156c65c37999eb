//! Instants, clocks, and the windows in which a budget counts.

pub(crate) mod clock;
pub(crate) mod window;

pub use clock::{ManualClock, SystemClock, Timestamp};
pub use window::Period;
