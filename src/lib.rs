//! Budgets for LLM calls that hold.

mod clock;
mod error;
mod message;
mod money;
mod usage;
mod window;

pub use clock::{Clock, ManualClock, SystemClock, Timestamp};
pub use error::{Error, ErrorKind};
pub use message::{Input, Message, Part, Prompt};
pub use money::Usd;
pub use usage::{ServerToolRequests, Usage};
pub use window::{Period, Window};
