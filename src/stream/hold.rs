//! Is there room for what flows by? A hold that stays one slice ahead of its stream.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use super::{AtCeiling, StreamEnd};
use crate::enforcer::{Abandoned, Plan};
use crate::ledger::Ended;
use crate::reservation::Reached;
use crate::wire::UsageReport;
use crate::{Decision, Error, InFlight, Receipt, Report, Resized, Usage, Usd};

type Growing = Pin<Box<dyn Future<Output = (InFlight, Result<Resized, Error>)> + Send>>;
type Settling = Pin<Box<dyn Future<Output = Result<Receipt, Error>> + Send>>;

/// Why a stream may not go on.
#[derive(Debug)]
pub(super) enum Stop {
    /// A budget has no more room.
    Refused(Box<Decision>),
    /// The ledger failed, and the policy lets nothing pass without it.
    Ledger(Error),
}

/// Keeps a stream's hold ahead of what was seen of it, and settles it however it ends.
///
/// Knows nothing of bytes, items or bodies: it is told how many tokens were seen.
pub(super) struct StreamHold {
    state: State,
    plan: Option<Arc<Plan>>,
    /// As of the last answer of the ledger.
    reached: Reached,
    slice: u64,
    /// Output tokens seen, by the text or by what the provider said.
    seen: u64,
    counted: u64,
    at_ceiling: AtCeiling,
    tried: Tried,
    last_refusal: Option<Stop>,
}

enum State {
    Open(InFlight),
    /// Asking for more room; the future gives the call back.
    Growing {
        future: Growing,
        before: Usd,
    },
    Settling(Settling),
    Ended,
}

/// What was tried in vain since the hold last grew.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tried {
    Nothing,
    /// A whole slice ahead.
    Slice,
    /// No more than what was seen.
    Seen,
}

impl StreamHold {
    pub(super) fn new(in_flight: InFlight, slice: u64, at_ceiling: AtCeiling) -> Self {
        let reached = in_flight.reached();
        let plan = in_flight.plan();
        Self {
            state: State::Open(in_flight),
            plan,
            reached,
            slice: slice.max(1).saturating_mul(u64::from(reached.choices)),
            seen: 0,
            counted: 0,
            at_ceiling,
            tried: Tried::Nothing,
            last_refusal: None,
        }
    }

    /// Takes note of generated text, and of what the provider said of the output so far.
    pub(super) fn saw(&mut self, text: &str, output_reported: u64) {
        if let Some(plan) = self.plan.as_ref().filter(|_| !text.is_empty()) {
            let tokens = plan.core.estimator.count_text(&plan.call.model, text).tokens;
            self.counted = self.counted.saturating_add(tokens);
        }
        self.saw_tokens(self.counted.max(output_reported));
    }

    /// The same where the output is known as a number alone.
    pub(super) fn saw_tokens(&mut self, output: u64) {
        // A bound of the text may lie above what the provider's own limit lets through.
        self.seen = self.seen.max(output.min(self.reached.output_most));
    }

    /// Whether more of the stream may be taken: waits for room where what was seen is not held for.
    pub(super) fn poll_room(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Stop>> {
        loop {
            if self.poll_growth(context).is_pending() {
                // The answer is awaited only by who has used up all that is held.
                return if self.seen > self.reached.output { Poll::Pending } else { Poll::Ready(Ok(())) };
            }
            let Some(target) = self.wanted() else { return Poll::Ready(self.verdict()) };
            self.grow(target);
        }
    }

    /// Asks for the next slice where it is due, without waiting for the answer.
    pub(super) fn reach_ahead(&mut self) {
        let mut context = Context::from_waker(Waker::noop());
        if let (State::Open(_), Some(target)) = (&self.state, self.wanted()) {
            self.grow(target);
            // Sets the command on its way; whoever polls next hears the answer.
            let _ = self.poll_growth(&mut context);
        }
    }

    /// The output to hold for next, where another hold is due.
    fn wanted(&self) -> Option<u64> {
        let State::Open(in_flight) = &self.state else { return None };
        let (seen, held) = (self.seen, self.reached.output);
        let ahead = seen.saturating_add(self.slice).min(self.reached.output_most.max(seen));
        let due = seen.saturating_add(self.slice / 2).min(ahead) > held;
        match self.tried {
            Tried::Nothing if due => Some(ahead),
            Tried::Slice if seen > held => Some(seen),
            _ if self.tried != Tried::Seen && in_flight.should_be_prolonged(self.reached.prolong_at) => {
                Some(held)
            }
            _ => None,
        }
    }

    /// No growth is under way: may the stream go on with what is held?
    fn verdict(&mut self) -> Result<(), Stop> {
        if self.seen <= self.reached.output || self.at_ceiling == AtCeiling::Finish {
            return Ok(());
        }
        self.last_refusal.take().map_or(Ok(()), Err)
    }

    fn grow(&mut self, target: u64) {
        let State::Open(mut in_flight) = std::mem::replace(&mut self.state, State::Ended) else { return };
        let before = in_flight.quoted();
        let future: Growing = Box::pin(async move {
            let resized = in_flight.resize(target).await;
            (in_flight, resized)
        });
        self.state = State::Growing { future, before };
    }

    fn poll_growth(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let State::Growing { future, before } = &mut self.state else { return Poll::Ready(()) };
        let before = *before;
        let Poll::Ready((in_flight, resized)) = future.as_mut().poll(context) else { return Poll::Pending };
        let refusal = match resized {
            Ok(Resized::Done) => None,
            Ok(Resized::Refused(decision)) => Some(Stop::Refused(decision)),
            Err(error) if error.is_retryable() && in_flight.passes_outage(before) => None,
            Err(error) => Some(Stop::Ledger(error)),
        };
        match refusal {
            None => {
                self.reached = in_flight.reached();
                self.tried = Tried::Nothing;
            }
            Some(stop) => {
                self.tried = if self.tried == Tried::Nothing { Tried::Slice } else { Tried::Seen };
                self.last_refusal = Some(stop);
            }
        }
        self.state = State::Open(in_flight);
        Poll::Ready(())
    }

    /// Charges the call by how its stream ended. Ready with nothing where it was given back, or settled before.
    pub(super) fn poll_settle(
        &mut self,
        context: &mut Context<'_>,
        end: StreamEnd,
        report: &UsageReport,
    ) -> Poll<Option<Result<Receipt, Error>>> {
        if self.poll_growth(context).is_pending() {
            return Poll::Pending;
        }
        if let State::Open(_) = &self.state
            && let State::Open(in_flight) = std::mem::replace(&mut self.state, State::Ended)
        {
            let Some((in_flight, report)) = self.charge(in_flight, end, report.clone()) else {
                return Poll::Ready(None);
            };
            self.state = State::Settling(Box::pin(in_flight.reconcile(report)));
        }
        let State::Settling(future) = &mut self.state else { return Poll::Ready(None) };
        let Poll::Ready(receipt) = future.as_mut().poll(context) else { return Poll::Pending };
        self.state = State::Ended;
        Poll::Ready(Some(receipt))
    }

    /// Charges the call without waiting: for a stream that is dropped.
    pub(super) fn settle_now(
        &mut self,
        end: StreamEnd,
        report: UsageReport,
    ) -> Option<Result<Receipt, Error>> {
        // A growth or a report that is under way is dropped with its future, and charged by that.
        let State::Open(in_flight) = std::mem::replace(&mut self.state, State::Ended) else { return None };
        let (in_flight, report) = self.charge(in_flight, end, report)?;
        Some(in_flight.reconcile_now(report))
    }

    pub(super) fn is_ended(&self) -> bool {
        matches!(self.state, State::Ended)
    }

    /// What the call is charged; `None` where it was dropped here, to be charged as an abandoned one.
    fn charge(
        &self,
        mut in_flight: InFlight,
        end: StreamEnd,
        report: UsageReport,
    ) -> Option<(InFlight, Report)> {
        let policy = in_flight.abandoned();
        let said_nothing = report.lines.is_empty();
        // Usage may come after the last text: who left before it has not seen all that is billed.
        let is_whole =
            report.finished && report.error.is_none() && (end == StreamEnd::Finished || !said_nothing);
        if !is_whole {
            in_flight.note_end(end.into());
            // Nobody said anything of its usage: it is charged what it holds, or what the operator chose.
            let by_hold = policy == Abandoned::Hold && self.seen <= self.reached.output;
            if said_nothing && (by_hold || policy == Abandoned::Release) {
                return None;
            }
        }
        let output = match policy {
            Abandoned::Hold if !is_whole => self.seen.max(self.reached.output),
            _ => self.seen,
        };
        let mut report = report;
        if said_nothing {
            report.set_answer(Usage::of(self.reached.input, output));
            report.estimated = true;
        }
        let mut report = Report::from(report.or_estimated(self.reached.input, output));
        // What broke off was counted here, so that it need not be taken at its worst.
        report.estimated |= report.broke_off;
        report.broke_off = false;
        Some((in_flight, report))
    }
}

impl From<StreamEnd> for Ended {
    fn from(end: StreamEnd) -> Self {
        match end {
            StreamEnd::Finished => Self::Estimated,
            StreamEnd::Stopped => Self::Stopped,
            StreamEnd::BrokeOff | StreamEnd::Failed => Self::BrokeOff,
            StreamEnd::Dropped => Self::Abandoned,
            StreamEnd::Cancelled => Self::Cancelled,
        }
    }
}
