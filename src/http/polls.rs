//! Which answers are made in the background, and when has a poll told how one ended?
//!
//! `POST /v1/responses` with `"background": true` answers at once with an id and the status `queued`, and bills
//! later. Its hold stays with the gate under that id. A `GET /v1/responses/{id}`, or a cancel, whose body shows a last status ends
//! the call by the usage that it shows; until then it is charged its hold only where that grows too old, where younger ones push it
//! out, or where the gate is dropped.
//!
//! | status | the call |
//! | --- | --- |
//! | `queued`, `in_progress`, or one that is not known | stays held |
//! | `completed`, `incomplete`, `failed`, `cancelled` | is charged by its usage; without one, as it was held |
//!
//! An id is known to the organisation that asked for the answer, at the host that made it, and nowhere else: another tenant's poll, or
//! one of another host, passes and ends nothing. What was kept is gone with the process; the hold's own charge stands then.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;
use serde::Deserialize;

use super::head::RequestHead;
use crate::InFlight;
use crate::values::ShortText;

/// The most answers in the background that a gate keeps.
const KEPT_MAX: usize = 10_000;

/// The longest id of an answer; known ones have 64 bytes. A call under a longer one is charged at once what it holds.
const ID_BYTES_MAX: usize = 256;

/// Whose answer it is, where it is made, and its id there.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) tenant: ShortText,
    pub(super) host: ShortText,
    pub(super) id: ShortText,
}

/// Calls whose answers are made in the background.
#[derive(Default)]
pub(super) struct Polls(Mutex<HashMap<Key, InFlight>>);

/// Where an answer is made, and the calls that are kept until a poll there.
#[derive(Clone)]
pub(super) struct AtHost {
    polls: Arc<Polls>,
    host: ShortText,
}

impl fmt::Debug for AtHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AtHost({}, {:?})", self.host, self.polls)
    }
}

impl fmt::Debug for Polls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Polls({} kept)", self.0.lock().len())
    }
}

impl Polls {
    /// The calls whose answers are made there.
    pub(super) fn at(self: &Arc<Self>, host: &str) -> Box<AtHost> {
        Box::new(AtHost { polls: Arc::clone(self), host: host.into() })
    }
}

impl AtHost {
    /// Keeps a call; where that is one too many, the tenant's oldest goes, else the oldest of all, and is charged what it holds.
    pub(super) fn keep(&self, answer: &str, call: InFlight) {
        let Some(tenant) = call.tenant().filter(|_| answer.len() <= ID_BYTES_MAX) else { return };
        let tenant = ShortText::from(tenant.name());
        // What it lets go wakes others, and a drop asks the ledger: both outside the lock.
        let call = call.kept();
        let mut kept = self.polls.0.lock();
        let gone = if kept.len() >= KEPT_MAX { oldest(&kept, &tenant) } else { None };
        let gone = gone.and_then(|key| kept.remove(&key));
        let before = kept.insert(Key { tenant, host: self.host.clone(), id: answer.into() }, call);
        drop(kept);
        drop((gone, before));
    }
}

/// The oldest call of that tenant, so that nobody pushes out another's while it has one; else the oldest of all.
fn oldest(kept: &HashMap<Key, InFlight>, tenant: &ShortText) -> Option<Key> {
    let oldest = kept.iter().min_by_key(|(key, call)| (key.tenant != *tenant, call.id()));
    oldest.map(|(key, _)| key.clone())
}

/// A request that asks how an answer in the background stands.
///
/// Send it, and let the body of its answer flow through [`answered`](Self::answered): where that shows how the call ended, it is
/// charged. Dropping it changes nothing.
pub struct Polled {
    polls: Arc<Polls>,
    key: Key,
    pub(super) provider: Option<ShortText>,
    pub(super) bytes_max: usize,
}

impl fmt::Debug for Polled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Polled({:?})", self.key.id)
    }
}

impl Polled {
    /// The call of that key, if it is kept.
    pub(super) fn of(
        polls: &Arc<Polls>,
        key: Key,
        provider: Option<ShortText>,
        bytes_max: usize,
    ) -> Option<Self> {
        polls.0.lock().contains_key(&key).then(|| Self { polls: Arc::clone(polls), key, provider, bytes_max })
    }

    /// The call, if that body shows how it ended. Of two polls that see it at once, one has it.
    pub(super) fn ended(&self, body: &[u8]) -> Option<InFlight> {
        let shown = Shown::read(body).filter(|shown| shown.has_ended() && *shown.id == *self.key.id)?;
        drop(shown);
        self.polls.0.lock().remove(&self.key)
    }
}

/// What an answer says of itself.
#[derive(Deserialize)]
pub(super) struct Shown<'a> {
    #[serde(borrow)]
    pub(super) id: Cow<'a, str>,
    #[serde(borrow)]
    status: Cow<'a, str>,
}

impl<'a> Shown<'a> {
    pub(super) fn read(body: &'a [u8]) -> Option<Self> {
        serde_json::from_slice(body).ok()
    }

    /// Whether it stays as it is from now on. Of a status that nobody knows that cannot be said.
    pub(super) fn has_ended(&self) -> bool {
        matches!(&*self.status, "completed" | "incomplete" | "failed" | "cancelled")
    }
}

/// The id of the answer that a request reads or cancels.
pub(super) fn asked_after<'a>(head: &RequestHead<'a>) -> Option<&'a str> {
    let is = |method: &str| head.method().eq_ignore_ascii_case(method);
    let mut back = head.path().rsplit('/');
    let last = back.next()?;
    let id = if is("GET") {
        last
    } else if is("POST") && last.eq_ignore_ascii_case("cancel") {
        back.next()?
    } else {
        return None;
    };
    (!id.is_empty() && back.next()?.eq_ignore_ascii_case("responses")).then_some(id)
}
