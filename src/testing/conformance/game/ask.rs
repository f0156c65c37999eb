//! What is asked? Each kind of command and of read, sent to the ledger and put to the model.
//!
//! The odds favour reserves and reconciles, as real traffic does, and most commands are about an id that was seen
//! before: also about one that has ended, so that most answers are not "applied".

use super::answer::Name;
use super::known::{Charge, IdState, ModelLine, shown};
use super::model::ACCOUNTS;
use super::play::{Game, amounts_of};
use super::remark::Remark;
use crate::ledger::{Certainty, MarkAction, OnExpiry, Reconcile, Record, Release, Reply, Reserve, State};
use crate::testing::conformance::claims::scope;
use crate::testing::conformance::need::Need;
use crate::testing::conformance::why::{Held, Why};
use crate::values::{ReservationId, Timestamp};
use crate::{Error, ErrorKind};

impl Game {
    /// Sends one command to both; a difference is an error.
    pub(super) fn play(&mut self) -> Held {
        let kind = self.random.below(100);
        match kind {
            40..64 => self.reconcile(),
            64..72 => self.release(),
            72..84 if self.offers(Need::Resizing) => self.resize(),
            84..91 if self.offers(Need::Postings) => self.record(),
            91..94 if self.offers(Need::Marks) => self.mark(),
            94..97 => self.read(),
            97..100 => self.look(),
            _ => self.reserve(),
        }?;
        self.played()
    }

    /// A new call in 85 of 100; else a retry, or an old id with another body.
    pub(super) fn reserve(&mut self) -> Held {
        let (id, lines) = if self.random.percent(85) {
            let lines = self.some_lines(2);
            (self.new_id(&lines), lines)
        } else {
            self.earlier(20)
        };
        let expires_at = self.some_end(&[0, 1, 10, 100, 700, 3_000]);
        let charges: Vec<i64> = lines.iter().map(|_| self.some_amount()).collect();
        let (on_expiry, charge) = match self.random.below(3) {
            0 => (OnExpiry::Nothing, Charge::Nothing),
            1 => (OnExpiry::Hold, Charge::Hold),
            _ => (OnExpiry::Amounts(&charges), Charge::Amounts(charges.clone())),
        };
        let (claim, amounts, remark) = (&self.claim_of(&lines), &amounts_of(&lines), self.some_remark());
        let (note, now) = (remark.note(), None);
        let told = self.books.reserve_as(Reserve { id, claim, amounts, expires_at, on_expiry, note, now });
        self.model.remarks(&remark);
        let expected = self.model.reserve(self.now(), id.to_bits(), &lines, (expires_at.as_nanos(), charge));
        self.note_refused(id);
        self.compare(&format!("reserve {id} {} until {expires_at}", shown(&lines)), told, expected)
    }

    /// Any certainty on any earlier id.
    fn reconcile(&mut self) -> Held {
        let (id, mut lines) = self.earlier(4);
        if self.random.percent(60) {
            lines.iter_mut().for_each(|line| line.amount = self.random.between(0, 40));
        }
        let some = [
            Certainty::Expired,
            Certainty::Provisional,
            Certainty::Estimated,
            Certainty::Reported,
            Certainty::Reported,
        ];
        let certainty = some.get(self.random.size(0, 4)).copied().unwrap_or(Certainty::Reported);
        let (claim, amounts, remark) = (&self.claim_of(&lines), &amounts_of(&lines), self.some_remark());
        let (attribution, note, now) = (remark.signed(), remark.end(), None);
        let command = Reconcile { id, claim, amounts, certainty, attribution, note, now };
        let told = self.books.reconcile_as(command);
        self.model.remarks(&remark);
        let expected = self.model.reconcile(self.now(), id.to_bits(), &lines, certainty);
        self.compare(&format!("reconcile {id} {} {certainty:?}", shown(&lines)), told, expected)
    }

    /// Releases an earlier id, or one never seen, which leaves a tombstone.
    fn release(&mut self) -> Held {
        let (id, _) = self.earlier(0);
        self.release_id(id)
    }

    /// Buries a new id: a command that every ledger writes down, with its instant.
    pub(super) fn bury(&mut self) -> Held {
        // Of now: an id of days to come would be refused, and its instant with it.
        let id = self.id_made(0, &[]);
        self.release_id(id)
    }

    fn release_id(&mut self, id: ReservationId) -> Held {
        let remark = self.some_remark();
        let (tenant, attribution, note, now) = (&self.books.tenant, remark.signed(), remark.note(), None);
        let told = self.books.release_as(Release { id, tenant, attribution, note, now });
        self.model.remarks(&remark);
        let expected = self.model.release(self.now(), id.to_bits());
        self.compare(&format!("release {id}"), told, expected)
    }

    /// Other amounts or the same, and in half of the cases another end; mostly of a hold that is open.
    fn resize(&mut self) -> Held {
        let open = self.open().filter(|_| self.random.percent(60));
        let (id, mut lines) = match open {
            Some((id, lines)) => (id, self.anew(lines)),
            None => self.earlier(4),
        };
        let held = self.model.known.get(&id.to_bits()).map(|known| known.amounts.clone()).unwrap_or_default();
        // As it is, back to what it was at first, or anything, on all lines or on each by itself.
        let all = self.random.below(8);
        for (place, line) in lines.iter_mut().enumerate() {
            let kind = if all < 3 { all } else { self.random.below(6) };
            line.amount = match (kind, held.get(place)) {
                (0, Some(held)) => *held,
                (1, _) => line.amount,
                (2, Some(held)) => held / 3,
                _ => self.random.between(0, 30),
            };
        }
        let until = self.random.percent(50).then(|| self.some_end(&[1, 5, 60, 300, 1_500]));
        let told = self.books.resize(id, &self.claim_of(&lines), &amounts_of(&lines), until);
        if self.is_left_out(&told, Need::Resizing) {
            return Ok(());
        }
        self.model.remarks(&Remark::default());
        let expected = self.model.resize(self.now(), id.to_bits(), &lines, until.map(Timestamp::as_nanos));
        self.compare(&format!("resize {id} {} until {until:?}", shown(&lines)), told, expected)
    }

    /// An imported row, a correction, a refund, or a posting sent again, signed by somebody else.
    fn record(&mut self) -> Held {
        if self.random.percent(15) {
            let (id, lines, used_at) = self.some_row();
            return self.post(id, &lines, None, Some(used_at));
        }
        let (charge, mut lines) = self.earlier(10);
        let repeat = self.random.percent(15);
        let refund = self.random.percent(70) && self.offers(Need::Refunds);
        if repeat {
            // The body word for word, where the id was a posting's.
            let first = self.ids.iter().find(|given| given.id == charge).map(|given| given.lines.clone());
            lines = first.unwrap_or(lines);
        } else {
            let least = if self.offers(Need::Refunds) { -1 } else { 0 };
            for line in &mut lines {
                line.amount =
                    if refund { -self.random.between(0, 12) } else { self.random.between(least, 20) };
            }
        }
        let corrects = self.random.percent(95).then_some(charge);
        let id = if repeat { charge } else { self.new_id(&lines) };
        self.post(id, &lines, corrects, None)
    }

    fn post(
        &mut self,
        id: ReservationId,
        lines: &[ModelLine],
        corrects: Option<ReservationId>,
        used_at: Option<Timestamp>,
    ) -> Held {
        let (claim, amounts, remark) = (&self.claim_of(lines), &amounts_of(lines), self.some_remark());
        let (attribution, note, now) = (&remark.signature(), remark.end(), None);
        let command = Record { id, used_at, claim, amounts, corrects, attribution, note, now };
        let told = self.books.record_as(command);
        let kind = if lines.iter().any(|line| line.amount < 0) { Need::Refunds } else { Need::Postings };
        if self.is_left_out(&told, kind) {
            return Ok(());
        }
        self.model.remarks(&remark);
        let (charge, used) = (corrects.map(ReservationId::to_bits), used_at.map(Timestamp::as_nanos));
        let expected = self.model.record(self.now(), id.to_bits(), lines, charge, used);
        self.compare(&format!("record {id} {} for {corrects:?} of {used_at:?}", shown(lines)), told, expected)
    }

    /// Marks and opens a scope, mostly one that is marked: so marks meet, and most calls can pass.
    fn mark(&mut self) -> Held {
        let marked: Vec<Name> = self.model.frozen.keys().copied().collect();
        let again = !marked.is_empty() && self.random.percent(75);
        let account = if again { self.random.pick(&marked) } else { self.random.below(ACCOUNTS) as Name };
        let action = match self.random.below(10) {
            0..2 => MarkAction::Freeze,
            2..4 => MarkAction::Stop,
            4..6 => MarkAction::Close,
            _ => MarkAction::Reopen,
        };
        let action =
            if marked.len() > 1 && again && self.random.percent(60) { MarkAction::Reopen } else { action };
        let remark = self.some_remark();
        let signature = remark.signature();
        let told = self.books.mark_as(&scope("team", &account.to_string()), action, &signature);
        if self.is_left_out(&told, Need::Marks) {
            return Ok(());
        }
        self.model.remarks(&remark);
        let expected = self.model.mark(self.now(), account, action, &signature.reason);
        self.compare(&format!("mark {account} {action:?}"), told, Ok(expected))
    }

    /// Whether the ledger says that it does not offer this kind of command, which is then dealt no more.
    fn is_left_out(&mut self, told: &Result<Reply, Error>, need: Need) -> bool {
        match told {
            Err(error) if error.kind() == ErrorKind::Unsupported => {
                self.leave_out(need, error);
                true
            }
            _ => false,
        }
    }

    /// Reads balances in one read, some of them twice; they must equal the model's exactly.
    fn read(&mut self) -> Held {
        let mut lines = self.some_lines(20);
        if lines.is_empty() {
            // Whether a ledger looks at the clock before it reads nothing is its own matter.
            lines.push(self.line_of(6, 0));
        }
        lines.extend(lines.clone().into_iter().take(self.random.size(0, 2)));
        let named: Vec<_> = lines
            .iter()
            .flat_map(|line| self.claim_of(&[*line]).lines().to_vec())
            .map(|line| (line.account, line.period))
            .collect();
        let told = self.books.balances_of(&named)?;
        let told: Vec<_> = told.iter().map(|balance| (balance.spent, balance.reserved)).collect();
        let now = self.now();
        let expected: Vec<_> = lines.iter().map(|line| self.model.read(now, line)).collect();
        if told != expected {
            let lines = shown(&lines);
            return Err(Why::new(format!("balances of {lines}: {told:?}, the model says {expected:?}")));
        }
        Ok(())
    }

    /// Looks at what is known of an id, and at all marks.
    fn look(&mut self) -> Held {
        let wide = self.wide().filter(|_| self.random.percent(30));
        if let Some(id) = wide.or_else(|| self.known().map(|(id, _)| id)) {
            let told = self.books.hold(&self.books.tenant, id)?;
            self.model.tick(self.now());
            let expected = self.model.known.get(&id.to_bits());
            let told = told.map(|hold| {
                let lines = hold.lines.iter().map(|line| {
                    let name = line.account.scope().name().parse().unwrap_or(Name::MAX);
                    (name, line.period, line.amount, line.refunded)
                });
                (hold.state, hold.expires_at.map(Timestamp::as_nanos), lines.collect::<Vec<_>>())
            });
            let expected = expected.map(|known| (state_of(&known.state), known.ends(), known.shown_lines()));
            if told != expected {
                return Err(Why::new(format!("hold {id}: {told:?}, the model says {expected:?}")));
            }
        }
        if self.offers(Need::Marks) {
            let scopes: Vec<_> = (0..ACCOUNTS).map(|account| scope("team", &account.to_string())).collect();
            let told = self.books.marks(&scopes)?;
            self.model.tick(self.now());
            let told = told.into_iter().map(|mark| {
                let name = mark.scope.name().parse().unwrap_or(Name::MAX);
                (name, (mark.action, mark.since.as_nanos(), mark.attribution.reason.to_string()))
            });
            let (told, expected): (Vec<_>, Vec<_>) =
                (told.collect(), self.model.frozen.clone().into_iter().collect());
            if told != expected {
                return Err(Why::new(format!("marks: {told:?}, the model says {expected:?}")));
            }
        }
        Ok(())
    }
}

/// The state as a ledger names it.
fn state_of(state: &IdState) -> State {
    match state {
        IdState::Held { .. } => State::Held,
        IdState::Charged(certainty) => State::Charged(*certainty),
        IdState::Released => State::Released,
        IdState::Refused { .. } => State::Refused,
        IdState::Tombstone => State::Tombstone,
        IdState::Recorded => State::Recorded,
    }
}
