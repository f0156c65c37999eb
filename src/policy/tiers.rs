//! At which shares of a limit does something happen?

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use crate::Error;
use crate::values::TierAction;

/// A share of a limit, and what happens there.
///
/// A tier is reached when spent, reserved and the call come to its threshold or above. Its threshold is the smallest whole figure that
/// is no less than the share, so that 33.3 % of 100 tokens is 34.
///
/// # Example: one third of a hundred tokens
/// ```
/// use token_budget::Tiers;
/// use token_budget::decision::TierAction;
/// use token_budget::policy::Tier;
///
/// let warn = Tier { percent: "33.3".parse().expect("a plain number"), action: TierAction::Warn };
/// let tiers = Tiers::new([warn])?;
/// assert_eq!(tiers.thresholds(100)?.as_slice(), [(TierAction::Warn, 34)]);
/// assert_eq!(tiers.thresholds(1_000)?.as_slice(), [(TierAction::Warn, 333)]);
/// # Ok::<(), token_budget::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tier {
    /// Percent of the limit: 80 is four fifths, 120 a fifth above it.
    #[serde(with = "percent")]
    pub percent: Decimal,
    /// What happens when spent, reserved and the call reach it.
    pub action: TierAction,
}

/// The tiers of a budget, lowest first.
///
/// Tiers decide, and people are told of them: each fires one event a window, when it is first reached, and the verdict of the
/// call that reaches it says so. A raise of the limit moves all thresholds with it.
///
/// *Plain* blocks what would go above the limit; landing on it is allowed.
/// A tier acts when its threshold is **reached**: a hard stop at 120 % refuses the
/// call that would land exactly on it. Tiers that name no stop keep that of the
/// plain budget: who adds a warning does not take the limit away. Only
/// [`warnings_only`](Self::warnings_only) and [`warnings`](Self::warnings) do.
///
/// # Example: a hybrid budget of $500
/// ```
/// use token_budget::decision::TierAction;
/// use token_budget::Tiers;
///
/// let thresholds = Tiers::hybrid().thresholds(500_000_000_000)?; // nano-dollars
/// assert_eq!(thresholds[1], (TierAction::Warn, 400_000_000_000));
/// assert_eq!(thresholds[3], (TierAction::Block, 600_000_000_000));
/// # Ok::<(), token_budget::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tiers {
    tiers: SmallVec<[Tier; 4]>,
    /// Nothing is blocked, by name.
    never_stops: bool,
}

/// The most tiers that a budget may have.
const TIERS_MAX: usize = 16;

impl Tiers {
    /// Blocks above the limit, and says nothing before.
    #[must_use]
    pub fn plain() -> Self {
        Self { tiers: SmallVec::new(), never_stops: false }
    }

    /// Soft warnings with a backstop: notice at 50 %, warn at 80 %, critical at 100 %, block at 120 %.
    #[must_use]
    pub fn hybrid() -> Self {
        Self::of([
            (50, TierAction::Notice),
            (80, TierAction::Warn),
            (100, TierAction::Critical),
            (120, TierAction::Block),
        ])
    }

    /// Green below 80 %, amber from 80 %, red at 150 %.
    #[must_use]
    pub fn traffic_light() -> Self {
        Self::of([(80, TierAction::Warn), (150, TierAction::Block)])
    }

    /// Notice at 50 %, warn at 80 %, critical at 100 %, and **no stop**: the limit is a figure for people.
    ///
    /// # Example: warned, and never stopped
    /// ```
    /// use token_budget::time::Timestamp;
    /// use token_budget::{Budget, Call, Policy, Scope, Tiers, Usd, Window};
    ///
    /// let month = |tiers| {
    ///     let budget = Budget::usd("search", Scope::team("search")?, Usd::dollars(500), Window::month());
    ///     let policy = Policy::new([budget.tiers(tiers)])?;
    ///     Ok::<_, token_budget::Error>(policy.bind(&Call::new("m").team("search"), Timestamp::EPOCH)?.terms[0].ceiling)
    /// };
    /// assert_eq!(month(Tiers::warnings_only())?, i64::MAX);
    /// assert_eq!(month(Tiers::plain())?, 500_000_000_000); // nano-dollars
    /// # Ok::<(), token_budget::Error>(())
    /// ```
    #[must_use]
    pub fn warnings_only() -> Self {
        let tiers = [(50, TierAction::Notice), (80, TierAction::Warn), (100, TierAction::Critical)];
        Self { never_stops: true, ..Self::of(tiers) }
    }

    /// Tiers of one's own and **no stop**: as [`warnings_only`](Self::warnings_only), at other shares.
    ///
    /// # Errors
    /// As [`Tiers::new`], and where there is no tier, or one that blocks.
    pub fn warnings(tiers: impl IntoIterator<Item = Tier>) -> Result<Self, Error> {
        let tiers = Self::new(tiers)?;
        if tiers.is_plain() || tiers.tiers.iter().any(|tier| tier.action == TierAction::Block) {
            return Err(Error::invalid("tiers", "are to warn only; name at least one, and none that blocks"));
        }
        Ok(Self { never_stops: true, ..tiers })
    }

    /// Warns from `soft` percent on and blocks at `hard` percent.
    ///
    /// The hard stop replaces the limit as the end: at 120 % a budget of $500 lets calls come up to just below $600. For a stop
    /// at the limit itself write 100, or leave the tiers plain, where a call may land on it.
    ///
    /// # Errors
    /// As [`Tiers::new`].
    pub fn soft_hard(soft: u32, hard: u32) -> Result<Self, Error> {
        let tier = |percent: u32, action| Tier { percent: percent.into(), action };
        Self::new([tier(soft, TierAction::Warn), tier(hard, TierAction::Block)])
    }

    /// Tiers of one's own. Where none of them blocks, the budget stops at its limit all the same.
    ///
    /// A tier's place is its name in the ledger, by which it fires once a window. So a tier that is put before others takes the
    /// place of one of them for the rest of the window: where that has fired, the new one will not.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) where percentages are not above zero, do not rise, or
    /// there are more than sixteen.
    pub fn new(tiers: impl IntoIterator<Item = Tier>) -> Result<Self, Error> {
        let tiers: SmallVec<[Tier; 4]> = tiers.into_iter().collect();
        if tiers.len() > TIERS_MAX {
            return Err(Error::invalid(
                "tiers",
                format!("{} tiers, a budget may have {TIERS_MAX}", tiers.len()),
            ));
        }
        let mut before = Decimal::ZERO;
        for tier in &tiers {
            if tier.percent <= before {
                return Err(Error::invalid(
                    "tiers",
                    format!("{} % after {before} % does not rise", tier.percent),
                ));
            }
            before = tier.percent;
        }
        Ok(Self { tiers, never_stops: false })
    }

    fn of<const N: usize>(tiers: [(i64, TierAction); N]) -> Self {
        let tier = |(percent, action): (i64, TierAction)| Tier { percent: percent.into(), action };
        Self { tiers: tiers.into_iter().map(tier).collect(), never_stops: false }
    }

    /// The tiers, lowest first; none for a plain budget.
    #[must_use]
    pub fn as_slice(&self) -> &[Tier] {
        &self.tiers
    }

    /// Whether this is the plain budget, which blocks above its limit.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.tiers.is_empty()
    }

    /// Whether nothing is ever blocked, by name.
    #[must_use]
    pub fn never_stop(&self) -> bool {
        self.never_stops
    }

    /// The most that may be spent under that limit: up to the limit, or below the threshold that blocks.
    ///
    /// # Errors
    /// As [`thresholds`](Self::thresholds).
    pub(crate) fn ceiling(&self, limit: i64) -> Result<i64, Error> {
        let stop = self.tiers.iter().find(|tier| tier.action == TierAction::Block);
        match stop {
            // Blocking at a threshold means that the largest figure below it is the last allowed.
            Some(tier) => Ok(threshold(limit, tier.percent)?.saturating_sub(1)),
            None if self.never_stops => Ok(i64::MAX),
            None => Ok(limit),
        }
    }

    /// Each tier's threshold for that limit, in the budget's unit: the smallest whole figure that reaches it.
    ///
    /// # Errors
    /// [`ErrorKind::Overflow`](crate::ErrorKind::Overflow) where a threshold does not fit into 64 bits.
    pub fn thresholds(&self, limit: i64) -> Result<SmallVec<[(TierAction, i64); 4]>, Error> {
        self.tiers.iter().map(|tier| Ok((tier.action, threshold(limit, tier.percent)?))).collect()
    }
}

fn threshold(limit: i64, percent: Decimal) -> Result<i64, Error> {
    let exact = Decimal::from(limit)
        .checked_mul(percent)
        .and_then(|product| product.checked_div(Decimal::ONE_HUNDRED));
    exact.and_then(|threshold| threshold.ceil().to_i64()).ok_or_else(|| Error::overflow("tiers"))
}

/// Percentages are written as numbers or plain decimal text, and read exactly.
mod percent {
    use rust_decimal::Decimal;
    use serde::{Deserialize, Deserializer, Serializer, de};

    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Whole(u32),
        Text(String),
    }

    pub(super) fn serialize<S: Serializer>(percent: &Decimal, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&percent.normalize())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Decimal, D::Error> {
        match Written::deserialize(deserializer) {
            Ok(Written::Whole(percent)) => Ok(percent.into()),
            Ok(Written::Text(text)) if text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') => {
                Decimal::from_str_exact(&text)
                    .map_err(|_| de::Error::custom(format!("percent: {text:?} is not a number")))
            }
            Ok(Written::Text(text)) => {
                Err(de::Error::custom(format!("percent: {text:?} is not a plain decimal number")))
            }
            Err(_) => {
                Err(de::Error::custom("percent: write a whole number, or decimal text such as \"99.5\""))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_threshold_is_the_smallest_figure_that_reaches_it() {
        assert_eq!(threshold(1_000, 80.into()).expect("fits"), 800);
        assert_eq!(threshold(999, 80.into()).expect("fits"), 800); // 799.2
        assert_eq!(threshold(0, 80.into()).expect("fits"), 0);
        assert!(threshold(i64::MAX, 101.into()).is_err());
    }

    #[test]
    fn tiers_that_do_not_rise_are_refused() {
        assert!(Tiers::soft_hard(80, 80).is_err());
        assert!(Tiers::soft_hard(120, 80).is_err());
        assert!(Tiers::soft_hard(0, 80).is_err());
        assert!(Tiers::soft_hard(80, 81).is_ok());
    }
}
