//! How is each entry of the journal chained to the one before?
//!
//! The journal is append-only and numbered without a gap for each tenant: `link = hash(link before, number, fields, lines)`. The
//! first link hashes the tenant's name, so that one tenant's journal cannot be put in another's place. Usage is hashed as the text of its
//! JSON, and what a call is about by its digest, so that a changed text is found. What older files did not know is hashed only where
//! it is there, so that their links and digests still fit.

use super::rows::{CallRow, EntryRow};
use super::seal::{Digest, Ink, id_bytes};
use super::words;
use crate::Usd;
use crate::ledger::About;
use crate::values::{Conditions, Tenant};

/// The link before the first entry; no two tenants begin alike.
pub(crate) fn first_link(tenant: &Tenant) -> Digest {
    Ink::of("token-budget journal 1").text(tenant.name()).digest()
}

impl EntryRow {
    /// The link that the entry must bear behind that one.
    ///
    /// # Example: two entries, linked
    /// The first entry's link hashes the tenant's name, the second one's the first's: whoever changes an old entry must change
    /// every link after it, and the tenant's row.
    #[must_use]
    pub fn link_after(&self, before: &Digest) -> Digest {
        let (kind, detail) = words::of_kind(self.kind);
        let mut ink = Ink::of("entry");
        ink.bytes(before)
            .int(self.sequence as i64)
            .int(self.at.as_nanos())
            .bytes(&id_bytes(self.id))
            .text(kind);
        ink.maybe(detail.as_deref()).maybe(self.scope.as_ref().map(ToString::to_string).as_deref());
        ink.bytes(self.call.as_ref().map(Digest::as_slice).unwrap_or_default());
        ink.maybe(self.usage_text().as_deref()).maybe(self.ended.map(words::of_ended));
        ink.maybe(self.attribution.as_ref().map(|attribution| attribution.by.as_str()));
        ink.maybe(self.attribution.as_ref().map(|attribution| attribution.reason.as_str()));
        ink.int(self.lines.len() as i64);
        for line in &self.lines {
            ink.int(i64::from(line.account)).int(line.period).int(line.spent).int(line.reserved);
        }
        if self.served.is_some() || self.cost.is_some() {
            ink.maybe(self.served_text().as_deref()).maybe_int(self.cost.map(Usd::nanos));
        }
        ink.digest()
    }

    /// What served it, as the journal keeps it.
    pub(crate) fn served_text(&self) -> Option<String> {
        self.served.as_deref().map(json)
    }

    /// The usage, as the journal keeps it.
    pub(crate) fn usage_text(&self) -> Option<String> {
        self.usage.as_ref().map(json)
    }
}

/// How no scopes are written.
const NO_SCOPES: &str = "[]";

/// What a call is about, as the columns in which it is kept and hashed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CallText {
    pub(crate) scopes: String,
    pub(crate) model: String,
    pub(crate) use_case: Option<String>,
    pub(crate) price: String,
    pub(crate) tags: String,
    pub(crate) exemptions: String,
    pub(crate) provider: Option<String>,
    /// Nothing where they are standard.
    pub(crate) conditions: Option<String>,
}

impl CallText {
    pub(crate) fn of(about: &About) -> Self {
        let is_standard = about.conditions == Conditions::default();
        Self {
            scopes: json(&about.scopes),
            model: about.model.to_string(),
            use_case: about.use_case.as_ref().map(ToString::to_string),
            price: about.price.to_string(),
            tags: json(&about.tags),
            exemptions: json(&about.exemptions),
            provider: about.provider.as_ref().map(ToString::to_string),
            conditions: (!is_standard).then(|| json(&about.conditions)),
        }
    }

    /// The hash of it. Files of version 2 knew no provider and no conditions, and those of version 3 no scopes: where there are none it
    /// is as it was.
    pub(crate) fn digest(&self) -> Digest {
        let mut ink = Ink::of("call");
        ink.text(&self.model).maybe(self.use_case.as_deref()).text(&self.price);
        ink.text(&self.tags).text(&self.exemptions);
        let has_scopes = self.scopes != NO_SCOPES;
        if self.provider.is_some() || self.conditions.is_some() || has_scopes {
            ink.maybe(self.provider.as_deref()).maybe(self.conditions.as_deref());
        }
        if has_scopes {
            ink.text(&self.scopes);
        }
        ink.digest()
    }

    /// What the call is about, read back.
    #[cfg(feature = "sqlite")]
    pub(crate) fn read(self) -> Result<About, serde_json::Error> {
        let conditions = self.conditions.as_deref().map(serde_json::from_str).transpose()?;
        Ok(About {
            scopes: serde_json::from_str(&self.scopes)?,
            model: self.model.into(),
            provider: self.provider.map(Into::into),
            conditions: conditions.unwrap_or_default(),
            tags: serde_json::from_str(&self.tags)?,
            use_case: self.use_case.map(Into::into),
            price: self.price.into(),
            exemptions: serde_json::from_str(&self.exemptions)?,
        })
    }
}

/// Texts, lists of texts and fixed names always can be written.
fn json<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

impl CallRow {
    /// The row of what a call is about.
    pub(crate) fn of(about: std::sync::Arc<About>) -> Self {
        Self { digest: CallText::of(&about).digest(), about }
    }
}
