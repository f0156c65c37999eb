//! How is a document read by the table of meanings?
//!
//! Three functions call each other: [`enter`](Reader::enter) steps into an object or into
//! each object of a list, [`members`](Reader::members) goes through an object, and
//! [`member`](Reader::member) does what the table says. An object that needs more than its
//! members (a part that may be a thought, an item that may be a tool's result) has a
//! function of its own around them.
//!
//! For example,
//! `{"usage":{"prompt_tokens":9,"prompt_tokens_details":{"cached_tokens":4}}}`: `enter` at
//! the root, `member` of `usage` steps into the usage, `prompt_tokens` is a figure, and the
//! details are entered in turn. Each value is consumed exactly once, by the function that
//! its meaning names: that is what keeps the cursor in step.
//!
//! Depth is bounded by 24, and what lies deeper is skipped and makes the report damaged:
//! figures may stand there. Text inside an event that shows a whole answer is read
//! *quietly*, since it went by before.

use super::fields::{Field, Figures};
use super::json::{Cursor, Kind};
use super::reader::Reader;
use super::vocabulary::{At, Then, meaning};

/// Objects in one another that are stepped into; the deepest figure of any API lies eight deep.
const DEPTH_MAX: u8 = 24;
/// A text of no more bytes has no run of one sign that is worth looking for.
pub(super) const SHORT: u64 = 64;

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

    /// Reads one object by the place at which it stands.
    fn object(&mut self, at: At, value: &mut Cursor<'_>) -> Option<()> {
        let thoughts = std::mem::take(&mut self.frame.thoughts);
        let done = match at {
            At::Item => self.item(value),
            At::EndedItem => {
                self.note_shown(at, value);
                value.skip()
            }
            At::Candidate => {
                self.has_candidates = true;
                self.members(at, value)
            }
            At::Choice => self.choice(value),
            At::GeminiContent => self.gemini_content(value),
            At::Response => {
                self.frame.is_wrapped = true;
                self.note_shown(at, value);
                self.quietly(|reader| reader.members(at, value))
            }
            At::ImageGeneration => self.image_generation(value),
            At::Usage => {
                self.frame.has_usage = true;
                self.figures.begin();
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
        };
        self.frame.thoughts = thoughts;
        done
    }

    /// Reads each member of an object.
    #[inline]
    pub(super) fn members(&mut self, at: At, value: &mut Cursor<'_>) -> Option<()> {
        value.members(|key, value| {
            if at == At::Root {
                self.frame.members = self.frame.members.saturating_add(1);
            }
            self.member(at, meaning(at, key), key, value)
        })
    }

    /// Does what the table says of a member; what comes often is asked first.
    #[inline]
    pub(super) fn member(&mut self, at: At, then: Then, key: &[u8], value: &mut Cursor<'_>) -> Option<()> {
        match then {
            Then::Skip => value.skip(),
            Then::Into(next) => self.step(at, next, key, value),
            Then::Count(field) => self.count(field, value),
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
        self.is_google = true;
        if self.figures.is_empty() || done.is_none() {
            self.figures = before;
        }
        done
    }

    /// Steps into a member's object.
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
                    self.items.begin_list();
                }
                self.enter(next, value)
            }
            _ => self.enter(next, value),
        }
    }

    /// Does what is asked for less often.
    fn rare(&mut self, at: At, then: Then, key: &[u8], value: &mut Cursor<'_>) -> Option<()> {
        match then {
            Then::Millis(field) => self.millis(field, value),
            Then::Queries => self.queries(value),
            Then::Pairs(pairs) => self.pairs(pairs, value),
            Then::Thought => self.thought(at, value),
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
            Then::CostDetails => {
                self.cost.signature();
                self.enter(At::CostDetails, value)
            }
            Then::Metadata => self.metadata(value),
            Then::Arguments => self.text(at, value, true),
            Then::CountMax(field) => self.largest(field, value),
            Then::Done => {
                if value.bare()? == b"true" {
                    self.frame.has_finish = true;
                    self.is_over = self.is_stream;
                }
                Some(())
            }
            Then::Evaluated => {
                if self.figures.get(Field::Input).is_none() {
                    self.figures.set(Field::Input, 0);
                }
                self.count(Field::Output, value)
            }
            Then::Error => self.error(value),
            Then::IsThought => {
                self.frame.thought = value.bare()? == b"true";
                Some(())
            }
            Then::Bytes => self.inner(value),
            Then::Place => self.frame.place.number(key, value),
            Then::Shown => {
                self.note_shown(At::Delta, value);
                value.skip()
            }
            then => self.sign(then, value),
        }
    }

    /// Members that say something by being there.
    fn sign(&mut self, then: Then, value: &mut Cursor<'_>) -> Option<()> {
        match then {
            Then::Batch => self.frame.is_batch = true,
            Then::Embeds => self.embeds = true,
            Then::Live => self.is_live = true,
            Then::FilterResult => self.filtered |= value.kind()? == Kind::Object,
            Then::Picture if !self.frame.quiet && is_picture(*value) => {
                self.pictures = self.pictures.saturating_add(1);
            }
            Then::Maps if matches!(value.kind()?, Kind::Object | Kind::Text) => self.items.saw_map(),
            _ => {}
        }
        value.skip()
    }

    /// Counts a generated text, and keeps it if somebody hears it.
    ///
    /// Text at the root waits until the frame is over: the event's name, which may stand
    /// behind it, says what kind of text it is.
    #[inline]
    fn text(&mut self, at: At, value: &mut Cursor<'_>, hidden: bool) -> Option<()> {
        match value.kind()? {
            Kind::Text => {}
            Kind::Object | Kind::Array if hidden => return self.hidden_object(value),
            _ => return value.skip(),
        }
        let text = value.text()?;
        if self.frame.quiet {
            return Some(());
        }
        let (bytes, chars) = text.lengths();
        let runs = if self.weighs_runs && bytes > SHORT { text.runs() } else { 0 };
        self.frame.has_text |= bytes > 0 && at != At::Root;
        let seen = if at == At::Root { &mut self.frame.pending } else { &mut self.text };
        let kind = self.frame.kind.as_slice();
        let aside = at == At::Delta && (kind.starts_with(b"compaction") || kind.starts_with(b"thought"));
        let hidden = hidden || aside || (at == At::GeminiContent && self.frame.thought);
        if let Some(heard) = &mut self.heard {
            if at == At::Root { heard.hear_later(text) } else { heard.hear(text, hidden) }
        }
        seen.runs = seen.runs.saturating_add(runs);
        if hidden {
            seen.hidden_bytes = seen.hidden_bytes.saturating_add(bytes);
        } else {
            seen.bytes = seen.bytes.saturating_add(bytes);
            seen.chars = seen.chars.saturating_add(chars);
        }
        Some(())
    }

    /// Text that an event shows by itself.
    pub(super) fn text_of_item(&mut self, value: &mut Cursor<'_>, hidden: bool) -> Option<()> {
        self.text(At::Item, value, hidden)
    }

    /// Reads without counting text that went by before.
    fn quietly(&mut self, read: impl FnOnce(&mut Self) -> Option<()>) -> Option<()> {
        let before = self.frame.quiet;
        self.frame.quiet |= self.is_stream;
        let done = read(self);
        self.frame.quiet = before;
        done
    }
}

/// Whether it is the data of an image: bare, or beside its type. What breaks off is none.
fn is_picture(mut value: Cursor<'_>) -> bool {
    if value.kind() == Some(Kind::Text) {
        return value.text().is_some_and(|data| !data.bytes.is_empty());
    }
    let (mut is_image, mut has_data) = (false, false);
    let read = value.members(|key, value| match (key, value.kind()?) {
        (b"mimeType" | b"mime_type", Kind::Text) => {
            is_image = value.text()?.bytes.starts_with(b"image");
            Some(())
        }
        (b"data", Kind::Text) => {
            has_data = !value.text()?.bytes.is_empty();
            Some(())
        }
        _ => value.skip(),
    });
    read.is_some() && is_image && has_data
}
