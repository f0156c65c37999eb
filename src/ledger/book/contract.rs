//! How does a command reach the book's thread?
//!
//! Each command is copied and names the rows that it needs; the law, not this file, says until when its answer holds.

use super::job::{command, question};
use super::page::StorePage;
use super::{Beside, Book, read};
use crate::Scope;
use crate::ledger::law::{self, Looked, Page};
use crate::ledger::store::{Store, Want};
use crate::ledger::{
    Answer, BudgetLedger, Capabilities, Entry, FrozenScope, Hold, MarkScope, OnExpiry, PendingEvent,
    Reconcile, Record, Release, Reply, Reserve, Resize,
};
use crate::values::{Account, Balance, Claim, Period, ReservationId, Tenant, Timestamp};

impl<S: Store, B: Beside> Book<S, B> {
    /// Sends a command to the thread.
    fn tell<T: Send + 'static>(
        &self,
        want: Want,
        work: impl Fn(&mut StorePage) -> Looked<T, StorePage> + Send + 'static,
    ) -> Answer<'static, T> {
        let (job, answer) = command(want, work);
        self.send(job, answer)
    }

    /// Gathers the answers of commands on several tenants; most often there is one.
    fn tell_each<K: Clone + Send + 'static, T: Send + 'static>(
        &self,
        things: &[K],
        tenant: impl Fn(&K) -> &Tenant,
        ask: impl Fn(&Self, Vec<(usize, K)>, Tenant) -> Answer<'static, Vec<(usize, T)>>,
    ) -> Answer<'static, Vec<T>> {
        let mut groups: Vec<(Tenant, Vec<(usize, K)>)> = Vec::new();
        for (at, thing) in things.iter().enumerate() {
            let tenant = tenant(thing);
            match groups.iter_mut().find(|(other, _)| other == tenant) {
                Some((_, group)) => group.push((at, thing.clone())),
                None => groups.push((tenant.clone(), vec![(at, thing.clone())])),
            }
        }
        let answers: Vec<_> = groups.into_iter().map(|(tenant, group)| ask(self, group, tenant)).collect();
        Answer::walk(async move {
            let mut all = Vec::new();
            for answer in answers {
                all.extend(answer.await?);
            }
            all.sort_by_key(|(at, _)| *at);
            Ok(all.into_iter().map(|(_, one)| one).collect())
        })
    }
}

/// The rows that a command on these lines needs.
fn want(claim: &Claim, ids: impl IntoIterator<Item = ReservationId>) -> Want {
    let mut want = Want::of(claim.tenant().clone());
    want.ids.extend(ids);
    want.accounts.extend(claim.lines().iter().map(|line| (line.account.clone(), line.period.number)));
    want
}

/// The same for a command that a frozen scope refuses.
fn want_admission(claim: &Claim, id: ReservationId) -> Want {
    let mut want = want(claim, [id]);
    want.scopes.extend(claim.scopes_all().cloned());
    want
}

impl<S: Store, B: Beside> BudgetLedger for Book<S, B> {
    /// None: others write these books, too, and the thread alone knows how far time has come there.
    fn now(&self) -> Option<Timestamp> {
        None
    }

    fn reserve(&self, command: Reserve<'_>) -> Answer<'static, Reply> {
        let Reserve { id, expires_at, .. } = command;
        let (claim, amounts, note) = (command.claim.clone(), command.amounts.to_vec(), command.note.clone());
        let (holds, charge) = match command.on_expiry {
            OnExpiry::Nothing => (false, None),
            OnExpiry::Hold => (true, None),
            OnExpiry::Amounts(amounts) => (false, Some(amounts.to_vec())),
        };
        self.tell(want_admission(&claim, id), move |page| {
            let on_expiry = match &charge {
                Some(amounts) => OnExpiry::Amounts(amounts),
                None if holds => OnExpiry::Hold,
                None => OnExpiry::Nothing,
            };
            let (claim, amounts, note) = (&claim, amounts.as_slice(), &note);
            law::reserve(page, &Reserve { id, claim, amounts, expires_at, on_expiry, note, now: None })
        })
    }

    fn reconcile(&self, command: Reconcile<'_>) -> Answer<'static, Reply> {
        let Reconcile { id, certainty, .. } = command;
        let (claim, amounts, note) = (command.claim.clone(), command.amounts.to_vec(), command.note.clone());
        let attribution = command.attribution.cloned();
        self.tell(want(&claim, [id]), move |page| {
            let (claim, amounts, attribution, note) =
                (&claim, amounts.as_slice(), attribution.as_ref(), &note);
            law::reconcile(page, &Reconcile { id, claim, amounts, certainty, attribution, note, now: None })
        })
    }

    fn release(&self, command: Release<'_>) -> Answer<'static, Reply> {
        let id = command.id;
        let (attribution, note) = (command.attribution.cloned(), command.note.clone());
        let mut want = Want::of(command.tenant.clone());
        want.ids.push(id);
        let tenant = command.tenant.clone();
        self.tell(want, move |page| {
            let (tenant, attribution, note) = (&tenant, attribution.as_ref(), &note);
            law::release(page, &Release { id, tenant, attribution, note, now: None })
        })
    }

    fn resize(&self, command: Resize<'_>) -> Answer<'static, Reply> {
        let Resize { id, expires_at, .. } = command;
        let (claim, amounts) = (command.claim.clone(), command.amounts.to_vec());
        self.tell(want_admission(&claim, id), move |page| {
            let (claim, amounts) = (&claim, amounts.as_slice());
            law::resize(page, &Resize { id, claim, amounts, expires_at, now: None })
        })
    }

    fn record(&self, command: Record<'_>) -> Answer<'static, Reply> {
        let Record { id, used_at, corrects, .. } = command;
        let (claim, amounts) = (command.claim.clone(), command.amounts.to_vec());
        let (attribution, note) = (command.attribution.clone(), command.note.clone());
        self.tell(want(&claim, [id].into_iter().chain(corrects)), move |page| {
            let (claim, amounts, attribution, note) = (&claim, amounts.as_slice(), &attribution, &note);
            law::record(page, &Record { id, used_at, claim, amounts, corrects, attribution, note, now: None })
        })
    }

    fn mark(&self, command: MarkScope<'_>) -> Answer<'static, Reply> {
        let action = command.action;
        let mut want = Want::of(command.tenant.clone());
        want.scopes.push(command.scope.clone());
        let (tenant, scope) = (command.tenant.clone(), command.scope.clone());
        let attribution = command.attribution.clone();
        self.tell(want, move |page| {
            let (tenant, scope, attribution) = (&tenant, &scope, &attribution);
            law::mark(page, &MarkScope { tenant, scope, action, attribution, now: None })
        })
    }

    fn marks(&self, tenant: &Tenant, scopes: &[Scope]) -> Answer<'static, Vec<FrozenScope>> {
        let mut want = Want::of(tenant.clone());
        want.scopes.extend_from_slice(scopes);
        let scopes = scopes.to_vec();
        self.tell(want, move |page| {
            let each = scopes.iter().map(|scope| page.frozen(scope));
            each.filter_map(Result::transpose).collect()
        })
    }

    fn hold(&self, tenant: &Tenant, id: ReservationId) -> Answer<'static, Option<Hold>> {
        let mut want = Want::of(tenant.clone());
        want.ids.push(id);
        self.tell(want, move |page| page.read_hold(id))
    }

    fn balances(&self, lines: &[(Account, Period)]) -> Answer<'static, Vec<Balance>> {
        self.tell_each(
            lines,
            |(account, _)| account.tenant(),
            |book, lines, tenant| {
                let mut want = Want::of(tenant);
                want.accounts
                    .extend(lines.iter().map(|(_, (account, period))| (account.clone(), period.number)));
                book.tell(want, move |page| {
                    let read = |(at, (account, period)): &(usize, (Account, Period))| {
                        Ok((*at, page.read_balance(account, period)?))
                    };
                    lines.iter().map(read).collect()
                })
            },
        )
    }

    fn entries(&self, tenant: &Tenant, from: u64, limit: usize) -> Answer<'static, Vec<Entry>> {
        let tenant = tenant.clone();
        let (job, answer) =
            question(Some(tenant.clone()), move |store| read::entries(store, &tenant, from, limit));
        self.send(job, answer)
    }

    fn pending_events(&self, limit: usize) -> Answer<'static, Vec<PendingEvent>> {
        let (job, answer) = question(None, move |store| read::pending(store, limit));
        self.send(job, answer)
    }

    fn delivered(&self, events: &[PendingEvent]) -> Answer<'static, ()> {
        let told = self.tell_each(
            events,
            |event| &event.tenant,
            |book, events, tenant| {
                let mut want = Want::of(tenant);
                want.events.extend(events.iter().map(|(_, event)| event.sequence));
                book.tell(want, move |page| {
                    let each = events.iter().map(|(at, event)| Ok((*at, page.deliver(event.sequence)?)));
                    each.collect()
                })
            },
        );
        Answer::walk(async move { told.await.map(|_: Vec<()>| ()) })
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities
    }
}
