//! What is written into the journal, and how is each entry chained to the one before?

use std::collections::HashMap;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, params};

use super::fault::{Fault, StoreError, damaged};
use super::seal::{Digest, Ink, id_bytes};
use super::sheet::Change;
use super::text;
use crate::ledger::{About, EntryKind, Note, Signature};
use crate::{ReservationId, Scope, Timestamp};

/// What is written.
#[derive(Clone, Copy, Debug)]
pub(super) struct NewEntry<'a> {
    pub(super) at: Timestamp,
    pub(super) id: ReservationId,
    pub(super) kind: EntryKind,
    /// The scope that was marked.
    pub(super) scope: Option<&'a Scope>,
    pub(super) note: &'a Note,
    /// The call that the note is about, as the file knows it.
    pub(super) call: Option<(i64, Digest)>,
    pub(super) signature: Option<&'a Signature>,
}

/// The link before the first entry: no two roots begin alike.
pub(super) fn first_link(root: &str) -> Digest {
    Ink::of("token-budget journal 1").text(root).digest()
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

/// Writes an entry with that number behind that link, and says what its own link is.
pub(super) fn write(
    file: &Connection,
    (root, sequence): (i64, u64),
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
        by: entry.signature.map(|signature| signature.by.as_str()),
        reason: entry.signature.map(|signature| signature.reason.as_str()),
    };
    let link = written.link(before, sequence, lines);
    let mut write = file.prepare_cached(
        "INSERT INTO journal VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
    )?;
    write.execute(params![
        root,
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
            root,
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

/// What calls are about, as the file knows it; each is written once.
#[derive(Debug, Default)]
pub(super) struct Calls {
    /// By address: whoever is listed is kept alive, so that no other takes its place.
    known: HashMap<usize, (Arc<About>, i64, Digest)>,
    by_number: HashMap<i64, Digest>,
}

/// Calls beyond which the list begins anew.
const CALLS_MAX: usize = 10_000;

impl Calls {
    /// The number and the digest of what that call is about.
    pub(super) fn number(
        &mut self,
        file: &Connection,
        about: Option<&Arc<About>>,
    ) -> Result<Option<(i64, Digest)>, Fault> {
        let Some(about) = about else { return Ok(None) };
        let address = Arc::as_ptr(about) as usize;
        if let Some((_, number, digest)) = self.known.get(&address) {
            return Ok(Some((*number, *digest)));
        }
        if self.known.len() > CALLS_MAX {
            self.known.clear();
        }
        let (number, digest) = find_or_write(file, about)?;
        self.known.insert(address, (about.clone(), number, digest));
        Ok(Some((number, digest)))
    }

    /// The digest of a call that the file knows.
    pub(super) fn of_number(
        &mut self,
        file: &Connection,
        number: Option<i64>,
    ) -> Result<Option<(i64, Digest)>, Fault> {
        let Some(number) = number else { return Ok(None) };
        if let Some(digest) = self.by_number.get(&number) {
            return Ok(Some((number, *digest)));
        }
        if self.by_number.len() > CALLS_MAX {
            self.by_number.clear();
        }
        let mut read = file.prepare_cached("SELECT digest FROM calls WHERE call = ?")?;
        let digest: Option<Digest> = read.query_row([number], |row| row.get(0)).optional()?;
        let digest = digest.ok_or_else(|| damaged(format!("call {number} has no row")))?;
        self.by_number.insert(number, digest);
        Ok(Some((number, digest)))
    }
}

fn find_or_write(file: &Connection, about: &About) -> Result<(i64, Digest), Fault> {
    let list = |error: serde_json::Error| damaged(error.to_string());
    let tags = serde_json::to_string(&about.tags).map_err(list)?;
    let exemptions = serde_json::to_string(&about.exemptions).map_err(list)?;
    let digest = call_digest((&about.model, &about.price), about.use_case.as_deref(), (&tags, &exemptions));
    let mut find = file.prepare_cached("SELECT call FROM calls WHERE digest = ?")?;
    if let Some(number) = find.query_row([digest], |row| row.get(0)).optional()? {
        return Ok((number, digest));
    }
    let mut write = file.prepare_cached(
        "INSERT INTO calls (digest, model, use_case, price, tags, exemptions) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    let (model, use_case, price) = (about.model.as_str(), about.use_case.as_deref(), about.price.as_str());
    let number = write.insert(params![digest, model, use_case, price, tags, exemptions])?;
    Ok((number, digest))
}

/// The hash of what a call is about, as (model, price), use case, (tags, exemptions).
pub(super) fn call_digest(
    (model, price): (&str, &str),
    use_case: Option<&str>,
    (tags, exemptions): (&str, &str),
) -> Digest {
    Ink::of("call").text(model).maybe(use_case).text(price).text(tags).text(exemptions).digest()
}

/// What a call is about, read back.
pub(super) fn read_about(file: &Connection, number: i64) -> Result<Arc<About>, StoreError> {
    let mut read =
        file.prepare_cached("SELECT model, use_case, price, tags, exemptions FROM calls WHERE call = ?")?;
    let about = read.query_row([number], |row| {
        let text = |at: usize| row.get::<_, String>(at);
        Ok((text(0)?, row.get::<_, Option<String>>(1)?, text(2)?, text(3)?, text(4)?))
    })?;
    let (model, use_case, price, tags, exemptions) = about;
    let list = |error: serde_json::Error| damaged(format!("call {number}: {error}"));
    Ok(Arc::new(About {
        model: model.into(),
        tags: serde_json::from_str(&tags).map_err(list)?,
        use_case: use_case.map(Into::into),
        price: price.into(),
        exemptions: serde_json::from_str(&exemptions).map_err(list)?,
    }))
}
