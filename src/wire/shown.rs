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

use super::ended::ends_an_answer;
use super::json::Cursor;
use super::reader::Reader;
use super::report::TextSeen;
use super::vocabulary::{At, meaning};

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
