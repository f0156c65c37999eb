//! How does a stream that is held by slices stand beside the others?
//!
//! It asks the ledger for growth under lowered ceilings: each line's ceiling, less what older streams of this process may still
//! take of it. So the ledger's one inequality keeps their room free, and knows nothing of ages. See `engine/growing`, which
//! works an example out.

use std::sync::Arc;
use std::task::Waker;

use smallvec::SmallVec;

use super::InFlight;
use super::open::Open;
use crate::engine::GrowingPlace;
use crate::values::{Claim, ClaimLine};
use crate::{Decision, Error};

/// What became of asking for another hold.
#[derive(Debug)]
#[must_use = "a hold that was not resized is as it was"]
pub enum Resized {
    /// It holds what was asked for, and lives on from now.
    Done,
    /// There is no room: it holds what it held.
    Refused(Box<Decision>),
}

/// What became of asking for room that older streams may still need.
///
/// Waiting is an answer of its own: a stream is cut only where nobody older could give room back, or two streams could end each
/// other with room for one of them.
#[derive(Debug)]
pub(crate) enum Grown {
    /// It holds what was asked for.
    Done,
    /// It holds what it held, and others may still give room back.
    Waits,
    /// There is no room, and nobody older who could give some back.
    Refused(Box<Decision>),
}

impl From<Resized> for Grown {
    fn from(resized: Resized) -> Self {
        match resized {
            Resized::Done => Self::Done,
            Resized::Refused(decision) => Self::Refused(decision),
        }
    }
}

impl InFlight {
    /// Takes the call's place among the growing streams, and says whether it may begin with what it holds: older
    /// ones could still take all of their limits.
    pub(crate) fn begin_growing(&mut self, by_slices: bool) -> bool {
        let Some(open) = &mut self.open else { return true };
        if open.place.is_none() && !by_slices {
            return true;
        }
        if open.place.is_none() {
            open.join_growing();
        }
        let growing = &open.plan.core.growing;
        growing.begin(open.id);
        let ahead = growing.ahead_of(open.id);
        // The balances are those just before its own reserve; who came since is younger.
        let lines = open.binding().claim.lines().iter().zip(&open.balances).zip(&open.amounts).zip(&ahead);
        lines.into_iter().all(|(((line, balance), amount), ahead)| {
            line.ceiling == i64::MAX
                || *amount == 0
                || balance.used().saturating_add(*amount).saturating_add(*ahead) <= line.ceiling
        })
    }

    /// Whether anybody on its lines has given room back since it last asked for some.
    pub(crate) fn has_news(&self) -> bool {
        self.open.as_ref().is_none_or(|open| open.plan.core.growing.has_news(open.id))
    }

    /// Waits for such news; false where there is some already.
    pub(crate) fn parks(&self, waker: &Waker) -> bool {
        self.open.as_ref().is_some_and(|open| open.plan.core.growing.park(open.id, waker))
    }

    /// Holds for so many output tokens, where older streams could still take all of their limits beside it.
    ///
    /// # Errors
    /// As [`resize`](Self::resize).
    pub(crate) async fn grow_behind(&mut self, output_tokens: u64) -> Result<Grown, Error> {
        match &mut self.open {
            Some(open) => open.grow_behind(output_tokens).await,
            None => Err(super::ended_before()),
        }
    }
}

impl Open {
    /// Takes a place among the growing streams, by the age of its id.
    pub(super) fn join_growing(&mut self) {
        let rest = self.rest();
        let place = GrowingPlace::of(&self.plan.core.growing, self.id, self.binding(), rest);
        self.place = Some(Arc::new(place));
    }

    /// Tells the others what the call may still take.
    pub(super) fn tell_growing(&self) {
        if self.place.is_some() {
            self.plan.core.growing.update(self.id, self.rest());
        }
    }

    /// What the call may still take of each line beyond what it holds.
    fn rest(&self) -> SmallVec<[i64; 8]> {
        let worst = self.plan.price(self.priced.tokens_input, self.output_tokens(), 1);
        let worst = worst.and_then(|worst| self.plan.amounts(self.binding(), worst));
        match worst {
            Ok(worst) => {
                worst.iter().zip(&self.amounts).map(|(most, held)| most.saturating_sub(*held)).collect()
            }
            // What cannot be priced lets nobody grow behind it.
            Err(_) => self.amounts.iter().map(|_| i64::MAX).collect(),
        }
    }

    /// Asks for growth that leaves older streams what they may need.
    async fn grow_behind(&mut self, output_tokens: u64) -> Result<Grown, Error> {
        let core = Arc::clone(&self.plan.core);
        if core.outbox.len() > 0 {
            // Room that a dropped stream gave back may wait there. Where that fails the ledger is away, and says so below.
            let _ = core.flush().await;
        }
        let ahead = core.growing.ahead_of(self.id);
        self.resize_behind(output_tokens, &ahead).await
    }

    /// The claim with the ceilings lowered by what older streams may still take: 100 less 30 is 70. No ceiling stays none.
    pub(super) fn behind(claim: &Claim, ahead: &[i64]) -> Result<Claim, Error> {
        let lowered = |(line, ahead): (&ClaimLine, &i64)| ClaimLine {
            ceiling: if line.ceiling == i64::MAX { i64::MAX } else { line.ceiling.saturating_sub(*ahead) },
            ..line.clone()
        };
        let lines = claim.lines().iter().zip(ahead).map(lowered);
        claim.over(lines.collect())
    }
}
