//! Server-sent events: a document is what follows `data:` up to the end of the line.
//!
//! The standard says that an event is over with a blank line, and that its data lines are
//! joined. Nearly every provider writes an event's data on one line. So a line that is a
//! whole document is handed on at once, without waiting for the blank line and without a
//! copy; only a line that is none waits for those that follow in its event.
//!
//! Lines end with `\n`, `\r\n` or `\r`, and a piece may end between the two bytes of one
//! end. Other fields (`event:`, `id:`, `retry:`) and comments are passed over: each
//! document names its own event. `[DONE]` is the sign that no more will come; any other
//! word keeps the line open and says nothing.

use memchr::memchr2;

use super::piece::{Held, Piece};
use crate::wire::json::Cursor;

/// Cuts server-sent events.
#[derive(Clone, Debug, Default)]
pub(in crate::wire) struct SseFrames {
    /// The beginning of a line that is not complete.
    line: Held,
    /// Data lines of an event that are not yet a document.
    data: Held,
    /// The line was too long to keep, and is being passed over.
    skipping: bool,
    /// The last byte was a carriage return, which a line feed may follow.
    after_return: bool,
}

impl SseFrames {
    /// Takes further bytes.
    pub(super) fn push(&mut self, bytes: &[u8], take: &mut impl FnMut(Piece<'_>)) {
        let mut rest = bytes;
        if rest.is_empty() {
            return;
        }
        if std::mem::take(&mut self.after_return) {
            rest = rest.strip_prefix(b"\n").unwrap_or(rest);
        }
        while let Some(at) = memchr2(b'\n', b'\r', rest) {
            let Some((line, end)) = rest.split_at_checked(at) else { break };
            // Where a blank line follows, the event is over with this one.
            let ends_event =
                matches!(end, [b'\n', b'\n', ..] | [b'\r', b'\n', b'\r', ..] | [b'\r', b'\r', ..]);
            self.end_line(line, ends_event, take);
            rest = match end {
                [b'\r', b'\n', rest @ ..] | [_, rest @ ..] => rest,
                [] => end,
            };
            self.after_return = end == b"\r";
        }
        if !self.skipping && !self.line.keep(rest) {
            self.skipping = true;
            take(Piece::Lost);
        }
    }

    /// The stream is over: what is left is an event, if it is a document.
    pub(super) fn finish(&mut self, take: &mut impl FnMut(Piece<'_>)) {
        self.end_line(&[], true, take);
        self.end_event(take);
    }

    /// Ends a line, of which the beginning may have come before.
    #[inline]
    fn end_line(&mut self, end: &[u8], ends_event: bool, take: &mut impl FnMut(Piece<'_>)) {
        if std::mem::take(&mut self.skipping) {
            return;
        }
        if self.line.0.is_empty() {
            return self.whole_line(end, ends_event, take);
        }
        if !self.line.keep(end) {
            return take(Piece::Lost);
        }
        let line = std::mem::take(&mut self.line.0);
        self.whole_line(&line, ends_event, take);
        // The buffer is used again.
        self.line.0 = line;
        self.line.0.clear();
    }

    /// Takes a whole line: a document, a part of one, or the end of an event.
    #[inline]
    fn whole_line(&mut self, line: &[u8], ends_event: bool, take: &mut impl FnMut(Piece<'_>)) {
        let line = line.strip_prefix(b"\xEF\xBB\xBF".as_slice()).unwrap_or(line);
        if line.is_empty() {
            return self.end_event(take);
        }
        let Some(data) = line.strip_prefix(b"data:") else { return };
        let data = data.trim_ascii();
        if self.data.0.is_empty() && data.first() == Some(&b'{') && (ends_event || is_whole(data)) {
            return take(Piece::Json(data));
        }
        if !self.data.0.is_empty() {
            self.data.0.push(b'\n');
        }
        if !self.data.keep(data) {
            take(Piece::Lost);
        }
    }

    /// Ends an event: its data lines together are a document, the sign of the end, or
    /// nothing.
    #[inline]
    fn end_event(&mut self, take: &mut impl FnMut(Piece<'_>)) {
        if self.data.0.is_empty() {
            return;
        }
        let mut data = std::mem::take(&mut self.data.0);
        match data.first() {
            Some(b'{' | b'[') if data != b"[DONE]" => take(Piece::Json(&data)),
            Some(b'[') => take(Piece::End),
            // A word that only keeps the line open.
            _ => {}
        }
        data.clear();
        self.data.0 = data;
    }
}

/// Whether a line is a document by itself, and needs none of those that follow.
#[inline]
fn is_whole(data: &[u8]) -> bool {
    let mut cursor = Cursor::new(data);
    cursor.skip().is_some() && cursor.is_done()
}
