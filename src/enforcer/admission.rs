//! What may the answer to asking for room be?

use crate::{Decision, Reservation};

/// What became of asking for room.
#[derive(Debug)]
#[must_use = "dropping an admission gives the room back"]
pub enum Admission {
    /// Room is held: send the call.
    Admitted(Reservation),
    /// At least one budget refuses: do not send it.
    Refused(Box<Decision>),
}

impl Admission {
    /// Whether room is held.
    #[must_use]
    pub fn is_admitted(&self) -> bool {
        matches!(self, Self::Admitted(_))
    }

    /// The reservation, or the refusal as an error.
    ///
    /// # Errors
    /// The decision, where a budget refuses.
    pub fn or_refusal(self) -> Result<Reservation, Box<Decision>> {
        match self {
            Self::Admitted(reservation) => Ok(reservation),
            Self::Refused(decision) => Err(decision),
        }
    }
}

impl std::error::Error for Decision {}
