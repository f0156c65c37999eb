//! What do events show whole that a stream may have told in pieces before?
//!
//! OpenAI's Responses tell a text in pieces, and show it again where the text, its part,
//! its item and the answer end: four times the same text. Proxies, and tools that are
//! called at once, leave the pieces out: then the end is the only place where the text
//! stands. Counting every end would count the text five times, and counting none would miss
//! what was never told.
//!
//! So each place of an answer (an item, a part of an item) remembers how many bytes were
//! told of it, and an ending event counts only as far as it shows more. For example, `Hel`
//! and `lo` are told of item 0, part 0: five bytes. The event of its end shows `Hello`:
//! five bytes, nothing new. Had the piece `lo` been lost, two bytes would be new, and they
//! are counted as the last two.

use smallvec::SmallVec;

use super::ending::ends_an_answer;
use super::json::{Cursor, Kind};
use super::reader::Reader;
use super::report::TextSeen;
use super::vocabulary::{At, meaning};

/// Places that are told apart; what comes in more of them counts as told of the last one.
const PLACES_MAX: usize = 1_024;

/// Where a text stands: in which item of the answer, and in which part of the item.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Place {
    /// `output_index`; `None` if no frame said it.
    item: Option<u64>,
    /// `content_index` or `summary_index`.
    part: Option<u64>,
}

/// How much text was told of each place.
#[derive(Clone, Debug, Default)]
pub(super) struct Told {
    /// Each place, and the bytes that were told of it.
    places: SmallVec<[(Place, u64); 2]>,
    /// The place of the last frame, where its text was told as a piece.
    current: Option<usize>,
    /// The last frame may have repeated what was told before it.
    pub(super) has_repeated: bool,
}

/// Something that a document shows whole: what it is, and how many bytes were left where it began.
pub(super) type ShownAt = (At, usize);

impl Place {
    /// Takes note of a number that says where a text stands.
    pub(super) fn number(&mut self, key: &[u8], value: &mut Cursor<'_>) -> Option<()> {
        if value.kind()? != Kind::Bare {
            return value.skip();
        }
        let number = std::str::from_utf8(value.bare()?).ok().and_then(|text| text.parse::<u32>().ok());
        match key {
            b"output_index" => self.item = number.map(u64::from),
            // A summary and a text of one item count their parts apart.
            b"summary_index" => self.part = number.map(|part| u64::from(part) | 1 << 32),
            _ => self.part = number.map(u64::from),
        }
        Some(())
    }

    /// Whether both may be the same place, as far as each says.
    fn may_be(self, other: Self) -> bool {
        let agree = |one: Option<u64>, other: Option<u64>| one.is_none() || other.is_none() || one == other;
        agree(self.item, other.item) && agree(self.part, other.part)
    }
}

impl Told {
    /// Takes note of text at that place.
    pub(super) fn tell(&mut self, place: Place, bytes: u64) {
        let known = self.places.iter().position(|(known, _)| *known == place);
        let at = known.unwrap_or_else(|| {
            if self.places.len() < PLACES_MAX {
                self.places.push((place, 0));
            }
            self.places.len().saturating_sub(1)
        });
        self.tell_at(Some(at), bytes);
    }

    /// The same at a place that was told of before, if it is one.
    #[inline]
    pub(super) fn tell_at(&mut self, at: Option<usize>, bytes: u64) {
        self.current = at.filter(|_| bytes > 0);
        if let Some((_, told)) = self.current.and_then(|at| self.places.get_mut(at)) {
            *told = told.saturating_add(bytes);
        }
    }

    /// The place of which the last frame told a piece.
    pub(super) fn current(&self) -> Option<usize> {
        self.current
    }

    /// Nothing was told by the last frame yet.
    pub(super) fn end_frame(&mut self, has_repeated: bool) {
        self.current = None;
        self.has_repeated = has_repeated;
    }

    /// How much was told of that place, and of what lies in it.
    fn of(&self, place: Place) -> u64 {
        let told = self.places.iter().filter(|(known, _)| known.may_be(place));
        told.fold(0, |sum, (_, bytes)| sum.saturating_add(*bytes))
    }
}

impl TextSeen {
    /// What is left of it without its first `told` bytes.
    fn beyond(self, told: u64) -> Self {
        if told == 0 {
            return self;
        }
        let left = self.bytes_all().saturating_sub(told);
        let bytes = left.min(self.bytes);
        let chars = self.chars.min(bytes);
        Self { chars, bytes, hidden_bytes: left.saturating_sub(bytes), runs: self.runs.min(left) }
    }
}

impl Reader {
    /// Remembers what a document shows whole, to be weighed once all of it was read: names may come last.
    pub(super) fn note_shown(&mut self, at: At, value: &Cursor<'_>) {
        if self.is_stream {
            self.frame.shown = Some((at, value.left()));
        }
    }

    /// Counts what a document shows whole, as far as it was not told before.
    pub(super) fn weigh_shown(&mut self, json: &[u8]) {
        let Some((at, left)) = self.frame.shown.take() else { return };
        let Some(shown) = json.len().checked_sub(left).and_then(|from| json.get(from..)) else { return };
        let kind = self.frame.kind.clone();
        let ends = kind.starts_with(b"response.") && kind.ends_with(b".done");
        let told = match at {
            At::EndedItem if kind.ends_with(b".added") => return,
            At::EndedItem if kind.as_slice() == b"content_block_start" => 0,
            At::Response if ends_an_answer(&kind) => self.text.bytes_all(),
            At::EndedItem | At::Delta if ends => self.told.of(self.frame.place),
            // Only the tools in it count.
            At::EndedItem => u64::MAX,
            _ => return,
        };
        let (text, has_text, heard) = (self.text, self.frame.has_text, self.heard.take());
        // What an item says of its own end or usage is not said of the answer.
        let (has_finish, finish, figures) = (self.frame.has_finish, self.finish.clone(), self.figures);
        let all = self.read_shown(at, shown).map(|()| self.text.since(text));
        (self.text, self.heard) = (text, heard);
        (self.frame.has_finish, self.finish, self.figures) = (has_finish, finish, figures);
        let fresh = all.unwrap_or_default().beyond(told);
        if fresh == TextSeen::default() {
            self.frame.has_text = has_text;
            return;
        }
        self.hear_shown(at, shown, fresh);
        self.text = text.plus(fresh);
        self.told.tell(self.frame.place, fresh.bytes_all());
    }

    /// Hears what is new in it, which stands at its end.
    fn hear_shown(&mut self, at: At, shown: &[u8], fresh: TextSeen) {
        let Some(before) = self.heard.as_ref().map(|heard| heard.lengths()) else { return };
        let (items, has_finish, finish, figures) =
            (self.items.clone(), self.frame.has_finish, self.finish.clone(), self.figures);
        // It was read once already.
        let _ = self.read_shown(at, shown);
        (self.items, self.frame.has_finish, self.finish, self.figures) = (items, has_finish, finish, figures);
        if let Some(heard) = &mut self.heard {
            heard.keep_last(before, fresh.bytes_all(), fresh.bytes);
        }
    }

    /// Reads what an event shows whole.
    fn read_shown(&mut self, at: At, shown: &[u8]) -> Option<()> {
        let mut value = Cursor::new(shown);
        match at {
            At::EndedItem => self.enter(At::Item, &mut value),
            At::Response => value.members(|key, value| match key {
                b"output" | b"steps" => self.member(at, meaning(at, key), key, value),
                _ => value.skip(),
            }),
            _ => {
                let hidden = !(self.frame.kind.starts_with(b"response.refusal")
                    || self.frame.kind.ends_with(b"transcript.done"));
                self.text_of_item(&mut value, hidden)
            }
        }
    }

    /// Counts a text that an event repeats at its end, as far as it is new; says how much that is.
    pub(super) fn repeated(&mut self, pending: TextSeen) -> TextSeen {
        let fresh = pending.beyond(self.told.of(self.frame.place));
        if fresh != TextSeen::default() {
            self.told.tell(self.frame.place, fresh.bytes_all());
        }
        fresh
    }
}
