//! Where on its way does each slip meet a command?

use std::sync::Arc;
use std::time::Duration;

use token_budget::ledger::{
    Account, Answer, Balance, Capabilities, Claim, Entry, EntryKind, FrozenScope, Hold, MarkScope, Note,
    OnExpiry, PendingEvent, Reconcile, Record, Release, Reply, ReservationId, Reserve, Resize, Tenant,
};
use token_budget::time::{Period, Timestamp};
use token_budget::{BudgetLedger, Clock, Error, ErrorKind, Scope, Usd};

use super::{Slip, Slipping};

impl BudgetLedger for Slipping {
    fn now(&self) -> Option<Timestamp> {
        self.inner.now()
    }

    fn reserve(&self, command: Reserve<'_>) -> Answer<'static, Reply> {
        let answer = || -> Result<Reply, Error> {
            let mut claim = self.claim(command.claim);
            let id = self.id(command.id);
            let known = self.notes.lock().first.get(&command.id).cloned();
            if let (Slip::TakesAnotherDayForTheSameBody, Some(known)) = (self.slip, known) {
                let accounts =
                    |claim: &Claim| claim.lines().iter().map(|it| it.account.clone()).collect::<Vec<_>>();
                claim = if accounts(&claim) == accounts(&known.claim) { known.claim } else { claim };
            }
            let command = Reserve { id, claim: &claim, ..command };
            if let Some(answer) = self.misjudged(&command) {
                return answer;
            }
            if self.slip == Slip::FreezesTheScopeUnderEveryTenant {
                let frozen = self.notes.lock().frozen.clone();
                for frozen in frozen {
                    let (scope, action) = (&frozen.scope, frozen.action);
                    let mark = MarkScope {
                        now: None,
                        tenant: claim.tenant(),
                        scope,
                        action,
                        attribution: &frozen.attribution,
                    };
                    BudgetLedger::mark(&self.inner, mark).wait()?;
                }
            }
            let reply = self.reserve_rightly(command);
            match (self.slip, &reply) {
                (Slip::ExecutesWhatItForgot, Err(error)) if error.kind() == ErrorKind::Forgotten => {
                    let id = self.forget(id);
                    BudgetLedger::reserve(&self.inner, Reserve { id, ..command }).wait()
                }
                (Slip::BuriesForAMinute, Err(error)) if error.kind() == ErrorKind::State => {
                    let buried = self.notes.lock().buried.get(&id).copied();
                    let long_ago =
                        buried.is_some_and(|at| self.clock.now().since(at) >= Duration::from_secs(60));
                    if !long_ago {
                        return reply;
                    }
                    let id = self.forget(id);
                    BudgetLedger::reserve(&self.inner, Reserve { id, ..command }).wait()
                }
                (Slip::HoldsTheFirstLineOfASumThatDoesNotFit, Err(error))
                    if error.kind() == ErrorKind::Overflow && claim.lines().len() > 1 =>
                {
                    let first = vec![claim.lines()[0].clone()];
                    let first = Claim::new(claim.tenant().clone(), &[], first).expect("one line");
                    let (id, amounts, on_expiry) =
                        (self.forget(id), &command.amounts[..1], OnExpiry::Nothing);
                    let half = Reserve { id, claim: &first, amounts, on_expiry, ..command };
                    BudgetLedger::reserve(&self.inner, half).wait()?;
                    reply
                }
                _ => self.reply(reply),
            }
        };
        answer().into()
    }

    fn reconcile(&self, command: Reconcile<'_>) -> Answer<'static, Reply> {
        let answer = || -> Result<Reply, Error> {
            let mut claim = self.claim(command.claim);
            let mut amounts = command.amounts.to_vec();
            let known = self.notes.lock().first.get(&command.id).cloned();
            if let (Slip::ChargesTheLinesThatAreNamed, Some(known)) = (self.slip, known)
                && known.claim.lines().len() > claim.lines().len()
            {
                amounts.resize(known.claim.lines().len(), 0);
                claim = known.claim;
            }
            let (asked, id) = (command.id, self.id(command.id));
            let command = Reconcile { id, claim: &claim, amounts: &amounts, ..command };
            if self.slip == Slip::LooksForTheIdOutsideTheLock && self.is_new(asked) {
                // What is new to it is charged under an id of its own making.
                let alias = self.forget(asked);
                let reply = BudgetLedger::reconcile(&self.inner, Reconcile { id: alias, ..command }).wait();
                self.write_down(asked, &claim);
                return reply;
            }
            let reply = BudgetLedger::reconcile(&self.inner, command).wait();
            match &reply {
                Err(error)
                    if error.kind() == ErrorKind::Forgotten && self.slip == Slip::ExecutesWhatItForgot =>
                {
                    let id = self.forget(id);
                    BudgetLedger::reconcile(&self.inner, Reconcile { id, ..command }).wait()
                }
                _ => self.reply(reply),
            }
        };
        answer().into()
    }

    fn release(&self, command: Release<'_>) -> Answer<'static, Reply> {
        let answer = || -> Result<Reply, Error> {
            let id = self.id(command.id);
            self.bury(id);
            let attribution = command.attribution.filter(|_| self.slip != Slip::DropsWhoReleased);
            self.reply(BudgetLedger::release(&self.inner, Release { id, attribution, ..command }).wait())
        };
        self.ended(answer())
    }

    fn resize(&self, command: Resize<'_>) -> Answer<'static, Reply> {
        let answer = || -> Result<Reply, Error> {
            let claim = self.claim(command.claim);
            let command = Resize { id: self.id(command.id), claim: &claim, ..command };
            if self.slip == Slip::GrowsOutsideTheLock {
                return self.grow(command);
            }
            self.reply(BudgetLedger::resize(&self.inner, command).wait())
        };
        answer().into()
    }

    fn record(&self, command: Record<'_>) -> Answer<'static, Reply> {
        let answer = || -> Result<Reply, Error> {
            let claim = self.claim(command.claim);
            let asked = command.id;
            let corrects = command.corrects.map(|id| self.id(id));
            let command = Record { claim: &claim, id: self.id(asked), corrects, ..command };
            if self.slip == Slip::LooksForTheIdOutsideTheLock && self.is_new(asked) {
                let alias = self.forget(asked);
                let reply = BudgetLedger::record(&self.inner, Record { id: alias, ..command }).wait();
                self.write_down(asked, &claim);
                return reply;
            }
            self.reply(BudgetLedger::record(&self.inner, command).wait())
        };
        answer().into()
    }

    fn mark(&self, command: MarkScope<'_>) -> Answer<'static, Reply> {
        let answer = || -> Result<Reply, Error> {
            let reply = BudgetLedger::mark(&self.inner, command).wait();
            let standing =
                BudgetLedger::marks(&self.inner, command.tenant, std::slice::from_ref(command.scope))
                    .wait()?;
            self.note_frozen(command.scope, standing);
            self.reply(reply)
        };
        answer().into()
    }

    fn marks(&self, tenant: &Tenant, scopes: &[Scope]) -> Answer<'static, Vec<FrozenScope>> {
        BudgetLedger::marks(&self.inner, tenant, scopes)
    }

    fn hold(&self, tenant: &Tenant, id: ReservationId) -> Answer<'static, Option<Hold>> {
        BudgetLedger::hold(&self.inner, tenant, self.id(id))
    }

    fn balances(&self, lines: &[(Account, Period)]) -> Answer<'static, Vec<Balance>> {
        let answer = || -> Result<Vec<Balance>, Error> {
            let lines: Vec<_> =
                lines.iter().map(|(account, period)| (self.account(account), *period)).collect();
            BudgetLedger::balances(&self.inner, &lines).wait()
        };
        answer().into()
    }

    fn entries(&self, tenant: &Tenant, from: u64, limit: usize) -> Answer<'static, Vec<Entry>> {
        let answer = || -> Result<Vec<Entry>, Error> {
            let mut entries = self.inner.entries(tenant, from, limit).wait()?;
            match self.slip {
                Slip::CountsLinesForEntries => {
                    let mut left = limit;
                    entries.retain(|entry| {
                        let fits = left > 0;
                        left = left.saturating_sub(entry.lines.len().max(1));
                        fits
                    });
                }
                Slip::DropsNotes => entries.iter_mut().for_each(|entry| entry.note = Note::default()),
                Slip::TellsWhoServedForWhoWasAsked => {
                    for note in entries.iter_mut().map(|entry| &mut entry.note) {
                        if let (Some(about), Some(served)) = (&mut note.about, note.served.take()) {
                            Arc::make_mut(about).model.clone_from(&served.model);
                        }
                    }
                }
                Slip::TakesAnUnknownCostForZero => {
                    let ends = entries.iter_mut().filter(|entry| entry.note.ended.is_some());
                    ends.for_each(|entry| entry.note.cost = entry.note.cost.or(Some(Usd::ZERO)));
                }
                Slip::TellsTheNewestPeriodInEveryEntry => {
                    let newest = &self.notes.lock().newest;
                    for line in entries.iter_mut().flat_map(|entry| &mut entry.lines) {
                        line.period =
                            newest.get(&format!("{:?}", line.account)).copied().unwrap_or(line.period);
                    }
                }
                Slip::TellsAThresholdWithoutItsAccount => {
                    let reached = entries.iter_mut().filter(|it| matches!(it.kind, EntryKind::Reached(_)));
                    reached.for_each(|entry| entry.lines.clear());
                }
                _ => {}
            }
            Ok(entries)
        };
        answer().into()
    }

    fn pending_events(&self, limit: usize) -> Answer<'static, Vec<PendingEvent>> {
        self.inner.pending_events(limit)
    }

    fn delivered(&self, events: &[PendingEvent]) -> Answer<'static, ()> {
        self.inner.delivered(events)
    }

    fn capabilities(&self) -> Capabilities {
        let capabilities = self.inner.capabilities();
        match self.slip {
            Slip::RemembersLessThanItSays => {
                Capabilities { remembers: Duration::from_secs(35 * 86_400), ..capabilities }
            }
            _ => capabilities,
        }
    }
}

impl Slipping {
    /// The answer to what ends a call, which one of them lets wait though it says otherwise.
    fn ended(&self, reply: Result<Reply, Error>) -> Answer<'static, Reply> {
        if self.slip != Slip::EndsLaterThanItSays {
            return reply.into();
        }
        let (answerer, answer) = Answer::channel();
        answerer.answer(reply);
        answer
    }
}
