//! How is a document read by the table of meanings?

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use compact_str::CompactString;

use super::fields::{Field, Figures, count, millis};
use super::json::{Cursor, Kind, Raw};
use super::reader::{EventName, Frame, KIND_BYTES_MAX, Reader};
use super::vocabulary::{At, Name, Then, meaning};

/// Objects in one another that are stepped into; the deepest figure of any API lies eight deep.
const DEPTH_MAX: u8 = 24;
/// Bytes of a name that are kept; the longest model name in public tables has 76.
const NAME_BYTES_MAX: usize = 256;

impl Reader {
    /// Steps into an object, or into each object of a list; passes over anything else.
    #[inline]
    pub(super) fn enter(&mut self, at: At, value: &mut Cursor<'_>) -> Option<()> {
        if self.depth >= DEPTH_MAX {
            self.damaged = true;
            return value.skip();
        }
        self.depth = self.depth.saturating_add(1);
        let done = match value.kind()? {
            Kind::Object => self.object(at, value),
            Kind::Array => value.items(|item| match item.kind()? {
                Kind::Object => self.object(at, item),
                _ => item.skip(),
            }),
            _ => value.skip(),
        };
        self.depth = self.depth.saturating_sub(1);
        done
    }

    fn object(&mut self, at: At, value: &mut Cursor<'_>) -> Option<()> {
        match at {
            At::Item => self.item(value),
            At::GeminiContent => self.gemini_content(value),
            At::Response => {
                self.frame.is_wrapped = true;
                self.quietly(|reader| reader.members(at, value))
            }
            At::ImageGeneration => self.image_generation(value),
            At::Usage => {
                self.frame.has_usage = true;
                self.members(at, value)
            }
            At::GeminiUsage => self.snapshot(value),
            At::Metrics => self.metrics(value),
            At::Tool => self.tool(value),
            At::Error => self.error_object(value),
            At::Live => {
                self.is_live = true;
                self.members(at, value)
            }
            _ => self.members(at, value),
        }
    }

    #[inline]
    pub(super) fn members(&mut self, at: At, value: &mut Cursor<'_>) -> Option<()> {
        value.members(|key, value| self.member(at, meaning(at, key), key, value))
    }

    #[inline]
    fn member(&mut self, at: At, then: Then, key: &[u8], value: &mut Cursor<'_>) -> Option<()> {
        match then {
            Then::Skip => value.skip(),
            Then::Into(next) => self.step(at, next, key, value),
            Then::Count(field) => self.count(field, value, count),
            Then::Name(name) => self.name(name, value),
            Then::Text => self.text(at, value, false),
            Then::Hidden => self.text(at, value, true),
            then => self.rare(at, then, key, value),
        }
    }

    /// Figures that replace all earlier ones, unless there are none.
    fn snapshot(&mut self, value: &mut Cursor<'_>) -> Option<()> {
        self.frame.has_usage = true;
        let before = std::mem::replace(&mut self.figures, Figures::NONE);
        let done = self.members(At::GeminiUsage, value);
        if self.figures.is_empty() || done.is_none() {
            self.figures = before;
        } else if self.figures.get(Field::Total).is_none() && self.figures.get(Field::Output).is_none() {
            // Zeros are left out of Google's JSON: an embedding has no output.
            self.figures.set(Field::Output, 0);
        }
        done
    }

    fn step(&mut self, at: At, next: At, key: &[u8], value: &mut Cursor<'_>) -> Option<()> {
        match (at, next) {
            // A stream that repeats the whole message beside what is new in it.
            (At::Choice, At::Message) if self.has_delta => self.quietly(|reader| reader.enter(next, value)),
            (_, At::Delta) => {
                self.has_delta = true;
                self.enter(next, value)
            }
            (_, At::Item) if key == b"output" || key == b"steps" => {
                if value.kind()? == Kind::Array {
                    self.items = super::reader::ToolItems::default();
                }
                self.enter(next, value)
            }
            _ => self.enter(next, value),
        }
    }

    fn rare(&mut self, at: At, then: Then, key: &[u8], value: &mut Cursor<'_>) -> Option<()> {
        match then {
            Then::Millis(field) => self.count(field, value, millis),
            Then::Queries => self.queries(value),
            Then::Pairs(pairs) => self.pairs(pairs, value),
            Then::Content if value.kind()? == Kind::Text => self.text(at, value, false),
            Then::Content => self.enter(At::Item, value),
            Then::Delta if value.kind()? == Kind::Text => self.text(at, value, false),
            Then::Delta => self.enter(At::Delta, value),
            Then::Response if value.kind()? == Kind::Text => self.text(At::Message, value, false),
            Then::Response => self.enter(At::Response, value),
            Then::Message if value.kind()? == Kind::Text => {
                self.frame.complains = true;
                value.skip()
            }
            Then::Message => self.enter(At::Message, value),
            Then::Iterations => self.iterations(value),
            Then::Breakdown => self.breakdown(value),
            Then::Cost => self.money(at, key, value),
            Then::Batch => {
                self.frame.is_batch = true;
                value.skip()
            }
            Then::Embeds => {
                self.embeds = true;
                value.skip()
            }
            Then::CountMax(field) => {
                let before = self.figures.get(field);
                self.count(field, value, count)?;
                if let Some(before) = before.max(self.figures.get(field)) {
                    self.figures.set(field, before);
                }
                Some(())
            }
            Then::Live => {
                self.is_live = true;
                value.skip()
            }
            Then::Done => {
                self.frame.has_finish |= value.bare()? == b"true";
                Some(())
            }
            Then::Evaluated => {
                if self.figures.get(Field::Input).is_none() {
                    self.figures.set(Field::Input, 0);
                }
                self.count(Field::Output, value, count)
            }
            Then::Error => self.error(value),
            Then::IsThought => {
                self.frame.thought = value.bare()? == b"true";
                Some(())
            }
            Then::Bytes => self.inner(value),
            _ => value.skip(),
        }
    }

    /// Null keeps what was said before; zero is zero.
    fn count(&mut self, field: Field, value: &mut Cursor<'_>, read: fn(&[u8]) -> Option<u64>) -> Option<()> {
        let text = match value.kind()? {
            Kind::Text => value.text()?.bytes,
            Kind::Bare => value.bare()?,
            _ => return value.skip(),
        };
        match read(text) {
            Some(count) => {
                self.figures.set(field, count);
                self.counting |= field == Field::Counted;
            }
            // A figure that cannot be a count is as good as missing, and may hide money.
            None => self.damaged = true,
        }
        Some(())
    }

    fn name(&mut self, name: Name, value: &mut Cursor<'_>) -> Option<()> {
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
                let bare = value.bare()?;
                keep(&mut self.tier, Raw { bytes: bare });
                return Some(());
            }
            _ => return value.skip(),
        }
        let text = value.text()?;
        if text.bytes.is_empty() {
            return Some(());
        }
        match name {
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
            Name::Object => {}
            Name::Error if self.error.as_deref().is_none_or(|error| error == "error") => {
                keep(&mut self.error, text);
            }
            Name::Error => {}
            Name::Type | Name::Action => {
                self.frame.kind.clear();
                self.frame.kind.extend_from_slice(text.bytes.get(..KIND_BYTES_MAX).unwrap_or(text.bytes));
            }
        }
        Some(())
    }

    #[inline]
    fn text(&mut self, at: At, value: &mut Cursor<'_>, hidden: bool) -> Option<()> {
        if value.kind()? != Kind::Text {
            return value.skip();
        }
        let text = value.text()?;
        if self.frame.quiet || self.is_mute {
            return Some(());
        }
        let (bytes, chars) = text.lengths();
        self.frame.has_text |= bytes > 0 && at != At::Root;
        let seen = if at == At::Root { &mut self.frame.pending } else { &mut self.text };
        let kind = self.frame.kind.as_slice();
        let aside = at == At::Delta && (kind.starts_with(b"compaction") || kind.starts_with(b"thought"));
        let hidden = hidden || aside || (at == At::GeminiContent && self.frame.thought);
        if let Some(heard) = &mut self.heard {
            if at == At::Root { heard.hear_later(text) } else { heard.hear(text, hidden) }
        }
        if hidden {
            seen.hidden_bytes = seen.hidden_bytes.saturating_add(bytes);
        } else {
            seen.bytes = seen.bytes.saturating_add(bytes);
            seen.chars = seen.chars.saturating_add(chars);
        }
        Some(())
    }

    fn quietly(&mut self, read: impl FnOnce(&mut Self) -> Option<()>) -> Option<()> {
        let before = self.frame.quiet;
        self.frame.quiet |= self.is_stream;
        let done = read(self);
        self.frame.quiet = before;
        done
    }

    /// An item of an answer: a call of a provider's tool is known by its type.
    fn item(&mut self, value: &mut Cursor<'_>) -> Option<()> {
        let outer = std::mem::take(&mut self.frame.kind);
        let mut action = EventName::new();
        let done = value.members(|key, value| match meaning(At::Item, key) {
            Then::Into(At::Action) => {
                let kind = std::mem::take(&mut self.frame.kind);
                self.enter(At::Action, value)?;
                action = std::mem::replace(&mut self.frame.kind, kind);
                Some(())
            }
            Then::Into(next) => self.enter(next, value),
            then => self.member(At::Item, then, key, value),
        });
        match self.frame.kind.as_slice() {
            b"web_search_call" if action.is_empty() || action.as_slice() == b"search" => {
                self.items.web_search = self.items.web_search.saturating_add(1);
            }
            b"file_search_call" => self.items.file_search = self.items.file_search.saturating_add(1),
            b"code_interpreter_call" => self.items.code = true,
            b"image_generation_call" => self.items.images = self.items.images.saturating_add(1),
            _ => {}
        }
        self.frame.kind = outer;
        done
    }

    /// A part may say after its text that it was a thought.
    fn gemini_content(&mut self, value: &mut Cursor<'_>) -> Option<()> {
        let outer = std::mem::replace(&mut self.frame.thought, false);
        let before = self.text;
        let answer_before = self.heard.as_ref().map(|heard| heard.answer.len());
        let done = self.members(At::GeminiContent, value);
        if self.frame.thought {
            if let Some((heard, length)) = self.heard.as_mut().zip(answer_before) {
                heard.unsay(length);
            }
            let visible = self.text.bytes.saturating_sub(before.bytes);
            self.text.hidden_bytes = self.text.hidden_bytes.saturating_add(visible);
            self.text.bytes = before.bytes;
            self.text.chars = before.chars;
        }
        self.frame.thought = outer;
        done
    }

    fn money(&mut self, at: At, key: &[u8], value: &mut Cursor<'_>) -> Option<()> {
        match (key, value.kind()?) {
            (b"cost_in_usd_ticks", Kind::Bare) => self.cost.ticks(value.bare()?),
            (b"is_byok", Kind::Bare) => self.cost.own_key(value.bare()? == b"true"),
            (b"total_cost", Kind::Bare) if at == At::Cost => self.cost.total(value.bare()?),
            (b"cost", Kind::Bare) => self.cost.usd(value.bare()?),
            (b"cost", Kind::Object) => return self.members(At::Cost, value),
            (b"cost_details", Kind::Object) => {
                self.cost.signature();
                return value.skip();
            }
            _ => return value.skip(),
        }
        Some(())
    }

    fn error(&mut self, value: &mut Cursor<'_>) -> Option<()> {
        match value.kind()? {
            Kind::Object => self.enter(At::Error, value),
            Kind::Text => {
                self.error.get_or_insert_with(|| "error".into());
                value.skip()
            }
            _ => value.skip(),
        }
    }

    /// An object without a member is how some say that there was none.
    fn error_object(&mut self, value: &mut Cursor<'_>) -> Option<()> {
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

    /// What Bedrock counted stands where the model's own frames say nothing, or less.
    fn metrics(&mut self, value: &mut Cursor<'_>) -> Option<()> {
        let own = std::mem::replace(&mut self.figures, Figures::NONE);
        let done = self.members(At::Metrics, value);
        let counted = std::mem::replace(&mut self.figures, own);
        match (self.figures.get(Field::Output), counted.get(Field::Output)) {
            (None, _) => self.figures = counted,
            (Some(own), Some(counted)) if counted > own => self.figures.set(Field::Output, counted),
            _ => {}
        }
        done
    }

    /// Of the tools that were offered only the one that makes images has a model of its own.
    fn tool(&mut self, value: &mut Cursor<'_>) -> Option<()> {
        let outer = std::mem::take(&mut self.frame.kind);
        let before = self.image_model.take();
        let done = self.members(At::Tool, value);
        if self.frame.kind.as_slice() != b"image_generation" {
            self.image_model = before;
        }
        self.frame.kind = outer;
        done
    }

    /// Bedrock wraps the model's own frame in base64; a frame inside that is not looked for.
    fn inner(&mut self, value: &mut Cursor<'_>) -> Option<()> {
        if value.kind()? != Kind::Text || self.frame.is_inner || !self.is_stream {
            return value.skip();
        }
        let text = value.text()?;
        let Ok(json) = STANDARD.decode(text.bytes) else {
            self.damaged = true;
            return Some(());
        };
        let outer = std::mem::replace(&mut self.frame, Frame { is_inner: true, ..Frame::default() });
        if self.document(&json).is_none() {
            self.damaged = true;
        }
        self.frame = outer;
        Some(())
    }
}

/// Keeps a name; without a new allocation where it is the one kept already.
#[inline]
fn keep(slot: &mut Option<CompactString>, text: Raw<'_>) {
    if slot.as_ref().is_none_or(|kept| kept.as_bytes() != text.bytes) {
        *slot = Some(kept(text));
    }
}

pub(super) fn kept(text: Raw<'_>) -> CompactString {
    let bytes = text.bytes.get(..NAME_BYTES_MAX).unwrap_or(text.bytes);
    if bytes.contains(&b'\\')
        && let Ok(plain) = serde_json::from_slice::<String>(&[b"\"", bytes, b"\""].concat())
    {
        return plain.into();
    }
    CompactString::from_utf8_lossy(bytes)
}
