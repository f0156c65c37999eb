//! What do names say: of models, tiers, events, ends and errors?
//!
//! The last name that is read counts, with three exceptions: an answer's own id goes before
//! that of the event around it, the first kind of error stays, and a status that only says
//! that the answer goes on (`in_progress`) is passed over. Words are kept as the provider
//! wrote them; what they mean is decided by whoever prices the call.

use crate::values::ShortText;

use super::json::{Cursor, Kind, Raw};
use super::reader::Reader;
use super::tools::KIND_BYTES_MAX;
use super::vocabulary::{At, Name};

/// Bytes of a name that are kept; the longest model name in public tables has 76.
const NAME_BYTES_MAX: usize = 256;

impl Reader {
    /// Reads a name.
    pub(super) fn name(&mut self, name: Name, value: &mut Cursor<'_>) -> Option<()> {
        match value.kind()? {
            Kind::Text => {}
            // Bedrock wraps the tier: `{"type": "default"}`.
            Kind::Object if name == Name::Tier => {
                return value.members(|key, value| match key {
                    b"type" => self.name(name, value),
                    _ => value.skip(),
                });
            }
            // Google numbers its traffic types; a code says more than nothing.
            Kind::Bare if name == Name::Tier => {
                keep(&mut self.tier, Raw { bytes: value.bare()? });
                return Some(());
            }
            _ => return value.skip(),
        }
        let text = value.text()?;
        if text.bytes.is_empty() {
            return Some(());
        }
        // Whoever the provider is said to be: nobody else writes this code into an error.
        self.filtered |= name == Name::Error && text.bytes == b"content_filter";
        match name {
            Name::Id => self.named(text),
            Name::Complaint => self.complained(text),
            Name::Filter => self.filtered |= text.bytes == b"ResponsibleAIPolicyViolation",
            Name::Blocked if text.bytes == b"BLOCK_REASON_UNSPECIFIED" => {}
            Name::Blocked => {
                keep(&mut self.finish, text);
                (self.blocked, self.frame.has_finish) = (true, true);
            }
            Name::Model => keep(&mut self.model, text),
            Name::Tier => keep(&mut self.tier, text),
            Name::Region => keep(&mut self.region, text),
            Name::Speed => keep(&mut self.speed, text),
            Name::Reason => keep(&mut self.reason, text),
            Name::Finish => {
                keep(&mut self.finish, text);
                self.frame.has_finish = true;
            }
            Name::Status if matches!(text.bytes, b"in_progress" | b"queued" | b"not_finished") => {}
            Name::Status => {
                keep(&mut self.finish, text);
                self.frame.has_finish |= !self.is_live;
            }
            Name::ToolModel => keep(&mut self.image_model, text),
            Name::TranscriptionModel => keep(&mut self.transcription_model, text),
            Name::Object if text.bytes == b"batch" => keep(&mut self.tier, text),
            Name::Error if self.error.as_deref().is_none_or(|error| error == "error") => {
                keep(&mut self.error, text);
            }
            Name::OfTool | Name::Object | Name::Error => {}
            Name::Type | Name::Action => {
                self.frame.kind.clear();
                self.frame.kind.extend_from_slice(text.bytes.get(..KIND_BYTES_MAX).unwrap_or(text.bytes));
            }
        }
        Some(())
    }

    /// Keeps an id: the answer's own goes before that of what stands around it.
    fn named(&mut self, id: Raw<'_>) {
        let is_own = self.depth == 2 || self.frame.is_wrapped;
        if self.depth == 1 && !self.frame.has_own_id || is_own {
            keep(&mut self.id, id);
            self.frame.has_own_id |= is_own;
        }
    }

    /// Reads an error: an object, or a text alone.
    pub(super) fn error(&mut self, value: &mut Cursor<'_>) -> Option<()> {
        match value.kind()? {
            Kind::Object => self.enter(At::Error, value),
            Kind::Text => {
                self.error.get_or_insert_with(|| "error".into());
                self.complained(value.text()?);
                Some(())
            }
            _ => value.skip(),
        }
    }

    /// What an error says to people: xAI alone names its checks so, whoever the provider is said to be.
    fn complained(&mut self, text: Raw<'_>) {
        let says = |words: &str| memchr::memmem::find(text.bytes, words.as_bytes()).is_some();
        self.violates |= says("Content violates usage guidelines") || says("Failed check: SAFETY_CHECK_TYPE");
    }

    /// An object without a member is how some say that there was none.
    pub(super) fn error_object(&mut self, value: &mut Cursor<'_>) -> Option<()> {
        let mut peek = *value;
        let mut is_empty = true;
        peek.members(|_, value| {
            is_empty = false;
            value.skip()
        })?;
        if !is_empty {
            self.error.get_or_insert_with(|| "error".into());
        }
        self.members(At::Error, value)
    }
}

/// Keeps a name, without a new allocation if the same one is kept already.
#[inline]
fn keep(slot: &mut Option<ShortText>, text: Raw<'_>) {
    if slot.as_ref().is_none_or(|kept| kept.as_bytes() != text.bytes) {
        *slot = Some(kept(text));
    }
}

/// A name without its escapes, cut at [`NAME_BYTES_MAX`].
pub(super) fn kept(text: Raw<'_>) -> ShortText {
    let bytes = text.bytes.get(..NAME_BYTES_MAX).unwrap_or(text.bytes);
    if bytes.contains(&b'\\')
        && let Ok(plain) = serde_json::from_slice::<String>(&[b"\"", bytes, b"\""].concat())
    {
        return plain.into();
    }
    ShortText::from_utf8_lossy(bytes)
}
