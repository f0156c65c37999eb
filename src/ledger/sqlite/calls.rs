//! What is a call about, written once for all entries of its charge set?
//!
//! A call with four budgets makes entries again and again with the same model, tags, use
//! case and price version. These are written once, found by their digest, and entries
//! refer to the number. The chain hashes the digest, not the number, so that a changed
//! text is found.

use std::collections::HashMap;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, params};

use super::fault::{Fault, StoreError, damaged};
use super::seal::{Digest, Ink};
use crate::ledger::About;

/// What calls are about, as the file knows it; each is written once.
#[derive(Debug, Default)]
pub(super) struct Calls {
    /// By address, which costs no hashing. Each value keeps its `Arc` alive, so that no other can take the
    /// same address.
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
    let digest = digest_of((&about.model, &about.price), about.use_case.as_deref(), (&tags, &exemptions));
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
pub(super) fn digest_of(
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
