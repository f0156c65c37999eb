//! Which commands do laws send? Short names for each, with what most laws leave out.
//!
//! Each short name leaves out what most laws do not care about: a deadline 100 s ahead,
//! an expiry that charges nothing, an empty note. Every command goes through
//! [`Books::send`], which waits and counts; every claim is noted, so
//! that the audit knows which accounts to add up.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::books::Books;
use super::claims::signed;
use super::why::{Held, holds};
use crate::ledger::{
    Answer, Attribution, Certainty, Entry, FrozenScope, Hold, MarkAction, MarkScope, Note, OnExpiry, Outcome,
    PendingEvent, Reconcile, Record, Release, Reply, Reserve, Resize,
};
use crate::values::{Account, Balance, Claim, Period, ReservationId, Tenant, Timestamp};
use crate::{Error, Scope};

impl Books {
    /// Reserves for 100 seconds; expiry charges nothing.
    pub(super) fn reserve(&self, id: ReservationId, claim: &Claim, amounts: &[i64]) -> Result<Reply, Error> {
        self.reserve_until(id, claim, amounts, (self.now() + Duration::from_secs(100), OnExpiry::Nothing))
    }

    /// The same until another instant, with another charge on expiry.
    pub(super) fn reserve_until(
        &self,
        id: ReservationId,
        claim: &Claim,
        amounts: &[i64],
        (expires_at, on_expiry): (Timestamp, OnExpiry<'_>),
    ) -> Result<Reply, Error> {
        self.reserve_as(Reserve {
            id,
            claim,
            amounts,
            expires_at,
            on_expiry,
            note: &Note::default(),
            now: None,
        })
    }

    /// The same for a command with a note or a deadline of its own.
    pub(super) fn reserve_as(&self, command: Reserve<'_>) -> Result<Reply, Error> {
        self.note(command.claim);
        self.send(self.ledger.reserve(command))
    }

    /// A new hold that is expected to fit.
    pub(super) fn held(&self, claim: &Claim, amounts: &[i64]) -> Held<ReservationId> {
        let id = self.id();
        let reply = self.reserve(id, claim, amounts)?;
        holds!(reply.outcome == Outcome::Applied, "{amounts:?} have room, and the answer is {reply:?}");
        Ok(id)
    }

    /// A new charge, as reported by a provider.
    pub(super) fn charged(&self, claim: &Claim, amounts: &[i64]) -> Held<ReservationId> {
        let id = self.held(claim, &vec![0; amounts.len()])?;
        self.reconcile(id, claim, amounts, Certainty::Reported)?;
        Ok(id)
    }

    /// Replaces the hold by these amounts, as sure as that certainty says.
    pub(super) fn reconcile(
        &self,
        id: ReservationId,
        claim: &Claim,
        amounts: &[i64],
        certainty: Certainty,
    ) -> Result<Reply, Error> {
        self.reconcile_as(Reconcile {
            id,
            claim,
            amounts,
            certainty,
            attribution: None,
            note: &Note::default(),
            now: None,
        })
    }

    /// The same with a note of its own.
    pub(super) fn reconcile_as(&self, command: Reconcile<'_>) -> Result<Reply, Error> {
        self.note(command.claim);
        self.send(self.ledger.reconcile(command))
    }

    /// Gives the hold back, unsigned.
    pub(super) fn release(&self, id: ReservationId) -> Result<Reply, Error> {
        self.release_as(Release {
            id,
            tenant: &self.tenant,
            attribution: None,
            note: &Note::default(),
            now: None,
        })
    }

    /// The same with a signature or a note.
    pub(super) fn release_as(&self, command: Release<'_>) -> Result<Reply, Error> {
        self.send(self.ledger.release(command))
    }

    /// Sets what the hold holds, and its deadline if one is given.
    pub(super) fn resize(
        &self,
        id: ReservationId,
        claim: &Claim,
        amounts: &[i64],
        expires_at: Option<Timestamp>,
    ) -> Result<Reply, Error> {
        self.note(claim);
        let command = Resize { id, claim, amounts, expires_at, now: None };
        self.send(self.ledger.resize(command))
    }

    /// Posts without a hold; a correction names the charge that it corrects.
    pub(super) fn record(
        &self,
        id: ReservationId,
        claim: &Claim,
        amounts: &[i64],
        corrects: Option<ReservationId>,
    ) -> Result<Reply, Error> {
        let (attribution, note) = (&signed("an audit"), &Note::default());
        self.record_as(Record { id, used_at: None, claim, amounts, corrects, attribution, note, now: None })
    }

    /// The same with a signature and a note of its own.
    pub(super) fn record_as(&self, command: Record<'_>) -> Result<Reply, Error> {
        self.note(command.claim);
        self.send(self.ledger.record(command))
    }

    /// Freezes, stops, closes or reopens a scope.
    pub(super) fn mark(&self, scope: &Scope, action: MarkAction, reason: &str) -> Result<Reply, Error> {
        self.mark_as(scope, action, &signed(reason))
    }

    /// The same with a signature of its own.
    pub(super) fn mark_as(
        &self,
        scope: &Scope,
        action: MarkAction,
        attribution: &Attribution,
    ) -> Result<Reply, Error> {
        let command = MarkScope { tenant: &self.tenant, scope, action, attribution, now: None };
        self.send(self.ledger.mark(command))
    }

    /// The marks that stand on these scopes.
    pub(super) fn marks(&self, scopes: &[Scope]) -> Result<Vec<FrozenScope>, Error> {
        self.send(self.ledger.marks(&self.tenant, scopes))
    }

    /// What is known of one id.
    pub(super) fn hold(&self, tenant: &Tenant, id: ReservationId) -> Result<Option<Hold>, Error> {
        self.send(self.ledger.hold(tenant, id))
    }

    /// Spent and reserved of each line.
    pub(super) fn balances(&self, claim: &Claim) -> Result<Vec<(i64, i64)>, Error> {
        let lines: Vec<_> = claim.lines().iter().map(|line| (line.account.clone(), line.period)).collect();
        Ok(self.balances_of(&lines)?.iter().map(|balance| (balance.spent, balance.reserved)).collect())
    }

    pub(super) fn balances_of(&self, lines: &[(Account, Period)]) -> Result<Vec<Balance>, Error> {
        self.send(self.ledger.balances(lines))
    }

    /// The whole journal of these books.
    pub(super) fn journal(&self) -> Result<Vec<Entry>, Error> {
        self.entries(&self.tenant, 0, usize::MAX)
    }

    /// Entries from that number on, at most `limit` of them.
    pub(super) fn entries(&self, tenant: &Tenant, from: u64, limit: usize) -> Result<Vec<Entry>, Error> {
        self.shared.driver.wait(self.ledger.entries(tenant, from, limit))
    }

    /// Threshold events that nobody has confirmed.
    pub(super) fn pending_events(&self, limit: usize) -> Result<Vec<PendingEvent>, Error> {
        self.shared.driver.wait(self.ledger.pending_events(limit))
    }

    /// Confirms these events.
    pub(super) fn delivered(&self, events: &[PendingEvent]) -> Result<(), Error> {
        self.shared.driver.wait(self.ledger.delivered(events))
    }

    /// Waits until a command has ended.
    fn send<T: Send>(&self, answer: Answer<'static, T>) -> Result<T, Error> {
        let answer = self.shared.driver.wait(answer);
        self.shared.commands.fetch_add(1, Ordering::Relaxed);
        answer
    }

    /// Remembers the claim's accounts and periods for the audit. Rolling lines are left
    /// out: the journal sums single periods.
    fn note(&self, claim: &Claim) {
        let mut named = self.shared.named.lock();
        for line in claim.lines().iter().filter(|line| line.period.span == 1) {
            let turn = named.len();
            named.entry((line.account.clone(), line.period)).or_insert(turn);
        }
    }
}
