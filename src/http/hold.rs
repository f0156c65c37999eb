//! How is room held for a request, and what body is sent under it?
//!
//! The order matters here. The body is read, the call is completed, the dearest of the
//! models that may answer is chosen, and room is held. Only then is the body changed, to
//! ask for no more than is held. If the first attempt finds no room, the output may be
//! shortened, and after that the prompt trimmed ([`trimmed`](super::trimmed)); each
//! attempt is a reserve of its own, with an id of its own.
//!
//! Worked example: $0.10 is left, output costs $10 a million, and the request may
//! generate 16,000 tokens for a prompt of $0.02. Held would be $0.18, which does not fit.
//! With [`fit_to_room`](super::HttpBudget::fit_to_room)`(1_000)` the output is shortened
//! to what $0.08 buys, 8,000 tokens, and that limit is written into the body. Had less
//! than 1,000 been affordable, the refusal would stand, and the prompt be trimmed if that
//! is allowed.

use memchr::memmem;
use smallvec::SmallVec;

use super::answer::ReadingTerms;
use super::asked::Asked;
use super::dialect::Dialect;
use super::exchange::Admitted;
use super::gate::{HttpBudget, Ruling};
use super::head::RequestHead;
use super::payer::Payer;
use super::refusal::{HttpRefusal, problem_of_refusal};
use super::route::Route;
use super::sellers::is_host;
use super::want::Want;
use crate::enforcer::Room;
use crate::tokens::document::edit::Edits;
use crate::tokens::{Trimmed, with_dearer};
use crate::values::ShortText;
use crate::{Admission, Call, Decision, Error};

/// What became of asking for room.
pub(super) enum Held {
    Ruled(Ruling),
    Refused(Box<NoRoom>),
}

/// A call without room, and why it has none.
pub(super) struct NoRoom {
    pub(super) call: Call,
    pub(super) decision: Box<Decision>,
}

impl HttpBudget {
    /// Holds room for the body as it is, or trimmed if that is wanted and needed.
    pub(super) async fn hold(
        &self,
        head: &RequestHead<'_>,
        Payer { route, charge, .. }: Payer,
        body: &[u8],
    ) -> Result<Ruling, HttpRefusal> {
        // Copied only for who may ask twice.
        let again = self.fitting.trims.is_some().then(|| charge.clone());
        let refused = match self.hold_body(head, &route, charge, body, None).await? {
            Held::Ruled(ruling) => return Ok(ruling),
            Held::Refused(refused) => refused,
        };
        match again {
            Some(charge) => self.hold_trimmed(head, &route, charge, body, *refused).await,
            None => Err(self.no_room(&route, &refused.decision)),
        }
    }

    /// Holds room for a body as it stands; for one that was trimmed, in the room that was
    /// found for it.
    pub(super) async fn hold_body(
        &self,
        head: &RequestHead<'_>,
        route: &Route,
        charge: Call,
        body: &[u8],
        trimmed: Option<(&Room<'_>, Trimmed)>,
    ) -> Result<Held, HttpRefusal> {
        let dialect = route.dialect;
        let is_of_run = charge.names_run();
        let (asked, mut call) = match Asked::read(route, body, charge) {
            Ok(read) => read,
            Err(error) => return self.unheld(route, is_of_run, &error),
        };
        if asked.streams {
            call = self.streams.holding(call);
        }
        call.timeout = call.timeout.or(head.timeout());
        call.conditions = tiers_of(head).fold(call.conditions, with_dearer);
        if asks_for_a_million(head, body) {
            call = call.context_tokens(MILLION);
        }
        call.output_terms = self.output_terms(head, &asked, route, &call);
        let mut call = match self.enforcer.whole().of_dearest(call) {
            Ok(dearest) => dearest,
            Err(error) => return self.unheld(route, is_of_run, &error),
        };
        // The dearest is chosen: asking again would bring the same.
        call.models.clear();
        let (room, trimmed) = trimmed.unzip();
        let reservation = match self.reserve(route, &call, room.zip(trimmed.as_ref())).await? {
            Admission::Admitted(reservation) => reservation,
            Admission::Refused(decision) => return Ok(Held::Refused(Box::new(NoRoom { call, decision }))),
        };
        let mut edits = Edits::default();
        let mut reservation = self.limit(&mut edits, &asked, route, &call, reservation)?;
        let takes_options = || self.usage_hosts.iter().any(|known| is_host(head.host(), known));
        let hides_usage = asked.streams
            // What only observes rewrites nothing: a stream that says no usage is charged as it was counted.
            && !reservation.binding().observes_only
            && dialect == Dialect::OpenAi
            && matches!(route.want, Want::Chat | Want::Completion)
            && !call.output_terms.is_sealed
            && takes_options()
            && asked.ask_for_usage(&mut edits);
        reservation.remember(call.input);
        let terms = ReadingTerms {
            dialect,
            want: route.want,
            provider: call.provider.as_ref().map(ShortText::to_string),
            streams: asked.streams,
            hides_usage,
            options: self.streams.clone(),
            answer_bytes_max: self.body_bytes_max,
            polls: (call.background && route.want == Want::Response).then(|| self.polls.at(head.host())),
        };
        let sent = asked.edited(edits).or_else(|| trimmed.is_some().then(|| body.to_vec()));
        let reservation = reservation.with_trimmed(trimmed);
        Ok(Held::Ruled(Ruling::Admitted(Box::new(Admitted { reservation, body: sent, terms }))))
    }

    /// What becomes of a request that cannot be held for: refused, or passed unmetered if
    /// the whole policy observes and no run pays.
    fn unheld(&self, route: &Route, is_of_run: bool, error: &Error) -> Result<Held, HttpRefusal> {
        if is_of_run || !self.observes_only() {
            return Err(HttpRefusal::failed(route.dialect, error));
        }
        self.tell_would_refuse(route.model.as_deref(), error.to_string());
        Ok(Held::Ruled(Ruling::Pass))
    }

    /// The answer to a call without room.
    pub(super) fn no_room(&self, route: &Route, decision: &Decision) -> HttpRefusal {
        HttpRefusal::of(route.dialect, &problem_of_refusal(decision, self.retry_within))
    }

    /// Holds room for the call, with its output shortened if that is wanted, or to what
    /// is left beside a trimmed prompt.
    async fn reserve(
        &self,
        route: &Route,
        call: &Call,
        trimmed: Option<(&Room<'_>, &Trimmed)>,
    ) -> Result<Admission, HttpRefusal> {
        let failed = |error| HttpRefusal::failed(route.dialect, &error);
        if let Some((room, trimmed)) = trimmed {
            let call = room.with_output(call.clone(), trimmed.after).map_err(failed)?;
            return self.enforcer.reserve(&call).await.map_err(failed);
        }
        let decision = match self.enforcer.reserve(call).await.map_err(failed)? {
            Admission::Refused(decision) => decision,
            admitted => return Ok(admitted),
        };
        match self.fitting.shortened(call, &decision) {
            Some(shorter) => self.enforcer.reserve(&shorter).await.map_err(failed),
            None => Ok(Admission::Refused(decision)),
        }
    }
}

/// The tiers that headers ask for, at Bedrock and at Vertex AI. One that is no text may say anything.
fn tiers_of<'a>(head: &RequestHead<'a>) -> impl Iterator<Item = &'a str> {
    const TIERS: [&str; 3] = [
        "X-Amzn-Bedrock-Service-Tier",
        "X-Amzn-Bedrock-PerformanceConfig-Latency",
        "X-Vertex-AI-LLM-Shared-Request-Type",
    ];
    let word = |name| head.header(name).or_else(|| head.has_header(name).then_some("auto"));
    let words: SmallVec<[&str; 3]> = TIERS.into_iter().filter_map(word).map(str::trim).collect();
    words.into_iter()
}

/// Tokens of Anthropic's larger context, which costs more for each token of a long
/// prompt.
const MILLION: u64 = 1_000_000;

/// Whether Anthropic's larger context is asked for: in a header, or in the body, where
/// some clouds take it.
///
/// The body is searched for the word and not parsed. A prompt that only speaks of it is
/// held for more than it needs, and at most for what its bytes may be: too much is given
/// back, too little would be a hole.
fn asks_for_a_million(head: &RequestHead<'_>, body: &[u8]) -> bool {
    const MARK: &str = "context-1m";
    head.header("anthropic-beta").is_some_and(|betas| betas.contains(MARK))
        || memmem::find(body, MARK.as_bytes()).is_some()
}
