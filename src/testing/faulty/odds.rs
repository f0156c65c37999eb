//! How often does which thing go wrong on the way to a ledger?
//!
//! The odds are per hundred commands and exclude one another; a delay comes on top. Their
//! sum is meant to be 100 at most: what exceeds it never happens, because the fates are
//! tried in the order of the fields.

use crate::testing::dice::Dice;

/// How many commands of a hundred meet which fault; the rest arrive as they should.
///
/// # Example: a store that is away, and one that hears and cannot answer
/// ```
/// use token_budget::testing::Odds;
///
/// assert_eq!(Odds::AWAY, Odds { lost: 100, ..Odds::ALL_WELL });
/// assert_eq!(Odds::DEAF, Odds { answer_lost: 100, ..Odds::ALL_WELL });
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Odds {
    /// The command does not arrive, and its sender gets no answer.
    pub lost: u8,
    /// The command is executed, and its answer does not arrive.
    pub answer_lost: u8,
    /// The sender gets no answer, and the command arrives later: before or after its retry.
    pub late: u8,
    /// The command arrives twice, one after the other.
    pub repeated: u8,
    /// The command arrives, and a copy of it once more, later.
    pub echoed: u8,
    /// The command, or its answer, is slow; this combines with any of the others.
    pub delayed: u8,
}

/// What happens to one command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is executed, and its answer arrives.
    Arrives,
    /// It does not arrive.
    Lost,
    /// It is executed; its answer does not arrive.
    AnswerLost,
    /// Its sender hears nothing; it arrives later.
    Late,
    /// It arrives twice at once.
    Repeated,
    /// It arrives, and a copy later.
    Echoed,
}

impl Odds {
    /// Every command arrives once, and so does every answer.
    pub const ALL_WELL: Self = Self { lost: 0, answer_lost: 0, late: 0, repeated: 0, echoed: 0, delayed: 0 };
    /// No command arrives: the store is away.
    pub const AWAY: Self = Self { lost: 100, ..Self::ALL_WELL };
    /// Every command is executed, and no answer arrives.
    pub const DEAF: Self = Self { answer_lost: 100, ..Self::ALL_WELL };
    /// One command in three meets a fault.
    pub const BAD_DAY: Self = Self { lost: 6, answer_lost: 6, late: 5, repeated: 8, echoed: 8, delayed: 30 };

    /// Draws one number, and finds the fate whose share it falls into: with `lost: 6,
    /// answer_lost: 6` the numbers 0 to 5 are lost, 6 to 11 lose their answer.
    pub(super) fn draw(&self, dice: &mut Dice) -> Fate {
        let drawn = dice.below(100);
        let fates = [
            (self.lost, Fate::Lost),
            (self.answer_lost, Fate::AnswerLost),
            (self.late, Fate::Late),
            (self.repeated, Fate::Repeated),
            (self.echoed, Fate::Echoed),
        ];
        let mut below = 0_u64;
        for (odds, fate) in fates {
            below = below.saturating_add(u64::from(odds));
            if drawn < below {
                return fate;
            }
        }
        Fate::Arrives
    }
}

impl Default for Odds {
    /// A bad day.
    fn default() -> Self {
        Self::BAD_DAY
    }
}
