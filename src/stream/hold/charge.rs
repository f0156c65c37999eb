//! What is a stream charged, however it ends?
//!
//! Usage that the provider reported, if the answer is whole; else the input, the output that was seen, and what may have been
//! generated unseen meanwhile. A call that nobody could read is charged as an abandoned one, as the operator chose.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::{CallState, Resizing, StreamHold};
use crate::engine::OnAbandon;
use crate::ledger::Ended;
use crate::reservation::Actual;
use crate::stream::end::StreamEnd;
use crate::stream::reader::StreamSeen;
use crate::wire::UsageReport;
use crate::{Error, InFlight, Receipt, Usage};

impl StreamHold {
    /// Counts the answer by its model's own vocabulary, where what was reported of it may be far less.
    pub(in crate::stream) fn count(&mut self, seen: &StreamSeen) {
        let (CallState::Open(call) | CallState::Resizing(Resizing { twin: call, .. })) = &self.state else {
            return;
        };
        let [line] = seen.report.lines.as_slice() else { return };
        let is_suspicious = line.usage.output().is_some_and(|output| self.seen.is_twice(output));
        if !is_suspicious || !call.counts_text() {
            return;
        }
        self.counted = match seen.choices.as_slice() {
            [] if self.reached.choices == 1 => call.count_text(&seen.answer),
            // Nobody said which piece belongs to which of several texts.
            [] => None,
            each => each
                .iter()
                .try_fold(0_u64, |sum, text| call.count_text(text).map(|count| sum.saturating_add(count))),
        };
    }

    /// Charges the call by how its stream ended. Ready with nothing where it was given back, or charged before.
    pub(in crate::stream) fn poll_charge(
        &mut self,
        context: &mut Context<'_>,
        end: StreamEnd,
        report: &UsageReport,
    ) -> Poll<Option<Result<Receipt, Error>>> {
        if self.poll_resizing(context).is_pending() {
            return Poll::Pending;
        }
        if let CallState::Open(_) = &self.state
            && let CallState::Open(in_flight) = std::mem::replace(&mut self.state, CallState::Ended)
        {
            let Some((in_flight, report)) = self.charge(in_flight, end, report.clone()) else {
                return Poll::Ready(None);
            };
            self.state = CallState::Charging(Box::new(in_flight.reconcile(report)));
        }
        let CallState::Charging(future) = &mut self.state else { return Poll::Ready(None) };
        let Poll::Ready(receipt) = Pin::new(future).poll(context) else { return Poll::Pending };
        self.state = CallState::Ended;
        Poll::Ready(Some(receipt))
    }

    /// Charges the call without waiting: for a stream that is dropped.
    pub(in crate::stream) fn end_dropped(
        &mut self,
        end: StreamEnd,
        report: UsageReport,
    ) -> Option<Result<Receipt, Error>> {
        let in_flight = match std::mem::replace(&mut self.state, CallState::Ended) {
            CallState::Open(in_flight) => in_flight,
            CallState::Resizing(Resizing { future, twin, .. }) => {
                // The future charges what the call holds; what its usage says replaces that.
                drop(future);
                if self.is_abandoned(&twin, end, &report) {
                    twin.forget();
                    return None;
                }
                twin
            }
            // A report that is under way goes to the outbox with its future.
            CallState::Charging(_) | CallState::Ended => return None,
        };
        let (in_flight, report) = self.charge(in_flight, end, report)?;
        Some(in_flight.reconcile_dropped(report))
    }

    /// Whether the provider generates on though nobody listens.
    pub(in crate::stream) fn goes_on_unheard(&self) -> bool {
        let call = match &self.state {
            CallState::Open(in_flight) => in_flight,
            CallState::Resizing(resizing) => &resizing.twin,
            CallState::Charging(_) | CallState::Ended => return false,
        };
        call.hidden().in_background
    }

    /// What the call is charged; `None` where it was dropped here, to be charged as an abandoned one.
    fn charge(
        &mut self,
        mut in_flight: InFlight,
        end: StreamEnd,
        report: UsageReport,
    ) -> Option<(InFlight, Actual)> {
        if !is_whole(end, &report) {
            in_flight.note_end(end.into());
        }
        if self.is_abandoned(&in_flight, end, &report) {
            return None;
        }
        let is_whole = is_whole(end, &report);
        // Nothing was said of its usage: what the provider's tools did is as unknown as where it was left.
        let is_untold = report.lines.is_empty();
        let output = self.output_used(&in_flight, is_whole, &report);
        let mut report = report;
        if report.lines.is_empty() {
            report.set_answer(Usage::of(in_flight.input_counted(), output));
            report.estimated = true;
            if !is_whole {
                in_flight.note_counted();
            }
        }
        let mut report = Actual::from(report.or_estimated(self.reached.input, output));
        // What broke off was counted here, so that it need not be taken at its worst.
        report.estimated |= report.broke_off;
        report.broke_off = false;
        let is_held = is_untold && is_whole || !is_whole && in_flight.abandoned() == OnAbandon::Hold;
        if is_held && let Some(usage) = in_flight.with_tools_unseen(report.usage) {
            report.usage = usage;
            report.estimated = true;
        }
        report.counted = self.counted;
        Some((in_flight, report))
    }

    /// The output of an answer whose usage was not said, or not all of it.
    fn output_used(&mut self, in_flight: &InFlight, is_whole: bool, report: &UsageReport) -> u64 {
        if !is_whole || report.lines.is_empty() {
            self.seen.recount(self.reached.output_most);
        }
        let (seen, held) = (self.seen.tokens(), self.reached.output);
        let hidden = in_flight.hidden();
        if !hidden.bounds_nothing() || in_flight.abandoned() != OnAbandon::Hold {
            return seen;
        }
        // What was thought unseen comes beside what was seen; of a whole answer nobody knows how much it was.
        let unseen = if is_whole { u64::MAX } else { in_flight.unseen_tokens() };
        seen.saturating_add(unseen).min(held.max(seen))
    }

    /// Nobody said anything of its usage, and what it held or nothing is charged, whatever was seen.
    fn is_abandoned(&self, in_flight: &InFlight, end: StreamEnd, report: &UsageReport) -> bool {
        let by_hold = match in_flight.abandoned() {
            OnAbandon::Hold => in_flight.hidden().in_background && !self.is_used_up(),
            OnAbandon::InputFloor => false,
            OnAbandon::Release => true,
        };
        report.lines.is_empty() && by_hold && !is_whole(end, report)
    }
}

/// Whether what was said of its usage is all of it.
///
/// Usage may come after the last text: who left before it has not seen all that is billed.
fn is_whole(end: StreamEnd, report: &UsageReport) -> bool {
    report.finished && report.error.is_none() && (end == StreamEnd::Finished || !report.lines.is_empty())
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
