//! Is there room for what flows by? A hold that stays one slice ahead of its stream.
//!
//! # By slices, worked out
//! Slices of 100, a limit of 1,000. The first 100 are held when the call is reserved. At 51 tokens seen less than half a
//! slice lies ahead (51 + 50 > 100), so a hold of 151 is asked for while the stream goes on. Only a stream that has seen more
//! than it holds waits for the answer.
//!
//! If a slice has no room, what was seen is asked for alone (`Tried::Slice`, then `Tried::Seen`), because that is owed
//! anyway. If even that has none, the stream stops, or goes on with [`OnCeiling::Finish`] and records an overrun.
//!
//! # Behind others
//! A patient stream lets older ones take their room first (`engine/growing`). One that has to wait reads nothing more: it holds
//! what it has seen, and waits for news. Whoever is admitted behind streams that may still take everything gives its first
//! slice back and begins by waiting.
//!
//! # States
//! `Open` has the call. `Resizing` has a future that owns the call, and a *twin* of it: if the future must be dropped, it is
//! the twin that reports what was seen. Exactly one of the two ends the call; the other is forgotten, or its charge is replaced.

mod charge;

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use super::end::OnCeiling;
use super::output::Output;
use crate::ledger::Answer;
use crate::reservation::{Grown, Progress};
use crate::values::Timestamp;
use crate::{Decision, Error, InFlight, Receipt, Usd};

/// A usual slice: some two hundred words.
pub(super) const SLICE_TOKENS: u64 = 256;

type Growing = Pin<Box<dyn Future<Output = (InFlight, Result<Grown, Error>)> + Send>>;
type Charging = Box<Answer<'static, Receipt>>;

/// Why a stream may not go on.
#[derive(Debug)]
pub(super) enum Stop {
    /// A budget has no more room.
    Refused(Box<Decision>),
    /// The ledger failed, and the policy lets nothing pass without it.
    Ledger(Error),
}

/// Keeps a stream's hold ahead of what was seen of it, and charges it however it ends.
///
/// Knows nothing of bytes, items or bodies: it is told how many tokens were seen.
pub(super) struct StreamHold {
    state: CallState,
    /// As of the last answer of the ledger.
    reached: Progress,
    /// When the hold is prolonged, unless it has grown by then.
    prolong_at: Timestamp,
    /// Held ahead of what was seen; where the whole limit is held, only beyond that.
    slice: u64,
    seen: Output,
    on_ceiling: OnCeiling,
    tried: Tried,
    /// Why the hold did not grow, said once the stream has used up what it holds.
    last_refusal: Option<Stop>,
    /// The answer by its model's own vocabulary.
    counted: Option<u64>,
    /// It is held by slices, and lets older streams take their room first.
    is_patient: bool,
    /// The next slice is kept for older streams, or has no room until they give some back.
    is_behind: bool,
    /// It has waited with all used up, so that it reads nothing more without room.
    has_waited: bool,
    /// What was seen beyond the hold was asked for since it fell behind.
    asked_for_seen: bool,
}

/// Where the call is.
enum CallState {
    /// Here.
    Open(InFlight),
    /// Asking for another hold; the future gives the call back.
    Resizing(Resizing),
    /// Being charged; the receipt is to come.
    Charging(Charging),
    /// Charged, given back, or left to the outbox.
    Ended,
}

/// A command to the ledger that is under way.
struct Resizing {
    future: Growing,
    /// The output asked for; no more than what is held where the hold is only prolonged.
    target: u64,
    asks: Asks,
    /// What was held before.
    before: Usd,
    /// The same call, to be charged by its usage if the future is dropped with it.
    twin: InFlight,
}

/// What a hold is resized for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asks {
    /// The next slice, behind what older streams may still need.
    Slice,
    /// What was seen already, and is owed; or a longer or a smaller hold.
    Owed,
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
    pub(super) fn new(mut in_flight: InFlight, slice: Option<u64>, on_ceiling: OnCeiling) -> Self {
        let is_patient = slice.is_some() && on_ceiling == OnCeiling::Stop;
        let may_begin = in_flight.begin_growing(slice.is_some());
        let reached = in_flight.reached();
        let seen = Output::of(in_flight.plan());
        let slice = slice.unwrap_or(SLICE_TOKENS);
        let mut hold = Self {
            state: CallState::Open(in_flight),
            reached,
            prolong_at: reached.prolong_at,
            slice: slice.max(1).saturating_mul(u64::from(reached.choices)),
            seen,
            on_ceiling,
            tried: Tried::Nothing,
            last_refusal: None,
            counted: None,
            is_patient,
            is_behind: false,
            has_waited: false,
            asked_for_seen: false,
        };
        if is_patient && !may_begin && reached.output < reached.output_most {
            // Its first slice goes back to those who were first, and it reads nothing before its turn.
            hold.is_behind = true;
            hold.resize(0, Asks::Owed);
            let _ = hold.poll_resizing(&mut Context::from_waker(Waker::noop()));
        }
        hold
    }

    /// Takes note of generated text, and of what the provider said of the output so far.
    pub(super) fn saw(&mut self, text: &str, output_reported: u64) {
        self.seen.saw_text(text, self.reached.output_most);
        self.seen.saw(output_reported);
    }

    /// The same where nothing could be read but that so many bytes came: none is less than a token.
    pub(super) fn saw_unread(&mut self, bytes: u64) {
        self.seen.saw(bytes.min(self.reached.output_most));
    }

    /// Whether more of the stream may be taken: waits for room where what was seen is not held for.
    pub(super) fn poll_room(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Stop>> {
        loop {
            if self.poll_resizing(context).is_pending() {
                // The answer is awaited only by who has used up all that is held.
                let waits = self.is_used_up() || (self.is_behind && self.is_at_its_end());
                return if waits { Poll::Pending } else { Poll::Ready(Ok(())) };
            }
            if self.is_behind && self.is_at_its_end() {
                ready!(self.poll_turn(context));
                continue;
            }
            let Some((target, asks)) = self.wanted() else { return Poll::Ready(self.verdict()) };
            self.resize(target, asks);
        }
    }

    /// All that is held is used up, and older streams may give room back: waits for news of them, then asks again.
    fn poll_turn(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let CallState::Open(in_flight) = &self.state else { return Poll::Ready(()) };
        if self.is_used_up() && !self.asked_for_seen {
            self.asked_for_seen = true;
            self.resize(self.seen.tokens(), Asks::Owed);
            return Poll::Ready(());
        }
        self.has_waited = true;
        if !in_flight.parks(context.waker()) {
            self.resize(self.ahead(), Asks::Slice);
            return Poll::Ready(());
        }
        if in_flight.is_past(self.prolong_at) {
            self.resize(self.reached.output, Asks::Owed);
            return Poll::Ready(());
        }
        Poll::Pending
    }

    /// Asks for the next slice where it is due, without waiting for the answer.
    pub(super) fn reach_ahead(&mut self) {
        let mut context = Context::from_waker(Waker::noop());
        if let (CallState::Open(_), Some((target, asks))) = (&self.state, self.wanted()) {
            self.resize(target, asks);
            // Sets the command on its way; whoever polls next hears the answer.
            let _ = self.poll_resizing(&mut context);
        }
    }

    /// Whether more was seen than is held.
    fn is_used_up(&self) -> bool {
        self.seen.tokens() > self.reached.output
    }

    /// Whether another token would stand above what is held.
    fn is_at_its_end(&self) -> bool {
        self.seen.tokens() >= self.reached.output
    }

    /// The output to hold for so that it is a slice ahead.
    fn ahead(&self) -> u64 {
        let seen = self.seen.tokens();
        seen.saturating_add(self.slice).min(self.reached.output_most.max(seen))
    }

    /// The output to hold for next, where another hold is due: growth once less than half a slice lies ahead, and the same
    /// size again where the hold's life is half over.
    fn wanted(&self) -> Option<(u64, Asks)> {
        let CallState::Open(in_flight) = &self.state else { return None };
        let (seen, held) = (self.seen.tokens(), self.reached.output);
        let ahead = self.ahead();
        let is_due = seen.saturating_add(self.slice / 2).min(ahead) > held;
        match self.tried {
            Tried::Nothing if is_due && (!self.is_behind || in_flight.has_news()) => {
                Some((ahead, Asks::Slice))
            }
            Tried::Slice if seen > held => Some((seen, Asks::Owed)),
            _ => in_flight.is_past(self.prolong_at).then_some((held, Asks::Owed)),
        }
    }

    /// No growth is under way: may the stream go on with what is held?
    fn verdict(&mut self) -> Result<(), Stop> {
        let is_used_up = self.is_used_up() || (self.has_waited && self.is_at_its_end());
        if !is_used_up || self.on_ceiling == OnCeiling::Finish {
            return Ok(());
        }
        self.last_refusal.take().map_or(Ok(()), Err)
    }

    /// Puts a command to the ledger on its way; nothing is sent before the future is polled.
    fn resize(&mut self, target: u64, asks: Asks) {
        let CallState::Open(mut in_flight) = std::mem::replace(&mut self.state, CallState::Ended) else {
            return;
        };
        let (before, twin) = (in_flight.quoted(), in_flight.twin());
        let is_behind = self.is_patient && asks == Asks::Slice;
        let future: Growing = Box::pin(async move {
            let grown = if is_behind {
                in_flight.grow_behind(target).await
            } else {
                in_flight.resize_to(target).await.map(Grown::from)
            };
            (in_flight, grown)
        });
        self.state = CallState::Resizing(Resizing { future, target, asks, before, twin });
    }

    /// Hears the ledger's answer, if it is there, and takes the call back.
    fn poll_resizing(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let CallState::Resizing(resizing) = &mut self.state else { return Poll::Ready(()) };
        let Poll::Ready((in_flight, resized)) = resizing.future.as_mut().poll(context) else {
            return Poll::Pending;
        };
        let grows = resizing.target > self.reached.output;
        // A call that has a hold counts as holding the more, as long as nobody knows.
        let took = in_flight.reached().output >= resizing.target;
        let (before, asks) = (resizing.before, resizing.asks);
        if let CallState::Resizing(resizing) = std::mem::replace(&mut self.state, CallState::Ended) {
            resizing.twin.forget();
        }
        match resized {
            Ok(Grown::Done) => self.resized(&in_flight, asks),
            Ok(Grown::Waits) => self.is_behind = true,
            // What is owed stands above the hold until there is a turn.
            Ok(Grown::Refused(_)) if self.is_behind && asks == Asks::Owed => {}
            Ok(Grown::Refused(decision)) => self.refused(Stop::Refused(decision)),
            // What was asked for in vain counts as held, as far as the policy lets it pass in an outage.
            Err(error) if grows && took && error.is_retryable() && in_flight.passes_outage(before) => {
                self.resized(&in_flight, asks);
            }
            Err(error) if grows => self.refused(Stop::Ledger(error)),
            // The hold lives on for a while: what could not be prolonged now is prolonged later.
            Err(_) => self.prolong_at = in_flight.in_a_while(),
        }
        self.state = CallState::Open(in_flight);
        Poll::Ready(())
    }

    /// The ledger agreed.
    fn resized(&mut self, in_flight: &InFlight, asks: Asks) {
        // Where the provider stops by itself is said by the request, however much is held by now.
        self.reached = Progress { output_most: self.reached.output_most, ..in_flight.reached() };
        self.prolong_at = self.reached.prolong_at;
        // What was refused before may fit by now.
        self.tried = Tried::Nothing;
        if asks == Asks::Slice {
            (self.is_behind, self.asked_for_seen) = (false, false);
        }
    }

    /// The ledger refused, or failed where nothing may pass without it.
    fn refused(&mut self, stop: Stop) {
        self.is_behind = false;
        self.tried = if self.tried == Tried::Nothing { Tried::Slice } else { Tried::Seen };
        self.last_refusal = Some(stop);
    }

    /// Whether nothing is left to be charged here.
    pub(super) fn is_ended(&self) -> bool {
        matches!(self.state, CallState::Ended)
    }
}
