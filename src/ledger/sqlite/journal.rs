//! What is written into the journal, and how is each entry chained to the one before?
//!
//! The journal is append-only (triggers refuse updates and deletes), numbered without a
//! gap for each tenant, and chained: `link = hash(link before, number, fields, lines)`.
//! The first link hashes the tenant's name, so that one tenant's journal cannot be put in
//! another's place. What an entry keeps as text (usage, rank, action) is hashed as that
//! text.
//!
//! Worked example: a hold of 4 grows to 5, is charged 3 by an estimate, and is then
//! withdrawn.
//!
//! | entry | kind | spent | reserved |
//! | --- | --- | --- | --- |
//! | 1 | reserved | 0 | +4 |
//! | 2 | resized | 0 | +1 |
//! | 3 | reconciled, estimated | +3 | −5 |
//! | 4 | released | −3 | 0 |
//! | sum | the balance | 0 | 0 |

use rusqlite::{Connection, params};

use super::fault::{Fault, damaged};
use super::seal::{Digest, Ink, id_bytes};
use super::sheet::Change;
use super::text;
use crate::Scope;
use crate::ledger::{Attribution, EntryKind, Note};
use crate::values::{ReservationId, Timestamp};

/// An entry before it has a number.
#[derive(Clone, Copy, Debug)]
pub(super) struct NewEntry<'a> {
    /// When the change was judged.
    pub(super) at: Timestamp,
    /// The id of the command, or of the hold that expired.
    pub(super) id: ReservationId,
    /// What happened.
    pub(super) kind: EntryKind,
    /// The scope that was marked.
    pub(super) scope: Option<&'a Scope>,
    /// What the caller said of its call.
    pub(super) note: &'a Note,
    /// The call that the note is about, as the file knows it.
    pub(super) call: Option<(i64, Digest)>,
    /// Who did it and why, for what people do by hand.
    pub(super) attribution: Option<&'a Attribution>,
}

/// The link before the first entry; no two tenants begin alike.
pub(super) fn first_link(tenant: &str) -> Digest {
    Ink::of("token-budget journal 1").text(tenant).digest()
}

/// Everything of an entry that is hashed, as the file has it.
pub(super) struct Written<'a> {
    pub(super) at: i64,
    pub(super) id: &'a [u8],
    pub(super) kind: &'a str,
    pub(super) detail: Option<&'a str>,
    pub(super) scope: Option<&'a str>,
    pub(super) call: Option<&'a [u8]>,
    pub(super) usage: Option<&'a str>,
    pub(super) ended: Option<&'a str>,
    pub(super) by: Option<&'a str>,
    pub(super) reason: Option<&'a str>,
}

impl Written<'_> {
    /// The entry's link: a hash of the link before, its number, itself, and its lines.
    pub(super) fn link(&self, before: &Digest, sequence: u64, lines: &[Change]) -> Digest {
        let mut ink = Ink::of("entry");
        ink.bytes(before).int(sequence as i64).int(self.at).bytes(self.id).text(self.kind);
        ink.maybe(self.detail).maybe(self.scope).bytes(self.call.unwrap_or_default());
        ink.maybe(self.usage).maybe(self.ended).maybe(self.by).maybe(self.reason);
        ink.int(lines.len() as i64);
        for line in lines {
            ink.int(line.account).int(line.period).int(line.spent).int(line.reserved);
        }
        ink.digest()
    }
}

/// Writes an entry with that number behind that link, and returns its own link.
pub(super) fn write(
    file: &Connection,
    (tenant, sequence): (i64, u64),
    before: &Digest,
    entry: &NewEntry<'_>,
    lines: &[Change],
) -> Result<Digest, Fault> {
    let (kind, detail) = text::kind(entry.kind);
    let usage = entry.note.usage.map(|usage| serde_json::to_string(&usage));
    let usage = usage.transpose().map_err(|error| damaged(error.to_string()))?;
    let (id, scope) = (id_bytes(entry.id), entry.scope.map(Scope::to_string));
    let written = Written {
        at: entry.at.as_nanos(),
        id: &id,
        kind,
        detail: detail.as_deref(),
        scope: scope.as_deref(),
        call: entry.call.as_ref().map(|(_, digest)| digest.as_slice()),
        usage: usage.as_deref(),
        ended: entry.note.ended.map(text::ended),
        by: entry.attribution.map(|attribution| attribution.by.as_str()),
        reason: entry.attribution.map(|attribution| attribution.reason.as_str()),
    };
    let link = written.link(before, sequence, lines);
    let mut write = file.prepare_cached(
        "INSERT INTO journal VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
    )?;
    write.execute(params![
        tenant,
        sequence as i64,
        written.at,
        id,
        kind,
        written.detail,
        written.scope,
        entry.call.map(|(number, _)| number),
        written.usage,
        written.ended,
        written.by,
        written.reason,
        link,
    ])?;
    let mut write = file.prepare_cached("INSERT INTO journal_lines VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")?;
    for (at, line) in lines.iter().enumerate() {
        let (spent, reserved) = (line.spent, line.reserved);
        write.execute(params![
            tenant,
            sequence as i64,
            at as i64,
            line.account,
            line.period,
            spent,
            reserved
        ])?;
    }
    Ok(link)
}
