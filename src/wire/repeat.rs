//! Does a frame say nothing but the next piece of text?
//!
//! Nearly every frame of a stream differs from the one before it inside one string. What
//! was read of that one is then known of this one too: equal bytes mean the same. So the
//! last frame is kept as a pattern with gaps where its text (and a number, or padding)
//! stood, the next is compared, and if it fits, its text is counted and nothing else is
//! done.
//!
//! For example, behind `{"choices":[{"delta":{"content":"Mount "}}]}` the frame
//! `{"choices":[{"delta":{"content":"Everest"}}]}` has the same bytes before the gap (33)
//! and behind it (5): seven bytes of text, and no JSON was read.
//!
//! The invariant: a frame is only kept as a pattern if reading it twice in a row changes
//! nothing but how much text there is. So it has one text, steps only into objects in which
//! nothing else happens ([`is_plain`]), and no answer ends or begins in it. An escape in
//! the text does not fit the pattern, since a backslash may hide the end. Any other frame
//! takes the whole way, and ends the pattern. Tests read random and recorded streams both
//! ways, and compare.
//!
//! Rejected: remembering several patterns. Each further pattern would be compared with
//! every frame, and most streams need one.

use memchr::memchr2;
use smallvec::SmallVec;

use super::json::{Cursor, Kind, Raw};
use super::next::is_whole_answer;
use super::reader::Reader;
use super::report::TextSeen;
use super::vocabulary::{At, Name, Then, meaning};
use super::walk::SHORT;

/// A frame longer than this is not kept; usual ones have 100 to 600 bytes.
const PATTERN_BYTES_MAX: usize = 8 << 10;
/// Places that may differ.
const GAPS_MAX: usize = 4;
/// Objects in one another that a pattern is looked for in.
const DEPTH_MAX: u8 = 8;
/// Frames that pass before a pattern is looked for again, if none ever fitted.
const WAIT_MAX: u8 = 64;

/// The last frame, and where in it other text may stand.
#[derive(Clone, Debug, Default)]
pub(super) struct Repeat {
    /// The last frame that was read as a pattern.
    frame: Vec<u8>,
    /// In order; empty if there is no pattern.
    gaps: Gaps,
    /// The text is reasoning, or arguments of a tool.
    is_hidden: bool,
    /// The place in the answer that it is told of.
    told_at: Option<usize>,
    /// Frames to let pass before the next pattern is looked for.
    wait: u8,
    /// How many it was before that: twice as many each time, up to [`WAIT_MAX`].
    waited: u8,
}

type Gaps = SmallVec<[Gap; GAPS_MAX]>;

/// Where in a frame something may differ.
#[derive(Clone, Copy, Debug)]
struct Gap {
    from: usize,
    to: usize,
    what: What,
}

/// What may differ in a gap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    /// The text that is generated.
    Text,
    /// Text that is of no interest: padding against listeners, a time.
    Ignored,
    /// A whole number that is of no interest.
    Number,
}

impl Repeat {
    /// Reads one document of a stream. `None`: it is not JSON, or breaks off.
    pub(super) fn read(&mut self, reader: &mut Reader, json: &[u8]) -> Option<()> {
        if let Some(text) = self.text_of(json) {
            reader.hear_again(Raw { bytes: text }, self.is_hidden, self.told_at);
            (self.wait, self.waited) = (0, 0);
            return Some(());
        }
        self.gaps.clear();
        let before = reader.text;
        let whole = reader.document(json);
        if whole.is_some() && reader.text != before {
            self.learn(reader, json, before);
        }
        whole
    }

    /// Something else than a document came, which may have changed what a frame means.
    pub(super) fn forget(&mut self) {
        self.gaps.clear();
    }

    /// The text of a frame that fits the pattern.
    #[inline]
    fn text_of<'a>(&self, json: &'a [u8]) -> Option<&'a [u8]> {
        let (mut rest, mut at, mut text) = (json, 0, None);
        for gap in &self.gaps {
            rest = rest.strip_prefix(self.frame.get(at..gap.from)?)?;
            // What stands between two gaps must be equal byte for byte; a gap ends where
            // its value does.
            let length = match gap.what {
                What::Number => {
                    rest.iter().position(|byte| !byte.is_ascii_digit()).filter(|digits| *digits > 0)?
                }
                // A backslash may hide the end, and stands for something else than itself.
                What::Text | What::Ignored => {
                    memchr2(b'"', b'\\', rest).filter(|end| rest.get(*end) == Some(&b'"'))?
                }
            };
            let (value, after) = rest.split_at_checked(length)?;
            if gap.what == What::Text {
                text = Some(value);
            }
            (rest, at) = (after, gap.to);
        }
        text.filter(|_| self.frame.get(at..) == Some(rest))
    }

    /// Keeps a frame that was read as the pattern of the next, if reading it again would add nothing but text.
    fn learn(&mut self, reader: &Reader, json: &[u8], before: TextSeen) {
        if let Some(wait) = self.wait.checked_sub(1) {
            self.wait = wait;
            return;
        }
        // As long as no pattern fits, they are looked for less and less often.
        self.wait = self.waited;
        self.waited = self.waited.saturating_mul(2).clamp(1, WAIT_MAX);
        // After an end, or beside another answer's figures, a frame may begin something.
        let goes_on = !reader.finished
            && !reader.told.has_repeated
            && !reader.is_over
            && !reader.is_live
            && (reader.figures.is_empty() || !is_whole_answer(json));
        if !goes_on || json.len() > PATTERN_BYTES_MAX {
            return;
        }
        let mut plain = Plain { length: json.len(), gaps: Gaps::new(), text: None };
        let mut cursor = Cursor::new(json);
        let found = plain.value(At::Root, &mut cursor, 0).and(plain.text);
        let Some(text) = found else { return };
        // What kind of text it is depends on more than its place: it is told from where it was counted.
        let (bytes, chars) = text.lengths();
        let seen = reader.text;
        let visible = TextSeen {
            bytes: before.bytes.saturating_add(bytes),
            chars: before.chars.saturating_add(chars),
            ..before
        };
        let hidden = TextSeen { hidden_bytes: before.hidden_bytes.saturating_add(bytes), ..before };
        if seen != visible && seen != hidden {
            return;
        }
        self.is_hidden = seen == hidden;
        self.told_at = reader.told.current();
        self.gaps = plain.gaps;
        self.frame.clear();
        self.frame.extend_from_slice(json);
    }
}

/// Looks for what may differ in a frame in which nothing else happens.
struct Plain<'a> {
    length: usize,
    gaps: Gaps,
    text: Option<Raw<'a>>,
}

impl<'a> Plain<'a> {
    /// Steps into what the reader steps into. `None`: something in it may not be read twice.
    fn value(&mut self, at: At, value: &mut Cursor<'a>, depth: u8) -> Option<()> {
        let depth = depth.checked_add(1).filter(|depth| *depth <= DEPTH_MAX)?;
        match value.kind()? {
            Kind::Object => self.object(at, value, depth),
            Kind::Array => value.items(|item| match item.kind()? {
                Kind::Object => self.object(at, item, depth),
                _ => item.skip(),
            }),
            _ => value.skip(),
        }
    }

    /// Steps through an object; `None` at the first member that may not be read twice.
    fn object(&mut self, at: At, value: &mut Cursor<'a>, depth: u8) -> Option<()> {
        value.members(|key, value| {
            let kind = value.kind()?;
            match (meaning(at, key), kind) {
                (Then::Skip, kind) => self.ignored(key, kind, value),
                // Whose answer it is, by whom, and what kind of frame: the same again.
                (
                    Then::Name(
                        Name::Id
                        | Name::Model
                        | Name::Tier
                        | Name::Region
                        | Name::Speed
                        | Name::Object
                        | Name::Type,
                    ),
                    Kind::Text,
                ) => value.skip(),
                (
                    Then::Text | Then::Hidden | Then::Thought | Then::Content | Then::Delta | Then::Response,
                    Kind::Text,
                ) => self.generated(value),
                // Nothing is said.
                (
                    Then::Name(_)
                    | Then::Into(_)
                    | Then::Count(_)
                    | Then::Text
                    | Then::Hidden
                    | Then::Thought
                    | Then::Content
                    | Then::Delta
                    | Then::Message
                    | Then::Error,
                    Kind::Null,
                ) => value.skip(),
                (Then::Into(next), Kind::Object | Kind::Array) if is_plain(next) => {
                    self.value(next, value, depth)
                }
                (Then::Delta, Kind::Object) => self.value(At::Delta, value, depth),
                (Then::Message, Kind::Object) => self.value(At::Message, value, depth),
                (Then::IsThought | Then::Place, Kind::Bare) => value.skip(),
                (Then::Done, Kind::Bare) => (value.bare()? == b"false").then_some(()),
                _ => None,
            }
        })
    }

    /// Notes a gap where the generated text stands; a second text makes the frame no
    /// pattern.
    fn generated(&mut self, value: &mut Cursor<'a>) -> Option<()> {
        let text = value.text()?;
        if text.bytes.is_empty() {
            return Some(());
        }
        self.gap(What::Text, text.bytes.len(), value.left().checked_add(1)?)?;
        // Of two pieces of text nobody knows which was counted how.
        self.text.replace(text).is_none().then_some(())
    }

    /// Passes over what nobody reads; notes a gap for what differs from frame to frame.
    fn ignored(&mut self, key: &[u8], kind: Kind, value: &mut Cursor<'a>) -> Option<()> {
        match (key, kind) {
            (b"sequence_number", Kind::Bare) => {
                let number = value.bare()?;
                let is_number = number.iter().all(u8::is_ascii_digit);
                if is_number { self.gap(What::Number, number.len(), value.left()) } else { Some(()) }
            }
            // Padding that differs in length, and Ollama's clock.
            (b"obfuscation" | b"p" | b"created_at", Kind::Text) => {
                let text = value.text()?;
                self.gap(What::Ignored, text.bytes.len(), value.left().checked_add(1)?)
            }
            _ => value.skip(),
        }
    }

    /// Notes a gap of so many bytes that ends where so many are left.
    fn gap(&mut self, what: What, length: usize, left: usize) -> Option<()> {
        if self.gaps.len() >= GAPS_MAX {
            return None;
        }
        let to = self.length.checked_sub(left)?;
        self.gaps.push(Gap { from: to.checked_sub(length)?, to, what });
        Some(())
    }
}

/// Whether stepping into such objects does nothing by itself, or nothing more when it is done again.
///
/// A choice's whole message is none of them: what stands beside it decides whether it is read.
fn is_plain(at: At) -> bool {
    matches!(
        at,
        At::Choice
            | At::Delta
            | At::ToolCall
            | At::Thinking
            | At::Candidate
            | At::GeminiContent
            | At::Envelope
    )
}

impl Reader {
    /// Counts and hears the text of a frame that is otherwise the last one again.
    #[inline]
    fn hear_again(&mut self, text: Raw<'_>, hidden: bool, told_at: Option<usize>) {
        let (bytes, chars) = text.lengths();
        self.told.tell_at(told_at, bytes);
        if self.weighs_runs && bytes > SHORT {
            self.text.runs = self.text.runs.saturating_add(text.runs());
        }
        if let Some(heard) = &mut self.heard {
            heard.hear(text, hidden);
        }
        if hidden {
            self.text.hidden_bytes = self.text.hidden_bytes.saturating_add(bytes);
        } else {
            self.text.bytes = self.text.bytes.saturating_add(bytes);
            self.text.chars = self.text.chars.saturating_add(chars);
        }
    }
}

#[cfg(test)]
mod tests;
