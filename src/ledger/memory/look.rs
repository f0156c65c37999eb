//! What do readers see? Balances, marks, the journal, and what is remembered of one id.

use super::book::TenantBook;
use super::call::RecordLine;
use super::journal::{OwnEntry, Told, ToldKind};
use super::rows::NO_ROW;
use crate::Scope;
use crate::ledger::rules::State;
use crate::ledger::{Entry, EntryKind, EntryLine, FrozenScope, Hold, HoldLine, Note};
use crate::values::{Account, Balance, Period, ReservationId};

impl TenantBook {
    /// The id as it stands now.
    pub(super) fn hold_of(&mut self, id: ReservationId) -> Option<Hold> {
        let known = self.known(id)?;
        let amounts = known.amounts();
        let lines = known.lines.iter().zip(amounts).map(|(line, amount)| HoldLine {
            account: self.account(line.row),
            period: line.period,
            amount,
            refunded: line.refunded,
        });
        let (lines, record) = (lines.collect(), self.calls.get(known.place));
        let is_held = known.state == State::Held;
        // A record that was used before still has what was said of that call.
        let is_about = !matches!(known.state, State::Refused | State::Tombstone);
        Some(Hold {
            id,
            state: known.state,
            expires_at: is_held.then(|| record.expires_at()),
            lines,
            about: record.about.clone().filter(|_| is_about),
        })
    }

    /// The account of that row.
    pub(super) fn account(&self, row: u32) -> Account {
        self.rows.account(row).clone()
    }

    pub(super) fn marks(&self, scopes: &[Scope]) -> Vec<FrozenScope> {
        scopes.iter().filter_map(|scope| self.mark_on(scope)).collect()
    }

    /// The balance of that account in that period. What is due has ended; the news of it wait for the next reply.
    pub(super) fn balance(&self, account: &Account, period: &Period) -> Balance {
        let place = self.rows.find(account);
        // A coming sub-period shows what stands now.
        let is_ahead = period.span > 1 && period.from > self.now && place != NO_ROW;
        let number = if is_ahead { self.rows.get(place).period } else { period.number };
        self.rows.balance(place, number)
    }

    /// The journal from that number on, oldest first.
    pub(super) fn entries(&self, from: u64, limit: usize) -> Vec<Entry> {
        let kept = self.journal.iter().filter(|(sequence, ..)| *sequence >= from).take(limit);
        kept.map(|(sequence, told, own)| match own {
            Some(own) => self.own_entry(sequence, &told, own),
            None => self.told_entry(sequence, &told),
        })
        .collect()
    }

    fn own_entry(&self, sequence: u64, told: &Told, own: &OwnEntry) -> Entry {
        let lines = own.lines.iter().map(|line| EntryLine {
            account: self.account(line.row),
            period: line.period,
            spent: line.change.spent,
            reserved: line.change.reserved,
        });
        let (lines, note, attribution) = (lines.collect(), own.note.clone(), own.attribution.clone());
        Entry { sequence, at: told.at, id: own.id, kind: own.kind, lines, note, attribution }
    }

    /// The entry that a record tells.
    fn told_entry(&self, sequence: u64, told: &Told) -> Entry {
        let record = self.calls.get(told.record);
        let first_held = record.aside.as_deref().and_then(|aside| aside.held.as_deref());
        let charges = self.told_charges(told.record);
        let line = |at: usize, line: &RecordLine| {
            let held = first_held.and_then(|held| held.get(at)).copied().unwrap_or(line.held);
            let charged = charges.get(at).copied().unwrap_or(0);
            match told.kind {
                ToldKind::Reserved => (0, held),
                _ => (charged, line.held.wrapping_neg()),
            }
        };
        let lines = self.lines(told.record);
        let lines = lines.iter().zip(self.known_lines(told.record)).enumerate();
        let lines = lines.map(|(at, (kept, known))| {
            let (spent, reserved) = line(at, kept);
            EntryLine { account: self.account(kept.row), period: known.period, spent, reserved }
        });
        let about = record.about.clone();
        let (kind, note) = match told.kind {
            ToldKind::Reconciled(certainty) => {
                let (served, usage, cost) = (record.served.clone(), record.usage(), record.cost());
                let note = Note { about, served, usage, cost, ended: record.ended };
                (EntryKind::Reconciled(certainty), note)
            }
            _ => (EntryKind::Reserved, Note { about, ..Note::default() }),
        };
        let (at, id, attribution) = (told.at, record.id(), None);
        Entry { sequence, at, id, kind, lines: lines.collect(), note, attribution }
    }
}
