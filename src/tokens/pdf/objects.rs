//! Which objects of a PDF make its pages?
//!
//! The file is read once, from front to back. Each `obj` begins an object, each `stream` a
//! stretch of bytes that is passed over, and object streams are unpacked and read as
//! objects. Links between objects are kept as numbers in one long list, of which each page,
//! node and list owns a run: a file of a million links costs four megabytes, not a million
//! vectors.
//!
//! A reader that trusts the file's table of places may come by objects that stand in a
//! comment, a string or another stream. Every word `obj` that may begin an object is
//! therefore searched for in the raw bytes, and if one was not come by, the whole file is
//! unsure.

use std::ops::Range;

use memchr::memmem;

use super::facts::{Facts, Kind, Packed};
use super::found::{Objects, Stream};
use super::inflate::Inflater;
use super::lexer::{Lexer, Token, is_regular};
use super::reader::PdfReader;

impl Objects {
    /// Reads a file from its beginning to its end.
    pub(super) fn read(bytes: &[u8], inflater: &mut Inflater) -> Self {
        let mut objects = Self::default();
        let mut reader = PdfReader::default();
        let mut lexer = Lexer::new(bytes);
        while let Some(token) = lexer.next() {
            if token == Token::Word(b"stream") {
                objects.is_unsure |= !reader.frames.is_empty();
                let facts = reader.closed.take().unwrap_or_default();
                let place = place_of(bytes, lexer.at(), facts.length);
                objects.is_cut |= place.end == bytes.len();
                lexer.go_to(place.end);
                objects.stream(bytes, reader.number, facts, place, inflater);
                continue;
            }
            if token == Token::Word(OBJ) {
                objects.heads.push(lexer.at().saturating_sub(OBJ.len()));
            }
            objects.token(&mut reader, token);
        }
        objects.is_unsure |= !reader.frames.is_empty() || !objects.has_all_heads(bytes);
        objects
    }

    /// Whether every object was come by that a table of places could point to: what stands in a comment, a string or
    /// another's stream is one to whoever looks it up there.
    fn has_all_heads(&self, bytes: &[u8]) -> bool {
        let mut known = self.heads.iter().peekable();
        memmem::find_iter(bytes, OBJ).all(|at| {
            while known.next_if(|head| **head < at).is_some() {}
            known.next_if(|head| **head == at).is_some() || !may_be_head(bytes.get(..at).unwrap_or_default())
        })
    }

    /// Keeps a stream, or reads the objects in it.
    fn stream(
        &mut self,
        bytes: &[u8],
        number: u32,
        facts: Facts,
        place: Range<usize>,
        inflater: &mut Inflater,
    ) {
        let lists_objects =
            facts.kind == Kind::ObjectStream || facts.first.is_some() && facts.objects.is_some();
        if !lists_objects {
            self.drawings = self.drawings.saturating_add(u64::from(facts.is_form || facts.is_image));
            let packed = if facts.is_predicted { Packed::Otherwise } else { facts.packed };
            return self.streams.push(Stream { number, place, packed, is_form: facts.is_form });
        }
        self.object_streams = self.object_streams.saturating_add(1);
        let data = bytes.get(place).unwrap_or_default();
        let unpacked = match facts.packed {
            _ if facts.is_predicted => None,
            Packed::Not => Some(data.to_vec()),
            Packed::Flate => inflater.whole(data),
            Packed::Otherwise => None,
        };
        let is_read = unpacked.is_some_and(|data| self.listed(&data, &facts).is_some());
        self.is_unsure |= !is_read;
    }

    /// Reads the objects of an object stream: pairs of number and place, then the objects.
    fn listed(&mut self, data: &[u8], facts: &Facts) -> Option<()> {
        let first = usize::try_from(facts.first?).ok()?;
        let head = data.get(..first)?;
        let count = usize::try_from(facts.objects?).ok()?;
        let mut places = Vec::new();
        let mut lexer = Lexer::new(head);
        for _ in 0..count {
            let (Some(Token::Whole(number)), Some(Token::Whole(at))) = (lexer.next(), lexer.next()) else {
                return None;
            };
            places.push((usize::try_from(at).ok()?.checked_add(first)?, u32::try_from(number).ok()?));
        }
        places.sort_unstable();
        let ends = places.iter().skip(1).map(|(at, _)| *at).chain([data.len()]).collect::<Vec<_>>();
        for ((from, number), end) in places.into_iter().zip(ends) {
            // Two numbers at one place, or a place beyond the end.
            let object = data.get(from..end).filter(|object| !object.is_empty())?;
            let mut reader = PdfReader::of(number);
            Lexer::new(object).for_each(|token| self.token(&mut reader, token));
            if !reader.frames.is_empty() {
                return None;
            }
        }
        Some(())
    }
}

/// The word with which an object begins.
const OBJ: &[u8] = b"obj";

/// Whether behind these bytes an object may begin: a number, or the end of a comment.
fn may_be_head(before: &[u8]) -> bool {
    let is_digit = |byte: &u8| byte.is_ascii_digit();
    let near = before.get(before.len().saturating_sub(NEAR)..).unwrap_or_default();
    let bare = near.trim_ascii_end();
    let gap = near.get(bare.len()..).unwrap_or_default();
    if gap.is_empty() {
        // `7 0obj`.
        let digits = near.iter().rev().take_while(|byte| is_digit(byte)).count();
        let ahead = near.len().checked_sub(digits).and_then(|at| near.get(..at)).and_then(<[u8]>::last);
        return near.last() == Some(&0) || digits > 0 && ahead.is_none_or(|byte| !is_regular(*byte));
    }
    bare.last().is_none_or(|byte| is_digit(byte) || *byte == 0)
        || gap.iter().any(|byte| matches!(byte, b'\r' | b'\n'))
}

/// A number has no more digits, and no more blanks behind it, that anybody is known to write.
const NEAR: usize = 64;

/// The word with which a stream ends.
const END: &[u8] = b"endstream";
/// Between a stream's last byte and that word stands the end of a line.
const BLANKS_MOST: usize = 8;

/// Where a stream's bytes stand whose word ends at `at`. If the word for its end stands
/// behind as many bytes as its object says, these; else up to that word, or all that is
/// left.
fn place_of(bytes: &[u8], at: usize, length: Option<u64>) -> Range<usize> {
    let rest = bytes.get(at..).unwrap_or_default();
    let gap = match rest {
        [b'\r', b'\n', ..] => 2,
        [b'\r' | b'\n', ..] => 1,
        _ => 0,
    };
    let from = at.saturating_add(gap);
    let said =
        length.and_then(|length| usize::try_from(length).ok()).map(|length| from.saturating_add(length));
    let is_end = |end: &usize| {
        let rest = bytes.get(*end..).unwrap_or_default();
        let near = rest.get(..END.len().saturating_add(BLANKS_MOST)).unwrap_or(rest);
        near.trim_ascii_start().starts_with(END)
    };
    let found = || memmem::find(bytes.get(from..)?, END).map(|end| from.saturating_add(end));
    let end = said.filter(is_end).or_else(found).unwrap_or(bytes.len());
    from.min(end)..end
}
