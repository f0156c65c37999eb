//! What must the journal tell? Each change by itself, in order, at the model's time.
//!
//! The model writes an entry wherever it changes something. Now and then the game reads
//! what the ledger has written since, and compares the two entry by entry: number, instant,
//! kind, id, lines, signature, and what the caller said of its call.

use std::collections::VecDeque;

use super::answer::Name;
use super::remark::Remark;
use crate::Usd;
use crate::ledger::{Certainty, Ended, Entry, EntryKind};
use crate::values::{ReservationId, Timestamp};

/// The entries that were not compared yet.
#[derive(Debug, Default)]
pub(super) struct Journal {
    entries: VecDeque<Told>,
    /// How many have been compared, or dropped: the number of the entry before the first one here.
    before: u64,
    /// What the running command says of itself.
    pub(super) remark: Remark,
}

/// One entry, as the model has it.
#[derive(Clone, Debug)]
struct Told {
    at: i64,
    /// None for a mark, whose entry has an id of the ledger's own.
    id: Option<u128>,
    kind: EntryKind,
    /// Account, period, spent, reserved.
    lines: Vec<(Name, i64, i64, i64)>,
    /// What the command said; none where the ledger writes by itself.
    remark: Option<Remark>,
}

impl Journal {
    /// The number of the next entry that is to be compared.
    pub(super) fn next(&self) -> u64 {
        self.before.saturating_add(1)
    }

    /// Writes an entry of that instant; one without an id has an id of the ledger's own.
    pub(super) fn write(
        &mut self,
        (at, id): (i64, Option<u128>),
        kind: EntryKind,
        lines: Vec<(Name, i64, i64, i64)>,
    ) {
        // What ends by age, a threshold and growth are written by the ledger itself, with no word of a caller.
        let by_itself = matches!(
            kind,
            EntryKind::Reached(_) | EntryKind::Resized | EntryKind::Reconciled(Certainty::Expired)
        );
        let remark = (!by_itself).then(|| self.remark.clone());
        self.entries.push_back(Told { at, id, kind, lines, remark });
    }

    /// Lets go of entries: they have been compared, or nobody can.
    pub(super) fn drop_all(&mut self) {
        self.before = self.before.saturating_add(self.entries.len() as u64);
        self.entries.clear();
    }

    /// Compares what the ledger has written since, from [`next`](Self::next) on. A ledger that keeps fewer entries has
    /// folded the first of them, and is held to the rest.
    pub(super) fn compare(&mut self, written: &[Entry], kept: Option<usize>) -> Result<(), String> {
        let skipped = self.entries.len().saturating_sub(written.len());
        if written.len() > self.entries.len() || (skipped > 0 && kept.is_none_or(|kept| kept > written.len()))
        {
            return Err(format!(
                "the model has {} new entries, the ledger {}",
                self.entries.len(),
                written.len()
            ));
        }
        for (told, (entry, number)) in
            self.entries.iter().skip(skipped).zip(written.iter().zip(self.next()..))
        {
            let number = number.saturating_add(skipped as u64);
            if number != entry.sequence || !told.is(entry) {
                return Err(format!("\n  ledger: {entry:?}\n   model: {number}, {told:?}"));
            }
        }
        self.drop_all();
        Ok(())
    }
}

impl Told {
    /// Whether an expiry says that it cost what its lines were charged, all of which count dollars.
    fn costs(&self, entry: &Entry) -> bool {
        let spent = self.lines.iter().map(|(_, _, spent, _)| *spent).max().unwrap_or(0);
        // What a caller reports with that certainty has words of its own.
        entry.note.ended != Some(Ended::Expired) || entry.note.cost.map_or(0, Usd::nanos) == spent
    }

    /// Whether the ledger's entry tells this.
    fn is(&self, entry: &Entry) -> bool {
        let lines: Vec<_> = entry
            .lines
            .iter()
            .map(|line| {
                let name = line.account.scope().name().parse().unwrap_or(Name::MAX);
                (name, line.period, line.spent, line.reserved)
            })
            .collect();
        let signed = |remark: &Remark| match self.kind {
            EntryKind::Reserved => entry.attribution.is_none(),
            EntryKind::Recorded | EntryKind::Marked(_) => entry.attribution == Some(remark.signature()),
            _ => entry.attribution.as_ref() == remark.signed(),
        };
        let says = |remark: &Remark| match self.kind {
            EntryKind::Marked(_) => entry.note.about.is_none(),
            EntryKind::Reconciled(_) | EntryKind::Unheld(_) | EntryKind::Recorded => {
                entry.note == *remark.end()
            }
            _ => entry.note == *remark.note(),
        };
        (self.kind, &self.lines) == (entry.kind, &lines)
            && Timestamp::from_nanos(self.at) == entry.at
            && self.id.is_none_or(|id| ReservationId::from_bits(id) == entry.id)
            && self.remark.as_ref().is_none_or(|remark| signed(remark) && says(remark))
            && (self.kind != EntryKind::Reconciled(Certainty::Expired) || self.costs(entry))
    }
}
