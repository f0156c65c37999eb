//! When does a hold end by age, and what is it charged then?

use super::book::{Changes, NewEntry, TenantBook};
use super::call::{ExpiryCharge, NONE};
use super::calls::Calls;
use super::due::{Due, InHeap};
use super::known::Amounts;
use super::row::Change;
use crate::ledger::rules::{State, expiry_cost};
use crate::ledger::{Certainty, Ended, EntryKind, Expired, Note};
use crate::values::Timestamp;

impl TenantBook {
    /// Lets an open hold end by itself at that instant.
    #[inline]
    pub(super) fn schedule(&mut self, place: u32, at: Timestamp) {
        let due = self.dues.push(Due { at, place });
        let record = self.calls.get_mut(place);
        record.set_expires_at(at);
        match due {
            Some(count) => record.due = count,
            None => self.schedule_earlier(place, at),
        }
    }

    /// Takes an open hold out of what is due: it ended, or its end moves.
    #[inline]
    pub(super) fn unschedule(&mut self, place: u32) {
        match self.calls.get(place).due {
            NONE => self.unschedule_aside(place),
            count => self.dues.remove(count),
        }
    }

    /// Lets a hold end by itself that is not due after all others: what stands last makes way, a few times, if that is the one.
    #[cold]
    pub(super) fn schedule_earlier(&mut self, place: u32, at: Timestamp) {
        let id = self.calls.get(place).id;
        for _ in 0..4 {
            let last = self.dues.last().map(|last| (last, self.calls.get(last.place).id));
            let Some((last, last_id)) = last.filter(|(last, last_id)| (last.at, *last_id) > (at, id)) else {
                self.calls.get_mut(place).due = self.dues.push_last(Due { at, place });
                return;
            };
            self.dues.pop_last();
            self.calls.get_mut(last.place).due = NONE;
            self.dues.push_aside(InHeap { at: last.at, id: last_id, place: last.place });
        }
        self.calls.get_mut(place).due = NONE;
        self.dues.push_aside(InHeap { at, id, place });
    }

    /// Takes a hold that is out of order out of what is due.
    #[cold]
    pub(super) fn unschedule_aside(&mut self, place: u32) {
        let calls = &self.calls;
        self.dues.remove_aside(|due| due.place != place && is_live(calls, due));
    }

    /// Ends what is due, in the order of due instants and then of ids: the journal is the same wherever it is kept.
    #[cold]
    pub(super) fn expire_due(&mut self) {
        loop {
            let next = self.next_due();
            self.dues.next = next.map_or(Timestamp::MAX, |(at, _)| at);
            let Some((due, place)) = next.filter(|(at, _)| *at <= self.now) else { break };
            let expired = self.expire(place, due);
            self.effects().expired.push(expired);
        }
        self.forget_tombstones();
        self.look_round();
    }

    /// The hold that ends first, and when.
    fn next_due(&mut self) -> Option<(Timestamp, u32)> {
        let calls = &self.calls;
        let queued = self.dues.first().map(|due| (due.at, calls.get(due.place).id, due.place));
        let aside = self.dues.first_aside(|due| is_live(calls, due)).map(|due| (due.at, due.id, due.place));
        queued.into_iter().chain(aside).min().map(|(at, _, place)| (at, place))
    }

    /// Ends one hold by age, and charges it what was said when it was made.
    ///
    /// A charge that does not fit is replaced by what the line holds, which always fits.
    fn expire(&mut self, place: u32, due: Timestamp) -> Expired {
        let lines = self.known_lines(place);
        let record = self.calls.get(place);
        let (id, about) = (record.id(), record.about.clone());
        let is_sent = record.on_expiry != ExpiryCharge::Nothing;
        let said: Amounts = match record.on_expiry {
            ExpiryCharge::Nothing => lines.iter().map(|_| 0).collect(),
            ExpiryCharge::Hold => lines.iter().map(|line| line.held).collect(),
            ExpiryCharge::Amounts => {
                let aside = record.aside.as_deref().and_then(|aside| aside.on_expiry.as_deref());
                aside.unwrap_or_default().iter().copied().collect()
            }
        };
        let mut changes = Changes::new();
        for (line, said) in lines.iter().zip(said) {
            let charge = |spent| Change { spent, reserved: line.held.wrapping_neg() };
            let fits = self.rows.fits(line.row, charge(said));
            changes.push(line.changed(charge(if fits { said } else { line.held })));
        }
        let charges: Amounts = changes.iter().map(|line| line.change.spent).collect();
        self.end(place, State::Charged(Certainty::Expired), &charges);
        let charged: Vec<_> =
            changes.iter().map(|line| (self.account(line.row), line.change.spent)).collect();
        let cost = expiry_cost(is_sent, &charged);
        let note = Note { about, cost, ended: Some(Ended::Expired), ..Note::default() };
        let kind = EntryKind::Reconciled(Certainty::Expired);
        self.post(&NewEntry { kind, id, note: &note, attribution: None }, &changes);
        Expired { id, due, charged }
    }

    /// Lets go of tombstones that have stood their time.
    pub(super) fn forget_tombstones(&mut self) {
        while let Some(place) = self.calls.next_tombstone(self.now) {
            self.forget(place);
        }
    }
}

/// Whether a hold in the heap is still open, and due then.
fn is_live(calls: &Calls, due: &InHeap) -> bool {
    let record = calls.get(due.place);
    let is_open = record.state == State::Held && record.due == NONE;
    is_open && record.id == due.id && record.expires_at() == due.at
}
