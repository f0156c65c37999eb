//! How many tokens is white space?
//!
//! White space is where the pattern is least obvious, and where texts differ most: code is
//! indented with it. A run of it falls apart into at most three: up to its last line end,
//! in one piece with signs before it; the blanks behind that, but for the last; and the
//! last, which belongs to the word or sign that follows. A vocabulary has tokens for many
//! blanks at once, so a run of equal characters is bounded by the longest of them.
//!
//! For example, `"\n\n    let"` is the two line ends, three blanks, and ` let`.

use super::{Before, TextReader, is_line_end, is_sign, is_space};
use crate::tokens::family::Encoding;

impl TextReader<'_> {
    /// Reads white space, and the word behind its last blank; returns where that ends.
    pub(super) fn space(&mut self, at: usize) -> usize {
        let end = self.run(at, is_space);
        let run = self.bytes.get(at..end).unwrap_or_default();
        let lines = run.iter().rposition(|byte| is_line_end(*byte)).map_or(0, |last| last.wrapping_add(1));
        let line_end = at.wrapping_add(lines);
        let next = self.byte(end);
        if lines > 0 {
            self.lines(at, line_end, end);
        }
        let Some(last) = end.checked_sub(1).filter(|last| *last >= line_end) else { return end };
        match next {
            None => {
                let is_whole = lines == 0 || self.encoding == Encoding::O200k;
                self.blanks(line_end, end, is_whole);
            }
            Some(0x80..) => self.blanks(line_end, end, false),
            Some(next) => {
                // The last belongs to what follows; those before it are a piece of their own.
                self.blanks(line_end, last, true);
                return self.last_blank(last, next);
            }
        }
        end
    }

    /// Reads the last character of a run, which may belong to what follows.
    fn last_blank(&mut self, at: usize, next: u8) -> usize {
        let end = at.wrapping_add(1);
        let byte = self.byte(at).unwrap_or(0);
        if byte == b' ' && next.is_ascii_alphabetic() {
            return self.word(at, Before::Blank);
        }
        self.cuts.close(0);
        self.cuts.push(byte);
        if byte == b' ' && is_sign(next) {
            return end;
        }
        if !next.is_ascii_alphabetic() {
            // Before a digit, and a tab before a sign.
            self.cuts.close(0);
        }
        self.likely(8);
        end
    }

    /// Counts what stands up to the last line end, in one piece with signs before it.
    fn lines(&mut self, at: usize, line_end: usize, end: usize) {
        let is_behind_signs = self.byte(at).is_some_and(is_line_end)
            && at.checked_sub(1).and_then(|before| self.byte(before)).is_some_and(is_sign);
        if !is_behind_signs {
            self.cuts.forget();
        }
        let next = self.byte(end);
        let goes_on = match next {
            None => self.encoding == Encoding::Cl100k && end > line_end,
            Some(b'/') => end == line_end,
            Some(byte) => byte >= 0x80,
        };
        let mut from = at;
        while from < line_end {
            let same = self.byte(from).unwrap_or(0);
            let to = self.run(from, |byte| byte == same).min(line_end);
            let length = to.wrapping_sub(from);
            if length == 1 {
                self.cuts.push(same);
            } else {
                // One may begin here and reach beyond.
                let beyond = u64::from(to < line_end || goes_on);
                let tokens = self.same(from, length).saturating_add(beyond);
                self.cuts.open(tokens);
            }
            from = to;
        }
        if goes_on {
            self.cuts.forget();
        } else {
            self.cuts.close(0);
        }
        self.likely(if is_behind_signs { 4 } else { 8 });
    }

    /// Counts white space without line ends: as a piece, if it is known to be one.
    fn blanks(&mut self, at: usize, end: usize, is_piece: bool) {
        if at >= end {
            return;
        }
        self.likely(8);
        self.cuts.close(0);
        let mut from = at;
        while from < end {
            let same = self.byte(from).unwrap_or(0);
            let to = self.run(from, |byte| byte == same).min(end);
            let is_whole = is_piece && from == at && to == end;
            // The last may be cut off, and one may begin here and reach beyond.
            let more = if is_whole { 0 } else { 2 };
            let length = to.wrapping_sub(from);
            let tokens = self.same(from, length).saturating_add(more);
            self.cuts.open(tokens.min(u64::try_from(length).unwrap_or(u64::MAX)));
            from = to;
        }
    }
}
