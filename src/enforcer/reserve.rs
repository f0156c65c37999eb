//! How is one call held for one model: in one trip, or by the long way?
//!
//! The commonest call (tokens given, a price known, nothing waiting in the outbox) goes through `plain`, which makes no future
//! on a ledger that answers at once. Everything else takes `walk`. Both draft the same open call and conclude by the same code,
//! so that whatever `plain` does not know it may leave: also an error, which the long way then finds by itself.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::attempt::{Admission, Attempt, Sent, UnderWay, conclude, send};
use super::long::walk;
use crate::Error;
use crate::engine::{Ask, Plan, Quoted};
use crate::ledger::Answer;
use crate::reservation::Open;
use crate::tokens::Estimate;
use crate::values::{Caps, Input, Timestamp};

/// Holds room for one model: in one go for the commonest call, by the long way for others.
#[inline]
pub(super) fn reserve<'a>(plan: Arc<Plan>, ask: Ask<'a>, now: Timestamp) -> Answer<'a, Admission> {
    match plain(&plan, &ask, now) {
        Some(answer) => answer,
        None => Answer::walk(async move { walk(plan, &ask, now).await }),
    }
}

/// The commonest call in one go: tokens are given, a price is known, and one trip decides.
///
/// `None` where the call needs the long way, before anything was asked.
#[inline]
pub(super) fn plain(plan: &Arc<Plan>, ask: &Ask<'_>, now: Timestamp) -> Option<Answer<'static, Admission>> {
    let Input::Tokens(tokens) = *ask.input else { return None };
    // What waits is sent first: it may give back the very room that this call needs.
    if !plan.is_plain || plan.core.outbox.count.load(Ordering::Acquire) > 0 {
        return None;
    }
    let quoted = plan.quote(ask, &Estimate::count(tokens)).ok()?;
    let caps = &plan.binding.caps;
    if *caps != Caps::default() && quoted.over_cap(caps).is_some() {
        return None;
    }
    let mut open = Open::drafted(plan, false, &quoted, now).ok()?;
    let concluded = match send(&mut open, now) {
        Sent::Answered(reply) => conclude(open, &quoted, reply),
        // The caller's input may be gone by the time of the reply; its tokens are all that is asked of it.
        Sent::UnderWay(under_way) => {
            let quoted = quoted.with_input(&Input::Unsaid);
            return Some(Answer::walk(later(Arc::clone(plan), under_way, open, quoted, tokens)));
        }
    };
    Some(match concluded {
        Ok(Attempt::Answered(admission)) => Answer::Now(Ok(admission)),
        Ok(Attempt::Stale(now)) => {
            Answer::walk(again(Arc::clone(plan), ask.with_input(&Input::Unsaid), tokens, now))
        }
        Err(error) => Answer::Now(Err(error)),
    })
}

/// The same on a ledger whose answer is to come.
async fn later(
    plan: Arc<Plan>,
    under_way: UnderWay,
    mut open: Box<Open>,
    quoted: Quoted<'static>,
    tokens: u64,
) -> Result<Admission, Error> {
    let reply = under_way.reply(&mut open).await;
    match conclude(open, &quoted.with_input(&Input::Tokens(tokens)), reply)? {
        Attempt::Answered(admission) => Ok(admission),
        Attempt::Stale(now) => again(plan, quoted.ask, tokens, now).await,
    }
}

/// The ledger's instant lies outside a window of the plan: the call is resolved and asked for anew.
async fn again(
    plan: Arc<Plan>,
    ask: Ask<'static>,
    tokens: u64,
    ledger_now: Timestamp,
) -> Result<Admission, Error> {
    walk(plan.again(ledger_now)?, &ask.with_input(&Input::Tokens(tokens)), ledger_now).await
}
